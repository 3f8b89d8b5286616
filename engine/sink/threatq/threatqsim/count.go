package threatqsim

import (
	"maps"
	"strings"
)

// Counts is how many requests came, whatever became of them.
type Counts struct {
	Routes map[string]int // "POST /api/events/{id}/indicators" and the like; "unknown" for what fits none
	Total  int
	Login  int // for tokens
	Lookup int // of types, statuses and settings
	Other  int // what the work itself costs
}

func (n *Counts) add(c *call) {
	name, cl := "unknown", other
	if c.route != nil {
		name = strings.NewReplacer("{coll}", c.params["coll"], "{with}", c.params["with"]).Replace(c.route.name())
		cl = c.route.class
	}
	n.Routes[name]++
	n.Total++
	switch cl {
	case login:
		n.Login++
	case lookup:
		n.Lookup++
	default:
		n.Other++
	}
}

// Counts of all requests since the start or the last ResetCounts.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.counts
	n.Routes = maps.Clone(n.Routes)
	return n
}

// ResetCounts begins to count anew.
func (s *Server) ResetCounts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts = Counts{Routes: map[string]int{}}
}
