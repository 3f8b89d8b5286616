package yamlfile

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// locate finds where byte off of a decoded scalar stands in src, whose scalar
// starts at start. It walks source and decoded text side by side, so it needs
// none of YAML's rules about where a scalar ends; when the two do not agree it
// says so and the caller uses the start of the node.
func locate(src string, start int, text string, style yaml.Style, off int) (int, bool) {
	w := &walker{src: src, pos: skipProperties(src, start), text: text, want: off}
	switch {
	case style&yaml.DoubleQuotedStyle != 0:
		w.pos++
		return w.run(w.doubleQuoted)
	case style&yaml.SingleQuotedStyle != 0:
		w.pos++
		return w.run(w.singleQuoted)
	case style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		if !w.enterBlock() {
			return 0, false
		}
		return w.run(w.block)
	default:
		return w.run(w.plain)
	}
}

// walker is the state of one walk: pos in the source, done in the decoded text.
type walker struct {
	src    string
	pos    int
	text   string
	done   int
	want   int
	indent int // of a block scalar
}

// run calls step until the wanted byte of the decoded text is reached. Each
// step consumes some source and says how many decoded bytes it yields.
func (w *walker) run(step func() (string, int, bool)) (int, bool) {
	for w.done < len(w.text) {
		decoded, n, ok := step()
		if !ok || !strings.HasPrefix(w.text[w.done:], decoded) {
			return 0, false
		}
		if w.want < w.done+len(decoded) {
			return w.pos + inside(decoded, w.src[w.pos:w.pos+n], w.want-w.done), true
		}
		w.done += len(decoded)
		w.pos += n
	}
	return w.pos, true
}

// inside is the offset within a piece of source that was copied as it is; a
// piece that was decoded to something else counts as one place.
func inside(decoded, src string, off int) int {
	if decoded == src {
		return off
	}
	return 0
}

func (w *walker) plain() (string, int, bool) {
	if d, n, ok := w.fold(); ok {
		return d, n, true
	}
	return w.copyRune()
}

func (w *walker) singleQuoted() (string, int, bool) {
	if strings.HasPrefix(w.src[w.pos:], "''") {
		return "'", 2, true
	}
	return w.plain()
}

func (w *walker) doubleQuoted() (string, int, bool) {
	if w.pos < len(w.src) && w.src[w.pos] == '\\' {
		return unescape(w.src[w.pos:])
	}
	return w.plain()
}

func (w *walker) copyRune() (string, int, bool) {
	if w.pos >= len(w.src) {
		return "", 0, false
	}
	_, n := utf8.DecodeRuneInString(w.src[w.pos:])
	return w.src[w.pos : w.pos+n], n, true
}

// fold reads blanks and line ends as YAML folds them (section 6.5): one line
// end is a space, each further one a line feed.
func (w *walker) fold() (string, int, bool) {
	n, lines := 0, 0
	for rest := w.src[w.pos:]; n < len(rest); n++ {
		switch rest[n] {
		case '\n':
			lines++
		case ' ', '\t', '\r':
		default:
			return folded(lines), n, lines > 0
		}
	}
	return folded(lines), n, lines > 0
}

func folded(lines int) string {
	if lines == 1 {
		return " "
	}
	return strings.Repeat("\n", max(lines-1, 0))
}

// escapes of a double-quoted scalar (YAML section 5.7).
var escapes = map[byte]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", '\t': "\t", 'n': "\n", 'v': "\v", 'f': "\f", 'r': "\r",
	'e': "\x1b", ' ': " ", '"': `"`, '/': "/", '\\': `\`, 'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

func unescape(s string) (string, int, bool) {
	if len(s) < 2 {
		return "", 0, false
	}
	if d, ok := escapes[s[1]]; ok {
		return d, 2, true
	}
	digits, ok := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[1]]
	if ok && len(s) >= 2+digits {
		r, err := strconv.ParseUint(s[2:2+digits], 16, 32)
		return string(rune(r)), 2 + digits, err == nil
	}
	if i := strings.IndexByte(s, '\n'); i >= 0 && strings.TrimSpace(s[1:i]) == "" {
		rest := strings.TrimLeft(s[i+1:], " \t")
		return "", len(s) - len(rest), true // an escaped line end joins the lines
	}
	return "", 0, false
}

// enterBlock moves from the block indicator to the first line and finds the
// indentation: what the first line with content has more in the source than in
// the decoded text.
func (w *walker) enterBlock() bool {
	i := strings.IndexByte(w.src[w.pos:], '\n')
	if i < 0 {
		return false
	}
	w.pos += i + 1
	rest := w.src[w.pos:]
	for strings.TrimSpace(firstLine(rest)) == "" {
		if i = strings.IndexByte(rest, '\n'); i < 0 {
			break
		}
		rest = rest[i+1:]
	}
	w.indent = leadingSpaces(rest) - leadingSpaces(strings.TrimLeft(w.text, "\n"))
	w.pos += w.skipIndent(w.pos)
	return w.indent >= 0
}

func firstLine(s string) string {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return s[:i]
	}
	return s
}

func leadingSpaces(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }

func (w *walker) skipIndent(pos int) int {
	return min(leadingSpaces(w.src[pos:]), w.indent)
}

// block reads one character of a literal or folded scalar. At a line end the
// decoded text tells whether it was kept or folded into a space.
func (w *walker) block() (string, int, bool) {
	rest := w.src[w.pos:]
	if strings.HasPrefix(rest, "\r\n") {
		d, n, ok := w.blockLineEnd(1)
		return d, n, ok
	}
	if strings.HasPrefix(rest, "\n") {
		return w.blockLineEnd(0)
	}
	return w.copyRune()
}

func (w *walker) blockLineEnd(cr int) (string, int, bool) {
	n := cr + 1
	n += w.skipIndent(w.pos + n)
	switch w.text[w.done] {
	case '\n':
		return "\n", n, true
	case ' ':
		return " ", n, true
	default: // the first of several line ends, folded away
		return "", n, true
	}
}

// skipProperties passes the anchor and tag before a scalar.
func skipProperties(src string, pos int) int {
	for pos < len(src) && (src[pos] == '&' || src[pos] == '!') {
		for pos < len(src) && !strings.ContainsRune(" \t\r\n", rune(src[pos])) {
			pos++
		}
		for pos < len(src) && strings.ContainsRune(" \t\r\n", rune(src[pos])) {
			pos++
		}
	}
	return pos
}
