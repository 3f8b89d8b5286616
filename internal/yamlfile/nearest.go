package yamlfile

import (
	"slices"
	"strings"
)

// Nearest returns the candidate that name is most likely a misspelling of. It
// compares without regard to case and to the signs between words, by the
// number of letters inserted, left out, exchanged or swapped; beyond a third of
// the name nothing is near. Of several that are equally near, the one that
// shares most of its letters and of its start wins, then the first.
func Nearest(name string, candidates []string) (string, bool) {
	best, bestRank := "", rank{}
	word := plainWord(name)
	if word == "" {
		return "", false
	}
	for _, c := range candidates {
		other := plainWord(c)
		r := rank{distance(word, other), -sharedLetters(word, other), -sharedStart(word, other)}
		if r[0] <= reach(word, other) && (best == "" || slices.Compare(r[:], bestRank[:]) < 0) {
			best, bestRank = c, r
		}
	}
	if best == "" {
		return reordered(word, candidates)
	}
	return best, true
}

type rank [3]int

// reach is the distance up to which two words are taken for the same.
func reach(a, b string) int {
	return max(1, max(len(a), len(b))/3)
}

// reordered finds a candidate of the same words in another order, as
// domain_root for root_domain.
func reordered(word string, candidates []string) (string, bool) {
	key := sortedWords(word)
	for _, c := range candidates {
		if sortedWords(plainWord(c)) == key {
			return c, true
		}
	}
	return "", false
}

func sortedWords(s string) string {
	w := strings.Split(s, "_")
	slices.Sort(w)
	return strings.Join(w, "_")
}

func plainWord(s string) string {
	return strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(s))
}

// distance is the optimal string alignment distance: Damerau's four errors,
// no piece edited twice. Words longer than 64 bytes are compared by their first 64.
func distance(a, b string) int {
	a, b = a[:min(len(a), 64)], b[:min(len(b), 64)]
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func sharedStart(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// sharedLetters counts letters that the words have in common, wherever they stand.
func sharedLetters(a, b string) int {
	var in [256]int
	for i := 0; i < len(a); i++ {
		in[a[i]]++
	}
	n := 0
	for i := 0; i < len(b); i++ {
		if in[b[i]] > 0 {
			in[b[i]]--
			n++
		}
	}
	return n
}
