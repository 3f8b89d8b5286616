package imap_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/source/imap"
	"github.com/tqmailrules/tqmailrules/engine/source/imap/imapsim"
	"github.com/tqmailrules/tqmailrules/engine/source/imap/imaptest"
)

var epoch = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

func raw(subject string) []byte {
	return []byte("From: a@b.example\r\nSubject: " + subject + "\r\n\r\nbody of " + subject + "\r\n")
}

// sim serves a mailbox in memory; prepare may change the server before it does.
func sim(t testing.TB, prepare ...func(*imapsim.Server)) (*imapsim.Server, imap.Config) {
	t.Helper()
	s := imapsim.New("phish", "secret")
	for _, p := range prepare {
		p(s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return s, imap.Config{Addr: l.Addr().String(), Security: imap.Plain, User: "phish", Password: "secret", Timeout: 5 * time.Second}
}

func fill(t testing.TB, s *imapsim.Server, folder string, n int) {
	t.Helper()
	for i := range n {
		if _, err := s.AddMail(folder, raw(fmt.Sprintf("%s %d", folder, i+1)), epoch.Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
}

func open(t testing.TB, cfg imap.Config) *imap.Source {
	t.Helper()
	s, err := imap.New(cfg)
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

func names(ds []engine.Delivery) []string {
	var all []string
	for _, d := range ds {
		all = append(all, d.Origin.Name)
	}
	return all
}

func ack(t testing.TB, s engine.Source, ds []engine.Delivery, route engine.Route) {
	t.Helper()
	var receipts []engine.Receipt
	for _, d := range ds {
		receipts = append(receipts, engine.Receipt{Origin: d.Origin, Route: route})
	}
	if err := s.Ack(t.Context(), receipts); err != nil {
		t.Fatalf("Ack: %v", err)
	}
}

func text(t testing.TB, d engine.Delivery) string {
	t.Helper()
	b, err := engine.ReadAll(d.Raw, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
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

func TestASourceOverTheSimulatorKeepsTheContract(t *testing.T) {
	s, cfg := sim(t)
	fill(t, s, "INBOX", 3)
	fill(t, s, "Gemeldet/Übung", 2)
	cfg.Folders = []string{"inbox", "Gemeldet/Übung"}
	got := enginetest.TestSource(t, func(t *testing.T) engine.Source {
		for _, f := range []string{"INBOX", "Gemeldet/Übung"} {
			if err := s.Unflag(f, `\Seen`); err != nil {
				t.Fatal(err)
			}
		}
		return open(t, cfg)
	})
	want := []string{"INBOX/1", "INBOX/2", "INBOX/3", "Gemeldet/Übung/1", "Gemeldet/Übung/2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestASourceOverDovecotKeepsTheContract(t *testing.T) {
	t.Parallel()
	d := imaptest.Start(t)
	for i := range 3 {
		d.Deliver(t, "INBOX", raw(fmt.Sprint(i)), epoch)
	}
	d.Deliver(t, "Gemeldet", raw("x"), epoch)
	for _, security := range []imap.Security{imap.TLS, imap.StartTLS, imap.Plain} {
		t.Run(string(security), func(t *testing.T) {
			cfg := dovecot(d, security)
			cfg.ReadOnly = true
			cfg.Folders = []string{"INBOX", "Gemeldet"}
			got := enginetest.TestSource(t, func(t *testing.T) engine.Source { return open(t, cfg) })
			if want := []string{"INBOX/1", "INBOX/2", "INBOX/3", "Gemeldet/1"}; !slices.Equal(got, want) {
				t.Errorf("names %q, want %q", got, want)
			}
		})
	}
	if n := d.Unread(t, "INBOX"); n != 3 {
		t.Errorf("%d unread after reading only, want 3", n)
	}
}

func dovecot(d *imaptest.Dovecot, security imap.Security) imap.Config {
	cfg := imap.Config{Addr: d.Addr, Security: security, TLS: &tls.Config{RootCAs: d.CA}, User: d.User, Password: d.Password, Timeout: 10 * time.Second}
	if security == imap.TLS {
		cfg.Addr = d.TLSAddr
	}
	return cfg
}

func TestADeliveryTellsWhereItIsFrom(t *testing.T) {
	s, cfg := sim(t)
	fill(t, s, "INBOX", 1)
	cfg.Name = "box"
	got := drain(t, open(t, cfg))
	if len(got) != 1 {
		t.Fatalf("%d mails", len(got))
	}
	o := got[0].Origin
	digest, _ := engine.Digest(got[0].Raw)
	want := engine.Origin{Source: "box", Account: "phish@127.0.0.1", Folder: "INBOX", ID: "1.1", Name: "INBOX/1", Received: o.Received, Digest: digest}
	if diff := cmp.Diff(want, o); diff != "" || !o.Received.Equal(epoch) {
		t.Errorf("origin, received %v (-want +got):\n%s", o.Received, diff)
	}
	if text(t, got[0]) != string(raw("INBOX 1")) {
		t.Errorf("raw: %q", text(t, got[0]))
	}
}

func TestMailsBeyondABatchComeInOrder(t *testing.T) {
	s, cfg := sim(t)
	fill(t, s, "INBOX", 1234)
	got := drain(t, open(t, cfg))
	if len(got) != 1234 {
		t.Fatalf("%d mails, want 1234", len(got))
	}
	for i, d := range got {
		if want := fmt.Sprintf("INBOX/%d", i+1); d.Origin.Name != want {
			t.Fatalf("mail %d is %s, want %s", i, d.Origin.Name, want)
		}
	}
}

func TestARouteIsCarriedOutAndMayBeRepeated(t *testing.T) {
	tests := []struct {
		name    string
		route   engine.Route
		intake  imap.Intake
		without []string
		inbox   map[uint32][]string // what is left there
		done    map[uint32][]string // what is in Done
	}{
		{"nothing said", engine.Route{}, imap.Unread, nil, map[uint32][]string{1: {`\seen`}, 2: {}}, map[uint32][]string{}},
		{"seen", engine.Route{Seen: true}, imap.Unread, nil, map[uint32][]string{1: {`\seen`}, 2: {}}, map[uint32][]string{}},
		{"flag only", engine.Route{Flag: "flagged"}, imap.Unread, nil, map[uint32][]string{1: {`\flagged`}, 2: {}}, map[uint32][]string{}},
		{"own keyword", engine.Route{Seen: true, Flag: "handled"}, imap.Unread, nil, map[uint32][]string{1: {`\seen`, "handled"}, 2: {}}, map[uint32][]string{}},
		{"moved", engine.Route{MoveTo: "Done"}, imap.Unread, nil, map[uint32][]string{2: {}}, map[uint32][]string{1: {}}},
		{"moved and seen", engine.Route{Seen: true, MoveTo: "Done"}, imap.Unread, nil, map[uint32][]string{2: {}}, map[uint32][]string{1: {`\seen`}}},
		{"moved without MOVE", engine.Route{Seen: true, MoveTo: "Done"}, imap.Unread, []string{"MOVE"}, map[uint32][]string{2: {}}, map[uint32][]string{1: {`\seen`}}},
		{"moved without MOVE and UIDPLUS", engine.Route{MoveTo: "Done"}, imap.Unread, []string{"MOVE", "UIDPLUS"}, map[uint32][]string{1: {`\deleted`}, 2: {}}, map[uint32][]string{1: {}}},
		{"keyword intake", engine.Route{}, imap.ByKeyword, nil, map[uint32][]string{1: {"$tqdone", `\seen`}, 2: {}}, map[uint32][]string{}},
		{"keyword intake with a flag", engine.Route{Flag: "x"}, imap.ByKeyword, nil, map[uint32][]string{1: {"$tqdone", "x"}, 2: {}}, map[uint32][]string{}},
		{"moved to where it is", engine.Route{Seen: true, MoveTo: "INBOX"}, imap.Unread, nil, map[uint32][]string{1: {`\seen`}, 2: {}}, map[uint32][]string{}},
		{"a flag that is none", engine.Route{Seen: true, Flag: "not an atom"}, imap.Unread, nil, map[uint32][]string{1: {`\seen`}, 2: {}}, map[uint32][]string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, cfg := sim(t, func(s *imapsim.Server) { s.Without = tt.without })
			fill(t, s, "INBOX", 2)
			s.AddFolder("Done")
			cfg.Intake = tt.intake
			src := open(t, cfg)
			got := drain(t, src)
			ack(t, src, got[:1], tt.route)
			ack(t, src, got[:1], tt.route)
			ack(t, open(t, cfg), got[:1], tt.route)
			if diff := cmp.Diff(tt.inbox, s.Flags("INBOX")); diff != "" {
				t.Errorf("INBOX (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.done, s.Flags("Done")); diff != "" {
				t.Errorf("Done (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadingChangesNothingUntilAck(t *testing.T) {
	for _, readOnly := range []bool{false, true} {
		s, cfg := sim(t)
		fill(t, s, "INBOX", 2)
		cfg.ReadOnly = readOnly
		src := open(t, cfg)
		got := drain(t, src)
		if diff := cmp.Diff(map[uint32][]string{1: {}, 2: {}}, s.Flags("INBOX")); diff != "" {
			t.Errorf("read only %v: after reading:\n%s", readOnly, diff)
		}
		ack(t, src, got, engine.Route{})
		want := map[uint32][]string{1: {`\seen`}, 2: {`\seen`}}
		if readOnly {
			want = map[uint32][]string{1: {}, 2: {}}
		}
		if diff := cmp.Diff(want, s.Flags("INBOX")); diff != "" {
			t.Errorf("read only %v: after Ack:\n%s", readOnly, diff)
		}
	}
}

func TestAMoveToNowhereNamesWhatIsNear(t *testing.T) {
	s, cfg := sim(t)
	fill(t, s, "INBOX", 1)
	s.AddFolder("Handled")
	src := open(t, cfg)
	got := drain(t, src)
	err := src.Ack(t.Context(), []engine.Receipt{{Origin: got[0].Origin, Route: engine.Route{MoveTo: "Handeld"}}})
	if err == nil || !strings.Contains(err.Error(), `there is no folder of that name; is it "Handled"?`) || errors.Is(err, engine.ErrTemporary) {
		t.Errorf("Ack: %v", err)
	}
	if diff := cmp.Diff(map[uint32][]string{1: {}}, s.Flags("INBOX")); diff != "" {
		t.Errorf("INBOX:\n%s", diff)
	}
}

func TestAReceiptOfAnotherEpochIsNotApplied(t *testing.T) {
	s, cfg := sim(t)
	fill(t, s, "Phish", 2)
	cfg.Folders = []string{"Phish"}
	src := open(t, cfg)
	old := drain(t, src)
	s.Remove("Phish")
	fill(t, s, "Phish", 2)
	ack(t, open(t, cfg), old, engine.Route{})
	if diff := cmp.Diff(map[uint32][]string{1: {}, 2: {}}, s.Flags("Phish")); diff != "" {
		t.Errorf("other mails of the same numbers were marked:\n%s", diff)
	}
	if got := drain(t, open(t, cfg)); len(got) != 2 || got[0].Origin.ID == old[0].Origin.ID {
		t.Errorf("after the change: %q, before: %q", names(got), names(old))
	}
}

func TestAReceiptOfAnotherSourceIsNotApplied(t *testing.T) {
	s, cfg := sim(t)
	fill(t, s, "INBOX", 1)
	src := open(t, cfg)
	got := drain(t, src)
	got[0].Origin.Source = "other"
	ack(t, src, got, engine.Route{})
	got[0].Origin.Source, got[0].Origin.ID = "imap", "1.1 oder 1=1"
	ack(t, src, got, engine.Route{})
	if diff := cmp.Diff(map[uint32][]string{1: {}}, s.Flags("INBOX")); diff != "" {
		t.Errorf("INBOX:\n%s", diff)
	}
}

func TestSinceLeavesOutOlderMails(t *testing.T) {
	for _, intake := range []imap.Intake{imap.Unread, imap.ByKeyword, imap.NewMail} {
		s, cfg := sim(t)
		fill(t, s, "INBOX", 5)
		cfg.Intake, cfg.Since = intake, epoch.Add(2*time.Minute)
		if got := names(drain(t, open(t, cfg))); !slices.Equal(got, []string{"INBOX/3", "INBOX/4", "INBOX/5"}) {
			t.Errorf("%s: %q", intake, got)
		}
	}
}

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

func TestTheIntakeNewGoesOnBehindWhatIsAcknowledged(t *testing.T) {
	s, cfg := sim(t)
	fill(t, s, "INBOX", 5)
	marks := &cursors{}
	cfg.Intake, cfg.Cursors = imap.NewMail, marks
	src := open(t, cfg)
	got := drain(t, src)
	ack(t, src, got[3:4], engine.Route{}) // not yet: three before it are open
	if want := `{"INBOX":{"uidvalidity":1,"mark":0}}`; string(marks.value) != want {
		t.Errorf("mark %s, want %s", marks.value, want)
	}
	ack(t, src, got[:2], engine.Route{})
	if want := `{"INBOX":{"uidvalidity":1,"mark":2}}`; string(marks.value) != want {
		t.Errorf("mark %s, want %s", marks.value, want)
	}
	src.Close()

	src = open(t, cfg)
	got = drain(t, src)
	if want := []string{"INBOX/3", "INBOX/4", "INBOX/5"}; !slices.Equal(names(got), want) {
		t.Errorf("next run: %q, want %q", names(got), want)
	}
	ack(t, src, got, engine.Route{})
	if want := `{"INBOX":{"uidvalidity":1,"mark":5}}`; string(marks.value) != want {
		t.Errorf("mark %s, want %s", marks.value, want)
	}
	if got := drain(t, open(t, cfg)); len(got) != 0 {
		t.Errorf("the last mail came again: %q", names(got))
	}
	if _, err := s.AddMail("INBOX", raw("read by others"), epoch, `\Seen`); err != nil {
		t.Fatal(err)
	}
	if got := names(drain(t, open(t, cfg))); !slices.Equal(got, []string{"INBOX/6"}) {
		t.Errorf("a new mail that was read: %q", got)
	}
}

func TestTheIntakeNewReadsAFolderAnewWhenItsUIDValidityChanges(t *testing.T) {
	s, cfg := sim(t)
	fill(t, s, "Phish", 3)
	log := &logged{}
	cfg.Folders, cfg.Intake, cfg.Cursors, cfg.Log = []string{"Phish"}, imap.NewMail, &cursors{}, log.logger()
	src := open(t, cfg)
	ack(t, src, drain(t, src), engine.Route{})
	src.Close()
	s.Remove("Phish")
	fill(t, s, "Phish", 2)
	if got := drain(t, open(t, cfg)); len(got) != 2 {
		t.Errorf("%q, want both", names(got))
	}
	if !strings.Contains(log.String(), "UIDVALIDITY has changed") {
		t.Errorf("log: %s", log)
	}
}

func TestAReadOnlyRunMovesNoMark(t *testing.T) {
	s, cfg := sim(t)
	fill(t, s, "INBOX", 2)
	marks := &cursors{}
	cfg.Intake, cfg.Cursors, cfg.ReadOnly = imap.NewMail, marks, true
	src := open(t, cfg)
	ack(t, src, drain(t, src), engine.Route{})
	if marks.saved != 0 {
		t.Errorf("saved %s", marks.value)
	}
}

func TestWhatIsKnownIsNotFetchedAndItsReceiptIsRepeated(t *testing.T) {
	s, cfg := sim(t)
	fill(t, s, "INBOX", 4)
	s.AddFolder("Done")
	asked := 0
	cfg.Known = func(_ context.Context, origins []engine.Origin) ([]*engine.Receipt, error) {
		asked += len(origins)
		answer := make([]*engine.Receipt, len(origins))
		for i, o := range origins {
			switch o.Name {
			case "INBOX/2":
				answer[i] = &engine.Receipt{Origin: o}
			case "INBOX/3":
				answer[i] = &engine.Receipt{Origin: o, Route: engine.Route{Seen: true, MoveTo: "Done"}}
			}
		}
		return answer, nil
	}
	got := names(drain(t, open(t, cfg)))
	if want := []string{"INBOX/1", "INBOX/4"}; !slices.Equal(got, want) || asked != 4 {
		t.Errorf("fetched %q, want %q; asked for %d", got, want, asked)
	}
	if diff := cmp.Diff(map[uint32][]string{1: {}, 2: {`\seen`}, 4: {}}, s.Flags("INBOX")); diff != "" {
		t.Errorf("INBOX (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[uint32][]string{1: {`\seen`}}, s.Flags("Done")); diff != "" {
		t.Errorf("Done (-want +got):\n%s", diff)
	}
}

func TestUnusualBytesComeAsTheyAre(t *testing.T) {
	t.Parallel()
	d := imaptest.Start(t)
	big := bytes.Repeat([]byte("0123456789abcdef\n"), 25<<20/17)
	samples := map[string][]byte{
		"empty":        {},
		"bare LF":      []byte("Subject: x\n\nline\nline\n"),
		"8-bit header": []byte("Subject: \xe4\xf6\xfc\nX-\xff: \x80\n\nbody\n"),
		"no header":    []byte("\n\n\n"),
		"25 MB":        append([]byte("Subject: big\n\n"), big...),
		"brackets":     []byte("Subject: {99999999999}\n\n* BYE (\"\\)\nT1 OK {5}\n"),
	}
	for _, body := range samples {
		d.Deliver(t, "INBOX", body, epoch)
	}
	want := map[string]bool{}
	for _, body := range samples {
		want[strings.ReplaceAll(string(body), "\n", "\r\n")] = true // as IMAP wants it
	}
	cfg := dovecot(d, imap.Plain)
	src := open(t, cfg)
	got := drain(t, src)
	for _, m := range got {
		body := text(t, m)
		if !want[body] {
			t.Errorf("%s: %.60q of %d bytes is none of them", m.Origin.Name, body, len(body))
		}
		delete(want, body)
	}
	if len(want) != 0 {
		t.Errorf("%d samples did not come", len(want))
	}
	ack(t, src, got, engine.Route{})
	if n := d.Unread(t, "INBOX"); n != 0 {
		t.Errorf("%d unread", n)
	}
}

func TestNULBytesComeAsTheyAre(t *testing.T) {
	s, cfg := sim(t)
	body := []byte("Subject: nul\x00\r\n\r\n\x00\x00body\x00")
	if _, err := s.AddMail("INBOX", body, epoch); err != nil {
		t.Fatal(err)
	}
	if got := drain(t, open(t, cfg)); len(got) != 1 || text(t, got[0]) != string(body) {
		t.Errorf("%q", names(got))
	}
}

func TestAMailAboveTheCapComesUpToTheCap(t *testing.T) {
	t.Parallel()
	d := imaptest.Start(t)
	d.Deliver(t, "INBOX", append(raw("large"), bytes.Repeat([]byte("x\n"), 1<<20)...), epoch)
	d.Deliver(t, "INBOX", raw("small"), epoch)
	cfg := dovecot(d, imap.Plain)
	cfg.Limits.Message = 100_000
	got := drain(t, open(t, cfg))
	if len(got) != 2 || got[0].Raw.Size()+got[1].Raw.Size() != 100_001+int64(len(raw("small"))) {
		t.Errorf("%q", names(got))
	}
}
