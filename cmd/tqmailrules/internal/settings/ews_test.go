package settings_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

func exchange(fields string) string {
	return "sources: [ { ews: { " + fields + " } } ]\nrules: [ r ]\nsinks: [ { jsonl: { path: o } } ]\nstore: { path: s }"
}

func TestAnExchangeMailboxIsRead(t *testing.T) {
	for _, tc := range []struct {
		name, fields string
		want         settings.EWS
	}{
		{
			"as the vendor's connector has it", "server: 10.0.0.1, email: phish@corp.example, user: 'CORP\\phish', password: { env: P }, auth: ntlm, folders: 'Inbox, \"Reports, old\"'",
			settings.EWS{Server: "10.0.0.1", Email: "phish@corp.example", User: `CORP\phish`, Access: settings.Access{Password: settings.Secret{Env: "P"}}, Auth: "ntlm", Intake: "unread", Folders: []string{"Inbox", "Reports, old"}},
		},
		{
			"with a token, for another's mailbox", "server: 'https://mail.example/EWS/Exchange.asmx', email: shared@corp.example, auth: oauth, impersonate: true, oauth: { token_url: 'https://t.example/x', client_id: c, client_secret: { env: S } }, intake: new, since: 2026-01-31, workers: 4, chunk: 4MiB, timeout: 30s",
			settings.EWS{
				Server: "https://mail.example/EWS/Exchange.asmx", Email: "shared@corp.example", Auth: "oauth", Impersonate: true, Intake: "new", Since: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC),
				Access: settings.Access{OAuth: settings.OAuth{TokenURL: "https://t.example/x", ClientID: "c", ClientSecret: settings.Secret{Env: "S"}}}, Workers: 4, Chunk: 4 << 20, Timeout: 30 * time.Second,
			},
		},
		{"found by its address", "autodiscover: true, email: a@corp.example, password: { file: p }", settings.EWS{Autodiscover: true, Email: "a@corp.example", Access: settings.Access{Password: settings.Secret{File: "p"}}, Auth: "auto", Intake: "unread"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, diags := settings.Parse("c.yaml", []byte(exchange(tc.fields)))
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			if diff := cmp.Diff(&tc.want, cfg.Sources[0].EWS, cmpopts.IgnoreTypes(&yamlfile.Node{}), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMistakesAboutAnExchangeMailbox(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"no server", exchange("email: a@b.example, password: { env: P }"), "source ews without server"},
		{"no address", exchange("server: x, password: { env: P }"), "source ews without email"},
		{"no password", exchange("server: x, email: a@b.example"), "source ews without password"},
		{"password in the file", exchange("server: x, email: a@b.example, password: hunter2"), "password is written into the configuration"},
		{"password in the address", exchange("server: 'https://u:hunter2@x', email: a@b.example, password: { env: P }"), "server: "},
		{"another scheme", exchange("server: 'ftp://x', email: a@b.example, password: { env: P }"), "server: not an address"},
		{"no way to a token", exchange("server: x, email: a@b.example, auth: oauth"), "where the token comes from"},
		{"a token for nothing", exchange("server: x, email: a@b.example, password: { env: P }, oauth: { token_url: 'https://t', client_id: c, client_secret: { env: S } }"), "oauth without auth: oauth"},
		{"an intake of IMAP", exchange("server: x, email: a@b.example, password: { env: P }, intake: keyword"), "unread or new"},
		{"a crowd of workers", exchange("server: x, email: a@b.example, password: { env: P }, workers: 1000"), "workers"},
		{"no store", strings.Replace(exchange("server: x, email: a@b.example, password: { env: P }"), "store: { path: s }", "", 1), "source ews without a store"},
		{"a key of IMAP", exchange("host: x, email: a@b.example, password: { env: P }"), "unknown key host in source ews"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, diags := settings.Parse("c.yaml", []byte(tc.in))
			if cfg != nil || !strings.Contains(diags.String(), tc.want) {
				t.Errorf("got %v:\n%s\nwant a diagnostic with %q", cfg, diags, tc.want)
			}
			if strings.Contains(diags.String(), "hunter2") {
				t.Error("the diagnostic shows the secret")
			}
		})
	}
}

func TestListsInOneText(t *testing.T) {
	for in, want := range map[string][]string{
		"":                          nil,
		" , ,":                      nil,
		"Inbox":                     {"Inbox"},
		"Inbox, Abuse ,x/y":         {"Inbox", "Abuse", "x/y"},
		`"a, b" , c`:                {"a, b", "c"},
		`"say ""hi"", please",d`:    {`say "hi", please`, "d"},
		`the "big" one, two`:        {`the "big" one`, "two"},
		`Gelöschte Elemente, 受信トレイ`: {"Gelöschte Elemente", "受信トレイ"},
	} {
		if got := settings.SplitList(in); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}
