package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
)

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
