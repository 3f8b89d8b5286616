package sqlite

import (
	"context"
	"encoding/json"
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

// QuarantinedMail is a mail that could not be handled.
type QuarantinedMail struct {
	ID int64 // of the mail in this store
	At time.Time
	Quarantine
}

// Quarantined lists the mails that could not be handled, in order of commit.
func (d *Desk) Quarantined(ctx context.Context) (all []QuarantinedMail, err error) {
	err = d.s.look(ctx, func(t *tx) { all = d.s.quarantined(t) })
	if err != nil {
		return nil, fmt.Errorf("read quarantine: %w", err)
	}
	return all, nil
}

// RetryQuarantined has the next run handle a mail again. The error is
// engine.ErrNotFound for one that is not in quarantine, and ErrNoRaw for one that
// could not be kept.
func (d *Desk) RetryQuarantined(ctx context.Context, mail int64) error {
	return d.decide(ctx, "retry quarantined mail", mail, func(t *tx, now string) bool {
		var raw, received string
		if !t.get(`SELECT coalesce(raw, ''), received FROM quarantine JOIN ledger USING (mail) WHERE mail = ?`, []any{mail}, &raw, &received) {
			return false
		}
		if raw == "" {
			t.fail(ErrNoRaw)
		}
		t.exec("INSERT INTO parked (mail, received, deadline, ready, raw) SELECT mail, ?, ?, 0, raw FROM quarantine WHERE mail = ?", received, now, mail)
		t.exec("DELETE FROM quarantine WHERE mail = ?", mail)
		t.exec("UPDATE ledger SET attempts = 0, disposition = ?, reason = 'to be handled again' WHERE mail = ?", string(engine.Parked), mail)
		return true
	})
}

// ErrNoRaw says that there is no raw mail to handle.
var ErrNoRaw = errors.New("the mail itself could not be kept")

// DropQuarantined gives a mail up: its raw bytes go, and the ledger says why. The
// error is engine.ErrNotFound for one that is not in quarantine.
func (d *Desk) DropQuarantined(ctx context.Context, mail int64, reason string) error {
	return d.decide(ctx, "drop quarantined mail", mail, func(t *tx, now string) bool {
		if t.exec("DELETE FROM quarantine WHERE mail = ?", mail) == 0 {
			return false
		}
		t.exec("UPDATE ledger SET disposition = ?, reason = ? WHERE mail = ?", string(engine.Skipped), reason, mail)
		return true
	})
}

// Backlog is what waits for a sink.
type Backlog struct {
	Sink    string
	Waiting int
	Oldest  time.Time // zero when nothing waits
	Refused int       // set aside for good
	Reason  string    // of the last that was refused
}

// Backlogs lists the sinks for which anything waits or was refused, sorted.
func (d *Desk) Backlogs(ctx context.Context) (all []Backlog, err error) {
	err = d.s.look(ctx, func(t *tx) {
		all = nil
		var b Backlog
		var oldest string
		t.each(`SELECT sink, sum(refused IS NULL), coalesce(min(CASE WHEN refused IS NULL THEN queued_at END), ''), sum(refused IS NOT NULL),
			coalesce((SELECT refused FROM outbox last WHERE last.sink = outbox.sink AND refused IS NOT NULL ORDER BY refused_at DESC, seq DESC LIMIT 1), '')
			FROM outbox GROUP BY sink ORDER BY sink`, nil, []any{&b.Sink, &b.Waiting, &oldest, &b.Refused, &b.Reason}, func() {
			b.Oldest = parseStamp(oldest)
			all = append(all, b)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return all, nil
}

// RetryRefused makes what sinks have refused pending again, of one sink or, when
// it is "", of all, and tells how many batches that is. A batch that is pending
// already stays refused.
func (d *Desk) RetryRefused(ctx context.Context, sink string) (n int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	err = d.s.full.transact(func(t *tx) {
		n = int(t.exec(`UPDATE OR IGNORE outbox SET refused = NULL, refused_at = NULL WHERE refused IS NOT NULL AND (? = '' OR sink = ?)`, sink, sink))
	})
	if err != nil {
		return 0, fmt.Errorf("retry refused batches: %w", err)
	}
	return n, nil
}

// Run is a run of the past, or the one that goes on.
type Run struct {
	Name    string
	Process int
	Started time.Time
	Ended   time.Time // zero: it goes on, or its process was killed
	Summary engine.Summary
	Error   string
}

// Runs lists the last n runs, the latest first.
func (d *Desk) Runs(ctx context.Context, n int) (all []Run, err error) {
	err = d.s.look(ctx, func(t *tx) {
		all = nil
		var started, ended, summary string
		var r Run
		t.each(`SELECT run, process, started_at, coalesce(ended_at, ''), summary, error FROM runs ORDER BY started_at DESC, run DESC LIMIT ?`, []any{n},
			[]any{&r.Name, &r.Process, &started, &ended, &summary, &r.Error}, func() {
				r.Started, r.Ended, r.Summary = parseStamp(started), parseStamp(ended), engine.Summary{}
				if err := json.Unmarshal([]byte(summary), &r.Summary); err != nil {
					t.fail(fmt.Errorf("the database is damaged: run %s: %w", r.Name, err))
				}
				all = append(all, r)
			})
	})
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	return all, nil
}

// Outcomes counts the mails of the ledger by what became of them; those that were
// begun and have no outcome yet under "". One that a run gave back does not count.
func (d *Desk) Outcomes(ctx context.Context) (counts map[string]int, err error) {
	counts = map[string]int{}
	err = d.s.look(ctx, func(t *tx) {
		var disposition string
		var n int
		t.each("SELECT CASE WHEN committed_at IS NULL THEN '' ELSE disposition END AS d, count(*) FROM ledger WHERE committed_at IS NOT NULL OR attempts > 0 GROUP BY d", nil, []any{&disposition, &n}, func() { counts[disposition] = n })
	})
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	return counts, nil
}
