package mail

import (
	"bufio"
	"bytes"
	"io"
)

// window is the longest piece of a line that a streaming reader sees at once.
// No boundary and no field name is longer.
const window = 64 << 10

// lines walks over a raw message line by line, in memory or as a stream, and
// knows the offset of each line. A line longer than window comes in pieces when
// streaming.
type lines struct {
	mem  []byte        // the whole message, when it is in memory
	r    *bufio.Reader // else
	off  int64         // of the next line
	eol  int           // bytes of the terminator of the line before off: 0, 1 or 2
	part bool          // the line before off was a piece without its end
	err  error         // first read error; io.EOF is none
}

func memLines(raw []byte) *lines { return &lines{mem: raw} }

func streamLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, window)} }

// next returns the next line with its terminator; empty at the end. The slice
// is valid until the next call.
func (l *lines) next() []byte {
	var line []byte
	if l.r == nil {
		line = l.mem[l.off:]
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
		}
	} else {
		line = l.readSlice()
	}
	l.advance(line)
	return line
}

func (l *lines) readSlice() []byte {
	line, err := l.r.ReadSlice('\n')
	if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
		l.err = err
	}
	return line
}

func (l *lines) advance(line []byte) {
	l.off += int64(len(line))
	l.eol = len(line) - len(trimEOL(line))
	l.part = len(line) > 0 && line[len(line)-1] != '\n'
}

// peek returns what follows, at most n bytes of it, without moving.
func (l *lines) peek(n int) []byte {
	if l.r == nil {
		return l.mem[l.off:min(l.off+int64(n), int64(len(l.mem)))]
	}
	b, _ := l.r.Peek(n)
	return b
}

// dash moves behind the next line that begins with two hyphens and returns it,
// and the end of the text before it: the line break that precedes a boundary
// belongs to the boundary (RFC 2046 section 5.1.1). No line means the end of the
// message.
func (l *lines) dash() (line []byte, before int64) {
	for {
		if l.r == nil {
			l.skipToDash()
		}
		before = l.off - int64(l.eol)
		whole := !l.part
		line = l.next()
		if len(line) == 0 {
			return nil, l.off
		}
		if whole && bytes.HasPrefix(line, dashes) {
			return line, before
		}
	}
}

var (
	dashes   = []byte("--")
	nlDashes = []byte("\n--")
)

// skipToDash jumps over lines that do not begin with two hyphens.
func (l *lines) skipToDash() {
	rest := l.mem[l.off:]
	if bytes.HasPrefix(rest, dashes) && !l.part {
		return
	}
	i := bytes.Index(rest, nlDashes)
	if i < 0 {
		l.off, l.eol = int64(len(l.mem)), 0
		return
	}
	l.off += int64(i) + 1
	l.part, l.eol = false, 1
	if l.off >= 2 && l.mem[l.off-2] == '\r' {
		l.eol = 2
	}
}

// trimEOL cuts LF or CRLF.
func trimEOL(line []byte) []byte {
	n := len(line)
	if n == 0 || line[n-1] != '\n' {
		return line
	}
	if n > 1 && line[n-2] == '\r' {
		return line[:n-2]
	}
	return line[:n-1]
}
