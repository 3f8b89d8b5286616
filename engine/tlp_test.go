package engine_test

import (
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
)

func TestMarkingsAreRead(t *testing.T) {
	for _, tc := range []struct{ name, subject, text, want string }{
		{"none", "Report", "Nothing of it. The traffic light is red.", ""},
		{"as the standard has it", "[TLP:AMBER] Report", "", "AMBER"},
		{"strict", "TLP:AMBER+STRICT Report", "", "AMBER+STRICT"},
		{"strict with a space", "", "TLP: Amber Strict\n", "AMBER+STRICT"},
		{"strict with a dash", "", "tlp-amber-strict", "AMBER+STRICT"},
		{"of version 1", "TLP:WHITE", "", "CLEAR"},
		{"with a blank", "", "TLP GREEN", "GREEN"},
		{"in lower case", "", "This is tlp:red, keep it.", "RED"},
		{"in bold", "", "**TLP:** **GREEN**", "GREEN"},
		{"with a line break", "", "TLP:\r\nCLEAR", "CLEAR"},
		{"equals", "", "TLP = AMBER", "AMBER"},
		{"underscore", "", "tlp_amber", "AMBER"},
		{"written out", "", "Traffic Light Protocol: Red", "RED"},
		{"in quotes", "", `TLP "AMBER"`, "AMBER"},
		{"the subject counts first", "TLP:CLEAR", "TLP:RED", "CLEAR"},
		{"the most restrictive of two", "", "Summary TLP:GREEN. Annex TLP:AMBER.", "AMBER"},
		{"the first before an explanation", "", "TLP:GREEN\n\nTLP:RED is for named recipients, TLP:AMBER for organisations, TLP:GREEN for the community, TLP:CLEAR for all.", "GREEN"},
		{"another word", "", "TLP:REDUCED, TLPRED, XTLP:RED, TLP redacted", ""},
		{"a version", "", "according to TLP 2.0 red is strict", ""},
		{"far away", "", "TLP ---------------- RED", ""},
		{"amber that is not strict", "", "TLP:AMBER strictly speaking", "AMBER"},
		{"another script before it", "", "éTLP:RED", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := engine.ReadTLP(tc.subject, tc.text); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestAMarkingOnlyTightens: who sends a mail chooses what it says of itself, so that
// it may make the default stricter, and never laxer.
func TestAMarkingOnlyTightens(t *testing.T) {
	for _, tc := range []struct{ name, says, byDefault, byRule, want string }{
		{"stricter than the default", "RED", "AMBER", "", "RED"},
		{"laxer than the default", "CLEAR", "AMBER", "", "AMBER"},
		{"no default", "GREEN", "", "", "GREEN"},
		{"a rule that is stricter", "GREEN", "", "RED", "RED"},
		{"a rule that is laxer", "AMBER", "RED", "CLEAR", "AMBER"},
		{"a rule, and no marking", "", "RED", "CLEAR", "CLEAR"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			msg := message("report", "text")
			msg.Meta.TLP = tc.says
			actions := map[string][]engine.Action{}
			if tc.byRule != "" {
				actions["*"] = []engine.Action{engine.TLP{Level: tc.byRule}}
			}
			out := process(t, engine.Defaults{TLP: tc.byDefault}, msg, engine.PhaseContent, actions)
			if got := out.Batches[0].Events[0].TLP; got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestAMarkingHoldsForWhatACarrierBrings: a mail inside a marked one is marked.
func TestAMarkingHoldsForWhatACarrierBrings(t *testing.T) {
	inner := message("inner", "text")
	inner.Meta.TLP = "GREEN"
	outer := message("outer", "see below", inner)
	outer.Meta.TLP = "RED"
	out := process(t, engine.Defaults{}, outer, engine.PhaseMessage, map[string][]engine.Action{"outer": {engine.TreatAs{As: engine.Spearphish}}})
	if got := out.Batches[0].Events[0].TLP; got != "RED" {
		t.Errorf("got %q", got)
	}
	quoted := forwarded(message("outer", "see below"), "[TLP:AMBER] original")
	out = process(t, engine.Defaults{}, quoted, engine.PhaseMessage, map[string][]engine.Action{"outer": {engine.TreatAs{As: engine.Spearphish}}})
	if got := out.Batches[0].Events[0].TLP; got != "AMBER" {
		t.Errorf("an inline original: got %q", got)
	}
}

func FuzzReadTLP(f *testing.F) {
	f.Add("[TLP:AMBER+STRICT]", "Traffic Light Protocol: white")
	f.Fuzz(func(t *testing.T, subject, text string) {
		level := engine.ReadTLP(subject, text)
		if level != "" && engine.MostRestrictive("", level) != level || level != "" && !strings.Contains(strings.ToLower(subject+text), "t") {
			t.Errorf("got %q", level)
		}
	})
}
