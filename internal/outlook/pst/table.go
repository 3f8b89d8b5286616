package pst

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/outlook"
)

// table is a table on a node ([MS-PST] 2.3.4): rows of cells, and an index of what
// row a thing has, by the id of its node.
type table struct {
	*heap
	columns []column
	width   int    // bytes of a row
	bits    int    // where in a row it says which cells there are
	matrix  uint32 // item or node of the rows
	rows    []row  // in their order
	blocks  []rowBlock
}

// row is the thing that a row is of, and the number of the row.
type row struct {
	nid    uint32
	number uint32
}

// rowBlock is a run of rows: none stands in two blocks.
type rowBlock struct {
	bid  uint64
	item []byte // when the rows stand in the heap
}

type column struct {
	t    outlook.Type
	id   uint16
	at   int
	size int
	bit  int
}

// table opens that of a node. Rows that the index has lost are taken from the rows
// themselves.
func (r *reading) table(n node) (*table, error) {
	h, err := r.heap(n, heapTable)
	if err != nil {
		return nil, fmt.Errorf("table: %w", err)
	}
	t := &table{heap: h}
	info, err := h.item(h.root)
	if err == nil {
		err = t.describe(info)
	}
	if err == nil {
		err = t.index(binary.LittleEndian.Uint32(info[10:]))
	}
	if err != nil {
		return nil, fmt.Errorf("table: %w", err)
	}
	return t, nil
}

// describe reads TCINFO and its columns.
func (t *table) describe(info []byte) error {
	if len(info) < 22 || info[0] != heapTable || len(info) < 22+8*int(info[1]) {
		return fmt.Errorf("%w: it has no columns", ErrFormat)
	}
	t.bits, t.width = int(binary.LittleEndian.Uint16(info[6:])), int(binary.LittleEndian.Uint16(info[8:]))
	t.matrix = binary.LittleEndian.Uint32(info[14:])
	if t.width < 4 || t.bits > t.width {
		return fmt.Errorf("%w: rows of %d bytes", ErrFormat, t.width)
	}
	for i := range int(info[1]) {
		c := info[22+8*i:]
		col := column{
			t: outlook.Type(binary.LittleEndian.Uint16(c)), id: binary.LittleEndian.Uint16(c[2:]),
			at: int(binary.LittleEndian.Uint16(c[4:])), size: int(c[6]), bit: int(c[7]),
		}
		if col.at+col.size > t.width || t.bits+col.bit/8 >= t.width {
			t.r.troubles.tell("column %#04x is outside the row", col.id)
			continue
		}
		t.columns = append(t.columns, col)
	}
	return nil
}

// index reads which things have rows. An index with gaps is filled from the rows.
func (t *table) index(header uint32) error {
	size := 4
	if !t.r.f.layout.wide {
		size = 2
	}
	before := len(t.r.troubles.list) + t.r.troubles.more
	err := t.eachRecord(header, 4, size, func(key, value []byte) {
		number := uint32(binary.LittleEndian.Uint16(value))
		if size == 4 {
			number = binary.LittleEndian.Uint32(value)
		}
		t.rows = append(t.rows, row{binary.LittleEndian.Uint32(key), number})
	})
	if err != nil {
		t.r.troubles.tell("%v", err)
	}
	if err != nil || len(t.r.troubles.list)+t.r.troubles.more > before {
		if err := t.salvage(); err != nil {
			return err
		}
	}
	slices.SortStableFunc(t.rows, func(a, b row) int { return cmp.Compare(a.number, b.number) })
	return nil
}

// salvage adds things whose rows the index does not name. Among them may be some
// that were removed.
func (t *table) salvage() error {
	known := make(map[uint32]bool, len(t.rows))
	for _, r := range t.rows {
		known[r.nid] = true
	}
	number := uint32(0)
	for i := range t.runs() {
		b, err := t.run(i)
		if err != nil {
			t.r.troubles.tell("%v", err)
			continue
		}
		if err := t.r.f.spend(len(b) / t.width); err != nil {
			return err
		}
		for ; len(b) >= t.width && len(t.rows) < maxRecords; b = b[t.width:] {
			if nid := binary.LittleEndian.Uint32(b); !known[nid] {
				known[nid] = true
				t.rows = append(t.rows, row{nid, number})
			}
			number++
		}
	}
	return nil
}

// runs is how many blocks the rows have; they are listed when first asked for.
func (t *table) runs() int {
	if t.blocks == nil {
		if err := t.listRuns(); err != nil {
			t.r.troubles.tell("rows: %v", err)
		}
	}
	return len(t.blocks)
}

func (t *table) listRuns() error {
	t.blocks = []rowBlock{}
	if t.matrix == 0 {
		return nil
	}
	if kindOf(t.matrix) == kindHeap {
		item, err := t.item(t.matrix)
		t.blocks = []rowBlock{{item: item}}
		return err
	}
	n, err := t.r.subnode(t.node.sub, t.matrix)
	if err != nil {
		return err
	}
	s, err := t.r.stream(n.data)
	if err != nil {
		return err
	}
	bids, err := s.blocks(maxHeapBlocks)
	for _, bid := range bids {
		t.blocks = append(t.blocks, rowBlock{bid: bid})
	}
	return err
}

// run is the bytes of a block of rows.
func (t *table) run(i int) ([]byte, error) {
	if t.blocks[i].bid == 0 {
		return t.blocks[i].item, nil
	}
	b, err := t.r.block(t.blocks[i].bid)
	if err != nil {
		return nil, err
	}
	return b.data, nil
}

// cells reads a row. All blocks but the last are full of rows, and hold none in part.
func (t *table) cells(row row) (outlook.Bag, error) {
	i, number := 0, int(row.number)
	if t.runs() > 1 {
		per := t.perRun()
		i, number = number/per, number%per
	}
	if i >= t.runs() {
		return nil, fmt.Errorf("%w: row %d is outside the table", ErrFormat, number)
	}
	b, err := t.run(i)
	if err != nil {
		return nil, err
	}
	if number >= len(b)/t.width {
		return nil, fmt.Errorf("%w: row %d is outside the table", ErrFormat, number)
	}
	return t.decode(b[number*t.width:][:t.width])
}

// perRun is how many rows a full block has.
func (t *table) perRun() int {
	n := t.r.f.layout.block - t.r.f.layout.footer
	if b, err := t.run(0); err == nil {
		n = len(b)
	}
	return max(n/t.width, 1)
}

func (t *table) decode(cells []byte) (outlook.Bag, error) {
	bag := outlook.Bag{}
	for _, c := range t.columns {
		if cells[t.bits+c.bit/8]&(0x80>>(c.bit%8)) == 0 {
			continue
		}
		if t.r.values >= maxValues {
			return bag, fmt.Errorf("more than %d properties: %w", maxValues, engine.ErrLimit)
		}
		t.r.values++
		v, err := t.cell(c, cells[c.at:][:c.size])
		if err != nil {
			t.r.troubles.tell("column %#04x: %v", c.id, err)
			continue
		}
		bag[c.id] = v
	}
	return bag, t.r.f.spend(len(t.columns))
}

func (t *table) cell(c column, raw []byte) (outlook.Value, error) {
	switch n := width(c.t); {
	case n > 0 && n <= len(raw):
		return outlook.Value{Type: c.t, Bytes: bytes.Clone(raw[:n]), Size: int64(n)}, nil
	case n == 0 && len(raw) == 4:
		return t.value(c.t, binary.LittleEndian.Uint32(raw))
	}
	return outlook.Value{}, fmt.Errorf("%w: a cell of %d bytes", ErrFormat, len(raw))
}
