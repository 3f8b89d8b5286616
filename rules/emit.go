package rules

import (
	"reflect"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
)

// work is what a function of the language does: pure, in proportion to what it
// spends, and total over its declared arguments.
type work func(r *run, a []any) (any, error)

// emit makes a call of a function of the machine that no author can name. It
// gets the state of the run as its first argument.
func (c *checker) emit(name string, result typ, args ...ast.Node) ast.Node {
	return c.emitWork(name, machine[name](result.rt), result, args)
}

// emitWork makes a call of w. The function is declared to expr under a name of
// its own for each type of result, with that type, so that what is built on it
// is compiled with fixed offsets.
func (c *checker) emitWork(name string, w work, result typ, args []ast.Node) ast.Node {
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
	loc := c.src.loc(c.cur.Location())
	callee, state := &ast.IdentifierNode{Value: unique}, &ast.IdentifierNode{Value: runName}
	call := &ast.CallNode{Callee: callee, Arguments: append([]ast.Node{state}, args...)}
	for _, n := range []ast.Node{callee, state, call} {
		n.SetLocation(loc)
	}
	return call
}

// runName is the name of the state of the run in the environment.
const runName = "run\u00b7"
