package rules

import (
	"regexp"
	"strings"
)

// patternFunctions are the namespace regex: RE2, patterns written out, compiled
// when the file is loaded. Several patterns mean any of them.
func patternFunctions() []*Function {
	pattern := func(kind constant) Param {
		return Param{Name: "pattern", Type: "a regular expression in quotes", Repeated: true, constant: kind}
	}
	one := func(kind constant) Param {
		p := pattern(kind)
		p.Repeated = false
		return p
	}
	return []*Function{
		{Name: "regex.contains", Params: []Param{pText, pattern(constantPattern)}, result: boolType, Doc: "any of the patterns fits somewhere", work: workMatches},
		{Name: "regex.icontains", Params: []Param{pText, pattern(constantFoldedPattern)}, result: boolType, Doc: "as regex.contains, regardless of case", work: workMatches},
		{Name: "regex.match", Params: []Param{pText, pattern(constantWholePattern)}, result: boolType, Doc: "any of the patterns fits the whole text", work: workMatches},
		{Name: "regex.imatch", Params: []Param{pText, pattern(constantFoldedWholePattern)}, result: boolType, Doc: "as regex.match, regardless of case", work: workMatches},
		{Name: "regex.extract", Params: []Param{pText, one(constantPattern)}, result: textsType, Doc: "what the pattern fits, every time: its first group, else the whole", work: workExtract},
		{Name: "regex.iextract", Params: []Param{pText, one(constantFoldedPattern)}, result: textsType, Doc: "as regex.extract, regardless of case", work: workExtract},
		{Name: "regex.count", Params: []Param{pText, one(constantPattern)}, result: numberType, Doc: "how often the pattern fits, without overlap", work: workCountPattern},
		{Name: "regex.icount", Params: []Param{pText, one(constantFoldedPattern)}, result: numberType, Doc: "as regex.count, regardless of case", work: workCountPattern},
	}
}

// workMatches asks for any of the patterns of its arguments.
func workMatches(r *run, a []any) (any, error) {
	s := a[0].(string)
	for _, p := range a[1:] {
		for _, re := range p.(*patterns).all {
			if err := r.spend(len(s) / patternBytes); err != nil {
				return nil, err
			}
			if re.match(s) {
				return true, nil
			}
		}
	}
	return false, nil
}

// maxExtracts is the number of fits that one call returns.
const maxExtracts = 1000

func workExtract(r *run, a []any) (any, error) {
	s, out := a[0].(string), []string{}
	for _, p := range a[1].(*patterns).all {
		if err := r.spend(len(s) / patternBytes); err != nil {
			return nil, err
		}
		if p.may(s) {
			out = append(out, extract(p.re, s, maxExtracts)...)
		}
	}
	return out, r.spend(len(out))
}

// extract returns the first group of each fit, or the whole fit when the
// pattern has no group.
func extract(re *regexp.Regexp, s string, n int) []string {
	var out []string
	group := min(re.NumSubexp(), 1)
	for _, m := range re.FindAllStringSubmatch(s, n) {
		out = append(out, strings.Clone(m[group]))
	}
	return out
}

func workCountPattern(r *run, a []any) (any, error) {
	s, n := a[0].(string), 0
	for _, p := range a[1].(*patterns).all {
		if err := r.spend(len(s) / patternBytes); err != nil {
			return nil, err
		}
		if !p.may(s) {
			continue
		}
		n += len(p.re.FindAllStringIndex(s, -1))
		if err := r.spend(n); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// wildcard turns * and ? into a regular expression.
func wildcard(w string) string {
	q := regexp.QuoteMeta(w)
	q = strings.ReplaceAll(q, `\*`, `(?s:.*)`)
	return strings.ReplaceAll(q, `\?`, `(?s:.)`)
}
