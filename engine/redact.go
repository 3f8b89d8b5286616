package engine

import (
	"cmp"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// hidden is what stands where a password stood.
const hidden = "[password]"

// redactor keeps passwords that stood in a mail out of everything that is shown
// or shipped of it. Raw bytes are not its business.
//
// A password that looks like one is hidden wherever it stands as a word. One that
// may as well be a word or a number of the text ("123") is hidden only where it is
// announced, so that nothing else is mangled.
type redactor struct {
	words         []string // longest first
	weak          map[string]bool
	announcements []announcement
}

// announcement is how a mail may announce a password.
type announcement struct{ prefix, take *regexp.Regexp }

// newRedactor hides secrets. Beside what is usual, the pairs say how a password
// is announced.
func newRedactor(secrets []Secret, pairs []Pair) *redactor {
	r := &redactor{weak: map[string]bool{}, announcements: []announcement{{prefix: DefaultPrefix}}}
	for _, p := range pairs {
		if p.Prefix != nil || p.Take != nil {
			r.announcements = append(r.announcements, announcement{cmp.Or(p.Prefix, DefaultPrefix), p.Take})
		}
	}
	for _, s := range secrets {
		w, _ := s.Password.Reveal(nil)
		if w == "" || slices.Contains(r.words, w) {
			continue
		}
		r.words = append(r.words, w)
		r.weak[w] = isWeak(w)
	}
	r.words = slices.DeleteFunc(r.words, r.isPunctuated)
	slices.SortFunc(r.words, func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) })
	return r
}

// isPunctuated tells whether a password is a weak one and the sign that ends its
// sentence: the sign is more likely not part of it.
func (r *redactor) isPunctuated(w string) bool {
	core := strings.TrimRight(w, closing)
	return core != w && r.weak[core]
}

// isWeak tells whether a password might be anything else: it is short, or a plain
// word, or a number.
func isWeak(w string) bool {
	rank, ok := plausible(w)
	return !ok || rank == 1 && len(w) < 8 || rank == 3 || len(w) < 5
}

// text hides the passwords of a text.
func (r *redactor) text(s string) string {
	if len(r.words) == 0 || s == "" {
		return s
	}
	out, _ := replace(s, r.spans(s))
	return out
}

// spans are where passwords stand, ascending and disjoint.
func (r *redactor) spans(s string) []Span {
	var all []Span
	for _, w := range r.words {
		at := func(i int) {
			span := Span{i, i + len(w)}
			if !slices.ContainsFunc(all, func(o Span) bool { return o.Start < span.End && span.Start < o.End }) {
				all = append(all, span)
			}
		}
		if r.weak[w] {
			r.announcedAt(s, w, at)
		} else {
			wordsAt(s, w, at)
		}
	}
	slices.SortFunc(all, func(a, b Span) int { return a.Start - b.Start })
	return all
}

// wordsAt visits the places where w stands as a word, but for those in a URL: that
// is evidence, and would be another one without a part of it.
func wordsAt(s, w string, visit func(int)) {
	for at := 0; ; {
		i := strings.Index(s[at:], w)
		if i < 0 {
			return
		}
		if at += i; isBoundary(s, at, w, true) && isBoundary(s, at+len(w), w, false) && !inURL(s, at) {
			visit(at)
		}
		at += len(w)
	}
}

// inURL tells whether a place is inside a URL that began before it.
func inURL(s string, at int) bool {
	begin := at
	for begin > 0 && at-begin < 2048 && !strings.ContainsRune(" \t\r\n<>\"", rune(s[begin-1])) {
		begin--
	}
	return strings.Contains(s[begin:at], "://")
}

// isBoundary tells whether a letter or digit of w does not go on beyond its edge.
func isBoundary(s string, at int, w string, before bool) bool {
	inside, _ := utf8.DecodeLastRuneInString(w)
	outside, n := utf8.DecodeRuneInString(s[at:])
	if before {
		inside, _ = utf8.DecodeRuneInString(w)
		outside, n = utf8.DecodeLastRuneInString(s[:at])
	}
	return n == 0 || !isAlnum(inside) || !isAlnum(outside)
}

func isAlnum(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// announcedAt visits the places where w is announced as a password.
func (r *redactor) announcedAt(s, w string, visit func(int)) {
	for _, a := range r.announcements {
		for _, at := range a.prefix.FindAllStringIndex(s, 4*maxAnnounced) {
			for _, span := range passwordsAt(s, at[1], false, a.take) {
				if s[span.Start:span.End] == w {
					visit(span.Start)
				}
			}
		}
	}
}

// announcing is a pattern of all that announces a password.
func (r *redactor) announcing() string {
	var all []string
	for _, a := range r.announcements {
		all = append(all, "(?:"+a.prefix.String()+")")
	}
	return strings.Join(all, "|")
}

// replace puts hidden in the place of spans, and tells where offsets of the old
// text went.
func replace(s string, spans []Span) (string, func(int) int) {
	if len(spans) == 0 {
		return s, func(i int) int { return i }
	}
	var b strings.Builder
	at := 0
	for _, span := range spans {
		b.WriteString(s[at:span.Start])
		b.WriteString(hidden)
		at = span.End
	}
	b.WriteString(s[at:])
	return b.String(), func(i int) int {
		moved := i
		for _, span := range spans {
			switch {
			case i >= span.End:
				moved += len(hidden) - (span.End - span.Start)
			case i > span.Start:
				return moved - (i - span.Start) // inside: where it began
			}
		}
		return moved
	}
}

// message hides passwords in what rules, reports and sinks see of a message.
func (r *redactor) message(m *Message) {
	if len(r.words) == 0 {
		return
	}
	m.Subject.Subject, m.Subject.Base = r.text(m.Subject.Subject), r.text(m.Subject.Base)
	b := &m.Body
	text, moved := replace(b.Plain.Raw, r.spans(b.Plain.Raw))
	for _, l := range b.Links[min(len(b.HTML.Links), len(b.Links)):] {
		l.Span = Span{moved(l.Span.Start), moved(l.Span.End)}
	}
	b.Plain.Raw, b.Text = text, r.text(b.Text)
	r.page(&b.HTML)
	r.thread(&b.CurrentThread)
	for i := range b.PreviousThreads {
		r.thread(&b.PreviousThreads[i])
	}
	r.original(&m.Forward.Original)
	for i := range m.Forward.Inner {
		r.original(&m.Forward.Inner[i])
	}
	for i := range m.Headers.Fields {
		if f := &m.Headers.Fields[i]; strings.EqualFold(f.Name, "Subject") || strings.EqualFold(f.Name, "Thread-Topic") {
			f.Value = r.text(f.Value)
		}
	}
	for _, a := range m.Attachments {
		r.attachment(a)
	}
}

// attachment hides passwords in a text that came with the mail; what only a
// password opened is what it protects.
func (r *redactor) attachment(a *Part) {
	if a.Decrypted {
		return
	}
	text, moved := replace(a.Text, r.spans(a.Text))
	a.Text = text
	for i, p := range a.Places {
		a.Places[i].At = moved(p.At)
	}
	for _, l := range a.Links {
		l.DisplayText = r.text(l.DisplayText)
		l.Span = Span{moved(l.Span.Start), moved(l.Span.End)}
	}
}

func (r *redactor) thread(t *Thread) { t.Text = r.text(t.Text) }

func (r *redactor) original(o *Original) {
	o.Text, o.Subject = r.text(o.Text), r.text(o.Subject)
	r.page(&o.Page)
}

// page hides passwords in a page and moves what refers to its text.
func (r *redactor) page(p *Page) {
	p.Raw, p.DisplayText = r.markup(p.Raw), r.text(p.DisplayText)
	text, moved := replace(p.InnerText, r.spans(p.InnerText))
	p.InnerText = text
	for i, h := range p.Hidden {
		p.Hidden[i] = Span{moved(h.Start), moved(h.End)}
	}
	for i, h := range p.Headings {
		p.Headings[i].Span = Span{moved(h.Span.Start), moved(h.Span.End)}
	}
	for i, ref := range p.Refs {
		p.Refs[i].At = moved(ref.At)
	}
	for _, l := range p.Links {
		l.DisplayText = r.text(l.DisplayText)
		l.Span = Span{moved(l.Span.Start), moved(l.Span.End)}
	}
}

// markup hides passwords in the source of a page, where they may be written with
// character references and cut by tags.
func (r *redactor) markup(raw string) string {
	raw = r.text(raw)
	if raw == "" {
		return raw
	}
	shown := html.UnescapeString(joined(raw))
	for _, w := range r.words {
		if !strings.Contains(shown, w) {
			continue
		}
		before := `(^|[^\pL\pN])`
		if r.weak[w] {
			before = `((?:` + r.announcing() + `)(?:\s|<[^<>]{0,300}>|&nbsp;|["'(\[])*)`
		}
		pattern, err := regexp.Compile(before + "(" + inMarkup(w) + ")")
		if err != nil {
			continue // a word that is no UTF-8
		}
		var spans []Span
		for _, at := range pattern.FindAllStringSubmatchIndex(raw, -1) {
			if at = at[len(at)-2:]; !inURL(raw, at[0]) {
				spans = append(spans, Span{at[0], at[1]})
			}
		}
		raw, _ = replace(raw, spans)
	}
	return raw
}

// joined is markup without its tags.
func joined(markup string) string {
	var b strings.Builder
	for markup != "" {
		text, rest, tag := strings.Cut(markup, "<")
		b.WriteString(text)
		if !tag {
			break
		}
		_, markup, _ = strings.Cut(rest, ">")
	}
	return b.String()
}

// inMarkup is a pattern of the spellings of a word in a page.
func inMarkup(w string) string {
	var b strings.Builder
	for i, c := range w {
		if i > 0 {
			b.WriteString(`(?:<[^<>]{0,300}>)*`)
		}
		fmt.Fprintf(&b, `(?:%s|%s|&#0*%d;|&#[xX]0*(?i:%x);`, regexp.QuoteMeta(string(c)), regexp.QuoteMeta(html.EscapeString(string(c))), c, c)
		if name, ok := references[c]; ok {
			b.WriteString("|&" + name + ";")
		}
		b.WriteByte(')')
	}
	return b.String()
}

// references are names that mail programs write for characters of passwords,
// beside those that every page needs.
var references = map[rune]string{
	'"': "quot", '\'': "apos", ' ': "nbsp", '\u00e4': "auml", '\u00f6': "ouml", '\u00fc': "uuml", '\u00c4': "Auml", '\u00d6': "Ouml", '\u00dc': "Uuml", '\u00df': "szlig",
	'\u00e9': "eacute", '\u00e8': "egrave", '\u00e0': "agrave", '\u00e7': "ccedil", '\u00f1': "ntilde", '\u00e3': "atilde", '\u00a7': "sect", '\u20ac': "euro", '\u00a3': "pound",
}

// plan hides passwords in what rules made of a message before it was known that
// there are any.
func (r *redactor) plan(p *Plan) {
	if len(r.words) == 0 {
		return
	}
	for i := range p.Steps {
		switch a := p.Steps[i].Action.(type) {
		case Attribute:
			a.Values = slices.Clone(a.Values)
			for j, v := range a.Values {
				a.Values[j] = r.text(v)
			}
			p.Steps[i].Action = a
		case Event:
			a.Type, a.Title = r.text(a.Type), r.text(a.Title)
			p.Steps[i].Action = a
		case Tag:
			p.Steps[i].Action = Tag{r.text(a.Name)}
		case Relate:
			p.Steps[i].Action = Relate{a.Type, r.text(a.Name)}
		case Status:
			p.Steps[i].Action = Status{r.text(a.Name)}
		case SourceName:
			p.Steps[i].Action = SourceName{r.text(a.Name)}
		}
	}
}
