package rules

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

func plainList() []*Function {
	return []*Function{
		{Name: "len", Params: []Param{{Name: "value", Type: "a text, list or table"}}, Result: "number", Doc: "characters of a text, elements of a list, entries of a table", typed: checkLen},
		{Name: "first", Params: []Param{pList}, Result: "element", Doc: "the first element, the empty one if there is none", typed: checkEnd(0)},
		{Name: "last", Params: []Param{pList}, Result: "element", Doc: "the last element, the empty one if there is none", typed: checkEnd(-1)},
		{Name: "take", Params: []Param{pList, {Name: "n", Type: "a number", t: []typ{numberType}}}, Result: "list", Doc: "the first n elements", typed: checkTake},
		{Name: "concat", Params: []Param{pList, repeated(pList)}, Result: "list", Doc: "the lists one behind the other", typed: checkConcat},
		{Name: "flatten", Params: []Param{{Name: "lists", Type: "a list of lists"}}, Result: "list", Doc: "the elements of all lists in it", typed: checkFlatten},
		{Name: "reverse", Params: []Param{pList}, Result: "list", Doc: "the last element first", typed: sameList(workReverse)},
		{Name: "sort", Params: []Param{pList}, Result: "list", Doc: "texts, numbers or times in ascending order", typed: orderedList(workSort)},
		{Name: "uniq", Params: []Param{pList}, Result: "list", Doc: "each element once, as distinct", typed: orderedList(workDistinct)},
		{Name: "distinct", Params: []Param{pList}, Result: "list", Doc: "each text, number or time once, in the order of the first", typed: orderedList(workDistinct)},
		{Name: "keys", Params: []Param{{Name: "table", Type: "a table"}}, result: textsType, Doc: "the keys of a table in ascending order", typed: checkKeys},
		{Name: "values", Params: []Param{{Name: "table", Type: "a table"}}, Result: "list", Doc: "the values of a table in the order of their keys", typed: checkValues},
		{Name: "present", Params: []Param{pAny}, result: boolType, Doc: "not empty: not \"\", 0, false, the zero time, or an empty list; an object of which nothing is known is empty", work: workPresent},
		{Name: "coalesce", Params: []Param{pAny, repeated(pAny)}, Result: "value", Doc: "the first that is not empty, else the last; all of one type", typed: checkCoalesce},
	}
}

// needList checks that an argument is a list and gives its type.
func (c *checker) needList(f *Function, n ast.Node) (ast.Node, typ, bool) {
	out, t := c.node(n)
	if t.kind == listKind {
		return out, t, true
	}
	if t.kind != unknown {
		c.fail(n, fmt.Sprintf("%s of %s", f.Name, t.a()), expected("a list"))
	}
	return out, t, false
}

func checkEnd(index int) func(*checker, *Function, ast.Node, []ast.Node) (ast.Node, typ) {
	return func(c *checker, f *Function, n ast.Node, args []ast.Node) (ast.Node, typ) {
		out, t, ok := c.needList(f, args[0])
		if !ok {
			return n, typ{}
		}
		empty := emptyOf(t.elem.rt)
		w := func(r *run, a []any) (any, error) {
			i := index
			if i < 0 {
				i += length(a[0])
			}
			v, ok := elementAt(a[0], i)
			if !ok {
				v = empty
			}
			return v, r.spend(0)
		}
		return c.emitWork(f.Name, w, *t.elem, []ast.Node{out}), *t.elem
	}
}

func checkTake(c *checker, f *Function, n ast.Node, args []ast.Node) (ast.Node, typ) {
	out, t, ok := c.needList(f, args[0])
	count := c.number(args[1], "n of take")
	if !ok {
		return n, typ{}
	}
	return c.emit("slice", t, out, &ast.IntegerNode{}, count), t
}

func checkConcat(c *checker, f *Function, n ast.Node, args []ast.Node) (ast.Node, typ) {
	var out []ast.Node
	var all typ
	for i, a := range args {
		o, t, ok := c.needList(f, a)
		if !ok {
			return n, typ{}
		}
		if i > 0 && !all.same(t) {
			return c.fail(a, fmt.Sprintf("concat of a %s and a %s", all, t), expected("lists of one type"))
		}
		all, out = t, append(out, o)
	}
	return c.emitWork(f.Name, workConcatLists, all, out), all
}

func workConcatLists(r *run, a []any) (any, error) {
	n := 0
	for _, l := range a {
		n += length(l)
	}
	if err := r.spend(n); err != nil {
		return nil, err
	}
	out := make([]any, 0, n)
	for _, l := range a {
		out = appendElements(out, l)
	}
	return out, nil
}

func appendElements(out []any, list any) []any {
	for i := range length(list) {
		v, _ := elementAt(list, i)
		out = append(out, v)
	}
	return out
}

func checkFlatten(c *checker, f *Function, n ast.Node, args []ast.Node) (ast.Node, typ) {
	out, t, ok := c.needList(f, args[0])
	if !ok {
		return n, typ{}
	}
	if !t.elem.is(listKind) {
		return c.fail(args[0], fmt.Sprintf("flatten of a %s", t), expected("a list of lists"))
	}
	return c.emitWork(f.Name, workFlatten, *t.elem, []ast.Node{out}), *t.elem
}

func workFlatten(r *run, a []any) (any, error) {
	if err := r.spend(length(a[0])); err != nil {
		return nil, err
	}
	return workConcatLists(r, appendElements(nil, a[0]))
}

// sameList is the type rule of functions that return a list of the type they get.
func sameList(w work) func(*checker, *Function, ast.Node, []ast.Node) (ast.Node, typ) {
	return func(c *checker, f *Function, n ast.Node, args []ast.Node) (ast.Node, typ) {
		out, t, ok := c.needList(f, args[0])
		if !ok {
			return n, typ{}
		}
		return c.emitWork(f.Name, w, t, []ast.Node{out}), t
	}
}

// orderedList is sameList for elements that have an order.
func orderedList(w work) func(*checker, *Function, ast.Node, []ast.Node) (ast.Node, typ) {
	same := sameList(w)
	return func(c *checker, f *Function, n ast.Node, args []ast.Node) (ast.Node, typ) {
		out, t := same(c, f, n, args)
		if t.kind == listKind && !t.elem.scalar() {
			return c.fail(args[0], fmt.Sprintf("%s of a %s", f.Name, t), expected("a list of texts, numbers or times"),
				hint("take a field first: %s(map(%s, .%s))", f.Name, c.nameOf(args[0]), fieldOfElement(t)))
		}
		return out, t
	}
}

// fieldOfElement names a field of the elements of a list.
func fieldOfElement(list typ) string {
	if list.elem.kind == objectKind {
		if f := mainField[list.elem.obj.Name]; f != "" {
			return f
		}
	}
	return "field"
}

func workReverse(r *run, a []any) (any, error) {
	if err := r.spend(length(a[0])); err != nil {
		return nil, err
	}
	out := appendElements(nil, a[0])
	slices.Reverse(out)
	return out, nil
}

func workSort(r *run, a []any) (any, error) {
	n, err := elementCost(r, a[0])
	if err != nil {
		return nil, err
	}
	out := appendElements(make([]any, 0, n), a[0])
	slices.SortStableFunc(out, compareValues)
	return out, nil
}

// elementCost spends for looking at every element a few times.
func elementCost(r *run, list any) (int, error) {
	n := length(list)
	cost := n * 4
	for i := range n {
		if s, ok := mustElement(list, i).(string); ok {
			cost += len(s) / stepBytes
		}
	}
	return n, r.spend(cost)
}

func mustElement(list any, i int) any {
	v, _ := elementAt(list, i)
	return v
}

// compareValues orders two scalars of one type.
func compareValues(a, b any) int {
	switch x := a.(type) {
	case string:
		return strings.Compare(x, b.(string))
	case time.Time:
		return x.Compare(b.(time.Time))
	case time.Duration:
		return cmp.Compare(x, b.(time.Duration))
	case bool:
		return strings.Compare(strconv.FormatBool(x), strconv.FormatBool(b.(bool)))
	}
	x, _ := decimal(a)
	y, _ := decimal(b)
	return cmp.Compare(x, y)
}

func workDistinct(r *run, a []any) (any, error) {
	n, err := elementCost(r, a[0])
	if err != nil {
		return nil, err
	}
	seen, out := make(map[any]bool, n), make([]any, 0, n)
	for i := range n {
		v := mustElement(a[0], i)
		key := v
		if t, ok := v.(time.Time); ok {
			key = t.UnixNano()
		}
		if !seen[key] {
			seen[key] = true
			out = append(out, v)
		}
	}
	return out, nil
}

func (c *checker) needTable(f *Function, n ast.Node) (ast.Node, typ, bool) {
	out, t := c.node(n)
	if t.kind != tableKind && t.kind != unknown {
		c.fail(n, fmt.Sprintf("%s of %s", f.Name, t.a()), expected("a table"))
	}
	return out, t, t.kind == tableKind
}

func checkKeys(c *checker, f *Function, n ast.Node, args []ast.Node) (ast.Node, typ) {
	out, _, ok := c.needTable(f, args[0])
	if !ok {
		return n, textsType
	}
	w := func(r *run, a []any) (any, error) {
		keys := keysOf(a[0])
		return keys, r.spend(len(keys) * 2)
	}
	return c.emitWork(f.Name, w, textsType, []ast.Node{out}), textsType
}

func keysOf(table any) []string {
	keys := []string{}
	for _, k := range reflect.ValueOf(table).MapKeys() {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	return keys
}

func checkValues(c *checker, f *Function, n ast.Node, args []ast.Node) (ast.Node, typ) {
	out, t, ok := c.needTable(f, args[0])
	if !ok {
		return n, typ{}
	}
	w := func(r *run, a []any) (any, error) {
		values := []any{}
		for _, k := range keysOf(a[0]) {
			v, _ := entryOf(a[0], k)
			values = append(values, v)
		}
		return values, r.spend(len(values) * 2)
	}
	return c.emitWork(f.Name, w, listOf(*t.elem), []ast.Node{out}), listOf(*t.elem)
}

func workPresent(r *run, a []any) (any, error) { return present(reflect.ValueOf(a[0])), r.spend(1) }

// present says whether anything is known: an object is empty when all its
// words are. What has no word in the language does not count.
func present(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Invalid:
		return false
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && present(v.Elem())
	case reflect.Slice, reflect.Map:
		return v.Len() > 0
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			return !t.IsZero()
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("expr") != "" && present(v.Field(i)) {
				return true
			}
		}
		return false
	}
	return !v.IsZero()
}

func checkCoalesce(c *checker, f *Function, n ast.Node, args []ast.Node) (ast.Node, typ) {
	var out []ast.Node
	var all typ
	for i, a := range args {
		o, t := c.node(a)
		if i > 0 && !all.same(t) {
			return c.fail(a, fmt.Sprintf("coalesce of %s and %s", all.a(), t.a()), expected("values of one type"))
		}
		all, out = widen(t, all), append(out, o)
	}
	w := func(r *run, a []any) (any, error) {
		for _, v := range a {
			if present(reflect.ValueOf(v)) {
				return v, r.spend(len(a))
			}
		}
		return a[len(a)-1], r.spend(len(a))
	}
	return c.emitWork(f.Name, w, all, out), all
}
