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

// maxOffers is how many offers one key remembers, so that a stranger cannot
// flood it (design section 8).
const maxOffers = 32

// Store implements engine.Store. The zero value is not usable; call New.
type Store struct {
	mu     sync.Mutex
	ledger map[digest]*entry
	parked map[digest]*parkedMail
	offers map[engine.Key][]offer
	outbox map[string][]engine.Batch // per sink, oldest first
	queued map[string]bool           // sink and key of every batch ever accepted and not yet done
	failed []FailedBatch
	held   []Quarantine
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
	offered  []engine.Offered
}

type offer struct {
	engine.Offer
	origin string
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
		offers: map[engine.Key][]offer{},
		outbox: map[string][]engine.Batch{},
		queued: map[string]bool{},
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
		if e := s.ledger[digestOf(o)]; e != nil && e.run == run && e.attempts > 0 && !e.committed {
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
		for i, o := range s.offers[k] {
			state[k] = append(state[k], offered(o, i)...)
		}
	}
	return state, nil
}

func offered(o offer, rank int) []engine.Offered {
	var list []engine.Offered
	for _, p := range o.Passwords {
		list = append(list, engine.Offered{Password: p, Origin: o.origin, Rank: rank})
	}
	return list
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
	p := &parkedMail{delivery: engine.Delivery{Raw: o.Raw, Origin: o.Origin}, park: *o.Park}
	s.parked[id] = p
	for i, of := range s.offers[p.park.Key] {
		p.join(of, i)
	}
}

func (s *Store) offer(o *engine.Outcome, of engine.Offer) {
	have := s.offers[of.Key]
	if len(have) >= maxOffers {
		return
	}
	added := offer{of, o.Origin.Name}
	s.offers[of.Key] = append(have, added)
	for _, p := range s.parked {
		if p.park.Key == of.Key {
			p.join(added, len(have))
		}
	}
}

// join hands a parked mail the passwords of an offer that came within the
// window of it, before or after.
func (p *parkedMail) join(of offer, rank int) {
	if p.park.Key == (engine.Key{}) {
		return
	}
	if d := of.Received.Sub(p.park.Received).Abs(); d <= max(p.park.Window, of.Window) {
		p.offered = append(p.offered, offered(of, rank)...)
	}
}

// Ready implements engine.Parking.
func (s *Store) Ready(_ context.Context, now time.Time, n int) ([]engine.Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []*parkedMail
	for _, p := range s.parked {
		if len(p.offered) > 0 || !p.park.Deadline.After(now) {
			due = append(due, p)
		}
	}
	slices.SortFunc(due, func(a, b *parkedMail) int {
		return cmp.Or(a.park.Deadline.Compare(b.park.Deadline), cmp.Compare(a.delivery.Origin.Key(), b.delivery.Origin.Key()))
	})
	var ready []engine.Delivery
	for _, p := range due[:min(n, len(due))] {
		d := p.delivery
		d.Passwords, d.Expired = slices.Clone(p.offered), len(p.offered) == 0
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
