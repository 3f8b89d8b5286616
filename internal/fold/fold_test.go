package fold_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/internal/fold"
)

// Every rune, its orbit and some neighbours: fold and (?i) must agree on each pair.
func TestFoldAgreesWithRegexpOverAllRunes(t *testing.T) {
	pairs := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		others := []rune{unicode.ToLower(r), unicode.ToUpper(r), unicode.ToTitle(r)}
		for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
			others = append(others, o)
		}
		if len(others) == 3 && others[0] == r && others[1] == r && others[2] == r {
			if fold.Rune(r) != r {
				t.Fatalf("%U has no other case but folds to %U", r, fold.Rune(r))
			}
			continue
		}
		re := regexp.MustCompile(`^(?i:` + regexp.QuoteMeta(string(r)) + `)$`)
		for _, o := range others {
			pairs++
			if got, want := fold.Equal(string(o), string(r)), re.MatchString(string(o)); got != want {
				t.Errorf("Equal(%U, %U) = %v, (?i) says %v", o, r, got, want)
			}
			if (fold.Fold(string(o)) == fold.Fold(string(r))) != re.MatchString(string(o)) {
				t.Errorf("Fold(%U) and Fold(%U) disagree with (?i)", o, r)
			}
		}
	}
	if pairs < 2000 {
		t.Errorf("only %d pairs compared", pairs)
	}
}

func TestFold(t *testing.T) {
	tests := []struct {
		name, s, p    string
		equal, starts bool
		ends          bool
		index, count  int
	}{
		{"same", "abc", "abc", true, true, true, 0, 1},
		{"ascii case", "PayPal", "pAYpAL", true, true, true, 0, 1},
		{"inside", "xxPASSwordxx", "password", false, false, false, 2, 1},
		{"long s", "pa\u017f\u017fword", "PASSWORD", true, true, true, 0, 1},
		{"kelvin", "\u212aelvin 300\u212a", "k", false, true, true, 0, 2},
		{"dotted I is its own letter", "\u0130", "i", false, false, false, -1, 0},
		{"sharp s is not ss", "stra\u00dfe", "STRASSE", false, false, false, -1, 0},
		{"sigma", "\u03a3\u03c3\u03c2", "\u03c2\u03c2\u03c2", true, true, true, 0, 1},
		{"cyrillic", "ПАРОЛЬ: x", "пароль", false, true, false, 0, 1},
		{"restart", "aaab", "aab", false, false, true, 1, 1},
		{"overlap counts once", "aaaa", "AA", false, true, true, 0, 2},
		{"empty needle", "ab", "", false, true, true, 0, 3},
		{"empty haystack", "", "a", false, false, false, -1, 0},
		{"both empty", "", "", true, true, true, 0, 1},
		{"not utf-8", "a\xffb", "A\xffB", true, true, true, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := fold.Equal(tt.s, tt.p); got != tt.equal {
				t.Errorf("Equal = %v", got)
			}
			if got := fold.HasPrefix(tt.s, tt.p); got != tt.starts {
				t.Errorf("HasPrefix = %v", got)
			}
			if got := fold.HasSuffix(tt.s, tt.p); got != tt.ends {
				t.Errorf("HasSuffix = %v", got)
			}
			if got := fold.Index(tt.s, tt.p); got != tt.index {
				t.Errorf("Index = %d, want %d", got, tt.index)
			}
			if got := fold.Contains(tt.s, tt.p); got != (tt.index >= 0) {
				t.Errorf("Contains = %v", got)
			}
			if got := fold.Count(tt.s, tt.p); got != tt.count {
				t.Errorf("Count = %d, want %d", got, tt.count)
			}
		})
	}
}

func TestNoAllocationOnCanonicalOrASCIIText(t *testing.T) {
	n := fold.NewNeedle("password")
	text := strings.Repeat("Nothing to see here. ", 100)
	if a := testing.AllocsPerRun(10, func() {
		if n.In(text) || fold.HasPrefix(text, "nothing here") || fold.Equal(text, "x") {
			t.Error("found what is not there")
		}
		fold.Fold("ALREADY CANONICAL 123")
	}); a != 0 {
		t.Errorf("%v allocations", a)
	}
}

func FuzzNeedleFindsWhatFoldedTextsContain(f *testing.F) {
	f.Add("PASSwort: \u212a\u017f", "wORT")
	f.Add("a\xff\xffb", "\xff")
	f.Add("aaab", "aab")
	f.Add("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzy", "zzzzzzzzzzzzzzzzy")
	f.Add("vVvvV priſVe KiVs kIvs", "kivs")
	f.Add("xâ\u0080vâ\u0084ªv", "âvKV")
	f.Fuzz(func(t *testing.T, s, p string) {
		got := fold.Contains(s, p)
		if want := strings.Contains(fold.Fold(s), fold.Fold(p)); got != want {
			t.Errorf("Contains(%q, %q) = %v, folded texts say %v", s, p, got, want)
		}
		// The first place is the same, in runes: a letter and its other case may differ in bytes.
		if at := fold.Index(s, p); at >= 0 {
			folded := fold.Fold(s)
			want := utf8.RuneCountInString(folded[:strings.Index(folded, fold.Fold(p))])
			if got := utf8.RuneCountInString(s[:at]); got != want {
				t.Errorf("Index(%q, %q) is at rune %d, in folded texts at %d", s, p, got, want)
			}
		}
		if fold.HasPrefix(s, p) != strings.HasPrefix(fold.Fold(s), fold.Fold(p)) {
			t.Errorf("HasPrefix(%q, %q) disagrees with folded texts", s, p)
		}
		if fold.HasSuffix(s, p) != strings.HasSuffix(fold.Fold(s), fold.Fold(p)) {
			t.Errorf("HasSuffix(%q, %q) disagrees with folded texts", s, p)
		}
		if start, end := fold.NewNeedle(p).Find(s); start >= 0 && !fold.Equal(s[start:end], p) {
			t.Errorf("Find(%q, %q) = %d, %d which is %q", s, p, start, end, s[start:end])
		}
	})
}

func BenchmarkNeedle(b *testing.B) {
	n := fold.NewNeedle("unsubscribe")
	text := strings.Repeat("The quick brown fox jumps over the lazy dog and unsubs. ", 1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		n.In(text)
	}
}

// Texts that are equal have the same form in each case, and a letter that has
// no other case here keeps its form.
func TestLowerAndUpper(t *testing.T) {
	tests := []struct{ s, lower, upper string }{
		{"", "", ""},
		{"already lower", "already lower", "ALREADY LOWER"},
		{"ALREADY UPPER", "already upper", "ALREADY UPPER"},
		{"Straße ÄÖÜ", "straße äöü", "STRAßE ÄÖÜ"},
		{"\u212aelvin pa\u017fs", "kelvin pass", "KELVIN PASS"},
		{"\u0130stanbul \u0131", "\u0130stanbul \u0131", "\u0130STANBUL \u0131"},
		{"ΑΣΣ ας", "ασσ ασ", "ΑΣΣ ΑΣ"},
		{"ПАРОЛЬ пароль", "пароль пароль", "ПАРОЛЬ ПАРОЛЬ"},
		{"ǅ ǆ Ǆ", "ǆ ǆ ǆ", "Ǆ Ǆ Ǆ"},
	}
	for _, tt := range tests {
		if got := fold.Lower(tt.s); got != tt.lower {
			t.Errorf("Lower(%q) = %q, want %q", tt.s, got, tt.lower)
		}
		if got := fold.Upper(tt.s); got != tt.upper {
			t.Errorf("Upper(%q) = %q, want %q", tt.s, got, tt.upper)
		}
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		s := string(r)
		if !fold.Equal(fold.Lower(s), s) || !fold.Equal(fold.Upper(s), s) {
			t.Errorf("%U leaves its orbit: %q, %q", r, fold.Lower(s), fold.Upper(s))
		}
		if o := string(unicode.SimpleFold(r)); fold.Lower(o) != fold.Lower(s) || fold.Upper(o) != fold.Upper(s) {
			t.Errorf("%U and %q are equal, but not in one case", r, o)
		}
	}
}
