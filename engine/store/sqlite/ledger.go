package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
)

func digestOf(o engine.Origin) []byte {
	sum := sha256.Sum256([]byte(o.Key()))
	return sum[:]
}

// entry is a row of the ledger, as far as decisions need it.
type entry struct {
	mail      int64 // 0: the mail was never begun
	attempts  int
	run       string
	committed bool
	parked    bool
	route     string
}

func (t *tx) entry(o engine.Origin) (e entry) {
	t.get(`SELECT mail, attempts, run, committed_at IS NOT NULL, route, EXISTS (SELECT 1 FROM parked WHERE parked.mail = ledger.mail)
		FROM ledger WHERE id = ?`, []any{digestOf(o)}, &e.mail, &e.attempts, &e.run, &e.committed, &e.route, &e.parked)
	return e
}

// addEntry makes a row for a mail that has none.
const addEntry = `INSERT INTO ledger (id, source, account, folder, ref, name, received, digest, attempts, run, begun_at)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?) ON CONFLICT DO NOTHING`

func newEntry(o engine.Origin, run, now string) []any {
	return []any{digestOf(o), o.Source, o.Account, o.Folder, o.ID, o.Name, stamp(o.Received), o.Digest, run, now}
}

// Begin implements engine.Ledger. Nothing is written for a mail that is done.
func (s *Store) Begin(ctx context.Context, o engine.Origin, run string) (a engine.Attempt, err error) {
	if err := ctx.Err(); err != nil {
		return a, err
	}
	now := stamp(s.cfg.Now())
	added, err := s.light.write(addEntry, newEntry(o, run, now)...)
	e := entry{attempts: 1, route: "{}"}
	if err == nil && added == 0 {
		e, err = s.beginAgain(o, run, now)
	}
	if err != nil {
		return a, fmt.Errorf("begin %s: %w", o.Name, err)
	}
	a = engine.Attempt{Number: e.attempts, Committed: e.committed, Receipt: engine.Receipt{Origin: o}}
	return a, json.Unmarshal([]byte(e.route), &a.Receipt.Route)
}

func (s *Store) beginAgain(o engine.Origin, run, now string) (e entry, err error) {
	err = s.light.transact(func(t *tx) {
		e = t.entry(o)
		switch {
		case e.committed && !e.parked:
			e.attempts = 1
		case e.attempts == 0 || e.run != run:
			e.attempts++
			t.exec("UPDATE ledger SET attempts = ?, run = ?, begun_at = ? WHERE mail = ?", e.attempts, run, now, e.mail)
		}
	})
	return e, err
}

// Release implements engine.Ledger.
func (s *Store) Release(ctx context.Context, origins []engine.Origin, run string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.light.transact(func(t *tx) {
		for _, o := range origins {
			t.exec("UPDATE ledger SET attempts = attempts - 1, run = '' WHERE id = ? AND run = ? AND attempts > 0", digestOf(o), run)
		}
	})
	if err != nil {
		return fmt.Errorf("release mails: %w", err)
	}
	return nil
}

// packed is an outcome whose contents are ready for a transaction.
type packed struct {
	*engine.Outcome
	raw     *kept // of a mail that is parked or quarantined, or kept
	batches []packedBatch
}

// pack makes the contents of an outcome ready. Should the commit fail, or change
// nothing, the large ones among them stay in the folder until Open sweeps it.
func (s *Store) pack(o *engine.Outcome) (p packed, err error) {
	p.Outcome = o
	if o.Raw != nil && (s.cfg.Keep || o.Park != nil || o.Disposition == engine.Quarantined) {
		k, err := s.keep(o.Raw)
		if err != nil {
			return p, err
		}
		p.raw = &k
	}
	for i := range o.Batches {
		b, err := s.packBatch(&o.Batches[i])
		if err != nil {
			return p, err
		}
		p.batches = append(p.batches, b)
	}
	return p, nil
}

// Commit implements engine.Ledger. All outcomes are one transaction, and one
// sync.
func (s *Store) Commit(ctx context.Context, outcomes []*engine.Outcome) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []packed
	for _, o := range outcomes {
		p, err := s.pack(o)
		if err != nil {
			return fmt.Errorf("commit %s: %w", o.Origin.Name, err)
		}
		all = append(all, p)
	}
	now := s.cfg.Now()
	err := s.changeLocked(s.full, func(t *tx) {
		forgetExpired(t, now)
		for _, p := range all {
			s.commit(t, p, stamp(now))
		}
	})
	if err != nil {
		return fmt.Errorf("commit %d mails: %w", len(outcomes), err)
	}
	return nil
}

func (s *Store) commit(t *tx, p packed, now string) {
	e := t.entry(p.Origin)
	if e.committed && !e.parked {
		return
	}
	if e.mail == 0 {
		t.exec(addEntry, newEntry(p.Origin, "", now)...)
		e = t.entry(p.Origin)
	}
	if e.parked {
		t.loose = append(t.loose, t.ids("DELETE FROM parked WHERE mail = ? RETURNING raw", e.mail)...)
	}
	route, err := json.Marshal(p.Receipt.Route)
	if err != nil {
		t.fail(err)
	}
	t.exec(`UPDATE ledger SET name = ?, received = ?, digest = ?, attempts = 0, committed_at = ?, disposition = ?, reason = ?, route = ? WHERE mail = ?`,
		p.Origin.Name, stamp(p.Origin.Received), p.Origin.Digest, now, string(p.Disposition), p.Reason, string(route), e.mail)
	t.enqueue(e.mail, p.batches, now)
	t.remember(e, p, now)
	for _, of := range p.Offers {
		s.offer(t, p.Origin, of)
	}
	if p.Park != nil {
		t.park(e.mail, p, now)
	}
	if s.cfg.Keep && p.raw != nil && p.Park == nil && p.Disposition != engine.Quarantined {
		t.exec("INSERT INTO mails (mail, raw, kept_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", e.mail, t.rawOf(p), now)
	}
	if p.Disposition == engine.Quarantined {
		t.exec("INSERT INTO quarantine (mail, at, reason, stack, raw) VALUES (?, ?, ?, ?, ?)", e.mail, now, p.Reason, p.Stack, t.rawOf(p))
	}
}

// remember notes whose mail it was, and which rules matched it.
func (t *tx) remember(e entry, p packed, now string) {
	if p.Sender != "" && !e.committed {
		t.exec("INSERT INTO arrivals (sender, received, mail) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", p.Sender, stamp(p.Received), e.mail)
	}
	for _, it := range p.Items {
		for _, r := range it.Plan.Results {
			if r.Result == engine.Match && !r.Shadow {
				t.exec("INSERT INTO matched (rule, mail) VALUES (?, ?) ON CONFLICT DO NOTHING", r.Rule, e.mail)
			}
		}
	}
}

// Arrived implements engine.Ledger.
func (s *Store) Arrived(ctx context.Context, sender string, from, to time.Time) (n int, err error) {
	err = s.look(ctx, func(t *tx) {
		t.get("SELECT count(*) FROM arrivals WHERE sender = ? AND received BETWEEN ? AND ?", []any{sender, stamp(from), stamp(to)}, &n)
	})
	return n, err
}

// Settled looks mails up that a source is about to hand over: the receipt of one
// that has an outcome and does not wait, nil of any other.
func (s *Store) Settled(ctx context.Context, origins []engine.Origin) (all []*engine.Receipt, err error) {
	all = make([]*engine.Receipt, len(origins))
	err = s.look(ctx, func(t *tx) {
		for i, o := range origins {
			e := t.entry(o)
			if !e.committed || e.parked {
				continue
			}
			all[i] = &engine.Receipt{Origin: o}
			if err := json.Unmarshal([]byte(e.route), &all[i].Route); err != nil {
				t.fail(err)
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("look mails up: %w", err)
	}
	return all, nil
}

// rawOf is the row of the raw mail, or NULL.
func (t *tx) rawOf(p packed) any {
	if p.raw == nil {
		return nil
	}
	return t.blob(*p.raw)
}

// originOf reads an origin by the row of its mail.
func (t *tx) originOf(mail int64) (o engine.Origin) {
	var received string
	if !t.get("SELECT source, account, folder, ref, name, received, digest FROM ledger WHERE mail = ?", []any{mail},
		&o.Source, &o.Account, &o.Folder, &o.ID, &o.Name, &received, &o.Digest) {
		t.fail(fmt.Errorf("the database is damaged: mail %d is not there", mail))
	}
	o.Received = parseStamp(received)
	return o
}
