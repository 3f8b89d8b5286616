package meter

// merged counts the values that a compiler makes where ways meet and a local may have
// one of several: one for each such place that lies between where the local is set
// and where it is read. They want a place in the frame like every other value.
type merged struct {
	values int64
	places int     // where ways meet, up to here
	reads  int     // up to here
	locals []since // by number
	used   int     // of those, by this function
	sets   []undo  // of the blocks that are open, to be forgotten at their end
}

// since is up to which place a local needs no more values.
type since struct {
	counted int // values were counted up to there
	set     int // it was set there, on every way to here
	read    int // the last one, by its number
}

// undo is what a local had before it was set.
type undo struct {
	local uint32
	set   int
}

func (m *merged) begin(locals int) {
	*m = merged{locals: m.locals, used: locals, sets: m.sets[:0]}
	if locals > len(m.locals) {
		m.locals = make([]since, locals)
	}
	clear(m.locals[:locals])
}

func (m *merged) read(local uint32) {
	m.reads++
	l := &m.locals[local]
	l.read = m.reads
	from := &l.counted
	if l.set > l.counted {
		from = &l.set
	}
	m.values += int64(m.places - *from)
	*from = m.places
}

func (m *merged) set(local uint32) {
	l := &m.locals[local]
	m.sets = append(m.sets, undo{local, l.set})
	l.set = m.places
}

// forget takes back what was set on some of the ways to here only.
func (m *merged) forget(sets int) {
	for i := len(m.sets) - 1; i >= sets; i-- {
		m.locals[m.sets[i].local].set = m.sets[i].set
	}
	m.sets = m.sets[:sets]
}

// again reads what was read since then once more: a loop leads back to there.
func (m *merged) again(reads int) {
	for i := range m.locals[:m.used] {
		if m.locals[i].read > reads {
			m.read(uint32(i))
		}
	}
}
