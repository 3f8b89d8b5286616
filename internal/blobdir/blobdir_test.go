package blobdir_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/blobdir"
)

func TestContentsStandUnderTheirDigest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "files")
	content := engine.Bytes("evil")
	want, _ := engine.Digest(content)
	for _, expected := range []string{"", want, "../../etc/passwd"} {
		got, err := blobdir.Store(dir, expected, content)
		if err != nil || got != want {
			t.Errorf("expected %q: digest %q, %v; want %q", expected, got, err, want)
		}
	}
	info, err := os.Stat(blobdir.Path(dir, want))
	if err != nil || info.Size() != 4 || info.Mode().Perm() != 0o600 {
		t.Errorf("file: %v, %v", info, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWhatIsThereIsNotReadAgain(t *testing.T) {
	dir := t.TempDir()
	digest, err := blobdir.Store(dir, "", engine.Bytes("evil"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := blobdir.Store(dir, digest, unreadable(4)); err != nil || got != digest {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := blobdir.Store(dir, digest, unreadable(5)); !errors.Is(err, engine.ErrTemporary) {
		t.Errorf("another size: %v, want an attempt to read it", err)
	}
}

// unreadable is a content of a size that cannot be opened.
type unreadable int64

func (u unreadable) Open() (io.ReadCloser, error) { return nil, os.ErrPermission }
func (u unreadable) Size() int64                  { return int64(u) }
