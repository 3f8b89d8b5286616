// Package reading is the way of a reader through the parts of a zipped document:
// each is read once, and one that cannot be read ends nothing.
package reading

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/markup"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/object"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/remark"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/zipped"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// Reading knows which parts were read. It is for one goroutine.
type Reading struct {
	ctx  context.Context
	t    *task.Task
	read map[*zipped.Part]bool
	err  error
}

// New begins one.
func New(ctx context.Context, t *task.Task) *Reading {
	return &Reading{ctx: ctx, t: t, read: map[*zipped.Part]bool{}}
}

// Note keeps the first error but for markup that nests too deeply, which is a
// defect; reading goes on.
func (r *Reading) Note(err error) {
	switch {
	case err == nil:
	case errors.Is(err, markup.ErrDepth):
		r.t.Cap(engine.DefectDepth, "%s", err)
	case r.err == nil:
		r.err = err
	}
}

// Err is what has ended the reading: its context, or the first cap that ended a
// part.
func (r *Reading) Err() error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	return r.err
}

// Open tells whether a part is there and was not read yet.
func (r *Reading) Open(p *zipped.Part) bool { return p != nil && !r.read[p] && r.ctx.Err() == nil }

// Take is Open for a part that is read now.
func (r *Reading) Take(p *zipped.Part) bool {
	open := r.Open(p)
	if open {
		r.read[p] = true
	}
	return open
}

// Scan reads the tokens of a part, once. lies says in words what no program
// writes into its declarations, "" when there is nothing.
func (r *Reading) Scan(p *zipped.Part, lies func(*markup.Scanner) string, visit func(*markup.Scanner)) {
	if !r.Take(p) {
		return
	}
	r.Note(p.Read(func(in io.Reader) error {
		s := markup.New(in)
		for s.Next() {
			visit(s)
		}
		if lie := lies(s); lie != "" {
			r.t.Fact("doctype", p.Name)
			r.t.Defect(engine.DefectLying, "part %.200q declares %s", p.Name, lie)
		}
		return s.Err()
	}))
}

// Add takes a part out as a file of its own.
func (r *Reading) Add(p *zipped.Part) { r.Note(p.Add()) }

// Object takes out what an OLE object of up to max bytes holds.
func (r *Reading) Object(p *zipped.Part, book *remark.Book, max int64) {
	b, err := p.Bytes(max)
	r.Note(err)
	if len(b) > 0 {
		r.Note(object.Read(r.t, book, p.Name, bytes.NewReader(b), int64(len(b))))
	}
}
