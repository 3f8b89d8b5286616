// Package crypt is MS-OFFCRYPTO: what stands between a password and an Office
// document. Of encrypted packages (docx, xlsx, pptx and their kin) it knows the
// standard and the agile scheme, of legacy documents RC4 in both forms and XOR
// obfuscation.
//
// A scheme is parsed, asked what one try costs, tried, and then decrypts. The
// verifier that the file carries is the only judge of a password: a wrong one is
// false, never garbage. Everything here is arithmetic on what it is given; what
// an attacker may choose (rounds, sizes) is capped when it is parsed.
package crypt

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"unicode/utf16"
)

// Errors of parsing.
var (
	// ErrUnsupported says that the scheme is none that is known here.
	ErrUnsupported = errors.New("unknown encryption")
	// ErrFormat says that the description of the encryption is broken.
	ErrFormat = errors.New("broken encryption header")
	// ErrCost says that one try would take longer than any honest writer asks for.
	ErrCost = errors.New("costly encryption")
)

const (
	maxSpin    = 1_000_000 // rounds of hashing per try; Office uses 100,000, the format allows ten million
	maxPass    = 255       // characters of a password (MS-OFFCRYPTO 2.3.4.11)
	unitCost   = 10_000    // nanoseconds of work in one unit
	infoHeader = 8
)

// Scheme is how a package is encrypted.
type Scheme interface {
	// Units is what one Try costs, in units of 10 microseconds of work.
	Units() int64
	// Try tells whether a password is right, and remembers the key when it is.
	// Its error says that no password can be.
	Try(password string) (bool, error)
	// Intact reads the encrypted stream whole and tells whether it is what was
	// encrypted. A scheme that cannot tell says so by true.
	Intact(stream io.Reader) (bool, error)

	decryptAt(b []byte, off int64) error
	blockSize() int
}

// Parse reads an EncryptionInfo stream (MS-OFFCRYPTO 2.3.4).
func Parse(info []byte) (Scheme, error) {
	if len(info) < infoHeader {
		return nil, fmt.Errorf("%w: of %d bytes", ErrFormat, len(info))
	}
	major, minor := binary.LittleEndian.Uint16(info), binary.LittleEndian.Uint16(info[2:])
	switch {
	case major == 4 && minor == 4:
		return ptr(parseAgile(info[infoHeader:]))
	case major >= 2 && major <= 4 && minor == 2:
		return ptr(parseStandard(info[infoHeader:]))
	case (major == 3 || major == 4) && minor == 3:
		return nil, fmt.Errorf("%w: extensible, with a provider of its own", ErrUnsupported)
	}
	return nil, fmt.Errorf("%w: version %d.%d", ErrUnsupported, major, minor)
}

// ptr keeps a nil pointer from becoming a scheme.
func ptr[T Scheme](s T, err error) (Scheme, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Package is a decrypted package for random access: it decrypts what is read,
// when it is read. src is the EncryptedPackage stream; its first eight bytes say
// how long the package is.
type Package struct {
	src    io.ReaderAt
	stored int64 // encrypted bytes
	scheme Scheme
	size   int64
	last   int64 // the segment in buf; -1 when none is
	buf    []byte
}

// Open returns the package that a scheme, its password found, decrypts. honest
// is false when the size that the stream declares is more than it holds.
func Open(scheme Scheme, src io.ReaderAt, size int64) (p *Package, honest bool, err error) {
	var head [8]byte
	if size < 8 {
		return nil, false, fmt.Errorf("%w: a package of %d bytes", ErrFormat, size)
	}
	if _, err := src.ReadAt(head[:], 0); err != nil {
		return nil, false, fmt.Errorf("read encrypted package: %w", err)
	}
	p = &Package{src: src, scheme: scheme, last: -1, stored: size - 8}
	p.stored -= p.stored % int64(scheme.blockSize())
	declared := binary.LittleEndian.Uint64(head[:])
	p.size = int64(min(declared, uint64(p.stored)))
	return p, declared <= uint64(p.stored), nil
}

// Size is that of the package, without padding.
func (p *Package) Size() int64 { return p.size }

// ReadAt implements io.ReaderAt. It is for one goroutine.
func (p *Package) ReadAt(b []byte, off int64) (int, error) {
	done := 0
	for done < len(b) {
		at := off + int64(done)
		if at < 0 || at >= p.size {
			return done, io.EOF
		}
		if err := p.load(at / segment); err != nil {
			return done, err
		}
		from := at % segment
		to := min(int64(len(p.buf)), p.size-p.last*segment)
		if from >= to {
			return done, io.ErrUnexpectedEOF
		}
		done += copy(b[done:], p.buf[from:to])
	}
	return done, nil
}

func (p *Package) load(n int64) error {
	if n == p.last {
		return nil
	}
	buf := make([]byte, min(segment, p.stored-n*segment))
	p.last = -1
	if _, err := p.src.ReadAt(buf, 8+n*segment); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read encrypted package: %w", err)
	}
	if err := p.scheme.decryptAt(buf, n*segment); err != nil {
		return err
	}
	p.buf, p.last = buf, n
	return nil
}

// hashes by their names in agile descriptions. The cost is that of one round, in
// nanoseconds, as measured on a slow machine of 2026.
var hashes = map[string]struct {
	new  func() hash.Hash
	size int
	cost int64
}{
	"MD5":    {md5.New, md5.Size, 200},
	"SHA1":   {sha1.New, sha1.Size, 200},
	"SHA256": {sha256.New, sha256.Size, 200},
	"SHA384": {sha512.New384, sha512.Size384, 450},
	"SHA512": {sha512.New, sha512.Size, 450},
}

var ciphers = map[string]struct {
	new   func(key []byte) (cipher.Block, error)
	block int
}{
	"AES":     {aes.NewCipher, aes.BlockSize},
	"DES":     {des.NewCipher, des.BlockSize},
	"3DES":    {des.NewTripleDESCipher, des.BlockSize},
	"3DES112": {newTwoKeyDES, des.BlockSize},
}

func newTwoKeyDES(key []byte) (cipher.Block, error) {
	if len(key) != 16 {
		return nil, des.KeySizeError(len(key))
	}
	return des.NewTripleDESCipher(append(append([]byte{}, key...), key[:8]...))
}

// utf16le is a password as all schemes but XOR hash it.
func utf16le(s string) []byte {
	units := utf16.Encode([]rune(s))
	units = units[:min(len(units), maxPass)]
	b := make([]byte, 0, 2*len(units))
	for _, u := range units {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func sum(h hash.Hash, parts ...[]byte) []byte {
	h.Reset()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// spin hashes salt and password, then the result again and again, each time
// behind the number of the round.
func spin(h hash.Hash, salt, password []byte, rounds int64) []byte {
	digest := sum(h, salt, password)
	b := make([]byte, 4+len(digest))
	copy(b[4:], digest)
	for i := range rounds {
		binary.LittleEndian.PutUint32(b, uint32(i))
		h.Reset()
		h.Write(b)
		h.Sum(b[4:4])
	}
	return b[4:]
}
