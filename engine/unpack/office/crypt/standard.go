package crypt

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"io"
)

// Algorithms of an EncryptionHeader (MS-OFFCRYPTO 2.3.2).
const (
	algRC4    = 0x6801
	algAES128 = 0x660e
	algAES192 = 0x660f
	algAES256 = 0x6610
	algSHA1   = 0x8004

	flagExternal = 0x10

	standardSpin = 50_000
	verifierSize = 16
	maxHeader    = 64 << 10
)

// capi is an EncryptionHeader and an EncryptionVerifier (MS-OFFCRYPTO 2.3.2 and
// 2.3.3), which standard encryption and RC4 CryptoAPI share.
type capi struct {
	flags, alg, hash uint32
	keyBytes         int
	salt             []byte
	verifier, proof  []byte
}

// parseCAPI reads from the field that holds the size of the header.
func parseCAPI(b []byte) (*capi, error) {
	if len(b) < 4 {
		return nil, fmt.Errorf("%w: of %d bytes", ErrFormat, len(b))
	}
	size := int64(binary.LittleEndian.Uint32(b))
	if size < 32 || size > maxHeader || size > int64(len(b)-4) {
		return nil, fmt.Errorf("%w: a header of %d bytes", ErrFormat, size)
	}
	h, v := b[4:4+size], b[4+size:]
	c := &capi{
		flags: binary.LittleEndian.Uint32(h), alg: binary.LittleEndian.Uint32(h[8:]), hash: binary.LittleEndian.Uint32(h[12:]),
		keyBytes: int(binary.LittleEndian.Uint32(h[16:]) / 8),
	}
	if len(v) < 40 || binary.LittleEndian.Uint32(v) != verifierSize {
		return nil, fmt.Errorf("%w: a verifier of %d bytes", ErrFormat, len(v))
	}
	c.salt, c.verifier, c.proof = v[4:20], v[20:36], v[40:]
	if c.flags&flagExternal != 0 {
		return nil, fmt.Errorf("%w: a provider of its own", ErrUnsupported)
	}
	if c.hash != 0 && c.hash != algSHA1 {
		return nil, fmt.Errorf("%w: hash 0x%x", ErrUnsupported, c.hash)
	}
	return c, nil
}

// standard is the scheme of Office 2007 (MS-OFFCRYPTO 2.3.4.5): AES in ECB mode
// under a key of SHA-1.
type standard struct {
	*capi
	block cipher.Block
}

func parseStandard(b []byte) (*standard, error) {
	c, err := parseCAPI(b)
	if err != nil {
		return nil, err
	}
	want, known := map[uint32]int{algAES128: 16, algAES192: 24, algAES256: 32}[c.alg]
	switch {
	case !known:
		return nil, fmt.Errorf("%w: cipher 0x%x", ErrUnsupported, c.alg)
	case c.keyBytes != want:
		return nil, fmt.Errorf("%w: AES with a key of %d bytes", ErrFormat, c.keyBytes)
	case len(c.proof) < 32:
		return nil, fmt.Errorf("%w: a digest of %d bytes", ErrFormat, len(c.proof))
	}
	return &standard{capi: c}, nil
}

func (s *standard) Units() int64 { return 1 + standardSpin*hashes["SHA1"].cost/unitCost }

func (s *standard) Try(password string) (bool, error) {
	h := sha1.New()
	digest := sum(h, spin(h, s.salt, utf16le(password), standardSpin), make([]byte, 4))
	key := append(padded(digest, 0x36), padded(digest, 0x5c)...)
	block, err := aes.NewCipher(key[:s.keyBytes])
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	verifier, proof := bytes.Clone(s.verifier), bytes.Clone(s.proof[:32])
	ecb(block, verifier)
	ecb(block, proof)
	if !bytes.Equal(sum(h, verifier), proof[:sha1.Size]) {
		return false, nil
	}
	s.block = block
	return true, nil
}

// padded is the step of CryptDeriveKey (MS-OFFCRYPTO 2.3.4.7).
func padded(digest []byte, with byte) []byte {
	pad := bytes.Repeat([]byte{with}, 64)
	for i, x := range digest {
		pad[i] ^= x
	}
	return sum(sha1.New(), pad)
}

func ecb(block cipher.Block, b []byte) {
	for n := block.BlockSize(); len(b) >= n; b = b[n:] {
		block.Decrypt(b, b)
	}
}

func (s *standard) decryptAt(b []byte, _ int64) error {
	ecb(s.block, b)
	return nil
}

func (s *standard) blockSize() int { return aes.BlockSize }

// Intact is true: the scheme keeps no digest of the data.
func (s *standard) Intact(io.Reader) (bool, error) { return true, nil }
