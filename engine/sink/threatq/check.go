package threatq

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Report is what Check found.
type Report struct {
	Address  string   // of the interface
	User     string   // who the server says we are; "" when it does not
	Types    int      // indicator types at the server
	Problems []string // what would keep mails from being shipped, in words
	Remarks  []string // what works, though not as one might think
}

// Check logs in, reads the lists, and says what is missing. It writes nothing.
// An error says that nothing can be told: no network, no login, no permission.
func (s *Sink) Check(ctx context.Context) (Report, error) {
	s.api.waited = 0
	r := Report{Address: s.api.base}
	if err := s.resolve(ctx); err != nil {
		return r, fmt.Errorf("check %s: %w", s.cfg.Name, err)
	}
	r.Types = len(s.list.indicatorTypes)
	r.User = s.whoAmI(ctx)
	if s.cfg.Status != "" {
		r.wants(s.list.statuses, "indicator status", s.cfg.Status)
	}
	if s.cfg.Retracted != "" {
		r.wants(s.list.statuses, "indicator status", s.cfg.Retracted)
	}
	for _, t := range []string{"Spearphish", "Incident"} {
		r.wants(s.list.eventTypes, "event type", t)
	}
	s.checkTypes(&r)
	if s.api.cfg.AllowHTTP && s.api.base[:5] == "http:" {
		r.Remarks = append(r.Remarks, "the connection is not encrypted")
	}
	return r, nil
}

func (r *Report) wants(list rows, what, name string) {
	if _, ok := list.find(name); !ok {
		r.Problems = append(r.Problems, fmt.Sprintf("%s %q is not at the server, which has: %s", what, name, list.names()))
	}
}

// checkTypes says which of our types the server lacks, and which mappings lead
// nowhere.
func (s *Sink) checkTypes(r *Report) {
	var lacking []string
	for _, t := range engine.IndicatorTypes {
		if _, ok := s.list.indicatorTypes.find(t.Name); !ok && s.cfg.Types[t.Name] == "" {
			lacking = append(lacking, t.Name)
		}
	}
	if len(lacking) > 0 {
		r.wants(s.list.indicatorTypes, "indicator type", "String")
		r.Remarks = append(r.Remarks, fmt.Sprintf("these types go as String with the attribute %s: %q", attrType, lacking))
	}
	for _, from := range sortedKeys(s.cfg.Types) {
		if to := s.cfg.Types[from]; to != "" && !isObjectType(to) {
			r.wants(s.list.indicatorTypes, fmt.Sprintf("indicator type (of %s)", from), to)
		}
	}
}

func sortedKeys(m map[string]string) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// whoAmI is the name of the user; "" when the server does not say.
func (s *Sink) whoAmI(ctx context.Context) string {
	type user struct {
		Email string `json:"email"`
		Name  string `json:"display_name"`
	}
	page, err := ask[user](ctx, s.api, http.MethodGet, "/users/current", nil, nil)
	if err != nil || len(page.Data) == 0 {
		return ""
	}
	return line(page.Data[0].Email, maxName)
}
