package ews

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
)

const (
	maxTalk     = 16 << 20 // bytes of an answer without contents
	maxToken    = 4 << 20  // of one text or tag: a SyncState is the longest
	maxElements = 100_000  // of one response message
	maxDepth    = 64       // of elements in each other
	maxParts    = 2000     // of an envelope: response messages, and what they are wrapped in
	maxDrain    = 1 << 20  // bytes beyond a cap that are read to save the connection
)

var (
	errGarbled = errors.New("the answer cannot be read")
	errOver    = errors.New("the rest of a content above the cap is not read")
	errSpool   = errors.New("a content cannot be kept")
)

// element is a small part of an answer, whole in memory.
type element struct {
	name    string // without its namespace: servers differ in prefixes
	attrs   []xml.Attr
	text    string
	kids    []*element
	content *content // of MimeContent and Content; else nil
}

// all returns the children of a name.
func (e *element) all(name string) []*element {
	if e == nil {
		return nil
	}
	var found []*element
	for _, k := range e.kids {
		if k.name == name {
			found = append(found, k)
		}
	}
	return found
}

// at goes down by names; nil when there is none.
func (e *element) at(path ...string) *element {
	for _, name := range path {
		if e == nil {
			return nil
		}
		i := slices.IndexFunc(e.kids, func(k *element) bool { return k.name == name })
		if i < 0 {
			return nil
		}
		e = e.kids[i]
	}
	return e
}

// anywhere finds the first element of a name, at any depth.
func (e *element) anywhere(name string) *element {
	if e == nil || e.name == name {
		return e
	}
	for _, k := range e.kids {
		if found := k.anywhere(name); found != nil {
			return found
		}
	}
	return nil
}

func (e *element) say(path ...string) string {
	if e = e.at(path...); e == nil {
		return ""
	}
	return strings.TrimSpace(e.text)
}

func (e *element) attr(name string) string {
	if e == nil {
		return ""
	}
	for _, a := range e.attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// truth reads a boolean: true and 1 are one thing to XML.
func truth(s string) bool { return s == "true" || s == "1" }

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// moment reads a date; zero when it is none.
func moment(s string) time.Time {
	at, err := time.Parse(time.RFC3339, s)
	if err != nil || at.Year() < 1601 { // Exchange's for "never"
		return time.Time{}
	}
	return at.UTC()
}

// content is what an answer carries in base64, spooled.
type content struct {
	spool  engine.Spool
	hash   hash.Hash
	bad    error // its base64 ends in the middle
	filled bool  // there was any
}

// Write implements io.Writer.
func (c *content) Write(p []byte) (int, error) {
	n, err := c.spool.Write(p)
	if err != nil {
		return n, fmt.Errorf("%w: %w", errSpool, err)
	}
	c.filled = c.filled || n > 0
	return c.hash.Write(p)
}

// answer is what came to one request.
type answer struct {
	tape  *tape
	xml   *xml.Decoder
	limit int64               // bytes of one content: one more is kept
	spool func() engine.Spool // nil: contents are none of the answer's business
	token int                 // bytes of one text

	server *element // ServerVersionInfo
	left   int      // elements that may still come
}

func newAnswer(r io.Reader, all int64) *answer {
	a := &answer{tape: newTape(r, all), token: maxToken}
	a.xml = xml.NewDecoder(a.tape)
	a.xml.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("charset %q", charset)
	}
	return a
}

// each calls f with the response messages, in order, as they come. The error is
// a refusal when the answer is a fault, wraps errGarbled when the answer is none
// of this protocol, errOver where it was not read to its end, and is that of the
// connection when that broke. A message that is not whole is told where its
// content is.
func (a *answer) each(f func(m *element) error) error {
	if err := a.enter("Envelope"); err != nil {
		return err
	}
	for wraps := 0; ; {
		t, err := a.next()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.EndElement:
			if t.Name.Local == "Envelope" {
				return nil
			}
		case xml.StartElement:
			if wraps++; wraps > maxParts {
				return garbled("it has too many parts")
			}
			if err := a.part(t, f); err != nil {
				return err
			}
		}
	}
}

// enter expects the outermost element.
func (a *answer) enter(name string) error {
	for {
		t, err := a.next()
		if err != nil {
			return err
		}
		if start, ok := t.(xml.StartElement); ok {
			if start.Name.Local != name {
				return garbled("it begins with %q instead of %q", start.Name.Local, name)
			}
			return nil
		}
	}
}

// part reads one element of the envelope.
func (a *answer) part(start xml.StartElement, f func(m *element) error) error {
	name := start.Name.Local
	switch {
	case name == "Header", name == "Body", name == "ResponseMessages", strings.HasSuffix(name, "Response"):
		return nil // what is in it comes next
	}
	a.left = maxElements
	e := &element{}
	err := a.fill(e, start, 0)
	switch {
	case errors.Is(err, errOver) && strings.HasSuffix(name, "Message"):
		if err := f(e); err != nil {
			return err
		}
		return errOver
	case err != nil:
		return err
	case name == "ServerVersionInfo":
		a.server = e
	case name == "Fault":
		return refusalOf(e)
	case strings.HasSuffix(name, "Message"):
		return f(e)
	}
	return nil
}

// fill reads an element and what is in it.
func (a *answer) fill(e *element, start xml.StartElement, depth int) error {
	if a.left--; a.left < 0 || depth > maxDepth {
		return garbled("it nests too deep, or has too many elements")
	}
	e.name, e.attrs = start.Name.Local, start.Attr
	if a.spool != nil && (e.name == "MimeContent" || e.name == "Content") {
		e.content = &content{spool: a.spool(), hash: sha256.New()}
		if err := a.pour(e.content); err != nil {
			return err
		}
	}
	var text []byte
	for {
		t, err := a.next()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.EndElement:
			e.text = string(text)
			return nil
		case xml.CharData:
			if e.content != nil {
				return garbled("its contents are no base64") // a CDATA section
			}
			if text = append(text, t...); len(text) > a.token {
				return garbled("%w", errToken)
			}
		case xml.StartElement:
			kid := &element{}
			e.kids = append(e.kids, kid)
			if err := a.fill(kid, t, depth+1); err != nil {
				return err
			}
		}
	}
}

// pour decodes the text that comes into a content, up to one byte beyond the
// limit, as parsers want it. What base64 there is stays when it breaks off.
func (a *answer) pour(c *content) error {
	text := textBytes{a.tape}
	decoded := base64.NewDecoder(base64.StdEncoding, text)
	_, err := io.Copy(c, io.LimitReader(decoded, a.limit+1))
	var corrupt base64.CorruptInputError
	switch {
	case errors.Is(err, errSpool):
		return err
	case a.tape.err != nil:
		return a.why(a.tape.err)
	case errors.As(err, &corrupt), errors.Is(err, io.ErrUnexpectedEOF):
		c.bad = errors.New("its base64 is broken")
	}
	if c.spool.Len() > a.limit {
		if n, _ := io.CopyN(io.Discard, text, maxDrain); n == maxDrain {
			return errOver
		}
	} else if _, err := io.Copy(io.Discard, text); err != nil {
		return a.why(err)
	}
	if a.tape.err != nil {
		return a.why(a.tape.err)
	}
	return nil
}

// next is the next token that matters.
func (a *answer) next() (xml.Token, error) {
	for {
		a.tape.token = a.token
		t, err := a.xml.Token()
		if err != nil {
			return nil, a.why(err)
		}
		switch t := t.(type) {
		case xml.Directive:
			return nil, garbled("it declares a document type")
		case xml.StartElement:
			return t.Copy(), nil
		case xml.CharData, xml.EndElement:
			return t, nil
		}
	}
}

// why tells a broken connection from an answer that cannot be read.
func (a *answer) why(err error) error {
	switch broke := a.tape.err; {
	case broke == nil:
		return garbled("%s", strings.TrimPrefix(err.Error(), "XML syntax error on "))
	case broke == io.EOF:
		return garbled("it ends early")
	case errors.Is(broke, errFlood), errors.Is(broke, errToken):
		return garbled("%w", broke)
	default:
		return broke
	}
}

func garbled(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errGarbled, fmt.Errorf(format, args...))
}

// refusal is a no of the server, to a request or to one of its items.
type refusal struct {
	code    string // ErrorItemNotFound
	text    string // in the server's words
	backOff time.Duration
}

func (r *refusal) Error() string { return r.code + ": " + r.text }

// refusalOf reads a fault, or a response message; nil when that is no refusal.
func refusalOf(e *element) error {
	code := e.say("ResponseCode")
	if e.name == "Fault" {
		code = faultCode(e)
	} else if e.attr("ResponseClass") == "Success" || code == "NoError" {
		return nil
	}
	r := &refusal{code: code, text: firstText(e.anywhere("MessageText"), e.at("detail", "Message"), e.anywhere("faultstring"), e.anywhere("Text"))}
	for _, v := range e.anywhere("MessageXml").all("Value") {
		if v.attr("Name") == "BackOffMilliseconds" {
			r.backOff = time.Duration(min(number(strings.TrimSpace(v.text)), 1<<40)) * time.Millisecond
		}
	}
	if r.code == "" {
		r.code = "an error without a code"
	}
	return r
}

// faultCode is what detail says, or what stands behind the prefix of the code:
// a:ErrorServerBusy.
func faultCode(e *element) string {
	if code := e.at("detail").anywhere("ResponseCode"); code != nil {
		return strings.TrimSpace(code.text)
	}
	code := e.say("faultcode")
	if code == "" {
		code = e.say("Code", "Value")
	}
	return code[strings.LastIndexByte(code, ':')+1:]
}

func firstText(es ...*element) string {
	for _, e := range es {
		if e != nil && strings.TrimSpace(e.text) != "" {
			return strings.TrimSpace(e.text)
		}
	}
	return ""
}
