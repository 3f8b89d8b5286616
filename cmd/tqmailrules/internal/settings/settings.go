// Package settings reads the configuration file: where mail comes from, which
// rules decide, and where findings go. What is shipped is not its business; that
// stands in rule files.
//
// The file is YAML, strict, with every error at its place. Secrets are
// references to the environment or to a file and are looked up by the caller;
// a secret written into the file is an error. Paths are relative to the folder
// of the file. It opens no file itself.
package settings

import (
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// Config is a configuration file, checked.
type Config struct {
	Instance   string
	Mailbox    Mailbox
	Sources    []Source
	Rules      []string    // paths or patterns
	Extractors []Extractor // in the order in which they run
	Context    Context
	Allowlists Allowlists
	Cache      Cache
	Secrets    map[string]Secret
	Keys       Keys
	Sinks      []Sink
	Store      Store
	Files      Files
	Watch      Watch
	Flood      Flood
	Limits     engine.Limits
	Workers    int // 0 means the number of processors
	Attempts   int // 0 means engine.Config's
	Log        Log
}

// Keys are the private keys with which mail to the mailbox is opened.
type Keys struct {
	SMIME   []SMIMEKey
	OpenPGP []OpenPGPKey
}

// SMIMEKey names the files of a certificate and its private key, in PEM.
type SMIMEKey struct {
	Certificate, Key string
	*yamlfile.Node   // of the entry
}

// OpenPGPKey names the file of a key ring.
type OpenPGPKey struct {
	Ring           string
	Passphrase     Secret // zero: the private keys have none
	*yamlfile.Node        // of the entry
}

// Mailbox says whose mailbox the sources read.
type Mailbox struct {
	Name        string
	OwnDomains  []string
	AuthServers []string // authserv-ids whose Authentication-Results are believed
}

// Source is one place that mail comes from.
type Source struct {
	Name  string
	Kind  string // files, imap, ews
	Paths []string
	IMAP  *IMAP // of kind imap
	EWS   *EWS  // of kind ews
}

// Mailbox is how a source is reached that is a mailbox, and where it stands; nil of
// files, which no source changes.
func (s Source) Mailbox() (*Access, *yamlfile.Node) {
	switch {
	case s.IMAP != nil:
		return &s.IMAP.Access, s.IMAP.Node
	case s.EWS != nil:
		return &s.EWS.Access, s.EWS.Node
	}
	return nil, nil
}

// Sink is one place that findings go to.
type Sink struct {
	Name string
	Kind string // sqlite, jsonl, stix, threatq
	Path string // "" for threatq

	ThreatQ *ThreatQ // of kind threatq
}

// Secret refers to a value outside the file; exactly one field is set.
type Secret struct{ Env, File string }

// Store is what remembers between runs.
type Store struct {
	Path string // "" means that nothing does
	Key  Secret // neither field set: the file beside it, Path + ".key"

	Keep    time.Duration // of raw mails, to be handled again by other rules; 0: not at all
	History time.Duration // of what was shipped, and of runs; 0: for ever
	Quota   int64         // bytes on disk at which a run takes in nothing more; 0: none
}

// Files is where contents of files are kept.
type Files struct {
	Dir       string
	Retention time.Duration // 0 means for ever
	Quota     int64         // bytes; 0 means no quota
}

// Log says where the log goes and how much of it.
type Log struct {
	To        string // stdout, stderr, or a file
	Verbosity int    // 1 errors, 2 what happened, 3 everything
}

// What a source and a sink can be, sorted.
var (
	sourceKinds = []string{"ews", "files", "imap"}
	sinkKinds   = []string{"jsonl", "sqlite", "stix", "threatq"}
)

// Sources lists the kinds of sources, sorted.
func Sources() []string { return slices.Clone(sourceKinds) }

// Sinks lists the kinds of sinks, sorted.
func Sinks() []string { return slices.Clone(sinkKinds) }

var topKeys = []string{"instance", "mailbox", "sources", "rules", "extractors", "context", "allowlists", "cache", "secrets", "keys", "sinks", "store", "files", "watch", "flood", "limits", "log"}

// Parse reads the configuration in data, which came from the file name.
func Parse(name string, data []byte) (*Config, yamlfile.Diagnostics) {
	root, diags := yamlfile.Parse(name, data)
	if len(diags.Errors()) > 0 {
		return nil, diags
	}
	r := &reader{dir: filepath.Dir(name)}
	r.Diags = diags
	cfg := r.config(root)
	if len(r.Diags.Errors()) > 0 {
		return nil, r.Diags.Sorted()
	}
	return cfg, r.Diags.Sorted()
}

type reader struct {
	yamlfile.Reader
	dir string
}

func (r *reader) config(n *yamlfile.Node) *Config {
	cfg := &Config{Instance: "default", Log: Log{To: "stderr", Verbosity: 2}, Secrets: map[string]Secret{}}
	f, ok := r.Fields(n, "the configuration", topKeys)
	if !ok {
		return cfg
	}
	for _, k := range []string{"sources", "rules", "sinks"} {
		if r.Need(f, "the configuration", k) && len(f.Get(k).Items) == 0 && f.Get(k).Kind != yamlfile.Scalar {
			r.Add(f.Get(k).Errorf("%s is empty", k))
		}
	}
	if n := f.Get("instance"); n != nil {
		cfg.Instance, _ = r.Filled(n, "instance")
	}
	cfg.Mailbox = r.mailbox(f.Get("mailbox"))
	cfg.Sources = r.sources(f.Get("sources"))
	cfg.Rules = r.paths(f.Get("rules"), "rules")
	cfg.Extractors = r.extractors(f.Get("extractors"))
	cfg.Context = r.context(f.Get("context"))
	cfg.Allowlists = r.allowlists(f.Get("allowlists"))
	cfg.Cache = r.cache(f.Get("cache"))
	cfg.Secrets = r.secrets(f.Get("secrets"))
	cfg.Keys = r.keys(f.Get("keys"))
	cfg.Sinks = r.sinks(f.Get("sinks"))
	cfg.Store = r.store(f.Get("store"))
	cfg.Files = r.files(f.Get("files"))
	if !f.Has("store") {
		r.remembered(cfg)
	}
	cfg.Watch = r.watch(f.Get("watch"))
	cfg.Flood = r.flood(f.Get("flood"))
	r.limits(f.Get("limits"), cfg)
	r.log(f.Get("log"), &cfg.Log)
	return cfg
}

// remembered wants a store for mailboxes: their mails are marked when the outcome is
// durable, and without a store it never is.
func (r *reader) remembered(cfg *Config) {
	for _, s := range cfg.Sources {
		if _, n := s.Mailbox(); n != nil {
			d := n.Errorf("source %s without a store: a mail would be marked as read, and lost when a sink is away", s.Name)
			d.Text = "" // the line may hold a password, which is told elsewhere
			d.Hint = "store: { path: state.db }"
			r.Add(d)
			return
		}
	}
}

func (r *reader) mailbox(n *yamlfile.Node) (m Mailbox) {
	f, ok := r.Fields(n, "mailbox", []string{"name", "own_domains", "auth_servers"})
	if !ok {
		return m
	}
	m.Name, _ = r.String(f.Get("name"), "mailbox.name")
	m.OwnDomains, _ = r.Strings(f.Get("own_domains"), "mailbox.own_domains")
	m.AuthServers, _ = r.Strings(f.Get("auth_servers"), "mailbox.auth_servers")
	return m
}

// one reads a list entry of the form `kind: {settings}`.
func (r *reader) one(n *yamlfile.Node, what string, kinds []string) (kind string, value *yamlfile.Node) {
	f, ok := r.Fields(n, what, kinds)
	if !ok {
		return "", nil
	}
	for _, k := range kinds {
		if !f.Has(k) {
			continue
		}
		if kind != "" {
			r.Add(f.Get(k).Errorf("%s has two kinds, %s and %s; write one entry each", what, kind, k))
			return "", nil
		}
		kind, value = k, f.Get(k)
	}
	return kind, value
}

func (r *reader) sources(n *yamlfile.Node) (all []Source) {
	items, _ := r.Items(n, "sources")
	for _, it := range items {
		kind, v := r.one(it, "a source", sourceKinds)
		if kind == "" {
			continue
		}
		keys, mailbox := map[string][]string{"imap": imapKeys, "ews": ewsKeys}[kind]
		if !mailbox {
			keys = []string{"name", "path", "paths"}
		}
		f, ok := r.Fields(v, "source "+kind, keys)
		if !ok {
			continue
		}
		s := Source{Name: kind, Kind: kind}
		if n := f.Get("name"); n != nil {
			s.Name, _ = r.Filled(n, "name")
		}
		switch kind {
		case "imap":
			s.IMAP = r.imap(f)
		case "ews":
			s.EWS = r.ews(f)
		default:
			if s.Paths = append(r.paths(f.Get("path"), "path"), r.paths(f.Get("paths"), "paths")...); len(s.Paths) == 0 {
				r.Need(f, "source files", "path")
			}
		}
		if slices.ContainsFunc(all, func(o Source) bool { return o.Name == s.Name }) {
			r.Add(it.Errorf("two sources are named %s; give one a name of its own", s.Name))
		}
		all = append(all, s)
	}
	return all
}

func (r *reader) sinks(n *yamlfile.Node) (all []Sink) {
	items, _ := r.Items(n, "sinks")
	for _, it := range items {
		kind, v := r.one(it, "a sink", sinkKinds)
		if kind == "" {
			continue
		}
		keys := []string{"name", "path"}
		if kind == "threatq" {
			keys = threatqKeys
		}
		f, ok := r.Fields(v, "sink "+kind, keys)
		if !ok {
			continue
		}
		s := Sink{Name: kind, Kind: kind}
		if n := f.Get("name"); n != nil {
			s.Name, _ = r.Filled(n, "name")
		}
		if kind == "threatq" {
			s.ThreatQ = r.threatq(f)
		} else {
			r.Need(f, "sink "+kind, "path")
			if p, ok := r.Filled(f.Get("path"), "path"); ok {
				s.Path = r.path(p)
			}
		}
		if slices.ContainsFunc(all, func(o Sink) bool { return o.Name == s.Name }) {
			r.Add(it.Errorf("two sinks are named %s; give one a name of its own", s.Name))
		}
		all = append(all, s)
	}
	return all
}

func (r *reader) paths(n *yamlfile.Node, what string) (all []string) {
	list, _ := r.Strings(n, what)
	for _, p := range list {
		all = append(all, r.path(p))
	}
	return all
}

// path is relative to the folder of the configuration.
func (r *reader) path(p string) string {
	if p == "-" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(r.dir, filepath.FromSlash(p))
}

func (r *reader) secrets(n *yamlfile.Node) map[string]Secret {
	all := map[string]Secret{}
	if n == nil {
		return all
	}
	if n.Kind != yamlfile.Mapping {
		r.Add(n.Errorf("secrets must be a mapping of names"))
		return all
	}
	for _, p := range n.Pairs {
		all[p.Key.Text] = r.secret(p.Value, "secrets."+p.Key.Text)
	}
	return all
}

func (r *reader) secret(n *yamlfile.Node, what string) (s Secret) {
	if n.Kind == yamlfile.Scalar {
		d := n.Errorf("%s is written into the configuration", what)
		d.Text = "" // the line holds the secret
		d.Hint = "write { env: NAME } or { file: PATH } and keep the value there"
		r.Add(d)
		return s
	}
	f, ok := r.Fields(n, what, []string{"env", "file"})
	if !ok {
		return s
	}
	s.Env, _ = r.String(f.Get("env"), what+".env")
	if p, ok := r.String(f.Get("file"), what+".file"); ok {
		s.File = r.path(p)
	}
	if (s.Env == "") == (s.File == "") {
		r.Add(n.Errorf("%s needs either env or file", what))
	}
	return s
}

// keys reads the private keys of the mailbox.
func (r *reader) keys(n *yamlfile.Node) (out Keys) {
	if n == nil {
		return out
	}
	f, ok := r.Fields(n, "keys", []string{"smime", "openpgp"})
	if !ok {
		return out
	}
	items, _ := r.Items(f.Get("smime"), "keys.smime")
	for _, it := range items {
		k := SMIMEKey{Node: it}
		if f, ok := r.Fields(it, "keys.smime", []string{"certificate", "key"}); ok && r.Need(f, "keys.smime", "certificate", "key") {
			k.Certificate, k.Key = r.file(f, "certificate"), r.file(f, "key")
			out.SMIME = append(out.SMIME, k)
		}
	}
	items, _ = r.Items(f.Get("openpgp"), "keys.openpgp")
	for _, it := range items {
		k := OpenPGPKey{Node: it}
		if f, ok := r.Fields(it, "keys.openpgp", []string{"ring", "passphrase"}); ok && r.Need(f, "keys.openpgp", "ring") {
			k.Ring = r.file(f, "ring")
			if p := f.Get("passphrase"); p != nil {
				k.Passphrase = r.secret(p, "keys.openpgp.passphrase")
			}
			out.OpenPGP = append(out.OpenPGP, k)
		}
	}
	return out
}

func (r *reader) file(f yamlfile.Fields, key string) string {
	n := f.Get(key)
	if n != nil && n.Kind == yamlfile.Mapping {
		d := n.Errorf("%s is a mapping", key)
		d.Expected = "the path of a file"
		d.Hint = "write the path itself; only secrets are written as { file: ... }"
		r.Add(d)
		return ""
	}
	p, ok := r.Filled(n, key)
	if !ok {
		return ""
	}
	return r.path(p)
}

func (r *reader) store(n *yamlfile.Node) (out Store) {
	f, ok := r.Fields(n, "store", []string{"history", "keep", "key", "path", "quota"})
	if !ok {
		return out
	}
	r.Need(f, "store", "path")
	if p, ok := r.Filled(f.Get("path"), "store.path"); ok {
		out.Path = r.path(p)
	}
	if n := f.Get("key"); n != nil {
		out.Key = r.secret(n, "store.key")
	}
	if n := f.Get("keep"); n != nil {
		out.Keep = r.span(n, "store.keep")
	}
	if n := f.Get("history"); n != nil {
		out.History = r.span(n, "store.history")
	}
	if n := f.Get("quota"); n != nil {
		out.Quota, _ = r.size(n, "store.quota")
	}
	return out
}

func (r *reader) files(n *yamlfile.Node) (out Files) {
	f, ok := r.Fields(n, "files", []string{"dir", "retention", "quota"})
	if !ok {
		return out
	}
	if p, ok := r.Filled(f.Get("dir"), "files.dir"); ok {
		out.Dir = r.path(p)
	}
	if n := f.Get("retention"); n != nil {
		out.Retention = r.span(n, "files.retention")
	}
	if n := f.Get("quota"); n != nil {
		out.Quota, _ = r.size(n, "files.quota")
	}
	return out
}

func (r *reader) limits(n *yamlfile.Node, cfg *Config) {
	sizes := map[string]func(int64){
		"message": func(v int64) { cfg.Limits.Message = v },
		"header":  func(v int64) { cfg.Limits.Header = int(v) },
		"memory":  func(v int64) { cfg.Limits.Memory = v },
		"text":    func(v int64) { cfg.Limits.Text = int(v) },

		"unpacked": func(v int64) { cfg.Limits.Unpacked = v },
	}
	counts := map[string]*int{
		"workers": &cfg.Workers, "attempts": &cfg.Attempts, "depth": &cfg.Limits.Depth, "nesting": &cfg.Limits.Nesting, "parts": &cfg.Limits.Parts,
		"links": &cfg.Limits.Links, "findings": &cfg.Limits.Findings, "items": &cfg.Limits.Items, "members": &cfg.Limits.Members, "fuel": &cfg.Limits.ConditionOp,
	}
	keys := []string{}
	for k := range sizes {
		keys = append(keys, k)
	}
	for k := range counts {
		keys = append(keys, k)
	}
	keys = append(keys, "password_work")
	slices.Sort(keys)
	f, ok := r.Fields(n, "limits", keys)
	if !ok {
		return
	}
	for _, k := range keys {
		v := f.Get(k)
		switch {
		case v == nil:
		case k == "password_work":
			work, _ := r.Int(v, "limits."+k, 1, math.MaxInt32)
			cfg.Limits.PasswordWork = int64(work)
		case counts[k] != nil:
			*counts[k], _ = r.Int(v, "limits."+k, 1, math.MaxInt32)
		default:
			if size, ok := r.size(v, "limits."+k); ok {
				sizes[k](size)
			}
		}
	}
}

// size reads a number of bytes with a unit: 512MiB, 20GiB, 64KiB, 1000.
func (r *reader) size(n *yamlfile.Node, what string) (int64, bool) {
	text, ok := r.Filled(n, what)
	if !ok {
		return 0, false
	}
	digits := strings.TrimRight(text, "KMGTiBb ")
	v, err := strconv.ParseInt(digits, 10, 64)
	shift, known := map[string]int{"": 0, "B": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}[strings.TrimSpace(text[len(digits):])]
	if err != nil || !known || v <= 0 || v > math.MaxInt64>>shift {
		d := n.Errorf("%s: %q is no size", what, text)
		d.Expected = "a whole number and B, KiB, MiB, GiB or TiB"
		r.Add(d)
		return 0, false
	}
	return v << shift, true
}

func (r *reader) log(n *yamlfile.Node, l *Log) {
	f, ok := r.Fields(n, "log", []string{"to", "verbosity"})
	if !ok {
		return
	}
	if p, ok := r.Filled(f.Get("to"), "log.to"); ok {
		l.To = p
		if p != "stdout" && p != "stderr" {
			l.To = r.path(p)
		}
	}
	if n := f.Get("verbosity"); n != nil {
		l.Verbosity, _ = r.Int(n, "log.verbosity", 1, 3)
	}
}
