package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/report"
	"github.com/tqmailrules/tqmailrules/engine"
)

// TestRealMailNeedsNoQuarantine runs the desk over the folder that TQ_CORPUS
// names: every mail is handled, no parser or extractor fails, and no subject
// keeps a raw encoded-word.
func TestRealMailNeedsNoQuarantine(t *testing.T) {
	dir := os.Getenv("TQ_CORPUS")
	if dir == "" {
		t.Skip("TQ_CORPUS names no folder of real mail")
	}
	desk, err := filepath.Abs("../../examples/rules/desk")
	if err != nil {
		t.Fatal(err)
	}
	out, code := runLine(t, "tqmailrules dry-run --json --rules "+desk+" "+dir)
	if code != exitOK {
		t.Errorf("exit status %d, want 0", code)
	}
	word := regexp.MustCompile(`=\?[^?\s]+\?[bBqQ]\?`)
	mails := 0
	for line := range strings.Lines(out) {
		var m report.Mail
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		if m.Name == "" {
			continue // the summary
		}
		mails++
		if word.MatchString(m.Subject) {
			t.Errorf("%s: raw encoded-word in subject %q", m.Name, m.Subject)
		}
		for _, d := range m.Defects {
			if d.Code == engine.DefectExtractor || d.Code == engine.DefectEvaluate {
				t.Errorf("%s: %v", m.Name, d)
			}
		}
	}
	t.Logf("%d mails", mails)
}
