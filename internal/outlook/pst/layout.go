package pst

import "encoding/binary"

// layout is what differs between the three kinds of file. Places are in bytes from
// the beginning of the header, the page, or the footer.
type layout struct {
	wide    bool  // ids and places are of 64 bits
	word    int   // bytes of an id or a place
	end     int   // of the header: the length of the file
	roots   int   // of the header: the roots of the two trees
	method  int   // of the header: the coding
	page    int   // bytes of a page
	trailer int   // bytes at the end of a page
	counts  int   // of a page of a tree: how many entries of which size
	align   int64 // of blocks
	footer  int   // bytes at the end of a block
	block   int   // bytes of the largest block, with its footer
	shift   uint  // of an id in a heap: bits that are not the number of the block
}

var (
	ansi    = layout{word: 4, end: 168, roots: 184, method: 461, page: 512, trailer: 12, counts: 496, align: 64, footer: 12, block: 8192, shift: 16}
	unicode = layout{wide: true, word: 8, end: 184, roots: 216, method: 513, page: 512, trailer: 16, counts: 488, align: 64, footer: 16, block: 8192, shift: 16}
	// large is not in [MS-PST]; what is known of it comes from those who looked into
	// files: counts of 16 bits, footers of 24 bytes with the size before compression.
	// Most blocks are compressed, some lists of blocks too; checksums are of what is
	// stored.
	large = layout{wide: true, word: 8, end: 184, roots: 216, method: 513, page: 4096, trailer: 24, counts: 4056, align: 512, footer: 24, block: 65536, shift: 19}
)

func layoutOf(version int) layout {
	switch {
	case version <= 15:
		return ansi
	case version == 36:
		return large
	}
	return unicode
}

// number reads an id or a place.
func (l layout) number(b []byte) uint64 {
	if l.wide {
		return binary.LittleEndian.Uint64(b)
	}
	return uint64(binary.LittleEndian.Uint32(b))
}

// ref says where a page is, and which it must be.
type ref struct{ bid, at uint64 }

func (l layout) ref(b []byte) ref { return ref{l.number(b), l.number(b[l.word:])} }

// room is how many bytes of the file a block takes.
func (l layout) room(stored int) int64 {
	n := int64(stored + l.footer)
	return (n + l.align - 1) / l.align * l.align
}

// mark is what stands at the end of a page or block, to recognise it.
type mark struct {
	signature uint16
	sum       uint32
	bid       uint64
}

// mark reads one from behind the two bytes of a footer or trailer that say what or
// how long it is.
func (l layout) mark(b []byte) mark {
	m := mark{signature: binary.LittleEndian.Uint16(b[2:])}
	if l.wide {
		m.sum, m.bid = binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint64(b[8:])
		return m
	}
	m.bid, m.sum = uint64(binary.LittleEndian.Uint32(b[4:])), binary.LittleEndian.Uint32(b[8:])
	return m
}
