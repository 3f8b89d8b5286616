package rules

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"github.com/tqmailrules/tqmailrules/internal/fold"
)

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
