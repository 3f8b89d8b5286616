package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"sync"

	"github.com/tqmailrules/tqmailrules/internal/sqlitedb"
)

// conn is one connection with its prepared statements. What was begun on it is
// carried out whatever becomes of the caller's context: to end it half-way would
// leave it open whether the statement in hand had its effect.
type conn struct {
	db      *sql.DB
	writing *sync.Mutex // held by whoever writes, over all connections

	mu    sync.Mutex
	c     *sql.Conn
	stmts map[string]*sql.Stmt // by SQL text
}

// take pins the connection and sets its pragma.
func (c *conn) take(ctx context.Context, pragma string) (err error) {
	if c.c, err = c.db.Conn(ctx); err != nil {
		return err
	}
	c.stmts = map[string]*sql.Stmt{}
	_, err = c.c.ExecContext(ctx, "PRAGMA "+pragma)
	return err
}

func (c *conn) close() (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, st := range c.stmts {
		err = errors.Join(err, st.Close())
	}
	c.stmts = map[string]*sql.Stmt{}
	if errClose := c.c.Close(); !errors.Is(errClose, sql.ErrConnDone) {
		err = errors.Join(err, errClose)
	}
	return errors.Join(err, c.db.Close())
}

// transact runs f in a transaction that writes.
func (c *conn) transact(f func(*tx)) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.within("BEGIN IMMEDIATE", f)
}

// view runs f over one state of the database.
func (c *conn) view(f func(*tx)) error { return c.within("BEGIN", f) }

// write runs one statement that is a transaction of its own, and returns the
// number of rows that it changed.
func (c *conn) write(query string, args ...any) (int64, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &tx{conn: c}
	n := t.exec(query, args...)
	return n, sqlitedb.Explain(t.err)
}

func (c *conn) within(begin string, f func(*tx)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &tx{conn: c}
	if t.exec(begin); t.err != nil {
		return sqlitedb.Explain(t.err)
	}
	defer t.rollback() // in vain once committed; not so after a panic
	f(t)
	t.exec("COMMIT")
	t.ended = t.err == nil
	return sqlitedb.Explain(t.err)
}

// tx is a transaction. Its first error stops it: later calls do nothing.
type tx struct {
	conn  *conn
	err   error
	ended bool
	loose []int64 // contents that lose a use in it
}

var background = context.Background()

func (t *tx) rollback() {
	if !t.ended {
		t.conn.c.ExecContext(background, "ROLLBACK")
	}
}

func (t *tx) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

func (t *tx) stmt(query string) *sql.Stmt {
	if t.err != nil {
		return nil
	}
	st := t.conn.stmts[query]
	if st == nil {
		if st, t.err = t.conn.c.PrepareContext(background, query); t.err == nil {
			t.conn.stmts[query] = st
		}
	}
	return st
}

// exec returns the number of rows that it changed.
func (t *tx) exec(query string, args ...any) int64 {
	st := t.stmt(query)
	if t.err != nil {
		return 0
	}
	res, err := st.ExecContext(background, args...)
	if err != nil {
		t.err = err
		return 0
	}
	n, _ := res.RowsAffected()
	return n
}

// get reads the first row into to, and tells whether there is one.
func (t *tx) get(query string, args []any, to ...any) bool {
	st := t.stmt(query)
	if t.err != nil {
		return false
	}
	err := st.QueryRowContext(background, args...).Scan(to...)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.err = err
	}
	return err == nil
}

// each reads all rows, one after another, into to, and calls f after each. f
// must not use the transaction.
func (t *tx) each(query string, args, to []any, f func()) {
	st := t.stmt(query)
	if t.err != nil {
		return
	}
	rows, err := st.QueryContext(background, args...)
	if err != nil {
		t.err = err
		return
	}
	defer rows.Close()
	for rows.Next() {
		if t.err = rows.Scan(to...); t.err != nil {
			return
		}
		f()
	}
	t.err = rows.Err()
}

// list is numbers as a statement takes them: ... IN (SELECT value FROM
// json_each(?)).
func list(ids []int64) string {
	text, _ := json.Marshal(ids) // numbers have a form
	return string(text)
}

// ids reads one column of numbers.
func (t *tx) ids(query string, args ...any) (all []int64) {
	var id int64
	t.each(query, args, []any{&id}, func() { all = append(all, id) })
	return all
}
