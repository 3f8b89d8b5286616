package rules_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/rules"
)

// verdicts writes the results of a plan in a line: rule and result.
func verdicts(p engine.Plan) string {
	var out []string
	for _, r := range p.Results {
		s := r.Rule + " " + r.Result.String()
		if r.Shadow {
			s += " in shadow"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func tags(p engine.Plan) string {
	var out []string
	for _, s := range p.Steps {
		if t, ok := s.Action.(engine.Tag); ok {
			out = append(out, t.Name)
		}
	}
	return strings.Join(out, " ")
}

func TestControl(t *testing.T) {
	const fails = `'int("x") == 1'`
	tests := []struct{ name, rules, verdicts, tags string }{
		{
			"file order", `
  - { id: a, when: 'true', then: [ { tag: a } ] }
  - { id: b, when: 'false', then: [ { tag: b } ] }
  - { id: c, when: 'true', then: [ { tag: c }, { tag: d } ] }`,
			"a match, c match", "a c d",
		},
		{
			"priority, low first, ties by file order", `
  - { id: a, when: 'true', then: [ { tag: a } ] }
  - { id: b, priority: 5, when: 'true', then: [ { tag: b } ] }
  - { id: c, priority: -1, when: 'true', then: [ { tag: c } ] }
  - { id: d, when: 'true', then: [ { tag: d } ] }`,
			"c match, a match, d match, b match", "c a d b",
		},
		{
			"stop phase says what it stopped", `
  - { id: a, when: 'true', stop: phase, then: [ { tag: a } ] }
  - { id: b, when: 'true', then: [ { tag: b } ] }
  - { id: c, mode: shadow, when: 'true', then: [ { tag: c } ] }`,
			"a match, b stopped, c stopped in shadow", "a",
		},
		{
			"a rule that does not match stops nothing", `
  - { id: a, when: 'false', stop: message, then: [ { tag: a } ] }
  - { id: b, when: 'true', then: [ { tag: b } ] }`,
			"b match", "b",
		},
		{
			"shadow is reported and does nothing", `
  - { id: a, mode: shadow, stop: message, when: 'true', then: [ { tag: a } ] }
  - { id: b, mode: shadow, when: 'false', then: [ { tag: b } ] }
  - { id: c, when: 'true', then: [ { tag: c } ] }`,
			"a match in shadow, c match", "c",
		},
		{
			"off is not asked", `
  - { id: a, mode: off, when: 'true', then: [ { tag: a } ] }
  - { id: b, when: 'true', then: [ { tag: b } ] }`,
			"b match", "b",
		},
		{
			"on_error skip", `
  - { id: a, when: ` + fails + `, then: [ { tag: a } ] }
  - { id: b, when: 'true', then: [ { tag: b } ] }`,
			"a error, b match", "b",
		},
		{
			"on_error match", `
  - { id: a, on_error: match, when: ` + fails + `, then: [ { tag: a } ] }
  - { id: b, when: 'true', then: [ { tag: b } ] }`,
			"a error, b match", "a b",
		},
		{
			"on_error match with stop", `
  - { id: a, on_error: match, stop: phase, when: ` + fails + `, then: [ { tag: a } ] }
  - { id: b, when: 'true', then: [ { tag: b } ] }`,
			"a error, b stopped", "a",
		},
		{
			"on_error stop", `
  - { id: a, on_error: stop, when: ` + fails + `, then: [ { tag: a } ] }
  - { id: b, when: 'true', then: [ { tag: b } ] }`,
			"a error, b stopped", "",
		},
		{
			"a template that fails takes the rule with it", `
  - { id: a, when: 'true', then: [ { tag: first }, { tag: '{{ int("x") }}' } ] }
  - { id: b, when: 'true', then: [ { tag: b } ] }`,
			"a error, b match", "b",
		},
		{
			"unless on_error says otherwise", `
  - { id: a, on_error: match, when: 'true', then: [ { tag: first }, { tag: '{{ int("x") }}' } ] }`,
			"a error", "first",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := load(t, "version: 1\nrules:"+tt.rules+"\n").Evaluate(engine.PhaseMessage, view(benchMessage()))
			if diff := cmp.Diff(tt.verdicts, verdicts(p)); diff != "" {
				t.Errorf("verdicts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.tags, tags(p)); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			if p.Stopped {
				t.Error("the message is stopped")
			}
		})
	}
}

func TestStopMessage(t *testing.T) {
	set := load(t, "version: 1\nrules:\n  - { id: a, when: 'true', stop: message, then: [ { tag: a } ] }\n  - { id: b, when: 'true', then: [ { tag: b } ] }\n")
	if p := set.Evaluate(engine.PhaseMessage, view(benchMessage())); !p.Stopped || verdicts(p) != "a match, b stopped" {
		t.Errorf("stopped %v, %s", p.Stopped, verdicts(p))
	}
}

// A rule is asked in the latest phase of what it reads, condition and templates.
func TestPhases(t *testing.T) {
	set := load(t, `
version: 1
rules:
  - { id: message, when: 'len(attachments) > 0', then: [ { tag: a } ] }
  - { id: content, when: 'any(attachments, .pages > 3)', then: [ { tag: a } ] }
  - { id: findings, when: 'score > 3', then: [ { tag: a } ] }
  - { id: by-template, when: 'true', then: [ { tag: '{{ first(attachments).opened_by }}' } ] }
  - { id: both, when: 'any(nested, any(.attachments, .has_macros)) && "x" in tags', then: [ { tag: a } ] }
  - { id: unused-side, when: 'true || score > 3', then: [ { tag: a } ] }
macros: { deep: 'any(nested, any(.attachments, len(.children) > 0))' }
`)
	got := map[string]string{}
	for _, r := range set.Rules() {
		got[r.ID] = r.Phase.String()
	}
	want := map[string]string{"message": "message", "content": "content", "findings": "findings", "by-template": "content", "both": "findings", "unused-side": "findings"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p := set.Evaluate(engine.PhaseContent, view(benchMessage())); verdicts(p) != "by-template match" {
		t.Errorf("content phase: %s", verdicts(p))
	}
}

func TestWhatIsRefusedMayGetAStatusInstead(t *testing.T) {
	set := load(t, `
version: 1
rules:
  - { id: second, priority: 2, keep: 'indicator.type != "FQDN"', otherwise: { status: Second } }
  - { id: first, priority: 1, keep: 'indicator.value != "x.example"', otherwise: { status: First } }
  - { id: shadow, mode: shadow, keep: 'false', otherwise: { status: Shadow } }
  - { id: drops, priority: 3, keep: 'indicator.count < 3' }
`)
	tests := []struct {
		name string
		ind  engine.Indicator
		want engine.Verdict
	}{
		{"none refuses", engine.Indicator{Type: "URL"}, engine.Verdict{Keep: true}},
		{"one does", engine.Indicator{Type: "FQDN", Value: "y.example"}, engine.Verdict{Keep: true, Status: "Second", Rule: "second"}},
		{"the first counts", engine.Indicator{Type: "FQDN", Value: "x.example"}, engine.Verdict{Keep: true, Status: "First", Rule: "first"}},
		{"one that drops counts most", engine.Indicator{Type: "FQDN", Value: "x.example", Count: 3}, engine.Verdict{Rule: "drops"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := set.Keep(view(benchMessage()), &tt.ind); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestKeep(t *testing.T) {
	set := load(t, `
version: 1
lists: { partners: { kind: suffix, values: [cert.example] } }
rules:
  - { id: partners, keep: '!(indicator.type == "FQDN" && indicator.value in lists.partners)' }
  - { id: shadowed, mode: shadow, keep: 'false' }
  - { id: fails, keep: 'int(indicator.value) > 0 || true' }
  - { id: spam, keep: 'indicator.count < 3 || score > 5' }
  - { id: gone, mode: off, keep: 'false' }
`)
	tests := []struct {
		name string
		ind  engine.Indicator
		want string // the rule that dropped it
	}{
		{"kept", engine.Indicator{Type: "FQDN", Value: "x.example"}, ""},
		{"dropped by the first", engine.Indicator{Type: "FQDN", Value: "www.cert.example", Count: 9}, "partners"},
		{"dropped by the last", engine.Indicator{Type: "URL", Value: "https://cert.example", Count: 3}, "spam"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := set.Keep(view(benchMessage()), &tt.ind)
			if got.Rule != tt.want || got.Keep != (tt.want == "") {
				t.Errorf("%+v", got)
			}
			if tt.want != "partners" && (got.Err == nil || !strings.Contains(got.Err.Error(), "not a whole number")) {
				t.Errorf("error %v", got.Err)
			}
		})
	}
	if v := set.Keep(&engine.View{Message: benchMessage(), Score: 9}, &engine.Indicator{Value: "1", Count: 3}); !v.Keep || v.Err != nil {
		t.Errorf("with a score: %+v", v)
	}
}

func TestDefaultsOfSeveralFiles(t *testing.T) {
	a := rules.File{Name: "a.yaml", Data: []byte("version: 1\ndefaults: { mailbox_type: spearphish, tlp: 'tlp:amber', status: Review }\n")}
	b := rules.File{Name: "b.yaml", Data: []byte("version: 1\ndefaults: { status: Review, keep_raw: true, event_type: Phishing, file_type: Malware, source: Box }\n")}
	set, diags := rules.Load([]rules.File{a, b}, rules.Options{})
	if diags != nil {
		t.Fatal(diags)
	}
	want := engine.Defaults{MailboxType: "spearphish", EventType: "Phishing", FileType: "Malware", Status: "Review", Source: "Box", TLP: "AMBER", KeepRaw: true}
	if diff := cmp.Diff(want, set.Defaults()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.Data = []byte("version: 1\ndefaults: { status: Active }\n")
	_, diags = rules.Load([]rules.File{a, b}, rules.Options{})
	wantText := `b.yaml:2:21: default status is "Active" here and "Review" elsewhere
  | defaults: { status: Active }
  | ....................^
  see: a.yaml:2:65: it is set here first`
	if diff := cmp.Diff(wantText, diags.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Files of one set share lists, macros and the names of rules.
func TestSeveralFilesAreOneSet(t *testing.T) {
	a := rules.File{Name: "a.yaml", Data: []byte("version: 1\nrules: [ { id: one, when: 'macros.m && subject.base in lists.l', then: [ { tag: x } ] } ]\n")}
	b := rules.File{Name: "b.yaml", Data: []byte("version: 1\nlists: { l: { values: [x] } }\nmacros: { m: 'len(lists.l) == 1' }\n")}
	if _, diags := rules.Load([]rules.File{a, b}, rules.Options{}); diags != nil {
		t.Fatal(diags)
	}
	c := rules.File{Name: "c.yaml", Data: []byte("version: 1\nlists: { l: { values: [y] } }\nmacros: { m: 'true' }\nrules: [ { id: one, when: 'true', then: [ { tag: x } ] } ]\n")}
	_, diags := rules.Load([]rules.File{a, b, c}, rules.Options{})
	for _, want := range []string{"list l is defined a second time", "macro m is defined a second time", "a second rule with the id one\n  | rules: [ { id: one, when: 'true', then: [ { tag: x } ] } ]\n  | ...............^\n  see: a.yaml:2:16: the first one"} {
		if !strings.Contains(diags.String(), want) {
			t.Errorf("no %q in\n%s", want, diags)
		}
	}
}

func TestMetadata(t *testing.T) {
	set := load(t, `
version: 1
rules:
  - id: a
    name: A rule
    description: says something
    mode: shadow
    priority: 0x10
    severity: high
    owner: ann
    version: 3
    tags: [x, y]
    references: https://example.org
    expires: 2026-05-01
    when: 'sender.email.email == "x" && any(attachments, .size > 1)'
    then: [ { tag: x }, { score: 5 } ]
    stop: phase
    on_error: match
  - { id: b, mode: off, expires: 2020-01-01, keep: 'true' }
`)
	got := *set.Rules()[1]
	if set.Rules()[0].ID != "b" || !set.Rules()[0].Keep {
		t.Errorf("first rule %+v", set.Rules()[0])
	}
	day := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	want := fmt.Sprint("a A rule says something shadow 16 message false high ann 3 [x y] [https://example.org] ", day, " phase match rules.yaml:4:5 [sender.email.email attachments attachments.size]")
	have := fmt.Sprint(got.ID, " ", got.Name, " ", got.Description, " ", got.Mode, " ", got.Priority, " ", got.Phase, " ", got.Keep, " ", got.Severity, " ", got.Owner, " ", got.Version, " ", got.Tags, " ", got.References, " ", got.Expires, " ", got.Stop, " ", got.OnError, " ", got.Pos, " ", got.Paths)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if d := set.Expired(day.Add(23 * time.Hour)); d != nil {
		t.Errorf("expired on its last day:\n%s", d)
	}
	wantText := `rules.yaml:14:14: warning: rule a expired on 2026-05-01
  | expires: 2026-05-01
  | .........^
  hint: set a later day, or mode: off; its owner is ann`
	if diff := cmp.Diff(wantText, set.Expired(day.Add(24*time.Hour)).String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A set may be asked by many at once, and always says the same.
func TestConcurrentEvaluation(t *testing.T) {
	set, diags := rules.Load([]rules.File{{Name: "r.yaml", Data: benchRules(60)}}, rules.Options{})
	if diags != nil {
		t.Fatal(diags)
	}
	m := benchMessage()
	want := verdicts(set.Evaluate(engine.PhaseMessage, view(m)))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				if got := verdicts(set.Evaluate(engine.PhaseMessage, view(m))); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				if _, err := set.Explain(engine.PhaseMessage, view(m), fmt.Sprintf("rule-%d", i), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
