package mail_test

import (
	"bytes"
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// signedData wraps a content as an opaque signature does, without one.
func signedData(content []byte) []byte {
	tlv := func(tag byte, body ...[]byte) []byte {
		all := bytes.Join(body, nil)
		return append([]byte{tag, 0x83, byte(len(all) >> 16), byte(len(all) >> 8), byte(len(all))}, all...)
	}
	oid := func(last byte) []byte { return []byte{6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, last} }
	return tlv(0x30, oid(2), tlv(0xa0, tlv(0x30, []byte{2, 1, 1}, []byte{0x31, 0}, tlv(0x30, oid(1), tlv(0xa0, tlv(4, content))))))
}

func opaque(content string) string {
	return "Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		base64.StdEncoding.EncodeToString(signedData([]byte(content))) + "\r\n"
}

// A mail that is nothing but an opaque signature is the mail that it wraps, with
// the signature as an attachment.
func TestOpaqueSignaturesAreUnwrapped(t *testing.T) {
	const inner = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello https://x.example/y\r\n" +
		"--b\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n%PDF-1.4\r\n--b--\r\n"
	for _, tt := range []struct {
		name, raw string
	}{
		{"once", "Subject: s\r\n" + opaque(inner)},
		{"twice", "Subject: s\r\n" + opaque(opaque(inner))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := parse(t, tt.raw)
			names := []string{}
			for _, a := range m.Attachments {
				names = append(names, a.FileType+" "+a.FileName)
			}
			want := []string{"p7m smime.p7m", "pdf a.pdf"}
			if tt.name == "twice" {
				want = append([]string{"p7m smime.p7m"}, want...)
			}
			if diff := cmp.Diff(want, names); diff != "" {
				t.Errorf("attachments (-want +got):\n%s", diff)
			}
			if m.Body.Text != "Hello https://x.example/y" {
				t.Errorf("text %q", m.Body.Text)
			}
			paths := map[string]bool{}
			for _, l := range m.Leaves {
				if paths[l.Path] {
					t.Errorf("two parts at %s", l.Path)
				}
				paths[l.Path] = true
			}
		})
	}
	deep := inner
	for range 10 {
		deep = opaque(deep)
	}
	if m := parse(t, "Subject: s\r\n"+deep); len(m.Attachments) != 5 {
		t.Errorf("%d signatures inside each other were read", len(m.Attachments))
	}
}
