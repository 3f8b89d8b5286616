package rules_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/rules"
)

// Where expr by itself would fail or say nothing on absent facts, conditions
// here have one of the two answers.
func TestNothingIsEverNil(t *testing.T) {
	empty := &engine.View{Message: &engine.Message{}}
	for _, when := range []string{
		`!(sender.email.email == "x")`,
		`!(forward.original.sender.display_name == "x") && true`,
		`not forward.is_forward`,
		`attachments[3].file_name == ""`,
		`nested[0].body.links[0].href_url.domain.tld == ""`,
		`lower(headers.reply_to[0].email.email) == ""`,
		`find(attachments, .encrypted).file_name == ""`,
		`first(body.links).href_url.url == "" && last(headers.hops).ip == ""`,
		`attachments[0].metadata["x"] == ""`,
		`len(first(body.links).href_url.query_params_decoded["x"]) == 0`,
		`body.text[5:9] == ""`,
		`sum(attachments, .size) == 0 && len(nested) == 0`,
		`all(attachments, .encrypted) && none(attachments, true) && !any(attachments, true)`,
		`!present(sender) && coalesce(subject.subject, "none") == "none"`,
		`present(forward) == false && forward.is_forward == false`,
		`headers.date == "" && !present(message.date)`,
	} {
		set := condition(t, when)
		p := set.Evaluate(set.Rules()[0].Phase, empty)
		if len(p.Results) != 1 || p.Results[0].Result != engine.Match {
			t.Errorf("%s: %+v", when, p.Results)
		}
	}
	if p := condition(t, "true").Evaluate(engine.PhaseMessage, &engine.View{}); len(p.Results) != 1 {
		t.Error("a view without a message")
	}
}

// A condition that fails is its own outcome, with the place of what failed.
func TestFailingConditionsSayWhere(t *testing.T) {
	tests := []struct{ name, when, want string }{
		{"not a number", `int(subject.subject) > 1`, "rules.yaml:15:5: not a whole number"},
		{"behind other things", `len(attachments) == 2 &&
  float(sender.display_name) > 1`, "rules.yaml:16:7: not a number"},
		{"too large a number", `int(1e300) > 1`, "rules.yaml:15:5: not a whole number"},
		{"no number", `round(0 / 0.0) == 1`, "rules.yaml:15:5: not a whole number"},
		{"remainder", `7 % len(nested) == 1`, "rules.yaml:15:7: the remainder of a division by zero"},
		{"too long a list", `len(1..9000000) == 3`, "rules.yaml:15:10: the condition makes too long a list"},
		{"in a predicate", `any(attachments, int(.file_name) == 1)`, "rules.yaml:15:22: not a whole number"},
		{"in a macro", `macros.fails`, `rules.yaml:8:19: not a whole number (in macro fails, used by the rule at rules.yaml:14:3)`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			when := tt.when
			got := outcomeOfFile(t, strings.Replace(conditionFile(when), "macros:\n", "macros:\n  fails: 'true && int(\"x\") == 1'\n", 1))
			if tt.name != "in a macro" { // one line more
				got = outcomeOfFile(t, conditionFile(when))
			}
			if got.Result != engine.ResultError || got.Err == nil {
				t.Fatalf("result %s, error %v", got.Result, got.Err)
			}
			if diff := cmp.Diff(tt.want, got.Err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var ce *rules.ConditionError
			if !errors.As(got.Err, &ce) || ce.Pos.Line == 0 {
				t.Errorf("no place in %#v", got.Err)
			}
		})
	}
}

// What expr would evaluate lazily, it still does: the right side of && and ||
// is asked only when it matters.
func TestShortCircuitKeepsTheRightSideFromFailing(t *testing.T) {
	for _, when := range []string{`len(nested) == 5 && int("x") == 1 || true`, `true || int("x") == 1`, `!(false && int("x") == 1)`} {
		if got := outcome(t, when); got.Result != engine.Match {
			t.Errorf("%s: %s %v", when, got.Result, got.Err)
		}
	}
}

// crowded is a message with n links and a body of size bytes.
func crowded(n, size int) *engine.Message {
	m := benchMessage()
	m.Body.Links = nil
	for range n {
		m.Body.Links = append(m.Body.Links, &engine.Link{DisplayText: "x"})
	}
	m.Body.Text = strings.Repeat("ab ", size/3)
	m.Body.Plain.Raw = strings.Clone(m.Body.Text)
	return m
}

// Hostile conditions end by fuel, and always at the same step.
func TestFuelEndsHostileConditions(t *testing.T) {
	m := crowded(5000, 8<<20)
	for name, when := range map[string]string{
		"nested any":        `any(body.links, any(body.links, any(body.links, .display_text == "y")))`,
		"long texts":        `any(body.links, body.text contains "zz")`,
		"long comparisons":  `all(body.links, body.text == body.plain.raw)`,
		"long order":        `all(body.links, body.text <= body.plain.raw)`,
		"patterns":          `all(body.links, !(body.text matches "z+$"))`,
		"folded search":     `any(body.links, strings.icontains(body.text, "zz"))`,
		"growing text":      `len(join(map(body.links, body.text))) == 1`,
		"growing by plus":   `any(body.links, len(body.text + body.text) == 1)`,
		"growing replace":   `len(replace(body.text, "a", body.text)) == 1`,
		"many pieces":       `any(1..20, len(split(body.text, "")) == 3)`,
		"distances":         `strings.levenshtein(body.text, body.plain.raw) == 1`,
		"trim by many":      `any(body.links, trim(body.text, body.plain.raw) == "x")`,
		"long list":         `any(body.links, "y" in map(body.links, .display_text))`,
		"html":              `any(body.links, len(html.xpath(body.text, "//a")) == 1)`,
		"base64":            `any(body.links, len(strings.scan_base64(body.text)) == 1)`,
		"digests":           `any(body.links, hash.sha256(body.text) == "x")`,
		"counting":          `any(body.links, strings.count(body.text, "a") == 1)`,
		"extracting":        `any(body.links, len(regex.extract(body.text, "a")) == 1)`,
		"lower":             `any(body.links, lower(body.text) == "x")`,
		"sorting":           `any(body.links, len(sort(map(body.links, .display_text))) == 1)`,
		"flattening":        `let l = map(body.links, [.display_text]); any(body.links, len(flatten(l)) == 1)`,
		"slices":            `any(body.links, body.text[1:] == "x")`,
		"lists by position": `all(body.links, all(body.links, body.links[1].display_text == "x" || true))`,
	} {
		t.Run(name, func(t *testing.T) {
			set := condition(t, when)
			p := set.Evaluate(engine.PhaseMessage, view(m))
			if len(p.Results) != 1 || !errors.Is(p.Results[0].Err, rules.ErrFuel) {
				t.Fatalf("not stopped by fuel: %+v", p.Results)
			}
			if want := "out of fuel: the condition needs more than 2000000 steps"; !strings.Contains(p.Results[0].Err.Error(), want) {
				t.Errorf("error is %q", p.Results[0].Err)
			}
		})
	}
}

// The fuel that a condition needs is a property of the condition and the mail:
// with exactly that much it ends, with one step less it does not.
func TestFuelIsExact(t *testing.T) {
	m := crowded(50, 3000)
	const when = `any(body.links, strings.icontains(body.text, "zz") || .display_text == "y") || body.text matches "q"`
	file := []rules.File{{Name: "f", Data: []byte("version: 1\nrules: [ { id: a, when: '" + when + "', then: [ { tag: x } ] } ]")}}
	need := 0
	for fuel := 1; fuel < 10_000 && need == 0; fuel++ {
		set, diags := rules.Load(file, rules.Options{Limits: engine.Limits{ConditionOp: fuel}})
		if diags != nil {
			t.Fatal(diags)
		}
		if len(set.Evaluate(engine.PhaseMessage, view(m)).Results) == 0 {
			need = fuel
		}
	}
	// 51 for the list, 50 times 1 + 3000/64 for the text, 1 + 3000/16 for the pattern.
	if want := 51 + 50*(1+46) + 1 + 187; need != want {
		t.Errorf("the condition needs %d steps, want %d", need, want)
	}
	set, _ := rules.Load(file, rules.Options{Limits: engine.Limits{ConditionOp: need}})
	x, err := set.Explain(engine.PhaseMessage, view(m), "a", nil)
	if err != nil || x.Fuel != need {
		t.Errorf("explained with %d steps, error %v, want %d", x.Fuel, err, need)
	}
}

// Long as it may be, what an author writes cannot exhaust the stack of the reader.
func TestHostileSourceTextIsRefused(t *testing.T) {
	for name, when := range map[string]string{
		"brackets":    strings.Repeat("(", 30000) + "true" + strings.Repeat(")", 30000),
		"open":        strings.Repeat("(", 32000),
		"not":         strings.Repeat("!", 32000) + "true",
		"too long":    strings.Repeat("true && ", 5000) + "true",
		"nested any":  strings.Repeat("any(attachments, ", 1500) + "true" + strings.Repeat(")", 1500),
		"fields":      "sender" + strings.Repeat(".email", 5000),
		"minus":       strings.Repeat("-", 32000) + "1",
		"arrays":      strings.Repeat("[", 16000) + strings.Repeat("]", 16000),
		"conditional": strings.Repeat("true ? ", 4000),
	} {
		t.Run(name, func(t *testing.T) {
			set, diags := rules.Load([]rules.File{{Name: "f", Data: []byte("version: 1\nrules: [ { id: a, when: '" + when + "', then: [ { tag: x } ] } ]")}}, rules.Options{})
			if set != nil { // legal after all: then it must also evaluate
				set.Evaluate(set.Rules()[0].Phase, view(benchMessage()))
				return
			}
			if len(diags) == 0 || len(diags) > 5 {
				t.Errorf("%d diagnostics", len(diags))
			}
		})
	}
}

// Macros that use each other twice each are refused before they fill the memory.
func TestMacroExpansionIsBounded(t *testing.T) {
	text := "version: 1\nmacros:\n  m00: 'len(attachments) > 1'\n"
	for i := 1; i < 30; i++ {
		prev, this := two(i-1), two(i)
		text += "  m" + this + ": 'macros.m" + prev + " || macros.m" + prev + "'\n"
	}
	_, diags := rules.Load([]rules.File{{Name: "f", Data: []byte(text)}}, rules.Options{})
	if !strings.Contains(diags.String(), "too large with its macros expanded") {
		t.Errorf("diagnostics:\n%s", diags)
	}
}

func two(i int) string { return string(rune('0'+i/10)) + string(rune('0'+i%10)) }
