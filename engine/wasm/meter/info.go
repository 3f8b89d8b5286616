package meter

import "strings"

// ValueType is a type of values, with the code it has in the format (5.3).
type ValueType byte

// The value types of WebAssembly 2.0.
const (
	I32       ValueType = 0x7f
	I64       ValueType = 0x7e
	F32       ValueType = 0x7d
	F64       ValueType = 0x7c
	V128      ValueType = 0x7b
	FuncRef   ValueType = 0x70
	ExternRef ValueType = 0x6f
)

func (t ValueType) String() string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	case V128:
		return "v128"
	case FuncRef:
		return "funcref"
	case ExternRef:
		return "externref"
	}
	return "unknown"
}

func (t ValueType) known() bool { return t.String() != "unknown" }

// Signature is the type of a function.
type Signature struct{ Params, Results []ValueType }

// String writes a signature as "(i32, i32) -> (i64)".
func (s Signature) String() string {
	return "(" + listed(s.Params) + ") -> (" + listed(s.Results) + ")"
}

func listed(types []ValueType) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.String()
	}
	return strings.Join(names, ", ")
}

// Kind says what is imported or exported, with the code it has in the format
// (5.5.5).
type Kind byte

// What can be imported or exported.
const (
	KindFunction Kind = iota
	KindTable
	KindMemory
	KindGlobal
)

func (k Kind) String() string {
	switch k {
	case KindFunction:
		return "function"
	case KindTable:
		return "table"
	case KindMemory:
		return "memory"
	case KindGlobal:
		return "global"
	}
	return "unknown"
}

// Import is what a module wants from its host.
type Import struct {
	Module, Name string
	Kind         Kind
	Type         Signature // of a function

	at int // the byte in the file
}

// Export is what a module gives to its host.
type Export struct {
	Name string
	Kind Kind
	Type Signature // of a function

	at int // the byte in the file
}

// Custom is a section that is not code. Its data is a part of the file, which it
// shares.
type Custom struct {
	Name string
	Data []byte
}

// Info is what stands in a module.
type Info struct {
	Imports   []Import // in the order of the file, as are all
	Exports   []Export
	Customs   []Custom
	Functions int  // that it defines
	MemoryMin int  // pages; -1 when it defines no memory
	MemoryMax int  // pages; -1 when it names none
	Tables    int  // that it defines
	TableMin  int  // entries of all tables together
	Start     bool // whether code runs when it is instantiated
	CodeBytes int  // of all functions together
	DataBytes int  // of the file's data section
}

func (m *module) info() *Info {
	info := &Info{
		Imports:   m.imports,
		Exports:   m.exports,
		Customs:   m.customs,
		Functions: len(m.bodies),
		MemoryMin: -1,
		MemoryMax: -1,
		Tables:    len(m.tables),
		Start:     m.sections[startSection].present,
		CodeBytes: m.sections[codeSection].size(),
		DataBytes: m.sections[dataSection].size(),
	}
	if m.memory != nil {
		info.MemoryMin, info.MemoryMax = m.memory.min, m.memory.max
	}
	for _, t := range m.tables {
		info.TableMin += t.min
	}
	return info
}
