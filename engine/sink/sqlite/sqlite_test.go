package sqlite_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/sink/sqlite"
)

func clock() time.Time { return time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC) }

func open(t *testing.T, cfg sqlite.Config) *sqlite.Sink {
	t.Helper()
	cfg.Now = clock
	s, err := sqlite.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func ship(t *testing.T, s *sqlite.Sink, batches ...engine.Batch) {
	t.Helper()
	for _, b := range batches {
		if err := s.Ship(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
}

// reader opens the file as an analyst would, beside the sink.
func reader(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func rows(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	r, err := db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer r.Close()
	columns, _ := r.Columns()
	var all []string
	for r.Next() {
		values := make([]sql.NullString, len(columns))
		to := make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		if err := r.Scan(to...); err != nil {
			t.Fatal(err)
		}
		line := ""
		for i, v := range values {
			line += columns[i] + "=" + v.String + " "
		}
		all = append(all, strings.TrimSpace(line))
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// state describes everything but surrogate keys, which follow the order of arrival.
func state(t *testing.T, path string) string {
	db := reader(t, path)
	var all []string
	for _, q := range []string{
		"SELECT b.key, b.source, b.origin_name, b.received_at FROM batches b",
		"SELECT n.key, e.type, e.title, e.happened_at, e.description, e.source, e.tlp, e.score FROM events e JOIN nodes n USING (id)",
		"SELECT n.key, m.item, m.message_key, m.subject, m.date FROM messages m JOIN nodes n ON n.id = m.event_id",
		"SELECT sha256, md5, size, name, type, malware_locked, encrypted, stored, source, tlp, first_seen, last_seen FROM files",
		"SELECT f.sha256, x.name, x.raw_name FROM file_names x JOIN files f ON f.id = x.file_id",
		"SELECT type, value, original, status, source, tlp, first_seen, last_seen FROM indicators",
		"SELECT n.key, m.kind, m.mark FROM indicator_marks m JOIN nodes n ON n.id = m.indicator_id",
		"SELECT type, name FROM objects",
		"SELECT n.kind, n.key, a.name, a.value FROM attributes a JOIN nodes n ON n.id = a.node_id",
		"SELECT n.kind, n.key, t.tag FROM tags t JOIN nodes n ON n.id = t.node_id",
		"SELECT * FROM v_relationships",
		"SELECT b.key, m.item, m.rule, m.phase, m.result, m.shadow, m.error FROM rule_matches m JOIN batches b ON b.id = m.batch_id",
		"SELECT b.key, d.code, d.part, d.detail, d.cap FROM defects d JOIN batches b ON b.id = d.batch_id",
	} {
		all = append(all, rows(t, db, q)...)
	}
	return strings.Join(all, "\n")
}

func TestSinkKeepsTheContract(t *testing.T) {
	enginetest.TestSink(t, func(t *testing.T) (engine.Sink, func() engine.Sink, enginetest.SinkState) {
		path := filepath.Join(t.TempDir(), "r.db")
		return open(t, sqlite.Config{Path: path}), func() engine.Sink { return open(t, sqlite.Config{Path: path}) },
			func(t *testing.T) string { return state(t, path) }
	})
}

// TestAnyOrderGivesTheSameDatabase ships mails that describe the same nodes
// differently in all orders.
func TestAnyOrderGivesTheSameDatabase(t *testing.T) {
	var batches []engine.Batch
	for i, b := range enginetest.SampleBatches() {
		b.Origin.Received = enginetest.Epoch.Add(time.Duration(3-i) * time.Hour)
		b.Events[0].Key, b.Events[0].Title, b.Events[0].Score = "same", fmt.Sprint("title ", i), i
		b.Events[0].TLP = []string{"GREEN", "RED", "AMBER"}[i]
		b.Events[0].HappenedAt = enginetest.Epoch.Add(time.Duration(i*i) * time.Hour)
		b.Files[0].Name, b.Files[0].Encrypted, b.Files[0].TLP = fmt.Sprint("name ", i), i == 1, []string{"", "GREEN", "AMBER"}[i]
		b.Indicators[0].Status, b.Indicators[0].Flags = fmt.Sprint("status ", i), []string{"defanged", fmt.Sprint("flag", i)}
		for k := range b.Relations {
			if b.Relations[k].From.Kind == "event" {
				b.Relations[k].From.Key = "same"
			}
		}
		batches = append(batches, b)
	}
	var want string
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		path := filepath.Join(t.TempDir(), "r.db")
		s := open(t, sqlite.Config{Path: path})
		for _, i := range order {
			ship(t, s, batches[i])
		}
		got := state(t, path)
		if want == "" {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("order %v (-first +this):\n%s", order, diff)
		}
	}
	for _, line := range []string{
		"key=same type=Spearphish title=title 2 happened_at=2026-03-01T13:00:00Z", "tlp=RED score=2",
		"name=name 2", "encrypted=1", "status=status 2", "mark=flag0", "name=Seen In value=mail 0", "name=Seen In value=mail 2",
		"first_seen=2026-03-01T09:00:00Z last_seen=2026-03-01T13:00:00Z",
	} {
		if !strings.Contains(want, line) {
			t.Errorf("missing %q in:\n%s", line, want)
		}
	}
}

func TestEveryViewAnswers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.db")
	s := open(t, sqlite.Config{Path: path})
	for _, b := range enginetest.SampleBatches() {
		b.Events[0].Message.From = "a@evil.example"
		ship(t, s, b)
	}
	db := reader(t, path)
	var views []string
	for _, line := range rows(t, db, "SELECT name FROM sqlite_master WHERE type = 'view'") {
		views = append(views, strings.TrimPrefix(line, "name="))
	}
	for _, v := range views {
		if got := rows(t, db, "SELECT * FROM "+v); len(got) == 0 {
			t.Errorf("view %s is empty", v)
		}
	}
	for query, want := range map[string]string{
		"SELECT value, events, files, flags FROM v_indicators WHERE type = 'URL'":    "value=http://evil.example/ events=2 files=1 flags=defanged",
		"SELECT rule, matches, errors, mails FROM v_top_rules":                       "rule=lure matches=3 errors=0 mails=3",
		"SELECT mails, indicators, files FROM v_event_summary WHERE event='event-0'": "mails=2 indicators=3 files=1",
		"SELECT reports, urls FROM v_spearphish WHERE event='event-0'":               "reports=2 urls=1",
		"SELECT code, defects FROM v_defects":                                        "code=bad-date defects=3",
	} {
		if diff := cmp.Diff([]string{want}, rows(t, db, query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	doc, err := os.ReadFile("../../../docs/reference/sqlite.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range rows(t, db, "SELECT name FROM sqlite_master WHERE type IN ('view', 'table')") {
		if name := strings.TrimPrefix(line, "name="); !strings.Contains(string(doc), "`"+name+"`") {
			t.Errorf("docs/reference/sqlite.md does not explain %s", name)
		}
	}
}

// TestDocumentedQueriesRun runs every sql block of the reference page.
func TestDocumentedQueriesRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.db")
	s := open(t, sqlite.Config{Path: path})
	ship(t, s, enginetest.SampleBatches()...)
	doc, err := os.ReadFile("../../../docs/reference/sqlite.md")
	if err != nil {
		t.Fatal(err)
	}
	db, n := reader(t, path), 0
	for block := range strings.SplitSeq(string(doc), "```sql\n") {
		query, _, ok := strings.Cut(block, "```")
		if ok && n > 0 {
			rows(t, db, query)
		}
		n++
	}
	if n < 4 {
		t.Errorf("only %d queries in the page", n-1)
	}
}

func TestContentsAreStoredByDigest(t *testing.T) {
	dir := t.TempDir()
	path, files := filepath.Join(dir, "r.db"), filepath.Join(dir, "files")
	digest := func(s string) string { d := sha256.Sum256([]byte(s)); return hex.EncodeToString(d[:]) }
	b := enginetest.SampleBatches()[0]
	b.Files[0].Key = digest("zip!")
	for i := range b.Relations {
		for _, r := range []*engine.Ref{&b.Relations[i].From, &b.Relations[i].To} {
			if r.Kind == "file" {
				r.Key = b.Files[0].Key
			}
		}
	}
	ship(t, open(t, sqlite.Config{Path: path, Files: files}), b)
	for _, content := range []string{"zip!", "raw mail"} {
		d := digest(content)
		name := filepath.Join(files, d[:2], d[2:4], d)
		got, err := os.ReadFile(name)
		if err != nil || string(got) != content {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if info, err := os.Stat(name); err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	if left, _ := filepath.Glob(filepath.Join(files, "*.tmp")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if got := rows(t, reader(t, path), "SELECT stored FROM files"); got[0] != "stored=1" {
		t.Errorf("files: %v", got)
	}
}

func TestUnwritableFolderIsTemporaryAndShipsNothing(t *testing.T) {
	dir := t.TempDir()
	path, files := filepath.Join(dir, "r.db"), filepath.Join(dir, "files")
	if err := os.WriteFile(files, []byte("in the way"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, sqlite.Config{Path: path, Files: files})
	b := enginetest.SampleBatches()[0]
	if err := s.Ship(t.Context(), b); !errors.Is(err, engine.ErrTemporary) {
		t.Fatalf("error %v", err)
	}
	if got := rows(t, reader(t, path), "SELECT * FROM batches"); len(got) != 0 {
		t.Errorf("batches: %v", got)
	}
	os.Remove(files)
	ship(t, s, b)
}

func TestFullDiskLosesNothingAndCanBeRepeated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.db")
	s := open(t, sqlite.Config{Path: path})
	batches := enginetest.SampleBatches()
	ship(t, s, batches[0])
	before := state(t, path)
	sqlite.LimitPages(t, s, 60)
	big := batches[1]
	big.Events = slices.Clone(big.Events)
	big.Events[0].Key, big.Relations = "big", nil
	big.Events[0].Description = strings.Repeat("x", 1<<20)
	err := s.Ship(t.Context(), big)
	if !errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), "disk is full") {
		t.Fatalf("error %v", err)
	}
	if diff := cmp.Diff(before, state(t, path)); diff != "" {
		t.Errorf("the failed batch left traces (-before +after):\n%s", diff)
	}
	sqlite.LimitPages(t, s, 1<<20)
	ship(t, s, big)
	if !strings.Contains(state(t, path), "key=big") {
		t.Error("the repeated batch is not there")
	}
}

// TestCancelledShipCanBeRepeated ends the context at some point of each batch;
// wherever that was, shipping again makes it whole.
func TestCancelledShipCanBeRepeated(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "r.db")
	s := open(t, sqlite.Config{Path: path})
	sample := enginetest.SampleBatches()[0]
	for i := range 60 {
		b := sample
		b.Key = fmt.Sprint("k", i)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i*20)*time.Microsecond)
		err := s.Ship(ctx, b)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("batch %d: %v", i, err)
		}
		ship(t, s, b)
	}
	got := rows(t, reader(t, path), `SELECT count(*) AS batches, (SELECT count(*) FROM messages) AS messages,
		(SELECT count(*) FROM rule_matches) AS matches, (SELECT count(*) FROM indicators) AS indicators FROM batches`)
	if diff := cmp.Diff([]string{"batches=60 messages=60 matches=60 indicators=2"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEveryRunHasARow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.db")
	now := clock()
	for i := range 2 {
		s, err := sqlite.Open(sqlite.Config{Path: path, RunID: "phish", Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		ship(t, s, enginetest.SampleBatches()[i])
		s.Close()
		now = now.Add(time.Hour)
	}
	want := []string{"id=phish 2026-02-01T12:00:00Z started_at=2026-02-01T12:00:00Z mails=1", "id=phish 2026-02-01T13:00:00Z started_at=2026-02-01T13:00:00Z mails=1"}
	got := rows(t, reader(t, path), "SELECT r.id, r.started_at, count(*) AS mails FROM runs r JOIN batches b ON b.run_id = r.id GROUP BY r.id")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRelationToNowhereIsFinal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.db")
	s := open(t, sqlite.Config{Path: path})
	b := enginetest.SampleBatches()[0]
	b.Files = nil
	if err := s.Ship(t.Context(), b); err == nil || errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), "not in the batch") {
		t.Errorf("error %v", err)
	}
	if got := rows(t, reader(t, path), "SELECT * FROM nodes"); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
	ship(t, s, enginetest.SampleBatches()...)
}

func TestReadersAndWritersDoNotDisturbEachOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.db")
	s := open(t, sqlite.Config{Path: path})
	ship(t, s, enginetest.SampleBatches()[0])
	db := reader(t, path)
	tx, err := db.BeginTx(context.Background(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	count := func() (n int) {
		if err := tx.QueryRow("SELECT count(*) FROM batches").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 1 {
		t.Fatalf("%d batches", n)
	}
	ship(t, s, enginetest.SampleBatches()...)
	if n := count(); n != 1 {
		t.Errorf("the open transaction sees %d batches, not its snapshot", n)
	}
	if got := rows(t, reader(t, path), "SELECT count(*) AS n FROM batches"); got[0] != "n=3" {
		t.Errorf("a new reader sees %v", got)
	}
}

func TestLockedDatabaseIsTemporary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.db")
	s := open(t, sqlite.Config{Path: path, Busy: 10 * time.Millisecond})
	other, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ship(t.Context(), enginetest.SampleBatches()[0]); !errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), "locked") {
		t.Errorf("error %v", err)
	}
	tx.Rollback()
	ship(t, s, enginetest.SampleBatches()...)
}

func TestOpenRefusesWhatIsNotOurs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(path, []byte(strings.Repeat("just notes\n", 200)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(sqlite.Config{Path: path, Now: clock}); err == nil || !strings.Contains(err.Error(), "not a SQLite database") || errors.Is(err, engine.ErrTemporary) {
		t.Errorf("error %v", err)
	}
}

func BenchmarkShip(b *testing.B) {
	s, err := sqlite.Open(sqlite.Config{Path: filepath.Join(b.TempDir(), "r.db"), Now: clock})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	batch := enginetest.SampleBatches()[0]
	for i := 0; b.Loop(); i++ {
		batch.Key = fmt.Sprint(i)
		if err := s.Ship(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
}
