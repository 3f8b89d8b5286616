package rules

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/tqmailrules/tqmailrules/engine"
)

//go:generate go test -run TestGeneratedFilesAreCurrent . -update

// schema is a piece of JSON Schema (draft 2020-12).
type schema map[string]any

// Schema is the JSON Schema of rule files, for editors. It is made of the
// checker's own tables: what it refuses, the checker refuses; the checker
// refuses more, as it reads conditions.
func Schema() []byte {
	s := documented(fileKeyTable, map[string]schema{
		"version":  {"const": 1},
		"lists":    {"type": "object", "propertyNames": nameSchema(), "additionalProperties": listSchema()},
		"macros":   {"type": "object", "propertyNames": nameSchema(), "additionalProperties": condition()},
		"defaults": defaultsSchema(),
		"rules":    {"type": "array", "items": ruleSchema()},
	})
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "tqmailrules rule file"
	s["required"] = []string{"version"}
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // the tables hold nothing that JSON cannot
	}
	return append(out, '\n')
}

// mapping is a mapping of exactly these keys; a key without a schema of its own is a text.
func mapping(keys []string, of map[string]schema) schema {
	props := map[string]schema{}
	for _, k := range keys {
		props[k] = text()
	}
	maps.Copy(props, of)
	return schema{"type": "object", "additionalProperties": false, "properties": props}
}

// documented is a mapping of the keys of a table.
func documented(keys []key, of map[string]schema) schema {
	s := mapping(keyNames(keys), of)
	for name, doc := range keyDocs(keys) {
		s["properties"].(map[string]schema)[name]["description"] = doc
	}
	return s
}

func nameSchema() schema { return schema{"pattern": nameForm.String()} }

// text is a scalar: rule files take numbers and words as texts where texts are meant.
func text() schema { return schema{"type": []string{"string", "number", "boolean"}} }

func texts() schema { return schema{"anyOf": []schema{text(), listSchemaOf(text())}} }

func listSchemaOf(items schema) schema { return schema{"type": "array", "items": items} }

func enum(values []string) schema { return schema{"enum": values} }

func described(s schema, doc string) schema {
	s["description"] = doc
	return s
}

func condition() schema { return schema{"type": []string{"string", "boolean"}} }

func whole(least, most int) schema {
	return schema{"type": "integer", "minimum": least, "maximum": most}
}

func duration() schema {
	return schema{"type": "string", "pattern": `^(\d+d)?([\d.]+(ns|us|µs|ms|s|m|h))*$`}
}

func listSchema() schema {
	s := documented(listKeyTable, map[string]schema{"kind": enum(listKinds), "values": listSchemaOf(text()), "file": {"type": "string"}})
	s["oneOf"] = []schema{{"required": []string{"values"}}, {"required": []string{"file"}}}
	return s
}

func defaultsSchema() schema {
	return documented(defaultKeyTable, map[string]schema{
		"mailbox_type": enum([]string{string(engine.Intelligence), string(engine.Spearphish)}),
		"tlp":          tlpSchema(),
		"keep_raw":     {"type": "boolean"},
	})
}

func tlpSchema() schema { return schema{"type": "string", "examples": tlpLevels} }

func ruleSchema() schema {
	otherwise := mapping(otherwiseKeys, map[string]schema{"status": {"type": "string", "minLength": 1}})
	otherwise["required"] = otherwiseKeys
	s := documented(ruleKeyTable, map[string]schema{
		"id":         {"type": []string{"string", "integer"}, "pattern": idForm.String()},
		"mode":       enum(modes),
		"priority":   {"type": "integer"},
		"when":       condition(),
		"keep":       condition(),
		"otherwise":  otherwise,
		"then":       {"type": "array", "minItems": 1, "items": actionsSchema()},
		"stop":       enum(stops),
		"on_error":   enum(onErrors),
		"tags":       texts(),
		"references": texts(),
		"severity":   enum(severities),
		"expires":    {"type": "string", "pattern": `^\d{4}-\d{2}-\d{2}$`},
	})
	s["required"] = []string{"id"}
	s["oneOf"] = []schema{
		{"required": []string{"when", "then"}, "not": schema{"anyOf": anyKey("keep", "otherwise")}},
		{"required": []string{"keep"}, "not": schema{"anyOf": anyKey("when", "then", "stop", "on_error")}},
	}
	return s
}

// anyKey fits a mapping that has any of the keys.
func anyKey(keys ...string) []schema {
	var out []schema
	for _, k := range keys {
		out = append(out, schema{"required": []string{k}})
	}
	return out
}

// actionsSchema is one entry of `then`.
func actionsSchema() schema {
	forms := actionForms()
	props := map[string]schema{}
	for _, a := range actionTable() {
		props[a.Name] = described(forms[a.Name], a.Doc)
	}
	return schema{"type": "object", "additionalProperties": false, "properties": props}
}

// actionForms is the table of how each action is written.
func actionForms() map[string]schema {
	keys := func(name string, of map[string]schema) schema { return mapping(actionKeys[name], of) }
	need := func(s schema, keys ...string) schema { s["required"] = keys; return s }
	password := schema{"anyOf": []schema{text(), need(mapping([]string{"secret"}, nil), "secret")}}
	attribute := schema{"anyOf": []schema{texts(), need(mapping([]string{"value", "on"}, map[string]schema{"value": texts(), "on": enum(attributeOn)}), "value")}}
	return map[string]schema{
		"treat_as": enum(treatments),
		"trim": {"anyOf": []schema{whole(1, 1<<31-1), {"oneOf": []schema{
			need(keys("trim", map[string]schema{"chars": whole(1, 1<<31-1), "from": enum(trimFrom), "after": {"not": schema{}}}), "chars"),
			need(mapping([]string{"after"}, nil), "after"),
		}}}},
		"pair": keys("pair", map[string]schema{
			"window": duration(), "scope": enum(pairScopes), "default_password": {"anyOf": []schema{password, listSchemaOf(password)}},
		}),
		"unlock": keys("unlock", map[string]schema{"passwords": texts(), "secrets": texts()}),
		"split":  {"anyOf": []schema{enum([]string{"headings"}), keys("split", map[string]schema{"rest": enum(splitRests)})}},
		"unwrap": {"anyOf": []schema{enum(append(slices.Clone(unwrapKinds), "none")), listSchemaOf(enum(unwrapKinds))}},
		"extract": keys("extract", map[string]schema{
			"use": texts(), "only": texts(), "config": {"type": "object"},
			"from": {"anyOf": []schema{enum(extractFrom), listSchemaOf(enum(extractFrom))}},
		}),
		"event":     keys("event", nil),
		"attribute": {"type": "object", "minProperties": 1, "additionalProperties": attribute},
		"tag":       texts(),
		"relate":    keys("relate", relations()),
		"status":    text(),
		"source":    text(),
		"tlp":       tlpSchema(),
		"score":     whole(-1_000_000, 1_000_000),
		"ship":      {"anyOf": []schema{{"const": "none"}, need(keys("ship", map[string]schema{"sinks": texts()}), "sinks")}},
		"route":     keys("route", map[string]schema{"seen": {"type": "boolean"}}),
		"parse":     enum(parseOptions),
		"hold":      need(keys("hold", map[string]schema{"for": duration()}), "for"),
	}
}

// relations are the kinds of objects, each with names.
func relations() map[string]schema {
	all := map[string]schema{}
	for _, kind := range relationTypes {
		all[kind] = texts()
	}
	return all
}
