package rules

import (
	"strings"

	"github.com/expr-lang/expr/ast"
)

// extent is the range of bytes of the text that a node was written as. The
// parser keeps one token of each node, so it is the range of those of the whole
// tree below it, widened until every bracket in it is closed.
func (s *source) extent(n ast.Node) (start, end int) {
	from, to := tokens(n)
	start, end = s.bytes(from), s.bytes(to)
	switch n := n.(type) { // words that the parser keeps no token of
	case *ast.VariableDeclaratorNode:
		start = max(strings.LastIndex(s.text[:start], "let"), 0)
	case *ast.ConditionalNode:
		if !n.Ternary {
			start = max(strings.LastIndex(s.text[:start], "if"), 0)
		}
	}
	return s.balance(start, max(start, end))
}

// tokens is the range of the tokens of a tree, in runes.
func tokens(n ast.Node) (from, to int) {
	from, to = n.Location().From, n.Location().To
	if c, ok := n.(*ast.ConditionalNode); ok { // it has the token behind it
		from, to = tokens(c.Cond)
	}
	for _, c := range below(n) {
		if f, t := tokens(c); t > 0 { // else made by the parser, not written
			from, to = min(from, f), max(to, t)
		}
	}
	return from, to
}

// below lists the nodes directly below n. It is a table.
func below(n ast.Node) []ast.Node {
	var out []ast.Node
	add := func(nodes ...ast.Node) {
		for _, c := range nodes {
			if c != nil {
				out = append(out, c)
			}
		}
	}
	switch n := n.(type) {
	case *ast.UnaryNode:
		add(n.Node)
	case *ast.BinaryNode:
		add(n.Left, n.Right)
	case *ast.ChainNode:
		add(n.Node)
	case *ast.MemberNode:
		add(n.Node, n.Property)
	case *ast.SliceNode:
		add(n.Node, n.From, n.To)
	case *ast.CallNode:
		add(n.Callee)
		add(n.Arguments...)
	case *ast.BuiltinNode:
		add(n.Arguments...)
	case *ast.PredicateNode:
		add(n.Node)
	case *ast.ConditionalNode:
		add(n.Cond, n.Exp1, n.Exp2)
	case *ast.VariableDeclaratorNode:
		add(n.Value, n.Expr)
	case *ast.SequenceNode:
		add(n.Nodes...)
	case *ast.ArrayNode:
		add(n.Nodes...)
	}
	return out
}

// balance widens a range until its brackets close, not looking into texts.
func (s *source) balance(start, end int) (int, int) {
	var open []byte
	i := start
	for i < len(s.text) && (i < end || len(open) > 0) {
		switch c := s.text[i]; c {
		case '"', '\'', '`':
			if q := quoteEnd(s.text[i+1:], c); q >= 0 {
				i += q + 1
			}
		case '(', '[', '{':
			open = append(open, c)
		case ')', ']', '}':
			if len(open) == 0 { // it was opened before the range
				before := strings.LastIndexByte(s.text[:start], opener[c])
				if before < 0 {
					return start, end
				}
				return s.balance(before, end)
			}
			open = open[:len(open)-1]
		}
		i++
	}
	if len(open) > 0 {
		return start, end
	}
	return start, max(i, end)
}

var opener = map[byte]byte{')': '(', ']': '[', '}': '{'}
