package rules_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/rules"
)

// Whatever a file says, it loads or is refused with a place; what loads
// evaluates and explains itself without a panic, to the same result.
func FuzzLoad(f *testing.F) {
	paths, err := filepath.Glob("testdata/mistakes/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Add(explained)
	f.Add(conditionFile(strings.Join(trueConditions[:3], " && ")))
	f.Fuzz(func(t *testing.T, text string) { loadAndAsk(t, text) })
}

// FuzzCondition does the same for one condition.
func FuzzCondition(f *testing.F) {
	for _, c := range trueConditions {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, when string) { loadAndAsk(t, conditionFile(when)) })
}

func loadAndAsk(t *testing.T, text string) {
	set, diags := rules.Load([]rules.File{{Name: "f", Data: []byte(text)}}, rules.Options{Open: filesystem{}.open, Limits: engine.Limits{ConditionOp: 20_000}})
	_ = diags.String()
	if set == nil {
		if len(diags.Errors()) == 0 {
			t.Error("refused without a word")
		}
		return
	}
	for _, d := range diags {
		if strings.Contains(d.Message, "cannot be compiled") {
			t.Errorf("the checker let through what expr refuses:\n%s", d)
		}
	}
	v := &engine.View{Message: exampleMessage()}
	for _, r := range set.Rules() {
		if r.Mode == rules.Off || r.Keep {
			continue
		}
		x, err := set.Explain(r.Phase, v, r.ID, nil)
		if err != nil {
			t.Fatalf("%s: %v", r.Condition, err)
		}
		_ = x.String()
		for _, got := range set.Evaluate(r.Phase, v).Results {
			if got.Rule == r.ID && got.Result != engine.Stopped && (got.Result == engine.Match) != (x.Result == engine.Match) && got.Result != engine.ResultError {
				t.Errorf("%s is %s, explained as %s %v", r.Condition, got.Result, x.Result, x.Err)
			}
		}
	}
}
