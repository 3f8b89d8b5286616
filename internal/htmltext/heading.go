package htmltext

import (
	"golang.org/x/net/html/atom"

	"github.com/tqmailrules/tqmailrules/engine"
)

// maxHeading is the length of the longest line that is taken for a heading, and
// maxHeadings how many of a page are.
const (
	maxHeading  = 300
	maxHeadings = 5000
)

// headed tells what an element is to a reader besides its style sheet: a heading,
// or bold.
func (s *style) headed(tag atom.Atom) {
	switch tag {
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		s.level = headingLevels[tag]
	case atom.B, atom.Strong, atom.Th:
		if !s.hasBold {
			s.hasBold, s.bold = true, true
		}
	}
}

var headingLevels = map[atom.Atom]uint8{atom.H1: 1, atom.H2: 2, atom.H3: 3, atom.H4: 4, atom.H5: 5, atom.H6: 6}

// weight reads a font-weight: from 600 on it is bold (CSS Fonts 3, section 3.2).
func (s *style) weight(v string) {
	f, ok := number(v)
	s.hasBold, s.bold = true, is(v, "bold") || is(v, "bolder") || ok && f >= 600
}

// heading is the level of heading that text in this state makes of its line, 0
// when it makes none.
func (l look) heading() uint8 {
	switch {
	case l.hidden():
		return 0
	case l.level != 0:
		return l.level
	case l.bold:
		return engine.BoldLine
	}
	return 0
}

// headings finds lines that are headings as a whole, while they are written.
type headings struct {
	found []engine.Heading
	start int   // of the line that goes on
	level uint8 // that all of it has so far, 0 for none
}

// wrote tells that buf has grown since it was from bytes long, by text of that
// level.
func (h *headings) wrote(buf []byte, from int, level uint8) {
	at := from
	for i := from; i < len(buf); i++ {
		switch {
		case buf[i] == '\n':
			h.extend(at, i, level)
			h.close(i)
			at = i + 1
		case buf[i] == '\t' && level == engine.BoldLine: // the head of a table
			h.extend(at, i, level)
			level = 0
		}
	}
	h.extend(at, len(buf), level)
}

// extend adds a stretch of text to the line; a blank one says nothing.
func (h *headings) extend(from, to int, level uint8) {
	switch {
	case from >= to:
	case from == h.start:
		h.level = level
	case level != h.level:
		h.level = 0
	}
}

// close ends the line at an offset. The lines of one heading are one.
func (h *headings) close(end int) {
	if n := len(h.found); h.level != 0 && end-h.start <= maxHeading && n < maxHeadings {
		if n > 0 && h.level != engine.BoldLine && h.found[n-1].Level == h.level && h.found[n-1].Span.End+1 == h.start {
			h.found[n-1].Span.End = end
		} else {
			h.found = append(h.found, engine.Heading{Span: engine.Span{Start: h.start, End: end}, Level: h.level})
		}
	}
	h.start, h.level = end+1, 0
}

// all closes the last line, which ends at an offset, and gives the headings.
func (h *headings) all(end int) []engine.Heading {
	h.close(end)
	return h.found
}
