// Package dial opens connections to servers: directly, or through a SOCKS4, 4a or
// 5 proxy (RFC 1928, RFC 1929; the SOCKS4 and 4a notes of NEC and of Ylonen) or
// one that speaks HTTP CONNECT (RFC 9110 section 9.3.6). It makes TLS settings from
// files, and says in words why a server is not trusted.
//
// Names are resolved by the proxy, but for SOCKS4, which knows numbers only.
// Passwords are in no error.
package dial

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Proxy is a proxy. Its zero value is none.
type Proxy struct {
	Scheme         string // socks4, socks4a, socks5, http, https
	Addr           string // host:port
	User, Password string
}

// ports that proxies listen on when nobody says.
var ports = map[string]string{"socks4": "1080", "socks4a": "1080", "socks5": "1080", "http": "8080", "https": "443"}

// ParseProxy reads the address of a proxy, scheme://[user@]host[:port]. The
// password comes separately.
func ParseProxy(address, password string) (p Proxy, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return p, errors.New("the proxy is no address: write scheme://host:port")
	}
	p = Proxy{Scheme: u.Scheme, Addr: u.Host, User: u.User.Username(), Password: password}
	port, known := ports[u.Scheme]
	if !known {
		return Proxy{}, fmt.Errorf("a proxy of kind %q: it is socks4, socks4a, socks5, http or https", u.Scheme)
	}
	if u.Port() == "" {
		p.Addr = net.JoinHostPort(u.Hostname(), port)
	}
	if p.Scheme != "http" && p.Scheme != "https" && (len(p.User) > 255 || len(p.Password) > 255) {
		return Proxy{}, errors.New("user or password of the proxy is longer than 255 bytes")
	}
	if strings.ContainsRune(p.User+p.Password, 0) {
		return Proxy{}, errors.New("user or password of the proxy holds a zero byte")
	}
	return p, nil
}

// Dialer opens connections. The zero value does so directly. It is safe for
// concurrent use.
type Dialer struct {
	Proxy   Proxy
	Timeout time.Duration // for the connection and what the proxy needs to be told; 30 s when 0
	TLS     *tls.Config   // of an https proxy
}

// DialContext opens a TCP connection to host:port.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	timeout := d.Timeout
	if timeout <= 0 {
		timeout = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var direct net.Dialer
	if d.Proxy == (Proxy{}) {
		return direct.DialContext(ctx, network, addr)
	}
	conn, err := direct.DialContext(ctx, "tcp", d.Proxy.Addr)
	if err != nil {
		return nil, fmt.Errorf("proxy %s: %w", d.Proxy.Addr, err)
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	through, err := d.negotiate(ctx, conn, addr)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = fmt.Errorf("it does not answer: %w", ctx.Err())
		}
		return nil, fmt.Errorf("proxy %s: %w", d.Proxy.Addr, err)
	}
	return through, nil
}

// negotiate has the proxy connect to addr.
func (d *Dialer) negotiate(ctx context.Context, conn net.Conn, addr string) (net.Conn, error) {
	host, port, err := splitPort(addr)
	if err != nil {
		return nil, err
	}
	switch d.Proxy.Scheme {
	case "socks4", "socks4a":
		return conn, d.Proxy.socks4(ctx, conn, host, port)
	case "socks5":
		return conn, d.Proxy.socks5(conn, host, port)
	case "https":
		secure, err := Handshake(ctx, conn, d.Proxy.Addr, d.TLS)
		if err != nil {
			return nil, err
		}
		return d.Proxy.connect(secure, addr)
	}
	return d.Proxy.connect(conn, addr)
}

func splitPort(addr string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("port %q of %s is no number", text, host)
	}
	if strings.ContainsAny(host, "\x00\r\n") {
		return "", 0, errors.New("the name of the server holds a line end or a zero byte")
	}
	return host, uint16(n), nil
}

// socks4 asks for a connection: 4, 1, port, address, user, 0; with SOCKS4a an
// address of 0.0.0.1, and the name behind the user.
func (p Proxy) socks4(ctx context.Context, conn net.Conn, host string, port uint16) error {
	ip, name, err := p.socks4Address(ctx, host)
	if err != nil {
		return err
	}
	msg := binary.BigEndian.AppendUint16([]byte{4, 1}, port)
	msg = append(append(append(msg, ip[:]...), p.User...), 0)
	if name != "" {
		msg = append(append(msg, name...), 0)
	}
	if _, err := conn.Write(msg); err != nil {
		return err
	}
	var reply [8]byte
	if _, err := io.ReadFull(conn, reply[:]); err != nil {
		return unexpected("SOCKS4", err)
	}
	switch {
	case reply[0] != 0 && reply[0] != 4: // 0 by the notes; some say 4
		return fmt.Errorf("it answers %#x, which is not SOCKS4", reply[0])
	case reply[1] == 0x5a:
		return nil
	case reply[1] == 0x5b:
		return errors.New("it refuses the connection, or the server cannot be reached from there")
	case reply[1] == 0x5c || reply[1] == 0x5d:
		return errors.New("it wants to ask this machine who the user is (identd)")
	}
	return fmt.Errorf("it answers %#x, which is not SOCKS4", reply[1])
}

func (p Proxy) socks4Address(ctx context.Context, host string) (ip [4]byte, name string, err error) {
	if a, err := netip.ParseAddr(host); err == nil {
		if a = a.Unmap(); !a.Is4() {
			return ip, "", fmt.Errorf("SOCKS4 cannot reach %s: it knows no IPv6; use socks5", host)
		}
		return a.As4(), "", nil
	}
	if p.Scheme == "socks4a" {
		return [4]byte{0, 0, 0, 1}, host, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
	if err != nil {
		return ip, "", fmt.Errorf("SOCKS4 needs the number of %s, and it is not to be had here (socks4a lets the proxy look): %w", host, err)
	}
	return found[0].Unmap().As4(), "", nil
}

// socks5 agrees on a way to log in, logs in, and asks for a connection.
func (p Proxy) socks5(conn net.Conn, host string, port uint16) error {
	methods := []byte{5, 1, 0}
	if p.User != "" {
		methods = []byte{5, 2, 0, 2}
	}
	if _, err := conn.Write(methods); err != nil {
		return err
	}
	var choice [2]byte
	if _, err := io.ReadFull(conn, choice[:]); err != nil {
		return unexpected("SOCKS5", err)
	}
	switch {
	case choice[0] != 5:
		return fmt.Errorf("it answers %#x, which is not SOCKS5", choice[0])
	case choice[1] == 2 && p.User != "":
		if err := p.login5(conn); err != nil {
			return err
		}
	case choice[1] == 0xff && p.User == "":
		return errors.New("it wants a user and a password")
	case choice[1] != 0:
		return errors.New("it takes none of the ways to log in that there are here")
	}
	return request5(conn, host, port)
}

// login5 is RFC 1929.
func (p Proxy) login5(conn net.Conn) error {
	msg := append([]byte{1, byte(len(p.User))}, p.User...)
	msg = append(append(msg, byte(len(p.Password))), p.Password...)
	if _, err := conn.Write(msg); err != nil {
		return err
	}
	var reply [2]byte
	if _, err := io.ReadFull(conn, reply[:]); err != nil {
		return unexpected("SOCKS5", err)
	}
	if reply[1] != 0 {
		return fmt.Errorf("it refuses user %s or the password", p.User)
	}
	return nil
}

// replies5 are the answers of RFC 1928 section 6.
var replies5 = map[byte]string{
	1: "it failed", 2: "its rules do not allow that connection", 3: "the network of the server cannot be reached from there",
	4: "the server cannot be reached from there", 5: "the server refuses the connection", 6: "the connection took too long",
	7: "it opens no connections", 8: "it does not know that kind of address",
}

func request5(conn net.Conn, host string, port uint16) error {
	msg := []byte{5, 1, 0}
	if a, err := netip.ParseAddr(host); err == nil {
		a = a.Unmap()
		kind := byte(1)
		if a.Is6() {
			kind = 4
		}
		msg = append(append(msg, kind), a.WithZone("").AsSlice()...)
	} else if len(host) > 255 {
		return errors.New("the name of the server is longer than 255 bytes")
	} else {
		msg = append(append(msg, 3, byte(len(host))), host...)
	}
	if _, err := conn.Write(binary.BigEndian.AppendUint16(msg, port)); err != nil {
		return err
	}
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return unexpected("SOCKS5", err)
	}
	if head[0] != 5 {
		return fmt.Errorf("it answers %#x, which is not SOCKS5", head[0])
	}
	if head[1] != 0 {
		if words, ok := replies5[head[1]]; ok {
			return errors.New(words)
		}
		return fmt.Errorf("it answers %#x, which SOCKS5 does not know", head[1])
	}
	return skipBound(conn, head[3])
}

// skipBound reads the address that the proxy has bound, which nobody needs.
func skipBound(conn net.Conn, kind byte) error {
	size := map[byte]int{1: 4, 4: 16}[kind]
	if kind == 3 {
		var n [1]byte
		if _, err := io.ReadFull(conn, n[:]); err != nil {
			return unexpected("SOCKS5", err)
		}
		size = int(n[0])
	} else if size == 0 {
		return fmt.Errorf("it answers with an address of kind %#x, which SOCKS5 does not know", kind)
	}
	_, err := io.ReadFull(conn, make([]byte, size+2))
	return unexpected("SOCKS5", err)
}

// unexpected says that an answer ended too early.
func unexpected(what string, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF || errors.Is(err, syscall.ECONNRESET) {
		return fmt.Errorf("it hung up, as one does that is no %s proxy, or does not let us in", what)
	}
	return err
}

// connect asks an HTTP proxy for a tunnel.
func (p Proxy) connect(conn net.Conn, addr string) (net.Conn, error) {
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: http.Header{}}
	if p.User != "" {
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(p.User+":"+p.Password)))
	}
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	r := bufio.NewReader(&io.LimitedReader{R: conn, N: 1 << 16})
	resp, err := http.ReadResponse(r, req)
	if err != nil {
		return nil, notHTTP(err)
	}
	switch {
	case resp.StatusCode == http.StatusProxyAuthRequired:
		return nil, errors.New("it wants another user or password")
	case resp.StatusCode/100 != 2:
		return nil, fmt.Errorf("it refuses the connection: %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	case r.Buffered() > 0:
		early, _ := r.Peek(r.Buffered())
		return &begun{conn, append([]byte(nil), early...)}, nil
	}
	return conn, nil
}

// notHTTP says what is wrong with an answer, without the words of it.
func notHTTP(err error) error {
	var broken *net.OpError
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF || errors.As(err, &broken):
		return unexpected("HTTP", err)
	}
	return errors.New("its answer is no HTTP")
}

// begun is a connection whose server spoke before the tunnel was told to be open.
type begun struct {
	net.Conn
	early []byte
}

func (b *begun) Read(p []byte) (int, error) {
	if len(b.early) > 0 {
		n := copy(p, b.early)
		b.early = b.early[n:]
		return n, nil
	}
	return b.Conn.Read(p)
}
