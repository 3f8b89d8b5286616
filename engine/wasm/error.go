package wasm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero/sys"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Kind says what went wrong.
type Kind string

// The kinds of ABI.md.
const (
	Refused   Kind = "refused"
	ABI       Kind = "abi"
	Trap      Kind = "trap"
	Exit      Kind = "exit"
	Fuel      Kind = "fuel"
	Memory    Kind = "memory"
	Timeout   Kind = "timeout"
	BadOutput Kind = "bad_output"
)

// Error is trouble with a module, or in one.
type Error struct {
	Extractor string // its name, when it is known
	Kind      Kind
	Detail    string
	Trace     string // the calls of the module that led there, innermost first; for authors
	Partial   bool   // the rest of the output stands: only values that are none of their type were left out
}

func (e *Error) Error() string { return strings.ReplaceAll(string(e.Kind), "_", " ") + ": " + e.Detail }

// DefectCode names the defect of the mail that the error becomes.
func (e *Error) DefectCode() string {
	return "extractor-" + strings.ReplaceAll(string(e.Kind), "_", "-")
}

// Is makes a timeout temporary, and caps limits.
func (e *Error) Is(target error) bool {
	switch e.Kind {
	case Timeout:
		return target == engine.ErrTemporary
	case Fuel, Memory:
		return target == engine.ErrLimit
	}
	return false
}

func refused(format string, args ...any) *Error {
	return &Error{Kind: Refused, Detail: fmt.Sprintf(format, args...)}
}

func badOutput(format string, args ...any) *Error {
	return &Error{Kind: BadOutput, Detail: fmt.Sprintf(format, args...)}
}

// named adds the extractor's name to the *Error in err.
func named(err error, name string) error {
	var e *Error
	if errors.As(err, &e) && e.Extractor == "" {
		e.Extractor = name
	}
	return err
}

// ended makes an *Error of what wazero returns from a call that did not return
// normally. What the host stopped it for goes before what the module made of it.
func (s *session) ended(err error) error {
	detail, trace, _ := strings.Cut(err.Error(), "\nwasm stack trace:\n")
	trace = strings.ReplaceAll(trace, "\t", "")
	var exit *sys.ExitError
	switch {
	case s.stop != nil:
		s.stop.Trace = trace
		return s.stop
	case errors.As(err, &exit):
		return &Error{Kind: Exit, Detail: fmt.Sprintf("status %d", exit.ExitCode())}
	case s.refusedGrowth():
		return &Error{Kind: Memory, Detail: fmt.Sprintf("more than %d MiB wanted, then %s", s.limits.Memory/mib, cause(detail)), Trace: trace}
	case s.overflown():
		return &Error{Kind: Trap, Detail: fmt.Sprintf("more than %d MiB of stack", s.limits.Stack/mib), Trace: trace}
	}
	return &Error{Kind: Trap, Detail: cause(detail), Trace: trace}
}

// cause is the reason of a trap without wazero's words around it.
func cause(detail string) string {
	_, after, found := strings.Cut(detail, "wasm error: ")
	if !found {
		after = detail
	}
	return firstLine(after)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
