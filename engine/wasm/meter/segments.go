package meter

import "encoding/binary"

// A linker that leaves zeros out makes tens of thousands of data segments of a large
// program, and an instance costs an evaluation for each. Those that follow each other
// closely are written as one.

const (
	// nearest is how many zeros may stand in place of what a linker left out.
	nearest = 64
	// mostRuns is how many runs are looked at before zeros are written between two
	// segments: a run must not be overwritten by them.
	mostRuns = 64
)

// run is memory that some segments fill, one after another.
type run struct {
	start uint64
	data  []byte
}

func (r *run) end() uint64 { return r.start + uint64(len(r.data)) }

// dataSection writes the data section with fewer segments where that changes
// nothing: all of them are at constant places, and no code names one by its number.
func (w *rewriter) dataSection() {
	s := w.sections[dataSection]
	if w.sections[dataCountSection].present || !s.present {
		w.copied(dataSection)
		return
	}
	runs, constant := w.runs(&reader{data: w.wasm[:s.end], pos: s.entries}, s.count)
	if !constant {
		w.copied(dataSection)
		return
	}
	out := binary.AppendUvarint(nil, uint64(len(runs)))
	for _, r := range runs {
		out = append(out, 0, byte(opI32Const))
		out = appendSigned(out, int64(int32(r.start)))
		out = sized(append(out, byte(opEnd)), r.data)
	}
	w.section(dataSection, out)
}

// runs reads n segments, and joins each to the one before it where it can. constant
// is false when some place is not a plain number.
func (w *rewriter) runs(r *reader, n int) (runs []run, constant bool) {
	for range n {
		form, code := r.u32(), r.byte()
		if form != 0 || op(code) != opI32Const {
			return nil, false
		}
		start := uint64(uint32(r.signed(32)))
		if op(r.byte()) != opEnd {
			return nil, false
		}
		data := r.bytes(r.length())
		if len(runs) == 0 || !joins(runs, start) {
			runs = append(runs, run{start: start})
		}
		last := &runs[len(runs)-1]
		last.data = append(last.data, make([]byte, start-last.end())...)
		last.data = append(last.data, data...)
	}
	return runs, true
}

// joins reports whether a segment at a place can be written with the last run: it
// follows closely, and nothing that was written before stands between them.
func joins(runs []run, start uint64) bool {
	last := &runs[len(runs)-1]
	if start < last.end() || start-last.end() > nearest {
		return false
	}
	if start == last.end() {
		return true
	}
	if len(runs) > mostRuns {
		return false
	}
	for _, r := range runs[:len(runs)-1] {
		if r.start < start && last.end() < r.end() {
			return false
		}
	}
	return true
}
