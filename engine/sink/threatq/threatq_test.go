package threatq_test

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/threatqsim"
)

// notes is a Memory that outlives a sink.
type notes map[[3]string]string

func (n notes) Recall(_ context.Context, sink, kind, key string) (string, bool, error) {
	v, ok := n[[3]string{sink, kind, key}]
	return v, ok, nil
}

func (n notes) Note(_ context.Context, sink, kind, key, value string) error {
	n[[3]string{sink, kind, key}] = value
	return nil
}

// place is a simulator and what is needed to ship to it.
type place struct {
	sim    *threatqsim.Server
	url    string
	memory threatq.Memory
	slept  time.Duration // in vain: nobody waits in tests
}

const (
	user     = "soc@example.org"
	password = "correct horse"
)

func simConfig() threatqsim.Config {
	return threatqsim.Config{
		Seed: 7, Users: map[string]string{user: password}, ClientID: "client", OneShot: true, InlineAttachments: true,
		Clients: map[string]string{"api": "secret"},
	}
}

func newPlace(t testing.TB, cfg threatqsim.Config) *place {
	t.Helper()
	p := &place{sim: threatqsim.New(cfg), memory: notes{}}
	web := httptest.NewServer(p.sim)
	t.Cleanup(web.Close)
	p.url = web.URL
	return p
}

func (p *place) config() threatq.Config {
	return threatq.Config{
		Host: p.url, AllowHTTP: true, ClientID: "client", User: user, Password: password, Status: "Review", Source: "Phishing Mailbox",
		Memory: p.memory, Now: func() time.Time { return enginetest.Epoch }, Jitter: func() float64 { return 0.5 },
		Sleep: func(ctx context.Context, d time.Duration) error {
			p.slept += d
			return ctx.Err()
		},
	}
}

// open makes a sink; change adapts its configuration.
func (p *place) open(t testing.TB, change ...func(*threatq.Config)) *threatq.Sink {
	t.Helper()
	cfg := p.config()
	for _, f := range change {
		f(&cfg)
	}
	s, err := threatq.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (p *place) ship(t testing.TB, s *threatq.Sink, batches ...engine.Batch) {
	t.Helper()
	for _, b := range batches {
		if err := s.Ship(t.Context(), b); err != nil {
			t.Fatalf("Ship: %v", err)
		}
	}
}

// TestSink runs the conformance suite, with servers that differ in what they do.
func TestSink(t *testing.T) {
	kinds := map[string]struct {
		sim    func(*threatqsim.Config)
		change func(*threatq.Config)
	}{
		"as delivered":      {},
		"bare":              {sim: func(c *threatqsim.Config) { c.OneShot, c.InlineAttachments = false, false }},
		"normalising":       {sim: func(c *threatqsim.Config) { c.Normalize, c.DeriveFQDN = true, true }},
		"one-shot":          {change: func(c *threatq.Config) { c.Upload = threatq.OneShot }},
		"without a memory":  {change: func(c *threatq.Config) { c.Memory = nil }},
		"client credential": {change: func(c *threatq.Config) { c.ClientID, c.ClientSecret, c.User, c.Password = "api", "secret", "", "" }},
	}
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			enginetest.TestSink(t, func(t *testing.T) (engine.Sink, func() engine.Sink, enginetest.SinkState) {
				cfg := simConfig()
				if k.sim != nil {
					k.sim(&cfg)
				}
				p := newPlace(t, cfg)
				open := func() engine.Sink {
					if k.change == nil {
						return p.open(t)
					}
					return p.open(t, k.change)
				}
				return open(), open, func(*testing.T) string { return string(p.sim.Dump()) }
			})
		})
	}
}

// mailBatch is a batch of one event with indicators and files, as the engine makes it.
func mailBatch(id string, indicators, files int) engine.Batch {
	e := engine.EventRecord{
		Key: "key-" + id, Type: "Incident", Title: "Re: invoice, 100% off", HappenedAt: enginetest.Epoch, Description: "see attached",
		Source: "Phishing Mailbox", TLP: "AMBER", SeenIn: "imap box INBOX " + id,
		Message: engine.MessageRecord{ID: "imap/box/INBOX/" + id, SHA256: hexOf(id), Date: enginetest.Epoch},
	}
	for i := range 22 {
		e.Attributes = append(e.Attributes, engine.AttributeRecord{Name: fmt.Sprintf("Fact %02d", i), Value: "value of " + id})
	}
	b := engine.Batch{Key: "batch-" + id, Sink: "threatq", Origin: engine.Origin{Source: "imap", Account: "box", Folder: "INBOX", ID: id, Name: id, Received: enginetest.Epoch}}
	b.Events = []engine.EventRecord{e}
	ref := engine.Ref{Kind: "event", Key: e.Key}
	for i := range files {
		f := file(fmt.Sprintf("%s file %d.docx", id, i), fmt.Sprintf("content %d of %s", i, id))
		b.Files = append(b.Files, f)
		b.Relations = append(b.Relations, engine.Relation{From: ref, To: engine.Ref{Kind: "file", Key: f.Key}})
	}
	for i := range indicators {
		n := indicator("URL", fmt.Sprintf("http://h%d.example/%s?q=%d", i, id, i))
		b.Indicators = append(b.Indicators, n)
		b.Relations = append(b.Relations, engine.Relation{From: ref, To: engine.Ref{Kind: "indicator", Key: n.Key}})
		if files > 0 {
			b.Relations = append(b.Relations, engine.Relation{From: engine.Ref{Kind: "file", Key: b.Files[i%files].Key}, To: engine.Ref{Kind: "indicator", Key: n.Key}})
		}
	}
	return b
}

// spearphish turns a batch into that of a spearphish.
func spearphish(b engine.Batch) engine.Batch {
	b.Events = slices.Clone(b.Events)
	b.Events[0].Type, b.Events[0].Raw = "Spearphish", engine.Bytes("From: a@evil.example\r\nTo: b@corp.example\r\nSubject: x\r\n\r\nhello\r\n")
	return b
}

func indicator(typ, value string) engine.IndicatorRecord {
	return engine.IndicatorRecord{Key: typ + "\x1f" + value, Type: typ, Value: value, Status: "Active", TLP: "AMBER"}
}

func file(name, content string) engine.FileRecord {
	sum := md5.Sum([]byte(content))
	return engine.FileRecord{
		Key: hexOf(content), Name: name, Type: "Spearphish Attachment", Size: int64(len(content)), MD5: hex.EncodeToString(sum[:]),
		Locked: true, Content: engine.Bytes(content),
	}
}

func hexOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
