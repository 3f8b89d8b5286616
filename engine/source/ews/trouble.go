package ews

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/tqmailrules/tqmailrules/engine"
)

var (
	// ErrLogin marks the refusal of a user name, a password or a token.
	ErrLogin = errors.New("login refused")
	// ErrClosed is what calls return after Close.
	ErrClosed = errors.New("the source is closed")

	errLost    = errors.New("connection lost")
	errSilent  = errors.New("silent")
	errMissing = errors.New("no such folder") // or one that is kept from us: the others go on
	errBusy    = errors.New("the server is busy")
)

// trouble is an error in words for people, with what it is to errors.Is. It
// holds no chain: servers are quoted in errors, and a server may send back what
// it was told.
type trouble struct {
	text string
	is   []error
}

func (t *trouble) Error() string        { return t.text }
func (t *trouble) Is(target error) bool { return slices.Contains(t.is, target) }

func temporary(format string, args ...any) error {
	return &trouble{fmt.Sprintf(format, args...), []error{engine.ErrTemporary}}
}

func final(format string, args ...any) error {
	return &trouble{text: fmt.Sprintf(format, args...)}
}

// secrets takes what nobody must read out of what a server says.
type secrets []*regexp.Regexp

// with hides values, too: as they are, quoted, and in base64.
func (s secrets) with(values ...string) secrets {
	s = slices.Clone(s)
	for _, v := range values {
		if v == "" {
			continue
		}
		quoted := strconv.Quote(v)
		for _, form := range []string{base64.StdEncoding.EncodeToString([]byte(v)), quoted[1 : len(quoted)-1], v} {
			s = append(s, regexp.MustCompile("(?i)"+regexp.QuoteMeta(form)))
		}
	}
	slices.SortStableFunc(s, func(a, b *regexp.Regexp) int { return len(b.String()) - len(a.String()) })
	return s
}

// clean makes words of a server fit to be shown: one line, without secrets, at
// most 200 letters.
func (s secrets) clean(text string) string {
	for _, v := range s {
		text = v.ReplaceAllLiteralString(text, "[hidden]")
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if r := []rune(text); len(r) > 200 {
		text = string(r[:200]) + "…"
	}
	return strings.TrimSpace(text)
}

// network says what is wrong with a connection that there was.
func network(err error) string {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the server closed it"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in time"
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err.Error()
	}
	return err.Error()
}

// mendable tells whether only people can mend what keeps TLS from coming about.
func mendable(err error) bool {
	var (
		header  tls.RecordHeaderError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		alert   tls.AlertError
	)
	return errors.As(err, &header) || errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &alert)
}

// transient are refusals that may pass by themselves.
var transient = []string{
	"ErrorServerBusy", "ErrorExceededConnectionCount", "ErrorInternalServerTransientError", "ErrorTimeoutExpired",
	"ErrorMailboxStoreUnavailable", "ErrorConnectionFailed", "ErrorMailboxMoveInProgress", "ErrorMailboxFailover",
	"ErrorADUnavailable", "ErrorADOperation", "ErrorBatchProcessingStopped", "ErrorInsufficientResources", "ErrorProxyRequestFailed",
	"ErrorProxyRequestProcessingFailed", "ErrorProxyServiceDiscoveryFailed", "ErrorIrresolvableConflict", "ErrorTooManyObjectsOpened",
}

// crowded are those that want us to ask less.
var crowded = []string{"ErrorServerBusy", "ErrorExceededConnectionCount", "ErrorInsufficientResources", "ErrorTooManyObjectsOpened"}

// unsure are refusals of which nobody can tell whether they pass: a broken item
// has them, and a broken server.
var unsure = []string{"ErrorInternalServerError", "ErrorInternalServerTransientError", "ErrorTimeoutExpired", "ErrorItemCorrupt", "ErrorConnectionFailed"}

// gone are those of an item that is not there any more, or is another now.
var gone = []string{"ErrorItemNotFound", "ErrorMessageDisassociated", "ErrorObjectNotFound"}

// noFolder are those of a folder that is not there, or kept from us.
var noFolder = []string{
	"ErrorFolderNotFound", "ErrorAccessDenied", "ErrorItemNotFound", "ErrorParentFolderNotFound", "ErrorSyncFolderNotFound", "ErrorObjectNotFound",
	"ErrorInvalidFolderId", "ErrorInvalidId", "ErrorInvalidIdMalformed", "ErrorInvalidIdEmpty", "ErrorCannotUseFolderIdForItemId", "ErrorInvalidOperation",
}

// is tells whether err is a refusal with one of some codes.
func is(err error, codes ...string) bool {
	var r *refusal
	return errors.As(err, &r) && slices.Contains(codes, r.code)
}

// words makes an error for people of a refusal; others stay.
func (c *client) words(err error) error {
	var r *refusal
	if !errors.As(err, &r) {
		return err
	}
	said := c.said(r)
	switch {
	case slices.Contains(crowded, r.code):
		return &trouble{"the server is busy" + said, []error{errBusy, engine.ErrTemporary}}
	case slices.Contains(transient, r.code):
		return temporary("the server cannot now%s", said)
	}
	for _, row := range []struct{ code, words string }{
		{"ErrorAccessDenied", "access is denied: %[1]s has no rights to the mailbox or folder: give it full access, or reviewer and editor rights"},
		{"ErrorNonExistentMailbox", "there is no mailbox %[2]s on this server: look at the address; a contact or a group has none"},
		{"ErrorMissingEmailAddress", "%[1]s has no mailbox: say in email whose mailbox is to be read"},
		{"ErrorMailboxNotFound", "there is no mailbox %[2]s on this server"},
		{"ErrorImpersonateUserDenied", "%[1]s may not act as %[2]s: give it the role ApplicationImpersonation, or do without impersonation and give it full access"},
		{"ErrorImpersonationDenied", "%[1]s may not act as %[2]s: give it the role ApplicationImpersonation"},
		{"ErrorImpersonationFailed", "acting as %[2]s failed: is it the address of a mailbox?"},
		{"ErrorInvalidExchangeImpersonationHeaderData", "acting as %[2]s failed: is it the address of a mailbox?"},
		{"ErrorNoRespondingCASInDestinationSite", "the site of the mailbox %[2]s has no server that answers"},
		{"ErrorWrongServerVersion", "the mailbox %[2]s is on another version of Exchange: give the address of that server"},
		{"ErrorAccountDisabled", "the account of %[2]s is disabled"},
		{"ErrorPasswordExpired", "the password of %[1]s has expired"},
		{"ErrorPasswordChangeRequired", "the password of %[1]s has to be changed before it is used"},
		{"ErrorQuotaExceeded", "the mailbox is full: marks and moves are refused"},
		{"ErrorInvalidServerVersion", "the server is too old: it must be Exchange 2010 SP2 or later"},
		{"ErrorIncorrectSchemaVersion", "the server is too old: it must be Exchange 2010 SP2 or later"},
	} {
		if row.code == r.code {
			return &trouble{fmt.Sprintf(row.words+"%[3]s", c.cfg.user(), c.cfg.Email, said), kind(r)}
		}
	}
	return &trouble{"the server refuses" + said, kind(r)}
}

func kind(r *refusal) []error {
	if slices.Contains(unsure, r.code) {
		return []error{engine.ErrTemporary}
	}
	return nil
}

// said quotes a refusal.
func (c *client) said(r *refusal) string {
	code, text := c.hidden().clean(r.code), c.hidden().clean(r.text)
	if text == "" {
		return fmt.Sprintf(" (%s)", code)
	}
	return fmt.Sprintf(" (%s; the server says %q)", code, text)
}

// together is several errors on one line.
type together []error

func (t together) Error() string {
	var texts []string
	for _, err := range t {
		texts = append(texts, err.Error())
	}
	return strings.Join(texts, "; ")
}

func (t together) Unwrap() []error { return t }
