package main

import (
	"bytes"
	"testing"
	"unicode"

	tqx "github.com/tqmailrules/tqmailrules/wasm-extractors/sdk/go"
)

// longWords finds the words that cutting a text at every other byte finds.
func FuzzLongWords(f *testing.F) {
	f.Add([]byte("to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa, or abcdefghijklmnopqrstuvwxyz"))
	f.Add([]byte("abcdefghijklmnopqrstuvwxy abcdefghijklmnopqrstuvwxyz0é"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var got, want []string
		for start, end := range longWords(text) {
			got = append(got, string(text[start:end]))
		}
		isGap := func(c rune) bool { return c >= 0x80 || !unicode.IsLetter(c) && !unicode.IsDigit(c) }
		for _, word := range bytes.FieldsFunc(text, isGap) {
			if len(word) >= minWord {
				want = append(want, string(word))
			}
		}
		if len(got) != len(want) {
			t.Fatalf("words %q, want %q", got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("word %d is %q, want %q", i, got[i], want[i])
			}
		}
	})
}

// Changing one character of an address leaves none.
func FuzzChecksums(f *testing.F) {
	for i, address := range []string{
		"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",
		"qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
		"44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
	} {
		f.Add(address, 5+i, byte('q'))
	}
	f.Fuzz(func(t *testing.T, address string, at int, c byte) {
		found := func(text string) int {
			out := &tqx.Output{}
			find(&tqx.Input{Parts: []tqx.Part{{Kind: "text", Data: []byte(text)}}}, out)
			sure := 0
			for _, ind := range out.Indicators() {
				if ind.Confidence == 95 && ind.Start == 0 && ind.End == len(text) {
					sure++
				}
			}
			return sure
		}
		if found(address) == 0 || at < 0 || at >= len(address) || address[at] == c {
			return
		}
		changed := []byte(address)
		changed[at] = c
		if found(string(changed)) != 0 && !bytes.EqualFold(changed, []byte(address)) {
			t.Errorf("%s and %s are both addresses", address, changed)
		}
	})
}
