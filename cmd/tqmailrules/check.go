package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
	"github.com/tqmailrules/tqmailrules/rules"
)

var checkCommand = command{
	name:    "check",
	args:    "RULES...|-c CONFIG [flags]",
	summary: "check rule files, or a configuration and its rule files",
	long: `
Checks everything at once and reports every error at its place: file, line,
column, the line, a caret, what was expected, and the nearest name.

With --connect every end of the configuration is tried, too: mailboxes, folders in
them, ThreatQ, folders to write to. Nothing is read or changed there.

examples:
  tqmailrules check rules/
  tqmailrules check -c phish.yaml
  tqmailrules check -c phish.yaml --connect
  tqmailrules check --list examples/rules/*.yaml`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		c := &check{}
		fs.StringVar(&c.config, "c", "", "`configuration` to check together with its rules")
		fs.BoolVar(&c.json, "json", false, "write diagnostics and rules as JSON")
		fs.BoolVar(&c.connect, "connect", false, "try every end of the configuration")
		fs.BoolVar(&c.list, "list", false, "list the rules with their phase and what they do")
		return c.run
	},
}

type check struct {
	config              string
	json, list, connect bool
}

func (c *check) run(ctx context.Context, a *app, args []string) exit {
	if c.connect && c.config == "" {
		return a.usage("check", "--connect needs a configuration: -c")
	}
	cfg, set, diags, code := c.load(ctx, a, args)
	if code != exitOK {
		return code
	}
	var ends []end
	if len(diags.Errors()) > 0 {
		code = exitAuthor
	} else if c.connect {
		ends = a.connect(ctx, cfg)
		if slices.ContainsFunc(ends, func(e end) bool { return !e.OK }) {
			code = exitEnvironment
		}
	}
	switch {
	case c.json:
		report := checkReport(set, diags)
		report.Ends = ends
		a.printJSON(report)
	case code == exitEnvironment:
		writeEnds(a.out, ends)
	case code != exitOK:
		fmt.Fprintln(a.err, diags.Sorted())
	default:
		a.diagnose(diags)
		c.text(a, set)
		writeEnds(a.out, ends)
	}
	return code
}

// load reads the configuration, if any, and its rules; every diagnostic of both
// comes back together.
func (c *check) load(ctx context.Context, a *app, args []string) (*settings.Config, *rules.Set, yamlfile.Diagnostics, exit) {
	cfg, f, diags, code := c.configured(ctx, a)
	if code != exitOK {
		return nil, nil, nil, code
	}
	defer f.close()
	args = append(args, cfg.Rules...)
	if len(args) == 0 {
		if len(diags.Errors()) > 0 {
			return cfg, nil, diags, exitOK
		}
		return nil, nil, nil, a.usage("check", "no rule files given")
	}
	set, more, err := loadRules(args, ruleOptions(cfg, f, c.config != ""))
	if err != nil {
		return nil, nil, nil, a.usage("check", "%v", err)
	}
	if set != nil {
		more = append(more, set.Expired(a.now())...)
		more = append(more, unused(cfg, set)...)
	}
	return cfg, set, append(diags, more...), exitOK
}

// configured reads the configuration, if there is one, and loads its extractors, as
// far as that goes.
func (c *check) configured(ctx context.Context, a *app) (*settings.Config, *finders, yamlfile.Diagnostics, exit) {
	if c.config == "" {
		return &settings.Config{}, builtin(), nil, exitOK
	}
	cfg, diags, err := readConfig(c.config)
	if err != nil {
		return nil, nil, nil, a.usage("check", "%v", err)
	}
	if cfg == nil {
		return &settings.Config{}, builtin(), diags, exitOK
	}
	_, wrong := a.privateKeys(cfg)
	f, more, err := a.finders(ctx, cfg)
	if err != nil {
		return nil, nil, nil, a.fail(err)
	}
	return cfg, f, append(append(diags, wrong...), more...), exitOK
}

func (c *check) text(a *app, set *rules.Set) {
	all := set.Rules()
	if c.list {
		var t ui.Table
		t.Row("rule", "mode", "phase", "priority", "actions")
		for _, r := range all {
			t.Row(r.ID, r.Mode, r.Phase, r.Priority, strings.Join(kindsOf(r), ", "))
		}
		t.Write(a.out, "")
	}
	fmt.Fprintf(a.out, "%d rules, no errors\n", len(all))
}

type checkedRule struct {
	ID       string   `json:"id"`
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Mode     string   `json:"mode"`
	Phase    string   `json:"phase"`
	Priority int      `json:"priority"`
	Actions  []string `json:"actions"`
}

type checked struct {
	Diagnostics yamlfile.Diagnostics `json:"diagnostics"`
	Rules       []checkedRule        `json:"rules"`
	Ends        []end                `json:"ends,omitempty"`
}

func checkReport(set *rules.Set, diags yamlfile.Diagnostics) checked {
	out := checked{Diagnostics: diags.Sorted(), Rules: []checkedRule{}}
	if out.Diagnostics == nil {
		out.Diagnostics = yamlfile.Diagnostics{}
	}
	if set == nil || len(diags.Errors()) > 0 {
		return out
	}
	for _, r := range set.Rules() {
		out.Rules = append(out.Rules, checkedRule{r.ID, r.Pos.File, r.Pos.Line, string(r.Mode), r.Phase.String(), r.Priority, kindsOf(r)})
	}
	return out
}

// kindsOf names the actions of a rule; a keep rule has the one.
func kindsOf(r *rules.Rule) []string {
	kinds := []string{}
	if r.Keep {
		kinds = append(kinds, "keep")
	}
	for _, a := range r.Actions {
		kinds = append(kinds, a.Kind)
	}
	return kinds
}
