package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
)

var inspectCommand = command{
	name:    "inspect",
	args:    "[-c CONFIG] [flags] MAIL...",
	summary: "show a mail as rules see it",
	long: `
Prints every field that has a value, under the path by which a condition reads
it, then the defects of the mail. Nothing is evaluated and nothing is shipped.

examples:
  tqmailrules inspect lure.eml
  tqmailrules inspect --json lure.eml | jq .message.sender
  tqmailrules inspect --full lure.eml`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		i := &inspect{}
		fs.StringVar(&i.config, "c", "", "`configuration` to take mailbox and limits from")
		fs.BoolVar(&i.json, "json", false, "write JSON, one object per mail")
		fs.BoolVar(&i.full, "full", false, "do not shorten long texts")
		return i.run
	},
}

type inspect struct {
	config     string
	json, full bool
}

func (i *inspect) run(ctx context.Context, a *app, args []string) exit {
	if len(args) == 0 {
		return a.usage("inspect", "no mail given")
	}
	cfg := &settings.Config{}
	if i.config != "" {
		got, diags, err := readConfig(i.config)
		if err != nil {
			return a.usage("inspect", "%v", err)
		}
		if code := a.diagnose(diags); code != exitOK {
			return code
		}
		cfg = got
	}
	src, err := a.openCorpus(args, cfg)
	if err != nil {
		return a.usage("inspect", "%v", err)
	}
	defer src.Close()
	parser := parserFor(cfg)
	for {
		d, err := src.Next(ctx)
		if err == io.EOF {
			return exitOK
		}
		if err != nil {
			return a.fail(err)
		}
		msg, err := parser.Parse(ctx, d.Raw, d.Origin)
		if err != nil {
			return a.fail(err)
		}
		msg.Defects = append(d.Defects, msg.Defects...)
		i.write(a, d.Origin.Name, msg)
	}
}

func (i *inspect) write(a *app, name string, msg *engine.Message) {
	if i.json {
		a.printJSON(struct {
			Name      string          `json:"name"`
			Message   tree            `json:"message"`
			Passwords []string        `json:"announced_passwords,omitempty"` // where they stand
			Defects   []engine.Defect `json:"defects"`
		}{name, treeOf(reflect.ValueOf(*msg)), announcedIn(msg), msg.Defects})
		return
	}
	fmt.Fprintf(a.out, "%s\n", ui.Line(name, 200))
	i.leaves(a.out, "", treeOf(reflect.ValueOf(*msg)))
	for _, place := range announcedIn(msg) {
		fmt.Fprintf(a.out, "  announces a password in %s\n", place)
	}
	for _, d := range msg.Defects {
		fmt.Fprintf(a.out, "  defect  %s\n", ui.Line(d.String(), 300))
	}
}

// announcedIn is where a mail announces passwords.
func announcedIn(msg *engine.Message) (places []string) {
	for _, s := range engine.AnnouncedPasswords(msg) {
		places = append(places, s.Part)
	}
	return places
}

// leaves prints a tree as paths and values.
func (i *inspect) leaves(w io.Writer, path string, v any) {
	switch v := v.(type) {
	case tree:
		for _, b := range v {
			i.leaves(w, strings.TrimPrefix(path+"."+b.name, "."), b.value)
		}
	case []any:
		for n, e := range v {
			i.leaves(w, fmt.Sprintf("%s[%d]", path, n), e)
		}
	case string:
		limit := 120
		if i.full {
			limit = 1 << 30
		}
		fmt.Fprintf(w, "  %s = %s\n", path, ui.Line(v, limit))
	default:
		fmt.Fprintf(w, "  %s = %v\n", path, v)
	}
}

// tree is a struct of the environment: its fields in order, without those that
// have no value.
type tree []branch

type branch struct {
	name  string
	value any // tree, []any, string, number, bool
}

// MarshalJSON keeps the order of the fields.
func (t tree) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, br := range t {
		if i > 0 {
			b.WriteByte(',')
		}
		name, _ := json.Marshal(br.name)
		value, err := json.Marshal(br.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// treeOf reads the fields that rules know, by their expr tags.
func treeOf(v reflect.Value) tree {
	t := tree{}
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("expr")
		if name == "" || v.Field(i).IsZero() {
			continue
		}
		if value := valueOf(v.Field(i)); value != nil {
			t = append(t, branch{name, value})
		}
	}
	return t
}

// valueOf returns nil for what is empty.
func valueOf(v reflect.Value) any {
	if at, ok := v.Interface().(time.Time); ok {
		return at.UTC().Format(time.RFC3339)
	}
	switch v.Kind() {
	case reflect.Pointer:
		return valueOf(v.Elem())
	case reflect.Struct:
		if t := treeOf(v); len(t) > 0 {
			return t
		}
		return nil
	case reflect.Slice:
		return sliceOf(v)
	case reflect.Map:
		return mapOf(v)
	case reflect.String:
		return v.String()
	default:
		return v.Interface()
	}
}

func sliceOf(v reflect.Value) any {
	if v.Len() == 0 {
		return nil
	}
	all := make([]any, 0, v.Len())
	for i := range v.Len() {
		e := valueOf(v.Index(i))
		if e == nil {
			e = tree{}
		}
		all = append(all, e)
	}
	return all
}

func mapOf(v reflect.Value) any {
	t := tree{}
	keys := map[string]any{}
	for _, k := range v.MapKeys() {
		keys[k.String()] = valueOf(v.MapIndex(k))
	}
	for _, k := range sortedKeys(keys) {
		t = append(t, branch{k, keys[k]})
	}
	if len(t) == 0 {
		return nil
	}
	return t
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
