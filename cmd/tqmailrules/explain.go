package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/report"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/mail"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
	"github.com/tqmailrules/tqmailrules/rules"
)

var explainCommand = command{
	name:    "explain",
	args:    "--rules RULES|-c CONFIG [flags] MAIL [RULE...]",
	summary: "say why rules matched a mail, or why not",
	long: `
Evaluates the rules on one mail and the mails inside it. For the rules that are
named it prints the value of every sub-expression, which were never asked, and
what kept the condition from being true; without names, one line per rule.
A folder or an mbox file is explained mail by mail.

examples:
  tqmailrules explain --rules rules/ lure.eml
  tqmailrules explain --rules rules/ lure.eml link-shows-another-site
  tqmailrules explain --rules rules/ --json lure.eml macro-document`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		e := &explain{}
		fs.Var(&e.rc.rules, "rules", "rule `files`, folders or patterns; may be given several times")
		fs.StringVar(&e.rc.config, "c", "", "`configuration` to take rules, mailbox and limits from")
		e.rc.debugFlags(fs)
		fs.BoolVar(&e.json, "json", false, "write JSON, one list per mail")
		return e.run
	},
}

type explain struct {
	rc   rulesAndConfig
	json bool
}

// Results that a rule itself does not have.
const (
	resultOff     = "off"             // its mode is off
	resultStopped = "stopped"         // an earlier rule stopped the phase or the mail
	resultUnasked = "nothing to keep" // a keep rule, and no indicator
)

// explained is one rule on one item.
type explained struct {
	Mail      string             `json:"mail"`
	Item      string             `json:"item"`
	Rule      string             `json:"rule"`
	Phase     string             `json:"phase"`
	Result    string             `json:"result"`
	Error     string             `json:"error,omitempty"`
	Indicator string             `json:"indicator,omitempty"` // that a keep rule was asked about
	Why       *rules.Explanation `json:"why,omitempty"`
}

func (e *explain) run(ctx context.Context, a *app, args []string) exit {
	l, code := e.rc.load(ctx, a, "explain")
	if code != exitOK {
		return code
	}
	defer l.close()
	if len(args) == 0 {
		return a.usage("explain", "no mail given")
	}
	for _, id := range args[1:] {
		if !hasRule(l.set, id) {
			return a.unknownRule(l.set, id)
		}
	}
	src, err := a.openCorpus(args[:1], l.cfg)
	if err != nil {
		return a.usage("explain", "%v", err)
	}
	defer src.Close()
	for {
		d, err := src.Next(ctx)
		if err == io.EOF {
			return exitOK
		}
		if err == nil {
			err = e.mail(ctx, a, l, d, args[1:])
		}
		if err != nil {
			return a.fail(err)
		}
	}
}

func hasRule(set *rules.Set, id string) bool {
	for _, r := range set.Rules() {
		if r.ID == id {
			return true
		}
	}
	return false
}

func (a *app) unknownRule(set *rules.Set, id string) exit {
	var ids []string
	for _, r := range set.Rules() {
		ids = append(ids, r.ID)
	}
	fmt.Fprintf(a.err, "tqmailrules explain: there is no rule %q\n", id)
	if near, ok := yamlfile.Nearest(id, ids); ok {
		fmt.Fprintf(a.err, "  hint: did you mean %s?\n", near)
	}
	return exitAuthor
}

func (e *explain) mail(ctx context.Context, a *app, l *loaded, d engine.Delivery, ids []string) error {
	p, err := engine.NewProcessor(engine.Config{
		Parser: parserFor(l.cfg), Rules: l.set, Extractors: l.finders.all, Unpacker: l.opener, Secrets: l.secrets, Limits: l.cfg.Limits, DomainOf: domainOf, MarkupAt: mail.MarkupAt(l.cfg.Limits), Listed: l.finders.listed(), Sinks: recordingSinks(l.cfg, l.set),
	})
	if err != nil {
		return err
	}
	out, err := p.Process(ctx, d)
	if err != nil {
		return err
	}
	all := []explained{}
	for _, it := range out.Items {
		for _, r := range l.set.Rules() {
			if len(ids) == 0 || slices.Contains(ids, r.ID) {
				all = append(all, explainRule(l.set, out, it, r)...)
			}
		}
	}
	if e.json {
		a.printJSON(all)
		return nil
	}
	e.text(a, out, all, len(ids) > 0)
	return nil
}

// explainRule asks one rule about one item; a keep rule about each indicator.
func explainRule(set *rules.Set, out *engine.Outcome, it *engine.Item, r *rules.Rule) (all []explained) {
	plain := explained{Mail: out.Origin.Name, Item: it.Path, Rule: r.ID, Phase: r.Phase.String()}
	switch {
	case r.Mode == rules.Off:
		plain.Result = resultOff
		return []explained{plain}
	case !r.Keep:
		return []explained{explainOne(set, out, it, r, nil)}
	case len(it.Indicators)+len(it.Dropped) == 0:
		plain.Result = resultUnasked
		return []explained{plain}
	}
	for _, ind := range it.Indicators {
		all = append(all, explainOne(set, out, it, r, ind))
	}
	for _, d := range it.Dropped {
		all = append(all, explainOne(set, out, it, r, d.Indicator))
	}
	return all
}

func explainOne(set *rules.Set, out *engine.Outcome, it *engine.Item, r *rules.Rule, ind *engine.Indicator) explained {
	view := it.Views[r.Phase]
	if view.Message == nil {
		view.Message = it.Message // the phase was never come to
	}
	x := explained{Mail: out.Origin.Name, Item: it.Path, Rule: r.ID, Phase: r.Phase.String()}
	if ind != nil {
		x.Indicator = ind.Type + " " + ind.Value
	}
	why, err := set.Explain(r.Phase, &view, r.ID, ind)
	if err != nil {
		x.Result, x.Error = engine.ResultError.String(), err.Error()
		return x
	}
	x.Result, x.Why = why.Result.String(), &why
	if why.Err != nil {
		x.Error = why.Err.Error()
	}
	if ind == nil && stopped(it, r) {
		x.Result = resultStopped
	}
	return x
}

// stopped reports whether an earlier rule kept r from being asked.
func stopped(it *engine.Item, r *rules.Rule) bool {
	if it.Plan.Stopped && it.Views[r.Phase].Message == nil {
		return true
	}
	return slices.ContainsFunc(it.Plan.Results, func(v engine.RuleResult) bool {
		return v.Rule == r.ID && v.Result == engine.Stopped
	})
}

func (e *explain) text(a *app, out *engine.Outcome, all []explained, whole bool) {
	if out.Disposition == engine.Quarantined {
		fmt.Fprintf(a.out, "%s would be quarantined: %s\n", ui.Line(out.Origin.Name, 200), ui.Line(out.Reason, 300))
	}
	item := "?"
	for _, x := range all {
		if x.Item != item {
			item = x.Item
			fmt.Fprintln(a.out, ui.Line(itemTitle(out, item), 200))
			writeOpened(a.out, out, item)
		}
		if whole && x.Why != nil {
			writeTree(a.out, x)
			continue
		}
		writeLine(a.out, x)
	}
}

// maxExplained is how many files of an item are listed.
const maxExplained = 40

// writeOpened prints what opening the attachments of an item came to, and which
// passwords there were for it. Those of other mails are not among them: explain
// sees one mail.
func writeOpened(w io.Writer, out *engine.Outcome, path string) {
	i := slices.IndexFunc(out.Items, func(it *engine.Item) bool { return it.Path == path })
	if i < 0 {
		return
	}
	it := out.Items[i]
	var table ui.Table
	for n, f := range report.FilesOf(it) {
		if n == maxExplained {
			table.Row("file    ", fmt.Sprintf("%d more", len(it.Message.Files)-n))
			break
		}
		table.Row("file    ", ui.Line(f.Within(), 120), f.FileType, ui.Size(f.Size), f.Remarks())
	}
	table.Write(w, "  ")
	if tried := report.TriedOn(it); len(tried) > 0 {
		fmt.Fprintf(w, "  %-8s  %s\n", "tried", report.TriedText(tried))
	}
	pair := report.PairOf(it)
	if pair == nil {
		return
	}
	fmt.Fprintf(w, "  %-8s  %s\n", "pair", pair)
	switch pair.State {
	case "waiting":
		fmt.Fprintf(w, "  %-8s  %s\n", "", "explain sees one mail; dry-run sees what other mails of a corpus offer")
	case "none":
		fmt.Fprintf(w, "  %-8s  %s\n", "", "no pair action has a key for it")
	}
}

// writeTree prints every sub-expression of a rule.
func writeTree(w io.Writer, x explained) {
	if x.Indicator != "" {
		fmt.Fprintf(w, "%s\n", ui.Line(x.Indicator, 200))
	}
	if x.Result == resultStopped {
		fmt.Fprintln(w, "stopped by an earlier rule; asked nevertheless:")
	}
	fmt.Fprintln(w, x.Why)
}

// writeLine prints the result of a rule and what kept it from matching.
func writeLine(w io.Writer, x explained) {
	fmt.Fprintf(w, "  %-8s  %s", x.Result, x.Rule)
	if x.Indicator != "" {
		fmt.Fprintf(w, "  %s", ui.Line(x.Indicator, 120))
	}
	fmt.Fprintln(w)
	if x.Error != "" {
		fmt.Fprintf(w, "            %s\n", ui.Line(x.Error, 300))
	}
	if x.Why == nil || x.Result == engine.Match.String() || x.Result == resultStopped {
		return
	}
	for _, b := range x.Why.Blockers {
		fmt.Fprintf(w, "            because %s is %s\n", ui.Line(b.Text, 100), ui.Line(b.Value, 100))
	}
}

func itemTitle(out *engine.Outcome, path string) string {
	for _, it := range out.Items {
		if it.Path == path && path != "" {
			return out.Origin.Name + " " + path + "  " + it.Message.Subject.Subject
		}
	}
	return out.Origin.Name + "  " + out.Message.Subject.Subject
}
