package threatq

import (
	"archive/zip"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// lockWord is the password that the platform is delivered with for files that
// are kept as malware.
const lockWord = "infected"

// download is the SHA-256 of a file of size bytes at the server. Files that are
// kept as malware come in a locked zip. "" means that what came cannot be read
// here: another password, or a cipher other than that of old zips.
func (s *Sink) download(ctx context.Context, id, size int64) (string, error) {
	var spool engine.Spool
	c := call{method: http.MethodGet, path: fmt.Sprintf("/attachments/%d/download", id), size: size}
	c.into = func(r io.Reader) error {
		spool = engine.Spool{}
		_, err := io.Copy(&spool, io.LimitReader(r, size+size/8+1<<20))
		return err
	}
	status, raw, err := s.api.send(ctx, &c)
	if err != nil {
		return "", err
	}
	if status >= 300 {
		return "", newFault(&c, refusal(status, raw))
	}
	r, err := spool.Blob().Open()
	if err != nil {
		return "", fmt.Errorf("read what was downloaded: %w: %w", engine.ErrTemporary, err)
	}
	defer r.Close()
	if spool.Len() != size {
		return unlocked(r, spool.Len(), size), nil
	}
	got, err := sumsFrom(r)
	return got.sha256, err
}

// refusal is never nil.
func refusal(status int, raw []byte) error {
	if e := wire.Refusal(status, raw); e != nil {
		return e
	}
	return &wire.Error{Status: status}
}

// unlocked is the SHA-256 of the one member of a locked zip; "" when it is none,
// or not of that size.
func unlocked(r io.Reader, length, size int64) string {
	at, ok := r.(io.ReaderAt)
	if !ok {
		return ""
	}
	z, err := zip.NewReader(at, length)
	if err != nil || len(z.File) != 1 || z.File[0].Flags&1 == 0 {
		return ""
	}
	member, err := openLocked(z.File[0])
	if err != nil {
		return ""
	}
	got, err := sumsFrom(io.LimitReader(member, size+1))
	if err != nil || got.size != size {
		return ""
	}
	return got.sha256
}

func openLocked(f *zip.File) (io.Reader, error) {
	raw, err := f.OpenRaw()
	if err != nil {
		return nil, err
	}
	plain := newZipCipher(raw, lockWord)
	if _, err := io.CopyN(io.Discard, plain, 12); err != nil { // a random head
		return nil, err
	}
	switch f.Method {
	case zip.Store:
		return plain, nil
	case zip.Deflate:
		return flate.NewReader(plain), nil
	default:
		return nil, errors.New("a method other than the usual two")
	}
}

// zipCipher is the traditional cipher of zip files (APPNOTE 6.1): weak, and what
// everybody uses to keep malware from being opened by accident.
type zipCipher struct {
	r          io.Reader
	k0, k1, k2 uint32
}

func newZipCipher(r io.Reader, password string) *zipCipher {
	z := &zipCipher{r, 0x12345678, 0x23456789, 0x34567890}
	for i := range len(password) {
		z.mix(password[i])
	}
	return z
}

func (z *zipCipher) mix(b byte) {
	z.k0 = crc32.IEEETable[byte(z.k0)^b] ^ z.k0>>8
	z.k1 = (z.k1+z.k0&0xff)*134775813 + 1
	z.k2 = crc32.IEEETable[byte(z.k2)^byte(z.k1>>24)] ^ z.k2>>8
}

// Read implements io.Reader.
func (z *zipCipher) Read(p []byte) (int, error) {
	n, err := z.r.Read(p)
	for i := range p[:n] {
		t := z.k2 | 2
		p[i] ^= byte(t * (t ^ 1) >> 8)
		z.mix(p[i])
	}
	return n, err
}
