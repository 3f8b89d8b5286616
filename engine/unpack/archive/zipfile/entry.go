package zipfile

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/internal/charset"
)

// Bits of the general purpose flag (APPNOTE 4.4.4).
const (
	flagEncrypted  = 1 << 0
	flagDescriptor = 1 << 3 // sizes and checksum follow the data
	flagLZMAEnd    = 1 << 1 // of method LZMA: a mark ends the stream
	flagStrong     = 1 << 6
	flagUTF8       = 1 << 11
	flagMasked     = 1 << 13 // the local header is empty: the directory is encrypted
)

// Methods (APPNOTE 4.4.5).
const (
	methodStore     = 0
	methodDeflate   = 8
	methodDeflate64 = 9
	methodBzip2     = 12
	methodLZMA      = 14
	methodOldZstd   = 20
	methodZstd      = 93
	methodXZ        = 95
	methodAES       = 99 // the method proper stands in an extra field
)

// Extra fields.
const (
	extraZip64 = 0x0001
	extraName  = 0x7075
	extraAES   = 0x9901
)

// entry is a member, as headers tell it.
type entry struct {
	raw           string // its name
	name          string // in UTF-8
	flags, method uint16
	crc           uint32
	clock         uint16 // time of day, which some writers check passwords by
	packed, size  int64
	disk          uint16
	link          bool  // symbolic
	header        int64 // offset of its local header
	data          int64 // of its data; 0 when that was not found
	aes           *aesField
	hidden        bool // no directory lists it
	plain         bool // encrypted by its flag only
}

// aesField is the extra field of WinZip.
type aesField struct {
	version  uint16 // 2: no checksum beside the authentication code
	strength byte   // 1 to 3: 128, 192, 256 bits
	method   uint16
}

func (e *entry) isFolder() bool {
	return strings.HasSuffix(e.name, "/") || strings.HasSuffix(e.name, `\`) && e.size == 0
}

func (e *entry) encrypted() bool { return e.flags&flagEncrypted != 0 && !e.plain }

// end is where its data ends, as far as it says the truth.
func (e *entry) end() int64 { return e.data + e.packed }

// compression is the method that what was decrypted is packed with.
func (e *entry) compression() uint16 {
	if e.aes != nil && e.method == methodAES {
		return e.aes.method
	}
	return e.method
}

// checksum is that of the content; AE-2 has none.
func (e *entry) checksum() (uint32, bool) {
	return e.crc, e.aes == nil || e.method != methodAES || e.aes.version == 1 && e.crc != 0
}

// extras reads extra fields (APPNOTE 4.5).
func (e *entry) extras(b []byte) {
	for len(b) >= 4 {
		id, n := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if b = b[4:]; n > len(b) {
			return
		}
		e.extra(id, b[:n])
		b = b[n:]
	}
}

func (e *entry) extra(id uint16, b []byte) {
	switch {
	case id == extraZip64:
		e.wide(b)
	case id == extraAES && len(b) >= 7 && e.aes == nil:
		e.aes = &aesField{binary.LittleEndian.Uint16(b), b[4], binary.LittleEndian.Uint16(b[5:])}
	case id == extraName && len(b) > 5 && b[0] == 1 && utf8.Valid(b[5:]):
		if binary.LittleEndian.Uint32(b[1:]) == crc32.ChecksumIEEE([]byte(e.raw)) {
			e.name = string(b[5:])
		}
	}
}

// wide takes those sizes from the ZIP64 field that do not fit the header.
func (e *entry) wide(b []byte) {
	for _, p := range [...]*int64{&e.size, &e.packed, &e.header} {
		if *p != 0xffffffff {
			continue
		}
		if len(b) < 8 {
			return
		}
		*p = max(0, int64(min(binary.LittleEndian.Uint64(b), 1<<62)))
		b = b[8:]
	}
}

// minForeign is how many bytes above ASCII the names of an archive have before
// they are taken for another charset than that of DOS.
const minForeign = 12

// decodeNames makes UTF-8 of names that do not say to be: they are that anyway, or
// in the code page of the sender, which all of them together show.
func decodeNames(all []*entry) {
	var foreign []byte
	for _, e := range all {
		if e.name == "" && !utf8.ValidString(e.raw) && len(foreign) < 8<<10 {
			foreign = append(append(foreign, e.raw...), '\n')
		}
	}
	page := pageOf(foreign)
	for _, e := range all {
		switch {
		case e.name != "":
		case utf8.ValidString(e.raw):
			e.name = e.raw
		default:
			e.name = page(e.raw)
		}
	}
}

func pageOf(names []byte) func(string) string {
	high := 0
	for _, c := range names {
		if c >= utf8.RuneSelf {
			high++
		}
	}
	if high >= minForeign {
		if enc := charset.Detect(names); enc != charset.Western {
			return func(s string) string { return decodeWith(enc, s) }
		}
	}
	return func(s string) string {
		text, _ := charset.ToUTF8("cp437", []byte(s), charset.Detect)
		return text
	}
}

func decodeWith(enc charset.Encoding, s string) string {
	out, err := enc.NewDecoder().String(s)
	if err != nil {
		return strings.ToValidUTF8(s, "\ufffd")
	}
	return out
}

// toUTF8 is what a name that says to be UTF-8 is read as.
func toUTF8(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
