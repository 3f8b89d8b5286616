package yamlfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Severity says whether a diagnostic stops the file from being used.
type Severity uint8

const (
	Error   Severity = iota
	Warning          // the file can be used
)

func (s Severity) String() string { return [...]string{"error", "warning"}[s] }

// MarshalText writes the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Diagnostic is one thing wrong with a file, for its author.
type Diagnostic struct {
	Pos
	Severity Severity  `json:"severity"`
	Message  string    `json:"message"`
	Text     string    `json:"text,omitempty"`     // the line of the file
	Expected string    `json:"expected,omitempty"` // what would be right
	Hint     string    `json:"hint,omitempty"`     // what to do
	Related  []Related `json:"related,omitempty"`  // other places that have to do with it
}

// Related is another place that has to do with a diagnostic.
type Related struct {
	Pos
	Message string `json:"message"`
}

// Diagnostics are all that is wrong, as an error. A nil Diagnostics is fine.
type Diagnostics []Diagnostic

// Error renders all of them, as String.
func (d Diagnostics) Error() string { return d.String() }

// Errors are those that stop the file from being used.
func (d Diagnostics) Errors() Diagnostics {
	return slices.DeleteFunc(slices.Clone(d), func(x Diagnostic) bool { return x.Severity != Error })
}

// Sorted returns them in the order of file, line and column, each once.
func (d Diagnostics) Sorted() Diagnostics {
	d = slices.Clone(d)
	slices.SortStableFunc(d, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return slices.CompactFunc(d, func(a, b Diagnostic) bool { return a.Pos == b.Pos && a.Message == b.Message })
}

// String renders them one below the other, without a final line feed.
func (d Diagnostics) String() string {
	s := make([]string, len(d))
	for i := range d {
		s[i] = d[i].String()
	}
	return strings.Join(s, "\n")
}

// String renders the diagnostic:
//
//	rules/pair.yaml:12:19: unknown field attachments.locked
//	  | when: any(attachments, .locked)
//	  | .......................^
//	  hint: did you mean encrypted?
func (d Diagnostic) String() string {
	var b strings.Builder
	b.WriteString(d.Pos.String() + ": ")
	if d.Severity == Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(d.Message)
	if line, dots := snippet(d.Text, d.Col); line != "" {
		fmt.Fprintf(&b, "\n  | %s\n  | %s^", line, strings.Repeat(".", dots))
	}
	if d.Expected != "" {
		b.WriteString("\n  expected: " + d.Expected)
	}
	for _, r := range d.Related {
		fmt.Fprintf(&b, "\n  see: %s: %s", r.Pos, r.Message)
	}
	if d.Hint != "" {
		b.WriteString("\n  hint: " + d.Hint)
	}
	return b.String()
}

// String writes file:line:col, or as much of it as is known.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Width of the part of a long line that is shown, in columns.
const (
	snippetWidth  = 110
	snippetBefore = 70
)

// snippet prepares a line for display: indentation gone, tabs as spaces, what
// is not printable as a dot, and cut to the part around col. It returns the
// number of terminal columns before the caret.
func snippet(text string, col int) (string, int) {
	runes := []rune(text)
	lead := 0
	for lead < len(runes) && lead < col-1 && (runes[lead] == ' ' || runes[lead] == '\t') {
		lead++
	}
	runes, at := runes[lead:], min(max(col-1-lead, 0), len(runes)-lead)
	cutFront := ""
	if at > snippetBefore && len(runes) > snippetWidth {
		runes, at, cutFront = runes[at-snippetBefore:], snippetBefore, "..."
	}
	cutBack := ""
	if len(runes) > snippetWidth {
		runes, cutBack = runes[:snippetWidth], "..."
	}
	line, dots := cutFront, len(cutFront)
	for i, r := range runes {
		s := display(r)
		if i < at {
			dots += width(s)
		}
		line += s
	}
	return strings.TrimRight(line+cutBack, " "), dots
}

func display(r rune) string {
	switch {
	case r == '\t':
		return "    "
	case !unicode.IsGraphic(r) && !unicode.Is(unicode.Mn, r):
		return "."
	default:
		return string(r)
	}
}

// width is the number of terminal columns that s takes.
func width(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case unicode.Is(wide, r):
			n += 2
		default:
			n++
		}
	}
	return n
}

// wide are the characters that take two columns (Unicode Standard Annex 11,
// values W and F, in the blocks that text in rule files may use).
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1},
		{0x231a, 0x231b, 1},
		{0x23e9, 0x23ec, 1},
		{0x25fd, 0x25fe, 1},
		{0x2614, 0x2615, 1},
		{0x26a1, 0x26a1, 1},
		{0x2705, 0x2705, 1},
		{0x274c, 0x274c, 1},
		{0x2753, 0x2755, 1},
		{0x2795, 0x2797, 1},
		{0x2e80, 0x303e, 1},
		{0x3041, 0x33ff, 1},
		{0x3400, 0x4dbf, 1},
		{0x4e00, 0x9fff, 1},
		{0xa000, 0xa4cf, 1},
		{0xa960, 0xa97f, 1},
		{0xac00, 0xd7a3, 1},
		{0xf900, 0xfaff, 1},
		{0xfe30, 0xfe6f, 1},
		{0xff00, 0xff60, 1},
		{0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{
		{0x16fe0, 0x18aff, 1}, {0x1b000, 0x1b2ff, 1}, {0x1f300, 0x1f64f, 1}, {0x1f680, 0x1f6ff, 1}, {0x1f900, 0x1faff, 1}, {0x20000, 0x3fffd, 1},
	},
}

func sprintf(format string, args []any) string {
	if len(args) == 0 {
		return format
	}
	return fmt.Sprintf(format, args...)
}
