package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"sync"
)

// Summary counts what a run did.
type Summary struct {
	Read        int            `json:"read"`
	Returned    int            `json:"returned"` // parked by an earlier run, and given back
	Bytes       int64          `json:"bytes"`
	Shipped     int            `json:"shipped"` // mails of each disposition
	Nothing     int            `json:"nothing"`
	Skipped     int            `json:"skipped"`
	Parked      int            `json:"parked"` // and not given back in this run
	Quarantined int            `json:"quarantined"`
	Repeated    int            `json:"repeated"` // in the ledger already
	Deferred    int            `json:"deferred"` // not handled because of the environment; not acknowledged
	Unacked     int            `json:"unacked"`  // committed, but the source could not be told
	Delivered   map[string]int `json:"delivered"`
	Unshipped   map[string]int `json:"unshipped"` // batches left in the outbox because the sink was unavailable
	Failed      map[string]int `json:"failed"`    // batches that the sink refused for good
	Errors      []string       `json:"errors"`    // of the environment, each once
}

// Degraded tells whether something is left for the next run.
func (s *Summary) Degraded() bool {
	return s.Deferred+s.Unacked+total(s.Unshipped)+total(s.Failed) > 0
}

func total(m map[string]int) int {
	n := 0
	for _, v := range m {
		n += v
	}
	return n
}

// run is the state of one Run call.
type run struct {
	*Engine
	mu        sync.Mutex
	sum       Summary
	parked    map[string]bool // by Origin.Key: parked in this run
	returning map[string]bool // by Origin.Key: given back by the store while the source goes on
	backlog   backlog
	inFlight  sync.WaitGroup  // mails begun and neither committed nor released
	wake      []chan struct{} // one per sink, capacity 1: a token says that there may be work
	noMore    chan struct{}   // closed when nothing will be committed any more
}

// Run works until the source ends or ctx does, then until the outbox is empty
// or its sinks have failed too often. What was begun is committed or released.
// The error is that of a source or store that failed for good, or ctx's.
func (e *Engine) Run(ctx context.Context) (Summary, error) {
	return e.shipping(ctx, func(r *run) error {
		err := r.intake(ctx, r.source(ctx))
		if err != nil {
			return err
		}
		if e.cfg.AtEnd != nil {
			e.cfg.AtEnd()
		}
		return r.readmit(ctx)
	})
}

// Drain ships what waits in the outbox, and takes in nothing.
func (e *Engine) Drain(ctx context.Context) (Summary, error) {
	return e.shipping(ctx, func(*run) error { return nil })
}

// shipping takes mail in while the sinks are served.
func (e *Engine) shipping(ctx context.Context, takeIn func(*run) error) (Summary, error) {
	r := &run{Engine: e, noMore: make(chan struct{}), parked: map[string]bool{}, returning: map[string]bool{}, sum: newSummary()}
	e.last.Store(r)
	var shippers sync.WaitGroup
	for range e.cfg.Sinks {
		r.wake = append(r.wake, make(chan struct{}, 1))
	}
	r.backlog.open(len(e.cfg.Sinks))
	for i, sink := range e.cfg.Sinks {
		shippers.Go(func() { r.ship(ctx, sink, r.wake[i]) })
	}
	err := takeIn(r)
	close(r.noMore)
	shippers.Wait()
	if err == nil {
		err = ctx.Err()
	}
	return r.sum, err
}

func newSummary() Summary {
	return Summary{Delivered: map[string]int{}, Unshipped: map[string]int{}, Failed: map[string]int{}, Errors: []string{}}
}

// source is where mail comes from until the source ends.
func (r *run) source(ctx context.Context) func(context.Context) (Delivery, error) {
	if r.cfg.Recheck > 0 {
		return r.untilEnd(r.steadyNext(ctx))
	}
	return r.cfg.Source.Next
}

// job is one mail on its way through a worker.
type job struct {
	delivery Delivery
	attempt  Attempt
	outcome  *Outcome // nil when repeated or deferred
	repeated bool     // in the ledger: only the acknowledgement is due
	err      error
	done     chan struct{}
}

// intake fetches, hands out to workers, and commits in the order of arrival.
// Two channels hold a job: work, which any worker takes from, and order, whose
// capacity bounds how far reading may run ahead of committing.
func (r *run) intake(ctx context.Context, next func(context.Context) (Delivery, error)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	order := make(chan *job, 4*r.cfg.Workers+r.cfg.CommitGroup)
	work := make(chan *job) // unbuffered: a job waits in order
	var workers sync.WaitGroup
	for range r.cfg.Workers {
		workers.Go(func() {
			for j := range work {
				r.handle(ctx, j)
				close(j.done)
			}
		})
	}
	var fetchErr error
	go func() {
		defer close(order) // last: whoever has drained order may read fetchErr
		defer close(work)
		fetchErr = r.fetch(ctx, next, order, work)
	}()
	commitErr := r.commitAll(ctx, order, stop)
	workers.Wait()
	return errors.Join(commitErr, fetchErr)
}

func (r *run) fetch(ctx context.Context, next func(context.Context) (Delivery, error), order, work chan<- *job) error {
	for {
		var d Delivery
		err := r.retry(ctx, func() (err error) { d, err = next(ctx); return err })
		if err == io.EOF || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			r.note(err)
			return fmt.Errorf("fetch: %w", err)
		}
		j := r.begin(ctx, d)
		alone := j.suspect()
		if alone {
			r.inFlight.Wait()
		}
		r.inFlight.Add(1)
		order <- j // the committer takes until order is closed
		work <- j  // so do the workers
		if alone {
			r.inFlight.Wait()
		}
	}
}

// begin counts the attempt.
func (r *run) begin(ctx context.Context, d Delivery) *job {
	j := &job{delivery: d, done: make(chan struct{})}
	j.err = r.retry(ctx, func() (err error) {
		j.attempt, err = r.cfg.Store.Begin(ctx, d.Origin, r.cfg.Run)
		return err
	})
	return j
}

// suspect tells whether the mail was begun before and not ended. Such a mail is
// handled alone: if the process dies again, the others do not look guilty.
func (j *job) suspect() bool { return j.err == nil && j.attempt.Number > 1 && !j.attempt.Committed }

// handle computes the outcome of one job. A panic quarantines the mail.
func (r *run) handle(ctx context.Context, j *job) {
	switch {
	case j.err != nil:
		return
	case j.attempt.Committed && !j.delivery.Parked:
		j.repeated = true
		return
	case j.attempt.Number > r.cfg.Attempts:
		j.outcome = quarantine(j.delivery, fmt.Sprintf("begun %d times without an end: not parsed again", j.attempt.Number-1), "")
		return
	}
	defer func() {
		if p := recover(); p != nil {
			j.outcome = quarantine(j.delivery, fmt.Sprintf("panic: %v", p), string(debug.Stack()))
		}
	}()
	timed, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	j.outcome, j.err = r.Process(timed, j.delivery)
}

func quarantine(d Delivery, reason, stack string) *Outcome {
	return &Outcome{Origin: d.Origin, Disposition: Quarantined, Reason: reason, Stack: stack, Raw: d.Raw, Receipt: Receipt{Origin: d.Origin}}
}

// commitAll takes jobs in order, in groups of those that are ready. On an error
// that is final it stops the intake and releases the rest.
func (r *run) commitAll(ctx context.Context, order <-chan *job, stop func()) error {
	var failed error
	for j := range order {
		group := r.collect(j, order)
		if failed != nil {
			r.release(ctx, group)
		} else if failed = r.commit(ctx, group); failed != nil {
			stop()
		}
		r.returned(group)
		r.inFlight.Add(-len(group))
		r.backlog.wait(ctx, r.cfg.Backlog)
	}
	return failed
}

// collect waits for the first job and adds those behind it that are done.
func (r *run) collect(j *job, order <-chan *job) []*job {
	<-j.done
	group := []*job{j}
	for len(group) < r.cfg.CommitGroup {
		select {
		case next, ok := <-order:
			if !ok {
				return group
			}
			<-next.done
			group = append(group, next)
		default:
			return group
		}
	}
	return group
}

// commit makes a group durable, shows it, and acknowledges it. What has been
// computed is committed even when ctx has ended: that is the quickest way to
// leave nothing half done.
func (r *run) commit(ctx context.Context, group []*job) error {
	ctx = context.WithoutCancel(ctx)
	var outcomes []*Outcome
	var receipts []Receipt
	var deferred []*job
	for _, j := range group {
		switch {
		case j.err != nil:
			deferred = append(deferred, j)
		case j.repeated:
			receipts = append(receipts, j.attempt.Receipt)
		default:
			outcomes = append(outcomes, j.outcome)
			receipts = append(receipts, j.outcome.Receipt)
		}
	}
	r.release(ctx, deferred)
	if len(outcomes) > 0 {
		if err := r.retry(ctx, func() error { return r.cfg.Store.Commit(ctx, outcomes) }); err != nil {
			r.note(err)
			r.release(ctx, slices.DeleteFunc(slices.Clone(group), func(j *job) bool { return j.err != nil || j.repeated }))
			return fmt.Errorf("commit: %w", err)
		}
	}
	r.count(group)
	r.show(outcomes)
	r.ack(ctx, receipts)
	return nil
}

func (r *run) show(outcomes []*Outcome) {
	batches := 0
	for _, o := range outcomes {
		batches += len(o.Batches)
		if r.cfg.Observe != nil {
			r.cfg.Observe(o)
		}
	}
	r.backlog.add(batches)
	for _, w := range r.wake {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

func (r *run) ack(ctx context.Context, receipts []Receipt) {
	if len(receipts) == 0 {
		return
	}
	if err := r.retry(ctx, func() error { return r.cfg.Source.Ack(ctx, receipts) }); err != nil {
		r.note(fmt.Errorf("acknowledge: %w", err))
		r.mu.Lock()
		r.sum.Unacked += len(receipts)
		r.mu.Unlock()
	}
}

// release gives up mails that this run began and could not finish, so that the
// attempt does not count against them.
func (r *run) release(ctx context.Context, jobs []*job) {
	var origins []Origin
	for _, j := range jobs {
		origins = append(origins, j.delivery.Origin)
		if j.err != nil && !errors.Is(j.err, context.Canceled) {
			r.note(j.err)
		}
	}
	if len(origins) == 0 {
		return
	}
	r.mu.Lock()
	r.sum.Deferred += len(origins)
	r.mu.Unlock()
	ctx = context.WithoutCancel(ctx)
	if err := r.retry(ctx, func() error { return r.cfg.Store.Release(ctx, origins, r.cfg.Run) }); err != nil {
		r.note(fmt.Errorf("release: %w", err))
	}
}

// count adds a group to the summary.
func (r *run) count(group []*job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, j := range group {
		r.arrived(j)
		switch {
		case j.err != nil:
		case j.repeated:
			r.sum.Repeated++
		default:
			*r.sum.of(j.outcome.Disposition)++
			if j.outcome.Disposition == Parked {
				r.parked[j.delivery.Origin.Key()] = true
			}
		}
	}
}

// arrived counts a mail as read, or as given back. One that this run has parked
// is parked no more.
func (r *run) arrived(j *job) {
	key := j.delivery.Origin.Key()
	switch {
	case !j.delivery.Parked:
		r.sum.Read++
		r.sum.Bytes += j.delivery.Raw.Size()
	case j.err != nil:
	case r.parked[key]:
		delete(r.parked, key)
		r.sum.Parked--
	default:
		r.sum.Returned++
	}
}

func (s *Summary) of(d Disposition) *int {
	switch d {
	case Shipped:
		return &s.Shipped
	case Skipped:
		return &s.Skipped
	case Parked:
		return &s.Parked
	case Quarantined:
		return &s.Quarantined
	}
	return &s.Nothing
}

// note remembers an error of the environment, once per text, at most 20.
func (r *run) note(err error) {
	r.cfg.Log.Warn("environment", "err", err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if text := err.Error(); len(r.sum.Errors) < 20 && !slices.Contains(r.sum.Errors, text) {
		r.sum.Errors = append(r.sum.Errors, text)
	}
}

// visit is a mail that the store gave back, and why.
type visit struct {
	key     string
	expired bool
}

// readmit handles the mails that the store gives back: each at most once in this
// run because of its partners, and once because of its deadline, whatever becomes
// of it. A mail that tried a partner in vain may be over its deadline then, so
// the store is asked until it has no more.
func (r *run) readmit(ctx context.Context) error {
	seen := map[visit]bool{}
	for {
		before := len(seen)
		if err := r.intake(ctx, r.givenBack(seen)); err != nil || len(seen) == before || ctx.Err() != nil {
			return err
		}
	}
}

// givenBack makes a source of what the store gives back and was not seen.
func (r *run) givenBack(seen map[visit]bool) func(context.Context) (Delivery, error) {
	var queue []Delivery
	return func(ctx context.Context) (Delivery, error) {
		for len(queue) == 0 {
			got, err := r.cfg.Store.Ready(ctx, r.cfg.Clock.Now(), len(seen)+r.cfg.CommitGroup)
			if err != nil {
				return Delivery{}, err
			}
			for _, d := range got {
				if v := (visit{d.Origin.Key(), d.Expired}); !seen[v] {
					seen[v] = true
					queue = append(queue, d)
				}
			}
			if len(queue) == 0 {
				return Delivery{}, io.EOF
			}
		}
		d := queue[0]
		queue = queue[1:]
		return d, nil
	}
}
