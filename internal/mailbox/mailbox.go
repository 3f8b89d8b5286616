// Package mailbox is what sources have in common that read somebody's mailbox: how
// calls under way end with the source, errors that say what is wrong and hold no
// secret, near names of folders, and the questions that are asked of a store.
package mailbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

var (
	// ErrLogin marks the refusal of a user name, a password or a token.
	ErrLogin = errors.New("login refused")
	// ErrClosed is what calls return after Close.
	ErrClosed = errors.New("the source is closed")
)

// Cursors remember where a source goes on. A nil value means the beginning.
type Cursors interface {
	Cursor(ctx context.Context, source string) ([]byte, error)
	SetCursor(ctx context.Context, source string, value []byte) error
}

// Known tells which mails were handled before: it has an answer for every origin, a
// receipt for those that were. nil: nothing is known.
type Known func(ctx context.Context, origins []engine.Origin) ([]*engine.Receipt, error)

// Ask asks, and sees to it that receipts speak about the mails asked for.
func (k Known) Ask(ctx context.Context, origins []engine.Origin) ([]*engine.Receipt, error) {
	if k == nil || len(origins) == 0 {
		return make([]*engine.Receipt, len(origins)), nil
	}
	receipts, err := k(ctx, origins)
	if err != nil {
		return nil, fmt.Errorf("ask which mails were handled before: %w", err)
	}
	if len(receipts) != len(origins) {
		return nil, Final("ask which mails were handled before: %d answers to %d questions", len(receipts), len(origins))
	}
	for i, r := range receipts {
		if r != nil {
			receipts[i] = &engine.Receipt{Origin: origins[i], Route: r.Route}
		}
	}
	return receipts, nil
}

// Spans end the calls under way when a source is closed. The zero value works.
type Spans struct {
	mu      sync.Mutex
	closed  bool
	n       int
	running map[int]context.CancelCauseFunc
}

// Open derives a context that ends with the source, too; done is to be called at the
// end of the call.
func (p *Spans) Open(ctx context.Context) (_ context.Context, done func(), _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, ErrClosed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	if p.running == nil {
		p.running = map[int]context.CancelCauseFunc{}
	}
	p.n++
	id := p.n
	p.running[id] = cancel
	return ctx, func() {
		p.mu.Lock()
		delete(p.running, id)
		p.mu.Unlock()
		cancel(nil)
	}, nil
}

// Close ends all calls, with ErrClosed as their cause.
func (p *Spans) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, cancel := range p.running {
		cancel(ErrClosed)
	}
}

// Printable keeps names out that would speak to a terminal.
func Printable(name string) bool {
	return utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}

// Likely says which folders somebody may have meant: "; is it X or Y?", or nothing.
func Likely(name string, names []string) string {
	near := Near(name, names)
	if len(near) == 0 {
		return ""
	}
	for i, n := range near {
		near[i] = fmt.Sprintf("%q", n)
	}
	return "; is it " + strings.Join(near, " or ") + "?"
}

// Near are at most three names that are spelt like name, or end like it in another
// place. Steps of a path end at a slash, or at a dot.
func Near(name string, names []string) []string {
	var near []string
	add := func(n string) {
		if !slices.Contains(near, n) {
			near = append(near, n)
		}
	}
	last := lastStep(name)
	lasts := make([]string, len(names))
	for i, n := range names {
		lasts[i] = lastStep(n)
		if strings.EqualFold(n, name) || strings.EqualFold(lasts[i], last) {
			add(n)
		}
	}
	if best, ok := yamlfile.Nearest(name, names); ok {
		add(best)
	}
	if best, ok := yamlfile.Nearest(last, lasts); ok {
		add(names[slices.Index(lasts, best)])
	}
	return near[:min(len(near), 3)]
}

func lastStep(name string) string { return name[strings.LastIndexAny(name, "/.")+1:] }
