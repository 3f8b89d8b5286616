// Package member takes members out of archives: it holds what an archive claims
// of a member against what comes out, tells links without following them, and
// keeps the names of those that cannot be read. An archive of thousands of broken
// members makes few defects.
package member

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// Claim is what an archive says of a member.
type Claim struct {
	Name   string // UTF-8, as it stands in the archive
	Packed int64  // bytes in the archive; 0 when that is not known, as in a solid block
	Size   int64  // bytes that come out; below zero when that is not known
	CRC    uint32 // CRC-32 of what comes out
	HasCRC bool
}

// maxEach is how many defects of one code a file has before the rest is counted.
const maxEach = 20

// Shelf is where the members of one archive go.
type Shelf struct {
	ctx    context.Context
	t      *task.Task
	told   map[string]int
	unread []string
	names  map[string]bool
	twice  bool
}

// NewShelf makes one for a task. What it adds ends with an error of ctx when that
// ends.
func NewShelf(ctx context.Context, t *task.Task) *Shelf {
	return &Shelf{ctx: ctx, t: t, told: map[string]int{}, names: map[string]bool{}}
}

// Add makes a member of r. A lying size or checksum is a defect, and the content
// is kept, as is that of a stream which breaks. The error is that of an exhausted
// budget or of the context.
func (s *Shelf) Add(c Claim, r io.Reader) error {
	if err := s.ctx.Err(); err != nil {
		return fmt.Errorf("read member: %w", err)
	}
	s.twin(c.Name)
	w := &watched{ctx: s.ctx, r: r, sum: crc32.NewIEEE()}
	_, err := s.t.Add(c.Name, w, c.Packed)
	switch {
	case err != nil:
		return fmt.Errorf("read member %.200q: %w", c.Name, err)
	case s.ctx.Err() != nil:
		return fmt.Errorf("read member: %w", s.ctx.Err())
	case w.ended && c.Size >= 0 && w.n != c.Size:
		s.Tell(engine.DefectLying, "member %.200q should have %d bytes and has %d", c.Name, c.Size, w.n)
	case w.ended && c.HasCRC && w.sum.Sum32() != c.CRC:
		s.Tell(engine.DefectLying, "member %.200q has another checksum than its archive says", c.Name)
	}
	return nil
}

// twin tells that two members have one name: which of them a user gets depends on
// the program.
func (s *Shelf) twin(name string) {
	key := strings.ToLower(name)
	if s.names[key] && !s.twice {
		s.twice = true
		s.t.Defect(engine.DefectLying, "two members are called %.200q", name)
	}
	s.names[key] = true
}

// Link tells a symbolic or hard link: its target is text, and nothing is
// followed.
func (s *Shelf) Link(name, target string) {
	s.Tell(engine.DefectMemberPath, "%.200q is a link to %.200q", name, target)
	s.t.Text.Line(name + " -> " + target)
}

// Skip reads past bytes that belong to no member, within the budget of the mail.
func (s *Shelf) Skip(r io.Reader, n int64) error {
	if err := s.ctx.Err(); err != nil {
		return fmt.Errorf("read member: %w", err)
	}
	if _, err := io.CopyN(io.Discard, s.t.Expand(r, 0), n); err != nil {
		return fmt.Errorf("skip %d bytes: %w", n, err)
	}
	return nil
}

// Unread tells that a member stays closed, and keeps its name.
func (s *Shelf) Unread(name, code, format string, args ...any) {
	s.Keep(name)
	s.Tell(code, "member %.200q: %s", name, fmt.Sprintf(format, args...))
}

// Keep keeps the name of a member that stays closed.
func (s *Shelf) Keep(name string) {
	if len(s.unread) < 200 && !slices.Contains(s.unread, name) {
		s.unread = append(s.unread, name)
	}
}

// Refuse is Unread for an error of a decoder: memory is a cap, an unknown method
// is unsupported, and anything else unreadable.
func (s *Shelf) Refuse(name string, err error) {
	code := engine.DefectUnreadable
	var own *task.Trouble
	if errors.As(err, &own) {
		code = own.Code
	}
	s.Unread(name, code, "%.200s", err)
}

// Tell notes a defect, unless there are many of its code already.
func (s *Shelf) Tell(code, format string, args ...any) {
	s.told[code]++
	if s.told[code] > maxEach {
		return
	}
	if strings.HasPrefix(code, "cap-") {
		s.t.Cap(code, format, args...)
		return
	}
	s.t.Defect(code, format, args...)
}

// Close says what was left out.
func (s *Shelf) Close() {
	if len(s.unread) > 0 {
		s.t.Fact("unread_members", strings.Join(s.unread, "; "))
	}
	for _, code := range slices.Sorted(maps.Keys(s.told)) {
		if n := s.told[code] - maxEach; n > 0 {
			s.t.Defect(code, "%d more of this kind", n)
		}
	}
}

// Guard makes errors of panics of a decoder.
func Guard(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the decoder gave up: %.100v", p)
		}
	}()
	return do()
}

// Guarded reads with a Guard, and counts.
type Guarded struct {
	R io.Reader
	N int64 // bytes that came out
}

func (g *Guarded) Read(p []byte) (n int, err error) {
	err = Guard(func() error {
		var err error
		n, err = g.R.Read(p)
		return err
	})
	g.N += int64(n)
	return n, err
}

// watched counts and sums what is read, and ends with the context.
type watched struct {
	ctx   context.Context
	r     io.Reader
	n     int64
	sum   hash.Hash32
	ended bool
}

func (w *watched) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.r.Read(p)
	w.n += int64(n)
	w.sum.Write(p[:n])
	w.ended = w.ended || errors.Is(err, io.EOF)
	return n, err
}
