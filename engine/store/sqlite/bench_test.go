package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/store/mem"
	"github.com/tqmailrules/tqmailrules/engine/store/sqlite"
)

// BenchmarkMails takes mails with forty indicators and a file of 20 KiB through
// a store: begun one by one, committed in groups of 32, shipped in groups of 16.
func BenchmarkMails(b *testing.B) {
	b.Run("mem", func(b *testing.B) { throughput(b, mem.New()) })
	b.Run("sqlite", func(b *testing.B) {
		s, err := sqlite.Open(b.Context(), config(filepath.Join(b.TempDir(), "state.db")))
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		throughput(b, s)
	})
}

func throughput(b *testing.B, s engine.Store) {
	var group []*engine.Outcome
	for n := 0; b.Loop(); n++ {
		o := typical(n)
		if _, err := s.Begin(b.Context(), o.Origin, "run"); err != nil {
			b.Fatal(err)
		}
		if group = append(group, o); len(group) < 32 {
			continue
		}
		if err := s.Commit(b.Context(), group); err != nil {
			b.Fatal(err)
		}
		group = nil
		for range 2 {
			batches, err := s.Pending(b.Context(), "a", 16)
			if err != nil || len(batches) != 16 {
				b.Fatal(len(batches), err)
			}
			var keys []string
			for _, batch := range batches {
				keys = append(keys, batch.Key)
			}
			if err := s.Done(b.Context(), "a", keys); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
}

func typical(n int) *engine.Outcome {
	file := make([]byte, 20<<10)
	copy(file, fmt.Sprint(n))
	o := shipping(fmt.Sprint(n), engine.Bytes(file))
	o.Origin = enginetest.Mail(fmt.Sprint(n), "", "").Origin
	batch := &o.Batches[0]
	event := engine.Ref{Kind: "event", Key: "e"}
	batch.Events = []engine.EventRecord{{Key: "e", Title: "title", Description: "description", Attributes: []engine.AttributeRecord{{Name: "a", Value: "b"}}}}
	for i := range 40 {
		value := fmt.Sprintf("https://host-%d-%d.example/path?query=%d", n, i, i)
		batch.Indicators = append(batch.Indicators, engine.IndicatorRecord{Key: "URL\x1f" + value, Type: "URL", Value: value, Status: "Review", Contexts: []string{"text"}})
		batch.Relations = append(batch.Relations, engine.Relation{From: event, To: engine.Ref{Kind: "indicator", Key: "URL\x1f" + value}})
	}
	return o
}
