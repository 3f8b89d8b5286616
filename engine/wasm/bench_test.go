package wasm_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/wasm"
)

// prebuilt is a module of wasm-extractors.
func prebuilt(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../wasm-extractors", name, name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// BenchmarkMail is one mail of a kilobyte through a fresh instance.
func BenchmarkMail(b *testing.B) {
	in := text(string(bytes.Repeat([]byte("no address stands in this line of text, only words. "), 20)))
	for _, name := range []string{"wallets-c", "wallets-rust", "wallets-assemblyscript", "wallets-go"} {
		b.Run(name, func(b *testing.B) {
			x := load(b, newHost(b, wasm.HostConfig{Stock: 4}), wasm.Config{Module: prebuilt(b, name)})
			for b.Loop() {
				if _, err := x.Extract(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAttachment hands 10 MiB over.
func BenchmarkAttachment(b *testing.B) {
	x := load(b, newHost(b, wasm.HostConfig{}), wasm.Config{Module: roomy(b)})
	in := engine.Input{Parts: []engine.InputPart{{PartInfo: engine.PartInfo{ID: "2", Kind: "raw", MIME: "text/csv"}, Content: engine.Bytes(make([]byte, 10<<20))}}}
	b.SetBytes(10 << 20)
	for b.Loop() {
		if _, err := x.Extract(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}

// roomy is a module with 12 MiB of memory that finds nothing.
func roomy(t testing.TB) []byte {
	t.Helper()
	empty := []byte{0, 0x0b}
	alloc := append(append([]byte{0, 0x41}, sleb(1<<20)...), 0x0b)
	module := assemble([][]byte{empty, alloc, {0, 0x42, 0, 0x0b}}, 1024, "")
	packed, err := wasm.Pack(bytes.Replace(module, []byte{5, 3, 1, 0, 32}, []byte{5, 4, 1, 0, 0xc0, 1}, 1), []byte(described))
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

// fifty are 10 modules made by Go and 40 made by Rust, each of its own.
func fifty(t testing.TB) (all [][]byte) {
	t.Helper()
	for i := range 50 {
		name := "wallets-rust"
		if i < 10 {
			name = "wallets-go"
		}
		all = append(all, bytes.ReplaceAll(prebuilt(t, name), []byte("confidence"), fmt.Appendf(nil, "confiden%02d", i)))
	}
	return all
}

// BenchmarkLoadFifty loads them when they were compiled before.
func BenchmarkLoadFifty(b *testing.B) {
	cache := filepath.Join(b.TempDir(), "cache")
	all := fifty(b)
	b.Logf("cold: %v", loadAll(b, cache, all))
	for b.Loop() {
		loadAll(b, cache, all)
	}
}

func loadAll(t testing.TB, cache string, all [][]byte) time.Duration {
	t.Helper()
	begin := time.Now()
	h, err := wasm.NewHost(t.Context(), wasm.HostConfig{Cache: cache, Stock: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	configs := make([]wasm.Config, len(all))
	for i := range all {
		configs[i].Module = all[i]
	}
	for i, err := range h.LoadAll(t.Context(), configs) {
		if err != nil {
			t.Fatal(i, err)
		}
	}
	return time.Since(begin)
}
