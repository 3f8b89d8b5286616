package engine

import (
	"strings"
	"time"
)

// Address is one mailbox of an address field (RFC 5322 section 3.4).
type Address struct {
	DisplayName string `expr:"display_name"`
	Email       Email  `expr:"email"`
}

// Email is an addr-spec, the domain lower-cased and in A-labels.
type Email struct {
	Email     string `expr:"email"`
	LocalPart string `expr:"local_part"`
	Domain    Domain `expr:"domain"`
}

// Domain is a host name taken apart along the public suffix list (ICANN section).
type Domain struct {
	Domain     string `expr:"domain"`      // lower case, A-labels, no trailing dot; an IP address stands here as it is
	RootDomain string `expr:"root_domain"` // registrable domain
	SLD        string `expr:"sld"`         // its first label
	Subdomain  string `expr:"subdomain"`   // what stands before the registrable domain
	TLD        string `expr:"tld"`         // public suffix
	Valid      bool   `expr:"valid"`       // a host name under a listed suffix
	Punycode   string `expr:"punycode"`    // the U-label form when it differs
}

// URL is a link target taken apart. Fields are as a browser would read them.
type URL struct {
	URL                string              `expr:"url"` // canonical: scheme and host lower case, A-labels, dot segments kept
	Scheme             string              `expr:"scheme"`
	Domain             Domain              `expr:"domain"`
	Path               string              `expr:"path"`
	QueryParams        string              `expr:"query_params"`
	QueryParamsDecoded map[string][]string `expr:"query_params_decoded"`
	Fragment           string              `expr:"fragment"`
	Username           string              `expr:"username"`
	Password           string              `expr:"password"`
	Port               int                 `expr:"port"` // 0 when not given
	IP                 string              `expr:"ip"`   // when the host is an address in any spelling
	Rewrite            Rewrite             `expr:"rewrite"`
}

// Rewrite tells which link-protection services wrapped a URL.
type Rewrite struct {
	Encoders []string `expr:"encoders"` // outermost first: safelinks, urldefense, google, ...
	Original string   `expr:"original"` // the innermost target, "" when nothing could be unwrapped
}

// Link is a place in a body that leads somewhere.
type Link struct {
	DisplayText string `expr:"display_text"`
	DisplayURL  URL    `expr:"display_url"` // what DisplayText itself would lead to, when it reads as a URL or host
	HrefURL     URL    `expr:"href_url"`
	Mismatched  bool   `expr:"mismatched"` // DisplayURL and HrefURL have different registrable domains
	Visible     bool   `expr:"visible"`

	Span Span // of DisplayText in Page.InnerText, or of the URL in a plain text
}

// Page is an HTML document reduced to what its reader sees and where it leads.
// It is made by internal/htmltext in one pass.
type Page struct {
	Raw         string `expr:"raw"`
	DisplayText string `expr:"display_text"` // what is visible, one line per block
	InnerText   string `expr:"inner_text"`   // the same with what is hidden left in; scripts and styles are out

	Links    []*Link
	Hidden   []Span    // of InnerText: ranges a reader does not see, ascending, disjoint
	Refs     []PageRef // URL-bearing attributes that are not links
	Headings []Heading // ascending, disjoint
}

// Heading is a line of a page that heads what follows it.
type Heading struct {
	Span  Span  // of InnerText
	Level uint8 // 1 to 6 as in HTML; BoldLine for a line that is bold as a whole
}

// BoldLine is the level of lines that are no headings to HTML, but to their reader.
const BoldLine = 7

// PageRef is a URL in an attribute, a style or a meta refresh.
type PageRef struct {
	Tag, Attr string
	URL       string // resolved against <base href>, entities decoded
	At        int    // the text before it: an offset in InnerText
}

// Span is a half-open range of bytes.
type Span struct{ Start, End int }

// Headers are the fields of the header block.
type Headers struct {
	MessageID  string    `expr:"message_id"` // without angle brackets
	InReplyTo  string    `expr:"in_reply_to"`
	References []string  `expr:"references"`
	ReplyTo    []Address `expr:"reply_to"`
	ReturnPath Address   `expr:"return_path"`
	Mailer     string    `expr:"mailer"` // X-Mailer, else User-Agent
	Date       string    `expr:"date"`   // as written
	Domains    []Domain  `expr:"domains"`
	IPs        []string  `expr:"ips"`
	Hops       []Hop     `expr:"hops"` // topmost (latest) first

	Fields []Field // all fields in order, values unfolded and decoded
}

// Field is one header field.
type Field struct{ Name, Value string }

// Get returns the decoded value of the first field of that name, "" if none.
// Names are ASCII (RFC 5322 section 2.2), so equal ones are equally long.
func (h *Headers) Get(name string) string {
	for i := range h.Fields {
		if f := h.Fields[i].Name; len(f) == len(name) && strings.EqualFold(f, name) {
			return h.Fields[i].Value
		}
	}
	return ""
}

// Hop is one Received field (RFC 5321 section 4.4).
type Hop struct {
	Index    int       `expr:"index"`
	From     string    `expr:"from"` // name the client gave
	IP       string    `expr:"ip"`   // address it came from
	By       string    `expr:"by"`
	With     string    `expr:"with"`
	ID       string    `expr:"id"`
	For      string    `expr:"for"`
	Date     time.Time `expr:"date"`
	Received string    `expr:"received"` // the whole field
}

// Auth are the results of sender authentication, from Authentication-Results
// (RFC 8601) of the trusted servers, else from the topmost field found.
type Auth struct {
	SPF     AuthResult `expr:"spf"`
	DKIM    AuthResult `expr:"dkim"`
	DMARC   AuthResult `expr:"dmarc"`
	ARC     AuthResult `expr:"arc"`
	Trusted bool       `expr:"trusted"` // the authserv-id is one the configuration trusts
}

// AuthResult is the verdict of one method.
type AuthResult struct {
	Result  string `expr:"result"` // pass, fail, softfail, neutral, none, policy, temperror, permerror, unknown
	Domain  string `expr:"domain"`
	Aligned bool   `expr:"aligned"` // same registrable domain as the From field
}
