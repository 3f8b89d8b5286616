package ews

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
)

const maxBackOff = 5 * time.Minute

// gate holds calls back while the server is busy, and lets fewer side by side
// until it is not. Exchange counts per account, not per connection.
type gate struct {
	clock engine.Clock

	mu    sync.Mutex
	until time.Time
	most  int // calls side by side
	width int // of them, at present
	turns int // busy in a row
}

// wait returns when the server may be asked. The error is the cause of ctx.
func (g *gate) wait(ctx context.Context) error {
	for {
		g.mu.Lock()
		until, left := g.until, g.until.Sub(g.clock.Now())
		g.mu.Unlock()
		if left > 0 {
			_ = g.clock.Sleep(ctx, left) // its error is the cause of ctx
		}
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if left <= 0 || g.passed(until) {
			return nil
		}
	}
}

// passed opens the gate after a wait, unless it was shut for longer meanwhile.
func (g *gate) passed(until time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.until.After(until) {
		return false
	}
	g.until = time.Time{}
	return true
}

// crowded shuts the gate for as long as the server says, or, when it does not
// say, from a second on for twice as long each time; with a little on top, so
// that not all come back at once.
func (g *gate) crowded(backOff time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if backOff <= 0 {
		backOff = time.Second << min(g.turns, 9)
	}
	backOff = min(backOff, maxBackOff)
	backOff += time.Duration(rand.Int64N(int64(backOff)/10 + 1))
	g.turns++
	g.width = max(1, g.width/2)
	if until := g.clock.Now().Add(backOff); until.After(g.until) {
		g.until = until
	}
}

// calm lets one more side by side after each success.
func (g *gate) calm() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.turns = 0
	g.width = min(g.most, g.width+1)
}

func (g *gate) wide() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.width
}
