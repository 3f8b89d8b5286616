package odf

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/unpack/office/cell"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/markup"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/remark"
)

const (
	maxLinks  = 32 // inside each other
	maxRepeat = 1 << 20
	maxCell   = 1 << 20 // bytes of the text of a cell
)

// flow reads a part that holds text.
func (d *document) flow(name, place string) {
	for _, p := range d.zip.Named(name) {
		if !d.Open(p) {
			continue
		}
		d.t.Text.Break()
		d.t.Text.At(place)
		f := &flow{d: d, place: place, lines: cell.NewLines(d.t)}
		d.scan(p, f.token)
		d.t.Text.Break()
		if f.slides > 0 {
			d.t.Part.Pages = f.slides
		}
	}
}

// flow is the state of reading one part.
type flow struct {
	d      *document
	place  string
	paras  int // open paragraphs: text counts inside of one only
	links  []*link
	last   byte
	cells  int // open cells of a table in a text
	gap    string
	style  string // the style that is being defined
	hiding []int  // depths of spans that are hidden
	erased int    // depth of a tracked deletion; 0 when there is none
	slides int

	sheets   bool // the document is a workbook
	lines    *cell.Lines
	table    int // open tables
	row, col int
	rows     int // that the current one stands for
	columns  int // that the current cell stands for
	inCell   bool
	value    strings.Builder
	stored   string // the value of a cell without a text
	formula  string
}

type link struct {
	depth  int
	target string
	shown  strings.Builder
}

func (f *flow) token(s *markup.Scanner) {
	switch s.Kind {
	case markup.Start:
		f.start(s)
	case markup.End:
		f.close(s)
	case markup.Text:
		if f.paras > 0 && (f.inCell || !f.d.t.Text.Full()) {
			f.text(strings.Map(space, string(s.Text)))
		}
	}
}

// space is what white space in XML reads as.
func space(r rune) rune {
	if r == '\n' || r == '\r' || r == '\t' {
		return ' '
	}
	return r
}

// start is a table: what each element begins.
func (f *flow) start(s *markup.Scanner) {
	f.leads(s)
	switch s.Name {
	case "style":
		f.style = s.Attr("name")
	case "table-properties", "text-properties":
		if s.Attr("display") == "false" || s.Attr("display") == "none" {
			f.d.hidden[f.style] = true
		}
	case "spreadsheet":
		f.sheets = true
	case "p", "h":
		f.paras++
	case "s":
		f.write(strings.Repeat(" ", min(repeat(s, "c"), 100)))
	case "tab":
		f.write("\t")
	case "line-break":
		f.write("\n")
	case "span":
		if f.d.hidden[s.Attr("style-name")] {
			f.hiding = append(f.hiding, s.Depth)
		}
	case "hidden-text", "hidden-paragraph":
		f.d.book.Add(remark.Hidden, s.Attr("string-value"))
	case "deletion":
		f.erased = s.Depth
	case "page":
		f.slides++
		f.begin(fmt.Sprintf("slide %d", f.slides))
	case "notes":
		f.begin(fmt.Sprintf("slide %d, notes", f.slides))
	case "table":
		f.tableBegins(s)
	case "table-row":
		f.rows = repeat(s, "number-rows-repeated")
		f.col = 0
	case "table-cell", "covered-table-cell":
		f.cellBegins(s)
	case "dde-source", "dde-connection-decl", "dde-link":
		f.d.book.Add(remark.Dde, strings.TrimSpace(s.Attr("dde-application")+" "+s.Attr("dde-topic")+" "+s.Attr("dde-item")))
	case "event-listener":
		f.d.book.Add(remark.Auto, s.Attr("event-name")+" "+s.Attr("href")+s.Attr("macro-name"))
	}
}

// leads notes where an element leads: a link shows something, anything else is
// loaded.
func (f *flow) leads(s *markup.Scanner) {
	target := s.Attr("href")
	switch {
	case s.Name == "a":
		if len(f.links) < maxLinks {
			f.links = append(f.links, &link{depth: s.Depth, target: target})
		}
	case s.Name == "form":
		f.d.t.Link(target, "")
	case s.Name == "event-listener":
	case strings.Contains(target, "://"), strings.HasPrefix(target, `\\`):
		f.d.book.Outside(f.d.t, target)
	}
}

func repeat(s *markup.Scanner, attr string) int {
	n, err := strconv.Atoi(s.Attr(attr))
	if err != nil || n < 1 {
		return 1
	}
	return min(n, maxRepeat)
}

// begin starts a place of its own.
func (f *flow) begin(place string) {
	f.lineBreak()
	f.d.t.Text.At(place)
}

func (f *flow) tableBegins(s *markup.Scanner) {
	f.table++
	if !f.sheets || f.table > 1 {
		return
	}
	name := s.Attr("name")
	f.lines.Sheet(name)
	f.row = 0
	if f.d.hidden[s.Attr("style-name")] || s.Attr("display") == "false" {
		f.d.book.Add(remark.Sheets, name+" (hidden)")
	}
}

func (f *flow) cellBegins(s *markup.Scanner) {
	if !f.sheets || f.table > 1 {
		f.cells++
		return
	}
	f.columns = repeat(s, "number-columns-repeated")
	f.inCell = true
	f.value.Reset()
	f.formula = s.Attr("formula")
	f.stored = s.Attr("value")
	for _, attr := range [...]string{"date-value", "time-value", "boolean-value", "string-value"} {
		if f.stored == "" {
			f.stored = s.Attr(attr)
		}
	}
}

// close is a table: what each element ends.
func (f *flow) close(s *markup.Scanner) {
	depth := s.Depth + 1
	switch s.Name {
	case "p", "h":
		f.paras = max(0, f.paras-1)
		f.paragraphEnds()
	case "a":
		f.linkEnds(depth)
	case "span":
		if n := len(f.hiding); n > 0 && f.hiding[n-1] == depth {
			f.hiding = f.hiding[:n-1]
		}
	case "deletion":
		if f.erased == depth {
			f.erased = 0
		}
	case "table-cell", "covered-table-cell":
		f.cellEnds()
	case "table-row":
		if f.sheets && f.table == 1 {
			f.row = min(f.row+f.rows, 1<<24)
		} else {
			f.lineBreak()
		}
	case "table":
		f.table = max(0, f.table-1)
	case "notes":
		f.begin(fmt.Sprintf("slide %d", f.slides))
	}
}

func (f *flow) paragraphEnds() {
	switch {
	case f.inCell && f.sheets:
		appendTo(&f.value, " ", maxCell)
	case f.cells > 0:
		f.gap = " "
	default:
		f.lineBreak()
	}
}

func (f *flow) linkEnds(depth int) {
	n := len(f.links)
	if n == 0 || f.links[n-1].depth != depth {
		return
	}
	l := f.links[n-1]
	f.links = f.links[:n-1]
	f.d.book.Link(f.d.t, l.target, strings.TrimSpace(l.shown.String()))
}

func (f *flow) cellEnds() {
	if !f.sheets || f.table > 1 {
		f.cells = max(0, f.cells-1)
		f.gap = "\t"
		return
	}
	f.inCell = false
	text := strings.TrimSpace(f.value.String())
	if text == "" {
		text = f.stored
	}
	if told := cell.Formula(f.d.t, &f.d.book, strings.TrimPrefix(f.formula, "of:=")); told != "" {
		text = strings.TrimSpace(text + " =" + told)
	}
	f.lines.Cell(f.row, f.col, text)
	f.col = min(f.col+f.columns, maxRepeat)
}

func (f *flow) lineBreak() {
	f.gap = ""
	if f.last != '\n' && f.last != 0 {
		f.write("\n")
	}
}

// text is a piece of a paragraph.
func (f *flow) text(s string) {
	if len(f.hiding) > 0 {
		f.d.book.Add(remark.Hidden, s)
	}
	if f.erased > 0 {
		f.d.book.Add(remark.Deleted, s)
	}
	if f.gap != "" && f.last != '\n' && f.last != '\t' && f.last != 0 {
		f.write(f.gap)
	}
	f.gap = ""
	f.write(s)
}

// write appends to the text, or to the cell, and to what links show.
func (f *flow) write(s string) {
	if s == "" {
		return
	}
	for i := range f.links {
		appendTo(&f.links[i].shown, s, maxShown)
	}
	if f.inCell && f.sheets {
		appendTo(&f.value, s, maxCell)
		return
	}
	f.last = s[len(s)-1]
	f.d.t.Text.Add(s)
}

func appendTo(b *strings.Builder, s string, max int) {
	if left := max - b.Len(); left > 0 {
		b.WriteString(s[:min(len(s), left)])
	}
}
