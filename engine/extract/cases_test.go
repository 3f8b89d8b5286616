package extract_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/extract"
	"github.com/tqmailrules/tqmailrules/internal/htmltext"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

// truth is one case of testdata/cases-*.jsonl: a text, what has to be found in
// it, and what may be found besides. Hosts of URLs, domains of addresses and
// the like are neither.
type truth struct {
	ID     string
	Format string
	Text   string
	Expect []short
	Maybe  []short
}

type short struct{ Type, Value string }

func (s short) String() string { return s.Type + " " + s.Value }

// canonical is the form in which the extractor reports the value.
func (s short) canonical(t *testing.T) short {
	t.Helper()
	switch {
	case s.Type == "url" && (strings.HasPrefix(s.Value, "//") || !strings.Contains(s.Value, "://") && strings.ContainsRune(s.Value, ':')), s.Type == "fqdn":
		if v, ok := extract.Canonical(s.Type, s.Value); ok {
			s.Value = v
		}
		return s
	}
	v, ok := extract.Canonical(s.Type, s.Value)
	if ok {
		s.Value = v
	}
	switch s.Type {
	case "filename", "email", "filepath", "regkey", "eth":
		s.Value = strings.ToLower(s.Value)
	}
	return s
}

func cases(t *testing.T) []truth {
	files, _ := filepath.Glob("testdata/cases-*.jsonl")
	var all []truth
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			var c truth
			if err := json.Unmarshal([]byte(line), &c); err != nil {
				t.Fatalf("%s: %v", f, err)
			}
			all = append(all, c)
		}
	}
	return all
}

// findIn reads a text or page, and holds what it gives to its provenance.
func findIn(t *testing.T, c truth) []engine.Finding {
	if c.Format != "html" {
		found := extract.FindText(c.Text)
		check(t, c.Text, found)
		return found
	}
	page, _ := htmltext.Project(c.Text, htmltext.Options{Limits: engine.Limits{}.WithDefaults(), ParseURL: names.ParseURL})
	found := extract.FindPage(&page)
	for _, f := range found {
		if s := f.Spot.Span; s.Start < 0 || s.End > len(page.InnerText) || s.Start > s.End {
			t.Errorf("%s %q: span %+v of %d bytes", f.Type, f.Value, s, len(page.InnerText))
		}
	}
	return found
}

// TestForms reads what the specification of each form asks for: every type, every
// way to write it, and what looks like it and is not.
func TestForms(t *testing.T) {
	all := cases(t)
	for _, c := range all {
		t.Run(c.ID, func(t *testing.T) {
			want, maybe := []string{}, map[short]bool{}
			for _, e := range c.Expect {
				want = append(want, e.canonical(t).String())
			}
			for _, m := range c.Maybe {
				maybe[m.canonical(t)] = true
			}
			got := []string{}
			for _, f := range findIn(t, c) {
				s := short{engine.ShortByType(f.Type), f.Value}.canonical(t)
				wanted := slices.Contains(want, s.String())
				if wanted || f.Flags&engine.Derived == 0 && !maybe[s] {
					got = append(got, s.String())
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(slices.Compact(want), slices.Compact(got)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", c.Text, diff)
			}
		})
	}
	if len(all) < 2600 {
		t.Errorf("only %d cases", len(all))
	}
}
