package pdf

import (
	"errors"
	"strconv"
	"strings"
)

// Limits of one object. Beyond them it is no object.
const (
	maxDepth  = 100     // arrays and dictionaries inside each other
	maxValues = 400_000 // values in one object
	maxName   = 1024    // bytes of a name or a word; the rest of it is left out
	maxString = 8 << 20 // bytes of a string; the rest of it is left out
	perValue  = 32      // bytes of a string that count as one value
)

var (
	errEnd  = errors.New("unexpected end")
	errDeep = errors.New("objects nest too deep, or are too large")
)

// lexer reads values from bytes. It is used for the file, for object streams,
// for content streams, and for CMaps. Strings come out as they stand: who knows
// the key decrypts them.
type lexer struct {
	b      []byte
	pos    int
	flat   bool // there are no references: "1 0 R" are three values
	values int  // read so far in the current object
}

// Bytes by their class (7.2.2).
const (
	regular = iota
	space
	delimiter
)

var class = func() (c [256]byte) {
	for _, b := range "\x00\t\n\f\r " {
		c[b] = space
	}
	for _, b := range "()<>[]{}/%" {
		c[b] = delimiter
	}
	return c
}()

// skip goes over white space and comments.
func (l *lexer) skip() {
	for l.pos < len(l.b) {
		switch c := l.b[l.pos]; {
		case class[c] == space:
			l.pos++
		case c == '%':
			for l.pos < len(l.b) && l.b[l.pos] != '\n' && l.b[l.pos] != '\r' {
				l.pos++
			}
		default:
			return
		}
	}
}

// object reads one value with all it contains.
func (l *lexer) object() (any, error) {
	l.values = 0
	return l.value(0)
}

func (l *lexer) value(depth int) (any, error) {
	l.skip()
	if l.pos >= len(l.b) {
		return nil, errEnd
	}
	if l.values++; depth > maxDepth || l.values > maxValues {
		return nil, errDeep
	}
	switch c := l.b[l.pos]; c {
	case '/':
		return l.name(), nil
	case '(':
		return l.literal(), nil
	case '<':
		if l.pos+1 < len(l.b) && l.b[l.pos+1] == '<' {
			l.pos += 2
			return l.dict(depth + 1)
		}
		return l.hex(), nil
	case '[':
		l.pos++
		return l.array(depth + 1)
	case '>':
		if l.pos+1 < len(l.b) && l.b[l.pos+1] == '>' {
			l.pos++
		}
		l.pos++
		return keyword(">>"), nil
	case ']', '{', '}', ')':
		l.pos++
		return keyword(c), nil
	case '+', '-', '.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return l.number(), nil
	}
	return l.word(), nil
}

// regulars goes over a run of regular characters.
func (l *lexer) regulars() []byte {
	start := l.pos
	for l.pos < len(l.b) && class[l.b[l.pos]] == regular {
		l.pos++
	}
	return l.b[start:l.pos]
}

// words are the values of words that occur often, made once.
var words = func() map[string]any {
	m := map[string]any{"true": true, "false": false, "null": nil}
	for _, w := range strings.Fields("q Q cm w J j M d ri i gs m l c v y h re S s f F f* B B* b b* n W W* BT ET Tc Tw Tz TL Tf Tr Ts Td TD Tm T* Tj TJ ' \" CS cs SC SCN sc scn G g RG rg K k sh Do MP DP BMC BDC EMC obj endobj stream endstream n") {
		m[w] = keyword(w)
	}
	return m
}()

func (l *lexer) word() any {
	w := l.regulars()
	if v, known := words[string(w)]; known {
		return v
	}
	return keyword(w[:min(len(w), maxName)])
}

func (l *lexer) name() name {
	l.pos++
	w := l.regulars()
	w = w[:min(len(w), maxName)]
	for i := range w {
		if w[i] == '#' {
			return name(unescapeName(w))
		}
	}
	return name(w)
}

func unescapeName(w []byte) []byte {
	out := make([]byte, 0, len(w))
	for i := 0; i < len(w); i++ {
		if w[i] == '#' && i+2 < len(w) && nibble(w[i+1]) >= 0 && nibble(w[i+2]) >= 0 {
			out = append(out, byte(nibble(w[i+1])<<4|nibble(w[i+2])))
			i += 2
			continue
		}
		out = append(out, w[i])
	}
	return out
}

func nibble(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// number reads an int or a real; "--5", "1-2" and "4.5.6" occur and are read as
// far as they make sense, as viewers do.
func (l *lexer) number() any {
	start := l.pos
	for l.pos < len(l.b) && (l.b[l.pos] == '+' || l.b[l.pos] == '-') {
		l.pos++
	}
	negative := l.pos > start && l.b[start] == '-'
	mantissa, scale, digits, dotted := 0.0, 1.0, 0, false
	for ; l.pos < len(l.b); l.pos++ {
		c := l.b[l.pos]
		if c == '.' && !dotted {
			dotted = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		if digits++; digits > 300 {
			continue
		}
		mantissa = mantissa*10 + float64(c-'0')
		if dotted {
			scale *= 10
		}
	}
	if digits == 0 && !dotted || l.pos < len(l.b) && class[l.b[l.pos]] == regular && !numeric(l.b[l.pos]) {
		l.pos = start
		return l.word()
	}
	for l.pos < len(l.b) && numeric(l.b[l.pos]) { // the rest of a malformed number
		l.pos++
	}
	if negative {
		mantissa = -mantissa
	}
	if dotted || digits > 15 {
		return mantissa / scale
	}
	return l.maybeRef(int(mantissa))
}

func numeric(c byte) bool { return c >= '0' && c <= '9' || c == '-' || c == '.' }

// maybeRef looks whether a number begins a reference, "12 0 R".
func (l *lexer) maybeRef(n int) any {
	if l.flat || n < 0 {
		return n
	}
	at := l.pos
	gen, ok := l.digits()
	if ok && l.pos+1 < len(l.b) {
		l.skip()
		if l.pos < len(l.b) && l.b[l.pos] == 'R' && (l.pos+1 == len(l.b) || class[l.b[l.pos+1]] != regular) {
			l.pos++
			return ref{n, gen}
		}
	}
	l.pos = at
	return n
}

// digits reads a number of at most seven digits behind white space.
func (l *lexer) digits() (int, bool) {
	at := l.pos
	for l.pos < len(l.b) && class[l.b[l.pos]] == space {
		l.pos++
	}
	if l.pos == at {
		return 0, false
	}
	start := l.pos
	for l.pos < len(l.b) && l.pos-start < 8 && l.b[l.pos] >= '0' && l.b[l.pos] <= '9' {
		l.pos++
	}
	n, err := strconv.Atoi(string(l.b[start:l.pos]))
	return n, err == nil && l.pos-start < 8
}

var escapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'f': '\f'}

// literal reads "(...)" (7.3.4.2).
func (l *lexer) literal() str {
	l.pos++
	var out []byte
	for depth := 1; l.pos < len(l.b); l.pos++ {
		c := l.b[l.pos]
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				l.pos++
				return l.string(out)
			}
		case '\\':
			out = l.escape(out)
			continue
		case '\r':
			if l.pos+1 < len(l.b) && l.b[l.pos+1] == '\n' {
				l.pos++
			}
			c = '\n'
		}
		if len(out) < maxString {
			out = append(out, c)
		}
	}
	l.pos = min(l.pos, len(l.b)) // the file ends in a backslash
	return l.string(out)
}

func (l *lexer) string(b []byte) str {
	l.values += len(b) / perValue
	return str(b)
}

// escape reads what follows a backslash; pos is left on its last byte.
func (l *lexer) escape(out []byte) []byte {
	if l.pos++; l.pos >= len(l.b) {
		return out
	}
	c := l.b[l.pos]
	switch {
	case c >= '0' && c <= '7':
		n := 0
		i := 0
		for ; i < 3 && l.pos+i < len(l.b) && l.b[l.pos+i] >= '0' && l.b[l.pos+i] <= '7'; i++ {
			n = n<<3 | int(l.b[l.pos+i]-'0')
		}
		l.pos += i - 1
		return append(out, byte(n))
	case c == '\r':
		if l.pos+1 < len(l.b) && l.b[l.pos+1] == '\n' {
			l.pos++
		}
		return out
	case c == '\n':
		return out
	}
	if e, ok := escapes[c]; ok {
		c = e
	}
	return append(out, c)
}

// hex reads "<...>".
func (l *lexer) hex() str {
	l.pos++
	var out []byte
	high := -1
	for ; l.pos < len(l.b); l.pos++ {
		if l.b[l.pos] == '>' {
			l.pos++
			break
		}
		n := nibble(l.b[l.pos])
		switch {
		case n < 0:
		case high < 0:
			high = n
		default:
			if len(out) < maxString {
				out = append(out, byte(high<<4|n))
			}
			high = -1
		}
	}
	if high >= 0 {
		out = append(out, byte(high<<4))
	}
	return l.string(out)
}

// hexOrLiteral reads a string, and no dictionary.
func (l *lexer) hexOrLiteral() (str, bool) {
	v, err := l.value(maxDepth)
	s, ok := v.(str)
	return s, ok && err == nil && l.pos < len(l.b)
}

// array reads up to "]". A word in it that ends the object or begins another
// ends the array: the writer forgot the bracket.
func (l *lexer) array(depth int) (any, error) {
	out := array{}
	for {
		at := l.pos
		v, err := l.value(depth)
		if err == errEnd {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		switch k := v.(type) {
		case keyword:
			if k == "]" {
				return out, nil
			}
			if ends(k) {
				l.pos = at
				return out, nil
			}
		default:
			out = append(out, v)
		}
	}
}

// dict reads up to ">>". Of a key that stands twice the first counts.
func (l *lexer) dict(depth int) (any, error) {
	out := dict{}
	for {
		at := l.pos
		k, err := l.value(depth)
		if err == errEnd {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if ends(k) {
			if k != keyword(">>") {
				l.pos = at
			}
			return out, nil
		}
		key, ok := k.(name)
		if !ok {
			continue
		}
		at = l.pos
		v, err := l.value(depth)
		if err != nil && err != errEnd {
			return nil, err
		}
		if ends(v) {
			l.pos = at
			continue
		}
		if _, twice := out[key]; !twice {
			out[key] = v
		}
	}
}

// ends tells whether a value is a word that ends a dictionary.
func ends(v any) bool {
	k, ok := v.(keyword)
	return ok && (k == ">>" || k == "endobj" || k == "stream" || k == "endstream" || k == "obj")
}
