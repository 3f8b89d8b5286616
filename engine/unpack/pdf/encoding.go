package pdf

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// pdfDocRunes are the 256 characters of PDFDocEncoding (ISO 32000-1, D.3), in
// their order; what is not defined stands for itself.
var pdfDocRunes = runesUpTo(0x18) + "˘ˇˆ˙˝˛˚˜" + ascii(0x20, 0x80) + "•†‡…—–ƒ⁄‹›−‰„“”‘’‚™ﬁﬂŁŒŠŸŽıłœšž\u009f€" + latin(0xa1)

var (
	pdfDoc   = tableOf(0, pdfDocRunes)
	winAnsi  = tableOf(0, runesUpTo(0x80)+"€•‚ƒ„…†‡ˆ‰Š‹Œ•Ž••‘’“”•–—˜™š›œ•žŸ "+latin(0xa1))
	macRoman = tableOf(0, runesUpTo(0x80)+"ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø¿¡¬√ƒ≈∆«»… ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄¤‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\uf8ffÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ")
	standard = tableOf(0, strings.NewReplacer("'", "’", "`", "‘").Replace(runesUpTo(0x7f))+strings.Repeat("\x00", 34)+
		"¡¢£⁄¥ƒ§¤'“«‹›ﬁﬂ\x00–†‡·\x00¶•‚„”»…‰\x00¿\x00`´ˆ˜¯˘˙¨\x00˚¸\x00˝˛ˇ—"+strings.Repeat("\x00", 16)+
		"Æ\x00ª\x00\x00\x00\x00ŁØŒº\x00\x00\x00\x00\x00æ\x00\x00\x00ı\x00\x00łøœß")
	// cork is the encoding of TeX's fonts of letters (T1), with the ligatures of
	// the older one, whose other codes below the space mean accents and Greek.
	cork = tableOf(0, strings.Repeat("\x00", 11)+"ﬀﬁﬂﬃﬄ“”„«»–—\x00\x00\x00\x00ﬀﬁﬂﬃﬄ"+ascii(0x20, 0x7f)+"-"+
		"ĂĄĆČĎĚĘĞĹĽŁŃŇŊŐŔŘŚŠŞŤŢŰŮŸŹŽŻĲİđ§ăąćčďěęğĺľłńňŋőŕřśšşťţűůÿźžżĳ¡¿£"+
		strings.NewReplacer("×", "Œ", "ß", "ẞ", "÷", "œ", "ÿ", "ß").Replace(ascii(0xc0, 0x100)))
	symbol = tableOf(0x20, " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼"+strings.Repeat("\x00", 33)+
		"€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑")
)

// dingbats are the ornaments of ZapfDingbats: those of Unicode stand in its order,
// but for the ones that were characters before.
var dingbats = func() *[256]rune {
	t := new([256]rune)
	for c := 0x21; c <= 0x7e; c++ {
		t[c] = rune(0x2701 + c - 0x21)
	}
	for c := 0xa1; c <= 0xfe; c++ {
		t[c] = rune(0x2761 + c - 0xa1)
	}
	for c, r := range map[int]rune{0x25: '☎', 0x2a: '☛', 0x2b: '☞', 0x48: '★', 0x6c: '●', 0x6e: '■', 0x73: '▲', 0x74: '▼', 0x75: '◆', 0x77: '◗', 0xa8: '♣', 0xa9: '♦', 0xaa: '♥', 0xab: '♠', 0xd5: '→', 0xd6: '↔', 0xd7: '↕'} {
		t[c] = r
	}
	for i := range rune(10) {
		t[0xac+i] = '①' + i
	}
	t[0x20] = ' '
	return t
}()

func runesUpTo(n rune) string { return ascii(0, n) }

func ascii(from, to rune) string {
	var b strings.Builder
	for r := from; r < to; r++ {
		b.WriteRune(r)
	}
	return b.String()
}

func latin(from rune) string { return ascii(from, 0x100) }

// tableOf gives the characters of a string the codes from first on.
func tableOf(first int, s string) *[256]rune {
	t := new([256]rune)
	for _, r := range s {
		t[first] = r
		first++
	}
	return t
}

// encodings are those that a font may name (9.6.6).
var encodings = map[name]*[256]rune{
	"WinAnsiEncoding": winAnsi, "MacRomanEncoding": macRoman, "StandardEncoding": standard, "PDFDocEncoding": pdfDoc,
}

// glyphs.txt are names of glyphs and the characters they show, one a line, in
// hexadecimal.
//
//go:embed glyphs.txt
var glyphList string

var glyphs = sync.OnceValue(func() map[string]rune {
	m := make(map[string]rune, 2000)
	for line := range strings.Lines(glyphList) {
		n, code, _ := strings.Cut(strings.TrimSpace(line), " ")
		r, err := strconv.ParseUint(code, 16, 32)
		if err == nil {
			m[n] = rune(r)
		}
	}
	return m
})

// glyphText is what a glyph of a name shows (the rules of the Adobe Glyph List):
// "" when the name does not tell.
func glyphText(n string) string {
	n, _, _ = strings.Cut(n, ".")
	if n == "" {
		return ""
	}
	if r, ok := glyphs()[n]; ok {
		return string(r)
	}
	var out strings.Builder
	for _, part := range strings.Split(n[:min(len(n), 200)], "_") {
		out.WriteString(partText(part))
	}
	return out.String()
}

func partText(n string) string {
	if r, ok := glyphs()[n]; ok {
		return string(r)
	}
	if hex, ok := strings.CutPrefix(n, "uni"); ok && len(hex) >= 4 && len(hex)%4 == 0 {
		return hexRunes(hex, 4)
	}
	if hex, ok := strings.CutPrefix(n, "u"); ok && len(hex) >= 4 && len(hex) <= 6 {
		return hexRunes(hex, len(hex))
	}
	return ""
}

func hexRunes(hex string, digits int) string {
	var out strings.Builder
	for ; len(hex) >= digits; hex = hex[digits:] {
		r, err := strconv.ParseUint(hex[:digits], 16, 32)
		if err != nil || !utf8.ValidRune(rune(r)) {
			return ""
		}
		out.WriteRune(rune(r))
	}
	return out.String()
}

// ligatures are characters that show several letters.
var ligatures = strings.NewReplacer("ﬀ", "ff", "ﬁ", "fi", "ﬂ", "fl", "ﬃ", "ffi", "ﬄ", "ffl", "ﬅ", "st", "ﬆ", "st", "\u00a0", " ")
