package imap

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/dial"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

var (
	errGarbled = errors.New("answer cannot be read") // by the library, or past a limit
	errLost    = errors.New("connection lost")
	errSilent  = errors.New("silent")
	errStuck   = errors.New("the server ended a command that it had not yet read")
	errEpoch   = errors.New("other UIDVALIDITY")
)

// broken says why a session that worked does so no more.
func (c *session) broken(err error) error {
	switch cause := c.wire.why(); {
	case errors.Is(err, errStuck):
		return mailbox.Marked(err.Error(), errStuck, errLost, engine.ErrTemporary)
	case cause == nil, errors.Is(cause, errLine), errors.Is(cause, errLiteral), errors.Is(cause, errFlood), errors.Is(cause, errAnswer):
		if told := c.told(); cause != nil {
			err = cause
		} else if told != nil {
			err = told
		}
		return mailbox.Marked("the server's answer cannot be read: "+c.secrets.Clean(plainest(err)), errGarbled, engine.ErrTemporary)
	case errors.Is(cause, errSilent):
		return mailbox.Marked(cause.Error(), errLost, errSilent, engine.ErrTemporary)
	default:
		return mailbox.Marked("the connection was lost: "+mailbox.Network(cause), errLost, engine.ErrTemporary)
	}
}

// told is the error of the library's reader; that of a command may be a mere
// consequence.
func (c *session) told() error {
	select {
	case <-c.client.Closed():
	case <-time.After(grace):
		return nil
	}
	if err := c.client.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// plainest drops the prefixes of the library.
func plainest(err error) string {
	text := err.Error()
	if i := strings.Index(text, "panic reading response"); i >= 0 {
		text, _, _ = strings.Cut(text[i:], "\n")
	}
	for _, p := range []string{"in response-data: ", "in response-tagged: ", "in response: ", "imapwire: ", "imapclient: "} {
		text = strings.ReplaceAll(text, p, "")
	}
	return text
}

// handshake says why there is no TLS. What only people can mend is final.
func handshake(addr string, security Security, err error) error {
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &header):
		other := "the port of TLS is 993; if the server wants STARTTLS, say security: starttls"
		if security == StartTLS {
			other = "the server agreed to STARTTLS and does not speak TLS"
		}
		return mailbox.Final("connect to %s: no TLS at that port: %s", addr, other)
	case dial.Mendable(err):
		return mailbox.Final("connect to %s: %s", addr, dial.Explain(err))
	case strings.HasPrefix(err.Error(), "tls: "):
		return mailbox.Final("connect to %s: %s", addr, err)
	}
	return mailbox.Temporary("connect to %s: TLS handshake: %s", addr, mailbox.Network(err))
}

// refused makes words of a NO or BAD at login.
func (c *session) refused(user string, err error) error {
	var no *goimap.Error
	if !errors.As(err, &no) {
		return err
	}
	said := c.said(no)
	switch {
	case busy(no) || no.Code == "SERVERBUG":
		return mailbox.Temporary("log in as %q: the server cannot now%s", user, said)
	case no.Code == "PRIVACYREQUIRED":
		return mailbox.Final("log in as %q: the server wants TLS before a password: say security: tls or starttls%s", user, said)
	}
	return mailbox.Marked(fmt.Sprintf("log in as %q: user name or password refused%s", user, said), mailbox.ErrLogin)
}

// said quotes a server.
func (c *session) said(no *goimap.Error) string {
	text := c.secrets.Clean(no.Text)
	if no.Code != "" {
		text = strings.TrimSpace("[" + c.secrets.Clean(string(no.Code)) + "] " + text)
	}
	if text == "" {
		return ""
	}
	return fmt.Sprintf(" (the server says %q)", text)
}

// no makes words of a NO or BAD in answer to a command; other errors stay.
func (c *session) no(err error) error {
	var no *goimap.Error
	if !errors.As(err, &no) {
		return err
	}
	text := "the server refuses" + c.said(no)
	if lasting(no) {
		return mailbox.Final("%s", text)
	}
	return mailbox.Temporary("%s", text)
}

// lasting tells whether a server says no for good (RFC 5530). One that gives no
// reason may well be out of order: Exchange says NO and BAD then.
func lasting(no *goimap.Error) bool {
	return slices.Contains([]goimap.ResponseCode{
		"NOPERM", "NONEXISTENT", "CANNOT", "TRYCREATE", "AUTHORIZATIONFAILED", "PRIVACYREQUIRED", "CONTACTADMIN", "OVERQUOTA",
	}, no.Code)
}

// busy tells whether a server wants to be asked later.
func busy(no *goimap.Error) bool {
	return slices.Contains([]goimap.ResponseCode{"UNAVAILABLE", "INUSE", "LIMIT"}, no.Code)
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
