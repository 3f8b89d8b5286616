package cabinet

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive/member"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// Methods of a folder: the low four bits.
const (
	methodStored = 0
	methodMSZIP  = 1
	methodMask   = 15
)

const (
	blockHead = 8
	blockSize = 32 << 10 // what comes out of a block, at most
)

var errBlock = errors.New("cab: broken block")

// stream is what comes out of a folder.
type stream struct {
	shelf *member.Shelf
	r     io.ReaderAt
	f     folder
	at    int64
	n     int64 // bytes that came out
	left  int   // blocks
	block func(packed []byte, size int) ([]byte, error)
	have  []byte
	last  []byte // what came out of the block before
	lied  bool
	err   error
}

func newStream(shelf *member.Shelf, r io.ReaderAt, f folder) (*stream, error) {
	s := &stream{shelf: shelf, r: r, f: f, at: f.at, left: f.blocks}
	switch f.method & methodMask {
	case methodStored:
		s.block = func(packed []byte, _ int) ([]byte, error) { return packed, nil }
	case methodMSZIP:
		s.block = s.mszip
	default:
		return nil, task.Troublef(engine.DefectUnsupported, "compression method %d (2 is Quantum, 3 LZX)", f.method&methodMask)
	}
	return s, nil
}

func (s *stream) Read(p []byte) (int, error) {
	for len(s.have) == 0 && s.err == nil {
		s.err = s.next()
	}
	if len(s.have) == 0 {
		return 0, s.err
	}
	n := copy(p, s.have)
	s.have = s.have[n:]
	s.n += int64(n)
	return n, nil
}

// next unpacks a block (2.4).
func (s *stream) next() error {
	if s.left == 0 {
		return io.EOF
	}
	s.left--
	head := make([]byte, blockHead+s.f.reserved)
	if n, _ := s.r.ReadAt(head, s.at); n < len(head) {
		return io.ErrUnexpectedEOF
	}
	packed := make([]byte, binary.LittleEndian.Uint16(head[4:]))
	size := int(binary.LittleEndian.Uint16(head[6:]))
	if n, _ := s.r.ReadAt(packed, s.at+int64(len(head))); n < len(packed) {
		s.have, _ = s.block(packed[:n], size)
		return io.ErrUnexpectedEOF
	}
	s.at += int64(len(head) + len(packed))
	if sum := binary.LittleEndian.Uint32(head); sum != 0 && sum != checksum(packed, checksum(head[4:], 0)) && !s.lied {
		s.lied = true
		s.shelf.Tell(engine.DefectLying, "a block has another checksum than it says")
	}
	out, err := s.block(packed, size)
	if len(out) != size && err == nil {
		err = errBlock
	}
	s.have = out
	return err
}

// checksum is the exclusive or of words; the bytes that are left stand the other
// way round (3.1).
func checksum(b []byte, sum uint32) uint32 {
	for ; len(b) >= 4; b = b[4:] {
		sum ^= binary.LittleEndian.Uint32(b)
	}
	var rest uint32
	for _, c := range b {
		rest = rest<<8 | uint32(c)
	}
	return sum ^ rest
}

// mszip is deflate; what came out of the block before is its dictionary.
func (s *stream) mszip(packed []byte, size int) ([]byte, error) {
	if !bytes.HasPrefix(packed, []byte("CK")) {
		return nil, errBlock
	}
	r := flate.NewReaderDict(bytes.NewReader(packed[2:]), s.last)
	out, err := io.ReadAll(io.LimitReader(r, int64(min(size, blockSize))))
	if err != nil {
		return out, fmt.Errorf("cab: %w", err)
	}
	s.last = append(s.last, out...)
	s.last = s.last[max(0, len(s.last)-blockSize):]
	return out, nil
}
