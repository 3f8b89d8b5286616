//go:build unix

package stix_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
)

// TestFullDiskLeavesNothing fills a disk by limiting the size of files of this
// process; with space again, the bundle is written.
func TestFullDiskLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	b := enginetest.SampleBatches()[0]
	b.Events[0].Description = strings.Repeat("x", 1<<18)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	lower := old
	lower.Cur = 10_000
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &lower); err != nil {
		t.Fatal(err)
	}
	err := s.Ship(t.Context(), b)
	if err2 := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err2 != nil {
		t.Fatal(err2)
	}
	if !errors.Is(err, engine.ErrTemporary) {
		t.Errorf("error %v, want a temporary one", err)
	}
	if left := contents(t, dir); left != "" {
		t.Errorf("%d bytes were left", len(left))
	}
	if err := s.Ship(t.Context(), b); err != nil || len(contents(t, dir)) < 1<<18 {
		t.Errorf("with space again: %v", err)
	}
}
