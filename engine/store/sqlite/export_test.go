package sqlite

import (
	"context"
	"fmt"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
)

// OpenLater opens a store as a later version of the program would, whose schema
// has one more step.
func OpenLater(ctx context.Context, cfg Config, step string) (*Store, error) {
	before := steps
	steps = append([]string{schema1}, step)
	defer func() { steps = before }()
	return Open(ctx, cfg)
}

// LimitPages makes the file as full as a disk can be; 0 makes room again.
func LimitPages(t *testing.T, s *Store, pages int) {
	t.Helper()
	if pages == 0 {
		pages = 1 << 30
	}
	for _, c := range []*conn{s.full, s.light} {
		if _, err := c.c.ExecContext(background, fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
}

// Recoded is a batch as it comes back from its stored form.
func Recoded(b engine.Batch) (engine.Batch, error) {
	text, err := encodeBatch(&b)
	if err != nil {
		return b, err
	}
	return decodeBatch(text)
}

// Inline is how many bytes of a content stand in the database at most.
const Inline = inline
