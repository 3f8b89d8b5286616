package stix_test

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/stix"
	"github.com/tqmailrules/tqmailrules/engine/sink/stix/stixtest"
)

var update = flag.Bool("update", false, "write the example of the documentation")

const page = "../../../docs/reference/stix.md"

// example is the batch of the example in the documentation.
func example() engine.Batch {
	event, url := engine.Ref{Kind: "event", Key: "9f2c"}, engine.Ref{Kind: "indicator", Key: "URL\x1fhttp://evil.example/it's"}
	at := time.Date(2026, 3, 13, 9, 0, 0, 0, time.UTC)
	return engine.Batch{
		Key: "4d1f0c9a",
		Events: []engine.EventRecord{{
			Key: event.Key, Type: "Incident", Title: "Your invoice", HappenedAt: at, Description: "Pay at hxxp://evil[.]example/it's", Source: "Phishing Mailbox", TLP: "AMBER",
			Score: 60, Tags: []string{"lure"}, SeenIn: "files invoice.eml",
			Message: engine.MessageRecord{MessageID: "1@evil.example", From: "billing@evil.example", Subject: "Your invoice", Date: at},
		}},
		Indicators: []engine.IndicatorRecord{{
			Key: url.Key, Type: "URL", Value: "http://evil.example/it's", Status: "Active", Source: "Phishing Mailbox", TLP: "AMBER", Tags: []string{"lure"},
			Flags: []string{"defanged"}, Original: "hxxp://evil[.]example/it's",
		}},
		Relations: []engine.Relation{{From: event, To: url}},
	}
}

func TestDocumentationShowsThisBundle(t *testing.T) {
	b := example()
	data, err := stix.Encode(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range stixtest.Validate(data) {
		t.Error(wrong)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(text), "```json\n")
	shown, after, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the documentation has no example")
	}
	if *update {
		if err := os.WriteFile(page, []byte(before+"```json\n"+string(data)+"```"+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(data), shown); diff != "" {
		t.Errorf("run with -update (-want +shown):\n%s", diff)
	}
}

// TestDocumentationNamesEveryType of indicators and of objects.
func TestDocumentationNamesEveryType(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range engine.IndicatorTypes {
		if !strings.Contains(string(text), kind.Name) {
			t.Errorf("%s is not told of %s", page, kind.Name)
		}
	}
	for _, o := range objects(t, wholeBatch()) {
		if kind := o["type"].(string); !strings.Contains(string(text), "`"+kind+"`") {
			t.Errorf("%s is not told of %s", page, kind)
		}
	}
}
