package ooxml

import (
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/unpack/office/markup"
)

// facts are elements of the core and extended properties (ECMA-376 part 2, 11,
// and part 1, 22.2) and the facts they become.
var facts = map[string]string{
	"title": "title", "subject": "subject", "creator": "author", "keywords": "keywords", "description": "description", "category": "category",
	"lastModifiedBy": "last_modified_by", "created": "created", "modified": "modified",
	"Application": "application", "Company": "company", "Manager": "manager", "Template": "template", "HyperlinkBase": "hyperlink_base",
}

func (d *document) properties() {
	for _, kind := range [...]string{"core-properties", "extended-properties"} {
		for _, p := range d.related("", kind) {
			d.scanProperties(p.Name)
		}
	}
	d.scanProperties("docProps/core.xml")
	d.scanProperties("docProps/app.xml")
	if len(d.zip.Under("_xmlsignatures/")) > 0 {
		d.t.Fact("signed", "true")
	}
}

func (d *document) scanProperties(name string) {
	element, value := "", strings.Builder{}
	for _, p := range d.zip.Named(name) {
		d.scan(p, func(s *markup.Scanner) {
			switch s.Kind {
			case markup.Start:
				element = s.Name
				value.Reset()
			case markup.Text:
				if value.Len() < maxShown {
					value.Write(s.Text)
				}
			case markup.End:
				d.property(element, value.String())
				element = ""
			}
		})
	}
}

func (d *document) property(element, value string) {
	if name, known := facts[element]; known {
		d.t.Fact(name, value)
	}
	if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && n > 0 && n < 1<<20 && element == "Pages" {
		d.t.Part.Pages = n
	}
}
