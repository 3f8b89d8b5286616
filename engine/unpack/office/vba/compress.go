package vba

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tqmailrules/tqmailrules/engine"
)

const (
	signature = 0x01
	chunkSize = 4096
)

// ErrFormat says that bytes are no compressed container.
var ErrFormat = errors.New("broken VBA compression")

// Decompress expands a compressed container (MS-OVBA 2.4.1) into at most max
// bytes. What came out before an error is returned beside it.
func Decompress(b []byte, max int) ([]byte, error) {
	if len(b) == 0 || b[0] != signature {
		return nil, fmt.Errorf("%w: no signature", ErrFormat)
	}
	var out []byte
	for b = b[1:]; len(b) >= 2; {
		header := binary.LittleEndian.Uint16(b)
		size := min(int(header&0xfff)+3, len(b))
		if header>>12&7 != 3 {
			return out, fmt.Errorf("%w: a chunk without its mark", ErrFormat)
		}
		var err error
		if out, err = decompressChunk(out, b[2:size], header&0x8000 != 0); err != nil {
			return out, err
		}
		if len(out) > max {
			return out[:max], fmt.Errorf("macros of more than %d bytes: %w", max, engine.ErrLimit)
		}
		b = b[size:]
	}
	return out, nil
}

// decompressChunk appends at most chunkSize bytes.
func decompressChunk(out, b []byte, compressed bool) ([]byte, error) {
	if !compressed {
		return append(out, b[:min(len(b), chunkSize)]...), nil
	}
	start := len(out)
	for len(b) > 0 {
		flags := b[0]
		b = b[1:]
		for bit := 0; bit < 8 && len(b) > 0; bit++ {
			if len(out)-start >= chunkSize {
				return out[:start+chunkSize], nil
			}
			if flags>>bit&1 == 0 {
				out, b = append(out, b[0]), b[1:]
				continue
			}
			if len(b) < 2 {
				return out, fmt.Errorf("%w: a token is cut", ErrFormat)
			}
			offset, length := copyToken(binary.LittleEndian.Uint16(b), len(out)-start)
			b = b[2:]
			if offset > len(out)-start {
				return out, fmt.Errorf("%w: a token leads before its chunk", ErrFormat)
			}
			for range length {
				out = append(out, out[len(out)-offset])
			}
		}
	}
	return out[:min(len(out), start+chunkSize)], nil
}

// copyToken splits a token; how many bits say the offset depends on how much of
// the chunk there is already (MS-OVBA 2.4.1.3.19).
func copyToken(token uint16, done int) (offset, length int) {
	bits := 4
	for 1<<bits < done {
		bits++
	}
	mask := uint16(0xffff) >> bits
	return int(token>>(16-bits)) + 1, int(token&mask) + 3
}
