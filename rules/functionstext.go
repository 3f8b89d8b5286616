package rules

import (
	"strings"

	"github.com/tqmailrules/tqmailrules/internal/fold"
)

// textFunctions are the namespace strings. Names with an i in front fold case
// by package fold, as (?i) does. Several texts mean any of them.
func textFunctions() []*Function {
	part := repeated(named("part", pText))
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

// prepareNeedle makes a text that is written out ready to be searched for.
func prepareNeedle(v any) any {
	if s, ok := v.(string); ok {
		return fold.NewNeedle(s)
	}
	return v
}

func workFoldContains(r *run, a []any) (any, error) {
	s := a[0].(string)
	for _, p := range a[1:] {
		if err := r.spendText(s); err != nil {
			return nil, err
		}
		n, ready := p.(*fold.Needle)
		if !ready {
			if err := r.spendText(p.(string)); err != nil {
				return nil, err
			}
			n = fold.NewNeedle(p.(string))
		}
		if n.In(s) {
			return true, nil
		}
	}
	return false, nil
}

// anyText is the work of asking one text for any of several parts. Each costs a
// reading of the text.
func anyText(f func(s, p string) bool) work {
	return func(r *run, a []any) (any, error) {
		s := a[0].(string)
		for _, p := range a[1:] {
			if err := r.spend((len(s) + len(p.(string))) / stepBytes); err != nil {
				return nil, err
			}
			if f(s, p.(string)) {
				return true, nil
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
