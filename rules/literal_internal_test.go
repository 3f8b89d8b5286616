package rules

import (
	"regexp"
	"testing"
)

func TestRequiredLiteral(t *testing.T) {
	tests := []struct{ pattern, exact, folded string }{
		{`invoice \d+`, "invoice ", ""},
		{`(?i)invoice +7`, "", "INVOICE"},
		{`pass(?:word|code)`, "pass", ""},
		{`(abc)+x?`, "abc", ""},
		{`(?:abcd){2,3}ab`, "abcd", ""},
		{`(?:abcd){0,3}`, "", ""},
		{`abc|def`, "", ""},
		{`abcdef?|x`, "", ""},
		{`^\bab\b$`, "", ""},
		{`a.c.e`, "", ""},
		{`(?i)K-9 unit`, "", "K-9 UNIT"},
		{"x\uFFFDyz", "", "X\uFFFDYZ"},
		{`[a-z]{4}`, "", ""},
	}
	for _, tt := range tests {
		p, err := newPattern(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		folded := ""
		if p.folded != nil {
			folded = p.folded.String()
		}
		if p.exact != tt.exact || len(folded) != len(tt.folded) {
			t.Errorf("%s: %q, %q", tt.pattern, p.exact, folded)
		}
	}
}

// The literal never decides otherwise than the expression would.
func FuzzPatternAgreesWithRegexp(f *testing.F) {
	f.Add(`(?i)pass(word|code)[:=]`, "Your PA\u017f\u017fCODE: x")
	f.Add(`(?i:\x{212a}elvin)+(a|b)*`, "300 kelvinkelvin")
	f.Add("a\uFFFDbc", "xa\xffbc")
	f.Add(`(?s)^ab.*?cd{2,}$`, "ab\ncdd")
	f.Add(`(?:(?i)ABC)def(?-i:GHI)`, "abcdefGHI")
	f.Fuzz(func(t *testing.T, text, s string) {
		p, err := newPattern(text)
		if err != nil {
			return
		}
		if got, want := p.match(s), regexp.MustCompile(text).MatchString(s); got != want {
			t.Errorf("%q on %q: %v, the expression says %v", text, s, got, want)
		}
	})
}
