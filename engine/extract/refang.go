package extract

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// joinReach is the longest stretch of text, in bytes, that is read as one name
// written with spaces ("evil dot example dot com").
const joinReach = 256

// refang writes text[start:end] to the scratch buffer in its clickable form
// and remembers where each byte stood. It tells whether anything changed. In a
// joined stretch white space goes, and "dot" and "at" as words are their signs.
func (s *scanner) refang(start, end int, joined bool) (changed bool) {
	t := s.text
	s.scratch()
	for i := start; i < end; {
		if k := i + plainLen(t[i:end]); k > i {
			s.keepPlain(i, k)
			i = k
			continue
		}
		n, repl := 0, ""
		switch c := t[i]; {
		case c == '[' || c == '(' || c == '{' || c == '<':
			n, repl = s.opening(t[i:end])
		case c == '.' || c == ':':
			n, repl = oneSided(t[i:end], s.buf)
		case c == '\\':
			n, repl = unescapeSlash(t[i:end], s.buf, t[start:min(i, start+64)])
		case c >= utf8.RuneSelf:
			if n, repl = foldRune(t[i:end]); n == 0 && c == 0xe2 && dashOfCVE(t[i:end], s.buf) {
				n, repl = 3, "-"
			}
		case joined && class[c] == space:
			n, repl = joint(t[i:end])
		}
		if n == 0 {
			s.buf, s.offsets = append(s.buf, t[i]), append(s.offsets, int32(i))
			i++
			continue
		}
		changed = changed || repl != t[i:i+n]
		for k := range len(repl) {
			s.buf, s.offsets = append(s.buf, repl[k]), append(s.offsets, int32(i))
		}
		i += n
	}
	if !changed {
		return false
	}
	s.offsets = append(s.offsets, int32(end))
	s.word, s.start, s.at = string(s.buf), start, s.offsets
	return true
}

// disguising are the bytes that refang looks at, white space among them.
var disguising = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= utf8.RuneSelf || class[c] == space
	}
	for _, c := range "[({<.:\\" {
		t[c] = true
	}
	return t
}()

// plainLen is how many bytes stand before the next that refang looks at.
func plainLen(t string) int {
	n := 0
	for n < len(t) && !disguising[t[n]] {
		n++
	}
	return n
}

// keepPlain writes text[i:k] to the scratch buffer as it is.
func (s *scanner) keepPlain(i, k int) {
	s.buf = append(s.buf, s.text[i:k]...)
	s.offsets = slices.Grow(s.offsets, k-i)
	for ; i < k; i++ {
		s.offsets = append(s.offsets, int32(i))
	}
}

// scratch empties the scratch buffers, with room for most words.
func (s *scanner) scratch() {
	if s.buf == nil {
		s.buf, s.offsets = make([]byte, 0, 128), make([]int32, 0, 128)
	}
	s.buf, s.offsets = s.buf[:0], s.offsets[:0]
}

// opening reads a bracketed form at the start of t: "[.]", "(dot)", "[://]",
// "[at]", "[com]", and "[." with the closing one forgotten.
func (s *scanner) opening(t string) (n int, repl string) {
	closer := closers[t[0]]
	if n, repl = s.bracketedHost(t); n > 0 {
		return n, repl
	}
	window := t[1:min(len(t), 10)]
	end := strings.IndexByte(window, closer)
	if end > 0 {
		if repl = bracketed(window[:end], t[0]); repl != "" && !(repl == "::" && len(s.buf) == 0) { // "[::]:445" is an address and its port
			return end + 2, repl
		}
		if t[0] != '<' {
			if repl = s.bracketedLabel(window[:end], t[end+2:], t[0] == '['); repl != "" {
				return end + 2, repl
			}
		}
		if window[0] == t[0] && end+2 < len(t) && t[end+2] == closer { // "[[.]]"
			if repl = bracketed(window[1:end], t[0]); repl != "" {
				return end + 3, repl
			}
		}
	}
	if t[0] == '<' || len(s.buf) == 0 {
		return 0, ""
	}
	switch {
	case strings.HasPrefix(window, "://"):
		return 4, "://"
	case len(window) > 1 && window[0] == '.' && isAlnum(window[1]) && isAlnum(s.buf[len(s.buf)-1]) && end < 0:
		return 2, "."
	}
	return 0, ""
}

// closers are the brackets that names are disguised with.
var closers = [128]byte{'[': ']', '(': ')', '{': '}', '<': '>'}

// bracketed is the table of what stands between brackets.
func bracketed(inner string, open byte) string {
	switch strings.ToLower(strings.TrimSpace(inner)) {
	case ".", "dot", "d0t", "punkt", "point", "punto", "ponto", ",":
		return "."
	case "@", "at", "arroba", "\u00e4t", "aet":
		return "@"
	}
	if open == '<' {
		return ""
	}
	switch inner {
	case ":", "://", "/", "//", ":/", "::", "-", "_":
		return inner
	case `:\\`, `:\`:
		return "://"
	}
	return ""
}

// bracketedHost reads "[192.0.2.7]" behind "://": no address but one with colons
// stands in brackets there.
func (s *scanner) bracketedHost(t string) (n int, repl string) {
	if t[0] != '[' || len(s.buf) < 3 || string(s.buf[len(s.buf)-3:]) != "://" {
		return 0, ""
	}
	end := strings.IndexByte(t[:min(len(t), 80)], ']')
	if end < 4 || strings.IndexByte(t[:end], '.') < 0 || strings.Trim(lowerASCII(t[1:end]), "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
		return 0, ""
	}
	return end + 1, t[1:end]
}

// bracketedLabel reads "[com]" after a dot or a name, "[.com]", "[www.]", and the
// pieces of a scheme: "[http]:", "http[s]:", "h[xx]p:". Only these stand in other
// brackets than square ones, too.
func (s *scanner) bracketedLabel(inner, rest string, square bool) string {
	last := byte(0)
	if len(s.buf) > 0 {
		last = s.buf[len(s.buf)-1]
	}
	lower := strings.ToLower(inner)
	switch {
	case lower == "s" && strings.HasPrefix(rest, ":") && last|0x20 == 'p', (lower == "tt" || lower == "xx") && last|0x20 == 'h' && strings.HasPrefix(strings.ToLower(rest[:min(len(rest), 1)]), "p"):
		return inner
	case strings.HasPrefix(rest, ":") && (lower == "http" || lower == "https" || lower == "hxxp" || lower == "hxxps"):
		return inner
	case !square:
		return ""
	case inner[0] == '.' && isAlnum(last) && allAlnum(inner[1:]) && len(inner) > 1:
		return inner
	case !allAlnum(strings.TrimSuffix(inner, ".")):
		return ""
	case last == '.', lower == "www.":
		return inner
	case isAlnum(last) && plainSuffixes[lower] && (rest == "" || !isAlnum(rest[0]) && rest[0] != '(' && rest[0] != '['):
		return "." + inner
	}
	return ""
}

// oneSided reads ".]" and ":]" inside a name, the opening bracket forgotten.
func oneSided(t string, before []byte) (n int, repl string) {
	if len(t) < 3 || len(before) == 0 || !isAlnum(before[len(before)-1]) {
		return 0, ""
	}
	switch {
	case t[0] == '.' && (t[1] == ']' || t[1] == ')' || t[1] == '}') && isAlnum(t[2]):
		return 2, "."
	case strings.HasPrefix(t, ":]//"):
		return 2, ":"
	case t[0] == ':' && t[1] == '/' && t[2] != '/' && endsInScheme(before):
		return 2, "://"
	}
	return 0, ""
}

// endsInScheme tells whether b is a scheme, glued to nothing but a bracket or quote.
func endsInScheme(b []byte) bool {
	i := len(b)
	for i > 0 && len(b)-i < 9 && schemeByte(b[i-1]) {
		i--
	}
	return canonicalScheme(string(b[i:])) != ""
}

// unescapeSlash reads "\." as a dot, "\/" as a slash, and backslashes after a
// scheme as the slashes that a browser makes of them.
// original is what stands before, as it was written, up to 64 bytes of it.
func unescapeSlash(t string, before []byte, original string) (n int, repl string) {
	switch {
	case len(t) > 5 && t[1] == 'u' && t[2] == '0' && t[3] == '0':
		return escapedSign(t[4:6], 6)
	case len(t) > 3 && t[1] == 'x':
		return escapedSign(t[2:4], 4)
	case len(t) > 1 && t[1] == '.' && len(before) > 0 && isAlnum(before[len(before)-1]):
		return 2, "."
	case len(t) > 1 && t[1] == '/':
		return 2, "/"
	case afterScheme(before):
		if len(t) > 1 && strings.IndexByte("nrt", t[1]) >= 0 && (len(t) == 2 || t[2] < 'a' || t[2] > 'z' || !strings.Contains(original, `:\`)) {
			return 2, " " // the line end of a string in a program
		}
		return 1, "/"
	}
	return 0, ""
}

// escapedSign reads the two digits of "\u0026" or "\x26", which programs write
// for the signs of a URL; n is the length of the whole.
func escapedSign(digits string, n int) (int, string) {
	v, err := strconv.ParseUint(digits, 16, 8)
	if err != nil || v < ' ' || v > '~' || isAlnum(byte(v)) {
		return 0, ""
	}
	return n, ascii[v-' ' : v-' '+1]
}

// afterScheme tells whether the word so far is a URL, or a scheme and colon.
func afterScheme(b []byte) bool {
	c := strings.IndexByte(string(b[:min(len(b), 40)]), ':')
	if c < 2 || c > 8 || !isLetter(b[0]) {
		return false
	}
	return c == len(b)-1 && canonicalScheme(string(b[:c])) != "" || c+1 < len(b) && b[c+1] == '/'
}

// foldRune maps the runes that hide a name: invisible ones go, full-width ones
// and look-alikes of hyphen and full stop become ASCII.
func foldRune(t string) (n int, repl string) {
	r, size := utf8.DecodeRuneInString(t)
	switch {
	case invisible(r):
		return size, ""
	case r >= 0xff10 && r <= 0xff19, r >= 0xff21 && r <= 0xff3a, r >= 0xff41 && r <= 0xff5a,
		r == 0xff0d, r == 0xff0e, r == 0xff0f, r == 0xff1a, r == 0xff20, r == 0xff3f:
		return size, ascii[r-0xff00 : r-0xff00+1]
	case r == 0x2010 || r == 0x2011 || r == 0x2043 || r == 0x00ad:
		return size, "-"
	case r == 0x2024 || r == 0xff61, r == 0x3002 && len(t) > size && isAlnum(t[size]):
		return size, "."
	}
	return 0, ""
}

// dashOfCVE tells whether t starts with an en dash, em dash or the like that
// stands for a hyphen of "CVE-2024-12345"; elsewhere they separate.
func dashOfCVE(t string, before []byte) bool {
	r, _ := utf8.DecodeRuneInString(t)
	if r < 0x2012 || r > 0x2015 && r != 0x2212 {
		return false
	}
	b := strings.ToUpper(string(before[max(0, len(before)-8):]))
	return strings.HasSuffix(b, "CVE") || len(b) == 8 && b[:4] == "CVE-" && allDigits(b[4:])
}

// ascii are the printable characters; the full-width form U+FF00+n stands for
// the one at n.
const ascii = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

// invisible tells whether a rune takes no space: zero-width characters, soft
// hyphen, marks of direction.
func invisible(r rune) bool {
	switch {
	case r == 0x00ad, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x2064, r >= 0x2066 && r <= 0x2069, r == 0xfeff, r == 0x034f, r == 0x180e:
		return true
	}
	return false
}

// trimInvisible cuts invisible runes off the end.
func trimInvisible(s string) string {
	for s != "" {
		r, n := utf8.DecodeLastRuneInString(s)
		if !invisible(r) {
			break
		}
		s = s[:len(s)-n]
	}
	return s
}

// joint reads the white space of a joined stretch, with the word "dot" or "at"
// when one stands in it.
func joint(t string) (n int, repl string) {
	n = spaces(t)
	word := t[n:]
	for _, sign := range [...]struct{ word, repl string }{{"dot", "."}, {"at", "@"}} {
		k := len(sign.word)
		if len(word) > k && strings.EqualFold(word[:k], sign.word) && class[word[k]] == space {
			return n + k + spaces(word[k:]), sign.repl
		}
	}
	return n, ""
}

func spaces(t string) int {
	n := 0
	for n < len(t) && class[t[n]] == space {
		n++
	}
	return n
}

// joins is the cheap test, after a plain word, for what joinedEnd looks for.
func joins(t string, end int) bool {
	if end+3 >= len(t) || t[end] != ' ' {
		return false
	}
	switch t[end+1] {
	case '[', '(', '{', '<':
		return strings.IndexByte(".dD@aApP", t[end+2]) >= 0
	case ':':
		return t[end+2] == '/'
	case 'd', 'D':
		return t[end+2]|0x20 == 'o' && t[end+3]|0x20 == 't'
	case 'a', 'A':
		return t[end+2]|0x20 == 't' && t[end+3] == ' '
	}
	return false
}

// mayJoin is the cheap test, after a word with an anchor, for what joinedEnd
// looks for.
func mayJoin(t string, start, end int) bool {
	switch t[end-1] {
	case ']', ')', '}', '/', '>', '[', '(', '{':
		return end < len(t) && t[end] == ' '
	}
	return joins(t, end)
}

// joinedEnd returns the end of a stretch of words that are connected by spelled
// or bracketed dots and at signs, or by a scheme before its host; end itself
// when nothing is. What it returns is a guess that the parsers confirm.
func joinedEnd(t string, start, end int) int {
	for range 12 {
		next, kind := connector(t, start, end)
		if next == 0 || next >= len(t) || next-start > joinReach {
			break
		}
		if kind == ':' && !hostAhead(t, next) {
			break
		}
		for end = next; end < len(t) && class[t[end]] != space && end-start < joinReach; {
			end++
		}
	}
	return end
}

// hostAhead tells whether the word at i, which a scheme stands before, may be a
// host: it has a dot, disguised or not, and no scheme of its own.
func hostAhead(t string, i int) bool {
	if strings.HasPrefix(t[i:], "://") || strings.HasPrefix(t[i:], "[:]//") {
		return true // the scheme was the word before
	}
	w := wordAt(t, i)
	return (strings.IndexAny(w, ".[({") > 0 || strings.HasPrefix(t[min(len(t), i+len(w)):], " dot ")) && !strings.Contains(w, "://")
}

// connector tells whether the word that ends at end is connected to a next one,
// where that one starts, and by what.
func connector(t string, start, end int) (next int, kind byte) {
	word := t[start:end]
	if end >= len(t) || t[end] != ' ' {
		return 0, 0
	}
	after := end + 1
	if after < len(t) && t[after] == ' ' {
		after++
	}
	if after >= len(t) || class[t[after]] == space {
		return 0, 0
	}
	switch {
	case strings.HasSuffix(word, "://") || strings.HasSuffix(word, "[:]//"):
		return after, ':'
	case strings.HasPrefix(t[after:], "://"):
		return after, ':'
	}
	if k := closingJoiner(word); k != 0 {
		return after, k
	}
	if next, kind = openJoiner(t, end); next > 0 {
		return next, kind
	}
	if closers[t[after]&0x7f] != 0 && t[after] < 0x80 && !proseWords[lowerASCII(word)] {
		return bracketJoiner(t, after)
	}
	return wordJoiner(t, start, end, after)
}

// closingJoiner tells whether a word ends with a bracketed sign: "evil[.]".
func closingJoiner(word string) byte {
	if len(word) < 4 || strings.IndexByte("])}>", word[len(word)-1]) < 0 {
		return 0
	}
	open := strings.LastIndexAny(word[max(0, len(word)-5):], "[({<")
	if open < 0 {
		return 0
	}
	open += max(0, len(word)-5)
	if r := bracketed(word[open+1:len(word)-1], word[open]); open > 0 && (r == "." || r == "@") {
		return r[0]
	}
	return 0
}

// openJoiner reads "[ at ]" and "( dot )" whose bracket ends the word at end.
func openJoiner(t string, end int) (next int, kind byte) {
	closer := closers[t[end-1]&0x7f]
	if closer == 0 || t[end-1] >= 0x80 {
		return 0, 0
	}
	inner := t[end:min(len(t), end+8)]
	k := strings.IndexByte(inner, closer)
	if k < 2 {
		return 0, 0
	}
	r := bracketed(inner[:k], t[end-1])
	if r != "." && r != "@" {
		return 0, 0
	}
	next = end + k + 1
	if next+1 < len(t) && t[next] == ' ' {
		next++
	}
	return next, r[0]
}

// bracketJoiner reads "[.]" or "(at)" at after, which may be the whole word or
// the start of the next one.
func bracketJoiner(t string, after int) (next int, kind byte) {
	window := t[after+1 : min(len(t), after+8)]
	end := strings.IndexByte(window, closers[t[after]])
	if end <= 0 {
		return 0, 0
	}
	r := bracketed(window[:end], t[after])
	if r != "." && r != "@" {
		return 0, 0
	}
	if next = after + end + 2; next < len(t) && t[next] == ' ' {
		next++
	} else {
		next = after
	}
	return next, r[0]
}

// wordJoiner reads "dot" and "at" as words. Prose is full of them, so a dot
// must lead to a plain suffix, to another dot or from number to number, and an
// at to a name with a defanged dot; in capitals they may stand for more.
func wordJoiner(t string, start, end, after int) (next int, kind byte) {
	k := after
	for k < len(t) && k-after < 4 && class[t[k]] != space {
		k++
	}
	if k+1 >= len(t) || t[k] != ' ' || class[t[k+1]] == space {
		return 0, 0
	}
	word, next := t[after:k], k+1
	to := wordAt(t, next)
	switch word {
	case "dot", "Dot", "DOT":
		if word == "DOT" && strings.ToUpper(t[start:end]) != t[start:end] || dotLeadsTo(t, t[start:end], to, next) {
			return next, '.'
		}
	case "at", "AT", "At":
		defanged := bracketedDot(to) || strings.HasPrefix(t[min(len(t), next+len(to)):], " dot ") ||
			strings.HasPrefix(t[min(len(t), next+len(to)):], " DOT ") || strings.HasPrefix(t[min(len(t), next+len(to)):], " [.] ")
		if defanged || word == "AT" && strings.IndexByte(to, '.') > 0 && strings.ToUpper(t[start:end]) != t[start:end] {
			return next, '@'
		}
	}
	return 0, 0
}

// bracketedDot tells whether a dot in brackets may stand in a word.
func bracketedDot(w string) bool {
	for i := 1; i+1 < len(w); i++ {
		if (w[i] == '[' || w[i] == '(' || w[i] == '{' || w[i] == '<') && strings.IndexByte(".,dDp", w[i+1]) >= 0 {
			return true
		}
	}
	return false
}

func dotLeadsTo(t, from, to string, at int) bool {
	if proseWords[lowerASCII(from)] {
		return false
	}
	bare := strings.ToLower(strings.TrimRight(to, ".,;:!?)>\"'"))
	if i := strings.IndexAny(bare, "/:"); i > 0 {
		bare = bare[:i]
	}
	return plainSuffixes[bare] || allDigits(bare) && from != "" && isDigit(from[len(from)-1]) ||
		strings.HasPrefix(strings.ToLower(t[min(len(t), at+len(to)):min(len(t), at+len(to)+5)]), " dot ") || spokenAddress(t[min(len(t), at+len(to)):])
}

// spokenAddress tells whether " at example dot com" comes next.
func spokenAddress(t string) bool {
	if !strings.HasPrefix(t, " at ") {
		return false
	}
	host := wordAt(t, 4)
	return host != "" && strings.HasPrefix(t[4+len(host):], " dot ")
}

// wordAt is the word at i, at most 64 bytes of it.
func wordAt(t string, i int) string {
	end := i
	for end < len(t) && end-i < 64 && class[t[end]] != space {
		end++
	}
	return t[i:end]
}

// joined tries a joined stretch and tells whether it held something that
// reaches beyond its first word; if not, everything is as before.
//
// What is tried in vain is read again word by word, so the bytes tried are
// counted: a text that is made of such stretches stays linear at a low factor.
func (s *scanner) joined(start, first, end int) bool {
	if s.tried += end - start; s.tried > 2*len(s.text)+4096 {
		return false
	}
	found := len(s.out)
	s.refang(start, end, true)
	s.unit()
	for _, f := range s.out[found:] {
		if f.Spot.Span.Start-s.base < first && f.Spot.Span.End-s.base > first {
			return true
		}
	}
	s.out = s.out[:found]
	return false
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' && c < 0x80 }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isAlnum(c byte) bool  { return isLetter(c) || isDigit(c) }
func isHex(c byte) bool    { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' && c < 0x80 }

func allAlnum(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isAlnum(s[i]) {
			return false
		}
	}
	return s != ""
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}
