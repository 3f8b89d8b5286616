package msg_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/internal/cfb/cfbtest"
	"github.com/tqmailrules/tqmailrules/internal/outlook"
	"github.com/tqmailrules/tqmailrules/internal/outlook/msg"
	"github.com/tqmailrules/tqmailrules/internal/outlook/msg/msgtest"
)

var sent = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// letter is a message as Outlook saves one that was composed on the machine.
func letter() *outlook.Message {
	return &outlook.Message{
		Properties: outlook.Bag{
			outlook.PropMessageClass:         msgtest.String("IPM.Note"),
			outlook.PropSubject:              msgtest.String("Rechnung für März"),
			outlook.PropClientSubmitTime:     msgtest.Time(sent),
			outlook.PropSentRepresentingName: msgtest.String("Zoë Müller"),
			outlook.PropRepresentingType:     msgtest.String("SMTP"),
			outlook.PropRepresentingAddress:  msgtest.String("zoe@evil.example"),
			outlook.PropMessageID:            msgtest.String("<1@evil.example>"),
			outlook.PropBody:                 msgtest.String("Bitte zahlen: http://evil.example/pay\r\n"),
			outlook.PropHTML:                 msgtest.Binary([]byte("<p>Bitte zahlen: <a href=\"http://evil.example/pay\">hier</a> \xfcber</p>")),
			outlook.PropInternetCodepage:     msgtest.Int(1252),
		},
		Recipients: []outlook.Bag{
			{outlook.PropRecipientType: msgtest.Int(1), outlook.PropDisplayName: msgtest.String("Ann"), outlook.PropAddressType: msgtest.String("EX"), outlook.PropAddress: msgtest.String("/o=Org/cn=ann"), outlook.PropSMTPAddress: msgtest.String("ann@ours.example")},
			{outlook.PropRecipientType: msgtest.Int(2), outlook.PropDisplayName: msgtest.String("bob@ours.example"), outlook.PropAddress: msgtest.String("bob@ours.example")},
		},
		Attachments: []outlook.Attachment{{Properties: outlook.Bag{
			outlook.PropAttachMethod:       msgtest.Int(outlook.AttachByValue),
			outlook.PropAttachLongFilename: msgtest.String("Übersicht.pdf"),
			outlook.PropAttachMIMEType:     msgtest.String("application/pdf"),
			outlook.PropAttachContentID:    msgtest.String("img1@x"),
			outlook.PropAttachData:         msgtest.Binary(bytes.Repeat([]byte("%PDF-1.7 "), 10_000)),
		}}},
	}
}

func read(t *testing.T, b []byte) *outlook.Message {
	t.Helper()
	m, err := msg.Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func written(t *testing.T, m *outlook.Message) string {
	t.Helper()
	var b strings.Builder
	troubles, err := outlook.Write(&b, m)
	if err != nil || len(troubles) > 0 {
		t.Fatal(troubles, err)
	}
	return b.String()
}

func TestAMessageComesBack(t *testing.T) {
	want := letter()
	got := read(t, msgtest.File(want))
	if len(got.Troubles) > 0 {
		t.Error(got.Troubles)
	}
	if a, b := written(t, want), written(t, got); a != b {
		t.Errorf("got\n%s\nwant\n%s", b, a)
	}
	if !got.Properties.Time(outlook.PropClientSubmitTime).Equal(sent) {
		t.Errorf("sent %v", got.Properties.Time(outlook.PropClientSubmitTime))
	}
	if v := got.Attachments[0].Properties[outlook.PropAttachData]; v.Open == nil || v.Size != 90_000 {
		t.Error("a large attachment is held in memory")
	}
}

func TestMessagesInsideMessages(t *testing.T) {
	m := letter()
	for range 3 {
		inner := m
		m = letter()
		m.Attachments = append(m.Attachments, outlook.Attachment{
			Properties: outlook.Bag{outlook.PropAttachMethod: msgtest.Int(outlook.AttachEmbedded), outlook.PropDisplayName: msgtest.String("inner")},
			Message:    func() (*outlook.Message, error) { return inner, nil },
		})
	}
	got := read(t, msgtest.File(m))
	if a, b := written(t, m), written(t, got); a != b || strings.Count(b, "message/rfc822") != 3 {
		t.Errorf("got\n%s", b)
	}
}

func TestNamesOfProperties(t *testing.T) {
	entry := func(id uint32, kind, index uint16) []byte {
		b := binary.LittleEndian.AppendUint32(nil, id)
		return binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(b, kind), index)
	}
	text := msgtest.String("x-mailer")
	strs := append(binary.LittleEndian.AppendUint32(nil, uint32(len(text.Bytes))), text.Bytes...)
	set := bytes.Repeat([]byte{7}, 16)
	props := append(make([]byte, 32), func() []byte {
		b := binary.LittleEndian.AppendUint16(nil, uint16(outlook.Integer32))
		b = binary.LittleEndian.AppendUint16(b, 0x8001)
		return append(b, 6, 0, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0)
	}()...)
	whole := cfbtest.File(
		cfbtest.Node{Name: "__nameid_version1.0", Kids: []cfbtest.Node{
			{Name: "__substg1.0_00020102", Data: set},
			{Name: "__substg1.0_00030102", Data: append(entry(0, 3<<1|1, 0), entry(0x8233, 3<<1, 1)...)},
			{Name: "__substg1.0_00040102", Data: strs},
		}},
		cfbtest.Node{Name: "__properties_version1.0", Data: props},
		cfbtest.Node{Name: "__substg1.0_8000001F", Data: msgtest.String("Outlook 16").Bytes},
	)
	var got []string
	for _, n := range read(t, whole).Named {
		v, _ := outlook.Bag{1: n.Value}.Int(1)
		got = append(got, strings.Join([]string{n.Name, n.Value.Text(0), string(n.Set[:2])}, "|"))
		if n.ID == 0x8233 && v != 42 {
			t.Errorf("number %d", v)
		}
	}
	if len(got) != 2 || got[0] != "x-mailer|Outlook 16|\x07\x07" {
		t.Errorf("got %q", got)
	}
}

func TestWhatIsNoMessage(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing": nil, "text": []byte("From: a@b"), "a document": cfbtest.File(cfbtest.Node{Name: "WordDocument", Data: []byte("x")}),
	} {
		if _, err := msg.Read(bytes.NewReader(b), int64(len(b))); err == nil {
			t.Errorf("%s is a message", name)
		}
	}
	b := cfbtest.File(cfbtest.Node{Name: "Workbook", Data: []byte("x")})
	if _, err := msg.Read(bytes.NewReader(b), int64(len(b))); !errors.Is(err, msg.ErrFormat) {
		t.Errorf("got %v", err)
	}
}

func TestCutAnywhere(t *testing.T) {
	whole := msgtest.File(letter())
	for n := 0; n < len(whole); n += 97 {
		if m, err := msg.Read(bytes.NewReader(whole[:n]), int64(n)); err == nil {
			outlook.Write(io.Discard, m) //nolint:errcheck // it only has to end
		}
	}
}

// TestAsOthersReadIt compares with a converter that shares nothing with ours.
func TestAsOthersReadIt(t *testing.T) {
	converter := enginetest.Peer(t, "msgconvert", "libemail-outlook-message-perl")
	path := filepath.Join(t.TempDir(), "a.msg")
	m := letter() // in ASCII: it writes header fields in Latin-1
	m.Properties[outlook.PropSubject], m.Properties[outlook.PropSentRepresentingName] = msgtest.String("Invoice"), msgtest.String("Zoe")
	m.Properties[outlook.PropHTML] = msgtest.Binary([]byte("<p><a href='http://evil.example/pay'>here</a></p>"))
	m.Properties[outlook.PropSenderName], m.Properties[outlook.PropSenderAddress] = msgtest.String("Zoe"), msgtest.String("zoe@evil.example")
	m.Properties[0x0e04], m.Properties[0x0e03] = msgtest.String("Ann"), msgtest.String("bob@ours.example") // PidTagDisplayTo, PidTagDisplayCc
	m.Recipients[1][outlook.PropSMTPAddress], m.Recipients[1][outlook.PropDisplayName] = m.Recipients[1][outlook.PropAddress], msgtest.String("Bob")
	if err := os.WriteFile(path, msgtest.File(m), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(converter, "--outfile", "-", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	theirs, ours := facts(t, string(out)), facts(t, written(t, m))
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("theirs -, ours +:\n%s", diff)
	}
	if len(ours) != 8 {
		t.Errorf("facts %q", ours)
	}
}

// facts are what a mail says, read with the standard library.
func facts(t *testing.T, raw string) map[string]string {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range []string{"From", "To", "Cc", "Date", "Subject"} {
		v := m.Header.Get(name)
		if list, err := mail.ParseAddressList(v); err == nil && name != "Date" && name != "Subject" {
			v = list[0].Address
		}
		if at, err := mail.ParseDate(v); err == nil {
			v = at.UTC().String()
		}
		if name == "Subject" {
			v, _ = new(mime.WordDecoder).DecodeHeader(v)
		}
		all[name] = v
	}
	collect(t, textproto.MIMEHeader(m.Header), m.Body, all)
	return all
}

func collect(t *testing.T, h textproto.MIMEHeader, body io.Reader, all map[string]string) {
	t.Helper()
	kind, params, _ := mime.ParseMediaType(h.Get("Content-Type"))
	if strings.HasPrefix(kind, "multipart/") {
		r := multipart.NewReader(body, params["boundary"])
		for {
			p, err := r.NextPart()
			if err != nil {
				return
			}
			collect(t, p.Header, p, all)
		}
	}
	switch strings.ToLower(h.Get("Content-Transfer-Encoding")) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(kind, err)
	}
	if _, file, err := mime.ParseMediaType(h.Get("Content-Disposition")); err == nil && file["filename"] != "" {
		kind = "file"
	}
	if utf8.Valid(raw) {
		raw = []byte(strings.TrimSpace(strings.ReplaceAll(string(raw), "\r\n", "\n")))
	}
	all[kind] = fmt.Sprintf("%x", sha256.Sum256(raw))
}

func FuzzRead(f *testing.F) {
	f.Add(msgtest.File(letter()))
	m := letter()
	m.Properties[outlook.PropRTFCompressed] = msgtest.Binary(msgtest.Uncompressed(`{\rtf1\ansi\fromhtml1{\*\htmltag64 <p>}x}`))
	f.Add(msgtest.File(m))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := msg.Read(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		if _, err := outlook.Write(io.Discard, m); err != nil {
			t.Fatal(err)
		}
	})
}
