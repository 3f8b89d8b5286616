package threatqsim

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// postParts adds what the body lists to the object of the path: attributes,
// tags, sources, comments. All of them are right, or none is added.
func postParts[T any](s *Server, c *call, check func(in T, at string, p problems), add func(n *node, in T) any) answer {
	n := s.node(c)
	if n == nil {
		return missing(s.collection(c).kind.singular)
	}
	list, a, ok := decodeList[T](c)
	if !ok {
		return a
	}
	p := problems{}
	for i, in := range list {
		at := fmt.Sprintf("%d.", i)
		if bytes.HasPrefix(bytes.TrimSpace(c.body), []byte("{")) {
			at = ""
		}
		check(in, at, p)
	}
	if len(p) > 0 {
		return p.answer()
	}
	n.updated = c.now
	return data(http.StatusCreated, each(list, func(in T) any { return add(n, in) }))
}

// getParts lists what an object has.
func getParts(show func(n *node) []any) func(*Server, *call) answer {
	return func(s *Server, c *call) answer {
		if n := s.node(c); n != nil {
			return page(c, show(n))
		}
		return missing(s.collection(c).kind.singular)
	}
}

// postAttributes adds rows, whether or not the same stand there already.
func (s *Server) postAttributes(c *call) answer {
	return postParts(s, c, s.checkAttribute, func(n *node, in wire.Attribute) any { return renderAttribute(s.addAttribute(n, in)) })
}

func attributesOf(n *node) []any { return each(n.attrs, renderAttribute) }

// attribute is the row that the path names; its place in the list is -1 when it
// is not there.
func (s *Server) attribute(c *call) (n *node, at int) {
	if n = s.node(c); n == nil {
		return nil, -1
	}
	return n, slices.IndexFunc(n.attrs, func(a *attribute) bool { return a.id == c.number("rowid") })
}

func (s *Server) getAttribute(c *call) answer {
	n, at := s.attribute(c)
	if at < 0 {
		return missing("attribute")
	}
	return data(http.StatusOK, renderAttribute(n.attrs[at]))
}

func (s *Server) putAttribute(c *call) answer {
	n, at := s.attribute(c)
	if at < 0 {
		return missing("attribute")
	}
	row := n.attrs[at]
	in := wire.Attribute{Name: row.name.name, Value: row.value}
	if a, ok := decode(c, &in); !ok {
		return a
	}
	p := problems{}
	if s.checkAttribute(in, "", p); len(p) > 0 {
		return p.answer()
	}
	row.name, row.value, n.updated = s.state.attrNames.named(in.Name), in.Value, c.now
	return data(http.StatusOK, renderAttribute(row))
}

func (s *Server) deleteAttribute(c *call) answer {
	n, at := s.attribute(c)
	if at < 0 {
		return missing("attribute")
	}
	n.attrs = slices.Delete(n.attrs, at, at+1)
	return noContent
}

// postTags answers with as many tags as were sent, also those that were there.
func (s *Server) postTags(c *call) answer {
	return postParts(s, c, checkTag, func(n *node, in wire.Tag) any { return renderTag(s.addTag(n, in.Name)) })
}

func checkTag(in wire.Tag, at string, p problems) {
	if in.Name == "" {
		p.add(at+"name", "The name field is required.")
	}
}

func tagsOf(n *node) []any { return each(n.tags, renderTag) }

func (s *Server) deleteTag(c *call) answer {
	n := s.node(c)
	if n == nil {
		return missing(s.collection(c).kind.singular)
	}
	before := len(n.tags)
	n.tags = slices.DeleteFunc(n.tags, func(r *row) bool { return r.id == c.number("tagid") })
	if len(n.tags) == before {
		return missing("tag")
	}
	return noContent
}

func (s *Server) getTags(c *call) answer {
	var found []*row
	for _, r := range s.state.tagNames.rows {
		if matches(c.query.Get("name"), r.name) {
			found = append(found, r)
		}
	}
	return page(c, each(found, renderTag))
}

func (s *Server) postSources(c *call) answer {
	return postParts(s, c, s.checkSource, func(n *node, in wire.Source) any {
		n.sources = s.addSource(n.sources, in)
		i := slices.IndexFunc(n.sources, func(have *source) bool { return have.row == s.state.sources.byName(in.Name) })
		return renderSource(n.sources[i])
	})
}

func sourcesOf(n *node) []any { return each(n.sources, renderSource) }

// deleteSource takes a source from an object by the id of its pivot.
func (s *Server) deleteSource(c *call) answer {
	n := s.node(c)
	if n == nil {
		return missing(s.collection(c).kind.singular)
	}
	before := len(n.sources)
	n.sources = slices.DeleteFunc(n.sources, func(src *source) bool { return src.pivot == c.number("sid") })
	if len(n.sources) == before {
		return missing("source")
	}
	return noContent
}

// said is a comment of a request.
type said struct {
	Value   string                 `json:"value"`
	Sources wire.List[wire.Source] `json:"sources"`
}

// postComment adds one comment, and answers with it alone.
func (s *Server) postComment(c *call) answer {
	a := postParts(s, c, s.checkComment, func(n *node, in said) any { return renderComment(s.addComment(c, n, in.Value, in.Sources)) })
	if body, ok := a.body.(object); ok {
		if list, ok := body["data"].([]any); ok && len(list) == 1 {
			return data(a.code, list[0])
		}
	}
	return a
}

func (s *Server) checkComment(in said, at string, p problems) {
	if in.Value == "" {
		p.add(at+"value", "The value field is required.")
	}
	for i, src := range in.Sources {
		s.checkSource(src, fmt.Sprintf("%ssources.%d.", at, i), p)
	}
}

func commentsOf(n *node) []any {
	list := slices.Clone(n.comments)
	slices.Reverse(list) // the latest first
	return each(list, renderComment)
}

// comment finds a comment among all objects of a collection.
func (s *Server) comment(c *call) (n *node, at int) {
	for _, n := range s.collection(c).objects {
		if i := slices.IndexFunc(n.comments, func(m *comment) bool { return m.id == c.number("cid") }); i >= 0 {
			return n, i
		}
	}
	return nil, -1
}

func (s *Server) putComment(c *call) answer {
	n, at := s.comment(c)
	if at < 0 {
		return missing("comment")
	}
	var in said
	if a, ok := decode(c, &in); !ok {
		return a
	}
	p := problems{}
	if s.checkComment(in, "", p); len(p) > 0 {
		return p.answer()
	}
	n.comments[at].value = in.Value
	return data(http.StatusOK, renderComment(n.comments[at]))
}

func (s *Server) deleteComment(c *call) answer {
	n, at := s.comment(c)
	if at < 0 {
		return missing("comment")
	}
	n.comments = slices.Delete(n.comments, at, at+1)
	return noContent
}

// postDescription sets the text of an adversary.
func (s *Server) postDescription(c *call) answer {
	return postParts(s, c, s.checkComment, func(n *node, in said) any {
		n.description = in.Value
		return object{"id": s.state.nextRow(), "value": in.Value}
	})
}

func descriptionOf(n *node) []any {
	if n.description == "" {
		return []any{}
	}
	return []any{object{"id": n.id, "value": n.description}}
}
