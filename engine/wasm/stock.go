package wasm

import (
	"context"
	"time"
)

// slow is how long a start takes that is worth making ahead.
const slow = 300 * time.Microsecond

// stock hands out instances, each once. Where they start slowly, one goroutine
// keeps some ready; it ends with close.
type stock struct {
	fresh func(context.Context) (*instance, error)
	ready chan *instance // holds the stock; nil when there is none
	stop  context.CancelFunc
	done  chan struct{}
}

// open starts the module once, to see that it can be started and how long it
// takes, and begins to fill the stock if that is long.
func (s *stock) open(ctx context.Context, size int) error {
	took := time.Hour
	for range 2 { // the first start pays for things that later ones find
		begin := time.Now()
		i, err := s.fresh(ctx)
		if err != nil {
			return err
		}
		i.close()
		took = min(took, time.Since(begin))
	}
	if size > 0 && took > slow {
		s.ready, s.done = make(chan *instance, size), make(chan struct{})
		ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
		go s.fill(ctx)
	}
	return nil
}

// fill makes instances until it is stopped. If one cannot be made it stops by
// itself: whoever needs one then makes it, and gets the error.
func (s *stock) fill(ctx context.Context) {
	defer close(s.done)
	for {
		i, err := s.fresh(ctx)
		if err != nil {
			return
		}
		select {
		case s.ready <- i:
		case <-ctx.Done():
			i.close()
			return
		}
	}
}

// take returns an instance that nobody has used.
func (s *stock) take(ctx context.Context) (*instance, error) {
	select {
	case i := <-s.ready:
		return i, nil
	default:
		return s.fresh(ctx)
	}
}

func (s *stock) close() {
	if s.stop == nil {
		return
	}
	s.stop()
	<-s.done
	for {
		select {
		case i := <-s.ready:
			i.close()
		default:
			return
		}
	}
}
