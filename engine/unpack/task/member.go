package task

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/filetype"
)

// Add takes a file out of a container: it reads r to its end within the budget
// of the mail, digests it, tells its type, and makes it a child of the part. name
// is its path inside the container, in UTF-8, with slashes; packed the bytes it
// takes there, 0 when that is not known. A member that cannot be read to its end
// is kept as far as it goes, with a defect; only an exhausted budget is an error.
func (t *Task) Add(name string, r io.Reader, packed int64) (*engine.Part, error) {
	return t.add(name, func(w io.Writer) error {
		_, err := io.Copy(w, t.Expand(r, packed))
		return err
	})
}

// Compose is Add for a member that is not there as bytes, but made of what the file
// holds: write makes it.
func (t *Task) Compose(name string, write func(io.Writer) error) (*engine.Part, error) {
	return t.add(name, func(w io.Writer) error { return write(&metered{w, t}) })
}

func (t *Task) add(name string, write func(io.Writer) error) (*engine.Part, error) {
	if t.budget.Members <= 0 {
		return nil, &spentError{engine.DefectMembers, fmt.Sprintf("more than %d members in the attachments of this mail", t.Limits.Members)}
	}
	t.budget.Members--
	c := t.contain(write)
	p := t.describe(name, c)
	t.Part.Children = append(t.Part.Children, p)
	if c.err == nil {
		return p, nil
	}
	var spent *spentError
	if errors.As(c.err, &spent) {
		t.once(spent.code, "%s: %s", p.FileName, spent.detail)
		if spent.code == engine.DefectUnpackSize {
			return p, c.err
		}
		return p, nil
	}
	t.Defect(engine.DefectUnreadable, "%s: %.200s", p.FileName, c.err)
	return p, nil
}

// AddBytes is Add for what stands in memory.
func (t *Task) AddBytes(name string, b []byte) (*engine.Part, error) {
	return t.Add(name, bytes.NewReader(b), 0)
}

// content is what came out of a stream.
type content struct {
	blob              engine.Blob
	size              int64
	head, tail        []byte
	sha256, sha1, md5 string
	err               error
}

func (t *Task) contain(write func(io.Writer) error) content {
	place := t.store.Create()
	h256, h1, h5 := sha256.New(), sha1.New(), md5.New()
	e := &edges{}
	err := write(io.MultiWriter(place, h256, h1, h5, e))
	return content{
		blob: place.Blob(), size: e.n, err: err, head: e.head, tail: e.end(),
		sha256: hex.EncodeToString(h256.Sum(nil)), sha1: hex.EncodeToString(h1.Sum(nil)), md5: hex.EncodeToString(h5.Sum(nil)),
	}
}

// edges keeps the beginning and the end of what is written to it.
type edges struct {
	head, tail []byte
	n          int64 // bytes of all
}

func (e *edges) Write(b []byte) (int, error) {
	e.n += int64(len(b))
	e.head = append(e.head, b[:min(len(b), filetype.Edge-len(e.head))]...)
	if e.tail = append(e.tail, b...); len(e.tail) > 2*filetype.Edge {
		e.tail = append(e.tail[:0], e.tail[len(e.tail)-filetype.Edge:]...)
	}
	return len(b), nil
}

func (e *edges) end() []byte { return e.tail[max(0, len(e.tail)-filetype.Edge):] }

// describe makes a part of a member.
func (t *Task) describe(name string, c content) *engine.Part {
	p := &engine.Part{
		Path: t.memberPath(name), RawName: name, FileName: filetype.SafeName(name), Content: c.blob,
		Size: int(c.size), SHA256: c.sha256, SHA1: c.sha1, MD5: c.md5,
	}
	p.FileExtension = filetype.Extension(p.FileName)
	f := filetype.File{Extension: p.FileExtension, Head: c.head, Tail: c.tail, At: windowOf(c.blob)}
	p.FileType = filetype.Detect(&f)
	p.Encrypted = filetype.Encrypted(p.FileType, &f)
	p.IsMessage = filetype.IsMail(p.FileType)
	return p
}

func windowOf(b engine.Blob) func(int64, int) []byte {
	return func(off int64, n int) []byte {
		r, err := b.Open()
		if err != nil {
			return nil
		}
		defer r.Close()
		at, ok := r.(io.ReaderAt)
		if !ok {
			return nil
		}
		buf := make([]byte, n)
		n, _ = at.ReadAt(buf, off)
		return buf[:n]
	}
}

// memberPath is where a member stands: the path of its container, then its own,
// without what leads out of the container or could be taken for something else.
func (t *Task) memberPath(name string) string {
	var steps []string
	unsafe := strings.HasPrefix(name, "/") || strings.ContainsAny(name, "\x00") || len(name) > 1 && name[1] == ':'
	for _, step := range strings.FieldsFunc(name, func(r rune) bool { return r == '/' || r == '\\' }) {
		if step == ".." {
			unsafe = true
		}
		if step = filetype.SafeName(step); step != "" && len(steps) < 32 {
			steps = append(steps, step)
		}
	}
	if unsafe {
		t.Defect(engine.DefectMemberPath, "%.200q", name)
	}
	if len(steps) == 0 {
		steps = []string{"member"}
	}
	base := t.Part.Path + "/" + strings.Join(steps, "/")
	path := base
	for i := 2; t.names[path]; i++ {
		path = base + "#" + strconv.Itoa(i)
	}
	t.names[path] = true
	return path
}
