package cms_test

import (
	"bytes"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/internal/cms"
)

// tlv encodes an element of definite length.
func tlv(tag byte, body ...[]byte) []byte {
	all := bytes.Join(body, nil)
	switch n := len(all); {
	case n < 0x80:
		return append([]byte{tag, byte(n)}, all...)
	case n < 0x100:
		return append([]byte{tag, 0x81, byte(n)}, all...)
	default:
		return append([]byte{tag, 0x82, byte(n >> 8), byte(n)}, all...)
	}
}

// open encodes one of indefinite length.
func open(tag byte, body ...[]byte) []byte {
	return append(append([]byte{tag, 0x80}, bytes.Join(body, nil)...), 0, 0)
}

var (
	oidSigned = []byte("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")
	oidData   = []byte("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01")
	version   = []byte{2, 1, 1}
	noDigests = []byte{0x31, 0}
)

func TestContentOfSignedData(t *testing.T) {
	pieces := open(0x24, tlv(4, []byte("one ")), tlv(0x24, tlv(4, []byte("t")), tlv(4, []byte("wo"))))
	tests := []struct {
		name string
		in   []byte
		want string
	}{
		{"definite", tlv(0x30, oidSigned, tlv(0xa0, tlv(0x30, version, noDigests, tlv(0x30, oidData, tlv(0xa0, tlv(4, []byte("text"))))))), "text"},
		{"indefinite, in pieces", open(0x30, oidSigned, open(0xa0, open(0x30, version, noDigests, open(0x30, oidData, open(0xa0, pieces))))), "one two"},
		{"detached", tlv(0x30, oidSigned, tlv(0xa0, tlv(0x30, version, noDigests, tlv(0x30, oidData)))), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, in := range [][]byte{tt.in, pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: tt.in})} {
				m, err := cms.Parse(in)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, string(m.Content)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
			for n := range tt.in {
				cms.Parse(tt.in[:n]) // ends, and does not panic
			}
		})
	}
}

// What openssl signs is read, and its signer named.
func TestReadsWhatOpenSSLSigns(t *testing.T) {
	openssl := enginetest.Peer(t, "openssl", "openssl")
	dir := t.TempDir()
	run := func(stdin string, args ...string) []byte {
		cmd := exec.Command(openssl, args...)
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader([]byte(stdin))
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("openssl %v: %v", args, err)
		}
		return out
	}
	run("", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "30",
		"-subj", "/CN=Ann Signer", "-addext", "subjectAltName=email:ann@corp.example", "-addext", "basicConstraints=CA:FALSE")
	for _, form := range []string{"DER", "PEM"} {
		for _, stream := range []string{"-nodetach", "-stream"} {
			args := []string{"cms", "-sign", "-signer", filepath.Join(dir, "cert.pem"), "-inkey", filepath.Join(dir, "key.pem"), "-outform", form, "-binary", "-nodetach"}
			if stream == "-stream" {
				args = append(args, stream)
			}
			m, err := cms.Parse(run("Content-Type: text/plain\r\n\r\nsigned text\r\n", args...))
			if err != nil {
				t.Fatal(err)
			}
			want := &cms.Message{Kind: cms.Signed, Content: []byte("Content-Type: text/plain\r\n\r\nsigned text\r\n"), Signers: []string{"ann@corp.example"}}
			if diff := cmp.Diff(want, m); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", form, stream, diff)
			}
		}
	}
}

// TestNamesSignersThatAreTheirOwnAuthority: openssl req -x509 makes such
// certificates, and so does who wants to stay without a name.
func TestNamesSignersThatAreTheirOwnAuthority(t *testing.T) {
	openssl := enginetest.Peer(t, "openssl", "openssl")
	dir := t.TempDir()
	for _, args := range [][]string{
		{"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "30", "-subj", "/CN=Ann Alone", "-addext", "basicConstraints=CA:TRUE"},
		{"cms", "-sign", "-signer", "cert.pem", "-inkey", "key.pem", "-outform", "DER", "-binary", "-nodetach", "-in", "cert.pem", "-out", "mail.p7m"},
	} {
		cmd := exec.Command(openssl, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
	}
	signed, err := os.ReadFile(filepath.Join(dir, "mail.p7m"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := cms.Parse(signed)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Ann Alone"}, m.Signers); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(tlv(0x30, oidSigned, tlv(0xa0, tlv(0x30, version, noDigests, tlv(0x30, oidData, tlv(0xa0, tlv(4, []byte("text"))))))))
	f.Add(open(0x30, oidSigned, open(0xa0, open(0x30, version, noDigests, open(0x30, oidData, open(0xa0, open(0x24, tlv(4, []byte("x")))))))))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := cms.Parse(b); err == nil && len(m.Content) > len(b) {
			t.Errorf("%d bytes of content out of %d", len(m.Content), len(b))
		}
	})
}
