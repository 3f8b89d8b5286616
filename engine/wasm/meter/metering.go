package meter

import "slices"

// unchecked is what a function without calls may cost before it checks itself that
// there is fuel; a cheaper one leaves that to its caller, who checks soon.
const unchecked = 128

// functionBodies writes the entries of the code section.
func (w *rewriter) functionBodies() []byte {
	s := w.sections[codeSection]
	out := make([]byte, 0, s.size()+s.size()/2)
	m := &metering{rewriter: w}
	for i := range w.bodies {
		out = sized(out, m.function(&w.bodies[i]))
	}
	return out
}

// metering rewrites one function after another: it reads the instructions a second
// time, copies them, and writes its own between them.
type metering struct {
	*rewriter
	builder
	code   code
	body   *body
	copied int // how far the file has been copied

	cached  bool // the fuel is in a local
	counted bool // the stack is charged
	left    uint32
	spare   uint32 // a local for another i64
	length  uint32 // a local for an i32, the operand of a bulk operation

	depth int     // labels that are open
	open  []label // the blocks of the original that are open
	loops int     // that were begun
	gone  int     // detours that were charged
}

// label is a block of the original.
type label struct {
	level   int   // labels that were open before it
	carries bool  // a branch to it takes operands along
	quick   bool  // it is a loop in the quick form
	cost    int64 // of its round, then
}

func (m *metering) function(b *body) []byte {
	m.begin(b)
	m.locals()
	if m.wrapped() {
		m.block(opBlock, m.resultType())
		m.depth++
	}
	m.entry()
	m.open = append(m.open[:0], label{level: m.depth - 1, carries: len(b.signature.Results) > 0})
	m.instructions()
	m.exit()
	return m.builder.out
}

func (m *metering) begin(b *body) {
	m.builder.out = m.builder.out[:0]
	m.body = b
	m.code = code{
		reader: &reader{data: m.wasm[:b.end], pos: b.firstInstr},
		module: m.module, locals: b.locals,
	}
	m.copied, m.depth, m.loops, m.gone = b.firstInstr, 1, 0, 0
	m.cached, m.counted = b.hasQuick(), b.descends
	m.left = uint32(b.locals)
	m.spare, m.length = m.left+1, m.left+2
}

// mostLoops is how many loops a function may have for them to get the form that
// runs fastest: to compile that takes several times as long, and the time grows
// with the square.
const mostLoops = 100

// hasQuick reports whether a loop of the function is written in the quick form.
func (b *body) hasQuick() bool {
	return len(b.loops) <= mostLoops && slices.ContainsFunc(b.loops, loop.quick)
}

// quick reports whether a loop can have the quick form: there its operands would
// have to be passed to the loop around it as well.
func (l loop) quick() bool { return l.cost > 0 && !l.params }

// wrapped reports whether the function does something before it is left. Its code
// is in a block then, and leaves that block in place of the function.
func (m *metering) wrapped() bool { return m.cached || m.counted }

// locals writes the declarations of the original and two more.
func (m *metering) locals() {
	b := m.body
	m.u32(uint32(b.groups + 2))
	m.raw(m.wasm[b.firstGroup:b.firstInstr])
	m.raw([]byte{2, byte(I64), 1, byte(I32)})
}

// resultType is that of a block with the function's results.
func (m *metering) resultType() int64 {
	switch results := m.body.signature.Results; len(results) {
	case 0:
		return blockEmpty
	case 1:
		return int64(results[0]) - 0x80
	default:
		return m.typeIndex(Signature{Results: results})
	}
}

// entry charges what is outside loops, and the stack.
func (m *metering) entry() {
	b := m.body
	if m.counted {
		m.with(opGlobalGet, m.stack)
		m.i64(b.frame)
		m.op(opI64Sub)
		m.with(opLocalTee, m.spare)
		m.with(opGlobalSet, m.stack)
	}
	if m.cached || b.cost > 0 {
		m.with(opGlobalGet, m.fuel)
		m.i64(b.cost)
		m.op(opI64Sub)
		m.keep()
	}
	switch {
	case m.counted:
		m.checkBoth()
	case b.calls || b.straight > unchecked:
		m.check()
	}
}

// keep takes what is left from the stack of operands.
func (m *metering) keep() {
	if m.cached {
		m.with(opLocalSet, m.left)
		return
	}
	m.with(opLocalTee, m.left)
	m.with(opGlobalSet, m.fuel)
}

// put is keep where nobody looks at the local.
func (m *metering) put() {
	if m.cached {
		m.with(opLocalSet, m.left)
		return
	}
	m.with(opGlobalSet, m.fuel)
}

// take puts what is left onto the stack of operands.
func (m *metering) take() {
	if m.cached {
		m.with(opLocalGet, m.left)
		return
	}
	m.with(opGlobalGet, m.fuel)
}

// check calls Tick when the local says that nothing is left.
func (m *metering) check() {
	m.with(opLocalGet, m.left)
	m.ifNegative()
	m.refill()
	m.op(opEnd)
}

// checkBoth is check for the fuel and the stack in one comparison, since both are
// below zero as rarely.
func (m *metering) checkBoth() {
	m.with(opLocalGet, m.left)
	m.with(opLocalGet, m.spare)
	m.op(opI64Or)
	m.ifNegative()
	m.with(opLocalGet, m.spare)
	m.ifNegative()
	m.op(opUnreachable, opEnd)
	m.refill()
	m.op(opEnd)
}

func (m *metering) ifNegative() {
	m.i64(0)
	m.op(opI64LtS)
	m.block(opIf, blockEmpty)
}

func (m *metering) refill() {
	m.with(opLocalGet, m.left)
	m.with(opCall, m.tick)
	m.keep()
}

// exit gives back the fuel and the stack, after the wrapping block.
func (m *metering) exit() {
	if m.cached {
		m.with(opLocalGet, m.left)
		m.with(opGlobalSet, m.fuel)
	}
	if m.counted {
		m.with(opGlobalGet, m.stack)
		m.i64(m.body.frame)
		m.op(opI64Add)
		m.with(opGlobalSet, m.stack)
	}
	if m.wrapped() {
		m.op(opEnd)
	}
}

func (m *metering) instructions() {
	var in instruction
	for len(m.open) > 0 {
		m.code.next(&in)
		m.detour(&in)
		m.step(&in)
	}
	m.flush(m.body.end)
}

// detour charges what begins with an instruction. There is no check: a way back
// leads over the head of a loop, which has one.
func (m *metering) detour(in *instruction) {
	if m.gone == len(m.body.detours) || m.body.detours[m.gone].at != in.start {
		return
	}
	m.flush(in.start)
	m.take()
	m.i64(m.body.detours[m.gone].cost)
	m.op(opI64Sub)
	m.put()
	m.gone++
}

// flush copies the file up to a place.
func (m *metering) flush(to int) {
	m.raw(m.wasm[m.copied:to])
	m.copied = to
}

// skip leaves an instruction out, after copying what stands before it.
func (m *metering) skip(in *instruction) {
	m.flush(in.start)
	m.copied = in.end
}

func (m *metering) step(in *instruction) {
	switch in.op {
	case opBlock, opIf:
		_, results := m.arity(in.block)
		m.enter(label{level: m.depth, carries: results > 0}, 1)
	case opLoop:
		m.loop(in)
	case opEnd:
		m.leave(in)
	case opBr, opBrIf, opBrTable, opReturn:
		m.jump(in)
	case opCall, opRefFunc, opCallIndirect:
		m.call(in)
	default:
		if d := dynamicCost(in.op); d.unit > 0 {
			m.bulk(in, d)
		}
	}
}

func (m *metering) enter(l label, labels int) {
	m.open = append(m.open, l)
	m.depth += labels
}

func (m *metering) loop(in *instruction) {
	l := m.body.loops[m.loops]
	m.loops++
	if m.cached && l.quick() {
		m.quickLoop(in, l)
		return
	}
	m.enter(label{level: m.depth, carries: l.params}, 1)
	if l.cost == 0 {
		return
	}
	m.flush(in.end)
	m.take()
	m.i64(l.cost)
	m.op(opI64Sub)
	m.keep()
	m.check()
}

// quickLoop writes a loop in the form that the package comment shows. The check before the loop gives the place of the refill a second way in,
// so that there the compiler has values of its own, which it may keep in memory,
// for what the loop has in registers. It tests what is charged in the first round,
// and does not charge it: the head of the loop does.
func (m *metering) quickLoop(in *instruction, l loop) {
	m.skip(in)
	m.block(opBlock, in.block)
	m.block(opLoop, in.block)
	m.block(opBlock, blockEmpty)
	m.round(l, 0)
	m.block(opLoop, in.block)
	m.round(l, 1)
	m.with(opLocalGet, m.spare)
	m.with(opLocalSet, m.left)
	m.enter(label{level: m.depth + 3, quick: true, cost: l.cost}, 4)
}

// round leaves the loop for a refill when there is too little for one round.
func (m *metering) round(l loop, depth uint32) {
	m.with(opLocalGet, m.left)
	m.i64(l.cost)
	m.op(opI64Sub)
	m.with(opLocalTee, m.spare)
	m.i64(0)
	m.op(opI64LtS)
	m.leaveIf(depth)
}

// leave ends a block. After a quick loop comes its refill: the loop charges its round
// again when it is entered again, so that is given back here.
func (m *metering) leave(in *instruction) {
	l := m.open[len(m.open)-1]
	m.open = m.open[:len(m.open)-1]
	m.depth = l.level
	if !l.quick {
		return
	}
	m.depth -= 3
	m.flush(in.end)
	m.with(opBr, 2)
	m.op(opEnd)
	m.with(opLocalGet, m.spare)
	m.with(opCall, m.tick)
	m.i64(l.cost)
	m.op(opI64Add)
	m.with(opLocalSet, m.left)
	m.with(opBr, 0)
	m.op(opEnd, opEnd)
}

// jump gives a branch its depth among the labels that are open now.
func (m *metering) jump(in *instruction) {
	switch in.op {
	case opReturn:
		if m.wrapped() {
			m.skip(in)
			m.with(opBr, m.to(uint32(len(m.open)-1)))
		}
	case opBrTable:
		m.skip(in)
		m.with(opBrTable, uint32(len(in.targets)-1))
		for _, depth := range in.targets {
			m.u32(m.to(depth))
		}
	case opBrIf:
		m.skip(in)
		m.branchIf(in)
	default:
		m.skip(in)
		m.with(opBr, m.to(in.index))
	}
}

// branchIf writes a br_if as an if around a br where it can. The compiler makes one
// jump of a comparison and an if; for a br_if to a place that is reached in several
// ways, as the head of a loop is, it puts the outcome into a register first.
func (m *metering) branchIf(in *instruction) {
	if m.target(in.index).carries {
		m.with(opBrIf, m.to(in.index))
		return
	}
	m.leaveIf(m.to(in.index))
}

// leaveIf branches to a depth when the operand is not zero.
func (m *metering) leaveIf(depth uint32) {
	m.block(opIf, blockEmpty)
	m.with(opBr, depth+1)
	m.op(opEnd)
}

// to is the depth here of a label that had a depth in the original.
func (m *metering) to(depth uint32) uint32 {
	return uint32(m.depth - 1 - m.target(depth).level)
}

func (m *metering) target(depth uint32) *label { return &m.open[len(m.open)-1-int(depth)] }

// call renumbers, and sees to it that the global is right during calls.
func (m *metering) call(in *instruction) {
	m.flush(in.start)
	sync := m.cached && in.op != opRefFunc
	if sync {
		m.with(opLocalGet, m.left)
		m.with(opGlobalSet, m.fuel)
	}
	if in.op != opCallIndirect {
		m.skip(in)
		m.with(in.op, m.renumber(in.index))
	}
	m.flush(in.end)
	if sync {
		m.with(opGlobalGet, m.fuel)
		m.with(opLocalSet, m.left)
	}
}

// bulk charges for the last operand, and counts what memory.grow refuses.
func (m *metering) bulk(in *instruction, d dynamic) {
	m.flush(in.start)
	m.with(opLocalSet, m.length)
	m.take()
	m.units(d)
	m.op(opI64Sub)
	m.keep()
	m.check()
	m.with(opLocalGet, m.length)
	m.flush(in.end)
	if in.op == opMemoryGrow {
		m.countRefused()
	}
}

// units puts what the operation costs onto the stack of operands. The operand is
// unsigned and has 32 bits, so that nothing overflows.
func (m *metering) units(d dynamic) {
	m.with(opLocalGet, m.length)
	m.op(opI64ExtendU)
	if d.unit > 1 {
		m.i64(d.unit)
		m.op(opI64Mul)
	}
	if d.shift > 0 {
		m.i64(1<<d.shift - 1)
		m.op(opI64Add)
		m.i64(int64(d.shift))
		m.op(opI64ShrU)
	}
}

func (m *metering) countRefused() {
	m.with(opLocalTee, m.length)
	m.i32(-1)
	m.op(opI32Eq)
	m.block(opIf, blockEmpty)
	m.with(opGlobalGet, m.refused)
	m.i32(1)
	m.op(opI32Add)
	m.with(opGlobalSet, m.refused)
	m.op(opEnd)
	m.with(opLocalGet, m.length)
}
