package rules

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/internal/fold"
)

// pattern is a regular expression and a text without which it cannot fit. To
// look for that text first costs a sixth of a run of the expression and is
// enough for most mails. It changes no verdict, and no fuel: a pattern costs
// the same whichever of the two decides.
type pattern struct {
	re     *regexp.Regexp
	exact  string       // must stand in the text; "" when folded or nothing is known
	folded *fold.Needle // must stand in the text regardless of case
}

func newPattern(text string) (pattern, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return pattern{}, err
	}
	p := pattern{re: re}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return p, nil
	}
	switch lit := required(tree.Simplify()); {
	case utf8.RuneCountInString(lit.text) < minLiteral:
	case lit.fold || strings.ContainsRune(lit.text, utf8.RuneError): // to which broken UTF-8 is equal
		p.folded = fold.NewNeedle(lit.text)
	default:
		p.exact = lit.text
	}
	return p, nil
}

// minLiteral is the length in characters from which on a text is rare enough.
const minLiteral = 3

// may says whether the pattern could fit somewhere in s.
func (p pattern) may(s string) bool {
	if p.folded != nil {
		return p.folded.In(s)
	}
	return p.exact == "" || strings.Contains(s, p.exact)
}

func (p pattern) match(s string) bool { return p.may(s) && p.re.MatchString(s) }

// literal is a text that stands in everything an expression fits.
type literal struct {
	text string
	fold bool
}

// required finds the longest one, as far as it shows without comparing
// alternatives. The tree is as deep as the parser of regexp allows, 1000.
func required(re *syntax.Regexp) literal {
	switch re.Op {
	case syntax.OpLiteral:
		return literal{string(re.Rune), re.Flags&syntax.FoldCase != 0}
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0])
		}
	case syntax.OpConcat:
		var best literal
		for _, sub := range re.Sub {
			if l := required(sub); len(l.text) > len(best.text) {
				best = l
			}
		}
		return best
	}
	return literal{}
}
