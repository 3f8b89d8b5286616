// Package fold is the one definition of what "regardless of case" means.
//
// Two texts are equal when their runes have the same canonical form: the least
// rune of the orbit under simple case folding (Unicode CaseFolding.txt, status
// C and S). That is what (?i) means in Go's regular expressions, so a pattern
// and a comparison never disagree. It differs from lower-casing: the Kelvin
// sign is k and the long s is s, but the dotted capital I is a letter of its
// own, and ß is not ss.
//
// The package never normalises, never looks at locales, and treats a byte that
// is not UTF-8 as U+FFFD, as a regular expression does.
package fold

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Rune returns the canonical form of r.
func Rune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'a' <= r && r <= 'z' {
			return r - ('a' - 'A')
		}
		return r
	}
	least := r
	for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
		least = min(least, o)
	}
	return least
}

// Fold returns s with every rune in its canonical form: equal results mean
// equal texts. It returns s itself when it is canonical already.
func Fold(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || 'a' <= c && c <= 'z' {
			return s[:i] + foldRest(s[i:])
		}
	}
	return s
}

func foldRest(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		b.WriteRune(Rune(r))
	}
	return b.String()
}

// Equal says whether a and b differ in case at most.
func Equal(a, b string) bool {
	n, ok := prefix(a, b)
	return ok && n == len(a)
}

// HasPrefix says whether s starts with p.
func HasPrefix(s, p string) bool {
	_, ok := prefix(s, p)
	return ok
}

// HasSuffix says whether s ends with p.
func HasSuffix(s, p string) bool {
	_, ok := suffix(s, p)
	return ok
}

// Contains says whether p stands in s.
func Contains(s, p string) bool { return Index(s, p) >= 0 }

// Index returns where p first stands in s, in bytes, -1 if nowhere. It is meant
// for short p; see Needle for one that is searched for often. It takes time
// in proportion to len(s) plus len(p).
func Index(s, p string) int {
	n := NewNeedle(p)
	start, _ := n.Find(s)
	return start
}

// Count returns how often p stands in s without overlap; the empty text, like
// in package strings, once before each rune and once at the end.
func Count(s, p string) int {
	n := NewNeedle(p)
	return n.Count(s)
}

// prefix says whether s starts with p and how many bytes of s that takes.
func prefix(s, p string) (int, bool) {
	i, j := 0, 0
	for j < len(p) {
		if i >= len(s) {
			return 0, false
		}
		a, b := s[i], p[j]
		if a < utf8.RuneSelf && b < utf8.RuneSelf {
			if a != b && upper[a] != upper[b] {
				return 0, false
			}
			i, j = i+1, j+1
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		q, m := utf8.DecodeRuneInString(p[j:])
		if r != q && Rune(r) != Rune(q) {
			return 0, false
		}
		i, j = i+n, j+m
	}
	return i, true
}

// suffix says whether s ends with p and how many bytes of s that takes.
func suffix(s, p string) (int, bool) {
	whole := len(s)
	for len(p) > 0 {
		if len(s) == 0 {
			return 0, false
		}
		a, n := utf8.DecodeLastRuneInString(s)
		b, m := utf8.DecodeLastRuneInString(p)
		if a != b && Rune(a) != Rune(b) {
			return 0, false
		}
		s, p = s[:len(s)-n], p[:len(p)-m]
	}
	return whole - len(s), true
}

// upper maps ASCII to its canonical form.
var upper = func() (t [utf8.RuneSelf]byte) {
	for i := range t {
		t[i] = byte(Rune(rune(i)))
	}
	return t
}()

// Lower returns s in lower case, as far as this package knows case: two texts
// that are Equal have the same result.
func Lower(s string) string { return mapCase(s, 'A', 'Z', unicode.ToLower) }

// Upper returns s in upper case; two texts that are Equal have the same result.
func Upper(s string) string { return mapCase(s, 'a', 'z', unicode.ToUpper) }

func mapCase(s string, first, last byte, to func(rune) rune) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || first <= c && c <= last {
			return s[:i] + strings.Map(func(r rune) rune { return cased(r, to) }, s[i:])
		}
	}
	return s
}

// cased applies to within the orbit of r: a rune that to sends elsewhere, as
// the dotted capital I, stays as it is.
func cased(r rune, to func(rune) rune) rune {
	c := Rune(r)
	if o := to(c); Rune(o) == c {
		return o
	}
	return c
}
