package files_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/source/files"
)

func mail(subject string) string {
	return "From: a@b.example\r\nDate: Mon, 2 Mar 2026 10:00:00 +0000\r\nSubject: " + subject + "\r\n\r\nbody of " + subject + "\r\n"
}

// mbox uses both ways of quoting and a mail that ends without an empty line.
const mbox = "From a@b Mon Mar  2 10:00:00 2026\nSubject: one\n\n>From the start\n>>From deeper\nFrom here on\n\nFrom c@d Mon Mar  2 11:00:00 2026\nSubject: two\n\nlast\n"

func zipOf(t *testing.T, entries ...string) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		w, err := z.Create(entries[i])
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, entries[i+1])
	}
	z.Close()
	return b.String()
}

func tarOf(t *testing.T, entries ...string) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: entries[i], Mode: 0o600, Size: int64(len(entries[i+1])), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, entries[i+1])
	}
	w.Close()
	return b.String()
}

func gz(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, s)
	z.Close()
	return b.String()
}

// corpus writes name, content pairs below a new folder.
func corpus(t *testing.T, entries ...string) string {
	dir := t.TempDir()
	for i := 0; i < len(entries); i += 2 {
		p := filepath.Join(dir, filepath.FromSlash(entries[i]))
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(entries[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEveryKindOfCorpusIsReadInOrder(t *testing.T) {
	tests := []struct {
		name    string
		entries []string
		path    string // below the folder
		want    []string
	}{
		{"one file", []string{"a.eml", mail("a")}, "a.eml", []string{"a.eml"}},
		{"any named file is a mail", []string{"notes", "no mail at all"}, "notes", []string{"notes"}},
		{"folder", []string{"b.eml", mail("b"), "a.eml", mail("a"), "sub/c.eml", mail("c"), "readme.txt", "hello"}, "", []string{"a.eml", "b.eml", "sub/c.eml"}},
		{"mail without a telling name", []string{"1234", mail("x"), "photo", "\x89PNG"}, "", []string{"1234"}},
		{"zip", []string{"c.zip", zipOf(t, "x/1.eml", mail("1"), "x/logo.png", "png", "2.eml", mail("2"))}, "", []string{"c.zip/x/1.eml", "c.zip/2.eml"}},
		{"renamed zip", []string{"mails.dat", zipOf(t, "1.eml", mail("1"))}, "", []string{"mails.dat/1.eml"}},
		{"tar", []string{"c.tar", tarOf(t, "1.eml", mail("1"), "2.eml", mail("2"))}, "", []string{"c.tar/1.eml", "c.tar/2.eml"}},
		{"tar.gz", []string{"c.tar.gz", gz(tarOf(t, "1.eml", mail("1"), "box", mbox))}, "", []string{"c.tar.gz/1.eml", "c.tar.gz/box#1", "c.tar.gz/box#2"}},
		{"gzipped mail", []string{"a.eml.gz", gz(mail("a"))}, "", []string{"a.eml"}},
		{"mbox", []string{"inbox", mbox}, "", []string{"inbox#1", "inbox#2"}},
		{"maildir", []string{"cur/1:2,S", mail("1"), "new/2", mail("2"), "tmp/3", mail("3"), "dovecot-uidlist", "x", ".Phish/cur/4:2,", mail("4"), ".Phish/new/.keep", mail("k"), ".Phish/tmp/x", "x"}, "", []string{".Phish/cur/4:2,", ".Phish/new/.keep", "cur/1:2,S", "new/2"}},
		{"empty folder", []string{"sub/x.txt", "x"}, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := filepath.Join(corpus(t, tt.entries...), tt.path)
			got := enginetest.TestSource(t, func(t *testing.T) engine.Source {
				s, err := files.Open(files.Config{Paths: []string{root}})
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}

func all(t *testing.T, cfg files.Config) []engine.Delivery {
	t.Helper()
	s, err := files.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return deliveries(t, s)
}

func deliveries(t *testing.T, s *files.Source) (ds []engine.Delivery) {
	t.Helper()
	for {
		d, err := s.Next(t.Context())
		if err == io.EOF {
			return ds
		}
		if err != nil {
			t.Fatal(err)
		}
		ds = append(ds, d)
	}
}

func text(t *testing.T, d engine.Delivery) string {
	t.Helper()
	b, err := engine.ReadAll(d.Raw, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestMboxQuotingIsUndone(t *testing.T) {
	ds := all(t, files.Config{Paths: []string{"-"}, Stdin: strings.NewReader(mbox)})
	var got []string
	for _, d := range ds {
		got = append(got, text(t, d))
	}
	want := []string{"Subject: one\n\nFrom the start\n>From deeper\nFrom here on\n", "Subject: two\n\nlast\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestStandardInputTakesEveryKind(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"mail", mail("a"), "stdin"},
		{"zip", zipOf(t, "1.eml", mail("1")), "stdin/1.eml"},
		{"tar.gz", gz(tarOf(t, "1.eml", mail("1"))), "stdin/1.eml"},
		{"empty", "", "stdin"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ds := all(t, files.Config{Paths: []string{"-"}, Stdin: strings.NewReader(tt.in)})
			if len(ds) != 1 || ds[0].Origin.Name != tt.want {
				t.Errorf("got %+v, want one mail named %q", ds, tt.want)
			}
		})
	}
}

func TestFoldersAreNamedAsPeopleNameThem(t *testing.T) {
	dir := corpus(t, "a.eml", mail("a"), "Phish/b.eml", mail("b"), "md/cur/1", mail("1"), "md/new/.x", "", "md/tmp/x", "", "md/.Sub.Deep/cur/2", mail("2"))
	got := map[string]string{}
	for _, d := range all(t, files.Config{Paths: []string{dir}}) {
		if text(t, d) != "" {
			got[d.Origin.Name] = d.Origin.Folder
		}
	}
	want := map[string]string{"a.eml": "", "Phish/b.eml": "Phish", "md/cur/1": "md", "md/.Sub.Deep/cur/2": "md/.Sub.Deep"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBrokenEntriesAreDefectsAndNotTheEnd(t *testing.T) {
	whole := tarOf(t, "1.eml", mail("1"), "2.eml", mail("2"))
	zipped := zipOf(t, "1.eml", strings.Repeat(mail("1"), 50), "2.eml", mail("2"))
	flipped := []byte(zipped)
	flipped[60] ^= 0xff // inside the first entry's deflate stream
	encrypted := []byte(zipOf(t, "1.eml", mail("1")))
	encrypted[6] |= 1
	if i := bytes.Index(encrypted, []byte("PK\x01\x02")); i > 0 {
		encrypted[i+8] |= 1
	}
	dir := corpus(t,
		"a.tar", whole[:1500], "b.tar.gz", gz(whole)[:120], "c.zip", string(flipped), "d.zip", zipped[:len(zipped)-30],
		"e.zip", string(encrypted), "f.eml", mail("f"))
	defects := map[string]int{}
	for _, d := range all(t, files.Config{Paths: []string{dir}}) {
		for _, x := range d.Defects {
			if x.Code != engine.DefectEntry || x.Detail == "" {
				t.Errorf("%s: defect %+v", d.Origin.Name, x)
			}
		}
		defects[d.Origin.Name] = len(d.Defects)
	}
	for _, name := range []string{"a.tar", "c.zip/1.eml", "d.zip", "e.zip/1.eml"} {
		if defects[name] != 1 {
			t.Errorf("%s: %d defects, want 1 (have %v)", name, defects[name], defects)
		}
	}
	for _, name := range []string{"a.tar/1.eml", "c.zip/2.eml", "f.eml"} {
		if n, ok := defects[name]; !ok || n != 0 {
			t.Errorf("%s: delivered %v with %d defects, want clean", name, ok, n)
		}
	}
}

func TestEntriesAreCapped(t *testing.T) {
	long := mail("long") + strings.Repeat("x", 5000)
	dir := corpus(t, "c.zip", zipOf(t, "1.eml", long, "2.eml", mail("2"), "3.eml", mail("3")), "box", mbox+"\n"+mbox)
	ds := all(t, files.Config{Paths: []string{dir}, MaxEntries: 2, Limits: engine.Limits{Message: 1000}})
	sizes := map[string]int64{}
	capped := 0
	for _, d := range ds {
		sizes[d.Origin.Name] = d.Raw.Size()
		capped += len(d.Defects)
	}
	if sizes["c.zip/1.eml"] != 1001 || capped != 2 || len(ds) != 6 {
		t.Errorf("sizes %v, %d caps; want the first entry cut after one byte too many, and one cap per container", sizes, capped)
	}
}

func TestMissingCorpusIsAnError(t *testing.T) {
	_, err := files.Open(files.Config{Paths: []string{"no/such/corpus"}})
	if !errors.Is(err, fs.ErrNotExist) || err.Error() != `corpus "no/such/corpus": no such file or directory` {
		t.Errorf("got %v", err)
	}
}

func TestUnreadableFileIsTold(t *testing.T) {
	dir := corpus(t, "a.eml", mail("a"), "b.eml", mail("b"))
	if err := os.Chmod(filepath.Join(dir, "a.eml"), 0); err != nil {
		t.Fatal(err)
	}
	if f, err := os.Open(filepath.Join(dir, "a.eml")); err == nil {
		f.Close()
		t.Skip("permissions do not bind this user")
	}
	ds := all(t, files.Config{Paths: []string{dir}})
	if len(ds) != 2 {
		t.Fatalf("%d deliveries, want 2", len(ds))
	}
	if _, err := ds[0].Raw.Open(); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Open: %v, want permission denied", err)
	}
}

func FuzzMbox(f *testing.F) {
	f.Add([]byte(mbox))
	f.Add([]byte("From \n\nFrom a 1:00\n"))
	f.Add([]byte("From a 1:00:00\r\n\r\n\r\nFrom b 2:00:00\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		total := 0
		for _, d := range all(t, files.Config{Paths: []string{"-"}, Stdin: bytes.NewReader(data), MaxEntries: 50}) {
			total += len(text(t, d))
		}
		if total > len(data) && !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) && !bytes.HasPrefix(data, []byte("PK")) {
			t.Errorf("%d bytes out of %d", total, len(data))
		}
	})
}
