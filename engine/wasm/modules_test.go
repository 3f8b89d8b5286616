package wasm_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/wasm"
)

// examples are the modules of wasm-extractors, by name.
func examples(t testing.TB) []string {
	t.Helper()
	found, _ := filepath.Glob("../../wasm-extractors/*/*.wasm")
	var names []string
	for _, path := range found {
		names = append(names, filepath.Base(filepath.Dir(path)))
	}
	if len(names) < 7 {
		t.Fatalf("example modules: %v, want seven", names)
	}
	return names
}

// mailbox is some texts, pages and attachments, made of the mails beside the
// example modules.
func mailbox(t testing.TB) (all []engine.Input) {
	t.Helper()
	mails, _ := filepath.Glob("../../wasm-extractors/*/testdata/mails/*.eml")
	for _, path := range mails {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s := strings.ToValidUTF8(string(data), "\uFFFD")
		part := func(id, kind, mime, name string) engine.PartInfo {
			return engine.PartInfo{ID: id, Kind: kind, MIME: mime, Name: name, Size: len(s)}
		}
		all = append(all, engine.Input{MessageID: path, Date: enginetest.Epoch, Parts: []engine.InputPart{
			{PartInfo: part(engine.PartText, "text", "text/plain", ""), Text: s},
			{PartInfo: part(engine.PartHTML, "html", "text/html", ""), Text: s, Page: &engine.Page{InnerText: s}},
			{PartInfo: part("2", "raw", "text/csv", "list.csv"), Content: engine.Bytes(data)},
		}})
	}
	if len(all) < 20 {
		t.Fatalf("%d mails", len(all))
	}
	return all
}

func TestExampleModulesKeepTheContract(t *testing.T) {
	h, all := newHost(t, wasm.HostConfig{}), mailbox(t)
	for _, name := range examples(t) {
		t.Run(name, func(t *testing.T) {
			enginetest.TestExtractor(t, load(t, h, wasm.Config{Module: prebuilt(t, name)}), all[:5])
		})
	}
}

// TestOutputIsTheSameInAnyOrderAndByAnyNumber runs every module over all mails, in
// order, then shuffled with four at a time.
func TestOutputIsTheSameInAnyOrderAndByAnyNumber(t *testing.T) {
	all := mailbox(t)
	names := examples(t)
	if testing.Short() {
		all, names = all[:5], names[len(names)-3:]
	}
	h := newHost(t, wasm.HostConfig{Stock: 2})
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			x := load(t, h, wasm.Config{Module: prebuilt(t, name)})
			want := said(t, x, all, 1, 1)
			for seed := range uint64(2) {
				if diff := cmp.Diff(want, said(t, x, all, 4, seed)); diff != "" {
					t.Errorf("one at a time (-), four at a time in another order (+):\n%s", diff)
				}
			}
		})
	}
}

// said is what a module gives for each mail, as bytes, fuel and memory included.
func said(t *testing.T, x *wasm.Extractor, all []engine.Input, workers int, seed uint64) map[string]string {
	t.Helper()
	shuffled := slices.Clone(all)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	work := make(chan engine.Input)
	out := map[string]string{}
	var mu sync.Mutex
	var done sync.WaitGroup
	for range workers {
		done.Go(func() {
			for in := range work {
				r, err := x.Run(t.Context(), in)
				text, jsonErr := json.Marshal(r)
				if jsonErr != nil {
					t.Error(jsonErr)
				}
				mu.Lock()
				out[in.MessageID] = fmt.Sprintf("%s %v", text, err)
				mu.Unlock()
			}
		})
	}
	for _, in := range shuffled {
		work <- in
	}
	close(work)
	done.Wait()
	return out
}
