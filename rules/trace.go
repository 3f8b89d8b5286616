package rules

import (
	"github.com/expr-lang/expr/ast"
)

// traceMap numbers the sub-expressions of an expression that is compiled with a trace.
type traceMap struct{}

// tracer records their values.
type tracer struct{}

func (c *checker) traced(_, out ast.Node, _ typ) ast.Node { return out }

func (c *checker) enter(_ ast.Node, list ast.Node, _ typ) ast.Node { return list }

func (c *checker) leave(_ ast.Node, out ast.Node, _ typ) ast.Node { return out }

// tick makes a round of a predicate spend fuel.
func (c *checker) tick(ast.Node) ast.Node { return c.emit("tick", boolType) }
