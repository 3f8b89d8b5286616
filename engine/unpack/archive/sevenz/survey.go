package sevenz

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive/codec"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// Identifiers in headers (7zFormat.txt).
const (
	idEnd           = 0x00
	idHeader        = 0x01
	idProperties    = 0x02
	idExtraStreams  = 0x03
	idMainStreams   = 0x04
	idFiles         = 0x05
	idPack          = 0x06
	idUnpack        = 0x07
	idSubStreams    = 0x08
	idSize          = 0x09
	idCRC           = 0x0a
	idFolder        = 0x0b
	idUnpackSizes   = 0x0c
	idNumStreams    = 0x0d
	idEncodedHeader = 0x17
)

// Methods of which the memory or the work must be known beforehand.
const (
	coderLZMA  = "\x03\x01\x01"
	coderLZMA2 = "\x21"
	coderPPMd  = "\x03\x04\x01"
	coderAES   = "\x06\xf1\x07\x01"
	coderZstd  = "\x04\xf7\x11\x01"
)

const (
	signatureSize = 32
	maxHeader     = 16 << 20 // bytes of a header
	maxFolders    = 20_000
	maxCoders     = 32 // of one folder (the format's own limit)
	maxFiles      = 100_000
)

var signature = []byte("7z\xbc\xaf\x27\x1c")

// errHeader is a header that no writer makes.
var errHeader = errors.New("7z: broken header")

// coder is one step of unpacking.
type coder struct {
	method     string
	properties []byte
	in, out    uint64
}

// folder is a chain of coders with the streams that it unpacks.
type folder struct {
	coders []coder
	sizes  []uint64          // of the streams that come out of coders
	outer  int               // which of them comes out of the folder
	feeds  map[uint64]uint64 // what goes into a coder, by stream, comes out of another
	packed int               // streams that go in
	crc    uint32
	hasCRC bool
}

// size is what comes out.
func (f *folder) size() uint64 {
	if f.outer < len(f.sizes) {
		return f.sizes[f.outer]
	}
	return 0
}

func (f *folder) aes() *coder {
	for i := range f.coders {
		if f.coders[i].method == coderAES {
			return &f.coders[i]
		}
	}
	return nil
}

// streams are the folders of a header and where their data stands.
type streams struct {
	at      uint64 // behind the signature header
	packed  []uint64
	folders []folder
}

// header is where the last header stands, and its bytes.
type header struct {
	base int64 // of the archive in the file
	b    []byte
}

// findHeader reads the signature header; in a self-extracting program it stands
// behind the code.
func findHeader(r io.ReaderAt, size int64) (header, error) {
	const window = 1 << 20
	head := make([]byte, min(size, window))
	n, _ := r.ReadAt(head, 0)
	head = head[:n]
	for at := 0; ; at++ {
		i := bytes.Index(head[at:], signature)
		if i < 0 {
			return header{}, errors.New("7z: no signature")
		}
		if at += i; at+signatureSize > len(head) {
			return header{}, fmt.Errorf("7z: %w", io.ErrUnexpectedEOF)
		}
		start := head[at+12 : at+signatureSize]
		if crc32.ChecksumIEEE(start) == binary.LittleEndian.Uint32(head[at+8:]) {
			return readHeader(r, size, int64(at), start)
		}
		if at == 0 {
			return header{}, errors.New("7z: the checksum of the start header does not fit")
		}
	}
}

func readHeader(r io.ReaderAt, size, base int64, start []byte) (header, error) {
	at, n := binary.LittleEndian.Uint64(start), binary.LittleEndian.Uint64(start[8:])
	rest := uint64(size - base - signatureSize)
	switch {
	case n > maxHeader:
		return header{}, task.Troublef(engine.DefectMembers, "a header of %d bytes, more than %d are not read", n, maxHeader)
	case at > rest || n > rest-at:
		return header{}, task.Troublef(engine.DefectUnreadable, "7z: it ends before its header: cut off, or a volume of several")
	}
	b := make([]byte, n)
	if _, err := r.ReadAt(b, base+signatureSize+int64(at)); err != nil {
		return header{}, fmt.Errorf("7z: %w", err)
	}
	if crc32.ChecksumIEEE(b) != binary.LittleEndian.Uint32(start[16:]) {
		return header{}, errors.New("7z: the checksum of the header does not fit")
	}
	return header{base, b}, nil
}

// cursor reads a header; bad is sticky.
type cursor struct {
	b    []byte
	bad  bool
	many bool // it is bad since there are too many files
}

func (c *cursor) byte() byte {
	if len(c.b) == 0 {
		c.bad = true
		return 0
	}
	v := c.b[0]
	c.b = c.b[1:]
	return v
}

func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.b)) {
		c.bad, n = true, uint64(len(c.b))
	}
	v := c.b[:n]
	c.b = c.b[n:]
	return v
}

// number is of one to nine bytes: the high bits of the first say how many follow.
func (c *cursor) number() uint64 {
	first := c.byte()
	var v uint64
	mask := byte(0x80)
	for i := range 8 {
		if first&mask == 0 {
			return v | uint64(first&(mask-1))<<(8*i)
		}
		v |= uint64(c.byte()) << (8 * i)
		mask >>= 1
	}
	return v
}

// count is a number that something is made of.
func (c *cursor) count(most uint64) uint64 {
	n := c.number()
	if n > most || n > uint64(len(c.b))*8+1 {
		c.bad = true
		return 0
	}
	return n
}

func (c *cursor) numbers(n int) []uint64 {
	all := make([]uint64, 0, min(n, len(c.b)))
	for range n {
		if c.bad {
			break
		}
		all = append(all, c.number())
	}
	return all
}

// flags is a vector of bits, high ones first, after a byte that may stand for
// "all".
func (c *cursor) flags(n int) []bool {
	all := make([]bool, n)
	if c.byte() != 0 {
		for i := range all {
			all[i] = true
		}
		return all
	}
	b := c.take(uint64(n+7) / 8)
	for i := range all {
		all[i] = i/8 < len(b) && b[i/8]>>(7-i%8)&1 != 0
	}
	return all
}

func (c *cursor) digests(n int) (crc []uint32, has []bool) {
	crc, has = make([]uint32, n), c.flags(n)
	for i := range crc {
		if b := []byte(nil); has[i] {
			if b = c.take(4); len(b) == 4 {
				crc[i] = binary.LittleEndian.Uint32(b)
			}
		}
	}
	return crc, has
}

// streamsInfo reads where the data stands and how it is coded.
func (c *cursor) streamsInfo() (s streams) {
	for !c.bad {
		switch c.byte() {
		case idEnd:
			return s
		case idPack:
			c.packInfo(&s)
		case idUnpack:
			c.unpackInfo(&s)
		case idSubStreams:
			c.subStreams(&s)
			return s
		default:
			c.bad = true
		}
	}
	return s
}

func (c *cursor) packInfo(s *streams) {
	s.at = c.number()
	n := int(c.count(maxFolders * 4))
	for !c.bad {
		switch c.byte() {
		case idEnd:
			return
		case idSize:
			s.packed = c.numbers(n)
		case idCRC:
			c.digests(n)
		default:
			c.bad = true
		}
	}
}

func (c *cursor) unpackInfo(s *streams) {
	if c.byte() != idFolder {
		c.bad = true
		return
	}
	n := c.count(maxFolders)
	if c.byte() != 0 { // stands elsewhere: nobody writes that
		c.bad = true
	}
	for range n {
		if c.bad {
			return
		}
		s.folders = append(s.folders, c.folder())
	}
	if c.byte() != idUnpackSizes {
		c.bad = true
		return
	}
	for i := range s.folders {
		s.folders[i].sizes = c.numbers(len(s.folders[i].sizes))
	}
	if c.bad {
		return
	}
	switch c.byte() {
	case idEnd:
		return
	case idCRC:
		crc, has := c.digests(len(s.folders))
		for i := range s.folders {
			s.folders[i].crc, s.folders[i].hasCRC = crc[i], has[i]
		}
	}
	if c.byte() != idEnd {
		c.bad = true
	}
}

// subStreams reads how folders are cut into files; what is kept of it is that there
// are not more than the library may make room for.
func (c *cursor) subStreams(s *streams) {
	counts, sum := make([]uint64, len(s.folders)), uint64(0)
	id := c.byte()
	for i := range counts {
		counts[i] = 1
		if id == idNumStreams {
			counts[i] = c.files()
		}
		sum += counts[i]
	}
	if sum > maxFiles {
		c.bad, c.many = true, true
	}
	if id == idNumStreams {
		id = c.byte()
	}
	if id == idSize {
		for _, n := range counts {
			c.numbers(max(0, int(n)-1))
		}
		id = c.byte()
	}
	if id == idCRC && !c.bad {
		unknown := 0
		for i, n := range counts {
			if n != 1 || !s.folders[i].hasCRC {
				unknown += int(n)
			}
		}
		c.digests(unknown)
		id = c.byte()
	}
	if id != idEnd {
		c.bad = true
	}
}

// files is a number of them.
func (c *cursor) files() uint64 {
	n := c.number()
	if n > maxFiles {
		c.bad, c.many = true, true
		return 0
	}
	return n
}

func (c *cursor) folder() (f folder) {
	n := c.count(maxCoders)
	var in, out uint64
	for range n {
		k := c.coder()
		in, out = in+k.in, out+k.out
		f.coders = append(f.coders, k)
	}
	if c.bad || out == 0 || out > maxCoders || in > maxCoders || in+1 < out {
		c.bad = true
		return f
	}
	bound := make([]bool, out)
	f.feeds = map[uint64]uint64{}
	for range out - 1 {
		i, o := c.number(), c.number()
		if i >= in || o >= out {
			c.bad = true
			return f
		}
		bound[o], f.feeds[i] = true, o
	}
	for i := range bound {
		if !bound[i] {
			f.outer = i
		}
	}
	if f.packed = int(in + 1 - out); f.packed > 1 {
		c.numbers(f.packed)
	}
	f.sizes = make([]uint64, out)
	return f
}

func (c *cursor) coder() coder {
	flags := c.byte()
	k := coder{method: string(c.take(uint64(flags & 15))), in: 1, out: 1}
	if flags&0x10 != 0 {
		k.in, k.out = c.count(maxCoders), c.count(maxCoders)
	}
	if flags&0x20 != 0 {
		k.properties = c.take(c.number())
	}
	if flags&0x80 != 0 {
		c.bad = true
	}
	return k
}

// survey reads the folders of a header; encoded is true when it is only the
// description of the header proper.
func survey(b []byte) (s streams, encoded bool, err error) {
	c := &cursor{b: b}
	switch c.byte() {
	case idEncodedHeader:
		s, encoded = c.streamsInfo(), true
	case idHeader:
		s = c.main()
	default:
		c.bad = true
	}
	if c.many {
		return s, encoded, task.Troublef(engine.DefectMembers, "more than %d files", maxFiles)
	}
	if c.bad || encoded && len(s.folders) != 1 {
		return s, encoded, errHeader
	}
	return s, encoded, nil
}

// main passes over archive properties to the streams.
func (c *cursor) main() (s streams) {
	for !c.bad {
		switch c.byte() {
		case idProperties:
			for c.byte() != 0 && !c.bad {
				c.take(c.number())
			}
		case idExtraStreams:
			c.streamsInfo()
		case idMainStreams:
			s = c.streamsInfo()
		case idFiles:
			c.files()
			return s
		case idEnd:
			return s
		default:
			c.bad = true
		}
	}
	return s
}

// affordable refuses coders that take too much memory or work.
func (s *streams) affordable() error {
	var work int64
	for _, p := range s.keyParams() {
		work += p.units()
	}
	if most := (&keyParams{power: maxPower}).units(); work > most {
		return task.Troublef(engine.DefectPasswordWork, "one password costs %d units, more than %d are not spent on it", work, most)
	}
	for i := range s.folders {
		for _, k := range s.folders[i].coders {
			if err := k.affordable(); err != nil {
				return err
			}
		}
	}
	return nil
}

// keyParams are those that differ in the key that they make.
func (s *streams) keyParams() []keyParams {
	var all []keyParams
	for i := range s.folders {
		k := s.folders[i].aes()
		if k == nil {
			continue
		}
		p, err := newKeyParams(k.properties)
		if err == nil && !slices.ContainsFunc(all, p.same) {
			all = append(all, p)
		}
	}
	return all
}

func (k *coder) affordable() error {
	var window uint64
	switch p := k.properties; k.method {
	case coderLZMA:
		if len(p) < 5 {
			return errHeader
		}
		window = uint64(binary.LittleEndian.Uint32(p[1:]))
	case coderPPMd:
		if len(p) < 5 {
			return errHeader
		}
		window = uint64(binary.LittleEndian.Uint32(p[1:]))
	case coderLZMA2:
		if len(p) != 1 || p[0] > 40 {
			return errHeader
		}
		window = uint64(2|p[0]&1) << (p[0]/2 + 11)
	case coderAES:
		_, err := newKeyParams(p)
		return err
	}
	if window > codec.MaxWindow {
		return codec.TooLarge(window)
	}
	return nil
}
