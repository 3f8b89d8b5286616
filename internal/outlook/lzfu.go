package outlook

import (
	"encoding/binary"
	"errors"
)

// dictionary is what the sliding window of compressed RTF begins with
// ([MS-OXRTFCP] 2.2.2.1).
const dictionary = `{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0` +
	"\r\n" + `\par \pard\plain\f0\fs20\b\i\u\tab\tx`

var errEnds = errors.New("it ends early")

const (
	compressed   = 0x75465a4c // "LZFu"
	uncompressed = 0x414c454d // "MELA"
	window       = 4096
	maxRTF       = 64 << 20
)

// Decompress reads compressed RTF ([MS-OXRTFCP]), as much as 64 MiB. What came out
// before an error counts.
func Decompress(b []byte) ([]byte, error) {
	if len(b) < 16 {
		return nil, errEnds
	}
	size := int(min(binary.LittleEndian.Uint32(b[4:]), maxRTF))
	switch binary.LittleEndian.Uint32(b[8:]) {
	case uncompressed:
		return b[16:][:min(size, len(b)-16)], nil
	case compressed:
		return inflate(b[16:], size)
	}
	return nil, errors.New("its compression is not known")
}

// inflate is the loop of [MS-OXRTFCP] 3.1.3: a byte of flags, then eight tokens,
// each a literal or a reference of 12 bits of place and 4 of length.
func inflate(in []byte, size int) ([]byte, error) {
	var dict [window]byte
	copy(dict[:], dictionary)
	at := len(dictionary)
	out := make([]byte, 0, min(size, 8*len(in)+64))
	put := func(c byte) {
		dict[at] = c
		at = (at + 1) % window
		out = append(out, c)
	}
	for len(in) > 0 && len(out) < size {
		flags := in[0]
		in = in[1:]
		for bit := 0; bit < 8 && len(out) < size; bit++ {
			if flags&(1<<bit) == 0 {
				if len(in) < 1 {
					return out, errEnds
				}
				put(in[0])
				in = in[1:]
				continue
			}
			if len(in) < 2 {
				return out, errEnds
			}
			token := binary.BigEndian.Uint16(in)
			in = in[2:]
			from, n := int(token>>4), int(token&15)+2
			if from == at {
				return out, nil // the mark of the end
			}
			for range n {
				put(dict[from])
				from = (from + 1) % window
			}
		}
	}
	return out, nil
}
