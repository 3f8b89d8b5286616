package ooxml

import (
	"path"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/cell"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/markup"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/remark"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/zipped"
)

const (
	maxSheets  = 1000
	maxShared  = 16 << 20 // bytes of shared texts
	maxStrings = 2 << 20  // their number
	maxFormats = 1 << 16
	maxFormula = 64 << 10 // bytes of one formula
)

// sheet is an entry of the workbook.
type sheet struct{ name, id, state string }

// book is a workbook that is read.
type book struct {
	d      *document
	lines  *cell.Lines
	shared texts
	dates  []bool // by the index of a cell's format
	old    bool   // dates count from 1904
	sheets []sheet
}

// texts are strings by their number, kept in one piece.
type texts struct {
	all  []byte
	ends []int
}

func (s *texts) at(i int) string {
	if i < 0 || i >= len(s.ends) {
		return ""
	}
	from := 0
	if i > 0 {
		from = s.ends[i-1]
	}
	return string(s.all[from:s.ends[i]])
}

// end closes a string; false says that there are too many.
func (s *texts) end() bool {
	s.ends = append(s.ends, len(s.all))
	return len(s.ends) < maxStrings && len(s.all) < maxShared
}

// workbook reads sheets in the order of the workbook.
func (d *document) workbook(main *zipped.Part) {
	b := &book{d: d, lines: cell.NewLines(d.t)}
	d.scan(main, b.workbookToken)
	for _, p := range d.related(main.Name, "styles") {
		b.styles(p)
	}
	for _, p := range append(d.related(main.Name, "sharedStrings"), d.zip.Named("xl/sharedStrings.xml")...) {
		b.sharedStrings(p)
	}
	b.readSheets(main, b.sheet)
	for _, p := range d.zip.Under("xl/") {
		b.outside(p)
	}
}

// readSheets reads those that the workbook lists, then those it does not.
func (b *book) readSheets(main *zipped.Part, read func(p *zipped.Part, name string)) {
	for _, s := range b.sheets {
		if s.state != "" && s.state != "visible" {
			b.d.book.Add(remark.Sheets, s.name+" ("+s.state+")")
		}
		if r := b.d.rel(main.Name, s.id); r != nil && !r.external {
			b.one(b.d.zip.Find(r.target), s.name, read)
		}
	}
	for _, dir := range [...]string{"xl/worksheets/", "xl/macrosheets/", "xl/dialogsheets/"} {
		for _, p := range b.d.zip.Under(dir) {
			if p.Ext() == "xml" || p.Ext() == "bin" && strings.HasPrefix(strings.ToLower(path.Base(p.Name)), "sheet") {
				b.one(p, strings.TrimSuffix(path.Base(p.Name), path.Ext(p.Name)), read)
			}
		}
	}
}

func (b *book) one(p *zipped.Part, name string, read func(p *zipped.Part, name string)) {
	if !b.d.Open(p) {
		return
	}
	if strings.Contains(strings.ToLower(p.Name), "macrosheets/") {
		b.d.t.Part.HasMacros = true
		b.d.book.Add("macro_sheets", name)
	}
	read(p, name)
	b.around(p, name)
}

// around reads what stands beside the cells of a sheet.
func (b *book) around(p *zipped.Part, name string) {
	for _, kind := range [...]string{"comments", "threadedComment"} {
		for _, c := range b.d.related(p.Name, kind) {
			b.d.flow(c, name+", comments")
		}
	}
	for _, drawing := range b.d.related(p.Name, "drawing") {
		b.d.flow(drawing, name+", shapes")
		for _, chart := range b.d.related(drawing.Name, "chart") {
			b.d.flow(chart, name+", chart")
		}
	}
}

func (b *book) workbookToken(s *markup.Scanner) {
	if s.Kind != markup.Start {
		return
	}
	switch s.Name {
	case "sheet":
		if len(b.sheets) < maxSheets {
			b.sheets = append(b.sheets, sheet{s.Attr("name"), s.RefAttr("id"), s.Attr("state")})
		}
	case "workbookPr":
		b.old = s.Attr("date1904") == "1" || s.Attr("date1904") == "true"
	case "definedName":
		if name := strings.ToLower(strings.TrimPrefix(strings.ToLower(s.Attr("name")), "_xlnm.")); strings.HasPrefix(name, "auto_") {
			b.d.book.Add(remark.Auto, s.Attr("name"))
		}
	}
}

// styles learns which formats of cells show dates.
func (b *book) styles(p *zipped.Part) {
	codes := map[int]string{}
	inside := false
	b.d.scan(p, func(s *markup.Scanner) {
		switch {
		case s.Name == "cellXfs" && s.Kind != markup.Text:
			inside = s.Kind == markup.Start
		case s.Kind != markup.Start:
		case s.Name == "numFmt" && len(codes) < maxFormats:
			codes[atoi(s.Attr("numFmtId"))] = s.Attr("formatCode")
		case s.Name == "xf" && inside && len(b.dates) < maxFormats:
			id := atoi(s.Attr("numFmtId"))
			b.dates = append(b.dates, cell.IsDate(id, codes[id]))
		}
	})
}

func atoi(s string) int {
	if s == "" {
		return -1
	}
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		return -1
	}
	return n
}

// full tells that no more cells fit: texts that they share need no copies then.
func (b *book) full() bool { return b.lines.Full() || b.d.t.Text.Full() }

func (b *book) isDate(style int) bool { return style >= 0 && style < len(b.dates) && b.dates[style] }

// sharedStrings reads the texts that cells refer to. What is read aloud
// (phonetic runs) is left out.
func (b *book) sharedStrings(p *zipped.Part) {
	text, phonetic, more := false, 0, true
	b.d.scan(p, func(s *markup.Scanner) {
		switch {
		case !more:
		case s.Kind == markup.Text:
			if text && phonetic == 0 {
				b.shared.all = append(b.shared.all, s.Text[:min(len(s.Text), maxShared-len(b.shared.all))]...)
			}
		case s.Name == "t":
			text = s.Kind == markup.Start
		case s.Name == "rPh":
			phonetic = max(0, phonetic+delta(s.Kind))
		case s.Name == "si" && s.Kind == markup.End:
			if more = b.shared.end(); !more {
				b.d.t.Cap(engine.DefectText, "more than %d shared texts, or %d bytes of them", maxStrings, maxShared)
			}
		}
	})
}

func delta(k markup.Kind) int {
	if k == markup.Start {
		return 1
	}
	return -1
}

// grid is the reading of one sheet.
type grid struct {
	b        *book
	part     string
	name     string
	row, col int
	kind     string // the type of the cell
	style    int
	leaf     string
	phonetic int
	value    strings.Builder
	formula  strings.Builder
	macros   bool
	header   strings.Builder
}

func (b *book) sheet(p *zipped.Part, name string) {
	b.lines.Sheet(name)
	g := &grid{b: b, part: p.Name, name: name, row: -1, macros: strings.Contains(strings.ToLower(p.Name), "macrosheets/")}
	b.d.scan(p, g.token)
	b.d.t.Text.Break()
}

func (g *grid) token(s *markup.Scanner) {
	switch s.Kind {
	case markup.Start:
		g.start(s)
	case markup.End:
		g.end(s)
	case markup.Text:
		g.text(s.Text)
	}
}

func (g *grid) text(b []byte) {
	switch g.leaf {
	case "v", "t":
		if g.phonetic == 0 {
			appendTo(&g.value, b, maxWords)
		}
	case "f":
		appendTo(&g.formula, b, maxFormula)
	case "h":
		appendTo(&g.header, b, maxFormula)
	}
}

func (g *grid) start(s *markup.Scanner) {
	switch s.Name {
	case "row":
		g.row++
		if r := atoi(s.Attr("r")); r > 0 && r < 1<<24 {
			g.row = r - 1
		}
		g.col = -1
	case "c":
		g.cell(s)
	case "v", "t", "f":
		g.leaf = s.Name
	case "formula", "formula1", "formula2": // of conditions and validations
		g.leaf = "f"
		g.formula.Reset()
	case "oddHeader", "oddFooter", "evenHeader", "evenFooter", "firstHeader", "firstFooter":
		g.leaf = "h"
		appendTo(&g.header, " ", maxFormula)
	case "rPh":
		g.phonetic++
	case "hyperlink":
		g.link(s)
	case "oleObject", "control":
		g.b.d.book.Add(remark.Class, s.Attr("progId"))
	}
}

func (g *grid) cell(s *markup.Scanner) {
	g.col++
	if row, col, ok := cell.Parse(s.Attr("r")); ok {
		g.row, g.col = row, col
	}
	g.row = max(0, g.row)
	g.kind, g.style = s.Attr("t"), atoi(s.Attr("s"))
	g.value.Reset()
	g.formula.Reset()
}

func (g *grid) end(s *markup.Scanner) {
	switch s.Name {
	case "c":
		g.tell()
	case "v", "t":
		g.leaf = ""
	case "f":
		g.leaf = ""
	case "formula", "formula1", "formula2":
		g.leaf = ""
		cell.Formula(g.b.d.t, &g.b.d.book, g.formula.String())
	case "rPh":
		g.phonetic = max(0, g.phonetic-1)
	case "oddHeader", "oddFooter", "evenHeader", "evenFooter", "firstHeader", "firstFooter":
		g.leaf = ""
	case "headerFooter":
		g.b.d.t.Text.Break()
		g.b.d.t.Text.At(g.name + ", header")
		g.b.d.t.Text.Line(cell.HeaderText(g.header.String()))
	}
}

// tell writes the cell that ends.
func (g *grid) tell() {
	if g.b.full() {
		return
	}
	text := g.shownValue()
	formula := g.formula.String()
	if formula != "" {
		told := cell.Formula(g.b.d.t, &g.b.d.book, formula)
		if g.macros {
			told = formula
		}
		if told != "" {
			text = strings.TrimSpace(text + " =" + told)
		}
	}
	g.b.lines.Cell(g.row, g.col, text)
}

// shownValue is the value as the type of the cell reads it (ECMA-376 part 1,
// 18.18.11).
func (g *grid) shownValue() string {
	v := g.value.String()
	switch g.kind {
	case "s":
		return g.b.shared.at(atoi(v))
	case "b":
		if v == "1" {
			return "TRUE"
		}
		return "FALSE"
	case "str", "inlineStr", "e", "d":
		return v
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	if err != nil {
		return v
	}
	return cell.Number(f, g.b.isDate(g.style), g.b.old)
}

func (g *grid) link(s *markup.Scanner) {
	r := g.b.d.rel(g.part, s.RefAttr("id"))
	if r == nil || !r.external {
		return
	}
	shown := s.Attr("display")
	if row, col, ok := cell.Parse(s.Attr("ref")); ok && shown == "" {
		shown = g.b.lines.Shown(row, col)
	}
	r.told = true
	target := r.target
	if at := s.Attr("location"); at != "" && !strings.Contains(target, "#") {
		target += "#" + at
	}
	g.b.d.book.Link(g.b.d.t, target, strings.TrimSpace(shown))
}

// outside reads what connects a workbook with others: links, connections, query
// tables.
func (b *book) outside(p *zipped.Part) {
	dir := strings.ToLower(path.Dir(p.Name))
	base := strings.ToLower(path.Base(p.Name))
	if p.Ext() != "xml" || dir != "xl/externallinks" && dir != "xl/querytables" && base != "connections.xml" {
		return
	}
	b.d.scan(p, func(s *markup.Scanner) {
		if s.Kind != markup.Start {
			return
		}
		switch s.Name {
		case "ddeLink":
			b.d.book.Add(remark.Dde, s.Attr("ddeService")+"|"+s.Attr("ddeTopic"))
		case "oleLink":
			b.d.book.Add(remark.Class, s.Attr("progId"))
		case "webPr":
			b.d.book.Outside(b.d.t, s.Attr("url"))
		case "textPr":
			b.d.book.Add(remark.External, s.Attr("sourceFile"))
		case "dbPr":
			b.d.book.Add("connection", strings.TrimSpace(s.Attr("connection")+" "+s.Attr("command")))
		}
	})
}
