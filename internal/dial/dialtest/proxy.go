// Package dialtest has what tests of connections need: a proxy of every kind in the
// test itself, real ones as peers, a server that greets and echoes, and authorities
// that issue certificates of any kind.
package dialtest

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Proxy speaks SOCKS4, SOCKS4a, SOCKS5 and HTTP CONNECT on one port. Start it; its
// fields are not to be changed from then on.
type Proxy struct {
	User, Password string            // that a client must give; none when empty
	Hosts          map[string]string // host:port as asked for -> address that it stands for
	TLS            *tls.Config       // an https proxy
	Answer         []byte            // sent instead of answering; then the proxy keeps silent
	HangUp         bool              // after Answer

	mu       sync.Mutex
	requests []Request
}

// Request is what a client asked for.
type Request struct {
	Protocol string // socks4, socks4a, socks5, http
	User     string
	Address  string // host:port
}

// Requests are those so far.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Request(nil), p.requests...)
}

// Start listens until the test ends, and returns host:port.
func (p *Proxy) Start(t testing.TB) (addr string) {
	return listen(t, "127.0.0.1:0", func(c net.Conn) {
		if p.TLS != nil {
			c = tls.Server(c, p.TLS)
		}
		p.serve(c)
	})
}

// listen serves every connection in a goroutine of its own, and waits for all when
// the test ends.
func listen(t testing.TB, at string, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Skipf("skipped: %v", err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			all.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return l.Addr().String()
}

func (p *Proxy) serve(c net.Conn) {
	r := bufio.NewReader(c)
	first, err := r.Peek(1)
	if err != nil {
		return
	}
	if p.Answer != nil {
		c.Write(p.Answer)
		if half, ok := c.(interface{ CloseWrite() error }); ok && p.HangUp {
			half.CloseWrite()
		}
		io.Copy(io.Discard, r)
		return
	}
	switch first[0] {
	case 4:
		p.socks4(c, r)
	case 5:
		p.socks5(c, r)
	default:
		p.connect(c, r)
	}
}

// open connects to what a client asked for, and notes that it did.
func (p *Proxy) open(protocol, user, address string) (net.Conn, error) {
	p.mu.Lock()
	p.requests = append(p.requests, Request{protocol, user, address})
	p.mu.Unlock()
	if real, ok := p.Hosts[address]; ok {
		return net.Dial("tcp", real)
	}
	host, _, _ := net.SplitHostPort(address)
	if _, err := netip.ParseAddr(host); err != nil {
		return nil, fmt.Errorf("no host %s", host)
	}
	return net.Dial("tcp", address)
}

// splice carries bytes both ways. What the server says at once goes out together
// with the answer, as busy proxies do; one that waits to be spoken to is not waited
// for.
func splice(c net.Conn, r io.Reader, server net.Conn, answer []byte) {
	defer server.Close()
	greeting := make([]byte, 1024)
	server.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	n, _ := server.Read(greeting)
	server.SetReadDeadline(time.Time{})
	c.Write(append(answer, greeting[:n]...))
	go func() {
		io.Copy(server, r)
		server.Close()
	}()
	io.Copy(c, server)
}

func (p *Proxy) socks4(c net.Conn, r *bufio.Reader) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return
	}
	user, _ := r.ReadString(0)
	user = strings.TrimSuffix(user, "\x00")
	protocol, host := "socks4", net.IP(head[4:8]).String()
	if head[4] == 0 && head[5] == 0 && head[6] == 0 && head[7] != 0 {
		protocol = "socks4a"
		host, _ = r.ReadString(0)
		host = strings.TrimSuffix(host, "\x00")
	}
	server, err := p.open(protocol, user, join(host, binary.BigEndian.Uint16(head[2:4])))
	switch {
	case p.User != "" && user != p.User:
		c.Write([]byte{0, 0x5d, 0, 0, 0, 0, 0, 0})
	case err != nil:
		c.Write([]byte{0, 0x5b, 0, 0, 0, 0, 0, 0})
	default:
		splice(c, r, server, []byte{0, 0x5a, 0, 0, 0, 0, 0, 0})
	}
}

func join(host string, port uint16) string { return net.JoinHostPort(host, strconv.Itoa(int(port))) }

func (p *Proxy) socks5(c net.Conn, r *bufio.Reader) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return
	}
	methods := make([]byte, head[1])
	if _, err := io.ReadFull(r, methods); err != nil {
		return
	}
	user, ok := "", true
	switch {
	case p.User == "":
		c.Write([]byte{5, 0})
	case strings.IndexByte(string(methods), 2) < 0:
		c.Write([]byte{5, 0xff})
		return
	default:
		c.Write([]byte{5, 2})
		user, ok = p.login(c, r)
	}
	if ok {
		p.request(c, r, user)
	}
}

// login is RFC 1929.
func (p *Proxy) login(c net.Conn, r *bufio.Reader) (user string, ok bool) {
	r.ReadByte() // version
	user = short(r)
	ok = user == p.User && short(r) == p.Password
	if !ok {
		c.Write([]byte{1, 1})
		return user, false
	}
	c.Write([]byte{1, 0})
	return user, true
}

// short reads a text after its length.
func short(r *bufio.Reader) string {
	n, _ := r.ReadByte()
	b := make([]byte, n)
	io.ReadFull(r, b)
	return string(b)
}

func (p *Proxy) request(c net.Conn, r *bufio.Reader, user string) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return
	}
	host, bound := "", []byte{1, 127, 0, 0, 1, 0, 0}
	switch head[3] {
	case 1:
		host = literal(r, 4)
	case 4:
		host, bound = literal(r, 16), append([]byte{4}, make([]byte, 18)...)
	case 3:
		host, bound = short(r), append([]byte{3, 5}, "proxy\x00\x00"...)
	}
	var port [2]byte
	io.ReadFull(r, port[:])
	server, err := p.open("socks5", user, join(host, binary.BigEndian.Uint16(port[:])))
	if err != nil {
		c.Write(append([]byte{5, 4, 0}, bound...))
		return
	}
	splice(c, r, server, append([]byte{5, 0, 0}, bound...))
}

func literal(r *bufio.Reader, n int) string {
	b := make([]byte, n)
	io.ReadFull(r, b)
	a, _ := netip.AddrFromSlice(b)
	return a.String()
}

func (p *Proxy) connect(c net.Conn, r *bufio.Reader) {
	req, err := http.ReadRequest(r)
	if err != nil || req.Method != http.MethodConnect {
		io.WriteString(c, "HTTP/1.1 405 Method Not Allowed\r\n\r\n")
		return
	}
	user, password := credentials(req)
	if p.User != "" && (user != p.User || password != p.Password) {
		io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n")
		return
	}
	server, err := p.open("http", user, req.Host)
	if err != nil {
		io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
		return
	}
	splice(c, r, server, []byte("HTTP/1.1 200 Connection established\r\n\r\n"))
}

func credentials(req *http.Request) (user, password string) {
	encoded, _ := strings.CutPrefix(req.Header.Get("Proxy-Authorization"), "Basic ")
	plain, _ := base64.StdEncoding.DecodeString(encoded)
	user, password, _ = strings.Cut(string(plain), ":")
	return user, password
}
