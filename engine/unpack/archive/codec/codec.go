// Package codec decompresses streams of attackers: each decoder takes a bounded
// amount of memory, whatever the stream asks for, and reads to an error or to an
// end. How much comes out is for the caller to bound.
package codec

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz/lzma"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// MaxWindow is the largest dictionary or window that is held for a stream, in
// bytes. A stream that asks for more is refused with a *task.Trouble of the code
// cap-unpack-memory.
const MaxWindow = 64 << 20

// TooLarge is the error of a stream that asks for more than MaxWindow.
func TooLarge(window uint64) error {
	return task.Troublef(engine.DefectUnpackMemory, "unpacking takes a dictionary of %d bytes, more than %d are not held", window, MaxWindow)
}

// Deflate is RFC 1951.
func Deflate(r io.Reader) io.Reader { return flate.NewReader(r) }

// Bzip2 reads all streams that follow each other.
func Bzip2(r io.Reader) io.Reader { return bzip2.NewReader(r) }

// Zstd is RFC 8878. Close frees its memory.
func Zstd(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(MaxWindow))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	return zstdStream{d.IOReadCloser()}, nil
}

type zstdStream struct{ io.ReadCloser }

func (z zstdStream) Read(p []byte) (int, error) {
	n, err := z.ReadCloser.Read(p)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		err = task.Troublef(engine.DefectUnpackMemory, "unpacking takes a window of more than %d bytes", MaxWindow)
	}
	return n, err
}

// LZMA is a stream with the header of .lzma files: properties, dictionary, size.
func LZMA(r io.Reader) (io.Reader, error) {
	var head [lzma.HeaderLen]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("lzma: %w", io.ErrUnexpectedEOF)
	}
	return lzmaStream(head[:], r)
}

// RawLZMA is a stream whose five bytes of properties stand elsewhere; size is what
// comes out, or below zero when a mark ends the stream.
func RawLZMA(properties []byte, size int64, r io.Reader) (io.Reader, error) {
	if len(properties) != 5 {
		return nil, errors.New("lzma: properties are not five bytes")
	}
	return lzmaStream(binary.LittleEndian.AppendUint64(bytes.Clone(properties), uint64(max(size, -1))), r)
}

// lzmaStream reads no byte of r beyond the stream when r is a *bufio.Reader.
func lzmaStream(head []byte, r io.Reader) (io.Reader, error) {
	window := uint64(binary.LittleEndian.Uint32(head[1:]))
	if size := binary.LittleEndian.Uint64(head[5:]); min(window, size) > MaxWindow {
		return nil, TooLarge(min(window, size))
	}
	b, ok := r.(*bufio.Reader)
	if !ok {
		b = bufio.NewReader(r)
	}
	d, err := lzma.NewReader(&joined{*bytes.NewReader(head), b})
	if err != nil {
		return nil, fmt.Errorf("lzma: %w", err)
	}
	return d, nil
}

// LZMA2 is a raw stream; window is the byte that stands for its dictionary.
func LZMA2(window byte, r io.Reader) (io.Reader, error) {
	n, err := lzma.DecodeDictCap(window)
	if err != nil {
		return nil, fmt.Errorf("lzma2: %w", err)
	}
	if n > MaxWindow {
		return nil, TooLarge(uint64(n))
	}
	d, err := lzma.Reader2Config{DictCap: int(max(n, lzma.MinDictCap))}.NewReader2(r)
	if err != nil {
		return nil, fmt.Errorf("lzma2: %w", err)
	}
	return d, nil
}
