package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// TLS says whom to trust, and who we are. Its zero value trusts the authorities
// of the system.
type TLS struct {
	CAFile           string // PEM; it takes the place of the system's authorities
	Certificate, Key string // files of a client's certificate, in PEM
	ServerName       string // when it is not the host
	Insecure         bool   // anybody is trusted
}

// Config reads the files.
func (t TLS) Config() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.Insecure}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("authorities: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("authorities: %s holds no certificate in PEM", t.CAFile)
		}
	}
	if t.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(t.Certificate, t.Key)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// handshakeTime is how long a server may take to prove who it is.
const handshakeTime = 30 * time.Second

// Handshake begins TLS on a connection to addr, host:port, and says in words why
// it does not come about. cfg may be nil; ServerName is set from addr when it is
// empty. The connection is closed on an error.
func Handshake(ctx context.Context, conn net.Conn, addr string, cfg *tls.Config) (*tls.Conn, error) {
	if cfg == nil {
		cfg = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if cfg = cfg.Clone(); cfg.ServerName == "" {
		cfg.ServerName, _, _ = net.SplitHostPort(addr)
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	secure := tls.Client(conn, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, explainHandshake(err)
	}
	return secure, nil
}

func explainHandshake(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the server does not answer in TLS; is it the port for STARTTLS, or for plain connections?: %w", err)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("the server hung up when TLS began: %w", err)
	}
	return Explain(err)
}

// Mendable tells whether only people can mend what keeps TLS from coming about: trying
// again will not.
func Mendable(err error) bool {
	var (
		header  tls.RecordHeaderError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		alert   tls.AlertError
	)
	return errors.As(err, &header) || errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &alert)
}

// Explain says in words why there is no connection, and what to do about it,
// where that can be told; err is wrapped. Other errors come back as they are.
func Explain(err error) error {
	words := words(err)
	if words == "" {
		return err
	}
	return fmt.Errorf("%s: %w", words, err)
}

func words(err error) string {
	var host x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var header tls.RecordHeaderError
	var remote *net.OpError
	var name *net.DNSError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &host):
		return fmt.Sprintf("the certificate is for %s, not for %s; use that name, or set tls.server_name", names(host.Certificate), host.Host)
	case errors.As(err, &unknown):
		return fmt.Sprintf("the certificate of %s is signed by nobody who is known here (%s); give the authority's certificate as tls.ca_file", subject(unknown.Cert), issuer(unknown.Cert))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return expired(invalid.Cert)
	case errors.As(err, &invalid):
		return "the certificate cannot be used"
	case errors.As(err, &header):
		return "the server does not speak TLS on this port; is it the port for STARTTLS, or for plain connections?"
	case errors.As(err, &remote) && remote.Op == "remote error": // what crypto/tls calls an alert
		return "the server ended the TLS handshake; it may want a client certificate (tls.certificate, tls.key) or an older version of TLS than 1.2"
	case errors.As(err, &name) && name.IsNotFound:
		return fmt.Sprintf("there is no host %s", name.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there; is the port right, and the server up?"
	}
	return ""
}

func names(c *x509.Certificate) string {
	all := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return subject(c)
	}
	if len(all) > 5 {
		all = append(all[:5], "...")
	}
	return strings.Join(all, ", ")
}

func subject(c *x509.Certificate) string {
	if c == nil || c.Subject.String() == "" {
		return "the server"
	}
	return c.Subject.String()
}

func issuer(c *x509.Certificate) string {
	switch {
	case c == nil:
		return "no issuer is told"
	case c.Issuer.String() == c.Subject.String():
		return "by itself"
	}
	return "issuer " + c.Issuer.String()
}

func expired(c *x509.Certificate) string {
	const day = time.DateOnly
	if time.Now().Before(c.NotBefore) {
		return fmt.Sprintf("the certificate is valid from %s on; is the clock of this machine right?", c.NotBefore.Format(day))
	}
	return fmt.Sprintf("the certificate has expired on %s", c.NotAfter.Format(day))
}
