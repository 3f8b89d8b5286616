package zipfile

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// oldKeys are the state of ZipCrypto (APPNOTE 6.1).
type oldKeys [3]uint32

func newOldKeys(password string) oldKeys {
	k := oldKeys{0x12345678, 0x23456789, 0x34567890}
	for i := range len(password) {
		k.update(password[i])
	}
	return k
}

func (k *oldKeys) update(b byte) {
	k[0] = crc32.IEEETable[byte(k[0])^b] ^ k[0]>>8
	k[1] = (k[1]+k[0]&0xff)*134775813 + 1
	k[2] = crc32.IEEETable[byte(k[2])^byte(k[1]>>24)] ^ k[2]>>8
}

func (k *oldKeys) decrypt(b []byte) {
	for i, c := range b {
		t := k[2] | 2
		b[i] = c ^ byte(t*(t^1)>>8)
		k.update(b[i])
	}
}

// oldHead is how many bytes of noise stand before the data.
const oldHead = 12

// oldReader decrypts.
type oldReader struct {
	r io.Reader
	k oldKeys
}

func (o *oldReader) Read(p []byte) (int, error) {
	n, err := o.r.Read(p)
	o.k.decrypt(p[:n])
	return n, err
}

// openOld is the state behind the head of a member; ok is false when the last
// byte of the head is not what the format says, which a wrong password passes
// once in 128: writers put the checksum there, or the time when they do not know
// it yet.
func openOld(e *entry, head []byte, password string) (k oldKeys, ok bool) {
	if len(head) < oldHead {
		return k, false
	}
	k = newOldKeys(password)
	var b [oldHead]byte
	copy(b[:], head)
	k.decrypt(b[:])
	last := b[oldHead-1]
	return k, last == byte(e.crc>>24) || e.flags&flagDescriptor != 0 && last == byte(e.clock>>8)
}

// Layout of WinZip's encryption: salt, verifier, data, authentication code.
const (
	verifierSize = 2
	authSize     = 10
	aesRounds    = 1000
)

var errAES = errors.New("unknown key length of AES")

// keySize is 16, 24 or 32.
func (f *aesField) keySize() int { return 8 + 8*int(f.strength) }

func (f *aesField) saltSize() int { return f.keySize() / 2 }

// derive is PBKDF2 with SHA-1: blocks of 20 bytes, from the first-th on, counted
// from 1. The verifier stands in the last block, and that alone tells most wrong
// passwords.
func derive(password string, salt []byte, first, last int) []byte {
	mac := hmac.New(sha1.New, []byte(password))
	var key, u []byte
	for i := first; i <= last; i++ {
		mac.Reset()
		mac.Write(salt)
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(i)))
		u = mac.Sum(u[:0])
		var t [sha1.Size]byte
		copy(t[:], u)
		for range aesRounds - 1 {
			mac.Reset()
			mac.Write(u)
			u = mac.Sum(u[:0])
			for j, b := range u {
				t[j] ^= b
			}
		}
		key = append(key, t[:]...)
	}
	return key
}

// aesKeys are what a password makes of a salt; ok is false when the verifier does
// not fit, which a wrong password passes once in 65,536.
func (f *aesField) aesKeys(password string, salt, verifier []byte) (key, mac []byte, ok bool) {
	n := f.keySize()
	last := (2*n + verifierSize + sha1.Size - 1) / sha1.Size
	tail := derive(password, salt, last, last)
	at := 2*n - (last-1)*sha1.Size
	if !hmac.Equal(tail[at:at+verifierSize], verifier) {
		return nil, nil, false
	}
	all := append(derive(password, salt, 1, last-1), tail...)
	return all[:n], all[n : 2*n], true
}

// counter is AES in counter mode, with the counter as WinZip has it: from 1, low
// byte first.
type counter struct {
	r      io.Reader
	block  cipher.Block
	n      uint64
	stream [aes.BlockSize]byte
	used   int
}

func newCounter(key []byte, r io.Reader) (*counter, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errAES
	}
	return &counter{r: r, block: block, used: aes.BlockSize}, nil
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	for i := range n {
		if c.used == aes.BlockSize {
			c.n++
			var in [aes.BlockSize]byte
			binary.LittleEndian.PutUint64(in[:], c.n)
			c.block.Encrypt(c.stream[:], in[:])
			c.used = 0
		}
		p[i] ^= c.stream[c.used]
		c.used++
	}
	return n, err
}
