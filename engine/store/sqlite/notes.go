package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Recall returns what a sink has noted under a key.
func (s *Store) Recall(ctx context.Context, sink, kind, key string) (value string, ok bool, err error) {
	err = s.look(ctx, func(t *tx) {
		ok = t.get("SELECT value FROM notes WHERE sink = ? AND kind = ? AND key = ?", []any{sink, kind, key}, &value)
	})
	if err != nil {
		return "", false, fmt.Errorf("recall %s of %s: %w", kind, sink, err)
	}
	return value, ok, nil
}

// Note remembers a value under a key of a sink, instead of what was there. It
// outlives the process.
func (s *Store) Note(ctx context.Context, sink, kind, key, value string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := s.light.write(`INSERT INTO notes (sink, kind, key, value, at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (sink, kind, key) DO UPDATE SET value = excluded.value, at = excluded.at`, sink, kind, key, value, stamp(s.cfg.Now()))
	if err != nil {
		return fmt.Errorf("note %s of %s: %w", kind, sink, err)
	}
	return nil
}

// Began remembers that a run has begun.
func (s *Store) Began(ctx context.Context, run string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := s.light.write("INSERT INTO runs (run, process, started_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", run, os.Getpid(), stamp(s.cfg.Now()))
	return err
}

// Ended remembers what a run came to.
func (s *Store) Ended(ctx context.Context, run string, sum engine.Summary, trouble error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	text, err := json.Marshal(sum)
	if err != nil {
		return err
	}
	words := ""
	if trouble != nil {
		words = trouble.Error()
	}
	_, err = s.light.write("UPDATE runs SET ended_at = ?, summary = ?, error = ? WHERE run = ?", stamp(s.cfg.Now()), string(text), words, run)
	return err
}
