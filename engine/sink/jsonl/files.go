package jsonl

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tqmailrules/tqmailrules/engine"
)

// store keeps a content under dir by its digest; nil is no content. It is
// written beside its place and renamed into it, synced before and after. The
// place itself is looked at first: what is there under the expected digest is
// the same. Errors are those of the disk.
func store(dir, expected string, content engine.Blob) error {
	if content == nil || present(dir, expected, content.Size()) {
		return nil
	}
	if err := write(dir, content); err != nil {
		return fmt.Errorf("store content: %w: %w", engine.ErrTemporary, err)
	}
	return nil
}

func present(dir, digest string, size int64) bool {
	if len(digest) != sha256.Size*2 {
		return false
	}
	info, err := os.Stat(path(dir, digest))
	return err == nil && info.Size() == size
}

func path(dir, digest string) string { return filepath.Join(dir, digest[:2], digest[2:4], digest) }

func write(dir string, content engine.Blob) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, "*.tmp") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // in vain once renamed
	h := sha256.New()
	err = copyTo(io.MultiWriter(tmp, h), content)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	to := path(dir, hex.EncodeToString(h.Sum(nil)))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

func copyTo(w io.Writer, content engine.Blob) error {
	r, err := content.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
