// Package blobdir keeps contents in a folder by their digest: aa/bb/<sha256>,
// mode 0600. A content is written beside its place, synced, and renamed into it,
// so that a crash leaves files named *.tmp and never half of a content. The
// package never deletes and never uses a name that came with a mail.
package blobdir

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Store writes content below dir and returns its digest. A file that is there
// under the expected digest, with the same size, is left alone; expected may be
// empty. Errors are those of the disk, or of reading the content, and wrap
// engine.ErrTemporary. Several may store at the same time.
func Store(dir, expected string, content engine.Blob) (digest string, err error) {
	if present(dir, expected, content.Size()) {
		return expected, nil
	}
	if digest, err = write(dir, content); err != nil {
		return "", fmt.Errorf("store content: %w: %w", engine.ErrTemporary, err)
	}
	return digest, nil
}

// Path is where the content of a digest stands.
func Path(dir, digest string) string {
	return filepath.Join(dir, digest[:2], digest[2:4], digest)
}

func present(dir, digest string, size int64) bool {
	if len(digest) != hex.EncodedLen(sha256.Size) {
		return false
	}
	info, err := os.Stat(Path(dir, digest))
	return err == nil && info.Size() == size
}

func write(dir string, content engine.Blob) (digest string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	tmp, err := os.CreateTemp(dir, "*.tmp") // mode 0600
	if err != nil {
		return "", err
	}
	defer os.Remove(tmp.Name()) // in vain once renamed
	h := sha256.New()
	err = copyTo(io.MultiWriter(tmp, h), content)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return "", err
	}
	digest = hex.EncodeToString(h.Sum(nil))
	return digest, move(tmp.Name(), Path(dir, digest))
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

// move renames and makes the name durable.
func move(from, to string) error {
	folder := filepath.Dir(to)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	if runtime.GOOS == "windows" {
		return nil // a name is durable there by itself, and a folder cannot be synced
	}
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Ours tells whether a file of that name in a folder is one that Store wrote, or
// began to.
func Ours(name string) bool {
	return strings.HasSuffix(name, ".tmp") || len(name) == 64 && strings.Trim(name, "0123456789abcdef") == ""
}

// Size is how many bytes the files below a folder have; 0 when there is none. A
// file that goes meanwhile counts nothing.
func Size(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil || d.IsDir():
			return err
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	return n, err
}
