package ews

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

const (
	maxSync      = 512  // changes of a page, as Exchange allows
	maxID        = 1024 // bytes of an ItemId or FolderId; real ones have some 150
	maxStepsBack = 200  // of one listing
	maxIdle      = 100  // pages in a row that tell nothing new
)

// itemShape is what is asked of each mail while listing.
const itemShape = `<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties><t:FieldURI FieldURI="item:Size"/>` +
	`<t:FieldURI FieldURI="item:DateTimeReceived"/><t:FieldURI FieldURI="message:IsRead"/><t:FieldURI FieldURI="item:Categories"/></t:AdditionalProperties></m:ItemShape>`

// view is a listing of a folder that is under way: ids of mails in the order of
// their receipt, by number. It is evaluated anew by the server for each page, so
// that it shrinks under our hands where mails are marked, by ourselves or by
// people. A page begins with the last mail of the page before; where it does not,
// mails have moved up, and the listing steps back.
type view struct {
	ids     map[string]bool
	mails   []mail
	offset  int
	overlap bool // the page at offset must begin with a mail that is known
	page    int  // mails of the largest page
	jump    int  // how far the listing stepped back last, since it knew more
	back    int  // steps
	idle    int  // pages in a row that told nothing new
}

// look asks for one page of the folder's view. When it is the last, mails that
// are wanted become batches.
func (s *Source) look(ctx context.Context, p *pass) error {
	if p.view == nil {
		p.view = &view{ids: map[string]bool{}}
		s.turn(p.at)
	}
	v := p.view
	var came []mail
	last := false
	k := call{body: fixed(s.findItem(p.at, v.offset))}
	err := p.finder.c.do(ctx, s.links[0], k, func(m *element) error {
		if err := refusalOf(m); err != nil {
			return err
		}
		root := m.at("RootFolder")
		last = truth(root.attr("IncludesLastItemInRange"))
		came = listed(p.at, elements(root.at("Items")))
		return nil
	})
	if err != nil {
		return s.folderTrouble(p, err)
	}
	if !v.add(came, last) {
		return nil
	}
	return s.viewed(ctx, p)
}

func (s *Source) findItem(f *folder, offset int) string {
	want := `<t:IsEqualTo><t:FieldURI FieldURI="message:IsRead"/><t:FieldURIOrConstant><t:Constant Value="0"/></t:FieldURIOrConstant></t:IsEqualTo>`
	if !s.cfg.Since.IsZero() {
		want = `<t:And>` + want + `<t:IsGreaterThanOrEqualTo><t:FieldURI FieldURI="item:DateTimeReceived"/><t:FieldURIOrConstant><t:Constant Value="` +
			s.cfg.Since.UTC().Format(time.RFC3339) + `"/></t:FieldURIOrConstant></t:IsGreaterThanOrEqualTo></t:And>`
	}
	return fmt.Sprintf(`<m:FindItem Traversal="Shallow">%s<m:IndexedPageItemView MaxEntriesReturned="%d" Offset="%d" BasePoint="Beginning"/><m:Restriction>%s</m:Restriction>`+
		`<m:SortOrder><t:FieldOrder Order="Ascending"><t:FieldURI FieldURI="item:DateTimeReceived"/></t:FieldOrder></m:SortOrder><m:ParentFolderIds>%s</m:ParentFolderIds></m:FindItem>`,
		itemShape, pageSize, offset, want, folderID(f.id))
}

// listed reads mails of any class: whatever has an ItemId is one.
func listed(f *folder, items []*element) []mail {
	var mails []mail
	for _, e := range items {
		m := mail{
			folder: f, id: e.at("ItemId").attr("Id"), size: number(e.say("Size")),
			received: moment(e.say("DateTimeReceived")), read: truth(e.say("IsRead")),
		}
		for _, c := range e.at("Categories").all("String") {
			if name := strings.TrimSpace(c.text); len(name) <= maxCategory && len(m.categories) < maxCategories {
				m.categories = append(m.categories, name)
			}
		}
		if m.id != "" && len(m.id) <= maxID {
			mails = append(mails, m)
		}
	}
	return mails
}

// add takes a page in, and tells whether the listing is complete, or as complete
// as it gets. What is known is always the front of the view, without a gap: a page
// that does not touch it is not taken.
func (v *view) add(came []mail, last bool) bool {
	v.page = max(v.page, len(came))
	if v.overlap && !slices.ContainsFunc(came, func(m mail) bool { return v.ids[m.id] }) {
		v.jump = max(2*v.jump, v.page)
		v.offset = max(0, v.offset-v.jump)
		v.overlap = v.offset > 0
		v.back++
		return v.back > maxStepsBack
	}
	before := len(v.mails)
	for _, m := range came {
		if !v.ids[m.id] {
			v.ids[m.id] = true
			v.mails = append(v.mails, m)
		}
	}
	if v.idle++; len(v.mails) > before {
		v.idle, v.jump = 0, 0
	}
	v.offset += len(came)
	if v.overlap = len(came) > 1; v.overlap {
		v.offset--
	}
	return last || len(came) == 0 || len(v.mails) >= maxListed || v.idle > maxIdle
}

// viewed makes batches of the mails of a listing that are wanted.
func (s *Source) viewed(ctx context.Context, p *pass) error {
	mails := p.view.mails[:min(len(p.view.mails), maxListed)]
	slices.SortStableFunc(mails, func(a, b mail) int { return a.received.Compare(b.received) })
	fresh, err := s.take(ctx, mails)
	if err != nil {
		p.view = nil
		return err
	}
	if len(mails) == maxListed && s.once("many "+p.at.name) {
		s.cfg.Log.Warn("the folder has more mails than one pass takes: the oldest come first; a later start of since may help", "folder", p.at.name, "mails", maxListed)
	}
	s.forget(p.at, p.view.ids)
	p.at, p.view, p.batches = nil, nil, s.batches(fresh)
	return nil
}

// turn begins a listing: what was acknowledged before need not be remembered
// unless it is listed again.
func (s *Source) turn(f *folder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range f.acked {
		f.prior[id] = true
	}
	f.acked = map[string]bool{}
}

func (s *Source) forget(f *folder, listed map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range f.prior {
		if !listed[id] {
			delete(f.prior, id)
		}
	}
}

// changed is a page of changes.
type changed struct {
	mails []mail // that came
	state string
	any   bool // it has changes of any kind
	last  bool
}

// readChanges reads the answer to SyncFolderItems.
func readChanges(f *folder, m *element) changed {
	c := changed{state: m.say("SyncState"), last: truth(m.say("IncludesLastItemInRange"))}
	for _, change := range elements(m.at("Changes")) {
		c.any = true
		if change.name == "Create" {
			c.mails = append(c.mails, listed(f, change.kids)...)
		}
	}
	return c
}

// changes asks for one page of what came into the folder.
func (s *Source) changes(ctx context.Context, p *pass) error {
	f := p.at
	var got changed
	err := p.finder.c.do(ctx, s.links[0], call{body: fixed(s.syncItems(f))}, func(m *element) error {
		got = readChanges(f, m)
		return refusalOf(m)
	})
	switch {
	case is(err, "ErrorInvalidSyncStateData", "ErrorSyncFolderNotFound", "ErrorInvalidSyncState") && s.stateOf(f) != "":
		s.cfg.Log.Warn("the server does not know any more what was read before: the folder is listed anew", "folder", f.name)
		s.mu.Lock()
		f.restart("")
		s.mu.Unlock()
		return nil
	case err != nil:
		return s.folderTrouble(p, err)
	case got.state == "":
		return mailbox.Temporary("folder %q: the server tells changes without a state", f.name)
	}
	fresh, err := s.take(ctx, got.mails)
	if err != nil {
		return err
	}
	if p.idle++; got.any {
		p.idle = 0
	}
	s.append(f, got.state, got.mails, fresh)
	if got.last || p.idle > maxIdle {
		p.at, p.idle = nil, 0
	}
	p.batches = s.batches(fresh)
	return nil
}

func (s *Source) syncItems(f *folder) string {
	since := ""
	if state := s.stateOf(f); state != "" {
		since = `<m:SyncState>` + escaped(state) + `</m:SyncState>`
	}
	return fmt.Sprintf(`<m:SyncFolderItems>%s<m:SyncFolderId>%s</m:SyncFolderId>%s<m:MaxChangesReturned>%d</m:MaxChangesReturned></m:SyncFolderItems>`,
		itemShape, folderID(f.id), since, maxSync)
}

func (s *Source) stateOf(f *folder) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return f.state
}

// append remembers a page of changes, and which of its mails are not done: those
// that are to be handed out, and those that were and are not acknowledged.
func (s *Source) append(f *folder, state string, came, fresh []mail) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pg := &page{state: state, open: map[string]bool{}}
	for _, m := range fresh {
		pg.open[m.id] = true
	}
	for _, m := range came {
		if _, given := f.given[m.id]; given {
			pg.open[m.id] = true
		}
	}
	for id := range pg.open {
		pg.mails = append(pg.mails, id)
	}
	f.pages, f.state = append(f.pages, pg), state
}
