package extract

import (
	"encoding/base64"
	"html"
	"net/url"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/htmltext"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

// page reads a projected document: its text, then where its links lead, then
// its other references. It tells whether the text was longer than maxText.
func (s *scanner) page(p *engine.Page, maxText int) (cut bool) {
	s.context, s.hidden = engine.InText, p.Hidden
	s.text = p.InnerText
	if len(s.text) > maxText {
		s.text, cut = s.text[:maxText], true
	}
	s.signatures = signatures(s.text)
	whole, torn := s.text, tornWords(s.text, p.Hidden)
	s.text, s.anchors = blanked(whole, torn), p.Links
	s.scan()
	s.anchors = nil
	hidden := p.Hidden
	for _, w := range torn {
		hidden = s.tornWord(whole, w, hidden)
	}
	s.links(p.Links)
	s.signatures = nil
	for i := range p.Refs {
		if s.full() {
			return true
		}
		s.reference(p.Refs[i].URL)
	}
	raw := p.Raw[:min(len(p.Raw), maxText)]
	s.scripts(raw)
	s.titles(raw)
	return cut
}

// links reports where links lead, within the cap.
func (s *scanner) links(list []*engine.Link) {
	for _, l := range list {
		if s.full() {
			return
		}
		s.link(l)
	}
}

// scripts reads the addresses in script elements, which the projection leaves
// out: a page that sends its reader on says so there.
func (s *scanner) scripts(raw string) {
	s.context, s.hidden = engine.InRef, nil
	for closed := true; !s.full(); {
		i := indexTag(raw, "<script")
		if i < 0 {
			return
		}
		raw = raw[i+len("<script"):]
		end := -1
		if closed {
			end = indexTag(raw, "</script")
			closed = end >= 0
		}
		if !closed { // what follows is text and markup to the projection
			end = strings.Index(raw, "</")
		}
		if end < 0 {
			end = len(raw)
		}
		s.script(raw[:end])
		raw = raw[end:]
	}
}

// titles reads what a browser writes on the window and mail programs do not show.
// The projection leaves it out: no text of the mail stands there, hidden or not.
func (s *scanner) titles(raw string) {
	s.context, s.hidden = engine.InHidden, nil
	for !s.full() {
		i := indexTag(raw, "<title")
		if i < 0 {
			return
		}
		raw = raw[i+len("<title"):]
		end := indexTag(raw, "</title")
		if end < 0 {
			return
		}
		if _, text, ok := strings.Cut(raw[:end], ">"); ok {
			from := len(s.out)
			s.text = html.UnescapeString(text)
			s.scan()
			s.unplace(from)
		}
		raw = raw[end:]
	}
}

// indexTag returns where tag, in lower case and with its bracket, next stands, -1
// if nowhere.
func indexTag(raw, tag string) int {
	for at := 0; ; at++ {
		i := strings.IndexByte(raw[at:], '<')
		if i < 0 || at+i+len(tag) > len(raw) {
			return -1
		}
		if at += i; strings.EqualFold(raw[at:at+len(tag)], tag) {
			return at
		}
	}
}

// link reports the target of a link at the place of its text.
func (s *scanner) link(l *engine.Link) {
	s.context, s.hidden, s.flags = engine.InLink, nil, 0
	if l.Mismatched {
		s.flags = engine.Mismatch
	}
	if l.Span.End > l.Span.Start {
		s.flags |= s.signed(l.Span.Start, l.Span.End)
	}
	within := s.signatures
	s.signatures = nil // spans of a target are its own
	from, u := len(s.out), l.HrefURL
	if u.Scheme == "" { // a projection without a URL parser
		u, _ = names.SplitURL(u.URL)
	}
	s.target(u, u.URL)
	for i := from; i < len(s.out); i++ {
		s.out[i].Spot.Span = l.Span
	}
	s.flags, s.signatures = 0, within
}

// reference reports a URL in another attribute.
func (s *scanner) reference(raw string) {
	s.context, s.hidden = engine.InRef, nil
	u, ok := names.SplitURL(raw)
	if ok {
		s.target(u, raw)
	}
}

// target reports a parsed URL, or the addresses of a mailto. Its text is the
// URL itself; the caller places it.
func (s *scanner) target(u engine.URL, raw string) {
	s.text = raw
	s.word, s.start, s.at = raw, 0, nil
	switch {
	case u.Scheme == "mailto":
		s.mailto(raw)
	case u.Scheme == "data":
		s.data(raw)
	case names.WalletScheme(u.Scheme):
		s.wallets()
	case u.Scheme == "javascript" || u.Scheme == "vbscript":
		s.script(raw)
	case u.Domain.Domain != "" && shippable(&u) && u.Scheme != "file":
		from := len(s.out)
		s.urlSpan(&u, raw, 0, len(raw), 0)
		s.unplace(from)
	}
}

// wallets reads what a link asks to be paid to.
func (s *scanner) wallets() {
	from := len(s.out)
	s.scan()
	s.unplace(from)
}

func (s *scanner) mailto(raw string) {
	from := len(s.out)
	to, fields, _ := strings.Cut(raw[len("mailto:"):], "?")
	s.text = to
	s.scan()
	for field := range strings.SplitSeq(fields, "&") {
		name, value, _ := strings.Cut(field, "=")
		switch strings.ToLower(strings.TrimPrefix(name, "amp;")) {
		case "to", "cc", "bcc": // RFC 6068 section 2
			s.text = value
			if plain, err := url.PathUnescape(value); err == nil {
				s.text = plain
			}
			s.scan()
		}
	}
	s.unplace(from)
}

// maxData is how much of a data URL is decoded, in bytes.
const maxData = 256 << 10

// data reads a document that is written into a URL ("data:text/html;base64,..."),
// which nothing but a browser sees. A document in that document is left closed.
func (s *scanner) data(raw string) {
	if s.inData {
		return
	}
	kind, text, ok := decodeData(raw)
	if !ok {
		return
	}
	from, context := len(s.out), s.context
	s.inData = true
	if kind == "text/html" || kind == "image/svg+xml" || kind == "application/xhtml+xml" {
		page, _ := htmltext.Project(text, htmltext.Options{ParseURL: names.ParseURL})
		s.page(&page, maxData)
	} else {
		s.text = text
		s.scan()
	}
	s.inData, s.context, s.hidden = false, context, nil
	for i := from; i < len(s.out); i++ {
		s.out[i].Spot.Context = max(s.out[i].Spot.Context, context)
	}
	s.unplace(from)
}

// decodeData reads the text of a data URL (RFC 2397).
func decodeData(raw string) (kind, text string, ok bool) {
	head, body, ok := strings.Cut(raw[len("data:"):], ",")
	if !ok || len(head) > 200 {
		return "", "", false
	}
	head = strings.ToLower(head)
	kind, _, _ = strings.Cut(head, ";")
	if kind = strings.TrimSpace(kind); kind != "" && !strings.HasPrefix(kind, "text/") && kind != "image/svg+xml" && kind != "application/xhtml+xml" {
		return "", "", false
	}
	body = body[:min(len(body), 2*maxData)]
	text, err := url.PathUnescape(body)
	if err != nil {
		text = body
	}
	if strings.HasSuffix(head, ";base64") {
		text = decodeBase64(text)
	}
	return kind, strings.ToValidUTF8(text[:min(len(text), maxData)], "\ufffd"), text != ""
}

// decodeBase64 decodes as far as the text is base64.
func decodeBase64(s string) string {
	s = strings.NewReplacer(" ", "", "\n", "", "\r", "", "-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	b, _ := base64.RawStdEncoding.DecodeString(s)
	return string(b)
}

// script reads the addresses in a script that a link runs; what else it holds
// are the names of objects.
func (s *scanner) script(raw string) {
	from := len(s.out)
	text := raw
	if strings.HasPrefix(raw, "javascript:") || strings.HasPrefix(raw, "vbscript:") {
		if plain, err := url.PathUnescape(raw); err == nil {
			text = plain
		}
	}
	s.text = text
	s.scan()
	kept := s.out[:from]
	for _, f := range s.out[from:] {
		if f.Type == typeURL || f.Type == typeEmail || f.Flags&engine.Derived != 0 {
			kept = append(kept, f)
		}
	}
	s.out = kept
	s.unplace(from)
}

// unplace takes the spans off findings whose text is not that of the part.
func (s *scanner) unplace(from int) {
	for i := from; i < len(s.out); i++ {
		s.out[i].Spot.Span = engine.Span{}
	}
}

// header reads a header block, one field a line.
func (s *scanner) header(block string) {
	s.context = engine.InHeader
	for base := 0; base < len(block) && !s.full(); {
		line := block[base:]
		if i := strings.IndexByte(line, '\n'); i >= 0 {
			line = line[:i]
		}
		name, value, ok := strings.Cut(line, ":")
		if ok {
			s.headerField(name, value, base+len(name)+1)
		}
		base += len(line) + 1
	}
	s.field, s.flags = "", 0
}

func (s *scanner) headerField(name, value string, base int) {
	s.field, s.base, s.text, s.flags = name, base, value, 0
	if serverField(name) {
		s.flags = engine.Infrastructure
	}
	switch strings.ToLower(name) {
	case "user-agent":
		s.restOfLine(typeUserAgent, 0)
	case "x-mailer":
		s.restOfLine(typeXMailer, 0)
	case "dkim-signature", "arc-seal", "arc-message-signature", "x-google-dkim-signature", "content-type", "mime-version", "date",
		"message-id", "in-reply-to", "references", "content-transfer-encoding", "x-ms-exchange-crosstenant-id", "content-id":
	default:
		s.scan()
	}
}

// serverField tells the fields that servers write on the way: what is in them
// carried the mail, and is not what it says.
func serverField(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "received", "x-received", "received-spf", "authentication-results", "arc-authentication-results", "x-spam-status", "x-spam-report":
		return true
	}
	return strings.HasPrefix(name, "x-ms-exchange-") || strings.HasPrefix(name, "x-forefront-") || strings.HasPrefix(name, "x-microsoft-antispam")
}

// name reports the name of an attachment as it is, spaces and all.
func (s *scanner) name(name string) {
	s.context, s.text = engine.InName, name
	dot := strings.LastIndexByte(name, '.')
	if dot <= 0 || dot == len(name)-1 || len(name) > 255 || strings.ContainsAny(name, "\n\r\t") {
		return
	}
	s.emitSpan(typeFilename, name, 0, len(name), 0)
}
