// Package imap reads mail from the folders of an IMAP4rev1 or rev2 mailbox and
// tells the server what became of it.
//
// # What is read
//
// A pass goes through the folders in the order of the configuration. In each it
// asks for the mails of the intake (unread ones, those above a mark, those
// without a keyword), then for identity, flags, date and size of at most a
// thousand at a time, then for bodies: 50 mails or 8 MiB per command, as BODY.PEEK[], so
// that reading marks nothing. What was fetched and not yet taken is what is held
// in memory; mails above a mebibyte wait in unnamed files. A mail above the cap
// is asked for up to the cap. ENVELOPE and BODYSTRUCTURE are never asked for:
// what hostile mail makes of them breaks parsers.
//
// # Identity
//
// UIDVALIDITY and UID. When a folder's UIDVALIDITY changes, all its mails are
// new; what is known by content is recognised by those who look at content.
//
// # What is told
//
// Ack adds flags and moves mails, for receipts of the folder's present
// UIDVALIDITY only, over a connection of its own. It may be repeated. It never
// removes a mail but with MOVE, or with UID EXPUNGE of mails that it copied:
// where a server offers neither, copied mails stay, flagged \Deleted. The mark
// of the intake new passes a mail when that and all before it are acknowledged.
//
// # Trouble
//
// An error that may pass wraps engine.ErrTemporary; with Watch, Next waits and
// goes on instead. A mail that the server does not give in a form that can be
// read, while it gives others, is delivered empty with a defect, which
// quarantines it. One at which the connection breaks again and again is left for
// later, behind all others; so are all when the server gives none. A mail that
// disappears is left out. Passwords and tokens are in no error and no log,
// even if a server repeats them.
package imap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

// Security is how the connection is kept from others.
type Security string

// TLS is the default. Plain is for servers on this machine.
const (
	TLS      Security = "tls"
	StartTLS Security = "starttls"
	Plain    Security = "plain"
)

// Auth is how the user is proven.
type Auth string

// Auto is PLAIN where the server offers it, else LOGIN.
const (
	Auto        Auth = "auto"
	Login       Auth = "login"
	AuthPlain   Auth = "plain"
	XOAuth2     Auth = "xoauth2"
	OAuthBearer Auth = "oauthbearer"
)

// Intake is which mails of a folder are taken.
type Intake string

const (
	// Unread takes mails without \Seen; whoever reads one first hides it.
	Unread Intake = "unread"
	// NewMail takes mails above a mark that is kept across runs, read or not.
	NewMail Intake = "new"
	// ByKeyword takes mails without Config.Keyword, which Ack sets.
	ByKeyword Intake = "keyword"
)

// Config says what to read, and how. The zero value of a field means its
// default.
type Config struct {
	Name     string // of the source in Origin; "imap"
	Addr     string // host:port; the port is 993, or 143 without TLS from the start
	Security Security
	TLS      *tls.Config // ServerName is set from Addr when it is empty
	// Dial opens connections; proxies come in through it. nil: the system's.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	User, Password string
	Auth           Auth
	// Token is asked at every login by OAuth, and once more after a refusal.
	Token func(ctx context.Context) (string, error)

	Folders []string // in UTF-8; INBOX
	Intake  Intake
	Keyword string    // of ByKeyword; "$tqDone"
	Since   time.Time // mails that the server received before are left out

	ReadOnly bool          // EXAMINE; Ack changes nothing
	Watch    bool          // Next waits for more mail instead of ending
	Poll     time.Duration // between two passes of Watch; a minute
	Idle     bool          // the server's hints shorten that in the first folder

	Cursors mailbox.Cursors
	// Known tells which mails were handled before. A receipt means that the mail
	// was: its body is not fetched, and the receipt is carried out again. The
	// answer has an entry for every origin. nil: nothing is known.
	Known mailbox.Known

	Limits  engine.Limits
	TempDir string        // for mails that are spooled; "" means the system's
	Timeout time.Duration // of connecting, and of silence in the middle of an answer; 60 s
	Clock   engine.Clock  // for waiting; the system's
	Log     *slog.Logger
}

// Source implements engine.Source over a mailbox.
type Source struct {
	cfg     Config
	account string
	spans   mailbox.Spans
	hints   chan struct{} // capacity 1: a token says that the first folder may have more

	// of Next
	pass     *pass
	ready    []engine.Delivery // fetched, not handed out
	buf      []byte            // for copying
	over     bool              // the one pass has ended
	failures int               // in a row, of Watch

	saveMu sync.Mutex // one saving after another
	ackMu  sync.Mutex // one receipt after another: those of Ack, and those that Known gave Next

	mu            sync.Mutex // guards what follows
	reader, acker *session
	folders       []*folder
	loaded        bool   // cursors were asked for
	saved         string // what Cursors hold
	warned        map[string]bool
}

var _ engine.Source = (*Source)(nil)

// New checks the configuration. The connection is made by the first Next.
func New(cfg Config) (*Source, error) {
	cfg, err := cfg.checked()
	if err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, account: cfg.account(), hints: make(chan struct{}, 1), warned: map[string]bool{}}
	for _, name := range cfg.Folders {
		s.folders = append(s.folders, newFolder(name))
	}
	return s, nil
}

// account is the user as an address.
func (cfg *Config) account() string {
	if strings.Contains(cfg.User, "@") {
		return cfg.User
	}
	return cfg.User + "@" + cfg.host()
}

func (cfg *Config) host() string {
	host, _, _ := net.SplitHostPort(cfg.Addr)
	return host
}

// checked fills in defaults and refuses what cannot work.
func (cfg Config) checked() (Config, error) {
	orDefault(&cfg.Name, "imap")
	orDefault(&cfg.Security, TLS)
	orDefault(&cfg.Auth, Auto)
	orDefault(&cfg.Intake, Unread)
	orDefault(&cfg.Keyword, "$tqDone")
	orDefault(&cfg.Poll, time.Minute)
	orDefault(&cfg.Timeout, time.Minute)
	if len(cfg.Folders) == 0 {
		cfg.Folders = []string{"INBOX"}
	}
	if cfg.Clock == nil {
		cfg.Clock = engine.SystemClock{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Log = cfg.Log.With("source", cfg.Name)
	cfg.Limits = cfg.Limits.WithDefaults()
	cfg.Addr = withPort(cfg.Addr, cfg.Security)
	cfg.Folders = slices.Clone(cfg.Folders)
	for i, f := range cfg.Folders {
		if strings.EqualFold(f, "INBOX") {
			cfg.Folders[i] = "INBOX" // one folder, however it is spelt (RFC 3501 5.1)
		}
	}
	return cfg, cfg.check()
}

func orDefault[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

func withPort(addr string, security Security) string {
	if addr == "" || hasPort(addr) {
		return addr
	}
	port := "993"
	if security != TLS {
		port = "143"
	}
	return net.JoinHostPort(strings.Trim(addr, "[]"), port)
}

func hasPort(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	return err == nil && port != ""
}

func (cfg *Config) check() error {
	switch {
	case cfg.host() == "":
		return errors.New("imap: no host given")
	case cfg.User == "":
		return errors.New("imap: no user given")
	case !slices.Contains([]Security{TLS, StartTLS, Plain}, cfg.Security):
		return fmt.Errorf("imap: security %q: want tls, starttls or plain", cfg.Security)
	case !slices.Contains([]Auth{Auto, Login, AuthPlain, XOAuth2, OAuthBearer}, cfg.Auth):
		return fmt.Errorf("imap: auth %q: want auto, login, plain, xoauth2 or oauthbearer", cfg.Auth)
	case !slices.Contains([]Intake{Unread, NewMail, ByKeyword}, cfg.Intake):
		return fmt.Errorf("imap: intake %q: want unread, new or keyword", cfg.Intake)
	case cfg.oauth() && cfg.Token == nil:
		return fmt.Errorf("imap: auth %s needs a token", cfg.Auth)
	case !cfg.oauth() && cfg.Password == "":
		return errors.New("imap: no password given")
	case strings.ContainsAny(cfg.User+cfg.Password, "\r\n\x00"):
		return errors.New("imap: a line break in the user or the password: was it read from a file that ends in one?")
	case !isAtom(cfg.Keyword):
		return fmt.Errorf("imap: keyword %q: want letters, digits and signs such as $ - _", cfg.Keyword)
	}
	return checkFolders(cfg.Folders)
}

func checkFolders(names []string) error {
	for i, name := range names {
		switch {
		case strings.TrimSpace(name) == "":
			return errors.New("imap: a folder without a name")
		case strings.ContainsAny(name, "\r\n\x00"):
			return fmt.Errorf("imap: folder %q: a line break in the name", name)
		case slices.Contains(names[:i], name):
			return fmt.Errorf("imap: folder %q is given twice", name)
		}
	}
	return nil
}

func (cfg *Config) oauth() bool { return cfg.Auth == XOAuth2 || cfg.Auth == OAuthBearer }

// isAtom tells whether s can be a keyword (RFC 3501, flag-keyword).
func isAtom(s string) bool {
	for _, r := range s {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`(){%*"\]`, r) {
			return false
		}
	}
	return s != ""
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
			return engine.Delivery{}, errEOF
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
	case err == errEOF && !s.cfg.Watch:
		s.over = true
		return nil
	case err == errEOF:
		s.failures = 0
		s.wait(ctx)
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
			return firstOf(context.Cause(ctx), err)
		}
	}
	s.settle(receipts)
	return s.saveMarks(ctx)
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Close implements engine.Source. It may be called while Next or Ack are under
// way: they end.
func (s *Source) Close() error {
	s.spans.Close()
	s.mu.Lock()
	reader, acker := s.reader, s.acker
	s.reader, s.acker = nil, nil
	s.mu.Unlock()
	for _, c := range []*session{reader, acker} {
		if c != nil {
			c.leave()
		}
	}
	return nil
}

// once tells whether something is said for the first time.
func (s *Source) once(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.warned[what]
	s.warned[what] = true
	return first
}

// hint is called by the reader's connection when the server says that a folder
// changed.
func (s *Source) hint() {
	select {
	case s.hints <- struct{}{}:
	default:
	}
}

// flagsOf are the flags that a route asks for.
func (cfg *Config) flagsOf(r engine.Route) []goimap.Flag {
	var flags []goimap.Flag
	if r.Seen || r == (engine.Route{}) {
		flags = append(flags, goimap.FlagSeen)
	}
	if r.Flag != "" {
		flags = append(flags, flagNamed(r.Flag))
	}
	if cfg.Intake == ByKeyword {
		flags = append(flags, goimap.Flag(cfg.Keyword))
	}
	slices.Sort(flags)
	return slices.Compact(flags)
}

// flagNamed finds the system flag that people mean: flagged is \Flagged.
func flagNamed(name string) goimap.Flag {
	plain := strings.TrimPrefix(name, `\`)
	for _, f := range []goimap.Flag{goimap.FlagSeen, goimap.FlagAnswered, goimap.FlagFlagged, goimap.FlagDraft, goimap.FlagDeleted} {
		if strings.EqualFold(plain, strings.TrimPrefix(string(f), `\`)) {
			return f
		}
	}
	return goimap.Flag(name)
}
