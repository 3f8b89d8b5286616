// Package rar reads RAR archives of the generations 3, 4 and 5, their encrypted
// ones included.
//
// What a password costs is read from the headers before one is tried. A password
// is right when the first locked member has the checksum that the archive says:
// the check of generation 5 alone may be left out, and the headers of generation
// 4 have sixteen bits of it.
package rar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/nwaples/rardecode/v2"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive/codec"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive/member"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

var _ task.Reader = Read

// archive is one while it is read.
type archive struct {
	ctx   context.Context
	t     *task.Task
	shelf *member.Shelf
	r     *io.SectionReader
	facts facts
}

// Found tells whether an archive stands in a file, as in one that unpacks itself.
func Found(r io.ReaderAt, size int64) bool {
	_, generation := find(r, size)
	return generation != 0
}

// Read is a task.Reader.
func Read(ctx context.Context, t *task.Task) error {
	c, err := t.Content()
	if err != nil {
		return err
	}
	a := &archive{ctx: ctx, t: t, shelf: member.NewShelf(ctx, t), r: c, facts: survey(c, c.Size())}
	defer a.shelf.Close()
	t.Fact("comment", a.facts.comment)
	if a.facts.volume {
		a.shelf.Tell(engine.DefectUnsupported, "it is one volume of several")
	}
	password, locked, err := a.unlock()
	if err != nil {
		return err
	}
	if locked && a.facts.names {
		t.Fact("locked_names", "yes")
		return task.ErrLocked
	}
	return a.members(password, locked)
}

// open begins to read; an empty password is none.
func (a *archive) open(password string) (*rardecode.Reader, error) {
	options := []rardecode.Option{rardecode.MaxDictionarySize(codec.MaxWindow)}
	if password != "" {
		options = append(options, rardecode.Password(password))
	}
	if _, err := a.r.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("rar: %w", err)
	}
	var r *rardecode.Reader
	err := member.Guard(func() (err error) {
		r, err = rardecode.NewReader(a.r, options...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("rar: %w", err)
	}
	return r, nil
}

// unlock finds the password, if one is needed; locked is true when none was
// found.
func (a *archive) unlock() (password string, locked bool, err error) {
	if !a.facts.names && len(a.facts.locks) == 0 {
		return "", false, nil
	}
	units, err := a.facts.units()
	if err != nil {
		return "", true, err
	}
	if !a.facts.checked {
		units += a.r.Size() >> 12
	}
	ok, err := a.t.Unlock(a.ctx, units, nil, func(p string) (bool, error) {
		if !a.fits(p) {
			return false, nil
		}
		password = p
		return true, nil
	})
	if err != nil && !errors.Is(err, task.ErrLocked) {
		return "", true, fmt.Errorf("unlock rar: %w", err)
	}
	return password, !ok, nil
}

// fits reads the first locked member that has four bytes or more.
func (a *archive) fits(password string) bool {
	if password == "" {
		return false
	}
	r, err := a.open(password)
	if err != nil {
		return false
	}
	seen := false
	for range a.t.Limits.Members {
		h, err := next(r)
		if errors.Is(err, io.EOF) {
			return seen && a.facts.generation == 5 && a.facts.checked // 64 bits of check
		}
		seen = seen || err == nil && h.Encrypted
		if err != nil || a.ctx.Err() != nil {
			return false
		}
		if h.IsDir || !h.Encrypted || h.UnPackedSize < 4 && !h.UnKnownSize {
			continue
		}
		n, err := io.Copy(io.Discard, io.LimitReader(&member.Guarded{R: r}, a.t.Limits.Unpacked+1))
		return err == nil && n <= a.t.Limits.Unpacked
	}
	return false
}

func next(r *rardecode.Reader) (h *rardecode.FileHeader, err error) {
	err = member.Guard(func() error {
		h, err = r.Next()
		return err
	})
	return h, err
}

func (a *archive) members(password string, locked bool) error {
	r, err := a.open(password)
	if err != nil {
		return err
	}
	for {
		h, err := next(r)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case a.ctx.Err() != nil:
			return fmt.Errorf("read rar: %w", a.ctx.Err())
		case errors.Is(err, rardecode.ErrMultiVolume):
			return nil // said already
		case errors.Is(err, rardecode.ErrDictionaryTooLarge):
			return task.Troublef(engine.DefectUnpackMemory, "unpacking takes a dictionary of more than %d bytes", codec.MaxWindow)
		case err != nil:
			return fmt.Errorf("rar: %w", err)
		}
		if err := a.member(h, r, locked); err != nil {
			return err
		}
	}
}

func (a *archive) member(h *rardecode.FileHeader, r io.Reader, locked bool) error {
	name := strings.ToValidUTF8(h.Name, "\ufffd")
	switch {
	case h.LinkType != rardecode.LinkTypeNone:
		a.shelf.Link(name, strings.ToValidUTF8(h.LinkTarget, "\ufffd"))
		return nil
	case h.Mode()&fs.ModeSymlink != 0 && !(locked && h.Encrypted):
		target, _ := a.t.ExpandAll(&member.Guarded{R: r}, 0, 4096)
		a.shelf.Link(name, strings.ToValidUTF8(string(target), "\ufffd"))
		return nil
	case h.IsDir:
		return nil
	case locked && h.Encrypted:
		a.shelf.Keep(name)
		return nil
	}
	claim := member.Claim{Name: name, Packed: max(1, h.PackedSize), Size: h.UnPackedSize}
	if h.UnKnownSize {
		claim.Size = -1
	}
	if h.Solid {
		claim.Packed = 0
	}
	g := &member.Guarded{R: r}
	if err := a.shelf.Add(claim, &checked{g, a.shelf, name}); err != nil {
		return err
	}
	// The library would unpack what is left, for the next member, past the budget.
	if a.facts.solid && (h.UnKnownSize || g.N < h.UnPackedSize) {
		if err := a.shelf.Skip(g, 1<<62); errors.Is(err, engine.ErrLimit) {
			return err
		}
	}
	return nil
}

// checked makes a lying checksum a defect of its own, and an end before its time
// one of the content.
type checked struct {
	r     io.Reader
	shelf *member.Shelf
	name  string
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if errors.Is(err, rardecode.ErrBadFileChecksum) {
		c.shelf.Tell(engine.DefectLying, "member %.200q has another checksum than its archive says", c.name)
		err = io.EOF
	}
	return n, err
}
