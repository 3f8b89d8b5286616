package threatq

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// kind says what can be done about a request that failed.
type kind int

const (
	// passing: the network, a 5xx, a page of a proxy, an answer that was cut. It
	// may or may not have had its effect; the step is repeated after a pause.
	passing kind = iota
	// slow: no answer in time, or 504. As passing, and less at a time helps.
	slow
	// closed: the way in is shut (login, permissions of the user, a redirection):
	// nothing to repeat now, and no fault of the batch.
	closed
	// refused: the request was understood and is wrong.
	refused
	// doubted: errors in an answer that calls itself good. Part of the request may
	// have had its effect.
	doubted
	// tooLarge: 413.
	tooLarge
	// tooLong: the answer is longer than is read.
	tooLong
	// forbidden: 403 for a request, though the user may log in.
	forbidden
	// missing: 404 or 410.
	missing
	// unsupported: 405 or 501; the server does not know this way of asking.
	unsupported
)

// fault is a request that failed.
type fault struct {
	request string // "POST /indicators/consume"
	kind    kind
	err     error // a *wire.Error, or of the network
}

// Error implements error.
func (f *fault) Error() string {
	words := fmt.Sprintf("%s: %v", f.request, f.err)
	if f.kind == forbidden {
		words += " (the ThreatQ user lacks the permission for this)"
	}
	return words
}

// Unwrap makes errors.Is see engine.ErrTemporary where the batch is worth
// another try later.
func (f *fault) Unwrap() []error {
	switch f.kind {
	case passing, slow, closed:
		return []error{f.err, engine.ErrTemporary}
	default:
		return []error{f.err}
	}
}

// isKind tells whether err is a fault of one of the kinds.
func isKind(err error, kinds ...kind) bool {
	var f *fault
	if !errors.As(err, &f) {
		return false
	}
	for _, k := range kinds {
		if f.kind == k {
			return true
		}
	}
	return false
}

// kindOf classifies a refusal of the server.
func kindOf(e *wire.Error) kind {
	switch e.Status {
	case http.StatusRequestEntityTooLarge:
		return tooLarge
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return slow
	case http.StatusTooManyRequests:
		return passing
	case http.StatusUnauthorized, http.StatusProxyAuthRequired:
		return closed
	}
	switch {
	case e.Status >= 500 && e.Status != http.StatusNotImplemented:
		return passing
	case e.Status < 300 && !e.Garbled:
		return doubted
	case e.Garbled:
		return garbledKind(e.Status)
	case e.Status < 400:
		return closed
	case e.Status == http.StatusForbidden:
		return forbidden
	case e.Status == http.StatusNotFound, e.Status == http.StatusGone:
		return missing
	case e.Status == http.StatusMethodNotAllowed, e.Status == http.StatusNotImplemented:
		return unsupported
	default:
		return refused
	}
}

// garbledKind is for answers that are not the platform's own: something in
// between spoke, or the answer was cut. A redirection will not pass by itself;
// 404 and 405 are what a web server says to a path that the platform lacks.
func garbledKind(status int) kind {
	switch {
	case status >= 300 && status < 400:
		return closed
	case status == http.StatusNotFound:
		return missing
	case status == http.StatusMethodNotAllowed, status == http.StatusNotImplemented:
		return unsupported
	default:
		return passing
	}
}

// networkKind classifies what kept an answer from coming at all.
func networkKind(err error) kind {
	if errors.Is(err, errTooLong) {
		return tooLong
	}
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return closed
	}
	var late net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &late) && late.Timeout() {
		return slow
	}
	return passing
}
