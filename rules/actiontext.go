package rules

import (
	"fmt"
	"slices"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

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
