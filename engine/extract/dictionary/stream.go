package dictionary

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Limits of what readers read.
const (
	maxFile     = 128 << 20 // bytes of a file
	maxObject   = 4 << 20   // of one object of a list
	maxValue    = 64 << 10  // of another value beside the list
	maxEntries  = 500_000
	maxProblems = 100
	maxAliases  = 500 // of one entry
)

// ErrFormat says that a file is not in the form that was expected.
var ErrFormat = errors.New("not a dictionary")

// stream reads a JSON document whose size is in one list of objects, an object at
// a time. Nothing is held but the object in hand.
type stream struct {
	r    *bufio.Reader
	read int64
	buf  []byte
}

func newStream(r io.Reader) *stream { return &stream{r: bufio.NewReaderSize(r, 64<<10)} }

func (s *stream) next() (byte, error) {
	if s.read >= maxFile {
		return 0, fmt.Errorf("%w: more than %d MiB", engine.ErrLimit, maxFile>>20)
	}
	s.read++
	return s.r.ReadByte()
}

// token returns the next byte that is no white space.
func (s *stream) token() (byte, error) {
	for {
		c, err := s.next()
		if err != nil || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c, err
		}
	}
}

// value reads the value that begins with c. One larger than limit is read and not
// kept: it returns nil. The result is valid until the next call.
func (s *stream) value(c byte, limit int) ([]byte, error) {
	s.buf = s.buf[:0]
	depth, quoted, large := 0, false, false
	for {
		if len(s.buf) < limit {
			s.buf = append(s.buf, c)
		} else {
			large = true
		}
		switch {
		case quoted && c == '\\':
			escaped, err := s.next()
			if err != nil {
				return nil, err
			}
			s.buf = append(s.buf, escaped)
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth == 0 && !quoted && (c == '}' || c == ']' || c == '"' || s.scalarEnds()) {
			break
		}
		if depth < 0 {
			return nil, ErrFormat
		}
		var err error
		if c, err = s.next(); err != nil {
			return nil, err
		}
		if large {
			s.buf = s.buf[:min(len(s.buf), limit)]
		}
	}
	if large {
		return nil, nil
	}
	return s.buf, nil
}

// scalarEnds says whether a number or a word ends before the next byte.
func (s *stream) scalarEnds() bool {
	next, err := s.r.Peek(1)
	return err != nil || bytes.IndexByte([]byte(",]} \n\r\t"), next[0]) >= 0
}

// document is who reads what a stream holds. A value is nil when it is too large.
type document struct {
	list  func(key string) func(object []byte, n int) // nil for a key that is no list of interest
	other func(key string, value []byte)
}

// walk reads a document that is an object.
func (s *stream) walk(d document) error {
	c, err := s.token()
	switch {
	case err != nil || c != '{':
		return fmt.Errorf("%w: no JSON object", ErrFormat)
	}
	for first := true; ; first = false {
		if c, err = s.token(); err != nil {
			return cut(err)
		}
		if c == '}' {
			return nil
		}
		if c == ',' && !first {
			if c, err = s.token(); err != nil {
				return cut(err)
			}
		}
		if err := s.member(d, c); err != nil {
			return cut(err)
		}
	}
}

// member reads a key that begins with c, and its value.
func (s *stream) member(d document, c byte) error {
	if c != '"' {
		return fmt.Errorf("%w: no JSON", ErrFormat)
	}
	raw, err := s.value(c, 1<<10)
	if err != nil {
		return err
	}
	var key string
	if raw != nil && json.Unmarshal(raw, &key) != nil {
		return fmt.Errorf("%w: no JSON", ErrFormat)
	}
	if c, err = s.token(); err != nil {
		return err
	}
	if c != ':' {
		return fmt.Errorf("%w: no JSON", ErrFormat)
	}
	if c, err = s.token(); err != nil {
		return err
	}
	if c == '[' {
		if item := d.list(key); item != nil {
			return s.items(item)
		}
	}
	v, err := s.value(c, maxValue)
	if err != nil {
		return err
	}
	d.other(key, v)
	return nil
}

func (s *stream) items(item func([]byte, int)) error {
	for n := 1; ; n++ {
		c, err := s.token()
		if err == nil && c == ',' && n > 1 {
			c, err = s.token()
		}
		switch {
		case err != nil:
			return err
		case c == ']':
			return nil
		}
		v, err := s.value(c, maxObject)
		if err != nil {
			return err
		}
		item(v, n)
	}
}

// cut says that a document ended in its middle.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
