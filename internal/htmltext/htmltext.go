// Package htmltext reduces an HTML document to what its reader sees and where
// it leads, in one pass over its tokens.
//
// It reads as a mail client does, not as a validator: elements that are never
// closed, tags inside attributes, a million nested boxes and text that only
// machines see are all ordinary input. Time and memory are linear in the input;
// there is no tree and no recursion. Beyond Limits.HTMLDepth structure is no
// longer tracked, text still is.
//
// Text is laid out as lines: a block is a line of its own, cells of a row are
// separated by a tab, inline elements by nothing, white space is collapsed and a
// no-break space is a space. Characters without width are dropped, since they
// are there to part what the reader sees as one word.
//
// It runs no script, applies no style sheet beyond rules for single classes and
// identifiers, fetches nothing, and decides nothing about good or bad.
package htmltext

import (
	"strings"

	"golang.org/x/net/html/atom"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Options are what a projection needs from outside.
type Options struct {
	Limits engine.Limits
	// ParseURL reads a link target or the text of a link, false when it is none.
	// Without it only URL.URL of targets is filled.
	ParseURL func(string) (engine.URL, bool)
}

// Project reads a document. The defects are caps that fired.
func Project(raw string, opt Options) (engine.Page, []engine.Defect) {
	p := &projector{limits: opt.Limits.WithDefaults(), parse: opt.ParseURL}
	if p.parse == nil {
		p.parse = func(string) (engine.URL, bool) { return engine.URL{}, false }
	}
	cut := raw
	if len(cut) > p.limits.Text {
		p.limit(engine.DefectText, "HTML of %d bytes, %d were read", len(raw), p.limits.Text)
		cut = strings.ToValidUTF8(raw[:p.limits.Text], "") // not in the middle of a character
	}
	p.out.buf = make([]byte, 0, len(cut)/8+64)
	p.run(cut)
	page := p.page()
	page.Raw = raw
	return page, p.defects
}

// RawOffset returns where in raw the markup begins that is behind the first n
// bytes of InnerText: the start of the first tag or text of which nothing is
// among them. It reads the document once more, up to there.
func RawOffset(raw string, n int, opt Options) int { return RawOffsets(raw, []int{n}, opt)[0] }

// RawOffsets is RawOffset for several ascending n, in one pass.
func RawOffsets(raw string, ns []int, opt Options) []int {
	p := &projector{limits: opt.Limits.WithDefaults(), parse: func(string) (engine.URL, bool) { return engine.URL{}, false }}
	p.begin(raw[:min(len(raw), p.limits.Text)])
	out := make([]int, len(ns))
	for i, n := range ns {
		for len(p.out.buf) < n && p.step() {
		}
		out[i] = p.z.end
	}
	return out
}

// projector is the state of one projection: a machine over tokens.
type projector struct {
	limits  engine.Limits
	parse   func(string) (engine.URL, bool)
	defects []engine.Defect

	z     scanner
	raw   rawEnds
	out   writer
	stack []frame
	open  map[atom.Atom]int // elements on the stack by name, to skip end tags of none
	lost  int               // open elements beyond the depth cap

	base  string // <base href>
	links []link
	link  int // index of the open link plus one
	refs  []engine.PageRef
	rules styleRules
	lines headings
}

// frame is an open element and what it does to the text in it.
type frame struct {
	tag   atom.Atom // a hash of the name when the name is not in the table
	style look
	pre   bool
	link  bool
}

// link is a link while the document is read.
type link struct {
	href       string
	start, end int
	hidden     bool
	image      bool // something visible other than text is in it
}

func (p *projector) limit(code, format string, args ...any) {
	for _, d := range p.defects {
		if d.Code == code {
			return
		}
	}
	p.defects = append(p.defects, engine.LimitDefect(code, "html", format, args...))
}

// run feeds every token to the machine.
func (p *projector) run(raw string) {
	p.begin(raw)
	for p.step() {
	}
}

func (p *projector) begin(raw string) {
	p.z = scanner{in: raw, attrs: make([]attr, 0, 16)}
	p.raw = rawEnds{document: raw, ends: make(map[atom.Atom]int, 4)}
	p.open = make(map[atom.Atom]int, 32)
	p.stack = make([]frame, 1, 64)
}

// step feeds one token to the machine, false at the end.
func (p *projector) step() bool {
	next := p.z.next()
	if next == endToken {
		p.endLink()
		return false
	}
	p.take(next)
	return true
}

func (p *projector) take(next token) {
	switch next {
	case textToken:
		p.text()
	case startTag:
		p.start()
	case endTag:
		p.end(tagOf(p.z.name))
	case comment:
		p.comment(p.z.data)
	}
}

func (p *projector) top() *frame { return &p.stack[len(p.stack)-1] }

func (p *projector) text() {
	f := p.top()
	p.write(p.z.content(f.pre), f.pre)
}

// write appends text in the state of the innermost element.
func (p *projector) write(text string, pre bool) {
	style, from := &p.top().style, len(p.out.buf)
	p.out.write(text, style.hidden(), pre)
	p.lines.wrote(p.out.buf, from, style.heading())
}

// tagOf names an element: by atom, else by a hash that no atom has.
func tagOf(name string) atom.Atom {
	var buf [24]byte
	low := lowered(buf[:0], name[:min(len(name), len(buf))])
	if a := atom.Lookup(low); a != 0 {
		return a
	}
	h := uint32(2166136261)
	for _, c := range low {
		h = (h ^ uint32(c)) * 16777619
	}
	return atom.Atom(h | 1<<31)
}

// start opens an element.
func (p *projector) start() {
	tag := tagOf(p.z.name)
	kind := kinds[tag]
	var at attributes
	p.attributes(tag, &at)
	at.style.none = at.style.none || tag == atom.Template
	p.closeImplied(tag, kind)
	p.out.gap(kind.gap)
	switch {
	case tag == atom.A || tag == atom.Area:
		p.startLink(tag, &at)
	case kind.raw:
		p.rawContent(tag, &at)
		return
	case tag == atom.Noscript:
		p.z.raw = "" // mail clients run no scripts
	}
	if at.label != "" {
		p.write(at.label, false)
	}
	if kind.image && p.link > 0 && !p.top().style.hidden() {
		p.links[p.link-1].image = true
	}
	if kind.void {
		p.out.gap(kind.after)
		return
	}
	p.push(tag, &at)
}

// push adds a frame, unless the document is deeper than anybody writes.
func (p *projector) push(tag atom.Atom, at *attributes) {
	if len(p.stack) > p.limits.HTMLDepth {
		p.limit(engine.DefectHTMLDepth, "elements nested deeper than %d", p.limits.HTMLDepth)
		p.lost++
		return
	}
	parent := p.top()
	at.style.headed(tag)
	f := frame{tag: tag, style: parent.style.child(&at.style), pre: parent.pre || tag == atom.Pre || tag == atom.Textarea}
	f.link = tag == atom.A && p.link > 0
	p.stack = append(p.stack, f)
	p.open[tag]++
}

// end closes an element and those inside it. An end tag without an open
// element, or with one only outside the table cell it stands in, does nothing.
func (p *projector) end(tag atom.Atom) {
	kind := kinds[tag]
	if tag == atom.Br || tag == atom.P && p.open[atom.P] == 0 {
		p.out.gap(newline)
	}
	if p.lost > 0 && !kind.void {
		p.lost--
		p.out.gap(kind.after)
		return
	}
	if p.open[tag] == 0 {
		return
	}
	for i := len(p.stack) - 1; i > 0; i-- {
		if p.stack[i].tag == tag {
			p.popTo(i)
			break
		}
		if kinds[p.stack[i].tag].scope && !kind.table {
			return
		}
	}
	p.out.gap(kind.after)
}

// popTo closes the element at index i and all above it.
func (p *projector) popTo(i int) {
	for j := len(p.stack) - 1; j >= i; j-- {
		p.open[p.stack[j].tag]--
		if p.stack[j].link {
			p.endLink()
		}
	}
	p.stack = p.stack[:i]
}

// closeImplied ends what a start tag ends: a paragraph by a block, a cell by a
// cell, a link by a link.
func (p *projector) closeImplied(tag atom.Atom, kind kind) {
	if kind.block && p.open[atom.P] > 0 {
		p.closeNearest(func(t atom.Atom) bool { return t == atom.P })
	}
	switch tag {
	case atom.Td, atom.Th:
		p.closeCell(func(t atom.Atom) bool { return t == atom.Td || t == atom.Th })
	case atom.Tr:
		p.closeCell(func(t atom.Atom) bool { return t == atom.Tr })
	case atom.Tbody, atom.Thead, atom.Tfoot:
		p.closeCell(func(t atom.Atom) bool { return t == atom.Tbody || t == atom.Thead || t == atom.Tfoot })
	case atom.Li, atom.Dt, atom.Dd, atom.Option:
		if p.top().tag == tag {
			p.popTo(len(p.stack) - 1)
		}
	case atom.A:
		if p.link > 0 {
			p.closeNearest(func(t atom.Atom) bool { return t == atom.A })
			p.endLink()
		}
	}
}

// closeNearest closes the innermost element that is meant, inside the same cell.
func (p *projector) closeNearest(meant func(atom.Atom) bool) {
	for i := len(p.stack) - 1; i > 0; i-- {
		switch t := p.stack[i].tag; {
		case meant(t):
			p.popTo(i)
			return
		case kinds[t].scope:
			return
		}
	}
}

// closeCell closes a part of the innermost table.
func (p *projector) closeCell(meant func(atom.Atom) bool) {
	for i := len(p.stack) - 1; i > 0 && p.stack[i].tag != atom.Table; i-- {
		if meant(p.stack[i].tag) {
			p.popTo(i)
			return
		}
	}
}

// startLink opens a link, if the element has a target.
func (p *projector) startLink(tag atom.Atom, at *attributes) {
	href := strings.TrimSpace(at.href)
	if href == "" || href[0] == '#' {
		return
	}
	if len(p.links) >= p.limits.Links {
		p.limit(engine.DefectLinks, "more than %d links", p.limits.Links)
		return
	}
	hidden := p.top().style.child(&at.style).hidden()
	p.links = append(p.links, link{href: href, start: len(p.out.buf), end: -1, hidden: hidden, image: tag == atom.Area})
	if tag == atom.Area {
		l := &p.links[len(p.links)-1]
		l.end = l.start
		return
	}
	p.link = len(p.links)
}

func (p *projector) endLink() {
	if p.link == 0 {
		return
	}
	p.links[p.link-1].end = len(p.out.buf)
	p.link = 0
}

// comment looks into conditional comments: Outlook shows what is in them. Their
// text is not taken, where they lead is.
func (p *projector) comment(b string) {
	if b = strings.TrimSpace(b); !strings.HasPrefix(b, "[if") || strings.IndexByte(b, '=') < 0 {
		return
	}
	for z := (scanner{in: b}); ; {
		switch z.next() {
		case endToken:
			return
		case startTag:
			p.outlookTag(&z)
		}
	}
}

func (p *projector) outlookTag(z *scanner) {
	tag := "mso:" + strings.ToLower(z.name)
	var seen [4]bool
	for _, a := range z.attrs {
		key := z.part(a.key)
		for i, name := range [...]string{"href", "src", "background", "action"} {
			if !seen[i] && len(key) == len(name) && strings.EqualFold(key, name) {
				seen[i] = true
				p.ref(tag, name, decode(z.part(a.val)))
			}
		}
	}
}

// textData tells data URLs that hold a document from those of pictures and fonts.
func textData(url string) bool {
	for _, kind := range [...]string{"text/", "image/svg", "application/xhtml"} {
		if hasPrefixFold(url[len("data:"):], kind) {
			return true
		}
	}
	return false
}

// ref records a URL that is not a link; of data URLs those that hold a document.
func (p *projector) ref(tag, attr, url string) {
	url = strings.TrimSpace(url)
	if url == "" || url[0] == '#' || hasPrefixFold(url, "data:") && !textData(url) {
		return
	}
	if len(p.refs) >= p.limits.Links {
		p.limit(engine.DefectLinks, "more than %d references", p.limits.Links)
		return
	}
	p.refs = append(p.refs, engine.PageRef{Tag: tag, Attr: attr, URL: url, At: len(p.out.buf)})
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
