// Package rtf reads Rich Text Format (the specification of version 1.9.1): text,
// where its fields lead, and the objects inside it.
//
// It reads as Word does and not as the specification asks: whoever hides an
// object counts on what Word forgives. A group may be left open, a name may be
// anything, hexadecimal digits may stand between words and groups that mean
// nothing. The file is read once, as a stream; groups beyond maxDepth are counted
// and have no state of their own.
package rtf

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/field"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/object"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/remark"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/charset"
)

const (
	maxFile    = 256 << 20 // bytes of a file that are read
	maxDepth   = 4096      // groups that have a state
	maxWord    = 64        // letters of a control word
	maxHex     = 32 << 20  // bytes of an object or a picture
	maxObjects = 200
	maxPict    = 50
	maxShort   = 4 << 10 // bytes of what a small destination holds
	maxFonts   = 10_000
	western    = 1252
	every      = 1 << 16 // tokens between looks at the clock
)

// Magic is how a file begins; Word asks for no more.
const Magic = `{\rt`

// Read reads a file.
func Read(ctx context.Context, t *task.Task, r io.Reader) error {
	p := &parser{ctx: ctx, t: t, in: bufio.NewReaderSize(io.LimitReader(r, maxFile), 64<<10), page: western, fonts: map[int]int{}, words: map[string]string{}}
	p.groups = []group{{skipChars: 1, font: -1}}
	err := p.read()
	p.finish()
	p.book.Tell(t)
	switch {
	case p.err != nil:
		return p.err
	case err != nil && !errors.Is(err, io.EOF):
		return fmt.Errorf("read rtf: %w", err)
	}
	return nil
}

// target is what becomes of the text of a group.
type target uint8

const (
	toText target = iota
	toNothing
	toFonts
	toHex   // an object or a picture
	toShort // a value that is collected
	toCode  // the instruction of a field
	toShown // the result of a field
)

// group is the state that a closing brace restores.
type group struct {
	to        target
	name      string // the destination
	skipChars int    // bytes that stand for a character written as \u
	font      int
	hidden    bool
	deleted   bool
	owner     bool // the group began the destination and ends it
	star      bool // \* stood before: what is not known is left out
	inField   bool // the group is a field
}

type parser struct {
	ctx    context.Context
	t      *task.Task
	book   remark.Book
	in     *bufio.Reader
	groups []group
	beyond int // open groups that have no state
	page   int // the code page of the document
	fonts  map[int]int
	font   int // the font that is being described
	raw    []byte
	skip   int    // bytes still to be left out behind a \u
	high   uint16 // the first half of a surrogate pair

	letters [maxWord]byte
	words   map[string]string // those that were read, to have one copy of each

	short   strings.Builder
	hex     []byte
	nibble  int  // -1, or the first digit of a byte
	cut     bool // there was more than is kept
	blip    string
	objects int
	picts   int
	fields  []*fieldText
	err     error
}

type fieldText struct{ code, shown strings.Builder }

func (p *parser) top() *group { return &p.groups[len(p.groups)-1] }

func (p *parser) read() error {
	for n := 0; ; n++ {
		if n%every == 0 && (p.ctx.Err() != nil || p.err != nil) {
			return p.ctx.Err()
		}
		c, err := p.in.ReadByte()
		if err != nil {
			return err
		}
		switch c {
		case '{':
			p.open()
		case '}':
			p.close()
		case '\\':
			if err := p.control(); err != nil {
				return err
			}
		case '\r', '\n', 0:
		default:
			p.char(c)
		}
	}
}

func (p *parser) open() {
	p.flush()
	p.skip = 0
	if len(p.groups) >= maxDepth {
		if p.beyond == 0 {
			p.t.Cap(engine.DefectDepth, "groups nest deeper than %d", maxDepth)
		}
		p.beyond++
		return
	}
	g := *p.top()
	g.owner, g.star, g.inField = false, false, false
	p.groups = append(p.groups, g)
}

func (p *parser) close() {
	p.flush()
	p.skip = 0
	if p.beyond > 0 {
		p.beyond--
		return
	}
	if len(p.groups) == 1 {
		return // Word reads on
	}
	g := *p.top()
	p.groups = p.groups[:len(p.groups)-1]
	if g.owner {
		p.ends(g)
	}
	if g.inField {
		p.fieldEnds()
	}
}

// char is a byte that is no control.
func (p *parser) char(c byte) {
	if p.skip > 0 {
		p.skip--
		return
	}
	switch p.top().to {
	case toNothing:
	case toHex:
		p.digit(c)
		p.digits()
	default:
		p.raw = append(p.raw, c)
		if len(p.raw) >= maxShort {
			p.flush()
		}
	}
}

// digit collects hexadecimal; everything else in between means nothing.
func (p *parser) digit(c byte) {
	var v int
	switch {
	case c >= '0' && c <= '9':
		v = int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		v = int(c|0x20-'a') + 10
	default:
		return
	}
	if p.nibble < 0 {
		p.nibble = v
		return
	}
	if len(p.hex) < maxHex {
		p.hex = append(p.hex, byte(p.nibble<<4|v))
	} else {
		p.cut = true
	}
	p.nibble = -1
}

// digits collects those that are at hand, up to what is no digit.
func (p *parser) digits() {
	b, _ := p.in.Peek(p.in.Buffered())
	n := 0
	for ; n < len(b); n++ {
		if c := b[n]; c == '{' || c == '}' || c == '\\' {
			break
		}
		p.digit(b[n])
	}
	p.in.Discard(n) //nolint:errcheck // they are at hand
}

// told says that more of an object was there than is kept.
func (p *parser) told() {
	if p.cut {
		p.t.Cap(engine.DefectUnpackSize, "an object of more than %d bytes", maxHex)
	}
	p.cut = false
}

// control reads what follows a backslash.
func (p *parser) control() error {
	c, err := p.in.ReadByte()
	if err != nil {
		return err
	}
	if !isLetter(c) {
		return p.symbol(c)
	}
	word := append(p.letters[:0], c)
	for {
		if c, err = p.in.ReadByte(); err != nil || !isLetter(c) {
			break
		}
		if len(word) < maxWord {
			word = append(word, c)
		}
	}
	value, has := 0, false
	if err == nil && (c == '-' || isDigit(c)) {
		value, c, err = p.number(c)
		has = true
	}
	if err == nil && c != ' ' {
		p.in.UnreadByte() //nolint:errcheck // a byte was read
	}
	name, known := p.words[string(word)]
	if !known {
		if name = string(word); len(p.words) < maxFonts {
			p.words[name] = name
		}
	}
	return p.word(name, value, has)
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// number reads the parameter of a word and the byte behind it.
func (p *parser) number(first byte) (value int, next byte, err error) {
	var room [12]byte
	digits := append(room[:0], first)
	for {
		if next, err = p.in.ReadByte(); err != nil || !isDigit(next) {
			break
		}
		if len(digits) < 12 {
			digits = append(digits, next)
		}
	}
	value, _ = strconv.Atoi(string(digits))
	return value, next, err
}

func (p *parser) symbol(c byte) error {
	switch c {
	case '\'':
		return p.hexChar()
	case '*':
		p.top().star = true
	case '~':
		p.rune('\u00a0')
	case '_':
		p.rune('-')
	case '\\', '{', '}':
		p.char(c)
	case '\r', '\n':
		p.rune('\n')
	}
	return nil
}

// hexChar is a byte of text written as two digits.
func (p *parser) hexChar() error {
	var b [2]byte
	for i := range b {
		c, err := p.in.ReadByte()
		if err != nil {
			return err
		}
		b[i] = c
	}
	v, err := strconv.ParseUint(string(b[:]), 16, 8)
	if p.skip > 0 {
		p.skip--
		return nil
	}
	if to := p.top().to; err == nil && to != toNothing && to != toHex {
		p.raw = append(p.raw, byte(v))
	}
	return nil
}

// flush decodes bytes that were collected, in the code page of their font.
func (p *parser) flush() {
	if len(p.raw) == 0 {
		return
	}
	if isASCII(p.raw) {
		s := string(p.raw)
		p.raw = p.raw[:0]
		p.text(s)
		return
	}
	page := p.page
	if own, known := p.fonts[p.top().font]; known && own != 0 {
		page = own
	}
	s := charset.CodePage(page, p.raw)
	p.raw = p.raw[:0]
	p.text(s)
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// rune is a character that a word stands for.
func (p *parser) rune(r rune) {
	p.flush()
	p.text(string(r))
}

// text gives text to where the group sends it.
func (p *parser) text(s string) {
	g := p.top()
	switch g.to {
	case toShort:
		appendTo(&p.short, s, maxShort)
		return
	case toCode:
		if n := len(p.fields); n > 0 {
			appendTo(&p.fields[n-1].code, s, field.MaxCode)
		}
		return
	case toText, toShown:
	default:
		return
	}
	for _, f := range p.fields {
		appendTo(&f.shown, s, maxShort)
	}
	if g.hidden {
		p.book.Add(remark.Hidden, s)
	}
	if g.deleted {
		p.book.Add(remark.Deleted, s)
	}
	p.t.Text.Add(s)
}

func appendTo(b *strings.Builder, s string, max int) {
	if left := max - b.Len(); left > 0 {
		b.WriteString(s[:min(len(s), left)])
	}
}

// unicode is a character by its number, a negative one above 32767; what stands
// for it behind it is left out.
func (p *parser) unicode(v int) {
	p.flush()
	u := uint16(v)
	switch {
	case u&0xfc00 == 0xd800:
		p.high = u
	case u&0xfc00 == 0xdc00 && p.high != 0:
		p.text(string(utf16.DecodeRune(rune(p.high), rune(u))))
		p.high = 0
	default:
		p.text(string(rune(u)))
	}
	p.skip = p.top().skipChars
}

// ends tells what a destination held.
func (p *parser) ends(g group) {
	value := strings.TrimSpace(p.short.String())
	switch g.name {
	case "objdata":
		p.object()
	case "pict":
		p.picture()
	case "objclass":
		p.book.Add(remark.Class, value)
	case "template":
		p.t.Fact("template", value)
		if strings.Contains(value, "://") || strings.HasPrefix(value, `\\`) {
			p.book.Outside(p.t, value)
		}
	case "hlsrc", "hlinkbase":
		p.book.Link(p.t, value, "")
	case "annotation", "footnote", "header", "footer", "shptxt":
		p.t.Text.Break()
	default:
		if name, known := facts[g.name]; known {
			p.t.Fact(name, value)
		}
	}
	if g.to == toShort {
		p.short.Reset()
	}
}

// facts are destinations inside the information group.
var facts = map[string]string{
	"title": "title", "subject": "subject", "author": "author", "operator": "last_modified_by", "company": "company",
	"manager": "manager", "category": "category", "keywords": "keywords", "doccomm": "description", "generator": "application",
}

func (p *parser) object() {
	p.told()
	if p.objects++; p.objects > maxObjects || len(p.hex) == 0 {
		p.hex, p.nibble = nil, -1
		return
	}
	name := fmt.Sprintf("object%d", p.objects)
	if err := object.ReadOLE1(p.t, &p.book, name, p.hex); err != nil && p.err == nil {
		p.err = err
	}
	p.hex, p.nibble = nil, -1
}

func (p *parser) picture() {
	p.told()
	if p.picts++; p.picts <= maxPict && p.blip != "" && len(p.hex) > 0 {
		if _, err := p.t.AddBytes(fmt.Sprintf("picture%d.%s", p.picts, p.blip), p.hex); err != nil && p.err == nil {
			p.err = err
		}
	}
	p.hex, p.nibble, p.blip = nil, -1, ""
}

func (p *parser) fieldEnds() {
	n := len(p.fields)
	if n == 0 {
		return
	}
	f := p.fields[n-1]
	p.fields = p.fields[:n-1]
	field.Tell(p.t, &p.book, f.code.String(), f.shown.String())
	if quoted, ok := field.Quote(f.code.String()); ok && n > 1 && p.top().to == toCode {
		appendTo(&p.fields[n-2].code, quoted, field.MaxCode)
	}
}

// finish ends what the file leaves open: an object that is cut counts.
func (p *parser) finish() {
	for len(p.groups) > 1 {
		p.beyond = 0
		p.close()
	}
	p.flush()
	p.t.Text.Break()
}
