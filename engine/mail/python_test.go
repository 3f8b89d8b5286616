package mail_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/mail"
)

// pythonView is what testdata/python_email.py prints for one mail.
type pythonView struct {
	SHA256  string   `json:"sha256"`
	Leaves  int      `json:"leaves"`
	Digests []string `json:"digests"`
	Subject string   `json:"subject"`
}

// TestPythonAgrees compares leaf counts, digests of all leaves and subjects with
// Python's email package. Every difference stands in
// testdata/python-differences.json, by the digest of the mail, with the reason.
func TestPythonAgrees(t *testing.T) {
	files := samples(t)
	cmd := exec.Command(enginetest.Peer(t, "python3", "python3"), "testdata/python_email.py")
	cmd.Stdin = strings.NewReader(strings.Join(files, "\n") + "\n")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var known map[string]struct{ What, Why string }
	raw, err := os.ReadFile("testdata/python-differences.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &known); err != nil {
		t.Fatal(err)
	}
	p := mail.New(mail.Config{})
	dec := json.NewDecoder(bytes.NewReader(out))
	same := 0
	for _, file := range files {
		var want pythonView
		if err := dec.Decode(&want); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := p.Parse(context.Background(), engine.Bytes(raw), engine.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		diff := differences(want, m)
		if diff == "" {
			same++
			continue
		}
		if k := known[want.SHA256]; k.What != diff || k.Why == "" {
			t.Errorf("%s %s: %s, not explained\n go  %q\n py  %q", filepath.Base(file), want.SHA256, diff, m.Subject.Subject, want.Subject)
		}
	}
	t.Logf("%d of %d mails agree in full, %d differences are explained", same, len(files), len(known))
}

func differences(want pythonView, m *engine.Message) string {
	var diff []string
	if want.SHA256 != m.Meta.SHA256 {
		diff = append(diff, "sha256")
	}
	if want.Leaves != len(m.Leaves) {
		diff = append(diff, "leaves")
	} else {
		for i, d := range want.Digests {
			if d != "" && d != m.Leaves[i].SHA256 {
				diff = append(diff, "content")
				break
			}
		}
	}
	if want.Subject != strings.Join(strings.Fields(m.Subject.Subject), " ") {
		diff = append(diff, "subject")
	}
	return strings.Join(diff, ", ")
}
