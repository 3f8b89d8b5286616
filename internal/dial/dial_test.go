package dial_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/internal/dial"
	"github.com/tqmailrules/tqmailrules/internal/dial/dialtest"
)

// through makes a dialer over a proxy of some kind.
func through(scheme, addr, user, password string) *dial.Dialer {
	return &dial.Dialer{Proxy: dial.Proxy{Scheme: scheme, Addr: addr, User: user, Password: password}, Timeout: 10 * time.Second}
}

// talk connects to an Echo, and checks that both ways are open.
func talk(t *testing.T, d *dial.Dialer, addr string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c, err := d.DialContext(ctx, "tcp", addr)
	cancel() // what is open stays open
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	converse(t, c)
}

func converse(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	said := strings.Repeat("mail ", 20_000)
	go io.WriteString(c, said)
	heard := make([]byte, len(dialtest.Greeting)+len(said))
	if _, err := io.ReadFull(c, heard); err != nil || string(heard) != dialtest.Greeting+said {
		t.Errorf("heard %.40q of %d bytes, %v", heard, len(heard), err)
	}
}

func TestEveryKindOfProxyReachesTheServer(t *testing.T) {
	four, six := dialtest.Echo(t, "127.0.0.1:0", nil), ""
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
		l.Close()
		six = dialtest.Echo(t, "[::1]:0", nil)
	}
	hosts := map[string]string{"imap.only-there.example:993": four}
	for _, row := range []struct {
		scheme, user, password, addr, protocol string
		refused                                string // in words; "" reaches
	}{
		{"socks4", "", "", four, "socks4", ""},
		{"socks4", "joe", "", four, "socks4", ""},
		{"socks4", "", "", six, "", "it knows no IPv6; use socks5"},
		{"socks4", "", "", "imap.only-there.example:993", "", "socks4a lets the proxy look"},
		{"socks4a", "", "", four, "socks4", ""},
		{"socks4a", "", "", "imap.only-there.example:993", "socks4a", ""},
		{"socks4a", "joe", "", "imap.only-there.example:993", "socks4a", ""},
		{"socks5", "", "", four, "socks5", ""},
		{"socks5", "", "", six, "socks5", ""},
		{"socks5", "", "", "imap.only-there.example:993", "socks5", ""},
		{"socks5", "joe", "se:cret", "imap.only-there.example:993", "socks5", ""},
		{"http", "", "", four, "http", ""},
		{"http", "", "", six, "http", ""},
		{"http", "", "", "imap.only-there.example:993", "http", ""},
		{"http", "joe", "se:cret", "imap.only-there.example:993", "http", ""},
	} {
		t.Run(row.scheme+" "+row.user+" "+row.addr, func(t *testing.T) {
			if row.addr == "" {
				t.Skip("skipped: this machine has no IPv6")
			}
			p := &dialtest.Proxy{User: row.user, Password: row.password, Hosts: hosts}
			d := through(row.scheme, p.Start(t), row.user, row.password)
			if row.refused != "" {
				_, err := d.DialContext(t.Context(), "tcp", row.addr)
				if err == nil || !strings.Contains(err.Error(), row.refused) {
					t.Errorf("error %v, want %q", err, row.refused)
				}
				return
			}
			talk(t, d, row.addr)
			if diff := cmp.Diff([]dialtest.Request{{Protocol: row.protocol, User: row.user, Address: row.addr}}, p.Requests()); diff != "" {
				t.Errorf("the proxy was asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWithoutProxyTheServerIsReached(t *testing.T) {
	talk(t, &dial.Dialer{}, dialtest.Echo(t, "127.0.0.1:0", nil))
}

// TestRefusalsAreToldInWords: each names the proxy and what is wrong, and none holds
// the password.
func TestRefusalsAreToldInWords(t *testing.T) {
	free := &dialtest.Proxy{}
	closed := &dialtest.Proxy{User: "joe", Password: "right"}
	freeAddr, closedAddr := free.Start(t), closed.Start(t)
	for _, row := range []struct{ name, scheme, proxy, user, want string }{
		{"no such host by socks4a", "socks4a", freeAddr, "", "refuses the connection, or the server cannot be reached"},
		{"no such host by socks5", "socks5", freeAddr, "", "the server cannot be reached from there"},
		{"no such host by http", "http", freeAddr, "", "it refuses the connection: 502 Bad Gateway"},
		{"unknown user by socks4", "socks4a", closedAddr, "jim", "who the user is"},
		{"no user by socks5", "socks5", closedAddr, "", "it wants a user and a password"},
		{"wrong password by socks5", "socks5", closedAddr, "joe", "it refuses user joe or the password"},
		{"no user by http", "http", closedAddr, "", "it wants another user or password"},
		{"wrong password by http", "http", closedAddr, "joe", "it wants another user or password"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := through(row.scheme, row.proxy, row.user, "hunter2").DialContext(t.Context(), "tcp", "imap.nowhere.example:993")
			if err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), "proxy "+row.proxy) {
				t.Errorf("error %v, want %q", err, row.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the password stands in %q", err)
			}
		})
	}
}

// answers are what stands where a proxy was expected.
var answers = []struct{ name, scheme, answer, want string }{
	{"refused by its rules", "socks5", "\x05\x00\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00", "its rules do not allow"},
	{"server refuses", "socks5", "\x05\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00", "the server refuses the connection"},
	{"answer that there is not", "socks5", "\x05\x00\x05\x77\x00\x01\x00\x00\x00\x00\x00\x00", "0x77, which SOCKS5 does not know"},
	{"address that there is not", "socks5", "\x05\x00\x05\x00\x00\x09\x00\x00\x00\x00\x00\x00", "kind 0x9, which SOCKS5 does not know"},
	{"way that was not offered", "socks5", "\x05\x01", "none of the ways to log in"},
	{"login that was not offered", "socks5", "\x05\x02", "none of the ways to log in"},
	{"a mail server", "socks5", "* OK IMAP4rev1 ready\r\n", "0x2a, which is not SOCKS5"},
	{"a web server", "socks5", "HTTP/1.1 400 Bad Request\r\n\r\n", "0x48, which is not SOCKS5"},
	{"a SOCKS4 proxy", "socks5", "\x00\x5b\x00\x00\x00\x00\x00\x00", "0x0, which is not SOCKS5"},
	{"garbage after the greeting", "socks5", "\x05\x00HTTP/1.1 400 Bad", "0x48, which is not SOCKS5"},
	{"hung up at once", "socks5", "", "it hung up"},
	{"hung up in the greeting", "socks5", "\x05", "it hung up"},
	{"hung up in the answer", "socks5", "\x05\x00\x05\x00\x00\x03\xff", "it hung up"},
	{"refused", "socks4", "\x00\x5b\x00\x00\x00\x00\x00\x00", "refuses the connection"},
	{"identd", "socks4", "\x00\x5c\x00\x00\x00\x00\x00\x00", "who the user is"},
	{"a mail server", "socks4", "* OK IMAP4rev1 ready\r\n", "0x2a, which is not SOCKS4"},
	{"a SOCKS5 proxy", "socks4", "\x05\xff\x00\x00\x00\x00\x00\x00", "0x5, which is not SOCKS4"},
	{"answer that there is not", "socks4", "\x00\x77\x00\x00\x00\x00\x00\x00", "0x77, which is not SOCKS4"},
	{"hung up", "socks4", "\x00\x5a\x00", "it hung up"},
	{"a mail server", "http", "* OK IMAP4rev1 ready\r\n", "is no HTTP"},
	{"hung up", "http", "HTTP/1.1 200 O", "it hung up"},
	{"hung up at once", "http", "", "it hung up"},
	{"redirect", "http", "HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\n\r\n", "302 Found"},
	{"endless fields", "http", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 20_000), "is no HTTP"},
}

func TestWhatIsNoProxyIsRefused(t *testing.T) {
	for _, row := range answers {
		t.Run(row.scheme+" "+row.name, func(t *testing.T) {
			p := &dialtest.Proxy{Answer: []byte(row.answer), HangUp: true}
			start := time.Now()
			_, err := through(row.scheme, p.Start(t), "", "").DialContext(t.Context(), "tcp", "127.0.0.1:143")
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %q", err, row.want)
			}
			if time.Since(start) > 5*time.Second {
				t.Errorf("told after %v", time.Since(start))
			}
		})
	}
}

// TestAnswersThatBreakOffAreRefused cuts whole conversations at every byte; whole, and
// in single bytes, they open the connection.
func TestAnswersThatBreakOffAreRefused(t *testing.T) {
	for _, row := range []struct{ name, scheme, user, answer string }{
		{"socks4", "socks4", "", "\x00\x5a\x00\x00\x00\x00\x00\x00"},
		{"socks5", "socks5", "", "\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"},
		{"socks5 with a password", "socks5", "joe", "\x05\x02\x01\x00\x05\x00\x00\x03\x04name\x00\x50"},
		{"socks5 over IPv6", "socks5", "", "\x05\x00\x05\x00\x00\x04" + strings.Repeat("\x00", 18)},
		{"http", "http", "", "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := dial.Proxy{Scheme: row.scheme, User: row.user, Password: "secret"}
			for n := range row.answer {
				if c, err := converseBytewise(t, p, row.answer[:n]); err == nil {
					t.Errorf("opened by %d of %d bytes", n, len(row.answer))
					c.Close()
				}
			}
			c, err := converseBytewise(t, p, row.answer+"* OK early")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			early, err := io.ReadAll(c)
			if err != nil || string(early) != "* OK early" {
				t.Errorf("heard %q, %v", early, err)
			}
		})
	}
}

// converseBytewise has a proxy answer in single bytes, and hang up.
func converseBytewise(t *testing.T, p dial.Proxy, answer string) (net.Conn, error) {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close() })
	go discard(server)
	go func() {
		defer server.Close()
		for i := range len(answer) {
			server.Write([]byte{answer[i]})
		}
	}()
	client.SetDeadline(time.Now().Add(10 * time.Second))
	return dial.Negotiate(t.Context(), p, client, "192.0.2.1:993")
}

func TestSilentProxyIsGivenUp(t *testing.T) {
	silent := dialtest.Silent(t)
	for _, scheme := range []string{"socks4", "socks4a", "socks5", "http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			d := through(scheme, silent, "", "")
			d.Timeout = 50 * time.Millisecond
			_, err := d.DialContext(t.Context(), "tcp", "127.0.0.1:143")
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "it does not answer") {
				t.Errorf("after the timeout: %v", err)
			}
			d.Timeout = time.Minute
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			if _, err := d.DialContext(ctx, "tcp", "127.0.0.1:143"); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
		})
	}
}

func TestProxyThatIsDownIsToldInWords(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, err = through("socks5", addr, "", "").DialContext(t.Context(), "tcp", "127.0.0.1:143")
	if err = dial.Explain(err); err == nil || !strings.Contains(err.Error(), "nobody listens there") || !strings.Contains(err.Error(), "proxy "+addr) {
		t.Errorf("error %v", err)
	}
}

func TestHTTPSProxyMustProveWhoItIs(t *testing.T) {
	authority := dialtest.NewAuthority(t, "Test Authority")
	p := &dialtest.Proxy{User: "joe", Password: "secret", TLS: &tls.Config{Certificates: []tls.Certificate{authority.Issue(t, nil)}}}
	d := through("https", p.Start(t), "joe", "secret")
	server := dialtest.Echo(t, "127.0.0.1:0", nil)
	if _, err := d.DialContext(t.Context(), "tcp", server); err == nil || !strings.Contains(err.Error(), "signed by nobody who is known here") {
		t.Errorf("unknown authority: %v", err)
	}
	d.TLS = &tls.Config{RootCAs: authority.Pool()}
	talk(t, d, server)
	d.TLS.ServerName = "other.example"
	if _, err := d.DialContext(t.Context(), "tcp", server); err == nil || !strings.Contains(err.Error(), "not for other.example") {
		t.Errorf("wrong name: %v", err)
	}
	plain := (&dialtest.Proxy{}).Start(t)
	if _, err := through("https", plain, "", "").DialContext(t.Context(), "tcp", server); err == nil || !strings.Contains(err.Error(), "does not speak TLS") {
		t.Errorf("plain proxy: %v", err)
	}
}

func TestTLSGoesThroughEveryProxy(t *testing.T) {
	authority := dialtest.NewAuthority(t, "Test Authority")
	server := dialtest.Echo(t, "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{authority.Issue(t, nil)}})
	p := &dialtest.Proxy{Hosts: map[string]string{"mail.example:993": server}}
	addr := p.Start(t)
	for _, scheme := range []string{"socks4a", "socks5", "http"} {
		t.Run(scheme, func(t *testing.T) {
			c, err := through(scheme, addr, "", "").DialContext(t.Context(), "tcp", "mail.example:993")
			if err != nil {
				t.Fatal(err)
			}
			secure, err := dial.Handshake(t.Context(), c, "mail.example:993", &tls.Config{RootCAs: authority.Pool()})
			if err != nil {
				t.Fatal(err)
			}
			defer secure.Close()
			converse(t, secure)
		})
	}
}

func TestAddressesOfProxiesAreRead(t *testing.T) {
	for _, row := range []struct {
		address, password string
		want              dial.Proxy
		err               string
	}{
		{"socks5://proxy.example:9050", "", dial.Proxy{Scheme: "socks5", Addr: "proxy.example:9050"}, ""},
		{"socks5://proxy.example", "", dial.Proxy{Scheme: "socks5", Addr: "proxy.example:1080"}, ""},
		{"socks4a://joe@10.0.0.1", "", dial.Proxy{Scheme: "socks4a", Addr: "10.0.0.1:1080", User: "joe"}, ""},
		{"http://joe@[2001:db8::1]", "pw", dial.Proxy{Scheme: "http", Addr: "[2001:db8::1]:8080", User: "joe", Password: "pw"}, ""},
		{"https://proxy.example", "", dial.Proxy{Scheme: "https", Addr: "proxy.example:443"}, ""},
		{"proxy.example:1080", "", dial.Proxy{}, "write scheme://host:port"},
		{"ftp://proxy.example", "", dial.Proxy{}, `a proxy of kind "ftp"`},
		{"socks5://", "", dial.Proxy{}, "write scheme://host:port"},
		{"::", "", dial.Proxy{}, "write scheme://host:port"},
		{"socks5://joe@proxy.example", strings.Repeat("p", 256), dial.Proxy{}, "longer than 255 bytes"},
		{"socks4://j%00e@proxy.example", "", dial.Proxy{}, "zero byte"},
	} {
		t.Run(row.address, func(t *testing.T) {
			got, err := dial.ParseProxy(row.address, row.password)
			if row.err == "" && err != nil || row.err != "" && (err == nil || !strings.Contains(err.Error(), row.err)) {
				t.Errorf("error %v, want %q", err, row.err)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAddressesThatCannotBeAskedFor(t *testing.T) {
	addr := (&dialtest.Proxy{}).Start(t)
	for _, row := range []struct{ scheme, addr, want string }{
		{"socks5", "no-port", "missing port"},
		{"socks5", "host:imap", "is no number"},
		{"socks5", strings.Repeat("h", 256) + ":1", "longer than 255 bytes"},
		{"socks4a", "a\x00b:1", "zero byte"},
		{"http", "a\r\nX:1", "line end"},
	} {
		t.Run(fmt.Sprintf("%s %.20q", row.scheme, row.addr), func(t *testing.T) {
			c, err := through(row.scheme, addr, "", "").DialContext(t.Context(), "tcp", row.addr)
			if err == nil {
				c.Close()
			}
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %q", err, row.want)
			}
		})
	}
}

func TestDantedIsAProxy(t *testing.T) {
	addr, server := dialtest.Danted(t), dialtest.Echo(t, "127.0.0.1:0", nil)
	for _, scheme := range []string{"socks4", "socks4a", "socks5"} {
		t.Run(scheme, func(t *testing.T) { talk(t, through(scheme, addr, "", ""), server) })
	}
	_, port, _ := net.SplitHostPort(server)
	t.Run("socks5 resolves", func(t *testing.T) { talk(t, through("socks5", addr, "", ""), "localhost:"+port) })
	t.Run("nobody listens", func(t *testing.T) {
		_, err := through("socks5", addr, "", "").DialContext(t.Context(), "tcp", "127.0.0.1:1")
		if err == nil || !strings.Contains(err.Error(), "the server refuses the connection") {
			t.Errorf("error %v", err)
		}
		_, err = through("socks4", addr, "", "").DialContext(t.Context(), "tcp", "127.0.0.1:1")
		if err == nil || !strings.Contains(err.Error(), "it refuses the connection, or the server cannot be reached from there") {
			t.Errorf("error %v", err)
		}
	})
}

func TestMicrosocksIsAProxy(t *testing.T) {
	addr, server := dialtest.Microsocks(t, "joe", "secret"), dialtest.Echo(t, "127.0.0.1:0", nil)
	talk(t, through("socks5", addr, "joe", "secret"), server)
	for _, row := range []struct{ scheme, user, password, want string }{
		{"socks5", "joe", "wrong", "it refuses user joe or the password"},
		{"socks5", "", "", "it wants a user and a password"},
		{"socks4", "", "", "proxy " + addr},
	} {
		_, err := through(row.scheme, addr, row.user, row.password).DialContext(t.Context(), "tcp", server)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s %s %s: %v, want %q", row.scheme, row.user, row.password, err, row.want)
		}
	}
	talk(t, through("socks5", dialtest.Microsocks(t, "", ""), "", ""), server)
}
