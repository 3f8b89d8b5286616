package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine/enginetest"
)

// TestResultsOpenInTheSqliteShell runs the demo and asks every view of its
// database with the program that analysts have.
func TestResultsOpenInTheSqliteShell(t *testing.T) {
	shell := enginetest.Peer(t, "sqlite3", "sqlite3")
	dir := filepath.Join(t.TempDir(), "demo")
	if out, code := runLine(t, "tqmailrules demo --dir "+dir); code != exitOK {
		t.Fatalf("exit status %d\n%s", code, out)
	}
	ask := func(question string) string {
		out, err := exec.Command(shell, "-readonly", filepath.Join(dir, "results.db"), question).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", question, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	views := strings.Fields(ask("select name from sqlite_master where type = 'view'"))
	for _, v := range views {
		if ask("select count(*) from "+v) == "0" {
			t.Errorf("view %s is empty", v)
		}
	}
	if len(views) < 5 || ask("pragma integrity_check") != "ok" {
		t.Errorf("views %v", views)
	}
}
