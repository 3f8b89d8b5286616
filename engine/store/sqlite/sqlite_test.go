package sqlite_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/store/sqlite"
)

var (
	key     = sqlite.Key{1, 2, 3}
	pairKey = engine.Key{Scope: "partner.example", Key: "CASE-1"}
)

func config(path string) sqlite.Config {
	return sqlite.Config{Path: path, Key: key, Now: func() time.Time { return enginetest.Epoch }, Busy: 50 * time.Millisecond}
}

func open(t *testing.T, cfg sqlite.Config) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func path(t *testing.T) string { return filepath.Join(t.TempDir(), "odd name?#%20.db") }

func commit(t *testing.T, s engine.Store, outcomes ...*engine.Outcome) {
	t.Helper()
	if err := s.Commit(t.Context(), outcomes); err != nil {
		t.Fatal(err)
	}
}

func closed(t *testing.T, s engine.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func shipping(id string, contents ...engine.Blob) *engine.Outcome {
	o := &engine.Outcome{Origin: enginetest.Mail(id, "", "").Origin, Disposition: engine.Shipped}
	b := engine.Batch{Key: "b" + id, Sink: "a", Origin: o.Origin}
	for i, c := range contents {
		b.Files = append(b.Files, engine.FileRecord{Key: fmt.Sprint(i), Content: c})
	}
	o.Batches = []engine.Batch{b}
	return o
}

func offering(id, password string, received time.Time, window time.Duration) *engine.Outcome {
	o := &engine.Outcome{Origin: enginetest.Mail(id, "", "").Origin, Disposition: engine.Nothing}
	o.Offers = []engine.Offer{{Key: pairKey, Received: received, Window: window, Secrets: []engine.Secret{
		{Password: engine.LiteralPassword(password), Part: engine.PartText}, {Password: engine.LiteralPassword("")},
	}}}
	return o
}

func waiting(id string, raw engine.Blob) *engine.Outcome {
	o := &engine.Outcome{Origin: enginetest.Mail(id, "", "").Origin, Disposition: engine.Parked, Raw: raw}
	o.Park = &engine.Park{Received: enginetest.Epoch, Deadline: enginetest.Epoch.Add(time.Hour), Waits: []engine.Wait{{Key: pairKey, Window: time.Hour}}}
	return o
}

func large(text string) engine.Blob {
	return engine.Bytes(strings.Repeat(text, sqlite.Inline/len(text)+1))
}

func TestStoreConforms(t *testing.T) {
	enginetest.TestStore(t, func(t *testing.T) (engine.Store, func() engine.Store) {
		cfg := config(path(t))
		s := open(t, cfg)
		return s, func() engine.Store {
			closed(t, s)
			s = open(t, cfg)
			return s
		}
	})
}

// onDisk is every byte that the store keeps in files.
func onDisk(t *testing.T, db string) []byte {
	t.Helper()
	var all []byte
	err := filepath.WalkDir(filepath.Dir(db), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all = append(all, data...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// dump is every value in the database.
func dump(t *testing.T, db string) (text string) {
	t.Helper()
	h, err := sql.Open("sqlite", "file:"+strings.NewReplacer("?", "%3f", "#", "%23", "%", "%25").Replace(db)+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	var names []string
	rows, err := h.Query("SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var name string
		rows.Scan(&name)
		names = append(names, name)
	}
	for _, name := range names {
		rows, err := h.Query("SELECT * FROM " + name)
		if err != nil {
			t.Fatal(err)
		}
		columns, _ := rows.Columns()
		for rows.Next() {
			values, to := make([]sql.NullString, len(columns)), make([]any, len(columns))
			for i := range values {
				to[i] = &values[i]
			}
			if err := rows.Scan(to...); err != nil {
				t.Fatal(err)
			}
			text += fmt.Sprintln(name, values)
		}
	}
	return text
}

func TestSecretsAreNowhereInTheOpen(t *testing.T) {
	const canary = "canary-7c1f-password"
	cfg := config(path(t))
	s := open(t, cfg)
	commit(t, s, offering("password", canary, enginetest.Epoch, time.Hour), waiting("locked", engine.Bytes("raw")))
	state, err := s.Snapshot(t.Context(), []engine.Key{pairKey})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := state[pairKey][0].Secrets[0].Password.Reveal(nil); got != canary {
		t.Fatalf("the store gives back %q", got)
	}
	ready, err := s.Ready(t.Context(), enginetest.Epoch, 1)
	if err != nil || len(ready) != 1 {
		t.Fatal(ready, err)
	}
	places := map[string][]byte{"files while open": onDisk(t, cfg.Path), "dump": []byte(dump(t, cfg.Path))}
	places["printed"] = fmt.Appendf(nil, "%v %+v %#v %v %#v %v", cfg, cfg, cfg, state, state, ready[0].Raw)
	closed(t, s)
	places["files when closed"] = onDisk(t, cfg.Path)
	_, err = s.Snapshot(t.Context(), []engine.Key{pairKey})
	places["error"] = fmt.Append(nil, err)
	for name, text := range places {
		for what, bad := range map[string]string{"password": canary, "key": string(key[:]), "key in numbers": "1 2 3 0 0 0", "key in Go": "0x1, 0x2, 0x3"} {
			if bytes.Contains(text, []byte(bad)) {
				t.Errorf("%s: the %s can be read", name, what)
			}
		}
	}
	if !bytes.Contains(places["dump"], []byte(pairKey.Key)) || !bytes.Contains(places["files when closed"], []byte(pairKey.Key)) {
		t.Error("the search does not see what is there")
	}
}

// TestSealedSecretsCannotBeMoved changes rows as somebody with the file and
// without the key could.
func TestSealedSecretsCannotBeMoved(t *testing.T) {
	for name, change := range map[string]string{
		"to another key":   "UPDATE offers SET key = 'CASE-2'",
		"to another scope": "UPDATE offers SET scope = 'evil.example'",
		"to another mail":  "UPDATE offers SET id = id || 'x'",
		"to another place": "UPDATE offers SET secrets = json_array(json_extract(secrets, '$[1]'), json_extract(secrets, '$[0]'))",
		"cut":              "UPDATE offers SET secrets = json_set(secrets, '$[0].sealed', 'AAAA')",
		"no JSON":          "UPDATE offers SET secrets = '['",
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(filepath.Join(t.TempDir(), "state.db"))
			s := open(t, cfg)
			commit(t, s, offering("1", "x", enginetest.Epoch, time.Hour))
			stranger(t, cfg.Path, change)
			keys := []engine.Key{pairKey, {Scope: "evil.example", Key: "CASE-1"}, {Scope: "partner.example", Key: "CASE-2"}}
			state, err := s.Snapshot(t.Context(), keys)
			if err == nil || errors.Is(err, engine.ErrTemporary) || len(state) > 0 {
				t.Errorf("got %v, %v, want a final error", state, err)
			}
		})
	}
}

// stranger changes the database behind the store's back.
func stranger(t *testing.T, path, change string) {
	t.Helper()
	h, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, err := h.Exec(change); err != nil {
		t.Fatal(err)
	}
}

func TestAnotherKeyIsRefusedAndNothingIsLost(t *testing.T) {
	cfg := config(path(t))
	s := open(t, cfg)
	commit(t, s, offering("1", "hunter2", enginetest.Epoch, time.Hour))
	closed(t, s)
	wrong := cfg
	wrong.Key[31] = 1
	if _, err := sqlite.Open(t.Context(), wrong); err == nil || !strings.Contains(err.Error(), "the key is not the one") {
		t.Fatalf("error %v", err)
	}
	state, err := open(t, cfg).Snapshot(t.Context(), []engine.Key{pairKey})
	if err != nil || len(state[pairKey]) != 1 {
		t.Errorf("with the right key: %v, %v", state, err)
	}
}

func TestASecondUserOfAStoreIsRefused(t *testing.T) {
	cfg := config(path(t))
	s := open(t, cfg)
	_, err := sqlite.Open(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "another tqmailrules") || errors.Is(err, engine.ErrTemporary) {
		t.Errorf("error %v", err)
	}
	if runtime.GOOS != "windows" && !strings.Contains(fmt.Sprint(err), fmt.Sprint(os.Getpid())) {
		t.Errorf("error %v does not name the process", err)
	}
	commit(t, s, shipping("1"))
	closed(t, s)
	open(t, cfg)
}

func TestForeignFilesAreRefusedInWordsAndUntouched(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(t *testing.T, cfg sqlite.Config)
		want string
	}{
		{"no database", func(t *testing.T, cfg sqlite.Config) {
			os.WriteFile(cfg.Path, []byte(strings.Repeat("not a database\n", 100)), 0o600)
		}, "not a SQLite database"},
		{"another program", func(t *testing.T, cfg sqlite.Config) { stranger(t, cfg.Path, "CREATE TABLE theirs (x)") }, "another program"},
		{"a newer schema", func(t *testing.T, cfg sqlite.Config) {
			s, err := sqlite.OpenLater(t.Context(), cfg, "CREATE TABLE news (x)")
			if err != nil {
				t.Fatal(err)
			}
			closed(t, s)
		}, "schema 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config(filepath.Join(t.TempDir(), "state.db"))
			tt.make(t, cfg)
			before, _ := os.ReadFile(cfg.Path)
			_, err := sqlite.Open(t.Context(), cfg)
			if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, engine.ErrTemporary) {
				t.Errorf("error %v, want a final one with %q", err, tt.want)
			}
			if after, _ := os.ReadFile(cfg.Path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

// A store of schema 1, as the version before this one left it, opens.
func TestAStoreOfYesterdayOpensToday(t *testing.T) {
	cfg := config(path(t))
	if err := sqlite.MakeAs(t.Context(), cfg, 1); err != nil {
		t.Fatal(err)
	}
	s := open(t, cfg)
	commit(t, s, shipping("1", engine.Bytes("file")))
	if err := s.Done(t.Context(), "a", []string{"b1"}); err != nil {
		t.Fatal(err)
	}
}

func TestAStoreOfTodayOpensTomorrow(t *testing.T) {
	cfg := config(path(t))
	s := open(t, cfg)
	commit(t, s, shipping("1", engine.Bytes("file")), offering("2", "x", enginetest.Epoch, time.Hour), waiting("3", large("raw ")))
	closed(t, s)
	s, err := sqlite.OpenLater(t.Context(), cfg, "ALTER TABLE outbox ADD COLUMN tries INTEGER NOT NULL DEFAULT 0; CREATE TABLE news (x)")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	batches, err := s.Pending(t.Context(), "a", 10)
	if err != nil || len(batches) != 1 || read(t, batches[0].Files[0].Content) != "file" {
		t.Errorf("batches: %v, %v", batches, err)
	}
	ready, err := s.Ready(t.Context(), enginetest.Epoch, 10)
	if err != nil || len(ready) != 1 || ready[0].Raw.Size() <= sqlite.Inline {
		t.Errorf("ready: %v, %v", ready, err)
	}
}

func read(t *testing.T, b engine.Blob) string {
	t.Helper()
	data, err := engine.ReadAll(b, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// files lists the contents in the folder of a store.
func files(t *testing.T, cfg sqlite.Config) (all []string) {
	t.Helper()
	filepath.WalkDir(cfg.Path+".blobs", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, d.Name())
		}
		return nil
	})
	return all
}

// blobs is how many contents stand in the database beside the batches that were
// shipped, which stay for those who look back.
func blobs(t *testing.T, cfg sqlite.Config) int {
	text := dump(t, cfg.Path)
	return strings.Count(text, "\nblobs [") - strings.Count(text, "\nshipped [") // neither is the first table
}

func TestContentsGoWithTheirLastUse(t *testing.T) {
	cfg := config(filepath.Join(t.TempDir(), "state.db"))
	s := open(t, cfg)
	shared := large("shared ")
	commit(t, s, shipping("1", shared, engine.Bytes("small")), shipping("2", shared), waiting("3", shared), waiting("4", engine.Bytes("small")))
	if n := len(files(t, cfg)); n != 1 {
		t.Fatalf("%d files, want the shared one", n)
	}
	for i, step := range []struct {
		do    func()
		files int
	}{
		{func() { s.Done(t.Context(), "a", []string{"b1"}) }, 1},
		{func() { s.Done(t.Context(), "a", []string{"b2"}) }, 1},
		{func() { commit(t, s, &engine.Outcome{Origin: waiting("4", nil).Origin, Disposition: engine.Nothing}) }, 1},
		{func() { commit(t, s, waiting("3", shared)) }, 1}, // parked again
		{func() { commit(t, s, &engine.Outcome{Origin: waiting("3", nil).Origin, Disposition: engine.Nothing}) }, 0},
	} {
		step.do()
		if n := len(files(t, cfg)); n != step.files {
			t.Errorf("step %d: %d files, want %d", i, n, step.files)
		}
	}
	if n := blobs(t, cfg); n != 0 {
		t.Errorf("%d contents are left:\n%s", n, dump(t, cfg.Path))
	}
}

func TestOnlyTheOwnerCanReadIt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no such mode here")
	}
	cfg := config(filepath.Join(t.TempDir(), "state.db"))
	s := open(t, cfg)
	commit(t, s, shipping("1", large("large ")))
	seen := 0
	err := filepath.WalkDir(filepath.Dir(cfg.Path), func(path string, d fs.DirEntry, err error) error {
		if path == filepath.Dir(cfg.Path) || err != nil {
			return err
		}
		info, err := d.Info()
		if seen++; err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 7 { // database, log, index of the log, lock, and the folders of a content
		t.Errorf("looked at %d", seen)
	}
}

func TestAHeldContentGoesWhenNobodyHoldsIt(t *testing.T) {
	cfg := config(filepath.Join(t.TempDir(), "state.db"))
	s := open(t, cfg)
	commit(t, s, shipping("1", large("large "), engine.Bytes("small")))
	batches, err := s.Pending(t.Context(), "a", 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Done(t.Context(), "a", []string{"b1"}); err != nil {
		t.Fatal(err)
	}
	if read(t, batches[0].Files[1].Content) != "small" || len(files(t, cfg)) != 1 {
		t.Error("a content that is held is gone")
	}
	runtime.KeepAlive(batches)
	batches = nil
	runtime.GC()
	commit(t, s, &engine.Outcome{Origin: shipping("2").Origin, Disposition: engine.Nothing})
	if n := blobs(t, cfg) + len(files(t, cfg)); n != 0 {
		t.Errorf("%d contents are left", n)
	}
}

// TestOpenSweepsWhatACrashLeft opens a copy of what stands on disk while a
// process is at work, with what another moment would leave.
func TestOpenSweepsWhatACrashLeft(t *testing.T) {
	cfg := config(filepath.Join(t.TempDir(), "state.db"))
	s := open(t, cfg)
	commit(t, s, shipping("1", large("kept ")), shipping("2", large("held ")))
	batches, _ := s.Pending(t.Context(), "a", 10)
	if err := s.Done(t.Context(), "a", []string{"b2"}); err != nil {
		t.Fatal(err)
	}
	crashed := t.TempDir()
	if err := os.CopyFS(crashed, os.DirFS(filepath.Dir(cfg.Path))); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(batches)
	cfg = config(filepath.Join(crashed, "state.db"))
	folder := cfg.Path + ".blobs"
	for _, name := range []string{"123.tmp", "ab/cd/abcd" + strings.Repeat("0", 60)} {
		os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o700)
		os.WriteFile(filepath.Join(folder, name), []byte("orphan"), 0o600)
	}
	os.WriteFile(filepath.Join(folder, "README"), []byte("somebody else's"), 0o600)
	before := len(files(t, cfg))
	s = open(t, cfg)
	if after := len(files(t, cfg)); before != 5 || after != 2 {
		t.Errorf("%d files, then %d; want the one in use and the stranger's", before, after)
	}
	left, err := s.Pending(t.Context(), "a", 10)
	if err != nil || len(left) != 1 || read(t, left[0].Files[0].Content) != read(t, large("kept ")) {
		t.Errorf("%d batches are left, %v", len(left), err)
	}
	if n := blobs(t, cfg); n != 2 { // the batch and its file
		t.Errorf("%d contents in the database", n)
	}
}

func TestClosingEndsWhatIsHeld(t *testing.T) {
	cfg := config(filepath.Join(t.TempDir(), "state.db"))
	s := open(t, cfg)
	commit(t, s, shipping("1", large("large "), engine.Bytes("small")))
	batches, err := s.Pending(t.Context(), "a", 1)
	if err = errors.Join(err, s.Done(t.Context(), "a", []string{"b1"})); err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	for _, f := range batches[0].Files {
		if _, err := f.Content.Open(); err == nil {
			t.Error("a content opens after the store has closed")
		}
	}
	if n := blobs(t, cfg) + len(files(t, cfg)); n != 0 {
		t.Errorf("%d contents are left", n)
	}
}

func TestOffersExpire(t *testing.T) {
	cfg := config(path(t))
	now := enginetest.Epoch.Add(10 * time.Hour) // when it is committed, long after it was received
	cfg.Now = func() time.Time { return now }
	s := open(t, cfg)
	commit(t, s, offering("1", "x", enginetest.Epoch, time.Hour))
	known := func() int {
		state, err := s.Snapshot(t.Context(), []engine.Key{pairKey})
		if err != nil {
			t.Fatal(err)
		}
		return len(state[pairKey])
	}
	now = now.Add(2 * time.Hour)
	if known() != 1 {
		t.Error("gone after two windows")
	}
	now = now.Add(time.Second)
	if known() != 0 {
		t.Error("there after more than two windows")
	}
	commit(t, s, waiting("locked", engine.Bytes("raw")))
	if ready, err := s.Ready(t.Context(), enginetest.Epoch, 1); err != nil || len(ready) != 0 {
		t.Errorf("an expired offer woke a mail: %v, %v", ready, err)
	}
	if strings.Contains(dump(t, cfg.Path), "\noffers [") {
		t.Error("a commit left the row")
	}
	commit(t, s, offering("2", "y", enginetest.Epoch, time.Hour))
	closed(t, s)
	now = now.Add(3 * time.Hour)
	closed(t, open(t, cfg))
	if strings.Contains(dump(t, cfg.Path), "\noffers [") {
		t.Error("opening left the row")
	}
}

func TestACommitIsWholeOrNotAtAll(t *testing.T) {
	cfg := config(path(t))
	s := open(t, cfg)
	for _, bad := range []engine.Blob{unreadable(5), unreadable(sqlite.Inline + 1)} {
		err := s.Commit(t.Context(), []*engine.Outcome{shipping("1", large("large ")), shipping("2", bad)})
		if !errors.Is(err, engine.ErrTemporary) {
			t.Errorf("error %v, want a temporary one", err)
		}
	}
	if n, oldest, err := s.Waiting(t.Context(), "a"); n != 0 || !oldest.IsZero() || err != nil {
		t.Errorf("%d batches wait since %v, %v", n, oldest, err)
	}
	commit(t, s, shipping("1", large("large ")))
	if sinks, err := s.Sinks(t.Context()); err != nil || len(sinks) != 1 || sinks[0] != "a" {
		t.Errorf("sinks that wait: %v, %v", sinks, err)
	}
	n, oldest, err := s.Waiting(t.Context(), "a")
	if n != 1 || !oldest.Equal(enginetest.Epoch) || err != nil {
		t.Errorf("%d batches wait since %v, %v", n, oldest, err)
	}
}

type unreadable int64

func (u unreadable) Open() (io.ReadCloser, error) { return nil, os.ErrPermission }
func (u unreadable) Size() int64                  { return int64(u) }

func TestAFullDiskIsTemporaryAndLosesNothing(t *testing.T) {
	cfg := config(path(t))
	s := open(t, cfg)
	commit(t, s, shipping("1"))
	sqlite.LimitPages(t, s, 1)
	big := shipping("2", engine.Bytes(strings.Repeat("x", sqlite.Inline)))
	if err := s.Commit(t.Context(), []*engine.Outcome{big}); !errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), "full") {
		t.Errorf("error %v", err)
	}
	if batches, err := s.Pending(t.Context(), "a", 10); len(batches) != 1 || err != nil {
		t.Errorf("%d batches, %v", len(batches), err)
	}
	sqlite.LimitPages(t, s, 0)
	commit(t, s, big)
	if batches, err := s.Pending(t.Context(), "a", 10); len(batches) != 2 || err != nil {
		t.Errorf("%d batches, %v", len(batches), err)
	}
}

func TestAStrangerWhoWritesIsWaitedForAndThenTemporary(t *testing.T) {
	cfg := config(filepath.Join(t.TempDir(), "state.db"))
	s := open(t, cfg)
	h, err := sql.Open("sqlite", cfg.Path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	tx, err := h.Begin()
	if err != nil {
		t.Fatal(err)
	}
	_, beginErr := s.Begin(t.Context(), shipping("1").Origin, "r")
	for what, err := range map[string]error{
		"begin": beginErr, "commit": s.Commit(t.Context(), []*engine.Outcome{shipping("1")}), "done": s.Done(t.Context(), "a", []string{"b1"}),
	} {
		if !errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), "locked") {
			t.Errorf("%s: error %v", what, err)
		}
	}
	tx.Rollback()
	commit(t, s, shipping("1"))
}

func TestRefusedBatchesAndQuarantineAreKept(t *testing.T) {
	cfg := config(path(t))
	s := open(t, cfg)
	bad := &engine.Outcome{Origin: enginetest.Mail("q", "", "").Origin, Disposition: engine.Quarantined, Reason: "panic: x", Stack: "goroutine 1", Raw: large("raw ")}
	commit(t, s, shipping("1", large("file ")), bad)
	if err := s.Fail(t.Context(), "a", "b1", "400 bad request"); err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	s = open(t, cfg)
	failed, err := s.Failed(t.Context(), enginetest.Epoch)
	if err != nil || len(failed) != 1 {
		t.Fatal(failed, err)
	}
	f := failed[0]
	if f.Sink != "a" || f.Reason != "400 bad request" || f.Batch.Key != "b1" || read(t, f.Batch.Files[0].Content) != read(t, large("file ")) {
		t.Errorf("refused: %+v", f)
	}
	if later, err := s.Failed(t.Context(), enginetest.Epoch.Add(1)); len(later) > 0 || err != nil {
		t.Errorf("refused later: %v, %v", later, err)
	}
	held, err := s.Quarantined(t.Context())
	if err != nil || len(held) != 1 {
		t.Fatal(held, err)
	}
	q := held[0]
	if diff := cmp.Diff(sqlite.Quarantine{Origin: bad.Origin, Reason: bad.Reason, Stack: bad.Stack}, sqlite.Quarantine{Origin: q.Origin, Reason: q.Reason, Stack: q.Stack}); diff != "" {
		t.Error(diff)
	}
	if read(t, q.Raw) != read(t, large("raw ")) {
		t.Error("the raw mail differs")
	}
}

func TestCursorsAreKept(t *testing.T) {
	cfg := config(path(t))
	s := open(t, cfg)
	if got, err := s.Cursor(t.Context(), "imap"); got != nil || err != nil {
		t.Errorf("unknown: %v, %v", got, err)
	}
	for _, value := range []string{"uid 4711", "uid \x00\xff"} {
		if err := s.SetCursor(t.Context(), "imap", []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SetCursor(t.Context(), "empty", nil); err != nil {
		t.Error(err)
	}
	closed(t, s)
	s = open(t, cfg)
	if got, err := s.Cursor(t.Context(), "imap"); string(got) != "uid \x00\xff" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestOpenNeedsAKeyAndAClock(t *testing.T) {
	for name, spoil := range map[string]func(*sqlite.Config){
		"no key":    func(c *sqlite.Config) { c.Key = sqlite.Key{} },
		"no clock":  func(c *sqlite.Config) { c.Now = nil },
		"no folder": func(c *sqlite.Config) { c.Path = filepath.Join(c.Path, "nowhere", "state.db") },
	} {
		cfg := config(path(t))
		spoil(&cfg)
		if _, err := sqlite.Open(t.Context(), cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzBatchesComeBack wants what JSON can hold unchanged, identities unchanged
// whatever they are, and no batch that cannot be kept.
func FuzzBatchesComeBack(f *testing.F) {
	f.Add("id", "title", int64(0), int64(0))
	f.Add("\xff\x00{\"base64\":1}", "\xfe\u2028<", int64(1<<60), int64(-1<<62))
	f.Add("", "", int64(253402300800), int64(-62167219201))
	f.Fuzz(func(t *testing.T, id, title string, received, happened int64) {
		b := engine.Batch{
			Origin: engine.Origin{Source: id, Account: id, Folder: id, ID: id, Name: id, Received: time.Unix(received, 1).UTC()},
			Events: []engine.EventRecord{{Title: title, HappenedAt: time.Unix(happened, 0)}},
		}
		got, err := sqlite.Recoded(b)
		if err != nil {
			t.Fatal(err)
		}
		if year := b.Origin.Received.Year(); year < 0 || year > 9999 {
			b.Origin.Received, got.Origin.Received = time.Time{}, time.Time{}
		}
		if diff := cmp.Diff(b.Origin, got.Origin); diff != "" {
			t.Error(diff)
		}
		if want := strings.ToValidUTF8(title, "\ufffd"); strings.ToValidUTF8(got.Events[0].Title, "") != got.Events[0].Title ||
			(want == title && got.Events[0].Title != title) {
			t.Errorf("title %q came back as %q", title, got.Events[0].Title)
		}
	})
}
