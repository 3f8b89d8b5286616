package filetype

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is the length in bytes of a displayed file name.
const maxName = 255

// SafeName makes a file name safe to show and to compare: the last path element,
// no control, format or bidi characters, no trailing dots or spaces, at most
// maxName bytes with the extension kept. It is for people; nothing is ever
// stored under it.
func SafeName(raw string) string {
	s := raw
	if i := strings.LastIndexAny(strings.TrimRight(s, `/\`), `/\`); i >= 0 {
		s = s[i+1:]
	}
	s = strings.TrimRight(s, `/\`)
	s = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, r == '\u115f', r == '\u3164', unicode.Is(unicode.Cf, r), unicode.IsControl(r), unicode.Is(unicode.Co, r):
			return -1
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, s)
	s = strings.TrimRight(strings.TrimSpace(s), ". ")
	return shorten(s)
}

// shorten cuts in the middle, so that the extension stays.
func shorten(s string) string {
	if len(s) <= maxName {
		return s
	}
	ext := ""
	if i := strings.LastIndexByte(s, '.'); i > 0 && len(s)-i <= 16 {
		ext = s[i:]
	}
	cut := maxName - len(ext)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + ext
}

// Extension is that of a safe name: lower case, without the dot, "" when there
// is none.
func Extension(name string) string {
	i := strings.LastIndexByte(name, '.')
	if i < 0 || len(name)-i > 32 {
		return ""
	}
	return strings.ToLower(name[i+1:])
}
