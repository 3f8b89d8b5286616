// Package mbox splits an mbox stream into mails (RFC 4155; the mboxo and mboxrd ways
// of quoting). A mail begins at a From_ line that stands at the start or after an
// empty line and carries a time. One '>' is taken from lines of the form ">From " and
// ">>From ", which undoes both ways of quoting except for mboxo lines that began with
// ">From " themselves. No length that a mail claims is believed. Nothing is held but
// a line, or 64 KiB of a longer one.
package mbox

import (
	"bufio"
	"bytes"
	"io"
)

// Reader reads one stream. It is for one goroutine.
type Reader struct {
	lines   *bufio.Reader
	blank   bool   // the line before was empty, or there was none
	partial bool   // in the middle of a line longer than the buffer
	found   bool   // a From_ line was read: the next mail begins
	pending []byte // an empty line: it belongs to the mail unless a From_ line follows
	left    []byte // of what was read, and not handed out
	err     error
}

// NewReader reads r.
func NewReader(r io.Reader) *Reader {
	return &Reader{lines: bufio.NewReaderSize(r, 64<<10), blank: true}
}

// Next returns the next mail, to be read before Next is called again; what is not
// read of one is left out, like what stands before the first. The error at the end
// is io.EOF. An error of the stream is that of the mail which it breaks off.
func (r *Reader) Next() (io.Reader, error) {
	for r.left = nil; !r.found; {
		if _, err := r.piece(); err != nil && !r.found {
			return nil, err
		}
	}
	r.found, r.blank, r.pending = false, false, r.pending[:0]
	return mail{r}, nil
}

// mail is the one that is read.
type mail struct{ r *Reader }

func (m mail) Read(p []byte) (int, error) {
	for len(m.r.left) == 0 {
		piece, err := m.r.piece()
		if err != nil {
			return 0, err
		}
		m.r.left = piece
	}
	n := copy(p, m.r.left)
	m.r.left = m.r.left[n:]
	return n, nil
}

// piece is the next piece of the mail; io.EOF where it ends. It is good until the
// next call.
func (r *Reader) piece() ([]byte, error) {
	if r.found {
		return nil, io.EOF
	}
	if r.err != nil {
		return nil, r.err
	}
	line, err := r.lines.ReadSlice('\n')
	starts := !r.partial
	r.partial = err == bufio.ErrBufferFull
	if err != nil && !r.partial {
		r.err = err
	}
	if starts && r.blank && IsFrom(line) {
		r.found, r.pending = true, r.pending[:0]
		return nil, io.EOF
	}
	if starts && len(line) > 0 && len(bytes.TrimRight(line, "\r\n")) == 0 {
		before := bytes.Clone(r.pending)
		r.blank, r.pending = true, append(r.pending[:0], line...)
		return before, nil
	}
	r.blank = false
	if starts {
		line = unquote(line)
	}
	if len(r.pending) > 0 && len(line) > 0 {
		line = append(bytes.Clone(r.pending), line...)
		r.pending = r.pending[:0]
	}
	return line, nil
}

func unquote(line []byte) []byte {
	quotes := 0
	for quotes < len(line) && line[quotes] == '>' {
		quotes++
	}
	if quotes > 0 && bytes.HasPrefix(line[quotes:], []byte("From ")) {
		return line[1:]
	}
	return line
}

// IsFrom tells whether a line begins a mail: "From ", a sender, and something with a
// time in it, as in "From a@b Thu Jan  1 00:00:00 1970".
func IsFrom(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("From "))
	if !ok || len(line) > 1000 {
		return false
	}
	for i := 2; i+2 < len(rest); i++ {
		if rest[i] == ':' && isDigit(rest[i-1]) && isDigit(rest[i+1]) && isDigit(rest[i+2]) {
			return true
		}
	}
	return false
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }
