package settings_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

const remote = `
sources:
  - imap:
      name: desk
      host: mail.example:1143
      security: starttls
      user: phish@example
      password: { env: IMAP_PASSWORD }
      folders: [ "INBOX, Abuse", Partner/CERT ]
      intake: keyword
      keyword: tqDone
      since: 2026-01-31
      proxy: { url: socks5://u@127.0.0.1:1080, password: { file: proxy.pw } }
      tls: { ca_file: ca.pem, server_name: mx.example, certificate: c.pem, key: k.pem }
  - imap:
      host: cloud.example
      user: phish@example
      auth: xoauth2
      oauth: { token_url: https://login.example/token, client_id: abc, client_secret: { env: S }, scopes: [ mail ] }
rules: r.yaml
sinks:
  - threatq:
      host: tq.example
      client_id: id
      user: u@example
      password: { env: TQ }
      status: Review
      types: { btc: String }
      proxy: http://proxy.example:3128
      tls: { insecure: true }
  - threatq: { name: second, host: "https://other.example", client_id: id, client_secret: { env: S }, alone: true, bulk: 200 }
store: { path: s.db, keep: 90d, history: 365d, quota: 20GiB }
files: { dir: f, retention: 30d, quota: 1GiB }
watch: { poll: 30s, idle: false, listen: 127.0.0.1:9108 }
flood: { mails: 100, per: 1h }
`

func TestRemoteEndsAreRead(t *testing.T) {
	got, diags := settings.Parse("conf/tq.yaml", []byte(remote))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	want := &settings.Config{
		Instance: "default", Rules: []string{"conf/r.yaml"}, Secrets: map[string]settings.Secret{}, Log: settings.Log{To: "stderr", Verbosity: 2},
		Sources: []settings.Source{
			{Name: "desk", Kind: "imap", IMAP: &settings.IMAP{
				Host: "mail.example:1143", Security: "starttls", User: "phish@example", Auth: "auto",
				Folders: []string{"INBOX", "Abuse", "Partner/CERT"}, Intake: "keyword", Keyword: "tqDone", Since: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC),
				Access: settings.Access{
					Password: settings.Secret{Env: "IMAP_PASSWORD"},
					Proxy:    settings.Proxy{URL: "socks5://u@127.0.0.1:1080", Password: settings.Secret{File: "conf/proxy.pw"}},
					TLS:      settings.TLS{CAFile: "conf/ca.pem", ServerName: "mx.example", Certificate: "conf/c.pem", Key: "conf/k.pem"},
				},
			}},
			{Name: "imap", Kind: "imap", IMAP: &settings.IMAP{
				Host: "cloud.example", Security: "tls", User: "phish@example", Auth: "xoauth2", Intake: "unread", Keyword: "$tqDone",
				Access: settings.Access{OAuth: settings.OAuth{TokenURL: "https://login.example/token", ClientID: "abc", ClientSecret: settings.Secret{Env: "S"}, Scopes: []string{"mail"}}},
			}},
		},
		Sinks: []settings.Sink{
			{Name: "threatq", Kind: "threatq", ThreatQ: &settings.ThreatQ{
				Host: "https://tq.example", ClientID: "id", User: "u@example", Password: settings.Secret{Env: "TQ"}, Status: "Review", Types: map[string]string{"btc": "String"},
				Upload: "auto", StatusPolicy: "keep", Normalize: "server", Proxy: settings.Proxy{URL: "http://proxy.example:3128"}, TLS: settings.TLS{Insecure: true},
			}},
			{Name: "second", Kind: "threatq", ThreatQ: &settings.ThreatQ{
				Host: "https://other.example", ClientID: "id", ClientSecret: settings.Secret{Env: "S"}, Upload: "auto", StatusPolicy: "keep", Normalize: "server", Alone: true, Bulk: 200,
			}},
		},
		Store: settings.Store{Path: "conf/s.db", Keep: 90 * 24 * time.Hour, History: 365 * 24 * time.Hour, Quota: 20 << 30},
		Files: settings.Files{Dir: "conf/f", Retention: 30 * 24 * time.Hour, Quota: 1 << 30},
		Watch: settings.Watch{Poll: 30 * time.Second, Listen: "127.0.0.1:9108"},
		Flood: settings.Flood{Mails: 100, Per: time.Hour},
	}
	ignore := cmpopts.IgnoreTypes(&yamlfile.Node{})
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(settings.Extractor{}), ignore); diff != "" {
		t.Error(diff)
	}
}

func TestMistakesAboutRemoteEnds(t *testing.T) {
	imap := func(more string) string {
		return "sources: [ { imap: { host: h, user: u, " + more + " } } ]\nrules: [ r ]\nsinks: [ { jsonl: { path: o } } ]"
	}
	sink := func(more string) string {
		return "sources: [ { files: { path: c } } ]\nrules: [ r ]\nsinks: [ { threatq: { " + more + " } } ]"
	}
	tests := []struct{ name, in, want string }{
		{"password in the file", imap("password: hunter2"), "password is written into the configuration"},
		{"no password", imap("intake: new"), "password"},
		{"no store", imap("password: { env: P }"), "source imap without a store"},
		{"misspelt intake", imap("password: { env: P }, intake: unred"), "unread"},
		{"unknown security", imap("password: { env: P }, security: ssl"), "security"},
		{"oauth without its mechanism", imap("password: { env: P }, oauth: { token_url: 'https://t', client_id: c, client_secret: { env: S } }"), "auth: xoauth2"},
		{"mechanism without oauth", imap("auth: oauthbearer"), "where the token comes from"},
		{"oauth without a secret", imap("auth: xoauth2, oauth: { token_url: 'https://t', client_id: c }"), "client_secret, refresh_token"},
		{"date", imap("password: { env: P }, since: yesterday"), `"yesterday" is no date`},
		{"proxy of no kind", imap("password: { env: P }, proxy: 'ftp://p:1'"), "proxy: not an address"},
		{"proxy with its password", imap("password: { env: P }, proxy: 'socks5://u:hunter2@p:1'"), "the password is written into the configuration"},
		{"broken proxy with its password", imap("password: { env: P }, proxy: 'socks5://u:hunter2@[p:1'"), "not an address"},
		{"half a certificate", imap("password: { env: P }, tls: { certificate: c }"), "belong together"},
		{"misspelt key of tls", imap("password: { env: P }, tls: { insecur: true }"), "did you mean insecure?"},
		{"no credentials at ThreatQ", sink("host: tq, client_id: c"), "user"},
		{"no client id", sink("host: tq, user: u, password: { env: P }"), "client_id"},
		{"other scheme", sink("host: 'ldap://tq', client_id: c, user: u, password: { env: P }"), "host: not an address"},
		{"misspelt key at ThreatQ", sink("host: tq, client_id: c, user: u, pasword: { env: P }"), "did you mean password?"},
		{"poll of nothing", imap("password: { env: P }") + "\nwatch: { poll: 0s }", "watch.poll is nothing"},
		{"half a flood", imap("password: { env: P }") + "\nflood: { mails: 3 }", "per"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, diags := settings.Parse("c.yaml", []byte(tt.in))
			if cfg != nil || !strings.Contains(diags.String(), tt.want) {
				t.Errorf("got %v:\n%s\nwant a diagnostic with %q", cfg, diags, tt.want)
			}
			if strings.Contains(diags.String(), "hunter2") {
				t.Error("the diagnostic shows the secret")
			}
		})
	}
}
