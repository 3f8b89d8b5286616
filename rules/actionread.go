package rules

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

type resolver = func(ev *evaluator) ([]engine.Action, error)

var (
	treatments    = []string{string(engine.Intelligence), string(engine.Spearphish), string(engine.Skip)}
	unwrapKinds   = []string{"forward", "nested", "archive"}
	extractFrom   = []string{"body", "attachments", "headers"}
	attributeOn   = []string{"event", "files", "indicators"}
	relationTypes = []string{"adversary", "malware", "campaign"}
	trimFrom      = []string{"start", "end"}
)

// actionKeys are the keys of the actions that are mappings of known keys.
var actionKeys = map[string][]string{
	"trim":    {"chars", "from", "after"},
	"pair":    {"subject", "password_prefix", "window", "default_password", "scope", "take"},
	"unlock":  {"passwords", "secrets"},
	"extract": {"use", "only", "from", "config"},
	"event":   {"type", "title", "happened_at"},
	"relate":  relationTypes,
	"ship":    {"sinks"},
	"route":   {"seen", "move_to", "flag"},
	"hold":    {"for"},
}

func readTreatAs(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	s, ok := l.Choice(n, "treat_as", treatments)
	if !ok {
		return nil
	}
	return one(engine.TreatAs{As: engine.Treatment(s)})
}

func readTrim(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	if n.Kind == yamlfile.Scalar {
		chars, ok := l.Int(n, "trim", 1, math.MaxInt32)
		if !ok {
			return nil
		}
		return one(engine.Trim{Chars: chars})
	}
	f, ok := l.Fields(n, "trim", actionKeys["trim"])
	if !ok {
		return nil
	}
	if f.Has("chars") == f.Has("after") || f.Has("after") && f.Has("from") {
		d := n.Errorf("trim needs either chars or after")
		d.Expected = "{chars: N, from: start or end}, or {after: pattern}"
		l.Add(d)
		return nil
	}
	var t engine.Trim
	if t.After, ok = l.pattern(f.Get("after"), "after"); ok {
		return one(t)
	}
	if t.Chars, ok = l.Int(f.Get("chars"), "chars", 1, math.MaxInt32); !ok {
		return nil
	}
	if from, ok := l.Choice(f.Get("from"), "from", trimFrom); ok {
		t.End = from == "end"
	}
	return one(t)
}

// pattern reads a regular expression that stands by itself in the YAML.
func (l *loader) pattern(n *yamlfile.Node, what string) (*regexp.Regexp, bool) {
	s, ok := l.Filled(n, what)
	if !ok {
		return nil, false
	}
	re, err := regexp.Compile(s)
	if err == nil {
		return re, true
	}
	message, off := patternFault(s, err)
	d := n.ErrorAt(off, "not a regular expression: %s", message)
	patternHint(s)(&d)
	l.Add(d)
	return nil, false
}

func readUnlock(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	f, ok := l.Fields(n, "unlock", actionKeys["unlock"])
	if !ok {
		return nil
	}
	var u engine.Unlock
	words, _ := l.texts(f, "passwords")
	for _, w := range words {
		u.Passwords = append(u.Passwords, engine.LiteralPassword(w))
	}
	secrets, _ := l.texts(f, "secrets")
	for i, s := range secrets {
		l.known(itemNode(f.Get("secrets"), i), s, "secret", l.opt.Secrets)
		u.Passwords = append(u.Passwords, engine.Password{Secret: s})
	}
	if len(u.Passwords) == 0 {
		l.Add(n.Errorf("unlock without passwords and secrets"))
		return nil
	}
	return one(u)
}

// itemNode is the node of element i of a list, or the text that stands for a list.
func itemNode(n *yamlfile.Node, i int) *yamlfile.Node {
	if n.Kind == yamlfile.Sequence {
		return n.Items[i]
	}
	return n
}

// known reports a name that the configuration does not have. A nil list of
// names means that it is not at hand.
func (l *loader) known(n *yamlfile.Node, name, what string, names []string) {
	if names == nil || slices.Contains(names, name) {
		return
	}
	d := n.Errorf("unknown %s %s", what, name)
	d.Suggest(name, names)
	l.Add(d)
}

func readUnwrap(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	if n.Kind == yamlfile.Scalar && n.Text == "none" {
		return one(engine.Unwrap{})
	}
	kinds, ok := l.choices(n, "unwrap", unwrapKinds, "none")
	if !ok {
		return nil
	}
	return one(engine.Unwrap{Kinds: kinds})
}

// choices reads one or several of the options.
func (l *loader) choices(n *yamlfile.Node, what string, options []string, also ...string) ([]string, bool) {
	if n.Kind == yamlfile.Scalar {
		s, ok := l.Choice(n, what, append(slices.Clone(options), also...))
		return []string{s}, ok
	}
	items, ok := l.Items(n, what)
	var out []string
	for _, it := range items {
		s, good := l.Choice(it, what, options)
		out, ok = append(out, s), ok && good
	}
	return out, ok
}

func readExtract(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	f, ok := l.Fields(n, "extract", actionKeys["extract"])
	if !ok {
		return nil
	}
	var e engine.Extract
	for _, k := range []struct {
		key string
		to  *[]string
	}{{"use", &e.Use}, {"only", &e.Only}} {
		*k.to, _ = l.texts(f, k.key)
		for i, name := range *k.to {
			l.known(itemNode(f.Get(k.key), i), name, "extractor", l.opt.Extractors)
		}
	}
	if f.Has("from") {
		e.From, _ = l.choices(f.Get("from"), "from", extractFrom)
	}
	if f.Has("config") {
		if f.Get("config").Kind != yamlfile.Mapping {
			l.Add(f.Get("config").Errorf("config is %s", f.Get("config").Kind))
			return nil
		}
		e.Config, _ = plainValue(f.Get("config")).(map[string]any)
	}
	return one(e)
}

// plainValue turns YAML into what JSON can hold.
func plainValue(n *yamlfile.Node) any {
	switch n.Kind {
	case yamlfile.Sequence:
		out := make([]any, len(n.Items))
		for i, it := range n.Items {
			out[i] = plainValue(it)
		}
		return out
	case yamlfile.Mapping:
		out := make(map[string]any, len(n.Pairs))
		for _, p := range n.Pairs {
			out[p.Key.Text] = plainValue(p.Value)
		}
		return out
	case yamlfile.Scalar:
		return plainScalar(n)
	}
	return nil
}

func plainScalar(n *yamlfile.Node) any {
	var v any
	switch n.Tag {
	case "!!bool":
		return n.Text == "true" || n.Text == "True" || n.Text == "TRUE"
	case "!!int":
		if i, err := strconv.ParseInt(n.Text, 0, 64); err == nil {
			return i
		}
	case "!!float":
		if json.Unmarshal([]byte(n.Text), &v) == nil {
			return v
		}
	}
	return n.Text
}

func readEvent(l *loader, r *Rule, n *yamlfile.Node) resolver {
	f, ok := l.Fields(n, "event", actionKeys["event"])
	if !ok {
		return nil
	}
	if !f.Has("type") && !f.Has("title") && !f.Has("happened_at") {
		l.Add(n.Errorf("event says nothing"))
		return nil
	}
	kind, title := l.optionalTemplate(r, f, "type"), l.optionalTemplate(r, f, "title")
	at := l.timeTemplate(r, f.Get("happened_at"))
	return func(ev *evaluator) ([]engine.Action, error) {
		var e engine.Event
		var err error
		if e.Type, err = kind.value(ev); err != nil {
			return nil, err
		}
		if e.Title, err = title.value(ev); err != nil {
			return nil, err
		}
		if e.HappenedAt, err = at(ev); err != nil {
			return nil, err
		}
		return []engine.Action{e}, nil
	}
}

// optionalTemplate reads a template that may be missing; it is never nil.
func (l *loader) optionalTemplate(r *Rule, f yamlfile.Fields, key string) *template {
	if t := l.template(r, f.Get(key), key, false); t != nil {
		return t
	}
	return &template{}
}

// timeTemplate reads a moment: {{ expression }} that is a time, or a date.
func (l *loader) timeTemplate(r *Rule, n *yamlfile.Node) func(*evaluator) (time.Time, error) {
	none := func(*evaluator) (time.Time, error) { return time.Time{}, nil }
	if n == nil {
		return none
	}
	if t, err := time.Parse(time.RFC3339, n.Text); err == nil {
		return func(*evaluator) (time.Time, error) { return t.UTC(), nil }
	}
	t := l.template(r, n, "happened_at", false)
	if t == nil {
		return none
	}
	if len(t.pieces) != 1 || t.pieces[0].expr == nil || !t.pieces[0].expr.t.is(timeKind) {
		d := n.Errorf("happened_at is not a time")
		d.Expected = "'{{ expression }}' that is a time, or a date such as 2024-05-31T14:00:00Z"
		l.Add(d)
		return none
	}
	return func(ev *evaluator) (time.Time, error) {
		v, err := ev.value(t.pieces[0].expr)
		if err != nil {
			return time.Time{}, err
		}
		at, _ := v.(time.Time)
		return at, nil
	}
}

func readAttribute(l *loader, r *Rule, n *yamlfile.Node) resolver {
	if n.Kind != yamlfile.Mapping || len(n.Pairs) == 0 {
		d := n.Errorf("attribute is %s", n.Kind)
		d.Expected = "a mapping such as { Reporter: '{{ sender.email.email }}' }"
		l.Add(d)
		return nil
	}
	var parts []resolver
	for _, p := range n.Pairs {
		name, ok := l.Filled(p.Key, "the name of an attribute")
		if !ok {
			continue
		}
		value, on := p.Value, "event"
		if value.Kind == yamlfile.Mapping {
			f, _ := l.Fields(value, "attribute "+name, []string{"value", "on"})
			if s, ok := l.Choice(f.Get("on"), "on", attributeOn); ok {
				on = s
			}
			if !l.Need(f, "attribute "+name, "value") {
				continue
			}
			value = f.Get("value")
		}
		if t := l.templates(r, value, "attribute "+name); t != nil {
			parts = append(parts, attributeOf(name, on, t))
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return all(parts)
}

func attributeOf(name, on string, t []*template) resolver {
	return func(ev *evaluator) ([]engine.Action, error) {
		var values []string
		for _, x := range t {
			v, err := x.values(ev)
			if err != nil {
				return nil, err
			}
			for _, s := range v {
				if !slices.Contains(values, s) {
					values = append(values, s)
				}
			}
		}
		if len(values) == 0 {
			return nil, nil
		}
		return []engine.Action{engine.Attribute{Name: name, Values: values, On: on}}, nil
	}
}

// templates reads one template or a list of them; each may yield several values.
func (l *loader) templates(r *Rule, n *yamlfile.Node, what string) []*template {
	nodes := []*yamlfile.Node{n}
	if n.Kind == yamlfile.Sequence {
		nodes = n.Items
	}
	var out []*template
	for _, it := range nodes {
		if _, ok := l.Filled(it, what); !ok {
			continue
		}
		if t := l.template(r, it, what, true); t != nil {
			out = append(out, t)
		}
	}
	return out
}

func readTag(l *loader, r *Rule, n *yamlfile.Node) resolver {
	return eachOf(l.templates(r, n, "tag"), func(s string) (engine.Action, error) { return engine.Tag{Name: s}, nil })
}

func eachOf(t []*template, f func(string) (engine.Action, error)) resolver {
	var parts []resolver
	for _, x := range t {
		parts = append(parts, each(x, f))
	}
	if len(parts) == 0 {
		return nil
	}
	return all(parts)
}

func readRelate(l *loader, r *Rule, n *yamlfile.Node) resolver {
	f, ok := l.Fields(n, "relate", relationTypes)
	if !ok {
		return nil
	}
	var parts []resolver
	for _, kind := range relationTypes {
		if !f.Has(kind) {
			continue
		}
		p := eachOf(l.templates(r, f.Get(kind), kind), func(s string) (engine.Action, error) { return engine.Relate{Type: kind, Name: s}, nil })
		if p != nil {
			parts = append(parts, p)
		}
	}
	if len(n.Pairs) == 0 {
		d := n.Errorf("relate says nothing")
		d.Expected = oneOf(relationTypes)
		l.Add(d)
	}
	if len(parts) == 0 {
		return nil
	}
	return all(parts)
}

// single reads an action that is one template.
func single(l *loader, r *Rule, n *yamlfile.Node, what string, f func(string) (engine.Action, error)) resolver {
	if _, ok := l.Filled(n, what); !ok {
		return nil
	}
	return each(l.template(r, n, what, false), f)
}

func readStatus(l *loader, r *Rule, n *yamlfile.Node) resolver {
	return single(l, r, n, "status", func(s string) (engine.Action, error) { return engine.Status{Name: s}, nil })
}

func readSource(l *loader, r *Rule, n *yamlfile.Node) resolver {
	return single(l, r, n, "source", func(s string) (engine.Action, error) { return engine.SourceName{Name: s}, nil })
}

// readTLP checks a level that is written out now, one that a template yields
// when it is known.
func readTLP(l *loader, r *Rule, n *yamlfile.Node) resolver {
	if _, ok := l.Filled(n, "tlp"); !ok {
		return nil
	}
	t := l.template(r, n, "tlp", false)
	if t == nil {
		return nil
	}
	if s, ok := t.constant(); ok {
		level, ok := parseTLP(s)
		if !ok {
			l.Choice(n, "tlp", tlpLevels)
			return nil
		}
		return one(engine.TLP{Level: level})
	}
	return each(t, func(s string) (engine.Action, error) {
		level, ok := parseTLP(s)
		if !ok {
			return nil, fmt.Errorf("tlp is %q, which is no level of the Traffic Light Protocol", cutBytes(s, 40))
		}
		return engine.TLP{Level: level}, nil
	})
}

func readScore(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	points, ok := l.Int(n, "score", -1_000_000, 1_000_000)
	if !ok {
		return nil
	}
	return one(engine.Score{Points: points})
}

func readShip(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	if n.Kind == yamlfile.Scalar {
		if _, ok := l.Choice(n, "ship", []string{"none"}); !ok {
			return nil
		}
		return one(engine.Ship{None: true})
	}
	f, ok := l.Fields(n, "ship", actionKeys["ship"])
	if !ok || !l.Need(f, "ship", "sinks") {
		return nil
	}
	sinks, ok := l.Strings(f.Get("sinks"), "sinks")
	for i, s := range sinks {
		l.known(itemNode(f.Get("sinks"), i), s, "sink", l.opt.Sinks)
	}
	if ok && len(sinks) == 0 {
		d := f.Get("sinks").Errorf("sinks is empty")
		d.Hint = "ship: none ships nothing"
		l.Add(d)
	}
	l.set.sinks = append(l.set.sinks, sinks...)
	return one(engine.Ship{Sinks: sinks})
}

func readRoute(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	f, ok := l.Fields(n, "route", actionKeys["route"])
	if !ok {
		return nil
	}
	if len(n.Pairs) == 0 {
		l.Add(n.Errorf("route says nothing"))
	}
	var t engine.Route
	t.Seen, _ = l.Bool(f.Get("seen"), "seen")
	t.MoveTo, _ = l.Filled(f.Get("move_to"), "move_to")
	t.Flag, _ = l.Filled(f.Get("flag"), "flag")
	return one(t)
}

func readHold(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	f, ok := l.Fields(n, "hold", actionKeys["hold"])
	if !ok || !l.Need(f, "hold", "for") {
		return nil
	}
	d, ok := l.Duration(f.Get("for"), "for")
	if !ok {
		return nil
	}
	return one(engine.Hold{For: d})
}
