package rules

import (
	"fmt"

	"github.com/expr-lang/expr/ast"

	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// member checks x.name and x[i].
func (c *checker) member(n *ast.MemberNode) (ast.Node, typ) {
	if id, ok := n.Node.(*ast.IdentifierNode); ok && !c.shadowed(id.Value) {
		if prop, ok := n.Property.(*ast.StringNode); ok {
			switch {
			case id.Value == "macros":
				return c.macro(n, prop.Value)
			case id.Value == "lists":
				return c.listValue(n, prop.Value)
			case isNamespace(id.Value):
				return c.namespaceMember(n, id.Value, prop.Value)
			}
		}
	}
	known, paths := len(c.use.fixed), len(c.use.paths)
	base, t := c.base(n.Node)
	switch t.kind {
	case unknown:
		return c.unknownMember(n)
	case objectKind:
		if last := len(c.use.paths) - 1; last == paths && c.use.paths[last] == c.pathOf(n.Node) {
			c.use.paths = c.use.paths[:last] // the longer path says it
		}
		return c.fieldOf(n, base, t, known)
	case listKind:
		return c.element(n, base, t)
	case tableKind:
		return c.entry(n, base, t)
	}
	return c.fail(n, fmt.Sprintf("%s has no fields", t.a()), c.parentHint(n))
}

// unknownMember still checks an index, so that its mistakes are told too.
func (c *checker) unknownMember(n *ast.MemberNode) (ast.Node, typ) {
	if _, ok := n.Property.(*ast.StringNode); !ok {
		c.node(n.Property)
	}
	return n, typ{}
}

func (c *checker) shadowed(name string) bool {
	for _, v := range c.vars {
		if v.name == name {
			return true
		}
	}
	return false
}

func (c *checker) namespaceMember(n *ast.MemberNode, ns, name string) (ast.Node, typ) {
	full := ns + "." + name
	if f := functions().byName[full]; f != nil {
		return c.fail(n, full+" is a function", hint("%s", f.Usage()))
	}
	return c.unknownFunction(n, full)
}

// base checks what a dot stands behind. A path is one value: only the whole of
// it is traced.
func (c *checker) base(n ast.Node) (ast.Node, typ) {
	trace := c.trace
	switch n.(type) {
	case *ast.IdentifierNode, *ast.MemberNode, *ast.ChainNode, *ast.PointerNode:
		c.trace = nil
	}
	out, t := c.node(n)
	c.trace = trace
	return out, t
}

// fieldOf checks object.name. known is the number of fixed paths that were read
// before the object was: when the object is a fixed path itself, the longer
// path is read in its place.
func (c *checker) fieldOf(n *ast.MemberNode, base ast.Node, t typ, known int) (ast.Node, typ) {
	prop, ok := n.Property.(*ast.StringNode)
	if !ok {
		return c.fail(n.Property, fmt.Sprintf("%s has fields, not elements", t.a()), expected("a dot and the name of a field"))
	}
	path := c.pathOf(n)
	f := t.obj.byName[prop.Value]
	if f == nil {
		return c.fail(n, "unknown field "+path, c.suggestField(t.obj, prop.Value))
	}
	c.reads(path, f.Phase)
	if id, ok := base.(*ast.IdentifierNode); ok && fixedPaths()[id.Value] != nil {
		c.use.fixed = c.use.fixed[:known]
		return c.shortText(c.fixed(id.Value+"."+prop.Value), f), f.Type
	}
	return c.shortText(&ast.MemberNode{Node: base, Property: at(&ast.StringNode{Value: prop.Value}, prop)}, f), f.Type
}

// otherWords are what people look for under a name that is none, by object.
var otherWords = map[string]string{
	"attachment.locked":      "ask .encrypted && !.decrypted: it needed a password, and nobody had it",
	"attachment.opened":      "ask .decrypted: it needed a password and was opened",
	"attachment.files":       "files is a root: any(files, ...) are all attachments and what is inside them",
	"attachment.attachments": "what is inside an attachment are its children; files are all at any depth",
	"attachment.members":     "what is inside an attachment are its children; files are all at any depth",
	"attachment.macros":      "ask .has_macros, or .metadata[\"auto_macro\"] for those that run by themselves",
}

// suggestField knows other words, then looks for the nearest field, then one
// level below.
func (c *checker) suggestField(o *object, name string) func(*yamlfile.Diagnostic) {
	if other := otherWords[o.Name+"."+name]; other != "" {
		return hint("%s", other)
	}
	if _, ok := yamlfile.Nearest(name, o.names()); ok {
		return suggest(name, o.names())
	}
	for _, f := range o.fields {
		if f.Type.kind == objectKind && f.Type.obj.byName[name] != nil {
			return hint("did you mean %s.%s?", f.Name, name)
		}
	}
	return suggest(name, o.names())
}

// element checks list[i]: any number reads, beyond the ends the empty value.
func (c *checker) element(n *ast.MemberNode, base ast.Node, t typ) (ast.Node, typ) {
	if prop, ok := n.Property.(*ast.StringNode); ok {
		return c.fail(n, fmt.Sprintf("%s is a %s and has no field %s", c.nameOf(n.Node), t, prop.Value),
			hint("ask its elements: any(%s, .%s ...)", c.nameOf(n.Node), prop.Value))
	}
	index, it := c.node(n.Property)
	if !it.is(numberKind) {
		return c.fail(n.Property, fmt.Sprintf("the index of a list is %s", it.a()), expected("a number"))
	}
	return c.emit("at", *t.elem, base, index), *t.elem
}

func (c *checker) entry(n *ast.MemberNode, base ast.Node, t typ) (ast.Node, typ) {
	key, kt := c.node(n.Property)
	if !kt.is(textKind) {
		return c.fail(n.Property, fmt.Sprintf("the key of a table is %s", kt.a()), expected("text"))
	}
	return c.emit("entry", *t.elem, base, key), *t.elem
}

// slice checks x[from:to] of a text, in characters, or of a list.
func (c *checker) slice(n *ast.SliceNode) (ast.Node, typ) {
	base, t := c.node(n.Node)
	if !t.is(textKind, listKind) {
		return c.fail(n.Node, fmt.Sprintf("[:] of %s", t.a()), expected("a text or a list"))
	}
	from, to := ast.Node(&ast.IntegerNode{}), ast.Node(&ast.IntegerNode{Value: 1 << 40})
	if n.From != nil {
		from = c.number(n.From, "the start")
	}
	if n.To != nil {
		to = c.number(n.To, "the end")
	}
	return c.emit("slice", t, base, from, to), t
}

func (c *checker) number(n ast.Node, what string) ast.Node {
	out, t := c.node(n)
	if !t.is(numberKind) {
		c.fail(n, fmt.Sprintf("%s is %s", what, t.a()), expected("a number"))
	}
	return out
}

// pathOf writes the path that a node reads, as the reference spells it, "" when
// it reads none.
func (c *checker) pathOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value
	case *ast.ChainNode:
		return c.pathOf(n.Node)
	case *ast.PointerNode:
		if len(c.preds) > 0 {
			return c.preds[len(c.preds)-1].path
		}
	case *ast.MemberNode:
		base := c.pathOf(n.Node)
		if prop, ok := n.Property.(*ast.StringNode); ok && base != "" {
			return base + "." + prop.Value
		} else if ok {
			return prop.Value
		}
		return base
	case *ast.SliceNode:
		return c.pathOf(n.Node)
	case *ast.BuiltinNode:
		if len(n.Arguments) > 0 && n.Name != "map" {
			return c.pathOf(n.Arguments[0])
		}
	}
	return ""
}

// nameOf names what a node is, for messages.
func (c *checker) nameOf(n ast.Node) string {
	if p := c.pathOf(n); p != "" {
		return p
	}
	return "this"
}

// parentHint explains a field of a text: often the text was meant.
func (c *checker) parentHint(n *ast.MemberNode) func(*yamlfile.Diagnostic) {
	if p := c.pathOf(n.Node); p != "" {
		return hint("%s is the value itself", p)
	}
	return func(*yamlfile.Diagnostic) {}
}
