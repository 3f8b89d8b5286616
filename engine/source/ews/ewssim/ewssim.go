package ewssim

import (
	"cmp"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config says what kind of Exchange it is. The zero value has no users, so that
// nobody can log in.
type Config struct {
	Users     map[string]string // user name, as DOMAIN\user, user@domain or bare, to password
	Mailboxes map[string]string // e-mail address to the user that owns it; empty: one for the first user by name
	// Delegates are the mailboxes of others that a user may open, by e-mail address.
	Delegates map[string][]string
	// Impersonators may act as the owner of any mailbox.
	Impersonators []string

	Schemes []string          // that are offered, in this order: NTLM, Negotiate, Basic, Bearer; empty: NTLM and Basic
	Tokens  map[string]string // bearer token to user

	// Version is the newest that requests may ask for: Exchange2010_SP2,
	// Exchange2013, Exchange2013_SP1, Exchange2016 or Exchange2019. "" means
	// Exchange2016. An unknown one is taken for it, too.
	Version string

	// Protection is Extended Protection: "off" (or ""), "allow", by which a channel
	// binding is checked when it is sent, or anything else, which is to require it. It
	// counts when there is a Certificate.
	Protection  string
	Certificate []byte // the leaf that clients see over TLS, as DER; empty: plain HTTP
	OldClients  bool   // NTLM without a MIC, and with the client's own time, logs in

	Language   string // of the names of well-known folders: en, de, fr, ja; others are en
	Regenerate bool   // MIME contents are made anew on each read: other boundaries, some headers gone
	// Controls has control characters in texts stand as references (&#x1;), which is
	// what Exchange writes and XML forbids. Else they are U+FFFD.
	Controls bool

	MaxItems       int           // of a page of FindItem; 0 means 1000
	MaxSync        int           // of a page of SyncFolderItems; 0 means 512
	MaxResponse    int64         // bytes of MIME in one answer of GetItem: what is beyond is ErrorMessageSizeExceeded; 0 means 64 MiB
	MaxConcurrency int           // requests of one user at a time: more are ErrorExceededConnectionCount; 0: no limit
	BackOff        time.Duration // what is beyond MaxConcurrency is ErrorServerBusy instead, and told to wait so long
	Latency        time.Duration // before each answer

	Redirect string // what autodiscovery answers instead: an e-mail address, or a URL

	Now  func() time.Time // nil: time.Now
	Seed uint64           // of ids and boundaries
	Log  *slog.Logger     // one line per request, without content; nil: none
}

// Server is the simulator. Its methods are safe for concurrent use.
type Server struct {
	cfg      Config
	accounts accounts
	binding  []byte // of the channel, as clients have to send it; nil over plain HTTP
	version  release

	mu     sync.Mutex // holds for everything below
	store  *store
	faults faults
	counts map[string]int
	busy   map[string]int // requests under way by user
	reads  uint64         // of MIME contents: no two boundaries are the same
	logins uint64         // no two NTLM challenges are the same
}

var _ http.Handler = (*Server)(nil)

// New is a server with mailboxes that hold the well-known folders and no items.
func New(cfg Config) *Server {
	cfg.fill()
	s := &Server{
		cfg: cfg, accounts: newAccounts(cfg), binding: channelBinding(cfg.Certificate), version: releaseOf(cfg.Version),
		counts: map[string]int{}, busy: map[string]int{},
	}
	s.store = newStore(cfg, s.accounts)
	return s
}

func (c *Config) fill() {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if len(c.Schemes) == 0 {
		c.Schemes = []string{"NTLM", "Basic"}
	}
	c.MaxItems = cmp.Or(c.MaxItems, 1000)
	c.MaxSync = cmp.Or(c.MaxSync, 512)
	c.MaxResponse = cmp.Or(c.MaxResponse, 64<<20)
	if len(c.Mailboxes) == 0 && len(c.Users) > 0 {
		first := slices.Min(slices.Collect(maps.Keys(c.Users)))
		c.Mailboxes = map[string]string{addressOf(first): first}
	}
}

// addressOf makes up an e-mail address for a user name.
func addressOf(user string) string {
	domain, name, both := strings.Cut(user, `\`)
	switch {
	case strings.Contains(user, "@"):
		return strings.ToLower(user)
	case both:
		return strings.ToLower(name + "@" + domain + ".example")
	}
	return strings.ToLower(user + "@sim.example")
}
