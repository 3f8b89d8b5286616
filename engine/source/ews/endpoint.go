package ews

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

const (
	service      = "/EWS/Exchange.asmx"
	maxRedirects = 10
	maxDiscovery = 1 << 20 // bytes of an answer
)

// endpoint makes a URL of what people write.
func (cfg *Config) endpoint(server string) (*url.URL, error) {
	if server == "" {
		return nil, errors.New("ews: no server given")
	}
	text := server
	if ip, err := netip.ParseAddr(server); err == nil && ip.Is6() {
		text = "[" + server + "]"
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || strings.ContainsAny(server, " \r\n\x00"):
		return nil, fmt.Errorf("ews: server %q: want a host, host:port, or https://host/EWS/Exchange.asmx", hideUser(server))
	case u.Scheme == "http" && !cfg.AllowPlain:
		return nil, fmt.Errorf("ews: server %q: a password and mails without TLS: want https", server)
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("ews: server %q: want https", server)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = service
	}
	u.RawQuery, u.Fragment = "", ""
	return u, nil
}

// hideUser takes out what may be a password.
func hideUser(server string) string {
	if i := strings.LastIndexByte(server, '@'); i >= 0 {
		return "…" + server[i:]
	}
	return server
}

// find makes a client for the server of the configuration.
func (cfg *Config) find(ctx context.Context) (*client, error) {
	if cfg.Server != "" {
		at, err := cfg.endpoint(cfg.Server)
		if err != nil {
			return nil, err
		}
		return newClient(cfg, at), nil
	}
	return cfg.discover(ctx)
}

// discover asks for the server by the domain of the address (MS-OXDISCO): at
// https://autodiscover.domain, at https://domain, and where
// http://autodiscover.domain points to by https. A password goes to hosts only
// that prove by TLS who they are.
func (cfg *Config) discover(ctx context.Context) (*client, error) {
	_, domain, _ := strings.Cut(cfg.Email, "@")
	const path = "/autodiscover/autodiscover.xml"
	var errs together
	for _, at := range []string{"https://autodiscover." + domain + path, "https://" + domain + path} {
		u, err := url.Parse(at)
		if err != nil {
			return nil, mailbox.Final("find the server of %s: its domain is none", cfg.Email)
		}
		c, err := cfg.follow(ctx, u)
		if err == nil || context.Cause(ctx) != nil || errors.Is(err, mailbox.ErrLogin) {
			return c, err
		}
		errs = append(errs, err)
	}
	u, err := cfg.pointed(ctx, "http://autodiscover."+domain+path)
	if err == nil {
		var c *client
		if c, err = cfg.follow(ctx, u); err == nil {
			return c, nil
		}
	}
	if context.Cause(ctx) != nil {
		return nil, context.Cause(ctx)
	}
	errs = append(errs, err)
	return nil, fmt.Errorf("find the server of %s: %w; or say which it is", cfg.Email, errs)
}

// pointed asks an unsafe host where to go; nothing but an https address is
// believed, and that has to prove itself.
func (cfg *Config) pointed(ctx context.Context, at string) (*url.URL, error) {
	c := newClient(cfg, nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, mailbox.Final("ask %s: %s", at, err)
	}
	l := &link{c: c}
	defer l.drop()
	t, _ := l.open()
	p := patient(ctx, cfg.Timeout, cfg.Timeout)
	defer p.end()
	resp, err := t.RoundTrip(req.WithContext(p.ctx))
	if err != nil {
		return nil, mailbox.Temporary("ask %s: %s", req.URL.Host, c.unanswered(p.ctx, err))
	}
	resp.Body.Close()
	to, err := resp.Location()
	if err != nil || to.Scheme != "https" || to.Hostname() == "" {
		return nil, mailbox.Final("%s points nowhere by https (%d)", req.URL.Host, resp.StatusCode)
	}
	return to, nil
}

// follow asks one address, and others that it names.
func (cfg *Config) follow(ctx context.Context, at *url.URL) (*client, error) {
	email := cfg.Email
	for range maxRedirects {
		found, err := cfg.ask(ctx, at, email)
		if err != nil {
			return nil, err
		}
		switch {
		case found.url != nil:
			cfg.Log.Info("the server sends us to another autodiscovery", "host", found.url.Host)
			at = found.url
		case found.email != "":
			_, domain, _ := strings.Cut(found.email, "@")
			email = found.email
			at = &url.URL{Scheme: "https", Host: "autodiscover." + domain, Path: at.Path}
		default:
			return cfg.reachable(ctx, found.services)
		}
	}
	return nil, mailbox.Final("autodiscovery at %s sends us on for ever", at.Host)
}

// discovered is one of three: services, another address to ask, or another
// mailbox to ask for.
type discovered struct {
	services []*url.URL
	url      *url.URL
	email    string
}

// ask posts a request of autodiscovery (POX, MS-OXDSCLI).
func (cfg *Config) ask(ctx context.Context, at *url.URL, email string) (discovered, error) {
	c := newClient(cfg, at)
	l := &link{c: c}
	defer l.drop()
	r := c.request("", newVersion)
	r.body = []byte(`<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request><EMailAddress>` +
		escaped(email) + `</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>`)
	p := patient(ctx, cfg.Timeout, 5*cfg.Timeout)
	defer p.end()
	resp, err := l.post(p.ctx, r)
	if err != nil {
		return discovered{}, c.unanswered(p.ctx, err)
	}
	defer resp.Body.Close()
	if to, err := resp.Location(); err == nil && resp.StatusCode/100 == 3 {
		return cfg.elsewhere(to)
	}
	body := p.reader(resp.Body)
	if err := c.noAnswer(resp, body); err != nil {
		return discovered{}, err
	}
	a := newAnswer(body, maxDiscovery)
	root, err := a.whole()
	if err != nil {
		return discovered{}, c.broken(p.ctx, err)
	}
	return cfg.read(at, root)
}

func (cfg *Config) elsewhere(to *url.URL) (discovered, error) {
	if to.Scheme != "https" || to.Hostname() == "" {
		return discovered{}, mailbox.Final("autodiscovery sends us to %s://%s, which is not followed: only https is", to.Scheme, to.Host)
	}
	return discovered{url: to}, nil
}

// read finds what an answer of autodiscovery says.
func (cfg *Config) read(at *url.URL, root *element) (discovered, error) {
	account := root.anywhere("Account")
	if to := account.say("RedirectUrl"); to != "" {
		u, err := url.Parse(to)
		if err != nil {
			return discovered{}, mailbox.Final("autodiscovery at %s sends us to what is no address", at.Host)
		}
		return cfg.elsewhere(u)
	}
	if to := account.say("RedirectAddr"); to != "" {
		if user, domain, ok := strings.Cut(to, "@"); !ok || user == "" || !isHost(domain) {
			return discovered{}, mailbox.Final("autodiscovery at %s sends us to what is no address", at.Host)
		}
		return discovered{email: to}, nil
	}
	var found discovered
	for _, kind := range []string{"EXCH", "EXPR"} { // inside before outside
		for _, p := range account.all("Protocol") {
			if p.say("Type") != kind {
				continue
			}
			if u, err := cfg.endpoint(p.say("EwsUrl")); err == nil {
				found.services = append(found.services, u)
			}
		}
	}
	if len(found.services) == 0 {
		why := newClient(cfg, at).hidden().Clean(firstText(root.anywhere("Message"), root.anywhere("DebugData")))
		if why != "" {
			why = fmt.Sprintf(" (it says %q)", why)
		}
		return discovered{}, mailbox.Final("autodiscovery at %s knows no service for %s%s", at.Host, cfg.Email, why)
	}
	return found, nil
}

func isHost(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-')
	})
}

// reachable takes the first service that a connection can be made to.
func (cfg *Config) reachable(ctx context.Context, services []*url.URL) (*client, error) {
	var errs together
	for _, u := range services {
		c := newClient(cfg, u)
		conn, err := c.dial(ctx, address(u), u.Scheme == "https")
		if err == nil {
			conn.Close()
			cfg.Log.Info("the server was found by autodiscovery", "server", u.Host)
			return c, nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		errs = append(errs, c.unanswered(ctx, err))
	}
	return nil, errs
}

func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// whole reads an answer that is no SOAP.
func (a *answer) whole() (*element, error) {
	a.left = maxElements
	for {
		t, err := a.next()
		if err != nil {
			return nil, err
		}
		if start, ok := t.(xml.StartElement); ok {
			e := &element{}
			return e, a.fill(e, start, 0)
		}
	}
}
