package extract_test

import (
	"slices"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/extract"
)

// needContext are the types whose value says what it is only where it stood:
// names that a word announces, and what could be a host or a file by itself
// ("evil[.]zip"), a part of a path, or six pairs of digits.
var needContext = []string{"Mutex", "User-agent", "X-Mailer", "yara", "MAC Address", "FQDN", "Filename", "File Path", "Registry Key", "Email Address"}

// again tells what is wrong with a finding: its value, as a text, is to give the
// same type and value, or at least to be the canonical form of itself.
func again(f engine.Finding) string {
	if got, ok := extract.Canonical(f.Type, f.Value); !ok || got != f.Value {
		return "its canonical form is " + got
	}
	if slices.Contains(needContext, f.Type) {
		return ""
	}
	for _, g := range extract.FindText(f.Value) {
		if g.Type == f.Type && g.Value == f.Value {
			return ""
		}
		if f.Type == "URL" && g.Flags&engine.Wrapped != 0 {
			return "" // a wrapper inside the innermost that is opened
		}
	}
	return "it is not found in its own value"
}

func TestEveryFindingIsFoundAgain(t *testing.T) {
	n := 0
	for _, c := range cases(t) {
		for _, f := range findIn(t, c) {
			n++
			if wrong := again(f); wrong != "" {
				t.Errorf("%s: %s %q: %s", c.ID, f.Type, f.Value, wrong)
			}
		}
	}
	if n < 1000 {
		t.Errorf("only %d findings", n)
	}
}

// FuzzAgain holds the findings of any text to that.
func FuzzAgain(f *testing.F) {
	for _, s := range canonicalSamples {
		f.Add(s)
	}
	for _, s := range []string{
		"<http://a.example.com/\nb>", "http://a.example.com/=\nb=3D", `"C:\x\y.exe",\\?\C:\z`, "MAC 00:1b:44:11:3a:b7", "h[xx]p[s]://[192.0.2.7]/x", "joe <at> example <dot> com", `{"u":"https:\/\/a.example.com\u0026x"}`, "$HOME/.x ${HOME}/y CreateMutexA(0,\"x1y2\")",
		`{"=":"https:\/\/a.example.com?b\u==26`, `("https://a.example.com/?b\nc`, `=a.example.com/?b\c`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found := extract.FindText(text)
		check(t, text, found)
		for _, g := range found {
			if wrong := again(g); wrong != "" {
				t.Errorf("%q: %s %q: %s", text, g.Type, g.Value, wrong)
			}
		}
	})
}
