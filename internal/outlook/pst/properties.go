package pst

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/tqmailrules/tqmailrules/internal/outlook"
)

// Caps of what is held of one message.
const (
	maxHeldValue  = 64 << 10
	alwaysHeld    = 16 // numbers, times and ids of objects
	maxHeld       = 4 << 20
	maxProperties = 4096    // of one thing
	maxValues     = 200_000 // of the message, its recipients and attachments
)

// reading is the reading of one thing, a message say: what it still may hold, and
// what was wrong with it.
type reading struct {
	f        *File
	troubles *troubles
	held     int64 // bytes that may still be held
	values   int   // that were read
}

// Types beside those of package outlook ([MS-OXCDATA] 2.11.1).
const (
	floating32 outlook.Type = 0x0004
	currency   outlook.Type = 0x0006
	appTime    outlook.Type = 0x0007
	errorCode  outlook.Type = 0x000a
)

// width is how many bytes a value has that stands where others have the id of an
// item; 0 for all others.
func width(t outlook.Type) int {
	switch t {
	case outlook.Boolean:
		return 1
	case outlook.Integer16:
		return 2
	case outlook.Integer32, floating32, errorCode:
		return 4
	case outlook.Integer64, outlook.Floating, outlook.Time, currency, appTime:
		return 8
	}
	return 0
}

// properties reads those of a node ([MS-PST] 2.3.3). What could be read counts
// beside an error.
func (r *reading) properties(n node) (outlook.Bag, error) {
	h, err := r.heap(n, heapProperties)
	if err != nil {
		return outlook.Bag{}, fmt.Errorf("properties: %w", err)
	}
	bag := outlook.Bag{}
	err = h.eachRecord(h.root, 2, 6, func(key, value []byte) {
		id, t := binary.LittleEndian.Uint16(key), outlook.Type(binary.LittleEndian.Uint16(value))
		if len(bag) >= maxProperties || r.values >= maxValues {
			r.troubles.tell("more properties than are read")
			return
		}
		r.values++
		v, err := h.property(t, value[2:])
		if err != nil {
			r.troubles.tell("property %#04x: %v", id, err)
			return
		}
		bag[id] = v
	})
	if err != nil {
		return bag, fmt.Errorf("properties: %w", err)
	}
	return bag, nil
}

// property is a value from the four bytes of its record.
func (h *heap) property(t outlook.Type, raw []byte) (outlook.Value, error) {
	if n := width(t); n > 0 && n <= 4 {
		return outlook.Value{Type: t, Bytes: bytes.Clone(raw[:n]), Size: int64(n)}, nil
	}
	return h.value(t, binary.LittleEndian.Uint32(raw))
}

// value is one that stands in the heap or in a node below, by its id.
func (h *heap) value(t outlook.Type, id uint32) (outlook.Value, error) {
	switch {
	case id == 0:
		return outlook.Value{Type: t}, nil
	case kindOf(id) != kindHeap:
		return h.r.large(t, h.node.sub, id)
	}
	item, err := h.item(id)
	if err != nil {
		return outlook.Value{}, err
	}
	v := outlook.Value{Type: t, Size: int64(len(item))}
	if h.r.held -= v.Size; h.r.held < 0 && v.Size > alwaysHeld {
		v.Open = h.opener(id)
		return v, nil
	}
	v.Bytes = bytes.Clone(item)
	return v, nil
}

// opener reads an item again, when what is held would be too much.
func (h *heap) opener(id uint32) func() io.Reader {
	return func() io.Reader {
		again := *h
		again.r = &reading{f: h.r.f, troubles: &troubles{}}
		item, err := again.item(id)
		if err != nil {
			return failing{err}
		}
		return bytes.NewReader(item)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// large is a value in a node below.
func (r *reading) large(t outlook.Type, sub uint64, nid uint32) (outlook.Value, error) {
	n, err := r.subnode(sub, nid)
	if err != nil {
		return outlook.Value{}, err
	}
	return r.contents(t, n)
}

// contents is what a node holds, as a value.
func (r *reading) contents(t outlook.Type, n node) (outlook.Value, error) {
	s, err := r.stream(n.data)
	if err != nil {
		return outlook.Value{}, err
	}
	v := outlook.Value{Type: t, Size: s.size}
	if s.size < 0 || s.size > maxHeldValue || s.size > r.held {
		v.Open = s.open
		return v, nil
	}
	all, err := io.ReadAll(s.open())
	if err != nil {
		r.troubles.tell("node %#x below: %v", n.nid, err)
	}
	r.held -= int64(len(all))
	v.Bytes, v.Size = all, int64(len(all))
	return v, nil
}

// firstCodepage is the first code page that a bag names. 1200 is UTF-16: it says
// that the strings are not of 8 bits.
func firstCodepage(b outlook.Bag, ids ...uint16) int {
	for _, id := range ids {
		if n, ok := b.Int(id); ok && n > 0 && n <= math.MaxUint16 && n != 1200 {
			return int(n)
		}
	}
	return 0
}

// maxName is how much of a display name is shown, in runes.
const maxName = 255

func displayName(b outlook.Bag, codepage int) string {
	v := b[outlook.PropDisplayName]
	if v.Open != nil {
		v = outlook.Value{Type: v.Type, Bytes: part(v, 4*maxName)}
	}
	name := []rune(strings.TrimSpace(v.Text(codepage)))
	return string(name[:min(len(name), maxName)])
}

// withoutMark takes the two characters off a subject that say how long its prefix
// is ([MS-PST] 2.5.3.1.1.1).
func withoutMark(v outlook.Value) outlook.Value {
	unit := 1
	if v.Type == outlook.String {
		unit = 2
	}
	if len(v.Bytes) >= 2*unit && v.Bytes[0] == 1 && (unit == 1 || v.Bytes[1] == 0) {
		v.Bytes = v.Bytes[2*unit:]
		v.Size = int64(len(v.Bytes))
	}
	return v
}
