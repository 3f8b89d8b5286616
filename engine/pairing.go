package engine

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// Roles of a mail in a pairing.
const (
	roleLocked   = "locked"
	rolePassword = "password"
)

// wellKnown are passwords that many tools and senders lock archives with
// (facts of practice, not secrets).
var wellKnown = []string{"infected", "password", "malware", "virus", "123", "1234", "12345", "123456", "4321", "DeskSoftBindData"}

// snapshot asks the store for what was offered under the keys of a message.
func (p *processing) snapshot(ctx context.Context, pairs []Pair) (State, error) {
	var keys []Key
	for _, pair := range pairs {
		if pair.Key != (Key{}) && !slices.Contains(keys, pair.Key) {
			keys = append(keys, pair.Key)
		}
	}
	if len(keys) == 0 || p.engine.cfg.Store == nil {
		return nil, nil
	}
	return p.engine.cfg.Store.Snapshot(ctx, keys)
}

// pairFacts tells rules what part a message plays, before they decide. The facts
// of a password mail do not depend on whether its partner came first.
func (p *processing) pairFacts(msg *Message, pairs []Pair) PairFacts {
	keyed := slices.DeleteFunc(slices.Clone(pairs), func(q Pair) bool { return q.Key == (Key{}) })
	facts := PairFacts{State: "none"}
	if len(keyed) > 0 {
		facts.Key = keyed[0].Key.Key
	}
	switch {
	case slices.ContainsFunc(msg.Attachments, func(a *Part) bool { return a.Encrypted }):
		facts.Role = roleLocked
		facts.State = p.lockedState(msg, keyed)
	case slices.ContainsFunc(keyed, func(q Pair) bool { return len(announced(msg, q.Prefix, q.Take)) > 0 }):
		facts.Role, facts.State = rolePassword, "offered"
	}
	return facts
}

func (p *processing) lockedState(msg *Message, keyed []Pair) string {
	switch {
	case p.delivery.Expired:
		return "expired"
	case len(keyed) == 0:
		return "none"
	case len(p.offered(msg, keyed)) > 0:
		return "paired"
	}
	return "waiting"
}

// offered lists what other mails offer to a message, each mail once.
func (p *processing) offered(msg *Message, pairs []Pair) (all []Offered) {
	for _, pair := range pairs {
		w := Wait{pair.Key, pair.Window}
		for _, o := range p.state[pair.Key] {
			known := slices.ContainsFunc(all, func(k Offered) bool { return k.ID == o.ID })
			if !known && o.ID != p.delivery.Origin.Key() && w.Joins(msg.Meta.Received, o) {
				all = append(all, o)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Offered) int {
		return cmp.Or(a.Received.Compare(b.Received), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// offers makes the offers of an item from the pair actions that its rules chose.
func offers(it *Item) (all []Offer) {
	for _, pair := range it.Decision.Pairs {
		if pair.Key == (Key{}) {
			continue
		}
		secrets := announced(it.Message, pair.Prefix, pair.Take)
		if len(secrets) == 0 || slices.ContainsFunc(all, func(o Offer) bool { return o.Key == pair.Key }) {
			continue
		}
		all = append(all, Offer{Key: pair.Key, Received: it.Message.Meta.Received, Window: pair.Window, Secrets: secrets})
	}
	return all
}

// candidates lists the passwords to try on the locked attachments of an item, in
// their order. What the rules name comes before what is guessed, since guessing
// may use up the budget.
func (p *processing) candidates(it *Item) []Candidate {
	var all []Candidate
	for _, pw := range it.Decision.Passwords {
		all = p.reveal(all, pw, FromRule)
	}
	for _, s := range p.announcements(it) {
		all = append(all, Candidate{Password: s.Password, Origin: FromPrefix, Part: s.Part, Span: s.Span})
	}
	for _, o := range p.offered(it.Message, it.Decision.Pairs) {
		for _, s := range o.Secrets {
			all = append(all, Candidate{Password: s.Password, Origin: FromPartner, Mail: o.Mail, Part: s.Part, Span: s.Span})
		}
	}
	for _, pair := range it.Decision.Pairs {
		for _, pw := range pair.Default {
			all = p.reveal(all, pw, FromDefault)
		}
	}
	all = append(all, guesses(it.Message)...)
	for _, pw := range wellKnown {
		all = append(all, Candidate{Password: LiteralPassword(pw), Origin: FromWellKnown})
	}
	return all
}

// announcements are what the item's own text announces, by the prefixes of its
// rules and by the built-in one.
func (p *processing) announcements(it *Item) (all []Secret) {
	for _, pair := range append(slices.Clone(it.Decision.Pairs), Pair{}) {
		for _, s := range announced(it.Message, pair.Prefix, pair.Take) {
			if !slices.ContainsFunc(all, func(k Secret) bool { return k.Password == s.Password }) {
				all = append(all, s)
			}
		}
	}
	return all
}

// reveal looks a password up; one whose secret is not configured is left out, as
// the loader of the rules has told.
func (p *processing) reveal(all []Candidate, pw Password, from CandidateOrigin) []Candidate {
	if v, ok := pw.Reveal(p.engine.cfg.Secrets); ok && v != "" {
		return append(all, Candidate{Password: LiteralPassword(v), Origin: from})
	}
	return all
}

// park says whether and for what a mail waits: for the passwords of attachments
// that no candidate opened, of any item that would ship.
func (p *processing) park(root *Item) *Park {
	if p.delivery.Expired {
		return nil
	}
	received := root.Message.Meta.Received
	park := &Park{Received: received}
	for _, it := range p.items {
		if it.Ships == "" || !hasLocked(it.Message.Attachments) {
			continue
		}
		for _, pair := range it.Decision.Pairs {
			if pair.Key != (Key{}) {
				park.add(Wait{pair.Key, pair.Window}, received)
			}
		}
		for _, o := range p.offered(it.Message, it.Decision.Pairs) {
			park.Seen = union(park.Seen, []string{o.ID})
		}
	}
	if len(park.Waits) == 0 {
		return nil
	}
	slices.Sort(park.Seen)
	return park
}

func (p *Park) add(w Wait, received time.Time) {
	if !slices.Contains(p.Waits, w) {
		p.Waits = append(p.Waits, w)
	}
	if until := received.Add(w.Window); until.After(p.Deadline) {
		p.Deadline = until
	}
}

// hasLocked tells whether any of the parts, or anything inside them, stayed
// locked.
func hasLocked(parts []*Part) bool {
	return slices.ContainsFunc(parts, func(a *Part) bool { return a.Locked() || hasLocked(a.Children) })
}

// Locked tells whether a part needs a password that nobody had.
func (p *Part) Locked() bool { return p.Encrypted && !p.Decrypted }

// names of the keys for which a mail waits, for people.
func (p *Park) keys() string {
	var names []string
	for _, w := range p.Waits {
		names = union(names, []string{w.Key.Key})
	}
	return strings.Join(names, ", ")
}
