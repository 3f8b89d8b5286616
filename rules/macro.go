package rules

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// macro is a named expression of a rule file. It is checked once by itself;
// where it is used, its syntax tree stands in place of its name.
type macro struct {
	name string
	src  *source
	tree ast.Node // nil when it does not parse
	t    typ
	use  usage
	bad  bool
}

// macro puts the tree of macros.name in the place of n.
func (c *checker) macro(n *ast.MemberNode, name string) (ast.Node, typ) {
	m := c.l.macros[name]
	if m == nil {
		return c.fail(n, "unknown macro "+name, suggest(name, sortedKeys(c.l.macros)))
	}
	if slices.Contains(c.open, name) {
		cycle := append(slices.Clone(c.open[slices.Index(c.open, name):]), name)
		return c.fail(n, "macros go round in a circle: "+strings.Join(cycle, " uses "))
	}
	if m.bad || m.tree == nil {
		c.bad = true // told at its definition
		return n, typ{}
	}
	inner := &checker{l: c.l, src: m.src, use: c.use, keep: c.keep, open: append(slices.Clone(c.open), name), trace: c.trace}
	inner.used = &yamlfile.Related{Pos: c.src.pos(n.Location().From), Message: "macro " + name + " is used here"}
	out, t := inner.node(m.tree)
	c.bad = c.bad || inner.bad
	return out, t
}

// macroConstants returns the texts of a macro that is written out.
func (c *checker) macroConstants(n *ast.MemberNode) ([]constantTextAt, bool) {
	id, ok := n.Node.(*ast.IdentifierNode)
	prop, isName := n.Property.(*ast.StringNode)
	if !ok || !isName || id.Value != "macros" || c.shadowed("macros") {
		return nil, false
	}
	m := c.l.macros[prop.Value]
	if m == nil || m.tree == nil || slices.Contains(c.open, m.name) {
		return nil, false
	}
	inner := &checker{l: c.l, src: m.src, use: c.use, open: append(slices.Clone(c.open), m.name)}
	return inner.constants(m.tree)
}

// readMacro reads one definition.
func (l *loader) readMacro(name string, n *yamlfile.Node) {
	text, ok := l.Filled(n, "macro "+name)
	m := &macro{name: name, bad: !ok}
	l.macros[name] = m
	if !ok {
		return
	}
	m.src = l.newSource(n, 0, text)
	m.src.macro = name
	m.tree = l.parse(m.src)
	m.bad = m.tree == nil
}

// checkMacros checks each definition by itself, so that a mistake in one is
// told where it stands, whether or not the macro is used.
func (l *loader) checkMacros() {
	for _, name := range sortedKeys(l.macros) {
		m := l.macros[name]
		if m.tree == nil {
			continue
		}
		c := &checker{l: l, src: m.src, use: &m.use, keep: true, open: []string{name}}
		_, m.t = c.node(m.tree)
		m.bad = m.bad || c.bad
	}
}
