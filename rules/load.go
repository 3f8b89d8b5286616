package rules

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/conf"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// File is the content of one rule file. Name stands in diagnostics; list files
// are looked up beside it.
type File struct {
	Name string
	Data []byte
}

// Options is what the rule files are checked against.
type Options struct {
	Limits      engine.Limits
	Secrets     []string                                             // known names of secrets; nil: not checked
	Extractors  []string                                             // known names of extractors; nil: not checked
	Sinks       []string                                             // known names of sinks; nil: not checked
	CheckConfig func(extractor string, config json.RawMessage) error // tells what is wrong with an extractor's configuration; nil: not checked
	Open        func(path string) (io.ReadCloser, error)             // opens list files; nil: the file system
}

// Load reads rule files as one set. All mistakes of all files are returned at
// once; with any that is an error the set is nil.
func Load(files []File, opt Options) (*Set, yamlfile.Diagnostics) {
	if opt.Open == nil {
		opt.Open = func(path string) (io.ReadCloser, error) { return os.Open(path) }
	}
	opt.Limits = opt.Limits.WithDefaults()
	l := &loader{
		opt: opt, config: conf.New(prototype()),
		lists: map[string]*list{}, macros: map[string]*macro{}, ids: map[string]*yamlfile.Node{},
		set: &Set{fuel: opt.Limits.ConditionOp}, defaults: map[string]*yamlfile.Node{},
	}
	l.load(files)
	diags := l.Diags.Sorted()
	if len(diags.Errors()) > 0 {
		return nil, diags
	}
	return l.set, diags
}

// loader is the state of one Load.
type loader struct {
	yamlfile.Reader
	opt      Options
	config   *conf.Config
	sources  []*source
	lists    map[string]*list
	macros   map[string]*macro
	ids      map[string]*yamlfile.Node
	defaults map[string]*yamlfile.Node
	set      *Set
}

var (
	fileKeys    = keyNames(fileKeyTable)
	defaultKeys = keyNames(defaultKeyTable)
)

// load reads the names of all files before the first expression, so that files
// may use each other's lists and macros in any order.
func (l *loader) load(files []File) {
	var parsed []yamlfile.Fields
	for _, f := range files {
		root, diags := yamlfile.Parse(f.Name, f.Data)
		l.Diags = append(l.Diags, diags...)
		if root == nil {
			continue
		}
		if fields, ok := l.Fields(root, "a rule file", fileKeys); ok {
			l.version(fields)
			parsed = append(parsed, fields)
		}
	}
	for _, f := range parsed {
		l.eachNamed(f.Get("lists"), "list", func(name string) *yamlfile.Node { return l.listNode(name) }, l.readList)
		l.eachNamed(f.Get("macros"), "macro", func(name string) *yamlfile.Node { return l.macroNode(name) }, l.readMacro)
	}
	l.checkMacros()
	for _, f := range parsed {
		l.readDefaults(f.Get("defaults"))
		l.readRules(f.Get("rules"))
	}
	l.finish()
}

// again is a loader for the names of l, to compile what was checked before.
func (l *loader) again() *loader {
	return &loader{opt: l.opt, config: conf.New(prototype()), lists: l.lists, macros: l.macros}
}

func (l *loader) listNode(name string) *yamlfile.Node {
	if x := l.lists[name]; x != nil {
		return x.node
	}
	return nil
}

func (l *loader) macroNode(name string) *yamlfile.Node {
	if x := l.macros[name]; x != nil && x.src != nil {
		return x.src.node
	}
	return nil
}

func (l *loader) version(f yamlfile.Fields) {
	if l.Need(f, "a rule file", "version") {
		l.Int(f.Get("version"), "version", 1, 1)
	}
}

// name is what lists, macros and rules can be called.
var (
	nameForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	idForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
)

// eachNamed reads a mapping from names to definitions.
func (l *loader) eachNamed(n *yamlfile.Node, what string, known func(string) *yamlfile.Node, read func(string, *yamlfile.Node)) {
	if n == nil {
		return
	}
	if n.Kind != yamlfile.Mapping {
		d := n.Errorf("%ss are %s", what, n.Kind)
		d.Expected = "a mapping from names to definitions"
		l.Add(d)
		return
	}
	for _, p := range n.Pairs {
		name := p.Key.Text
		if !nameForm.MatchString(name) {
			d := p.Key.Errorf("%q cannot be the name of a %s", name, what)
			d.Expected = "letters, digits and _, not starting with a digit"
			l.Add(d)
			continue
		}
		if first := known(name); first != nil {
			d := p.Key.Errorf("%s %s is defined a second time", what, name)
			d.Related = []yamlfile.Related{{Pos: first.Pos(), Message: "it is defined here first"}}
			l.Add(d)
			continue
		}
		read(name, p.Value)
	}
}

func (l *loader) add(d yamlfile.Diagnostic) { l.Add(d) }

func (l *loader) newSource(n *yamlfile.Node, off int, text string) *source {
	s := &source{id: len(l.sources), node: n, off: off, text: text}
	l.sources = append(l.sources, s)
	return s
}

// relative is a path as seen from the rule file that names it.
func (l *loader) relative(file, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}

// reason is an error of the file system without the path, which the caller has told.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Path + ": " + pe.Err.Error()
	}
	return err.Error()
}

func (l *loader) readRules(n *yamlfile.Node) {
	items, _ := l.Items(n, "rules")
	for _, it := range items {
		if r := l.readRule(it); r != nil {
			l.set.rules = append(l.set.rules, r)
		}
	}
}

// finish puts the rules in the order of evaluation.
func (l *loader) finish() {
	s := l.set
	s.sources, s.names = l.sources, l
	for _, name := range sortedKeys(l.lists) {
		x := l.lists[name]
		s.lists = append(s.lists, ListInfo{name, x.kind, x.file, len(x.values), x.hash, x.node.Pos()})
	}
	slices.SortStableFunc(s.rules, func(a, b *Rule) int { return cmp.Compare(a.Priority, b.Priority) })
	for _, r := range s.rules {
		switch {
		case r.Mode == Off:
		case r.Keep:
			s.keeps = append(s.keeps, r)
			s.keepPaths = r.addPaths(s.keepPaths)
		default:
			s.phases[r.Phase] = append(s.phases[r.Phase], r)
			s.paths[r.Phase] = r.addPaths(s.paths[r.Phase])
		}
	}
	s.evaluators.New = func() any { return newEvaluator(s.fuel) }
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}

func (l *loader) readDefaults(n *yamlfile.Node) {
	if n == nil {
		return
	}
	f, ok := l.Fields(n, "defaults", defaultKeys)
	if !ok {
		return
	}
	d := &l.set.defaults
	l.defaultText(f, "mailbox_type", &d.MailboxType, []string{string(engine.Intelligence), string(engine.Spearphish)})
	l.defaultText(f, "event_type", &d.EventType, nil)
	l.defaultText(f, "file_type", &d.FileType, nil)
	l.defaultText(f, "status", &d.Status, nil)
	l.defaultText(f, "source", &d.Source, nil)
	l.defaultText(f, "tlp", &d.TLP, tlpLevels)
	if v, ok := l.Bool(f.Get("keep_raw"), "keep_raw"); ok && l.firstDefault("keep_raw", f.Get("keep_raw")) {
		d.KeepRaw = v
	}
}

func (l *loader) defaultText(f yamlfile.Fields, key string, to *string, options []string) {
	n := f.Get(key)
	if n == nil {
		return
	}
	v, ok := "", false
	switch {
	case key == "tlp":
		v, ok = l.tlp(n)
	case options != nil:
		v, ok = l.Choice(n, key, options)
	default:
		v, ok = l.Filled(n, key)
	}
	if ok && l.firstDefault(key, n) {
		*to = v
	}
}

// firstDefault reports a default that another file sets to something else.
func (l *loader) firstDefault(key string, n *yamlfile.Node) bool {
	first := l.defaults[key]
	if first == nil {
		l.defaults[key] = n
		return true
	}
	if first.Text != n.Text {
		d := n.Errorf("default %s is %q here and %q elsewhere", key, n.Text, first.Text)
		d.Related = []yamlfile.Related{{Pos: first.Pos(), Message: "it is set here first"}}
		l.Add(d)
	}
	return false
}

// The levels of the Traffic Light Protocol 2.0, most restrictive first.
var tlpLevels = engine.TLPLevels()

// parseTLP reads a level in any case, with or without "TLP:", WHITE for CLEAR.
func parseTLP(s string) (string, bool) {
	s = strings.TrimSpace(strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(s)), "TLP:"))
	if s == "WHITE" {
		s = "CLEAR"
	}
	return s, slices.Contains(tlpLevels, s)
}

func (l *loader) tlp(n *yamlfile.Node) (string, bool) {
	s, ok := l.String(n, "tlp")
	if !ok {
		return "", false
	}
	if level, ok := parseTLP(s); ok {
		return level, true
	}
	_, ok = l.Choice(n, "tlp", tlpLevels)
	return s, ok
}
