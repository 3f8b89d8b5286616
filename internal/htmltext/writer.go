package htmltext

import (
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
)

// gap is the white space owed before the next character; the larger wins.
type gap uint8

const (
	none gap = iota
	space
	tab
	newline
)

var gapBytes = [...]byte{space: ' ', tab: '\t', newline: '\n'}

// writer lays text out and remembers which of it is hidden.
type writer struct {
	buf     []byte
	pending gap
	hidden  []engine.Span
}

// gap owes white space; nothing is owed at the beginning.
func (w *writer) gap(g gap) {
	if g > w.pending && len(w.buf) > 0 {
		w.pending = g
	}
}

// write appends text. White space collapses, except line breaks in preformatted
// text. It is a loop over bytes with a fast path for plain ones.
func (w *writer) write(b string, hidden, pre bool) {
	start, began := len(w.buf), false
	for i := 0; i < len(b); {
		c := b[i]
		if c > ' ' && c < utf8.RuneSelf && c != 0x7f {
			end := i + wordsLen(b[i:])
			w.flush()
			if !began {
				start, began = len(w.buf), true
			}
			w.buf = append(w.buf, b[i:end]...)
			i = end
			continue
		}
		if c <= ' ' || c == 0x7f {
			w.white(c, pre)
			i++
			continue
		}
		n, g := wide(b[i:], w.last())
		switch {
		case g == keep:
			w.flush()
			if !began {
				start, began = len(w.buf), true
			}
			w.buf = append(w.buf, b[i:i+n]...)
		case g == blank:
			w.gap(space)
		}
		i += n
	}
	if hidden && began {
		w.hide(start)
	}
}

// wordsLen is how much of b, which begins with one, are visible ASCII
// characters with single spaces between them: text that is laid out already.
func wordsLen(b string) int {
	n := 1
	for n < len(b) && (b[n] > ' ' || b[n] == ' ' && b[n-1] != ' ') && b[n] < 0x7f {
		n++
	}
	if b[n-1] == ' ' {
		n--
	}
	return n
}

func (w *writer) last() byte {
	if w.pending != none || len(w.buf) == 0 {
		return ' '
	}
	return w.buf[len(w.buf)-1]
}

func (w *writer) white(c byte, pre bool) {
	switch {
	case pre && c == '\n':
		w.gap(newline)
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
		w.gap(space)
	}
}

func (w *writer) flush() {
	if w.pending != none {
		w.buf = append(w.buf, gapBytes[w.pending])
		w.pending = none
	}
}

// hide marks what was written since start, joined to a hidden range before it
// when only white space lies between.
func (w *writer) hide(start int) {
	if n := len(w.hidden); n > 0 && w.hidden[n-1].End >= start-1 && start > 0 && isSpace(w.buf[start-1]) || n > 0 && w.hidden[n-1].End == start {
		w.hidden[n-1].End = len(w.buf)
		return
	}
	w.hidden = append(w.hidden, engine.Span{Start: start, End: len(w.buf)})
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' }

// class of a character above ASCII.
type class uint8

const (
	keep class = iota
	blank
	drop
)

// wide classifies the character at the start of b. A zero-width joiner is kept
// where it joins: after a character above ASCII.
func wide(b string, last byte) (n int, c class) {
	r, n := utf8.DecodeRuneInString(b)
	switch r {
	case '\u00a0', '\u2002', '\u2003', '\u2004', '\u2005', '\u2006', '\u2007', '\u2008', '\u2009', '\u200a', '\u202f', '\u205f', '\u3000', '\u1680', '\u2028', '\u2029', '\u0085':
		return n, blank
	case '\u200b', '\u200c', '\u2060', '\ufeff', '\u00ad', '\u034f', '\u180e', '\u2061', '\u2062', '\u2063', '\u2064', '\u115f', '\u1160', '\u3164', '\uffa0', '\u200e', '\u200f', '\u061c':
		return n, drop
	case '\u200d':
		if last < utf8.RuneSelf {
			return n, drop
		}
	}
	return n, keep
}
