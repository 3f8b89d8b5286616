package extract

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
)

// base32Upper are the digits of base 32 (RFC 4648 section 6), as the addresses of
// Stellar and Algorand have them.
const base32Upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

var base32Digits = digitTable(base32Upper)

// base32Bytes reads w into buf; false when it has other bytes, more digits than
// its bytes need, or bits set that belong to none.
func (t *digits) base32Bytes(buf []byte, w string) ([]byte, bool) {
	raw := buf[:0]
	held, n := uint(0), 0 // bits that are no byte yet
	for i := 0; i < len(w); i++ {
		d := t[w[i]]
		if d < 0 {
			return nil, false
		}
		held, n = held<<5|uint(d), n+5
		if n >= 8 {
			n -= 8
			raw = append(raw, byte(held>>n))
			held &= 1<<n - 1
		}
	}
	return raw, n < 5 && held == 0
}

// readStellar reads an account (G) or one with an identifier in it (M): a version,
// a key of 32 bytes, the identifier of eight, and CRC-16 (SEP 23).
func readStellar(w string) (string, bool) {
	if w[0] == 'G' && len(w) != 56 || w[0] == 'M' && len(w) != 69 {
		return "", false
	}
	var buf [44]byte
	raw, ok := base32Digits.base32Bytes(buf[:], w)
	if !ok || raw[0] != 6<<3 && raw[0] != 12<<3 {
		return "", false
	}
	return w, crc16(raw[:len(raw)-2]) == binary.LittleEndian.Uint16(raw[len(raw)-2:])
}

// readAlgorand reads an address of Algorand: a key of 32 bytes, and the last four
// of its SHA-512/256.
func readAlgorand(w string) (string, bool) {
	var buf [40]byte
	raw, ok := base32Digits.base32Bytes(buf[:], w)
	if !ok {
		return "", false
	}
	sum := sha512.Sum512_256(raw[:32])
	return w, [4]byte(sum[28:]) == [4]byte(raw[32:])
}

// readTON reads an address of The Open Network in the alphabet for URLs (TEP 2):
// what it may be used for, a chain, an account of 32 bytes, and CRC-16.
func readTON(w string) (string, bool) {
	if w[1] != 'Q' && w[1] != 'f' {
		return "", false
	}
	var raw [36]byte
	if n, err := base64.RawURLEncoding.Decode(raw[:], []byte(w)); err != nil || n != len(raw) {
		return "", false
	}
	if raw[0]&^0x40 != 0x11 || raw[1] != 0 && raw[1] != 0xff {
		return "", false
	}
	return w, crc16(raw[:34]) == binary.BigEndian.Uint16(raw[34:])
}

// crc16 is the variant of XMODEM: polynomial 0x1021, from zero.
func crc16(data []byte) (sum uint16) {
	for _, b := range data {
		sum ^= uint16(b) << 8
		for range 8 {
			carry := sum >> 15
			sum = sum<<1 ^ carry*0x1021
		}
	}
	return sum
}
