package imaptest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/enginetest"
)

// Dovecot is a server with one user, whose mailbox is a Maildir in a temporary
// folder.
type Dovecot struct {
	Addr           string // plain, and STARTTLS
	TLSAddr        string
	User, Password string
	CA             *x509.CertPool // knows its certificate, which is for 127.0.0.1 and localhost

	program string
	dir     string
	config  string
	uid     int
	gid     int
	n       atomic.Int64
	server  *exec.Cmd // nil while it is stopped
}

// Start starts a Dovecot, or skips the test where there is none. It ends with
// the test.
func Start(t testing.TB) *Dovecot {
	t.Helper()
	d := &Dovecot{User: "phish", Password: "correct-horse", program: enginetest.Peer(t, program(), "dovecot-imapd")}
	d.dir = tempDir(t)
	d.Addr, d.TLSAddr = freeAddr(t), freeAddr(t)
	d.certificate(t)
	d.configure(t)
	d.run(t)
	t.Cleanup(d.stop)
	return d
}

// program is the server, which is often outside of PATH for people.
func program() string {
	if _, err := exec.LookPath("dovecot"); err != nil {
		if _, err := os.Stat("/usr/sbin/dovecot"); err == nil {
			return "/usr/sbin/dovecot"
		}
	}
	return "dovecot"
}

// tempDir is a folder with a short name: the paths of sockets are short.
func tempDir(t testing.TB) string {
	dir, err := os.MkdirTemp("", "dovecot")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

func freeAddr(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (d *Dovecot) certificate(t testing.TB) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	secret, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	must(t, os.WriteFile(d.path("cert.pem"), cert, 0o644))
	must(t, os.WriteFile(d.path("key.pem"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), 0o600))
	d.CA = x509.NewCertPool()
	d.CA.AppendCertsFromPEM(cert)
}

func (d *Dovecot) path(elem ...string) string {
	return filepath.Join(append([]string{d.dir}, elem...)...)
}

// configuration is that of a server that needs nothing of the machine it runs
// on. Without root, all its processes run as one user.
var configuration = template.Must(template.New("dovecot").Parse(`
base_dir = {{.Dir}}/run
state_dir = {{.Dir}}/state
instance_name = test
log_path = {{.Dir}}/log
protocols = imap
listen = 127.0.0.1
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_max_userip_connections = 100
first_valid_uid = 0
first_valid_gid = 0
mail_uid = {{.UID}}
mail_gid = {{.GID}}
mail_location = maildir:{{.Dir}}/mail
ssl = yes
ssl_cert = <{{.Dir}}/cert.pem
ssl_key = <{{.Dir}}/key.pem
passdb {
  driver = static
  args = password={{.Password}}
}
userdb {
  driver = static
  args = uid={{.UID}} gid={{.GID}} home={{.Dir}}
}
auth_failure_delay = 0
service imap {
  service_count = 1000
}
service imap-login {
  service_count = 0
{{if not .Root}}  chroot =
{{end}}  inet_listener imap {
    port = {{.Port}}
  }
  inet_listener imaps {
    port = {{.TLSPort}}
    ssl = yes
  }
}
{{if not .Root}}default_internal_user = {{.Name}}
default_internal_group = {{.Group}}
default_login_user = {{.Name}}
service anvil {
  chroot =
}
service stats {
  chroot =
}
{{end}}`))

func (d *Dovecot) configure(t testing.TB) {
	me, err := user.Current()
	must(t, err)
	group, err := user.LookupGroupId(me.Gid)
	must(t, err)
	owner := me
	if os.Geteuid() == 0 {
		owner, err = user.Lookup("nobody")
		must(t, err)
	}
	d.uid, _ = strconv.Atoi(owner.Uid)
	d.gid, _ = strconv.Atoi(owner.Gid)
	_, port, _ := net.SplitHostPort(d.Addr)
	_, tlsPort, _ := net.SplitHostPort(d.TLSAddr)
	var text bytes.Buffer
	must(t, configuration.Execute(&text, map[string]any{
		"Dir": d.dir, "UID": d.uid, "GID": d.gid, "Password": d.Password, "Port": port, "TLSPort": tlsPort,
		"Root": os.Geteuid() == 0, "Name": me.Username, "Group": group.Name,
	}))
	d.config = d.path("dovecot.conf")
	must(t, os.WriteFile(d.config, text.Bytes(), 0o644))
	d.folder(t, "INBOX")
}

// run starts the server. Processes that were killed may hold its port or its
// sockets a little longer: then it is started again.
func (d *Dovecot) run(t testing.TB) {
	t.Helper()
	for late := time.Now().Add(20 * time.Second); time.Now().Before(late); time.Sleep(100 * time.Millisecond) {
		if d.try(t) {
			return
		}
		d.stop()
	}
	said, _ := os.ReadFile(d.path("out"))
	log, _ := os.ReadFile(d.path("log"))
	t.Fatalf("dovecot does not listen\n%s%s", said, log)
}

// try starts the server once, and waits until it listens or has ended.
func (d *Dovecot) try(t testing.TB) (listens bool) {
	t.Helper()
	must(t, os.RemoveAll(d.path("run"))) // sockets of an earlier one
	out, err := os.OpenFile(d.path("out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	defer out.Close()
	d.server = exec.Command(d.program, "-F", "-c", d.config)
	d.server.Stdout, d.server.Stderr = out, out
	d.server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, d.server.Start())
	for late := time.Now().Add(5 * time.Second); time.Now().Before(late); time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", d.Addr); err == nil {
			conn.Close()
			return d.serves()
		}
	}
	return false
}

// serves tells whether it is this server that listens, and not one that is about
// to go.
func (d *Dovecot) serves() bool {
	time.Sleep(50 * time.Millisecond)
	return syscall.Kill(d.server.Process.Pid, 0) == nil && !d.zombie()
}

// zombie tells whether the server has ended and was not waited for.
func (d *Dovecot) zombie() bool {
	state, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.server.Process.Pid))
	_, after, _ := strings.Cut(string(state), ") ")
	return strings.HasPrefix(after, "Z")
}

// Stop kills the server and all its processes, as a power cut does; Restart
// starts it again, at the same address, with the same mails.
func (d *Dovecot) Stop(t testing.TB) {
	t.Helper()
	d.stop()
}

func (d *Dovecot) stop() {
	if d.server == nil {
		return
	}
	_ = syscall.Kill(-d.server.Process.Pid, syscall.SIGKILL) // ending in order takes more than a second
	_ = d.server.Wait()
	d.server = nil
}

// Restart stops the server if it runs, and starts it.
func (d *Dovecot) Restart(t testing.TB) {
	t.Helper()
	d.Stop(t)
	d.run(t)
}

// folder makes a folder, if need be, and returns where its Maildir is.
func (d *Dovecot) folder(t testing.TB, name string) string {
	dir := d.path("mail")
	if !strings.EqualFold(name, "INBOX") {
		dir = filepath.Join(dir, "."+name)
	}
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	for _, sub := range []string{"cur", "new", "tmp"} {
		must(t, os.MkdirAll(filepath.Join(dir, sub), 0o755))
	}
	must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && os.Geteuid() == 0 {
			err = os.Chown(path, d.uid, d.gid)
		}
		return err
	}))
	return dir
}

// AddFolder makes a folder. Its name is what Maildir++ writes: levels are
// separated by dots, letters beyond ASCII are in modified UTF-7.
func (d *Dovecot) AddFolder(t testing.TB, name string) {
	t.Helper()
	d.folder(t, name)
}

// Deliver puts an unread mail into a folder, which is made if need be.
func (d *Dovecot) Deliver(t testing.TB, folder string, raw []byte, received time.Time) {
	t.Helper()
	dir := d.folder(t, folder)
	name := fmt.Sprintf("%d.%06d.test", received.Unix(), d.n.Add(1))
	tmp, final := filepath.Join(dir, "tmp", name), filepath.Join(dir, "new", name)
	must(t, os.WriteFile(tmp, raw, 0o644))
	must(t, os.Chtimes(tmp, received, received))
	if os.Geteuid() == 0 {
		must(t, os.Chown(tmp, d.uid, d.gid))
	}
	must(t, os.Rename(tmp, final))
}

// Lock makes the n-th mail that was delivered unreadable to the server.
func (d *Dovecot) Lock(t testing.TB, folder string, n int) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(d.folder(t, folder), "*", fmt.Sprintf("*.%06d.test*", n)))
	if err != nil || len(found) != 1 {
		t.Fatalf("mail %d of %s: %q: %v", n, folder, found, err)
	}
	must(t, os.Chmod(found[0], 0))
}

// Count tells how many mails a folder has, and how many of them are unread.
func (d *Dovecot) Count(t testing.TB, folder string) (mails, unread int) {
	t.Helper()
	dir := d.folder(t, folder)
	for _, sub := range []string{"new", "cur"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		must(t, err)
		for _, e := range entries {
			mails++
			if _, flags, _ := strings.Cut(e.Name(), ":2,"); !strings.Contains(flags, "S") {
				unread++
			}
		}
	}
	return mails, unread
}

// Unread is how many mails of a folder are unread.
func (d *Dovecot) Unread(t testing.TB, folder string) int {
	t.Helper()
	_, unread := d.Count(t, folder)
	return unread
}

// Forget makes the server give a folder another UIDVALIDITY, as a restored
// backup does.
func (d *Dovecot) Forget(t testing.TB, folder string) {
	t.Helper()
	dir := d.folder(t, folder)
	d.Stop(t)
	index, err := filepath.Glob(filepath.Join(dir, "dovecot*"))
	must(t, err)
	for _, f := range index {
		must(t, os.RemoveAll(f))
	}
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(1100 * time.Millisecond))) // UIDVALIDITY is the second
	d.run(t)
}
