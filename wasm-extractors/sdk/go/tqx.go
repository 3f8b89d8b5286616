// Package tqx is what a Go program needs to be an extractor module of
// tqmailrules: it reads the frame that the host hands over, and writes what was
// found in the form that the host reads. Both are described in ABI.md, "The
// input" and "The output".
//
// An extractor is one function, registered once:
//
//	func init() { tqx.Extract(find) }
//
//	func main() {} // never called; -buildmode=c-shared wants it
//
//	func find(in *tqx.Input, out *tqx.Output) {
//		for i, part := range in.Parts {
//			if at := strings.Index(part.Text(), "EVIL"); at >= 0 {
//				out.Add(tqx.Indicator{Type: "string", Value: "EVIL", Part: i, Start: at, End: at + 4})
//			}
//		}
//	}
//
// The package builds on every platform, so that an extractor can be tested with
// go test: hand find an Input of your own and read Output.Indicators. Only the
// exports of the module (export_wasip1.go) are for WebAssembly alone.
//
// It imports nothing that makes modules large: with fmt or encoding/json a
// module grows by a megabyte and takes a second longer to load.
package tqx

import (
	"errors"
	"unicode/utf8"
	"unsafe"
)

// Bounds of one indicator and of one note (ABI.md, "The output").
const (
	MaxValue          = 8192 // bytes of a value, and of RelatedTo
	MaxAttributes     = 16
	MaxAttributeName  = 64   // bytes
	MaxAttributeValue = 1024 // bytes
	MaxNote           = 1024 // bytes
	maxNotes          = 16   // of this package: the rest is left out
)

// Input is one mail, as far as the description's "wants" asks for it. It is
// valid until the extractor returns.
type Input struct {
	Message Message
	Parts   []Part
	Config  JSON // an object; empty when there is no configuration
	Limits  Limits
}

// Message says which mail the parts are from.
type Message struct {
	ID   string
	Date string // when it was received, RFC 3339 in UTC; "" when nothing is known
	Unix int64  // the same in seconds since 1970; 0 when nothing is known
}

// Part is one text or file of the mail.
type Part struct {
	ID        string // "subject", "body.text", or the path of an attachment
	Kind      string // text, html, page, subject, header, name, attachment, raw
	MIME      string // media type in lower case
	Name      string // file name of an attachment
	SHA256    string // of an attachment, in lower-case hex
	Data      []byte // not to be written to
	Size      int    // bytes of the whole part; more than len(Data) when Truncated
	Truncated bool
}

// Text returns the bytes of the part as a string, without copying them.
func (p *Part) Text() string { return unsafe.String(unsafe.SliceData(p.Data), len(p.Data)) }

// Limits are what the host allows in one output; 0 means the default of ABI.md.
type Limits struct {
	Findings int
	Output   int // bytes
}

// Indicator is one thing found at one place.
type Indicator struct {
	Type       string // one of the description's types
	Value      string // 1 to MaxValue bytes without control characters
	Part       int    // index into Input.Parts
	Start, End int    // bytes of the part that hold it, End excluded; left out when both are 0
	Confidence int    // 1 to 100; 0 says nothing
	Attributes map[string]string
	RelatedTo  string // the value of another indicator, or any text it belongs to
}

// Output collects findings. The zero value works, without an Input's limits.
// It is for one goroutine.
type Output struct {
	in         *Input
	indicators []Indicator
	notes      []note
}

type note struct {
	level, text string
	part        int // -1: of no part
}

// Add takes one indicator. It returns false, and leaves the indicator out, when
// the host would refuse it: an empty, too long or controlling value, a part or a
// span that does not exist, a confidence above 100, or one finding too many.
// Attributes beyond MaxAttributes are left out, too long ones are cut.
func (o *Output) Add(ind Indicator) bool {
	if !validText(ind.Type) || !validText(ind.Value) || len(ind.RelatedTo) > MaxValue ||
		ind.Confidence < 0 || ind.Confidence > 100 || !o.validPlace(ind) || len(o.indicators) >= o.limits().Findings {
		return false
	}
	o.indicators = append(o.indicators, ind)
	return true
}

// Info adds a note for people about the mail as a whole.
func (o *Output) Info(text string) { o.note("info", text, -1) }

// Warn adds a note that something could not be done.
func (o *Output) Warn(text string) { o.note("warning", text, -1) }

// InfoPart adds a note for people about one part, by its index.
func (o *Output) InfoPart(part int, text string) { o.note("info", text, part) }

// WarnPart adds a note that something in one part could not be done.
func (o *Output) WarnPart(part int, text string) { o.note("warning", text, part) }

// Indicators returns what was added so far, in that order, for tests.
func (o *Output) Indicators() []Indicator { return o.indicators }

// Notes returns the texts of the notes so far, for tests.
func (o *Output) Notes() []string {
	var texts []string
	for _, n := range o.notes {
		texts = append(texts, n.text)
	}
	return texts
}

func (o *Output) note(level, text string, part int) {
	if text != "" && len(o.notes) < maxNotes {
		o.notes = append(o.notes, note{level, cut(text, MaxNote), part})
	}
}

func (o *Output) limits() Limits {
	l := Limits{Findings: 10000, Output: 1 << 20}
	if o.in != nil && o.in.Limits.Findings > 0 {
		l.Findings = o.in.Limits.Findings
	}
	if o.in != nil && o.in.Limits.Output > 0 {
		l.Output = o.in.Limits.Output
	}
	return l
}

func (o *Output) validPlace(ind Indicator) bool {
	if ind.Part < 0 || ind.Start < 0 || ind.End < ind.Start {
		return false
	}
	return o.in == nil || ind.Part < len(o.in.Parts) && ind.End <= len(o.in.Parts[ind.Part].Data)
}

// validText says whether the host takes s as a value.
func validText(s string) bool {
	if s == "" || len(s) > MaxValue {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == 0x7f || c == 0xc2 && i+1 < len(s) && s[i+1] >= 0x80 && s[i+1] < 0xa0 {
			return false
		}
	}
	return true
}

// cut shortens s to n bytes at most, between characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// Run reads a frame, has find search it and returns the output; nil when there
// is nothing to tell. A malformed frame becomes a warning.
func Run(frame []byte, find func(*Input, *Output)) []byte {
	in, err := Decode(frame)
	out := &Output{in: in}
	if err != nil {
		out.Warn(err.Error())
	} else {
		find(in, out)
	}
	return out.encode()
}

// spare is what an output keeps free for its end and the note about a limit.
const spare = 128

func (o *Output) encode() []byte {
	if len(o.indicators) == 0 && len(o.notes) == 0 {
		return nil
	}
	notes := o.encodeNotes()
	room := o.limits().Output - len(notes) - spare
	b := append(make([]byte, 0, 64+160*len(o.indicators)), `{"indicators":[`...)
	for i := range o.indicators {
		mark := len(b)
		if i > 0 {
			b = append(b, ',')
		}
		if b = o.indicators[i].append(b); len(b) > room {
			b = b[:mark]
			notes = appendNote(notes, note{"warning", "the output is full: further findings are left out", -1})
			break
		}
	}
	b = append(b, ']')
	if len(notes) > 0 {
		b = append(append(append(b, `,"notes":[`...), notes...), ']')
	}
	return append(b, '}')
}

func (o *Output) encodeNotes() []byte {
	var b []byte
	for _, n := range o.notes {
		b = appendNote(b, n)
	}
	return b
}

func appendNote(b []byte, n note) []byte {
	if len(b) > 0 {
		b = append(b, ',')
	}
	b = appendString(append(b, `{"level":`...), n.level)
	b = appendText(append(b, `,"text":`...), n.text)
	if n.part >= 0 {
		b = appendInt(append(b, `,"part":`...), n.part)
	}
	return append(b, '}')
}

func (ind *Indicator) append(b []byte) []byte {
	b = appendString(append(b, `{"type":`...), ind.Type)
	b = appendString(append(b, `,"value":`...), ind.Value)
	b = appendInt(append(b, `,"part":`...), ind.Part)
	if ind.End > 0 {
		b = appendInt(append(b, `,"start":`...), ind.Start)
		b = appendInt(append(b, `,"end":`...), ind.End)
	}
	if ind.Confidence > 0 {
		b = appendInt(append(b, `,"confidence":`...), ind.Confidence)
	}
	if len(ind.Attributes) > 0 {
		b = appendAttributes(append(b, `,"attributes":{`...), ind.Attributes)
	}
	if ind.RelatedTo != "" {
		b = appendText(append(b, `,"related_to":`...), ind.RelatedTo)
	}
	return append(b, '}')
}

// appendAttributes writes attributes in the order of their names, so that the
// same finding is always the same bytes, and the closing brace.
func appendAttributes(b []byte, attributes map[string]string) []byte {
	last, n := "", 0
	for n < MaxAttributes {
		name, found := nextName(attributes, last)
		if !found {
			break
		}
		if last = name; len(name) > MaxAttributeName {
			continue
		}
		if n++; n > 1 {
			b = append(b, ',')
		}
		b = append(appendText(b, name), ':')
		b = appendText(b, cut(attributes[name], MaxAttributeValue))
	}
	return append(b, '}')
}

// nextName finds the first name after last.
func nextName(attributes map[string]string, last string) (next string, found bool) {
	for name := range attributes {
		if name > last && (!found || name < next) {
			next, found = name, true
		}
	}
	return next, found
}

// appendText writes a text of the output. Control characters, which the host takes
// nowhere, become spaces.
func appendText(b []byte, s string) []byte {
	var text []byte
	for _, r := range s {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			r = ' '
		}
		text = utf8.AppendRune(text, r)
	}
	return appendString(b, string(text))
}

// appendString writes a JSON string (RFC 8259 section 7). Bytes that are not
// UTF-8 become U+FFFD, one each.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c == 0x7f:
			b = append(b, '\\', 'u', '0', '0', '0'+c>>4, "0123456789abcdef"[c&15])
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += n - 1
		}
		i++
	}
	return append(b, '"')
}

func appendInt(b []byte, n int) []byte {
	if n >= 10 {
		b = appendInt(b, n/10)
	}
	return append(b, byte('0'+n%10))
}

var (
	errMagic  = errors.New("malformed frame: it does not begin with TQX1")
	errHeader = errors.New("malformed frame: the header is cut off or no object")
	errPart   = errors.New("malformed frame: a part lies outside of it")
)

// Decode reads a frame (ABI.md, "The input"). The parts of the result lie in
// frame. It fails when the frame is cut off; it never panics.
func Decode(frame []byte) (*Input, error) {
	if len(frame) < 8 || string(frame[:4]) != "TQX1" {
		return nil, errMagic
	}
	n := uint64(frame[4]) | uint64(frame[5])<<8 | uint64(frame[6])<<16 | uint64(frame[7])<<24
	if n > uint64(len(frame)-8) {
		return nil, errHeader
	}
	header, blobs := JSON(frame[8:8+n]), frame[8+n:]
	if len(header) == 0 || header[0] != '{' {
		return nil, errHeader
	}
	message, limits := header.Get("message"), header.Get("limits")
	in := &Input{
		Message: Message{ID: message.Get("id").Text(""), Date: message.Get("date").Text(""), Unix: message.Get("unix").Int(0)},
		Config:  header.Get("config"),
		Limits:  Limits{Findings: int(limits.Get("findings").Int(0)), Output: int(limits.Get("output").Int(0))},
	}
	for _, entry := range header.Get("parts").Items() {
		part, ok := decodePart(entry, blobs)
		if !ok {
			return nil, errPart
		}
		in.Parts = append(in.Parts, part)
	}
	return in, nil
}

// decodePart reads one entry of "parts" in a single pass over its members.
func decodePart(entry JSON, blobs []byte) (part Part, ok bool) {
	off, size := int64(-1), int64(-1)
	entry.members(func(key, value JSON) bool {
		switch key.Text("") {
		case "id":
			part.ID = value.Text("")
		case "kind":
			part.Kind = value.Text("")
		case "mime":
			part.MIME = value.Text("")
		case "name":
			part.Name = value.Text("")
		case "sha256":
			part.SHA256 = value.Text("")
		case "off":
			off = value.Int(-1)
		case "len":
			size = value.Int(-1)
		case "size":
			part.Size = int(value.Int(0))
		case "truncated":
			part.Truncated = value.Bool(false)
		}
		return true
	})
	if off < 0 || size < 0 || off > int64(len(blobs)) || size > int64(len(blobs))-off {
		return Part{}, false
	}
	part.Data = blobs[off : off+size : off+size]
	return part, true
}

// ConfigString returns the text under a key of the configuration, or otherwise.
func (in *Input) ConfigString(key, otherwise string) string {
	return in.Config.Get(key).Text(otherwise)
}

// ConfigStrings returns the texts of a list in the configuration; nil when the
// key is missing or no list.
func (in *Input) ConfigStrings(key string) []string { return in.Config.Get(key).Texts() }

// ConfigInt returns the integer under a key of the configuration, or otherwise.
func (in *Input) ConfigInt(key string, otherwise int64) int64 {
	return in.Config.Get(key).Int(otherwise)
}

// ConfigBool returns the truth value under a key of the configuration, or otherwise.
func (in *Input) ConfigBool(key string, otherwise bool) bool {
	return in.Config.Get(key).Bool(otherwise)
}

// JSON is one JSON value as it is written, without white space around it; empty
// when there is none. Its methods answer with what they were given for a value
// of another type, so that a chain of them needs no errors.
type JSON []byte

// Get returns the value of a member of an object.
func (j JSON) Get(key string) (found JSON) {
	j.members(func(k, value JSON) bool {
		if k.Text("") == key {
			found = value
		}
		return found == nil
	})
	return found
}

// Items returns the elements of an array.
func (j JSON) Items() []JSON {
	var items []JSON
	if len(j) < 2 || j[0] != '[' {
		return nil
	}
	for i := blank(j, 1); i < len(j) && j[i] != ']'; i = blank(j, i) {
		end := valueEnd(j, i)
		if end == i {
			return items // malformed
		}
		items = append(items, j[i:end:end])
		i = comma(j, end)
	}
	return items
}

// Text returns the characters of a string.
func (j JSON) Text(otherwise string) string {
	if len(j) < 2 || j[0] != '"' || j[len(j)-1] != '"' {
		return otherwise
	}
	inner := j[1 : len(j)-1]
	for _, c := range inner {
		if c == '\\' {
			return unescape(inner)
		}
	}
	return unsafe.String(unsafe.SliceData(inner), len(inner))
}

// Texts returns the strings of an array; elements that are none are left out.
func (j JSON) Texts() []string {
	var texts []string
	for _, item := range j.Items() {
		if item[0] == '"' {
			texts = append(texts, item.Text(""))
		}
	}
	return texts
}

// Int returns an integer of up to 18 digits; a number that is not a whole one
// counts as none.
func (j JSON) Int(otherwise int64) int64 {
	digits, sign := j, int64(1)
	if len(j) > 0 && j[0] == '-' {
		digits, sign = j[1:], -1
	}
	if len(digits) == 0 || len(digits) > 18 {
		return otherwise
	}
	var n int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return otherwise
		}
		n = 10*n + int64(c-'0')
	}
	return sign * n
}

// Bool returns true or false.
func (j JSON) Bool(otherwise bool) bool {
	switch string(j) {
	case "true":
		return true
	case "false":
		return false
	}
	return otherwise
}

// members calls yield for the members of an object until it returns false.
func (j JSON) members(yield func(key, value JSON) bool) {
	if len(j) < 2 || j[0] != '{' {
		return
	}
	for i := blank(j, 1); i < len(j) && j[i] == '"'; i = blank(j, i) {
		end := stringEnd(j, i)
		key := j[i:end:end]
		if i = blank(j, end); i == len(j) || j[i] != ':' {
			return
		}
		i = blank(j, i+1)
		end = valueEnd(j, i)
		if end == i || !yield(key, j[i:end:end]) {
			return
		}
		i = comma(j, end)
	}
}

// blank returns the place of the first byte from i on that is no white space.
func blank(j JSON, i int) int {
	for i < len(j) && (j[i] == ' ' || j[i] == '\t' || j[i] == '\n' || j[i] == '\r') {
		i++
	}
	return i
}

// comma steps over white space and one comma.
func comma(j JSON, i int) int {
	if i = blank(j, i); i < len(j) && j[i] == ',' {
		i++
	}
	return i
}

// stringEnd returns the place after the string that begins at i.
func stringEnd(j JSON, i int) int {
	for i++; i < len(j); i++ {
		switch j[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(j)
}

// valueEnd returns the place after the value that begins at i. Brackets are
// counted and not called for, so that no depth of them is too deep.
func valueEnd(j JSON, i int) int {
	for depth := 0; i < len(j); {
		switch j[i] {
		case '"':
			i = stringEnd(j, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
			i++
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
			i++
			continue
		default:
			i = literalEnd(j, i)
		}
		if depth == 0 {
			return i
		}
	}
	return i
}

// literalEnd returns the place after a number, true, false or null.
func literalEnd(j JSON, i int) int {
	for i < len(j) {
		switch j[i] {
		case '"', '{', '[', '}', ']', ',', ':', ' ', '\t', '\n', '\r':
			return i
		}
		i++
	}
	return i
}

// unescape replaces the escapes of RFC 8259 section 7. A half of a surrogate
// pair without the other becomes U+FFFD; so does an escape that is none.
func unescape(s []byte) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		i++
		if s[i] == 'u' {
			r, n := escapedRune(s[i-1:])
			b = utf8.AppendRune(b, r)
			i += n - 2
			continue
		}
		b = utf8.AppendRune(b, shortEscape(s[i]))
	}
	return string(b)
}

func shortEscape(c byte) rune {
	switch c {
	case '"', '\\', '/':
		return rune(c)
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	}
	return utf8.RuneError
}

// escapedRune reads \uXXXX, or two of them that are a surrogate pair, at the
// beginning of s, and returns how many bytes they take.
func escapedRune(s []byte) (r rune, n int) {
	high, ok := hex4(s)
	if !ok {
		return utf8.RuneError, 2
	}
	if high&0xfc00 == 0xd800 {
		if low, ok := hex4(s[6:]); ok && low&0xfc00 == 0xdc00 {
			return 0x10000 + high&0x3ff<<10 + low&0x3ff, 12
		}
	}
	return high, 6 // AppendRune writes U+FFFD for half a pair
}

func hex4(s []byte) (r rune, ok bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	for _, c := range s[2:6] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// Frame writes the frame of an input, as the host would: for tests of modules
// and of extractors.
func Frame(in *Input) []byte {
	header := appendString([]byte(`{"abi":"tqx1","message":{"id":`), in.Message.ID)
	header = appendString(append(header, `,"date":`...), in.Message.Date)
	header = append(appendSigned(append(header, `,"unix":`...), in.Message.Unix), `},"parts":[`...)
	var blobs []byte
	for i := range in.Parts {
		if i > 0 {
			header = append(header, ',')
		}
		header = in.Parts[i].append(header, len(blobs))
		blobs = append(blobs, in.Parts[i].Data...)
	}
	header = append(header, `],"config":`...)
	if len(in.Config) == 0 {
		header = append(header, '{', '}')
	}
	limits := (&Output{in: in}).limits()
	header = appendInt(append(append(header, in.Config...), `,"limits":{"findings":`...), limits.Findings)
	header = append(appendInt(append(header, `,"output":`...), limits.Output), '}', '}')
	n := len(header)
	frame := append([]byte("TQX1"), byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	return append(append(frame, header...), blobs...)
}

func (p *Part) append(b []byte, off int) []byte {
	b = appendString(append(b, `{"id":`...), p.ID)
	b = appendString(append(b, `,"kind":`...), p.Kind)
	b = appendString(append(b, `,"mime":`...), p.MIME)
	b = appendString(append(b, `,"name":`...), p.Name)
	b = appendString(append(b, `,"sha256":`...), p.SHA256)
	b = appendInt(append(b, `,"off":`...), off)
	b = appendInt(append(b, `,"len":`...), len(p.Data))
	b = appendInt(append(b, `,"size":`...), max(p.Size, len(p.Data)))
	if p.Truncated {
		return append(b, `,"truncated":true}`...)
	}
	return append(b, `,"truncated":false}`...)
}

func appendSigned(b []byte, n int64) []byte {
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	return appendInt(b, int(n))
}
