package threatq_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/threatqsim"
)

// rich is a batch with everything that a batch can hold.
func rich() engine.Batch {
	b := spearphish(mailBatch("rich", 12, 3))
	e := engine.Ref{Kind: "event", Key: b.Events[0].Key}
	b.Events[0].Tags, b.Events[0].Score = []string{"lure", "macro"}, 60
	b.Files[0].Attributes = []engine.AttributeRecord{{Name: "Path", Value: "a.zip/b.docx"}}
	b.Files[0].Tags, b.Files[1].RawName = []string{"macro"}, "../file.docx"
	b.Files[2].Name = b.Files[1].Name // two files of one name
	b.Indicators[0].Attributes = []engine.AttributeRecord{{Name: "Found At", Value: "a.zip/b.docx A1"}}
	b.Indicators[1].Tags = []string{"lure"}
	wallet := indicator("btc", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT")
	b.Indicators = append(b.Indicators, wallet)
	for _, o := range []engine.ObjectRecord{{Key: "adversary\x1fAPT, 100%", Type: "adversary", Name: "APT, 100%"}, {Key: "malware\x1fEmotet", Type: "malware", Name: "Emotet", ID: "S0367"}, {Key: "attack_pattern\x1fPhishing", Type: "attack_pattern", Name: "Phishing", ID: "T1566"}} {
		b.Objects = append(b.Objects, o)
		b.Relations = append(b.Relations, engine.Relation{From: e, To: engine.Ref{Kind: "object", Key: o.Key}})
	}
	b.Relations = append(b.Relations, engine.Relation{From: e, To: engine.Ref{Kind: "indicator", Key: wallet.Key}},
		engine.Relation{From: engine.Ref{Kind: "file", Key: b.Files[0].Key}, To: engine.Ref{Kind: "file", Key: b.Files[1].Key}})
	return b
}

// disturbances are what may happen to a request, with and without its having had
// its effect.
var disturbances = []threatqsim.What{
	"500", "503", "503-after", "500-after", "504-after", "429", "401", "403-after",
	threatqsim.Truncated, threatqsim.Cut, threatqsim.CutBefore, threatqsim.HTML, threatqsim.HTMLGood, threatqsim.WrongLength, threatqsim.Shuffled,
}

var servers = map[string]func(*threatqsim.Config){
	"inline":      func(*threatqsim.Config) {},
	"bare":        func(c *threatqsim.Config) { c.OneShot, c.InlineAttachments = false, false },
	"normalising": func(c *threatqsim.Config) { c.Normalize, c.DeriveFQDN, c.NoRefresh = true, true, true },
}

// TestCrashAtEveryRequest disturbs each request in turn, lets the process die
// there, and ships again in a new one: the graph is that of an undisturbed run,
// with the memory kept and with it lost.
func TestCrashAtEveryRequest(t *testing.T) {
	for name, sim := range servers {
		t.Run(name, func(t *testing.T) {
			cfg := simConfig()
			sim(&cfg)
			calm := newPlace(t, cfg)
			calm.ship(t, calm.open(t), rich())
			want, requests := string(calm.sim.Dump()), calm.sim.Counts().Total
			t.Logf("%d requests of a first mail", requests)
			for _, c := range crashes(requests) {
				p := newPlace(t, cfg)
				p.crash(t, c)
				if diff := cmp.Diff(want, string(p.sim.Dump())); diff != "" {
					t.Fatalf("%+v (-undisturbed +disturbed):\n%s", c, diff)
				}
			}
		})
	}
}

// crash is a disturbance at one request, after which the process dies.
type crash struct {
	request int
	what    threatqsim.What
	forgets bool // the memory is lost, too
}

// crashes are all there are in a soak, else one lost answer and one other
// disturbance at each request.
func crashes(requests int) []crash {
	var all []crash
	for k := range requests {
		for i, what := range disturbances {
			if os.Getenv("TQ_SOAK") != "" {
				all = append(all, crash{k, what, false}, crash{k, what, true})
			} else if what == "503-after" || k%2 == 0 && i == k/2%len(disturbances) {
				all = append(all, crash{k, what, (k+i)%2 == 0})
			}
		}
	}
	return all
}

// crash ships with a disturbance, and again after it.
func (p *place) crash(t *testing.T, c crash) {
	t.Helper()
	if err := p.sim.Fault(threatqsim.Fault{After: c.request, Times: 1, What: c.what}); err != nil {
		t.Fatal(err)
	}
	s := p.open(t, func(c *threatq.Config) { c.Tries = 1 })
	first := s.Ship(t.Context(), rich())
	if c.forgets {
		p.memory = notes{}
	}
	p.sim.Calm()
	if err := p.open(t).Ship(t.Context(), rich()); err != nil {
		t.Fatalf("%+v (%v): Ship again: %v", c, first, err)
	}
}

// TestChaos ships mails past random disturbances, retried by the sink and by
// those who call it.
func TestChaos(t *testing.T) {
	rounds := 4
	if os.Getenv("TQ_SOAK") != "" {
		rounds = 200
	}
	batches := []engine.Batch{rich(), mailBatch("a", 40, 2), spearphish(mailBatch("b", 5, 1)), mailBatch("c", 0, 0)}
	for name, sim := range servers {
		cfg := simConfig()
		sim(&cfg)
		calm := newPlace(t, cfg)
		calm.ship(t, calm.open(t), batches...)
		want := string(calm.sim.Dump())
		for round := range rounds {
			t.Run(fmt.Sprintf("%s %d", name, round), func(t *testing.T) {
				cfg.Seed = uint64(round)
				p := newPlace(t, cfg)
				if err := p.sim.Chaos(uint64(round), 0.25, disturbances...); err != nil {
					t.Fatal(err)
				}
				p.shipPastChaos(t, batches, rand.New(rand.NewPCG(uint64(round), 1)))
				if diff := cmp.Diff(want, string(p.sim.Dump())); diff != "" {
					t.Errorf("seed %d (-undisturbed +disturbed):\n%s", round, diff)
				}
			})
		}
	}
}

// shipPastChaos ships until all is there, in processes that die now and then.
func (p *place) shipPastChaos(t *testing.T, batches []engine.Batch, dice *rand.Rand) {
	t.Helper()
	s := p.open(t)
	for _, b := range batches {
		for try := 0; ; try++ {
			err := s.Ship(t.Context(), b)
			if err == nil {
				break
			}
			if try > 60 {
				t.Fatalf("still not shipped: %v", err)
			}
			if !errors.Is(err, engine.ErrTemporary) {
				t.Logf("set aside, and retried by hand: %v", err)
			}
			if dice.IntN(3) == 0 {
				s = p.open(t)
			}
			if dice.IntN(10) == 0 {
				p.memory = notes{}
				s = p.open(t)
			}
		}
	}
}
