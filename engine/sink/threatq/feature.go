package threatq

// feature is something that a server may or may not do with a request: the
// vendor's documents do not say. The first object that is made with it is read
// back, once for the life of the sink; what was not done is done by further
// requests.
type feature string

const (
	eventTags      feature = "event.tags"        // and tags
	eventFiles     feature = "event.files"       // and links to files
	contentHash    feature = "file.hash"         // the hash of a file is that of its content
	fileParts      feature = "file.parts"        // uploading keeps attributes and tags
	consumeFiles   feature = "consume.files"     // consume links indicators to files
	attachQuery    feature = "attachment.query"  // POST /attachments/query knows hashes
	listByTime     feature = "list.happened_at"  // GET /events knows happened_at
	queryByTime    feature = "query.happened_at" // POST /events/query does
	listByTitle    feature = "list.title"        // GET /events knows title
	withSpear      feature = "with.spearphish"   // events show their raw mail
	indicatorQuery feature = "indicator.query"   // POST /indicators/query is there
)

// knowing is what is known of a feature.
type knowing int8

const (
	unknown knowing = iota
	yes
	no
)

// learn notes what a server turned out to do. The first word counts, but a no
// is final: it only costs requests.
func (s *Sink) learn(f feature, does bool) {
	k := no
	if does {
		k = yes
	}
	if s.does[f] != no {
		s.does[f] = k
	}
	s.log.Debug("learnt", "feature", string(f), "does", does)
}

// maxStrikes is how often a way that was never seen to work may fail as if it
// might pass: some servers answer 500 to what they do not know.
const maxStrikes = 3

// lacks tells whether an error means that the server does not know a way of
// asking, and notes that.
func (s *Sink) lacks(f feature, err error) bool {
	switch {
	case isKind(err, refused, missing, unsupported, doubted):
	case isKind(err, passing) && !s.trusted(f):
		if s.strikes[f]++; s.strikes[f] < maxStrikes {
			return false
		}
	default:
		return false
	}
	s.learn(f, false)
	return true
}

// maybe tells whether a feature is worth trying.
func (s *Sink) maybe(f feature) bool { return s.does[f] != no }

// trusted tells whether a feature may be relied on without looking.
func (s *Sink) trusted(f feature) bool { return s.does[f] == yes }
