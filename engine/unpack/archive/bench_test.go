package archive_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
)

var engineLimits = engine.Limits{}

// BenchmarkRead counts the bytes that come out.
func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	text := bytes.Repeat([]byte(bigFiles()["text.txt"]), 14)
	if err := os.WriteFile(filepath.Join(dir, "text.txt"), text, 0o600); err != nil {
		b.Fatal(err)
	}
	for _, row := range []struct{ program, debian, file, command string }{
		{"7z", "p7zip-full", "store.zip", "7z a -mx=0 $OUT text.txt"},
		{"7z", "p7zip-full", "deflate.zip", "7z a $OUT text.txt"},
		{"7z", "p7zip-full", "deflate64.zip", "7z a -mm=Deflate64 $OUT text.txt"},
		{"7z", "p7zip-full", "zipcrypto.zip", "7z a -px $OUT text.txt"},
		{"7z", "p7zip-full", "aes256.zip", "7z a -px -mem=AES256 $OUT text.txt"},
		{"7z", "p7zip-full", "lzma2.7z", "7z a $OUT text.txt"},
		{"7z", "p7zip-full", "ppmd.7z", "7z a -mm=PPMd $OUT text.txt"},
		{"7z", "p7zip-full", "locked.7z", "7z a -px -mhe=on $OUT text.txt"},
		{"tar", "tar", "a.tar", "tar cf $OUT text.txt"},
		{"gzip", "gzip", "text.gz", "gzip -c text.txt > $OUT"},
		{"bzip2", "bzip2", "text.bz2", "bzip2 -c text.txt > $OUT"},
		{"xz", "xz-utils", "text.xz", "xz -c text.txt > $OUT"},
		{"zstd", "zstd", "text.zst", "zstd -q -c text.txt > $OUT"},
		{"genisoimage", "genisoimage", "a.iso", "genisoimage -quiet -J -o $OUT ."},
		{"gcab", "gcab", "a.cab", "gcab -c -z $OUT text.txt"},
	} {
		b.Run(row.file, func(b *testing.B) {
			enginetest.Peer(b, row.program, row.debian)
			out := filepath.Join(b.TempDir(), row.file)
			cmd := exec.Command("sh", "-c", row.command)
			cmd.Dir, cmd.Env, cmd.Stdout = dir, append(os.Environ(), "OUT="+out), io.Discard
			if err := cmd.Run(); err != nil {
				b.Fatal(err)
			}
			content, err := os.ReadFile(out)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if r := read(b, row.file, content, "x"); len(r.Children) != 1 || r.Children[0].Size != len(text) {
					b.Fatalf("%d members, %v", len(r.Children), r.defects)
				}
			}
		})
	}
}
