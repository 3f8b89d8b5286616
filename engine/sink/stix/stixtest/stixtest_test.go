package stixtest_test

import (
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine/sink/stix/stixtest"
)

// valid is a small bundle by hand.
const valid = `{"type":"bundle","id":"bundle--11111111-1111-4111-8111-111111111111","objects":[
{"type":"identity","spec_version":"2.1","id":"identity--22222222-2222-4222-8222-222222222222","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"us"},
{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4","value":"198.51.100.3"},
{"type":"indicator","spec_version":"2.1","id":"indicator--33333333-3333-4333-8333-333333333333","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","created_by_ref":"identity--22222222-2222-4222-8222-222222222222","pattern":"[ipv4-addr:value = '198.51.100.3']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00.000Z"},
{"type":"relationship","spec_version":"2.1","id":"relationship--44444444-4444-4444-8444-444444444444","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","relationship_type":"based-on","source_ref":"indicator--33333333-3333-4333-8333-333333333333","target_ref":"ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"},
{"type":"report","spec_version":"2.1","id":"report--55555555-5555-4555-8555-555555555555","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"r","published":"2026-01-01T00:00:00.000Z","object_refs":["ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"],"labels":["x"]}
]}`

func TestValidBundlePasses(t *testing.T) {
	for _, wrong := range stixtest.Validate([]byte(valid)) {
		t.Error(wrong)
	}
}

// TestBrokenRulesAreFound breaks one rule at a time.
func TestBrokenRulesAreFound(t *testing.T) {
	for _, row := range []struct{ name, old, new, want string }{
		{"missing property", `"name":"us"`, `"identity_class":"system"`, "name is missing"},
		{"property that there is not", `"name":"us"`, `"name":"us","colour":"red"`, "colour is no property"},
		{"type that there is not", `"type":"identity"`, `"type":"person"`, "no such type"},
		{"identifier of another type", `"id":"report--`, `"id":"grouping--`, "no identifier of a report"},
		{"identifier that is none", `33333333-3333-4333-8333-333333333333","created`, `33333333-3333-4333-8333-33333333333","created`, "no identifier"},
		{"same identifier twice", "relationship--44444444", "relationship--44444444-4444-4444-8444-444444444444\"},{\"type\":\"relationship\",\"id\":\"relationship--44444444", "two objects"},
		{"identifier by chance", "ipv4-addr--28bb3599-77cd-5a82", "ipv4-addr--28bb3599-77cd-4a82", "identified by"},
		{"time without zone", `"published":"2026-01-01T00:00:00.000Z"`, `"published":"2026-01-01T00:00:00.000"`, "no time"},
		{"time with another zone", `"published":"2026-01-01T00:00:00.000Z"`, `"published":"2026-01-01T00:00:00+01:00"`, "no time"},
		{"day that there is not", `"published":"2026-01-01`, `"published":"2026-02-30`, "no time"},
		{"version", `"spec_version":"2.1"`, `"spec_version":"2.0"`, "none of [2.1]"},
		{"empty list", `"labels":["x"]`, `"labels":[]`, "empty list"},
		{"dangling reference", `"object_refs":["ipv4-addr--28bb3599`, `"object_refs":["ipv4-addr--28bb3598`, "in the bundle"},
		{"reference to the wrong type", `"created_by_ref":"identity--22222222-2222-4222-8222-222222222222"`, `"created_by_ref":"ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"`, "none of [identity]"},
		{"relationship of a relationship", `"source_ref":"indicator--33333333-3333-4333-8333-333333333333"`, `"source_ref":"relationship--44444444-4444-4444-8444-444444444444"`, "cannot stand there"},
		{"broken pattern", `198.51.100.3']"`, `198.51.100.3'x']"`, "no end of the observation"},
		{"escape that there is not", `198.51.100.3']"`, `198.51.100.3\\n']"`, "an escape that there is not"},
		{"pattern of nothing", "[ipv4-addr:value", "[mail:value", "about no observable"},
		{"no address", `"value":"198.51.100.3"`, `"value":"198.51.100.300"`, "no such address"},
		{"confidence", `"name":"us"`, `"name":"us","confidence":101`, "no whole number"},
		{"modified before created", `"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"us"`, `"created":"2026-01-02T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"us"`, "modified before"},
		{"bundle of no objects", valid[strings.Index(valid, "[\n"):], "[]}", "empty list of objects"},
		{"no JSON", `"objects"`, `objects`, "bundle:"},
	} {
		t.Run(row.name, func(t *testing.T) {
			broken := strings.Replace(valid, row.old, row.new, 1)
			if broken == valid {
				t.Fatal("nothing was broken")
			}
			for _, wrong := range stixtest.Validate([]byte(broken)) {
				if strings.Contains(wrong.Error(), row.want) {
					return
				}
			}
			t.Errorf("got %v, want %q", stixtest.Validate([]byte(broken)), row.want)
		})
	}
}

func TestObservablesAreHeldToTheirForms(t *testing.T) {
	for name, object := range map[string]string{
		"digest too short":   `{"type":"file","spec_version":"2.1","id":"file--22222222-2222-5222-8222-222222222222","hashes":{"MD5":"abc"}}`,
		"file of nothing":    `{"type":"file","spec_version":"2.1","id":"file--22222222-2222-5222-8222-222222222222","size":1}`,
		"URL with a blank":   `{"type":"url","spec_version":"2.1","id":"url--22222222-2222-5222-8222-222222222222","value":"http://a/ b"}`,
		"short hive":         `{"type":"windows-registry-key","spec_version":"2.1","id":"windows-registry-key--22222222-2222-5222-8222-222222222222","key":"HKLM\\x"}`,
		"two bodies":         `{"type":"email-message","spec_version":"2.1","id":"email-message--22222222-2222-5222-8222-222222222222","is_multipart":true,"body":"x"}`,
		"content not base64": `{"type":"artifact","spec_version":"2.1","id":"artifact--22222222-2222-5222-8222-222222222222","payload_bin":"%"}`,
		"marking of our own": `{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--22222222-2222-5222-8222-222222222222","created":"2026-01-01T00:00:00Z","name":"TLP:RED"}`,
		"field as a text":    `{"type":"email-message","spec_version":"2.1","id":"email-message--22222222-2222-5222-8222-222222222222","is_multipart":false,"additional_header_fields":{"X-Mailer":"x"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			wrong := stixtest.Validate([]byte(`{"type":"bundle","id":"bundle--11111111-1111-4111-8111-111111111111","objects":[` + object + `]}`))
			found := false
			for _, w := range wrong {
				found = found || !strings.Contains(w.Error(), "identified by")
			}
			if !found {
				t.Errorf("got %v", wrong)
			}
		})
	}
}
