package ews

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"
)

var (
	errFlood = errors.New("the answer is longer than what was asked for")
	errToken = errors.New("a text or a tag of the answer is too long")
)

// tape is an answer as the XML decoder reads it: byte for byte, so that a long
// text can be taken out from under the decoder. It ends where a limit is passed,
// and makes good what XML may not hold and Exchange sends all the same.
//
// QUIRK: Exchange passes control characters of subjects and names on, raw or as
// &#x1F;. To an XML reader that is the end of the answer, and so of every mail
// behind.
type tape struct {
	r     *bufio.Reader
	all   int64 // bytes that may still come
	token int   // of the present token, likewise
	good  []byte
	store [4]byte
	err   error // why no more comes
}

func newTape(r io.Reader, all int64) *tape {
	t := &tape{r: bufio.NewReaderSize(r, 32<<10), all: all}
	if bom, _ := t.r.Peek(3); string(bom) == "\uFEFF" {
		_, _ = t.r.Discard(3)
	}
	return t
}

// Read is there since the decoder wants a reader; it reads by ReadByte.
func (t *tape) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := t.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = b
	return 1, nil
}

// ReadByte implements io.ByteReader.
func (t *tape) ReadByte() (byte, error) {
	if len(t.good) > 0 {
		b := t.good[0]
		t.good = t.good[1:]
		return b, nil
	}
	if t.token--; t.token < 0 {
		t.err = errToken
	}
	if t.err != nil {
		return 0, t.err
	}
	b, err := t.raw()
	switch {
	case err != nil:
		return 0, err
	case b == '&':
		return t.reference(), nil
	case b >= utf8.RuneSelf:
		return t.letter(b), nil
	case b < ' ' && b != '\n' && b != '\t' && b != '\r':
		return '?', nil
	}
	return b, nil
}

// raw is the next byte as it came.
func (t *tape) raw() (byte, error) {
	if t.err != nil {
		return 0, t.err
	}
	if t.all--; t.all < 0 {
		t.err = errFlood
		return 0, t.err
	}
	b, err := t.r.ReadByte()
	if err != nil {
		t.err = err
	}
	return b, err
}

// reference looks behind an ampersand: a reference to what XML may not hold is
// replaced by a question mark.
func (t *tape) reference() byte {
	next, _ := t.r.Peek(12)
	end := bytes.IndexByte(next, ';')
	if end < 2 || next[0] != '#' {
		return '&'
	}
	digits, base := string(next[1:end]), 10
	if digits[0] == 'x' || digits[0] == 'X' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || inXML(rune(n)) {
		return '&'
	}
	_, _ = t.r.Discard(end + 1)
	t.all -= int64(end + 1)
	return '?'
}

// letter sees to it that a letter beyond ASCII is one.
func (t *tape) letter(first byte) byte {
	next, _ := t.r.Peek(utf8.UTFMax - 1)
	r, size := utf8.DecodeRune(append(append(t.store[:0], first), next...))
	if size < 2 || !inXML(r) {
		r = utf8.RuneError
	}
	if size > 1 {
		_, _ = t.r.Discard(size - 1)
		t.all -= int64(size - 1)
	}
	t.good = utf8.AppendRune(t.store[:0], r)
	b := t.good[0]
	t.good = t.good[1:]
	return b
}

func inXML(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

// textBytes reads the text up to the next tag, past the decoder, without white
// space. It is an io.Reader; io.EOF is the tag.
type textBytes struct{ t *tape }

func (b textBytes) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if _, err := b.t.r.Peek(1); err != nil {
			b.t.err = err
			return 0, err
		}
		chunk, _ := b.t.r.Peek(min(b.t.r.Buffered(), len(p)))
		n, took := solid(p, chunk)
		_, _ = b.t.r.Discard(took)
		if b.t.all -= int64(took); b.t.all < 0 {
			b.t.err = errFlood
			return n, errFlood
		}
		next, _ := b.t.r.Peek(1)
		switch {
		case took < len(chunk) && next[0] == '<':
			return n, io.EOF
		case took < len(chunk):
			b.skipReference()
		}
		if n > 0 {
			return n, nil
		}
	}
}

// solid copies up to an ampersand or a tag, without white space.
func solid(to, from []byte) (n, took int) {
	for _, c := range from {
		switch c {
		case '<', '&':
			return n, took
		case ' ', '\n', '\r', '\t':
		default:
			to[n] = c
			n++
		}
		took++
	}
	return n, took
}

// skipReference passes over &#xD; and the like: some servers write the ends of
// lines so.
func (b textBytes) skipReference() {
	next, _ := b.t.r.Peek(8)
	end := max(bytes.IndexByte(next, ';'), 0)
	_, _ = b.t.r.Discard(end + 1)
	b.t.all -= int64(end + 1)
}
