package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine/store/sqlite"
)

var quarantineCommand = command{
	name:    "quarantine",
	args:    "-c CONFIG [list | show ID | retry ID... | drop ID...] [flags]",
	summary: "show the mails that could not be handled, and decide about them",
	long: `
Lists the mails that ended in quarantine: no mail at all, one at which the program
failed, one at which runs were killed. A run may go on meanwhile.

show writes the raw mail, or what went wrong with --trace. retry has the next run
handle a mail again, after an update, say. drop gives it up: its bytes go, and the
ledger says why.

examples:
  tqmailrules quarantine -c phish.yaml
  tqmailrules quarantine -c phish.yaml show 12 > suspect.eml
  tqmailrules quarantine -c phish.yaml retry 12 13`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		q := &quarantine{}
		fs.StringVar(&q.config, "c", "", "`configuration` file")
		fs.BoolVar(&q.json, "json", false, "write JSON")
		fs.BoolVar(&q.trace, "trace", false, "of show: where the program failed, instead of the mail")
		fs.StringVar(&q.reason, "reason", "", "why a mail is dropped, for the ledger")
		return q.run
	},
}

type quarantine struct {
	config, reason string
	json, trace    bool
}

func (q *quarantine) run(ctx context.Context, a *app, args []string) exit {
	verb, ids, err := operatorsWord(args, q.reason, "show", "retry", "drop")
	if err == nil && verb == "show" && len(ids) != 1 {
		err = errors.New("show takes one number")
	}
	if err != nil {
		return a.usage("quarantine", "%v", err)
	}
	desk, code := a.desk(ctx, "quarantine", q.config)
	if code != exitOK {
		return code
	}
	defer desk.Close()
	switch verb {
	case "retry":
		return a.decide(ids, "the next run handles it again", func(id int64) error { return desk.RetryQuarantined(ctx, id) })
	case "drop":
		return a.decide(ids, "dropped", func(id int64) error { return desk.DropQuarantined(ctx, id, dropped(q.reason)) })
	}
	all, err := desk.Quarantined(ctx)
	switch {
	case err != nil:
		return a.fail(err)
	case verb == "show":
		return q.show(a, all, ids[0])
	}
	return q.list(a, all)
}

// quarantinedMail is a mail in quarantine, as it is listed.
type quarantinedMail struct {
	ID     int64     `json:"id"`
	At     time.Time `json:"at"`
	Name   string    `json:"name"`
	Source string    `json:"source"`
	Folder string    `json:"folder,omitempty"`
	Why    string    `json:"why"`
	Kept   bool      `json:"kept"` // the mail itself
}

func (q *quarantine) list(a *app, all []sqlite.QuarantinedMail) exit {
	listed := []quarantinedMail{}
	for _, m := range all {
		listed = append(listed, quarantinedMail{m.ID, m.At, m.Origin.Name, m.Origin.Source, m.Origin.Folder, m.Reason, m.Raw != nil})
	}
	if q.json {
		a.printJSON(listed)
		return exitOK
	}
	if len(listed) == 0 {
		fmt.Fprintln(a.out, "nothing is in quarantine")
		return exitOK
	}
	var t ui.Table
	t.Row("id", "since", "mail", "why")
	for _, m := range listed {
		t.Row(m.ID, clock(m.At), ui.Line(m.Name, 60), ui.Line(m.Why, 160))
	}
	t.Write(a.out, "")
	return exitOK
}

func (q *quarantine) show(a *app, all []sqlite.QuarantinedMail, id int64) exit {
	i := slices.IndexFunc(all, func(m sqlite.QuarantinedMail) bool { return m.ID == id })
	if i < 0 {
		fmt.Fprintf(a.err, "tqmailrules: there is no mail %d\n", id)
		return exitAuthor
	}
	m := all[i]
	switch {
	case q.trace:
		fmt.Fprintf(a.out, "%s\n%s", m.Reason, m.Stack)
		return exitOK
	case m.Raw == nil:
		return a.fail(errors.New("the mail itself could not be kept"))
	}
	raw, err := m.Raw.Open()
	if err != nil {
		return a.fail(err)
	}
	defer raw.Close()
	if _, err := io.Copy(a.out, raw); err != nil {
		return a.fail(err)
	}
	return exitOK
}
