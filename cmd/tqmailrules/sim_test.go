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

// The simulator serves over TLS with an authority of its own, logs its user in,
// knows its routes, and leaves its graph behind when it is told to end.
func TestTheSimulatorIsServed(t *testing.T) {
	dir := t.TempDir()
	ca, dump := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "graph.json")
	c := exec.Command(os.Args[0], "sim", "threatq", "--listen", "127.0.0.1:0", "--ca", ca, "--dump", dump, "--user", "a@b.example", "--password", "tq")
	c.Env = append(os.Environ(), asProgram+"=1")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Process.Kill()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSpace(line)
	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(pem)
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
	c.Process.Signal(syscall.SIGTERM)
	c.Wait()
	if code := c.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	if graph, err := os.ReadFile(dump); err != nil || !strings.HasPrefix(string(graph), "[") {
		t.Errorf("graph %.100s, %v", graph, err)
	}
}
