package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/jsonl"
	"github.com/tqmailrules/tqmailrules/engine/sink/sqlite"
	"github.com/tqmailrules/tqmailrules/engine/source/files"
)

var runCommand = command{
	name:    "run",
	args:    "-c CONFIG [flags]",
	summary: "read the sources of a configuration and ship what its rules decide",
	long: `
Reads every mail of the configured sources once, and ships events, files and
indicators to the configured sinks. A mail that was shipped before has no second
effect: every sink recognises it.

examples:
  tqmailrules run -c phish.yaml
  tqmailrules run -c phish.yaml --json`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		r := &runner{}
		fs.StringVar(&r.rc.config, "c", "", "`configuration` file")
		r.rc.debugFlags(fs)
		fs.BoolVar(&r.json, "json", false, "write the summary as JSON")
		return r.run
	},
}

type runner struct {
	rc   rulesAndConfig
	json bool
}

func (r *runner) run(ctx context.Context, a *app, args []string) exit {
	if r.rc.config == "" || len(args) > 0 {
		return a.usage("run", "give the configuration with -c, and nothing else")
	}
	l, code := r.rc.load(ctx, a, "run")
	if code != exitOK {
		return code
	}
	defer l.close()
	sum, quarantined, err := a.work(ctx, l)
	if err != nil {
		a.fail(err)
	}
	if sum.Delivered == nil {
		return statusOf(sum, err) // it did not come to reading
	}
	if r.json {
		a.printJSON(sum)
	} else {
		writeSummary(a.out, sum)
	}
	for _, q := range quarantined {
		fmt.Fprintf(a.err, "quarantined %s: %s\n", ui.Line(q.name, 200), ui.Line(q.reason, 300))
	}
	return statusOf(sum, err)
}

// held is a mail that was quarantined, in words.
type held struct{ name, reason string }

// work wires the engine and runs it to the end of the sources.
func (a *app) work(ctx context.Context, l *loaded) (sum engine.Summary, quarantined []held, err error) {
	cfg := l.cfg
	secrets, err := a.secrets(cfg)
	if err != nil {
		return sum, nil, err
	}
	log, closeLog, err := a.logger(cfg.Log, secrets)
	if err != nil {
		return sum, nil, err
	}
	defer closeLog()
	sources, err := a.sources(cfg)
	if err != nil {
		return sum, nil, err
	}
	remembers, err := a.store(ctx, cfg, log) // before the sinks, which it keeps other processes from
	if err != nil {
		return sum, nil, err
	}
	defer func() { err = errors.Join(err, remembers.Close()) }()
	sinks, err := a.sinks(cfg)
	defer func() { err = errors.Join(err, closeSinks(sinks)) }()
	if err != nil {
		return sum, nil, err
	}
	progress := ui.NewProgress(a.err, a.now())
	defer progress.Clear()
	watching, stop := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	defer watcher.Wait()
	defer stop()
	watcher.Go(func() { l.finders.watch(watching, log) })
	e, err := engine.New(engine.Config{
		Source: &progressed{Source: &sequence{sources: sources}, app: a, p: progress},
		Parser: parserFor(cfg), Rules: l.set, Extractors: l.finders.guarded(log), Unpacker: l.opener, Secrets: secrets, Limits: cfg.Limits, DomainOf: domainOf,
		Store: remembers.Store, Sinks: sinks, Workers: workersOr(cfg.Workers), Attempts: cfg.Attempts, Backlog: 256,
		Run: cfg.Instance + " " + a.now().UTC().Format("20060102T150405.000000000"), Log: log,
		Observe: func(o *engine.Outcome) {
			log.Info("mail", "name", o.Origin.Name, "disposition", o.Disposition, "items", len(o.Items), "defects", len(o.Defects))
			if o.Disposition == engine.Quarantined {
				quarantined = append(quarantined, held{o.Origin.Name, o.Reason})
			}
		},
	})
	if err != nil {
		return sum, nil, err
	}
	sum, err = e.Run(ctx)
	refused, refusedErr := remembers.refused()
	for _, f := range refused {
		log.Error("refused", "sink", f.sink, "batch", f.batch, "err", f.reason)
	}
	return sum, quarantined, errors.Join(err, refusedErr)
}

// secrets looks up what the configuration refers to.
func (a *app) secrets(cfg *settings.Config) (map[string]string, error) {
	values := map[string]string{}
	for _, name := range sortedKeys(cfg.Secrets) {
		v, err := a.secret(cfg.Secrets[name])
		if err != nil {
			return nil, fmt.Errorf("secret %s: %w", name, err)
		}
		values[name] = v
	}
	return values, nil
}

// availableSecrets are those that are there: a dry run does not need them all.
func (a *app) availableSecrets(cfg *settings.Config) map[string]string {
	values := map[string]string{}
	for name, s := range cfg.Secrets {
		if v, err := a.secret(s); err == nil {
			values[name] = v
		}
	}
	return values
}

func (a *app) secret(s settings.Secret) (string, error) {
	if s.Env != "" {
		v, ok := a.env(s.Env)
		if !ok {
			return "", fmt.Errorf("environment variable %s is not set", s.Env)
		}
		return v, nil
	}
	b, err := os.ReadFile(s.File)
	return strings.TrimRight(string(b), "\r\n"), err
}

// logger writes where the configuration says, at its verbosity.
func (a *app) logger(l settings.Log, secrets map[string]string) (*slog.Logger, func() error, error) {
	level := map[int]slog.Level{1: slog.LevelError, 2: slog.LevelInfo, 3: slog.LevelDebug}[cmp.Or(l.Verbosity, 2)]
	w, closeLog := io.Writer(a.err), func() error { return nil }
	switch l.To {
	case "stderr", "":
	case "stdout":
		w = a.out
	default:
		if err := os.MkdirAll(filepath.Dir(l.To), 0o700); err != nil {
			return nil, nil, fmt.Errorf("log: %w", err)
		}
		f, err := os.OpenFile(l.To, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, nil, fmt.Errorf("log: %w", err)
		}
		w, closeLog = f, f.Close
	}
	hide := func(_ []string, at slog.Attr) slog.Attr {
		for _, s := range secrets {
			if s != "" && strings.Contains(at.Value.String(), s) {
				return slog.String(at.Key, strings.ReplaceAll(at.Value.String(), s, "[secret]"))
			}
		}
		return at
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: hide})), closeLog, nil
}

func (a *app) sources(cfg *settings.Config) (all []engine.Source, err error) {
	for _, s := range cfg.Sources {
		src, err := files.Open(files.Config{Name: s.Name, Paths: s.Paths, Stdin: a.in, Limits: cfg.Limits})
		if err != nil {
			return nil, err
		}
		all = append(all, src)
	}
	return all, nil
}

func (a *app) sinks(cfg *settings.Config) (all []engine.Sink, err error) {
	for _, s := range cfg.Sinks {
		sink, err := a.sink(s, cfg)
		if err != nil {
			return all, fmt.Errorf("sink %s: %w", s.Name, err)
		}
		all = append(all, sink)
	}
	return all, nil
}

func (a *app) sink(s settings.Sink, cfg *settings.Config) (engine.Sink, error) {
	if err := os.MkdirAll(filepath.Dir(s.Path), 0o700); err != nil {
		return nil, err
	}
	if s.Kind == "sqlite" {
		return sqlite.Open(sqlite.Config{Name: s.Name, Path: s.Path, Files: cfg.Files.Dir, Now: a.now, RunID: cfg.Instance})
	}
	return jsonl.New(jsonl.Config{Name: s.Name, Path: s.Path, Files: cfg.Files.Dir})
}

func closeSinks(sinks []engine.Sink) (err error) {
	for _, s := range sinks {
		if closeErr := s.Close(); closeErr != nil {
			err = errors.Join(err, fmt.Errorf("sink %s: %w", s.Name(), closeErr))
		}
	}
	return err
}

// sequence reads several sources one after another.
type sequence struct {
	sources []engine.Source
	at      int
}

// Next implements engine.Source.
func (s *sequence) Next(ctx context.Context) (engine.Delivery, error) {
	for s.at < len(s.sources) {
		d, err := s.sources[s.at].Next(ctx)
		if err != io.EOF {
			return d, err
		}
		s.at++
	}
	return engine.Delivery{}, io.EOF
}

// Ack implements engine.Source. Files need no acknowledgement.
func (s *sequence) Ack(context.Context, []engine.Receipt) error { return nil }

// Close implements engine.Source.
func (s *sequence) Close() (err error) {
	for _, src := range s.sources {
		err = errors.Join(err, src.Close())
	}
	return err
}

func writeSummary(w io.Writer, s engine.Summary) {
	fmt.Fprintf(w, "%d mails read, %s\n", s.Read, ui.Size(s.Bytes))
	var t ui.Table
	for _, row := range []struct {
		name string
		n    int
	}{
		{"given back", s.Returned},
		{"shipped", s.Shipped},
		{"nothing to ship", s.Nothing},
		{"skipped", s.Skipped},
		{"parked", s.Parked},
		{"quarantined", s.Quarantined},
		{"handled before", s.Repeated},
		{"left for the next run", s.Deferred},
		{"not acknowledged", s.Unacked},
	} {
		if row.n > 0 {
			t.Row(row.name, row.n)
		}
	}
	for _, sink := range sortedKeys(s.Delivered) {
		t.Row("to "+sink, s.Delivered[sink])
	}
	for _, sink := range sortedKeys(s.Unshipped) {
		t.Row("waiting for "+sink, s.Unshipped[sink])
	}
	for _, sink := range sortedKeys(s.Failed) {
		t.Row("refused by "+sink, s.Failed[sink])
	}
	t.Write(w, "  ")
	for _, e := range s.Errors {
		fmt.Fprintf(w, "error: %s\n", ui.Line(e, 300))
	}
}
