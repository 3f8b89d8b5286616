package rules_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/rules"
)

const explained = `
version: 1
lists: { partners: { kind: suffix, values: [cert.example] } }
macros:
  from_partner: 'sender.email.domain.domain in lists.partners && auth.dmarc.result == "pass"'
rules:
  - id: several
    when: |
      (any(attachments, .size > 10 && .file_extension in ["exe", "js"])
        || len(body.links) > 20) && !macros.from_partner && subject.subject matches "x"
    then: [ { tag: x } ]
  - id: matches
    when: 'let n = len(body.links); all(body.links, any(attachments, .size > 100)) ? n > 3 : (n < 2 || present(sender))'
    then: [ { tag: x } ]
  - id: negated
    when: '!macros.from_partner && !(direction == "inbound")'
    then: [ { tag: x } ]
  - id: of-all
    when: 'all(attachments, .file_extension == "pdf" && .size > 1)'
    then: [ { tag: x } ]
  - id: fails
    when: 'len(attachments) == 2 && any(attachments, int(.file_name) == 1)'
    then: [ { tag: x } ]
  - id: constant
    when: 'false'
    then: [ { tag: x } ]
  - id: keeps
    keep: 'indicator.count < 3 && indicator.type == "URL"'
  - id: later
    when: 'score > 3'
    then: [ { tag: x } ]
  - id: objects
    when: 'find(attachments, .size > 5000).file_name == "x" || len(map(attachments, .size)) > 5 || message.date > date("2030-01-01")'
    then: [ { tag: x } ]
`

func TestExplain(t *testing.T) {
	set := load(t, explained)
	var b strings.Builder
	for _, r := range set.Rules() {
		x, err := set.Explain(engine.PhaseMessage, view(benchMessage()), r.ID, &engine.Indicator{Type: "URL", Count: 5})
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(x.String())
	}
	golden(t, "testdata/explain.want", b.String())
}

// An explanation comes to the result of the evaluation, whatever the condition.
func TestExplainAgreesWithEvaluate(t *testing.T) {
	for _, when := range trueConditions {
		set := condition(t, when)
		v := &engine.View{Message: exampleMessage(), Score: 7, Tags: []string{"x", "y"}, Indicators: []*engine.Indicator{{Type: "URL", Value: "https://x.example", Count: 2}}}
		x, err := set.Explain(set.Rules()[0].Phase, v, "a", nil)
		if err != nil || x.Result != engine.Match || x.Err != nil {
			t.Errorf("%s: %s, %v, %v", when, x.Result, x.Err, err)
			continue
		}
		if x.Root.Start != 0 || x.Root.End != len(set.Rules()[0].Condition) {
			t.Errorf("the root of %s is %d to %d", when, x.Root.Start, x.Root.End)
		}
		if _, err := json.Marshal(x); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
}

// The steps that an explanation counts are those of an evaluation: that many
// are enough, and one less is not.
func TestExplainCountsTheFuelOfEvaluate(t *testing.T) {
	for _, when := range append([]string{`strings.icontains(body.text, macros.word, "zz") || body.text matches macros.pattern`}, trueConditions...) {
		file := strings.Replace(conditionFile(when), "macros:\n", "macros:\n  word: '\"nowhere\"'\n", 1)
		v := &engine.View{Message: exampleMessage(), Score: 7, Tags: []string{"x", "y"}, Indicators: []*engine.Indicator{{Type: "URL", Value: "https://x.example", Count: 2}}}
		run := func(fuel int) (engine.Plan, *rules.Set) {
			set, diags := rules.Load([]rules.File{{Name: "f", Data: []byte(file)}}, rules.Options{Limits: engine.Limits{ConditionOp: fuel}})
			if diags != nil {
				t.Fatal(diags)
			}
			return set.Evaluate(set.Rules()[0].Phase, v), set
		}
		_, set := run(0)
		x, err := set.Explain(set.Rules()[0].Phase, v, "a", nil)
		if err != nil {
			t.Fatal(err)
		}
		if p, _ := run(max(x.Fuel, 1)); len(p.Results) > 0 && p.Results[0].Err != nil {
			t.Errorf("%s: %d steps are too few: %v", when, x.Fuel, p.Results[0].Err)
		}
		if x.Fuel < 2 {
			continue
		}
		if p, _ := run(x.Fuel - 1); len(p.Results) != 1 || !errors.Is(p.Results[0].Err, rules.ErrFuel) {
			t.Errorf("%s: %d steps are enough", when, x.Fuel-1)
		}
	}
}

func TestExplainUnknownRule(t *testing.T) {
	_, err := load(t, explained).Explain(engine.PhaseMessage, view(benchMessage()), "nobody", nil)
	if !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}

// Many elements: the first few and the last, which decided, are kept.
func TestExplainKeepsTheElementsThatMatter(t *testing.T) {
	m := crowded(1000, 10)
	m.Body.Links[700].DisplayText = "the one"
	set := load(t, "version: 1\nrules: [ { id: a, when: 'any(body.links, .display_text == \"the one\")', then: [ { tag: x } ] } ]")
	x, err := set.Explain(engine.PhaseMessage, view(m), "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	var at []int
	for _, e := range x.Root.Elements {
		at = append(at, e.Index)
	}
	if diff := cmp.Diff([]int{0, 1, 2, 700}, at); diff != "" || x.Root.Total != 1000 || x.Root.Asked != 701 {
		t.Errorf("asked %d of %d (-want +got):\n%s", x.Root.Asked, x.Root.Total, diff)
	}
}
