package meter_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/tqmailrules/tqmailrules/engine/wasm/meter"
)

// small keeps the compiler quick on what the fuzzer makes up.
var small = meter.Limits{Bytes: 64 << 10, Code: 8 << 10, Locals: 500, Nesting: 100, Branches: 300, Values: 20}

// seeds are the modules of this package, and the hostile ones beside it.
func seeds(f *testing.F) {
	for _, pattern := range []string{"testdata/*.wasm", "testdata/scan/*.wasm", "../testdata/hostile/*.wasm"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			wasm, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(wasm, uint32(0), byte(0))
			f.Add(wasm, uint32(len(wasm)/2), byte(1))
		}
	}
	f.Add(sample(), uint32(0), byte(0))
}

// FuzzRewrite changes one byte at a place, of what the fuzzer has already made of a
// module. Whatever comes of it, Rewrite does not panic, gives the same bytes twice,
// and what it accepts compiles when, and only when, the original does.
func FuzzRewrite(f *testing.F) {
	seeds(f)
	ctx := context.Background()
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	f.Cleanup(func() { _ = runtime.Close(ctx) })
	compiles := func(wasm []byte) error {
		compiled, err := runtime.CompileModule(ctx, wasm)
		if err == nil {
			_ = compiled.Close(ctx)
		}
		return err
	}
	f.Fuzz(func(t *testing.T, wasm []byte, at uint32, change byte) {
		wasm = bytes.Clone(wasm)
		if len(wasm) > 0 {
			wasm[int(at)%len(wasm)] ^= change
		}
		out, err := meter.Rewrite(wasm, small)
		if err != nil {
			return
		}
		again, err := meter.Rewrite(wasm, small)
		if err != nil || !bytes.Equal(out, again) {
			t.Fatal("another result for the same bytes", err)
		}
		before, after := compiles(wasm), compiles(out)
		if before != nil && strings.Contains(before.Error(), "custom section") {
			return // wazero minds a broken name section, which 7.4.1 says no one should
		}
		if (before == nil) != (after == nil) {
			t.Fatalf("the original: %v; rewritten: %v", before, after)
		}
	})
}

// FuzzAppendCustom packs a section and reads it back.
func FuzzAppendCustom(f *testing.F) {
	f.Add(sample(), []byte("data"))
	f.Fuzz(func(t *testing.T, wasm, data []byte) {
		out, err := meter.AppendCustom(wasm, "it", data)
		if err != nil {
			return
		}
		again, err := meter.AppendCustom(out, "it", data)
		if err != nil || !bytes.Equal(out, again) {
			t.Fatal("another result when packed twice", err)
		}
		info, err := meter.Inspect(out, meter.Limits{})
		if err != nil {
			return
		}
		if last := info.Customs[len(info.Customs)-1]; last.Name != "it" || !bytes.Equal(last.Data, data) {
			t.Fatalf("packed %x, read %x", data, last.Data)
		}
	})
}
