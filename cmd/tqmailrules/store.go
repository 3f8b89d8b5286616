package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq"
	"github.com/tqmailrules/tqmailrules/engine/store/mem"
	"github.com/tqmailrules/tqmailrules/engine/store/sqlite"
)

// deadLetter is a batch that a sink refused for good.
type deadLetter struct{ sink, batch, reason string }

// store is what a run remembers with. Close it after the sinks.
type store struct {
	engine.Store
	refused func() ([]deadLetter, error) // in this run
	durable *sqlite.Store                // nil: it forgets
}

// mailboxes is what is known of mailboxes; nil when nothing is.
func (s *store) mailboxes() mailboxMemory {
	if s.durable == nil {
		return nil
	}
	return s.durable
}

// notes are what sinks remember; nil when nothing does.
func (s *store) notes() threatq.Memory {
	if s.durable == nil {
		return nil
	}
	return s.durable
}

func (s *store) began(ctx context.Context, run string) error {
	if s.durable == nil {
		return nil
	}
	return s.durable.Began(ctx, run)
}

func (s *store) ended(ctx context.Context, run string, sum engine.Summary, trouble error) error {
	if s.durable == nil {
		return nil
	}
	return s.durable.Ended(ctx, run, sum, trouble)
}

// store opens the store of a configuration. Without one a run remembers nothing
// when it has ended: sinks recognise what they have.
func (a *app) store(ctx context.Context, cfg *settings.Config, log *slog.Logger) (*store, error) {
	if cfg.Store.Path == "" {
		s := mem.New()
		return &store{Store: s, refused: func() (all []deadLetter, err error) {
			for _, f := range s.Failed() {
				all = append(all, deadLetter{f.Sink, f.Batch.Key, f.Reason})
			}
			return all, nil
		}}, nil
	}
	if err := os.MkdirAll(filepath.Dir(cfg.Store.Path), 0o700); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	key, err := a.storeKey(cfg.Store)
	if err != nil {
		return nil, err
	}
	began := a.now()
	s, err := sqlite.Open(ctx, sqlite.Config{Path: cfg.Store.Path, Key: key, Now: a.now, Keep: cfg.Store.Keep > 0})
	if err != nil {
		return nil, err
	}
	if err := warnOfLeftBatches(ctx, s, cfg.Sinks, log); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &store{Store: s, durable: s, refused: func() (all []deadLetter, err error) {
		failed, err := s.Failed(context.WithoutCancel(ctx), began) // also when the run was interrupted
		for _, f := range failed {
			all = append(all, deadLetter{f.Sink, f.Batch.Key, f.Reason})
		}
		return all, err
	}}, nil
}

// warnOfLeftBatches tells of batches for sinks that the configuration does not
// have any more: nobody will ship them.
func warnOfLeftBatches(ctx context.Context, s *sqlite.Store, sinks []settings.Sink, log *slog.Logger) error {
	waiting, err := s.Sinks(ctx)
	for _, name := range waiting {
		if !slices.ContainsFunc(sinks, func(c settings.Sink) bool { return c.Name == name }) {
			log.Warn("batches wait for a sink that is not configured", "sink", name)
		}
	}
	return err
}

// storeKey reads the key that the configuration names, or the one beside the
// store.
func (a *app) storeKey(cfg settings.Store) (key sqlite.Key, err error) {
	switch {
	case cfg.Key.File != "":
		return sqlite.ReadKey(cfg.Key.File)
	case cfg.Key.Env == "":
		return sqlite.OwnKey(cfg.Path)
	}
	text, err := a.secret(cfg.Key)
	if err == nil {
		key, err = sqlite.ParseKey([]byte(text))
	}
	if err != nil {
		return key, fmt.Errorf("key of the store: %s: %w", cfg.Key.Env, err)
	}
	return key, nil
}
