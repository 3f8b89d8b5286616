package rules

import (
	"strings"
	"unicode"
)

// plainLetters replaces letters that look like Latin ones, for comparing names
// by look. It covers the scripts that impostors use: Cyrillic, Greek, full
// width, mathematical alphabets, letters with marks.
func plainLetters(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case unicode.In(r, unicode.Mn, unicode.Cf):
		case r >= 0xff01 && r <= 0xff5e:
			b.WriteRune(r - 0xfee0)
		case r >= 0x1d400 && r <= 0x1d6a3:
			b.WriteRune(mathLetter(r))
		default:
			b.WriteRune(lookalike(r))
		}
	}
	return b.String()
}

// mathLetter undoes the mathematical alphabets, each 52 letters long
// (Unicode block Mathematical Alphanumeric Symbols).
func mathLetter(r rune) rune {
	i := (r - 0x1d400) % 52
	if i < 26 {
		return 'A' + i
	}
	return 'a' + i - 26
}

func lookalike(r rune) rune {
	if l, ok := lookalikes[r]; ok {
		return l
	}
	return r
}

// lookalikes is made of strings of letters and what they look like.
var lookalikes = func() map[rune]rune {
	table := map[rune]rune{}
	for _, p := range [][2]string{
		{"\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u051b\u04bb\u044c\u043a\u043c\u0442\u043f\u0433\u0491\u0437\u0475\u04cf", "aeopcyxijsdqhbkmtnrr3vl"},
		{"\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0406\u0408\u0405\u0417\u0474", "ABEKMHOPCTYXIJS3V"},
		{"\u03b1\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u03b3\u03b7\u03c9", "aeikvoptuxynw"},
		{"\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7", "ABEZHIKMNOPTYX"},
		{"\u00e0\u00e1\u00e2\u00e3\u00e4\u00e5\u0101\u0103\u0105\u1ea1\u0251", "aaaaaaaaaaa"},
		{"\u00c0\u00c1\u00c2\u00c3\u00c4\u00c5\u0100\u0102\u0104", "AAAAAAAAA"},
		{"\u00e7\u0107\u010d\u00c7\u0106\u010c\u010f\u0111\u010e\u0110", "cccCCCddDD"},
		{"\u00e8\u00e9\u00ea\u00eb\u0113\u0117\u0119\u011b\u1eb9\u00c8\u00c9\u00ca\u00cb\u0112\u0116\u0118\u011a", "eeeeeeeeeEEEEEEEE"},
		{"\u00ec\u00ed\u00ee\u00ef\u012b\u012f\u0131\u00cc\u00cd\u00ce\u00cf\u012a\u0130", "iiiiiiiIIIIII"},
		{"\u011f\u0123\u0261\u0142\u013e\u013a\u0141\u00f1\u0144\u0148\u00d1\u0143\u0147", "ggglllLnnnNNN"},
		{"\u00f2\u00f3\u00f4\u00f5\u00f6\u00f8\u014d\u0151\u1ecd\u00d2\u00d3\u00d4\u00d5\u00d6\u00d8\u014c\u0150", "oooooooooOOOOOOOO"},
		{"\u0159\u0155\u0158\u015b\u0161\u015f\u0219\u015a\u0160\u015e\u0218\u0165\u0163\u021b", "rrRssssSSSSttt"},
		{"\u00f9\u00fa\u00fb\u00fc\u016b\u016f\u0171\u0173\u00d9\u00da\u00db\u00dc\u016a\u016e\u0170", "uuuuuuuuUUUUUUU"},
		{"\u00fd\u00ff\u00dd\u017e\u017a\u017c\u017d\u0179\u017b\u0261", "yyYzzzZZZg"},
		{"\u2010\u2011\u2012\u2013\u2014\u2212\u2018\u2019\u201c\u201d\u2024\u00a0\u2044", "------''\"\". /"},
	} {
		to := []rune(p[1])
		for i, r := range []rune(p[0]) {
			table[r] = to[i]
		}
	}
	return table
}()
