package threatqsim

import (
	"slices"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// Feature is something of which nobody outside can say whether a ThreatQ does it.
// A client has to find out, and to go on without.
type Feature string

const (
	EventTags    Feature = "event-tags"    // POST /events takes tags and comments; else it ignores them
	EventLinks   Feature = "event-links"   // POST /events takes related objects; else it ignores them
	FileParts    Feature = "file-parts"    // POST /attachments takes attributes, tags, comments; else it ignores them
	ConsumeLinks Feature = "consume-links" // consume takes related objects; else it ignores them
	Spearphish   Feature = "spearphish"    // events/{id}/spearphish and with=spearphish; else 404, and not shown
	TimeFilter   Feature = "time-filter"   // GET /events knows happened_at; else it gives all events
	TimeQuery    Feature = "time-query"    // POST /events/query knows happened_at; else 400
	FileQuery    Feature = "file-query"    // POST /attachments/query; else 404
	QueryWith    Feature = "query-with"    // POST /{collection}/query knows with; else it shows what it always shows
)

// Features are all of them.
var Features = []Feature{EventTags, EventLinks, FileParts, ConsumeLinks, Spearphish, TimeFilter, TimeQuery, FileQuery, QueryWith}

func (s *Server) has(f Feature) bool { return !slices.Contains(s.cfg.Without, f) }

// known leaves of an object what this server reads of it.
func (s *Server) known(k *kind, in wire.Object) wire.Object {
	events, files := k.name == "events", k.name == "attachments"
	if events && !s.has(EventTags) || files && !s.has(FileParts) {
		in.Tags, in.Comments = nil, nil
	}
	if files && !s.has(FileParts) {
		in.Attributes = nil
	}
	if events && !s.has(EventLinks) || k.name == "indicators" && !s.has(ConsumeLinks) {
		in.Events, in.Indicators, in.Adversaries, in.Signatures, in.Malware, in.Campaign = nil, nil, nil, nil, nil, nil
		in.Attachments = nil
	}
	if k.name == "indicators" && !s.cfg.InlineAttachments {
		in.Attachments = nil
	}
	return in
}
