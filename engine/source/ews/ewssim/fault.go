package ewssim

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a fault does: a status from 400 to 599 ("503"), which is answered without
// doing anything; the same with "-after" ("503-after"), when all has been done; a
// code of EWS ("ErrorServerBusy"), which all response messages have, without doing
// anything; the same with "-after", when all has been done; the same with "-fault",
// which is a SOAP fault; or one of these.
type What string

const (
	Cut          What = "cut"           // done, and the connection is cut without an answer: ServeHTTP panics with http.ErrAbortHandler
	CutBefore    What = "cut-before"    // not done, and cut without an answer
	Truncated    What = "truncated"     // done, and half of the answer's body comes before the connection is cut
	TruncatedXML What = "truncated-xml" // done, and half of the answer's body comes as if it were all
	Garbage      What = "garbage"       // done, and the answer has bytes that are no XML
	HTML         What = "html"          // not done, and a proxy's page with status 502
	HTMLGood     What = "html-200"      // not done, and a login page with status 200
	Slow         What = "slow"          // done, and the answer comes after Delay, or when the client has gone
	SlowBody     What = "slow-body"     // done, and the body comes in eight pieces, over Delay
	Gzip         What = "gzip"          // done, and the answer is compressed when the client takes that
	Chunked      What = "chunked"       // done, and the answer comes in chunks, without a length
	ResetLogin   What = "reset-login"   // not done: 401 though logged in, and NTLM has to begin anew
)

// Kinds are all of them but statuses and codes.
var Kinds = []What{Cut, CutBefore, Truncated, TruncatedXML, Garbage, HTML, HTMLGood, Slow, SlowBody, Gzip, Chunked, ResetLogin}

// Fault is a script: of the requests that fit, it lets After pass and strikes the
// next Times. Requests that are not logged in are never struck.
type Fault struct {
	Operation string `json:"operation,omitempty"` // GetItem and so on; "" any
	// Item is the id of an item, folder or attachment as requests name it, or a
	// distinguished name: the response message of that alone is struck, with a code of
	// EWS. A request fits when it names it.
	Item  string `json:"item,omitempty"`
	After int    `json:"after,omitempty"`
	Times int    `json:"times,omitempty"` // 0 means once, below 0 always
	What  What   `json:"what"`
	// BackOff is told in milliseconds with a code of EWS; 0: it is not told.
	BackOff int `json:"back_off,omitempty"`
	// Odd has it in the namespace of errors, where some servers have it.
	Odd        bool          `json:"odd,omitempty"`
	RetryAfter int           `json:"retry_after,omitempty"` // seconds, with a status; 0: no such header
	Delay      time.Duration `json:"-"`                     // of slow and slow-body; 0 means a second
	Struck     int           `json:"struck"`                // how often it has, in answers

	seen int
}

// faults are the scripts in force, and the dice of Chaos.
type faults struct {
	scripts []*Fault
	dice    *rand.Rand
	rate    float64
	kinds   []What
}

// Fault puts a script in force. Of several that fit a request, the first one that
// strikes counts.
func (s *Server) Fault(f Fault) error {
	if err := f.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.scripts = append(s.faults.scripts, &f)
	return nil
}

// usual are the kinds of Chaos when none are named: what networks and busy servers
// do, and nothing that takes time.
var usual = []What{
	"429", "500", "503", "503-after", "ErrorServerBusy", "ErrorServerBusy-fault", "ErrorInternalServerTransientError",
	Cut, CutBefore, Truncated, TruncatedXML, Garbage, HTML, HTMLGood, Gzip, Chunked, ResetLogin,
}

// Chaos strikes a request with the probability rate, with a fault of one of the
// kinds: without kinds, with what networks and busy servers do. The sequence is
// that of the seed. Scripts come first.
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
	s.faults.dice, s.faults.rate, s.faults.kinds = rand.New(rand.NewPCG(seed, 0xe35)), rate, slices.Clone(kinds)
	return nil
}

// Calm takes all faults away.
func (s *Server) Calm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = faults{}
}

func (f *Fault) check() error {
	code, _ := f.What.status()
	ews, _ := What(strings.TrimSuffix(string(f.What), "-after")).ews()
	if code == 0 && ews == "" && !slices.Contains(Kinds, f.What) {
		return fmt.Errorf("unknown fault %q: a status from 400 to 599, with -after or without, a code of EWS, with -fault, -after or without, or one of %v", f.What, Kinds)
	}
	if alone, fault := f.What.ews(); f.Item != "" && (alone == "" || fault) {
		return fmt.Errorf("fault %q: only a code of EWS strikes one item", f.What)
	}
	return nil
}

// status of a fault that is one; 0 of others.
func (w What) status() (code int, after bool) {
	said, after := strings.CutSuffix(string(w), "-after")
	code, err := strconv.Atoi(said)
	if err != nil || code < 400 || code > 599 {
		return 0, false
	}
	return code, after
}

// ews is the code of a fault that is one; "" of others.
func (w What) ews() (code string, fault bool) {
	code, fault = strings.CutSuffix(string(w), "-fault")
	if !strings.HasPrefix(code, "Error") || strings.ContainsAny(code, " <&-") {
		return "", false
	}
	return code, fault
}

// before tells that nothing is done.
func (w What) before() bool {
	code, after := w.status()
	_, fault := w.ews()
	return code != 0 && !after || fault || slices.Contains([]What{CutBefore, HTML, HTMLGood, ResetLogin}, w)
}

// replaces tells that another answer is given when all has been done.
func (w What) replaces() bool {
	code, after := w.status()
	return code != 0 && after
}

// strike is the fault that strikes a request; nil when none does.
func (s *Server) strike(c *call) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, script := range s.faults.scripts {
		if script.strikes(c) {
			s.counts["faults"]++
			hit := *script
			return &hit
		}
	}
	f := &s.faults
	if f.dice == nil || f.dice.Float64() >= f.rate {
		return nil
	}
	s.counts["faults"]++
	return &Fault{What: f.kinds[f.dice.IntN(len(f.kinds))]}
}

func (f *Fault) strikes(c *call) bool {
	if f.Operation != "" && f.Operation != c.op || f.Item != "" && !names(c.body, f.Item) {
		return false
	}
	f.seen++
	if f.seen <= f.After || f.Times >= 0 && f.seen > f.After+max(f.Times, 1) {
		return false
	}
	f.Struck++
	return true
}

// names tells whether a request names an id.
func names(n *node, id string) bool {
	if n == nil {
		return false
	}
	return n.attr("Id") == id || slices.ContainsFunc(n.kids, func(k *node) bool { return names(k, id) })
}

// instead is what a fault answers in place of the operation.
func (s *Server) instead(c *call, f *Fault) answer {
	code, _ := f.What.status()
	ews, _ := f.What.ews()
	switch {
	case f.What == ResetLogin:
		if conn, ok := c.ctx.Value(connKey{}).(*conn); ok {
			conn.forget()
		}
		return *s.unauthorised()
	case ews != "":
		return soapFault(f.failure(ews))
	case f.What == HTML:
		return page(http.StatusBadGateway, "502 Bad Gateway")
	case f.What == HTMLGood || f.What == CutBefore:
		return page(http.StatusOK, "Please log in")
	case code == http.StatusUnauthorized:
		return *s.unauthorised()
	}
	a := page(code, strconv.Itoa(code)+" "+http.StatusText(code))
	if f.RetryAfter > 0 {
		a.header = http.Header{"Retry-After": {strconv.Itoa(f.RetryAfter)}}
	}
	return a
}

func (f *Fault) failure(code string) *failure {
	e := fail(code)
	e.odd = f.Odd
	if f.BackOff > 0 {
		e.values = []string{"BackOffMilliseconds", strconv.Itoa(f.BackOff)}
	}
	return e
}

// wholly tells whether all response messages have the fault's code.
func (f *Fault) wholly() bool {
	code, _ := f.What.ews()
	return code != "" && f.Item == ""
}

// refused are the response messages of a request of which nothing is done: one for
// each thing that it names.
func (c *call) refused() []result {
	code, _ := c.hit.What.ews()
	n := 1
	for _, list := range []string{"ItemIds", "ItemChanges", "Items", "FolderIds", "ParentFolderIds", "Folders", "AttachmentIds", "SourceIds"} {
		n = max(n, len(c.body.kid(list).all()))
	}
	return slices.Repeat([]result{{err: c.hit.failure(code)}}, n)
}

// struck is the error of an item that a fault strikes alone.
func (c *call) struck(id string) error {
	if c.hit == nil || c.hit.Item == "" || c.hit.Item != id {
		return nil
	}
	code, _ := c.hit.What.ews()
	return c.hit.failure(code)
}

// alter changes the response messages of what has been done.
func (f *Fault) alter(results []result) {
	said, after := strings.CutSuffix(string(f.What), "-after")
	code, _ := What(said).ews()
	for i := range results {
		if code != "" && after {
			results[i] = result{err: f.failure(code)}
		}
	}
}

// deliver writes an answer in the way of a fault. To cut a connection it panics
// with http.ErrAbortHandler, as net/http wants it.
func (s *Server) deliver(w http.ResponseWriter, r *http.Request, a answer, f *Fault) {
	if f == nil {
		a.write(w)
		return
	}
	switch f.What {
	case Cut, CutBefore:
		panic(http.ErrAbortHandler)
	case Slow:
		wait(r.Context(), f.delay())
	case TruncatedXML:
		a.body = a.body[:len(a.body)/2]
	case Garbage:
		a.body = slices.Concat(a.body[:len(a.body)/2], []byte("\x00\xff<<&"), a.body[len(a.body)/2:])
	case Gzip:
		a.compress(r)
	case Truncated, SlowBody, Chunked:
		a.drip(w, r, f)
		return
	}
	a.write(w)
}

func (f *Fault) delay() time.Duration {
	if f.Delay <= 0 {
		return time.Second
	}
	return f.Delay
}

func (a *answer) compress(r *http.Request) {
	if !strings.Contains(strings.ToLower(r.Header.Get("Accept-Encoding")), "gzip") {
		return
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(a.body)
	_ = z.Close()
	a.body, a.header = out.Bytes(), http.Header{"Content-Encoding": {"gzip"}}
}

// drip writes an answer piece by piece.
func (a answer) drip(w http.ResponseWriter, r *http.Request, f *Fault) {
	const pieces = 8
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", a.kind)
	if f.What == Truncated {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.code)
	for i := range pieces {
		_, _ = w.Write(a.body[len(a.body)*i/pieces : len(a.body)*(i+1)/pieces])
		_ = out.Flush()
		if f.What == Truncated && i == pieces/2 {
			panic(http.ErrAbortHandler)
		}
		if f.What == SlowBody {
			wait(r.Context(), f.delay()/pieces)
		}
	}
}
