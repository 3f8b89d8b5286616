// Package cfb reads compound files (MS-CFB): a small file system inside a file,
// the container of legacy Office documents, of macros and of encrypted packages.
//
// The library that is there for it follows what a file says; this one follows
// nothing twice. Chains of sectors are walked with a count of the sectors that
// the file really has, so that a circle ends; the directory is at most
// maxEntries; streams are read where they are, and nothing is held in memory but
// tables that are as large as the file makes them. What is wrong further on does
// not hide what is right before: a stream whose chain breaks ends there.
package cfb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/tqmailrules/tqmailrules/engine"
)

const (
	headerSize  = 512
	entrySize   = 128
	maxEntries  = 10_000
	maxSectors  = 4 << 20 // of one file: 2 GiB of sectors of 512 bytes
	maxPath     = 16      // folders inside each other
	endOfChain  = 0xfffffffe
	maxRegular  = 0xfffffffa
	noStream    = 0xffffffff
	miniSector  = 64
	kindStorage = 1
	kindStream  = 2
	kindRoot    = 5
)

// Magic is how a compound file begins.
const Magic = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

// ErrFormat says that the file is no compound file, or broken beyond reading.
var ErrFormat = errors.New("broken compound file")

// File is an open compound file.
type File struct {
	r      io.ReaderAt
	size   int64
	shift  uint
	cutoff int64
	fat    []uint32
	mini   []uint32
	pool   *Stream // the mini stream
	spare  int64   // sectors that chains may still take: honest streams share none
	owned  []bool  // sectors that a stream has
	minis  []bool  // likewise, of the mini stream
	Root   *Folder
	// Troubled says what was wrong and could be worked around; "" when nothing was.
	Troubled string
}

// Folder is a storage. Streams and folders are in the order of the directory.
type Folder struct {
	Name    string
	CLSID   [16]byte
	Folders []*Folder
	Streams []*Stream
}

// Stream is a stream; it is an io.ReaderAt.
type Stream struct {
	Name  string
	f     *File
	chain []uint32
	small bool
	size  int64
}

// Open reads the tables of a compound file.
func Open(r io.ReaderAt, size int64) (*File, error) {
	var h [headerSize]byte
	if n, _ := r.ReadAt(h[:], 0); n < headerSize || string(h[:8]) != Magic {
		return nil, fmt.Errorf("%w: no header", ErrFormat)
	}
	f := &File{r: r, size: size, shift: uint(binary.LittleEndian.Uint16(h[30:])), cutoff: int64(binary.LittleEndian.Uint32(h[56:]))}
	if f.shift != 9 && f.shift != 12 {
		return nil, fmt.Errorf("%w: sectors of 2^%d bytes", ErrFormat, f.shift)
	}
	if f.cutoff != 4096 {
		f.trouble("small streams end at %d bytes", f.cutoff)
		f.cutoff = 4096
	}
	if f.sectors() > maxSectors {
		return nil, fmt.Errorf("compound file of %d sectors: %w", f.sectors(), engine.ErrLimit)
	}
	f.readFAT(h[:])
	f.mini = f.readTable(binary.LittleEndian.Uint32(h[60:]))
	f.owned, f.minis = make([]bool, len(f.fat)), make([]bool, len(f.mini))
	f.spare = 2*(f.sectors()+int64(len(f.mini))) + headerSize
	return f, f.readDirectory(binary.LittleEndian.Uint32(h[48:]))
}

func (f *File) trouble(format string, args ...any) {
	if f.Troubled == "" {
		f.Troubled = fmt.Sprintf(format, args...)
	}
}

// sectors is how many the file has room for, the last one perhaps cut.
func (f *File) sectors() int64 { return (f.size + 1<<f.shift - 1) >> f.shift }

// sector reads one whole; what lies behind the end of the file is zero.
func (f *File) sector(n uint32) []byte {
	b := make([]byte, 1<<f.shift)
	if int64(n) < f.sectors() {
		f.r.ReadAt(b, (int64(n)+1)<<f.shift) //nolint:errcheck // a sector that is cut is zeros
	}
	return b
}

// readFAT collects the sectors of the allocation table: 109 are named in the
// header, the others in a chain of sectors of their own (MS-CFB 2.3, 2.5).
func (f *File) readFAT(h []byte) {
	list := h[76:headerSize]
	next := binary.LittleEndian.Uint32(h[68:])
	for steps := int64(0); steps <= f.sectors(); steps++ {
		for ; len(list) >= 4; list = list[4:] {
			if n := binary.LittleEndian.Uint32(list); n < maxRegular && int64(n) < f.sectors() {
				f.fat = appendTable(f.fat, f.sector(n))
			}
			if int64(len(f.fat)) > f.sectors()+1<<f.shift {
				return
			}
		}
		if next >= maxRegular || int64(next) >= f.sectors() {
			return
		}
		b := f.sector(next)
		list, next = b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	}
}

func appendTable(table []uint32, b []byte) []uint32 {
	for ; len(b) >= 4; b = b[4:] {
		table = append(table, binary.LittleEndian.Uint32(b))
	}
	return table
}

func (f *File) readTable(start uint32) []uint32 {
	var table []uint32
	for _, n := range f.chain(start, f.fat, f.sectors()) {
		table = appendTable(table, f.sector(n))
	}
	return table
}

// chain follows a table from a sector. It ends where the chain does, where it
// leaves the table, and after max sectors, so that a circle ends too.
func (f *File) chain(start uint32, table []uint32, max int64) []uint32 {
	var all []uint32
	for n := start; n < maxRegular; n = table[n] {
		if int64(n) >= int64(len(table)) {
			f.trouble("a chain of sectors leaves the file")
			break
		}
		if int64(len(all)) >= max {
			break
		}
		all = append(all, n)
	}
	return all
}

// entry is one of the directory.
type entry struct {
	name              string
	kind              byte
	left, right, down uint32
	clsid             [16]byte
	start             uint32
	size              int64
}

func parseEntry(b []byte, shift uint) entry {
	n := int(binary.LittleEndian.Uint16(b[64:]))
	if n > 64 || n < 2 {
		n = 2
	}
	units := make([]uint16, 0, 32)
	for i := 0; i+1 < n-1; i += 2 {
		units = append(units, binary.LittleEndian.Uint16(b[i:]))
	}
	e := entry{
		name: string(utf16.Decode(units)), kind: b[66],
		left: binary.LittleEndian.Uint32(b[68:]), right: binary.LittleEndian.Uint32(b[72:]), down: binary.LittleEndian.Uint32(b[76:]),
		clsid: [16]byte(b[80:96]), start: binary.LittleEndian.Uint32(b[116:]), size: int64(binary.LittleEndian.Uint32(b[120:])),
	}
	if shift == 12 {
		e.size |= int64(binary.LittleEndian.Uint32(b[124:])) << 32 // of the older version the high half is undefined
	}
	return e
}

func (f *File) readDirectory(start uint32) error {
	var all []entry
	for _, n := range f.chain(start, f.fat, min(f.sectors(), maxEntries*entrySize>>f.shift+1)) {
		b := f.sector(n)
		for ; len(b) >= entrySize; b = b[entrySize:] {
			all = append(all, parseEntry(b, f.shift))
		}
	}
	if len(all) > maxEntries {
		all = all[:maxEntries]
		f.trouble("more than %d entries", maxEntries)
	}
	if len(all) == 0 {
		return fmt.Errorf("%w: no directory", ErrFormat)
	}
	root := all[0]
	f.pool = &Stream{f: f, chain: f.chain(root.start, f.fat, f.sectors()), size: max(root.size, 0)}
	f.Root = &Folder{Name: root.name, CLSID: root.clsid}
	b := builder{f: f, all: all, seen: make([]bool, len(all))}
	b.seen[0] = true
	b.fill(f.Root, root.down, 0)
	b.strays()
	return nil
}

// builder makes folders of the directory's trees. No entry is visited twice.
type builder struct {
	f    *File
	all  []entry
	seen []bool
}

// fill adds what a tree of siblings holds, in the order of the directory.
func (b *builder) fill(into *Folder, top uint32, depth int) {
	var found []uint32
	stack := []uint32{top}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if i == noStream {
			continue
		}
		if int64(i) >= int64(len(b.all)) || b.seen[i] {
			b.f.trouble("the directory contradicts itself")
			continue
		}
		b.seen[i] = true
		found = append(found, i)
		stack = append(stack, b.all[i].right, b.all[i].left)
	}
	for _, i := range found {
		b.add(into, b.all[i], depth)
	}
}

func (b *builder) add(into *Folder, e entry, depth int) {
	switch {
	case e.kind == kindStream:
		into.Streams = append(into.Streams, b.f.stream(e))
	case e.kind == kindStorage && depth < maxPath:
		folder := &Folder{Name: e.name, CLSID: e.clsid}
		into.Folders = append(into.Folders, folder)
		b.fill(folder, e.down, depth+1)
	case e.kind == kindStorage:
		b.f.trouble("more than %d folders inside each other", maxPath)
	}
}

// strays puts streams that no tree leads to into the root: Office does not see
// them, and whoever cut them off might.
func (b *builder) strays() {
	for i, e := range b.all {
		if !b.seen[i] && e.kind == kindStream && e.name != "" {
			b.f.trouble("streams that no folder holds")
			b.f.Root.Streams = append(b.f.Root.Streams, b.f.stream(e))
		}
	}
}

func (f *File) stream(e entry) *Stream {
	s := &Stream{Name: e.name, f: f, small: e.size < f.cutoff, size: e.size}
	if e.size <= 0 {
		s.size = 0
		return s
	}
	table, owned, unit, limit := f.fat, f.owned, int64(1)<<f.shift, f.sectors()
	if s.small {
		table, owned, unit, limit = f.mini, f.minis, miniSector, int64(len(f.mini))
	}
	s.chain = f.chain(e.start, table, min(limit, (e.size+unit-1)/unit, f.spare))
	f.spare -= int64(len(s.chain))
	for _, n := range s.chain {
		if owned[n] {
			f.trouble("stream %.60q has sectors that are taken: by another, or by itself in a circle", e.name)
			break
		}
		owned[n] = true
	}
	if have := int64(len(s.chain)) * unit; have < s.size {
		f.trouble("stream %.60q of %d bytes ends after %d", e.name, e.size, have)
		s.size = have
	}
	return s
}

// Size is the number of bytes that can be read.
func (s *Stream) Size() int64 { return s.size }

// Open returns a reader of the stream.
func (s *Stream) Open() *io.SectionReader { return io.NewSectionReader(s, 0, s.size) }

// Bytes is the stream whole; one of more than max bytes is an error that wraps
// engine.ErrLimit, beside the first max bytes.
func (s *Stream) Bytes(max int64) ([]byte, error) {
	b := make([]byte, min(s.size, max))
	n, err := io.ReadFull(s.Open(), b)
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return b[:n], fmt.Errorf("read stream %.60q: %w", s.Name, err)
	case s.size > max:
		return b[:n], fmt.Errorf("stream %.60q of %d bytes, more than %d are not read: %w", s.Name, s.size, max, engine.ErrLimit)
	}
	return b[:n], nil
}

// ReadAt implements io.ReaderAt.
func (s *Stream) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("%w: negative offset", ErrFormat)
	}
	done := 0
	for done < len(p) {
		if off >= s.size {
			return done, io.EOF
		}
		n, err := s.readSector(p[done:min(int64(len(p)), int64(done)+s.size-off)], off)
		if err != nil {
			return done, err
		}
		done += n
		off += int64(n)
	}
	return done, nil
}

// readSector reads from within one sector, or several that follow each other.
func (s *Stream) readSector(p []byte, off int64) (int, error) {
	unit := int64(1) << s.f.shift
	if s.small {
		unit = miniSector
	}
	i := off / unit
	if i >= int64(len(s.chain)) {
		return 0, io.EOF
	}
	run := int64(1)
	for i+run < int64(len(s.chain)) && s.chain[i+run] == s.chain[i]+uint32(run) && run*unit < int64(len(p)) {
		run++
	}
	p = p[:min(int64(len(p)), run*unit-off%unit)]
	if s.small {
		return s.readAll(s.f.pool, p, int64(s.chain[i])*unit+off%unit)
	}
	return s.readAll(s.f.r, p, (int64(s.chain[i])+1)*unit+off%unit)
}

// readAll reads what is there of p; nothing at all is the end.
func (s *Stream) readAll(r io.ReaderAt, p []byte, off int64) (int, error) {
	n, err := r.ReadAt(p, off)
	if n > 0 {
		return n, nil
	}
	if err == nil {
		err = io.EOF
	}
	return 0, err
}

// Stream finds a stream of the folder by name, as Office does without regard to
// case; nil when there is none.
func (d *Folder) Stream(name string) *Stream {
	for _, s := range d.Streams {
		if strings.EqualFold(s.Name, name) {
			return s
		}
	}
	return nil
}

// Folder finds a folder; nil when there is none.
func (d *Folder) Folder(name string) *Folder {
	for _, f := range d.Folders {
		if strings.EqualFold(f.Name, name) {
			return f
		}
	}
	return nil
}

// Walk visits the folder and all inside it; path is that of the folder below d,
// "" for d itself.
func (d *Folder) Walk(visit func(path string, folder *Folder)) { d.walk("", visit) }

func (d *Folder) walk(path string, visit func(string, *Folder)) {
	visit(path, d)
	for _, f := range d.Folders {
		f.walk(strings.TrimPrefix(path+"/"+f.Name, "/"), visit)
	}
}
