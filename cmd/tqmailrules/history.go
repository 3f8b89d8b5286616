package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq"
	"github.com/tqmailrules/tqmailrules/engine/store/sqlite"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// choice is which mails of the past a command is about.
type choice struct {
	rule, since, sink string
}

func (c *choice) register(fs *flag.FlagSet) {
	fs.StringVar(&c.rule, "rule", "", "`id` of a rule: mails that it matched when they were handled")
	fs.StringVar(&c.since, "since", "", "`time`: mails handled then or later; 2026-01-31, 2026-01-31T08:00:00Z, or a span before now: 36h, 7d")
	fs.StringVar(&c.sink, "sink", "", "`name` of the one sink that counts")
}

func (c *choice) mails(now time.Time) (m sqlite.Mails, err error) {
	m = sqlite.Mails{Rule: c.rule, Sink: c.sink}
	if c.since != "" {
		m.Since, err = pastTime(c.since, now)
	}
	return m, err
}

func pastTime(text string, now time.Time) (time.Time, error) {
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	if span, ok := yamlfile.ParseDuration(text); ok {
		return now.Add(-span), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: 2026-01-31, 2026-01-31T08:00:00Z, or a span before now such as 36h or 7d", text)
}

var shippedCommand = command{
	name:    "shipped",
	args:    "-c CONFIG [flags]",
	summary: "list what was shipped, of which mails and because of which rule",
	long: `
Lists what sinks have taken, by mail, as long as the history of the store goes
back. With --json every event, file, indicator and relation is written.

examples:
  tqmailrules shipped -c phish.yaml --since 7d
  tqmailrules shipped -c phish.yaml --rule macro-from-stranger --json`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		s := &shippedLister{}
		fs.StringVar(&s.config, "c", "", "`configuration` file")
		s.choice.register(fs)
		fs.BoolVar(&s.json, "json", false, "write one line of JSON per batch")
		return s.run
	},
}

type shippedLister struct {
	config string
	choice choice
	json   bool
}

// shippedLine is a batch as it is listed.
type shippedLine struct {
	At        time.Time    `json:"at"`
	Sink      string       `json:"sink"`
	Mail      string       `json:"mail"`
	Retracted time.Time    `json:"retracted,omitzero"`
	Batch     engine.Batch `json:"batch"`
}

func (s *shippedLister) run(ctx context.Context, a *app, args []string) exit {
	m, err := s.choice.mails(a.now())
	if err != nil || len(args) > 0 {
		return a.usage("shipped", "%v", cmp.Or(err, errors.New("takes no arguments")))
	}
	desk, code := a.desk(ctx, "shipped", s.config)
	if code != exitOK {
		return code
	}
	defer desk.Close()
	all, err := desk.Shipped(ctx, m)
	if err != nil {
		return a.fail(err)
	}
	if s.json {
		enc := json.NewEncoder(a.out)
		enc.SetEscapeHTML(false)
		for _, b := range all {
			enc.Encode(shippedLine{b.At, b.Batch.Sink, b.Batch.Origin.Name, b.Retracted, b.Batch})
		}
		return exitOK
	}
	var t ui.Table
	for _, b := range all {
		state := ""
		if !b.Retracted.IsZero() {
			state = "taken back " + clock(b.Retracted)
		}
		t.Row(clock(b.At), b.Batch.Sink, ui.Line(b.Batch.Origin.Name, 40), contentsOf(b.Batch), ui.Line(titlesOf(b.Batch), 60), state)
	}
	t.Write(a.out, "")
	fmt.Fprintf(a.out, "%d batches\n", len(all))
	return exitOK
}

func contentsOf(b engine.Batch) string {
	return fmt.Sprintf("%d events, %d files, %d indicators", len(b.Events), len(b.Files), len(b.Indicators))
}

func titlesOf(b engine.Batch) string {
	var all []string
	for _, e := range b.Events {
		all = append(all, e.Title)
	}
	return strings.Join(all, "; ")
}

// again handles mails of the past by the rules of today.
type again struct {
	*wired
	shipped map[int64]map[string][]sqlite.ShippedBatch // what stands, by mail and sink
}

func (w *wired) again(ctx context.Context) (*again, error) {
	a := &again{w, map[int64]map[string][]sqlite.ShippedBatch{}}
	all, err := w.store.durable.Shipped(ctx, sqlite.Mails{})
	for _, b := range all {
		if !b.Retracted.IsZero() {
			continue
		}
		if a.shipped[b.Mail] == nil {
			a.shipped[b.Mail] = map[string][]sqlite.ShippedBatch{}
		}
		a.shipped[b.Mail][b.Batch.Sink] = append(a.shipped[b.Mail][b.Batch.Sink], b)
	}
	return a, err
}

// before is what a sink has of a mail.
func (a *again) before(mail int64, sink string) (b engine.Batch, seqs []int64) {
	var all []engine.Batch
	for _, s := range a.shipped[mail][sink] {
		all, seqs = append(all, s.Batch), append(seqs, s.Seq)
	}
	return engine.Union(all...), seqs
}

// now is what the rules of today make of a mail that was kept.
func (a *again) now(ctx context.Context, k sqlite.KeptMail) (*engine.Outcome, error) {
	return a.Process(ctx, engine.Delivery{Raw: k.Raw, Origin: k.Origin, Parked: true, Expired: true})
}

// difference replaces the batches of an outcome by what they ship beyond what
// stands, and tells in words what they would not ship any more.
func (a *again) difference(mail int64, o *engine.Outcome) (missing []string) {
	now := map[string]engine.Batch{}
	for _, b := range o.Batches {
		now[b.Sink] = b
	}
	o.Batches = nil
	for _, c := range a.l.cfg.Sinks {
		before, _ := a.before(mail, c.Name)
		missing = append(missing, engine.Missing(before, now[c.Name])...)
		add := engine.Difference(now[c.Name], before)
		if add.Empty() {
			continue
		}
		add.Key += "+" + digestOfBatch(add)
		o.Batches = append(o.Batches, add)
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

// digestOfBatch tells one addition to a mail from another.
func digestOfBatch(b engine.Batch) string {
	text, _ := json.Marshal(b) // a record has a form
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

var reprocessCommand = command{
	name:    "reprocess",
	args:    "-c CONFIG [--since TIME] [--rule ID] [flags]",
	summary: "handle kept mail again by the rules of today, and ship what is new",
	long: `
Handles mail again that was handled before and kept (store.keep in the
configuration), and ships what today's rules find beyond what was shipped. What
they would not ship any more is listed; retract takes it back. With --preview
nothing is shipped.

examples:
  tqmailrules reprocess -c phish.yaml --since 7d --preview
  tqmailrules reprocess -c phish.yaml --rule macro-from-stranger`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		r := &reprocess{}
		fs.StringVar(&r.rc.config, "c", "", "`configuration` file")
		r.choice.register(fs)
		fs.BoolVar(&r.preview, "preview", false, "show the differences, and ship nothing")
		r.rc.debugFlags(fs)
		return r.run
	},
}

type reprocess struct {
	rc      rulesAndConfig
	choice  choice
	preview bool
}

func (r *reprocess) run(ctx context.Context, a *app, args []string) exit {
	return a.lookBack(ctx, "reprocess", &r.rc, r.choice, args, r.mails)
}

// lookBack wires an engine without sources, and has f do something about mails of
// the past.
func (a *app) lookBack(ctx context.Context, name string, rc *rulesAndConfig, c choice, args []string, f func(ctx context.Context, back *again, m sqlite.Mails) exit) exit {
	m, err := c.mails(a.now())
	switch {
	case err != nil:
		return a.usage(name, "%v", err)
	case len(args) > 0 || rc.config == "":
		return a.usage(name, "give the configuration with -c, and nothing else")
	case c.rule == "" && c.since == "":
		return a.usage(name, "say which mails: --since TIME, --rule ID, or both")
	}
	l, code := rc.load(ctx, a, name)
	if code != exitOK {
		return code
	}
	defer l.close()
	if l.cfg.Store.Path == "" {
		return a.usage(name, "%s has no store: nothing is remembered", rc.config)
	}
	l.cfg.Sources = nil
	w, err := a.wire(ctx, l, false)
	if err != nil {
		return a.fail(errors.Join(err, w.close()))
	}
	back, err := w.again(ctx)
	if err != nil {
		return a.fail(errors.Join(err, w.close()))
	}
	code = f(ctx, back, m)
	if err := w.close(); err != nil {
		return worst(code, a.fail(err))
	}
	return code
}

func (r *reprocess) mails(ctx context.Context, back *again, m sqlite.Mails) exit {
	a := back.app
	kept, err := back.store.durable.KeptMails(ctx, m)
	if err != nil {
		return a.fail(err)
	}
	changed := 0
	for _, k := range kept {
		o, err := back.now(ctx, k)
		if err != nil {
			return a.fail(err)
		}
		missing := back.difference(k.ID, o)
		if len(o.Batches)+len(missing) > 0 {
			changed++
			writeDifference(a, k.Origin.Name, o.Batches, missing)
		}
		if r.preview || len(o.Batches) == 0 {
			continue
		}
		if err := back.store.durable.Amend(ctx, o); err != nil {
			return a.fail(err)
		}
	}
	fmt.Fprintf(a.out, "%d mails handled again, %d differ\n", len(kept), changed)
	if r.preview {
		return exitOK
	}
	sum, err := back.Drain(ctx)
	if err != nil {
		a.fail(err)
	}
	writeShipped(a.out, sum)
	return statusOf(sum, err)
}

func writeDifference(a *app, name string, add []engine.Batch, missing []string) {
	fmt.Fprintln(a.out, ui.Line(name, 120))
	for _, b := range add {
		fmt.Fprintf(a.out, "  + %s: %s\n", b.Sink, contentsOf(b))
		for _, i := range b.Indicators {
			fmt.Fprintf(a.out, "      %s %s\n", i.Type, ui.Line(i.Value, 120))
		}
	}
	for _, m := range missing {
		fmt.Fprintf(a.out, "  - %s\n", ui.Line(m, 160))
	}
}

var retractCommand = command{
	name:    "retract",
	args:    "-c CONFIG [--since TIME] [--rule ID] [flags]",
	summary: "take back at ThreatQ what today's rules would not ship",
	long: `
Compares what was shipped of some mails with what today's rules make of them, and
takes back the rest: events and files that were made for it, links, and indicators
that nothing else refers to. So correct or remove the bad rule first. Without --yes
the command shows what it would take back, and changes nothing.

Mail that was not kept (store.keep) cannot be handled again; with --all everything
that was shipped of the mails is taken back, whatever the rules say.

examples:
  tqmailrules retract -c phish.yaml --rule bad-rule
  tqmailrules retract -c phish.yaml --rule bad-rule --yes
  tqmailrules retract -c phish.yaml --since 2h --all --yes`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		r := &retract{}
		fs.StringVar(&r.rc.config, "c", "", "`configuration` file")
		r.choice.register(fs)
		fs.BoolVar(&r.yes, "yes", false, "do it")
		fs.BoolVar(&r.all, "all", false, "take back everything of these mails")
		return r.run
	},
}

type retract struct {
	rc       rulesAndConfig
	choice   choice
	yes, all bool
}

func (r *retract) run(ctx context.Context, a *app, args []string) exit {
	return a.lookBack(ctx, "retract", &r.rc, r.choice, args, r.mails)
}

// retracter is a sink that can take back what it has shipped.
type retracter interface {
	Retract(ctx context.Context, shipped, keep engine.Batch) (threatq.Retraction, error)
}

func (r *retract) mails(ctx context.Context, back *again, m sqlite.Mails) exit {
	a := back.app
	shipped, err := back.store.durable.Shipped(ctx, m)
	if err != nil {
		return a.fail(err)
	}
	kept, err := r.kept(ctx, back)
	if err != nil {
		return a.fail(err)
	}
	code, mails := exitOK, 0
	seen := map[int64]bool{}
	for _, b := range shipped {
		if seen[b.Mail] || !b.Retracted.IsZero() {
			continue
		}
		seen[b.Mail] = true
		done, err := r.mail(ctx, back, b, kept)
		if err != nil {
			code = worst(code, a.fail(err))
		}
		if done {
			mails++
		}
	}
	fmt.Fprintf(a.out, "%d of %d mails have something to take back\n", mails, len(seen))
	if mails > 0 && !r.yes {
		fmt.Fprintln(a.out, "nothing was changed: --yes does it")
	}
	return code
}

func (r *retract) kept(ctx context.Context, back *again) (map[int64]sqlite.KeptMail, error) {
	all, err := back.store.durable.KeptMails(ctx, sqlite.Mails{})
	of := map[int64]sqlite.KeptMail{}
	for _, k := range all {
		of[k.ID] = k
	}
	return of, err
}

// mail takes back what one mail has shipped and would not ship now.
func (r *retract) mail(ctx context.Context, back *again, b sqlite.ShippedBatch, kept map[int64]sqlite.KeptMail) (any bool, err error) {
	a, name := back.app, b.Batch.Origin.Name
	now := map[string]engine.Batch{}
	k, ok := kept[b.Mail]
	switch {
	case r.all:
	case !ok:
		fmt.Fprintf(a.out, "%s\n  was not kept; --all takes back everything of it\n", ui.Line(name, 120))
		return false, nil
	default:
		o, err := back.now(ctx, k)
		if err != nil {
			return false, err
		}
		for _, batch := range o.Batches {
			now[batch.Sink] = batch
		}
	}
	for _, sink := range back.sinks {
		if r.choice.sink != "" && sink.Name() != r.choice.sink {
			continue
		}
		before, seqs := back.before(b.Mail, sink.Name())
		missing := engine.Missing(before, now[sink.Name()])
		if len(missing) == 0 {
			continue
		}
		any = true
		fmt.Fprintf(a.out, "%s, %s\n", ui.Line(name, 120), sink.Name())
		for _, m := range missing {
			fmt.Fprintf(a.out, "  - %s\n", ui.Line(m, 160))
		}
		if err := r.atSink(ctx, back, sink, before, now[sink.Name()], seqs); err != nil {
			return any, err
		}
	}
	return any, nil
}

func (r *retract) atSink(ctx context.Context, back *again, sink engine.Sink, before, now engine.Batch, seqs []int64) error {
	a := back.app
	takes, ok := sink.(retracter)
	switch {
	case !ok:
		fmt.Fprintf(a.out, "    %s cannot take anything back\n", sink.Name())
		return nil
	case !r.yes:
		return nil
	}
	did, err := takes.Retract(ctx, before, now)
	for _, row := range []struct {
		what string
		all  []string
	}{{"deleted", did.Deleted}, {"unlinked", did.Unlinked}, {"changed", did.Changed}, {"left", did.Left}} {
		for _, line := range row.all {
			fmt.Fprintf(a.out, "    %s %s\n", row.what, ui.Line(line, 160))
		}
	}
	if err != nil {
		return err
	}
	return back.store.durable.Retracted(ctx, seqs, engine.Common(before, now))
}
