package meter_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/tetratelabs/wazero"

	"github.com/tqmailrules/tqmailrules/engine/wasm/meter"
)

// sample has a bit of everything that Info tells.
func sample() []byte {
	return module(
		section(0, name("before"), []byte("x")),
		section(1, list([]byte{0x60, 2, 0x7f, 0x7e, 1, 0x7d}, []byte{0x60, 0, 0})),
		section(2, list(slices.Concat(name("env"), name("f"), []byte{0, 0}))),
		section(3, list(u32(1))),
		section(4, list([]byte{0x70, 0, 5}, []byte{0x6f, 1, 7, 9})),
		section(5, list([]byte{1, 2, 3})),
		section(7, list([]byte{1, 'a', 0, 0}, []byte{1, 'b', 0, 1}, []byte{1, 'm', 2, 0}, []byte{1, 't', 1, 1})),
		section(8, u32(1)),
		section(10, list(entry())),
		section(11, list([]byte{0, 0x41, 0, 0x0b, 2, 'h', 'i'})),
		section(0, name("after"), []byte("yz")),
	)
}

func TestInspectTellsWhatStandsInAModule(t *testing.T) {
	got, err := meter.Inspect(sample(), meter.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	f := meter.Signature{Params: []meter.ValueType{meter.I32, meter.I64}, Results: []meter.ValueType{meter.F32}}
	want := &meter.Info{
		Imports: []meter.Import{{Module: "env", Name: "f", Kind: meter.KindFunction, Type: f}},
		Exports: []meter.Export{
			{Name: "a", Kind: meter.KindFunction, Type: f},
			{Name: "b", Kind: meter.KindFunction},
			{Name: "m", Kind: meter.KindMemory},
			{Name: "t", Kind: meter.KindTable},
		},
		Customs:   []meter.Custom{{Name: "before", Data: []byte("x")}, {Name: "after", Data: []byte("yz")}},
		Functions: 1, MemoryMin: 2, MemoryMax: 3, Tables: 2, TableMin: 12, Start: true, CodeBytes: 4, DataBytes: 8,
	}
	ignored := cmpopts.IgnoreUnexported(meter.Import{}, meter.Export{})
	if diff := cmp.Diff(want, got, ignored, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestInspectReportsWhatRewriteRefuses(t *testing.T) {
	wasm := module(section(2, list(slices.Concat(name("env"), name("m"), []byte{2, 0, 1}))),
		section(7, list(append(name("tqx.fuel"), 2, 0))))
	info, err := meter.Inspect(wasm, meter.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if info.Imports[0].Kind != meter.KindMemory || info.Exports[0].Name != "tqx.fuel" || info.MemoryMin != -1 {
		t.Errorf("%+v", info)
	}
}

func TestNames(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{meter.Signature{}.String(), "() -> ()"},
		{meter.Signature{
			Params:  []meter.ValueType{meter.I32, meter.I64, meter.F32, meter.F64},
			Results: []meter.ValueType{meter.V128, meter.FuncRef, meter.ExternRef},
		}.String(), "(i32, i64, f32, f64) -> (v128, funcref, externref)"},
		{meter.ValueType(0).String(), "unknown"},
		{meter.KindFunction.String(), "function"},
		{meter.KindGlobal.String(), "global"},
		{meter.Kind(4).String(), "unknown"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}

func TestMemoryAndTablesHaveAMaximum(t *testing.T) {
	for _, test := range []struct {
		name               string
		memory, tables     []byte
		pages, entries     int
		wantMax, wantTable int
	}{
		{"none", []byte{0, 1}, []byte{0x70, 0, 2}, 4, 10, 4, 10},
		{"larger", []byte{1, 1, 9}, []byte{0x70, 1, 2, 20}, 4, 10, 4, 10},
		{"smaller", []byte{1, 1, 2}, []byte{0x70, 1, 2, 3}, 4, 10, 2, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			limits := meter.Limits{Pages: test.pages, TableEntries: test.entries}
			out, err := meter.Rewrite(module(section(4, list(test.tables)), section(5, list(test.memory))), limits)
			if err != nil {
				t.Fatal(err)
			}
			info, err := meter.Inspect(out, limits)
			if err != nil || info.MemoryMax != test.wantMax {
				t.Errorf("%d pages, want %d: %v", info.MemoryMax, test.wantMax, err)
			}
			want := section(4, list([]byte{0x70, 1, 2, byte(test.wantTable)}))
			if !bytes.Contains(out, want) {
				t.Errorf("no table of at most %d entries in %x", test.wantTable, out)
			}
		})
	}
}

func TestTablesShareTheCap(t *testing.T) {
	tables := section(4, list([]byte{0x70, 0, 2}, []byte{0x6f, 0, 0}))
	out, err := meter.Rewrite(module(tables), meter.Limits{TableEntries: 10})
	if err != nil {
		t.Fatal(err)
	}
	if want := section(4, list([]byte{0x70, 1, 2, 6}, []byte{0x6f, 1, 0, 4})); !bytes.Contains(out, want) {
		t.Errorf("want the maxima 6 and 4 in %x", out)
	}
}

// trapping has a function 0 that is named and traps.
func trapping(names ...[]byte) []byte {
	return module(voidType, oneVoid, section(7, list([]byte{1, 'f', 0, 0})), section(10, list(entry(0x00))),
		section(0, slices.Concat(name("name"), slices.Concat(names...))))
}

func TestStackTracesNameFunctions(t *testing.T) {
	named := func(content ...[]byte) []byte { return append([]byte{1}, sized(content...)...) }
	for _, test := range []struct {
		name    string
		section []byte
		want    bool
	}{
		{"named", named(list(append(u32(0), name("culprit")...))), true},
		{"after another subsection", append([]byte{0, 2, 1, 'm'}, named(list(append(u32(0), name("culprit")...)))...), true},
		{"cut off", named(list(append(u32(0), name("culprit")...)))[:8], false},
		{"of no function", named(list(append(u32(0), name("culprit")...), append(u32(1), name("x")...))), false},
		{"not UTF-8", named(list(append(u32(0), name("culprit\xff")...))), false},
		{"twice", named(list(append(u32(0), name("culprit")...), append(u32(0), name("culprit")...))), false},
		{"with a rest", named(list(append(u32(0), name("culprit")...)), []byte{0}), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := instantiate(t, rewrite(t, trapping(test.section)), true, &host{quantum: plenty})
			_, err := in.call(plenty, "f")
			if err == nil || strings.Contains(err.Error(), "culprit") != test.want {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAppendCustomReplacesOneSection(t *testing.T) {
	other := section(0, name("other"), []byte("stays"))
	for _, test := range []struct {
		name       string
		wasm, want []byte
	}{
		{"added", module(voidType), module(voidType, section(0, name("it"), []byte("new")))},
		{"replaced", module(section(0, name("it"), []byte("old")), voidType, other), module(voidType, other, section(0, name("it"), []byte("new")))},
		{"replaced twice", module(section(0, name("it")), section(0, name("it"))), module(section(0, name("it"), []byte("new")))},
		{"beside one that is broken", module(section(0, []byte{9})), module(section(0, []byte{9}), section(0, name("it"), []byte("new")))},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := meter.AppendCustom(test.wasm, "it", []byte("new"))
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Error(err, diff)
			}
		})
	}
	for _, broken := range [][]byte{nil, []byte("no module"), append(module(), 1, 9)} {
		if _, err := meter.AppendCustom(broken, "it", nil); err == nil {
			t.Errorf("%x was taken", broken)
		}
	}
}

// TestVectorsAreDecoded runs over every SIMD instruction of WebAssembly 2.0: with
// its immediates misread, what follows would not compile.
func TestVectorsAreDecoded(t *testing.T) {
	ctx := context.Background()
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer runtime.Close(ctx)
	taken := 0
	for number := range 256 {
		for _, immediates := range [][]byte{nil, {0}, {0, 0}, {0, 0, 0}, make([]byte, 16)} {
			// After unreachable any operands are there; 0x0f is return.
			instruction := slices.Concat([]byte{0x00, 0xfd}, u32(number), immediates, []byte{0x0f})
			wasm := code(instruction...)
			if _, err := runtime.CompileModule(ctx, wasm); err != nil {
				continue
			}
			taken++
			if _, err := runtime.CompileModule(ctx, rewrite(t, wasm)); err != nil {
				t.Errorf("0xfd %d: %v", number, err)
			}
		}
	}
	if taken < 236 {
		t.Errorf("%d instructions were tried, there are 236", taken)
	}
}
