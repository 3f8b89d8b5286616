package threatqsim

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// filters are the fields that a list can be narrowed by. What else a query
// string holds is ignored.
var filters = []string{"id", "value", "name", "title", "hash", "type_id", "status_id", "happened_at", "created_at", "updated_at"}

// getObjects lists a collection by the filters of the query string.
func (s *Server) getObjects(c *call) answer {
	wanted := s.filtersOf(c)
	var found []*node
	for _, n := range s.collection(c).filtered(wanted) {
		if n.passes(wanted) {
			found = append(found, n)
		}
	}
	w := s.readWith(c.query)
	if w.breaks() {
		return broken
	}
	return s.listed(c, found, w)
}

// filtersOf takes filters apart at their commas, which separate alternatives in
// all but value.
func (s *Server) filtersOf(c *call) map[string][]string {
	wanted := map[string][]string{}
	for _, field := range filters {
		text := c.query.Get(field)
		switch {
		case text == "" || field == "happened_at" && !s.has(TimeFilter):
		case field == "value":
			wanted[field] = []string{text}
		default:
			wanted[field] = strings.Split(text, ",")
		}
	}
	return wanted
}

func (n *node) passes(wanted map[string][]string) bool {
	for field, wants := range wanted {
		value := n.column(field)
		if !slices.ContainsFunc(wants, func(want string) bool { return want != "" && matches(want, value) }) {
			return false
		}
	}
	return true
}

// query lists a collection by criteria and filters, which both must hold.
func (s *Server) query(c *call) answer {
	var in wire.Query
	if a, ok := decode(c, &in); !ok {
		return a
	}
	if a, ok := s.checkQuery(c, in); !ok {
		return a
	}
	var found []*node
	for _, n := range s.collection(c).narrow(in.Criteria) {
		yes, _ := n.holds(in.Criteria, 0) // was checked
		also, _ := n.holds(in.Filters, 0)
		if yes && also {
			found = append(found, n)
		}
	}
	w := s.readWith(c.query)
	if w.breaks() {
		return broken
	}
	if !s.has(QueryWith) {
		w = with{}
	}
	for _, field := range in.Fields {
		w[field] = true
	}
	maps.Copy(w, expanded)
	return s.listed(c, found, w)
}

func (s *Server) checkQuery(c *call, in wire.Query) (answer, bool) {
	if err := sound(in); err != nil {
		return refuse(http.StatusBadRequest, err.Error()), false
	}
	if !s.has(TimeQuery) && bytes.Contains(c.body, []byte(`"happened_at"`)) {
		return refuse(http.StatusBadRequest, `unknown field "happened_at" in the criteria`), false
	}
	if s.collection(c).kind.name == "attachments" && !s.has(FileQuery) {
		return missing("route"), false
	}
	return answer{}, true
}

// listed sorts, and cuts out what limit and offset or a cursor ask for.
func (s *Server) listed(c *call, found []*node, w with) answer {
	sortBy(found, c.query.Get("sort"))
	limit, offset, p := window(c)
	mark := c.query.Get("cursorMark")
	if mark != "" {
		offset = position(found, mark, p)
	}
	if len(p) > 0 {
		return p.answer()
	}
	from := min(offset, len(found))
	part := found[from:min(from+limit, len(found))]
	body := object{"total": len(found), "limit": limit, "offset": from, "data": each(part, func(n *node) any { return render(n, w) })}
	if mark != "" {
		body["nextCursorMark"] = nextMark(mark, part, from)
	}
	return answer{code: http.StatusOK, body: body}
}

// sortBy sorts by the fields that it knows, the last resort being the id. Clients
// in use name others, too.
func sortBy(found []*node, text string) {
	keys := strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
	slices.SortStableFunc(found, func(a, b *node) int {
		for _, key := range keys {
			field, down := strings.CutPrefix(key, "-")
			order := ordered(a.column(field), b.column(field))
			if down {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		return byID(a, b)
	})
}

// position is where the page after a mark begins: behind the object that the
// mark names, or where that was when it is gone.
func position(found []*node, mark string, p problems) int {
	if mark == "*" {
		return 0
	}
	text, err := base64.RawURLEncoding.DecodeString(mark)
	var id int64
	var offset int
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%d after %d", &offset, &id)
	}
	if err != nil || offset < 0 {
		p.add("cursorMark", "The cursorMark is invalid.")
		return 0
	}
	if i := slices.IndexFunc(found, func(n *node) bool { return n.id == id }); i >= 0 {
		return i + 1
	}
	return offset
}

// nextMark is the same mark again at the end.
func nextMark(mark string, part []*node, from int) string {
	if len(part) == 0 {
		return mark
	}
	last := part[len(part)-1]
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d after %d", from+len(part), last.id))
}
