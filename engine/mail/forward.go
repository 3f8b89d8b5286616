package mail

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/htmltext"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

// forward finds out whether the message hands on another one. An inline forward
// is one or the other of two families: programs that draw a separator line
// (Gmail, Apple Mail, Thunderbird, Yahoo, HubSpot, Missive, MailMate, IONOS) and
// the Outlooks, which write only a block of labels in the language of the user.
// Answers quote mail in the same way, so a mere block counts only when the
// subject is not that of an answer.
func (b *builder) forward() {
	m := b.msg
	if !m.Meta.IsBounce && !m.Meta.IsAutoReply && !b.inlineForward() {
		b.attachedForward()
	}
	if kind, _ := cutPrefix(m.Subject.Subject); kind == eitherWay {
		m.Subject.IsForward, m.Subject.IsReply = m.Forward.IsForward, !m.Forward.IsForward
	}
}

// inlineForward looks at the plain text and, when there is nothing, at what the
// HTML shows.
func (b *builder) inlineForward() bool {
	m := b.msg
	fwd, _, ok := b.readForward(m.Body.Plain.Raw)
	html, at, okHTML := b.readForward(m.Body.HTML.DisplayText)
	if !ok && !okHTML {
		return false
	}
	if !ok || isThin(&fwd.Original) && !isThin(&html.Original) {
		fwd = html
	}
	if okHTML {
		fwd.Original.Page = b.pageFrom(&m.Body.HTML, at)
	}
	fwd.Client = b.refineClient(fwd.Client)
	b.linkOriginal(&fwd.Original)
	if okHTML {
		b.innerPages(fwd.Inner, at)
	}
	for i := range fwd.Inner {
		b.linkOriginal(&fwd.Inner[i])
	}
	m.Forward = fwd
	return true
}

// innerPages cuts the pages of inner originals from the page of the mail, whose
// display text from at on is the outermost original. It stops where the page
// does not show the forward that was read.
func (b *builder) innerPages(inner []engine.Original, at int) {
	p := &b.msg.Body.HTML
	for i := range inner {
		k, ok := innerMark(p.DisplayText[at:])
		if !ok || strings.TrimSpace(k.block.values[labelSubject]) != inner[i].Subject {
			return
		}
		at += k.end
		inner[i].Page = b.pageFrom(p, at)
	}
}

// isThin is true when a block yielded no address: the other body may.
func isThin(o *engine.Original) bool { return o.Sender.Email.Email == "" }

// readForward finds the first mark that makes a text a forward; at is where the
// forwarded text begins.
func (b *builder) readForward(text string) (fwd engine.Forward, at int, ok bool) {
	from := 0
	for n := 0; n < 4; n++ {
		k, found := b.nextMark(text, from)
		if !found {
			return fwd, 0, false
		}
		switch {
		case k.kind == markForward, (k.kind == markOriginal || k.kind == markBlock) && b.mayForward(&k.block):
			fwd = engine.Forward{IsForward: true, Style: "inline", Client: k.client}
			fwd.Original = b.original(text, &k)
			fwd.Inner = b.inner(fwd.Original.Text, 1)
			return fwd, k.end, true
		case k.kind == markQuote && b.msg.Subject.IsForward:
			from = nextLine(text, k.start) // MailMate and Apple Mail quote what they forward
		default:
			return fwd, 0, false
		}
	}
	return fwd, 0, false
}

func nextLine(text string, off int) int {
	_, next := cursor{text, off}.line()
	return next
}

// mayForward decides whether a quoted header without a forwarding line makes a
// forward: when the subject says so, or when it is the quoted subject and not
// that of an answer. Spam quotes stolen conversations to look harmless.
func (b *builder) mayForward(k *block) bool {
	s := b.msg.Subject
	if k.seen == 0 || s.IsReply {
		return false
	}
	return s.IsForward || s.Base != "" && strings.EqualFold(s.Base, baseOf(k.values[labelSubject]))
}

// inner lists the forwards inside a forwarded text, outermost first.
func (b *builder) inner(text string, depth int) []engine.Original {
	var out []engine.Original
	for ; depth < b.job.cfg.Limits.Nesting; depth++ {
		k, ok := innerMark(text)
		if !ok {
			return out
		}
		o := b.original(text, &k)
		if k.kind == markBlock || k.kind == markOriginal {
			if kind, _ := cutPrefix(o.Subject); kind == reply && len(out) == 0 && k.kind == markBlock {
				return out
			}
		}
		out = append(out, o)
		text = o.Text
	}
	return out
}

// innerMark finds the first quoted header of a forwarded text.
func innerMark(text string) (k mark, ok bool) {
	k, ok = nextMark(text, 0)
	for n := 0; ok && k.kind == markQuote && n < 8; n++ {
		k, ok = nextMark(text, nextLine(text, k.start))
	}
	return k, ok && k.kind != markWrote && k.kind != markQuote && k.block.seen > 0
}

// original reads the quoted header and the text below it.
func (b *builder) original(text string, k *mark) engine.Original {
	w := b.words.at("forward")
	v := &k.block.values
	o := engine.Original{Subject: strings.TrimSpace(v[labelSubject]), DateText: v[labelDate]}
	o.Sender = first(quotedAddresses(w, v[labelFrom]))
	o.Recipients.To = quotedAddresses(w, v[labelTo])
	o.Recipients.Cc = quotedAddresses(w, v[labelCc])
	o.Recipients.Bcc = quotedAddresses(w, v[labelBcc])
	o.Date = quotedDate(o.DateText, k.block.english, b.zone)
	body := text[min(k.end, len(text)):]
	o.Text = strings.Trim(stripQuotes(body, bodyDepth(body, k.depth)), "\n")
	return o
}

// bodyDepth is how deep the forwarded text is quoted: as deep as its first line
// when the mark was quoted, or when a program quotes below an unquoted mark.
func bodyDepth(body string, markDepth int) int {
	for c := (cursor{body, 0}); !c.done(); {
		line, next := c.line()
		if s, depth := unquote(line); s != "" {
			if depth > 1 && markDepth < depth {
				return max(1, markDepth)
			}
			return depth
		}
		c.off = next
	}
	return 0
}

// quotedAddresses reads addresses as programs write them for people: separated
// by semicolons when names hold commas, with "[mailto:...]", with the address
// repeated as a link.
func quotedAddresses(w *words, v string) []engine.Address {
	if v = tidyQuoted(v); v == "" {
		return nil
	}
	var out []engine.Address
	if strings.Contains(v, ";") {
		for _, item := range strings.Split(v, ";") {
			if a, ok := w.address(item, true); ok && strings.TrimSpace(item) != "" {
				out = append(out, a)
			}
		}
		return out
	}
	pending := ""
	for _, a := range w.addresses(v) {
		if a.Email.Email == "" {
			pending = strings.TrimPrefix(pending+", "+a.DisplayName, ", ")
			continue
		}
		if pending != "" && a.DisplayName != "" {
			a.DisplayName, pending = pending+", "+a.DisplayName, ""
		}
		out = append(out, a)
	}
	if pending != "" {
		out = append(out, engine.Address{DisplayName: pending})
	}
	return out
}

// tidyQuoted brings the forms of quoted addresses to "name <address>".
func tidyQuoted(v string) string {
	v = strings.TrimSpace(v)
	if i := strings.Index(v, "[mailto:"); i >= 0 {
		v = strings.ReplaceAll(v, "[mailto:", "<")
		v = strings.ReplaceAll(v, "]", ">")
	}
	for n := 0; n < 50; n++ { // user@example.com<mailto:user@example.com>
		i := strings.Index(v, "<mailto:")
		if i < 0 {
			break
		}
		end := strings.IndexByte(v[i:], '>')
		if end < 0 {
			break
		}
		addr := v[i+8 : i+end]
		before := v[:i]
		if strings.HasSuffix(strings.ToLower(strings.TrimSpace(before)), strings.ToLower(addr)) {
			v = before + v[i+end+1:]
		} else {
			v = before + "<" + addr + v[i+end:]
		}
	}
	return strings.NewReplacer("\t", " ", "*", "").Replace(v)
}

// refineClient names clients that draw the same line as Gmail or IONOS do.
func (b *builder) refineClient(client string) string {
	h := &b.msg.Headers
	trace := strings.ToLower(h.Mailer + " " + h.MessageID)
	for _, c := range [...]string{"hubspot", "missive", "mailmate", "thunderbird"} {
		if strings.Contains(trace, c) {
			return c
		}
	}
	return client
}

// linkOriginal gives the original its links: those of its HTML, then those that
// only its text has.
func (b *builder) linkOriginal(o *engine.Original) {
	o.Links = append(o.Links, o.Page.Links...)
	o.Links = b.addTextLinks(o.Links, o.Text)
}

// addTextLinks appends the links of a plain text that are not in list.
func (b *builder) addTextLinks(list []*engine.Link, text string) []*engine.Link {
	seen := make(map[string]bool, len(list))
	for _, l := range list {
		seen[l.HrefURL.URL] = true
	}
	found := names.FindLinks(text, b.job.cfg.Limits.Links)
	for i := range found {
		if l := &found[i]; !seen[l.HrefURL.URL] {
			seen[l.HrefURL.URL] = true
			l.Visible = true
			list = append(list, l)
		}
	}
	return list
}

// pageFrom is the part of a page whose display text begins at.
func (b *builder) pageFrom(p *engine.Page, at int) engine.Page {
	from := innerOffset(p, at)
	before := len(strings.TrimRight(p.InnerText[:from], " \t\n"))
	cut := htmltext.RawOffset(p.Raw, before, htmltext.Options{Limits: b.job.cfg.Limits})
	out := engine.Page{Raw: p.Raw[cut:], DisplayText: p.DisplayText[at:], InnerText: p.InnerText[from:]}
	for _, h := range p.Hidden {
		if h.End > from {
			out.Hidden = append(out.Hidden, engine.Span{Start: max(h.Start, from) - from, End: h.End - from})
		}
	}
	for _, l := range p.Links {
		if l.Span.Start >= from {
			c := *l
			c.Span = engine.Span{Start: l.Span.Start - from, End: l.Span.End - from}
			out.Links = append(out.Links, &c)
		}
	}
	for _, r := range p.Refs {
		if r.At >= before {
			r.At = max(r.At, from) - from
			out.Refs = append(out.Refs, r)
		}
	}
	for _, h := range p.Headings {
		if h.Span.Start >= from {
			h.Span = engine.Span{Start: h.Span.Start - from, End: h.Span.End - from}
			out.Headings = append(out.Headings, h)
		}
	}
	return out
}

// innerOffset maps an offset of DisplayText to InnerText: the two differ in
// hidden ranges and in white space only.
func innerOffset(p *engine.Page, at int) int {
	if len(p.Hidden) == 0 {
		return at
	}
	shown := 0
	for _, r := range p.DisplayText[:at] {
		if !unicode.IsSpace(r) {
			shown++
		}
	}
	h := 0
	for i := 0; i < len(p.InnerText); {
		for h < len(p.Hidden) && p.Hidden[h].End <= i {
			h++
		}
		if h < len(p.Hidden) && i >= p.Hidden[h].Start {
			i = p.Hidden[h].End
			continue
		}
		if shown == 0 {
			return i
		}
		r, n := utf8.DecodeRuneInString(p.InnerText[i:])
		if !unicode.IsSpace(r) {
			shown--
		}
		i += n
	}
	return len(p.InnerText)
}

// almostEmpty is the length of a text that only says "see attached".
const almostEmpty = 400

// attachedForward takes an attached message for a forward when the subject says
// so or when hardly anything else is in the mail.
func (b *builder) attachedForward() {
	m := b.msg
	if len(m.Nested) == 0 {
		return
	}
	text := strings.TrimSpace(m.Body.CurrentThread.Text)
	if !m.Subject.IsForward && utf8.RuneCountInString(text) > almostEmpty {
		return
	}
	n := m.Nested[0]
	m.Forward = engine.Forward{IsForward: true, Style: "attached", Client: b.refineClient("")}
	m.Forward.Original = engine.Original{
		Sender: n.Sender, Recipients: n.Recipients, Subject: n.Subject.Subject, Date: n.Meta.Date, DateText: n.Headers.Date,
		Text: n.Body.Text, Links: n.Body.Links, Page: n.Body.HTML,
	}
	if n.Forward.IsForward {
		m.Forward.Inner = append([]engine.Original{n.Forward.Original}, n.Forward.Inner...)
	}
}
