package ewssim

import "strings"

// folderOf finds the folder that a FolderId or DistinguishedFolderId names, if the
// user may see it. What the schema does not allow is a *failure with violation.
func (s *Server) folderOf(c *call, n *node) (*folder, error) {
	switch n.name {
	case "FolderId":
		return s.folderByID(c, n)
	case "DistinguishedFolderId":
		return s.folderByName(c, n)
	}
	return nil, invalid(n, "The element '"+n.name+"' is no id of a folder.")
}

func (s *Server) folderByID(c *call, n *node) (*folder, error) {
	if !n.has("Id") {
		return nil, invalid(n, "The required attribute 'Id' is missing.")
	}
	kind, ok := kindOf(n.attr("Id"))
	switch {
	case !ok:
		return nil, fail("ErrorInvalidIdMalformed")
	case kind != kindFolder:
		return nil, fail("ErrorCannotUseItemIdForFolderId")
	}
	f := s.store.folders[n.attr("Id")]
	if f == nil {
		return nil, fail("ErrorItemNotFound")
	}
	if !c.user.opens(f.box.email) {
		return nil, fail("ErrorAccessDenied")
	}
	return f, nil
}

func (s *Server) folderByName(c *call, n *node) (*folder, error) {
	id := n.attr("Id")
	since, ok := knownName(id)
	if !ok {
		return nil, badValue(n, "Id", id, "DistinguishedFolderIdNameType")
	}
	if err := s.since(c, n, since); err != nil {
		return nil, &refusal{err}
	}
	email := c.mailbox
	if box := n.kid("Mailbox"); box != nil {
		email = strings.ToLower(box.kid("EmailAddress").value())
	}
	b := s.store.boxes[email]
	switch {
	case b == nil && email != "":
		return nil, fail("ErrorNonExistentMailbox")
	case b == nil:
		return nil, fail("ErrorMissingEmailAddress")
	case !c.user.opens(email):
		return nil, fail("ErrorAccessDenied")
	case b.known[id] == nil:
		return nil, fail("ErrorFolderNotFound")
	}
	return b.known[id], nil
}

// refusal is an error that refuses the request as a whole.
type refusal struct{ err error }

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// whole is an error when it refuses the request as a whole; else nil.
func whole(err error) error {
	if r, ok := err.(*refusal); ok {
		return r.err
	}
	if f, ok := err.(*failure); ok && f.violation != "" {
		return f
	}
	return nil
}

// target is the folder in an element such as ToFolderId.
func (s *Server) target(c *call, name string) (*folder, error) {
	n, err := c.body.want(name)
	if err != nil {
		return nil, err
	}
	if len(n.kids) != 1 {
		return nil, invalid(n, "The element '"+name+"' has to have one id.")
	}
	if struck := c.struck(n.kids[0].attr("Id")); struck != nil {
		return nil, struck
	}
	return s.folderOf(c, n.kids[0])
}

// maxAnswer are bytes, beyond which an answer names no more: a request may name the
// same large item many times.
const maxAnswer = 256 << 20

// parents are the folders in ParentFolderIds or the like, one result for each.
func (s *Server) parents(c *call, name string, do func(*folder) result) ([]result, error) {
	list, err := c.body.want(name)
	if err != nil {
		return nil, err
	}
	if len(list.kids) == 0 {
		return nil, invalid(list, "The element '"+name+"' has incomplete content.")
	}
	var all []result
	spent := 0
	for _, n := range list.kids {
		f, err := s.folderOf(c, n)
		if struck := c.struck(n.attr("Id")); struck != nil {
			err = struck
		}
		if err == nil && spent > maxAnswer {
			err = fail("ErrorMessageSizeExceeded")
		}
		if bad := whole(err); bad != nil {
			return nil, bad
		}
		if err != nil {
			all = append(all, result{err: err})
			continue
		}
		r := do(f)
		spent += len(r.inner)
		if bad := whole(r.err); bad != nil {
			return nil, bad
		}
		all = append(all, r)
	}
	return all, nil
}

// itemOf finds the item of an ItemId, if the user may see it.
func (s *Server) itemOf(c *call, n *node) (*item, error) {
	if n.name != "ItemId" || !n.has("Id") {
		return nil, invalid(n, "The element '"+n.name+"' is no id of an item.")
	}
	kind, ok := kindOf(n.attr("Id"))
	switch {
	case !ok:
		return nil, fail("ErrorInvalidIdMalformed")
	case kind == kindFolder:
		return nil, fail("ErrorCannotUseFolderIdForItemId")
	case kind != kindItem:
		return nil, fail("ErrorInvalidIdMalformed")
	}
	if n.has("ChangeKey") && n.attr("ChangeKey") != "" {
		if _, ok := changeOf(n.attr("ChangeKey")); !ok {
			return nil, fail("ErrorInvalidChangeKey")
		}
	}
	it := s.store.items[n.attr("Id")]
	if it == nil {
		return nil, fail("ErrorItemNotFound")
	}
	if !c.user.opens(it.folder.box.email) {
		return nil, fail("ErrorAccessDenied")
	}
	return it, nil
}

// items are those in ItemIds, one result for each.
func (s *Server) items(c *call, do func(*item, *node) result) ([]result, error) {
	list, err := c.body.want("ItemIds")
	if err != nil {
		return nil, err
	}
	if len(list.kids) == 0 {
		return nil, invalid(list, "The element 'ItemIds' has incomplete content.")
	}
	var all []result
	spent := 0
	for _, n := range list.kids {
		it, err := s.itemOf(c, n)
		if err == nil && spent > maxAnswer {
			err = fail("ErrorMessageSizeExceeded")
		}
		if struck := c.struck(n.attr("Id")); struck != nil {
			err = struck
		}
		r := result{err: err}
		if err == nil {
			r = do(it, n)
			spent += len(r.inner)
		}
		if bad := whole(r.err); bad != nil {
			return nil, bad
		}
		all = append(all, r)
	}
	return all, nil
}

func (s *Server) itemID(it *item) []string {
	return []string{"Id", it.id, "ChangeKey", s.store.changeKey(it.id, it.changed)}
}

func (s *Server) folderID(f *folder) []string {
	return []string{"Id", f.id, "ChangeKey", s.store.changeKey(f.id, f.changed)}
}
