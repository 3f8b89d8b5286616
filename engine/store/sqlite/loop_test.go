package sqlite_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/store/mem"
	"github.com/tqmailrules/tqmailrules/engine/store/sqlite"
)

// fakeMails are n mails, each with an indicator of its own; every fourth is
// held once.
func fakeMails(n int) []engine.Delivery {
	var all []engine.Delivery
	for i := range n {
		subject := fmt.Sprint("mail ", i)
		if i%4 == 0 {
			subject += " hold"
		}
		all = append(all, enginetest.Mail(fmt.Sprint(i), subject, fmt.Sprintf("text ioc-%d and ioc-shared", i)))
	}
	return all
}

func loop(src engine.Source, store engine.Store, sinks ...engine.Sink) engine.Config {
	clock := &engine.StillClock{}
	clock.Set(enginetest.Epoch)
	return engine.Config{
		Source: src, Store: store, Sinks: sinks, Parser: enginetest.Parser{}, Rules: enginetest.Rules{OnEvaluate: holdOnce},
		Extractors: []engine.Extractor{enginetest.Words{}}, Clock: clock, AtEnd: func() { clock.Set(engine.EndOfTime) }, Workers: 2,
	}
}

func holdOnce(p engine.Phase, v *engine.View) engine.Plan {
	if p == engine.PhaseMessage && strings.Contains(v.Message.Subject.Subject, "hold") {
		return enginetest.Steps("holder", engine.Hold{For: 3600e9})
	}
	return engine.Plan{}
}

func run(t *testing.T, ctx context.Context, cfg engine.Config) (engine.Summary, error) {
	t.Helper()
	e, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer cfg.Source.Close()
	return e.Run(ctx)
}

// effects are the events and indicators of batches, one line each.
func effects(batches []engine.Batch) []string {
	var all []string
	for _, b := range batches {
		for _, e := range b.Events {
			all = append(all, b.Key+" "+e.Key+" "+e.Title)
		}
		for _, i := range b.Indicators {
			all = append(all, b.Key+" "+i.Key)
		}
	}
	slices.Sort(all)
	return all
}

func undisturbed(t *testing.T, mails []engine.Delivery) []string {
	t.Helper()
	rec := &enginetest.Recorder{Sink: "a"}
	if _, err := run(t, t.Context(), loop(enginetest.NewMailbox(mails...).Open(), mem.New(), rec)); err != nil {
		t.Fatal(err)
	}
	want := effects(rec.Batches())
	if len(want) != 3*len(mails) {
		t.Fatalf("%d effects of %d mails", len(want), len(mails))
	}
	return want
}

// TestFaultsLoseNothingAndShipNothingTwice works a mailbox off through faults in
// the store, the source and a sink, through cancelled runs, and through a store
// that is opened anew for each run.
func TestFaultsLoseNothingAndShipNothingTwice(t *testing.T) {
	seeds := uint64(40)
	switch {
	case os.Getenv("TQ_SOAK") != "":
		seeds = 1000
	case testing.Short():
		seeds = 8
	}
	mails := fakeMails(24)
	want := undisturbed(t, mails)
	for seed := range seeds {
		faults, rng := enginetest.NewFaults(seed, 0.3), rand.New(rand.NewPCG(seed, 7))
		box, rec, cfg := enginetest.NewMailbox(mails...), &enginetest.Recorder{Sink: "a"}, config(path(t))
		for attempt := 0; ; attempt++ {
			if attempt == 200 {
				t.Fatalf("seed %d: no peace after %d runs", seed, attempt)
			}
			store := open(t, cfg)
			ctx, cancel := context.WithCancel(t.Context())
			c := loop(faults.Source(box.Open()), faults.Store(store), faults.Sink(rec))
			c.Run, c.Tries, c.CommitGroup = fmt.Sprint(attempt), 2, 4
			if after := rng.Int32N(40); attempt < 3 {
				var n atomic.Int32
				c.Observe = func(*engine.Outcome) {
					if n.Add(1) >= after {
						cancel()
					}
				}
			}
			sum, err := run(t, ctx, c)
			cancel()
			peace := err == nil && !sum.Degraded()
			if peace {
				wantEmpty(t, store)
			}
			closed(t, store)
			if peace {
				break
			}
		}
		if n := len(box.Acked()); n != len(mails) {
			t.Fatalf("seed %d: %d of %d mails acknowledged", seed, n, len(mails))
		}
		if diff := cmp.Diff(want, effects(rec.Batches())); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
}

// wantEmpty wants nothing to be left to do, and nobody to be blamed.
func wantEmpty(t *testing.T, s *sqlite.Store) {
	t.Helper()
	held, err := s.Quarantined(t.Context())
	ready, err2 := s.Ready(t.Context(), engine.EndOfTime, 100)
	waiting, _, err3 := s.Waiting(t.Context(), "a")
	if len(held)+len(ready)+waiting > 0 || err != nil || err2 != nil || err3 != nil {
		t.Fatalf("%d quarantined, %d parked, %d waiting; %v %v %v", len(held), len(ready), waiting, err, err2, err3)
	}
}

// TestMailThatKillsTheProcessIsQuarantinedUnparsed: three processes die while
// they parse mail 2, the fourth does not parse it. Each opens the store anew.
func TestMailThatKillsTheProcessIsQuarantinedUnparsed(t *testing.T) {
	mails := fakeMails(12)
	cfg, rec, box := config(path(t)), &enginetest.Recorder{Sink: "a"}, enginetest.NewMailbox(mails...)
	parsed := 0
	for process := range 3 {
		store := open(t, cfg)
		mortal := &enginetest.Mortal{Store: store}
		c := loop(box.Open(), mortal, rec)
		c.Run = fmt.Sprint("process ", process)
		c.Parser = enginetest.Parser{Before: func(o engine.Origin) {
			if o.ID == "2" {
				parsed++
				mortal.Kill()
			}
		}}
		if _, err := run(t, t.Context(), c); err == nil {
			t.Fatal("a dead process ended in peace")
		}
		closed(t, store)
	}
	store := open(t, cfg)
	c := loop(box.Open(), store, rec)
	c.Run = "process 4"
	c.Parser = enginetest.Parser{Before: func(o engine.Origin) {
		if o.ID == "2" {
			t.Error("parsed a fourth time")
		}
	}}
	sum, err := run(t, t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	held, err := store.Quarantined(t.Context())
	if parsed != 3 || sum.Quarantined != 1 || err != nil || len(held) != 1 || held[0].Origin.ID != "2" {
		t.Errorf("parsed %d times, quarantined %d: %v, %v; want 3 and mail 2", parsed, sum.Quarantined, held, err)
	}
	if got := len(rec.Batches()); got != 11 {
		t.Errorf("%d of the 11 other mails shipped", got)
	}
}
