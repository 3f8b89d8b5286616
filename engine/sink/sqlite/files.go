package sqlite

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tqmailrules/tqmailrules/engine"
)

// store writes content to dir/aa/bb/<sha256> and returns the digest. A file
// that is there under the expected digest is left alone. What a crash leaves
// behind is a file named *.tmp, never a half-written one under its digest.
// Errors are those of the disk and wrap engine.ErrTemporary.
func store(dir, expected string, content engine.Blob) (digest string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("store content: %w: %w", engine.ErrTemporary, err)
		}
	}()
	if len(expected) == 64 {
		if info, err := os.Stat(place(dir, expected)); err == nil && info.Size() == content.Size() {
			return expected, nil
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	tmp, err := os.CreateTemp(dir, "*.tmp") // mode 0600
	if err != nil {
		return "", err
	}
	defer os.Remove(tmp.Name()) // in vain once renamed
	digest, err = copySynced(tmp, content)
	if err != nil {
		return "", err
	}
	return digest, moveSynced(tmp.Name(), place(dir, digest))
}

func place(dir, digest string) string {
	return filepath.Join(dir, digest[:2], digest[2:4], digest)
}

func copySynced(f *os.File, content engine.Blob) (digest string, err error) {
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	r, err := content.Open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, h), r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), f.Sync()
}

// moveSynced renames and makes the name durable.
func moveSynced(from, to string) error {
	folder := filepath.Dir(to)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
