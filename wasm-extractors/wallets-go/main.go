// Package main is an extractor module that finds cryptocurrency addresses. The
// grammar of each is in ../wallets/README.md, which wallets-c, wallets-rust and
// wallets-assemblyscript follow, too.
package main

import (
	"slices"

	tqx "github.com/tqmailrules/tqmailrules/wasm-extractors/sdk/go"
)

func init() { tqx.Extract(find) }

func main() {} // never called; -buildmode=c-shared wants it

// address is one that was recognised.
type address struct {
	coin, kind string
	value      string // as it is compared with others
	start      int    // of the text, where it is not the word's own start
	confidence int    // sure or unchecked
}

// How far an address can be trusted to be one.
const (
	sure      = 95 // its checksum is right
	unchecked = 50 // it has no checksum
)

func find(in *tqx.Input, out *tqx.Output) {
	coins := in.ConfigStrings("coins")
	for i := range in.Parts {
		text := in.Parts[i].Data
		for start, end := range longWords(text) {
			a, ok := identify(text, start, end)
			if !ok || coins != nil && !slices.Contains(coins, a.coin) {
				continue
			}
			out.Add(tqx.Indicator{
				Type: a.coin, Value: a.value, Part: i, Start: a.start, End: end,
				Confidence: a.confidence, Attributes: map[string]string{"kind": a.kind},
			})
		}
	}
}

// identify tells by its beginning and its length what a word may be, and
// verifies that.
func identify(text []byte, start, end int) (address, bool) {
	word := text[start:end]
	a := address{start: start, confidence: sure}
	ok := false
	switch n := len(word); word[0] {
	case '1', '3', '7', '9', 'A', 'D', 'L', 'M', 'T', 'X', 'r':
		if n <= maxBase58Check {
			ok = a.base58Check(word)
			break
		}
		ok = a.segwit(word) // LTC1...
	case 'b', 'B', 'l':
		ok = a.segwit(word)
	case 'q', 'p', 'Q', 'P':
		ok = a.cashAddr(text, start, end)
	case '0':
		ok = n == 42 && a.ethereum(word)
	case '4', '8':
		ok = (n == 95 || n == 106) && a.monero(word)
	}
	return a, ok
}
