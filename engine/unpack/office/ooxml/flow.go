package ooxml

import (
	"path"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/unpack/office/field"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/markup"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/remark"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/zipped"
)

const (
	maxOpen     = 32 // links and fields inside each other
	maxVariants = 8  // AlternateContent inside each other
)

// words reads a Word document: the body, then what stands around it.
func (d *document) words(main *zipped.Part) {
	d.flow(main, "body")
	for _, kind := range [...]string{"header", "footer", "footnotes", "endnotes", "comments", "glossaryDocument"} {
		for _, p := range d.related(main.Name, kind) {
			d.flow(p, kind)
		}
	}
	for _, p := range d.zip.Under(path.Dir(main.Name) + "/") {
		base := strings.ToLower(path.Base(p.Name))
		for _, kind := range [...]string{"document", "header", "footer", "footnotes", "endnotes", "comments"} {
			if p.Ext() == "xml" && strings.HasPrefix(base, kind) {
				d.flow(p, kind)
			}
		}
	}
}

// flow reads running text: WordprocessingML, and DrawingML, whose paragraphs,
// runs and tables have the same names.
func (d *document) flow(p *zipped.Part, place string) {
	if !d.Open(p) {
		return
	}
	d.t.Text.Break()
	d.t.Text.At(place)
	f := &flow{d: d, part: p.Name}
	d.scan(p, f.token)
	f.end()
	d.t.Text.Break()
}

// flow is the state of reading one part.
type flow struct {
	d     *document
	part  string
	leaf  string // the element whose text counts; "" outside of one
	cells int    // open table cells
	gap   string // what separates the next text from the last

	vanish  bool // the run is hidden
	links   []*span
	fields  []*fieldCode
	pending *rel            // the link of a DrawingML run
	run     strings.Builder // the text of that run
	choices []*variant
	last    byte // that was written
}

// span is an open link or simple field: what it shows is collected.
type span struct {
	depth int
	rel   *rel
	code  string
	shown strings.Builder
}

// fieldCode is a field between its begin and its end mark.
type fieldCode struct {
	code   strings.Builder
	shown  strings.Builder
	result bool // behind the separator
}

// variant is an AlternateContent: of Choice and Fallback both are collected, and
// the second is told only if it says something else.
type variant struct {
	texts    [2]strings.Builder
	fallback bool
}

func (f *flow) token(s *markup.Scanner) {
	switch s.Kind {
	case markup.Start:
		f.start(s)
	case markup.End:
		f.close(s)
	case markup.Text:
		if f.leaf != "" {
			f.text(s.Text)
		}
	}
}

// start is a table: what each element begins.
func (f *flow) start(s *markup.Scanner) {
	switch s.Name {
	case "t", "delText", "instrText", "delInstrText", "text", "v":
		f.leaf = s.Name
	case "tab", "ptab":
		f.write("\t")
	case "br", "cr":
		f.write("\n")
	case "noBreakHyphen":
		f.write("-")
	case "tc":
		f.cells++
	case "r":
		f.vanish = false
		f.run.Reset()
	case "vanish":
		f.vanish = s.Attr("val") != "0" && s.Attr("val") != "false" && s.Attr("val") != "off"
	case "txbxContent":
		f.lineBreak()
	case "hyperlink":
		f.open(s, span{rel: f.d.rel(f.part, s.RefAttr("id"))})
	case "fldSimple":
		f.open(s, span{code: s.Attr("instr")})
	case "fldChar":
		f.fieldChar(s.Attr("fldCharType"))
	case "hlinkClick", "hlinkHover", "hlinkMouseOver":
		f.pending = f.d.rel(f.part, s.RefAttr("id"))
		f.d.book.Add("action", actionOf(s.Attr("action")))
	case "AlternateContent":
		if len(f.choices) < maxVariants {
			f.choices = append(f.choices, &variant{})
		}
	case "Fallback":
		if n := len(f.choices); n > 0 {
			f.choices[n-1].fallback = true
		}
	case "OLEObject", "oleObj", "oleObject", "control":
		f.d.book.Add(remark.Class, s.Attr("ProgID")+s.Attr("progId"))
	case "sld":
		if s.Attr("show") == "0" {
			f.d.book.Add("hidden_slides", path.Base(f.part))
		}
	}
}

// actionOf names what a click runs; moving between slides is nothing.
func actionOf(action string) string {
	if strings.Contains(action, "://program") || strings.Contains(action, "://macro") || strings.Contains(action, "://ole") {
		return action
	}
	return ""
}

// close is a table: what each element ends.
func (f *flow) close(s *markup.Scanner) {
	switch s.Name {
	case f.leaf:
		if f.leaf == "text" || f.leaf == "v" {
			f.lineBreak()
		}
		f.leaf = ""
	case "p":
		if f.cells > 0 {
			f.gap = " "
		} else {
			f.lineBreak()
		}
	case "tc":
		f.cells = max(0, f.cells-1)
		f.gap = "\t"
	case "tr":
		f.lineBreak()
	case "txbxContent", "comment", "footnote", "endnote", "sp":
		f.lineBreak()
	case "r":
		f.runEnds()
	case "hyperlink", "fldSimple":
		f.shut(s.Depth + 1)
	case "AlternateContent":
		f.choose()
	}
}

// lineBreak ends the line, if there is one.
func (f *flow) lineBreak() {
	f.gap = ""
	if f.last != '\n' && f.last != 0 {
		f.write("\n")
	}
}

// text is a piece of text inside a leaf.
func (f *flow) text(b []byte) {
	switch f.leaf {
	case "instrText", "delInstrText":
		if n := len(f.fields); n > 0 {
			appendTo(&f.fields[n-1].code, b, field.MaxCode)
			return
		}
	case "delText":
		f.d.book.Add(remark.Deleted, string(b))
	}
	if f.d.t.Text.Full() {
		return
	}
	if f.vanish {
		f.d.book.Add(remark.Hidden, string(b))
	}
	if f.gap != "" && f.last != '\n' && f.last != '\t' && f.last != 0 {
		f.write(f.gap)
	}
	f.gap = ""
	f.write(string(b))
}

// write appends to the text, and to everything that collects what is shown.
func (f *flow) write(s string) {
	for i := range f.links {
		appendTo(&f.links[i].shown, s, maxShown)
	}
	appendTo(&f.run, s, maxShown)
	if f.inFields(s) {
		return
	}
	f.last = s[len(s)-1]
	if n := len(f.choices); n > 0 {
		v := f.choices[n-1]
		to := &v.texts[0]
		if v.fallback {
			to = &v.texts[1]
		}
		appendTo(to, s, maxWords)
		return
	}
	f.d.t.Text.Add(s)
}

// inFields gives a text to the open fields. It is true when it belongs to an
// instruction and is not shown.
func (f *flow) inFields(s string) bool {
	for i := len(f.fields) - 1; i >= 0; i-- {
		if !f.fields[i].result {
			if i == len(f.fields)-1 || f.fields[i+1].result {
				appendTo(&f.fields[i].code, s, field.MaxCode)
			}
			return true
		}
		appendTo(&f.fields[i].shown, s, maxShown)
	}
	return false
}

func appendTo[T string | []byte](b *strings.Builder, s T, max int) {
	if left := max - b.Len(); left > 0 {
		b.WriteString(string(s[:min(len(s), left)]))
	}
}

func (f *flow) open(s *markup.Scanner, l span) {
	if len(f.links) < maxOpen {
		l.depth = s.Depth
		f.links = append(f.links, &l)
	}
}

// shut ends the link or field that began at a depth.
func (f *flow) shut(depth int) {
	n := len(f.links)
	if n == 0 || f.links[n-1].depth != depth {
		return
	}
	l := f.links[n-1]
	f.links = f.links[:n-1]
	if l.code != "" {
		field.Tell(f.d.t, &f.d.book, l.code, l.shown.String())
	}
	f.follow(l.rel, l.shown.String())
}

// follow tells where a relationship leads, and what is shown of it.
func (f *flow) follow(r *rel, shown string) {
	if r != nil && r.external {
		r.told = true
		f.d.book.Link(f.d.t, r.target, strings.TrimSpace(shown))
	}
}

func (f *flow) runEnds() {
	if f.pending != nil {
		f.follow(f.pending, f.run.String())
	}
	f.pending = nil
}

// fieldChar moves through a field (ECMA-376 part 1, 17.16.18).
func (f *flow) fieldChar(kind string) {
	n := len(f.fields)
	switch {
	case kind == "begin" && n < maxOpen:
		f.fields = append(f.fields, &fieldCode{})
	case kind == "separate" && n > 0:
		f.fields[n-1].result = true
	case kind == "end" && n > 0:
		c := f.fields[n-1]
		f.fields = f.fields[:n-1]
		f.fieldEnds(c)
	}
}

// fieldEnds tells a field. What a QUOTE yields is part of the instruction around
// it: commands are hidden that way.
func (f *flow) fieldEnds(c *fieldCode) {
	code := c.code.String()
	field.Tell(f.d.t, &f.d.book, code, c.shown.String())
	quoted, isQuote := field.Quote(code)
	if !isQuote {
		return
	}
	if n := len(f.fields); n > 0 && !f.fields[n-1].result {
		appendTo(&f.fields[n-1].code, quoted, field.MaxCode)
	} else if c.shown.Len() == 0 && quoted != "" {
		f.write(quoted)
	}
}

// choose ends an AlternateContent.
func (f *flow) choose() {
	n := len(f.choices)
	if n == 0 {
		return
	}
	v := f.choices[n-1]
	f.choices = f.choices[:n-1]
	choice, fallback := v.texts[0].String(), v.texts[1].String()
	if choice != "" {
		f.write(choice)
	}
	if fallback != "" && !strings.Contains(squeeze(choice), squeeze(fallback)) {
		f.write(fallback)
	}
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// end tells what was left open.
func (f *flow) end() {
	for len(f.choices) > 0 {
		f.choose()
	}
	for n := len(f.fields); n > 0; n = len(f.fields) {
		c := f.fields[n-1]
		f.fields = f.fields[:n-1]
		f.fieldEnds(c)
	}
	for i := range f.links {
		f.follow(f.links[i].rel, f.links[i].shown.String())
	}
}
