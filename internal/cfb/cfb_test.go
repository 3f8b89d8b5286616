package cfb_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/richardlehane/mscfb"

	"github.com/tqmailrules/tqmailrules/internal/cfb"
	"github.com/tqmailrules/tqmailrules/internal/cfb/cfbtest"
)

func open(t testing.TB, whole []byte) *cfb.File {
	t.Helper()
	f, err := cfb.Open(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestStreamsAreWhatTheLibraryReads compares every stream of documents that
// LibreOffice wrote.
func TestStreamsAreWhatTheLibraryReads(t *testing.T) {
	compared := 0
	for _, name := range []string{"letter.doc", "book.xls", "letter-locked.doc", "letter-standard.docx"} {
		whole, err := os.ReadFile(filepath.Join("..", "..", "engine", "unpack", "office", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		ours := map[string][]byte{}
		open(t, whole).Root.Walk(func(path string, d *cfb.Folder) {
			for _, s := range d.Streams {
				b, err := s.Bytes(1 << 24)
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				ours[strings.TrimPrefix(path+"/"+s.Name, "/")] = b
			}
		})
		theirs, err := mscfb.New(bytes.NewReader(whole))
		if err != nil {
			t.Fatal(err)
		}
		for e, err := theirs.Next(); err == nil; e, err = theirs.Next() {
			if e.FileInfo().IsDir() {
				continue
			}
			want, err := io.ReadAll(e)
			if err != nil {
				t.Fatal(err)
			}
			path := strings.Join(append(e.Path, string(rune(e.Initial))+strings.TrimPrefix(e.Name, string(rune(e.Initial)))), "/")
			if got, ok := ours[path]; !ok || !bytes.Equal(got, want) {
				t.Errorf("%s: stream %q: %d bytes, want %d (known: %t)", name, path, len(got), len(want), ok)
			}
			compared++
		}
	}
	if compared < 20 {
		t.Errorf("only %d streams compared", compared)
	}
}

func TestFoldersAndStreams(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	f := open(t, cfbtest.File(
		cfbtest.Node{Name: "Small", Data: []byte("in the mini stream")},
		cfbtest.Node{Name: "Big", Data: big},
		cfbtest.Node{Name: "Folder", Kids: []cfbtest.Node{{Name: "Inner", Data: bytes.Repeat([]byte("x"), 200)}}},
		cfbtest.Node{Name: "Empty"},
	))
	if f.Troubled != "" {
		t.Errorf("troubled: %s", f.Troubled)
	}
	for name, want := range map[string]string{"SMALL": "in the mini stream", "Big": string(big), "Empty": ""} {
		b, err := f.Root.Stream(name).Bytes(1 << 20)
		if err != nil || string(b) != want {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	if b, err := f.Root.Folder("folder").Stream("Inner").Bytes(1 << 20); err != nil || len(b) != 200 {
		t.Errorf("inner: %d bytes, %v", len(b), err)
	}
	var part [7]byte
	if n, err := f.Root.Stream("Big").ReadAt(part[:], 510); err != nil || string(part[:n]) != string(big[510:517]) {
		t.Errorf("across sectors: %q, %v", part[:n], err)
	}
	if _, err := f.Root.Stream("Big").Bytes(100); err == nil {
		t.Error("a stream beyond the cap is no error")
	}
	if f.Root.Stream("none") != nil {
		t.Error("a stream that is not there is found")
	}
}

func TestLiesAreTold(t *testing.T) {
	whole := cfbtest.File(cfbtest.Node{Name: "Big", Data: make([]byte, 5000)}, cfbtest.Node{Name: "Other", Data: make([]byte, 5000)})
	directory := (int(binary.LittleEndian.Uint32(whole[48:])) + 1) * 512
	entry := func(name string) int {
		for i := directory; i+128 <= len(whole); i += 128 {
			if whole[i] == name[0] && whole[i+66] == 2 {
				return i
			}
		}
		t.Fatal("no entry")
		return 0
	}
	for _, tc := range []struct {
		name string
		at   int
		v    uint32
		want string
	}{
		{"a size", entry("Big") + 120, 1 << 30, "ends after"},
		{"a start", entry("Big") + 116, 1 << 20, "leaves the file"},
		{"a sibling that is its own", entry("Big") + 72, 1, "contradicts itself"},
		{"a sibling that is not there", entry("Big") + 72, 1 << 20, "contradicts itself"},
		{"no children", directory + 76, 0xffffffff, "no folder holds"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			changed := bytes.Clone(whole)
			binary.LittleEndian.PutUint32(changed[tc.at:], tc.v)
			if f := open(t, changed); !strings.Contains(f.Troubled, tc.want) {
				t.Errorf("troubled by %q, want %q", f.Troubled, tc.want)
			}
		})
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(cfbtest.File(cfbtest.Node{Name: "a", Data: []byte("b")}, cfbtest.Node{Name: "c", Kids: []cfbtest.Node{{Name: "d", Data: make([]byte, 5000)}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := cfb.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		c.Root.Walk(func(_ string, d *cfb.Folder) {
			for _, s := range d.Streams {
				if got, _ := s.Bytes(1 << 20); int64(len(got)) > s.Size() {
					panic(fmt.Sprint(len(got), s.Size()))
				}
			}
		})
	})
}
