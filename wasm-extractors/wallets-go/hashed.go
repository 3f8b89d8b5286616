package main

import (
	"encoding/binary"
	"math/bits"
)

// ethereum reads "0x" and 40 hexadecimal digits. When their letters are of both
// cases, these are the checksum of EIP-55; otherwise there is none.
func (a *address) ethereum(word []byte) bool {
	if word[1] != 'x' {
		return false
	}
	var lowered [40]byte
	upper, lower := 0, 0
	for i, c := range word[2:] {
		switch {
		case c >= '0' && c <= '9':
		case c >= 'a' && c <= 'f':
			lower++
		case c >= 'A' && c <= 'F':
			upper++
			c |= 0x20
		default:
			return false
		}
		lowered[i] = c
	}
	a.coin, a.kind, a.value = "eth", "account", string(word)
	if upper == 0 || lower == 0 {
		a.confidence = unchecked
		return upper+lower > 0 && upper+lower < len(lowered) // 0x000… and its like are no one's
	}
	return eip55(word[2:], &lowered)
}

// eip55 says whether the letters are capitals where the hash has its high bits.
func eip55(digits []byte, lowered *[40]byte) bool {
	sum := keccak256(lowered[:])
	for i, c := range digits {
		high := sum[i/2]>>(4*(1-i%2))&8 != 0
		if c > '9' && (c < 'a') != high {
			return false
		}
	}
	return true
}

// moneroKinds are the network bytes of the main net.
var moneroKinds = map[byte]string{18: "standard", 19: "integrated", 42: "subaddress"}

// monero reads blocks of eleven base58 digits for eight bytes, and a last one of
// seven for five. The last four bytes are the beginning of the Keccak-256 of the
// rest.
func (a *address) monero(word []byte) bool {
	var raw [80]byte
	n := 0
	for ; len(word) > n/8*11+7; n += 8 {
		if !moneroBlock(raw[n:n+8], word[n/8*11:][:11]) {
			return false
		}
	}
	if !moneroBlock(raw[n:n+5], word[n/8*11:]) {
		return false
	}
	n += 5
	kind, known := moneroKinds[raw[0]]
	if !known || (len(word) == 106) != (kind == "integrated") {
		return false
	}
	a.coin, a.kind, a.value = "xmr", kind, string(word)
	sum := keccak256(raw[:n-4])
	return [4]byte(sum[:4]) == [4]byte(raw[n-4:n])
}

// moneroBlock reads one block into len(to) bytes; false when it does not fit.
func moneroBlock(to, block []byte) bool {
	var n uint64
	for _, c := range block {
		digit := bitcoin.digits[c]
		high, low := bits.Mul64(n, 58)
		sum, carry := bits.Add64(low, uint64(digit), 0)
		if digit < 0 || high != 0 || carry != 0 {
			return false
		}
		n = sum
	}
	if len(to) < 8 && n>>(8*len(to)) != 0 {
		return false
	}
	var all [8]byte
	binary.BigEndian.PutUint64(all[:], n)
	copy(to, all[8-len(to):])
	return true
}
