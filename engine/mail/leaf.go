package mail

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/tqmailrules/tqmailrules/engine"
)

// edge is how much of the beginning and of the end of a leaf is at hand for
// type detection, however large the leaf is.
const edge = 64 << 10

// content is a decoded leaf.
type content struct {
	blob       engine.Blob
	mem        []byte // all of it, when it is in memory
	head, tail []byte // at most edge bytes each
	size       int64
	md5, sha1  string // of attachments only
	sha256     string
}

// reader hands out the bodies of the leaves of a message in document order.
type reader struct {
	src  *source
	r    io.ReadCloser // of a streamed message
	off  int64
	file *spoolFile
	job  *job
	defs *defects
}

func (r *reader) close() {
	if r.r != nil {
		r.r.Close()
	}
}

// leaf decodes the body of a section. Bodies above Limits.Leaf go through a
// spool and never stand in memory as a whole.
func (r *reader) leaf(s *section, attachment bool) (content, error) {
	end := s.end
	if end < 0 || end > r.src.size {
		end = r.src.size
	}
	start := min(s.start, end)
	t, ok := r.transfer(s)
	if !ok {
		r.defs.add(engine.DefectEncoding, s.path, "Content-Transfer-Encoding %.40q is not known", fieldValue(s.fields, "Content-Transfer-Encoding"))
	}
	c, err := r.decode(start, end, t, attachment)
	if t != nil && t.faulty() {
		r.defs.add(engine.DefectEncoding, s.path, "the encoding is broken in places")
	}
	return c, err
}

// transfer chooses the decoder. A multipart that is kept as a leaf stays as it is.
func (r *reader) transfer(s *section) (transfer, bool) {
	if s.capped {
		return nil, true
	}
	return newTransfer(fieldValue(s.fields, "Content-Transfer-Encoding"))
}

func (r *reader) decode(start, end int64, t transfer, attachment bool) (content, error) {
	small := end-start <= int64(r.job.cfg.Limits.Leaf)
	switch {
	case r.src.mem != nil && t == nil:
		return whole(r.src.mem[start:end:end], attachment), nil
	case r.src.mem != nil && small:
		out := t.feed(make([]byte, 0, decodedSize(t, end-start)), r.src.mem[start:end])
		return whole(t.finish(out), attachment), nil
	case r.src.mem != nil:
		return r.spool(bytes.NewReader(r.src.mem[start:end]), end-start, t, attachment)
	}
	body, err := r.body(start, end)
	if err != nil {
		return content{}, err
	}
	return r.spool(body, end-start, t, attachment)
}

// decodedSize is what n bytes of an encoding are decoded to, at most.
func decodedSize(t transfer, n int64) int64 {
	if _, ok := t.(*base64Decoder); ok {
		return n/4*3 + 6
	}
	return n
}

// chunk is the piece in which large bodies are decoded.
const chunk = 32 << 10

// spool decodes a body of n bytes piece by piece, digesting what comes out.
func (r *reader) spool(body io.Reader, n int64, t transfer, attachment bool) (content, error) {
	k := sink{store: r.store(decodedSize(t, n)), hashes: newHashes(attachment)}
	in, out := make([]byte, chunk), make([]byte, 0, chunk)
	for {
		if err := r.job.ctx.Err(); err != nil {
			return content{}, err
		}
		n, err := io.ReadFull(body, in)
		out = append(out[:0], in[:n]...)
		if t != nil {
			out = t.feed(out[:0], in[:n])
		}
		if werr := k.write(out); werr != nil {
			return content{}, werr
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			return content{}, fmt.Errorf("read message: %w", err)
		}
	}
	if t != nil {
		if err := k.write(t.finish(out[:0])); err != nil {
			return content{}, err
		}
	}
	c := k.content()
	r.job.memory -= int64(len(c.mem))
	return c, nil
}

// store is where a large leaf goes: memory while there is some left, then the
// file of the message. At most expected bytes will be written.
func (r *reader) store(expected int64) *store {
	if r.file == nil {
		r.file = &spoolFile{dir: r.job.cfg.TempDir}
	}
	s := &store{file: r.file, threshold: int(max(0, min(int64(r.job.cfg.Limits.Leaf), r.job.memory)))}
	if expected <= int64(s.threshold) {
		s.buf = make([]byte, 0, expected)
	}
	return s
}

// sink takes decoded bytes: it keeps their edges, digests and stores them.
type sink struct {
	store      *store
	hashes     []hash.Hash // sha256, then md5 and sha1 of attachments
	head, tail []byte
}

func newHashes(attachment bool) []hash.Hash {
	if !attachment {
		return []hash.Hash{sha256.New()}
	}
	return []hash.Hash{sha256.New(), md5.New(), sha1.New()}
}

func (k *sink) write(b []byte) error {
	for _, h := range k.hashes {
		h.Write(b)
	}
	k.head = append(k.head, b[:min(len(b), edge-len(k.head))]...)
	if k.tail = append(k.tail, b...); len(k.tail) > 2*edge {
		k.tail = append(k.tail[:0], k.tail[len(k.tail)-edge:]...)
	}
	return k.store.write(b)
}

func (k *sink) content() content {
	c := content{blob: k.store.blob(), size: k.store.size, head: k.head}
	c.tail = k.tail[max(0, len(k.tail)-edge):]
	if m, ok := c.blob.(engine.Bytes); ok {
		c.mem = m
	}
	sums := [3]string{}
	for i, h := range k.hashes {
		sums[i] = hex.EncodeToString(h.Sum(nil))
	}
	c.sha256, c.md5, c.sha1 = sums[0], sums[1], sums[2]
	return c
}

// whole describes a leaf that is in memory.
func whole(b []byte, attachment bool) content {
	c := content{blob: engine.Bytes(b), mem: b, size: int64(len(b)), sha256: digest(b)}
	c.head, c.tail = b[:min(len(b), edge)], b[max(0, len(b)-edge):]
	if attachment {
		m, s := md5.Sum(b), sha1.Sum(b)
		c.md5, c.sha1 = hex.EncodeToString(m[:]), hex.EncodeToString(s[:])
	}
	return c
}

// body is a reader of a range of a streamed message; ranges ascend.
func (r *reader) body(start, end int64) (io.Reader, error) {
	if r.r == nil {
		var err error
		if r.r, err = r.src.blob.Open(); err != nil {
			return nil, fmt.Errorf("read message: %w", err)
		}
	}
	if _, err := io.CopyN(io.Discard, r.r, start-r.off); err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	r.off = end
	return io.LimitReader(r.src.unix(r.r), end-start), nil
}

// window returns n bytes from off.
func (c *content) window(off int64, n int) []byte {
	if c.mem != nil {
		off = min(off, int64(len(c.mem)))
		return c.mem[off:min(off+int64(n), int64(len(c.mem)))]
	}
	r, err := c.blob.Open()
	if err != nil {
		return nil
	}
	defer r.Close()
	if _, err := io.CopyN(io.Discard, r, off); err != nil {
		return nil
	}
	buf := make([]byte, n)
	n, _ = io.ReadFull(r, buf)
	return buf[:n]
}
