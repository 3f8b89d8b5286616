package pst

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/tqmailrules/tqmailrules/internal/outlook/pst/coding"
)

// block is one as it was before it was coded and compressed.
type block struct {
	data    []byte
	stored  int    // bytes in the file
	trouble string // what was wrong and could be worked around
}

// place is where a block is.
type place struct {
	bid    uint64
	at     uint64
	stored int
}

// internal says that a block lists others; such blocks are not coded.
func internal(bid uint64) bool { return bid&2 != 0 }

func (l layout) place(entry []byte) place {
	w := l.word
	return place{bid: l.number(entry) & maskBlocks, at: l.number(entry[w:]), stored: int(binary.LittleEndian.Uint16(entry[2*w:]))}
}

// block reads one for looking at it: what is wrong with it is told.
func (r *reading) block(bid uint64) (*block, error) {
	b, err := r.f.block(bid)
	if err != nil {
		return nil, err
	}
	if b.trouble != "" {
		r.troubles.tell("block %#x: %s", bid, b.trouble)
	}
	return b, r.f.spend(1)
}

// block reads one, or has it still.
func (f *File) block(bid uint64) (*block, error) {
	bid &= maskBlocks
	f.mu.Lock()
	b, ok := f.loaded.get(bid)
	f.mu.Unlock()
	if ok {
		return b, nil
	}
	b, err := f.seekBlock(bid)
	if err == nil {
		err = f.spend(1 + (b.stored+len(b.data))/512)
	}
	if err != nil {
		return nil, fmt.Errorf("block %#x: %w", bid, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loaded.put(bid, b, int64(cap(b.data))+256)
	return b, nil
}

// seekBlock reads a block where the tree says it is. If it is not there, or damaged,
// one that a search found in good state counts more.
func (f *File) seekBlock(bid uint64) (*block, error) {
	var b *block
	entry, err := f.blocks.find(bid)
	if err == nil {
		b, err = f.readBlock(f.layout.place(entry))
	}
	if err == nil && b.trouble == "" {
		return b, nil
	}
	if p, ok := f.search(pageBlocks).place(bid); ok {
		if found, err := f.readBlock(p); err == nil && found.trouble == "" {
			return found, nil
		}
	}
	return b, err
}

// readBlock reads what stands at a place, as far as it holds together.
func (f *File) readBlock(p place) (*block, error) {
	l := f.layout
	room := l.room(p.stored)
	if room > int64(l.block) || p.stored == 0 {
		return nil, fmt.Errorf("%w: %d bytes", ErrFormat, p.stored)
	}
	if p.at > math.MaxInt64 || int64(p.at) > f.size-room {
		return nil, fmt.Errorf("%w: outside the file", ErrFormat)
	}
	raw := make([]byte, room)
	if n, err := f.r.ReadAt(raw, int64(p.at)); n < len(raw) {
		return nil, err
	}
	foot := raw[room-int64(l.footer):]
	b := &block{data: raw[:p.stored], stored: int(room)}
	switch m := l.mark(foot); {
	case m.bid&maskBlocks == p.bid && coding.Sum(b.data) == m.sum:
	case m.bid&maskBlocks == p.bid:
		b.trouble = "its checksum is wrong"
	case m.bid == 0 && m.sum == 0:
		b.trouble = "it has no footer"
	default:
		return nil, fmt.Errorf("%w: another block stands there", ErrFormat)
	}
	if l.footer == large.footer {
		f.inflate(b, int(binary.LittleEndian.Uint16(foot[18:])))
	}
	if !internal(p.bid) {
		coding.Decode(f.method, p.bid, b.data)
	}
	return b, nil
}

// inflate undoes the compression that files with large pages may have: a block whose
// size before differs from the size stored. What does not come out is told.
func (f *File) inflate(b *block, size int) {
	if size == 0 || size == len(b.data) {
		return
	}
	out := make([]byte, size)
	z, err := f.inflater(b.data)
	n := 0
	if err == nil {
		n, err = io.ReadFull(z, out)
		f.inflaters.Put(z)
	}
	if err != nil {
		b.trouble = "it does not decompress: " + err.Error()
	}
	b.data = out[:n]
}

// inflater begins to decompress, with the memory of one that is done.
func (f *File) inflater(b []byte) (io.Reader, error) {
	if z, ok := f.inflaters.Get().(zlib.Resetter); ok {
		return z.(io.Reader), z.Reset(bytes.NewReader(b), nil)
	}
	return zlib.NewReader(bytes.NewReader(b))
}

// stream is what a node holds: one block, or a tree of blocks of two levels at most
// ([MS-PST] 2.2.2.8.3.2).
type stream struct {
	f        *File
	size     int64    // as the file says; -1 when it does not
	leaves   []uint64 // ids of blocks of data
	deeper   []uint64 // ids of lists of them, which come after
	troubles *troubles
}

// stream looks at the top of a tree of blocks. An id of 0 is an empty one.
func (r *reading) stream(bid uint64) (*stream, error) {
	s := &stream{f: r.f, troubles: r.troubles}
	if bid == 0 {
		return s, nil
	}
	if !internal(bid) {
		b, err := r.block(bid)
		if err != nil {
			return nil, err
		}
		s.leaves, s.size = []uint64{bid}, int64(len(b.data))
		return s, nil
	}
	list, err := r.list(bid, 1)
	if err != nil {
		return nil, err
	}
	s.size = list.total
	if s.size == 0 {
		s.size = -1
	}
	if list.level == 2 {
		s.deeper = list.ids()
		return s, nil
	}
	s.leaves = list.ids()
	return s, nil
}

func (b listBlock) ids() []uint64 {
	ids := make([]uint64, b.n)
	for i := range ids {
		ids[i] = b.l.number(b.entry(i))
	}
	return ids
}

// next is the id of the next block of data; 0 at the end.
func (s *stream) next() (uint64, error) {
	for len(s.leaves) == 0 {
		if len(s.deeper) == 0 {
			return 0, nil
		}
		list, err := (&reading{f: s.f, troubles: s.troubles}).list(s.deeper[0], 1)
		if err == nil && list.level != 1 {
			err = fmt.Errorf("%w: a list of blocks inside itself", ErrFormat)
		}
		if err != nil {
			return 0, err
		}
		s.deeper, s.leaves = s.deeper[1:], list.ids()
	}
	bid := s.leaves[0]
	s.leaves = s.leaves[1:]
	if bid == 0 || internal(bid) {
		return 0, fmt.Errorf("%w: block %#x is none of data", ErrFormat, bid)
	}
	return bid, nil
}

// blocks lists the blocks of data, max at most. What could be listed counts beside
// an error.
func (s *stream) blocks(max int) ([]uint64, error) {
	var all []uint64
	for len(all) < max {
		bid, err := s.next()
		if bid == 0 || err != nil {
			return all, err
		}
		all = append(all, bid)
	}
	return all, nil
}

// reader reads a stream to its end. Blocks are not read ahead.
type reader struct {
	stream
	block  []byte
	left   int64 // bytes of the file that may still be read: honest streams share no block
	read   int64
	broken error // told at the end: the contents are there
	err    error
}

// open returns a reader from the beginning; it changes nothing of the stream.
func (s *stream) open() io.Reader {
	r := &reader{stream: *s, left: s.f.size}
	r.troubles = &troubles{}
	return r
}

func (r *reader) Read(p []byte) (int, error) {
	for len(r.block) == 0 && r.err == nil {
		r.err = r.advance()
	}
	if len(r.block) == 0 {
		return 0, r.err
	}
	n := copy(p, r.block)
	r.block = r.block[n:]
	r.read += int64(n)
	return n, nil
}

// advance gets the next block, and says at the end what was wrong.
func (r *reader) advance() error {
	bid, err := r.next()
	switch {
	case err != nil:
		return err
	case r.size >= 0 && r.read >= r.size:
		return r.end()
	case bid == 0 && r.read < r.size:
		return fmt.Errorf("%w: it ends after %d bytes of %d", ErrFormat, r.read, r.size)
	case bid == 0:
		return r.end()
	}
	b, err := r.f.block(bid)
	if err != nil {
		return err
	}
	if b.trouble != "" && r.broken == nil {
		r.broken = fmt.Errorf("%w: block %#x: %s", ErrFormat, bid, b.trouble)
	}
	if r.left -= int64(b.stored); r.left < 0 {
		return fmt.Errorf("more blocks than the file has: %w", errSpent)
	}
	r.block = b.data
	if r.size >= 0 {
		r.block = r.block[:min(int64(len(r.block)), r.size-r.read)]
	}
	return nil
}

// end is the error of a stream that was read to its end.
func (r *reader) end() error {
	if r.broken != nil {
		return r.broken
	}
	return io.EOF
}
