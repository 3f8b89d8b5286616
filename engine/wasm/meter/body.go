package meter

import "fmt"

// body is the code of a function, and what was learned about it.
type body struct {
	groups     int // how many declarations of locals it has
	firstGroup int // where they begin in the file
	firstInstr int // where the instructions begin
	end        int // where they end
	locals     int // parameters included
	signature  Signature
	work
}

// work is what a function does, as far as metering asks.
type work struct {
	cost     int64     // of what is charged when the function is entered
	straight int64     // of all instructions outside loops
	loops    []loop    // in the order of their heads
	detours  []stretch // in the order of the file
	calls    bool      // anything: a function, the host, or a bulk operation
	bulk     bool      // it has operations whose cost depends on an operand
	descends bool      // into functions of the module, so that it can recurse
	frame    int64     // bytes of stack it needs, about
	effort
}

// stretch is code that is charged as one, at a place in the file.
type stretch struct {
	at   int
	cost int64
}

// loop is a loop by itself, without the loops in it.
type loop struct {
	cost   int64 // of what is charged for each round
	params bool  // it takes operands
}

// code reads an entry of the code section (5.5.13).
func (m *module) code(r *reader) {
	at := r.pos
	size := r.length()
	if len(m.bodies) == m.defined() {
		r.fail(at, "more functions have code than are declared")
		return
	}
	index := m.imported[KindFunction] + len(m.bodies)
	name := fmt.Sprintf("function %d", index)
	if size > m.limits.Code {
		r.tooMany(at, name+" has", uint64(size), "bytes of code", m.limits.Code)
		return
	}
	b := body{end: r.pos + size, signature: m.types[m.functions[index]]}
	if m.outline {
		r.pos = b.end
		m.bodies = append(m.bodies, b)
		return
	}
	part := &reader{data: r.data[:b.end], pos: r.pos}
	slots := m.localsOf(part, &b, name)
	if part.err == nil {
		b.work = m.analysis.read(&code{reader: part, module: m, locals: b.locals}, b.signature, slots)
		part.within(name)
	}
	r.err, r.pos = part.err, b.end
	m.limitEffort(r, at, name, b.effort)
	m.bodies = append(m.bodies, b)
}

// localsOf reads the declarations of locals and returns how many places of eight
// bytes they take, with the parameters.
func (m *module) localsOf(r *reader, b *body, name string) (slots int64) {
	at := r.pos
	b.groups = int(r.u32())
	b.firstGroup = r.pos
	total := uint64(len(b.signature.Params))
	for _, t := range b.signature.Params {
		slots += width(t)
	}
	for i := 0; i < b.groups && r.err == nil; i++ {
		n := uint64(r.u32())
		slots += int64(n) * width(valueType(r))
		if total += n; total > uint64(m.limits.Locals) {
			r.tooMany(at, name+" has", total, "locals", m.limits.Locals)
		}
	}
	b.locals, b.firstInstr = int(total), r.pos
	return slots
}

// width is the number of places that a value takes.
func width(t ValueType) int64 {
	if t == V128 {
		return 2
	}
	return 1
}

// frame is a block that is open while code is read. The function itself is one.
type frame struct {
	op      op
	before  int // the stretch that the block begins in
	open    int // detours that were not settled when it began
	loop    int // the innermost loop it is in or is, by number; -1 is none
	height  int // of the operands below it
	params  int
	results int
	ways    ways
}

// analysis reads the code of one function after another.
type analysis struct {
	*code
	work   work
	frames []frame

	// For the costs: what is counted now, by its number in all. Number 0 is charged
	// when the function is entered, others are those of loops, or detours that may yet
	// turn out to be too short to be charged by themselves.
	now  int
	all  []counted
	open []int // detours that are not settled, in the order in which they began

	blocks  int
	targets int // of all br_tables
	moved   int // operands that calls and branches take along
	search  search

	// For the size of the frame: the compiler keeps a value there that is needed
	// after a call or finds no register, and gives each such value a place of its own.
	// An operand that is on the stack during calls is one value; a local is a new one
	// each time it is set.
	height  int   // operands on the stack
	kept    int   // of those, the ones that have a place
	slots   int64 // places
	passed  int   // operands of the call that passes most
	changed int64 // locals set since the last call
	again   int64 // times that a local was set which had been since the last call
	epoch   int   // counts calls, of all functions
	setAt   []int // by local: the epoch in which it was last set
}

// counted is a stretch while its instructions are counted.
type counted struct {
	stretch
	before int // what comes before it on every way to it
	loop   int // by number; -1 when it is none
}

// shortest is how many instructions a detour must have to be charged by itself. A
// shorter one is charged with what comes before it, as if it were always taken.
const shortest = 16

// registers is how many values a compiler keeps in registers at least.
const registers = 8

// inRegisters tells how many of the values that live between calls stay in registers,
// for all but one.
const inRegisters = 4

// frameBase is what a frame needs beside its values: addresses and saved registers.
const frameBase = 64

// read returns what the code does, whose parameters and locals take some slots.
func (a *analysis) read(c *code, signature Signature, slots int64) work {
	a.begin(c, signature)
	var in instruction
	for len(a.frames) > 0 && c.err == nil {
		c.next(&in)
		a.step(&in)
	}
	if c.more() {
		c.fail(c.pos, "there is code after its end")
	}
	a.charges()
	if a.code.locals > registers {
		a.slots += (a.search.merged.values + a.again) / inRegisters
	}
	a.work.frame = frameBase + 8*(slots+a.slots+int64(a.passed)+int64(len(signature.Results)))
	a.effort()
	return a.work
}

func (a *analysis) begin(c *code, signature Signature) {
	a.code = c
	a.work = work{}
	a.frames = append(a.frames[:0], frame{op: opBlock, loop: -1, results: len(signature.Results)})
	a.now, a.open, a.all = 0, a.open[:0], append(a.all[:0], counted{before: -1, loop: -1})
	a.targets, a.moved, a.blocks, a.height, a.kept, a.slots, a.changed, a.again, a.passed = 0, 0, 0, 0, 0, 0, 0, 0, 0
	a.epoch++
	a.search.begin(c.locals)
	if c.locals > len(a.setAt) {
		a.setAt = make([]int, c.locals)
	}
}

func (a *analysis) step(in *instruction) {
	a.count(in.op)
	a.work.heavy += heavy(in.op)
	switch in.op {
	case opBlock, opLoop, opIf:
		a.enter(in)
	case opElse:
		a.otherwise(in)
	case opEnd:
		a.leave()
	case opBr, opBrIf, opBrTable, opReturn, opUnreachable:
		a.jump(in)
	case opCall:
		a.call(a.module.types[a.module.functions[in.index]], int(in.index) >= a.module.imported[KindFunction])
	case opCallIndirect:
		a.pop(1)
		a.call(a.module.types[in.index], true)
	default:
		a.apply(in)
	}
}

// apply is for instructions that neither jump nor call a function.
func (a *analysis) apply(in *instruction) {
	e := effectOf(in.op)
	a.pop(e.pops)
	switch {
	case in.op == opLocalGet:
		a.search.read(in.index)
	case in.op == opLocalSet, in.op == opLocalTee:
		a.set(in.index)
	case dynamicCost(in.op).unit > 0:
		a.work.bulk = true
		a.work.branches += bulkBranches
		a.note()
	}
	a.push(e.pushes)
}

// free tells the instructions that no machine code comes from.
func free(o op) bool {
	switch o {
	case opBlock, opLoop, opElse, opEnd, opNop:
		return true
	}
	return false
}

func (a *analysis) count(o op) {
	if free(o) {
		return
	}
	a.all[a.now].cost++
	if a.loop() == nil {
		a.work.straight++
	}
}

// detour begins a stretch that need not be come to from the one before it.
func (a *analysis) detour(before int) {
	a.open = append(a.open, len(a.all))
	a.begins(before, -1)
}

func (a *analysis) begins(before, loop int) {
	a.now = len(a.all)
	a.all = append(a.all, counted{stretch{at: a.pos}, before, loop})
}

// settle ends the detours that began in a block, the last first, so that those that
// are too short alone may be long enough together.
func (a *analysis) settle(f *frame) {
	for i := len(a.open) - 1; i >= f.open; i-- {
		if d := &a.all[a.open[i]]; d.cost < shortest {
			a.all[d.before].cost += d.cost
			d.cost = 0
		}
	}
	a.open = a.open[:f.open]
}

// charges puts down what was counted.
func (a *analysis) charges() {
	a.work.cost = a.all[0].cost
	for _, s := range a.all[1:] {
		switch {
		case s.loop >= 0:
			a.work.loops[s.loop].cost = max(s.cost, 1)
		case s.cost > 0:
			a.work.detours = append(a.work.detours, s.stretch)
		}
	}
}

func (a *analysis) loop() *loop {
	if i := a.top().loop; i >= 0 {
		return &a.work.loops[i]
	}
	return nil
}

func (a *analysis) top() *frame { return &a.frames[len(a.frames)-1] }

// push puts operands onto the stack. Those that find no register have a place.
func (a *analysis) push(n int) {
	a.height += n
	if a.height > registers {
		a.slots += int64(n)
	}
}

// pop takes operands off the stack. In code that cannot be reached there may be
// fewer, down to those below the block.
func (a *analysis) pop(n int) {
	a.height = max(a.height-n, a.top().height)
	a.kept = min(a.kept, a.height)
}

func (a *analysis) enter(in *instruction) {
	if len(a.frames) > a.module.limits.Nesting {
		a.fail(in.start, "more than %s blocks are inside each other", grouped(uint64(a.module.limits.Nesting)))
		return
	}
	if in.op == opIf {
		a.work.branches++
		a.pop(1)
	}
	params, results := a.module.arity(in.block)
	a.pop(params)
	f := frame{op: in.op, before: a.now, open: len(a.open), loop: a.top().loop, height: a.height, params: params, results: results}
	f.ways = a.search.enter(in.op)
	switch in.op {
	case opBlock:
		a.blocks++
	case opIf:
		a.detour(a.now)
	case opLoop:
		f.loop = len(a.work.loops)
		a.begins(a.now, f.loop)
		a.work.branches += 2
		a.work.loops = append(a.work.loops, loop{params: params > 0})
	}
	a.frames = append(a.frames, f)
	a.push(params)
}

// arity is how many operands a block of a type takes and leaves.
func (m *module) arity(block int64) (params, results int) {
	if block >= 0 {
		return len(m.types[block].Params), len(m.types[block].Results)
	}
	if block == blockEmpty {
		return 0, 0
	}
	return 0, 1
}

func (a *analysis) otherwise(in *instruction) {
	f := a.top()
	if f.op != opIf {
		a.fail(in.start, "an else belongs to no if")
		return
	}
	f.op = opElse
	a.search.otherwise(&f.ways)
	a.settle(f)
	a.detour(f.before)
	a.work.branches++
	a.pop(a.height)
	a.push(f.params)
}

func (a *analysis) leave() {
	f := *a.top()
	a.search.leave(f.ways, f.op == opIf)
	a.pop(a.height)
	a.frames = a.frames[:len(a.frames)-1]
	a.height = f.height + f.results
	a.settle(&f)
	if len(a.frames) == 0 {
		return
	}
	a.detour(f.before)
}

func (a *analysis) jump(in *instruction) {
	switch in.op {
	case opBr:
		a.label(in, in.index)
	case opBrIf:
		a.work.branches++
		a.label(in, in.index)
		a.pop(1)
		a.search.pass()
		a.detour(a.now)
		return
	case opBrTable:
		a.work.branches++
		a.targets += len(in.targets)
		for _, depth := range in.targets {
			a.label(in, depth)
		}
	}
	a.search.dead = true
	a.pop(a.height)
}

func (a *analysis) label(in *instruction, depth uint32) {
	if uint64(depth) >= uint64(len(a.frames)) {
		a.fail(in.start, "there is no label %s", grouped(uint64(depth)))
		return
	}
	f := &a.frames[len(a.frames)-1-int(depth)]
	a.moved += f.carried()
	a.search.branch(&f.ways)
}

// carried is how many operands a branch to the block takes along.
func (f frame) carried() int {
	if f.op == opLoop {
		return f.params
	}
	return f.results
}

func (a *analysis) call(s Signature, descends bool) {
	moved := len(s.Params) + len(s.Results)
	a.moved += moved
	a.passed = max(a.passed, moved)
	a.pop(len(s.Params))
	a.note()
	a.work.descends = a.work.descends || descends
	a.push(len(s.Results))
}

// note says that there is a call here: values that are needed after it get places.
func (a *analysis) note() {
	a.slots += int64(a.height-a.kept) + a.changed
	a.kept, a.changed = a.height, 0
	a.epoch++
	a.work.calls = true
}

// set gives a local a value.
func (a *analysis) set(local uint32) {
	if a.err != nil {
		return
	}
	if !a.search.dead {
		a.search.merged.set(local)
	}
	if a.setAt[local] == a.epoch {
		a.again++
		return
	}
	a.setAt[local] = a.epoch
	a.changed++
}
