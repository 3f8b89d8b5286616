package rules_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/rules"
)

// samePatterns compares regular expressions by their text, passwords by what they reveal.
var samePatterns = cmp.Options{
	cmp.Comparer(func(a, b *regexp.Regexp) bool {
		return (a == nil) == (b == nil) && (a == nil || a.String() == b.String())
	}),
	cmp.Comparer(func(a, b engine.Password) bool {
		x, _ := a.Reveal(nil)
		y, _ := b.Reveal(nil)
		return x == y && a.Secret == b.Secret
	}),
}

// what asks for the actions of one entry of `then` on the example mail.
func what(t testing.TB, action string) []engine.Action {
	t.Helper()
	set := load(t, "version: 1\nrules:\n- id: a\n  when: 'true'\n  then:\n  - "+action+"\n")
	v := &engine.View{Message: exampleMessage(), Score: 7, Tags: []string{"x", "y"}}
	var out []engine.Action
	p := set.Evaluate(set.Rules()[0].Phase, v)
	if len(p.Results) != 1 || p.Results[0].Result != engine.Match {
		t.Errorf("%s: %s %v", action, verdicts(p), p.Results[0].Err)
	}
	for _, s := range p.Steps {
		out = append(out, s.Action)
	}
	return out
}

func TestActions(t *testing.T) {
	tests := []struct {
		name, yaml string
		want       []engine.Action
	}{
		{"treat_as", "treat_as: skip", []engine.Action{engine.TreatAs{As: engine.Skip}}},
		{"trim by number", "trim: 180", []engine.Action{engine.Trim{Chars: 180}}},
		{"trim from the end", "trim: { chars: 3, from: end }", []engine.Action{engine.Trim{Chars: 3, End: true}}},
		{"trim from a marker", `trim: { after: '^-- $' }`, []engine.Action{engine.Trim{After: regexp.MustCompile(`^-- $`)}}},
		{"unlock", "unlock: { passwords: [infected, 123], secrets: zip }", []engine.Action{engine.Unlock{Passwords: []engine.Password{engine.LiteralPassword("infected"), engine.LiteralPassword("123"), {Secret: "zip"}}}}},
		{"unwrap one", "unwrap: forward", []engine.Action{engine.Unwrap{Kinds: []string{"forward"}}}},
		{"unwrap several", "unwrap: [nested, archive]", []engine.Action{engine.Unwrap{Kinds: []string{"nested", "archive"}}}},
		{"unwrap none", "unwrap: none", []engine.Action{engine.Unwrap{}}},
		{"split", "split: headings", []engine.Action{engine.Split{}}},
		{"split at lines", "split: { at: '^# (.+)', until: '^--$', rest: skip }", []engine.Action{engine.Split{At: regexp.MustCompile(`^# (.+)`), Until: regexp.MustCompile(`^--$`), SkipRest: true}}},
		{"split at headings, up to a line", "split: { at: headings, until: bye, rest: ship }", []engine.Action{engine.Split{Until: regexp.MustCompile(`bye`)}}},
		{"extract", "extract: { use: [wallets], only: x, from: [body, headers], config: { depth: 3, on: true, names: [a, 1.5], none: null } }", []engine.Action{engine.Extract{
			Use: []string{"wallets"}, Only: []string{"x"}, From: []string{"body", "headers"},
			Config: map[string]any{"depth": int64(3), "on": true, "names": []any{"a", 1.5}, "none": nil},
		}}},
		{"event", "event: { type: Phish, title: 'From {{ sender.display_name }}: {{ len(attachments) }}', happened_at: '{{ message.date }}' }", []engine.Action{engine.Event{Type: "Phish", Title: "From Ann: 2", HappenedAt: time.Date(2026, 5, 1, 10, 30, 0, 0, time.UTC)}}},
		{"event at a date", "event: { happened_at: 2024-05-31T14:00:00+02:00 }", []engine.Action{engine.Event{HappenedAt: time.Date(2024, 5, 31, 12, 0, 0, 0, time.UTC)}}},
		{"attributes", "attribute: { A: x, B: '{{ score }}', C: { value: '{{ tags }}', on: indicators } }", []engine.Action{
			engine.Attribute{Name: "A", Values: []string{"x"}, On: "event"},
			engine.Attribute{Name: "B", Values: []string{"7"}, On: "event"},
			engine.Attribute{Name: "C", Values: []string{"x", "y"}, On: "indicators"},
		}},
		{"a list gives several attribute values", "attribute: { IP: '{{ distinct(body.ips) }}' }", []engine.Action{engine.Attribute{Name: "IP", Values: []string{"192.0.2.1", "10.1.2.3"}, On: "event"}}},
		{"each once", "attribute: { IP: ['{{ body.ips }}', 10.1.2.3, x] }", []engine.Action{engine.Attribute{Name: "IP", Values: []string{"192.0.2.1", "10.1.2.3", "x"}, On: "event"}}},
		{"an empty one gives none", "attribute: { A: '{{ headers.mailer }}', B: '{{ headers.ips }}', C: '{{ map(attachments, .file_name) }}' }", []engine.Action{engine.Attribute{Name: "C", Values: []string{"a.pdf"}, On: "event"}}},
		{"tag", "tag: phish", []engine.Action{engine.Tag{Name: "phish"}}},
		{"tags", "tag: [a, '{{ tags }}', 3, '{{ headers.mailer }}']", []engine.Action{engine.Tag{Name: "a"}, engine.Tag{Name: "x"}, engine.Tag{Name: "y"}, engine.Tag{Name: "3"}}},
		{"relate", "relate: { campaign: [a, b], malware: '{{ upper(\"emotet\") }}' }", []engine.Action{engine.Relate{Type: "malware", Name: "EMOTET"}, engine.Relate{Type: "campaign", Name: "a"}, engine.Relate{Type: "campaign", Name: "b"}}},
		{"status", "status: Active", []engine.Action{engine.Status{Name: "Active"}}},
		{"source", "source: '{{ sender.email.domain.root_domain }}'", []engine.Action{engine.SourceName{Name: "shop.example"}}},
		{"tlp", "tlp: tlp:amber+strict", []engine.Action{engine.TLP{Level: "AMBER+STRICT"}}},
		{"tlp by its old name", "tlp: White", []engine.Action{engine.TLP{Level: "CLEAR"}}},
		{"tlp from the mail", "tlp: '{{ \"green\" }}'", []engine.Action{engine.TLP{Level: "GREEN"}}},
		{"score", "score: -5", []engine.Action{engine.Score{Points: -5}}},
		{"ship none", "ship: none", []engine.Action{engine.Ship{None: true}}},
		{"ship somewhere", "ship: { sinks: [threatq] }", []engine.Action{engine.Ship{Sinks: []string{"threatq"}}}},
		{"route", "route: { seen: true, move_to: Done, flag: '$Phish' }", []engine.Action{engine.Route{Seen: true, MoveTo: "Done", Flag: "$Phish"}}},
		{"parse", "parse: server", []engine.Action{engine.Parse{Server: true}}},
		{"hold", "hold: { for: 1d }", []engine.Action{engine.Hold{For: 24 * time.Hour}}},
		{"pair", `pair: { subject: 'PARCEL', password_prefix: 'pw: ', window: 2h, default_password: [x, { secret: s }], scope: mailbox, take: '\S+' }`, []engine.Action{engine.Pair{
			Key: engine.Key{Scope: "mailbox:", Key: "PARCEL"}, Prefix: regexp.MustCompile("(?i)pw: "), Window: 2 * time.Hour, Take: regexp.MustCompile(`\S+`),
			Default: []engine.Password{engine.LiteralPassword("x"), {Secret: "s"}},
		}}},
		{"several in one mapping", "{ tag: a, score: 1 }", []engine.Action{engine.Tag{Name: "a"}, engine.Score{Points: 1}}},
	}
	var tried []string
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, what(t, tt.yaml), samePatterns); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
		tried = append(tried, strings.SplitN(tt.yaml, ":", 2)[0])
	}
	for _, a := range rules.Actions() {
		if !slices.Contains(tried, a.Name) {
			t.Errorf("%s is not tried", a.Name)
		}
		load(t, "version: 1\nrules: [ { id: a, when: 'true', then: [ { "+a.Example+" } ] } ]\n")
	}
}

func TestTLPFromTheMailIsChecked(t *testing.T) {
	set := load(t, "version: 1\nrules: [ { id: a, when: 'true', then: [ { tlp: '{{ subject.base }}' } ] } ]\n")
	p := set.Evaluate(engine.PhaseMessage, view(benchMessage()))
	if len(p.Steps) != 0 || p.Results[0].Err == nil || !strings.Contains(p.Results[0].Err.Error(), `rules.yaml:2:43: tlp is "Your parcel is waiting for you at the po", which is no level of the Traffic Light Protocol`) {
		t.Errorf("%+v", p)
	}
}

func TestTemplates(t *testing.T) {
	tests := []struct{ name, template, want string }{
		{"plain", "x", "x"},
		{"one", "{{ sender.display_name }}", "Ann"},
		{"between", "a {{ 1 + 1 }} b {{ \"c\" }}d", "a 2 b cd"},
		{"tight", "{{1}}{{2}}", "12"},
		{"braces in a text", `{{ "}}" }} and {{ "{{" }}`, "}} and {{"},
		{"braces of a predicate", `{{ len(filter(attachments, {.size > 1})) }}`, "2"},
		{"never read twice", `{{ "{{ sender.display_name }}" }}`, "{{ sender.display_name }}"},
		{"values of all kinds", "{{ 1.5 }} {{ true }} {{ message.date }} {{ duration(\"36h\") }}", "1.5 true 2026-05-01T10:30:00Z 36h0m0s"},
		{"choice", `{{ len(attachments) > 1 ? "many" : "few" }}`, "many"},
		{"join", `{{ join(tags, ", ") }}!`, "x, y!"},
		{"single brace", "{ x } }}", "{ x } }}"},
		{"quotes outside", `it's {{ 1 }} o'clock`, "it's 1 o'clock"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := what(t, "status: '"+strings.ReplaceAll(tt.template, "'", "''")+"'")
			if diff := cmp.Diff([]engine.Action{engine.Status{Name: tt.want}}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What a mail says cannot become a template, and cannot become large.
func TestTemplatesTakeTheMailAsData(t *testing.T) {
	set := load(t, "version: 1\nrules: [ { id: a, when: 'true', then: [ { tag: 'S {{ subject.subject }}' }, { tag: '{{ body.text }}' } ] } ]\n")
	m := benchMessage()
	m.Subject.Subject = `{{ header("X") }}`
	m.Body.Text = strings.Repeat("ж", 1<<20)
	p := set.Evaluate(engine.PhaseMessage, view(m))
	if got := p.Steps[0].Action.(engine.Tag).Name; got != `S {{ header("X") }}` {
		t.Errorf("tag %q", got)
	}
	if got := p.Steps[1].Action.(engine.Tag).Name; len(got) != 64<<10 {
		t.Errorf("a tag of %d bytes", len(got))
	}
}

func TestPairings(t *testing.T) {
	const file = `
version: 1
rules:
  - { id: first-group, when: 'true', then: [ { pair: { subject: '\[(CASE-\d+)\]' } } ] }
  - { id: whole, when: 'false', then: [ { pair: { subject: 'REF \d+', scope: mailbox } } ] }
  - { id: literal, when: 'true', then: [ { pair: { subject: 'Invoice', scope: thread } } ] }
  - { id: same-again, when: 'true', then: [ { pair: { subject: 'case-\d+', scope: domain } }, { pair: { subject: '(CASE-\d+)' } } ] }
  - { id: no-subject, when: 'true', then: [ { pair: { window: 1h } } ] }
  - { id: shadowed, mode: shadow, when: 'true', then: [ { pair: { subject: 'Re' } } ] }
`
	set := load(t, file)
	m := &engine.Message{}
	m.Subject.Subject = "Re: [CASE-12] REF 99 invoice"
	m.Sender.Email.Domain = engine.Domain{Domain: "mail.x.example", RootDomain: "x.example"}
	m.Meta.Account = "box"
	m.Headers = engine.Headers{MessageID: "m", InReplyTo: "i", References: []string{"r1", "r2"}}
	keysOf := func() (all []engine.Key) {
		for _, p := range set.Pairings(m) {
			all = append(all, p.Key)
		}
		return all
	}
	want := []engine.Key{
		{Scope: "domain:x.example", Key: "CASE-12"},
		{Scope: "mailbox:box", Key: "REF 99"},
		{Scope: "thread:r1", Key: "INVOICE"},
		{},
		{Scope: "domain:x.example", Key: "CASE-12"},
		{},
	}
	if diff := cmp.Diff(want, keysOf()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	m.Headers.References = nil
	if got := keysOf()[2].Scope; got != "thread:i" {
		t.Errorf("scope %s", got)
	}
	m.Headers.InReplyTo = ""
	if got := keysOf()[2].Scope; got != "thread:m" {
		t.Errorf("scope %s", got)
	}
	m.Sender.Email.Domain = engine.Domain{Domain: "192.0.2.1"}
	if got := keysOf()[0].Scope; got != "domain:192.0.2.1" {
		t.Errorf("scope %s", got)
	}
	m.Sender.Email.Domain, m.Headers.MessageID = engine.Domain{}, ""
	if got := keysOf(); got[0] != (engine.Key{}) || got[2] != (engine.Key{}) {
		t.Errorf("mails without a sender or an id have keys in common: %v", got)
	}
	m.Sender.Email.Domain, m.Headers.MessageID = engine.Domain{Domain: "192.0.2.1"}, "m"
	keys := map[string]string{}
	for _, s := range set.Evaluate(engine.PhaseMessage, view(m)).Steps {
		keys[s.Rule] += s.Action.(engine.Pair).Key.Key + ";"
	}
	if diff := cmp.Diff(map[string]string{"first-group": "CASE-12;", "literal": "INVOICE;", "same-again": ";CASE-12;", "no-subject": ";"}, keys); diff != "" {
		t.Errorf("keys of the plan (-want +got):\n%s", diff)
	}
}

// The words before a password in many languages, and words that only look so.
func TestDefaultPasswordPrefix(t *testing.T) {
	p := what(t, "pair: { subject: x }")[0].(engine.Pair)
	for text, want := range map[string]string{
		"The password is: hunter2": "hunter2", "Password:hunter2": "hunter2", "PASSCODE = 12": "12", "pw: x1": "x1", "PIN 1234": "1234", "the pwd x": "x",
		"Senha de acesso ao PDF: 123": "123", "Contraseña: abc": "abc", "CONTRASEÑA abc": "abc", "La clave es abc": "abc", "mot de passe : abc": "abc",
		"Kennwort: abc": "abc", "Das Passwort ist abc": "abc", "codice: abc": "abc", "пароль: abc": "abc", "密码：abc": "abc", "パスワード: abc": "abc", "비밀번호: abc": "abc",
	} {
		loc := engine.DefaultPrefix.FindStringIndex(text)
		if loc == nil {
			t.Errorf("nothing in %q", text)
			continue
		}
		if got := text[loc[1]:]; got != want {
			t.Errorf("%q: left %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"spinning wheels", "compass north", "clavecin", "the opwd"} {
		if loc := engine.DefaultPrefix.FindString(text); loc != "" {
			t.Errorf("%q in %q", loc, text)
		}
	}
	if p.Window != 72*time.Hour || p.Prefix != nil || p.Default != nil || p.Take != nil {
		t.Errorf("defaults %+v", p)
	}
}
