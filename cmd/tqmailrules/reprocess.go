package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/store/sqlite"
)

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
		missing, err := back.difference(ctx, k.ID, o)
		if err != nil {
			return a.fail(err)
		}
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
