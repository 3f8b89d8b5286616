package settings

import (
	"encoding/csv"
	"regexp"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// EWS is a mailbox that is read over Exchange Web Services.
type EWS struct {
	Server       string // IP, host, host:port or URL; "" with Autodiscover
	Autodiscover bool
	Email        string
	User         string // "" means Email
	Auth         string // auto, ntlm, basic, oauth
	Impersonate  bool
	Folders      []string
	Intake       string // unread, new
	Since        time.Time
	Workers      int   // 0 means the default
	Chunk        int64 // bytes; 0 means the default
	Timeout      time.Duration
	Access
	*yamlfile.Node
}

var ewsKeys = []string{
	"auth", "autodiscover", "chunk", "email", "folder", "folders", "impersonate", "intake", "name", "oauth", "password", "proxy", "server", "since", "timeout", "tls", "user", "workers",
}

func (r *reader) ews(f yamlfile.Fields) *EWS {
	m := &EWS{Auth: "auto", Intake: "unread", Node: f.Node()}
	r.Need(f, "source ews", "email")
	m.Autodiscover, _ = r.Bool(f.Get("autodiscover"), "autodiscover")
	if !m.Autodiscover {
		r.Need(f, "source ews", "server")
	}
	m.Server = r.exchangeServer(f.Get("server"))
	m.Email, _ = r.Filled(f.Get("email"), "email")
	m.User, _ = r.Filled(f.Get("user"), "user")
	r.choice(f, "auth", &m.Auth, "auto", "ntlm", "basic", "oauth")
	r.choice(f, "intake", &m.Intake, "unread", "new")
	m.Impersonate, _ = r.Bool(f.Get("impersonate"), "impersonate")
	m.Folders = r.folders(f)
	m.Since = r.day(f.Get("since"), "since")
	if n := f.Get("workers"); n != nil {
		m.Workers, _ = r.Int(n, "workers", 1, 64)
	}
	if n := f.Get("chunk"); n != nil {
		m.Chunk, _ = r.size(n, "chunk")
	}
	m.Proxy, m.TLS = r.proxy(f.Get("proxy")), r.tls(f.Get("tls"))
	m.OAuth = r.oauth(f.Get("oauth"))
	m.Timeout = r.timeout(f)
	if n := f.Get("password"); n != nil {
		m.Password = r.secret(n, "password")
	}
	r.exchangeLogin(f, m)
	return m
}

// exchangeServer takes a bare host as the vendor's connector does.
func (r *reader) exchangeServer(n *yamlfile.Node) string {
	text, ok := r.Filled(n, "server")
	if !ok || !strings.Contains(text, "://") {
		return text
	}
	return r.address(n, "server", "https", "http")
}

// exchangeLogin wants a password or a way to a token.
func (r *reader) exchangeLogin(f yamlfile.Fields, m *EWS) {
	switch {
	case m.Auth == "oauth" && !f.Has("oauth"):
		r.Add(f.Get("auth").Errorf("auth oauth without oauth: nobody says where the token comes from"))
	case m.Auth != "oauth" && f.Has("oauth"):
		r.Add(f.Get("oauth").Errorf("oauth without auth: oauth"))
	case m.Auth != "oauth" && !f.Has("password"):
		r.Need(f, "source ews", "password")
	}
}

// folders reads folder and folders.
func (r *reader) folders(f yamlfile.Fields) []string {
	one, _ := r.Strings(f.Get("folder"), "folder")
	several, _ := r.Strings(f.Get("folders"), "folders")
	var all []string
	for _, text := range append(one, several...) {
		all = append(all, SplitList(text)...)
	}
	return all
}

// SplitList takes names apart that stand in one text, as the vendors' connectors write
// them: INBOX, Abuse. A name with a comma stands between quotation marks, in which a
// doubled one is one.
func SplitList(text string) (all []string) {
	r := csv.NewReader(strings.NewReader(strings.ReplaceAll(spaceAfterQuote.ReplaceAllString(text, `",`), "\n", " ")))
	r.TrimLeadingSpace, r.LazyQuotes = true, true
	names, err := r.Read()
	if err != nil {
		names = strings.Split(text, ",")
	}
	for _, n := range names {
		if n = strings.TrimSpace(n); n != "" {
			all = append(all, n)
		}
	}
	return all
}

var spaceAfterQuote = regexp.MustCompile(`"[ \t]+,`)
