package htmltext

import (
	"net/url"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

// page puts the result together.
func (p *projector) page() engine.Page {
	inner := string(p.out.buf)
	page := engine.Page{InnerText: inner, DisplayText: inner, Hidden: p.out.hidden}
	if len(page.Hidden) > 0 {
		page.DisplayText = visible(inner, page.Hidden)
	}
	base := p.baseURL()
	page.Links = make([]*engine.Link, 0, len(p.links))
	h := 0
	for i := range p.links {
		l := &p.links[i]
		for h < len(page.Hidden) && page.Hidden[h].End <= l.start {
			h++
		}
		page.Links = append(page.Links, p.finish(l, inner, page.Hidden[h:], base))
	}
	for i := range p.refs {
		p.refs[i].URL = resolve(base, p.refs[i].URL)
	}
	page.Refs = p.refs
	page.Headings = p.lines.all(len(inner))
	return page
}

// visible is text without its hidden ranges; white space around a removed range
// is not doubled.
func visible(text string, hidden []engine.Span) string {
	b := make([]byte, 0, len(text))
	at := 0
	for _, h := range hidden {
		b = appendTrimmed(b, text[at:h.Start])
		at = h.End
	}
	b = appendTrimmed(b, text[at:])
	return strings.TrimRight(string(b), " \t\n")
}

// appendTrimmed joins two pieces: of the white space where they meet the
// stronger one is kept.
func appendTrimmed(b []byte, piece string) []byte {
	for len(piece) > 0 && isSpace(piece[0]) && (len(b) == 0 || isSpace(b[len(b)-1])) {
		if len(b) > 0 && piece[0] == '\n' {
			b[len(b)-1] = '\n'
		}
		piece = piece[1:]
	}
	return append(b, piece...)
}

// finish makes a link of what was gathered. hidden are the ranges that end
// after its start.
func (p *projector) finish(l *link, inner string, hidden []engine.Span, base *url.URL) *engine.Link {
	span := trimSpan(inner, l.start, max(l.end, l.start))
	out := &engine.Link{Span: span, DisplayText: inner[span.Start:span.End]}
	n := 0
	for n < len(hidden) && hidden[n].Start < span.End {
		n++
	}
	if n > 0 {
		out.DisplayText = visible(inner[span.Start:span.End], within(hidden[:n], span))
	}
	target := resolve(base, cutData(clean(l.href)))
	var ok bool
	if out.HrefURL, ok = p.parse(target); !ok {
		out.HrefURL = engine.URL{URL: target}
		if scheme, _, found := strings.Cut(target, ":"); found && isScheme(scheme) {
			out.HrefURL.Scheme = strings.ToLower(scheme)
		}
	}
	out.Visible = !l.hidden && (l.image || out.DisplayText != "")
	p.compare(out)
	return out
}

// within cuts ranges to a span and counts them from its start.
func within(hidden []engine.Span, span engine.Span) []engine.Span {
	out := make([]engine.Span, 0, len(hidden))
	for _, h := range hidden {
		start, end := max(h.Start, span.Start), min(h.End, span.End)
		if start < end {
			out = append(out, engine.Span{Start: start - span.Start, End: end - span.Start})
		}
	}
	return out
}

func trimSpan(s string, start, end int) engine.Span {
	end = min(end, len(s))
	for start < end && isSpace(s[start]) {
		start++
	}
	for end > start && isSpace(s[end-1]) {
		end--
	}
	return engine.Span{Start: min(start, end), End: end}
}

// compare reads the text of a link as a target of its own. Behind a
// link-protection service the target it protects counts.
func (p *projector) compare(l *engine.Link) {
	text := l.DisplayText
	if text == "" || len(text) > 2048 || strings.ContainsAny(text, " \t\n@") && !strings.Contains(text, "://") {
		return
	}
	text, _, _ = strings.Cut(text, " ")
	shown, ok := p.parse(strings.TrimRight(text, ".,;:"))
	if !ok || !shown.Domain.Valid && shown.IP == "" {
		return
	}
	l.DisplayURL = shown
	target := l.HrefURL
	if r := target.Rewrite.Original; r != "" {
		if u, ok := p.parse(r); ok {
			target = u
		}
	}
	l.Mismatched = (target.Domain.Valid || target.IP != "") && owner(shown) != owner(target)
}

// owner is what tells two targets apart: the registrable domain, or the address.
func owner(u engine.URL) string {
	if u.IP != "" {
		return u.IP
	}
	return u.Domain.RootDomain
}

// clean drops what a browser drops from a target: blanks at the ends, tabs and
// line breaks inside.
func clean(href string) string {
	href = strings.TrimFunc(href, func(r rune) bool { return r <= ' ' })
	if !strings.ContainsAny(href, "\t\r\n") {
		return href
	}
	return strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(href)
}

// maxData and maxText bound a data: target: what follows is content, not a
// place; but one that holds a document leads further.
const (
	maxData = 128
	maxText = 512 << 10
)

func cutData(href string) string {
	limit := maxData
	if !hasPrefixFold(href, "data:") {
		return href
	}
	if textData(href) {
		limit = maxText
	}
	return href[:min(len(href), limit)]
}

func (p *projector) baseURL() *url.URL {
	if p.base == "" {
		return nil
	}
	u, err := url.Parse(clean(p.base))
	if err != nil || u.Host == "" {
		return nil
	}
	return u
}

// resolve makes a relative target absolute. Without a base only the scheme of
// a target that begins with two slashes can be known.
func resolve(base *url.URL, ref string) string {
	if scheme, _, ok := strings.Cut(ref, ":"); ok && isScheme(scheme) {
		return ref
	}
	if base == nil {
		if strings.HasPrefix(ref, "//") {
			return "https:" + ref
		}
		return ref
	}
	u, err := url.Parse(ref)
	if err != nil {
		return ref
	}
	return base.ResolveReference(u).String()
}

func isScheme(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if !(c >= 'a' && c <= 'z' || i > 0 && (s[i] >= '0' && s[i] <= '9' || s[i] == '+' || s[i] == '-' || s[i] == '.')) {
			return false
		}
	}
	return s != ""
}
