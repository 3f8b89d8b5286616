package imap

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

const (
	maxTries  = 3       // at a single mail, before it is set aside
	maxBlamed = 3       // mails in a row; more than that, and it is the server
	maxDrain  = 1 << 20 // bytes beyond the cap that are read to save the connection
)

// errOver ends a connection on which more of a mail would come than is wanted.
var errOver = errors.New("the rest of a mail above the cap is not read")

// errTorn marks a literal that ended before its time.
var errTorn = errors.New("a literal ends early")

// torn ends a session at a literal that the connection cut short.
//
// QUIRK: such a literal reads like one that is over; only its length tells. Its
// reader goes on in the goroutine of the library then, so that nothing may be
// read of that command any more, not even to discard it.
func (c *session) torn() error {
	c.wire.end(net.ErrClosed)
	c.over()
	return errTorn
}

// fetched is a body that came whole, or up to the cap.
type fetched struct {
	uid    goimap.UID
	raw    engine.Blob
	digest string
}

// fetch asks for the bodies of the next batch. What came is ready, whatever
// happened then; what did not come is tried again, in smaller pieces if nothing
// came at all.
func (s *Source) fetch(ctx context.Context, p *pass) error {
	b := p.batches[0]
	f := b.mails[0].folder
	c, err := s.reading(ctx, f)
	if errors.Is(err, errEpoch) {
		p.again(f)
		return nil
	}
	if err != nil {
		return err
	}
	got, err := s.bodies(ctx, c, b)
	if errors.Is(err, errGarbled) {
		got = b.trusted(got)
	}
	came := s.receive(p, b, got)
	switch {
	case len(b.mails) == 0:
		p.batches = p.batches[1:]
		return nil
	case err == nil:
		return s.absent(ctx, c, p, b)
	case came && context.Cause(ctx) == nil:
		return nil // progress: what is left is asked for again
	}
	return s.fruitless(ctx, c, p, b, err)
}

// trusted leaves out the body before a place that cannot be read, unless it has
// the size that it should have: its literal may have been announced too small.
func (b *batch) trusted(got []fetched) []fetched {
	if len(got) == 0 {
		return nil
	}
	last := got[len(got)-1]
	i := slices.IndexFunc(b.mails, func(m mail) bool { return m.uid == last.uid })
	if i >= 0 && b.mails[i].size == last.raw.Size() {
		return got
	}
	return got[:len(got)-1]
}

// receive makes deliveries of bodies and takes them out of the batch. It tells
// whether there were any.
func (s *Source) receive(p *pass, b *batch, got []fetched) bool {
	before := len(b.mails)
	for _, g := range got {
		i := slices.IndexFunc(b.mails, func(m mail) bool { return m.uid == g.uid })
		if i < 0 {
			continue
		}
		o := s.origin(b.mails[i])
		o.Digest = g.digest
		s.give(b.mails[i], engine.Delivery{Raw: g.raw, Origin: o})
		b.mails = slices.Delete(b.mails, i, i+1)
	}
	came := before - len(b.mails)
	if came > 0 {
		s.failures, b.tries, p.blamed, p.read = 0, 0, 0, p.read+came
	}
	return came > 0
}

func (s *Source) give(m mail, d engine.Delivery) {
	s.ready = append(s.ready, d)
	s.mu.Lock()
	defer s.mu.Unlock()
	m.folder.given[m.uid] = s.cfg.Clock.Now()
}

// fruitless decides what becomes of a batch of which nothing came. Where the
// answer cannot be read, or the server refuses, halves find the mail that is to
// blame. Where the connection broke, the first mail is tried alone, and set aside
// when that happens again and again.
func (s *Source) fruitless(ctx context.Context, c *session, p *pass, b *batch, err error) error {
	var no *goimap.Error
	doubtful := errors.Is(err, errGarbled) || errors.As(err, &no) && !busy(no)
	switch n := len(b.mails); {
	case context.Cause(ctx) != nil:
		return context.Cause(ctx)
	case doubtful && n > 1:
		p.split(n / 2)
		return nil
	case doubtful:
		return s.doubt(p, c.no(err), errors.Is(err, errGarbled))
	case errors.Is(err, errLost) && n > 1:
		p.split(1)
	case errors.Is(err, errLost):
		p.stumble()
	}
	return fmt.Errorf("read %s: %w", s.origin(b.mails[0]).Name, c.no(err))
}

// split makes two batches of the first.
func (p *pass) split(at int) {
	b := p.batches[0]
	p.batches = append([]*batch{{mails: b.mails[:at:at]}, {mails: b.mails[at:]}}, p.batches[1:]...)
}

// stumble counts what a single mail has cost, and puts it behind the others
// when that is too much.
func (p *pass) stumble() {
	p.batches[0].tries++
	if p.last || p.batches[0].tries >= maxTries {
		p.aside()
	}
}

// aside puts the first batch, of one mail, behind all others.
func (p *pass) aside() {
	b := p.batches[0]
	p.batches, b.after = p.batches[1:], p.read
	if p.last {
		p.batches = append(p.batches, b)
		return
	}
	p.hurt = append(p.hurt, b)
}

// doubt decides about a single mail whose bytes the server does not give: is it
// the mail, or the server? Where others came before, and it is not one of
// many, an answer that cannot be read is blamed on the mail. Everything else waits
// for the end of the pass.
func (s *Source) doubt(p *pass, why error, garbled bool) error {
	b := p.batches[0]
	b.why, b.garbled = why, garbled
	switch {
	case garbled && p.read > 0 && p.blamed < maxBlamed && !p.last:
		p.blamed++
		p.batches = p.batches[1:]
		s.unreadable(b.mails[0], why)
		return nil
	case p.last:
		p.aside()
		return mailbox.Temporary("read %s: %s", s.origin(b.mails[0]).Name, why)
	}
	p.aside()
	return nil
}

// judge looks at the mails that were set aside. Where others came after one that
// the server did not give, or there is no other to compare with, it is the mail.
func (s *Source) judge(p *pass) {
	alone := p.read == 0 && len(p.hurt) == 1
	p.hurt = slices.DeleteFunc(p.hurt, func(b *batch) bool {
		guilty := b.why != nil && (p.read > b.after || alone && b.garbled)
		if guilty {
			s.unreadable(b.mails[0], b.why)
		}
		return guilty
	})
	if n := len(p.hurt); n > 0 {
		s.cfg.Log.Error("mails could not be read and are left for later", "mails", n, "first", s.origin(p.hurt[0].mails[0]).Name)
	}
}

// unreadable delivers a mail whose bytes the server does not give.
func (s *Source) unreadable(m mail, err error) {
	o := s.origin(m)
	s.cfg.Log.Error("mail cannot be read", "mail", o.Name, "err", err)
	detail := "the mail cannot be read from its mailbox: " + err.Error()
	s.give(m, engine.Delivery{Raw: engine.Empty, Origin: o, Defects: []engine.Defect{{Code: engine.DefectEntry, Part: o.Name, Detail: detail}}})
}

// absent looks after mails that were asked for and did not come, though the
// command succeeded: those that are gone are left out, others are asked for one
// by one, and not for ever.
func (s *Source) absent(ctx context.Context, c *session, p *pass, b *batch) error {
	left, err := c.search(ctx, &goimap.SearchCriteria{UID: []goimap.UIDSet{b.set()}})
	if err != nil {
		return fmt.Errorf("read %s: %w", s.origin(b.mails[0]).Name, err)
	}
	p.batches = p.batches[1:]
	var alone []*batch
	for _, m := range b.mails {
		switch {
		case !left.Contains(m.uid):
			s.gone(m)
		default:
			alone = append(alone, &batch{mails: []mail{m}, tries: b.tries + 1})
		}
	}
	p.batches = append(alone, p.batches...)
	if len(b.mails) == 1 && len(alone) == 1 && alone[0].tries >= maxTries {
		return s.doubt(p, errors.New("the server has no bytes of it"), true)
	}
	return nil
}

func (s *Source) gone(m mail) {
	s.cfg.Log.Info("mail disappeared before it was read", "mail", s.origin(m).Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(m.folder.open, m.uid)
}

// bodies fetches what it can of a batch.
func (s *Source) bodies(ctx context.Context, c *session, b *batch) (got []fetched, err error) {
	limit := s.cfg.Limits.Message
	section := &goimap.FetchItemBodySection{Peek: true}
	if len(b.mails) == 1 && b.mails[0].size > limit {
		section.Partial = &goimap.SectionPartial{Offset: 0, Size: limit + 1}
	}
	which, err := c.numbers(ctx, b)
	if err != nil {
		return nil, err
	}
	var local error
	err = c.do(ctx, s.price(b), func() error {
		cmd := c.client.Fetch(which, &goimap.FetchOptions{UID: true, BodySection: []*goimap.FetchItemBodySection{section}})
		for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
			g, err := s.body(msg, c)
			if errors.Is(err, errTorn) {
				return c.torn()
			}
			if g.raw != nil {
				got = append(got, g)
			}
			if local = err; err != nil {
				c.wire.end(err)
				break
			}
		}
		return cmd.Close()
	})
	switch {
	case errors.Is(err, errStuck):
		return nil, err
	case local != nil:
		return got, mailbox.Temporary("%s", local)
	}
	return got, err
}

// numbers is how a batch is asked for: by UID, or, when that brought nothing,
// by its number.
//
// QUIRK: the library drops a body that comes before the UID in an answer to UID
// FETCH. Servers may send them in that order (RFC 3501 7.4.2).
func (c *session) numbers(ctx context.Context, b *batch) (goimap.NumSet, error) {
	if b.tries == 0 || len(b.mails) != 1 {
		return b.set(), nil
	}
	now, err := c.details(ctx, b.mails[0].folder, b.set())
	if err != nil || len(now) != 1 {
		return b.set(), err
	}
	return goimap.SeqSetNum(now[0].number), nil
}

// price is what a batch may cost. Servers round sizes; a mail alone may be as
// large as the cap.
func (s *Source) price(b *batch) cost {
	var size int64
	for _, m := range b.mails {
		size += min(m.size, s.cfg.Limits.Message)
	}
	may := cost{bytes: 2*size + int64(len(b.mails))*(256<<10) + 1<<20, bodies: true}
	if len(b.mails) == 1 {
		may.bytes = s.cfg.Limits.Message + 2*maxDrain
	}
	may.time = time.Duration(size/(16<<10)) * time.Second
	return may
}

// body spools one mail. raw is nil when the server has no bytes of it. The error
// is errTorn, or one of the spool.
func (s *Source) body(msg *imapclient.FetchMessageData, c *session) (fetched, error) {
	var g fetched
	for item := msg.Next(); item != nil; item = msg.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			g.uid = item.UID
		case imapclient.FetchItemDataBodySection:
			if item.Literal == nil || g.raw != nil {
				continue // NIL: no bytes
			}
			var err error
			if g.raw, g.digest, err = s.spool(c, item.Literal); err != nil {
				return fetched{}, err
			}
		}
	}
	return g, nil
}

// spool copies a literal up to one byte beyond the cap, as parsers want it. When
// there is much more, the connection is ended instead of reading it.
func (s *Source) spool(c *session, lit goimap.LiteralReader) (engine.Blob, string, error) {
	spool := engine.Spool{Dir: s.cfg.TempDir, Threshold: s.cfg.Limits.Leaf}
	hash := sha256.New()
	want := min(lit.Size(), s.cfg.Limits.Message+1)
	if s.buf == nil {
		s.buf = make([]byte, 64<<10)
	}
	into := &failing{w: io.MultiWriter(&spool, hash)}
	n, _ := io.CopyBuffer(into, io.LimitReader(lit, want), s.buf)
	switch {
	case into.err != nil:
		return nil, "", into.err
	case n < want:
		return nil, "", errTorn
	case lit.Size()-want > maxDrain:
		c.wire.end(errOver)
	}
	return spool.Blob(), hex.EncodeToString(hash.Sum(nil)), nil
}

// failing remembers the error of a writer, to tell it from the reader's.
type failing struct {
	w   io.Writer
	err error
}

func (f *failing) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	f.err = err
	return n, err
}
