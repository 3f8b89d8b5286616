package archive_test

import (
	"bytes"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
)

// tight limits keep a fuzzer from spending its time on bombs.
var tight = engine.Limits{Unpacked: 4 << 20, Members: 100, PasswordWork: 20_000}

// checkResult holds what is true of any file.
func checkResult(t *testing.T, r result) {
	t.Helper()
	if r.budget.Bytes < 0 || r.budget.Members < 0 || r.budget.Work < 0 {
		t.Errorf("overdrawn: %+v", r.budget)
	}
	var all int64
	for _, c := range r.Children {
		all += int64(c.Size)
	}
	if all > tight.Unpacked {
		t.Errorf("%d bytes came out", all)
	}
}

func FuzzZip(f *testing.F) {
	for name, b := range everySample(f) {
		if kindOf(name) == "zip" {
			f.Add(b)
		}
	}
	f.Add(zipOf(zipMember{name: "a", content: "x", flags: 1}, zipMember{name: "b", content: "y", skip: true}))
	f.Fuzz(func(t *testing.T, b []byte) {
		checkResult(t, readAs(t, tight, "zip", "a.zip", b, "infected"))
	})
}

func FuzzCabinet(f *testing.F) {
	f.Add(fixture(f, "mszip.cab"))
	f.Add(fixture(f, "stored.cab"))
	f.Fuzz(func(t *testing.T, b []byte) { checkResult(t, readAs(t, tight, "cab", "a.cab", b)) })
}

// FuzzDisc leaves the empty system area out, so that samples are short.
func FuzzDisc(f *testing.F) {
	for _, name := range []string{"joliet.iso", "rockridge.iso"} {
		f.Add(fixture(f, name)[32<<10 : 80<<10])
	}
	area := make([]byte, 32<<10)
	f.Fuzz(func(t *testing.T, b []byte) {
		checkResult(t, readAs(t, tight, "iso", "a.iso", append(bytes.Clone(area), b...)))
	})
}

func FuzzRAR(f *testing.F) {
	f.Add((&rar5{comment: "x"}).archive(rarFiles...))
	f.Add((&rar5{password: "infected", power: 2}).archive(rarFiles[0]))
	f.Add((&rar5{password: "infected", power: 2, names: true}).archive(rarFiles[0]))
	f.Fuzz(func(t *testing.T, b []byte) { checkResult(t, readAs(t, tight, "rar", "a.rar", b, "infected")) })
}

func FuzzSevenZip(f *testing.F) {
	for _, name := range []string{"method-LZMA.7z", "method-Copy.7z", "method-PPMd.7z", "headers.7z", "locked.7z"} {
		f.Add(fixture(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkResult(t, readAs(t, tight, "7z", "a.7z", b, "infected")) })
}

// FuzzEveryReader feeds any bytes to the reader of any type.
func FuzzEveryReader(f *testing.F) {
	kinds := []string{"zip", "7z", "rar", "tar", "gz", "bz2", "xz", "zst", "lz", "lzma", "iso", "cab", "exe"}
	for name, b := range everySample(f) {
		for i, kind := range kinds {
			if kind == kindOf(name) {
				f.Add(byte(i), b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		checkResult(t, readAs(t, tight, kinds[int(kind)%len(kinds)], "a.bin", b, "infected"))
	})
}
