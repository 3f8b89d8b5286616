package meter

// effort is what a function costs whoever compiles it, in what a compiler spends
// more on than on plain instructions.
type effort struct {
	branches int // as Limits.Branches counts them
	lookups  int // as Limits.Lookups
	heavy    int // as Limits.Heavy
}

// bulkBranches is what a bulk operation counts as: the check that is written before
// it is an if around a call of the host.
const bulkBranches = 4

// together is how many functions at their cap of lookups or of heavy instructions
// a module may hold.
const together = 4

// manyLocals is from where on what a compiler remembers at one place is so much that
// going through it again for each local tells.
const manyLocals = 400

// effort adds up what was counted.
func (a *analysis) effort() {
	a.work.branches += a.blocks/4 + a.targets/4 + a.moved/16
	a.work.lookups = a.search.steps + a.search.arrivals*a.search.locals*(1+a.search.locals/manyLocals)
}

// limitEffort holds a function, and what was read of the module, to the caps.
func (m *module) limitEffort(r *reader, at int, name string, e effort) {
	l := m.limits
	limit := func(n, most int, what string) {
		if n > most {
			r.tooMany(at, name+" has", uint64(n), what, most)
		}
	}
	limit(e.branches, l.Branches, "branches")
	limit(e.lookups, l.Lookups, "lookups of locals")
	limit(e.heavy, l.Heavy, "units of heavy instructions")
	m.branchSquares += e.branches * e.branches
	m.lookups += e.lookups
	m.heavy += e.heavy
	if most := l.Branches * l.Branches; m.branchSquares > most {
		r.tooMany(at, "the squares of the functions' branches are", uint64(m.branchSquares), "together", most)
	}
	if most := l.Lookups * together; m.lookups > most {
		r.tooMany(at, "the functions' lookups of locals are", uint64(m.lookups), "together", most)
	}
	if most := l.Heavy * together; m.heavy > most {
		r.tooMany(at, "the functions' heavy instructions are", uint64(m.heavy), "units together", most)
	}
}

// heavy is how many KiB a compiler needs for an instruction, about, where that is
// one or more: calls, in which some instructions end that look plain, and what may
// trap in a place of its own.
func heavy(o op) int {
	switch {
	case o == opMemorySize:
		return 1
	case o == opCall:
		return 2
	case o == opRefFunc:
		return 3
	case o == opDataDrop, o == opElemDrop:
		return 4
	case o == opTableGet, o == opTableSet:
		return 5
	case o == opCallIndirect:
		return 15
	case dynamicCost(o).unit > 0:
		return 20
	case 0x6d <= o && o <= 0x70, 0x7f <= o && o <= 0x82: // div, rem
		return 5
	case 0xa8 <= o && o <= 0xab, 0xae <= o && o <= 0xb1: // trunc
		return 8
	}
	return 0
}

// search is a model of how a compiler finds the value that a local has where it is
// read: it goes back from block to block until it comes to a place that is reached in
// several ways, looks in all of them, and remembers the answer there. So a read
// costs the steps back to the last such place, and each local that is read costs,
// once, every way that leads to one.
type search struct {
	chain    int  // blocks back to the last place that is reached in several ways
	dead     bool // what follows cannot be reached; a compiler does not read it
	steps    int  // of all reads
	arrivals int  // steps of all ways
	locals   int  // that are read
	round    int  // counts functions
	readIn   []int
	merged   merged
}

// ways are those that lead to the end of a block.
type ways struct {
	n       int
	steps   int  // of all of them
	longest int  // chain of them
	entered int  // chain where the block begins
	dead    bool // it cannot be reached
	loop    bool // branches lead to its head
	sets    int  // that were noted before it
	reads   int  // before it
}

// loopArrivals is what a loop adds: a compiler remembers twice as much about its
// head, since not all ways to it are known there.
const loopArrivals = 4

func (s *search) begin(locals int) {
	*s = search{round: s.round + 1, readIn: s.readIn, merged: s.merged}
	s.merged.begin(locals)
	if locals > len(s.readIn) {
		s.readIn = make([]int, locals)
	}
}

func (s *search) read(local uint32) {
	if s.dead || int(local) >= len(s.readIn) {
		return
	}
	s.steps += s.chain
	s.merged.read(local)
	if s.readIn[local] != s.round {
		s.readIn[local] = s.round
		s.locals++
	}
}

// enter begins a block.
func (s *search) enter(o op) ways {
	w := ways{entered: s.chain, dead: s.dead, loop: o == opLoop, sets: len(s.merged.sets), reads: s.merged.reads}
	switch {
	case s.dead:
	case o == opLoop:
		s.merged.places++
		s.arrivals += s.chain + loopArrivals
		s.chain = 0
	case o == opIf:
		s.chain++
	}
	return w
}

// branch is a way to the end of a block, or to the head of a loop.
func (s *search) branch(w *ways) {
	if w.loop && !s.dead {
		s.arrivals += s.chain + 1
		return
	}
	s.arrive(w)
}

// arrive is a way to the end of a block.
func (s *search) arrive(w *ways) {
	if s.dead {
		return
	}
	w.n++
	w.steps += s.chain + 1
	w.longest = max(w.longest, s.chain)
}

// pass goes on behind a branch that was not taken.
func (s *search) pass() {
	if !s.dead {
		s.chain++
	}
}

// otherwise goes from the end of an if's first arm to the beginning of its second.
func (s *search) otherwise(w *ways) {
	s.arrive(w)
	s.merged.forget(w.sets)
	s.dead, s.chain = w.dead, w.entered+1
}

// leave goes on behind the end of a block. An if without an else is left on a way
// of its own.
func (s *search) leave(w ways, without bool) {
	s.arrive(&w)
	if w.loop {
		s.merged.again(w.reads)
	}
	s.merged.forget(w.sets)
	if without {
		s.dead, s.chain = w.dead, w.entered
		s.arrive(&w)
	}
	s.dead, s.chain = w.n == 0, w.longest+1
	if w.n > 1 {
		s.chain = 0
		s.arrivals += w.steps
		s.merged.places++
	}
}
