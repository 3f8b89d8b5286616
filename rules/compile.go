package rules

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/expr-lang/expr/ast"
	exprchecker "github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// maxCondition is the length of one expression in bytes. It also bounds how
// deep expr's parser recurses.
const maxCondition = 32 << 10

// expression is one compiled expression.
type expression struct {
	src     *source
	program *vm.Program
	t       typ
	use     usage
	tree    ast.Node // as parsed, to compile it once more with a trace
	keep    bool
}

// parse parses a source, nil after a mistake, which is then told.
func (l *loader) parse(s *source) (tree ast.Node) {
	if len(s.text) > maxCondition {
		l.Add(s.diagnostic(0, fmt.Sprintf("the condition has %d bytes", len(s.text))))
		return nil
	}
	defer func() {
		if recover() != nil { // expr's parser makes trees with holes of some broken texts
			l.Add(s.diagnostic(0, "this is not an expression"))
			tree = nil
		}
	}()
	t, err := parser.ParseWithConfig(s.text, nil)
	if err == nil {
		return t.Node
	}
	l.Add(s.syntaxError(err))
	return nil
}

// expression checks and compiles the text of s, nil after a mistake.
func (l *loader) expression(s *source, keep bool, check func(c *checker, tree ast.Node, t typ)) *expression {
	e := &expression{src: s, keep: keep, tree: l.parse(s)}
	if e.tree == nil {
		return nil
	}
	c := &checker{l: l, src: s, use: &e.use, keep: keep}
	out, t := c.node(e.tree)
	e.t = t
	if !c.bad && check != nil {
		check(c, e.tree, t)
	}
	if c.bad {
		return nil
	}
	program, err := l.compile(out)
	if err != nil {
		l.Add(s.diagnostic(0, "this condition cannot be compiled"))
		return nil
	}
	e.program = program
	return e
}

// compile hands a checked tree to expr. An error would be a mistake of the
// checker: what it lets through compiles.
func (l *loader) compile(tree ast.Node) (*vm.Program, error) {
	t := &parser.Tree{Node: tree}
	if _, err := exprchecker.Check(t, l.config); err != nil {
		return nil, err
	}
	return compiler.Compile(t, l.config)
}

// condition compiles a text that must be true or false.
func (l *loader) condition(n *yamlfile.Node, keep bool) *expression {
	what := "when"
	if keep {
		what = "keep"
	}
	text, ok := l.Filled(n, what)
	if !ok {
		return nil
	}
	return l.expression(l.newSource(n, 0, text), keep, func(c *checker, tree ast.Node, t typ) {
		if !t.is(boolKind) {
			c.notBool(tree, t, what)
		}
	})
}

var unexpected = regexp.MustCompile(`^unexpected token (\w+)(?:\((.*)\))?$`)

// syntaxError is expr's message in our words, where it stands in the file.
func (s *source) syntaxError(err error) yamlfile.Diagnostic {
	var fe *file.Error
	if !errors.As(err, &fe) {
		return s.diagnostic(0, "this is not an expression")
	}
	d := s.diagnostic(fe.From, fe.Message)
	if m := unexpected.FindStringSubmatch(fe.Message); m != nil {
		s.unexpectedToken(&d, fe.From, m[1], strings.Trim(m[2], `"`))
		return d
	}
	for _, known := range syntaxMessages {
		if strings.Contains(fe.Message, known.part) {
			d.Message, d.Hint = known.message, known.hint
			return d
		}
	}
	return d
}

// syntaxMessages are expr's words for what authors get wrong most.
var syntaxMessages = []struct{ part, message, hint string }{
	{"invalid char escape", "an escape that does not exist", "write patterns in backticks, in which a backslash stands for itself: `\\d+`"},
	{"unable to unescape", "an escape that does not exist", "write patterns in backticks, in which a backslash stands for itself: `\\d+`"},
	{"invalid syntax", "an escape that does not exist", "write patterns in backticks, in which a backslash stands for itself: `\\d+`"},
	{"literal not terminated", "a text without its closing quote", "close it with the quote it starts with"},
	{"unclosed comment", "a comment without its end", "close it with */"},
	{"cannot be mixed", "?? beside another operator", "nothing is ever nil; use coalesce(a, b)"},
	{"maximum allowed nodes", "the condition is too large", "put parts of it into rules of their own"},
	{"wrap predicate with brackets", "a ; inside a predicate", "put the predicate into { }"},
	{"expected name", "a dot without a name behind it", ""},
	{"unrecognized character: U+201", "a quote that is no straight quote", "write texts in straight quotes: \"...\""},
	{"unrecognized character", "a sign that means nothing here", ""},
	{"expected at least", "too few arguments", "any, all, filter and the like take a list and a condition on its elements"},
}

// tokenHints are for signs that mean something elsewhere.
var tokenHints = map[string]string{
	"=": "use == to compare", "&": "use && for and", "===": "use ==", "!==": "use !=", ".": "fields of an element stand only inside any, all, filter and the like",
	"#": "# stands only inside any, all, filter and the like", "<>": "use !=", "%%": "use %", "AND": "use &&", "OR": "use ||",
}

func (s *source) unexpectedToken(d *yamlfile.Diagnostic, from int, kind, token string) {
	if kind == "EOF" {
		d.Message, d.Hint = "the condition ends too early", "something is missing behind the last word, or a bracket is not closed"
		return
	}
	d.Message = "unexpected " + token
	d.Hint = tokenHints[token]
	if d.Hint == "" && strings.HasPrefix(token, "=") {
		d.Hint = tokenHints["="]
	}
	if near, ok := wordOperators[strings.ToLower(token)]; ok {
		d.Hint = "did you mean " + near + "?"
	}
	if d.Hint == "" {
		d.Expected = "an operator such as &&, ||, == or in"
	}
}

// wordOperators are words that other languages use for operators.
var wordOperators = map[string]string{
	"and": "&&", "or": "||", "like": "strings.like(a, b)", "is": "==", "eq": "==", "equals": "==", "has": "contains", "includes": "contains",
	"starts": "startsWith", "startswith": "startsWith", "starts_with": "startsWith", "ends": "endsWith", "endswith": "endsWith", "ends_with": "endsWith",
	"match": "matches", "regex": "matches", "contain": "contains", "xor": "!=",
}
