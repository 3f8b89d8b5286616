package ews_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/source/ews"
	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
	"github.com/tqmailrules/tqmailrules/engine/store/mem"
)

// TestTheEngineShipsEachMailOnceWhateverBreaks runs the engine over a mailbox
// whose server fails at random in every way, until a run ends well: each mail is
// at the sink once, and marked.
func TestTheEngineShipsEachMailOnceWhateverBreaks(t *testing.T) {
	t.Parallel()
	const mails = 120
	for _, intake := range []ews.Intake{ews.Unread, ews.NewMail} {
		t.Run(string(intake), func(t *testing.T) {
			t.Parallel()
			s, cfg := safe(t, func(c *ewssim.Config) { c.Schemes, c.MaxItems, c.MaxSync = []string{"NTLM"}, 25, 25 })
			for i := range mails {
				body := fmt.Sprintf("mail %d\n\nioc-%d and %0*d", i, i, rand.IntN(3000), 0)
				s.AddMail("Inbox", []byte(body), epoch.Add(time.Duration(i)*time.Second), false)
			}
			s.AddFolder("Done")
			kinds := []ewssim.What{ewssim.Cut, ewssim.CutBefore, ewssim.Truncated, ewssim.HTML, ewssim.Gzip, ewssim.Chunked, "500", "503", "503-after", "ErrorServerBusy", "ErrorServerBusy-fault", "ErrorInternalServerTransientError-fault"}
			if err := s.Chaos(11, 0.4, kinds...); err != nil {
				t.Fatal(err)
			}
			cfg.Intake, cfg.Cursors, cfg.Clock, cfg.Chunk = intake, &cursors{}, &frozenSleeps{quick: &quick{}}, 8<<10
			store, sink := mem.New(), &enginetest.Recorder{Sink: "a"}
			runs := 0
			for {
				runs++
				src := open(t, cfg)
				e, err := engine.New(engine.Config{
					Source: src, Store: store, Sinks: []engine.Sink{sink}, Parser: enginetest.Parser{}, Rules: enginetest.Rules{
						OnEvaluate: func(p engine.Phase, _ *engine.View) engine.Plan {
							if p != engine.PhaseMessage {
								return engine.Plan{}
							}
							return enginetest.Steps("done", engine.Route{Seen: true, MoveTo: "Done"})
						},
					},
					Extractors: []engine.Extractor{enginetest.Words{}}, Clock: &frozenSleeps{quick: &quick{}}, Workers: 2, Run: fmt.Sprint(runs),
				})
				if err != nil {
					t.Fatal(err)
				}
				sum, err := e.Run(t.Context())
				src.Close()
				if err == nil && !sum.Degraded() && len(s.Mails("Done")) == mails {
					break
				}
				if runs == 100 {
					t.Fatalf("no end: %v, %+v", err, sum)
				}
			}
			t.Logf("%d runs, %v", runs, s.Counts())
			if n := len(sink.Batches()); n != mails || unread(s, "Done") != 0 || len(s.Mails("Inbox")) != 0 {
				t.Errorf("%d batches, %d unmarked, %d not moved, want %d", n, unread(s, "Done"), len(s.Mails("Inbox")), mails)
			}
		})
	}
}
