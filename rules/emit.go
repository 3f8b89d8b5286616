package rules

import (
	"reflect"
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
)

// work is what a function of the language does: pure, in proportion to what it
// spends, and total over its declared arguments. It must not keep a.
type work func(r *run, a []any) (any, error)

// emit makes a call of a function of the machine, which no author can name.
func (c *checker) emit(name string, result typ, args ...ast.Node) ast.Node {
	return c.emitWork("machine "+name, machine[name](result.rt), result, args)
}

// emitWork makes a call of w with the state of the run before its arguments.
// Calls with one argument that is not known yet, which are most, go through
// expr's typed calls, for which no argument list is allocated.
func (c *checker) emitWork(name string, w work, result typ, args []ast.Node) ast.Node {
	values, constant := constantsOf(args)
	if !result.holdsObject() {
		switch {
		case constant == len(args):
			return c.call0(w, result, values)
		case constant == len(args)-1 && !known(args[0]):
			return c.call1(w, result, args[0], values)
		}
	}
	return c.callN(name, w, result, args)
}

// constantsOf returns the values of the arguments that are known, nil for the
// others, and how many are known.
func constantsOf(args []ast.Node) (values []any, n int) {
	values = make([]any, len(args))
	for i, a := range args {
		if known(a) {
			values[i] = constantValue(a)
			n++
		}
	}
	return values, n
}

func known(n ast.Node) bool {
	switch n.(type) {
	case *ast.ConstantNode, *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return true
	}
	return false
}

func constantValue(n ast.Node) any {
	switch n := n.(type) {
	case *ast.ConstantNode:
		return n.Value
	case *ast.StringNode:
		return n.Value
	case *ast.IntegerNode:
		return n.Value
	case *ast.FloatNode:
		return n.Value
	case *ast.BoolNode:
		return n.Value
	}
	return nil
}

// call0 is a call whose arguments are all known.
func (c *checker) call0(w work, result typ, values []any) ast.Node {
	do := func(state any) any {
		v, err := w(state.(*run), slices.Clone(values))
		if err != nil {
			panic(err) // the machine turns it into the error of the condition
		}
		return v
	}
	if result.kind == boolKind {
		return c.direct(func(state any) bool { return do(state).(bool) })
	}
	return c.direct(do)
}

// call1 is a call whose first argument alone is not known.
func (c *checker) call1(w work, result typ, arg ast.Node, values []any) ast.Node {
	rest := values[1:]
	do := func(state, x any) any {
		r := state.(*run)
		r.args = append(append(r.args[:0], x), rest...)
		v, err := w(r, r.args)
		if err != nil {
			panic(err)
		}
		return v
	}
	if result.kind == boolKind {
		return c.direct(func(state, x any) bool { return do(state, x).(bool) }, arg)
	}
	return c.direct(do, arg)
}

// direct calls a Go function that is part of the tree.
func (c *checker) direct(f any, args ...ast.Node) ast.Node {
	return c.place(&ast.CallNode{Callee: &ast.ConstantNode{Value: f}}, args)
}

// callN is a call in general. The function is declared to expr under a name of
// its own for each type of result, with that type, so that what is built on it
// is compiled with fixed offsets.
func (c *checker) callN(name string, w work, result typ, args []ast.Node) ast.Node {
	rt := result.rt
	if rt == nil {
		rt = reflect.TypeFor[any]()
	}
	unique := name + "\u00b7" + rt.String()
	if c.l.config.Functions[unique] == nil {
		c.l.config.Functions[unique] = &builtin.Function{
			Name:  unique,
			Func:  func(a ...any) (any, error) { return w(a[0].(*run), a[1:]) },
			Types: []reflect.Type{reflect.FuncOf([]reflect.Type{reflect.TypeFor[[]any]()}, []reflect.Type{rt}, true)},
		}
	}
	return c.place(&ast.CallNode{Callee: &ast.IdentifierNode{Value: unique}}, args)
}

// place completes a call: the state of the run in front, and where it stands.
func (c *checker) place(call *ast.CallNode, args []ast.Node) ast.Node {
	state := &ast.IdentifierNode{Value: runName}
	call.Arguments = append([]ast.Node{state}, args...)
	loc := c.src.loc(c.cur.Location())
	for _, n := range []ast.Node{call, call.Callee, state} {
		n.SetLocation(loc)
	}
	return call
}
