package rules_test

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/rules"
)

var update = flag.Bool("update", false, "write generated files and golden files")

func TestGeneratedFilesAreCurrent(t *testing.T) {
	for path, want := range map[string]string{
		"../schemas/rules.schema.json":     string(rules.Schema()),
		"../docs/reference/environment.md": rules.EnvironmentReference(),
		"../docs/reference/actions.md":     rules.ActionsReference(),
	} {
		golden(t, path, want)
	}
}

// golden compares got with a file, or with -update writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not current; run go generate ./rules (-file +now):\n%s", path, diff)
	}
}
