//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLargeAttachmentNeedsLittleMemory runs inspect and dry-run over a mail with
// one attachment of 200 MB, as processes of their own, and looks at their peak
// resident size.
func TestLargeAttachmentNeedsLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: writes a mail of 270 MB, and -short is set")
	}
	dir := t.TempDir()
	mail := filepath.Join(dir, "large.eml")
	writeLargeMail(t, mail, 200<<20)
	rules := filepath.Join("..", "..", "examples", "rules", "desk", "phishing.yaml")
	hygiene := filepath.Join("..", "..", "examples", "rules", "desk", "hygiene.yaml")
	for _, args := range [][]string{{"inspect", mail}, {"dry-run", "--rules", rules, "--rules", hygiene, mail}} {
		t.Run(args[0], func(t *testing.T) {
			out, peak := asProcess(t, args...)
			if !strings.Contains(out, "large.bin") && !strings.Contains(out, "shipped") {
				t.Errorf("output: %.500s", out)
			}
			t.Logf("peak resident size %d MiB", peak>>20)
			if peak > 150<<20 {
				t.Errorf("peak resident size %d MiB, want at most 150", peak>>20)
			}
		})
	}
}

func writeLargeMail(t *testing.T, path string, size int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	w.WriteString("From: a@large-mail.icu\nSubject: large\nDate: Mon, 2 Mar 2026 09:00:00 +0000\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n" +
		"--x\nContent-Type: text/plain\n\nhttp://large-mail.icu/x\n--x\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename=large.bin\nContent-Transfer-Encoding: base64\n\n")
	line := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xa5, 1, 0x7f}, 19)) + "\n"
	for n := 0; n < size; n += 57 {
		w.WriteString(line)
	}
	w.WriteString("--x--\n")
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

// asProcess runs the program as a child and returns its output and its peak
// resident size in bytes. What the system says of a child when it has ended is no
// use: that includes the size of this process, which it was for a moment.
func asProcess(t *testing.T, args ...string) (string, int64) {
	t.Helper()
	r := watchedRun(t, args...)
	if r.code != 0 {
		t.Fatalf("%v: exit %d: %.500s", args, r.code, r.stderr)
	}
	return string(r.out), r.peak
}
