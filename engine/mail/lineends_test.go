package mail_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/mail"
)

// TestBareCarriageReturnsEndLines reads a mail whose lines end in CR alone, from
// memory and as a stream: a sender must not hide a body from one of the two.
func TestBareCarriageReturnsEndLines(t *testing.T) {
	raw := "Subject: a\rFrom: x@a.icu\r\r" + strings.Repeat("see http://b.icu/ now\r", 400_000)
	spool := engine.Spool{Dir: t.TempDir()}
	if _, err := spool.Write([]byte(raw)); err != nil {
		t.Fatal(err)
	}
	for name, blob := range map[string]engine.Blob{"memory": engine.Bytes(raw), "stream": spool.Blob()} {
		t.Run(name, func(t *testing.T) {
			m, err := mail.New(mail.Config{}).Parse(t.Context(), blob, engine.Origin{})
			if err != nil {
				t.Fatal(err)
			}
			digest, _ := engine.Digest(blob)
			got := []string{m.Subject.Subject, m.Sender.Email.Email, m.Meta.SHA256, m.Body.Links[0].HrefURL.URL}
			if diff := cmp.Diff([]string{"a", "x@a.icu", digest, "http://b.icu/"}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
