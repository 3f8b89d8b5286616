package zipfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive/codec"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// decompress reads what was stored with the method of an entry. An unknown method
// is a *task.Trouble.
func decompress(e *entry, r io.Reader) (io.ReadCloser, error) {
	switch m := e.compression(); m {
	case methodStore:
		return io.NopCloser(r), nil
	case methodDeflate:
		return io.NopCloser(codec.Deflate(r)), nil
	case methodDeflate64:
		return io.NopCloser(codec.Deflate64(r)), nil
	case methodBzip2:
		return io.NopCloser(codec.Bzip2(r)), nil
	case methodLZMA:
		return lzmaMember(e, r)
	case methodZstd, methodOldZstd:
		return codec.Zstd(r)
	case methodXZ:
		return io.NopCloser(codec.XZ(r)), nil
	default:
		return nil, task.Troublef(engine.DefectUnsupported, "compression method %d", m)
	}
}

// lzmaMember has a head of its own: version, length of properties, properties
// (APPNOTE 5.8.8).
func lzmaMember(e *entry, r io.Reader) (io.ReadCloser, error) {
	var head [9]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || binary.LittleEndian.Uint16(head[2:]) != 5 {
		return nil, fmt.Errorf("lzma: broken head")
	}
	size := e.size
	if e.flags&flagLZMAEnd != 0 {
		size = -1
	}
	d, err := codec.RawLZMA(bytes.Clone(head[4:]), size, r)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(d), nil
}
