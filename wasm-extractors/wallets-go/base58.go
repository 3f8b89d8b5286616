package main

const (
	bitcoinAlphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	rippleAlphabet  = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
	maxBase58Check  = 35 // characters; 25 bytes give no more
)

// alphabet says what the characters of a base58 text stand for.
type alphabet struct {
	zero   byte
	digits [256]int8 // -1: none
}

var bitcoin, ripple = newAlphabet(bitcoinAlphabet), newAlphabet(rippleAlphabet)

func newAlphabet(characters string) *alphabet {
	a := &alphabet{zero: characters[0]}
	for i := range a.digits {
		a.digits[i] = -1
	}
	for i := range len(characters) {
		a.digits[characters[i]] = int8(i)
	}
	return a
}

// versions are the first bytes of the 25 that Base58Check addresses stand for.
var versions = []struct {
	version    byte
	coin, kind string
}{
	{0x00, "btc", "p2pkh"},
	{0x05, "btc", "p2sh"},
	{0x30, "ltc", "p2pkh"},
	{0x32, "ltc", "p2sh"},
	{0x1e, "doge", "p2pkh"},
	{0x16, "doge", "p2sh"},
	{0x41, "trx", "account"},
	{0x4c, "dash", "p2pkh"},
	{0x10, "dash", "p2sh"},
}

// base58Check reads an address of 25 bytes: version, 20 bytes, and the first four
// of the double SHA-256 of those.
func (a *address) base58Check(word []byte) bool {
	letters := bitcoin
	if word[0] == ripple.zero {
		letters = ripple
	}
	raw, ok := letters.decode(word)
	if !ok || !a.version(letters, raw[0]) {
		return false
	}
	first := sha256(raw[:21])
	second := sha256(first[:])
	a.value = string(word)
	return [4]byte(second[:4]) == [4]byte(raw[21:])
}

func (a *address) version(letters *alphabet, version byte) bool {
	if letters == ripple {
		a.coin, a.kind = "xrp", "account"
		return version == 0
	}
	for _, v := range versions {
		if v.version == version {
			a.coin, a.kind = v.coin, v.kind
			return true
		}
	}
	return false
}

// decode reads a number of exactly 25 bytes. Each leading zero byte is written as
// one zero digit.
func (letters *alphabet) decode(word []byte) (raw [25]byte, ok bool) {
	var limbs [7]uint32 // lowest first
	for _, c := range word {
		digit := letters.digits[c]
		if digit < 0 || !multiplyAdd(&limbs, 58, uint32(digit)) {
			return raw, false
		}
	}
	for i := range raw {
		raw[24-i] = byte(limbs[i/4] >> (8 * (i % 4)))
	}
	return raw, limbs[6]>>8 == 0 && leading(word, letters.zero) == leading(raw[:], 0)
}

// multiplyAdd computes n*factor+digit, false when that overflows.
func multiplyAdd(n *[7]uint32, factor, digit uint32) bool {
	carry := uint64(digit)
	for i := range n {
		carry += uint64(n[i]) * uint64(factor)
		n[i] = uint32(carry)
		carry >>= 32
	}
	return carry == 0
}

// leading counts how often c stands at the beginning of s.
func leading(s []byte, c byte) (n int) {
	for n < len(s) && s[n] == c {
		n++
	}
	return n
}
