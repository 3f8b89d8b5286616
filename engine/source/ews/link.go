package ews

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/source/ews/ntlm"
	"github.com/tqmailrules/tqmailrules/internal/dial"
)

const (
	maxHeader    = 256 << 10 // bytes of the header of an answer
	maxChallenge = 256 << 10 // of the page that comes with a 401
	maxLogins    = 3         // connections on which one login is begun
)

var (
	errSpent   = errors.New("the connection is over") // before the request was sent
	errRefused = errors.New("not logged in")
)

// link is one connection to the server, and the next one when that has ended.
// NTLM logs in connections, not requests: so a transport has one connection, and
// when that is over, the transport is, too. No request ever goes out on a
// connection that is not the one it was meant for. A link is for one goroutine;
// drop may be called from another.
type link struct {
	c *client

	mu   sync.Mutex
	conn *http.Transport // nil: none
	raw  net.Conn
	used bool // something came on it
	in   bool // it is logged in, by NTLM
}

// open returns the transport of the present connection, or of a new one, which
// is opened by the first request.
func (l *link) open() (t *http.Transport, fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		return l.conn, !l.used
	}
	var dialed atomic.Bool
	var own *http.Transport
	once := func(secure bool) func(context.Context, string, string) (net.Conn, error) {
		return func(ctx context.Context, _, addr string) (net.Conn, error) {
			if dialed.Swap(true) {
				return nil, errSpent
			}
			conn, err := l.c.dial(ctx, addr, secure)
			if err != nil {
				return nil, err
			}
			l.dialed(own, conn)
			return conn, nil
		}
	}
	l.used, l.in = false, false
	own = &http.Transport{
		DialContext: once(false), DialTLSContext: once(true),
		MaxConnsPerHost: 1, MaxIdleConnsPerHost: 1, MaxResponseHeaderBytes: maxHeader,
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/2 knows no NTLM
	}
	l.conn = own
	return own, true
}

// dialed remembers a connection, so that drop can end it.
func (l *link) dialed(t *http.Transport, conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == t {
		l.raw = conn
	} else {
		conn.Close() // dropped meanwhile
	}
}

// drop ends the connection.
func (l *link) drop() {
	l.mu.Lock()
	conn, raw := l.conn, l.raw
	l.conn, l.raw, l.in, l.used = nil, nil, false, false
	l.mu.Unlock()
	if conn != nil {
		conn.CloseIdleConnections()
	}
	if raw != nil {
		raw.Close()
	}
}

func (l *link) loggedIn() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.in
}

func (l *link) passed(in bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used, l.in = true, in
}

// dial opens a connection.
func (c *client) dial(ctx context.Context, addr string, secure bool) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	open := c.cfg.Dial
	if open == nil {
		open = new(net.Dialer).DialContext
	}
	conn, err := open(ctx, "tcp", addr)
	if err != nil {
		return nil, &unreached{addr, dial.Explain(err)}
	}
	c.connections.Add(1)
	if !secure {
		return conn, nil
	}
	safe, err := dial.Handshake(ctx, conn, addr, c.tls())
	if err != nil {
		return nil, &unreached{addr, err}
	}
	return safe, nil
}

// tls offers no other protocol than HTTP/1.1.
func (c *client) tls() *tls.Config {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.cfg.TLS != nil {
		t = c.cfg.TLS.Clone()
	}
	t.NextProtos = nil
	return t
}

// unreached says that there was no connection.
type unreached struct {
	addr string
	err  error
}

func (u *unreached) Error() string { return fmt.Sprintf("connect to %s: %s", u.addr, u.err) }
func (u *unreached) Unwrap() error { return u.err }

// request is what is posted.
type request struct {
	url    *url.URL
	body   []byte
	header http.Header
}

func (r request) send(ctx context.Context, t *http.Transport, body []byte, authorization string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = r.header.Clone()
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	return t.RoundTrip(req)
}

// post sends a request, logged in. The answer may have any status but 401: then
// the error wraps errRefused and is a *denial. The body of the answer is the
// caller's to close.
//
// A login that was good before is tried once more on another connection, and a
// token that is refused is asked for anew: it may have run out. Nothing else is
// tried twice: accounts are locked after a few wrong passwords.
func (l *link) post(ctx context.Context, r request) (*http.Response, error) {
	again := false
	for tries := 1; ; tries++ {
		t, fresh := l.open()
		resp, err := l.authenticated(ctx, t, r)
		if err == nil {
			return resp, nil
		}
		l.drop()
		switch {
		case errors.Is(err, errRefused):
			if again || !l.c.retryLogin() {
				return nil, err
			}
			again = true
		case tries < maxLogins && context.Cause(ctx) == nil && (errors.Is(err, errSpent) || !fresh && !unopened(err)):
			// servers close what is idle, and all that is asked may be asked twice
		case errors.Is(err, errSpent):
			return nil, &lost{"the server closes each connection before it is logged in: NTLM is not possible through a proxy or a load balancer that keeps no connections"}
		default:
			return nil, err
		}
	}
}

func unopened(err error) bool {
	var u *unreached
	return errors.As(err, &u)
}

// lost is a connection that was useless.
type lost struct{ text string }

func (l *lost) Error() string { return l.text }

// authenticated sends a request in the way that was chosen.
func (l *link) authenticated(ctx context.Context, t *http.Transport, r request) (*http.Response, error) {
	how, other, err := l.choose(ctx, t, r)
	if err != nil || other != nil {
		return other, err
	}
	switch how {
	case schemeNTLM, schemeNegotiate:
		return l.byNTLM(ctx, t, r, how)
	case schemeBearer:
		return l.byToken(ctx, t, r)
	}
	user, password := l.c.cfg.user(), l.c.cfg.Password
	resp, err := r.send(ctx, t, r.body, "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	return l.judged(resp, err, how)
}

// choose finds out how to log in. Where nobody says, the server is asked, once,
// without a word about who asks; an answer that is no question for a login is
// the answer.
func (l *link) choose(ctx context.Context, t *http.Transport, r request) (scheme, *http.Response, error) {
	if how := l.c.chosen(); how != "" {
		return how, nil, nil
	}
	resp, err := r.send(ctx, t, nil, "")
	if err != nil {
		return "", nil, err
	}
	l.passed(false)
	d := denialOf(resp, "")
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
	case asksNobody(resp):
		d.offered = []string{string(schemeBasic)}
	default:
		return "", resp, nil
	}
	if !discard(resp) || resp.Close {
		l.drop()
	}
	how, err := l.c.strongest(d)
	if err != nil {
		return "", nil, err
	}
	l.c.settle(how)
	if l.broken(t) {
		return "", nil, errSpent
	}
	return how, nil, nil
}

// asksNobody tells whether a server looked at an empty request before it asked
// who sends it: it asks nobody, or not yet.
func asksNobody(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusOK, http.StatusBadRequest, http.StatusLengthRequired, http.StatusUnsupportedMediaType, http.StatusInternalServerError:
		return true
	}
	return false
}

// broken tells whether a transport is not the link's any more.
func (l *link) broken(t *http.Transport) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn != t
}

// judged refuses a 401.
func (l *link) judged(resp *http.Response, err error, how scheme) (*http.Response, error) {
	if err != nil {
		return nil, err
	}
	l.passed(how == schemeNTLM || how == schemeNegotiate)
	if resp.StatusCode != http.StatusUnauthorized {
		return resp, nil
	}
	d := denialOf(resp, how)
	discard(resp)
	return nil, d
}

// byNTLM logs the connection in with its first request: the first leg is empty,
// the third carries the request.
func (l *link) byNTLM(ctx context.Context, t *http.Transport, r request, how scheme) (*http.Response, error) {
	if l.loggedIn() {
		resp, err := r.send(ctx, t, r.body, "")
		return l.judged(resp, err, how)
	}
	resp, err := r.send(ctx, t, nil, string(how)+" "+base64.StdEncoding.EncodeToString(ntlm.Negotiate()))
	if err != nil {
		return nil, err
	}
	l.passed(false)
	if resp.StatusCode != http.StatusUnauthorized && !asksNobody(resp) {
		return resp, nil // it is busy, or is no Exchange server
	}
	d := denialOf(resp, how)
	if !discard(resp) || resp.Close {
		return nil, errSpent
	}
	if asksNobody(resp) {
		resp, err := r.send(ctx, t, r.body, "")
		return l.judged(resp, err, how)
	}
	if how == schemeNTLM && !d.offers(how) && d.offers(schemeNegotiate) {
		l.c.settle(schemeNegotiate)
		return l.byNTLM(ctx, t, r, schemeNegotiate)
	}
	challenge, err := d.challenge(how)
	if err != nil {
		return nil, err
	}
	proof, err := l.c.ntlm(resp.TLS).Authenticate(challenge)
	if err != nil {
		return nil, &lost{fmt.Sprintf("log in by NTLM: %s", err)}
	}
	resp, err = r.send(ctx, t, r.body, string(how)+" "+base64.StdEncoding.EncodeToString(proof))
	return l.judged(resp, err, how)
}

// ntlm is the login on a connection with a server that showed a certificate.
func (c *client) ntlm(state *tls.ConnectionState) ntlm.Login {
	login := ntlm.Login{User: c.cfg.user(), Password: c.cfg.Password, Target: "HTTP/" + c.host()}
	if leaf := leafOf(state); leaf != nil {
		login.Binding = ntlm.Binding(leaf)
	}
	return login
}

func leafOf(state *tls.ConnectionState) *x509.Certificate {
	if state == nil || len(state.PeerCertificates) == 0 {
		return nil
	}
	return state.PeerCertificates[0]
}

func (l *link) byToken(ctx context.Context, t *http.Transport, r request) (*http.Response, error) {
	token, err := l.c.token(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := r.send(ctx, t, r.body, "Bearer "+token)
	return l.judged(resp, err, schemeBearer)
}

// discard reads the rest of a short answer, so that its connection can be used
// again, and tells whether it can.
func discard(resp *http.Response) bool {
	n, err := io.CopyN(io.Discard, resp.Body, maxChallenge)
	resp.Body.Close()
	return err == io.EOF && n < maxChallenge
}

// scheme is a way to log in, as HTTP names it.
type scheme string

const (
	schemeNTLM      scheme = "NTLM"
	schemeNegotiate scheme = "Negotiate" // with bare NTLM in it, which IIS takes
	schemeBasic     scheme = "Basic"
	schemeBearer    scheme = "Bearer"
)

// denial is a 401: what was tried and what is offered.
type denial struct {
	tried   scheme
	offered []string // whole lines of WWW-Authenticate, in order
	issuer  string   // of the certificate that the server showed
}

func (d *denial) Error() string        { return "the server refuses the login" }
func (d *denial) Is(target error) bool { return target == errRefused }

func denialOf(resp *http.Response, tried scheme) *denial {
	d := &denial{tried: tried, offered: resp.Header.Values("WWW-Authenticate")}
	if leaf := leafOf(resp.TLS); leaf != nil {
		d.issuer = leaf.Issuer.String()
	}
	return d
}

// schemes are the names of what is offered, each once.
func (d *denial) schemes() []string {
	var names []string
	for _, line := range d.offered {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		name = strings.Trim(name, ",")
		if name != "" && len(names) < 10 && !containsFold(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func (d *denial) offers(how scheme) bool { return containsFold(d.schemes(), string(how)) }

func containsFold(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// challenge is the server's answer to the first leg.
func (d *denial) challenge(how scheme) ([]byte, error) {
	for _, line := range d.offered {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.EqualFold(name, string(how)) && text != "" {
			b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
			if err != nil {
				return nil, &lost{"log in by NTLM: the server's challenge is no base64"}
			}
			return b, nil
		}
	}
	return nil, d
}

// patience ends a request at which nothing comes for a while, or that takes
// longer than it may.
type patience struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	quiet  time.Duration
	timer  *time.Timer
	all    *time.Timer
}

func patient(ctx context.Context, quiet, all time.Duration) *patience {
	p := &patience{quiet: quiet}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	p.timer = time.AfterFunc(quiet, func() { p.cancel(fmt.Errorf("the server is %w for %s", errSilent, quiet)) })
	p.all = time.AfterFunc(all, func() { p.cancel(fmt.Errorf("the server is nearly %w: an answer takes too long", errSilent)) })
	return p
}

func (p *patience) end() {
	p.timer.Stop()
	p.all.Stop()
	p.cancel(nil)
}

// reader tells patience that something came.
func (p *patience) reader(r io.Reader) io.Reader { return &heard{r, p} }

type heard struct {
	r io.Reader
	p *patience
}

func (h *heard) Read(b []byte) (int, error) {
	n, err := h.r.Read(b)
	if n > 0 {
		h.p.timer.Reset(h.p.quiet)
	}
	return n, err
}
