//go:build unix

package jsonl_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/sink/jsonl"
)

// TestFullDiskLeavesWholeLines fills a device that is always full by limiting
// the size of files of this process.
func TestFullDiskLeavesWholeLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	s := open(t, jsonl.Config{Path: path})
	batches := enginetest.SampleBatches()
	ship(t, s, batches[0])
	before := read(t, path)
	big := batches[1]
	big.Events[0].Description = strings.Repeat("x", 1<<20)
	withFileLimit(t, uint64(len(before)+1000), func() {
		if err := s.Ship(t.Context(), big); !errors.Is(err, engine.ErrTemporary) {
			t.Errorf("error %v, want a temporary one", err)
		}
	})
	if got := read(t, path); got != before {
		t.Errorf("%d bytes, want the %d of before", len(got), len(before))
	}
	ship(t, s, big, batches[2])
	if n := strings.Count(read(t, path), "\n"); n != 3 {
		t.Errorf("%d lines, want 3", n)
	}
	for l := range strings.Lines(read(t, path)) {
		if !json.Valid([]byte(l)) {
			t.Errorf("broken line %.60q", l)
		}
	}
}

func withFileLimit(t *testing.T, limit uint64, f func()) {
	t.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	lower := old
	lower.Cur = limit
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &lower); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old)
	f()
}
