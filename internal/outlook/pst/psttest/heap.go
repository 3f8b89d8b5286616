package psttest

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf16"
)

// mostItem is how long an item of a heap is at most ([MS-PST] 2.3.1).
const mostItem = 3580

// heap is a heap that is being filled.
type heap struct {
	w      *writer
	kind   byte
	blocks []heapBlock
}

type heapBlock struct {
	data   []byte // with room for its header
	starts []int
}

func (w *writer) heap(kind byte) *heap {
	h := &heap{w: w, kind: kind}
	h.grow()
	return h
}

// grow begins a block; each eighth has a longer header ([MS-PST] 2.3.1.3, 2.3.1.4).
func (h *heap) grow() {
	n, i := 2, len(h.blocks)
	switch {
	case i == 0:
		n = 12
	case i%128 == 8:
		n = 66
	}
	h.blocks = append(h.blocks, heapBlock{data: make([]byte, n)})
}

// add puts an item in and returns its id.
func (h *heap) add(item []byte) uint32 {
	b := &h.blocks[len(h.blocks)-1]
	need := len(b.data) + len(item) + 4 + 2*(len(b.starts)+2) + 1
	if need > h.w.most() || len(b.starts) == 1<<(h.w.shift-5)-1 {
		h.grow()
		b = &h.blocks[len(h.blocks)-1]
	}
	b.starts = append(b.starts, len(b.data))
	b.data = append(b.data, item...)
	return uint32(len(h.blocks)-1)<<h.w.shift | uint32(len(b.starts))<<5
}

// finish is the blocks of the heap, all but the last of full length.
func (h *heap) finish(root uint32) [][]byte {
	var all [][]byte
	for i, b := range h.blocks {
		ends := len(b.data)
		b.data = append(b.data, make([]byte, ends%2)...)
		size := 4 + 2*(len(b.starts)+1)
		if i < len(h.blocks)-1 {
			b.data = append(b.data, make([]byte, h.w.most()-size-len(b.data))...)
		}
		binary.LittleEndian.PutUint16(b.data, uint16(len(b.data)))
		b.data = binary.LittleEndian.AppendUint16(b.data, uint16(len(b.starts)))
		b.data = binary.LittleEndian.AppendUint16(b.data, 0)
		for _, start := range append(b.starts, ends) {
			b.data = binary.LittleEndian.AppendUint16(b.data, uint16(start))
		}
		all = append(all, b.data)
	}
	all[0][2], all[0][3] = 0xec, h.kind
	binary.LittleEndian.PutUint32(all[0][4:], root)
	return all
}

// record is one of a tree in a heap.
type record struct {
	key   uint32
	value []byte
}

// tree puts a B-tree into the heap and returns the id of its header.
func (h *heap) tree(key int, value int, records []record) uint32 {
	slices.SortFunc(records, func(a, b record) int { return cmp.Compare(a.key, b.key) })
	var level byte
	var root uint32
	size := value
	for len(records) > 0 {
		var above []record
		for part := range slices.Chunk(records, mostItem/(key+size)) {
			var item []byte
			for _, r := range part {
				item = append(item, binary.LittleEndian.AppendUint32(nil, r.key)[:key]...)
				item = append(item, r.value...)
			}
			root = h.add(item)
			above = append(above, record{part[0].key, binary.LittleEndian.AppendUint32(nil, root)})
		}
		if len(above) == 1 {
			break
		}
		records, size = above, 4
		level++
	}
	return h.add(binary.LittleEndian.AppendUint32([]byte{0xb5, byte(key), byte(value), level}, root))
}

// subnodes are the nodes below one, as they come to be.
type subnodes struct {
	w    *writer
	all  []nodeEntry
	next uint32
}

func (w *writer) subnodes() *subnodes { return &subnodes{w: w, next: 0x8000} }

// value writes a large value and returns the id of its node.
func (s *subnodes) value(b []byte) uint32 {
	return s.chunks([][]byte(slices.Collect(slices.Chunk(b, s.w.most()))))
}

func (s *subnodes) chunks(chunks [][]byte) uint32 {
	s.next++
	nid := s.next<<5 | 0x1f
	s.all = append(s.all, nodeEntry{nid: nid, data: s.w.chunks(chunks, 0)})
	return nid
}

func (s *subnodes) add(nid uint32, data, sub uint64) {
	s.all = append(s.all, nodeEntry{nid: nid, data: data, sub: sub})
}

// write writes the lists of the nodes, under an id if one is given.
func (s *subnodes) write(bid uint64) uint64 {
	if len(s.all) == 0 && bid == 0 {
		return 0
	}
	w := s.w
	slices.SortFunc(s.all, func(a, b nodeEntry) int { return cmp.Compare(a.nid, b.nid) })
	var above []nodeEntry
	for part := range slices.Chunk(s.all, (w.most()-8)/(3*w.word)) {
		var entries []byte
		for _, n := range part {
			entries = w.number(w.number(w.number(entries, uint64(n.nid)), n.data), n.sub)
		}
		id := bid
		if id == 0 || len(s.all) > len(part) {
			id = w.newBID(true)
		}
		w.block(id, w.listOfNodes(0, len(part), entries))
		above = append(above, nodeEntry{nid: part[0].nid, data: id})
	}
	if len(above) == 1 {
		return above[0].data
	}
	var entries []byte
	for _, n := range above {
		entries = w.number(w.number(entries, uint64(n.nid)), n.data)
	}
	if bid == 0 {
		bid = w.newBID(true)
	}
	w.block(bid, w.listOfNodes(1, len(above), entries))
	return bid
}

func (w *writer) listOfNodes(level byte, n int, entries []byte) []byte {
	b := binary.LittleEndian.AppendUint16([]byte{2, level}, uint16(n))
	if w.wide {
		b = append(b, 0, 0, 0, 0)
	}
	return append(b, entries...)
}

// typed is a value as the file has it.
func (w *writer) typed(v any) (t uint16, b []byte) {
	le := binary.LittleEndian
	switch v := v.(type) {
	case string:
		return w.text(v)
	case String8:
		return 0x1e, []byte(v)
	case []byte:
		return 0x102, v
	case int16:
		return 2, le.AppendUint16(nil, uint16(v))
	case int32:
		return 3, le.AppendUint32(nil, uint32(v))
	case int:
		return 3, le.AppendUint32(nil, uint32(v))
	case int64:
		return 0x14, le.AppendUint64(nil, uint64(v))
	case float64:
		return 5, le.AppendUint64(nil, math.Float64bits(v))
	case bool:
		if v {
			return 0xb, []byte{1}
		}
		return 0xb, []byte{0}
	case time.Time:
		return 0x40, le.AppendUint64(nil, uint64(v.UnixNano()/100+116444736000000000))
	case []string:
		return w.texts(v)
	case Raw:
		return v.Type, v.Bytes
	}
	panic(fmt.Sprintf("psttest: a property of type %T", v))
}

func (w *writer) text(s string) (uint16, []byte) {
	if !w.wide {
		return 0x1e, latin(s)
	}
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return 0x1f, b
}

func latin(s string) []byte {
	var b []byte
	for _, r := range s {
		if r > 255 {
			r = '?'
		}
		b = append(b, byte(r))
	}
	return b
}

// texts is a value of several strings: how many, where each begins, and they
// themselves ([MS-PST] 2.3.3.4.2).
func (w *writer) texts(all []string) (t uint16, b []byte) {
	var body []byte
	b = binary.LittleEndian.AppendUint32(nil, uint32(len(all)))
	for _, s := range all {
		b = binary.LittleEndian.AppendUint32(b, uint32(4+4*len(all)+len(body)))
		var one []byte
		t, one = w.text(s)
		body = append(body, one...)
	}
	return 0x1000 | t, append(b, body...)
}

// width is how many bytes a value has that stands in its record or row; 0 is none.
func width(t uint16) int {
	switch t {
	case 0xb:
		return 1
	case 2:
		return 2
	case 3, 4, 0xa:
		return 4
	case 5, 6, 7, 0x14, 0x40:
		return 8
	}
	return 0
}

// keep puts a value into the heap or a node below, and returns its id.
func (h *heap) keep(sub *subnodes, b []byte) uint32 {
	switch {
	case len(b) == 0:
		return 0
	case len(b) <= mostItem:
		return h.add(b)
	}
	return sub.value(b)
}

// properties writes those of a thing into blocks.
func (w *writer) properties(p Properties, sub *subnodes) [][]byte {
	h := w.heap(0xbc)
	var records []record
	for id, v := range p {
		t, b := w.typed(v)
		value := binary.LittleEndian.AppendUint16(nil, t)
		if n := width(t); n > 0 && n <= 4 {
			value = append(value, append(b, 0, 0, 0)[:4]...)
		} else {
			value = binary.LittleEndian.AppendUint32(value, h.keep(sub, b))
		}
		records = append(records, record{uint32(id), value})
	}
	slices.SortFunc(records, func(a, b record) int { return cmp.Compare(a.key, b.key) })
	return h.finish(h.tree(2, 6, records))
}

// line is a row of a table: the node that it is of, and its cells.
type line struct {
	nid   uint32
	cells Properties
}

// column is one of a table. Its place is given by place.
type column struct {
	id, t   uint16
	at, bit int
	size    int
}

// table writes one with these columns beside the two that all have.
func (w *writer) table(columns Properties, lines []line, sub *subnodes) [][]byte {
	h := w.heap(0x7c)
	cols, ends := w.place(columns)
	var index []record
	rowWidth := ends[3]
	perBlock := w.most() / rowWidth
	var blocks [][]byte
	var rows []byte
	for i, l := range lines {
		size := 4
		if !w.wide {
			size = 2
		}
		index = append(index, record{l.nid, binary.LittleEndian.AppendUint32(nil, uint32(i))[:size]})
		rows = append(rows, w.row(h, sub, cols, ends, l, i)...)
		if (i+1)%perBlock == 0 {
			blocks = append(blocks, append(rows, make([]byte, w.most()-len(rows))...))
			rows = nil
		}
	}
	valueSize := 4
	if !w.wide {
		valueSize = 2
	}
	indexID := h.tree(4, valueSize, index)
	var matrix uint32
	switch {
	case len(blocks) == 0 && len(rows) <= mostItem && len(rows) > 0:
		matrix = h.add(rows)
	case len(blocks)+len(rows) > 0:
		if len(rows) > 0 {
			blocks = append(blocks, rows)
		}
		matrix = sub.chunks(blocks)
	}
	return h.finish(h.add(describe(cols, ends, indexID, matrix)))
}

// place orders columns by their ids, and their cells by their size.
func (w *writer) place(columns Properties) (cols []column, ends [4]int) {
	cols = append(cols, column{id: 0x67f2, t: 3}, column{id: 0x67f3, t: 3})
	for id, v := range columns {
		t, _ := w.typed(v)
		cols = append(cols, column{id: id, t: t})
	}
	slices.SortFunc(cols, func(a, b column) int { return cmp.Compare(uint32(a.id)<<16|uint32(a.t), uint32(b.id)<<16|uint32(b.t)) })
	at, bit := 8, 2
	for i, sizes := range [][]int{{4, 8}, {2}, {1}} {
		for j := range cols {
			c := &cols[j]
			if c.size = max(width(c.t), 4); width(c.t) > 0 {
				c.size = width(c.t)
			}
			switch {
			case c.id == 0x67f2:
				c.at, c.bit = 0, 0
			case c.id == 0x67f3:
				c.at, c.bit = 4, 1
			case slices.Contains(sizes, c.size):
				c.at, c.bit = at, bit
				at, bit = at+c.size, bit+1
			}
		}
		ends[i] = at
	}
	ends[3] = at + (len(cols)+7)/8
	return cols, ends
}

func (w *writer) row(h *heap, sub *subnodes, cols []column, ends [4]int, l line, number int) []byte {
	row := make([]byte, ends[3])
	for _, c := range cols {
		v, ok := l.cells[c.id]
		switch c.id {
		case 0x67f2:
			v, ok = int32(l.nid), true
		case 0x67f3:
			v, ok = int32(number+1), true
		}
		if !ok {
			continue
		}
		_, b := w.typed(v)
		if width(c.t) == 0 {
			b = binary.LittleEndian.AppendUint32(nil, h.keep(sub, b))
		}
		copy(row[c.at:][:c.size], b)
		row[ends[2]+c.bit/8] |= 0x80 >> (c.bit % 8)
	}
	return row
}

// describe is TCINFO ([MS-PST] 2.3.4.1).
func describe(cols []column, ends [4]int, index, matrix uint32) []byte {
	le := binary.LittleEndian
	b := []byte{0x7c, byte(len(cols))}
	for _, end := range ends {
		b = le.AppendUint16(b, uint16(end))
	}
	b = le.AppendUint32(le.AppendUint32(le.AppendUint32(b, index), matrix), 0)
	for _, c := range cols {
		b = le.AppendUint16(le.AppendUint16(b, c.t), c.id)
		b = append(le.AppendUint16(b, uint16(c.at)), byte(c.size), byte(c.bit))
	}
	return b
}
