package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"weak"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/blobdir"
)

// inline is how many bytes of a content stand in the database at most; larger
// ones are files.
const inline = 256 << 10

// unusedBlob is true of a row of blobs that nothing refers to.
const unusedBlob = `NOT EXISTS (SELECT 1 FROM uses WHERE uses.blob = blobs.blob)
	AND NOT EXISTS (SELECT 1 FROM parked WHERE parked.raw = blobs.blob)
	AND NOT EXISTS (SELECT 1 FROM quarantine WHERE quarantine.raw = blobs.blob)
	AND NOT EXISTS (SELECT 1 FROM shipped WHERE shipped.batch = blobs.blob)
	AND NOT EXISTS (SELECT 1 FROM mails WHERE mails.raw = blobs.blob)`

// kept is a content on its way into the database.
type kept struct {
	digest  string
	size    int64
	content engine.Blob // nil when it is a file already
}

// keep makes a content ready for a transaction: a large one is stored in the
// folder. The caller holds s.mu, so that nobody removes it meanwhile.
func (s *Store) keep(content engine.Blob) (kept, error) {
	digest, err := engine.Digest(content)
	if err != nil {
		return kept{}, fmt.Errorf("keep content: %w: %w", engine.ErrTemporary, err)
	}
	k := kept{digest, content.Size(), content}
	if k.size <= inline {
		return k, nil
	}
	k.content = nil
	if k.digest, err = blobdir.Store(s.cfg.Blobs, digest, content); err == nil && k.digest != digest {
		err = fmt.Errorf("keep content: %w: it changes while it is read", engine.ErrTemporary)
	}
	return k, err
}

// blob returns the row of a content, which it adds when there is none.
func (t *tx) blob(k kept) (id int64) {
	var data []byte
	if k.content != nil {
		var err error
		if data, err = engine.ReadAll(k.content, inline); err != nil {
			t.fail(fmt.Errorf("keep content: %w: %w", engine.ErrTemporary, err))
			return 0
		}
	}
	if !t.get("INSERT INTO blobs (sha256, size, filed, data) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING blob",
		[]any{k.digest, k.size, k.content == nil, data}, &id) {
		t.get("SELECT blob FROM blobs WHERE sha256 = ?", []any{k.digest}, &id)
	}
	return id
}

// content is a Blob in the store. While somebody holds it, its row stays.
type content struct {
	s      *Store
	id     int64
	digest string
	size   int64
	filed  bool
}

var _ engine.Blob = (*content)(nil)

// Open implements engine.Blob.
func (c *content) Open() (io.ReadCloser, error) {
	if c.filed {
		return os.Open(blobdir.Path(c.s.cfg.Blobs, c.digest))
	}
	var data []byte
	found := false
	err := c.s.read.view(func(t *tx) {
		found = t.get("SELECT data FROM blobs WHERE blob = ?", []any{c.id}, &data)
	})
	if err == nil && !found {
		err = engine.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read content %s: %w", c.digest, err)
	}
	return memory{bytes.NewReader(data)}, nil
}

// Size implements engine.Blob.
func (c *content) Size() int64 { return c.size }

// memory is a reader that has nothing to close.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// content returns a row that must stay while the result is held. The caller
// has held s.holding since before the transaction began.
func (s *Store) content(t *tx, id int64) *content {
	if c := s.held[id].Value(); c != nil {
		return c
	}
	c := &content{s: s, id: id}
	if !t.get("SELECT sha256, size, filed FROM blobs WHERE blob = ?", []any{id}, &c.digest, &c.size, &c.filed) {
		t.fail(fmt.Errorf("the database is damaged: content %d is not there", id))
	}
	return s.hold(c)
}

// hold is for a content that was read in a transaction, as content is.
func (s *Store) hold(c *content) *content {
	if other := s.held[c.id].Value(); other != nil {
		return other
	}
	s.held[c.id] = weak.Make(c)
	return c
}

// loosen notes contents that may have lost their last use.
func (s *Store) loosen(ids []int64) {
	for _, id := range ids {
		s.loose[id] = true
	}
}

// sweep removes contents that nothing refers to and nobody holds. The caller
// holds s.mu. Those that are held wait for a later sweep, at the latest that of
// Open.
func (s *Store) sweep() error {
	if len(s.loose) == 0 {
		return nil
	}
	s.holding.Lock()
	defer s.holding.Unlock()
	for id, c := range s.held {
		if c.Value() == nil {
			delete(s.held, id)
		}
	}
	var free []int64
	for id := range s.loose {
		if _, held := s.held[id]; !held {
			free = append(free, id)
		}
	}
	files, err := s.removeUnused(free)
	if err != nil {
		return err
	}
	for _, id := range free {
		delete(s.loose, id)
	}
	return s.removeFiles(files)
}

func (s *Store) forgetHolders() {
	s.holding.Lock()
	defer s.holding.Unlock()
	clear(s.held)
}

// removeUnused removes rows and returns the digests of those that are files. A
// file may go only when no power cut brings back a use of it, so then the end
// of its row, and with it all that was committed before, is synced.
func (s *Store) removeUnused(ids []int64) (files []string, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	c, some := s.light, list(ids)
	err = s.read.view(func(t *tx) {
		if t.get("SELECT 1 FROM blobs WHERE filed AND blob IN (SELECT value FROM json_each(?)) LIMIT 1", []any{some}, new(int)) {
			c = s.full
		}
	})
	if err != nil {
		return nil, err
	}
	err = c.transact(func(t *tx) {
		var digest string
		var filed bool
		t.each("DELETE FROM blobs WHERE blob IN (SELECT value FROM json_each(?)) AND "+unusedBlob+" RETURNING sha256, filed", []any{some}, []any{&digest, &filed}, func() {
			if filed {
				files = append(files, digest)
			}
		})
	})
	return files, err
}

func (s *Store) removeFiles(digests []string) (err error) {
	for _, digest := range digests {
		if e := os.Remove(blobdir.Path(s.cfg.Blobs, digest)); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// sweepFolder removes files without a row: a crash came between the two, or
// the file could not be removed when its row was.
func (s *Store) sweepFolder() error {
	known := map[string]bool{}
	err := s.read.view(func(t *tx) {
		var digest string
		t.each("SELECT sha256 FROM blobs WHERE filed", nil, []any{&digest}, func() { known[digest] = true })
	})
	if err != nil {
		return err
	}
	return filepath.WalkDir(s.cfg.Blobs, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // nothing large was ever kept
		case err != nil:
			return err
		case d.IsDir() || known[d.Name()] || !blobdir.Ours(d.Name()):
			return nil
		}
		return os.Remove(path)
	})
}
