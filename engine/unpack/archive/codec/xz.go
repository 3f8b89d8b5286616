package codec

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// ErrChecksum is what comes at the end of a stream that decodes well and has
// another checksum than it says.
var ErrChecksum = errors.New("the checksum does not fit")

var (
	xzMagic = []byte("\xfd7zXZ\x00")
	xzTable = crc64.MakeTable(crc64.ECMA)
)

// XZ reads the streams of an .xz file that follow each other, with padding
// between them (.xz format 1.2.1). Of filters it knows LZMA2.
func XZ(r io.Reader) io.Reader { return &xzReader{r: &counting{r: bufio.NewReader(r)}} }

// xzReader is between streams, between blocks, or inside a block.
type xzReader struct {
	r     *counting
	begun bool // a stream was
	check byte // kind of checksum of this stream, when in one
	open  bool // in a stream
	block io.Reader
	start int64 // of the data of the block
	sum   hash.Hash
	err   error
}

func (x *xzReader) Read(p []byte) (int, error) {
	for x.err == nil {
		if x.block == nil {
			x.err = x.step()
			continue
		}
		n, err := x.block.Read(p)
		if x.sum != nil {
			x.sum.Write(p[:n])
		}
		switch {
		case errors.Is(err, io.EOF):
			x.err = x.endBlock()
		case err != nil:
			x.err = fmt.Errorf("xz: %w", err)
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, x.err
}

// step goes on to the next block; io.EOF at the end of the file.
func (x *xzReader) step() error {
	if !x.open {
		return x.beginStream()
	}
	size, err := x.r.ReadByte()
	if err != nil {
		return truncated(err)
	}
	if size == 0 {
		return x.endStream()
	}
	return x.beginBlock(size)
}

// beginStream reads a stream header (2.1.1) past padding (2.2).
func (x *xzReader) beginStream() error {
	var h [12]byte
	for {
		_, err := io.ReadFull(x.r, h[:4])
		if errors.Is(err, io.EOF) && x.begun {
			return io.EOF
		}
		if err != nil {
			return truncated(err)
		}
		if !x.begun || h[0]|h[1]|h[2]|h[3] != 0 {
			break
		}
	}
	if _, err := io.ReadFull(x.r, h[4:]); err != nil {
		return truncated(err)
	}
	if !bytes.Equal(h[:6], xzMagic) || h[6] != 0 || h[7] > 15 || crc32.ChecksumIEEE(h[6:8]) != binary.LittleEndian.Uint32(h[8:]) {
		return errors.New("xz: no stream header")
	}
	x.open, x.begun, x.check = true, true, h[7]
	return nil
}

// beginBlock reads a block header (3.1), of which size is the first byte.
func (x *xzReader) beginBlock(size byte) error {
	h := make([]byte, (int(size)+1)*4)
	h[0] = size
	if _, err := io.ReadFull(x.r, h[1:]); err != nil {
		return truncated(err)
	}
	body := h[2 : len(h)-4]
	if crc32.ChecksumIEEE(h[:len(h)-4]) != binary.LittleEndian.Uint32(h[len(h)-4:]) {
		return errors.New("xz: broken block header")
	}
	for _, bit := range [...]byte{0x40, 0x80} { // sizes, which tell nothing that the stream does not
		if h[1]&bit != 0 {
			_, n := binary.Uvarint(body)
			if n <= 0 {
				return errors.New("xz: broken block header")
			}
			body = body[n:]
		}
	}
	if h[1]&3 != 0 || len(body) < 3 || body[0] != 0x21 || body[1] != 1 {
		return task.Troublef(engine.DefectUnsupported, "xz with a filter other than LZMA2")
	}
	x.start = x.r.n
	block, err := LZMA2(body[2], x.r)
	x.block, x.sum = block, checksum(x.check)
	return err
}

func checksum(kind byte) hash.Hash {
	switch kind {
	case 1:
		return crc32.NewIEEE()
	case 4:
		return crc64.New(xzTable)
	case 10:
		return sha256.New()
	}
	return nil
}

// checkSizes are the bytes of a checksum by its kind (2.1.1.2).
var checkSizes = [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}

// endBlock reads the padding and the checksum of a block.
func (x *xzReader) endBlock() error {
	pad := (4 - (x.r.n-x.start)%4) % 4
	tail := make([]byte, int(pad)+checkSizes[x.check])
	if _, err := io.ReadFull(x.r, tail); err != nil {
		return truncated(err)
	}
	x.block = nil
	if x.sum == nil {
		return nil
	}
	want, got := tail[pad:], x.sum.Sum(nil)
	if x.check != 10 { // CRC stand with the low byte first
		for i, j := 0, len(got)-1; i < j; i, j = i+1, j-1 {
			got[i], got[j] = got[j], got[i]
		}
	}
	if !bytes.Equal(want, got) {
		return fmt.Errorf("xz: %w", ErrChecksum)
	}
	return nil
}

// endStream passes over the index (4), whose first byte was read, and the footer.
func (x *xzReader) endStream() error {
	start := x.r.n - 1
	records, err := binary.ReadUvarint(x.r)
	if err != nil {
		return truncated(err)
	}
	for range records {
		for range 2 {
			if _, err := binary.ReadUvarint(x.r); err != nil {
				return truncated(err)
			}
		}
	}
	rest := (4-(x.r.n-start)%4)%4 + 4 + 12
	if _, err := io.CopyN(io.Discard, x.r, rest); err != nil {
		return truncated(err)
	}
	x.open = false
	return nil
}

func truncated(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("xz: %w", err)
}

// counting knows how many bytes were read; it never reads ahead of its reader.
type counting struct {
	r *bufio.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counting) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}
