package wire

import "encoding/json"

// Object is an entry of any collection: indicators, events, attachments,
// adversaries and the others differ in which fields they use, not in what a
// field means. Fields that were not said are left out when it is written.
//
// The natural key is Value; of adversaries, signatures and tasks Name; of events
// and attachments Title (attachments have a Name, too: that of the file).
type Object struct {
	ID          Int    `json:"id,omitzero"`
	Value       string `json:"value,omitzero"`
	Name        string `json:"name,omitzero"`
	Title       string `json:"title,omitzero"`
	Type        Ref    `json:"type,omitzero"`
	TypeID      Int    `json:"type_id,omitzero"`
	Status      Ref    `json:"status,omitzero"`
	StatusID    Int    `json:"status_id,omitzero"`
	Class       string `json:"class,omitzero"` // network or host; indicators
	Description string `json:"description,omitzero"`
	Normalize   *Flag  `json:"normalize,omitzero"` // nil: as the server is set
	Existing    *Flag  `json:"existing,omitzero"`  // in answers: it was there before; nil: not said
	Score       *Score `json:"score,omitzero"`

	HappenedAt     Time `json:"happened_at,omitzero"`
	PublishedAt    Time `json:"published_at,omitzero"`
	LastDetectedAt Time `json:"last_detected_at,omitzero"`
	CreatedAt      Time `json:"created_at,omitzero"`
	UpdatedAt      Time `json:"updated_at,omitzero"`
	TouchedAt      Time `json:"touched_at,omitzero"`

	Text string `json:"text,omitzero"` // of a spearphish: the raw mail

	Hash          string `json:"hash,omitzero"` // MD5 of a file, lower-case hex
	FileSize      Int    `json:"file_size,omitzero"`
	MalwareLocked *Flag  `json:"malware_locked,omitzero"`
	ContentTypeID Int    `json:"content_type_id,omitzero"`

	Attributes List[Attribute] `json:"attributes,omitzero"`
	Sources    List[Source]    `json:"sources,omitzero"`
	Tags       List[Tag]       `json:"tags,omitzero"`
	Comments   List[Comment]   `json:"comments,omitzero"`

	// Related objects, by id; indicators by value and type, too.
	Events      List[Object] `json:"events,omitzero"`
	Indicators  List[Object] `json:"indicators,omitzero"`
	Attachments List[Object] `json:"attachments,omitzero"`
	Adversaries List[Object] `json:"adversaries,omitzero"`
	Signatures  List[Object] `json:"signatures,omitzero"`
	Malware     List[Object] `json:"malware,omitzero"`
	Campaign    List[Object] `json:"campaign,omitzero"`

	Pivot *Pivot `json:"pivot,omitzero"` // the link by which a list has this object
}

// Pivot is a link between two objects. Links are removed by its id.
type Pivot struct {
	ID Int `json:"id"`
}

// Attribute is a name and a value on an object. ID is that of the row: the same
// name and value may stand there twice.
type Attribute struct {
	ID          Int          `json:"id,omitzero"`
	AttributeID Int          `json:"attribute_id,omitzero"` // of the name
	Name        string       `json:"name,omitzero"`
	Value       string       `json:"value"`
	Attribute   *Ref         `json:"attribute,omitzero"` // with=attribute
	Sources     List[Source] `json:"sources,omitzero"`
	PublishedAt Time         `json:"published_at,omitzero"`
	TLPID       Int          `json:"tlp_id,omitzero"`
}

// Source says who told of an object, and who may be told of it.
type Source struct {
	ID          Int    `json:"id,omitzero"`
	Name        string `json:"name"`
	TLP         Ref    `json:"tlp,omitzero"`
	TLPID       Int    `json:"tlp_id,omitzero"` // 1 red, 2 amber, 3 green, 4 white as delivered: resolve by name
	PublishedAt Time   `json:"published_at,omitzero"`
	SourceType  string `json:"source_type,omitzero"`
	Pivot       *Pivot `json:"pivot,omitzero"`
}

// Comment is a note on an object.
type Comment struct {
	ID        Int    `json:"id,omitzero"`
	Value     string `json:"value"`
	CreatedAt Time   `json:"created_at,omitzero"`
}

// Score is what an indicator is worth. A plain number reads as Generated.
type Score struct {
	Generated Int  `json:"generated_score"`
	Manual    *Int `json:"manual_score"`
}

// UnmarshalJSON reads 7, "7", {"generated_score":…,"manual_score":…} and [].
func (s *Score) UnmarshalJSON(b []byte) error {
	*s = Score{}
	switch first(b) {
	case '[':
		return emptyList(b)
	case '{':
	default:
		return s.Generated.UnmarshalJSON(b)
	}
	type plain Score
	return json.Unmarshal(b, (*plain)(s))
}

// Row is an entry of a list of types or statuses.
type Row struct {
	ID         Int    `json:"id"`
	Name       string `json:"name"`
	Class      string `json:"class,omitzero"`
	IsParsable Flag   `json:"is_parsable,omitzero"` // types of attachments
}

// Token is the answer of POST /api/token. It has no envelope.
type Token struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"` // may be absent
	TokenType    string `json:"token_type"`
	ExpiresIn    Int    `json:"expires_in"` // seconds
}

// Session is a staged import of a spearphish (events) or of a file (indicators).
// The ids of Events are those of staged rows until it is committed.
type Session struct {
	ID          Int          `json:"id"`
	Events      List[Object] `json:"events,omitzero"`
	Attachments List[Object] `json:"attachments,omitzero"`
	Indicators  List[Object] `json:"indicators,omitzero"`
}

// SessionOptions is the body of PUT /events/import/{id} and PUT /imports/{id}.
type SessionOptions struct {
	IndicatorStatusID     Int      `json:"indicator_status_id,omitzero"`
	IndicatorGlobalStatus Int      `json:"indicator_global_status,omitzero"`
	ImportSource          *Source  `json:"import_source,omitzero"`
	DeleteAfterImport     Flag     `json:"delete_after_import,omitzero"`
	Normalize             *Flag    `json:"normalize,omitzero"`
	Globals               *Globals `json:"globals,omitzero"`
}

// Globals are put on everything that a session brings.
type Globals struct {
	Indicators struct {
		Attributes List[Attribute] `json:"attributes,omitzero"`
	} `json:"indicators,omitzero"`
	Relations struct {
		Adversaries List[Object] `json:"adversaries,omitzero"`
		Events      List[Object] `json:"events,omitzero"`
		Attachments List[Object] `json:"attachments,omitzero"`
		Indicators  List[Object] `json:"indicators,omitzero"`
		Signatures  List[Object] `json:"signatures,omitzero"`
	} `json:"relations,omitzero"`
}

// Query is the body of POST /{collection}/query. See the platform's criteria:
// {"+or":[{"value":"a"},{"value":"b"}]}, {"updated_at":{"+gte":"2026-01-01 00:00:00"}}.
type Query struct {
	Criteria map[string]any `json:"criteria"`
	Filters  map[string]any `json:"filters"`
	Fields   []string       `json:"fields,omitempty"`
}
