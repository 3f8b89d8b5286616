// Package ews reads mail from the folders of an Exchange mailbox by Exchange Web
// Services, and tells the server what became of it.
//
// # What is read
//
// A pass goes through the folders in the order of the configuration. Of a folder
// with unread intake it first learns the ids, dates and sizes of all mails that
// are wanted, and only then hands out the first: the view shrinks while mails are
// marked, so that whoever pages through it by numbers skips what moves up.
// Pages overlap by one mail, and where the overlap is not found, the listing goes
// back. With the intake new, the server's own list of changes (SyncFolderItems)
// is followed; what changes about a mail that was there before is none of ours.
//
// Mails are asked for as MIME, in chunks bounded by bytes and by number, over
// several connections side by side. A content is decoded while it comes, into
// memory or, above a mebibyte, into an unnamed file; an answer is never held as a
// whole. Of a mail above the cap, the cap and one byte is kept. Where the server
// cannot give MIME, the mail is made anew of its properties and attachments, and
// has a defect that says so.
//
// # Identity
//
// The ItemId, which stays when a mail is marked, and changes when it is moved.
// The bytes do not stay: Exchange makes MIME anew on each reading, and two
// readings differ. What is known by content is recognised by those who look at
// content.
//
// # What is told
//
// Ack marks mails as read, without receipts to their senders where the version
// allows to say so, adds categories, and moves mails, over a connection of its
// own. A flag of a route is a category here, whatever its name. It may be
// repeated: a mail that is not there any more was moved or deleted, which is
// fine. It never deletes. The state of the intake new passes the mails of a page
// when all of them are acknowledged; a crash repeats the page.
//
// # Trouble
//
// An error that may pass wraps engine.ErrTemporary; with Watch, Next waits and
// goes on instead. A server that is busy is left alone for as long as it says,
// and is then asked fewer things at a time. A mail that the server does not give
// in any form, while it gives others, is delivered empty with a defect, which
// quarantines it. One at which the connection breaks again and again is left for
// later, behind all others. A mail that disappears is left out. Passwords and
// tokens are in no error and no log, even if a server repeats them.
package ews

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

// Auth is how the user is proven.
type Auth string

// Auto is the strongest way that the server offers.
const (
	Auto  Auth = "auto"
	Basic Auth = "basic"
	NTLM  Auth = "ntlm"
	OAuth Auth = "oauth"
)

// Intake is which mails of a folder are taken.
type Intake string

const (
	// Unread takes mails that are not marked as read; whoever reads one first
	// hides it.
	Unread Intake = "unread"
	// NewMail takes mails that came since the last run, read or not; in the first
	// run, all.
	NewMail Intake = "new"
)

// Config says what to read, and how. The zero value of a field means its
// default.
type Config struct {
	Name string // of the source in Origin; "ews"
	// Server is an address, a host, host:port, or the URL of the service.
	Server       string
	Autodiscover bool        // where Server is empty: found by the domain of Email
	AllowPlain   bool        // http, and passwords over it: for servers on this machine
	TLS          *tls.Config // ServerName is set from Server when it is empty
	// Dial opens connections; proxies come in through it. nil: the system's.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	Email          string // whose mailbox is read
	User, Password string // DOMAIN\user, user@domain, or user; "" means Email
	Auth           Auth
	// Token is asked when a token is needed, and once more after it was refused.
	Token       func(ctx context.Context) (string, error)
	Impersonate bool // act as Email, with the rights that the user has for that

	// Folders are names that Exchange knows (inbox, junkemail, deleteditems, ...), in
	// any case and whatever the server calls them; paths from the top of the mailbox
	// or from the inbox, with slashes; or names of folders that are there once. Inbox.
	Folders []string
	Intake  Intake
	Since   time.Time // mails that the server received before are left out

	ReadOnly bool          // Ack changes nothing
	Watch    bool          // Next waits for more mail instead of ending
	Poll     time.Duration // between two passes of Watch; a minute

	Workers int   // connections that fetch side by side; 2
	Chunk   int64 // bytes of mails, as the server counts, that are asked for at a time; 8 MiB

	Cursors mailbox.Cursors
	// Known tells which mails were handled before. A receipt means that the mail
	// was: it is not fetched, and the receipt is carried out again. The answer has
	// an entry for every origin. nil: nothing is known.
	Known mailbox.Known

	Limits  engine.Limits
	TempDir string        // for mails that are spooled; "" means the system's
	Timeout time.Duration // of connecting, and of silence in the middle of an answer; 60 s
	Clock   engine.Clock  // for waiting; the system's
	Log     *slog.Logger
}

// Source implements engine.Source over a mailbox.
type Source struct {
	cfg   Config
	spans mailbox.Spans

	// of Next
	pass     *pass
	ready    []engine.Delivery // fetched, not handed out
	over     bool              // the one pass has ended
	failures int               // in a row, of Watch
	links    []*link           // of fetching; the first asks everything else, too

	saveMu sync.Mutex // one saving after another
	ackMu  sync.Mutex // one receipt after another: those of Ack, and those that Known gave Next
	acker  *link
	moves  map[string]string // folders that mails were moved to, by name; ackMu guards it

	mu      sync.Mutex // guards what follows
	client  *client    // nil: nobody knows yet where the server is
	folders []*folder
	loaded  bool   // cursors were asked for
	saved   string // what Cursors hold
	warned  map[string]bool
}

var _ engine.Source = (*Source)(nil)

// New checks the configuration. The server is asked by the first Next.
func New(cfg Config) (*Source, error) {
	cfg, err := cfg.checked()
	if err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, moves: map[string]string{}, warned: map[string]bool{}}
	for _, name := range cfg.Folders {
		s.folders = append(s.folders, newFolder(name))
	}
	return s, nil
}

// checked fills in defaults and refuses what cannot work.
func (cfg Config) checked() (Config, error) {
	cfg.Name = cmp.Or(cfg.Name, "ews")
	cfg.Auth = cmp.Or(cfg.Auth, Auto)
	cfg.Intake = cmp.Or(cfg.Intake, Unread)
	cfg.Poll = cmp.Or(cfg.Poll, time.Minute)
	cfg.Timeout = cmp.Or(cfg.Timeout, time.Minute)
	cfg.Workers = cmp.Or(cfg.Workers, 2)
	cfg.Chunk = cmp.Or(cfg.Chunk, 8<<20)
	if len(cfg.Folders) == 0 {
		cfg.Folders = []string{"Inbox"}
	}
	if cfg.Clock == nil {
		cfg.Clock = engine.SystemClock{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Log = cfg.Log.With("source", cfg.Name)
	cfg.Limits = cfg.Limits.WithDefaults()
	cfg.Folders = slices.Clone(cfg.Folders)
	for i, f := range cfg.Folders {
		cfg.Folders[i] = strings.Trim(f, "/ ")
	}
	return cfg, cfg.check()
}

const maxWorkers = 64

func (cfg *Config) check() error {
	if _, err := cfg.endpoint(cfg.Server); err != nil && !(cfg.Server == "" && cfg.Autodiscover) {
		return err
	}
	_, domain, isAddress := strings.Cut(cfg.Email, "@")
	switch {
	case !isAddress || domain == "" || strings.ContainsAny(cfg.Email, " <>\r\n\x00"):
		return fmt.Errorf("ews: email %q: want the address of the mailbox", cfg.Email)
	case !slices.Contains([]Auth{Auto, Basic, NTLM, OAuth}, cfg.Auth):
		return fmt.Errorf("ews: auth %q: want auto, basic, ntlm or oauth", cfg.Auth)
	case !slices.Contains([]Intake{Unread, NewMail}, cfg.Intake):
		return fmt.Errorf("ews: intake %q: want unread or new", cfg.Intake)
	case cfg.Auth == OAuth && cfg.Token == nil:
		return errors.New("ews: auth oauth needs a token")
	case cfg.Auth != OAuth && cfg.Password == "" && (cfg.Auth != Auto || cfg.Token == nil):
		return errors.New("ews: no password given")
	case strings.ContainsAny(cfg.User+cfg.Password, "\r\n\x00"):
		return errors.New("ews: a line break in the user or the password: was it read from a file that ends in one?")
	case len(cfg.User) > 1024 || len(cfg.Password) > 1024:
		return errors.New("ews: the user or the password is longer than 1024 bytes")
	case cfg.Workers < 1 || cfg.Workers > maxWorkers:
		return fmt.Errorf("ews: %d connections: want 1 to %d", cfg.Workers, maxWorkers)
	case cfg.Chunk < 1:
		return errors.New("ews: chunks of less than a byte")
	}
	return checkFolders(cfg.Folders)
}

func checkFolders(names []string) error {
	for i, name := range names {
		switch {
		case strings.TrimSpace(name) == "":
			return errors.New("ews: a folder without a name")
		case strings.ContainsAny(name, "\r\n\x00"):
			return fmt.Errorf("ews: folder %q: a line break in the name", name)
		case containsFold(names[:i], name):
			return fmt.Errorf("ews: folder %q is given twice", name)
		}
	}
	return nil
}

// Next implements engine.Source.
func (s *Source) Next(ctx context.Context) (engine.Delivery, error) {
	ctx, done, err := s.spans.Open(ctx)
	if err != nil {
		return engine.Delivery{}, err
	}
	defer done()
	for {
		if err := context.Cause(ctx); err != nil {
			return engine.Delivery{}, err
		}
		if len(s.ready) > 0 {
			return s.hand(), nil
		}
		if s.over {
			return engine.Delivery{}, io.EOF
		}
		if err := s.proceed(ctx); err != nil {
			return engine.Delivery{}, err
		}
	}
}

// hand takes the first mail that is ready.
func (s *Source) hand() engine.Delivery {
	d := s.ready[0]
	s.ready[0] = engine.Delivery{} // the engine decides how long its bytes are kept
	s.ready = s.ready[1:]
	return d
}

// proceed does the next step of the pass, or waits for the next pass, or for
// better times.
func (s *Source) proceed(ctx context.Context) error {
	err := s.step(ctx)
	switch {
	case err == nil:
		return nil
	case context.Cause(ctx) != nil:
		return context.Cause(ctx)
	case err == io.EOF && !s.cfg.Watch:
		s.over = true
		return nil
	case err == io.EOF:
		s.failures = 0
		_ = s.cfg.Clock.Sleep(ctx, s.cfg.Poll) // Next looks at ctx
		return nil
	case s.cfg.Watch && errors.Is(err, engine.ErrTemporary):
		s.rest(ctx, err)
		return nil
	}
	return err
}

// rest waits after a failure, longer each time: 1 s to 5 min.
func (s *Source) rest(ctx context.Context, err error) {
	pause := min(time.Second<<min(s.failures, 9), 5*time.Minute)
	s.failures++
	s.cfg.Log.Warn("mailbox not available", "err", err, "again_in", pause)
	_ = s.cfg.Clock.Sleep(ctx, pause) // Next looks at ctx
}

// Ack implements engine.Source.
func (s *Source) Ack(ctx context.Context, receipts []engine.Receipt) error {
	ctx, done, err := s.spans.Open(ctx)
	if err != nil {
		return err
	}
	defer done()
	if !s.cfg.ReadOnly {
		if err := s.carryOut(ctx, receipts); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return err
		}
	}
	s.settle(receipts)
	return s.saveStates(ctx)
}

// Close implements engine.Source. It may be called while Next or Ack are under
// way: they end.
func (s *Source) Close() error {
	s.spans.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range append(slices.Clone(s.links), s.acker) {
		if l != nil {
			l.drop()
		}
	}
	return nil
}

// reach finds out, once, where the server is, and prepares connections.
func (s *Source) reach(ctx context.Context) (*client, error) {
	s.mu.Lock()
	c := s.client
	s.mu.Unlock()
	if c != nil {
		return c, nil
	}
	c, err := s.cfg.find(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		return s.client, nil // Ack was quicker
	}
	s.client, s.acker = c, &link{c: c}
	for range s.cfg.Workers {
		s.links = append(s.links, &link{c: c})
	}
	return c, nil
}

// once tells whether something is said for the first time.
func (s *Source) once(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.warned[what]
	s.warned[what] = true
	return first
}
