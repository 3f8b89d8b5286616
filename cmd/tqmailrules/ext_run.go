package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine/wasm"
)

var extRunCommand = command{
	name:    "ext run",
	args:    "MODULE.wasm MAIL...",
	summary: "run a module over mails and show what it finds and says",
	long: `
Hands each mail of the corpora (files, folders, mbox, zip, tar, - for standard
input) to a module and prints what it found, its notes, what it logged, the fuel and
memory it used, and the time. Nothing is shipped.

examples:
  tqmailrules ext run kits.wasm lure.eml
  tqmailrules ext run --config '{"words": ["login"]}' --json kits.wasm mails/`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		r := &extRun{}
		fs.StringVar(&r.config, "config", "", "configuration of the module: `JSON`, or @FILE")
		fs.BoolVar(&r.json, "json", false, "write JSON, one object per mail")
		return r.run
	},
}

type extRun struct {
	config string
	json   bool
}

func (r *extRun) run(ctx context.Context, a *app, args []string) exit {
	if len(args) < 2 {
		return a.usage("ext run", "give a module and a mail")
	}
	x, host, err := r.load(ctx, a, args[0])
	if err != nil {
		return a.kitFail("ext run", err)
	}
	defer host.Close()
	code, err := r.mails(ctx, a, x, args[1:])
	if err != nil {
		return a.kitFail("ext run", err)
	}
	return code
}

func (r *extRun) load(ctx context.Context, a *app, path string) (*wasm.Extractor, *wasm.Host, error) {
	config, err := configFlag(r.config)
	if err != nil {
		return nil, nil, err
	}
	module, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	host, err := a.moduleHost(ctx, settings.Cache{})
	if err != nil {
		return nil, nil, err
	}
	x, err := host.Load(ctx, wasm.Config{Module: module, Config: config})
	if err != nil {
		host.Close()
		return nil, nil, err
	}
	return x, host, nil
}

// mails runs them all. A mail on which the module failed is status 1.
func (r *extRun) mails(ctx context.Context, a *app, x *wasm.Extractor, paths []string) (code exit, err error) {
	cfg := &settings.Config{}
	src, err := a.openCorpus(paths, cfg)
	if err != nil {
		return exitOK, err
	}
	defer src.Close()
	parser := parserFor(cfg)
	for {
		d, err := src.Next(ctx)
		if err == io.EOF {
			return code, nil
		}
		if err != nil {
			return code, err
		}
		msg, err := parser.Parse(ctx, d.Raw, d.Origin)
		if err != nil {
			return code, err
		}
		one, err := a.runModule(ctx, x, d.Origin.Name, kitInput(msg))
		if err != nil {
			return code, err
		}
		if one.Error != "" {
			code = exitUnexpected
		}
		r.write(a, &one)
	}
}

func (r *extRun) write(a *app, one *ran) {
	if r.json {
		a.printJSON(one)
		return
	}
	fmt.Fprintln(a.out, ui.Line(one.Mail, 200))
	one.trouble(a.out)
	var t ui.Table
	for _, f := range one.Found {
		t.Row(f.Type, ui.Line(f.Value, 120), f.Part+", "+f.Context+attributesOf(f))
	}
	t.Write(a.out, "  ")
	one.talk(a.out)
	fmt.Fprintf(a.out, "  %d found; fuel %d, memory %s, %.1f ms\n", len(one.Found), one.Fuel, ui.Size(one.Memory), one.Milliseconds)
}

// trouble writes why the module failed.
func (r *ran) trouble(w io.Writer) {
	if r.Error == "" {
		return
	}
	fmt.Fprintf(w, "  failed   %s\n", ui.Line(r.Error, 300))
	writeTrace(w, r.Trace)
}

// talk writes what the module said.
func (r *ran) talk(w io.Writer) {
	for _, n := range r.Notes {
		fmt.Fprintf(w, "  note     %s: %s\n", n.Level, ui.Line(n.Text, 300))
	}
	for _, l := range r.Log {
		fmt.Fprintf(w, "  log      %s\n", ui.Line(l, 300))
	}
}
