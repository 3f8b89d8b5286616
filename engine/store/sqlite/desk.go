package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Desk is where an operator looks at a store and decides about single mails. It
// needs neither the key nor the store to itself: another process may be working
// with it, and meets a decision when it asks next. A Desk opens no secret and
// removes no content; what it makes superfluous is swept when the store is
// opened the next time. It is safe for concurrent use.
type Desk struct{ s *Store }

// OpenDesk opens the desk of the store at cfg.Path, which must exist. cfg.Key is
// not used.
func OpenDesk(ctx context.Context, cfg Config) (*Desk, error) {
	if _, err := os.Stat(cfg.Path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no store at %s: nothing has run with it yet", cfg.Path)
	}
	cfg.Key = Key{}
	s := newStore(cfg)
	err := s.connectAll(ctx)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &Desk{s}, nil
}

// Close ends it. Contents that it gave out end with it.
func (d *Desk) Close() error { return d.s.Close() }

// ParkedMail is a mail that waits.
type ParkedMail struct {
	ID       int64 // of the mail in this store
	Origin   engine.Origin
	Reason   string        // in words
	Since    time.Time     // when it was parked
	Deadline time.Time     // when it is handled as it is
	Ready    bool          // something has come that it waits for
	Waits    []engine.Wait // for offers; none for a hold
}

// Parked lists the mails that wait, earliest deadline first.
func (d *Desk) Parked(ctx context.Context) (all []ParkedMail, err error) {
	err = d.s.look(ctx, func(t *tx) {
		all = nil
		var p ParkedMail
		var since, deadline string
		t.each(`SELECT mail, reason, coalesce(committed_at, ''), deadline, ready FROM parked JOIN ledger USING (mail) ORDER BY deadline, mail`, nil,
			[]any{&p.ID, &p.Reason, &since, &deadline, &p.Ready}, func() {
				p.Since, p.Deadline = parseStamp(since), parseStamp(deadline)
				all = append(all, p)
			})
		for i := range all {
			all[i].Origin, all[i].Waits = t.originOf(all[i].ID), t.waits(all[i].ID)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read parked mails: %w", err)
	}
	return all, nil
}

func (t *tx) waits(mail int64) (all []engine.Wait) {
	var w engine.Wait
	t.each("SELECT scope, key, span FROM waits WHERE mail = ? ORDER BY scope, key", []any{mail}, []any{&w.Key.Scope, &w.Key.Key, &w.Window}, func() { all = append(all, w) })
	return all
}

// ReleaseParked ends the waiting of a mail: the next run handles it as if its
// deadline had passed. The error is engine.ErrNotFound for one that does not
// wait.
func (d *Desk) ReleaseParked(ctx context.Context, mail int64) error {
	return d.decide(ctx, "release parked mail", mail, func(t *tx, now string) bool {
		return t.exec("UPDATE parked SET deadline = min(deadline, ?) WHERE mail = ?", now, mail) > 0
	})
}

// DropParked gives a mail up that waits: it is never handled, and the ledger says
// why. The error is engine.ErrNotFound for one that does not wait.
func (d *Desk) DropParked(ctx context.Context, mail int64, reason string) error {
	return d.decide(ctx, "drop parked mail", mail, func(t *tx, now string) bool {
		if t.exec("DELETE FROM parked WHERE mail = ?", mail) == 0 {
			return false
		}
		t.exec("UPDATE ledger SET attempts = 0, committed_at = ?, disposition = ?, reason = ? WHERE mail = ?", now, string(engine.Skipped), reason, mail)
		return true
	})
}

// decide makes a decision about one mail durable. f tells whether there was
// anything to decide.
func (d *Desk) decide(ctx context.Context, what string, mail int64, f func(t *tx, now string) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := d.s.full.transact(func(t *tx) {
		if !f(t, stamp(d.s.cfg.Now())) {
			t.fail(engine.ErrNotFound)
		}
	})
	if err != nil {
		return fmt.Errorf("%s %d: %w", what, mail, err)
	}
	return nil
}
