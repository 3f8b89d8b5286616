package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine/sink/stix/stixtest"
)

// TestBundlesOfTheExamplesAreValid ships the example mails by the example rules as
// STIX, twice, and holds every bundle to the standard.
func TestBundlesOfTheExamplesAreValid(t *testing.T) {
	workplace(t)
	config := `
instance: stix
mailbox: { name: Desk, own_domains: [corp.example], auth_servers: [mx.corp.example] }
sources: [ { files: { path: mails } } ]
rules: [ rules/*.yaml ]
secrets: { default_file_password: { env: FILE_PASSWORD } }
sinks: [ { stix: { path: bundles } } ]
`
	t.Setenv("FILE_PASSWORD", "infected")
	if err := os.WriteFile("stix.yaml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	first := bundlesOf(t)
	count, bytes := map[string]int{}, 0
	for name, data := range first {
		bytes += len(data)
		for _, wrong := range stixtest.Validate([]byte(data)) {
			t.Errorf("%s: %v", name, wrong)
		}
		var b struct{ Objects []struct{ Type string } }
		if err := json.Unmarshal([]byte(data), &b); err != nil {
			t.Fatal(err)
		}
		for _, o := range b.Objects {
			count[o.Type]++
		}
	}
	t.Logf("%d bundles, %d bytes, objects %v", len(first), bytes, count)
	for _, kind := range []string{"report", "email-message", "indicator", "relationship", "note", "file", "url", "domain-name", "email-addr"} {
		if count[kind] == 0 {
			t.Errorf("no %s in any bundle", kind)
		}
	}
	if len(first) < 30 {
		t.Errorf("only %d bundles", len(first))
	}
	for name, data := range bundlesOf(t) {
		if first[name] != data {
			t.Errorf("%s has changed by a second run", name)
		}
	}
}

// bundlesOf runs, and returns the bundles by name.
func bundlesOf(t *testing.T) map[string]string {
	t.Helper()
	if out, code := runLine(t, "tqmailrules run -c stix.yaml"); code != exitOK && code != exitQuarantined {
		t.Fatalf("exit status %d\n%s", code, out)
	}
	all := map[string]string{}
	entries, err := os.ReadDir("bundles")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			t.Errorf("%s was left behind", e.Name())
		}
		all[e.Name()] = read(t, filepath.Join("bundles", e.Name()))
	}
	return all
}
