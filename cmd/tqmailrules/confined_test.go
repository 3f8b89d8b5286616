//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestWorkersChangeNothing handles the example mails, and one mail for every
// sample of the readers, in workers and without, by one and by four, in
// two orders: each report is the same to the byte.
func TestWorkersChangeNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: handles every sample three times, and -short is set")
	}
	corpus := filepath.Join("..", "..", "examples", "rules", "corpus")
	dir := t.TempDir()
	for _, path := range sampleFiles(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		mail := mailSaying("The password is \"infected\", or user-pw", attachment{filepath.Base(path), data}, attachment{"half-" + filepath.Base(path), data[:len(data)/2]}, witness)
		name := strings.NewReplacer("/", "-", "..", "").Replace(path) + ".eml"
		if err := os.WriteFile(filepath.Join(dir, name), mail, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	odd := mailWith(attachment{"odd.tar", oddTar(t)}, witness)
	if err := os.WriteFile(filepath.Join(dir, "odd.eml"), odd, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"dry-run", "--rules", filepath.Join("..", "..", "examples", "rules", "desk"), "--json"}
	run := func(extra ...string) map[string]string {
		r := watchedRun(t, slices.Concat(args, extra)...)
		if r.code != 0 && r.code != int(exitQuarantined) {
			t.Fatalf("%v: exit %d: %.500s", extra, r.code, r.stderr)
		}
		return byMail(t, r.out)
	}
	want := run("--workers", "1", corpus, dir)
	for _, row := range []struct {
		name  string
		flags []string
	}{
		{"four at a time, in another order", []string{"--workers", "4", dir, corpus}},
		{"in process, four at a time", []string{"--in-process", "--workers", "4", corpus, dir}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := run(row.flags...)
			if len(got) != len(want) || len(want) < 100 {
				t.Errorf("%d mails, want %d", len(got), len(want))
			}
			for name := range want {
				if got[name] != want[name] {
					t.Errorf("%s is another:\n%s\n%s", name, difference(want[name], got[name]), difference(got[name], want[name]))
				}
			}
		})
	}
}

// oddTar has members whose names and contents are not UTF-8.
func oddTar(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range []string{"a\xff\xfe.txt", "b\xc3.html", "\xe4\xf6.exe"} {
		data := "http://odd-\xff-name.icu/x http://good.odd-name.icu/y \x00\xff\xed\xa0\x80"
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Format: tar.FormatGNU}); err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(data))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// byMail sorts the lines of a report by what they are about.
func byMail(t *testing.T, out []byte) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range bytes.Lines(out) {
		var m struct{ Name, Folder string }
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatal(err)
		}
		if m.Name != "" {
			all[cmp.Or(m.Folder, ".")+" "+m.Name] = string(line)
		}
	}
	return all
}

// difference is where a begins to differ from b, and a little of what is around.
func difference(a, b string) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	return a[max(0, i-100):min(len(a), i+200)]
}
