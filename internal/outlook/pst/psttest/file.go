package psttest

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"encoding/binary"
	"io"
	"slices"

	"github.com/tqmailrules/tqmailrules/internal/outlook/pst/coding"
)

// form is what differs between the kinds.
type form struct {
	wide              bool
	word              int
	page, trailer     int
	counts            int
	align, room, foot int // of blocks: alignment, most bytes, footer
	shift             uint
	maps              int64 // where the first map of free space is
	mapUnit           int64 // bytes of a bit of such a map
	version           int
}

var forms = map[Kind]form{
	ANSI:    {word: 4, page: 512, trailer: 12, counts: 496, align: 64, room: 8192, foot: 12, shift: 16, maps: 0x4400, mapUnit: 64, version: 15},
	Unicode: {wide: true, word: 8, page: 512, trailer: 16, counts: 488, align: 64, room: 8192, foot: 16, shift: 16, maps: 0x4400, mapUnit: 64, version: 23},
	Large:   {wide: true, word: 8, page: 4096, trailer: 24, counts: 4056, align: 512, room: 65536, foot: 24, shift: 19, maps: 0x22000, mapUnit: 512, version: 36},
}

// mapBytes is how many bytes of a map page are bits.
func (f form) mapBytes() int64 {
	if f.page == 4096 {
		return 4072
	}
	return 496
}

// interval is how far apart the maps are.
func (f form) interval() int64 { return f.mapBytes() * 8 * f.mapUnit }

// most is how much data a block has at most.
func (f form) most() int { return f.room - f.foot }

func (f form) number(b []byte, n uint64) []byte {
	if f.wide {
		return binary.LittleEndian.AppendUint64(b, n)
	}
	return binary.LittleEndian.AppendUint32(b, uint32(n))
}

type writer struct {
	form
	spec     Spec
	out      io.WriterAt
	err      error
	at       int64  // where the next thing goes
	bids     uint64 // how many ids of blocks were given
	pageBIDs uint64
	blocks   []blockEntry
	nodes    []nodeEntry
	maps     map[int64][]byte // of space, by number
	last     [32]uint32       // numbers of nodes, by kind
	pieces   []Piece
	deflate  *zlib.Writer
	repeat   int // of the attachment that is being written
}

type blockEntry struct {
	bid          uint64
	at           int64
	stored, full int
}

type nodeEntry struct {
	nid       uint32
	data, sub uint64
	parent    uint32
}

func newWriter(out io.WriterAt, s Spec) *writer {
	f := forms[s.Kind]
	if s.Version != 0 {
		f.version = s.Version
	}
	w := &writer{form: f, spec: s, out: out, at: f.maps, maps: map[int64][]byte{}, deflate: zlib.NewWriter(nil)}
	for i := range w.last {
		w.last[i] = 0x400
	}
	w.last[kindMessage] = 0x10000
	return w
}

func (w *writer) put(b []byte, at int64) {
	if _, err := w.out.WriteAt(b, at); err != nil && w.err == nil {
		w.err = err
	}
}

// alloc takes space that no map stands in, and marks it as used.
func (w *writer) alloc(n, align int64) int64 {
	at := w.at
	for {
		at = (at + align - 1) / align * align
		k := (at - w.form.maps) / w.interval()
		base := w.form.maps + k*w.interval()
		taken := base + w.reserved(k)*int64(w.page)
		switch {
		case at < taken:
			at = taken
			continue
		case at+n > base+w.interval():
			at = base + w.interval()
			continue
		}
		w.at = at + n
		w.use(k, at-base, n)
		return at
	}
}

// reserved is how many pages of maps stand at the beginning of an interval: of
// space always, of pages each eighth time, of free space later ([MS-PST] 2.2.2.7.2).
func (w *writer) reserved(k int64) int64 {
	n := int64(1)
	if w.page == 4096 {
		return n
	}
	if k%8 == 0 {
		n++
	}
	if k >= 128 && (k-128)%496 == 0 {
		n++
	}
	return n
}

func (w *writer) use(k, from, n int64) {
	m := w.maps[k]
	if m == nil {
		m = make([]byte, w.mapBytes())
		w.maps[k] = m
		w.use(k, 0, w.reserved(k)*int64(w.page))
	}
	for unit := from / w.mapUnit; unit < (from+n+w.mapUnit-1)/w.mapUnit; unit++ {
		m[unit/8] |= 0x80 >> (unit % 8)
	}
}

// newBID gives an id; those of blocks that list others have the second bit.
func (w *writer) newBID(internal bool) uint64 {
	w.bids++
	if internal {
		return w.bids<<2 | 2
	}
	return w.bids << 2
}

// block writes one under an id.
func (w *writer) block(bid uint64, data []byte) {
	full := len(data)
	data = bytes.Clone(data)
	if bid&2 == 0 {
		coding.Encode(coding.Method(w.spec.Method), bid, data)
	}
	if w.spec.Compress && w.page == 4096 && bid&2 == 0 { // libpff wants lists as they are; Outlook compresses some
		data = w.squeeze(data)
	}
	room := (len(data) + w.foot + w.align - 1) / w.align * w.align
	at := w.alloc(int64(room), int64(w.align))
	b := make([]byte, room)
	copy(b, data)
	foot := b[room-w.foot:]
	binary.LittleEndian.PutUint16(foot, uint16(len(data)))
	w.mark(foot, at, bid, coding.Sum(data))
	if w.foot == 24 {
		binary.LittleEndian.PutUint16(foot[18:], uint16(full))
	}
	w.put(b, at)
	w.blocks = append(w.blocks, blockEntry{bid, at, len(data), full})
	p := Piece{Kind: Block, ID: bid, At: at, Size: room, Data: len(data)}
	if bid&2 != 0 {
		p.Kind, p.Level = List, int(data[1])
	}
	w.pieces = append(w.pieces, p)
}

func (w *writer) squeeze(data []byte) []byte {
	var b bytes.Buffer
	w.deflate.Reset(&b)
	w.deflate.Write(data) //nolint:errcheck // into memory
	w.deflate.Close()
	if b.Len() < len(data) {
		return b.Bytes()
	}
	return data
}

// mark fills in the signature, the checksum and the id of a block or page.
func (w *writer) mark(b []byte, at int64, bid uint64, sum uint32) {
	binary.LittleEndian.PutUint16(b[2:], coding.Signature(uint64(at), bid))
	if w.wide {
		binary.LittleEndian.PutUint32(b[4:], sum)
		binary.LittleEndian.PutUint64(b[8:], bid)
		return
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(bid))
	binary.LittleEndian.PutUint32(b[8:], sum)
}

// chunks writes blocks, and a tree over them if there are several. A single one gets
// the id that is given, if any.
func (w *writer) chunks(chunks [][]byte, bid uint64) uint64 {
	if len(chunks) == 1 {
		if bid == 0 {
			bid = w.newBID(false)
		}
		w.block(bid, chunks[0])
		return bid
	}
	var ids []uint64
	total := 0
	sizes := map[uint64]int{}
	for _, c := range chunks {
		id := w.newBID(false)
		w.block(id, c)
		ids, sizes[id], total = append(ids, id), len(c), total+len(c)
	}
	if w.repeat > 0 {
		ids, total = slices.Repeat(ids, w.repeat), total*w.repeat
	}
	most := (w.most() - 8) / w.word
	if w.spec.Entries > 0 {
		most = w.spec.Entries
	}
	if len(ids) <= most {
		return w.listOfBlocks(1, ids, total)
	}
	var lists []uint64
	for part := range slices.Chunk(ids, most) {
		n := 0
		for _, id := range part {
			n += sizes[id]
		}
		lists = append(lists, w.listOfBlocks(1, part, n))
	}
	return w.listOfBlocks(2, lists, total)
}

func (w *writer) listOfBlocks(level byte, ids []uint64, total int) uint64 {
	b := []byte{1, level}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(ids)))
	b = binary.LittleEndian.AppendUint32(b, uint32(total))
	for _, id := range ids {
		b = w.number(b, id)
	}
	bid := w.newBID(true)
	w.block(bid, b)
	return bid
}

// pageOf writes a page of a tree and returns its id and place.
func (w *writer) pageOf(kind byte, level int, entries [][]byte, step int) (bid uint64, at int64) {
	b := make([]byte, w.page)
	most := w.counts / step
	for i, e := range entries {
		copy(b[i*step:], e)
	}
	if c := b[w.counts:]; w.page == 4096 {
		binary.LittleEndian.PutUint16(c, uint16(len(entries)))
		binary.LittleEndian.PutUint16(c[2:], uint16(most))
		c[4], c[5] = byte(step), byte(level)
	} else {
		c[0], c[1], c[2], c[3] = byte(len(entries)), byte(most), byte(step), byte(level)
	}
	w.pageBIDs++
	bid, at = w.pageBIDs<<2, w.alloc(int64(w.page), int64(w.page))
	w.trail(b, kind, at, bid)
	w.put(b, at)
	p := Piece{Kind: NodePage, ID: bid, At: at, Size: w.page, Data: w.counts, Level: level}
	if kind == 0x80 {
		p.Kind = BlockPage
	}
	w.pieces = append(w.pieces, p)
	return bid, at
}

func (w *writer) trail(b []byte, kind byte, at int64, bid uint64) {
	end := b[w.page-w.trailer:]
	end[0], end[1] = kind, kind
	w.mark(end, at, bid, coding.Sum(b[:w.page-w.trailer]))
	if kind >= 0x82 {
		end[2], end[3] = 0, 0 // maps have no signature
	}
}

// tree writes the pages of a tree, the leaves first, and returns its root.
func (w *writer) tree(kind byte, entries [][]byte, step int) (bid uint64, at int64) {
	for level := 0; ; level++ {
		var above [][]byte
		for part := range slices.Chunk(entries, w.counts/step) {
			bid, at = w.pageOf(kind, level, part, step)
			e := bytes.Clone(part[0][:w.word])
			above = append(above, w.number(w.number(e, bid), uint64(at)))
		}
		if len(above) == 1 {
			return bid, at
		}
		entries, step = above, 3*w.word
	}
}

// finish writes the trees, the maps and the header. The last page is where it ends.
func (w *writer) finish() {
	slices.SortFunc(w.nodes, func(a, b nodeEntry) int { return cmp.Compare(a.nid, b.nid) })
	slices.SortFunc(w.blocks, func(a, b blockEntry) int { return cmp.Compare(a.bid, b.bid) })
	nodeBID, nodeAt := w.tree(0x81, w.nodeEntries(), w.sizeOfNode())
	blockBID, blockAt := w.tree(0x80, w.blockEntries(), w.sizeOfBlock())
	w.writeMaps()
	w.header(nodeBID, nodeAt, blockBID, blockAt)
}

func (w *writer) sizeOfNode() int {
	if w.wide {
		return 32
	}
	return 16
}

func (w *writer) sizeOfBlock() int {
	if w.wide {
		return 24
	}
	return 12
}

func (w *writer) nodeEntries() [][]byte {
	var all [][]byte
	for _, n := range w.nodes {
		e := w.number(w.number(w.number(nil, uint64(n.nid)), n.data), n.sub)
		all = append(all, binary.LittleEndian.AppendUint32(e, n.parent))
	}
	return all
}

func (w *writer) blockEntries() [][]byte {
	var all [][]byte
	for _, b := range w.blocks {
		e := w.number(w.number(nil, b.bid), uint64(b.at))
		e = binary.LittleEndian.AppendUint16(e, uint16(b.stored))
		if w.page == 4096 {
			e = binary.LittleEndian.AppendUint16(e, uint16(b.full))
		}
		all = append(all, binary.LittleEndian.AppendUint16(e, 2)) // how many lead to it
	}
	return all
}

// writeMaps writes the maps of space, and all others as full of used space.
func (w *writer) writeMaps() {
	for k, bits := range w.maps {
		base := w.form.maps + k*w.interval()
		b := make([]byte, w.page)
		copy(b[w.page-w.trailer-len(bits):], bits)
		w.trail(b, 0x84, base, uint64(base))
		w.put(b, base)
		for i := int64(1); i < w.reserved(k); i++ {
			full := bytes.Repeat([]byte{0xff}, w.page)
			kind := byte(0x83)
			if i == 2 {
				kind = 0x82
			}
			at := base + i*int64(w.page)
			w.trail(full, kind, at, uint64(at))
			w.put(full, at)
		}
	}
}

func (w *writer) header(nodeBID uint64, nodeAt int64, blockBID uint64, blockAt int64) {
	h := make([]byte, 564)
	copy(h, "!BDN")
	copy(h[8:], map[bool]string{true: "SO", false: "SM"}[w.spec.Kind == Large])
	put16, put32, put64 := binary.LittleEndian.PutUint16, binary.LittleEndian.PutUint32, binary.LittleEndian.PutUint64
	put16(h[10:], uint16(w.version))
	put16(h[12:], 19)
	h[14], h[15] = 1, 1
	lastMap := w.form.maps + (w.at-w.form.maps-1)/w.interval()*w.interval()
	numbers := 44
	if !w.wide {
		numbers = 36
	}
	for i, n := range w.last {
		put32(h[numbers+4*i:], n+1)
	}
	if !w.wide {
		h = h[:512]
		for at, n := range map[int]uint64{24: (w.bids + 1) << 2, 28: (w.pageBIDs + 1) << 2, 32: 1, 168: uint64(w.at), 172: uint64(lastMap), 184: nodeBID, 188: uint64(nodeAt), 192: blockBID, 196: uint64(blockAt)} {
			put32(h[at:], uint32(n))
		}
		h[200], h[460], h[461] = 1, 0x80, w.spec.Method
		fill(h[204:460])
		put32(h[4:], coding.Sum(h[8:479]))
		w.put(h, 0)
		return
	}
	for at, n := range map[int]uint64{32: (w.pageBIDs + 1) << 2, 184: uint64(w.at), 192: uint64(lastMap), 216: nodeBID, 224: uint64(nodeAt), 232: blockBID, 240: uint64(blockAt), 516: (w.bids + 1) << 2} {
		put64(h[at:], n)
	}
	put32(h[40:], 1)
	h[248], h[512], h[513] = 2, 0x80, w.spec.Method
	fill(h[256:512])
	put32(h[4:], coding.Sum(h[8:479]))
	put32(h[524:], coding.Sum(h[8:524]))
	w.put(h, 0)
}

func fill(b []byte) {
	for i := range b {
		b[i] = 0xff
	}
}
