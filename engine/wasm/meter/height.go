package meter

// effect is how many values an instruction takes from the stack of operands and
// puts onto it.
type effect struct{ pops, pushes int }

// effectOf is for instructions whose effect follows from their code alone. It
// serves an estimate, so a number that no specification has defined may be wrong.
func effectOf(o op) effect {
	switch {
	case o >= prefixVector<<8:
		return vectorEffect(o & 0xff)
	case o >= prefixMisc<<8:
		return miscEffect(o)
	case 0x36 <= o && o <= 0x3e: // stores
		return effect{2, 0}
	case 0x28 <= o && o <= 0x35: // loads
		return effect{1, 1}
	case o >= 0x45 && o <= 0xc4:
		return numericEffect(o)
	}
	return plainEffect(o)
}

func plainEffect(o op) effect {
	switch o {
	case opLocalGet, opGlobalGet, opMemorySize, opI32Const, opI64Const, opF32Const, opF64Const, opRefNull, opRefFunc:
		return effect{0, 1}
	case opLocalSet, opGlobalSet, opBrIf, opIf, 0x1a: // drop
		return effect{1, 0}
	case opLocalTee, opTableGet, opMemoryGrow, opRefIsNull:
		return effect{1, 1}
	case opTableSet:
		return effect{2, 0}
	case opSelectTyped, 0x1b: // select
		return effect{3, 1}
	}
	return effect{}
}

// numericEffect tells instructions of one operand from those of two (2.4.1).
func numericEffect(o op) effect {
	switch {
	case o == 0x45, o == 0x50, // eqz
		0x67 <= o && o <= 0x69, 0x79 <= o && o <= 0x7b, // clz, ctz, popcnt
		0x8b <= o && o <= 0x91, 0x99 <= o && o <= 0x9f, // abs to sqrt
		o >= 0xa7: // conversions
		return effect{1, 1}
	}
	return effect{2, 1}
}

func miscEffect(o op) effect {
	switch {
	case o < opMemoryInit: // saturating conversions
		return effect{1, 1}
	case o == opDataDrop, o == opElemDrop:
		return effect{}
	case o == opTableSize:
		return effect{0, 1}
	case o == opTableGrow:
		return effect{2, 1}
	}
	return effect{3, 0}
}

// vectorEffect is by the number of a SIMD instruction (2.4.3).
func vectorEffect(number op) effect {
	switch {
	case number == 12: // const
		return effect{0, 1}
	case number == 11, 88 <= number && number <= 91: // stores
		return effect{2, 0}
	case number == 82: // bitselect
		return effect{3, 1}
	case number <= 10, 15 <= number && number <= 20, number == 92, number == 93, vectorUnary(number):
		return effect{1, 1}
	case 21 <= number && number <= 34 && extractsLane(number):
		return effect{1, 1}
	}
	return effect{2, 1}
}

func extractsLane(number op) bool {
	switch number {
	case 23, 26, 28, 30, 32, 34:
		return false
	}
	return true
}

func vectorUnary(number op) bool {
	switch {
	case number == 77, number == 83, number == 94, number == 95,
		96 <= number && number <= 98, 103 <= number && number <= 106,
		number == 116, number == 117, number == 122, 124 <= number && number <= 127,
		number == 148, 248 <= number:
		return true
	case 128 <= number && number < 224: // integers of 16, 32 and 64 bits, 32 numbers each
		low := number & 31
		return low <= 1 || low == 3 || low == 4 || 7 <= low && low <= 10
	case 99 <= number && number <= 100:
		return true
	}
	switch number {
	case 224, 225, 227, 236, 237, 239:
		return true
	}
	return false
}
