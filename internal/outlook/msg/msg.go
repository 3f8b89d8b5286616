// Package msg reads .msg files, and .oft, which are the same with another class
// ([MS-OXMSG]): a compound file with a folder for each recipient, each attachment,
// and each message inside an attachment.
//
// A folder has a stream of fixed properties, and a stream for each of variable
// length. What is missing or broken is told in Message.Troubles; what is there counts.
package msg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/internal/cfb"
	"github.com/tqmailrules/tqmailrules/internal/outlook"
)

// ErrFormat says that a compound file holds no message.
var ErrFormat = errors.New("no Outlook message")

const (
	held           = 64 << 10 // bytes of a value that are held; a larger one is opened
	maxProperties  = 10_000   // of one bag
	maxRecipients  = 10_000
	maxAttachments = 5_000
	maxNames       = 4 << 20 // bytes of a table of names
	maxDepth       = 16      // messages inside each other

	properties = "__properties_version1.0"
	values     = "__substg1.0_"
	names      = "__nameid_version1.0"
	recipient  = "__recip_version1.0_#"
	attachment = "__attach_version1.0_#"
	embedded   = values + "3701000D"
)

// The stream of properties begins with a header, whose length depends on whose it is
// ([MS-OXMSG] 2.4.1).
const (
	headOfFile     = 32
	headOfEmbedded = 24
	headOfOthers   = 8
)

// Read reads a file; it uses r for as long as the message is used.
func Read(r io.ReaderAt, size int64) (*outlook.Message, error) {
	f, err := cfb.Open(r, size)
	if err != nil {
		return nil, err
	}
	if f.Root.Stream(properties) == nil && f.Root.Folder(names) == nil {
		return nil, ErrFormat
	}
	named := readNames(f.Root.Folder(names))
	m := message(f.Root, headOfFile, named, 0)
	if f.Troubled != "" {
		m.Troubles = append(m.Troubles, f.Troubled)
	}
	return m, nil
}

// message reads a folder that is one.
func message(d *cfb.Folder, head int, named map[uint16]outlook.Named, depth int) *outlook.Message {
	m := &outlook.Message{}
	tell := func(format string, args ...any) { m.Troubles = append(m.Troubles, fmt.Sprintf(format, args...)) }
	m.Properties = bag(d, head, tell)
	m.Codepage = codepage(m.Properties)
	for id, v := range m.Properties {
		if n, ok := named[id]; ok {
			n.Value = v
			m.Named = append(m.Named, n)
		}
	}
	slices.SortFunc(m.Named, func(a, b outlook.Named) int {
		return strings.Compare(fmt.Sprint(a.Set, a.ID, a.Name), fmt.Sprint(b.Set, b.ID, b.Name))
	})
	for _, inner := range inOrder(d, recipient) {
		if len(m.Recipients) == maxRecipients {
			tell("more than %d recipients", maxRecipients)
			break
		}
		m.Recipients = append(m.Recipients, bag(inner, headOfOthers, tell))
	}
	for _, inner := range inOrder(d, attachment) {
		if len(m.Attachments) >= maxAttachments {
			tell("more than %d attachments", maxAttachments)
			break
		}
		m.Attachments = append(m.Attachments, attachments(inner, named, tell, depth)...)
	}
	return m
}

// inOrder lists the folders of a kind by the number at the end of their names: the
// directory of a compound file has an order of its own.
func inOrder(d *cfb.Folder, prefix string) (all []*cfb.Folder) {
	for _, f := range d.Folders {
		if len(f.Name) > len(prefix) && strings.EqualFold(f.Name[:len(prefix)], prefix) {
			all = append(all, f)
		}
	}
	number := func(f *cfb.Folder) uint64 {
		n, _ := strconv.ParseUint(f.Name[len(prefix):], 16, 64)
		return n
	}
	slices.SortStableFunc(all, func(a, b *cfb.Folder) int { return int(number(a)&0xffffffff) - int(number(b)&0xffffffff) })
	return all
}

// codepage is that of 8-bit strings.
func codepage(b outlook.Bag) int {
	for _, id := range []uint16{outlook.PropMessageCodepage, outlook.PropInternetCodepage} {
		if n, ok := b.Int(id); ok && n > 0 {
			return int(n)
		}
	}
	return 1252
}

// attachments reads a folder of one. An object of another program has a folder of
// streams instead of bytes: each of them is told as a file.
func attachments(d *cfb.Folder, named map[uint16]outlook.Named, tell func(string, ...any), depth int) []outlook.Attachment {
	a := outlook.Attachment{Properties: bag(d, headOfOthers, tell)}
	inner := d.Folder(embedded)
	switch {
	case inner == nil:
		return []outlook.Attachment{a}
	case inner.Stream(properties) == nil:
		return object(a, inner)
	}
	a.Message = func() (*outlook.Message, error) {
		if depth+1 >= maxDepth {
			return nil, fmt.Errorf("messages are inside each other deeper than %d", maxDepth)
		}
		return message(inner, headOfEmbedded, named, depth+1), nil
	}
	return []outlook.Attachment{a}
}

func object(a outlook.Attachment, d *cfb.Folder) (all []outlook.Attachment) {
	d.Walk(func(path string, f *cfb.Folder) {
		for _, s := range f.Streams {
			if s.Size() == 0 || len(all) == 100 {
				continue
			}
			name := strings.Trim(path+"/"+strings.TrimLeft(s.Name, "\x01\x02\x03\x05"), "/")
			props := outlook.Bag{}
			for id, v := range a.Properties {
				props[id] = v
			}
			props[outlook.PropAttachLongFilename] = outlook.Value{Type: outlook.String8, Bytes: []byte(name)}
			props[outlook.PropAttachData] = value(outlook.Binary, s)
			all = append(all, outlook.Attachment{Properties: props})
		}
	})
	if len(all) == 0 {
		return []outlook.Attachment{a}
	}
	return all
}

// bag reads the properties of a folder. Streams count even where the list of fixed
// properties does not name them.
func bag(d *cfb.Folder, head int, tell func(string, ...any)) outlook.Bag {
	b := outlook.Bag{}
	if s := d.Stream(properties); s == nil {
		tell("%s has no list of properties", d.Name)
	} else {
		fixed(b, s, head, tell)
	}
	for _, s := range d.Streams {
		id, kind, ok := tagOf(s.Name)
		if !ok || len(b) >= maxProperties {
			continue
		}
		b[id] = value(kind, s)
	}
	return b
}

// fixed reads entries of 16 bytes: type, id, flags, value.
func fixed(b outlook.Bag, s *cfb.Stream, head int, tell func(string, ...any)) {
	raw, err := s.Bytes(16*maxProperties + headOfFile)
	if err != nil {
		tell("the list of properties: %v", err)
	}
	for raw = raw[min(head, len(raw)):]; len(raw) >= 16; raw = raw[16:] {
		kind, id := outlook.Type(binary.LittleEndian.Uint16(raw)), binary.LittleEndian.Uint16(raw[2:])
		if n := width(kind); n > 0 {
			b[id] = outlook.Value{Type: kind, Bytes: slices.Clone(raw[8 : 8+n]), Size: int64(n)}
		}
	}
}

// width is the length of a type whose value stands in the list itself.
func width(t outlook.Type) int {
	switch t {
	case outlook.Integer16, outlook.Boolean:
		return 2
	case outlook.Integer32:
		return 4
	case outlook.Integer64, outlook.Time, outlook.Floating:
		return 8
	}
	return 0
}

// tagOf reads the name of a stream: __substg1.0_IIIITTTT. Further values of one
// property have a number behind that, and are left out.
func tagOf(name string) (id uint16, kind outlook.Type, ok bool) {
	if len(name) != len(values)+8 || !strings.EqualFold(name[:len(values)], values) {
		return 0, 0, false
	}
	n, err := strconv.ParseUint(name[len(values):], 16, 32)
	return uint16(n >> 16), outlook.Type(n), err == nil
}

func value(kind outlook.Type, s *cfb.Stream) outlook.Value {
	v := outlook.Value{Type: kind, Size: s.Size()}
	if s.Size() > held {
		v.Open = func() io.Reader { return s.Open() }
		return v
	}
	v.Bytes, _ = s.Bytes(held) // a stream that breaks off counts as far as it goes
	return v
}

// firstNamed is the first id that stands for a name.
const firstNamed = 0x8000

// readNames reads which names the ids of this file stand for ([MS-OXMSG] 2.2.3).
func readNames(d *cfb.Folder) map[uint16]outlook.Named {
	all := map[uint16]outlook.Named{}
	if d == nil {
		return all
	}
	sets, entries, strs := table(d, "00020102"), table(d, "00030102"), table(d, "00040102")
	for i := 0; len(entries) >= 8 && i < maxProperties; i, entries = i+1, entries[8:] {
		id, kind := binary.LittleEndian.Uint32(entries), binary.LittleEndian.Uint16(entries[4:])
		n := outlook.Named{Set: setOf(sets, int(kind>>1))}
		if kind&1 == 0 {
			n.ID = id
		} else if n.Name = nameAt(strs, int64(id)); n.Name == "" {
			continue
		}
		all[firstNamed+binary.LittleEndian.Uint16(entries[6:])] = n
	}
	return all
}

func table(d *cfb.Folder, tag string) []byte {
	s := d.Stream(values + tag)
	if s == nil {
		return nil
	}
	b, _ := s.Bytes(maxNames) // as far as it goes
	return b
}

// Property sets that have no entry in the table of sets ([MS-OXMSG] 2.2.3.1.2).
var (
	setMAPI   = [16]byte{0x28, 0x03, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46}
	setPublic = [16]byte{0x29, 0x03, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46}
)

func setOf(sets []byte, n int) (set [16]byte) {
	switch {
	case n == 1:
		return setMAPI
	case n == 2:
		return setPublic
	case n >= 3 && (n-2)*16 <= len(sets):
		copy(set[:], sets[(n-3)*16:])
	}
	return set
}

// nameAt reads a length and that many bytes of UTF-16.
func nameAt(b []byte, at int64) string {
	if at+4 > int64(len(b)) {
		return ""
	}
	n := int64(binary.LittleEndian.Uint32(b[at:]))
	if n == 0 || n > 512 || at+4+n > int64(len(b)) {
		return ""
	}
	return outlook.Value{Type: outlook.String, Bytes: b[at+4 : at+4+n]}.Text(0)
}
