package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/outlook"
	"github.com/tqmailrules/tqmailrules/internal/outlook/msg"
	"github.com/tqmailrules/tqmailrules/internal/outlook/pst"
)

// message delivers a .msg or .oft as the mail that it holds. Another compound file is
// no mail, unless its name or the user says so.
func (s *Source) message(r io.ReaderAt, size int64, at place, give yield) bool {
	m, err := msg.Read(r, size)
	if err != nil {
		ext := strings.ToLower(path.Ext(at.name))
		if !at.taken && ext != ".msg" && ext != ".oft" {
			s.skip(at.name)
			return true
		}
		return give(s.broken(at.name, at.name, err), nil)
	}
	return give(s.composed(m, at.name, at.folder), nil)
}

// composed delivers a message of Outlook's in the form in which mail travels.
func (s *Source) composed(m *outlook.Message, name, folder string) engine.Delivery {
	spool := s.spool()
	troubles, err := outlook.Write(&capped{spool, s.cfg.Limits.Message + 1}, m)
	var defects []engine.Defect
	for _, t := range troubles {
		defects = append(defects, engine.Defect{Code: engine.DefectEntry, Part: name, Detail: t})
	}
	if err != nil {
		defects = append(defects, entryDefect(name, err))
	}
	return s.delivery(spool.Blob(), name, folder, defects...)
}

// capped takes no more than left bytes, and says nothing about it: a blob of more
// than the limit tells for itself.
type capped struct {
	w    io.Writer
	left int64
}

func (c *capped) Write(p []byte) (int, error) {
	some := p[:min(int64(len(p)), c.left)]
	n, err := c.w.Write(some)
	c.left -= int64(n)
	if err != nil {
		return n, err
	}
	return len(p), nil
}

// pst delivers the mails of a .pst or .ost, each in the folder that it has there.
// People, dates, notes and settings are no mails. What cannot be read is told: by an
// empty mail of its own where nothing of it was saved.
func (s *Source) pst(r io.ReaderAt, size int64, name string, give yield) bool {
	f, err := pst.Open(r, size)
	if err != nil {
		return give(s.broken(name, name, err), nil)
	}
	n, more := 0, true
	err = f.Walk(context.Background(), func(e pst.Entry) error {
		if n++; n > s.cfg.MaxEntries {
			more = give(s.tooMany(name), nil)
			return errEnough
		}
		if more = s.stored(e, name, give); !more {
			return errEnough
		}
		return nil
	})
	if err != nil && err != errEnough {
		more = give(s.broken(name, name, err), nil)
	}
	if troubles := f.Troubles(); more && len(troubles) > 0 {
		more = give(s.broken(name+"#troubles", name, errors.New(strings.Join(troubles, "; "))), nil)
	}
	return more
}

// errEnough ends a walk that nobody wants to go on.
var errEnough = errors.New("enough")

// stored delivers one message of a .pst.
func (s *Source) stored(e pst.Entry, name string, give yield) bool {
	folder := strings.Join(e.Folder, "/")
	id := fmt.Sprintf("%s/%s#%d", name, folder, e.NID)
	switch {
	case e.Message == nil && e.Err == nil:
		return true
	case e.Message == nil:
		return give(s.broken(id, name, e.Err), nil)
	case !e.Message.IsMail():
		s.skip(id)
		return true
	}
	d := s.composed(e.Message, id, folder)
	if e.Err != nil {
		d.Defects = append(d.Defects, entryDefect(id, e.Err))
	}
	return give(d, nil)
}
