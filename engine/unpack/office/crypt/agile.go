package crypt

import (
	"bytes"
	"crypto/cipher"
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/unpack/office/markup"
)

// segment is the unit in which agile encryption works (MS-OFFCRYPTO 2.3.4.15).
const segment = 4096

// Block keys (MS-OFFCRYPTO 2.3.4.13 and 2.3.4.14).
var (
	keyVerifierInput = []byte{0xfe, 0xa7, 0xd2, 0x76, 0x3b, 0x4b, 0x9e, 0x79}
	keyVerifierValue = []byte{0xd7, 0xaa, 0x0f, 0x6d, 0x30, 0x61, 0x34, 0x4e}
	keyValue         = []byte{0x14, 0x6e, 0x0b, 0xe7, 0xab, 0xac, 0xd0, 0xd6}
	keyHMAC          = []byte{0x5f, 0xb2, 0xad, 0x01, 0x0c, 0xb9, 0xe1, 0xf6}
	keyHMACValue     = []byte{0xa0, 0x67, 0x7f, 0x02, 0xb2, 0x2c, 0x84, 0x33}
)

// suite is one set of parameters: of the key, or of the data.
type suite struct {
	salt      []byte
	block     int // bytes
	key       int // bytes
	hashSize  int
	newHash   func() hash.Hash
	newCipher func(key []byte) (cipher.Block, error)
	cfb       bool // CFB with a window of eight bits, instead of CBC
	spinCost  int64
}

// agile is the scheme of Office 2010 and later (MS-OFFCRYPTO 2.3.4.10).
type agile struct {
	data, key                    suite
	spin                         int64
	verifierInput, verifierValue []byte
	encryptedKey                 []byte
	hmacKey, hmacValue           []byte
	secret                       []byte // the key of the data, once the password is known
}

func parseAgile(doc []byte) (*agile, error) {
	a := &agile{}
	s := markup.New(bytes.NewReader(doc))
	var err error
	for s.Next() && err == nil {
		if s.Kind != markup.Start {
			continue
		}
		switch s.Name {
		case "keyData":
			a.data, err = parseSuite(s)
		case "dataIntegrity":
			a.hmacKey, a.hmacValue = decode64(s.Attr("encryptedHmacKey")), decode64(s.Attr("encryptedHmacValue"))
		case "encryptedKey":
			if a.encryptedKey == nil && s.Attr("encryptedVerifierHashInput") != "" {
				err = a.parseKey(s)
			}
		}
	}
	switch {
	case err != nil:
		return nil, err
	case a.encryptedKey == nil:
		return nil, fmt.Errorf("%w: no password opens it, a certificate may", ErrUnsupported)
	case a.data.newCipher == nil:
		return nil, fmt.Errorf("%w: no parameters of the data", ErrFormat)
	case len(a.encryptedKey) < a.data.key:
		return nil, fmt.Errorf("%w: a key of %d bytes", ErrFormat, len(a.encryptedKey))
	}
	return a, nil
}

func (a *agile) parseKey(s *markup.Scanner) (err error) {
	if a.key, err = parseSuite(s); err != nil {
		return err
	}
	if a.spin, err = strconv.ParseInt(s.Attr("spinCount"), 10, 64); err != nil || a.spin < 0 {
		return fmt.Errorf("%w: spinCount %.20q", ErrFormat, s.Attr("spinCount"))
	}
	if a.spin > maxSpin {
		return fmt.Errorf("%w: one try takes %d rounds, more than %d are not done", ErrCost, a.spin, maxSpin)
	}
	a.verifierInput, a.verifierValue = decode64(s.Attr("encryptedVerifierHashInput")), decode64(s.Attr("encryptedVerifierHashValue"))
	a.encryptedKey = decode64(s.Attr("encryptedKeyValue"))
	for _, b := range [...][]byte{a.verifierInput, a.verifierValue, a.encryptedKey} {
		if len(b) == 0 || len(b)%a.key.block != 0 {
			return fmt.Errorf("%w: a verifier of %d bytes", ErrFormat, len(b))
		}
	}
	if len(a.verifierValue) < a.key.hashSize {
		return fmt.Errorf("%w: a verifier that is too short", ErrFormat)
	}
	return nil
}

func parseSuite(s *markup.Scanner) (suite, error) {
	bits, _ := strconv.Atoi(s.Attr("keyBits"))
	p := suite{salt: decode64(s.Attr("saltValue")), key: bits / 8}
	h, ok := hashes[normal(s.Attr("hashAlgorithm"))]
	if !ok {
		return p, fmt.Errorf("%w: hash %.40q", ErrUnsupported, s.Attr("hashAlgorithm"))
	}
	p.newHash, p.hashSize, p.spinCost = h.new, h.size, h.cost
	c, ok := ciphers[normal(s.Attr("cipherAlgorithm"))]
	if !ok {
		return p, fmt.Errorf("%w: cipher %.40q", ErrUnsupported, s.Attr("cipherAlgorithm"))
	}
	p.newCipher, p.block = c.new, c.block
	switch mode := s.Attr("cipherChaining"); mode {
	case "ChainingModeCBC":
	case "ChainingModeCFB":
		p.cfb = true
	default:
		return p, fmt.Errorf("%w: chaining %.40q", ErrUnsupported, mode)
	}
	if _, err := p.newCipher(make([]byte, p.key)); err != nil {
		return p, fmt.Errorf("%w: %.40q with a key of %d bits", ErrUnsupported, s.Attr("cipherAlgorithm"), bits)
	}
	if len(p.salt) == 0 || len(p.salt) > 1024 {
		return p, fmt.Errorf("%w: a salt of %d bytes", ErrFormat, len(p.salt))
	}
	return p, nil
}

func normal(name string) string {
	return strings.ToUpper(strings.NewReplacer("-", "", "_", "").Replace(name))
}

func decode64(s string) []byte {
	b, _ := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	return b
}

// fit cuts or pads with 0x36 (MS-OFFCRYPTO 2.3.4.11).
func fit(b []byte, n int) []byte {
	out := bytes.Repeat([]byte{0x36}, n)
	copy(out, b)
	return out
}

// decrypt decrypts in place, whole blocks.
func (p *suite) decrypt(key, iv, b []byte) error {
	c, err := p.newCipher(key)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if p.cfb {
		cfb8(c, iv, b)
		return nil
	}
	cipher.NewCBCDecrypter(c, iv).CryptBlocks(b, b)
	return nil
}

// cfb8 is CFB with a window of eight bits.
func cfb8(c cipher.Block, iv, b []byte) {
	shift, out := bytes.Clone(iv), make([]byte, c.BlockSize())
	for i, x := range b {
		c.Encrypt(out, shift)
		b[i] = x ^ out[0]
		copy(shift, shift[1:])
		shift[len(shift)-1] = x
	}
}

func (a *agile) Units() int64 { return 1 + a.spin*a.key.spinCost/unitCost }

func (a *agile) Try(password string) (bool, error) {
	h := spin(a.key.newHash(), a.key.salt, utf16le(password), a.spin)
	input, err := a.unwrap(h, keyVerifierInput, a.verifierInput)
	if err != nil {
		return false, err
	}
	value, err := a.unwrap(h, keyVerifierValue, a.verifierValue)
	if err != nil {
		return false, err
	}
	if !a.verified(input, value) {
		return false, nil
	}
	secret, err := a.unwrap(h, keyValue, a.encryptedKey)
	if err != nil {
		return false, err
	}
	a.secret = secret[:a.data.key]
	return true, nil
}

// verified compares digests. The input is as long as the salt; where that is not
// whole blocks, some writers hash the padding too.
func (a *agile) verified(input, value []byte) bool {
	short := input[:min(len(a.key.salt), len(input))]
	return bytes.Equal(sum(a.key.newHash(), short), value[:a.key.hashSize]) || bytes.Equal(sum(a.key.newHash(), input), value[:a.key.hashSize])
}

// unwrap decrypts one of the values that the password protects.
func (a *agile) unwrap(h, purpose, value []byte) ([]byte, error) {
	out := bytes.Clone(value)
	key := fit(sum(a.key.newHash(), h, purpose), a.key.key)
	return out, a.key.decrypt(key, fit(a.key.salt, a.key.block), out)
}

// decryptAt decrypts the segment that begins at off, a multiple of segment.
func (a *agile) decryptAt(b []byte, off int64) error {
	return a.data.decrypt(a.secret, a.dataIV(binary.LittleEndian.AppendUint32(nil, uint32(off/segment))), b)
}

func (a *agile) dataIV(purpose []byte) []byte {
	return fit(sum(a.data.newHash(), a.data.salt, purpose), a.data.block)
}

func (a *agile) blockSize() int { return a.data.block }

// Intact compares the keyed digest of the stream with the one that is kept
// beside it (MS-OFFCRYPTO 2.3.4.14).
func (a *agile) Intact(stream io.Reader) (bool, error) {
	if len(a.hmacKey) == 0 && len(a.hmacValue) == 0 {
		return true, nil // some writers keep none
	}
	if len(a.hmacKey) == 0 || len(a.hmacKey)%a.data.block != 0 || len(a.hmacValue)%a.data.block != 0 {
		return false, nil
	}
	key, want := bytes.Clone(a.hmacKey), bytes.Clone(a.hmacValue)
	if err := a.data.decrypt(a.secret, a.dataIV(keyHMAC), key); err != nil {
		return false, err
	}
	if err := a.data.decrypt(a.secret, a.dataIV(keyHMACValue), want); err != nil {
		return false, err
	}
	if len(key) < a.data.hashSize || len(want) < a.data.hashSize {
		return false, nil
	}
	mac := hmac.New(a.data.newHash, key[:a.data.hashSize])
	if _, err := io.Copy(mac, stream); err != nil {
		return false, err
	}
	return hmac.Equal(mac.Sum(nil), want[:a.data.hashSize]), nil
}
