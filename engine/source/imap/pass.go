package imap

import (
	"context"
	"errors"
	"fmt"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

const (
	windowMails = 1000    // whose details are asked for at a time
	batchMails  = 50      // whose bodies are
	batchBytes  = 8 << 20 // of them
)

// pass is one way through the folders. It belongs to Next. What is in it has
// not been done: a step that fails is done again.
type pass struct {
	folders []*folder // to come
	at      *folder
	rest    goimap.UIDSet // of it: candidates whose details are not known
	window  int           // how many of them are asked for at a time
	cuts    int           // of the connection in a row, while listing
	batches []*batch      // whose bodies are not fetched
	hurt    []*batch      // single mails that did not come, behind all others
	last    bool          // the hurt ones are tried for the last time
	read    int           // mails whose bodies came
	blamed  int           // and did not, since one came
	missing []error       // folders that are not there
}

// batch is what one FETCH asks for.
type batch struct {
	mails []mail
	tries int // that came to nothing

	// of a single mail that was set aside:
	why     error // the server did not give it; nil: the connection broke
	garbled bool  // its answer could not be read
	after   int   // pass.read at that time
}

// step does the next piece of work; errEOF says that the pass is over.
func (s *Source) step(ctx context.Context) error {
	if s.pass == nil {
		if err := s.loadMarks(ctx); err != nil {
			return err
		}
		s.pass = &pass{folders: slices.Clone(s.folders), window: windowMails}
	}
	p := s.pass
	switch {
	case len(p.batches) > 0:
		return s.fetch(ctx, p)
	case len(p.rest) > 0:
		return s.list(ctx, p)
	case len(p.folders) > 0:
		return s.enter(ctx, p)
	}
	return s.finish(ctx, p)
}

// finish ends a pass. Without Watch, mails that were set aside are tried until
// they come, or Next is not called any more.
func (s *Source) finish(ctx context.Context, p *pass) error {
	if s.judge(p); len(s.ready) > 0 {
		return nil
	}
	if err := s.saveMarks(ctx); err != nil {
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
	return errEOF
}

// enter selects the next folder and asks for its candidates.
func (s *Source) enter(ctx context.Context, p *pass) error {
	f := p.folders[0]
	if f == s.folders[0] {
		s.clearHint() // what comes from here on is not in this pass
	}
	err := s.with(ctx, &s.reader, func(c *session) error {
		if err := c.choose(ctx, f.name, s.cfg.ReadOnly); err != nil {
			return err
		}
		if err := s.fitting(c); err != nil {
			return err
		}
		s.meet(f, c.selected.epoch)
		f.mails = c.selected.mails
		found, err := s.candidates(ctx, c, f)
		p.rest = found
		return err
	})
	if errors.Is(err, errMissing) {
		if s.once("missing " + f.name) {
			s.cfg.Log.Error("folder is left out", "err", err)
		}
		p.missing = append(p.missing, err)
		p.folders = p.folders[1:]
		return nil
	}
	if err != nil {
		return err
	}
	p.at, p.folders = f, p.folders[1:]
	return nil
}

// fitting tells whether the selected folder can do what the intake needs.
func (s *Source) fitting(c *session) error {
	at := c.selected
	if at.readOnly && !s.cfg.ReadOnly && s.once("read-only "+at.name) {
		s.cfg.Log.Warn("the folder is read-only: mails stay unread, and only what this program remembers keeps them from being handled again", "folder", at.name)
	}
	if s.cfg.Intake == ByKeyword && !at.readOnly && !at.permits(goimap.Flag(s.cfg.Keyword)) {
		return mailbox.Final("folder %q: the server keeps no keywords there: say intake: unread or intake: new", at.name)
	}
	return nil
}

// permits tells whether a flag can be set for good. A server that does not say
// permits all (RFC 3501 7.1).
func (at *selection) permits(flag goimap.Flag) bool {
	return len(at.flags) == 0 || slices.Contains(at.flags, goimap.FlagWildcard) || slices.Contains(at.flags, flag)
}

// meet compares the epoch of a folder with the one that is known.
func (s *Source) meet(f *folder, epoch uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.epoch != 0 && f.epoch != epoch {
		s.cfg.Log.Warn("UIDVALIDITY has changed: all mails of the folder count as new", "folder", f.name, "was", f.epoch, "is", epoch)
	}
	if f.epoch != epoch {
		f.begin(epoch)
	}
}

// reading returns the reader's session with the folder of the pass selected. The
// error is errEpoch when the folder is not the one any more whose mails the pass
// knows.
func (s *Source) reading(ctx context.Context, f *folder) (*session, error) {
	c, _, err := s.session(ctx, &s.reader)
	if err != nil {
		return nil, err
	}
	if c.selected == nil || c.selected.name != f.name {
		if err := c.choose(ctx, f.name, s.cfg.ReadOnly); err != nil {
			return nil, err
		}
	}
	if c.selected.epoch != f.epoch {
		return nil, errEpoch
	}
	return c, nil
}

// again makes the pass forget a folder and enter it anew.
func (p *pass) again(f *folder) {
	p.rest = nil
	p.batches = slices.DeleteFunc(p.batches, func(b *batch) bool { return b.mails[0].folder == f })
	p.hurt = slices.DeleteFunc(p.hurt, func(b *batch) bool { return b.mails[0].folder == f })
	p.folders = append([]*folder{f}, p.folders...)
}

// list asks for the details of the next candidates and makes batches of those
// that are wanted.
func (s *Source) list(ctx context.Context, p *pass) error {
	c, err := s.reading(ctx, p.at)
	if errors.Is(err, errEpoch) {
		p.again(p.at)
		return nil
	}
	if err != nil {
		return err
	}
	window, rest := take(p.rest, p.window)
	mails, err := c.details(ctx, p.at, window)
	if err != nil {
		var smaller bool
		if mails, smaller, err = p.narrow(window, err); smaller {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("folder %q: list mails: %w", p.at.name, c.no(err))
	}
	p.cuts = 0
	mails, err = s.unknown(ctx, slices.DeleteFunc(mails, s.tooOld))
	if err != nil {
		return err
	}
	s.plan(p.at, mails, window[len(window)-1].Stop)
	p.rest, p.batches, p.window = rest, batches(mails, s.cfg.Limits.Message), min(2*p.window, windowMails)
	return nil
}

// narrow makes smaller windows where a listing cannot be read, or the connection
// breaks in it twice, until the mail that is to blame is alone. That is taken
// without details: its body may still be read.
func (p *pass) narrow(window goimap.UIDSet, err error) (mails []mail, smaller bool, _ error) {
	lost := errors.Is(err, errLost)
	if lost {
		p.cuts++
	}
	switch n := count(window); {
	case lost && p.cuts < 2, !lost && !errors.Is(err, errGarbled):
		return nil, false, err
	case n > 1:
		p.window = int(n / 2)
		return nil, !errors.Is(err, errSilent), err
	}
	return []mail{{folder: p.at, uid: window[0].Start}}, false, nil
}

// plan remembers which mails will be handed out, of all up to top.
func (s *Source) plan(f *folder, mails []mail, top goimap.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range mails {
		f.open[m.uid] = true
	}
	f.top = max(f.top, top)
}

func (s *Source) tooOld(m mail) bool {
	return !s.cfg.Since.IsZero() && !m.received.IsZero() && m.received.Before(s.cfg.Since)
}

// unknown drops mails that are on their way already, and those that were handled
// before: their receipts are carried out again where that was not done.
func (s *Source) unknown(ctx context.Context, mails []mail) ([]mail, error) {
	receipts, err := s.receipts(ctx, mails)
	if err != nil {
		return nil, err
	}
	var fresh []mail
	var known, due []engine.Receipt
	for i, m := range mails {
		switch r := receipts[i]; {
		case r == nil && !s.underWay(m):
			fresh = append(fresh, m)
		case r == nil:
		case s.done(m, r.Route):
			known = append(known, *r)
		default:
			known, due = append(known, *r), append(due, *r)
		}
	}
	if !s.cfg.ReadOnly && len(due) > 0 {
		if err := s.carryOut(ctx, due); err != nil {
			s.cfg.Log.Warn("mails that were handled before could not be acknowledged", "mails", len(due), "err", err)
		}
	}
	s.settle(known)
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
	if m.folder.acked.Contains(m.uid) {
		return true
	}
	at, given := m.folder.given[m.uid]
	return given && s.cfg.Clock.Now().Sub(at) < giveAgain
}

// done tells whether the server shows what a route asks for.
func (s *Source) done(m mail, r engine.Route) bool {
	if r.MoveTo != "" && r.MoveTo != m.folder.name {
		return false
	}
	return !slices.ContainsFunc(s.cfg.flagsOf(r), func(f goimap.Flag) bool { return !slices.Contains(m.flags, f) })
}

// batches puts mails into batches, in order. One that is as large as a batch is
// alone.
func batches(mails []mail, limit int64) []*batch {
	var all []*batch
	var bytes int64
	for _, m := range mails {
		size := min(m.size, limit)
		if len(all) == 0 || len(all[len(all)-1].mails) == batchMails || bytes+size > batchBytes {
			all, bytes = append(all, &batch{}), 0
		}
		last := all[len(all)-1]
		last.mails = append(last.mails, m)
		bytes += size
	}
	return all
}

func (b *batch) set() goimap.UIDSet {
	var set goimap.UIDSet
	for _, m := range b.mails {
		set.AddNum(m.uid)
	}
	return set
}
