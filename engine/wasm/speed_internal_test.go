package wasm

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/tqmailrules/tqmailrules/engine"
)

// wallets are the builds of one extractor in several languages.
func wallets(t testing.TB) map[string][]byte {
	t.Helper()
	found, _ := filepath.Glob("../../wasm-extractors/wallets-*/*.wasm")
	all := map[string][]byte{}
	for _, path := range found {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimPrefix(filepath.Base(filepath.Dir(path)), "wallets-")] = data
	}
	if len(all) == 0 {
		t.Fatal("no wallets-*/*.wasm")
	}
	return all
}

// texts are the mails of TQ_CORPUS as they are, or, without one, a few texts with
// and without addresses.
func texts(t testing.TB) (all []string, bytes int) {
	t.Helper()
	if dir := os.Getenv("TQ_CORPUS"); dir != "" {
		filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if data, readErr := os.ReadFile(p); readErr == nil && strings.HasSuffix(p, ".eml") {
				all = append(all, strings.ToValidUTF8(string(data), "?"))
			}
			return err
		})
	}
	for i := 0; len(all) < 50; i++ {
		all = append(all, strings.Repeat(fmt.Sprintf("Dear customer %d, please pay 1BoatSLRHtKNngkdXEeobR76b53LETtpyT until tomorrow. ", i), 400))
	}
	for _, s := range all {
		bytes += len(s)
	}
	return all, bytes
}

// bare runs a module as the host does, except for what is measured: without
// metering, or with wazero's own interruption in its place.
type bare struct {
	runtime wazero.Runtime
	code    wazero.CompiledModule
}

func newBare(t testing.TB, module []byte, interruptible bool) bare {
	t.Helper()
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2).WithCloseOnContextDone(interruptible))
	t.Cleanup(func() { r.Close(context.Background()) })
	if err := exportHostModules(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	code, err := r.CompileModule(t.Context(), module)
	if err != nil {
		t.Fatal(err)
	}
	return bare{r, code}
}

// extract returns what the module says of a frame, and how long its calls took,
// without the making of the instance.
func (b bare) extract(t testing.TB, x *Extractor, f frame) (string, time.Duration) {
	t.Helper()
	s := &session{limits: x.limits, journal: journal{left: x.limits.Log}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ctx = s.begin(ctx, 1<<60, time.Minute, time.Time{}, sha256.Sum256(nil))
	m, err := b.runtime.InstantiateModule(experimental.WithMemoryAllocator(ctx, x.compiled.on.memories), b.code, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(ctx)
	if init := m.ExportedFunction("_initialize"); init != nil {
		init.Call(ctx)
	}
	alloc, find := m.ExportedFunction("tqx_alloc"), m.ExportedFunction("tqx_extract")
	begin := time.Now()
	at, err := alloc.Call(ctx, uint64(f.size))
	if err != nil {
		t.Fatal(err)
	}
	memory, _ := m.Memory().Read(uint32(at[0]), uint32(f.size))
	f.copyTo(ctx, memory)
	packed, err := find.Call(ctx, at[0], uint64(f.size))
	took := time.Since(begin)
	if err != nil {
		t.Fatal(err)
	}
	out, _ := m.Memory().Read(uint32(packed[0]>>32), uint32(packed[0]))
	return string(out), took
}

// metered is the same over the rewritten module.
func metered(t testing.TB, x *Extractor) bare {
	t.Helper()
	return bare{x.compiled.on.Runtime, x.compiled.CompiledModule}
}

// inTurn runs a frame three times in each way, in turn, and takes the least of each.
func inTurn(t testing.TB, x *Extractor, ways []bare, f frame) (said [3]string, least [3]time.Duration) {
	for round := range 3 {
		for i, w := range ways {
			out, d := w.extract(t, x, f)
			if said[i] = out; round == 0 || d < least[i] {
				least[i] = d
			}
		}
	}
	return said, least
}

// TestMeteringIsCheapAndChangesNothing runs each build of the wallets extractor
// three ways, mail by mail in turn, so that a busy machine is busy for all of them.
func TestMeteringIsCheapAndChangesNothing(t *testing.T) {
	all, bytes := texts(t)
	if testing.Short() {
		all = all[:5]
	}
	h, err := NewHost(t.Context(), HostConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for language, module := range wallets(t) {
		t.Run(language, func(t *testing.T) {
			x, err := h.Load(t.Context(), Config{Module: module})
			if err != nil {
				t.Fatal(err)
			}
			ways := []bare{newBare(t, module, false), metered(t, x), newBare(t, module, true)}
			var took [3]time.Duration
			for _, s := range all {
				in := engine.Input{Parts: []engine.InputPart{{PartInfo: engine.PartInfo{ID: "t", Kind: "text"}, Text: s}}}
				parts, _ := x.handed(in)
				f, err := x.frame(in, parts, x.config)
				if err != nil {
					t.Fatal(err)
				}
				said, least := inTurn(t, x, ways, f)
				for i, d := range least {
					took[i] += d
				}
				if said[0] != said[1] || said[0] != said[2] {
					t.Errorf("metered %q, unmetered %q", said[1], said[0])
				}
			}
			overhead, gain := took[1].Seconds()/took[0].Seconds()-1, took[2].Seconds()/took[1].Seconds()
			t.Logf("%.1f MB: unmetered %.0f MB/s, metered %.0f MB/s (%+.1f %%), wazero's interruption %.0f MB/s (metered is %.1f times as fast)", float64(bytes)/1e6,
				float64(bytes)/1e6/took[0].Seconds(), float64(bytes)/1e6/took[1].Seconds(), 100*overhead, float64(bytes)/1e6/took[2].Seconds(), gain)
			if overhead > 1 || gain < 1.5 {
				t.Errorf("metering costs %.0f %% and is %.1f times as fast as wazero's interruption", 100*overhead, gain)
			}
		})
	}
}

// BenchmarkEmptyCall is a call of a metered function that does nothing.
func BenchmarkEmptyCall(b *testing.B) {
	data, err := os.ReadFile("testdata/describes.wasm")
	if err != nil {
		b.Fatal(err)
	}
	h, err := NewHost(b.Context(), HostConfig{})
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	x, err := h.Load(b.Context(), Config{Module: data})
	if err != nil {
		b.Fatal(err)
	}
	i, err := x.fresh(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer i.close()
	ctx := i.begin(b.Context(), 1<<60, time.Hour, time.Time{}, sha256.Sum256(nil))
	call, stack := i.module.ExportedFunction("tqx_extract"), make([]uint64, 2)
	for b.Loop() {
		if err := call.CallWithStack(ctx, stack); err != nil {
			b.Fatal(err)
		}
	}
}
