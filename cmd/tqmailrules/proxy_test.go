package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/internal/dial/dialtest"
)

// TestThroughProxies reads a mailbox through proxies of every kind and ships
// through an HTTP proxy: our own that counts, and real ones.
func TestThroughProxies(t *testing.T) {
	own := &dialtest.Proxy{User: "soc", Password: "hunter2"}
	open := &dialtest.Proxy{}
	tests := []struct {
		name  string
		proxy func(t *testing.T) string // of the mailbox, as the configuration writes it
	}{
		{"socks4", func(t *testing.T) string { return "socks4://" + open.Start(t) }},
		{"socks4a", func(t *testing.T) string { return "socks4a://" + open.Start(t) }},
		{"socks5", func(t *testing.T) string { return "socks5://" + open.Start(t) }},
		{"socks5 with a password", func(t *testing.T) string {
			return "{ url: socks5://soc@" + own.Start(t) + ", password: { env: TQ_TEST_PROXY } }"
		}},
		{"danted, socks4", func(t *testing.T) string { return "socks4://" + dialtest.Danted(t) }},
		{"danted, socks5", func(t *testing.T) string { return "socks5://" + dialtest.Danted(t) }},
		{"microsocks with a password", func(t *testing.T) string {
			return "{ url: socks5://soc@" + dialtest.Microsocks(t, "soc", "hunter2") + ", password: { env: TQ_TEST_PROXY } }"
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("TQ_TEST_PROXY", "hunter2")
			f, ends := proxied(t, tt.proxy(t))
			if out := f.run(exitOK, "run"); !strings.Contains(out, "3 mails read") || !strings.Contains(out, "to threatq  3") {
				t.Errorf("run:\n%s", out)
			}
			for uid, flags := range ends.mailbox.Flags("INBOX") {
				if !strings.Contains(strings.ToLower(fmt.Sprint(flags)), "seen") {
					t.Errorf("mail %d is not marked: %v", uid, flags)
				}
			}
		})
	}
	t.Run("a wrong password", func(t *testing.T) {
		t.Setenv("TQ_TEST_PROXY", "hunter3")
		f, _ := proxied(t, "{ url: socks5://soc@"+own.Start(t)+", password: { env: TQ_TEST_PROXY } }")
		out := f.run(exitEnvironment, "check", "--connect")
		if !strings.Contains(out, "it refuses user soc or the password") || strings.Contains(out, "hunter3") {
			t.Errorf("what is said:\n%s", out)
		}
	})
}

// proxied is a mailbox of three mails behind a proxy, and a platform behind an HTTP
// proxy that asks for a password.
func proxied(t *testing.T, proxy string) (folder, *demoEnds) {
	t.Helper()
	t.Setenv("TQ_TEST_DEMO", demoPassword)
	t.Setenv("TQ_TEST_WEB", "gate")
	f := folder{t, t.TempDir()}
	for i := range 3 {
		f.write(fmt.Sprintf("mails/%d.eml", i), string(madeUpMail(i)))
	}
	ends, err := (&app{now: time.Now}).demoEnds(t.Context(), f.dir+"/mails")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ends.close)
	web := &dialtest.Proxy{User: "desk", Password: "gate"}
	f.write("rules.yaml", productionRules)
	f.write("tq.yaml", fmt.Sprintf(`sources: [ { imap: { host: %q, security: plain, user: phish@nordhafen.example, password: { env: TQ_TEST_DEMO }, proxy: %s } } ]
rules: [ rules.yaml ]
sinks: [ { threatq: { host: %q, client_id: any, user: analyst@nordhafen.example, password: { env: TQ_TEST_DEMO }, proxy: { url: "http://desk@%s", password: { env: TQ_TEST_WEB } } } } ]
store: { path: state.db }
log: { to: run.log }
`, ends.imap, proxy, ends.threatq, web.Start(t)))
	t.Cleanup(func() {
		if !strings.Contains(t.Name(), "wrong") && len(web.Requests()) == 0 {
			t.Error("nothing went through the HTTP proxy")
		}
	})
	return f, ends
}
