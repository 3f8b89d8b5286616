//go:build unix

package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// simProgram is a simulator in a process of its own.
type simProgram struct {
	*exec.Cmd
	url, ca, dump string
}

func serveSimulator(t *testing.T, args ...string) *simProgram {
	t.Helper()
	dir := t.TempDir()
	s := &simProgram{ca: filepath.Join(dir, "ca.pem"), dump: filepath.Join(dir, "dump.json")}
	s.Cmd = exec.Command(os.Args[0], append([]string{"sim", args[0], "--listen", "127.0.0.1:0", "--ca", s.ca, "--dump", s.dump}, args[1:]...)...)
	s.Env = append(os.Environ(), asProgram+"=1")
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	s.url = strings.TrimSpace(line)
	return s
}

// end tells it to end, and returns what it leaves behind.
func (s *simProgram) end(t *testing.T) string {
	t.Helper()
	s.Process.Signal(syscall.SIGTERM)
	s.Wait()
	if code := s.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	return read(t, s.dump)
}

// The simulated Exchange holds a corpus, is read with NTLM over TLS that knows its
// authority, and leaves its mailbox behind.
func TestTheSimulatedExchangeIsServed(t *testing.T) {
	s := serveSimulator(t, "ews", "--user", `CORP\phish`, "--mailbox", "phish@corp.example", "--password", "horse", "--mails", "../../examples/rules/corpus", "--protection", "require", "--language", "de")
	t.Setenv("TQ_TEST_EWS", "horse")
	f := folder{t, t.TempDir()}
	f.write("rules.yaml", productionRules)
	f.write("tq.yaml", strings.NewReplacer("SERVER", s.url, "AUTHORITY", s.ca, "  - files: { path: mails }\n", "").Replace(exchangeConfig))
	if out := f.run(exitQuarantined, "run"); !strings.Contains(out, "66 mails read") {
		t.Errorf("run: %s", out)
	}
	if left := s.end(t); strings.Count(left, `"read": true`) != 66 {
		t.Errorf("%d mails are read at the end: %.2000s", strings.Count(left, `"read": true`), left)
	}
}

// The simulator serves over TLS with an authority of its own, logs its user in,
// knows its routes, and leaves its graph behind when it is told to end.
func TestTheSimulatorIsServed(t *testing.T) {
	s := serveSimulator(t, "threatq", "--user", "a@b.example", "--password", "tq")
	url := s.url
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM([]byte(read(t, s.ca)))
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}}}
	for _, tt := range []struct {
		body string
		code int
	}{
		{`{"email":"a@b.example","password":"tq","grant_type":"password","client_id":"any"}`, http.StatusOK},
		{`{"email":"a@b.example","password":"wrong","grant_type":"password","client_id":"any"}`, http.StatusBadRequest},
	} {
		resp, err := client.Post(url+"/api/token", "application/json", strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != tt.code {
			t.Errorf("%s: %s %s, want %d", tt.body, resp.Status, said, tt.code)
		}
	}
	if _, err := http.Get(url + "/api/token"); err == nil {
		t.Error("a client that does not know the authority is served")
	}
	if graph := s.end(t); !strings.HasPrefix(graph, "[") {
		t.Errorf("graph %.100s", graph)
	}
}
