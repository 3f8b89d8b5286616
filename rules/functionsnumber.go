package rules

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"

	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

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
			return c.emitWork(f.Name, joined(whole, func(n int) int { return n }), t, out), t
		}
		return c.emitWork(f.Name, joined(fraction, func(n int) float64 { return float64(n) }), t, out), t
	}
}

// joined joins the arguments two by two, all of them as N.
func joined[N int | float64](join func(a, b N) N, widen func(int) N) work {
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
