// Package stream reads files that are one compressed stream (gzip, bzip2, xz,
// Zstandard, lzip, LZMA), and tar. A stream has one member, which is a container
// of its own when it is a tar: that is opened by whoever runs the readers.
//
// A stream that breaks gives what came out of it until then, and a defect.
package stream

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive/codec"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive/member"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

var (
	_ task.Reader = Read
	_ task.Reader = ReadTar
)

// Read is a task.Reader of compressed streams.
func Read(ctx context.Context, t *task.Task) error {
	c, err := t.Content()
	if err != nil {
		return err
	}
	shelf := member.NewShelf(ctx, t)
	defer shelf.Close()
	r, name, err := decoder(t, shelf, c)
	if err != nil {
		return err
	}
	defer r.Close()
	return shelf.Add(member.Claim{Name: name, Packed: max(1, c.Size()), Size: -1}, &checked{r, shelf, name})
}

// decoder is what a file is packed with, and the name of what is in it.
func decoder(t *task.Task, shelf *member.Shelf, c *io.SectionReader) (io.ReadCloser, string, error) {
	name := innerName(t.Part.FileName)
	var r io.Reader
	var err error
	switch t.Part.FileType {
	case "gz":
		return gunzip(t, c, name)
	case "bz2":
		r = codec.Bzip2(c)
	case "xz":
		r = codec.XZ(c)
	case "zst":
		z, err := codec.Zstd(c)
		return z, name, err
	case "lz":
		r = codec.Lzip(c)
	case "lzma":
		r, err = codec.LZMA(c)
	default:
		err = task.Troublef(engine.DefectUnsupported, "no decoder for %q", t.Part.FileType)
	}
	if err != nil {
		return nil, "", err
	}
	return io.NopCloser(r), name, nil
}

// packedNames are endings that tar files have when they are compressed.
var packedNames = map[string]string{".tgz": ".tar", ".tbz": ".tar", ".tbz2": ".tar", ".txz": ".tar", ".tzst": ".tar", ".tlz": ".tar"}

// innerName is what remains of a name without the ending that says how it is packed.
func innerName(name string) string {
	i := strings.LastIndexByte(name, '.')
	if i <= 0 {
		return "content"
	}
	return name[:i] + packedNames[strings.ToLower(name[i:])]
}

// checked makes a lying checksum a defect of the file, and a cap one that says so.
type checked struct {
	r     io.Reader
	shelf *member.Shelf
	name  string
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	var own *task.Trouble
	switch {
	case errors.Is(err, codec.ErrChecksum), errors.Is(err, gzip.ErrChecksum):
		c.shelf.Tell(engine.DefectLying, "%.200q has another checksum than it says", c.name)
		err = io.EOF
	case errors.As(err, &own):
		c.shelf.Tell(own.Code, "%s", own.Detail)
		err = io.EOF
	}
	return n, err
}

// gunzip takes the name and the comment from the first header (RFC 1952 2.3).
func gunzip(t *task.Task, c *io.SectionReader, name string) (io.ReadCloser, string, error) {
	b := bufio.NewReader(c)
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, "", fmt.Errorf("gzip: %w", err)
	}
	z.Multistream(false)
	t.Fact("comment", z.Comment)
	if z.Name != "" {
		name = z.Name
	}
	return &gunzipper{t: t, b: b, z: z}, name, nil
}

// gunzipper reads streams that follow each other, and stops before anything else.
type gunzipper struct {
	t *task.Task
	b *bufio.Reader
	z *gzip.Reader
}

func (g *gunzipper) Read(p []byte) (int, error) {
	n, err := g.z.Read(p)
	if n > 0 || !errors.Is(err, io.EOF) {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return n, err
	}
	head, _ := g.b.Peek(2)
	switch {
	case len(head) == 0:
		return 0, io.EOF
	case string(head) != "\x1f\x8b":
		after, _ := io.Copy(io.Discard, g.b)
		g.t.Fact("appended_bytes", strconv.FormatInt(after, 10))
		return 0, io.EOF
	}
	if err := g.z.Reset(g.b); err != nil {
		return 0, fmt.Errorf("gzip: %w", err)
	}
	g.z.Multistream(false)
	return 0, nil
}

func (g *gunzipper) Close() error { return g.z.Close() }

// ReadTar is a task.Reader of tar in all its dialects.
func ReadTar(ctx context.Context, t *task.Task) error {
	c, err := t.Content()
	if err != nil {
		return err
	}
	shelf := member.NewShelf(ctx, t)
	defer shelf.Close()
	r := tar.NewReader(c)
	for {
		h, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("read tar: %w", ctx.Err())
		case err != nil && !errors.Is(err, tar.ErrInsecurePath):
			return fmt.Errorf("tar: %w", err)
		}
		if err := tarMember(shelf, h, r, c.Size()); err != nil {
			return err
		}
	}
}

func tarMember(shelf *member.Shelf, h *tar.Header, r io.Reader, size int64) error {
	name := strings.ToValidUTF8(h.Name, "\ufffd")
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		return shelf.Add(member.Claim{Name: name, Packed: max(1, min(h.Size, size)), Size: h.Size}, r)
	case tar.TypeLink, tar.TypeSymlink:
		shelf.Link(name, strings.ToValidUTF8(h.Linkname, "\ufffd"))
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		shelf.Unread(name, engine.DefectMemberPath, "a device, which has no content")
	}
	return nil
}
