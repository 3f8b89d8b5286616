package multimatch_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/internal/multimatch"
)

// match is a pattern and where it ended, in symbols.
type match struct {
	Value int32
	End   int
}

func build(t *testing.T, patterns []string) *multimatch.Automaton {
	t.Helper()
	var b multimatch.Builder
	for i, p := range patterns {
		if _, err := b.Add(symbols(p), int32(i)); err != nil {
			t.Fatal(err)
		}
	}
	return b.Build()
}

func symbols(s string) (all []uint32) {
	for _, r := range s {
		all = append(all, uint32(r))
	}
	return all
}

func find(a *multimatch.Automaton, text string) (all []match) {
	at := multimatch.Root
	for i, s := range symbols(text) {
		at = a.Next(at, s)
		for m := a.Longest(at); m != multimatch.Root; m = a.Shorter(m) {
			all = append(all, match{a.Value(m), i + 1})
		}
	}
	return all
}

// naive is what find must return: longest first at each place.
func naive(patterns []string, text string) (all []match) {
	for end := 1; end <= len(text); end++ {
		for begin := range end {
			if i := slices.Index(patterns, text[begin:end]); i >= 0 {
				all = append(all, match{int32(i), end})
			}
		}
	}
	return all
}

func TestPatternsThatShareTheirEndsAreAllFound(t *testing.T) {
	patterns := []string{"he", "she", "his", "hers", "e"}
	if diff := cmp.Diff(naive(patterns, "ushers"), find(build(t, patterns), "ushers")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRandomPatternsAreFoundAsBySearchingForEach(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func(n int) string {
		var b strings.Builder
		for range 1 + r.IntN(n) {
			b.WriteByte("abc"[r.IntN(3)])
		}
		return b.String()
	}
	for range 500 {
		var patterns []string
		for range 1 + r.IntN(12) {
			if p := word(6); !slices.Contains(patterns, p) {
				patterns = append(patterns, p)
			}
		}
		text := word(60)
		if diff := cmp.Diff(naive(patterns, text), find(build(t, patterns), text)); diff != "" {
			t.Fatalf("%q in %q (-want +got):\n%s", patterns, text, diff)
		}
	}
}

func TestTheFirstOfEqualPatternsStays(t *testing.T) {
	var b multimatch.Builder
	b.Add(symbols("ab"), 7)
	if v, err := b.Add(symbols("ab"), 8); v != 7 || err != nil {
		t.Errorf("carries %d, %v; want 7", v, err)
	}
}

func TestPatternsWithoutMeaningAreRefused(t *testing.T) {
	var b multimatch.Builder
	for name, p := range map[string][]uint32{"empty": nil, "long": make([]uint32, multimatch.MaxPattern+1)} {
		if _, err := b.Add(p, 1); err == nil {
			t.Errorf("%s: added", name)
		}
	}
	if a := b.Build(); a.Next(multimatch.Root, 5) != multimatch.Root {
		t.Error("an automaton without patterns leaves its root")
	}
}

func TestSymbolsOfNoPatternLeadToTheRoot(t *testing.T) {
	a := build(t, []string{"ab"})
	for _, s := range []uint32{0, 'z', 1 << 31} {
		if at := a.Next(a.Next(multimatch.Root, 'a'), s); at != multimatch.Root {
			t.Errorf("symbol %d leads to %d", s, at)
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var m multimatch.Builder
		for i := range uint32(200_000) {
			m.Add([]uint32{i%50_000 + 1, i/7 + 1}, int32(i))
		}
		m.Build()
	}
}
