package meter_test

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// The tests write modules byte by byte where no text format would let them.

func u32(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func sized(parts ...[]byte) []byte {
	content := slices.Concat(parts...)
	return append(u32(len(content)), content...)
}

func name(s string) []byte { return sized([]byte(s)) }

// list is a count and as many entries.
func list(entries ...[]byte) []byte { return append(u32(len(entries)), slices.Concat(entries...)...) }

// times is a count and as many equal entries.
func times(n int, entry ...byte) []byte { return append(u32(n), bytes.Repeat(entry, n)...) }

func section(id byte, parts ...[]byte) []byte { return append([]byte{id}, sized(parts...)...) }

func module(sections ...[]byte) []byte {
	return append([]byte("\x00asm\x01\x00\x00\x00"), slices.Concat(sections...)...)
}

// entry is the code of a function without locals.
func entry(code ...byte) []byte { return sized([]byte{0}, code, []byte{0x0b}) }

var (
	voidType  = section(1, list([]byte{0x60, 0, 0}))
	oneVoid   = section(3, list(u32(0)))
	oneTable  = section(4, list([]byte{0x70, 0, 1}))
	oneMemory = section(5, list([]byte{0, 1}))
)

// function is a module with one function of type () -> () that has a body.
func function(body []byte) []byte {
	return module(voidType, oneVoid, oneTable, oneMemory, section(10, list(body)))
}

func code(instructions ...byte) []byte { return function(entry(instructions...)) }

// branches is so many ifs, one behind the other.
func branches(n int) []byte { return bytes.Repeat([]byte{0x41, 0, 0x04, 0x40, 0x0b}, n) }
