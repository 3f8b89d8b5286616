package main

import "iter"

// minWord is the length of the shortest address.
const minWord = 26

// inWord holds the bytes of which addresses consist: ASCII letters and digits.
var inWord = func() (set [256]bool) {
	for c := range set {
		low := c | 0x20
		set[c] = c >= '0' && c <= '9' || low >= 'a' && low <= 'z'
	}
	return set
}()

// longWords yields start and end of the longest runs of letters and digits that
// have minWord bytes or more.
//
// It looks at the place where a word that begins here would reach that length:
// what lies before a gap there needs no look. In prose that is one or two bytes
// of 26; no byte is looked at more than twice.
func longWords(text []byte) iter.Seq2[int, int] {
	return func(yield func(start, end int) bool) {
		for i := 0; i+minWord <= len(text); { // here: i is 0, or stands behind a gap
			gap := i + minWord - 1
			for gap >= i && inWord[text[gap]] {
				gap--
			}
			if gap >= i {
				i = gap + 1
				continue
			}
			end := i + minWord
			for end < len(text) && inWord[text[end]] {
				end++
			}
			if !yield(i, end) {
				return
			}
			i = end + 1
		}
	}
}
