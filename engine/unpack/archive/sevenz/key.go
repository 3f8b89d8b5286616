package sevenz

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"sync"
	"unicode/utf16"

	"github.com/bodgit/sevenzip"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive/codec"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// maxPower bounds the rounds of the key derivation to 2^24; 7-Zip writes 2^19.
const maxPower = 24

// rawKey is the power that stands for no derivation at all.
const rawKey = 0x3f

// keyParams are the properties of the AES coder.
type keyParams struct {
	power    byte
	salt, iv []byte
}

func newKeyParams(p []byte) (keyParams, error) {
	if len(p) < 2 {
		return keyParams{}, errHeader
	}
	k := keyParams{power: p[0] & 0x3f}
	salt, iv := int(p[0]>>7+p[1]>>4), int(p[0]>>6&1+p[1]&15)
	if len(p) < 2+salt+iv || iv > aes.BlockSize {
		return k, errHeader
	}
	if k.power > maxPower && k.power != rawKey {
		return k, task.Troublef(engine.DefectPasswordWork, "trying a password takes 2^%d rounds, more than 2^%d are not done", k.power, maxPower)
	}
	k.salt, k.iv = p[2:2+salt], make([]byte, aes.BlockSize)
	copy(k.iv, p[2+salt:2+salt+iv])
	return k, nil
}

func (k keyParams) same(o keyParams) bool { return k.power == o.power && bytes.Equal(k.salt, o.salt) }

// keyring are the keys that a password makes for the folders of an archive. The
// library passes it to the AES coder as the password, so that a key is derived
// once, however many folders there are.
type keyring string

func newKeyring(all []keyParams, password string) keyring {
	var b strings.Builder
	for _, p := range all {
		fmt.Fprintf(&b, "%s=%x;", p.label(), p.key(password))
	}
	return keyring(b.String())
}

func (k *keyParams) label() string { return fmt.Sprintf("%d-%x", k.power, k.salt) }

// key is that of one folder; nil when there is none.
func (r keyring) key(p *keyParams) []byte {
	for entry := range strings.SplitSeq(string(r), ";") {
		if label, hexKey, ok := strings.Cut(entry, "="); ok && label == p.label() {
			key, _ := hex.DecodeString(hexKey)
			return key
		}
	}
	return nil
}

// units is the price of one key: 2^19 rounds are about 20 milliseconds.
func (k *keyParams) units() int64 {
	if k.power == rawKey {
		return 1
	}
	return 1 + int64(1)<<k.power/300
}

// key is SHA-256 over 2^power times salt, password in UTF-16 and a counter.
func (k *keyParams) key(password string) []byte {
	secret := append([]byte{}, k.salt...)
	for _, u := range utf16.Encode([]rune(password)) {
		secret = binary.LittleEndian.AppendUint16(secret, u)
	}
	if k.power == rawKey {
		key := make([]byte, sha256.Size)
		copy(key, secret)
		return key
	}
	h := sha256.New()
	const batch = 64 // rounds that are hashed at once
	block := make([]byte, 0, batch*(len(secret)+8))
	for i := range uint64(1) << k.power {
		block = append(append(block, secret...), 0, 0, 0, 0, 0, 0, 0, 0)
		binary.LittleEndian.PutUint64(block[len(block)-8:], i)
		if len(block) == cap(block) {
			h.Write(block)
			block = block[:0]
		}
	}
	h.Write(block)
	return h.Sum(nil)
}

// cbc decrypts whole blocks.
type cbc struct {
	r    io.Reader
	mode cipher.BlockMode
	buf  [4096]byte
	have []byte
}

func newCBC(key, iv []byte, r io.Reader) (*cbc, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("7z: %w", err)
	}
	return &cbc{r: r, mode: cipher.NewCBCDecrypter(block, iv)}, nil
}

func (c *cbc) Read(p []byte) (int, error) {
	if len(c.have) == 0 {
		n, err := io.ReadFull(c.r, c.buf[:])
		n -= n % aes.BlockSize
		if n == 0 {
			if err == nil || err == io.ErrUnexpectedEOF {
				err = io.EOF
			}
			return 0, err
		}
		c.mode.CryptBlocks(c.buf[:n], c.buf[:n])
		c.have = c.buf[:n]
	}
	n := copy(p, c.have)
	c.have = c.have[n:]
	return n, nil
}

// register puts coders into the library whose memory and work are bounded. Its own
// AES coder writes the password over the properties of the folder.
var register = sync.OnceFunc(func() {
	sevenzip.RegisterDecompressor([]byte(coderAES), func(p []byte, _ uint64, in []io.ReadCloser) (io.ReadCloser, error) {
		if len(in) != 1 {
			return nil, errHeader
		}
		k, err := newKeyParams(p)
		return &lockedFolder{params: k, in: in[0]}, err
	})
	sevenzip.RegisterDecompressor([]byte(coderZstd), func(_ []byte, _ uint64, in []io.ReadCloser) (io.ReadCloser, error) {
		if len(in) != 1 {
			return nil, errHeader
		}
		return codec.Zstd(in[0])
	})
})

// lockedFolder is the AES coder.
type lockedFolder struct {
	params keyParams
	in     io.ReadCloser
	plain  *cbc
}

// Password is called by the library with a keyring.
func (l *lockedFolder) Password(keys string) error {
	var err error
	if key := keyring(keys).key(&l.params); key != nil {
		l.plain, err = newCBC(key, l.params.iv, l.in)
	}
	return err
}

func (l *lockedFolder) Read(p []byte) (int, error) {
	if l.plain == nil {
		return 0, errors.New("7z: it is locked")
	}
	return l.plain.Read(p)
}

func (l *lockedFolder) Close() error { return l.in.Close() }

// decodeHeader unpacks the header proper, as its description says: one packed
// stream through a chain of coders.
func decodeHeader(r io.ReaderAt, s *streams, key []byte) ([]byte, error) {
	f := &s.folders[0]
	if len(s.packed) == 0 || f.size() > maxHeader || s.at > 1<<60 || s.packed[0] > 1<<60 {
		return nil, errHeader
	}
	in, err := f.chain(f.outer, key, io.NewSectionReader(r, signatureSize+int64(s.at), int64(s.packed[0])), 0)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(in, int64(f.size())))
	if err != nil {
		return nil, fmt.Errorf("7z: %w", err)
	}
	if uint64(len(b)) != f.size() || f.hasCRC && crc32.ChecksumIEEE(b) != f.crc {
		return nil, fmt.Errorf("7z: header: %w", codec.ErrChecksum)
	}
	return b, nil
}

// chain is what comes out of a coder: coders with one stream in and one out are
// numbered as their streams are.
func (f *folder) chain(i int, key []byte, packed io.Reader, depth int) (io.Reader, error) {
	if i >= len(f.coders) || depth > maxCoders || f.coders[i].in != 1 || f.coders[i].out != 1 {
		return nil, errHeader
	}
	in := packed
	if from, fed := f.feeds[uint64(i)]; fed {
		var err error
		if in, err = f.chain(int(from), key, packed, depth+1); err != nil {
			return nil, err
		}
	}
	return f.coders[i].reader(in, f.sizes, i, key)
}

func (k *coder) reader(in io.Reader, sizes []uint64, i int, key []byte) (io.Reader, error) {
	switch k.method {
	case "\x00":
		return in, nil
	case coderLZMA:
		if i >= len(sizes) || sizes[i] > maxHeader {
			return nil, errHeader
		}
		return codec.RawLZMA(k.properties, int64(sizes[i]), in)
	case coderLZMA2:
		if len(k.properties) != 1 {
			return nil, errHeader
		}
		return codec.LZMA2(k.properties[0], in)
	case coderAES:
		p, err := newKeyParams(k.properties)
		if err != nil {
			return nil, err
		}
		return newCBC(key, p.iv, in)
	}
	return nil, task.Troublef(engine.DefectUnsupported, "a header packed with method %x", k.method)
}
