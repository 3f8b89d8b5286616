package settings_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

func TestDictionariesOfContext(t *testing.T) {
	base := "sources: [ { files: { path: c } } ]\nrules: [ r ]\nsinks: [ { jsonl: { path: o } } ]\n"
	for _, tc := range []struct {
		name, in string
		want     settings.Context
	}{
		{"as usual", "", settings.Context{}},
		{"further ones", "context: { dictionaries: [ attack.jsonl, /abs/galaxy.jsonl ] }", settings.Context{Dictionaries: []string{"conf/attack.jsonl", "/abs/galaxy.jsonl"}}},
		{"theirs alone", "context: { builtin: false, dictionaries: x.jsonl }", settings.Context{NoBuiltin: true, Dictionaries: []string{"conf/x.jsonl"}}},
		{"none", "context: none", settings.Context{NoBuiltin: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, diags := settings.Parse("conf/c.yaml", []byte(base+tc.in))
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			if diff := cmp.Diff(tc.want, cfg.Context, cmpopts.IgnoreTypes(&yamlfile.Node{})); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, in := range []string{"context: all", "context: { dictionary: x }", "context: { builtin: perhaps }"} {
		if cfg, diags := settings.Parse("c.yaml", []byte(base+in)); cfg != nil || !strings.Contains(diags.String(), "c.yaml:4:") {
			t.Errorf("%s: %v", in, diags)
		}
	}
}
