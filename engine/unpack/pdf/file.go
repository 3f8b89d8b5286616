package pdf

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sort"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// Limits of one file.
const (
	maxFile    = 96 << 20  // bytes of the file, which is held in memory
	maxObjects = 1_000_000 // entries of the cross-reference
	maxCached  = 600_000   // values of objects that are held
	maxMembers = 32 << 20  // bytes of an object stream, unpacked
	maxHeld    = 64 << 20  // bytes of unpacked object streams that are held
	maxLoads   = 2_000_000 // objects read, with those that are read again
	maxRepairs = 16        // object streams that a repair reads in vain
	maxEntries = 1_500_000 // widths, codes and glyphs of all fonts
	maxVisits  = 8_000_000 // of glyphs, in the tables of font programs
	minWork    = 64 << 20  // bytes of objects that are parsed and unpacked, at least, if there are as many
	maxWork    = 384 << 20 // and at most; between them eight times the size of the file
)

// file is the object model: it finds, reads and decrypts objects by their number.
// The cross-reference counts, as it does for viewers; an object that is not where
// it says, and a file without a usable one, are looked for in the bytes.
type file struct {
	t   *task.Task
	ctx context.Context
	b   []byte

	entries  map[int]entry
	scanned  map[int]int // offset of the last "N G obj" of each number; nil: not looked yet
	ends     []int       // offsets of "endstream", ascending; nil: not looked yet
	trailer  dict
	crypt    *crypt // nil: nothing is encrypted, or the key is not known
	password string // that opened it, unless crypt is nil
	closed   bool   // embedded files are encrypted, nothing else is, and the key is not known

	sorted  []int          // the numbers of all objects; nil: changed
	types   map[name][]int // objects of the types that census knows; nil: changed
	cache   map[int]any
	cached  int // values in cache
	loading map[int]bool
	loads   int
	held    map[int]*lexer // object streams, unpacked
	heldN   int

	work    int // bytes of objects that may still be parsed and unpacked
	visits  int // of glyphs in tables that may still be made
	entry   int // widths, codes and glyphs that fonts may still have
	rows    int // of cross-references that may still be read
	content int // bytes of content that may still be run

	limit error           // the first limit that a stream met
	said  map[string]bool // defects that were told
}

// entry says where an object stands: at an offset, or as a member of a stream.
type entry struct {
	at   int
	from int // number of the object stream; 0: in the file itself
}

func newFile(ctx context.Context, t *task.Task, b []byte) *file {
	if i := bytes.Index(b[:min(len(b), 1024)], []byte("%PDF-")); i > 0 {
		b = b[i:] // offsets count from the mark
	}
	return &file{
		t: t, ctx: ctx, b: b, entries: map[int]entry{}, trailer: dict{}, cache: map[int]any{},
		loading: map[int]bool{}, held: map[int]*lexer{}, said: map[string]bool{},
		work: min(max(8*len(b), minWork), maxWork), entry: maxEntries, rows: 2 * maxObjects, content: maxContent, visits: maxVisits,
	}
}

// tell notes a defect once.
func (f *file) tell(code, format string, args ...any) {
	if !f.said[code+format] {
		f.said[code+format] = true
		f.t.Defect(code, format, args...)
	}
}

// capped notes a limit of this package once.
func (f *file) capped(code, format string, args ...any) {
	if !f.said[code+format] {
		f.said[code+format] = true
		f.t.Cap(code, format, args...)
	}
}

// get follows references to a value.
func (f *file) get(v any) any {
	for range 32 {
		r, ok := v.(ref)
		if !ok {
			return v
		}
		v = f.load(r.num)
	}
	return nil
}

func (f *file) dict(v any) dict {
	switch d := f.get(v).(type) {
	case dict:
		return d
	case *stream:
		return d.dict
	}
	return nil
}

func (f *file) array(v any) array      { a, _ := f.get(v).(array); return a }
func (f *file) name(v any) name        { n, _ := f.get(v).(name); return n }
func (f *file) stream(v any) *stream   { s, _ := f.get(v).(*stream); return s }
func (f *file) number(v any) float64   { return number(f.get(v)) }
func (f *file) whole(v any) int        { n, _ := whole(f.get(v)); return n }
func (f *file) known(num int) bool     { _, ok := f.entries[num]; return ok }
func (f *file) at(off int) *lexer      { return &lexer{b: f.b, pos: off} }
func (f *file) within(off int) bool    { return off >= 0 && off < len(f.b) }
func (f *file) full() bool             { return len(f.entries) >= maxObjects }
func (f *file) forget()                { f.cache, f.cached = map[int]any{}, 0 }
func (f *file) isLimit(err error) bool { return errors.Is(err, engine.ErrLimit) }

// text decodes a text string. It is paid for: thousands may refer to a large one.
func (f *file) text(v any) string { return textString(str(f.bytes(v))) }

func (f *file) bytes(v any) string {
	s, _ := f.get(v).(str)
	f.work -= len(s)
	return string(s)
}

// stopped tells whether to read no more objects.
func (f *file) stopped() bool {
	if f.work <= 0 || f.loads > maxLoads {
		f.capped(engine.DefectItems, "its objects are more, or larger, than is honest for a file of its size")
		return true
	}
	return f.ctx.Err() != nil
}

// load reads an object; nil when there is none.
func (f *file) load(num int) any {
	if v, ok := f.cache[num]; ok {
		return v
	}
	if f.loading[num] {
		return nil
	}
	if f.loads++; f.stopped() {
		return nil
	}
	f.loading[num] = true
	v, values := f.find(num)
	delete(f.loading, num)
	if f.cached += values + 1; f.cached > maxCached {
		f.forget()
		f.cached = values + 1
	}
	f.cache[num] = v
	return v
}

// find reads an object where the cross-reference says it is, else where the
// bytes have one of that number.
func (f *file) find(num int) (any, int) {
	if e, ok := f.entries[num]; ok {
		if e.from != 0 {
			return f.member(num, e)
		}
		if v, n, ok := f.objectAt(num, e.at); ok {
			return v, n
		}
	}
	if at, ok := f.scan()[num]; ok {
		v, n, _ := f.objectAt(num, at)
		return v, n
	}
	return nil, 0
}

// objectAt reads "N G obj ..." at an offset.
func (f *file) objectAt(num, at int) (v any, values int, ok bool) {
	if !f.within(at) {
		return nil, 0, false
	}
	l := f.at(at)
	l.flat = true
	n, _ := l.object()
	gen, _ := l.object()
	if word, _ := l.object(); n != num || word != keyword("obj") {
		return nil, 0, false
	}
	l.flat = false
	id := ref{num, 0}
	id.gen, _ = gen.(int)
	v, err := l.object()
	if err == errDeep {
		f.tell(engine.DefectUnreadable, "an object nests deeper than %d or holds more than %d values", maxDepth, maxValues)
	}
	values = l.values
	f.work -= l.pos - at
	if k, isWord := v.(keyword); err != nil || isWord && k != "" {
		return nil, values, true
	}
	v = f.decrypt(v, id)
	if d, isDict := v.(dict); isDict {
		if s := f.streamOf(l, d, id); s != nil {
			return s, values, true
		}
	}
	return v, values, true
}

// streamOf reads what follows a dictionary; nil when that is no stream.
func (f *file) streamOf(l *lexer, d dict, id ref) *stream {
	l.skip()
	if !bytes.HasPrefix(l.b[l.pos:], []byte("stream")) {
		return nil
	}
	l.pos += len("stream")
	if l.pos < len(l.b) && l.b[l.pos] == '\r' {
		l.pos++
	}
	if l.pos < len(l.b) && l.b[l.pos] == '\n' {
		l.pos++
	}
	return &stream{dict: d, id: id, raw: f.extent(l.pos, f.whole(d["Length"]))}
}

// extent is the bytes of a stream that begins at an offset. A length that does
// not lead to "endstream" is a lie.
func (f *file) extent(start, length int) []byte {
	if length >= 0 && length <= len(f.b)-start {
		l := &lexer{b: f.b[:min(len(f.b), start+length+32)], pos: start + length}
		l.skip()
		if bytes.HasPrefix(l.b[l.pos:], []byte("endstream")) {
			return f.b[start : start+length]
		}
	}
	end := f.nextEnd(start)
	if end > start && f.b[end-1] == '\n' {
		end--
	}
	if end > start && f.b[end-1] == '\r' {
		end--
	}
	return f.b[start:end]
}

// nextEnd is the first "endstream" or, failing that, the end of the file. All are
// looked for once: thousands of streams may lie about their lengths.
func (f *file) nextEnd(start int) int {
	if f.ends == nil {
		f.ends = []int{len(f.b)}
		for at := 0; len(f.ends) <= maxObjects; at += len("endstream") {
			i := bytes.Index(f.b[at:], []byte("endstream"))
			if i < 0 {
				break
			}
			at += i
			f.ends = append(f.ends, at)
		}
		slices.Sort(f.ends)
	}
	return f.ends[min(sort.SearchInts(f.ends, start), len(f.ends)-1)]
}

// member reads an object out of an object stream (7.5.7).
func (f *file) member(num int, e entry) (any, int) {
	l := f.objectStream(e.from)
	if e = f.entries[num]; l == nil || e.at >= len(l.b) {
		return nil, 0
	}
	m := &lexer{b: l.b, pos: e.at}
	v, err := m.object()
	f.work -= m.pos - e.at
	if err == errDeep {
		f.tell(engine.DefectUnreadable, "an object nests deeper than %d or holds more than %d values", maxDepth, maxValues)
	}
	if _, isWord := v.(keyword); err != nil || isWord {
		return nil, m.values
	}
	return v, m.values
}

// objectStream unpacks one and puts the true offsets of its members into the
// cross-reference, which has only their order.
func (f *file) objectStream(num int) *lexer {
	if l, ok := f.held[num]; ok {
		return l
	}
	s := f.stream(ref{num, 0})
	if s == nil || f.entries[num].from != 0 {
		return nil
	}
	src, _ := f.reader(s, f.crypt)
	b := f.readAll(src, len(s.raw), maxMembers)
	if f.heldN += len(b); f.heldN > maxHeld {
		f.held, f.heldN = map[int]*lexer{}, len(b)
	}
	l := &lexer{b: b, flat: true}
	f.held[num] = l
	f.index(num, l, f.whole(s.dict["N"]), f.whole(s.dict["First"]))
	return l
}

// index reads the pairs of number and offset at the start of an object stream.
func (f *file) index(from int, l *lexer, n, first int) {
	for range min(n, maxObjects) {
		if f.rows--; f.rows < 0 {
			return
		}
		num, err := l.object()
		off, err2 := l.object()
		id, ok := num.(int)
		at, ok2 := off.(int)
		if err != nil || err2 != nil || !ok || !ok2 || l.pos > first && first > 0 {
			return
		}
		if e, known := f.entries[id]; known && e.from == from || !known && f.scanned != nil && !f.full() {
			f.set(id, entry{at: max(0, first+at), from: from})
		}
	}
}

// scan finds every "N G obj" in the bytes, once.
func (f *file) scan() map[int]int {
	if f.scanned != nil {
		return f.scanned
	}
	f.scanned = map[int]int{}
	for at := 0; len(f.scanned) < maxObjects; {
		i := bytes.Index(f.b[at:], []byte("obj"))
		if i < 0 {
			break
		}
		at += i + 3
		if num, start, ok := f.headBefore(at - 3); ok {
			f.scanned[num] = start
		}
	}
	return f.scanned
}

// headBefore reads backwards the number and generation before "obj".
func (f *file) headBefore(at int) (num, start int, ok bool) {
	gen, at, ok := f.digitsBefore(at)
	if !ok || gen > 65535 {
		return 0, 0, false
	}
	num, at, ok = f.digitsBefore(at)
	return num, at, ok && num > 0
}

// set says where an object stands.
func (f *file) set(num int, e entry) {
	if !f.known(num) {
		f.sorted, f.types = nil, nil
	}
	f.entries[num] = e
}

// digitsBefore reads backwards white space, then a number.
func (f *file) digitsBefore(at int) (n, start int, ok bool) {
	for at > 0 && class[f.b[at-1]] == space {
		at--
	}
	end := at
	for at > 0 && end-at < 9 && f.b[at-1] >= '0' && f.b[at-1] <= '9' {
		at--
	}
	for i := at; i < end; i++ {
		n = n*10 + int(f.b[i]-'0')
	}
	return n, at, end > at
}

// numbers lists every object that is known, ascending, with those that no
// cross-reference has: what an update has replaced is not among them.
func (f *file) numbers() []int {
	if f.sorted != nil {
		return f.sorted
	}
	all := make([]int, 0, len(f.entries))
	for n := range f.entries {
		all = append(all, n)
	}
	for n := range f.scan() {
		if !f.known(n) {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	f.sorted = all
	return all
}

// untyped is how census calls streams that say nothing of what they are.
const untyped = name("")

// census reads every object once and lists those that are looked for when no
// reference leads to them.
func (f *file) census(kind name) []int {
	if f.types != nil {
		return f.types[kind]
	}
	types := map[name][]int{}
	for _, num := range f.numbers() {
		if f.stopped() {
			break
		}
		v := f.load(num)
		_, isStream := v.(*stream)
		switch t := f.name(f.dict(v)["Type"]); t {
		case "Catalog", "Page", "ObjStm", "XRef":
			types[t] = append(types[t], num)
		case untyped:
			if isStream {
				types[t] = append(types[t], num)
			}
		}
	}
	f.types = types
	return types[kind]
}
