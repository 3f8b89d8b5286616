// Package threatqsim is a ThreatQ to test against: an http.Handler that keeps
// indicators, events, files and their links in memory and answers as the
// platform does, as far as that is known from the clients of others and from the
// vendor's manuals. docs/reference/simulator.md says what is known and what is
// inferred.
//
// It is made to catch clients that assume: ids of every list are shuffled by a
// seed, attributes double when they are posted twice, files are joined to their
// upload by name, a comma in a title filter splits it. Faults put what networks
// and servers do in the way of any route. Dump writes the object graph without
// ids and times, so that two runs can be compared.
//
// One request is handled at a time, under one lock; a request that is refused
// changes nothing. Nothing is kept on disk, and nothing is fetched.
package threatqsim

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Config says what kind of ThreatQ it is. The zero value has no users, so that
// nobody can log in.
type Config struct {
	Seed uint64 // of the ids: two seeds agree on none but those of the TLPs

	Users       map[string]string     // email to password
	ClientID    string                // that users log in with; "" takes any
	Clients     map[string]string     // id to secret, for grant_type=client_credentials
	Permissions map[string]Permission // by email or client id; who is not named may do all

	TokenTTL  time.Duration // life of an access token; 0 means an hour
	NoRefresh bool          // logins bring no refresh token

	Normalize         bool // values are normalised unless a request says normalize N
	DeriveFQDN        bool // a URL that is normalised brings its host as an indicator of its own
	OneShot           bool // POST /attachments takes a multipart upload
	InlineAttachments bool // consume links the attachments of an indicator; else they are ignored
	UpsertEvents      bool // events/consume finds events of the same title and type again

	Without []Feature // that this server has not

	// Parser reads the mail of a spearphish import; nil: 501.
	Parser engine.Parser
	// Extract finds the indicators of a text for both kinds of import; nil: 501.
	// It is called from one goroutine at a time.
	Extract func(ctx context.Context, text string) []Indicator

	MaxBody int64 // bytes of a request; 0 means 64 MiB. What is larger gets 413
	Now     func() time.Time
	Log     *slog.Logger // one line per request, without content; nil: none
}

// Indicator is what Extract found.
type Indicator struct{ Type, Value string }

// Permission is what a user may do.
type Permission int

const (
	All  Permission = iota // read and write
	Read                   // anything that writes gets 403
	None                   // lists of types and statuses are {}, all else gets 403
)

// Server is the simulator. Its methods are safe for concurrent use.
type Server struct {
	cfg Config

	mu     sync.Mutex
	rng    *rand.Rand // of ids and tokens
	state  *state
	tokens *tokens
	faults faults
	counts Counts
}

var _ http.Handler = (*Server)(nil)

// New is a server with the lists of types and statuses that the platform is
// delivered with, and nothing else.
func New(cfg Config) *Server {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.TokenTTL <= 0 {
		cfg.TokenTTL = time.Hour
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = 64 << 20
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	rng := rand.New(rand.NewPCG(cfg.Seed, 0x7441))
	return &Server{cfg: cfg, rng: rng, state: newState(rng), tokens: newTokens(), counts: Counts{Routes: map[string]int{}}}
}

// call is one request, read.
type call struct {
	ctx    context.Context
	route  *route
	method string
	path   string // below /api
	params map[string]string
	query  url.Values
	header http.Header
	body   []byte
	user   string // who is logged in: email or client id
	now    time.Time

	tooLarge bool // the body is cut
}

// answer is what is written back: body as JSON, or raw bytes.
type answer struct {
	code   int
	body   any
	raw    []byte
	header map[string]string
}

// ServeHTTP implements http.Handler. Paths begin with /api or with /_sim; all
// others get a page that is not JSON, as from the server of the user interface.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.cfg.MaxBody))
	var large *http.MaxBytesError
	if err != nil && !errors.As(err, &large) {
		return // the client is gone
	}
	if name, own := strings.CutPrefix(r.URL.Path, "/_sim/"); own {
		s.write(w, r, s.control(r.Method, name, body), nil)
		return
	}
	api, below := strings.CutPrefix(strings.TrimSuffix(r.URL.Path, "/"), "/api")
	if !below {
		s.write(w, r, htmlPage(http.StatusNotFound, "404 Not Found"), nil)
		return
	}
	c := &call{ctx: r.Context(), method: r.Method, path: api, query: r.URL.Query(), header: r.Header, body: body, tooLarge: large != nil, now: s.now()}
	if rest, both := strings.CutPrefix(c.path, "/reports/"); both {
		c.path = "/report/" + rest // clients are told both names
	}
	c.route, c.params = match(c.method, c.path)
	a, hit := s.handle(c)
	s.cfg.Log.Info("request", "method", c.method, "path", c.path, "code", a.code, "user", c.user)
	s.write(w, r, a, hit)
}

// handle counts, and lets a fault come before or after what the route does.
func (s *Server) handle(c *call) (answer, *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.add(c)
	hit := s.faults.next(c)
	if hit != nil && hit.What.before() {
		return hit.answer(s), hit
	}
	a := s.do(c)
	if hit != nil && hit.What.replaces() {
		return hit.answer(s), hit
	}
	if hit != nil {
		a = hit.alter(s, c, a)
	}
	return a, hit
}

func (s *Server) do(c *call) answer {
	if c.tooLarge {
		return refuse(http.StatusRequestEntityTooLarge, http.StatusText(http.StatusRequestEntityTooLarge))
	}
	if c.route == nil {
		return answer{code: http.StatusNotFound, body: object{"name": "Not Found", "message": "no route " + c.method + " " + c.path}}
	}
	if !c.route.open {
		if a, ok := s.authorise(c); !ok {
			return a
		}
	}
	return c.route.do(s, c)
}

// object is a JSON object that is made up on the spot.
type object = map[string]any

func (s *Server) write(w http.ResponseWriter, r *http.Request, a answer, hit *Fault) {
	raw := a.raw
	if raw == nil && a.body != nil {
		var err error
		if raw, err = json.Marshal(a.body); err != nil {
			a.code, raw = http.StatusInternalServerError, []byte(`{"errors":["`+http.StatusText(500)+`"]}`)
		}
		w.Header().Set("Content-Type", "application/json")
	}
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	if hit != nil {
		hit.deliver(w, r, a.code, raw)
		return
	}
	w.WriteHeader(a.code)
	_, _ = w.Write(raw) // a client that is gone is no matter
}

func (s *Server) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Second) }

// data is a good answer with one element or a list in the envelope.
func data(code int, v any) answer { return answer{code: code, body: object{"data": v}} }

// refuse is an answer with one message.
func refuse(code int, message string) answer {
	return answer{code: code, body: object{"errors": []string{message}}}
}

var broken = refuse(http.StatusInternalServerError, "Internal Server Error")

var noContent = answer{code: http.StatusNoContent}

func missing(what string) answer {
	return answer{code: http.StatusNotFound, body: object{"errors": []string{what + " not found"}}}
}
