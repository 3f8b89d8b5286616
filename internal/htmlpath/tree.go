package htmlpath

import (
	"strings"

	"golang.org/x/net/html"
)

// Node is one result.
type Node struct {
	Name       string            // of the element; of an attribute, of the element that has it
	Text       string            // of the element with everything in it, white space joined; or the value
	Attributes map[string]string // of the element; must not be changed
}

// element is an element of the tree.
type element struct {
	name     string
	attr     map[string]string
	children []child
}

// child is an element or text.
type child struct {
	elem *element
	text string
}

// Doc is a parsed document. It is immutable and safe for concurrent use.
type Doc struct {
	root *element
	size int // elements
}

// Caps on a document.
const (
	maxDepth = 512
	maxText  = 64 << 10 // bytes of the text of one element
)

// void elements have no content.
var void = map[string]bool{
	"area": true, "base": true, "br": true, "col": true, "embed": true, "hr": true, "img": true, "input": true,
	"link": true, "meta": true, "param": true, "source": true, "track": true, "wbr": true,
}

// closes says which open element a start tag ends when it stands directly in it.
var closes = map[string]map[string]bool{
	"p": {"p": true}, "li": {"li": true}, "option": {"option": true}, "tr": {"tr": true, "td": true, "th": true},
	"td": {"td": true, "th": true}, "th": {"td": true, "th": true}, "dt": {"dt": true, "dd": true}, "dd": {"dt": true, "dd": true},
}

// ParseHTML builds the tree of a text. Any text has one.
func ParseHTML(text string) *Doc {
	b := builder{doc: &Doc{root: &element{}}}
	b.open = []*element{b.doc.root}
	z := html.NewTokenizer(strings.NewReader(text))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return b.doc
		case html.TextToken:
			b.text(string(z.Text()))
		case html.StartTagToken, html.SelfClosingTagToken:
			b.start(z)
		case html.EndTagToken:
			name, _ := z.TagName()
			b.end(string(name))
		}
	}
}

type builder struct {
	doc  *Doc
	open []*element
}

func (b *builder) top() *element { return b.open[len(b.open)-1] }

func (b *builder) text(s string) {
	if strings.TrimSpace(s) != "" {
		b.top().children = append(b.top().children, child{text: s})
	}
}

func (b *builder) start(z *html.Tokenizer) {
	raw, more := z.TagName()
	e := &element{name: string(raw), attr: map[string]string{}}
	for more {
		var key, value []byte
		key, value, more = z.TagAttr()
		if _, again := e.attr[string(key)]; !again {
			e.attr[string(key)] = string(value)
		}
	}
	for len(b.open) > 1 && closes[e.name][b.top().name] {
		b.open = b.open[:len(b.open)-1]
	}
	b.doc.size++
	b.top().children = append(b.top().children, child{elem: e})
	if !void[e.name] && len(b.open) < maxDepth {
		b.open = append(b.open, e)
	}
}

// lookBack is how many open elements an end tag may close at once.
const lookBack = 64

func (b *builder) end(name string) {
	for i := len(b.open) - 1; i > 0 && i >= len(b.open)-lookBack; i-- {
		if b.open[i].name == name {
			b.open = b.open[:i]
			return
		}
	}
}

// text is what stands in the element, white space joined.
func (e *element) text() string {
	var b strings.Builder
	e.write(&b)
	return strings.Join(strings.Fields(b.String()), " ")
}

func (e *element) write(b *strings.Builder) {
	for _, c := range e.children {
		if b.Len() > maxText {
			return
		}
		if c.elem == nil {
			b.WriteString(c.text[:min(len(c.text), maxText)])
			continue
		}
		b.WriteByte(' ')
		c.elem.write(b)
		b.WriteByte(' ')
	}
}
