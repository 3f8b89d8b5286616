// Package zipped opens the ZIP archive that a document is, for readers that know
// the names of its parts. It trusts no number in it: the directory is read within
// a cap, parts go through the budget of the mail, and what contradicts itself is
// told. An archive without a directory, as in documents that are broken on
// purpose so that only Word's repair opens them, is read by its local headers.
package zipped

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

const (
	maxParts     = 10_000
	maxDirectory = 8 << 20 // bytes that finding and reading the directory may take
	encrypted    = 0x1     // bit 0 of the general purpose flag (APPNOTE 4.4.4)
)

// Archive is an open document.
type Archive struct {
	Parts []*Part // in the order of the directory
	t     *task.Task
	named map[string][]*Part
}

// Part is a file in the archive.
type Part struct {
	Name   string // with slashes, none at the beginning
	Packed int64  // bytes in the archive
	Stored bool   // not compressed
	Locked bool   // encrypted as members of ZIP archives are
	open   func() (io.ReadCloser, error)
	t      *task.Task
}

// Open reads the directory. What is remarkable about it is told to t.
func Open(t *task.Task, r io.ReaderAt, size int64) (*Archive, error) {
	a := &Archive{t: t, named: map[string][]*Part{}}
	meter := &metered{r: r, left: maxDirectory}
	z, err := zip.NewReader(meter, size)
	meter.left = -1
	switch {
	case errors.Is(err, errDirectory):
		return nil, err
	case err != nil && !errors.Is(err, zip.ErrInsecurePath):
		return a, a.salvage(r, size, err)
	case len(z.File) > maxParts:
		t.Cap(engine.DefectMembers, "more than %d parts in the document", maxParts)
		z.File = z.File[:maxParts]
	}
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, "/") {
			a.add(&Part{Name: f.Name, Packed: int64(min(f.CompressedSize64, uint64(size))), Stored: f.Method == zip.Store, Locked: f.Flags&encrypted != 0, open: f.Open, t: t})
		}
	}
	a.checkOverlap(z.File)
	return a, nil
}

func (a *Archive) add(p *Part) {
	p.Name = strings.TrimLeft(strings.ReplaceAll(p.Name, `\`, "/"), "/")
	key := strings.ToLower(p.Name)
	if len(a.named[key]) == 1 {
		a.t.Defect(engine.DefectLying, "two parts are called %.200q", p.Name)
	}
	a.named[key] = append(a.named[key], p)
	a.Parts = append(a.Parts, p)
}

// checkOverlap tells when two parts share bytes of the archive, which no honest
// writer does.
func (a *Archive) checkOverlap(files []*zip.File) {
	type span struct{ from, to int64 }
	spans := make([]span, 0, len(files))
	for _, f := range files {
		if off, err := f.DataOffset(); err == nil && f.CompressedSize64 > 0 && f.CompressedSize64 < 1<<62 {
			spans = append(spans, span{off, off + int64(f.CompressedSize64)})
		}
	}
	slices.SortFunc(spans, func(x, y span) int { return cmp.Compare(x.from, y.from) })
	for i := 1; i < len(spans); i++ {
		if spans[i].from < spans[i-1].to {
			a.t.Defect(engine.DefectLying, "parts of the document overlap in its archive")
			return
		}
	}
}

// Find returns the part of a name, without regard to case; nil when there is none.
func (a *Archive) Find(name string) *Part {
	if all := a.Named(name); len(all) > 0 {
		return all[0]
	}
	return nil
}

// Named returns all parts of a name: an archive may have several.
func (a *Archive) Named(name string) []*Part {
	return a.named[strings.ToLower(strings.TrimLeft(name, "/"))]
}

// Under returns the parts whose names begin so, in the order of the directory.
func (a *Archive) Under(prefix string) []*Part {
	var found []*Part
	for _, p := range a.Parts {
		if len(p.Name) >= len(prefix) && strings.EqualFold(p.Name[:len(prefix)], prefix) {
			found = append(found, p)
		}
	}
	return found
}

// Ext is the extension of the name, lower case, without the dot.
func (p *Part) Ext() string { return strings.TrimPrefix(strings.ToLower(path.Ext(p.Name)), ".") }

// Open reads the part past the budget: for task.Task.Add, which has it in mind.
func (p *Part) Open() (io.ReadCloser, error) {
	if p.Locked {
		p.t.Locked("part %.200q of the document is encrypted as in a ZIP archive", p.Name)
		return nil, fmt.Errorf("open part %.200q: %w", p.Name, task.ErrLocked)
	}
	r, err := p.open()
	if err != nil {
		return nil, fmt.Errorf("open part %.200q: %w", p.Name, err)
	}
	return r, nil
}

// Read hands the part to a function that reads it within the budget. Its own
// error counts, and one of the archive is told as a defect; only that of an
// exhausted budget comes back.
func (p *Part) Read(read func(r io.Reader) error) error {
	r, err := p.Open()
	if err != nil {
		return p.tell(err)
	}
	defer r.Close()
	return p.tell(read(p.t.Expand(r, p.Packed)))
}

func (p *Part) tell(err error) error {
	switch {
	case err == nil, errors.Is(err, task.ErrLocked):
		return nil
	case errors.Is(err, engine.ErrLimit):
		return fmt.Errorf("part %.200q: %w", p.Name, err)
	case errors.Is(err, zip.ErrChecksum), errors.Is(err, zip.ErrFormat), errors.Is(err, io.ErrUnexpectedEOF):
		p.t.Defect(engine.DefectLying, "part %.200q: %.200s", p.Name, err)
	default:
		p.t.Defect(engine.DefectUnreadable, "part %.200q: %.200s", p.Name, err)
	}
	return nil
}

// Bytes is the part whole, within the budget, at most max bytes of it.
func (p *Part) Bytes(max int64) ([]byte, error) {
	r, err := p.Open()
	if err != nil {
		return nil, p.tell(err)
	}
	defer r.Close()
	b, err := p.t.ExpandAll(r, p.Packed, max)
	return b, p.tell(err)
}

// Add makes a member of the part.
func (p *Part) Add() error {
	r, err := p.Open()
	if err != nil {
		return p.tell(err)
	}
	defer r.Close()
	_, err = p.t.Add(p.Name, r, p.Packed)
	return err
}

var errDirectory = fmt.Errorf("the directory of the archive is larger than %d bytes: %w", maxDirectory, engine.ErrLimit)

// metered refuses to read on when what it may give is used up; below zero it
// counts no more.
type metered struct {
	r    io.ReaderAt
	left int64
}

func (m *metered) ReadAt(p []byte, off int64) (int, error) {
	if m.left >= 0 {
		if m.left < int64(len(p)) {
			return 0, errDirectory
		}
		m.left -= int64(len(p))
	}
	return m.r.ReadAt(p, off)
}

// Salvage limits.
const (
	window     = 64 << 10
	localSize  = 30
	maxSalvage = 2000
	maxName    = 1024
)

// salvage looks for local headers (APPNOTE 4.3.7).
func (a *Archive) salvage(r io.ReaderAt, size int64, why error) error {
	buf := make([]byte, window)
	for off := int64(0); off < size && len(a.Parts) < maxSalvage; {
		n, _ := r.ReadAt(buf, off)
		i := bytes.Index(buf[:n], []byte("PK\x03\x04"))
		if i < 0 {
			if n < window {
				break
			}
			off += int64(n) - 3
			continue
		}
		off += int64(i)
		off += max(4, a.addLocal(r, off, size))
	}
	if len(a.Parts) == 0 {
		return fmt.Errorf("read archive: %w", why)
	}
	a.t.Defect(engine.DefectUnreadable, "the archive has no directory (%.100s); %d parts were found without it", why, len(a.Parts))
	a.t.Fact("damaged_archive", "true")
	return nil
}

// addLocal makes a part of a local header and returns how long it is with its
// name.
func (a *Archive) addLocal(r io.ReaderAt, off, size int64) int64 {
	var h [localSize]byte
	if n, _ := r.ReadAt(h[:], off); n < localSize {
		return 0
	}
	flags, method := binary.LittleEndian.Uint16(h[6:]), binary.LittleEndian.Uint16(h[8:])
	packed := int64(binary.LittleEndian.Uint32(h[18:]))
	nameLen, extra := int64(binary.LittleEndian.Uint16(h[26:])), int64(binary.LittleEndian.Uint16(h[28:]))
	if nameLen == 0 || nameLen > maxName || method != zip.Store && method != zip.Deflate {
		return 0
	}
	name := make([]byte, nameLen)
	if n, _ := r.ReadAt(name, off+localSize); int64(n) < nameLen || name[nameLen-1] == '/' {
		return 0
	}
	start := off + localSize + nameLen + extra
	if packed <= 0 || packed > size-start {
		packed = size - start
	}
	if packed <= 0 {
		return 0
	}
	p := &Part{Name: string(name), Packed: packed, Stored: method == zip.Store, Locked: flags&encrypted != 0, t: a.t}
	p.open = func() (io.ReadCloser, error) {
		section := io.NewSectionReader(r, start, packed)
		if method == zip.Store {
			return io.NopCloser(section), nil
		}
		return flate.NewReader(section), nil
	}
	a.add(p)
	return localSize + nameLen
}

// Wrap puts a decoder before what the archive holds: the part reads as what comes
// out of it.
func (p *Part) Wrap(decode func(r io.Reader) (io.Reader, error)) {
	inner := p.open
	p.open = func() (io.ReadCloser, error) {
		c, err := inner()
		if err != nil {
			return nil, err
		}
		r, err := decode(c)
		if err != nil {
			c.Close()
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{r, c}, nil
	}
}
