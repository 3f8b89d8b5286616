package extract

import (
	"encoding/binary"
	"math/bits"
	"strings"
)

// readETH reads an Ethereum address: 0x and 40 hexadecimal digits that, when of
// mixed case, carry the checksum of EIP-55 in it.
func readETH(w string) (string, bool) {
	if w[1]|0x20 != 'x' {
		return "", false
	}
	return w, validETH(w[2:])
}

func validETH(s string) bool {
	var digits, upper, lower int
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isDigit(c):
			digits++
		case c >= 'A' && c <= 'F':
			upper++
		case c >= 'a' && c <= 'f':
			lower++
		default:
			return false
		}
	}
	if upper == 0 || lower == 0 {
		return digits > 0 && upper+lower > 0
	}
	sum := keccak256([]byte(strings.ToLower(s)))
	for i := 0; i < len(s); i++ {
		high := sum[i/2]>>(4*(1-i%2))&8 != 0
		if isLetter(s[i]) && (s[i] < 'a') != high {
			return false
		}
	}
	return true
}

// keccak256 is Keccak with the padding it had before FIPS 202, which wallets use.
func keccak256(data []byte) (sum [32]byte) {
	const rate = 136
	var state [25]uint64
	block := make([]byte, (len(data)/rate+1)*rate)
	copy(block, data)
	block[len(data)] ^= 0x01
	block[len(block)-1] ^= 0x80
	for ; len(block) > 0; block = block[rate:] {
		for i := range rate / 8 {
			state[i] ^= binary.LittleEndian.Uint64(block[8*i:])
		}
		keccakF(&state)
	}
	for i := range 4 {
		binary.LittleEndian.PutUint64(sum[8*i:], state[i])
	}
	return sum
}

// keccakF is the permutation Keccak-f[1600] (FIPS 202 section 3.3), its round
// constants made by their shift register.
func keccakF(a *[25]uint64) {
	lfsr := byte(1)
	for range 24 {
		var c, d [5]uint64
		for x := range 5 {
			c[x] = a[x] ^ a[x+5] ^ a[x+10] ^ a[x+15] ^ a[x+20]
		}
		for x := range 5 {
			d[x] = c[(x+4)%5] ^ bits.RotateLeft64(c[(x+1)%5], 1)
		}
		for i := range a {
			a[i] ^= d[i%5]
		}
		x, y, current := 1, 0, a[1]
		for t := range 24 {
			x, y = y, (2*x+3*y)%5
			current, a[x+5*y] = a[x+5*y], bits.RotateLeft64(current, (t+1)*(t+2)/2%64)
		}
		for y := 0; y < 25; y += 5 {
			row := [5]uint64(a[y : y+5])
			for x := range 5 {
				a[y+x] = row[x] ^ ^row[(x+1)%5]&row[(x+2)%5]
			}
		}
		for j := range 7 {
			if lfsr&1 == 1 {
				a[0] ^= 1 << (1<<j - 1)
			}
			lfsr = lfsr<<1 ^ lfsr>>7*0x71
		}
	}
}
