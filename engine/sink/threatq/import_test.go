package threatq_test

import (
	"bytes"
	"context"
	"net/mail"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/threatqsim"
)

// plainParser is the server's: it reads a subject, a recipient and a text.
type plainParser struct{}

func (plainParser) Parse(_ context.Context, raw engine.Blob, _ engine.Origin) (*engine.Message, error) {
	text, err := engine.ReadAll(raw, 1<<20)
	if err != nil {
		return nil, err
	}
	m, err := mail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	msg := &engine.Message{Raw: raw}
	msg.Subject.Subject, msg.Body.Text = m.Header.Get("Subject"), string(text)
	msg.Recipients.To = []engine.Address{{Email: engine.Email{Email: m.Header.Get("To")}}}
	if content := m.Header.Get("X-Attached"); content != "" {
		msg.Attachments = []*engine.Part{{FileName: "as the server names it.docx", Content: engine.Bytes(content)}}
	}
	return msg, nil
}

func parsing() threatqsim.Config {
	cfg := simConfig()
	cfg.Parser = plainParser{}
	cfg.Extract = func(_ context.Context, text string) []threatqsim.Indicator {
		if strings.Contains(text, "parsed.example") {
			return []threatqsim.Indicator{{Type: "FQDN", Value: "parsed.example"}}
		}
		return nil
	}
	return cfg
}

func parsedMail() engine.Batch {
	b := spearphish(mailBatch("a", 3, 1))
	b.Events[0].Raw = engine.Bytes("From: a@evil.example\r\nTo: b@corp.example\r\nSubject: what the parser reads\r\nX-Attached: content 0 of a\r\n\r\nhttp://parsed.example/\r\n")
	return b
}

func parseAll(c *threatq.Config) {
	c.ParseServer = func(e engine.EventRecord) bool { return e.Type == "Spearphish" }
}

func TestServerParsesInFiveCalls(t *testing.T) {
	p := newPlace(t, parsing())
	s := p.open(t, parseAll)
	b := parsedMail()
	p.ship(t, s, b)
	event := p.find(t, "events", b.Events[0].Title)
	if event.HappenedAt != "2026-03-01 09:00:00" || event.Raw == "" || !has(event, "tqmailrules-key: ") || !has(event, "Fact 07: ") || len(event.Recipients) != 1 {
		t.Errorf("event: %+v", event)
	}
	for _, want := range []string{"indicators: FQDN: parsed.example", "indicators: URL: http://h1.example/a?q=1", "attachments: "} {
		if !strings.Contains(strings.Join(event.Related, "\n"), want) {
			t.Errorf("not related to %q: %q", want, event.Related)
		}
	}
	if got := p.find(t, "indicators", "parsed.example"); got.Status != "Review" {
		t.Errorf("what the server found has status %q", got.Status)
	}
	if n := p.count(t, "attachments"); n != 1 {
		t.Errorf("%d files, want the one of the mail once", n)
	}
	calls := 0
	for route, n := range p.sim.Counts().Routes {
		if strings.Contains(route, "/events/import") {
			calls += n
		}
	}
	if calls != 5 {
		t.Errorf("%d calls of the importer, want 5: %v", calls, p.sim.Counts().Routes)
	}
}

// TestImportIsCommittedOnce disturbs every request of a shipment in which the
// server parses.
func TestImportIsCommittedOnce(t *testing.T) {
	calm := newPlace(t, parsing())
	calm.ship(t, calm.open(t, parseAll), parsedMail())
	want, requests := string(calm.sim.Dump()), calm.sim.Counts().Total
	for k := range requests {
		for i, what := range []threatqsim.What{"503-after", "500", threatqsim.Truncated, "404"} {
			if os.Getenv("TQ_SOAK") == "" && i != k%4 {
				continue
			}
			p := newPlace(t, parsing())
			if err := p.sim.Fault(threatqsim.Fault{After: k, Times: 1, What: what}); err != nil {
				t.Fatal(err)
			}
			first := p.open(t, parseAll, func(c *threatq.Config) { c.Tries = 1 }).Ship(t.Context(), parsedMail())
			p.sim.Calm()
			if k%2 == 0 {
				p.memory = notes{}
			}
			p.ship(t, p.open(t, parseAll), parsedMail())
			if diff := cmp.Diff(want, string(p.sim.Dump())); diff != "" {
				t.Fatalf("%s at request %d (%v) (-undisturbed +disturbed):\n%s", what, k, first, diff)
			}
		}
	}
}

func TestServerThatCannotParseGetsOurEvent(t *testing.T) {
	p := newPlace(t, simConfig())
	b := parsedMail()
	p.ship(t, p.open(t, parseAll), b)
	event := p.find(t, "events", b.Events[0].Title)
	if !has(event, "Not Shipped: parsing by the server ") || event.Raw == "" || len(event.Related) != 4 || event.Description != "see attached" {
		t.Errorf("event: %+v", event)
	}
}

func TestCommitIsNotRepeatedByTheTransport(t *testing.T) {
	p := newPlace(t, parsing())
	if err := p.sim.Fault(threatqsim.Fault{Path: "/events/import/*/commit", What: threatqsim.Cut}); err != nil {
		t.Fatal(err)
	}
	if err := p.open(t, parseAll, func(c *threatq.Config) { c.Tries = 1 }).Ship(t.Context(), parsedMail()); err == nil {
		t.Error("a commit without an answer is no success")
	}
	if n := p.sim.Counts().Routes["GET /api/events/import/{impid}/commit"]; n != 1 {
		t.Errorf("%d commits, want 1", n)
	}
}
