package rules

import "slices"

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
