package sqlite_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/store/sqlite"
)

// desk opens the desk of a store that is open.
func desk(t *testing.T, cfg sqlite.Config) *sqlite.Desk {
	t.Helper()
	d, err := sqlite.OpenDesk(t.Context(), sqlite.Config{Path: cfg.Path, Now: cfg.Now, Busy: cfg.Busy})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func parked(t *testing.T, d *sqlite.Desk) []sqlite.ParkedMail {
	t.Helper()
	all, err := d.Parked(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func ready(t *testing.T, s engine.Store) (all []string) {
	t.Helper()
	got, err := s.Ready(t.Context(), enginetest.Epoch, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range got {
		state := d.Origin.ID
		if d.Expired {
			state += " expired"
		}
		all = append(all, state)
	}
	return all
}

func TestTheDeskListsWhatIsParked(t *testing.T) {
	cfg := config(path(t))
	s := open(t, cfg)
	held := waiting("held", nil)
	held.Reason, held.Park.Waits, held.Park.Deadline = "held until later", nil, enginetest.Epoch.Add(2*time.Hour)
	locked := waiting("locked", engine.Bytes("raw"))
	locked.Reason = "waits for the password of CASE-1"
	commit(t, s, held, locked)
	d := desk(t, cfg)
	got := parked(t, d)
	want := []sqlite.ParkedMail{
		{ID: 2, Origin: locked.Origin, Reason: locked.Reason, Since: enginetest.Epoch, Deadline: locked.Park.Deadline, Waits: locked.Park.Waits},
		{ID: 1, Origin: held.Origin, Reason: held.Reason, Since: enginetest.Epoch, Deadline: held.Park.Deadline},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	commit(t, s, offering("password", "x", enginetest.Epoch, time.Hour))
	if got := parked(t, d); !got[0].Ready || got[1].Ready {
		t.Errorf("ready after an offer: %v, %v; want the first alone", got[0].Ready, got[1].Ready)
	}
}

func TestAReleasedMailIsHandledAsItIs(t *testing.T) {
	cfg := config(path(t))
	s := open(t, cfg)
	commit(t, s, waiting("one", engine.Bytes("raw")), waiting("two", engine.Bytes("raw")))
	if got := ready(t, s); got != nil {
		t.Fatalf("ready %q before anybody decided", got)
	}
	d := desk(t, cfg)
	if err := d.ReleaseParked(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"two expired"}, ready(t, s)); diff != "" {
		t.Error(diff)
	}
	if err := d.ReleaseParked(t.Context(), 7); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("release of a mail that is not there: %v", err)
	}
}

// TestADroppedMailIsGivenUp drops one while the store works with it: the outcome
// that comes too late changes nothing.
func TestADroppedMailIsGivenUp(t *testing.T) {
	cfg := config(path(t))
	s := open(t, cfg)
	commit(t, s, waiting("one", large("raw")))
	d := desk(t, cfg)
	if err := d.DropParked(t.Context(), 1, "dropped by an operator: a test"); err != nil {
		t.Fatal(err)
	}
	commit(t, s, shipping("one", engine.Bytes("late")))
	if got, err := s.Pending(t.Context(), "a", 10); err != nil || len(got) > 0 {
		t.Errorf("%d batches pending, %v; want none", len(got), err)
	}
	a, err := s.Begin(t.Context(), enginetest.Mail("one", "", "").Origin, "next run")
	if err != nil || !a.Committed {
		t.Errorf("begun again: %+v, %v; want it committed", a, err)
	}
	if err := d.DropParked(t.Context(), 1, ""); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("dropped twice: %v", err)
	}
	d.Close()
	closed(t, s)
	open(t, cfg)
	if n := blobs(t, cfg); n != 0 {
		t.Errorf("%d contents left after the store was opened again", n)
	}
}

func TestADeskNeedsAStore(t *testing.T) {
	if _, err := sqlite.OpenDesk(t.Context(), config(path(t))); err == nil {
		t.Error("a desk without a store")
	}
}

func TestWhatSinksNoteIsRecalled(t *testing.T) {
	cfg := config(path(t))
	s := open(t, cfg)
	note := func(sink, kind, key, value string) {
		if err := s.Note(t.Context(), sink, kind, key, value); err != nil {
			t.Fatal(err)
		}
	}
	note("tq", "event", "k", "7")
	note("tq", "event", "k", "8")
	note("other", "event", "k", "9")
	closed(t, s)
	s = open(t, cfg)
	for _, tt := range []struct{ sink, kind, key, want string }{{"tq", "event", "k", "8"}, {"other", "event", "k", "9"}, {"tq", "file", "k", ""}, {"tq", "event", "x", ""}} {
		got, ok, err := s.Recall(t.Context(), tt.sink, tt.kind, tt.key)
		if err != nil || got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s %s %s: %q, %t, %v; want %q", tt.sink, tt.kind, tt.key, got, ok, err, tt.want)
		}
	}
}

func TestMailsAreSettledOnceTheyHaveAnOutcome(t *testing.T) {
	s := open(t, config(path(t)))
	done := shipping("done")
	done.Receipt = engine.Receipt{Origin: done.Origin, Route: engine.Route{Seen: true, MoveTo: "Done"}}
	begun := enginetest.Mail("begun", "", "").Origin
	if _, err := s.Begin(t.Context(), begun, "r"); err != nil {
		t.Fatal(err)
	}
	parked := waiting("parked", nil)
	commit(t, s, done, parked)
	got, err := s.Settled(t.Context(), []engine.Origin{begun, done.Origin, parked.Origin, enginetest.Mail("new", "", "").Origin})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*engine.Receipt{nil, &done.Receipt, nil, nil}, got); diff != "" {
		t.Error(diff)
	}
}

func quarantinedOutcome(id string, raw engine.Blob) *engine.Outcome {
	return &engine.Outcome{Origin: enginetest.Mail(id, "", "").Origin, Disposition: engine.Quarantined, Reason: "panic: " + id, Stack: "stack", Raw: raw}
}

func TestAQuarantinedMailIsTriedAgainOrGivenUp(t *testing.T) {
	cfg := config(path(t))
	s := open(t, cfg)
	commit(t, s, quarantinedOutcome("one", engine.Bytes("raw one")), quarantinedOutcome("two", large("raw")), quarantinedOutcome("three", nil))
	d := desk(t, cfg)
	all, err := d.Quarantined(t.Context())
	if err != nil || len(all) != 3 || all[0].ID != 1 || all[0].Reason != "panic: one" || read(t, all[0].Raw) != "raw one" || all[2].Raw != nil {
		t.Fatalf("%+v, %v", all, err)
	}
	if err := d.RetryQuarantined(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"one expired"}, ready(t, s)); diff != "" {
		t.Error(diff)
	}
	if err := d.RetryQuarantined(t.Context(), 3); !errors.Is(err, sqlite.ErrNoRaw) {
		t.Errorf("retry without a raw mail: %v", err)
	}
	if err := d.DropQuarantined(t.Context(), 2, "dropped by an operator"); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []int64{1, 2, 99} {
		if err := errors.Join(d.DropQuarantined(t.Context(), gone, ""), d.RetryQuarantined(t.Context(), gone)); !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("decided about %d, which is not there: %v", gone, err)
		}
	}
	commit(t, s, shipping("one", engine.Bytes("handled")))
	if all, err := d.Quarantined(t.Context()); err != nil || len(all) != 1 || all[0].ID != 3 {
		t.Errorf("%+v, %v: want the third alone", all, err)
	}
	counts, err := d.Outcomes(t.Context())
	if diff := cmp.Diff(map[string]int{"shipped": 1, "skipped": 1, "quarantined": 1}, counts); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestTheDeskKnowsWhatWaits(t *testing.T) {
	cfg := config(path(t))
	s := open(t, cfg)
	commit(t, s, shipping("1"), shipping("2"), shipping("3"))
	for i, reason := range map[int]string{2: "no", 3: "never"} {
		if err := s.Fail(t.Context(), "a", fmt.Sprint("b", i), reason); err != nil {
			t.Fatal(err)
		}
	}
	d := desk(t, cfg)
	got, err := d.Backlogs(t.Context())
	if diff := cmp.Diff([]sqlite.Backlog{{Sink: "a", Waiting: 1, Oldest: enginetest.Epoch, Refused: 2, Reason: "never"}}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if n, err := d.RetryRefused(t.Context(), "other"); n != 0 || err != nil {
		t.Errorf("%d of another sink, %v", n, err)
	}
	if n, err := d.RetryRefused(t.Context(), ""); n != 2 || err != nil {
		t.Errorf("%d tried again, %v; want 2", n, err)
	}
	if n, _, err := s.Waiting(t.Context(), "a"); n != 3 || err != nil {
		t.Errorf("%d wait, %v; want 3", n, err)
	}
}

func TestRunsAreRemembered(t *testing.T) {
	cfg := config(path(t))
	at := enginetest.Epoch
	cfg.Now = func() time.Time { at = at.Add(time.Minute); return at }
	s := open(t, cfg)
	if err := errors.Join(s.Began(t.Context(), "first"), s.Ended(t.Context(), "first", engine.Summary{Read: 3}, errors.New("disk full")), s.Began(t.Context(), "second")); err != nil {
		t.Fatal(err)
	}
	got, err := desk(t, cfg).Runs(t.Context(), 5)
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if got[0].Name != "second" || !got[0].Ended.IsZero() || got[0].Process == 0 {
		t.Errorf("the one that goes on: %+v", got[0])
	}
	if got[1].Summary.Read != 3 || got[1].Error != "disk full" || !got[1].Ended.After(got[1].Started) {
		t.Errorf("the one that has ended: %+v", got[1])
	}
}

func TestAMailThatWasGivenBackIsNotBegun(t *testing.T) {
	cfg := config(path(t))
	s := open(t, cfg)
	begun, back := enginetest.Mail("begun", "", "").Origin, enginetest.Mail("back", "", "").Origin
	for _, o := range []engine.Origin{begun, back} {
		if _, err := s.Begin(t.Context(), o, "r"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Release(t.Context(), []engine.Origin{back}, "r"); err != nil {
		t.Fatal(err)
	}
	counts, err := desk(t, cfg).Outcomes(t.Context())
	if diff := cmp.Diff(map[string]int{"": 1}, counts); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
