package dialtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Greeting is what an Echo says first, as mail servers do.
const Greeting = "* OK hello\r\n"

// Echo listens on an address such as 127.0.0.1:0 or [::1]:0, greets, and says back
// what it hears. cfg is nil for no TLS.
func Echo(t testing.TB, at string, cfg *tls.Config) (addr string) {
	return listen(t, at, func(c net.Conn) {
		if cfg != nil {
			c = tls.Server(c, cfg)
		}
		if _, err := io.WriteString(c, Greeting); err == nil {
			io.Copy(c, c)
		}
	})
}

// Silent listens, and never says anything.
func Silent(t testing.TB) (addr string) {
	return listen(t, "127.0.0.1:0", func(c net.Conn) { io.Copy(io.Discard, c) })
}

// Authority issues certificates.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes one.
func NewAuthority(t testing.TB, name string) *Authority {
	t.Helper()
	a := &Authority{cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().AddDate(-10, 0, 0), NotAfter: time.Now().AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	a.key = newKey(t)
	a.cert.Raw = sign(t, a.cert, a.cert, a.key, a.key)
	return a
}

// PEM is the certificate of the authority itself.
func (a *Authority) PEM() []byte { return encode(a.cert.Raw) }

// Pool trusts the authority.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.PEM())
	return pool
}

// Issue makes a certificate for 127.0.0.1 and mail.example, good for today; change,
// when it is not nil, makes another one of it.
func (a *Authority) Issue(t testing.TB, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	c, key := leaf(change), newKey(t)
	return tls.Certificate{Certificate: [][]byte{sign(t, c, a.cert, key, a.key)}, PrivateKey: key}
}

// SelfSigned makes a certificate that nobody else has signed.
func SelfSigned(t testing.TB) tls.Certificate {
	t.Helper()
	c, key := leaf(nil), newKey(t)
	return tls.Certificate{Certificate: [][]byte{sign(t, c, c, key, key)}, PrivateKey: key}
}

func leaf(change func(*x509.Certificate)) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "mail.example"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"mail.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(c)
	}
	return c
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, c, issuer *x509.Certificate, key, signer *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, issuer, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func encode(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// Files writes a certificate and its key in PEM, and returns their names.
func Files(t testing.TB, c tls.Certificate) (cert, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, content := range map[string][]byte{cert: encode(c.Certificate[0]), key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
