package wasm

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/tqmailrules/tqmailrules/engine/wasm/meter"
)

// session is what the host knows of one instance while it runs: what it may still
// use, and the little world that it sees. It belongs to one goroutine at a time;
// host functions find it in the context of the call.
type session struct {
	limits Limits
	ctx    context.Context // of the call that is running
	module api.Module      // nil while it is being made

	fuel     int64 // of the call
	used     int64 // of the quanta that are used up, and by the host
	given    int64 // the quantum that is being used
	deadline time.Time
	stop     *Error // why the host ended the call

	unseen int64 // units since the clock was looked at

	date   time.Time // the clock of the module
	waited uint64    // its monotonic clock, in nanoseconds
	random *rand.ChaCha8

	stdin   []byte
	read    int     // of stdin
	stdout  *capped // of a command; else standard output goes to the journal
	journal journal
}

type sessionKey struct{}

func sessionOf(ctx context.Context) *session { return ctx.Value(sessionKey{}).(*session) }

// begin gives the session the budget of one call and the seed of its randomness.
// The context it returns is the one to call with.
func (s *session) begin(ctx context.Context, fuel int64, deadline time.Duration, date time.Time, seed [sha256.Size]byte) context.Context {
	s.ctx, s.fuel, s.deadline = ctx, fuel, time.Now().Add(deadline)
	s.used, s.given, s.stop = 0, 0, nil
	s.date, s.random, s.waited = date, rand.NewChaCha8(seed), max(s.waited, 1)
	if s.module != nil {
		s.setGlobal(meter.Fuel, 0)
		s.setGlobal(meter.Stack, uint64(s.limits.Stack))
	}
	return context.WithValue(ctx, sessionKey{}, s)
}

// tick is asked when a quantum is used up; left is what is left of it, less than
// nothing. It returns the next one, or ends the call.
func (s *session) tick(left int64) int64 {
	s.spend(s.given - left)
	s.given = min(quantum, s.fuel-s.used)
	return s.given
}

// charge is for what the host does on behalf of the module: a call, and bytes read
// or written.
func (s *session) charge(bytes int64) {
	s.spend(256 + (bytes+7)/8)
}

func (s *session) spend(units int64) {
	s.used += units
	if s.used > s.fuel {
		s.end(&Error{Kind: Fuel, Detail: fmt.Sprintf("more than %d units of it", s.fuel)})
	}
	if s.unseen += units; s.unseen >= quantum {
		s.unseen = 0
		s.look()
	}
}

// look is the net behind the fuel: it ends the call when its time is over, and
// lets other goroutines run.
func (s *session) look() {
	runtime.Gosched()
	if s.ctx.Err() != nil {
		s.end(&Error{Kind: Timeout, Detail: s.ctx.Err().Error()})
	}
	if time.Now().After(s.deadline) {
		s.end(&Error{Kind: Timeout, Detail: "the deadline passed before the fuel was used up"})
	}
}

// end ends the call. wazero turns the panic into an error of the call.
func (s *session) end(e *Error) {
	s.stop = e
	panic(e)
}

// consumed is the fuel used so far.
func (s *session) consumed() int64 {
	return s.used + s.given - int64(s.global(meter.Fuel))
}

// overdrawn is the error of a call that returned after its fuel was used up: code
// behind the last question to the host counts as well.
func (s *session) overdrawn() error {
	if s.consumed() > s.fuel {
		return &Error{Kind: Fuel, Detail: fmt.Sprintf("more than %d units of it", s.fuel)}
	}
	return nil
}

func (s *session) refusedGrowth() bool { return s.global(meter.Refused) > 0 }

func (s *session) overflown() bool { return int64(s.global(meter.Stack)) < 0 }

func (s *session) global(name string) uint64 {
	if s.module == nil {
		return 0
	}
	return s.module.ExportedGlobal(name).Get()
}

func (s *session) setGlobal(name string, v uint64) {
	s.module.ExportedGlobal(name).(api.MutableGlobal).Set(v)
}

// write is standard output (1) or standard error.
func (s *session) write(fd uint32, p []byte) {
	if fd == 1 && s.stdout != nil {
		s.stdout.write(p)
	} else {
		s.journal.write(p)
	}
}
