// Package pdf reads PDF: its text in the order of its lines, where its links and
// actions lead, its scripts, form fields and embedded files, and what it says
// about itself. It opens encrypted files of every revision with a password.
//
// It is written for files that lie. The cross-reference counts, as it does for
// viewers, and objects that are not where it says are looked for in the bytes;
// streams are unpacked within the budget of the mail, and what came out of a
// broken one is read; every loop and every recursion has an end of its own. A
// password is right only when it fits the verifier of the file, so that a wrong
// one never makes garbage. It runs no script, follows no link, renders nothing
// and never reads text out of pictures: those it hands on.
//
// The way of a file: lex.go makes values of bytes, xref.go and file.go find
// objects, crypt.go and filter.go unlock and unpack them, content.go runs pages
// with the fonts of font.go, layout.go makes lines of glyphs, and survey.go looks
// into every object for links, actions and files.
package pdf

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

const (
	maxPages       = 2000
	maxTreeNodes   = 20_000 // of the tree of pages
	maxAnnotations = 2000   // of one page
	maxParts       = 5000   // streams of one page
	maxAreas       = 100    // links of one page whose text is collected
)

var _ task.Reader = Read

// Read is a task.Reader. A file that stays locked tells what it says in the clear.
func Read(ctx context.Context, t *task.Task) error { return Reader(nil)(ctx, t) }

// Reader is Read that shows the pictures on the pages to look, too, from the
// goroutine of the reading, each once. An error of it ends the reading.
func Reader(look func(context.Context, *task.Task, Image) error) task.Reader {
	return func(ctx context.Context, t *task.Task) error {
		b, err := t.Bytes(maxFile)
		if err != nil {
			return err
		}
		return newReading(ctx, t, b, look).read()
	}
}

// reading is what is known while a file is read.
type reading struct {
	t    *task.Task
	ctx  context.Context
	f    *file
	look func(context.Context, *task.Task, Image) error

	fonts     map[ref]*font
	fontCount int
	operators int
	forms     int
	notes     int // annotations
	acted     int // actions
	unmapped  int // glyphs of which nobody knows what they show
	hidden    bool

	linked   map[string]bool // targets and what is shown of them
	pictures map[ref]bool
	looked   int
	members  map[ref]bool
	values   map[string]bool   // of form fields, that were told
	scripts  map[[32]byte]bool // digests of those that were told
	err      error             // of look, or of an exhausted budget
}

func newReading(ctx context.Context, t *task.Task, b []byte, look func(context.Context, *task.Task, Image) error) *reading {
	return &reading{
		t: t, ctx: ctx, f: newFile(ctx, t, b), look: look, fonts: map[ref]*font{}, linked: map[string]bool{},
		pictures: map[ref]bool{}, members: map[ref]bool{}, values: map[string]bool{}, scripts: map[[32]byte]bool{},
	}
}

func (r *reading) read() error {
	r.version()
	f := r.f
	f.open()
	if len(f.entries) == 0 || f.trailer["Root"] == nil {
		f.rebuild()
	}
	if err := r.unlock(); err != nil {
		return err
	}
	if !f.usable() {
		f.rebuild()
		if err := r.unlock(); err != nil {
			return err
		}
		f.openStreams()
	}
	err := r.open()
	if ok, again := r.rescue(); ok {
		return again
	}
	return err
}

// unlock finds the key, unless it is known. A file of which only the embedded
// files are encrypted is read without them.
func (r *reading) unlock() error {
	if r.f.crypt != nil || r.f.closed {
		return nil
	}
	open, err := r.f.unlock(r.ctx)
	switch {
	case r.f.closed && errors.Is(err, task.ErrLocked): // what trying may cost is used up
		return nil
	case err == nil && !open && !r.f.closed:
		return task.ErrLocked
	}
	return err
}

// open reads a file whose key is known.
func (r *reading) open() error {
	r.info()
	r.pages()
	r.survey()
	r.fields()
	if r.hidden {
		r.t.Fact("hidden_text", "yes")
	}
	if r.unmapped > 0 {
		r.t.Fact("unmapped_glyphs", fmt.Sprint(r.unmapped))
	}
	switch {
	case r.ctx.Err() != nil:
		return fmt.Errorf("read pdf: %w", r.ctx.Err())
	case r.err != nil:
		return r.err
	case len(r.f.entries) == 0 && len(r.f.scan()) == 0:
		return task.Troublef(engine.DefectUnreadable, "it has no objects")
	case r.t.Part.Pages == 0 && r.t.Text.Len() == 0 && r.f.limit == nil:
		return task.Troublef(engine.DefectUnreadable, "it has no pages")
	}
	return r.f.limit
}

// version is what the head says; the catalogue may raise it.
func (r *reading) version() {
	if head, ok := strings.CutPrefix(string(r.f.b[:min(len(r.f.b), 12)]), "%PDF-"); ok {
		v := strings.TrimRight(head[:min(len(head), 3)], "\r\n\x00 ")
		r.t.Fact("pdf_version", v)
	}
}

// info tells the information dictionary (14.3.3).
func (r *reading) info() {
	d := r.f.dict(r.f.trailer["Info"])
	for _, row := range [...]struct {
		key  name
		fact string
	}{{"Title", "title"}, {"Author", "author"}, {"Subject", "subject"}, {"Keywords", "keywords"}, {"Creator", "creator"}, {"Producer", "producer"}} {
		r.t.Fact(row.fact, r.f.text(d[row.key]))
	}
	r.t.Fact("created", dateOf(r.f.text(d["CreationDate"])))
	r.t.Fact("modified", dateOf(r.f.text(d["ModDate"])))
}

// dateOf reads "D:20061231235959+01'00'" (7.9.4) and writes RFC 3339; what is no
// date stays as it is.
func dateOf(s string) string {
	digits := strings.NewReplacer("D:", "", "'", "").Replace(strings.TrimSpace(s))
	for _, layout := range [...]string{"20060102150405Z0700", "20060102150405-07", "20060102150405Z0000", "20060102150405", "200601021504", "20060102"} {
		if at, err := time.Parse(layout, digits); err == nil {
			return at.Format(time.RFC3339)
		}
	}
	return s
}

// pages walks the tree of pages (7.7.3) and reads each. Without a tree, objects
// that are pages count, in the order of their numbers.
func (r *reading) pages() {
	root := r.f.dict(r.f.trailer["Root"])
	w := &walk{r: r, seen: map[ref]bool{}}
	w.node(root["Pages"], dict{}, 0)
	if w.pages == 0 {
		w.strays()
	}
	r.t.Part.Pages = w.pages
	if w.pages > maxPages {
		r.f.capped(engine.DefectItems, "of %d pages the first %d are read", w.pages, maxPages)
	}
	if w.pages == 0 {
		r.loose()
	}
}

type walk struct {
	r            *reading
	seen         map[ref]bool
	nodes, pages int
}

// inherited are the attributes of a node that its pages have, too.
var inherited = [...]name{"Resources"}

func (w *walk) node(v any, above dict, depth int) {
	w.nodes++
	if id, ok := v.(ref); ok {
		if w.seen[id] {
			w.r.f.capped(engine.DefectNesting, "the tree of pages leads back to itself")
			return
		}
		w.seen[id] = true
	}
	d := w.r.f.dict(v)
	if d == nil || w.nodes > maxTreeNodes || depth > maxDepth || w.r.f.stopped() {
		return
	}
	own := dict{}
	for _, k := range inherited {
		if own[k] = d[k]; d[k] == nil {
			own[k] = above[k]
		}
	}
	kids := w.r.f.array(d["Kids"])
	if kids == nil || w.r.f.name(d["Type"]) == "Page" {
		w.page(d, own)
		return
	}
	for _, k := range kids {
		w.node(k, own, depth+1)
	}
}

func (w *walk) page(d, own dict) {
	if w.pages++; w.pages <= maxPages && !w.r.t.Text.Full() && w.r.err == nil {
		w.r.page(w.pages, d, own)
	}
}

// strays reads pages that no tree leads to.
func (w *walk) strays() {
	for _, num := range w.r.f.census("Page") {
		if d := w.r.f.dict(ref{num, 0}); !w.r.f.stopped() {
			w.page(d, d)
		}
	}
}

// loose runs the streams of a file without pages that look like content.
func (r *reading) loose() {
	out := &layout{text: &r.t.Text}
	for _, num := range r.f.census(untyped) {
		s := r.f.stream(ref{num, 0})
		if r.f.stopped() || r.t.Text.Full() {
			break
		}
		if s == nil || s.dict["Subtype"] != nil && r.f.name(s.dict["Subtype"]) != "Form" || s.dict["Length1"] != nil {
			continue
		}
		if b := r.f.script(s); looksLikeContent(b) {
			r.t.Text.At(fmt.Sprintf("object %d", num))
			newInterpreter(r, 0, out).run(b, nil)
			out.done()
		}
	}
}

func looksLikeContent(b []byte) bool {
	s := string(b[:min(len(b), 64<<10)])
	return strings.Contains(s, "BT") && (strings.Contains(s, "Tj") || strings.Contains(s, "TJ"))
}

// page reads one: its text, then its annotations.
func (r *reading) page(n int, d, own dict) {
	r.t.Text.At(fmt.Sprintf("page %d", n))
	notes := r.annotations(d)
	out := &layout{text: &r.t.Text}
	for _, a := range notes {
		if a.area != nil && len(out.areas) < maxAreas {
			out.areas = append(out.areas, a.area)
		}
	}
	in := newInterpreter(r, n, out)
	in.run(r.content(d["Contents"]), r.f.dict(own["Resources"]))
	out.done()
	out.areas = nil
	for _, a := range notes {
		if r.f.stopped() {
			break
		}
		r.annotation(n, a, out)
	}
	out.done()
}

// content joins the streams of a page: they are one, cut anywhere between words.
func (r *reading) content(v any) []byte {
	if s := r.f.stream(v); s != nil {
		return r.f.script(s)
	}
	var all []byte
	parts := r.f.array(v)
	for _, v := range parts[:min(len(parts), maxParts)] {
		if len(all) >= maxPage || r.f.limit != nil || r.f.content <= 0 {
			break
		}
		if s := r.f.stream(v); s != nil {
			all = append(append(all, r.f.script(s)...), '\n')
		}
	}
	return all
}
