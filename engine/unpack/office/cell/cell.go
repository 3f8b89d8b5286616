// Package cell holds what sheets of all formats have in common: how the address
// of a cell is written, how a stored number reads, what of a formula leads out of
// the workbook, and how cells become lines of text.
package cell

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/remark"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// Max is how many cells of one workbook are read.
const Max = 100_000

// Address is the name of a cell; row and column are counted from 0.
func Address(row, col int) string {
	var letters [8]byte
	i := len(letters)
	for n := col + 1; n > 0 && i > 0; n = (n - 1) / 26 {
		i--
		letters[i] = byte('A' + (n-1)%26)
	}
	return string(letters[i:]) + strconv.Itoa(row+1)
}

// Parse reads an address; ok is false for what is none.
func Parse(s string) (row, col int, ok bool) {
	i := 0
	for ; i < len(s) && i < 4 && s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z'; i++ {
		col = col*26 + int(s[i]|0x20-'a') + 1
	}
	n, err := strconv.Atoi(s[i:])
	if i == 0 || err != nil || n < 1 || n > 1<<24 {
		return 0, 0, false
	}
	return n - 1, col - 1, true
}

// Number is how a number reads: as a date when its format is one, else with the
// fifteen digits that programs show.
func Number(v float64, date bool, epoch1904 bool) string {
	if date {
		if s, ok := dateText(v, epoch1904); ok {
			return s
		}
	}
	s := strconv.FormatFloat(v, 'g', 15, 64)
	if f, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(f) < 1e15 && (math.Abs(f) >= 1e-6 || f == 0) {
		s = strconv.FormatFloat(f, 'f', -1, 64)
	}
	return s
}

// dateText is a count of days since the end of 1899, or since 1904.
func dateText(v float64, epoch1904 bool) (string, bool) {
	if !(v >= 0 && v < 2958466) { // the year 10000
		return "", false
	}
	day := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	if epoch1904 {
		day = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	whole := math.Floor(v)
	seconds := math.Round((v - whole) * 86400)
	at := day.AddDate(0, 0, int(whole)).Add(time.Duration(seconds) * time.Second)
	switch {
	case v < 1:
		return at.Format("15:04:05"), true
	case seconds == 0:
		return at.Format("2006-01-02"), true
	}
	return at.Format("2006-01-02 15:04:05"), true
}

// IsDate tells whether a number format shows a date or a time: by its number
// where it is built in (ECMA-376 part 1, 18.8.30), else by its letters.
func IsDate(id int, code string) bool {
	if code == "" {
		return id >= 14 && id <= 22 || id >= 27 && id <= 36 || id >= 45 && id <= 47 || id >= 50 && id <= 58
	}
	quoted, bracket := false, false
	for i := 0; i < len(code); i++ {
		switch c := code[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[':
			bracket = true
		case c == ']':
			bracket = false
		case bracket:
		case strings.IndexByte("dDmMyYhHsS", c) >= 0:
			return true
		case c == ';':
			return false
		}
	}
	return false
}

// RK is a number in the four bytes that records have for it (MS-XLS 2.5.217).
func RK(v uint32) float64 {
	f := math.Float64frombits(uint64(v&^3) << 32)
	if v&2 != 0 {
		f = float64(int32(v) >> 2)
	}
	if v&1 != 0 {
		f /= 100
	}
	return f
}

// Lines writes cells as text: a line for each row, a tab between cells, and each
// at its place. Empty cells take nothing.
type Lines struct {
	t     *task.Task
	sheet string
	row   int
	begun bool
	count int
	full  bool
	shown map[[2]int]string // what cells show, as far as links may need it
}

// NewLines begins the text of a workbook.
func NewLines(t *task.Task) *Lines { return &Lines{t: t, shown: map[[2]int]string{}} }

// Sheet begins a sheet.
func (l *Lines) Sheet(name string) {
	l.t.Text.Break()
	l.sheet, l.begun, l.shown = name, false, map[[2]int]string{}
}

const (
	maxShown = 20_000 // cells whose text is remembered
	maxText  = 200    // bytes of it
)

// Cell writes one; false says that no more are read.
func (l *Lines) Cell(row, col int, text string) bool {
	switch {
	case text == "":
		return !l.full
	case l.count >= Max:
		if !l.full {
			l.t.Cap(engine.DefectText, "more than %d cells", Max)
		}
		l.full = true
		return false
	}
	l.count++
	if l.begun && row != l.row {
		l.t.Text.Break()
	} else if l.begun {
		l.t.Text.Add("\t")
	}
	l.row, l.begun = row, true
	l.t.Text.At(l.sheet + "!" + Address(row, col))
	l.t.Text.Add(text)
	if len(l.shown) < maxShown && len(text) <= maxText {
		l.shown[[2]int{row, col}] = text
	}
	return true
}

// Shown is what a cell of this sheet showed; "" when that is not known.
func (l *Lines) Shown(row, col int) string { return l.shown[[2]int{row, col}] }

// Full tells that no more cells are read.
func (l *Lines) Full() bool { return l.full }

// outward are functions whose arguments lead out of the workbook, and those that
// run something.
var outward = []string{"HYPERLINK(", "WEBSERVICE(", "IMAGE(", "FILTERXML(", "IMPORTXML(", "IMPORTDATA(", "RTD(", "EXEC(", "CALL(", "REGISTER(", "DDE(", "URLDOWNLOADTOFILE"}

// Formula notes what of a formula leads out, and returns it if its text matters:
// it calls something that does, or speaks DDE.
func Formula(t *task.Task, book *remark.Book, formula string) string {
	upper := strings.ToUpper(formula)
	found := isDDE(formula)
	if found {
		book.Add(remark.Dde, formula)
	}
	for _, name := range outward {
		found = found || strings.Contains(upper, name)
	}
	if !found {
		return ""
	}
	if !strings.Contains(upper, "HYPERLINK(") {
		book.Add(remark.Formula, formula)
	}
	args := Literals(formula)
	for i, s := range args {
		if strings.Contains(s, "://") {
			shown := ""
			if i+1 < len(args) && strings.Contains(upper, "HYPERLINK(") {
				shown = args[i+1]
			}
			t.Link(s, shown)
		}
	}
	return formula
}

// isDDE tells a reference to another program (server|'topic'!item) from a bar
// inside a text.
func isDDE(formula string) bool {
	quoted := false
	for i := 0; i < len(formula); i++ {
		switch {
		case formula[i] == '"':
			quoted = !quoted
		case !quoted && formula[i] == '|':
			return strings.Contains(formula[i:], "!")
		}
	}
	return false
}

// Literals are the texts in a formula; those that it joins are one.
func Literals(formula string) []string {
	var all []string
	join := false
	for {
		i := strings.IndexByte(formula, '"')
		if i < 0 || len(all) > 200 {
			return all
		}
		between := strings.TrimSpace(formula[:i])
		text, rest := literal(formula[i+1:])
		if join && between == "&" {
			all[len(all)-1] += text
		} else {
			all = append(all, text)
		}
		join, formula = true, rest
	}
}

// literal reads up to the closing quote; two in a row are one.
func literal(s string) (text, rest string) {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			return b.String() + s, ""
		}
		b.WriteString(s[:i])
		if i+1 >= len(s) || s[i+1] != '"' {
			return b.String(), s[i+1:]
		}
		b.WriteByte('"')
		s = s[i+2:]
	}
}

// Again makes the next cell begin a line: something else was written between.
func (l *Lines) Again() { l.begun = false }

// HeaderText is a header of a sheet without the codes that format it
// (ECMA-376 part 1, 18.3.1.46).
func HeaderText(s string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '&')
		if i < 0 || i+1 >= len(s) {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		code := s[i+1]
		s = s[i+2:]
		switch {
		case code == '&':
			b.WriteByte('&')
		case code == '"':
			_, s, _ = strings.Cut(s, `"`)
		case code >= '0' && code <= '9':
			s = strings.TrimLeft(s, "0123456789")
		case code == 'K':
			s = s[min(6, len(s)):]
		default:
			b.WriteByte(' ')
		}
	}
}
