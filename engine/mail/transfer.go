package mail

import (
	"slices"
	"strings"
)

// transfer undoes one Content-Transfer-Encoding. feed may be called often with
// successive pieces; both append decoded bytes to dst. faulty tells, at the end,
// whether the bytes broke the rules of the encoding.
type transfer interface {
	feed(dst, src []byte) []byte
	finish(dst []byte) []byte
	faulty() bool
}

// newTransfer returns the decoder of an encoding, nil for identity. ok is false
// when the encoding is not known; it is then taken as identity.
func newTransfer(encoding string) (t transfer, ok bool) {
	encoding, _, _ = strings.Cut(strings.TrimSpace(encoding), ";")
	encoding, _, _ = strings.Cut(encoding, " ")
	switch strings.ToLower(strings.Trim(encoding, "\"'<>.,+: \t")) {
	case "base64", "b":
		return &base64Decoder{}, true
	case "quoted-printable", "q", "qp":
		return &qpDecoder{}, true
	case "x-uuencode", "uuencode", "x-uue", "uue":
		return &uuDecoder{}, true
	case "", "7bit", "8bit", "binary", "7-bit", "8-bit", "utf-8", "utf8", "none":
		return nil, true
	}
	return nil, false
}

// base64Decoder skips what is not of the alphabet and stops at the padding, as
// clients do (RFC 2045 section 6.8).
type base64Decoder struct {
	acc  uint32
	n    int // sextets in acc
	pads int
	done bool
	bad  bool
}

const (
	b64Skip = 0x40 + iota // white space
	b64Pad
	b64Bad
)

var base64Table = func() (t [256]byte) {
	for i := range t {
		t[i] = b64Bad
	}
	for i, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		t[c] = byte(i)
	}
	for _, c := range " \t\r\n" {
		t[c] = b64Skip
	}
	t['='] = b64Pad
	return t
}()

func (d *base64Decoder) feed(dst, src []byte) []byte {
	for i := 0; i < len(src) && !d.done; {
		if d.n == 0 {
			dst, i = decodeQuads(dst, src, i)
			if i >= len(src) {
				break
			}
		}
		dst = d.one(dst, src[i])
		i++
	}
	return dst
}

// quadTables hold the alphabet shifted to the four places of a group; what is
// not of the alphabet sets the top bit.
var quadTables = func() (t [4][256]uint32) {
	for c, v := range base64Table {
		for place := range t {
			t[place][c] = uint32(v) << (18 - 6*place)
			if v >= 64 {
				t[place][c] = 1 << 31
			}
		}
	}
	return t
}()

// decodeQuads takes the fast path: groups of four that are all of the alphabet.
func decodeQuads[T []byte | string](dst []byte, src T, i int) ([]byte, int) {
	n := len(dst)
	dst = slices.Grow(dst, (len(src)-i)/4*3+3)
	out := dst[:cap(dst)]
	t0, t1, t2, t3 := &quadTables[0], &quadTables[1], &quadTables[2], &quadTables[3]
	for i+4 <= len(src) && n+3 <= len(out) {
		v := t0[src[i]] | t1[src[i+1]] | t2[src[i+2]] | t3[src[i+3]]
		if v>>31 != 0 {
			break
		}
		out[n], out[n+1], out[n+2] = byte(v>>16), byte(v>>8), byte(v)
		n += 3
		i += 4
	}
	return out[:n], i
}

func (d *base64Decoder) one(dst []byte, c byte) []byte {
	switch v := base64Table[c]; v {
	case b64Skip:
	case b64Bad:
		d.bad = true
	case b64Pad:
		if d.n >= 2 {
			if d.pads++; d.n+d.pads >= 4 {
				d.done = true
			}
		}
	default:
		d.acc = d.acc<<6 | uint32(v)
		if d.n++; d.n == 4 {
			dst = append(dst, byte(d.acc>>16), byte(d.acc>>8), byte(d.acc))
			d.acc, d.n, d.pads = 0, 0, 0
		}
	}
	return dst
}

// finish writes the last one or two bytes; a missing padding is forgiven.
func (d *base64Decoder) finish(dst []byte) []byte {
	d.bad = d.bad || d.n == 1
	dst = appendRest(dst, d.acc, d.n)
	d.n = 0
	return dst
}

func (d *base64Decoder) faulty() bool { return d.bad }

// qpDecoder reads quoted-printable (RFC 2045 section 6.7): white space at the
// end of a line is dropped, a broken escape stands for itself. It is a state
// machine so that a piece may end anywhere.
type qpDecoder struct {
	space []byte // white space that may turn out to end a line
	esc   []byte // "=" and what followed it so far
	bad   bool
}

func (d *qpDecoder) feed(dst, src []byte) []byte {
	for i := 0; i < len(src); i++ {
		if len(d.esc) == 0 && len(d.space) == 0 {
			run := plainRun(src[i:])
			dst = append(dst, src[i:i+run]...)
			if i += run; i == len(src) {
				break
			}
			if out, n := shortcut(dst, src[i:]); n > 0 {
				dst, i = out, i+n-1
				continue
			}
		}
		c := src[i]
		if len(d.esc) > 0 {
			if done := d.escape(&dst, c); done {
				continue
			}
		}
		switch c {
		case '=':
			dst = d.flushSpace(dst)
			d.esc = append(d.esc[:0], c)
		case ' ', '\t':
			d.space = append(d.space, c)
		case '\r':
			d.space = append(d.space, c)
		case '\n':
			dst = append(d.endLine(dst), c)
		default:
			dst = append(d.flushSpace(dst), c)
		}
	}
	return dst
}

// shortcut decodes what most bytes that do not stand for themselves are: an
// escape, a soft line break or a line end that is complete. It returns how many
// bytes it has read, 0 when the state machine must look.
func shortcut(dst, src []byte) (out []byte, n int) {
	switch {
	case src[0] == '\n':
		return append(dst, '\n'), 1
	case len(src) < 3:
		return dst, 0
	case src[0] == '\r' && src[1] == '\n':
		return append(dst, '\r', '\n'), 2
	case src[0] != '=':
		return dst, 0
	case src[1] == '\n':
		return dst, 2
	case src[1] == '\r' && src[2] == '\n':
		return dst, 3
	case unhex[src[1]]|unhex[src[2]] < 16:
		return append(dst, unhex[src[1]]<<4|unhex[src[2]]), 3
	}
	return dst, 0
}

// plainRun is the length of what stands for itself: no escape, no line end, and
// no white space but between two such bytes.
func plainRun(b []byte) int {
	for n, c := range b {
		switch qpClass[c] {
		case qpStop:
			return n
		case qpSpace:
			if n+1 == len(b) || b[n+1] <= ' ' || b[n+1] == '=' {
				return n
			}
		}
	}
	return len(b)
}

const (
	qpSpace = 1 + iota
	qpStop
)

var qpClass = [256]uint8{' ': qpSpace, '\t': qpSpace, '=': qpStop, '\r': qpStop, '\n': qpStop}

// endLine drops the white space before a line end, but keeps its CR.
func (d *qpDecoder) endLine(dst []byte) []byte {
	if n := len(d.space); n > 0 && d.space[n-1] == '\r' {
		dst = append(dst, '\r')
	}
	d.space = d.space[:0]
	return dst
}

func (d *qpDecoder) flushSpace(dst []byte) []byte {
	dst = append(dst, d.space...)
	d.space = d.space[:0]
	return dst
}

// escape handles a byte after "=". It is false when the byte is to be read as
// if no escape were open.
func (d *qpDecoder) escape(dst *[]byte, c byte) bool {
	if len(d.esc) == 2 && unhex[d.esc[1]] < 16 {
		if unhex[c] < 16 {
			*dst = append(*dst, unhex[d.esc[1]]<<4|unhex[c])
			d.esc = d.esc[:0]
			return true
		}
		return d.literal(dst)
	}
	switch {
	case c == '\n':
		d.esc = d.esc[:0]
		return true
	case c == ' ' || c == '\t' || c == '\r':
		if len(d.esc) < 64 {
			d.esc = append(d.esc, c)
			return true
		}
	case len(d.esc) == 1 && unhex[c] < 16:
		d.esc = append(d.esc, c)
		return true
	}
	return d.literal(dst)
}

func (d *qpDecoder) literal(dst *[]byte) bool {
	d.bad = true
	*dst = append(*dst, d.esc...)
	d.esc = d.esc[:0]
	return false
}

func (d *qpDecoder) finish(dst []byte) []byte {
	if len(d.esc) == 2 && unhex[d.esc[1]] < 16 {
		d.literal(&dst)
	}
	d.space = d.space[:0]
	return dst
}

func (d *qpDecoder) faulty() bool { return d.bad }

// uuDecoder reads uuencode line by line, between begin and end.
type uuDecoder struct {
	line  []byte
	begun bool
	ended bool
	bad   bool
}

const uuLine = 256 // no line of uuencode is longer than 62 bytes

func (d *uuDecoder) feed(dst, src []byte) []byte {
	for _, c := range src {
		if c == '\n' {
			dst = d.take(dst)
			continue
		}
		if len(d.line) < uuLine {
			d.line = append(d.line, c)
		}
	}
	return dst
}

func (d *uuDecoder) finish(dst []byte) []byte {
	dst = d.take(dst)
	d.bad = d.bad || !d.begun || !d.ended
	return dst
}

func (d *uuDecoder) take(dst []byte) []byte {
	line := strings.TrimRight(string(d.line), "\r")
	d.line = d.line[:0]
	switch {
	case !d.begun:
		d.begun = strings.HasPrefix(line, "begin ")
	case d.ended || line == "":
	case line == "end":
		d.ended = true
	default:
		dst = uuAppend(dst, line)
	}
	return dst
}

func uuAppend(dst []byte, line string) []byte {
	n := int(line[0]-' ') & 0x3f
	at := func(i int) byte {
		if i >= len(line) {
			return 0
		}
		return (line[i] - ' ') & 0x3f
	}
	for i := 1; n > 0 && i < len(line); i += 4 {
		a, b, c, e := at(i), at(i+1), at(i+2), at(i+3)
		out := [3]byte{a<<2 | b>>4, b<<4 | c>>2, c<<6 | e}
		dst = append(dst, out[:min(n, 3)]...)
		n -= 3
	}
	return dst
}

func (d *uuDecoder) faulty() bool { return d.bad }
