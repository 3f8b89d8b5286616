package wasm

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Breaker switches an extractor off for the rest of a run after n failures in a
// row, so that a broken module does not cost its whole budget on every mail. From
// then on its error wraps engine.ErrTemporary: mails are left for the next run and
// not shipped without its findings, so what is shipped never depends on the order
// of mails. An output of which only values were left out is no failure: a mail can
// be written so that a sound module finds such. It is for the engine's run only, and
// safe for concurrent use.
type Breaker struct {
	engine.Extractor
	n    int
	trip func(reason error)

	mu     sync.Mutex
	failed int   // in a row
	off    error // why it is off; nil while it is on
}

var _ engine.Extractor = (*Breaker)(nil)

// NewBreaker wraps an extractor. trip is called once, when it is switched off.
func NewBreaker(x engine.Extractor, n int, trip func(reason error)) *Breaker {
	return &Breaker{Extractor: x, n: n, trip: trip}
}

// Extract implements engine.Extractor.
func (b *Breaker) Extract(ctx context.Context, in engine.Input) ([]engine.Finding, error) {
	if err := b.isOff(); err != nil {
		return nil, err
	}
	found, err := b.Extractor.Extract(ctx, in)
	if ctx.Err() == nil {
		b.count(err)
	}
	return found, err
}

func partial(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Partial
}

func (b *Breaker) isOff() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.off
}

func (b *Breaker) count(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil || partial(err) {
		b.failed = 0
		return
	}
	if b.failed++; b.failed == b.n {
		b.off = fmt.Errorf("%w: switched off for this run after %d failures in a row, the last: %v", engine.ErrTemporary, b.n, err)
		b.trip(b.off)
	}
}
