package ewssim_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
)

// python is the system's, since Debian's packages are its own. Without exchangelib
// the test is skipped, or fails where peers are required.
func python(t *testing.T) string {
	t.Helper()
	if !hasExchangelib() {
		if os.Getenv("TQ_REQUIRE_PEERS") != "" {
			t.Fatal("needs exchangelib (apt-get install python3-exchangelib)")
		}
		t.Skip("skipped: needs exchangelib (apt-get install python3-exchangelib)")
	}
	return systemPython
}

const systemPython = "/usr/bin/python3"

// hasExchangelib is asked once, since it takes a second.
var hasExchangelib = sync.OnceValue(func() bool { return exec.Command(systemPython, "-c", "import exchangelib").Run() == nil })

// certificate is one for the loopback, and its DER.
func certificate(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "exch01.corp.example"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, der
}

// serve lets a simulator listen until the end of the test; with a certificate, over TLS.
func serve(t *testing.T, s *ewssim.Server, cert *tls.Certificate) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	scheme := "http"
	if cert != nil {
		scheme, l = "https", tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*cert}})
	}
	server := s.HTTPServer()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return scheme + "://" + l.Addr().String() + "/EWS/Exchange.asmx"
}

// askExchangelib runs the script with wishes and reads what it says to each.
func askExchangelib(t *testing.T, list ...map[string]any) []map[string]any {
	t.Helper()
	wishes, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, python(t), "testdata/exchangelib_client.py", string(wishes))
	var errs bytes.Buffer
	run.Stderr = &errs
	said, err := run.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, tail(errs.String()))
	}
	var out []map[string]any
	if err := json.Unmarshal(said, &out); err != nil || len(out) != len(list) {
		t.Fatalf("%v: %s", err, said)
	}
	return out
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

// raw is mail number n of the tests.
func raw(n int) []byte {
	return fmt.Appendf(nil, "From: Eve <eve@evil.example>\r\nTo: soc@corp.example\r\nSubject: mail %02d\r\nDate: Sun, 01 Mar 2026 00:%02d:00 +0000\r\nMessage-ID: <%d@evil.example>\r\nX-Odd: yes\r\n\r\nbody %d\r\n", n, n, n, n)
}

const withFiles = "From: eve@evil.example\r\nTo: soc@corp.example\r\nSubject: mail 11\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain\r\n\r\nsee files\r\n" +
	"--b\r\nContent-Type: application/zip; name=\"a.zip\"\r\nContent-Disposition: attachment; filename=\"a.zip\"\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBA==\r\n" +
	"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nFrom: x@y.example\r\n\r\ninside\r\n--b--\r\n"

func loaded(t *testing.T, cfg ewssim.Config) *ewssim.Server {
	t.Helper()
	if cfg.Users == nil {
		cfg.Users = map[string]string{`CORP\soc`: "s3cret", `CORP\zoe`: "0ther"}
		cfg.Mailboxes = map[string]string{"soc@corp.example": `CORP\soc`, "zoe@corp.example": `CORP\zoe`}
	}
	s := ewssim.New(cfg)
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for n := 1; n <= 10; n++ {
		s.AddMail("Inbox", raw(n), at.Add(time.Duration(n)*time.Minute), n%2 == 0)
	}
	s.AddMail("inbox", []byte(withFiles), at.Add(11*time.Minute), false)
	s.AddItem("inbox", "IPM.Schedule.Meeting.Request", "", []byte("Subject: meet\r\n\r\n"), at.Add(12*time.Minute), false)
	s.AddMail("Inbox/Abuse", raw(99), at, false)
	return s
}

// TestExchangelibWorks has a client of others do all that it can with mail. What
// it has to see is in testdata/exchangelib.json, the same for all rows but for the
// names of folders and the version.
func TestExchangelibWorks(t *testing.T) {
	t.Parallel()
	cert, der := certificate(t)
	for _, row := range []struct {
		name string
		cfg  ewssim.Config
		tls  bool
		wish map[string]any
		want map[string]any // in place of what is in the file
	}{
		{
			"basic over http, German",
			ewssim.Config{Language: "de", Version: "Exchange2013_SP1"},
			false,
			map[string]any{"auth": "basic", "user": "soc@corp.example", "build": []int{15, 0, 847, 32}},
			map[string]any{
				"inbox": []any{"Posteingang", 12.0, 7.0}, "version": "15.0.1497.48 Exchange2013_SP1",
				"tree": []any{"Abuse", "Aufgaben", "Entwürfe", "Gelöschte Elemente", "Gesendete Elemente", "Journal", "Junk-E-Mail", "Kalender", "Kontakte", "Notizen", "Postausgang", "Posteingang"},
			},
		},
		{
			"NTLM over TLS, binding required",
			ewssim.Config{Protection: "require", Certificate: der},
			true,
			map[string]any{"auth": "ntlm", "user": `CORP\soc`, "build": nil},
			nil,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := loaded(t, row.cfg)
			var with *tls.Certificate
			if row.tls {
				with = &cert
			}
			row.wish["url"], row.wish["password"], row.wish["email"] = serve(t, s, with), "s3cret", "soc@corp.example"
			want := seen(t)
			maps.Copy(want, row.want)
			if diff := cmp.Diff(want, askExchangelib(t, row.wish)[0]); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
		})
	}
}

func seen(t *testing.T) map[string]any {
	t.Helper()
	content, err := os.ReadFile("testdata/exchangelib.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := json.Unmarshal(content, &want); err != nil {
		t.Fatal(err)
	}
	return want
}
