package extract

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"strings"
)

// The digits of base 58: Bitcoin's, and those of the XRP ledger.
var (
	bitcoin58 = digitTable("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
	ripple58  = digitTable("rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz")
)

// digits are the values of bytes as digits, -1 for those that are none.
type digits [256]int8

func digitTable(alphabet string) *digits {
	var t digits
	for i := range t {
		t[i] = int8(strings.IndexByte(alphabet, byte(i)))
	}
	return &t
}

// base58Bytes reads a number in base 58, its highest digit first, into the end of
// buf: as many zero bytes as leading zero digits, then the bytes of the number.
func (t *digits) base58Bytes(buf []byte, w string) ([]byte, bool) {
	low, zeros := len(buf), 0
	for i := 0; i < len(w); i++ {
		carry := int(t[w[i]])
		if carry < 0 {
			return nil, false
		}
		if carry == 0 && zeros == i {
			zeros++
		}
		k := len(buf) - 1
		for ; k >= low || carry != 0; k-- {
			if k < 0 {
				return nil, false
			}
			carry += 58 * int(buf[k])
			buf[k] = byte(carry)
			carry >>= 8
		}
		low = k + 1
	}
	if zeros > low {
		return nil, false
	}
	return buf[low-zeros:], true
}

// base58Check reads an address in the form that Bitcoin and its kin have: size
// bytes, the version first, of which the last four are the start of the double
// SHA-256 of the rest.
func (t *digits) base58Check(w string, size int, versions ...string) bool {
	var buf [40]byte
	raw, ok := t.base58Bytes(buf[:], w)
	if !ok || len(raw) != size {
		return false
	}
	for _, version := range versions {
		if string(raw[:len(version)]) == version {
			return doubleSHA256(raw)
		}
	}
	return false
}

func doubleSHA256(raw []byte) bool {
	body, sum := raw[:len(raw)-4], raw[len(raw)-4:]
	first := sha256.Sum256(body)
	second := sha256.Sum256(first[:])
	return [4]byte(second[:4]) == [4]byte(sum)
}

// base58Form are addresses of size bytes that begin with one of the versions.
func base58Form(typ, heads string, size int, versions ...string) addressForm {
	longest := (size*1366 + 999) / 1000 // log 256 / log 58
	shortest := longest - 1
	if versions[0][0] == 0 {
		shortest = minWallet // zero bytes are one digit each
	}
	return addressForm{typ, heads, shortest, longest, func(w string) (string, bool) {
		return w, bitcoin58.base58Check(w, size, versions...)
	}}
}

// readXRP reads addresses of the XRP ledger, the classic ones and those that hold
// a destination tag (XLS-5).
func readXRP(w string) (string, bool) {
	if w[0] == 'X' {
		return w, ripple58.base58Check(w, 35, "\x05\x44")
	}
	return w, ripple58.base58Check(w, 25, "\x00")
}

// readByron reads an address of Cardano's first era: CBOR, a list of a byte string
// with the tag 24 and of its CRC-32.
func readByron(w string) (string, bool) {
	if !strings.HasPrefix(w, "Ae2") && !strings.HasPrefix(w, "Ddz") {
		return "", false
	}
	var buf [96]byte
	raw, ok := bitcoin58.base58Bytes(buf[:], w)
	if !ok || len(raw) < 30 || string(raw[:4]) != "\x82\xd8\x18\x58" {
		return "", false
	}
	end := 5 + int(raw[4])
	if len(raw) != end+5 || raw[end] != 0x1a {
		return "", false
	}
	return w, crc32.ChecksumIEEE(raw[5:end]) == binary.BigEndian.Uint32(raw[end+1:])
}

// readMonero reads a Monero address: blocks of eleven base58 digits for eight
// bytes, a known network byte, and four bytes of Keccak-256.
func readMonero(w string) (string, bool) {
	if len(w) != 95 && len(w) != 106 {
		return "", false
	}
	var buf [80]byte
	raw := buf[:0]
	for s := w; s != ""; s = s[min(11, len(s)):] {
		block := s[:min(11, len(s))]
		size := [12]int{2: 1, 3: 2, 5: 3, 6: 4, 7: 5, 9: 6, 10: 7, 11: 8}[len(block)]
		v, ok := bitcoin58.number(block)
		if !ok || size == 0 || size < 8 && v>>(8*size) != 0 {
			return "", false
		}
		raw = binary.BigEndian.AppendUint64(raw, v<<(64-8*size))[:len(raw)+size]
	}
	if raw[0] != 18 && raw[0] != 19 && raw[0] != 42 {
		return "", false
	}
	body, check := raw[:len(raw)-4], raw[len(raw)-4:]
	sum := keccak256(body)
	return w, [4]byte(sum[:4]) == [4]byte(check)
}

// number reads at most eleven digits of base 58 as a number of 64 bits.
func (t *digits) number(w string) (v uint64, ok bool) {
	for i := 0; i < len(w); i++ {
		d := t[w[i]]
		if d < 0 {
			return 0, false
		}
		over, product := bits.Mul64(v, 58)
		sum, carry := bits.Add64(product, uint64(d), 0)
		if over != 0 || carry != 0 {
			return 0, false
		}
		v = sum
	}
	return v, true
}
