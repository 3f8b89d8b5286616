package engine

import (
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DefaultPrefix is what stands before a password in mails of many languages: a
// word for it, then some of the small words and names of files that stand
// between, then a sign.
var DefaultPrefix = regexp.MustCompile(`(?i)(?:pass\s?word|pass\s?code|pass\s?phrase|pass?\s?wort|kenn\s?wort|\b(?:pwd|pass|pw|pin|mdp|clave|codice)\b` +
	`|senha|contrase(?:n|\x{f1}|n\x{303})a|mot\s+de\s+passe|parola\s+d'ordine|wachtwoord|has(?:l|\x{142})o|l(?:o|\x{f6})senord` +
	`|salasana|jelsz(?:o|\x{f3})|heslo|(?:s|\x{15f})ifre|пароль|密码|密碼|パスワード|비밀번호)` +
	`(?:\s+(?:is|ist|est|es|e|\x{e9}|of|do|de|da|del|for|para|pour|f(?:u|\x{fc})r|the|la|le|el|il|o|a|ao|to|open` +
	`|acess?o|acceso|acc(?:e|\x{e8})s|arquivo|archivo|fichier|file|pdf|zip|anexo|attachment|document[oe]?|die|der|das|datei|для|архива)\b){0,6}` +
	`\s*[:=：-]?\s*`)

// Caps on what is taken for a password. A token longer than maxPassword bytes is
// none; a mail offers at most maxAnnounced of them and yields maxTokens guesses.
const (
	maxPassword  = 128
	maxAnnounced = 32
	maxTokens    = 150
)

// textOf is a text of a message in which passwords stand.
type textOf struct{ part, text string }

// passwordTexts are those texts of a message, the most telling first.
func passwordTexts(m *Message) []textOf {
	texts := []textOf{{PartText, m.Body.Plain.Raw}, {PartHTML, m.Body.HTML.InnerText}, {PartSubject, m.Subject.Subject}}
	return slices.DeleteFunc(texts, func(t textOf) bool { return t.text == "" })
}

// AnnouncedPasswords are the passwords that a mail announces to its reader, in
// subject and body, as DefaultPrefix finds them: at most 32, each once. Where they
// stand is a fact for rules and reports; what they are is nobody's business but that
// of the file they open, so nothing prints or ships one.
func AnnouncedPasswords(m *Message) []Secret { return announced(m, nil, nil) }

// announced lists the passwords that a message announces: what stands behind a
// prefix, quoted, bracketed or bare, with and without trailing punctuation. A nil
// prefix is DefaultPrefix; behind that, a bare word without a sign before it is
// one only if it does not look like a word of a sentence.
func announced(m *Message, prefix, take *regexp.Regexp) []Secret {
	strict := prefix == nil
	if strict {
		prefix = DefaultPrefix
	}
	var found []Secret
	seen := map[string]bool{}
	for _, t := range passwordTexts(m) {
		for _, at := range prefix.FindAllStringIndex(t.text, 4*maxAnnounced) {
			for _, span := range passwordsAt(t.text, at[1], strict && !signed(t.text[at[0]:at[1]]), take) {
				word := t.text[span.Start:span.End]
				if seen[word] || len(found) == maxAnnounced {
					continue
				}
				seen[word] = true
				found = append(found, Secret{LiteralPassword(word), t.part, span})
			}
		}
	}
	return found
}

// signed tells whether a prefix ends in a sign that a value follows.
func signed(prefix string) bool {
	prefix = strings.TrimRightFunc(prefix, unicode.IsSpace)
	return strings.HasSuffix(prefix, ":") || strings.HasSuffix(prefix, "=") || strings.HasSuffix(prefix, "：")
}

// passwordsAt returns where passwords may stand in the text from at on: the one
// that is meant first. wary refuses bare words that may belong to a sentence.
func passwordsAt(text string, at int, wary bool, take *regexp.Regexp) []Span {
	end := at + min(len(text)-at, 4*maxPassword)
	if take != nil {
		return takenAt(text[:end], at, take)
	}
	start := at + len(text[at:end]) - len(strings.TrimLeftFunc(text[at:end], isGap))
	if start == end {
		return nil
	}
	inner, ok := enclosed(text[:end], start)
	if !ok {
		return bare(text, start, wary)
	}
	if after, _ := utf8.DecodeRuneInString(text[inner.End:end]); goesOn(text[inner.End+utf8.RuneLen(after) : end]) {
		return append([]Span{inner}, bare(text, start, wary)...) // a password that begins with a bracket
	}
	return []Span{inner}
}

func takenAt(text string, at int, take *regexp.Regexp) []Span {
	m := take.FindStringSubmatchIndex(text[at:])
	if m == nil || m[0] == m[1] {
		return nil
	}
	if len(m) >= 4 && m[2] >= 0 {
		m = m[2:4]
	}
	if m[1]-m[0] > maxPassword {
		return nil
	}
	return []Span{{at + m[0], at + m[1]}}
}

// isGap is what may stand between an announcement and its password.
func isGap(r rune) bool {
	return unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' || r == '\u00ad' || r == '*' || r == '_'
}

// closers are the signs that enclose a password.
var closers = map[rune]string{
	'"': `"`, '\'': `'`, '`': "`", '\u201c': "\u201d\u201c", '\u201e': "\u201c\u201d", '\u2018': "\u2019\u2018", '\u00ab': "\u00bb", '\u2039': "\u203a",
	'\u300c': "\u300d", '\u300e': "\u300f", '[': "]", '(': ")", '{': "}", '<': ">", '\uff08': "\uff09", '\u3010': "\u3011",
}

// enclosed is what stands between signs on one line.
func enclosed(text string, start int) (Span, bool) {
	open, size := utf8.DecodeRuneInString(text[start:])
	close, ok := closers[open]
	if !ok {
		return Span{}, false
	}
	from := start + size
	n := strings.IndexAny(text[from:], close+"\n")
	if n <= 0 || n > maxPassword || text[from+n] == '\n' {
		return Span{}, false
	}
	span := trimSpan(text, Span{from, from + n})
	return span, span.End > span.Start
}

// goesOn tells whether a word goes on behind what closes a bracket.
func goesOn(rest string) bool {
	r, _ := utf8.DecodeRuneInString(rest)
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

func trimSpan(text string, s Span) Span {
	inner := text[s.Start:s.End]
	s.Start += len(inner) - len(strings.TrimLeftFunc(inner, unicode.IsSpace))
	s.End -= len(inner) - len(strings.TrimRightFunc(inner, unicode.IsSpace))
	return s
}

// bare is the word at start: without the punctuation that ends sentences, then
// with it.
func bare(text string, start int, wary bool) []Span {
	end := start
	for end < len(text) && end-start <= maxPassword {
		r, n := utf8.DecodeRuneInString(text[end:])
		if unicode.IsSpace(r) || r == '\u200b' {
			break
		}
		end += n
	}
	word := text[start:end]
	if len(word) > maxPassword || strings.Contains(word, "://") || strings.HasPrefix(strings.ToLower(word), "www.") {
		return nil
	}
	core := strings.TrimRight(word, ".,;:!?)]}>\"'*_|\u2026")
	if core == "" || wary && !unlikeWord(core) {
		return nil
	}
	spans := []Span{{start, start + len(core)}}
	if core != word {
		spans = append(spans, Span{start, end})
	}
	return spans
}

// unlikeWord tells whether a token holds what words of a sentence do not: a
// digit, a sign, or a capital behind a small letter.
func unlikeWord(s string) bool {
	small := false
	for _, r := range s {
		switch {
		case unicode.IsDigit(r), unicode.IsSymbol(r), unicode.IsPunct(r) && r != '-' && r != '\'' && r != '\u2019' && r != '.':
			return true
		case unicode.IsUpper(r) && small:
			return true
		}
		small = small || unicode.IsLower(r)
	}
	return false
}

// guesses lists the tokens of a message that may be passwords: of body, subject
// and names of attachments, those that look least like words first.
func guesses(m *Message) []Candidate {
	g := guesser{seen: map[string]bool{}}
	for _, t := range passwordTexts(m) {
		g.text(t.part, t.text)
	}
	for _, a := range m.Attachments {
		if !a.IsInline {
			g.name(a)
		}
	}
	if spaced := withoutTags(m.Body.HTML.Raw); spaced != "" {
		g.unplaced(PartHTML, spaced)
	}
	slices.SortStableFunc(g.found, func(a, b guess) int { return a.rank - b.rank })
	var all []Candidate
	for _, f := range g.found[:min(len(g.found), maxTokens)] {
		all = append(all, f.Candidate)
	}
	return all
}

type guess struct {
	Candidate
	rank int
}

// guesser collects tokens, each once. It looks at so many that the best are
// among them, and not at a mail of megabytes.
type guesser struct {
	found []guess
	seen  map[string]bool
}

const maxGuessed = 5_000

func (g *guesser) add(part, word string, span Span) {
	rank, ok := plausible(word)
	if !ok || g.seen[word] || len(g.found) >= maxGuessed {
		return
	}
	g.seen[word] = true
	g.found = append(g.found, guess{Candidate{Password: LiteralPassword(word), Origin: FromToken, Part: part, Span: span}, rank})
}

// plausible ranks a token: digits and letters, digits alone, signs or capitals,
// other words.
func plausible(word string) (rank int, ok bool) {
	if n := utf8.RuneCountInString(word); n < 3 || n > 64 || strings.Contains(word, "://") || strings.Contains(word, "@") {
		return 0, false
	}
	var digit, letter, sign bool
	for _, r := range word {
		digit = digit || unicode.IsDigit(r)
		letter = letter || unicode.IsLetter(r)
		sign = sign || !unicode.IsDigit(r) && !unicode.IsLetter(r)
	}
	switch {
	case digit && letter:
		return 0, true
	case digit:
		return 1, true
	case letter && (sign || unlikeWord(word) || strings.ToUpper(word) == word):
		return 2, true
	}
	return 3, letter
}

// text adds the words of a text, as they are and in their pieces.
func (g *guesser) text(part, text string) {
	for at := 0; at < len(text) && len(g.found) < maxGuessed; {
		word := wordAt(text[at:])
		start := at + strings.Index(text[at:], word)
		if word == "" {
			return
		}
		at = start + len(word)
		g.word(part, text, Span{start, at})
	}
}

// wordAt is the next word of a text.
func wordAt(s string) string {
	s = strings.TrimLeftFunc(s, isGap)
	if i := strings.IndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '\u200b' }); i >= 0 {
		return s[:i]
	}
	return s
}

const (
	opening = "\"'`([{<\u201c\u201e\u2018\u00ab\u300c*_|"
	closing = ".,;:!?)]}>\"'`*_|\u2026\u201d\u2019\u00bb\u300d"
)

func (g *guesser) word(part, text string, s Span) {
	whole := text[s.Start:s.End]
	core := strings.TrimLeft(whole, opening)
	start := s.End - len(core)
	core = strings.TrimRight(core, closing)
	g.add(part, core, Span{start, start + len(core)})
	if i := strings.LastIndexAny(core, ":=|"); i >= 0 {
		g.add(part, core[i+1:], Span{start + i + 1, start + len(core)})
	}
	if core != whole {
		g.add(part, whole, s)
	}
}

// name adds the pieces of a file name.
func (g *guesser) name(a *Part) {
	stem := strings.TrimSuffix(a.FileName, "."+a.FileExtension)
	g.unplaced("name of "+a.Path, stem)
	for _, piece := range strings.FieldsFunc(stem, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		g.add("name of "+a.Path, piece, Span{})
	}
}

func (g *guesser) unplaced(part, text string) {
	for _, w := range strings.Fields(text) {
		g.add(part, strings.TrimRight(strings.TrimLeft(w, opening), closing), Span{})
		if len(g.found) >= maxGuessed {
			return
		}
	}
}

// maxMarkup bounds the markup that is looked at for tokens which only stand
// apart when tags count as spaces.
const maxMarkup = 256 << 10

func withoutTags(markup string) string {
	var b strings.Builder
	for markup = cut(markup, maxMarkup); markup != ""; {
		i := strings.IndexByte(markup, '<')
		if i < 0 {
			b.WriteString(markup)
			break
		}
		b.WriteString(markup[:i])
		b.WriteByte(' ')
		end := strings.IndexByte(markup[i:], '>')
		if end < 0 {
			break
		}
		markup = markup[i+end+1:]
	}
	return html.UnescapeString(b.String())
}
