package wasm_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/wasm"
)

// hostile is one module of the suite and the kind of error it must end with; "ok"
// is for those that try something and get nothing for it.
type hostile struct {
	name, want string
	module     []byte
}

// hostileLimits are so little fuel that it ends long before the deadline, on a busy
// machine too.
var hostileLimits = wasm.Limits{Fuel: 50e6, Deadline: time.Minute}

// suite reads testdata/hostile and adds the modules that are too large to keep.
func suite(t testing.TB) (all []hostile) {
	t.Helper()
	sources, err := filepath.Glob("testdata/hostile/*.wat")
	if err != nil || len(sources) == 0 {
		t.Fatal("no hostile modules", err)
	}
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(strings.TrimSuffix(source, ".wat") + ".wasm")
		if err != nil {
			t.Fatal(err)
		}
		want := regexp.MustCompile(`(?m)^;; want: (\w+)`).FindSubmatch(text)
		if want == nil {
			t.Fatalf("%s does not say what it wants", source)
		}
		all = append(all, hostile{strings.TrimSuffix(filepath.Base(source), ".wat"), string(want[1]), describe(data)})
	}
	return append(all, generated()...)
}

// describe packs a description where a module can hold one.
func describe(module []byte) []byte {
	packed, err := wasm.Pack(module, []byte(described))
	if err != nil {
		return module
	}
	return packed
}

// generated are modules that are better written by a program.
func generated() []hostile {
	repeat := func(n int, s string) string { return strings.Repeat(s, n) }
	finding := `{"type":"string","value":"x","part":0},`
	return []hostile{
		{"empty", "refused", nil},
		{"header-only", "abi", []byte("\x00asm\x01\x00\x00\x00")},
		{"another-version", "refused", []byte("\x00asm\x02\x00\x00\x00")},
		{"component", "refused", []byte("\x00asm\x0d\x00\x01\x00")},
		{"zeros", "refused", make([]byte, 1<<20)},
		{"too-large", "refused", append([]byte("\x00asm\x01\x00\x00\x00"), make([]byte, 17<<20)...)},
		{"section-longer-than-the-file", "refused", []byte("\x00asm\x01\x00\x00\x00\x01\xff\xff\xff\xff\x0f")},
		{"four-billion-types", "refused", []byte("\x00asm\x01\x00\x00\x00\x01\x05\xff\xff\xff\xff\x0f")},
		{"four-billion-locals", "refused", assembleCode([]byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x42, 0, 0x0b})},
		{"locals-that-overflow", "refused", assembleCode([]byte{2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 2, 0x7f, 0x42, 0, 0x0b})},
		{"blocks-in-blocks", "refused", assembleCode(nested(100_000))},
		{"branch-tables", "refused", assembleCode(branchTables(1, 100_000))},
		{"branch-tables-beyond-the-cap", "refused", assembleCode(branchTables(60, 4000))},
		{"branch-tables-within-the-cap", "ok", assembleCode(branchTables(6, 4000))},
		{"locals-behind-ifs", "refused", assembleCode(reading(9990, 6900, 0x20, 0, 0x04, 0x40, 0x0b))},
		{"locals-behind-loops", "refused", assembleCode(reading(9990, 3400, 0x03, 0x40, 0x0b))},
		{"locals-behind-branches", "refused", assembleCode(reading(9990, 3400, 0x02, 0x40, 0x20, 0, 0x0d, 0, 0x0b))},
		{"locals-behind-ifs-within-the-cap", "ok", assembleCode(reading(390, 1500, 0x20, 0, 0x04, 0x40, 0x0b))},
		{"blocks-beside-each-other", "refused", assembleCode(reading(0, 300_000, 0x02, 0x40, 0x0b))},
		{"growths-beside-each-other", "refused", assembleCode(reading(0, 200_000, 0x41, 0, 0x40, 0, 0x1a))},
		{"growths-within-the-cap", "ok", assembleCode(reading(0, 1700, 0x41, 0, 0x40, 0, 0x1a))},
		{"fills-beside-each-other", "refused", assembleCode(reading(0, 100_000, 0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 0x0b, 0))},
		{"fills-within-the-cap", "ok", assembleCode(reading(0, 1700, 0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 0x0b, 0))},
		{"calls-beside-each-other", "refused", assembleCode(reading(0, 500_000, 0x10, 0))},
		{"calls-within-the-cap", "ok", assembleCode(reading(0, 49_000, 0x10, 0))},
		{"conversions-beside-each-other", "refused", assembleCode(reading(0, 200_000, 0x20, 0, 0xb2, 0xa8, 0x1a))},
		{"conversions-within-the-cap", "ok", assembleCode(reading(0, 12_000, 0x20, 0, 0xb2, 0xa8, 0x1a))},
		{"divisions-within-the-cap", "ok", assembleCode(reading(0, 19_000, 0x20, 0, 0x20, 1, 0x6d, 0x1a))},
		{"straight-code", "ok", assembleCode(straight(200_000))},
		{"code-beyond-the-cap", "refused", assembleCode(straight(600_000))},
		{"output-nested", "bad_output", describe(says(`{"notes":` + repeat(500_000, "[")))},
		{"output-indicators", "bad_output", describe(says(`{"indicators":[` + repeat(26_000, finding)[:26_000*len(finding)-1] + `]}`))},
		{"output-one-long-string", "bad_output", describe(says(`{"indicators":[{"type":"string","part":0,"value":"` + repeat(1_000_000, "x") + `"}]}`))},
		{"output-keys", "bad_output", describe(says(`{` + repeat(100_000, `"a":1,`) + `"b":1}`))},
		{"output-number", "bad_output", describe(says(`{"indicators":[{"type":"string","value":"x","part":` + repeat(1_000_000, "9") + `}]}`))},
	}
}

// assembleCode is a reactor whose tqx_extract has this body.
func assembleCode(body []byte) []byte {
	empty := []byte{0, 0x0b}
	alloc := append(append([]byte{0, 0x41}, sleb(1<<20)...), 0x0b)
	return describe(assemble([][]byte{empty, alloc, body}, 1024, ""))
}

// nested is n blocks inside each other.
func nested(n int) []byte {
	return slices.Concat([]byte{0}, bytes.Repeat([]byte{0x02, 0x40}, n), bytes.Repeat([]byte{0x0b}, n), []byte{0x42, 0, 0x0b})
}

// branchTables is n tables of so many targets, one behind the other, in 64 blocks.
func branchTables(n, targets int) []byte {
	one := slices.Concat(
		bytes.Repeat([]byte{0x02, 0x40}, 64),
		[]byte{0x20, 0, 0x0e}, binary.AppendUvarint(nil, uint64(targets)), bytes.Repeat([]byte{0, 7, 21, 63}, targets/4), []byte{0},
		bytes.Repeat([]byte{0x0b}, 64))
	return slices.Concat([]byte{0}, bytes.Repeat(one, n), []byte{0x42, 0, 0x0b})
}

// reading has so many locals, and reads them behind so many times the same code.
func reading(locals, times int, code ...byte) []byte {
	body := append(binary.AppendUvarint([]byte{1}, uint64(locals)), 0x7f)
	body = append(body, bytes.Repeat(code, times)...)
	for i := range locals {
		body = append(binary.AppendUvarint(append(body, 0x20), uint64(i)), 0x1a)
	}
	return append(body, 0x42, 0, 0x0b)
}

// straight is n additions.
func straight(n int) []byte {
	return slices.Concat([]byte{0, 0x20, 0}, bytes.Repeat([]byte{0x20, 1, 0x6a}, n), []byte{0x1a, 0x42, 0, 0x0b})
}

// attack loads a module and runs it once. It returns the kind of what it ended
// with, how long the call took, and how long loading did.
func attack(ctx context.Context, h *wasm.Host, m hostile, limits wasm.Limits) (kind string, took, loading time.Duration, err error) {
	begin := time.Now()
	x, err := h.Load(ctx, wasm.Config{Name: m.name, Module: m.module, Limits: limits})
	loading = time.Since(begin)
	if err == nil {
		defer x.Close()
		begin = time.Now()
		_, err = x.Run(ctx, text("a text without anything in it"))
		took = time.Since(begin)
	}
	var e *wasm.Error
	switch {
	case errors.As(err, &e):
		return string(e.Kind), took, loading, err
	case err != nil:
		return "untyped", took, loading, err
	}
	return "ok", took, loading, nil
}

func TestHostileModulesEndWithTheirError(t *testing.T) {
	all := suite(t)
	if len(all) < 60 {
		t.Errorf("%d modules, want at least 60", len(all))
	}
	h := newHost(t, wasm.HostConfig{})
	kinds := map[string]int{}
	var slowest, compiled time.Duration
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) {
			kind, took, loading, err := attack(t.Context(), h, m, hostileLimits)
			if kind != m.want {
				t.Errorf("%s (%v), want %s", kind, err, m.want)
			}
			kinds[kind]++
			slowest, compiled = max(slowest, took), max(compiled, loading)
		})
	}
	t.Logf("%d modules: %v; the slowest call took %v, the slowest load %v", len(all), kinds, slowest, compiled)
}

// TestDeadlineIsTheNetBehindTheFuel gives fuel for hours. What does not end by
// itself ends by the clock.
func TestDeadlineIsTheNetBehindTheFuel(t *testing.T) {
	h := newHost(t, wasm.HostConfig{})
	limits := wasm.Limits{Fuel: 1e12, Deadline: 100 * time.Millisecond}
	slowest, kinds := time.Duration(0), map[string]int{}
	for _, m := range suite(t) {
		if m.want != "fuel" {
			continue
		}
		kind, took, _, _ := attack(t.Context(), h, m, limits)
		kinds[kind]++
		if slowest = max(slowest, took); took > 20*limits.Deadline {
			t.Errorf("%s: took %v of %v", m.name, took, limits.Deadline)
		}
	}
	if kinds["timeout"] < 20 {
		t.Errorf("ended by %v, want timeouts", kinds)
	}
	t.Logf("deadline 100 ms: %v, the slowest call took %v", kinds, slowest)
}

// TestHostileChild is not a test of its own: TestHostileMemoryIsBounded runs it in
// a process for each module.
func TestHostileChild(t *testing.T) {
	name := os.Getenv("TQ_HOSTILE")
	if name == "" {
		t.Skip("runs in a process of its own")
	}
	for _, m := range suite(t) {
		if m.name == name {
			before := peak(t)
			kind, _, _, _ := attack(t.Context(), newHost(t, wasm.HostConfig{}), m, hostileLimits)
			fmt.Printf("peak %d %s\n", peak(t)-before, kind)
		}
	}
}

// peak is the most memory that this process has had, in bytes.
func peak(t testing.TB) int64 { return status(t, "VmHWM") }

func status(t testing.TB, field string) int64 {
	t.Helper()
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("needs /proc")
	}
	m := regexp.MustCompile(field + `:\s+(\d+) kB`).FindSubmatch(data)
	n, _ := strconv.ParseInt(string(m[1]), 10, 64)
	return n << 10
}

func TestHostileMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: a process for each module, and -short is set")
	}
	peak(t)
	const bound = 2*64<<20 + 32<<20
	most, worst := 0, ""
	for _, m := range suite(t) {
		cmd := exec.Command(os.Args[0], "-test.run=^TestHostileChild$", "-test.v")
		cmd.Env = append(os.Environ(), "TQ_HOSTILE="+m.name)
		out, err := cmd.Output()
		found := regexp.MustCompile(`peak (-?\d+) (\w+)`).FindSubmatch(out)
		if err != nil || found == nil {
			t.Errorf("%s: %v\n%s", m.name, err, out)
			continue
		}
		n, _ := strconv.Atoi(string(found[1]))
		if n > bound {
			t.Errorf("%s took %d MiB at its peak, %d are allowed", m.name, n>>20, bound>>20)
		}
		if n > most {
			most, worst = n, m.name
		}
	}
	t.Logf("the most memory: %d MiB, by %s", most>>20, worst)
}

// TestHostileRoundsLeaveNothingBehind runs the suite again and again.
func TestHostileRoundsLeaveNothingBehind(t *testing.T) {
	all := suite(t)
	rounds := 1000/len(all) + 1
	if testing.Short() {
		rounds = 2
	}
	h := newHost(t, wasm.HostConfig{})
	round := func() {
		for _, m := range all {
			attack(t.Context(), h, m, wasm.Limits{Fuel: 1e6, Deadline: time.Second})
		}
	}
	round()
	settle()
	goroutines, resident := runtime.NumGoroutine(), status(t, "VmRSS")
	for range rounds {
		round()
	}
	settle()
	grown := status(t, "VmRSS") - resident
	if now := runtime.NumGoroutine(); now > goroutines || grown > 48<<20 {
		t.Errorf("%d goroutines and %d MiB more after %d rounds", now-goroutines, grown>>20, rounds)
	}
	t.Logf("%d rounds of %d modules: %+d MiB", rounds, len(all), grown>>20)
}

func settle() {
	for range 3 {
		runtime.GC()
		debug.FreeOSMemory()
		time.Sleep(10 * time.Millisecond)
	}
}

// TestHostilePairsDoNotDisturbEachOther runs two at a time, beside an extractor
// that does its work.
func TestHostilePairsDoNotDisturbEachOther(t *testing.T) {
	all := suite(t)
	h := newHost(t, wasm.HostConfig{})
	good := load(t, h, wasm.Config{Module: module(t, "probe", described)})
	want, err := good.Extract(t.Context(), text("x"))
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var beside, pairs sync.WaitGroup
	beside.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if found, err := good.Extract(t.Context(), text("x")); err != nil || !cmp.Equal(want, found) {
				t.Errorf("the other extractor: %v, %v", found, err)
				return
			}
		}
	})
	next := make(chan hostile)
	for range 2 {
		pairs.Go(func() {
			for m := range next {
				if kind, _, _, err := attack(t.Context(), h, m, hostileLimits); kind != m.want {
					t.Errorf("%s: %s (%v), want %s", m.name, kind, err, m.want)
				}
			}
		})
	}
	for i := range all {
		next <- all[i]
		next <- all[len(all)-1-i]
	}
	close(next)
	pairs.Wait()
	close(stop)
	beside.Wait()
}

// TestHostileModulesLeaveTheOthersFindings puts hostile modules into the engine,
// beside an extractor that finds something.
func TestHostileModulesLeaveTheOthersFindings(t *testing.T) {
	h := newHost(t, wasm.HostConfig{})
	extractors := []engine.Extractor{enginetest.Words{Name: "words"}}
	defects := 0
	for _, m := range suite(t) {
		x, err := h.Load(t.Context(), wasm.Config{Name: m.name, Module: m.module, Limits: hostileLimits, Default: true})
		if err == nil {
			extractors = append(extractors, x)
			if m.want != "ok" {
				defects++
			}
		}
	}
	e, err := engine.NewProcessor(engine.Config{Parser: enginetest.Parser{}, Rules: enginetest.Rules{}, Extractors: extractors})
	if err != nil {
		t.Fatal(err)
	}
	out, err := e.Process(t.Context(), enginetest.Mail("1", "subject", "a text with ioc-1"))
	if err != nil {
		t.Fatal(err)
	}
	mine := slices.DeleteFunc(out.Items[0].Indicators, func(i *engine.Indicator) bool { return i.Extractor != "words" })
	if len(mine) != 1 || mine[0].Value != "ioc-1" || len(out.Defects) != defects || defects < 20 {
		t.Errorf("indicators %v; %d defects, want %d: %v", mine, len(out.Defects), defects, out.Defects)
	}
	for _, d := range out.Defects {
		if !strings.HasPrefix(d.Code, "extractor-") {
			t.Errorf("untyped defect %v", d)
		}
	}
}
