package outlook_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tqmailrules/tqmailrules/internal/outlook"
	"github.com/tqmailrules/tqmailrules/internal/outlook/msg/msgtest"
)

func write(t *testing.T, m *outlook.Message) (string, []string) {
	t.Helper()
	var b strings.Builder
	troubles, err := outlook.Write(&b, m)
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), troubles
}

func TestHeaderOfAMessage(t *testing.T) {
	str := msgtest.String
	for _, tc := range []struct {
		name string
		bag  outlook.Bag
		want []string
		not  []string
	}{
		{
			"as it travelled",
			outlook.Bag{outlook.PropTransportHeaders: str("Received: from a\r\n\tby b\r\nSubject: sent\r\nContent-Type: multipart/mixed;\r\n\tboundary=x\r\nMIME-Version: 1.0\r\n\r\n"), outlook.PropSubject: str("kept")},
			[]string{"Received: from a\r\n\tby b\r\nSubject: sent\r\nMIME"},
			[]string{"kept", "boundary=x"},
		},
		{"a field cannot be smuggled in", outlook.Bag{outlook.PropSubject: str("a\r\nBcc: evil@x.example\r\n\r\nbody")}, []string{"Subject: a  Bcc: evil@x.example    body\r\n"}, []string{"\r\nBcc"}},
		{"what is no field is left out", outlook.Bag{outlook.PropTransportHeaders: str("Subject: a\r\n--=_mixed_\r\n more\r\nTo: b@c.example\r\n")}, []string{"Subject: a\r\nTo: b@c.example\r\n"}, []string{"--=_mixed_\r\n more"}},
		{"an empty line in the middle", outlook.Bag{outlook.PropTransportHeaders: str("Subject: a\r\n\r\nX-More: b\r\n")}, []string{"Subject: a\r\nX-More: b\r\n"}, nil},
		{"the mark in a subject", outlook.Bag{outlook.PropSubject: str("\x01\x05RE: offer")}, []string{"Subject: RE: offer\r\n"}, nil},
		{"a subject in two pieces", outlook.Bag{outlook.PropSubjectPrefix: str("FW: "), outlook.PropNormalizedSubject: str("offer")}, []string{"Subject: FW: offer\r\n"}, nil},
		{"an address of Exchange", outlook.Bag{outlook.PropSenderName: str("Ann"), outlook.PropSenderType: str("EX"), outlook.PropSenderAddress: str("/o=x/cn=ann")}, []string{`From: "Ann" <>`}, []string{"/o=x"}},
		{"with the address that others use", outlook.Bag{outlook.PropSenderName: str("Ann"), outlook.PropSenderType: str("EX"), outlook.PropSenderAddress: str("/o=x/cn=ann"), outlook.PropSenderSMTP: str("ann@x.example")}, []string{`From: "Ann" <ann@x.example>`}, nil},
		{"on behalf", outlook.Bag{outlook.PropSenderName: str("Bob"), outlook.PropSenderAddress: str("bob@x.example"), outlook.PropSentRepresentingName: str("Ann"), outlook.PropRepresentingAddress: str("ann@x.example")}, []string{"From: \"Ann\" <ann@x.example>\r\nSender: \"Bob\" <bob@x.example>\r\n"}, nil},
		{"a name that is an address", outlook.Bag{outlook.PropSenderName: str("'ann@x.example'"), outlook.PropSenderAddress: str("ann@x.example")}, []string{"From: <ann@x.example>\r\n"}, nil},
		{"8-bit strings", outlook.Bag{outlook.PropSubject: msgtest.String8("\xcf\xf0\xe8\xe2\xe5\xf2")}, []string{"Subject: Привет\r\n"}, nil},
		{"another class", outlook.Bag{outlook.PropMessageClass: str("IPM.Schedule.Meeting.Request")}, []string{"X-Outlook-Message-Class: IPM.Schedule.Meeting.Request\r\n"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, troubles := write(t, &outlook.Message{Properties: tc.bag, Codepage: 1251})
			if len(troubles) > 0 {
				t.Error(troubles)
			}
			for _, w := range tc.want {
				if !strings.Contains(got, w) {
					t.Errorf("got %q, want %q in it", got, w)
				}
			}
			for _, n := range tc.not {
				if strings.Contains(got, n) {
					t.Errorf("got %q, with %q in it", got, n)
				}
			}
		})
	}
}

func TestFieldsThatAreProperties(t *testing.T) {
	set := [16]byte{0x86, 0x03, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46}
	named := func(set [16]byte, name, value string) outlook.Named {
		return outlook.Named{Set: set, Name: name, Value: msgtest.String(value)}
	}
	got, _ := write(t, &outlook.Message{
		Properties: outlook.Bag{outlook.PropTransportHeaders: msgtest.String("X-Mailer: one\r\n\r\n")},
		Named:      []outlook.Named{named(set, "x-mailer", "two"), named(set, "X-Originating-IP", "[203.0.113.9]"), named(set, "content-type", "x"), named(set, "a b", "x"), named([16]byte{1}, "x-other", "x")},
	})
	head, _, _ := strings.Cut(got, "MIME-Version")
	if want := "X-Mailer: one\r\nX-Originating-IP: [203.0.113.9]\r\n"; head != want {
		t.Errorf("got %q, want %q", head, want)
	}
}

func TestBodiesOfAMessage(t *testing.T) {
	str, bin := msgtest.String, msgtest.Binary
	rtf := func(s string) outlook.Value { return bin(msgtest.Uncompressed(s)) }
	for _, tc := range []struct {
		name string
		bag  outlook.Bag
		want string
	}{
		{"none", outlook.Bag{}, "text/plain: "},
		{"plain", outlook.Bag{outlook.PropBody: str("hello\r\n")}, "text/plain: hello\r\n"},
		{"plain and HTML", outlook.Bag{outlook.PropBody: str("hello"), outlook.PropHTML: bin([]byte("<b>hello</b>"))}, "text/plain: hello|text/html: <b>hello</b>"},
		{"HTML of a code page", outlook.Bag{outlook.PropHTML: bin([]byte("\xcf\xf0")), outlook.PropInternetCodepage: msgtest.Int(1251)}, "text/html: Пр"},
		{"HTML that names its charset", outlook.Bag{outlook.PropHTML: bin([]byte("<meta charset=windows-1251>\xcf\xf0"))}, "text/html: <meta charset=windows-1251>Пр"},
		{"HTML as text", outlook.Bag{outlook.PropHTML: str("<b>ü</b>")}, "text/html: <b>ü</b>"},
		{
			"HTML in RTF",
			outlook.Bag{outlook.PropRTFCompressed: rtf(`{\rtf1\ansi\ansicpg1251\fromhtml1 \deff0{\fonttbl{\f0\fcharset204 Arial;}}{\colortbl;}` +
				`{\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 \'cf\'f0{\*\htmltag84 <a href="http://x.example/?a=1&amp;b">}\u8212?\tab x{\*\htmltag92 </a>}\htmlrtf }\htmlrtf0 {\*\mhtmltag64 no}\par}`)},
			"text/html: <p>Пр<a href=\"http://x.example/?a=1&amp;b\">—\tx</a>\n",
		},
		{"text in RTF", outlook.Bag{outlook.PropRTFCompressed: rtf(`{\rtf1\ansi\fromtext{\fonttbl{\f0 Courier;}}one\par two \{x\}}`)}, "text/plain: one\ntwo {x}"},
		{"written as RTF", outlook.Bag{outlook.PropBody: str("hello"), outlook.PropRTFCompressed: rtf(`{\rtf1 hello}`)}, `text/plain: hello|application/rtf: {\rtf1 hello}`},
		{"RTF alone", outlook.Bag{outlook.PropRTFCompressed: rtf(`{\rtf1{\*\htmltag hidden}{\info{\title no}}he\'6clo}`)}, `text/plain: hello|application/rtf: {\rtf1{\*\htmltag hidden}{\info{\title no}}he\'6clo}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw, troubles := write(t, &outlook.Message{Properties: tc.bag})
			if got := flatten(t, raw); got != tc.want || len(troubles) > 0 {
				t.Errorf("got  %q\nwant %q\n%v", got, tc.want, troubles)
			}
		})
	}
}

func TestAttachmentsOfAMessage(t *testing.T) {
	str := msgtest.String
	circle := &outlook.Message{Properties: outlook.Bag{outlook.PropBody: str("round")}}
	circle.Attachments = []outlook.Attachment{{Message: func() (*outlook.Message, error) { return circle, nil }}}
	for _, tc := range []struct {
		name, want, trouble string
		a                   outlook.Attachment
	}{
		{"a file", "text/plain: |application/octet-stream; ü.bin: x", "", outlook.Attachment{Properties: outlook.Bag{outlook.PropAttachLongFilename: str("ü.bin"), outlook.PropAttachData: msgtest.Binary([]byte("x"))}}},
		{"a name that breaks out", "text/plain: |application/octet-stream; a\"  X: y.bin: x", "", outlook.Attachment{Properties: outlook.Bag{outlook.PropAttachLongFilename: str("a\"\r\nX: y.bin"), outlook.PropAttachData: msgtest.Binary([]byte("x"))}}},
		{"a type that hides parts", "text/plain: |application/octet-stream; a: x", "", outlook.Attachment{Properties: outlook.Bag{outlook.PropAttachFilename: str("a"), outlook.PropAttachMIMEType: str("multipart/mixed; boundary=x"), outlook.PropAttachData: msgtest.Binary([]byte("x"))}}},
		{"a link", "text/plain: |text/plain; a.docx.link.txt: https://x.example/a.docx", "", outlook.Attachment{Properties: outlook.Bag{outlook.PropAttachLongFilename: str("a.docx"), outlook.PropAttachLongPathname: str("https://x.example/a.docx")}}},
		{"nothing", "text/plain: ", `attachment "a" has no content`, outlook.Attachment{Properties: outlook.Bag{outlook.PropAttachFilename: str("a")}}},
		{
			"one that breaks off", "text/plain: |application/octet-stream; a: begi", `attachment "a": broken`,
			outlook.Attachment{Properties: outlook.Bag{outlook.PropAttachFilename: str("a"), outlook.PropAttachData: {Type: outlook.Binary, Open: func() io.Reader {
				return io.MultiReader(strings.NewReader("begi"), iotest.ErrReader(errors.New("broken")))
			}}}},
		},
		{"a message that cannot be read", "text/plain: ", `message "m" inside: broken`, outlook.Attachment{Properties: outlook.Bag{outlook.PropDisplayName: str("m")}, Message: func() (*outlook.Message, error) { return nil, errors.New("broken") }}},
		{"a circle", "text/plain: " + strings.Repeat("|text/plain: round", 7), "messages are inside each other deeper than 8", outlook.Attachment{Message: func() (*outlook.Message, error) { return circle, nil }}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw, troubles := write(t, &outlook.Message{Attachments: []outlook.Attachment{tc.a}})
			if got := flatten(t, raw); got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
			if all := strings.Join(troubles, "; "); all != tc.trouble {
				t.Errorf("troubles %q, want %q", all, tc.trouble)
			}
		})
	}
}

func TestSignedMailIsWrittenAsItWasSigned(t *testing.T) {
	entity := "Content-Type: multipart/signed; boundary=x; protocol=\"application/pkcs7-signature\"\r\n\r\n--x\r\n\r\nsigned\r\n--x--\r\n"
	m := &outlook.Message{
		Properties:  outlook.Bag{outlook.PropMessageClass: msgtest.String("IPM.Note.SMIME.MultipartSigned"), outlook.PropSubject: msgtest.String("s")},
		Attachments: []outlook.Attachment{{Properties: outlook.Bag{outlook.PropAttachFilename: msgtest.String("smime.p7m"), outlook.PropAttachData: msgtest.Binary([]byte(entity))}}},
	}
	if got, _ := write(t, m); !strings.HasSuffix(got, "MIME-Version: 1.0\r\n"+entity) {
		t.Errorf("got %q", got)
	}
}

func TestAFullDiskIsAnError(t *testing.T) {
	m := &outlook.Message{Properties: outlook.Bag{outlook.PropBody: msgtest.String(strings.Repeat("x", 100_000))}}
	if _, err := outlook.Write(full{}, m); err == nil {
		t.Error("no error")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func FuzzRTF(f *testing.F) {
	f.Add([]byte(`{\rtf1\ansi\fromhtml1{\fonttbl{\f0\fcharset204 A;}}{\*\htmltag64 <p>}\u8212?\'cf\par\bin3 abc}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &outlook.Message{Properties: outlook.Bag{outlook.PropRTFCompressed: msgtest.Binary(msgtest.Uncompressed(string(b)))}}
		if _, err := outlook.Write(io.Discard, m); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzDecompress(f *testing.F) {
	f.Add(msgtest.Uncompressed("{\\rtf1}"))
	f.Add([]byte("\x1c\x00\x00\x00\x20\x00\x00\x00LZFu\x00\x00\x00\x00\x00{\\rtf1 x\x10\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if out, _ := outlook.Decompress(b); len(out) > 64<<20 {
			t.Fatal(len(out))
		}
	})
}
