package meter

import "encoding/binary"

// Sizes and factors of bulk operations.
type dynamic struct {
	unit  int64 // fuel for each of what the operand counts; 0: the operation is none
	shift uint  // or for each 1<<shift of them, rounded up
}

// dynamicCost is what an operation costs beside the instruction, by its last
// operand.
func dynamicCost(o op) dynamic {
	switch o {
	case opMemoryFill, opMemoryCopy, opMemoryInit:
		return dynamic{unit: 1, shift: 3}
	case opTableFill, opTableCopy, opTableInit, opTableGrow:
		return dynamic{unit: 1}
	case opMemoryGrow:
		return dynamic{unit: 8192}
	}
	return dynamic{}
}

// Instructions that only the rewriter writes.
const (
	opI32Eq      op = 0x46
	opI64LtS     op = 0x53
	opI32Add     op = 0x6a
	opI64Add     op = 0x7c
	opI64Sub     op = 0x7d
	opI64Mul     op = 0x7e
	opI64Or      op = 0x84
	opI64ShrU    op = 0x88
	opI64ExtendU op = 0xad
)

// builder writes code.
type builder struct{ out []byte }

func (b *builder) raw(p []byte) { b.out = append(b.out, p...) }

func (b *builder) op(ops ...op) {
	for _, o := range ops {
		b.out = append(b.out, byte(o))
	}
}

func (b *builder) u32(n uint32) { b.out = binary.AppendUvarint(b.out, uint64(n)) }

func (b *builder) with(o op, index uint32) {
	b.op(o)
	b.u32(index)
}

func (b *builder) i64(n int64) {
	b.op(opI64Const)
	b.out = appendSigned(b.out, n)
}

func (b *builder) i32(n int32) {
	b.op(opI32Const)
	b.out = appendSigned(b.out, int64(n))
}

// block writes block, loop or if, without operands.
func (b *builder) block(o op, results int64) {
	b.op(o)
	b.out = appendSigned(b.out, results)
}

// appendSigned writes a signed number in as few bytes as it takes (5.2.2).
func appendSigned(out []byte, n int64) []byte {
	for {
		low := byte(n & 0x7f)
		n >>= 7
		if n == 0 && low&0x40 == 0 || n == -1 && low&0x40 != 0 {
			return append(out, low)
		}
		out = append(out, low|0x80)
	}
}

// sized appends a part with its length before it.
func sized(out, part []byte) []byte {
	out = binary.AppendUvarint(out, uint64(len(part)))
	return append(out, part...)
}

func named(out []byte, name string) []byte { return sized(out, []byte(name)) }
