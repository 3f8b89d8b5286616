package threatqsim

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// collection is the one that the path begins with; nil when there is none.
func (s *Server) collection(c *call) *collection {
	return s.state.collections[strings.Split(c.path, "/")[1]]
}

// node is the object that the path names; nil when it is not there.
func (s *Server) node(c *call) *node { return s.collection(c).objects[c.number("id")] }

func (c *call) number(name string) int64 {
	n, _ := strconv.ParseInt(c.params[name], 10, 64) // the route wants digits
	return n
}

// consume makes or updates a batch of objects: all of them, or none when one of
// them is wrong.
func (s *Server) consume(c *call) answer {
	if c.params["coll"] == "attachments" {
		return missing("route") // a file comes by upload
	}
	nodes, _, a, ok := s.putAll(c, s.collection(c))
	if !ok {
		return a
	}
	return data(http.StatusCreated, each(nodes, func(n *node) any { return render(n, nil) }))
}

// postIndicators makes indicators and says of each whether it was there before.
func (s *Server) postIndicators(c *call) answer {
	nodes, existed, a, ok := s.putAll(c, s.state.collections["indicators"])
	if !ok {
		return a
	}
	out := make([]any, 0, len(nodes))
	for i, n := range nodes {
		o := render(n, nil)
		o["existing"] = "N"
		if existed[i] {
			o["existing"] = "Y"
		}
		out = append(out, o)
	}
	return data(http.StatusCreated, out)
}

// putAll puts what the body lists. What was derived follows at the end.
func (s *Server) putAll(c *call, coll *collection) (nodes []*node, existed []bool, a answer, ok bool) {
	list, a, ok := decodeList[wire.Object](c)
	if !ok {
		return nil, nil, a, false
	}
	p := problems{}
	var drafts []*draft
	for i, in := range list {
		drafts = append(drafts, s.check(coll, in, fmt.Sprintf("%d.", i), true, p))
	}
	if len(p) > 0 {
		return nil, nil, p.answer(), false
	}
	var derived []*node
	for i, d := range drafts {
		if n := s.again(coll, d); n != nil {
			s.change(c, n, d)
			nodes, existed = append(nodes, n), append(existed, true)
			continue
		}
		n, was, more := s.put(c, coll, d, coll.kind.name == "indicators" && s.normalises(c, list[i]))
		nodes, existed, derived = append(nodes, n), append(existed, was), append(derived, more...)
	}
	return append(nodes, derived...), append(existed, make([]bool, len(derived))...), answer{}, true
}

// again finds the event that a bulk call is taken to mean, where the server is
// set so.
func (s *Server) again(coll *collection, d *draft) *node {
	if !s.cfg.UpsertEvents || coll.kind.name != "events" {
		return nil
	}
	for _, n := range coll.index["title"][strings.ToLower(d.key)] {
		if n.typ == d.typ {
			return n
		}
	}
	return nil
}

// postObject makes one object.
func (s *Server) postObject(c *call) answer {
	var in wire.Object
	if a, ok := decode(c, &in); !ok {
		return a
	}
	coll := s.collection(c)
	p := problems{}
	d := s.check(coll, in, "", true, p)
	if len(p) > 0 {
		return p.answer()
	}
	n, _, _ := s.put(c, coll, d, false)
	return data(http.StatusCreated, render(n, expanded))
}

func (s *Server) getObject(c *call) answer {
	n := s.node(c)
	if n == nil {
		return missing(s.collection(c).kind.singular)
	}
	w := s.readWith(c.query)
	if w.breaks() {
		return broken
	}
	return data(http.StatusOK, render(n, w))
}

func (s *Server) putObject(c *call) answer {
	coll, n := s.collection(c), s.node(c)
	if n == nil {
		return missing(coll.kind.singular)
	}
	var in wire.Object
	if a, ok := decode(c, &in); !ok {
		return a
	}
	p := problems{}
	d := s.check(coll, in, "", false, p)
	if d.typ == nil && d.freeType == "" {
		d.typ = n.typ
	}
	if d.key == "" {
		d.key = n.key
	}
	if other := coll.find(d.typ, d.key); n.kind.unique && other != nil && other != n {
		p.add(n.kind.key, "The %s has already been taken.", n.kind.key)
	}
	if len(p) > 0 {
		return p.answer()
	}
	s.rename(coll, n, d)
	s.change(c, n, d)
	w := s.readWith(c.query)
	maps.Copy(w, expanded)
	return data(http.StatusOK, render(n, w))
}

// rename sets what identifies an object, and of a file its name and lock.
func (s *Server) rename(coll *collection, n *node, d *draft) {
	coll.index.forget(n)
	defer coll.index.add(n)
	if d.freeType != "" {
		d.typ = coll.types.named(d.freeType)
	}
	n.typ, n.key = d.typ, d.key
	if n.file == nil {
		return
	}
	if d.in.MalwareLocked != nil {
		n.file.locked = bool(*d.in.MalwareLocked)
	}
	if d.in.Name != "" {
		n.file.name = d.in.Name
	}
}

func (s *Server) deleteObject(c *call) answer {
	n := s.node(c)
	if n == nil {
		return missing(s.collection(c).kind.singular)
	}
	s.collection(c).remove(n)
	return noContent
}
