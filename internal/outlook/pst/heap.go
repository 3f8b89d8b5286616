package pst

import (
	"encoding/binary"
	"fmt"
)

// Caps of one heap.
const (
	maxHeapBlocks = 1 << 16 // as many as an id can name
	maxRecords    = 1 << 20 // messages beyond are found without their table
	maxTreeLevels = 8
)

// heap is a heap on a node ([MS-PST] 2.3.1): items of up to 3,580 bytes, each with
// an id of the number of its block and its number there.
type heap struct {
	r      *reading
	node   node
	blocks []uint64
	kind   byte   // what it is for
	root   uint32 // the item to begin with
}

// What heaps are for (bClientSig, [MS-PST] 2.3.1.2).
const (
	heapTable      = 0x7c
	heapProperties = 0xbc
)

// heap opens that of a node, which must be of a kind.
func (r *reading) heap(n node, kind byte) (*heap, error) {
	s, err := r.stream(n.data)
	if err != nil {
		return nil, err
	}
	h := &heap{r: r, node: n}
	h.blocks, err = s.blocks(maxHeapBlocks)
	if err != nil {
		r.troubles.tell("%v", err)
	}
	if len(h.blocks) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrFormat)
	}
	b, err := r.block(h.blocks[0])
	if err != nil {
		return nil, err
	}
	if len(b.data) < 12 || b.data[2] != 0xec {
		return nil, fmt.Errorf("%w: it has no heap", ErrFormat)
	}
	h.kind, h.root = b.data[3], binary.LittleEndian.Uint32(b.data[4:])
	if h.kind != kind {
		return nil, fmt.Errorf("%w: a heap for %#x, not for %#x", ErrFormat, h.kind, kind)
	}
	return h, nil
}

// item is the bytes of one; they must not be changed.
func (h *heap) item(id uint32) ([]byte, error) {
	shift := h.r.f.layout.shift
	number, in := id&(1<<shift-1)>>5, int(id>>shift)
	if kindOf(id) != kindHeap || number == 0 || in >= len(h.blocks) {
		return nil, fmt.Errorf("%w: no item %#x in a heap of %d blocks", ErrFormat, id, len(h.blocks))
	}
	b, err := h.r.block(h.blocks[in])
	if err != nil {
		return nil, err
	}
	return pick(b.data, int(number))
}

// pick finds an item by the map at the end of its block ([MS-PST] 2.3.1.5).
func pick(b []byte, number int) ([]byte, error) {
	if len(b) < 2 {
		return nil, fmt.Errorf("%w: no map of items", ErrFormat)
	}
	at := int(binary.LittleEndian.Uint16(b))
	if at+4 > len(b) {
		return nil, fmt.Errorf("%w: no map of items", ErrFormat)
	}
	count := int(binary.LittleEndian.Uint16(b[at:]))
	from := at + 4 + 2*(number-1)
	if number > count || from+4 > len(b) {
		return nil, fmt.Errorf("%w: item %d of %d", ErrFormat, number, count)
	}
	start, end := int(binary.LittleEndian.Uint16(b[from:])), int(binary.LittleEndian.Uint16(b[from+2:]))
	if start > end || end > len(b) {
		return nil, fmt.Errorf("%w: item %d from %d to %d of %d bytes", ErrFormat, number, start, end, len(b))
	}
	return b[start:end], nil
}

// records is a walk through a B-tree in a heap ([MS-PST] 2.3.2).
type records struct {
	*heap
	key, value int // bytes of each
	visit      func(key, value []byte)
	todo       []recordNode // the next one last
	seen       map[uint32]bool
	count      int
}

// recordNode is an item of the tree: a leaf, if its level is 0.
type recordNode struct {
	id    uint32
	level byte
}

// eachRecord visits the records of a B-tree whose keys and values have at least these
// sizes, in order. No item is read twice; a part that is broken is told, and left out.
func (h *heap) eachRecord(header uint32, key, value int, visit func(key, value []byte)) error {
	top, err := h.item(header)
	if err != nil {
		return err
	}
	if len(top) < 8 || top[0] != 0xb5 || int(top[1]) != key || int(top[2]) < value || top[3] > maxTreeLevels {
		return fmt.Errorf("%w: no tree with keys of %d bytes", ErrFormat, key)
	}
	t := records{heap: h, key: key, value: int(top[2]), visit: visit, seen: map[uint32]bool{}}
	t.todo = []recordNode{{binary.LittleEndian.Uint32(top[4:]), top[3]}}
	for len(t.todo) > 0 {
		if err := t.next(); err != nil {
			return err
		}
	}
	return nil
}

// next reads an item. Its error ends the walk.
func (t *records) next() error {
	n := t.todo[len(t.todo)-1]
	t.todo = t.todo[:len(t.todo)-1]
	if n.id == 0 {
		return nil // a tree without records
	}
	item, err := t.item(n.id)
	if err == nil && t.seen[n.id] {
		err = fmt.Errorf("%w: item %#x comes twice", ErrFormat, n.id)
	}
	if err != nil {
		t.r.troubles.tell("%v", err)
		return nil
	}
	t.seen[n.id] = true
	step := t.key + t.value
	if n.level > 0 {
		step = t.key + 4
	}
	if t.count += len(item) / step; t.count > maxRecords {
		return fmt.Errorf("%w: more than %d records", ErrFormat, maxRecords)
	}
	if n.level > 0 {
		t.descend(item, step, n.level-1)
	} else {
		t.visitAll(item, step)
	}
	return t.r.f.spend(len(item) / step)
}

// descend puts the items below one on top, the first one last.
func (t *records) descend(item []byte, step int, level byte) {
	for at := (len(item)/step - 1) * step; at >= 0; at -= step {
		t.todo = append(t.todo, recordNode{binary.LittleEndian.Uint32(item[at+t.key:]), level})
	}
}

func (t *records) visitAll(item []byte, step int) {
	for ; len(item) >= step; item = item[step:] {
		t.visit(item[:t.key], item[t.key:step])
	}
}
