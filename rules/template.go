package rules

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// template is text with {{ expression }} in it. It is parsed once; what an
// expression yields is never read as a template again.
type template struct {
	node   *yamlfile.Node
	pieces []piece
}

// piece is literal text, or an expression.
type piece struct {
	text string
	expr *expression
}

// constant returns the text of a template without expressions.
func (t *template) constant() (string, bool) {
	switch {
	case len(t.pieces) == 0:
		return "", true
	case len(t.pieces) == 1 && t.pieces[0].expr == nil:
		return t.pieces[0].text, true
	}
	return "", false
}

// list says that the template is one expression that yields several values.
func (t *template) list() bool {
	return len(t.pieces) == 1 && t.pieces[0].expr != nil && t.pieces[0].expr.t.kind == listKind
}

// template reads a template whose result must be one text, or with many true
// may be a list of them.
func (l *loader) template(r *Rule, n *yamlfile.Node, what string, many bool) *template {
	text, ok := l.String(n, what)
	if !ok {
		return nil
	}
	t := &template{node: n}
	good := true
	for off := 0; off < len(text); {
		open := strings.Index(text[off:], "{{")
		if open < 0 {
			t.pieces = append(t.pieces, piece{text: text[off:]})
			break
		}
		if open > 0 {
			t.pieces = append(t.pieces, piece{text: text[off : off+open]})
		}
		start := off + open + 2
		size := expressionEnd(text[start:])
		if size < 0 {
			d := n.ErrorAt(off+open, "{{ without }}")
			d.Hint = `a text with {{ in it is written {{ "{{" }}`
			l.Add(d)
			return nil
		}
		e := l.templateExpression(r, n, start, text[start:start+size], what, many)
		good = good && e != nil
		t.pieces = append(t.pieces, piece{expr: e})
		off = start + size + 2
	}
	if !good {
		return nil
	}
	return l.checkPieces(t, n, what)
}

func (l *loader) templateExpression(r *Rule, n *yamlfile.Node, off int, text, what string, many bool) *expression {
	if strings.TrimSpace(text) == "" {
		l.Add(n.ErrorAt(off, "nothing between {{ and }}"))
		return nil
	}
	e := l.expression(l.newSource(n, off, text), r.Keep, func(c *checker, tree ast.Node, t typ) {
		elem := t
		if t.kind == listKind {
			if !many {
				c.fail(tree, fmt.Sprintf("%s is %s", what, t.a()), expected("a single value"), hint("join(list, \", \") makes one text of it"))
				return
			}
			elem = *t.elem
		}
		if !elem.scalar() {
			more := c.wholeHint(tree, elem)
			if t.kind == listKind {
				more = hint("take a field: map(%s, .%s)", c.nameOf(tree), fieldOfElement(t))
			}
			c.fail(tree, fmt.Sprintf("%s cannot be written as text", t.a()), more)
		}
	})
	if e != nil {
		r.reads(e)
	}
	return e
}

// checkPieces refuses a list beside other text: which text would go with which?
func (l *loader) checkPieces(t *template, n *yamlfile.Node, what string) *template {
	for _, p := range t.pieces {
		if len(t.pieces) > 1 && p.expr != nil && p.expr.t.kind == listKind {
			d := p.expr.src.diagnostic(0, "a list beside other text in "+what)
			d.Hint = `join(list, ", ") makes one text of it; map(list, "..." + #) puts text before each`
			l.Add(d)
			return nil
		}
	}
	return t
}

// expressionEnd finds the }} that ends an expression, not looking into texts.
func expressionEnd(s string) int {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\'' || c == '`':
			end := quoteEnd(s[i+1:], c)
			if end < 0 {
				return strings.Index(s, "}}")
			}
			i += end + 1
		case strings.HasPrefix(s[i:], "}}"):
			for strings.HasPrefix(s[i+1:], "}}") { // a predicate's own bracket stands before
				i++
			}
			return i
		}
	}
	return -1
}

// quoteEnd is where a text ends that started before s.
func quoteEnd(s string, quote byte) int {
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && quote != '`' {
			i++
			continue
		}
		if s[i] == quote {
			return i
		}
	}
	return -1
}

// values evaluates the template: one text, or those of its list, without empty ones.
func (t *template) values(ev *evaluator) ([]string, error) {
	if t.list() {
		v, err := ev.value(t.pieces[0].expr)
		if err != nil {
			return nil, err
		}
		var out []string
		for i := range length(v) {
			if s := written(mustElement(v, i)); s != "" {
				out = append(out, s)
			}
		}
		return out, nil
	}
	s, err := t.value(ev)
	if err != nil || s == "" {
		return nil, err
	}
	return []string{s}, nil
}

// maxTemplate is the length of what a template yields.
const maxTemplate = 64 << 10

func (t *template) value(ev *evaluator) (string, error) {
	var b strings.Builder
	for _, p := range t.pieces {
		if p.expr == nil {
			b.WriteString(p.text)
			continue
		}
		v, err := ev.value(p.expr)
		if err != nil {
			return "", err
		}
		b.WriteString(written(v))
	}
	return cutBytes(b.String(), maxTemplate), nil
}

func cutBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
