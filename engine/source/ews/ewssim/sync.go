package ewssim

import (
	"cmp"
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strconv"
)

// A sync state is a mark, the epoch, the change that has been told last, and what
// the seed makes of these and the folder, in base64. The server keeps nothing
// about who has been told what.
const stateMark = "\x01sim"

func (s *Server) syncState(what string, change uint64) string {
	raw := binary.BigEndian.AppendUint64([]byte(stateMark), s.store.syncs)
	raw = binary.BigEndian.AppendUint64(raw, change)
	return base64.StdEncoding.EncodeToString(append(raw, s.store.draw("state "+what+string(raw))...))
}

// readState is 0 for a first sync.
func (s *Server) readState(what string, n *node) (change uint64, err error) {
	if n.value() == "" {
		return 0, nil
	}
	raw, bad := base64.StdEncoding.DecodeString(n.value())
	size := len(stateMark) + 16
	if bad != nil || len(raw) != size+32 || !hmac.Equal(raw[size:], s.store.draw("state "+what+string(raw[:size]))) {
		return 0, fail("ErrorInvalidSyncStateData")
	}
	if binary.BigEndian.Uint64(raw[len(stateMark):]) != s.store.syncs {
		return 0, fail("ErrorInvalidSyncStateData")
	}
	return binary.BigEndian.Uint64(raw[len(stateMark)+8:]), nil
}

// news is something that changed since a state.
type news struct {
	change uint64
	write  func(*text)
}

// inOrder sorts news, and says what is told now: as much as fits, and whether that
// is all.
func inOrder(all []news, most int, since uint64) (told []news, until uint64, last bool) {
	slices.SortFunc(all, func(a, b news) int { return cmp.Compare(a.change, b.change) })
	told = all[:min(len(all), most)]
	until = since
	if len(told) > 0 {
		until = told[len(told)-1].change
	}
	return told, until, len(told) == len(all)
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
	told, until, last := inOrder(s.itemNews(c, f, sh, since, ignored), most, since)
	return []result{{inner: synced(s.syncState("items "+f.id, until), "m:IncludesLastItemInRange", last, told)}}, nil
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

func synced(state, lastName string, last bool, told []news) []byte {
	x := &text{}
	x.leaf("m:SyncState", state)
	x.leaf(lastName, boolean(last))
	x.begin("m:Changes")
	for _, n := range told {
		n.write(x)
	}
	x.end()
	return x.Bytes()
}

func (s *Server) itemNews(c *call, f *folder, sh *shape, since uint64, ignored map[string]bool) []news {
	var all []news
	for _, it := range f.items {
		if it.changed > since && !ignored[it.id] {
			all = append(all, news{it.changed, func(x *text) { s.tellItem(x, c, it, sh, since) }})
		}
	}
	for _, g := range f.gone {
		if g.buried > since && g.created <= since && !ignored[g.id] {
			all = append(all, news{g.buried, func(x *text) {
				x.begin("t:Delete")
				x.leaf("t:ItemId", "", "Id", g.id, "ChangeKey", s.store.changeKey(g.id, g.created))
				x.end()
			}})
		}
	}
	return all
}

func (s *Server) tellItem(x *text, c *call, it *item, sh *shape, since uint64) {
	switch {
	case it.created > since:
		x.begin("t:Create")
	case it.content > since || c.schema < schemaOf("Exchange2010"): // older schemas have no ReadFlagChange
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
	told, until, last := inOrder(s.folderNews(top, sh, since), 1<<30, since)
	return []result{{inner: synced(s.syncState("folders "+top.id, until), "m:IncludesLastFolderInRange", last, told)}}, nil
}

func (s *Server) folderNews(top *folder, sh *shape, since uint64) []news {
	var all []news
	for _, f := range top.below() {
		if f.changed <= since {
			continue
		}
		kind := "t:Update"
		if f.created > since {
			kind = "t:Create"
		}
		all = append(all, news{f.changed, func(x *text) {
			x.begin(kind)
			s.renderFolder(x, f, sh)
			x.end()
		}})
	}
	for _, g := range top.box.gone {
		if g.buried > since && g.created <= since {
			all = append(all, news{g.buried, func(x *text) {
				x.begin("t:Delete")
				x.leaf("t:FolderId", "", "Id", g.id, "ChangeKey", s.store.changeKey(g.id, g.created))
				x.end()
			}})
		}
	}
	return all
}
