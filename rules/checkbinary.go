package rules

import (
	"fmt"

	"github.com/expr-lang/expr/ast"

	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// binary checks an operator with two operands.
func (c *checker) binary(n *ast.BinaryNode) (ast.Node, typ) {
	switch n.Operator {
	case "&&", "||", "and", "or":
		left := c.bool(n.Left, "the left side of "+n.Operator)
		return &ast.BinaryNode{Operator: n.Operator, Left: left, Right: c.bool(n.Right, "the right side of "+n.Operator)}, boolType
	case "==", "!=":
		return c.equality(n)
	case "<", "<=", ">", ">=":
		return c.order(n)
	case "+", "-", "*", "/", "%", "**", "^":
		return c.arithmetic(n)
	case "in":
		return c.in(n)
	case "matches":
		return c.matches(n)
	case "contains", "startsWith", "endsWith":
		return c.textOperator(n)
	case "..":
		left := c.number(n.Left, "the left side of ..")
		return &ast.BinaryNode{Operator: "..", Left: left, Right: c.number(n.Right, "the right side of ..")}, listOf(numberType)
	case "??":
		return c.fail(n, "?? is not needed: nothing is ever nil", hint("use coalesce(a, b), which takes the first that is not empty"))
	}
	return c.fail(n, "unknown operator "+n.Operator)
}

func (c *checker) equality(n *ast.BinaryNode) (ast.Node, typ) {
	left, t := c.node(n.Left)
	right, u := c.node(n.Right)
	if !t.same(u) {
		return c.mismatch(n, t, u)
	}
	if t.kind == unknown || u.kind == unknown {
		return n, boolType
	}
	if t.is(listKind, tableKind, objectKind) {
		return c.fail(n, fmt.Sprintf("%s cannot be compared as a whole", t.a()), c.wholeHint(n.Left, t))
	}
	if t.is(textKind) && !c.brief(left) && !c.brief(right) {
		return c.negated(n.Operator == "!=", c.emit("equal", boolType, left, right)), boolType
	}
	return &ast.BinaryNode{Operator: n.Operator, Left: left, Right: right}, boolType
}

func (c *checker) negated(not bool, n ast.Node) ast.Node {
	if !not {
		return n
	}
	return &ast.UnaryNode{Operator: "!", Node: n}
}

// brief says whether a checked text is written out or read from a short field,
// so that comparing it costs little whatever stands on the other side.
func (c *checker) brief(n ast.Node) bool { return known(n) || c.short[n] }

func (c *checker) mismatch(n *ast.BinaryNode, t, u typ) (ast.Node, typ) {
	more := expected("the same type on both sides")
	for _, side := range []struct {
		node ast.Node
		t    typ
		want typ
	}{{n.Left, t, u}, {n.Right, u, t}} {
		if side.t.kind == objectKind && side.want.kind == textKind {
			more = c.wholeHint(side.node, side.t)
		}
		if side.t.kind == listKind && side.t.elem.same(side.want) {
			more = hint("use `in`, or any(%s, # %s ...)", c.nameOf(side.node), n.Operator)
		}
		if side.t.kind == listKind && side.t.elem.kind == objectKind && side.want.kind == textKind {
			more = hint("ask its elements: any(%s, .%s %s ...)", c.nameOf(side.node), mainField[side.t.elem.obj.Name], n.Operator)
		}
		if side.t.kind == timeKind && side.want.kind == textKind {
			more = hint("a moment is written date(\"2024-05-31\")")
		}
		if side.t.kind == durationKind && side.want.kind == textKind {
			more = hint("a span is written duration(\"72h\")")
		}
		if side.t.kind == boolKind && side.want.kind == textKind {
			more = hint("%s is true or false: use it as it is, or with !", c.nameOf(side.node))
		}
	}
	return c.fail(n, fmt.Sprintf("%s %s %s", t, n.Operator, u), more)
}

// mainField is the text by which an object is known.
var mainField = map[string]string{
	"address": "email.email", "email": "email", "domain": "domain", "url": "url", "link": "href_url.url", "subject": "subject", "body": "text",
	"auth result": "result", "plain body": "raw", "page": "display_text", "thread": "text", "attachment": "file_name", "indicator": "value",
	"mailbox": "name", "html node": "text", "mail": "subject.subject", "hop": "ip", "original": "subject",
}

// wholeHint names a field of an object that could have been meant.
func (c *checker) wholeHint(n ast.Node, t typ) func(*yamlfile.Diagnostic) {
	if t.kind == listKind {
		return hint("use len(...), `in`, or any(..., ...)")
	}
	if t.kind != objectKind {
		return expected("a single value")
	}
	best := mainField[t.obj.Name]
	if best == "" {
		return expected("one of its fields: %s", oneOf(t.obj.names()))
	}
	return hint("did you mean %s.%s?", c.nameOf(n), best)
}

func (c *checker) order(n *ast.BinaryNode) (ast.Node, typ) {
	left, t := c.node(n.Left)
	right, u := c.node(n.Right)
	if !t.same(u) {
		return c.mismatch(n, t, u)
	}
	if !t.is(textKind, numberKind, decimalKind, timeKind, durationKind) {
		return c.fail(n, fmt.Sprintf("%s have no order", t), expected("numbers, times, durations or texts"))
	}
	if t.is(textKind) && !c.brief(left) && !c.brief(right) {
		cmp := c.emit("compare", numberType, left, right)
		return &ast.BinaryNode{Operator: n.Operator, Left: cmp, Right: &ast.IntegerNode{}}, boolType
	}
	return &ast.BinaryNode{Operator: n.Operator, Left: left, Right: right}, boolType
}

// arithmetic is the table of what can be reckoned with what.
func (c *checker) arithmetic(n *ast.BinaryNode) (ast.Node, typ) {
	left, t := c.node(n.Left)
	right, u := c.node(n.Right)
	out := &ast.BinaryNode{Operator: n.Operator, Left: left, Right: right}
	if t.kind == unknown || u.kind == unknown {
		return out, typ{}
	}
	switch op := n.Operator; {
	case op == "+" && t.kind == textKind && u.kind == textKind:
		return c.emit("concat", textType, left, right), textType
	case op == "%" && t.kind == numberKind && u.kind == numberKind:
		return c.emit("modulo", numberType, left, right), numberType
	case op == "%":
	case (op == "/" || op == "**" || op == "^") && t.number() && u.number():
		return out, decimalType
	case t.number() && u.number():
		return out, widen(t, u)
	case op == "-" && t.kind == timeKind && u.kind == timeKind:
		return out, durationType
	case (op == "-" || op == "+") && t.kind == timeKind && u.kind == durationKind:
		return out, timeType
	case (op == "-" || op == "+") && t.kind == durationKind && u.kind == durationKind:
		return out, durationType
	case op == "*" && (t.kind == durationKind && u.kind == numberKind || t.kind == numberKind && u.kind == durationKind):
		return out, durationType
	}
	more := expected("numbers")
	if n.Operator == "+" && (t.kind == textKind || u.kind == textKind) {
		more = hint("string(x) writes a value as text")
	}
	return c.fail(n, fmt.Sprintf("%s %s %s", t, n.Operator, u), more)
}

// in checks membership: of a list of the rule file by that list's kind, else of
// a list, a range or the keys of a table.
func (c *checker) in(n *ast.BinaryNode) (ast.Node, typ) {
	left, t := c.node(n.Left)
	if l := c.listOperand(n.Right); l != nil {
		return c.inList(n, left, t, l)
	}
	right, u := c.node(n.Right)
	switch {
	case u.kind == unknown:
	case u.kind == textKind:
		return c.fail(n, "in looks into a list, not into a text", hint("use contains: %s contains %s", c.cut(n.Right), c.cut(n.Left)))
	case u.kind == tableKind && t.is(textKind):
		return c.emit("has", boolType, right, left), boolType
	case u.kind != listKind:
		return c.fail(n, fmt.Sprintf("in looks into a list, not into %s", u.a()))
	case !t.same(*u.elem):
		return c.inMismatch(n, t, u)
	}
	if set := textSet(n.Right); set != nil && t.is(textKind) {
		return &ast.BinaryNode{Operator: "in", Left: left, Right: &ast.ConstantNode{Value: set}}, boolType
	}
	return c.emit("in", boolType, left, right), boolType
}

func (c *checker) inMismatch(n *ast.BinaryNode, t, u typ) (ast.Node, typ) {
	more := expected("%s on the left", u.elem.a())
	if t.kind == objectKind {
		more = c.wholeHint(n.Left, t)
	}
	if t.kind == listKind {
		element := "#"
		if t.elem.kind == objectKind {
			element = "." + mainField[t.elem.obj.Name]
		}
		more = hint("ask each element: any(%s, %s in ...)", c.nameOf(n.Left), element)
	}
	return c.fail(n, fmt.Sprintf("%s in %s", t, u), more)
}

// textSet returns the texts of a list that is written out.
func textSet(n ast.Node) map[string]struct{} {
	a, ok := n.(*ast.ArrayNode)
	if !ok || len(a.Nodes) == 0 {
		return nil
	}
	set := map[string]struct{}{}
	for _, item := range a.Nodes {
		s, ok := item.(*ast.StringNode)
		if !ok {
			return nil
		}
		set[s.Value] = struct{}{}
	}
	return set
}

func (c *checker) matches(n *ast.BinaryNode) (ast.Node, typ) {
	left, t := c.node(n.Left)
	if !t.is(textKind) {
		c.fail(n.Left, fmt.Sprintf("matches on %s", t.a()), expected("text"))
	}
	patterns, ok := c.patterns(n.Right, "", "")
	if !ok {
		return n, boolType
	}
	return c.emit("matches", boolType, left, &ast.ConstantNode{Value: patterns}), boolType
}

func (c *checker) textOperator(n *ast.BinaryNode) (ast.Node, typ) {
	left, t := c.node(n.Left)
	right, u := c.node(n.Right)
	if t.kind == listKind && n.Operator == "contains" {
		return c.fail(n, fmt.Sprintf("%s contains %s", t, u), hint("use in: %s in %s", c.cut(n.Right), c.cut(n.Left)))
	}
	if !t.is(textKind) || !u.is(textKind) {
		return c.fail(n, fmt.Sprintf("%s %s %s", t, n.Operator, u), expected("text on both sides"))
	}
	return c.emit(n.Operator, boolType, left, right), boolType
}

// cut shows a node as it was written, as far as a single token or a path tells.
func (c *checker) cut(n ast.Node) string {
	if p := c.pathOf(n); p != "" {
		return p
	}
	if s, ok := n.(*ast.StringNode); ok {
		return c.src.cut(s.Location())
	}
	return "..."
}
