package threatqsim

import (
	"strconv"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// column is a field as text; "" when the object has no such field.
func (n *node) column(field string) string {
	if all, known := n.columns(field); known && len(all) > 0 {
		return all[0]
	}
	return ""
}

// columns are the values of a field. known tells whether there is such a field
// at all.
func (n *node) columns(field string) (values []string, known bool) {
	switch field {
	case "id":
		return []string{strconv.FormatInt(n.id, 10)}, true
	case "value", "title", "name":
		return n.keys(field), true
	case "type_name", "type":
		return []string{n.typ.text()}, true
	case "type_id":
		return n.typ.idText(), true
	case "status_name", "status":
		return []string{n.status.text()}, true
	case "status_id":
		return n.status.idText(), true
	case "description":
		return []string{n.description}, true
	case "class", "hash", "file_size":
		return n.special(field), true
	case "score":
		return []string{strconv.FormatInt(n.worth(), 10)}, true
	case "mentions":
		return []string{strconv.Itoa(len(n.links))}, true
	case "source_name":
		return sorted(n.sources, func(s *source) string { return s.row.name }), true
	case "tag_name", "tags":
		return sorted(n.tags, (*row).text), true
	}
	return n.times(field)
}

func (r *row) idText() []string {
	if r == nil {
		return nil
	}
	return []string{strconv.FormatInt(r.id, 10)}
}

func (n *node) keys(field string) []string {
	switch {
	case field == n.kind.key:
		return []string{n.key}
	case field == "name" && n.file != nil:
		return []string{n.file.name}
	}
	return nil
}

func (n *node) special(field string) []string {
	switch {
	case field == "class" && n.kind.name == "indicators":
		return []string{n.typ.class}
	case field == "hash" && n.file != nil:
		return []string{n.file.md5}
	case field == "file_size" && n.file != nil:
		return []string{strconv.Itoa(len(n.file.content))}
	}
	return nil
}

func (n *node) times(field string) ([]string, bool) {
	switch field {
	case "created_at":
		return []string{n.created.Format(wire.TimeLayout)}, true
	case "updated_at", "touched_at":
		return []string{n.updated.Format(wire.TimeLayout)}, true
	case "happened_at":
		return []string{n.happened.Format(wire.TimeLayout)}, true
	case "last_detected_at":
		return []string{n.detected.Format(wire.TimeLayout)}, true
	case "published_at":
		return []string{n.published.Format(wire.TimeLayout)}, true
	}
	return nil, false
}

// worth is what counts of a score: what a person said, else nothing.
func (n *node) worth() int64 {
	if n.manual == nil {
		return 0
	}
	return *n.manual
}
