package wasm_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/wasm"
)

// told is what modules make of inputs, fuel and memory included, one line a call.
func told(t testing.TB, extractors []*wasm.Extractor, inputs []engine.Input) []string {
	t.Helper()
	var lines []string
	for _, x := range extractors {
		for _, in := range inputs {
			r, err := x.Run(t.Context(), in)
			text, jsonErr := json.Marshal(r)
			if jsonErr != nil {
				t.Error(jsonErr)
			}
			lines = append(lines, fmt.Sprintf("%s %s: %s %v", x.Info().Name, in.MessageID, text, err))
		}
	}
	return lines
}

// small are example modules that are quick to compile.
func small(t testing.TB) (all []wasm.Config) {
	t.Helper()
	for _, name := range examples(t) {
		if data := prebuilt(t, name); len(data) < 200<<10 {
			all = append(all, wasm.Config{Name: name, Module: data})
		}
	}
	if len(all) < 3 {
		t.Fatalf("%d small modules", len(all))
	}
	return all
}

func loadEach(t testing.TB, h *wasm.Host, all []wasm.Config) (loaded []*wasm.Extractor) {
	t.Helper()
	for x, err := range h.LoadAll(t.Context(), all) {
		if err != nil {
			t.Fatal(err)
		}
		loaded = append(loaded, x)
	}
	return loaded
}

// TestFuelMemoryAndOutputDependOnNothingElse runs the same calls with and without a
// stock and a cache, cold and warm, beside others, after a swap, and while the
// garbage collector works.
func TestFuelMemoryAndOutputDependOnNothingElse(t *testing.T) {
	modules, inputs := small(t), mailbox(t)[:8]
	want := told(t, loadEach(t, newHost(t, wasm.HostConfig{}), modules), inputs)
	dir := filepath.Join(t.TempDir(), "cache")
	for _, cfg := range []wasm.HostConfig{{Stock: 2}, {Cache: dir}, {Cache: dir, Stock: 2}} {
		h := newHost(t, cfg)
		if diff := cmp.Diff(want, told(t, loadEach(t, h, modules), inputs)); diff != "" {
			t.Errorf("%+v:\n%s", cfg, diff)
		}
	}
	h := newHost(t, wasm.HostConfig{Stock: 1})
	loaded := loadEach(t, h, modules)
	for i, x := range loaded {
		live := wasm.NewLive(load(t, h, modules[i]))
		if err := live.Swap(x); err != nil {
			t.Fatal(err)
		}
	}
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			runtime.GC()
			if diff := cmp.Diff(want, told(t, loaded, inputs)); diff != "" {
				t.Errorf("beside others:\n%s", diff)
			}
		})
	}
	workers.Wait()
}

// TestCacheChild is not a test of its own: TestProcessesShareACache runs it.
func TestCacheChild(t *testing.T) {
	dir := os.Getenv("TQ_CACHE")
	if dir == "" {
		t.Skip("runs in a process of its own")
	}
	for _, line := range told(t, loadEach(t, newHost(t, wasm.HostConfig{Cache: dir}), small(t)), mailbox(t)[:2]) {
		fmt.Printf("told %q\n", line)
	}
}

// TestProcessesShareACache lets four processes fill an empty cache at a time.
func TestProcessesShareACache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	said := make([]string, 4)
	var processes sync.WaitGroup
	for i := range said {
		processes.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestCacheChild$", "-test.v")
			cmd.Env = append(os.Environ(), "TQ_CACHE="+dir)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			for line := range strings.Lines(string(out)) {
				if strings.HasPrefix(line, "told ") {
					said[i] += line
				}
			}
		})
	}
	processes.Wait()
	for _, other := range said {
		if other == "" || other != said[0] {
			t.Errorf("processes differ:\n%s", cmp.Diff(said[0], other))
		}
	}
	for _, file := range cached(t, dir) {
		if strings.HasSuffix(file, ".tmp") {
			t.Errorf("%s was left behind", file)
		}
	}
}

// TestCacheMayVanish takes the folder away from a host, and puts a file in its
// place.
func TestCacheMayVanish(t *testing.T) {
	for _, inItsPlace := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "cache")
		h := newHost(t, wasm.HostConfig{Cache: dir})
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if inItsPlace {
			if err := os.WriteFile(dir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		x := load(t, h, wasm.Config{Module: module(t, "probe", described)})
		if found, err := x.Extract(t.Context(), text("x")); err != nil || len(found) != 1 {
			t.Errorf("file in its place: %v: %v, %v", inItsPlace, found, err)
		}
	}
}

// TestCacheIsNotReachedThroughALink: whoever may change the link would choose the
// code.
func TestCacheIsNotReachedThroughALink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.Mkdir(target, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
	if _, err := wasm.NewHost(t.Context(), wasm.HostConfig{Cache: link}); err == nil || !strings.Contains(err.Error(), "is no folder") {
		t.Errorf("a link: %v", err)
	}
	newHost(t, wasm.HostConfig{Cache: target})
	inner, _ := filepath.Glob(filepath.Join(target, "meter*"))
	if len(inner) != 1 {
		t.Fatal("folders:", inner)
	}
	if err := os.Rename(inner[0], filepath.Join(dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), inner[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := wasm.NewHost(t.Context(), wasm.HostConfig{Cache: target}); err == nil || !strings.Contains(err.Error(), "is no folder") {
		t.Errorf("a link inside: %v", err)
	}
}
