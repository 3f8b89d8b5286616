package pst

import (
	"encoding/binary"
	"io"
	"maps"
	"slices"
	"unicode/utf16"

	"github.com/tqmailrules/tqmailrules/internal/outlook"
)

// Properties of the map of names ([MS-PST] 2.4.7).
const (
	propNameSets    = 0x0002
	propNameEntries = 0x0003
	propNameStrings = 0x0004
)

// Caps of the map: as much as ids can name, and names of a length that people give.
const (
	firstNamed   = 0x8000
	maxNamed     = 0x8000
	maxNameTexts = 8 << 20
	maxNameUnits = 256
)

// The sets of names that every file knows ([MS-OXPROPS] 1.3.2), as bytes in a file.
var (
	setMAPI    = [16]byte{0x28, 0x03, 0x02, 8: 0xc0, 15: 0x46}
	setStrings = [16]byte{0x29, 0x03, 0x02, 8: 0xc0, 15: 0x46}
)

// readNames reads which names the properties from 0x8000 on have in this file.
func (f *File) readNames() {
	var t troubles
	defer f.adopt("names of properties", &t)
	n, err := f.node(nidNames)
	if err != nil {
		t.tell("%v", err)
		return
	}
	r := &reading{f: f, troubles: &t, held: maxHeld}
	bag, err := r.properties(n)
	if err != nil {
		t.tell("%v", err)
	}
	sets, texts := part(bag[propNameSets], 16*maxNamed), part(bag[propNameStrings], maxNameTexts)
	f.names = make([]outlook.Named, 0)
	for e := part(bag[propNameEntries], 8*maxNamed); len(e) >= 8; e = e[8:] {
		f.setName(e[:8], sets, texts)
	}
}

func part(v outlook.Value, max int64) []byte {
	b, _ := io.ReadAll(io.LimitReader(v.Reader(), max)) // what came before an error counts
	return b
}

// setName reads a NAMEID ([MS-PST] 2.4.7.1).
func (f *File) setName(e, sets, texts []byte) {
	id, kind, index := binary.LittleEndian.Uint32(e), binary.LittleEndian.Uint16(e[4:]), int(binary.LittleEndian.Uint16(e[6:]))
	if index >= maxNamed {
		return
	}
	for len(f.names) <= index {
		f.names = append(f.names, outlook.Named{})
	}
	n := &f.names[index]
	*n = outlook.Named{ID: id}
	if kind&1 != 0 {
		*n = outlook.Named{Name: nameText(texts, id)}
	}
	switch set := int(kind >> 1); {
	case set == 1:
		n.Set = setMAPI
	case set == 2:
		n.Set = setStrings
	case set >= 3 && 16*(set-2) <= len(sets):
		n.Set = [16]byte(sets[16*(set-3):])
	}
}

// nameText is a name in the stream of names: four bytes of length, then UTF-16.
func nameText(texts []byte, at uint32) string {
	if int64(at)+4 > int64(len(texts)) {
		return ""
	}
	texts = texts[at:]
	n := min(int64(binary.LittleEndian.Uint32(texts)), int64(len(texts)-4), 2*maxNameUnits)
	units := make([]uint16, 0, n/2)
	for b := texts[4 : 4+n]; len(b) >= 2; b = b[2:] {
		units = append(units, binary.LittleEndian.Uint16(b))
	}
	return string(utf16.Decode(units))
}

// named moves properties that have names out of a bag, in the order of their ids.
// Those whose names the file does not tell stay.
func (f *File) named(b outlook.Bag) []outlook.Named {
	var all []outlook.Named
	for _, id := range slices.Sorted(maps.Keys(b)) {
		if id < firstNamed || int(id-firstNamed) >= len(f.names) {
			continue
		}
		if n := f.names[id-firstNamed]; n.Name != "" || n.ID != 0 {
			n.Value = b[id]
			all = append(all, n)
			delete(b, id)
		}
	}
	return all
}
