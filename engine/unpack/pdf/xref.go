package pdf

import (
	"bytes"
	"slices"

	"github.com/tqmailrules/tqmailrules/engine"
)

const (
	maxSections = 1000     // sections of cross-reference, one per update
	maxOff      = 16       // bytes that a table stands behind where it should
	maxTrailer  = 64 << 10 // bytes of a trailer that is looked for
)

// open reads the cross-reference, or makes one.
func (f *file) open() {
	tail := f.b[max(0, len(f.b)-2048):]
	if i := bytes.LastIndex(tail, []byte("startxref")); i >= 0 {
		l := &lexer{b: tail, pos: i + len("startxref"), flat: true}
		if v, err := l.object(); err == nil {
			at, _ := whole(v)
			f.sections(at)
		}
	}
	f.forget()
}

// usable tells whether the cross-reference leads to a catalogue with pages. It
// asks for a key before: where object streams are encrypted nothing is, without.
func (f *file) usable() bool {
	root := f.dict(f.trailer["Root"])
	return root != nil && f.dict(root["Pages"]) != nil
}

// sections reads a section and those before it. What stands in the newer one
// counts.
func (f *file) sections(at int) {
	seen := map[int]bool{}
	for next := []int{at}; len(next) > 0 && len(seen) < maxSections; {
		at, next = next[0], next[1:]
		if seen[at] || !f.within(at) {
			continue
		}
		seen[at] = true
		d := f.section(at)
		for k, v := range d {
			if _, newer := f.trailer[k]; !newer {
				f.trailer[k] = v
			}
		}
		for _, k := range [...]name{"XRefStm", "Prev"} {
			if n, ok := whole(d[k]); ok {
				next = append(next, n)
			}
		}
	}
}

// section reads a table or a stream and returns its trailer.
func (f *file) section(at int) dict {
	l := f.at(at)
	l.skip()
	if i := bytes.Index(l.b[l.pos:min(len(l.b), l.pos+maxOff)], []byte("xref\n")); i > 0 && class[l.b[l.pos+i-1]] == space {
		l.pos += i
	}
	if bytes.HasPrefix(l.b[l.pos:], []byte("xref")) {
		l.pos += 4
		return f.table(l)
	}
	l.flat = true
	num, _ := l.object()
	n, _ := num.(int)
	v, _, _ := f.objectAt(n, at)
	s, _ := v.(*stream)
	if s == nil || s.dict["Type"] != name("XRef") {
		return nil
	}
	f.xrefStream(s)
	return s.dict
}

// table reads the classic form (7.5.4): any white space between the fields will do.
func (f *file) table(l *lexer) dict {
	for ; !f.full() && f.rows > 0; f.rows-- {
		l.flat = true
		first, err := l.object()
		if first == keyword("trailer") {
			l.flat = false
			v, _ := l.object()
			d, _ := v.(dict)
			return d
		}
		count, err2 := l.object()
		num, ok := first.(int)
		n, ok2 := count.(int)
		if err != nil || err2 != nil || !ok || !ok2 {
			return nil
		}
		f.subsection(l, num, n)
	}
	return nil
}

func (f *file) subsection(l *lexer, num, n int) {
	for ; n > 0 && !f.full() && f.rows > 0; n, num = n-1, num+1 {
		f.rows--
		before := l.pos
		off, _ := l.object()
		_, _ = l.object()
		kind, err := l.object()
		at, ok := off.(int)
		if !ok || err != nil || kind != keyword("n") && kind != keyword("f") {
			l.pos = before
			return
		}
		if kind == keyword("n") && !f.known(num) {
			f.set(num, entry{at: at})
		}
	}
}

// xrefStream reads the compressed form (7.5.8).
func (f *file) xrefStream(s *stream) {
	var w [3]int
	for i, v := range f.array(s.dict["W"]) {
		if i < 3 {
			w[i] = min(max(f.whole(v), 0), 8)
		}
	}
	size := w[0] + w[1] + w[2]
	if size == 0 {
		return
	}
	index := f.array(s.dict["Index"])
	if len(index) < 2 {
		index = array{0, f.whole(s.dict["Size"])}
	}
	rows := f.decodeWith(s, nil)
	for i := 0; i+1 < len(index); i += 2 {
		num := f.whole(index[i])
		for n := f.whole(index[i+1]); n > 0 && len(rows) >= size && !f.full() && f.rows > 0; n, num = n-1, num+1 {
			f.rows--
			f.row(num, rows[:size], w)
			rows = rows[size:]
		}
	}
}

func (f *file) row(num int, row []byte, w [3]int) {
	field := func(n int) (v int) {
		for _, b := range row[:n] {
			v = v<<8 | int(b)
		}
		row = row[n:]
		return v
	}
	kind := 1
	if w[0] > 0 {
		kind = field(w[0])
	}
	second := field(w[1])
	switch {
	case f.known(num) || second < 0:
	case kind == 1:
		f.set(num, entry{at: second})
	case kind == 2 && second > 0:
		f.set(num, entry{at: 1 << 40, from: second}) // the offset is known once the stream is read
	}
}

// rebuild makes a cross-reference of what stands in the bytes: the last object
// of each number counts, then those in object streams.
func (f *file) rebuild() {
	f.tell(engine.DefectLying, "the cross-reference is broken: objects are looked for in the bytes")
	for num, at := range f.scan() {
		f.entries[num] = entry{at: at}
	}
	f.sorted, f.types = nil, nil
	f.forget()
	f.held, f.heldN = map[int]*lexer{}, 0
	f.trailers()
}

// openStreams reads the object streams of a file without a cross-reference. It
// comes after the key is known.
func (f *file) openStreams() {
	f.types = nil
	vain := 0
	for _, num := range f.census("ObjStm") {
		if f.objectStream(num); f.held[num] == nil || len(f.held[num].b) == 0 {
			vain++
		}
		if f.stopped() || vain > maxRepairs {
			break
		}
	}
	f.forget()
	f.findRoot()
}

// trailers looks for what a trailer says: in trailers, from the last on, and in
// cross-reference streams.
func (f *file) trailers() {
	at := len(f.b)
	for range maxSections {
		if at = bytes.LastIndex(f.b[:at], []byte("trailer")); at < 0 {
			break
		}
		v, _ := (&lexer{b: f.b[:min(len(f.b), at+maxTrailer)], pos: at + len("trailer")}).object()
		d, _ := v.(dict)
		f.adopt(d)
	}
	for _, num := range slices.Backward(f.census("XRef")) {
		f.adopt(f.dict(ref{num, 0}))
	}
	f.findRoot()
}

func (f *file) adopt(d dict) {
	for _, k := range [...]name{"Root", "Encrypt", "ID", "Info"} {
		if v, ok := d[k]; ok && f.trailer[k] == nil {
			f.trailer[k] = v
		}
	}
}

// findRoot looks for a catalogue when no trailer leads to one.
func (f *file) findRoot() {
	if f.usable() {
		return
	}
	for _, num := range slices.Backward(f.census("Catalog")) {
		if f.dict(ref{num, 0})["Pages"] != nil {
			f.trailer["Root"] = ref{num, 0}
			return
		}
	}
}
