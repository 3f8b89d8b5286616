package schema_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine/wasm/internal/schema"
)

const tickets = `{
	"type": "object",
	"properties": {
		"prefixes": {"type": "array", "items": {"type": "string", "minLength": 2, "maxLength": 4}, "minItems": 1, "maxItems": 2, "default": ["INC"]},
		"digits": {"type": "object", "properties": {"min": {"type": "integer", "minimum": 1, "maximum": 12}}, "required": ["min"], "additionalProperties": false},
		"system": {"enum": ["jira", "snow", 7]},
		"pattern": {"type": "string", "pattern": "^[a-z]+$"},
		"strict": {"type": "boolean"},
		"weight": {"type": "number"}
	},
	"required": ["prefixes"],
	"additionalProperties": false
}`

func apply(t *testing.T, s *schema.Schema, config string) (map[string]json.RawMessage, error) {
	t.Helper()
	var values map[string]json.RawMessage
	if err := json.Unmarshal([]byte(config), &values); err != nil {
		t.Fatal(err)
	}
	return s.Apply(values)
}

func TestConfigurationsAreHeldToTheirSchema(t *testing.T) {
	s, err := schema.Parse([]byte(tickets))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, config, want string }{
		{"nothing, with a default", `{}`, ""},
		{"everything", `{"prefixes":["AB"],"digits":{"min":3},"system":7,"pattern":"abc","strict":true,"weight":1.5}`, ""},
		{"an integer is a number", `{"weight":2}`, ""},
		{"another type", `{"prefixes":"INC"}`, "prefixes is string, not array"},
		{"a number that is none of the integers", `{"digits":{"min":1.5}}`, "digits.min is number, not integer"},
		{"too few", `{"prefixes":[]}`, "prefixes has 0 items; 1 are needed"},
		{"too many", `{"prefixes":["AB","CD","EF"]}`, "prefixes has 3 items; 2 are allowed"},
		{"short", `{"prefixes":["A"]}`, "prefixes[0] has 1 characters; 2 are needed"},
		{"long", `{"prefixes":["AB","ABCDE"]}`, "prefixes[1] has 5 characters; 4 are allowed"},
		{"missing inside", `{"digits":{}}`, "digits.min is missing"},
		{"small", `{"digits":{"min":0}}`, "digits.min is 0, less than 1"},
		{"large", `{"digits":{"min":13}}`, "digits.min is 13, more than 12"},
		{"none of a few", `{"system":"otrs"}`, `system is "otrs", which is none of "jira", "snow", 7`},
		{"no match", `{"pattern":"ABC"}`, `pattern is "ABC", which does not match ^[a-z]+$`},
		{"unknown", `{"prefix":["AB"]}`, "prefix is unknown; known: digits, pattern, prefixes, strict, system, weight"},
		{"unknown inside", `{"digits":{"min":1,"max":2}}`, "digits.max is unknown; known: min"},
		{"null", `{"strict":null}`, "strict is null, not boolean"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := apply(t, s, tt.config)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestDefaultsFillWhatIsLeftOut(t *testing.T) {
	s, err := schema.Parse([]byte(tickets))
	if err != nil {
		t.Fatal(err)
	}
	got, err := apply(t, s, `{"strict":false}`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"prefixes":["INC"],"strict":false}`, text(t, got)); diff != "" {
		t.Error(diff)
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSchemasThatAreNone(t *testing.T) {
	tests := []struct{ name, schema, want string }{
		{"no JSON", `x`, "not a schema: invalid character"},
		{"a list", `[]`, "not a schema: "},
		{"something behind", `{"type":"object"} 1`, "not a schema: something follows it"},
		{"no object", `{"type":"string"}`, `type is "string"; a configuration is an "object"`},
		{"an unknown type", `{"type":"object","properties":{"a":{"type":"text"}}}`, `a: type "text" is none of`},
		{"an unknown key", `{"type":"object","$ref":"x"}`, `unknown field "$ref"`},
		{"no pattern", `{"type":"object","properties":{"a":{"pattern":"("}}}`, "a: pattern: error parsing regexp"},
		{"required and unknown", `{"type":"object","required":["a"]}`, `required "a" is not among the properties`},
		{"null inside", `{"type":"object","properties":{"a":null}}`, "a: not a schema: null"},
		{"a default that does not fit", `{"type":"object","properties":{"a":{"type":"integer","default":"x"}}}`, "default: a is string, not integer"},
		{"deep", strings.Repeat(`{"type":"object","properties":{"a":`, 18) + `{}` + strings.Repeat(`}}`, 18), "schemas more than 16 deep"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := schema.Parse([]byte(tt.schema)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// FuzzSchema wants an answer for every pair, and defaults that fit.
func FuzzSchema(f *testing.F) {
	f.Add(tickets, `{"digits":{"min":3}}`)
	f.Add(`{"type":"object","properties":{"a":{"default":1}}}`, `{"a":[]}`)
	f.Fuzz(func(t *testing.T, text, config string) {
		s, err := schema.Parse([]byte(text))
		if err != nil {
			return
		}
		var values map[string]json.RawMessage
		if json.Unmarshal([]byte(config), &values) != nil {
			return
		}
		out, err := s.Apply(values)
		if err != nil {
			return
		}
		if _, err := s.Apply(out); err != nil {
			t.Errorf("what was accepted is refused with its defaults: %v", err)
		}
	})
}
