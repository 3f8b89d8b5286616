package extract

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
)

// scanner reads one part. text is what is scanned; base is what has to be
// added to its offsets to get those of the part.
type scanner struct {
	part       string
	context    engine.Context
	field      string // header field
	hidden     []engine.Span
	signatures []engine.Span
	anchors    []*engine.Link // of the page whose text this is, by place
	base       int
	flags      engine.Flags // of every finding of this text
	inData     bool         // reading a document inside a data URL

	text   string
	out    []engine.Finding
	first  int  // findings of other parts that out holds
	max    int  // findings of this part
	capped bool // there are as many

	// The word in hand. When it was refanged, word is buf and at maps its bytes
	// to offsets of text; else word is a piece of text that starts at start.
	word  string
	start int
	at    []int32

	mended bool // the word was broken over lines, which is no disguise

	buf     []byte // scratch of refang
	offsets []int32

	tried int // bytes that joined has tried

	hostName string // what parseHost read last
	hostRead engine.Domain
}

// scan reads s.text word by word.
func (s *scanner) scan() {
	t := s.text
	s.tried = 0
	for i := 0; i < len(t) && !s.full(); {
		for i < len(t) && class[t[i]] == space {
			i++
		}
		start := i
		var mask uint16
		for i < len(t) {
			c := class[t[i]]
			if c == space {
				break
			}
			mask |= c
			i++
		}
		if start == i || mask&anchor == 0 && i-start < minWallet && !labelWord(t, start, i) && !joins(t, i) && (mask&wide == 0 || !wideStop(t[start:i], mask)) {
			continue
		}
		i = s.anchored(start, i, mask)
	}
}

// anchored handles a word that may hold something and returns where to go on.
func (s *scanner) anchored(start, end int, mask uint16) int {
	t := s.text
	if next := s.labelled(start, end); next > 0 {
		return next
	}
	if mask&colon != 0 && s.broken(start, end) {
		return s.softBroken(start, end)
	}
	if mask&backslash != 0 || mask&(colon|slash) == colon|slash && drive(t[start:end]) {
		if next := s.windowsPath(start, end); next > 0 {
			return next
		}
	}
	if mayJoin(t, start, end) {
		if joined := joinedEnd(t, start, end); joined > end && s.joined(start, end, joined) {
			return joined
		}
	}
	if mayHide(mask) && s.refang(start, end, false) {
		s.unit()
		return end
	}
	if mask&sign == 0 && end-start < minWallet && (mask&digit == 0 || end-start < 5) || mask&(sign|digit) == dot && !innerDot(t[start:end]) ||
		mask&(letter|hex|at|colon|slash|wide) == 0 && end-start < 7 {
		return end
	}
	s.word, s.start, s.at = t[start:end], start, nil
	s.unit()
	return end
}

// mayHide tells whether a word of these classes may be written so that it cannot be
// clicked.
func mayHide(mask uint16) bool { return mask&(bracket|backslash|wide) != 0 }

// wideStop tells whether an ideographic full stop or a one dot leader stands
// among ASCII letters, as in "evil。example": the only anchors that are not seen
// by their first byte.
func wideStop(w string, mask uint16) bool {
	return mask&wide != 0 && mask&(letter|hex) != 0 && (strings.Contains(w, "\u3002") || strings.Contains(w, "\u2024"))
}

// innerDot tells whether a dot stands before something other than closing punctuation.
func innerDot(w string) bool {
	i := strings.IndexByte(w, '.')
	for ; i >= 0 && i < len(w); i++ {
		if !closing[w[i]] {
			return true
		}
	}
	return false
}

// unit cuts the word at its strongest anchors, "://" and "@", and hands what
// stands between to atoms. It advances past every anchor, so it is linear.
func (s *scanner) unit() {
	w, i := s.word, 0
	for from := 0; ; {
		k := nextAnchor(w, from)
		if k < 0 {
			break
		}
		var begin, end int
		if w[k] == '@' {
			begin, end = s.email(i, k)
		} else {
			begin, end = s.schemeURL(i, k)
		}
		if end == 0 {
			from = k + 1
			continue
		}
		s.atoms(i, begin)
		i, from = end, end
	}
	s.atoms(i, len(w))
}

// nextAnchor returns the first "@" or "://" from i on, -1 if there is none.
func nextAnchor(w string, i int) int {
	for ; i < len(w); i++ {
		if w[i] == '@' || w[i] == ':' && i+2 < len(w) && w[i+1] == '/' && w[i+2] == '/' {
			return i
		}
	}
	return -1
}

// atoms cuts a stretch of the word at delimiters.
func (s *scanner) atoms(i, end int) {
	w := s.word
	for i < end {
		if n := delimiter(w[i:end]); n > 0 {
			i += n
			continue
		}
		j := i
		var mask uint16
		for j < end {
			c := w[j]
			if c < utf8.RuneSelf && !atomByte[c] || c >= utf8.RuneSelf && delimiter(w[j:end]) > 0 {
				break
			}
			mask |= class[c]
			j++
		}
		i = max(j, s.atom(i, j, mask))
	}
}

// delimiter returns the length of the delimiter at the start of w, 0 if none.
func delimiter(w string) int {
	if w[0] < utf8.RuneSelf {
		if atomByte[w[0]] {
			return 0
		}
		return 1
	}
	r, n := utf8.DecodeRuneInString(w)
	if n == 1 || !delimiterRune(r) {
		return 0
	}
	return n
}

// atom classifies one atom by the strongest of its anchors. It returns where
// what it found ends, which may be beyond the atom, or 0.
func (s *scanner) atom(i, j int, mask uint16) int {
	if a, b := s.trim(i, j); a != i || b != j {
		i, j, mask = a, b, classes(s.word[a:b])
	}
	switch {
	case i >= j:
		return 0
	case mask&backslash != 0:
		k := i + strings.LastIndexByte(s.word[i:j], '\\') // what a path that is none ends in
		return s.atom(k+1, j, classes(s.word[k+1:j]))
	case mask&colon != 0:
		return s.colons(i, j)
	case mask&slash != 0:
		return s.slashes(i, j)
	case mask&dot != 0:
		return s.dotted(i, j, false)
	}
	if mask&wide != 0 {
		s.runs(i, j)
	} else {
		s.plain(i, j)
	}
	return 0
}

func classes(w string) (mask uint16) {
	for k := 0; k < len(w); k++ {
		mask |= class[w[k]]
	}
	return mask
}

// trim takes punctuation off both ends of an atom.
func (s *scanner) trim(i, j int) (int, int) {
	w := s.word
	for i < j && trimLeft[w[i]] {
		i++
	}
	for i < j-1 && w[i] == '_' && w[j-1] == '_' { // markup; alone it starts a service name
		i, j = i+1, j-1
	}
	for i < j && trimRight[w[j-1]] {
		j--
	}
	return i, j
}

// span maps a stretch of the word to bytes of the text.
func (s *scanner) span(i, j int) (int, int) {
	if s.at == nil {
		return s.start + i, s.start + j
	}
	return int(s.at[i]), int(s.at[j-1]) + originalWidth(s.text, int(s.at[j-1]), int(s.at[j]))
}

// originalWidth is how many bytes of text the last byte of a stretch stands
// for: those of a replaced form, without invisible characters behind it.
func originalWidth(text string, from, to int) int {
	return len(trimInvisible(text[from:to]))
}

// emit adds a finding for a stretch of the word.
func (s *scanner) emit(typ, value string, i, j int, flags engine.Flags) *engine.Finding {
	from, to := s.span(i, j)
	if s.at != nil && !s.mended && s.text[from:to] != s.word[i:j] {
		flags |= engine.Defanged
	}
	return s.emitSpan(typ, value, from, to, flags)
}

// emitSpan adds a finding for bytes of the text.
func (s *scanner) emitSpan(typ, value string, from, to int, flags engine.Flags) *engine.Finding {
	if len(s.out) == cap(s.out) {
		s.grow()
	}
	s.out = append(s.out, engine.Finding{
		Type: typ, Value: value, Original: s.text[from:to], Flags: flags | s.flags | s.signed(from, to),
		Spot: engine.Spot{Part: s.part, Context: s.contextAt(from, to), Header: s.field, Span: engine.Span{Start: s.base + from, End: s.base + to}},
	})
	return &s.out[len(s.out)-1]
}

// full tells whether the cap is reached. Repetitions do not fill it: they are
// dropped first, all but one of each kind of place, so that a thousand copies of
// one URL do not hide another. A set of findings that stays half full counts as
// full; so the dropping costs no more than the finding.
func (s *scanner) full() bool {
	return s.capped || len(s.out)-s.first >= s.max && s.compact()
}

// compact drops repetitions and tells whether the cap is reached all the same.
func (s *scanner) compact() bool {
	type key struct {
		typ, value string
		context    engine.Context
	}
	seen := make(map[key]bool, s.max/2)
	fresh := slices.DeleteFunc(s.out[s.first:], func(f engine.Finding) bool {
		k := key{f.Type, f.Value, f.Spot.Context}
		again := seen[k]
		seen[k] = true
		return again
	})
	s.out = s.out[:s.first+len(fresh)]
	s.capped = len(fresh) > s.max/2
	return s.capped
}

// grow doubles the space of the findings.
func (s *scanner) grow() {
	bigger := make([]engine.Finding, len(s.out), max(16, 2*len(s.out)))
	copy(bigger, s.out)
	s.out = bigger
}

// derive adds a finding that follows from the last one of its parent.
func (s *scanner) derive(parent engine.Finding, typ, value string, flags engine.Flags) {
	f := parent
	f.Type, f.Value, f.Parent, f.Extra = typ, value, parent.Value, nil
	f.Flags = parent.Flags&(engine.Defanged|engine.Wrapped|engine.Mismatch|engine.Signature|engine.Infrastructure) | flags | engine.Derived
	if parent.Spot.Context != engine.InHidden && parent.Type == typeURL {
		f.Spot.Context = engine.InURL
	}
	s.out = append(s.out, f)
}

// contextAt tells hidden from visible text. Hidden spans are ascending and so
// are findings of one text, but for a few steps back: those of a joined word.
func (s *scanner) contextAt(from, to int) engine.Context {
	for len(s.hidden) > 1 && s.hidden[0].End < from-joinReach {
		s.hidden = s.hidden[1:]
	}
	for _, h := range s.hidden {
		if h.Start >= to {
			break
		}
		if h.Start <= from && to <= h.End {
			return engine.InHidden
		}
	}
	return s.context
}
