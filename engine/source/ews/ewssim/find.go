package ewssim

import "slices"

// findItem lists the items of folders, as they are now: a client that changes what
// it filters by sees another list on its next page. Without a SortOrder the last
// one that came is first, as in Exchange.
func (s *Server) findItem(c *call) ([]result, error) {
	sh, err := s.wantShape(c, "ItemShape")
	if err != nil {
		return nil, err
	}
	if t := c.body.attr("Traversal"); !slices.Contains([]string{"Shallow", "SoftDeleted", "Associated"}, t) {
		return nil, badValue(c.body, "Traversal", t, "ItemQueryTraversalType")
	}
	for _, other := range []string{"QueryString", "CalendarView", "ContactsView", "FractionalPageItemView", "GroupBy", "DistinguishedGroupBy"} {
		if n := c.body.kid(other); n != nil { // rather than a list that is not what was asked for
			return nil, fail("ErrorInvalidOperation")
		}
	}
	where, err := s.restriction(c, c.body.kid("Restriction"))
	if err != nil {
		return nil, unwrap(err)
	}
	order, err := s.sorting(c, c.body.kid("SortOrder"))
	if err != nil {
		return nil, unwrap(err)
	}
	v, err := readView(c.body.kid("IndexedPageItemView"), s.cfg.MaxItems)
	if err != nil {
		return nil, err
	}
	return s.parents(c, "ParentFolderIds", func(f *folder) result {
		if sh.mime || wantsBody(sh) {
			return result{err: fail("ErrorInvalidPropertyForOperation")}
		}
		return result{inner: s.list(c, f, sh, where, order, v)}
	})
}

// wantsBody names what FindItem does not give even when it is asked for.
func wantsBody(sh *shape) bool {
	for _, uri := range []string{"item:Body", "item:UniqueBody", "item:TextBody", "item:NormalizedBody", "item:InternetMessageHeaders", "item:Attachments"} {
		if sh.uris[uri] {
			return true
		}
	}
	return false
}

// unwrap is the error within a refusal.
func unwrap(err error) error {
	if r, ok := err.(*refusal); ok {
		return r.err
	}
	return err
}

func (s *Server) list(c *call, f *folder, sh *shape, where condition, order func(a, b *item) int, v view) []byte {
	var found []*item
	if c.body.attr("Traversal") == "Shallow" {
		for _, it := range f.items {
			if where.holds(itemValues{s, it}) {
				found = append(found, it)
			}
		}
	}
	slices.Reverse(found)
	slices.SortStableFunc(found, func(a, b *item) int { return b.received.Compare(a.received) })
	if order != nil {
		slices.SortStableFunc(found, order)
	}
	from, to := v.page(len(found))
	x := s.text()
	v.begin(x, from, to, len(found))
	x.begin("t:Items")
	for _, it := range found[from:to] {
		s.render(x, c, it, sh, true)
	}
	x.end()
	x.end()
	return x.Bytes()
}

// getItem gives items. Contents beyond MaxResponse are refused one by one.
func (s *Server) getItem(c *call) ([]result, error) {
	sh, err := s.wantShape(c, "ItemShape")
	if err != nil {
		return nil, err
	}
	var spent int64
	return s.items(c, func(it *item, _ *node) result {
		if sh.mime {
			spent += int64(len(it.raw))
			switch {
			case it.raw == nil:
				return result{err: fail("ErrorUnsupportedMimeConversion")}
			case spent > s.cfg.MaxResponse:
				spent -= int64(len(it.raw))
				return result{err: fail("ErrorMessageSizeExceeded")}
			}
		}
		return result{inner: s.oneItem(c, it, sh)}
	})
}

func (s *Server) oneItem(c *call, it *item, sh *shape) []byte {
	x := s.text()
	x.begin("m:Items")
	s.render(x, c, it, sh, false)
	x.end()
	return x.Bytes()
}
