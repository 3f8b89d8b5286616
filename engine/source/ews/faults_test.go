package ews_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/source/ews"
	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
)

// TestABusyServerIsLeftAlone looks at how long is waited.
func TestABusyServerIsLeftAlone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		fault  ewssim.Fault
		atMost time.Duration
		least  time.Duration
	}{
		{"in a response message", ewssim.Fault{What: "ErrorServerBusy", BackOff: 1500}, 1650 * time.Millisecond, 1500 * time.Millisecond},
		{"in a fault", ewssim.Fault{What: "ErrorServerBusy-fault", BackOff: 1500}, 1650 * time.Millisecond, 1500 * time.Millisecond},
		{"in the namespace of errors", ewssim.Fault{What: "ErrorServerBusy-fault", BackOff: 1500, Odd: true}, 1650 * time.Millisecond, 1500 * time.Millisecond},
		{"in a message, in the namespace of errors", ewssim.Fault{What: "ErrorServerBusy", BackOff: 1500, Odd: true}, 1650 * time.Millisecond, 1500 * time.Millisecond},
		{"without a time", ewssim.Fault{What: "ErrorServerBusy"}, 1100 * time.Millisecond, time.Second},
		{"for hours", ewssim.Fault{What: "ErrorServerBusy", BackOff: 36_000_000}, 330 * time.Second, 300 * time.Second},
		{"too many connections", ewssim.Fault{What: "ErrorExceededConnectionCount"}, 1100 * time.Millisecond, time.Second},
		{"503 with a time", ewssim.Fault{What: "503", RetryAfter: 7}, 7700 * time.Millisecond, 7 * time.Second},
		{"503 without", ewssim.Fault{What: "503"}, 1100 * time.Millisecond, time.Second},
		{"429", ewssim.Fault{What: "429", RetryAfter: 3}, 3300 * time.Millisecond, 3 * time.Second},
	}
	for _, op := range []string{"GetFolder", "FindItem", "GetItem", "UpdateItem"} {
		for _, tt := range tests {
			t.Run(op+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				s, cfg := sim(t)
				fill(t, s, "Inbox", 3)
				f := tt.fault
				f.Operation = op
				if err := s.Fault(f); err != nil {
					t.Fatal(err)
				}
				clock := &quick{}
				cfg.Clock = clock
				if tt.least > time.Minute {
					cfg.Clock = &frozenSleeps{quick: clock}
				}
				src := open(t, cfg)
				good, bad, err := read(t, src)
				if len(good) != 3 || len(bad) > 0 || err != nil {
					t.Errorf("%q, %q: %v", good, bad, err)
				}
				got := drain(t, open(t, cfg))
				for range 3 {
					if err = src.Ack(t.Context(), receipts(got, engine.Route{})); err == nil {
						break
					}
					if !errors.Is(err, engine.ErrTemporary) {
						t.Fatalf("Ack: %v", err)
					}
				}
				if n := unread(s, "Inbox"); n != 0 || err != nil {
					t.Errorf("%d unread: %v", n, err)
				}
				waits := clock.waits()
				if len(waits) == 0 || waits[0] < tt.least-100*time.Millisecond || waits[0] > tt.atMost {
					t.Errorf("waited %v, want %v to %v", waits, tt.least, tt.atMost)
				}
			})
		}
	}
}

// frozenSleeps does not really wait.
type frozenSleeps struct{ *quick }

func (f *frozenSleeps) Sleep(ctx context.Context, d time.Duration) error {
	f.mu.Lock()
	f.slept = append(f.slept, d)
	f.mu.Unlock()
	return ctx.Err()
}

// TestAServerThatStaysBusyIsTold and a watch goes on when it is not any more.
func TestAServerThatStaysBusyIsTold(t *testing.T) {
	s, cfg := sim(t)
	fill(t, s, "Inbox", 1)
	if err := s.Fault(ewssim.Fault{Times: 30, What: "ErrorServerBusy-fault", BackOff: 10}); err != nil {
		t.Fatal(err)
	}
	cfg.Clock = &frozenSleeps{quick: &quick{}}
	_, err := open(t, cfg).Next(t.Context())
	if !errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), "the server is busy (ErrorServerBusy; the server says") {
		t.Errorf("Next: %v", err)
	}
	cfg.Watch = true
	src := open(t, cfg)
	d, err := src.Next(t.Context())
	if err != nil || subject(t, d) != "Inbox 1" {
		t.Errorf("Next: %v", err)
	}
}

// TestWhatPassesIsWaitedFor lets every request fail at random, in every way that
// passes, until all mails came and are marked.
func TestWhatPassesIsWaitedFor(t *testing.T) {
	t.Parallel()
	for _, kind := range []ewssim.What{
		ewssim.Cut, ewssim.CutBefore, ewssim.Truncated, ewssim.TruncatedXML, ewssim.Garbage, ewssim.HTML, ewssim.HTMLGood, "403", "404", ewssim.Gzip, ewssim.Chunked, "500", "502", "503", "503-after", "429",
		"ErrorInternalServerTransientError", "ErrorTimeoutExpired-fault", "ErrorMailboxStoreUnavailable", "ErrorServerBusy", "ErrorConnectionFailed-fault",
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s, cfg := sim(t, func(c *ewssim.Config) { c.MaxItems, c.MaxSync = 30, 30 })
			fill(t, s, "Inbox", 120)
			s.AddFolder("Done")
			if err := s.Chaos(7, 0.15, kind); err != nil {
				t.Fatal(err)
			}
			cfg.Clock, cfg.Watch, cfg.Chunk, cfg.Timeout = &frozenSleeps{quick: &quick{}}, true, 600, 2*time.Second
			src := open(t, cfg)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			got := map[string]engine.Delivery{}
			for len(got) < 120 {
				d, err := src.Next(ctx)
				if err != nil {
					t.Fatalf("after %d mails: %v", len(got), err)
				}
				if len(d.Defects) > 0 {
					t.Errorf("%s: %v", d.Origin.Name, d.Defects)
				}
				if _, twice := got[d.Origin.ID]; twice {
					t.Errorf("%s came twice", d.Origin.Name)
				}
				got[d.Origin.ID] = d
			}
			var all []engine.Delivery
			for _, d := range got {
				all = append(all, d)
			}
			var err error
			for range 100 {
				if err = src.Ack(ctx, receipts(all, engine.Route{Seen: true, MoveTo: "Done"})); err == nil {
					break
				}
				if !errors.Is(err, engine.ErrTemporary) {
					t.Fatalf("Ack: %v", err)
				}
			}
			if n := len(s.Mails("Done")); n != 120 || unread(s, "Done") != 0 || err != nil {
				t.Errorf("%d moved, %d unread: %v", n, unread(s, "Done"), err)
			}
		})
	}
}

func TestOneMailThatFailsDoesNotHoldTheOthersUp(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		what ewssim.What
		bad  []string
		gone bool
	}{
		{"its MIME is refused", "ErrorMimeContentConversionFailed", []string{ews.DefectRemade}, false},
		{"its content is refused", "ErrorContentConversionFailed", []string{ews.DefectRemade}, false},
		{"it is too large", "ErrorMessageSizeExceeded", []string{ews.DefectRemade}, false},
		{"it is corrupt", "ErrorCorruptData", []string{ews.DefectRemade}, false},
		{"it is gone", "ErrorItemNotFound", nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, cfg := sim(t)
			ids := fill(t, s, "Inbox", 5)
			times := 1
			if tt.what == "ErrorMessageSizeExceeded" {
				times = 2 // in a batch, and alone
			}
			if err := s.Fault(ewssim.Fault{Operation: "GetItem", Item: ids[2], Times: times, What: tt.what}); err != nil {
				t.Fatal(err)
			}
			got := drain(t, open(t, cfg))
			var whole, bad []string
			for _, d := range got {
				if len(d.Defects) == 0 {
					whole = append(whole, subject(t, d))
					continue
				}
				bad = append(bad, d.Defects[0].Code)
				if text := text(t, d); !strings.Contains(text, "Subject: Inbox 3\r\n") || !strings.Contains(text, "From: a@b.example\r\n") && !strings.Contains(text, "From: <a@b.example>\r\n") {
					t.Errorf("made anew: %s", text)
				}
			}
			if want := []string{"Inbox 1", "Inbox 2", "Inbox 4", "Inbox 5"}; !slices.Equal(whole, want) || !slices.Equal(bad, tt.bad) {
				t.Errorf("came %q, defects %q", whole, bad)
			}
		})
	}
}

// TestAMailThatTheServerGivesInNoFormIsQuarantined and only that.
func TestAMailThatTheServerGivesInNoFormIsQuarantined(t *testing.T) {
	t.Parallel()
	for _, what := range []ewssim.What{"ErrorMimeContentConversionFailed", "ErrorInternalServerError", "ErrorInternalServerTransientError", "ErrorItemCorrupt", "ErrorAccessDenied"} {
		t.Run(string(what), func(t *testing.T) {
			t.Parallel()
			s, cfg := sim(t)
			ids := fill(t, s, "Inbox", 5)
			if err := s.Fault(ewssim.Fault{Operation: "GetItem", Item: ids[2], Times: -1, What: what}); err != nil {
				t.Fatal(err)
			}
			cfg.Chunk = 1
			good, bad, err := read(t, open(t, cfg))
			if len(good) != 4 || !slices.Equal(bad, []string{engine.DefectEntry}) || err != nil {
				t.Errorf("came %q, defects %q: %v", good, bad, err)
			}
		})
	}
}

// TestAServerThatGivesNoMailIsNotTheFaultOfTheMails: nothing is quarantined.
func TestAServerThatGivesNoMailIsNotTheFaultOfTheMails(t *testing.T) {
	t.Parallel()
	for _, what := range []ewssim.What{"ErrorInternalServerError", "ErrorInternalServerTransientError", "ErrorTimeoutExpired", "ErrorMailboxStoreUnavailable", ewssim.Garbage, ewssim.TruncatedXML, ewssim.Cut, "500"} {
		t.Run(string(what), func(t *testing.T) {
			t.Parallel()
			s, cfg := sim(t)
			fill(t, s, "Inbox", 4)
			if err := s.Fault(ewssim.Fault{Operation: "GetItem", Times: -1, What: what}); err != nil {
				t.Fatal(err)
			}
			cfg.Clock = &frozenSleeps{quick: &quick{}}
			good, bad, err := read(t, open(t, cfg))
			cut := what == ewssim.Garbage || what == ewssim.TruncatedXML // what comes before is good
			if len(good) > 0 && !cut || len(bad) > 0 || !errors.Is(err, engine.ErrTemporary) {
				t.Errorf("came %q, defects %q: %v", good, bad, err)
			}
		})
	}
}

// TestPeopleMoveAndDeleteWhatIsListed between the listing and the reading.
func TestPeopleMoveAndDeleteWhatIsListed(t *testing.T) {
	s, cfg := sim(t)
	ids := fill(t, s, "Inbox", 120)
	log := &logged{}
	done := false
	cfg.Log = log.logger()
	cfg.Server = "http://" + between(t, s, func(a *asked) bool {
		if a.op == "GetItem" && !done {
			done = true
			s.Remove(ids[3])
			s.Move(ids[50], "Elsewhere")
			s.SetRead(ids[100], true) // somebody reads it: it is ours all the same
		}
		return false
	})
	src := open(t, cfg)
	got := drain(t, src)
	if len(got) != 118 || strings.Count(log.String(), "mail disappeared before it was read") != 2 {
		t.Errorf("%d mails\n%s", len(got), log)
	}
	s.Move(got[0].Origin.ID, "Elsewhere")
	s.Remove(got[1].Origin.ID)
	ack(t, src, got, engine.Route{Seen: true, Flag: "x"})
	if n := unread(s, "Inbox"); n != 0 {
		t.Errorf("%d unread", n)
	}
}

// TestAnAnswerThatIsLostIsNoHarm: the change was made, and is asked for again.
func TestAnAnswerThatIsLostIsNoHarm(t *testing.T) {
	for _, op := range []string{"UpdateItem", "MoveItem"} {
		s, cfg := sim(t)
		fill(t, s, "Inbox", 5)
		s.AddFolder("Done")
		if err := s.Fault(ewssim.Fault{Operation: op, What: ewssim.Cut}); err != nil {
			t.Fatal(err)
		}
		src := open(t, cfg)
		got := drain(t, src)
		route := engine.Route{Seen: true, MoveTo: "Done"}
		if err := src.Ack(t.Context(), receipts(got, route)); err != nil && !errors.Is(err, engine.ErrTemporary) {
			t.Errorf("%s: %v", op, err)
		}
		ack(t, src, got, route)
		if n := len(s.Mails("Done")); n != 5 || unread(s, "Done") != 0 {
			t.Errorf("%s: %d moved, %d unread", op, n, unread(s, "Done"))
		}
	}
}

// TestRegeneratedMIMEIsNoOtherMail: what identifies a mail stays.
func TestRegeneratedMIMEIsNoOtherMail(t *testing.T) {
	s, cfg := sim(t, func(c *ewssim.Config) { c.Regenerate = true })
	s.AddMail("Inbox", []byte("From: a@b.example\r\nSubject: two\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\none\r\n--x\r\nContent-Type: application/pdf\r\n\r\ntwo\r\n--x--\r\n"), epoch, false)
	first, second := drain(t, open(t, cfg)), drain(t, open(t, cfg))
	if first[0].Origin.Key() != second[0].Origin.Key() || first[0].Origin.Name != second[0].Origin.Name {
		t.Error("another identity")
	}
	if text(t, first[0]) == text(t, second[0]) {
		t.Error("the simulator gave the same bytes twice: what is this test for?")
	}
}

func TestAnotherThanAnExchangeServerIsTold(t *testing.T) {
	t.Parallel()
	page := `<html><head><title>Welcome to nginx!</title></head></html>`
	tests := []struct {
		name string
		say  func(a *asked) bool
		want string
		temp bool
	}{
		{"a page", func(a *asked) bool { return a.plain(200, "text/html", page) }, `answers with a page for people ("Welcome to nginx!"): it is no Exchange server`, false},
		{"nothing there", func(a *asked) bool { return a.plain(404, "text/html", page) }, "has nothing at /EWS/Exchange.asmx (404)", false},
		{"a login page", func(a *asked) bool {
			a.w.Header().Set("Location", "/owa/auth/logon.aspx?url=secret")
			return a.plain(302, "text/html", "")
		}, "sends us elsewhere (302, to http://127.0.0.1", false},
		{"forbidden", func(a *asked) bool { return a.plain(403, "text/html", page) }, "forbids it (403): is EWS switched on", false},
		{"JSON", func(a *asked) bool { return a.plain(200, "application/json", "{}") }, "answers in application/json", false},
		{"no type", func(a *asked) bool { return a.plain(200, "", "x") }, "it is no Exchange server", false},
		{"other XML", func(a *asked) bool { return a.plain(200, "text/xml", "<rss/>") }, `it begins with "rss" instead of "Envelope"`, true},
		{"no message", func(a *asked) bool { return a.op == "FindItem" && a.soap("<m:FindItemResponse/>") }, "cannot be read: it is a success with status 200 and 0 messages", true},
		{"a broken proxy", func(a *asked) bool { return a.plain(502, "text/html", page) }, "cannot now (502)", true},
		{"too old", func(a *asked) bool {
			return a.plain(500, "text/xml", envelope+`<s:Fault><faultcode>a:ErrorInvalidServerVersion</faultcode><faultstring>no</faultstring></s:Fault>`+endEnvelope)
		}, "the server is too old: it must be Exchange 2010 SP2 or later (ErrorInvalidServerVersion", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, cfg := sim(t)
			cfg.Server = "http://" + between(t, s, tt.say)
			_, err := open(t, cfg).Next(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, engine.ErrTemporary) != tt.temp {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if strings.Contains(fmt.Sprint(err), "secret") {
				t.Errorf("it tells too much: %v", err)
			}
		})
	}
}

func TestAConnectionThatIsNotThereIsTold(t *testing.T) {
	t.Parallel()
	_, plain := sim(t)
	_, cfg := safe(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	tests := []struct {
		name   string
		change func(*ews.Config)
		want   string
		temp   bool
	}{
		{"nobody listens", func(c *ews.Config) { c.Server = closed.Addr().String() }, "nobody listens there", true},
		{"an authority that nobody knows", func(c *ews.Config) { c.TLS = nil }, "signed by nobody who is known here", false},
		{"a certificate for another", func(c *ews.Config) { c.TLS.ServerName = "other.example" }, "not for other.example", false},
		{"no TLS there", func(c *ews.Config) { c.Server = strings.TrimPrefix(plain.Server, "http://") }, "does not speak TLS on this port", false},
		{"TLS where none is meant", func(c *ews.Config) { c.Server, c.AllowPlain = "http://"+cfg.Server, true }, "refuses the request (400)", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := cfg
			cfg.TLS = cfg.TLS.Clone()
			tt.change(&cfg)
			_, err := open(t, cfg).Next(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, engine.ErrTemporary) != tt.temp {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}
