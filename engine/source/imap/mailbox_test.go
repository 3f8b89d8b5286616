package imap_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/source/imap"
	"github.com/tqmailrules/tqmailrules/engine/source/imap/imapsim"
	"github.com/tqmailrules/tqmailrules/engine/source/imap/imaptest"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

// generated are mails of many sizes, each different.
func generated(n int) [][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	var all [][]byte
	for i := range n {
		line := fmt.Sprintf("line of mail %d, %d\n", i, rng.Uint64())
		size := 1 << (8 + rng.IntN(9)) // 256 B to 64 KiB
		body := fmt.Sprintf("From: a%d@b.example\nSubject: mail %d\n\n%s", i, i, strings.Repeat(line, size/len(line)+1))
		all = append(all, []byte(body))
	}
	return all
}

func count(short int) int {
	if os.Getenv("TQ_SOAK") != "" {
		return 10 * short
	}
	return short
}

// through reads a mailbox as the engine does: it tries again after temporary
// errors, and acknowledges in groups, now and then not at all.
func through(t *testing.T, cfg imap.Config, rng *rand.Rand, digests map[string]string, acked map[string]bool) error {
	t.Helper()
	src := open(t, cfg)
	defer src.Close()
	var group []engine.Receipt
	flush := func() {
		if rng.IntN(10) == 0 || len(group) == 0 {
			group = nil
			return
		}
		for try := 0; ; try++ {
			err := src.Ack(t.Context(), group)
			if err == nil {
				break
			}
			if !errors.Is(err, engine.ErrTemporary) {
				t.Fatalf("Ack: %v", err)
			}
			if try == 5 {
				group = nil
				return
			}
		}
		for _, r := range group {
			acked[r.Origin.Key()] = true
		}
		group = nil
	}
	defer func() { flush() }()
	for failed := 0; ; {
		d, err := src.Next(t.Context())
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, engine.ErrTemporary):
			if failed++; failed == 6 {
				return err
			}
			continue
		case err != nil:
			t.Fatalf("Next: %v", err)
		}
		failed = 0
		if old, again := digests[d.Origin.Key()]; again && old != d.Origin.Digest {
			t.Fatalf("%s came with other bytes", d.Origin.Name)
		}
		if len(d.Defects) > 0 {
			t.Fatalf("%s came with defects: %v", d.Origin.Name, d.Defects)
		}
		digests[d.Origin.Key()] = d.Origin.Digest
		if group = append(group, engine.Receipt{Origin: d.Origin}); len(group) == 32 {
			flush()
		}
	}
}

func TestConnectionsThatBreakLoseNothingAndMarkNothingElse(t *testing.T) {
	t.Parallel()
	d := imaptest.Start(t)
	mails := generated(200)
	want := map[string]bool{}
	for _, m := range mails {
		d.Deliver(t, "INBOX", m, epoch)
		digest, _ := engine.Digest(engine.Bytes(bytes.ReplaceAll(m, []byte("\n"), []byte("\r\n"))))
		want[digest] = true
	}
	rounds := count(2)
	for round := range rounds {
		rng := rand.New(rand.NewPCG(uint64(round), 7))
		var mu sync.Mutex
		cutter := imaptest.NewCutter(t, d.Addr, 0, func(n int) int64 {
			mu.Lock()
			defer mu.Unlock()
			if rng.IntN(12) == 0 {
				return -1
			}
			return rng.Int64N(400_000)
		})
		cfg := dovecot(d, imap.Plain)
		cfg.Addr = cutter.Addr
		decide := rand.New(rand.NewPCG(uint64(round), 8))
		digests, acked := map[string]string{}, map[string]bool{}
		before := d.Unread(t, "INBOX")
		for range 40 {
			if err := through(t, cfg, decide, digests, acked); err == nil && d.Unread(t, "INBOX") == 0 {
				break
			}
		}
		if len(digests) != before {
			t.Errorf("round %d: %d mails came, want %d", round, len(digests), before)
		}
		for key, digest := range digests {
			if !want[digest] {
				t.Errorf("round %d: %s has bytes of no mail", round, key)
			}
		}
		if read := before - d.Unread(t, "INBOX"); read < len(acked) || read > before {
			t.Errorf("round %d: %d acknowledged, %d marked", round, len(acked), read)
		}
		t.Logf("round %d: %d mails, %d acknowledged, %d unread, over %d connections", round, len(digests), len(acked), d.Unread(t, "INBOX"), cutter.Connections())
		for range 200 - d.Unread(t, "INBOX") {
			d.Deliver(t, "INBOX", mails[rng.IntN(len(mails))], epoch)
		}
	}
}

func TestNothingIsMarkedThatWasNotAcknowledged(t *testing.T) {
	t.Parallel()
	d := imaptest.Start(t)
	for _, m := range generated(60) {
		d.Deliver(t, "INBOX", m, epoch)
	}
	n := 0
	cutter := imaptest.NewCutter(t, d.Addr, 0, func(int) int64 { n++; return int64(n * 20_000) })
	cfg := dovecot(d, imap.Plain)
	cfg.Addr = cutter.Addr
	src := open(t, cfg)
	got := 0
	for failed := 0; failed < 6; {
		_, err := src.Next(t.Context())
		switch {
		case err == nil:
			got, failed = got+1, 0
		case err == io.EOF:
			failed = 6
		default:
			failed++
		}
	}
	if unread := d.Unread(t, "INBOX"); got != 60 || unread != 60 {
		t.Errorf("%d came, %d are unread; want 60 and 60", got, unread)
	}
}

func TestDovecotMovesAndKeepsKeywords(t *testing.T) {
	t.Parallel()
	d := imaptest.Start(t)
	for i := range 5 {
		d.Deliver(t, "INBOX", raw(fmt.Sprint(i)), epoch)
	}
	d.AddFolder(t, "Handled")
	cfg := dovecot(d, imap.TLS)
	cfg.Intake = imap.ByKeyword
	src := open(t, cfg)
	got := drain(t, src)
	ack(t, src, got[:2], engine.Route{Seen: true, MoveTo: "Handled"})
	ack(t, src, got[2:4], engine.Route{Flag: "flagged"})
	if mails, unread := d.Count(t, "INBOX"); mails != 3 || unread != 3 {
		t.Errorf("INBOX: %d mails, %d unread", mails, unread)
	}
	if mails, unread := d.Count(t, "Handled"); mails != 2 || unread != 0 {
		t.Errorf("Handled: %d mails, %d unread", mails, unread)
	}
	if left := names(drain(t, open(t, cfg))); !slices.Equal(left, []string{got[4].Origin.Name}) {
		t.Errorf("without the keyword: %q", left)
	}
	report, err := imap.Probe(t.Context(), cfg)
	if err != nil || !report.Folders[0].Keywords {
		t.Errorf("probe: %+v: %v", report, err)
	}
}

func TestAMailThatDovecotCannotOpen(t *testing.T) {
	t.Parallel()
	d := imaptest.Start(t)
	for i := range 4 {
		d.Deliver(t, "INBOX", raw(fmt.Sprint(i)), epoch)
	}
	d.Lock(t, "INBOX", 2)
	good, bad, err := read(t, open(t, dovecot(d, imap.Plain)))
	if len(good) != 3 || len(bad) != 0 || !errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), "read INBOX/") {
		t.Errorf("came %q, as defects %q: %v", good, bad, err)
	}
}

func TestAnotherUIDValidityAtDovecot(t *testing.T) {
	t.Parallel()
	d := imaptest.Start(t)
	d.Deliver(t, "Phish", raw("x"), epoch)
	cfg := dovecot(d, imap.Plain)
	cfg.Folders = []string{"Phish"}
	old := drain(t, open(t, cfg))
	d.Forget(t, "Phish")
	ack(t, open(t, cfg), old, engine.Route{})
	if n := d.Unread(t, "Phish"); n != 1 {
		t.Errorf("%d unread: an old receipt was applied", n)
	}
	if again := drain(t, open(t, cfg)); len(again) != 1 || again[0].Origin.Key() == old[0].Origin.Key() {
		t.Errorf("after the change %q", names(again))
	}
}

func TestAMissingFolderDoesNotKeepTheOthersBack(t *testing.T) {
	s, cfg := sim(t)
	fill(t, s, "INBOX", 2)
	cfg.Folders = []string{"Inbax", "INBOX"}
	good, _, err := read(t, open(t, cfg))
	if !slices.Equal(good, []string{"INBOX/1", "INBOX/2"}) || err == nil || !strings.Contains(err.Error(), `folder "Inbax": there is none of that name; is it "INBOX"?`) {
		t.Errorf("%q: %v", good, err)
	}
}

// quick is a clock that waits a hundredth of what it is asked to.
type quick struct{ engine.SystemClock }

func (q quick) Sleep(ctx context.Context, d time.Duration) error {
	return q.SystemClock.Sleep(ctx, d/100)
}

// next waits for a mail of a watching source.
func next(t *testing.T, s *imap.Source, patience time.Duration) engine.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d, err := s.Next(ctx)
	if err != nil {
		t.Fatalf("Next: %v", err)
	}
	return d
}

func TestAWatchingSourceWaitsForMail(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		poll     time.Duration
		idle     bool
		patience time.Duration
	}{
		{"by polling", 20 * time.Millisecond, false, 5 * time.Second},
		{"by IDLE", time.Hour, true, 5 * time.Second},
		{"by IDLE and polling", 30 * time.Millisecond, true, 5 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, cfg := sim(t)
			fill(t, s, "INBOX", 1)
			cfg.Watch, cfg.Poll, cfg.Idle = true, tt.poll, tt.idle
			src := open(t, cfg)
			first := next(t, src, tt.patience)
			for i := range 3 {
				go func() {
					time.Sleep(100 * time.Millisecond)
					s.AddMail("INBOX", raw("later"), epoch)
				}()
				if d := next(t, src, tt.patience); d.Origin.Name != fmt.Sprintf("INBOX/%d", i+2) {
					t.Errorf("got %s", d.Origin.Name)
				}
			}
			ack(t, src, []engine.Delivery{first}, engine.Route{})
			began := time.Now()
			ended := make(chan error, 1)
			go func() { _, err := src.Next(context.Background()); ended <- err }()
			time.Sleep(100 * time.Millisecond)
			src.Close()
			select {
			case err := <-ended:
				if !errors.Is(err, mailbox.ErrClosed) {
					t.Errorf("Next after Close: %v", err)
				}
			case <-time.After(2 * time.Second):
				t.Fatalf("Next is stuck %s after Close", time.Since(began))
			}
		})
	}
}

func TestAWatchingSourceSurvivesTheServer(t *testing.T) {
	t.Parallel()
	d := imaptest.Start(t)
	d.Deliver(t, "INBOX", raw("1"), epoch)
	cfg := dovecot(d, imap.TLS)
	cfg.Watch, cfg.Poll, cfg.Clock, cfg.Idle = true, time.Second, quick{}, true
	src := open(t, cfg)
	first := next(t, src, 10*time.Second)
	d.Stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	if _, err := src.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while the server is away: %v", err)
	}
	cancel()
	if err := src.Ack(t.Context(), []engine.Receipt{{Origin: first.Origin}}); !errors.Is(err, engine.ErrTemporary) {
		t.Errorf("Ack while the server is away: %v", err)
	}
	d.Restart(t)
	d.Deliver(t, "INBOX", raw("2"), epoch)
	second := next(t, src, 20*time.Second)
	ack(t, src, []engine.Delivery{first, second}, engine.Route{})
	if n := d.Unread(t, "INBOX"); n != 0 || second.Origin.Name != "INBOX/2" {
		t.Errorf("%s; %d unread", second.Origin.Name, n)
	}
}

func TestAWatchingSourceHandsOutOnce(t *testing.T) {
	for _, intake := range []imap.Intake{imap.Unread, imap.NewMail, imap.ByKeyword} {
		s, cfg := sim(t)
		fill(t, s, "INBOX", 3)
		cfg.Watch, cfg.Poll, cfg.Intake, cfg.ReadOnly = true, 5*time.Millisecond, intake, true
		src := open(t, cfg)
		var got []engine.Delivery
		for range 3 {
			got = append(got, next(t, src, 5*time.Second))
		}
		ack(t, src, got[:1], engine.Route{})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if d, err := src.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %s came again: %v", intake, d.Origin.Name, err)
		}
		cancel()
	}
}

func TestAWrongPasswordEndsAWatch(t *testing.T) {
	_, cfg := sim(t)
	cfg.Watch, cfg.Password = true, "wrong"
	if _, err := open(t, cfg).Next(t.Context()); !errors.Is(err, mailbox.ErrLogin) {
		t.Errorf("Next: %v", err)
	}
}

func TestTheSimulatorSpeaksTLS(t *testing.T) {
	web := httptest.NewTLSServer(nil) // for its certificate
	defer web.Close()
	roots := web.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	s, cfg := sim(t, func(s *imapsim.Server) { s.TLS = web.TLS })
	fill(t, s, "INBOX", 2)
	l, err := tls.Listen("tcp", "127.0.0.1:0", web.TLS)
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(l)
	cfg.TLS = &tls.Config{RootCAs: roots}
	for security, addr := range map[imap.Security]string{imap.StartTLS: cfg.Addr, imap.TLS: l.Addr().String()} {
		cfg.Security, cfg.Addr = security, addr
		if got := drain(t, open(t, cfg)); len(got) != 2 {
			t.Errorf("%s: %q", security, names(got))
		}
	}
}

func TestProbeTellsWhatThereIs(t *testing.T) {
	s, cfg := sim(t)
	fill(t, s, "INBOX", 3)
	fill(t, s, "Gemeldet", 1)
	if _, err := s.AddMail("INBOX", raw("read"), epoch, `\Seen`); err != nil {
		t.Fatal(err)
	}
	cfg.Folders = []string{"INBOX", "gemeldet"}
	got, err := imap.Probe(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := []imap.FolderReport{
		{Name: "INBOX", Exists: true, Mails: 4, Unseen: 3, Writable: true, Keywords: true},
		{Name: "gemeldet", Near: []string{"Gemeldet"}},
	}
	if diff := cmp.Diff(want, got.Folders); diff != "" {
		t.Errorf("folders (-want +got):\n%s", diff)
	}
	if !slices.Contains(got.Capabilities, "IMAP4rev1") || !slices.Equal(got.Names, []string{"Gemeldet", "INBOX"}) {
		t.Errorf("capabilities %q, names %q", got.Capabilities, got.Names)
	}
	if diff := cmp.Diff(4, len(s.Flags("INBOX"))); diff != "" {
		t.Error(diff)
	}
}

func TestACertificateThatIsNotTrustedIsTold(t *testing.T) {
	t.Parallel()
	d := imaptest.Start(t)
	tests := []struct {
		name   string
		change func(*imap.Config)
		want   string
	}{
		{"unknown authority", func(c *imap.Config) { c.TLS = nil }, "is signed by nobody who is known here"},
		{"other host", func(c *imap.Config) { c.TLS.ServerName = "other.example" }, "the certificate is for "},
		{"TLS at the plain port", func(c *imap.Config) { c.Addr = d.Addr }, "no TLS at that port: the port of TLS is 993"},
		{"wrong password", func(c *imap.Config) { c.Password = "wrong" }, "user name or password refused"},
		{"missing folder", func(c *imap.Config) { c.Folders = []string{"Phisch"} }, `there is none of that name; is it "Phish"?`},
	}
	d.AddFolder(t, "Phish")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := dovecot(d, imap.TLS)
			tt.change(&cfg)
			_, err := open(t, cfg).Next(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, engine.ErrTemporary) {
				t.Errorf("Next: %v, want %q", err, tt.want)
			}
		})
	}
}

func TestConfigurationsThatCannotWorkAreRefused(t *testing.T) {
	good := imap.Config{Addr: "mail.example", User: "u", Password: "p"}
	if _, err := imap.New(good); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*imap.Config)
		want   string
	}{
		{"no host", func(c *imap.Config) { c.Addr = "" }, "no host"},
		{"no host but a port", func(c *imap.Config) { c.Addr = ":993" }, "no host"},
		{"no user", func(c *imap.Config) { c.User = "" }, "no user"},
		{"no password", func(c *imap.Config) { c.Password = "" }, "no password"},
		{"a password with a line break", func(c *imap.Config) { c.Password = "p\n" }, "line break"},
		{"security", func(c *imap.Config) { c.Security = "ssl" }, "want tls, starttls or plain"},
		{"auth", func(c *imap.Config) { c.Auth = "ntlm" }, "want auto"},
		{"intake", func(c *imap.Config) { c.Intake = "all" }, "want unread, new or keyword"},
		{"OAuth without tokens", func(c *imap.Config) { c.Auth = imap.XOAuth2 }, "needs a token"},
		{"keyword", func(c *imap.Config) { c.Keyword = "two words" }, "keyword"},
		{"empty folder", func(c *imap.Config) { c.Folders = []string{" "} }, "without a name"},
		{"folder twice", func(c *imap.Config) { c.Folders = []string{"inbox", "INBOX"} }, "given twice"},
		{"folder with a command", func(c *imap.Config) { c.Folders = []string{"x\r\nT9 DELETE INBOX"} }, "line break"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := good
			tt.change(&cfg)
			if _, err := imap.New(cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("New: %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAcknowledgingWhileReading(t *testing.T) {
	t.Parallel()
	s, cfg := sim(t, func(*imapsim.Server) {})
	fill(t, s, "INBOX", 400)
	s.AddFolder("Done")
	src := open(t, cfg)
	receipts := make(chan engine.Receipt, 8) // as far as reading may run ahead
	var acks sync.WaitGroup
	acks.Go(func() {
		for r := range receipts {
			if err := src.Ack(t.Context(), []engine.Receipt{r}); err != nil {
				t.Errorf("Ack: %v", err)
			}
		}
	})
	n := 0
	for {
		d, err := src.Next(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		receipts <- engine.Receipt{Origin: d.Origin, Route: engine.Route{Seen: true, MoveTo: "Done"}}
		n++
	}
	close(receipts)
	acks.Wait()
	if n != 400 || len(s.Flags("INBOX")) != 0 || len(s.Flags("Done")) != 400 {
		t.Errorf("%d came; %d are left, %d moved", n, len(s.Flags("INBOX")), len(s.Flags("Done")))
	}
}
