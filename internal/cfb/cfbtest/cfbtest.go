// Package cfbtest writes compound files, for tests of what reads them.
package cfbtest

import (
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf16"
)

// Node is a stream, or a folder if it has Kids.
type Node struct {
	Name  string
	Data  []byte
	Kids  []Node
	CLSID [16]byte
}

const (
	sector = 512
	mini   = 64
	cutoff = 4096
	end    = 0xfffffffe
	free   = 0xffffffff
	isFAT  = 0xfffffffd
)

// File is a compound file of version 3 with these in its root.
func File(kids ...Node) []byte {
	w := &writer{}
	w.entry(Node{Name: "Root Entry", Kids: kids}, 5)
	w.folder(0, kids)
	return w.finish()
}

type writer struct {
	dir    [][]byte
	body   []byte   // sectors of streams
	chains []uint32 // what the allocation table says of them
	pool   []byte   // the mini stream
	minis  []uint32
}

func (w *writer) entry(n Node, kind byte) int {
	b := make([]byte, 128)
	units := utf16.Encode([]rune(n.Name))
	for i, u := range units {
		binary.LittleEndian.PutUint16(b[2*i:], u)
	}
	binary.LittleEndian.PutUint16(b[64:], uint16(2*len(units)+2))
	b[66], b[67] = kind, 1
	for _, at := range [...]int{68, 72, 76} {
		binary.LittleEndian.PutUint32(b[at:], free)
	}
	copy(b[80:], n.CLSID[:])
	w.dir = append(w.dir, b)
	return len(w.dir) - 1
}

// folder writes entries; siblings are a chain to the right, in their order.
func (w *writer) folder(parent int, kids []Node) {
	kids = slices.Clone(kids)
	slices.SortFunc(kids, func(a, b Node) int {
		if d := len(a.Name) - len(b.Name); d != 0 {
			return d
		}
		return strings.Compare(strings.ToUpper(a.Name), strings.ToUpper(b.Name))
	})
	last := -1
	for _, n := range kids {
		kind := byte(2)
		if n.Kids != nil {
			kind = 1
		}
		i := w.entry(n, kind)
		if last < 0 {
			binary.LittleEndian.PutUint32(w.dir[parent][76:], uint32(i))
		} else {
			binary.LittleEndian.PutUint32(w.dir[last][72:], uint32(i))
		}
		last = i
		if kind == 1 {
			w.folder(i, n.Kids)
			continue
		}
		start := w.store(n.Data)
		binary.LittleEndian.PutUint32(w.dir[i][116:], start)
		binary.LittleEndian.PutUint32(w.dir[i][120:], uint32(len(n.Data)))
	}
}

func (w *writer) store(data []byte) uint32 {
	switch {
	case len(data) == 0:
		return end
	case len(data) < cutoff:
		start := uint32(len(w.minis))
		w.pool, w.minis = place(w.pool, w.minis, data, mini)
		return start
	}
	start := uint32(len(w.chains))
	w.body, w.chains = place(w.body, w.chains, data, sector)
	return start
}

// place appends data in units, chained to each other.
func place(area []byte, chain []uint32, data []byte, unit int) ([]byte, []uint32) {
	n := (len(data) + unit - 1) / unit
	for i := range n {
		next := uint32(len(chain) + 1)
		if i == n-1 {
			next = end
		}
		chain = append(chain, next)
	}
	area = append(area, data...)
	return append(area, make([]byte, n*unit-len(data))...), chain
}

func table(t []uint32) []byte {
	var b []byte
	for _, v := range t {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func (w *writer) append(b []byte) uint32 {
	if len(b) == 0 {
		return end
	}
	start := uint32(len(w.chains))
	w.body, w.chains = place(w.body, w.chains, b, sector)
	return start
}

func (w *writer) finish() []byte {
	pool := w.append(w.pool)
	binary.LittleEndian.PutUint32(w.dir[0][116:], pool)
	binary.LittleEndian.PutUint32(w.dir[0][120:], uint32(len(w.pool)))
	minis := w.append(table(w.minis))
	directory := w.append(slices.Concat(w.dir...))
	fats := 1
	for fats*sector/4 < len(w.chains)+fats {
		fats++
	}
	h := make([]byte, sector)
	copy(h, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
	binary.LittleEndian.PutUint16(h[24:], 0x3e)
	binary.LittleEndian.PutUint16(h[26:], 3)
	binary.LittleEndian.PutUint16(h[28:], 0xfffe)
	binary.LittleEndian.PutUint16(h[30:], 9)
	binary.LittleEndian.PutUint16(h[32:], 6)
	for at, v := range map[int]uint32{44: uint32(fats), 48: directory, 56: cutoff, 60: minis, 64: uint32((len(w.minis)*4 + sector - 1) / sector), 68: end} {
		binary.LittleEndian.PutUint32(h[at:], v)
	}
	for i := range 109 {
		v := uint32(free)
		if i < fats {
			v = uint32(len(w.chains) + i)
		}
		binary.LittleEndian.PutUint32(h[76+4*i:], v)
	}
	for range fats {
		w.chains = append(w.chains, isFAT)
	}
	for len(w.chains) < fats*sector/4 {
		w.chains = append(w.chains, free)
	}
	return slices.Concat(h, w.body, table(w.chains))
}
