package meter_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine/wasm/meter"
)

// refusals is every reason for which a module is refused.
var refusals = []struct {
	name   string
	wasm   []byte
	limits meter.Limits
	want   string
}{
	{name: "empty", want: "at byte 0x0: this is no WebAssembly module"},
	{name: "no magic", wasm: []byte("MZ\x90\x00\x03\x00\x00\x00"), want: "at byte 0x0: this is no WebAssembly module"},
	{name: "another version", wasm: []byte("\x00asm\x0d\x00\x01\x00"), want: "at byte 0x4: this is no module of version 1 of the format"},
	{name: "bytes", wasm: make([]byte, 200), limits: meter.Limits{Bytes: 100}, want: "at byte 0x0: the module has 200 bytes; 100 are allowed"},
	{name: "section cut off", wasm: append(module(), 1, 9), want: "at byte 0x9: the next 9 bytes reach beyond the end"},
	{name: "section without a length", wasm: append(module(), 1), want: "at byte 0x9: the file ends too soon"},
	{name: "unknown section", wasm: module(section(13)), want: "at byte 0x8: section 13 is outside WebAssembly 2.0"},
	{name: "section twice", wasm: module(voidType, voidType), want: "at byte 0xe: the type section is out of order or comes twice"},
	{name: "sections out of order", wasm: module(oneMemory, voidType), want: "at byte 0xd: the type section is out of order or comes twice"},
	{name: "section with a rest", wasm: module(section(1, list(), []byte{0})), want: "at byte 0xb: the type section is longer than what stands in it"},
	{name: "number too long", wasm: module(section(1, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0})), want: "at byte 0xa: a number is longer than 32 bits"},
	{name: "number beyond 32 bits", wasm: module(section(1, []byte{0x80, 0x80, 0x80, 0x80, 0x10})), want: "at byte 0xa: a number is longer than 32 bits"},
	{name: "name not UTF-8", wasm: module(section(0, name("\xff"))), want: "at byte 0xa: a name is not UTF-8"},

	{name: "types", wasm: module(section(1, times(3, 0x60, 0, 0))), limits: meter.Limits{Types: 2}, want: "at byte 0xa: the module has 3 types; 2 are allowed"},
	{name: "type of a structure", wasm: module(section(1, list([]byte{0x5f, 0}))), want: "at byte 0xb: a type of form 0x5f is outside WebAssembly 2.0"},
	{name: "parameters", wasm: module(section(1, list(slices.Concat([]byte{0x60}, times(3, 0x7f), u32(0))))), limits: meter.Limits{Values: 2}, want: "at byte 0xc: a type has 3 parameters; 2 are allowed"},
	{name: "results", wasm: module(section(1, list(slices.Concat([]byte{0x60, 0}, times(3, 0x7f))))), limits: meter.Limits{Values: 2}, want: "at byte 0xd: a type has 3 results; 2 are allowed"},
	{name: "typed reference", wasm: module(section(1, list([]byte{0x60, 1, 0x64, 0, 0}))), want: "at byte 0xd: value type 0x64 is outside WebAssembly 2.0"},

	{name: "imports", wasm: module(voidType, section(2, times(3, 0, 0, 0, 0))), limits: meter.Limits{Imports: 2}, want: "at byte 0x10: the module has 3 imports; 2 are allowed"},
	{name: "import of a tag", wasm: module(voidType, section(2, list(slices.Concat(name("env"), name("e"), []byte{4, 0, 0})))), want: "at byte 0x17: an import of kind 4 is outside WebAssembly 2.0"},
	{name: "imported memory", wasm: module(section(2, list(slices.Concat(name("env"), name("m"), []byte{2, 0, 1})))), want: "at byte 0xb: the memory env.m is imported; a module has its own"},
	{name: "imported table", wasm: module(section(2, list(slices.Concat(name("env"), name("t"), []byte{1, 0x70, 0, 1})))), want: "at byte 0xb: the table env.t is imported; a module has its own"},
	{name: "imported global", wasm: module(section(2, list(slices.Concat(name("env"), name("g"), []byte{3, 0x7f, 0})))), want: "at byte 0xb: the global env.g is imported; a module has its own"},
	{name: "imported tick", wasm: module(voidType, section(2, list(slices.Concat(name(meter.Module), name(meter.Tick), []byte{0, 0})))), want: "at byte 0x11: the function tqx.meter.tick is imported, which is the host's"},
	{name: "import without a type", wasm: module(section(2, list([]byte{0, 0, 0, 0}))), want: "at byte 0xe: there is no type 0"},

	{name: "functions", wasm: module(voidType, section(3, times(3, 0))), limits: meter.Limits{Functions: 2}, want: "at byte 0x10: the module has 3 functions beside its imported ones; 2 are allowed"},
	{name: "imported and defined functions", wasm: module(voidType, section(2, times(2, 0, 0, 0, 0)), section(3, times(1, 0))), limits: meter.Limits{Functions: 2}, want: "at byte 0x1b: the module has 1 functions beside its imported ones; 0 are allowed"},
	{name: "function without a type", wasm: module(section(3, list(u32(0)))), want: "at byte 0xb: there is no type 0"},
	{name: "function without code", wasm: module(voidType, oneVoid), want: "at byte 0x12: 1 functions are declared and 0 have code"},
	{name: "code without a function", wasm: module(voidType, oneVoid, section(10, list(entry(), entry()))), want: "at byte 0x18: more functions have code than are declared"},

	{name: "tables", wasm: module(section(4, times(17, 0x70, 0, 0))), want: "at byte 0xa: the module has 17 tables; 16 are allowed"},
	{name: "entries of tables", wasm: module(section(4, times(2, append([]byte{0x70, 0}, u32(600_000)...)...))), want: "at byte 0x10: the tables have 1,200,000 entries; 1,048,576 are allowed"},
	{name: "table of numbers", wasm: module(section(4, list([]byte{0x7f, 0, 0}))), want: "at byte 0xb: i32 is no type of references"},
	{name: "64-bit table", wasm: module(section(4, list([]byte{0x70, 4, 0}))), want: "at byte 0xc: 64-bit memories and tables are outside WebAssembly 2.0"},
	{name: "two memories", wasm: module(section(5, times(2, 0, 1))), want: "at byte 0xa: the module has 2 memories; 1 are allowed"},
	{name: "pages", wasm: module(section(5, list(append([]byte{0}, u32(1025)...)))), want: "at byte 0xb: the memory has 1,025 pages; 1,024 are allowed"},
	{name: "maximum of pages", wasm: module(section(5, list(append([]byte{1, 1}, u32(65537)...)))), want: "at byte 0xb: a memory has more than 65,536 pages"},
	{name: "maximum below minimum", wasm: module(section(5, list([]byte{1, 2, 1}))), want: "at byte 0xb: a maximum of 1 is below the minimum of 2"},
	{name: "shared memory", wasm: module(section(5, list([]byte{3, 1, 2}))), want: "at byte 0xb: shared memory is outside WebAssembly 2.0 without threads"},
	{name: "64-bit memory", wasm: module(section(5, list([]byte{4, 1}))), want: "at byte 0xb: 64-bit memories and tables are outside WebAssembly 2.0"},
	{name: "memory with a page size", wasm: module(section(5, list([]byte{8, 1, 0}))), want: "at byte 0xb: limits of form 0x8 are outside WebAssembly 2.0"},
	{name: "globals", wasm: module(section(6, times(3, 0x7f, 0, 0x41, 0, 0x0b))), limits: meter.Limits{Globals: 2}, want: "at byte 0xa: the module has 3 globals; 2 are allowed"},
	{name: "mutability", wasm: module(section(6, list([]byte{0x7f, 2, 0x41, 0, 0x0b}))), want: "at byte 0xc: a global of mutability 2 is outside WebAssembly 2.0"},
	{name: "extended constant", wasm: module(section(6, list([]byte{0x7f, 0, 0x41, 0, 0x41, 0, 0x6a, 0x0b}))), want: "at byte 0xf: extended constant expressions are outside WebAssembly 2.0"},
	{name: "not a constant", wasm: module(section(6, list([]byte{0x7f, 0, 0x0b}))), want: "at byte 0xd: an instruction is not constant"},
	{name: "vector that is not a constant", wasm: module(section(6, list([]byte{0x7b, 0, 0xfd, 0, 0x0b}))), want: "at byte 0xd: an instruction is not constant"},
	{name: "global of a global", wasm: module(section(6, list([]byte{0x7f, 0, 0x41, 0, 0x0b}, []byte{0x7f, 0, 0x23, 0, 0x0b}))), want: "at byte 0x13: there is no imported global 0"},

	{name: "exports", wasm: module(oneMemory, section(7, times(3, 1, 'm', 2, 0))), limits: meter.Limits{Exports: 2}, want: "at byte 0xf: the module has 3 exports; 2 are allowed"},
	{name: "export with a name of the host", wasm: module(oneMemory, section(7, list(append(name("tqx.x"), 2, 0)))), want: "at byte 0x10: the export tqx.x has a name of the host's"},
	{name: "export of a tag", wasm: module(section(7, list([]byte{1, 'e', 4, 0}))), want: "at byte 0xd: an export of kind 4 is outside WebAssembly 2.0"},
	{name: "export of no function", wasm: module(section(7, list([]byte{1, 'e', 0, 0}))), want: "at byte 0xe: there is no function 0"},
	{name: "export of no table", wasm: module(section(7, list([]byte{1, 'e', 1, 0}))), want: "at byte 0xe: there is no table 0"},
	{name: "export of no memory", wasm: module(section(7, list([]byte{1, 'e', 2, 0}))), want: "at byte 0xe: there is no memory 0"},
	{name: "export of no global", wasm: module(section(7, list([]byte{1, 'e', 3, 0}))), want: "at byte 0xe: there is no global 0"},
	{name: "start without a function", wasm: module(section(8, u32(0))), want: "at byte 0xa: there is no function 0"},

	{name: "element segments", wasm: module(section(9, times(3, 1, 0, 0))), limits: meter.Limits{Segments: 2}, want: "at byte 0xa: the module has 3 element segments; 2 are allowed"},
	{name: "form of an element segment", wasm: module(section(9, list([]byte{8}))), want: "at byte 0xb: an element segment of form 8 is outside WebAssembly 2.0"},
	{name: "kind of elements", wasm: module(section(9, list([]byte{1, 1, 0}))), want: "at byte 0xc: element kind 1 is outside WebAssembly 2.0"},
	{name: "elements", wasm: module(section(9, list(append([]byte{5, 0x70}, u32(1<<20+1)...)))), want: "at byte 0xb: the element segments have 1,048,577 entries; 1,048,576 are allowed"},
	{name: "elements for no table", wasm: module(section(9, list([]byte{2, 1, 0x41, 0, 0x0b, 0, 0}))), want: "at byte 0xc: there is no table 1"},
	{name: "element without a function", wasm: module(section(9, list([]byte{1, 0, 1, 0}))), want: "at byte 0xe: there is no function 0"},
	{name: "data segments", wasm: module(section(9, times(2, 1, 0, 0)), section(11, times(1, 1, 0))), limits: meter.Limits{Segments: 2}, want: "at byte 0x13: the module has 1 data segments after its element segments; 0 are allowed"},
	{name: "count of data segments", wasm: module(section(12, u32(100_001))), want: "at byte 0xa: the module has 100,001 data segments; 100,000 are allowed"},
	{name: "form of a data segment", wasm: module(section(11, list([]byte{3}))), want: "at byte 0xb: a data segment of form 3 is outside WebAssembly 2.0"},
	{name: "data for a second memory", wasm: module(section(11, list([]byte{2, 1, 0x41, 0, 0x0b, 0}))), want: "at byte 0xc: there is no memory 1"},
	{name: "data cut off", wasm: module(section(11, list([]byte{1, 9}))), want: "at byte 0xc: the next 9 bytes reach beyond the end"},

	{name: "code of a function", wasm: code(bytes.Repeat([]byte{1}, 100)...), limits: meter.Limits{Code: 100}, want: "at byte 0x20: function 0 has 102 bytes of code; 100 are allowed"},
	{name: "locals", wasm: function(sized(list(append(u32(20_000), 0x7f)), []byte{0x0b})), want: "at byte 0x21: function 0 has 20,000 locals; 10,000 are allowed"},
	{name: "locals in groups", wasm: function(sized(list(append(u32(6_000), 0x7f), append(u32(6_000), 0x7e)), []byte{0x0b})), want: "at byte 0x21: function 0 has 12,000 locals; 10,000 are allowed"},
	{name: "locals that overflow", wasm: function(sized(list(append(u32(1<<32-1), 0x7f), append(u32(2), 0x7f)), []byte{0x0b})), want: "at byte 0x21: function 0 has 4,294,967,295 locals; 10,000 are allowed"},
	{name: "parameters and locals", wasm: module(section(1, list([]byte{0x60, 1, 0x7f, 0})), oneVoid, section(10, list(sized(list(append(u32(10_000), 0x7f)), []byte{0x0b})))), want: "at byte 0x17: function 0 has 10,001 locals; 10,000 are allowed"},
	{name: "local of an unknown type", wasm: function(sized([]byte{1, 1, 0x40}, []byte{0x0b})), want: "at byte 0x23: value type 0x40 is outside WebAssembly 2.0"},
	{name: "code without an end", wasm: function(sized([]byte{0, 1})), want: "at byte 0x23: function 0: the file ends too soon"},
	{name: "code after its end", wasm: code(0x0b), want: "at byte 0x23: function 0: there is code after its end"},
	{name: "else without an if", wasm: code(0x05), want: "at byte 0x22: function 0: an else belongs to no if"},
	{name: "else twice", wasm: code(0x41, 0, 0x04, 0x40, 0x05, 0x05, 0x0b), want: "at byte 0x27: function 0: an else belongs to no if"},
	{name: "nesting", wasm: code(slices.Concat(bytes.Repeat([]byte{0x02, 0x40}, 3), bytes.Repeat([]byte{0x0b}, 3))...), limits: meter.Limits{Nesting: 2}, want: "at byte 0x26: function 0: more than 2 blocks are inside each other"},
	{name: "targets of a br_table", wasm: code(0x41, 0, 0x0e, 2, 0, 0, 0), limits: meter.Limits{BranchTargets: 2}, want: "at byte 0x25: function 0: a br_table has 3 targets; 2 are allowed"},
	{name: "branches", wasm: code(branches(101)...), limits: meter.Limits{Branches: 100}, want: "at byte 0x21: function 0 has 101 branches; 100 are allowed"},
	{
		name:   "branches together",
		wasm:   module(voidType, section(3, times(2, 0)), section(10, list(entry(branches(80)...), entry(branches(80)...)))),
		limits: meter.Limits{Branches: 100}, want: "at byte 0x1ab: the squares of the functions' branches are 12,800 together; 10,000 are allowed",
	},
	{name: "growth of memory", wasm: code(bytes.Repeat([]byte{0x41, 0, 0x40, 0, 0x1a}, 26)...), limits: meter.Limits{Branches: 100}, want: "at byte 0x21: function 0 has 104 branches; 100 are allowed"},
	{name: "bulk operations", wasm: code(bytes.Repeat([]byte{0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 11, 0}, 26)...), limits: meter.Limits{Branches: 100}, want: "at byte 0x21: function 0 has 104 branches; 100 are allowed"},
	{name: "blocks", wasm: code(bytes.Repeat([]byte{0x02, 0x40, 0x0b}, 404)...), limits: meter.Limits{Branches: 100}, want: "at byte 0x21: function 0 has 101 branches; 100 are allowed"},
	{name: "calls", wasm: code(bytes.Repeat([]byte{0x10, 0}, 51)...), limits: meter.Limits{Heavy: 100}, want: "at byte 0x20: function 0 has 102 units of heavy instructions; 100 are allowed"},
	{name: "indirect calls", wasm: code(bytes.Repeat([]byte{0x41, 0, 0x11, 0, 0}, 7)...), limits: meter.Limits{Heavy: 100}, want: "at byte 0x20: function 0 has 105 units of heavy instructions; 100 are allowed"},
	{name: "divisions", wasm: code(bytes.Repeat([]byte{0x41, 1, 0x41, 1, 0x6d, 0x1a}, 21)...), limits: meter.Limits{Heavy: 100}, want: "at byte 0x21: function 0 has 105 units of heavy instructions; 100 are allowed"},
	{
		name:   "heavy instructions together",
		wasm:   module(voidType, section(3, times(5, 0)), section(10, list(slices.Repeat([][]byte{entry(bytes.Repeat([]byte{0x10, 0}, 50)...)}, 5)...))),
		limits: meter.Limits{Heavy: 100}, want: "at byte 0x1b6: the functions' heavy instructions are 500 units together; 400 are allowed",
	},
	{name: "locals behind ifs", wasm: reading(10, 20, 0x41, 0, 0x04, 0x40, 0x0b), limits: meter.Limits{Lookups: 400}, want: "at byte 0x21: function 0 has 600 lookups of locals; 400 are allowed"},
	{name: "locals in loops", wasm: reading(10, 20, 0x03, 0x40, 0x0b), limits: meter.Limits{Lookups: 400}, want: "at byte 0x20: function 0 has 1,000 lookups of locals; 400 are allowed"},
	{name: "locals behind branches", wasm: reading(30, 20, 0x41, 0, 0x0d, 0), limits: meter.Limits{Lookups: 400}, want: "at byte 0x21: function 0 has 7,530 lookups of locals; 400 are allowed"},
	{name: "label", wasm: code(0x0c, 1), want: "at byte 0x22: function 0: there is no label 1"},
	{name: "label of a table", wasm: code(0x41, 0, 0x0e, 1, 0, 1), want: "at byte 0x24: function 0: there is no label 1"},
	{name: "local", wasm: code(0x20, 0, 0x1a), want: "at byte 0x23: function 0: there is no local 0"},
	{name: "global", wasm: code(0x23, 0, 0x1a), want: "at byte 0x23: function 0: there is no global 0"},
	{name: "global that is added", wasm: code(0x42, 0, 0x24, 0), want: "at byte 0x25: function 0: there is no global 0"},
	{name: "called function", wasm: code(0x10, 1), want: "at byte 0x23: function 0: there is no function 1"},
	{name: "type of an indirect call", wasm: code(0x41, 0, 0x11, 1, 0), want: "at byte 0x25: function 0: there is no type 1"},
	{name: "table of an indirect call", wasm: code(0x41, 0, 0x11, 0, 1), want: "at byte 0x26: function 0: there is no table 1"},
	{name: "type of a block", wasm: code(0x02, 1, 0x0b), want: "at byte 0x23: function 0: there is no type 1"},
	{name: "typed reference of a block", wasm: code(0x02, 0x64, 0x0b), want: "at byte 0x23: function 0: a block type is outside WebAssembly 2.0"},
	{name: "select of two types", wasm: code(0x1c, 2, 0x7f, 0x7f), want: "at byte 0x23: function 0: a select of 2 types is outside WebAssembly 2.0"},
	{name: "second memory", wasm: code(0x3f, 1, 0x1a), want: "at byte 0x23: function 0: several memories are outside WebAssembly 2.0"},
	{name: "load from a second memory", wasm: code(0x41, 0, 0x28, 0x40, 1, 0, 0x1a), want: "at byte 0x25: function 0: several memories are outside WebAssembly 2.0"},
	{name: "exceptions", wasm: code(0x08, 0), want: "at byte 0x22: function 0: instruction 0x08 is outside WebAssembly 2.0 (exceptions)"},
	{name: "tail calls", wasm: code(0x12, 0), want: "at byte 0x22: function 0: instruction 0x12 is outside WebAssembly 2.0 (tail calls)"},
	{name: "typed function references", wasm: code(0x14, 0), want: "at byte 0x22: function 0: instruction 0x14 is outside WebAssembly 2.0 (typed function references)"},
	{name: "garbage collection", wasm: code(0xfb, 0), want: "at byte 0x22: function 0: instruction 0xfb is outside WebAssembly 2.0 (garbage collection)"},
	{name: "threads", wasm: code(0xfe, 0, 0), want: "at byte 0x22: function 0: instruction 0xfe is outside WebAssembly 2.0 (threads)"},
	{name: "unknown instruction", wasm: code(0xff), want: "at byte 0x22: function 0: instruction 0xff is outside WebAssembly 2.0"},
	{name: "unknown number after 0xfc", wasm: code(0xfc, 18), want: "at byte 0x22: function 0: instruction 0xfc 18 is outside WebAssembly 2.0"},
	{name: "relaxed vectors", wasm: code(0xfd, 0x80, 0x02), want: "at byte 0x22: function 0: instruction 0xfd 256 is outside WebAssembly 2.0"},
	{name: "null of a number", wasm: code(0xd0, 0x7f), want: "at byte 0x23: function 0: i32 is no type of references"},
}

// reading is a function that reads so many locals behind so many times the same code.
func reading(locals, times int, instructions ...byte) []byte {
	body := append(append([]byte{1}, u32(locals)...), 0x7f)
	body = append(body, bytes.Repeat(instructions, times)...)
	for i := range locals {
		body = append(body, 0x20, byte(i), 0x1a)
	}
	return function(sized(append(body, 0x0b)))
}

func TestRefusals(t *testing.T) {
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			_, err := meter.Rewrite(r.wasm, r.limits)
			var refused *meter.Error
			if !errors.As(err, &refused) {
				t.Fatalf("not refused: %v", err)
			}
			if diff := cmp.Diff(r.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
