package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/extract"
	"github.com/tqmailrules/tqmailrules/engine/wasm"
	"github.com/tqmailrules/tqmailrules/internal/warninglist"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// finders are the extractors of a configuration, in the order in which they run: the
// built-in one, that of dictionaries, then those declared, modules and patterns alike.
type finders struct {
	all     []engine.Extractor
	modules []*loadedModule
	host    *wasm.Host // nil when no module is declared
	known   *warninglist.Set
}

// loadedModule is a module and the entry that declares it.
type loadedModule struct {
	entry settings.Extractor
	live  *wasm.Live
	seen  stamp
}

// stamp tells whether a module and its signature are still those that were read.
type stamp struct {
	size            int64
	changed, signed time.Time
}

// defaultBreaker is how many failures in a row switch a module off for a run.
const defaultBreaker = 20

// builtinName is what rules call the built-in extractor.
const builtinName = "builtin"

// builtin are the finders without any configuration.
func builtin() *finders {
	return &finders{all: []engine.Extractor{extract.New(extract.Config{}), ownDictionary()}}
}

// finders loads what a configuration declares, modules side by side. Whatever is
// wrong with an entry is a diagnostic at its place; an error is one of the
// environment.
func (a *app) finders(ctx context.Context, cfg *settings.Config) (*finders, yamlfile.Diagnostics, error) {
	f := &finders{all: []engine.Extractor{extract.New(extract.Config{})}}
	about, wrong := contextExtractor(cfg.Context)
	if about != nil {
		f.all = append(f.all, about)
	}
	if slices.ContainsFunc(cfg.Extractors, isModule) {
		host, err := a.moduleHost(ctx, cfg.Cache)
		if err != nil {
			return nil, nil, err
		}
		f.host = host
	}
	modules, diags := f.load(ctx, cfg.Extractors)
	known, more := allowlists(cfg.Allowlists)
	f.known, diags = known, append(append(wrong, diags...), more...)
	for _, entry := range cfg.Extractors {
		switch m := modules[entry.Name]; {
		case m != nil:
			f.modules = append(f.modules, m)
			f.all = append(f.all, m.live)
		case !isModule(entry):
			x, err := patternOf(entry)
			if err != nil {
				diags = append(diags, diagnosis(entry, "regex", err))
				continue
			}
			f.all = append(f.all, x)
		}
	}
	return f, diags, nil
}

func isModule(entry settings.Extractor) bool { return entry.Kind == "wasm" }

// load reads and loads the modules among the entries, by name.
func (f *finders) load(ctx context.Context, entries []settings.Extractor) (map[string]*loadedModule, yamlfile.Diagnostics) {
	var read []*loadedModule
	var configs []wasm.Config
	var diags yamlfile.Diagnostics
	for _, entry := range entries {
		if !isModule(entry) {
			continue
		}
		m := &loadedModule{entry: entry}
		config, place, err := m.read()
		if err != nil {
			diags = append(diags, diagnosis(entry, place, err))
			continue
		}
		read, configs = append(read, m), append(configs, config)
	}
	if len(read) == 0 {
		return nil, diags
	}
	loaded, i := map[string]*loadedModule{}, 0
	for x, err := range f.host.LoadAll(ctx, configs) {
		if m := read[i]; err != nil {
			diags = append(diags, diagnosis(m.entry, placeOf(err), err))
		} else {
			m.live = wasm.NewLive(x)
			loaded[m.entry.Name] = m
		}
		i++
	}
	return loaded, diags
}

// placeOf is the place in an entry that an error is about: one of the configuration
// begins with the place in that, one of a limit with its name.
func placeOf(err error) string {
	text := err.Error()
	if detail, ok := strings.CutPrefix(text, "refused: configuration: "); ok {
		place, _, _ := strings.Cut(detail, " ")
		return "config." + place
	}
	if detail, ok := strings.CutPrefix(text, "limit "); ok {
		name, _, _ := strings.Cut(detail, " is ")
		return "limits." + strings.ToLower(strings.ReplaceAll(name, " ", "_"))
	}
	return "wasm"
}

// diagnosis points at a place in an entry, and says what to do about it.
func diagnosis(entry settings.Extractor, place string, err error) yamlfile.Diagnostic {
	d := entry.Errorf(place, "extractor %s: %v", entry.Name, err)
	path := entry.Module.Path
	switch absent := errors.Is(err, fs.ErrNotExist); {
	case place == "sha256":
		d.Hint = "it is not the file that was pinned; tqmailrules ext inspect " + path + " shows what it is; when it is meant, write its digest here"
	case place == "key" && absent:
		d.Hint = "tqmailrules ext sign --key PRIVATE " + path + " writes it"
	case place == "key":
		d.Hint = "the file was changed after it was signed, or somebody else signed it"
	case place == "wasm" && absent:
		d.Hint = "paths are relative to the folder of the configuration"
	}
	return d
}

func patternOf(entry settings.Extractor) (engine.Extractor, error) {
	p := entry.Pattern
	return extract.NewPattern(extract.PatternConfig{
		Name: entry.Name, Regexp: p.Regexp, Type: p.Type, Value: p.Value, Strip: p.Strip, Transform: p.Transform, Validator: p.Validator,
		From: p.From, Attributes: p.Attributes, Confidence: p.Confidence, Matches: p.Matches, Default: entry.Default,
	})
}

// moduleHost makes the host of modules. The cache that nobody asked for is done
// without when it cannot be had.
func (a *app) moduleHost(ctx context.Context, cache settings.Cache) (*wasm.Host, error) {
	cfg := wasm.HostConfig{
		Cache: cache.Dir, Stock: 2 * runtime.GOMAXPROCS(0), Canon: extract.Canonical, Flags: extract.FlagsOf,
		Log: slog.New(slog.NewTextHandler(a.err, nil)),
	}
	if cache.Off || cfg.Cache != "" {
		return wasm.NewHost(ctx, cfg)
	}
	if dir, err := os.UserCacheDir(); err == nil {
		cfg.Cache = filepath.Join(dir, "tqmailrules", "modules")
	}
	host, err := wasm.NewHost(ctx, cfg)
	if err != nil {
		cfg.Cache = ""
		host, err = wasm.NewHost(ctx, cfg)
	}
	return host, err
}

// read reads the file and checks it against the entry. With an error it says which
// place in the entry is to blame.
func (m *loadedModule) read() (cfg wasm.Config, place string, err error) {
	declared := m.entry.Module
	m.seen, _ = stampOf(declared) // before it is read: what changes then is read again
	data, err := readModule(declared.Path)
	if err != nil {
		return cfg, "wasm", err
	}
	if digest := wasm.Digest(data); declared.SHA256 != "" && declared.SHA256 != settings.AnyDigest && digest != declared.SHA256 {
		return cfg, "sha256", errors.New(declared.Path + " has the digest " + digest)
	}
	if declared.Key != nil {
		signature, err := os.ReadFile(declared.Signature)
		if err == nil {
			err = wasm.Verify(declared.Key, data, signature)
		}
		if err != nil {
			return cfg, "key", err
		}
	}
	limits := limitsOf(declared.Limits)
	cfg = wasm.Config{Name: m.entry.Name, Module: data, Config: declared.Config, Limits: limits, Default: m.entry.Default}
	if err := limits.Check(); err != nil {
		return cfg, placeOf(err), err
	}
	return cfg, "", nil
}

func limitsOf(l settings.ModuleLimits) wasm.Limits {
	return wasm.Limits{
		Module: l.Module, Memory: l.Memory, Stack: l.Stack, Output: l.Output, Log: l.Log, Fuel: l.Fuel, FuelPerMiB: l.FuelPerMiB,
		Deadline: l.Deadline, DeadlinePerMiB: l.DeadlinePerMiB, Findings: l.Findings,
	}
}

// maxModuleFile is a little more than any limit on modules allows.
const maxModuleFile = 65 << 20

// readModule reads a file, as far as one may be a module.
func readModule(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxModuleFile))
}

// stampOf looks at a module and, if it must have one, its signature, which may be
// written after it.
func stampOf(declared settings.Module) (s stamp, err error) {
	info, err := os.Stat(declared.Path)
	if err != nil {
		return s, err
	}
	s.size, s.changed = info.Size(), info.ModTime()
	if info, err := os.Stat(declared.Signature); err == nil {
		s.signed = info.ModTime()
	}
	return s, nil
}

func (f *finders) close() error {
	if f.host == nil {
		return nil
	}
	return f.host.Close()
}

// checkConfig holds the configuration that a rule gives an extractor to the
// extractor's schema. Of one that could not be loaded nothing is known.
func (f *finders) checkConfig(name string, config json.RawMessage) error {
	for _, m := range f.modules {
		if m.entry.Name == name {
			return m.live.Current().CheckConfig(config)
		}
	}
	if slices.ContainsFunc(f.all, func(x engine.Extractor) bool { return x.Info().Name == name }) {
		return errors.New("it takes none")
	}
	return nil
}

// guarded are the extractors for a run: modules that fail again and again are
// switched off.
func (f *finders) guarded(log *slog.Logger) []engine.Extractor {
	all := slices.Clone(f.all)
	for i, x := range all {
		for _, m := range f.modules {
			if x == engine.Extractor(m.live) {
				all[i] = wasm.NewBreaker(x, cmp.Or(m.entry.Module.Breaker, defaultBreaker), func(reason error) {
					log.Error("extractor", "extractor", m.entry.Name, "err", reason)
				})
			}
		}
	}
	return all
}

// look is how often a run looks whether its modules have changed.
const look = time.Second

// watch loads modules again whose files change, until ctx ends. What cannot be
// loaded is told once, and the run goes on with what it has.
func (f *finders) watch(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, m := range f.modules {
			m.refresh(ctx, f.host, log)
		}
	}
}

// refresh compiles what has changed, then puts it in place.
func (m *loadedModule) refresh(ctx context.Context, host *wasm.Host, log *slog.Logger) {
	now, err := stampOf(m.entry.Module)
	if now == m.seen {
		return
	}
	m.seen = now
	if err == nil {
		err = m.replace(ctx, host)
	}
	if err == nil {
		log.Info("extractor replaced", "extractor", m.entry.Name, "sha256", m.live.Current().Digest())
		return
	}
	if ctx.Err() == nil {
		log.Warn("extractor changed and is kept as it was loaded", "extractor", m.entry.Name, "err", err)
	}
}

func (m *loadedModule) replace(ctx context.Context, host *wasm.Host) error {
	cfg, _, err := m.read()
	if err != nil {
		return err
	}
	x, err := host.Load(ctx, cfg)
	if err != nil {
		return err
	}
	return m.live.Swap(x)
}
