package dial_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/internal/dial"
	"github.com/tqmailrules/tqmailrules/internal/dial/dialtest"
)

// handshake connects to a server with the settings of cfg.
func handshake(t *testing.T, addr, name string, cfg dial.TLS) (*tls.Conn, error) {
	t.Helper()
	settings, err := cfg.Config()
	if err != nil {
		t.Fatal(err)
	}
	c, err := (&dial.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	return dial.Handshake(ctx, c, name, settings)
}

// file writes a file of the test.
func file(t *testing.T, content []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestServersThatAreNotTrustedAreToldInWords(t *testing.T) {
	authority, stranger := dialtest.NewAuthority(t, "Our Authority"), dialtest.NewAuthority(t, "Stranger")
	ca := file(t, authority.PEM())
	issue := func(change func(*x509.Certificate)) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{authority.Issue(t, change)}}
	}
	for _, row := range []struct {
		name, host string
		server     *tls.Config
		want       []string
	}{
		{"right", "mail.example", issue(nil), nil},
		{"right number", "127.0.0.1", issue(nil), nil},
		{"wrong host", "imap.other.example", issue(nil), []string{"the certificate is for mail.example, 127.0.0.1, not for imap.other.example", "tls.server_name"}},
		{"expired", "mail.example", issue(func(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(0, 0, -3) }), []string{"the certificate has expired on " + time.Now().UTC().AddDate(0, 0, -3).Format(time.DateOnly)}},
		{"not yet valid", "mail.example", issue(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().AddDate(0, 0, 2), time.Now().AddDate(1, 0, 0)
		}), []string{"the certificate is valid from " + time.Now().UTC().AddDate(0, 0, 2).Format(time.DateOnly) + " on", "clock"}},
		{"unknown authority", "mail.example", &tls.Config{Certificates: []tls.Certificate{stranger.Issue(t, nil)}}, []string{"signed by nobody who is known here (issuer CN=Stranger)", "tls.ca_file"}},
		{"self-signed", "mail.example", &tls.Config{Certificates: []tls.Certificate{dialtest.SelfSigned(t)}}, []string{"signed by nobody who is known here (by itself)", "tls.ca_file"}},
		{"for another use", "mail.example", issue(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }), []string{"the certificate cannot be used"}},
		{"only its common name", "mail.example", issue(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, nil }), []string{"the certificate is for CN=mail.example, not for mail.example"}},
		{"old version", "mail.example", &tls.Config{Certificates: []tls.Certificate{authority.Issue(t, nil)}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, []string{"older version of TLS than 1.2"}},
		{"plain server", "mail.example", nil, []string{"does not speak TLS on this port", "STARTTLS"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			addr := dialtest.Echo(t, "127.0.0.1:0", row.server)
			c, err := handshake(t, addr, row.host+":993", dial.TLS{CAFile: ca})
			if err == nil {
				defer c.Close()
				converse(t, c)
			}
			if (err == nil) != (row.want == nil) {
				t.Fatalf("error %v", err)
			}
			for _, want := range row.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q", err, want)
				}
			}
			if row.server == nil || row.name == "old version" {
				return
			}
			insecure, err := handshake(t, addr, row.host+":993", dial.TLS{CAFile: ca, Insecure: true})
			if err != nil {
				t.Fatalf("insecure: %v", err)
			}
			defer insecure.Close()
			converse(t, insecure)
		})
	}
}

func TestServerNameMayDiffer(t *testing.T) {
	authority := dialtest.NewAuthority(t, "Our Authority")
	addr := dialtest.Echo(t, "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{authority.Issue(t, nil)}})
	c, err := handshake(t, addr, "tunnel.example:993", dial.TLS{CAFile: file(t, authority.PEM()), ServerName: "mail.example"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	converse(t, c)
}

// TestSystemAuthoritiesAreTrustedByDefault, and ours is none of them.
func TestSystemAuthoritiesAreTrustedByDefault(t *testing.T) {
	authority := dialtest.NewAuthority(t, "Our Authority")
	addr := dialtest.Echo(t, "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{authority.Issue(t, nil)}})
	for name, settings := range map[string]dial.TLS{"zero": {}, "named": {ServerName: "mail.example"}} {
		if _, err := handshake(t, addr, "mail.example:993", settings); err == nil || !strings.Contains(err.Error(), "signed by nobody who is known here") {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dial.Handshake(t.Context(), c, "mail.example:993", nil); err == nil {
		t.Error("without settings anybody is trusted")
	}
}

// TestClientCertificates: with TLS 1.3 the server says only after the handshake that
// it wants one.
func TestClientCertificates(t *testing.T) {
	authority := dialtest.NewAuthority(t, "Our Authority")
	ca := file(t, authority.PEM())
	own, key := dialtest.Files(t, authority.Issue(t, nil))
	other, otherKey := dialtest.Files(t, dialtest.NewAuthority(t, "Stranger").Issue(t, nil))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			addr := dialtest.Echo(t, "127.0.0.1:0", &tls.Config{
				Certificates: []tls.Certificate{authority.Issue(t, nil)}, MaxVersion: version,
				ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authority.Pool(),
			})
			c, err := handshake(t, addr, "mail.example:993", dial.TLS{CAFile: ca, Certificate: own, Key: key})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			converse(t, c)
			for name, settings := range map[string]dial.TLS{"none": {CAFile: ca}, "of a stranger": {CAFile: ca, Certificate: other, Key: otherKey}} {
				c, err := handshake(t, addr, "mail.example:993", settings)
				if err == nil {
					_, err = c.Read(make([]byte, 1))
					err = dial.Explain(err)
					c.Close()
				}
				if err == nil || !strings.Contains(err.Error(), "it may want a client certificate (tls.certificate, tls.key)") {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

func TestServerThatSaysNothingIsGivenUp(t *testing.T) {
	for name, addr := range map[string]string{
		"silent":  dialtest.Silent(t),
		"hung up": (&dialtest.Proxy{Answer: []byte{}, HangUp: true}).Start(t),
	} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		want := map[string]string{"silent": "the server does not answer", "hung up": "the server hung up"}[name]
		if _, err := dial.Handshake(ctx, c, "mail.example:993", nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		if _, err := c.Write([]byte("x")); err == nil {
			t.Errorf("%s: the connection was left open", name)
		}
	}
}

func TestFilesThatCannotBeUsedAreNamed(t *testing.T) {
	authority := dialtest.NewAuthority(t, "Our Authority")
	cert, key := dialtest.Files(t, authority.Issue(t, nil))
	_, otherKey := dialtest.Files(t, authority.Issue(t, nil))
	empty := file(t, []byte("no certificate"))
	for _, row := range []struct {
		name string
		cfg  dial.TLS
		want string
	}{
		{"no authorities", dial.TLS{CAFile: "/nowhere/ca.pem"}, "authorities: open /nowhere/ca.pem"},
		{"authorities of nothing", dial.TLS{CAFile: empty}, "holds no certificate in PEM"},
		{"no certificate", dial.TLS{Certificate: "/nowhere/c.pem", Key: key}, "client certificate: open /nowhere/c.pem"},
		{"certificate of nothing", dial.TLS{Certificate: empty, Key: key}, "client certificate: "},
		{"no key", dial.TLS{Certificate: cert}, "client certificate: "},
		{"key of another", dial.TLS{Certificate: cert, Key: otherKey}, "client certificate: "},
	} {
		if _, err := row.cfg.Config(); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", row.name, err, row.want)
		}
	}
}

func TestOtherTroubleIsToldInWords(t *testing.T) {
	_, err := (&dial.Dialer{}).DialContext(t.Context(), "tcp", "no.such.host.invalid:993")
	if err = dial.Explain(err); err == nil {
		t.Error("an invalid name was found")
	}
	if err := dial.Explain(nil); err != nil {
		t.Errorf("nothing wrong: %v", err)
	}
	if err := dial.Explain(&net.DNSError{Name: "mail.example", IsNotFound: true}); !strings.HasPrefix(err.Error(), "there is no host mail.example: ") {
		t.Errorf("%v", err)
	}
}

// TestOwnAuthorityIsTrustedByItsCertificate alone.
func TestOwnAuthorityIsTrustedByItsCertificate(t *testing.T) {
	server, ca, err := dial.OwnAuthority("sim.example", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	addr := dialtest.Echo(t, "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{server}})
	for _, name := range []string{"sim.example:443", addr} {
		c, err := handshake(t, addr, name, dial.TLS{CAFile: file(t, ca)})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		converse(t, c)
		c.Close()
	}
	if _, err := handshake(t, addr, "sim.example:443", dial.TLS{}); err == nil {
		t.Error("trusted without its certificate")
	}
}
