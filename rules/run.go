package rules

import (
	"errors"
	"fmt"

	"github.com/tqmailrules/tqmailrules/engine"
)

// ErrFuel is the reason of a condition that was stopped because it did too much.
var ErrFuel = errors.New("out of fuel")

// What a piece of work costs, in steps. They are part of the meaning of a rule
// file: the same condition stops at the same point on every machine.
const (
	stepBytes    = 64 // bytes of text that are looked at, compared or made for one step
	patternBytes = 16 // bytes of text that a regular expression reads for one step
)

// run is the state of one evaluation: the fuel that is left, the message for
// functions that need it, and the trace when somebody listens. It belongs to
// one goroutine.
type run struct {
	fuel  int
	limit int
	msg   *engine.Message
	trace *tracer
	args  []any // scratch of the function that runs
}

// spend takes n steps and one, and fails when they are not there.
func (r *run) spend(n int) error {
	r.fuel -= n + 1
	if r.fuel < 0 {
		return fmt.Errorf("%w: the condition needs more than %d steps", ErrFuel, r.limit)
	}
	return nil
}

func (r *run) spendText(s string) error { return r.spend(len(s) / stepBytes) }
