package threatqsim

import (
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// index finds the objects of a collection by the fields that clients look them
// up by: the natural key, names and MD5s of files, times of events. Values are
// in lower case.
type index map[string]map[string][]*node

var indexed = []string{"value", "title", "name", "hash", "happened_at"}

func (x index) add(n *node) {
	for _, field := range indexed {
		for _, v := range n.indexable(field) {
			if x[field] == nil {
				x[field] = map[string][]*node{}
			}
			x[field][v] = append(x[field][v], n)
		}
	}
}

// forget takes a node out. It is called before a field changes.
func (x index) forget(n *node) {
	for _, field := range indexed {
		for _, v := range n.indexable(field) {
			left := slices.DeleteFunc(x[field][v], func(o *node) bool { return o == n })
			x[field][v] = left
			if len(left) == 0 {
				delete(x[field], v)
			}
		}
	}
}

func (n *node) indexable(field string) []string {
	switch {
	case field != "happened_at":
		return lower(n.field(field))
	case n.happened.IsZero():
		return nil
	}
	return []string{n.happened.Format(wire.TimeLayout)}
}

// field are the values of a field that is text.
func (n *node) field(field string) []string {
	values, _ := n.columns(field)
	return values
}

func lower(list []string) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = strings.ToLower(v)
	}
	return out
}

// narrow gives the objects that may fulfil conditions, by id.
func (c *collection) narrow(conditions map[string]any) []*node {
	if found, ok := c.candidates(conditions); ok {
		return distinct(found)
	}
	return c.all()
}

// candidates finds by the index what may fulfil conditions; ok is false when any
// object may.
func (c *collection) candidates(conditions map[string]any) (found []*node, ok bool) {
	for key, want := range conditions {
		if found, ok = c.narrowed(key, want); ok {
			return found, true
		}
	}
	return nil, false
}

func (c *collection) narrowed(key string, want any) ([]*node, bool) {
	list, isList := want.([]any)
	if !isList {
		list = []any{want}
	}
	var found []*node
	for _, one := range list {
		part, ok := c.narrowedOne(key, one)
		if ok && key == "+and" {
			return part, true
		}
		if !ok && key != "+and" {
			return nil, false
		}
		found = append(found, part...)
	}
	return found, key != "+and"
}

func (c *collection) narrowedOne(key string, want any) ([]*node, bool) {
	switch w := want.(type) {
	case map[string]any:
		if key == "+and" || key == "+or" {
			return c.candidates(w)
		}
		if is, ok := w["is"]; ok {
			return c.narrowed(key, is)
		}
		return nil, false
	case string:
		if !slices.Contains(indexed, key) {
			return nil, false
		}
		return c.index[key][strings.ToLower(w)], true
	}
	return nil, false
}

// filtered narrows a collection down by the filters of a list.
func (c *collection) filtered(filters map[string][]string) []*node {
	for field, wants := range filters {
		if !slices.Contains(indexed, field) || slices.ContainsFunc(wants, func(w string) bool { return strings.Contains(w, "%") }) {
			continue
		}
		var found []*node
		for _, want := range wants {
			found = append(found, c.index[field][strings.ToLower(want)]...)
		}
		return distinct(found)
	}
	return c.all()
}

func distinct(list []*node) []*node {
	list = slices.Clone(list)
	slices.SortFunc(list, byID)
	return slices.Compact(list)
}
