package sqlite

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/blobdir"
)

// Mails choose mails of the past. Empty fields choose all.
type Mails struct {
	Rule  string    // that matched when they were handled
	Since time.Time // of commit
	Sink  string    // of what was shipped
	Mail  int64     // the one
}

// ShippedBatch is what a sink has taken, without contents.
type ShippedBatch struct {
	Seq       int64 // in this store
	Mail      int64
	At        time.Time
	Retracted time.Time // zero while it stands
	Batch     engine.Batch
}

// Shipped lists what sinks have taken of some mails, in order. What is older than
// the history was purged.
func (d *Desk) Shipped(ctx context.Context, m Mails) ([]ShippedBatch, error) {
	return d.s.Shipped(ctx, m)
}

// Shipped is Desk.Shipped.
func (s *Store) Shipped(ctx context.Context, m Mails) (all []ShippedBatch, err error) {
	err = s.look(ctx, func(t *tx) {
		all = nil
		var b ShippedBatch
		var at, retracted string
		var blobs []int64
		var blob int64
		t.each(`SELECT seq, shipped.mail, at, coalesce(retracted_at, ''), batch FROM shipped
			WHERE at >= ? AND (? = '' OR sink = ?) AND (? = 0 OR mail = ?)
			AND (? = '' OR EXISTS (SELECT 1 FROM matched WHERE matched.mail = shipped.mail AND rule = ?)) ORDER BY seq`,
			[]any{stamp(m.Since), m.Sink, m.Sink, m.Mail, m.Mail, m.Rule, m.Rule}, []any{&b.Seq, &b.Mail, &at, &retracted, &blob}, func() {
				b.At, b.Retracted = parseStamp(at), parseStamp(retracted)
				all, blobs = append(all, b), append(blobs, blob)
			})
		for i := range all {
			all[i].Batch = s.shippedBatch(t, blobs[i])
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read what was shipped: %w", err)
	}
	return all, nil
}

// shippedBatch reads a batch without its contents.
func (s *Store) shippedBatch(t *tx, blob int64) (b engine.Batch) {
	c := content{s: s, id: blob}
	var data []byte
	if !t.get("SELECT sha256, size, filed, data FROM blobs WHERE blob = ?", []any{blob}, &c.digest, &c.size, &c.filed, &data) {
		t.fail(fmt.Errorf("the database is damaged: content %d is not there", blob))
		return b
	}
	b, err := readBatch(c, data)
	if err != nil {
		t.fail(err)
	}
	return b
}

// KeptMail is a raw mail of the past.
type KeptMail struct {
	ID     int64
	Origin engine.Origin
	At     time.Time // when it was kept
	Raw    engine.Blob
}

// KeptMails lists raw mails that were kept (Config.Keep), in order of commit.
func (s *Store) KeptMails(ctx context.Context, m Mails) (all []KeptMail, err error) {
	err = s.look(ctx, func(t *tx) {
		all = nil
		var k KeptMail
		var at string
		var raw int64
		var raws []int64
		t.each(`SELECT mails.mail, kept_at, raw FROM mails WHERE kept_at >= ? AND (? = 0 OR mail = ?) AND (? = '' OR EXISTS (SELECT 1 FROM matched WHERE matched.mail = mails.mail AND rule = ?))
			ORDER BY kept_at, mails.mail`, []any{stamp(m.Since), m.Mail, m.Mail, m.Rule, m.Rule}, []any{&k.ID, &at, &raw}, func() {
			k.At = parseStamp(at)
			all, raws = append(all, k), append(raws, raw)
		})
		for i := range all {
			all[i].Origin, all[i].Raw = t.originOf(all[i].ID), s.content(t, raws[i])
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read kept mails: %w", err)
	}
	return all, nil
}

// Amend makes durable what a mail that has an outcome ships beyond that. The
// batches' keys are new ones. The rules that match now count beside those that
// did.
func (s *Store) Amend(ctx context.Context, o *engine.Outcome) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := packed{Outcome: o}
	for i := range o.Batches {
		b, err := s.packBatch(&o.Batches[i])
		if err != nil {
			return fmt.Errorf("amend %s: %w", o.Origin.Name, err)
		}
		p.batches = append(p.batches, b)
	}
	now := stamp(s.cfg.Now())
	err := s.changeLocked(s.full, func(t *tx) {
		e := t.entry(o.Origin)
		if e.mail == 0 {
			t.fail(engine.ErrNotFound)
			return
		}
		t.enqueue(e.mail, p.batches, now)
		t.remember(e, p, now)
		t.exec("UPDATE ledger SET disposition = ?, reason = ? WHERE mail = ?", string(o.Disposition), o.Reason, e.mail)
	})
	if err != nil {
		return fmt.Errorf("amend %s: %w", o.Origin.Name, err)
	}
	return nil
}

// Retracted notes that batches were taken back, but for what is left of them,
// which may be nothing.
func (s *Store) Retracted(ctx context.Context, seqs []int64, left engine.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	text, err := encodeBatch(&left)
	if err != nil {
		return err
	}
	k, err := s.keep(engine.Bytes(text))
	if err != nil {
		return err
	}
	now := stamp(s.cfg.Now())
	err = s.changeLocked(s.full, func(t *tx) {
		for i, seq := range seqs {
			if !left.Empty() && i == 0 {
				t.exec("INSERT INTO shipped (sink, key, mail, at, batch) SELECT sink, key, mail, at, ? FROM shipped WHERE seq = ?", t.blob(k), seq)
			}
			t.exec("UPDATE shipped SET retracted_at = ? WHERE seq = ?", now, seq)
		}
	})
	if err != nil {
		return fmt.Errorf("note what was taken back: %w", err)
	}
	return nil
}

// Retention says how old what may be; 0 is for ever.
type Retention struct {
	Keep    time.Duration // raw mails that were kept
	History time.Duration // what was shipped, refused or given up, runs, and what sinks noted
	Ledger  time.Duration // mails without anything left; a source that hands one over again has it handled again
}

// Purged counts what went.
type Purged struct {
	Mails, Shipped, Refused, Runs, Notes, Ledger int
}

// Purge forgets what is older than it may be. What waits, what is parked, and what
// is in quarantine stays.
func (s *Store) Purge(ctx context.Context, r Retention) (p Purged, err error) {
	err = s.change(ctx, s.full, func(t *tx) {
		now := s.cfg.Now()
		forgetExpired(t, now)
		if r.Keep > 0 {
			t.loose = append(t.loose, t.ids("SELECT raw FROM mails WHERE kept_at < ?", stamp(now.Add(-r.Keep)))...)
			p.Mails = int(t.exec("DELETE FROM mails WHERE kept_at < ?", stamp(now.Add(-r.Keep))))
		}
		if r.History > 0 {
			t.purgeHistory(stamp(now.Add(-r.History)), &p)
		}
		if r.Ledger > 0 {
			t.purgeLedger(stamp(now.Add(-r.Ledger)), &p)
		}
	})
	if err != nil {
		return Purged{}, fmt.Errorf("purge: %w", err)
	}
	return p, nil
}

func (t *tx) purgeHistory(before string, p *Purged) {
	t.loose = append(t.loose, t.ids("SELECT batch FROM shipped WHERE at < ?", before)...)
	p.Shipped = int(t.exec("DELETE FROM shipped WHERE at < ?", before))
	t.loose = append(t.loose, t.ids("SELECT blob FROM uses JOIN outbox USING (seq) WHERE refused_at < ?", before)...)
	p.Refused = int(t.exec("DELETE FROM outbox WHERE refused_at < ?", before))
	p.Runs = int(t.exec("DELETE FROM runs WHERE coalesce(ended_at, started_at) < ?", before))
	p.Notes = int(t.exec("DELETE FROM notes WHERE at < ?", before))
	t.exec("DELETE FROM matched WHERE mail IN (SELECT mail FROM ledger WHERE committed_at < ?)", before)
	t.exec("DELETE FROM arrivals WHERE mail IN (SELECT mail FROM ledger WHERE committed_at < ?)", before)
}

// ofNobody is true of a row of the ledger to which nothing refers.
const ofNobody = `NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.mail = ledger.mail) AND NOT EXISTS (SELECT 1 FROM parked WHERE parked.mail = ledger.mail)
	AND NOT EXISTS (SELECT 1 FROM quarantine WHERE quarantine.mail = ledger.mail) AND NOT EXISTS (SELECT 1 FROM shipped WHERE shipped.mail = ledger.mail)
	AND NOT EXISTS (SELECT 1 FROM mails WHERE mails.mail = ledger.mail)`

func (t *tx) purgeLedger(before string, p *Purged) {
	t.exec("CREATE TEMP TABLE IF NOT EXISTS old (mail INTEGER PRIMARY KEY)")
	t.exec("DELETE FROM old")
	t.exec("INSERT INTO old SELECT mail FROM ledger WHERE committed_at < ? AND "+ofNobody, before)
	t.exec("DELETE FROM matched WHERE mail IN (SELECT mail FROM old)")
	t.exec("DELETE FROM arrivals WHERE mail IN (SELECT mail FROM old)")
	p.Ledger = int(t.exec("DELETE FROM ledger WHERE mail IN (SELECT mail FROM old)"))
}

// Size is how many bytes the store has on disk: the database, its log, and
// contents in files.
func (s *Store) Size() (n int64, err error) {
	for _, path := range []string{s.cfg.Path, s.cfg.Path + "-wal"} {
		if info, err := os.Stat(path); err == nil {
			n += info.Size()
		}
	}
	filed, err := blobdir.Size(s.cfg.Blobs)
	return n + filed, err
}
