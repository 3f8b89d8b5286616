package extract

import (
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Hidden text inside a word tears it apart for whoever reads the markup, while the
// reader of the mail sees the word whole: exam<hidden>ple.com. Such stretches are read
// as what is seen, and apart from that as what is not.

// maxTorn is how far a torn word is followed to each side, in bytes.
const maxTorn = 2 << 10

// tornWords are the stretches of a text in which hidden text stands inside a word, or
// is joined to one, ascending and apart from each other.
func tornWords(text string, hidden []engine.Span) (torn []engine.Span) {
	add := func(left, right int) {
		w := engine.Span{Start: wordStart(text, left), End: wordEnd(text, right)}
		if n := len(torn); n > 0 && torn[n-1].End >= w.Start {
			torn[n-1].End = max(torn[n-1].End, w.End)
			return
		}
		torn = append(torn, w)
	}
	for _, h := range hidden {
		if h.Start >= h.End || h.End > len(text) {
			continue
		}
		before, after := inWord(text, h.Start-1), inWord(text, h.End)
		switch {
		case before && after:
			add(h.Start, h.End)
		case before && inWord(text, h.Start):
			add(h.Start, h.Start)
		case after && inWord(text, h.End-1):
			add(h.End, h.End)
		}
	}
	return torn
}

func inWord(text string, i int) bool { return i >= 0 && i < len(text) && class[text[i]] != space }

// wordStart is where the word begins that ends at i, wordEnd where the one ends that
// begins there.
func wordStart(text string, i int) int {
	for n := 0; n < maxTorn && inWord(text, i-1); n++ {
		i--
	}
	return i
}

func wordEnd(text string, i int) int {
	for n := 0; n < maxTorn && inWord(text, i); n++ {
		i++
	}
	return i
}

// blanked has spaces in the place of some stretches of a text.
func blanked(text string, stretches []engine.Span) string {
	if len(stretches) == 0 {
		return text
	}
	b := []byte(text)
	for _, w := range stretches {
		for i := w.Start; i < w.End; i++ {
			b[i] = ' '
		}
	}
	return string(b)
}

// tornWord reads what is hidden in a stretch, then what is seen of it. It returns the
// hidden spans that may reach into later ones.
func (s *scanner) tornWord(text string, w engine.Span, hidden []engine.Span) []engine.Span {
	for len(hidden) > 0 && hidden[0].End <= w.Start {
		hidden = hidden[1:]
	}
	var seen strings.Builder
	var at []int
	show := func(from, to int) {
		seen.WriteString(text[from:to])
		for i := from; i < to; i++ {
			at = append(at, i)
		}
	}
	next := w.Start
	for _, h := range hidden {
		if h.Start >= w.End {
			break
		}
		if h.End <= next {
			continue
		}
		from, to := max(h.Start, next), min(h.End, w.End)
		show(next, from)
		s.apart(text[from:to], engine.InHidden, func(i int) int { return from + i })
		next = to
	}
	show(next, w.End)
	s.apart(seen.String(), engine.InText, func(i int) int { return at[i] })
	return hidden
}

// apart reads a text of its own, whose bytes stand in the part where at says.
func (s *scanner) apart(text string, context engine.Context, at func(int) int) {
	sub := scanner{part: s.part, context: context, max: s.max - (len(s.out) - s.first)}
	if sub.text = text; sub.max <= 0 {
		return
	}
	sub.scan()
	for _, f := range sub.out {
		if span := f.Spot.Span; span.Start < span.End && span.End <= len(text) {
			f.Spot.Span = engine.Span{Start: at(span.Start), End: at(span.End-1) + 1}
			f.Flags |= s.signed(f.Spot.Span.Start, f.Spot.Span.End)
		}
		s.out = append(s.out, f)
	}
}
