package imap_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/source/imap"
)

// conversation is a server that says, to each line of the client, the next
// paragraph of a text, in which %T is the tag of that line; at the end of the
// text it hangs up.
func conversation(conn net.Conn, script string) {
	defer conn.Close()
	greeting, rest, _ := strings.Cut(script, "\n\n")
	if _, err := io.WriteString(conn, wired(greeting, "")); err != nil {
		return
	}
	r := bufio.NewReader(conn)
	for rest != "" {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		tag, _, _ := strings.Cut(line, " ")
		var answer string
		answer, rest, _ = strings.Cut(rest, "\n\n")
		if _, err := io.WriteString(conn, wired(answer, tag)); err != nil {
			return
		}
	}
}

func wired(s, tag string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "%T", tag), "\n", "\r\n") + "\r\n"
}

// talk is a conversation about two mails, one of them above the cap.
var talk = []string{
	"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR ID] ready", "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR ID\n%T OK",
	"%T OK [CAPABILITY IMAP4rev1 ID] in", "* CAPABILITY IMAP4rev1 ID\n%T OK", "* ID NIL\n%T OK",
	"* 3 EXISTS\n* OK [UIDVALIDITY 7] x\n* OK [PERMANENTFLAGS (\\*)] x\n%T OK [READ-WRITE] selected",
	"* SEARCH 1 2\n%T OK",
	"* 1 FETCH (UID 1 FLAGS (\\Seen) INTERNALDATE \"02-Mar-2026 10:00:00 +0000\" RFC822.SIZE 10)\n* 2 FETCH (UID 2 FLAGS () RFC822.SIZE 99999999)\n%T OK",
	"* 1 FETCH (UID 1 BODY[] {10}\nSubject: x)\n%T OK",
	"* 2 FETCH (UID 2 BODY[]<0> {3}\nabc)\n%T OK",
}

// FuzzServer reads a mailbox from a server that says anything at all: Next ends,
// nothing panics, and what comes is within the cap and has an identity.
func FuzzServer(f *testing.F) {
	good := talk
	f.Add(strings.Join(good, "\n\n"))
	for i := range good {
		bad := append([]string{}, good...)
		bad[i] = "* BYE {99999999999}"
		f.Add(strings.Join(bad, "\n\n"))
		bad[i] = "* 1 FETCH (UID 1 BODY[] {9223372036854775807}\nx"
		f.Add(strings.Join(bad, "\n\n"))
		bad[i] = "+ \n%T NO [UNAVAILABLE] \x1b[2J"
		f.Add(strings.Join(bad, "\n\n"))
		f.Add(strings.Join(append(append([]string{}, good[:i]...), good[i+1:]...), "\n\n"))
	}
	f.Fuzz(func(t *testing.T, script string) {
		cfg := imap.Config{
			Addr: "mail.example", Security: imap.Plain, User: "u", Password: "pass-word-1", Timeout: 30 * time.Millisecond,
			Limits: engine.Limits{Message: 10_000}, Clock: quick{},
			Dial: func(context.Context, string, string) (net.Conn, error) {
				client, server := net.Pipe()
				go conversation(server, script)
				return client, nil
			},
		}
		src := open(t, cfg)
		defer src.Close()
		began := time.Now()
		for range 5 {
			d, err := src.Next(t.Context())
			if err != nil {
				if strings.Contains(strings.ToLower(err.Error()), "pass-word-1") || strings.ContainsAny(err.Error(), "\n\r\x1b") {
					t.Errorf("error: %q", err)
				}
				if err != io.EOF && !errors.Is(err, engine.ErrTemporary) {
					break
				}
				continue
			}
			if d.Raw.Size() > 10_001 || d.Origin.ID == "" {
				t.Errorf("%+v of %d bytes", d.Origin, d.Raw.Size())
			}
			_ = src.Ack(t.Context(), []engine.Receipt{{Origin: d.Origin, Route: engine.Route{Seen: true, MoveTo: "Done"}}})
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func TestAConversationThatEndsAtAnyByteGivesNoHalfMail(t *testing.T) {
	t.Parallel()
	script := strings.Join(talk, "\n\n")
	whole := 0
	for i := range int64(len(script) + 200) { // on the wire it is somewhat longer
		src := open(t, imap.Config{
			Addr: "mail.example", Security: imap.Plain, User: "u", Password: "hunter2", Limits: engine.Limits{Message: 10_000},
			Dial: func(context.Context, string, string) (net.Conn, error) {
				client, server := net.Pipe()
				go conversation(server, script)
				return &short{client, io.LimitReader(client, i)}, nil
			},
		})
		for {
			d, err := src.Next(t.Context())
			if err != nil {
				break
			}
			if body := text(t, d); body != "Subject: x" && body != "abc" || len(d.Defects) > 0 {
				t.Errorf("cut at %d: %q, %v", i, body, d.Defects)
			}
			whole++
		}
		src.Close()
	}
	if whole == 0 {
		t.Error("no cut let a mail through: the conversation does not work")
	}
}

// short is a connection that ends after some bytes.
type short struct {
	net.Conn
	r io.Reader
}

func (s *short) Read(p []byte) (int, error) { return s.r.Read(p) }
