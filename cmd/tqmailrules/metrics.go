package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
)

// serve answers /metrics and /healthz until ctx ends, where the configuration says
// that it should.
func (w *wired) serve(ctx context.Context, aside *sync.WaitGroup) error {
	addr := w.l.cfg.Watch.Listen
	if addr == "" {
		return nil
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("watch.listen: %w", err)
	}
	w.log.Info("metrics are served", "address", listener.Addr().String())
	server := &http.Server{Handler: w.pages(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 1 << 14}
	aside.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			w.log.Error("metrics are not served any more", "err", err)
		}
	})
	aside.Go(func() {
		<-ctx.Done()
		server.Close()
	})
	return nil
}

func (w *wired) pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(out http.ResponseWriter, r *http.Request) {
		out.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		w.writeMetrics(r.Context(), out)
	})
	mux.HandleFunc("GET /healthz", func(out http.ResponseWriter, r *http.Request) {
		words, ok := w.health(r.Context())
		if !ok {
			out.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprintln(out, words)
	})
	return mux
}

// health tells whether the process does its work. Ends that are not to be had are
// no reason to restart it: they are told, and it goes on.
func (w *wired) health(ctx context.Context) (words string, ok bool) {
	var told []string
	for _, s := range w.l.cfg.Sinks {
		n, oldest, err := w.store.Waiting(ctx, s.Name)
		if err != nil {
			return "the store cannot be read: " + err.Error(), false
		}
		if age := w.app.now().Sub(oldest); n > 0 && !oldest.IsZero() && age > w.patience() {
			told = append(told, fmt.Sprintf("%d batches wait for %s, the oldest for %s", n, s.Name, age.Round(time.Second)))
		}
	}
	if len(told) > 0 {
		return "degraded: " + strings.Join(told, "; "), true
	}
	return "ok", true
}

// patience is how long a batch may wait before that is told: five tries, and five
// minutes at most.
func (w *wired) patience() time.Duration { return min(5*w.l.cfg.Watch.Poll, 5*time.Minute) }

// writeMetrics writes the text format of Prometheus (exposition format 0.0.4).
func (w *wired) writeMetrics(ctx context.Context, out io.Writer) {
	s := w.Progress()
	m := &metrics{out: out}
	m.family("tqmailrules_mails_read_total", "counter", "Mails that sources handed over.")
	m.value("", s.Read)
	m.family("tqmailrules_read_bytes_total", "counter", "Bytes of them.")
	m.value("", int(s.Bytes))
	m.family("tqmailrules_mails_total", "counter", "What became of mails.")
	for _, d := range []struct {
		name engine.Disposition
		n    int
	}{
		{engine.Shipped, s.Shipped},
		{engine.Nothing, s.Nothing},
		{engine.Skipped, s.Skipped},
		{engine.Parked, s.Parked},
		{engine.Quarantined, s.Quarantined},
		{"repeated", s.Repeated},
		{"deferred", s.Deferred},
		{"unacknowledged", s.Unacked},
		{"returned", s.Returned},
	} {
		m.value(label("outcome", string(d.name)), d.n)
	}
	w.sinkMetrics(ctx, m, s)
	m.family("tqmailrules_started_seconds", "gauge", "When this run began, in Unix time.")
	m.value("", int(w.started.Unix()))
}

func (w *wired) sinkMetrics(ctx context.Context, m *metrics, s engine.Summary) {
	sinks := w.l.cfg.Sinks
	m.family("tqmailrules_batches_delivered_total", "counter", "Batches that a sink took.")
	for _, c := range sinks {
		m.value(label("sink", c.Name), s.Delivered[c.Name])
	}
	m.family("tqmailrules_batches_refused_total", "counter", "Batches that a sink refused for good.")
	for _, c := range sinks {
		m.value(label("sink", c.Name), s.Failed[c.Name])
	}
	waiting := map[string]int{}
	oldest := map[string]float64{}
	for _, c := range sinks {
		n, since, err := w.store.Waiting(ctx, c.Name)
		if err != nil {
			w.log.Warn("metrics", "err", err)
			continue
		}
		waiting[c.Name] = n
		if n > 0 && !since.IsZero() {
			oldest[c.Name] = w.app.now().Sub(since).Seconds()
		}
	}
	m.family("tqmailrules_batches_waiting", "gauge", "Batches that a sink has not taken yet.")
	for _, c := range sinks {
		m.value(label("sink", c.Name), waiting[c.Name])
	}
	m.family("tqmailrules_oldest_batch_seconds", "gauge", "How long the oldest of them waits.")
	for _, c := range sinks {
		m.value(label("sink", c.Name), oldest[c.Name])
	}
}

// metrics writes families one after another.
type metrics struct {
	out  io.Writer
	name string
}

func (m *metrics) family(name, kind, help string) {
	m.name = name
	fmt.Fprintf(m.out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func (m *metrics) value(labels string, v any) { fmt.Fprintf(m.out, "%s%s %v\n", m.name, labels, v) }

func label(name, value string) string {
	return "{" + name + "=" + strconv.Quote(strings.ToValidUTF8(value, "\uFFFD")) + "}"
}
