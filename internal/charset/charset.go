// Package charset makes UTF-8 of text in any charset that mail and documents
// declare, under the names that real ones use, and guesses where none is
// declared. Nothing is lost: bytes of an unknown charset are read as UTF-8 or,
// failing that, as windows-1252.
package charset

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gogs/chardet"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// aliases are names of charsets in real mail that neither the WHATWG nor the
// IANA index knows, or reads otherwise than mail clients do.
var aliases = map[string]encoding.Encoding{
	"utf-16":             unicode.UTF16(unicode.BigEndian, unicode.UseBOM), // RFC 2781 section 4.3
	"utf16":              unicode.UTF16(unicode.BigEndian, unicode.UseBOM),
	"ucs-2":              unicode.UTF16(unicode.BigEndian, unicode.UseBOM),
	"iso-10646-ucs-2":    unicode.UTF16(unicode.BigEndian, unicode.UseBOM),
	"utf-32":             utf32.UTF32(utf32.BigEndian, utf32.UseBOM),
	"utf-32be":           utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM),
	"utf-32le":           utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM),
	"hz-gb-2312":         simplifiedchinese.HZGB2312,
	"hz":                 simplifiedchinese.HZGB2312,
	"cp936":              simplifiedchinese.GBK,
	"ms936":              simplifiedchinese.GBK,
	"windows-936":        simplifiedchinese.GBK,
	"gb":                 simplifiedchinese.GB18030,
	"gb2312":             simplifiedchinese.GB18030, // senders mean its supersets
	"gb_2312-80":         simplifiedchinese.GB18030,
	"x-gbk":              simplifiedchinese.GB18030,
	"gbk":                simplifiedchinese.GB18030,
	"euc-cn":             simplifiedchinese.GB18030,
	"cp950":              traditionalchinese.Big5,
	"windows-950":        traditionalchinese.Big5,
	"big-5":              traditionalchinese.Big5,
	"cp932":              japanese.ShiftJIS,
	"ms932":              japanese.ShiftJIS,
	"windows-932":        japanese.ShiftJIS,
	"x-ms-cp932":         japanese.ShiftJIS,
	"shift-jis":          japanese.ShiftJIS,
	"jis":                japanese.ISO2022JP,
	"iso-2022-jp-1":      japanese.ISO2022JP,
	"iso-2022-jp-2":      japanese.ISO2022JP,
	"iso-2022-jp-ms":     japanese.ISO2022JP,
	"cp50220":            japanese.ISO2022JP,
	"cp50221":            japanese.ISO2022JP,
	"cp949":              korean.EUCKR,
	"ms949":              korean.EUCKR,
	"uhc":                korean.EUCKR,
	"ks_c_5601":          korean.EUCKR,
	"ks-c-5601-1987":     korean.EUCKR,
	"ksc5601-1987":       korean.EUCKR,
	"iso-8859-1-win":     charmap.Windows1252,
	"iso-8859-8-i":       charmap.ISO8859_8I,
	"iso-8859-8-e":       charmap.ISO8859_8E,
	"cp1252":             charmap.Windows1252,
	"win-1252":           charmap.Windows1252,
	"win1252":            charmap.Windows1252,
	"ansi":               charmap.Windows1252,
	"cp-1250":            charmap.Windows1250,
	"win-1250":           charmap.Windows1250,
	"win1250":            charmap.Windows1250,
	"cp-1251":            charmap.Windows1251,
	"win-1251":           charmap.Windows1251,
	"win1251":            charmap.Windows1251,
	"koi8":               charmap.KOI8R,
	"koi-8-r":            charmap.KOI8R,
	"cp437":              charmap.CodePage437,
	"ibm437":             charmap.CodePage437,
	"cp850":              charmap.CodePage850,
	"cp852":              charmap.CodePage852,
	"cp855":              charmap.CodePage855,
	"cp858":              charmap.CodePage858,
	"cp860":              charmap.CodePage860,
	"cp862":              charmap.CodePage862,
	"cp863":              charmap.CodePage863,
	"cp865":              charmap.CodePage865,
	"cp866":              charmap.CodePage866,
	"cp874":              charmap.Windows874,
	"tis620":             charmap.Windows874,
	"x-mac-roman":        charmap.Macintosh,
	"macroman":           charmap.Macintosh,
	"mac":                charmap.Macintosh,
	"x-mac-cyrillic":     charmap.MacintoshCyrillic,
	"iso-8859-6-i":       charmap.ISO8859_6I,
	"iso-8859-6-e":       charmap.ISO8859_6E,
	"iso646-us":          charmap.Windows1252,
	"we8iso8859p1":       charmap.Windows1252,
	"iso-8859-1-unicode": charmap.Windows1252,
}

// Name reduces a declared name to what the indexes know: lower case, no
// quotes, no "charset=" or "x-unknown" decoration, Outlook's "_name$ESC" undone.
func Name(s string) string {
	s = strings.ToLower(strings.Trim(strings.TrimSpace(s), `"'<>;,. `))
	s = strings.TrimPrefix(s, "charset=")
	s, _, _ = strings.Cut(s, "*") // language tag of RFC 2231 section 5
	s, _, _ = strings.Cut(s, "$")
	s = strings.TrimLeft(s, "_")
	head, rest, ok := strings.Cut(s, " ")
	if !ok || IsUnicode(head) && head != "" || lookup(head) != nil {
		return head // "utf-8 xyz": what stands behind a name is noise
	}
	return head + strings.ReplaceAll(rest, " ", "") // a name that folding has cut
}

// IsUnicode is true for what needs no conversion, and for names that say
// nothing: there the bytes decide.
func IsUnicode(name string) bool {
	switch name {
	case "", "utf-8", "utf8", "utf_8", "utf-8mb4", "utf8mb4", "unicode-1-1-utf-8", "cp65001", "us-ascii", "ascii",
		"ansi_x3.4-1968", "unknown", "unknown-8bit", "x-unknown", "8bit", "7bit", "binary", "default", "none", "iso-10646-1":
		return true
	}
	return false
}

// lookup finds the encoding of a name; nil when it is not known.
func lookup(name string) encoding.Encoding {
	if e := aliases[name]; e != nil {
		return e
	}
	if e, err := htmlindex.Get(name); err == nil && e != encoding.Replacement {
		return e
	}
	if e, err := ianaindex.MIME.Encoding(name); err == nil && e != nil && e != encoding.Replacement {
		return e
	}
	if e, err := ianaindex.IANA.Encoding(name); err == nil && e != nil && e != encoding.Replacement {
		return e
	}
	if rest, ok := strings.CutPrefix(name, "x-"); ok {
		return lookup(rest)
	}
	for _, p := range [...]string{"iso8859", "8859", "iso_8859", "iso-8859_"} {
		if rest, ok := strings.CutPrefix(name, p); ok && rest != "" {
			if e, err := htmlindex.Get("iso-8859-" + strings.Trim(rest, "-_ ")); err == nil {
				return e
			}
		}
	}
	return nil
}

// Encoding decodes one charset.
type Encoding = encoding.Encoding

// Western is what bytes are read as when nothing better is known: windows-1252.
var Western Encoding = charmap.Windows1252

// Guess finds the encoding of bytes of which nothing is known.
type Guess func(raw []byte) encoding.Encoding

// ToUTF8 decodes bytes of a declared charset. What is not declared, or declared
// as Unicode or ASCII and is not, is detected. ok is false when the name is not
// known: the bytes are then read as UTF-8 or, failing that, as windows-1252, so
// that none is lost.
func ToUTF8(charset string, raw []byte, guess Guess) (text string, ok bool) {
	name := Name(charset)
	switch {
	case IsUnicode(name):
		return guessUTF8(raw, name, guess), true
	case name == "utf-7" || name == "utf7" || name == "unicode-1-1-utf-7" || name == "csunicode11utf7" || name == "x-unicode-2-0-utf-7":
		return decodeUTF7(raw), true
	case name == "iso-2022-kr" || name == "csiso2022kr":
		return decodeWith(korean.EUCKR, fromISO2022KR(raw)), true
	}
	if e := lookup(name); e != nil {
		return decodeWith(e, raw), true
	}
	if utf8.Valid(raw) {
		return string(raw), false
	}
	return decodeWith(charmap.Windows1252, raw), false
}

func decodeWith(e encoding.Encoding, raw []byte) string {
	out, err := e.NewDecoder().Bytes(raw)
	if err != nil {
		return strings.ToValidUTF8(string(raw), "\ufffd")
	}
	return string(out)
}

// guessUTF8 reads bytes that should be UTF-8 or ASCII, or of which nothing is
// known.
func guessUTF8(raw []byte, name string, guess Guess) string {
	if name == "" && bytes.Contains(raw, []byte("\x1b$")) {
		return decodeWith(japanese.ISO2022JP, raw)
	}
	if name == "" && len(raw) >= 4 && (raw[0] == 0xff && raw[1] == 0xfe || raw[0] == 0xfe && raw[1] == 0xff) {
		return decodeWith(unicode.UTF16(unicode.BigEndian, unicode.UseBOM), raw)
	}
	if utf8.Valid(raw) {
		return string(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")))
	}
	if good, bad := countUTF8(raw); good > bad {
		return strings.ToValidUTF8(string(raw), "\ufffd") // a few broken bytes
	}
	return decodeWith(guess(raw), raw)
}

// countUTF8 counts sequences of several bytes that are UTF-8, and bytes above
// ASCII that are not.
func countUTF8(raw []byte) (good, bad int) {
	for i := 0; i < len(raw); {
		if raw[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(raw[i:])
		if r == utf8.RuneError && n == 1 {
			bad++
		} else {
			good++
		}
		i += n
	}
	return good, bad
}

// detectWindow bounds what the detector looks at.
const detectWindow = 8 << 10

// Detect guesses the encoding of undeclared bytes that are not UTF-8. The guess
// is a function of the bytes alone: candidates of equal confidence are ranked by
// name, since the library returns them in any order.
func Detect(raw []byte) encoding.Encoding {
	all, err := chardet.NewTextDetector().DetectAll(highBytes(raw))
	if err != nil {
		return charmap.Windows1252
	}
	best, confidence := "", 39
	for _, c := range all {
		if !isGuess(c.Charset) {
			continue
		}
		if c.Confidence > confidence || c.Confidence == confidence && c.Charset < best {
			best, confidence = c.Charset, c.Confidence
		}
	}
	if e := lookup(Name(best)); e != nil && best != "" {
		return e
	}
	return charmap.Windows1252
}

// isGuess leaves out what mail without a declaration is never in, and what any
// bytes may be taken for.
func isGuess(charset string) bool {
	return !strings.HasPrefix(charset, "UTF-32") && !strings.HasPrefix(charset, "UTF-16") && !strings.HasPrefix(charset, "IBM")
}

// highBytes is a window that begins shortly before the first byte above ASCII.
func highBytes(raw []byte) []byte {
	for i, c := range raw {
		if c >= utf8.RuneSelf {
			raw = raw[max(0, i-256):]
			break
		}
	}
	return raw[:min(len(raw), detectWindow)]
}

// decodeUTF7 reads UTF-7 (RFC 2152), which golang.org/x/text leaves out. What is
// not valid stands for itself.
func decodeUTF7(raw []byte) string {
	var out []byte
	for i := 0; i < len(raw); {
		c := raw[i]
		i++
		if c != '+' {
			out = appendASCII(out, c)
			continue
		}
		if i < len(raw) && raw[i] == '-' {
			out = append(out, '+')
			i++
			continue
		}
		end := i
		for end < len(raw) && isBase64(raw[end]) {
			end++
		}
		if end == i {
			out = append(out, '+')
			continue
		}
		out = appendUTF16(out, raw[i:end])
		i = end
		if i < len(raw) && raw[i] == '-' {
			i++
		}
	}
	return string(out)
}

func appendASCII(dst []byte, c byte) []byte {
	if c < utf8.RuneSelf {
		return append(dst, c)
	}
	return utf8.AppendRune(dst, rune(c))
}

func isBase64(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/'
}

// appendUTF16 decodes base64 without padding, whose last sextets may be cut.
func appendUTF16(dst, sextets []byte) []byte {
	b, _ := base64.RawStdEncoding.DecodeString(string(sextets))
	units := make([]uint16, 0, len(b)/2)
	for i := 0; i+1 < len(b); i += 2 {
		units = append(units, uint16(b[i])<<8|uint16(b[i+1]))
	}
	for _, r := range utf16.Decode(units) {
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// fromISO2022KR turns the shifted seven-bit form (RFC 1557) into EUC-KR.
func fromISO2022KR(raw []byte) []byte {
	raw = bytes.ReplaceAll(raw, []byte("\x1b$)C"), nil)
	out := raw[:0:0]
	shifted := false
	for _, c := range raw {
		switch {
		case c == 0x0e:
			shifted = true
		case c == 0x0f:
			shifted = false
		case c == '\n':
			shifted = false
			out = append(out, c)
		case shifted && c > ' ' && c < 0x7f:
			out = append(out, c|0x80)
		default:
			out = append(out, c)
		}
	}
	return out
}

// CodePage decodes text of a Windows code page, by its number (MS-UCODEREF). One
// that is not known is read as Decode does.
func CodePage(n int, raw []byte) string {
	switch n {
	case 0, 1, 65001, 20127:
		return Decode(raw)
	case 1200:
		return decodeWith(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), raw)
	case 1201:
		return decodeWith(unicode.UTF16(unicode.BigEndian, unicode.UseBOM), raw)
	case 10000:
		return decodeWith(charmap.Macintosh, raw)
	case 10007:
		return decodeWith(charmap.MacintoshCyrillic, raw)
	}
	for _, prefix := range [...]string{"windows-", "cp"} {
		if e := lookup(prefix + strconv.Itoa(n)); e != nil {
			return decodeWith(e, raw)
		}
	}
	return Decode(raw)
}

// Decode reads bytes of which nothing is declared.
func Decode(raw []byte) string { return guessUTF8(raw, "", Detect) }

// Meta finds the charset that an HTML document declares about itself.
func Meta(raw []byte) string {
	head := bytes.ToLower(raw[:min(len(raw), 4096)])
	i := bytes.Index(head, []byte("charset="))
	if i < 0 {
		return ""
	}
	v := bytes.TrimLeft(head[i+8:], `"' `)
	end := bytes.IndexAny(v, `"'> ;/`)
	if end < 0 || end > 64 {
		return ""
	}
	if name := string(v[:end]); !strings.HasPrefix(name, "utf-16") { // it could not have been read
		return name
	}
	return ""
}
