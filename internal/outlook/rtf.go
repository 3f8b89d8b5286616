package outlook

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/tqmailrules/tqmailrules/internal/charset"
)

// rtfKind is what an RTF body was made of.
type rtfKind uint8

const (
	rtfNone   rtfKind = iota
	rtfHTML           // HTML in the clothes of RTF ([MS-OXRTFEX])
	rtfPlain          // plain text, likewise
	rtfNative         // written as RTF
)

// rtfBody is an RTF body and what it says.
type rtfBody struct {
	kind   rtfKind
	text   string // HTML of rtfHTML, else plain text
	source []byte
}

const (
	maxRTFDepth = 1000
	maxFonts    = 10_000
)

// readRTF takes HTML or text out of an RTF body. Whatever the bytes are, there is an
// answer.
func readRTF(source []byte) rtfBody {
	r := &rtfReader{in: source, page: 1252, fonts: map[int]int{}}
	head := source[:min(len(source), 4096)]
	body := rtfBody{kind: rtfNative, source: source}
	switch {
	case bytes.Contains(head, []byte(`\fromhtml1`)):
		body.kind = rtfHTML
	case bytes.Contains(head, []byte(`\fromtext`)):
		body.kind = rtfPlain
	}
	r.html = body.kind == rtfHTML
	r.read()
	body.text = r.out.String()
	return body
}

// rtfGroup is the state that a closing brace restores.
type rtfGroup struct {
	skip   bool // its text is not shown: a table, a picture, what is for RTF alone
	tag    bool // it is HTML as it stands
	fonts  bool // it is the table of fonts
	font   int  // the one in force; in the table the one that is described
	width  int  // bytes that stand for a character written as \u
	opened bool // nothing has come since the brace: a destination may be named
	star   bool // \* stood before the name: readers skip what they do not know
}

// rtfReader goes once through the source.
type rtfReader struct {
	in     []byte
	html   bool
	page   int // the code page of the document
	fonts  map[int]int
	stack  []rtfGroup
	at     rtfGroup
	deep   int    // groups below maxRTFDepth, that have no state
	bytes  []byte // of the code page, not decoded yet
	units  []uint16
	forget int // bytes that stand for the \u before
	out    strings.Builder
}

func (r *rtfReader) read() {
	r.at = rtfGroup{width: 1, font: -1}
	for len(r.in) > 0 {
		c := r.in[0]
		r.in = r.in[1:]
		switch c {
		case '{':
			r.open()
		case '}':
			r.close()
		case '\\':
			r.control()
		case '\r', '\n':
		default:
			r.char(c)
		}
	}
	r.flush()
}

func (r *rtfReader) open() {
	r.flush()
	if len(r.stack) >= maxRTFDepth {
		r.deep++
		return
	}
	r.stack = append(r.stack, r.at)
	r.at.opened, r.at.star = true, false
}

func (r *rtfReader) close() {
	r.flush()
	switch {
	case r.deep > 0:
		r.deep--
	case len(r.stack) > 0:
		r.at = r.stack[len(r.stack)-1]
		r.stack = r.stack[:len(r.stack)-1]
	}
}

// control reads a control word or symbol.
func (r *rtfReader) control() {
	if len(r.in) == 0 {
		return
	}
	if c := r.in[0]; !isLetter(c) {
		r.in = r.in[1:]
		r.symbol(c)
		return
	}
	n := 0
	for n < len(r.in) && n < 64 && isLetter(r.in[n]) {
		n++
	}
	word := string(r.in[:n])
	r.in = r.in[n:]
	n = 0
	for n < len(r.in) && n < 12 && (r.in[n] >= '0' && r.in[n] <= '9' || n == 0 && r.in[n] == '-') {
		n++
	}
	value, err := strconv.Atoi(string(r.in[:n]))
	r.in = r.in[n:]
	if len(r.in) > 0 && r.in[0] == ' ' {
		r.in = r.in[1:]
	}
	r.word(word, value, err == nil)
	r.at.opened = false
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func (r *rtfReader) symbol(c byte) {
	switch c {
	case '*':
		r.at.star = true
		return
	case '\'':
		n, err := strconv.ParseUint(string(r.in[:min(2, len(r.in))]), 16, 8)
		r.in = r.in[min(2, len(r.in)):]
		if err == nil {
			r.char(byte(n))
		}
	case '{', '}', '\\':
		r.char(c)
	case '~':
		r.rune(0xa0)
	case '_':
		r.rune('-')
	case '\r', '\n':
		r.rune('\n')
	}
	r.at.opened = false
}

// rtfSkipped are destinations whose text is not the message's.
var rtfSkipped = map[string]bool{
	"colortbl": true, "stylesheet": true, "info": true, "pict": true, "object": true, "header": true, "footer": true, "headerl": true,
	"headerr": true, "footerl": true, "footerr": true, "footnote": true, "themedata": true, "colorschememapping": true, "datastore": true,
	"listtable": true, "listoverridetable": true, "generator": true, "xmlnstbl": true, "rsidtbl": true, "filetbl": true, "fldinst": true,
	"mhtmltag": true, "latentstyles": true, "pntext": true, "bkmkstart": true, "bkmkend": true, "nonshppict": true,
}

// rtfChars are control words that stand for a character.
var rtfChars = map[string]rune{
	"par": '\n', "line": '\n', "sect": '\n', "page": '\n', "row": '\n', "tab": '\t', "cell": '\t',
	"lquote": '‘', "rquote": '’', "ldblquote": '“', "rdblquote": '”', "bullet": '•', "endash": '–', "emdash": '—', "emspace": ' ', "enspace": ' ',
}

func (r *rtfReader) word(word string, value int, has bool) {
	switch word {
	case "ansicpg":
		if value > 0 {
			r.page = value
		}
	case "htmltag":
		r.flush()
		r.at.tag, r.at.skip = r.html, r.at.skip || !r.html
	case "htmlrtf":
		r.flush()
		r.at.skip = r.html && (!has || value != 0)
	case "fonttbl":
		r.at.fonts = true
	case "f":
		r.flush()
		r.at.font = value
	case "fcharset":
		if page, known := rtfCharsets[value]; known && r.at.fonts && len(r.fonts) < maxFonts {
			r.fonts[r.at.font] = page
		}
	case "uc":
		r.at.width = max(0, min(value, 8))
	case "u":
		r.unit(uint16(value))
	default:
		r.other(word, value)
	}
}

func (r *rtfReader) other(word string, value int) {
	if c, known := rtfChars[word]; known {
		r.rune(c)
		return
	}
	if word == "bin" && value > 0 {
		r.in = r.in[min(value, len(r.in)):]
		return
	}
	if r.at.opened && (r.at.star || rtfSkipped[word]) {
		r.at.skip = true
	}
}

// rtfCharsets are the code pages of \fcharset.
var rtfCharsets = map[int]int{
	0: 1252, 77: 10000, 128: 932, 129: 949, 130: 1361, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258, 177: 1255, 178: 1256, 186: 1257, 204: 1251, 222: 874, 238: 1250, 254: 437,
}

func (r *rtfReader) hidden() bool { return r.at.skip || r.at.fonts }

// char is a byte of text.
func (r *rtfReader) char(c byte) {
	r.at.opened = false
	if r.forget > 0 {
		r.forget--
		return
	}
	if r.hidden() {
		return
	}
	r.flushUnits()
	r.bytes = append(r.bytes, c)
}

// rune is a character of text.
func (r *rtfReader) rune(c rune) {
	r.forget = 0
	if r.hidden() {
		return
	}
	r.flush()
	r.out.WriteRune(c)
}

func (r *rtfReader) unit(u uint16) {
	r.forget = r.at.width
	if r.hidden() {
		return
	}
	r.flushBytes()
	r.units = append(r.units, u)
}

// flush decodes what came so far.
func (r *rtfReader) flush() {
	r.forget = 0
	r.flushBytes()
	r.flushUnits()
}

func (r *rtfReader) flushBytes() {
	if len(r.bytes) == 0 {
		return
	}
	page := r.page
	if p, known := r.fonts[r.at.font]; known && !r.at.tag {
		page = p
	}
	if isASCII(r.bytes) {
		r.out.Write(r.bytes)
	} else {
		r.out.WriteString(charset.CodePage(page, r.bytes))
	}
	r.bytes = r.bytes[:0]
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

func (r *rtfReader) flushUnits() {
	if len(r.units) > 0 {
		r.out.WriteString(string(utf16.Decode(r.units)))
		r.units = r.units[:0]
	}
}
