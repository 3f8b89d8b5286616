// Package filetype tells what a file is by its edges: its type, whether a
// password is needed to read it, and what of its name is safe to show. It reads
// nothing but the windows it is given, and no name is ever taken for a path.
package filetype

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"strings"
)

// Edge is how many bytes of the beginning and of the end of a file are looked at.
const Edge = 64 << 10

// File is what is known of a file before anything reads it.
type File struct {
	Extension   string // of its name, lower case, without the dot
	ContentType string // as declared, lower case, without parameters; "" when it was not
	Head, Tail  []byte // at most Edge bytes each; they overlap in a short file
	// At returns up to n bytes from an offset; nil when only the edges are at hand.
	At func(off int64, n int) []byte
}

// signature is a mark of a file type at a fixed place.
type signature struct {
	at   int
	mark string
	kind string
}

// signatures are tried in order; the kinds that need a closer look are in refine.
var signatures = []signature{
	{0, "PK\x03\x04", "zip"},
	{0, "PK\x05\x06", "zip"},
	{0, "PK00PK\x03\x04", "zip"},
	{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"},
	{0, "{\\rtf", "rtf"},
	{0, "{\\rt", "rtf"},
	{0, "7z\xbc\xaf\x27\x1c", "7z"},
	{0, "Rar!\x1a\x07", "rar"},
	{0, "\x1f\x8b", "gz"},
	{0, "BZh", "bz2"},
	{0, "\xfd7zXZ\x00", "xz"},
	{0, "\x28\xb5\x2f\xfd", "zst"},
	{257, "ustar", "tar"},
	{0, "MSCF", "cab"},
	{0, "LZIP", "lz"},
	{7, "**ACE**", "ace"},
	{2, "-lh", "lzh"},
	{0, "\x60\xea", "arj"},
	{0, "\x5d\x00\x00", "lzma"},
	{32769, "CD001", "iso"},
	{32769, "BEA01", "iso"},
	{32769, "NSR0", "iso"},
	{0, "vhdxfile", "vhdx"},
	{0, "conectix", "vhd"},
	{0, "!BDN", "pst"},
	{0, "\x78\x9f\x3e\x22", "tnef"},
	{0, "L\x00\x00\x00\x01\x14\x02\x00", "lnk"},
	{0, "MZ", "exe"},
	{0, "\x7fELF", "elf"},
	{0, "\xcf\xfa\xed\xfe", "macho"},
	{0, "\xce\xfa\xed\xfe", "macho"},
	{0, "\xca\xfe\xba\xbe", "macho"},
	{0, "dex\n", "dex"},
	{0, "ITSF", "chm"},
	{0, "%!PS", "ps"},
	{0, "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "one"},
	{0, "SQLite format 3", "sqlite"},
	{4, "Standard Jet DB", "mdb"},
	{4, "Standard ACE DB", "accdb"},
	{0, "AT&TFORM", "djvu"},
	{0, "wOFF", "woff"},
	{0, "wOF2", "woff2"},
	{0, "\x89PNG\r\n\x1a\n", "png"},
	{0, "\xff\xd8\xff", "jpg"},
	{0, "GIF87a", "gif"},
	{0, "GIF89a", "gif"},
	{8, "WEBP", "webp"},
	{0, "II*\x00", "tif"},
	{0, "MM\x00*", "tif"},
	{0, "\x00\x00\x01\x00", "ico"},
	{0, "\xd7\xcd\xc6\x9a", "wmf"},
	{40, " EMF", "emf"},
	{0, "8BPS", "psd"},
	{0, "ID3", "mp3"},
	{0, "\xff\xfb", "mp3"},
	{4, "ftypheic", "heic"},
	{4, "ftypM4A", "m4a"},
	{4, "ftyp", "mp4"},
	{8, "WAVE", "wav"},
	{8, "AVI ", "avi"},
	{0, "OggS", "ogg"},
	{0, "fLaC", "flac"},
	{0, "\x1aE\xdf\xa3", "mkv"},
	{0, "FWS", "swf"},
	{0, "CWS", "swf"},
	{0, "Cr24", "crx"},
	{0, "\x00asm", "wasm"},
	{0, "-----BEGIN PGP MESSAGE", "pgp"},
	{0, "-----BEGIN PKCS7", "p7m"},
	{0, "-----BEGIN CMS", "p7m"},
	{0, "BM", "bmp"},
}

// Detect tells what a file is by its bytes, and where bytes say nothing (plain
// text, scripts) by its name. It is "" when neither does.
func Detect(f *File) string {
	head := f.Head
	if cmsKind(head) != 0 {
		if f.Extension == "p7s" {
			return "p7s"
		}
		return "p7m"
	}
	if i := bytes.Index(head[:min(len(head), 1024)], []byte("%PDF-")); i == 0 || i > 0 && !isMailHead(head) {
		return "pdf" // readers accept junk before the mark, but a mail that holds a PDF is a mail
	}
	for _, s := range signatures {
		if len(head) >= s.at+len(s.mark) && string(head[s.at:s.at+len(s.mark)]) == s.mark {
			return refine(s.kind, f)
		}
	}
	if bytes.HasSuffix(f.Tail, []byte("koly")) || len(f.Tail) >= 512 && bytes.HasPrefix(f.Tail[len(f.Tail)-512:], []byte("koly")) {
		return "dmg"
	}
	if len(f.Tail) >= 512 && bytes.HasPrefix(f.Tail[len(f.Tail)-512:], []byte("conectix")) {
		return "vhd"
	}
	return textType(f)
}

// refine looks closer where one signature stands for many types.
func refine(kind string, f *File) string {
	switch kind {
	case "zip":
		return zipType(f)
	case "ole":
		return oleType(f)
	case "exe":
		if f.Extension == "dll" || f.Extension == "scr" || f.Extension == "cpl" {
			return f.Extension
		}
		if len(f.Head) < 64 { // "MZ" and nothing more is text
			return textType(f)
		}
	case "bmp", "arj", "lzma", "ico":
		if len(f.Head) < 16 {
			return textType(f)
		}
	}
	return kind
}

// zipMarks are names of members that tell formats built on ZIP apart.
var zipMarks = []struct{ name, kind string }{
	{"xl/vbaProject.bin", "xlsm"},
	{"word/vbaProject.bin", "docm"},
	{"ppt/vbaProject.bin", "pptm"},
	{"xl/workbook.bin", "xlsb"},
	{"word/document", "docx"},
	{"xl/workbook", "xlsx"},
	{"ppt/presentation", "pptx"},
	{"visio/document", "vsdx"},
	{"AndroidManifest.xml", "apk"},
	{"AppxManifest.xml", "appx"},
	{"META-INF/MANIFEST.MF", "jar"},
	{"doc.kml", "kmz"},
	{"word/", "docx"},
	{"xl/", "xlsx"},
	{"ppt/", "pptx"},
}

// odfTypes are the media types that the first member of an OpenDocument or EPUB
// file holds uncompressed.
var odfTypes = []struct{ mime, kind string }{
	{"application/vnd.oasis.opendocument.text", "odt"},
	{"application/vnd.oasis.opendocument.spreadsheet", "ods"},
	{"application/vnd.oasis.opendocument.presentation", "odp"},
	{"application/vnd.oasis.opendocument.graphics", "odg"},
	{"application/epub+zip", "epub"},
}

func zipType(f *File) string {
	if first := f.Head[:min(len(f.Head), 128)]; bytes.Contains(first, []byte("mimetype")) {
		for _, t := range odfTypes {
			if bytes.Contains(first, []byte(t.mime)) {
				return t.kind
			}
		}
	}
	names := zipNames(f)
	for _, m := range zipMarks {
		for _, n := range names {
			if strings.HasPrefix(n, m.name) {
				return m.kind
			}
		}
	}
	return "zip"
}

// maxZipNames bounds the members whose names are looked at.
const maxZipNames = 4000

// zipNames lists member names of the central directory and of local headers, as
// far as they stand in the edges of the file.
func zipNames(f *File) []string {
	var names []string
	zipHeaders(f, func(flags uint16, name string) { names = append(names, name) })
	return names
}

// zipHeaders visits the headers of members (APPNOTE 4.3.7 and 4.3.12).
func zipHeaders(f *File, visit func(flags uint16, name string)) {
	seen := 0
	for _, area := range [...][]byte{f.Tail, f.Head} {
		for seen < maxZipNames {
			i := bytes.Index(area, []byte("PK"))
			if i < 0 || i+46 > len(area) {
				break
			}
			area = area[i:]
			flagAt, lenAt, nameAt := 8, 28, 46
			switch string(area[2:4]) {
			case "\x03\x04":
				flagAt, lenAt, nameAt = 6, 26, 30
			case "\x01\x02":
			default:
				area = area[2:]
				continue
			}
			n := int(binary.LittleEndian.Uint16(area[lenAt:]))
			end := min(nameAt+n, len(area))
			visit(binary.LittleEndian.Uint16(area[flagAt:]), string(area[nameAt:end]))
			seen++
			area = area[4:]
		}
	}
}

// oleStreams are names in the directory of a compound file and what they tell.
var oleStreams = []struct{ name, kind string }{
	{"EncryptedPackage", "ooxml"},
	{"__properties_version1.0", "msg"},
	{"__nameid_version1.0", "msg"},
	{"WordDocument", "doc"},
	{"Workbook", "xls"},
	{"Book", "xls"},
	{"PowerPoint Document", "ppt"},
	{"VisioDocument", "vsd"},
	{"Quill", "pub"},
}

// oleType reads the directory of a compound file (MS-CFB).
func oleType(f *File) string {
	dir := oleDirectory(f)
	for _, s := range oleStreams {
		if bytes.Contains(dir, utf16le(s.name)) {
			if s.kind == "ooxml" && isOffice(f.Extension) {
				return f.Extension // what is inside cannot be seen
			}
			return s.kind
		}
	}
	if f.Extension == "msi" {
		return "msi"
	}
	return "ole"
}

func isOffice(ext string) bool {
	return strings.HasPrefix(ext, "xls") || strings.HasPrefix(ext, "doc") || strings.HasPrefix(ext, "ppt")
}

// oleDirectory returns the first sectors of the directory, and the edges of the
// file when the header lies.
func oleDirectory(f *File) []byte {
	if len(f.Head) < 512 {
		return f.Head
	}
	shift := binary.LittleEndian.Uint16(f.Head[30:])
	sector := binary.LittleEndian.Uint32(f.Head[48:])
	if shift < 7 || shift > 16 || sector > 1<<24 {
		return f.Head
	}
	var dir []byte
	if f.At != nil {
		dir = f.At((int64(sector)+1)<<shift, 4096)
	}
	if !bytes.Contains(dir, utf16le("Root Entry")) {
		return append(append([]byte{}, f.Head...), f.Tail...)
	}
	return dir
}

func utf16le(s string) []byte {
	b := make([]byte, 0, 2*len(s))
	for i := 0; i < len(s); i++ {
		b = append(b, s[i], 0)
	}
	return b
}

// textExtensions are kinds of text that only a name tells apart.
var textExtensions = map[string]bool{
	"js": true, "jse": true, "vbs": true, "vbe": true, "wsf": true, "wsh": true, "hta": true, "ps1": true, "psm1": true, "bat": true,
	"cmd": true, "sh": true, "py": true, "pl": true, "rb": true, "php": true, "csv": true, "tsv": true, "txt": true, "json": true,
	"xml": true, "xsl": true, "svg": true, "ics": true, "vcf": true, "url": true, "website": true, "reg": true, "inf": true, "scf": true,
	"iqy": true, "slk": true, "htm": true, "html": true, "shtml": true, "xhtml": true, "mht": true, "mhtml": true, "eml": true,
	"log": true, "md": true, "css": true, "yaml": true, "yml": true, "asc": true, "sct": true, "rdp": true, "settingcontent-ms": true,
	"library-ms": true, "search-ms": true, "application": true, "appinstaller": true, "desktop": true, "command": true, "au3": true, "ahk": true,
}

// textType tells kinds of text apart.
func textType(f *File) string {
	head := f.Head
	text := bytes.TrimLeft(bytes.TrimPrefix(head, bom), " \t\r\n")
	if len(text) == 0 || bytes.IndexByte(text[:min(len(text), 1024)], 0) >= 0 {
		return ""
	}
	lower := lowerASCII(text[:min(len(text), 2048)])
	ext := f.Extension
	switch {
	case bytes.HasPrefix(lower, []byte("begin:vcalendar")):
		return "ics"
	case bytes.HasPrefix(lower, []byte("begin:vcard")):
		return "vcf"
	case bytes.HasPrefix(lower, []byte("[internetshortcut]")):
		return "url"
	case isMailHead(head):
		return mailType(head)
	case looksHTML(lower):
		if ext == "hta" || ext == "svg" || ext == "xml" || ext == "wsf" || ext == "js" || ext == "php" || ext == "mht" {
			return ext
		}
		return "html"
	case bytes.HasPrefix(lower, []byte("<?xml")) || bytes.HasPrefix(lower, []byte("<svg")):
		if bytes.Contains(lower, []byte("<svg")) {
			return "svg"
		}
		return "xml"
	case bytes.HasPrefix(lower, []byte("#!")):
		return cmp.Or(keyOf(ext), "sh")
	}
	if k := keyOf(ext); k != "" {
		return k
	}
	if strings.HasPrefix(f.ContentType, "text/") {
		return "txt"
	}
	return ""
}

// lowerASCII is bytes.ToLower for marks that are ASCII: it leaves other bytes
// alone, which may be of any charset.
func lowerASCII(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		out[i] = c
	}
	return out
}

func keyOf(ext string) string {
	if textExtensions[ext] {
		return ext
	}
	return ""
}

// looksHTML is true when a tag of a document stands in the first bytes, before
// much else.
func looksHTML(lower []byte) bool {
	if len(lower) == 0 || lower[0] != '<' {
		return false
	}
	for _, tag := range [...]string{"<!doctype html", "<html", "<head", "<body", "<script", "<meta", "<title", "<table", "<div", "<iframe", "<form", "<a href", "<p>", "<center", "<style", "<h1", "<img", "<br"} {
		if bytes.Contains(lower, []byte(tag)) {
			return true
		}
	}
	return false
}

// mailFields are fields that begin mails; two of them make a file one.
var mailFields = [...]string{"from", "to", "subject", "date", "received", "return-path", "message-id", "mime-version", "delivered-to", "x-received", "dkim-signature", "authentication-results", "arc-seal", "reply-to", "x-sender", "content-type", "sender", "cc", "x-mozilla-status"}

// isMailHead looks at the first lines of a file.
func isMailHead(head []byte) bool {
	known, lines := 0, 0
	for head = bytes.TrimPrefix(head, bom); len(head) > 0 && lines < 40; lines++ {
		line := firstLine(head)
		head = head[len(line):]
		switch {
		case lines == 0 && (hasAnyPrefix(line, "From ", ">From ") || IsLength(bytes.TrimSpace(line)) && len(line) > 1):
			continue
		case line[0] == ' ' || line[0] == '\t':
			if lines == 0 {
				return false
			}
			continue
		case !IsFieldLine(line):
			return known >= 2
		}
		name, _, _ := bytes.Cut(line, []byte(":"))
		name = bytes.TrimSpace(name)
		for _, f := range mailFields {
			if len(name) == len(f) && strings.EqualFold(string(name), f) {
				known++
				break
			}
		}
	}
	return known >= 2
}

// mailType tells a mail from a store of mails.
func mailType(head []byte) string {
	switch line := firstLine(head); {
	case bytes.HasPrefix(line, []byte("From ")):
		return "mbox"
	case IsLength(bytes.TrimSpace(line)):
		return "emlx"
	}
	return "eml"
}

var bom = []byte("\xef\xbb\xbf")

func firstLine(b []byte) []byte {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i+1]
	}
	return b
}

func hasAnyPrefix(b []byte, prefixes ...string) bool {
	for _, p := range prefixes {
		if bytes.HasPrefix(b, []byte(p)) {
			return true
		}
	}
	return false
}

func IsLength(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) < 12
}

// IsFieldLine says whether a line begins with a field name and a colon; white
// space before the colon is forgiven (RFC 5322 section 4.5).
func IsFieldLine(line []byte) bool {
	i := bytes.IndexByte(line, ':')
	if i <= 0 {
		return false
	}
	name := bytes.TrimRight(line[:i], " \t")
	for _, c := range name {
		if c <= ' ' || c >= 127 {
			return false
		}
	}
	return len(name) > 0
}

// IsText tells whether a type is text of some kind.
func IsText(kind string) bool { return textExtensions[kind] }

// IsPage names the kinds of text that a browser shows.
func IsPage(kind string) bool {
	switch kind {
	case "html", "htm", "shtml", "xhtml", "hta", "svg":
		return true
	}
	return false
}

// IsMail names the kinds that are one mail.
func IsMail(kind string) bool { return kind == "eml" || kind == "emlx" }
