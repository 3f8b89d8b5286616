// Package disc reads images of optical discs: ISO 9660 with the names of Joliet or
// Rock Ridge. Of a disc that has only UDF it tells that it is not opened.
//
// Layout (ECMA-119): sectors of 2,048 bytes; from the sixteenth on descriptors,
// each a tree of the same files under other names. A directory is a run of
// records; each has the first block and the length of a file or directory.
package disc

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive/member"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/charset"
)

var _ task.Reader = Read

const (
	sector         = 2048
	firstSector    = 16
	maxDescriptors = 64
	maxFolders     = 5000
	maxFolder      = 4 << 20  // bytes of one directory
	maxAllFolders  = 64 << 20 // bytes of all
	maxDepth       = 64
	rootAt         = 156 // of the record of the root in a descriptor
)

// volume is one tree of names.
type volume struct {
	joliet bool
	block  int64
	root   record
}

// disc is one while it is read.
type disc struct {
	ctx   context.Context
	t     *task.Task
	shelf *member.Shelf
	r     *io.SectionReader
	v     volume
	seen  map[uint32]bool // first blocks of directories
	read  int64           // bytes of them
}

// Read is a task.Reader.
func Read(ctx context.Context, t *task.Task) error {
	c, err := t.Content()
	if err != nil {
		return err
	}
	d := &disc{ctx: ctx, t: t, shelf: member.NewShelf(ctx, t), r: c, seen: map[uint32]bool{}}
	defer d.shelf.Close()
	found, udf := d.descriptors()
	if udf {
		t.Fact("udf", "yes")
	}
	switch {
	case !found && udf:
		return task.Troublef(engine.DefectUnsupported, "a disc that has only UDF is not opened")
	case !found:
		return task.Troublef(engine.DefectUnreadable, "iso: no volume descriptor")
	}
	return d.folder(d.v.root, "", 0)
}

// descriptors finds the tree with the best names.
func (d *disc) descriptors() (found, udf bool) {
	for i := range maxDescriptors {
		b := make([]byte, sector)
		if n, _ := d.r.ReadAt(b, int64(firstSector+i)*sector); n < sector {
			break
		}
		switch mark := string(b[1:6]); {
		case mark == "NSR02" || mark == "NSR03":
			udf = true
		case mark == "BEA01" || mark == "TEA01" || mark == "BOOT2":
		case mark != "CD001":
			return found, udf
		case b[0] == 1 && !found || b[0] == 2 && isJoliet(b) && !d.v.joliet:
			v, ok := newVolume(b)
			if ok {
				d.v, found = v, true
			}
			if b[0] == 1 {
				d.t.Fact("volume", strings.TrimRight(string(b[40:72]), " \x00"))
			}
		}
	}
	return found, udf
}

// isJoliet knows the escape sequences of UCS-2.
func isJoliet(b []byte) bool {
	e := b[88:120]
	return bytes.Contains(e, []byte("%/@")) || bytes.Contains(e, []byte("%/C")) || bytes.Contains(e, []byte("%/E"))
}

func newVolume(b []byte) (volume, bool) {
	v := volume{joliet: b[0] == 2, block: int64(binary.LittleEndian.Uint16(b[128:]))}
	if v.block != 512 && v.block != 1024 {
		v.block = sector
	}
	root, _, ok := readRecord(b[rootAt : rootAt+34])
	v.root = root
	return v, ok
}

// Flags of a record (9.1.6).
const (
	flagFolder = 1 << 1
	flagMore   = 1 << 7 // the file goes on in the next record
)

// record is an entry of a directory (9.1).
type record struct {
	block, size uint32
	flags       byte
	name        []byte
	system      []byte
}

// readRecord returns how long it is.
func readRecord(b []byte) (r record, n int, ok bool) {
	if len(b) < 34 || b[0] < 34 || int(b[0]) > len(b) {
		return r, 0, false
	}
	b = b[:b[0]]
	end := 33 + int(b[32])
	if end > len(b) {
		return r, 0, false
	}
	r = record{block: binary.LittleEndian.Uint32(b[2:]), size: binary.LittleEndian.Uint32(b[10:]), flags: b[25], name: b[33:end]}
	r.system = b[min(len(b), end+1-int(b[32])&1):]
	return r, len(b), true
}

// folder reads one and what is below it.
func (d *disc) folder(at record, path string, depth int) error {
	if d.seen[at.block] {
		d.shelf.Tell(engine.DefectLying, "folder %.200q contains itself, or stands in two places", path)
		return nil
	}
	if depth > maxDepth || len(d.seen) >= maxFolders || d.read > maxAllFolders {
		d.shelf.Tell(engine.DefectMembers, "more than %d folders, or deeper than %d", maxFolders, maxDepth)
		return nil
	}
	d.seen[at.block] = true
	b := make([]byte, min(at.size, maxFolder))
	n, _ := d.r.ReadAt(b, int64(at.block)*d.v.block)
	if d.read += int64(n); n < int(at.size) {
		d.shelf.Tell(engine.DefectUnreadable, "folder %.200q is cut off", path)
	}
	return d.records(b[:n], path, depth)
}

func (d *disc) records(b []byte, path string, depth int) error {
	var parts []record
	for at := 0; at < len(b); {
		r, n, ok := readRecord(b[at:])
		if !ok { // records do not cross sectors
			at = (at/sector + 1) * sector
			continue
		}
		at += n
		if len(r.name) == 1 && r.name[0] <= 1 { // itself and the one above
			continue
		}
		if r.flags&flagFolder != 0 {
			if err := d.folder(r, path+d.name(r)+"/", depth+1); err != nil {
				return err
			}
			continue
		}
		if parts = append(parts, r); r.flags&flagMore != 0 && len(parts) < 1000 {
			continue
		}
		if err := d.file(parts, path+d.name(r)); err != nil {
			return err
		}
		parts = nil
	}
	return nil
}

// file reads one from all its records.
func (d *disc) file(parts []record, name string) error {
	if target, ok := linkTarget(parts[0].system); ok {
		d.shelf.Link(name, target)
		return nil
	}
	var size int64
	var all []io.Reader
	for _, p := range parts {
		size += int64(p.size)
		all = append(all, io.NewSectionReader(d.r, int64(p.block)*d.v.block, int64(p.size)))
	}
	if err := d.shelf.Add(member.Claim{Name: name, Packed: max(1, size), Size: size}, io.MultiReader(all...)); err != nil {
		return fmt.Errorf("read disc: %w", err)
	}
	return nil
}

// name is that of Joliet or Rock Ridge; else the plain one without its version.
func (d *disc) name(r record) string {
	if d.v.joliet {
		return withoutVersion(fromUCS2(r.name))
	}
	if name := rockRidge(r.system, "NM", 5); len(name) > 0 {
		return text(name)
	}
	return withoutVersion(text(r.name))
}

func withoutVersion(s string) string {
	if i := strings.LastIndexByte(s, ';'); i > 0 {
		s = s[:i]
	}
	return strings.TrimRight(s, ".")
}

func fromUCS2(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

func text(b []byte) string {
	s, _ := charset.ToUTF8("", b, charset.Detect)
	return s
}

// rockRidge joins the entries of a kind in the system use field (IEEE P1282),
// each without the bytes before its content.
func rockRidge(b []byte, kind string, head int) []byte {
	var all []byte
	for len(b) >= 4 && int(b[2]) >= 4 && int(b[2]) <= len(b) {
		if string(b[:2]) == kind && int(b[2]) >= head {
			all = append(all, b[head:b[2]]...)
		}
		b = b[b[2]:]
	}
	return all
}

// linkTarget is that of a symbolic link: components of a flag, a length and a name.
func linkTarget(system []byte) (string, bool) {
	b := rockRidge(system, "SL", 5)
	var steps []string
	for len(b) >= 2 && int(b[1])+2 <= len(b) {
		switch step := text(b[2 : 2+b[1]]); {
		case b[0]&8 != 0:
			steps = append(steps, "")
		case b[0]&4 != 0:
			steps = append(steps, "..")
		case b[0]&2 != 0:
			steps = append(steps, ".")
		default:
			steps = append(steps, step)
		}
		b = b[2+b[1]:]
	}
	return strings.Join(steps, "/"), len(steps) > 0
}
