package unpack_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack"
	"github.com/tqmailrules/tqmailrules/internal/filetype"
)

// attachment is a part as the parser of mails makes it.
func attachment(name string, b []byte) *engine.Part {
	f := filetype.File{Extension: filetype.Extension(name), Head: b[:min(len(b), filetype.Edge)], Tail: b[max(0, len(b)-filetype.Edge):]}
	return &engine.Part{Path: "2", FileName: name, FileExtension: f.Extension, FileType: filetype.Detect(&f), Content: engine.Bytes(b), Size: len(b)}
}

func unpackAll(t *testing.T, limits engine.Limits, name string, b []byte, passwords ...string) (*engine.Part, []engine.Defect) {
	t.Helper()
	var keys []engine.Candidate
	for _, p := range passwords {
		keys = append(keys, engine.Candidate{Password: engine.LiteralPassword(p), Origin: engine.FromToken, Part: "1"})
	}
	part := attachment(name, b)
	u := unpack.New(unpack.Config{Limits: limits})
	if !u.Wants(part) {
		t.Fatalf("%s, a %q, is not wanted", name, part.FileType)
	}
	defects, err := u.Unpack(context.Background(), part, keys, limits.WithDefaults().Budget())
	if err != nil {
		t.Fatal(err)
	}
	return part, defects
}

// under lists a part and what is in it.
func under(p *engine.Part) []*engine.Part {
	all := []*engine.Part{p}
	for _, c := range p.Children {
		all = append(all, under(c)...)
	}
	return all
}

func TestALockedArchiveInsideOthersIsOpened(t *testing.T) {
	b, err := os.ReadFile("archive/testdata/nested.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	p, defects := unpackAll(t, engine.Limits{}, "mail.tar.gz", b, "wrong", "hunter2")
	if len(defects) > 0 {
		t.Errorf("defects %v", defects)
	}
	all := under(p)
	last := all[len(all)-1]
	if last.Path != "2/mail.tar/a.7z/b.zip/c.txt" || last.Text != "call http://deep.example/x\n" {
		t.Errorf("%s holds %q", last.Path, last.Text)
	}
	box := all[len(all)-2]
	if !box.Encrypted || !box.Decrypted || !strings.HasPrefix(box.OpenedBy, "token, 1") {
		t.Errorf("%s: encrypted %v, decrypted %v by %q", box.Path, box.Encrypted, box.Decrypted, box.OpenedBy)
	}
	_, defects = unpackAll(t, engine.Limits{}, "mail.tar.gz", b, "wrong")
	if len(defects) != 1 || defects[0].Code != engine.DefectLocked || defects[0].Part != "2/mail.tar/a.7z/b.zip" {
		t.Errorf("with a wrong password: %v", defects)
	}
}

func zipped(t testing.TB, members map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range members {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func codesOf(defects []engine.Defect) []string {
	var all []string
	for _, d := range defects {
		all = append(all, d.Code)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestArchivesInArchivesEnd(t *testing.T) {
	deep := zipped(t, map[string][]byte{"end.txt": []byte("the end")})
	for range 30 {
		deep = zipped(t, map[string][]byte{"next.zip": deep})
	}
	leaf := zipped(t, map[string][]byte{"0.dll": make([]byte, 900<<10)})
	wide := leaf
	for range 4 { // 16 to the power of 4 leaves
		layer := map[string][]byte{}
		for i := range 16 {
			layer[fmt.Sprint(i, ".zip")] = wide
		}
		wide = zipped(t, layer)
	}
	var squeezed bytes.Buffer
	w := gzip.NewWriter(&squeezed)
	w.Write(deep)
	w.Close()
	for _, row := range []struct {
		name  string
		b     []byte
		codes []string // one of them
	}{
		{"deep.zip", deep, []string{engine.DefectNesting}},
		{"wide.zip", wide, []string{engine.DefectMembers, engine.DefectUnpackSize}},
		{"deep.gz", squeezed.Bytes(), []string{engine.DefectNesting}},
	} {
		t.Run(row.name, func(t *testing.T) {
			start := time.Now()
			p, defects := unpackAll(t, engine.Limits{}, row.name, row.b)
			if !slices.ContainsFunc(row.codes, func(c string) bool { return slices.Contains(codesOf(defects), c) }) {
				t.Errorf("defects %v", codesOf(defects))
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
			t.Logf("%d parts, %v, %v", len(under(p)), codesOf(defects), time.Since(start))
		})
	}
}
