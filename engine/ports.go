package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"
)

// Errors that the loop branches on. Adapters wrap them.
var (
	// ErrTemporary marks an error of the environment that may pass: it is
	// retried, and the mail is not acknowledged.
	ErrTemporary = errors.New("temporary")
	// ErrLimit marks a cap that an input exceeded.
	ErrLimit = errors.New("limit exceeded")
	// ErrNotFound marks a thing that is not there.
	ErrNotFound = errors.New("not found")
)

// Source hands over raw mail. Next is called from one goroutine, Ack from
// another, each sequentially; Close after both have ended. Next returns io.EOF
// at the end of a corpus, an error wrapping ErrTemporary when a later call may
// succeed, any other error when the source is finished for good. A broken
// entry is no error: it is delivered as it is, and parsing tells.
type Source interface {
	Next(ctx context.Context) (Delivery, error)
	// Ack tells the source what became of mails whose outcomes are durable.
	// It may be repeated after a crash.
	Ack(ctx context.Context, receipts []Receipt) error
	Close() error
}

// Delivery is one raw mail and where it came from.
type Delivery struct {
	Raw    Blob
	Origin Origin
	// Parked is set on a mail that Store.Ready gives back, Expired on one whose
	// deadline passed without an offer that it had not tried yet.
	Parked, Expired bool
	// Defects are what the source knows to be wrong with Raw: an entry of an
	// archive that ends early, say.
	Defects []Defect
}

// Origin is the identity of a delivered mail at its source.
type Origin struct {
	Source  string // name of the source in the configuration
	Account string
	Folder  string
	// ID is stable and unique within (Source, Account, Folder): UIDVALIDITY+UID,
	// ItemId, or path and digest.
	ID       string
	Name     string    // for people: the path in a corpus, the UID
	Received time.Time // the server's date; zero when the source has none
	Digest   string    // SHA-256 of the raw bytes in hex, when the source had to compute it; else ""
}

// Key is the ledger identity: only it suppresses processing. People meet it as
// message.id and in results, so it reads as a path: source/account/folder/id.
func (o Origin) Key() string {
	return segment.Replace(o.Source) + "/" + segment.Replace(o.Account) + "/" + segment.Replace(o.Folder) + "/" + o.ID
}

// segment keeps two origins from having one key: the first three parts of a key
// hold no slash of their own.
var segment = strings.NewReplacer("%", "%25", "/", "%2F")

// Receipt is what a source is told after commit.
type Receipt struct {
	Origin Origin
	Route  Route // zero: mark as seen
}

// Parser turns raw bytes into a Message. It is called from several goroutines.
// Whatever the bytes are, it returns a message with defects; an error means
// that the bytes could not be read at all.
type Parser interface {
	Parse(ctx context.Context, raw Blob, origin Origin) (*Message, error)
}

// Rules decide. All methods are pure, deterministic and safe for concurrent use.
type Rules interface {
	// Defaults are what rule files set for everything that is shipped.
	Defaults() Defaults
	// Pairings lists the pair actions that rules might ask for, whether or not
	// their conditions will match: what role a mail plays, and the state under
	// its keys, is known before anything is decided.
	Pairings(msg *Message) []Pair
	// Evaluate returns the plan of the rules of one phase.
	Evaluate(phase Phase, view *View) Plan
	// Keep asks the keep rules about one indicator.
	Keep(view *View, ind *Indicator) Verdict
}

// View is what rules see. What belongs to a later phase is empty.
type View struct {
	Message    *Message
	Indicators []*Indicator
	Score      int      // as of the end of the earlier phases
	Tags       []string // likewise, sorted
}

// Defaults are the `defaults` of rule files.
type Defaults struct {
	MailboxType string // intelligence or spearphish
	EventType   string // of intelligence mails
	FileType    string // of their attachments
	Status      string // of indicators
	Source      string
	TLP         string
	KeepRaw     bool // ship the raw mail as a file
}

// Extractor finds indicators. Info and Wants are cheap and pure; Extract is
// called from several goroutines, must be deterministic, and must return soon
// after ctx ends. An error is a defect of the message, with the code of its
// DefectCode method if it has one; findings returned beside it count. An error
// wrapping ErrTemporary says that the extractor could not do its work through no
// fault of the mail: nothing of the outcome is committed, and the mail is left
// for the next run.
type Extractor interface {
	Info() ExtractorInfo
	Wants(part PartInfo) bool
	Extract(ctx context.Context, in Input) ([]Finding, error)
}

// ExtractorInfo describes an extractor.
type ExtractorInfo struct {
	Name    string
	Version string
	Types   []string // rule names of the types it may report; empty means any
	Default bool     // runs unless a rule says `only`
}

// PartInfo is what an extractor is told of a part before it sees it.
type PartInfo struct {
	ID     string // MIME path, "subject", "header"
	Kind   string // text, html, header, subject, name, attachment (its text), raw (its bytes)
	MIME   string
	Name   string
	SHA256 string
	Size   int
}

// Input is what an extractor sees of one item.
type Input struct {
	MessageID string    // Meta.ID
	Date      time.Time // Meta.Received, the only clock an extractor has
	Parts     []InputPart
	Config    json.RawMessage // from the configuration or the rule; nil when none
}

// InputPart is one text, decoded to UTF-8, or the bytes of an attachment.
type InputPart struct {
	PartInfo
	Text    string
	Page    *Page // the projection of an HTML part, or the links of an attachment; else nil
	Content Blob  // of kind raw; else nil
}

// Unpacker opens attachments: unlocks, unpacks, reads. It is called from several
// goroutines, each part and each budget by one.
type Unpacker interface {
	// Wants tells, cheaply and from the message phase's fields alone, whether
	// there may be anything to read in a part.
	Wants(part *Part) bool
	// Unpack fills the content fields of part, Children included, as deep as the
	// budget allows, and takes from the budget what that cost. Where a password
	// is needed it tries the candidates in order. What is wrong with the bytes,
	// what stays locked and where a cap fired are defects of the part; an error
	// wraps ErrTemporary and says that the unpacker could not do its work
	// through no fault of the mail. The same part, candidates and budget give the
	// same result.
	Unpack(ctx context.Context, part *Part, keys []Candidate, budget *Budget) ([]Defect, error)
}

// Sink puts batches where users want them. Ship is called from one goroutine
// per sink. The same key twice has the effect of once. An error wrapping
// ErrTemporary is retried with back-off, in this run and the next ones; any
// other sets the batch aside for an operator.
type Sink interface {
	Name() string
	Ship(ctx context.Context, b Batch) error
	Close() error
}

// Ledger is the part of a store that makes processing happen once.
type Ledger interface {
	// Begin records durably that run is about to handle a mail, and says
	// whether it was handled before. A repeated Begin of the same run counts
	// once.
	Begin(ctx context.Context, o Origin, run string) (Attempt, error)
	// Release takes back the Begin of mails that run gave up through no fault
	// of theirs.
	Release(ctx context.Context, origins []Origin, run string) error
	// Snapshot returns what was offered under the keys and has not expired, by
	// time of receipt, then ID.
	Snapshot(ctx context.Context, keys []Key) (State, error)
	// Arrived counts the mails of a sender (Outcome.Sender) that are committed and
	// were received from one time to another, both included.
	Arrived(ctx context.Context, sender string, from, to time.Time) (int, error)
	// Commit makes outcomes durable, all of them or none: ledger entries,
	// outbox rows, parked mails, offers. A parked mail under one of whose keys
	// there is an offer that joins it and that it has not tried (Park.Seen) is
	// ready from then on, whichever of the two came first. A key remembers
	// MaxOffers offers. Committing an outcome whose
	// origin is in the ledger changes nothing, unless it is parked there: then
	// the outcome takes the place of the parked mail.
	Commit(ctx context.Context, outcomes []*Outcome) error
}

// Parking is the part of a store that gives parked mails back.
type Parking interface {
	// Ready returns parked mails that are ready, or whose deadline is not after
	// now, earliest deadline first, at most n. They stay until their outcome is
	// committed.
	Ready(ctx context.Context, now time.Time, n int) ([]Delivery, error)
}

// Outbox is the part of a store that remembers what is to be shipped.
type Outbox interface {
	// Pending returns the oldest n batches for a sink that are neither done
	// nor failed.
	Pending(ctx context.Context, sink string, n int) ([]Batch, error)
	Done(ctx context.Context, sink string, keys []string) error
	// Waiting counts what Pending would return if n were large enough, and tells
	// since when the oldest waits; the zero time when the store does not know.
	Waiting(ctx context.Context, sink string) (n int, oldest time.Time, err error)
	// Fail sets a batch aside for an operator.
	Fail(ctx context.Context, sink, key, reason string) error
}

// Store remembers. Methods are safe for concurrent use; a call that returned
// nil survives the process in a durable store.
type Store interface {
	Ledger
	Parking
	Outbox
	Close() error
}

// Attempt is the answer to Begin.
type Attempt struct {
	Number    int     // this attempt, counted from 1, over all runs
	Committed bool    // an outcome of this mail is in the ledger already
	Receipt   Receipt // of that outcome
}

// Key names a piece of pairing state (design section 8).
type Key struct {
	Scope string // the sender's domain, the thread, or the mailbox, by the rule's scope
	Key   string // what the subject yielded
}

// State is what a store knows under a set of keys.
type State map[Key][]Offered

// Offered is what one mail offered under a key.
type Offered struct {
	ID       string // Origin.Key of that mail
	Mail     string // its Origin.Name, for people
	Received time.Time
	Window   time.Duration
	Secrets  []Secret
}

// Blob is a piece of content that may be large. Open may be called often and
// from several goroutines; each reader starts at the beginning. Its bytes never
// change. It lives as long as it is referred to. Readers of Bytes and of a Spool
// are io.ReaderAt and io.Seeker too.
type Blob interface {
	Open() (io.ReadCloser, error)
	Size() int64
}

// Clock tells the time and waits. Production uses the system's; a dry run one
// that stands still until the corpus has been read.
type Clock interface {
	Now() time.Time
	// Sleep returns early with ctx's error.
	Sleep(ctx context.Context, d time.Duration) error
}
