// Package odf reads OpenDocument (ISO/IEC 26300): texts, sheets, presentations and
// drawings, encrypted ones included.
//
// A document is a ZIP archive whose manifest says of each part how it is
// encrypted, if it is: every part has a key of its own, made from the password at
// some cost. Parts are decrypted when they are read, what matters most first, and
// there is an end to how much work that may be.
package odf

import (
	"context"
	"path"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/unpack/office/markup"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/reading"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/remark"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/vba"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/zipped"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

const (
	maxPictures = 50
	maxOthers   = 50
	maxPart     = 64 << 20 // bytes of a part that is held in memory
	maxShown    = 1000
)

// Is tells whether an archive is an OpenDocument file.
func Is(z *zipped.Archive) bool {
	return z.Find("META-INF/manifest.xml") != nil && (z.Find("content.xml") != nil || z.Find(wholePart) != nil || z.Find("mimetype") != nil)
}

// Read reads a document.
func Read(ctx context.Context, t *task.Task, z *zipped.Archive) error {
	d := &document{Reading: reading.New(ctx, t), t: t, zip: z, hidden: map[string]bool{}}
	inner, err := d.unlock(ctx)
	switch {
	case err != nil:
		return err
	case inner != nil:
		return Read(ctx, t, inner)
	}
	d.meta()
	d.flow("content.xml", "body")
	d.flow("styles.xml", "header")
	d.objects()
	d.macros()
	d.members()
	d.book.Tell(t)
	return d.Err()
}

type document struct {
	*reading.Reading
	t      *task.Task
	zip    *zipped.Archive
	book   remark.Book
	hidden map[string]bool // styles that hide what has them
}

// scan reads the tokens of a part, once.
func (d *document) scan(p *zipped.Part, visit func(s *markup.Scanner)) { d.Scan(p, lies, visit) }

// lies tells of entities; a mere name of a type is in the parts that hold Basic, and
// was in more.
func lies(s *markup.Scanner) string {
	if s.Subset {
		return "entities, which no office program does"
	}
	return ""
}

// facts are elements of meta.xml and what they become.
var facts = map[string]string{
	"title": "title", "subject": "subject", "description": "description", "keyword": "keywords", "initial-creator": "author",
	"creator": "last_modified_by", "creation-date": "created", "date": "modified", "generator": "application",
}

func (d *document) meta() {
	element, value := "", strings.Builder{}
	for _, p := range d.zip.Named("meta.xml") {
		d.scan(p, func(s *markup.Scanner) {
			switch s.Kind {
			case markup.Start:
				element = s.Name
				value.Reset()
				d.metaElement(s)
			case markup.Text:
				appendTo(&value, string(s.Text), maxShown)
			case markup.End:
				if name, known := facts[element]; known {
					d.t.Fact(name, value.String())
				}
				element = ""
			}
		})
	}
	if len(d.zip.Named("META-INF/documentsignatures.xml")) > 0 {
		d.t.Fact("signed", "true")
	}
}

func (d *document) metaElement(s *markup.Scanner) {
	if n, err := strconv.Atoi(s.Attr("page-count")); err == nil && n > 0 && n < 1<<20 {
		d.t.Part.Pages = n
	}
	if s.Name == "template" {
		d.t.Fact("template", s.Attr("href"))
		if strings.Contains(s.Attr("href"), "://") {
			d.book.Outside(d.t, s.Attr("href"))
		}
	}
}

// objects reads documents inside the document: each has a folder of its own.
func (d *document) objects() {
	for _, p := range d.zip.Parts {
		if dir, base := path.Split(p.Name); dir != "" && strings.EqualFold(base, "content.xml") {
			d.flow(p.Name, strings.TrimSuffix(dir, "/"))
		}
	}
}

// macros takes out Basic modules, which are texts in XML, and scripts.
func (d *document) macros() {
	for _, p := range d.zip.Parts {
		dir, _, _ := strings.Cut(strings.ToLower(p.Name), "/")
		switch {
		case dir == "basic" && p.Ext() == "xml":
			d.module(p)
		case dir == "scripts" && d.Take(p):
			d.t.Part.HasMacros = true
			d.Add(p)
		}
	}
}

// module makes a member of a Basic module.
func (d *document) module(p *zipped.Part) {
	inside, source := false, strings.Builder{}
	d.scan(p, func(s *markup.Scanner) {
		switch {
		case s.Kind == markup.Start && s.Name == "module":
			inside = true
		case s.Kind == markup.Text && inside:
			appendTo(&source, string(s.Text), d.t.Limits.Text)
		}
	})
	if !inside {
		return
	}
	d.t.Part.HasMacros = true
	for _, auto := range vba.AutoNames(source.String()) {
		d.book.Add(remark.Auto, auto)
	}
	m, err := d.t.AddBytes(strings.TrimSuffix(p.Name, path.Ext(p.Name))+".bas", []byte(source.String()))
	if d.Note(err); m != nil {
		m.FileType, m.Text, m.Opened = "vba", source.String(), true
	}
}

// members takes out embedded objects, pictures, and what has no known use.
func (d *document) members() {
	pictures, others := 0, 0
	for _, p := range d.zip.Parts {
		if !d.Open(p) {
			continue
		}
		name := strings.ToLower(p.Name)
		switch {
		case strings.HasPrefix(name, "pictures/") || strings.Contains(name, "/pictures/"):
			if pictures++; pictures <= maxPictures && p.Ext() != "emf" && p.Ext() != "wmf" && p.Ext() != "svm" {
				d.Add(p)
			}
		case isFurniture(name):
		default:
			if others++; others <= maxOthers {
				d.object(p)
			}
		}
	}
}

func isFurniture(name string) bool {
	for _, prefix := range [...]string{"meta-inf/", "mimetype", "thumbnails/", "configurations2/", "objectreplacements/", "fonts/", "versions/", "layout-cache", "settings.xml", "manifest.rdf", "dialogs/", "basic/"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	ext := path.Ext(name)
	return ext == ".xml" || ext == ".rdf"
}

func (d *document) object(p *zipped.Part) {
	d.Take(p)
	if path.Ext(p.Name) != "" {
		d.Add(p)
		return
	}
	d.Object(p, &d.book, maxPart)
}
