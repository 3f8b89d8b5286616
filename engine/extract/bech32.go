package extract

import "strings"

// bech32Digits are the digits of bech32 and of CashAddr, of five bits each, in
// either case.
var bech32Digits = func() *digits {
	const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	lower, t := digitTable(alphabet), digitTable(strings.ToUpper(alphabet))
	for i := range t {
		t[i] = max(t[i], lower[i])
	}
	return t
}()

// What the checksum leaves of a right word: bech32 (BIP 173), bech32m (BIP 350).
const (
	sumBech32  = 1
	sumBech32m = 0x2bc830a3
)

// bech32Word is what is looked at of a bech32 word.
type bech32Word struct {
	sum  uint32
	size int // digits of the data, without those of the checksum
	head int8
	last int8
}

// readBech32 reads a word of one case that begins with hrp, in lower case, and
// "1". How long it may be is for the caller to say.
func readBech32(w, hrp string) (b bech32Word, ok bool) {
	n := len(hrp) + 1
	if len(w) < n+6 || w[n-1] != '1' || !strings.EqualFold(w[:n-1], hrp) || !oneCase(w) {
		return b, false
	}
	b.sum = 1
	for i := 0; i < len(hrp); i++ {
		b.sum = bech32Step(b.sum, hrp[i]>>5)
	}
	b.sum = bech32Step(b.sum, 0)
	for i := 0; i < len(hrp); i++ {
		b.sum = bech32Step(b.sum, hrp[i]&31)
	}
	for i := n; i < len(w); i++ {
		d := bech32Digits[w[i]]
		if d < 0 {
			return b, false
		}
		b.sum = bech32Step(b.sum, byte(d))
	}
	b.size = len(w) - n - 6
	if b.size > 0 {
		b.head, b.last = bech32Digits[w[n]], bech32Digits[w[n+b.size-1]]
	}
	return b, true
}

// bytes are those that the digits behind the first skip hold; false when more
// than the bits that round them up are left, or any of these is set.
func (b *bech32Word) bytes(skip int) (int, bool) {
	bits := 5 * max(0, b.size-skip)
	spare := bits % 8
	return bits / 8, spare < 5 && b.last&(1<<spare-1) == 0
}

func bech32Step(sum uint32, v byte) uint32 {
	top := sum >> 25
	sum = (sum&0x1ffffff)<<5 ^ uint32(v)
	for i, g := range [...]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
		if top>>i&1 == 1 {
			sum ^= g
		}
	}
	return sum
}

// oneCase tells whether no letters of both cases are in w.
func oneCase(w string) bool {
	var upper, lower bool
	for i := 0; i < len(w); i++ {
		upper = upper || w[i] >= 'A' && w[i] <= 'Z'
		lower = lower || w[i] >= 'a' && w[i] <= 'z'
	}
	return !upper || !lower
}

// bech32Form are addresses that hold from least to most bytes.
func bech32Form(typ, hrp string, sum uint32, least, most int) addressForm {
	return addressForm{typ, heads(hrp), len(hrp) + 7 + (least*8+4)/5, len(hrp) + 7 + (most*8+4)/5, func(w string) (string, bool) {
		b, ok := readBech32(w, hrp)
		_, whole := b.bytes(0)
		return lowerASCII(w), ok && whole && b.sum == sum
	}}
}

// segwitForm are witness programs (BIP 141): a version, and bytes as many as it
// wants.
func segwitForm(typ, hrp string) addressForm {
	return addressForm{typ, heads(hrp), minWallet, len(hrp) + 72, func(w string) (string, bool) {
		b, ok := readBech32(w, hrp)
		size, whole := b.bytes(1)
		switch {
		case !ok || !whole || b.head > 16 || size < 2 || size > 40:
			return "", false
		case b.head == 0:
			return lowerASCII(w), b.sum == sumBech32 && (size == 20 || size == 32)
		}
		return lowerASCII(w), b.sum == sumBech32m
	}}
}

// heads are both cases of the first letter of hrp.
func heads(hrp string) string { return hrp[:1] + strings.ToUpper(hrp[:1]) }

// invoiceDigits are those that every invoice has (BOLT 11): a time, seven digits,
// and a signature.
const invoiceDigits = 7 + 104

// readInvoice reads an invoice of the Lightning network: its amount is part of the
// prefix, "lnbc2500u".
func readInvoice(w string) (string, bool) {
	const bitcoin = "lnbc"
	if !strings.EqualFold(w[:len(bitcoin)], bitcoin) {
		return "", false
	}
	one := strings.LastIndexByte(w, '1') // which is no digit of the data
	if one < len(bitcoin) || one > len(bitcoin)+20 || !amount(w[len(bitcoin):one]) {
		return "", false
	}
	w = lowerASCII(w)
	b, ok := readBech32(w, w[:one])
	return w, ok && b.sum == sumBech32 && b.size >= invoiceDigits
}

// amount tells whether w is empty or a number with or without a unit.
func amount(w string) bool {
	if n := len(w); n > 1 && strings.IndexByte("munp", w[n-1]|0x20) >= 0 {
		w = w[:n-1]
	}
	return w == "" || allDigits(w)
}

const cashPrefix = "bitcoincash:"

// readCashAddr reads an address of Bitcoin Cash, without its prefix: a digit for
// the type, three bits for the size of the hash, the hash, and eight digits of
// checksum.
func readCashAddr(w string) (string, bool) {
	size := byte(0)
	switch len(w) {
	case 42:
	case 61:
		size = 3
	default:
		return "", false
	}
	if !oneCase(w) || bech32Digits[w[1]]>>2 != int8(size) {
		return "", false
	}
	sum := uint64(1)
	for i := range len(cashPrefix) - 1 {
		sum = cashStep(sum, cashPrefix[i]&31)
	}
	sum = cashStep(sum, 0)
	for i := 0; i < len(w); i++ {
		d := bech32Digits[w[i]]
		if d < 0 {
			return "", false
		}
		sum = cashStep(sum, byte(d))
	}
	b := bech32Word{size: len(w) - 8, last: bech32Digits[w[len(w)-9]]}
	if _, whole := b.bytes(0); !whole || sum != 1 {
		return "", false
	}
	return cashPrefix + strings.ToLower(w), true
}

func cashStep(sum uint64, v byte) uint64 {
	top := sum >> 35
	sum = (sum&0x7ffffffff)<<5 ^ uint64(v)
	for i, g := range [...]uint64{0x98f2bc8e61, 0x79b76d99e2, 0xf33e5fb3c4, 0xae2eabe2a8, 0x1e4f43e470} {
		if top>>i&1 == 1 {
			sum ^= g
		}
	}
	return sum
}
