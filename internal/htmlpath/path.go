// Package htmlpath finds elements in HTML by a small part of XPath.
//
// A Path is steps along / and //: an element name or *, then conditions in
// brackets; at the end it may name an attribute (@href) or text(). Conditions
// are a position, @name, @name = "value", text() = "value", contains(..., "value"),
// starts-with(..., "value"), not(...), and these joined by and, or. Names compare
// regardless of case, values as they are. Several paths may be joined by |.
//
// The tree is built from the tokens in one pass and is not the tree of a
// browser: tags are closed by their end tag, by the end of an element around
// them, or, for p, li, td and the like, by the next of their kind. What lies
// deeper than 512 elements hangs on the last level. Parsing and matching take
// time in proportion to the text and the number of steps; a Path can only be
// as long as its author wrote it.
//
// The package never fetches anything and never runs scripts.
package htmlpath

import (
	"fmt"
	"strconv"
	"strings"
)

// Path is a parsed path. It is immutable and safe for concurrent use.
type Path struct{ alternatives [][]step }

// step is one name of a path and its conditions.
type step struct {
	deep  bool   // reached by //
	name  string // element, "*", "@name" or "text()"
	conds []cond
}

// cond is a condition in brackets.
type cond interface {
	holds(f *finder, n *element, position int) bool
}

// SyntaxError is a mistake in a path. Offset counts bytes.
type SyntaxError struct {
	Offset  int
	Message string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at offset %d", e.Message, e.Offset) }

// maxSteps is the length of a path.
const maxSteps = 50

// Parse reads a path; an error is a *SyntaxError.
func Parse(text string) (*Path, error) {
	p := &parser{text: text}
	path := &Path{}
	for {
		steps := p.steps()
		path.alternatives = append(path.alternatives, steps)
		if p.err != nil || !p.eat("|") {
			break
		}
	}
	p.blanks()
	if p.err == nil && p.pos < len(p.text) {
		p.fail("unexpected " + strconv.Quote(p.text[p.pos:p.pos+1]))
	}
	if p.err != nil {
		return nil, p.err
	}
	return path, nil
}

type parser struct {
	text  string
	pos   int
	depth int
	err   *SyntaxError
}

func (p *parser) fail(message string) {
	if p.err == nil {
		p.err = &SyntaxError{p.pos, message}
	}
}

func (p *parser) blanks() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

func (p *parser) eat(s string) bool {
	p.blanks()
	if !strings.HasPrefix(p.text[p.pos:], s) {
		return false
	}
	p.pos += len(s)
	return true
}

func (p *parser) need(s string) {
	if !p.eat(s) {
		p.fail("expected " + s)
	}
}

func (p *parser) steps() []step {
	var out []step
	p.eat(".")
	for p.err == nil {
		deep := p.eat("//")
		if !deep && !p.eat("/") {
			break
		}
		s := p.step(deep)
		if len(out) > 0 && !selectsElements(out[len(out)-1].name) {
			p.fail("nothing can stand behind " + out[len(out)-1].name)
		}
		if len(out) == maxSteps {
			p.fail("too many steps")
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		p.fail("a path starts with / or //")
	}
	return out
}

func selectsElements(name string) bool { return name != "text()" && name[0] != '@' }

func (p *parser) step(deep bool) step {
	s := step{deep: deep}
	switch {
	case p.eat("@"):
		s.name = "@" + p.name()
		return s
	case p.eat("text()"):
		s.name = "text()"
		return s
	case p.eat("*"):
		s.name = "*"
	default:
		s.name = p.name()
	}
	for p.err == nil && p.eat("[") {
		s.conds = append(s.conds, p.or())
		p.need("]")
	}
	return s
}

func (p *parser) name() string {
	start := p.pos
	for p.pos < len(p.text) && nameByte(p.text[p.pos]) {
		p.pos++
	}
	if p.pos == start {
		p.fail("expected a name")
		return "?"
	}
	return strings.ToLower(p.text[start:p.pos])
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == ':' || c >= 0x80
}

type (
	both     struct{ a, b cond }
	either   struct{ a, b cond }
	negation struct{ c cond }
	position int
	// test asks a value of an element: it exists, or fits.
	test struct {
		value string // "@name" or "text()"
		fits  func(value, want string) bool
		want  string
	}
)

func (c both) holds(f *finder, n *element, i int) bool {
	return c.a.holds(f, n, i) && c.b.holds(f, n, i)
}

func (c either) holds(f *finder, n *element, i int) bool {
	return c.a.holds(f, n, i) || c.b.holds(f, n, i)
}
func (c negation) holds(f *finder, n *element, i int) bool { return !c.c.holds(f, n, i) }
func (c position) holds(_ *finder, _ *element, i int) bool { return i == int(c) }

func (c test) holds(f *finder, n *element, _ int) bool {
	if c.value == "text()" {
		return c.fits(f.text(n), c.want)
	}
	v, ok := n.attr[c.value[1:]]
	return ok && c.fits(v, c.want)
}

// word eats a word that is not the start of a longer one.
func (p *parser) word(s string) bool {
	start := p.pos
	if p.eat(s) && (p.pos == len(p.text) || !nameByte(p.text[p.pos])) {
		return true
	}
	p.pos = start
	return false
}

func (p *parser) or() cond {
	c := p.and()
	for p.err == nil && p.word("or") {
		c = either{c, p.and()}
	}
	return c
}

func (p *parser) and() cond {
	c := p.cond()
	for p.err == nil && p.word("and") {
		c = both{c, p.cond()}
	}
	return c
}

func (p *parser) cond() cond {
	if p.depth++; p.depth > maxSteps {
		p.fail("too many brackets")
	}
	defer func() { p.depth-- }()
	p.blanks()
	switch {
	case p.err != nil:
		return position(0)
	case p.eat("("):
		c := p.or()
		p.need(")")
		return c
	case p.eat("not("):
		c := negation{p.or()}
		p.need(")")
		return c
	case p.eat("contains("):
		return p.call(strings.Contains)
	case p.eat("starts-with("):
		return p.call(strings.HasPrefix)
	case p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9':
		return p.position()
	}
	value := p.value()
	if p.eat("!=") {
		return negation{test{value, equal, p.quoted()}}
	}
	if p.eat("=") {
		return test{value, equal, p.quoted()}
	}
	return test{value, func(string, string) bool { return true }, ""}
}

func equal(a, b string) bool { return a == b }

func (p *parser) call(fits func(value, want string) bool) cond {
	value := p.value()
	p.need(",")
	c := test{value, fits, p.quoted()}
	p.need(")")
	return c
}

func (p *parser) position() cond {
	start := p.pos
	for p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9' {
		p.pos++
	}
	n, err := strconv.Atoi(p.text[start:p.pos])
	if err != nil || n < 1 {
		p.fail("positions count from 1")
	}
	return position(n)
}

func (p *parser) value() string {
	switch {
	case p.eat("@"):
		return "@" + p.name()
	case p.eat("text()"), p.eat("."):
		return "text()"
	}
	p.fail("expected @name, text(), a position or a function")
	return "text()"
}

func (p *parser) quoted() string {
	p.blanks()
	if p.pos < len(p.text) && (p.text[p.pos] == '"' || p.text[p.pos] == '\'') {
		quote := p.text[p.pos : p.pos+1]
		if end := strings.Index(p.text[p.pos+1:], quote); end >= 0 {
			s := p.text[p.pos+1 : p.pos+1+end]
			p.pos += end + 2
			return s
		}
	}
	p.fail("expected a text in quotes")
	return ""
}
