package wasm

import (
	"context"
	"sync"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Live is a module that can be replaced while it is used. Calls that have begun
// end with the module they began with; it is closed after the last of them. It is
// safe for concurrent use.
type Live struct {
	mu  sync.RWMutex
	now *generation
}

// generation is one module and the calls it is in.
type generation struct {
	*Extractor
	calls sync.WaitGroup
}

var _ engine.Extractor = (*Live)(nil)

// NewLive begins with a loaded module.
func NewLive(x *Extractor) *Live { return &Live{now: &generation{Extractor: x}} }

// Swap replaces the module by one that is loaded, and returns when the old one has
// ended its calls and is closed.
func (l *Live) Swap(x *Extractor) error {
	l.mu.Lock()
	old := l.now
	l.now = &generation{Extractor: x}
	l.mu.Unlock()
	old.calls.Wait()
	return old.Close()
}

// Current is the module that the next call will use.
func (l *Live) Current() *Extractor {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.now.Extractor
}

// Info implements engine.Extractor.
func (l *Live) Info() engine.ExtractorInfo { return l.Current().Info() }

// Wants implements engine.Extractor.
func (l *Live) Wants(part engine.PartInfo) bool { return l.Current().Wants(part) }

// Extract implements engine.Extractor.
func (l *Live) Extract(ctx context.Context, in engine.Input) ([]engine.Finding, error) {
	g := l.begin()
	defer g.calls.Done()
	return g.Extractor.Extract(ctx, in)
}

func (l *Live) begin() *generation {
	l.mu.RLock()
	defer l.mu.RUnlock()
	l.now.calls.Add(1)
	return l.now
}
