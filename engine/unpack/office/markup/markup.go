// Package markup reads XML as a row of small tokens, in memory that does not
// depend on the document: a text of a gigabyte comes in pieces, nesting is a
// counter, and no entity is ever expanded but the five of XML and numbers.
//
// It is lenient, since whoever hides something in a document writes XML that an
// office program repairs: end tags need not match, undefined entities stand for
// themselves, prefixes are not looked up. Names are those without their prefix.
package markup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Kind tells tokens apart.
type Kind uint8

const (
	Start Kind = iota + 1 // a start tag; an empty element gives Start, then End
	End
	Text // a piece of character data, whole characters, entities resolved
)

// Limits of one document.
const (
	MaxDepth = 256     // open elements
	maxTag   = 1 << 20 // bytes of one tag
	maxAttrs = 1000    // attributes of one tag
	chunk    = 64 << 10
	maxNames = 4096 // names that are kept
	tailSize = 64   // of a text that may hold the beginning of an entity
)

// ErrDepth says that elements nest deeper than MaxDepth. It wraps engine.ErrLimit.
var ErrDepth = fmt.Errorf("elements nest deeper than %d: %w", MaxDepth, engine.ErrLimit)

var errTag = fmt.Errorf("a tag of more than %d bytes: %w", maxTag, engine.ErrLimit)

// Attr is an attribute. Space is its prefix, as it stands.
type Attr struct{ Space, Name, Value string }

// Scanner reads one document. Its fields describe the token that Next found.
type Scanner struct {
	Kind    Kind
	Name    string // of Start and End
	Attrs   []Attr // of Start
	Text    []byte // of Text; valid until the next call
	Depth   int    // open elements, the one that Start begins included
	Doctype bool   // a document type declaration was seen
	Subset  bool   // it declares something itself, entities perhaps

	r       io.Reader
	buf     []byte // buf[at:] is not read yet
	at      int
	eof     bool
	err     error
	pending bool // the End of an empty element
	names   map[string]string
	text    []byte
}

// New returns a Scanner of a document in UTF-8 or UTF-16.
func New(r io.Reader) *Scanner {
	s := &Scanner{r: r, names: map[string]string{}}
	s.need(4)
	if order, ok := isUTF16(s.rest()); ok {
		s.r = &utf16Reader{r: io.MultiReader(bytes.NewReader(bytes.Clone(s.rest())), r), big: order}
		s.buf, s.at, s.eof = nil, 0, false
		s.need(4)
	}
	if bytes.HasPrefix(s.rest(), []byte("\xef\xbb\xbf")) {
		s.at += 3
	}
	return s
}

// isUTF16 looks at the first characters (XML 1.0 appendix F).
func isUTF16(b []byte) (big, ok bool) {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("<\x00")):
		return false, true
	case bytes.HasPrefix(b, []byte("\xfe\xff")), bytes.HasPrefix(b, []byte("\x00<")):
		return true, true
	}
	return false, false
}

// Err is why Next returned false; nil at the end of the document.
func (s *Scanner) Err() error {
	if errors.Is(s.err, io.EOF) {
		return nil
	}
	return s.err
}

// Attr is the value of an attribute of the current Start; "" when it has none.
func (s *Scanner) Attr(name string) string {
	for i := range s.Attrs {
		if s.Attrs[i].Name == name {
			return s.Attrs[i].Value
		}
	}
	return ""
}

// RefAttr is an attribute that has a prefix: r:id, where there may be an id too.
func (s *Scanner) RefAttr(name string) string {
	for i := range s.Attrs {
		if s.Attrs[i].Name == name && s.Attrs[i].Space != "" {
			return s.Attrs[i].Value
		}
	}
	return ""
}

// Next reads a token. It returns false at the end and after an error.
func (s *Scanner) Next() bool {
	if s.pending {
		s.pending = false
		s.Kind = End
		s.Depth--
		return true
	}
	for s.err == nil {
		if !s.need(1) {
			break
		}
		if s.buf[s.at] != '<' {
			if s.readText() {
				return true
			}
			continue
		}
		if s.readTag() {
			return true
		}
	}
	return false
}

func (s *Scanner) rest() []byte { return s.buf[s.at:] }

// need makes n bytes available, unless the document ends before.
func (s *Scanner) need(n int) bool {
	for len(s.buf)-s.at < n && !s.eof {
		s.fill()
	}
	if len(s.buf)-s.at >= n {
		return true
	}
	if s.err == nil && s.at == len(s.buf) {
		s.err = io.EOF
	}
	return false
}

// fill reads more, and drops what was read.
func (s *Scanner) fill() {
	if s.at > 0 {
		s.buf = s.buf[:copy(s.buf, s.buf[s.at:])]
		s.at = 0
	}
	if cap(s.buf)-len(s.buf) < chunk {
		grown := make([]byte, len(s.buf), 2*cap(s.buf)+chunk)
		copy(grown, s.buf)
		s.buf = grown
	}
	n, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
	s.buf = s.buf[:len(s.buf)+n]
	if err != nil {
		s.eof = true
		if !errors.Is(err, io.EOF) {
			s.err = err
		}
	}
}

// find makes what stands before a mark available, up to maxTag bytes. It returns
// the offset behind the mark from s.at; the end of the document counts as one.
func (s *Scanner) find(mark string, from int) int {
	for {
		if i := bytes.Index(s.rest()[min(from, len(s.rest())):], []byte(mark)); i >= 0 {
			return from + i + len(mark)
		}
		from = max(from, len(s.rest())-len(mark)+1)
		if s.eof {
			return len(s.rest())
		}
		if len(s.rest()) > maxTag {
			s.err = errTag
			return 0
		}
		s.fill()
	}
}

// skip drops everything up to and including a mark, however far that is.
func (s *Scanner) skip(mark string) {
	for {
		if i := bytes.Index(s.rest(), []byte(mark)); i >= 0 {
			s.at += i + len(mark)
			return
		}
		s.at = max(s.at, len(s.buf)-len(mark)+1)
		if s.eof {
			s.at = len(s.buf)
			return
		}
		s.fill()
	}
}

// readText takes a piece of text up to the next tag. It returns false when
// there is none.
func (s *Scanner) readText() bool {
	raw := s.rest()
	if i := bytes.IndexByte(raw, '<'); i >= 0 {
		raw = raw[:i]
	} else if !s.eof {
		if keep := whole(raw); keep > 0 {
			raw = raw[:keep]
		} else {
			s.fill()
			return false
		}
	}
	s.at += len(raw)
	s.Kind, s.Text = Text, raw
	if bytes.IndexByte(raw, '&') >= 0 {
		s.text = unescape(s.text[:0], raw)
		s.Text = s.text
	}
	return len(s.Text) > 0
}

// whole is how much of a text can be told without what follows: no character and
// no entity is cut.
func whole(b []byte) int {
	n := len(b)
	if i := bytes.LastIndexByte(b[max(0, n-tailSize):], '&'); i >= 0 && bytes.IndexByte(b[max(0, n-tailSize)+i:], ';') < 0 {
		n = max(0, n-tailSize) + i
	}
	for back := 0; back < utf8.UTFMax && n-back > 0; back++ {
		if utf8.RuneStart(b[n-back-1]) {
			if !utf8.FullRune(b[n-back-1 : n]) {
				return n - back - 1
			}
			break
		}
	}
	return n
}

// readTag reads what begins with an angle bracket. It returns false when that is
// no token.
func (s *Scanner) readTag() bool {
	s.need(9)
	b := s.rest()
	switch {
	case bytes.HasPrefix(b, []byte("<!--")):
		s.at += 4
		s.skip("-->")
	case bytes.HasPrefix(b, []byte("<![CDATA[")):
		s.at += 9
		return s.readCDATA()
	case bytes.HasPrefix(b, []byte("<!")):
		s.Doctype = s.Doctype || bytes.EqualFold(b[:min(9, len(b))], []byte("<!DOCTYPE"))
		s.skipDeclaration()
	case bytes.HasPrefix(b, []byte("<?")):
		s.skip("?>")
	case bytes.HasPrefix(b, []byte("</")):
		return s.readEnd()
	default:
		return s.readStart()
	}
	return false
}

// readCDATA gives a section as one text; one of more than maxTag bytes is an
// error.
func (s *Scanner) readCDATA() bool {
	n := s.find("]]>", 0)
	if s.err != nil {
		return false
	}
	s.Kind = Text
	s.Text = bytes.TrimSuffix(s.rest()[:n], []byte("]]>"))
	s.at += n
	return len(s.Text) > 0
}

// skipDeclaration leaves out <!...>, with the brackets of an internal subset.
func (s *Scanner) skipDeclaration() {
	depth := 0
	for s.need(1) {
		for i, c := range s.rest() {
			switch c {
			case '<':
				depth++
			case '>':
				depth--
			case '[':
				s.Subset = s.Subset || s.Doctype
			}
			if depth <= 0 {
				s.at += i + 1
				return
			}
		}
		s.at = len(s.buf)
	}
}

func (s *Scanner) readEnd() bool {
	n := s.find(">", 2)
	if s.err != nil {
		return false
	}
	_, local := cutName(bytes.TrimRight(s.rest()[2:n], "> \t\r\n"))
	s.at += n
	if s.Depth == 0 {
		return false
	}
	s.Kind, s.Name = End, s.intern(local)
	s.Depth--
	return true
}

func (s *Scanner) readStart() bool {
	n := s.tagEnd()
	if s.err != nil {
		return false
	}
	tag := bytes.TrimSuffix(s.rest()[1:n], []byte(">"))
	s.at += n
	if s.Depth >= MaxDepth {
		s.err = ErrDepth
		return false
	}
	if bytes.HasSuffix(tag, []byte("/")) {
		tag, s.pending = tag[:len(tag)-1], true
	}
	end := bytes.IndexAny(tag, " \t\r\n/")
	if end < 0 {
		end = len(tag)
	}
	_, local := cutName(tag[:end])
	s.Kind, s.Name = Start, s.intern(local)
	s.Depth++
	s.readAttrs(tag[end:])
	return true
}

// tagEnd finds the bracket that closes a start tag; brackets in quotes do not.
// The end of the document counts as one.
func (s *Scanner) tagEnd() int {
	quote := byte(0)
	for i := 1; ; {
		for ; i < len(s.rest()); i++ {
			switch c := s.rest()[i]; {
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '"' || c == '\'':
				quote = c
			case c == '>':
				return i + 1
			}
		}
		if s.eof {
			return len(s.rest())
		}
		if len(s.rest()) > maxTag {
			s.err = errTag
			return 0
		}
		s.fill()
	}
}

func (s *Scanner) readAttrs(b []byte) {
	s.Attrs = s.Attrs[:0]
	for len(s.Attrs) < maxAttrs {
		eq := bytes.IndexByte(b, '=')
		if eq < 0 {
			return
		}
		name := bytes.TrimSpace(b[:eq])
		if i := bytes.LastIndexAny(name, " \t\r\n"); i >= 0 {
			name = name[i+1:]
		}
		b = bytes.TrimLeft(b[eq+1:], " \t\r\n")
		var value []byte
		value, b = attrValue(b)
		space, local := cutName(name)
		s.Attrs = append(s.Attrs, Attr{s.intern(space), s.intern(local), decode(value)})
	}
}

func attrValue(b []byte) (value, rest []byte) {
	if len(b) > 0 && (b[0] == '"' || b[0] == '\'') {
		end := bytes.IndexByte(b[1:], b[0])
		if end < 0 {
			return b[1:], nil
		}
		return b[1 : end+1], b[end+2:]
	}
	end := bytes.IndexAny(b, " \t\r\n")
	if end < 0 {
		return b, nil
	}
	return b[:end], b[end:]
}

func decode(b []byte) string {
	if bytes.IndexByte(b, '&') < 0 {
		return string(b)
	}
	return string(unescape(nil, b))
}

func cutName(b []byte) (space, local []byte) {
	if i := bytes.IndexByte(b, ':'); i >= 0 {
		return b[:i], b[i+1:]
	}
	return nil, b
}

// intern keeps one copy of each name; documents have few.
func (s *Scanner) intern(b []byte) string {
	if name, ok := s.names[string(b)]; ok {
		return name
	}
	name := string(b)
	if len(s.names) < maxNames && len(b) < 256 {
		s.names[name] = name
	}
	return name
}

var entities = map[string]rune{"lt": '<', "gt": '>', "amp": '&', "quot": '"', "apos": '\''}

// unescape resolves the entities of XML and character references.
func unescape(dst, b []byte) []byte {
	for {
		i := bytes.IndexByte(b, '&')
		if i < 0 {
			return append(dst, b...)
		}
		dst, b = append(dst, b[:i]...), b[i:]
		end := bytes.IndexByte(b[:min(len(b), tailSize)], ';')
		r, ok := rune(0), false
		if end > 0 {
			r, ok = entity(string(b[1:end]))
		}
		if !ok {
			dst, b = append(dst, '&'), b[1:]
			continue
		}
		dst, b = utf8.AppendRune(dst, r), b[end+1:]
	}
}

func entity(name string) (rune, bool) {
	if r, ok := entities[name]; ok {
		return r, true
	}
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' || digits[0] == 'X' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > utf8.MaxRune {
		return 0, false
	}
	return rune(n), true
}

// utf16Reader makes UTF-8 of UTF-16.
type utf16Reader struct {
	r    io.Reader
	big  bool
	raw  [8 << 10]byte
	left int // bytes of raw that were not decoded
	out  []byte
	err  error
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.out) == 0 && u.err == nil {
		u.more()
	}
	if len(u.out) == 0 {
		return 0, u.err
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

func (u *utf16Reader) more() {
	n, err := u.r.Read(u.raw[u.left:])
	n += u.left
	u.err = err
	units := make([]uint16, n/2)
	for i := range units {
		units[i] = u.unit(2 * i)
	}
	if k := len(units); k > 0 && err == nil && units[k-1]&0xfc00 == 0xd800 {
		units = units[:k-1] // the other half is still to come
	}
	u.out = []byte(string(utf16.Decode(units)))
	u.left = copy(u.raw[:], u.raw[2*len(units):n])
}

func (u *utf16Reader) unit(i int) uint16 {
	if u.big {
		return uint16(u.raw[i])<<8 | uint16(u.raw[i+1])
	}
	return uint16(u.raw[i+1])<<8 | uint16(u.raw[i])
}
