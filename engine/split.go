package engine

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// ViaSection is Carrier.Via of a section that a split cut out of a mail.
const ViaSection = "section"

// split cuts the body of an item into sections, which become items of their own,
// and leaves the item what stands in none. Trims have been done: what they cut
// stays cut. Where nothing is found to split at, the item stays as it is, with a
// defect that says so.
func (p *processing) split(it *Item) {
	how := it.Decision.Split
	if how == nil || it.Ships != Intelligence || it.Message.Meta.Carrier.Via == ViaSection {
		return
	}
	text, page := how.sections(&it.Message.Body, it.cutText, it.cutHTML)
	n := max(len(text), len(page))
	if n == 0 {
		it.Defects = append(it.Defects, Defect{Code: DefectSections, Part: it.Decision.SplitBy, Detail: "nothing to split the mail at; it ships as one"})
		return
	}
	if room := max(1, p.engine.cfg.Limits.Items-len(p.items)); n > room {
		it.Defects = append(it.Defects, LimitDefect(DefectItems, "s"+strconv.Itoa(room), "more than %d messages in one mail; the last section holds the rest", p.engine.cfg.Limits.Items))
		text, page = text[:min(len(text), room)], page[:min(len(page), room)]
	}
	p.cutSections(it, how, text, page)
	if how.SkipRest {
		it.Ships, it.Why = "", "rule "+it.Decision.SplitBy+" splits it and skips the rest"
	}
}

// maxSections is how many marks of one text are looked at.
const maxSections = 1000

// sections are the marks of both forms of a body, those of the same sections. What
// one form does not show in the same order is looked for by its title; a form in
// which that is not found stays whole.
func (s *Split) sections(b *Body, cutText, cutHTML []Span) (text, page []cutMark) {
	cutHTML = append(slices.Clone(cutHTML), b.HTML.Hidden...)
	if s.At == nil {
		text, page = textHeadings(b.Plain.Raw, cutText), pageHeadings(&b.HTML, cutHTML)
	} else {
		text, page = patternMarks(b.Plain.Raw, cutText, s.At), patternMarks(b.HTML.InnerText, cutHTML, s.At)
	}
	text, page = text[:min(len(text), maxSections)], page[:min(len(page), maxSections)]
	switch {
	case b.Plain.Raw == "", b.HTML.InnerText == "", sameTitles(text, page):
		return text, page
	case len(page) > 0:
		return byTitle(b.Plain.Raw, page), page
	}
	return text, byTitle(b.HTML.InnerText, text)
}

func sameTitles(a, b []cutMark) bool {
	return slices.EqualFunc(a, b, func(x, y cutMark) bool { return plainTitle(x.title) == plainTitle(y.title) })
}

// byTitle finds marks in another form of the text: all of them, or none. Where
// the titles stand right below each other is a table of contents; there may be a
// few of these.
func byTitle(text string, marks []cutMark) []cutMark {
	lines := linesOf(text, nil)
	titles := make([]string, len(lines))
	for i, l := range lines {
		if l.isTitle() {
			titles[i] = plainTitle(tidyTitle(l.text))
		}
	}
	for range 4 {
		at := titlesIn(titles, marks)
		if at == nil {
			return nil
		}
		found := make([]cutMark, len(marks))
		for i, m := range marks {
			found[i] = cutMark{lines[at[i]].start, m.title}
		}
		if len(withContent(text, found)) == len(found) {
			return found
		}
		lines, titles = lines[at[0]+1:], titles[at[0]+1:]
	}
	return nil
}

// titlesIn are the lines of all marks, in the order in which they stand.
func titlesIn(titles []string, marks []cutMark) (at []int) {
	from := 0
	for _, m := range marks {
		i := slices.Index(titles[from:], plainTitle(m.title))
		if i < 0 {
			return nil
		}
		at = append(at, from+i)
		from += i + 1
	}
	return at
}

// plainTitle is a title as it is compared: its letters and digits, without case, and
// without the number before it.
func plainTitle(title string) string {
	if _, rest, ok := cutNumber(title); ok {
		title = rest
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, title)
}

// cutSections takes the body of an item apart.
func (p *processing) cutSections(it *Item, how *Split, text, page []cutMark) {
	body := &it.Message.Body
	texts := how.stretches(body.Plain.Raw, text)
	pages := how.stretches(body.HTML.InnerText, page)
	pieces := p.cutPage(&body.HTML, pages)
	for i := range max(len(text), len(page)) {
		part, title := Body{}, ""
		inner := &Item{}
		if i < len(text) {
			span := texts[i+1]
			part.Plain.Raw, inner.cutText, title = body.Plain.Raw[span.Start:span.End], clip(it.cutText, span), text[i].title
			part.Links = body.textLinks(span)
		}
		if i < len(page) {
			span := pages[i+1]
			part.HTML, inner.cutHTML, title = pieces[i+1], clip(it.cutHTML, span), page[i].title
		}
		part.settle(inner.cutText, inner.cutHTML)
		inner.Message = sectionOf(it.Message, title, part)
		it.sections = append(it.sections, inner)
	}
	p.keepRest(it, texts, pages, pieces)
}

// stretches are the ranges of a text before, in and behind its sections. Those
// before and behind are there, if empty; of a text without marks only the first.
func (s *Split) stretches(text string, marks []cutMark) []Span {
	if len(marks) == 0 {
		return []Span{{0, len(text)}}
	}
	end := len(text)
	if s.Until != nil {
		for _, l := range linesOf(text, nil) {
			if l.start > marks[len(marks)-1].at && s.Until.MatchString(l.text) {
				end = l.start
				break
			}
		}
	}
	all := []Span{{0, marks[0].at}}
	for i, m := range marks {
		stop := end
		if i+1 < len(marks) {
			stop = marks[i+1].at
		}
		all = append(all, Span{m.at, stop})
	}
	return append(all, Span{end, len(text)})
}

// clip are the spans inside a range, counted from its start.
func clip(spans []Span, to Span) []Span {
	var out []Span
	for _, s := range spans {
		if lo, hi := max(s.Start, to.Start), min(s.End, to.End); lo < hi {
			out = append(out, Span{lo - to.Start, hi - to.Start})
		}
	}
	return out
}

// cutPage makes pages of ranges that follow each other.
func (p *processing) cutPage(page *Page, at []Span) []Page {
	if len(at) == 1 {
		return []Page{*page}
	}
	starts := make([]int, len(at))
	for i, span := range at {
		starts[i] = len(strings.TrimRight(page.InnerText[:span.Start], " \t\n"))
	}
	raw := make([]int, len(at))
	if p.engine.cfg.MarkupAt != nil {
		raw = p.engine.cfg.MarkupAt(page.Raw, starts)
	}
	pieces := make([]Page, len(at))
	for i, span := range at {
		from, to := raw[i], len(page.Raw)
		if i+1 < len(at) {
			to = raw[i+1]
		}
		if i == 0 {
			from = 0
		}
		pieces[i] = page.piece(span, i == len(at)-1)
		pieces[i].Raw = page.Raw[from:max(from, to)]
	}
	return pieces
}

// piece is the part of a page that stands in a range of its inner text; the last
// one has what stands at its very end, too.
func (p *Page) piece(at Span, last bool) Page {
	in := func(n int) bool { return n >= at.Start && (n < at.End || last) }
	out := Page{InnerText: p.InnerText[at.Start:at.End], Hidden: clip(p.Hidden, at)}
	out.DisplayText = strings.TrimSpace(without(out.InnerText, out.Hidden))
	for _, l := range p.Links {
		if in(l.Span.Start) {
			c := *l
			c.Span = Span{l.Span.Start - at.Start, l.Span.End - at.Start}
			out.Links = append(out.Links, &c)
		}
	}
	for _, r := range p.Refs {
		if in(r.At) {
			r.At -= at.Start
			out.Refs = append(out.Refs, r)
		}
	}
	for _, h := range p.Headings {
		if in(h.Span.Start) {
			h.Span = Span{h.Span.Start - at.Start, h.Span.End - at.Start}
			out.Headings = append(out.Headings, h)
		}
	}
	return out
}

// keepRest leaves an item what stands before and behind its sections.
func (p *processing) keepRest(it *Item, texts, pages []Span, pieces []Page) {
	body := &it.Message.Body
	links := body.textLinks(texts[0])
	if n := len(texts); n > 1 {
		links = append(links, body.textLinks(texts[n-1])...)
	}
	body.Plain.Raw, it.cutText = restOf(body.Plain.Raw, texts, it.cutText)
	_, it.cutHTML = restOf(body.HTML.InnerText, pages, it.cutHTML)
	body.HTML = pieces[0]
	if n := len(pieces); n > 1 {
		body.HTML = joinPages(pieces[0], pieces[n-1])
	}
	body.Links = links
	body.settle(it.cutText, it.cutHTML)
}

// textLinks are links of the plain text in a range of it, counted from its start.
// In Links they stand behind those of the page.
func (b *Body) textLinks(in Span) []*Link {
	var out []*Link
	for _, l := range b.Links[min(len(b.HTML.Links), len(b.Links)):] {
		if l.Span.Start >= in.Start && l.Span.Start < in.End {
			c := *l
			c.Span = Span{l.Span.Start - in.Start, l.Span.End - in.Start}
			out = append(out, &c)
		}
	}
	return out
}

// restOf is the first and the last range of a text, and of what was cut from it.
func restOf(text string, at, cuts []Span) (string, []Span) {
	first, last := at[0], at[len(at)-1]
	if len(at) == 1 {
		return text, cuts
	}
	rest := clip(cuts, first)
	for _, s := range clip(cuts, last) {
		rest = append(rest, Span{s.Start + first.End, s.End + first.End})
	}
	return text[:first.End] + text[last.Start:], rest
}

// joinPages puts one page behind another.
func joinPages(a, b Page) Page {
	n := len(a.InnerText)
	a.Raw, a.InnerText = a.Raw+b.Raw, a.InnerText+b.InnerText
	a.DisplayText = strings.TrimSpace(a.DisplayText + "\n" + b.DisplayText)
	for _, h := range b.Hidden {
		a.Hidden = append(a.Hidden, Span{h.Start + n, h.End + n})
	}
	for _, l := range b.Links {
		l.Span = Span{l.Span.Start + n, l.Span.End + n}
		a.Links = append(a.Links, l)
	}
	for _, r := range b.Refs {
		r.At += n
		a.Refs = append(a.Refs, r)
	}
	for _, h := range b.Headings {
		h.Span = Span{h.Span.Start + n, h.Span.End + n}
		a.Headings = append(a.Headings, h)
	}
	return a
}

// settle makes the text of a body, its links and its thread what its forms say,
// less what was trimmed. Links holds those of the plain text before.
func (b *Body) settle(cutText, cutHTML []Span) {
	b.Text = without(b.Plain.Raw, cutText)
	if b.Plain.Raw == "" {
		b.Text = without(b.HTML.InnerText, append(slices.Clone(b.HTML.Hidden), cutHTML...))
	}
	b.Text = strings.TrimSpace(b.Text)
	b.Links = append(slices.Clone(b.HTML.Links), b.Links...)
	b.IPs = nil
	for _, l := range b.Links {
		if l.HrefURL.IP != "" {
			b.IPs = union(b.IPs, []string{l.HrefURL.IP})
		}
	}
	b.CurrentThread = Thread{Text: b.Text, Links: b.Links}
	b.PreviousThreads = nil
}

// sectionOf builds the message that a section is: from and to whom the mail was,
// with the heading for its subject.
func sectionOf(carrier *Message, title string, body Body) *Message {
	m := &Message{
		Meta:       carrier.Meta,
		Mailbox:    carrier.Mailbox,
		Direction:  carrier.Direction,
		Sender:     carrier.Sender,
		Recipients: carrier.Recipients,
		Subject:    Subject{Subject: title, Base: title},
		Headers:    carrier.Headers,
		Auth:       carrier.Auth,
		Body:       body,
		Raw:        Bytes(body.Text),
	}
	m.Meta.Size, m.Meta.TLP = len(body.Text), ReadTLP(title, body.Text)
	m.Meta.SHA256 = hexDigest(body.Text)
	m.ContentKey = hexDigest("section\x1f" + carrier.Sender.Email.Email + "\x1f" + title + "\x1f" + body.Text)
	return m
}
