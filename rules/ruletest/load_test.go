package ruletest_test

import (
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/rules/ruletest"
)

func TestMistakesInTestFilesHavePlaces(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"no cases", "rules: [x.yaml]", "cases"},
		{"misspelt expectation", "cases:\n  - name: a\n    raw: x\n    expect: { indicatrs: {} }", "x.test.yaml:4:15: unknown key indicatrs"},
		{"its hint", "cases:\n  - name: a\n    raw: x\n    expect: { indicatrs: {} }", "did you mean indicators?"},
		{"neither mail nor raw", "cases:\n  - name: a", "needs either mail or raw"},
		{"both", "cases:\n  - { name: a, mail: x.eml, raw: y }", "needs either mail or raw"},
		{"unknown type", "cases:\n  - { name: a, raw: x, expect: { indicators: { URI: x } } }", "unknown indicator type URI"},
		{"unknown disposition", "cases:\n  - { name: a, raw: x, expect: { disposition: lost } }", "disposition"},
		{"unknown way to ship", "cases:\n  - { name: a, raw: x, expect: { ships: [spearfish] } }", "did you mean spearphish?"},
		{"unknown action", "cases:\n  - { name: a, raw: x, expect: { actions: tags } }", "did you mean tag?"},
		{"misspelt state of files", "cases:\n  - { name: a, raw: x, expect: { lockd: [a.zip] } }", "did you mean locked?"},
		{"misspelt field of a file", "cases:\n  - { name: a, raw: x, expect: { file: { name: a, atributes: {} } } }", "did you mean attributes?"},
		{"file without a name", "cases:\n  - { name: a, raw: x, expect: { file: { tags: x } } }", "file without name"},
		{"attributes that are no mapping", "cases:\n  - { name: a, raw: x, expect: { file: { name: a, attributes: [x] } } }", "mapping of names and values"},
		{"no time", "cases:\n  - { name: a, raw: x, at: noon }", `at: "noon" is no time`},
		{"twice the same name", "cases:\n  - { name: a, raw: x }\n  - { name: a, raw: x }", `two cases are named "a"`},
		{"mail beside messages", "cases:\n  - { name: a, raw: x, messages: [ { raw: y } ] }", "belongs to a message"},
		{"no messages", "cases:\n  - { name: a, messages: [] }", "needs at least one message"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, diags := ruletest.Load("x.test.yaml", []byte(tt.in))
			if f != nil || !strings.Contains(diags.String(), tt.want) {
				t.Errorf("got %v:\n%s\nwant a diagnostic with %q", f, diags, tt.want)
			}
		})
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("cases:\n  - { name: a, raw: x, at: +3h, expect: { score: 1, events: [ { type: X } ] } }"))
	f.Add([]byte("cases:\n  - name: a\n    messages: [ { mail: x }, { raw: y } ]\n    clock: end\n    golden: g.json"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, diags := ruletest.Load("x.test.yaml", data)
		if (file == nil) != (len(diags.Errors()) > 0) {
			t.Errorf("file %v and %d errors", file, len(diags.Errors()))
		}
	})
}
