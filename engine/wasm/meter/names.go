package meter

import "encoding/binary"

// mostNames is how long the names of functions may be together, in bytes, to be
// kept.
const mostNames = 4 << 20

// functionNames writes the names that functions have in stack traces, or nothing
// when there are none or something about them is odd: a name section may not make
// a module invalid (7.4.1).
func (w *rewriter) functionNames() {
	for _, c := range w.customs {
		if c.Name != "name" {
			continue
		}
		if names, ok := w.namesIn(&reader{data: c.Data}); ok && len(names) <= mostNames {
			w.section(customSection, append(named(nil, "name"), sized([]byte{1}, names)...))
		}
		return
	}
}

// namesIn finds the subsection with the names of functions and renumbers it.
func (w *rewriter) namesIn(r *reader) (names []byte, ok bool) {
	for r.more() {
		id := r.byte()
		content := r.bytes(r.length())
		if id == 1 && r.err == nil {
			return w.renumberNames(&reader{data: content})
		}
	}
	return nil, false
}

// renumberNames reads pairs of an index and a name, ordered by index (7.4.3).
func (w *rewriter) renumberNames(r *reader) (names []byte, ok bool) {
	n := r.count(len(w.functions), "names")
	names = binary.AppendUvarint(nil, uint64(n))
	last := -1
	for range n {
		index, name := r.index(len(w.functions), "function"), r.name()
		if r.err != nil || int(index) <= last {
			return nil, false
		}
		last = int(index)
		names = named(binary.AppendUvarint(names, uint64(w.renumber(index))), name)
	}
	return names, r.err == nil && !r.more()
}
