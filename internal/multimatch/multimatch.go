// Package multimatch finds many patterns in one pass: the automaton of Aho and
// Corasick over symbols that its caller chose, words for instance.
//
// A pattern is a sequence of symbols and carries a number. A state stands for
// the longest end of what was read that begins a pattern; each symbol leads to
// the next state, and a state knows the patterns that end there. Edges stand in
// one hash table, keyed by state and symbol, so an alphabet of hundreds of
// thousands of symbols costs no more than the patterns have; edges out of the
// root stand in a list by symbol.
//
// Reading n symbols follows at most 2n edges, whatever the patterns are. The
// package knows nothing of text, case or words, and keeps nothing of the
// sequences it is given.
package multimatch

import "errors"

// ErrTooMany says that patterns have more states than an automaton can number.
var ErrTooMany = errors.New("too many states")

// MaxPattern is the largest number of symbols of a pattern.
const MaxPattern = 255

// maxStates keeps a state in 32 bits, and a table of edges in memory.
const maxStates = 1 << 26

// Root is the state before the first symbol.
const Root State = 0

// State is a state of an Automaton.
type State uint32

// Builder collects patterns. The zero value is empty.
type Builder struct {
	parent []State
	symbol []uint32
	depth  []uint8
	value  []int32
	edges  table
}

// Add adds a pattern of 1 to MaxPattern symbols, none of them 0, that carries value,
// which is not negative. When the same symbols were added before, it changes
// nothing and returns the value that they carry.
func (b *Builder) Add(symbols []uint32, value int32) (carried int32, err error) {
	if len(symbols) == 0 || len(symbols) > MaxPattern || value < 0 {
		return 0, errors.New("a pattern has 1 to 255 symbols and no negative value")
	}
	if len(b.parent) == 0 {
		b.state(Root, 0, 0)
	}
	at := Root
	for i, s := range symbols {
		next, ok := b.edges.get(at, s)
		if !ok {
			if len(b.parent) >= maxStates {
				return 0, ErrTooMany
			}
			next = b.state(at, s, uint8(i+1))
			b.edges.put(at, s, next)
		}
		at = next
	}
	if b.value[at] < 0 {
		b.value[at] = value
	}
	return b.value[at], nil
}

func (b *Builder) state(parent State, symbol uint32, depth uint8) State {
	b.parent, b.symbol = append(b.parent, parent), append(b.symbol, symbol)
	b.depth, b.value = append(b.depth, depth), append(b.value, -1)
	return State(len(b.parent) - 1)
}

// Automaton is immutable and safe for concurrent use.
type Automaton struct {
	root  []State // by symbol
	edges table
	fail  []State // the longest proper end that begins a pattern
	link  []State // the longest end that is a pattern: the state itself, or further down fail; Root for none
	depth []uint8
	value []int32
}

// Build makes the automaton. The Builder must not be used any more.
func (b *Builder) Build() *Automaton {
	if len(b.parent) == 0 {
		b.state(Root, 0, 0)
	}
	n := len(b.parent)
	a := &Automaton{edges: b.edges, fail: make([]State, n), link: make([]State, n), depth: b.depth, value: b.value}
	for s := 1; s < n; s++ {
		if b.parent[s] == Root {
			a.fromRoot(b.symbol[s], State(s))
		}
	}
	for _, s := range b.byDepth() {
		if b.parent[s] != Root {
			a.fail[s] = a.Next(a.fail[b.parent[s]], b.symbol[s])
		}
		a.link[s] = s
		if a.value[s] < 0 {
			a.link[s] = a.link[a.fail[s]]
		}
	}
	return a
}

func (a *Automaton) fromRoot(symbol uint32, to State) {
	if int(symbol) >= len(a.root) {
		a.root = append(a.root, make([]State, int(symbol)+1-len(a.root))...)
	}
	a.root[symbol] = to
}

// byDepth lists the states but the root, those with short sequences first.
func (b *Builder) byDepth() []State {
	var count [MaxPattern + 2]int
	for _, d := range b.depth {
		count[int(d)+1]++
	}
	for d := 1; d < len(count); d++ {
		count[d] += count[d-1]
	}
	all := make([]State, len(b.depth))
	for s, d := range b.depth {
		all[count[d]] = State(s)
		count[d]++
	}
	return all[1:]
}

// Next returns the state after a symbol. A symbol of no pattern leads to Root.
func (a *Automaton) Next(at State, symbol uint32) State {
	if int(symbol) >= len(a.root) && at == Root || symbol == 0 {
		return Root
	}
	for at != Root {
		if next, ok := a.edges.get(at, symbol); ok {
			return next
		}
		at = a.fail[at]
	}
	if int(symbol) >= len(a.root) {
		return Root
	}
	return a.root[symbol]
}

// Longest returns the state of the longest pattern that ends in a state, Root when
// none does; Shorter the next shorter one of such a state.
func (a *Automaton) Longest(at State) State { return a.link[at] }

// Shorter returns the longest pattern that is an end of the pattern of a state.
func (a *Automaton) Shorter(at State) State { return a.link[a.fail[at]] }

// Value returns the number that the pattern of a state carries.
func (a *Automaton) Value(at State) int32 { return a.value[at] }

// Depth returns how many symbols a state stands for: no pattern that is yet to end
// began before them.
func (a *Automaton) Depth(at State) int { return int(a.depth[at]) }

// Size returns the number of states, and about how many bytes they take.
func (a *Automaton) Size() (states, bytes int) {
	return len(a.fail), len(a.fail)*(4+4+1+4) + 4*len(a.root) + 16*len(a.edges.slots)
}

// table maps (state, symbol) to a state by open addressing, at most half full.
type table struct {
	slots []slot
	used  int
}

type slot struct {
	key  uint64 // state and symbol; 0 is a free slot, for no symbol is 0
	next State
}

func (t *table) get(at State, symbol uint32) (State, bool) {
	if len(t.slots) == 0 {
		return Root, false
	}
	s := t.find(uint64(at)<<32 | uint64(symbol))
	return s.next, s.key != 0
}

// find returns the slot of a key, or the free one where it belongs.
func (t *table) find(key uint64) *slot {
	mask := uint64(len(t.slots) - 1)
	h := key * 0x9e3779b97f4a7c15
	for i := (h ^ h>>29) & mask; ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.key == key || s.key == 0 {
			return s
		}
	}
}

func (t *table) put(at State, symbol uint32, next State) {
	if 2*(t.used+1) > len(t.slots) {
		t.grow()
	}
	*t.find(uint64(at)<<32 | uint64(symbol)) = slot{uint64(at)<<32 | uint64(symbol), next}
	t.used++
}

func (t *table) grow() {
	old := t.slots
	t.slots = make([]slot, max(16, 2*len(old)))
	for _, s := range old {
		if s.key != 0 {
			*t.find(s.key) = s
		}
	}
}
