// Package cabinet reads Microsoft cabinets (MS-CAB): stored and MSZIP.
//
// A cabinet has folders, each one stream in blocks of at most 32 KiB, and files,
// each a stretch of a folder. Folders of LZX and Quantum are told by the names of
// their files. A folder is unpacked once, from its beginning; files
// that share bytes with an earlier one are told and left.
package cabinet

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive/member"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/charset"
)

var _ task.Reader = Read

const (
	headerSize = 36
	maxHeaders = 16 << 20 // bytes of headers before the data, as far as they are read
	maxName    = 256

	flagPrevious = 1
	flagNext     = 2
	flagReserve  = 4

	attributeUTF8 = 0x80
	firstSpanning = 0xfffd // numbers of folders that other volumes have a part of
)

var errHeader = errors.New("cab: broken header")

// folder is one stream.
type folder struct {
	at       int64 // of its first block
	blocks   int
	method   uint16
	reserved int // bytes that each block has beside its header
}

// file is a stretch of a folder.
type file struct {
	name     string
	size, at int64
	folder   int
}

// Read is a task.Reader.
func Read(ctx context.Context, t *task.Task) error {
	c, err := t.Content()
	if err != nil {
		return err
	}
	shelf := member.NewShelf(ctx, t)
	defer shelf.Close()
	folders, files, err := headers(c, shelf)
	if err != nil {
		return err
	}
	slices.SortStableFunc(files, func(x, y file) int { return cmp.Or(cmp.Compare(x.folder, y.folder), cmp.Compare(x.at, y.at)) })
	for len(files) > 0 {
		n := 1
		for n < len(files) && files[n].folder == files[0].folder {
			n++
		}
		if err := unpack(shelf, c, folders, files[:n]); err != nil {
			return err
		}
		files = files[n:]
	}
	return nil
}

// cursor reads headers; bad is sticky.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.bad, c.b = true, nil
		return make([]byte, n)
	}
	v := c.b[:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) u8() int    { return int(c.take(1)[0]) }
func (c *cursor) u16() int   { return int(binary.LittleEndian.Uint16(c.take(2))) }
func (c *cursor) u32() int64 { return int64(binary.LittleEndian.Uint32(c.take(4))) }
func (c *cursor) text() []byte { // with a NUL at its end
	i := bytes.IndexByte(c.b[:min(len(c.b), maxName+1)], 0)
	if i < 0 {
		c.bad, c.b = true, nil
		return nil
	}
	return c.take(i + 1)[:i]
}

// headers reads what stands before the data (2.1 to 2.3). Files behind the first
// broken header are left.
func headers(r *io.SectionReader, shelf *member.Shelf) ([]folder, []file, error) {
	b := make([]byte, min(r.Size(), maxHeaders))
	n, _ := r.ReadAt(b, 0)
	b = b[:n]
	if len(b) < headerSize || string(b[:4]) != "MSCF" {
		return nil, nil, errHeader
	}
	c := &cursor{b: b[8:]}
	size := c.u32()
	c.take(4)
	filesAt := c.u32()
	c.take(6)
	folderCount, fileCount, flags := c.u16(), c.u16(), c.u16()
	c.take(4)
	if size > r.Size() {
		shelf.Tell(engine.DefectLying, "the cabinet should have %d bytes and has %d", size, r.Size())
	}
	var perFolder, perBlock int
	if flags&flagReserve != 0 {
		perHeader := c.u16()
		perFolder, perBlock = c.u8(), c.u8()
		c.take(perHeader)
	}
	if flags&(flagPrevious|flagNext) != 0 {
		shelf.Tell(engine.DefectUnsupported, "it is one volume of several")
	}
	for _, flag := range [...]int{flagPrevious, flagNext} {
		if flags&flag != 0 {
			c.text()
			c.text()
		}
	}
	var folders []folder
	for range folderCount {
		f := folder{at: c.u32(), blocks: c.u16(), method: uint16(c.u16()), reserved: perBlock}
		c.take(perFolder)
		folders = append(folders, f)
	}
	if c.bad || filesAt > int64(len(b)) {
		return nil, nil, errHeader
	}
	return folders, files(&cursor{b: b[filesAt:]}, fileCount, shelf), nil
}

func files(c *cursor, count int, shelf *member.Shelf) (all []file) {
	for range count {
		f := file{size: c.u32(), at: c.u32(), folder: c.u16()}
		c.take(4)
		attributes, name := c.u16(), c.text()
		if c.bad {
			shelf.Tell(engine.DefectUnreadable, "of %d files the headers of %d are whole", count, len(all))
			return all
		}
		f.name = nameOf(name, attributes)
		all = append(all, f)
	}
	return all
}

// nameOf reads UTF-8 where the attribute says so, else the code page of DOS.
func nameOf(name []byte, attributes int) string {
	label := "cp437"
	if attributes&attributeUTF8 != 0 {
		label = ""
	}
	s, _ := charset.ToUTF8(label, name, charset.Detect)
	return strings.ReplaceAll(s, `\`, "/")
}

// unpack reads the files of one folder, which are sorted by their place.
func unpack(shelf *member.Shelf, r *io.SectionReader, folders []folder, files []file) error {
	if n := files[0].folder; n >= len(folders) {
		for _, f := range files {
			code, why := engine.DefectLying, "there is no such folder"
			if n >= firstSpanning {
				code, why = engine.DefectUnsupported, "a part of it stands in another volume"
			}
			shelf.Unread(f.name, code, "%s", why)
		}
		return nil
	}
	s, err := newStream(shelf, r, folders[files[0].folder])
	if err != nil {
		for _, f := range files {
			shelf.Refuse(f.name, err)
		}
		return nil
	}
	for _, f := range files {
		if f.at < s.n {
			shelf.Unread(f.name, engine.DefectLying, "it shares bytes with another file")
			continue
		}
		if err := shelf.Skip(s, f.at-s.n); errors.Is(err, engine.ErrLimit) {
			return err
		} else if err != nil {
			shelf.Refuse(f.name, fmt.Errorf("its folder ends before it: %w", err))
			continue
		}
		if err := shelf.Add(member.Claim{Name: f.name, Size: f.size}, io.LimitReader(s, f.size)); err != nil {
			return err
		}
	}
	return nil
}
