package dial_test

import (
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/internal/dial"
)

// FuzzAnswer has a proxy say anything and hang up: the dialer ends, and takes as
// opened only what a proxy can have opened.
func FuzzAnswer(f *testing.F) {
	schemes := []string{"socks4", "socks4a", "socks5", "http"}
	for _, row := range answers {
		f.Add(byte(slices.Index(schemes, row.scheme)), []byte(row.answer), "")
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
		client.SetDeadline(time.Now().Add(10 * time.Second)) // that nobody may need: the other end hangs up
		c, err := dial.Negotiate(t.Context(), p, client, "192.0.2.1:993")
		if err != nil {
			client.Close()
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s waits after %q", p.Scheme, answer)
			}
			if strings.Contains(err.Error(), "secret") && !strings.Contains(user, "secret") {
				t.Errorf("the password stands in %v", err)
			}
			return
		}
		defer c.Close()
		if !opens(p.Scheme, string(answer)) {
			t.Errorf("%s opened by %q", p.Scheme, answer)
		}
	})
}

// opens tells whether an answer can be that of a proxy which has opened something.
func opens(scheme, answer string) bool {
	switch scheme {
	case "http":
		return strings.HasPrefix(answer, "HTTP/") && strings.Contains(answer, " 2")
	case "socks5":
		return len(answer) >= 12 && answer[0] == 5
	}
	return len(answer) >= 8 && answer[1] == 0x5a
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
