package filetype

import (
	"bytes"
	"encoding/binary"
)

// Encrypted tells, from the structure at the edges of a file, whether a
// password is needed to read it. It opens nothing; a format that hides the fact
// elsewhere is seen by the unpacker only.
func Encrypted(kind string, f *File) bool {
	switch kind {
	case "zip", "jar", "apk", "odt", "ods", "odp":
		return zipEncrypted(f)
	case "pdf":
		return pdfEncrypted(f)
	case "7z":
		return sevenZipEncrypted(f)
	case "rar":
		return rarEncrypted(f.Head)
	case "pgp":
		return true
	case "p7m":
		return cmsKind(f.Head) == cmsEnveloped
	}
	if bytes.HasPrefix(f.Head, []byte("\xd0\xcf\x11\xe0")) {
		return oleEncrypted(f)
	}
	return false
}

// zipEncrypted looks at bit 0 of the general purpose flag (APPNOTE 4.4.4).
func zipEncrypted(f *File) bool {
	found := false
	zipHeaders(f, func(flags uint16, name string) { found = found || flags&1 != 0 && name != "" })
	return found
}

// pdfEncrypted looks for the Encrypt entry of a trailer, or of a cross-reference
// stream, at either end (ISO 32000-1 section 7.5.5).
func pdfEncrypted(f *File) bool {
	for _, area := range [...][]byte{f.Tail, f.Head} {
		for {
			i := bytes.Index(area, []byte("/Encrypt"))
			if i < 0 {
				break
			}
			area = area[i+8:]
			if !bytes.HasPrefix(area, []byte("Metadata")) {
				return true
			}
		}
	}
	return false
}

// oleEncrypted knows the stream of encrypted OOXML, the flag of a Word document,
// the FilePass record of a workbook and the stream of an encrypted presentation
// (MS-OFFCRYPTO 2.3, MS-DOC 2.5.2, MS-XLS 2.4.117).
func oleEncrypted(f *File) bool {
	dir := oleDirectory(f)
	if bytes.Contains(dir, utf16le("EncryptedPackage")) || bytes.Contains(dir, utf16le("EncryptedSummary")) {
		return true
	}
	if len(f.Head) < 1024 {
		return false
	}
	first := f.Head[512:] // most writers put the main stream into the first sector
	switch binary.LittleEndian.Uint16(first) {
	case 0xa5ec:
		return binary.LittleEndian.Uint16(first[10:])&0x0100 != 0
	case 0x0809:
		return xlsFilePass(first)
	}
	return false
}

// xlsFilePass walks over the records at the start of a workbook.
func xlsFilePass(b []byte) bool {
	for n := 0; n < 64 && len(b) >= 4; n++ {
		kind, size := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if kind == 0x002f {
			return true
		}
		if 4+size > len(b) || kind == 0x000a {
			return false
		}
		b = b[4+size:]
	}
	return false
}

// sevenZipEncrypted looks for the identifier of the AES coder in the end header.
func sevenZipEncrypted(f *File) bool {
	return bytes.Contains(f.Tail, []byte{0x06, 0xf1, 0x07, 0x01})
}

// rarEncrypted walks over the blocks of both generations of the format.
func rarEncrypted(head []byte) bool {
	if bytes.HasPrefix(head, []byte("Rar!\x1a\x07\x01\x00")) {
		return rar5Encrypted(head[8:])
	}
	if len(head) < 7 {
		return false
	}
	return rar4Encrypted(head[7:])
}

// rar4Encrypted: main header flag 0x80, file header flag 0x04.
func rar4Encrypted(b []byte) bool {
	for n := 0; n < 64 && len(b) >= 11; n++ {
		kind, flags := b[2], binary.LittleEndian.Uint16(b[3:])
		size := int64(binary.LittleEndian.Uint16(b[5:]))
		if kind == 0x73 && flags&0x80 != 0 || kind == 0x74 && flags&0x04 != 0 {
			return true
		}
		if kind == 0x74 || flags&0x8000 != 0 {
			size += int64(binary.LittleEndian.Uint32(b[7:]))
		}
		if size < 7 || size > int64(len(b)) {
			return false
		}
		b = b[size:]
	}
	return false
}

// rar5Encrypted: a header of type 4, or a file header with an encryption record
// in its extra area.
func rar5Encrypted(b []byte) bool {
	for n := 0; n < 64 && len(b) > 8; n++ {
		b = b[4:] // CRC
		size, k := binary.Uvarint(b)
		if k <= 0 || size == 0 || size > uint64(len(b)-k) {
			return false
		}
		body := b[k : k+int(size)]
		kind, k1 := binary.Uvarint(body)
		if k1 <= 0 {
			return false
		}
		if kind == 4 {
			return true
		}
		flags, k2 := binary.Uvarint(body[k1:])
		if k2 <= 0 {
			return false
		}
		rest := body[k1+k2:]
		var extra, data uint64
		if flags&1 != 0 {
			var k3 int
			if extra, k3 = binary.Uvarint(rest); k3 <= 0 {
				return false
			}
			rest = rest[k3:]
		}
		if flags&2 != 0 {
			var k4 int
			if data, k4 = binary.Uvarint(rest); k4 <= 0 {
				return false
			}
		}
		if (kind == 2 || kind == 3) && extra > 0 && extra <= uint64(len(body)) && rar5Extra(body[len(body)-int(extra):]) {
			return true
		}
		next := uint64(k) + size + data
		if next > uint64(len(b)) {
			return false
		}
		b = b[next:]
	}
	return false
}

// rar5Extra looks for a record of type 1 (file encryption).
func rar5Extra(b []byte) bool {
	for n := 0; n < 16 && len(b) > 1; n++ {
		size, k := binary.Uvarint(b)
		if k <= 0 || size == 0 || size > uint64(len(b)-k) {
			return false
		}
		if kind, k2 := binary.Uvarint(b[k:]); k2 > 0 && kind == 1 {
			return true
		}
		b = b[uint64(k)+size:]
	}
	return false
}

// Content types of CMS structures, as far as it matters here.
const (
	cmsSigned = 1 + iota
	cmsEnveloped
	cmsCompressed
)

// cmsKind tells what kind of CMS structure begins; 0 when none does. The object
// identifier of its content type stands within the first bytes (RFC 5652
// section 3, RFC 5083, RFC 3274).
func cmsKind(head []byte) int {
	if len(head) < 16 || head[0] != 0x30 {
		return 0
	}
	near := head[:min(len(head), 40)]
	for _, k := range [...]struct {
		oid  string
		kind int
	}{
		{"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", cmsSigned},
		{"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03", cmsEnveloped},
		{"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17", cmsEnveloped},
		{"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09", cmsCompressed},
	} {
		if bytes.Contains(near, []byte(k.oid)) {
			return k.kind
		}
	}
	return 0
}
