package imap_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/source/imap"
)

// mute listens and says nothing.
func mute(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
		}
	}()
	return l.Addr().String()
}

func TestConnectingEndsWhenItMust(t *testing.T) {
	t.Parallel()
	addr := mute(t)
	for _, security := range []imap.Security{imap.TLS, imap.StartTLS, imap.Plain} {
		t.Run(string(security), func(t *testing.T) {
			cfg := imap.Config{Addr: addr, Security: security, User: "u", Password: "p", Timeout: 200 * time.Millisecond}
			if _, err := open(t, cfg).Next(t.Context()); !errors.Is(err, engine.ErrTemporary) {
				t.Errorf("after the time limit: %v", err)
			}
			if _, err := imap.Probe(t.Context(), cfg); !errors.Is(err, engine.ErrTemporary) {
				t.Errorf("probe, after the time limit: %v", err)
			}
			cfg.Timeout = time.Minute
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			began := time.Now()
			_, err := open(t, cfg).Next(ctx)
			if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > time.Second {
				t.Errorf("after the end of its context, %s: %v", took, err)
			}
		})
	}
}

func TestAcknowledgingEndsWhenItMust(t *testing.T) {
	t.Parallel()
	s := &scripted{say: silent("UID STORE")}
	cfg := s.start(t)
	cfg.Timeout = time.Minute
	src := open(t, cfg)
	got := drain(t, src)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := src.Ack(ctx, []engine.Receipt{{Origin: got[0].Origin}})
	if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > time.Second {
		t.Errorf("after %s: %v", took, err)
	}
}

func TestBrokenConnectionsLeaveNothingBehind(t *testing.T) {
	var lines atomic.Int64
	s := &scripted{say: func(w *bufio.Writer, _, _ string) bool {
		n := lines.Add(1)
		if n%7 == 0 {
			io.WriteString(w, "* rubbish\r\n")
		}
		if n%5 == 0 {
			panic(errHangUp)
		}
		return false
	}}
	cfg := s.start(t)
	before := runtime.NumGoroutine()
	for range 100 {
		src := open(t, cfg)
		_, _ = src.Next(t.Context())
		src.Close()
	}
	for range 100 {
		if runtime.NumGoroutine() <= before+5 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines, before %d\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}

// TestAHostileServerGetsNoMemory lets a server send as much as it likes where
// the library would keep it.
func TestAHostileServerGetsNoMemory(t *testing.T) {
	t.Parallel()
	flood := map[string]func(*bufio.Writer){
		"numbers going down": func(w *bufio.Writer) {
			io.WriteString(w, "* SEARCH")
			for i := 4_000_000_000; ; i -= 2 {
				if _, err := fmt.Fprintf(w, " %d", i); err != nil {
					panic(errHangUp)
				}
			}
		},
		"capabilities": endless("* CAPABILITY " + strings.Repeat("X ", 30_000) + "\r\n"),
		"flagged":      endless("* 1 FETCH (UID 1 FLAGS (" + strings.Repeat("x ", 30_000) + "x))\r\n"),
	}
	for name, send := range flood {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &scripted{say: func(w *bufio.Writer, _, line string) bool {
				if strings.HasPrefix(line, "UID SEARCH") {
					send(w)
				}
				return false
			}}
			src := open(t, s.start(t))
			var peak uint64
			done := make(chan error, 1)
			go func() { _, err := src.Next(t.Context()); done <- err }()
			for {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
				select {
				case err := <-done:
					if !errors.Is(err, engine.ErrTemporary) {
						t.Errorf("Next: %v", err)
					}
					if peak > 200<<20 {
						t.Errorf("%d MiB in use", peak>>20)
					}
					t.Logf("peak %d MiB: %v", peak>>20, err)
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		})
	}
}
