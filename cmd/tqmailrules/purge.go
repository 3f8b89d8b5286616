package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/store/sqlite"
	"github.com/tqmailrules/tqmailrules/internal/blobdir"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

var purgeCommand = command{
	name:    "purge",
	args:    "-c CONFIG [flags]",
	summary: "forget what is older than it may be",
	long: `
Removes what the configuration gives a time to (store.keep, store.history,
files.retention), as every run does when it begins, or what is older than the flags
say. What waits, what is parked and what is in quarantine stays. Expired passwords
go always.

--ledger forgets mails of which nothing is left, too: a source that hands one of
them over again has it handled again.

examples:
  tqmailrules purge -c phish.yaml
  tqmailrules purge -c phish.yaml --keep 7d --history 90d`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		p := &purge{}
		fs.StringVar(&p.config, "c", "", "`configuration` file")
		fs.StringVar(&p.keep, "keep", "", "`span`: raw mails that were kept")
		fs.StringVar(&p.history, "history", "", "`span`: what was shipped, refused, and runs")
		fs.StringVar(&p.files, "files", "", "`span`: files in files.dir")
		fs.StringVar(&p.ledger, "ledger", "", "`span`: mails without anything left")
		return p.run
	},
}

type purge struct{ config, keep, history, files, ledger string }

func (p *purge) run(ctx context.Context, a *app, args []string) exit {
	if len(args) > 0 {
		return a.usage("purge", "takes no arguments")
	}
	cfg, code := a.configured("purge", p.config)
	if code != exitOK {
		return code
	}
	ledger, err := p.spans(cfg)
	if err != nil {
		return a.usage("purge", "%v", err)
	}
	if cfg.Store.Path == "" {
		return a.usage("purge", "%s has no store", p.config)
	}
	remembers, err := a.store(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return a.fail(err)
	}
	gone, err := remembers.durable.Purge(ctx, sqlite.Retention{Keep: cfg.Store.Keep, History: cfg.Store.History, Ledger: ledger})
	files, filesErr := purgeFiles(cfg.Files, a.now())
	if err := errors.Join(err, filesErr, remembers.Close()); err != nil {
		return a.fail(err)
	}
	writePurged(a.out, gone, files)
	return exitOK
}

// spans puts those of the flags in the place of those of the configuration.
func (p *purge) spans(cfg *settings.Config) (ledger time.Duration, err error) {
	for _, f := range []struct {
		name, text string
		to         *time.Duration
	}{{"keep", p.keep, &cfg.Store.Keep}, {"history", p.history, &cfg.Store.History}, {"files", p.files, &cfg.Files.Retention}, {"ledger", p.ledger, &ledger}} {
		if f.text == "" {
			continue
		}
		span, ok := yamlfile.ParseDuration(f.text)
		if !ok {
			return 0, fmt.Errorf("--%s %q is no span: 36h, 90d", f.name, f.text)
		}
		*f.to = span
	}
	return ledger, nil
}

func writePurged(w io.Writer, gone sqlite.Purged, files int) {
	var t ui.Table
	countRows(&t, []count{
		{"kept mails", gone.Mails},
		{"shipped batches", gone.Shipped},
		{"refused batches", gone.Refused},
		{"runs", gone.Runs},
		{"notes of sinks", gone.Notes},
		{"mails of the ledger", gone.Ledger},
		{"files", files},
	})
	if t.Len() == 0 {
		fmt.Fprintln(w, "nothing was old enough")
	}
	t.Write(w, "")
}

// purgeFiles removes contents that are older than they may be, and nothing that
// somebody else put into the folder. They are named by digest: one that comes again
// is written again.
func purgeFiles(f settings.Files, now time.Time) (n int, err error) {
	if f.Dir == "" || f.Retention == 0 {
		return 0, nil
	}
	err = filepath.WalkDir(f.Dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil || d.IsDir() || !blobdir.Ours(d.Name()):
			return err
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() || now.Sub(info.ModTime()) < f.Retention {
			return nil
		}
		n++
		return os.Remove(path)
	})
	return n, err
}

// purge forgets what the configuration gives a time to.
func (w *wired) purge(ctx context.Context) error {
	var gone sqlite.Purged
	var err error
	if w.store.durable != nil {
		gone, err = w.store.durable.Purge(ctx, sqlite.Retention{Keep: w.l.cfg.Store.Keep, History: w.l.cfg.Store.History})
	}
	files, filesErr := purgeFiles(w.l.cfg.Files, w.app.now())
	if gone != (sqlite.Purged{}) || files > 0 {
		w.log.Info("purged", "mails", gone.Mails, "shipped", gone.Shipped, "refused", gone.Refused, "runs", gone.Runs, "files", files)
	}
	return errors.Join(err, filesErr)
}

// purgeDaily purges in a run that goes on.
func (w *wired) purgeDaily(ctx context.Context) {
	tick := time.NewTicker(24 * time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := w.purge(ctx); err != nil {
				w.log.Error("purge", "err", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// withinQuota takes in nothing while the disk holds more than it may.
func (w *wired) withinQuota(src engine.Source) engine.Source {
	cfg := w.l.cfg
	if (cfg.Store.Quota == 0 || w.store.durable == nil) && cfg.Files.Quota == 0 {
		return src
	}
	return &quota{Source: src, w: w}
}

// quota measures what is on disk, and asks its source only when that is less than
// it may be.
type quota struct {
	engine.Source
	w       *wired
	checked time.Time
}

// between two measurements, which walk folders.
const quotaEvery = 10 * time.Second

// Next implements engine.Source.
func (q *quota) Next(ctx context.Context) (engine.Delivery, error) {
	if now := time.Now(); now.Sub(q.checked) >= quotaEvery {
		if err := q.measure(); err != nil {
			return engine.Delivery{}, err
		}
		q.checked = now
	}
	return q.Source.Next(ctx)
}

func (q *quota) measure() error {
	cfg := q.w.l.cfg
	if limit := cfg.Store.Quota; limit > 0 && q.w.store.durable != nil {
		if size, err := q.w.store.durable.Size(); err != nil || size >= limit {
			return cmp.Or(err, q.reached("the store", size, limit, "ship what waits, shorten store.keep or store.history and purge, or raise store.quota"))
		}
	}
	if limit := cfg.Files.Quota; limit > 0 && cfg.Files.Dir != "" {
		if size, err := blobdir.Size(cfg.Files.Dir); err != nil || size >= limit {
			return cmp.Or(err, q.reached(cfg.Files.Dir, size, limit, "shorten files.retention and purge, or raise files.quota"))
		}
	}
	return nil
}

func (q *quota) reached(what string, size, limit int64, hint string) error {
	err := fmt.Errorf("no mail is taken in: %s takes %s, and may take %s; %s", what, ui.Size(size), ui.Size(limit), hint)
	if q.w.goesOn {
		return fmt.Errorf("%w: %w", engine.ErrTemporary, err)
	}
	return err
}
