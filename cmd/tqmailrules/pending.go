package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
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
	verb, ids, err := operatorsWord(args, p.reason, "release", "drop")
	if err != nil {
		return a.usage("pending", "%v", err)
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
		return a.decide(ids, "dropped", func(id int64) error { return desk.DropParked(ctx, id, dropped(p.reason)) })
	}
	return p.list(ctx, a, desk)
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
