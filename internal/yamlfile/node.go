package yamlfile

import (
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Kind is the shape of a node.
type Kind uint8

const (
	Null Kind = iota
	Scalar
	Sequence
	Mapping
)

func (k Kind) String() string { return [...]string{"nothing", "a value", "a list", "a mapping"}[k] }

// Pos is a place in a file. Line and Col count from 1; Col counts characters.
type Pos struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Col  int    `json:"col"`
}

// Node is one node of a document with its place. Nodes are immutable and may be
// shared: an alias is the node that it refers to.
type Node struct {
	Kind  Kind
	Text  string  // decoded, of a scalar
	Tag   string  // !!str, !!int, !!bool, ... as YAML resolved it
	Items []*Node // of a sequence
	Pairs []Pair  // of a mapping, in the order of the file

	src    *source
	line   int
	col    int
	style  yaml.Style
	weight int // nodes under this one with aliases expanded, itself included
}

// Pair is one entry of a mapping.
type Pair struct{ Key, Value *Node }

// source is the text of one file.
type source struct {
	name  string
	data  string
	lines []int // offset at which each line starts
}

func newSource(name, data string) *source {
	s := &source{name: name, data: data, lines: []int{0}}
	for i := 0; i < len(data); i++ {
		if n := lineBreak(data[i:]); n > 0 {
			s.lines = append(s.lines, i+n)
			i += n - 1
		}
	}
	return s
}

// lineBreak is the length of the line break that s starts with, by the count of
// the YAML library, which is that of YAML 1.1 (section 5.4).
func lineBreak(s string) int {
	switch {
	case s[0] == '\n':
		return 1
	case strings.HasPrefix(s, "\r\n"):
		return 2
	case s[0] == '\r':
		return 1
	case s[0] < utf8.RuneSelf:
		return 0
	case strings.HasPrefix(s, "\u0085"):
		return 2
	case strings.HasPrefix(s, "\u2028"), strings.HasPrefix(s, "\u2029"):
		return 3
	}
	return 0
}

// line returns the text of line n, counted from 1, without its end.
func (s *source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	end := len(s.data)
	if n < len(s.lines) {
		end = s.lines[n]
	}
	return strings.TrimRight(s.data[s.lines[n-1]:end], "\r\n\u0085\u2028\u2029")
}

// inside moves a place of the library's into the file: an empty value at its
// end is said to stand on a line behind the last.
func (s *source) inside(line, col int) (int, int) {
	if line <= len(s.lines) {
		return max(line, 1), max(col, 1)
	}
	end := s.pos(len(s.data))
	return end.Line, end.Col
}

// offset returns the byte offset of a line and column.
func (s *source) offset(line, col int) int {
	if line < 1 || line > len(s.lines) {
		return len(s.data)
	}
	off := s.lines[line-1]
	for ; col > 1 && off < len(s.data); col-- {
		_, n := utf8.DecodeRuneInString(s.data[off:])
		off += n
	}
	return off
}

// pos returns the line and column of a byte offset.
func (s *source) pos(off int) Pos {
	off = min(max(off, 0), len(s.data))
	lo, hi := 0, len(s.lines)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; s.lines[mid] <= off {
			lo = mid
		} else {
			hi = mid
		}
	}
	return Pos{s.name, lo + 1, utf8.RuneCountInString(s.data[s.lines[lo]:off]) + 1}
}

// Pos is where the node starts: for a scalar its first character, quote or
// block indicator.
func (n *Node) Pos() Pos { return Pos{n.src.name, n.line, n.col} }

// At is where byte off of the decoded text stands in the file; off may be
// len(Text). For anything but a scalar it is Pos.
func (n *Node) At(off int) Pos {
	if n.Kind != Scalar {
		return n.Pos()
	}
	at, ok := locate(n.src.data, n.src.offset(n.line, n.col), n.Text, n.style, min(max(off, 0), len(n.Text)))
	if !ok {
		return n.Pos()
	}
	return n.src.pos(at)
}

// Get returns the value of a key of a mapping, nil if there is none.
func (n *Node) Get(key string) *Node {
	for _, p := range n.Pairs {
		if p.Key.Text == key {
			return p.Value
		}
	}
	return nil
}

// Line is the text of the file's line on which p stands.
func (n *Node) Line(p Pos) string { return n.src.line(p.Line) }

// Errorf is an error at the start of the node.
func (n *Node) Errorf(format string, args ...any) Diagnostic {
	return n.at(n.Pos(), format, args)
}

// ErrorAt is an error at byte off of the decoded text of a scalar.
func (n *Node) ErrorAt(off int, format string, args ...any) Diagnostic {
	return n.at(n.At(off), format, args)
}

func (n *Node) at(p Pos, format string, args []any) Diagnostic {
	return Diagnostic{Pos: p, Message: sprintf(format, args), Text: n.src.line(p.Line)}
}
