package rules_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
	"github.com/tqmailrules/tqmailrules/rules"
)

// What loads fits the schema; the mistakes of shape in testdata do not.
func TestSchemaAgreesWithTheChecker(t *testing.T) {
	var s map[string]any
	if err := json.Unmarshal(rules.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	for _, a := range rules.Actions() {
		text := "version: 1\nrules:\n- id: a\n  when: true\n  then:\n  - " + a.Example + "\n"
		if err := fits(s, valueOf(t, text), ""); err != nil {
			t.Errorf("%s: %v", a.Example, err)
		}
	}
	for _, action := range []string{
		"trim: 180", "trim: { after: x }", "split: headings", "split: { at: x, until: y, rest: skip }", "unlock: { secrets: [a] }", "unwrap: none", "extract: { only: x, config: { a: [1] } }", "event: { happened_at: '{{ message.date }}' }",
		"attribute: { A: [a, b], B: { value: x, on: files } }", "tag: [a, 3]", "relate: { malware: x }", "ship: none", "route: { seen: true }", "hold: { for: 1d12h }",
		"pair: { subject: x, default_password: [a, { secret: b }], scope: mailbox, window: 90m }", "{ tag: a, score: -3 }", "tlp: amber",
	} {
		what(t, action)
		text := "version: 1\nrules:\n- id: a\n  when: true\n  then:\n  - " + action + "\n"
		if err := fits(s, valueOf(t, text), ""); err != nil {
			t.Errorf("%s loads but does not fit: %v", action, err)
		}
	}
	if err := fits(s, valueOf(t, conditionFile("true")), ""); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"file", "actions"} {
		refusesEach(t, s, filepath.Join("testdata", "mistakes", name+".yaml"))
	}
}

// refusesEach asks for every entry of a file of mistakes by itself.
func refusesEach(t *testing.T, s map[string]any, path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	items, _ := valueOf(t, string(data)).(map[string]any)["rules"].([]any)
	for i, item := range items {
		text := fmt.Sprint(item)
		file := map[string]any{"version": int64(1), "rules": []any{item}}
		if err := fits(s, file, ""); err == nil && !strings.Contains(text, "id:n ") && !strings.Contains(text, "happened_at") {
			t.Errorf("rule %d of %s fits: %s", i, path, text)
		}
	}
}

// valueOf reads YAML into what JSON could hold.
func valueOf(t *testing.T, text string) any {
	t.Helper()
	n, diags := yamlfile.Parse("f", []byte(text))
	if diags != nil {
		t.Fatal(diags)
	}
	return plain(n)
}

func plain(n *yamlfile.Node) any {
	switch n.Kind {
	case yamlfile.Mapping:
		m := map[string]any{}
		for _, p := range n.Pairs {
			m[p.Key.Text] = plain(p.Value)
		}
		return m
	case yamlfile.Sequence:
		l := []any{}
		for _, c := range n.Items {
			l = append(l, plain(c))
		}
		return l
	case yamlfile.Scalar:
		if n.Tag == "!!int" {
			i, _ := strconv.ParseInt(n.Text, 0, 64)
			return i
		}
		if n.Tag == "!!bool" {
			return n.Text == "true"
		}
		if n.Tag == "!!float" {
			f, _ := strconv.ParseFloat(n.Text, 64)
			return f
		}
		return n.Text
	}
	return nil
}

// fits is the part of JSON Schema that the schema uses.
func fits(s map[string]any, v any, at string) error {
	for key, want := range s {
		if err := fitsKeyword(s, key, want, v, at); err != nil {
			return err
		}
	}
	return nil
}

func fitsKeyword(s map[string]any, key string, want, v any, at string) error {
	object, isObject := v.(map[string]any)
	list, isList := v.([]any)
	switch key {
	case "$schema", "title", "description", "examples":
	case "type":
		if !slices.ContainsFunc(asList(want), func(w any) bool { return isType(w.(string), v) }) {
			return fmt.Errorf("%s: %v is not %v", at, v, want)
		}
	case "const":
		if fmt.Sprint(want) != fmt.Sprint(v) {
			return fmt.Errorf("%s: %v is not %v", at, v, want)
		}
	case "enum":
		if !slices.ContainsFunc(asList(want), func(w any) bool { return w == v }) {
			return fmt.Errorf("%s: %v is none of %v", at, v, want)
		}
	case "pattern":
		if text, ok := v.(string); ok && !regexp.MustCompile(want.(string)).MatchString(text) {
			return fmt.Errorf("%s: %q does not match %s", at, text, want)
		}
	case "minimum", "maximum":
		if n, ok := v.(int64); ok && (key == "minimum") == (float64(n) < want.(float64)) && float64(n) != want.(float64) {
			return fmt.Errorf("%s: %d beyond %v", at, n, want)
		}
	case "minItems":
		if isList && float64(len(list)) < want.(float64) {
			return fmt.Errorf("%s: too few", at)
		}
	case "minProperties":
		if isObject && float64(len(object)) < want.(float64) {
			return fmt.Errorf("%s: too few", at)
		}
	case "items":
		for i, item := range list {
			if err := fits(want.(map[string]any), item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case "properties":
		for name, sub := range want.(map[string]any) {
			if value, ok := object[name]; ok {
				if err := fits(sub.(map[string]any), value, at+"."+name); err != nil {
					return err
				}
			}
		}
	case "additionalProperties":
		return fitsOthers(s, want, object, at)
	case "propertyNames":
		for name := range object {
			if err := fits(want.(map[string]any), name, at+" name"); err != nil {
				return err
			}
		}
	case "required":
		for _, name := range asList(want) {
			if _, ok := object[name.(string)]; isObject && !ok {
				return fmt.Errorf("%s: no %s", at, name)
			}
		}
	case "not":
		if fits(want.(map[string]any), v, at) == nil {
			return fmt.Errorf("%s: must not fit", at)
		}
	case "anyOf", "oneOf":
		n := 0
		var last error
		for _, sub := range asList(want) {
			if last = fits(sub.(map[string]any), v, at); last == nil {
				n++
			}
		}
		if n == 0 || key == "oneOf" && n != 1 {
			return fmt.Errorf("%s: fits %d of %s, last %v", at, n, key, last)
		}
	default:
		return fmt.Errorf("%s: unknown keyword %s", at, key)
	}
	return nil
}

func fitsOthers(s map[string]any, want any, object map[string]any, at string) error {
	known, _ := s["properties"].(map[string]any)
	for name, value := range object {
		if _, ok := known[name]; ok {
			continue
		}
		sub, ok := want.(map[string]any)
		if !ok {
			return fmt.Errorf("%s: unknown %s", at, name)
		}
		if err := fits(sub, value, at+"."+name); err != nil {
			return err
		}
	}
	return nil
}

func asList(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

func isType(name string, v any) bool {
	switch v.(type) {
	case string:
		return name == "string"
	case int64:
		return name == "integer" || name == "number"
	case float64:
		return name == "number"
	case bool:
		return name == "boolean"
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	}
	return name == "null"
}
