package threatqsim

import (
	"slices"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// put makes the object of a draft, or finds it again and adds what the draft
// brings. It returns what normalising derived from it, too.
func (s *Server) put(c *call, coll *collection, d *draft, normal bool) (n *node, existed bool, derived []*node) {
	var extra normalised
	if normal {
		extra = normalise(d.typ.name, d.key, s.cfg.DeriveFQDN)
		d.typ, d.key = coll.types.byName(extra.typ), extra.value
		d.in.Attributes = append(slices.Clone(d.in.Attributes), extra.attributes...)
	}
	if d.freeType != "" {
		d.typ = coll.types.named(d.freeType)
	}
	if coll.kind.unique {
		n = coll.find(d.typ, d.key)
	}
	existed = n != nil
	if !existed {
		n = &node{key: d.key, typ: d.typ, file: d.file, created: c.now, updated: c.now}
		if coll.kind.name == "indicators" || coll.kind.name == "signatures" {
			n.status = coll.statuses.byName("Review")
		}
		coll.add(n)
	}
	s.change(c, n, d)
	if len(n.sources) == 0 {
		n.sources = s.addSource(nil, wire.Source{Name: c.user}) // who brought it
	}
	for _, more := range extra.derived {
		derived = append(derived, s.derive(c, n, d, more))
	}
	return n, existed, derived
}

// change adds what a draft brings, and sets what it says.
func (s *Server) change(c *call, n *node, d *draft) {
	index := s.state.collections[n.kind.name].index
	index.forget(n)
	defer index.add(n)
	if d.status != nil {
		n.status = d.status
	}
	if d.in.Description != "" {
		n.description = d.in.Description
	}
	if d.in.Text != "" {
		n.text = d.in.Text
	}
	if n.kind.name == "signatures" && d.in.Value != "" {
		n.text = d.in.Value
	}
	if !d.in.HappenedAt.IsZero() {
		n.happened = d.in.HappenedAt.Time
	}
	if !d.in.PublishedAt.IsZero() {
		n.published = d.in.PublishedAt.Time
	}
	if d.in.LastDetectedAt.After(n.detected) {
		n.detected = d.in.LastDetectedAt.Time
	}
	n.updated = c.now
	s.addParts(c, n, d.in)
	for _, peer := range d.peers {
		s.state.link(n, peer)
	}
	s.linkMade(c, n, d)
}

func (s *Server) addParts(c *call, n *node, in wire.Object) {
	for _, a := range in.Attributes {
		s.addAttribute(n, a)
	}
	for _, src := range in.Sources {
		n.sources = s.addSource(n.sources, src)
	}
	for _, t := range in.Tags {
		s.addTag(n, t.Name)
	}
	for _, m := range in.Comments {
		s.addComment(c, n, m.Value, nil)
	}
}

func (s *Server) linkMade(c *call, n *node, d *draft) {
	coll := s.state.collections["indicators"]
	for _, in := range d.made {
		typ := checkRow(coll.types, in.Type, in.TypeID, "", problems{})
		peer, _, _ := s.put(c, coll, &draft{in: in, key: in.Value, typ: typ}, s.normalises(c, in))
		s.state.link(n, peer)
	}
}

// derive makes the indicator that normalising found inside another one: with
// its status, sources and links, without its attributes.
func (s *Server) derive(c *call, from *node, d *draft, found Indicator) *node {
	coll := s.state.collections["indicators"]
	in := wire.Object{Sources: d.in.Sources}
	n, _, _ := s.put(c, coll, &draft{in: in, key: found.Value, typ: coll.types.byName(found.Type), status: d.status, peers: d.peers}, false)
	return n
}

// addAttribute makes a row, whether or not the same stands there already.
func (s *Server) addAttribute(n *node, in wire.Attribute) *attribute {
	a := &attribute{id: s.state.nextRow(), name: s.state.attrNames.named(in.Name), value: in.Value, published: in.PublishedAt.Time}
	for _, src := range in.Sources {
		a.sources = s.addSource(a.sources, src)
	}
	n.attrs = append(n.attrs, a)
	return a
}

// addSource adds a source by name. Of two TLPs of one source the more
// restrictive one stays.
func (s *Server) addSource(list []*source, in wire.Source) []*source {
	tlp := checkRow(s.state.tlps, in.TLP, in.TLPID, "", problems{})
	for _, src := range list {
		if src.row == s.state.sources.byName(in.Name) {
			src.tlp = stricter(src.tlp, tlp)
			return list
		}
	}
	return append(list, &source{row: s.state.sources.named(in.Name), tlp: tlp, published: in.PublishedAt.Time, pivot: s.state.nextPivot()})
}

func stricter(a, b *row) *row {
	if a == nil || b != nil && slices.Index(tlpOrder, b.name) < slices.Index(tlpOrder, a.name) {
		return b
	}
	return a
}

func (s *Server) addTag(n *node, name string) *row {
	r := s.state.tagNames.named(name)
	if !slices.Contains(n.tags, r) {
		n.tags = append(n.tags, r)
	}
	return r
}

func (s *Server) addComment(c *call, n *node, value string, sources []wire.Source) *comment {
	m := &comment{id: s.state.nextRow(), value: value, created: c.now}
	for _, src := range sources {
		m.sources = s.addSource(m.sources, src)
	}
	n.comments = append(n.comments, m)
	return m
}

// normalises tells whether a value is normalised: as the object says, else as
// the query says, else as the server is set.
func (s *Server) normalises(c *call, in wire.Object) bool {
	if in.Normalize != nil {
		return bool(*in.Normalize)
	}
	switch c.query.Get("normalize") {
	case "Y", "y", "1", "true":
		return true
	case "N", "n", "0", "false":
		return false
	}
	return s.cfg.Normalize
}
