package mail

import (
	"strings"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/charset"
)

// words decodes header values of one message: encoded-words (RFC 2047) as
// leniently as the most lenient client, and raw bytes above ASCII.
//
// Senders who want to pass filters write encoded-words that a strict decoder
// leaves as they are and a mail client shows decoded: excess or missing padding,
// spaces or plain text inside, no space around, characters cut in two, no end.
// All of those are decoded here.
type words struct {
	hint    string // charset of the body: raw bytes of a header are most likely in it
	guesses *int   // how often the encoding may still be guessed, which is slow
	where   string // header name or part, for defects
	defects *defects
}

// rounds of decoding: a word may hold another, which is a trick, not a need.
const rounds = 3

// decode returns a value in UTF-8 without encoded-words. Line breaks and NULs
// that were smuggled in become spaces.
func (w *words) decode(s string) string {
	if isPlain(s) {
		return strings.TrimSpace(s)
	}
	for n := 0; n < rounds && strings.Contains(s, "=?"); n++ {
		next := w.once(s)
		if next == s {
			break
		}
		s = next
	}
	switch {
	case !utf8.ValidString(s):
		s = w.toUTF8(w.hint, []byte(s))
	case strings.Contains(s, "\x1b$"):
		s = w.toUTF8("iso-2022-jp", []byte(s))
	}
	return cleanLine(s)
}

// isPlain is true for what needs no decoding: ASCII without encoded-words and
// without control characters that matter.
func isPlain(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; special[c] && (c != '?' || i > 0 && s[i-1] == '=') {
			return false
		}
	}
	return true
}

// special are the bytes that isPlain looks at twice.
var special = func() (t [256]bool) {
	for c := utf8.RuneSelf; c < len(t); c++ {
		t[c] = true
	}
	for _, c := range "\x00\r\n\x1b?" {
		t[c] = true
	}
	return t
}()

// once decodes every word it can find, in one pass.
func (w *words) once(s string) string {
	var out strings.Builder
	out.Grow(len(s))
	var run wordRun
	for {
		i := strings.Index(s, "=?")
		if i < 0 {
			break
		}
		word, n := parseWord(s[i:])
		if n == 0 {
			w.flush(&out, &run)
			out.WriteString(s[:i+2])
			s = s[i+2:]
			continue
		}
		if gap := s[:i]; !run.open || strings.TrimSpace(gap) != "" {
			w.flush(&out, &run)
			out.WriteString(gap)
		}
		if run.open && !strings.EqualFold(run.charset, word.charset) {
			w.flush(&out, &run)
		}
		if run.raw == nil {
			run.raw = make([]byte, 0, len(s)+4) // what is decoded is shorter; decodeQuads wants room
		}
		if run.add(word) {
			w.defects.add(engine.DefectEncodedWord, w.where, "an encoded-word breaks the rules of RFC 2047")
		}
		s = s[i+n:]
	}
	w.flush(&out, &run)
	out.WriteString(s)
	return out.String()
}

// wordRun are adjacent words of one charset: a character may be cut in two by
// the word boundary.
type wordRun struct {
	charset string
	raw     []byte
	open    bool
}

// add appends a word and says whether it breaks the rules.
func (r *wordRun) add(w word) (faulty bool) {
	r.charset, r.open = w.charset, true
	if w.base64 {
		r.raw, faulty = appendB(r.raw, w.body)
	} else {
		r.raw, faulty = appendQ(r.raw, w.body)
	}
	return faulty || w.faulty
}

func (w *words) flush(out *strings.Builder, r *wordRun) {
	switch {
	case !r.open:
	case isASCII(r.raw) && charset.IsUnicode(charset.Name(r.charset)):
		out.Write(r.raw)
	default:
		out.WriteString(w.toUTF8(r.charset, r.raw))
	}
	r.open, r.raw = false, r.raw[:0]
}

// isASCII is true for bytes that are the same in every Unicode charset and in
// ASCII; an escape may begin ISO 2022.
func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf || c == 0x1b {
			return false
		}
	}
	return true
}

func (w *words) toUTF8(set string, raw []byte) string {
	text, ok := charset.ToUTF8(set, raw, w.guess)
	if !ok {
		w.defects.add(engine.DefectCharset, w.where, "charset %.40q is not known", set)
	}
	return text
}

// maxGuesses bounds the guesses for one message.
const maxGuesses = 24

// guess is detect within the budget of the message.
func (w *words) guess(raw []byte) charset.Encoding {
	if *w.guesses--; *w.guesses < 0 {
		return charset.Western
	}
	return charset.Detect(raw)
}

// word is one encoded-word, taken apart.
type word struct {
	charset string
	base64  bool // the B encoding, else the Q encoding
	body    string
	faulty  bool // the frame breaks the rules
}

// maxCharset bounds the name between "=?" and "?".
const maxCharset = 64

// parseWord reads the word at the start of s and returns its length, 0 when
// there is none. A word without its end reaches to the end of s.
func parseWord(s string) (w word, n int) {
	head := s[2:min(len(s), 2+maxCharset+8)]
	q := strings.IndexByte(head, '?')
	if q < 0 {
		return word{}, 0
	}
	w.charset = strings.TrimSpace(head[:q])
	if !isCharset(w.charset) {
		return word{}, 0
	}
	rest := head[q+1:]
	e := strings.IndexByte(rest, '?')
	if e < 1 || e > 5 {
		return word{}, 0
	}
	encoding := strings.ToUpper(strings.TrimSpace(rest[:e]))
	if encoding != "B" && encoding != "Q" {
		return word{}, 0
	}
	start := 2 + q + 1 + e + 1
	body := s[start:]
	end := strings.Index(body, "?=")
	next := nextWord(body)
	n = len(s)
	switch {
	case next >= 0 && (end < 0 || next < end):
		body, n = body[:next], start+next
		w.faulty = true
	case end >= 0:
		body, n = body[:end], start+end+2
	default:
		body = strings.TrimSuffix(body, "?")
		w.faulty = true
	}
	w.base64, w.body = encoding == "B", body
	return w, n
}

// nextWord finds where another word begins inside a word that has no end; the
// "=?" of "=?=" is none.
func nextWord(body string) int {
	i := strings.Index(body, "=?")
	if i < 0 || strings.HasPrefix(body[i:], "=?=") {
		return -1
	}
	head := body[i+2 : min(len(body), i+2+maxCharset)]
	q := strings.IndexByte(head, '?')
	if q < 0 || !isCharset(head[:q]) || len(head) < q+3 || head[q+2] != '?' {
		return -1
	}
	return i
}

// isCharset says whether a charset name may stand here; spaces are forgiven
// because folding puts them there.
func isCharset(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("-_.:+*'\"$() ", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// appendB undoes base64. Bytes that are not of the alphabet are skipped, as
// clients do; when they are many, or what comes out is no text, it was never
// encoded. Padding in the middle separates what was encoded apart.
func appendB(dst []byte, s string) (out []byte, faulty bool) {
	start, bad, skipped, n := len(dst), 0, 0, 0
	var acc uint32
	for i := 0; i < len(s); i++ {
		if n == 0 {
			if dst, i = decodeQuads(dst, s, i); i == len(s) {
				break
			}
		}
		v := base64Table[s[i]]
		switch v {
		case b64Skip:
			skipped++
		case b64Bad:
			bad++
		case b64Pad:
			dst, n = appendRest(dst, acc, n), 0
		default:
			acc = acc<<6 | uint32(v)
			if n++; n == 4 {
				dst, n = append(dst, byte(acc>>16), byte(acc>>8), byte(acc)), 0
			}
		}
	}
	dst = appendRest(dst, acc, n)
	faulty = bad+skipped > 0 || len(s)%4 != 0
	if bad*4 > len(s) || bad > 0 && hasControls(dst[start:]) {
		dst = append(dst[:start], s...)
	}
	return dst, faulty
}

// appendRest writes what an unfinished group of n sextets holds.
func appendRest(dst []byte, acc uint32, n int) []byte {
	switch n {
	case 2:
		return append(dst, byte(acc>>4))
	case 3:
		return append(dst, byte(acc>>10), byte(acc>>2))
	}
	return dst
}

// hasControls looks for bytes that no text has; escape sequences do.
func hasControls(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != 0x1b {
			return true
		}
	}
	return false
}

// appendQ undoes the Q encoding: quoted-printable with "_" for a space.
func appendQ(dst []byte, s string) (out []byte, faulty bool) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '_':
			dst = append(dst, ' ')
		case c == '=' && i+2 < len(s) && unhex[s[i+1]]|unhex[s[i+2]] < 16:
			dst = append(dst, unhex[s[i+1]]<<4|unhex[s[i+2]])
			i += 2
		case c == '=' || c == ' ':
			faulty = true
			if c == ' ' {
				dst = append(dst, c)
			}
		default:
			dst = append(dst, c)
		}
	}
	return dst, faulty
}

// cleanLine keeps a value on one line.
func cleanLine(s string) string {
	if strings.IndexByte(s, '\n') < 0 && strings.IndexByte(s, '\r') < 0 && strings.IndexByte(s, 0) < 0 {
		return strings.TrimSpace(s)
	}
	s = strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == 0 {
			return ' '
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}
