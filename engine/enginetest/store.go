package enginetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
)

// TestStore checks the contract of engine.Store. open returns a fresh store
// and, for a durable one, a function that closes it and opens it again; nil for
// one that forgets.
func TestStore(t *testing.T, open func(t *testing.T) (s engine.Store, reopen func() engine.Store)) {
	tests := []struct {
		name string
		run  func(t *testing.T, h *storeHarness)
	}{
		{"attempts count runs", attemptsCountRuns},
		{"release takes an attempt back", releaseTakesBack},
		{"a commit counts once", commitCountsOnce},
		{"a batch is pending until it is done", pendingUntilDone},
		{"a failed batch is set aside", failedIsSetAside},
		{"a held mail comes back at its deadline", heldComesBack},
		{"a parked mail joins its partner in either order", joinsInEitherOrder},
		{"an offer that was tried does not wake a mail", triedOffersDoNotWake},
		{"an offer that it has not seen does", unseenOffersWake},
		{"offers are ordered, and one per mail", offersAreOrdered},
		{"a partner outside the window does not join", windowCounts},
		{"offers per key are bounded", offersAreBounded},
		{"the outcome of a parked mail takes its place", outcomeTakesPlace},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, reopen := open(t)
			h := &storeHarness{T: t, s: s, reopen: reopen}
			defer func() { h.s.Close() }()
			tt.run(t, h)
		})
	}
}

type storeHarness struct {
	*testing.T
	s      engine.Store
	reopen func() engine.Store
}

// restart closes and opens a durable store; it does nothing to a forgetful one.
func (h *storeHarness) restart() {
	if h.reopen != nil {
		h.s = h.reopen()
	}
}

func (h *storeHarness) begin(id, run string) engine.Attempt {
	h.Helper()
	a, err := h.s.Begin(h.Context(), originOf(id), run)
	h.must(err)
	return a
}

func (h *storeHarness) commit(o *engine.Outcome) {
	h.Helper()
	h.must(h.s.Commit(h.Context(), []*engine.Outcome{o}))
}

func (h *storeHarness) ready(now time.Time) []engine.Delivery {
	h.Helper()
	ds, err := h.s.Ready(h.Context(), now, 100)
	h.must(err)
	return ds
}

func (h *storeHarness) pending(sink string) []string {
	h.Helper()
	batches, err := h.s.Pending(h.Context(), sink, 100)
	h.must(err)
	keys := []string{}
	for _, b := range batches {
		keys = append(keys, b.Key)
	}
	return keys
}

func (h *storeHarness) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *storeHarness) equal(what string, want, got any) {
	h.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		h.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func originOf(id string) engine.Origin { return Mail(id, "", "").Origin }

func outcomeOf(id string, batches ...string) *engine.Outcome {
	o := &engine.Outcome{Origin: originOf(id), Disposition: engine.Shipped, Raw: engine.Bytes("raw " + id), Receipt: engine.Receipt{Origin: originOf(id)}}
	for _, key := range batches {
		o.Batches = append(o.Batches, engine.Batch{Key: key, Sink: "a", Origin: o.Origin})
	}
	return o
}

func attemptsCountRuns(t *testing.T, h *storeHarness) {
	h.equal("first", 1, h.begin("1", "r1").Number)
	h.equal("same run", 1, h.begin("1", "r1").Number)
	h.restart()
	h.equal("second run", 2, h.begin("1", "r2").Number)
	h.equal("another mail", 1, h.begin("2", "r2").Number)
}

func releaseTakesBack(t *testing.T, h *storeHarness) {
	h.begin("1", "r1")
	for range 2 {
		h.must(h.s.Release(h.Context(), []engine.Origin{originOf("1"), originOf("unknown")}, "r1"))
	}
	h.restart()
	h.equal("after release", 1, h.begin("1", "r2").Number)
	h.must(h.s.Release(h.Context(), []engine.Origin{originOf("1")}, "r1"))
	h.equal("release by another run", 2, h.begin("1", "r3").Number)
}

func commitCountsOnce(t *testing.T, h *storeHarness) {
	h.begin("1", "r1")
	o := outcomeOf("1", "b1")
	o.Receipt.Route = engine.Route{Seen: true, MoveTo: "Done"}
	h.commit(o)
	h.must(h.s.Done(h.Context(), "a", []string{"b1"}))
	h.commit(outcomeOf("1", "b1", "b2"))
	h.restart()
	a := h.begin("1", "r2")
	h.equal("committed", true, a.Committed)
	h.equal("receipt", o.Receipt.Route, a.Receipt.Route)
	h.equal("pending", []string{}, h.pending("a"))
}

func pendingUntilDone(t *testing.T, h *storeHarness) {
	h.commit(outcomeOf("1", "b1", "b2"))
	h.commit(outcomeOf("2", "b3"))
	h.restart()
	h.equal("oldest first", []string{"b1", "b2", "b3"}, h.pending("a"))
	h.equal("another sink", []string{}, h.pending("b"))
	for range 2 {
		h.must(h.s.Done(h.Context(), "a", []string{"b1", "b3"}))
	}
	h.restart()
	h.equal("after done", []string{"b2"}, h.pending("a"))
}

func failedIsSetAside(t *testing.T, h *storeHarness) {
	h.commit(outcomeOf("1", "b1", "b2"))
	h.must(h.s.Fail(h.Context(), "a", "b1", "refused"))
	h.restart()
	h.equal("after fail", []string{"b2"}, h.pending("a"))
}

func parkedOutcome(id string, key engine.Key, window time.Duration) *engine.Outcome {
	o := outcomeOf(id)
	o.Disposition = engine.Parked
	o.Park = &engine.Park{Received: Epoch, Deadline: Epoch.Add(window)}
	if key != (engine.Key{}) {
		o.Park.Waits = []engine.Wait{{Key: key, Window: window}}
	}
	return o
}

func offering(id string, key engine.Key, at time.Time, password string) *engine.Outcome {
	o := outcomeOf(id)
	o.Offers = []engine.Offer{{Key: key, Received: at, Window: time.Hour, Secrets: []engine.Secret{{Password: engine.LiteralPassword(password), Part: engine.PartText, Span: engine.Span{Start: 3, End: 10}}}}}
	return o
}

var pairKey = engine.Key{Scope: "partner.example", Key: "CASE-1"}

func heldComesBack(t *testing.T, h *storeHarness) {
	h.commit(parkedOutcome("1", engine.Key{}, time.Hour))
	h.restart()
	h.equal("before", 0, len(h.ready(Epoch.Add(59*time.Minute))))
	got := h.ready(Epoch.Add(time.Hour))
	if len(got) != 1 || !got[0].Expired {
		t.Fatalf("at the deadline: %+v, want the mail, expired", got)
	}
	digest, err := engine.Digest(got[0].Raw)
	h.must(err)
	want, _ := engine.Digest(engine.Bytes("raw 1"))
	h.equal("raw", want, digest)
	h.equal("again until committed", 1, len(h.ready(Epoch.Add(time.Hour))))
}

func joinsInEitherOrder(t *testing.T, h *storeHarness) {
	h.commit(parkedOutcome("locked-first", pairKey, time.Hour))
	h.restart()
	h.commit(offering("password", pairKey, Epoch.Add(30*time.Minute), "hunter2"))
	h.restart()
	h.commit(parkedOutcome("locked-second", pairKey, time.Hour))
	h.restart()
	got := h.ready(Epoch)
	h.equal("ready", 2, len(got))
	for _, d := range got {
		h.equal("parked", true, d.Parked)
		h.equal("expired", false, d.Expired)
	}
	state, err := h.s.Snapshot(h.Context(), []engine.Key{pairKey, {Scope: "x", Key: "y"}})
	h.must(err)
	h.equal("keys", 1, len(state))
	h.equal("offers", 1, len(state[pairKey]))
	for _, of := range state[pairKey] {
		p, _ := of.Secrets[0].Password.Reveal(nil)
		h.equal("password", "hunter2", p)
		h.equal("span", engine.Span{Start: 3, End: 10}, of.Secrets[0].Span)
		h.equal("part", engine.PartText, of.Secrets[0].Part)
		h.equal("id", originOf("password").Key(), of.ID)
		h.equal("received", true, of.Received.Equal(Epoch.Add(30*time.Minute)))
	}
}

// A mail that tried an offer in vain waits on, for a further one or for its
// deadline.
func triedOffersDoNotWake(t *testing.T, h *storeHarness) {
	h.commit(parkedOutcome("locked", pairKey, time.Hour))
	h.commit(offering("wrong", pairKey, Epoch, "x"))
	h.equal("ready", 1, len(h.ready(Epoch)))
	again := parkedOutcome("locked", pairKey, time.Hour)
	again.Park.Seen = []string{originOf("wrong").Key()}
	h.commit(again)
	h.restart()
	h.equal("after trying it", 0, len(h.ready(Epoch)))
	h.equal("at the deadline", true, h.ready(Epoch.Add(time.Hour))[0].Expired)
	h.commit(offering("right", pairKey, Epoch.Add(time.Minute), "y"))
	h.restart()
	got := h.ready(Epoch)
	h.equal("after another", 1, len(got))
	h.equal("expired", false, got[0].Expired)
}

// An offer that was committed between a mail's snapshot and its commit counts.
func unseenOffersWake(t *testing.T, h *storeHarness) {
	h.commit(offering("known", pairKey, Epoch, "x"))
	h.commit(offering("news", pairKey, Epoch, "y"))
	o := parkedOutcome("locked", pairKey, time.Hour)
	o.Park.Seen = []string{originOf("known").Key()}
	h.commit(o)
	h.restart()
	h.equal("ready", 1, len(h.ready(Epoch)))
}

// What one mail offers is remembered once, however often it is committed, and
// offers come in order of receipt.
func offersAreOrdered(t *testing.T, h *storeHarness) {
	h.commit(offering("b", pairKey, Epoch.Add(time.Minute), "2"))
	h.commit(offering("c", pairKey, Epoch, "1"))
	h.commit(offering("a", pairKey, Epoch.Add(time.Minute), "2"))
	h.commit(offering("a", pairKey, Epoch.Add(time.Minute), "2"))
	h.restart()
	state, err := h.s.Snapshot(h.Context(), []engine.Key{pairKey})
	h.must(err)
	ids := []string{}
	for _, of := range state[pairKey] {
		ids = append(ids, of.ID)
	}
	h.equal("order", []string{originOf("c").Key(), originOf("a").Key(), originOf("b").Key()}, ids)
}

func windowCounts(t *testing.T, h *storeHarness) {
	h.commit(parkedOutcome("1", pairKey, time.Hour))
	h.commit(offering("late", pairKey, Epoch.Add(2*time.Hour), "x"))
	h.commit(offering("other key", engine.Key{Scope: "other.example", Key: "CASE-1"}, Epoch, "x"))
	h.equal("ready", 0, len(h.ready(Epoch)))
}

func offersAreBounded(t *testing.T, h *storeHarness) {
	for i := range 100 {
		h.commit(offering("flood-"+string(rune('a'+i%26))+string(rune('a'+i/26)), pairKey, Epoch, "x"))
	}
	state, err := h.s.Snapshot(h.Context(), []engine.Key{pairKey})
	h.must(err)
	if n := len(state[pairKey]); n == 0 || n > 32 {
		t.Errorf("%d offers under one key, want 1 to 32", n)
	}
}

func outcomeTakesPlace(t *testing.T, h *storeHarness) {
	h.begin("1", "r1")
	h.commit(parkedOutcome("1", engine.Key{}, time.Hour))
	h.restart()
	h.begin("1", "r2")
	h.commit(outcomeOf("1", "b1"))
	h.commit(outcomeOf("1", "b2"))
	h.restart()
	h.equal("ready", 0, len(h.ready(engine.EndOfTime)))
	h.equal("pending", []string{"b1"}, h.pending("a"))
}
