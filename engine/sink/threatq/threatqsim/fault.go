package threatqsim

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a fault does: a status from 400 to 599 ("503"), which is answered without
// doing anything; the same with "-after" ("503-after"), which is answered when
// all has been done; or one of these.
type What string

const (
	Slow        What = "slow"         // the answer comes after Delay, or when the client has gone
	Truncated   What = "truncated"    // done, and half of the answer's body comes before the connection is cut
	Cut         What = "cut"          // done, and the connection is cut without an answer: ServeHTTP panics with http.ErrAbortHandler
	CutBefore   What = "cut-before"   // not done, and cut without an answer
	HTML        What = "html"         // not done, and a proxy's page with status 502
	HTMLGood    What = "html-200"     // not done, and a login page with status 200
	Errors      What = "errors"       // not done, and errors with status 200
	Shuffled    What = "shuffled"     // done, and the list of the answer in another order
	NoRefresh   What = "no-refresh"   // done, and the token without its refresh_token
	EmptyLists  What = "empty-lists"  // {} for lists of types and statuses, all else as ever
	Twice       What = "twice"        // done twice, as by a proxy that repeats, and answered once
	WrongLength What = "wrong-length" // done, and an answer that promises more than comes
)

// Kinds are all of them but the statuses.
var Kinds = []What{Slow, Truncated, Cut, CutBefore, HTML, HTMLGood, Errors, Shuffled, NoRefresh, EmptyLists, Twice, WrongLength}

// Fault is a script: of the requests that fit, it lets After pass and strikes
// the next Times.
type Fault struct {
	Method string `json:"method,omitempty"` // "" any
	// Path below /api as path.Match has it: * is any text without a slash, so that
	// /events/*/attributes fits all events. A path that ends in /** fits all below.
	// "" any.
	Path       string        `json:"path,omitempty"`
	After      int           `json:"after,omitempty"`
	Times      int           `json:"times,omitempty"` // 0 means once, below 0 always
	What       What          `json:"what"`
	RetryAfter int           `json:"retry_after,omitempty"` // seconds, with a status; 0: no such field
	Delay      time.Duration `json:"-"`                     // of slow; 0 means a second
	Struck     int           `json:"struck"`                // how often it has, in answers

	seen int
}

// faults are the scripts in force, and the dice of Chaos.
type faults struct {
	scripts []*Fault
	dice    *rand.Rand
	rate    float64
	kinds   []What
	struck  int
}

// Fault puts a script in force. Of several that fit a request, the first one
// that strikes counts.
func (s *Server) Fault(f Fault) error {
	if err := f.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.scripts = append(s.faults.scripts, &f)
	return nil
}

// usual are the kinds of Chaos when none are named: what a network and a busy
// server do, and nothing that takes time.
var usual = []What{"401", "429", "500", "503", "500-after", "503-after", Truncated, Cut, CutBefore, HTML, Shuffled}

// Chaos strikes a request with the probability rate, with a fault of one of the
// kinds. Without kinds it takes those that are usual: 401, 429, 500 and 503, the
// last two after the work, too, truncated, cut, cut-before, html and shuffled.
// The sequence is that of the seed. Scripts come first.
func (s *Server) Chaos(seed uint64, rate float64, kinds ...What) error {
	for _, k := range kinds {
		if err := (&Fault{What: k}).check(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(kinds) == 0 {
		kinds = usual
	}
	s.faults.dice, s.faults.rate, s.faults.kinds = rand.New(rand.NewPCG(seed, 0xc4a05)), rate, slices.Clone(kinds)
	return nil
}

// Calm takes all faults away.
func (s *Server) Calm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = faults{struck: s.faults.struck}
}

// Struck counts the requests that a fault of any kind has struck.
func (s *Server) Struck() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults.struck
}

func (f *Fault) check() error {
	if code, _ := f.What.status(); code == 0 && !slices.Contains(Kinds, f.What) {
		return fmt.Errorf("unknown fault %q: a status from 400 to 599, with -after or without, or one of %v", f.What, Kinds)
	}
	if _, err := path.Match(f.Path, "/"); err != nil {
		return fmt.Errorf("fault: path %q: %w", f.Path, err)
	}
	return nil
}

// status of a fault that is one; 0 of others. after tells that the request is
// done before it is refused.
func (w What) status() (code int, after bool) {
	text, after := strings.CutSuffix(string(w), "-after")
	code, err := strconv.Atoi(text)
	if err != nil || code < 400 || code > 599 {
		return 0, false
	}
	return code, after
}

// before tells that nothing is done.
func (w What) before() bool {
	code, after := w.status()
	return code != 0 && !after || slices.Contains([]What{CutBefore, HTML, HTMLGood, Errors}, w)
}

// replaces tells that another answer is given when all has been done.
func (w What) replaces() bool {
	code, after := w.status()
	return code != 0 && after
}

// next is the fault that strikes this request; nil when none does.
func (f *faults) next(c *call) *Fault {
	for _, script := range f.scripts {
		if script.strikes(c) {
			f.struck++
			return script
		}
	}
	if f.dice == nil || f.dice.Float64() >= f.rate {
		return nil
	}
	f.struck++
	return &Fault{What: f.kinds[f.dice.IntN(len(f.kinds))]}
}

func (f *Fault) strikes(c *call) bool {
	if !f.fits(c) {
		return false
	}
	f.seen++
	if f.seen <= f.After || f.Times >= 0 && f.seen > f.After+max(f.Times, 1) {
		return false
	}
	f.Struck++
	return true
}

func (f *Fault) fits(c *call) bool {
	if f.Method != "" && !strings.EqualFold(f.Method, c.method) {
		return false
	}
	want := strings.TrimPrefix(f.Path, "/api")
	if below, ok := strings.CutSuffix(want, "/**"); ok {
		return strings.HasPrefix(c.path, below+"/")
	}
	ok, _ := path.Match(want, c.path)
	return ok || want == ""
}

// answer is what a fault says in place of the route.
func (f *Fault) answer(s *Server) answer {
	code, _ := f.What.status()
	switch {
	case f.What == HTML:
		return htmlPage(http.StatusBadGateway, "502 Bad Gateway")
	case f.What == HTMLGood:
		return htmlPage(http.StatusOK, "Please log in")
	case f.What == Errors:
		return answer{code: http.StatusOK, body: object{"errors": []any{"Something went wrong.", []string{"Please try again."}}}}
	}
	a := refuse(code, http.StatusText(code))
	if code == http.StatusUnauthorized {
		a = badLogin(code, "access_denied", "The resource owner or authorization server denied the request.")
	}
	if f.RetryAfter > 0 {
		a.header = map[string]string{"Retry-After": strconv.Itoa(f.RetryAfter)}
	}
	return a
}

func htmlPage(code int, title string) answer {
	return answer{
		code: code, raw: []byte("<html><head><title>" + title + "</title></head><body><center><h1>" + title + "</h1></center></body></html>\n"),
		header: map[string]string{"Content-Type": "text/html"},
	}
}

// alter changes the answer of a request that has been done.
func (f *Fault) alter(s *Server, c *call, a answer) answer {
	body, _ := a.body.(object)
	switch f.What {
	case Twice:
		return s.do(c)
	case EmptyLists:
		if c.route != nil && c.route.class == lookup {
			a.body = object{}
		}
	case NoRefresh:
		delete(body, "refresh_token")
	case Shuffled:
		if list, ok := body["data"].([]any); ok {
			list = slices.Clone(list)
			s.rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			body["data"] = list
		}
	}
	return a
}

// deliver writes an answer in the way of the fault. To cut a connection it
// panics with http.ErrAbortHandler, as net/http wants it.
func (f *Fault) deliver(w http.ResponseWriter, r *http.Request, code int, raw []byte) {
	switch f.What {
	case Cut, CutBefore:
		panic(http.ErrAbortHandler)
	case Slow:
		f.wait(r)
	case Truncated:
		w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
		raw = raw[:len(raw)/2]
	case WrongLength:
		w.Header().Set("Content-Length", strconv.Itoa(len(raw)+10))
	}
	w.WriteHeader(code)
	_, _ = w.Write(raw)
	if f.What == Truncated || f.What == WrongLength {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func (f *Fault) wait(r *http.Request) {
	delay := f.Delay
	if delay <= 0 {
		delay = time.Second
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}
