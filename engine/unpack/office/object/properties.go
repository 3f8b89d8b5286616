package object

import (
	"encoding/binary"
	"strconv"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/cfb"
	"github.com/tqmailrules/tqmailrules/internal/charset"
)

const (
	maxProperties = 1 << 20 // bytes of a property set
	maxCount      = 200     // properties of one

	vtShort    = 2
	vtInt      = 3
	vtString   = 30
	vtWide     = 31
	vtFileTime = 64
	idCodePage = 1
	idPages    = 14
)

// summary and docSummary are the facts that properties become (MS-OLEPS 2.25 and
// MS-OSHARED 2.3.3.2.3).
var (
	summary = map[uint32]string{
		2: "title", 3: "subject", 4: "author", 5: "keywords", 6: "description", 7: "template",
		8: "last_modified_by", 12: "created", 13: "modified", 18: "application",
	}
	docSummary = map[uint32]string{2: "category", 14: "manager", 15: "company"}
)

// Properties tells who wrote a document, and when, as its property sets say.
func Properties(t *task.Task, root *cfb.Folder) {
	if s := root.Stream("\x05SummaryInformation"); s != nil {
		b, _ := s.Bytes(maxProperties)
		p := parseSet(b)
		p.tell(t, summary)
		if n, err := strconv.Atoi(p.values[idPages]); err == nil && n > 0 && t.Part.Pages == 0 {
			t.Part.Pages = n
		}
	}
	if s := root.Stream("\x05DocumentSummaryInformation"); s != nil {
		b, _ := s.Bytes(maxProperties)
		parseSet(b).tell(t, docSummary)
	}
}

// set is the first section of a property set, its values as text.
type set struct {
	values map[uint32]string
}

func (p set) tell(t *task.Task, names map[uint32]string) {
	for id, name := range names {
		t.Fact(name, p.values[id])
	}
}

// parseSet reads a PropertySetStream (MS-OLEPS 2.21). What is broken is left out.
func parseSet(b []byte) set {
	p := set{map[uint32]string{}}
	c := cursor{b: b, at: 44}
	start := c.u32()
	if c.cut || int64(start) >= int64(len(b)) {
		return p
	}
	b = b[start:]
	c = cursor{b: b, at: 4}
	count := min(c.u32(), maxCount)
	page := 0
	for pass := range 2 { // the code page comes first, whatever the order
		c.at = 8
		for range count {
			id, off := c.u32(), c.u32()
			if c.cut || int64(off)+8 > int64(len(b)) {
				return p
			}
			value := b[off:]
			if pass == 0 && id == idCodePage {
				page = int(binary.LittleEndian.Uint16(value[4:]))
			} else if pass == 1 {
				p.values[id] = propertyText(value, page)
			}
		}
	}
	return p
}

// propertyText is a TypedPropertyValue as text.
func propertyText(b []byte, page int) string {
	c := cursor{b: b}
	switch c.u32() {
	case vtShort:
		return strconv.Itoa(int(int16(c.u16())))
	case vtInt:
		return strconv.Itoa(int(int32(c.u32())))
	case vtString:
		raw := c.take(int(min(c.u32(), maxString)))
		if c.cut {
			return ""
		}
		return charset.CodePage(page, trimZero(raw, page == 1200))
	case vtWide:
		raw := c.take(2 * int(min(c.u32(), maxString/2)))
		if c.cut {
			return ""
		}
		return charset.CodePage(1200, trimZero(raw, true))
	case vtFileTime:
		return fileTime(uint64(c.u32()) | uint64(c.u32())<<32)
	}
	return ""
}

func trimZero(b []byte, wide bool) []byte {
	unit := 1
	if wide {
		unit = 2
	}
	for len(b) >= unit && b[len(b)-1] == 0 && b[len(b)-unit] == 0 {
		b = b[:len(b)-unit]
	}
	return b
}

// fileTime is a count of 100 nanoseconds since 1601; "" for what is no date.
func fileTime(n uint64) string {
	const epoch = 11644473600 // seconds from 1601 to 1970
	seconds := int64(n/1e7) - epoch
	if seconds < -2208988800 || seconds > 4102444800 { // 1900 to 2100
		return ""
	}
	return time.Unix(seconds, 0).UTC().Format(time.RFC3339)
}
