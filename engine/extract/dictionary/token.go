package dictionary

import (
	"unicode"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/internal/fold"
)

// kind is what a token is made of.
type kind uint8

const (
	none      kind = iota
	letters        // a run of them, with their marks
	digits         // a run of them
	ideograph      // one character of a script that is written without spaces, or with endings glued to words
	invisible      // belongs to no token and ends none
	beyond         // the first byte of a character beyond ASCII
)

// token is a piece of a text that stands for a word of the dictionary, or for none.
type token struct {
	start, end int
	symbol     uint32 // 0 when it is no word that the vocabulary knows
	kind       kind
}

var kinds = func() (t [256]kind) {
	for c := range t {
		switch {
		case c >= utf8.RuneSelf:
			t[c] = beyond
		case c >= '0' && c <= '9':
			t[c] = digits
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			t[c] = letters
		}
	}
	return t
}()

// folded maps ASCII to its form under internal/fold.
var folded = func() (t [utf8.RuneSelf]byte) {
	for c := range t {
		t[c] = byte(fold.Rune(rune(c)))
	}
	return t
}()

func kindOf(r rune) kind {
	switch {
	case r < utf8.RuneSelf:
		return kinds[r]
	case r >= 0xc0 && r <= 0x24f && r != 0xd7 && r != 0xf7, r >= 0x410 && r <= 0x44f: // what most texts have
		return letters
	case r >= 0x4e00 && r <= 0x9fff, r >= 0xac00 && r <= 0xd7a3:
		return ideograph
	case r == utf8.RuneError:
		return none
	case r == 0xad, r >= 0x200b && r <= 0x200d, r == 0x2060, r == 0xfeff:
		return invisible
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai):
		return ideograph
	case unicode.IsLetter(r), unicode.IsMark(r):
		return letters
	case unicode.IsDigit(r):
		return digits
	}
	return none
}

// vocabulary numbers words, regardless of case, from 1.
type vocabulary struct {
	words  []string // folded, by symbol; the first is none
	slots  []wordSlot
	filter []uint64 // bits of the hashes: most words of a text are settled here
}

type wordSlot struct {
	hash   uint64
	symbol uint32
}

const (
	hashSeed  = 14695981039346656037
	hashPrime = 1099511628211
)

func hashOf(word string) uint64 {
	h := uint64(hashSeed)
	for i := range len(word) {
		h = (h ^ uint64(word[i])) * hashPrime
	}
	return h
}

// add returns the symbol of a folded word, a new one if need be.
func (v *vocabulary) add(word string) uint32 {
	if len(v.words) == 0 {
		v.words = append(v.words, "")
	}
	h := hashOf(word)
	if 2*(len(v.words)+1) > len(v.slots) {
		v.grow()
	}
	s := v.slot(h, word)
	if s.symbol == 0 {
		*s = wordSlot{h, uint32(len(v.words))}
		v.words = append(v.words, word)
		v.mark(h)
	}
	return s.symbol
}

// slot returns where a word stands, or would.
func (v *vocabulary) slot(h uint64, word string) *wordSlot {
	mask := uint64(len(v.slots) - 1)
	for i := (h ^ h>>32) & mask; ; i = (i + 1) & mask {
		s := &v.slots[i]
		if s.symbol == 0 || s.hash == h && v.words[s.symbol] == word {
			return s
		}
	}
}

func (v *vocabulary) grow() {
	old := v.slots
	v.slots = make([]wordSlot, max(64, 2*len(old)))
	v.filter = make([]uint64, max(1, len(v.slots)/8)) // 8 bits a slot
	for _, e := range old {
		if e.symbol != 0 {
			*v.slot(e.hash, v.words[e.symbol]) = e
			v.mark(e.hash)
		}
	}
}

func (v *vocabulary) mark(h uint64) {
	i := (h >> 20) & uint64(64*len(v.filter)-1)
	v.filter[i>>6] |= 1 << (i & 63)
}

// find returns the symbol of the word that stands in text, 0 for none. h is the
// hash of its folded bytes.
func (v *vocabulary) find(h uint64, text string) uint32 {
	i := (h >> 20) & uint64(64*len(v.filter)-1)
	if v.filter[i>>6]&(1<<(i&63)) == 0 {
		return 0
	}
	mask := uint64(len(v.slots) - 1)
	for i := (h ^ h>>32) & mask; ; i = (i + 1) & mask {
		s := v.slots[i]
		if s.symbol == 0 || s.hash == h && spells(text, v.words[s.symbol]) {
			return s.symbol
		}
	}
}

// spells says whether text is a folded word in any case, with or without
// characters that nobody sees.
func spells(text, word string) bool {
	j := 0
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			if j >= len(word) || folded[c] != word[j] {
				return false
			}
			i, j = i+1, j+1
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		i += n
		if kindOf(r) == invisible {
			continue
		}
		if j >= len(word) {
			return false
		}
		q, m := utf8.DecodeRuneInString(word[j:])
		if fold.Rune(r) != q {
			return false
		}
		j += m
	}
	return j == len(word)
}

// next returns the first token of text from i on.
func (v *vocabulary) next(text string, i int) (t token, ok bool) {
	for i < len(text) {
		switch k := kinds[text[i]]; k {
		case letters, digits:
			return v.plain(text, i, k), true
		case beyond:
			r, n := utf8.DecodeRuneInString(text[i:])
			if k := kindOf(r); k != none && k != invisible {
				return v.wide(text, i, k), true
			}
			i += n
		default:
			i++
		}
	}
	return token{}, false
}

// plain reads a token that is expected to be ASCII.
func (v *vocabulary) plain(text string, i int, k kind) token {
	h, j := uint64(hashSeed), i
	for j < len(text) && kinds[text[j]] == k {
		h = (h ^ uint64(folded[text[j]])) * hashPrime
		j++
	}
	if j < len(text) && text[j] >= utf8.RuneSelf {
		return v.wide(text, i, k)
	}
	return token{i, j, v.find(h, text[i:j]), k}
}

// wide reads a token that holds, or is followed by, characters beyond ASCII.
func (v *vocabulary) wide(text string, i int, k kind) token {
	h, end := uint64(hashSeed), i
	var b [utf8.UTFMax]byte
	for j := i; j < len(text); {
		r, n := utf8.DecodeRuneInString(text[j:])
		j += n
		q := kindOf(r)
		if q == invisible {
			continue
		}
		if q != k {
			break
		}
		for _, c := range b[:utf8.EncodeRune(b[:], fold.Rune(r))] {
			h = (h ^ uint64(c)) * hashPrime
		}
		end = j
		if k == ideograph {
			break
		}
	}
	return token{i, end, v.find(h, text[i:end]), k}
}

// follows says whether what stands between two tokens lets them be parts of one
// name: nothing, white space with one line break at most (and the marks of a
// quotation behind it), or one sign that joins words.
func follows(gap string) bool {
	switch len(gap) {
	case 0:
		return true
	case 1:
		return gap[0] == ' ' || gap[0] == '\n' || gap[0] == '\t' || joinsWords(rune(gap[0]))
	}
	if len(gap) > maxGap {
		return false
	}
	if r, n := utf8.DecodeRuneInString(gap); n == len(gap) && joinsWords(r) {
		return true
	}
	lines := 0
	for _, r := range gap {
		switch {
		case r == '\n':
			lines++
		case r == '>' && lines == 1, unicode.IsSpace(r), kindOf(r) == invisible:
		default:
			return false
		}
	}
	return lines <= 1
}

// maxGap is how much may stand between two words of a name, in bytes.
const maxGap = 12

func joinsWords(r rune) bool {
	switch r {
	case '-', '.', '_', '/', '\'', '&', '+', ':', 0x2010, 0x2011, 0x2012, 0x2013, 0x2019, 0xb7:
		return true
	}
	return false
}

// glued says whether the text at i, where a token begins or ends, goes on as a
// word on both sides.
func glued(text string, i int) bool {
	if i == 0 || i == len(text) {
		return false
	}
	before, _ := utf8.DecodeLastRuneInString(text[:i])
	after, _ := utf8.DecodeRuneInString(text[i:])
	return wordly(before) && wordly(after)
}

func wordly(r rune) bool {
	k := kindOf(r)
	return k == letters || k == digits || k == invisible
}
