package enginetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tqmailrules/tqmailrules/engine"
)

// TestSource drains a source that open opens anew each time and checks the
// contract of engine.Source: a stable, unique identity per mail, blobs that can
// be read twice, acknowledgements that may be repeated, an end that stays the
// end. It returns the names of the mails in order.
func TestSource(t *testing.T, open func(t *testing.T) engine.Source) []string {
	t.Helper()
	once, twice := drain(t, open(t)), drain(t, open(t))
	if diff := cmp.Diff(once, twice); diff != "" {
		t.Errorf("opened twice, delivered differently (-first +second):\n%s", diff)
	}
	keys := map[string]bool{}
	var names []string
	for _, d := range once {
		if keys[d.Key] {
			t.Errorf("two mails have the identity %q", d.Key)
		}
		keys[d.Key] = true
		names = append(names, d.Name)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	src := open(t)
	defer src.Close()
	if _, err := src.Next(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("Next with a cancelled context: %v, want context.Canceled", err)
	}
	return names
}

type delivered struct{ Key, Name, Digest string }

func drain(t *testing.T, src engine.Source) []delivered {
	t.Helper()
	var all []delivered
	for {
		d, err := src.Next(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		all = append(all, delivered{d.Origin.Key(), d.Origin.Name, digestTwice(t, d)})
		receipt := []engine.Receipt{{Origin: d.Origin}}
		for range 2 {
			if err := src.Ack(t.Context(), receipt); err != nil {
				t.Errorf("Ack %s: %v", d.Origin.Name, err)
			}
		}
	}
	if _, err := src.Next(t.Context()); err != io.EOF {
		t.Errorf("Next after the end: %v, want io.EOF", err)
	}
	if err := src.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	return all
}

func digestTwice(t *testing.T, d engine.Delivery) string {
	t.Helper()
	first, err := engine.Digest(d.Raw)
	if err != nil {
		return "unreadable: " + err.Error()
	}
	if second, err := engine.Digest(d.Raw); err != nil || second != first {
		t.Errorf("%s: second reading differs: %v", d.Origin.Name, err)
	}
	if d.Raw.Size() < 0 {
		t.Errorf("%s: negative size", d.Origin.Name)
	}
	return first
}

// TestExtractor checks the contract of engine.Extractor over sample texts: the
// same input gives the same findings, types are declared, spans lie inside
// their part, values are valid UTF-8, an ended context is obeyed.
func TestExtractor(t *testing.T, x engine.Extractor, samples []engine.Input) {
	t.Helper()
	info := x.Info()
	if info.Name == "" || info.Version == "" {
		t.Errorf("Info() = %+v: name and version are required", info)
	}
	for i, in := range samples {
		in.Parts = slices.DeleteFunc(slices.Clone(in.Parts), func(p engine.InputPart) bool { return !x.Wants(p.PartInfo) })
		t.Run(fmt.Sprintf("sample-%d", i), func(t *testing.T) { checkExtractor(t, x, info, in) })
	}
}

func checkExtractor(t *testing.T, x engine.Extractor, info engine.ExtractorInfo, in engine.Input) {
	first, err := x.Extract(t.Context(), in)
	second, err2 := x.Extract(t.Context(), in)
	if diff := cmp.Diff(first, second, cmpopts.EquateEmpty()); diff != "" || (err == nil) != (err2 == nil) {
		t.Errorf("not deterministic: %v, %v\n%s", err, err2, diff)
	}
	sizes := map[place]int{}
	for _, p := range in.Parts {
		read, source := len(p.Text), p.Size
		if p.Page != nil {
			read = len(p.Page.InnerText)
		}
		sizes[place{p.ID, false}] = max(read, sizes[place{p.ID, false}])
		sizes[place{p.ID, true}] = max(source, sizes[place{p.ID, true}])
	}
	for _, f := range first {
		size, known := sizes[place{f.Spot.Part, f.Spot.Context == engine.InSource}]
		switch {
		case f.Type == "" || f.Value == "":
			t.Errorf("finding without type or value: %+v", f)
		case len(info.Types) > 0 && !slices.Contains(info.Types, f.Type):
			t.Errorf("type %q is not declared", f.Type)
		case !utf8.ValidString(f.Value) || !utf8.ValidString(f.Original):
			t.Errorf("value is not UTF-8: %q", f.Value)
		case !known:
			t.Errorf("finding in part %q, which was not in the input", f.Spot.Part)
		case f.Spot.Span.Start < 0 || f.Spot.Span.Start > f.Spot.Span.End || f.Spot.Span.End > size:
			t.Errorf("span %+v of %q lies outside its part of %d bytes", f.Spot.Span, f.Value, size)
		}
	}
}

// place is a text that spans are counted in: what is read of a part, or its source.
type place struct {
	part   string
	source bool
}

// SinkState describes what a sink holds, in any form in which equal states are
// equal strings.
type SinkState func(t *testing.T) string

// TestSink checks the contract of engine.Sink: the same key twice has the
// effect of once, and the order of batches does not matter. open opens a sink
// over a fresh place; reopen opens it again over the same place.
func TestSink(t *testing.T, open func(t *testing.T) (sink engine.Sink, reopen func() engine.Sink, state SinkState)) {
	batches := SampleBatches()
	ship := func(t *testing.T, s engine.Sink, list ...engine.Batch) {
		t.Helper()
		for _, b := range list {
			if err := s.Ship(t.Context(), b); err != nil {
				t.Fatalf("Ship %s: %v", b.Key, err)
			}
		}
	}
	var want string
	t.Run("once", func(t *testing.T) {
		s, _, state := open(t)
		ship(t, s, batches...)
		s.Close()
		if want = state(t); want == "" {
			t.Fatal("state is empty after shipping")
		}
	})
	t.Run("twice is once", func(t *testing.T) {
		s, _, state := open(t)
		ship(t, s, batches...)
		ship(t, s, batches...)
		s.Close()
		if diff := cmp.Diff(want, state(t)); diff != "" {
			t.Errorf("shipped twice (-once +twice):\n%s", diff)
		}
	})
	t.Run("twice over a restart is once", func(t *testing.T) {
		s, reopen, state := open(t)
		ship(t, s, batches[:2]...)
		s.Close()
		s = reopen()
		ship(t, s, batches...)
		s.Close()
		if diff := cmp.Diff(want, state(t)); diff != "" {
			t.Errorf("shipped over a restart (-once +restarted):\n%s", diff)
		}
	})
	t.Run("any order", func(t *testing.T) {
		s, _, state := open(t)
		back := slices.Clone(batches)
		slices.Reverse(back)
		ship(t, s, back...)
		s.Close()
		if diff := cmp.Diff(sortedLines(want), sortedLines(state(t))); diff != "" {
			t.Errorf("shipped in reverse (-forward +reverse):\n%s", diff)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		s, _, _ := open(t)
		defer s.Close()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Ship(ctx, batches[0]); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, engine.ErrTemporary) {
			t.Errorf("Ship with a cancelled context: %v", err)
		}
	})
}

func sortedLines(s string) []string {
	lines := strings.Split(s, "\n")
	slices.Sort(lines)
	return lines
}

// SampleBatches are three batches that share an event, a file and indicators.
func SampleBatches() []engine.Batch {
	var all []engine.Batch
	for i := range 3 {
		o := engine.Origin{Source: "fake", Account: "box", Folder: "INBOX", ID: fmt.Sprint(i), Name: fmt.Sprintf("mail %d", i), Received: Epoch}
		at := Epoch.Add(time.Duration(i) * time.Hour)
		event := engine.EventRecord{
			Key: fmt.Sprintf("event-%d", i/2), Type: "Spearphish", Title: "Rechnung überfällig", HappenedAt: Epoch.Add(time.Duration(i/2) * time.Hour),
			Description: "bitte öffnen", Source: "Mailbox", TLP: "AMBER", Score: 10, Tags: []string{"lure"},
			Attributes: []engine.AttributeRecord{{Name: "From", Value: "a@evil.example"}}, SeenIn: o.Name,
			Message: engine.MessageRecord{ID: o.Key(), SHA256: strings.Repeat("ab", 32), Size: 10, Subject: "Rechnung überfällig", Date: at, Received: at, Treatment: "spearphish"},
			Raw:     engine.Bytes("raw mail"),
		}
		file := engine.FileRecord{Key: strings.Repeat("cd", 32), Name: "a.zip", Type: "Spearphish Attachment", Size: 4, MD5: strings.Repeat("0", 32), Locked: true, Content: engine.Bytes("zip!")}
		ind := engine.IndicatorRecord{Key: "URL\x1fhttp://evil.example/", Type: "URL", Value: "http://evil.example/", Status: "Review", TLP: "AMBER", Flags: []string{"defanged"}, Original: "hxxp://evil[.]example/"}
		own := engine.IndicatorRecord{Key: fmt.Sprintf("FQDN\x1fh%d.example", i), Type: "FQDN", Value: fmt.Sprintf("h%d.example", i), Status: "Review"}
		e := engine.Ref{Kind: "event", Key: event.Key}
		all = append(all, engine.Batch{
			Key: fmt.Sprintf("batch-%d", i), Sink: "sink", Origin: o,
			Events: []engine.EventRecord{event}, Files: []engine.FileRecord{file}, Indicators: []engine.IndicatorRecord{ind, own},
			Objects: []engine.ObjectRecord{{Key: "adversary\x1fAPT-X", Type: "adversary", Name: "APT-X"}},
			Relations: []engine.Relation{
				{From: e, To: engine.Ref{Kind: "file", Key: file.Key}},
				{From: e, To: engine.Ref{Kind: "indicator", Key: ind.Key}},
				{From: e, To: engine.Ref{Kind: "indicator", Key: own.Key}},
				{From: e, To: engine.Ref{Kind: "object", Key: "adversary\x1fAPT-X"}},
				{From: engine.Ref{Kind: "file", Key: file.Key}, To: engine.Ref{Kind: "indicator", Key: ind.Key}},
			},
			Matches: []engine.MatchRecord{{Rule: "lure", Phase: "message", Result: "match"}},
			Defects: []engine.Defect{{Code: engine.DefectDate, Part: "Date", Detail: "no reading"}},
		})
	}
	return all
}
