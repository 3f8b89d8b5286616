package rules

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
)

var (
	pList      = Param{Name: "list", Type: "a list", t: []typ{}}
	pCondition = Param{Name: "condition", Type: "true/false, with # or .field for the element"}
	pExpr      = Param{Name: "expression", Type: "with # or .field for the element"}
)

// predicateFunctions ask every element of a list. A call spends a step for each
// element before it asks the first, whether or not it will ask them all, so
// that the fuel a condition needs does not depend on where in a list a thing stands.
func predicateFunctions() []*Function {
	p := func(name, result, doc string, second Param) *Function {
		return &Function{Name: name, Params: []Param{pList, second}, Result: result, Doc: doc, typed: checkPredicate}
	}
	return []*Function{
		p("any", "true/false", "some element fulfils the condition", pCondition),
		p("all", "true/false", "every element does; true for an empty list", pCondition),
		p("none", "true/false", "no element does", pCondition),
		p("one", "true/false", "exactly one does", pCondition),
		p("filter", "list", "the elements that do", pCondition),
		p("map", "list", "the expression for each element", pExpr),
		p("find", "element", "the first element that does, else the empty one", pCondition),
		p("findLast", "element", "the last element that does, else the empty one", pCondition),
		p("findIndex", "number", "where the first such element stands, -1 if nowhere", pCondition),
		p("findLastIndex", "number", "where the last such element stands, -1 if nowhere", pCondition),
		p("count", "number", "how many elements do; without a condition, how many are true", optional(pCondition)),
		p("sum", "number", "the sum of the expression over the elements, or of the elements", optional(pExpr)),
	}
}

// checkPredicate is the type rule of the functions above.
func checkPredicate(c *checker, f *Function, n ast.Node, args []ast.Node) (ast.Node, typ) {
	coll, t := c.node(args[0])
	if !t.is(listKind) {
		c.fail(args[0], fmt.Sprintf("%s asks a list, and this is %s", f.Name, t.a()), expected("a list"))
		c.predicate(args[len(args)-1], predicate{})
		return n, typ{}
	}
	elem := typ{}
	if t.kind == listKind {
		elem = *t.elem
	}
	bt := elem
	out := &ast.BuiltinNode{Name: f.Name, Arguments: []ast.Node{c.enter(coll, t)}}
	if name, last := strings.CutPrefix(f.Name, "findLast"); last {
		// QUIRK: expr 1.17.8 leaves values on its stack when it goes through a
		// list backwards, so that a call around it gets the wrong arguments.
		out.Name, out.Arguments[0] = "find"+name, c.emitWork("reverse", workReverse, t, out.Arguments)
	}
	if len(args) == 2 {
		pred, pt := c.predicate(args[1], predicate{elem, c.pathOf(args[0])})
		out.Arguments, bt = append(out.Arguments, pred), pt
	}
	return c.predicateResult(f, n, args, out, t, bt)
}

func (c *checker) predicateResult(f *Function, n ast.Node, args []ast.Node, out *ast.BuiltinNode, list, body typ) (ast.Node, typ) {
	last := args[len(args)-1]
	switch f.Name {
	case "map":
		return c.leave(out, listOf(body)), listOf(body)
	case "sum":
		if !body.is(numberKind, decimalKind) {
			return c.fail(last, fmt.Sprintf("sum of %s", body), expected("numbers"))
		}
		return c.leave(out, body), body
	}
	if !body.is(boolKind) {
		c.notBool(last, body, "the condition of "+f.Name)
		return n, typ{}
	}
	out.SetLocation(c.src.loc(n.Location()))
	switch f.Name {
	case "filter":
		return c.leave(out, list), list
	case "find", "findLast":
		elem := typ{}
		if list.kind == listKind {
			elem = *list.elem
		}
		return c.leave(c.emit("or", elem, out), elem), elem
	case "findIndex":
		return c.leave(c.emitWork("index or", workIndexOr, numberType, []ast.Node{out}), numberType), numberType
	case "findLastIndex":
		return c.leave(c.fromTheEnd(out), numberType), numberType
	case "count":
		return c.leave(out, numberType), numberType
	}
	return c.leave(out, boolType), boolType
}

// fromTheEnd turns an index of the reversed list into one of the list.
func (c *checker) fromTheEnd(find *ast.BuiltinNode) ast.Node {
	list := fmt.Sprintf("list\u00b7%d", c.use.nodes)
	reversed := find.Arguments[0]
	find.Arguments[0] = &ast.IdentifierNode{Value: list}
	index := c.emitWork("index from the end", workIndexFromEnd, numberType, []ast.Node{find, &ast.IdentifierNode{Value: list}})
	return &ast.VariableDeclaratorNode{Name: list, Value: reversed, Expr: index}
}

func workIndexFromEnd(r *run, a []any) (any, error) {
	if a[0] == nil {
		return -1, r.spend(0)
	}
	return length(a[1]) - 1 - a[0].(int), r.spend(0)
}

func workIndexOr(r *run, a []any) (any, error) {
	if a[0] == nil {
		return -1, r.spend(0)
	}
	return a[0], r.spend(0)
}

// predicate checks the body of a predicate.
func (c *checker) predicate(n ast.Node, p predicate) (ast.Node, typ) {
	pn, ok := n.(*ast.PredicateNode)
	if !ok {
		return c.node(n)
	}
	c.preds = append(c.preds, p)
	body, t := c.node(pn.Node)
	c.preds = c.preds[:len(c.preds)-1]
	body = c.round(body, t)
	return at(&ast.PredicateNode{Node: body}, body), t
}
