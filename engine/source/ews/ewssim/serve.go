package ewssim

import (
	"cmp"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answer is what is written back.
type answer struct {
	code   int
	kind   string // Content-Type
	body   []byte
	header http.Header
}

// ServeHTTP implements http.Handler. The server has to be that of HTTPServer, or
// one with ConnContext, for NTLM to work.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.ToLower(r.URL.Path)
	if name, own := strings.CutPrefix(path, "/_sim/"); own {
		s.control(r, name).write(w)
		return
	}
	s.count("requests")
	switch path {
	case "/ews/exchange.asmx":
		s.serveSOAP(w, r)
	case "/autodiscover/autodiscover.xml":
		s.serveDiscovery(w, r)
	default:
		page(http.StatusNotFound, "404 - File or directory not found.").write(w)
	}
}

func (a answer) write(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if a.kind != "" {
		w.Header().Set("Content-Type", a.kind)
	}
	w.Header().Set("Server", "Microsoft-IIS/10.0")
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.code)
	_, _ = w.Write(a.body) // a client that is gone is no matter
}

// page is a page of the web server.
func page(code int, title string) answer {
	return answer{code: code, kind: "text/html", body: []byte("<!DOCTYPE html><html><head><title>" + title + "</title></head><body><h1>" + title + "</h1></body></html>\r\n")}
}

func (s *Server) count(what string) { s.countMore(what, 1) }

func (s *Server) countMore(what string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what] += n
}

// Counts is how often what came since the start or ResetCounts: operations by
// name, "GET", "autodiscover", "requests", "connections", "bytes in" (of SOAP
// bodies), "bytes out", "faults" that struck, "401" in all, "challenged" (a 401 that
// asks for a login or is the second leg of one), and "refused: " with the reason for
// each login that failed.
func (s *Server) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]int{}
	for what, n := range s.counts {
		all[what] = n
	}
	return all
}

// ResetCounts counts anew.
func (s *Server) ResetCounts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.counts)
}

// call is one request, read.
type call struct {
	ctx     context.Context
	op      string
	body    *node // the element of the operation
	schema  int   // that it asks for
	user    *account
	header  *node
	now     time.Time
	mailbox string // whose names without a mailbox are meant; lower case
	hit     *Fault // that strikes; nil is none
}

// serveSOAP answers the one path of EWS.
func (s *Server) serveSOAP(w http.ResponseWriter, r *http.Request) {
	user, refused := s.login(r)
	if refused != nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxLoad)) // the connection has to live
		s.count("401")
		refused.write(w)
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		s.count("GET")
		page(http.StatusOK, "Exchange Web Services: you have created a service.").write(w)
		return
	case http.MethodPost:
	default:
		page(http.StatusMethodNotAllowed, "405 - HTTP verb used to access this page is not allowed.").write(w)
		return
	}
	if kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "text/xml" || r.Header.Get("Content-Encoding") != "" {
		page(http.StatusUnsupportedMediaType, "415 - the content type was not the expected type 'text/xml; charset=utf-8'.").write(w)
		return
	} else if charset := strings.ToLower(params["charset"]); charset != "" && charset != "utf-8" {
		page(http.StatusUnsupportedMediaType, "415 - the charset is not utf-8.").write(w)
		return
	}
	s.exchange(w, r, user)
}

// exchange reads a request and answers it, in the way of a fault if one strikes.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request, user *account) {
	counted := &counter{in: r.Body}
	c, fault := s.read(r, counted, user)
	s.countMore("bytes in", counted.n)
	if fault != nil && errors.Is(fault, errTooLarge) {
		page(http.StatusRequestEntityTooLarge, "413 - the request entity is too large.").write(w)
		return
	}
	leave, crowd := s.enter(c.user)
	defer leave()
	if c.op != "" {
		s.count(c.op)
	}
	c.hit = s.strike(c)
	if s.cfg.Latency > 0 {
		wait(r.Context(), s.cfg.Latency)
	}
	a := s.answerTo(c, cmp.Or(fault, crowd))
	s.cfg.Log.Info("request", "op", c.op, "code", a.code, "user", user.key)
	s.countMore("bytes out", len(a.body))
	s.deliver(w, r, a, c.hit)
}

// answerTo does what is asked, unless it must not.
func (s *Server) answerTo(c *call, fault error) answer {
	if c.hit != nil && c.hit.What.before() {
		return s.instead(c, c.hit)
	}
	if fault != nil {
		return soapFault(fault)
	}
	a := s.do(c)
	if c.hit != nil && c.hit.What.replaces() {
		return s.instead(c, c.hit)
	}
	return a
}

// counter counts what is read.
type counter struct {
	in io.Reader
	n  int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += n
	return n, err
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// enter counts a request that is under way, until it leaves; there is an error when
// there were enough.
func (s *Server) enter(user *account) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.MaxConcurrency > 0 && s.busy[user.key] >= s.cfg.MaxConcurrency {
		err = s.crowded()
	}
	s.busy[user.key]++
	return func() {
		s.mu.Lock()
		s.busy[user.key]--
		s.mu.Unlock()
	}, err
}

func (s *Server) crowded() error {
	if s.cfg.BackOff <= 0 {
		return fail("ErrorExceededConnectionCount")
	}
	f := fail("ErrorServerBusy")
	f.values = []string{"BackOffMilliseconds", decimal(int(s.cfg.BackOff.Milliseconds()))}
	return f
}

// read takes the envelope apart. The call is there even when it is refused.
func (s *Server) read(r *http.Request, body io.Reader, user *account) (*call, error) {
	c := &call{ctx: r.Context(), user: user, now: s.cfg.Now().UTC().Truncate(time.Second)}
	root, err := parse(body)
	switch {
	case errors.Is(err, errTooLarge):
		return c, err
	case err != nil:
		return c, invalid(nil, "The request is no XML that can be read: "+err.Error())
	case root.name != "Envelope" || root.space != nsSOAP:
		return c, invalid(root, "The root is no envelope of SOAP 1.1.")
	}
	c.header = root.kid("Header")
	in := root.kid("Body")
	if len(in.all()) != 1 {
		return c, invalid(root, "The body has to have one element.")
	}
	c.body = in.kids[0]
	if c.body.space != nsMessages {
		return c, invalid(c.body, "The element '"+c.body.name+"' is not of namespace '"+nsMessages+"'.")
	}
	c.op = c.body.name
	if err := s.readVersion(c); err != nil {
		return c, err
	}
	return c, s.impersonate(c)
}

// readVersion finds the schema that a request asks for; without a header it is
// the first one.
func (s *Server) readVersion(c *call) error {
	asked := c.header.kid("RequestServerVersion")
	if asked == nil {
		return nil
	}
	c.schema = schemaOf(asked.attr("Version"))
	if c.schema < 0 || c.schema > schemaOf(s.version.name) {
		return fail("ErrorInvalidServerVersion")
	}
	return nil
}

// impersonate lets a call be that of another.
func (s *Server) impersonate(c *call) error {
	if len(c.user.boxes) > 0 {
		c.mailbox = c.user.boxes[0]
	}
	asked := c.header.kid("ExchangeImpersonation")
	if asked == nil {
		return nil
	}
	sid, err := asked.want("ConnectingSID")
	if err != nil {
		return err
	}
	for _, kind := range []string{"PrimarySmtpAddress", "SmtpAddress", "PrincipalName"} {
		if who := sid.kid(kind); who != nil {
			return s.become(c, strings.ToLower(who.value()))
		}
	}
	return invalid(sid, "The element 'ConnectingSID' has incomplete content.")
}

// become finds who owns a mailbox, by its address or his principal name.
func (s *Server) become(c *call, email string) error {
	owner := s.accounts.named(email)
	if s.store.boxes[email] == nil && (owner == nil || len(owner.boxes) == 0) {
		return fail("ErrorNonExistentMailbox")
	}
	if owner == nil { // nobody logs in as a shared mailbox, but one can act as it
		owner = &account{key: email, boxes: []string{email}}
	}
	if owner != c.user && !c.user.acts {
		return fail("ErrorImpersonateUserDenied")
	}
	c.user, c.mailbox = owner, email
	if s.store.boxes[email] == nil { // a principal name that is no address
		c.mailbox = owner.boxes[0]
	}
	return nil
}
