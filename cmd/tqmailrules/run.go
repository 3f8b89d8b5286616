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
	"time"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/mail"
	"github.com/tqmailrules/tqmailrules/engine/sink/jsonl"
	"github.com/tqmailrules/tqmailrules/engine/sink/sqlite"
	"github.com/tqmailrules/tqmailrules/engine/sink/stix"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq"
	"github.com/tqmailrules/tqmailrules/engine/source/ews"
	"github.com/tqmailrules/tqmailrules/engine/source/files"
	"github.com/tqmailrules/tqmailrules/engine/source/imap"
)

var runCommand = command{
	name:    "run",
	args:    "-c CONFIG [flags]",
	summary: "read the sources of a configuration and ship what its rules decide",
	long: `
Reads the configured sources once, and ships events, files and indicators to the
configured sinks. A mail that was shipped before has no second effect: every sink
recognises it.

With --watch the run goes on: it waits for more mail, tries again what was not to
be had, and ends when it is told to (SIGTERM), with what was begun completed.
SIGHUP loads the rules anew; rules with errors are told, and the old ones stay.
watch.listen in the configuration serves /metrics and /healthz.

Without a command, the flags of the vendor's connectors do what they did there: a
crontab line of theirs runs with the name of the program changed.

examples:
  tqmailrules run -c phish.yaml
  tqmailrules run -c phish.yaml --json
  tqmailrules run -c phish.yaml --watch
  tqmailrules -c /etc/tq_labs/ -ll /var/log/tq_labs/ -v3`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		r := &runner{}
		for _, f := range []string{"c", "config"} {
			fs.StringVar(&r.rc.config, f, "", "`configuration`: a file, or a folder with tqmailrules.yaml; this folder when not given")
		}
		r.vendor.register(fs)
		r.rc.debugFlags(fs)
		fs.BoolVar(&r.json, "json", false, "write the summary as JSON")
		fs.BoolVar(&r.watch, "watch", false, "go on until told to end")
		return r.run
	},
}

type runner struct {
	rc          rulesAndConfig
	vendor      vendorFlags
	json, watch bool
}

func (r *runner) run(ctx context.Context, a *app, args []string) exit {
	if len(args) > 0 {
		return a.usage("run", "give the configuration with -c, and nothing else")
	}
	if r.vendor.cron != "" {
		return a.installCron(cronEntry{config: r.rc.config, name: r.vendor.name, schedule: r.vendor.cron, log: r.vendor.log, verbosity: r.vendor.verbosity, dir: cronDir, user: cronUser})
	}
	var err error
	if r.rc.config, err = configFile(r.rc.config, r.vendor.name); err != nil {
		return r.first(ctx, a, err)
	}
	r.rc.change = r.vendor.apply
	l, code := r.rc.load(ctx, a, "run")
	if code != exitOK {
		return code
	}
	defer l.close()
	sum, quarantined, err := a.work(ctx, l, r.watch)
	told := r.watch && ctx.Err() != nil // to end
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
	if told && err == nil {
		return exitOK // what waits is kept, and what went wrong in all that time was told
	}
	return statusOf(sum, err)
}

// first asks for the configuration when there is somebody to ask.
func (r *runner) first(ctx context.Context, a *app, missing error) exit {
	if !a.interactive() {
		return a.usage("run", "%v", missing)
	}
	fmt.Fprintf(a.err, "%v\n", missing)
	i := newInitializer()
	i.dir, i.name = cmp.Or(r.rc.config, "."), r.vendor.name
	if info, err := os.Stat(i.dir); err != nil || !info.IsDir() {
		i.dir = filepath.Dir(i.dir)
	}
	return i.run(ctx, a, nil)
}

// held is a mail that was quarantined, in words.
type held struct{ name, reason string }

// maxHeld bounds what a run that goes on remembers of them; the store has them
// all.
const maxHeld = 1000

// work wires the engine and runs it to the end of the sources or, when it goes on,
// of ctx.
func (a *app) work(ctx context.Context, l *loaded, goOn bool) (sum engine.Summary, quarantined []held, err error) {
	w, err := a.wire(ctx, l, goOn)
	defer func() { err = errors.Join(err, w.close()) }()
	if err != nil {
		return sum, nil, err
	}
	if err := w.purge(ctx); err != nil {
		return sum, nil, err
	}
	watching, stop := context.WithCancel(ctx)
	var aside sync.WaitGroup
	defer aside.Wait()
	defer stop()
	aside.Go(func() { l.finders.watch(watching, w.log) })
	if goOn {
		aside.Go(func() { w.reload(watching) })
		aside.Go(func() { w.purgeDaily(watching) })
		if err := w.serve(watching, &aside); err != nil {
			return sum, nil, err
		}
	}
	return w.run(ctx)
}

// wired is an engine with its ends.
type wired struct {
	*engine.Engine
	app         *app
	l           *loaded
	goesOn      bool   // it waits for more mail
	name        string // of the run
	started     time.Time
	secrets     map[string]string
	log         *slog.Logger
	store       *store
	sinks       []engine.Sink
	source      engine.Source
	quarantined []held
	closers     []func() error // in the order of opening
}

// wire opens what a run needs. What is returned is to be closed, also with an
// error. The store comes before the sinks, which it keeps other processes from.
func (a *app) wire(ctx context.Context, l *loaded, goOn bool) (*wired, error) {
	started := a.now().UTC()
	w := &wired{app: a, l: l, goesOn: goOn, started: started, name: l.cfg.Instance + " " + started.Format("20060102T150405.000000000")}
	for _, step := range []func(context.Context) error{w.openLog, w.openStore, w.openSinks, w.openSource, w.assemble} {
		if err := step(ctx); err != nil {
			return w, err
		}
	}
	return w, nil
}

func (w *wired) closes(f func() error) { w.closers = append(w.closers, f) }

func (w *wired) openLog(context.Context) (err error) {
	if w.secrets, err = w.app.secrets(w.l.cfg); err != nil {
		return err
	}
	log, closeLog, err := w.app.logger(w.l.cfg.Log, w.secrets)
	if err != nil {
		return err
	}
	w.log = log
	w.closes(closeLog)
	warnOfInsecure(w.l.cfg, log)
	return nil
}

func (w *wired) openStore(ctx context.Context) (err error) {
	if w.store, err = w.app.store(ctx, w.l.cfg, w.log); err == nil {
		w.closes(w.store.Close)
	}
	return err
}

func (w *wired) openSinks(ctx context.Context) (err error) {
	w.sinks, err = w.app.sinks(ctx, w.l.cfg, w.store, w.log)
	w.closes(func() error { return closeSinks(w.sinks) }) // those that did open
	return err
}

func (w *wired) openSource(context.Context) error {
	cfg := w.l.cfg
	src, err := w.app.sources(cfg, mailboxUse{watch: cfg.Watch, goOn: w.goesOn, memory: w.store.mailboxes(), log: w.log})
	if err != nil {
		return err
	}
	w.closes(src.Close)
	progress := ui.NewProgress(w.app.err, w.app.now())
	w.closes(func() error { progress.Clear(); return nil })
	w.source = w.withinQuota(&progressed{Source: src, app: w.app, p: progress})
	return nil
}

func (w *wired) assemble(context.Context) (err error) {
	cfg, l := w.l.cfg, w.l
	recheck := time.Duration(0)
	if w.goesOn {
		recheck = cfg.Watch.Poll
	}
	w.Engine, err = engine.New(engine.Config{
		Source: w.source, Parser: parserFor(cfg), Rules: l.set, Extractors: l.finders.guarded(w.log), Unpacker: l.opener,
		Secrets: w.secrets, Limits: cfg.Limits, DomainOf: domainOf, MarkupAt: mail.MarkupAt(cfg.Limits), Listed: w.l.finders.listed(), Flood: engine.Flood(cfg.Flood),
		Store: w.store.Store, Sinks: w.sinks, Workers: workersOr(cfg.Workers), Attempts: cfg.Attempts, Backlog: 256, Recheck: recheck,
		Clock: wallClock{now: w.app.now}, Run: w.name, Log: w.log, Observe: w.observe,
	})
	return err
}

// wallClock tells the time of the program.
type wallClock struct {
	engine.SystemClock
	now func() time.Time
}

// Now implements engine.Clock.
func (c wallClock) Now() time.Time { return c.now() }

func (w *wired) close() (err error) {
	for i := len(w.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, w.closers[i]())
	}
	return err
}

func (w *wired) observe(o *engine.Outcome) {
	w.log.Info("mail", "name", o.Origin.Name, "disposition", o.Disposition, "items", len(o.Items), "defects", len(o.Defects))
	if o.Disposition == engine.Quarantined && len(w.quarantined) < maxHeld {
		w.quarantined = append(w.quarantined, held{o.Origin.Name, o.Reason})
	}
}

// run runs the engine, and remembers that it did.
func (w *wired) run(ctx context.Context) (engine.Summary, []held, error) {
	if err := w.store.began(ctx, w.name); err != nil {
		return engine.Summary{}, nil, err
	}
	sum, err := w.Run(ctx)
	if w.goesOn && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil // it was told to end
	}
	err = errors.Join(err, w.store.ended(context.WithoutCancel(ctx), w.name, sum, err))
	refused, refusedErr := w.store.refused()
	for _, f := range refused {
		w.log.Error("refused", "sink", f.sink, "batch", f.batch, "err", f.reason)
	}
	return sum, w.quarantined, errors.Join(err, refusedErr)
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

// sources opens the sources of a configuration as one.
func (a *app) sources(cfg *settings.Config, use mailboxUse) (*sources, error) {
	all := &sources{together: use.goOn}
	for _, s := range cfg.Sources {
		src, err := a.source(s, cfg, use)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("source %s: %w", s.Name, err), all.Close())
		}
		all.all = append(all.all, namedSource{s.Name, src})
	}
	return all, nil
}

func (a *app) source(s settings.Source, cfg *settings.Config, use mailboxUse) (engine.Source, error) {
	switch s.Kind {
	case "imap":
		mailbox, err := a.imapConfig(s, cfg.Limits, use)
		if err != nil {
			return nil, err
		}
		return imap.New(mailbox)
	case "ews":
		mailbox, err := a.ewsConfig(s, cfg.Limits, use)
		if err != nil {
			return nil, err
		}
		return ews.New(mailbox)
	}
	corpus := files.Config{Name: s.Name, Paths: s.Paths, Stdin: a.in, Limits: cfg.Limits}
	if use.goOn {
		return newFolders(corpus, use.watch.Poll)
	}
	return files.Open(corpus)
}

func (a *app) sinks(ctx context.Context, cfg *settings.Config, memory *store, log *slog.Logger) (all []engine.Sink, err error) {
	for _, s := range cfg.Sinks {
		sink, err := a.sink(ctx, s, cfg, memory, log)
		if err != nil {
			return all, fmt.Errorf("sink %s: %w", s.Name, err)
		}
		all = append(all, sink)
	}
	return all, nil
}

func (a *app) sink(ctx context.Context, s settings.Sink, cfg *settings.Config, memory *store, log *slog.Logger) (engine.Sink, error) {
	if s.Kind == "threatq" {
		platform, err := a.threatqConfig(s, memory.notes(), log)
		if err != nil {
			return nil, err
		}
		return threatq.Open(ctx, platform)
	}
	if err := os.MkdirAll(filepath.Dir(s.Path), 0o700); err != nil {
		return nil, err
	}
	switch s.Kind {
	case "stix":
		return stix.New(stix.Config{Name: s.Name, Path: s.Path})
	case "sqlite":
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

func writeSummary(w io.Writer, s engine.Summary) {
	fmt.Fprintf(w, "%d mails read, %s\n", s.Read, ui.Size(s.Bytes))
	var t ui.Table
	countRows(&t, []count{
		{"given back", s.Returned},
		{"shipped", s.Shipped},
		{"nothing to ship", s.Nothing},
		{"skipped", s.Skipped},
		{"parked", s.Parked},
		{"quarantined", s.Quarantined},
		{"handled before", s.Repeated},
		{"left for the next run", s.Deferred},
		{"not acknowledged", s.Unacked},
	})
	sinkRows(&t, s)
	t.Write(w, "  ")
	writeTrouble(w, s)
}

// count is how many there are of something.
type count struct {
	what string
	n    int
}

// countRows shows what there is any of.
func countRows(t *ui.Table, all []count) {
	for _, c := range all {
		if c.n > 0 {
			t.Row(c.what, c.n)
		}
	}
}

// writeShipped is the summary of a run that took nothing in.
func writeShipped(w io.Writer, s engine.Summary) {
	var t ui.Table
	sinkRows(&t, s)
	if t.Len() == 0 {
		fmt.Fprintln(w, "nothing waits")
	}
	t.Write(w, "")
	writeTrouble(w, s)
}

func sinkRows(t *ui.Table, s engine.Summary) {
	for _, sink := range sortedKeys(s.Delivered) {
		t.Row("to "+sink, s.Delivered[sink])
	}
	for _, sink := range sortedKeys(s.Unshipped) {
		if n := s.Unshipped[sink]; n > 0 {
			t.Row("waiting for "+sink, n)
		}
	}
	for _, sink := range sortedKeys(s.Failed) {
		t.Row("refused by "+sink, s.Failed[sink])
	}
}

func writeTrouble(w io.Writer, s engine.Summary) {
	for _, e := range s.Errors {
		fmt.Fprintf(w, "error: %s\n", ui.Line(e, 300))
	}
}
