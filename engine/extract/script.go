package extract

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/internal/names"
)

// foreignTitle tells whether a word outside ASCII begins with a capital and goes on
// in small letters.
func foreignTitle(w string) bool {
	r, n := utf8.DecodeRuneInString(w)
	second, _ := utf8.DecodeRuneInString(w[n:])
	return r >= utf8.RuneSelf && unicode.IsUpper(r) && unicode.IsLower(second)
}

// homograph tells whether a label mixes Latin with Cyrillic or Greek, or
// consists of Cyrillic letters only that all look like Latin ones.
func homograph(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		var latin, foreign, alike, letters int
		for _, r := range label {
			switch {
			case !unicode.IsLetter(r):
				continue
			case unicode.Is(unicode.Latin, r):
				latin++
			case unicode.Is(unicode.Cyrillic, r), unicode.Is(unicode.Greek, r), unicode.Is(unicode.Armenian, r):
				foreign++
				if strings.ContainsRune("аеорсухіјѕԁһӏԛԝькмнтвгпαονρυικωʏսոհցօ", r) {
					alike++
				}
			}
			letters++
		}
		if latin > 0 && foreign > 0 || letters > 1 && alike == letters {
			return true
		}
	}
	return false
}

// ideographGlue tells whether ideographs and ASCII letters stand in one label
// of a name whose suffix is ASCII: a sentence without spaces, since registries
// do not mix them so that the name could be told from it.
func ideographGlue(w string) bool {
	for label := range strings.SplitSeq(w, ".") {
		var ascii, cjk bool
		for _, r := range label {
			ascii = ascii || r < utf8.RuneSelf && r != '-'
			cjk = cjk || ideograph(r)
		}
		if ascii && cjk {
			return true
		}
	}
	return false
}

func ideographEnds(w string) bool {
	r, _ := utf8.DecodeLastRuneInString(w)
	return ideograph(r)
}

func ideographStarts(w string) bool {
	r, _ := utf8.DecodeRuneInString(w)
	return ideograph(r)
}

// ideograph tells scripts that are written without spaces between words.
func ideograph(r rune) bool {
	return r >= 0x3040 && r <= 0x30ff || r >= 0x3400 && r <= 0x9fff || r >= 0xac00 && r <= 0xd7af || r >= 0xf900 && r <= 0xfaff || r >= 0x0e00 && r <= 0x0e7f
}

// delimiterRune tells whether a rune outside ASCII ends an atom.
func delimiterRune(r rune) bool {
	switch {
	case r == 0x200c || r == 0x200d || r == 0x2010 || r == 0x2011:
		return false
	case names.ForeignStop(r):
		return true
	case r <= 0xbf && r != 0xaa && r != 0xb5 && r != 0xb7 && r != 0xba, r >= 0x2000 && r <= 0x206f, r >= 0x2190 && r <= 0x2bff, r >= 0x3000 && r <= 0x3004,
		r >= 0x3008 && r <= 0x3020, r >= 0xff00 && r <= 0xff0f, r >= 0xff1a && r <= 0xff20, r >= 0xff3b && r <= 0xff40, r >= 0xff5b && r <= 0xff65,
		r == 0xfeff, r == utf8.RuneError, r >= 0x1f000, r >= 0xe000 && r <= 0xf8ff, r >= 0x1680 && r <= 0x1680:
		return true
	}
	return false
}
