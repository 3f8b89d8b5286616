package legacy

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/crypt"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/object"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/remark"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/vba"
	"github.com/tqmailrules/tqmailrules/internal/cfb"
)

// Records (MS-PPT 2.13.24).
const (
	rtDocument         = 0x03e8
	rtSlide            = 0x03ee
	rtNotes            = 0x03f0
	rtNotesAtom        = 0x03f1
	rtSlidePersist     = 0x03f3
	rtMainMaster       = 0x03f8
	rtTextChars        = 0x0fa0
	rtTextBytes        = 0x0fa8
	rtCString          = 0x0fba
	rtHyperlinkAtom    = 0x0fd3
	rtHyperlink        = 0x0fd7
	rtTextInteractive  = 0x0fdf
	rtInteractive      = 0x0ff3
	rtSlideList        = 0x0ff0
	rtUserEdit         = 0x0ff5
	rtOleStorage       = 0x1011
	rtPersistDirectory = 0x1772
	rtCryptSession     = 0x2f14

	tokenEncrypted = 0xf3d1c4df
	listSlides     = 0
	listNotes      = 2
	maxEdits       = 1000
	maxPersist     = 1 << 20
	maxSlides      = 2000
	maxStorage     = 64 << 20
	maxAtoms       = 1 << 20
	containerDepth = 32
)

// deck is a presentation that is read.
type deck struct {
	d       *document
	b       []byte
	offsets map[uint32]uint32 // of persist objects
	session uint32            // the persist object that describes the encryption; 0 when there is none
	order   []uint32          // persist objects in the order in which the directories name them
	told    map[uint32]bool   // offsets of slides that were read
	atoms   int
	decoded int // bytes of text that were looked at: overlapping records could be without end
	links   []deckLink
	text    []byte            // the last text, in UTF-16
	ref     uint32            // the last link that was referred to
	shown   map[uint32]string // what shows a link, by its number
}

// deckLink is a link of the document; texts refer to it by its number.
type deckLink struct {
	id            uint32
	target, label string
}

// atom is a record and where its body stands.
type atom struct {
	kind, instance int
	container      bool
	body           []byte
	at             int // offset of the body
}

// atomAt reads the header at an offset (MS-PPT 2.3.1); a body that leads out of
// the stream ends there.
func atomAt(b []byte, off int64) (a atom, end int64, ok bool) {
	if off < 0 || off+8 > int64(len(b)) {
		return a, off, false
	}
	version := binary.LittleEndian.Uint16(b[off:])
	a.kind, a.instance, a.container = int(binary.LittleEndian.Uint16(b[off+2:])), int(version>>4), version&0xf == 0xf
	end = min(off+8+int64(binary.LittleEndian.Uint32(b[off+4:])), int64(len(b)))
	a.body, a.at = b[off+8:end], int(off+8)
	return a, end, true
}

// presentation reads a presentation.
func (d *document) presentation(folder *cfb.Folder, s *cfb.Stream) error {
	b, err := d.bytes(s)
	if err != nil {
		return err
	}
	p := &deck{d: d, b: b, offsets: map[uint32]uint32{}, told: map[uint32]bool{}, shown: map[uint32]string{}}
	user, err := d.bytes(folder.Stream("Current User"))
	if err != nil {
		return err
	}
	p.edits(user)
	if at(user, 12).u32() == tokenEncrypted || p.session != 0 {
		if err := p.decrypt(); err != nil {
			return err
		}
	}
	p.read()
	d.t.Text.Break()
	return nil
}

// edits follows the saves of the presentation, the latest first; what it says of
// a persist object counts (MS-PPT 2.1.2).
func (p *deck) edits(user []byte) {
	off := at(user, 16).u32()
	seen := map[uint32]bool{}
	for n := 0; n < maxEdits && off != 0 && !seen[off]; n++ {
		seen[off] = true
		a, _, ok := atomAt(p.b, int64(off))
		if !ok || a.kind != rtUserEdit {
			return
		}
		c := &cursor{b: a.body}
		c.take(8)
		last, directory := c.u32(), c.u32()
		c.take(12)
		if session := c.u32(); !c.cut && p.session == 0 {
			p.session = session
		}
		p.directory(directory)
		off = last
	}
}

// directory reads where persist objects stand.
func (p *deck) directory(off uint32) {
	a, _, ok := atomAt(p.b, int64(off))
	if !ok || a.kind != rtPersistDirectory {
		return
	}
	c := &cursor{b: a.body}
	for c.left() >= 4 && len(p.offsets) < maxPersist {
		head := c.u32()
		id, n := head&0xfffff, head>>20
		for i := range n {
			where := c.u32()
			if _, known := p.offsets[id+i]; !c.cut && !known {
				p.offsets[id+i] = where
				p.order = append(p.order, id+i)
			}
		}
	}
}

// decrypt opens an encrypted presentation: each persist object has a key of its
// own (MS-PPT 2.3.7, MS-OFFCRYPTO 2.3.5.1).
func (p *deck) decrypt() error {
	p.d.t.Part.Encrypted = true
	a, _, ok := atomAt(p.b, int64(p.offsets[p.session]))
	if !ok || a.kind != rtCryptSession {
		return p.d.locked(fmt.Errorf("%w: the presentation does not say how", crypt.ErrFormat))
	}
	scheme, err := crypt.ParseRC4(a.body)
	if err := p.d.unlock(wellKnownDeck, scheme, err); err != nil {
		return err
	}
	done, spare := map[uint32]bool{}, 2*int64(len(p.b)) // honest objects overlap nowhere
	for _, id := range p.order {
		off := p.offsets[id]
		if id == p.session || done[off] || int64(off)+8 > int64(len(p.b)) {
			continue
		}
		done[off] = true
		head := bytes.Clone(p.b[off : off+8])
		scheme.Decrypt(head, 0, int64(len(p.b)), id)
		size := min(int64(binary.LittleEndian.Uint32(head[4:]))+8, int64(len(p.b))-int64(off))
		if spare -= size; spare < 0 {
			p.d.t.Defect(engine.DefectLying, "encrypted objects of the presentation overlap")
			return nil
		}
		scheme.Decrypt(p.b[off:int64(off)+size], 0, int64(len(p.b)), id)
	}
	return nil
}

// read visits the document, then its slides in their order, then what neither
// names.
func (p *deck) read() {
	slides, notes := p.document()
	for i := range notes {
		notes[i].slide = p.slideOf(notes[i])
	}
	for i, s := range slides {
		p.page(s, fmt.Sprintf("slide %d", i+1))
		for _, n := range notes {
			if n.slide == s.slide {
				p.page(n, fmt.Sprintf("slide %d, notes", i+1))
			}
		}
	}
	p.d.t.Part.Pages = len(slides)
	p.rest()
	p.tellLinks()
}

// page is a slide or its notes.
type page struct {
	persist uint32
	slide   uint32 // the identifier of a slide
	texts   []string
}

// slideOf is the slide that notes belong to (MS-PPT 2.5.12).
func (p *deck) slideOf(notes page) (slide uint32) {
	a, _, ok := atomAt(p.b, int64(p.offsets[notes.persist]))
	if ok && a.kind == rtNotes {
		if first, _, ok := atomAt(a.body, 0); ok && first.kind == rtNotesAtom {
			return at(first.body, 0).u32()
		}
	}
	return 0
}

// document reads the lists of slides and notes, links, and embedded objects.
func (p *deck) document() (slides, notes []page) {
	for _, id := range p.order {
		a, _, ok := atomAt(p.b, int64(p.offsets[id]))
		if !ok || a.kind != rtDocument {
			continue
		}
		p.told[p.offsets[id]] = true
		p.children(a.body, 0, func(c atom) bool {
			switch c.kind {
			case rtSlideList:
				pages := p.list(c.body)
				if c.instance == listSlides {
					slides = append(slides, pages...)
				}
				if c.instance == listNotes {
					notes = append(notes, pages...)
				}
				return false
			case rtHyperlink:
				p.link(c.body)
				return false
			}
			return true
		})
	}
	return slides, notes
}

// children visits the records in a body, and those inside containers for which
// visit returns true.
func (p *deck) children(b []byte, depth int, visit func(a atom) bool) {
	for off := int64(0); depth < containerDepth; {
		a, end, ok := atomAt(b, off)
		if p.atoms++; !ok || p.atoms > maxAtoms || p.decoded > 2*len(p.b) || p.d.ctx.Err() != nil {
			return
		}
		if visit(a) && a.container {
			p.children(a.body, depth+1, visit)
		}
		off = end
	}
}

// list reads the pages of a list and the outline text of each (MS-PPT 2.4.14.3).
func (p *deck) list(b []byte) []page {
	var pages []page
	p.children(b, 0, func(a atom) bool {
		n := len(pages)
		switch {
		case a.kind == rtSlidePersist && n < maxSlides:
			c := &cursor{b: a.body}
			s := page{persist: c.u32()}
			c.take(8)
			s.slide = c.u32()
			pages = append(pages, s)
		case n > 0:
			if text, ok := p.textOf(a); ok {
				pages[n-1].texts = append(pages[n-1].texts, text)
			}
		}
		return true
	})
	return pages
}

// textOf is the text of a record that is one. What refers to a stretch of the
// last text is noted.
func (p *deck) textOf(a atom) (string, bool) {
	if a.kind == rtTextChars || a.kind == rtTextBytes {
		p.decoded += len(a.body)
	}
	switch a.kind {
	case rtTextChars:
		p.text = a.body
		return wide(a.body), true
	case rtTextBytes:
		p.text = make([]byte, 2*len(a.body))
		for i, c := range a.body {
			p.text[2*i] = c
		}
		return narrowText(a.body), true
	case rtInteractive:
		p.ref = at(a.body, 4).u32()
	case rtTextInteractive:
		from, to := int64(at(a.body, 0).u32())*2, int64(at(a.body, 4).u32())*2
		if from < to && to <= int64(len(p.text)) && len(p.shown) < maxSlides {
			p.shown[p.ref] = wide(p.text[from:min(to, from+maxShown)])
		}
	}
	return "", false
}

// page tells the outline text of a page, then what is drawn on it.
func (p *deck) page(s page, place string) {
	p.d.t.Text.Break()
	p.d.t.Text.At(place)
	for _, text := range s.texts {
		p.line(text)
	}
	off, known := p.offsets[s.persist]
	if !known || p.told[off] {
		return
	}
	p.told[off] = true
	if a, _, ok := atomAt(p.b, int64(off)); ok && (a.kind == rtSlide || a.kind == rtNotes) {
		p.drawn(a.body)
	}
}

func (p *deck) drawn(b []byte) {
	p.children(b, 0, func(a atom) bool {
		if text, ok := p.textOf(a); ok {
			p.line(text)
		}
		return true
	})
}

// line tells a paragraph or several (MS-PPT 2.9.42).
func (p *deck) line(text string) {
	p.d.t.Text.Line(strings.Map(func(r rune) rune {
		switch {
		case r == '\r' || r == 0x0b:
			return '\n'
		case r < ' ' && r != '\t':
			return -1
		}
		return r
	}, text))
}

// link reads an ExHyperlinkContainer: its number, a label, where it leads, and
// the place there (MS-PPT 2.10.16).
func (p *deck) link(b []byte) {
	var l deckLink
	p.children(b, 0, func(a atom) bool {
		switch {
		case a.kind == rtHyperlinkAtom:
			l.id = at(a.body, 0).u32()
		case a.kind == rtCString && a.instance == 0:
			l.label = wide(a.body[:min(len(a.body), maxContinue)])
		case a.kind == rtCString && a.instance == 1:
			l.target = wide(a.body[:min(len(a.body), maxContinue)])
		}
		return true
	})
	if len(p.links) < maxSlides {
		p.links = append(p.links, l)
	}
}

// tellLinks tells where links lead: what the text shows of one, else its label.
func (p *deck) tellLinks() {
	for _, l := range p.links {
		shown := p.shown[l.id]
		if shown == "" {
			shown = l.label
		}
		p.d.t.Link(l.target, shown)
		if !strings.Contains(l.target, "://") && !strings.HasPrefix(strings.ToLower(l.target), "mailto:") {
			p.d.book.Add(remark.External, l.target)
		}
	}
}

// rest visits the persist objects that nothing has led to: embedded objects, and
// slides that no list names; and where there are no persist objects, everything.
func (p *deck) rest() {
	if len(p.offsets) == 0 {
		p.d.t.Defect(engine.DefectLying, "the presentation has no directory; its text is read as it lies")
		p.children(p.b, 0, func(a atom) bool {
			if text, ok := p.textOf(a); ok {
				p.line(text)
			}
			p.storage(a)
			return a.kind != rtMainMaster
		})
		return
	}
	for _, id := range p.order {
		off := p.offsets[id]
		if p.told[off] {
			continue
		}
		p.told[off] = true
		a, _, ok := atomAt(p.b, int64(off))
		if !ok {
			continue
		}
		p.storage(a)
		if a.kind == rtSlide || a.kind == rtNotes {
			p.d.t.Text.Break()
			p.d.t.Text.At("unlisted")
			p.drawn(a.body)
		}
	}
}

// storage reads an embedded object or a macro project (MS-PPT 2.10.34); one that
// is compressed begins with its size.
func (p *deck) storage(a atom) {
	if a.kind != rtOleStorage {
		return
	}
	b := a.body
	if a.instance == 1 && len(b) > 4 {
		z, err := zlib.NewReader(bytes.NewReader(b[4:]))
		if err != nil {
			p.d.t.Defect(engine.DefectUnreadable, "embedded object: %.200s", err)
			return
		}
		b, err = p.d.t.ExpandAll(io.Reader(z), int64(len(a.body)), maxStorage)
		if err != nil && len(b) == 0 {
			p.d.t.Defect(engine.DefectUnreadable, "embedded object: %.200s", err)
			return
		}
	}
	name := fmt.Sprintf("object%d", a.at)
	f, err := cfb.Open(bytes.NewReader(b), int64(len(b)))
	if err == nil && vba.Read(p.d.t, &p.d.book, name, f.Root) {
		return
	}
	if err := object.Read(p.d.t, &p.d.book, name, bytes.NewReader(b), int64(len(b))); err != nil {
		p.d.t.Cap(engine.DefectMembers, "%s", err)
	}
}
