package codec

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Lzip reads the members of an .lz file that follow each other; what stands behind
// the last one is left.
func Lzip(r io.Reader) io.Reader {
	b, ok := r.(*bufio.Reader)
	if !ok {
		b = bufio.NewReader(r)
	}
	return &lzip{r: b, sum: crc32.New(crc32.IEEETable)}
}

type lzip struct {
	r    *bufio.Reader
	body io.Reader
	sum  interface {
		io.Writer
		Sum32() uint32
		Reset()
	}
	n     uint64
	begun bool
	err   error
}

func (l *lzip) Read(p []byte) (int, error) {
	for l.err == nil {
		if l.body == nil {
			l.err = l.begin()
			continue
		}
		n, err := l.body.Read(p)
		l.sum.Write(p[:n])
		l.n += uint64(n)
		switch {
		case errors.Is(err, io.EOF):
			l.err = l.end()
		case err != nil:
			l.err = fmt.Errorf("lzip: %w", err)
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, l.err
}

// begin reads a header: mark, version, and a byte that stands for the dictionary.
func (l *lzip) begin() error {
	h, err := l.r.Peek(6)
	if l.begun && (err != nil || string(h[:4]) != "LZIP") {
		return io.EOF
	}
	if err != nil || string(h[:5]) != "LZIP\x01" {
		return errors.New("lzip: no header")
	}
	size := uint32(1) << (h[5] & 31)
	size -= size / 16 * uint32(h[5]>>5)
	l.begun, l.n = true, 0
	l.sum.Reset()
	if _, err := l.r.Discard(6); err != nil {
		return fmt.Errorf("lzip: %w", err)
	}
	properties := binary.LittleEndian.AppendUint32([]byte{93}, size) // lc 3, lp 0, pb 2
	if size > MaxWindow {
		return TooLarge(uint64(size))
	}
	l.body, err = RawLZMA(properties, -1, l.r)
	return err
}

// end reads a trailer: checksum, size, size of the member.
func (l *lzip) end() error {
	l.body = nil
	var t [20]byte
	if _, err := io.ReadFull(l.r, t[:]); err != nil {
		return fmt.Errorf("lzip: %w", io.ErrUnexpectedEOF)
	}
	if binary.LittleEndian.Uint32(t[:]) != l.sum.Sum32() || binary.LittleEndian.Uint64(t[4:]) != l.n {
		return fmt.Errorf("lzip: %w", ErrChecksum)
	}
	return nil
}

// joined is a head and what follows it, byte by byte, so that nothing is read
// ahead.
type joined struct {
	head bytes.Reader
	rest *bufio.Reader
}

func (j *joined) Read(p []byte) (int, error) {
	if j.head.Len() > 0 {
		return j.head.Read(p)
	}
	return j.rest.Read(p)
}

func (j *joined) ReadByte() (byte, error) {
	if j.head.Len() > 0 {
		return j.head.ReadByte()
	}
	return j.rest.ReadByte()
}
