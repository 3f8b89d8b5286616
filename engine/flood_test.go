package engine_test

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/store/mem"
)

// fromSubject reads the fake format, whose subject names the sender.
type fromSubject struct{ enginetest.Parser }

func (p fromSubject) Parse(ctx context.Context, raw engine.Blob, o engine.Origin) (*engine.Message, error) {
	m, err := p.Parser.Parse(ctx, raw, o)
	if err == nil {
		m.Sender.Email.Email = m.Subject.Subject
	}
	return m, err
}

// What one sender sends too much of waits, and is handled later; others are not
// held up.
func TestAFloodIsDammed(t *testing.T) {
	var mails []engine.Delivery
	for i := range 6 {
		for _, sender := range []string{"Flood@x.example", fmt.Sprintf("one-%d@y.example", i)} {
			d := enginetest.Mail(fmt.Sprintf("%s %d", sender, i), sender, "ioc-a")
			d.Origin.Received = at(i)
			mails = append(mails, d)
		}
	}
	later := enginetest.Mail("later", "flood@x.example", "ioc-a")
	later.Origin.Received = at(200)
	mails = append(mails, later)
	clock := &engine.StillClock{}
	clock.Set(at(6))
	rec := &enginetest.Recorder{Sink: "a"}
	cfg := config(enginetest.NewMailbox(mails...).Open(), mem.New(), rec)
	cfg.Parser, cfg.Clock, cfg.Workers, cfg.CommitGroup = fromSubject{}, clock, 1, 1
	cfg.Flood = engine.Flood{Mails: 3, Per: time.Hour}
	parked := map[string]string{}
	cfg.Observe = func(o *engine.Outcome) {
		if o.Disposition == engine.Parked {
			parked[o.Origin.ID] = o.Reason
		}
	}
	sum, err := run(t, t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Parked == 0 || sum.Parked > 3 || sum.Shipped != 13-sum.Parked {
		t.Fatalf("%+v: want up to 3 of the 6 parked, the rest shipped", sum)
	}
	why := regexp.MustCompile(`^flood: [345] mails of flood@x\.example within 1h0m0s; held until 2026-03-01 10:06:00$`)
	if got := parked["Flood@x.example 5"]; !why.MatchString(got) {
		t.Errorf("%q does not say why", got)
	}
	if parked["later"] != "" {
		t.Errorf("a mail of another hour is parked: %s", parked["later"])
	}

	// in their time they are handled, however many there are
	clock.Set(at(70))
	cfg.Source = enginetest.NewMailbox().Open()
	if sum, err = run(t, t.Context(), cfg); err != nil || sum.Returned != len(parked) || sum.Shipped != len(parked) {
		t.Errorf("%+v, %v; want %d returned and shipped", sum, err, len(parked))
	}
	if diff := cmp.Diff(13, len(rec.Batches())); diff != "" {
		t.Error(diff)
	}
}
