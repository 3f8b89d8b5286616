package rules

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// Explanation says how the condition of a rule came to its result.
type Explanation struct {
	Rule     string        `json:"rule"`
	Phase    engine.Phase  `json:"-"`
	Early    bool          `json:"early,omitempty"` // asked before the phase in which all that it reads is known
	Result   engine.Result `json:"-"`               // Match, NoMatch or ResultError
	Err      error         `json:"-"`
	Root     *Value        `json:"root"`
	Blockers []*Value      `json:"blockers,omitempty"` // what kept the condition from being true
	Fuel     int           `json:"fuel"`               // steps spent
}

// Value is one sub-expression and what it was.
type Value struct {
	Text      string       `json:"text"` // as written
	Pos       yamlfile.Pos `json:"pos"`
	Start     int          `json:"start"` // bytes of the condition, macro or template
	End       int          `json:"end"`
	Macro     string       `json:"macro,omitempty"` // the macro it stands in
	Type      string       `json:"type"`
	Evaluated bool         `json:"evaluated"`       // false: decided before its turn came
	Value     string       `json:"value,omitempty"` // for people, shortened
	Children  []*Value     `json:"children,omitempty"`
	Total     int          `json:"total,omitempty"`    // elements of the list that a predicate asks
	Asked     int          `json:"asked,omitempty"`    // those that it asked
	Elements  []*Element   `json:"elements,omitempty"` // the first few and the last of those

	Failed bool `json:"failed,omitempty"` // its evaluation ended in the error

	node  ast.Node
	src   *source
	truth any
}

// Element is what a predicate found for one element.
type Element struct {
	Index    int      `json:"index"`
	Element  string   `json:"element"`
	Children []*Value `json:"children"`
}

// Explain evaluates the condition of a rule and returns the value of every
// sub-expression. For a keep rule, ind is the indicator it is asked about; it
// is nil for others. It reports engine.ErrNotFound for a rule that is not there.
func (s *Set) Explain(phase engine.Phase, view *engine.View, id string, ind *engine.Indicator) (Explanation, error) {
	i := slices.IndexFunc(s.rules, func(r *Rule) bool { return r.ID == id })
	if i < 0 {
		return Explanation{}, fmt.Errorf("rule %q: %w", id, engine.ErrNotFound)
	}
	r := s.rules[i]
	traced, tm, err := s.trace(r.when)
	if err != nil {
		return Explanation{}, err
	}
	ev := newEvaluator(s.fuel)
	ev.look(view, ind, traced.use.fixed)
	ev.run.trace = newTracer()
	match, err := ev.condition(traced)
	x := Explanation{Rule: id, Phase: r.Phase, Early: phase < r.Phase, Result: engine.NoMatch, Fuel: s.fuel - ev.run.fuel}
	x.Root = tm.nodes[0].explain(ev.run.trace.root())
	switch {
	case err != nil:
		x.Root.markFailed(err)
		x.Result, x.Err = engine.ResultError, s.place(r, err)
	case match:
		x.Result = engine.Match
	default:
		x.Blockers = blockers(x.Root, true)
	}
	return x, nil
}

// trace compiles an expression once more, with a trace.
func (s *Set) trace(e *expression) (*expression, *traceMap, error) {
	l := s.names.again()
	tm := &traceMap{}
	out := &expression{src: e.src, tree: e.tree, keep: e.keep}
	c := &checker{l: l, src: e.src, use: &out.use, keep: e.keep, trace: tm}
	tree, _ := c.node(e.tree)
	if len(tm.nodes) == 0 { // a condition that is written out: true
		tm.nodes = []*traceNode{{node: e.tree, src: e.src, t: boolType}}
		c.cur, tm.open = e.tree, tm.nodes
		tree = c.traced(tm.nodes[0], tree, boolType)
	}
	program, err := l.compile(tree)
	if err != nil {
		return nil, nil, fmt.Errorf("compile with trace: %w", err)
	}
	out.program = program
	return out, tm, nil
}

func (n *traceNode) explain(b *bodyTrace) *Value {
	v := &Value{node: n.node, src: n.src, Type: n.t.String(), Macro: n.src.macro}
	v.Start, v.End = n.src.extent(n.node)
	v.Text = n.src.text[v.Start:v.End]
	v.Pos = n.src.node.At(n.src.off + v.Start)
	v.truth, v.Evaluated = b.values[n.id]
	if n.constant != nil {
		v.truth, v.Evaluated = n.constant, true
	}
	if v.Evaluated {
		v.Value = show(v.truth)
	}
	if l := b.loops[n.id]; l != nil {
		v.explainLoop(n, b, l)
		return v
	}
	for _, c := range n.parts() {
		v.Children = append(v.Children, c.explain(b))
	}
	return v
}

// parts are the sub-expressions below n; those of a && b && c are a, b and c,
// though the parser pairs them.
func (n *traceNode) parts() []*traceNode {
	op := logical(n.node)
	if op == "" {
		return n.children
	}
	var out []*traceNode
	for _, c := range n.children {
		if logical(c.node) == op {
			out = append(out, c.parts()...)
			continue
		}
		out = append(out, c)
	}
	return out
}

// logical is && or || for an expression that is joined by it, in either spelling.
func logical(n ast.Node) string {
	b, ok := n.(*ast.BinaryNode)
	if !ok {
		return ""
	}
	switch b.Operator {
	case "&&", "and":
		return "&&"
	case "||", "or":
		return "||"
	}
	return ""
}

// markFailed marks the sub-expressions around the place of an error.
func (v *Value) markFailed(err error) {
	var le *located
	if !errors.As(err, &le) || v.Evaluated {
		return
	}
	id, off := le.from>>sourceShift, le.from&(1<<sourceShift-1)
	at := v.src.bytes(off)
	v.Failed = v.Start <= at && at < v.End
	for _, c := range v.below() {
		c.markFailed(err)
	}
	if id != v.src.id { // the error is in a macro: only what leads there failed
		v.Failed = slices.ContainsFunc(v.below(), func(c *Value) bool { return c.Failed })
	}
}

// below are the values directly below, those of the last element included.
func (v *Value) below() []*Value {
	if len(v.Elements) == 0 {
		return v.Children
	}
	return append(slices.Clone(v.Children), v.Elements[len(v.Elements)-1].Children...)
}

// explainLoop shows a predicate: the list as a child, then the elements.
func (v *Value) explainLoop(n *traceNode, b *bodyTrace, l *loopTrace) {
	v.Total, v.Asked = l.total, l.asked
	var body []*traceNode
	for _, c := range n.children {
		if _, outside := b.values[c.id]; outside {
			v.Children = append(v.Children, c.explain(b))
			continue
		}
		body = append(body, c)
	}
	for _, round := range l.kept {
		e := &Element{Index: round.index, Element: show(round.element)}
		for _, c := range body {
			e.Children = append(e.Children, c.explain(round))
		}
		v.Elements = append(v.Elements, e)
	}
}

// blockers finds the sub-expressions that kept v from being what was wanted.
func blockers(v *Value, want bool) []*Value {
	if got, ok := v.truth.(bool); !ok || got == want {
		return nil
	}
	switch n := v.node.(type) {
	case *ast.UnaryNode:
		return orSelf(v, blockersOf(v.Children, !want))
	case *ast.BinaryNode:
		if logical(n) != "" {
			return orSelf(v, blockersOf(v.Children, want))
		}
	case *ast.MemberNode: // a macro
		return orSelf(v, blockersOf(v.Children, want))
	case *ast.BuiltinNode:
		if n.Name == "all" && want && len(v.Elements) > 0 {
			return orSelf(v, blockersOf(v.Elements[len(v.Elements)-1].Children, want))
		}
	}
	return []*Value{v}
}

func blockersOf(values []*Value, want bool) []*Value {
	var out []*Value
	for _, v := range values {
		out = append(out, blockers(v, want)...)
	}
	return out
}

func orSelf(v *Value, found []*Value) []*Value {
	if len(found) == 0 {
		return []*Value{v}
	}
	return found
}

// String renders an explanation as an indented tree.
func (x Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s (%s phase, %d steps)\n", x.Rule, x.Result, x.Phase, x.Fuel)
	if x.Early {
		fmt.Fprintf(&b, "  asked before the %s phase: what is known only then is empty\n", x.Phase)
	}
	x.Root.write(&b, "  ")
	for _, v := range x.Blockers {
		fmt.Fprintf(&b, "  blocked by %s: %s is %s\n", v.Pos, v.Text, v.Value)
	}
	if x.Err != nil {
		fmt.Fprintf(&b, "  error: %s\n", x.Err)
	}
	return b.String()
}

func (v *Value) write(b *strings.Builder, indent string) {
	value := v.Value
	switch {
	case v.Failed:
		value = "failed"
	case !v.Evaluated:
		value = "not evaluated"
	}
	fmt.Fprintf(b, "%s%s = %s\n", indent, strings.Join(strings.Fields(v.Text), " "), value)
	for _, c := range v.Children {
		c.write(b, indent+"  ")
	}
	if v.Total > 0 || len(v.Elements) > 0 {
		fmt.Fprintf(b, "%s  asked %d of %d elements\n", indent, v.Asked, v.Total)
	}
	for _, e := range v.Elements {
		fmt.Fprintf(b, "%s  [%d] %s\n", indent, e.Index, e.Element)
		for _, c := range e.Children {
			c.write(b, indent+"    ")
		}
	}
}

// showWidth is the number of characters of a value that an explanation shows.
const showWidth = 80

// show writes a value for people.
func show(v any) string {
	if s, ok := v.(string); ok {
		return quoteShort(s)
	}
	rv := reflect.ValueOf(v)
	switch rv.Kind() {
	case reflect.Slice:
		return showList(v)
	case reflect.Map:
		return fmt.Sprintf("table of %d entries", rv.Len())
	case reflect.Pointer, reflect.Struct:
		return showObject(reflect.Indirect(rv), 3)
	}
	return written(v)
}

func quoteShort(s string) string {
	if utf8.RuneCountInString(s) > showWidth {
		return fmt.Sprintf("%q... (%d characters)", cutText(s, 0, showWidth), utf8.RuneCountInString(s))
	}
	return fmt.Sprintf("%q", s)
}

func showList(v any) string {
	n := length(v)
	var items []string
	for i := range min(n, 3) {
		items = append(items, show(mustElement(v, i)))
	}
	if n > 3 {
		return fmt.Sprintf("[%s, ...] (%d elements)", strings.Join(items, ", "), n)
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// showObject writes the first few facts that an object has.
func showObject(v reflect.Value, most int) string {
	if !v.IsValid() {
		return "nothing"
	}
	if t, ok := v.Interface().(interface{ IsZero() bool }); ok {
		if t.IsZero() {
			return "no time"
		}
		return written(v.Interface())
	}
	var facts []string
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("expr")
		f := v.Field(i)
		if name == "" || len(facts) == most || !present(f) {
			continue
		}
		switch f.Kind() {
		case reflect.String, reflect.Int, reflect.Bool:
			facts = append(facts, name+": "+show(f.Interface()))
		case reflect.Struct:
			facts = append(facts, name+": "+showObject(f, 1))
		}
	}
	if len(facts) == 0 {
		return "nothing"
	}
	return "{" + strings.Join(facts, ", ") + "}"
}
