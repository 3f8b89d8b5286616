package archive_test

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine/enginetest"
)

// bigFiles are long enough for windows to slide and blocks to follow each other.
func bigFiles() map[string]string {
	rnd := rand.New(rand.NewSource(3))
	words := []string{"alpha ", "beta ", "gamma ", "delta ", "epsilon ", "zeta\n", "eta ", "theta "}
	var text bytes.Buffer
	for text.Len() < 200_000 {
		text.WriteString(words[rnd.Intn(len(words))])
	}
	noise := make([]byte, 150_000)
	rnd.Read(noise)
	far := append(bytes.Clone(noise[:60_000]), noise[:60_000]...) // matches farther than 32 KiB
	return map[string]string{
		"text.txt": text.String(), "noise.bin": string(noise), "far.bin": string(far), "zeros.bin": string(make([]byte, 150_000)), "one.txt": "1", "empty.txt": "",
	}
}

func TestWhatProgramsPackComesOut(t *testing.T) {
	dir := t.TempDir()
	want := bigFiles()
	for name, content := range want {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct{ program, debian, file, args string }{
		{"zip", "zip", "a.zip", "-q %s *"},
		{"zip", "zip", "wide.zip", "-q -fz %s *"},
		{"zip", "zip", "locked.zip", "-q -P hunter2 %s *"},
		{"7z", "p7zip-full", "64.zip", "a -mm=Deflate64 %s *"},
		{"7z", "p7zip-full", "lzma.zip", "a -mm=LZMA %s *"},
		{"7z", "p7zip-full", "bzip2.zip", "a -mm=BZip2 %s *"},
		{"7z", "p7zip-full", "aes.zip", "a -mem=AES256 -phunter2 %s *"},
		{"7z", "p7zip-full", "old.zip", "a -mem=ZipCrypto -phunter2 %s *"},
		{"7z", "p7zip-full", "solid.7z", "a %s *"},
		{"7z", "p7zip-full", "single.7z", "a -ms=off %s *"},
		{"7z", "p7zip-full", "names.7z", "a -mhe=on -phunter2 %s *"},
		{"7z", "p7zip-full", "each.7z", "a -ms=off -phunter2 %s *"},
		{"7z", "p7zip-full", "ppmd.7z", "a -mm=PPMd %s *"},
		{"7z", "p7zip-full", "filters.7z", "a -mf=BCJ2 -m0=LZMA2 %s *"},
		{"tar", "tar", "gnu.tar", "-c --format=gnu --sparse -f %s *"},
		{"tar", "tar", "pax.tar", "-c --format=pax -f %s *"},
		{"tar", "tar", "ustar.tar", "-c --format=ustar -f %s *"},
		{"genisoimage", "genisoimage", "a.iso", "-quiet -J -R -o %s ."},
		{"xorriso", "xorriso", "x.iso", "-as mkisofs -quiet -J -o %s ."},
		{"gcab", "gcab", "a.cab", "-c -z -n %s *"},
	} {
		t.Run(row.program+"/"+row.file, func(t *testing.T) {
			enginetest.Peer(t, row.program, row.debian)
			out := filepath.Join(t.TempDir(), row.file)
			cmd := exec.Command("sh", "-c", row.program+" "+fmt.Sprintf(row.args, out))
			cmd.Dir = dir
			if msg, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", row.program, err, msg)
			}
			b, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			r := read(t, row.file, b, "wrong", "hunter2")
			got := r.members(t)
			for name, content := range want {
				if got[name] != content {
					t.Errorf("%s: %d bytes, want %d; %v", name, len(got[name]), len(content), r.defects)
				}
			}
			if len(r.defects) > 0 && row.file != "gnu.tar" { // a hole has a ratio
				t.Errorf("defects %v", r.defects)
			}
		})
	}
}

func TestWhatCompressorsPackComesOut(t *testing.T) {
	dir := t.TempDir()
	want := bigFiles()["text.txt"]
	in := filepath.Join(dir, "text.txt")
	if err := os.WriteFile(in, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ program, debian, ending, args string }{
		{"gzip", "gzip", "gz", "-c"},
		{"bzip2", "bzip2", "bz2", "-c"},
		{"xz", "xz-utils", "xz", "-c --block-size=100000"},
		{"xz", "xz-utils", "xz", "-c --check=none"},
		{"xz", "xz-utils", "xz", "-c --check=crc32 -9"},
		{"xz", "xz-utils", "lzma", "-c --format=lzma"},
		{"zstd", "zstd", "zst", "-q -c -19"},
		{"lzip", "lzip", "lz", "-c"},
	} {
		t.Run(row.ending+row.args, func(t *testing.T) {
			enginetest.Peer(t, row.program, row.debian)
			b, err := exec.Command("sh", "-c", row.program+" "+row.args+" "+in).Output()
			if err != nil {
				t.Fatal(err)
			}
			b = append(b, b...) // two streams are one file
			twice := want + want
			if row.ending == "lzma" {
				b, twice = b[:len(b)/2], want
			}
			r := readAs(t, engineLimits, row.ending, "text.txt."+row.ending, b)
			if got := r.members(t)["text.txt"]; got != twice || len(r.defects) > 0 {
				t.Errorf("%d bytes, want %d; %v", len(got), len(twice), r.defects)
			}
		})
	}
}
