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
	around  bool // the text around it made it count
	speaks  string
	against string
	score   int
	need    int
	best    int // what the piece is worth that speaks
	worst   int // what the piece is worth that is against it
	vouched int // what names beside it added
	proven  int // what the same thing added, proven elsewhere
}

// evidence says what made a name count; "" when it needs nothing.
func (v *verdict) evidence() string {
	switch {
	case !v.around:
		return v.speaks
	case v.speaks == "":
		return bySurround
	}
	return v.speaks + ", " + bySurround
}

// What evidence is worth. A name counts from enough on, a rare one from a little less;
// at the beginning of a sentence, where the capital of a single word says nothing, one
// more is needed.
const (
	enough     = 4
	enoughRare = 3
	phrase     = 2 // more is needed in lower case

	strongBeside, strongNear, strongFar = 6, 4, 3
	mediumBeside, mediumNear, mediumFar = 4, 3, 2
	strongMost                          = 8 // of all strong words together
	weakBeside, weakNear                = 2, 1
	weakMost                            = 3
	idNear                              = 8
	idKnown                             = 1 // a number that is the id of an entry: parts and gates have such too
	allCapitals                         = 3 // Night Dragon
	sharedCapitals                      = 1 // Silent Night
	oddCapitals                         = 4 // SideWinder
	shouted                             = 2 // NOBELIUM; half of it for what is usually not written so

	madeOther  = -8 // Carbon dioxide, Mr Conti
	compound   = -5 // one of several capital words that are nothing known: Lazarus Long
	apposition = -2 // the moon Phobos
	article    = -3 // the Joker got me
	nounBehind = -1 // a Royal pain
	otherNear  = -2 // a word of another world
	otherMost  = -4
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
	strong, weak  int
	other         int
}

// weigh says what the words in the sentence of an ambiguous name are worth.
func (s *scan) weigh(c *candidate) verdict {
	written := s.written(c)
	switch {
	case !written && !s.isPhrase(c) && !s.isRare(c) && !s.isPartly(c):
		return verdict{against: lowerCase, need: enough}
	case partOfWord(s.text, c.start, c.end) && !s.inScannerName(c):
		return verdict{against: longerWord, need: enough}
	}
	s.weighed++
	w := weighing{c: *c}
	w.before, w.after = s.tokensBefore(c), s.tokensAfter(c)
	w.v.need = s.need(&w, written)
	for i, t := range w.before {
		s.word(&w, t, i+1)
	}
	s.label(&w)
	if s.inScannerName(c) {
		w.strong += strongMost
		w.speak(strongMost, s.text[w.before[0].start:w.before[0].end])
	}
	for i, t := range w.after {
		s.word(&w, t, i+1)
	}
	w.v.score = min(w.strong, strongMost) + min(w.weak, weakMost) + max(w.other, otherMost) + s.itself(&w) + s.objections(&w)
	if short := w.v.need - w.v.score; short > 0 && short <= idNear {
		s.idBeside(&w)
	}
	if !written && !s.isPhrase(c) && !s.isPartly(c) && (w.v.best < mediumBeside || w.v.score < w.v.need) {
		w.v.against = lowerCase
	}
	return w.v
}

// need is the score from which a name counts.
func (s *scan) need(w *weighing, written bool) int {
	n := enough
	if s.isRare(&w.c) {
		n = enoughRare
	}
	switch {
	case !written && strings.ContainsRune(s.text[w.c.start:w.c.end], ' '):
		n += phrase
	case len(w.before) == 0 && n == enough && !strings.ContainsAny(s.text[w.c.start:w.c.end], " \n"):
		n++
	}
	return n
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

// isPhrase says whether a name is that of an attack pattern in several words, which
// prose writes in lower case.
func (s *scan) isPhrase(c *candidate) bool {
	return s.typeOf(c) == AttackPattern && strings.ContainsAny(s.text[c.start:c.end], " -")
}

// isPartly says whether a name is of several words, one of them of daily use.
func (s *scan) isPartly(c *candidate) bool { return c.form >= 0 && s.forms[c.form].flags&partly != 0 }

// itself is what an ambiguous name says by itself.
func (s *scan) itself(w *weighing) int {
	c := &w.c
	if c.form < 0 {
		if c.number.known {
			return idKnown
		}
		return 0
	}
	f := &s.forms[c.form]
	original := s.text[c.start:c.end]
	switch {
	case s.typeOf(c) == AttackPattern || f.flags&counted != 0:
		return 0
	case inner(f.text) && asWritten(original, f.text):
		return oddCapitals
	case shouts(original) && !s.shouting(w):
		if shouts(f.text) {
			return shouted
		}
		return shouted / 2
	case s.allCapital(c):
		if f.flags&shared == 0 {
			return allCapitals
		}
		return sharedCapitals
	}
	return 0
}

// allCapital says whether a name is of several words that all begin with a capital.
func (s *scan) allCapital(c *candidate) bool {
	capitals := 0
	for i := c.start; ; {
		t, ok := s.words.next(s.text[:c.end], i)
		switch {
		case !ok:
			return capitals > 1
		case t.kind == letters && !capital(s.text[t.start:]):
			return false
		case t.kind == letters:
			capitals++
		}
		i = t.end
	}
}

// inner says whether a capital stands inside a word: SideWinder.
func inner(name string) bool {
	for i := 1; i < len(name); i++ {
		if name[i] >= 'A' && name[i] <= 'Z' && name[i-1] >= 'a' && name[i-1] <= 'z' {
			return true
		}
	}
	return false
}

// shouts says whether a name is all capitals.
func shouts(name string) bool {
	capitals := 0
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= utf8.RuneSelf:
			return false
		case c >= 'A' && c <= 'Z':
			capitals++
		}
	}
	return capitals > 3
}

// shouting says whether a word beside a name is all capitals too.
func (s *scan) shouting(w *weighing) bool {
	for _, side := range [][]token{w.before, w.after} {
		if len(side) > 0 && shouts(s.text[side[0].start:side[0].end]) && s.meaningOf(side[0]).weight == 0 && !s.nameWord(side[0]) {
			return true
		}
	}
	return false
}

// worths is what a word is worth beside a name, near it, and far from it.
var worths = [...][3]int{weak: {weakBeside, weakNear, weakNear}, medium: {mediumBeside, mediumNear, mediumFar}, strong: {strongBeside, strongNear, strongFar}}

// word adds what a word says that stands so many words away.
func (s *scan) word(w *weighing, t token, distance int) {
	m := s.meaningOf(t)
	if strings.HasPrefix(s.text[t.start:], "C2") {
		m.weight = strong
	}
	zone := 2
	switch {
	case distance <= 2:
		zone = 0
	case distance <= 6:
		zone = 1
	}
	worth := worths[m.weight][zone]
	switch {
	case m.weight > weak:
		w.strong += worth
	case m.weight == weak:
		w.weak += worth
	case m.is(elsewhere) && zone < 2:
		w.other += otherNear
	case m.is(elsewhere):
		w.other += otherNear / 2
	}
	w.speak(worth, s.text[t.start:t.end])
}

// label adds what a word for a type says that a colon follows: tools: Chisel.
func (s *scan) label(w *weighing) {
	if len(w.before) == 0 {
		return
	}
	t := w.before[0]
	if gap := s.text[t.end:w.c.start]; len(gap) > 1 && gap[0] == ':' && isBlank(gap[len(gap)-1]) && s.meaningOf(t).hint != 0 {
		w.strong += strongBeside
		w.speak(strongBeside, s.text[t.start:t.end])
	}
}

// speak keeps the piece of evidence that says most.
func (w *weighing) speak(worth int, what string) {
	if worth > w.v.best {
		w.v.best, w.v.speaks = worth, what
	}
}

// idBeside adds what the id of the entry says.
func (s *scan) idBeside(w *weighing) {
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
	}
}

// sameKindOf says whether two types are listed together: malware, tools and who
// uses them are.
func sameKindOf(a, b string) bool {
	who := func(t string) bool { return t == Malware || t == Adversary || t == Campaign }
	return a == b || who(a) && who(b)
}

// objections returns what speaks against a name, 0 or less.
func (s *scan) objections(w *weighing) int {
	s.objectBehind(w)
	s.objectBefore(w)
	if w.v.worst == compound && w.v.best >= strongBeside {
		w.v.worst = 0 // Former Conti affiliates
	}
	return w.v.worst
}

// object keeps what speaks most against a name: a piece of the text.
func (s *scan) object(w *weighing, worth, from, to int) {
	if worth < w.v.worst {
		w.v.worst, w.v.against = worth, s.text[from:to]
	}
}

// objectBehind weighs the word behind a name.
func (s *scan) objectBehind(w *weighing) {
	if len(w.after) == 0 {
		return
	}
	t := w.after[0]
	gap, small, m := s.text[w.c.end:t.start], !capital(s.text[t.start:t.end]), s.meaningOf(t)
	switch {
	case m.is(thingAfter|company) && spaced(gap) && m.weight == 0:
		s.object(w, madeOther, t.start, t.end)
	case gap == ", " && s.explains(w):
		s.object(w, madeOther, w.after[1].start, w.after[1].end)
	case m.is(determiner) && gap == " " && w.c.form >= 0 && len(w.before) == 0 && small:
		s.object(w, madeOther, t.start, t.end)
	case gap == "-" && small && !m.is(attached) && m.weight == 0:
		s.object(w, compound, w.c.end, t.end)
	case gap == " " && (s.stranger(t) || s.everyday(&w.c) && s.titled(t)):
		s.object(w, compound, t.start, t.end)
	case gap == " " && s.isNoun(t):
		s.object(w, nounBehind, t.start, t.end)
	}
}

// objectBefore weighs the word before it.
func (s *scan) objectBefore(w *weighing) {
	if len(w.before) == 0 {
		return
	}
	t := w.before[0]
	gap, m := s.text[t.end:w.c.start], s.meaningOf(t)
	if len(w.before) > 1 && s.isNaming(t, w.before[1]) {
		m = s.meaningOf(w.before[1])
	}
	switch {
	case m.hint == operation && s.typeOf(&w.c) != Campaign && gap == " ":
		s.object(w, madeOther, t.start, t.end)
	case m.is(titleFront) && m.weight == 0 && (spaced(gap) || gap == ". " || gap == " \""):
		s.object(w, madeOther, t.start, t.end)
	case gap == "-":
		s.object(w, compound, t.start, w.c.start)
	case gap == " " && s.stranger(t):
		s.object(w, compound, t.start, t.end)
	case gap == " " && s.isNoun(t) && !s.leads(w):
		s.object(w, apposition, t.start, t.end)
	case gap == " " && isArticle(s.text[t.start:t.end]) && s.endsPhrase(w):
		s.object(w, article, t.start, t.end)
	}
}

// operation is the hint of what is no malware although malware may be near: Operation
// Medusa.
var operation = hintAt(Campaign)

// isNaming says whether a word stands between a thing and its name: an operation named
// Medusa, the Republic of Cuba.
func (s *scan) isNaming(t, thing token) bool {
	switch s.text[t.start:t.end] {
	case "named", "called", "dubbed", "codenamed":
		return true
	case "of":
		return capital(s.text[thing.start:thing.end])
	}
	return false
}

// isNoun says whether a word may be a noun that says what the name behind it is: it is
// written small, nothing is known of it, and it has no ending of verbs and plurals.
func (s *scan) isNoun(t token) bool {
	word := s.text[t.start:t.end]
	if t.kind != letters || len(word) < 4 || capital(word) || (s.meaningOf(t) != meaning{}) {
		return false
	}
	for _, ending := range []string{"s", "ed", "en", "ing", "ly", "te"} {
		if strings.HasSuffix(word, ending) {
			return false
		}
	}
	return true
}

// explains says whether what follows a name and a comma tells that it is something
// else: Phobos, the moon; Akira, our recruiter.
func (s *scan) explains(w *weighing) bool {
	if len(w.after) < 2 {
		return false
	}
	first, m := s.text[w.after[0].start:w.after[0].end], s.meaningOf(w.after[1])
	return m.weight == 0 && (isArticle(first) && m.is(titleFront|elsewhere) || first == "our" || first == "my" || first == "his" || first == "her")
}

func isArticle(word string) bool {
	return word == "the" || word == "The" || word == "a" || word == "A" || word == "an"
}

// endsPhrase says whether what an article begins ends with a name: the Joker got me,
// not the Hive gang.
func (s *scan) endsPhrase(w *weighing) bool {
	if len(w.after) == 0 {
		return true
	}
	t := w.after[0]
	m := s.meaningOf(t)
	return s.text[w.c.end:t.start] != " " || m.weight == 0 && m.is(function)
}

// leads says whether a word behind a name speaks for it: recent Hive attacks.
func (s *scan) leads(w *weighing) bool {
	return len(w.after) > 0 && s.text[w.c.end:w.after[0].start] == " " && s.meaningOf(w.after[0]).weight > 0
}

// isCompany says whether the form of a company stands behind a name.
func (s *scan) isCompany(c *candidate) bool {
	t, ok := s.words.next(s.text, c.end)
	return ok && s.text[c.end:t.start] == " " && capital(s.text[t.start:t.end]) && s.meaningOf(t).is(company)
}

func spaced(gap string) bool { return gap == " " || gap == "-" || gap == "\n" }

// stranger says whether a word is written as a name and nothing is known of it.
func (s *scan) stranger(t token) bool {
	m := s.meaningOf(t)
	return t.kind == letters && t.end-t.start >= 2 && capital(s.text[t.start:t.end]) && m.weight == 0 && m.role&^elsewhere == 0 && !s.nameWord(t)
}

// titled says whether a word of daily use has a capital: Carbon Black.
func (s *scan) titled(t token) bool {
	m := s.meaningOf(t)
	return t.kind == letters && capital(s.text[t.start:t.end]) && m.weight == 0 && m.is(daily|elsewhere) && !m.is(function)
}

// everyday says whether a name is a single word of daily use.
func (s *scan) everyday(c *candidate) bool { return c.form >= 0 && c.first == c.last && !s.isRare(c) }

// meaningOf returns what a word says about names; one in an address says nothing:
// phishing@corp.example is where such mails are sent.
func (s *scan) meaningOf(t token) meaning {
	if t.end < len(s.text) && s.text[t.end] == '@' || t.start > 0 && s.text[t.start-1] == '@' {
		return meaning{}
	}
	return s.means[t.symbol]
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

// inScannerName says whether a name stands in a name that scanners give:
// Ransom:Win32/Akira.A, Trojan.Royal.
func (s *scan) inScannerName(c *candidate) bool {
	if c.start < 2 || strings.IndexByte("/.:", s.text[c.start-1]) < 0 || s.count < 2 {
		return false
	}
	for n := s.count - 1; n >= 0 && n > s.count-len(s.recent); n-- {
		t := s.recent[n%len(s.recent)]
		if t.start >= c.start {
			continue
		}
		word := s.text[t.start:t.end]
		return t.end == c.start-1 && (s.meaningOf(t).weight >= medium || platform(word) || (word == "32" || word == "64") && t.start > 2 && platform(s.text[t.start-3:t.start]))
	}
	return false
}

// platform says whether a word is one by which scanners name what runs there.
func platform(word string) bool {
	switch word {
	case "Win", "MSIL", "Linux", "Android", "AndroidOS", "MacOS", "OSX", "VBS", "JS", "W32", "PowerShell", "Script", "HTML", "Python", "Java", "Ransom", "Trojan", "Backdoor":
		return true
	}
	return false
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
	if len(gap) <= 1 || gap == ", " {
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

// Sentence returns where the sentence of a finding begins and ends: what most of its
// evidence stands in.
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
