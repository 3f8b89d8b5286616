// Package zipfile reads ZIP archives of people who do not want them to be read:
// with and without a directory, with something before or behind them, with
// members that the directory hides, headers that contradict each other, and
// members locked with ZipCrypto or WinZip's AES, each with a password of its own.
//
// The directory counts, as it does for Explorer and 7-Zip; what local headers
// tell beside it is read, too, and told. A password is right when it fits the
// check of the format and what comes out has the checksum, or the authentication
// code, that the archive says, which a wrong one does at most once in 2^32.
//
// Of an archive whose members share bytes, four times its size is read at most.
package zipfile

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive/member"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/charset"
)

var _ task.Reader = Read

// maxOverlap is how many times its own size an archive is read whose members
// share bytes.
const maxOverlap = 4

// maxScan is how many times its own size an archive is searched for members.
const maxScan = 8

// archive is one while it is read.
type archive struct {
	ctx     context.Context
	t       *task.Task
	shelf   *member.Shelf
	r       io.ReaderAt
	size    int64
	entries []*entry
	found   []*entry // that no directory lists
	cut     bool     // the directory was read in part: what it lists is not known
	locks   locks
	scan    int64 // bytes that may still be read to find members that no directory lists
	checks  int64 // bytes that checking passwords outside of Unlock may still unpack
}

// Found tells whether a file has a directory at its end, without reading it.
func Found(r io.ReaderAt, size int64) bool {
	a := &archive{r: r, size: size}
	d, ok := a.findDirectory()
	return ok && d.count > 0
}

// Read is a task.Reader.
func Read(ctx context.Context, t *task.Task) error {
	c, err := t.Content()
	if err != nil {
		return err
	}
	a := &archive{ctx: ctx, t: t, shelf: member.NewShelf(ctx, t), r: c, size: c.Size(), checks: t.Limits.Unpacked}
	a.scan = maxScan*a.size + 1<<20
	defer a.shelf.Close()
	if err := a.survey(); err != nil {
		return err
	}
	return a.members()
}

// survey finds the members.
func (a *archive) survey() error {
	d, listed := a.findDirectory()
	if listed {
		a.list(d)
		a.tellDirectory(d)
		decodeNames(a.entries)
		for _, e := range a.entries {
			a.locate(e)
		}
	}
	if !a.cut {
		a.strays(d, listed)
	}
	decodeNames(a.found)
	if d.several {
		a.shelf.Tell(engine.DefectUnsupported, "it is one volume of several")
	}
	switch {
	case len(a.found) == 0 && !listed:
		return task.Troublef(engine.DefectUnreadable, "zip: neither a directory nor a member was found")
	case !listed:
		a.shelf.Tell(engine.DefectUnreadable, "the archive has no directory; %d members were found without it", len(a.found))
	case len(a.found) > 0:
		a.t.Fact("hidden_members", strconv.Itoa(len(a.found)))
		a.shelf.Tell(engine.DefectLying, "%d members are not in the directory, the first is %.200q", len(a.found), a.found[0].name)
	}
	a.entries = append(a.entries, a.found...)
	return nil
}

// tellDirectory notes what stands around the members.
func (a *archive) tellDirectory(d directory) {
	comment := d.comment
	if !utf8.ValidString(comment) {
		comment, _ = charset.ToUTF8("cp437", []byte(comment), charset.Detect)
	}
	a.t.Fact("comment", comment)
	if d.base > 0 {
		a.t.Fact("prepended_bytes", strconv.FormatInt(d.base, 10))
	}
	if after := a.size - d.end; after > 0 {
		a.t.Fact("appended_bytes", strconv.FormatInt(after, 10))
	}
}

// members reads them in the order of the directory.
func (a *archive) members() error {
	budget := int64(-1)
	if e, shared := overlaps(byPlace(a.entries)); shared {
		a.shelf.Tell(engine.DefectLying, "members share bytes of the archive, as %.200q does", e.name)
		budget = maxOverlap * a.size
	}
	if err := a.unlockFirst(); err != nil {
		return err
	}
	defer a.tellLocked()
	for i, e := range a.entries {
		if e.isFolder() {
			continue
		}
		if budget >= 0 {
			if budget -= e.packed; budget < 0 {
				a.shelf.Tell(engine.DefectRatio, "%d members that share bytes are left out", len(a.entries)-i)
				return nil
			}
		}
		if err := a.member(e); err != nil {
			return err
		}
	}
	return nil
}

func (a *archive) tellLocked() {
	if a.locks.closed > 0 {
		a.t.Locked("%d members stay locked", a.locks.closed)
	}
}

// member reads one.
func (a *archive) member(e *entry) error {
	switch {
	case e.data == 0:
		a.shelf.Unread(e.name, engine.DefectUnreadable, "its header was not found")
		return nil
	case e.flags&(flagStrong|flagMasked) != 0:
		a.t.Locked("encrypted in a way that only PKWARE's program knows")
		a.shelf.Unread(e.name, engine.DefectUnsupported, "encrypted in a way that only PKWARE's program knows")
		return nil
	case !e.encrypted():
		return a.add(e, a.section(e))
	}
	r, err := a.decrypt(e)
	if r == nil {
		return err
	}
	return a.add(e, r)
}

// section is the data of an entry as it stands in the archive.
func (a *archive) section(e *entry) *io.SectionReader {
	return io.NewSectionReader(a.r, e.data, e.packed)
}

// add makes a member of packed bytes.
func (a *archive) add(e *entry, packed io.Reader) error {
	r, err := decompress(e, packed)
	if err != nil {
		a.shelf.Refuse(e.name, err)
		return nil
	}
	defer r.Close()
	if e.link {
		return a.link(e, r)
	}
	crc, has := e.checksum()
	return a.shelf.Add(member.Claim{Name: e.name, Packed: max(1, e.packed), Size: e.size, CRC: crc, HasCRC: has && e.size >= 0}, r)
}

// maxTarget is how long the target of a link may be.
const maxTarget = 4096

func (a *archive) link(e *entry, r io.Reader) error {
	target, err := a.t.ExpandAll(r, e.packed, maxTarget)
	a.shelf.Link(e.name, toUTF8(string(target)))
	if err != nil && a.ctx.Err() == nil {
		a.shelf.Tell(engine.DefectUnreadable, "link %.200q: %.200s", e.name, err)
	}
	if err := a.ctx.Err(); err != nil {
		return fmt.Errorf("read zip: %w", err)
	}
	return nil
}

// smaller orders members by what trying a password on them costs.
func smaller(x, y *entry) int { return cmp.Compare(x.packed, y.packed) }
