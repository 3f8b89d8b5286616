package sqlite_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/store/sqlite"
)

// past is a store with a clock of its own.
type past struct {
	*sqlite.Store
	cfg sqlite.Config
	at  time.Time
}

func newPast(t *testing.T) *past {
	t.Helper()
	p := &past{cfg: config(path(t)), at: enginetest.Epoch}
	p.cfg.Now, p.cfg.Keep = func() time.Time { return p.at }, true
	p.Store = open(t, p.cfg)
	return p
}

// ship commits a mail that a rule matched, and has its sink take it.
func (p *past) ship(t *testing.T, id, rule string, raw engine.Blob) {
	t.Helper()
	o := shipping(id, engine.Bytes("file of "+id))
	o.Raw = raw
	o.Items = []*engine.Item{{Plan: engine.Plan{Results: []engine.RuleResult{{Rule: rule, Result: engine.Match}, {Rule: "shadow", Result: engine.Match, Shadow: true}}}}}
	o.Batches[0].Indicators = []engine.IndicatorRecord{{Key: "i" + id, Type: "FQDN", Value: id + ".example"}}
	commit(t, p, o)
	if err := p.Done(t.Context(), "a", []string{"b" + id}); err != nil {
		t.Fatal(err)
	}
}

func (p *past) shipped(t *testing.T, m sqlite.Mails) (all []string) {
	t.Helper()
	got, err := p.Shipped(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range got {
		text := b.Batch.Key
		for _, i := range b.Batch.Indicators {
			text += " " + i.Value
		}
		if !b.Retracted.IsZero() {
			text += ", taken back"
		}
		all = append(all, text)
	}
	return all
}

func (p *past) kept(t *testing.T, m sqlite.Mails) (all []string) {
	t.Helper()
	got, err := p.KeptMails(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range got {
		all = append(all, k.Origin.ID+": "+read(t, k.Raw)[:3])
	}
	return all
}

func TestThePastIsKnown(t *testing.T) {
	p := newPast(t)
	p.ship(t, "1", "good", engine.Bytes("raw1"))
	p.at = p.at.Add(24 * time.Hour)
	p.ship(t, "2", "bad", large("raw2"))
	tests := []struct {
		name          string
		m             sqlite.Mails
		shipped, kept []string
	}{
		{"all", sqlite.Mails{}, []string{"b1 1.example", "b2 2.example"}, []string{"1: raw", "2: raw"}},
		{"of a rule", sqlite.Mails{Rule: "bad"}, []string{"b2 2.example"}, []string{"2: raw"}},
		{"of a rule that was only tried", sqlite.Mails{Rule: "shadow"}, nil, nil},
		{"since", sqlite.Mails{Since: p.at}, []string{"b2 2.example"}, []string{"2: raw"}},
		{"of another sink", sqlite.Mails{Sink: "b"}, nil, []string{"1: raw", "2: raw"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.shipped, p.shipped(t, tt.m)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.kept, p.kept(t, tt.m)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatWasShippedIsAmendedAndTakenBack(t *testing.T) {
	p := newPast(t)
	p.ship(t, "1", "bad", engine.Bytes("raw1"))
	more := shipping("1", engine.Bytes("another file"))
	more.Batches[0].Key = "b1+x"
	if err := p.Amend(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	pending, err := p.Pending(t.Context(), "a", 9)
	if err != nil || len(pending) != 1 || pending[0].Key != "b1+x" || read(t, pending[0].Files[0].Content) != "another file" {
		t.Fatalf("%v, %v", pending, err)
	}
	if err := p.Done(t.Context(), "a", []string{"b1+x"}); err != nil {
		t.Fatal(err)
	}
	all, err := p.Shipped(t.Context(), sqlite.Mails{})
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	left := engine.Batch{Key: "b1", Indicators: []engine.IndicatorRecord{{Key: "k", Type: "FQDN", Value: "left.example"}}}
	if err := p.Retracted(t.Context(), []int64{all[0].Seq, all[1].Seq}, left); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b1 1.example, taken back", "b1+x, taken back", "b1 left.example"}, p.shipped(t, sqlite.Mails{})); diff != "" {
		t.Error(diff)
	}
	if err := p.Amend(t.Context(), shipping("never begun")); err == nil {
		t.Error("a mail was amended that nobody knows")
	}
}

func TestRetention(t *testing.T) {
	const day = 24 * time.Hour
	tests := []struct {
		name          string
		r             sqlite.Retention
		want          sqlite.Purged
		shipped, kept []string
	}{
		{"for ever", sqlite.Retention{}, sqlite.Purged{}, []string{"b1 1.example", "b2 2.example"}, []string{"1: raw", "2: raw"}},
		{"mails", sqlite.Retention{Keep: 5 * day}, sqlite.Purged{Mails: 1}, []string{"b1 1.example", "b2 2.example"}, []string{"2: raw"}},
		{"history", sqlite.Retention{History: 5 * day}, sqlite.Purged{Shipped: 1, Refused: 1, Runs: 1, Notes: 1}, []string{"b2 2.example"}, []string{"1: raw", "2: raw"}},
		{"ledger, as far as nothing is left", sqlite.Retention{Ledger: 5 * day}, sqlite.Purged{Ledger: 1}, []string{"b1 1.example", "b2 2.example"}, []string{"1: raw", "2: raw"}},
		{"everything", sqlite.Retention{5 * day, 5 * day, 5 * day}, sqlite.Purged{Mails: 1, Shipped: 1, Refused: 1, Runs: 1, Notes: 1, Ledger: 3}, []string{"b2 2.example"}, []string{"2: raw"}},
		{"of the future", sqlite.Retention{time.Hour, time.Hour, time.Hour}, sqlite.Purged{Mails: 1, Shipped: 1, Refused: 1, Runs: 1, Notes: 1, Ledger: 3}, []string{"b2 2.example"}, []string{"2: raw"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPast(t)
			p.ship(t, "1", "r", large("raw1"))
			refused := shipping("refused", large("file"))
			commit(t, p, refused, &engine.Outcome{Origin: enginetest.Mail("nothing", "", "").Origin, Disposition: engine.Nothing}, waiting("parked", engine.Bytes("raw")))
			for _, err := range []error{
				p.Fail(t.Context(), "a", "brefused", "no"), p.Note(t.Context(), "a", "k", "1", "v"),
				p.Began(t.Context(), "old"), p.Ended(t.Context(), "old", engine.Summary{}, nil),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			p.at = p.at.Add(10 * day)
			p.ship(t, "2", "r", engine.Bytes("raw2"))
			got, err := p.Purge(t.Context(), tt.r)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
			if diff := cmp.Diff(tt.shipped, p.shipped(t, sqlite.Mails{})); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.kept, p.kept(t, sqlite.Mails{})); diff != "" {
				t.Error(diff)
			}
			if parked := parked(t, desk(t, p.cfg)); len(parked) != 1 {
				t.Errorf("%d parked, want 1", len(parked))
			}
		})
	}
}

func TestTheStoreKnowsItsSize(t *testing.T) {
	p := newPast(t)
	before, err := p.Size()
	if err != nil || before == 0 {
		t.Fatalf("%d bytes, %v", before, err)
	}
	p.ship(t, "1", "r", large("raw"))
	after, err := p.Size()
	if grown := after - before; err != nil || grown < sqlite.Inline {
		t.Errorf("grown by %d, %v; want at least %d", grown, err, sqlite.Inline)
	}
}
