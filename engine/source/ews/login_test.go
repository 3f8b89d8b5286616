package ews_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/source/ews"
	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
	"github.com/tqmailrules/tqmailrules/internal/dial"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

func TestARefusedLoginIsTold(t *testing.T) {
	t.Parallel()
	ntlm := func(c *ewssim.Config) { c.Schemes = []string{"NTLM"} }
	tests := []struct {
		name   string
		sim    func(*ewssim.Config)
		change func(*ews.Config)
		want   []string
	}{
		{
			"a wrong password by NTLM", ntlm, func(c *ews.Config) { c.Password = "wrong" },
			[]string{`log in as "CORP\\phish" by NTLM: the server refuses (it offers NTLM)`, "the password is wrong", "Extended Protection", "issued by CN=tqmailrules test authority"},
		},
		{
			"a wrong password by Basic", func(c *ewssim.Config) { c.Schemes = []string{"Basic"} }, func(c *ews.Config) { c.Password = "wrong" },
			[]string{`log in as "CORP\\phish" by Basic: the server refuses (it offers Basic): the user name or the password is wrong`},
		},
		{"a user that there is not", ntlm, func(c *ews.Config) { c.User = `CORP\nobody` }, []string{"by NTLM: the server refuses"}},
		{
			"NTLM is off", func(c *ewssim.Config) { c.Schemes = []string{"Basic"} }, func(c *ews.Config) { c.Auth = ews.NTLM },
			[]string{"by NTLM: the server refuses (it offers Basic): NTLM is switched off there: choose another auth"},
		},
		{"Basic is off", ntlm, func(c *ews.Config) { c.Auth = ews.Basic }, []string{"by Basic: the server refuses (it offers NTLM): Basic is switched off there"}},
		{"a token that is refused", func(c *ewssim.Config) { c.Schemes = []string{"Bearer"} }, func(c *ews.Config) {
			c.Auth, c.Token = ews.OAuth, func(context.Context) (string, error) { return "tok-secret", nil }
		}, []string{"by Bearer: the server refuses (it offers Bearer): the token is not for this server"}},
		{"tokens only", func(c *ewssim.Config) { c.Schemes = []string{"Bearer"} }, func(*ews.Config) {}, []string{"the server offers Bearer, and none of that can be done here"}},
		{"Kerberos only", func(c *ewssim.Config) { c.Schemes = []string{"Kerberos"} }, func(*ews.Config) {}, []string{"none of that can be done here"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, cfg := safe(t, tt.sim)
			log := &logged{}
			cfg.Log, cfg.Watch = log.logger(), true // a login that is refused ends a watch, too
			tt.change(&cfg)
			src := open(t, cfg)
			_, err := src.Next(t.Context())
			if err == nil || errors.Is(err, engine.ErrTemporary) {
				t.Fatalf("Next: %v", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Next: %v, want %q", err, want)
				}
			}
			if said := err.Error() + log.String(); strings.Contains(said, cfg.Password) && cfg.Password != "wrong" || strings.Contains(said, "tok-secret") {
				t.Errorf("a secret was told: %s", said)
			}
			if n := s.Counts()["401"]; n > 3 {
				t.Errorf("%d refusals: accounts are locked for that", n)
			}
		})
	}
}

// TestAProxyThatLooksIntoTLSIsTold stands between with a certificate of its own:
// the login is bound to a channel that the server does not know.
func TestAProxyThatLooksIntoTLSIsTold(t *testing.T) {
	s, cfg := safe(t, func(c *ewssim.Config) {
		other, _, err := dial.OwnAuthority("mail.corp.example")
		if err != nil {
			t.Fatal(err)
		}
		c.Certificate, c.Schemes = other.Certificate[0], []string{"NTLM"} // what the server has; clients see another
	})
	fill(t, s, "Inbox", 1)
	_, err := open(t, cfg).Next(t.Context())
	if !errors.Is(err, mailbox.ErrLogin) || !strings.Contains(err.Error(), "something on the way shows a certificate of its own") {
		t.Errorf("Next: %v", err)
	}
}

func TestATokenThatRanOutIsAskedForAnew(t *testing.T) {
	s, cfg := safe(t, func(c *ewssim.Config) {
		c.Schemes, c.Tokens = []string{"Bearer"}, map[string]string{"second": user}
	})
	fill(t, s, "Inbox", 3)
	var n atomic.Int64
	cfg.Auth, cfg.Token, cfg.Password = ews.OAuth, func(context.Context) (string, error) {
		return []string{"first", "second", "third"}[n.Add(1)-1], nil
	}, ""
	if got := drain(t, open(t, cfg)); len(got) != 3 || n.Load() != 2 {
		t.Errorf("%d mails, %d tokens", len(got), n.Load())
	}
	cfg.Token = func(context.Context) (string, error) {
		return "", fmt.Errorf("the token server is away: %w", engine.ErrTemporary)
	}
	if _, err := open(t, cfg).Next(t.Context()); !errors.Is(err, engine.ErrTemporary) {
		t.Errorf("while there is no token: %v", err)
	}
}

func TestAPasswordDoesNotGoInTheClear(t *testing.T) {
	s, cfg := sim(t)
	fill(t, s, "Inbox", 1)
	cfg.AllowPlain = false
	if _, err := ews.New(cfg); err == nil || !strings.Contains(err.Error(), "want https") {
		t.Errorf("New: %v", err)
	}
}

// mortal is a connection that ends after some writes; the last one arrives, and
// its answer does not.
type mortal struct {
	net.Conn
	left int64
}

func (m *mortal) Write(p []byte) (int, error) {
	n, err := m.Conn.Write(p)
	if m.left--; m.left <= 0 {
		m.Conn.Close()
	}
	return n, err
}

// TestSixteenWorkersAreNeverRefused counts what the server counts: each
// connection is challenged once, and nothing else is.
func TestSixteenWorkersAreNeverRefused(t *testing.T) {
	requests := 600
	if os.Getenv("TQ_SOAK") != "" {
		requests = 10_000
	}
	for _, closing := range []bool{false, true} {
		t.Run(map[bool]string{false: "connections stay", true: "connections are closed"}[closing], func(t *testing.T) {
			s, cfg := safe(t, func(c *ewssim.Config) { c.Schemes = []string{"NTLM"} })
			for i := range requests {
				s.AddMail("Inbox", raw(fmt.Sprint(i)), epoch, false)
			}
			var dialed atomic.Int64
			cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, addr)
				n := dialed.Add(1)
				if closing && err == nil {
					return &mortal{Conn: conn, left: 8 + n%23}, nil // of which TLS takes two or three
				}
				return conn, err
			}
			cfg.Workers, cfg.Chunk, cfg.Clock = 16, 1, &quick{} // a mail per request
			src := open(t, cfg)
			good, bad, err := read(t, src)
			counts := s.Counts()
			t.Logf("%d mails by %d requests over %d connections, %d challenges and refusals", len(good), counts["GetItem"], dialed.Load(), counts["401"])
			if len(good) != requests || len(bad) > 0 || err != nil {
				t.Errorf("%d mails, %d bad: %v", len(good), len(bad), err)
			}
			if counts["GetItem"] < requests || int64(counts["401"]) > dialed.Load()+1 {
				t.Errorf("%d times 401 over %d connections, by %d requests", counts["401"], dialed.Load(), counts["GetItem"])
			}
		})
	}
}

// TestAProxyThatKeepsNoConnectionsIsTold: NTLM cannot be had through it.
func TestAProxyThatKeepsNoConnectionsIsTold(t *testing.T) {
	s, cfg := sim(t, func(c *ewssim.Config) { c.Schemes = []string{"NTLM"} })
	server := s.HTTPServer()
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		s.ServeHTTP(w, r)
	})
	cfg.Server = "http://" + listen(t, server, nil)
	if _, err := open(t, cfg).Next(t.Context()); !errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), "the server closes each connection before it is logged in") {
		t.Errorf("Next: %v", err)
	}
}

// TestAServerThatAsksNobodyIsReadAllTheSame: something before it logs in for us.
func TestAServerThatAsksNobodyIsReadAllTheSame(t *testing.T) {
	for _, auth := range []ews.Auth{ews.Auto, ews.NTLM, ews.Basic} {
		s, cfg := sim(t)
		fill(t, s, "Inbox", 2)
		server := s.HTTPServer()
		server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.SetBasicAuth(user, password)
			s.ServeHTTP(w, r)
		})
		cfg.Server, cfg.Auth, cfg.Password = "http://"+listen(t, server, nil), auth, "whatever"
		if got := drain(t, open(t, cfg)); len(got) != 2 {
			t.Errorf("%s: %d mails", auth, len(got))
		}
	}
}

// TestASourceLeavesNothingBehind: no goroutine, whatever broke.
func TestASourceLeavesNothingBehind(t *testing.T) {
	s, cfg := safe(t, func(c *ewssim.Config) { c.Schemes = []string{"NTLM"} })
	fill(t, s, "Inbox", 5)
	if err := s.Chaos(3, 0.5, ewssim.Cut, ewssim.Truncated, ewssim.ResetLogin, "500"); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	for range 40 {
		src := open(t, cfg)
		_, _ = src.Next(t.Context())
		src.Close()
	}
	for range 200 {
		if runtime.NumGoroutine() <= before+5 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines, before %d\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}

// TestALoginThatIsLostIsDoneAgain makes the server forget that a connection is
// logged in.
func TestALoginThatIsLostIsDoneAgain(t *testing.T) {
	s, cfg := safe(t, func(c *ewssim.Config) { c.Schemes = []string{"NTLM"} })
	fill(t, s, "Inbox", 100)
	for i := range 5 {
		if err := s.Fault(ewssim.Fault{Operation: "GetItem", After: 3 * i, What: ewssim.ResetLogin}); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Chunk = 1
	if got := drain(t, open(t, cfg)); len(got) != 100 {
		t.Errorf("%d mails", len(got))
	}
	s.Calm()
	if err := s.Fault(ewssim.Fault{Operation: "GetItem", Times: -1, What: ewssim.ResetLogin}); err != nil {
		t.Fatal(err)
	}
	before := s.Counts()["401"]
	if _, err := open(t, cfg).Next(t.Context()); !errors.Is(err, mailbox.ErrLogin) || s.Counts()["401"]-before > 10 {
		t.Errorf("refused for ever, %d times: %v", s.Counts()["401"]-before, err)
	}
}
