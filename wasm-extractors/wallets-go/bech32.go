package main

// bech32Alphabet has the 32 digits that Bech32 (BIP 173), Bech32m (BIP 350) and
// CashAddr share.
const bech32Alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

var bech32Digits = newAlphabet(bech32Alphabet)

// maxBech32 is the longest text of base 32 that is looked at: a witness program of
// 40 bytes behind "ltc1", its version and the checksum are 75.
const maxBech32 = 75

// base32 is a lower-case text and the values of its digits.
type base32 struct {
	text   [maxBech32]byte
	values [maxBech32]byte
	n      int
}

// readBase32 lowers a word and reads its digits from the place `from` on. It
// refuses words that mix the cases.
func readBase32(word []byte, from int) (b base32, ok bool) {
	if len(word) > maxBech32 {
		return b, false
	}
	var upper, lower bool
	for i, c := range word {
		if c >= 'A' && c <= 'Z' {
			upper = true
			c |= 0x20
		} else if c >= 'a' {
			lower = true
		}
		b.text[i] = c
		if i < from {
			continue
		}
		digit := bech32Digits.digits[c]
		if digit < 0 {
			return b, false
		}
		b.values[b.n] = byte(digit)
		b.n++
	}
	return b, !upper || !lower
}

// bytesIn tells how many whole bytes n digits of five bits hold. The bits left
// over must be fewer than five, and zero.
func bytesIn(values []byte) (n int, ok bool) {
	spare := 5 * len(values) % 8
	if len(values) == 0 || spare > 4 || values[len(values)-1]&(1<<spare-1) != 0 {
		return 0, false
	}
	return 5 * len(values) / 8, true
}

const (
	bech32Sum  = 1
	bech32mSum = 0x2bc830a3
)

// segwit reads a witness address: prefix, "1", version, program, checksum of six.
func (a *address) segwit(word []byte) bool {
	prefix := "bc1"
	if a.coin = "btc"; word[0]|0x20 == 'l' {
		a.coin, prefix = "ltc", "ltc1"
	}
	if !equalFold(word[:len(prefix)], prefix) {
		return false
	}
	b, ok := readBase32(word, len(prefix))
	if !ok {
		return false
	}
	values := b.values[:b.n]
	size, ok := bytesIn(values[1 : len(values)-6])
	if !ok || !a.witness(values[0], size) {
		return false
	}
	a.value = string(b.text[:len(word)])
	want := uint32(bech32mSum)
	if values[0] == 0 {
		want = bech32Sum
	}
	return polymod(prefix[:len(prefix)-1], values) == want
}

// witness names the kind of a program by its version and size (BIP 141, BIP 341).
func (a *address) witness(version byte, size int) bool {
	switch {
	case version == 0 && size == 20:
		a.kind = "p2wpkh"
	case version == 0 && size == 32:
		a.kind = "p2wsh"
	case version == 1 && size == 32:
		a.kind = "p2tr"
	default:
		a.kind = "witness"
		return version >= 2 && version <= 16 && size >= 2 && size <= 40
	}
	return true
}

// polymod is the checksum of BIP 173 over the prefix and the digits.
func polymod(prefix string, values []byte) uint32 {
	sum := uint32(1)
	for _, c := range []byte(prefix) {
		sum = polymodStep(sum, c>>5)
	}
	sum = polymodStep(sum, 0)
	for _, c := range []byte(prefix) {
		sum = polymodStep(sum, c&31)
	}
	for _, v := range values {
		sum = polymodStep(sum, v)
	}
	return sum
}

func polymodStep(sum uint32, value byte) uint32 {
	top := sum >> 25
	sum = sum&0x1ffffff<<5 ^ uint32(value)
	for i, generator := range [5]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
		if top>>i&1 == 1 {
			sum ^= generator
		}
	}
	return sum
}

const cashPrefix = "bitcoincash:"

// cashAddr reads a CashAddr address: version byte, hash, checksum of eight digits,
// with or without the prefix in front of the word.
func (a *address) cashAddr(text []byte, start, end int) bool {
	word := text[start:end]
	if len(word) != 42 && len(word) != 61 {
		return false
	}
	b, ok := readBase32(word, 0)
	if !ok || !a.cashKind(b.values[0]<<3|b.values[1]>>2, len(word)) {
		return false
	}
	if _, ok := bytesIn(b.values[:b.n-8]); !ok || cashPolymod(b.values[:b.n]) != 1 {
		return false
	}
	if before := start - len(cashPrefix); before >= 0 && equalFold(text[before:start], cashPrefix) {
		a.start = before
	}
	a.coin, a.value = "bch", cashPrefix+string(b.text[:len(word)])
	return true
}

func (a *address) cashKind(version byte, length int) bool {
	switch {
	case version == 0x00 && length == 42:
		a.kind = "p2pkh"
	case (version == 0x08 && length == 42) || (version == 0x0b && length == 61):
		a.kind = "p2sh"
	default:
		return false
	}
	return true
}

// cashPolymod is the checksum of CashAddr over the prefix and the digits.
func cashPolymod(values []byte) uint64 {
	sum := uint64(1)
	for _, c := range []byte("bitcoincash") {
		sum = cashStep(sum, c&31)
	}
	sum = cashStep(sum, 0)
	for _, v := range values {
		sum = cashStep(sum, v)
	}
	return sum
}

func cashStep(sum uint64, value byte) uint64 {
	top := sum >> 35
	sum = sum&0x7ffffffff<<5 ^ uint64(value)
	for i, generator := range [5]uint64{0x98f2bc8e61, 0x79b76d99e2, 0xf33e5fb3c4, 0xae2eabe2a8, 0x1e4f43e470} {
		if top>>i&1 == 1 {
			sum ^= generator
		}
	}
	return sum
}

// equalFold compares s with a text in lower case without regard to case.
func equalFold(s []byte, lower string) bool {
	for i, c := range s {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return len(s) == len(lower)
}
