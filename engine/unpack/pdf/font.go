package pdf

import (
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/internal/charset"
)

// Limits of the fonts of one file.
const (
	maxFonts  = 2000
	maxWidths = 70_000 // of one font
	maxNamed  = 4096   // entries of Differences
)

// font turns the bytes of a shown string into text and widths (9.5 to 9.10).
type font struct {
	toUnicode *cmap

	table  [256]string  // of a simple font: text by code
	widths [256]float64 // of a simple font, in text space

	composite bool
	enc       *cmap // codes and CIDs; nil: two bytes, that are the CID
	page      int   // the codes are those of a code page
	utf16     bool  // the codes are UTF-16, big endian
	byCID     map[int]float64
	defWidth  float64
	vertical  bool
	cidToGID  []byte         // nil: they are the same
	byGID     map[int]string // text by glyph of the embedded font; nil: not known
	memo      map[uint32]string

	scale float64 // of glyph space: 1 but for Type 3 fonts of odd matrices
}

// font reads the font of a resource, once for each reference to it.
func (r *reading) font(v any) *font {
	id, isRef := v.(ref)
	if known, ok := r.fonts[id]; ok && isRef {
		return known
	}
	d := r.f.dict(v)
	if d == nil || r.fontCount >= maxFonts {
		return plainFont
	}
	r.fontCount++
	fn := r.f.newFont(d)
	if isRef {
		r.fonts[id] = fn
	}
	return fn
}

// plainFont shows bytes as WinAnsi: for text without a font.
var plainFont = func() *font {
	fn := &font{scale: 1}
	fn.fill(winAnsi)
	for i := range fn.widths {
		fn.widths[i] = 0.5
	}
	return fn
}()

func (fn *font) fill(t *[256]rune) {
	for i, r := range t {
		if r >= ' ' {
			fn.table[i] = string(r)
		}
	}
}

func (f *file) cmap(s *stream) *cmap {
	m := parseCMap(f.decode(s), min(maxMappings, f.entry))
	f.entry -= m.n
	return m
}

func (f *file) newFont(d dict) *font {
	fn := &font{scale: 1}
	if s := f.stream(d["ToUnicode"]); s != nil {
		fn.toUnicode = f.cmap(s)
	}
	if f.name(d["Subtype"]) == "Type0" {
		f.composite(fn, d)
		return fn
	}
	f.simpleText(fn, d)
	f.simpleWidths(fn, d)
	return fn
}

// simpleText fills the table of a simple font: what the embedded font program
// says, unless the Encoding says all (9.6.6).
func (f *file) simpleText(fn *font, d dict) {
	desc := f.dict(d["FontDescriptor"])
	enc := f.get(d["Encoding"])
	named, _ := enc.(name)
	ed, _ := enc.(dict)
	if ed != nil {
		named = f.name(ed["BaseEncoding"])
	}
	var embedded *[256]string
	switch t := encodings[named]; {
	case t != nil:
		fn.fill(t)
	case f.fillDefault(fn, d, desc):
	default:
		embedded = f.builtIn(desc)
		fn.merge(embedded)
	}
	f.differences(fn, f.array(ed["Differences"]), embedded, f.name(d["Subtype"]) == "Type3")
}

// fillDefault is for fonts without a named encoding; it tells whether that is all
// there is to know.
func (f *file) fillDefault(fn *font, d, desc dict) bool {
	switch {
	case strings.HasPrefix(plainName(f.name(d["BaseFont"])), "Symbol") && desc["FontFile2"] == nil:
		fn.fill(symbol)
	case strings.HasPrefix(plainName(f.name(d["BaseFont"])), "ZapfDingbats"):
		fn.fill(dingbats)
	case f.name(d["Subtype"]) == "TrueType":
		fn.fill(winAnsi)
	default:
		fn.fill(standard)
	}
	return desc == nil
}

func (fn *font) merge(t *[256]string) {
	if t == nil {
		return
	}
	for i, s := range t {
		if s != "" {
			fn.table[i] = s
		}
	}
}

// plainName is the name of a font without the tag of a subset, "ABCDEF+".
func plainName(n name) string {
	if len(n) > 7 && n[6] == '+' {
		n = n[7:]
	}
	return string(n)
}

// differences names glyphs code by code. A name that tells nothing, as "g12" or
// "a3" of writers that number them, leaves what the code showed.
func (f *file) differences(fn *font, list array, embedded *[256]string, bitmap bool) {
	at := 0
	for _, v := range list[:min(len(list), maxNamed)] {
		switch v := f.get(v).(type) {
		case int:
			at = v
		case name:
			if at >= 0 && at < 256 {
				if s := glyphText(string(v)); s != "" {
					fn.table[at] = s
				} else if v != ".notdef" && embedded == nil {
					fn.table[at] = numbered(string(v), fn.table[at], bitmap)
				}
			}
			at++
		}
	}
}

// numbered reads names as "c65" or "char65", which some writers make of codes.
// Fonts of dots that TeX made name them "a65", after its own encoding.
func numbered(n, otherwise string, bitmap bool) string {
	digits := strings.TrimLeft(n, "abcdefghijklmnopqrstuvwxyzCG")
	if len(digits) < 2 || len(digits) > 3 || len(n)-len(digits) > 4 {
		return otherwise
	}
	code, err := strconv.Atoi(digits)
	switch {
	case err != nil || code < 0 || code > 255:
	case bitmap && n[0] == 'a' && cork[code] != 0:
		return string(cork[code])
	case code >= ' ':
		return string(winAnsi[code])
	}
	return otherwise
}

func (f *file) simpleWidths(fn *font, d dict) {
	unit := 0.001
	if f.name(d["Subtype"]) == "Type3" {
		unit = f.type3(fn, d)
	}
	missing := f.number(f.dict(d["FontDescriptor"])["MissingWidth"]) * unit
	std := standardWidths(plainName(f.name(d["BaseFont"])))
	list, firstCode := f.array(d["Widths"]), f.whole(d["FirstChar"])
	for c := range fn.widths {
		switch i := c - firstCode; {
		case i >= 0 && i < len(list):
			fn.widths[c] = f.number(list[i]) * unit
		case len(list) == 0 && missing == 0:
			fn.widths[c] = std(fn.table[c])
		default:
			fn.widths[c] = missing
		}
	}
}

// type3 reads how large the glyphs of a Type 3 font are: their space may be any.
func (f *file) type3(fn *font, d dict) (unit float64) {
	m := f.array(d["FontMatrix"])
	if len(m) != 6 {
		return 0.001
	}
	unit = f.number(m[0])
	if unit < 0 {
		unit = -unit
	}
	height := unit * 1000
	if box := f.array(d["FontBBox"]); len(box) == 4 {
		if h := (f.number(box[3]) - f.number(box[1])) * f.number(m[3]); h != 0 {
			height = max(h, -h)
		}
	}
	if height > 0 {
		fn.scale = height
	}
	return unit
}

// composite reads a Type 0 font (9.7).
func (f *file) composite(fn *font, d dict) {
	fn.composite, fn.defWidth, fn.memo = true, 1, map[uint32]string{}
	f.encodingCMap(fn, d)
	desc := f.dict(first1(f.array(d["DescendantFonts"])))
	if dw, ok := f.get(desc["DW"]).(int); ok {
		fn.defWidth = float64(dw) / 1000
	}
	fn.byCID = f.cidWidths(f.array(desc["W"]))
	if s := f.stream(desc["CIDToGIDMap"]); s != nil {
		fn.cidToGID = f.decode(s)
	}
	if fn.toUnicode == nil || len(fn.toUnicode.chars)+len(fn.toUnicode.ranges) == 0 {
		if s := f.stream(first(f.dict(desc["FontDescriptor"]), "FontFile2", "FontFile3")); s != nil {
			fn.byGID = glyphTexts(f.decode(s), &f.entry, &f.visits)
		}
	}
}

func first1(a array) any {
	if len(a) == 0 {
		return nil
	}
	return a[0]
}

func (f *file) encodingCMap(fn *font, d dict) {
	enc := f.get(d["Encoding"])
	if s, ok := enc.(*stream); ok {
		fn.enc = f.cmap(s)
		fn.vertical = fn.enc.vertical || f.whole(s.dict["WMode"]) == 1
		if enc = any(fn.enc.use); fn.enc.use == "" {
			enc = f.get(s.dict["UseCMap"])
		}
		if len(fn.enc.spaces) > 0 && len(fn.enc.cids) > 0 {
			return
		}
		fn.enc = nil
	}
	n, _ := enc.(name)
	fn.vertical = fn.vertical || strings.HasSuffix(string(n), "-V")
	fn.page, fn.utf16, _ = predefined(n)
}

// cidWidths reads W (9.7.4.3): "c [w1 w2 ...]" and "first last w".
func (f *file) cidWidths(w array) map[int]float64 {
	m := map[int]float64{}
	for i := 0; i+1 < len(w) && len(m) < maxWidths && f.entry > 0; {
		f.entry--
		at := f.whole(w[i])
		if list, ok := f.get(w[i+1]).(array); ok {
			for k, v := range list[:min(len(list), maxWidths, max(0, f.entry))] {
				f.entry--
				m[at+k] = f.number(v) / 1000
			}
			i += 2
			continue
		}
		if i+2 >= len(w) {
			break
		}
		last, width := f.whole(w[i+1]), f.number(w[i+2])/1000
		for ; at <= last && len(m) < maxWidths && f.entry > 0; at++ {
			f.entry--
			m[at] = width
		}
		i += 3
	}
	return m
}

// glyph is one code of a shown string.
type glyph struct {
	text  string
	width float64 // in text space, before font size
	space bool    // word spacing applies (9.3.3)
	last  bool    // of its string
}

// each calls yield for every code of a string.
func (fn *font) each(s string, yield func(glyph)) {
	if !fn.composite {
		for i := range len(s) {
			g := fn.simple(s[i])
			g.last = i == len(s)-1
			yield(g)
		}
		return
	}
	for len(s) > 0 {
		c, n := fn.next(s)
		if n = max(n, 1); n > len(s) {
			return
		}
		cid := fn.cid(c)
		w, ok := fn.byCID[cid]
		if !ok {
			w = fn.defWidth
		}
		if fn.vertical {
			w = 1
		}
		yield(glyph{fn.show(c, cid, s[:n]), w, n == 1 && c == ' ', n == len(s)})
		s = s[n:]
	}
}

func (fn *font) simple(c byte) glyph {
	g := glyph{text: fn.table[c], width: fn.widths[c], space: c == ' '}
	if s, ok := fn.toUnicode.text(uint32(c)); ok && s != "" && s != "\x00" && s != "\ufffd" {
		g.text = s
	}
	return g
}

func (fn *font) next(s string) (uint32, int) {
	switch {
	case fn.enc != nil:
		return fn.enc.next(s)
	case fn.page != 0:
		if s[0] < 0x80 || len(s) == 1 || fn.page == 932 && s[0] >= 0xa0 && s[0] < 0xe0 {
			return uint32(s[0]), 1
		}
	case fn.utf16:
		if s[0]&0xfc == 0xd8 && len(s) >= 4 {
			return fixed(s, 4)
		}
	}
	return fixed(s, 2)
}

func (fn *font) cid(c uint32) int {
	if fn.enc != nil {
		if cid, ok := fn.enc.cid(c); ok {
			return cid
		}
		return 0
	}
	return int(c)
}

// show is the text of a code of a composite font.
func (fn *font) show(c uint32, cid int, raw string) string {
	if s, ok := fn.toUnicode.text(c); ok && s != "" {
		return s
	}
	switch {
	case fn.utf16:
		return utf16String(raw, 0)
	case fn.page != 0:
		s, known := fn.memo[c]
		if !known && len(fn.memo) < maxWidths {
			s = charset.CodePage(fn.page, []byte(raw))
			fn.memo[c] = s
		}
		return s
	case fn.byGID != nil:
		return fn.byGID[fn.gid(cid)]
	}
	return ""
}

func (fn *font) gid(cid int) int {
	if 2*cid+1 < len(fn.cidToGID) && cid >= 0 {
		return int(fn.cidToGID[2*cid])<<8 | int(fn.cidToGID[2*cid+1])
	}
	return cid
}

// Widths of the standard fonts (9.6.2.2) for the characters from space to tilde,
// in thousandths. Italics have those of the upright ones, nearly.
var coreWidths = map[string][]int16{
	"Helvetica": {
		278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
		1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
		333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
	},
	"Helvetica-Bold": {
		278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611,
		975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556,
		333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
	},
	"Times": {
		250, 333, 408, 500, 500, 833, 778, 180, 333, 333, 500, 564, 250, 333, 250, 278, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 278, 278, 564, 564, 564, 444,
		921, 722, 667, 667, 722, 611, 556, 722, 722, 333, 389, 722, 611, 889, 722, 722, 556, 722, 667, 556, 611, 722, 722, 944, 722, 722, 611, 333, 278, 333, 469, 500,
		333, 444, 500, 444, 500, 444, 333, 500, 500, 278, 278, 500, 278, 778, 500, 500, 500, 500, 333, 389, 278, 500, 500, 722, 500, 500, 444, 480, 200, 480, 541,
	},
	"Times-Bold": {
		250, 333, 555, 500, 500, 1000, 833, 278, 333, 333, 500, 570, 250, 333, 250, 278, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 333, 333, 570, 570, 570, 500,
		930, 722, 667, 722, 722, 667, 611, 778, 778, 389, 500, 778, 667, 944, 722, 778, 611, 778, 722, 556, 667, 722, 722, 1000, 722, 722, 667, 333, 278, 333, 581, 500,
		333, 500, 556, 444, 556, 444, 333, 500, 556, 278, 333, 556, 278, 833, 556, 500, 556, 556, 444, 389, 333, 556, 500, 722, 500, 500, 444, 394, 220, 394, 520,
	},
}

// standardWidths is for fonts that state no widths: those of the standard font
// that is most like it.
func standardWidths(font string) func(text string) float64 {
	low := strings.ToLower(font)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(low, w) {
				return true
			}
		}
		return false
	}
	if has("courier", "mono", "consol", "typewriter") {
		return func(string) float64 { return 0.6 }
	}
	family := "Helvetica"
	if has("times", "serif", "roman", "georgia", "garamond") {
		family = "Times"
	}
	if has("bold", "black") {
		family += "-Bold"
	}
	widths := coreWidths[family]
	return func(text string) float64 {
		if len(text) == 1 && text[0] >= ' ' && text[0] <= '~' {
			return float64(widths[text[0]-' ']) / 1000
		}
		return 0.55
	}
}
