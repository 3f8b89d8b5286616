package rules

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"github.com/tqmailrules/tqmailrules/internal/fold"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// Parameters that several functions share.
var (
	anything = []typ{{}}

	pText  = Param{Name: "text", Type: "text", t: []typ{textType}}
	pAny   = Param{Name: "value", Type: "anything", t: anything}
	pTexts = Param{Name: "list", Type: "list of text", t: []typ{textsType}}
	pNum   = Param{Name: "number", Type: "a number", t: []typ{numberType, decimalType}}
)

func optional(p Param) Param { p.Optional = true; return p }

func repeated(p Param) Param { p.Repeated = true; return p }

func named(name string, p Param) Param { p.Name = name; return p }

// plainFunctions are those of expr's own that rules have, with the same names
// and meanings, but total and metered.
func plainFunctions() []*Function {
	return slices.Concat(plainText(), plainList(), plainNumber())
}

func plainText() []*Function {
	set := optional(named("characters", pText))
	part := named("part", pText)
	return []*Function{
		{Name: "lower", Params: []Param{pText}, result: textType, Doc: "in lower case", work: textMap(fold.Lower)},
		{Name: "upper", Params: []Param{pText}, result: textType, Doc: "in upper case", work: textMap(fold.Upper)},
		{Name: "trim", Params: []Param{pText, set}, result: textType, Doc: "without white space, or the characters given, at both ends", work: workTrim},
		{Name: "trimPrefix", Params: []Param{pText, named("prefix", pText)}, result: textType, Doc: "without the prefix", work: textPair(strings.TrimPrefix)},
		{Name: "trimSuffix", Params: []Param{pText, named("suffix", pText)}, result: textType, Doc: "without the suffix", work: textPair(strings.TrimSuffix)},
		{Name: "hasPrefix", Params: []Param{pText, named("prefix", pText)}, result: boolType, Doc: "starts with it, as startsWith", work: textWork(strings.HasPrefix)},
		{Name: "hasSuffix", Params: []Param{pText, named("suffix", pText)}, result: boolType, Doc: "ends with it, as endsWith", work: textWork(strings.HasSuffix)},
		{Name: "indexOf", Params: []Param{pText, part}, result: numberType, Doc: "characters before the first place where part stands, -1 if nowhere", work: textIndex(strings.Index)},
		{Name: "lastIndexOf", Params: []Param{pText, part}, result: numberType, Doc: "characters before the last such place, -1 if nowhere", work: textIndex(strings.LastIndex)},
		{Name: "split", Params: []Param{pText, named("separator", pText)}, result: textsType, Doc: "the pieces between the separators", work: workSplit},
		{Name: "join", Params: []Param{pTexts, optional(named("separator", pText))}, result: textType, Doc: "the texts one behind the other with the separator between them", work: workJoin},
		{Name: "replace", Params: []Param{pText, named("old", pText), named("new", pText)}, result: textType, Doc: "every old replaced by new", work: workReplace},
		{Name: "string", Params: []Param{pAny}, result: textType, Doc: "a value written as text", work: workString, typed: checkString},
	}
}

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

func plainNumber() []*Function {
	return []*Function{
		{Name: "min", Params: []Param{pNum, repeated(pNum)}, Result: "number", Doc: "the least", typed: checkExtreme(func(a, b int) int { return min(a, b) }, math.Min)},
		{Name: "max", Params: []Param{pNum, repeated(pNum)}, Result: "number", Doc: "the greatest", typed: checkExtreme(func(a, b int) int { return max(a, b) }, math.Max)},
		{Name: "abs", Params: []Param{pNum}, Result: "number", Doc: "without its sign", typed: checkExtreme(func(a, _ int) int { return max(a, -a) }, func(a, _ float64) float64 { return math.Abs(a) })},
		{Name: "ceil", Params: []Param{pNum}, result: numberType, Doc: "the next whole number above", work: numberWork(math.Ceil)},
		{Name: "floor", Params: []Param{pNum}, result: numberType, Doc: "the next whole number below", work: numberWork(math.Floor)},
		{Name: "round", Params: []Param{pNum}, result: numberType, Doc: "the nearest whole number", work: numberWork(math.Round)},
		{Name: "int", Params: []Param{{Name: "value", Type: "a number or text", t: []typ{numberType, decimalType, textType}}}, result: numberType, Doc: "the whole number that a text spells, or a number without its fraction; fails on other texts", work: workInt},
		{Name: "float", Params: []Param{{Name: "value", Type: "a number or text", t: []typ{numberType, decimalType, textType}}}, result: decimalType, Doc: "the number that a text spells; fails on other texts", work: workFloat},
		{Name: "duration", Params: []Param{{Name: "span", Type: "text in quotes, such as \"72h\" or \"30d\"", constant: constantText}}, result: durationType, Doc: "a span of time, in s, m, h or d", typed: checkDuration},
		{Name: "date", Params: []Param{{Name: "day", Type: "text in quotes, such as \"2024-05-31\" or \"2024-05-31T14:00:00Z\"", constant: constantText}}, result: timeType, Doc: "a day or moment; UTC unless it says otherwise", typed: checkDate},
	}
}

func textMap(f func(string) string) work {
	return func(r *run, a []any) (any, error) {
		s := a[0].(string)
		if err := r.spendText(s); err != nil {
			return nil, err
		}
		return f(s), nil
	}
}

func textPair(f func(s, t string) string) work {
	return func(r *run, a []any) (any, error) {
		return f(a[0].(string), a[1].(string)), r.spendText(a[1].(string))
	}
}

func textIndex(f func(s, t string) int) work {
	return func(r *run, a []any) (any, error) {
		s := a[0].(string)
		if err := r.spendText(s); err != nil {
			return nil, err
		}
		i := f(s, a[1].(string))
		if i < 0 {
			return -1, nil
		}
		return utf8.RuneCountInString(s[:i]), nil
	}
}

func workTrim(r *run, a []any) (any, error) {
	s := a[0].(string)
	if len(a) == 1 {
		return strings.TrimSpace(s), r.spendText(s)
	}
	cut := a[1].(string)
	if err := r.spend(len(s)/stepBytes*(1+len(cut)/stepBytes) + len(cut)/stepBytes); err != nil {
		return nil, err
	}
	return strings.Trim(s, cut), nil
}

// workSplit pays for each piece, since a piece costs memory.
func workSplit(r *run, a []any) (any, error) {
	s, sep := a[0].(string), a[1].(string)
	pieces := strings.Count(s, sep) + 1
	if err := r.spend(len(s)/stepBytes + pieces); err != nil {
		return nil, err
	}
	return strings.Split(s, sep), nil
}

func workJoin(r *run, a []any) (any, error) {
	texts, sep := textsOf(a[0]), ""
	if len(a) == 2 {
		sep = a[1].(string)
	}
	size := len(texts) * (len(sep) + 1)
	for _, s := range texts {
		size += len(s)
	}
	if err := r.spend(size/stepBytes + len(texts)); err != nil {
		return nil, err
	}
	return strings.Join(texts, sep), nil
}

// textsOf reads a list of text, whichever Go type it has.
func textsOf(list any) []string {
	if l, ok := list.([]string); ok {
		return l
	}
	out := make([]string, 0, length(list))
	for i := range length(list) {
		v, _ := elementAt(list, i)
		s, _ := v.(string)
		out = append(out, s)
	}
	return out
}

func workReplace(r *run, a []any) (any, error) {
	s, from, to := a[0].(string), a[1].(string), a[2].(string)
	if err := r.spendText(s); err != nil {
		return nil, err
	}
	if err := r.spend(strings.Count(s, from) * len(to) / stepBytes); err != nil {
		return nil, err
	}
	return strings.ReplaceAll(s, from, to), nil
}

func checkString(c *checker, f *Function, n ast.Node, args []ast.Node) (ast.Node, typ) {
	out, t := c.node(args[0])
	if !t.scalar() {
		return c.fail(args[0], fmt.Sprintf("%s cannot be written as text", t.a()), c.wholeHint(args[0], t))
	}
	return c.emitWork(f.Name, f.work, textType, []ast.Node{out}), textType
}

func workString(r *run, a []any) (any, error) { return written(a[0]), r.spend(0) }

// written is a scalar as text, in the same form everywhere.
func written(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case time.Time:
		if v.IsZero() {
			return ""
		}
		return v.UTC().Format(time.RFC3339)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

func checkLen(c *checker, f *Function, n ast.Node, args []ast.Node) (ast.Node, typ) {
	out, t := c.node(args[0])
	if !t.is(textKind, listKind, tableKind) {
		return c.fail(args[0], fmt.Sprintf("len of %s", t.a()), expected("a text, list or table"))
	}
	return c.emitWork(f.Name, workLen, numberType, []ast.Node{out}), numberType
}

func workLen(r *run, a []any) (any, error) {
	if s, ok := a[0].(string); ok {
		return utf8.RuneCountInString(s), r.spendText(s)
	}
	return length(a[0]), r.spend(0)
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
	lists := appendElements(nil, a[0])
	return workConcatLists(r, lists)
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

// checkExtreme is the type rule of functions of one or several numbers: whole
// numbers give one, else the result is a fraction.
func checkExtreme(whole func(a, b int) int, fraction func(a, b float64) float64) func(*checker, *Function, ast.Node, []ast.Node) (ast.Node, typ) {
	return func(c *checker, f *Function, n ast.Node, args []ast.Node) (ast.Node, typ) {
		out, ok := c.arguments(f, args)
		if !ok {
			return n, numberType
		}
		t := numberType
		for _, a := range args {
			if _, at := c.quietType(a); at.kind == decimalKind {
				t = decimalType
			}
		}
		if t.kind == numberKind {
			return c.emitWork(f.Name, fold2(whole, func(n int) int { return n }), t, out), t
		}
		return c.emitWork(f.Name, fold2(fraction, func(n int) float64 { return float64(n) }), t, out), t
	}
}

// fold2 joins the arguments two by two, all of them as N.
func fold2[N int | float64](join func(a, b N) N, widen func(int) N) work {
	number := func(v any) N {
		if n, ok := v.(int); ok {
			return widen(n)
		}
		return v.(N)
	}
	return func(r *run, a []any) (any, error) {
		x := join(number(a[0]), number(a[0]))
		for _, v := range a[1:] {
			x = join(x, number(v))
		}
		return x, r.spend(len(a))
	}
}

// quietType finds the type of a node that is checked elsewhere, and tells nothing.
func (c *checker) quietType(n ast.Node) (ast.Node, typ) {
	diags, bad, use, trace := c.l.Diags, c.bad, *c.use, c.trace
	c.trace = nil
	out, t := c.dispatch(n)
	c.l.Diags, c.bad, c.trace = diags, bad, trace
	*c.use = use
	return out, t
}

func numberWork(f func(float64) float64) work {
	return func(r *run, a []any) (any, error) {
		x, _ := decimal(a[0])
		return toInt(r, f(x))
	}
}

// toInt refuses what has no exact whole number, since machines differ in what
// they make of it.
func toInt(r *run, x float64) (any, error) {
	if math.IsNaN(x) || math.Abs(x) > 1<<53 {
		return nil, errNotWhole
	}
	return int(x), r.spend(0)
}

// Errors of values that turn out not to fit when a condition runs.
var (
	errNotWhole  = errors.New("not a whole number")
	errNotNumber = errors.New("not a number")
)

func workInt(r *run, a []any) (any, error) {
	if s, ok := a[0].(string); ok {
		i, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil {
			return nil, errNotWhole
		}
		return i, r.spend(0)
	}
	if n, ok := a[0].(int); ok {
		return n, r.spend(0)
	}
	return toInt(r, a[0].(float64))
}

func workFloat(r *run, a []any) (any, error) {
	if s, ok := a[0].(string); ok {
		x, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil {
			return nil, errNotNumber
		}
		return x, r.spend(0)
	}
	x, _ := decimal(a[0])
	return x, r.spend(0)
}

func checkDuration(c *checker, f *Function, n ast.Node, args []ast.Node) (ast.Node, typ) {
	out, ok := c.arguments(f, args)
	if !ok {
		return n, durationType
	}
	text := out[0].(*ast.ConstantNode).Value.(string)
	d, ok := yamlfile.ParseDuration(text)
	if !ok {
		return c.fail(args[0], fmt.Sprintf("%q is not a duration", text), expected("a duration such as 90s, 15m, 72h or 30d"))
	}
	return &ast.ConstantNode{Value: d}, durationType
}

func checkDate(c *checker, f *Function, n ast.Node, args []ast.Node) (ast.Node, typ) {
	out, ok := c.arguments(f, args)
	if !ok {
		return n, timeType
	}
	text := out[0].(*ast.ConstantNode).Value.(string)
	for _, layout := range []string{time.DateOnly, time.RFC3339, time.DateTime} {
		if t, err := time.Parse(layout, text); err == nil {
			return &ast.ConstantNode{Value: t.UTC()}, timeType
		}
	}
	return c.fail(args[0], fmt.Sprintf("%q is not a date", text), expected("a day such as 2024-05-31, or 2024-05-31T14:00:00Z"))
}
