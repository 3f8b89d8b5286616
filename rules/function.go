package rules

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/expr-lang/expr/ast"

	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// Function is one function of the rule language.
type Function struct {
	Name   string
	Params []Param
	Result string // type, for people
	Doc    string

	result  typ
	work    work
	typed   func(c *checker, f *Function, n ast.Node, args []ast.Node) (ast.Node, typ) // instead of the plain check
	prepare func(v any) any                                                            // makes a value behind the first that is written out ready, nil: as it is
}

// Param is one parameter.
type Param struct {
	Name     string
	Type     string // for people
	Optional bool
	Repeated bool // the last one may come several times

	t        []typ
	constant constant
}

// constant says that an argument must be written out, and as what.
type constant uint8

const (
	notConstant constant = iota
	constantPattern
	constantFoldedPattern
	constantWholePattern
	constantFoldedWholePattern
	constantWildcard
	constantFoldedWildcard
	constantCIDR
	constantText
)

// Usage shows how the function is called.
func (f *Function) Usage() string {
	params := make([]string, len(f.Params))
	for i, p := range f.Params {
		params[i] = p.Name
		if p.Repeated {
			params[i] += ", ..."
		}
		if p.Optional {
			params[i] = "[" + params[i] + "]"
		}
	}
	return f.Name + "(" + strings.Join(params, ", ") + ")"
}

// functionTable is the functions by name.
type functionTable struct {
	all    []*Function
	byName map[string]*Function
	names  []string
}

// The table is built on first use: the type rules in it call the checker, and
// the checker looks names up in it.
var (
	functionsOnce  sync.Once
	functionsBuilt *functionTable
)

func functions() *functionTable {
	functionsOnce.Do(func() { functionsBuilt = buildFunctions() })
	return functionsBuilt
}

func buildFunctions() *functionTable {
	t := &functionTable{byName: map[string]*Function{}}
	for _, f := range slices.Concat(predicateFunctions(), plainFunctions(), textFunctions(), patternFunctions(), factFunctions(), htmlFunctions()) {
		if f.Result == "" {
			f.Result = f.result.String()
		}
		t.all = append(t.all, f)
		t.byName[f.Name] = f
		t.names = append(t.names, f.Name)
	}
	slices.SortStableFunc(t.all, func(a, b *Function) int { return strings.Compare(a.Name, b.Name) })
	return t
}

// Functions lists the functions of the rule language by name.
func Functions() []Function {
	out := make([]Function, 0, len(functions().all))
	for _, f := range functions().all {
		out = append(out, *f)
	}
	return out
}

// namespaces of functions.
var namespaces = []string{"strings", "regex", "url", "html", "ip", "hash", "time"}

func isNamespace(name string) bool { return slices.Contains(namespaces, name) }

// call checks f(...) and ns.f(...).
func (c *checker) call(n *ast.CallNode) (ast.Node, typ) {
	name := ""
	switch callee := n.Callee.(type) {
	case *ast.IdentifierNode:
		name = callee.Value
	case *ast.MemberNode:
		if id, ok := callee.Node.(*ast.IdentifierNode); ok && isNamespace(id.Value) {
			name = c.pathOf(callee)
			break
		}
		return c.notAFunction(n, callee)
	default:
		return c.fail(n, "this is not a function")
	}
	return c.apply(n, name, n.Arguments)
}

// notAFunction explains x.f(...): functions are not methods of values.
func (c *checker) notAFunction(n *ast.CallNode, callee *ast.MemberNode) (ast.Node, typ) {
	prop, _ := callee.Property.(*ast.StringNode)
	if prop == nil {
		return c.fail(n, "this is not a function")
	}
	for _, arg := range n.Arguments {
		c.node(arg)
	}
	path := c.pathOf(callee.Node)
	if id, ok := callee.Node.(*ast.IdentifierNode); ok && environment().byName[id.Value] == nil && !c.shadowed(id.Value) {
		return c.unknownFunction(n, path+"."+prop.Value)
	}
	for _, f := range functions().names {
		if f == prop.Value || strings.HasSuffix(f, "."+prop.Value) {
			return c.fail(n, prop.Value+" is not a function of "+path, hint("write %s(%s, ...)", f, path))
		}
	}
	return c.fail(n, path+"."+prop.Value+" is not a function", c.suggestFunction(prop.Value))
}

func (c *checker) unknownFunction(n ast.Node, name string) (ast.Node, typ) {
	return c.fail(n, "unknown function "+name, c.suggestFunction(name))
}

// off are functions of expr that rules do not have, and why.
var off = map[string]string{
	"now":      "conditions know no clock; compare message.received with message.date",
	"timezone": "times are in UTC; use time.hour(t, \"+02:00\")",
	"type":     "every value has one type, which the reference names",
	"get":      "use x[i] or x[key], which is empty when there is nothing",
	"reduce":   "use sum, count, any or map", "groupBy": "use filter and count", "countBy": "use count", "sortBy": "use sort",
	"toJSON": "write the fields out", "fromJSON": "not available", "toBase64": "not available", "fromBase64": "use strings.scan_base64",
	"repeat": "not available", "toPairs": "use keys and values", "fromPairs": "not available", "mean": "use sum and len", "median": "not available",
	"splitAfter": "use split", "bitand": "not available", "bitor": "not available", "bitxor": "not available", "bitnand": "not available",
	"bitnot": "not available", "bitshl": "not available", "bitshr": "not available", "bitushr": "not available",
}

func (c *checker) suggestFunction(name string) func(*yamlfile.Diagnostic) {
	if why, ok := off[name]; ok {
		return hint("%s", why)
	}
	names := functions().names
	if near, ok := yamlfile.Nearest(name, names); ok {
		return hint("did you mean %s?", near)
	}
	for _, n := range names { // the right name in the wrong namespace
		if strings.HasSuffix(n, "."+name[strings.LastIndexByte(name, '.')+1:]) {
			return hint("did you mean %s?", n)
		}
	}
	if ns, _, ok := strings.Cut(name, "."); ok && isNamespace(ns) {
		names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.HasPrefix(n, ns+".") })
		return expected("%s", oneOf(names))
	}
	return func(*yamlfile.Diagnostic) {}
}

// builtin checks a call of what expr knows as a function of its own.
func (c *checker) builtin(n *ast.BuiltinNode) (ast.Node, typ) { return c.apply(n, n.Name, n.Arguments) }

func (c *checker) apply(n ast.Node, name string, args []ast.Node) (ast.Node, typ) {
	f := functions().byName[name]
	if f == nil {
		for _, a := range args {
			if _, ok := a.(*ast.PredicateNode); !ok {
				c.node(a)
			}
		}
		return c.unknownFunction(n, name)
	}
	if !c.count(n, f, args) {
		return n, typ{}
	}
	if f.typed != nil {
		return f.typed(c, f, n, args)
	}
	out, ok := c.arguments(f, args)
	if !ok {
		return n, f.result
	}
	if f.prepare != nil {
		for i, a := range out[1:] {
			if known(a) {
				out[i+1] = &ast.ConstantNode{Value: f.prepare(constantValue(a))}
			}
		}
	}
	return c.emitWork(f.Name, f.work, f.result, out), f.result
}

// count checks the number of arguments.
func (c *checker) count(n ast.Node, f *Function, args []ast.Node) bool {
	least, most := 0, len(f.Params)
	for _, p := range f.Params {
		if !p.Optional {
			least++
		}
		if p.Repeated {
			most = max(most, 64)
		}
	}
	if len(args) >= least && len(args) <= most {
		return true
	}
	few := "few"
	if len(args) > most {
		few = "many"
	}
	c.fail(n, fmt.Sprintf("too %s arguments for %s", few, f.Name), expected("%s", f.Usage()))
	return false
}

// arguments checks the arguments against the parameters and makes constants ready.
func (c *checker) arguments(f *Function, args []ast.Node) ([]ast.Node, bool) {
	out, ok := make([]ast.Node, len(args)), true
	for i, a := range args {
		p := f.Params[min(i, len(f.Params)-1)]
		if p.constant != notConstant {
			v, good := c.constantArgument(f, p, a)
			out[i], ok = &ast.ConstantNode{Value: v}, ok && good
			continue
		}
		o, t := c.node(a)
		if !fits(t, p.t) {
			c.fail(a, fmt.Sprintf("%s of %s is %s", p.Name, f.Name, t.a()), expected("%s", p.Type), c.argumentHint(a, t, p))
			ok = false
		}
		out[i] = o
	}
	return out, ok
}

func (c *checker) argumentHint(a ast.Node, t typ, p Param) func(*yamlfile.Diagnostic) {
	if t.kind == objectKind && fits(textType, p.t) {
		return func(d *yamlfile.Diagnostic) {
			c.wholeHint(a, t)(d)
		}
	}
	if t.kind == listKind && fits(*t.elem, p.t) {
		return hint("ask each element: any(%s, ... # ...)", c.nameOf(a))
	}
	return func(*yamlfile.Diagnostic) {}
}

func fits(t typ, want []typ) bool {
	if t.kind == unknown {
		return true
	}
	for _, w := range want {
		if w.kind == unknown || t.same(w) && (w.kind != numberKind || t.kind == numberKind) {
			return true
		}
	}
	return false
}

func oneOf(names []string) string { return yamlfile.OneOf(names) }
