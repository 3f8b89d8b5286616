package meter

import (
	"bytes"
	"math"
	"strings"
)

// Sections by their number (5.5.2).
const (
	customSection = iota
	typeSection
	importSection
	functionSection
	tableSection
	memorySection
	globalSection
	exportSection
	startSection
	elementSection
	codeSection
	dataSection
	dataCountSection
	sectionCount
)

// preamble is how every module begins: a magic number and version 1 (5.5.16).
var preamble = []byte("\x00asm\x01\x00\x00\x00")

// sectionRanks orders sections in a file. They come by their number, except for
// the data count, which comes before the code.
var sectionRanks = [sectionCount]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7, 8: 8, 9: 9, dataCountSection: 10, codeSection: 11, dataSection: 12}

var sectionNames = [sectionCount]string{
	"custom", "type", "import", "function", "table", "memory", "global",
	"export", "start", "element", "code", "data", "data count",
}

// section is where the content of a section stands in the file.
type section struct {
	present    bool
	start, end int
	entries    int // where what follows the count of its vector begins
	count      int // of the entries in its vector
}

func (s section) size() int { return s.end - s.start }

// functionRef is the index of a function as it stands in the file, outside code.
type functionRef struct {
	start, end int
	index      uint32
}

// extent is the size of a memory in pages or of a table in entries.
type extent struct {
	element  ValueType // of a table
	min, max int       // max is -1 when there is none
}

// module is a file that was read.
type module struct {
	wasm     []byte
	limits   Limits
	sections [sectionCount]section

	types     []Signature
	imports   []Import
	functions []uint32 // type of each, the imported ones first
	imported  [4]int   // how many of each kind are imported
	tables    []extent // defined ones
	memory    *extent
	globals   int // imported and defined
	exports   []Export
	bodies    []body
	customs   []Custom
	elements  int           // entries of all element segments
	refs      []functionRef // in the order of the file
	analysis  analysis

	branchSquares int // of all functions that were read
	lookups       int // of those
	heavy         int // of those

	outline bool // the code of functions is left unread
}

// decode reads a module as far as the rewriter and the caps need it.
func decode(wasm []byte, l Limits) (*module, error) {
	return (&module{wasm: wasm, limits: l}).decode()
}

func (m *module) decode() (*module, error) {
	wasm := m.wasm
	r := &reader{data: wasm}
	m.preamble(r)
	last := 0
	for r.more() {
		last = m.section(r, last)
	}
	if r.err == nil && m.defined() != len(m.bodies) {
		r.fail(len(wasm), "%s functions are declared and %s have code", grouped(uint64(m.defined())), grouped(uint64(len(m.bodies))))
	}
	if r.err != nil {
		return nil, r.err
	}
	return m, nil
}

func (m *module) preamble(r *reader) {
	if len(m.wasm) > m.limits.Bytes {
		r.tooMany(0, "the module has", uint64(len(m.wasm)), "bytes", m.limits.Bytes)
		return
	}
	if !bytes.HasPrefix(m.wasm, preamble[:4]) {
		r.fail(0, "this is no WebAssembly module")
		return
	}
	if !bytes.HasPrefix(m.wasm, preamble) {
		r.fail(4, "this is no module of version 1 of the format")
		return
	}
	r.pos = len(preamble)
}

// section reads one section and returns the rank that the next must be above.
func (m *module) section(r *reader, last int) int {
	at := r.pos
	id := r.byte()
	size := r.length()
	if id >= sectionCount {
		r.fail(at, "section %d is outside WebAssembly 2.0", id)
		return last
	}
	part := &reader{data: r.data[:r.pos+size], pos: r.pos}
	if id != customSection && r.err == nil {
		last = m.place(r, part, at, int(id), last)
	}
	if r.err == nil {
		m.content(part, int(id))
		r.err = part.err
		r.pos = len(part.data)
	}
	return last
}

// place notes where a section stands, in its order and once.
func (m *module) place(r, part *reader, at, id, last int) int {
	if sectionRanks[id] <= last {
		r.fail(at, "the %s section is out of order or comes twice", sectionNames[id])
		return last
	}
	m.sections[id] = section{present: true, start: part.pos, end: len(part.data)}
	return sectionRanks[id]
}

func (m *module) content(r *reader, id int) {
	switch id {
	case customSection:
		m.customs = append(m.customs, Custom{Name: r.name(), Data: r.data[r.pos:]})
		return
	case startSection:
		m.reference(r)
	case dataCountSection:
		r.count(m.limits.Segments, "data segments")
	default:
		m.vector(r, id)
	}
	if r.more() {
		r.fail(r.pos, "the %s section is longer than what stands in it", sectionNames[id])
	}
}

// vector reads a section that is a count and as many entries.
func (m *module) vector(r *reader, id int) {
	most, what, entry := m.entry(id)
	s := &m.sections[id]
	s.count = r.count(most, what)
	s.entries = r.pos
	for i := 0; i < s.count && r.err == nil; i++ {
		entry(r)
	}
}

// entry says how many entries a section may have, what they are, and how one is
// read.
func (m *module) entry(id int) (most int, what string, read func(*reader)) {
	l := m.limits
	switch id {
	case typeSection:
		return l.Types, "types", m.functionType
	case importSection:
		return l.Imports, "imports", m.importEntry
	case functionSection:
		return l.Functions - m.imported[KindFunction], "functions beside its imported ones", m.declaration
	case tableSection:
		return l.Tables, "tables", m.table
	case memorySection:
		return 1, "memories", m.memoryEntry
	case globalSection:
		return l.Globals, "globals", m.global
	case exportSection:
		return l.Exports, "exports", m.export
	case elementSection:
		return l.Segments, "element segments", m.element
	case codeSection:
		return l.Functions, "functions", m.code
	default:
		return l.Segments - m.sections[elementSection].count, "data segments after its element segments", m.data
	}
}

// functionType reads an entry of the type section (5.3.6).
func (m *module) functionType(r *reader) {
	at := r.pos
	if form := r.byte(); form != 0x60 && r.err == nil {
		r.fail(at, "a type of form 0x%x is outside WebAssembly 2.0", form)
		return
	}
	params := m.valueTypes(r, "parameters")
	results := m.valueTypes(r, "results")
	m.types = append(m.types, Signature{Params: params, Results: results})
}

func (m *module) valueTypes(r *reader, what string) []ValueType {
	at := r.pos
	n := r.u32()
	if uint64(n) > uint64(m.limits.Values) {
		r.tooMany(at, "a type has", uint64(n), what, m.limits.Values)
		return nil
	}
	types := make([]ValueType, 0, min(int(n), len(r.data)-r.pos))
	for range n {
		types = append(types, valueType(r))
	}
	return types
}

func valueType(r *reader) ValueType {
	at := r.pos
	t := ValueType(r.byte())
	if !t.known() {
		r.fail(at, "value type 0x%x is outside WebAssembly 2.0", byte(t))
	}
	return t
}

func referenceType(r *reader) ValueType {
	at := r.pos
	t := valueType(r)
	if t != FuncRef && t != ExternRef {
		r.fail(at, "%s is no type of references", t)
	}
	return t
}

// importEntry reads an entry of the import section (5.5.5).
func (m *module) importEntry(r *reader) {
	imp := Import{at: r.pos}
	imp.Module, imp.Name = r.name(), r.name()
	at := r.pos
	imp.Kind = Kind(r.byte())
	switch imp.Kind {
	case KindFunction:
		imp.Type = m.declare(r)
	case KindTable:
		referenceType(r)
		m.extent(r, math.MaxInt32)
	case KindMemory:
		m.extent(r, maxPages)
	case KindGlobal:
		m.globalType(r)
		m.globals++
	default:
		r.fail(at, "an import of kind %d is outside WebAssembly 2.0", imp.Kind)
		return
	}
	m.imported[imp.Kind]++
	m.imports = append(m.imports, imp)
}

// declare reads the type of a function, which gets the next index.
func (m *module) declare(r *reader) Signature {
	index := r.index(len(m.types), "type")
	if r.err != nil {
		return Signature{}
	}
	m.functions = append(m.functions, index)
	return m.types[index]
}

func (m *module) declaration(r *reader) { m.declare(r) }

// defined is the number of functions that have code in the module.
func (m *module) defined() int { return len(m.functions) - m.imported[KindFunction] }

// extent reads the limits of a memory or table (5.3.7, 5.3.9).
func (m *module) extent(r *reader, most int) extent {
	at := r.pos
	flags := r.byte()
	switch {
	case flags&2 != 0:
		r.fail(at, "shared memory is outside WebAssembly 2.0 without threads")
	case flags&4 != 0:
		r.fail(at, "64-bit memories and tables are outside WebAssembly 2.0")
	case flags > 1:
		r.fail(at, "limits of form 0x%x are outside WebAssembly 2.0", flags)
	}
	e := extent{min: int(min(r.u32(), math.MaxInt32)), max: -1}
	if flags&1 != 0 {
		e.max = int(min(r.u32(), math.MaxInt32))
	}
	if e.max >= 0 && e.max < e.min {
		r.fail(at, "a maximum of %s is below the minimum of %s", grouped(uint64(e.max)), grouped(uint64(e.min)))
	}
	if max(e.min, e.max) > most {
		r.fail(at, "a memory has more than %s pages", grouped(uint64(most)))
	}
	return e
}

func (m *module) table(r *reader) {
	at := r.pos
	element := referenceType(r)
	t := m.extent(r, math.MaxInt32)
	t.element = element
	total := uint64(t.min)
	for _, other := range m.tables {
		total += uint64(other.min)
	}
	if total > uint64(m.limits.TableEntries) {
		r.tooMany(at, "the tables have", total, "entries", m.limits.TableEntries)
		return
	}
	m.tables = append(m.tables, t)
}

func (m *module) memoryEntry(r *reader) {
	at := r.pos
	memory := m.extent(r, maxPages)
	if memory.min > m.limits.Pages {
		r.tooMany(at, "the memory has", uint64(memory.min), "pages", m.limits.Pages)
		return
	}
	m.memory = &memory
}

// global reads an entry of the global section (5.5.9).
func (m *module) global(r *reader) {
	m.globalType(r)
	m.constant(r)
	m.globals++
}

func (m *module) globalType(r *reader) {
	valueType(r)
	at := r.pos
	if mutable := r.byte(); mutable > 1 {
		r.fail(at, "a global of mutability %d is outside WebAssembly 2.0", mutable)
	}
}

// export reads an entry of the export section (5.5.10).
func (m *module) export(r *reader) {
	e := Export{at: r.pos}
	e.Name = r.name()
	at := r.pos
	e.Kind = Kind(r.byte())
	switch e.Kind {
	case KindFunction:
		e.Type = m.reference(r)
	case KindTable:
		r.index(m.imported[KindTable]+len(m.tables), "table")
	case KindMemory:
		r.index(m.memories(), "memory")
	case KindGlobal:
		r.index(m.globals, "global")
	default:
		r.fail(at, "an export of kind %d is outside WebAssembly 2.0", e.Kind)
	}
	m.exports = append(m.exports, e)
}

func (m *module) memories() int {
	n := m.imported[KindMemory]
	if m.memory != nil {
		n++
	}
	return n
}

// reference reads the index of a function, notes where it stands, and returns the
// function's type.
func (m *module) reference(r *reader) Signature {
	start := r.pos
	index := r.index(len(m.functions), "function")
	if r.err != nil {
		return Signature{}
	}
	m.refs = append(m.refs, functionRef{start: start, end: r.pos, index: index})
	return m.types[m.functions[index]]
}

// constant reads an expression of one constant instruction (3.3.10).
func (m *module) constant(r *reader) {
	at := r.pos
	switch op := r.byte(); op {
	case 0x41:
		r.signed(32)
	case 0x42:
		r.signed(64)
	case 0x43:
		r.bytes(4)
	case 0x44:
		r.bytes(8)
	case 0x23:
		r.index(m.imported[KindGlobal], "imported global")
	case 0xd0:
		referenceType(r)
	case 0xd2:
		m.reference(r)
	case 0xfd:
		if r.u32() != 12 {
			r.fail(at, "an instruction is not constant")
		}
		r.bytes(16)
	default:
		r.fail(at, "an instruction is not constant")
	}
	at = r.pos
	if r.byte() != 0x0b {
		r.fail(at, "extended constant expressions are outside WebAssembly 2.0")
	}
}

// element reads a segment in one of its eight forms (5.5.12). Bit 0 of the form
// says that it is passive or declarative; bit 1 that it names its table, or that it
// is declarative; bit 2 that its entries are expressions.
func (m *module) element(r *reader) {
	at := r.pos
	form := r.u32()
	if form > 7 {
		r.fail(at, "an element segment of form %d is outside WebAssembly 2.0", form)
		return
	}
	if form&1 == 0 {
		m.elementOffset(r, form&2 != 0)
	}
	if form&3 != 0 {
		elementType(r, form&4 != 0)
	}
	n := r.u32()
	if total := uint64(m.elements) + uint64(n); total > uint64(m.limits.TableEntries) {
		r.tooMany(at, "the element segments have", total, "entries", m.limits.TableEntries)
		return
	}
	m.elements += int(n)
	for i := uint32(0); i < n && r.err == nil; i++ {
		if form&4 != 0 {
			m.constant(r)
			continue
		}
		m.reference(r)
	}
}

func (m *module) elementOffset(r *reader, named bool) {
	if named {
		r.index(m.imported[KindTable]+len(m.tables), "table")
	}
	m.constant(r)
}

func elementType(r *reader, expressions bool) {
	if expressions {
		referenceType(r)
		return
	}
	at := r.pos
	if kind := r.byte(); kind != 0 {
		r.fail(at, "element kind %d is outside WebAssembly 2.0", kind)
	}
}

// data reads a segment in one of its three forms (5.5.14).
func (m *module) data(r *reader) {
	at := r.pos
	form := r.u32()
	if form > 2 {
		r.fail(at, "a data segment of form %d is outside WebAssembly 2.0", form)
		return
	}
	if form == 2 {
		r.index(1, "memory")
	}
	if form != 1 {
		m.constant(r)
	}
	r.bytes(r.length())
}

// selfContained refuses what Rewrite does not take.
func (m *module) selfContained() error {
	for _, i := range m.imports {
		if i.Kind != KindFunction {
			return &Error{i.at, "the " + i.Kind.String() + " " + i.Module + "." + i.Name + " is imported; a module has its own"}
		}
		if i.Module == Module {
			return &Error{i.at, "the function " + i.Module + "." + i.Name + " is imported, which is the host's"}
		}
	}
	for _, e := range m.exports {
		if strings.HasPrefix(e.Name, reserved) {
			return &Error{e.at, "the export " + e.Name + " has a name of the host's"}
		}
	}
	return nil
}
