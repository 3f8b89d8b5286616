package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq"
	"github.com/tqmailrules/tqmailrules/engine/store/sqlite"
)

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
	code, mails := exitOK, 0
	seen := map[int64]bool{}
	for _, b := range shipped {
		if seen[b.Mail] || !b.Retracted.IsZero() {
			continue
		}
		seen[b.Mail] = true
		done, err := r.mail(ctx, back, b)
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

// mail takes back what one mail has shipped and would not ship now.
func (r *retract) mail(ctx context.Context, back *again, b sqlite.ShippedBatch) (any bool, err error) {
	a, name := back.app, b.Batch.Origin.Name
	now := map[string]engine.Batch{}
	kept, err := back.store.durable.KeptMails(ctx, sqlite.Mails{Mail: b.Mail})
	switch {
	case err != nil:
		return false, err
	case r.all:
	case len(kept) == 0:
		fmt.Fprintf(a.out, "%s\n  was not kept; --all takes back everything of it\n", ui.Line(name, 120))
		return false, nil
	default:
		o, err := back.now(ctx, kept[0])
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
		before, seqs, err := back.before(ctx, b.Mail, sink.Name())
		if err != nil {
			return any, err
		}
		if name := relocked(now[sink.Name()], before); name != "" {
			fmt.Fprintf(a.out, "%s\n  %s cannot be opened any more: its password is not known now; --all takes back everything of it\n", ui.Line(b.Batch.Origin.Name, 120), ui.Line(name, 80))
			return any, nil
		}
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
