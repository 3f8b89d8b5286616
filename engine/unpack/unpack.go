// Package unpack opens attachments: it unlocks, unpacks and reads them, and what
// is inside them, as deep as the budget of the mail allows.
//
// Readers of formats stand in packages of their own below it; the table in
// readers.go says which reads what. A reader sees one file and tells what it
// finds to its task.Task; this package runs readers on a file, then on its
// members, then on theirs. It writes no file: what comes out of containers goes
// to a task.Store.
//
// Everything it reads comes from attackers. Readers may panic, spin or eat
// memory: Unpacker catches panics, and package worker runs a whole Unpacker in a
// process of its own, where the rest costs one attachment.
package unpack

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/sealed"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// Config says how to unpack. The zero value works.
type Config struct {
	Limits engine.Limits
	Keys   sealed.Keys
	Store  task.Store // of what comes out of containers; nil: memory, and temporary files above Limits.Leaf
}

// Unpacker implements engine.Unpacker in the process it is called in. It is safe
// for concurrent use if its Store is.
type Unpacker struct{ cfg Config }

var _ engine.Unpacker = (*Unpacker)(nil)

// New returns an Unpacker.
func New(cfg Config) *Unpacker {
	cfg.Limits = cfg.Limits.WithDefaults()
	if cfg.Store == nil {
		cfg.Store = spools{cfg.Limits.Leaf}
	}
	return &Unpacker{cfg}
}

// spools keep small contents in memory and large ones in temporary files.
type spools struct{ threshold int }

func (s spools) Create() task.Place { return &engine.Spool{Threshold: s.threshold} }

// Wants implements engine.Unpacker.
func (u *Unpacker) Wants(part *engine.Part) bool { return Wants(part) }

// Wants tells whether there is a reader for a part of a mail. Texts are read by
// the parser of mails already; of those only pages are looked into.
func Wants(part *engine.Part) bool {
	r, known := readers[part.FileType]
	return known && part.Size > 0 && !r.textOnly
}

// Unpack implements engine.Unpacker. Its error is that of ctx.
func (u *Unpacker) Unpack(ctx context.Context, part *engine.Part, keys []engine.Candidate, budget *engine.Budget) ([]engine.Defect, error) {
	j := &job{cfg: u.cfg, keys: task.NewKeyring(keys), budget: budget, known: map[content]*engine.Part{}}
	j.open(ctx, part, 1)
	if err := ctx.Err(); err != nil {
		return j.defects, fmt.Errorf("unpack %s: %w: %w", part.Path, engine.ErrTemporary, err)
	}
	return j.defects, nil
}

// job is the work on one attachment and what is inside it.
type job struct {
	cfg     Config
	keys    *task.Keyring
	budget  *engine.Budget
	defects []engine.Defect
	known   map[content]*engine.Part // what was read already
}

// content is what makes two parts the same to a reader.
type content struct{ sha256, kind string }

// open reads a part, then its members.
func (j *job) open(ctx context.Context, part *engine.Part, depth int) {
	r, known := readers[part.FileType]
	if !known || part.Size == 0 {
		return
	}
	id := content{part.SHA256, part.FileType}
	if before := j.known[id]; before != nil && id.sha256 != "" {
		j.adopt(part, before)
		return
	}
	j.known[id] = part
	j.read(ctx, part, r)
	for _, child := range part.Children {
		if ctx.Err() != nil || j.budget.Bytes <= 0 {
			return
		}
		if depth >= j.budget.Depth && holdsMembers(child.FileType) {
			j.defects = append(j.defects, engine.LimitDefect(engine.DefectNesting, child.Path, "containers nest deeper than %d", j.budget.Depth))
			continue
		}
		j.open(ctx, child, depth+1)
	}
}

// adopt gives a part what the same bytes came to in another place: no password is
// tried twice on one file. Members count again, since they are parts again.
func (j *job) adopt(part, before *engine.Part) {
	path, raw, name, ext, blob := part.Path, part.RawName, part.FileName, part.FileExtension, part.Content
	*part = *before
	part.Path, part.RawName, part.FileName, part.FileExtension, part.Content = path, raw, name, ext, blob
	part.Children = nil
	for _, c := range before.Children {
		if j.budget.Members--; j.budget.Members < 0 {
			j.capped(engine.LimitDefect(engine.DefectMembers, path, "more than %d members in the attachments of this mail", j.cfg.Limits.Members))
			return
		}
		twin := *c
		twin.Path = path + strings.TrimPrefix(c.Path, before.Path)
		j.adopt(&twin, c)
		part.Children = append(part.Children, &twin)
	}
}

// capped notes a defect once.
func (j *job) capped(d engine.Defect) {
	if !slices.ContainsFunc(j.defects, func(o engine.Defect) bool { return o.Code == d.Code }) {
		j.defects = append(j.defects, d)
	}
}

func holdsMembers(kind string) bool {
	r, known := readers[kind]
	return known && r.container
}

// read runs a reader. A panic in it is a defect of the part.
func (j *job) read(ctx context.Context, part *engine.Part, r reader) {
	t := task.New(part, j.cfg.Limits, j.keys, j.budget, j.cfg.Store)
	var err error
	defer func() {
		if p := recover(); p != nil {
			err = task.Troublef(engine.DefectUnpackCrash, "reading %s: %.200s", part.FileType, fmt.Sprint(p))
		}
		j.defects = append(j.defects, t.Finish(err)...)
	}()
	if r.keyed != nil {
		err = r.keyed(j.cfg.Keys, ctx, t)
		return
	}
	err = r.read(ctx, t)
}
