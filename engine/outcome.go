package engine

import "time"

// Outcome is everything that will happen because of one delivered mail. Until
// Commit nothing of it has happened; a dry run prints it.
type Outcome struct {
	Origin      Origin
	Sender      string    // address, lower case; "" when the mail names none
	Received    time.Time // Meta.Received
	Disposition Disposition
	Reason      string // in words: why it was skipped, parked or quarantined
	Message     *Message
	Items       []*Item // the mail itself first, then what it carries
	Batches     []Batch // one per sink that gets anything
	Park        *Park
	Offers      []Offer
	Receipt     Receipt
	Defects     []Defect // of the mail and all its items
	Stack       string   // of the panic that quarantined it
	Raw         Blob
}

// Disposition is what became of a mail.
type Disposition string

const (
	Shipped     Disposition = "shipped"     // at least one batch
	Nothing     Disposition = "nothing"     // handled, and the plan ships nothing
	Skipped     Disposition = "skipped"     // a rule or the mailbox type said so
	Parked      Disposition = "parked"      // waits for its partner or its deadline
	Quarantined Disposition = "quarantined" // could not be handled; the raw mail is kept
)

// Item is the unit of shipping: a mail, or a mail inside one.
type Item struct {
	Path       string // "" for the mail itself, "n1", "f1", "s1", "n1/n2" for what it carries
	Message    *Message
	Plan       Plan
	Decision   Decision
	Ships      Treatment // what it is shipped as; "" when it ships nothing itself
	Why        string    // why it does not
	Carries    bool      // its inner messages ship in its place
	Indicators []*Indicator
	Dropped    []Dropped    // by keep rules
	Trimmed    []*Indicator // stood only in what was trimmed
	Cut        string       // what was trimmed off the body
	Defects    []Defect     // of evaluation and extraction
	Tried      []Tried      // passwords that there were for its attachments, in the order of trying

	Views [3]View // what rules saw in each phase, for those who explain

	defaults         Defaults
	attached         int      // how many of Message.Nested are attached as such; the others come out of containers
	secrets          []Secret // that stand in it and must not show
	sections         []*Item  // that a split cut out of it
	cutText, cutHTML []Span   // trimmed ranges of Body.Plain.Raw and of Body.HTML.InnerText
}

// Tried counts the different passwords of one origin.
type Tried struct {
	Origin    CandidateOrigin
	Passwords int
}

// Dropped is an indicator that a keep rule refused.
type Dropped struct {
	Indicator *Indicator
	Rule      string
}

// Park asks the store to keep a mail until a partner or its deadline comes.
type Park struct {
	Waits    []Wait // for offers; none for a hold
	Received time.Time
	Deadline time.Time
	Seen     []string // Offered.ID of what was tried in vain, sorted
}

// Wait is a key under which a parked mail waits for offers.
type Wait struct {
	Key    Key
	Window time.Duration
}

// Offer hands password candidates to parked mails under a key.
type Offer struct {
	Key      Key
	Received time.Time
	Window   time.Duration
	Secrets  []Secret
}

// MaxOffers is how many offers one key remembers, so that a stranger cannot
// flood it (design section 8).
const MaxOffers = 32

// Joins tells whether an offer is for a mail that was received then and waits
// for it: the two differ by at most the longer of both windows.
func (w Wait) Joins(received time.Time, o Offered) bool {
	return o.Received.Sub(received).Abs() <= max(w.Window, o.Window)
}

// Batch is what one sink gets because of one mail: a small graph whose nodes
// refer to each other by Ref. All slices are sorted, so that equal outcomes
// have equal batches.
type Batch struct {
	Key        string // idempotency: the same for every attempt at the same mail and sink
	Sink       string
	Origin     Origin
	Events     []EventRecord
	Files      []FileRecord
	Indicators []IndicatorRecord
	Objects    []ObjectRecord
	Relations  []Relation
	Matches    []MatchRecord
	Defects    []Defect
}

// Ref names a node of a Batch.
type Ref struct {
	Kind string `json:"kind"` // event, file, indicator, object
	Key  string `json:"key"`
}

// Relation ties two nodes together. It has no direction at ThreatQ; From is the
// more general one: event before file before indicator.
type Relation struct {
	From Ref `json:"from"`
	To   Ref `json:"to"`
}

// AttributeRecord is a name and a value.
type AttributeRecord struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// EventRecord is one event.
type EventRecord struct {
	Key         string            `json:"key"` // content key plus item path: a second mail with the same key adds to Seen In
	Item        string            `json:"item,omitempty"`
	Type        string            `json:"type"`
	Title       string            `json:"title"`
	HappenedAt  time.Time         `json:"happened_at,omitzero"`
	Description string            `json:"description,omitempty"`
	Source      string            `json:"source,omitempty"`
	TLP         string            `json:"tlp,omitempty"`
	Score       int               `json:"score,omitempty"`
	Tags        []string          `json:"tags,omitempty"`
	Attributes  []AttributeRecord `json:"attributes,omitempty"`
	SeenIn      string            `json:"seen_in"`
	Parse       string            `json:"parse,omitempty"` // server: the sink may parse Raw itself, beside what is here
	Message     MessageRecord     `json:"message"`
	Raw         Blob              `json:"-"` // source of a spearphish; nil otherwise
}

// MessageRecord are the facts of the mail behind an event that a sink may show.
type MessageRecord struct {
	ID        string    `json:"id"`
	MessageID string    `json:"message_id,omitempty"`
	SHA256    string    `json:"sha256"`
	Size      int       `json:"size"`
	From      string    `json:"from,omitempty"`
	To        []string  `json:"to,omitempty"`
	Cc        []string  `json:"cc,omitempty"`
	Subject   string    `json:"subject,omitempty"`
	Date      time.Time `json:"date,omitzero"`
	Received  time.Time `json:"received,omitzero"`
	Treatment string    `json:"treatment"`
	Carrier   string    `json:"carrier,omitempty"` // event title of the mail that carried it
}

// FileRecord is one file, identified by its SHA-256.
type FileRecord struct {
	Key         string            `json:"key"` // SHA-256
	Name        string            `json:"name"`
	RawName     string            `json:"raw_name,omitempty"` // when it differs
	Type        string            `json:"type"`
	ContentType string            `json:"content_type,omitempty"`
	FileType    string            `json:"file_type,omitempty"`
	Size        int64             `json:"size"`
	MD5         string            `json:"md5,omitempty"`
	SHA1        string            `json:"sha1,omitempty"`
	Locked      bool              `json:"malware_locked,omitempty"`
	Encrypted   bool              `json:"encrypted,omitempty"`
	Source      string            `json:"source,omitempty"`
	TLP         string            `json:"tlp,omitempty"`
	Tags        []string          `json:"tags,omitempty"`
	Attributes  []AttributeRecord `json:"attributes,omitempty"`
	Content     Blob              `json:"-"`
}

// IndicatorRecord is one indicator, identified by type and value.
type IndicatorRecord struct {
	Key        string            `json:"key"` // Type + "\x1f" + Value
	Type       string            `json:"type"`
	Value      string            `json:"value"`
	Status     string            `json:"status,omitempty"`
	Source     string            `json:"source,omitempty"`
	TLP        string            `json:"tlp,omitempty"`
	Tags       []string          `json:"tags,omitempty"`
	Attributes []AttributeRecord `json:"attributes,omitempty"`
	Contexts   []string          `json:"contexts,omitempty"`
	Flags      []string          `json:"flags,omitempty"`
	Original   string            `json:"original,omitempty"` // when it differs from Value
}

// ObjectRecord is what a mail is about, by name: an adversary, malware, an attack
// pattern, a tool, a vulnerability, a campaign.
type ObjectRecord struct {
	Key  string `json:"key"` // Type + "\x1f" + Name
	Type string `json:"type"`
	Name string `json:"name"`
	ID   string `json:"id,omitempty"` // by which others know it: T1566.001, S0154, G0016, CVE-2021-44228
}

// MatchRecord says that a rule matched or failed on an item.
type MatchRecord struct {
	Item   string `json:"item,omitempty"`
	Rule   string `json:"rule"`
	Phase  string `json:"phase"`
	Result string `json:"result"`
	Shadow bool   `json:"shadow,omitempty"`
	Error  string `json:"error,omitempty"`
}
