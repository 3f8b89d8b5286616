package outlook_test

import (
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/textproto"
	"strings"
	"testing"
)

// flatten shows the leaves of a message, read with the standard library: "type; name:
// content", with bars between.
func flatten(t *testing.T, raw string) string {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(leaves(t, textproto.MIMEHeader(m.Header), m.Body), "|")
}

func leaves(t *testing.T, h textproto.MIMEHeader, body io.Reader) (all []string) {
	t.Helper()
	kind, params, _ := mime.ParseMediaType(h.Get("Content-Type"))
	if strings.HasPrefix(kind, "multipart/") {
		for r := multipart.NewReader(body, params["boundary"]); ; {
			p, err := r.NextPart()
			if err == io.EOF {
				return all
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, leaves(t, p.Header, p)...)
		}
	}
	if kind == "message/rfc822" {
		raw, _ := io.ReadAll(body)
		return append(all, flatten(t, string(raw)))
	}
	if h.Get("Content-Transfer-Encoding") == "base64" {
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	if _, file, err := mime.ParseMediaType(h.Get("Content-Disposition")); err == nil && kind != "application/rtf" {
		kind += "; " + file["filename"]
	}
	return append(all, kind+": "+string(raw))
}
