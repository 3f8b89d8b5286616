package dialtest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/enginetest"
)

// Danted starts a SOCKS4 and SOCKS5 proxy (Debian package dante-server) that asks
// nobody who he is, and reaches this machine only. It stops with the test.
func Danted(t testing.TB) (addr string) {
	t.Helper()
	program := enginetest.Peer(t, "danted", "dante-server")
	privileged, unprivileged := daemonUsers(t)
	port := freePort(t)
	config := filepath.Join(t.TempDir(), "danted.conf")
	text := fmt.Sprintf(`logoutput: stderr
internal: 127.0.0.1 port = %[1]d
external: 127.0.0.1
socksmethod: none
clientmethod: none
user.privileged: %[2]s
user.unprivileged: %[3]s
client pass {
	from: 127.0.0.0/8 to: 0.0.0.0/0
}
socks pass {
	from: 127.0.0.0/8 to: 0.0.0.0/0
}
`, port, privileged, unprivileged)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, port, program, "-f", config, "-p", filepath.Join(t.TempDir(), "danted.pid"), "-N", "1")
}

// daemonUsers are those that a daemon may be: root gives up what it can, others stay
// who they are.
func daemonUsers(t testing.TB) (privileged, unprivileged string) {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if me.Uid == "0" {
		return me.Username, "nobody"
	}
	return me.Username, me.Username
}

// Microsocks starts a SOCKS5 proxy (Debian package microsocks) that wants a user
// and a password, none when the name is empty. It stops with the test.
func Microsocks(t testing.TB, name, password string) (addr string) {
	t.Helper()
	program := enginetest.Peer(t, "microsocks", "microsocks")
	port := freePort(t)
	args := []string{"-i", "127.0.0.1", "-p", fmt.Sprint(port)}
	if name != "" {
		args = append(args, "-u", name, "-P", password)
	}
	return start(t, port, program, args...)
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// start runs a program that serves a port, and waits until it does.
func start(t testing.TB, port int, program string, args ...string) (addr string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	group(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{}) // closed by the goroutine that waits
	go func() {
		cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		end(cmd)
		<-ended
	})
	addr = fmt.Sprintf("127.0.0.1:%d", port)
	for range 200 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return addr
		}
		select {
		case <-ended:
			t.Fatalf("%s ended: %s", program, said.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatalf("%s does not listen", program)
	return ""
}
