// Package files reads mail from a corpus: single .eml, .emlx and .msg files, folders
// of them, Maildirs, mbox files (mboxo and mboxrd), Outlook's .pst and .ost, zip and
// tar archives (plain or gzipped), and standard input. It never writes to the corpus and never follows
// a link out of a folder.
//
// Mails come in a fixed order: paths sorted by byte within each folder, entries
// of a container in the container's order. A path that cannot be opened at the
// start is an error of Open; whatever is broken further in is told by the
// mails themselves: an unreadable file is a blob that fails to open, an entry
// that ends early is delivered as far as it goes, with a defect.
package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Config says what to read.
type Config struct {
	Name       string    // of the source in Origin; "files"
	Paths      []string  // files and folders; "-" is Stdin
	Stdin      io.Reader // for "-"
	Limits     engine.Limits
	TempDir    string // for entries that are spooled; "" means the system's
	MaxEntries int    // of one container; 1,000,000
}

// Source implements engine.Source over a corpus.
type Source struct {
	cfg     Config
	next    func() (engine.Delivery, error, bool)
	stop    func()
	skipped []string
}

var _ engine.Source = (*Source)(nil)

// Open checks that every path exists and starts reading. The error names the
// path that does not.
func Open(cfg Config) (*Source, error) {
	for _, p := range cfg.Paths {
		if p == "-" {
			continue
		}
		if _, err := os.Stat(p); err != nil {
			return nil, fmt.Errorf("corpus %q: %w", p, plain(err))
		}
	}
	if len(cfg.Paths) == 0 {
		return nil, errors.New("corpus: no path given")
	}
	if cfg.Name == "" {
		cfg.Name = "files"
	}
	if cfg.MaxEntries <= 0 {
		cfg.MaxEntries = 1_000_000
	}
	cfg.Limits = cfg.Limits.WithDefaults()
	s := &Source{cfg: cfg}
	s.next, s.stop = iter.Pull2(s.all)
	return s, nil
}

// plain drops the operation and the path from a path error.
func plain(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// Next implements engine.Source.
func (s *Source) Next(ctx context.Context) (engine.Delivery, error) {
	if err := ctx.Err(); err != nil {
		return engine.Delivery{}, err
	}
	d, err, ok := s.next()
	if !ok {
		return engine.Delivery{}, io.EOF
	}
	return d, err
}

// Ack implements engine.Source. A corpus is not changed: the ledger remembers.
func (s *Source) Ack(context.Context, []engine.Receipt) error { return nil }

// Close implements engine.Source.
func (s *Source) Close() error {
	s.stop()
	return nil
}

// Skipped lists the files of folders that are no mail by name and by content,
// so far.
func (s *Source) Skipped() []string { return slices.Clone(s.skipped) }

// yield hands out one mail; false means that nobody wants more.
type yield = func(engine.Delivery, error) bool

func (s *Source) all(give yield) {
	for _, p := range s.cfg.Paths {
		if !s.path(p, give) {
			return
		}
	}
}

func (s *Source) path(p string, give yield) bool {
	if p == "-" {
		return s.stdin(give)
	}
	info, err := os.Stat(p)
	if err == nil && info.IsDir() {
		return s.folder(p, ".", give)
	}
	return s.file(p, filepath.Base(p), "", true, give)
}

// folder reads the entries of root/rel. In a Maildir only cur and new hold
// mails, and folders whose names begin with a dot are mailboxes.
func (s *Source) folder(root, rel string, give yield) bool {
	dir := filepath.Join(root, filepath.FromSlash(rel))
	entries, err := os.ReadDir(dir)
	if err != nil {
		return give(s.unreadable(dir, path.Clean(rel), err), nil)
	}
	maildir := isMaildir(entries)
	for _, e := range entries {
		name := path.Join(rel, e.Name())
		switch {
		case e.IsDir() && maildir && e.Name() == "tmp":
		case e.IsDir():
			if !s.folder(root, name, give) {
				return false
			}
		case !e.Type().IsRegular() || maildir:
			s.skip(name)
		default:
			if !s.file(filepath.Join(dir, e.Name()), name, folderOf(name), inMaildir(name), give) {
				return false
			}
		}
	}
	return true
}

func isMaildir(entries []os.DirEntry) bool {
	n := 0
	for _, e := range entries {
		if e.IsDir() && (e.Name() == "cur" || e.Name() == "new" || e.Name() == "tmp") {
			n++
		}
	}
	return n == 3
}

func inMaildir(name string) bool {
	d := path.Base(path.Dir(name))
	return d == "cur" || d == "new"
}

// folderOf is the folder that rules see: the folder of the file, without the
// cur and new of a Maildir and the dot of its subfolders.
func folderOf(name string) string {
	dir := path.Dir(name)
	if inMaildir(name) {
		dir = path.Dir(dir)
	}
	if dir == "." {
		return ""
	}
	return strings.TrimPrefix(dir, ".")
}

func (s *Source) skip(name string) { s.skipped = append(s.skipped, name) }

// file reads one file. taken says that it is a mail if it is nothing else: it
// was named by the user, or stands in a Maildir.
func (s *Source) file(full, name, folder string, taken bool, give yield) bool {
	f, err := os.Open(full)
	if err != nil {
		return give(s.unreadable(full, name, err), nil)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return s.stream(f, name, give)
	}
	var blob engine.Blob = fileBlob{full, info.Size()}
	size := min(info.Size(), 4096)
	if info.Size() <= int64(s.cfg.Limits.Leaf) {
		size = info.Size() // all of it, in one reading
	}
	head := make([]byte, size)
	if size == info.Size() {
		blob = engine.Bytes(head)
	}
	if _, err := io.ReadFull(f, head); err != nil {
		return give(s.unreadable(full, name, err), nil)
	}
	switch kind := sniff(name, head[:min(len(head), 4096)]); {
	case kind == unknown && !taken:
		s.skip(name)
		return true
	case kind.container():
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return give(s.unreadable(full, name, err), nil)
		}
		return s.container(kind, f, info.Size(), place{name, folder, taken}, give)
	}
	return give(s.delivery(blob, name, folder), nil)
}

func (s *Source) stdin(give yield) bool {
	if s.cfg.Stdin == nil {
		return give(engine.Delivery{}, errors.New("corpus -: no standard input"))
	}
	return s.stream(s.cfg.Stdin, "stdin", give)
}

// stream reads what cannot be sought: an mbox or a tar as it comes, a zip or a
// single mail through a spool.
func (s *Source) stream(r io.Reader, name string, give yield) bool {
	head := make([]byte, 4096)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return give(s.unreadable(name, name, err), nil)
	}
	head = head[:n]
	whole := io.MultiReader(bytes.NewReader(head), r)
	kind := sniff(name, head)
	if kind.container() && !kind.sought() {
		return s.container(kind, whole, 0, place{name: name}, give)
	}
	spool := s.spool()
	if _, err := io.Copy(spool, io.LimitReader(whole, s.streamCap(kind))); err != nil {
		return give(s.unreadable(name, name, err), nil)
	}
	if kind.sought() {
		return s.sought(kind, spool.Blob(), place{name: name, taken: true}, give)
	}
	return give(s.delivery(spool.Blob(), name, ""), nil)
}

func (s *Source) streamCap(kind kind) int64 {
	if kind.sought() {
		return 1 << 40
	}
	return s.cfg.Limits.Message + 1
}

// place is where a container stands.
type place struct {
	name, folder string
	taken        bool // it is mail, if it is nothing else
}

func (s *Source) container(kind kind, r io.Reader, size int64, at place, give yield) bool {
	switch kind {
	case mboxFile:
		return s.mbox(r, at.name, give)
	case zipFile:
		return s.zip(r.(io.ReaderAt), size, at.name, give)
	case gzipFile:
		return s.gzip(r, at.name, give)
	case oleFile:
		return s.message(r.(io.ReaderAt), size, at, give)
	case pstFile:
		return s.pst(r.(io.ReaderAt), size, at.name, give)
	default:
		return s.tar(r, at.name, give)
	}
}

// sought reads a container that came through a stream. Readers of a spool can be read
// at any place.
func (s *Source) sought(kind kind, b engine.Blob, at place, give yield) bool {
	r, err := b.Open()
	if err != nil {
		return give(s.unreadable(at.name, at.name, err), nil)
	}
	defer r.Close()
	return s.container(kind, r, b.Size(), at, give)
}

// delivery identifies a mail by its path and digest.
func (s *Source) delivery(blob engine.Blob, name, folder string, defects ...engine.Defect) engine.Delivery {
	id := name
	digest, err := engine.Digest(blob)
	if err == nil {
		id += "@" + digest[:32]
	}
	return engine.Delivery{
		Raw:     blob,
		Origin:  engine.Origin{Source: s.cfg.Name, Folder: folder, ID: id, Name: name, Digest: digest},
		Defects: defects,
	}
}

func (s *Source) unreadable(full, name string, err error) engine.Delivery {
	return s.delivery(brokenBlob{fmt.Errorf("%s: %w", full, plain(err))}, name, "")
}

// fileBlob is a file of the corpus.
type fileBlob struct {
	path string
	size int64
}

func (b fileBlob) Open() (io.ReadCloser, error) { return os.Open(b.path) }
func (b fileBlob) Size() int64                  { return b.size }

// brokenBlob is a file that cannot be opened.
type brokenBlob struct{ err error }

func (b brokenBlob) Open() (io.ReadCloser, error) { return nil, b.err }
func (b brokenBlob) Size() int64                  { return 0 }
