package main

import (
	"bytes"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const killConfig = `instance: kill
sources: [ { files: { path: %q } } ]
rules: [ %q ]
sinks:
  - sqlite: { name: db, path: results.db }
  - jsonl: { name: lines, path: results.jsonl }
store: { path: state.db }
files: { dir: files }
limits: { attempts: 1000 } # it is not the mails that kill the process
log: { to: run.log }
`

// TestKilledRunsShipEveryMailOnce kills runs at random moments, starts them
// again until one ends by itself, and wants of the sinks what a run gives that
// nobody disturbs. The moments are drawn from a seed, which is printed; what
// they hit depends on the machine.
func TestKilledRunsShipEveryMailOnce(t *testing.T) {
	kills, seed := 30, uint64(time.Now().UnixNano())
	switch {
	case os.Getenv("TQ_SOAK") != "":
		kills = 300
	case testing.Short():
		kills = 6
	}
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	calm := newKillDir(t)
	began := time.Now()
	calm.end(t)
	whole := time.Since(began)
	want := calm.effects(t)
	if len(want) < 500 {
		t.Fatalf("%d effects of a run that nobody disturbed", len(want))
	}
	runs, campaigns := 0, 0
	for left := kills; left > 0; campaigns++ {
		d := newKillDir(t)
		for left > 0 && d.disturb(t, rng, whole) {
			left--
			runs++
		}
		d.end(t) // in peace, or once more after the end
		if diff := cmp.Diff(want, d.effects(t)); diff != "" {
			t.Fatalf("after %d kills (-undisturbed +killed):\n%s", kills-left, diff)
		}
	}
	t.Logf("%d kills in %d campaigns; a whole run takes %v", runs, campaigns, whole.Round(time.Millisecond))
}

// TestASecondRunOnAStoreIsRefused holds the first run at standard input.
func TestASecondRunOnAStoreIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the lock cannot be read here, and nothing else tells when the first run has it")
	}
	d := newKillDir(t)
	d.end(t)
	before := d.effects(t)
	config, err := os.ReadFile(d.file("tq.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	fromInput := regexp.MustCompile(`path: "[^"]*" } } ]`).ReplaceAll(config, []byte(`path: "-" } } ]`))
	if err := os.WriteFile(d.file("tq.yaml"), fromInput, 0o600); err != nil {
		t.Fatal(err)
	}
	first, firstTalk := d.command()
	if _, err := first.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	defer first.Wait()
	defer first.Process.Kill()
	process := fmt.Sprint(first.Process.Pid)
	for late := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if who, _ := os.ReadFile(d.file("state.db.lock")); strings.TrimSpace(string(who)) == process {
			break
		}
		if time.Now().After(late) {
			t.Fatalf("the first run does not use the store:\n%s", firstTalk)
		}
	}
	second, talk := d.command()
	second.Run()
	if code := exit(second.ProcessState.ExitCode()); code != exitEnvironment || !strings.Contains(talk.String(), "another tqmailrules (process "+process+") is using") {
		t.Errorf("exit status %d:\n%s", code, talk)
	}
	if diff := cmp.Diff(before, d.effects(t)); diff != "" {
		t.Errorf("after a run that was refused:\n%s", diff)
	}
}

// killDir is a folder with a configuration, and all that its runs write.
type killDir string

func newKillDir(t *testing.T) killDir {
	t.Helper()
	root, err := filepath.Abs("../../examples/rules")
	if err != nil {
		t.Fatal(err)
	}
	d := killDir(t.TempDir())
	config := fmt.Sprintf(killConfig, filepath.Join(root, "corpus"), filepath.Join(root, "desk"))
	if err := os.WriteFile(d.file("tq.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d killDir) file(name string) string { return filepath.Join(string(d), name) }

func (d killDir) command() (c *exec.Cmd, talk *bytes.Buffer) {
	talk = &bytes.Buffer{}
	c = exec.Command(os.Args[0], "run", "-c", d.file("tq.yaml"))
	c.Env = append(os.Environ(), asProgram+"=1")
	c.Stdout, c.Stderr = talk, talk
	return c, talk
}

// end runs until all is done. The one mail of the corpus that is no mail makes
// the status 3 of the run that meets it.
func (d killDir) end(t *testing.T) {
	t.Helper()
	c, talk := d.command()
	c.Run()
	if code := exit(c.ProcessState.ExitCode()); code != exitOK && code != exitQuarantined {
		t.Fatalf("exit status %d:\n%s", code, talk)
	}
}

// disturb starts a run and kills it at a random moment. It is false when the
// run ended before.
func (d killDir) disturb(t *testing.T, rng *rand.Rand, whole time.Duration) (killed bool) {
	t.Helper()
	c, talk := d.command()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1) // one: the end is told once
	go func() { gone <- c.Wait() }()
	moment := time.After(time.Duration(rng.Int64N(int64(whole))))
	for waiting := true; waiting; {
		select {
		case <-gone:
			if code := exit(c.ProcessState.ExitCode()); code != exitOK && code != exitQuarantined {
				t.Fatalf("exit status %d:\n%s", code, talk)
			}
			return false
		case <-moment:
			waiting = false
		}
	}
	c.Process.Kill()
	<-gone
	return !c.ProcessState.Exited()
}

// effects are one line for everything that the sinks hold and for what the
// store has left to do, sorted.
func (d killDir) effects(t *testing.T) (all []string) {
	t.Helper()
	lines, err := os.ReadFile(d.file("results.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(lines)) {
		all = append(all, "line "+line)
	}
	all = append(all, d.rows(t, "results.db", resultQueries)...)
	all = append(all, d.rows(t, "state.db", stateQueries)...)
	filepath.WalkDir(d.file("files"), func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && filepath.Ext(path) != ".tmp" { // half of a content, which nothing refers to
			all = append(all, "file "+e.Name())
		}
		return nil
	})
	left, _ := filepath.Glob(d.file("state.db.blobs/*/*/*"))
	all = append(all, fmt.Sprint("contents of the store in files ", len(left)))
	slices.Sort(all)
	return all
}

// Numbers of rows and times of shipping differ from run to run; all else may not.
var resultQueries = []string{
	"SELECT 'batch', key, sink, source, origin_id, origin_name, received_at FROM batches",
	"SELECT 'event', key, type, title, happened_at, description, score, rank FROM events JOIN nodes USING (id)",
	"SELECT 'indicator', type, value, original, status, first_seen, last_seen, rank FROM indicators",
	"SELECT 'mark', value, kind, mark FROM indicator_marks JOIN indicators ON id = indicator_id",
	"SELECT 'content', sha256, name, type, stored, rank FROM files",
	"SELECT 'name', sha256, file_names.name, raw_name FROM file_names JOIN files ON id = file_id",
	"SELECT 'attribute', kind, key, name, value FROM attributes JOIN nodes ON id = node_id",
	"SELECT 'tag', kind, key, tag FROM tags JOIN nodes ON id = node_id",
	"SELECT 'relation', a.key, b.key FROM relationships JOIN nodes a ON a.id = from_id JOIN nodes b ON b.id = to_id",
	"SELECT 'match', key, item, rule, phase, result, error FROM rule_matches JOIN batches ON id = batch_id",
	"SELECT 'message', key, item, message_key, subject FROM messages JOIN nodes ON nodes.id = event_id",
}

var stateQueries = []string{
	"SELECT 'ledger', source, folder, ref, committed_at IS NOT NULL, disposition, reason FROM ledger",
	"SELECT 'parked', ref, deadline, ready FROM parked JOIN ledger USING (mail)",
	"SELECT 'quarantine', ref, quarantine.reason FROM quarantine JOIN ledger USING (mail)",
	"SELECT 'offer', scope, key, id, received FROM offers",
	"SELECT 'outbox', sink, key, refused FROM outbox",
	"SELECT 'content', sha256, size FROM blobs",
	"SELECT 'whole', integrity_check FROM pragma_integrity_check",
	"SELECT 'refers to nothing', \"table\", rowid FROM pragma_foreign_key_check",
}

func (d killDir) rows(t *testing.T, file string, queries []string) (all []string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+d.file(file))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range queries {
		rows, err := db.Query(q)
		if err != nil {
			t.Fatalf("%s: %s: %v", file, q, err)
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
			line := file
			for _, v := range values {
				line += "\t" + v.String
			}
			all = append(all, line)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}
