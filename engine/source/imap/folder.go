package imap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

const (
	maxCandidates = 4_000_000 // mails of one folder in one pass
	maxNames      = 10_000    // folders that are looked at for a likely name
	// giveAgain is after how long a mail that was handed out and never
	// acknowledged is handed out again, with Watch: the engine gave it up.
	giveAgain = time.Hour
)

// folder is what is remembered of a folder, in this process and, of the marks,
// across runs. Source.mu guards it.
type folder struct {
	name  string
	epoch uint32     // UIDVALIDITY; 0 until it is known
	mark  goimap.UID // saved: all up to it are acknowledged
	top   goimap.UID // all up to it were looked at
	open  map[goimap.UID]bool
	given map[goimap.UID]time.Time // handed out and not acknowledged
	acked goimap.UIDSet
	mails uint32 // when it was last entered; of Next alone
}

func newFolder(name string) *folder {
	return &folder{name: name, open: map[goimap.UID]bool{}, given: map[goimap.UID]time.Time{}}
}

// begin starts a new epoch.
func (f *folder) begin(epoch uint32) { *f, f.epoch = *newFolder(f.name), epoch }

// reached is the UID up to which nothing is left to do.
func (f *folder) reached() goimap.UID {
	reached := max(f.mark, f.top)
	for uid := range f.open {
		reached = min(reached, uid-1)
	}
	return reached
}

// mail is what is known of a mail before its body.
type mail struct {
	folder   *folder
	uid      goimap.UID
	number   uint32 // in the session that told it, for the moment
	flags    []goimap.Flag
	size     int64 // as the server says
	received time.Time
}

// origin identifies a mail of the folder's present epoch.
func (s *Source) origin(m mail) engine.Origin {
	return engine.Origin{
		Source: s.cfg.Name, Account: s.account, Folder: m.folder.name,
		ID:       fmt.Sprintf("%d.%d", m.folder.epoch, m.uid),
		Name:     fmt.Sprintf("%s/%d", m.folder.name, m.uid),
		Received: m.received,
	}
}

// choose selects a folder.
func (c *session) choose(ctx context.Context, name string, readOnly bool) error {
	c.selected = nil
	var data *goimap.SelectData
	err := c.do(ctx, talk, func() (err error) {
		data, err = c.client.Select(name, &goimap.SelectOptions{ReadOnly: readOnly}).Wait()
		return err
	})
	if err != nil {
		return c.notChosen(ctx, name, err)
	}
	if data.UIDValidity == 0 {
		return mailbox.Final("folder %q: the server gives no UIDVALIDITY: its mails cannot be told apart", name)
	}
	c.selected = &selection{name, data.UIDValidity, data.NumMessages, data.PermanentFlags, readOnly || c.wire.selectedReadOnly()}
	return nil
}

// errMissing marks a folder that is not there.
var errMissing = errors.New("no such folder")

// notChosen tells a folder that is not there from one that the server keeps
// from us.
func (c *session) notChosen(ctx context.Context, name string, err error) error {
	var no *goimap.Error
	if !errors.As(err, &no) {
		return fmt.Errorf("folder %q: %w", name, err)
	}
	names, listErr := c.names(ctx)
	if listErr != nil && c.dead.Load() {
		return fmt.Errorf("folder %q: %w", name, listErr)
	}
	if listErr != nil || slices.Contains(names, name) {
		return fmt.Errorf("folder %q: %w", name, c.no(err))
	}
	return mailbox.Marked(fmt.Sprintf("folder %q: there is none of that name%s%s", name, mailbox.Likely(name, names), c.said(no)), errMissing)
}

// names lists the folders of the mailbox.
func (c *session) names(ctx context.Context) ([]string, error) {
	var names []string
	err := c.do(ctx, talk, func() error {
		cmd := c.client.List("", "*", nil)
		for d := cmd.Next(); d != nil; d = cmd.Next() {
			if len(names) < maxNames && mailbox.Printable(d.Mailbox) {
				names = append(names, d.Mailbox)
			}
		}
		return cmd.Close()
	})
	return names, err
}

// candidates asks which mails of the selected folder the intake wants.
func (s *Source) candidates(ctx context.Context, c *session, f *folder) (goimap.UIDSet, error) {
	if c.selected.mails == 0 {
		return nil, nil
	}
	from := f.reached()
	found, err := c.search(ctx, s.wanted(from))
	if err != nil {
		return nil, fmt.Errorf("folder %q: list mails: %w", f.name, err)
	}
	if s.cfg.Intake == NewMail {
		found = above(found, from) // n:* names the last mail, even when it is below n (RFC 3501 6.4.8)
	}
	return found, nil
}

func (s *Source) wanted(above goimap.UID) *goimap.SearchCriteria {
	want := &goimap.SearchCriteria{}
	switch s.cfg.Intake {
	case NewMail:
		var set goimap.UIDSet
		set.AddRange(above+1, 0)
		want.UID = []goimap.UIDSet{set}
	case ByKeyword:
		want.NotFlag = []goimap.Flag{goimap.Flag(s.cfg.Keyword)}
	default:
		want.NotFlag = []goimap.Flag{goimap.FlagSeen}
	}
	if !s.cfg.Since.IsZero() {
		want.Since = s.cfg.Since.AddDate(0, 0, -1) // SINCE knows days only, in the server's zone
	}
	return want
}

// search returns the mails that fit. The server may not name more than there can be.
func (c *session) search(ctx context.Context, want *goimap.SearchCriteria) (goimap.UIDSet, error) {
	var found goimap.UIDSet
	err := c.do(ctx, talk, func() error {
		data, err := c.client.UIDSearch(want, nil).Wait()
		if err == nil && data.All != nil {
			found, _ = data.All.(goimap.UIDSet)
		}
		return err
	})
	if err != nil {
		return nil, c.no(err)
	}
	if found.Dynamic() || count(found) > maxCandidates {
		return nil, mailbox.Final("the server names more than %d mails: a later start of since may help", maxCandidates)
	}
	return found, nil
}

func count(set goimap.UIDSet) int64 {
	n := int64(0)
	for _, r := range set {
		n += int64(r.Stop) - int64(r.Start) + 1
	}
	return n
}

// above drops what is not above uid.
func above(set goimap.UIDSet, uid goimap.UID) goimap.UIDSet {
	for len(set) > 0 && set[0].Stop <= uid {
		set = set[1:]
	}
	if len(set) > 0 && set[0].Start <= uid {
		set = slices.Clone(set)
		set[0].Start = uid + 1
	}
	return set
}

// take splits the first n mails off a set.
func take(set goimap.UIDSet, n int) (first, rest goimap.UIDSet) {
	for len(set) > 0 && n > 0 {
		r := set[0]
		if size := int64(r.Stop) - int64(r.Start) + 1; size > int64(n) {
			cut := r.Start + goimap.UID(n)
			first = append(first, goimap.UIDRange{Start: r.Start, Stop: cut - 1})
			return first, append(goimap.UIDSet{{Start: cut, Stop: r.Stop}}, set[1:]...)
		}
		n -= int(r.Stop - r.Start + 1)
		first, set = append(first, r), set[1:]
	}
	return first, set
}

func (c *session) details(ctx context.Context, f *folder, set goimap.UIDSet) ([]mail, error) {
	var mails []mail
	err := c.do(ctx, talk, func() error {
		cmd := c.client.Fetch(set, &goimap.FetchOptions{UID: true, Flags: true, InternalDate: true, RFC822Size: true})
		for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
			m, err := c.detail(msg)
			if err != nil {
				return err
			}
			if m.folder = f; m.uid != 0 {
				mails = append(mails, m)
			}
		}
		return cmd.Close()
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(mails, func(a, b mail) int { return int(int64(a.uid) - int64(b.uid)) })
	return mails, nil
}

func (c *session) detail(msg *imapclient.FetchMessageData) (mail, error) {
	m := mail{number: msg.SeqNum}
	for item := msg.Next(); item != nil; item = msg.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			m.uid = item.UID
		case imapclient.FetchItemDataFlags:
			m.flags = item.Flags
		case imapclient.FetchItemDataInternalDate:
			m.received = item.Time
		case imapclient.FetchItemDataRFC822Size:
			m.size = max(item.Size, 0)
		case imapclient.FetchItemDataBodySection:
			return m, c.unasked(item.Literal)
		case imapclient.FetchItemDataBinarySection:
			return m, c.unasked(item.Literal)
		}
	}
	return m, nil
}

// unasked ends a session whose server sends a body that nobody asked for: see
// torn for why it cannot just be left out.
func (c *session) unasked(lit goimap.LiteralReader) error {
	if lit != nil {
		_, _ = io.Copy(io.Discard, lit) // at most maxLiteral; it lets the library's reader go on
	}
	c.wire.end(errLiteral)
	c.over()
	return errLiteral
}

// savedMark is a folder in the value of a cursor.
type savedMark struct {
	UIDValidity uint32     `json:"uidvalidity"`
	Mark        goimap.UID `json:"mark"`
}

// loadMarks asks, once, where the intake new goes on.
func (s *Source) loadMarks(ctx context.Context) error {
	s.mu.Lock()
	loaded := s.loaded
	s.mu.Unlock()
	if loaded || s.cfg.Intake != NewMail || s.cfg.Cursors == nil {
		return nil
	}
	value, err := s.cfg.Cursors.Cursor(ctx, s.cfg.Name)
	if err != nil {
		return fmt.Errorf("ask where to go on: %w", err)
	}
	marks := map[string]savedMark{}
	if len(value) > 0 {
		if err := json.Unmarshal(value, &marks); err != nil {
			s.cfg.Log.Warn("what was saved about where to go on cannot be read: the folders are read from their beginning", "err", err)
			marks = nil
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.folders {
		f.epoch, f.mark = marks[f.name].UIDValidity, marks[f.name].Mark
	}
	s.loaded, s.saved = true, string(value)
	return nil
}

// saveMarks saves where to go on, if that has changed.
func (s *Source) saveMarks(ctx context.Context) error {
	if s.cfg.Intake != NewMail || s.cfg.Cursors == nil || s.cfg.ReadOnly {
		return nil
	}
	s.saveMu.Lock() // an older value must not be saved last
	defer s.saveMu.Unlock()
	value, changed := s.marks()
	if !changed {
		return nil
	}
	if err := s.cfg.Cursors.SetCursor(ctx, s.cfg.Name, value); err != nil {
		return fmt.Errorf("save where to go on: %w", err)
	}
	s.mu.Lock()
	s.saved = string(value)
	s.mu.Unlock()
	return nil
}

func (s *Source) marks() (value []byte, changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	marks := map[string]savedMark{}
	for _, f := range s.folders {
		if f.epoch != 0 {
			marks[f.name] = savedMark{f.epoch, f.reached()}
		}
	}
	value, _ = json.Marshal(marks) // of numbers and strings
	return value, s.loaded && len(marks) > 0 && string(value) != s.saved
}

// settle remembers what is acknowledged.
func (s *Source) settle(receipts []engine.Receipt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range receipts {
		epoch, uid, ok := identity(r.Origin.ID)
		i := slices.IndexFunc(s.folders, func(f *folder) bool { return f.name == r.Origin.Folder })
		if !ok || i < 0 || s.folders[i].epoch != epoch {
			continue
		}
		f := s.folders[i]
		delete(f.open, uid)
		delete(f.given, uid)
		f.acked.AddNum(uid)
	}
}

// identity reads an Origin.ID.
func identity(id string) (epoch uint32, uid goimap.UID, ok bool) {
	n, err := fmt.Sscanf(id, "%d.%d", &epoch, &uid)
	return epoch, uid, n == 2 && err == nil && uid != 0 && id == fmt.Sprintf("%d.%d", epoch, uid)
}
