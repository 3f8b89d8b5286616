package rules_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/rules"
)

// conditions of the kinds that rule files are full of; %d makes them differ.
var benchConditions = []string{
	`sender.email.domain.root_domain == "bad%d.example" && auth.dmarc.result != "pass"`,
	`any(attachments, .file_extension in ["exe", "js", "vbs"] && .size > %d)`,
	`subject.subject matches "(?i)invoice +%d"`,
	`strings.icontains(subject.base, "urgent %d", "verify", "suspended")`,
	`any(body.links, .href_url.domain.root_domain != sender.email.domain.root_domain && .display_text == "click %d")`,
	`sender.email.domain.domain in lists.partners || headers.mailer == "mailer %d"`,
	`forward.is_forward && len(body.links) > %d`,
	`len(recipients.to) > %d and direction == "inbound"`,
	`strings.istarts_with(body.text, "external %d") && present(headers.reply_to)`,
	`regex.icontains(subject.subject, "case-%d\\b")`,
}

func benchRules(n int) []byte {
	var b strings.Builder
	b.WriteString("version: 1\nlists: { partners: { kind: suffix, values: [cert.example, isac.example] } }\nrules:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - id: rule-%d\n    when: '%s'\n    then: [ { tag: t%d }, { score: 5 } ]\n", i, fmt.Sprintf(benchConditions[i%len(benchConditions)], i), i)
	}
	return []byte(b.String())
}

// benchMessage is a mail of ordinary size.
func benchMessage() *engine.Message {
	m := &engine.Message{Direction: "inbound", Raw: engine.Empty}
	m.Sender = engine.Address{DisplayName: "Ann", Email: engine.Email{Email: "ann@mail.shop.example", LocalPart: "ann", Domain: engine.Domain{Domain: "mail.shop.example", RootDomain: "shop.example"}}}
	m.Recipients.To = []engine.Address{{}, {}}
	m.Subject = engine.Subject{Subject: "Your parcel is waiting for you at the post office", Base: "Your parcel is waiting for you at the post office"}
	m.Auth.DMARC.Result = "fail"
	m.Meta.Received = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	m.Body.Text = strings.Repeat("Dear customer, your parcel could not be delivered. ", 60)
	for i := range 12 {
		l := &engine.Link{DisplayText: "track"}
		l.HrefURL.Domain.RootDomain = fmt.Sprintf("l%d.example", i)
		m.Body.Links = append(m.Body.Links, l)
	}
	m.Attachments = []*engine.Part{{FileName: "a.pdf", FileExtension: "pdf", Size: 1000}, {FileName: "b.png", FileExtension: "png", Size: 10}}
	return m
}

func BenchmarkLoad1000(b *testing.B) {
	data := benchRules(1000)
	for b.Loop() {
		if _, diags := rules.Load([]rules.File{{Name: "r.yaml", Data: data}}, rules.Options{}); len(diags) > 0 {
			b.Fatal(diags)
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		set, diags := rules.Load([]rules.File{{Name: "r.yaml", Data: benchRules(n)}}, rules.Options{})
		if len(diags) > 0 {
			b.Fatal(diags)
		}
		v := view(benchMessage())
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				set.Evaluate(engine.PhaseMessage, v)
			}
		})
	}
}

func BenchmarkCondition(b *testing.B) {
	for i, c := range benchConditions {
		text := fmt.Sprintf("version: 1\nlists: { partners: { kind: suffix, values: [cert.example, isac.example] } }\nrules:\n  - { id: r, when: '%s', then: [ { tag: x } ] }\n", fmt.Sprintf(c, 7))
		set := load(b, text)
		v := view(benchMessage())
		b.Run(fmt.Sprint(i), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				set.Evaluate(engine.PhaseMessage, v)
			}
		})
	}
}

// Loading takes time in proportion to the number of rules.
func TestLoadingIsLinear(t *testing.T) {
	took := func(n int) time.Duration {
		data := benchRules(n)
		start := time.Now()
		load(t, string(data))
		return time.Since(start)
	}
	took(100)
	if small, large := took(200), took(3200); large > 100*(small+10*time.Millisecond) {
		t.Errorf("16 times the rules took %v after %v", large, small)
	}
}
