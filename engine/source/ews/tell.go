package ews

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

const (
	setMails    = 100 // that one UpdateItem or MoveItem names
	maxCategory = 255 // bytes of the name of a category
	// maxCategories is how many a mail may have that are kept when one is added.
	maxCategories = 100
)

// marks is what a route asks to be set at a mail.
func marks(r engine.Route) (seen bool, category string) {
	return r.Seen || r == (engine.Route{}), strings.TrimSpace(r.Flag)
}

// change is what is done to mails.
type change struct {
	seen     bool
	category string
	to       string
}

// carryOut tells the server what became of mails. A mail or a change that is
// refused does not keep the others from being told.
func (s *Source) carryOut(ctx context.Context, receipts []engine.Receipt) error {
	c, err := s.reach(ctx)
	if err != nil {
		return err
	}
	s.ackMu.Lock()
	defer s.ackMu.Unlock()
	order, todo := s.orders(receipts)
	var errs together
	for _, what := range order {
		for ids := range slices.Chunk(todo[what], setMails) {
			if err := s.apply(ctx, c, what, ids); err != nil {
				errs = append(errs, err)
			}
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return errs.brief()
}

// brief is at most three of the errors, each once.
func (t together) brief() error {
	var few together
	for _, err := range t {
		if len(few) < 3 && !slices.ContainsFunc(few, func(other error) bool { return other.Error() == err.Error() }) {
			few = append(few, err)
		}
	}
	return few
}

// orders sorts receipts, so that few calls are needed. Those of other sources are
// none of ours.
func (s *Source) orders(receipts []engine.Receipt) (order []change, todo map[change][]string) {
	todo = map[change][]string{}
	for _, r := range receipts {
		if !s.ours(r.Origin) || r.Origin.ID == "" {
			continue
		}
		what := change{to: r.Route.MoveTo}
		what.seen, what.category = marks(r.Route)
		if strings.ContainsAny(what.category, ",;") || len(what.category) > maxCategory {
			if s.once("category " + what.category) {
				s.cfg.Log.Warn("this is no name of a category: it is not set", "flag", shown(what.category))
			}
			what.category = ""
		}
		if strings.EqualFold(what.to, r.Origin.Folder) {
			what.to = ""
		}
		if todo[what] == nil {
			order = append(order, what)
		}
		if !slices.Contains(todo[what], r.Origin.ID) {
			todo[what] = append(todo[what], r.Origin.ID)
		}
	}
	return order, todo
}

// apply marks, then moves: a mail that is moved has another id.
func (s *Source) apply(ctx context.Context, c *client, what change, ids []string) error {
	if what.seen || what.category != "" {
		if err := s.mark(ctx, c, what, ids); err != nil {
			return fmt.Errorf("mark mails: %w", c.words(err))
		}
	}
	if what.to == "" {
		return nil
	}
	return s.move(ctx, c, ids, what.to)
}

// mark sets what is asked for. Conflicts are tried again: ours is the last word
// about whether a mail was handled.
func (s *Source) mark(ctx context.Context, c *client, what change, ids []string) error {
	var err error
	for range maxTries {
		var has map[string][]string
		if what.category != "" {
			if has, err = s.categories(ctx, c, ids); err != nil {
				return err
			}
		}
		body := func(version string) string { return updateItem(what, ids, has, version) }
		ids, err = s.each(ctx, c, call{body: body}, ids)
		if what.seen && c.asks() == oldVersion && s.once("receipts") {
			s.cfg.Log.Warn("the server is too old to be told that no receipts be sent: a sender who asked for one may learn that his mail was read")
		}
		if err != nil || len(ids) == 0 {
			return err
		}
	}
	return &refusal{code: "ErrorIrresolvableConflict", text: "the mails are changed by others again and again"}
}

// each makes a call whose answer has a message for every mail, and returns the
// mails that it should be made for again. Those that are not there any more need
// nothing. The error is the first refusal of a mail.
func (s *Source) each(ctx context.Context, c *client, k call, ids []string) (again []string, _ error) {
	at := 0
	var refused, busy error
	err := c.do(ctx, s.acker, call{body: func(v string) string {
		at, again, refused, busy = 0, nil, nil, nil // another attempt
		return k.body(v)
	}}, func(m *element) error {
		at++
		err := refusalOf(m)
		switch {
		case err == nil, is(err, gone...), at > len(ids):
		case is(err, "ErrorIrresolvableConflict"):
			again = append(again, ids[at-1])
		case is(err, crowded...):
			busy = err // of all that follow
		case refused == nil:
			refused = err
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case c.holdsBack(busy):
		return nil, busy
	case refused != nil:
		return nil, refused
	case at < len(ids):
		return nil, mailbox.Temporary("the server answers for %d of %d mails", at, len(ids))
	}
	return again, nil
}

func updateItem(what change, ids []string, has map[string][]string, version string) string {
	var b strings.Builder
	b.WriteString(`<m:UpdateItem ConflictResolution="AlwaysOverwrite" MessageDisposition="SaveOnly" SendMeetingInvitationsOrCancellations="SendToNone"`)
	if version == newVersion {
		b.WriteString(` SuppressReadReceipts="true"`)
	}
	b.WriteString(`><m:ItemChanges>`)
	for _, id := range ids {
		b.WriteString(`<t:ItemChange><t:ItemId Id="` + escaped(id) + `"/><t:Updates>`)
		if what.seen {
			b.WriteString(`<t:SetItemField><t:FieldURI FieldURI="message:IsRead"/><t:Message><t:IsRead>true</t:IsRead></t:Message></t:SetItemField>`)
		}
		if what.category != "" {
			b.WriteString(`<t:SetItemField><t:FieldURI FieldURI="item:Categories"/><t:Message><t:Categories>`)
			all := has[id]
			if !containsFold(all, what.category) {
				all = append(slices.Clone(all), what.category)
			}
			for _, name := range all {
				b.WriteString(`<t:String>` + escaped(name) + `</t:String>`)
			}
			b.WriteString(`</t:Categories></t:Message></t:SetItemField>`)
		}
		b.WriteString(`</t:Updates></t:ItemChange>`)
	}
	b.WriteString(`</m:ItemChanges></m:UpdateItem>`)
	return b.String()
}

// categories are those that mails have: they can only be set together.
func (s *Source) categories(ctx context.Context, c *client, ids []string) (map[string][]string, error) {
	has := map[string][]string{}
	body := `<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties><t:FieldURI FieldURI="item:Categories"/></t:AdditionalProperties></m:ItemShape><m:ItemIds>` + itemIDs(ids) + `</m:ItemIds></m:GetItem>`
	err := c.do(ctx, s.acker, call{body: fixed(body)}, func(m *element) error {
		err := refusalOf(m)
		if is(err, gone...) {
			return nil
		}
		for _, found := range listed(nil, elements(m.at("Items"))) {
			has[found.id] = found.categories
		}
		return err
	})
	return has, err
}

func itemIDs(ids []string) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(`<t:ItemId Id="` + escaped(id) + `"/>`)
	}
	return b.String()
}

// move puts mails into a folder. A folder that was looked up before, and is not
// there any more, is looked up again.
func (s *Source) move(ctx context.Context, c *client, ids []string, to string) error {
	for range maxTries {
		_, before := s.moves[to]
		id, err := s.target(ctx, c, to)
		if err != nil {
			return err
		}
		body := `<m:MoveItem><m:ToFolderId>` + folderID(id) + `</m:ToFolderId><m:ItemIds>` + itemIDs(ids) + `</m:ItemIds></m:MoveItem>`
		again, err := s.each(ctx, c, call{body: fixed(body)}, ids)
		switch {
		case before && is(err, "ErrorFolderNotFound", "ErrorToFolderNotFound", "ErrorMoveCopyFailed", "ErrorInvalidFolderId"):
			delete(s.moves, to)
		case err != nil:
			return fmt.Errorf("move mails to %q: %w", to, c.words(err))
		case len(again) == 0:
			return nil
		default:
			ids = again
		}
	}
	return mailbox.Temporary("move mails to %q: the mails are changed by others again and again", to)
}

// target is the id of the folder that mails are moved to.
func (s *Source) target(ctx context.Context, c *client, to string) (string, error) {
	if id, ok := s.moves[to]; ok {
		return id, nil
	}
	k, err := (&resolver{c: c, l: s.acker}).find(ctx, to)
	if errors.Is(err, errMissing) {
		text := strings.TrimPrefix(err.Error(), fmt.Sprintf("folder %q: ", to))
		return "", mailbox.Final("move mails to %q: %s: make it, or change the rule", to, text)
	}
	if err != nil {
		return "", fmt.Errorf("move mails to %q: %w", to, err)
	}
	s.moves[to] = k.id
	return k.id, nil
}
