package rules

import (
	"github.com/expr-lang/expr/ast"
)

// traceMap numbers the sub-expressions of an expression that is compiled with a trace.
type traceMap struct{}

// tracer records their values.
type tracer struct{}

func (c *checker) traced(_, out ast.Node, _ typ) ast.Node { return out }

// enter makes a predicate spend a step for each element of its list.
func (c *checker) enter(_ ast.Node, list ast.Node, t typ) ast.Node {
	return c.emit("enter", t, list)
}

func (c *checker) leave(_ ast.Node, out ast.Node, _ typ) ast.Node { return out }

func (c *checker) round(body ast.Node, _ typ) ast.Node { return body }
