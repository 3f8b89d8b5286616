// Package vba reads macro projects (MS-OVBA): their modules become members of the
// document, as the source that its author wrote.
//
// The dir stream says which streams hold modules and where in them the source
// begins. Where it is broken, on purpose or not, every stream is searched for
// what a compressed module begins with.
package vba

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/remark"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/cfb"
	"github.com/tqmailrules/tqmailrules/internal/charset"
)

const (
	maxStream  = 16 << 20 // bytes of a module's stream
	maxSource  = 4 << 20  // bytes of its source
	maxModules = 500
	western    = 1252
)

// Module is one module of a project.
type Module struct {
	Name   string // as the project calls it
	Class  bool   // of a document, a class or a form
	stream string
	offset uint32
}

// ReadFile reads a project that is a file of its own (vbaProject.bin) and tells
// it to t; name is the path of that file in its document.
func ReadFile(t *task.Task, book *remark.Book, name string, content []byte) {
	t.Part.HasMacros = true
	f, err := cfb.Open(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Defect(engine.DefectUnreadable, "macros in %.100q: %.200s", name, err)
		return
	}
	found := Read(t, book, name, f.Root)
	if !found {
		t.Defect(engine.DefectUnreadable, "macros in %.100q: no modules", name)
	}
}

// Read finds projects in a folder and those inside it. Their modules become
// members below name. found is false when there is none.
func Read(t *task.Task, book *remark.Book, name string, root *cfb.Folder) (found bool) {
	root.Walk(func(path string, folder *cfb.Folder) {
		if dir := folder.Stream("dir"); dir != nil && (strings.EqualFold(folder.Name, "VBA") || folder.Stream("_VBA_PROJECT") != nil) {
			found = true
			t.Part.HasMacros = true
			readProject(t, book, strings.Trim(name+"/"+path, "/"), folder, dir)
		}
	})
	return found
}

func readProject(t *task.Task, book *remark.Book, name string, folder *cfb.Folder, dir *cfb.Stream) {
	modules, page, err := readDir(t, dir)
	told := 0
	for _, m := range modules {
		s := folder.Stream(m.stream)
		if s == nil {
			continue
		}
		if source, ok := readSource(t, s, int64(m.offset)); ok {
			tell(t, book, name, m, charset.CodePage(page, source))
			told++
		}
	}
	if told > 0 && err == nil {
		return
	}
	if err != nil {
		t.Defect(engine.DefectUnreadable, "dir stream of macros in %.100q: %.200s", name, err)
	}
	if told == 0 {
		search(t, book, name, folder, page)
	}
}

// readSource expands what stands in a stream from an offset.
func readSource(t *task.Task, s *cfb.Stream, offset int64) ([]byte, bool) {
	if offset >= s.Size() {
		return nil, false
	}
	packed, err := t.ExpandAll(io.NewSectionReader(s, offset, s.Size()-offset), 0, maxStream)
	if err != nil {
		t.Cap(engine.DefectUnpackSize, "stream %.60q of macros: %.200s", s.Name, err)
	}
	return expand(t, s, packed)
}

func expand(t *task.Task, s *cfb.Stream, packed []byte) ([]byte, bool) {
	source, err := Decompress(packed, maxSource)
	switch {
	case errors.Is(err, engine.ErrLimit):
		t.Cap(engine.DefectUnpackSize, "stream %.60q of macros: %.200s", s.Name, err)
	case err != nil && len(source) > 0:
		t.Defect(engine.DefectUnreadable, "stream %.60q of macros: %.200s", s.Name, err)
	}
	return source, len(source) > 0
}

// search looks for compressed sources in all streams: the first bytes of each
// are those of its first attribute.
func search(t *task.Task, book *remark.Book, name string, folder *cfb.Folder, page int) {
	for _, s := range folder.Streams[:min(len(folder.Streams), maxModules)] {
		b, _ := t.ExpandAll(s.Open(), 0, maxStream)
		i := bytes.Index(b, []byte("\x00Attribut"))
		if i < 3 || b[i-3] != signature {
			continue
		}
		if source, ok := expand(t, s, b[i-3:]); ok {
			tell(t, book, name, Module{Name: s.Name}, charset.CodePage(page, source))
		}
	}
}

// tell makes a member of a module and notes what runs by itself.
func tell(t *task.Task, book *remark.Book, name string, m Module, source string) {
	ext := ".bas"
	if m.Class {
		ext = ".cls"
	}
	source = strings.ReplaceAll(source, "\r\n", "\n")
	for _, auto := range AutoNames(source) {
		book.Add(remark.Auto, auto)
	}
	p, err := t.AddBytes(name+"/"+m.Name+ext, []byte(source))
	if err != nil {
		t.Cap(engine.DefectMembers, "macros: %.200s", err)
		return
	}
	p.FileType, p.Text, p.Opened = "vba", source[:min(len(source), t.Limits.Text)], true
}

// autoNames are procedures that Office calls by itself, in lower case.
var autoNames = []string{
	"autoexec", "autoopen", "autoclose", "autoexit", "autonew", "auto_open", "auto_close", "auto_activate", "auto_deactivate",
	"document_open", "document_close", "document_new", "document_beforeclose", "document_beforesave", "document_contentcontrolonenter",
	"documentopen", "documentbeforeclose", "newdocument", "workbook_open", "workbook_activate", "workbook_close", "workbook_beforeclose",
	"workbook_deactivate", "workbook_windowactivate", "worksheet_activate", "worksheet_calculate", "worksheet_change",
	"worksheet_selectionchange", "presentation_open", "slideshowbegin", "onslideshowpagechange", "onslideshowterminate", "userform_initialize",
	"inkpicture1_painted", "inkpicture1_resize", "multipage1_layout", "commandbutton1_click",
}

// AutoNames lists the procedures of a source that run by themselves, as they are
// written there.
func AutoNames(source string) []string {
	var found []string
	for line := range strings.SplitSeq(source, "\n") {
		words := strings.Fields(line)
		for i := 0; i+1 < len(words) && i < 4; i++ {
			if !strings.EqualFold(words[i], "sub") && !strings.EqualFold(words[i], "function") {
				continue
			}
			name, _, _ := strings.Cut(words[i+1], "(")
			if slices.Contains(autoNames, strings.ToLower(name)) && !slices.Contains(found, name) {
				found = append(found, name)
			}
			break
		}
	}
	return found
}

// Records of the dir stream (MS-OVBA 2.3.4.2).
const (
	recCodePage      = 0x0003
	recVersion       = 0x0009
	recModule        = 0x0019
	recStream        = 0x001a
	recProcedural    = 0x0021
	recDocument      = 0x0022
	recModuleEnd     = 0x002b
	recOffset        = 0x0031
	recStreamUnicode = 0x0032
	recModuleUnicode = 0x0047
)

func readDir(t *task.Task, dir *cfb.Stream) (modules []Module, page int, err error) {
	packed, err := t.ExpandAll(dir.Open(), 0, maxStream)
	if err != nil {
		return nil, western, err
	}
	b, err := Decompress(packed, maxSource)
	modules, page, cut := ParseDir(b)
	if err == nil {
		err = cut
	}
	return modules, page, err
}

// ParseDir reads an expanded dir stream. What was read before an error counts.
func ParseDir(b []byte) (modules []Module, page int, err error) {
	page = western
	var m Module
	for len(b) >= 6 {
		id, size := binary.LittleEndian.Uint16(b), int64(binary.LittleEndian.Uint32(b[2:]))
		if id == recVersion {
			size = 6 // its size is a constant that leaves out the minor version
		}
		if size > int64(len(b)-6) {
			return modules, page, fmt.Errorf("%w: a record of %d bytes", ErrFormat, size)
		}
		value := b[6 : 6+size]
		b = b[6+size:]
		switch {
		case id == recCodePage && size >= 2:
			page = int(binary.LittleEndian.Uint16(value))
		case id == recModule:
			m = Module{Name: charset.CodePage(page, value)}
		case id == recModuleUnicode:
			m.Name = fromUTF16(value)
		case id == recStream:
			m.stream = charset.CodePage(page, value)
		case id == recStreamUnicode:
			m.stream = fromUTF16(value)
		case id == recOffset && size >= 4:
			m.offset = binary.LittleEndian.Uint32(value)
		case id == recProcedural, id == recDocument:
			m.Class = id == recDocument
		case id == recModuleEnd && len(modules) < maxModules:
			modules = append(modules, m)
		}
	}
	return modules, page, nil
}

func fromUTF16(b []byte) string {
	units := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, binary.LittleEndian.Uint16(b))
	}
	return string(utf16.Decode(units))
}
