package threatqsim

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"net/url"
	"strings"
)

// lockPassword is what everybody who handles samples knows.
const lockPassword = "infected"

// download gives the bytes of a file; of one that is malware-locked, a zip under
// the password of all samples.
func (s *Server) download(c *call) answer {
	n := s.node(c)
	if n == nil {
		return missing("attachment")
	}
	name, content := n.file.name, n.file.content
	if n.file.locked {
		name, content = name+".zip", lockedZip(name, content, []byte(lockPassword))
	}
	if content == nil {
		content = []byte{}
	}
	return answer{code: http.StatusOK, raw: content, header: map[string]string{
		"Content-Type": "application/octet-stream", "Content-Disposition": disposition(name),
	}}
}

// disposition names a file between quotes, where public clients look for it, and
// as RFC 6266 wants it when it is not plain.
func disposition(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '_'
		}
		return r
	}, name)
	if plain == name {
		return `attachment; filename="` + plain + `"`
	}
	return `attachment; filename="` + plain + `"; filename*=UTF-8''` + url.PathEscape(name)
}

// zipKeys are the state of the cipher of PKWARE's APPNOTE 6.1.
type zipKeys [3]uint32

func newZipKeys(password []byte) *zipKeys {
	k := &zipKeys{0x12345678, 0x23456789, 0x34567890}
	for _, b := range password {
		k.update(b)
	}
	return k
}

func (k *zipKeys) update(b byte) {
	k[0] = crc32.IEEETable[byte(k[0])^b] ^ k[0]>>8
	k[1] = (k[1]+k[0]&0xff)*134775813 + 1
	k[2] = crc32.IEEETable[byte(k[2])^byte(k[1]>>24)] ^ k[2]>>8
}

func (k *zipKeys) encrypt(plain []byte) []byte {
	out := make([]byte, len(plain))
	for i, b := range plain {
		t := k[2] | 2
		out[i] = b ^ byte(t*(t^1)>>8)
		k.update(b)
	}
	return out
}

// lockedZip is an archive of one stored member. Its twelve bytes of salt are
// zero but for the check byte: it protects from double clicks, not from readers.
func lockedZip(name string, content, password []byte) []byte {
	name = name[:min(len(name), 1<<16-1)]
	sum := crc32.ChecksumIEEE(content)
	keys := newZipKeys(password)
	salt := make([]byte, 12)
	salt[11] = byte(sum >> 24)
	secret := append(keys.encrypt(salt), keys.encrypt(content)...)
	var z bytes.Buffer
	common := func() {
		// Version, flags (encrypted, name in UTF-8), stored, 1980-01-01 00:00, CRC, sizes, length of the name, no extra field.
		for _, v := range []any{uint16(20), uint16(0x0801), uint16(0), uint16(0), uint16(0x21), sum, uint32(len(secret)), uint32(len(content)), uint16(len(name)), uint16(0)} {
			_ = binary.Write(&z, binary.LittleEndian, v) // to memory
		}
	}
	z.WriteString("PK\x03\x04")
	common()
	z.WriteString(name)
	z.Write(secret)
	directory := z.Len()
	z.WriteString("PK\x01\x02\x14\x00")
	common()
	z.Write(make([]byte, 14)) // comment, disk, attributes, offset of the member: none and 0
	z.WriteString(name)
	end := z.Len()
	z.WriteString("PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00")
	_ = binary.Write(&z, binary.LittleEndian, []uint32{uint32(end - directory), uint32(directory)})
	z.Write([]byte{0, 0})
	return z.Bytes()
}
