package rules_test

import (
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
)

func TestExplainTmp(t *testing.T) {
	set := load(t, `
version: 1
lists: { partners: { kind: suffix, values: [cert.example] } }
macros:  { from_partner: 'sender.email.domain.domain in lists.partners && auth.dmarc.result == "pass"' }
rules:
  - id: a
    when: |
      (any(attachments, .size > 10 && .file_extension in ["exe", "js"])
        || len(body.links) > 20) && !macros.from_partner && subject.subject matches "x"
    then: [ { tag: x } ]
  - id: b
    when: 'let n = len(body.links); all(body.links, any(attachments, .size > 100)) ? n > 3 : (n < 2 || present(sender))'
    then: [ { tag: x } ]
  - id: c
    when: 'find(attachments, .size > 5000).file_name == "x" && attachments[3].file_name == "" && int(subject.subject) > 4'
    then: [ { tag: x } ]
`)
	for _, id := range []string{"a", "b", "c"} {
		x, err := set.Explain(engine.PhaseMessage, view(benchMessage()), id, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("\n%s", x)
	}
}
