package files

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

// zip reads the mails of a zip archive.
func (s *Source) zip(r io.ReaderAt, size int64, name string, give yield) bool {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return give(s.broken(name, name, err), nil)
	}
	for i, f := range z.File {
		if i == s.cfg.MaxEntries {
			return give(s.tooMany(name), nil)
		}
		if f.FileInfo().IsDir() {
			continue
		}
		if !s.zipEntry(f, name+"/"+f.Name, give) {
			return false
		}
	}
	return true
}

func (s *Source) zipEntry(f *zip.File, name string, give yield) bool {
	if f.Flags&1 != 0 {
		return give(s.broken(name, name, errors.New("the entry is encrypted")), nil)
	}
	r, err := f.Open()
	if err != nil {
		return give(s.broken(name, name, err), nil)
	}
	defer r.Close()
	return s.entry(r, name, give)
}

// gzip reads a gzipped tar, mbox or single mail.
func (s *Source) gzip(r io.Reader, name string, give yield) bool {
	z, err := gzip.NewReader(r)
	if err != nil {
		return give(s.broken(name, name, err), nil)
	}
	defer z.Close()
	buffered := bufio.NewReaderSize(z, 64<<10)
	head, _ := buffered.Peek(4096)
	inner := strings.TrimSuffix(name, path.Ext(name))
	switch sniff(inner, head) {
	case tarFile:
		return s.tar(buffered, name, give)
	case mboxFile:
		return s.mbox(buffered, name, give)
	}
	return s.entry(buffered, inner, give)
}

// tar reads the mails of a tar stream. A broken stream ends it with one
// delivery that says so; what came before is kept.
func (s *Source) tar(r io.Reader, name string, give yield) bool {
	t := tar.NewReader(r)
	for n := 0; ; n++ {
		h, err := t.Next()
		if err == io.EOF {
			return true
		}
		if err != nil {
			return give(s.broken(name, name, err), nil)
		}
		if n == s.cfg.MaxEntries {
			return give(s.tooMany(name), nil)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if !s.entry(t, name+"/"+h.Name, give) {
			return false
		}
	}
}

// entry delivers one member of a container if it is a mail, or the mails of an mbox
// or of Outlook's files inside it. Archives inside archives are not opened.
func (s *Source) entry(r io.Reader, name string, give yield) bool {
	buffered := bufio.NewReaderSize(r, 4096)
	head, err := buffered.Peek(4096)
	switch kind := sniff(name, head); {
	case len(head) == 0 && err != nil && err != io.EOF:
		return give(s.broken(name, name, err), nil)
	case kind == mboxFile:
		return s.mbox(buffered, name, give)
	case kind == oleFile || kind == pstFile:
		return s.inner(kind, buffered, name, give)
	case kind != mailFile:
		s.skip(name)
		return true
	}
	return s.spooled(buffered, name, name, give)
}

// maxInner is how much of a member is written out to be read at any place of it.
const maxInner = 4 << 30

// inner reads a member that must be read at any place of it.
func (s *Source) inner(kind kind, r io.Reader, name string, give yield) bool {
	spool := s.spool()
	if _, err := io.Copy(spool, io.LimitReader(r, maxInner)); err != nil && spool.Len() == 0 {
		return give(s.broken(name, name, err), nil)
	} // a member that ends early is read as far as it goes
	return s.sought(kind, spool.Blob(), place{name: name, folder: folderOf(name)}, give)
}

// broken delivers an empty mail that says what is wrong with a container.
func (s *Source) broken(name, entry string, err error) engine.Delivery {
	return s.delivery(engine.Empty, name, folderOf(name), entryDefect(entry, err))
}

func (s *Source) tooMany(name string) engine.Delivery {
	return s.broken(name, name, fmt.Errorf("more than %d entries", s.cfg.MaxEntries))
}

func entryDefect(entry string, err error) engine.Defect {
	return engine.Defect{Code: engine.DefectEntry, Part: entry, Detail: err.Error()}
}
