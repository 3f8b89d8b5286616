package pdf

import (
	"math"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The values of PDF (ISO 32000-1, 7.3) as Go has them: nil, bool, int, float64,
// and these.
type (
	name    string
	str     string // bytes of a string, decrypted
	keyword string // any other word: an operator, "obj", "endstream"
	array   []any
	dict    map[name]any
	ref     struct{ num, gen int }
)

// stream is a dictionary and the bytes behind it as they stand in the file.
type stream struct {
	dict dict
	raw  []byte
	id   ref
}

// number reads an int or a float64; 0 for what is neither.
func number(v any) float64 {
	switch n := v.(type) {
	case int:
		return float64(n)
	case float64:
		return n
	}
	return 0
}

// whole reads an int, or a float64 that an int can hold.
func whole(v any) (int, bool) {
	switch n := v.(type) {
	case int:
		return n, true
	case float64:
		if math.Abs(n) < 1<<52 {
			return int(n), true
		}
	}
	return 0, false
}

// textString decodes a text string (7.9.2.2): UTF-16 or UTF-8 with its mark, or
// PDFDocEncoding.
func textString(s str) string {
	b := string(s)
	switch {
	case strings.HasPrefix(b, "\xfe\xff"):
		return utf16String(b[2:], 0)
	case strings.HasPrefix(b, "\xff\xfe"):
		return utf16String(b[2:], 1)
	case strings.HasPrefix(b, "\xef\xbb\xbf"):
		return strings.ToValidUTF8(b[3:], "\ufffd")
	}
	var out strings.Builder
	for i := range len(b) {
		out.WriteRune(pdfDoc[b[i]])
	}
	return out.String()
}

// utf16String decodes pairs of bytes; low says which of a pair is the lower one
// less one: 0 for big endian, 1 for little endian.
func utf16String(b string, low int) string {
	units := make([]uint16, 0, len(b)/2)
	for i := 0; i+1 < len(b); i += 2 {
		units = append(units, uint16(b[i+low])<<8|uint16(b[i+1-low]))
	}
	return string(utf16.Decode(units))
}

// toPDFDoc encodes a password for revisions 2 to 4; ok is false when it has a
// character that PDFDocEncoding has not.
func toPDFDoc(s string) (string, bool) {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		i := strings.IndexRune(pdfDocRunes, r)
		if i < 0 {
			return "", false
		}
		out = append(out, byte(utf8.RuneCountInString(pdfDocRunes[:i])))
	}
	return string(out), true
}
