package fold

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Needle is a text made ready to be searched for: the automaton of Knuth,
// Morris and Pratt over canonical runes, so that a search looks at each rune of
// the haystack once whatever the two are. Before that it looks only at the
// places where the rarest of its letters stands, as long as they are few. It is
// immutable and safe for concurrent use.
type Needle struct {
	text  string
	runes []rune
	back  []int32   // where to go on after a mismatch; -1 restarts behind it
	start [256]bool // bytes with which the first rune can start, in any case

	anchor    int  // where the rarest letter of text is, -1 when there is none to look for
	low, high byte // that letter in both cases
}

// NewNeedle prepares p.
func NewNeedle(p string) *Needle {
	n := &Needle{text: p, runes: make([]rune, 0, len(p))}
	for _, r := range p {
		n.runes = append(n.runes, Rune(r))
	}
	n.back = failures(n.runes)
	n.markStart()
	n.chooseAnchor()
	return n
}

// common are the characters of mail from common to rare, as far as a search
// cares. Those that are not here are rarer, and letters that have a third form
// beyond ASCII (k and s) are never looked for.
const common = " eationrlhducmpgfybvw"

func (n *Needle) chooseAnchor() {
	n.anchor = -1
	best := -1
	for i := range len(n.text) {
		c := n.text[i]
		low := c | 0x20
		switch {
		case c >= utf8.RuneSelf, low == 'k', low == 's':
			continue
		case low < 'a' || low > 'z':
			low = c
		}
		rank := strings.IndexByte(common, low)
		if rank < 0 {
			rank = len(common)
		}
		if rank > best {
			best, n.anchor, n.low, n.high = rank, i, low, upper[low]
		}
	}
}

// markStart finds the bytes at which a search has to look closer.
func (n *Needle) markStart() {
	if len(n.runes) == 0 {
		return
	}
	first := n.runes[0]
	n.start[utf8.AppendRune(nil, first)[0]] = true
	for o := unicode.SimpleFold(first); o != first; o = unicode.SimpleFold(o) {
		n.start[utf8.AppendRune(nil, o)[0]] = true
	}
	if first == utf8.RuneError { // any byte that is not UTF-8 reads as this
		for b := utf8.RuneSelf; b < len(n.start); b++ {
			n.start[b] = true
		}
	}
}

// String is the text as it was given.
func (n *Needle) String() string { return n.text }

// In says whether the needle stands in s.
func (n *Needle) In(s string) bool {
	start, _ := n.Find(s)
	return start >= 0
}

// failures is the border table: back[i] is the state to go on with after rune i did not fit.
func failures(p []rune) []int32 {
	back := make([]int32, len(p)+1)
	k := int32(-1)
	back[0] = -1
	for i := 1; i <= len(p); i++ {
		for k >= 0 && p[k] != p[i-1] {
			k = back[k]
		}
		k++
		back[i] = k
	}
	return back
}

// Find returns the bytes of s at which the needle first stands, -1, -1 if nowhere.
func (n *Needle) Find(s string) (start, end int) {
	if len(n.runes) == 0 {
		return 0, 0
	}
	if n.anchor >= 0 {
		if start, end, sure := n.jump(s); sure {
			return start, end
		}
	}
	return n.walk(s)
}

// jump goes from one place of the anchor to the next. It is not sure when
// there were so many that it looked at more bytes than s has.
func (n *Needle) jump(s string) (start, end int, sure bool) {
	low, high := indexFrom(s, 0, n.low), len(s)
	if n.high != n.low {
		high = indexFrom(s, 0, n.high)
	}
	for budget := len(s); budget >= 0; budget -= len(n.text) {
		i := min(low, high)
		if i == len(s) {
			return -1, -1, true
		}
		if start, end, ok := n.around(s, i); ok {
			return start, end, true
		}
		if i == low {
			low = indexFrom(s, i+1, n.low)
		} else {
			high = indexFrom(s, i+1, n.high)
		}
	}
	return 0, 0, false
}

// indexFrom is where c is in s from i on, the end if nowhere.
func indexFrom(s string, i int, c byte) int {
	if n := strings.IndexByte(s[i:], c); n >= 0 {
		return i + n
	}
	return len(s)
}

// around tells whether the needle stands in s with its anchor at i.
func (n *Needle) around(s string, i int) (start, end int, ok bool) {
	tail, ok := prefix(s[i:], n.text[n.anchor:])
	if !ok {
		return 0, 0, false
	}
	head, ok := suffix(s[:i], n.text[:n.anchor])
	return i - head, i + tail, ok
}

// walk is the automaton.
func (n *Needle) walk(s string) (start, end int) {
	state := int32(0)
	for i := 0; i < len(s); {
		if state == 0 {
			for i < len(s) && !n.start[s[i]] {
				i++
			}
			if i == len(s) {
				break
			}
		}
		r, size := canonical(s, i)
		for state >= 0 && n.runes[state] != r {
			state = n.back[state]
		}
		state++
		i += size
		if int(state) == len(n.runes) {
			return i - n.width(s[:i]), i
		}
	}
	return -1, -1
}

func canonical(s string, i int) (rune, int) {
	if c := s[i]; c < utf8.RuneSelf {
		return rune(upper[c]), 1
	}
	r, size := utf8.DecodeRuneInString(s[i:])
	return Rune(r), size
}

// width is the number of bytes that the needle takes at the end of s: a
// letter and its other case may have encodings of different length.
func (n *Needle) width(s string) int {
	w := 0
	for range n.runes {
		_, size := utf8.DecodeLastRuneInString(s[:len(s)-w])
		w += size
	}
	return w
}

// Count returns how often the needle stands in s without overlap.
func (n *Needle) Count(s string) int {
	if len(n.runes) == 0 {
		return utf8.RuneCountInString(s) + 1
	}
	count := 0
	for {
		_, end := n.Find(s)
		if end < 0 {
			return count
		}
		count++
		s = s[end:]
	}
}
