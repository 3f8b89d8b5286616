package wasmextractors_test

import (
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Texts without an address, which is what most mails are: prose, and the long words
// of encoded data.
var plainTexts = map[string]string{
	"prose":   strings.Repeat("The quick brown fox jumps over the lazy dog, and then asks for Bitcoin at once.\n", 1<<20/81),
	"encoded": strings.Repeat("iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4/8/w38GIAXDIBKE0\n", 1<<20/78),
}

func BenchmarkWallets(b *testing.B) {
	for _, name := range walletModules {
		x := load(b, read(b, name, name+".wasm"), nil)
		for kind, text := range plainTexts {
			b.Run(name+"/"+kind, func(b *testing.B) {
				in := engine.Input{MessageID: "bench", Parts: textParts(text)}
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					if _, err := x.Run(b.Context(), in); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
