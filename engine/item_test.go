package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
)

// parserFunc makes messages from the raw text by a function of the test.
type parserFunc func(text string, o engine.Origin) *engine.Message

func (f parserFunc) Parse(_ context.Context, raw engine.Blob, o engine.Origin) (*engine.Message, error) {
	b, err := engine.ReadAll(raw, 1<<20)
	m := f(string(b), o)
	m.Raw, m.ContentKey = raw, string(b)
	return m, err
}

// message is a mail with a subject and a text, and mails inside it.
func message(subject, text string, nested ...*engine.Message) *engine.Message {
	return &engine.Message{
		Meta:    engine.Meta{Date: enginetest.Epoch, Received: enginetest.Epoch, SHA256: "00"},
		Subject: engine.Subject{Subject: subject, Base: subject},
		Body:    engine.Body{Plain: engine.PlainBody{Raw: text}, Text: text},
		Nested:  nested, Raw: engine.Bytes(text), ContentKey: subject + text,
	}
}

func forwarded(m *engine.Message, original string) *engine.Message {
	m.Forward = engine.Forward{IsForward: true, Style: "inline", Original: engine.Original{Subject: original, Text: "text of " + original}}
	if len(m.Nested) > 0 {
		m.Forward.Style = "attached"
	}
	return m
}

// process runs one message through rules that say actions in one phase for
// messages whose subject they name; "*" is every message.
func process(t *testing.T, def engine.Defaults, msg *engine.Message, phase engine.Phase, actions map[string][]engine.Action, mod ...func(*engine.Config)) *engine.Outcome {
	t.Helper()
	cfg := engine.Config{
		Parser: parserFunc(func(string, engine.Origin) *engine.Message { return msg }),
		Rules: enginetest.Rules{Def: def, OnEvaluate: func(p engine.Phase, v *engine.View) engine.Plan {
			if p != phase {
				return engine.Plan{}
			}
			return enginetest.Steps("rule", append(actions["*"], actions[v.Message.Subject.Subject]...)...)
		}},
		Extractors: []engine.Extractor{enginetest.Words{}},
		Sinks:      []engine.Sink{&enginetest.Recorder{Sink: "a"}, &enginetest.Recorder{Sink: "b"}},
	}
	for _, m := range mod {
		m(&cfg)
	}
	e, err := engine.NewProcessor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	out, err := e.Process(t.Context(), enginetest.Mail("1", "x", "y"))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ships lists what an outcome ships: path, treatment and title of each event.
func ships(o *engine.Outcome) []string {
	all := []string{}
	for _, it := range o.Items {
		if it.Ships != "" {
			all = append(all, strings.TrimSpace(it.Path+" "+string(it.Ships)+" "+it.Message.Subject.Subject))
		}
	}
	return all
}

func TestWhatAMailBecomes(t *testing.T) {
	intel, spear := engine.Defaults{MailboxType: "intelligence"}, engine.Defaults{MailboxType: "spearphish"}
	treat := func(subject string, as engine.Treatment) map[string][]engine.Action {
		return map[string][]engine.Action{subject: {engine.TreatAs{As: as}}}
	}
	tests := []struct {
		name    string
		def     engine.Defaults
		msg     *engine.Message
		actions map[string][]engine.Action
		want    []string
		is      engine.Disposition
	}{
		{"plain mail in an intelligence mailbox", intel, message("a", "t"), nil, []string{"intelligence a"}, engine.Shipped},
		{"mail with another inside, intelligence", intel, message("a", "t", message("b", "u")), nil, []string{"intelligence a"}, engine.Shipped},
		{"plain mail in a spearphish mailbox", spear, message("a", "t"), nil, []string{}, engine.Skipped},
		{"carrier in a spearphish mailbox", spear, message("a", "t", message("b", "u"), message("c", "v")), nil, []string{"n1 spearphish b", "n2 spearphish c"}, engine.Shipped},
		{"inline forward in a spearphish mailbox", spear, forwarded(message("a", "t"), "b"), nil, []string{"f1 spearphish b"}, engine.Shipped},
		{"a rule treats a carrier as spearphish", intel, message("a", "t", message("b", "u")), treat("a", engine.Spearphish), []string{"n1 spearphish b"}, engine.Shipped},
		{"a rule treats a plain mail as spearphish", intel, message("a", "t"), treat("a", engine.Spearphish), []string{"spearphish a"}, engine.Shipped},
		{"a rule skips", intel, message("a", "t"), treat("a", engine.Skip), []string{}, engine.Skipped},
		{"a rule skips the inner mail", spear, message("a", "t", message("b", "u"), message("c", "v")), treat("b", engine.Skip), []string{"n2 spearphish c"}, engine.Shipped},
		{"an attachment of an original is its own", spear, message("a", "t", message("b", "u", message("c", "v"))), nil, []string{"n1 spearphish b"}, engine.Shipped},
		{"a forward inside a carrier is a carrier", spear, message("a", "t", forwarded(message("b", "u", message("c", "v")), "c")), nil, []string{"n1/n1 spearphish c"}, engine.Shipped},
		{"unwrap in an intelligence mailbox", intel, message("a", "t", message("b", "u")), map[string][]engine.Action{"a": {engine.Unwrap{Kinds: []string{"nested"}}}}, []string{"intelligence a", "n1 spearphish b"}, engine.Shipped},
		{"unwrap none", spear, message("a", "t", message("b", "u")), map[string][]engine.Action{"a": {engine.Unwrap{}}}, []string{}, engine.Skipped},
		{"an inner mail treated as intelligence", spear, message("a", "t", message("b", "u")), treat("b", engine.Intelligence), []string{"n1 intelligence b"}, engine.Shipped},
		{"ship none", intel, message("a", "t"), map[string][]engine.Action{"a": {engine.Ship{None: true}}}, []string{"intelligence a"}, engine.Nothing},
		{"the first treatment counts", intel, message("a", "t"), map[string][]engine.Action{"*": {engine.TreatAs{As: engine.Skip}, engine.TreatAs{As: engine.Spearphish}}}, []string{}, engine.Skipped},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := process(t, tt.def, tt.msg, engine.PhaseMessage, tt.actions)
			if diff := cmp.Diff(tt.want, ships(out)); diff != "" || out.Disposition != tt.is {
				t.Errorf("disposition %s, want %s; ships (-want +got):\n%s", out.Disposition, tt.is, diff)
			}
		})
	}
}

func TestNestingAndNumberOfItemsAreCapped(t *testing.T) {
	deep := message("bottom", "t")
	for range 20 {
		deep = forwarded(message("level", "t", deep), "x")
	}
	out := process(t, engine.Defaults{MailboxType: "spearphish"}, deep, engine.PhaseMessage, nil)
	if len(out.Items) != 9 || !hasDefect(out, engine.DefectNesting) {
		t.Errorf("%d items, defects %v; want 9 and a nesting cap", len(out.Items), out.Defects)
	}
	var many []*engine.Message
	for range 500 {
		many = append(many, message("inner", "t"))
	}
	out = process(t, engine.Defaults{MailboxType: "spearphish"}, message("outer", "t", many...), engine.PhaseMessage, nil)
	if len(out.Items) != 200 || !hasDefect(out, engine.DefectItems) {
		t.Errorf("%d items, defects %d; want 200 and one cap", len(out.Items), len(out.Defects))
	}
}

func hasDefect(o *engine.Outcome, code string) bool {
	for _, d := range o.Defects {
		if d.Code == code && d.Cap {
			return true
		}
	}
	return false
}

func indicatorValues(list []*engine.Indicator) []string {
	all := []string{}
	for _, i := range list {
		all = append(all, i.Value)
	}
	return all
}

func TestTrimLosesNothingSilently(t *testing.T) {
	text := "banner ioc-banner end\nreal ioc-real\n-- \nsignature ioc-sign"
	tests := []struct {
		name                string
		trims               []engine.Action
		kept, trimmed, cuts string
	}{
		{"from the start", []engine.Action{engine.Trim{Chars: 22}}, "ioc-real ioc-sign", "ioc-banner", "banner ioc-banner end\n"},
		{"from the end", []engine.Action{engine.Trim{Chars: 8, End: true}}, "ioc-banner ioc-real", "ioc-sign", "ioc-sign"},
		{"after a marker", []engine.Action{engine.Trim{After: regexp.MustCompile(`(?m)^-- $`)}}, "ioc-banner ioc-real", "ioc-sign", "-- \nsignature ioc-sign"},
		{"a marker that is not there", []engine.Action{engine.Trim{After: regexp.MustCompile("no such")}}, "ioc-banner ioc-real ioc-sign", "", ""},
		{"an edge inside an indicator keeps it whole", []engine.Action{engine.Trim{Chars: 10}}, "ioc-banner ioc-real ioc-sign", "", "banner ioc"},
		{"two cuts add up", []engine.Action{engine.Trim{Chars: 10}, engine.Trim{Chars: 12}}, "ioc-real ioc-sign", "ioc-banner", "banner ioc-banner end\n"},
		{"more than there is", []engine.Action{engine.Trim{Chars: 1000}}, "", "ioc-banner ioc-real ioc-sign", text},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := process(t, engine.Defaults{}, message("a", text), engine.PhaseMessage, map[string][]engine.Action{"*": tt.trims})
			it := out.Items[0]
			got := []string{strings.Join(indicatorValues(it.Indicators), " "), strings.Join(indicatorValues(it.Trimmed), " "), it.Cut}
			if diff := cmp.Diff([]string{tt.kept, tt.trimmed, tt.cuts}, got); diff != "" {
				t.Errorf("kept, trimmed, cut (-want +got):\n%s", diff)
			}
			if it.Message.Body.Text+it.Cut != text && !strings.HasPrefix(text, it.Cut+it.Message.Body.Text) {
				t.Errorf("body %q and cut %q do not make the text", it.Message.Body.Text, it.Cut)
			}
		})
	}
}

func TestTrimCountsOnlyWhatAReaderSees(t *testing.T) {
	msg := message("a", "")
	msg.Body.HTML = engine.Page{Raw: "<html>", InnerText: "hidden visible rest", Hidden: []engine.Span{{Start: 0, End: 7}}, DisplayText: "visible rest"}
	out := process(t, engine.Defaults{}, msg, engine.PhaseMessage, map[string][]engine.Action{"*": {engine.Trim{Chars: 8}}})
	if got := out.Items[0].Message.Body.Text; got != "rest" {
		t.Errorf("body text %q, want %q", got, "rest")
	}
}

func TestExtractorsAreChosen(t *testing.T) {
	other := func(c *engine.Config) { c.Extractors = append(c.Extractors, quiet{enginetest.Words{Name: "other"}}) }
	tests := []struct {
		name    string
		actions []engine.Action
		want    []string // extractors of the finding
		defect  bool
	}{
		{"the default ones", nil, []string{"words"}, false},
		{"in addition", []engine.Action{engine.Extract{Use: []string{"other"}}}, []string{"other", "words"}, false},
		{"only wins", []engine.Action{engine.Extract{Use: []string{"words"}}, engine.Extract{Only: []string{"other"}}}, []string{"other"}, false},
		{"unknown", []engine.Action{engine.Extract{Use: []string{"nobody"}}}, []string{"words"}, true},
		{"from nowhere it stands", []engine.Action{engine.Extract{From: []string{"attachments"}}}, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := process(t, engine.Defaults{}, message("a", "ioc-1"), engine.PhaseMessage, map[string][]engine.Action{"*": tt.actions}, other)
			var got []string
			for _, i := range out.Items[0].Indicators {
				got = append(got, i.Extractors...)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" || (len(out.Defects) > 0) != tt.defect {
				t.Errorf("defects %v; extractors (-want +got):\n%s", out.Defects, diff)
			}
		})
	}
}

// quiet is an extractor that runs only when asked for.
type quiet struct{ enginetest.Words }

func (q quiet) Info() engine.ExtractorInfo {
	info := q.Words.Info()
	info.Default = false
	return info
}

func TestDecisionFoldsEachActionByItsRule(t *testing.T) {
	plan := engine.Plan{Steps: []engine.Step{
		{Rule: "late", Priority: 10, Action: engine.Status{Name: "Active"}},
		{Rule: "late", Priority: 10, Action: engine.TLP{Level: "GREEN"}},
		{Rule: "early", Priority: -1, Action: engine.Status{Name: "Review"}},
		{Rule: "early", Priority: -1, Action: engine.TLP{Level: "AMBER"}},
		{Rule: "early", Priority: -1, Action: engine.Score{Points: 10}},
		{Rule: "late", Priority: 10, Action: engine.Score{Points: -3}},
		{Rule: "late", Priority: 10, Action: engine.Tag{Name: "b"}},
		{Rule: "early", Priority: -1, Action: engine.Tag{Name: "a"}},
		{Rule: "early", Priority: -1, Action: engine.Tag{Name: "b"}},
		{Rule: "early", Priority: -1, Action: engine.Hold{For: time.Hour}},
		{Rule: "late", Priority: 10, Action: engine.Hold{For: 2 * time.Hour}},
		{Rule: "late", Priority: 10, Action: engine.Event{Type: "T", Title: "late"}},
		{Rule: "early", Priority: -1, Action: engine.Event{Title: "early"}},
	}}
	got := plan.Decide(engine.Defaults{Status: "Default", Source: "Source", TLP: "CLEAR"})
	want := engine.Decision{
		Status: "Review", Source: "Source", TLP: "AMBER", Score: 7, Tags: []string{"a", "b"}, Hold: 2 * time.Hour,
		Event: engine.Event{Type: "T", Title: "early"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPasswordsAreNeverPrinted(t *testing.T) {
	out := process(t, engine.Defaults{}, message("a", "t"), engine.PhaseMessage, map[string][]engine.Action{"*": {engine.Unlock{Passwords: []engine.Password{engine.LiteralPassword("hunter2")}}}})
	text := strings.Join([]string{sprint("%v", out.Items[0].Decision), sprint("%+v", out.Items[0].Plan), sprint("%#v", out.Items[0].Decision.Passwords), jsonOf(t, out.Items[0].Decision.Passwords)}, "\n")
	if strings.Contains(text, "hunter2") || !strings.Contains(text, "[password]") {
		t.Errorf("printed: %s", text)
	}
}

func sprint(format string, v any) string { return fmt.Sprintf(format, v) }

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestABrokenArchiveIsTheReason wants the defect that the source told, where a
// mail without bytes stands for a container that could not be read.
func TestABrokenArchiveIsTheReason(t *testing.T) {
	msg := message("", "")
	msg.Defects = []engine.Defect{
		{Code: engine.DefectEmpty, Detail: "the message has no bytes"},
		{Code: engine.DefectEntry, Part: "mails.zip", Detail: "zip: not a valid zip file"},
	}
	out := process(t, engine.Defaults{}, msg, engine.PhaseMessage, nil)
	if want := "broken-archive-entry at mails.zip: zip: not a valid zip file"; out.Disposition != engine.Quarantined || out.Reason != want {
		t.Errorf("got %s, %q, want quarantined, %q", out.Disposition, out.Reason, want)
	}
}

// capped is an extractor that found something and then reached its cap.
type capped struct{ enginetest.Words }

func (c capped) Extract(ctx context.Context, in engine.Input) ([]engine.Finding, error) {
	found, _ := c.Words.Extract(ctx, in)
	return found, fmt.Errorf("extract: %w", engine.ErrLimit)
}

// TestAnExtractorAtItsCapHasNotFailed wants what it found, and another defect
// than for one that failed.
func TestAnExtractorAtItsCapHasNotFailed(t *testing.T) {
	out := process(t, engine.Defaults{}, message("s", "ioc-1"), engine.PhaseMessage, nil, func(cfg *engine.Config) {
		cfg.Extractors = []engine.Extractor{capped{}}
	})
	if len(out.Defects) != 1 || out.Defects[0].Code != engine.DefectFindings || len(out.Items[0].Indicators) != 1 {
		t.Errorf("defects %v, %d indicators, want %s and 1", out.Defects, len(out.Items[0].Indicators), engine.DefectFindings)
	}
}

// failing is an extractor that finds nothing and ends with an error.
type failing struct {
	enginetest.Words
	err error
}

func (f failing) Extract(context.Context, engine.Input) ([]engine.Finding, error) { return nil, f.err }

// coded is an error that knows the code of its defect.
type coded struct{ error }

func (coded) DefectCode() string { return "extractor-fuel" }
func (c coded) Unwrap() error    { return c.error }

func TestErrorsOfExtractorsAreDefects(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want engine.Defect
	}{
		{"a failure", errors.New("broken"), engine.Defect{Code: engine.DefectExtractor, Part: "failing", Detail: "broken"}},
		{"a cap, with what was found before it", engine.ErrLimit, engine.Defect{Code: engine.DefectFindings, Part: "failing", Detail: "limit exceeded"}},
		{"of a kind of its own", coded{errors.New("used up")}, engine.Defect{Code: "extractor-fuel", Part: "failing", Detail: "used up"}},
		{"a cap of a kind of its own", coded{engine.ErrLimit}, engine.Defect{Code: "extractor-fuel", Part: "failing", Detail: "limit exceeded", Cap: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			with := func(c *engine.Config) {
				c.Extractors = append(c.Extractors, failing{enginetest.Words{Name: "failing"}, tt.err})
			}
			out := process(t, engine.Defaults{}, message("a", "ioc-1"), engine.PhaseMessage, nil, with)
			if diff := cmp.Diff([]engine.Defect{tt.want}, out.Defects); diff != "" {
				t.Errorf("defects (-want +got):\n%s", diff)
			}
			if len(out.Items[0].Indicators) != 1 {
				t.Errorf("indicators %v, want that of the other extractor", out.Items[0].Indicators)
			}
		})
	}
}

// TestWorkLeftUndoneIsNotCommitted: an extractor that cannot work, through no
// fault of the mail, leaves the mail for the next run.
func TestWorkLeftUndoneIsNotCommitted(t *testing.T) {
	e, err := engine.NewProcessor(engine.Config{
		Parser: enginetest.Parser{}, Rules: enginetest.Rules{},
		Extractors: []engine.Extractor{enginetest.Words{Name: "words"}, failing{enginetest.Words{Name: "failing"}, fmt.Errorf("switched off: %w", engine.ErrTemporary)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := enginetest.Mail("1", "a", "ioc-1")
	if out, err := e.Process(t.Context(), d); !errors.Is(err, engine.ErrTemporary) || out != nil || !strings.Contains(err.Error(), "extractor failing: switched off") {
		t.Errorf("outcome %v, error %v; want no outcome and a temporary error that names the extractor", out, err)
	}
}
