package mailbox

import (
	"context"
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

// Trouble is an error in words for people, with what it is to errors.Is. It holds no
// chain: libraries and servers are quoted in errors, and a server may send back what
// it was told.
type Trouble struct {
	Text string
	As   []error // what it is
}

func (t *Trouble) Error() string { return t.Text }

// Is implements what errors.Is asks for.
func (t *Trouble) Is(target error) bool { return slices.Contains(t.As, target) }

// Marked is a Trouble that is something to errors.Is.
func Marked(text string, as ...error) error { return &Trouble{text, as} }

// Temporary is a Trouble that may pass.
func Temporary(format string, args ...any) error {
	return Marked(fmt.Sprintf(format, args...), engine.ErrTemporary)
}

// Final is a Trouble that will not.
func Final(format string, args ...any) error { return Marked(fmt.Sprintf(format, args...)) }

// Secrets takes what nobody must read out of what a server says.
type Secrets []*regexp.Regexp

// With hides values, too: as they are, as they are quoted, in base64, and in any case
// of letters, since libraries shout.
func (s Secrets) With(values ...string) Secrets {
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

// Clean makes words of a server fit to be shown: one line, without secrets, at most
// 200 letters.
func (s Secrets) Clean(text string) string {
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

// Network says what is wrong with a connection, without addresses.
func Network(err error) string {
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
