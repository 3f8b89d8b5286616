package ewssim_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
)

// davmail starts DavMail before a simulator, and returns where it speaks IMAP. It
// ends with the test.
func davmail(t *testing.T, url string) (addr string) {
	t.Helper()
	program := enginetest.Peer(t, "davmail", "davmail")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "davmail.properties")
	settings := fmt.Sprintf("davmail.server=true\ndavmail.mode=EWS\ndavmail.url=%s\ndavmail.imapPort=%d\ndavmail.bindAddress=127.0.0.1\ndavmail.allowRemote=false\n"+
		"davmail.smtpPort=\ndavmail.popPort=\ndavmail.ldapPort=\ndavmail.caldavPort=\ndavmail.enableKeepalive=false\ndavmail.disableUpdateCheck=true\n"+
		"davmail.logFilePath=%s/davmail.log\nlog4j.logger.davmail=DEBUG\nlog4j.rootLogger=WARN\n", url, port, dir)
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.Command(program, file)
	run.Env = append(os.Environ(), "HOME="+dir, "JAVA_TOOL_OPTIONS=-Xmx128m -XX:TieredStopAtLevel=1")
	var said bytes.Buffer
	run.Stdout, run.Stderr = &said, &said
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{}) // closed by the goroutine that waits
	go func() {
		_ = run.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = run.Process.Kill()
		<-ended
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "davmail.log"))
			t.Logf("davmail: %s\n%s", tail(said.String()), tail(string(log)))
		}
	})
	addr = fmt.Sprintf("127.0.0.1:%d", port)
	for range 600 {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			return addr
		}
		select {
		case <-ended:
			t.Fatalf("davmail ended: %s", said.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatal("davmail does not listen")
	return ""
}

// imap is a client of the few commands that are needed here.
type imap struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	tag  int
}

func dialIMAP(t *testing.T, addr string) *imap {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	c := &imap{t: t, conn: conn, in: bufio.NewReader(conn)}
	c.line()
	return c
}

var literal = regexp.MustCompile(`\{(\d+)\}$`)

func (c *imap) line() string {
	c.t.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil {
		c.t.Fatalf("%v after %q", err, line)
	}
	return strings.TrimRight(line, "\r\n")
}

// do sends a command and returns all that is said until it is done, with literals.
func (c *imap) do(command string) string {
	c.t.Helper()
	c.tag++
	tag := "a" + strconv.Itoa(c.tag)
	if _, err := fmt.Fprintf(c.conn, "%s %s\r\n", tag, command); err != nil {
		c.t.Fatal(err)
	}
	var all strings.Builder
	for {
		line := c.line()
		all.WriteString(line + "\n")
		if m := literal.FindStringSubmatch(line); m != nil {
			n, _ := strconv.Atoi(m[1])
			body := make([]byte, n)
			if _, err := readFull(c.in, body); err != nil {
				c.t.Fatal(err)
			}
			all.Write(body)
		}
		if rest, ok := strings.CutPrefix(line, tag+" "); ok {
			if !strings.HasPrefix(rest, "OK") {
				c.t.Fatalf("%s: %s", command, line)
			}
			return all.String()
		}
	}
}

func readFull(r *bufio.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	return n, err
}

// TestDavMailWorks has DavMail show the simulator as IMAP, read it and change what is
// in it, with one login and with the other.
func TestDavMailWorks(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, scheme, login, language string }{
		{"Basic", "Basic", `soc@corp.example`, "en"},
		{"NTLM, in Japanese", "NTLM", `"CORP\\soc"`, "ja"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := loaded(t, ewssim.Config{Schemes: []string{row.scheme}, Language: row.language, OldClients: true})
			addr := davmail(t, serve(t, s, nil))
			defer func() { t.Logf("%v", s.Counts()) }()
			c := dialIMAP(t, addr)
			c.do("LOGIN " + row.login + " s3cret")
			workAsIMAP(c)
			checkDavMail(t, s)
		})
	}
}

// workAsIMAP asks for everything that changes something, after a look at what is there.
func workAsIMAP(c *imap) {
	c.t.Helper()
	c.want(`LIST "" "*"`, `"INBOX/Abuse"`, `\Trash`)
	c.want(`SELECT INBOX`, "12 EXISTS", "7 RECENT", "UIDNEXT 13")
	c.want(`UID FETCH 1:* (UID FLAGS)`, `1 FETCH (UID 1 FLAGS (\Recent))`, `2 FETCH (UID 2 FLAGS (\Seen))`, "12 FETCH (UID 12")
	c.want(`UID FETCH 1:11 (UID BODY.PEEK[])`, string(raw(1)), string(raw(10)), withFiles)
	c.want(`UID STORE 1 +FLAGS (\Seen)`, `1 FETCH (UID 1 FLAGS (\Seen))`)
	c.want(`UID STORE 2 -FLAGS (\Seen)`, `2 FETCH (UID 2 FLAGS ()`)
	c.want(`UID SEARCH UNSEEN`, "* SEARCH 2 3 5 7 9 11 12\n")
	c.want(`UID MOVE 3 INBOX/Abuse`, "OK")
	c.want(`UID COPY 4 INBOX/Abuse`, "OK")
	c.want(`UID STORE 5 +FLAGS (\Deleted)`, "OK")
	c.want(`EXPUNGE`, "OK")
	c.want(`SELECT INBOX/Abuse`, "3 EXISTS")
}

// want sends a command whose answer has all the parts.
func (c *imap) want(command string, parts ...string) {
	c.t.Helper()
	got := strings.ReplaceAll(c.do(command), "\r\n", "\n")
	for _, part := range parts {
		if !strings.Contains(got, strings.ReplaceAll(part, "\r\n", "\n")) {
			c.t.Errorf("%s: %q is not in\n%s", command, part, got)
		}
	}
}

func checkDavMail(t *testing.T, s *ewssim.Server) {
	t.Helper()
	state := map[string]string{}
	for _, folder := range []string{"Inbox", "Inbox/Abuse", "deleteditems"} {
		for _, m := range s.Mails(folder) {
			state[folder] += fmt.Sprintf("%s %v, ", m.Subject, m.Read)
		}
	}
	want := map[string]string{
		"Inbox":       "mail 01 true, mail 02 false, mail 04 true, mail 06 true, mail 07 false, mail 08 true, mail 09 false, mail 10 true, mail 11 false, meet false, ",
		"Inbox/Abuse": "mail 99 false, mail 03 false, mail 04 true, ",
	}
	if diff := cmp.Diff(want, state); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}
