// See scan.c. The test builds this one itself.
package main

import "unsafe"

var text []byte

//go:wasmexport alloc
func alloc(n uint32) uint32 {
	text = make([]byte, n+1)
	return uint32(uintptr(unsafe.Pointer(&text[0])))
}

func word(c byte) bool { return c-'0' < 10 || (c|32)-'a' < 26 }

func base58(c byte) bool { return c != '0' && c != 'O' && c != 'I' && c != 'l' }

//go:noinline
func hash(w []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range w {
		h = (h ^ uint32(c)) * 16777619
	}
	return h
}

//go:wasmexport scan
func scan(_, n uint32) (sum uint64) {
	rest := text[:n]
	for len(rest) > 0 {
		end, fits := 0, true
		for ; end < len(rest) && word(rest[end]); end++ {
			fits = fits && base58(rest[end])
		}
		w := rest[:end]
		switch {
		case len(w) >= 26 && len(w) <= 35 && fits && (w[0] == '1' || w[0] == '3'),
			len(w) == 42 && w[0] == '0' && w[1] == 'x':
			sum = sum*31 + uint64(hash(w))
		}
		rest = rest[min(len(w)+1, len(rest)):]
	}
	return sum
}

func main() {}
