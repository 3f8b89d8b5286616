package engine

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync/atomic"
	"time"
)

// Config wires an Engine. Source, Parser, Rules and Store are required; a
// zero in any other field means its default.
type Config struct {
	Source     Source
	Parser     Parser
	Rules      Rules
	Extractors []Extractor // in the order in which they run
	Unpacker   Unpacker    // nil: attachments stay as they are
	Store      Store
	Sinks      []Sink
	Clock      Clock // the system's
	Limits     Limits
	Flood      Flood // zero: senders may send any number
	// Secrets are the passwords that rules refer to, by name.
	Secrets map[string]string
	// DomainOf takes the host of an indicator apart for rules; nil leaves
	// Indicator.Domain empty. It is pure.
	DomainOf func(kind, value string) Domain
	// Listed names the lists of well-known values that an indicator is on; nil: there
	// are none. It is called from several goroutines.
	Listed func(kind, value string) []string
	// MarkupAt tells where in the markup of a page that begins which is behind the
	// first n bytes of its inner text, for several ascending n; nil: sections of a
	// page have no markup.
	MarkupAt func(raw string, n []int) []int

	Run         string        // names this process's run, for counting attempts; "run"
	Workers     int           // messages handled at the same time; the number of processors
	Attempts    int           // begins without a commit before a mail is quarantined unparsed; 3
	Tries       int           // of an effect that fails temporarily, before this run gives up on it; 6
	Timeout     time.Duration // wall-clock net over one message; 5 minutes
	CommitGroup int           // outcomes in one transaction at most; 32
	Backlog     int           // committed batches that may wait for their sinks before intake pauses; 0 means any number
	// Recheck makes a run go on until its context ends: how often parked mails
	// are asked for while the source goes on, and how long to rest after trouble
	// that outlasted Tries. 0: a run ends with its source.
	Recheck time.Duration

	// AtEnd is called once when the source has ended and everything read is
	// committed, before parked mails are looked at for the last time.
	AtEnd func()
	// Observe is called after each commit with its outcomes, in the order in
	// which the source delivered the mails, from one goroutine.
	Observe func(*Outcome)
	Log     *slog.Logger // nothing is logged when nil
}

// Engine moves mails from a source through rules into a store and from its
// outbox into sinks. Use New; an Engine runs once at a time.
type Engine struct {
	cfg   Config
	rules atomic.Pointer[Rules] // a mail is handled by those that were there when it began
	last  atomic.Pointer[run]   // or the one that goes on
}

// SetRules changes the rules for the mails that are begun from now on. It may be
// called while the engine runs.
func (e *Engine) SetRules(r Rules) { e.rules.Store(&r) }

// Progress is the summary of the run that goes on, as far as it has come.
func (e *Engine) Progress() Summary {
	r := e.last.Load()
	if r == nil {
		return newSummary()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sum
	s.Delivered, s.Unshipped, s.Failed = maps.Clone(s.Delivered), maps.Clone(s.Unshipped), maps.Clone(s.Failed)
	s.Errors = slices.Clone(s.Errors)
	return s
}

// New checks the wiring and fills in defaults.
func New(cfg Config) (*Engine, error) {
	if cfg.Source == nil || cfg.Store == nil {
		return nil, errors.New("engine: source and store are required")
	}
	return newEngine(cfg)
}

// NewProcessor returns an engine that can Process but not Run.
func NewProcessor(cfg Config) (*Engine, error) { return newEngine(cfg) }

func newEngine(cfg Config) (*Engine, error) {
	if cfg.Parser == nil || cfg.Rules == nil {
		return nil, errors.New("engine: parser and rules are required")
	}
	seen := map[string]bool{}
	for _, s := range cfg.Sinks {
		if seen[s.Name()] {
			return nil, errors.New("engine: two sinks named " + s.Name())
		}
		seen[s.Name()] = true
	}
	cfg.Limits = cfg.Limits.WithDefaults()
	orDefault(&cfg.Workers, runtime.GOMAXPROCS(0))
	orDefault(&cfg.Attempts, 3)
	orDefault(&cfg.Tries, 6)
	orDefault(&cfg.CommitGroup, 32)
	if cfg.Timeout <= 0 {
		cfg.Timeout = 5 * time.Minute
	}
	if cfg.Run == "" {
		cfg.Run = "run"
	}
	if cfg.Clock == nil {
		cfg.Clock = SystemClock{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{cfg: cfg}
	e.SetRules(cfg.Rules)
	return e, nil
}

func orDefault(p *int, v int) {
	if *p <= 0 {
		*p = v
	}
}

func (e *Engine) sinkNames() []string {
	var names []string
	for _, s := range e.cfg.Sinks {
		names = append(names, s.Name())
	}
	return names
}

// SystemClock is the clock of the machine.
type SystemClock struct{}

// Now implements Clock.
func (SystemClock) Now() time.Time { return time.Now() }

// Sleep implements Clock.
func (SystemClock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// StillClock stands still until it is set, and never makes anybody wait: the
// clock of a dry run. The zero value stands at the zero time.
type StillClock struct{ at time.Time }

// Set moves the clock. It must not be called while an engine reads it, except
// from Config.AtEnd.
func (c *StillClock) Set(t time.Time) { c.at = t }

// Now implements Clock.
func (c *StillClock) Now() time.Time { return c.at }

// Sleep implements Clock.
func (c *StillClock) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// EndOfTime is a time after every deadline.
var EndOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// retry calls f until it succeeds, fails for good, or has failed temporarily
// cfg.Tries times, waiting longer each time.
func (e *Engine) retry(ctx context.Context, f func() error) error {
	wait := 100 * time.Millisecond
	for try := 1; ; try++ {
		err := f()
		if err == nil || !errors.Is(err, ErrTemporary) || try == e.cfg.Tries {
			return err
		}
		if e.cfg.Clock.Sleep(ctx, wait) != nil {
			return err
		}
		wait = min(2*wait, 30*time.Second)
	}
}
