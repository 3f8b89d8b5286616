package rules_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/rules"
)

// load is a set of one file, which must have no mistakes.
func load(t testing.TB, text string) *rules.Set {
	t.Helper()
	set, diags := rules.Load([]rules.File{{Name: "rules.yaml", Data: []byte(text)}}, rules.Options{})
	if len(diags) > 0 {
		t.Fatalf("unexpected diagnostics:\n%s", diags)
	}
	return set
}

func view(m *engine.Message) *engine.View { return &engine.View{Message: m} }

func TestDesignExampleLoads(t *testing.T) {
	set := load(t, `
version: 1
lists:
  partners:  { kind: suffix, values: [cert.example, isac.example] }
macros:  { from_partner: 'sender.email.domain.domain in lists.partners && auth.dmarc.result == "pass"' }
defaults: { mailbox_type: intelligence, status: Review, source: "Phishing Mailbox", tlp: AMBER }
rules:
  - id: pair-by-case
    when: 'any(attachments, .encrypted) || subject.subject matches `+"`CASE-[0-9]+`"+`'
    then:
      - pair:
          subject: '\[(CASE-\d+)\]'
          password_prefix: '(?i)pass(word|code)\s*[:=]\s*'
          window: 72h
          default_password: { secret: default_file_password }
  - id: forwards-are-spearphish
    when: 'forward.is_forward || len(nested) > 0'
    then: [ { treat_as: spearphish }, { attribute: { Reporter: '{{ sender.email.email }}' } } ]
  - id: trim-banner
    when: 'body.plain.raw startsWith "EXTERNAL EMAIL"'
    then: [ { trim: { chars: 180, from: start } } ]
  - id: wallets
    when: 'true'
    then: [ { extract: { use: [wallets] } } ]
  - id: not-our-partners
    keep: '!(indicator.type == "FQDN" && indicator.value in lists.partners)'
  - id: macro-from-stranger
    when: 'any(attachments, .has_macros) && !macros.from_partner'
    then: [ { score: 60 }, { tag: macro }, { status: Active } ]
`)
	m := &engine.Message{Raw: engine.Empty}
	m.Forward.IsForward = true
	m.Sender.Email.Email = "ann@x.example"
	m.Sender.Email.Domain = engine.Domain{Domain: "x.example", RootDomain: "x.example"}
	m.Subject.Subject = "re: [CASE-12]"
	m.Attachments = []*engine.Part{{HasMacros: true}}
	content := set.Evaluate(engine.PhaseContent, view(m))
	got := append(steps(set.Evaluate(engine.PhaseMessage, view(m))), steps(content)...)
	want := []string{
		"pair-by-case pair", "forwards-are-spearphish treat_as", "forwards-are-spearphish attribute", "wallets extract",
		"macro-from-stranger score", "macro-from-stranger tag", "macro-from-stranger status",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(engine.Key{Scope: "domain:x.example", Key: "CASE-12"}, set.Pairings(m)[0].Key); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	verdict := set.Keep(view(m), &engine.Indicator{Type: "FQDN", Value: "www.CERT.example"})
	if diff := cmp.Diff(engine.Verdict{Rule: "not-our-partners"}, verdict); diff != "" {
		t.Errorf("verdict (-want +got):\n%s", diff)
	}
}

// steps names the rule and the action of each step.
func steps(p engine.Plan) []string {
	var out []string
	for _, s := range p.Steps {
		out = append(out, s.Rule+" "+s.Action.Kind())
	}
	return out
}
