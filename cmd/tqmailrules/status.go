package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/store/sqlite"
)

var statusCommand = command{
	name:    "status",
	args:    "-c CONFIG [flags]",
	summary: "show what waits, what went wrong, and what the last runs did",
	long: `
Reads the store of a configuration: what became of all mail, what waits for which
sink and since when, what sinks refused, what is parked or in quarantine, and the
last runs. A run may go on meanwhile.

examples:
  tqmailrules status -c phish.yaml
  tqmailrules status -c phish.yaml --json | jq '.sinks[] | select(.waiting > 0)'`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		s := &overview{}
		fs.StringVar(&s.config, "c", "", "`configuration` file")
		fs.BoolVar(&s.json, "json", false, "write JSON")
		fs.IntVar(&s.runs, "runs", 5, "`number` of runs to show")
		return s.run
	},
}

type overview struct {
	config string
	json   bool
	runs   int
}

// statusReport is what status tells.
type statusReport struct {
	Instance    string         `json:"instance"`
	Mails       map[string]int `json:"mails"` // by what became of them; "begun": nothing yet
	Parked      parkedCount    `json:"parked"`
	Quarantined int            `json:"quarantined"`
	Sinks       []sinkStatus   `json:"sinks"`
	Runs        []runStatus    `json:"runs"`
}

type parkedCount struct {
	Mails int       `json:"mails"`
	Next  time.Time `json:"next_deadline,omitzero"`
}

type sinkStatus struct {
	Name    string    `json:"name"`
	Waiting int       `json:"waiting"`
	Oldest  time.Time `json:"oldest,omitzero"`
	Refused int       `json:"refused"`
	Reason  string    `json:"reason,omitempty"` // of the last that was refused
	Unknown bool      `json:"unknown,omitempty"`
}

type runStatus struct {
	Run     string         `json:"run"`
	Process int            `json:"process"`
	Started time.Time      `json:"started"`
	Ended   time.Time      `json:"ended,omitzero"`
	Summary engine.Summary `json:"summary"`
	Error   string         `json:"error,omitempty"`
}

func (s *overview) run(ctx context.Context, a *app, args []string) exit {
	if len(args) > 0 || s.runs < 0 {
		return a.usage("status", "give the configuration with -c, and nothing else")
	}
	cfg, code := a.configured("status", s.config)
	if code != exitOK {
		return code
	}
	desk, code := a.desk(ctx, "status", s.config)
	if code != exitOK {
		return code
	}
	defer desk.Close()
	r, err := s.report(ctx, desk, cfg)
	switch {
	case err != nil:
		return a.fail(err)
	case s.json:
		a.printJSON(r)
	default:
		r.write(a.out, a.now())
	}
	return exitOK
}

func (s *overview) report(ctx context.Context, desk *sqlite.Desk, cfg *settings.Config) (r statusReport, err error) {
	r.Instance = cfg.Instance
	if r.Mails, err = desk.Outcomes(ctx); err != nil {
		return r, err
	}
	if n := r.Mails[""]; n > 0 {
		r.Mails["begun"] = n
		delete(r.Mails, "")
	}
	parked, err := desk.Parked(ctx)
	if err != nil {
		return r, err
	}
	if r.Parked.Mails = len(parked); len(parked) > 0 {
		r.Parked.Next = parked[0].Deadline
	}
	quarantined, err := desk.Quarantined(ctx)
	if err != nil {
		return r, err
	}
	r.Quarantined = len(quarantined)
	backlogs, err := desk.Backlogs(ctx)
	if err != nil {
		return r, err
	}
	r.Sinks = sinkStatuses(backlogs, cfg)
	runs, err := desk.Runs(ctx, s.runs)
	r.Runs = []runStatus{}
	for _, run := range runs {
		r.Runs = append(r.Runs, runStatus{run.Name, run.Process, run.Started, run.Ended, run.Summary, run.Error})
	}
	return r, err
}

// sinkStatuses lists the sinks of the configuration, then those that it does not
// have any more.
func sinkStatuses(backlogs []sqlite.Backlog, cfg *settings.Config) (all []sinkStatus) {
	of := map[string]sqlite.Backlog{}
	for _, b := range backlogs {
		of[b.Sink] = b
	}
	add := func(name string, unknown bool) {
		b := of[name]
		delete(of, name)
		all = append(all, sinkStatus{name, b.Waiting, b.Oldest, b.Refused, b.Reason, unknown})
	}
	for _, c := range cfg.Sinks {
		add(c.Name, false)
	}
	for _, name := range sortedKeys(of) {
		add(name, true)
	}
	return all
}

func (r statusReport) write(w io.Writer, now time.Time) {
	fmt.Fprintf(w, "instance %s\n\nmails\n", r.Instance)
	var t ui.Table
	for _, k := range sortedKeys(r.Mails) {
		t.Row(k, r.Mails[k])
	}
	t.Write(w, "  ")
	if r.Parked.Mails > 0 {
		fmt.Fprintf(w, "  the next deadline is %s: tqmailrules pending\n", clock(r.Parked.Next))
	}
	if r.Quarantined > 0 {
		fmt.Fprintf(w, "  %d in quarantine: tqmailrules quarantine\n", r.Quarantined)
	}
	fmt.Fprintln(w, "\nsinks")
	t = ui.Table{}
	for _, s := range r.Sinks {
		t.Row(s.Name, s.words(now))
	}
	t.Write(w, "  ")
	if len(r.Runs) == 0 {
		return
	}
	fmt.Fprintln(w, "\nlast runs")
	t = ui.Table{}
	for _, run := range r.Runs {
		t.Row(clock(run.Started), run.span(), run.words())
	}
	t.Write(w, "  ")
}

func (s sinkStatus) words(now time.Time) string {
	words := "nothing waits"
	if s.Waiting > 0 {
		words = fmt.Sprintf("%d wait, the oldest for %s", s.Waiting, now.Sub(s.Oldest).Round(time.Second))
	}
	if s.Refused > 0 {
		words += fmt.Sprintf("; %d refused, the last: %s", s.Refused, ui.Line(s.Reason, 200))
	}
	if s.Unknown {
		words += "; not in the configuration"
	}
	return words
}

func (r runStatus) span() string {
	if r.Ended.IsZero() {
		return fmt.Sprintf("process %d", r.Process)
	}
	return r.Ended.Sub(r.Started).Round(10 * time.Millisecond).String()
}

func (r runStatus) words() string {
	if r.Ended.IsZero() {
		return "goes on, or was killed"
	}
	s := r.Summary
	words := fmt.Sprintf("%d read, %d shipped, %d quarantined", s.Read, s.Shipped, s.Quarantined)
	if r.Error != "" {
		words += "; " + ui.Line(r.Error, 200)
	} else if len(s.Errors) > 0 {
		words += "; " + ui.Line(s.Errors[len(s.Errors)-1], 200)
	}
	return words
}
