package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
)

// sealedSecret is a secret of an offer: where it stood, and its sealed value.
type sealedSecret struct {
	Part   exact  `json:"part"`
	Start  int    `json:"start"`
	End    int    `json:"end"`
	Sealed []byte `json:"sealed"`
}

// binding is what a sealed secret belongs to.
func binding(k engine.Key, id string, position int) []string {
	return []string{"offer", k.Scope, k.Key, id, strconv.Itoa(position)}
}

// sealSecrets leaves out references: a reference is no secret of a mail.
func (s *Store) sealSecrets(k engine.Key, id string, secrets []engine.Secret) ([]byte, error) {
	all := []sealedSecret{}
	for _, secret := range secrets {
		value, ok := secret.Password.Reveal(nil)
		if !ok {
			continue
		}
		sealed := s.seal.close(value, binding(k, id, len(all))...)
		all = append(all, sealedSecret{exact(secret.Part), secret.Span.Start, secret.Span.End, sealed})
	}
	return json.Marshal(all)
}

func (s *Store) openSecrets(k engine.Key, id string, text []byte) (secrets []engine.Secret, err error) {
	var all []sealedSecret
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	for i, secret := range all {
		value, err := s.seal.open(secret.Sealed, binding(k, id, i)...)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, engine.Secret{
			Password: engine.LiteralPassword(value), Part: string(secret.Part), Span: engine.Span{Start: secret.Start, End: secret.End},
		})
	}
	return secrets, nil
}

// forgetExpired removes offers that nobody can use any more: a partner that was
// received within the window has had one more window to arrive in.
func forgetExpired(t *tx, now time.Time) {
	t.exec("DELETE FROM offers WHERE expires < ?", stamp(now))
}

func expiry(received, committed time.Time, window time.Duration) time.Time {
	from := received
	if committed.After(from) {
		from = committed
	}
	return from.Add(window).Add(window)
}

// offer remembers what a mail offers under a key, once, and wakes the parked
// mails that it is for.
func (s *Store) offer(t *tx, o engine.Origin, of engine.Offer) {
	id, count, mine := o.Key(), 0, 0
	t.get("SELECT count(*), coalesce(sum(id = ?), 0) FROM offers WHERE scope = ? AND key = ?", []any{id, of.Key.Scope, of.Key.Key}, &count, &mine)
	if mine > 0 || count >= engine.MaxOffers || t.err != nil {
		return
	}
	secrets, err := s.sealSecrets(of.Key, id, of.Secrets)
	if err != nil {
		t.fail(err)
		return
	}
	expires := expiry(of.Received, s.cfg.Now(), of.Window)
	t.exec("INSERT INTO offers (scope, key, id, name, received, span, expires, secrets) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		of.Key.Scope, of.Key.Key, id, o.Name, stamp(of.Received), int64(of.Window), stamp(expires), string(secrets))
	t.wake(of.Key, engine.Offered{ID: id, Received: of.Received, Window: of.Window})
}

// wake makes parked mails ready that an offer under a key is for.
func (t *tx) wake(k engine.Key, of engine.Offered) {
	var mail int64
	var received string
	var span int64
	var ready []int64
	t.each(`SELECT parked.mail, parked.received, waits.span FROM waits JOIN parked USING (mail) WHERE waits.scope = ? AND waits.key = ?
		AND NOT parked.ready AND NOT EXISTS (SELECT 1 FROM tried WHERE tried.mail = parked.mail AND tried.offer = ?)`,
		[]any{k.Scope, k.Key, of.ID}, []any{&mail, &received, &span}, func() {
			if (engine.Wait{Window: time.Duration(span)}).Joins(parseStamp(received), of) {
				ready = append(ready, mail)
			}
		})
	for _, mail := range ready {
		t.exec("UPDATE parked SET ready = 1 WHERE mail = ?", mail)
	}
}

// park keeps a mail until an offer or its deadline comes.
func (t *tx) park(mail int64, p packed, now string) {
	raw := t.rawOf(p)
	if raw == nil {
		raw = t.blob(nothing)
	}
	t.exec("INSERT INTO parked (mail, received, deadline, ready, raw) VALUES (?, ?, ?, 0, ?)", mail, stamp(p.Park.Received), stamp(p.Park.Deadline), raw)
	for _, id := range p.Park.Seen {
		t.exec("INSERT INTO tried (mail, offer) VALUES (?, ?) ON CONFLICT DO NOTHING", mail, id)
	}
	for _, w := range p.Park.Waits {
		t.exec("INSERT INTO waits (mail, scope, key, span) VALUES (?, ?, ?, ?)", mail, w.Key.Scope, w.Key.Key, int64(w.Window))
		for _, of := range t.offered(w.Key, now) {
			t.wake(w.Key, of.Offered)
		}
	}
}

// nothing is the raw mail of an outcome that has none.
var nothing = kept{digest: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", content: engine.Empty}

// sealedOffer is an offer whose secrets are not opened.
type sealedOffer struct {
	engine.Offered
	secrets []byte
}

// offered lists the offers under a key that have not expired, in order of
// receipt.
func (t *tx) offered(k engine.Key, now string) (all []sealedOffer) {
	var of sealedOffer
	var received string
	var span int64
	t.each("SELECT id, name, received, span, secrets FROM offers WHERE scope = ? AND key = ? AND expires >= ? ORDER BY received, id", []any{k.Scope, k.Key, now},
		[]any{&of.ID, &of.Mail, &received, &span, &of.secrets}, func() {
			of.Received, of.Window = parseStamp(received), time.Duration(span)
			all = append(all, of)
			of.secrets = nil // the next row has bytes of its own
		})
	return all
}

// Snapshot implements engine.Ledger.
func (s *Store) Snapshot(ctx context.Context, keys []engine.Key) (engine.State, error) {
	state := engine.State{}
	if len(keys) == 0 {
		return state, ctx.Err()
	}
	err := s.look(ctx, func(t *tx) {
		for _, k := range keys {
			delete(state, k) // a key that is asked for twice is answered once
			for _, of := range t.offered(k, stamp(s.cfg.Now())) {
				var err error
				if of.Secrets, err = s.openSecrets(k, of.ID, of.secrets); err != nil {
					t.fail(fmt.Errorf("offer of %s: %w", of.Mail, err))
				}
				state[k] = append(state[k], of.Offered)
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read offers: %w", err)
	}
	return state, nil
}

// Ready implements engine.Parking.
func (s *Store) Ready(ctx context.Context, now time.Time, n int) (all []engine.Delivery, err error) {
	err = s.look(ctx, func(t *tx) {
		all = nil
		var mail, raw int64
		var ready bool
		var mails, raws []int64
		t.each("SELECT mail, raw, ready FROM parked WHERE ready OR deadline <= ? ORDER BY deadline, mail LIMIT ?", []any{stamp(now), n},
			[]any{&mail, &raw, &ready}, func() {
				all = append(all, engine.Delivery{Parked: true, Expired: !ready})
				mails, raws = append(mails, mail), append(raws, raw)
			})
		for i := range all {
			all[i].Origin, all[i].Raw = t.originOf(mails[i]), s.content(t, raws[i])
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read parked mails: %w", err)
	}
	return all, nil
}
