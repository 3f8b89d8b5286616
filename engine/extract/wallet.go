package extract

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"strings"
)

const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// validBase58Check verifies a legacy Bitcoin address: version 0 or 5.
func validBase58Check(s string) bool {
	version, ok := base58Check(s)
	return ok && (version == 0 || version == 5)
}

// base58Check verifies an address in the form that Bitcoin and its kin have: 25
// bytes, the version first, of which the last four are the start of the double
// SHA-256 of the rest.
func base58Check(s string) (version byte, ok bool) {
	var out [25]byte
	for i := 0; i < len(s); i++ {
		carry := strings.IndexByte(base58, s[i])
		if carry < 0 {
			return 0, false
		}
		for k := len(out) - 1; k >= 0; k-- {
			carry += 58 * int(out[k])
			out[k] = byte(carry)
			carry >>= 8
		}
		if carry != 0 {
			return 0, false
		}
	}
	first := sha256.Sum256(out[:21])
	second := sha256.Sum256(first[:])
	return out[0], [4]byte(second[:4]) == [4]byte(out[21:])
}

const bech32Alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// validBech32 verifies a segwit address of the main net (BIP 173, BIP 350):
// one case, a known length, and the checksum that its version asks for.
func validBech32(s string) bool {
	lower := strings.ToLower(s)
	if s != lower && s != strings.ToUpper(s) || len(s) < 14 || len(s) > 74 {
		return false
	}
	sum := uint32(1)
	for _, v := range [...]byte{3, 3, 0, 2, 3} { // "bc" expanded
		sum = bech32Step(sum, v)
	}
	version := byte(0)
	for i := 3; i < len(lower); i++ {
		v := strings.IndexByte(bech32Alphabet, lower[i])
		if v < 0 {
			return false
		}
		if i == 3 {
			version = byte(v)
		}
		sum = bech32Step(sum, byte(v))
	}
	if version == 0 {
		return sum == 1 && (len(s) == 42 || len(s) == 62)
	}
	return sum == 0x2bc830a3 && version <= 16
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

// validETH verifies an Ethereum address: 40 hexadecimal digits that, when of
// mixed case, carry the checksum of EIP-55 in it.
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

// validMonero verifies a Monero address: blocks of eleven base58 digits for
// eight bytes, a known network byte, and four bytes of Keccak-256.
func validMonero(s string) bool {
	var raw []byte
	for s != "" {
		n := min(11, len(s))
		size := [12]int{2: 1, 3: 2, 5: 3, 6: 4, 7: 5, 9: 6, 10: 7, 11: 8}[n]
		var v, hi uint64
		for i := 0; i < n; i++ {
			d := strings.IndexByte(base58, s[i])
			if d < 0 {
				return false
			}
			var over uint64
			over, v = bits.Mul64(v, 58)
			var carry uint64
			v, carry = bits.Add64(v, uint64(d), 0)
			hi |= over + carry
		}
		if hi != 0 || size == 0 || size < 8 && v>>(8*size) != 0 {
			return false
		}
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], v)
		raw = append(raw, b[8-size:]...)
		s = s[n:]
	}
	if len(raw) < 5 || raw[0] != 18 && raw[0] != 19 && raw[0] != 42 {
		return false
	}
	body, check := raw[:len(raw)-4], raw[len(raw)-4:]
	sum := keccak256(body)
	return [4]byte(sum[:4]) == [4]byte(check)
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
