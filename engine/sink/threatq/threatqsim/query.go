package threatqsim

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// maxNesting of conditions inside each other.
const maxNesting = 20

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
		return refuse(http.StatusInternalServerError, "Internal Server Error")
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

// query lists a collection by criteria and filters, which both must hold.
func (s *Server) query(c *call) answer {
	var in wire.Query
	if a, ok := decode(c, &in); !ok {
		return a
	}
	coll := s.collection(c)
	if err := sound(in); err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	if !s.has(TimeQuery) && bytes.Contains(c.body, []byte(`"happened_at"`)) {
		return refuse(http.StatusBadRequest, `unknown field "happened_at" in the criteria`)
	}
	if coll.kind.name == "attachments" && !s.has(FileQuery) {
		return missing("route")
	}
	nodes, narrow := coll.candidates(in.Criteria)
	if !narrow {
		nodes = coll.all()
	}
	var found []*node
	for _, n := range nodes {
		yes, _ := n.holds(in.Criteria, 0) // sound
		also, _ := n.holds(in.Filters, 0)
		if yes && also {
			found = append(found, n)
		}
	}
	w := s.readWith(c.query)
	if w.breaks() {
		return refuse(http.StatusInternalServerError, "Internal Server Error")
	}
	if !s.has(QueryWith) {
		w = with{}
	}
	maps.Copy(w, expanded)
	return s.listed(c, found, w)
}

// sound tries the conditions on an object that does not exist, so that wrong
// ones are refused by an empty collection, too.
func sound(in wire.Query) error {
	probe := &node{kind: kinds["events"]}
	_, err := probe.holds(in.Criteria, 0)
	if err == nil {
		_, err = probe.holds(in.Filters, 0)
	}
	return err
}

// holds tells whether all conditions of an object are true of a node.
func (n *node) holds(conditions map[string]any, depth int) (bool, error) {
	if depth > maxNesting {
		return false, fmt.Errorf("the criteria are nested more than %d deep", maxNesting)
	}
	holds := true
	for key, want := range conditions {
		one, err := n.condition(key, want, depth)
		if err != nil {
			return false, err
		}
		holds = holds && one
	}
	return holds, nil
}

func (n *node) condition(key string, want any, depth int) (bool, error) {
	switch key {
	case "+and", "+or", "+not":
		return n.combined(key, want, depth+1)
	}
	values, known := n.columns(key)
	if !known {
		return false, fmt.Errorf("unknown field %q in the criteria", key)
	}
	return anyValue(values, want, "is")
}

// combined joins a list of conditions. An object stands for a list of one.
func (n *node) combined(op string, want any, depth int) (bool, error) {
	list, isList := want.([]any)
	if !isList {
		list = []any{want}
	}
	all, some := true, false
	for _, one := range list {
		conditions, isObject := one.(map[string]any)
		if !isObject {
			return false, fmt.Errorf("%s wants a list of objects", op)
		}
		yes, err := n.holds(conditions, depth)
		if err != nil {
			return false, err
		}
		all, some = all && yes, some || yes
	}
	switch op {
	case "+and":
		return all, nil
	case "+or":
		return some, nil
	default:
		return !some, nil
	}
}

// anyValue compares the values of a field: with one value, with any of a list,
// or by the operators of an object.
func anyValue(values []string, want any, op string) (bool, error) {
	switch w := want.(type) {
	case []any:
		for _, one := range w {
			if yes, err := anyValue(values, one, op); yes || err != nil {
				return yes, err
			}
		}
		return false, nil
	case map[string]any:
		if op != "is" {
			return false, fmt.Errorf("%s wants a value", op)
		}
		return byOperators(values, w)
	case nil:
		return len(values) == 0 || values[0] == "", nil
	}
	return slices.ContainsFunc(values, func(v string) bool { return compare(v, fmt.Sprint(want), op) }), nil
}

func byOperators(values []string, operators map[string]any) (bool, error) {
	holds := true
	for op, want := range operators {
		op = strings.TrimPrefix(op, "+")
		if !slices.Contains(operatorNames, op) {
			return false, fmt.Errorf("unknown operator %q in the criteria", op)
		}
		if _, isObject := want.(map[string]any); isObject {
			return false, fmt.Errorf("%s wants a value", op)
		}
		yes, err := anyValue(values, want, op)
		if err != nil {
			return false, err
		}
		holds = holds && yes
	}
	return holds, nil
}

var operatorNames = []string{"is", "contains", "gt", "gte", "lt", "lte"}

func compare(value, want, op string) bool {
	order := ordered(value, want)
	switch op {
	case "contains":
		return strings.Contains(strings.ToLower(value), strings.ToLower(want))
	case "gt":
		return order > 0
	case "gte":
		return order >= 0
	case "lt":
		return order < 0
	case "lte":
		return order <= 0
	}
	return strings.EqualFold(value, want)
}

// ordered compares as numbers where both are, else as text.
func ordered(a, b string) int {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if errX == nil && errY == nil {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(strings.ToLower(a), strings.ToLower(b))
}

// listed sorts, and cuts out what limit and offset or a cursor ask for.
func (s *Server) listed(c *call, found []*node, w with) answer {
	if a, ok := sortBy(found, c.query.Get("sort")); !ok {
		return a
	}
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

func sortBy(found []*node, text string) (answer, bool) {
	keys := strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
	for _, key := range keys {
		if _, known := (&node{kind: kinds["events"]}).columns(strings.TrimPrefix(key, "-")); !known {
			return refuse(http.StatusBadRequest, "unknown field in sort: "+key), false
		}
	}
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
	return answer{}, true
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
