package sqlitedb_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/sqlitedb"
)

var steps = []string{
	"CREATE TABLE a (x INTEGER PRIMARY KEY, y TEXT)",
	"ALTER TABLE a ADD COLUMN z TEXT",
}

func open(t *testing.T, path string, steps []string) (*sql.DB, error) {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), sqlitedb.Config{Path: path, ApplicationID: 7, Steps: steps, Busy: 10 * time.Millisecond})
	if err == nil {
		t.Cleanup(func() { db.Close() })
	}
	return db, err
}

func TestSchemaGrowsStepByStepAndKeepsData(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd name?#%20.db")
	db, err := open(t, path, steps[:1])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("INSERT INTO a (y) VALUES ('kept')"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if db, err = open(t, path, steps); err != nil {
		t.Fatal(err)
	}
	var y string
	var version int
	if err := db.QueryRow("SELECT y FROM a WHERE z IS NULL").Scan(&y); err != nil || y != "kept" {
		t.Errorf("row after the second step: %q, %v", y, err)
	}
	if db.QueryRow("PRAGMA user_version").Scan(&version); version != 2 {
		t.Errorf("user_version = %d", version)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the file: %v, %v", info, err)
	}
}

func TestForeignFilesAreRefusedInWordsAndUntouched(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(t *testing.T, path string)
		want string
	}{
		{"no database", func(t *testing.T, path string) {
			os.WriteFile(path, []byte(strings.Repeat("not a database\n", 100)), 0o600)
		}, "not a SQLite database"},
		{"newer schema", func(t *testing.T, path string) {
			db, err := open(t, path, append(steps, "CREATE TABLE b (x)"))
			if err != nil {
				t.Fatal(err)
			}
			db.Close()
		}, "schema 3"},
		{"another program", func(t *testing.T, path string) {
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec("CREATE TABLE theirs (x)"); err != nil {
				t.Fatal(err)
			}
		}, "another program"},
		{"a folder", func(t *testing.T, path string) { os.Mkdir(path, 0o700) }, "is a directory"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			tc.make(t, path)
			before, _ := os.ReadFile(path)
			_, err := open(t, path, steps)
			if err == nil || !strings.Contains(err.Error(), tc.want) || errors.Is(err, engine.ErrTemporary) {
				t.Errorf("error %v, want a final one with %q", err, tc.want)
			}
			if after, _ := os.ReadFile(path); string(before) != string(after) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestFailedStepLeavesTheOldSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	if _, err := open(t, path, []string{steps[0], "CREATE TABLE b (x); CREATE TABLE b (x)"}); err == nil || !strings.Contains(err.Error(), "schema step 2") {
		t.Fatalf("error %v", err)
	}
	db, err := open(t, path, steps)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("SELECT z FROM a"); err != nil {
		t.Error(err)
	}
}

func TestLockAndFullDiskAreTemporary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := open(t, path, steps)
	if err != nil {
		t.Fatal(err)
	}
	other, err := open(t, path, steps)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec("INSERT INTO a (y) VALUES ('x')")
	if got := sqlitedb.Explain(err); !errors.Is(got, engine.ErrTemporary) || !strings.Contains(got.Error(), "locked") {
		t.Errorf("locked: %v", got)
	}
	tx.Rollback()
	if _, err := db.Exec("PRAGMA max_page_count = 4"); err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec("INSERT INTO a (y) VALUES (?)", strings.Repeat("x", 100_000))
	if got := sqlitedb.Explain(err); !errors.Is(got, engine.ErrTemporary) || !strings.Contains(got.Error(), "full") {
		t.Errorf("full: %v", got)
	}
}
