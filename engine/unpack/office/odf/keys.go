package odf

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	//lint:ignore SA1019 OpenOffice before version 3.4 encrypted with it
	"golang.org/x/crypto/blowfish"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/markup"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/zipped"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// Limits of what a manifest may ask for.
const (
	maxRounds  = 1_000_000
	maxMemory  = 96 << 10 // KiB of one derivation by Argon2; LibreOffice asks for 64 MiB
	maxPasses  = 16
	maxLanes   = 64
	maxSpent   = 300_000 // units of 10 us that deriving the keys of all parts may cost
	wholePart  = "encrypted-package"
	checked    = 1024  // bytes that the checksum covers
	roundCost  = 350   // nanoseconds of a round of PBKDF2, for each 20 bytes of key
	kibiCost   = 1050  // nanoseconds that a KiB takes in a pass of Argon2
	unitCost   = 10000 // nanoseconds in a unit
	sizeCost   = 2000  // bytes that are decrypted in a unit
	gcmNonce   = 12
	maxEntries = 10_000
)

var errUnsupported = errors.New("unknown encryption")

// secret is how one part is encrypted (OpenDocument 1.3 part 2, 4.8).
type secret struct {
	part              string
	size              int64
	checksum          []byte
	checksumType      string
	algorithm, start  string
	iv, salt          []byte
	derivation        string
	keySize           int
	rounds            int64
	passes, kib, lane uint32
}

// unlock reads the manifest and finds the password, if parts are encrypted. A
// document may be encrypted whole: then the archive inside is returned.
func (d *document) unlock(ctx context.Context) (*zipped.Archive, error) {
	secrets := d.manifest()
	if len(secrets) == 0 {
		return nil, nil
	}
	d.t.Part.Encrypted = true
	probe := d.probe(secrets)
	if probe == nil {
		return nil, task.Troublef(engine.DefectLying, "the manifest tells of encrypted parts that are not there")
	}
	if err := probe.check(); err != nil {
		d.t.Defect(engine.DefectUnsupported, "%s", err)
		d.t.Locked("%s", err)
		return nil, task.ErrLocked
	}
	raw, err := d.zip.Find(probe.part).Bytes(maxPart)
	if err != nil {
		return nil, err
	}
	var right string
	opened, err := d.t.Unlock(ctx, probe.units()+int64(len(raw))/sizeCost, nil, func(password string) (bool, error) {
		right = password
		return probe.fits(password, raw)
	})
	switch {
	case err != nil:
		return nil, err
	case !opened:
		return nil, task.ErrLocked
	case probe.part == wholePart:
		return d.whole(probe, right, raw)
	}
	d.decryptParts(secrets, right)
	return nil, nil
}

// manifest lists what is encrypted.
func (d *document) manifest() []*secret {
	var all []*secret
	var s *secret
	d.scan(d.zip.Find("META-INF/manifest.xml"), func(m *markup.Scanner) {
		if m.Kind != markup.Start || len(all) >= maxEntries {
			return
		}
		switch m.Name {
		case "file-entry":
			size, _ := strconv.ParseInt(m.Attr("size"), 10, 64)
			s = &secret{part: m.Attr("full-path"), size: size, keySize: 16, start: "sha1"}
		case "encryption-data":
			if s != nil {
				s.checksumType, s.checksum = short(m.Attr("checksum-type")), decode64(m.Attr("checksum"))
				all = append(all, s)
			}
		default:
			s.read(m)
		}
	})
	return all
}

// read takes the fields of a secret from the elements inside encryption-data.
func (s *secret) read(m *markup.Scanner) {
	if s == nil {
		return
	}
	switch m.Name {
	case "algorithm":
		s.algorithm, s.iv = short(m.Attr("algorithm-name")), decode64(m.Attr("initialisation-vector"))
	case "start-key-generation":
		s.start = short(m.Attr("start-key-generation-name"))
	case "key-derivation":
		s.derivation, s.salt = short(m.Attr("key-derivation-name")), decode64(m.Attr("salt"))
		s.rounds, _ = strconv.ParseInt(m.Attr("iteration-count"), 10, 64)
		if n, err := strconv.Atoi(m.Attr("key-size")); err == nil {
			s.keySize = n
		}
		s.passes, s.kib, s.lane = number(m.Attr("argon2-iterations")), number(m.Attr("argon2-memory")), number(m.Attr("argon2-lanes"))
	}
}

func number(s string) uint32 {
	n, _ := strconv.ParseUint(s, 10, 32)
	return uint32(n)
}

// short is the last step of a name, in lower case: names are URLs, URNs or words.
func short(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	if i := strings.LastIndexAny(name, "#:"); i >= 0 {
		name = name[i+1:]
	}
	return name
}

func decode64(s string) []byte {
	b, _ := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	return b
}

// probe is the part by which a password is judged: the content, else the first
// that is there.
func (d *document) probe(secrets []*secret) *secret {
	var first *secret
	for _, s := range secrets {
		if d.zip.Find(s.part) == nil {
			continue
		}
		if s.part == "content.xml" || s.part == wholePart {
			return s
		}
		if first == nil {
			first = s
		}
	}
	return first
}

// check refuses what is unknown, and what would cost more than any honest writer
// asks for.
func (s *secret) check() error {
	switch {
	case s.algorithm != "aes256-cbc" && s.algorithm != "aes192-cbc" && s.algorithm != "aes128-cbc" && s.algorithm != "blowfish cfb" && s.algorithm != "aes256-gcm":
		return fmt.Errorf("%w: %.60q", errUnsupported, s.algorithm)
	case s.start != "sha1" && s.start != "sha256":
		return fmt.Errorf("%w: start key %.60q", errUnsupported, s.start)
	case s.derivation == "argon2id":
		if s.passes < 1 || s.passes > maxPasses || s.kib > maxMemory || s.lane < 1 || s.lane > maxLanes {
			return fmt.Errorf("%w: Argon2 with %d passes over %d KiB in %d lanes", errUnsupported, s.passes, s.kib, s.lane)
		}
	case s.derivation != "pbkdf2":
		return fmt.Errorf("%w: key derivation %.60q", errUnsupported, s.derivation)
	case s.rounds < 1 || s.rounds > maxRounds:
		return fmt.Errorf("%w: a key takes %d rounds, more than %d are not done", errUnsupported, s.rounds, maxRounds)
	}
	if s.keySize < 4 || s.keySize > 56 || s.algorithm[:3] == "aes" && s.keySize != 16 && s.keySize != 24 && s.keySize != 32 {
		return fmt.Errorf("%w: a key of %d bytes", errUnsupported, s.keySize)
	}
	if !s.verifiable() {
		return fmt.Errorf("%w: nothing tells a right password, checksum %.60q", errUnsupported, s.checksumType)
	}
	return nil
}

// verifiable tells whether there is something that judges a password.
func (s *secret) verifiable() bool {
	if s.algorithm == "aes256-gcm" {
		return true
	}
	return s.digest(nil) != nil && len(s.checksum) == len(s.digest(nil))
}

// units is what one key costs.
func (s *secret) units() int64 {
	if s.derivation == "argon2id" {
		return 1 + int64(s.passes)*int64(s.kib)*kibiCost/unitCost
	}
	return 1 + s.rounds*int64((s.keySize+19)/20)*roundCost/unitCost
}

// key makes the key of the part.
func (s *secret) key(password string) ([]byte, error) {
	start := sha256.Sum256([]byte(password))
	seed := start[:]
	if s.start == "sha1" {
		old := sha1.Sum([]byte(password))
		seed = old[:]
	}
	if s.derivation == "argon2id" {
		return argon2.IDKey(seed, s.salt, s.passes, s.kib, uint8(s.lane), uint32(s.keySize)), nil
	}
	return pbkdf2.Key(sha1.New, string(seed), s.salt, int(s.rounds), s.keySize)
}

// digest is the checksum of the beginning of a part, or of all of it; nil when
// the type is not known.
func (s *secret) digest(plain []byte) []byte {
	if strings.HasSuffix(s.checksumType, "1k") {
		plain = plain[:min(len(plain), checked)]
	}
	switch strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(s.checksumType, "1k"), "-"), "/") {
	case "sha1":
		sum := sha1.Sum(plain)
		return sum[:]
	case "sha256":
		sum := sha256.Sum256(plain)
		return sum[:]
	}
	return nil
}

// fits tells whether a password decrypts the part. What the checksum covers is
// the part as it was compressed; its padding may or may not be in it.
func (s *secret) fits(password string, raw []byte) (bool, error) {
	key, err := s.key(password)
	if err != nil {
		return false, err
	}
	if s.algorithm == "aes256-gcm" {
		_, err := s.open(key, raw)
		return err == nil, nil
	}
	n := len(raw)
	if strings.HasSuffix(s.checksumType, "1k") {
		n = min(n, 2*checked)
	}
	r, err := s.stream(key, bytes.NewReader(raw[:n]))
	if err != nil {
		return false, err
	}
	plain, err := io.ReadAll(r)
	if err != nil || len(plain) == 0 {
		return false, nil
	}
	unpadded := plain
	if pad := int(plain[len(plain)-1]); n == len(raw) && pad <= aes.BlockSize && pad <= len(plain) {
		unpadded = plain[:len(plain)-pad]
	}
	return bytes.Equal(s.digest(plain), s.checksum) || bytes.Equal(s.digest(unpadded), s.checksum), nil
}

// open decrypts what carries its own proof.
func (s *secret) open(key, raw []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	if len(raw) < gcmNonce {
		return nil, io.ErrUnexpectedEOF
	}
	return gcm.Open(nil, raw[:gcmNonce], raw[gcmNonce:], nil)
}

// stream decrypts as it is read.
func (s *secret) stream(key []byte, r io.Reader) (io.Reader, error) {
	if s.algorithm == "aes256-gcm" {
		raw, err := io.ReadAll(io.LimitReader(r, maxPart))
		if err != nil {
			return nil, err
		}
		plain, err := s.open(key, raw)
		return bytes.NewReader(plain), err
	}
	if s.algorithm == "blowfish cfb" {
		block, err := blowfish.NewCipher(key)
		if err != nil || len(s.iv) != blowfish.BlockSize {
			return nil, fmt.Errorf("%w: a vector of %d bytes", errUnsupported, len(s.iv))
		}
		return &feedback{r: r, block: block, shift: bytes.Clone(s.iv), at: blowfish.BlockSize}, nil
	}
	block, err := aes.NewCipher(key)
	if err != nil || len(s.iv) != aes.BlockSize {
		return nil, fmt.Errorf("%w: a vector of %d bytes", errUnsupported, len(s.iv))
	}
	return &chained{r: r, mode: cipher.NewCBCDecrypter(block, s.iv)}, nil
}

// feedback is CFB: the block that was encrypted last makes the next mask.
type feedback struct {
	r     io.Reader
	block cipher.Block
	shift []byte // encrypted bytes of this block so far, then the mask's source
	mask  [blowfish.BlockSize]byte
	at    int
}

func (f *feedback) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	for i, c := range p[:n] {
		if f.at == len(f.shift) {
			f.block.Encrypt(f.mask[:], f.shift)
			f.at = 0
		}
		p[i] = c ^ f.mask[f.at]
		f.shift[f.at] = c
		f.at++
	}
	return n, err
}

// chained is CBC; bytes behind the last whole block are left out.
type chained struct {
	r    io.Reader
	mode cipher.BlockMode
	buf  [8 << 10]byte
	out  []byte
	err  error
}

func (c *chained) Read(p []byte) (int, error) {
	for len(c.out) == 0 && c.err == nil {
		n, err := io.ReadFull(c.r, c.buf[:])
		if n -= n % aes.BlockSize; n > 0 {
			c.mode.CryptBlocks(c.buf[:n], c.buf[:n])
		}
		c.out, c.err = c.buf[:n], err
	}
	if len(c.out) == 0 {
		if errors.Is(c.err, io.ErrUnexpectedEOF) {
			return 0, io.EOF
		}
		return 0, c.err
	}
	n := copy(p, c.out)
	c.out = c.out[n:]
	return n, nil
}

// decryptParts makes the archive give parts as they were: decrypted, and inflated
// (OpenDocument 1.3 part 2, 4.8.1). Keys are made when a part is read.
func (d *document) decryptParts(secrets []*secret, password string) {
	spent := int64(0)
	for _, s := range secrets {
		for _, p := range d.zip.Named(s.part) {
			p.Wrap(func(r io.Reader) (io.Reader, error) {
				if err := s.check(); err != nil {
					return nil, err
				}
				if spent += s.units(); spent > maxSpent {
					d.t.Cap(engine.DefectPasswordWork, "the keys of all parts cost more than %d units", maxSpent)
					return nil, task.ErrLocked
				}
				key, err := s.key(password)
				if err != nil {
					return nil, err
				}
				plain, err := s.stream(key, r)
				if err != nil {
					return nil, err
				}
				return flate.NewReader(plain), nil
			})
		}
	}
}

// whole opens a document that was encrypted as one.
func (d *document) whole(s *secret, password string, raw []byte) (*zipped.Archive, error) {
	key, err := s.key(password)
	if err != nil {
		return nil, err
	}
	r, err := s.stream(key, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(plain, []byte("PK")) {
		if plain, err = d.t.ExpandAll(flate.NewReader(bytes.NewReader(plain)), int64(len(plain)), maxPart); err != nil {
			return nil, err
		}
	}
	return zipped.Open(d.t, bytes.NewReader(plain), int64(len(plain)))
}
