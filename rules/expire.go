package rules

import (
	"time"

	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// Expired warns of rules whose `expires` is before day. They still count: when
// a rule ends is for its owner to say.
func (s *Set) Expired(day time.Time) yamlfile.Diagnostics {
	var out yamlfile.Diagnostics
	for _, r := range s.rules {
		if r.Expires.IsZero() || r.Mode == Off || !r.Expires.Before(day.UTC().Truncate(24*time.Hour)) {
			continue
		}
		d := r.node.Get("expires").Errorf("rule %s expired on %s", r.ID, r.Expires.Format(time.DateOnly))
		d.Severity = yamlfile.Warning
		d.Hint = "set a later day, or mode: off"
		if r.Owner != "" {
			d.Hint += "; its owner is " + r.Owner
		}
		out = append(out, d)
	}
	return out.Sorted()
}
