package files

import (
	"io"
	"strconv"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/mbox"
)

// mbox delivers the mails of an mbox stream. One that breaks off is delivered as far
// as it goes.
func (s *Source) mbox(r io.Reader, name string, give yield) bool {
	m := mbox.NewReader(r)
	for n := 1; ; n++ {
		one, err := m.Next()
		if err == io.EOF {
			return true
		}
		if err != nil {
			return give(s.broken(name, name, err), nil)
		}
		if n > s.cfg.MaxEntries {
			return give(s.tooMany(name), nil)
		}
		if !s.spooled(one, name+"#"+strconv.Itoa(n), name, give) {
			return false
		}
	}
}

// spooled delivers a mail that comes out of a container.
func (s *Source) spooled(r io.Reader, name, container string, give yield) bool {
	spool := s.spool()
	_, err := io.Copy(spool, io.LimitReader(r, s.cfg.Limits.Message+1))
	if err != nil {
		return give(s.delivery(spool.Blob(), name, folderOf(container), entryDefect(container, err)), nil)
	}
	return give(s.delivery(spool.Blob(), name, folderOf(container)), nil)
}

func (s *Source) spool() *engine.Spool {
	return &engine.Spool{Dir: s.cfg.TempDir, Threshold: s.cfg.Limits.Leaf}
}
