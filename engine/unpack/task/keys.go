package task

import (
	"context"
	"errors"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Keyring holds the passwords to try on the locked files of one mail, in their
// order; one that opened a file is tried first on the next.
type Keyring struct{ candidates []engine.Candidate }

// NewKeyring makes one of candidates in the order in which they are tried. Two
// with the same password are one.
func NewKeyring(candidates []engine.Candidate) *Keyring {
	k := &Keyring{}
	seen := map[string]bool{}
	for _, c := range candidates {
		if p, ok := c.Password.Reveal(nil); ok && !seen[p] {
			seen[p] = true
			k.candidates = append(k.candidates, c)
		}
	}
	return k
}

// worked moves a candidate to the front.
func (k *Keyring) worked(i int) {
	c := k.candidates[i]
	copy(k.candidates[1:i+1], k.candidates[:i])
	k.candidates[0] = c
}

// Unlock tries passwords until one opens: first those that are well known for
// the format ("" where it has an empty one), then the candidates of the mail.
// units is the price of one try, in units of Limits.PasswordWork (10 us of work),
// at least 1. try says whether a password is right, by a check that a wrong one
// passes at most once in 2^32; its error ends the search.
//
// When one opens, the part says so: Decrypted, and OpenedBy, which holds where
// the password stood and never what it is. When none does, the part is Encrypted
// and has a defect, opened is false, and the reader returns ErrLocked, or goes on
// with what can be read without.
func (t *Task) Unlock(ctx context.Context, units int64, known []string, try func(password string) (bool, error)) (opened bool, err error) {
	units = max(units, 1)
	for _, p := range known {
		if ok, err := t.try(ctx, units, p, try); err != nil || ok {
			return ok, t.settle(ok, wellKnown(p), err)
		}
	}
	for i, c := range t.keys.candidates {
		p, _ := c.Password.Reveal(nil)
		if ok, err := t.try(ctx, units, p, try); err != nil || ok {
			if ok {
				t.keys.worked(i)
			}
			return ok, t.settle(ok, c.String(), err)
		}
	}
	t.Locked("none of %d passwords opens it", len(t.keys.candidates))
	return false, nil
}

func wellKnown(p string) string {
	if p == "" {
		return "empty password"
	}
	return "well-known password"
}

func (t *Task) settle(ok bool, by string, err error) error {
	if ok {
		t.Part.Encrypted, t.Part.Decrypted, t.Part.OpenedBy = true, true, by
	}
	return err
}

func (t *Task) try(ctx context.Context, units int64, p string, try func(string) (bool, error)) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if t.budget.Work < units {
		t.Locked("what trying passwords may cost is used up")
		t.once(engine.DefectPasswordWork, "trying passwords on this mail costs more than %d units; the next try is %d", t.Limits.PasswordWork, units)
		return false, ErrLocked
	}
	t.budget.Work -= units
	return try(p)
}

// ErrLocked is what a reader returns when a file stays locked; Unlock and Locked
// have told it already.
var ErrLocked = errors.New("locked")

// Locked says that a file, or something in it, cannot be opened.
func (t *Task) Locked(format string, args ...any) {
	t.Part.Encrypted = true
	if !t.locked {
		t.locked = true
		t.Defect(engine.DefectLocked, format, args...)
	}
}
