// Package object reads what is embedded in documents: objects of OLE 1 and 2, and
// the property sets that say who wrote a document and when.
package object

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/unpack/office/remark"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/cfb"
	"github.com/tqmailrules/tqmailrules/internal/charset"
)

const (
	native     = "\x01Ole10Native"
	maxHead    = 16 << 10 // bytes in which the names of an embedded file stand
	maxString  = 4 << 10
	linked     = 1
	embedded   = 2
	packageTag = 2 // of a file embedded by the packager
)

// payloads are streams that hold a whole file of another format.
var payloads = []string{"Package", "EmbeddedOdf", "CONTENTS", "package_stream"}

// Read makes members of what an object of its own file (oleObject1.bin) holds,
// or of the file itself when that cannot be told. name is its path.
func Read(t *task.Task, book *remark.Book, name string, r io.ReaderAt, size int64) error {
	f, err := cfb.Open(r, size)
	if err != nil {
		_, err := t.Add(name, io.NewSectionReader(r, 0, size), 0)
		return err
	}
	found, err := ReadFolder(t, book, name, f.Root)
	if err == nil && !found {
		_, err = t.Add(name, io.NewSectionReader(r, 0, size), 0)
	}
	return err
}

// ReadFolder makes a member of the file that a storage holds. found is false
// when it holds none that can be taken out.
func ReadFolder(t *task.Task, book *remark.Book, name string, d *cfb.Folder) (found bool, err error) {
	tellClass(book, d)
	if s := d.Stream(native); s != nil {
		return true, readNative(t, name, s, s.Size())
	}
	for _, payload := range payloads {
		if s := d.Stream(payload); s != nil && s.Size() > 0 {
			_, err := t.Add(name+"/"+s.Name, s.Open(), 0)
			return true, err
		}
	}
	return false, nil
}

// classes are those whose readers were broken so often that their name says it.
var classes = map[string]string{
	"02ce020000000000c000000000000046": "Equation.3",
	"00ce020000000000c000000000000046": "Equation.2",
	"0c00030000000000c000000000000046": "Package",
}

// tellClass notes the class of a storage: by its CompObj stream (MS-OLEDS 2.3.8),
// else by its identifier.
func tellClass(book *remark.Book, d *cfb.Folder) {
	if s := d.Stream("\x01CompObj"); s != nil {
		b, _ := s.Bytes(maxHead)
		if name := progID(b); name != "" {
			book.Add(remark.Class, name)
			return
		}
	}
	if class, known := classes[fmt.Sprintf("%x", d.CLSID)]; known {
		book.Add(remark.Class, class)
	}
}

// progID is the third string of a CompObj stream, else the first.
func progID(b []byte) string {
	c := cursor{b: b, at: 28}
	user := c.sized()
	if n := c.u32(); n >= 0xfffffffe {
		c.at += 4
	} else {
		c.at += int(min(n, maxString))
	}
	if id := c.sized(); id != "" {
		return id
	}
	return user
}

// readNative reads a file embedded by the packager (MS-OLEDS 2.3.6): its names
// stand before it. Whatever else is in the stream is the member as it is.
func readNative(t *task.Task, name string, r io.ReaderAt, size int64) error {
	head := make([]byte, min(maxHead, size))
	n, _ := r.ReadAt(head, 0)
	head = head[:n]
	if f, ok := parsePackage(head, 4); ok {
		return f.add(t, name, r, size)
	}
	start := min(4, size)
	_, err := t.Add(name+"/native.bin", io.NewSectionReader(r, start, size-start), 0)
	return err
}

// packed is a file that the packager embedded.
type packed struct {
	label, source string
	at, size      int64
}

// parsePackage reads the names, from an offset.
func parsePackage(head []byte, at int) (f packed, ok bool) {
	c := cursor{b: head, at: at}
	if c.u16() != packageTag {
		return f, false
	}
	f.label, f.source = c.zero(), c.zero()
	c.u32()
	c.sized()
	f.size, f.at = int64(c.u32()), int64(c.at)
	return f, !c.cut
}

func (f packed) add(t *task.Task, name string, r io.ReaderAt, size int64) error {
	file := path.Base(strings.ReplaceAll(f.label, `\`, "/"))
	if file == "." || file == "/" {
		file = path.Base(strings.ReplaceAll(f.source, `\`, "/"))
	}
	if f.size > size-f.at {
		f.size = size - f.at
	}
	t.Fact("object_source", f.source)
	_, err := t.Add(name+"/"+file, io.NewSectionReader(r, f.at, f.size), 0)
	return err
}

// ReadOLE1 makes a member of an object of OLE 1 (MS-OLEDS 2.2.4 and 2.2.5), the
// form in which RTF carries objects.
func ReadOLE1(t *task.Task, book *remark.Book, name string, b []byte) error {
	c := cursor{b: b, at: 4}
	format := c.u32()
	class, topic := c.sized(), c.sized()
	c.sized()
	if c.cut || format != linked && format != embedded {
		return readData(t, book, name, b[max(0, bytes.Index(b, []byte(cfb.Magic))):])
	}
	book.Add(remark.Class, class)
	if format == linked {
		book.Outside(t, topic)
		return nil
	}
	size := int(c.u32())
	data := b[min(c.at, len(b)):]
	if size >= 0 && size < len(data) {
		data = data[:size]
	}
	return readData(t, book, name, data)
}

// readData reads the native data of an object, whatever its class says it is.
func readData(t *task.Task, book *remark.Book, name string, data []byte) error {
	r := bytes.NewReader(data)
	if bytes.HasPrefix(data, []byte(cfb.Magic)) {
		return Read(t, book, name, r, int64(len(data)))
	}
	if f, ok := parsePackage(data[:min(len(data), maxHead)], 0); ok {
		return f.add(t, name, r, int64(len(data)))
	}
	_, err := t.AddBytes(name, data)
	return err
}

// cursor reads little-endian fields; behind the end everything is zero.
type cursor struct {
	b   []byte
	at  int
	cut bool // something lay behind the end
}

func (c *cursor) take(n int) []byte {
	if n < 0 || c.at < 0 || c.at+n > len(c.b) {
		c.cut = true
		return make([]byte, max(0, min(n, 8)))
	}
	c.at += n
	return c.b[c.at-n : c.at]
}

func (c *cursor) u16() uint16 { return binary.LittleEndian.Uint16(c.take(2)) }
func (c *cursor) u32() uint32 { return binary.LittleEndian.Uint32(c.take(4)) }

// sized is a string behind its length, which counts a zero at its end.
func (c *cursor) sized() string {
	n := c.u32()
	if n == 0 {
		return ""
	}
	if n > maxString {
		c.cut = true
		return ""
	}
	return text(c.take(int(n)))
}

// zero is a string up to a zero.
func (c *cursor) zero() string {
	if c.at > len(c.b) {
		c.cut = true
		return ""
	}
	end := bytes.IndexByte(c.b[c.at:], 0)
	if end < 0 {
		c.cut = true
		return ""
	}
	return text(c.take(end + 1))
}

func text(b []byte) string { return charset.Decode(bytes.TrimRight(b, "\x00")) }
