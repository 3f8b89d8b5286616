package engine

import (
	"errors"
	"fmt"
	"slices"
)

// open unlocks, unpacks and reads the attachments of an item, and makes messages
// of the mails inside them. A mail that is skipped is not opened.
func (p *processing) open(it *Item) {
	u := p.engine.cfg.Unpacker
	if u == nil || it.Decision.Treatment == Skip {
		return
	}
	var keys []Candidate
	for queue := slices.Clone(it.Message.Attachments); len(queue) > 0; {
		a := queue[0]
		queue = queue[1:]
		if a.Opened || !u.Wants(a) {
			continue // an inline original has the attachments of its carrier
		}
		if keys == nil {
			keys = p.candidates(it)
			it.Tried = countOrigins(keys)
		}
		p.share()
		defects, err := u.Unpack(p.ctx, a, keys, p.budget)
		it.Defects = append(it.Defects, defects...)
		if err != nil {
			p.incomplete = errors.Join(p.incomplete, fmt.Errorf("attachment %s: %w", a.Path, err))
			return
		}
		keys = p.opened(it, a, keys)
		queue = append(queue, p.contained(it, a)...)
	}
}

// countOrigins counts candidates by what makes them ones; a password that several
// are counts with the first.
func countOrigins(keys []Candidate) (all []Tried) {
	seen := map[string]bool{}
	for _, c := range keys {
		password, _ := c.Password.Reveal(nil)
		if seen[password] {
			continue
		}
		seen[password] = true
		i := slices.IndexFunc(all, func(t Tried) bool { return t.Origin == c.Origin })
		if i < 0 {
			i, all = len(all), append(all, Tried{Origin: c.Origin})
		}
		all[i].Passwords++
	}
	return all
}

// maxShares is how many attachments of a mail have a share of the budget that the
// others cannot use up, and the part of the whole that each is.
const maxShares = 64

// share sees to it that what one attachment takes does not blind us to the next:
// a bomb before a document is an old trick.
func (p *processing) share() {
	if p.shares++; p.shares > maxShares {
		return
	}
	whole := p.engine.cfg.Limits.Budget()
	b := p.budget
	b.Bytes = max(b.Bytes, whole.Bytes/maxShares)
	b.Members = max(b.Members, whole.Members/maxShares)
	b.Work = max(b.Work, whole.Work/maxShares)
	b.Text = max(b.Text, whole.Text/maxShares)
}

// opened remembers the password that opened something: it is tried first on the
// next attachment, and does not show where it stands in this mail.
func (p *processing) opened(it *Item, a *Part, keys []Candidate) []Candidate {
	for _, part := range append([]*Part{a}, descendants(a)...) {
		if part.OpenedBy == "" {
			continue
		}
		i := slices.IndexFunc(keys, func(c Candidate) bool { return c.String() == part.OpenedBy })
		if i < 0 {
			continue
		}
		c := keys[i]
		keys = slices.Insert(slices.Delete(slices.Clone(keys), i, i+1), 0, c)
		if c.Part != "" && c.Mail == "" {
			it.secrets = append(it.secrets, Secret{c.Password, c.Part, c.Span})
		}
	}
	return keys
}

// files lists the attachments and everything inside them, in the order in which
// a reader would come to them.
func files(attachments []*Part) (all []*Part) {
	for _, a := range attachments {
		all = append(append(all, a), descendants(a)...)
	}
	return all
}

// listFiles sets Message.Files, of the messages inside as well: their attachments
// are opened when they become items of their own.
func listFiles(m *Message) {
	m.Files = files(m.Attachments)
	for _, inner := range m.Nested {
		listFiles(inner)
	}
}

func descendants(a *Part) (all []*Part) {
	for _, c := range a.Children {
		all = append(append(all, c), descendants(c)...)
	}
	return all
}

// contained parses the mails inside an attachment.
//
// A mail that was sealed for its reader (S/MIME, OpenPGP) is what the sender wrote
// here, not another mail: its text counts as that of its envelope, and its
// attachments, which it returns, are still to be opened.
func (p *processing) contained(it *Item, a *Part) (more []*Part) {
	for _, c := range descendants(a) {
		if !c.IsMessage || c.Locked() {
			continue
		}
		if p.mails++; p.mails > p.engine.cfg.Limits.Items {
			it.Defects = append(it.Defects, LimitDefect(DefectItems, c.Path, "more than %d mails inside attachments", p.engine.cfg.Limits.Items))
			return more
		}
		inner, err := p.engine.cfg.Parser.Parse(p.ctx, c.Content, p.delivery.Origin)
		if err != nil {
			p.incomplete = errors.Join(p.incomplete, fmt.Errorf("mail in %s: %w", c.Path, err))
			return more
		}
		it.Message.Nested = append(it.Message.Nested, inner)
		if isEnvelope(a) && slices.Contains(a.Children, c) {
			more = append(more, unseal(c, inner)...)
		}
	}
	return more
}

// isEnvelope names the types that are sealed for one reader.
func isEnvelope(a *Part) bool { return a.FileType == "p7m" || a.FileType == "pgp" }

// unseal gives the part of a sealed mail its text and its attachments.
func unseal(c *Part, inner *Message) []*Part {
	c.Text, c.Links, c.Opened = inner.Body.Text, inner.Body.Links, true
	for _, a := range inner.Attachments {
		a.Path = c.Path + "/" + a.Path
		c.Children = append(c.Children, a)
	}
	return inner.Attachments
}
