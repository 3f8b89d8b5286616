// Package sqlite ships batches into one SQLite file that an analyst can query
// at once (docs/reference/sqlite.md explains the tables and views).
//
// A batch is one transaction, synced to disk before Ship returns. Shipping it
// again changes nothing, and batches may come in any order: sets are united,
// times are widened, and where two mails describe the same event, file or
// indicator differently, the one received first counts, whichever came first.
// Every mail that carries an event leaves a `Seen In` attribute on it.
//
// Contents of files go to a folder when Config.Files names one, as
// aa/bb/<sha256>, written beside and renamed, mode 0600, before the batch that
// names them is committed; without a folder only digests are kept.
//
// A locked file and a full disk are temporary: nothing of the batch is there,
// and it can be shipped again. A file that is no database, belongs to another
// program or has a newer schema is an error of Open, and is not touched.
//
// The package never deletes, and never reads back what it wrote other than to
// merge it.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/blobdir"
	"github.com/tqmailrules/tqmailrules/internal/sqlitedb"
)

// Config of a Sink.
type Config struct {
	Name  string // of the sink in the configuration; "sqlite" when empty
	Path  string
	Files string           // folder for contents; "" keeps none
	Now   func() time.Time // clock of runs and shipped_at
	RunID string           // whose run it is, for the runs table; with the time it was opened it tells runs apart
	Busy  time.Duration    // how long to wait for another writer; 5 s when 0
}

// Sink is one results database. It is safe for concurrent use.
type Sink struct {
	cfg Config
	db  *sql.DB
	run string // id in the runs table

	mu    sync.Mutex
	conn  *sql.Conn            // the one connection, to which statements belong
	stmts map[string]*sql.Stmt // by SQL text
}

var _ engine.Sink = (*Sink)(nil)

// Open opens or creates the database, brings its schema up to date and notes
// the run.
func Open(cfg Config) (*Sink, error) {
	if cfg.Now == nil {
		return nil, errors.New("open results database: no clock")
	}
	if cfg.Name == "" {
		cfg.Name = "sqlite"
	}
	if cfg.RunID == "" {
		cfg.RunID = "run"
	}
	db, err := sqlitedb.Open(context.Background(), sqlitedb.Config{Path: cfg.Path, ApplicationID: applicationID, Steps: steps, Busy: cfg.Busy})
	if err != nil {
		return nil, err
	}
	run := cfg.RunID + " " + cfg.Now().UTC().Format(time.RFC3339Nano)
	s := &Sink{cfg: cfg, db: db, run: run, stmts: map[string]*sql.Stmt{}}
	if err := s.begin(); err != nil {
		db.Close()
		return nil, fmt.Errorf("open database %s: %w", cfg.Path, sqlitedb.Explain(err))
	}
	return s, nil
}

// begin takes the connection and notes the run.
func (s *Sink) begin() (err error) {
	ctx := context.Background()
	if s.conn, err = s.db.Conn(ctx); err != nil {
		return err
	}
	_, err = s.conn.ExecContext(ctx, "INSERT INTO runs (id, started_at) VALUES (?, ?) ON CONFLICT DO NOTHING", s.run, stamp(s.cfg.Now()))
	return err
}

// Name implements engine.Sink.
func (s *Sink) Name() string { return s.cfg.Name }

// Close implements engine.Sink.
func (s *Sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.stmts {
		st.Close()
	}
	s.stmts = nil
	return errors.Join(s.conn.Close(), s.db.Close())
}

// Ship implements engine.Sink.
func (s *Sink) Ship(ctx context.Context, b engine.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ship(ctx, &b); err != nil {
		return fmt.Errorf("ship batch %s to %s: %w", b.Key, s.cfg.Path, s.explain(ctx, err))
	}
	return nil
}

// explain puts the end of ctx before what SQLite makes of it.
func (s *Sink) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return sqlitedb.Explain(err)
}

func (s *Sink) ship(ctx context.Context, b *engine.Batch) error {
	known, err := s.shipped(ctx, b.Key)
	if err != nil || known {
		return err
	}
	stored, err := s.storeContents(b)
	if err != nil {
		return err
	}
	return s.transact(ctx, func() error {
		w := writer{ctx: ctx, sink: s, batch: b, stored: stored, ids: map[engine.Ref]int64{}}
		w.write()
		return w.err
	})
}

// transact runs f in a transaction. A context that ends leaves it open whether
// or not the statement in hand was carried out, so every error rolls back; that
// of rolling back itself only says that there is nothing to roll back.
func (s *Sink) transact(ctx context.Context, f func() error) error {
	_, err := s.conn.ExecContext(ctx, "BEGIN IMMEDIATE")
	if err == nil {
		err = f()
	}
	if err == nil {
		_, err = s.conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		s.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	}
	return err
}

func (s *Sink) shipped(ctx context.Context, key string) (bool, error) {
	var n int
	err := s.conn.QueryRowContext(ctx, "SELECT count(*) FROM batches WHERE key = ?", key).Scan(&n)
	return n > 0, err
}

// storeContents writes the contents of the batch and says which are there.
func (s *Sink) storeContents(b *engine.Batch) (map[string]bool, error) {
	stored := map[string]bool{}
	if s.cfg.Files == "" {
		return stored, nil
	}
	put := func(key string, content engine.Blob) error {
		if content == nil || stored[key] {
			return nil
		}
		digest, err := blobdir.Store(s.cfg.Files, key, content)
		if err == nil {
			stored[digest] = true
		}
		return err
	}
	for i := range b.Files {
		if err := put(b.Files[i].Key, b.Files[i].Content); err != nil {
			return nil, err
		}
	}
	for i := range b.Events {
		if err := put(b.Events[i].Message.SHA256, b.Events[i].Raw); err != nil {
			return nil, err
		}
	}
	return stored, nil
}

// stamp writes a time as the schema has it; nil when it is not known.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}
