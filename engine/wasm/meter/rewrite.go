package meter

import (
	"encoding/binary"
	"slices"
)

// rewriter puts the new module together. Sections that it does not change are
// copied; the index of a function is renumbered wherever it stands in one.
type rewriter struct {
	*module
	out     []byte
	added   []byte           // types, encoded
	indices map[string]int64 // of the added types, by their encoding
	refs    []functionRef    // those that are still to come

	tick                 uint32 // index of the function
	fuel, stack, refused uint32 // indices of globals
}

// rewrite returns the module with its steps counted.
func rewrite(m *module) []byte {
	n := uint32(m.globals)
	w := &rewriter{
		module:  m,
		out:     append(make([]byte, 0, len(m.wasm)+len(m.wasm)/2), preamble...),
		indices: map[string]int64{},
		refs:    m.refs,
		tick:    uint32(m.imported[KindFunction]),
		fuel:    n,
		stack:   n + 1,
		refused: n + 2,
	}
	w.all()
	return w.out
}

// all writes the sections in the order of the format. Code comes first, since it
// may need types.
func (w *rewriter) all() {
	imported := w.tickImport()
	code := w.functionBodies()
	w.extend(typeSection, len(w.indices), w.added)
	w.extend(importSection, 1, imported)
	w.extend(functionSection, 0, nil)
	w.tableSection()
	w.memorySection()
	w.extend(globalSection, 3, w.addedGlobals())
	w.extend(exportSection, 3, w.addedExports())
	w.startSection()
	w.extend(elementSection, 0, nil)
	w.copied(dataCountSection)
	w.replace(codeSection, code)
	w.dataSection()
	w.functionNames()
}

func (w *rewriter) section(id int, content []byte) {
	w.out = append(w.out, byte(id))
	w.out = sized(w.out, content)
}

// copied writes a section as it stands in the file.
func (w *rewriter) copied(id int) {
	if s := w.sections[id]; s.present {
		w.section(id, w.wasm[s.start:s.end])
	}
}

// replace writes new entries in place of those of a section.
func (w *rewriter) replace(id int, entries []byte) {
	if s := w.sections[id]; s.present {
		w.section(id, append(binary.AppendUvarint(nil, uint64(s.count)), entries...))
	}
}

// extend writes a section with n encoded entries more.
func (w *rewriter) extend(id, n int, entries []byte) {
	s := w.sections[id]
	if !s.present && n == 0 {
		return
	}
	content := binary.AppendUvarint(nil, uint64(s.count+n))
	content = w.renumbered(content, s.entries, s.end)
	w.section(id, append(content, entries...))
}

// renumbered appends a part of the file, in which functions have their new numbers.
func (w *rewriter) renumbered(out []byte, start, end int) []byte {
	for len(w.refs) > 0 && w.refs[0].start < end {
		ref := w.refs[0]
		out = append(out, w.wasm[start:ref.start]...)
		out = binary.AppendUvarint(out, uint64(w.renumber(ref.index)))
		start, w.refs = ref.end, w.refs[1:]
	}
	return append(out, w.wasm[start:end]...)
}

// renumber is where a function is after Tick has become the last one imported.
func (w *rewriter) renumber(function uint32) uint32 {
	if function < w.tick {
		return function
	}
	return function + 1
}

// typeIndex returns the index of a type that is added unless it was before.
func (w *rewriter) typeIndex(s Signature) int64 {
	encoded := appendTypes(appendTypes([]byte{0x60}, s.Params), s.Results)
	index, known := w.indices[string(encoded)]
	if !known {
		index = int64(len(w.types) + len(w.indices))
		w.indices[string(encoded)] = index
		w.added = append(w.added, encoded...)
	}
	return index
}

func appendTypes(out []byte, types []ValueType) []byte {
	out = binary.AppendUvarint(out, uint64(len(types)))
	for _, t := range types {
		out = append(out, byte(t))
	}
	return out
}

func (w *rewriter) tickImport() []byte {
	index := w.typeIndex(Signature{Params: []ValueType{I64}, Results: []ValueType{I64}})
	out := named(named(nil, Module), Tick)
	return binary.AppendUvarint(append(out, byte(KindFunction)), uint64(index))
}

// addedGlobals are two of i64 and one of i32, mutable. The stack is free from the
// beginning, for a start function that runs before the host can say so.
func (w *rewriter) addedGlobals() []byte {
	const mutable, end = 1, 0x0b
	fuel := []byte{byte(I64), mutable, byte(opI64Const), 0, end}
	stack := append(appendSigned([]byte{byte(I64), mutable, byte(opI64Const)}, int64(w.limits.Stack)), end)
	refused := []byte{byte(I32), mutable, byte(opI32Const), 0, end}
	return slices.Concat(fuel, stack, refused)
}

func (w *rewriter) addedExports() []byte {
	var out []byte
	for i, name := range []string{Fuel, Stack, Refused} {
		out = append(named(out, name), byte(KindGlobal))
		out = binary.AppendUvarint(out, uint64(w.fuel)+uint64(i))
	}
	return out
}

func (w *rewriter) startSection() {
	if s := w.sections[startSection]; s.present {
		w.section(startSection, w.renumbered(nil, s.start, s.end))
	}
}

// tableSection gives each table a maximum, so that all of them together stay
// within the cap: what they leave of it is shared evenly.
func (w *rewriter) tableSection() {
	free := w.limits.TableEntries
	for _, t := range w.tables {
		free -= t.min
	}
	var entries []byte
	for _, t := range w.tables {
		entries = append(entries, byte(t.element))
		entries = t.within(entries, t.min+free/len(w.tables))
	}
	w.replace(tableSection, entries)
}

func (w *rewriter) memorySection() {
	if w.memory != nil {
		w.replace(memorySection, w.memory.within(nil, w.limits.Pages))
	}
}

// within appends an extent whose maximum is at most a number.
func (e extent) within(out []byte, most int) []byte {
	if e.max >= 0 {
		most = min(most, e.max)
	}
	out = binary.AppendUvarint(append(out, 1), uint64(e.min))
	return binary.AppendUvarint(out, uint64(most))
}
