package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/store/sqlite"
)

var pendingCommand = command{
	name:    "pending",
	args:    "-c CONFIG [list | release ID... | drop ID...] [flags]",
	summary: "show the mails that wait for a password or a deadline, and decide about them",
	long: `
Lists the mails that are parked: since when, until when, and what for. A run may
go on meanwhile.

release ends the waiting: the next run handles the mail as it is, with what has
come until then. drop gives it up: it is never shipped, and the ledger says why.

examples:
  tqmailrules pending -c phish.yaml
  tqmailrules pending -c phish.yaml release 12
  tqmailrules pending -c phish.yaml drop 12 13 --reason "a test of ours"`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		p := &pending{}
		fs.StringVar(&p.config, "c", "", "`configuration` file")
		fs.BoolVar(&p.json, "json", false, "write JSON")
		fs.StringVar(&p.reason, "reason", "", "why a mail is dropped, for the ledger")
		return p.run
	},
}

type pending struct {
	config, reason string
	json           bool
}

func (p *pending) run(ctx context.Context, a *app, args []string) exit {
	verb := "list"
	if len(args) > 0 {
		verb, args = args[0], args[1:]
	}
	ids, err := numbers(args)
	switch {
	case err != nil:
		return a.usage("pending", "%v", err)
	case verb != "list" && verb != "release" && verb != "drop":
		return a.usage("pending", "list, release or drop, not %q", verb)
	case (verb == "list") != (len(ids) == 0):
		return a.usage("pending", "release and drop take the numbers that pending lists; list takes none")
	case p.reason != "" && verb != "drop":
		return a.usage("pending", "--reason belongs to drop")
	}
	desk, code := a.desk(ctx, "pending", p.config)
	if code != exitOK {
		return code
	}
	defer desk.Close()
	switch verb {
	case "release":
		return a.decide(ids, "released: the next run handles it", func(id int64) error { return desk.ReleaseParked(ctx, id) })
	case "drop":
		reason := strings.TrimSuffix("dropped by an operator: "+p.reason, ": ")
		return a.decide(ids, "dropped", func(id int64) error { return desk.DropParked(ctx, id, reason) })
	}
	return p.list(ctx, a, desk)
}

// numbers reads the IDs of mails.
func numbers(args []string) (ids []int64, err error) {
	for _, s := range args {
		id, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no number of a mail", s)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// decide carries out a decision about each mail, and says what became of it.
func (a *app) decide(ids []int64, done string, f func(id int64) error) exit {
	code := exitOK
	for _, id := range ids {
		switch err := f(id); {
		case errors.Is(err, engine.ErrNotFound):
			fmt.Fprintf(a.err, "tqmailrules: there is no mail %d\n", id)
			code = worst(code, exitAuthor)
		case err != nil:
			code = worst(code, a.fail(err))
		default:
			fmt.Fprintf(a.out, "%d %s\n", id, done)
		}
	}
	return code
}

// desk opens the store of a configuration for an operator.
func (a *app) desk(ctx context.Context, name, config string) (*sqlite.Desk, exit) {
	cfg, code := a.configured(name, config)
	if code != exitOK {
		return nil, code
	}
	if cfg.Store.Path == "" {
		return nil, a.usage(name, "%s has no store: nothing is remembered from run to run", config)
	}
	d, err := sqlite.OpenDesk(ctx, sqlite.Config{Path: cfg.Store.Path, Now: a.now})
	if err != nil {
		return nil, a.fail(err)
	}
	return d, exitOK
}

// configured reads the configuration that a command cannot do without.
func (a *app) configured(name, config string) (*settings.Config, exit) {
	if config == "" {
		return nil, a.usage(name, "give the configuration with -c")
	}
	cfg, diags, err := readConfig(config)
	if err != nil {
		return nil, a.usage(name, "%v", err)
	}
	return cfg, a.diagnose(diags)
}

// parkedMail is a mail that waits, as it is listed.
type parkedMail struct {
	ID       int64     `json:"id"`
	Name     string    `json:"name"`
	Source   string    `json:"source"`
	Folder   string    `json:"folder,omitempty"`
	Received time.Time `json:"received,omitzero"`
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	Why      string    `json:"why"`
	Keys     []waitKey `json:"keys,omitempty"`
	Ready    bool      `json:"ready"` // what it waits for has come, or its time is over: the next run handles it
}

// waitKey is what the mails of a pair have in common.
type waitKey struct {
	Scope  string `json:"scope"`
	Key    string `json:"key"`
	Window string `json:"window"`
}

func (p *pending) list(ctx context.Context, a *app, desk *sqlite.Desk) exit {
	all, err := desk.Parked(ctx)
	if err != nil {
		return a.fail(err)
	}
	listed := []parkedMail{}
	for _, m := range all {
		listed = append(listed, listedMail(m, a.now()))
	}
	if p.json {
		a.printJSON(listed)
		return exitOK
	}
	if len(listed) == 0 {
		fmt.Fprintln(a.out, "nothing is parked")
		return exitOK
	}
	var t ui.Table
	t.Row("id", "since", "until", "mail", "why")
	for _, m := range listed {
		until := clock(m.Until)
		if m.Ready {
			until = "next run"
		}
		t.Row(m.ID, clock(m.Since), until, ui.Line(m.Name, 60), ui.Line(m.Why, 160))
	}
	t.Write(a.out, "")
	return exitOK
}

func listedMail(m sqlite.ParkedMail, now time.Time) parkedMail {
	l := parkedMail{
		ID: m.ID, Name: m.Origin.Name, Source: m.Origin.Source, Folder: m.Origin.Folder, Received: m.Origin.Received,
		Since: m.Since, Until: m.Deadline, Why: m.Reason, Ready: m.Ready || !m.Deadline.After(now),
	}
	for _, w := range m.Waits {
		l.Keys = append(l.Keys, waitKey{w.Key.Scope, w.Key.Key, w.Window.String()})
	}
	return l
}

// clock is a time as lists show it, in UTC.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }
