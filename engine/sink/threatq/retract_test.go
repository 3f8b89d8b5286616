package threatq_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/threatqsim"
)

// TestRetractLeavesWhatWasThere ships two mails, takes the second back, and finds
// the graph of the first alone.
func TestRetractLeavesWhatWasThere(t *testing.T) {
	for name, sim := range servers {
		t.Run(name, func(t *testing.T) {
			cfg := simConfig()
			sim(&cfg)
			first, second := mailBatch("a", 10, 1), rich()
			second.Indicators, second.Relations = second.Indicators[:12], withoutObjects(second.Relations) // adversaries stay, by contract
			second.Objects = nil
			p := newPlace(t, cfg)
			s := p.open(t)
			p.ship(t, s, first)
			want := string(p.sim.Dump())
			p.ship(t, s, second)
			done, err := p.open(t).Retract(t.Context(), second, engine.Batch{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, string(p.sim.Dump())); diff != "" && !cfg.DeriveFQDN {
				t.Errorf("after taking back (-before +after):\n%s", diff)
			}
			gone := 1 + 3 + 12
			if cfg.DeriveFQDN {
				gone = 1 + 12 // hosts that the server derived are tied to the files
			}
			if len(done.Deleted) != gone {
				t.Errorf("deleted %d: %q, left %q, changed %q", len(done.Deleted), done.Deleted, done.Left, done.Changed)
			}
			again, err := s.Retract(t.Context(), second, engine.Batch{})
			if err != nil || len(again.Deleted) != 0 {
				t.Errorf("taking back again: %+v, %v", again, err)
			}
			p.ship(t, s, second)
			if got := string(p.sim.Dump()); !strings.Contains(got, "Re: invoice") || strings.Count(got, `"kind": "events"`) != 2 {
				t.Errorf("shipping again after taking back did not bring the event: %s", got)
			}
		})
	}
}

func withoutObjects(all []engine.Relation) []engine.Relation {
	var kept []engine.Relation
	for _, r := range all {
		if r.To.Kind != "object" && !strings.HasPrefix(r.To.Key, "btc") {
			kept = append(kept, r)
		}
	}
	return kept
}

func TestRetractSparesWhatOthersReferTo(t *testing.T) {
	p := newPlace(t, simConfig())
	s := p.open(t, func(c *threatq.Config) { c.Retracted = "Expired" })
	shared, white := indicator("FQDN", "shared.example"), indicator("FQDN", "known.example")
	a, b := mailBatch("a", 1, 1), mailBatch("b", 1, 1)
	add := func(m *engine.Batch, n engine.IndicatorRecord) {
		m.Indicators = append(m.Indicators, n)
		m.Relations = append(m.Relations, engine.Relation{From: engine.Ref{Kind: "event", Key: m.Events[0].Key}, To: engine.Ref{Kind: "indicator", Key: n.Key}})
	}
	add(&a, shared)
	add(&b, shared)
	add(&b, white)
	p.post(t, "/indicators", `[{"value":"known.example","type":"FQDN","status":"Whitelisted"}]`)
	p.ship(t, s, a, b)

	done, err := s.Retract(t.Context(), a, engine.Batch{})
	if err != nil {
		t.Fatal(err)
	}
	got := p.find(t, "indicators", "shared.example")
	if got.Status != "Expired" || len(got.Comments) != 1 || len(got.Related) != 1 {
		t.Errorf("shared indicator: %+v", got)
	}
	t.Logf("%+v", done)
	if _, err := s.Retract(t.Context(), b, engine.Batch{}); err != nil {
		t.Fatal(err)
	}
	if n := p.count(t, "indicators"); n != 1 {
		t.Errorf("%d indicators are left, want only the whitelisted one:\n%s", n, p.sim.Dump())
	}
	if got := p.find(t, "indicators", "known.example"); got.Status != "Whitelisted" || len(got.Related) != 0 {
		t.Errorf("an indicator of others: %+v", got)
	}
	if n := p.count(t, "events") + p.count(t, "attachments"); n != 0 {
		t.Errorf("%d events and files are left", n)
	}
}

func TestRetractKeepsWhatTheRulesStillShip(t *testing.T) {
	p := newPlace(t, simConfig())
	s := p.open(t)
	old := rich()
	now := rich()
	now.Indicators = now.Indicators[:5]
	now.Events[0].Attributes = now.Events[0].Attributes[1:]
	var rel []engine.Relation
	for _, r := range now.Relations {
		for _, n := range now.Indicators {
			if r.To.Key == n.Key {
				rel = append(rel, r)
			}
		}
		if r.To.Kind != "indicator" {
			rel = append(rel, r)
		}
	}
	now.Relations = rel
	p.ship(t, s, old)
	if _, err := s.Retract(t.Context(), old, now); err != nil {
		t.Fatal(err)
	}
	p.ship(t, s, now)
	fresh := newPlace(t, simConfig())
	fresh.ship(t, fresh.open(t), now)
	if diff := cmp.Diff(string(fresh.sim.Dump()), string(p.sim.Dump())); diff != "" {
		t.Errorf("(-shipped by today's rules alone +taken back to them):\n%s", diff)
	}
}

func TestRetractTakesBackOneOfTwoMailsOfAnEvent(t *testing.T) {
	p := newPlace(t, simConfig())
	s := p.open(t)
	a, b := mailBatch("a", 3, 1), mailBatch("a", 3, 1)
	b.Key, b.Events[0].SeenIn = "batch-other", "imap other INBOX 9"
	p.ship(t, s, a)
	want := string(p.sim.Dump())
	p.ship(t, s, b)
	if strings.Count(string(p.sim.Dump()), "Seen In: ") != 2 {
		t.Fatalf("want two Seen In:\n%s", p.sim.Dump())
	}
	if _, err := s.Retract(t.Context(), b, engine.Batch{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(p.sim.Dump())); diff != "" {
		t.Errorf("(-first mail alone +second taken back):\n%s", diff)
	}
}

// TestRetractMayBeInterrupted disturbs each request of taking back, and takes back
// again.
func TestRetractMayBeInterrupted(t *testing.T) {
	start := func() (*place, int) {
		p := newPlace(t, simConfig())
		s := p.open(t)
		p.ship(t, s, mailBatch("a", 3, 1), rich())
		return p, p.sim.Counts().Total
	}
	calm, shipping := start()
	if _, err := calm.open(t).Retract(t.Context(), rich(), engine.Batch{}); err != nil {
		t.Fatal(err)
	}
	want := string(calm.sim.Dump())
	for k := range calm.sim.Counts().Total - shipping {
		if k%3 != 0 && os.Getenv("TQ_SOAK") == "" {
			continue
		}
		p, _ := start()
		if err := p.sim.Fault(threatqsim.Fault{After: k, What: disturbances[k%len(disturbances)]}); err != nil {
			t.Fatal(err)
		}
		_, first := p.open(t, func(c *threatq.Config) { c.Tries = 1 }).Retract(t.Context(), rich(), engine.Batch{})
		p.sim.Calm()
		if _, err := p.open(t).Retract(t.Context(), rich(), engine.Batch{}); err != nil {
			t.Fatalf("again after %v: %v", first, err)
		}
		if diff := cmp.Diff(want, string(p.sim.Dump())); diff != "" {
			t.Fatalf("%s at request %d (%v) (-undisturbed +disturbed):\n%s", disturbances[k%len(disturbances)], k, first, diff)
		}
	}
}
