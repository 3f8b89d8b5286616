package meter

// op is an instruction's code (5.4). Those of the two prefixes have the prefix in
// the high byte and the number after it in the low one.
type op uint16

const (
	opUnreachable  op = 0x00
	opNop          op = 0x01
	opBlock        op = 0x02
	opLoop         op = 0x03
	opIf           op = 0x04
	opElse         op = 0x05
	opEnd          op = 0x0b
	opBr           op = 0x0c
	opBrIf         op = 0x0d
	opBrTable      op = 0x0e
	opReturn       op = 0x0f
	opCall         op = 0x10
	opCallIndirect op = 0x11
	opSelectTyped  op = 0x1c
	opLocalGet     op = 0x20
	opLocalSet     op = 0x21
	opLocalTee     op = 0x22
	opGlobalGet    op = 0x23
	opGlobalSet    op = 0x24
	opTableGet     op = 0x25
	opTableSet     op = 0x26
	opMemorySize   op = 0x3f
	opMemoryGrow   op = 0x40
	opI32Const     op = 0x41
	opI64Const     op = 0x42
	opF32Const     op = 0x43
	opF64Const     op = 0x44
	opRefNull      op = 0xd0
	opRefIsNull    op = 0xd1
	opRefFunc      op = 0xd2
	opMemoryInit   op = 0xfc08
	opDataDrop     op = 0xfc09
	opMemoryCopy   op = 0xfc0a
	opMemoryFill   op = 0xfc0b
	opTableInit    op = 0xfc0c
	opElemDrop     op = 0xfc0d
	opTableCopy    op = 0xfc0e
	opTableGrow    op = 0xfc0f
	opTableSize    op = 0xfc10
	opTableFill    op = 0xfc11
)

const (
	prefixMisc   = 0xfc
	prefixVector = 0xfd
)

// blockEmpty is the type of a block that neither takes nor leaves operands (5.4.1).
const blockEmpty = -64

// instruction is one that was read, with as much of its immediates as the
// rewriter needs.
type instruction struct {
	op         op
	start, end int    // in the file
	index      uint32 // of a label, local, global, function or type
	block      int64  // type of a block: an index, or below zero
	targets    []uint32
}

// code is what instructions of one function may name.
type code struct {
	*reader
	module *module
	locals int // of the function, parameters included
}

// next reads an instruction. The targets of a br_table stay until the next one.
func (c *code) next(in *instruction) {
	in.start = c.pos
	in.op = op(c.byte())
	if in.op == prefixMisc || in.op == prefixVector {
		c.prefixed(in)
	} else {
		c.immediates(in)
	}
	in.end = c.pos
}

func (c *code) immediates(in *instruction) {
	switch in.op {
	case opBlock, opLoop, opIf:
		in.block = c.blockType()
	case opBr, opBrIf:
		in.index = c.u32()
	case opBrTable:
		c.branchTable(in)
	case opCall, opRefFunc:
		in.index = c.index(len(c.module.functions), "function")
	case opCallIndirect:
		in.index = c.index(len(c.module.types), "type")
		c.tableIndex()
	case opSelectTyped:
		c.selectTypes()
	case opLocalGet, opLocalSet, opLocalTee:
		in.index = c.index(c.locals, "local")
	case opGlobalGet, opGlobalSet:
		in.index = c.index(c.module.globals, "global")
	case opTableGet, opTableSet:
		c.tableIndex()
	case opMemorySize, opMemoryGrow:
		c.memoryIndex()
	case opI32Const:
		c.signed(32)
	case opI64Const:
		c.signed(64)
	case opF32Const:
		c.bytes(4)
	case opF64Const:
		c.bytes(8)
	case opRefNull:
		referenceType(c.reader)
	default:
		c.plain(in)
	}
}

// plain reads instructions that access the memory or have no immediate.
func (c *code) plain(in *instruction) {
	switch o := in.op; {
	case 0x28 <= o && o <= 0x3e:
		c.memoryArgument()
	case o <= opNop, o == opElse, o == opEnd, o == opReturn, o == opRefIsNull:
	case o == 0x1a, o == 0x1b, 0x45 <= o && o <= 0xc4:
	default:
		c.fail(in.start, "instruction 0x%02x is outside WebAssembly 2.0%s", uint16(o), proposal(o))
	}
}

// proposal names what an unknown instruction comes from, for people.
func proposal(o op) string {
	switch o {
	case 0x06, 0x07, 0x08, 0x09, 0x0a, 0x18, 0x19, 0x1f:
		return " (exceptions)"
	case 0x12, 0x13:
		return " (tail calls)"
	case 0x14, 0x15, 0xd3, 0xd4, 0xd5, 0xd6:
		return " (typed function references)"
	case 0xfb:
		return " (garbage collection)"
	case 0xfe:
		return " (threads)"
	}
	return ""
}

// blockType reads the type of a block: an index, or a value type, which is below
// zero as a signed number.
func (c *code) blockType() int64 {
	at := c.pos
	t := c.signed(33)
	switch {
	case t >= int64(len(c.module.types)):
		c.fail(at, "there is no type %s", grouped(uint64(t)))
	case t >= 0, t == blockEmpty, t > blockEmpty && ValueType(t&0x7f).known():
		return t
	default:
		c.fail(at, "a block type is outside WebAssembly 2.0")
	}
	return blockEmpty
}

func (c *code) branchTable(in *instruction) {
	at := c.pos
	n := c.u32()
	if total := uint64(n) + 1; total > uint64(c.module.limits.BranchTargets) {
		c.tooMany(at, "a br_table has", total, "targets", c.module.limits.BranchTargets)
		return
	}
	in.targets = in.targets[:0]
	for i := uint32(0); i <= n && c.err == nil; i++ {
		in.targets = append(in.targets, c.u32())
	}
}

func (c *code) selectTypes() {
	at := c.pos
	if n := c.u32(); n != 1 {
		c.fail(at, "a select of %s types is outside WebAssembly 2.0", grouped(uint64(n)))
	}
	valueType(c.reader)
}

func (c *code) tableIndex() {
	c.index(c.module.imported[KindTable]+len(c.module.tables), "table")
}

func (c *code) memoryIndex() {
	at := c.pos
	if c.byte() != 0 {
		c.fail(at, "several memories are outside WebAssembly 2.0")
	}
}

// memoryArgument reads an alignment and an offset (5.4.6).
func (c *code) memoryArgument() {
	at := c.pos
	if align := c.u32(); align >= 32 {
		c.fail(at, "several memories are outside WebAssembly 2.0")
	}
	c.u32()
}

// prefixed reads the rest of an instruction of two numbers.
func (c *code) prefixed(in *instruction) {
	prefix, number := in.op, c.u32()
	if number > 0xff {
		c.fail(in.start, "instruction 0x%02x %s is outside WebAssembly 2.0", uint16(prefix), grouped(uint64(number)))
		return
	}
	in.op = prefix<<8 | op(number)
	if prefix == prefixVector {
		c.vectorImmediates(op(number))
		return
	}
	c.miscImmediates(in)
}

func (c *code) miscImmediates(in *instruction) {
	switch in.op {
	case opMemoryInit:
		c.u32()
		c.memoryIndex()
	case opDataDrop, opElemDrop:
		c.u32()
	case opMemoryCopy:
		c.memoryIndex()
		c.memoryIndex()
	case opMemoryFill:
		c.memoryIndex()
	case opTableInit:
		c.u32()
		c.tableIndex()
	case opTableCopy:
		c.tableIndex()
		c.tableIndex()
	case opTableGrow, opTableSize, opTableFill:
		c.tableIndex()
	default:
		if in.op > opTableFill {
			c.fail(in.start, "instruction 0xfc %d is outside WebAssembly 2.0", in.op&0xff)
		}
	}
}

// vectorImmediates reads those of a SIMD instruction by its number (5.4.8).
func (c *code) vectorImmediates(number op) {
	switch {
	case number <= 11, number == 92, number == 93:
		c.memoryArgument()
	case number == 12, number == 13:
		c.bytes(16)
	case 21 <= number && number <= 34:
		c.byte()
	case 84 <= number && number <= 91:
		c.memoryArgument()
		c.byte()
	}
}
