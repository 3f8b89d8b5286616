package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/mail"
	"github.com/tqmailrules/tqmailrules/rules"
)

// TestDamagedMailIsHandled takes the example mails (and those of TQ_CORPUS),
// damages them in seeded ways, and runs each through everything that a dry run
// does: no panic, no extractor or rule that gives up, no mail that takes long.
func TestDamagedMailIsHandled(t *testing.T) {
	mails := readMails(t, "../../examples/rules/corpus")
	mutations := 300
	if dir := os.Getenv("TQ_CORPUS"); dir != "" {
		mails, mutations = append(mails, readMails(t, dir)...), 2000
	}
	p := deskProcessor(t)
	for seed := range mutations {
		random := rand.New(rand.NewPCG(uint64(seed), 1))
		raw := damaged(random, mails)
		start := time.Now()
		out, err := p.Process(t.Context(), engine.Delivery{Raw: engine.Bytes(raw), Origin: engine.Origin{Source: "test", ID: fmt.Sprint(seed)}})
		if err != nil {
			t.Fatalf("seed %d: %v\n%.2000q", seed, err, raw)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("seed %d: took %v for %d bytes", seed, took, len(raw))
		}
		for _, d := range out.Defects {
			if d.Code == engine.DefectExtractor || strings.Contains(d.Detail, "panic") {
				t.Errorf("seed %d: %v", seed, d)
			}
		}
	}
}

func deskProcessor(t *testing.T) *engine.Engine {
	t.Helper()
	set, diags, err := loadRules([]string{"../../examples/rules/desk"}, rules.Options{Extractors: []string{builtinName}})
	if err != nil || len(diags.Errors()) > 0 {
		t.Fatal(err, diags)
	}
	cfg := &settings.Config{Mailbox: settings.Mailbox{OwnDomains: []string{"nordhafen.example"}, AuthServers: []string{"mx.nordhafen.example"}}}
	p, err := engine.NewProcessor(engine.Config{
		Parser: parserFor(cfg), Rules: set, Extractors: builtin().all, DomainOf: domainOf, MarkupAt: mail.MarkupAt(cfg.Limits), Sinks: recordingSinks(cfg, set),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func readMails(t *testing.T, dir string) (mails [][]byte) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.eml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no mails in %s: %v", dir, err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		mails = append(mails, b)
	}
	return mails
}

// damaged returns one mail after one to four damages.
func damaged(r *rand.Rand, mails [][]byte) []byte {
	pick := func() []byte { return bytes.Clone(mails[r.IntN(len(mails))]) }
	b := pick()
	for range 1 + r.IntN(4) {
		b = damages[r.IntN(len(damages))].do(r, b, pick)
	}
	return b
}

// damages are what happens to mail on its way, and what attackers do to it.
var damages = []struct {
	name string
	do   func(r *rand.Rand, b []byte, other func() []byte) []byte
}{
	{"bits flipped", func(r *rand.Rand, b []byte, _ func() []byte) []byte {
		for range 1 + len(b)/500 {
			if len(b) > 0 {
				b[r.IntN(len(b))] ^= 1 << r.IntN(8)
			}
		}
		return b
	}},
	{"cut off", func(r *rand.Rand, b []byte, _ func() []byte) []byte { return b[:r.IntN(len(b)+1)] }},
	{"head lost", func(r *rand.Rand, b []byte, _ func() []byte) []byte { return b[r.IntN(len(b)+1):] }},
	{"spliced", func(r *rand.Rand, b []byte, other func() []byte) []byte {
		o := other()
		return append(b[:r.IntN(len(b)+1)], o[r.IntN(len(o)+1):]...)
	}},
	{"inserted", func(r *rand.Rand, b []byte, other func() []byte) []byte {
		at := r.IntN(len(b) + 1)
		return append(b[:at:at], append(other(), b[at:]...)...)
	}},
	{"a line repeated", func(r *rand.Rand, b []byte, _ func() []byte) []byte {
		lines := bytes.SplitAfter(b, []byte("\n"))
		i := r.IntN(len(lines))
		return bytes.Join([][]byte{bytes.Join(lines[:i], nil), bytes.Repeat(lines[i], 1+r.IntN(300)), bytes.Join(lines[i:], nil)}, nil)
	}},
	{"lines shuffled", func(r *rand.Rand, b []byte, _ func() []byte) []byte {
		lines := bytes.SplitAfter(b, []byte("\n"))
		r.Shuffle(min(len(lines), 40), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		return bytes.Join(lines, nil)
	}},
	{"line ends changed", func(r *rand.Rand, b []byte, _ func() []byte) []byte {
		return bytes.ReplaceAll(b, []byte("\n"), [][]byte{[]byte("\r\n"), []byte("\r"), []byte("\n\n")}[r.IntN(3)])
	}},
	{"marks put in", func(r *rand.Rand, b []byte, _ func() []byte) []byte {
		marks := []string{"\x00", "=?utf-7?B?+AA?=", "<", "<!--", "[.]", "\xff\xfe", "=", "--", ";", "\"", "(", "=?", "&#x", "http://", "\u202e", "@@", "{{ 1 }}"}
		for range 1 + r.IntN(20) {
			at := r.IntN(len(b) + 1)
			b = append(b[:at:at], append([]byte(marks[r.IntN(len(marks))]), b[at:]...)...)
		}
		return b
	}},
}
