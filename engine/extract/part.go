package extract

import (
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
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
	s.scan()
	for _, l := range p.Links {
		if len(s.out) >= s.max {
			return true
		}
		s.link(l)
	}
	for i := range p.Refs {
		if len(s.out) >= s.max {
			return true
		}
		s.reference(p.Refs[i].URL)
	}
	return cut
}

// link reports the target of a link at the place of its text.
func (s *scanner) link(l *engine.Link) {
	s.context, s.hidden, s.flags = engine.InLink, nil, 0
	if l.Mismatched {
		s.flags = engine.Mismatch
	}
	from, u := len(s.out), l.HrefURL
	if u.Scheme == "" { // a projection without a URL parser
		u, _ = names.SplitURL(u.URL)
	}
	s.target(u, u.URL)
	for i := from; i < len(s.out); i++ {
		s.out[i].Spot.Span = l.Span
	}
	s.flags = 0
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
	case u.Domain.Domain != "" && shippable(&u) && u.Scheme != "file":
		from := len(s.out)
		s.urlSpan(&u, raw, 0, len(raw), 0)
		s.unplace(from)
	}
}

func (s *scanner) mailto(raw string) {
	from := len(s.out)
	text := raw[len("mailto:"):]
	if i := strings.IndexByte(text, '?'); i >= 0 {
		text = text[:i]
	}
	s.text = text
	s.scan()
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
	for base := 0; base < len(block) && len(s.out) < s.max; {
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
	s.field = ""
}

func (s *scanner) headerField(name, value string, base int) {
	s.field, s.base, s.text = name, base, value
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

// name reports the name of an attachment as it is, spaces and all.
func (s *scanner) name(name string) {
	s.context, s.text = engine.InName, name
	dot := strings.LastIndexByte(name, '.')
	if dot <= 0 || dot == len(name)-1 || len(name) > 255 || strings.ContainsAny(name, "\n\r\t") {
		return
	}
	s.emitSpan(typeFilename, name, 0, len(name), 0)
}
