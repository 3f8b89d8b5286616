package outlook

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/internal/charset"
)

// maxEmbedded is how many messages inside each other are written.
const maxEmbedded = 8

// maxAttachments is how many attachments of one message are written.
const maxAttachments = 2000

// Write makes an RFC 5322 message of m: the header it travelled with where the file
// has kept that, else one made of properties; the bodies; the attachments, each as
// it is; messages inside it as message/rfc822. The same message gives the same
// bytes. Troubles are what of m could not be read and what is wrong with it; the
// error is w's.
func Write(w io.Writer, m *Message) (troubles []string, err error) {
	out := &writer{w: bufio.NewWriterSize(w, 32<<10)}
	out.message(m, "", 0)
	if err := out.w.Flush(); out.err == nil {
		out.err = err
	}
	return out.troubles, out.err
}

// writer remembers the first error of what it writes to.
type writer struct {
	w        *bufio.Writer
	err      error
	troubles []string
}

// maxTroubles is how many of them are told.
const maxTroubles = 50

func (o *writer) trouble(format string, args ...any) {
	if len(o.troubles) < maxTroubles {
		o.troubles = append(o.troubles, fmt.Sprintf(format, args...))
	}
}

func (o *writer) print(parts ...string) {
	for _, p := range parts {
		if o.err == nil {
			_, o.err = o.w.WriteString(p)
		}
	}
}

// message writes header and content. at tells apart the boundaries of messages that
// are inside each other.
func (o *writer) message(m *Message, at string, depth int) {
	o.troubles = append(o.troubles, m.Troubles[:min(len(m.Troubles), max(0, maxTroubles-len(o.troubles)))]...)
	o.header(m)
	o.print("MIME-Version: 1.0\r\n")
	if entity := m.signed(); entity != nil {
		o.copy(entity)
		return
	}
	parts := append(o.bodies(m), o.attachments(m, at, depth)...)
	switch len(parts) {
	case 0:
		parts = []part{{head: "Content-Type: text/plain\r\n", write: func() {}}}
		fallthrough
	case 1:
		if !parts[0].message {
			o.print(parts[0].head, "\r\n")
			parts[0].write()
			return
		}
	}
	boundary := "=_mixed" + at + "_" // none begins another
	o.print(multipart("mixed", boundary), "\r\n")
	o.between(boundary, parts)
}

func multipart(kind, boundary string) string {
	return "Content-Type: multipart/" + kind + "; boundary=\"" + boundary + "\"\r\n"
}

// between writes parts between boundaries. No part can hold one: what is not base64
// is a message inside, whose lines are made here, too.
func (o *writer) between(boundary string, parts []part) {
	for _, p := range parts {
		o.print("--", boundary, "\r\n", p.head, "\r\n")
		p.write()
		o.print("\r\n")
	}
	o.print("--", boundary, "--\r\n")
}

// part is one part of a message: its header, and what writes the rest.
type part struct {
	head    string
	write   func()
	message bool
}

// file is a part of bytes.
func (o *writer) file(head string, open func() io.Reader, what string) part {
	return part{head: head + "Content-Transfer-Encoding: base64\r\n", write: func() { o.base64(open(), what) }}
}

// base64 writes what can be read; an error ends it.
func (o *writer) base64(r io.Reader, what string) {
	var raw [57 * 512]byte
	var line [76]byte
	for {
		n, err := io.ReadFull(r, raw[:])
		for b := raw[:n]; len(b) > 0 && o.err == nil; {
			some := b[:min(len(b), 57)]
			b = b[len(some):]
			base64.StdEncoding.Encode(line[:], some)
			_, o.err = o.w.Write(line[:base64.StdEncoding.EncodedLen(len(some))])
			o.print("\r\n")
		}
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF || o.err != nil:
			return
		case err != nil:
			o.trouble("%s: %v", what, err)
			return
		}
	}
}

func (o *writer) copy(r io.Reader) {
	if o.err == nil {
		_, o.err = io.Copy(o.w, r)
	}
}

// bodies are the forms of the text, each once: plain, HTML, and RTF where it is more
// than a wrapping of one of those.
func (o *writer) bodies(m *Message) []part {
	plain := m.Text(m.Properties, PropBody)
	page, isHTML := m.page()
	rtf := o.rtf(m)
	var rest []part
	if rtf.kind == rtfHTML && !isHTML {
		page, isHTML = rtf.text, true
	}
	if rtf.kind != rtfHTML && rtf.text != "" && strings.TrimSpace(plain) == "" && !isHTML {
		plain = rtf.text
	}
	if rtf.kind == rtfNative {
		rest = append(rest, o.file("Content-Type: application/rtf; name=\"body.rtf\"\r\nContent-Disposition: inline; filename=\"body.rtf\"\r\n", opener(rtf.source), "the RTF body"))
	}
	var forms []part
	if strings.TrimSpace(plain) != "" || !isHTML && len(rest) == 0 {
		forms = append(forms, o.file("Content-Type: text/plain; charset=utf-8\r\n", opener([]byte(plain)), "the body"))
	}
	if isHTML {
		forms = append(forms, o.file("Content-Type: text/html; charset=utf-8\r\n", opener([]byte(page)), "the HTML body"))
	}
	if len(forms) == 2 {
		const boundary = "=_alternative_"
		both := forms
		forms = []part{{head: multipart("alternative", boundary), write: func() { o.between(boundary, both) }}}
	}
	return append(forms, rest...)
}

func opener(b []byte) func() io.Reader { return func() io.Reader { return bytes.NewReader(b) } }

// page is the HTML body, which stands in the code page of the internet form, unless
// it says otherwise itself.
func (m *Message) page() (string, bool) {
	v, ok := m.Properties[PropHTML]
	if !ok {
		return "", false
	}
	if v.Type != Binary {
		text := v.Text(m.Codepage)
		return text, text != ""
	}
	raw, _ := io.ReadAll(io.LimitReader(v.Reader(), maxText)) // what came before an error counts
	if n, known := m.Properties.Int(PropInternetCodepage); known && n > 0 && n != 65001 {
		return charset.CodePage(int(n), raw), len(raw) > 0
	}
	if name := charset.Meta(raw); name != "" && !utf8.Valid(raw) {
		text, _ := charset.ToUTF8(name, raw, charset.Detect)
		return text, true
	}
	return charset.Decode(raw), len(raw) > 0
}

// rtf reads the compressed RTF body.
func (o *writer) rtf(m *Message) rtfBody {
	v, ok := m.Properties[PropRTFCompressed]
	if !ok {
		return rtfBody{}
	}
	raw, err := io.ReadAll(io.LimitReader(v.Reader(), maxRTF))
	if err != nil {
		o.trouble("the RTF body: %v", err)
	}
	source, err := Decompress(raw)
	if err != nil {
		o.trouble("the RTF body: %v", err)
	}
	if len(source) == 0 {
		return rtfBody{}
	}
	return readRTF(source)
}

// attachments are the files and the messages inside.
func (o *writer) attachments(m *Message, at string, depth int) (parts []part) {
	for i, a := range m.Attachments {
		if i == maxAttachments {
			o.trouble("more than %d attachments", maxAttachments)
			return parts
		}
		if p, ok := o.attachment(m, a, at+"."+strconv.Itoa(i+1), depth); ok {
			parts = append(parts, p)
		}
	}
	return parts
}

func (o *writer) attachment(m *Message, a Attachment, at string, depth int) (part, bool) {
	name := m.attachmentName(a)
	if a.Message != nil {
		return o.embedded(a, name, at, depth)
	}
	if v, ok := a.Properties[PropAttachData]; ok {
		return o.file(m.attachmentHead(a, name), v.Reader, "attachment "+strconv.Quote(name)), true
	}
	if link := m.Text(a.Properties, PropAttachLongPathname); link != "" { // a file that stayed where it was
		return o.file("Content-Type: text/plain; charset=utf-8\r\n"+disposition("attachment", name+".link.txt"), opener([]byte(link)), name), true
	}
	o.trouble("attachment %q has no content", name)
	return part{}, false
}

// embedded reads a message inside; one that cannot be read is told, and left out.
func (o *writer) embedded(a Attachment, name, at string, depth int) (part, bool) {
	if depth+1 >= maxEmbedded {
		o.trouble("messages are inside each other deeper than %d", maxEmbedded)
		return part{}, false
	}
	inner, err := a.Message()
	if err != nil {
		o.trouble("message %q inside: %v", name, err)
		return part{}, false
	}
	return part{message: true, head: "Content-Type: message/rfc822\r\n" + disposition("attachment", name), write: func() { o.message(inner, at, depth+1) }}, true
}

func (m *Message) attachmentName(a Attachment) string {
	for _, id := range []uint16{PropAttachLongFilename, PropAttachFilename, PropDisplayName} {
		if name := m.Text(a.Properties, id); name != "" {
			return name
		}
	}
	return "attachment" + m.Text(a.Properties, PropAttachExtension)
}

// shownInBody is the bit of PropAttachFlags that says so.
const shownInBody = 4

// attachmentHead is the header of a file.
func (m *Message) attachmentHead(a Attachment, name string) string {
	kind, how := "application/octet-stream", "attachment"
	if t, _, err := mime.ParseMediaType(m.Text(a.Properties, PropAttachMIMEType)); err == nil && !strings.HasPrefix(t, "multipart/") && !strings.HasPrefix(t, "message/") {
		kind = t
	}
	id := strings.Trim(strings.TrimSpace(m.Text(a.Properties, PropAttachContentID)), "<>")
	hidden, _ := a.Properties.Int(PropAttachHidden)
	flags, _ := a.Properties.Int(PropAttachFlags)
	if hidden != 0 || flags&shownInBody != 0 {
		how = "inline"
	}
	head := "Content-Type: " + kind + "\r\n" + disposition(how, name)
	if id != "" && len(id) < 500 {
		head += "Content-ID: <" + oneLine(id) + ">\r\n"
	}
	return head
}

// disposition writes a name as RFC 2231 wants it, and so that no name breaks out.
func disposition(how, name string) string {
	name = oneLine(name)
	if v := mime.FormatMediaType(how, map[string]string{"filename": name}); v != "" {
		return "Content-Disposition: " + v + "\r\n"
	}
	return "Content-Disposition: " + how + "\r\n"
}

// oneLine keeps a value from becoming a header line of its own.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
}

// signed is the content of a message whose one attachment is all of it, with header
// fields of its own: a signature must find the bytes that were signed ([MS-OXOSMIME]).
func (m *Message) signed() io.Reader {
	class := strings.ToLower(m.Text(m.Properties, PropMessageClass))
	if !strings.HasSuffix(class, ".smime.multipartsigned") || len(m.Attachments) != 1 {
		return nil
	}
	v, ok := m.Attachments[0].Properties[PropAttachData]
	if !ok {
		return nil
	}
	r := bufio.NewReader(v.Reader())
	if head, _ := r.Peek(13); !strings.EqualFold(string(head), "content-type:") {
		return nil
	}
	return r
}

// header writes the fields of the message: those that it travelled with, then those
// that its properties know and they do not.
func (o *writer) header(m *Message) {
	had := o.travelled(m.Text(m.Properties, PropTransportHeaders))
	field := func(name string, values ...string) {
		for i, v := range values {
			values[i] = strings.TrimSpace(oneLine(v))
		}
		if value := strings.Join(values, ",\r\n\t"); value != "" && !had[strings.ToLower(name)] {
			o.print(name, ": ", value, "\r\n")
		}
	}
	from, sender := m.from(), m.sender()
	if from == "" {
		from, sender = sender, ""
	}
	field("From", from)
	if sender != from && !had["from"] {
		field("Sender", sender)
	}
	for kind, name := range []string{1: "To", 2: "Cc", 3: "Bcc"} {
		if name != "" {
			field(name, m.recipients(int64(kind))...)
		}
	}
	field("Subject", m.Subject())
	if date := m.date(); !date.IsZero() {
		field("Date", date.Format("Mon, 2 Jan 2006 15:04:05 -0700"))
	}
	field("Message-ID", m.Text(m.Properties, PropMessageID))
	field("In-Reply-To", m.Text(m.Properties, PropInReplyTo))
	field("References", m.Text(m.Properties, PropReferences))
	for _, n := range m.Named {
		if n.Set == setInternetHeaders && isFieldName(n.Name) {
			field(n.Name, n.Text(m.Codepage))
		}
	}
	if class := m.Text(m.Properties, PropMessageClass); class != "" && !strings.EqualFold(class, "IPM.Note") {
		field("X-Outlook-Message-Class", class)
	}
}

// maxTravelled bounds the header that a message travelled with, in bytes.
const maxTravelled = 1 << 20

// travelled writes the header as it was, without what described a form that the
// message has no more, and tells which fields it has.
func (o *writer) travelled(text string) map[string]bool {
	had := map[string]bool{}
	keep := false
	for line := range strings.Lines(text[:min(len(text), maxTravelled)]) {
		line = strings.TrimRight(line, "\r\n\x00")
		switch name, _, isField := strings.Cut(line, ":"); {
		case line == "":
			keep = false // some writers leave an empty line in the middle: what follows counts
			continue
		case line[0] == ' ' || line[0] == '\t':
		case !isField || !isFieldName(name):
			keep = false
		default:
			keep = true
			had[strings.ToLower(name)] = true
		}
		if keep {
			o.print(strings.ReplaceAll(line, "\r", " "), "\r\n")
		}
	}
	return had
}

// setInternetHeaders is the set of named properties that are header fields, by their
// names ([MS-OXPROPS] 1.3.2, PS_INTERNET_HEADERS).
var setInternetHeaders = [16]byte{0x86, 0x03, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46}

// isFieldName tells whether a name can be that of a header field which says nothing of
// the form of the message: that is new.
func isFieldName(name string) bool {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ':' }) {
		return false
	}
	name = strings.ToLower(name)
	return name != "mime-version" && !strings.HasPrefix(name, "content-")
}

// Subject is the subject without the mark that tells where its prefix ends
// ([MS-PST] 2.5.3.1.1.1), or what is left of it.
func (m *Message) Subject() string {
	s := m.Text(m.Properties, PropSubject)
	if len(s) >= 2 && s[0] == 1 {
		_, n := utf8.DecodeRuneInString(s[1:])
		s = s[1+n:]
	}
	if s == "" {
		s = m.Text(m.Properties, PropSubjectPrefix) + m.Text(m.Properties, PropNormalizedSubject)
	}
	return s
}

// notMail are classes of what Outlook keeps beside mail: people, notes, dates, and its
// own settings ([MS-OXOAB], [MS-OXOTASK], [MS-OXONOTE], [MS-OXOJRNL], [MS-OXOCAL]).
var notMail = []string{
	"ipm.contact", "ipm.distlist", "ipm.abchperson", "ipm.activity", "ipm.stickynote", "ipm.task", "ipm.appointment", "ipm.configuration", "ipm.microsoft", "ipm.ole.class",
}

// IsMail tells whether a message is one that people send each other. Of a class that
// is not known it is.
func (m *Message) IsMail() bool {
	class := strings.ToLower(m.Text(m.Properties, PropMessageClass))
	for _, c := range notMail {
		if class == c || strings.HasPrefix(class, c+".") {
			return false
		}
	}
	return true
}

// FileName is what a file with the message may be called.
func (m *Message) FileName() string {
	if s := strings.TrimSpace(strings.NewReplacer("/", "_", `\`, "_").Replace(oneLine(m.Subject()))); s != "" {
		return strings.ToValidUTF8(s[:min(len(s), 100)], "") + ".eml"
	}
	return "message.eml"
}

func (m *Message) date() time.Time {
	for _, id := range []uint16{PropClientSubmitTime, PropDeliveryTime, PropCreationTime, PropModificationTime} {
		if t := m.Properties.Time(id); !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

func (m *Message) from() string {
	return m.address(m.Properties, PropSentRepresentingName, PropRepresentingSMTP, PropRepresentingType, PropRepresentingAddress)
}

func (m *Message) sender() string {
	return m.address(m.Properties, PropSenderName, PropSenderSMTP, PropSenderType, PropSenderAddress)
}

// maxRecipients is how many recipients of one kind are written.
const maxRecipients = 5000

func (m *Message) recipients(kind int64) (all []string) {
	for _, r := range m.Recipients {
		n, known := r.Int(PropRecipientType)
		if n&0xf != kind && (known || kind != 1) || len(all) == maxRecipients {
			continue
		}
		if a := m.address(r, PropDisplayName, PropSMTPAddress, PropAddressType, PropAddress); a != "" {
			all = append(all, a)
		}
	}
	return all
}

// address is a name with the address that others can write to. Addresses inside an
// Exchange organisation (type EX) are none: then only the name is told.
func (m *Message) address(b Bag, name, smtp, kind, addr uint16) string {
	shown, a := strings.TrimSpace(oneLine(m.Text(b, name))), m.Text(b, smtp)
	if a == "" && !strings.EqualFold(m.Text(b, kind), "EX") {
		a = m.Text(b, addr)
	}
	a = strings.Trim(strings.TrimSpace(oneLine(a)), "<>")
	switch {
	case a == "" && shown == "":
		return ""
	case a == "" && strings.Contains(shown, "@"):
		a, shown = shown, ""
	case strings.EqualFold(strings.Trim(shown, "'"), a):
		shown = ""
	}
	if shown == "" {
		return "<" + a + ">"
	}
	return quoted(shown) + " <" + a + ">"
}

// quoted is a display name: as an encoded word where it is not ASCII.
func quoted(name string) string {
	if word := mime.BEncoding.Encode("utf-8", name); word != name {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}
