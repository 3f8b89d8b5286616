// Package sqlitedb opens SQLite files as this project keeps them: one writer,
// write-ahead log so that readers never wait, foreign keys on, every commit
// synced to disk before it returns, readable by the owner only, and a schema
// that is brought up to date step by step.
//
// The file says whose it is: application_id names the program's kind of file,
// user_version counts the steps of its schema. A file of another program, one
// of a newer schema, or one that is no database is an error in words; it is
// never touched.
//
// Errors of the environment (locked, full, unreadable for now) wrap
// engine.ErrTemporary. The package knows no table.
package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Config says which file to open and what it holds.
type Config struct {
	Path          string
	ApplicationID int32         // not 0
	Steps         []string      // the schema, one script a version, oldest first; never edited once released
	Busy          time.Duration // how long to wait for another writer; 5 s when 0
}

// Open opens or creates a database and brings its schema up to date. The
// handle has one connection, so that transactions follow each other.
func Open(ctx context.Context, cfg Config) (*sql.DB, error) {
	if err := create(cfg.Path); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn(cfg))
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", cfg.Path, err)
	}
	db.SetMaxOpenConns(1)
	if err := prepare(ctx, db, cfg); err != nil {
		db.Close()
		return nil, fmt.Errorf("open database %s: %w", cfg.Path, Explain(err))
	}
	return db, nil
}

// create makes sure that nobody else can read the file.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	return f.Close()
}

// dsn names the file as a URI. The journal mode is set later, by prepare: it
// writes, and must not write to a file of somebody else.
func dsn(cfg Config) string {
	busy := cfg.Busy
	if busy == 0 {
		busy = 5 * time.Second
	}
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		path = cfg.Path
	}
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(" + strconv.FormatInt(busy.Milliseconds(), 10) + ")", "foreign_keys(1)", "synchronous(FULL)", "trusted_schema(0)",
	}}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

func prepare(ctx context.Context, db *sql.DB, cfg Config) error {
	var version, id, objects int
	for query, to := range map[string]*int{
		"PRAGMA user_version": &version, "PRAGMA application_id": &id, "SELECT count(*) FROM sqlite_master": &objects,
	} {
		if err := db.QueryRowContext(ctx, query).Scan(to); err != nil {
			return err
		}
	}
	switch {
	case objects > 0 && int32(id) != cfg.ApplicationID:
		return errors.New("the file is the database of another program")
	case version > len(cfg.Steps):
		return fmt.Errorf("the file has schema %d, this version of the program knows up to %d: use a newer version", version, len(cfg.Steps))
	}
	if _, err := db.ExecContext(ctx, "PRAGMA journal_mode = WAL"); err != nil {
		return err
	}
	return migrate(ctx, db, cfg, version)
}

// migrate runs the steps that are missing, each in a transaction of its own.
func migrate(ctx context.Context, db *sql.DB, cfg Config, version int) error {
	for ; version < len(cfg.Steps); version++ {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		script := fmt.Sprintf("%s;\nPRAGMA user_version = %d;\nPRAGMA application_id = %d;", cfg.Steps[version], version+1, cfg.ApplicationID)
		if _, err := tx.ExecContext(ctx, script); err != nil {
			tx.Rollback()
			return fmt.Errorf("schema step %d: %w", version+1, err)
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// Explain says in words what SQLite says in codes, and marks what may pass as
// engine.ErrTemporary. Other errors come back as they are.
func Explain(err error) error {
	var e *sqlite.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%w: the database is locked by another program", engine.ErrTemporary)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: the disk is full", engine.ErrTemporary)
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM:
		return fmt.Errorf("%w: the database cannot be written: %w", engine.ErrTemporary, err)
	case sqlite3.SQLITE_NOTADB:
		return errors.New("the file is not a SQLite database")
	case sqlite3.SQLITE_CORRUPT:
		return errors.New("the database is damaged")
	}
	return err
}
