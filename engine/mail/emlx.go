package mail

import (
	"bytes"
	"io"
	"strconv"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/filetype"
)

// withoutPlist is how many bytes of raw are the mail. Apple Mail's .emlx begins with
// the length of the mail on a line of its own and ends with a property list. A length
// is believed only where the list stands just behind it: a mail that lies about it
// hides nothing.
func withoutPlist(raw engine.Blob) int64 {
	r, err := raw.Open()
	if err != nil {
		return raw.Size()
	}
	defer r.Close()
	var head [64]byte
	n, _ := io.ReadFull(r, head[:]) // a short mail is one, too
	line := firstLine(head[:n])
	length := bytes.TrimSpace(line)
	at, ok := r.(io.ReaderAt)
	if !ok || len(length) == 0 || !filetype.IsLength(length) {
		return raw.Size()
	}
	size, err := strconv.ParseInt(string(length), 10, 64)
	end := int64(len(line)) + size
	if err != nil || end >= raw.Size() {
		return raw.Size()
	}
	var list [512]byte
	n, _ = at.ReadAt(list[:], end)
	if b := bytes.TrimSpace(list[:n]); !bytes.HasPrefix(b, []byte("<?xml")) || !bytes.Contains(b, []byte("<plist")) {
		return raw.Size()
	}
	return end
}
