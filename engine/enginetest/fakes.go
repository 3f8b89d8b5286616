// Package enginetest holds the fakes at engine's ports and the conformance
// suites that every source, sink, store and extractor passes. It is for tests
// only; it never touches the network.
package enginetest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Epoch is when fake mails are received.
var Epoch = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// Mail is a delivery of the fake format: a subject line, an empty line, a text.
// The words panic, slow and hold in the subject are for Parser and Rules.
func Mail(id, subject, text string) engine.Delivery {
	return engine.Delivery{
		Raw:    engine.Bytes(subject + "\n\n" + text),
		Origin: engine.Origin{Source: "fake", Account: "box", Folder: "INBOX", ID: id, Name: id, Received: Epoch},
	}
}

// Parser reads the fake format. It panics on a subject that contains "panic".
type Parser struct {
	Before func(engine.Origin) // called first, when not nil
}

// Parse implements engine.Parser.
func (p Parser) Parse(_ context.Context, raw engine.Blob, o engine.Origin) (*engine.Message, error) {
	if p.Before != nil {
		p.Before(o)
	}
	b, err := engine.ReadAll(raw, 1<<20)
	if err != nil {
		return nil, err
	}
	subject, text, _ := strings.Cut(string(b), "\n\n")
	if strings.Contains(subject, "panic") {
		panic("parser: told to")
	}
	sum := sha256.Sum256(b)
	digest := hex.EncodeToString(sum[:])
	return &engine.Message{
		Meta:       engine.Meta{ID: o.Key(), Account: o.Account, Folder: o.Folder, Size: len(b), Received: o.Received, SHA256: digest, Source: o.Source},
		Subject:    engine.Subject{Subject: subject, Base: subject},
		Body:       engine.Body{Plain: engine.PlainBody{Raw: text}, Text: text},
		ContentKey: digest,
		Raw:        raw,
	}, nil
}

// Rules are functions where a test needs them and harmless where it does not.
type Rules struct {
	Def        engine.Defaults
	Pairs      []engine.Pair
	OnEvaluate func(engine.Phase, *engine.View) engine.Plan
	OnKeep     func(*engine.View, *engine.Indicator) engine.Verdict
}

// Defaults implements engine.Rules.
func (r Rules) Defaults() engine.Defaults { return r.Def }

// Pairings implements engine.Rules.
func (r Rules) Pairings(*engine.Message) []engine.Pair { return r.Pairs }

// Evaluate implements engine.Rules.
func (r Rules) Evaluate(p engine.Phase, v *engine.View) engine.Plan {
	if r.OnEvaluate == nil {
		return engine.Plan{}
	}
	return r.OnEvaluate(p, v)
}

// Keep implements engine.Rules.
func (r Rules) Keep(v *engine.View, i *engine.Indicator) engine.Verdict {
	if r.OnKeep == nil {
		return engine.Verdict{Keep: true}
	}
	return r.OnKeep(v, i)
}

// Steps builds a plan of one rule that matched.
func Steps(rule string, actions ...engine.Action) engine.Plan {
	p := engine.Plan{Results: []engine.RuleResult{{Rule: rule, Result: engine.Match}}}
	for _, a := range actions {
		p.Steps = append(p.Steps, engine.Step{Rule: rule, Action: a})
	}
	return p
}

// Words is an extractor that reports every word beginning with "ioc-" as a
// String. It fails on the word "fail" and panics on "crash".
type Words struct{ Name string }

// Info implements engine.Extractor.
func (w Words) Info() engine.ExtractorInfo {
	return engine.ExtractorInfo{Name: cmp.Or(w.Name, "words"), Version: "1", Types: []string{"String"}, Default: true}
}

// Wants implements engine.Extractor.
func (w Words) Wants(p engine.PartInfo) bool { return p.Kind == "text" || p.Kind == "subject" }

// Extract implements engine.Extractor.
func (w Words) Extract(_ context.Context, in engine.Input) (found []engine.Finding, err error) {
	for _, p := range in.Parts {
		at := 0
		for _, word := range strings.Fields(p.Text) {
			start := at + strings.Index(p.Text[at:], word)
			at = start + len(word)
			switch {
			case word == "crash":
				panic("extractor: told to")
			case word == "fail":
				err = errors.New("told to fail")
			case strings.HasPrefix(word, "ioc-"):
				spot := engine.Spot{Part: p.ID, Context: engine.InText, Span: engine.Span{Start: start, End: at}}
				if p.Kind == "subject" {
					spot.Context = engine.InSubject
				}
				found = append(found, engine.Finding{Type: "String", Value: word, Original: word, Spot: spot})
			}
		}
	}
	return found, err
}

// Mailbox is a source that hands over every mail that was not acknowledged when
// the source was opened, as a mailbox with unread mail does.
type Mailbox struct {
	mu    sync.Mutex
	mails []engine.Delivery
	acked map[string]engine.Route
}

// NewMailbox returns a mailbox with these mails unread.
func NewMailbox(mails ...engine.Delivery) *Mailbox {
	return &Mailbox{mails: mails, acked: map[string]engine.Route{}}
}

// Acked returns the receipts, by Origin.ID.
func (m *Mailbox) Acked() map[string]engine.Route {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]engine.Route{}
	for k, v := range m.acked {
		out[k] = v
	}
	return out
}

// Open returns a source over the mails that are unread now.
func (m *Mailbox) Open() engine.Source {
	m.mu.Lock()
	defer m.mu.Unlock()
	unread := slices.DeleteFunc(slices.Clone(m.mails), func(d engine.Delivery) bool {
		_, acked := m.acked[d.Origin.ID]
		return acked
	})
	return &session{box: m, unread: unread}
}

type session struct {
	box    *Mailbox
	unread []engine.Delivery
}

func (s *session) Next(ctx context.Context) (engine.Delivery, error) {
	if err := ctx.Err(); err != nil {
		return engine.Delivery{}, err
	}
	if len(s.unread) == 0 {
		return engine.Delivery{}, io.EOF
	}
	d := s.unread[0]
	s.unread = s.unread[1:]
	return d, nil
}

func (s *session) Ack(_ context.Context, receipts []engine.Receipt) error {
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	for _, r := range receipts {
		s.box.acked[r.Origin.ID] = r.Route
	}
	return nil
}

func (s *session) Close() error { return nil }

// Recorder is a sink that remembers every batch, once per key, and how often
// each was shipped.
type Recorder struct {
	Sink string

	mu      sync.Mutex
	batches map[string]engine.Batch
	times   map[string]int
}

// Name implements engine.Sink.
func (r *Recorder) Name() string { return r.Sink }

// Ship implements engine.Sink.
func (r *Recorder) Ship(_ context.Context, b engine.Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.batches == nil {
		r.batches, r.times = map[string]engine.Batch{}, map[string]int{}
	}
	if r.times[b.Key]++; r.times[b.Key] == 1 {
		r.batches[b.Key] = b
	}
	return nil
}

// Close implements engine.Sink.
func (r *Recorder) Close() error { return nil }

// Batches returns what was shipped, sorted by key.
func (r *Recorder) Batches() []engine.Batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []engine.Batch
	for _, b := range r.batches {
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b engine.Batch) int { return cmp.Compare(a.Key, b.Key) })
	return all
}

// Faults makes operations fail at random, from a seed: with probability Rate an
// operation fails temporarily, half of the time before it has its effect and
// half of the time after.
type Faults struct {
	mu   sync.Mutex
	rng  *rand.Rand
	Rate float64
}

// NewFaults returns faults that are the same for the same seed and the same
// order of calls.
func NewFaults(seed uint64, rate float64) *Faults {
	return &Faults{rng: rand.New(rand.NewPCG(seed, seed^0x9e3779b97f4a7c15)), Rate: rate}
}

func (f *Faults) do(what string, op func() error) error {
	f.mu.Lock()
	fails, before := f.rng.Float64() < f.Rate, f.rng.IntN(2) == 0
	f.mu.Unlock()
	if fails && before {
		return fmt.Errorf("%s: injected before: %w", what, engine.ErrTemporary)
	}
	err := op()
	if fails && err == nil {
		return fmt.Errorf("%s: injected after: %w", what, engine.ErrTemporary)
	}
	return err
}

// Store injects faults into Begin, Commit and Done.
func (f *Faults) Store(s engine.Store) engine.Store { return &faultyStore{s, f} }

type faultyStore struct {
	engine.Store
	f *Faults
}

func (s *faultyStore) Begin(ctx context.Context, o engine.Origin, run string) (a engine.Attempt, err error) {
	err = s.f.do("begin", func() (err error) { a, err = s.Store.Begin(ctx, o, run); return err })
	return a, err
}

func (s *faultyStore) Commit(ctx context.Context, outcomes []*engine.Outcome) error {
	return s.f.do("commit", func() error { return s.Store.Commit(ctx, outcomes) })
}

func (s *faultyStore) Done(ctx context.Context, sink string, keys []string) error {
	return s.f.do("done", func() error { return s.Store.Done(ctx, sink, keys) })
}

// Sink injects faults into Ship.
func (f *Faults) Sink(s engine.Sink) engine.Sink { return &faultySink{s, f} }

type faultySink struct {
	engine.Sink
	f *Faults
}

func (s *faultySink) Ship(ctx context.Context, b engine.Batch) error {
	return s.f.do("ship", func() error { return s.Sink.Ship(ctx, b) })
}

// Source injects faults into Ack.
func (f *Faults) Source(s engine.Source) engine.Source { return &faultySource{s, f} }

type faultySource struct {
	engine.Source
	f *Faults
}

func (s *faultySource) Ack(ctx context.Context, r []engine.Receipt) error {
	return s.f.do("ack", func() error { return s.Source.Ack(ctx, r) })
}

// Mortal is a store whose process can die: after Kill nothing that is called
// through it has an effect. The store behind it lives on.
type Mortal struct {
	engine.Store
	mu   sync.Mutex
	dead bool
}

var errDead = errors.New("this process is dead")

// Kill ends the process.
func (m *Mortal) Kill() { m.mu.Lock(); m.dead = true; m.mu.Unlock() }

func (m *Mortal) alive() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errDead
	}
	return nil
}

// Begin implements engine.Ledger.
func (m *Mortal) Begin(ctx context.Context, o engine.Origin, run string) (engine.Attempt, error) {
	if err := m.alive(); err != nil {
		return engine.Attempt{}, err
	}
	return m.Store.Begin(ctx, o, run)
}

// Release implements engine.Ledger.
func (m *Mortal) Release(ctx context.Context, o []engine.Origin, run string) error {
	if err := m.alive(); err != nil {
		return err
	}
	return m.Store.Release(ctx, o, run)
}

// Commit implements engine.Ledger.
func (m *Mortal) Commit(ctx context.Context, o []*engine.Outcome) error {
	if err := m.alive(); err != nil {
		return err
	}
	return m.Store.Commit(ctx, o)
}
