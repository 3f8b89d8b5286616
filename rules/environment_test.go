package rules_test

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/rules"
)

// Every path of the table is evaluated on a message that has everything and on
// one that has nothing.
func TestEveryPathOfTheEnvironment(t *testing.T) {
	full := &engine.View{Message: fullMessage(), Indicators: []*engine.Indicator{{}}, Score: 1, Tags: []string{"x"}}
	fillIn(reflect.ValueOf(full.Indicators[0]).Elem(), 0)
	empty := &engine.View{Message: &engine.Message{}}
	entries := rules.Environment()
	if len(entries) < 250 {
		t.Fatalf("only %d paths", len(entries))
	}
	for _, e := range entries {
		t.Run(e.Path, func(t *testing.T) {
			if e.Doc == "" || e.Type == "" {
				t.Errorf("no doc or type: %+v", e)
			}
			key, then := "when", "then: [ { tag: x } ]"
			if strings.HasPrefix(e.Path, "indicator.") || e.Path == "indicator" {
				key, then = "keep", ""
			}
			set := load(t, fmt.Sprintf("version: 1\nrules:\n- id: a\n  %s: '%s'\n  %s\n", key, presence(e.Path), then))
			if got := set.Rules()[0].Phase; got != e.Phase {
				t.Errorf("phase %s, the table says %s", got, e.Phase)
			}
			if !asks(set, full) {
				t.Error("not there on a full message")
			}
			if asks(set, empty) {
				t.Error("there on an empty message")
			}
		})
	}
}

// presence asks for a path through the lists on its way.
func presence(path string) string {
	list, rest, ok := strings.Cut(path, "[]")
	if !ok {
		return "present(" + path + ")"
	}
	return "any(" + list + ", " + presence(rest) + ")"
}

// asks says whether the only rule of a set holds.
func asks(set *rules.Set, v *engine.View) bool {
	r := set.Rules()[0]
	if r.Keep {
		ind := &engine.Indicator{}
		if len(v.Indicators) > 0 {
			ind = v.Indicators[0]
		}
		return set.Keep(v, ind).Keep
	}
	p := set.Evaluate(r.Phase, v)
	return len(p.Results) == 1 && p.Results[0].Result == engine.Match
}

func fullMessage() *engine.Message {
	m := &engine.Message{Raw: engine.Empty}
	fillIn(reflect.ValueOf(m).Elem(), 0)
	return m
}

// fillIn gives every field that the language has a word for a value.
func fillIn(v reflect.Value, depth int) {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("expr") != "" {
			v.Field(i).Set(filled(v.Type().Field(i).Type, depth))
		}
	}
}

func filled(t reflect.Type, depth int) reflect.Value {
	v := reflect.New(t).Elem()
	switch {
	case t == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)))
	case t.Kind() == reflect.String:
		v.SetString("x")
	case t.Kind() == reflect.Int:
		v.SetInt(3)
	case t.Kind() == reflect.Bool:
		v.SetBool(true)
	case t.Kind() == reflect.Slice && depth < 4:
		v = reflect.Append(v, filled(t.Elem(), depth+1))
	case t.Kind() == reflect.Map:
		v = reflect.MakeMap(t)
		v.SetMapIndex(reflect.ValueOf("k"), filled(t.Elem(), depth))
	case t.Kind() == reflect.Pointer:
		v = reflect.New(t.Elem())
		fillIn(v.Elem(), depth)
	case t.Kind() == reflect.Struct:
		fillIn(v, depth)
	}
	return v
}

// The words about the fields and the fields themselves are the same set.
func TestOnlyTaggedFieldsHaveWords(t *testing.T) {
	known := map[string]bool{}
	for _, e := range rules.Environment() {
		known[e.Path[strings.LastIndexByte(e.Path, '.')+1:]] = true
	}
	for _, name := range []string{"Leaves", "Raw", "Defects", "RawName", "Content", "Spots", "Fields", "Span", "Links"} {
		if known[name] {
			t.Errorf("%s has a word", name)
		}
	}
	name := regexp.MustCompile(`^[a-z][a-z0-9_]*(\[\])?$`)
	for _, e := range rules.Environment() {
		for _, part := range strings.Split(e.Path, ".") {
			if !name.MatchString(part) {
				t.Errorf("%s is no path of words", e.Path)
			}
		}
	}
}
