package ooxml

import (
	"fmt"

	"github.com/tqmailrules/tqmailrules/engine/unpack/office/markup"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/zipped"
)

const maxSlides = 2000

// presentation reads slides in their order, each with its notes.
func (d *document) presentation(main *zipped.Part) {
	var order []string
	d.scan(main, func(s *markup.Scanner) {
		if s.Kind == markup.Start && s.Name == "sldId" && len(order) < maxSlides {
			order = append(order, s.RefAttr("id"))
		}
	})
	n := 0
	for _, id := range order {
		if r := d.rel(main.Name, id); r != nil && !r.external {
			n++
			d.slide(d.zip.Find(r.target), n)
		}
	}
	for _, p := range d.zip.Under("ppt/slides/") {
		if p.Ext() == "xml" && d.Open(p) {
			d.book.Add("unlisted_slides", p.Name)
			n++
			d.slide(p, n)
		}
	}
	d.t.Part.Pages = n
}

func (d *document) slide(p *zipped.Part, n int) {
	if p == nil {
		return
	}
	d.flow(p, fmt.Sprintf("slide %d", n))
	for _, kind := range [...]string{"diagramData", "chart"} {
		for _, drawn := range d.related(p.Name, kind) {
			d.flow(drawn, fmt.Sprintf("slide %d, %s", n, kind))
		}
	}
	for _, notes := range d.related(p.Name, "notesSlide") {
		d.flow(notes, fmt.Sprintf("slide %d, notes", n))
	}
	for _, comments := range d.related(p.Name, "comments") {
		d.flow(comments, fmt.Sprintf("slide %d, comments", n))
	}
}
