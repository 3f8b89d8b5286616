package imap_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/source/imap"
	"github.com/tqmailrules/tqmailrules/engine/source/imap/imaptest"
	"github.com/tqmailrules/tqmailrules/engine/store/mem"
)

// TestTheEngineShipsEachMailOnceWhateverBreaks runs the engine over a mailbox
// whose connections break, until a run ends well: each mail is at the sink once,
// and marked.
func TestTheEngineShipsEachMailOnceWhateverBreaks(t *testing.T) {
	t.Parallel()
	const mails = 120
	for _, intake := range []imap.Intake{imap.Unread, imap.NewMail, imap.ByKeyword} {
		t.Run(string(intake), func(t *testing.T) {
			s, cfg := sim(t)
			for i := range mails {
				body := fmt.Sprintf("mail %d\n\nioc-%d and %0*d", i, i, rand.IntN(3000), 0)
				if _, err := s.AddMail("INBOX", []byte(body), epoch); err != nil {
					t.Fatal(err)
				}
			}
			rng := rand.New(rand.NewPCG(3, 4))
			var mu sync.Mutex
			cutter := imaptest.NewCutter(t, cfg.Addr, 0, func(n int) int64 {
				mu.Lock()
				defer mu.Unlock()
				return rng.Int64N(int64(3000 + 100*n)) // the line gets better
			})
			cfg.Addr, cfg.Intake, cfg.Cursors = cutter.Addr, intake, &cursors{}
			store, sink := mem.New(), &enginetest.Recorder{Sink: "a"}
			runs := 0
			for {
				runs++
				src := open(t, cfg)
				e, err := engine.New(engine.Config{
					Source: src, Store: store, Sinks: []engine.Sink{sink}, Parser: enginetest.Parser{}, Rules: enginetest.Rules{},
					Extractors: []engine.Extractor{enginetest.Words{}}, Clock: quick{}, Workers: 2, Run: fmt.Sprint(runs),
				})
				if err != nil {
					t.Fatal(err)
				}
				sum, err := e.Run(t.Context())
				src.Close()
				if err == nil && !sum.Degraded() {
					break
				}
				if runs == 200 {
					t.Fatalf("no end: %v, %+v", err, sum)
				}
			}
			seen := 0
			for _, flags := range s.Flags("INBOX") {
				if len(flags) > 0 {
					seen++
				}
			}
			t.Logf("%d runs, %d connections", runs, cutter.Connections())
			if n := len(sink.Batches()); n != mails || seen != mails {
				t.Errorf("%d batches, %d marked, want %d; %d runs, %d connections", n, seen, mails, runs, cutter.Connections())
			}
		})
	}
}

// TestAWatchingEngineHandlesMailAsItComes lets mail arrive while the engine runs.
func TestAWatchingEngineHandlesMailAsItComes(t *testing.T) {
	t.Parallel()
	s, cfg := sim(t)
	cfg.Watch, cfg.Idle, cfg.Poll = true, true, time.Second
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	sink, done := &enginetest.Recorder{Sink: "a"}, 0
	e, err := engine.New(engine.Config{
		Source: open(t, cfg), Store: mem.New(), Sinks: []engine.Sink{sink}, Parser: enginetest.Parser{}, Rules: enginetest.Rules{},
		Extractors: []engine.Extractor{enginetest.Words{}}, Workers: 2,
		Observe: func(*engine.Outcome) {
			if done++; done == 30 {
				time.AfterFunc(time.Second, cancel)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for i := range 30 {
			s.AddMail("INBOX", fmt.Appendf(nil, "mail %d\n\nioc-%d", i, i), epoch)
			time.Sleep(20 * time.Millisecond)
		}
	}()
	_, _ = e.Run(ctx) // ended by cancel
	unmarked := 0
	for _, flags := range s.Flags("INBOX") {
		if len(flags) == 0 {
			unmarked++
		}
	}
	if done != 30 || unmarked != 0 || len(sink.Batches()) != 30 {
		t.Errorf("%d handled, %d shipped, %d not marked", done, len(sink.Batches()), unmarked)
	}
}
