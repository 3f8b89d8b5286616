package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/store/sqlite"
)

var shipCommand = command{
	name:    "ship",
	args:    "-c CONFIG [flags]",
	summary: "ship what waits for the sinks, without reading mail",
	long: `
Drains the outbox: what earlier runs decided and a sink did not take, since it was
not to be had. What a sink refused for good is set aside, and stays; --refused
tries that again, too, when its cause is mended.

examples:
  tqmailrules ship -c phish.yaml
  tqmailrules ship -c phish.yaml --sink threatq --refused`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		s := &shipper{}
		fs.StringVar(&s.rc.config, "c", "", "`configuration` file")
		fs.StringVar(&s.sink, "sink", "", "`name` of the one sink to ship to")
		fs.BoolVar(&s.refused, "refused", false, "try again what was refused")
		fs.BoolVar(&s.json, "json", false, "write the summary as JSON")
		return s.run
	},
}

type shipper struct {
	rc            rulesAndConfig
	sink          string
	refused, json bool
}

func (s *shipper) run(ctx context.Context, a *app, args []string) exit {
	if s.rc.config == "" || len(args) > 0 {
		return a.usage("ship", "give the configuration with -c, and nothing else")
	}
	l, code := s.rc.load(ctx, a, "ship")
	if code != exitOK {
		return code
	}
	defer l.close()
	if l.cfg.Store.Path == "" {
		return a.usage("ship", "%s has no store: nothing waits from run to run", s.rc.config)
	}
	if code := s.choose(a, l.cfg); code != exitOK {
		return code
	}
	sum, err := s.drain(ctx, a, l)
	if err != nil {
		a.fail(err)
	}
	if sum.Delivered == nil {
		return statusOf(sum, err)
	}
	if s.json {
		a.printJSON(sum)
	} else {
		writeShipped(a.out, sum)
	}
	return statusOf(sum, err)
}

// choose leaves the sink that was asked for.
func (s *shipper) choose(a *app, cfg *settings.Config) exit {
	if s.sink == "" {
		return exitOK
	}
	cfg.Sinks = slices.DeleteFunc(cfg.Sinks, func(c settings.Sink) bool { return c.Name != s.sink })
	if len(cfg.Sinks) == 0 {
		return a.usage("ship", "there is no sink named %s", s.sink)
	}
	return exitOK
}

func (s *shipper) drain(ctx context.Context, a *app, l *loaded) (sum engine.Summary, err error) {
	if s.refused {
		if err := s.retry(ctx, a, l.cfg); err != nil {
			return sum, err
		}
	}
	l.cfg.Sources = nil
	w, err := a.wire(ctx, l, false)
	defer func() { err = errors.Join(err, w.close()) }()
	if err != nil {
		return sum, err
	}
	return w.Drain(ctx)
}

func (s *shipper) retry(ctx context.Context, a *app, cfg *settings.Config) (err error) {
	desk, err := sqlite.OpenDesk(ctx, sqlite.Config{Path: cfg.Store.Path, Now: a.now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, desk.Close()) }()
	n, err := desk.RetryRefused(ctx, s.sink)
	if err == nil && n > 0 {
		fmt.Fprintf(a.err, "%d refused batches are tried again\n", n)
	}
	return err
}
