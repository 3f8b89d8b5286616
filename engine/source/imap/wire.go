package imap

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What one answer may cost, whoever the server is. The library reads lines,
// names and lists into memory as long as they come.
const (
	maxLine    = 64 << 10 // bytes of a response outside its literals
	maxSearch  = 16 << 20 // of one that lists the mails of a folder: 2 million of them
	maxLiteral = 64 << 10 // of a literal that is no body: a folder's name, say
	maxTalk    = 64 << 20 // of all that comes in answer to one command, bodies aside

	headSize = 64 // bytes of a response that tell its kind
)

var (
	errLine    = errors.New("a line of the answer is too long")
	errLiteral = errors.New("the answer announces a literal where none of that size may be")
	errFlood   = errors.New("the answer is longer than what was announced")
	errAnswer  = errors.New("the answer is of a kind that nobody asked for")
	errExpunge = errors.New("a command that would remove mails of others is not sent")
)

// wire is the connection that the library reads and writes. It knows where
// lines and literals end, and ends the connection where a limit is passed.
// Deadlines are those of session.do: the library's own are constants that do not
// cover a server that stays silent between two responses.
type wire struct {
	net.Conn          // plain, or TLS over raw
	raw      net.Conn // closing it never waits

	mu       sync.Mutex
	budget   int64     // bytes that may still come
	bodies   bool      // a FETCH of bodies is in flight
	last     time.Time // when something came
	cause    error     // why it ended, when it was not we who ended it
	readOnly bool      // a tagged answer said READ-ONLY

	literal int64  // bytes of the open literal that are still to come
	line    int    // bytes of the response so far, without literals
	head    []byte // how the response begins, at most headSize bytes
	tail    []byte // how its line ends so far, at most 40 bytes
	coded   bool   // its response code is over

	ended chan struct{} // closed when we end the connection
	once  sync.Once
}

func newWire(conn, raw net.Conn) *wire {
	return &wire{Conn: conn, raw: raw, budget: maxTalk, last: time.Now(), ended: make(chan struct{})}
}

// SetReadDeadline and SetDeadline do nothing: see wire.
func (w *wire) SetReadDeadline(time.Time) error { return nil }
func (w *wire) SetDeadline(time.Time) error     { return nil }

// allow says what the command that follows may cost.
func (w *wire) allow(budget int64, bodies bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.budget, w.bodies, w.last, w.readOnly = budget, bodies, time.Now(), false
}

// Read implements net.Conn.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = time.Now()
	if limit := w.scan(p[:n]); limit != nil {
		n, err = 0, limit // the library must not see what would make it spin
		w.raw.Close()     // and reads once more, whatever it was told
	}
	if err != nil && w.cause == nil {
		w.cause = err
	}
	return n, err
}

// Write implements net.Conn. The library writes a command at a time.
//
// QUIRK: where a server has no MOVE, the library's Move sends STORE and EXPUNGE
// behind a COPY that may have failed. It is not called then; this is the lock on
// that door.
func (w *wire) Write(p []byte) (int, error) {
	if fields := bytes.Fields(p[:min(len(p), 64)]); len(fields) == 2 && (string(fields[1]) == "EXPUNGE" || string(fields[1]) == "CLOSE") {
		return 0, errExpunge
	}
	return w.Conn.Write(p)
}

func (w *wire) scan(b []byte) error {
	if w.budget -= int64(len(b)); w.budget < 0 {
		return errFlood
	}
	for len(b) > 0 {
		if w.literal > 0 {
			n := min(w.literal, int64(len(b)))
			w.literal -= n
			b = b[n:]
			continue
		}
		piece := b
		i := bytes.IndexByte(b, '\n')
		if i >= 0 {
			piece = b[:i+1]
		}
		b = b[len(piece):]
		w.note(piece)
		if err := w.judge(piece); err != nil {
			return err
		}
		if i < 0 {
			return nil
		}
		if err := w.endLine(); err != nil {
			return err
		}
	}
	return nil
}

func (w *wire) note(piece []byte) {
	w.line += len(piece)
	if room := headSize - len(w.head); room > 0 {
		w.head = append(w.head, piece[:min(room, len(piece))]...)
	}
	w.tail = append(w.tail, piece[max(0, len(piece)-40):]...)
	w.tail = w.tail[max(0, len(w.tail)-40):]
}

// judge looks at a response as far as it has come.
//
// QUIRK: at a parenthesis in a list of capabilities the library spins for ever.
func (w *wire) judge(piece []byte) error {
	kind, code := w.kind()
	switch {
	case kind == "":
	case w.head[0] == '*' && !slices.Contains(kinds, kind):
		return errAnswer
	case (kind == "CAPABILITY" || strings.HasPrefix(code, "[CAPABILITY")) && !w.coded:
		end := bytes.IndexByte(piece, ']')
		w.coded = end >= 0
		if end < 0 {
			end = len(piece)
		}
		if bytes.IndexByte(piece[:end], '(') >= 0 {
			return errAnswer
		}
	}
	if w.line > maxLine && !(w.line <= maxSearch && strings.HasSuffix(kind, "SEARCH")) {
		return errLine
	}
	return nil
}

// kinds are the answers that our commands can have.
var kinds = []string{
	"OK", "NO", "BAD", "BYE", "PREAUTH", "CAPABILITY", "ID", "LIST", "STATUS", "FLAGS",
	"EXISTS", "RECENT", "EXPUNGE", "FETCH", "SEARCH", "ESEARCH",
}

// kind is what kind of response begins like w.head, and what follows that; ""
// when that is not known yet.
func (w *wire) kind() (kind, code string) {
	f := strings.Fields(strings.ToUpper(string(w.head)))
	if len(f) > 1 && strings.Trim(f[1], "0123456789") == "" {
		f = f[1:] // * 17 FETCH
	}
	whole := len(w.head) == headSize || bytes.ContainsAny(w.head[len(w.head)-1:], " \r\n(")
	if len(f) < 2 || len(f) == 2 && !whole {
		return "", ""
	}
	if len(f) > 2 {
		code = f[2]
	}
	kind, glued, _ := strings.Cut(f[1], "(")
	if glued != "" || strings.HasSuffix(f[1], "(") {
		code = "(" + glued
	}
	return kind, code
}

// endLine looks whether a literal follows, or the response is over.
func (w *wire) endLine() error {
	text := w.isText()
	if text && w.head[0] != '*' && bytes.Contains(bytes.ToUpper(w.head), []byte("[READ-ONLY]")) {
		w.readOnly = true
	}
	size, before, ok := announced(w.tail)
	w.tail = w.tail[:0]
	if !ok || text {
		w.line, w.head, w.coded = 0, w.head[:0], false
		return nil
	}
	if size > maxLiteral && (!w.bodies || !endsInBody(before)) {
		return fmt.Errorf("%w: %d bytes", errLiteral, size)
	}
	w.literal = size
	return nil
}

// isText tells a response whose end is text for people: braces mean nothing there.
func (w *wire) isText() bool {
	f := bytes.Fields(w.head)
	if len(f) == 0 {
		return true
	}
	if string(f[0]) == "+" {
		return true
	}
	if len(f) == 1 {
		return false
	}
	switch string(bytes.ToUpper(f[1])) {
	case "OK", "NO", "BAD", "BYE", "PREAUTH":
		return true
	}
	return false
}

// announced reads the {size} at the end of a line.
func announced(line []byte) (size int64, before []byte, ok bool) {
	line = bytes.TrimRight(line, "\r\n")
	line, ok = bytes.CutSuffix(line, []byte("}"))
	i := bytes.LastIndexByte(line, '{')
	if !ok || i < 0 {
		return 0, nil, false
	}
	digits := bytes.TrimSuffix(line[i+1:], []byte("+"))
	if len(digits) == 0 || bytes.Trim(digits, "0123456789") != nil {
		return 0, nil, false
	}
	size, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		size = 1<<63 - 1
	}
	return size, line[:i], true
}

// endsInBody tells whether a literal behind these bytes is one that the library
// streams.
func endsInBody(before []byte) bool {
	before = bytes.ToUpper(before)
	return bytes.HasSuffix(before, []byte("BODY[] ")) || bytes.HasSuffix(before, []byte("BODY[]<0> "))
}

// quiet is for how long nothing has come.
func (w *wire) quiet() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Since(w.last)
}

// end closes the connection for a reason of ours; what Read makes of that is
// not the cause.
func (w *wire) end(reason error) {
	w.mu.Lock()
	if w.cause == nil {
		w.cause = reason
	}
	w.mu.Unlock()
	w.once.Do(func() { close(w.ended) })
	w.raw.Close()
}

// why is the reason for which the connection ended; nil when it was the library
// that gave up, since it could not read an answer.
func (w *wire) why() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cause
}

// selectedReadOnly tells whether the last command was answered with READ-ONLY.
func (w *wire) selectedReadOnly() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.readOnly
}
