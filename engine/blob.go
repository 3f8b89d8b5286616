package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// Bytes is a Blob in memory.
type Bytes []byte

var _ Blob = Bytes(nil)

// Open implements Blob.
func (b Bytes) Open() (io.ReadCloser, error) { return memReader{bytes.NewReader(b)}, nil }

// Size implements Blob.
func (b Bytes) Size() int64 { return int64(len(b)) }

// memReader and fileReader have nothing to close, and let readers seek.
type memReader struct{ *bytes.Reader }

func (memReader) Close() error { return nil }

type fileReader struct{ *io.SectionReader }

func (fileReader) Close() error { return nil }

// Empty is a blob without content.
var Empty Blob = Bytes(nil)

// spooled is a Blob in a temporary file that has no name any more: it is gone
// when the last reference is, and after a crash.
type spooled struct {
	f    *os.File
	size int64
}

func (s *spooled) Open() (io.ReadCloser, error) {
	return fileReader{io.NewSectionReader(s.f, 0, s.size)}, nil
}

func (s *spooled) Size() int64 { return s.size }

// Spool is a writer whose content becomes a Blob: in memory up to Threshold
// bytes, in an unnamed temporary file beyond. The zero value works. A Spool is
// for one goroutine.
type Spool struct {
	Dir       string // of temporary files; "" means the system's
	Threshold int    // 0 means 1 MiB

	buf  []byte
	file *os.File
	n    int64
}

// Write implements io.Writer. It fails only when the temporary file does.
func (s *Spool) Write(p []byte) (int, error) {
	if s.file == nil && len(s.buf)+len(p) > s.threshold() {
		if err := s.toFile(); err != nil {
			return 0, err
		}
	}
	if s.file == nil {
		s.buf = append(s.buf, p...)
		s.n += int64(len(p))
		return len(p), nil
	}
	n, err := s.file.Write(p)
	s.n += int64(n)
	if err != nil {
		err = fmt.Errorf("spool: %w", err)
	}
	return n, err
}

// Len is the number of bytes written so far.
func (s *Spool) Len() int64 { return s.n }

// Blob ends writing and returns the content.
func (s *Spool) Blob() Blob {
	if s.file == nil {
		return Bytes(s.buf)
	}
	return &spooled{s.file, s.n}
}

func (s *Spool) threshold() int {
	if s.Threshold > 0 {
		return s.Threshold
	}
	return 1 << 20
}

func (s *Spool) toFile() error {
	f, err := os.CreateTemp(s.Dir, "tqmailrules-")
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	os.Remove(f.Name()) // the open file keeps the bytes; nothing is left behind by a crash
	if _, err := f.Write(s.buf); err != nil {
		f.Close()
		return fmt.Errorf("spool: %w", err)
	}
	s.file, s.buf = f, nil
	return nil
}

// ReadAll reads a blob into memory, at most max bytes of it.
func ReadAll(b Blob, max int64) ([]byte, error) {
	if m, ok := b.(Bytes); ok {
		return m[:min(int64(len(m)), max)], nil
	}
	r, err := b.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	buf := bytes.NewBuffer(make([]byte, 0, min(b.Size(), max)+bytes.MinRead))
	_, err = buf.ReadFrom(io.LimitReader(r, max))
	return buf.Bytes(), err
}

// Digest is the SHA-256 of a blob in lower-case hex.
func Digest(b Blob) (string, error) {
	h := sha256.New()
	if m, ok := b.(Bytes); ok {
		h.Write(m)
		return hex.EncodeToString(h.Sum(nil)), nil
	}
	r, err := b.Open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
