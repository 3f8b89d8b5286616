package imap

import (
	"context"
	"crypto/tls"
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
	"time"
	"unicode"

	goimap "github.com/emersion/go-imap/v2"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/dial"
)

var (
	// ErrLogin marks the refusal of a user name, a password or a token.
	ErrLogin = errors.New("login refused")
	// ErrClosed is what calls return after Close.
	ErrClosed = errors.New("the source is closed")

	errGarbled = errors.New("answer cannot be read") // by the library, or past a limit
	errLost    = errors.New("connection lost")
	errSilent  = errors.New("silent")
	errStuck   = errors.New("the server ended a command that it had not yet read")
	errEpoch   = errors.New("other UIDVALIDITY")
)

// trouble is an error in words for people, with what it is to errors.Is. It
// holds no chain: the errors of the library quote what a server sent, and a
// server may send back what it was told.
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

// add hides values: as they are, as SASL carries them, as they are quoted, and
// in any case of letters, since the library shouts.
func (s *secrets) add(values ...string) {
	for _, v := range values {
		if v == "" {
			continue
		}
		quoted := strconv.Quote(v)
		for _, form := range []string{base64.StdEncoding.EncodeToString([]byte(v)), quoted[1 : len(quoted)-1], v} {
			*s = append(*s, regexp.MustCompile("(?i)"+regexp.QuoteMeta(form)))
		}
	}
	slices.SortStableFunc(*s, func(a, b *regexp.Regexp) int { return len(b.String()) - len(a.String()) })
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

// broken says why a session that worked does so no more.
func (c *session) broken(err error) error {
	switch cause := c.wire.why(); {
	case errors.Is(err, errStuck):
		return &trouble{err.Error(), []error{errStuck, errLost, engine.ErrTemporary}}
	case cause == nil, errors.Is(cause, errLine), errors.Is(cause, errLiteral), errors.Is(cause, errFlood), errors.Is(cause, errAnswer):
		if told := c.told(); cause != nil {
			err = cause
		} else if told != nil {
			err = told
		}
		return &trouble{"the server's answer cannot be read: " + c.secrets.clean(plainest(err)), []error{errGarbled, engine.ErrTemporary}}
	case errors.Is(cause, errSilent):
		return &trouble{cause.Error(), []error{errLost, errSilent, engine.ErrTemporary}}
	default:
		return &trouble{"the connection was lost: " + network(cause), []error{errLost, engine.ErrTemporary}}
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

// network says what is wrong with a connection, without addresses.
func network(err error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the server closed it"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused: nothing listens there, or a firewall says so"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host: look at the spelling, and at the name service"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in time: host, port and firewall"
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err.Error()
	}
	return err.Error()
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
		return final("connect to %s: no TLS at that port: %s", addr, other)
	case dial.Mendable(err):
		return final("connect to %s: %s", addr, dial.Explain(err))
	case strings.HasPrefix(err.Error(), "tls: "):
		return final("connect to %s: %s", addr, err)
	}
	return temporary("connect to %s: TLS handshake: %s", addr, network(err))
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
		return temporary("log in as %q: the server cannot now%s", user, said)
	case no.Code == "PRIVACYREQUIRED":
		return final("log in as %q: the server wants TLS before a password: say security: tls or starttls%s", user, said)
	}
	return &trouble{fmt.Sprintf("log in as %q: user name or password refused%s", user, said), []error{ErrLogin}}
}

// said quotes a server.
func (c *session) said(no *goimap.Error) string {
	text := c.secrets.clean(no.Text)
	if no.Code != "" {
		text = strings.TrimSpace("[" + c.secrets.clean(string(no.Code)) + "] " + text)
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
		return final("%s", text)
	}
	return temporary("%s", text)
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
