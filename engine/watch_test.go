package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/store/mem"
)

// endless is a source that waits for more when its mails have been read.
type endless struct {
	engine.Source
	trouble atomic.Int32 // how often Next fails first
}

func (e *endless) Next(ctx context.Context) (engine.Delivery, error) {
	if e.trouble.Add(-1) >= 0 {
		return engine.Delivery{}, fmt.Errorf("no connection: %w", engine.ErrTemporary)
	}
	d, err := e.Source.Next(ctx)
	if err == io.EOF {
		<-ctx.Done()
		err = ctx.Err()
	}
	return d, err
}

// sulky is a sink that is not to be had at first.
type sulky struct {
	*enginetest.Recorder
	trouble atomic.Int32
}

func (s *sulky) Ship(ctx context.Context, b engine.Batch) error {
	if s.trouble.Add(-1) >= 0 {
		return fmt.Errorf("unavailable: %w", engine.ErrTemporary)
	}
	return s.Recorder.Ship(ctx, b)
}

// steadyRun runs until a condition holds, then ends the run.
func steadyRun(t *testing.T, cfg engine.Config, enough func(engine.Summary) bool) engine.Summary {
	t.Helper()
	cfg.Recheck, cfg.Clock, cfg.Tries = 5*time.Millisecond, engine.SystemClock{}, 1
	e, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	go func() {
		for ctx.Err() == nil && !enough(e.Progress()) {
			time.Sleep(time.Millisecond)
		}
		stop()
	}()
	sum, err := e.Run(ctx)
	if !errors.Is(err, context.Canceled) || !enough(sum) {
		t.Errorf("ended with %v, %+v", err, sum)
	}
	return sum
}

func TestARunThatGoesOn(t *testing.T) {
	held := enginetest.Mail("held", "hold", "ioc-a")
	held.Origin.Received = time.Now()
	mails := []engine.Delivery{enginetest.Mail("one", "x", "ioc-b"), held, enginetest.Mail("two", "x", "ioc-c")}
	rules := enginetest.Rules{OnEvaluate: func(p engine.Phase, v *engine.View) engine.Plan {
		if p == engine.PhaseMessage && v.Message.Subject.Subject == "hold" {
			return enginetest.Steps("wait", engine.Hold{For: 50 * time.Millisecond})
		}
		return engine.Plan{}
	}}
	tests := []struct {
		name           string
		sources, sinks int32 // how often they fail
	}{
		{"without trouble", 0, 0},
		{"a source that is away for a while", 9, 0},
		{"a sink that is away for a while", 0, 9},
		{"both", 5, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := &endless{Source: enginetest.NewMailbox(mails...).Open()}
			sink := &sulky{Recorder: &enginetest.Recorder{Sink: "a"}}
			src.trouble.Store(tt.sources)
			sink.trouble.Store(tt.sinks)
			cfg := config(src, mem.New(), sink)
			cfg.Rules = rules
			sum := steadyRun(t, cfg, func(s engine.Summary) bool { return s.Delivered["a"] == 3 })
			if sum.Read != 3 || sum.Shipped != 3 || sum.Parked != 0 || sum.Unshipped["a"] != 0 {
				t.Errorf("%+v", sum)
			}
			if got := len(sink.Batches()); got != 3 {
				t.Errorf("%d batches, want 3", got)
			}
		})
	}
}

// A run that goes on ends with its source, when that ends, though a sink is away.
func TestARunThatGoesOnEndsWithItsSource(t *testing.T) {
	sink := &sulky{Recorder: &enginetest.Recorder{Sink: "a"}}
	sink.trouble.Store(1 << 30)
	cfg := config(enginetest.NewMailbox(enginetest.Mail("one", "x", "ioc-b")).Open(), mem.New(), sink)
	cfg.Recheck = time.Hour
	sum, err := run(t, t.Context(), cfg)
	if err != nil || sum.Shipped != 1 || sum.Unshipped["a"] != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
}

// changing calls a function before it hands over its mail of a number.
type changing struct {
	engine.Source
	left   int
	change func()
}

func (c *changing) Next(ctx context.Context) (engine.Delivery, error) {
	if c.left--; c.left < 0 && c.change != nil {
		c.change()
		c.change = nil
	}
	return c.Source.Next(ctx)
}

// Rules may be changed while mails are handled: each mail sees one set of them, and
// those that are begun afterwards the new one.
func TestRulesChangeBetweenMails(t *testing.T) {
	var mails []engine.Delivery
	for i := range 400 {
		mails = append(mails, enginetest.Mail(fmt.Sprint(i), "x", "ioc-a"))
	}
	named := func(name string) engine.Rules {
		return enginetest.Rules{OnEvaluate: func(engine.Phase, *engine.View) engine.Plan {
			return enginetest.Steps(name, engine.Tag{Name: name})
		}}
	}
	src := &changing{Source: enginetest.NewMailbox(mails...).Open(), left: 300}
	cfg := config(src, mem.New(), &enginetest.Recorder{Sink: "a"})
	seen := map[string]int{}
	cfg.Rules = named("old")
	cfg.Observe = func(o *engine.Outcome) {
		tags := o.Items[0].Decision.Tags
		if len(tags) != 1 || !slices.Contains([]string{"old", "new"}, tags[0]) {
			t.Errorf("%s: tags %q", o.Origin.ID, tags)
			return
		}
		seen[tags[0]]++
	}
	e, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	src.change = func() { e.SetRules(named("new")) }
	if _, err := e.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if seen["old"] == 0 || seen["new"] < 100 || seen["old"]+seen["new"] != len(mails) {
		t.Errorf("%v: want all mails, the first by the old rules, the last 100 by the new ones", seen)
	}
}
