package ews

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

const (
	batchMails = 50
	maxListed  = 100_000 // mails of a folder that one listing takes; the rest comes with the next
	askedOfUs  = 1000    // mails that Known is asked about at a time
	// giveAgain is after how long a mail that was handed out and never
	// acknowledged is handed out again, with Watch: the engine gave it up.
	giveAgain = time.Hour
)

// pass is one way through the folders. It belongs to Next. What is in it has
// not been done: a step that fails is done again.
type pass struct {
	folders []*folder // to come
	at      *folder   // that is being listed; nil: none
	view    *view     // of it, with the intake unread
	batches []*batch  // whose contents are not fetched
	hurt    []*batch  // single mails that did not come, behind all others
	again   bool      // the hurt ones are tried again
	last    bool      // and for the last time
	read    int       // mails whose contents came
	witness *mail     // one of them
	missing []error   // folders that are not there, or not for us
	idle    int       // pages of changes in a row that tell nothing
	met     map[string]string
	finder  *resolver
}

// batch is what one GetItem asks for.
type batch struct {
	mails []mail
	tries int // that came to nothing

	// of a single mail:
	refused error // why there is no MIME of it: it is made anew of its properties
	why     error // and of those neither; it was set aside. nil: the connection broke
	clear   bool  // the server said so, or answered with rubbish: it is not the line
	after   int   // pass.read at that time
}

// step does the next piece of work; io.EOF says that the pass is over.
func (s *Source) step(ctx context.Context) error {
	c, err := s.reach(ctx)
	if err != nil {
		return err
	}
	if s.pass == nil {
		if err := s.loadStates(ctx); err != nil {
			return err
		}
		s.pass = &pass{folders: slices.Clone(s.folders), met: map[string]string{}, finder: &resolver{c: c, l: s.links[0]}}
	}
	p := s.pass
	switch {
	case len(p.batches) > 0:
		return s.fetch(ctx, p)
	case p.at != nil && s.cfg.Intake == NewMail:
		return s.changes(ctx, p)
	case p.at != nil:
		return s.look(ctx, p)
	case len(p.folders) > 0:
		return s.enter(ctx, p)
	}
	return s.finish(ctx, p)
}

// finish ends a pass. Mails that were set aside are tried again; without Watch,
// until they come, or Next is not called any more.
func (s *Source) finish(ctx context.Context, p *pass) error {
	if len(p.hurt) > 0 && !p.again {
		p.batches, p.hurt, p.again = p.hurt, nil, true
		return nil
	}
	if s.judge(ctx, p); len(s.ready) > 0 {
		return nil
	}
	if err := s.saveStates(ctx); err != nil {
		return err
	}
	if len(p.missing) > 0 && (!s.cfg.Watch || len(p.missing) == len(s.folders)) && len(p.hurt) == 0 {
		return together(p.missing)
	}
	if len(p.hurt) > 0 && !s.cfg.Watch {
		p.batches, p.hurt, p.last = p.hurt, nil, true
		return nil
	}
	s.pass = nil
	return io.EOF
}

// enter finds the next folder.
func (s *Source) enter(ctx context.Context, p *pass) error {
	f := p.folders[0]
	k, err := p.finder.find(ctx, f.name)
	switch {
	case errors.Is(err, errMissing):
		s.leaveOut(p, f, err)
		return nil
	case err != nil:
		return err
	case p.met[k.id] != "":
		s.leaveOut(p, f, nil)
		if s.once("twice " + f.name) {
			s.cfg.Log.Warn("two names of the configuration are one folder: it is read once", "folder", f.name, "is", p.met[k.id])
		}
		return nil
	}
	p.met[k.id] = f.name
	s.meet(f, k.id)
	p.at, p.view, p.folders = f, nil, p.folders[1:]
	return nil
}

// leaveOut goes on with the other folders.
func (s *Source) leaveOut(p *pass, f *folder, err error) {
	p.at, p.view = nil, nil
	p.folders = slices.DeleteFunc(p.folders, func(other *folder) bool { return other == f })
	if err == nil {
		return
	}
	p.missing = append(p.missing, err)
	if s.once("missing " + f.name) {
		s.cfg.Log.Error("folder is left out", "err", err)
	}
}

// meet compares the id of a folder with the one that is known. A folder that was
// made anew has other mails.
func (s *Source) meet(f *folder, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.id != "" && f.id != id {
		s.cfg.Log.Warn("there is another folder of that name now: its mails count as new", "folder", f.name)
		f.restart("")
	}
	f.id = id
	f.rewind(s.cfg.Clock.Now())
}

// rewind has changes listed again of which a mail was handed out too long ago.
func (f *folder) rewind(now time.Time) {
	for _, p := range f.pages {
		for id := range p.open {
			if at, given := f.given[id]; !given || now.Sub(at) >= giveAgain {
				f.restart(f.saved)
				return
			}
		}
	}
	f.state = f.saved
	if n := len(f.pages); n > 0 {
		f.state = f.pages[n-1].state
	}
}

// folderTrouble decides about a refusal while a folder is listed: the folder may
// have gone.
func (s *Source) folderTrouble(p *pass, err error) error {
	words := p.finder.c.about(p.at.name, err)
	if !is(err, noFolder...) {
		return words
	}
	s.leaveOut(p, p.at, mailbox.Marked(words.Error(), errMissing))
	return nil
}

// origin identifies a mail.
func (s *Source) origin(m mail) engine.Origin {
	short := sha256.Sum256([]byte(m.id))
	return engine.Origin{
		Source: s.cfg.Name, Account: s.cfg.Email, Folder: m.folder.name, ID: m.id,
		Name: m.folder.name + "/" + hex.EncodeToString(short[:5]), Received: m.received,
	}
}

// take decides which listed mails are fetched: those that are not known and not
// under way, and not too old. It carries receipts of known ones out again.
func (s *Source) take(ctx context.Context, mails []mail) ([]mail, error) {
	mails = slices.DeleteFunc(mails, s.tooOld)
	var fresh []mail
	for some := range slices.Chunk(mails, askedOfUs) {
		more, err := s.unknown(ctx, some)
		if err != nil {
			return nil, err
		}
		fresh = append(fresh, more...)
	}
	return fresh, nil
}

func (s *Source) tooOld(m mail) bool {
	return !s.cfg.Since.IsZero() && !m.received.IsZero() && m.received.Before(s.cfg.Since)
}

func (s *Source) unknown(ctx context.Context, mails []mail) ([]mail, error) {
	receipts, err := s.receipts(ctx, mails)
	if err != nil {
		return nil, err
	}
	var fresh []mail
	var handled, due []engine.Receipt
	for i, m := range mails {
		switch r := receipts[i]; {
		case r == nil && !s.underWay(m):
			fresh = append(fresh, m)
		case r == nil:
		case s.done(m, r.Route):
			handled = append(handled, *r)
		default:
			handled, due = append(handled, *r), append(due, *r)
		}
	}
	if !s.cfg.ReadOnly && len(due) > 0 {
		if err := s.carryOut(ctx, due); err != nil {
			s.cfg.Log.Warn("mails that were handled before could not be acknowledged", "mails", len(due), "err", err)
		}
	}
	s.settle(handled)
	return fresh, context.Cause(ctx)
}

// receipts asks what is known of mails.
func (s *Source) receipts(ctx context.Context, mails []mail) ([]*engine.Receipt, error) {
	var origins []engine.Origin
	for _, m := range mails {
		origins = append(origins, s.origin(m))
	}
	return s.cfg.Known.Ask(ctx, origins)
}

// underWay tells whether this process has handed the mail out, and need not
// think that it was given up.
func (s *Source) underWay(m mail) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.folder.acked[m.id] || m.folder.prior[m.id] {
		return true
	}
	at, given := m.folder.given[m.id]
	return given && s.cfg.Clock.Now().Sub(at) < giveAgain
}

// done tells whether the server shows what a route asks for.
func (s *Source) done(m mail, r engine.Route) bool {
	seen, category := marks(r)
	return (r.MoveTo == "" || r.MoveTo == m.folder.name) && (m.read || !seen) && (category == "" || containsFold(m.categories, category))
}

// batches puts mails into batches, in order. One that is as large as a batch is
// alone.
func (s *Source) batches(mails []mail) []*batch {
	var all []*batch
	var bytes int64
	for _, m := range mails {
		size := min(m.size, s.cfg.Limits.Message)
		if len(all) == 0 || len(all[len(all)-1].mails) == batchMails || bytes+size > s.cfg.Chunk {
			all, bytes = append(all, &batch{}), 0
		}
		last := all[len(all)-1]
		last.mails = append(last.mails, m)
		bytes += size
	}
	return all
}
