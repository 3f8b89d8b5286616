package rules

import (
	"reflect"
	"sync"

	"github.com/tqmailrules/tqmailrules/engine"
)

// roots are the roots of the environment, as pointers into a view. Their tags
// are the words of the language; the table in envtable.go is read off them.
type roots struct {
	Meta        *engine.Meta        `expr:"message"`
	Mailbox     *engine.Mailbox     `expr:"mailbox"`
	Direction   string              `expr:"direction"`
	Sender      *engine.Address     `expr:"sender"`
	Recipients  *engine.Recipients  `expr:"recipients"`
	Subject     *engine.Subject     `expr:"subject"`
	Headers     *engine.Headers     `expr:"headers"`
	Auth        *engine.Auth        `expr:"auth"`
	Body        *engine.Body        `expr:"body"`
	Attachments []*engine.Part      `expr:"attachments"`
	Files       []*engine.Part      `expr:"files"`
	Nested      []*engine.Message   `expr:"nested"`
	Forward     *engine.Forward     `expr:"forward"`
	Pair        *engine.PairFacts   `expr:"pair"`
	Indicators  []*engine.Indicator `expr:"indicators"`
	Indicator   *engine.Indicator   `expr:"indicator"`
	Score       int                 `expr:"score"`
	Tags        []string            `expr:"tags"`
}

// runName is the name of the state of the run in the environment; no author
// can write it.
const runName = "run\u00b7"

// zeroIndicator stands for `indicator` outside keep rules.
var zeroIndicator = &engine.Indicator{}

// emptyMessage stands for a message that is not there.
var emptyMessage = &engine.Message{Raw: engine.Empty}

func newRoots(v *engine.View, ind *engine.Indicator) roots {
	m := v.Message
	if m == nil {
		m = emptyMessage
	}
	if ind == nil {
		ind = zeroIndicator
	}
	return roots{
		Meta: &m.Meta, Mailbox: &m.Mailbox, Direction: m.Direction, Sender: &m.Sender, Recipients: &m.Recipients,
		Subject: &m.Subject, Headers: &m.Headers, Auth: &m.Auth, Body: &m.Body, Attachments: m.Attachments, Files: m.Files,
		Nested: m.Nested, Forward: &m.Forward, Pair: &m.Pair,
		Indicators: v.Indicators, Indicator: ind, Score: v.Score, Tags: v.Tags,
	}
}

// A fixed path is one without an element of a list in it: sender.email.email.
// What a machine sees of the environment is a map from those fixed paths that
// its expressions read to their values, filled once per evaluation, so that a
// thousand rules which read the sender's domain cost one walk to it.
type fixedPath struct {
	name  string
	index []int // of the Go fields, from roots on
	typ   typ
}

// fixedPaths are all of them, by name.
var fixedPaths = sync.OnceValue(func() map[string]*fixedPath {
	paths := map[string]*fixedPath{}
	var walk func(o *object, prefix string, index []int, open map[*object]bool)
	walk = func(o *object, prefix string, index []int, open map[*object]bool) {
		open[o] = true
		defer delete(open, o)
		for _, f := range o.fields {
			p := &fixedPath{prefix + f.Name, append(index[:len(index):len(index)], f.index), f.Type}
			paths[p.name] = p
			if f.Type.kind == objectKind && !open[f.Type.obj] {
				walk(f.Type.obj, p.name+".", p.index, open)
			}
		}
	}
	walk(environment(), "", nil, map[*object]bool{})
	return paths
})

// prototype is the environment as expr is told about it: every fixed path with
// an empty value of its type.
func prototype() map[string]any {
	env := map[string]any{runName: (*run)(nil)}
	for name, p := range fixedPaths() {
		env[name] = reflect.Zero(p.typ.rt).Interface()
	}
	return env
}

// fill puts the values of the paths into env.
func fill(env map[string]any, paths []*fixedPath, r *roots) {
	v := reflect.ValueOf(r).Elem()
	for _, p := range paths {
		env[p.name] = v.FieldByIndex(p.index).Interface()
	}
}
