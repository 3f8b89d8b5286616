package htmltext

import (
	"strings"

	"golang.org/x/net/html"
)

// scanner cuts a document into tokens by the rules of WHATWG HTML section
// 13.2.5, as html.Tokenizer does, and a test holds it to that. It exists
// because the document is in memory already: tokens are parts of it, so that
// nothing is copied, and attributes are found on the way to the end of their tag.
type scanner struct {
	in         string
	start, end int // of the current token

	name    string // of a tag, as written
	attrs   []attr // of a start tag, all of them, in order
	data    string // of a text or comment, as written
	literal bool   // the text has no character references
	raw     string // the next token is the content of that element, which has no tags
	fromRaw bool   // the text is such content
}

// token is a kind of token. Declarations and processing instructions count as
// comments.
type token uint8

const (
	endToken token = iota
	textToken
	startTag
	endTag
	comment
)

// attr is an attribute by its places in the document.
type attr struct{ key, val span }

type span struct{ from, to int }

func (s *scanner) part(at span) string { return s.in[at.from:at.to] }

// next goes on to the next token. A tag that never ends is the end.
func (s *scanner) next() token {
	s.start = s.end
	if s.raw != "" && s.rawText() {
		return textToken
	}
	s.literal, s.fromRaw = false, false
	at := s.markup(s.start)
	switch {
	case at > s.start:
		return s.text(at)
	case at == len(s.in):
		return endToken
	}
	switch c := s.in[at+1]; c {
	case '!':
		return s.declaration(at + 2)
	case '?':
		return s.bogus(at + 1)
	case '/':
		return s.closing(at + 2)
	}
	return s.tag(startTag, at+1)
}

// markup returns where the next token that is not text starts.
func (s *scanner) markup(i int) int {
	for {
		n := strings.IndexByte(s.in[i:], '<')
		if n < 0 || i+n+1 == len(s.in) {
			return len(s.in)
		}
		i += n + 1
		if c := s.in[i]; isLetter(c) || c == '/' || c == '!' || c == '?' {
			return i - 1
		}
	}
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func (s *scanner) text(end int) token {
	s.end = end
	s.data = s.in[s.start:end]
	return textToken
}

// closing reads what begins with "</".
func (s *scanner) closing(i int) token {
	switch {
	case i == len(s.in):
		return s.text(i)
	case isLetter(s.in[i]):
		return s.tag(endTag, i)
	}
	return s.bogus(i)
}

// declaration reads what begins with "<!".
func (s *scanner) declaration(i int) token {
	if strings.HasPrefix(s.in[i:], "--") {
		return s.comment(i + 2)
	}
	return s.bogus(i)
}

// bogus is a comment that ends at the next bracket.
func (s *scanner) bogus(i int) token {
	s.data, s.end = s.in[i:], len(s.in)
	if n := strings.IndexByte(s.data, '>'); n >= 0 {
		s.data, s.end = s.data[:n], i+n+1
	}
	return comment
}

// comment reads the inside of a comment: to "-->" or "--!>", or right away to
// the ">" of "<!-->" and "<!--->".
func (s *scanner) comment(i int) token {
	inside := s.in[i:]
	for at := 0; ; at++ {
		n := strings.IndexByte(inside[at:], '>')
		if n < 0 {
			s.data, s.end = unclosedComment(inside), len(s.in)
			return comment
		}
		at += n
		if data, closed := cutCommentEnd(inside[:at]); closed {
			s.data, s.end = data, i+at+1
			return comment
		}
	}
}

// cutCommentEnd cuts off what closes a comment when a bracket follows.
func cutCommentEnd(b string) (data string, closed bool) {
	if len(b) == 0 || len(b) == 1 && b[0] == '-' {
		return "", true
	}
	if data, closed = strings.CutSuffix(b, "--"); closed {
		return data, true
	}
	return strings.CutSuffix(b, "--!")
}

// unclosedComment is a comment that ends with the document, without the
// beginning of its close.
func unclosedComment(b string) string {
	data, closed := cutCommentEnd(b)
	if closed {
		return data
	}
	return strings.TrimSuffix(b, "-")
}

// tag reads a tag whose name begins at i.
func (s *scanner) tag(kind token, i int) token {
	s.attrs = s.attrs[:0]
	at := i
	for at < len(s.in) && ends[s.in[at]]&endsName == 0 {
		at++
	}
	s.name = s.in[i:at]
	var whole bool
	if s.end, whole = s.attributes(at, kind == startTag); !whole {
		return endToken
	}
	if kind == startTag {
		s.raw = rawElement(s.name)
	}
	return kind
}

// attributes reads the inside of a tag behind its name and returns where the
// tag ends; false when it does not.
func (s *scanner) attributes(i int, keep bool) (end int, whole bool) {
	for {
		switch i = s.skipBlanks(i); {
		case i == len(s.in):
			return i, false
		case s.in[i] == '>':
			return i + 1, true
		case s.in[i] == '/':
			i++
			continue
		}
		var a attr
		if a, i = s.attribute(i); keep {
			s.attrs = append(s.attrs, a)
		}
	}
}

// attribute reads the attribute at i and returns where to go on. A value whose
// quote is never closed ends with the document, and so does the tag.
func (s *scanner) attribute(i int) (a attr, next int) {
	a.key.from = i
	for i++; i < len(s.in) && ends[s.in[i]]&endsKey == 0; i++ { // an equals sign at the start is part of the name
	}
	a.key.to = i
	if i = s.skipBlanks(i); i == len(s.in) || s.in[i] != '=' {
		return a, i
	}
	if i = s.skipBlanks(i + 1); i == len(s.in) {
		return a, i
	}
	if quote := s.in[i]; quote == '"' || quote == '\'' {
		n := strings.IndexByte(s.in[i+1:], quote)
		if n < 0 {
			return a, len(s.in)
		}
		a.val = span{i + 1, i + 1 + n}
		return a, a.val.to + 1
	}
	a.val.from = i
	for i < len(s.in) && ends[s.in[i]]&endsValue == 0 {
		i++
	}
	a.val.to = i
	return a, i
}

func (s *scanner) skipBlanks(i int) int {
	for i < len(s.in) && isBlank(s.in[i]) {
		i++
	}
	return i
}

// What a byte ends inside a tag.
const (
	endsName = 1 << iota
	endsKey
	endsValue // one without quotes
)

var ends = [256]uint8{
	' ': endsName | endsKey | endsValue, '\n': endsName | endsKey | endsValue, '\r': endsName | endsKey | endsValue,
	'\t': endsName | endsKey | endsValue, '\f': endsName | endsKey | endsValue, '>': endsName | endsKey | endsValue,
	'/': endsName | endsKey, '=': endsKey,
}

// rawElements are the elements whose content has no tags.
var rawElements = [...]string{"iframe", "noembed", "noframes", "noscript", "plaintext", "script", "style", "textarea", "title", "xmp"}

// rawElement returns the raw element of that name, "" for others.
func rawElement(name string) string {
	for _, raw := range rawElements {
		if len(name) == len(raw) && strings.EqualFold(name, raw) {
			return raw
		}
	}
	return ""
}

// rawText reads the content of a raw element up to its end tag; false when
// there is none.
func (s *scanner) rawText() bool {
	end := len(s.in)
	switch s.raw {
	case "plaintext": // nothing ends it
	case "script":
		end = s.scriptEnd(s.start)
	default:
		end = s.rawEnd(s.start)
	}
	s.fromRaw, s.literal = true, s.raw != "textarea" && s.raw != "title"
	s.raw = ""
	s.text(end)
	return end > s.start
}

// rawEnd returns where the end tag of the raw element is, the end if nowhere.
func (s *scanner) rawEnd(i int) int {
	for {
		n := strings.Index(s.in[i:], "</")
		if n < 0 {
			return len(s.in)
		}
		if i += n; s.closes(i) {
			return i
		}
		i += 2
	}
}

// closes tells whether the end tag of the raw element stands at i.
func (s *scanner) closes(i int) bool {
	return i+1 < len(s.in) && s.in[i+1] == '/' && nameAt(s.in, i+2, s.raw)
}

// nameAt tells whether a name, given in lower case, is at i and ends there.
func nameAt(in string, i int, name string) bool {
	end := i + len(name)
	if end >= len(in) || ends[in[end]]&endsName == 0 {
		return false
	}
	for k := range len(name) {
		if c := in[i+k]; c != name[k] && c != name[k]-('a'-'A') {
			return false
		}
	}
	return true
}

// scriptEnd returns where the end tag of a script is. Inside what looks like a
// comment a script may stand in the script, whose end tag is not meant (the
// script data states, sections 13.2.5.17 to 31). It is a state machine.
func (s *scanner) scriptEnd(i int) int {
	const (
		data    = iota
		escaped // behind <!--
		double  // behind <script there
	)
	state, dashes := data, 0 // dashes right before i
	for i < len(s.in) {
		c := s.in[i]
		switch {
		case c == '-' && state != data:
			dashes++
			i++
			continue
		case c == '>' && dashes >= 2:
			state = data
		case c != '<':
		case state == data && strings.HasPrefix(s.in[i:], "<!--"):
			state, dashes = escaped, 2
			i += len("<!--")
			continue
		case s.closes(i) && state != double:
			return i
		case s.closes(i):
			state = escaped
			i += len("</script")
		case state == escaped && nameAt(s.in, i+1, "script"):
			state = double
			i += len("<script")
		case state == escaped && i+1 < len(s.in) && s.in[i+1] != '/' && !isLetter(s.in[i+1]):
			state = data
		}
		dashes = 0
		i++
	}
	return len(s.in)
}

// content is the text of the current token as a reader of the document has it:
// line ends as line feeds where they count, references resolved.
func (s *scanner) content(lines bool) string {
	text := s.data
	if lines && strings.IndexByte(text, '\r') >= 0 {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	}
	if s.fromRaw && strings.IndexByte(text, 0) >= 0 {
		text = strings.ReplaceAll(text, "\x00", "\ufffd")
	}
	if !s.literal && strings.IndexByte(text, '&') >= 0 {
		text = html.UnescapeString(text)
	}
	return text
}
