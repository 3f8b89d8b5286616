// Package outlook holds what Outlook's files have in common, whether a message
// stands in a .msg, a .pst or an .ost: bags of properties, one of the message, one
// for each recipient, one for each attachment. Write makes an RFC 5322 message of
// them, so that what reads mail needs to know one form only.
//
// The readers of the files are packages msg and pst; neither decides what a
// property means, and Write does not know where a property stood.
//
// Everything here comes from attackers. Readers cap what they hold; a value that
// may be large is not held but opened. What is wrong with a message is told in
// Troubles, and the rest of it stands.
package outlook

import (
	"encoding/binary"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/tqmailrules/tqmailrules/internal/charset"
)

// Type is the type of a property ([MS-OXCDATA] 2.11.1).
type Type uint16

// The types that mail needs. Multiple is or'ed to a type of several values.
const (
	Integer16 Type = 0x0002
	Integer32 Type = 0x0003
	Floating  Type = 0x0005
	Boolean   Type = 0x000b
	Object    Type = 0x000d
	Integer64 Type = 0x0014
	String8   Type = 0x001e // in the code page of the message
	String    Type = 0x001f // UTF-16LE
	Time      Type = 0x0040 // 100 ns since 1601-01-01
	GUID      Type = 0x0048
	Binary    Type = 0x0102
	Multiple  Type = 0x1000
)

// Properties by their ids ([MS-OXPROPS]).
const (
	PropMessageClass         = 0x001a
	PropSubject              = 0x0037
	PropClientSubmitTime     = 0x0039
	PropSentRepresentingName = 0x0042
	PropSubjectPrefix        = 0x003d
	PropRepresentingType     = 0x0064
	PropRepresentingAddress  = 0x0065
	PropTransportHeaders     = 0x007d
	PropRecipientType        = 0x0c15 // 1 To, 2 Cc, 3 Bcc
	PropSenderName           = 0x0c1a
	PropSenderType           = 0x0c1e
	PropSenderAddress        = 0x0c1f
	PropDeliveryTime         = 0x0e06
	PropNormalizedSubject    = 0x0e1d
	PropBody                 = 0x1000
	PropRTFCompressed        = 0x1009
	PropHTML                 = 0x1013
	PropMessageID            = 0x1035
	PropInReplyTo            = 0x1042
	PropReferences           = 0x1039
	PropDisplayName          = 0x3001
	PropAddressType          = 0x3002
	PropAddress              = 0x3003
	PropCreationTime         = 0x3007
	PropModificationTime     = 0x3008
	PropAttachData           = 0x3701
	PropAttachExtension      = 0x3703
	PropAttachFilename       = 0x3704
	PropAttachMethod         = 0x3705 // 1 by value, 5 embedded message, 6 OLE
	PropAttachLongFilename   = 0x3707
	PropAttachLongPathname   = 0x370d
	PropAttachMIMEType       = 0x370e
	PropAttachContentID      = 0x3712
	PropAttachFlags          = 0x3714
	PropAttachHidden         = 0x7ffe
	PropSMTPAddress          = 0x39fe
	PropInternetCodepage     = 0x3fde
	PropMessageCodepage      = 0x3ffd
	PropSenderSMTP           = 0x5d01
	PropRepresentingSMTP     = 0x5d02
)

// Values of PropAttachMethod.
const (
	AttachByValue  = 1
	AttachEmbedded = 5
)

// Value is one property. Small values are held; one that may be large has Open.
type Value struct {
	Type  Type
	Bytes []byte // little-endian, without padding; of a string its bytes
	// Open reads a value that is not held, from its beginning, each time; the
	// reader ends with an error where the file is broken.
	Open func() io.Reader
	Size int64 // in bytes, of either form, as far as it is known
}

// Reader reads a value of either form.
func (v Value) Reader() io.Reader {
	if v.Open != nil {
		return v.Open()
	}
	return strings.NewReader(string(v.Bytes))
}

// Bag is the properties of one thing, by id.
type Bag map[uint16]Value

// Message is one message.
type Message struct {
	Properties  Bag
	Named       []Named // properties whose ids are of this file only
	Recipients  []Bag
	Attachments []Attachment
	Codepage    int      // of String8 values that name none; 0 is 1252
	Troubles    []string // what was wrong and could be worked around
}

// Named is a property that is known by a name, not by an id ([MS-OXPROPS] 1.3.2).
type Named struct {
	Set  [16]byte // GUID as it stands in the file
	Name string   // "" when Number counts
	ID   uint32   // the number inside the set
	Value
}

// Attachment is a file, or a message inside a message.
type Attachment struct {
	Properties Bag
	// Message reads an embedded message; nil when the attachment is none. What is
	// deeper than the reader follows, or a circle, is an error.
	Message func() (*Message, error)
}

// maxText bounds a text that is taken out of a property, in bytes.
const maxText = 64 << 20

// Text is a property of either kind of string, decoded; "" when it is none.
func (m *Message) Text(b Bag, id uint16) string {
	v, ok := b[id]
	if !ok {
		return ""
	}
	return v.Text(m.Codepage)
}

// Text decodes a string; what cannot be read ends it.
func (v Value) Text(codepage int) string {
	raw := v.Bytes
	if v.Open != nil {
		raw, _ = io.ReadAll(io.LimitReader(v.Open(), maxText)) // what came before an error counts
	}
	switch v.Type {
	case String:
		units := make([]uint16, 0, len(raw)/2)
		for ; len(raw) >= 2; raw = raw[2:] {
			units = append(units, binary.LittleEndian.Uint16(raw))
		}
		return strings.TrimRight(string(utf16.Decode(units)), "\x00")
	case String8:
		if codepage == 0 {
			codepage = 1252
		}
		return strings.TrimRight(charset.CodePage(codepage, raw), "\x00")
	}
	return ""
}

// Int is an integer or a truth; ok is false when there is none.
func (b Bag) Int(id uint16) (n int64, ok bool) {
	v := b[id]
	switch {
	case v.Type == Integer16 && len(v.Bytes) >= 2:
		return int64(int16(binary.LittleEndian.Uint16(v.Bytes))), true
	case v.Type == Integer32 && len(v.Bytes) >= 4:
		return int64(int32(binary.LittleEndian.Uint32(v.Bytes))), true
	case v.Type == Integer64 && len(v.Bytes) >= 8:
		return int64(binary.LittleEndian.Uint64(v.Bytes)), true
	case v.Type == Boolean && len(v.Bytes) >= 1:
		return int64(v.Bytes[0]), true
	}
	return 0, false
}

// epoch is how many units of 100 ns lie between 1601 and 1970.
const epoch = 116444736000000000

// Time is a time in UTC; zero when there is none.
func (b Bag) Time(id uint16) time.Time {
	v := b[id]
	if v.Type != Time || len(v.Bytes) < 8 {
		return time.Time{}
	}
	n := binary.LittleEndian.Uint64(v.Bytes)
	if n < epoch || n > math.MaxInt64 {
		return time.Time{}
	}
	n -= epoch
	return time.Unix(int64(n/1e7), int64(n%1e7)*100).UTC()
}
