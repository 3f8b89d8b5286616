package dial_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/internal/dial"
)

// FuzzAnswer has a proxy say anything, in one piece or byte by byte: the dialer ends,
// and takes as opened only what a proxy can have opened.
func FuzzAnswer(f *testing.F) {
	schemes := []string{"socks4", "socks4a", "socks5", "http"}
	for _, row := range answers {
		f.Add(byte(strings.Index("45h", strings.TrimPrefix(row.scheme, "socks")[:1])+1), []byte(row.answer), "")
	}
	f.Add(byte(2), []byte("\x05\x02\x01\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00* OK"), "joe")
	f.Add(byte(3), []byte("HTTP/1.1 200 OK\r\n\r\n* OK"), "joe")
	f.Add(byte(3), []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"), "")
	f.Add(byte(0), []byte("\x00\x5a\x00\x00\x00\x00\x00\x00* OK"), "")
	f.Fuzz(func(t *testing.T, kind byte, answer []byte, user string) {
		if len(user) > 255 || strings.ContainsRune(user, 0) {
			return
		}
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			go discard(server)
			server.Write(answer)
		}()
		p := dial.Proxy{Scheme: schemes[int(kind)%len(schemes)], User: user, Password: "secret"}
		client.SetDeadline(time.Now().Add(10 * time.Second))
		c, err := dial.Negotiate(t.Context(), p, client, "192.0.2.1:993")
		if err != nil {
			client.Close()
			if strings.Contains(err.Error(), "secret") && !strings.Contains(user+string(answer), "secret") {
				t.Errorf("the password stands in %v", err)
			}
			return
		}
		defer c.Close()
		begins := map[string]string{"socks4": "\x00\x5a", "socks4a": "\x00\x5a", "socks5": "\x05", "http": "HTTP/"}[p.Scheme]
		if !strings.HasPrefix(string(answer), begins) && !(p.Scheme[:6] == "socks4"[:min(6, len(p.Scheme))] && len(answer) > 1 && answer[1] == 0x5a) {
			t.Errorf("%s opened by %q", p.Scheme, answer)
		}
	})
}

// discard reads what nobody looks at.
func discard(c net.Conn) {
	buf := make([]byte, 4096)
	for {
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}
