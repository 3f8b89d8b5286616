// Package ooxml reads Office Open XML (ECMA-376): Word documents, workbooks in
// XML and in binary records, presentations.
//
// A package is read by what its relationships say, and what no relationship leads
// to is read afterwards: a reader of mail wants what is there, not what Word would
// show. Parts are read as a stream, once each. A part that hits a cap ends there;
// the others are read all the same.
package ooxml

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/markup"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/reading"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/remark"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/vba"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/zipped"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

const (
	maxRels     = 20_000   // of one package
	maxPictures = 50       // that become members
	maxOthers   = 50       // parts of no known use that become members
	maxObject   = 64 << 20 // bytes of an embedded object or a macro project
	maxWords    = 1 << 20  // bytes of a text that is held before it is told
	maxShown    = 1000     // bytes of what a link shows
	tooManyRels = "more than %d relationships"
)

// Is tells whether an archive holds a document that this package reads.
func Is(z *zipped.Archive) bool {
	return z.Find("[Content_Types].xml") != nil || z.Find("word/document.xml") != nil || z.Find("xl/workbook.xml") != nil || z.Find("xl/workbook.bin") != nil || z.Find("ppt/presentation.xml") != nil
}

// Read reads a package.
func Read(ctx context.Context, t *task.Task, z *zipped.Archive) error {
	d := &document{Reading: reading.New(ctx, t), t: t, zip: z, rels: map[string][]*rel{}, byID: map[relKey]*rel{}}
	d.readRels()
	d.properties()
	d.text()
	d.leftLinks()
	d.macros()
	d.members()
	d.book.Tell(t)
	return d.Err()
}

// document is a package that is read.
type document struct {
	*reading.Reading
	t    *task.Task
	zip  *zipped.Archive
	book remark.Book
	rels map[string][]*rel // by the name of their source, lower case
	byID map[relKey]*rel
}

// relKey is what a part calls a relationship.
type relKey struct{ source, id string }

// rel is a relationship.
type rel struct {
	id, kind string // the kind is the last step of its type
	target   string // a part of the package, or where it leads outside
	external bool
	told     bool // it became a link that shows something
}

// scan reads the tokens of a part, once.
func (d *document) scan(p *zipped.Part, visit func(s *markup.Scanner)) { d.Scan(p, lies, visit) }

func lies(s *markup.Scanner) string {
	if s.Doctype {
		return "a document type, which no office program writes"
	}
	return ""
}

// readRels reads all parts that hold relationships (ECMA-376 part 2, 9.3).
func (d *document) readRels() {
	n := 0
	for _, p := range d.zip.Parts {
		if p.Ext() != "rels" {
			continue
		}
		source := relSource(p.Name)
		d.scan(p, func(s *markup.Scanner) {
			if s.Kind != markup.Start || s.Name != "Relationship" {
				return
			}
			if n++; n == maxRels {
				d.t.Cap(engine.DefectLinks, tooManyRels, maxRels)
			}
			if n >= maxRels {
				return
			}
			r := newRel(s, source)
			d.rels[source] = append(d.rels[source], r)
			if key := (relKey{source, r.id}); d.byID[key] == nil && r.id != "" {
				d.byID[key] = r
			}
		})
	}
}

// relSource is the part whose relationships a part holds: "word/document.xml" of
// "word/_rels/document.xml.rels", "" of the package's own.
func relSource(name string) string {
	dir, file := path.Split(strings.ToLower(name))
	dir = strings.TrimSuffix(strings.TrimSuffix(dir, "/"), "_rels")
	return dir + strings.TrimSuffix(file, ".rels")
}

func newRel(s *markup.Scanner, source string) *rel {
	target := s.Attr("Target")
	r := &rel{id: s.Attr("Id"), kind: path.Base(s.Attr("Type")), target: target}
	r.external = strings.EqualFold(s.Attr("TargetMode"), "External") || strings.Contains(target, "://")
	if !r.external {
		target = strings.ReplaceAll(target, `\`, "/")
		if !strings.HasPrefix(target, "/") {
			target = path.Join(path.Dir(source), target)
		}
		r.target = strings.TrimPrefix(path.Clean(target), "/")
	}
	return r
}

func (d *document) relsOf(part string) []*rel { return d.rels[strings.ToLower(part)] }

// rel finds a relationship of a part by its identifier; nil when there is none.
func (d *document) rel(part, id string) *rel {
	return d.byID[relKey{strings.ToLower(part), id}]
}

// related lists the parts that a part refers to by relationships of a kind.
func (d *document) related(part, kind string) []*zipped.Part {
	var found []*zipped.Part
	for _, r := range d.relsOf(part) {
		if r.kind == kind && !r.external {
			found = append(found, d.zip.Named(r.target)...)
		}
	}
	return found
}

// main is the part that the package is about.
func (d *document) main() *zipped.Part {
	for _, p := range d.related("", "officeDocument") {
		return p
	}
	for _, name := range [...]string{"word/document.xml", "xl/workbook.xml", "xl/workbook.bin", "ppt/presentation.xml"} {
		if p := d.zip.Find(name); p != nil {
			return p
		}
	}
	return nil
}

func (d *document) text() {
	main := d.main()
	switch {
	case main == nil:
		d.t.Defect(engine.DefectUnreadable, "no document in the package")
	case main.Ext() == "bin":
		d.binaryWorkbook(main)
	case d.isUnder(main, "xl"):
		d.workbook(main)
	case d.isUnder(main, "ppt"):
		d.presentation(main)
	default:
		d.words(main)
	}
	d.drawings()
}

// isUnder tells what a main part is by its folder, which all programs keep to,
// and where that is another, by the parts beside it.
func (d *document) isUnder(main *zipped.Part, folder string) bool {
	dir, _, _ := strings.Cut(strings.ToLower(main.Name), "/")
	if dir == "word" || dir == "xl" || dir == "ppt" {
		return dir == folder
	}
	return map[string]bool{"xl": len(d.related(main.Name, "worksheet")) > 0, "ppt": len(d.related(main.Name, "slide")) > 0}[folder]
}

// drawings reads what is drawn and was not read yet: diagrams and charts.
func (d *document) drawings() {
	for _, p := range d.zip.Parts {
		name := strings.ToLower(p.Name)
		switch {
		case p.Ext() != "xml":
		case strings.Contains(name, "/diagrams/data"):
			d.flow(p, "diagram")
		case strings.Contains(name, "/charts/chart"):
			d.flow(p, "chart")
		}
	}
}

// leftLinks tells the relationships that lead outside and that no text shows.
func (d *document) leftLinks() {
	for _, p := range d.zip.Parts {
		if p.Ext() != "rels" {
			continue
		}
		for _, r := range d.rels[relSource(p.Name)] {
			switch {
			case !r.external || r.told:
			case r.kind == "hyperlink":
				d.book.Link(d.t, r.target, "")
			default:
				d.book.Outside(d.t, r.target)
			}
			r.told = true
		}
	}
}

func (d *document) macros() {
	projects := d.referred("vbaProject")
	for _, p := range d.zip.Parts {
		name := strings.ToLower(path.Base(p.Name))
		if strings.HasPrefix(name, "vbaprojectsignature") {
			d.t.Fact("macro_signature", "true")
		}
		if name == "vbaproject.bin" || projects[p] && p.Ext() != "xml" && p.Ext() != "rels" {
			d.readMacros(p)
		}
	}
}

// referred are the parts that any part refers to by relationships of some kinds.
func (d *document) referred(kinds ...string) map[*zipped.Part]bool {
	found := map[*zipped.Part]bool{}
	for _, rels := range d.rels {
		for _, r := range rels {
			if r.external || !slices.Contains(kinds, r.kind) {
				continue
			}
			for _, p := range d.zip.Named(r.target)[:min(1, len(d.zip.Named(r.target)))] {
				found[p] = true
			}
		}
	}
	return found
}

func (d *document) readMacros(p *zipped.Part) {
	if !d.Take(p) {
		return
	}
	b, err := p.Bytes(maxObject)
	d.Note(err)
	vba.ReadFile(d.t, &d.book, p.Name, b)
}

// members takes out what is embedded, then pictures, then what has no known use.
func (d *document) members() {
	objects := d.objects()
	pictures, others := 0, 0
	for _, p := range d.zip.Parts {
		if !d.Open(p) {
			continue
		}
		switch {
		case objects[p]:
			d.object(p)
		case strings.Contains(strings.ToLower(p.Name), "/media/"):
			if pictures++; isPicture(p.Ext()) && pictures <= maxPictures {
				d.Add(p)
			}
		case !isFurniture(p.Ext()):
			if others++; others <= maxOthers {
				d.Add(p)
			}
		}
	}
}

// objects are the parts that are files of their own.
func (d *document) objects() map[*zipped.Part]bool {
	found := d.referred("oleObject", "package", "aFChunk", "activeXControlBinary")
	for _, p := range d.zip.Parts {
		name := strings.ToLower(p.Name)
		if strings.Contains(name, "/embeddings/") && (p.Ext() == "bin" || !isFurniture(p.Ext())) || strings.Contains(name, "/activex/") && p.Ext() == "bin" {
			found[p] = true
		}
	}
	return found
}

// object takes out a file, or what an OLE object holds.
func (d *document) object(p *zipped.Part) {
	d.Take(p)
	if strings.HasSuffix(p.Ext(), "x") || strings.HasSuffix(p.Ext(), "m") || p.Ext() == "pdf" {
		d.Add(p)
		return
	}
	d.Object(p, &d.book, maxObject)
}

func isPicture(ext string) bool {
	switch ext {
	case "png", "jpg", "jpeg", "gif", "bmp", "webp", "tif", "tiff":
		return true
	}
	return false
}

// isFurniture names the parts that every package has and that hold nothing.
func isFurniture(ext string) bool {
	switch ext {
	case "xml", "rels", "vml", "bin", "emf", "wmf", "odttf", "fntdata", "png", "jpg", "jpeg", "gif", "psmdcp", "data", "sigs", "":
		return true
	}
	return false
}
