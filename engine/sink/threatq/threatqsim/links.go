package threatqsim

import (
	"net/http"
	"slices"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// postLinks ties an object to others, and tells the link of each as its pivot.
func (s *Server) postLinks(c *call) answer {
	n := s.node(c)
	if n == nil {
		return missing(s.collection(c).kind.singular)
	}
	list, a, ok := decodeList[wire.Object](c)
	if !ok {
		return a
	}
	peers, p := s.peersByID(c, list)
	if slices.Contains(peers, n) {
		p.add("id", "An object cannot be linked to itself.")
	}
	if len(p) > 0 {
		return p.answer()
	}
	out := each(peers, func(peer *node) any {
		o := render(peer, nil)
		o["pivot"] = object{"id": s.state.link(n, peer).id}
		return o
	})
	return data(http.StatusCreated, out)
}

func (s *Server) peersByID(c *call, list []wire.Object) ([]*node, problems) {
	coll, p := s.state.collections[c.params["with"]], problems{}
	var peers []*node
	for _, in := range list {
		peer := coll.objects[int64(in.ID)]
		switch {
		case in.ID == 0:
			p.add("id", "The id field is required.")
		case peer == nil:
			p.add("id", "The selected id is invalid.")
		}
		peers = append(peers, peer)
	}
	return peers, p
}

func (s *Server) getLinks(c *call) answer {
	n := s.node(c)
	if n == nil {
		return missing(s.collection(c).kind.singular)
	}
	w := s.readWith(c.query)
	if w.breaks() {
		return broken
	}
	return page(c, n.renderLinked(c.params["with"], w))
}

// deleteLinks removes links by the ids of their pivots.
func (s *Server) deleteLinks(c *call) answer {
	n := s.node(c)
	if n == nil {
		return missing(s.collection(c).kind.singular)
	}
	var ids wire.List[wire.Int]
	if a, ok := decode(c, &ids); !ok {
		return a
	}
	var gone []*pivot
	for peer, link := range n.links {
		if peer.kind.name == c.params["with"] && slices.Contains(ids, wire.Int(link.id)) {
			gone = append(gone, link)
		}
	}
	if len(gone) == 0 {
		return missing("link")
	}
	for _, link := range gone {
		unlink(link)
	}
	return noContent
}
