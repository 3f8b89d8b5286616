package rules

import (
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/expr-lang/expr/ast"

	"github.com/tqmailrules/tqmailrules/internal/htmlpath"
)

// htmlNode is what html.xpath finds.
type htmlNode struct {
	Name       string            `expr:"name"`
	Text       string            `expr:"text"`
	Attributes map[string]string `expr:"attributes"`
}

// htmlNodeType is its type in the language. It is no part of the environment,
// since no path leads to it.
var htmlNodeType = sync.OnceValue(func() typ {
	b := &tableBuilder{objects: map[reflect.Type]*object{}}
	return b.typeOf(reflect.TypeFor[htmlNode]())
})

// maxHTMLNodes is the number of nodes that one call returns.
const maxHTMLNodes = 1000

func htmlFunctions() []*Function {
	return []*Function{{
		Name: "html.xpath",
		Params: []Param{
			{Name: "html", Type: "body.html, or a text that is HTML"},
			{Name: "path", Type: "a path in quotes", constant: constantText},
		},
		Result: listOf(htmlNodeType()).String(),
		Doc: "the elements, attributes or texts that a path leads to, such as //form[contains(@action, \"login\")]/@action: " +
			"steps along / and //, names or *, at the end @name or text(), conditions in brackets on positions, @name and text() with =, !=, contains, starts-with, not, and, or",
		typed: checkXPath,
	}}
}

func checkXPath(c *checker, f *Function, n ast.Node, args []ast.Node) (ast.Node, typ) {
	result := listOf(htmlNodeType())
	doc := c.htmlOperand(args[0])
	v, ok := c.constantArgument(f, f.Params[1], args[1])
	if !ok {
		return n, result
	}
	path, err := htmlpath.Parse(v.(string))
	if err != nil {
		return c.pathError(args[1], err)
	}
	w := func(r *run, a []any) (any, error) { return workXPath(r, a[0].(string), path) }
	return c.callN("html.xpath "+v.(string), w, result, []ast.Node{doc}), result
}

// htmlOperand takes the source of an HTML page, or a text.
func (c *checker) htmlOperand(n ast.Node) ast.Node {
	if _, t := c.quietType(n); t.kind == objectKind && t.obj.Name == "page" {
		n = at(&ast.MemberNode{Node: n, Property: at(&ast.StringNode{Value: "raw"}, n)}, n)
	}
	out, t := c.node(n)
	if !t.is(textKind) {
		c.fail(n, fmt.Sprintf("html.xpath of %s", t.a()), expected("body.html, or text"))
	}
	return out
}

func (c *checker) pathError(n ast.Node, err error) (ast.Node, typ) {
	loc := n.Location()
	var se *htmlpath.SyntaxError
	message := err.Error()
	if errors.As(err, &se) {
		message = se.Message
		if s, ok := n.(*ast.StringNode); ok {
			loc.From += c.insideLiteral(constantTextAt{s.Value, s, c.src}, min(se.Offset, len(s.Value)))
		}
	}
	c.failAt(loc, "not a path: "+message)
	return n, listOf(htmlNodeType())
}

func workXPath(r *run, html string, path *htmlpath.Path) (any, error) {
	if err := r.spend(len(html) / patternBytes); err != nil {
		return nil, err
	}
	found, err := path.Find(htmlpath.ParseHTML(html), maxHTMLNodes, r.spend)
	if err != nil {
		return nil, err
	}
	out := make([]htmlNode, len(found))
	for i, n := range found {
		out[i] = htmlNode(n)
	}
	return out, nil
}
