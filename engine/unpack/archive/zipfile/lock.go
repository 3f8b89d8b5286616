package zipfile

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// locks are what is known about the passwords of an archive.
type locks struct {
	passwords []string // that opened a member
	failed    int      // members that no candidate opened
	spent     bool     // nothing more may be tried
	closed    int      // members that stay locked
}

// maxFailed is how many members are tried with all candidates in vain before the
// rest is taken for locked as well.
const maxFailed = 8

// Prices in units of 10 microseconds.
const (
	unitsAES   = 100     // 2,000 rounds of SHA-1 for the block with the verifier
	perDecode  = 1 << 17 // bytes of a member per unit: one wrong password in 128 is told by the checksum only
	perAuth    = 1 << 26 // bytes per unit: one in 65,536 is told by the authentication code only
	maxExpands = 1032    // how much deflate makes of a byte at most
)

// price is what one try on a member costs.
func price(e *entry) int64 {
	if e.aes != nil && e.method == methodAES {
		return unitsAES + e.packed/perAuth
	}
	return 1 + min(max(e.size, e.packed), e.packed*maxExpands)/perDecode
}

// tells is true when a wrong password passes the checks of a member at most once
// in 2^32: too short a content has too few checksums.
func (e *entry) tells() bool {
	if e.data == 0 || e.flags&(flagStrong|flagMasked) != 0 {
		return false
	}
	if e.aes != nil && e.method == methodAES {
		return e.aes.strength >= 1 && e.aes.strength <= 3 && e.packed >= int64(e.aes.saltSize()+verifierSize+authSize)
	}
	return e.method != methodAES && e.size >= 4 && e.packed > oldHead
}

// unlockFirst finds members that only say to be encrypted, and tries passwords on
// the member on which that is cheapest.
func (a *archive) unlockFirst() error {
	var judge *entry
	for i, e := range a.entries {
		if !e.encrypted() || e.isFolder() || i > a.t.Limits.Members {
			continue
		}
		a.unmask(e)
		if e.encrypted() && e.tells() && (judge == nil || price(e) < price(judge) || price(e) == price(judge) && smaller(e, judge) < 0) {
			judge = e
		}
	}
	if judge == nil {
		return nil
	}
	_, err := a.search(judge)
	return err
}

// unmask finds out that a member is not encrypted, although its flag says so:
// programs that ignore the flag read it, and scanners do not.
func (a *archive) unmask(e *entry) {
	if e.method == methodAES || e.data == 0 || e.size < 4 || e.flags&(flagStrong|flagMasked) != 0 {
		return
	}
	if e.method == methodStore && e.packed != e.size {
		return
	}
	if a.affords(e) && a.sums(e, a.section(e)) {
		e.plain = true
		a.t.Fact("pretended_encryption", "yes")
	}
}

// affords pays for a check that no Unlock pays for: all of them together unpack
// no more than a mail may.
func (a *archive) affords(e *entry) bool {
	cost := e.packed
	if e.method != methodAES {
		cost = max(cost, e.size)
	}
	if cost > a.checks {
		a.shelf.Tell(engine.DefectUnpackSize, "checking the password of member %.200q means unpacking too much", e.name)
		return false
	}
	a.checks -= cost
	return true
}

// search tries the candidates of the mail on a member. It is false when none
// opens it, or when nothing more may be tried; the error is that of the context.
func (a *archive) search(e *entry) (bool, error) {
	if a.locks.spent || a.locks.failed >= maxFailed {
		return false, nil
	}
	ok, err := a.t.Unlock(a.ctx, price(e), nil, func(password string) (bool, error) {
		fits := a.fits(e, password)
		if fits {
			a.locks.passwords = append(a.locks.passwords, password)
		}
		return fits, nil
	})
	switch {
	case errors.Is(err, task.ErrLocked):
		a.locks.spent = true
		return false, nil
	case err != nil:
		return false, fmt.Errorf("unlock zip: %w", err)
	case !ok:
		a.locks.failed++
	}
	return ok, nil
}

// decrypt is what a member holds before it was encrypted; nil when it stays
// locked.
func (a *archive) decrypt(e *entry) (io.Reader, error) {
	if r := a.opened(e); r != nil {
		return r, nil
	}
	if e.tells() {
		ok, err := a.search(e)
		if err != nil {
			return nil, err
		}
		if ok {
			return a.opened(e), nil
		}
	}
	a.locks.closed++
	a.shelf.Keep(e.name)
	return nil, nil
}

// opened tries the passwords that opened other members, the last one first.
func (a *archive) opened(e *entry) io.Reader {
	for i := len(a.locks.passwords) - 1; i >= 0; i-- {
		if p := a.locks.passwords[i]; a.affords(e) && a.fits(e, p) {
			r, _ := a.unlocked(e, p)
			return r
		}
	}
	return nil
}

// unlocked decrypts a member; ok is false when the password does not even pass
// the short check.
func (a *archive) unlocked(e *entry, password string) (r io.Reader, ok bool) {
	section := a.section(e)
	if e.method != methodAES {
		var head [oldHead]byte
		n, _ := io.ReadFull(section, head[:])
		k, ok := openOld(e, head[:n], password)
		return &oldReader{section, k}, ok
	}
	key, _, ok := a.aesKeys(e, password)
	if !ok {
		return nil, false
	}
	salt := int64(e.aes.saltSize())
	c, err := newCounter(key, io.NewSectionReader(section, salt+verifierSize, e.packed-salt-verifierSize-authSize))
	return c, err == nil
}

func (a *archive) aesKeys(e *entry, password string) (key, mac []byte, ok bool) {
	if e.aes == nil || e.aes.strength < 1 || e.aes.strength > 3 || e.packed < int64(e.aes.saltSize()+verifierSize+authSize) {
		return nil, nil, false
	}
	n := e.aes.saltSize()
	head := a.bytes(e.data, n+verifierSize)
	if len(head) < n+verifierSize {
		return nil, nil, false
	}
	return e.aes.aesKeys(password, head[:n], head[n:])
}

// fits tells whether a password is right: the short check first, then the long one.
func (a *archive) fits(e *entry, password string) bool {
	if e.method == methodAES {
		_, mac, ok := a.aesKeys(e, password)
		return ok && a.authentic(e, mac)
	}
	r, ok := a.unlocked(e, password)
	return ok && a.sums(e, r)
}

// authentic compares the code at the end of a member.
func (a *archive) authentic(e *entry, key []byte) bool {
	mac := hmac.New(sha1.New, key)
	from := e.data + int64(e.aes.saltSize()) + verifierSize
	n := e.end() - authSize - from
	if _, err := io.Copy(mac, io.NewSectionReader(a.r, from, n)); err != nil {
		return false
	}
	return bytes.Equal(mac.Sum(nil)[:authSize], a.bytes(from+n, authSize))
}

// sums unpacks a member, no further than the size it should have, and compares
// its checksum.
func (a *archive) sums(e *entry, packed io.Reader) bool {
	if e.size < 0 {
		return false
	}
	r, err := decompress(e, packed)
	if err != nil {
		return false
	}
	defer r.Close()
	sum := crc32.NewIEEE()
	n, err := io.Copy(sum, io.LimitReader(r, e.size+1))
	return err == nil && n == e.size && sum.Sum32() == e.crc
}
