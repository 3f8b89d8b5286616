package engine_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
)

func ref(kind, key string) engine.Ref { return engine.Ref{Kind: kind, Key: key} }

func mailBatch(indicators ...string) engine.Batch {
	b := engine.Batch{Key: "k", Sink: "s", Events: []engine.EventRecord{{Key: "e", Title: "Lure", Attributes: []engine.AttributeRecord{{Name: "Rules", Value: "one"}}}}}
	for _, v := range indicators {
		b.Indicators = append(b.Indicators, engine.IndicatorRecord{Key: v, Type: "FQDN", Value: v})
		b.Relations = append(b.Relations, engine.Relation{From: ref("event", "e"), To: ref("indicator", v)})
	}
	return b
}

func TestDifference(t *testing.T) {
	scored := mailBatch("a")
	scored.Events[0].Score = 40
	attributed := mailBatch("a")
	attributed.Events[0].Attributes = append(attributed.Events[0].Attributes, engine.AttributeRecord{Name: "Rules", Value: "two"})
	tests := []struct {
		name        string
		now, before engine.Batch
		want        engine.Batch
		missing     []string
	}{
		{"the same", mailBatch("a", "b"), mailBatch("a", "b"), engine.Batch{}, nil},
		{"nothing before", mailBatch("a"), engine.Batch{}, mailBatch("a"), nil},
		{"an indicator more", mailBatch("a", "b"), mailBatch("a"), func() engine.Batch {
			b := mailBatch("b")
			return b
		}(), nil},
		{"an indicator less", mailBatch("a"), mailBatch("a", "b"), engine.Batch{}, []string{"FQDN b"}},
		{"another score", scored, mailBatch("a"), engine.Batch{Events: scored.Events}, nil},
		{"an attribute more", attributed, mailBatch("a"), engine.Batch{Events: attributed.Events}, nil},
		{"an attribute less", mailBatch("a"), attributed, engine.Batch{Events: mailBatch().Events}, []string{"attribute Rules of event Lure"}},
		{"nothing any more", engine.Batch{}, mailBatch("a"), engine.Batch{}, []string{"event Lure", "FQDN a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := engine.Difference(tt.now, tt.before)
			got.Key, got.Sink, tt.want.Key, tt.want.Sink = "", "", "", ""
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("difference (-want +got):\n%s", diff)
			}
			if got.Empty() != tt.want.Empty() {
				t.Errorf("empty: %t", got.Empty())
			}
			if diff := cmp.Diff(tt.missing, engine.Missing(tt.before, tt.now)); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
			// what was shipped, and the difference, is what is shipped now, and what is missing
			if all := engine.Union(tt.before, engine.Difference(tt.now, tt.before)); len(engine.Missing(tt.now, all)) > 0 {
				t.Errorf("lost on the way: %q", engine.Missing(tt.now, all))
			}
		})
	}
}
