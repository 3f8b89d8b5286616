package wasm

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/tqmailrules/tqmailrules/engine/wasm/meter"
)

// wazeroVersion names the version in go.mod; machine code is cached under it.
const wazeroVersion = "v1.12.0"

// runner is a runtime of wazero with what modules may import from it.
type runner struct {
	wazero.Runtime
	memories *memories
}

func (h *Host) newRunner(ctx context.Context, cache wazero.CompilationCache) (*runner, error) {
	config := wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2)
	if cache != nil {
		config = config.WithCompilationCache(cache)
	}
	r := &runner{wazero.NewRuntimeWithConfig(ctx, config), &memories{}}
	return r, exportHostModules(ctx, r.Runtime)
}

func (r *runner) close(ctx context.Context) error {
	err := r.Close(ctx)
	r.memories.close()
	return err
}

// compiled is a module in machine code.
type compiled struct {
	wazero.CompiledModule
	on *runner
}

// instantiate makes an instance. wazero leaves the memory of one that could not be
// made to the garbage collector, which does not see ours.
func (c *compiled) instantiate(ctx context.Context, config wazero.ModuleConfig) (api.Module, error) {
	memory := &oneMemory{from: c.on.memories}
	module, err := c.on.InstantiateModule(experimental.WithMemoryAllocator(ctx, memory), c.CompiledModule, config)
	if err != nil {
		memory.Free()
	}
	return module, err
}

// compile translates a rewritten module to machine code, or takes that from the
// cache. A cache that fails (a broken file, a full disk) costs time only: the module
// is compiled without it, and the cache emptied.
func (h *Host) compile(ctx context.Context, metered []byte) (*compiled, error) {
	code, err := h.cached.CompileModule(ctx, metered)
	if err == nil {
		return &compiled{code, h.cached}, nil
	}
	if h.cfg.Cache == "" {
		return nil, refused("compile: %s", firstLine(err.Error()))
	}
	plain, plainErr := h.plain(ctx)
	if plainErr != nil {
		return nil, plainErr
	}
	code, plainErr = plain.CompileModule(ctx, metered)
	if plainErr != nil {
		return nil, refused("compile: %s", firstLine(plainErr.Error()))
	}
	h.cfg.Log.Warn("module cache failed and is emptied", "err", err)
	os.RemoveAll(cacheFolder(h.cfg.Cache))
	return &compiled{code, plain}, nil
}

// plain is a runner without a cache, made when it is needed.
func (h *Host) plain(ctx context.Context) (*runner, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.uncached != nil {
		return h.uncached, nil
	}
	r, err := h.newRunner(ctx, nil)
	h.uncached = r
	return r, err
}

// cacheFolder is where this version of the host keeps its machine code. wazero
// names files by the digest of the rewritten module, writes them whole, and moves
// them into place, so several processes may share the folder.
func cacheFolder(dir string) string {
	return filepath.Join(dir, "meter"+meter.Version+"-wazero-"+wazeroVersion)
}

// openCache makes the folder if it is not there, and refuses one that others may
// write to or read.
func openCache(dir string) (wazero.CompilationCache, error) {
	sub := cacheFolder(dir)
	for _, folder := range []string{dir, sub} {
		if err := ownFolder(folder); err != nil {
			return nil, err
		}
	}
	prune(dir, time.Now().Add(-kept))
	return wazero.NewCompilationCacheWithDir(sub)
}

// ownFolder makes a folder if it is not there, and tells why it is not this user's
// alone. One that was open to others once may hold a link of theirs.
func ownFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no folder", dir)
	}
	if err := private(info); err != nil {
		return fmt.Errorf("%s %w", dir, err)
	}
	return nil
}

// kept is how long a file stays in the cache. One that is still needed is made anew.
const kept = 90 * 24 * time.Hour

// prune removes what this host and other versions of it wrote before a time: modules
// that were rebuilt since, above all.
func prune(dir string, before time.Time) {
	folders, _ := filepath.Glob(filepath.Join(dir, "meter*-wazero-*"))
	for _, folder := range folders {
		filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil
			}
			if info, err := d.Info(); err == nil && info.ModTime().Before(before) {
				os.Remove(path)
			}
			return nil
		})
	}
}
