package dictionary

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/multimatch"
)

// How far evidence is looked for on either side of a name.
const (
	maxWords  = 12
	maxAround = 200 // bytes
)

// verdict is what the words around an ambiguous name add up to.
type verdict struct {
	counts  bool
	speaks  string
	against string
	score   int
	need    int
}

// What evidence is worth. A name counts from enough on; at the beginning of a
// sentence, where its capital says nothing, one more is needed.
const (
	enough = 4

	strongBeside, strongNear, strongFar = 6, 4, 3
	strongMost                          = 8 // of all strong words together
	weakBeside, weakNear                = 2, 1
	weakMost                            = 3
	idNear                              = 8
	sameKind, otherKind                 = 4, 2 // an unambiguous name
	idKnown                             = 3    // a number that is the id of an entry: parts and gates have such too
	techniqueKnown                      = 5    // T1486
	allCapitals                         = 4    // Night Dragon

	madeOther = -8 // Carbon dioxide, Mr Conti
	compound  = -3 // one of several capital words that are nothing known: Lazarus Long
)

// What speaks against a name by the way it is written.
const (
	lowerCase  = "lower case"
	longerWord = "part of a longer word"
)

// weighing is a verdict in the making.
type weighing struct {
	c             candidate
	before, after []token // in its sentence
	v             verdict
	best          int
	strong, weak  int
}

// weigh decides whether an ambiguous name counts.
func (s *scan) weigh(c *candidate) verdict {
	written := s.written(c)
	switch {
	case !written && !s.phrase(c):
		return verdict{against: lowerCase, need: enough}
	case partOfWord(s.text, c.start, c.end):
		return verdict{against: longerWord, need: enough}
	}
	s.weighed++
	w := weighing{c: *c}
	w.before, w.after = s.tokensBefore(c), s.tokensAfter(c)
	switch w.v.need = enough; {
	case !written:
		w.v.need += 2
	case len(w.before) == 0:
		w.v.need++
	}
	for i, t := range w.before {
		s.word(&w, t, i+1)
	}
	for i, t := range w.after {
		s.word(&w, t, i+1)
	}
	w.v.score = min(w.strong, strongMost) + min(w.weak, weakMost) + s.itself(c) + s.objections(&w)
	if short := w.v.need - w.v.score; short > 0 && short <= idNear {
		s.namesNear(&w)
	}
	w.v.counts = w.v.score >= w.v.need
	return w.v
}

// written says whether an ambiguous name is written as a name: with a capital, or
// as its entry has it.
func (s *scan) written(c *candidate) bool {
	original := s.text[c.start:c.end]
	if c.form < 0 || capital(original) {
		return true
	}
	return !capital(s.forms[c.form].text) && asWritten(original, s.forms[c.form].text)
}

// phrase says whether a name is that of an attack pattern in several words, which
// prose writes in lower case.
func (s *scan) phrase(c *candidate) bool {
	return s.typeOf(c) == AttackPattern && strings.ContainsAny(s.text[c.start:c.end], " -")
}

// itself is what an ambiguous name says by itself.
func (s *scan) itself(c *candidate) int {
	if c.form < 0 {
		switch {
		case c.number.known && c.number.kind == AttackPattern:
			return techniqueKnown
		case c.number.known:
			return idKnown
		}
		return 0
	}
	if s.typeOf(c) == AttackPattern || s.forms[c.form].flags&counted != 0 {
		return 0
	}
	capitals := 0
	for i := c.start; ; {
		t, ok := s.words.next(s.text[:c.end], i)
		switch {
		case !ok && capitals > 1:
			return allCapitals
		case !ok, t.kind == letters && !capital(s.text[t.start:]):
			return 0
		}
		if t.kind == letters {
			capitals++
		}
		i = t.end
	}
}

// word adds what a word says that stands so many words away.
func (s *scan) word(w *weighing, t token, distance int) {
	m := s.meaningOf(t)
	if strings.HasPrefix(s.text[t.start:], "C2") {
		m.weight = strong
	}
	worth := 0
	switch {
	case m.weight == strong && distance <= 2:
		worth = strongBeside
	case m.weight == strong && distance <= 6:
		worth = strongNear
	case m.weight == strong:
		worth = strongFar
	case m.weight == weak && distance <= 2:
		worth = weakBeside
	case m.weight == weak:
		worth = weakNear
	}
	if m.weight == strong {
		w.strong += worth
	} else {
		w.weak += worth
	}
	w.speak(worth, s.text[t.start:t.end])
}

// speak keeps the piece of evidence that says most.
func (w *weighing) speak(worth int, what string) {
	if worth > w.best {
		w.best, w.v.speaks = worth, what
	}
}

// namesNear adds what the id of the entry and unambiguous names near say.
func (s *scan) namesNear(w *weighing) {
	from, to := w.c.start, w.c.end
	if n := len(w.before); n > 0 {
		from = w.before[n-1].start
	}
	if n := len(w.after); n > 0 {
		to = w.after[n-1].end
	}
	if e := s.entryOf(&w.c); e != nil && len(e.ID) > 3 && w.c.form >= 0 && strings.Contains(s.text[from:to], e.ID) {
		w.v.score += idNear
		w.speak(idNear, e.ID)
		return
	}
	kind := s.typeOf(&w.c)
	worth := max(s.unambiguous(w, from, w.c.start, kind), s.unambiguous(w, w.c.end, to, kind))
	w.v.score += worth
}

// sameKindOf says whether two types are listed together: malware, tools and who
// uses them are.
func sameKindOf(a, b string) bool {
	who := func(t string) bool { return t == Malware || t == Adversary || t == Campaign }
	return a == b || who(a) && who(b)
}

// unambiguous returns what the names are worth that stand in a piece of text and
// need no evidence.
func (s *scan) unambiguous(w *weighing, from, to int, kind string) (worth int) {
	at, end := multimatch.Root, 0
	var starts [maxTokens]int
	note := func(c *candidate) {
		found := otherKind
		if sameKindOf(s.typeOf(c), kind) {
			found = sameKind
		}
		worth = max(worth, found)
		w.speak(found, s.text[c.start:c.end])
	}
	for n, i := 0, from; worth < sameKind; n++ {
		t, ok := s.words.next(s.text[:to], i)
		if !ok {
			break
		}
		if at != multimatch.Root && !follows(s.text[end:t.start]) {
			at = multimatch.Root
		}
		i, end, starts[n%maxTokens] = t.end, t.end, t.start
		at = s.names.Next(at, t.symbol)
		for m := s.names.Longest(at); m != multimatch.Root; m = s.names.Shorter(m) {
			c, ok := s.named(s.names.Value(m), starts[(n+1-s.names.Depth(m))%maxTokens], t.end)
			if ok && !s.ambiguous(&c) && !inAddress(s.text, c.start, c.end) {
				note(&c)
				break
			}
		}
		if k := s.schemes[t.symbol]; k > 0 {
			if c, ok := s.numbered(int(k-1), t); ok && c.end <= to && c.number.sure && c.number.kind != Tag && !inAddress(s.text, c.start, c.end) {
				note(&c)
			}
		}
	}
	return worth
}

// objections returns what speaks against a name, 0 or less.
func (s *scan) objections(w *weighing) (worst int) {
	object := func(worth int, from, to int) {
		if worth < worst {
			worst, w.v.against = worth, s.text[from:to]
		}
	}
	if len(w.after) > 0 {
		t := w.after[0]
		gap, word, m := s.text[w.c.end:t.start], s.text[t.start:t.end], s.meaningOf(t)
		switch {
		case (m.role == thingAfter || m.role == company) && spaced(gap) && m.weight == 0:
			object(madeOther, t.start, t.end)
		case m.role == determiner && gap == " " && w.c.form >= 0 && len(w.before) == 0 && !capital(word):
			object(madeOther, t.start, t.end)
		case gap == "-" && !capital(word) && m.role != attached && m.weight == 0:
			object(compound, w.c.end, t.end)
		case gap == " " && s.stranger(t):
			object(compound, t.start, t.end)
		}
	}
	if len(w.before) > 0 {
		t := w.before[0]
		gap, m := s.text[t.end:w.c.start], s.meaningOf(t)
		switch {
		case m.role == titleFront && (spaced(gap) || gap == ". "):
			object(madeOther, t.start, t.end)
		case gap == "-":
			object(compound, t.start, w.c.start)
		case gap == " " && s.stranger(t):
			object(compound, t.start, t.end)
		}
	}
	if worst == compound && w.best >= strongBeside {
		return 0 // Former Conti affiliates
	}
	return worst
}

// isCompany says whether the form of a company stands behind a name.
func (s *scan) isCompany(c *candidate) bool {
	t, ok := s.words.next(s.text, c.end)
	return ok && s.text[c.end:t.start] == " " && capital(s.text[t.start:t.end]) && s.meaningOf(t).role == company
}

func spaced(gap string) bool { return gap == " " || gap == "-" || gap == "\n" }

// stranger says whether a word is written as a name and nothing is known of it.
func (s *scan) stranger(t token) bool {
	return t.kind == letters && t.end-t.start >= 3 && capital(s.text[t.start:t.end]) && s.meaningOf(t) == meaning{} && !s.nameWord(t)
}

// meaningOf returns what a word says about names.
func (s *scan) meaningOf(t token) meaning {
	same, _ := s.lexicon.next(s.text[:t.end], t.start)
	return s.means[same.symbol]
}

// nameWord says whether a word is in the name of an entry.
func (s *scan) nameWord(t token) bool {
	return t.symbol != 0 && s.names.Longest(s.names.Next(multimatch.Root, t.symbol)) != multimatch.Root
}

// partOfWord says whether a name is joined to letters or digits by something other
// than a hyphen or an apostrophe: empire.dll, /conti/, my_carbon.
func partOfWord(text string, start, end int) bool {
	return start > 1 && joint(text[start-1]) && wordByte(text[start-2]) || start > 0 && (text[start-1] == '\\' || text[start-1] == '@' || text[start-1] == '#') ||
		end+1 < len(text) && joint(text[end]) && wordByte(text[end+1]) || end < len(text) && (text[end] == '\\' || text[end] == '@')
}

func joint(c byte) bool    { return c == '.' || c == '_' || c == '/' || c == '=' || c == ':' }
func wordByte(c byte) bool { return kinds[c] != none }

// tokensBefore returns the tokens before a name that are in its sentence, the nearest
// first.
func (s *scan) tokensBefore(c *candidate) []token {
	all, next := s.before[:0], c.start
	for n := s.count - 1; n >= 0 && n > s.count-len(s.recent) && len(all) < maxWords; n-- {
		t := s.recent[n%len(s.recent)]
		if t.start >= c.start {
			continue
		}
		if t.start < c.start-maxAround || breaks(s.text, t, next) {
			break
		}
		all, next = append(all, t), t.start
	}
	return all
}

// tokensAfter returns those behind it.
func (s *scan) tokensAfter(c *candidate) []token {
	all, last := s.after[:0], token{start: c.start, end: c.end}
	for len(all) < maxWords {
		t, ok := s.words.next(s.text, last.end)
		if !ok || t.end > c.end+maxAround || breaks(s.text, last, t.start) {
			break
		}
		all, last = append(all, t), t
	}
	return all
}

// breaks says whether a sentence ends between a token and what begins at next: at a
// full stop and white space before anything but a small letter, at an empty line, at
// the next item of a list.
func breaks(text string, t token, next int) bool {
	gap := text[t.end:next]
	if len(gap) <= 1 {
		return false
	}
	lines, stop, bullet := 0, -1, false
	for i := range len(gap) {
		switch c := gap[i]; {
		case c == '\n':
			lines++
		case c == '.' || c == '!' || c == '?':
			if stop < 0 {
				stop = i
			}
		case c == '-' || c == '*':
			bullet = bullet || i > 0 && gap[i-1] == '\n'
		case c >= utf8.RuneSelf && fullStop(gap[i:]):
			return true
		}
	}
	if lines > 1 || bullet {
		return true
	}
	if stop < 0 || stop+1 >= len(gap) || !strings.ContainsAny(gap[stop:], " \n\t\r") {
		return false
	}
	if r, _ := utf8.DecodeRuneInString(text[next:]); unicode.IsLower(r) {
		return false
	}
	return gap[stop] != '.' || !abbreviation(text[t.start:t.end])
}

// fullStop says whether a text begins with a full stop of scripts that have their own,
// or the mark of an item.
func fullStop(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return r == '。' || r == '！' || r == '？' || r == '•'
}

// abbreviation says whether a word that a full stop follows may go on.
func abbreviation(word string) bool {
	if len(word) > 6 {
		return false
	}
	var b [6]byte
	for i := range len(word) {
		b[i] = word[i] | 0x20
	}
	switch string(b[:len(word)]) {
	case "mr", "mrs", "ms", "dr", "prof", "st", "inc", "ltd", "no", "nr", "vs", "resp", "approx", "fig", "bzw":
		return true
	}
	return len(word) == 1
}

// maxSentence is how much of a sentence Sentence returns on either side, in bytes.
const maxSentence = 2 * maxAround

func isBlank(c byte) bool { return c <= ' ' }

// Sentence returns where the sentence of a finding begins and ends: what its
// evidence can stand in.
func (x *Extractor) Sentence(text string, of engine.Span) engine.Span {
	from, to := max(0, of.Start-maxSentence), min(len(text), of.End+maxSentence)
	for from > 0 && from < of.Start && !isBlank(text[from-1]) {
		from++
	}
	for to < len(text) && to > of.End && !isBlank(text[to]) {
		to--
	}
	out := engine.Span{Start: from, End: to}
	var last token
	for i := from; ; {
		t, ok := x.words.next(text[:to], i)
		if !ok {
			return out
		}
		if i > from && breaks(text, last, t.start) {
			if t.start <= of.Start {
				out.Start = t.start
			} else if last.end >= of.End {
				out.End = t.start
				return out
			}
		}
		last, i = t, t.end
	}
}
