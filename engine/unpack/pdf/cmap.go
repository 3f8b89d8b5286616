package pdf

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of one CMap.
const (
	maxMappings  = 200_000 // codes and ranges
	maxCodespace = 100
	maxShown     = 128 // bytes that one code may map to
)

// cmap maps codes of a font to text (ToUnicode), to CIDs (an encoding), or both.
type cmap struct {
	spaces   []codespace
	chars    map[uint32]string
	ranges   []textRange // by lo, ascending
	cids     []cidRange  // by lo, ascending
	vertical bool
	use      name // the CMap that this one goes on
	n        int
}

type codespace struct {
	size   int
	lo, hi uint32
}

type textRange struct {
	lo, hi uint32
	base   string
}

type cidRange struct {
	lo, hi uint32
	cid    int
}

// parseCMap reads one, of at most limit mappings. It is PostScript, of which only the operators that map
// matter; what is broken is left out.
func parseCMap(b []byte, limit int) *cmap {
	m := &cmap{chars: map[uint32]string{}}
	l := &lexer{b: b, flat: true}
	var block func(*cmap, []any)
	var args []any
	size := 0
	for m.n < limit {
		v, err := l.object()
		if err != nil {
			break
		}
		if k, isWord := v.(keyword); isWord {
			m.setting(k, args)
			b := blocks[k]
			block, size, args = b.each, b.size, args[:0]
			continue
		}
		if args = append(args, v); block == nil && len(args) > 8 {
			args = args[:copy(args, args[1:])]
		}
		if block != nil && len(args) == size {
			m.n++
			block(m, args)
			args = args[:0]
		}
	}
	slices.SortStableFunc(m.ranges, func(a, b textRange) int { return cmp.Compare(a.lo, b.lo) })
	slices.SortStableFunc(m.cids, func(a, b cidRange) int { return cmp.Compare(a.lo, b.lo) })
	return m
}

// blocks are the words that begin lists of mappings, what one mapping is made
// of, and what is done with it.
var blocks = map[keyword]struct {
	size int
	each func(*cmap, []any)
}{
	"begincodespacerange": {2, (*cmap).space},
	"beginbfchar":         {2, func(m *cmap, a []any) { m.char(a[0], a[1]) }},
	"beginbfrange":        {3, func(m *cmap, a []any) { m.textRange(a[0], a[1], a[2]) }},
	"begincidchar":        {2, func(m *cmap, a []any) { m.cidRange(a[0], a[0], a[1]) }},
	"begincidrange":       {3, func(m *cmap, a []any) { m.cidRange(a[0], a[1], a[2]) }},
}

// setting reads what stands before a word.
func (m *cmap) setting(k keyword, args []any) {
	n := len(args)
	switch {
	case k == "usecmap" && n > 0:
		m.use, _ = args[n-1].(name)
	case k == "def" && n > 1 && args[n-2] == name("WMode") && args[n-1] == 1:
		m.vertical = true
	}
}

func (m *cmap) space(args []any) {
	lo, size := code(args[0])
	hi, _ := code(args[1])
	if size > 0 && len(m.spaces) < maxCodespace {
		m.spaces = append(m.spaces, codespace{size, lo, hi})
	}
}

// code reads a source code: a string of one to four bytes.
func code(v any) (c uint32, size int) {
	s, _ := v.(str)
	s = s[:min(len(s), 4)]
	for i := range len(s) {
		c = c<<8 | uint32(s[i])
	}
	return c, len(s)
}

// target reads what a code maps to: UTF-16, big endian, or the name of a glyph.
func target(v any) string {
	switch v := v.(type) {
	case str:
		if len(v) == 1 {
			return string(rune(v[0]))
		}
		return utf16String(string(v[:min(len(v), maxShown)]), 0)
	case name:
		return glyphText(string(v))
	case int:
		if v > 0 && v <= utf8.MaxRune {
			return string(rune(v))
		}
	}
	return ""
}

func (m *cmap) char(from, to any) {
	if c, size := code(from); size > 0 {
		m.chars[c] = target(to)
	}
}

func (m *cmap) textRange(from, to, what any) {
	lo, size := code(from)
	hi, _ := code(to)
	if size == 0 || hi < lo {
		return
	}
	each, ok := what.(array)
	if !ok {
		m.ranges = append(m.ranges, textRange{lo, hi, target(what)})
		return
	}
	for i, v := range each {
		if uint32(i) > hi-lo {
			break
		}
		m.n++
		m.n++
		m.chars[lo+uint32(i)] = target(v)
	}
}

func (m *cmap) cidRange(from, to, what any) {
	lo, size := code(from)
	hi, _ := code(to)
	if cid, ok := what.(int); ok && size > 0 && hi >= lo {
		m.cids = append(m.cids, cidRange{lo, hi, cid})
	}
}

// text is what a code shows.
func (m *cmap) text(c uint32) (string, bool) {
	if m == nil {
		return "", false
	}
	if s, ok := m.chars[c]; ok {
		return s, true
	}
	i := above(m.ranges, c, func(r textRange) uint32 { return r.lo }) - 1
	if i < 0 || c > m.ranges[i].hi {
		return "", false
	}
	return plus(m.ranges[i].base, c-m.ranges[i].lo), true
}

// above is the index of the first range that begins behind a code.
func above[T any](ranges []T, c uint32, lo func(T) uint32) int {
	i, _ := slices.BinarySearchFunc(ranges, c, func(r T, c uint32) int {
		if lo(r) <= c {
			return -1
		}
		return 1
	})
	return i
}

// plus counts the last character of a text up.
func plus(base string, n uint32) string {
	r, size := utf8.DecodeLastRuneInString(base)
	if size == 0 || n == 0 {
		return base
	}
	return base[:len(base)-size] + string(r+rune(n&0x1fffff))
}

// cid is the character of a CID font that a code selects.
func (m *cmap) cid(c uint32) (int, bool) {
	i := above(m.cids, c, func(r cidRange) uint32 { return r.lo }) - 1
	if i < 0 || c > m.cids[i].hi {
		return 0, false
	}
	return m.cids[i].cid + int(c-m.cids[i].lo), true
}

// next splits the first code off a string: by its code spaces, or of two bytes.
func (m *cmap) next(s string) (c uint32, size int) {
	for size = 1; size <= 4 && size <= len(s); size++ {
		c = c<<8 | uint32(s[size-1])
		for _, space := range m.spaces {
			if space.size == size && space.has(c) {
				return c, size
			}
		}
	}
	return fixed(s, m.shortest())
}

// has compares byte by byte, as code spaces are rectangles (9.7.6.2).
func (s codespace) has(c uint32) bool {
	for shift := 0; shift < s.size*8; shift += 8 {
		b := c >> shift & 0xff
		if b < s.lo>>shift&0xff || b > s.hi>>shift&0xff {
			return false
		}
	}
	return true
}

func (m *cmap) shortest() int {
	n := 4
	for _, s := range m.spaces {
		n = min(n, max(1, s.size))
	}
	if len(m.spaces) == 0 {
		return 2
	}
	return n
}

func fixed(s string, size int) (c uint32, n int) {
	for n = 0; n < size && n < len(s); n++ {
		c = c<<8 | uint32(s[n])
	}
	return c, n
}

// codePages are the predefined CMaps (9.7.5.2) whose codes are those of a
// charset, by the first part of their names.
var codePages = []struct {
	prefix string
	page   int
}{
	{"90ms-RKSJ", 932},
	{"90msp-RKSJ", 932},
	{"90pv-RKSJ", 932},
	{"83pv-RKSJ", 932},
	{"Add-RKSJ", 932},
	{"Ext-RKSJ", 932},
	{"EUC-H", 20932},
	{"EUC-V", 20932},
	{"GBK", 936},
	{"GB-EUC", 936},
	{"GBpc", 936},
	{"ETen", 950},
	{"B5pc", 950},
	{"HKscs", 950},
	{"KSC", 949},
}

// predefined tells what a named CMap is: the code page of its codes, or UTF-16.
func predefined(n name) (page int, utf16, known bool) {
	s := string(n)
	if strings.Contains(s, "UCS2") || strings.Contains(s, "UTF16") {
		return 0, true, true
	}
	for _, p := range codePages {
		if strings.HasPrefix(s, p.prefix) {
			return p.page, false, true
		}
	}
	return 0, false, false
}
