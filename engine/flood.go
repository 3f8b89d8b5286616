package engine

import (
	"context"
	"fmt"
	"time"
)

// Flood bounds what one sender may make a run do at once: a mail that was received
// when Mails others of its sender had been received within Per is parked for Per.
// Nothing is dropped, and an operator can decide meanwhile. The count lags behind
// by the mails that are being handled at the same time.
type Flood struct {
	Mails int // 0: any number
	Per   time.Duration
}

// dam parks a mail of a sender who floods the mailbox, before any work is done on
// it. A mail that has been parked is let through.
func (e *Engine) dam(ctx context.Context, out *Outcome, d Delivery) (parked bool, err error) {
	f, received := e.cfg.Flood, out.Message.Meta.Received
	if f.Mails <= 0 || out.Sender == "" || d.Parked || e.cfg.Store == nil {
		return false, nil
	}
	n, err := e.cfg.Store.Arrived(ctx, out.Sender, received.Add(-f.Per), received)
	if err != nil || n < f.Mails {
		return false, err
	}
	until := e.cfg.Clock.Now().Add(f.Per)
	out.Disposition = Parked
	out.Reason = fmt.Sprintf("flood: %d mails of %s within %s; held until %s", n, out.Sender, f.Per, until.UTC().Format("2006-01-02 15:04:05"))
	out.Park = &Park{Received: received, Deadline: until}
	return true, nil
}
