package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// checker walks the syntax tree of one expression, as expr parsed it, and
// builds the tree that expr compiles. On the way it finds the type of every
// node, the phase of every path, and every mistake: a mistake gives a node the
// unknown type, which fits everywhere, so that each is told once and all of
// them are told.
//
// The tree it builds is total and metered: a list is read past its end without
// an error, each round of a predicate and each function spends fuel, macros
// and lists stand expanded, patterns are compiled.
type checker struct {
	l     *loader
	src   *source
	use   *usage
	vars  []variable
	preds []predicate
	keep  bool              // `indicator` can be read
	open  []string          // macros being expanded, to find cycles
	used  *yamlfile.Related // where the macro that is being expanded is used
	bad   bool
	cur   ast.Node          // the node being checked
	short map[ast.Node]bool // texts that are read from short fields
	trace *traceMap         // when every value is to be recorded
}

// usage is what an expression reads.
type usage struct {
	phase engine.Phase
	path  string // the path that made the phase as late as it is
	paths []string
	fixed []*fixedPath
	nodes int
}

type variable struct {
	name, unique string
	t            typ
}

// predicate is the list whose elements `#` and `.field` stand for.
type predicate struct {
	elem typ
	path string
}

// maxNodes is the size of a condition with its macros expanded.
const maxNodes = 10_000

func (c *checker) fail(n ast.Node, message string, more ...func(*yamlfile.Diagnostic)) (ast.Node, typ) {
	c.failAt(n.Location(), message, more...)
	return n, typ{}
}

func (c *checker) failAt(loc file.Location, message string, more ...func(*yamlfile.Diagnostic)) {
	d := c.src.diagnostic(loc.From, message)
	for _, f := range more {
		f(&d)
	}
	if c.used != nil {
		d.Related = append(d.Related, *c.used)
	}
	c.l.add(d)
	c.bad = true
}

func hint(format string, args ...any) func(*yamlfile.Diagnostic) {
	return func(d *yamlfile.Diagnostic) { d.Hint = fmt.Sprintf(format, args...) }
}

func expected(format string, args ...any) func(*yamlfile.Diagnostic) {
	return func(d *yamlfile.Diagnostic) { d.Expected = fmt.Sprintf(format, args...) }
}

func suggest(name string, names []string) func(*yamlfile.Diagnostic) {
	return func(d *yamlfile.Diagnostic) { d.Suggest(name, names) }
}

// node checks n and returns what it becomes. It is the switch over all kinds
// of nodes that the parser makes.
func (c *checker) node(n ast.Node) (ast.Node, typ) {
	if c.use.nodes++; c.use.nodes > maxNodes {
		if c.use.nodes == maxNodes+1 {
			c.fail(n, fmt.Sprintf("the condition is too large with its macros expanded: more than %d parts", maxNodes))
		}
		return n, typ{}
	}
	outer := c.cur
	c.cur = n
	tn := c.trace.begin(n, c.src)
	out, t := c.dispatch(n)
	if out != n { // a node that could not be checked is still the parser's
		out.SetLocation(c.src.loc(n.Location()))
	}
	out = c.traced(tn, out, t)
	c.cur = outer
	return out, t
}

func (c *checker) dispatch(n ast.Node) (ast.Node, typ) {
	switch n := n.(type) {
	case *ast.BoolNode:
		return &ast.BoolNode{Value: n.Value}, boolType
	case *ast.IntegerNode:
		return &ast.IntegerNode{Value: n.Value}, numberType
	case *ast.FloatNode:
		return &ast.FloatNode{Value: n.Value}, decimalType
	case *ast.StringNode:
		return &ast.StringNode{Value: n.Value}, textType
	case *ast.IdentifierNode:
		return c.identifier(n)
	case *ast.PointerNode:
		return c.pointer(n)
	case *ast.ChainNode:
		return c.node(n.Node)
	case *ast.MemberNode:
		return c.member(n)
	case *ast.SliceNode:
		return c.slice(n)
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ConditionalNode:
		return c.conditional(n)
	case *ast.ArrayNode:
		return c.array(n)
	case *ast.BuiltinNode:
		return c.builtin(n)
	case *ast.CallNode:
		return c.call(n)
	case *ast.VariableDeclaratorNode:
		return c.let(n)
	case *ast.NilNode:
		return c.fail(n, "nil does not exist here: a fact that is not there is empty", hint("use present(x), or compare with \"\" or 0"))
	case *ast.SequenceNode:
		return c.fail(n, "more than one expression", hint("join conditions with &&; `;` stands only behind let"))
	case *ast.MapNode:
		return c.fail(n, "a table cannot be written in a condition", hint("use a list of the rule file"))
	default:
		return c.fail(n, "this cannot stand in a condition")
	}
}

// reads notes that the expression reads a path of a phase.
func (c *checker) reads(path string, phase engine.Phase) {
	if !slices.Contains(c.use.paths, path) {
		c.use.paths = append(c.use.paths, path)
	}
	if phase > c.use.phase {
		c.use.phase, c.use.path = phase, path
	}
}

// shortText notes that a node reads a text that is not long.
func (c *checker) shortText(n ast.Node, f *field) ast.Node {
	if f.Type.kind == textKind && !f.long {
		if c.short == nil {
			c.short = map[ast.Node]bool{}
		}
		c.short[n] = true
	}
	return n
}

// fixed reads a fixed path.
func (c *checker) fixed(path string) ast.Node {
	p := fixedPaths()[path]
	if !slices.Contains(c.use.fixed, p) {
		c.use.fixed = append(c.use.fixed, p)
	}
	return &ast.IdentifierNode{Value: path}
}

func (c *checker) identifier(n *ast.IdentifierNode) (ast.Node, typ) {
	for i := len(c.vars) - 1; i >= 0; i-- {
		if c.vars[i].name == n.Value {
			return &ast.IdentifierNode{Value: c.vars[i].unique}, c.vars[i].t
		}
	}
	if f := environment().byName[n.Value]; f != nil {
		if n.Value == "indicator" && !c.keep {
			return c.fail(n, "indicator can be read in keep only", hint("use any(indicators, ...)"))
		}
		c.reads(n.Value, f.Phase)
		return c.shortText(c.fixed(n.Value), f), f.Type
	}
	if n.Value == "lists" || n.Value == "macros" || isNamespace(n.Value) {
		return c.fail(n, n.Value+" is not a value", hint("%s is followed by a dot and a name", n.Value))
	}
	if functions().byName[n.Value] != nil {
		return c.fail(n, n.Value+" is a function", hint("%s", functions().byName[n.Value].Usage()))
	}
	return c.fail(n, "unknown name "+n.Value, c.suggestRoot(n.Value))
}

// aliases are words of other mail tools for what has a name of its own here.
var aliases = map[string]string{
	"from": "sender", "to": "recipients.to", "cc": "recipients.cc", "bcc": "recipients.bcc", "msg": "message", "mail": "message",
	"email": "sender.email.email", "text": "body.text", "html": "body.html.raw", "files": "attachments", "urls": "body.links",
	"spf": "auth.spf.result", "dkim": "auth.dkim.result", "dmarc": "auth.dmarc.result", "iocs": "indicators", "type": "direction",
	"attached": "attachments", "reply_to": "headers.reply_to", "folder": "message.folder",
}

func (c *checker) suggestRoot(name string) func(*yamlfile.Diagnostic) {
	names := environment().names()
	for _, v := range c.vars {
		names = append(names, v.name)
	}
	names = append(names, "lists", "macros")
	if near, ok := yamlfile.Nearest(name, names); ok {
		return hint("did you mean %s?", near)
	}
	if a := aliases[strings.ToLower(name)]; a != "" {
		return hint("did you mean %s?", a)
	}
	if path := pathEndingIn(name); path != "" {
		return hint("did you mean %s?", path)
	}
	return suggest(name, append(names, functions().names...))
}

// pathEndingIn finds a path to a field of that name, best one without a list in it.
func pathEndingIn(name string) string {
	found := ""
	for _, e := range Environment() {
		if !strings.HasSuffix(e.Path, "."+name) {
			continue
		}
		list, field, inList := strings.Cut(e.Path, "[]")
		if !inList {
			return e.Path
		}
		if found == "" && !strings.Contains(field, "[]") {
			found = fmt.Sprintf("any(%s, %s ...)", list, field)
		}
	}
	return found
}

func (c *checker) pointer(n *ast.PointerNode) (ast.Node, typ) {
	if len(c.preds) == 0 {
		return c.fail(n, "# can stand only inside any, all, filter and the like")
	}
	if n.Name != "" {
		return c.fail(n, "unknown name #"+n.Name, hint("# is the element itself"))
	}
	return &ast.PointerNode{}, c.preds[len(c.preds)-1].elem
}

func (c *checker) let(n *ast.VariableDeclaratorNode) (ast.Node, typ) {
	if environment().byName[n.Name] != nil || functions().byName[n.Name] != nil || isNamespace(n.Name) {
		c.fail(n, "let cannot rename "+n.Name, hint("choose a name that is not taken"))
	}
	value, t := c.node(n.Value)
	unique := fmt.Sprintf("%s\u00b7%d", n.Name, c.use.nodes)
	c.vars = append(c.vars, variable{n.Name, unique, t})
	body, result := c.node(n.Expr)
	c.vars = c.vars[:len(c.vars)-1]
	return &ast.VariableDeclaratorNode{Name: unique, Value: value, Expr: body}, result
}

func (c *checker) conditional(n *ast.ConditionalNode) (ast.Node, typ) {
	cond := c.bool(n.Cond, "the condition before ?")
	yes, t := c.node(n.Exp1)
	no, u := c.node(n.Exp2)
	if !t.same(u) {
		return c.fail(n.Exp2, fmt.Sprintf("the two sides of : are %s and %s", t, u), expected("the same type on both sides"))
	}
	if t.kind == unknown {
		t = u
	}
	return &ast.ConditionalNode{Ternary: true, Cond: cond, Exp1: yes, Exp2: no}, widen(t, u)
}

// widen is the type of a value that may be of either type.
func widen(t, u typ) typ {
	if t.kind == numberKind && u.kind == decimalKind {
		return u
	}
	return t
}

func (c *checker) array(n *ast.ArrayNode) (ast.Node, typ) {
	out, elem := &ast.ArrayNode{}, typ{}
	for i, item := range n.Nodes {
		o, t := c.node(item)
		if i > 0 && !elem.same(t) {
			return c.fail(item, fmt.Sprintf("a list of %s with %s in it", elem, t.a()), expected("elements of one type"))
		}
		elem = widen(t, elem)
		out.Nodes = append(out.Nodes, o)
	}
	if texts := writtenTexts(out.Nodes); texts != nil {
		return &ast.ConstantNode{Value: texts}, textsType
	}
	return out, listOf(elem)
}

// writtenTexts returns the values of nodes that are all texts written out.
func writtenTexts(nodes []ast.Node) []string {
	var texts []string
	for _, n := range nodes {
		s, ok := n.(*ast.StringNode)
		if !ok {
			return nil
		}
		texts = append(texts, s.Value)
	}
	return texts
}

// bool checks an operand that must be true or false.
func (c *checker) bool(n ast.Node, what string) ast.Node {
	out, t := c.node(n)
	if !t.is(boolKind) {
		c.notBool(n, t, what)
	}
	return out
}

func (c *checker) notBool(n ast.Node, t typ, what string) {
	help := hint("use present(...) to ask whether it is there")
	if t.number() {
		help = hint("compare it, as in > 0")
	}
	if t.kind == listKind {
		help = hint("use any(..., ...) or len(...) > 0")
	}
	c.failAt(n.Location(), fmt.Sprintf("%s is %s", what, t.a()), expected("true/false"), help)
}

func (c *checker) unary(n *ast.UnaryNode) (ast.Node, typ) {
	if n.Operator == "!" || n.Operator == "not" {
		return &ast.UnaryNode{Operator: n.Operator, Node: c.bool(n.Node, "the operand of "+n.Operator)}, boolType
	}
	out, t := c.node(n.Node)
	if !t.is(numberKind, decimalKind) {
		return c.fail(n.Node, fmt.Sprintf("%s before %s", n.Operator, t.a()), expected("a number"))
	}
	return &ast.UnaryNode{Operator: n.Operator, Node: out}, t
}

// quietType finds the type of a node that is checked elsewhere, and tells nothing.
func (c *checker) quietType(n ast.Node) (ast.Node, typ) {
	diags, bad, use, trace := c.l.Diags, c.bad, *c.use, c.trace
	c.trace = nil
	out, t := c.dispatch(n)
	c.l.Diags, c.bad, c.trace = diags, bad, trace
	*c.use = use
	return out, t
}
