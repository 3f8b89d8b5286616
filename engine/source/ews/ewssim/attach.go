package ewssim

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
)

// An attachment's id is that of its item with another kind, and its places: the
// third file of a mail that is the first file of the item is 0, 2.
func attachmentID(it *item, places []int) string {
	raw, _ := base64.StdEncoding.DecodeString(it.id)
	raw[len(idMark)+36] = kindAttachment
	for _, p := range places {
		raw = binary.BigEndian.AppendUint16(raw, uint16(p))
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// readAttachmentID finds what an id names.
func (s *Server) readAttachmentID(c *call, n *node) (*item, []int, *part, error) {
	kind, ok := kindOf(n.attr("Id"))
	if !ok || kind != kindAttachment {
		return nil, nil, nil, fail("ErrorInvalidAttachmentId")
	}
	raw, _ := base64.StdEncoding.DecodeString(n.attr("Id"))
	places := raw[idLength:]
	raw = raw[:idLength:idLength]
	raw[len(idMark)+36] = kindItem
	it := s.store.items[base64.StdEncoding.EncodeToString(raw)]
	if it == nil || len(places) == 0 || len(places)%2 != 0 {
		return nil, nil, nil, fail("ErrorAttachmentNotFound")
	}
	if !c.user.opens(it.folder.box.email) {
		return nil, nil, nil, fail("ErrorAccessDenied")
	}
	way, p := follow(it.mail, places)
	if p == nil {
		return nil, nil, nil, fail("ErrorAttachmentNotFound")
	}
	return it, way, p, nil
}

func follow(m *mail, places []byte) (way []int, p *part) {
	for ; len(places) > 0; places = places[2:] {
		at := int(binary.BigEndian.Uint16(places))
		if m == nil || at >= len(m.files) {
			return nil, nil
		}
		p = m.files[at]
		m, way = p.mail, append(way, at)
	}
	return way, p
}

// attachments lists them without their contents.
func (r *rendering) attachments(it *item) { r.files(it, it.mail, nil) }

func (r *rendering) files(it *item, m *mail, up []int) {
	if len(m.files) == 0 {
		return
	}
	r.x.begin("t:Attachments")
	for i, p := range m.files {
		r.file(it, p, append(up[:len(up):len(up)], i), false)
	}
	r.x.end()
}

// file writes an attachment, and what is in it when it was asked for.
func (r *rendering) file(it *item, p *part, places []int, whole bool) {
	element := "t:FileAttachment"
	if p.mail != nil {
		element = "t:ItemAttachment"
	}
	r.x.begin(element)
	r.x.leaf("t:AttachmentId", "", "Id", attachmentID(it, places))
	r.x.leaf("t:Name", p.title())
	r.x.leaf("t:ContentType", p.mime)
	if p.id != "" {
		r.x.leaf("t:ContentId", p.id)
	}
	if r.c.schema >= schemaOf("Exchange2010") {
		r.x.leaf("t:Size", strconv.Itoa(len(p.content)))
		r.x.leaf("t:LastModifiedTime", stamp(it.modified))
		r.x.leaf("t:IsInline", boolean(p.inline))
	}
	switch {
	case whole && p.mail != nil:
		r.attached(it, p, places)
	case whole:
		r.x.base64("t:Content", p.content)
	case p.mail == nil && r.c.schema >= schemaOf("Exchange2010"):
		r.x.leaf("t:IsContactPhoto", "false")
	}
	r.x.end()
}

// attached is the mail in an ItemAttachment. It has no id and is in no folder.
func (r *rendering) attached(it *item, p *part, places []int) {
	r.x.begin("t:Message")
	if r.shape.mime {
		r.x.base64("t:MimeContent", r.s.mime(p.content, p.mail), "CharacterSet", "UTF-8")
	}
	r.x.leaf("t:ItemClass", "IPM.Note")
	inner := &item{class: "IPM.Note", raw: p.content, mail: p.mail, received: it.received, stored: it.stored, modified: it.modified, folder: it.folder}
	r.x.leaf("t:Subject", p.mail.header("Subject"))
	r.body(inner)
	r.files(it, p.mail, places)
	writeValue(r.x, "t:Size", inner.size())
	writeHeaders(r.x, p.mail.headers)
	writeValue(r.x, "t:DateTimeSent", inner.sent())
	writeValue(r.x, "t:HasAttachments", inner.hasFiles())
	for i := range messageFields {
		switch f := &messageFields[i]; {
		case f.since != "" || f.uri == "message:IsRead":
		case f.write != nil:
			f.write(r, inner)
		case f.value != nil:
			writeValue(r.x, f.element(), f.value(inner))
		}
	}
	r.x.end()
}

// title is the name of an attachment; one that has none is named by its place in
// Exchange, here by what it is.
func (p *part) title() string {
	switch {
	case p.name != "":
		return p.name
	case p.mail != nil:
		return either(p.mail.header("Subject"), "message")
	}
	_, sub, _ := strings.Cut(p.mime, "/")
	return "ATT-" + hex.EncodeToString([]byte(p.id))[:min(8, 2*len(p.id))] + "." + either(sub, "bin")
}

// getAttachment gives attachments with their contents.
func (s *Server) getAttachment(c *call) ([]result, error) {
	sh := &shape{base: byAll, body: "Best", uris: map[string]bool{}}
	if n := c.body.kid("AttachmentShape"); n != nil {
		var err error
		if sh, err = s.readShape(c, n); err != nil {
			return nil, unwrap(err)
		}
	}
	list, err := c.body.want("AttachmentIds")
	if err != nil {
		return nil, err
	}
	if len(list.kids) == 0 {
		return nil, invalid(list, "The element 'AttachmentIds' has incomplete content.")
	}
	var all []result
	var spent int64
	for _, n := range list.kids {
		it, places, p, err := s.readAttachmentID(c, n)
		if struck := c.struck(n.attr("Id")); struck != nil {
			err = struck
		}
		if err != nil {
			all = append(all, result{err: err})
			continue
		}
		if spent += int64(len(p.content)); spent > s.cfg.MaxResponse {
			spent -= int64(len(p.content))
			all = append(all, result{err: fail("ErrorMessageSizeExceeded")})
			continue
		}
		r := &rendering{s: s, x: s.text(), c: c, shape: sh}
		r.x.begin("m:Attachments")
		r.file(it, p, places, true)
		r.x.end()
		all = append(all, result{inner: r.x.Bytes()})
	}
	return all, nil
}
