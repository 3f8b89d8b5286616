package meter_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/tqmailrules/tqmailrules/engine/wasm/meter"
)

// plenty is more fuel than any test uses.
const plenty = 1 << 50

var errOutOfFuel = errors.New("out of fuel")

// host answers Tick: it grants quanta until a budget is used up, and adds up what
// is used.
type host struct {
	quantum, budget int64
	granted, used   int64
	ticks           int
}

func (h *host) tick(_ context.Context, stack []uint64) {
	h.ticks++
	h.used += h.granted - int64(stack[0])
	if h.used > h.budget {
		panic(errOutOfFuel)
	}
	h.granted = h.quantum
	stack[0] = uint64(h.quantum)
}

// instance is a module at work.
type instance struct {
	api.Module
	host    *host
	metered bool
}

// instantiate compiles a module, as it is or rewritten, and runs its _initialize.
func instantiate(t testing.TB, wasm []byte, metered bool, h *host) *instance {
	t.Helper()
	return instantiateWith(t, wazero.NewRuntimeConfigCompiler(), wasm, metered, h)
}

func instantiateWith(t testing.TB, config wazero.RuntimeConfig, wasm []byte, metered bool, h *host) *instance {
	t.Helper()
	ctx := context.Background()
	runtime := wazero.NewRuntimeWithConfig(ctx, config)
	t.Cleanup(func() { _ = runtime.Close(ctx) })
	provide(t, runtime, h)
	module, err := runtime.InstantiateWithConfig(ctx, wasm, wazero.NewModuleConfig().WithStartFunctions())
	if err != nil {
		t.Fatal(err)
	}
	in := &instance{Module: module, host: h, metered: metered}
	if module.ExportedFunction("_initialize") != nil {
		if _, err := in.call(plenty, "_initialize"); err != nil {
			t.Fatal(err)
		}
	}
	return in
}

// provide instantiates what the test modules import.
func provide(t testing.TB, runtime wazero.Runtime, h *host) {
	t.Helper()
	ctx := context.Background()
	wasi_snapshot_preview1.MustInstantiate(ctx, runtime)
	_, err := runtime.NewHostModuleBuilder(meter.Module).NewFunctionBuilder().
		WithGoFunction(api.GoFunc(h.tick), []api.ValueType{api.ValueTypeI64}, []api.ValueType{api.ValueTypeI64}).
		Export(meter.Tick).Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = runtime.NewHostModuleBuilder("env").NewFunctionBuilder().
		WithFunc(func(n uint32) uint32 { return n + 1 }).Export("host").Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
}

// call runs a function with a budget of fuel and 8 MiB of stack.
func (in *instance) call(budget int64, function string, args ...uint64) ([]uint64, error) {
	if in.metered {
		*in.host = host{quantum: in.host.quantum, budget: budget, granted: in.host.quantum}
		in.global(meter.Fuel).Set(uint64(in.host.quantum))
		in.global(meter.Stack).Set(8 << 20)
	}
	results, err := in.ExportedFunction(function).Call(context.Background(), args...)
	if in.metered {
		in.host.used += in.host.granted - int64(in.global(meter.Fuel).Get())
	}
	return results, err
}

func (in *instance) global(name string) api.MutableGlobal {
	return in.ExportedGlobal(name).(api.MutableGlobal)
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	wasm, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

func rewrite(t testing.TB, wasm []byte) []byte {
	t.Helper()
	out, err := meter.Rewrite(wasm, meter.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
