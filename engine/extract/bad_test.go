package extract_test

import (
	"errors"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/extract"
)

// TestBadInputIsBounded puts what nobody should send before and beside an
// indicator: it ends soon, is told when it was cut, yields nothing that is no
// text, and takes nothing from the part beside it.
func TestBadInputIsBounded(t *testing.T) {
	long := strings.Repeat("a", 300)
	deep := "https://end.example.com/x"
	for range 50 {
		deep = "https://www.google.com/url?q=" + url.QueryEscape(deep)
	}
	rubbish := make([]byte, 4<<20)
	random := rand.NewChaCha8([32]byte{7})
	_, _ = random.Read(rubbish)
	tests := []struct {
		name, text string
		cut        bool // more than is read of one part
		none       bool // no finding at all
	}{
		{"binary rubbish", string(rubbish), false, false},
		{"NULs", strings.Repeat("\x00", 1<<20), false, true},
		{"a line of 50 MB", strings.Repeat("lorem ipsum dolor ", 50_000_000/18), true, true},
		{"a word of 50 MB", strings.Repeat("QWxhZGRpbg", 5_000_000), true, true},
		{"UTF-16 as bytes", strings.Repeat("h\x00t\x00t\x00p\x00:\x00/\x00/\x00a\x00.\x00c\x00o\x00m\x00 \x00", 1000), false, false},
		{"Latin-1 beside UTF-8", strings.Repeat("caf\xe9 caf\u00e9 \xff\xfe m\xfcller.\xe4 ", 1000), false, true},
		{"broken UTF-8 in names", "http://ex\xc3mple.com/\xf0\x9f a\xc3.b\xe2\x80 x@\xff.com", false, false},
		{"overlong UTF-8", "http://ev\xc0\xaeil.com/ \xe0\x80\xae", false, false},
		{"invalid punycode", "xn--\u00fc.com xn--999999999.com http://xn--a-/x xn--.xn-- xn--zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz.de", false, false},
		{"a label too long", "http://" + long + ".com/x " + long + ".example.com joe@" + long + ".com", false, false},
		{"a host too long", "http://" + strings.Repeat("a.", 200) + "com/x " + strings.Repeat("bc.", 100) + "com", false, false},
		{"wrappers in wrappers, fifty deep", deep, false, false},
		{"percent signs of percent signs", "https://www.google.com/url?q=http" + strings.Repeat("%25", 10_000) + "3A", false, false},
		{"brackets without end", strings.Repeat("[[(({{", 100_000), false, true},
		{"controls and marks of direction", strings.Repeat("\u202e\u2066a.\u200bc\u2069om\x1b[31m ", 10_000), false, false},
	}
	x := extract.New(extract.Config{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			part := func(id, text string) engine.InputPart {
				return engine.InputPart{PartInfo: engine.PartInfo{ID: id, Kind: "text", Size: len(text)}, Text: text}
			}
			start := time.Now()
			found, err := x.Extract(t.Context(), engine.Input{Parts: []engine.InputPart{part("bad", tt.text), part("good", "see good.example.net")}})
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			if errors.Is(err, engine.ErrLimit) != tt.cut || err != nil && !tt.cut {
				t.Errorf("error %v, want one that tells of a limit: %v", err, tt.cut)
			}
			good, valid := 0, utf8.ValidString(tt.text)
			for _, f := range found {
				switch {
				case f.Spot.Part == "good" && f.Value == "good.example.net":
					good++
				case f.Spot.Part == "good" || tt.none:
					t.Errorf("%s: %s %q", f.Spot.Part, f.Type, f.Value)
				case valid && !utf8.ValidString(f.Value) || strings.ContainsAny(f.Value, "\x00\x1b\u202e"):
					t.Errorf("%s %q is no text", f.Type, f.Value)
				case len(f.Value) > len(tt.text)+16:
					t.Errorf("%s of %d bytes", f.Type, len(f.Value))
				}
			}
			if good != 1 {
				t.Errorf("the indicator beside it was found %d times", good)
			}
		})
	}
}
