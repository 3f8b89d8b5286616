package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
)

// writer writes one batch. The first error stops it; later calls do nothing.
type writer struct {
	ctx    context.Context
	sink   *Sink
	batch  *engine.Batch
	stored map[string]bool // digests of contents that are in the folder

	ids   map[engine.Ref]int64        // node ids of this batch
	row   int64                       // id of the batch
	seen  map[engine.Ref][2]time.Time // first and last event of each node
	again bool                        // another process shipped the batch meanwhile
	err   error
}

func (w *writer) write() {
	if w.head(); w.err != nil || w.again {
		return
	}
	w.seen = times(w.batch)
	for i := range w.batch.Events {
		w.event(&w.batch.Events[i])
	}
	for i := range w.batch.Files {
		w.file(&w.batch.Files[i])
	}
	for i := range w.batch.Indicators {
		w.indicator(&w.batch.Indicators[i])
	}
	for i := range w.batch.Objects {
		w.object(&w.batch.Objects[i])
	}
	w.relations()
	w.matches()
	w.defects()
}

// exec runs a statement and returns the number of rows it changed.
func (w *writer) exec(query string, args ...any) (changed int64) {
	st := w.stmt(query)
	if w.err != nil {
		return 0
	}
	res, err := st.ExecContext(w.ctx, args...)
	if err == nil {
		changed, err = res.RowsAffected()
	}
	w.err = err
	return changed
}

// get runs a statement that returns one value.
func (w *writer) get(to any, query string, args ...any) {
	if st := w.stmt(query); w.err == nil {
		w.err = st.QueryRowContext(w.ctx, args...).Scan(to)
	}
}

// stmt prepares a statement once for the life of the sink.
func (w *writer) stmt(query string) *sql.Stmt {
	st := w.sink.stmts[query]
	if st == nil && w.err == nil {
		if st, w.err = w.sink.conn.PrepareContext(w.ctx, query); w.err == nil {
			w.sink.stmts[query] = st
		}
	}
	return st
}

func (w *writer) head() {
	o := w.batch.Origin
	n := w.exec(`INSERT INTO batches (key, run_id, sink, source, account, folder, origin_id, origin_name, received_at, shipped_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING`,
		w.batch.Key, w.sink.run, w.batch.Sink, o.Source, o.Account, o.Folder, o.ID, o.Name, stamp(o.Received), stamp(w.sink.cfg.Now()))
	w.again = n == 0
	w.get(&w.row, "SELECT id FROM batches WHERE key = ?", w.batch.Key)
}

// node returns the id of a node, new or known.
func (w *writer) node(kind, key string) int64 {
	ref := engine.Ref{Kind: kind, Key: key}
	if id, ok := w.ids[ref]; ok {
		return id
	}
	var id int64
	w.exec(`INSERT INTO nodes (kind, key) VALUES (?, ?) ON CONFLICT (kind, key) DO NOTHING`, kind, key)
	w.get(&id, `SELECT id FROM nodes WHERE kind = ? AND key = ?`, kind, key)
	w.ids[ref] = id
	return id
}

// rank orders mails that describe the same node: by received time, then by
// identity, so that the order of arrival does not matter.
func (w *writer) rank() string {
	at := w.batch.Origin.Received
	for i := range w.batch.Events {
		if at.IsZero() {
			at = w.batch.Events[i].Message.Received
		}
	}
	if at.IsZero() {
		return "9999 " + w.batch.Key
	}
	return at.UTC().Format(time.RFC3339) + " " + w.batch.Key
}

func (w *writer) event(e *engine.EventRecord) {
	id := w.node("event", e.Key)
	w.exec(`INSERT INTO events (id, type, title, happened_at, description, source, tlp, score, rank) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET type = excluded.type, title = excluded.title, happened_at = excluded.happened_at,
		description = excluded.description, source = excluded.source, score = excluded.score, rank = excluded.rank WHERE excluded.rank < events.rank`,
		id, e.Type, e.Title, stamp(e.HappenedAt), e.Description, e.Source, e.TLP, e.Score, w.rank())
	w.restrict("events", id, e.TLP)
	w.attributes(id, e.Attributes)
	if e.SeenIn != "" {
		w.attributes(id, []engine.AttributeRecord{{Name: "Seen In", Value: e.SeenIn}})
	}
	w.tags(id, e.Tags)
	w.message(id, e)
}

// restrict keeps the most restrictive traffic light.
func (w *writer) restrict(table string, id int64, tlp string) {
	if tlp == "" || w.err != nil {
		return
	}
	var old string
	w.get(&old, "SELECT tlp FROM "+table+" WHERE id = ?", id)
	if most := engine.MostRestrictive(old, tlp); most != old {
		w.exec("UPDATE "+table+" SET tlp = ? WHERE id = ?", most, id)
	}
}

func (w *writer) message(event int64, e *engine.EventRecord) {
	m := &e.Message
	w.exec(`INSERT INTO messages (batch_id, event_id, item, message_key, message_id, sha256, size, sender, recipients, copies, subject, date, received_at, treatment, carrier)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		w.row, event, e.Item, m.ID, m.MessageID, m.SHA256, m.Size, m.From, list(m.To), list(m.Cc), m.Subject, stamp(m.Date), stamp(m.Received), m.Treatment, m.Carrier)
}

// list writes addresses as a JSON array, which SQLite's json_each reads.
func list(s []string) string {
	if len(s) == 0 {
		return "[]"
	}
	b, err := json.Marshal(s)
	if err != nil {
		return "[]" // strings always have a JSON form
	}
	return string(b)
}

func (w *writer) file(f *engine.FileRecord) {
	id := w.node("file", f.Key)
	first, last := w.span("file", f.Key)
	w.exec(`INSERT INTO files (id, sha256, md5, sha1, size, name, type, content_type, file_type, malware_locked, encrypted, stored, source, tlp, first_seen, last_seen, rank)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, type = excluded.type, content_type = excluded.content_type, file_type = excluded.file_type,
		source = excluded.source, rank = excluded.rank WHERE excluded.rank < files.rank`,
		id, f.Key, f.MD5, f.SHA1, f.Size, f.Name, f.Type, f.ContentType, f.FileType, f.Locked, f.Encrypted, w.stored[f.Key], f.Source, f.TLP, first, last, w.rank())
	w.exec(`UPDATE files SET malware_locked = max(malware_locked, ?), encrypted = max(encrypted, ?), stored = max(stored, ?) WHERE id = ?`,
		f.Locked, f.Encrypted, w.stored[f.Key], id)
	w.widen("files", id, first, last)
	w.restrict("files", id, f.TLP)
	w.exec(`INSERT INTO file_names (file_id, name, raw_name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, id, f.Name, cmp.Or(f.RawName, f.Name))
	w.attributes(id, f.Attributes)
	w.tags(id, f.Tags)
}

func (w *writer) indicator(r *engine.IndicatorRecord) {
	id := w.node("indicator", r.Key)
	first, last := w.span("indicator", r.Key)
	w.exec(`INSERT INTO indicators (id, type, value, original, status, source, tlp, first_seen, last_seen, rank) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET original = excluded.original, status = excluded.status, source = excluded.source, rank = excluded.rank WHERE excluded.rank < indicators.rank`,
		id, r.Type, r.Value, cmp.Or(r.Original, r.Value), r.Status, r.Source, r.TLP, first, last, w.rank())
	w.widen("indicators", id, first, last)
	w.restrict("indicators", id, r.TLP)
	w.marks(id, "context", r.Contexts)
	w.marks(id, "flag", r.Flags)
	w.attributes(id, r.Attributes)
	w.tags(id, r.Tags)
}

// widen moves first_seen back and last_seen on.
func (w *writer) widen(table string, id int64, first, last any) {
	w.exec("UPDATE "+table+" SET first_seen = min(coalesce(first_seen, ?1), coalesce(?1, first_seen)), last_seen = max(coalesce(last_seen, ?2), coalesce(?2, last_seen)) WHERE id = ?3",
		first, last, id)
}

func (w *writer) object(o *engine.ObjectRecord) {
	id := w.node("object", o.Key)
	w.exec(`INSERT INTO objects (id, type, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, id, o.Type, o.Name)
}

func (w *writer) marks(id int64, kind string, marks []string) {
	for _, m := range marks {
		w.exec(`INSERT INTO indicator_marks (indicator_id, kind, mark) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, id, kind, m)
	}
}

func (w *writer) attributes(id int64, attributes []engine.AttributeRecord) {
	for _, a := range attributes {
		w.exec(`INSERT INTO attributes (node_id, name, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, id, a.Name, a.Value)
	}
}

func (w *writer) tags(id int64, tags []string) {
	for _, t := range tags {
		w.exec(`INSERT INTO tags (node_id, tag) VALUES (?, ?) ON CONFLICT DO NOTHING`, id, t)
	}
}

func (w *writer) relations() {
	for _, r := range w.batch.Relations {
		from, ok1 := w.ids[r.From]
		to, ok2 := w.ids[r.To]
		if w.err == nil && !(ok1 && ok2) {
			w.err = fmt.Errorf("relation from %s %q to %s %q names a node that is not in the batch", r.From.Kind, r.From.Key, r.To.Kind, r.To.Key)
		}
		w.exec(`INSERT INTO relationships (from_id, to_id) VALUES (?, ?) ON CONFLICT DO NOTHING`, from, to)
	}
}

func (w *writer) matches() {
	for _, m := range w.batch.Matches {
		w.exec(`INSERT INTO rule_matches (batch_id, item, rule, phase, result, shadow, error) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			w.row, m.Item, m.Rule, m.Phase, m.Result, m.Shadow, m.Error)
	}
}

func (w *writer) defects() {
	for _, d := range w.batch.Defects {
		w.exec(`INSERT INTO defects (batch_id, code, part, detail, cap) VALUES (?, ?, ?, ?, ?)`, w.row, d.Code, d.Part, d.Detail, d.Cap)
	}
}

// span is when a node was seen in this batch.
func (w *writer) span(kind, key string) (first, last any) {
	t := w.seen[engine.Ref{Kind: kind, Key: key}]
	return stamp(t[0]), stamp(t[1])
}

// times finds, for every node, the first and last event that it is related to.
func times(b *engine.Batch) map[engine.Ref][2]time.Time {
	events := map[string]time.Time{}
	for i := range b.Events {
		events[b.Events[i].Key] = b.Events[i].HappenedAt
	}
	seen := map[engine.Ref][2]time.Time{}
	for _, r := range b.Relations {
		at, ok := events[r.From.Key]
		if r.From.Kind != "event" || !ok || at.IsZero() {
			continue
		}
		t, known := seen[r.To]
		if !known || at.Before(t[0]) {
			t[0] = at
		}
		if !known || at.After(t[1]) {
			t[1] = at
		}
		seen[r.To] = t
	}
	return seen
}
