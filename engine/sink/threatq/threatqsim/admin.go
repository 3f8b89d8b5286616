package threatqsim

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

func (s *Server) currentUser(c *call) answer {
	return data(http.StatusOK, object{"id": 1 + s.userNumber(c.user), "email": c.user, "username": c.user, "display_name": c.user, "user_group_id": 1, "source_id": nil})
}

func (s *Server) userNumber(user string) int {
	names := slices.Sorted(maps.Keys(s.cfg.Users))
	return slices.Index(names, user)
}

func (s *Server) getUsers(c *call) answer {
	return page(c, each(slices.Sorted(maps.Keys(s.cfg.Users)), func(user string) any {
		return object{"id": 1 + s.userNumber(user), "email": user, "username": user, "display_name": user}
	}))
}

// getKinds tells what collections there are.
func (s *Server) getKinds(c *call) answer {
	return page(c, each(kindNames(), func(name string) any {
		coll := s.state.collections[name]
		return object{
			"name": coll.kind.singular, "display_name": coll.kind.singular, "display_name_plural": name, "collection": name,
			"types": each(coll.types.rows, (*row).ref), "statuses": each(coll.statuses.rows, (*row).ref),
		}
	}))
}

func (s *Server) getTLPs(c *call) answer { return page(c, each(s.state.tlps.rows, (*row).ref)) }

func (s *Server) getSourceNames(c *call) answer {
	var found []*row
	for _, r := range s.state.sources.rows {
		if matches(c.query.Get("name"), r.name) {
			found = append(found, r)
		}
	}
	return page(c, each(found, (*row).ref))
}

func nothing(s *Server, c *call) answer { return page(c, []any{}) }

func (s *Server) getProxy(*call) answer { return data(http.StatusOK, object{}) }

// putScore sets what a person says an indicator is worth; null takes it back.
func (s *Server) putScore(c *call) answer {
	n := s.state.collections["indicators"].objects[c.number("id")]
	if n == nil {
		return missing("indicator")
	}
	var in struct {
		Manual *int64 `json:"manual_score"`
	}
	if a, ok := decode(c, &in); !ok {
		return a
	}
	if in.Manual != nil && (*in.Manual < 0 || *in.Manual > 10) {
		p := problems{}
		p.add("manual_score", "The manual_score must be between 0 and 10.")
		return p.answer()
	}
	n.manual, n.updated = in.Manual, c.now
	return data(http.StatusOK, n.score())
}

func (s *Server) getScore(c *call) answer {
	n := s.state.collections["indicators"].objects[c.number("id")]
	if n == nil {
		return missing("indicator")
	}
	return data(http.StatusOK, n.score())
}

// bulk names indicators by id, and for bulk/status what they become.
type bulk struct {
	IDs      []wire.Int `json:"ids"`
	Status   wire.Ref   `json:"status"`
	StatusID wire.Int   `json:"status_id"`
}

func (s *Server) bulkStatus(c *call) answer {
	coll := s.state.collections["indicators"]
	in, nodes, p, a, ok := s.readBulk(c)
	if !ok {
		return a
	}
	status := checkRow(coll.statuses, in.Status, in.StatusID, "status", p)
	if status == nil && len(p) == 0 {
		p.add("status", "The status field is required.")
	}
	if len(p) > 0 {
		return p.answer()
	}
	for _, n := range nodes {
		n.status, n.updated = status, c.now
	}
	return data(http.StatusOK, object{"count": len(nodes)})
}

func (s *Server) bulkDelete(c *call) answer {
	_, nodes, p, a, ok := s.readBulk(c)
	switch {
	case !ok:
		return a
	case len(p) > 0:
		return p.answer()
	}
	for _, n := range nodes {
		s.state.collections["indicators"].remove(n)
	}
	return data(http.StatusOK, object{"count": len(nodes)})
}

func (s *Server) readBulk(c *call) (in bulk, nodes []*node, p problems, a answer, ok bool) {
	if a, ok = decode(c, &in); !ok {
		return in, nil, nil, a, false
	}
	p = problems{}
	slices.Sort(in.IDs)
	for _, id := range slices.Compact(in.IDs) {
		if n := s.state.collections["indicators"].objects[int64(id)]; n != nil {
			nodes = append(nodes, n)
			continue
		}
		p.add("ids", "The selected id %d is invalid.", id)
	}
	if len(in.IDs) == 0 {
		p.add("ids", "The ids field is required.")
	}
	return in, nodes, p, answer{}, true
}

// searchFor lists the objects of all collections whose natural key holds a text.
func (s *Server) searchFor(c *call, text string) answer {
	found := []any{}
	for _, name := range kindNames() {
		for _, n := range s.state.collections[name].all() {
			value := n.key
			if n.file != nil {
				value = `"` + n.key + `" ` + n.file.name
			}
			if text != "" && strings.Contains(strings.ToLower(value), strings.ToLower(text)) {
				found = append(found, object{"id": n.id, "value": value, "object": n.kind.singular})
			}
		}
	}
	return page(c, found)
}

func (s *Server) getSearch(c *call) answer { return s.searchFor(c, c.query.Get("query")) }

// clause is a condition of an advanced search.
type clause struct {
	Field    string   `json:"field"`    // indicator_type, by id, or indicator_value
	Operator string   `json:"operator"` // is or like
	Value    wire.Ref `json:"value"`    // a text or a number
}

// postSearch takes {"query":"text"}, or lists of clauses for indicators: of the
// inner list all must hold, of the outer one any.
func (s *Server) postSearch(c *call) answer {
	var in struct {
		Query      string                       `json:"query"`
		Indicators wire.List[wire.List[clause]] `json:"indicators"`
	}
	if a, ok := decode(c, &in); !ok {
		return a
	}
	if in.Indicators == nil {
		return s.searchFor(c, in.Query)
	}
	found := []any{}
	for _, n := range s.state.collections["indicators"].all() {
		if slices.ContainsFunc(in.Indicators, n.fulfils) {
			found = append(found, object{"id": n.id, "value": n.key, "object": "indicator"})
		}
	}
	return page(c, found)
}

func (n *node) fulfils(clauses wire.List[clause]) bool {
	for _, one := range clauses {
		value := n.key
		if one.Field == "indicator_type" {
			value = strconv.FormatInt(n.typ.id, 10)
		}
		want := one.Value.Name
		if one.Value.ID != 0 {
			want = strconv.FormatInt(int64(one.Value.ID), 10)
		}
		if one.Operator == "like" && !strings.Contains(strings.ToLower(value), strings.ToLower(want)) || one.Operator != "like" && !strings.EqualFold(value, want) {
			return false
		}
	}
	return true
}

// ruleName finds the names of YARA rules.
var ruleName = regexp.MustCompile(`(?m)^\s*(?:(?:private|global)\s+)*rule\s+(\w+)`)

// importSignatures takes a text apart without keeping anything.
func (s *Server) importSignatures(c *call) answer {
	var in struct {
		Text   string   `json:"text"`
		TypeID wire.Int `json:"type_id"`
	}
	if a, ok := decode(c, &in); !ok {
		return a
	}
	p := problems{}
	if in.Text == "" {
		p.add("text", "The text field is required.")
	}
	typ := checkRow(s.state.collections["signatures"].types, wire.Ref{}, in.TypeID, "type", p)
	if typ == nil && len(p) == 0 {
		p.add("type_id", "The type_id field is required.")
	}
	if len(p) > 0 {
		return p.answer()
	}
	return data(http.StatusOK, signaturesIn(in.Text, typ))
}

func signaturesIn(text string, typ *row) []any {
	starts := ruleName.FindAllStringSubmatchIndex(text, -1)
	if typ.name != "YARA" || len(starts) == 0 {
		name, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
		return []any{object{"name": name, "value": text, "hash": digest(text), "attributes": []any{}}}
	}
	var out []any
	for i, at := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		value := strings.TrimSpace(text[at[0]:end])
		out = append(out, object{"name": text[at[2]:at[3]], "value": value, "hash": digest(value), "attributes": []any{}})
	}
	return out
}

// connector is a row by which a program that feeds the platform shows in its UI.
type connector struct {
	id     int64
	fields object
}

// connectorFields may be written.
var connectorFields = []string{"name", "namespace", "frequency", "category_id", "is_active", "custom_fields", "indicator_status_id", "tlp_id", "last_import_at", "last_import_count"}

func (k *connector) render() any {
	o := object{"id": k.id}
	for _, f := range connectorFields {
		o[f] = k.fields[f]
	}
	return o
}

func (s *Server) getConnectors(c *call) answer {
	var found []*connector
	for _, k := range s.state.connectors {
		if name, _ := k.fields["name"].(string); matches(c.query.Get("name"), name) {
			found = append(found, k)
		}
	}
	return page(c, each(found, (*connector).render))
}

func (s *Server) connector(c *call) *connector {
	for _, k := range s.state.connectors {
		if k.id == c.number("id") {
			return k
		}
	}
	return nil
}

func (s *Server) getConnector(c *call) answer {
	if k := s.connector(c); k != nil {
		return data(http.StatusOK, k.render())
	}
	return missing("connector")
}

func (s *Server) postConnector(c *call) answer {
	var in object
	if a, ok := decode(c, &in); !ok {
		return a
	}
	if name, _ := in["name"].(string); name == "" {
		p := problems{}
		p.add("name", "The name field is required.")
		return p.answer()
	}
	k := &connector{id: s.state.nextConnector(), fields: in}
	s.state.connectors = append(s.state.connectors, k)
	return data(http.StatusCreated, k.render())
}

func (s *Server) putConnector(c *call) answer {
	k := s.connector(c)
	if k == nil {
		return missing("connector")
	}
	var in object
	if a, ok := decode(c, &in); !ok {
		return a
	}
	for f, v := range in {
		k.fields[f] = v
	}
	return data(http.StatusOK, k.render())
}
