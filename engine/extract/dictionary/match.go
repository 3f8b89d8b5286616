package dictionary

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/fold"
	"github.com/tqmailrules/tqmailrules/internal/multimatch"
)

// scan reads one text.
type scan struct {
	*Extractor
	part   *engine.InputPart
	text   string
	out    []engine.Finding
	max    int          // findings that out may hold
	judged func(Judged) // set to be told of all names instead

	hidden  int       // spans of the page that are behind us
	end     int       // of the last name
	recent  [64]token // the last ones: more than a name and the words before it
	count   int       // tokens read
	weighed int       // ambiguous names that were written as names

	sentence int     // the number of the one that is read
	climate  climate // of what was read
	sections []section
	climates []climate           // as it was, every few tokens
	seen     []sighting          // names, in order
	sure     int                 // of them need no evidence
	proven   map[proof]*sighting // things, and where they were last seen

	before, after [maxWords]token // scratch: the words around a name
	pending       []candidate     // may be overtaken by longer ones; by their first token
	buffer        [8]candidate
}

// candidate is a name that stands in a text as it must be written.
type candidate struct {
	start, end int
	first      int    // token
	last       int    // token
	sentence   int    // of its text
	section    int    // of its text
	form       int32  // -1 for a number without one
	number     number // when form is -1
}

// maxWeighed is how many ambiguous names of a part are weighed, which costs more
// than anything else; the others do not count.
const maxWeighed = 50_000

// full says whether no more names may be noted.
func (s *scan) full() bool { return s.sure >= s.max || len(s.seen) >= s.max+maxWeighed }

// run reads the text, decides which names in it count, and reports them.
func (s *scan) run() {
	s.read()
	s.decideAll()
	for i := range s.seen {
		s.report(&s.seen[i])
	}
}

// read reads the text, token by token. A candidate is settled when no name that is
// yet to end can have begun where it did, or before.
func (s *scan) read() {
	s.pending = s.buffer[:0]
	at, end := multimatch.Root, 0
	var last token
	for i := 0; !s.full(); s.count++ {
		t, ok := s.words.next(s.text, i)
		if !ok {
			break
		}
		i = t.end
		gap := s.text[end:t.start]
		if at != multimatch.Root && !follows(gap) {
			at = multimatch.Root
		}
		if len(gap) > 1 && s.count > 0 && breaks(s.text, last, t.start) {
			s.sentence++
		}
		s.feel(t, gap)
		end, last = t.end, t
		s.recent[s.count%len(s.recent)] = t
		if t.symbol == 0 {
			at = multimatch.Root
		} else {
			at = s.names.Next(at, t.symbol)
			s.candidates(at, t)
		}
		if len(s.pending) > 0 {
			s.settle(s.count + 1 - s.names.Depth(at))
		}
	}
	s.settle(len(s.text) + 1)
}

// candidates notes the names that end with a token, and a number that begins with it.
func (s *scan) candidates(at multimatch.State, t token) {
	for m := s.names.Longest(at); m != multimatch.Root; m = s.names.Shorter(m) {
		first := s.count + 1 - s.names.Depth(m)
		if c, ok := s.named(s.names.Value(m), s.recent[first%len(s.recent)].start, t.end); ok {
			c.first, c.last, c.sentence, c.section = first, s.count, s.sentence, len(s.sections)-1
			s.note(c)
		}
	}
	if k := s.schemes[t.symbol]; k > 0 {
		if c, ok := s.numbered(int(k-1), t); ok {
			c.first, c.last, c.sentence, c.section = s.count, s.count, s.sentence, len(s.sections)-1
			s.note(c)
		}
	}
}

// named is the name that stands at a place, when it stands there as a word and as
// one of its forms is written.
func (s *scan) named(first int32, start, end int) (c candidate, ok bool) {
	if glued(s.text, start) || glued(s.text, end) {
		return c, false
	}
	original := s.text[start:end]
	for f := first; f >= 0; f = s.forms[f].next {
		flags := s.forms[f].flags
		if flags&exact != 0 && !asWritten(original, s.forms[f].text) || flags&tight != 0 && !s.closeEnough(original, s.forms[f].text) {
			continue
		}
		return candidate{start: start, end: end, form: f}, true
	}
	return c, false
}

// asWritten says whether two spellings have the same letters and digits, case
// included.
func asWritten(a, b string) bool {
	for {
		a, b = strings.TrimLeftFunc(a, notWordly), strings.TrimLeftFunc(b, notWordly)
		if a == "" || b == "" {
			return a == b
		}
		r, n := utf8.DecodeRuneInString(a)
		q, m := utf8.DecodeRuneInString(b)
		if r != q {
			return false
		}
		a, b = a[n:], b[m:]
	}
}

func notWordly(r rune) bool {
	k := kindOf(r)
	return k != letters && k != digits && k != ideograph
}

// closeEnough says whether letters stand as close behind digits as in a form: 8Base
// is not "8 base stations".
func (s *scan) closeEnough(original, text string) bool {
	var before, was token
	for i, j := 0, 0; ; {
		t, ok := s.words.next(original, i)
		u, ok2 := s.words.next(text, j)
		if !ok || !ok2 {
			return true
		}
		joined := before.kind == digits && t.kind == letters || before.kind == ideograph && t.kind == ideograph
		if joined && u.start == was.end && t.start > before.end && original[before.end:t.start] != "-" {
			return false
		}
		before, was, i, j = t, u, t.end, u.end
	}
}

// numbered is the number that begins with a token.
func (s *scan) numbered(k int, t token) (c candidate, ok bool) {
	n, ok := schemes[k].read(s.text, t.start, t.end)
	if !ok || glued(s.text, t.start) {
		return c, false
	}
	c = candidate{start: t.start, end: n.end, form: -1, number: n}
	if _, c.number.known = s.ids[n.value]; c.number.known && n.id {
		return c, true
	}
	return c, n.kind != ""
}

// note adds a candidate unless one that began no later goes as far.
func (s *scan) note(c candidate) {
	at := len(s.pending)
	for i := len(s.pending) - 1; i >= 0; i-- {
		p := &s.pending[i]
		if p.first == c.first {
			if c.end > p.end || c.end == p.end && p.form < 0 {
				*p = c
			}
			return
		}
		if p.first < c.first {
			break
		}
		at = i
	}
	s.pending = append(s.pending, candidate{})
	copy(s.pending[at+1:], s.pending[at:])
	s.pending[at] = c
}

// settle takes the candidates that began before a token, leftmost first.
func (s *scan) settle(before int) {
	done := 0
	for done < len(s.pending) && s.pending[done].first < before {
		c := s.pending[done]
		done++
		if c.start < s.end || s.full() {
			continue
		}
		s.end = c.end
		s.sight(c)
	}
	s.pending = append(s.pending[:0], s.pending[done:]...)
}

// sight notes a candidate that is settled, with what its own words say.
func (s *scan) sight(c candidate) {
	if inAddress(s.text, c.start, c.end) || isExtension(s.text, c.start) {
		return
	}
	if c.form >= 0 && s.forms[c.form].next >= 0 {
		c.form = s.choose(c)
	}
	g := sighting{candidate: c, v: verdict{counts: true}, sure: true}
	switch {
	case s.ambiguous(&c) && s.weighed >= maxWeighed:
		s.weighed++
		return
	case s.ambiguous(&c):
		g.v, g.sure = s.weigh(&c), false
	case s.isCompany(&c):
		g.v = verdict{against: "a company", need: enough}
	case s.isCode(&c) || s.isWord(&c):
		s.climate.security += plainSure
	default:
		s.climate.security += surePoints
	}
	if g.v.counts {
		s.sure++
	} else if g.v.need > 0 && g.v.score >= g.v.need {
		s.climate.security += ownPoints
	}
	if s.judged != nil || g.v.against != lowerCase && g.v.against != longerWord {
		s.seen = append(s.seen, g)
	}
}

// isWord says whether a name is a single word as any other: no digits, no capitals
// inside.
func (s *scan) isWord(c *candidate) bool {
	if c.form < 0 || c.first != c.last {
		return false
	}
	name := s.text[c.start:c.end]
	return !inner(name) && kindOf(rune(name[0])) == letters
}

// report reports a sighting that counts, or all of them to whoever wants to know.
func (s *scan) report(g *sighting) {
	if s.judged != nil {
		s.judged(Judged{s.finding(g), g.v.counts, g.v.speaks, g.v.against, g.v.score, g.v.need})
		return
	}
	if g.v.counts && len(s.out) < s.max {
		s.out = append(s.out, s.finding(g))
	}
}

func (s *scan) ambiguous(c *candidate) bool {
	if c.form < 0 {
		return !c.number.sure
	}
	flags := s.forms[c.form].flags
	return flags&ambiguous != 0 || flags&partly != 0 && !s.written(c) || flags&counted != 0 && strings.ContainsAny(s.text[c.start:c.end], " \n")
}

// entryOf returns the entry of a candidate; nil when it is a number that no entry has.
func (s *scan) entryOf(c *candidate) *Entry {
	if c.form >= 0 {
		return &s.cfg.Entries[s.forms[c.form].entry]
	}
	if i, ok := s.ids[c.number.value]; ok && c.number.id {
		return &s.cfg.Entries[i]
	}
	return nil
}

func (s *scan) typeOf(c *candidate) string {
	if e := s.entryOf(c); e != nil {
		return e.Type
	}
	return c.number.kind
}

func (s *scan) finding(g *sighting) engine.Finding {
	c := &g.candidate
	f := engine.Finding{
		Type: c.number.kind, Value: c.number.value, Original: s.text[c.start:c.end],
		Spot: engine.Spot{Part: s.part.ID, Context: s.contextAt(c), Span: engine.Span{Start: c.start, End: c.end}},
	}
	if e := s.entryOf(c); e != nil {
		f.Type, f.Value = e.Type, e.Name
	}
	f.Extra = s.extra(c, &g.v)
	return f
}

// contextAt says what kind of place a name stood in.
func (s *scan) contextAt(c *candidate) engine.Context {
	switch s.part.Kind {
	case "subject":
		return engine.InSubject
	case "attachment":
		return engine.InContent
	case "html":
		if s.part.Page != nil && s.isHidden(c) {
			return engine.InHidden
		}
	}
	return engine.InText
}

// isHidden looks a place up among the hidden spans, which are in order.
func (s *scan) isHidden(c *candidate) bool {
	all := s.part.Page.Hidden
	for s.hidden < len(all) && all[s.hidden].End <= c.start {
		s.hidden++
	}
	return s.hidden < len(all) && all[s.hidden].Start < c.end
}

// extraKey names what a finding says beside its value: findings that say the same
// share it.
type extraKey struct {
	entry    *Entry
	form     int32
	evidence string
	around   bool
}

// maxExtras is how many of them are kept.
const maxExtras = 1 << 14

func (s *scan) extra(c *candidate, v *verdict) map[string]string {
	e := s.entryOf(c)
	if e == nil && v.speaks == "" && !v.around {
		return nil
	}
	key := extraKey{e, c.form, v.speaks, v.around}
	s.mu.RLock()
	have, ok := s.extras[key]
	s.mu.RUnlock()
	if ok {
		return have
	}
	made := map[string]string{}
	put := func(k, v string) {
		if v != "" {
			made[k] = v
		}
	}
	put("evidence", v.evidence())
	if e != nil {
		put("id", e.ID)
		put("dictionary", e.Dictionary)
	}
	if c.form >= 0 && s.forms[c.form].flags&isAlias != 0 && !fold.Equal(s.forms[c.form].text, e.Name) {
		put("alias", s.forms[c.form].text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.extras) < maxExtras {
		s.extras[key] = made
	}
	return made
}

// maxAddress is how far the borders of an address are looked for, in bytes.
const maxAddress = 256

// inAddress says whether a name stands in a URL, a host name or an e-mail address.
func inAddress(text string, start, end int) bool {
	if (start == 0 || ends(text[start-1])) && (end == len(text) || ends(text[end])) {
		return false
	}
	a, b := start, end
	for a > 0 && start-a < maxAddress && !ends(text[a-1]) {
		a--
	}
	for b < len(text) && b-end < maxAddress && !ends(text[b]) {
		b++
	}
	w := text[a:b]
	return strings.Contains(w, "://") || strings.Contains(w, "@") || strings.Contains(w, "[.") || strings.Contains(w, "[d") || strings.Contains(w, "[:") ||
		len(w) > 4 && fold.Equal(w[:4], "www.") || isHost(w)
}

// isExtension says whether a name is the ending of file names: .akira
func isExtension(text string, start int) bool {
	return start > 0 && text[start-1] == '.' && (start == 1 || ends(text[start-2]))
}

// ends says whether a byte ends an address.
func ends(c byte) bool {
	switch c {
	case '<', '>', '"', '(', ')', '{', '}', '|', ',', ';', '*':
		return true
	}
	return c <= ' '
}

// isHost says whether a word is a host name under a domain that is common, with or
// without a path.
func isHost(w string) bool {
	w, _, _ = strings.Cut(w, "/")
	w = strings.TrimRight(w, ".:!?'")
	dot := strings.LastIndexByte(w, '.')
	if dot <= 0 || strings.ContainsAny(w, ":\\_") {
		return false
	}
	switch fold.Lower(w[dot+1:]) {
	case "com", "net", "org", "info", "biz", "io", "co", "ru", "cn", "de", "uk", "fr", "eu", "at", "ch", "it", "es", "nl", "pl", "us", "ua", "ir", "in",
		"jp", "kr", "br", "xyz", "top", "icu", "site", "online", "club", "shop", "app", "dev", "gov", "edu", "mil", "example", "test", "onion", "local":
		return true
	}
	return false
}

// capital says whether a text begins as names do: with a capital, or with what
// has none.
func capital(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return !unicode.IsLower(r)
}
