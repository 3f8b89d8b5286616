package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq"
	"github.com/tqmailrules/tqmailrules/engine/source/ews"
	"github.com/tqmailrules/tqmailrules/engine/source/imap"
	"github.com/tqmailrules/tqmailrules/internal/dial"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
	"github.com/tqmailrules/tqmailrules/internal/oauth"
)

// mailboxUse is what a mailbox is opened for.
type mailboxUse struct {
	readOnly bool // nothing changes there
	watch    settings.Watch
	goOn     bool // wait for more mail
	memory   mailboxMemory
	log      *slog.Logger
}

// mailboxMemory is what a store knows of a mailbox; nil: nothing.
type mailboxMemory interface {
	mailbox.Cursors
	Settled(ctx context.Context, origins []engine.Origin) ([]*engine.Receipt, error)
}

// imapConfig looks up what a mailbox of the configuration needs.
func (a *app) imapConfig(s settings.Source, limits engine.Limits, use mailboxUse) (cfg imap.Config, err error) {
	m := s.IMAP
	cfg = imap.Config{
		Name: s.Name, Addr: m.Host, Security: imap.Security(m.Security), User: m.User, Auth: imap.Auth(m.Auth),
		Folders: m.Folders, Intake: imap.Intake(m.Intake), Keyword: m.Keyword, Since: m.Since,
		Timeout: m.Timeout, ReadOnly: use.readOnly, Watch: use.goOn, Poll: use.watch.Poll, Idle: use.watch.Idle, Limits: limits, Log: use.log,
	}
	if use.memory != nil {
		cfg.Cursors, cfg.Known = use.memory, use.memory.Settled
	}
	at, err := a.reach(m.Access)
	cfg.TLS, cfg.Dial, cfg.Password, cfg.Token = at.tls, at.dial, at.password, at.token
	return cfg, err
}

// ewsConfig looks up what a mailbox at Exchange needs.
func (a *app) ewsConfig(s settings.Source, limits engine.Limits, use mailboxUse) (cfg ews.Config, err error) {
	m := s.EWS
	cfg = ews.Config{
		Name: s.Name, Server: m.Server, Autodiscover: m.Autodiscover, AllowPlain: onLoopback(m.Server), Email: m.Email, User: m.User, Auth: ews.Auth(m.Auth), Impersonate: m.Impersonate,
		Folders: m.Folders, Intake: ews.Intake(m.Intake), Since: m.Since, Workers: m.Workers, Chunk: m.Chunk,
		Timeout: m.Timeout, ReadOnly: use.readOnly, Watch: use.goOn, Poll: use.watch.Poll, Limits: limits, Log: use.log,
	}
	if use.memory != nil {
		cfg.Cursors, cfg.Known = use.memory, use.memory.Settled
	}
	at, err := a.reach(m.Access)
	cfg.TLS, cfg.Dial, cfg.Password, cfg.Token = at.tls, at.dial, at.password, at.token
	return cfg, err
}

// reached is how to get to a mailbox, and into it.
type reached struct {
	tls      *tls.Config
	dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	password string
	token    func(context.Context) (string, error)
}

func (a *app) reach(m settings.Access) (at reached, err error) {
	if at.tls, err = tlsOf(m.TLS).Config(); err != nil {
		return at, err
	}
	dialer, err := a.dialer(m.Proxy)
	if err != nil {
		return at, err
	}
	at.dial = dialer.DialContext
	if m.Password != (settings.Secret{}) {
		if at.password, err = a.secret(m.Password); err != nil {
			return at, fmt.Errorf("password: %w", err)
		}
	}
	if m.OAuth.TokenURL != "" {
		at.token, err = a.tokens(m.OAuth, transport(dialer, nil))
	}
	return at, err
}

func tlsOf(t settings.TLS) dial.TLS {
	return dial.TLS{CAFile: t.CAFile, Certificate: t.Certificate, Key: t.Key, ServerName: t.ServerName, Insecure: t.Insecure}
}

func (a *app) dialer(p settings.Proxy) (*dial.Dialer, error) {
	if p.URL == "" {
		return &dial.Dialer{}, nil
	}
	password := ""
	if p.Password != (settings.Secret{}) {
		var err error
		if password, err = a.secret(p.Password); err != nil {
			return nil, fmt.Errorf("password of the proxy: %w", err)
		}
	}
	proxy, err := dial.ParseProxy(p.URL, password)
	return &dial.Dialer{Proxy: proxy}, err
}

// tokens gets tokens through the proxy of the mailbox. The token server has a
// certificate of its own: that of the mailbox says nothing about it.
func (a *app) tokens(o settings.OAuth, through *http.Transport) (func(context.Context) (string, error), error) {
	cfg := oauth.Config{TokenURL: o.TokenURL, ClientID: o.ClientID, Scopes: o.Scopes, Client: &http.Client{Transport: through, Timeout: time.Minute}}
	for _, s := range []struct {
		from settings.Secret
		to   *string
		name string
	}{{o.ClientSecret, &cfg.ClientSecret, "client_secret"}, {o.RefreshToken, &cfg.RefreshToken, "refresh_token"}} {
		if s.from == (settings.Secret{}) {
			continue
		}
		var err error
		if *s.to, err = a.secret(s.from); err != nil {
			return nil, fmt.Errorf("oauth.%s: %w", s.name, err)
		}
	}
	return oauth.Tokens(cfg), nil
}

// transport speaks HTTP through a dialer, and says in words why there is no
// connection. Proxies of the environment do not count: the configuration names the
// one to use.
func transport(d *dial.Dialer, cfg *tls.Config) *http.Transport {
	plain := func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, addr)
		return conn, dial.Explain(err)
	}
	return &http.Transport{
		DialContext: plain,
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := plain(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return dial.Handshake(ctx, conn, addr, cfg)
		},
		MaxIdleConnsPerHost: 2, IdleConnTimeout: 90 * time.Second, ExpectContinueTimeout: 5 * time.Second,
	}
}

// threatqConfig looks up what a ThreatQ of the configuration needs.
func (a *app) threatqConfig(s settings.Sink, memory threatq.Memory, log *slog.Logger) (cfg threatq.Config, err error) {
	q := s.ThreatQ
	cfg = threatq.Config{
		Name: s.Name, Host: q.Host, AllowHTTP: onLoopback(q.Host), ClientID: q.ClientID, User: q.User, Status: q.Status, Source: q.Source, TLP: q.TLP,
		Types: q.Types, Upload: threatq.Upload(q.Upload), StatusPolicy: threatq.StatusPolicy(q.StatusPolicy), Normalize: threatq.Normalize(q.Normalize),
		Retracted: q.Retracted, Bulk: q.Bulk, Timeout: q.Timeout, Alone: q.Alone, ParseServer: parsesItself, Tries: 2, Memory: memory, // the engine tries a batch again, too
		Now: a.now, Log: log,
	}
	for _, secret := range []struct {
		from settings.Secret
		to   *string
		name string
	}{{q.Password, &cfg.Password, "password"}, {q.ClientSecret, &cfg.ClientSecret, "client_secret"}} {
		if secret.from == (settings.Secret{}) {
			continue
		}
		if *secret.to, err = a.secret(secret.from); err != nil {
			return cfg, fmt.Errorf("%s: %w", secret.name, err)
		}
	}
	tlsConfig, err := tlsOf(q.TLS).Config()
	if err != nil {
		return cfg, err
	}
	dialer, err := a.dialer(q.Proxy)
	if err != nil {
		return cfg, err
	}
	cfg.Transport = transport(dialer, tlsConfig)
	return cfg, nil
}

// parsesItself tells whether rules want the platform to parse an event's mail.
func parsesItself(e engine.EventRecord) bool { return e.Parse == "server" }

// onLoopback tells whether a platform is on this machine, where a password may go
// over a plain connection: a simulator is.
func onLoopback(host string) bool {
	u, err := url.Parse(host)
	if err != nil {
		return false
	}
	name := u.Hostname()
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// warnOfInsecure says which ends are trusted whoever they are.
func warnOfInsecure(cfg *settings.Config, log *slog.Logger) {
	for _, s := range cfg.Sources {
		if m, _ := s.Mailbox(); m != nil && m.TLS.Insecure {
			log.Warn("the server's certificate is not verified: anybody on the way can read passwords and change mail", "source", s.Name)
		}
	}
	for _, s := range cfg.Sinks {
		if s.ThreatQ != nil && s.ThreatQ.TLS.Insecure {
			log.Warn("the server's certificate is not verified: anybody on the way can read passwords and findings", "sink", s.Name)
		}
	}
}
