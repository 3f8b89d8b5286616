package pst

import (
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/tqmailrules/tqmailrules/internal/outlook/pst/coding"
)

// maxFound bounds the nodes or blocks of a search, 40 bytes each.
const maxFound = 1 << 20

// found is what a search through the whole file saw, for one of the trees: blocks by
// their footers, or nodes of pages of the tree of nodes. Outlook never writes over a
// page that counts but beside it, so of several the one with the highest id is the
// newest.
type found struct {
	nodes  []foundNode // by id
	places []place     // by id
}

type foundNode struct {
	node
	age uint64 // id of its page
}

// search reads the file once for each tree, the first time that it is broken.
func (f *File) search(kind byte) *found {
	f.mu.Lock()
	defer f.mu.Unlock()
	got := &f.found[kind-pageBlocks]
	if *got == nil {
		s := &searching{f: f, kind: kind, budget: 4*f.size + 1<<20}
		s.run()
		*got = s.sorted()
		f.troubles.tell("something is broken or missing: searched the file, and found %d blocks and %d nodes", len(s.found.places), len(s.found.nodes))
	}
	return *got
}

func (s *found) node(nid uint32) (node, bool) {
	i, ok := slices.BinarySearchFunc(s.nodes, nid, func(n foundNode, nid uint32) int { return cmp.Compare(n.nid, nid) })
	if !ok {
		return node{}, false
	}
	return s.nodes[i].node, true
}

func (s *found) place(bid uint64) (place, bool) {
	i, ok := slices.BinarySearchFunc(s.places, bid, func(p place, bid uint64) int { return cmp.Compare(p.bid, bid) })
	if !ok {
		return place{}, false
	}
	return s.places[i], true
}

// eachNode visits nodes with ids from low to below high.
func (s *found) eachNode(low, high uint64, visit func(node) error) error {
	i, _ := slices.BinarySearchFunc(s.nodes, low, func(n foundNode, low uint64) int { return cmp.Compare(uint64(n.nid), low) })
	for ; i < len(s.nodes) && uint64(s.nodes[i].nid) < high; i++ {
		if err := visit(s.nodes[i].node); err != nil {
			return err
		}
	}
	return nil
}

// searching is a search under way.
type searching struct {
	f      *File
	kind   byte  // of the tree
	budget int64 // bytes whose checksums may still be computed
	found  found
	end    int64 // of the last block: none begins before it
}

const (
	searchStep = 1 << 20
	searchBack = 1 << 16 // the largest block
)

// run goes through the file in steps, each with so much of the one before that a
// block which ends in the step is there whole.
func (s *searching) run() {
	step := min(searchStep, s.f.size)
	buf := make([]byte, searchBack+step)
	for at := int64(0); at < s.f.size; at += step {
		n, err := s.f.r.ReadAt(buf[searchBack:], at)
		if err != nil && !errors.Is(err, io.EOF) {
			s.f.troubles.tell("search: %v", err)
		}
		s.look(buf[:searchBack+n], at)
		copy(buf, buf[step:])
	}
}

// look sees what ends in a step that begins at a place.
func (s *searching) look(buf []byte, at int64) {
	align := int(s.f.layout.align)
	for end := searchBack + align; end <= len(buf); end += align {
		place := at + int64(end-searchBack)
		switch {
		case s.kind == pageBlocks:
			s.block(buf[:end], place)
		case place%512 == 0:
			s.page(buf[:end], place)
		}
	}
}

// page takes the nodes of a page that ends where buf does, if it proves itself.
func (s *searching) page(buf []byte, end int64) {
	l := s.f.layout
	if end < int64(l.page) || buf[len(buf)-l.trailer] != pageNodes || buf[len(buf)-l.trailer+1] != pageNodes || !s.pay(l.page) {
		return
	}
	p, m, err := parsePage(l, pageNodes, buf[len(buf)-l.page:])
	if err != nil || p.doubted || p.level != 0 || len(s.found.nodes) >= maxFound {
		return
	}
	for i := range p.n {
		s.found.nodes = append(s.found.nodes, foundNode{l.node(p.entry(i)), m.bid})
	}
}

// block takes a block that ends where buf does, if it proves itself: by its
// signature, which says where it stands, or without one, and by its checksum.
func (s *searching) block(buf []byte, end int64) {
	l := s.f.layout
	foot := buf[len(buf)-l.footer:]
	stored, m := int(binary.LittleEndian.Uint16(foot)), l.mark(foot)
	room := l.room(stored)
	at := end - room
	switch {
	case stored == 0 || room > int64(l.block) || at < s.end || m.bid == 0 || len(s.found.places) >= maxFound:
		return
	case m.signature != 0 && m.signature != coding.Signature(uint64(at), m.bid):
		return
	case !s.pay(stored) || coding.Sum(buf[len(buf)-int(room):][:stored]) != m.sum:
		return
	}
	s.found.places = append(s.found.places, place{bid: m.bid & maskBlocks, at: uint64(at), stored: stored})
	s.end = end
}

func (s *searching) pay(n int) bool {
	s.budget -= int64(n)
	return s.budget >= 0
}

// sorted orders what was found, and keeps the newest of each.
func (s *searching) sorted() *found {
	if len(s.found.places) >= maxFound || len(s.found.nodes) >= maxFound || s.budget < 0 {
		s.f.troubles.tell("search: there is more than it may find")
	}
	slices.SortFunc(s.found.nodes, func(a, b foundNode) int { return cmp.Or(cmp.Compare(a.nid, b.nid), cmp.Compare(b.age, a.age)) })
	slices.SortStableFunc(s.found.places, func(a, b place) int { return cmp.Compare(a.bid, b.bid) })
	return &found{
		nodes:  slices.CompactFunc(s.found.nodes, func(a, b foundNode) bool { return a.nid == b.nid }),
		places: slices.CompactFunc(s.found.places, func(a, b place) bool { return a.bid == b.bid }),
	}
}
