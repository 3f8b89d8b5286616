package pdf

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rc4"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// The price of one try, in units of 10 us: as user and as owner password. Those
// of revision 6 cost what they cost whatever the file says: its rounds end by
// chance, after 64 to about 90.
const (
	priceMD5  = 15
	priceSHA2 = 2
	priceR6   = 300
)

// maxPassword is how many bytes of a password are tried.
const maxPassword = 512

// maxID is how many bytes of the identifier of a file are hashed for every
// password; all have 16.
const maxID = 1024

// cipherOf is what a crypt filter does.
type cipherOf int

const (
	noCipher cipherOf = iota
	rc4Cipher
	aes128
	aes256
)

func (c cipherOf) String() string {
	return [...]string{"none", "RC4", "AES-128", "AES-256"}[c]
}

// crypt decrypts with the key of a file. A nil one does nothing.
type crypt struct {
	key                      []byte
	streams, strings, inside cipherOf // inside: of embedded files
	byName                   map[name]cipherOf
	metadata                 bool // is encrypted, too
}

// encryption is what the Encrypt dictionary says (7.6).
type encryption struct {
	v, r, length   int
	o, u, oe, ue   string
	p              int
	id             string
	plan           crypt
	metadata       bool
	candidateSizes []int // bytes of the key, as the file may mean it
}

// unlock finds the key. ok is false when there is none among the candidates, and
// what is encrypted must not be looked at.
func (f *file) unlock(ctx context.Context) (ok bool, err error) {
	d := f.dict(f.trailer["Encrypt"])
	if d == nil {
		return true, nil
	}
	e, why := f.encryption(d)
	if e != nil {
		f.t.Fact("encryption", fmt.Sprintf("R%d %s", e.r, e.what()))
	}
	if why != "" {
		f.t.Locked("%s", why)
		return false, nil
	}
	var key []byte
	ok, err = f.t.Unlock(ctx, e.price(), []string{""}, func(password string) (bool, error) {
		key, f.password = e.open(password), password
		return key != nil, nil
	})
	if !ok {
		f.closed = e.plan.streams == noCipher && e.plan.strings == noCipher && e.v >= 4
		return false, err
	}
	if e.open("") != nil {
		f.t.Fact("permissions", "owner password")
	}
	c := e.plan
	c.key = key
	f.crypt = &c
	f.forget() // its strings are not decrypted
	f.held, f.heldN = map[int]*lexer{}, 0
	return true, nil
}

// encryption reads the dictionary; why says what it is that we cannot open.
func (f *file) encryption(d dict) (e *encryption, why string) {
	if h := f.name(d["Filter"]); h != "Standard" {
		return nil, fmt.Sprintf("encrypted by %.40q, not by a password", string(h))
	}
	e = &encryption{
		v: f.whole(d["V"]), r: f.whole(d["R"]), length: f.whole(d["Length"]) / 8, p: f.whole(d["P"]), metadata: true,
		o: f.bytes(d["O"]), u: f.bytes(d["U"]), oe: f.bytes(d["OE"]), ue: f.bytes(d["UE"]),
	}
	if id := f.array(f.trailer["ID"]); len(id) > 0 {
		e.id = f.bytes(id[0])
		e.id = e.id[:min(len(e.id), maxID)]
	}
	if m, ok := f.get(d["EncryptMetadata"]).(bool); ok {
		e.metadata = m
	}
	e.plan.metadata = e.metadata || e.v < 4
	f.cryptFilters(e, d)
	switch {
	case e.r < 2 || e.r > 6 || e.v < 1 || e.v > 5 || e.v == 3:
		return e, fmt.Sprintf("encryption V%d R%d is not known", e.v, e.r)
	case e.r >= 5 && (len(e.o) < 48 || len(e.u) < 48 || len(e.oe) < 32 || len(e.ue) < 32), e.r < 5 && (len(e.o) < 32 || len(e.u) < 16):
		return e, "the keys of the encryption are too short"
	}
	return e, ""
}

// cryptFilters reads which cipher is for what (7.6.5).
func (f *file) cryptFilters(e *encryption, d dict) {
	c := &e.plan
	if e.v < 4 {
		c.streams, c.strings, c.inside = rc4Cipher, rc4Cipher, rc4Cipher
		e.candidateSizes = []int{5}
		if e.v > 1 && e.length >= 5 && e.length <= 16 {
			e.candidateSizes = []int{e.length}
		}
		return
	}
	e.candidateSizes = []int{16}
	c.byName = map[name]cipherOf{}
	for n, v := range f.dict(d["CF"]) {
		filter := f.dict(v)
		c.byName[n] = map[name]cipherOf{"V2": rc4Cipher, "AESV2": aes128, "AESV3": aes256}[f.name(filter["CFM"])]
		size := f.whole(filter["Length"])
		if size >= 40 {
			size /= 8 // some writers count bits
		}
		if c.byName[n] == rc4Cipher && size >= 5 && size < 16 && !slices.Contains(e.candidateSizes, size) && len(e.candidateSizes) < 3 {
			e.candidateSizes = append(e.candidateSizes, size)
		}
	}
	c.streams, c.strings = c.byName[f.name(d["StmF"])], c.byName[f.name(d["StrF"])]
	if c.inside = c.streams; f.name(d["EFF"]) != "" {
		c.inside = c.byName[f.name(d["EFF"])]
	}
}

func (e *encryption) what() string {
	strongest := max(e.plan.streams, e.plan.strings, e.plan.inside)
	for _, c := range e.plan.byName {
		strongest = max(strongest, c)
	}
	if strongest == rc4Cipher {
		return fmt.Sprintf("RC4-%d", e.candidateSizes[0]*8)
	}
	return strongest.String()
}

func (e *encryption) price() int64 {
	switch {
	case e.r == 6:
		return priceR6
	case e.r == 5:
		return priceSHA2
	}
	return priceMD5 * int64(len(e.candidateSizes))
}

// open returns the key of the file when a password is right, as that of a user
// or of the owner; else nil.
func (e *encryption) open(password string) []byte {
	for _, p := range e.spellings(password) {
		if e.r >= 5 {
			if key := e.openSHA2(p); key != nil {
				return key
			}
			continue
		}
		for _, size := range e.candidateSizes {
			if key := e.openMD5(p, size); key != nil {
				return key
			}
		}
	}
	return nil
}

// spellings are the bytes a password may have been made of. The standard has one
// for each revision; writers use others, too.
func (e *encryption) spellings(password string) []string {
	all, longest := []string{}, 32
	if e.r >= 5 {
		longest = 127
	}
	add := func(s string) {
		if s = s[:min(len(s), longest)]; !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	if e.r >= 5 {
		add(saslPrep(password))
	} else if s, ok := toPDFDoc(password); ok {
		add(s)
	}
	add(password)
	if e.r >= 5 && len(password) > longest && len(password) <= maxPassword { // QUIRK: qpdf 11 does not cut it
		all = append(all, saslPrep(password))
	}
	return all
}

// saslPrep is RFC 4013 without its refusals: a password that it forbids was
// typed nevertheless.
func saslPrep(s string) string {
	return norm.NFKC.String(strings.Map(func(r rune) rune {
		switch {
		case r == 0x00ad, r == 0x034f, r == 0x1806, r >= 0x180b && r <= 0x180d, r >= 0x200b && r <= 0x200d, r == 0x2060, r >= 0xfe00 && r <= 0xfe0f, r == 0xfeff:
			return -1 // B.1 of RFC 3454
		case r != ' ' && unicode.Is(unicode.Zs, r):
			return ' '
		}
		return r
	}, s))
}

var padding = []byte("\x28\xbf\x4e\x5e\x4e\x75\x8a\x41\x64\x00\x4e\x56\xff\xfa\x01\x08\x2e\x2e\x00\xb6\xd0\x68\x3e\x80\x2f\x0c\xa9\xfe\x64\x53\x69\x7a")

func padded(p []byte) []byte {
	return append(slices.Clone(p[:min(len(p), 32)]), padding...)[:32]
}

// openMD5 is revisions 2 to 4: as user (Algorithm 6), then as owner (Algorithm 7).
func (e *encryption) openMD5(password string, size int) []byte {
	if key := e.userMD5([]byte(password), size); key != nil {
		return key
	}
	h := md5.Sum(padded([]byte(password)))
	if e.r >= 3 {
		for range 50 {
			h = md5.Sum(h[:])
		}
	}
	user := []byte(e.o[:32])
	if e.r == 2 {
		rc4XOR(h[:size], user)
		return e.userMD5(user, size)
	}
	for i := 19; i >= 0; i-- {
		rc4XOR(xored(h[:size], byte(i)), user)
	}
	return e.userMD5(user, size)
}

func (e *encryption) userMD5(password []byte, size int) []byte {
	in := append(padded(password), e.o[:32]...)
	in = binary.LittleEndian.AppendUint32(in, uint32(e.p))
	in = append(in, e.id...)
	if e.r >= 4 && !e.metadata {
		in = append(in, 0xff, 0xff, 0xff, 0xff)
	}
	h := md5.Sum(in)
	if e.r >= 3 {
		for range 50 {
			h = md5.Sum(h[:size])
		}
	}
	key := slices.Clone(h[:size])
	if e.checkMD5(key) {
		return key
	}
	return nil
}

// checkMD5 compares what a key makes with U (Algorithms 4 and 5).
func (e *encryption) checkMD5(key []byte) bool {
	if e.r == 2 {
		want := slices.Clone(padding)
		rc4XOR(key, want)
		return len(e.u) >= 32 && subtle.ConstantTimeCompare(want, []byte(e.u[:32])) == 1
	}
	h := md5.Sum(append(slices.Clone(padding), e.id...))
	want := h[:]
	for i := range 20 {
		rc4XOR(xored(key, byte(i)), want)
	}
	return subtle.ConstantTimeCompare(want, []byte(e.u[:16])) == 1
}

func xored(key []byte, x byte) []byte {
	out := make([]byte, len(key))
	for i, b := range key {
		out[i] = b ^ x
	}
	return out
}

func rc4XOR(key, b []byte) {
	if c, err := rc4.NewCipher(key); err == nil {
		c.XORKeyStream(b, b)
	}
}

// openSHA2 is revisions 5 and 6 (ISO 32000-2, Algorithm 2.A).
func (e *encryption) openSHA2(password string) []byte {
	for _, owner := range [...]bool{false, true} {
		check, wrapped, user := e.u, e.ue, ""
		if owner {
			check, wrapped, user = e.o, e.oe, e.u[:48]
		}
		if string(e.hash(password, check[32:40], user)) != check[:32] {
			continue
		}
		block, _ := aes.NewCipher(e.hash(password, check[40:48], user))
		key := make([]byte, 32)
		cipher.NewCBCDecrypter(block, make([]byte, 16)).CryptBlocks(key, []byte(wrapped[:32]))
		return key
	}
	return nil
}

// hash is SHA-256 for revision 5 and Algorithm 2.B for revision 6.
func (e *encryption) hash(password, salt, user string) []byte {
	h := sha256.Sum256([]byte(password + salt + user))
	k := h[:]
	if e.r < 6 {
		return k
	}
	for round := 0; ; round++ {
		in := bytes.Repeat(append(append([]byte(password), k...), user...), 64)
		block, _ := aes.NewCipher(k[:16])
		cipher.NewCBCEncrypter(block, k[16:32]).CryptBlocks(in, in)
		sum := 0
		for _, b := range in[:16] {
			sum += int(b)
		}
		k = sumOf(sum%3, in)
		if round >= 63 && int(in[len(in)-1]) <= round-31 {
			return k[:32]
		}
	}
}

func sumOf(kind int, b []byte) []byte {
	switch kind {
	case 0:
		h := sha256.Sum256(b)
		return h[:]
	case 1:
		h := sha512.Sum384(b)
		return h[:]
	}
	h := sha512.Sum512(b)
	return h[:]
}

// stream decrypts the bytes of a stream, unless it is one that is never encrypted.
func (c *crypt) stream(s *stream, raw []byte) []byte {
	if c == nil || s.dict["Type"] == name("XRef") || s.dict["Type"] == name("Metadata") && !c.metadata {
		return raw
	}
	if s.dict["Type"] == name("EmbeddedFile") {
		return c.decrypt(c.inside, s.id, raw)
	}
	return c.decrypt(c.streams, s.id, raw)
}

// named is for a stream that names its crypt filter itself.
func (c *crypt) named(n name, id ref, raw []byte) []byte {
	if c == nil {
		return raw
	}
	return c.decrypt(c.byName[n], id, raw)
}

// decrypt is Algorithms 1 and 1.A. It does not change b.
func (c *crypt) decrypt(how cipherOf, id ref, b []byte) []byte {
	switch how {
	case rc4Cipher:
		out := slices.Clone(b)
		rc4XOR(c.objectKey(id, ""), out)
		return out
	case aes128:
		return uncbc(c.objectKey(id, "sAlT"), b)
	case aes256:
		return uncbc(c.key, b)
	}
	return b
}

func (c *crypt) objectKey(id ref, salt string) []byte {
	in := append(slices.Clone(c.key), byte(id.num), byte(id.num>>8), byte(id.num>>16), byte(id.gen), byte(id.gen>>8))
	h := md5.Sum(append(in, salt...))
	return h[:min(len(c.key)+5, 16)]
}

// uncbc decrypts AES-CBC behind its initialisation vector. Bytes behind the last
// whole block, and a padding that is none, are left out and left in.
func uncbc(key, b []byte) []byte {
	n := len(b)/16*16 - 16
	block, err := aes.NewCipher(key)
	if n <= 0 || err != nil {
		return nil
	}
	out := make([]byte, n)
	cipher.NewCBCDecrypter(block, b[:16]).CryptBlocks(out, b[16:16+n])
	if pad := int(out[n-1]); pad >= 1 && pad <= 16 {
		out = out[:n-pad]
	}
	return out
}

// decrypt decrypts the strings of an object.
func (f *file) decrypt(v any, id ref) any {
	if f.crypt == nil || f.crypt.strings == noCipher || f.trailer["Encrypt"] == any(id) {
		return v
	}
	return f.decryptValue(v, id)
}

func (f *file) decryptValue(v any, id ref) any {
	switch v := v.(type) {
	case str:
		return str(f.crypt.decrypt(f.crypt.strings, id, []byte(v)))
	case array:
		for i := range v {
			v[i] = f.decryptValue(v[i], id)
		}
	case dict:
		for k := range v {
			v[k] = f.decryptValue(v[k], id)
		}
	}
	return v
}
