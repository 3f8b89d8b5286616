package task

import (
	"strings"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Text collects the text of a file and where it stands. It is UTF-8 without
// NULs, at most Limits.Text bytes; what is beyond is left out.
type Text struct {
	b      strings.Builder
	places []engine.Place
	max    int
	full   bool
}

// maxPlaces is how many places a text may have: beyond it, the last one goes on.
const maxPlaces = 100_000

// At says that what follows stands at a place: "page 3", "Sheet1!B7".
func (t *Text) At(place string) {
	n := len(t.places)
	switch {
	case n > 0 && t.places[n-1].Name == place, n >= maxPlaces:
	case n > 0 && t.places[n-1].At == t.b.Len():
		t.places[n-1].Name = place
	default:
		t.places = append(t.places, engine.Place{At: t.b.Len(), Name: place})
	}
}

// Add appends text.
func (t *Text) Add(s string) {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	if left := t.max - t.b.Len(); len(s) > left {
		s, t.full = clip(s, left), true
	}
	t.b.WriteString(s)
}

// Line appends text and, unless it ends in one, a line break.
func (t *Text) Line(s string) {
	t.Add(s)
	t.Break()
}

// Break ends the line, if one was begun.
func (t *Text) Break() {
	if t.b.Len() > 0 && !t.full && t.b.String()[t.b.Len()-1] != '\n' {
		t.Add("\n")
	}
}

// Full tells that no more fits: a reader may stop.
func (t *Text) Full() bool { return t.full }

// Len is the number of bytes so far.
func (t *Text) Len() int { return t.b.Len() }

func (t *Text) String() string { return t.b.String() }

// clip shortens s to at most n bytes at a character boundary.
func clip(s string, n int) string {
	n = max(0, n)
	for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:min(n, len(s))]
}
