// Package sqlite is the durable store: ledger, outbox, parked mails, offered
// passwords, quarantine and cursors, in one SQLite file. It ships nothing and
// decides nothing.
//
// On disk, for a store at state.db:
//
//	state.db         the database; schema1.sql tells its tables
//	state.db-wal     what was committed last; belongs to it, as does state.db-shm
//	state.db.blobs/  contents of more than 256 KiB, as aa/bb/<sha256>
//	state.db.lock    locked while a process uses the store; names that process
//
// All are readable by their owner only. Smaller contents stand in the database.
// A content is written and synced before the transaction that refers to it, and
// removed after the one that ends its last use; what a crash or a failed commit
// leaves between the two is swept by Open. Removed rows leave free pages, which later rows fill.
//
// Two syncs for two promises. Commit and what else must outlive a power cut is
// synced before it returns. Begin, Release, Done and Fail outlive the process
// only: the next synced commit covers them, since the log is written in order,
// and losing them costs an attempt not counted or a batch shipped again, which
// every sink recognises by its key.
//
// A batch is kept as JSON. A text in it that is not UTF-8 comes back with
// U+FFFD for what is not; identities of mails come back byte by byte.
//
// Secrets of offers are sealed with AES-256-GCM under Config.Key, each bound to
// its key, its mail and its position. A raw mail is kept as it is, and may hold
// a password that somebody wrote into it.
//
// Trouble of the environment (locked, full, unreadable for now) wraps
// engine.ErrTemporary, and nothing of that call has happened. A database of
// somebody else, of a newer schema or of another key is an error of Open in
// words, and is not touched.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
	"weak"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/sqlitedb"
)

// Config of a Store.
type Config struct {
	Path  string
	Blobs string           // folder for large contents, of this store alone; Path + ".blobs" when empty
	Key   Key              // seals secrets; not all zero
	Now   func() time.Time // tells when offers expire
	Busy  time.Duration    // how long to wait for a stranger who writes; 5 s when 0
	Keep  bool             // raw mails, to be handled again by other rules
}

// Store implements engine.Store. It is safe for concurrent use; one process at
// a time has it open. Contents that it gave out can be read until it is closed.
type Store struct {
	cfg  Config
	lock *os.File
	seal sealer

	writing sync.Mutex // SQLite has one writer: who waits here need not poll there
	full    *conn      // synced before it returns
	light   *conn      // survives the process
	read    *conn

	mu    sync.Mutex     // contents come and go under it; taken before all others
	loose map[int64]bool // contents that may have lost their last use

	holding sync.Mutex // from finding a content in the database to noting that somebody holds it
	held    map[int64]weak.Pointer[content]
}

var _ engine.Store = (*Store)(nil)

// Open opens or creates a store. It fails when another process has it open.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	switch {
	case cfg.Now == nil:
		return nil, errors.New("open store: no clock")
	case cfg.Key == Key{}:
		return nil, errors.New("open store: no key")
	}
	s := newStore(cfg)
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func newStore(cfg Config) *Store {
	if cfg.Blobs == "" {
		cfg.Blobs = cfg.Path + ".blobs"
	}
	return &Store{cfg: cfg, loose: map[int64]bool{}, held: map[int64]weak.Pointer[content]{}}
}

func (s *Store) open(ctx context.Context) (err error) {
	if s.seal, err = newSealer(s.cfg.Key); err != nil {
		return err
	}
	s.cfg.Key = Key{} // who prints a Store does not print it
	if s.lock, err = lock(s.cfg.Path); err != nil {
		return err
	}
	if err := s.connectAll(ctx); err != nil {
		return err
	}
	if err := s.checkKey(); err != nil {
		return fmt.Errorf("open store %s: %w", s.cfg.Path, err)
	}
	if err := s.tidy(); err != nil {
		return fmt.Errorf("open store %s: %w", s.cfg.Path, err)
	}
	return nil
}

func (s *Store) connectAll(ctx context.Context) (err error) {
	for _, c := range []struct {
		to     **conn
		pragma string
	}{{&s.full, "synchronous = FULL"}, {&s.light, "synchronous = NORMAL"}, {&s.read, "query_only = 1"}} {
		if *c.to, err = s.connect(ctx, c.pragma); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) connect(ctx context.Context, pragma string) (*conn, error) {
	db, err := sqlitedb.Open(ctx, sqlitedb.Config{Path: s.cfg.Path, ApplicationID: applicationID, Steps: steps, Busy: s.cfg.Busy})
	if err != nil {
		return nil, err
	}
	c := &conn{db: db, writing: &s.writing}
	if err := c.take(ctx, pragma); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", s.cfg.Path, sqlitedb.Explain(err)), db.Close())
	}
	return c, nil
}

// checkKey refuses a key that did not seal what is in the store, and leaves a
// mark of the key in a new one.
func (s *Store) checkKey() error {
	const known = "tqmailrules"
	return s.full.transact(func(t *tx) {
		var sealed []byte
		if !t.get("SELECT value FROM meta WHERE name = 'key check'", nil, &sealed) {
			t.exec("INSERT INTO meta (name, value) VALUES ('key check', ?)", s.seal.close(known, "key check"))
			return
		}
		if got, err := s.seal.open(sealed, "key check"); err != nil || got != known {
			t.fail(errors.New("the key is not the one that the store was made with; nothing was changed"))
		}
	})
}

// tidy forgets offers that have expired, and sweeps contents without a use.
func (s *Store) tidy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var unused []int64
	err := s.full.transact(func(t *tx) {
		forgetExpired(t, s.cfg.Now())
		unused = t.ids("SELECT blob FROM blobs WHERE " + unusedBlob)
	})
	if err != nil {
		return err
	}
	s.loosen(unused)
	if err := s.sweep(); err != nil {
		return err
	}
	return s.sweepFolder()
}

// Close implements engine.Store. Contents that are held end with it.
func (s *Store) Close() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock != nil && s.read != nil {
		s.forgetHolders()
		err = s.sweep()
	}
	for _, c := range []*conn{s.read, s.light, s.full} {
		if c != nil {
			err = errors.Join(err, c.close())
		}
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	s.lock = nil
	return err
}

// change runs f in a transaction of c that may end uses of contents, and sweeps
// behind it.
func (s *Store) change(ctx context.Context, c *conn, f func(*tx)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changeLocked(c, f)
}

func (s *Store) changeLocked(c *conn, f func(*tx)) error {
	var loose []int64
	if err := c.transact(func(t *tx) { f(t); loose = t.loose }); err != nil {
		return err
	}
	s.loosen(loose)
	s.sweep() // what cannot be removed now is removed later; the change itself is durable
	return nil
}

// look runs f over one state, from which contents may be given out.
func (s *Store) look(ctx context.Context, f func(*tx)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.holding.Lock()
	defer s.holding.Unlock()
	return s.read.view(f)
}
