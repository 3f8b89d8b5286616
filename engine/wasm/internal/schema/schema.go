// Package schema checks JSON values against the subset of JSON Schema in which
// extractor modules describe their configuration (wasm-extractors/ABI.md). It
// knows no references and no combinations, so that a check ends, and a mistake has
// one reason.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Schema is one schema, checked. It is safe for concurrent use.
type Schema struct {
	Type        string             `json:"type"`
	Title       string             `json:"title"`
	Description string             `json:"description"`
	Default     json.RawMessage    `json:"default"`
	Enum        []json.RawMessage  `json:"enum"`
	Properties  map[string]*Schema `json:"properties"`
	Required    []string           `json:"required"`
	Additional  *bool              `json:"additionalProperties"`
	Items       *Schema            `json:"items"`
	Pattern     string             `json:"pattern"`
	MinLength   *int               `json:"minLength"`
	MaxLength   *int               `json:"maxLength"`
	MinItems    *int               `json:"minItems"`
	MaxItems    *int               `json:"maxItems"`
	Minimum     *float64           `json:"minimum"`
	Maximum     *float64           `json:"maximum"`

	pattern *regexp.Regexp
	enum    []any
}

var types = []string{"", "object", "array", "string", "integer", "number", "boolean"}

// maxDepth bounds schemas inside each other.
const maxDepth = 16

// Parse reads a schema of an object.
func Parse(data []byte) (*Schema, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	s := &Schema{}
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("not a schema: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("not a schema: something follows it")
	}
	if s.Type != "object" {
		return nil, fmt.Errorf(`type is %q; a configuration is an "object"`, s.Type)
	}
	return s, s.prepare("", 0)
}

// prepare checks a schema and what is in it, and compiles patterns.
func (s *Schema) prepare(at string, depth int) (err error) {
	switch {
	case s == nil:
		return fmt.Errorf("%s: not a schema: null", place(at))
	case depth > maxDepth:
		return fmt.Errorf("%s: schemas more than %d deep", place(at), maxDepth)
	case !slices.Contains(types, s.Type):
		return fmt.Errorf("%s: type %q is none of%s", place(at), s.Type, strings.Join(types, " "))
	}
	if s.Pattern != "" {
		if s.pattern, err = regexp.Compile(s.Pattern); err != nil {
			return fmt.Errorf("%s: pattern: %w", place(at), err)
		}
	}
	for _, raw := range s.Enum {
		s.enum = append(s.enum, decoded(raw))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if err := s.Properties[name].prepare(join(at, name), depth+1); err != nil {
			return err
		}
	}
	for _, name := range s.Required {
		if s.Properties[name] == nil {
			return fmt.Errorf("%s: required %q is not among the properties", place(at), name)
		}
	}
	if s.Items != nil {
		if err := s.Items.prepare(at+"[]", depth+1); err != nil {
			return err
		}
	}
	if len(s.Default) > 0 {
		if err := s.check(at, decoded(s.Default)); err != nil {
			return fmt.Errorf("default: %w", err)
		}
	}
	return nil
}

// Apply checks an object, given by key, and returns it with the defaults of the
// keys that are not there.
func (s *Schema) Apply(values map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	out := maps.Clone(values)
	for name, p := range s.Properties {
		if _, there := out[name]; !there && len(p.Default) > 0 {
			out[name] = p.Default
		}
	}
	object := map[string]any{}
	for name, raw := range out {
		object[name] = decoded(raw)
	}
	return out, s.check("", object)
}

func decoded(raw json.RawMessage) (v any) {
	if json.Unmarshal(raw, &v) != nil {
		return nil
	}
	return v
}

// check compares one value. The order of checks is fixed, so that the same
// mistake is always told in the same words.
func (s *Schema) check(at string, v any) error {
	if s.Type != "" && !isType(s.Type, v) {
		return fmt.Errorf("%s is %s, not %s", place(at), typeOf(v), s.Type)
	}
	if s.enum != nil && !slices.ContainsFunc(s.enum, func(e any) bool { return equal(e, v) }) {
		return fmt.Errorf("%s is %s, which is none of %s", place(at), text(v), listed(s.Enum))
	}
	switch v := v.(type) {
	case map[string]any:
		return s.checkObject(at, v)
	case []any:
		return s.checkArray(at, v)
	case string:
		return s.checkString(at, v)
	case float64:
		return s.checkNumber(at, v)
	}
	return nil
}

func (s *Schema) checkObject(at string, v map[string]any) error {
	for _, name := range s.Required {
		if _, there := v[name]; !there {
			return fmt.Errorf("%s is missing", place(join(at, name)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		p := s.Properties[name]
		if p == nil && s.Additional != nil && !*s.Additional {
			return fmt.Errorf("%s is unknown; known: %s", place(join(at, name)), strings.Join(slices.Sorted(maps.Keys(s.Properties)), ", "))
		}
		if p != nil {
			if err := p.check(join(at, name), v[name]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Schema) checkArray(at string, v []any) error {
	if err := within(at, "items", len(v), s.MinItems, s.MaxItems); err != nil {
		return err
	}
	for i, e := range v {
		if s.Items == nil {
			return nil
		}
		if err := s.Items.check(fmt.Sprintf("%s[%d]", at, i), e); err != nil {
			return err
		}
	}
	return nil
}

func (s *Schema) checkString(at, v string) error {
	if err := within(at, "characters", utf8.RuneCountInString(v), s.MinLength, s.MaxLength); err != nil {
		return err
	}
	if s.pattern != nil && !s.pattern.MatchString(v) {
		return fmt.Errorf("%s is %s, which does not match %s", place(at), text(v), s.Pattern)
	}
	return nil
}

func (s *Schema) checkNumber(at string, v float64) error {
	switch {
	case s.Minimum != nil && v < *s.Minimum:
		return fmt.Errorf("%s is %s, less than %v", place(at), text(v), *s.Minimum)
	case s.Maximum != nil && v > *s.Maximum:
		return fmt.Errorf("%s is %s, more than %v", place(at), text(v), *s.Maximum)
	}
	return nil
}

func within(at, what string, n int, least, most *int) error {
	switch {
	case least != nil && n < *least:
		return fmt.Errorf("%s has %d %s; %d are needed", place(at), n, what, *least)
	case most != nil && n > *most:
		return fmt.Errorf("%s has %d %s; %d are allowed", place(at), n, what, *most)
	}
	return nil
}

func isType(name string, v any) bool {
	if name == "number" {
		return typeOf(v) == "number" || typeOf(v) == "integer"
	}
	return typeOf(v) == name
}

func typeOf(v any) string {
	switch v := v.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		if v == math.Trunc(v) {
			return "integer"
		}
		return "number"
	}
	return "null"
}

func equal(a, b any) bool { return text(a) == text(b) }

func text(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func listed(all []json.RawMessage) string {
	var s []string
	for _, r := range all {
		s = append(s, string(r))
	}
	return strings.Join(s, ", ")
}

func join(at, name string) string { return strings.TrimPrefix(at+"."+name, ".") }

func place(at string) string {
	if at == "" {
		return "the configuration"
	}
	return at
}
