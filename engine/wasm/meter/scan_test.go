package meter_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/wasm/meter"
)

// languages are the compilers whose output is committed in testdata/scan.
var languages = []string{"c", "rust", "as"}

// mail is text of about n bytes with an address now and then.
func mail(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for b.Len() < n {
		for range 12 {
			fmt.Fprintf(&b, "%.*s ", 1+random.IntN(9), "wordwordw")
		}
		if random.IntN(20) == 0 {
			fmt.Fprintf(&b, "1BoatSLRHtKNngkdXEeobR76b53LETtpyT 0x%040x", random.Uint64())
		}
		b.WriteString("\r\n")
	}
	return b.Bytes()
}

// scan puts a text into the memory and calls scan.
func scan(t testing.TB, in *instance, text []byte) uint64 {
	t.Helper()
	at, err := in.call(plenty, "alloc", uint64(len(text)))
	if err != nil || !in.Memory().Write(uint32(at[0]), text) {
		t.Fatal("no memory", err)
	}
	sum, err := in.call(plenty, "scan", at[0], uint64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	return sum[0]
}

// goScan builds testdata/scan/scan.go.
func goScan(t testing.TB) []byte {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: builds a Go program, and -short is set")
	}
	out := filepath.Join(t.TempDir(), "go.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", out, ".")
	build.Dir = filepath.Join("testdata", "scan")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=", "GOWORK=off")
	if message, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, message)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

func TestRealModulesGiveTheSameResults(t *testing.T) {
	text := mail(100_000)
	want := scan(t, instantiate(t, read(t, "scan/c.wasm"), false, &host{}), text)
	check := func(t *testing.T, wasm []byte) {
		plain := scan(t, instantiate(t, wasm, false, &host{}), text)
		if plain != want {
			t.Errorf("the original says %d, in C it is %d", plain, want)
		}
		var used int64
		for _, quantum := range []int64{1000, 1 << 40} {
			in := instantiate(t, rewrite(t, wasm), true, &host{quantum: quantum})
			if got := scan(t, in, text); got != plain {
				t.Errorf("in quanta of %d it says %d, the original %d", quantum, got, plain)
			}
			if used != 0 && in.host.used != used {
				t.Errorf("used %d and %d", used, in.host.used)
			}
			used = in.host.used
		}
		if used < int64(len(text)) {
			t.Errorf("used %d for %d bytes", used, len(text))
		}
	}
	for _, language := range languages {
		t.Run(language, func(t *testing.T) { check(t, read(t, "scan/"+language+".wasm")) })
	}
	t.Run("go", func(t *testing.T) { check(t, goScan(t)) })
}

func TestTextSourcesAreWhatIsCommitted(t *testing.T) {
	assembler := enginetest.Peer(t, "wat2wasm", "wabt")
	sources, err := filepath.Glob("testdata/*.wat")
	if err != nil || len(sources) == 0 {
		t.Fatal("no sources", err)
	}
	for _, source := range sources {
		out := filepath.Join(t.TempDir(), "out.wasm")
		if message, err := exec.Command(assembler, source, "-o", out).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, message)
		}
		got, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		committed := filepath.Base(source[:len(source)-len(".wat")]) + ".wasm"
		if !bytes.Equal(got, read(t, committed)) {
			t.Errorf("%s is not %s", committed, source)
		}
	}
}

// BenchmarkMetered compares a scan in four languages as it is, metered, and with
// the interruption that the compiler offers itself.
func BenchmarkMetered(b *testing.B) {
	text := mail(4 << 20)
	for _, language := range append(languages, "go") {
		var wasm []byte
		if language == "go" {
			wasm = goScan(b)
		} else {
			wasm = read(b, "scan/"+language+".wasm")
		}
		b.Run(language+"/off", func(b *testing.B) {
			benchmarkScan(b, instantiate(b, wasm, false, &host{}), text)
		})
		b.Run(language+"/metered", func(b *testing.B) {
			benchmarkScan(b, instantiate(b, rewrite(b, wasm), true, &host{quantum: 10_000_000}), text)
		})
		b.Run(language+"/ctxdone", func(b *testing.B) {
			config := wazero.NewRuntimeConfigCompiler().WithCloseOnContextDone(true)
			benchmarkScan(b, instantiateWith(b, config, wasm, false, &host{}), text)
		})
	}
}

func benchmarkScan(b *testing.B, in *instance, text []byte) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	scan(b, in, text)
	at, err := in.call(plenty, "alloc", uint64(len(text)))
	if err != nil || !in.Memory().Write(uint32(at[0]), text) {
		b.Fatal("no memory", err)
	}
	if in.metered {
		in.global(meter.Fuel).Set(uint64(in.host.quantum))
	}
	in.host.budget = 1 << 60
	f := in.ExportedFunction("scan")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := f.Call(ctx, at[0], uint64(len(text))); err != nil {
			b.Fatal(err)
		}
	}
}
