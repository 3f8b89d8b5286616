package sealed_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/ProtonMail/go-crypto/openpgp/s2k"
	"github.com/google/go-cmp/cmp"
	"github.com/smallstep/pkcs7"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/unpack/sealed"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task/tasktest"
)

const mail = "Content-Type: text/plain\r\n\r\nsealed text https://x.example/\r\n"

// found is what reading a file came to.
type found struct {
	Members  []string // type, name, content
	OpenedBy string
	Locked   bool
	Defects  []string
}

func read(t *testing.T, r task.Reader, content []byte, passwords ...string) found {
	t.Helper()
	var keys []engine.Candidate
	for _, p := range passwords {
		keys = append(keys, engine.Candidate{Password: engine.LiteralPassword(p), Origin: engine.FromPrefix, Part: "body.text"})
	}
	p := &engine.Part{Path: "2", FileType: "x", Size: len(content), Content: engine.Bytes(content)}
	k := task.New(p, engine.Limits{}, task.NewKeyring(keys), engine.Limits{}.WithDefaults().Budget(), tasktest.Memory{})
	defects := k.Finish(r(t.Context(), k))
	f := found{OpenedBy: p.OpenedBy, Locked: p.Locked()}
	for _, c := range p.Children {
		b, _ := engine.ReadAll(c.Content, 1<<20)
		f.Members = append(f.Members, c.FileType+" "+c.FileName+" "+string(b))
	}
	for _, d := range defects {
		f.Defects = append(f.Defects, d.Code)
	}
	return f
}

// person makes a certificate and its key.
func person(t testing.TB, name string) (*x509.Certificate, *rsa.PrivateKey, sealed.SMIMEKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(crypto.PrivateKey(key))
	return cert, key, sealed.SMIMEKey{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	}
}

func TestEnvelopes(t *testing.T) {
	cert, _, mine := person(t, "Mailbox")
	_, _, other := person(t, "Other")
	envelope, err := pkcs7.Encrypt([]byte(mail), []*x509.Certificate{cert})
	if err != nil {
		t.Fatal(err)
	}
	opened := found{Members: []string{"eml content.eml " + mail}, OpenedBy: "key of CN=Mailbox"}
	locked := found{Locked: true, Defects: []string{engine.DefectLocked}}
	tests := []struct {
		name string
		in   []byte
		keys []sealed.SMIMEKey
		want found
	}{
		{"with the key", envelope, []sealed.SMIMEKey{mine}, opened},
		{"with several", envelope, []sealed.SMIMEKey{other, mine}, opened},
		{"as PEM", pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: envelope}), []sealed.SMIMEKey{mine}, opened},
		{"with another", envelope, []sealed.SMIMEKey{other}, locked},
		{"with none", envelope, nil, locked},
		{"cut", envelope[:len(envelope)/2], []sealed.SMIMEKey{mine}, found{Defects: []string{engine.DefectUnreadable}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, read(t, sealed.Keys{SMIME: tt.keys}.CMS, tt.in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What openssl encrypts in the ciphers of mail programs is opened; authenticated
// encryption is told to be beyond this build.
func TestOpensWhatOpenSSLEncrypts(t *testing.T) {
	openssl := enginetest.Peer(t, "openssl", "openssl")
	_, _, mine := person(t, "Mailbox")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cert.pem"), mine.Certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cipher := range []string{"-des3", "-aes128", "-aes256", "-aes-256-gcm"} {
		for _, stream := range []bool{false, true} {
			args := []string{"cms", "-encrypt", cipher, "-outform", "DER", "-binary"}
			if stream {
				args = append(args, "-stream")
			}
			cmd := exec.Command(openssl, append(args, "cert.pem")...)
			cmd.Dir, cmd.Stdin = dir, strings.NewReader(mail)
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v", cipher, err)
			}
			got := read(t, sealed.Keys{SMIME: []sealed.SMIMEKey{mine}}.CMS, out)
			if cipher == "-aes-256-gcm" {
				if diff := cmp.Diff(found{Locked: true, Defects: []string{engine.DefectUnsupported}}, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", cipher, diff)
				}
				continue
			}
			if len(got.Members) != 1 || got.Locked {
				t.Errorf("%s, stream %t: %+v", cipher, stream, got)
			}
		}
	}
}

func seal(t testing.TB, armoured bool, write func(w io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var out bytes.Buffer
	w := io.WriteCloser(nopCloser{&out})
	if armoured {
		var err error
		if w, err = armor.Encode(&out, "PGP MESSAGE", nil); err != nil {
			t.Fatal(err)
		}
	}
	body, err := write(w)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(body, mail)
	body.Close()
	w.Close()
	return out.Bytes()
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func TestOpenPGP(t *testing.T) {
	entity, err := openpgp.NewEntity("Mailbox", "", "phish@corp.example", nil)
	if err != nil {
		t.Fatal(err)
	}
	var ring bytes.Buffer
	if err := entity.SerializePrivate(&ring, nil); err != nil {
		t.Fatal(err)
	}
	mine := sealed.Keys{OpenPGP: []sealed.OpenPGPKey{{Ring: ring.Bytes()}}}
	if err := sealed.Check(mine); err != nil {
		t.Fatal(err)
	}
	forMe := func(w io.Writer) (io.WriteCloser, error) {
		return openpgp.Encrypt(w, []*openpgp.Entity{entity}, nil, nil, nil)
	}
	byWord := func(w io.Writer) (io.WriteCloser, error) {
		return openpgp.SymmetricallyEncrypt(w, []byte("hunter2"), nil, &packet.Config{})
	}
	members := []string{"eml content.eml " + mail}
	locked := found{Locked: true, Defects: []string{engine.DefectLocked}}
	tests := []struct {
		name      string
		in        []byte
		keys      sealed.Keys
		passwords []string
		want      found
	}{
		{"for me, armoured", seal(t, true, forMe), mine, nil, found{Members: members, OpenedBy: "key of Mailbox <phish@corp.example>"}},
		{"for me", seal(t, false, forMe), mine, nil, found{Members: members, OpenedBy: "key of Mailbox <phish@corp.example>"}},
		{"without a key", seal(t, true, forMe), sealed.Keys{}, []string{"hunter2"}, locked},
		{"by passphrase", seal(t, true, byWord), mine, []string{"wrong", "hunter2"}, found{Members: members, OpenedBy: "same mail, body.text 0-0"}},
		{"by another passphrase", seal(t, true, byWord), mine, []string{"wrong", "hunter3"}, locked},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, read(t, tt.keys.PGP, tt.in, tt.passwords...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzSealed(f *testing.F) {
	cert, _, mine := person(f, "Mailbox")
	envelope, _ := pkcs7.Encrypt([]byte(mail), []*x509.Certificate{cert})
	f.Add(envelope)
	f.Add(seal(f, true, func(w io.Writer) (io.WriteCloser, error) {
		return openpgp.SymmetricallyEncrypt(w, []byte("x"), nil, &packet.Config{S2KConfig: &s2k.Config{S2KCount: 1024}})
	}))
	keys := sealed.Keys{SMIME: []sealed.SMIMEKey{mine}}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, r := range []func(context.Context, *task.Task) error{keys.CMS, keys.PGP} {
			p := &engine.Part{Path: "1", Size: len(b), Content: engine.Bytes(b)}
			k := task.New(p, engine.Limits{}, task.NewKeyring(nil), engine.Limits{}.WithDefaults().Budget(), tasktest.Memory{})
			k.Finish(r(t.Context(), k))
		}
	})
}
