package meter_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tqmailrules/tqmailrules/engine/wasm/meter"
)

// minus1 is what memory.grow and table.grow answer when they refuse.
const minus1 = 1<<32 - 1

// steps are calls of testdata/steps.wat, whose comments say where the numbers come
// from.
var steps = []struct {
	function string
	args     []uint64
	want     []uint64
	fuel     int64
	traps    bool
}{
	{function: "nothing", fuel: 0},
	{function: "nops", fuel: 0},
	{function: "straight", want: []uint64{3}, fuel: 3},
	{function: "branches", args: []uint64{1}, want: []uint64{10}, fuel: 4},
	{function: "branches", args: []uint64{0}, want: []uint64{20}, fuel: 4},
	{function: "early", args: []uint64{1}, want: []uint64{1}, fuel: 5},
	{function: "early", args: []uint64{0}, want: []uint64{0}, fuel: 5},
	{function: "loop", args: []uint64{1}, want: []uint64{1}, fuel: 1 + 7},
	{function: "loop", args: []uint64{1000}, want: []uint64{1000}, fuel: 1 + 7*1000},
	{function: "nested", args: []uint64{3, 5}, want: []uint64{15}, fuel: 1 + 3*(9+5*11)},
	{function: "table", args: []uint64{4}, want: []uint64{4}, fuel: 1 + 5*9},
	{function: "leaves by return", args: []uint64{4}, want: []uint64{4}, fuel: 1 + 5*11},
	{function: "two results", args: []uint64{4}, want: []uint64{4, 7}, fuel: 2 + 4*11},
	{function: "takes operands", args: []uint64{4}, want: []uint64{0}, fuel: 1 + 4*5},
	{function: "operands below", args: []uint64{4}, want: []uint64{1004}, fuel: 2 + 4*8},
	{function: "calls", args: []uint64{4}, want: []uint64{16}, fuel: 3 + 2*3},
	{function: "calls in a loop", args: []uint64{4}, want: []uint64{4}, fuel: 1 + 4*(10+3)},
	{function: "loops between calls", args: []uint64{4}, want: []uint64{5}, fuel: 4 + (1 + 7*4) + (1 + 7*5)},
	{function: "loop, call, loop", args: []uint64{4}, want: []uint64{4}, fuel: 4 + 7*4 + 3 + 7*4},
	{function: "indirect", args: []uint64{4, 0}, want: []uint64{8}, fuel: 3 + 3},
	{function: "indirect", args: []uint64{4, 2}, want: []uint64{12}, fuel: 3 + 3},
	{function: "indirect", args: []uint64{4, 7}, fuel: 3, traps: true},
	{function: "reference", want: []uint64{15}, fuel: 6 + 3},
	{function: "reference in code", want: []uint64{10}, fuel: 6 + 3},
	{function: "fib", args: []uint64{10}, want: []uint64{55}, fuel: 177 * 14},
	{function: "fill", args: []uint64{0}, fuel: 4},
	{function: "fill", args: []uint64{1}, fuel: 4 + 1},
	{function: "fill", args: []uint64{8}, fuel: 4 + 1},
	{function: "fill", args: []uint64{9}, fuel: 4 + 2},
	{function: "fill", args: []uint64{minus1}, fuel: 4 + 1<<29, traps: true},
	{function: "copy", args: []uint64{16}, fuel: 4 + 2},
	{function: "copy", args: []uint64{minus1}, fuel: 4 + 1<<29, traps: true},
	{function: "init", args: []uint64{32}, fuel: 4 + 4},
	{function: "init", args: []uint64{minus1}, fuel: 4 + 1<<29, traps: true},
	{function: "grow", args: []uint64{0}, want: []uint64{1}, fuel: 2},
	{function: "grow", args: []uint64{2}, want: []uint64{1}, fuel: 2 + 2*8192},
	{function: "grow", args: []uint64{minus1}, want: []uint64{minus1}, fuel: 2 + minus1*8192},
	{function: "table fill", args: []uint64{3}, fuel: 4 + 3},
	{function: "table fill", args: []uint64{minus1}, fuel: 4 + minus1, traps: true},
	{function: "table copy", args: []uint64{3}, fuel: 4 + 3},
	{function: "table copy", args: []uint64{minus1}, fuel: 4 + minus1, traps: true},
	{function: "table init", args: []uint64{2}, fuel: 4 + 2},
	{function: "table init", args: []uint64{minus1}, fuel: 4 + minus1, traps: true},
	{function: "table grow", args: []uint64{3}, want: []uint64{1}, fuel: 3 + 3},
	{function: "table grow", args: []uint64{minus1}, want: []uint64{minus1}, fuel: 3 + minus1},
	{function: "fills in a loop", args: []uint64{4}, want: []uint64{4}, fuel: 1 + 4*(11+2)},
	{function: "fill beside a loop", args: []uint64{9}, want: []uint64{9}, fuel: 5 + 7*9 + 2},
	{function: "long detour", args: []uint64{0}, want: []uint64{0}, fuel: 3},
	{function: "long detour", args: []uint64{1}, want: []uint64{5}, fuel: 3 + 16},
	{function: "short detour", args: []uint64{0}, want: []uint64{0}, fuel: 3 + 14},
	{function: "short detour", args: []uint64{1}, want: []uint64{4}, fuel: 3 + 14},
	{function: "detour in a loop", args: []uint64{2}, want: []uint64{2}, fuel: 1 + 2*11},
	{function: "detour in a loop", args: []uint64{4}, want: []uint64{4}, fuel: 1 + 4*11 + 16},
	{function: "dead code", args: []uint64{4}, want: []uint64{4}, fuel: 5},
}

func TestFuelIsWhatWasCountedByHand(t *testing.T) {
	wasm := rewrite(t, read(t, "steps.wasm"))
	for _, quantum := range []int64{0, 1, 10, 1000, plenty} {
		for _, step := range steps {
			t.Run(fmt.Sprint(step.function, step.args, " in quanta of ", quantum), func(t *testing.T) {
				in := instantiate(t, wasm, true, &host{quantum: quantum})
				results, err := in.call(plenty, step.function, step.args...)
				if (err != nil) != step.traps {
					t.Fatal(err)
				}
				if diff := cmp.Diff(step.want, results, cmpopts.EquateEmpty()); diff != "" && !step.traps {
					t.Error(diff)
				}
				if in.host.used != step.fuel {
					t.Errorf("used %d, want %d", in.host.used, step.fuel)
				}
			})
		}
	}
}

func TestRewrittenCodeGivesTheSameResults(t *testing.T) {
	wasm := read(t, "steps.wasm")
	for _, step := range steps {
		t.Run(fmt.Sprint(step.function, step.args), func(t *testing.T) {
			in := instantiate(t, wasm, false, &host{})
			results, err := in.call(plenty, step.function, step.args...)
			if (err != nil) != step.traps {
				t.Fatal(err)
			}
			if diff := cmp.Diff(step.want, results, cmpopts.EquateEmpty()); diff != "" && !step.traps {
				t.Error(diff)
			}
		})
	}
}

func TestRewriteTwiceGivesTheSameBytes(t *testing.T) {
	wasm := read(t, "steps.wasm")
	if diff := cmp.Diff(rewrite(t, wasm), rewrite(t, wasm)); diff != "" {
		t.Error(diff)
	}
}

func TestRefusedGrowthIsCounted(t *testing.T) {
	in := instantiate(t, rewrite(t, read(t, "steps.wasm")), true, &host{quantum: plenty})
	for want, pages := range []uint64{minus1, 100, 4} {
		if _, err := in.call(plenty, "grow", pages); err != nil {
			t.Fatal(err)
		}
		if got := in.global(meter.Refused).Get(); got != uint64(want)+1 {
			t.Errorf("counted %d, want %d", got, want+1)
		}
	}
	if _, err := in.call(plenty, "grow", 3); err != nil || in.global(meter.Refused).Get() != 3 {
		t.Error("growth that was possible was counted", err)
	}
}

// TestOutlineSaysWhatInspectSays, of modules that are good.
func TestOutlineSaysWhatInspectSays(t *testing.T) {
	files, _ := filepath.Glob("../../../wasm-extractors/*/*.wasm")
	if len(files) == 0 {
		t.Fatal("no modules")
	}
	for _, file := range files {
		wasm, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := meter.Inspect(wasm, meter.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := meter.Outline(wasm, meter.Limits{})
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(meter.Import{}, meter.Export{})); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", file, err, diff)
		}
	}
}
