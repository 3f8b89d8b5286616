package mail_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/mail"
)

// corpus returns the files of the folder that TQ_CORPUS names.
func corpus(tb testing.TB) []string {
	tb.Helper()
	dir := os.Getenv("TQ_CORPUS")
	if dir == "" {
		tb.Skip("skipped: TQ_CORPUS is not set")
	}
	var files []string
	filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".eml") {
			files = append(files, path)
		}
		return nil
	})
	if len(files) == 0 {
		tb.Skip("skipped: no .eml under TQ_CORPUS")
	}
	return files
}

func parse(tb testing.TB, raw string) *engine.Message {
	tb.Helper()
	m, err := mail.New(mail.Config{}).Parse(context.Background(), engine.Bytes(raw), engine.Origin{ID: "test"})
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func TestCorpusLeavesNoEncodedWordInSubjects(t *testing.T) {
	p := mail.New(mail.Config{})
	for _, file := range corpus(t) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := p.Parse(context.Background(), engine.Bytes(raw), engine.Origin{ID: file})
		if err != nil {
			t.Fatal(err)
		}
		if s := m.Subject.Subject; strings.Contains(s, "=?") {
			t.Errorf("%s: subject %q", filepath.Base(file), s)
		}
		if m.Sender.Email.Email == "" || m.Body.Text == "" {
			t.Logf("%s: sender %q, text of %d bytes, %v", filepath.Base(file), m.Sender.Email.Email, len(m.Body.Text), m.Defects)
		}
	}
}

func BenchmarkCorpus(b *testing.B) {
	p := mail.New(mail.Config{})
	raws, size := corpusBytes(b)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, raw := range raws {
			if _, err := p.Parse(context.Background(), raw, engine.Origin{}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N*len(raws))/b.Elapsed().Seconds(), "msg/s")
}
