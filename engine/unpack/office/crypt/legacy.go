package crypt

import (
	"bytes"
	"crypto/md5"
	"crypto/rc4"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
)

// Legacy is how a doc, xls or ppt is encrypted.
type Legacy interface {
	Units() int64
	Try(password string) (bool, error)
}

// RC4 is a stream cipher that begins anew in each block of a stream
// (MS-OFFCRYPTO 2.3.5 and 2.3.6). It is a Legacy.
type RC4 struct {
	key   func(block uint32) []byte // nil until a password was right
	basic *basic
	capi  *capi
}

// basic is the 40 bit scheme of Office 97.
type basic struct{ salt, verifier, proof []byte }

// ParseRC4 reads an RC4 encryption header, from its version on.
func ParseRC4(b []byte) (*RC4, error) {
	if len(b) < 4 {
		return nil, fmt.Errorf("%w: of %d bytes", ErrFormat, len(b))
	}
	major, minor := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:])
	switch {
	case major == 1 && minor == 1:
		if len(b) < 52 {
			return nil, fmt.Errorf("%w: of %d bytes", ErrFormat, len(b))
		}
		return &RC4{basic: &basic{b[4:20], b[20:36], b[36:52]}}, nil
	case major >= 2 && major <= 4 && minor == 2 && len(b) > 8:
		return parseRC4CAPI(b[8:])
	}
	return nil, fmt.Errorf("%w: version %d.%d", ErrUnsupported, major, minor)
}

func parseRC4CAPI(b []byte) (*RC4, error) {
	c, err := parseCAPI(b)
	if err != nil {
		return nil, err
	}
	if c.alg != algRC4 && c.alg != 0 {
		return nil, fmt.Errorf("%w: cipher 0x%x", ErrUnsupported, c.alg)
	}
	if c.keyBytes == 0 {
		c.keyBytes = 5
	}
	if c.keyBytes < 5 || c.keyBytes > 16 || len(c.proof) < sha1.Size {
		return nil, fmt.Errorf("%w: RC4 with a key of %d bytes", ErrFormat, c.keyBytes)
	}
	return &RC4{capi: c}, nil
}

// Units is what one Try costs.
func (r *RC4) Units() int64 { return 1 }

// Try tells whether a password is right.
func (r *RC4) Try(password string) (bool, error) {
	key, digest, verifier, proof := r.derive(utf16le(password))
	c, err := rc4.NewCipher(key(0))
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	plain := make([]byte, len(verifier)+len(proof))
	c.XORKeyStream(plain, append(bytes.Clone(verifier), proof...))
	if !bytes.Equal(digest(plain[:len(verifier)]), plain[len(verifier):]) {
		return false, nil
	}
	r.key = key
	return true, nil
}

func (r *RC4) derive(password []byte) (key func(uint32) []byte, digest func([]byte) []byte, verifier, proof []byte) {
	if r.basic != nil {
		return r.basic.keys(password), func(b []byte) []byte { return sum(md5.New(), b) }, r.basic.verifier, r.basic.proof
	}
	return r.capi.keys(password), func(b []byte) []byte { return sum(sha1.New(), b) }, r.capi.verifier, r.capi.proof[:sha1.Size]
}

// keys are those of MS-OFFCRYPTO 2.3.6.2: 40 bits of the password's digest and
// the salt, sixteen times.
func (b *basic) keys(password []byte) func(uint32) []byte {
	short := sum(md5.New(), password)[:5]
	h := sum(md5.New(), bytes.Repeat(append(short, b.salt...), 16))[:5]
	return func(block uint32) []byte {
		return sum(md5.New(), h, binary.LittleEndian.AppendUint32(nil, block))
	}
}

// keys are those of MS-OFFCRYPTO 2.3.5.2; one of 40 bits is filled up with zeros.
func (c *capi) keys(password []byte) func(uint32) []byte {
	h := sum(sha1.New(), c.salt, password)
	n := c.keyBytes
	return func(block uint32) []byte {
		key := sum(sha1.New(), h, binary.LittleEndian.AppendUint32(nil, block))[:n]
		if n == 5 {
			return append(key, make([]byte, 11)...)
		}
		return key
	}
}

// Decrypt decrypts in place what stands at an offset of its stream, whose key
// changes every size bytes; first is the number of the first block. It needs a
// password that was right.
func (r *RC4) Decrypt(b []byte, off, size int64, first uint32) {
	for len(b) > 0 {
		c, err := rc4.NewCipher(r.key(first + uint32(off/size)))
		if err != nil {
			return
		}
		skip := make([]byte, off%size)
		c.XORKeyStream(skip, skip)
		n := min(size-off%size, int64(len(b)))
		c.XORKeyStream(b[:n], b[:n])
		b, off = b[n:], off+n
	}
}

// XOR is the obfuscation of Office 95 and before (MS-OFFCRYPTO 2.3.7). It is a
// Legacy.
type XOR struct {
	Key, Verifier uint16
	Word          bool // method 2, of Word
	array         [16]byte
}

// Units is what one Try costs.
func (x *XOR) Units() int64 { return 1 }

// Try tells whether a password is right. The file keeps 32 bits of it. Passwords
// are of at most 15 bytes; of wider characters the low byte counts, or the high
// one where that is zero.
func (x *XOR) Try(password string) (bool, error) {
	b := narrow(password)
	if len(b) == 0 || len(b) > 15 || xorKey(b) != x.Key || xorVerifier(b) != x.Verifier {
		return false, nil
	}
	x.array = xorArray(b, x.Key, x.turn())
	return true, nil
}

func (x *XOR) turn() int {
	if x.Word {
		return 7
	}
	return 2
}

func narrow(password string) []byte {
	wide := utf16le(password)
	b := make([]byte, 0, len(wide)/2)
	for i := 0; i+1 < len(wide); i += 2 {
		if wide[i] != 0 {
			b = append(b, wide[i])
		} else {
			b = append(b, wide[i+1])
		}
	}
	return b
}

// xorKey folds the password from its end into a register with feedback
// (MS-OFFCRYPTO 2.3.7.2).
func xorKey(password []byte) uint16 {
	key, base, end := uint16(0), uint16(0x8000), uint16(0xffff)
	step := func(v uint16) uint16 {
		if v = v<<1 | v>>15; v&1 != 0 {
			v ^= 0x1020
		}
		return v
	}
	for i := len(password) - 1; i >= 0; i-- {
		c := password[i] & 0x7f
		for range 8 {
			base, end = step(base), step(end)
			if c&1 != 0 {
				key ^= base
			}
			c >>= 1
		}
	}
	return key ^ end
}

// xorVerifier is that of MS-OFFCRYPTO 2.3.7.1.
func xorVerifier(password []byte) uint16 {
	v := uint16(len(password)) ^ 0xce4b
	for i, c := range password {
		turn := (i + 1) % 15
		w := uint32(c) << turn
		v ^= uint16(w&0x7fff | w>>15)
	}
	return v
}

var xorPad = [...]byte{0xbb, 0xff, 0xff, 0xba, 0xff, 0xff, 0xb9, 0x80, 0x00, 0xbe, 0x0f, 0x00, 0xbf, 0x0f, 0x00}

func xorArray(password []byte, key uint16, turn int) (array [16]byte) {
	n := copy(array[:], password)
	copy(array[n:], xorPad[:])
	for i := range array {
		v := array[i] ^ byte(key>>(8*(i&1)))
		array[i] = v<<turn | v>>(8-turn)
	}
	return array
}

// Decrypt decrypts in place; index is where in its array the first byte begins
// (MS-OFFCRYPTO 2.3.7.3 and 2.3.7.6).
func (x *XOR) Decrypt(b []byte, index int64) {
	for i, c := range b {
		k := x.array[(index+int64(i))%16]
		switch {
		case !x.Word:
			b[i] = (c<<3 | c>>5) ^ k
		case c != 0 && c != k:
			b[i] = c ^ k
		}
	}
}
