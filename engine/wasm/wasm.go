// Package wasm makes an engine.Extractor of a WebAssembly file, by the contract
// of wasm-extractors/ABI.md ("tqx1").
//
// A module is hostile, and so is the mail it reads. What keeps both in is not
// the clock but the module itself: package meter rewrites it when it is loaded, so
// that it counts its steps and asks the host when a quantum is used up. The host
// answers with the next quantum, or ends the call. So the same module ends at the
// same step on every machine; the deadline is only a net behind that.
//
//	Load     caps -> rewrite -> compile (from the cache, if it is there)
//	         -> imports and exports -> description -> configuration
//	Extract  a fresh instance -> _initialize -> the parts it wants, in one frame
//	         -> tqx_extract -> strict decoding -> findings; the instance is gone
//
// Nothing carries over from one mail to the next: memory, globals and tables
// belong to an instance, and an instance handles one mail. Modules whose instances
// are slow to make (Go programs start a runtime) have a small stock of instances
// made ahead, each used once.
//
// Everything that goes wrong is an *Error of one of eight kinds. Kinds that the
// mail or the module decides (trap, exit, fuel, memory, abi, bad_output) are the
// same on every machine and become defects of the mail. A timeout is not: it wraps
// engine.ErrTemporary, and nothing is decided.
//
// The package opens no file but its cache, and reads the clock for deadlines and to
// throw away what stood in the cache for long.
package wasm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"runtime"
	"sync"

	"github.com/tetratelabs/wazero"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/wasm/meter"
)

// HostConfig is what all modules of a Host have in common.
type HostConfig struct {
	// Cache is a folder for compiled modules, made if it is not there; "" compiles
	// anew each time. It holds executable code: a folder that others may write to
	// is refused. Several processes may share it.
	Cache string
	// Stock is how many instances of a module that starts slowly are made ahead;
	// 0 makes none.
	Stock int
	// Canon brings a value of a type, by its rule name, to canonical form, or says
	// that it is none of that type; nil takes values as they are.
	Canon func(typ, value string) (string, bool)
	// Flags are facts about a canonical value that rules decide on; nil gives none.
	Flags func(typ, value string) engine.Flags
	// Log is told when the cache fails; nil discards that. What modules log is in the
	// Result of a run, and nowhere else: it may hold what a mail says.
	Log *slog.Logger
}

// Host loads modules. It is safe for concurrent use.
type Host struct {
	cfg    HostConfig
	cache  wazero.CompilationCache // nil when there is none
	cached *runner

	mu       sync.Mutex
	uncached *runner // nil until it is needed
	loaded   map[*Extractor]bool
}

// NewHost makes a host. Close it when its extractors are no longer used.
func NewHost(ctx context.Context, cfg HostConfig) (*Host, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	h := &Host{cfg: cfg, loaded: map[*Extractor]bool{}}
	var err error
	if cfg.Cache != "" {
		if h.cache, err = openCache(cfg.Cache); err != nil {
			return nil, fmt.Errorf("open module cache: %w", err)
		}
	}
	h.cached, err = h.newRunner(ctx, h.cache)
	return h, err
}

// Close ends the host and every extractor it has loaded. Calls must have ended.
func (h *Host) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for x := range h.loaded {
		x.stock.close()
	}
	ctx := context.Background()
	err := h.cached.close(ctx)
	if h.uncached != nil {
		err = errors.Join(err, h.uncached.close(ctx))
	}
	if h.cache != nil {
		err = errors.Join(err, h.cache.Close(ctx))
	}
	return err
}

// Config is one module and what it may do.
type Config struct {
	Name    string          // by which rules choose it; "" means the name in its description
	Module  []byte          // the file
	Config  json.RawMessage // an object; nil means none
	Limits  Limits
	Default bool // runs unless a rule says only
}

// Extractor is a loaded module. It is safe for concurrent use.
type Extractor struct {
	host     *Host
	cfg      Config
	limits   Limits
	desc     *Description
	digest   string
	command  bool
	compiled *compiled
	info     engine.ExtractorInfo
	types    map[string]string // a declared type, in each of its names, to its rule name
	config   map[string]json.RawMessage
	stock    stock
}

var _ engine.Extractor = (*Extractor)(nil)

// Load checks, rewrites and compiles a module, and starts it once. An error is an
// *Error: of kind refused or abi when the module is not what it should be, of
// another kind when it could not be started.
func (h *Host) Load(ctx context.Context, cfg Config) (*Extractor, error) {
	x, err := h.load(ctx, cfg)
	if err != nil {
		return nil, named(err, cfg.Name)
	}
	h.mu.Lock()
	h.loaded[x] = true
	h.mu.Unlock()
	return x, nil
}

// LoadAll loads several modules, as many at a time as there are processors. Its
// iterator gives each, in order, with what Load says of it.
func (h *Host) LoadAll(ctx context.Context, all []Config) iter.Seq2[*Extractor, error] {
	type answer struct {
		x   *Extractor
		err error
	}
	answers := make([]answer, len(all))
	slots := make(chan struct{}, runtime.GOMAXPROCS(0)) // as many as work at a time
	var loading sync.WaitGroup
	for i := range all {
		loading.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			answers[i].x, answers[i].err = h.Load(ctx, all[i])
		})
	}
	loading.Wait()
	return func(yield func(*Extractor, error) bool) {
		for _, a := range answers {
			if !yield(a.x, a.err) {
				return
			}
		}
	}
}

func (h *Host) load(ctx context.Context, cfg Config) (*Extractor, error) {
	limits := cfg.Limits.WithDefaults()
	if err := limits.Check(); err != nil {
		return nil, refused("%v", err)
	}
	digest := Digest(cfg.Module)
	metered, info, err := h.rewritten(cfg.Module, digest, limits.caps())
	if err != nil {
		return nil, err
	}
	kind, err := kindOf(info)
	if err != nil {
		return nil, err
	}
	x := &Extractor{host: h, cfg: cfg, limits: limits, digest: digest, command: kind == Command}
	if x.compiled, err = h.compile(ctx, metered); err != nil {
		return nil, err
	}
	if err := x.prepare(ctx, info); err != nil {
		x.compiled.Close(ctx)
		return nil, err
	}
	return x, nil
}

// prepare reads what a compiled module says of itself, and starts it.
func (x *Extractor) prepare(ctx context.Context, info *meter.Info) (err error) {
	x.stock.fresh = x.fresh
	if x.desc, err = x.describe(ctx, info); err != nil {
		return err
	}
	x.declare()
	if x.config, err = x.desc.configuration(x.cfg.Config); err != nil {
		return refused("configuration: %v", err)
	}
	return x.stock.open(ctx, x.host.cfg.Stock)
}

// describe reads the packed description, or asks the module for it.
func (x *Extractor) describe(ctx context.Context, info *meter.Info) (*Description, error) {
	data, packed := custom(info, Section)
	if !packed {
		var err error
		if data, err = x.askDescription(ctx, info); err != nil {
			return nil, err
		}
	}
	desc, err := ParseDescription(data)
	if err != nil {
		return nil, refused("description: %v", err)
	}
	if desc.Input != "" && !x.command {
		return nil, refused("description: input is for commands, and this module is a reactor")
	}
	return desc, nil
}

// declare fills in what others ask about the extractor.
func (x *Extractor) declare() {
	x.info = engine.ExtractorInfo{Name: x.cfg.Name, Version: x.desc.Version, Default: x.cfg.Default}
	if x.info.Name == "" {
		x.info.Name = x.desc.Name
	}
	x.types = map[string]string{}
	for _, t := range x.desc.Types {
		rule, _ := engine.RuleType(t)
		x.types[t], x.types[rule], x.types[engine.ShortByType(rule)] = rule, rule, rule
		x.info.Types = append(x.info.Types, rule)
	}
}

// Info implements engine.Extractor.
func (x *Extractor) Info() engine.ExtractorInfo { return x.info }

// Wants implements engine.Extractor by the description.
func (x *Extractor) Wants(part engine.PartInfo) bool {
	for _, kind := range kindsOf(part.Kind) {
		if _, ok := x.desc.wants(kind, part); ok {
			return true
		}
	}
	return false
}

// Close frees what the extractor holds; Host.Close does the same for all. Its
// calls must have ended.
func (x *Extractor) Close() error {
	x.host.mu.Lock()
	delete(x.host.loaded, x)
	x.host.mu.Unlock()
	x.stock.close()
	return x.compiled.Close(context.Background())
}

// Description is what the module says of itself.
func (x *Extractor) Description() *Description { return x.desc }

// Digest is the SHA-256 digest of the file it was loaded from, in hex.
func (x *Extractor) Digest() string { return x.digest }

// CheckConfig tells whether a configuration, an object, fits the module's schema
// together with what the extractor was loaded with.
func (x *Extractor) CheckConfig(config json.RawMessage) error {
	_, err := x.merged(config)
	return err
}

// Extract implements engine.Extractor. Its error is an *Error, or wraps
// engine.ErrTemporary when a part that was spooled cannot be read.
func (x *Extractor) Extract(ctx context.Context, in engine.Input) ([]engine.Finding, error) {
	r, err := x.Run(ctx, in)
	return r.Findings, err
}
