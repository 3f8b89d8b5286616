package pdf

import (
	"bytes"
	"encoding/binary"
	"io"
)

// This file reads what embedded font programs say about their glyphs. It is asked
// only for fonts of which the file says too little.

const (
	maxGlyphs = 1 << 16
	maxClear  = 32 << 10 // bytes of the clear text of a Type 1 font
)

// builtIn is the encoding that the font program of a simple font has; nil when it
// does not say.
func (f *file) builtIn(desc dict) *[256]string {
	if s := f.stream(desc["FontFile"]); s != nil {
		src, _ := f.reader(s, f.crypt)
		return type1Encoding(f.readAll(io.LimitReader(src, maxClear), len(s.raw), 2*maxClear))
	}
	if s := f.stream(first(desc, "FontFile3", "FontFile2")); s != nil {
		return programEncoding(f.decode(s), &f.visits)
	}
	return nil
}

// programEncoding is that of a CFF font, bare or in OpenType, or of TrueType.
func programEncoding(b []byte, visits *int) *[256]string {
	tables := sfntTables(b)
	switch {
	case tables == nil:
		return cffEncoding(b)
	case tables["CFF "] != nil && tables["cmap"] == nil:
		return cffEncoding(tables["CFF "])
	}
	return trueTypeEncoding(tables, visits)
}

// type1Encoding reads the Encoding array of the clear text of a Type 1 font.
func type1Encoding(b []byte) *[256]string {
	i := bytes.Index(b, []byte("/Encoding"))
	if i < 0 {
		return nil
	}
	l := &lexer{b: b[:min(len(b), i+64<<10)], pos: i + len("/Encoding"), flat: true}
	t := new([256]string)
	code := -1
	for n := 0; ; n++ {
		v, err := l.object()
		if err != nil || v == keyword("StandardEncoding") || v == keyword("eexec") {
			return nil
		}
		switch v := v.(type) {
		case int:
			code = v
		case name:
			if code >= 0 && code < 256 {
				t[code] = glyphText(string(v))
			}
		case keyword:
			if v == "def" && n > 3 {
				return t
			}
		}
	}
}

// sfntTables lists the tables of a TrueType or OpenType font; nil when it is none.
func sfntTables(b []byte) map[string][]byte {
	if len(b) < 12 {
		return nil
	}
	switch string(b[:4]) {
	case "\x00\x01\x00\x00", "true", "OTTO":
	default:
		return nil
	}
	tables := map[string][]byte{}
	for i := range min(int(binary.BigEndian.Uint16(b[4:])), 64) {
		row := cut(b, 12+16*i, 16)
		if row == nil {
			break
		}
		at, n := int(binary.BigEndian.Uint32(row[8:])), int(binary.BigEndian.Uint32(row[12:]))
		if at < len(b) {
			tables[string(row[:4])] = b[at:min(len(b), at+n)]
		}
	}
	return tables
}

// cut is n bytes at an offset; nil when there are not as many.
func cut(b []byte, at, n int) []byte {
	if at < 0 || n < 0 || at > len(b) || len(b)-at < n {
		return nil
	}
	return b[at : at+n]
}

func u16(b []byte, at int) int {
	if v := cut(b, at, 2); v != nil {
		return int(binary.BigEndian.Uint16(v))
	}
	return 0
}

func u32(b []byte, at int) int {
	if v := cut(b, at, 4); v != nil {
		return int(binary.BigEndian.Uint32(v))
	}
	return 0
}

// subtables calls visit for the tables of "cmap", by platform and encoding.
func subtables(b []byte, visit func(platform, encoding int, table []byte)) {
	for i := range min(u16(b, 2), 32) {
		if at := u32(b, 4+8*i+4); at > 0 && at < len(b) {
			visit(u16(b, 4+8*i), u16(b, 4+8*i+2), b[at:])
		}
	}
}

// codes calls visit for every code of a subtable and its glyph, as often as is left.
func codes(b []byte, left *int, visit func(code, gid int)) {
	switch u16(b, 0) {
	case 0:
		for c, gid := range cut(b, 6, min(256, max(0, len(b)-6))) {
			visit(c, int(gid))
		}
	case 4:
		codes4(b, left, visit)
	case 6:
		for i := range min(u16(b, 8), max(0, *left)) {
			*left--
			visit(u16(b, 6)+i, u16(b, 10+2*i))
		}
	case 12:
		for i := range min(u32(b, 12), maxGlyphs) {
			lo, hi, gid := u32(b, 16+12*i), u32(b, 20+12*i), u32(b, 24+12*i)
			for c := lo; c <= min(hi, lo+maxGlyphs) && *left > 0; c++ {
				visit(c, gid+c-lo)
				*left--
			}
		}
	}
}

// codes4 is segments with deltas. Overlapping ones are cut off: there are 65,536
// codes.
func codes4(b []byte, left *int, visit func(code, gid int)) {
	n := u16(b, 6) / 2
	for i := range n {
		hi, lo := u16(b, 14+2*i), u16(b, 16+2*n+2*i)
		delta, at := u16(b, 16+4*n+2*i), 16+6*n+2*i
		offset := u16(b, at)
		for c := lo; c <= hi && c < 0xffff && *left > 0; c++ {
			*left--
			gid := c
			if offset != 0 {
				if gid = u16(b, at+offset+2*(c-lo)); gid == 0 {
					continue
				}
			}
			visit(c, (gid+delta)&0xffff)
		}
	}
}

// glyphTexts is what glyphs show, by the Unicode table or the names of a font;
// nil when it has neither. It takes no more of them than are left.
func glyphTexts(b []byte, left, visits *int) map[int]string {
	tables := sfntTables(b)
	texts := map[int]string{}
	subtables(tables["cmap"], func(platform, encoding int, t []byte) {
		if platform == 0 || platform == 3 && (encoding == 1 || encoding == 10) {
			codes(t, visits, func(c, gid int) {
				if old, known := texts[gid]; gid != 0 && *left > 0 && c >= ' ' && c < 0x10ffff && (!known || old > string(rune(c)) && len(old) > 1) {
					*left--
					texts[gid] = string(rune(c))
				}
			})
		}
	})
	postNames(tables["post"], texts, left)
	if len(texts) == 0 {
		return nil
	}
	return texts
}

// postNames adds glyphs by the names of a "post" table of format 2, but for the
// 258 that every font may have without naming them.
func postNames(b []byte, texts map[int]string, left *int) {
	if u32(b, 0) != 0x00020000 {
		return
	}
	n := u16(b, 32)
	*left -= n
	var names []string
	for at := 34 + 2*n; at < len(b) && len(names) < maxGlyphs; {
		s := cut(b, at+1, int(b[at]))
		if s == nil {
			break
		}
		names = append(names, string(s))
		at += 1 + len(s)
	}
	for gid := range n {
		if i := u16(b, 34+2*gid) - 258; i >= 0 && i < len(names) && texts[gid] == "" && *left > 0 {
			*left--
			if s := glyphText(names[i]); s != "" {
				texts[gid] = s
			}
		}
	}
}

// trueTypeEncoding goes from codes to glyphs by the symbol table or that of the
// Macintosh, and from glyphs to characters by the Unicode one (9.6.6.4).
func trueTypeEncoding(tables map[string][]byte, visits *int) *[256]string {
	t := new([256]string)
	gids := [256]int{}
	texts := map[int]string{}
	subtables(tables["cmap"], func(platform, encoding int, b []byte) {
		codes(b, visits, func(c, gid int) {
			switch {
			case platform == 3 && encoding == 0:
				if c &= 0xff; gid != 0 {
					gids[c] = gid
				}
			case platform == 1 && c < 256:
				if gids[c] == 0 {
					gids[c] = gid
				}
			case c >= ' ' && texts[gid] == "" && gid != 0:
				texts[gid] = string(rune(c))
			}
		})
	})
	left := maxGlyphs
	postNames(tables["post"], texts, &left)
	found := false
	for c, gid := range gids {
		if gid != 0 && texts[gid] != "" {
			t[c], found = texts[gid], true
		}
	}
	if !found {
		return nil
	}
	return t
}

// sidText are the characters of the standard strings 1 to 228 of CFF.
const sidText = " !\"#$%&’()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_‘abcdefghijklmnopqrstuvwxyz{|}~¡¢£⁄¥ƒ§¤'“«‹›ﬁﬂ–†‡·¶•‚„”»…‰¿`´ˆ˜¯˘˙¨˚¸˝˛ˇ—ÆªŁØŒºæıłøœß¹¬µ™Ð½±Þ¼÷¦°þ¾²®−ð×³©ÁÂÄÀÅÃÇÉÊËÈÍÎÏÌÑÓÔÖÒÕŠÚÛÜÙÝŸŽáâäàåãçéêëèíîïìñóôöòõšúûüùýÿž"

// cffIndex reads an INDEX (CFF, 5): its items, and the offset behind it.
func cffIndex(b []byte, at int) (items [][]byte, end int) {
	n, size := u16(b, at), 0
	if n == 0 {
		return nil, at + 2
	}
	if s := cut(b, at+2, 1); s != nil {
		size = int(s[0])
	}
	if size < 1 || size > 4 {
		return nil, len(b)
	}
	base := at + 2 + (n+1)*size
	offset := func(i int) (v int) {
		for _, c := range cut(b, at+3+i*size, size) {
			v = v<<8 | int(c)
		}
		return v
	}
	for i := range n {
		items = append(items, cut(b, base+offset(i), offset(i+1)-offset(i)))
	}
	return items, base + offset(n)
}

// cffDict reads the operators of a DICT that have one integer (CFF, 4).
func cffDict(b []byte) map[int]int {
	out := map[int]int{}
	v := 0
	for i := 0; i < len(b); i++ {
		switch c := int(b[i]); {
		case c == 12:
			i++
		case c <= 21:
			out[c] = v
		case c == 28:
			v, i = int(int16(u16(b, i+1))), i+2
		case c == 29:
			v, i = int(int32(u32(b, i+1))), i+4
		case c == 30:
			for i++; i < len(b) && b[i]&0x0f != 0x0f; i++ {
			}
		case c >= 32 && c <= 246:
			v = c - 139
		case c >= 247 && c <= 250 && i+1 < len(b):
			i++
			v = (c-247)*256 + int(b[i]) + 108
		case c >= 251 && c <= 254 && i+1 < len(b):
			i++
			v = -(c-251)*256 - int(b[i]) - 108
		}
	}
	return out
}

// cffEncoding reads the encoding of a bare CFF font; nil when it is standard, or
// none.
func cffEncoding(b []byte) *[256]string {
	if len(b) < 4 || b[0] != 1 {
		return nil
	}
	_, at := cffIndex(b, int(b[2]))
	tops, at := cffIndex(b, at)
	strs, _ := cffIndex(b, at)
	if len(tops) == 0 {
		return nil
	}
	top := cffDict(tops[0])
	enc := top[16]
	if enc < 2 {
		return nil
	}
	texts := cffCharset(b, top[15], u16(b, top[17]), strs)
	t := new([256]string)
	cffCodes(b, enc, func(code, gid int) {
		if code < 256 && gid < len(texts) {
			t[code] = texts[gid]
		}
	})
	return t
}

// cffCharset is the text of each glyph, by its name.
func cffCharset(b []byte, at, n int, strs [][]byte) []string {
	texts := []string{""}
	sids := []rune(sidText)
	add := func(sid int) {
		s := ""
		switch i := sid - 391; {
		case sid >= 1 && sid <= len(sids):
			s = string(sids[sid-1])
		case i >= 0 && i < len(strs):
			s = glyphText(string(strs[i]))
		}
		texts = append(texts, s)
	}
	if at < 3 { // predefined: ISOAdobe is the order of the strings
		for sid := 1; sid < n; sid++ {
			add(sid)
		}
		return texts
	}
	format := cut(b, at, 1)
	if format == nil {
		return texts
	}
	for at++; len(texts) < n && at+1 < len(b); {
		sid, more := u16(b, at), 0
		switch format[0] {
		case 0:
			at += 2
		case 1:
			more, at = int(b[min(at+2, len(b)-1)]), at+3
		default:
			more, at = u16(b, at+2), at+4
		}
		for ; more >= 0 && len(texts) < n; more-- {
			add(sid)
			sid++
		}
	}
	return texts
}

func cffCodes(b []byte, at int, visit func(code, gid int)) {
	head := cut(b, at, 2)
	if head == nil {
		return
	}
	gid := 1
	if head[0]&0x7f == 0 {
		for _, c := range cut(b, at+2, int(head[1])) {
			visit(int(c), gid)
			gid++
		}
		return
	}
	for i := range int(head[1]) {
		r := cut(b, at+2+2*i, 2)
		if r == nil {
			return
		}
		for k := range int(r[1]) + 1 {
			visit(int(r[0])+k, gid)
			gid++
		}
	}
}
