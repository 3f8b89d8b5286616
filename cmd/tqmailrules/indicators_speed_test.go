package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/extract"
	"github.com/tqmailrules/tqmailrules/engine/mail"
)

// corpusInputs are what extractors see of the mails below the folder that TQ_CORPUS names.
func corpusInputs(tb testing.TB) map[string]engine.Input {
	tb.Helper()
	dir := os.Getenv("TQ_CORPUS")
	if dir == "" {
		tb.Skip("skipped: TQ_CORPUS is not set")
	}
	parser, all := mail.New(mail.Config{}), map[string]engine.Input{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".eml") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if m, err := parser.Parse(tb.Context(), engine.Bytes(raw), engine.Origin{ID: path}); err == nil {
			all[path] = engine.Input{Parts: engine.InputParts(m, nil)}
		}
		return nil
	})
	if err != nil || len(all) == 0 {
		tb.Skipf("skipped: no mail below TQ_CORPUS (%v)", err)
	}
	return all
}

// TestNoMailIsSlow reads each mail of a corpus, text and page, within 60 ms.
func TestNoMailIsSlow(t *testing.T) {
	x := extract.New(extract.Config{})
	var size int
	var total, worst time.Duration
	slowest := ""
	for path, in := range corpusInputs(t) {
		d := time.Hour
		for range 3 {
			d = min(d, took(func() {
				if _, err := x.Extract(t.Context(), in); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}))
		}
		for _, p := range in.Parts {
			if size += len(p.Text); p.Page != nil {
				size += len(p.Page.InnerText)
			}
		}
		if total += d; d > worst {
			worst, slowest = d, path
		}
	}
	t.Logf("%.1f MB in %v: %.0f MB/s; slowest %v, %s", float64(size)/1e6, total, float64(size)/1e6/total.Seconds(), worst, filepath.Base(slowest))
	if worst > 60*time.Millisecond {
		t.Errorf("%s took %v", slowest, worst)
	}
}

func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}
