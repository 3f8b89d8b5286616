//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// terminal is a pseudo-terminal on which a program asks.
type terminal struct {
	master, slave *os.File
	mu            sync.Mutex
	shown         strings.Builder
	answered      int // bytes that were shown when somebody typed last
}

// The requests of pseudo-terminals (pty(7), ioctl_tty(2)).
const (
	getNumber = 0x80045430 // TIOCGPTN
	setLock   = 0x40045431 // TIOCSPTLCK
)

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil && os.Getenv("TQ_REQUIRE_PEERS") == "" {
		t.Skipf("skipped: needs a pseudo-terminal (%v)", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	number, unlocked := uint32(0), int32(0)
	for request, to := range map[uintptr]unsafe.Pointer{getNumber: unsafe.Pointer(&number), setLock: unsafe.Pointer(&unlocked)} {
		if _, _, code := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request, uintptr(to)); code != 0 {
			t.Fatal(code)
		}
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	term := &terminal{master: master, slave: slave}
	go term.watch()
	return term
}

func (term *terminal) watch() {
	buf := make([]byte, 4096)
	for {
		n, err := term.master.Read(buf)
		term.mu.Lock()
		term.shown.Write(buf[:n])
		term.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (term *terminal) text() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.shown.String()
}

// answer waits for a question, and types.
func (term *terminal) answer(t *testing.T, question, typed string) {
	t.Helper()
	for late := time.Now().Add(20 * time.Second); len(term.text()) <= term.answered || !strings.HasSuffix(term.text(), question); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("nobody asks %q:\n%s", question, term.text())
		}
	}
	time.Sleep(50 * time.Millisecond) // until the echo is off, where it is
	term.answered = len(term.text())
	if _, err := term.master.WriteString(typed + "\n"); err != nil {
		t.Fatal(err)
	}
}

// On a terminal, a run without a configuration asks for one, as the connectors do:
// again where there must be an answer, and without showing passwords.
func TestTheFirstRunAsks(t *testing.T) {
	term := newTerminal(t)
	dir := t.TempDir()
	c := exec.Command(os.Args[0], "-c", dir, "-v3")
	c.Env = append(os.Environ(), asProgram+"=1")
	c.Stdin, c.Stdout, c.Stderr = term.slave, term.slave, term.slave
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Process.Kill()
	for _, a := range []struct{ question, typed string }{
		{"stay in a database here): ", "tq.example"},
		{"ThreatQ Client ID: ", ""},
		{"ThreatQ Client ID: ", "CLIENT"},
		{"ThreatQ Username: ", "u@example"},
		{"ThreatQ Password: ", "tq-hunter2"},
		{"Status [Review]: ", ""},
		{"exchange [imap]: ", ""},
		{"IMAP Server: ", "mail.example"},
		{"IMAP Security [tls]: ", "ssl"},
		{"IMAP Security [tls]: ", ""},
		{"IMAP Username: ", "phish@example"},
		{"IMAP Password: ", "imap-hunter2"},
		{"IMAP Folders [INBOX]: ", ""},
		{"://host:port): ", ""},
		{"spearphish [yes]: ", "no"},
		{"Own domains: ", ""},
	} {
		term.answer(t, a.question, a.typed)
	}
	c.Wait()
	if code := c.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("exit status %d:\n%s", code, term.text())
	}
	for _, want := range []string{"there must be an answer", "one of tls, starttls, plain", "next: tqmailrules check -c "} {
		for late := time.Now().Add(10 * time.Second); !strings.Contains(term.text(), want); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(late) {
				t.Fatalf("nothing of %q:\n%s", want, term.text())
			}
		}
	}
	if strings.Contains(term.text(), "hunter2") {
		t.Errorf("a password shows:\n%s", term.text())
	}
	config := read(t, filepath.Join(dir, "tqmailrules.yaml"))
	if strings.Contains(config, "hunter2") || !strings.Contains(config, `host: "tq.example"`) {
		t.Errorf("the configuration:\n%s", config)
	}
	if got := read(t, filepath.Join(dir, "secrets", "imap-password")); got != "imap-hunter2\n" {
		t.Errorf("the password was read as %q", got)
	}
}
