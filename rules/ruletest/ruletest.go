// Package ruletest runs the tests that stand beside rule files: cases of one or
// several mails in time order, and what must come of them.
//
// A test file names rule files and cases. A case hands its mails to the same
// engine that production uses, over a store and sinks that forget, with a clock
// that the case sets; what would be shipped is compared with what is expected,
// field by field or as a golden file. Nothing is shipped, and nothing is written
// but golden files, and those only on request.
package ruletest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
	"github.com/tqmailrules/tqmailrules/rules"
)

// Env is what tests run in. Everything that a case does not set comes from it.
type Env struct {
	Parser     func(Mailbox) engine.Parser
	Extractors []engine.Extractor
	Unpacker   engine.Unpacker
	Secrets    map[string]string
	Store      func() engine.Store
	Sinks      []string // that rules may name; "default" is always there
	Limits     engine.Limits
	DomainOf   func(kind, value string) engine.Domain // as engine.Config has it
	Listed     func(kind, value string) []string      // likewise
	MarkupAt   func(raw string, n []int) []int        // likewise

	ReadFile  func(path string) ([]byte, error)
	WriteFile func(path string, data []byte) error // golden files; nil: they are compared
}

// Mailbox is the mailbox that the mails of a case come to.
type Mailbox struct {
	Name        string
	OwnDomains  []string
	AuthServers []string
}

// File is a test file, checked.
type File struct {
	Name    string
	Rules   []string          // paths of the rule files under test
	Config  string            // path of the configuration that declares their extractors; "" for none
	Secrets map[string]string // values for the secrets that rules refer to: made up, never real ones
	Mailbox Mailbox
	Cases   []Case

	ids []*yamlfile.Node // of rules that cases speak of
}

// Check tells the ids that cases speak of and no rule has: `not_matches` of a
// misspelt rule would be met for ever.
func (f *File) Check(set *rules.Set) (diags yamlfile.Diagnostics) {
	var known []string
	for _, r := range set.Rules() {
		known = append(known, r.ID)
	}
	for _, n := range f.ids {
		if !slices.Contains(known, n.Text) {
			d := n.Errorf("there is no rule %s", n.Text)
			d.Suggest(n.Text, known)
			diags = append(diags, d)
		}
	}
	return diags.Sorted()
}

// Case is one test.
type Case struct {
	Name     string
	Pos      yamlfile.Pos
	Mailbox  *Mailbox // instead of the file's
	Messages []Message
	Clock    Moment // when the case ends; zero: at the last mail
	Golden   string // path, "" for none
}

// Message is one mail of a case and what is expected of it.
type Message struct {
	Name   string
	Path   string // of the mail, or
	Raw    string // the mail itself
	Folder string
	At     Moment // when it is received; zero: as the mail says
	Expect Expect
}

// Moment is a time of its own, or so much after the mail before.
type Moment struct {
	Time  time.Time
	After time.Duration
	End   bool // after every deadline
}

// Result is the outcome of one case.
type Result struct {
	File     string       `json:"file"`
	Case     string       `json:"case"`
	Pos      yamlfile.Pos `json:"pos"`
	Passed   bool         `json:"passed"`
	Failures []Failure    `json:"failures,omitempty"`
	Updated  bool         `json:"updated,omitempty"` // a golden file was written
	Matched  []string     `json:"matched,omitempty"` // rules that matched, sorted
}

// Failure is one expectation that was not met.
type Failure struct {
	Pos     yamlfile.Pos `json:"pos"`
	Message string       `json:"message"`
}

// Run runs one case with a set of rules. The error is one of the environment: a
// mail that cannot be read, say.
func Run(ctx context.Context, env Env, set *rules.Set, file *File, c *Case) (Result, error) {
	res := Result{File: file.Name, Case: c.Name, Pos: c.Pos}
	outcomes, err := outcomesOf(ctx, env, set, file, c)
	if err != nil {
		return res, fmt.Errorf("%s: case %q: %w", c.Pos, c.Name, err)
	}
	for i := range c.Messages {
		m := &c.Messages[i]
		for _, f := range m.Expect.check(outcomes[i]) {
			f.Message = prefix(c, m) + f.Message
			res.Failures = append(res.Failures, f)
		}
		res.Matched = append(res.Matched, matched(outcomes[i])...)
	}
	slices.Sort(res.Matched)
	res.Matched = slices.Compact(res.Matched)
	if c.Golden != "" {
		if err := golden(env, c, outcomes, &res); err != nil {
			return res, err
		}
	}
	res.Passed = len(res.Failures) == 0
	return res, nil
}

func prefix(c *Case, m *Message) string {
	if len(c.Messages) == 1 {
		return ""
	}
	return m.Name + ": "
}

// outcomesOf returns the last outcome of each mail: a parked one that came back
// has two.
func outcomesOf(ctx context.Context, env Env, set *rules.Set, file *File, c *Case) ([]*engine.Outcome, error) {
	clock := &engine.StillClock{}
	parser := env.Parser(*cmp.Or(c.Mailbox, &file.Mailbox))
	src, end, err := c.source(ctx, env, parser)
	if err != nil {
		return nil, err
	}
	last := map[string]*engine.Outcome{}
	cfg := engine.Config{
		Source: src, Parser: parser, Rules: set, Extractors: env.Extractors, Unpacker: env.Unpacker, Secrets: env.Secrets, Limits: env.Limits, DomainOf: env.DomainOf, Listed: env.Listed, MarkupAt: env.MarkupAt,
		Store: env.Store(), Clock: clock, Workers: 1, CommitGroup: 1,
		AtEnd:   func() { clock.Set(end) },
		Observe: func(o *engine.Outcome) { last[o.Origin.ID] = o },
	}
	for _, s := range append([]string{"default"}, env.Sinks...) {
		cfg.Sinks = append(cfg.Sinks, nowhere(s))
	}
	e, err := engine.New(cfg)
	if err != nil {
		return nil, err
	}
	sum, err := e.Run(ctx)
	if err == nil && sum.Degraded() {
		err = errors.New(fmt.Sprint(sum.Errors))
	}
	if err != nil {
		return nil, err
	}
	var all []*engine.Outcome
	for i := range c.Messages {
		all = append(all, last[id(i)])
	}
	return all, nil
}

func id(i int) string { return fmt.Sprint(i + 1) }

// source hands over the mails of a case at their times, and says when it ends.
// A mail without a time of its own is received when its header says.
func (c *Case) source(ctx context.Context, env Env, parser engine.Parser) (*script, time.Time, error) {
	s := &script{}
	var last time.Time
	for i := range c.Messages {
		m := &c.Messages[i]
		raw := []byte(m.Raw)
		if m.Path != "" {
			var err error
			if raw, err = env.ReadFile(m.Path); err != nil {
				return nil, last, err
			}
		}
		d := engine.Delivery{
			Raw:    engine.Bytes(raw),
			Origin: engine.Origin{Source: "test", Folder: m.Folder, ID: id(i), Name: m.Name, Received: m.At.after(last)},
		}
		msg, err := parser.Parse(ctx, d.Raw, d.Origin)
		if err != nil {
			return nil, last, err
		}
		last = msg.Meta.Received
		s.mails = append(s.mails, d)
	}
	end := c.Clock.after(last)
	if end.IsZero() {
		end = last
	}
	return s, end, nil
}

// after resolves a moment against the one before it; zero when it says nothing.
func (m Moment) after(last time.Time) time.Time {
	switch {
	case m.End:
		return engine.EndOfTime
	case !m.Time.IsZero():
		return m.Time
	case m.After == 0 || last.IsZero():
		return time.Time{}
	}
	return last.Add(m.After)
}

// script is a source of mails known beforehand.
type script struct{ mails []engine.Delivery }

func (s *script) Next(context.Context) (engine.Delivery, error) {
	if len(s.mails) == 0 {
		return engine.Delivery{}, io.EOF
	}
	d := s.mails[0]
	s.mails = s.mails[1:]
	return d, nil
}

func (s *script) Ack(context.Context, []engine.Receipt) error { return nil }
func (s *script) Close() error                                { return nil }

// nowhere is a sink that takes everything.
type nowhere string

func (n nowhere) Name() string                             { return string(n) }
func (n nowhere) Ship(context.Context, engine.Batch) error { return nil }
func (n nowhere) Close() error                             { return nil }

// Coverage says which rules no case made match.
func Coverage(set *rules.Set, results []Result) (matched, all int, never []string) {
	hit := map[string]bool{}
	for _, r := range results {
		for _, id := range r.Matched {
			hit[id] = true
		}
	}
	for _, r := range set.Rules() {
		if r.Mode == rules.Off {
			continue
		}
		all++
		if hit[r.ID] {
			matched++
		} else {
			never = append(never, r.ID)
		}
	}
	return matched, all, never
}
