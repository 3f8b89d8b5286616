package rules

import (
	"reflect"
	"sync"

	"github.com/tqmailrules/tqmailrules/engine"
)

// object is a named structure of the environment.
type object struct {
	Name   string
	fields []*field // in the order of the Go structure
	byName map[string]*field
}

// field is one word of the environment: a root, or a field of an object.
type field struct {
	Name  string
	Type  typ
	Phase engine.Phase
	Doc   string

	index int  // of the Go field
	long  bool // a text that may be as long as the mail
}

func (o *object) names() []string {
	names := make([]string, len(o.fields))
	for i, f := range o.fields {
		names[i] = f.Name
	}
	return names
}

// EnvEntry is one path of the environment, for the reference and for tests.
type EnvEntry struct {
	Path  string       // attachments[].file_name
	Type  string       // text, list of link, ...
	Phase engine.Phase // the earliest in which it is known
	Doc   string
}

// Environment lists every path that a condition can read. Objects that contain
// their own kind (nested mails, members of containers) are followed once.
func Environment() []EnvEntry {
	var out []EnvEntry
	walkEnvironment(environment(), "", engine.PhaseMessage, map[*object]bool{}, func(e EnvEntry) { out = append(out, e) })
	return out
}

func walkEnvironment(o *object, prefix string, phase engine.Phase, open map[*object]bool, visit func(EnvEntry)) {
	open[o] = true
	defer delete(open, o)
	for _, f := range o.fields {
		p := max(phase, f.Phase)
		path, t := prefix+f.Name, f.Type
		visit(EnvEntry{path, t.String(), p, f.Doc})
		for t.kind == listKind {
			path, t = path+"[]", *t.elem
		}
		if t.kind == objectKind && !open[t.obj] {
			walkEnvironment(t.obj, path+".", p, open, visit)
		}
	}
}

// environment is the object whose fields are the roots.
var environment = sync.OnceValue(func() *object {
	b := &tableBuilder{objects: map[reflect.Type]*object{}}
	return b.object(reflect.TypeFor[roots]())
})

// tableBuilder reads the environment off the Go types, so that what rules can
// name is what their tags say; the words about it come from the tables below.
type tableBuilder struct{ objects map[reflect.Type]*object }

func (b *tableBuilder) object(rt reflect.Type) *object {
	if o := b.objects[rt]; o != nil {
		return o
	}
	o := &object{Name: objectNames[rt], byName: map[string]*field{}}
	b.objects[rt] = o
	for i := range rt.NumField() {
		g := rt.Field(i)
		name := g.Tag.Get("expr")
		if name == "" {
			continue
		}
		key := o.Name + "." + name
		f := &field{Name: name, Type: b.typeOf(g.Type), Phase: fieldPhases[key], Doc: fieldDocs[key], index: i, long: longFields[key]}
		o.fields = append(o.fields, f)
		o.byName[name] = f
	}
	return o
}

// objectNames are what the structures are called in messages and the reference.
var objectNames = map[reflect.Type]string{
	reflect.TypeFor[roots]():             "",
	reflect.TypeFor[engine.Meta]():       "delivery",
	reflect.TypeFor[engine.Carrier]():    "carrier",
	reflect.TypeFor[engine.Mailbox]():    "mailbox",
	reflect.TypeFor[engine.Address]():    "address",
	reflect.TypeFor[engine.Email]():      "email",
	reflect.TypeFor[engine.Domain]():     "domain",
	reflect.TypeFor[engine.Recipients](): "recipients",
	reflect.TypeFor[engine.Subject]():    "subject",
	reflect.TypeFor[engine.Headers]():    "headers",
	reflect.TypeFor[engine.Hop]():        "hop",
	reflect.TypeFor[engine.Auth]():       "auth",
	reflect.TypeFor[engine.AuthResult](): "auth result",
	reflect.TypeFor[engine.Body]():       "body",
	reflect.TypeFor[engine.PlainBody]():  "plain body",
	reflect.TypeFor[engine.Page]():       "page",
	reflect.TypeFor[engine.Thread]():     "thread",
	reflect.TypeFor[engine.Link]():       "link",
	reflect.TypeFor[engine.URL]():        "url",
	reflect.TypeFor[engine.Rewrite]():    "rewrite",
	reflect.TypeFor[engine.Part]():       "attachment",
	reflect.TypeFor[engine.Message]():    "mail",
	reflect.TypeFor[engine.Forward]():    "forward",
	reflect.TypeFor[engine.Original]():   "original",
	reflect.TypeFor[engine.PairFacts]():  "pair",
	reflect.TypeFor[engine.Indicator]():  "indicator",
	reflect.TypeFor[htmlNode]():          "html node",
}

// longFields are texts that may be as long as the mail: comparing two of them is
// paid for by length. All others are short enough for one step.
var longFields = map[string]bool{
	"body.text": true, "plain body.raw": true, "page.raw": true, "page.display_text": true, "page.inner_text": true,
	"thread.text": true, "link.display_text": true, "original.text": true, "attachment.text": true,
}

// fieldPhases are the fields that are not known from the start.
var fieldPhases = map[string]engine.Phase{
	"attachment.decrypted":  engine.PhaseContent,
	"attachment.opened_by":  engine.PhaseContent,
	"attachment.text":       engine.PhaseContent,
	"attachment.links":      engine.PhaseContent,
	"attachment.children":   engine.PhaseContent,
	"attachment.has_macros": engine.PhaseContent,
	"attachment.qr":         engine.PhaseContent,
	"attachment.pages":      engine.PhaseContent,
	"attachment.metadata":   engine.PhaseContent,
	".files":                engine.PhaseContent,
	"mail.files":            engine.PhaseContent,
	".indicators":           engine.PhaseFindings,
	".indicator":            engine.PhaseFindings,
	".score":                engine.PhaseFindings,
	".tags":                 engine.PhaseFindings,
}
