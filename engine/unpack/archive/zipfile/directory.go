package zipfile

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Marks and lengths of headers (APPNOTE 4.3).
const (
	markLocal      = "PK\x03\x04"
	markDescriptor = "PK\x07\x08"
	markDirectory  = "PK\x01\x02"
	markEnd        = "PK\x05\x06"
	markWideEnd    = "PK\x06\x06"
	markLocator    = "PK\x06\x07"

	localSize     = 30
	directorySize = 46
	endSize       = 22
	wideEndSize   = 56
	locatorSize   = 20
)

const (
	maxTail      = 1 << 20  // bytes at the end in which the end record is looked for
	maxEnds      = 64       // records in them that are tried
	maxDirectory = 16 << 20 // bytes of a directory
	maxEntries   = 50_000
	maxName      = 4096
)

// directory is where the list of members stands.
type directory struct {
	base     int64 // what offsets count from: what was put before the archive
	at, size int64 // of its first header, in the file
	end      int64 // where the archive ends, its comment included
	count    uint64
	comment  string
	several  bool // volumes
}

// findDirectory looks for an end record that leads to a directory, the last first.
func (a *archive) findDirectory() (directory, bool) {
	from := max(0, a.size-maxTail)
	tail := make([]byte, a.size-from)
	n, _ := a.r.ReadAt(tail, from)
	tail = tail[:n]
	var several directory
	for end, tries := len(tail), 0; tries < maxEnds; tries++ {
		i := bytes.LastIndex(tail[:end], []byte(markEnd))
		if i < 0 {
			break
		}
		end = i
		if len(tail)-i < endSize {
			continue
		}
		d := a.endRecord(from+int64(i), tail[i:])
		if a.leads(&d) {
			return d, true
		}
		several.several = several.several || d.several
	}
	return several, false
}

// endRecord reads an end record (4.3.16), and the ZIP64 one before it (4.3.14).
func (a *archive) endRecord(at int64, b []byte) directory {
	d := directory{
		count:   uint64(binary.LittleEndian.Uint16(b[10:])),
		size:    int64(binary.LittleEndian.Uint32(b[12:])),
		at:      int64(binary.LittleEndian.Uint32(b[16:])),
		several: disks(uint32(binary.LittleEndian.Uint16(b[4:])), uint32(binary.LittleEndian.Uint16(b[6:])), 0xffff),
	}
	note := b[endSize:min(len(b), endSize+int(binary.LittleEndian.Uint16(b[20:])))]
	d.comment, d.end = string(note), at+endSize+int64(len(note))
	before := at
	if wide, ok := a.wideEnd(at); ok {
		before = wide
		h := a.bytes(wide, wideEndSize)
		d.several = disks(binary.LittleEndian.Uint32(h[16:]), binary.LittleEndian.Uint32(h[20:]), 0xffffffff)
		d.count, d.size, d.at = binary.LittleEndian.Uint64(h[32:]), int64(binary.LittleEndian.Uint64(h[40:])), int64(binary.LittleEndian.Uint64(h[48:]))
	}
	d.base = before - d.size - d.at
	return d
}

// disks tells that an archive has volumes.
func disks(own, first, unknown uint32) bool {
	return own != 0 && own != unknown || first != 0 && first != unknown
}

// wideEnd finds the ZIP64 end record by its locator, or right before that.
func (a *archive) wideEnd(end int64) (int64, bool) {
	l := a.bytes(end-locatorSize, locatorSize)
	if len(l) < locatorSize || string(l[:4]) != markLocator {
		return 0, false
	}
	for _, at := range [...]int64{int64(binary.LittleEndian.Uint64(l[8:])), end - locatorSize - wideEndSize} {
		if h := a.bytes(at, wideEndSize); len(h) == wideEndSize && string(h[:4]) == markWideEnd {
			return at, true
		}
	}
	return 0, false
}

// leads tells whether a directory is where it should be, and corrects base when
// only the one or the other way of counting leads there.
func (a *archive) leads(d *directory) bool {
	if d.count == 0 && d.size == 0 {
		d.base, d.at = 0, max(0, d.end-endSize-int64(len(d.comment)))
		return true
	}
	if d.size < directorySize || d.at < 0 || d.size > a.size || d.at > a.size {
		return false
	}
	for _, base := range [...]int64{d.base, 0} {
		if base >= 0 && string(a.bytes(base+d.at, 4)) == markDirectory {
			d.base, d.at = base, base+d.at
			return true
		}
	}
	return false
}

// bytes reads up to n from an offset; less is what there is.
func (a *archive) bytes(at int64, n int) []byte {
	if at < 0 || at >= a.size {
		return nil
	}
	b := make([]byte, min(int64(n), a.size-at))
	got, _ := a.r.ReadAt(b, at)
	return b[:got]
}

// list reads the headers of a directory (4.3.12).
func (a *archive) list(d directory) {
	if d.size > maxDirectory {
		a.cut = true
		a.shelf.Tell(engine.DefectMembers, "the directory of the archive has %d bytes, %d of them are read", d.size, maxDirectory)
	}
	b := a.bytes(d.at, int(min(d.size, maxDirectory)))
	for len(b) >= directorySize && string(b[:4]) == markDirectory {
		if len(a.entries) >= maxEntries {
			a.shelf.Tell(engine.DefectMembers, "more than %d entries in the directory", maxEntries)
			a.cut = true
			return
		}
		n := a.listed(d, b)
		if n == 0 {
			break
		}
		b = b[n:]
	}
	if got := uint64(len(a.entries)); got != d.count && d.size <= maxDirectory {
		a.shelf.Tell(engine.DefectLying, "the directory should list %d members and lists %d", d.count, got)
	}
}

// listed reads one header and returns its length, 0 when it is cut.
func (a *archive) listed(d directory, b []byte) int {
	name, extra, comment := int(binary.LittleEndian.Uint16(b[28:])), int(binary.LittleEndian.Uint16(b[30:])), int(binary.LittleEndian.Uint16(b[32:]))
	if directorySize+name+extra > len(b) {
		return 0
	}
	e := &entry{
		raw:    string(b[directorySize : directorySize+name]),
		flags:  binary.LittleEndian.Uint16(b[8:]),
		method: binary.LittleEndian.Uint16(b[10:]),
		clock:  binary.LittleEndian.Uint16(b[12:]),
		crc:    binary.LittleEndian.Uint32(b[16:]),
		packed: int64(binary.LittleEndian.Uint32(b[20:])),
		size:   int64(binary.LittleEndian.Uint32(b[24:])),
		disk:   binary.LittleEndian.Uint16(b[34:]),
		header: int64(binary.LittleEndian.Uint32(b[42:])),
	}
	const unix, linkMode = 3, 0o120000
	e.link = b[5] == unix && binary.LittleEndian.Uint32(b[38:])>>16&0o170000 == linkMode
	e.named()
	e.extras(b[directorySize+name : directorySize+name+extra])
	e.header += d.base
	a.entries = append(a.entries, e)
	return min(len(b), directorySize+name+extra+comment)
}

// named takes the name for what its flag says.
func (e *entry) named() {
	if e.flags&flagUTF8 != 0 {
		e.name = toUTF8(e.raw)
	}
}

// locate finds the data of an entry behind its local header (4.3.7), and tells
// where the two headers contradict each other: programs differ in which they
// believe. This one believes the directory, as Explorer and 7-Zip do.
func (a *archive) locate(e *entry) {
	h := a.bytes(e.header, localSize+maxName)
	if len(h) < localSize || string(h[:4]) != markLocal {
		return
	}
	name, extra := int(binary.LittleEndian.Uint16(h[26:])), int(binary.LittleEndian.Uint16(h[28:]))
	e.data = e.header + localSize + int64(name) + int64(extra)
	if localSize+name <= len(h) && e.flags&flagMasked == 0 {
		if other := string(h[localSize : localSize+name]); other != e.raw {
			a.shelf.Tell(engine.DefectLying, "member %.200q is called %.200q in its own header", e.name, other)
		}
	}
	if method := binary.LittleEndian.Uint16(h[8:]); method != e.method {
		a.shelf.Tell(engine.DefectLying, "member %.200q has method %d in the directory and %d in its own header", e.name, e.method, method)
	}
	if flags := binary.LittleEndian.Uint16(h[6:]); (flags^e.flags)&flagEncrypted != 0 {
		a.shelf.Tell(engine.DefectLying, "the headers of member %.200q disagree on whether it is encrypted", e.name)
		e.flags |= flagEncrypted // decided by its bytes
	}
	if packed := int64(binary.LittleEndian.Uint32(h[18:])); e.packed == 0 && packed != 0xffffffff && packed > 0 {
		a.shelf.Tell(engine.DefectLying, "member %.200q is empty in the directory and not in its own header", e.name)
		e.packed, e.size = packed, int64(binary.LittleEndian.Uint32(h[22:]))
	}
	if e.end() > a.size || e.end() < e.data {
		a.shelf.Tell(engine.DefectLying, "member %.200q should reach beyond the end of the archive", e.name)
		e.packed = max(0, a.size-e.data)
	}
}

// byPlace sorts entries whose data was found by where that stands.
func byPlace(all []*entry) []*entry {
	var found []*entry
	for _, e := range all {
		if e.data > 0 {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(x, y *entry) int { return cmp.Compare(x.header, y.header) })
	return found
}

// overlaps tells whether two entries share bytes, as no honest writer lets them.
func overlaps(placed []*entry) (*entry, bool) {
	var end int64
	for _, e := range placed {
		if e.header < end {
			return e, true
		}
		end = max(end, e.end())
	}
	return nil, false
}

// find returns where mark stands between two offsets; below zero: nowhere, or too
// much was read already to look for marks.
func (a *archive) find(mark string, from, to int64) int64 {
	for window := int64(512); from < to && a.scan > 0; window = min(2*window, 64<<10) {
		b := a.bytes(from, int(min(window, to-from)))
		a.scan -= int64(len(b))
		if i := bytes.Index(b, []byte(mark)); i >= 0 {
			return from + int64(i)
		}
		if int64(len(b)) < window {
			return -1
		}
		from += window - int64(len(mark)) + 1
	}
	return -1
}

// strays reads local headers in the bytes that the directory leaves out: all of
// them when there is none. What is found there is what other programs may show.
func (a *archive) strays(d directory, listed bool) {
	end := a.size
	if listed {
		end = d.at
	}
	at := int64(0)
	for _, e := range append(byPlace(a.entries), &entry{header: end, data: end}) {
		a.gap(at, min(e.header, end))
		at = max(at, e.end())
	}
	if listed {
		a.gap(max(at, d.end), a.size)
	}
	if a.scan <= 0 {
		a.shelf.Tell(engine.DefectMembers, "looking for members that no directory lists was given up")
	}
}

func (a *archive) gap(at, end int64) {
	for at < end && len(a.found) <= a.t.Limits.Members && a.ctx.Err() == nil {
		if at = a.find(markLocal, at, end); at < 0 {
			return
		}
		e := a.stray(at, end)
		if e == nil {
			at += int64(len(markLocal))
			continue
		}
		a.found = append(a.found, e)
		at = max(at+localSize, e.end())
	}
}

// stray reads a local header that no directory lists; nil when it cannot be one.
func (a *archive) stray(at, end int64) *entry {
	h := a.bytes(at, localSize+maxName)
	if a.scan -= int64(len(h)); len(h) < localSize {
		return nil
	}
	name, extra := int(binary.LittleEndian.Uint16(h[26:])), int(binary.LittleEndian.Uint16(h[28:]))
	e := &entry{
		flags:  binary.LittleEndian.Uint16(h[6:]),
		method: binary.LittleEndian.Uint16(h[8:]),
		clock:  binary.LittleEndian.Uint16(h[10:]),
		crc:    binary.LittleEndian.Uint32(h[14:]),
		packed: int64(binary.LittleEndian.Uint32(h[18:])),
		size:   int64(binary.LittleEndian.Uint32(h[22:])),
		header: at, data: at + localSize + int64(name) + int64(extra), hidden: true,
	}
	if name == 0 || name > maxName || localSize+name > len(h) || e.data >= end+1 || e.method > methodAES || h[4] > 99 {
		return nil
	}
	e.raw = string(h[localSize : localSize+name])
	if bytes.ContainsAny([]byte(e.raw), "\x00\n\r") {
		return nil
	}
	e.named()
	e.extras(a.bytes(at+localSize+int64(name), extra))
	e.header = at
	if e.flags&flagDescriptor != 0 && e.packed == 0 {
		a.measure(e, end)
	}
	e.packed = min(e.packed, max(0, end-e.data))
	return e
}

// measure finds the end of data whose sizes follow it (4.3.9).
func (a *archive) measure(e *entry, end int64) {
	e.size = -1
	for at := e.data; ; at += 4 {
		if at = a.find(markDescriptor, at, end); at < 0 {
			break
		}
		if b := a.bytes(at, 16); len(b) == 16 && int64(binary.LittleEndian.Uint32(b[8:])) == at-e.data {
			e.crc, e.packed, e.size = binary.LittleEndian.Uint32(b[4:]), at-e.data, int64(binary.LittleEndian.Uint32(b[12:]))
			return
		}
	}
	e.packed = end - e.data
	for _, mark := range [...]string{markLocal, markDirectory} {
		if at := a.find(mark, e.data, end); at >= 0 {
			e.packed = min(e.packed, at-e.data)
		}
	}
}
