package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
)

// place is where a content stands in a batch.
type place struct {
	kind     string // batch, event, file
	position int
}

// use is a content of a batch.
type use struct {
	place
	kept
}

// packedBatch is a batch on its way into the outbox.
type packedBatch struct {
	sink, key string
	uses      []use
}

// packBatch makes the contents of a batch ready, its own JSON first.
func (s *Store) packBatch(b *engine.Batch) (packedBatch, error) {
	p := packedBatch{sink: b.Sink, key: b.Key}
	add := func(kind string, position int, content engine.Blob) error {
		if content == nil {
			return nil
		}
		k, err := s.keep(content)
		p.uses = append(p.uses, use{place{kind, position}, k})
		return err
	}
	text, err := encodeBatch(b)
	if err != nil {
		return p, err
	}
	if err := add("batch", 0, engine.Bytes(text)); err != nil {
		return p, err
	}
	for i := range b.Events {
		if err := add("event", i, b.Events[i].Raw); err != nil {
			return p, err
		}
	}
	for i := range b.Files {
		if err := add("file", i, b.Files[i].Content); err != nil {
			return p, err
		}
	}
	return p, nil
}

// enqueue adds batches that are not pending already.
func (t *tx) enqueue(mail int64, batches []packedBatch, now string) {
	for _, b := range batches {
		var seq int64
		if !t.get("INSERT INTO outbox (sink, key, mail, queued_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING seq",
			[]any{b.sink, b.key, mail, now}, &seq) {
			continue
		}
		for _, u := range b.uses {
			t.exec("INSERT INTO uses (seq, kind, position, blob) VALUES (?, ?, ?, ?)", seq, u.kind, u.position, t.blob(u.kept))
		}
	}
}

// Pending implements engine.Outbox.
func (s *Store) Pending(ctx context.Context, sink string, n int) (all []engine.Batch, err error) {
	err = s.look(ctx, func(t *tx) {
		all = nil
		for _, q := range t.queued("SELECT seq, sink, key, '' FROM outbox WHERE sink = ? AND refused IS NULL ORDER BY seq LIMIT ?", sink, n) {
			all = append(all, s.batch(t, q))
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read outbox of %s: %w", sink, err)
	}
	return all, nil
}

// queued is a row of the outbox.
type queued struct {
	seq               int64
	sink, key, reason string
}

func (t *tx) queued(query string, args ...any) (all []queued) {
	var q queued
	t.each(query, args, []any{&q.seq, &q.sink, &q.key, &q.reason}, func() { all = append(all, q) })
	return all
}

// batch reads a batch back. Its contents are read when somebody opens them.
func (s *Store) batch(t *tx, q queued) (b engine.Batch) {
	var at place
	var c content
	var text, data []byte
	contents := map[place]content{}
	t.each(`SELECT kind, position, blob, sha256, size, filed, CASE kind WHEN 'batch' THEN data END FROM uses JOIN blobs USING (blob) WHERE seq = ?`,
		[]any{q.seq}, []any{&at.kind, &at.position, &c.id, &c.digest, &c.size, &c.filed, &data}, func() {
			c.s = s
			contents[at] = c
			text = append(text, data...)
		})
	if t.err != nil {
		return b
	}
	b, err := readBatch(contents[place{kind: "batch"}], text)
	if err != nil {
		t.fail(fmt.Errorf("batch %s: %w", q.key, err))
		return b
	}
	b.Sink, b.Key = q.sink, q.key
	for i := range b.Events {
		if c, ok := contents[place{"event", i}]; ok {
			b.Events[i].Raw = s.hold(&c)
		}
	}
	for i := range b.Files {
		if c, ok := contents[place{"file", i}]; ok {
			b.Files[i].Content = s.hold(&c)
		}
	}
	return b
}

// readBatch reads a batch from its JSON, which may be a file.
func readBatch(c content, text []byte) (b engine.Batch, err error) {
	if c.filed {
		if text, err = engine.ReadAll(&c, c.size); err != nil {
			return b, err
		}
	}
	if b, err = decodeBatch(text); err != nil {
		err = fmt.Errorf("the database is damaged: %w", err)
	}
	return b, err
}

// Done implements engine.Outbox.
func (s *Store) Done(ctx context.Context, sink string, keys []string) error {
	err := s.change(ctx, s.light, func(t *tx) {
		var done []int64
		for _, key := range keys {
			done = append(done, t.ids("SELECT seq FROM outbox WHERE sink = ? AND key = ? AND refused IS NULL", sink, key)...)
		}
		t.loose = t.ids("SELECT blob FROM uses WHERE seq IN (SELECT value FROM json_each(?))", list(done))
		t.exec(`INSERT INTO shipped (sink, key, mail, at, batch) SELECT sink, key, mail, ?, blob FROM outbox JOIN uses USING (seq)
			WHERE seq IN (SELECT value FROM json_each(?)) AND kind = 'batch' ORDER BY seq`, stamp(s.cfg.Now()), list(done))
		t.exec("DELETE FROM outbox WHERE seq IN (SELECT value FROM json_each(?))", list(done))
	})
	if err != nil {
		return fmt.Errorf("settle batches of %s: %w", sink, err)
	}
	return nil
}

// Fail implements engine.Outbox.
func (s *Store) Fail(ctx context.Context, sink, key, reason string) error {
	err := s.change(ctx, s.light, func(t *tx) {
		t.exec("UPDATE outbox SET refused = ?, refused_at = ? WHERE sink = ? AND key = ? AND refused IS NULL", reason, stamp(s.cfg.Now()), sink, key)
	})
	if err != nil {
		return fmt.Errorf("set batch %s of %s aside: %w", key, sink, err)
	}
	return nil
}

// FailedBatch is a batch that its sink refused for good.
type FailedBatch struct {
	Sink, Reason string
	At           time.Time
	Batch        engine.Batch
}

// Failed lists the batches that were set aside at or after a time, in the order
// in which they were committed. They stay.
func (s *Store) Failed(ctx context.Context, since time.Time) (all []FailedBatch, err error) {
	err = s.look(ctx, func(t *tx) {
		all = nil
		var at string
		var q queued
		var rows []queued
		t.each("SELECT seq, sink, key, refused, refused_at FROM outbox WHERE refused_at >= ? ORDER BY seq", []any{stamp(since)},
			[]any{&q.seq, &q.sink, &q.key, &q.reason, &at}, func() {
				rows = append(rows, q)
				all = append(all, FailedBatch{Sink: q.sink, Reason: q.reason, At: parseStamp(at)})
			})
		for i, q := range rows {
			all[i].Batch = s.batch(t, q)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read refused batches: %w", err)
	}
	return all, nil
}

// Sinks lists the sinks for which batches are pending, sorted.
func (s *Store) Sinks(ctx context.Context) (all []string, err error) {
	err = s.look(ctx, func(t *tx) {
		var sink string
		t.each("SELECT DISTINCT sink FROM outbox WHERE refused IS NULL ORDER BY sink", nil, []any{&sink}, func() { all = append(all, sink) })
	})
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return all, nil
}

// Waiting implements engine.Outbox. It reads no batch.
func (s *Store) Waiting(ctx context.Context, sink string) (n int, oldest time.Time, err error) {
	err = s.look(ctx, func(t *tx) {
		var at string
		t.get("SELECT count(*) FROM outbox WHERE sink = ? AND refused IS NULL", []any{sink}, &n)
		if t.get("SELECT queued_at FROM outbox WHERE sink = ? AND refused IS NULL ORDER BY seq LIMIT 1", []any{sink}, &at) {
			oldest = parseStamp(at)
		}
	})
	return n, oldest, err
}
