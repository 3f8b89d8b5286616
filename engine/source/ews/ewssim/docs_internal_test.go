package ewssim

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestEverythingIsInThePackageComment compares the tables of the comment with those
// of the code.
func TestEverythingIsInThePackageComment(t *testing.T) {
	content, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for line := range strings.Lines(string(content)) {
		if row, ok := strings.CutPrefix(line, "//\t"); ok && !strings.HasPrefix(row, " ") {
			listed[strings.Fields(row)[0]] = true
		}
	}
	for name := range operations {
		if !listed[name] {
			t.Errorf("operation %s is not in the comment", name)
		}
	}
	for _, what := range Kinds {
		if !listed[string(what)] {
			t.Errorf("fault %s is not in the comment", what)
		}
	}
	for name := range listed {
		_, operation := operations[name]
		if !operation && strings.HasSuffix(name, "Item") || !slices.Contains(Kinds, What(name)) && strings.Contains(name, "-") && (&Fault{What: What(name)}).check() != nil {
			t.Errorf("%s is in the comment, and not in the code", name)
		}
	}
}
