// Package engine holds the words of the project (Message, Part, Finding, Plan,
// Outcome, Batch), the ports behind which everything else stands (ports.go), and
// the loop that moves a mail from a source through rules into a store and from
// its outbox into sinks.
//
// Decide, compute, commit, ship: rules decide and touch nothing; Process computes
// an Outcome in memory; Commit makes it durable in one transaction, and only then
// is the mail acknowledged; Ship drains the outbox, each batch idempotent by its
// key. Effects exist in Begin, Commit, Ack and Ship and nowhere else, so that a
// dry run is this loop over a memory store with sinks that record.
//
// Four kinds of trouble: a wrong rule never gets here; a wrong mail is data (a
// Defect); trouble of the environment is retried and leaves the mail
// unacknowledged; a panic quarantines one message and the loop goes on.
//
// It imports the standard library only.
package engine

import "time"

// Message is one mail as rules see it. The expr tags are the words of the rule
// language (docs/reference/environment.md); a field without one is for the
// engine and its adapters only.
//
// A Message is total: no pointer in it is nil and a fact that is not there is
// the zero value. Once parsed, it changes in few places only: Engine sets Pair,
// Mailbox.Type and Meta.Carrier before the first evaluation; the unpacker fills
// the content fields of a Part, and Engine appends to Nested and sets Files,
// before the second; passwords are hidden and trims shorten Body.Text then, too; a
// split leaves the Body what stands in no section, before extraction.
type Message struct {
	Meta        Meta       `expr:"message"`
	Mailbox     Mailbox    `expr:"mailbox"`
	Direction   string     `expr:"direction"` // inbound, outbound, internal, unknown
	Sender      Address    `expr:"sender"`
	Recipients  Recipients `expr:"recipients"`
	Subject     Subject    `expr:"subject"`
	Headers     Headers    `expr:"headers"`
	Auth        Auth       `expr:"auth"`
	Body        Body       `expr:"body"`
	Attachments []*Part    `expr:"attachments"` // leaves that are not the body, in document order
	Files       []*Part    `expr:"files"`       // content phase: the attachments and everything inside them, each before its members
	Nested      []*Message `expr:"nested"`      // attached messages, then those inside containers
	Forward     Forward    `expr:"forward"`
	Pair        PairFacts  `expr:"pair"`

	Leaves     []*Part  // every leaf of the MIME tree, the body's included, in document order
	ContentKey string   // design section 7: canonical headers and sorted digests of all leaves, hex SHA-256
	Raw        Blob     // the source of this message; never nil
	Defects    []Defect // what was wrong with the bytes
}

// Meta are the facts about the delivery of a message.
type Meta struct {
	ID          string    `expr:"id"`      // stable identity of this message in this run: Origin.Key plus the item path
	Account     string    `expr:"account"` // the mailbox account or corpus it was read from
	Folder      string    `expr:"folder"`
	Size        int       `expr:"size"`     // bytes of the raw message
	Date        time.Time `expr:"date"`     // Date header, UTC; zero when absent or unreadable
	Received    time.Time `expr:"received"` // design section 7: server's date, else topmost Received, else Date
	SHA256      string    `expr:"sha256"`   // of the raw message, lower-case hex
	Source      string    `expr:"source"`   // name of the source: files, imap, ews
	TLP         string    `expr:"tlp"`      // what the mail says of itself: ReadTLP, and that of its carrier
	IsAutoReply bool      `expr:"is_auto_reply"`
	IsBounce    bool      `expr:"is_bounce"`
	Carrier     Carrier   `expr:"carrier"` // the mail that brought this one; zero for a delivered mail
}

// Carrier is what an inner message knows of the mail that brought it.
type Carrier struct {
	ID       string    `expr:"id"`
	Sender   Address   `expr:"sender"`
	Subject  string    `expr:"subject"`
	Date     time.Time `expr:"date"`
	Received time.Time `expr:"received"`
	Via      string    `expr:"via"` // attached, forward, container, section
}

// Mailbox says whose mailbox a message came from.
type Mailbox struct {
	Name       string   `expr:"name"`
	Type       string   `expr:"type"` // intelligence or spearphish, from the rule files' defaults
	OwnDomains []string `expr:"own_domains"`
}

// Recipients are the addresses of the To, Cc and Bcc fields.
type Recipients struct {
	To  []Address `expr:"to"`
	Cc  []Address `expr:"cc"`
	Bcc []Address `expr:"bcc"`
}

// Subject is the decoded Subject field.
type Subject struct {
	Subject   string `expr:"subject"` // whole, decoded, unfolded
	Base      string `expr:"base"`    // without reply and forward prefixes of any locale
	IsReply   bool   `expr:"is_reply"`
	IsForward bool   `expr:"is_forward"`
}

// Body is the text of a message.
type Body struct {
	Plain           PlainBody `expr:"plain"`
	HTML            Page      `expr:"html"`
	Text            string    `expr:"text"` // plain text if there is any, else HTML.DisplayText
	Links           []*Link   `expr:"links"`
	IPs             []string  `expr:"ips"` // hosts of links that are addresses
	CurrentThread   Thread    `expr:"current_thread"`
	PreviousThreads []Thread  `expr:"previous_threads"`
}

// PlainBody is the text/plain body, decoded to UTF-8 with LF line ends.
type PlainBody struct {
	Raw string `expr:"raw"`
}

// Thread is one layer of a conversation: what was written at one time.
type Thread struct {
	Text  string  `expr:"text"`
	Links []*Link `expr:"links"`
}

// Part is one leaf of the MIME tree, or one member of a container.
type Part struct {
	FileName      string `expr:"file_name"`      // safe to display: no path, control or bidi characters, 255 bytes at most
	FileExtension string `expr:"file_extension"` // lower case, without the dot
	FileType      string `expr:"file_type"`      // by content: pdf, zip, xlsx, eml, html, png, ...; "" when unknown
	ContentType   string `expr:"content_type"`   // as declared, lower case, without parameters
	ContentID     string `expr:"content_id"`     // without angle brackets
	Size          int    `expr:"size"`           // bytes, decoded
	MD5           string `expr:"md5"`
	SHA1          string `expr:"sha1"`
	SHA256        string `expr:"sha256"`
	IsInline      bool   `expr:"is_inline"` // shown inside the body: referred to by cid, or inline image
	IsMessage     bool   `expr:"is_message"`
	Encrypted     bool   `expr:"encrypted"` // by a cheap structural probe
	Path          string `expr:"path"`      // where in the tree: "1.2" as IMAP numbers sections, "2/invoice.xlsx" inside a container

	Decrypted bool              `expr:"decrypted"` // content phase from here on
	OpenedBy  string            `expr:"opened_by"` // where the password stood; never the password
	Text      string            `expr:"text"`
	Links     []*Link           `expr:"links"`
	Children  []*Part           `expr:"children"`
	HasMacros bool              `expr:"has_macros"`
	QR        []string          `expr:"qr"`
	Pages     int               `expr:"pages"`
	Metadata  map[string]string `expr:"metadata"`

	RawName string  // the name as it was sent, decoded but not sanitised: evidence, never a path
	Charset string  // declared charset of a text part, lower case
	Content Blob    // decoded bytes; never nil
	Places  []Place // of Text, ascending; empty when it has no places
	Opened  bool    // an unpacker read it: Links are not those that stand in Text
}

// Place names where a stretch of a text stands in its document, up to the next
// place: "page 3", "Sheet1!B7", "slide 2, notes".
type Place struct {
	At   int    `json:"at"` // byte offset in Part.Text
	Name string `json:"name"`
}

// Forward says whether a message hands on another one, and what that one was.
type Forward struct {
	IsForward bool     `expr:"is_forward"`
	Style     string   `expr:"style"` // inline or attached; "" when it is no forward
	Original  Original `expr:"original"`

	Client string     // gmail, outlook, apple, thunderbird, ...: whose separator or label block was read
	Inner  []Original // originals forwarded inside Original.Text, outermost first
}

// Original is the message that an inline forward quotes.
type Original struct {
	Sender     Address    `expr:"sender"`
	Recipients Recipients `expr:"recipients"`
	Subject    string     `expr:"subject"`
	Date       time.Time  `expr:"date"` // zero when the quoted date has no reading; DateText keeps it
	Text       string     `expr:"text"`

	DateText string
	Links    []*Link
	Page     Page // the HTML of the original, when the forward was HTML
}

// PairFacts say what part a message plays in a pairing (design section 8).
type PairFacts struct {
	Role  string `expr:"role"`  // locked, password, or ""
	State string `expr:"state"` // none; of a password mail offered; of a locked one waiting, paired or expired
	Key   string `expr:"key"`
}
