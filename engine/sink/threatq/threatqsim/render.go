package threatqsim

import (
	"net/url"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// with is what a request asked to see of objects beside their own fields.
type with map[string]bool

func (s *Server) readWith(q url.Values) with {
	w := with{}
	for _, name := range strings.Split(q.Get("with"), ",") {
		if name = strings.TrimSpace(name); name != "" {
			w[name] = true
		}
	}
	w["spearphish"] = w["spearphish"] && s.has(Spearphish)
	return w
}

// breaks tells whether the platform fails over a name: seen in the field with
// collections whose names have an underscore.
func (w with) breaks() bool {
	for name := range w {
		if kinds[name] != nil && strings.Contains(name, "_") {
			return true
		}
	}
	return false
}

var expanded = with{"type": true, "status": true, "score": true, "sources": true}

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(wire.TimeLayout)
}

func (r *row) ref() any {
	if r == nil {
		return nil
	}
	o := object{"id": r.id, "name": r.name}
	if r.class != "" {
		o["class"] = r.class
	}
	return o
}

func (r *row) number() any {
	if r == nil {
		return nil
	}
	return r.id
}

// render is an object as answers show it.
func render(n *node, w with) object {
	o := object{
		"id": n.id, n.kind.key: n.key, "type_id": n.typ.number(), "status_id": n.status.number(), "description": text(n.description),
		"created_at": stamp(n.created), "updated_at": stamp(n.updated), "touched_at": stamp(n.updated),
	}
	switch n.kind.name {
	case "indicators":
		o["class"], o["last_detected_at"] = n.typ.class, stamp(n.detected)
	case "events":
		o["happened_at"] = stamp(n.happened)
	case "attachments":
		n.renderFile(o)
	case "signatures":
		o["value"] = n.text
	}
	n.renderParts(o, w)
	return o
}

// text is null for a column that was never written.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (n *node) renderFile(o object) {
	o["name"], o["hash"], o["file_size"], o["malware_locked"] = n.file.name, n.file.md5, len(n.file.content), bit(n.file.locked)
	o["content_type_id"] = nil
	if n.file.contentType != 0 {
		o["content_type_id"] = n.file.contentType
	}
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (n *node) renderParts(o object, w with) {
	if w["type"] {
		o["type"] = n.typ.ref()
	}
	if w["status"] {
		o["status"] = n.status.ref()
	}
	if w["score"] {
		o["score"] = n.score()
	}
	if w["attributes"] {
		o["attributes"] = each(n.attrs, renderAttribute)
	}
	if w["sources"] {
		o["sources"] = each(n.sources, renderSource)
	}
	if w["tags"] {
		o["tags"] = each(n.tags, renderTag)
	}
	if w["comments"] {
		o["comments"] = each(n.comments, renderComment)
	}
	if w["spearphish"] && n.kind.name == "events" {
		o["spearphish"] = n.renderSpearphish()
	}
	for name := range w {
		if kinds[name] != nil {
			o[name] = n.renderLinked(name, nil)
		}
	}
}

func (n *node) renderSpearphish() any {
	if n.text == "" {
		return nil
	}
	return object{"value": n.text, "recipients": each(n.recipients, func(r recipient) any {
		return object{"type": r.field, "address": r.address}
	})}
}

// renderLinked are the peers of a kind, each with its pivot.
func (n *node) renderLinked(kind string, w with) []any {
	return each(n.linked(kind), func(peer *node) any {
		o := render(peer, w)
		o["pivot"] = object{"id": n.links[peer].id}
		return o
	})
}

func (n *node) score() any {
	manual := any(nil)
	if n.manual != nil {
		manual = *n.manual
	}
	return object{"generated_score": 0, "manual_score": manual}
}

func renderAttribute(a *attribute) any {
	return object{
		"id": a.id, "attribute_id": a.name.id, "name": a.name.name, "value": a.value, "published_at": stamp(a.published),
		"attribute": object{"id": a.name.id, "name": a.name.name}, "sources": each(a.sources, renderSource),
	}
}

func renderSource(s *source) any {
	return object{
		"id": s.row.id, "name": s.row.name, "tlp_id": s.tlp.number(), "pivot": object{"id": s.pivot}, "source_type": "other_sources",
		"published_at": stamp(s.published),
	}
}

func renderTag(r *row) any { return object{"id": r.id, "name": r.name} }

func renderComment(m *comment) any {
	return object{"id": m.id, "value": m.value, "created_at": stamp(m.created), "sources": each(m.sources, renderSource)}
}

// each is never nil, so that an empty list is written as one.
func each[T any](list []T, show func(T) any) []any {
	out := make([]any, 0, len(list))
	for _, v := range list {
		out = append(out, show(v))
	}
	return out
}
