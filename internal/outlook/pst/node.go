package pst

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// node is a thing with data and with nodes below it ([MS-PST] 2.2.2.7.7.4).
type node struct {
	nid    uint32
	data   uint64 // id of the block, or of the tree of blocks; 0 is none
	sub    uint64 // id of the block that lists the nodes below; 0 is none
	parent uint32 // the folder that it is in
}

func (l layout) node(entry []byte) node {
	w := l.word
	return node{
		nid:  uint32(l.number(entry)), // the upper half means nothing
		data: l.number(entry[w:]), sub: l.number(entry[2*w:]), parent: binary.LittleEndian.Uint32(entry[3*w:]),
	}
}

// node looks an id up; where the tree is broken, among what a search found.
func (f *File) node(nid uint32) (node, error) {
	entry, err := f.nodes.find(uint64(nid))
	switch {
	case err == nil:
		return f.layout.node(entry), nil
	case !errors.Is(err, errMissing):
		if n, ok := f.search(pageNodes).node(nid); ok {
			return n, nil
		}
	}
	return node{}, fmt.Errorf("node %#x: %w", nid, err)
}

// eachNode visits all nodes in the order of their ids, those that a search found
// where the tree is broken.
func (f *File) eachNode(visit func(node) error) error {
	return f.nodes.each(
		func(entry []byte) error { return visit(f.layout.node(entry)) },
		func(low, high uint64) error { return f.search(pageNodes).eachNode(low, high, visit) },
	)
}

// subnode is a node below one, by id ([MS-PST] 2.2.2.8.3.3).
func (r *reading) subnode(sub uint64, nid uint32) (node, error) {
	var got node
	err := r.eachSubnode(sub, nid, func(n node) bool {
		got = n
		return n.nid != nid
	})
	switch {
	case err != nil:
		return node{}, fmt.Errorf("node %#x below: %w", nid, err)
	case got.nid != nid:
		return node{}, fmt.Errorf("node %#x below: %w", nid, errMissing)
	}
	return got, nil
}

// allSubnodes asks eachSubnode for nodes of any id.
const allSubnodes = 0

// eachSubnode visits the nodes below one until visit says no. want leaves out blocks
// that cannot have that id. There are two levels at most, so nothing goes round.
func (r *reading) eachSubnode(sub uint64, want uint32, visit func(node) bool) error {
	if sub == 0 {
		return errMissing
	}
	b, err := r.list(sub, 2)
	if err != nil || b.level == 0 {
		b.eachLeaf(visit)
		return err
	}
	var broken error
	for i := range b.n {
		if want != allSubnodes && (b.nid(i) > want || i+1 < b.n && b.nid(i+1) <= want) {
			continue
		}
		leaf, err := r.list(b.l.number(b.entry(i)[b.l.word:]), 2)
		if err == nil && leaf.level != 0 {
			err = fmt.Errorf("%w: a list of nodes inside itself", ErrFormat)
		}
		if err != nil {
			broken = err
			continue
		}
		if !leaf.eachLeaf(visit) {
			return nil
		}
	}
	return broken
}

// listBlock is a block that lists blocks (kind 1) or nodes (kind 2).
type listBlock struct {
	l       layout
	level   int
	n, step int
	total   int64 // of kind 1: bytes of all
	raw     []byte
}

func (b listBlock) entry(i int) []byte { return b.raw[i*b.step : (i+1)*b.step] }
func (b listBlock) nid(i int) uint32   { return uint32(b.l.number(b.entry(i))) }

func (b listBlock) eachLeaf(visit func(node) bool) bool {
	w := b.l.word
	for i := range b.n {
		e := b.entry(i)
		if !visit(node{nid: uint32(b.l.number(e)), data: b.l.number(e[w:]), sub: b.l.number(e[2*w:])}) {
			return false
		}
	}
	return true
}

// list reads a block that lists others ([MS-PST] 2.2.2.8.3.2, 2.2.2.8.3.3).
func (r *reading) list(bid uint64, kind byte) (listBlock, error) {
	b, err := r.block(bid)
	if err != nil {
		return listBlock{}, err
	}
	if !internal(bid) || len(b.data) < 8 || b.data[0] != kind {
		return listBlock{}, fmt.Errorf("%w: block %#x is no list of kind %d", ErrFormat, bid, kind)
	}
	l := r.f.layout
	list := listBlock{l: l, level: int(b.data[1]), n: int(binary.LittleEndian.Uint16(b.data[2:])), raw: b.data[8:]}
	switch {
	case kind == 1:
		list.step, list.total = l.word, int64(binary.LittleEndian.Uint32(b.data[4:]))
	case list.level == 0:
		list.step = 3 * l.word
	default:
		list.step = 2 * l.word
	}
	if kind == 2 && !l.wide {
		list.raw = b.data[4:] // the padding is there for alignment to 8 bytes
	}
	if fit := len(list.raw) / list.step; list.n > fit {
		r.troubles.tell("block %#x lists %d entries and has %d", bid, list.n, fit)
		list.n = fit
	}
	if list.level > 2 || list.level == 2 && kind == 2 {
		return listBlock{}, fmt.Errorf("%w: block %#x is a list of level %d", ErrFormat, bid, list.level)
	}
	return list, r.f.spend(1 + list.n/16)
}
