package rules

import (
	"strings"

	"github.com/tqmailrules/tqmailrules/internal/fold"
)

// textFunctions are the namespace strings. Names with an i in front fold case
// by package fold, as (?i) does. Several parts, or a list of them, mean any.
func textFunctions() []*Function {
	part := Param{Name: "part", Type: "text or list of text", Repeated: true, t: []typ{textType, textsType}}
	fn := func(name, doc string, w work) *Function {
		return &Function{Name: "strings." + name, Params: []Param{pText, part}, result: boolType, Doc: doc, work: w}
	}
	wild := func(name, doc string, kind constant) *Function {
		p := Param{Name: "wildcards", Type: "text in quotes", Repeated: true, constant: kind}
		return &Function{Name: "strings." + name, Params: []Param{pText, p}, result: boolType, Doc: doc, work: workMatches}
	}
	other := named("other", pText)
	return []*Function{
		fn("contains", "contains any of the parts", anyText(strings.Contains)),
		{Name: "strings.icontains", Params: []Param{pText, part}, result: boolType, Doc: "as strings.contains, regardless of case", work: workFoldContains, prepare: prepareNeedle},
		fn("starts_with", "starts with any of the parts", anyText(strings.HasPrefix)),
		fn("istarts_with", "as strings.starts_with, regardless of case", anyText(fold.HasPrefix)),
		fn("ends_with", "ends with any of the parts", anyText(strings.HasSuffix)),
		fn("iends_with", "as strings.ends_with, regardless of case", anyText(fold.HasSuffix)),
		wild("like", "is any of the wildcards: * stands for any text, ? for one character", constantWildcard),
		wild("ilike", "as strings.like, regardless of case", constantFoldedWildcard),
		{Name: "strings.count", Params: []Param{pText, named("part", pText)}, result: numberType, Doc: "how often the part stands there, without overlap", work: countText(strings.Count)},
		{Name: "strings.icount", Params: []Param{pText, named("part", pText)}, result: numberType, Doc: "as strings.count, regardless of case", work: countText(fold.Count)},
		{Name: "strings.levenshtein", Params: []Param{pText, other}, result: numberType, Doc: "characters to insert, leave out or exchange to get from one to the other", work: workLevenshtein(func(s string) string { return s })},
		{Name: "strings.ilevenshtein", Params: []Param{pText, other}, result: numberType, Doc: "as strings.levenshtein, regardless of case", work: workLevenshtein(fold.Fold)},
		{Name: "strings.replace_confusables", Params: []Param{pText}, result: textType, Doc: "letters that look like Latin ones replaced by those, marks and invisible characters left out", work: textMap(plainLetters)},
		{Name: "strings.scan_base64", Params: []Param{pText}, result: textsType, Doc: "the texts that stand in it as base64, at least 8 characters of it each", work: workScanBase64},
	}
}

// prepareNeedle makes texts that are written out ready to be searched for.
func prepareNeedle(v any) any {
	var needles []*fold.Needle
	switch v := v.(type) {
	case string:
		needles = append(needles, fold.NewNeedle(v))
	case []string:
		for _, s := range v {
			needles = append(needles, fold.NewNeedle(s))
		}
	}
	return needles
}

func workFoldContains(r *run, a []any) (any, error) {
	s := a[0].(string)
	for _, p := range a[1:] {
		needles, ready := p.([]*fold.Needle)
		if !ready {
			if err := r.spend(costOf(p)); err != nil {
				return nil, err
			}
			needles = prepareNeedle(parts(p)).([]*fold.Needle)
		}
		for _, n := range needles {
			if err := r.spendText(s); err != nil {
				return nil, err
			}
			if n.In(s) {
				return true, nil
			}
		}
	}
	return false, nil
}

// parts are the texts of one argument: itself, or those of a list.
func parts(arg any) []string {
	if s, ok := arg.(string); ok {
		return []string{s}
	}
	return textsOf(arg)
}

// costOf is what it costs to look at an argument that is a text or a list of them.
func costOf(arg any) int {
	n := 0
	for _, s := range parts(arg) {
		n += 1 + len(s)/stepBytes
	}
	return n
}

// anyText is the work of asking one text for any of several parts. Each costs a
// reading of the text.
func anyText(f func(s, p string) bool) work {
	return func(r *run, a []any) (any, error) {
		s := a[0].(string)
		for _, arg := range a[1:] {
			for _, p := range parts(arg) {
				if err := r.spend((len(s) + len(p)) / stepBytes); err != nil {
					return nil, err
				}
				if f(s, p) {
					return true, nil
				}
			}
		}
		return false, nil
	}
}

func countText(f func(s, p string) int) work {
	return func(r *run, a []any) (any, error) {
		s := a[0].(string)
		if err := r.spendText(s); err != nil {
			return nil, err
		}
		return f(s, a[1].(string)), nil
	}
}

// workLevenshtein pays for the whole table of distances.
func workLevenshtein(prepare func(string) string) work {
	return func(r *run, a []any) (any, error) {
		s, t := a[0].(string), a[1].(string)
		if err := r.spend((len(s) + 1) * (len(t) + 1) / 16); err != nil {
			return nil, err
		}
		return levenshtein([]rune(prepare(s)), []rune(prepare(t))), nil
	}
}

func levenshtein(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, ra := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, rb := range b {
			cost := diagonal
			if ra != rb {
				cost = min(diagonal, row[j], row[j+1]) + 1
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
