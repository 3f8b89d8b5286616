package rules

import (
	"slices"
	"sync"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Set is a checked set of rules. It is immutable and safe for concurrent use.
type Set struct {
	rules      []*Rule    // in the order of evaluation
	phases     [3][]*Rule // those with when that are not off
	keeps      []*Rule
	defaults   engine.Defaults
	lists      []ListInfo
	sinks      []string // named by ship actions, with repetitions
	extractors []string // named by extract actions, with repetitions
	sources    []*source
	names      *loader // of the lists and macros; read only
	fuel       int

	paths     [3][]*fixedPath // what the expressions of a phase read
	keepPaths []*fixedPath

	evaluators sync.Pool
}

var _ engine.Rules = (*Set)(nil)

// Defaults implements engine.Rules.
func (s *Set) Defaults() engine.Defaults { return s.defaults }

// Sinks lists the sinks that ship actions name, sorted.
func (s *Set) Sinks() []string {
	return slices.Compact(slices.Sorted(slices.Values(s.sinks)))
}

// Extractors lists the extractors that rules choose, sorted.
func (s *Set) Extractors() []string {
	return slices.Compact(slices.Sorted(slices.Values(s.extractors)))
}

// Rules lists the rules in the order of evaluation.
func (s *Set) Rules() []*Rule { return s.rules }

// Lists describes the lists, by name.
func (s *Set) Lists() []ListInfo { return s.lists }
