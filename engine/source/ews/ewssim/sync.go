package ewssim

import (
	"cmp"
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strconv"
)

// place is how far a client has been told: of all that came until the change
// created, as it was at the change changed. The two differ between the pages of a
// first sync. In base64, behind a mark and the epoch, and before what the seed
// makes of it and of the folder, it is a sync state: the server keeps nothing about
// who has been told what.
type place struct{ created, changed uint64 }

const stateMark = "\x01sim"

func (s *Server) syncState(what string, p place) string {
	raw := binary.BigEndian.AppendUint64([]byte(stateMark), s.store.syncs)
	raw = binary.BigEndian.AppendUint64(raw, p.created)
	raw = binary.BigEndian.AppendUint64(raw, p.changed)
	return base64.StdEncoding.EncodeToString(append(raw, s.store.draw("state "+what+string(raw))...))
}

// readState is the zero place for a first sync.
func (s *Server) readState(what string, n *node) (place, error) {
	if n.value() == "" {
		return place{}, nil
	}
	raw, err := base64.StdEncoding.DecodeString(n.value())
	size := len(stateMark) + 24
	switch {
	case err != nil || len(raw) != size+32 || !hmac.Equal(raw[size:], s.store.draw("state "+what+string(raw[:size]))):
		return place{}, fail("ErrorInvalidSyncStateData")
	case binary.BigEndian.Uint64(raw[len(stateMark):]) != s.store.syncs:
		return place{}, fail("ErrorInvalidSyncStateData")
	}
	return place{binary.BigEndian.Uint64(raw[len(stateMark)+8:]), binary.BigEndian.Uint64(raw[len(stateMark)+16:])}, nil
}

// news is something that a client has not been told.
type news struct {
	is      bool   // that it is
	created bool   // it came since
	change  uint64 // when it came, or when it changed
	write   func(*text)
}

// newsOf is what is to be told of an object.
func (p place) newsOf(created, changed uint64, write func(*text)) news {
	if created > p.created {
		return news{is: true, created: true, change: created, write: write}
	}
	return news{is: changed > p.changed, change: changed, write: write}
}

// newsOfGrave is what is to be told of an object that is gone: nothing, if the
// client never heard of it.
func (p place) newsOfGrave(g grave, write func(*text)) news {
	return news{is: g.created <= p.created && g.buried > p.changed, change: g.buried, write: write}
}

// tell says what is told now: first what changed of the things that are known, then
// what came. It returns how far that goes, and whether that is all.
func (p place) tell(all []news, most int, now uint64) (told []news, to place, last bool) {
	all = slices.DeleteFunc(all, func(n news) bool { return !n.is })
	slices.SortFunc(all, func(a, b news) int {
		return cmp.Or(cmp.Compare(boolean(a.created), boolean(b.created)), cmp.Compare(a.change, b.change))
	})
	told = all[:min(len(all), most)]
	switch {
	case len(told) == len(all):
		return told, place{now, now}, true
	case told[len(told)-1].created:
		return told, place{told[len(told)-1].change, now}, false
	case all[len(told)].created:
		return told, place{p.created, now}, false
	}
	return told, place{p.created, told[len(told)-1].change}, false
}

// syncItems tells what changed in a folder. What came and went between two states
// is never told.
func (s *Server) syncItems(c *call) ([]result, error) {
	sh, err := s.wantShape(c, "ItemShape")
	if err != nil {
		return nil, err
	}
	most, err := s.syncLimit(c)
	if err != nil {
		return nil, err
	}
	f, err := s.target(c, "SyncFolderId")
	if bad := whole(err); bad != nil {
		return nil, bad
	}
	if asFailure(err).code == "ErrorItemNotFound" {
		err = fail("ErrorSyncFolderNotFound")
	}
	if err != nil {
		return []result{{err: err}}, nil
	}
	if sh.mime || wantsBody(sh) {
		return []result{{err: fail("ErrorInvalidPropertyForOperation")}}, nil
	}
	since, err := s.readState("items "+f.id, c.body.kid("SyncState"))
	if err != nil {
		return []result{{err: err}}, nil
	}
	ignored := map[string]bool{}
	for _, n := range c.body.kid("Ignore").all() {
		ignored[n.attr("Id")] = true
	}
	told, to, last := since.tell(s.itemNews(c, f, sh, since, ignored), most, s.store.change)
	return []result{{inner: s.synced(s.syncState("items "+f.id, to), "m:IncludesLastItemInRange", last, told)}}, nil
}

func (s *Server) syncLimit(c *call) (int, error) {
	n, err := c.body.want("MaxChangesReturned")
	if err != nil {
		return 0, err
	}
	most, bad := strconv.Atoi(n.value())
	if bad != nil || most < 1 || most > 512 {
		return 0, invalid(n, "The 'MaxChangesReturned' element is invalid - The value '"+n.value()+"' is invalid according to its datatype '"+nsTypes+":MaxSyncChangesReturnedType'.")
	}
	return min(most, s.cfg.MaxSync), nil
}

func (s *Server) synced(state, lastName string, last bool, told []news) []byte {
	x := s.text()
	x.leaf("m:SyncState", state)
	x.leaf(lastName, boolean(last))
	x.begin("m:Changes")
	for _, n := range told {
		n.write(x)
	}
	x.end()
	return x.Bytes()
}

func (s *Server) itemNews(c *call, f *folder, sh *shape, since place, ignored map[string]bool) []news {
	var all []news
	for _, it := range f.items {
		if !ignored[it.id] {
			all = append(all, since.newsOf(it.created, it.changed, func(x *text) { s.tellItem(x, c, it, sh, since) }))
		}
	}
	for _, g := range f.gone {
		if !ignored[g.id] {
			all = append(all, since.newsOfGrave(g, func(x *text) {
				x.begin("t:Delete")
				x.leaf("t:ItemId", "", "Id", g.id, "ChangeKey", s.store.changeKey(g.id, g.created))
				x.end()
			}))
		}
	}
	return all
}

func (s *Server) tellItem(x *text, c *call, it *item, sh *shape, since place) {
	switch {
	case it.created > since.created:
		x.begin("t:Create")
	case it.content > since.changed || c.schema < schemaOf("Exchange2010"): // older schemas have no ReadFlagChange
		x.begin("t:Update")
	default:
		x.begin("t:ReadFlagChange")
		x.leaf("t:ItemId", "", s.itemID(it)...)
		x.leaf("t:IsRead", boolean(it.read))
		x.end()
		return
	}
	s.render(x, c, it, sh, true)
	x.end()
}

// syncFolders tells what changed among the folders of a mailbox.
func (s *Server) syncFolders(c *call) ([]result, error) {
	sh, err := s.wantShape(c, "FolderShape")
	if err != nil {
		return nil, err
	}
	var top *folder
	if c.body.kid("SyncFolderId") != nil {
		top, err = s.target(c, "SyncFolderId")
	} else {
		top, err = s.folderByName(c, &node{name: "DistinguishedFolderId", attrs: attributes("Id", "msgfolderroot")})
	}
	if bad := whole(err); bad != nil {
		return nil, bad
	}
	if err != nil {
		return []result{{err: err}}, nil
	}
	since, err := s.readState("folders "+top.id, c.body.kid("SyncState"))
	if err != nil {
		return []result{{err: err}}, nil
	}
	told, to, last := since.tell(s.folderNews(top, sh, since), 1<<30, s.store.change)
	return []result{{inner: s.synced(s.syncState("folders "+top.id, to), "m:IncludesLastFolderInRange", last, told)}}, nil
}

func (s *Server) folderNews(top *folder, sh *shape, since place) []news {
	var all []news
	for _, f := range top.below() {
		kind := "t:Update"
		if f.created > since.created {
			kind = "t:Create"
		}
		all = append(all, since.newsOf(f.created, f.changed, func(x *text) {
			x.begin(kind)
			s.renderFolder(x, f, sh)
			x.end()
		}))
	}
	for _, g := range top.box.gone {
		all = append(all, since.newsOfGrave(g, func(x *text) {
			x.begin("t:Delete")
			x.leaf("t:FolderId", "", "Id", g.id, "ChangeKey", s.store.changeKey(g.id, g.created))
			x.end()
		}))
	}
	return all
}
