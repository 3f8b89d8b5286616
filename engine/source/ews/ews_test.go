package ews_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/source/ews"
	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
	"github.com/tqmailrules/tqmailrules/internal/dial"
)

var epoch = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

const (
	user     = `CORP\phish`
	password = "hunter2-secret"
	account  = "phish@corp.example"
)

func raw(subject string) []byte {
	return []byte("From: a@b.example\r\nSubject: " + subject + "\r\n\r\nbody of " + subject + "\r\n")
}

// sim serves an Exchange in memory, over plain HTTP with Basic; change may change
// it before.
func sim(t testing.TB, change ...func(*ewssim.Config)) (*ewssim.Server, ews.Config) {
	t.Helper()
	cfg := ewssim.Config{Users: map[string]string{user: password}, Mailboxes: map[string]string{account: user}, Schemes: []string{"Basic"}, Seed: 1}
	for _, f := range change {
		f(&cfg)
	}
	s := ewssim.New(cfg)
	return s, ews.Config{Server: "http://" + listen(t, s.HTTPServer(), nil), AllowPlain: true, Email: account, User: user, Password: password, Timeout: 5 * time.Second}
}

// safe serves an Exchange over TLS.
func safe(t testing.TB, change ...func(*ewssim.Config)) (*ewssim.Server, ews.Config) {
	t.Helper()
	cert, ca, err := dial.OwnAuthority("127.0.0.1", "localhost", "mail.corp.example", "autodiscover.corp.example", "corp.example")
	if err != nil {
		t.Fatal(err)
	}
	cfg := ewssim.Config{Users: map[string]string{user: password}, Mailboxes: map[string]string{account: user}, Certificate: cert.Certificate[0], Protection: "require", Seed: 1}
	for _, f := range change {
		f(&cfg)
	}
	s := ewssim.New(cfg)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	addr := listen(t, s.HTTPServer(), &tls.Config{Certificates: []tls.Certificate{cert}})
	return s, ews.Config{Server: addr, Email: account, User: user, Password: password, TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, Timeout: 5 * time.Second}
}

// listen serves until the end of the test.
func listen(t testing.TB, server *http.Server, secure *tls.Config) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	server.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return addr
}

func fill(t testing.TB, s *ewssim.Server, folder string, n int) (ids []string) {
	t.Helper()
	for i := range n {
		id := s.AddMail(folder, raw(fmt.Sprintf("%s %d", folder, i+1)), epoch.Add(time.Duration(i)*time.Minute), false)
		if id == "" {
			t.Fatalf("no place for a mail in %s", folder)
		}
		ids = append(ids, id)
	}
	return ids
}

func open(t testing.TB, cfg ews.Config) *ews.Source {
	t.Helper()
	s, err := ews.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// drain reads to the end.
func drain(t testing.TB, s engine.Source) []engine.Delivery {
	t.Helper()
	var all []engine.Delivery
	for {
		d, err := s.Next(t.Context())
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		all = append(all, d)
	}
}

// read drains a source, trying again as the engine's loop does. It returns the
// subjects of mails that came well, in order, and the names of those that came
// with a defect.
func read(t testing.TB, s *ews.Source) (good, bad []string, last error) {
	t.Helper()
	tries := 0
	for {
		d, err := s.Next(t.Context())
		switch {
		case err == io.EOF:
			return good, bad, nil
		case err != nil && (!errors.Is(err, engine.ErrTemporary) || tries == 5):
			return good, bad, err
		case err != nil:
			tries++
			continue
		}
		tries = 0
		if len(d.Defects) > 0 {
			bad = append(bad, d.Defects[0].Code)
		} else {
			good = append(good, subject(t, d))
		}
	}
}

func subject(t testing.TB, d engine.Delivery) string {
	t.Helper()
	_, rest, _ := strings.Cut(text(t, d), "Subject: ")
	line, _, _ := strings.Cut(rest, "\r\n")
	return line
}

func subjects(t testing.TB, ds []engine.Delivery) []string {
	t.Helper()
	var all []string
	for _, d := range ds {
		all = append(all, subject(t, d))
	}
	return all
}

func text(t testing.TB, d engine.Delivery) string {
	t.Helper()
	b, err := engine.ReadAll(d.Raw, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func ack(t testing.TB, s engine.Source, ds []engine.Delivery, route engine.Route) {
	t.Helper()
	if err := s.Ack(t.Context(), receipts(ds, route)); err != nil {
		t.Fatalf("Ack: %v", err)
	}
}

func receipts(ds []engine.Delivery, route engine.Route) []engine.Receipt {
	var all []engine.Receipt
	for _, d := range ds {
		all = append(all, engine.Receipt{Origin: d.Origin, Route: route})
	}
	return all
}

// unread counts the unread mails of a folder.
func unread(s *ewssim.Server, folder string) (n int) {
	for _, m := range s.Mails(folder) {
		if !m.Read {
			n++
		}
	}
	return n
}

// quick is a clock that waits a hundredth of what it is asked to, and remembers
// what it was.
type quick struct {
	engine.SystemClock
	mu    sync.Mutex
	slept []time.Duration
}

func (q *quick) Sleep(ctx context.Context, d time.Duration) error {
	q.mu.Lock()
	q.slept = append(q.slept, d)
	q.mu.Unlock()
	return q.SystemClock.Sleep(ctx, d/100)
}

func (q *quick) waits() []time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.slept)
}

// logged is a log that a test reads.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// cursors is mailbox.Cursors in memory.
type cursors struct {
	mu    sync.Mutex
	value []byte
	saved int
}

func (c *cursors) Cursor(context.Context, string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value, nil
}

func (c *cursors) SetCursor(_ context.Context, _ string, v []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.value, c.saved = v, c.saved+1
	return nil
}

func TestASourceKeepsTheContract(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		start func(*testing.T) (*ewssim.Server, ews.Config)
	}{
		{"Basic", func(t *testing.T) (*ewssim.Server, ews.Config) { return sim(t) }},
		{"NTLM over TLS, bound to the channel", func(t *testing.T) (*ewssim.Server, ews.Config) {
			return safe(t, func(c *ewssim.Config) { c.Schemes = []string{"NTLM"} })
		}},
		{"NTLM without TLS", func(t *testing.T) (*ewssim.Server, ews.Config) {
			return sim(t, func(c *ewssim.Config) { c.Schemes = []string{"NTLM"} })
		}},
		{"NTLM as Negotiate", func(t *testing.T) (*ewssim.Server, ews.Config) {
			return safe(t, func(c *ewssim.Config) { c.Schemes = []string{"Negotiate"} })
		}},
		{"NTLM that is asked for as Negotiate", func(t *testing.T) (*ewssim.Server, ews.Config) {
			s, cfg := safe(t, func(c *ewssim.Config) { c.Schemes = []string{"Negotiate"} })
			cfg.Auth = ews.NTLM
			return s, cfg
		}},
		{"a token", func(t *testing.T) (*ewssim.Server, ews.Config) {
			s, cfg := safe(t, func(c *ewssim.Config) {
				c.Schemes, c.Tokens = []string{"Bearer", "Basic"}, map[string]string{"tok-1": user}
			})
			cfg.Token = func(context.Context) (string, error) { return "tok-1", nil }
			return s, cfg
		}},
		{"an old server", func(t *testing.T) (*ewssim.Server, ews.Config) {
			return sim(t, func(c *ewssim.Config) { c.Version = "Exchange2010_SP2" })
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, cfg := tt.start(t)
			ids := slices.Concat(fill(t, s, "Inbox", 3), fill(t, s, "Gemeldet/Übung", 2))
			cfg.Folders = []string{"inbox", "Gemeldet/Übung"}
			names := enginetest.TestSource(t, func(t *testing.T) engine.Source {
				for _, id := range ids {
					s.SetRead(id, false)
				}
				return open(t, cfg)
			})
			if len(names) != 5 || !strings.HasPrefix(names[0], "inbox/") || !strings.HasPrefix(names[4], "Gemeldet/Übung/") {
				t.Errorf("names %q", names)
			}
		})
	}
}

func TestADeliveryTellsWhereItIsFrom(t *testing.T) {
	s, cfg := sim(t)
	id := fill(t, s, "Inbox", 1)[0]
	cfg.Name = "box"
	got := drain(t, open(t, cfg))
	if len(got) != 1 {
		t.Fatalf("%d mails", len(got))
	}
	o := got[0].Origin
	digest, _ := engine.Digest(got[0].Raw)
	want := engine.Origin{Source: "box", Account: account, Folder: "Inbox", ID: id, Name: o.Name, Received: epoch, Digest: digest}
	if diff := cmp.Diff(want, o); diff != "" || len(o.Name) != len("Inbox/0123456789") {
		t.Errorf("origin (-want +got):\n%s", diff)
	}
	if text(t, got[0]) != string(raw("Inbox 1")) {
		t.Errorf("raw: %q", text(t, got[0]))
	}
}

func TestMailsBeyondAPageComeInOrder(t *testing.T) {
	t.Parallel()
	for _, intake := range []ews.Intake{ews.Unread, ews.NewMail} {
		s, cfg := sim(t, func(c *ewssim.Config) { c.MaxItems, c.MaxSync = 100, 100 })
		fill(t, s, "Inbox", 730)
		cfg.Workers, cfg.Intake = 3, intake
		got := drain(t, open(t, cfg))
		if len(got) != 730 {
			t.Fatalf("%s: %d mails, want 730", intake, len(got))
		}
		for i, d := range got {
			if want := fmt.Sprintf("Inbox %d", i+1); intake == ews.Unread && subject(t, d) != want {
				t.Fatalf("mail %d is %s, want %s", i, subject(t, d), want)
			}
		}
	}
}

func TestARouteIsCarriedOutAndMayBeRepeated(t *testing.T) {
	type state struct {
		Read     bool
		Category []string
	}
	tests := []struct {
		name  string
		route engine.Route
		inbox []state // what is left there, of two
		done  []state // what is in Done
	}{
		{"nothing said", engine.Route{}, []state{{Read: true}, {}}, nil},
		{"seen", engine.Route{Seen: true}, []state{{Read: true}, {}}, nil},
		{"flag only", engine.Route{Flag: "handled"}, []state{{Category: []string{"old", "handled"}}, {}}, nil},
		{"seen and flag", engine.Route{Seen: true, Flag: "handled"}, []state{{true, []string{"old", "handled"}}, {}}, nil},
		{"a flag that is there", engine.Route{Flag: "OLD"}, []state{{Category: []string{"old"}}, {}}, nil},
		{"moved", engine.Route{MoveTo: "Done"}, []state{{}}, []state{{}}},
		{"moved and seen", engine.Route{Seen: true, MoveTo: "done"}, []state{{}}, []state{{Read: true}}},
		{"moved to a folder that every mailbox has", engine.Route{MoveTo: "JunkEmail"}, []state{{}}, nil},
		{"moved to where it is", engine.Route{Seen: true, MoveTo: "Inbox"}, []state{{Read: true}, {}}, nil},
	}
	for _, version := range []string{"Exchange2010_SP2", "Exchange2016"} {
		for _, tt := range tests {
			t.Run(version+" "+tt.name, func(t *testing.T) {
				s, cfg := sim(t, func(c *ewssim.Config) { c.Version = version })
				ids := fill(t, s, "Inbox", 2)
				if strings.Contains(tt.name, "flag") {
					s.SetCategories(ids[0], "old")
				}
				s.AddFolder("Done")
				src := open(t, cfg)
				got := drain(t, src)
				for range 2 {
					ack(t, src, got[:1], tt.route)
				}
				ack(t, open(t, cfg), got[:1], tt.route)
				states := func(folder string) (all []state) {
					for _, m := range s.Mails(folder) {
						all = append(all, state{m.Read, m.Category})
					}
					return all
				}
				if diff := cmp.Diff(tt.inbox, states("Inbox")); diff != "" {
					t.Errorf("Inbox (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.done, states("Done")); diff != "" {
					t.Errorf("Done (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestReadingChangesNothingUntilAck(t *testing.T) {
	for _, readOnly := range []bool{false, true} {
		s, cfg := sim(t)
		fill(t, s, "Inbox", 2)
		cfg.ReadOnly = readOnly
		src := open(t, cfg)
		got := drain(t, src)
		if n := unread(s, "Inbox"); n != 2 {
			t.Errorf("read only %v: %d unread after reading", readOnly, n)
		}
		ack(t, src, got, engine.Route{})
		if n := unread(s, "Inbox"); n != map[bool]int{true: 2, false: 0}[readOnly] {
			t.Errorf("read only %v: %d unread after Ack", readOnly, n)
		}
	}
}

func TestAMoveToNowhereNamesWhatIsNear(t *testing.T) {
	s, cfg := sim(t)
	fill(t, s, "Inbox", 1)
	s.AddFolder("Handled")
	src := open(t, cfg)
	got := drain(t, src)
	err := src.Ack(t.Context(), receipts(got, engine.Route{MoveTo: "Handeld"}))
	if err == nil || !strings.Contains(err.Error(), `move mails to "Handeld": there is none of that name; is it "Handled"?: make it`) || errors.Is(err, engine.ErrTemporary) {
		t.Errorf("Ack: %v", err)
	}
	if n := len(s.Mails("Inbox")); n != 1 {
		t.Errorf("%d mails", n)
	}
}

func TestAReceiptOfAnotherSourceIsNotApplied(t *testing.T) {
	s, cfg := sim(t)
	fill(t, s, "Inbox", 1)
	src := open(t, cfg)
	got := drain(t, src)
	got[0].Origin.Source = "other"
	ack(t, src, got, engine.Route{})
	if n := unread(s, "Inbox"); n != 1 {
		t.Error("it was")
	}
}

func TestSinceLeavesOutOlderMails(t *testing.T) {
	for _, intake := range []ews.Intake{ews.Unread, ews.NewMail} {
		s, cfg := sim(t)
		fill(t, s, "Inbox", 5)
		cfg.Intake, cfg.Since = intake, epoch.Add(2*time.Minute)
		got := subjects(t, drain(t, open(t, cfg)))
		slices.Sort(got)
		if !slices.Equal(got, []string{"Inbox 3", "Inbox 4", "Inbox 5"}) {
			t.Errorf("%s: %q", intake, got)
		}
	}
}
