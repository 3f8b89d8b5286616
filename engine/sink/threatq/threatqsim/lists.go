package threatqsim

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// listPath names the list that a path of types or statuses stands for.
func (s *Server) listPath(c *call) (l *list, what string) {
	parts := strings.Split(c.path, "/")
	for _, coll := range s.state.collections {
		if parts[1] != coll.kind.singular && parts[1] != coll.kind.name {
			continue
		}
		if parts[2] == "statuses" {
			return coll.statuses, "status"
		}
		return coll.types, "type"
	}
	return nil, ""
}

func (s *Server) getList(c *call) answer {
	l, _ := s.listPath(c)
	var rows []*row
	for _, r := range l.rows {
		parsable := slices.Contains(parsableTypes, r.name)
		if matches(c.query.Get("name"), r.name) && (c.query.Get("is_parsable") != "Y" || parsable) {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b *row) int { return int(a.id - b.id) })
	all := each(rows, func(r *row) any { return s.renderRow(c, r) })
	if c.query.Get("limit") != "" || c.query.Get("offset") != "" {
		return page(c, all)
	}
	return answer{code: http.StatusOK, body: object{"total": len(all), "data": all}}
}

func (s *Server) getListRow(c *call) answer {
	l, what := s.listPath(c)
	if r := l.byID(c.number("id")); r != nil {
		return data(http.StatusOK, s.renderRow(c, r))
	}
	return missing(what)
}

func (s *Server) renderRow(c *call, r *row) any {
	o := object{"id": r.id, "name": r.name, "created_at": "2020-01-01 00:00:00", "updated_at": "2020-01-01 00:00:00"}
	_, what := s.listPath(c)
	switch {
	case what == "status":
		o["description"], o["user_editable"], o["visible"], o["include_in_export"], o["protected"] = r.name, "N", "Y", "Y", "Y"
	case strings.HasPrefix(c.path, "/attachments/"):
		o["is_parsable"], o["parser_class"] = "N", nil
		if slices.Contains(parsableTypes, r.name) {
			o["is_parsable"], o["parser_class"] = "Y", strings.ReplaceAll(r.name, " ", "")
		}
	case strings.HasPrefix(c.path, "/event/"):
		o["user_editable"] = "N"
	case strings.HasPrefix(c.path, "/indicator/"):
		o["class"], o["score"], o["wildcard_matching"] = r.class, nil, "N"
	}
	return o
}

// postListRow makes a type of event.
func (s *Server) postListRow(c *call) answer {
	var in wire.Ref
	if a, ok := decode(c, &in); !ok {
		return a
	}
	l, _ := s.listPath(c)
	if in.Name == "" {
		p := problems{}
		p.add("name", "The name field is required.")
		return p.answer()
	}
	return data(http.StatusCreated, s.renderRow(c, l.named(in.Name)))
}
