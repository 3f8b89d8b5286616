// Package legacy reads the formats of Office before Office Open XML: doc, xls and
// ppt (MS-DOC, MS-XLS, MS-PPT), each a set of streams in a compound file, with
// RC4 and XOR encryption.
//
// The streams are tables of offsets into each other, and any of them may lie.
// Everything is read from memory by cursors that stop at the end; every list is
// capped; nothing is followed twice. What can be read before a lie counts.
package legacy

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/crypt"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/object"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/remark"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/vba"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/cfb"
)

const (
	maxStream  = 48 << 20 // bytes of a stream that is held in memory
	maxObjects = 200
	maxShown   = 1000 // bytes of what a link shows
)

// Passwords under which Office itself protects documents.
var (
	wellKnown     = []string{"VelvetSweatshop"}
	wellKnownDeck = []string{"/01Hannes Ruescher/01", "VelvetSweatshop"}
)

// Is tells whether a compound file holds a document that this package reads.
func Is(f *cfb.File) bool {
	for _, name := range [...]string{"WordDocument", "Workbook", "Book", "PowerPoint Document"} {
		if f.Root.Stream(name) != nil {
			return true
		}
	}
	return false
}

// Read reads what a compound file holds: a document, or several inside each
// other. A file without one is searched for macros and embedded files only.
func Read(ctx context.Context, t *task.Task, f *cfb.File) error {
	d := &document{ctx: ctx, t: t}
	object.Properties(t, f.Root)
	found, err := d.readFolder(f.Root)
	if vba.Read(t, &d.book, "", f.Root) {
		found = true
	}
	if inner := d.objects(f.Root); err == nil {
		err = inner
	}
	d.book.Tell(t)
	if err == nil && !found && len(t.Part.Children) == 0 && f.Root.Stream("\x01CompObj") == nil && f.Root.CLSID == [16]byte{} {
		err = task.Troublef(engine.DefectUnsupported, "a compound file of no known kind")
	}
	return err
}

// document is a compound file that is read.
type document struct {
	ctx  context.Context
	t    *task.Task
	book remark.Book
}

// readFolder reads the document whose streams stand in a folder.
func (d *document) readFolder(folder *cfb.Folder) (found bool, err error) {
	for _, kind := range [...]struct {
		name string
		read func(*cfb.Folder, *cfb.Stream) error
	}{
		{"WordDocument", d.word},
		{"Workbook", d.workbook},
		{"Book", d.workbook},
		{"PowerPoint Document", d.presentation},
	} {
		if s := folder.Stream(kind.name); s != nil {
			return true, kind.read(folder, s)
		}
	}
	return false, nil
}

// bytes reads a stream within the budget of the mail. What is beyond maxStream is
// left out, and told.
func (d *document) bytes(s *cfb.Stream) ([]byte, error) {
	if s == nil {
		return nil, nil
	}
	b, err := d.t.ExpandAll(s.Open(), 0, maxStream)
	switch {
	case err == nil:
	case len(b) > 0 && errors.Is(err, engine.ErrLimit):
		d.t.Cap(engine.DefectUnpackSize, "stream %.60q: %s", s.Name, err)
	default:
		return nil, fmt.Errorf("stream %.60q: %w", s.Name, err)
	}
	return b, nil
}

// objects takes out what is embedded in folders of the document, and reads
// documents that are embedded as folders.
func (d *document) objects(root *cfb.Folder) error {
	n := 0
	var failed error
	root.Walk(func(path string, folder *cfb.Folder) {
		if n++; path == "" || n > maxObjects || failed != nil || folder.Stream("dir") != nil {
			return
		}
		found, err := object.ReadFolder(d.t, &d.book, path, folder)
		if err == nil && !found {
			_, err = d.readFolder(folder)
		}
		if err != nil && !errors.Is(err, task.ErrLocked) {
			failed = err
		}
	})
	return failed
}

// unlock opens a legacy encryption.
func (d *document) unlock(known []string, scheme crypt.Legacy, err error) error {
	if err != nil {
		return d.locked(err)
	}
	opened, err := d.t.Unlock(d.ctx, scheme.Units(), known, scheme.Try)
	switch {
	case err != nil:
		return err
	case !opened:
		return task.ErrLocked
	}
	return nil
}

// locked tells why a document cannot even be tried.
func (d *document) locked(err error) error {
	code := engine.DefectUnreadable
	if errors.Is(err, crypt.ErrUnsupported) {
		code = engine.DefectUnsupported
	}
	d.t.Defect(code, "%s", err)
	d.t.Locked("%s", err)
	return task.ErrLocked
}

// cursor reads little-endian fields; behind the end everything is zero and cut
// is set.
type cursor struct {
	b   []byte
	at  int
	cut bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || c.at < 0 || c.at > len(c.b) || n > len(c.b)-c.at {
		c.cut = true
		c.at = len(c.b)
		return make([]byte, min(max(n, 0), 16))
	}
	c.at += n
	return c.b[c.at-n : c.at]
}

func (c *cursor) left() int   { return len(c.b) - c.at }
func (c *cursor) u8() int     { return int(c.take(1)[0]) }
func (c *cursor) u16() int    { return int(binary.LittleEndian.Uint16(c.take(2))) }
func (c *cursor) u32() uint32 { return binary.LittleEndian.Uint32(c.take(4)) }

// at is a cursor from an offset, which may lie outside.
func at(b []byte, off int64) *cursor {
	if off < 0 || off > int64(len(b)) {
		return &cursor{cut: true}
	}
	return &cursor{b: b, at: int(off)}
}

// wide decodes UTF-16.
func wide(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// narrowText decodes the low bytes of UTF-16, as Excel and PowerPoint keep text
// that needs no more.
func narrowText(b []byte) string {
	var s strings.Builder
	s.Grow(len(b))
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return s.String()
}
