package ews

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

const maxTries = 3 // at a single mail, before it is set aside

// fetched is a mail that came.
type fetched struct {
	mail     mail
	delivery engine.Delivery
}

// result is what one GetItem brought.
type result struct {
	asked   int // for so many mails; 0: one, by its properties
	got     []fetched
	refused []denied // mails, one by one
	err     error    // of the call
}

// denied is a mail that the server does not give.
type denied struct {
	mail mail
	err  error
}

// fetch asks for the next batches, over as many connections as the server bears.
// What came is ready, in order, whatever happened then; what did not come is tried
// again, in smaller pieces if nothing came at all.
func (s *Source) fetch(ctx context.Context, p *pass) error {
	c := p.finder.c
	some := slices.Clone(p.batches[:min(len(p.batches), len(s.links), c.gate.wide())])
	results := make([]result, len(some))
	var workers sync.WaitGroup
	for i, b := range some {
		workers.Go(func() { results[i] = s.contents(ctx, c, s.links[i], b) })
	}
	workers.Wait()
	came := 0
	for i, b := range some {
		came += s.receive(p, b, results[i].got)
	}
	var failed error
	for i, b := range some {
		if err := s.sort(ctx, p, b, results[i]); err != nil && failed == nil {
			failed = err
		}
	}
	if came > 0 && context.Cause(ctx) == nil && errors.Is(failed, engine.ErrTemporary) {
		return nil // progress: what is left is asked for again
	}
	return failed
}

// contents fetches what it can of a batch.
func (s *Source) contents(ctx context.Context, c *client, l *link, b *batch) (r result) {
	if b.refused != nil {
		return s.remake(ctx, c, l, b.mails[0], b.refused)
	}
	var asked []string
	for _, m := range b.mails {
		asked = append(asked, m.id)
	}
	at := 0
	k := call{spool: s.spool, limit: s.cfg.Limits.Message}
	k.all, k.time = s.price(b)
	k.body = func(string) string {
		r, at = result{asked: len(b.mails)}, 0 // another attempt
		return `<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:IncludeMimeContent>true</t:IncludeMimeContent></m:ItemShape><m:ItemIds>` + itemIDs(asked) + `</m:ItemIds></m:GetItem>`
	}
	r.err = c.do(ctx, l, k, func(m *element) error {
		if at < len(b.mails) {
			r.take(s, b, at, m)
		}
		at++
		return nil
	})
	return r
}

// take reads the answer for one mail. Answers stand in the order of the
// questions; a refusal does not name what it refuses.
func (r *result) take(s *Source, b *batch, at int, m *element) {
	which := b.mails[at]
	if err := refusalOf(m); err != nil {
		r.refused = append(r.refused, denied{which, err})
		return
	}
	var item *element
	for _, e := range elements(m.at("Items")) {
		item = e
	}
	id := item.at("ItemId").attr("Id")
	if i := slices.IndexFunc(b.mails, func(m mail) bool { return m.id == id }); i >= 0 {
		which = b.mails[i]
	}
	mime := item.at("MimeContent")
	switch {
	case mime == nil || mime.content == nil || !mime.content.filled:
		r.refused = append(r.refused, denied{which, &refusal{code: "no MIME", text: ""}})
	case mime.content.bad != nil:
		r.refused = append(r.refused, denied{which, &refusal{code: "broken MIME", text: mime.content.bad.Error()}})
	default:
		o := s.origin(which)
		o.Digest = hex.EncodeToString(mime.content.hash.Sum(nil))
		r.got = append(r.got, fetched{which, engine.Delivery{Raw: mime.content.spool.Blob(), Origin: o}})
	}
}

func (s *Source) spool() engine.Spool {
	return engine.Spool{Dir: s.cfg.TempDir, Threshold: s.cfg.Limits.Leaf}
}

// price is what a batch may cost. The server's size is not that of MIME, whose
// attachments are in base64, in an answer that is in base64 again.
func (s *Source) price(b *batch) (bytes int64, d time.Duration) {
	var size int64
	for _, m := range b.mails {
		size += min(m.size, s.cfg.Limits.Message)
	}
	bytes = 4*size + int64(len(b.mails))*(256<<10) + 1<<20
	if len(b.mails) == 1 {
		bytes = s.cfg.Limits.Message/2*3 + 4*maxDrain
	}
	return bytes, time.Duration(size/(16<<10)) * time.Second
}

// receive takes mails that came out of a batch, and tells how many there were.
func (s *Source) receive(p *pass, b *batch, got []fetched) int {
	before := len(b.mails)
	for _, g := range got {
		if b.remove(g.mail) {
			s.give(g.mail, g.delivery)
		}
	}
	came := before - len(b.mails)
	if came > 0 {
		s.failures, b.tries, p.read = 0, 0, p.read+came
		p.witness = &got[0].mail
	}
	return came
}

func (b *batch) remove(m mail) bool {
	i := slices.IndexFunc(b.mails, func(other mail) bool { return other.id == m.id })
	if i >= 0 {
		b.mails = slices.Delete(slices.Clone(b.mails), i, i+1)
	}
	return i >= 0
}

func (s *Source) give(m mail, d engine.Delivery) {
	s.ready = append(s.ready, d)
	s.mu.Lock()
	defer s.mu.Unlock()
	m.folder.given[m.id] = s.cfg.Clock.Now()
}

// sort decides what becomes of the mails of a batch that did not come.
func (s *Source) sort(ctx context.Context, p *pass, b *batch, r result) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	progress := len(r.got) > 0
	var wait error
	for _, d := range r.refused {
		if is(d.err, crowded...) || is(d.err, transient...) && !is(d.err, unsure...) {
			wait = d.err
			continue
		}
		progress = true
		if err := s.refused(p, b, d, r.asked <= 1); err != nil {
			return err
		}
	}
	p.finder.c.holdsBack(wait)
	switch {
	case len(b.mails) == 0:
		p.replace(b)
		return nil
	case errors.Is(r.err, errOver):
		return nil // the others are asked for again
	case r.err != nil && progress:
		return nil
	case r.err != nil:
		return s.fruitless(p, b, r.err)
	case wait != nil:
		return fmt.Errorf("read %s: %w", s.origin(b.mails[0]).Name, p.finder.c.words(wait))
	case len(r.refused) > 0:
		return nil // what had no answer is asked for again
	}
	return s.absent(p, b)
}

// refused decides about one mail that the server does not give.
func (s *Source) refused(p *pass, b *batch, d denied, alone bool) error {
	why := p.finder.c.words(d.err)
	switch {
	case is(d.err, gone...):
		b.remove(d.mail)
		s.gone(d.mail)
	case !alone && (is(d.err, "ErrorMessageSizeExceeded") || is(d.err, unsure...)):
		b.remove(d.mail) // the answer may have been too much, not the mail
		p.replace(b, b, &batch{mails: []mail{d.mail}})
	case is(d.err, unsure...):
		return s.doubt(p, b, why, false)
	case b.refused == nil:
		b.remove(d.mail)
		p.replace(b, b, &batch{mails: []mail{d.mail}, refused: why})
	default:
		b.remove(d.mail)
		s.unreadable(d.mail, fmt.Errorf("%w; and made anew: %w", b.refused, why))
	}
	return nil
}

// replace puts batches in the place of one.
func (p *pass) replace(b *batch, with ...*batch) {
	i := slices.Index(p.batches, b)
	if i < 0 {
		return
	}
	with = slices.DeleteFunc(with, func(b *batch) bool { return len(b.mails) == 0 })
	p.batches = slices.Replace(slices.Clone(p.batches), i, i+1, with...)
}

// fruitless decides what becomes of a batch of which nothing came. Where the
// answer cannot be read, or the server refuses all of it, halves find the mail
// that is to blame. Where the connection broke, the first mail is tried alone, and
// set aside when that happens again and again.
func (s *Source) fruitless(p *pass, b *batch, err error) error {
	c := p.finder.c
	var no *refusal
	errors.As(err, &no)
	doubtful := errors.Is(err, errGarbled) || no != nil && (!is(err, transient...) || is(err, unsure...)) && !is(err, "ErrorAccessDenied", "ErrorImpersonateUserDenied", "ErrorNonExistentMailbox")
	err = c.words(err)
	switch n := len(b.mails); {
	case doubtful && n > 1:
		p.replace(b, &batch{mails: b.mails[:n/2]}, &batch{mails: b.mails[n/2:]})
		return nil
	case doubtful:
		return s.doubt(p, b, err, errors.Is(err, errGarbled))
	case errors.Is(err, errLost) && n > 1:
		p.replace(b, &batch{mails: b.mails[:1]}, &batch{mails: b.mails[1:]})
	case errors.Is(err, errLost):
		p.stumble(b)
	}
	return fmt.Errorf("read %s: %w", s.origin(b.mails[0]).Name, err)
}

// stumble counts what a single mail has cost, and puts it behind the others
// when that is too much.
func (p *pass) stumble(b *batch) {
	if b.tries++; p.last || b.tries >= maxTries {
		p.aside(b)
	}
}

// aside puts a batch, of one mail, behind all others.
func (p *pass) aside(b *batch) {
	p.replace(b)
	b.tries, b.refused = 0, nil
	if !p.again {
		b.after = p.read
	}
	if p.last {
		p.batches = append(p.batches, b)
		return
	}
	p.hurt = append(p.hurt, b)
}

// doubt decides about a single mail that the server did not give, when nobody can
// tell whether that is the mail's fault. It is tried a few times, then a few times
// more behind all others, then made anew of its properties; after that it is up to
// judge.
func (s *Source) doubt(p *pass, b *batch, why error, garbled bool) error {
	switch b.tries++; {
	case b.tries < maxTries && !p.last:
	case !p.again && !p.last:
		p.aside(b)
	case b.refused == nil:
		b.refused, b.tries = why, 0
	default:
		b.why, b.clear = why, garbled
		p.aside(b)
		if p.last {
			return mailbox.Temporary("read %s: %s", s.origin(b.mails[0]).Name, why)
		}
	}
	return nil
}

// judge looks at the mails that did not come after all. Where others came after
// one that the server did not give, or one that came comes again, or there is no
// other to compare with and the answer is rubbish, it is the mail.
func (s *Source) judge(ctx context.Context, p *pass) {
	alone := p.read == 0 && len(p.hurt) == 1
	healthy := slices.ContainsFunc(p.hurt, func(b *batch) bool { return b.why != nil && p.read <= b.after }) && s.healthy(ctx, p)
	p.hurt = slices.DeleteFunc(p.hurt, func(b *batch) bool {
		guilty := b.why != nil && (healthy || p.read > b.after || alone && b.clear)
		if guilty {
			s.unreadable(b.mails[0], b.why)
		}
		return guilty
	})
	if n := len(p.hurt); n > 0 {
		s.cfg.Log.Error("mails could not be read and are left for later", "mails", n, "first", s.origin(p.hurt[0].mails[0]).Name)
	}
}

// healthy tells whether the server still gives a mail that it gave before.
func (s *Source) healthy(ctx context.Context, p *pass) bool {
	if p.witness == nil {
		return false
	}
	r := s.contents(ctx, p.finder.c, s.links[0], &batch{mails: []mail{*p.witness}})
	return len(r.got) == 1
}

// unreadable delivers a mail that the server does not give.
func (s *Source) unreadable(m mail, err error) {
	o := s.origin(m)
	s.cfg.Log.Error("mail cannot be read", "mail", o.Name, "err", err)
	detail := "the mail cannot be read from its mailbox: " + err.Error()
	s.give(m, engine.Delivery{Raw: engine.Empty, Origin: o, Defects: []engine.Defect{{Code: engine.DefectEntry, Part: o.Name, Detail: detail}}})
}

// absent looks after mails that were asked for and had no answer, though the call
// succeeded: they are asked for one by one, and not for ever.
func (s *Source) absent(p *pass, b *batch) error {
	if len(b.mails) == 1 {
		return s.doubt(p, b, errors.New("the server has no answer for it"), true)
	}
	var alone []*batch
	for _, m := range b.mails {
		alone = append(alone, &batch{mails: []mail{m}, refused: b.refused})
	}
	p.replace(b, alone...)
	return nil
}

// gone leaves a mail out that somebody moved or deleted.
func (s *Source) gone(m mail) {
	s.cfg.Log.Info("mail disappeared before it was read", "mail", s.origin(m).Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	m.folder.close(m.id)
}
