package threatqsim

import (
	"net/http"
	"strings"
)

// class is what a request is for, in the counts.
type class int

const (
	other  class = iota
	login        // tokens
	lookup       // lists of types, statuses and other settings, and who one is
)

// route is one row of the table. In a pattern, {coll} and {with} are the names of
// collections, {id} and names that end in id are numbers.
type route struct {
	method  string
	pattern string
	class   class
	open    bool // without a token
	read    bool // changes nothing, whatever the method says
	commit  bool // changes something, whatever the method says
	do      func(*Server, *call) answer
}

// Routes lists what is served, as "METHOD /path", in the order of matching.
func (s *Server) Routes() []string {
	var all []string
	for i := range routes {
		all = append(all, routes[i].name())
	}
	return append(all, "GET /_sim/dump", "GET /_sim/counts", "POST /_sim/faults", "GET /_sim/faults", "DELETE /_sim/faults")
}

func (r *route) name() string { return r.method + " /api" + r.pattern }

func (r *route) writes() bool { return r.commit || r.method != http.MethodGet && !r.read }

// match finds the first route for a path. A path that is known under other
// methods only gives none, as an unknown one does.
func match(method, path string) (*route, map[string]string) {
	parts := strings.Split(path, "/")
	for i := range routes {
		if routes[i].method != method {
			continue
		}
		if params, ok := fits(strings.Split(routes[i].pattern, "/"), parts); ok {
			return &routes[i], params
		}
	}
	return nil, nil
}

func fits(pattern, parts []string) (map[string]string, bool) {
	if len(pattern) != len(parts) {
		return nil, false
	}
	params := map[string]string{}
	for i, want := range pattern {
		name, isParam := strings.CutPrefix(want, "{")
		name = strings.TrimSuffix(name, "}")
		switch {
		case !isParam && want != parts[i]:
			return nil, false
		case !isParam:
			continue
		case strings.HasSuffix(name, "id") && !isNumber(parts[i]):
			return nil, false
		case (name == "coll" || name == "with") && kinds[parts[i]] == nil:
			return nil, false
		}
		params[name] = parts[i]
	}
	return params, true
}

func isNumber(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return s != "" && len(s) <= 18
}
