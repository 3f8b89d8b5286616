// Package jsonl ships batches as lines of JSON: one line a delivered mail,
// appended to a file or another writer (docs/reference/jsonl.md lists the
// fields).
//
// A line has its fields in a fixed order, the key first, and ends with a line
// feed; equal batches give equal lines. It is synced to disk before Ship
// returns. Opening a file reads the keys of the lines that are there, one
// buffer at a time, and keeps 16 bytes of digest for each, so that a batch is
// one line however often it is shipped. A last line without its end was torn
// by a crash: it is cut off. A file that holds anything else is refused.
//
// When a write fails, the file is cut back to its last whole line and the error
// wraps engine.ErrTemporary. A writer that is no file cannot be cut back: after
// a failure it takes no more.
//
// Contents of files go to a folder when Config.Files names one, as
// aa/bb/<sha256>; lines never hold them. One process writes a file at a time.
package jsonl

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/blobdir"
)

// Config of a Sink: either Path or Writer.
type Config struct {
	Name   string // of the sink in the configuration; "jsonl" when empty
	Path   string
	Writer io.WriteCloser // closed by Close
	Files  string         // folder for contents; "" keeps none
}

// Sink appends to one file or writer. It is safe for concurrent use.
type Sink struct {
	cfg Config

	mu     sync.Mutex
	out    output
	keys   map[keyHash]struct{}
	end    int64 // of the last whole line
	broken error // of a writer that failed
}

var _ engine.Sink = (*Sink)(nil)

// output is what a file and a plain writer have in common.
type output interface {
	io.WriteCloser
	Sync() error
}

type keyHash [16]byte

func hashKey(key string) keyHash {
	sum := sha256.Sum256([]byte(key))
	return keyHash(sum[:16])
}

// New opens the file, or takes the writer as it is.
func New(cfg Config) (*Sink, error) {
	if cfg.Name == "" {
		cfg.Name = "jsonl"
	}
	s := &Sink{cfg: cfg, keys: map[keyHash]struct{}{}}
	switch {
	case (cfg.Path == "") == (cfg.Writer == nil):
		return nil, errors.New("open jsonl sink: want a path or a writer")
	case cfg.Writer != nil:
		s.out = unsynced{cfg.Writer}
		return s, nil
	}
	f, err := os.OpenFile(cfg.Path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open jsonl sink: %w", err)
	}
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		s.out = unsynced{f} // a pipe or a device: there is nothing to resume
		return s, nil
	}
	if err := s.resume(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("open jsonl sink %s: %w", cfg.Path, err)
	}
	s.out = f
	return s, nil
}

// unsynced is a writer that may or may not know how to sync.
type unsynced struct{ io.WriteCloser }

func (u unsynced) Sync() error {
	if s, ok := u.WriteCloser.(interface{ Sync() error }); ok {
		return s.Sync()
	}
	return nil
}

// Name implements engine.Sink.
func (s *Sink) Name() string { return s.cfg.Name }

// Close implements engine.Sink.
func (s *Sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Close()
}

// Ship implements engine.Sink.
func (s *Sink) Ship(ctx context.Context, b engine.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ship(ctx, &b); err != nil {
		return fmt.Errorf("ship batch %s to %s: %w", b.Key, s.cfg.Name, err)
	}
	return nil
}

func (s *Sink) ship(ctx context.Context, b *engine.Batch) error {
	hash := hashKey(b.Key)
	if _, known := s.keys[hash]; known {
		return nil
	}
	if err := errors.Join(ctx.Err(), s.broken); err != nil {
		return err
	}
	line, err := encode(b)
	if err != nil {
		return err
	}
	if err := s.storeContents(b); err != nil {
		return err
	}
	if err := s.append(line); err != nil {
		return s.undo(err)
	}
	s.end += int64(len(line))
	s.keys[hash] = struct{}{}
	return nil
}

func (s *Sink) append(line []byte) error {
	if _, err := s.out.Write(line); err != nil {
		return err
	}
	return s.out.Sync()
}

// undo takes back what a failed write may have left.
func (s *Sink) undo(cause error) error {
	f, ok := s.out.(*os.File)
	if !ok {
		s.broken = fmt.Errorf("the writer failed before: %w", cause)
		return cause
	}
	err := f.Truncate(s.end)
	if err == nil {
		_, err = f.Seek(s.end, io.SeekStart)
	}
	if err != nil {
		s.broken = fmt.Errorf("a half-written line could not be cut off: %w", err)
	}
	return fmt.Errorf("%w: %w", engine.ErrTemporary, errors.Join(cause, err))
}

func (s *Sink) storeContents(b *engine.Batch) error {
	if s.cfg.Files == "" {
		return nil
	}
	for i := range b.Files {
		if err := s.storeContent(b.Files[i].Key, b.Files[i].Content); err != nil {
			return err
		}
	}
	for i := range b.Events {
		if err := s.storeContent(b.Events[i].Message.SHA256, b.Events[i].Raw); err != nil {
			return err
		}
	}
	return nil
}

// storeContent keeps a content; nil is none.
func (s *Sink) storeContent(digest string, content engine.Blob) error {
	if content == nil {
		return nil
	}
	_, err := blobdir.Store(s.cfg.Files, digest, content)
	return err
}
