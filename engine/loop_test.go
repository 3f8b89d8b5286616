package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/store/mem"
)

// fakeMails are n mails, each with an indicator of its own and a shared one.
func fakeMails(n int) []engine.Delivery {
	var all []engine.Delivery
	for i := range n {
		all = append(all, enginetest.Mail(fmt.Sprint(i), fmt.Sprintf("mail %d", i), fmt.Sprintf("text ioc-%d and ioc-shared", i)))
	}
	return all
}

func config(src engine.Source, store engine.Store, sinks ...engine.Sink) engine.Config {
	return engine.Config{
		Source: src, Store: store, Sinks: sinks, Parser: enginetest.Parser{}, Rules: enginetest.Rules{},
		Extractors: []engine.Extractor{enginetest.Words{}}, Clock: &engine.StillClock{}, Workers: 2,
	}
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

// shipped runs a corpus without faults and returns what a sink got.
func shipped(t *testing.T, mails []engine.Delivery, workers int) []engine.Batch {
	t.Helper()
	rec := &enginetest.Recorder{Sink: "a"}
	cfg := config(enginetest.NewMailbox(mails...).Open(), mem.New(), rec)
	cfg.Workers = workers
	if _, err := run(t, t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	return rec.Batches()
}

var compareBatches = cmp.Options{cmpopts.EquateEmpty(), cmpopts.IgnoreFields(engine.EventRecord{}, "Raw")}

func TestAnyOrderAndAnyNumberOfWorkersGiveTheSameOutcomes(t *testing.T) {
	mails := fakeMails(60)
	want := shipped(t, mails, 1)
	if len(want) != len(mails) {
		t.Fatalf("shipped %d batches of %d mails", len(want), len(mails))
	}
	for seed := range uint64(20) {
		shuffled := slices.Clone(mails)
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if diff := cmp.Diff(want, shipped(t, shuffled, 1+int(seed%8)), compareBatches); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
}

func TestOutcomesAreShownInTheOrderOfTheSource(t *testing.T) {
	var seen, want []string
	mails := fakeMails(100)
	for _, m := range mails {
		want = append(want, m.Origin.ID)
	}
	cfg := config(enginetest.NewMailbox(mails...).Open(), mem.New())
	cfg.Workers = 7
	cfg.Observe = func(o *engine.Outcome) { seen = append(seen, o.Origin.ID) }
	if _, err := run(t, t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}

// TestFaultsLoseNothingAndShipNothingTwice works a mailbox off through faults
// in Begin, Commit, Ack, Done and Ship and through cancelled runs, until a run
// ends in peace.
func TestFaultsLoseNothingAndShipNothingTwice(t *testing.T) {
	seeds := uint64(500)
	if testing.Short() {
		seeds = 50
	}
	mails := fakeMails(25)
	want := shipped(t, mails, 1)
	for seed := range seeds {
		a, b := &enginetest.Recorder{Sink: "a"}, &enginetest.Recorder{Sink: "b"}
		box, store, faults := enginetest.NewMailbox(mails...), mem.New(), enginetest.NewFaults(seed, 0.3)
		rng := rand.New(rand.NewPCG(seed, 7))
		for attempt := 0; ; attempt++ {
			if attempt == 200 {
				t.Fatalf("seed %d: no peace after %d runs", seed, attempt)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cfg := config(faults.Source(box.Open()), faults.Store(store), faults.Sink(a), faults.Sink(b))
			cfg.Run, cfg.Tries, cfg.CommitGroup = fmt.Sprint(attempt), 2, 4
			if after := rng.IntN(40); attempt < 3 {
				var n atomic.Int32
				cfg.Observe = func(*engine.Outcome) {
					if int(n.Add(1)) >= after {
						cancel()
					}
				}
			}
			sum, err := run(t, ctx, cfg)
			cancel()
			if err == nil && !sum.Degraded() {
				break
			}
		}
		if n := len(store.Quarantined()); n != 0 {
			t.Fatalf("seed %d: %d mails quarantined", seed, n)
		}
		if n := len(box.Acked()); n != len(mails) {
			t.Fatalf("seed %d: %d of %d mails acknowledged", seed, n, len(mails))
		}
		for _, rec := range []*enginetest.Recorder{a, b} {
			if diff := cmp.Diff(effects(want), effects(rec.Batches())); diff != "" {
				t.Fatalf("seed %d, sink %s (-want +got):\n%s", seed, rec.Sink, diff)
			}
		}
	}
}

// effects are the events and indicators of batches, which no sink shares with
// another.
func effects(batches []engine.Batch) []string {
	var all []string
	for _, b := range batches {
		for _, e := range b.Events {
			all = append(all, e.Key+" "+e.Title)
		}
		for _, i := range b.Indicators {
			all = append(all, b.Origin.ID+" "+i.Key)
		}
	}
	slices.Sort(all)
	return all
}

func TestPanicQuarantinesOneMessageAndTheLoopGoesOn(t *testing.T) {
	mails := fakeMails(9)
	mails[4] = enginetest.Mail("4", "panic in the parser", "text")
	mails[6] = enginetest.Mail("6", "an extractor crashes", "crash ioc-6")
	rec, store := &enginetest.Recorder{Sink: "a"}, mem.New()
	box := enginetest.NewMailbox(mails...)
	defects := map[string][]engine.Defect{}
	cfg := config(box.Open(), store, rec)
	cfg.Observe = func(o *engine.Outcome) { defects[o.Origin.ID] = o.Defects }
	sum, err := run(t, t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Quarantined != 1 || sum.Shipped != 8 {
		t.Errorf("quarantined %d, shipped %d, want 1 and 8", sum.Quarantined, sum.Shipped)
	}
	q := store.Quarantined()
	if len(q) != 1 || q[0].Origin.ID != "4" || !strings.Contains(q[0].Stack, "enginetest.Parser.Parse") {
		t.Fatalf("quarantine: %+v, want mail 4 with the stack of the parser", q)
	}
	raw, _ := engine.ReadAll(q[0].Raw, 1<<20)
	if !strings.Contains(string(raw), "panic in the parser") {
		t.Errorf("raw bytes are not kept: %q", raw)
	}
	if d := defects["6"]; len(d) != 1 || d[0].Code != engine.DefectExtractor {
		t.Errorf("defects of the mail whose extractor crashed: %v", d)
	}
	if len(box.Acked()) != len(mails) {
		t.Errorf("acknowledged %d of %d", len(box.Acked()), len(mails))
	}
}

// TestMailThatKillsTheProcessIsQuarantinedUnparsed: the process dies while it
// parses mail 2; the store outlives it. The fourth process does not parse it.
// The mails that were in flight at the first death are not taken for guilty.
func TestMailThatKillsTheProcessIsQuarantinedUnparsed(t *testing.T) {
	mails := fakeMails(12)
	store, rec := mem.New(), &enginetest.Recorder{Sink: "a"}
	box := enginetest.NewMailbox(mails...)
	parsed := 0
	for process := range 3 {
		mortal := &enginetest.Mortal{Store: store}
		cfg := config(box.Open(), mortal, rec)
		cfg.Run = fmt.Sprint("process ", process)
		cfg.Parser = enginetest.Parser{Before: func(o engine.Origin) {
			if o.ID == "2" {
				parsed++
				mortal.Kill()
			}
		}}
		if _, err := run(t, t.Context(), cfg); err == nil {
			t.Fatal("a dead process ended in peace")
		}
	}
	cfg := config(box.Open(), store, rec)
	cfg.Run = "process 4"
	cfg.Parser = enginetest.Parser{Before: func(o engine.Origin) {
		if o.ID == "2" {
			t.Error("parsed a fourth time")
		}
	}}
	sum, err := run(t, t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if parsed != 3 || sum.Quarantined != 1 {
		t.Errorf("parsed %d times, quarantined %d, want 3 and 1", parsed, sum.Quarantined)
	}
	if q := store.Quarantined(); len(q) != 1 || q[0].Origin.ID != "2" {
		t.Errorf("quarantine: %+v", q)
	}
	if got := len(rec.Batches()); got != 11 {
		t.Errorf("%d of the 11 other mails shipped", got)
	}
}

func TestHeldMailShipsAtTheEnd(t *testing.T) {
	clock := &engine.StillClock{}
	rec := &enginetest.Recorder{Sink: "a"}
	cfg := config(enginetest.NewMailbox(enginetest.Mail("1", "hold me", "ioc-1")).Open(), mem.New(), rec)
	cfg.Clock, cfg.AtEnd = clock, func() { clock.Set(engine.EndOfTime) }
	cfg.Rules = enginetest.Rules{OnEvaluate: func(p engine.Phase, v *engine.View) engine.Plan {
		if p == engine.PhaseMessage && strings.Contains(v.Message.Subject.Subject, "hold") {
			return enginetest.Steps("holder", engine.Hold{For: 3600e9})
		}
		return engine.Plan{}
	}}
	var dispositions []engine.Disposition
	cfg.Observe = func(o *engine.Outcome) { dispositions = append(dispositions, o.Disposition) }
	if _, err := run(t, t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]engine.Disposition{engine.Parked, engine.Shipped}, dispositions); diff != "" {
		t.Error(diff)
	}
}

func TestSinkThatRefusesDoesNotStopTheOthers(t *testing.T) {
	good := &enginetest.Recorder{Sink: "good"}
	cfg := config(enginetest.NewMailbox(fakeMails(30)...).Open(), mem.New(), good, sinkError{"bad", errors.New("400 bad request")}, sinkError{"down", fmt.Errorf("503: %w", engine.ErrTemporary)})
	cfg.Backlog = 4
	sum, err := run(t, t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	got := []int{len(good.Batches()), sum.Failed["bad"], sum.Unshipped["down"]}
	if diff := cmp.Diff([]int{30, 30, 30}, got); diff != "" || !sum.Degraded() {
		t.Errorf("good, failed, unshipped (-want +got):\n%s", diff)
	}
}

type sinkError struct {
	name string
	err  error
}

func (s sinkError) Name() string                             { return s.name }
func (s sinkError) Ship(context.Context, engine.Batch) error { return s.err }
func (s sinkError) Close() error                             { return nil }

// TestMemoryStaysFlat measures the heap after 5,000 and after all generated
// messages.
func TestMemoryStaysFlat(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 20_000
	}
	src := &generated{n: n}
	cfg := config(src, mem.New(), discard{})
	cfg.Backlog = 64
	var early uint64
	count := 0
	cfg.Observe = func(*engine.Outcome) {
		if count++; count == 5000 {
			early = heap()
		}
	}
	if _, err := run(t, t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	late := heap()
	t.Logf("%d messages: heap %d KiB after 5,000, %d KiB at the end", n, early>>10, late>>10)
	if perMail := (int64(late) - int64(early)) / int64(n-5000); perMail > 256 {
		t.Errorf("grows by %d bytes a message, want the ledger entry only (at most 256)", perMail)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

type generated struct{ at, n int }

func (g *generated) Next(context.Context) (engine.Delivery, error) {
	if g.at == g.n {
		return engine.Delivery{}, io.EOF
	}
	g.at++
	return enginetest.Mail(fmt.Sprint(g.at), "generated", strings.Repeat("some text ", 400)+fmt.Sprint(" ioc-", g.at)), nil
}
func (g *generated) Ack(context.Context, []engine.Receipt) error { return nil }
func (g *generated) Close() error                                { return nil }

type discard struct{}

func (discard) Name() string                             { return "discard" }
func (discard) Ship(context.Context, engine.Batch) error { return nil }
func (discard) Close() error                             { return nil }

func TestSpoolLeavesNoFileBehind(t *testing.T) {
	dir := t.TempDir()
	s := engine.Spool{Dir: dir, Threshold: 10}
	for range 5 {
		if _, err := s.Write([]byte("0123456789")); err != nil {
			t.Fatal(err)
		}
	}
	blob := s.Blob()
	for range 2 {
		if got, err := engine.ReadAll(blob, 1000); err != nil || len(got) != 50 || blob.Size() != 50 {
			t.Fatalf("read %d bytes, %v", len(got), err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%d files have a name", len(left))
	}
}
