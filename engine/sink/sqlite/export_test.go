package sqlite

import (
	"context"
	"fmt"
	"testing"
)

// LimitPages makes the file as full as a disk can be.
func LimitPages(t *testing.T, s *Sink, pages int) {
	t.Helper()
	if _, err := s.conn.ExecContext(context.Background(), fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
		t.Fatal(err)
	}
}
