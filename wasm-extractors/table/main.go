// Package main is an extractor module that reads tables of indicators: attached
// ones in full, and those that were pasted into a text.
//
// A table begins with a row that names its columns; README.md lists the names.
// Cells of columns that hold indicators are reported, those of others become
// attributes.
package main

import (
	"strings"

	tqx "github.com/tqmailrules/tqmailrules/wasm-extractors/sdk/go"
)

func init() { tqx.Extract(find) }

func main() {} // never called; -buildmode=c-shared wants it

func find(in *tqx.Input, out *tqx.Output) {
	names := columnNames(in.Config.Get("columns"))
	for i := range in.Parts {
		r := reader{part: i, out: out, names: names}
		if in.Parts[i].Kind == "raw" {
			r.document = decode(in.Parts[i].Data)
			r.readFile()
		} else {
			r.text = in.Parts[i].Text()
			r.readProse()
		}
	}
}

// reader finds the tables of one part.
type reader struct {
	document
	part  int
	out   *tqx.Output
	names names
}

// maxPreamble is how many rows may stand before the header of a file.
const maxPreamble = 20

// readFile reads a file that is one table, perhaps below some lines of talk.
func (r *reader) readFile() {
	at := 0
	for range maxPreamble {
		if at == len(r.text) {
			break
		}
		if h, ok := r.header(at); ok {
			r.readRows(h, false)
			return
		}
		_, at = rowAt(r.text, at, ',')
	}
	if r.text != "" {
		r.out.InfoPart(r.part, "a table without a column whose name is known")
	}
}

// readProse looks at each line for the header of a table that was pasted. It ends
// with the first line that has not as many cells.
func (r *reader) readProse() {
	for at := 0; at < len(r.text); {
		if h, ok := r.header(at); ok && h.known*2 >= len(h.columns) && len(h.columns) > 1 {
			at = r.readRows(h, true)
			continue
		}
		at = lineEnd(r.text, at)
	}
}

// header is the row that names the columns of a table.
type header struct {
	columns   []column
	known     int // columns whose names are known
	delimiter byte
	end       int // the place behind it
}

// column is one of a table.
type column struct {
	name string // as it stands there
	role role
}

// header reads a header at a place, with the delimiter that makes most of it. One
// that names no column with indicators is none.
func (r *reader) header(at int) (best header, ok bool) {
	for _, delimiter := range []byte{',', ';', '\t', '|'} {
		cells, end := rowAt(r.text, at, delimiter)
		h := header{delimiter: delimiter, end: end}
		holds := false
		for _, c := range cells {
			role, known := r.names.role(c.value)
			if known {
				h.known++
			}
			holds = holds || role.holds
			h.columns = append(h.columns, column{c.value, role})
		}
		if holds && h.known > best.known {
			best, ok = h, true
		}
	}
	return best, ok
}

// readRows reports the rows below a header and returns the place behind them.
func (r *reader) readRows(h header, strict bool) int {
	at := h.end
	for at < len(r.text) {
		cells, end := rowAt(r.text, at, h.delimiter)
		if strict && len(cells) != len(h.columns) {
			return at
		}
		r.readRow(h.columns, cells)
		at = end
	}
	return at
}

// readRow reports the indicators of one row.
func (r *reader) readRow(columns []column, cells []cell) {
	cells = cells[:min(len(cells), len(columns))]
	about := r.describe(columns, cells)
	for i, c := range cells {
		if !columns[i].role.holds {
			continue
		}
		form := columns[i].role.form
		if form == anyForm && about.form != "" {
			form = about.form
		}
		for _, piece := range pieces(c, form) {
			r.report(piece, about)
		}
	}
}

// about is what the other columns of a row say.
type about struct {
	form       string // of the column that names the type; "" when there is none
	confidence int
	attributes map[string]string
}

func (r *reader) describe(columns []column, cells []cell) about {
	a := about{attributes: map[string]string{}}
	for i, c := range cells {
		role := columns[i].role
		if c.value == "" || columns[i].name == "" || role.holds {
			continue
		}
		if role.form != "" {
			a.form = formOf(c.value)
			continue
		}
		if role.confidence {
			a.confidence = confidenceOf(c.value)
			continue
		}
		a.attributes[oneLine(columns[i].name)] = oneLine(c.value)
	}
	delete(a.attributes, "")
	return a
}

// oneLine is a text with one space for each run of white space and control
// characters, which attributes cannot hold and quoted cells can.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

func (r *reader) report(p piece, a about) {
	r.out.Add(tqx.Indicator{
		Type: p.form, Value: p.value, Part: r.part, Start: r.place(p.start), End: r.place(p.end),
		Confidence: a.confidence, Attributes: a.attributes,
	})
}
