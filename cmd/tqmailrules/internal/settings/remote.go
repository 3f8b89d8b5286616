package settings

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// IMAP is a mailbox that is read over IMAP.
type IMAP struct {
	Host     string // host or host:port
	Security string // tls, starttls, plain
	User     string
	Auth     string // auto, login, plain, xoauth2, oauthbearer
	Folders  []string
	Intake   string // unread, new, keyword
	Keyword  string
	Since    time.Time     // zero: all
	Timeout  time.Duration // of connecting, and of silence; 0 means the default
	Access
	*yamlfile.Node
}

// Access is how a mailbox is reached, and opened.
type Access struct {
	Password Secret
	OAuth    OAuth
	Proxy    Proxy
	TLS      TLS
}

// ThreatQ is a platform that findings are shipped to.
type ThreatQ struct {
	Host         string // https://host
	ClientID     string
	User         string
	Password     Secret
	ClientSecret Secret // instead of user and password
	Status       string
	Source       string
	TLP          string
	Types        map[string]string
	Upload       string // auto, oneshot, resumable
	StatusPolicy string // keep, overwrite
	Normalize    string // server, yes, no
	Retracted    string
	Bulk         int
	Alone        bool
	Timeout      time.Duration // of a request; 0 means the default
	Proxy        Proxy
	TLS          TLS
	*yamlfile.Node
}

// OAuth says where a token comes from: with RefreshToken by that, else by the
// client's own credentials.
type OAuth struct {
	TokenURL     string
	ClientID     string
	ClientSecret Secret
	RefreshToken Secret
	Scopes       []string
}

// Proxy stands between us and a server.
type Proxy struct {
	URL      string // socks4, socks4a, socks5, http or https; a user may stand in it, a password not
	Password Secret
}

// TLS says whom to trust, and who we are.
type TLS struct {
	CAFile           string // PEM; "" means the system's authorities
	Certificate, Key string // PEM, of a client
	ServerName       string // when it is not the host
	Insecure         bool   // trust anybody
}

// Watch is how a run goes on.
type Watch struct {
	Poll   time.Duration // between two looks into a mailbox
	Idle   bool          // the server's hints shorten that
	Listen string        // host:port of /metrics and /healthz; "" means none
}

// Flood bounds what one sender may send at once.
type Flood struct {
	Mails int // 0: any number
	Per   time.Duration
}

var (
	imapKeys    = []string{"auth", "folder", "folders", "host", "intake", "keyword", "name", "oauth", "password", "proxy", "security", "since", "timeout", "tls", "user"}
	threatqKeys = []string{
		"alone", "bulk", "client_id", "client_secret", "host", "name", "normalize", "password", "proxy", "retracted", "source", "status", "status_policy", "timeout", "tlp", "tls", "types", "upload", "user",
	}
	proxySchemes = []string{"http", "https", "socks4", "socks4a", "socks5"}
)

func (r *reader) imap(f yamlfile.Fields) *IMAP {
	m := &IMAP{Security: "tls", Auth: "auto", Intake: "unread", Keyword: "$tqDone", Node: f.Node()}
	r.Need(f, "source imap", "host", "user")
	m.Host, _ = r.Filled(f.Get("host"), "host")
	m.User, _ = r.Filled(f.Get("user"), "user")
	r.choice(f, "security", &m.Security, "tls", "starttls", "plain")
	r.choice(f, "auth", &m.Auth, "auto", "login", "plain", "xoauth2", "oauthbearer")
	r.choice(f, "intake", &m.Intake, "unread", "new", "keyword")
	if k, ok := r.Filled(f.Get("keyword"), "keyword"); ok {
		m.Keyword = k
	}
	m.Folders = r.folders(f)
	m.Since = r.day(f.Get("since"), "since")
	m.Proxy, m.TLS = r.proxy(f.Get("proxy")), r.tls(f.Get("tls"))
	m.OAuth = r.oauth(f.Get("oauth"))
	m.Timeout = r.timeout(f)
	r.credentials(f, m)
	return m
}

// credentials wants a password or a way to a token, as the mechanism needs it.
func (r *reader) credentials(f yamlfile.Fields, m *IMAP) {
	if n := f.Get("password"); n != nil {
		m.Password = r.secret(n, "password")
	}
	token := m.Auth == "xoauth2" || m.Auth == "oauthbearer"
	switch {
	case token && !f.Has("oauth"):
		r.Add(f.Get("auth").Errorf("auth %s without oauth: nobody says where the token comes from", m.Auth))
	case !token && f.Has("oauth"):
		d := f.Get("oauth").Errorf("oauth without auth: xoauth2 or oauthbearer")
		d.Hint = "auth: xoauth2 is what Microsoft and Google take"
		r.Add(d)
	case !token && !f.Has("password"):
		r.Need(f, "source imap", "password")
	}
}

func (r *reader) oauth(n *yamlfile.Node) (o OAuth) {
	f, ok := r.Fields(n, "oauth", []string{"client_id", "client_secret", "refresh_token", "scopes", "token_url"})
	if !ok {
		return o
	}
	r.Need(f, "oauth", "token_url", "client_id")
	o.TokenURL = r.address(f.Get("token_url"), "oauth.token_url", "https", "http")
	o.ClientID, _ = r.Filled(f.Get("client_id"), "oauth.client_id")
	o.Scopes, _ = r.Strings(f.Get("scopes"), "oauth.scopes")
	if n := f.Get("client_secret"); n != nil {
		o.ClientSecret = r.secret(n, "oauth.client_secret")
	}
	if n := f.Get("refresh_token"); n != nil {
		o.RefreshToken = r.secret(n, "oauth.refresh_token")
	}
	if !f.Has("client_secret") && !f.Has("refresh_token") {
		r.Add(n.Errorf("oauth needs client_secret, refresh_token, or both"))
	}
	return o
}

func (r *reader) threatq(f yamlfile.Fields) *ThreatQ {
	q := &ThreatQ{Upload: "auto", StatusPolicy: "keep", Normalize: "server", Node: f.Node()}
	r.Need(f, "sink threatq", "host", "client_id")
	q.Host = r.threatqHost(f.Get("host"))
	for key, to := range map[string]*string{"client_id": &q.ClientID, "user": &q.User, "status": &q.Status, "source": &q.Source, "tlp": &q.TLP, "retracted": &q.Retracted} {
		*to, _ = r.Filled(f.Get(key), key)
	}
	r.choice(f, "upload", &q.Upload, "auto", "oneshot", "resumable")
	r.choice(f, "status_policy", &q.StatusPolicy, "keep", "overwrite")
	r.choice(f, "normalize", &q.Normalize, "server", "yes", "no")
	q.Types = r.names(f.Get("types"), "types")
	if n := f.Get("bulk"); n != nil {
		q.Bulk, _ = r.Int(n, "bulk", 1, 5000)
	}
	q.Alone, _ = r.Bool(f.Get("alone"), "alone")
	q.Timeout = r.timeout(f)
	q.Proxy, q.TLS = r.proxy(f.Get("proxy")), r.tls(f.Get("tls"))
	for key, to := range map[string]*Secret{"password": &q.Password, "client_secret": &q.ClientSecret} {
		if n := f.Get(key); n != nil {
			*to = r.secret(n, key)
		}
	}
	if !f.Has("client_secret") {
		r.Need(f, "sink threatq without client_secret", "user", "password")
	}
	return q
}

func (r *reader) timeout(f yamlfile.Fields) time.Duration {
	n := f.Get("timeout")
	if n == nil {
		return 0
	}
	return r.span(n, "timeout")
}

// threatqHost takes a bare host as the vendors' connectors do.
func (r *reader) threatqHost(n *yamlfile.Node) string {
	text, ok := r.Filled(n, "host")
	if !ok {
		return ""
	}
	if !strings.Contains(text, "://") {
		return "https://" + text
	}
	return r.address(n, "host", "https", "http")
}

// address reads a URL that has a host and no password.
func (r *reader) address(n *yamlfile.Node, what string, schemes ...string) string {
	text, ok := r.Filled(n, what)
	if !ok {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme) {
		d := n.Errorf("%s: not an address", what)
		if strings.Contains(text, "@") {
			d.Text = "" // there may be a password before it
		}
		d.Expected = "host and port behind " + strings.Join(schemes, "://, ") + "://"
		r.Add(d)
		return ""
	}
	if _, has := u.User.Password(); has {
		d := n.Errorf("%s: the password is written into the configuration", what)
		d.Text = "" // the line holds it
		d.Hint = "leave it out of the address, and write password: { env: NAME } beside url"
		r.Add(d)
		return ""
	}
	return text
}

// proxy reads an address, alone or with a password.
func (r *reader) proxy(n *yamlfile.Node) (p Proxy) {
	if n == nil {
		return p
	}
	if n.Kind == yamlfile.Scalar {
		p.URL = r.address(n, "proxy", proxySchemes...)
		return p
	}
	f, ok := r.Fields(n, "proxy", []string{"password", "url"})
	if !ok {
		return p
	}
	r.Need(f, "proxy", "url")
	p.URL = r.address(f.Get("url"), "proxy.url", proxySchemes...)
	if n := f.Get("password"); n != nil {
		p.Password = r.secret(n, "proxy.password")
	}
	return p
}

func (r *reader) tls(n *yamlfile.Node) (t TLS) {
	f, ok := r.Fields(n, "tls", []string{"ca_file", "certificate", "insecure", "key", "server_name"})
	if !ok {
		return t
	}
	t.CAFile, t.Certificate, t.Key = r.file(f, "ca_file"), r.file(f, "certificate"), r.file(f, "key")
	t.ServerName, _ = r.Filled(f.Get("server_name"), "tls.server_name")
	t.Insecure, _ = r.Bool(f.Get("insecure"), "tls.insecure")
	if f.Has("certificate") != f.Has("key") {
		r.Add(n.Errorf("tls: certificate and key belong together"))
	}
	return t
}

// choice reads one of several words; absent, the default stays.
func (r *reader) choice(f yamlfile.Fields, key string, to *string, options ...string) {
	if n := f.Get(key); n != nil {
		if v, ok := r.Choice(n, key, options); ok {
			*to = v
		}
	}
}

// names reads a mapping of texts.
func (r *reader) names(n *yamlfile.Node, what string) map[string]string {
	if n == nil || !r.isMapping(n, what) {
		return nil
	}
	all := map[string]string{}
	for _, p := range n.Pairs {
		all[p.Key.Text], _ = r.Filled(p.Value, what+"."+p.Key.Text)
	}
	return all
}

// day reads a date or a time in UTC.
func (r *reader) day(n *yamlfile.Node, what string) time.Time {
	text, ok := r.Filled(n, what)
	if !ok {
		return time.Time{}
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC()
		}
	}
	d := n.Errorf("%s: %q is no date", what, text)
	d.Expected = "2026-01-31, or 2026-01-31T08:00:00Z"
	r.Add(d)
	return time.Time{}
}

func (r *reader) watch(n *yamlfile.Node) Watch {
	w := Watch{Poll: time.Minute, Idle: true}
	f, ok := r.Fields(n, "watch", []string{"idle", "listen", "poll"})
	if !ok {
		return w
	}
	if n := f.Get("poll"); n != nil {
		w.Poll = r.span(n, "watch.poll")
	}
	if n := f.Get("idle"); n != nil {
		w.Idle, _ = r.Bool(n, "watch.idle")
	}
	w.Listen, _ = r.Filled(f.Get("listen"), "watch.listen")
	return w
}

func (r *reader) flood(n *yamlfile.Node) (out Flood) {
	f, ok := r.Fields(n, "flood", []string{"mails", "per"})
	if !ok {
		return out
	}
	if r.Need(f, "flood", "mails", "per") {
		out.Mails, _ = r.Int(f.Get("mails"), "flood.mails", 1, 1<<30)
		out.Per = r.span(f.Get("per"), "flood.per")
	}
	return out
}
