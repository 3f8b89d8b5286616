package wasm

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tqmailrules/tqmailrules/engine/wasm/meter"
)

// rewritten is a module with its steps counted, and what stands in the original.
// Both are found anew, or in the cache: reading and rewriting every instruction of a
// large module takes longer than loading its machine code. The cache holds a file for
// each module and caps, the digest of the content before the content.
func (h *Host) rewritten(module []byte, digest string, caps meter.Limits) ([]byte, *meter.Info, error) {
	path := h.rewrittenPath(digest, caps)
	if metered := readChecked(path); metered != nil {
		if info, err := meter.Outline(module, caps); err == nil {
			return metered, info, nil
		}
	}
	read, err := meter.Decode(module, caps)
	if err != nil {
		return nil, nil, refused("%v", err)
	}
	info := read.Info()
	if _, err := kindOf(info); err != nil {
		return nil, nil, err // in words of its own, before what a rewriter minds
	}
	metered, err := read.Rewrite()
	if err != nil {
		return nil, nil, refused("%v", err)
	}
	writeChecked(path, metered)
	return metered, info, nil
}

// rewrittenPath names the file by what its content depends on; "" without a cache.
func (h *Host) rewrittenPath(digest string, caps meter.Limits) string {
	if h.cfg.Cache == "" {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %+v", digest, caps))
	return filepath.Join(cacheFolder(h.cfg.Cache), hex.EncodeToString(sum[:])+".metered")
}

// readChecked returns the content of a file that is whole, and nil of any other.
func readChecked(path string) []byte {
	if path == "" {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil || len(data) < sha256.Size {
		return nil
	}
	content := data[sha256.Size:]
	if sum := sha256.Sum256(content); !bytes.Equal(sum[:], data[:sha256.Size]) {
		return nil
	}
	return content
}

// writeChecked puts a file into place, whole, if it can. A cache that cannot be
// written costs time only.
func writeChecked(path string, content []byte) {
	if path == "" {
		return
	}
	file, err := os.CreateTemp(filepath.Dir(path), "*.tmp")
	if err != nil {
		return
	}
	defer os.Remove(file.Name()) // not there any more when all went well
	sum := sha256.Sum256(content)
	_, err = file.Write(append(sum[:], content...))
	if closeErr := file.Close(); err == nil && closeErr == nil {
		os.Rename(file.Name(), path)
	}
}
