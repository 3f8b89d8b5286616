package ews_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/source/ews"
	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
)

const rich = "From: =?utf-8?q?J=C3=B6rg?= <joerg@b.example>\r\nTo: phish@corp.example, \"B, A\" <ab@corp.example>\r\nSubject: =?utf-8?q?Pr=C3=BCfung?=\r\n" +
	"Date: Mon, 02 Mar 2026 09:59:00 +0100\r\nMessage-ID: <1@b.example>\r\nX-Mailer: lure\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" +
	"--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>klick hier &amp; jetzt</p>\r\n" +
	"--x\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"Rechnung.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n" +
	"--x\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\nFrom: inner@c.example\r\nSubject: inner\r\n\r\nburied\r\n" +
	"--x--\r\n"

// part is what a reader sees of a part of a mail.
type part struct{ Type, Name, Text string }

// parts reads a mail as the standard library does.
func parts(t *testing.T, text string) (header netmail.Header, all []part) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/mixed" {
		t.Fatalf("%s: %v", kind, err)
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := r.NextPart()
		if err == io.EOF {
			return m.Header, all
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		b, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, p))
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		all = append(all, part{kind, p.FileName(), string(b)})
	}
}

// TestAMailWithoutMIMEIsMadeAnew of its properties and attachments.
func TestAMailWithoutMIMEIsMadeAnew(t *testing.T) {
	s, cfg := sim(t)
	id := s.AddMail("Inbox", []byte(rich), epoch, false)
	if err := s.Fault(ewssim.Fault{Operation: "GetItem", Item: id, What: "ErrorMimeContentConversionFailed"}); err != nil {
		t.Fatal(err)
	}
	got := drain(t, open(t, cfg))
	if len(got) != 1 || len(got[0].Defects) != 1 || got[0].Defects[0].Code != ews.DefectRemade {
		t.Fatalf("%d mails: %+v", len(got), got)
	}
	header, all := parts(t, text(t, got[0]))
	for i := range all {
		all[i].Text = strings.TrimSpace(strings.ReplaceAll(all[i].Text, "\r\n", "\n"))
		if _, rest, ok := strings.Cut(all[i].Text, "Subject: inner\n"); ok {
			all[i].Text = "Subject: inner\n" + rest
		}
	}
	want := []part{
		{"text/html", "", "<p>klick hier &amp; jetzt</p>"},
		{"application/pdf", "Rechnung.pdf", "%PDF-1.4"},
		{"message/rfc822", all[len(all)-1].Name, "Subject: inner\n\nburied"},
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("parts (-want +got):\n%s\n%s", diff, text(t, got[0]))
	}
	decoded, _ := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
	from, err := header.AddressList("From")
	if decoded != "Prüfung" || err != nil || from[0].Name != "Jörg" || header.Get("Message-ID") != "<1@b.example>" || header.Get("X-Mailer") != "lure" {
		t.Errorf("header %v: %v", header, err)
	}
	digest, _ := engine.Digest(got[0].Raw)
	if digest != got[0].Origin.Digest {
		t.Error("another digest")
	}
}

// TestAnAttachmentThatIsRefusedIsTold and the rest comes.
func TestAnAttachmentThatIsRefusedIsTold(t *testing.T) {
	s, cfg := sim(t)
	id := s.AddMail("Inbox", []byte(rich), epoch, false)
	for _, f := range []ewssim.Fault{{Operation: "GetItem", Item: id, What: "ErrorContentConversionFailed"}, {Operation: "GetAttachment", What: "ErrorCannotOpenFileAttachment"}} {
		if err := s.Fault(f); err != nil {
			t.Fatal(err)
		}
	}
	got := drain(t, open(t, cfg))
	if len(got) != 1 || len(got[0].Defects) != 2 || !strings.Contains(got[0].Defects[1].Detail, "does not give the attachment") {
		t.Fatalf("%+v", got)
	}
	if _, all := parts(t, text(t, got[0])); len(all) != 2 {
		t.Errorf("%+v", all)
	}
}

// TestHostilePropertiesMakeNoOtherHeader lets properties hold what would end a
// line, a part or a name.
func TestHostilePropertiesMakeNoOtherHeader(t *testing.T) {
	s, cfg := sim(t)
	ids := fill(t, s, "Inbox", 1)
	item := `<t:Message><t:ItemId Id="` + ids[0] + `"/><t:Subject>a&#xD;&#xA;Bcc: evil@x.example&#xD;&#xA;&#xD;&#xA;body</t:Subject><t:Body BodyType="HTML">x&#xD;&#xA;--=_&#xD;&#xA;y</t:Body>` +
		`<t:Attachments><t:FileAttachment><t:AttachmentId Id="1"/><t:Name>x</t:Name></t:FileAttachment></t:Attachments>` +
		`<t:InternetMessageHeaders><t:InternetMessageHeader HeaderName="X-A&#xD;&#xA;Bcc">1</t:InternetMessageHeader><t:InternetMessageHeader HeaderName="Content-Type">text/evil</t:InternetMessageHeader>` +
		`<t:InternetMessageHeader HeaderName="X-B">1&#xD;&#xA;Bcc: evil@x.example</t:InternetMessageHeader></t:InternetMessageHeaders>` +
		`<t:From><t:Mailbox><t:Name>"a" &lt;b@c&gt;&#xA;Bcc: x</t:Name><t:EmailAddress>/O=CORP/CN=X</t:EmailAddress></t:Mailbox></t:From></t:Message>`
	cfg.Server = "http://" + between(t, s, func(a *asked) bool {
		switch {
		case a.op == "GetAttachment":
			return a.soap(`<m:GetAttachmentResponse><m:ResponseMessages><m:GetAttachmentResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Attachments><t:FileAttachment>` +
				`<t:Name>a"&#xD;&#xA;Content-Type: text/evil; x="b.exe</t:Name><t:ContentType>text/evil&#xD;&#xA;Bcc: x</t:ContentType><t:ContentId>a&gt;&#xA;b</t:ContentId><t:Content>eHg=</t:Content></t:FileAttachment></m:Attachments></m:GetAttachmentResponseMessage></m:ResponseMessages></m:GetAttachmentResponse>`)
		case a.op != "GetItem":
			return false
		case bytes.Contains(a.body, []byte("IncludeMimeContent")):
			return a.soap(getItem(`<m:GetItemResponseMessage ResponseClass="Error"><m:MessageText>no</m:MessageText><m:ResponseCode>ErrorMimeContentConversionFailed</m:ResponseCode></m:GetItemResponseMessage>`))
		}
		return a.soap(getItem(`<m:GetItemResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Items>` + item + `</m:Items></m:GetItemResponseMessage>`))
	})
	got := drain(t, open(t, cfg))
	header, all := parts(t, text(t, got[0]))
	if header.Get("Bcc") != "" || header.Get("X-B") == "" || len(all) != 2 || all[1].Type != "application/octet-stream" || all[1].Text != "xx" {
		t.Errorf("%v\n%+v\n%s", header, all, text(t, got[0]))
	}
}

// TestARemadeMailEndsAtTheCap even when its attachments are larger.
func TestARemadeMailEndsAtTheCap(t *testing.T) {
	s, cfg := sim(t)
	big := fmt.Sprintf("Subject: big\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhi\r\n--x\r\nContent-Type: application/zip\r\nContent-Disposition: attachment; filename=a.zip\r\n\r\n%0300000d\r\n--x--\r\n", 0)
	id := s.AddMail("Inbox", []byte(big), epoch, false)
	if err := s.Fault(ewssim.Fault{Operation: "GetItem", Item: id, What: "ErrorMessageSizeExceeded"}); err != nil {
		t.Fatal(err)
	}
	cfg.Limits.Message = 50_000
	got := drain(t, open(t, cfg))
	if len(got) != 1 || got[0].Raw.Size() != 50_001 {
		t.Errorf("%d bytes", got[0].Raw.Size())
	}
}

// TestOtherItemsInAnInboxAreMails when the server has MIME of them.
func TestOtherItemsInAnInboxAreMails(t *testing.T) {
	s, cfg := sim(t)
	for _, class := range []string{"IPM.Schedule.Meeting.Request", "IPM.Post", "REPORT.IPM.Note.NDR", "IPM.Contact"} {
		s.AddItem("Inbox", class, "", raw(class), epoch, false)
	}
	src := open(t, cfg)
	got := drain(t, src)
	if len(got) < 3 {
		t.Errorf("%q", subjects(t, got))
	}
	ack(t, src, got, engine.Route{})
	if left := drain(t, open(t, cfg)); len(left) != 0 {
		t.Errorf("not marked: %q", subjects(t, left))
	}
}
