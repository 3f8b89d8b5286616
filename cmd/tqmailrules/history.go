package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
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
	code = f(ctx, &again{w}, m)
	if err := w.close(); err != nil {
		return worst(code, a.fail(err))
	}
	return code
}

// again handles mails of the past by the rules of today.
type again struct{ *wired }

// before is what a sink has of a mail.
func (a *again) before(ctx context.Context, mail int64, sink string) (b engine.Batch, seqs []int64, err error) {
	shipped, err := a.store.durable.Shipped(ctx, sqlite.Mails{Mail: mail, Sink: sink})
	var all []engine.Batch
	for _, s := range shipped {
		if s.Retracted.IsZero() {
			all, seqs = append(all, s.Batch), append(seqs, s.Seq)
		}
	}
	return engine.Union(all...), seqs, err
}

// now is what the rules of today make of a mail that was kept.
func (a *again) now(ctx context.Context, k sqlite.KeptMail) (*engine.Outcome, error) {
	return a.Process(ctx, engine.Delivery{Raw: k.Raw, Origin: k.Origin, Parked: true, Expired: true})
}

// relocked names a file that was opened when its mail was handled and stays locked
// now, since the password that another mail offered has expired; "" when there is
// none. What stood in it says nothing about the rules.
func relocked(now, before engine.Batch) string {
	for _, f := range now.Files {
		i := slices.IndexFunc(before.Files, func(o engine.FileRecord) bool { return o.Key == f.Key })
		if i >= 0 && slices.Contains(f.Tags, engine.TagLocked) && !slices.Contains(before.Files[i].Tags, engine.TagLocked) {
			return f.Name
		}
	}
	return ""
}

// difference replaces the batches of an outcome by what they ship beyond what
// stands, and tells in words what they would not ship any more.
func (a *again) difference(ctx context.Context, mail int64, o *engine.Outcome) (missing []string, err error) {
	now := map[string]engine.Batch{}
	for _, b := range o.Batches {
		now[b.Sink] = b
	}
	o.Batches = nil
	for _, c := range a.l.cfg.Sinks {
		before, _, err := a.before(ctx, mail, c.Name)
		if err != nil {
			return nil, err
		}
		if name := relocked(now[c.Name], before); name != "" {
			o.Batches = nil
			return []string{"nothing: " + name + " cannot be opened any more: its password is not known now"}, nil
		}
		missing = append(missing, engine.Missing(before, now[c.Name])...)
		add := engine.Difference(now[c.Name], before)
		if add.Empty() {
			continue
		}
		add.Key += "+" + digestOfBatch(add)
		o.Batches = append(o.Batches, add)
	}
	slices.Sort(missing)
	return slices.Compact(missing), nil
}

// digestOfBatch tells one addition to a mail from another.
func digestOfBatch(b engine.Batch) string {
	text, _ := json.Marshal(b) // a record has a form
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}
