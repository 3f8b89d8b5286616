package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/source/files"
	"github.com/tqmailrules/tqmailrules/engine/source/imap"
)

// namedSource is a source of the configuration.
type namedSource struct {
	name string
	engine.Source
}

// sources reads several sources as one. What they are told goes to the one that
// it is about. One that fails for good ends none of the others: its error comes
// when all have ended.
type sources struct {
	all      []namedSource
	together bool // side by side, since none of them ends

	at     int   // the one that is read, when they are read in turn
	tries  int   // of it, that failed in a row
	failed error // of those that have ended

	once    sync.Once
	arrived chan arrival // from those that are read side by side
	reading sync.WaitGroup
}

type arrival struct {
	engine.Delivery
	err error // of a source that has ended, or will be asked again
}

// maxTries is how often a source may fail in a row before the next is read.
const maxTries = 4

// Next implements engine.Source.
func (s *sources) Next(ctx context.Context) (engine.Delivery, error) {
	if s.together {
		return s.nextOfAny(ctx)
	}
	for s.at < len(s.all) {
		src := s.all[s.at]
		d, err := src.Next(ctx)
		if err == nil {
			s.tries = 0
			return d, nil
		}
		if s.tries++; ctx.Err() != nil || errors.Is(err, engine.ErrTemporary) && s.tries < maxTries {
			return d, err
		}
		s.ended(src, err)
		s.at, s.tries = s.at+1, 0
	}
	return engine.Delivery{}, s.end()
}

func (s *sources) ended(src namedSource, err error) {
	if err != io.EOF {
		s.failed = errors.Join(s.failed, fmt.Errorf("source %s: %w", src.name, err))
	}
}

// end is the error that ends them all.
func (s *sources) end() error {
	if s.failed == nil {
		return io.EOF
	}
	return &final{s.failed}
}

// final is an error that is not tried again, though what caused it may pass: that
// was tried.
type final struct{ cause error }

func (f *final) Error() string { return f.cause.Error() }

// nextOfAny takes from whichever source has something.
func (s *sources) nextOfAny(ctx context.Context) (engine.Delivery, error) {
	s.once.Do(func() { s.start(ctx) })
	select {
	case a, ok := <-s.arrived:
		if !ok {
			return engine.Delivery{}, s.end()
		}
		return a.Delivery, a.err
	case <-ctx.Done():
		return engine.Delivery{}, ctx.Err()
	}
}

// start reads every source in a goroutine of its own until it ends or ctx does.
func (s *sources) start(ctx context.Context) {
	s.arrived = make(chan arrival)
	var mu sync.Mutex
	for _, src := range s.all {
		s.reading.Go(func() {
			if err := s.read(ctx, src); err != nil {
				mu.Lock()
				defer mu.Unlock()
				s.ended(src, err)
			}
		})
	}
	go func() {
		s.reading.Wait()
		close(s.arrived)
	}()
}

func (s *sources) read(ctx context.Context, src namedSource) error {
	for {
		d, err := src.Next(ctx)
		if err != nil && (ctx.Err() != nil || !errors.Is(err, engine.ErrTemporary)) {
			return err
		}
		select {
		case s.arrived <- arrival{d, err}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Ack implements engine.Source.
func (s *sources) Ack(ctx context.Context, receipts []engine.Receipt) (err error) {
	of := map[string][]engine.Receipt{}
	for _, r := range receipts {
		of[r.Origin.Source] = append(of[r.Origin.Source], r)
	}
	for _, src := range s.all {
		if len(of[src.name]) > 0 {
			if e := src.Ack(ctx, of[src.name]); e != nil {
				err = errors.Join(err, fmt.Errorf("source %s: %w", src.name, e))
			}
		}
	}
	return err
}

// patience is how long those that are read side by side may take to notice that
// they are not read any more: standard input may never.
const patience = 5 * time.Second

// Close implements engine.Source.
func (s *sources) Close() (err error) {
	ended := make(chan struct{})
	go func() {
		s.reading.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(patience):
	}
	for _, src := range s.all {
		err = errors.Join(err, src.Close())
	}
	return err
}

// skipped counts the files that are no mail.
func (s *sources) skipped() (n int) {
	for _, src := range s.all {
		if f, ok := src.Source.(*files.Source); ok {
			n += len(f.Skipped())
		}
	}
	return n
}

// limited ends after so many mails.
type limited struct {
	engine.Source
	left int
}

// limit ends a source after max mails; 0 means never.
func limit(src engine.Source, max int) engine.Source {
	if max <= 0 {
		return src
	}
	return &limited{src, max}
}

// Next implements engine.Source.
func (l *limited) Next(ctx context.Context) (engine.Delivery, error) {
	if l.left == 0 {
		return engine.Delivery{}, io.EOF
	}
	d, err := l.Source.Next(ctx)
	if err == nil {
		l.left--
	}
	return d, err
}

// folders reads files again and again: what is new in them is handled, the rest
// is known.
type folders struct {
	cfg  files.Config
	poll time.Duration
	*files.Source
}

func newFolders(cfg files.Config, poll time.Duration) (*folders, error) {
	src, err := files.Open(cfg)
	return &folders{cfg, poll, src}, err
}

// Next implements engine.Source.
func (f *folders) Next(ctx context.Context) (engine.Delivery, error) {
	for {
		d, err := f.Source.Next(ctx)
		if err != io.EOF {
			return d, err
		}
		select {
		case <-time.After(f.poll):
		case <-ctx.Done():
			return d, ctx.Err()
		}
		again, err := files.Open(f.cfg)
		if err != nil {
			return d, fmt.Errorf("%w: %w", engine.ErrTemporary, err)
		}
		f.Source.Close()
		f.Source = again
	}
}

var (
	_ engine.Source = (*sources)(nil)
	_ engine.Source = (*folders)(nil)
	_ engine.Source = (*imap.Source)(nil)
)
