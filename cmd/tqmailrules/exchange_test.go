package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
	"github.com/tqmailrules/tqmailrules/internal/dial"
	"github.com/tqmailrules/tqmailrules/internal/dial/dialtest"
)

// exchange is a mailServer: a simulated one over TLS, which wants NTLM bound to the
// connection, and gives other bytes of a mail at each reading.
type exchange struct {
	*ewssim.Server
	addr, ca    string
	intake      string
	certificate tls.Certificate
	web         *http.Server
}

func newExchange(t testing.TB) mailServer { return serveExchange(t, ewssim.Config{}) }

// serveExchange serves a mailbox with what is not said of it as usual.
func serveExchange(t testing.TB, cfg ewssim.Config) *exchange {
	t.Helper()
	certificate, ca, err := dial.OwnAuthority("127.0.0.1", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Users, cfg.Mailboxes = map[string]string{`CORP\phish`: "correct-horse"}, map[string]string{"phish@corp.example": `CORP\phish`}
	cfg.Certificate, cfg.Protection, cfg.Regenerate, cfg.Seed = certificate.Certificate[0], "require", true, 7
	if len(cfg.Schemes) == 0 {
		cfg.Schemes = []string{"NTLM"}
	}
	e := &exchange{Server: ewssim.New(cfg), intake: "unread", addr: "127.0.0.1:0", certificate: certificate, ca: filepath.Join(t.TempDir(), "ca.pem")}
	if err := os.WriteFile(e.ca, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	e.start(t)
	t.Cleanup(func() { e.web.Close() })
	return e
}

func (e *exchange) start(t testing.TB) {
	t.Helper()
	var l net.Listener
	var err error
	for late := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) { // the port may be on its way to be free
		if l, err = net.Listen("tcp", e.addr); err == nil || time.Now().After(late) {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	e.addr = l.Addr().String()
	e.web = e.HTTPServer()
	e.web.ErrorLog = log.New(io.Discard, "", 0)
	go e.web.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{e.certificate}}))
}

func (e *exchange) Address() string { return e.addr }

func (e *exchange) Source(t testing.TB, address string) string {
	t.Helper()
	t.Setenv("TQ_TEST_EWS", "correct-horse")
	return fmt.Sprintf("ews: { server: %q, email: phish@corp.example, user: 'CORP\\phish', password: { env: TQ_TEST_EWS }, tls: { ca_file: %q }, intake: %s }", address, e.ca, e.intake)
}

func (e *exchange) Deliver(_ testing.TB, raw []byte, received time.Time) {
	e.AddMail("Inbox", raw, received, false)
}

func (e *exchange) Count(testing.TB) (mails, unread int) {
	for _, m := range e.Mails("Inbox") {
		mails++
		if !m.Read {
			unread++
		}
	}
	return mails, unread
}

func (e *exchange) Trouble(t testing.TB, seed uint64) {
	t.Helper()
	if err := e.Chaos(seed, 0.04); err != nil {
		t.Fatal(err)
	}
	if seed%3 == 0 {
		e.InvalidateSync()
	}
}

func (e *exchange) Restart(t testing.TB) {
	t.Helper()
	e.web.Close()
	e.start(t)
}

// TestFromExchangeToThreatQ is TestFromAMailboxToThreatQ with an Exchange that wants
// NTLM with channel binding, and does to requests what busy servers do.
func TestFromExchangeToThreatQ(t *testing.T) { fromMailboxToThreatQ(t, newExchange, 500) }

// TestNewMailFromExchangeToThreatQ is the same with a state of synchronisation, which
// the server forgets at times, in place of what is unread.
func TestNewMailFromExchangeToThreatQ(t *testing.T) {
	fromMailboxToThreatQ(t, func(t testing.TB) mailServer {
		e := serveExchange(t, ewssim.Config{MaxSync: 100})
		e.intake = "new"
		return e
	}, 50)
}

const exchangeConfig = `instance: exchange
sources:
  - ews: { server: "SERVER", email: phish@corp.example, user: 'CORP\phish', password: { env: TQ_TEST_EWS }, tls: { ca_file: "AUTHORITY" } }
  - files: { path: mails }
rules: [ rules.yaml ]
sinks: [ { jsonl: { path: lines.jsonl } } ]
store: { path: state.db }
log: { to: stderr }
`

// TestWhatIsWrongWithAnExchangeIsTold tries a mailbox that cannot be read: check says
// why, and a run says the same, reads the other source, and ends with status 4.
func TestWhatIsWrongWithAnExchangeIsTold(t *testing.T) {
	tests := []struct {
		name   string
		server ewssim.Config
		change []string // pairs: what stands in the configuration, and what shall
		words  []string
	}{
		{"password", ewssim.Config{}, []string{"env: TQ_TEST_EWS", "env: TQ_TEST_WRONG"}, []string{"NTLM", "password"}},
		{"another way to log in", ewssim.Config{Schemes: []string{"Negotiate", "NTLM"}}, []string{"user:", "auth: basic, user:"}, []string{"NTLM", "Basic"}},
		{"host", ewssim.Config{}, []string{"SERVER", "mail.invalid"}, []string{"mail.invalid"}},
		{"port", ewssim.Config{}, []string{"SERVER", "127.0.0.1:1"}, []string{"127.0.0.1:1", "nobody listens there"}},
		{"authority", ewssim.Config{}, []string{`, tls: { ca_file: "AUTHORITY" }`, ""}, []string{"is signed by nobody who is known here", "tls.ca_file"}},
		{"path", ewssim.Config{}, []string{"SERVER", "https://SERVER/other/path.asmx"}, []string{"404"}},
		{"folder", ewssim.Config{}, []string{"user:", "folders: [Inbox/Abuze], user:"}, []string{"Inbox/Abuze", "Inbox/Abuse"}},
		{"folder of two", ewssim.Config{}, []string{"user:", "folders: [Twin], user:"}, []string{"Twin", "A/Twin", "B/Twin"}},
		{"mailbox of another", ewssim.Config{}, []string{"email: phish@", "email: boss@"}, []string{"boss@corp.example"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("TQ_TEST_EWS", "correct-horse")
			t.Setenv("TQ_TEST_WRONG", "wrong-horse")
			server := serveExchange(t, tt.server)
			for _, f := range []string{"Inbox/Abuse", "A/Twin", "B/Twin"} {
				server.AddFolder(f)
			}
			f := folder{t, t.TempDir()}
			f.write("rules.yaml", productionRules)
			f.write("mails/one.eml", string(madeUpMail(1)))
			f.write("tq.yaml", strings.NewReplacer("SERVER", server.addr, "AUTHORITY", server.ca).Replace(strings.NewReplacer(tt.change...).Replace(exchangeConfig)))
			tried := f.run(exitEnvironment, "check", "--connect")
			ran := f.run(exitEnvironment, "run")
			for _, out := range []string{tried, ran} {
				for _, w := range tt.words {
					if !strings.Contains(out, w) {
						t.Errorf("nothing of %q:\n%s", w, out)
					}
				}
				if strings.Contains(out, "horse") {
					t.Errorf("a password shows:\n%s", out)
				}
			}
			if !strings.Contains(ran, "1 mails read") {
				t.Errorf("the other source was not read:\n%s", ran)
			}
		})
	}
}

// TestFoldersOfExchange reads well-known folders under the names of another language,
// a path, and a folder with a comma, and marks what it has read.
func TestFoldersOfExchange(t *testing.T) {
	t.Setenv("TQ_TEST_EWS", "correct-horse")
	server := serveExchange(t, ewssim.Config{Language: "de"})
	server.AddFolder("Inbox/Abuse")
	server.AddFolder("Meldungen, alt")
	for i, name := range []string{"inbox", "Inbox/Abuse", "Meldungen, alt", "deleteditems"} {
		server.AddMail(name, madeUpMail(i), enginetest.Epoch, false)
	}
	f := folder{t, t.TempDir()}
	f.write("rules.yaml", productionRules)
	config := strings.NewReplacer("SERVER", server.addr, "AUTHORITY", server.ca, "  - files: { path: mails }\n", "",
		"user:", `folders: 'INBOX, Abuse, "Meldungen, alt", deleteditems', user:`).Replace(exchangeConfig)
	f.write("tq.yaml", config)
	f.run(exitOK, "check", "--connect")
	if out := f.run(exitOK, "dry-run"); !strings.Contains(out, "Notice 3") {
		t.Errorf("a dry run of the live mailbox:\n%s", out)
	}
	if out := f.run(exitOK, "run"); !strings.Contains(out, "4 mails read") {
		t.Errorf("run: %s", out)
	}
	for _, name := range []string{"inbox", "Inbox/Abuse", "Meldungen, alt", "deleteditems"} {
		for _, m := range server.Mails(name) {
			if !m.Read {
				t.Errorf("%s: a mail is unread", name)
			}
		}
	}
	if out := f.run(exitOK, "run"); !strings.Contains(out, "0 mails read") {
		t.Errorf("run again: %s", out)
	}
}

// TestInitThenRunAtExchange goes from an empty folder to marked mail without a
// person: the vendor's parameters, a crontab line of theirs, a folder that is moved to.
func TestInitThenRunAtExchange(t *testing.T) {
	server := serveExchange(t, ewssim.Config{})
	server.AddFolder("Done")
	for i := range 3 {
		server.Deliver(t, madeUpMail(i), enginetest.Epoch)
	}
	f := folder{t, t.TempDir()}
	f.write("pw", "correct-horse\n")
	f.write("exchange.conf", "server = "+server.addr+"\nemail_address = phish@corp.example\nusername = CORP\\phish\nmailbox_type = Spearphish\n")
	out := runProgram(t, exitOK, "import-config", "-c", f.dir, "--ews-password-file", filepath.Join(f.dir, "pw"), "--ca-file", server.ca, "--check", filepath.Join(f.dir, "exchange.conf"))
	for _, want := range []string{"Inbox: 3 mails, 3 unread", " by NTLM", "ews ews  ", "ok"} {
		if !strings.Contains(out, want) {
			t.Errorf("import-config --check says nothing of %q:\n%s", want, out)
		}
	}
	if _, unread := server.Count(t); unread != 3 {
		t.Errorf("%d mails are unread", unread)
	}
	if out := runProgram(t, exitOK, "fetch", "-c", f.dir, "--to", filepath.Join(f.dir, "corpus")); !strings.Contains(out, "3 mails written") {
		t.Errorf("fetch: %s", out)
	}
	f.write("rules.yaml", read(t, filepath.Join(f.dir, "rules.yaml"))+"  - { id: away, when: 'message.carrier.id == \"\"', then: [ { route: { seen: true, move_to: Done, flag: Handled } } ] }\n")
	if out := runProgram(t, exitOK, "-c", f.dir+"/", "-ll", f.dir, "-v3"); !strings.Contains(out, "3 mails read") || !strings.Contains(out, "skipped") {
		t.Errorf("run: %s", out)
	}
	moved := server.Mails("Done")
	for _, m := range moved {
		if !m.Read || !strings.Contains(fmt.Sprint(m.Category), "Handled") {
			t.Errorf("%s: read %t, category %q", m.Subject, m.Read, m.Category)
		}
	}
	if mails, _ := server.Count(t); mails != 0 || len(moved) != 3 {
		t.Errorf("%d mails in the inbox, %d in Done", mails, len(moved))
	}
}

// TestExchangeThroughProxies binds the login to a TLS connection that a proxy only
// passes on.
func TestExchangeThroughProxies(t *testing.T) {
	proxy := &dialtest.Proxy{User: "soc", Password: "gate"}
	for _, scheme := range []string{"http", "socks5"} {
		t.Run(scheme, func(t *testing.T) {
			t.Setenv("TQ_TEST_EWS", "correct-horse")
			t.Setenv("TQ_TEST_PROXY", "gate")
			server := serveExchange(t, ewssim.Config{})
			server.Deliver(t, madeUpMail(0), enginetest.Epoch)
			before := len(proxy.Requests())
			f := folder{t, t.TempDir()}
			f.write("rules.yaml", productionRules)
			f.write("tq.yaml", strings.NewReplacer("SERVER", server.addr, "AUTHORITY", server.ca, "  - files: { path: mails }\n", "",
				"user:", "proxy: { url: \""+scheme+"://soc@"+proxy.Start(t)+"\", password: { env: TQ_TEST_PROXY } }, user:").Replace(exchangeConfig))
			if out := f.run(exitOK, "run"); !strings.Contains(out, "1 mails read") {
				t.Errorf("run: %s", out)
			}
			if len(proxy.Requests()) == before {
				t.Error("nothing went through the proxy")
			}
		})
	}
}

// TestAnInspectedConnectionIsExplained has somebody between us and the server who shows
// a certificate of his own, as inspecting proxies do: even where that is trusted, the
// login cannot be bound, and -ds does not help.
func TestAnInspectedConnectionIsExplained(t *testing.T) {
	t.Setenv("TQ_TEST_EWS", "correct-horse")
	server := serveExchange(t, ewssim.Config{})
	between, _, err := dial.OwnAuthority("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{between}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go lookInto(l, server.addr)
	f := folder{t, t.TempDir()}
	f.write("rules.yaml", productionRules)
	f.write("tq.yaml", strings.NewReplacer("SERVER", l.Addr().String(), `tls: { ca_file: "AUTHORITY" }`, "tls: { insecure: true }", "  - files: { path: mails }\n", "").Replace(exchangeConfig))
	out := f.run(exitEnvironment, "check", "--connect")
	for _, want := range []string{"NTLM", "Extended Protection", "certificate"} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing of %q:\n%s", want, out)
		}
	}
}

// lookInto passes what comes over TLS on over TLS of its own.
func lookInto(l net.Listener, to string) {
	for {
		from, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer from.Close()
			server, err := tls.Dial("tcp", to, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // that is what they do
			if err != nil {
				return
			}
			defer server.Close()
			go func() {
				io.Copy(server, from)
				server.CloseWrite()
			}()
			io.Copy(from, server)
		}()
	}
}
