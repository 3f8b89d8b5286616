package threatq

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

const (
	maxAnswer   = 16 << 20         // bytes of an answer that are read
	requestTime = 60 * time.Second // for a request and its answer, beside what its size needs
	slowestLink = 64 << 10         // bytes a second that an upload is given time for
	maxWaits    = 5                // answers of 429 that one request waits for
	maxWait     = 60 * time.Second // that one of them may ask for
	maxWaiting  = 2 * time.Minute  // that all of them may ask for while one batch is shipped
)

// api speaks HTTP with one server, for one goroutine. It logs in when it must,
// waits where the server asks for it, and says what an answer means. It repeats
// a request only where it is known to have had no effect: after 401 and 429.
type api struct {
	base   string // https://host/api
	client *http.Client
	login  login
	cfg    *Config
	log    *slog.Logger

	waited time.Duration // for 429, since the batch began
}

// call is one request.
type call struct {
	method, path string // path below /api
	query        url.Values
	// body begins anew for each attempt; nil: none. size is its length in bytes.
	body        func() (io.ReadCloser, error)
	size        int64
	contentType string
	auth        string // of token requests; "" means the bearer
	open        bool   // goes without a token
	mutates     bool   // a GET that has an effect
	// into takes the body of a good answer as it comes; nil: it is read whole.
	into func(r io.Reader) error
}

func (c *call) name() string { return c.method + " /" + strings.TrimPrefix(c.path, "/") }

// newAPI checks the address and makes the client.
func newAPI(cfg *Config) (*api, error) {
	base, err := baseURL(cfg.Host, cfg.AllowHTTP)
	if err != nil {
		return nil, err
	}
	var transport http.RoundTripper = cfg.Transport
	if cfg.Transport == nil {
		transport = &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute}
	}
	a := &api{base: base, cfg: cfg, log: cfg.Log, client: &http.Client{
		Transport: transport,
		// A redirection is not followed: the next request would carry the password
		// or the token to a place that nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	a.login = login{cfg: cfg}
	return a, nil
}

// baseURL makes https://host/api of what people write.
func baseURL(host string, allowHTTP bool) (string, error) {
	if !strings.Contains(host, "://") {
		host = "https://" + host
	}
	u, err := url.Parse(strings.TrimRight(host, "/"))
	switch {
	case err != nil:
		return "", fmt.Errorf("host %q is not an address", host)
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("host %q: want https://name, without user, query or fragment", u.Redacted())
	case u.Scheme == "http" && !allowHTTP:
		return "", fmt.Errorf("host %q: only https is spoken, since the password would be readable", host)
	case u.Scheme != "https" && u.Scheme != "http":
		return "", fmt.Errorf("host %q: want https://", host)
	case u.Path != "" && u.Path != "/api":
		return "", fmt.Errorf("host %q: want no path but /api", host)
	}
	return u.Scheme + "://" + u.Host + "/api", nil
}

// ask sends a request with a JSON body (nil: none) and reads the answer.
func ask[T any](ctx context.Context, a *api, method, path string, query url.Values, body any) (wire.Page[T], error) {
	c := call{method: method, path: path, query: query}
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return wire.Page[T]{}, fmt.Errorf("%s: %w", c.name(), err)
		}
		c.setBody(raw, "application/json")
	}
	return perform[T](ctx, a, &c)
}

// perform sends a request and reads the answer.
func perform[T any](ctx context.Context, a *api, c *call) (wire.Page[T], error) {
	status, raw, err := a.send(ctx, c)
	if err != nil {
		return wire.Page[T]{}, err
	}
	page, err := wire.Decode[T](status, raw)
	if err != nil {
		return page, newFault(c, err)
	}
	if status >= 300 {
		return page, newFault(c, &wire.Error{Status: status})
	}
	return page, nil
}

// newFault classifies the error of a request.
func newFault(c *call, err error) error {
	var refusal *wire.Error
	if errors.As(err, &refusal) {
		return &fault{c.name(), kindOf(refusal), refusal}
	}
	return &fault{c.name(), networkKind(err), err}
}

func (c *call) setBody(raw []byte, contentType string) {
	c.body = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
	c.size, c.contentType = int64(len(raw)), contentType
}

// send gets an answer for a request: it renews the token when it has run out,
// and waits when there were too many requests.
func (a *api) send(ctx context.Context, c *call) (int, []byte, error) {
	for waits, logins := 0, 0; ; {
		auth := c.auth
		if !c.open {
			token, err := a.token(ctx)
			if err != nil {
				return 0, nil, err
			}
			auth = "Bearer " + token
		}
		status, header, raw, err := a.once(ctx, c, auth)
		switch {
		case err != nil:
			return 0, nil, err
		case status == http.StatusUnauthorized && !c.open && logins < 2:
			logins++
			a.login.expire(logins > 1)
		case status == http.StatusTooManyRequests && waits < maxWaits && a.patient(header):
			waits++
			if err := a.wait(ctx, header); err != nil {
				return 0, nil, err
			}
		default:
			return status, raw, nil
		}
	}
}

// once sends a request once.
func (a *api) once(ctx context.Context, c *call, auth string) (int, http.Header, []byte, error) {
	limit := cmp.Or(a.cfg.Timeout, requestTime) + time.Duration(c.size/slowestLink)*time.Second
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := a.request(inner, c, auth)
	if err != nil {
		return 0, nil, nil, err
	}
	res, err := a.client.Do(req)
	if err != nil {
		return 0, nil, nil, a.broken(ctx, c, err)
	}
	defer res.Body.Close()
	raw, err := c.take(res)
	if err != nil {
		return 0, nil, nil, a.broken(ctx, c, fmt.Errorf("read the answer: %w", err))
	}
	a.log.Debug("request", "call", c.name(), "status", res.StatusCode)
	if res.StatusCode >= 300 && res.StatusCode < 400 {
		return 0, nil, nil, &fault{c.name(), closed, fmt.Errorf("the server redirects to %q, which is not followed: set host to where ThreatQ is", res.Header.Get("Location"))}
	}
	return res.StatusCode, res.Header, raw, nil
}

// take reads an answer.
func (c *call) take(res *http.Response) ([]byte, error) {
	if c.into != nil && res.StatusCode < 300 {
		return nil, c.into(res.Body)
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err == nil && len(raw) > maxAnswer {
		return nil, errTooLong
	}
	return raw, err
}

var errTooLong = errors.New("the answer is too long")

func (a *api) request(ctx context.Context, c *call, auth string) (*http.Request, error) {
	address := a.base + c.path
	if len(c.query) > 0 {
		address += "?" + c.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, c.method, address, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name(), err)
	}
	if c.mutates {
		// The transport repeats a GET when a kept connection breaks; one whose body
		// it cannot have anew it does not.
		req.Body = io.NopCloser(strings.NewReader(""))
	}
	if c.body != nil {
		if req.Body, err = c.body(); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name(), err)
		}
		// The transport may need the body again when a connection that it had kept
		// turns out to be closed: nothing has been sent then.
		req.ContentLength, req.GetBody = c.size, c.body
		req.Header.Set("Content-Type", c.contentType)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "tqmailrules")
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	return req, nil
}

// broken is the error of a request that got no answer. The end of ctx goes
// before what the network makes of it; addresses are left out of the text, since
// they may hold a token.
func (a *api) broken(ctx context.Context, c *call, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return &fault{c.name(), networkKind(err), err}
}

// patient tells whether a wait that the server asks for is one to wait here.
func (a *api) patient(h http.Header) bool {
	d := a.retryAfter(h)
	return d <= maxWait && a.waited+d <= maxWaiting
}

func (a *api) wait(ctx context.Context, h http.Header) error {
	d := a.retryAfter(h)
	a.waited += d
	return a.cfg.Sleep(ctx, d+time.Duration(float64(time.Second)*a.cfg.Jitter()/4))
}

// retryAfter reads the field of that name: seconds, or a date. Without one it is
// a second.
func (a *api) retryAfter(h http.Header) time.Duration {
	field := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseInt(field, 10, 32); err == nil && n >= 0 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(field); err == nil {
		return max(0, at.Sub(a.cfg.Now()))
	}
	return time.Second
}
