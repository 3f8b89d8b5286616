package ruletest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
	"github.com/tqmailrules/tqmailrules/rules"
)

// Load reads a test file. All mistakes are returned at once.
func Load(name string, data []byte) (*File, yamlfile.Diagnostics) {
	root, diags := yamlfile.Parse(name, data)
	if len(diags.Errors()) > 0 {
		return nil, diags
	}
	l := &loader{dir: filepath.Dir(name)}
	l.Diags = diags
	f := l.file(name, root)
	if len(l.Diags.Errors()) > 0 {
		return nil, l.Diags.Sorted()
	}
	return f, l.Diags.Sorted()
}

type loader struct {
	yamlfile.Reader
	dir string
	ids []*yamlfile.Node // of rules, known when the rules are
}

func (l *loader) file(name string, n *yamlfile.Node) *File {
	f := &File{Name: name}
	fields, ok := l.Fields(n, "a test file", []string{"rules", "config", "secrets", "mailbox", "cases"})
	if !ok {
		return f
	}
	l.Need(fields, "a test file", "cases")
	f.Rules = []string{strings.TrimSuffix(name, ".test.yaml") + ".yaml"}
	if r := fields.Get("rules"); r != nil {
		f.Rules = l.paths(r, "rules")
	}
	if p, ok := l.Filled(fields.Get("config"), "config"); ok {
		f.Config = l.path(p)
	}
	f.Secrets = l.secrets(fields.Get("secrets"))
	if m := l.mailbox(fields.Get("mailbox")); m != nil {
		f.Mailbox = *m
	}
	items, _ := l.Items(fields.Get("cases"), "cases")
	for _, it := range items {
		c := l.testCase(it)
		if slices.ContainsFunc(f.Cases, func(o Case) bool { return o.Name == c.Name }) {
			l.Add(it.Errorf("two cases are named %q", c.Name))
		}
		f.Cases = append(f.Cases, c)
	}
	f.ids = l.ids
	return f
}

func (l *loader) paths(n *yamlfile.Node, what string) (all []string) {
	list, _ := l.Strings(n, what)
	for _, p := range list {
		all = append(all, l.path(p))
	}
	return all
}

func (l *loader) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(l.dir, filepath.FromSlash(p))
}

func (l *loader) mailbox(n *yamlfile.Node) *Mailbox {
	if n == nil {
		return nil
	}
	f, ok := l.Fields(n, "mailbox", []string{"name", "own_domains", "auth_servers"})
	if !ok {
		return nil
	}
	m := &Mailbox{}
	m.Name, _ = l.String(f.Get("name"), "mailbox.name")
	m.OwnDomains, _ = l.Strings(f.Get("own_domains"), "mailbox.own_domains")
	m.AuthServers, _ = l.Strings(f.Get("auth_servers"), "mailbox.auth_servers")
	return m
}

var (
	messageKeys = []string{"mail", "raw", "folder", "at", "expect"}
	caseKeys    = append([]string{"name", "mailbox", "messages", "clock", "golden"}, messageKeys...)
)

// testCase reads a case; one of a single mail may leave `messages` out.
func (l *loader) testCase(n *yamlfile.Node) Case {
	c := Case{Pos: n.Pos()}
	f, ok := l.Fields(n, "a case", caseKeys)
	if !ok {
		return c
	}
	l.Need(f, "a case", "name")
	c.Name, _ = l.Filled(f.Get("name"), "name")
	c.Mailbox = l.mailbox(f.Get("mailbox"))
	c.Clock = l.moment(f.Get("clock"), "clock")
	if p, ok := l.Filled(f.Get("golden"), "golden"); ok {
		c.Golden = l.path(p)
	}
	list := f.Get("messages")
	if list == nil {
		c.Messages = []Message{l.message(f, 1)}
		return c
	}
	for _, k := range messageKeys {
		if v := f.Get(k); v != nil {
			l.Add(v.Errorf("%s belongs to a message when the case has messages", k))
		}
	}
	items, _ := l.Items(list, "messages")
	for i, it := range items {
		if mf, ok := l.Fields(it, "a message", messageKeys); ok {
			c.Messages = append(c.Messages, l.message(mf, i+1))
		}
	}
	if len(c.Messages) == 0 && len(items) == 0 {
		l.Add(list.Errorf("a case needs at least one message"))
	}
	return c
}

func (l *loader) message(f yamlfile.Fields, number int) Message {
	m := Message{Name: fmt.Sprintf("message %d", number)}
	if f.Has("mail") == f.Has("raw") {
		d := f.Node().Errorf("a message needs either mail or raw")
		d.Hint = "mail: names a file beside the test, raw: is the mail itself"
		l.Add(d)
	}
	if p, ok := l.Filled(f.Get("mail"), "mail"); ok {
		m.Path = l.path(p)
		m.Name += " (" + filepath.Base(p) + ")"
	}
	m.Raw, _ = l.String(f.Get("raw"), "raw")
	m.Folder, _ = l.String(f.Get("folder"), "folder")
	m.At = l.moment(f.Get("at"), "at")
	l.expect(f.Get("expect"), &m.Expect)
	return m
}

// moment reads a time, a span after the mail before (+3h), or end.
func (l *loader) moment(n *yamlfile.Node, what string) (m Moment) {
	text, ok := l.Filled(n, what)
	if !ok {
		return m
	}
	if text == "end" {
		return Moment{End: true}
	}
	if span, ok := strings.CutPrefix(text, "+"); ok {
		if m.After, ok = yamlfile.ParseDuration(span); ok {
			return m
		}
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return Moment{Time: t.UTC()}
		}
	}
	d := n.Errorf("%s: %q is no time", what, text)
	d.Expected = "2026-03-01T09:00:00Z, 2026-03-01 09:00, +3h, or end"
	l.Add(d)
	return m
}

var expectKeys = []string{
	"disposition", "ships", "matches", "not_matches", "exactly", "errors", "tags", "score", "actions", "defects", "dropped",
	"trimmed", "event", "events", "files", "file", "opened", "locked", "found_at", "indicators", "not_indicators", "only_indicators",
	"related", "sinks",
}

// lists names the expectations that are lists of words, and where the words of
// an outcome stand.
var lists = map[string]func(*facts) []string{
	"ships":   func(f *facts) []string { return f.ships },
	"matches": func(f *facts) []string { return f.matches },
	"errors":  func(f *facts) []string { return f.errors },
	"tags":    func(f *facts) []string { return f.tags },
	"actions": func(f *facts) []string { return f.planned },
	"defects": func(f *facts) []string { return f.defects },
	"related": func(f *facts) []string { return f.objects },
	"sinks":   func(f *facts) []string { return f.sinks },
	"files":   func(f *facts) []string { return f.shipped() },

	"opened":   func(f *facts) []string { return f.paths(opened) },
	"locked":   func(f *facts) []string { return f.paths(locked) },
	"found_at": func(f *facts) []string { return f.places },
}

func (l *loader) expect(n *yamlfile.Node, e *Expect) {
	f, ok := l.Fields(n, "expect", expectKeys)
	if !ok {
		return
	}
	for _, key := range expectKeys {
		v := f.Get(key)
		if v == nil {
			continue
		}
		l.expectation(e, key, v)
	}
}

func (l *loader) expectation(e *Expect, key string, v *yamlfile.Node) {
	pos := v.Pos()
	switch key {
	case "disposition":
		want, _ := l.Choice(v, key, []string{"shipped", "nothing", "skipped", "parked", "quarantined"})
		e.add(pos, func(f *facts) string { return differ(key, want, f.disposition) })
	case "score":
		want, _ := l.Int(v, key, -1<<30, 1<<30)
		e.add(pos, func(f *facts) string { return differ(key, fmt.Sprint(want), fmt.Sprint(f.score)) })
	case "not_matches":
		e.add(pos, hasNot("matches", l.words(key, v), lists["matches"]))
	case "exactly":
		e.add(pos, exactly("matches", l.words(key, v), lists["matches"]))
	case "event":
		l.event(e, v)
	case "events":
		l.events(e, v)
	case "file":
		l.files(e, v)
	case "indicators", "not_indicators", "only_indicators", "dropped", "trimmed":
		l.indicators(e, key, v)
	default:
		list := l.words(key, v)
		if len(list) == 0 {
			e.add(pos, exactly(key, nil, lists[key]))
			return
		}
		e.add(pos, hasLike(key, list, lists[key], sameAs(key)))
	}
}

// words reads a list of words; those of a closed set are checked against it,
// ids of rules later, when the rules are known.
func (l *loader) words(key string, v *yamlfile.Node) []string {
	list, ok := l.Strings(v, key)
	if !ok {
		return nil
	}
	nodes := v.Items
	if v.Kind == yamlfile.Scalar {
		nodes = []*yamlfile.Node{v}
	}
	switch key {
	case "matches", "not_matches", "exactly", "errors":
		l.ids = append(l.ids, nodes...)
	case "ships":
		l.oneOf(nodes, key, []string{"intelligence", "spearphish"})
	case "actions":
		l.oneOf(nodes, key, actionNames())
	}
	return list
}

// sameAs says how an expectation names what there is.
func sameAs(key string) func(got, want string) bool {
	switch key {
	case "files", "opened", "locked":
		return named
	}
	return func(got, want string) bool { return got == want }
}

func (l *loader) oneOf(nodes []*yamlfile.Node, what string, options []string) {
	for _, n := range nodes {
		l.Choice(n, what, options)
	}
}

func actionNames() (names []string) {
	for _, a := range rules.Actions() {
		names = append(names, a.Name)
	}
	return names
}

func differ(what, want, got string) string {
	if want == got {
		return ""
	}
	return fmt.Sprintf("%s: want %s, got %s", what, want, got)
}

// events reads a list of events that must be among those shipped, or their
// number.
func (l *loader) events(e *Expect, v *yamlfile.Node) {
	if v.Kind == yamlfile.Scalar {
		want, _ := l.Int(v, "events", 0, 1<<20)
		e.add(v.Pos(), func(f *facts) string {
			return differ("number of events", fmt.Sprint(want), fmt.Sprint(len(f.events)))
		})
		return
	}
	items, _ := l.Items(v, "events")
	for _, it := range items {
		l.event(e, it)
	}
}

func (l *loader) event(e *Expect, v *yamlfile.Node) {
	f, ok := l.Fields(v, "event", []string{"type", "title", "tlp", "source", "attributes"})
	if !ok {
		return
	}
	like := eventLike{attributes: l.attributes(f.Get("attributes"))}
	like.kind, _ = l.String(f.Get("type"), "type")
	like.title, _ = l.String(f.Get("title"), "title")
	like.tlp, _ = l.String(f.Get("tlp"), "tlp")
	like.source, _ = l.String(f.Get("source"), "source")
	e.add(v.Pos(), like.test)
}

// files reads one file that must ship, or a list of such.
func (l *loader) files(e *Expect, v *yamlfile.Node) {
	nodes := []*yamlfile.Node{v}
	if v.Kind == yamlfile.Sequence {
		nodes, _ = l.Items(v, "file")
	}
	for _, n := range nodes {
		l.oneFile(e, n)
	}
}

func (l *loader) oneFile(e *Expect, v *yamlfile.Node) {
	f, ok := l.Fields(v, "file", []string{"name", "type", "tags", "attributes"})
	if !ok {
		return
	}
	l.Need(f, "file", "name")
	like := fileLike{}
	like.name, _ = l.Filled(f.Get("name"), "name")
	like.kind, _ = l.String(f.Get("type"), "type")
	like.tags, _ = l.Strings(f.Get("tags"), "tags")
	like.attributes = l.attributes(f.Get("attributes"))
	e.add(v.Pos(), like.test)
}

// attributes reads a mapping of names and values.
func (l *loader) attributes(n *yamlfile.Node) map[string]string {
	if n == nil {
		return nil
	}
	if n.Kind != yamlfile.Mapping {
		l.Add(n.Errorf("attributes must be a mapping of names and values"))
		return nil
	}
	all := map[string]string{}
	for _, p := range n.Pairs {
		all[p.Key.Text], _ = l.String(p.Value, p.Key.Text)
	}
	return all
}

// indicators reads a mapping of types to values. An empty list stands for the
// type as a whole.
func (l *loader) indicators(e *Expect, key string, v *yamlfile.Node) {
	if v.Kind == yamlfile.Null || (v.Kind == yamlfile.Sequence && len(v.Items) == 0) {
		e.add(v.Pos(), exactly(key, nil, indicatorsOf(key)))
		return
	}
	if v.Kind != yamlfile.Mapping {
		l.Add(v.Errorf("%s must be a mapping of types to values", key))
		return
	}
	var all []string
	for _, p := range v.Pairs {
		kind := l.indicatorType(p.Key)
		values, _ := l.Strings(p.Value, p.Key.Text)
		for _, value := range values {
			all = append(all, kind+" "+value)
		}
	}
	switch key {
	case "not_indicators":
		e.add(v.Pos(), hasNot("indicators", all, indicatorsOf(key)))
	case "only_indicators":
		e.add(v.Pos(), exactly("indicators", all, indicatorsOf(key)))
	default:
		e.add(v.Pos(), has(key, all, indicatorsOf(key)))
	}
}

func (l *loader) indicatorType(n *yamlfile.Node) string {
	var names []string
	for _, t := range engine.IndicatorTypes {
		names = append(names, t.Name)
		if n.Text == t.Name || n.Text == t.Short {
			return t.Name
		}
	}
	d := n.Errorf("unknown indicator type %s", n.Text)
	d.Suggest(n.Text, names)
	l.Add(d)
	return n.Text
}

func indicatorsOf(key string) func(*facts) []string {
	switch key {
	case "dropped":
		return func(f *facts) []string { return f.dropped }
	case "trimmed":
		return func(f *facts) []string { return f.trimmed }
	}
	return func(f *facts) (all []string) {
		for _, i := range f.indicators {
			all = append(all, i.Type+" "+i.Value)
		}
		return all
	}
}

// secrets reads a mapping of names to values.
func (l *loader) secrets(n *yamlfile.Node) map[string]string {
	if n == nil {
		return nil
	}
	if n.Kind != yamlfile.Mapping {
		l.Add(n.Errorf("secrets is a mapping of names to passwords"))
		return nil
	}
	values := map[string]string{}
	for _, p := range n.Pairs {
		if v, ok := l.Filled(p.Value, p.Key.Text); ok {
			values[p.Key.Text] = v
		}
	}
	return values
}
