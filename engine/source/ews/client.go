package ews

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/dial"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

// Versions of the protocol that are asked for. The newer one lets marks be set
// without receipts to the senders.
const (
	newVersion = "Exchange2013_SP1"
	oldVersion = "Exchange2010_SP2"
)

const maxBusy = 3 // times that one call waits for a busy server

// client is what calls have in common. It is safe for concurrent use.
type client struct {
	cfg         *Config
	url         *url.URL
	gate        gate
	connections atomic.Int64

	mu        sync.Mutex
	how       scheme // chosen; "" when not yet
	version   string
	confirmed bool   // the server took a request of that version
	proven    bool   // a login was good
	bearer    string // the token in use
	secrets   mailbox.Secrets
	server    *element
}

func newClient(cfg *Config, at *url.URL) *client {
	c := &client{cfg: cfg, url: at, version: newVersion, gate: gate{clock: cfg.Clock, most: cfg.Workers, width: cfg.Workers}}
	c.secrets = mailbox.Secrets(nil).With(cfg.Password, cfg.user()+":"+cfg.Password)
	switch cfg.Auth {
	case OAuth:
		c.how = schemeBearer
	case NTLM:
		c.how = schemeNTLM
	case Basic:
		c.how = schemeBasic
	}
	return c
}

// user is who logs in.
func (cfg *Config) user() string { return cmp.Or(cfg.User, cfg.Email) }

func (c *client) host() string { return c.url.Hostname() }

func (c *client) chosen() scheme {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.how
}

func (c *client) settle(how scheme) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.how = how
}

// strongest chooses of what is offered.
func (c *client) strongest(d *denial) (scheme, error) {
	open := c.url.Scheme == "http" && !c.cfg.AllowPlain
	switch {
	case c.cfg.Token != nil && (d.offers(schemeBearer) || c.cfg.Password == ""):
		return schemeBearer, nil
	case d.offers(schemeNTLM):
		return schemeNTLM, nil
	case d.offers(schemeNegotiate):
		return schemeNegotiate, nil
	case d.offers(schemeBasic) && !open:
		return schemeBasic, nil
	case d.offers(schemeBasic):
		return "", mailbox.Final("log in as %q: the server takes a password only in the clear, without TLS: use https", c.cfg.user())
	}
	return "", mailbox.Final("log in as %q: the server offers %s, and none of that can be done here", c.cfg.user(), c.listed(d))
}

func (c *client) listed(d *denial) string {
	names := d.schemes()
	if len(names) == 0 {
		return "no way to log in"
	}
	return c.hidden().Clean(strings.Join(names, ", "))
}

func (c *client) hidden() mailbox.Secrets {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.secrets
}

// token is the one in use, or a new one.
func (c *client) token(ctx context.Context) (string, error) {
	c.mu.Lock()
	token := c.bearer
	c.mu.Unlock()
	if token != "" {
		return token, nil
	}
	token, err := c.cfg.Token(ctx)
	if cause := context.Cause(ctx); cause != nil {
		return "", cause
	}
	if err != nil {
		said := c.hidden().Clean(err.Error())
		if errors.Is(err, engine.ErrTemporary) {
			return "", mailbox.Temporary("log in as %q: no token: %s", c.cfg.user(), said)
		}
		return "", mailbox.Final("log in as %q: no token: %s", c.cfg.user(), said)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bearer, c.secrets = token, c.secrets.With(token)
	return token, nil
}

// retryLogin tells whether a refused login may be tried once more, and forgets
// the token.
func (c *client) retryLogin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	had := c.bearer != ""
	c.bearer = ""
	return c.proven || had
}

// call is one request to the server.
type call struct {
	body  func(version string) string // the SOAP body; called for each attempt
	all   int64                       // bytes that the answer may have; maxTalk when 0
	time  time.Duration               // beyond five times what silence may take
	token int                         // bytes of one text of it; maxToken when 0
	spool func() engine.Spool         // for contents
	limit int64                       // bytes of one
}

// do makes a call, and gives each response message to f as it comes. When the
// server is busy, do waits as long as it says, a few times; when the version is
// too new, it goes down. The error is a *refusal where the server says no, or
// one that f returns; wraps errLost, errGarbled, errOver, mailbox.ErrLogin for what else
// there may be, mostly with engine.ErrTemporary; or is the cause of ctx.
func (c *client) do(ctx context.Context, l *link, k call, f func(m *element) error) error {
	for busy := 0; ; {
		if err := c.gate.wait(ctx); err != nil {
			return err
		}
		version := c.asks()
		err := c.once(ctx, l, k, version, f)
		if cause := context.Cause(ctx); cause != nil && err != nil {
			l.drop()
			return cause
		}
		var no *refusal
		switch {
		case err == nil:
			c.gate.calm()
			c.took(version)
			return nil
		case isVersion(err) && c.older(version):
			continue
		case c.holdsBack(err):
			if busy++; busy < maxBusy {
				continue
			}
		case errors.As(err, &no) && !isVersion(err):
			c.took(version) // it looked at what was asked
		}
		return err
	}
}

// holdsBack tells whether the server is busy, and shuts the gate then.
func (c *client) holdsBack(err error) bool {
	var before *crowd
	var no *refusal
	switch {
	case errors.As(err, &before):
		c.gate.crowded(before.backOff)
	case is(err, crowded...) && errors.As(err, &no):
		c.gate.crowded(no.backOff)
	default:
		return false
	}
	return true
}

// crowd is something before the service that asks to come later.
type crowd struct {
	err     error
	backOff time.Duration // 0: it does not say when
}

func (c *crowd) Error() string { return c.err.Error() }
func (c *crowd) Unwrap() error { return c.err }

func (c *client) asks() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version
}

// isVersion tells whether a refusal may be one of the version.
func isVersion(err error) bool {
	return is(err, "ErrorInvalidServerVersion", "ErrorIncorrectSchemaVersion", "ErrorSchemaValidation")
}

func (c *client) agreed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.confirmed
}

func (c *client) took(version string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proven = true
	c.confirmed = c.confirmed || version == c.version
}

// older goes down by a version, unless the server has taken this one before.
func (c *client) older(than string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.confirmed && c.version == than || than == oldVersion {
		return false
	}
	c.version = oldVersion
	return true
}

// once posts, and reads the answer.
func (c *client) once(ctx context.Context, l *link, k call, version string, f func(m *element) error) error {
	all := cmp.Or(k.all, maxTalk)
	p := patient(ctx, c.cfg.Timeout, 5*c.cfg.Timeout+k.time)
	defer p.end()
	resp, err := l.post(p.ctx, c.request(k.body(version), version))
	if err != nil {
		return c.unanswered(p.ctx, err)
	}
	defer resp.Body.Close()
	body := p.reader(resp.Body)
	if err := c.noAnswer(resp, body); err != nil {
		l.drop()
		return c.passing(err)
	}
	a := newAnswer(body, all)
	a.limit, a.spool, a.token = k.limit, k.spool, cmp.Or(k.token, maxToken)
	messages := 0
	err = a.each(func(m *element) error { messages++; return f(m) })
	c.met(a.server)
	if err == nil && (resp.StatusCode != http.StatusOK || messages == 0) {
		err = garbled("it is a success with status %d and %d messages", resp.StatusCode, messages)
	}
	var no *refusal
	if err == nil || errors.As(err, &no) {
		if n, end := io.CopyN(io.Discard, body, maxChallenge); end != io.EOF || n == maxChallenge {
			l.drop()
		}
		return err
	}
	l.drop()
	return c.broken(p.ctx, err)
}

func (c *client) met(server *element) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if server != nil {
		c.server = server
	}
}

// seen is what is known of the server, and how we speak to it.
func (c *client) seen() (version, asked, how string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := c.server; v != nil {
		version = strings.TrimSpace(fmt.Sprintf("%s %d.%d.%d.%d", v.attr("Version"), number(v.attr("MajorVersion")), number(v.attr("MinorVersion")), number(v.attr("MajorBuildNumber")), number(v.attr("MinorBuildNumber"))))
	}
	return c.secrets.Clean(version), c.version, string(c.how)
}

// request puts a body into an envelope.
func (c *client) request(body, version string) request {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="utf-8"?>` +
		`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">` +
		`<s:Header><t:RequestServerVersion Version="` + version + `"/>`)
	if c.cfg.Impersonate {
		b.WriteString(`<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>` + escaped(c.cfg.Email) + `</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>`)
	}
	b.WriteString(`</s:Header><s:Body>` + body + `</s:Body></s:Envelope>`)
	h := http.Header{}
	h.Set("Content-Type", "text/xml; charset=utf-8")
	h.Set("Accept", "text/xml")
	h.Set("User-Agent", "tqmailrules")
	h.Set("X-AnchorMailbox", c.cfg.Email)
	return request{c.url, []byte(b.String()), h}
}

func escaped(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // of a buffer, which takes all
	return b.String()
}

// unanswered makes words of why there is no answer. ctx is that of the request.
func (c *client) unanswered(ctx context.Context, err error) error {
	var d *denial
	var u *unreached
	var t *mailbox.Trouble
	switch {
	case errors.As(err, &d):
		return c.denied(d)
	case errors.As(err, &t):
		return t
	case errors.As(err, &u):
		return c.notReached(u)
	}
	return c.broken(ctx, err)
}

// broken makes words of an answer that broke off, or cannot be read.
func (c *client) broken(ctx context.Context, err error) error {
	var useless *lost
	var known *mailbox.Trouble
	switch cause := context.Cause(ctx); {
	case errors.As(err, &known), errors.Is(err, errOver):
		return err
	case errors.Is(err, errSpool):
		return mailbox.Temporary("%s", err)
	case errors.Is(err, errGarbled):
		return mailbox.Marked("the server's "+c.hidden().Clean(err.Error()[len("the "):]), errGarbled, engine.ErrTemporary)
	case errors.Is(cause, errSilent):
		return mailbox.Marked(cause.Error(), errLost, errSilent, engine.ErrTemporary)
	case errors.As(err, &useless):
		return mailbox.Marked(c.hidden().Clean(useless.text), errLost, engine.ErrTemporary)
	default:
		return mailbox.Marked("the connection was lost: "+c.hidden().Clean(mailbox.Network(err)), errLost, engine.ErrTemporary)
	}
}

// noAnswer tells what came that is no SOAP; nil when it may be.
func (c *client) noAnswer(resp *http.Response, body io.Reader) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	isXML := strings.HasSuffix(kind, "xml")
	at := c.url.Scheme + "://" + c.url.Host
	switch code := resp.StatusCode; {
	case isXML && (code == http.StatusOK || code == http.StatusInternalServerError):
		return nil
	case code == http.StatusOK && kind == "text/html":
		return mailbox.Final("%s answers with a page for people (%s): it is no Exchange server, or a login page stands before it", at, c.title(body))
	case code == http.StatusOK:
		return mailbox.Final("%s answers in %s: it is no Exchange server", at, c.hidden().Clean(cmp.Or(kind, "no format that it names")))
	case code/100 == 3:
		return mailbox.Final("%s sends us elsewhere (%d, to %s): %s", at, code, c.hidden().Clean(elsewhere(resp)), "give the address of the Exchange server itself; a login page before it must let /EWS through")
	case code == http.StatusForbidden:
		return mailbox.Final("%s forbids it (403): is EWS switched on for %s, and this program allowed (EwsApplicationAccessPolicy)?", at, c.cfg.Email)
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed, code == http.StatusGone:
		return mailbox.Final("%s has nothing at %s (%d): it is no Exchange server, or EWS is elsewhere", at, c.url.Path, code)
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		return &crowd{mailbox.Marked(fmt.Sprintf("the server is busy (%d)", code), errBusy, engine.ErrTemporary), c.retryAfter(resp)}
	case code == http.StatusRequestTimeout, code >= 500:
		is := []error{engine.ErrTemporary}
		if code == http.StatusInternalServerError {
			is = append(is, errLost) // what is asked for may be to blame
		}
		return mailbox.Marked(fmt.Sprintf("the server, or a proxy before it, cannot now (%d)", code), is...)
	default:
		return mailbox.Final("%s refuses the request (%d): is it an Exchange server?", at, code)
	}
}

// title is what a page calls itself.
func (c *client) title(body io.Reader) string {
	b, _ := io.ReadAll(io.LimitReader(body, 16<<10))
	lower := strings.ToLower(string(b))
	from := strings.Index(lower, "<title>")
	to := strings.Index(lower, "</title>")
	if len(lower) != len(b) || from < 0 || to < from+len("<title>") {
		return "without a title"
	}
	return fmt.Sprintf("%q", c.hidden().Clean(string(b[from+len("<title>"):to])))
}

// elsewhere is where a redirect points, without what may be secret in it.
func elsewhere(resp *http.Response) string {
	to, err := resp.Location()
	if err != nil {
		return "nowhere"
	}
	return to.Scheme + "://" + to.Host + to.Path
}

func (c *client) retryAfter(resp *http.Response) time.Duration {
	text := resp.Header.Get("Retry-After")
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(c.cfg.Clock.Now()), 0)
	}
	return 0
}

// notReached says why there is no connection. What only people can mend is final.
func (c *client) notReached(u *unreached) error {
	text := c.hidden().Clean(u.Error())
	if dial.Mendable(u.err) {
		return c.passing(mailbox.Final("%s", text))
	}
	return mailbox.Temporary("%s", text)
}

// passing makes an error that may pass of one that would not, were it the first
// answer: where there was an Exchange server before, there will be one again.
func (c *client) passing(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.proven || errors.Is(err, engine.ErrTemporary) {
		return err
	}
	return mailbox.Marked(err.Error(), engine.ErrTemporary)
}

// denied makes words of a refused login: what was tried, what is offered, and
// what may be the cause.
func (c *client) denied(d *denial) error {
	text := fmt.Sprintf("log in as %q by %s: the server refuses (it offers %s)", c.cfg.user(), d.tried, c.listed(d))
	switch {
	case !d.offers(d.tried):
		text += fmt.Sprintf(": %s is switched off there: choose another auth", d.tried)
	case d.tried == schemeBasic:
		text += ": the user name or the password is wrong, or the account may not use Basic"
	case d.tried == schemeBearer:
		text += ": the token is not for this server, or its application has no right to EWS"
	case d.issuer != "":
		text += fmt.Sprintf(": the user name or the password is wrong, the account is locked, or Extended Protection is on and something on the way shows a certificate of its own, "+
			"as proxies do that look into TLS, and load balancers that end it: the login cannot be bound to it then (this one was issued by %s)", c.hidden().Clean(d.issuer))
	default:
		text += ": the user name or the password is wrong, the account is locked, or the server wants TLS for NTLM"
	}
	return mailbox.Marked(text, mailbox.ErrLogin)
}
