package names

import (
	"strings"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
)

// FindLinks returns what a mail program would make clickable in a plain text:
// targets with a scheme and two slashes, and names that start with "www.", at
// most max of them, in order. Span and DisplayText are as written, with the
// punctuation left out that belongs to the sentence; HrefURL is the parsed
// target. Time is linear in the text.
func FindLinks(text string, max int) []engine.Link {
	var links []engine.Link
	for i := 0; i < len(text) && len(links) < max; {
		start, next := findStart(text, i)
		if start < 0 {
			break
		}
		if _, ok := SplitURL(text[start:next]); !ok {
			i = next // before the path is read: a run of broken hosts stays linear
			continue
		}
		end := URLEnd(text, start)
		u, ok := ParseURL(text[start:end])
		if !ok || u.Domain.Domain == "" {
			i = next
			continue
		}
		links = append(links, engine.Link{
			DisplayText: text[start:end], HrefURL: u, Visible: true, Span: engine.Span{Start: start, End: end},
		})
		i = end
	}
	return links
}

// findStart returns where the next candidate begins and where to go on should
// it turn out to be none. A candidate has the start of a host, so that a run
// of schemes is not read to its end again and again.
func findStart(text string, i int) (start, next int) {
	for low := i; i < len(text); i++ {
		switch text[i] {
		case ':':
			if start := schemeStart(text, low, i); start >= 0 && hostFollows(text, i+3) {
				return start, authorityEnd(text, i+3)
			}
		case 'w', 'W':
			if startsWWW(text, i) && (i == low || !wordByte(text[i-1])) && hostFollows(text, i+4) {
				return i, authorityEnd(text, i+4)
			}
		}
	}
	return -1, len(text)
}

// schemeStart returns where the scheme before "://" at colon begins, -1 if
// there is none that leads to a host.
func schemeStart(text string, low, colon int) int {
	if colon+3 > len(text) || text[colon+1] != '/' || text[colon+2] != '/' {
		return -1
	}
	start := colon
	for start > low && colon-start < 5 && isLetter(text[start-1]) {
		start--
	}
	for ; start < colon; start++ { // "xhttp://" is read as http: glue is commoner than such schemes
		if linkScheme(text[start:colon]) {
			return start
		}
	}
	return -1
}

func linkScheme(s string) bool {
	for _, known := range [...]string{"https", "http", "ftp", "ftps", "sftp", "wss", "ws"} {
		if strings.EqualFold(s, known) {
			return true
		}
	}
	return false
}

func hostFollows(text string, i int) bool {
	return i < len(text) && (isLetter(text[i]) || isDigit(text[i]) || text[i] == '[' || text[i] == '_' || text[i] == '%' || text[i] >= 0x80)
}

func startsWWW(text string, i int) bool {
	return i+4 < len(text) && text[i+3] == '.' && strings.EqualFold(text[i:i+3], "www")
}

func wordByte(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '-' || c == '.' || c == '_' || c == '@' || c >= 0x80
}

// authorityEnd returns where user information, host and port end at the latest.
func authorityEnd(text string, i int) int {
	for i < len(text) && text[i] != '/' && text[i] != '?' && text[i] != '#' && text[i] != '\\' && urlByte[text[i]] {
		if text[i] >= 0x80 && runeInURL(text[i:]) == 0 {
			break
		}
		i++
	}
	return i
}

// urlByte are the bytes that may stand in a URL of a text; those from 0x80 on
// are looked at as runes.
var urlByte = func() (t [256]bool) {
	for c := 0x21; c < 256; c++ {
		t[c] = true
	}
	for _, c := range []byte("\"<>`|\x7f") {
		t[c] = false
	}
	return t
}()

// URLEnd returns where the URL that starts at start ends: before white space,
// quotes, angle brackets and typographic punctuation, before the bracket or
// quote that closes one opened right before it, before closing punctuation of
// the sentence, and before a comma or semicolon that joins it to a next URL.
func URLEnd(text string, start int) int {
	end := urlLimit(text, start)
	if end < len(text) && text[end] == '>' && text[end-1] == '-' && end-1 > start {
		end-- // an arrow
	}
	return trimURL(text, start, end)
}

// urlLimit finds the first byte that cannot belong to the URL.
func urlLimit(text string, start int) int {
	quote, bracket := closerBefore(text, start)
	depth := 0 // of brackets of the kind that was opened before the URL
	for i := start; i < len(text); {
		c := text[i]
		switch {
		case c >= 0x80:
			n := runeInURL(text[i:])
			if n == 0 {
				return i
			}
			i += n
			continue
		case !urlByte[c], c == quote && quote != 0:
			return i
		case bracket != 0 && c == opener[bracket]:
			depth++
		case bracket != 0 && c == bracket:
			if depth--; depth < 0 {
				return i
			}
		case (c == ',' || c == ';') && schemeFollows(text[i+1:]), c == '&' && markupEntity(text[i:]):
			return i
		}
		i++
	}
	return len(text)
}

var opener = [128]byte{')': '(', ']': '[', '}': '{'}

// closerBefore returns the quote or bracket that closes the one right before
// start, 0 for none.
func closerBefore(text string, start int) (quote, bracket byte) {
	if start == 0 {
		return 0, 0
	}
	switch text[start-1] {
	case '\'', ',':
		return text[start-1], 0 // a comma: a row of fields
	case '(':
		return 0, ')'
	case '[':
		return 0, ']'
	case '{':
		return 0, '}'
	}
	return 0, 0
}

func schemeFollows(s string) bool {
	for _, p := range [...]string{"http", "hxxp", "ftp:"} {
		if len(s) >= len(p) && strings.EqualFold(s[:len(p)], p) {
			return true
		}
	}
	return false
}

// markupEntity tells whether s starts with the entity of a byte that ends URLs.
func markupEntity(s string) bool {
	for _, e := range [...]string{"&gt;", "&lt;", "&quot;", "&nbsp;", "&#39;", "&#34;", "&apos;"} {
		if strings.HasPrefix(s, e) {
			return true
		}
	}
	return false
}

// runeInURL returns the length of the rune at the start of s, 0 when it ends a
// URL: white space, invisible characters, quotation marks, CJK and typographic
// punctuation. Invalid UTF-8 goes through byte by byte.
func runeInURL(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	switch {
	case ForeignStop(r):
		return 0
	case r == 0x00a0, r == 0x00ab, r == 0x00bb, r == 0x1680, r == 0xfeff, r == 0x2192,
		r >= 0x2000 && r <= 0x206f && r != 0x2010 && r != 0x2011 && r != 0x200c && r != 0x200d,
		r >= 0x3000 && r <= 0x3003, r >= 0x3008 && r <= 0x3011, r >= 0x3014 && r <= 0x301f,
		r == 0xff08, r == 0xff09, r == 0xff0c, r == 0xff1a, r == 0xff1b, r == 0xff1f, r == 0xff01,
		r == 0xff1c, r == 0xff1e, r == 0xff5c:
		return 0
	}
	return n
}

// ForeignStop tells the punctuation that ends words in scripts with signs of
// their own: Arabic, Hebrew, Armenian, Indic, Ethiopic, Khmer.
func ForeignStop(r rune) bool {
	switch r {
	case 0x060c, 0x061b, 0x061f, 0x06d4, 0x05be, 0x05c3, 0x0589, 0x055d, 0x0964, 0x0965, 0x1362, 0x1363, 0x17d4:
		return true
	}
	return false
}

// trimURL takes punctuation off the end, and closing brackets that were not
// opened inside. Brackets are counted once, so that a run of them stays linear.
func trimURL(text string, start, end int) int {
	var open [3]int // less closed, of each kind
	for i := start; i < end; i++ {
		count(&open, text[i], 1)
	}
	for ; end > start; end-- {
		c := text[end-1]
		switch c {
		case '.', ',', ';', ':', '!', '?', '\'', '*', '\\', '(', '[', '{':
		case '_', '~': // markup, when it stands before, too
			if start == 0 || text[start-1] != c {
				return end
			}
		case ')', ']', '}':
			if open[kind(c)] >= 0 {
				return end
			}
		default:
			return end
		}
		count(&open, c, -1)
	}
	return end
}

// count adds n to the balance of the kind of bracket that c is, if any.
func count(open *[3]int, c byte, n int) {
	switch c {
	case '(', '[', '{':
		open[kind(c)] += n
	case ')', ']', '}':
		open[kind(c)] -= n
	}
}

// kind numbers the kinds of brackets: round, square, curly.
func kind(c byte) int { return strings.IndexByte("([{)]}", c) % 3 }
