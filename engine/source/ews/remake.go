package ews

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	netmail "net/mail"
	"net/textproto"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

// DefectRemade marks a mail whose MIME the server could not give: it was made
// anew of its properties, and is not what was sent.
const DefectRemade = "ews-remade"

const maxBody = 32 << 20 // bytes of a body as a property

// properties are what a mail is made of; those of items that are no messages are
// fewer.
var properties = [][]string{
	{
		"item:Subject", "item:InternetMessageHeaders", "item:Body", "item:Attachments", "item:DateTimeSent", "item:DateTimeReceived", "item:InReplyTo",
		"message:From", "message:Sender", "message:ToRecipients", "message:CcRecipients", "message:BccRecipients", "message:ReplyTo", "message:InternetMessageId", "message:References",
	},
	{"item:Subject", "item:Body", "item:Attachments", "item:DateTimeReceived"},
}

// remake asks for the properties of a mail and makes RFC 5322 of them.
func (s *Source) remake(ctx context.Context, c *client, l *link, m mail, why error) result {
	item, err := s.properties(ctx, c, l, m)
	if err != nil {
		return result{err: err}
	}
	if err := refusalOf(item); err != nil {
		return result{refused: []denied{{m, err}}}
	}
	e := newMaker(s, m)
	defects := []engine.Defect{{Code: DefectRemade, Detail: "the server gives no MIME of it, it was made anew of its properties: " + why.Error()}}
	found := &element{}
	for _, only := range elements(item.at("Items")) {
		found = only
	}
	e.begin(found)
	for i, a := range elements(found.at("Attachments")) {
		if i == s.cfg.Limits.Parts || e.full() {
			defects = append(defects, engine.LimitDefect(engine.DefectParts, "", "attachments beyond the first %d are left out", i))
			break
		}
		missing, err := s.attach(ctx, c, l, e, a)
		if err != nil {
			return result{err: err}
		}
		if missing != nil {
			defects = append(defects, engine.Defect{Code: DefectRemade, Part: shown(a.say("Name")), Detail: "the server does not give the attachment: " + missing.Error()})
		}
	}
	if err := e.end(); err != nil {
		return result{err: mailbox.Temporary("%s", err)}
	}
	o := s.origin(m)
	o.Digest = hex.EncodeToString(e.hash.Sum(nil))
	return result{got: []fetched{{m, engine.Delivery{Raw: e.spool.Blob(), Origin: o, Defects: defects}}}}
}

// properties returns the response message with the item, or with its refusal.
func (s *Source) properties(ctx context.Context, c *client, l *link, m mail) (*element, error) {
	var got *element
	for i, fields := range properties {
		var b strings.Builder
		for _, f := range fields {
			b.WriteString(`<t:FieldURI FieldURI="` + f + `"/>`)
		}
		body := `<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:BodyType>Best</t:BodyType><t:AdditionalProperties>` + b.String() +
			`</t:AdditionalProperties></m:ItemShape><m:ItemIds>` + itemIDs([]string{m.id}) + `</m:ItemIds></m:GetItem>`
		got = nil
		err := c.do(ctx, l, call{body: fixed(body), token: maxBody, all: 2 * maxBody}, func(m *element) error {
			got = m
			return nil
		})
		switch {
		case err != nil:
			return nil, err
		case got == nil:
			return nil, mailbox.Temporary("the server has no answer for %s", s.origin(m).Name)
		}
		refused := refusalOf(got)
		if refused == nil || i == len(properties)-1 || is(refused, gone...) || is(refused, crowded...) {
			break
		}
	}
	return got, nil
}

// attach adds one attachment. missing is why the server does not give it.
func (s *Source) attach(ctx context.Context, c *client, l *link, e *maker, a *element) (missing, _ error) {
	body := `<m:GetAttachment><m:AttachmentShape><t:IncludeMimeContent>true</t:IncludeMimeContent></m:AttachmentShape><m:AttachmentIds><t:AttachmentId Id="` +
		escaped(a.at("AttachmentId").attr("Id")) + `"/></m:AttachmentIds></m:GetAttachment>`
	k := call{body: fixed(body), spool: s.spool, limit: s.cfg.Limits.Message, all: s.cfg.Limits.Message/2*3 + 4*maxDrain, time: time.Duration(s.cfg.Limits.Message/(16<<10)) * time.Second}
	var got *element
	err := c.do(ctx, l, k, func(m *element) error {
		if missing = refusalOf(m); missing == nil {
			got = m.at("Attachments")
		}
		return nil
	})
	switch {
	case errors.Is(err, errOver): // what there is, is more than any reader wants
	case is(missing, crowded...) || is(missing, transient...) && !is(missing, unsure...):
		return nil, missing
	case err != nil:
		return nil, err
	case missing != nil:
		return c.words(missing), nil
	}
	for _, found := range elements(got) {
		if inner := found.anywhere("MimeContent"); inner != nil && inner.content != nil && inner.content.filled {
			return nil, e.add(attachment{name: found.say("Name"), kind: "message/rfc822", content: inner.content})
		}
		if part := found.at("Content"); part != nil && part.content != nil {
			return nil, e.add(attachment{
				name: found.say("Name"), kind: found.say("ContentType"), id: found.say("ContentId"), inline: truth(found.say("IsInline")), content: part.content,
			})
		}
	}
	return errors.New("it has no content"), nil
}

// maker writes a mail.
type maker struct {
	spool    engine.Spool
	hash     hash.Hash
	limit    int64 // of bytes: one more is written
	fields   int   // bytes that one header field may have
	header   int   // and all
	boundary string
	err      error
}

func newMaker(s *Source, m mail) *maker {
	id := sha256.Sum256([]byte(m.id))
	return &maker{
		spool: s.spool(), hash: sha256.New(), limit: s.cfg.Limits.Message, fields: s.cfg.Limits.Field, header: s.cfg.Limits.Header,
		boundary: "=_" + hex.EncodeToString(id[:16]), // no base64 has "=_" in it
	}
}

// Write implements io.Writer. What is beyond the limit is dropped.
func (e *maker) Write(p []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	fits := p[:min(int64(len(p)), max(0, e.limit+1-e.spool.Len()))]
	e.hash.Write(fits)
	if _, e.err = e.spool.Write(fits); e.err != nil {
		return 0, e.err
	}
	return len(p), nil
}

func (e *maker) full() bool { return e.spool.Len() > e.limit }

// begin writes the header and the body.
func (e *maker) begin(item *element) {
	has := map[string]bool{}
	for _, h := range item.at("InternetMessageHeaders").all("InternetMessageHeader") {
		e.original(h, has)
	}
	for _, f := range []struct{ name, value string }{
		{"From", addresses(cmp.Or(item.at("From"), item.at("Sender")))},
		{"To", addresses(item.at("ToRecipients"))},
		{"Cc", addresses(item.at("CcRecipients"))},
		{"Bcc", addresses(item.at("BccRecipients"))},
		{"Reply-To", addresses(item.at("ReplyTo"))},
		{"Subject", mime.QEncoding.Encode("utf-8", oneLine(item.say("Subject")))},
		{"Date", date(item.say("DateTimeSent"), item.say("DateTimeReceived"))},
		{"Message-ID", oneLine(item.say("InternetMessageId"))},
		{"In-Reply-To", oneLine(item.say("InReplyTo"))},
		{"References", oneLine(item.say("References"))},
	} {
		if f.value != "" && !has[f.name] {
			e.field(f.name, f.value)
		}
	}
	fmt.Fprintf(e, "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=%q\r\n\r\n", e.boundary)
	kind := "text/plain"
	body := item.at("Body")
	if strings.EqualFold(body.attr("BodyType"), "HTML") {
		kind = "text/html"
	}
	if body != nil {
		fmt.Fprintf(e, "--%s\r\nContent-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n", e.boundary, kind)
		e.encode(strings.NewReader(body.text))
	}
}

// original writes a field of the mail as it came, unless it speaks about a
// structure that is lost.
func (e *maker) original(h *element, has map[string]bool) {
	name := textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(h.attr("HeaderName")))
	if !isField(name) || name == "Mime-Version" || strings.HasPrefix(name, "Content-") {
		return
	}
	if name == "Message-Id" {
		name = "Message-ID"
	}
	has[name] = true
	e.field(name, oneLine(h.text))
}

func isField(name string) bool {
	return name != "" && len(name) < 80 && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ':' })
}

func (e *maker) field(name, value string) {
	if e.header -= len(name) + len(value) + 4; e.header < 0 || len(value) > e.fields {
		return
	}
	fmt.Fprintf(e, "%s: %s\r\n", name, value)
}

func oneLine(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "\x00", "")), " ")
}

// addresses writes mailboxes as a header field does.
func addresses(list *element) string {
	var all []string
	for _, m := range list.all("Mailbox") {
		name, address := oneLine(m.say("Name")), oneLine(m.say("EmailAddress"))
		switch {
		case strings.Contains(address, "@"):
			all = append(all, (&netmail.Address{Name: name, Address: address}).String())
		case name+address != "": // of Exchange itself: no address for the world
			all = append(all, mime.QEncoding.Encode("utf-8", cmp.Or(name, address))+" <>")
		}
	}
	return strings.Join(all, ", ")
}

func date(texts ...string) string {
	for _, text := range texts {
		if at := moment(text); !at.IsZero() {
			return at.Format("Mon, 02 Jan 2006 15:04:05 -0700")
		}
	}
	return ""
}

// attachment is a part to be written.
type attachment struct {
	name, kind, id string
	inline         bool
	content        *content
}

func (e *maker) add(a attachment) error {
	kind, _, err := mime.ParseMediaType(a.kind)
	if err != nil || strings.HasPrefix(kind, "multipart/") {
		kind = "application/octet-stream"
	}
	disposition := "attachment"
	if a.inline {
		disposition = "inline"
	}
	fmt.Fprintf(e, "\r\n--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: base64\r\n", e.boundary, kind)
	if shaped := mime.FormatMediaType(disposition, map[string]string{"filename": oneLine(a.name)}); shaped != "" {
		disposition = shaped
	}
	fmt.Fprintf(e, "Content-Disposition: %s\r\n", disposition)
	if id := oneLine(a.id); id != "" && !strings.ContainsAny(id, "<> ") {
		fmt.Fprintf(e, "Content-ID: <%s>\r\n", id)
	}
	fmt.Fprint(e, "\r\n")
	r, err := a.content.spool.Blob().Open()
	if err != nil {
		return mailbox.Temporary("%s", err)
	}
	defer r.Close()
	e.encode(r)
	if e.err != nil {
		return mailbox.Temporary("%s", e.err)
	}
	return nil
}

// encode writes base64 in lines. What is wrong with the maker, it remembers; the
// readers are in memory or our own files.
func (e *maker) encode(r io.Reader) {
	lines := &lines{w: e}
	enc := base64.NewEncoder(base64.StdEncoding, lines)
	if _, err := io.Copy(enc, r); err != nil && e.err == nil {
		e.err = err
	}
	enc.Close()
	fmt.Fprint(e, "\r\n")
}

// lines breaks text after 76 letters.
type lines struct {
	w  io.Writer
	at int
}

func (l *lines) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if l.at == 76 {
			if _, err := io.WriteString(l.w, "\r\n"); err != nil {
				return 0, err
			}
			l.at = 0
		}
		some := p[:min(len(p), 76-l.at)]
		if _, err := l.w.Write(some); err != nil {
			return 0, err
		}
		l.at += len(some)
		p = p[len(some):]
	}
	return n, nil
}

func (e *maker) end() error {
	fmt.Fprintf(e, "\r\n--%s--\r\n", e.boundary)
	return e.err
}

// shown is a name as it may stand in a defect.
func shown(name string) string { return mailbox.Secrets(nil).Clean(name) }
