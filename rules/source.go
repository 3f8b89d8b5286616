package rules

import (
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"

	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// source is one piece of expression text and where it stands: a condition, a
// macro, or what is between the braces of a template.
type source struct {
	id    int
	node  *yamlfile.Node
	off   int    // where text starts in node.Text, in bytes
	text  string // the expression
	macro string // name of the macro that this is the text of
}

// The location of a syntax node is (source id, rune offset) in one integer, so
// that a node of an expanded macro still knows where it was written.
const sourceShift = 32

func (s *source) loc(l file.Location) file.Location {
	return file.Location{From: l.From | s.id<<sourceShift, To: l.To | s.id<<sourceShift}
}

// bytes turns a rune offset of the text into a byte offset.
func (s *source) bytes(runes int) int {
	i := 0
	for ; runes > 0 && i < len(s.text); runes-- {
		_, n := utf8.DecodeRuneInString(s.text[i:])
		i += n
	}
	return i
}

// diagnostic is an error at a rune offset of the text.
func (s *source) diagnostic(runes int, message string) yamlfile.Diagnostic {
	return s.node.ErrorAt(s.off+s.bytes(runes), "%s", message)
}

func (s *source) pos(runes int) yamlfile.Pos { return s.node.At(s.off + s.bytes(runes)) }

// cut is the text between two rune offsets.
func (s *source) cut(l file.Location) string { return s.text[s.bytes(l.From):s.bytes(l.To)] }

// at gives node the location of like.
func at[N ast.Node](node N, like ast.Node) N {
	node.SetLocation(like.Location())
	return node
}
