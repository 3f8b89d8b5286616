package engine

import (
	"context"
	"errors"
	"io"
	"time"
)

// steady is the source of a run that goes on (Config.Recheck): what the source
// hands over, and, every so often, what the store gives back.
type steady struct {
	*run
	fetched chan fetched
	asked   bool // the source was asked, and has not answered yet
	due     <-chan struct{}
	queue   []Delivery
}

type fetched struct {
	Delivery
	err error
}

// steadyNext makes the next function of a run that goes on. It is for one
// goroutine; what it started ends with ctx.
func (r *run) steadyNext(ctx context.Context) func(context.Context) (Delivery, error) {
	s := &steady{run: r, fetched: make(chan fetched, 1), due: r.every(ctx, r.cfg.Recheck)}
	return s.next
}

// every signals after each span of the clock, until ctx ends. Signals that
// nobody takes are one.
func (e *Engine) every(ctx context.Context, span time.Duration) <-chan struct{} {
	due := make(chan struct{}, 1)
	go func() {
		for e.cfg.Clock.Sleep(ctx, span) == nil {
			select {
			case due <- struct{}{}:
			default:
			}
		}
	}()
	return due
}

func (s *steady) next(ctx context.Context) (Delivery, error) {
	for len(s.queue) == 0 {
		s.ask(ctx)
		select {
		case f := <-s.fetched:
			s.asked = false
			return f.Delivery, f.err
		case <-s.due:
			if err := s.giveBack(ctx); err != nil {
				return Delivery{}, err
			}
		case <-ctx.Done():
			return Delivery{}, ctx.Err()
		}
	}
	d := s.queue[0]
	s.queue = s.queue[1:]
	return d, nil
}

// ask asks the source for one delivery, unless it is thinking about one.
func (s *steady) ask(ctx context.Context) {
	if s.asked {
		return
	}
	s.asked = true
	go func() {
		d, err := s.cfg.Source.Next(ctx)
		s.fetched <- fetched{d, err}
	}()
}

// giveBack queues the parked mails that are ready, but for those that are being
// handled.
func (s *steady) giveBack(ctx context.Context) error {
	got, err := s.cfg.Store.Ready(ctx, s.cfg.Clock.Now(), s.busyReturns()+s.cfg.CommitGroup)
	if err != nil {
		return err
	}
	for _, d := range got {
		if s.returns(d) {
			s.queue = append(s.queue, d)
		}
	}
	return nil
}

func (r *run) busyReturns() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.returning)
}

// returns notes that a parked mail is on its way, and tells whether it was not.
func (r *run) returns(d Delivery) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := d.Origin.Key()
	before := len(r.returning)
	r.returning[key] = true
	return len(r.returning) > before
}

// returned forgets the parked mails of a group, which are committed or released.
func (r *run) returned(group []*job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, j := range group {
		delete(r.returning, j.delivery.Origin.Key())
	}
}

// goesOn tells whether a run continues after trouble of the environment.
func (r *run) goesOn(ctx context.Context, err error) bool {
	select {
	case <-r.noMore:
		return false
	default:
		return r.cfg.Recheck > 0 && ctx.Err() == nil && errors.Is(err, ErrTemporary)
	}
}

// untilEnd retries next for ever while its trouble may pass, in a run that goes
// on.
func (r *run) untilEnd(next func(context.Context) (Delivery, error)) func(context.Context) (Delivery, error) {
	return func(ctx context.Context) (Delivery, error) {
		for {
			var d Delivery
			err := r.retry(ctx, func() (err error) { d, err = next(ctx); return err })
			if err == nil || err == io.EOF || !r.goesOn(ctx, err) {
				return d, err
			}
			r.note(err)
			if r.cfg.Clock.Sleep(ctx, r.cfg.Recheck) != nil {
				return d, ctx.Err()
			}
		}
	}
}
