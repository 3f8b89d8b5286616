package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/threatqsim"
	"github.com/tqmailrules/tqmailrules/engine/source/imap/imapsim"
	"github.com/tqmailrules/tqmailrules/internal/dial/dialtest"
)

const connectConfig = `instance: connect
sources:
  - imap: { host: "MAILBOX", security: tls, user: phish, password: { env: TQ_TEST_IMAP }, tls: { ca_file: ca.pem } }
  - files: { path: mails }
rules: [ rules.yaml ]
sinks:
  - threatq: { host: "https://PLATFORM", client_id: desk, user: a@b.example, password: { env: TQ_TEST_THREATQ }, tls: { ca_file: ca.pem } }
  - jsonl: { path: lines.jsonl }
store: { path: state.db }
log: { to: stderr }
`

// ends are a mailbox and a platform with certificates, and a folder with a
// configuration that reads one mail of each of two sources.
type ends struct {
	folder
	authority *dialtest.Authority
	mailbox   *imapsim.Server
	platform  *threatqsim.Server
}

// mishap is what is wrong with ends.
type mishap struct {
	mailbox, platform func(*x509.Certificate) // what is wrong with a certificate
	change            []string                // pairs: what stands in the configuration, and what shall
	allowed           threatqsim.Permission
	env               map[string]string
}

func newEnds(t *testing.T, wrong mishap) *ends {
	t.Helper()
	t.Setenv("TQ_TEST_IMAP", "correct-horse")
	t.Setenv("TQ_TEST_THREATQ", "tq")
	for name, value := range wrong.env {
		t.Setenv(name, value)
	}
	e := &ends{folder: folder{t, t.TempDir()}, authority: dialtest.NewAuthority(t, "our authority"), mailbox: imapsim.New("phish", "correct-horse")}
	if _, err := e.mailbox.AddMail("INBOX", madeUpMail(0), enginetest.Epoch); err != nil {
		t.Fatal(err)
	}
	if err := e.mailbox.AddFolder("Abuse/2026"); err != nil {
		t.Fatal(err)
	}
	mail := serveMailbox(t, e.mailbox, e.authority.Issue(t, wrong.mailbox))
	cfg := (&simulator{seed: 7, user: "a@b.example", password: "tq", client: "desk", oneShot: true}).config(&app{now: time.Now})
	cfg.Permissions = map[string]threatqsim.Permission{"a@b.example": wrong.allowed}
	e.platform = threatqsim.New(cfg)
	web := serveTLS(t, e.platform, e.authority.Issue(t, wrong.platform))
	e.write("ca.pem", string(e.authority.PEM()))
	e.write("rules.yaml", productionRules)
	e.write("mails/one.eml", string(madeUpMail(1)))
	e.write("tq.yaml", strings.NewReplacer(append(wrong.change, "MAILBOX", mail, "PLATFORM", web)...).Replace(connectConfig))
	return e
}

func serveMailbox(t *testing.T, mailbox *imapsim.Server, certificate tls.Certificate) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go mailbox.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}}))
	t.Cleanup(func() { mailbox.Close() })
	return l.Addr().String()
}

func serveTLS(t *testing.T, h http.Handler, certificate tls.Certificate) (addr string) {
	t.Helper()
	web := httptest.NewUnstartedServer(h)
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	web.StartTLS()
	t.Cleanup(web.Close)
	return web.Listener.Addr().String()
}

func (e *ends) lines() int {
	b, _ := os.ReadFile(filepath.Join(e.dir, "lines.jsonl"))
	return strings.Count(string(b), "\n")
}

func expired(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().AddDate(0, -2, 0), time.Now().AddDate(0, -1, 0)
}

func ofAnother(c *x509.Certificate) {
	c.DNSNames, c.IPAddresses = []string{"other.example"}, []net.IP{net.IPv4(10, 0, 0, 1)}
}

// TestWhatIsWrongWithAMailboxIsTold tries a mailbox that cannot be read: check says
// why, and a run says the same, reads the other source, and ends with status 4.
func TestWhatIsWrongWithAMailboxIsTold(t *testing.T) {
	tests := []struct {
		name  string
		wrong mishap
		words []string
	}{
		{"password", mishap{env: map[string]string{"TQ_TEST_IMAP": "wrong-horse"}}, []string{`log in as`, "user name or password refused"}},
		{"host", mishap{change: []string{"MAILBOX", "mail.invalid:993"}}, []string{"mail.invalid"}},
		{"port", mishap{change: []string{"MAILBOX", "127.0.0.1:1"}}, []string{"127.0.0.1:1", "nothing listens there"}},
		{"folder", mishap{change: []string{"user: phish", "user: phish, folders: [Abuse/2025]"}}, []string{"Abuse/2025", "Abuse/2026"}},
		{"authority", mishap{change: []string{"password: { env: TQ_TEST_IMAP }, tls: { ca_file: ca.pem }", "password: { env: TQ_TEST_IMAP }"}}, []string{"is signed by nobody who is known here", "tls.ca_file"}},
		{"name", mishap{mailbox: ofAnother}, []string{"certificate", "10.0.0.1"}},
		{"expired", mishap{mailbox: expired}, []string{"certificate", "expired"}},
		{"TLS from the start", mishap{change: []string{"security: tls", "timeout: 300ms, security: starttls"}}, []string{"127.0.0.1", "no greeting"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnds(t, tt.wrong)
			checked := e.run(exitEnvironment, "check", "--connect")
			ran := e.run(exitEnvironment, "run")
			for _, said := range []string{checked, ran} {
				for _, want := range tt.words {
					if !strings.Contains(said, want) {
						t.Errorf("nothing of %q:\n%s", want, said)
					}
				}
				if strings.Contains(said, "horse") {
					t.Errorf("the password is told:\n%s", said)
				}
			}
			if !strings.Contains(checked, "imap imap        FAILED") || !strings.Contains(checked, "files files      ok") || !strings.Contains(checked, "threatq threatq  ok") {
				t.Errorf("what check says of the ends:\n%s", checked)
			}
			if n := e.lines(); n != 1 {
				t.Errorf("%d mails of the other source were shipped, want 1:\n%s", n, ran)
			}
		})
	}
}

// TestWhatIsWrongWithAPlatformIsTold tries a ThreatQ that takes nothing: check says
// why; so does a run, which keeps what it would ship and ends with status 4.
func TestWhatIsWrongWithAPlatformIsTold(t *testing.T) {
	tests := []struct {
		name  string
		wrong mishap
		words []string
	}{
		{"password", mishap{env: map[string]string{"TQ_TEST_THREATQ": "hunter2"}}, []string{`ThreatQ refuses user "a@b.example" with client id "desk"`}},
		{"client id", mishap{change: []string{"client_id: desk", "client_id: chair"}}, []string{`with client id "chair"`, "invalid_client"}},
		{"host", mishap{change: []string{"PLATFORM", "threatq.invalid"}}, []string{"threatq.invalid"}},
		{"port", mishap{change: []string{"PLATFORM", "127.0.0.1:1"}}, []string{"127.0.0.1:1", "nobody listens there"}},
		{"authority", mishap{change: []string{"env: TQ_TEST_THREATQ }, tls: { ca_file: ca.pem }", "env: TQ_TEST_THREATQ }"}}, []string{"signed by nobody who is known here (issuer CN=our authority)", "tls.ca_file"}},
		{"name", mishap{platform: ofAnother}, []string{"certificate", "10.0.0.1"}},
		{"expired", mishap{platform: expired}, []string{"certificate", "expired"}},
		{"no permissions at all", mishap{allowed: threatqsim.None}, []string{"the ThreatQ user may not read it"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnds(t, tt.wrong)
			out := e.run(exitEnvironment, "check", "--connect")
			for _, want := range append(tt.words, "threatq threatq  FAILED", "imap imap        ok") {
				if !strings.Contains(out, want) {
					t.Errorf("nothing of %q:\n%s", want, out)
				}
			}
			if strings.Contains(out, "hunter2") {
				t.Errorf("the password is told:\n%s", out)
			}
		})
	}
	t.Run("run", func(t *testing.T) {
		e := newEnds(t, tests[0].wrong)
		out := e.run(exitEnvironment, "run")
		for _, want := range append(tests[0].words, "to jsonl             2", "waiting for threatq  2") {
			if !strings.Contains(out, want) {
				t.Errorf("nothing of %q:\n%s", want, out)
			}
		}
		t.Setenv("TQ_TEST_THREATQ", "tq")
		if out := e.run(exitOK, "ship"); !strings.Contains(out, "to threatq  2") {
			t.Errorf("ship with the right password:\n%s", out)
		}
	})
}

// TestWithoutTheRightToWrite is a user who may read: nothing is lost, and the
// operator is told.
func TestWithoutTheRightToWrite(t *testing.T) {
	e := newEnds(t, mishap{allowed: threatqsim.Read})
	if out := e.run(exitEnvironment, "run"); !strings.Contains(out, "refused by threatq  2") || !strings.Contains(out, "to jsonl            2") {
		t.Errorf("run:\n%s", out)
	}
	if out := e.run(exitOK, "status"); !strings.Contains(out, "2 refused, the last: ") || !strings.Contains(out, "403") {
		t.Errorf("status:\n%s", out)
	}
}

// TestInsecureWorksAndWarns trusts anybody when it is told to, as the vendor's
// connectors do with -ds, and says so each time.
func TestInsecureWorksAndWarns(t *testing.T) {
	e := newEnds(t, mishap{mailbox: expired, platform: ofAnother})
	e.run(exitEnvironment, "check", "--connect")
	out := e.run(exitOK, "-ds")
	out += e.run(exitOK, "-ds")
	if n := strings.Count(out, "the server's certificate is not verified"); n != 4 {
		t.Errorf("%d warnings, want one for each end and run:\n%s", n, out)
	}
	if !strings.Contains(out, "to threatq  2") {
		t.Errorf("run -ds:\n%s", out)
	}
}

// TestAllIsWell holds the tests above to ends that work.
func TestAllIsWell(t *testing.T) {
	e := newEnds(t, mishap{})
	for _, want := range []string{"INBOX: 1 mails, 1 unread", "logged in as a@b.example", "ok"} {
		if out := e.run(exitOK, "check", "--connect"); !strings.Contains(out, want) {
			t.Errorf("check says nothing of %q:\n%s", want, out)
		}
	}
	if out := e.run(exitOK, "run"); !strings.Contains(out, "2 mails read") || e.lines() != 2 {
		t.Errorf("run:\n%s", out)
	}
}
