package rules

import (
	"github.com/expr-lang/expr/ast"
)

// traceMap is an expression as it is compiled with a trace: its sub-expressions
// by number, each under the one it belongs to.
type traceMap struct {
	nodes []*traceNode
	open  []*traceNode
}

// traceNode is one sub-expression.
type traceNode struct {
	id       int
	node     ast.Node
	src      *source
	t        typ
	children []*traceNode
	constant any // its value, when it is known without evaluation
}

// traces says whether a node is worth a line of an explanation: what is written
// out is not.
func traces(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.StringNode, *ast.NilNode, *ast.ArrayNode, *ast.ChainNode:
		return false
	case *ast.MemberNode:
		id, ok := n.Node.(*ast.IdentifierNode)
		return !ok || id.Value != "lists"
	}
	return true
}

// begin enters a sub-expression; nil when there is no trace.
func (m *traceMap) begin(n ast.Node, src *source) *traceNode {
	if m == nil || !traces(n) {
		return nil
	}
	t := &traceNode{id: len(m.nodes), node: n, src: src}
	m.nodes = append(m.nodes, t)
	if len(m.open) > 0 {
		parent := m.open[len(m.open)-1]
		parent.children = append(parent.children, t)
	}
	m.open = append(m.open, t)
	return t
}

// traced makes a sub-expression record its value.
func (c *checker) traced(tn *traceNode, out ast.Node, t typ) ast.Node {
	if tn == nil {
		return out
	}
	c.trace.open = c.trace.open[:len(c.trace.open)-1]
	tn.t = t
	if known(out) { // it stays as it is, so that what is built on it is too
		tn.constant = constantValue(out)
		return out
	}
	short := c.short[out]
	id := tn.id
	switch {
	case t.kind == boolKind:
		out = c.direct(func(state, x any) bool { state.(*run).trace.value(id, x); return x.(bool) }, out)
	case !t.holdsObject():
		out = c.direct(func(state, x any) any { state.(*run).trace.value(id, x); return x }, out)
	default:
		out = c.callN("trace", workTrace, t, []ast.Node{out, &ast.IntegerNode{Value: id}})
	}
	if short {
		c.short[out] = true
	}
	return out
}

func workTrace(r *run, a []any) (any, error) {
	r.trace.value(a[1].(int), a[0])
	return a[0], nil
}

// enter makes a predicate spend a step for each element of its list.
func (c *checker) enter(list ast.Node, t typ) ast.Node {
	list = c.emit("enter", t, list)
	if tn := c.loop(); tn != nil {
		list = c.callN("trace enter", workTraceEnter, t, []ast.Node{list, &ast.IntegerNode{Value: tn.id}})
	}
	return list
}

func workTraceEnter(r *run, a []any) (any, error) {
	r.trace.enter(a[1].(int), length(a[0]))
	return a[0], nil
}

// round makes a trace know that the next element is asked.
func (c *checker) round(body ast.Node, t typ) ast.Node {
	if c.loop() == nil {
		return body
	}
	tick := c.direct(func(state, element any) bool { state.(*run).trace.round(element); return true }, &ast.PointerNode{})
	var both ast.Node = &ast.SequenceNode{Nodes: []ast.Node{tick, body}}
	if t.is(boolKind) {
		both = &ast.BinaryNode{Operator: "&&", Left: tick, Right: body}
	}
	return at(both, body)
}

// leave ends a predicate.
func (c *checker) leave(out ast.Node, t typ) ast.Node {
	if c.loop() == nil {
		return out
	}
	return c.callN("trace leave", func(r *run, a []any) (any, error) { r.trace.leave(); return a[0], nil }, t, []ast.Node{out})
}

// loop is the predicate that is being checked, nil without a trace.
func (c *checker) loop() *traceNode {
	if c.trace == nil || len(c.trace.open) == 0 {
		return nil
	}
	return c.trace.open[len(c.trace.open)-1]
}

// tracer records what a traced expression does.
type tracer struct {
	body  *bodyTrace
	loops []*loopTrace
}

// bodyTrace is one evaluation of an expression, or of a predicate for one element.
type bodyTrace struct {
	index   int
	element any
	values  map[int]any
	loops   map[int]*loopTrace
	outer   *bodyTrace
}

// loopTrace is one call of a predicate function.
type loopTrace struct {
	total int          // elements of the list
	asked int          // elements that were asked
	kept  []*bodyTrace // the first few, and the last, which decided when not all were asked
}

// keptRounds is the number of elements, beside the last, that a trace keeps.
const keptRounds = 3

func newTracer() *tracer { return &tracer{body: newBody(nil)} }

func newBody(outer *bodyTrace) *bodyTrace {
	return &bodyTrace{values: map[int]any{}, loops: map[int]*loopTrace{}, outer: outer}
}

func (t *tracer) value(id int, v any) { t.body.values[id] = v }

func (t *tracer) enter(id, total int) {
	l := &loopTrace{total: total}
	t.body.loops[id] = l
	t.loops = append(t.loops, l)
	t.body = newBody(t.body) // where the first element will be asked
}

func (t *tracer) round(element any) {
	l := t.loops[len(t.loops)-1]
	outer := t.body.outer
	t.body = newBody(outer)
	t.body.index, t.body.element = l.asked, element
	if len(l.kept) > keptRounds {
		l.kept = l.kept[:keptRounds]
	}
	l.asked++
	l.kept = append(l.kept, t.body)
}

func (t *tracer) leave() {
	t.loops = t.loops[:len(t.loops)-1]
	t.body = t.body.outer
}

// root is the evaluation of the whole expression, also after an error inside.
func (t *tracer) root() *bodyTrace {
	b := t.body
	for b.outer != nil {
		b = b.outer
	}
	return b
}
