package rules

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// patterns are the alternatives of one constant argument.
type patterns struct{ all []pattern }

// constantText is a text that is written out, and the node that holds it.
type constantTextAt struct {
	text string
	node *ast.StringNode // nil when it came from a list of the rule file
	src  *source
}

// constants returns the texts of a node that is written out: a text, a list of
// texts, a macro that is one of these, or a list of the rule file.
func (c *checker) constants(n ast.Node) ([]constantTextAt, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return []constantTextAt{{n.Value, n, c.src}}, true
	case *ast.ArrayNode:
		var out []constantTextAt
		for _, item := range n.Nodes {
			v, ok := c.constants(item)
			if !ok {
				return nil, false
			}
			out = append(out, v...)
		}
		return out, true
	case *ast.MemberNode:
		if l := c.listOperand(n); l != nil {
			return l.constants(), true
		}
		return c.macroConstants(n)
	}
	return nil, false
}

// constantArgument makes an argument ready that must be written out.
func (c *checker) constantArgument(f *Function, p Param, n ast.Node) (any, bool) {
	switch p.constant {
	case constantPattern:
		return c.patterns(n, "", "")
	case constantFoldedPattern:
		return c.patterns(n, "(?i)", "")
	case constantWholePattern:
		return c.patterns(n, `\A(?:`, `)\z`)
	case constantFoldedWholePattern:
		return c.patterns(n, `(?i)\A(?:`, `)\z`)
	case constantWildcard:
		return c.compilePatterns(n, func(t string) string { return `\A` + wildcard(t) + `\z` })
	case constantFoldedWildcard:
		return c.compilePatterns(n, func(t string) string { return `(?i)\A` + wildcard(t) + `\z` })
	case constantCIDR:
		return c.prefixes(n)
	}
	texts, ok := c.constants(n)
	if !ok || len(texts) != 1 {
		c.fail(n, fmt.Sprintf("%s of %s is not written out", p.Name, f.Name), expected("a text in quotes"))
		return nil, false
	}
	return texts[0].text, true
}

// patterns compiles constant patterns, each between before and after.
func (c *checker) patterns(n ast.Node, before, after string) (*patterns, bool) {
	return c.compilePatterns(n, func(t string) string { return before + t + after })
}

func (c *checker) compilePatterns(n ast.Node, form func(string) string) (*patterns, bool) {
	texts, ok := c.constants(n)
	if !ok {
		if c.clean(n) {
			c.fail(n, "the pattern is not written out", expected("a text in quotes, a list of them, or a list or macro of the rule file"),
				hint("a pattern that depends on the mail could be made by the mail"))
		}
		return nil, false
	}
	out := &patterns{}
	for _, t := range texts {
		p, err := newPattern(form(t.text))
		if err != nil {
			c.patternError(n, t, err)
			ok = false
			continue
		}
		out.all = append(out.all, p)
	}
	return out, ok
}

// clean checks a node for its own mistakes and says whether there were none.
func (c *checker) clean(n ast.Node) bool {
	before := len(c.l.Diags)
	c.node(n)
	return len(c.l.Diags) == before
}

// patternError points at the part of a pattern that is wrong.
func (c *checker) patternError(n ast.Node, t constantTextAt, err error) {
	what, off := patternFault(t.text, err)
	loc := n.Location()
	if t.node != nil {
		loc = t.node.Location()
		loc.From += c.insideLiteral(t, off)
	}
	src := c.src
	if t.src != nil {
		c.src = t.src
	}
	c.failAt(loc, "not a regular expression: "+what, patternHint(t.text))
	c.src = src
}

// patternFault says what is wrong with a pattern, and at which byte of it.
func patternFault(text string, err error) (string, int) {
	var se *syntax.Error
	if !errors.As(err, &se) {
		return err.Error(), 0
	}
	what := se.Code.String()
	if se.Expr == "" || !strings.Contains(text, se.Expr) {
		return what, 0
	}
	return what + " in " + se.Expr, strings.Index(text, se.Expr)
}

// insideLiteral turns a byte offset of a text into a rune offset of the literal
// that spells it, 0 when escapes make them differ.
func (c *checker) insideLiteral(t constantTextAt, off int) int {
	written := t.src.cut(t.node.Location())
	if len(written) < 2 || written[1:len(written)-1] != t.text {
		return 0
	}
	return 1 + utf8.RuneCountInString(t.text[:off])
}

// patternHint explains what RE2 leaves out.
func patternHint(p string) func(*yamlfile.Diagnostic) {
	switch {
	case strings.Contains(p, "(?=") || strings.Contains(p, "(?!") || strings.Contains(p, "(?<=") || strings.Contains(p, "(?<!"):
		return hint("looking ahead and behind is not supported: patterns run in linear time (RE2); join two conditions with && instead")
	case strings.Contains(p, `\1`) || strings.Contains(p, `\2`):
		return hint("back-references are not supported: patterns run in linear time (RE2)")
	}
	return hint("the syntax is RE2: https://github.com/google/re2/wiki/Syntax")
}

// prefixes reads constant CIDR blocks.
func (c *checker) prefixes(n ast.Node) (*prefixSet, bool) {
	texts, ok := c.constants(n)
	if !ok {
		c.fail(n, "the CIDR block is not written out", expected("a text such as \"10.0.0.0/8\""))
		return nil, false
	}
	set := &prefixSet{}
	for _, t := range texts {
		if !set.add(t.text) {
			at := n
			if t.node != nil {
				at = t.node
			}
			c.fail(at, fmt.Sprintf("%q is not a CIDR block", t.text), expected("an address or a block such as 10.0.0.0/8 or 2001:db8::/32"))
			ok = false
		}
	}
	return set, ok
}

// prefixSet answers whether an address lies in one of many blocks, by one map
// look-up per prefix length in use.
type prefixSet struct {
	bits [2][]int // lengths in use, of IPv4 and IPv6
	in   map[netip.Prefix]struct{}
}

func (s *prefixSet) add(text string) bool {
	p, err := netip.ParsePrefix(strings.TrimSpace(text))
	if err != nil {
		a, err := netip.ParseAddr(strings.TrimSpace(text))
		if err != nil || a.Zone() != "" {
			return false
		}
		p = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
	}
	p = p.Masked()
	if s.in == nil {
		s.in = map[netip.Prefix]struct{}{}
	}
	s.in[p] = struct{}{}
	family := &s.bits[0]
	if p.Addr().Is6() {
		family = &s.bits[1]
	}
	for _, b := range *family {
		if b == p.Bits() {
			return true
		}
	}
	*family = append(*family, p.Bits())
	return true
}

func (s *prefixSet) has(text string) bool {
	a, err := netip.ParseAddr(strings.Trim(text, "[] "))
	if err != nil {
		return false
	}
	a = a.Unmap().WithZone("")
	family := s.bits[0]
	if a.Is6() {
		family = s.bits[1]
	}
	for _, b := range family {
		if p, err := a.Prefix(b); err == nil {
			if _, ok := s.in[p]; ok {
				return true
			}
		}
	}
	return false
}
