package threatq_test

import (
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/threatqsim"
)

// TestFewRequests counts the requests of one mail by a sink that has shipped
// before, login and lists apart.
func TestFewRequests(t *testing.T) {
	tests := []struct {
		name       string
		indicators int
		files      int
		spear      bool
		sim        func(*threatqsim.Config)
		change     func(*threatq.Config)
		most       int
	}{
		{name: "100 indicators, 2 files, one-shot, inline", indicators: 100, files: 2, change: oneShot, most: 7},
		{name: "as a spearphish", indicators: 100, files: 2, spear: true, change: oneShot, most: 8},
		{name: "as a spearphish, alone", indicators: 100, files: 2, spear: true, change: func(c *threatq.Config) { oneShot(c); c.Alone = true }, most: 7},
		{name: "two steps", indicators: 100, files: 2, most: 9},
		{name: "two steps, nothing inline", indicators: 100, files: 2, sim: bare, most: 12},
		{name: "two steps, nothing inline, as a spearphish, alone", indicators: 100, files: 2, spear: true, sim: bare, change: func(c *threatq.Config) { c.Alone = true }, most: 12},
		{name: "the vendor's average, one-shot", indicators: 15, files: 1, change: oneShot, most: 6},
		{name: "the vendor's average, two steps", indicators: 15, files: 1, most: 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := simConfig()
			if tt.sim != nil {
				tt.sim(&cfg)
			}
			p := newPlace(t, cfg)
			if tt.change == nil {
				tt.change = func(*threatq.Config) {}
			}
			s := p.open(t, tt.change)
			batch := func(id string) engine.Batch {
				b := mailBatch(id, tt.indicators, tt.files)
				b.Origin.Received = b.Origin.Received.AddDate(0, 0, 1)
				if tt.spear {
					return spearphish(b)
				}
				return b
			}
			p.ship(t, s, batch("first"))
			p.sim.ResetCounts()
			p.ship(t, s, batch("second"))
			if n := p.sim.Counts(); n.Other > tt.most {
				t.Errorf("%d requests, want at most %d: %v", n.Other, tt.most, n.Routes)
			} else {
				t.Logf("%d requests", n.Other)
			}
			p.sim.ResetCounts()
			p.ship(t, s, batch("second"))
			if n := p.sim.Counts(); n.Total != 0 {
				t.Errorf("shipping again took %d requests", n.Total)
			}
		})
	}
}

func oneShot(c *threatq.Config) { c.Upload = threatq.OneShot }

func bare(c *threatqsim.Config) { c.InlineAttachments = false }
