package pst

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/tqmailrules/tqmailrules/internal/outlook/pst/coding"
)

// Kinds of pages ([MS-PST] 2.2.2.7.1).
const (
	pageBlocks = 0x80
	pageNodes  = 0x81
)

// maxLevel bounds the height of a tree; 20 entries to a page make 2^32 blocks of 8.
const maxLevel = 12

// Ids of nodes are of 32 bits in all files; of those of blocks the lowest bit means
// nothing ([MS-PST] 2.2.2.2).
const (
	maskNodes  = math.MaxUint32
	maskBlocks = math.MaxUint64 - 1
)

// errMissing says that a tree which is whole does not have an id.
var errMissing = errors.New("there is none")

// tree is a B-tree of pages ([MS-PST] 2.2.2.7.7): of nodes, or of blocks.
type tree struct {
	f    *File
	kind byte
	name string // for troubles
	root ref
}

// page is one of a tree, checked: its entries are inside it and in order.
type page struct {
	l       layout
	raw     []byte
	mask    uint64 // of keys: the bits that count
	n, step int    // entries, and bytes of one
	level   int    // 0 is a leaf
	doubted bool
}

// loadedPage is what became of reading a page.
type loadedPage struct {
	page
	err error
}

type pageKey struct {
	ref
	kind byte
}

func (p page) entry(i int) []byte { return p.raw[i*p.step : (i+1)*p.step] }

func (p page) key(i int) uint64 { return p.l.number(p.entry(i)) & p.mask }

func (p page) child(i int) ref { return p.l.ref(p.entry(i)[p.l.word:]) }

// last is the last entry whose key is not above key; -1 when all are.
func (p page) last(key uint64) int {
	for i := p.n - 1; i >= 0; i-- {
		if p.key(i) <= key {
			return i
		}
	}
	return -1
}

// load reads the page at a place, of the level, -1 for any. What is wrong with it is
// told once.
func (t *tree) load(r ref, level int) (page, error) {
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	key := pageKey{r, t.kind} // a damaged entry may lead to a page of the other tree
	got, ok := t.f.pages.get(key)
	if !ok {
		got.page, got.err = t.read(r)
		t.f.pages.put(key, got, int64(len(got.raw))+128)
	}
	switch {
	case got.err != nil:
		t.f.troubles.tell("page of the tree of %s at %#x: %v", t.name, r.at, got.err)
	case level >= 0 && got.level != level || got.level > maxLevel:
		t.f.troubles.tell("page of the tree of %s at %#x: its level is %d", t.name, r.at, got.level)
		return page{}, ErrFormat
	case got.doubted:
		t.f.troubles.tell("page of the tree of %s at %#x: its checksum is wrong", t.name, r.at)
	}
	return got.page, got.err
}

func (t *tree) read(r ref) (page, error) {
	l := t.f.layout
	if r.at > math.MaxInt64 || int64(r.at) > t.f.size-int64(l.page) {
		return page{}, fmt.Errorf("%w: outside the file", ErrFormat)
	}
	raw := make([]byte, l.page)
	if n, err := t.f.r.ReadAt(raw, int64(r.at)); n < len(raw) {
		return page{}, err
	}
	p, m, err := parsePage(l, t.kind, raw)
	if err == nil && !p.doubted && m.bid != r.bid {
		return page{}, fmt.Errorf("%w: another page was written over it", ErrFormat)
	}
	return p, err
}

// looksRight says whether the root is a page of the tree in the file's layout.
func (t *tree) looksRight() bool {
	_, err := t.read(t.root)
	return err == nil
}

// parsePage checks the form of a page of a tree.
func parsePage(l layout, kind byte, raw []byte) (page, mark, error) {
	end := raw[l.page-l.trailer:]
	m := l.mark(end)
	if end[0] != kind || end[1] != kind {
		return page{}, m, fmt.Errorf("%w: no page of its kind", ErrFormat)
	}
	p := page{l: l, raw: raw, mask: maskNodes, doubted: coding.Sum(raw[:l.page-l.trailer]) != m.sum}
	if kind == pageBlocks {
		p.mask = maskBlocks
	}
	c := raw[l.counts:]
	p.n, p.step, p.level = int(c[0]), int(c[2]), int(c[3])
	if l.page == large.page {
		p.n, p.step, p.level = int(binary.LittleEndian.Uint16(c)), int(c[4]), int(c[5])
	}
	if p.step < p.least(kind) || p.n*p.step > l.counts {
		return page{}, m, fmt.Errorf("%w: %d entries of %d bytes", ErrFormat, p.n, p.step)
	}
	for i := 1; i < p.n; i++ {
		if p.key(i) <= p.key(i-1) {
			return page{}, m, fmt.Errorf("%w: its entries are out of order", ErrFormat)
		}
	}
	return p, m, nil
}

// least is how many bytes an entry of the page must have.
func (p page) least(kind byte) int {
	switch {
	case p.level > 0:
		return 3 * p.l.word
	case kind == pageNodes:
		return 3*p.l.word + 4
	}
	return 2*p.l.word + 4
}

// find is the entry of a leaf with a key. errMissing says that the tree has none;
// any other error, that a page on the way is broken or doubtful.
func (t *tree) find(key uint64) ([]byte, error) {
	r, level, doubted := t.root, -1, false
	for {
		p, err := t.load(r, level)
		if err != nil {
			return nil, err
		}
		doubted = doubted || p.doubted
		i := p.last(key)
		switch {
		case p.level > 0 && p.n > 0:
			r, level = p.child(max(i, 0)), p.level-1
			continue
		case i >= 0 && p.key(i) == key:
			return p.entry(i), nil
		case doubted:
			return nil, ErrFormat
		}
		return nil, errMissing
	}
}

// span is a page that a walk still has to read, and the keys it is read for: at
// least low, below high. Spans never overlap, so no entry is visited twice.
type span struct {
	ref
	level     int
	low, high uint64
}

// each visits the entries of the leaves in order. lost is called in their place for
// keys below a page that is broken.
func (t *tree) each(visit func(entry []byte) error, lost func(low, high uint64) error) error {
	todo := []span{{t.root, -1, 0, math.MaxUint64}}
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		p, err := t.load(s.ref, s.level)
		if err == nil {
			err = t.f.spend(p.n + 1)
		}
		switch {
		case errors.Is(err, errSpent):
			return err
		case err != nil:
			err = lost(s.low, s.high)
		case p.level > 0:
			todo = p.spans(todo, s)
		default:
			err = p.visit(s, visit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// spans appends the children of a page that have keys in a span, the last first.
func (p page) spans(todo []span, s span) []span {
	for i := p.n - 1; i >= 0; i-- {
		low, high := max(s.low, p.key(i)), s.high
		if i == 0 {
			low = s.low // keys below the first were put there too
		}
		if i+1 < p.n {
			high = min(high, p.key(i+1))
		}
		if low < high {
			todo = append(todo, span{p.child(i), p.level - 1, low, high})
		}
	}
	return todo
}

func (p page) visit(s span, visit func([]byte) error) error {
	for i := range p.n {
		if k := p.key(i); k < s.low || k >= s.high {
			continue
		}
		if err := visit(p.entry(i)); err != nil {
			return err
		}
	}
	return nil
}
