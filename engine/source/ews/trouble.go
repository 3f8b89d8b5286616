package ews

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

var (
	errLost    = errors.New("connection lost")
	errSilent  = errors.New("silent")
	errMissing = errors.New("no such folder") // or one that is kept from us: the others go on
	errBusy    = errors.New("the server is busy")
)

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
		return mailbox.Marked("the server is busy"+said, errBusy, engine.ErrTemporary)
	case slices.Contains(transient, r.code):
		return mailbox.Temporary("the server cannot now%s", said)
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
			return mailbox.Marked(fmt.Sprintf(row.words+"%[3]s", c.cfg.user(), c.cfg.Email, said), kind(r)...)
		}
	}
	return mailbox.Marked("the server refuses"+said, kind(r)...)
}

func kind(r *refusal) []error {
	if slices.Contains(unsure, r.code) {
		return []error{engine.ErrTemporary}
	}
	return nil
}

// said quotes a refusal.
func (c *client) said(r *refusal) string {
	code, text := c.hidden().Clean(r.code), c.hidden().Clean(r.text)
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
