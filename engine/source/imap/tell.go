package imap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

// setMails is how many mails one STORE or MOVE names: servers cap the length of
// a command, often at 8 KiB.
const setMails = 500

// session returns the session in a slot, opening one when there is none; reused
// says that it may have died since it was used.
func (s *Source) session(ctx context.Context, slot **session) (c *session, reused bool, err error) {
	s.mu.Lock()
	c = *slot
	s.mu.Unlock()
	if c != nil && !c.dead.Load() {
		return c, true, nil
	}
	hint := func() {}
	if slot == &s.reader {
		hint = s.hint
	}
	c, err = s.cfg.connect(ctx, hint)
	if cause := context.Cause(ctx); cause != nil {
		if c != nil {
			c.drop()
		}
		return nil, false, cause
	}
	if err != nil {
		return nil, false, err
	}
	s.mu.Lock()
	*slot = c
	s.mu.Unlock()
	return c, false, nil
}

// with calls f with a session. When one that was used before turns out to be
// dead, f is called again with another: servers close what is idle.
func (s *Source) with(ctx context.Context, slot **session, f func(*session) error) error {
	for {
		c, reused, err := s.session(ctx, slot)
		if err != nil {
			return err
		}
		err = f(c)
		if !reused || !errors.Is(err, errLost) || errors.Is(err, errSilent) {
			return err
		}
	}
}

// change is what one command does to mails.
type change struct {
	flags string // joined by NUL
	to    string
}

// orders are the changes to the mails of one folder, by epoch.
type orders map[uint32]map[change]goimap.UIDSet

// carryOut tells the server what became of mails, folder by folder. A folder
// that refuses does not keep the others from being told.
func (s *Source) carryOut(ctx context.Context, receipts []engine.Receipt) error {
	s.ackMu.Lock()
	defer s.ackMu.Unlock()
	folders, todo := s.orders(receipts)
	var errs []error
	for _, name := range folders {
		err := s.with(ctx, &s.acker, func(c *session) error { return s.tell(ctx, c, name, todo[name]) })
		if err != nil {
			errs = append(errs, fmt.Errorf("folder %q: %w", name, err))
		}
	}
	if len(errs) > 0 {
		return together(errs)
	}
	return nil
}

// orders sorts receipts, so that few commands are needed. Those of other sources are
// none of ours.
func (s *Source) orders(receipts []engine.Receipt) (folders []string, todo map[string]orders) {
	todo = map[string]orders{}
	for _, r := range receipts {
		epoch, uid, ok := identity(r.Origin.ID)
		if !ok || r.Origin.Source != s.cfg.Name || r.Origin.Account != s.account {
			continue
		}
		name := r.Origin.Folder
		if todo[name] == nil {
			folders, todo[name] = append(folders, name), orders{}
		}
		if todo[name][epoch] == nil {
			todo[name][epoch] = map[change]goimap.UIDSet{}
		}
		var flags []string
		for _, f := range s.cfg.flagsOf(r.Route) {
			flags = append(flags, string(f))
		}
		what := change{strings.Join(flags, "\x00"), r.Route.MoveTo}
		set := todo[name][epoch][what]
		set.AddNum(uid)
		todo[name][epoch][what] = set
	}
	return folders, todo
}

// tell carries out the orders for one folder. What is not there any more needs
// none.
func (s *Source) tell(ctx context.Context, c *session, name string, todo orders) error {
	if c.selected == nil || c.selected.name != name {
		err := c.choose(ctx, name, false)
		if errors.Is(err, errMissing) {
			s.cfg.Log.Warn("the folder of handled mails is gone: there is nothing to acknowledge", "folder", name)
			return nil
		}
		if err != nil {
			return err
		}
	}
	for epoch := range todo {
		if epoch != c.selected.epoch {
			s.cfg.Log.Info("mails of an earlier UIDVALIDITY are not acknowledged", "folder", name, "uidvalidity", epoch)
		}
	}
	if c.selected.readOnly {
		if s.once("no marks " + name) {
			s.cfg.Log.Warn("the folder is read-only: handled mails are not marked", "folder", name)
		}
		return nil
	}
	for what, set := range todo[c.selected.epoch] {
		if err := s.apply(ctx, c, what, set); err != nil {
			return err
		}
	}
	return nil
}

// apply sets flags, then moves.
func (s *Source) apply(ctx context.Context, c *session, what change, set goimap.UIDSet) error {
	flags := s.permitted(c, what.flags)
	for len(set) > 0 {
		var some goimap.UIDSet
		some, set = take(set, setMails)
		if len(flags) > 0 {
			if err := c.mark(ctx, some, flags...); err != nil {
				return fmt.Errorf("mark mails: %w", c.no(err))
			}
		}
		if what.to == "" || what.to == c.selected.name {
			continue
		}
		if err := s.move(ctx, c, some, what.to); err != nil {
			return s.notMoved(ctx, c, what.to, err)
		}
	}
	return nil
}

// permitted leaves out flags that the folder does not keep.
func (s *Source) permitted(c *session, flags string) []goimap.Flag {
	var keep []goimap.Flag
	for _, f := range strings.FieldsFunc(flags, func(r rune) bool { return r == 0 }) {
		flag := goimap.Flag(f)
		if !isAtom(strings.TrimPrefix(f, `\`)) || !c.selected.permits(flag) {
			if s.once("flag " + f + " " + c.selected.name) {
				s.cfg.Log.Warn("the folder does not keep this flag: it is not set", "folder", c.selected.name, "flag", f)
			}
			continue
		}
		keep = append(keep, flag)
	}
	return keep
}

func (c *session) mark(ctx context.Context, set goimap.UIDSet, flags ...goimap.Flag) error {
	return c.do(ctx, talk, func() error {
		return c.client.Store(set, &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Silent: true, Flags: flags}, nil).Close()
	})
}

// move uses MOVE, or does what MOVE does, step by step. Mails that are not there
// any more, or were copied before, are left out: servers differ in what they say
// to those.
func (s *Source) move(ctx context.Context, c *session, set goimap.UIDSet, to string) error {
	still := &goimap.SearchCriteria{UID: []goimap.UIDSet{set}}
	canMove := c.caps.Has(goimap.CapMove)
	if !canMove {
		still.NotFlag = []goimap.Flag{goimap.FlagDeleted}
	}
	left, err := c.search(ctx, still)
	if err != nil || len(left) == 0 {
		return err
	}
	if canMove {
		return c.do(ctx, talk, func() error {
			_, err := c.client.Move(left, to).Wait()
			return err
		})
	}
	return s.copyAway(ctx, c, left, to)
}

func (s *Source) copyAway(ctx context.Context, c *session, left goimap.UIDSet, to string) error {
	err := c.do(ctx, talk, func() error {
		_, err := c.client.Copy(left, to).Wait()
		return err
	})
	if err != nil {
		return err
	}
	if err := c.mark(ctx, left, goimap.FlagDeleted); err != nil {
		return err
	}
	if !c.caps.Has(goimap.CapUIDPlus) {
		if s.once("no expunge") {
			s.cfg.Log.Warn(`the server can neither move nor remove single mails: moved mails stay behind, flagged \Deleted`)
		}
		return nil
	}
	return c.do(ctx, talk, func() error { return c.client.UIDExpunge(left).Close() })
}

// notMoved says why mails were not moved; often the folder is missing.
func (s *Source) notMoved(ctx context.Context, c *session, to string, err error) error {
	var no *goimap.Error
	if !errors.As(err, &no) {
		return fmt.Errorf("move mails to %q: %w", to, err)
	}
	names, listErr := c.names(ctx)
	if listErr == nil && !slices.Contains(names, to) {
		return mailbox.Final("move mails to %q: there is no folder of that name%s: make it, or change the rule", to, mailbox.Likely(to, names))
	}
	return fmt.Errorf("move mails to %q: %w", to, c.no(err))
}
