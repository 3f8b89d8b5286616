package extract_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/extract"
)

// FuzzScan holds every finding of any text to its provenance.
func FuzzScan(f *testing.F) {
	for _, s := range []string{
		"hxxps://a[.]example[.]com/x, bob[at]example.org", "a dot example dot com", `C:\Windows\x.exe HKLM\Software\x`, "2001:db8::1 1.2.3.4/24 CVE-2024-1234",
		"evil\u200b.example\u00ad.com ｅｘａｍｐｌｅ．com", "访问a.com谢谢", "rule x { mutex: \"y\" User-Agent: z Mozilla/5.0 (a) b/1", "3:abcdefghij:klmnop 81f9167a97a45a8d65bbd02bc79c63d3",
		"\xff[.]\xfe://", "http://[::1]:80/ [.com] a[.b (dot) at [at] ://",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		check(t, text, extract.FindText(text))
	})
}

func check(t *testing.T, text string, found []engine.Finding) {
	for _, f := range found {
		s := f.Spot.Span
		if s.Start < 0 || s.End > len(text) || s.Start >= s.End {
			t.Fatalf("%q: span %+v of %s %q", text, s, f.Type, f.Value)
		}
		if text[s.Start:s.End] != f.Original {
			t.Fatalf("%q: Original %q, span gives %q", text, f.Original, text[s.Start:s.End])
		}
		if f.Value == "" || utf8.ValidString(text) && !utf8.ValidString(f.Value) {
			t.Fatalf("%q: value %q", text, f.Value)
		}
		if f.Flags&engine.Derived != 0 && f.Parent == "" {
			t.Fatalf("%q: %s %q is derived from nothing", text, f.Type, f.Value)
		}
	}
}

// FuzzRefang writes a name in disguise and expects it back: whatever stands
// for its dots, and whatever stands around it.
func FuzzRefang(f *testing.F) {
	f.Add("evil", "[.]", "(", ")")
	f.Add("a-b", " [dot] ", "", ",")
	f.Add("x1", "\u200b.", "“", "”")
	dots := []string{".", "[.]", "(.)", "{.}", "[dot]", "(dot)", "{dot}", "[.", ".]", "\\.", " dot ", " [.] ", "[.] ", " [dot] ", "．", "\u200b."}
	f.Fuzz(func(t *testing.T, label, dot, before, after string) {
		check(t, before+label+dot+"example"+dot+"com"+after, extract.FindText(before+label+dot+"example"+dot+"com"+after))
		if label == "" || len(label) > 20 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return
		}
		known := false
		for _, d := range dots {
			known = known || d == dot
		}
		if !known || before != "" || after != "" {
			return
		}
		for _, got := range extract.FindText(label + dot + "example" + dot + "com") {
			if got.Type == "FQDN" && got.Value == label+".example.com" {
				return
			}
		}
		t.Errorf("%q is not read as %s.example.com", label+dot+"example"+dot+"com", label)
	})
}
