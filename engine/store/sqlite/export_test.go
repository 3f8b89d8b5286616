package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
)

// OpenLater opens a store as a later version of the program would, whose schema
// has one more step.
func OpenLater(ctx context.Context, cfg Config, step string) (*Store, error) {
	before := steps
	steps = append(slices.Clone(steps), step)
	defer func() { steps = before }()
	return Open(ctx, cfg)
}

// MakeAs makes a store as the version of the program did whose schema had so many
// steps.
func MakeAs(ctx context.Context, cfg Config, version int) (err error) {
	before := steps
	steps = before[:version]
	defer func() { steps = before }()
	s := newStore(cfg)
	defer func() { err = errors.Join(err, s.Close()) }()
	if s.seal, err = newSealer(cfg.Key); err != nil {
		return err
	}
	if err := s.connectAll(ctx); err != nil {
		return err
	}
	return s.checkKey()
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
