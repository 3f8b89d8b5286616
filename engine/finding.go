package engine

import "slices"

// Finding is one occurrence of an indicator, as an extractor reports it.
type Finding struct {
	Type      string // rule name of the type, as in IndicatorTypes
	Value     string // canonical: refanged, host in lower-case A-labels, no default port
	Original  string // as it stood in the text
	Spot      Spot
	Flags     Flags
	Extractor string            // set by the engine
	Parent    string            // value of the URL or address that this one was derived from; "" when it stood by itself
	Extra     map[string]string // attributes that a module adds
}

// Spot is where a finding stood.
type Spot struct {
	Part    string // Input part ID: MIME path, "header", "subject"
	Context Context
	Header  string // field name when Context is InHeader
	// Span is of the part's text; of Page.InnerText for HTML, where a link target
	// takes its link's span; of the source when Context is InSource.
	Span Span
}

// Context says in what kind of place a finding stood.
type Context uint8

const (
	InText    Context = iota // text a reader sees
	InHidden                 // text a reader does not see
	InLink                   // target of a link
	InRef                    // other URL-bearing attribute: image, form, style
	InHeader                 // header field
	InSubject                // subject
	InName                   // file name of an attachment
	InContent                // text of an attachment
	InURL                    // inside another URL: unwrapped, or its host
	InSource                 // bytes as they stood: the markup of a page, the content of an attachment
)

var contextNames = [...]string{"text", "hidden", "link", "reference", "header", "subject", "name", "attachment", "url", "source"}

func (c Context) String() string { return contextNames[c] }

// Flags are facts about a finding on which rules decide.
type Flags uint16

const (
	Defanged       Flags = 1 << iota // was written so as not to be clickable
	Private                          // private, loopback or link-local address
	Reserved                         // documentation, reserved or unlisted name or address
	Wrapped                          // came out of a link-protection service
	Opaque                           // a redirector whose target cannot be known offline
	Mismatch                         // the link showed another host
	Homograph                        // mixes scripts so as to look like another name
	Derived                          // follows from another finding: host of a URL, domain of an address
	Unlisted                         // host under no listed public suffix
	UserInfo                         // URL with user information before the host
	CheckedValue                     // carries a checksum that was verified
	Signature                        // in a signature or a notice of confidentiality
	Infrastructure                   // in a field that mail servers write: Received and the like
)

var flagNames = []string{"defanged", "private", "reserved", "wrapped", "opaque_redirect", "mismatch", "homograph", "derived", "unlisted", "userinfo", "checked", "signature", "infrastructure"}

// Names lists the set flags in a fixed order.
func (f Flags) Names() []string {
	names := []string{}
	for i, n := range flagNames {
		if f&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return names
}

// Indicator is a (type, canonical value) of one item with every place it stood
// in. Rules read it in the findings phase.
type Indicator struct {
	Type       string   `expr:"type"`
	Value      string   `expr:"value"`
	Original   string   `expr:"original"`   // of the first occurrence
	Contexts   []string `expr:"contexts"`   // names of Context, in order of Context, each once
	Parts      []string `expr:"parts"`      // where it stood, each once
	Locations  []string `expr:"locations"`  // where inside attachments: "orders.zip/march.xlsx Sheet1!B7", each once, at most 20
	Flags      []string `expr:"flags"`      // union over the occurrences; `mismatch` and `defanged` if any has it
	Lists      []string `expr:"lists"`      // of well-known values that it is on
	Extractor  string   `expr:"extractor"`  // that found it first, in the order of the configuration
	Extractors []string `expr:"extractors"` // sorted
	Derived    bool     `expr:"derived"`    // only ever found inside another indicator
	Domain     Domain   `expr:"domain"`     // of a URL, address or host
	Count      int      `expr:"count"`      // occurrences

	Extra map[string]string `expr:"attributes"` // what extractors add: confidence, wrapper, ...

	Status   string // that a keep rule gives it instead of dropping it; "" for that of the item
	StatusBy string // the rule

	Spots []Spot
}

// Verdict is what the keep rules say of one indicator.
type Verdict struct {
	Keep   bool
	Status string // of one that is kept although a rule refuses it; "" when none does
	Rule   string // the rule that dropped it, or that gave it the status
	Err    error  // a keep condition that failed; the indicator is kept
}

// IndicatorType names one type in the three vocabularies of design section 12.
type IndicatorType struct {
	Name  string // in rules and at ThreatQ
	Short string // in --jsonl and in extractor modules
}

// IndicatorTypes is the closed list of built-in types.
var IndicatorTypes = []IndicatorType{
	{"IP Address", "ipv4"},
	{"IPv6 Address", "ipv6"},
	{"CIDR Block", "cidr"},
	{"FQDN", "fqdn"},
	{"URL", "url"},
	{"Email Address", "email"},
	{"MD5", "md5"},
	{"SHA-1", "sha1"},
	{"SHA-256", "sha256"},
	{"SHA-384", "sha384"},
	{"SHA-512", "sha512"},
	{"Fuzzy Hash", "ssdeep"},
	{"CVE", "cve"},
	{"ASN", "asn"},
	{"Filename", "filename"},
	{"File Path", "filepath"},
	{"Registry Key", "regkey"},
	{"Mutex", "mutex"},
	{"User-agent", "useragent"},
	{"X-Mailer", "xmailer"},
	{"MAC Address", "mac"},
	{"Email Subject", "subject"},
	{"Email Attachment", "attachment"},
	{"String", "string"},
	{"btc", "btc"},
	{"eth", "eth"},
	{"xmr", "xmr"},
	{"ltc", "ltc"},
	{"bch", "bch"},
	{"doge", "doge"},
	{"dash", "dash"},
	{"zec", "zec"},
	{"trx", "trx"},
	{"xrp", "xrp"},
	{"ada", "ada"},
	{"xlm", "xlm"},
	{"algo", "algo"},
	{"ton", "ton"},
	{"xtz", "xtz"},
	{"atom", "atom"},
	{"osmo", "osmo"},
	{"tia", "tia"},
	{"inj", "inj"},
	{"sei", "sei"},
	{"rune", "rune"},
	{"kava", "kava"},
	{"luna", "luna"},
	{"dydx", "dydx"},
	{"ln", "ln"},
	{"attack", "attack"},
	{"yara", "yara"},
}

// ObjectType names a type of what a text is about, in rules and in ObjectRecord.
type ObjectType struct {
	Name   string // in rules
	Object string // ObjectRecord.Type; "" for tags of the event
}

// ObjectTypes is the closed list of types whose findings are no indicators: a finding
// of one relates its event, and the file it stood in, to an object of that name. Until
// then it goes the way of an indicator: rules see it in `indicators`, and may refuse it.
var ObjectTypes = []ObjectType{
	{"Malware", "malware"},
	{"Adversary", "adversary"},
	{"Attack Pattern", "attack_pattern"},
	{"Tool", "tool"},
	{"Vulnerability", "vulnerability"},
	{"Campaign", "campaign"},
	{"Tag", ""},
}

// objectType tells what becomes of findings of a type; false: they are indicators.
func objectType(name string) (ObjectType, bool) {
	i := slices.IndexFunc(ObjectTypes, func(t ObjectType) bool { return t.Name == name })
	if i < 0 {
		return ObjectType{}, false
	}
	return ObjectTypes[i], true
}

// RuleType is the rule language's name of a type that is called by that or by its
// short name. One that is neither stays as it is, and is not known.
func RuleType(name string) (rule string, known bool) {
	for _, t := range IndicatorTypes {
		if name == t.Name || name == t.Short {
			return t.Name, true
		}
	}
	return name, false
}

// ShortByType returns the short name of a type, the name itself if unknown.
func ShortByType(name string) string {
	for _, t := range IndicatorTypes {
		if t.Name == name {
			return t.Short
		}
	}
	return name
}
