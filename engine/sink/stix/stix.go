// Package stix ships batches as bundles of STIX 2.1 (OASIS Standard, 10 June
// 2021): one file a batch, <key>.json, in a folder. docs/reference/stix.md tells
// what becomes of what.
//
// A bundle follows from its batch alone: there is no clock and no chance in it,
// so that equal batches give equal files, byte for byte. Times come from the mail.
// Identifiers are name-based (RFC 9562, version 5): those of observables in the
// namespace of the standard, over the properties that it names, so that the
// address that two mails hold is one object; all others in a namespace of our own,
// over our keys. What is said of a mail (report, indicator, relationship, note) has
// an identifier of that mail, and what is said of the world (a vulnerability, an
// identity) is the same in every bundle: so no identifier ever has two dates of
// creation.
//
// A file is written beside its place, synced and renamed into it. One that is there
// is whole, and is left alone: shipping again changes nothing. Errors are those of
// the disk and wrap engine.ErrTemporary. The package never deletes a bundle, and
// uses no name that came with a mail.
package stix

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Config of a Sink.
type Config struct {
	Name string // of the sink in the configuration; "stix" when empty
	Path string // folder of the bundles; it is made when it is not there
}

// Sink writes bundles into a folder. It is safe for concurrent use.
type Sink struct {
	cfg Config
	mu  sync.Mutex
}

var _ engine.Sink = (*Sink)(nil)

// New makes the folder.
func New(cfg Config) (*Sink, error) {
	if cfg.Path == "" {
		return nil, errors.New("open stix sink: want a folder")
	}
	if err := os.MkdirAll(cfg.Path, 0o700); err != nil {
		return nil, fmt.Errorf("open stix sink: %w", err)
	}
	cfg.Name = cmp.Or(cfg.Name, "stix")
	return &Sink{cfg: cfg}, nil
}

// Name implements engine.Sink.
func (s *Sink) Name() string { return s.cfg.Name }

// Close implements engine.Sink.
func (s *Sink) Close() error { return nil }

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
	name := filepath.Join(s.cfg.Path, fileName(b.Key))
	switch info, err := os.Lstat(name); {
	case err == nil && info.Mode().IsRegular():
		return nil
	case err == nil:
		return fmt.Errorf("%w: %s is no file", engine.ErrTemporary, name)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	bundle, err := encode(b)
	if err != nil {
		return fmt.Errorf("%w: %w", engine.ErrTemporary, err)
	}
	if err := write(name, bundle); err != nil {
		return fmt.Errorf("%w: %w", engine.ErrTemporary, err)
	}
	return nil
}

// plainKey is a key that is a file name as it stands, on every system.
var plainKey = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,99}$`)

func fileName(key string) string {
	if plainKey.MatchString(key) {
		return key + ".json"
	}
	sum := sha256.Sum256([]byte(key))
	return "sha256-" + hex.EncodeToString(sum[:]) + ".json"
}

// write makes a file that is whole or not there. What a crash leaves beside it,
// the next attempt overwrites.
func write(name string, content []byte) error {
	tmp := name + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(tmp)
		return err
	}
	if err := os.Rename(tmp, name); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(name))
}

// syncFolder makes a new name durable. Windows does so by itself, and refuses to be
// asked.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
