package dictionary

import "strings"

// climate counts what a stretch of text is about: its words, what they weigh for
// security, and how many are of other worlds.
type climate struct{ words, security, elsewhere int32 }

// The climate of a name is that of about a hundred words on either side of it. It is
// noted every few tokens, so that any stretch is a difference of two notes.
const (
	stride     = 16 // tokens
	reach      = 7  // strides on either side
	fewWords   = 30 // how many words a short text lacks
	surePoints = 3  // a name beyond doubt, as a strong word
	plainSure  = 1  // one that could be any word
	ownPoints  = 2  // one with evidence
)

// What the climate is worth: by security words less others, for a hundred words.
var climates = []struct{ from, worth, rare int }{
	{30, 2, 3}, {18, 2, 3}, {9, 1, 2}, {3, 0, 1}, {-3, 0, 0}, {-9, -1, -1},
}

const coldest = -2

// worth is what a climate says for a name: more of a rare one than of a daily word.
func (c climate) worth(rare bool) int {
	sum := 100 * (int(c.security) - 2*int(c.elsewhere)) / (int(c.words) + fewWords)
	for _, k := range climates {
		if sum >= k.from {
			if rare {
				return k.rare
			}
			return k.worth
		}
	}
	return coldest
}

// section is a piece of a text between empty lines: a paragraph, an item of a
// newsletter. What is around a name ends with its section, unless that is short.
type section struct {
	first int // token
	begin climate
}

// shortSection is how many words a section has that says little by itself: a heading,
// an item of a list.
const shortSection = 25

// feel takes a token, and what stands before it, into the climate.
func (s *scan) feel(t token, gap string) {
	if s.count == 0 || len(gap) > 1 && strings.Count(gap, "\n") > 1 {
		s.sections = append(s.sections, section{s.count, s.climate})
	}
	if s.count%stride == 0 {
		s.climates = append(s.climates, s.climate)
	}
	if t.kind == digits {
		return
	}
	s.climate.words++
	m := s.meaningOf(t)
	s.climate.security += int32(m.weight)
	if m.is(elsewhere) {
		s.climate.elsewhere++
	}
	if gap == "[.]" {
		s.climate.security += surePoints
	}
}

// around returns the climate around a name: of its section, within reach.
func (s *scan) around(c *candidate) climate {
	a, b := s.noteAt(c.first/stride-reach), s.noteAt(c.first/stride+reach+1)
	if begin, end := s.sectionAt(c.section); end.words-begin.words >= shortSection {
		if begin.words > a.words {
			a = begin
		}
		if end.words < b.words {
			b = end
		}
	}
	return climate{b.words - a.words, b.security - a.security, b.elsewhere - a.elsewhere}
}

func (s *scan) noteAt(n int) climate {
	if n >= len(s.climates) {
		return s.climate
	}
	return s.climates[max(0, n)]
}

// sectionAt returns what had been read when a section began, and when it ended.
func (s *scan) sectionAt(n int) (begin, end climate) {
	if n+1 < len(s.sections) {
		return s.sections[n].begin, s.sections[n+1].begin
	}
	return s.sections[n].begin, s.climate
}

// apart says whether a name stands in another section than one that speaks for itself.
func (s *scan) apart(of, other *candidate) bool {
	if of.section == other.section {
		return false
	}
	begin, end := s.sectionAt(of.section)
	return end.words-begin.words >= shortSection
}
