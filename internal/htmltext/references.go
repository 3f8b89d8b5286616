package htmltext

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// decode is the value of an attribute with its character references resolved, as
// a browser does it (WHATWG HTML section 13.2.5.73): "&copy" without a semicolon
// stands for itself before "=", a letter or a digit, so that a query keeps its
// parameters: "?a=1&copy=2&lt=3".
func decode(val string) string {
	if strings.IndexByte(val, '&') < 0 {
		return val
	}
	var out strings.Builder
	out.Grow(len(val))
	rest := val
	for {
		i := strings.IndexByte(rest, '&')
		if i < 0 {
			break
		}
		out.WriteString(rest[:i])
		rest = rest[i:]
		end := strings.IndexByte(rest[1:], '&') + 1
		if end == 0 {
			end = len(rest)
		}
		writeReference(&out, rest[:end])
		rest = rest[end:]
	}
	out.WriteString(rest)
	return out.String()
}

// maxReference is above the length of every name in the table of WHATWG HTML
// section 13.5.
const maxReference = 40

// writeReference writes a text that begins with an ampersand and has no other.
func writeReference(out *strings.Builder, s string) {
	if len(s) > 1 && s[1] == '#' {
		out.WriteString(html.UnescapeString(s))
		return
	}
	n := 1
	for n < len(s) && n < maxReference && isAlnum(s[n]) {
		n++
	}
	if n < len(s) && s[n] == ';' {
		n++
	}
	name, rest := s[:n], s[n:]
	if c := html.UnescapeString(name); isWhole(name, c, rest) {
		name = c
	}
	out.WriteString(name)
	out.WriteString(rest)
}

// isWhole says whether c is what the whole name stands for, and not what its
// beginning does: "&notit;" begins with "&not".
func isWhole(name, c, rest string) bool {
	if c == name {
		return false
	}
	if strings.HasSuffix(name, ";") {
		return !strings.HasSuffix(c, ";") || name == "&semi;"
	}
	// All names that need no semicolon stand for one character.
	return utf8.RuneCountInString(c) == 1 && !strings.HasPrefix(rest, "=")
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// isHandler is true for names like onclick: "on" and letters.
func isHandler(low []byte) bool {
	if len(low) < 5 || low[0] != 'o' || low[1] != 'n' {
		return false
	}
	for _, c := range low {
		if c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// maxHandler bounds the URLs of one event handler.
const maxHandler = 16

// handlerRefs takes the URLs out of an event handler: what stands in quotes and
// has a scheme or two slashes. It is no interpreter: a URL that is put together
// while the page runs is not seen.
func (p *projector) handlerRefs(tag, attr, script string) {
	for n := 0; n < maxHandler; {
		i := strings.IndexAny(script, "'\"`")
		if i < 0 {
			return
		}
		quote := script[i]
		script = script[i+1:]
		end := strings.IndexByte(script, quote)
		if end < 0 {
			end = len(script)
		}
		text := strings.TrimSpace(strings.ReplaceAll(script[:end], `\/`, "/"))
		if hasPrefixFold(text, "http:") || hasPrefixFold(text, "https:") || strings.HasPrefix(text, "//") {
			p.ref(tag, attr, text)
			n++
		}
		script = script[min(end+1, len(script)):]
	}
}
