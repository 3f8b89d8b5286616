package main

import (
	"context"
	"flag"
	"os"
	"runtime"
	"slices"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/report"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/mail"
	"github.com/tqmailrules/tqmailrules/engine/source/files"
	"github.com/tqmailrules/tqmailrules/engine/unpack/sealed"
	"github.com/tqmailrules/tqmailrules/internal/names"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
	"github.com/tqmailrules/tqmailrules/rules"
)

// domainOf takes the host of an indicator apart.
func domainOf(kind, value string) engine.Domain {
	switch kind {
	case "FQDN":
		return names.ParseHost(value)
	case "URL":
		u, _ := names.SplitURL(value)
		return u.Domain
	case "Email Address":
		e, _ := names.ParseEmail(value)
		return e.Domain
	}
	return engine.Domain{}
}

// parserFor makes the mail parser of a configuration.
func parserFor(cfg *settings.Config) *mail.Parser {
	return mail.New(mail.Config{
		Limits: cfg.Limits, OwnDomains: cfg.Mailbox.OwnDomains,
		TrustedAuthServers: cfg.Mailbox.AuthServers, MailboxName: cfg.Mailbox.Name,
	})
}

// readConfig reads a configuration file.
func readConfig(path string) (*settings.Config, yamlfile.Diagnostics, error) {
	path, err := configFile(path, "")
	if err != nil {
		return nil, nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	cfg, diags := settings.Parse(path, data)
	return cfg, diags, nil
}

// rulesAndConfig loads what most commands need: the rule files of the flags, or
// those of the configuration.
type rulesAndConfig struct {
	rules     list
	config    string
	inProcess bool // attachments are opened in this process

	change func(*settings.Config) error // by flags; nil: nothing
}

// debugFlags are for those who debug readers of attachments.
func (rc *rulesAndConfig) debugFlags(fs *flag.FlagSet) {
	fs.BoolVar(&rc.inProcess, "in-process", false, "open attachments in this process, unconfined: for debugging readers, never for mail of strangers")
}

// loaded is what a command works with. Close it.
type loaded struct {
	set     *rules.Set
	cfg     *settings.Config // defaults when there is no configuration
	finders *finders
	keys    sealed.Keys
	opener  unpacker          // of attachments
	secrets map[string]string // that rules refer to; those that are not to be had are left out
}

func (l *loaded) close() {
	l.finders.close()
	if l.opener != nil {
		l.opener.Close()
	}
}

// load reads the configuration, its extractors and the rules. Unless the status is
// exitOK it has said everything, and there is nothing to close.
func (rc *rulesAndConfig) load(ctx context.Context, a *app, name string) (*loaded, exit) {
	l := &loaded{cfg: &settings.Config{Instance: "default"}, finders: builtin()}
	if rc.config != "" {
		if code := l.configure(ctx, a, name, rc.config); code != exitOK {
			return nil, code
		}
		if rc.change != nil {
			if err := rc.change(l.cfg); err != nil {
				l.close()
				return nil, a.usage(name, "%v", err)
			}
		}
	}
	paths := rc.rules
	if len(paths) == 0 {
		paths = l.cfg.Rules
	}
	code := l.rules(a, name, paths, rc.config != "")
	if code != exitOK {
		l.close()
		return l, code
	}
	l.ready(a, rc.inProcess)
	return l, code
}

// ready makes what opens attachments, and what it may know.
func (l *loaded) ready(a *app, inProcess bool) {
	l.opener = newUnpacker(unpackSetup{l.cfg.Limits, l.keys}, workersOr(l.cfg.Workers), inProcess)
	l.secrets = a.availableSecrets(l.cfg)
}

// configure reads a configuration and loads its extractors.
func (l *loaded) configure(ctx context.Context, a *app, name, path string) exit {
	cfg, diags, err := readConfig(path)
	if err != nil {
		return a.usage(name, "%v", err)
	}
	if code := a.diagnose(diags); code != exitOK {
		return code
	}
	keys, diags := a.privateKeys(cfg)
	if code := a.diagnose(diags.Sorted()); code != exitOK {
		return code
	}
	f, diags, err := a.finders(ctx, cfg)
	if err != nil {
		return a.fail(err)
	}
	if code := a.diagnose(diags.Sorted()); code != exitOK {
		f.close()
		return code
	}
	l.cfg, l.finders, l.keys = cfg, f, keys
	return exitOK
}

func (l *loaded) rules(a *app, name string, paths []string, configured bool) exit {
	if len(paths) == 0 {
		return a.usage(name, "no rules: give --rules FILE, or -c CONFIG")
	}
	set, diags, err := loadRules(paths, ruleOptions(l.cfg, l.finders, configured))
	if err != nil {
		return a.usage(name, "%v", err)
	}
	l.set = set
	return a.diagnose(append(diags, unused(l.cfg, set)...))
}

// unused warns of extractors that nothing makes run.
func unused(cfg *settings.Config, set *rules.Set) (diags yamlfile.Diagnostics) {
	for _, x := range cfg.Extractors {
		if set == nil || x.Default || slices.Contains(set.Extractors(), x.Name) {
			continue
		}
		d := x.Errorf("name", "no rule uses extractor %s, and it is no default", x.Name)
		d.Severity = yamlfile.Warning
		d.Hint = "then: [ { extract: { use: [" + x.Name + "] } } ] in a rule, or default: true here"
		diags = append(diags, d)
	}
	return diags
}

// ruleOptions lets rule files be checked against the extractors and, when there is
// one, the configuration.
func ruleOptions(cfg *settings.Config, f *finders, configured bool) rules.Options {
	opt := rules.Options{Limits: cfg.Limits, Extractors: []string{builtinName, contextName}, CheckConfig: f.checkConfig}
	for _, x := range cfg.Extractors {
		opt.Extractors = append(opt.Extractors, x.Name)
	}
	if !configured {
		return opt
	}
	opt.Secrets, opt.Sinks = []string{}, []string{}
	for name := range cfg.Secrets {
		opt.Secrets = append(opt.Secrets, name)
	}
	for _, s := range cfg.Sinks {
		opt.Sinks = append(opt.Sinks, s.Name)
	}
	return opt
}

// openCorpus opens the source of a command line's corpus arguments.
func (a *app) openCorpus(paths []string, cfg *settings.Config) (*files.Source, error) {
	return files.Open(files.Config{Paths: paths, Stdin: a.in, Limits: cfg.Limits})
}

// ruleCounts is the empty table of a summary.
func ruleCounts(set *rules.Set) (counts []report.RuleCount) {
	for _, r := range set.Rules() {
		counts = append(counts, report.RuleCount{ID: r.ID, Mode: string(r.Mode)})
	}
	return counts
}

// recorder is a sink of a dry run: the batches are in the outcomes already.
type recorder string

func (r recorder) Name() string                             { return string(r) }
func (r recorder) Ship(context.Context, engine.Batch) error { return nil }
func (r recorder) Close() error                             { return nil }

// recordingSinks stand in for the sinks of a configuration, or for those that
// rules name.
func recordingSinks(cfg *settings.Config, set *rules.Set) (sinks []engine.Sink) {
	var names []string
	for _, s := range cfg.Sinks {
		names = append(names, s.Name)
	}
	if len(names) == 0 {
		names = append([]string{"default"}, set.Sinks()...)
	}
	for _, n := range names {
		sinks = append(sinks, recorder(n))
	}
	return sinks
}

func workersOr(n int) int {
	if n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}

// progressed wraps a source so that progress is shown while it is read.
type progressed struct {
	engine.Source
	app   *app
	p     *ui.Progress
	mails int
	bytes int64
}

// Next implements engine.Source.
func (s *progressed) Next(ctx context.Context) (engine.Delivery, error) {
	d, err := s.Source.Next(ctx)
	if err == nil {
		s.mails++
		s.bytes += d.Raw.Size()
		s.p.Step(s.app.now(), s.mails, s.bytes)
	}
	return d, err
}

func statusOf(sum engine.Summary, err error) exit {
	switch {
	case err != nil || sum.Degraded():
		return exitEnvironment
	case sum.Quarantined > 0:
		return exitQuarantined
	}
	return exitOK
}
