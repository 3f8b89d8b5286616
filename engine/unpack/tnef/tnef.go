// Package tnef reads winmail.dat, the form in which Exchange hides attachments
// from everybody else ([MS-OXTNEF]): the files inside, the bodies, the subject.
package tnef

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf16"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/charset"
	"github.com/tqmailrules/tqmailrules/internal/outlook"
)

// maxFile bounds what is read in memory.
const maxFile = 128 << 20

const signature = 0x223e9f78

// Attributes ([MS-OXTNEF] 2.1.3.2).
const (
	attSubject     = 0x00018004
	attBody        = 0x0002800c
	attOEMCodepage = 0x00069007
	attMsgProps    = 0x00069003
	attRendData    = 0x00069002
	attTitle       = 0x00018010
	attData        = 0x0006800f
	attAttachment  = 0x00069005
	attMsgClass    = 0x00078008
)

// Properties ([MS-OXPROPS]).
const (
	propBody          = 0x1000
	propRTF           = 0x1009
	propHTML          = 0x1013
	propSubject       = 0x0037
	propSender        = 0x0c1f
	propAttachName    = 0x3704
	propLongName      = 0x3707
	propAttachData    = 0x3701
	propTransportName = 0x370c
)

var (
	errNone  = errors.New("there is no TNEF signature")
	errShort = errors.New("it ends early")
)

// Read is a task.Reader.
func Read(ctx context.Context, t *task.Task) error {
	b, err := t.Bytes(maxFile)
	if err != nil {
		return err
	}
	if len(b) < 6 || binary.LittleEndian.Uint32(b) != signature {
		return errNone
	}
	r := &reading{t: t, codepage: 1252}
	err = r.attributes(ctx, b[6:])
	return errors.Join(err, r.flush())
}

// reading is what is known while a stream is read.
type reading struct {
	t        *task.Task
	codepage int
	file     *attachment // the one that is being read
	bodies   map[string]bool
}

// attachment collects one file until the next begins.
type attachment struct {
	title, name string
	data        []byte
}

// attributes reads level, name, length, data, checksum, again and again.
func (r *reading) attributes(ctx context.Context, b []byte) error {
	for len(b) >= 9 {
		if err := ctx.Err(); err != nil {
			return err
		}
		id, n := binary.LittleEndian.Uint32(b[1:]), binary.LittleEndian.Uint32(b[5:])
		if uint64(n)+11 > uint64(len(b)) {
			r.attribute(id, b[9:])
			return errShort
		}
		data := b[9 : 9+n]
		if sum(data) != binary.LittleEndian.Uint16(b[9+n:]) {
			r.wrong()
		}
		if err := r.attribute(id, data); err != nil {
			return err
		}
		b = b[11+n:]
	}
	return nil
}

func sum(b []byte) (s uint16) {
	for _, c := range b {
		s += uint16(c)
	}
	return s
}

// wrong notes, once, that checksums lie.
func (r *reading) wrong() {
	if r.t.Part.Metadata["checksum"] == "" {
		r.t.Fact("checksum", "wrong")
		r.t.Defect(engine.DefectLying, "a checksum of the TNEF stream is wrong")
	}
}

func (r *reading) attribute(id uint32, data []byte) error {
	switch id {
	case attOEMCodepage:
		if len(data) >= 4 {
			r.codepage = int(binary.LittleEndian.Uint32(data))
		}
	case attSubject:
		r.t.Fact("subject", r.text(data))
	case attMsgClass:
		r.t.Fact("message_class", r.text(data))
	case attBody:
		r.body("text", r.text(data))
	case attMsgProps:
		return r.message(properties(data))
	case attRendData:
		err := r.flush()
		r.file = &attachment{}
		return err
	case attTitle:
		r.current().title = r.text(data)
	case attData:
		r.current().data = data
	case attAttachment:
		r.attached(properties(data))
	}
	return nil
}

func (r *reading) current() *attachment {
	if r.file == nil {
		r.file = &attachment{}
	}
	return r.file
}

// text decodes a string of the code page of the stream.
func (r *reading) text(b []byte) string {
	return strings.TrimRight(charset.CodePage(r.codepage, b), "\x00")
}

// body adds a body to the text, each form once.
func (r *reading) body(form, text string) {
	if r.bodies == nil {
		r.bodies = map[string]bool{}
	}
	if text = strings.TrimSpace(text); text != "" && !r.bodies[form] {
		r.bodies[form] = true
		r.t.Text.Line(text)
	}
}

// message reads the properties of the mail.
func (r *reading) message(props []property) error {
	for _, p := range props {
		switch p.id {
		case propSubject:
			r.t.Fact("subject", p.string(r.codepage))
		case propSender:
			r.t.Fact("sender", p.string(r.codepage))
		case propBody:
			r.body("text", p.string(r.codepage))
		case propHTML:
			if _, err := r.t.AddBytes("body.html", p.raw); err != nil {
				return err
			}
		case propRTF:
			rtf, err := outlook.Decompress(p.raw)
			if err != nil {
				r.t.Defect(engine.DefectUnreadable, "the RTF body: %s", err)
			}
			if len(rtf) > 0 {
				if _, err := r.t.AddBytes("body.rtf", rtf); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// objectGUID begins an embedded message or object in propAttachData.
const objectGUID = 16

func (r *reading) attached(props []property) {
	f := r.current()
	for _, p := range props {
		switch p.id {
		case propLongName:
			f.name = p.string(r.codepage)
		case propAttachName, propTransportName:
			if f.name == "" {
				f.name = p.string(r.codepage)
			}
		case propAttachData:
			data := p.raw
			if p.kind == typeObject && len(data) > objectGUID {
				data = data[objectGUID:]
			}
			if len(f.data) == 0 {
				f.data = data
			}
		}
	}
}

// flush makes a member of the attachment that was being read.
func (r *reading) flush() error {
	f := r.file
	r.file = nil
	if f == nil || len(f.data) == 0 {
		return nil
	}
	name := f.name
	if name == "" {
		name = f.title
	}
	if name == "" {
		name = "attachment"
	}
	p, err := r.t.AddBytes(name, f.data)
	if p != nil && len(f.data) >= 4 && binary.LittleEndian.Uint32(f.data) == signature {
		p.FileType = "tnef" // a message inside is a stream of its own
	}
	return err
}

// property is one MAPI property ([MS-OXTNEF] 2.1.3.4).
type property struct {
	kind uint16
	id   uint16
	raw  []byte // of a string or binary the bytes, of others their value
}

const (
	typeString8 = 0x001e
	typeUnicode = 0x001f
	typeObject  = 0x000d
	typeBinary  = 0x0102
	multiple    = 0x1000
)

func (p property) string(codepage int) string {
	if p.kind == typeUnicode {
		units := make([]uint16, 0, len(p.raw)/2)
		for i := 0; i+1 < len(p.raw); i += 2 {
			units = append(units, binary.LittleEndian.Uint16(p.raw[i:]))
		}
		return strings.TrimRight(string(utf16.Decode(units)), "\x00")
	}
	return strings.TrimRight(charset.CodePage(codepage, p.raw), "\x00")
}

// maxProperties is how many properties of one list are read.
const maxProperties = 5000

// properties reads a list; what is there of one that is cut counts.
func properties(b []byte) (all []property) {
	c := &cursor{b: b}
	for n := min(c.u32(), maxProperties); n > 0 && !c.failed; n-- {
		p := property{kind: c.u16(), id: c.u16()}
		if p.id >= 0x8000 {
			c.named()
		}
		values := uint32(1)
		if p.kind&multiple != 0 || isLong(p.kind) {
			values = min(c.u32(), maxProperties)
		}
		for ; values > 0 && !c.failed; values-- {
			v := c.value(p.kind &^ multiple)
			if p.raw == nil {
				p.raw = v
			}
		}
		if !c.failed {
			all = append(all, p)
		}
	}
	return all
}

func isLong(kind uint16) bool {
	switch kind {
	case typeString8, typeUnicode, typeObject, typeBinary:
		return true
	}
	return false
}

// cursor reads numbers and padded values; past the end it fails and gives zeros.
type cursor struct {
	b      []byte
	failed bool
}

func (c *cursor) take(n uint32) []byte {
	if uint64(n) > uint64(len(c.b)) {
		c.failed, c.b = true, nil
		return nil
	}
	v := c.b[:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) u16() uint16 {
	if v := c.take(2); v != nil {
		return binary.LittleEndian.Uint16(v)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if v := c.take(4); v != nil {
		return binary.LittleEndian.Uint32(v)
	}
	return 0
}

// padded takes n bytes and what fills them up to four.
func (c *cursor) padded(n uint32) []byte {
	v := c.take(n)
	c.take(-n & 3)
	return v
}

// named passes the name of a named property.
func (c *cursor) named() {
	c.take(16)
	if c.u32() == 0 {
		c.u32()
		return
	}
	c.padded(c.u32())
}

func (c *cursor) value(kind uint16) []byte {
	switch kind {
	case 2, 3, 4, 10, 11:
		return c.take(4)
	case 5, 6, 7, 0x14, 0x40:
		return c.take(8)
	case 0x48:
		return c.take(16)
	case typeString8, typeUnicode, typeObject, typeBinary:
		return c.padded(c.u32())
	}
	c.failed = true
	return nil
}
