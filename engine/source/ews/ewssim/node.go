package ewssim

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits of a request.
const (
	maxBody  = 4 << 20  // bytes of most operations
	maxLoad  = 64 << 20 // bytes of those that bring contents
	maxNodes = 200_000  // elements; a request for thousands of items has some ten thousand
	maxDepth = 64       // Exchange's own messages are some ten deep
)

// loads are the operations that may bring contents.
var loads = map[string]bool{"CreateItem": true, "CreateAttachment": true, "UpdateItem": true}

var (
	errTooLarge = errors.New("the request is too large")
	errTooDeep  = errors.New("the request has too many elements, or too deep ones")
)

// node is an element of a request.
type node struct {
	space, name string
	attrs       []xml.Attr
	kids        []*node
	text        []byte // without that of kids
	line, col   int
}

// parse reads a document of at most maxBody bytes, or maxLoad once it says that
// it is one of loads.
func parse(in io.Reader) (*node, error) {
	limited := &limit{in: in, left: maxBody}
	d := xml.NewDecoder(limited)
	p := parser{d: d, limited: limited}
	for {
		token, err := d.Token()
		if err == io.EOF && p.root != nil && len(p.open) == 0 {
			return p.root, nil
		}
		if err == nil {
			err = p.take(token)
		}
		switch {
		case limited.over:
			return nil, errTooLarge
		case err != nil:
			return nil, err
		}
	}
}

// parser has the elements that are not closed yet.
type parser struct {
	d       *xml.Decoder
	limited *limit
	root    *node
	open    []*node
	nodes   int
}

func (p *parser) take(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		return p.begin(t)
	case xml.EndElement:
		last := len(p.open) - 1
		p.open = p.open[:last]
	case xml.CharData:
		if last := len(p.open) - 1; last >= 0 {
			p.open[last].text = append(p.open[last].text, t...)
		}
	case xml.Directive:
		return errors.New("a document type is not allowed")
	}
	return nil
}

func (p *parser) begin(t xml.StartElement) error {
	p.nodes++
	if p.nodes > maxNodes || len(p.open) >= maxDepth {
		return errTooDeep
	}
	n := &node{space: t.Name.Space, name: t.Name.Local, attrs: append([]xml.Attr(nil), t.Attr...)}
	n.line, n.col = p.d.InputPos()
	switch {
	case len(p.open) > 0:
		up := p.open[len(p.open)-1]
		up.kids = append(up.kids, n)
	case p.root != nil:
		return errors.New("the document has several roots")
	default:
		p.root = n
	}
	p.open = append(p.open, n)
	if len(p.open) == 3 && loads[n.name] {
		p.limited.raise()
	}
	return nil
}

// limit is a reader that stops where a request becomes too large.
type limit struct {
	in     io.Reader
	left   int64
	raised bool
	over   bool
}

func (l *limit) raise() {
	if !l.raised {
		l.raised = true
		l.left += maxLoad - maxBody
	}
}

func (l *limit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		l.over = true
		return 0, errTooLarge
	}
	n, err := l.in.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// kid is the first child of a name, of any namespace of EWS; nil when there is none.
func (n *node) kid(name string) *node {
	if n == nil {
		return nil
	}
	for _, k := range n.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

// at follows names downwards.
func (n *node) at(names ...string) *node {
	for _, name := range names {
		n = n.kid(name)
	}
	return n
}

// all are the children, none of nil.
func (n *node) all() []*node {
	if n == nil {
		return nil
	}
	return n.kids
}

func (n *node) attr(name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.attrs {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

func (n *node) has(name string) bool {
	for _, a := range n.attrs {
		if a.Name.Local == name && a.Name.Space == "" {
			return true
		}
	}
	return false
}

func (n *node) value() string {
	if n == nil {
		return ""
	}
	return strings.TrimSpace(string(n.text))
}

// want is a child that has to be there.
func (n *node) want(name string) (*node, error) {
	if k := n.kid(name); k != nil {
		return k, nil
	}
	return nil, invalid(n, fmt.Sprintf("The element '%s' in namespace '%s' has incomplete content. List of possible elements expected: '%s'.", n.name, n.space, name))
}
