package dictionary

import (
	"slices"
	"strings"
)

// sighting is a name in a text, with what was seen of it.
type sighting struct {
	candidate
	v    verdict
	sure bool // its name needs no evidence
	own  bool // its own words suffice
}

// What the text around a name, and other names in it, are worth.
const (
	maxNear  = 12 // words to a name that vouches for another
	listGap  = 3  // words between two of a list, whatever stands there
	sameKind = 4  // a name that counts
	inList   = 3  // one of another sentence
	byTitle  = 2  // one of another kind: the tool of an adversary
	known    = 4  // the same name, proven elsewhere in the text
	alias    = 2  // another name of the same thing
	numbers  = 2  // another technique, by its number
)

// amongs is what other things are worth that count around a name, by how many.
var amongs = [...]int{0, 1, 1, 2}

// A throng of names that are all in the dictionary is seldom chance: what it is worth,
// by how many different things they name, the one in question included.
var throngs = [...]int{3: 1, 4: 2, 5: 3}

const (
	throngReach = 60  // words
	proofReach  = 200 // words; farther away a proof is worth half, as is a name that only counts
	throngMost  = 8   // names on either side that are looked at
)

// What speaks for a name beside words and names, and what against it.
const (
	byProof     = "named elsewhere in the text"
	bySurround  = "the text around it"
	byBelonging = "nothing around it is about security"
)

// maxShortfall is how far from enough a sighting may be to be looked at again.
const maxShortfall = sameKind + known

// decideAll decides which sightings count: first by themselves and what their text is
// about, then by names beside them that count, forwards and back, then by places
// where the same thing counts.
func (s *scan) decideAll() {
	for i := range s.seen {
		s.decideAlone(i)
	}
	s.vouchAll()
	if s.provable() {
		s.proveAll()
		s.vouchAll()
	}
}

// decideAlone judges a sighting by its own words and the climate.
func (s *scan) decideAlone(i int) {
	g := &s.seen[i]
	v, c := &g.v, s.around(&g.candidate)
	if g.sure {
		if v.against == "" && s.unlikely(g, c) {
			*v = verdict{against: byBelonging, need: enough}
		}
		return
	}
	if v.against == lowerCase || v.against == longerWord {
		return
	}
	v.counts = v.score >= v.need
	g.own = v.counts
	if v.worst <= madeOther {
		return
	}
	worth := s.climateWorth(g, c)
	if worth >= 0 && c.security > c.elsewhere && v.need-v.score-worth < len(throngs) && s.throngs(g) {
		worth += throngs[min(s.throng(i, false), len(throngs)-1)]
	}
	v.score += worth
	v.counts = v.score >= v.need
	v.around = v.counts && !g.own
}

// climateWorth is what the text around a name is worth for it.
func (s *scan) climateWorth(g *sighting, c climate) int {
	worth := c.worth(s.isRare(&g.candidate))
	if g.form >= 0 && s.typeOf(&g.candidate) == AttackPattern && s.forms[g.form].flags&shared != 0 {
		return min(worth, 0) // all texts about security have such words
	}
	return worth
}

// throngs says whether a throng of names may speak for a sighting.
func (s *scan) throngs(g *sighting) bool {
	return !g.own && g.v.against == "" && g.form >= 0 && s.typeOf(&g.candidate) != AttackPattern
}

// throng is how many different things are named around a sighting, by names against
// which nothing speaks, or by those that count only.
func (s *scan) throng(i int, counted bool) int {
	var things [2*throngMost + 1]*Entry
	n, g := 0, &s.seen[i]
	note := func(o *sighting) {
		if e := s.entryOf(&o.candidate); e != nil && o.form >= 0 && o.v.against == "" && (o.v.counts || !counted && e.Type != AttackPattern) && !slices.Contains(things[:n], e) {
			things[n] = e
			n++
		}
	}
	for j := max(0, i-throngMost); j < min(len(s.seen), i+throngMost+1); j++ {
		if o := &s.seen[j]; max(o.first-g.first, g.first-o.first) <= throngReach && !s.apart(&g.candidate, &o.candidate) {
			note(o)
		}
	}
	return n
}

// isRare says whether the words of an ambiguous name are seldom said otherwise.
func (s *scan) isRare(c *candidate) bool { return c.form >= 0 && s.forms[c.form].flags&rare != 0 }

// unlikely says whether a name that needs no evidence stands where nothing is about
// security, and much about something else.
func (s *scan) unlikely(g *sighting, c climate) bool {
	return (s.isCode(&g.candidate) || s.isWord(&g.candidate)) && c.elsewhere > 1 && int(c.security)-plainSure < int(c.elsewhere)
}

// vouchAll lets names that count vouch for those beside them.
func (s *scan) vouchAll() {
	for i := range s.seen {
		s.vouch(i, -1)
	}
	for i := len(s.seen) - 1; i >= 0; i-- {
		s.vouch(i, 1)
	}
}

// vouch lets the nearest name that counts, on one side, vouch for a sighting.
func (s *scan) vouch(i, step int) {
	g := &s.seen[i]
	if !g.open() || g.v.vouched >= sameKind {
		return
	}
	for n, j := 0, i+step; n < 4 && j >= 0 && j < len(s.seen); n, j = n+1, j+step {
		o := &s.seen[j]
		apart := o.first - g.last
		if step < 0 {
			apart = g.first - o.last
		}
		if apart > maxNear || apart > listGap && o.sentence != g.sentence {
			return
		}
		worth := s.vouches(o, g)
		if o.sentence != g.sentence {
			if s.stopBetween(o, g) {
				return
			}
			worth = min(worth, inList)
		}
		if worth > g.v.vouched {
			g.add(worth-g.v.vouched, worth, s.text[o.start:o.end])
			g.v.vouched = worth
		}
	}
}

// add adds to the score of a sighting, for a piece that is worth so much.
func (g *sighting) add(points, worth int, what string) {
	g.v.score += points
	g.v.counts = g.v.score >= g.v.need
	if worth > g.v.best {
		g.v.best, g.v.speaks = worth, what
	}
}

// stopBetween says whether a sentence ends between two sightings: they are no list.
func (s *scan) stopBetween(a, b *sighting) bool {
	if a.start > b.start {
		a, b = b, a
	}
	return a.end < b.start && strings.ContainsAny(s.text[a.end:b.start], ".!?")
}

// vouches is what one name is worth beside another.
func (s *scan) vouches(o, g *sighting) int {
	switch a, b := s.typeOf(&o.candidate), s.typeOf(&g.candidate); {
	case !o.v.counts || a == Tag, s.isCode(&o.candidate) && g.form < 0 && s.text[o.start] != s.text[g.start]:
		return 0
	case s.entryOf(&o.candidate) != nil && s.entryOf(&o.candidate) == s.entryOf(&g.candidate) && o.sure:
		return idNear
	case sameKindOf(a, b):
		return sameKind
	}
	return byTitle
}

// isCode says whether a name is letters and a number: S0154, TA505.
func (s *scan) isCode(c *candidate) bool { return c.form < 0 || s.forms[c.form].flags&counted != 0 }

// open says whether more evidence may make a sighting count.
func (g *sighting) open() bool {
	return !g.v.counts && g.v.need > 0 && !g.sure && g.v.worst > madeOther && g.v.against != lowerCase && g.v.against != longerWord && g.v.need-g.v.score <= maxShortfall
}

// proof is a name of an entry by its first word, any of its names when that is 0, or a
// technique when there is no entry either.
type proof struct {
	entry int32
	word  uint32
}

var aTechnique = proof{entry: -1}

// proves says whether a sighting proves what it names, and not only counts.
func (g *sighting) proves() bool { return g.v.counts && (g.sure || g.own || g.v.vouched >= sameKind) }

// provable says whether anything needs a proof that there is.
func (s *scan) provable() bool {
	need, have := false, false
	for i := range s.seen {
		need, have = need || s.seen[i].open(), have || s.seen[i].v.counts
	}
	return need && have
}

// proveAll lets what is proven count at other places, then what is named among
// other things that count.
func (s *scan) proveAll() {
	s.proveBoth()
	more := false
	for i := range s.seen {
		more = s.byOthers(i) || more
	}
	if more {
		s.proveBoth()
	}
}

// proveBoth reads the sightings forwards and back.
func (s *scan) proveBoth() {
	if s.proven == nil {
		s.proven = map[proof]*sighting{}
	}
	clear(s.proven)
	for i := range s.seen {
		s.byProof(i)
	}
	clear(s.proven)
	for i := len(s.seen) - 1; i >= 0; i-- {
		s.byProof(i)
	}
}

// byProof notes what a sighting proves, or adds what was proven.
func (s *scan) byProof(i int) {
	g := &s.seen[i]
	switch {
	case g.v.counts:
		s.noteProof(g)
		return
	case !g.open():
		return
	}
	if worth := s.proofOf(g); worth > g.v.proven {
		g.add(worth-g.v.proven, worth, byProof)
		g.v.proven = worth
	}
}

func (s *scan) noteProof(g *sighting) {
	note := func(p proof) {
		if was := s.proven[p]; was == nil || g.proves() || !was.proves() {
			s.proven[p] = g
		}
	}
	if g.form >= 0 {
		f := &s.forms[g.form]
		if !s.doubtful[f.entry] {
			return // no name of it needs a proof
		}
		note(proof{f.entry, f.word})
		note(proof{f.entry, 0})
	} else if g.number.kind == AttackPattern {
		note(aTechnique)
	}
}

// proofOf is what the nearest proof is worth for a sighting.
func (s *scan) proofOf(g *sighting) int {
	near := func(p proof, worth int) int {
		at, ok := s.proven[p]
		switch {
		case !ok:
			return 0
		case !at.proves(), max(at.first-g.first, g.first-at.first) > proofReach, s.apart(&g.candidate, &at.candidate):
			return worth / 2
		}
		return worth
	}
	if g.form >= 0 {
		f := &s.forms[g.form]
		return max(near(proof{f.entry, f.word}, known), near(proof{f.entry, 0}, alias))
	}
	if g.number.kind == AttackPattern {
		return near(aTechnique, numbers)
	}
	return 0
}

// byOthers adds what other things around a sighting are worth that count, and says
// whether it counts then.
func (s *scan) byOthers(i int) bool {
	g := &s.seen[i]
	if !g.open() || s.around(&g.candidate).worth(false) < 0 {
		return false
	}
	g.v.score += amongs[min(s.throng(i, true), len(amongs)-1)]
	g.v.counts = g.v.score >= g.v.need
	g.v.around = g.v.counts
	return g.v.counts
}
