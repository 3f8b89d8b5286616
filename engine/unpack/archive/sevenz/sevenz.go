// Package sevenz reads 7z archives, their encrypted ones included.
//
// It reads the headers itself before the library does: how much memory the
// decoders would take, how many rounds a password costs, and whether one is
// needed at all, stands there, and is capped there. A password is right when the
// header, or the first content that is locked, has the checksum that the archive
// says. Members of a solid block are read in their order, each once.
package sevenz

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/bodgit/sevenzip"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive/member"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

var _ task.Reader = Read

// archive is one while it is read.
type archive struct {
	ctx      context.Context
	t        *task.Task
	shelf    *member.Shelf
	r        *io.SectionReader // from the signature on
	main     streams
	password string // that opened the header
	headers  []keyParams
	locked   bool // content stays locked
}

// Found tells whether the signature of an archive stands in a file, as in one that
// unpacks itself.
func Found(r io.ReaderAt, size int64) bool {
	_, err := findHeader(r, size)
	return err == nil
}

// Read is a task.Reader.
func Read(ctx context.Context, t *task.Task) error {
	c, err := t.Content()
	if err != nil {
		return err
	}
	h, err := findHeader(c, c.Size())
	if err != nil {
		return err
	}
	a := &archive{ctx: ctx, t: t, shelf: member.NewShelf(ctx, t), r: io.NewSectionReader(c, h.base, c.Size()-h.base)}
	defer a.shelf.Close()
	if len(h.b) == 0 {
		return nil // an empty archive
	}
	if err := a.open(h.b); err != nil {
		return err
	}
	return a.members()
}

// open decodes headers until it has the one that lists members.
func (a *archive) open(b []byte) error {
	for range 4 { // a header may be packed, and packed again
		s, encoded, err := survey(b)
		if err != nil {
			return err
		}
		if err := s.affordable(); err != nil {
			return err
		}
		if !encoded {
			a.main = s
			return nil
		}
		if b, err = a.header(&s); err != nil {
			return err
		}
	}
	return errHeader
}

// header decodes one; a locked one is unlocked.
func (a *archive) header(s *streams) ([]byte, error) {
	k := s.folders[0].aes()
	if k == nil {
		return decodeHeader(a.r, s, nil)
	}
	a.t.Fact("locked_names", "yes")
	p, err := newKeyParams(k.properties)
	if err != nil {
		return nil, err
	}
	if !s.folders[0].hasCRC {
		a.t.Locked("its header has no checksum to know a password by")
		return nil, task.ErrLocked
	}
	a.headers = append(a.headers, p)
	var b []byte
	ok, err := a.t.Unlock(a.ctx, p.units(), nil, func(password string) (bool, error) {
		all, err := decodeHeader(a.r, s, p.key(password))
		if err != nil {
			return false, nil
		}
		b, a.password = all, password
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("unlock 7z: %w", err)
	}
	if !ok {
		return nil, task.ErrLocked
	}
	return b, nil
}

// library opens the archive with the keys that a password makes.
func (a *archive) library(password string) (*sevenzip.Reader, error) {
	register()
	var keys keyring
	if password != "" {
		keys = newKeyring(append(a.main.keyParams(), a.headers...), password)
	}
	var z *sevenzip.Reader
	err := member.Guard(func() (err error) {
		z, err = sevenzip.NewReaderWithPassword(a.r, a.r.Size(), string(keys))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("7z: %w", err)
	}
	return z, nil
}

// members reads them in their order.
func (a *archive) members() error {
	z, err := a.library(a.password)
	if err != nil {
		return err
	}
	if a.password == "" {
		if z, err = a.unlock(z); err != nil {
			return err
		}
	}
	for _, f := range z.File {
		if err := a.member(f); err != nil {
			return err
		}
	}
	return nil
}

// unlock finds the password of an archive whose header is open. Without one, what
// is not locked is read.
func (a *archive) unlock(z *sevenzip.Reader) (*sevenzip.Reader, error) {
	params := a.main.keyParams()
	if len(params) == 0 {
		return z, nil
	}
	a.locked = true
	judge := a.judge(z)
	if judge < 0 {
		a.t.Locked("nothing in it is long enough to know a password by")
		return z, nil
	}
	units := int64(min(z.File[judge].UncompressedSize, uint64(a.t.Limits.Unpacked))) >> 14
	for _, p := range params {
		units += p.units()
	}
	ok, err := a.t.Unlock(a.ctx, units, nil, func(password string) (bool, error) {
		y, err := a.library(password)
		if err != nil || judge >= len(y.File) || !a.sums(y.File[judge]) {
			return false, nil
		}
		z = y
		return true, nil
	})
	if err != nil && !errors.Is(err, task.ErrLocked) {
		return nil, fmt.Errorf("unlock 7z: %w", err)
	}
	a.locked = !ok
	return z, nil
}

// judge is the member on which passwords are tried: the shortest of those that
// stand first in a locked block and have a checksum worth the name. Below zero:
// there is none.
func (a *archive) judge(z *sevenzip.Reader) int {
	judge, seen := -1, map[int]bool{}
	for i, f := range z.File {
		if f.UncompressedSize == 0 || !a.inLocked(f) {
			continue
		}
		first := !seen[f.Stream]
		seen[f.Stream] = true
		if first && f.UncompressedSize >= 4 && f.CRC32 != 0 && (judge < 0 || f.UncompressedSize < z.File[judge].UncompressedSize) {
			judge = i
		}
	}
	return judge
}

// inLocked tells whether a member stands in an encrypted block.
func (a *archive) inLocked(f *sevenzip.File) bool {
	return f.UncompressedSize > 0 && f.Stream < len(a.main.folders) && a.main.folders[f.Stream].aes() != nil
}

// sums reads a member and compares its checksum.
func (a *archive) sums(f *sevenzip.File) bool {
	r, err := open(f)
	if err != nil {
		return false
	}
	defer r.Close()
	sum := crc32.NewIEEE()
	n, err := io.Copy(sum, io.LimitReader(&member.Guarded{R: r}, a.t.Limits.Unpacked))
	return err == nil && uint64(n) == f.UncompressedSize && sum.Sum32() == f.CRC32
}

func open(f *sevenzip.File) (r io.ReadCloser, err error) {
	err = member.Guard(func() error {
		r, err = f.Open()
		return err
	})
	return r, err
}

const linkMode = 0o120000

func (a *archive) member(f *sevenzip.File) error {
	switch {
	case strings.HasSuffix(f.Name, "/") || f.FileInfo().IsDir():
		return nil
	case a.locked && a.inLocked(f):
		a.shelf.Keep(f.Name)
		return nil
	}
	r, err := open(f)
	if err != nil {
		a.shelf.Refuse(f.Name, err)
		return a.ctx.Err()
	}
	defer r.Close()
	g := &member.Guarded{R: r}
	if err := a.take(f, g); err != nil {
		return err
	}
	// The library would read over what is left, for the next member, past the budget.
	if left := int64(min(f.UncompressedSize, 1<<62)) - g.N; left > 0 {
		if err := a.shelf.Skip(g, left); errors.Is(err, engine.ErrLimit) {
			return err
		}
	}
	return nil
}

func (a *archive) take(f *sevenzip.File, r io.Reader) error {
	const unixExtension = 0x8000
	if f.Attributes&unixExtension != 0 && f.Attributes>>16&0o170000 == linkMode {
		target, _ := a.t.ExpandAll(r, 0, 4096)
		a.shelf.Link(f.Name, strings.ToValidUTF8(string(target), "\ufffd"))
		return nil
	}
	return a.shelf.Add(member.Claim{Name: f.Name, Packed: a.packed(f), Size: int64(min(f.UncompressedSize, 1<<62)), CRC: f.CRC32, HasCRC: f.CRC32 != 0}, r)
}

// packed is what a member alone in its block takes; 0 when others share it.
func (a *archive) packed(f *sevenzip.File) int64 {
	at := 0
	for i := range a.main.folders {
		n := a.main.folders[i].packed
		if i == f.Stream && a.main.folders[i].size() == f.UncompressedSize && at+n <= len(a.main.packed) {
			var sum uint64
			for _, p := range a.main.packed[at : at+n] {
				sum += p
			}
			return int64(min(sum, 1<<62))
		}
		at += n
	}
	return 0
}
