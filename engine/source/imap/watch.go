package imap

import (
	"context"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// hintPause is what is waited after a hint: mails come in swarms.
const hintPause = 250 * time.Millisecond

// idlePause is what is waited when a server ends connections instead of
// telling of mail.
const idlePause = 10 * time.Second

// wait passes the time between two passes: Poll, or less when the server hints
// at new mail in the first folder. A hint is not more than that: the pass looks
// for itself, and without hints it comes all the same.
func (s *Source) wait(ctx context.Context) {
	s.mu.Lock()
	c := s.reader
	s.mu.Unlock()
	if s.cfg.Idle && c != nil && !c.dead.Load() && c.caps.Has(goimap.CapIdle) {
		s.idle(ctx, c)
		return
	}
	_ = s.cfg.Clock.Sleep(ctx, s.cfg.Poll) // Next looks at ctx
}

// idle waits in IDLE. The library sends it anew every 28 minutes; Poll is
// shorter as a rule.
func (s *Source) idle(ctx context.Context, c *session) {
	first := s.folders[0].name
	if c.selected == nil || c.selected.name != first {
		before := s.folders[0].mails
		if err := c.choose(ctx, first, s.cfg.ReadOnly); err != nil {
			_ = s.cfg.Clock.Sleep(ctx, s.cfg.Poll)
			return
		}
		if c.selected.mails > before {
			return // some came while other folders were read
		}
	}
	var cmd *imapclient.IdleCommand
	err := c.do(ctx, talk, func() (err error) {
		cmd, err = c.client.Idle()
		return err
	})
	if err != nil {
		s.cfg.Log.Info("IDLE is not possible", "err", err)
		_ = s.cfg.Clock.Sleep(ctx, s.cfg.Poll)
		return
	}
	s.untilHint(ctx, c)
	err = c.do(ctx, talk, func() error {
		if err := cmd.Close(); err != nil {
			return err
		}
		return cmd.Wait()
	})
	if err != nil && ctx.Err() == nil {
		s.cfg.Log.Info("the connection ended while waiting for mail", "err", err)
		_ = s.cfg.Clock.Sleep(ctx, min(s.cfg.Poll, idlePause))
	}
}

// untilHint returns after Poll, soon after a hint, or when the connection or ctx
// ends.
func (s *Source) untilHint(ctx context.Context, c *session) {
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	hinted := make(chan bool, 1) // one answer
	go func() {
		select {
		case <-s.hints:
			hinted <- true
		case <-c.client.Closed():
			hinted <- false
		case <-waiting.Done():
			hinted <- false
		}
		stop()
	}()
	_ = s.cfg.Clock.Sleep(waiting, s.cfg.Poll)
	stop()
	if <-hinted {
		_ = s.cfg.Clock.Sleep(ctx, hintPause)
	}
}

func (s *Source) clearHint() {
	select {
	case <-s.hints:
	default:
	}
}
