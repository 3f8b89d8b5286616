package engine

import (
	"slices"
	"strings"
)

// tlpOrder lists the levels of TLP 2.0 from the most restrictive.
var tlpOrder = []string{"RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR"}

// TLPLevels are the levels of the Traffic Light Protocol 2.0, the most restrictive
// first.
func TLPLevels() []string { return slices.Clone(tlpOrder) }

// MostRestrictive returns the stricter of two TLP levels; an unknown or empty
// one never wins over a known one.
func MostRestrictive(a, b string) string {
	ia, ib := slices.Index(tlpOrder, a), slices.Index(tlpOrder, b)
	if ia < 0 || (ib >= 0 && ib < ia) {
		return b
	}
	return a
}

// tlpWords are the words of levels as they are written, WHITE being what CLEAR was
// called in TLP 1.0.
var tlpWords = []struct{ word, level string }{{"red", "RED"}, {"amber", "AMBER"}, {"green", "GREEN"}, {"clear", "CLEAR"}, {"white", "CLEAR"}}

// tlpNames are what a marking begins with.
var tlpNames = []string{"tlp", "traffic light protocol", "traffic-light-protocol"}

// ReadTLP is the level that a mail claims for itself; "" when it claims none. All
// spellings count, of TLP 1.0, too: TLP:AMBER+STRICT, [tlp amber strict], TLP=White,
// Traffic Light Protocol: Red. That of the subject goes before those of the text. Of
// several the most restrictive counts, unless the text explains the protocol: where
// three or more levels stand, the first is its marking and the others are the
// explanation. Time is linear.
func ReadTLP(subject, text string) string {
	if level := strictest(tlpMarks(subject)); level != "" {
		return level
	}
	return strictest(tlpMarks(text))
}

// strictest takes one of the marks of a text, in their order.
func strictest(marks []string) (level string) {
	if distinct := slices.Compact(slices.Sorted(slices.Values(marks))); len(distinct) >= 3 {
		return marks[0]
	}
	for _, m := range marks {
		level = MostRestrictive(level, m)
	}
	return level
}

// maxMarks is how many marks of one text are looked at.
const maxMarks = 1000

func tlpMarks(text string) (marks []string) {
	for at := 0; len(marks) < maxMarks; {
		i, n := tlpName(text[at:])
		if i < 0 {
			break
		}
		end := at + i + n
		if level := tlpLevel(text[end:]); level != "" && (at+i == 0 || !isWord(text[at+i-1])) {
			marks = append(marks, level)
		}
		at = end
	}
	return marks
}

// tlpName finds the next name of the protocol, and its length.
func tlpName(text string) (at, n int) {
	for i := 0; i < len(text); i++ {
		if c := text[i] | 0x20; c != 't' {
			continue
		}
		for _, name := range tlpNames {
			if len(text)-i >= len(name) && strings.EqualFold(text[i:i+len(name)], name) {
				return i, len(name)
			}
		}
	}
	return -1, 0
}

// tlpLevel reads the level behind a name. Between them stands punctuation or space, at
// most a few bytes of it.
func tlpLevel(text string) string {
	i := 0
	for i < len(text) && i < 8 && !isWord(text[i]) {
		i++
	}
	for _, w := range tlpWords {
		if len(text)-i < len(w.word) || !strings.EqualFold(text[i:i+len(w.word)], w.word) {
			continue
		}
		rest := text[i+len(w.word):]
		switch {
		case w.level == "AMBER" && isStrict(rest):
			return "AMBER+STRICT"
		case rest != "" && isWord(rest[0]) || i == 0:
			return ""
		}
		return w.level
	}
	return ""
}

// isStrict tells whether +STRICT follows, in one of its spellings.
func isStrict(rest string) bool {
	const strict = "strict"
	rest = strings.TrimLeft(rest, "+ -_")
	return len(rest) >= len(strict) && strings.EqualFold(rest[:len(strict)], strict) && (len(rest) == len(strict) || !isWord(rest[len(strict)]))
}

// isWord tells whether a byte belongs to a word; those of other scripts do.
func isWord(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80
}
