package pdf

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"io"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Limits of one stream.
const (
	maxStream  = 64 << 20 // bytes that come out of it
	maxPage    = 32 << 20 // of the content of a page, or of a form
	maxFilters = 8        // filters behind each other
	perStream  = 2000     // bytes that an empty stream costs as much as
)

// decode decrypts and unpacks a stream. What came out before an error is what
// viewers show, too, and is returned.
func (f *file) decode(s *stream) []byte { return f.decodeWith(s, f.crypt) }

func (f *file) decodeWith(s *stream, c *crypt) []byte {
	r, rest := f.reader(s, c)
	if len(rest) > 0 || f.work <= 0 {
		return nil // a picture
	}
	b := f.readAll(r, len(s.raw), maxStream)
	f.work -= len(b) + perStream
	return b
}

// script decodes what is run: of one file no more than maxContent.
func (f *file) script(s *stream) []byte {
	r, rest := f.reader(s, f.crypt)
	if len(rest) > 0 || f.content <= 0 {
		return nil
	}
	b := f.readAll(r, len(s.raw), maxPage)
	if f.content -= len(b) + perStream; f.content <= 0 {
		f.capped(engine.DefectUnpackSize, "more than %d bytes of content", maxContent)
	}
	return b
}

// reader is a stream through its filters, up to the first of a picture. rest is
// that one and what follows it.
func (f *file) reader(s *stream, c *crypt) (r io.Reader, rest []name) {
	filters, params := f.filters(s)
	raw := s.raw
	if len(filters) == 0 || filters[0] != "Crypt" {
		raw = c.stream(s, raw)
	}
	r = bytes.NewReader(raw)
	for i, filter := range filters {
		if i >= maxFilters {
			f.capped(engine.DefectNesting, "more than %d filters of a stream", maxFilters)
			break
		}
		var p dict
		if i < len(params) {
			p = f.dict(params[i])
		}
		next := f.filter(filter, p, r, s, raw)
		if next == nil {
			return r, filters[i:]
		}
		r = next
	}
	return r, nil
}

// filters reads the names of the filters and their parameters.
func (f *file) filters(s *stream) (names []name, params array) {
	v, p := f.get(first(s.dict, "Filter", "F")), f.get(first(s.dict, "DecodeParms", "DP"))
	switch v := v.(type) {
	case name:
		names = []name{v}
	case array:
		for _, n := range v[:min(len(v), maxFilters+1)] {
			names = append(names, f.name(n))
		}
	}
	switch p := p.(type) {
	case dict:
		params = array{p}
	case array:
		params = p
	}
	return names, params
}

// first is the value of the first key that is there: the second is a short form.
func first(d dict, keys ...name) any {
	for _, k := range keys {
		if v, ok := d[k]; ok {
			return v
		}
	}
	return nil
}

// filter is nil for the filters of pictures.
func (f *file) filter(n name, p dict, r io.Reader, s *stream, raw []byte) io.Reader {
	switch n {
	case "FlateDecode", "Fl":
		return f.predicted(p, f.t.Expand(&inflater{src: r}, int64(len(raw))))
	case "LZWDecode", "LZW":
		early := 1
		if v, ok := whole(f.get(p["EarlyChange"])); ok {
			early = v
		}
		return f.predicted(p, f.t.Expand(newLZW(r, early), int64(len(raw))))
	case "ASCIIHexDecode", "AHx":
		return &asciiHex{src: bufio.NewReader(r)}
	case "ASCII85Decode", "A85":
		return &ascii85{src: bufio.NewReader(r)}
	case "RunLengthDecode", "RL":
		return f.t.Expand(&runLength{src: bufio.NewReader(r)}, int64(len(raw)))
	case "Crypt":
		by := f.name(p["Name"])
		if f.closed && by != "" && by != "Identity" {
			return bytes.NewReader(nil)
		}
		return bytes.NewReader(f.crypt.named(by, s.id, raw))
	case "DCTDecode", "DCT", "CCITTFaxDecode", "CCF", "JBIG2Decode", "JPXDecode":
		return nil
	}
	return r // unknown: viewers show what they can
}

// readAll reads at most limit bytes. Its buffer doubles: one that grows by
// less leaves more behind.
func (f *file) readAll(r io.Reader, packed, limit int) []byte {
	buf := make([]byte, 0, min(4*packed+512, 1<<20, limit))
	for {
		if len(buf) == cap(buf) {
			if cap(buf) >= limit {
				f.capped(engine.DefectUnpackSize, "a stream of more than %d bytes", limit)
				return buf
			}
			buf = append(make([]byte, 0, min(2*cap(buf), limit)), buf...)
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err != nil {
			f.spent(err)
			return buf
		}
	}
}

// spent remembers the first limit that a stream met; the reading goes on with
// what came out. Other errors are those of broken streams, of which viewers show
// what they can.
func (f *file) spent(err error) {
	switch {
	case f.isLimit(err):
		if f.limit == nil {
			f.limit = err
		}
	case !errors.Is(err, io.EOF):
		f.tell(engine.DefectUnreadable, "a stream is broken: %s", err)
	}
}

// inflater reads zlib data. Its head and its checksum may be wrong or missing.
type inflater struct {
	src io.Reader
	r   io.Reader
}

func (z *inflater) Read(p []byte) (int, error) {
	if z.r == nil {
		src := bufio.NewReader(z.src)
		for b, err := src.Peek(1); err == nil && class[b[0]] == space; b, err = src.Peek(1) {
			src.Discard(1) // QUIRK: an end of line too many behind "stream"
		}
		if b, _ := src.Peek(2); len(b) == 2 && b[0]&0x0f == 8 && (int(b[0])<<8|int(b[1]))%31 == 0 {
			src.Discard(2)
		} else if len(b) == 2 && b[0]&0x0f == 8 && b[0]>>4 <= 7 {
			src.Discard(2) // a head with a wrong check
		}
		z.r = flate.NewReader(src)
	}
	return z.r.Read(p)
}

// predicted undoes a predictor (7.4.4.4).
func (f *file) predicted(p dict, r io.Reader) io.Reader {
	kind := f.whole(p["Predictor"])
	if kind < 2 {
		return r
	}
	or := func(k name, def int) int {
		if v, ok := whole(f.get(p[k])); ok && v > 0 && v < 1<<20 {
			return v
		}
		return def
	}
	colors, bits, columns := or("Colors", 1), or("BitsPerComponent", 8), or("Columns", 1)
	if colors > 64 || bits > 16 {
		return r
	}
	row := (columns*colors*bits + 7) / 8
	return &predictor{src: bufio.NewReader(r), tiff: kind == 2 && bits == 8, plain: kind == 2 && bits != 8, step: max(1, colors*bits/8), above: make([]byte, row), row: make([]byte, row)}
}

type predictor struct {
	src         *bufio.Reader
	tiff, plain bool
	step        int
	above, row  []byte
	out         []byte
	err         error
}

func (d *predictor) Read(p []byte) (int, error) {
	for len(d.out) == 0 {
		if d.err != nil {
			return 0, d.err
		}
		d.next()
	}
	n := copy(p, d.out)
	d.out = d.out[n:]
	return n, nil
}

// next decodes one row; the last may be short.
func (d *predictor) next() {
	filter := byte(1)
	if !d.tiff && !d.plain {
		if filter, d.err = d.src.ReadByte(); d.err != nil {
			return
		}
	}
	d.above, d.row = d.row, d.above
	n, err := io.ReadFull(d.src, d.row)
	if d.err = err; errors.Is(err, io.ErrUnexpectedEOF) {
		d.err = io.EOF
	}
	clear(d.row[n:])
	d.out = d.row[:n]
	if d.tiff {
		clear(d.above)
	}
	if !d.plain {
		unfilter(filter, d.step, d.row[:n], d.above)
	}
}

// unfilter undoes one row of PNG (its specification, 6).
func unfilter(filter byte, step int, row, above []byte) {
	for i := range row {
		var left, corner byte
		if i >= step {
			left, corner = row[i-step], above[i-step]
		}
		switch filter {
		case 1:
			row[i] += left
		case 2:
			row[i] += above[i]
		case 3:
			row[i] += byte((int(left) + int(above[i])) / 2)
		case 4:
			row[i] += paeth(left, above[i], corner)
		}
	}
}

func paeth(a, b, c byte) byte {
	distance := func(x byte) int {
		return max(int(a)+int(b)-int(c)-int(x), int(x)-int(a)-int(b)+int(c))
	}
	switch pa, pb, pc := distance(a), distance(b), distance(c); {
	case pa <= pb && pa <= pc:
		return a
	case pb <= pc:
		return b
	}
	return c
}

// lzw reads LZW as PDF has it (7.4.4): codes of 9 to 12 bits, high bits first,
// that grow one code early.
type lzw struct {
	src    io.ByteReader
	early  int
	bits   uint32
	n      uint
	width  uint
	prefix [4096]uint16
	suffix [4096]byte
	length [4096]uint16
	next   int
	last   int // the code before, -1 after a clear
	out    []byte
	err    error
}

func newLZW(r io.Reader, early int) *lzw {
	z := &lzw{src: bufio.NewReader(r), early: early & 1}
	for i := range 256 {
		z.suffix[i], z.length[i] = byte(i), 1
	}
	z.clear()
	return z
}

func (z *lzw) clear() { z.width, z.next, z.last = 9, 258, -1 }

func (z *lzw) Read(p []byte) (int, error) {
	for len(z.out) == 0 {
		if z.err != nil {
			return 0, z.err
		}
		z.step()
	}
	n := copy(p, z.out)
	z.out = z.out[n:]
	return n, nil
}

func (z *lzw) step() {
	for z.n < z.width {
		b, err := z.src.ReadByte()
		if err != nil {
			z.err = err
			return
		}
		z.bits, z.n = z.bits<<8|uint32(b), z.n+8
	}
	z.n -= z.width
	code := int(z.bits >> z.n & (1<<z.width - 1))
	switch {
	case code == 256:
		z.clear()
	case code == 257:
		z.err = io.EOF
	case code > z.next || code == z.next && z.last < 0 || code >= 4096:
		z.err = errors.New("a code of LZW is out of order")
	default:
		z.emit(code)
	}
}

// emit writes what a code stands for and learns the next one.
func (z *lzw) emit(code int) {
	if z.last >= 0 && z.next < 4096 {
		z.prefix[z.next], z.length[z.next] = uint16(z.last), z.length[z.last]+1
		z.suffix[z.next] = z.head(z.last)
		if code != z.next {
			z.suffix[z.next] = z.head(code)
		}
		z.next++
	}
	n := int(z.length[code])
	z.out = make([]byte, n)
	for c := code; n > 0; n-- {
		z.out[n-1] = z.suffix[c]
		c = int(z.prefix[c])
	}
	z.last = code
	for z.width < 12 && z.next+z.early >= 1<<z.width {
		z.width++
	}
}

// head is the first byte of what a code stands for.
func (z *lzw) head(code int) byte {
	for z.length[code] > 1 {
		code = int(z.prefix[code])
	}
	return z.suffix[code]
}

type asciiHex struct{ src *bufio.Reader }

func (a *asciiHex) Read(p []byte) (n int, err error) {
	for n < len(p) {
		high, err := a.nibble()
		if err != nil {
			return n, err
		}
		low, err := a.nibble()
		p[n] = byte(high<<4 | max(low, 0))
		if n++; err != nil {
			return n, err
		}
	}
	return n, nil
}

func (a *asciiHex) nibble() (int, error) {
	for {
		c, err := a.src.ReadByte()
		if err == nil && c == '>' {
			err = io.EOF
		}
		if err != nil {
			return -1, err
		}
		if v := nibble(c); v >= 0 {
			return v, nil
		}
	}
}

type ascii85 struct {
	src *bufio.Reader
	out []byte
	err error
}

func (a *ascii85) Read(p []byte) (int, error) {
	for len(a.out) == 0 {
		if a.err != nil {
			return 0, a.err
		}
		a.group()
	}
	n := copy(p, a.out)
	a.out = a.out[n:]
	return n, nil
}

// group reads five digits, or fewer at the end; "z" is four zeros.
func (a *ascii85) group() {
	var v uint32
	n := 0
	for n < 5 {
		c, err := a.src.ReadByte()
		if err == nil && c == '~' {
			err = io.EOF
		}
		if err != nil {
			a.err = err
			break
		}
		if c == 'z' && n == 0 {
			a.out = make([]byte, 4)
			return
		}
		if c >= '!' && c <= 'u' {
			v, n = v*85+uint32(c-'!'), n+1
		}
	}
	if n < 2 {
		return
	}
	for range 5 - n {
		v = v*85 + 84
	}
	a.out = []byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}[:n-1]
}

type runLength struct {
	src *bufio.Reader
	out []byte
}

func (r *runLength) Read(p []byte) (int, error) {
	for len(r.out) == 0 {
		n, err := r.src.ReadByte()
		if err == nil && n == 128 {
			err = io.EOF
		}
		if err != nil {
			return 0, err
		}
		if n < 128 {
			r.out = make([]byte, int(n)+1)
			k, _ := io.ReadFull(r.src, r.out)
			r.out = r.out[:k]
			if k == 0 {
				return 0, io.EOF
			}
			continue
		}
		c, err := r.src.ReadByte()
		if err != nil {
			return 0, err
		}
		r.out = bytes.Repeat([]byte{c}, 257-int(n))
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}
