package threatq_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestReferenceNamesEveryAttribute holds docs/reference/threatq.md to the code.
func TestReferenceNamesEveryAttribute(t *testing.T) {
	page, err := os.ReadFile("../../../docs/reference/threatq.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("shipment.go")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)^\tattr\w+ += "([^"]+)"$`).FindAllStringSubmatch(string(source), -1)
	if len(names) < 9 {
		t.Fatalf("found %d attributes in the source", len(names))
	}
	for _, n := range names {
		if !strings.Contains(string(page), "| `"+n[1]+"` |") {
			t.Errorf("docs/reference/threatq.md does not explain the attribute %q", n[1])
		}
	}
}
