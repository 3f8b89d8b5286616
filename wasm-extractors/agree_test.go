package wasmextractors_test

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/wasm"
)

var walletModules = []string{"wallets-go", "wallets-c", "wallets-rust", "wallets-assemblyscript"}

// The four modules are one program in four languages: they find the same in texts
// of addresses that were cut, joined, shouted and mistyped.
func TestWalletsAgree(t *testing.T) {
	modules := []*wasm.Extractor{}
	for _, name := range walletModules {
		modules = append(modules, load(t, read(t, name, name+".wasm"), nil))
	}
	words := addresses(t)
	random := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 20 {
		parts := textParts(mangled(random, words), mangled(random, words))
		want := run(t, modules[0], parts)
		found += len(want)
		for i, x := range modules[1:] {
			if diff := gocmp.Diff(want, run(t, x, parts)); diff != "" {
				t.Fatalf("%s (-want, +got: %s):\n%s", walletModules[0], walletModules[i+1], diff)
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d findings: the texts test nothing", found)
	}
}

// A module that is told which coins to look for finds those.
func TestWalletsLookForTheCoinsTheyAreTold(t *testing.T) {
	for _, name := range walletModules {
		t.Run(name, func(t *testing.T) {
			x := load(t, read(t, name, name+".wasm"), []byte(`{"coins":["doge","xmr"]}`))
			types := map[string]int{}
			for _, f := range run(t, x, textParts(strings.Join(addresses(t), "\n"))) {
				types[f.Type]++
			}
			if diff := gocmp.Diff(map[string]int{"doge": 2, "xmr": 3}, types); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// addresses are the words of the two mails that hold one of each kind: right ones,
// and wrong ones.
func addresses(t *testing.T) []string {
	t.Helper()
	var words []string
	for _, name := range []string{"04-every-kind.eml", "05-near-misses.eml"} {
		_, body, _ := strings.Cut(string(read(t, filepath.Join("wallets", "testdata", "mails", name))), "\n\n")
		for _, word := range strings.Fields(body) {
			if len(word) > 25 {
				words = append(words, word)
			}
		}
	}
	return words
}

// mangled makes a text of words, most of them changed in one way.
func mangled(random *rand.Rand, words []string) string {
	const letters = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyzlIO"
	between := []string{" ", "\n", ", ", ".", "é", "", "bitcoincash:", "BitcoinCash:", "https://x.example/", "x", "0", "_", "😀"}
	var b strings.Builder
	for range 200 {
		word := words[random.IntN(len(words))]
		at := random.IntN(len(word))
		switch random.IntN(8) {
		case 0:
			word = strings.ToUpper(word)
		case 1:
			word = strings.ToLower(word)
		case 2:
			word = word[:at] + letters[random.IntN(len(letters)):][:1] + word[at+1:]
		case 3:
			word = word[:at]
		case 4:
			word += word
		}
		b.WriteString(word + between[random.IntN(len(between))])
	}
	return b.String()
}

func textParts(texts ...string) []engine.InputPart {
	var parts []engine.InputPart
	for _, text := range texts {
		parts = append(parts, engine.InputPart{PartInfo: engine.PartInfo{ID: engine.PartText, Kind: "text", MIME: "text/plain", Size: len(text)}, Text: text})
	}
	return parts
}

// Whatever bytes a page, a table or a text has, no module fails.
func FuzzModules(f *testing.F) {
	var modules []*wasm.Extractor
	for _, name := range []string{"phishkit", "ticket", "wallets-c", "wallets-rust", "wallets-assemblyscript"} {
		modules = append(modules, load(f, read(f, name, name+".wasm"), nil))
	}
	for _, s := range suites {
		mails, err := filepath.Glob(filepath.Join(s.data, "mails", "*.eml"))
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range mails {
			f.Add(read(f, path))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		text := strings.ToValidUTF8(string(data), "\ufffd")
		parts := append(textParts(text), engine.InputPart{
			PartInfo: engine.PartInfo{ID: "2", Kind: "raw", MIME: "text/html", Name: "a.html", Size: len(data)},
			Content:  engine.Bytes(data),
		})
		for _, x := range modules {
			_, err := x.Run(t.Context(), engine.Input{MessageID: "test", Parts: parts})
			if err != nil && !leftOut(err) {
				t.Errorf("%s: %v", x.Info().Name, err)
			}
		}
	})
}

// leftOut says that the host took all but some values: what is written like a URL
// need not be one.
func leftOut(err error) bool {
	var own *wasm.Error
	return errors.As(err, &own) && strings.HasPrefix(own.Detail, "left out: ")
}
