// Package mem is a store in memory: for dry runs, tests, and runs that may
// start over. It forgets everything with the process; it never writes a file.
//
// Parked mails are kept with their raw blobs until their outcome is committed.
// Shipped batches leave nothing behind but a digest of the ledger key.
package mem

import (
	"cmp"
	"context"
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Store implements engine.Store. The zero value is not usable; call New.
type Store struct {
	mu     sync.Mutex
	ledger map[digest]*entry
	parked map[digest]*parkedMail
	offers map[engine.Key][]engine.Offered
	outbox map[string][]engine.Batch // per sink, oldest first
	queued map[string]bool           // sink and key of every batch ever accepted and not yet done
	failed []FailedBatch
	held   []Quarantine
	came   map[string][]time.Time // per sender, of the mails that are committed
}

var _ engine.Store = (*Store)(nil)

type digest [16]byte

// entry is what is known of one delivered mail.
type entry struct {
	attempts  int
	run       string // the last run that began it
	committed bool
	receipt   engine.Route
}

type parkedMail struct {
	delivery engine.Delivery
	park     engine.Park
	ready    bool // there is an offer that it has not tried
}

// FailedBatch is a batch that its sink refused for good.
type FailedBatch struct {
	Sink, Reason string
	Batch        engine.Batch
}

// Quarantine is a mail that could not be handled.
type Quarantine struct {
	Origin engine.Origin
	Reason string
	Stack  string
	Raw    engine.Blob
}

// New returns an empty store.
func New() *Store {
	return &Store{
		ledger: map[digest]*entry{},
		parked: map[digest]*parkedMail{},
		offers: map[engine.Key][]engine.Offered{},
		outbox: map[string][]engine.Batch{},
		queued: map[string]bool{},
		came:   map[string][]time.Time{},
	}
}

// Begin implements engine.Ledger.
func (s *Store) Begin(_ context.Context, o engine.Origin, run string) (engine.Attempt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := digestOf(o)
	e := s.ledger[id]
	if e == nil {
		e = &entry{}
		s.ledger[id] = e
	}
	if e.attempts == 0 || e.run != run {
		e.attempts, e.run = e.attempts+1, run
	}
	return engine.Attempt{Number: e.attempts, Committed: e.committed, Receipt: engine.Receipt{Origin: o, Route: e.receipt}}, nil
}

// Release implements engine.Ledger.
func (s *Store) Release(_ context.Context, origins []engine.Origin, run string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range origins {
		if e := s.ledger[digestOf(o)]; e != nil && e.run == run && e.attempts > 0 {
			e.attempts, e.run = e.attempts-1, ""
		}
	}
	return nil
}

// Snapshot implements engine.Ledger.
func (s *Store) Snapshot(_ context.Context, keys []engine.Key) (engine.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := engine.State{}
	for _, k := range keys {
		if len(s.offers[k]) > 0 {
			state[k] = slices.Clone(s.offers[k])
		}
	}
	return state, nil
}

// Arrived implements engine.Ledger.
func (s *Store) Arrived(_ context.Context, sender string, from, to time.Time) (n int, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range s.came[sender] {
		if !at.Before(from) && !at.After(to) {
			n++
		}
	}
	return n, nil
}

// Commit implements engine.Ledger.
func (s *Store) Commit(_ context.Context, outcomes []*engine.Outcome) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range outcomes {
		s.commit(o)
	}
	return nil
}

func (s *Store) commit(o *engine.Outcome) {
	id := digestOf(o.Origin)
	e := s.ledger[id]
	if e == nil {
		e = &entry{attempts: 1}
		s.ledger[id] = e
	}
	wasParked := s.parked[id] != nil
	if e.committed && !wasParked {
		return
	}
	delete(s.parked, id)
	if !e.committed && o.Sender != "" {
		s.came[o.Sender] = append(s.came[o.Sender], o.Received)
	}
	e.committed, e.receipt, e.attempts = true, o.Receipt.Route, 0
	s.enqueue(o.Batches)
	for _, offer := range o.Offers {
		s.offer(o, offer)
	}
	if o.Park != nil {
		s.park(id, o)
	}
	if o.Disposition == engine.Quarantined {
		s.held = append(s.held, Quarantine{o.Origin, o.Reason, o.Stack, o.Raw})
	}
}

func (s *Store) enqueue(batches []engine.Batch) {
	for _, b := range batches {
		if key := b.Sink + "\x1f" + b.Key; !s.queued[key] {
			s.queued[key] = true
			s.outbox[b.Sink] = append(s.outbox[b.Sink], b)
		}
	}
}

func (s *Store) park(id digest, o *engine.Outcome) {
	p := &parkedMail{delivery: engine.Delivery{Raw: o.Raw, Origin: o.Origin, Parked: true}, park: *o.Park}
	s.parked[id] = p
	for _, w := range p.park.Waits {
		for _, of := range s.offers[w.Key] {
			p.join(w, of)
		}
	}
}

// offer remembers what a mail offers, in the order in which Snapshot returns it.
func (s *Store) offer(o *engine.Outcome, of engine.Offer) {
	have := s.offers[of.Key]
	added := engine.Offered{ID: o.Origin.Key(), Mail: o.Origin.Name, Received: of.Received, Window: of.Window, Secrets: of.Secrets}
	if len(have) >= engine.MaxOffers || slices.ContainsFunc(have, func(h engine.Offered) bool { return h.ID == added.ID }) {
		return
	}
	at, _ := slices.BinarySearchFunc(have, added, func(a, b engine.Offered) int {
		return cmp.Or(a.Received.Compare(b.Received), cmp.Compare(a.ID, b.ID))
	})
	s.offers[of.Key] = slices.Insert(have, at, added)
	for _, p := range s.parked {
		for _, w := range p.park.Waits {
			if w.Key == of.Key {
				p.join(w, added)
			}
		}
	}
}

// join makes a parked mail ready if the offer is for it, and news to it.
func (p *parkedMail) join(w engine.Wait, of engine.Offered) {
	p.ready = p.ready || w.Joins(p.park.Received, of) && !slices.Contains(p.park.Seen, of.ID)
}

// Ready implements engine.Parking.
func (s *Store) Ready(_ context.Context, now time.Time, n int) ([]engine.Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []*parkedMail
	for _, p := range s.parked {
		if p.ready || !p.park.Deadline.After(now) {
			due = append(due, p)
		}
	}
	slices.SortFunc(due, func(a, b *parkedMail) int {
		return cmp.Or(a.park.Deadline.Compare(b.park.Deadline), cmp.Compare(a.delivery.Origin.Key(), b.delivery.Origin.Key()))
	})
	var ready []engine.Delivery
	for _, p := range due[:min(n, len(due))] {
		d := p.delivery
		d.Expired = !p.ready
		ready = append(ready, d)
	}
	return ready, nil
}

// Pending implements engine.Outbox.
func (s *Store) Pending(_ context.Context, sink string, n int) ([]engine.Batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	box := s.outbox[sink]
	return slices.Clone(box[:min(n, len(box))]), nil
}

// Waiting implements engine.Outbox. It does not know since when.
func (s *Store) Waiting(_ context.Context, sink string) (int, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.outbox[sink]), time.Time{}, nil
}

// Done implements engine.Outbox.
func (s *Store) Done(_ context.Context, sink string, keys []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(sink, keys)
	return nil
}

// Fail implements engine.Outbox.
func (s *Store) Fail(_ context.Context, sink, key, reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.remove(sink, []string{key}) {
		s.failed = append(s.failed, FailedBatch{sink, reason, b})
	}
	return nil
}

// remove takes batches out of the outbox. They stand near its front, so the
// search is short.
func (s *Store) remove(sink string, keys []string) (removed []engine.Batch) {
	box := s.outbox[sink]
	for _, k := range keys {
		i := slices.IndexFunc(box, func(b engine.Batch) bool { return b.Key == k })
		if i < 0 {
			continue
		}
		removed = append(removed, box[i])
		box = slices.Delete(box, i, i+1)
		delete(s.queued, sink+"\x1f"+k)
	}
	s.outbox[sink] = box
	return removed
}

// Quarantined lists the mails that could not be handled, in order of commit.
func (s *Store) Quarantined() []Quarantine {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.held)
}

// Failed lists the batches that were set aside.
func (s *Store) Failed() []FailedBatch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.failed)
}

// Close implements engine.Store.
func (s *Store) Close() error { return nil }

func digestOf(o engine.Origin) digest {
	sum := sha256.Sum256([]byte(o.Key()))
	return digest(sum[:16])
}
