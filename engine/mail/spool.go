package mail

import (
	"fmt"
	"io"
	"os"

	"github.com/tqmailrules/tqmailrules/engine"
)

// spoolFile holds the large leaves of one message one behind the other: a
// message of a thousand large parts needs one file descriptor, not a thousand.
// The file has no name; it is gone with the last blob in it.
type spoolFile struct {
	dir  string
	f    *os.File
	size int64
}

func (s *spoolFile) open() error {
	if s.f != nil {
		return nil
	}
	f, err := os.CreateTemp(s.dir, "tqmailrules-")
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	os.Remove(f.Name())
	s.f = f
	return nil
}

// store takes one leaf at a time.
type store struct {
	file      *spoolFile
	threshold int // bytes that may stay in memory
	buf       []byte
	start     int64 // in the file
	inFile    bool
	size      int64
}

func (s *store) write(b []byte) error {
	s.size += int64(len(b))
	if !s.inFile && len(s.buf)+len(b) <= s.threshold {
		s.buf = append(s.buf, b...)
		return nil
	}
	if !s.inFile {
		if err := s.file.open(); err != nil {
			return err
		}
		s.inFile, s.start = true, s.file.size
		buf := s.buf
		s.buf = nil
		if err := s.append(buf); err != nil {
			return err
		}
	}
	return s.append(b)
}

func (s *store) append(b []byte) error {
	n, err := s.file.f.Write(b)
	s.file.size += int64(n)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

func (s *store) blob() engine.Blob {
	if !s.inFile {
		return engine.Bytes(s.buf)
	}
	return filed{s.file.f, s.start, s.size}
}

// filed is a range of a spool file.
type filed struct {
	f          *os.File
	start, len int64
}

func (b filed) Open() (io.ReadCloser, error) {
	return io.NopCloser(io.NewSectionReader(b.f, b.start, b.len)), nil
}

func (b filed) Size() int64 { return b.len }
