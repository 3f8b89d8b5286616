package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"sync"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/report"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/mail"
	"github.com/tqmailrules/tqmailrules/engine/store/mem"
)

var dryRunCommand = command{
	name:    "dry-run",
	args:    "--rules RULES|-c CONFIG [flags] [CORPUS...]",
	summary: "show what rules would do with a corpus, and ship nothing",
	long: `
Reads every mail of the corpus, evaluates the rules, extracts indicators, and
prints per mail what would be shipped and why, then a summary. Nothing leaves
the machine and nothing is written. The corpus is any mix of .eml files,
folders, mbox files, Maildirs, .msg, .pst and .ost files, zip and tar archives, and - for
standard input.

Without a corpus the sources of the configuration are read: a mailbox is opened
read-only, and no flag in it changes.

examples:
  tqmailrules dry-run --rules rules/ corpus/
  tqmailrules dry-run -c phish.yaml --json mails.zip | jq 'select(.disposition=="shipped")'
  tqmailrules dry-run --rules pair.yaml --html report.html corpus/
  tqmailrules dry-run -c phish.yaml --max 100`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		d := &dryRun{}
		fs.Var(&d.rc.rules, "rules", "rule `files`, folders or patterns; may be given several times")
		fs.StringVar(&d.rc.config, "c", "", "`configuration` to take rules, mailbox and limits from")
		d.rc.debugFlags(fs)
		fs.BoolVar(&d.json, "json", false, "write one line of JSON per mail, and one for the summary")
		fs.StringVar(&d.html, "html", "", "write a self-contained page to `file` as well")
		fs.BoolVar(&d.quiet, "summary", false, "write the summary only")
		fs.BoolVar(&d.verbose, "v", false, "write every attribute of every event")
		fs.StringVar(&d.atEnd, "at-end", "expire", "what becomes of parked mails at the end of the corpus: `expire|pending`; expire handles them without a partner")
		fs.IntVar(&d.workers, "workers", 0, "`number` of mails handled at the same time; default the number of processors")
		fs.IntVar(&d.max, "max", 0, "`number` of mails to end after")
		return d.run
	},
}

type dryRun struct {
	rc                   rulesAndConfig
	json, quiet, verbose bool
	html, atEnd          string
	workers, max         int
}

func (d *dryRun) run(ctx context.Context, a *app, corpus []string) exit {
	if d.atEnd != "expire" && d.atEnd != "pending" {
		return a.usage("dry-run", "--at-end is expire or pending, not %q", d.atEnd)
	}
	l, code := d.rc.load(ctx, a, "dry-run")
	if code != exitOK {
		return code
	}
	defer l.close()
	src, skipped, err := d.open(a, l, corpus)
	if err != nil {
		return a.usage("dry-run", "%v", err)
	}
	defer src.Close()
	out, closeOut, err := d.writers(a)
	if err != nil {
		return a.fail(err)
	}
	sum, runErr := d.over(ctx, a, l, src, out, skipped)
	if err := closeOut(); err != nil && runErr == nil {
		runErr = err
	}
	if runErr != nil {
		a.fail(runErr)
	}
	return statusOf(sum, runErr)
}

// open opens the corpus of the command line or, when there is none, the sources of
// the configuration, in which nothing is changed.
func (d *dryRun) open(a *app, l *loaded, corpus []string) (src engine.Source, skipped func() int, err error) {
	if len(corpus) > 0 {
		files, err := a.openCorpus(corpus, l.cfg)
		if err != nil {
			return nil, nil, err
		}
		return limit(files, d.max), func() int { return len(files.Skipped()) }, nil
	}
	if len(l.cfg.Sources) == 0 {
		return nil, nil, errors.New("no corpus given")
	}
	all, err := a.sources(l.cfg, mailboxUse{readOnly: true})
	if err != nil {
		return nil, nil, err
	}
	return limit(all, d.max), all.skipped, nil
}

// over runs the loop with a memory store, recording sinks and a clock that
// stands still.
func (d *dryRun) over(ctx context.Context, a *app, l *loaded, src engine.Source, out report.Writer, skipped func() int) (engine.Summary, error) {
	clock := &engine.StillClock{}
	progress := ui.NewProgress(a.err, a.now())
	defer progress.Clear()
	counter := report.NewCounter(ruleCounts(l.set))
	var writeErr error
	start := a.now()
	e, err := engine.New(engine.Config{
		Source: &progressed{Source: src, app: a, p: progress},
		Parser: parserFor(l.cfg), Rules: l.set, Extractors: l.finders.all, Unpacker: l.opener, Secrets: l.secrets, Limits: l.cfg.Limits, DomainOf: domainOf, MarkupAt: mail.MarkupAt(l.cfg.Limits), Listed: l.finders.listed(),
		Store: mem.New(), Sinks: recordingSinks(l.cfg, l.set), Clock: clock, Backlog: 256,
		Workers: workersOr(max(d.workers, l.cfg.Workers)),
		AtEnd: func() {
			if d.atEnd == "expire" {
				clock.Set(engine.EndOfTime)
			}
		},
		Observe: func(o *engine.Outcome) {
			m := report.Of(o)
			counter.Add(m)
			if writeErr == nil && !d.quiet {
				progress.Clear()
				writeErr = out.Mail(m)
			}
		},
	})
	if err != nil {
		return engine.Summary{}, err
	}
	sum, err := e.Run(ctx)
	progress.Clear()
	s := counter.Summary()
	s.Bytes, s.Skipped, s.Errors = sum.Bytes, skipped(), sum.Errors
	if !d.json && d.html == "" {
		s.Seconds = a.now().Sub(start).Seconds()
	}
	if err == nil {
		err = writeErr
	}
	if err == nil {
		err = out.Summary(s)
	}
	return sum, err
}

// writers opens what the flags ask for.
func (d *dryRun) writers(a *app) (report.Writer, func() error, error) {
	var all several
	if d.json {
		all = append(all, report.JSON(a.out))
	} else {
		all = append(all, report.Text(a.out, d.verbose))
	}
	if d.html == "" {
		return all, func() error { return nil }, nil
	}
	f, err := os.Create(d.html)
	if err != nil {
		return nil, nil, err
	}
	page, err := report.HTML(f, "dry run")
	return append(all, page), sync.OnceValue(f.Close), err
}

// several writers get everything; the first error counts.
type several []report.Writer

func (s several) Mail(m report.Mail) error {
	return s.each(func(w report.Writer) error { return w.Mail(m) })
}

func (s several) Summary(sum report.Summary) error {
	return s.each(func(w report.Writer) error { return w.Summary(sum) })
}

func (s several) each(f func(report.Writer) error) error {
	for _, w := range s {
		if err := f(w); err != nil {
			return err
		}
	}
	return nil
}
