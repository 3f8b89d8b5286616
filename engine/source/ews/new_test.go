package ews_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/source/ews"
	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

func TestTheIntakeNewGoesOnBehindWhatIsAcknowledged(t *testing.T) {
	s, cfg := sim(t, func(c *ewssim.Config) { c.MaxSync = 10 })
	fill(t, s, "Inbox", 25)
	marks := &cursors{}
	cfg.Intake, cfg.Cursors = ews.NewMail, marks
	src := open(t, cfg)
	got := drain(t, src)
	if len(got) != 25 {
		t.Fatalf("%d mails", len(got))
	}
	ack(t, src, got[1:20], engine.Route{Flag: "x"}) // the second page is done; of the first, a mail is open
	if marks.value != nil {
		t.Errorf("saved though a mail of the first page is open: %s", marks.value)
	}
	if again := drain(t, open(t, cfg)); len(again) != 25 {
		t.Errorf("after a crash %d mails, want all: their page is repeated", len(again))
	}
	ack(t, src, got[:1], engine.Route{Flag: "x"})
	if again := drain(t, open(t, cfg)); len(again) != 5 {
		t.Errorf("after two pages %d mails, want 5", len(again))
	}
	ack(t, src, got[20:], engine.Route{})
	s.SetRead(got[0].Origin.ID, true) // what changes about a mail that was there is nothing new
	s.SetCategories(got[1].Origin.ID, "y")
	fill(t, s, "Inbox", 1)
	s.AddMail("Inbox", raw("read by somebody"), epoch, true)
	fresh := drain(t, open(t, cfg))
	if want := []string{"Inbox 1", "read by somebody"}; !slices.Equal(subjects(t, fresh), want) {
		t.Errorf("later %q, want %q", subjects(t, fresh), want)
	}
}

func TestKnownMailsAreNotFetchedAndTheirReceiptsAreCarriedOut(t *testing.T) {
	for _, intake := range []ews.Intake{ews.Unread, ews.NewMail} {
		s, cfg := sim(t)
		ids := fill(t, s, "Inbox", 5)
		s.AddFolder("Done")
		marks := &cursors{}
		cfg.Intake, cfg.Cursors = intake, marks
		cfg.Known = func(_ context.Context, origins []engine.Origin) ([]*engine.Receipt, error) {
			all := make([]*engine.Receipt, len(origins))
			for i, o := range origins {
				switch o.ID {
				case ids[0]:
					all[i] = &engine.Receipt{}
				case ids[1]:
					all[i] = &engine.Receipt{Route: engine.Route{MoveTo: "Done"}}
				}
			}
			return all, nil
		}
		src := open(t, cfg)
		got := drain(t, src)
		if want := []string{"Inbox 3", "Inbox 4", "Inbox 5"}; !slices.Equal(subjects(t, got), want) {
			t.Errorf("%s: %q", intake, subjects(t, got))
		}
		if unread(s, "Inbox") != 3 || len(s.Mails("Done")) != 1 {
			t.Errorf("%s: %d unread, %d moved", intake, unread(s, "Inbox"), len(s.Mails("Done")))
		}
		before := s.Counts()["UpdateItem"]
		ack(t, src, got, engine.Route{Flag: "x"})
		cfg.Known = func(_ context.Context, origins []engine.Origin) ([]*engine.Receipt, error) {
			all := make([]*engine.Receipt, len(origins))
			for i := range all {
				all[i] = &engine.Receipt{Route: engine.Route{Flag: "x"}}
			}
			return all, nil
		}
		if again := drain(t, open(t, cfg)); len(again) != 0 {
			t.Errorf("%s: handled before, and here again: %q", intake, subjects(t, again))
		}
		if n := s.Counts()["UpdateItem"] - before; n != 1 {
			t.Errorf("%s: %d calls to mark what was marked, want 1", intake, n)
		}
	}
}

func TestAStateThatTheServerForgotBeginsAnew(t *testing.T) {
	s, cfg := sim(t)
	fill(t, s, "Inbox", 3)
	log, marks := &logged{}, &cursors{}
	handled := map[string]bool{}
	cfg.Intake, cfg.Cursors, cfg.Log = ews.NewMail, marks, log.logger()
	cfg.Known = func(_ context.Context, origins []engine.Origin) ([]*engine.Receipt, error) {
		all := make([]*engine.Receipt, len(origins))
		for i, o := range origins {
			if handled[o.ID] {
				all[i] = &engine.Receipt{}
			}
		}
		return all, nil
	}
	src := open(t, cfg)
	got := drain(t, src)
	for _, d := range got {
		handled[d.Origin.ID] = true
	}
	ack(t, src, got, engine.Route{})
	s.InvalidateSync()
	fill(t, s, "Inbox", 1)
	if again := drain(t, open(t, cfg)); !slices.Equal(subjects(t, again), []string{"Inbox 1"}) {
		t.Errorf("%q", subjects(t, again))
	}
	if n := strings.Count(log.String(), "the folder is listed anew"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log)
	}
	marks.value = []byte("{broken")
	if again := drain(t, open(t, cfg)); !slices.Equal(subjects(t, again), []string{"Inbox 1"}) {
		t.Errorf("with a broken value %q", subjects(t, again))
	}
}

// TestAFolderThatWasMadeAnewHasOtherMails keeps a state from being used for
// another folder of the same name.
func TestAFolderThatWasMadeAnewHasOtherMails(t *testing.T) {
	s, cfg := sim(t)
	fill(t, s, "Phish", 2)
	cfg.Intake, cfg.Cursors, cfg.Folders = ews.NewMail, &cursors{}, []string{"Phish"}
	src := open(t, cfg)
	old := drain(t, src)
	ack(t, src, old, engine.Route{})
	s.RemoveFolder("Phish")
	fill(t, s, "Phish", 2)
	ack(t, open(t, cfg), old, engine.Route{})
	if got := drain(t, open(t, cfg)); len(got) != 2 || got[0].Origin.ID == old[0].Origin.ID {
		t.Errorf("%d mails", len(got))
	}
	if n := unread(s, "Phish"); n != 2 {
		t.Errorf("%d unread: an old receipt was applied", n)
	}
}

// frozen is a clock that a test sets; sleeping ends at once.
type frozen struct{ now time.Time }

func (f *frozen) Now() time.Time { return f.now }
func (f *frozen) Sleep(ctx context.Context, _ time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Millisecond):
		return nil
	}
}

func TestAWatchingSourceHandsOutOnce(t *testing.T) {
	for _, intake := range []ews.Intake{ews.Unread, ews.NewMail} {
		s, cfg := sim(t)
		fill(t, s, "Inbox", 3)
		clock := &frozen{epoch}
		cfg.Watch, cfg.Intake, cfg.ReadOnly, cfg.Clock = true, intake, true, clock
		src := open(t, cfg)
		next := func() (string, error) {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			d, err := src.Next(ctx)
			if err != nil {
				return "", err
			}
			if subject(t, d) == "Inbox 1" {
				ack(t, src, []engine.Delivery{d}, engine.Route{})
			}
			return subject(t, d), nil
		}
		for range 3 {
			if _, err := next(); err != nil {
				t.Fatal(err)
			}
		}
		if name, err := next(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %s came again: %v", intake, name, err)
		}
		clock.now = epoch.Add(2 * time.Hour) // the engine gave up what it has not acknowledged
		var got []string
		for range 2 {
			name, err := next()
			if err != nil {
				t.Fatalf("%s: after two hours: %v", intake, err)
			}
			got = append(got, name)
		}
		if want := []string{"Inbox 2", "Inbox 3"}; !slices.Equal(got, want) {
			t.Errorf("%s: after two hours %q, want %q", intake, got, want)
		}
		if name, err := next(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %s came again: %v", intake, name, err)
		}
	}
}

func TestAWatchingSourceWaitsForMail(t *testing.T) {
	t.Parallel()
	for _, intake := range []ews.Intake{ews.Unread, ews.NewMail} {
		s, cfg := sim(t)
		fill(t, s, "Inbox", 1)
		cfg.Watch, cfg.Poll, cfg.Intake = true, 5*time.Millisecond, intake
		src := open(t, cfg)
		for i := range 4 {
			d, err := src.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if i > 0 && subject(t, d) != "later" {
				t.Errorf("%s: got %s", intake, subject(t, d))
			}
			ack(t, src, []engine.Delivery{d}, engine.Route{})
			go func() {
				time.Sleep(20 * time.Millisecond)
				s.AddMail("Inbox", raw("later"), epoch, false)
			}()
		}
		time.Sleep(50 * time.Millisecond)
		ended := make(chan error, 1)
		_, _ = src.Next(t.Context())
		go func() { _, err := src.Next(context.Background()); ended <- err }()
		time.Sleep(20 * time.Millisecond)
		src.Close()
		select {
		case err := <-ended:
			if !errors.Is(err, mailbox.ErrClosed) {
				t.Errorf("Next after Close: %v", err)
			}
		case <-time.After(2 * time.Second):
			t.Fatal("Next is stuck after Close")
		}
		if err := src.Ack(t.Context(), nil); !errors.Is(err, mailbox.ErrClosed) {
			t.Errorf("Ack after Close: %v", err)
		}
	}
}

func TestTheEndStaysTheEnd(t *testing.T) {
	_, cfg := sim(t)
	src := open(t, cfg)
	for range 3 {
		if _, err := src.Next(t.Context()); err != io.EOF {
			t.Errorf("Next: %v", err)
		}
	}
}
