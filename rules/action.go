package rules

import (
	"fmt"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// resolver makes what the engine understands of an action. It fails only when a
// template does.
type resolver func(ev *evaluator) ([]engine.Action, error)

// action is one action of a rule, checked.
type action struct {
	kind    string
	node    *yamlfile.Node // its key
	resolve resolver
}

// Action describes one kind of action.
type Action struct {
	Name    string
	Form    string       // how it is written
	Until   engine.Phase // the last phase in which it can act
	Combine string       // what several matches mean
	Doc     string
	Example string

	read func(l *loader, r *Rule, n *yamlfile.Node) resolver
}

// Actions lists the closed set of actions.
func Actions() []Action { return actionTable() }

func actionNames() []string {
	var names []string
	for _, a := range actionTable() {
		names = append(names, a.Name)
	}
	return names
}

func actionNamed(name string) (Action, bool) {
	for _, a := range actionTable() {
		if a.Name == name {
			return a, true
		}
	}
	return Action{}, false
}

// readActions reads `then`: a list of mappings, each of one action or several.
// Their phase is checked last, since a template of a later one may be what makes
// the rule late.
func (l *loader) readActions(r *Rule, n *yamlfile.Node) {
	items, ok := l.Items(n, "then")
	if ok && len(items) == 0 {
		l.Add(n.Errorf("then is empty"))
	}
	var keys []*yamlfile.Node
	for _, it := range items {
		if it.Kind != yamlfile.Mapping {
			l.notAnAction(it)
			continue
		}
		for _, p := range it.Pairs {
			if l.readAction(r, p) {
				keys = append(keys, p.Key)
			}
		}
	}
	for _, k := range keys {
		l.checkPhase(r, k)
	}
}

func (l *loader) notAnAction(n *yamlfile.Node) {
	d := n.Errorf("an action is %s", n.Kind)
	d.Expected = "a mapping such as { tag: phish }"
	if n.Kind == yamlfile.Scalar {
		d.Suggest(n.Text, actionNames())
	}
	l.Add(d)
}

// readAction reads one action and says whether its name is one.
func (l *loader) readAction(r *Rule, p yamlfile.Pair) bool {
	spec, ok := actionNamed(p.Key.Text)
	if !ok {
		d := p.Key.Errorf("unknown action %s", p.Key.Text)
		d.Suggest(p.Key.Text, actionNames())
		l.Add(d)
		return false
	}
	r.Actions = append(r.Actions, ActionInfo{spec.Name, p.Key.Pos()})
	before := len(l.Diags)
	resolve := spec.read(l, r, p.Value)
	if len(l.Diags) == before+1 && l.Diags[before].Expected == yamlfile.Mapping.String() {
		l.Diags[before].Expected = spec.Form
	}
	if resolve != nil {
		r.actions = append(r.actions, &action{spec.Name, p.Key, resolve})
	}
	return true
}

// checkPhase refuses an action that comes too late.
func (l *loader) checkPhase(r *Rule, key *yamlfile.Node) {
	spec, _ := actionNamed(key.Text)
	if r.Phase <= spec.Until {
		return
	}
	d := key.Errorf("%s cannot act in the %s phase, and %s is known only then", spec.Name, r.Phase, r.latePath)
	d.Expected = fmt.Sprintf("a rule that reads only what is known in the %s phase", spec.Until)
	d.Hint = "put the action into a rule of its own"
	l.Add(d)
}

// one wraps an action that is known when the file is loaded.
func one(a engine.Action) resolver {
	fixed := []engine.Action{a}
	return func(*evaluator) ([]engine.Action, error) { return fixed, nil }
}

// each makes one action of every value of a template.
func each(t *template, f func(string) (engine.Action, error)) resolver {
	if t == nil {
		return nil
	}
	return func(ev *evaluator) ([]engine.Action, error) {
		values, err := t.values(ev)
		if err != nil {
			return nil, err
		}
		var out []engine.Action
		for _, v := range values {
			a, err := f(v)
			if err != nil {
				return nil, err
			}
			out = append(out, a)
		}
		return out, nil
	}
}

// all runs several one behind the other.
func all(fs []resolver) resolver {
	if len(fs) == 1 {
		return fs[0]
	}
	return func(ev *evaluator) ([]engine.Action, error) {
		var out []engine.Action
		for _, f := range fs {
			a, err := f(ev)
			if err != nil {
				return nil, err
			}
			out = append(out, a...)
		}
		return out, nil
	}
}
