package enginetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
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
		{"release takes an attempt at a parked mail back", releaseOfParked},
		{"a group may hold two outcomes of a mail", twoOutcomesInAGroup},
		{"a batch comes back as it was committed", batchComesBack},
		{"contents outlive what referred to them", contentsOutlive},
		{"contents that mails share stay for the others", contentsAreShared},
		{"identities come back byte by byte", identitiesAreExact},
		{"a mail may be quarantined", mayBeQuarantined},
		{"mails of a sender are counted by when they were received", arrivalsAreCounted},
		{"parked mails come earliest deadline first", earliestFirst},
		{"sinks do not see each other's batches", sinksAreApart},
		{"methods may be called at the same time", methodsAreConcurrent},
		{"an ended context is obeyed", endedContextIsObeyed},
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
	n, _, err := h.s.Waiting(h.Context(), "a")
	h.must(err)
	h.equal("waiting", 1, n)
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
	twice := offering("a", pairKey, Epoch.Add(time.Minute), "2")
	twice.Offers = append(twice.Offers, twice.Offers[0])
	h.commit(twice)
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

func releaseOfParked(t *testing.T, h *storeHarness) {
	h.begin("1", "r1")
	h.commit(parkedOutcome("1", engine.Key{}, time.Hour))
	h.must(h.s.Release(h.Context(), []engine.Origin{originOf("1")}, "r1")) // a commit had its effect and reported an error
	h.equal("attempt in the run that parked it", 1, h.begin("1", "r1").Number)
	h.must(h.s.Release(h.Context(), []engine.Origin{originOf("1")}, "r1"))
	for i := range 5 {
		run := fmt.Sprint("later ", i)
		h.equal("attempt", 1, h.begin("1", run).Number)
		h.must(h.s.Release(h.Context(), []engine.Origin{originOf("1")}, run))
		h.restart()
	}
	h.equal("still there", 1, len(h.ready(Epoch.Add(time.Hour))))
}

func twoOutcomesInAGroup(t *testing.T, h *storeHarness) {
	h.must(h.s.Commit(h.Context(), []*engine.Outcome{
		outcomeOf("1", "b1"), outcomeOf("1", "b2"), parkedOutcome("2", engine.Key{}, time.Hour), outcomeOf("2", "b3"), outcomeOf("2", "b4"),
	}))
	h.restart()
	h.equal("pending", []string{"b1", "b3"}, h.pending("a"))
	h.equal("ready", 0, len(h.ready(engine.EndOfTime)))
}

// sameBatches compares batches with the bytes of their contents.
var sameBatches = cmp.Transformer("bytes", func(b engine.Blob) string {
	if b == nil {
		return "none"
	}
	data, err := engine.ReadAll(b, 64<<20)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(b.Size(), " ", string(data))
})

// large is content that no store keeps in memory or in a row.
var large = engine.Bytes(bytes.Repeat([]byte("large "), 200_000))

// fullBatch has something in every field.
func fullBatch(key string, file engine.Blob) engine.Batch {
	at := time.Date(2026, 3, 1, 9, 0, 0, 123456789, time.FixedZone("", 2*3600))
	origin := engine.Origin{Source: "s", Account: "a", Folder: "f/g", ID: "17-4711", Name: "mail <1>\u2028", Received: at, Digest: "abc"}
	attributes := []engine.AttributeRecord{{Name: "a & b", Value: "\x00\u202e<v>"}, {Name: "", Value: ""}}
	return engine.Batch{
		Key: key, Sink: "a", Origin: origin,
		Events: []engine.EventRecord{{
			Key: "e", Item: "n1/f1", Type: "Spearphish", Title: "t", HappenedAt: at, Description: "d", Source: "s", TLP: "AMBER", Score: -7,
			Tags: []string{"x", "y"}, Attributes: attributes, SeenIn: "s/a/f%2Fg/17-4711", Raw: engine.Bytes("raw of the event"),
			Message: engine.MessageRecord{
				ID: "i", MessageID: "m", SHA256: "aa", Size: 9, From: "f", To: []string{"t"}, Cc: []string{"c"}, Subject: "s", Date: at,
				Received: at, Treatment: "intelligence", Carrier: "c",
			},
		}, {Key: "bare", SeenIn: "s"}},
		Files: []engine.FileRecord{{
			Key: "aa", Name: "n", RawName: "r", Type: "t", ContentType: "c", FileType: "pdf", Size: 1 << 40, MD5: "m", SHA1: "s", Locked: true,
			Encrypted: true, Source: "s", TLP: "RED", Tags: []string{"z"}, Attributes: attributes, Content: file,
		}, {Key: "bare"}, {Key: "empty", Content: engine.Empty}},
		Indicators: []engine.IndicatorRecord{{
			Key: "FQDN\x1fevil.example", Type: "FQDN", Value: "evil.example", Status: "Review", Source: "s", TLP: "GREEN", Tags: []string{"t"},
			Attributes: attributes, Contexts: []string{"body"}, Flags: []string{"refanged"}, Original: "evil[.]example",
		}},
		Objects:   []engine.ObjectRecord{{Key: "adversary\x1fx", Type: "adversary", Name: "x"}},
		Relations: []engine.Relation{{From: engine.Ref{Kind: "event", Key: "e"}, To: engine.Ref{Kind: "file", Key: "aa"}}},
		Matches:   []engine.MatchRecord{{Item: "n1", Rule: "r", Phase: "message", Result: "match", Shadow: true, Error: "e"}},
		Defects:   []engine.Defect{{Code: "c", Part: "1.2", Detail: "d", Cap: true}},
	}
}

func batchComesBack(t *testing.T, h *storeHarness) {
	want := []engine.Batch{fullBatch("small", engine.Bytes("a file")), fullBatch("large", large)}
	want[1].Events[0].HappenedAt = time.Time{}
	o := outcomeOf("1")
	o.Batches = want
	h.commit(o)
	h.restart()
	got, err := h.s.Pending(h.Context(), "a", 10)
	h.must(err)
	if diff := cmp.Diff(want, got, sameBatches); diff != "" {
		t.Errorf("batches (-committed +pending):\n%s", diff)
	}
}

func contentsOutlive(t *testing.T, h *storeHarness) {
	parked := parkedOutcome("2", engine.Key{}, time.Hour)
	parked.Raw = large
	o := outcomeOf("1")
	o.Batches = []engine.Batch{fullBatch("small", engine.Bytes("a file")), fullBatch("large", large)}
	h.must(h.s.Commit(h.Context(), []*engine.Outcome{o, parked}))
	h.restart()
	got, err := h.s.Pending(h.Context(), "a", 10)
	h.must(err)
	ready := h.ready(Epoch.Add(time.Hour))
	reader, err := got[1].Files[0].Content.Open()
	h.must(err)
	defer reader.Close()
	for range 2 { // a later call must not take away what an earlier one left
		h.must(h.s.Done(h.Context(), "a", []string{"small", "large"}))
		h.commit(outcomeOf("2"))
	}
	if diff := cmp.Diff(o.Batches, got, sameBatches); diff != "" {
		t.Errorf("after they were done (-committed +held):\n%s", diff)
	}
	if diff := cmp.Diff([]engine.Blob{large}, []engine.Blob{ready[0].Raw}, sameBatches); diff != "" {
		t.Errorf("raw mail after its outcome:\n%s", diff)
	}
	var read bytes.Buffer
	if _, err := read.ReadFrom(reader); err != nil || !bytes.Equal(read.Bytes(), large) {
		t.Errorf("a reader that was open read %d bytes, %v", read.Len(), err)
	}
}

func contentsAreShared(t *testing.T, h *storeHarness) {
	for _, content := range []engine.Blob{engine.Bytes("a file"), large} {
		size := fmt.Sprint(content.Size())
		o := outcomeOf(size)
		o.Batches = []engine.Batch{fullBatch("first "+size, content), fullBatch("second "+size, content)}
		h.commit(o)
		h.must(h.s.Done(h.Context(), "a", []string{"first " + size}))
		h.restart()
		got, err := h.s.Pending(h.Context(), "a", 10)
		h.must(err)
		if diff := cmp.Diff(o.Batches[1:], got, sameBatches); diff != "" {
			t.Errorf("the second batch:\n%s", diff)
		}
		h.must(h.s.Done(h.Context(), "a", []string{"second " + size}))
	}
}

func identitiesAreExact(t *testing.T, h *storeHarness) {
	o := parkedOutcome("", pairKey, time.Hour)
	o.Origin = engine.Origin{
		Source: "s\x00", Account: "a\xff", Folder: "", ID: "\xfe\x00x/y", Name: "n\xff\x00", Received: Epoch.Add(1), Digest: "d",
	}
	twin := outcomeOf("")
	twin.Origin = o.Origin
	twin.Origin.ID = "\xfd\x00x/y" // reads the same where bytes are replaced
	twin.Batches = []engine.Batch{{Key: "b\xff", Sink: "a", Origin: twin.Origin}}
	tried := offering("x\xff", pairKey, Epoch, "wrong")
	o.Park.Seen = []string{tried.Origin.Key()}
	h.must(h.s.Commit(h.Context(), []*engine.Outcome{o, tried, twin}))
	h.restart()
	h.equal("ready for what it tried", 0, len(h.ready(Epoch)))
	got := h.ready(Epoch.Add(time.Hour))
	h.equal("parked", 1, len(got))
	h.equal("origin", o.Origin, got[0].Origin)
	batches, err := h.s.Pending(h.Context(), "a", 10)
	h.must(err)
	if diff := cmp.Diff(twin.Batches, batches, sameBatches); diff != "" {
		t.Errorf("batch:\n%s", diff)
	}
	h.must(h.s.Done(h.Context(), "a", []string{"b\xff"}))
	h.equal("pending", []string{}, h.pending("a"))
}

func mayBeQuarantined(t *testing.T, h *storeHarness) {
	o := outcomeOf("1")
	o.Disposition, o.Reason, o.Stack = engine.Quarantined, "panic: x", "goroutine 1"
	h.begin("1", "r1")
	for range 2 {
		h.commit(o)
		h.restart()
	}
	without := outcomeOf("2")
	without.Disposition, without.Raw = engine.Quarantined, nil
	h.commit(without)
	h.equal("committed", true, h.begin("1", "r2").Committed)
	h.equal("ready", 0, len(h.ready(engine.EndOfTime)))
}

func earliestFirst(t *testing.T, h *storeHarness) {
	for i, hours := range []int{3, 1, 2, 400_000_000} { // the last is in the year 47659
		o := parkedOutcome(fmt.Sprint(i), engine.Key{}, 0)
		o.Park.Deadline = Epoch.Add(time.Duration(min(hours, 1_000_000)) * time.Hour)
		if hours > 1_000_000 {
			o.Park.Deadline = Epoch.AddDate(hours/8766, 0, 0)
		}
		h.commit(o)
	}
	h.restart()
	var ids []string
	for _, d := range h.ready(Epoch.Add(10 * time.Hour)) {
		ids = append(ids, d.Origin.ID)
	}
	h.equal("order", []string{"1", "2", "0"}, ids)
	first, err := h.s.Ready(h.Context(), Epoch.Add(10*time.Hour), 1)
	h.must(err)
	h.equal("at most", "1", first[0].Origin.ID)
}

func sinksAreApart(t *testing.T, h *storeHarness) {
	o := outcomeOf("1", "same")
	o.Batches = append(o.Batches, engine.Batch{Key: "same", Sink: "b", Origin: o.Origin})
	h.commit(o)
	h.must(h.s.Done(h.Context(), "a", []string{"same", "unknown"}))
	h.must(h.s.Fail(h.Context(), "a", "same", "unknown"))
	h.restart()
	h.equal("a", []string{}, h.pending("a"))
	h.equal("b", []string{"same"}, h.pending("b"))
}

// methodsAreConcurrent lets a committer and a shipper work at the same time, as
// the loop does, beside readers.
func methodsAreConcurrent(t *testing.T, h *storeHarness) {
	const mails = 60
	var work sync.WaitGroup
	work.Go(func() {
		for i := range mails {
			o := outcomeOf(fmt.Sprint(i))
			o.Batches = []engine.Batch{{Key: fmt.Sprint("b", i), Sink: "a", Origin: o.Origin, Files: []engine.FileRecord{{Key: "k", Content: engine.Bytes(fmt.Sprint("file ", i%7))}}}}
			if i%20 == 0 {
				o.Batches[0].Files[0].Content = large
			}
			if err := h.s.Commit(h.Context(), []*engine.Outcome{o}); err != nil {
				t.Error(err)
			}
		}
	})
	work.Go(func() {
		for i := range mails {
			if _, err := h.s.Begin(h.Context(), originOf(fmt.Sprint(mails-i)), "r"); err != nil {
				t.Error(err)
			}
			_, err := h.s.Snapshot(h.Context(), []engine.Key{pairKey})
			if _, err2 := h.s.Ready(h.Context(), Epoch, 3); err != nil || err2 != nil {
				t.Error(err, err2)
			}
		}
	})
	work.Go(func() {
		for done := 0; done < mails && !t.Failed(); {
			batches, err := h.s.Pending(h.Context(), "a", 5)
			var keys []string
			for _, b := range batches {
				if _, err := engine.Digest(b.Files[0].Content); err != nil {
					t.Error(err)
				}
				keys = append(keys, b.Key)
			}
			if err = errors.Join(err, h.s.Done(h.Context(), "a", keys)); err != nil {
				t.Error(err)
			}
			done += len(keys)
		}
	})
	work.Wait()
	h.restart()
	h.equal("pending", []string{}, h.pending("a"))
	h.equal("committed", true, h.begin("0", "r2").Committed)
}

// endedContextIsObeyed: a durable store says so, one in memory need not look.
func endedContextIsObeyed(t *testing.T, h *storeHarness) {
	ctx, cancel := context.WithCancel(h.Context())
	cancel()
	err := h.s.Commit(ctx, []*engine.Outcome{outcomeOf("1", "b1")})
	if err == nil {
		h.equal("a commit that returned nil counts", []string{"b1"}, h.pending("a"))
		return
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	h.equal("pending", []string{}, h.pending("a"))
}

func arrivalsAreCounted(t *testing.T, h *storeHarness) {
	at := func(minutes int) time.Time { return Epoch.Add(time.Duration(minutes) * time.Minute) }
	for i, minute := range []int{0, 10, 10, 20} {
		o := outcomeOf(fmt.Sprint(i))
		o.Sender, o.Received = "a@x.example", at(minute)
		h.commit(o)
		h.commit(o) // counts once
	}
	other := outcomeOf("other")
	other.Sender, other.Received = "b@x.example", at(10)
	h.commit(other)
	h.restart()
	for _, tt := range []struct {
		sender         string
		from, to, want int
	}{{"a@x.example", 0, 20, 4}, {"a@x.example", 1, 19, 2}, {"a@x.example", 10, 10, 2}, {"a@x.example", 21, 30, 0}, {"b@x.example", 0, 20, 1}, {"", 0, 20, 0}} {
		n, err := h.s.Arrived(t.Context(), tt.sender, at(tt.from), at(tt.to))
		h.must(err)
		h.equal(fmt.Sprintf("mails of %q from %d to %d", tt.sender, tt.from, tt.to), tt.want, n)
	}
}
