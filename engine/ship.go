package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ship drains the outbox into one sink.
func (r *run) ship(ctx context.Context, sink Sink, wake <-chan struct{}) {
	for last := false; ; {
		more, err := r.shipSome(ctx, sink)
		switch {
		case r.goesOn(ctx, err):
			r.rest(ctx, sink, err)
			continue
		case err != nil:
			r.giveUp(sink, err)
			return
		case more:
			continue
		case last:
			return
		}
		select {
		case <-wake:
		case <-r.noMore:
			last = true // look once more: a commit may have come just before
		case <-ctx.Done():
			r.giveUp(sink, ctx.Err())
			return
		}
	}
}

// shipSome ships the oldest pending batches of a sink. A batch that the sink
// refuses for good is set aside; a temporary failure ends the sink's run.
func (r *run) shipSome(ctx context.Context, sink Sink) (more bool, err error) {
	var batches []Batch
	err = r.retry(ctx, func() (err error) {
		batches, err = r.cfg.Store.Pending(ctx, sink.Name(), 16)
		return err
	})
	if err != nil || len(batches) == 0 {
		return false, err
	}
	var done []string
	for _, b := range batches {
		err := r.retry(ctx, func() error { return sink.Ship(ctx, b) })
		if err != nil && (errors.Is(err, ErrTemporary) || ctx.Err() != nil) {
			return false, errors.Join(err, r.settleBatches(ctx, sink, done))
		}
		if err != nil {
			if err := r.setAside(ctx, sink, b, err); err != nil {
				return false, err
			}
			continue
		}
		done = append(done, b.Key)
	}
	return true, r.settleBatches(ctx, sink, done)
}

func (r *run) settleBatches(ctx context.Context, sink Sink, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	if err := r.retry(ctx, func() error { return r.cfg.Store.Done(ctx, sink.Name(), keys) }); err != nil {
		return err
	}
	r.backlog.add(-len(keys))
	r.mu.Lock()
	r.sum.Delivered[sink.Name()] += len(keys)
	r.mu.Unlock()
	return nil
}

func (r *run) setAside(ctx context.Context, sink Sink, b Batch, reason error) error {
	r.note(fmt.Errorf("ship to %s: %w", sink.Name(), reason))
	ctx = context.WithoutCancel(ctx)
	if err := r.retry(ctx, func() error { return r.cfg.Store.Fail(ctx, sink.Name(), b.Key, reason.Error()) }); err != nil {
		return err
	}
	r.backlog.add(-1)
	r.mu.Lock()
	r.sum.Failed[sink.Name()]++
	r.mu.Unlock()
	return nil
}

// rest waits before a sink that is unavailable is tried again. Until then mail is
// taken in without it.
func (r *run) rest(ctx context.Context, sink Sink, err error) {
	r.note(fmt.Errorf("ship to %s: %w", sink.Name(), err))
	r.backlog.leave()
	r.cfg.Clock.Sleep(ctx, r.cfg.Recheck)
	r.backlog.rejoin()
}

// giveUp counts what is left for the next run, once all is committed.
func (r *run) giveUp(sink Sink, err error) {
	r.backlog.leave()
	if !errors.Is(err, context.Canceled) {
		r.note(fmt.Errorf("ship to %s: %w", sink.Name(), err))
	}
	<-r.noMore
	left, _, _ := r.cfg.Store.Waiting(context.Background(), sink.Name())
	r.mu.Lock()
	r.sum.Unshipped[sink.Name()] = left
	r.mu.Unlock()
}

// backlog counts committed batches that their sinks have not taken yet.
type backlog struct {
	mu      sync.Mutex
	changed *sync.Cond
	n       int
	away    int // sinks that take nothing now: waiting for them might never end
}

func (b *backlog) open(sinks int) {
	if b.changed = sync.NewCond(&b.mu); sinks == 0 {
		b.away = 1
	}
}

func (b *backlog) add(n int) {
	b.mu.Lock()
	b.n += n
	b.mu.Unlock()
	b.changed.Broadcast()
}

// leave says that a sink takes nothing until it rejoins.
func (b *backlog) leave() {
	b.mu.Lock()
	b.away++
	b.mu.Unlock()
	b.changed.Broadcast()
}

func (b *backlog) rejoin() {
	b.mu.Lock()
	b.away--
	b.mu.Unlock()
}

// wait returns when at most limit batches wait, when a sink has left, or when
// ctx ends. A limit of 0 is none.
func (b *backlog) wait(ctx context.Context, limit int) {
	if limit == 0 {
		return
	}
	defer context.AfterFunc(ctx, b.changed.Broadcast)()
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.n > limit && b.away == 0 && ctx.Err() == nil {
		b.changed.Wait()
	}
}
