package mail_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/mail"
)

// mixed puts sections, each with its header, into a multipart/mixed.
func mixed(sections ...string) string {
	return "Subject: s\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"=_b\"\n\npreamble\n--=_b\n" +
		strings.Join(sections, "\n--=_b\n") + "\n--=_b--\nepilogue\n"
}

func TestFileNames(t *testing.T) {
	for _, tc := range []struct{ name, header, want, raw string }{
		{"plain", `Content-Disposition: attachment; filename=a.pdf`, "a.pdf", "a.pdf"},
		{"quoted", `Content-Disposition: attachment; filename="a b.pdf"`, "a b.pdf", "a b.pdf"},
		{"from the type", `Content-Type: application/pdf; name="a.pdf"`, "a.pdf", "a.pdf"},
		{"encoded-word", `Content-Disposition: attachment; filename="=?utf-8?B?w6kucGRm?="`, "é.pdf", "é.pdf"},
		{"encoded-words folded", "Content-Disposition: attachment;\n filename=\"=?utf-8?q?=C3?=\n =?utf-8?q?=A9.pdf?=\"", "é.pdf", "é.pdf"},
		{"RFC 2231", `Content-Disposition: attachment; filename*=utf-8'de'%C3%A9.pdf`, "é.pdf", "é.pdf"},
		{"RFC 2231 in GB18030", `Content-Disposition: attachment; filename*=gb18030''%D6%D0.pdf`, "中.pdf", "中.pdf"},
		{"RFC 2231 continued", "Content-Disposition: attachment; filename*0=\"a\"; filename*1=\"b.pdf\"", "ab.pdf", "ab.pdf"},
		{"RFC 2231 out of order", "Content-Disposition: attachment; filename*1*=%A9.pdf; filename*0*=utf-8''%C3", "é.pdf", "é.pdf"},
		{"RFC 2231 without quotes", `Content-Disposition: attachment; filename*=a%20b.pdf`, "a b.pdf", "a b.pdf"},
		{"extended beats plain", `Content-Disposition: attachment; filename="x.pdf"; filename*=utf-8''y.pdf`, "y.pdf", "y.pdf"},
		{"duplicate keeps the first", `Content-Disposition: attachment; filename="x.pdf"; filename="y.exe"`, "x.pdf", "x.pdf"},
		{"no semicolon", "Content-Type: application/pdf name=\"a.pdf\"", "a.pdf", "a.pdf"},
		{"unquoted with spaces", `Content-Disposition: attachment; filename=a b c.pdf; size=1`, "a b c.pdf", "a b c.pdf"},
		{"unquoted with comma and colon", `Content-Disposition: attachment; filename=a,b:c.pdf`, "a,b:c.pdf", "a,b:c.pdf"},
		{"quotes in quotes", `Content-Type: application/rtf; charset=x; name=""a.rtf".rtf"`, `"a.rtf".rtf`, `"a.rtf".rtf`},
		{"quote that never closes", `Content-Disposition: attachment; filename="a.pdf`, "a.pdf", "a.pdf"},
		{"escapes", `Content-Disposition: attachment; filename="a\"b\\c.pdf"`, "c.pdf", `a"b\c.pdf`},
		{"windows path", `Content-Disposition: attachment; filename="C:\dir\a.pdf"`, "a.pdf", `C:\dir\a.pdf`},
		{"traversal", `Content-Disposition: attachment; filename="../../etc/passwd"`, "passwd", "../../etc/passwd"},
		{"right-to-left override", `Content-Disposition: attachment; filename*=utf-8''invoice%E2%80%AEfdp.exe`, "invoicefdp.exe", "invoice\u202efdp.exe"},
		{"NUL", `Content-Disposition: attachment; filename*=utf-8''a%00.exe`, "a .exe", "a .exe"},
		{"zero width", `Content-Disposition: attachment; filename*=utf-8''a%E2%80%8B.exe`, "a.exe", "a\u200b.exe"},
		{"trailing dots", `Content-Disposition: attachment; filename="a.exe. ."`, "a.exe", "a.exe. ."},
		{"raw bytes", "Content-Disposition: attachment; filename=\"caf\xe9.pdf\"", "café.pdf", "café.pdf"},
		{"upper-case extension", `Content-Disposition: attachment; filename=A.PDF`, "A.PDF", "A.PDF"},
		{"none", `Content-Type: application/pdf`, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := parse(t, mixed("Content-Type: text/plain\n\nbody", tc.header+"\n\nx")).Leaves[1]
			if p.FileName != tc.want || p.RawName != tc.raw {
				t.Errorf("name %q raw %q, want %q and %q", p.FileName, p.RawName, tc.want, tc.raw)
			}
			if want := strings.ToLower(tc.want[strings.LastIndexByte(tc.want, '.')+1:]); strings.Contains(tc.want, ".") && p.FileExtension != want {
				t.Errorf("extension %q", p.FileExtension)
			}
		})
	}
	long := parse(t, mixed("\n\nbody", "Content-Disposition: attachment; filename=\""+strings.Repeat("ä", 400)+".pdf\"\n\nx")).Attachments[0]
	if len(long.FileName) > 255 || !strings.HasSuffix(long.FileName, ".pdf") || strings.ToValidUTF8(long.FileName, "") != long.FileName {
		t.Errorf("long name is cut to %d bytes: %q", len(long.FileName), long.FileName)
	}
}

func TestBodiesAndAttachments(t *testing.T) {
	const alt = "Content-Type: multipart/alternative; boundary=alt\n\n--alt\nContent-Type: text/plain\n\nplain\n--alt\nContent-Type: text/html\n\n<p>html <img src=\"cid:logo@x\"></p>\n--alt--"
	const logo = "Content-Type: image/png; name=logo.png\nContent-ID: <logo@x>\n\nPNG"
	for _, tc := range []struct{ name, raw, plain, html, text, attachments string }{
		{"single", "Subject: s\n\nbody\n", "body\n", "", "body\n", ""},
		{"single html", "Content-Type: text/html\n\n<p>body</p>", "", "<p>body</p>", "body", ""},
		{"single file", "Content-Type: application/pdf; name=a.pdf\n\n%PDF-1.4", "", "", "", "1 a.pdf pdf"},
		{"single named text", "Content-Type: text/html; name=a.html\n\n<p>body</p>", "", "<p>body</p>", "body", ""},
		{"alternative", mixed(alt, logo), "plain", "<p>html <img src=\"cid:logo@x\"></p>", "plain", "2 logo.png  inline"},
		{"alternative with blank text", mixed("Content-Type: multipart/alternative; boundary=a\n\n--a\n\n \n--a\nContent-Type: text/html\n\n<p>html</p>\n--a--"), " ", "<p>html</p>", "html", ""},
		{"two texts", mixed("\none", "\ntwo"), "one\ntwo", "", "one\ntwo", ""},
		{"text attachment", mixed("\none", "Content-Disposition: attachment; filename=n.txt\n\ntwo"), "one", "", "one", "2 n.txt txt"},
		{"named text", mixed("\none", "Content-Type: text/plain; name=n.log\nContent-Disposition: inline\n\ntwo"), "one", "", "one", "2 n.log log"},
		{"attached html", mixed("\none", "Content-Type: text/html\nContent-Disposition: attachment; filename=Pay.HTML\n\n<html><script>"), "one", "", "one", "2 Pay.HTML html"},
		{"calendar", mixed("\none", "Content-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\n"), "one", "", "one", "2  ics"},
		{"nonsense type", mixed("Content-Type: foo\n\none"), "one", "", "one", ""},
		{"no closing boundary", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\n", "one\ntwo\n", "", "one\ntwo\n", ""},
		{"boundary with blanks behind", "Content-Type: multipart/mixed; boundary=b\n\n--b \t\n\none\n--b x\n\ntwo\n--b--\n", "one\ntwo", "", "one\ntwo", ""},
		{"boundary that begins like another", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=bb\n\n--bb\n\none\n--bb--\n--b\n\ntwo\n--b--\n", "one\ntwo", "", "one\ntwo", ""},
		{"no boundary declared", "Content-Type: multipart/mixed\n\n--x\nContent-Type: text/plain\n\none\n--x--\n", "one", "", "one", ""},
		{"another boundary declared", "Content-Type: multipart/mixed; boundary=y\n\n--x\nContent-Type: text/plain\n\none\n--x--\n", "one", "", "one", ""},
		{"multipart without parts", "Content-Type: multipart/mixed; boundary=y\n\none\n", "one\n", "", "one\n", ""},
		{"part without header or empty line", "Content-Type: multipart/mixed; boundary=y\n\n--y\none\n--y\nContent-Type: text/plain\n--y\n\ntwo\n--y--\n", "one\n\ntwo", "", "one\n\ntwo", ""},
		{"base64 with junk and no padding", "Content-Transfer-Encoding: BASE64\n\nb\n2 5l!\nIQ\n", "one!", "", "one!", ""},
		{"base64 and a footer", "Content-Transfer-Encoding: base64\n\nb25lIQ==\n-- \nscanned\n", "one!", "", "one!", ""},
		{"quoted-printable", "Content-Transfer-Encoding: quoted-printable\n\na=3Db =\nc=  \nd=zz\t\ne=", "a=b cd=zz\ne", "", "a=b cd=zz\ne", ""},
		{"encoding with noise behind it", "Content-Transfer-Encoding: base64 x\n\nb25lIQ==\n", "one!", "", "one!", ""},
		{"multipart encoded as a whole", "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n" +
			base64.StdEncoding.EncodeToString([]byte("--b\n\none\n--b\nContent-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\nJVBERi0=\n--b--\n")) + "\n", "one", "", "one", "2 a.pdf pdf"},
		{"uuencode", "Content-Transfer-Encoding: x-uuencode\n\nbegin 644 a\n#;VYE\n`\nend\n", "one", "", "one", ""},
		{"unknown encoding", "Content-Transfer-Encoding: rot13\n\nbar\n", "bar\n", "", "bar\n", ""},
		{"charset", "Content-Type: text/plain; charset=\"windows-1252\"\n\n\x80\x93x\x94", "€“x”", "", "€“x”", ""},
		{"charset unknown", "Content-Type: text/plain; charset=nope\n\n\x80", "€", "", "€", ""},
		{"charset only in the document", "Content-Type: text/html\n\n<meta charset=koi8-r><p>\xf0\xd2", "", "<meta charset=koi8-r><p>Пр", "Пр", ""},
		{"utf-7", "Content-Type: text/html; charset=utf-7\n\n+ADw-p+AD4-x", "", "<p>x", "x", ""},
		{"flowed", "Content-Type: text/plain; format=flowed\n\none \ntwo\nthree\n> a \n> b\n>> c\n-- \nsig\n", "one two\nthree\n> a b\n>> c\n-- \nsig\n", "", "one two\nthree\n> a b\n>> c\n-- \nsig\n", ""},
		{"flowed with delsp", "Content-Type: text/plain; format=flowed; delsp=yes\n\none \ntwo\n", "onetwo\n", "", "onetwo\n", ""},
		{"space-stuffed", "Content-Type: text/plain; format=flowed\n\n From here\n", "From here\n", "", "From here\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := parse(t, tc.raw)
			var atts []string
			for _, a := range m.Attachments {
				s := a.Path + " " + a.FileName + " " + a.FileType
				if a.IsInline {
					s += " inline"
				}
				atts = append(atts, s)
				if len(a.MD5) != 32 || len(a.SHA1) != 40 || len(a.SHA256) != 64 {
					t.Errorf("digests %q %q %q", a.MD5, a.SHA1, a.SHA256)
				}
			}
			got := []string{m.Body.Plain.Raw, m.Body.HTML.Raw, m.Body.Text, strings.Join(atts, "; ")}
			if diff := cmp.Diff([]string{tc.plain, tc.html, tc.text, tc.attachments}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFileTypes(t *testing.T) {
	ole := func(name string) string {
		b := make([]byte, 2048)
		copy(b, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
		b[30], b[48] = 9, 1 // sectors of 512 bytes, directory in sector 1
		for i, c := range []byte("Root Entry") {
			b[1024+2*i] = c
		}
		for i, c := range []byte(name) {
			b[1152+2*i] = c
		}
		return string(b)
	}
	zip := func(flag, name string) string {
		return "PK\x03\x04\x14\x00" + flag + "\x00\x08\x00" + strings.Repeat("\x00", 16) + string([]byte{byte(len(name)), 0, 0, 0}) + name + strings.Repeat("data", 10)
	}
	for _, tc := range []struct {
		name, content, want string
		encrypted           bool
	}{
		{"a.pdf", "%PDF-1.7\n", "pdf", false},
		{"a.pdf", "junk\n%PDF-1.7\ntrailer << /Encrypt 5 0 R >>", "pdf", true},
		{"a.pdf", "%PDF-1.7\n<< /EncryptMetadata false >>", "pdf", false},
		{"a.zip", zip("\x00", "a.txt"), "zip", false},
		{"a.zip", zip("\x01", "a.txt"), "zip", true},
		{"a.bin", zip("\x00", "word/document.xml"), "docx", false},
		{"a.bin", zip("\x00", "xl/workbook.xml") + zip("\x00", "xl/vbaProject.bin"), "xlsm", false},
		{"a.bin", zip("\x00", "ppt/presentation.xml"), "pptx", false},
		{"a.odt", zip("\x00", "mimetype") + "application/vnd.oasis.opendocument.text", "odt", false},
		{"a.doc", ole("WordDocument"), "doc", false},
		{"a.xls", ole("Workbook"), "xls", false},
		{"a.ppt", ole("PowerPoint Document"), "ppt", false},
		{"a.msg", ole("__properties_version1.0"), "msg", false},
		{"a.xlsx", ole("EncryptedPackage"), "xlsx", true},
		{"a.dat", ole("EncryptedPackage"), "ooxml", true},
		{"a", "7z\xbc\xaf\x27\x1c\x00\x04", "7z", false},
		{"a", "7z\xbc\xaf\x27\x1c\x00\x04....\x06\xf1\x07\x01", "7z", true},
		{"a", "Rar!\x1a\x07\x00\xcf\x90\x73\x00\x00\x0d\x00\x00\x00\x00\x00\x00\x00", "rar", false},
		{"a", "Rar!\x1a\x07\x00\xcf\x90\x73\x80\x00\x0d\x00\x00\x00\x00\x00\x00\x00", "rar", true},
		{"a", "Rar!\x1a\x07\x01\x00\x00\x00\x00\x00\x04\x04\x00\x00\x00\x00\x00", "rar", true},
		{"a", "!BDN\x00", "pst", false},
		{"winmail.dat", "\x78\x9f\x3e\x22\x00", "tnef", false},
		{"a", "\x89PNG\r\n\x1a\n", "png", false},
		{"a.lnk", "L\x00\x00\x00\x01\x14\x02\x00", "lnk", false},
		{"a.iso", strings.Repeat("\x00", 32769) + "CD001", "iso", false},
		{"a.scr", "MZ" + strings.Repeat("\x00", 100), "scr", false},
		{"a.txt", "MZ is text", "txt", false},
		{"a.js", "var a = 1;", "js", false},
		{"a.html", "  \n<!DOCTYPE html>", "html", false},
		{"a.bin", "<html><body>", "html", false},
		{"a.svg", "<?xml version='1.0'?><svg>", "svg", false},
		{"a.hta", "<html><script>", "hta", false},
		{"a.ics", "BEGIN:VCALENDAR\r\n", "ics", false},
		{"a.vcf", "begin:vcard\n", "vcf", false},
		{"a.url", "[InternetShortcut]\nURL=http://x", "url", false},
		{"a.rtf", "{\\rtf1", "rtf", false},
		{"a.mbox", "From x Wed\nFrom: a\nTo: b\n\n", "mbox", false},
		{"a.asc", "-----BEGIN PGP MESSAGE-----", "pgp", true},
		{"a.csv", "a,b\n", "csv", false},
		{"a.unknown", "\x00\x01\x02", "", false},
		{"a.txt", "", "", false},
		{"a.one", "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1", "one", false},
		{"a.cab", "MSCF\x00", "cab", false},
		{"a.gz", "\x1f\x8b\x08", "gz", false},
	} {
		t.Run(tc.name+" "+tc.want, func(t *testing.T) {
			body := base64.StdEncoding.EncodeToString([]byte(tc.content))
			p := parse(t, mixed("\nbody", "Content-Type: application/octet-stream; name="+tc.name+"\nContent-Transfer-Encoding: base64\n\n"+body)).Attachments[0]
			if p.FileType != tc.want || p.Encrypted != tc.encrypted {
				t.Errorf("type %q encrypted %v, want %q %v", p.FileType, p.Encrypted, tc.want, tc.encrypted)
			}
		})
	}
}

func TestAttachedMessages(t *testing.T) {
	const inner = "From: x@evil.example\nSubject: inner\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\nContent-Type: application/pdf; name=a.pdf\n\n%PDF-1\n--b--"
	encoded := base64.StdEncoding.EncodeToString([]byte(inner))
	for _, tc := range []struct{ name, section string }{
		{"message/rfc822", "Content-Type: message/rfc822\n\n" + inner},
		{"in base64", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + encoded},
		{"as a file", "Content-Type: application/octet-stream; name=mail.eml\nContent-Transfer-Encoding: base64\n\n" + encoded},
		{"as text with the extension", "Content-Type: text/plain; name=mail.eml\nContent-Disposition: attachment\n\n" + inner},
		{"in a digest", "Content-Type: multipart/digest; boundary=d\n\n--d\n\n" + inner + "\n--d--"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := parse(t, mixed("\nbody", tc.section))
			if len(m.Nested) != 1 || len(m.Attachments) != 1 || !m.Attachments[0].IsMessage {
				t.Fatalf("%d nested, %d attachments", len(m.Nested), len(m.Attachments))
			}
			n := m.Nested[0]
			if n.Subject.Subject != "inner" || len(n.Attachments) != 1 || n.Attachments[0].FileType != "pdf" || n.Meta.ID == m.Meta.ID || n.Raw == nil {
				t.Errorf("nested %q with %d attachments", n.Subject.Subject, len(n.Attachments))
			}
		})
	}
	m := parse(t, mixed("\nbody", "Content-Type: text/plain; name=notes.txt\n\nFrom: a@b.example\nSubject: x\nTo: c\n\n"))
	if len(m.Nested) != 0 {
		t.Error("a text that begins like a header is taken for a mail")
	}
}

func TestContentKeyIsThatOfTheContent(t *testing.T) {
	base := "Received: from a by b; Wed, 1 Jun 2022 09:39:00 +0000\nFrom: a@b.example\nTo: c@d.example\nSubject: s\nMessage-ID: <1@b.example>\nDate: Wed, 1 Jun 2022 09:39:00 +0000\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nbody é\n--b\nContent-Type: application/pdf\n\n%PDF\n--b\nContent-Type: text/csv\n\na,b\nc,d\n\n--b\nContent-Type: message/rfc822\n\nSubject: inner\n\ntext\nmore\n\n--b--\n"
	key := parse(t, base).ContentKey
	for name, raw := range map[string]string{
		"line ends":    strings.ReplaceAll(base, "\n", "\r\n"),
		"trace":        "Received: from x by y\nX-Spam: no\n" + base,
		"recipient":    strings.Replace(base, "c@d.example", "e@f.example", 1),
		"boundary":     strings.ReplaceAll(strings.ReplaceAll(base, "--b", "--xyz"), "boundary=b", "boundary=xyz"),
		"encoding":     strings.Replace(base, "\n\nbody é", "\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nbody =C3=A9", 1),
		"subject word": strings.Replace(base, "Subject: s", "Subject: =?utf-8?q?s?=", 1),
	} {
		if parse(t, raw).ContentKey != key {
			t.Errorf("%s: another key", name)
		}
	}
	for name, raw := range map[string]string{
		"attachment": strings.Replace(base, "%PDF", "%PDX", 1), "subject": strings.Replace(base, ": s\n", ": t\n", 1),
		"body": strings.Replace(base, "body", "bodY", 1), "sender": strings.Replace(base, "a@b", "z@b", 1), "id": strings.Replace(base, "<1@", "<2@", 1),
		"attached text": strings.Replace(base, "a,b", "a,c", 1), "attached message": strings.Replace(base, "inner", "other", 1),
	} {
		if parse(t, raw).ContentKey == key {
			t.Errorf("another %s has the same key", name)
		}
	}
}

func TestThreads(t *testing.T) {
	for _, tc := range []struct {
		name, text, current string
		previous            []string
	}{
		{"alone", "hello\nthere\n", "hello\nthere", nil},
		{"wrote", "hi\n\nOn Wed, Jun 1, 2022 at 9:39 AM Ann <a@b.example> wrote:\n\n> one\n> two\n>\n> On Tue, Bob 1 wrote:\n>> three\n", "hi", []string{"one\ntwo", "three"}},
		{"wrapped", "hi\n\nOn Wed, Jun 1, 2022 at 9:39 AM Ann\n<a@b.example> wrote:\n> one\n", "hi", []string{"one"}},
		{"German", "hi\n\nAm 1. Juni 2022 schrieb Ann <a@b.example>:\n> one\n", "hi", []string{"one"}},
		{"French", "hi\n\nLe mer. 1 juin 2022 à 09:39, Ann <a@b.example> a écrit :\n> one\n", "hi", []string{"one"}},
		{"Japanese", "hi\n\n2022年6月1日(水) 9:39 Ann <a@b.example>さんは書きました:\n> one\n", "hi", []string{"one"}},
		{"answer below", "> one\n> two\n\nanswer\n", "answer", []string{"one\ntwo"}},
		{"answer below a line", "On Wed, Jun 1, 2022 Ann wrote:\n> one\n\nanswer\n", "answer", []string{"one"}},
		{"original message", "hi\n-----Original Message-----\nFrom: Ann <a@b.example>\nSent: Wed\nSubject: x\n\none\n", "hi", []string{"one"}},
		{"label block", "hi\n\nVon: Ann <a@b.example>\nGesendet: Mittwoch\nAn: B <b@b.example>\nBetreff: x\n\none\n\nVon: C <c@b.example>\nGesendet: Montag\nBetreff: y\n\ntwo\n", "hi", []string{"one", "two"}},
		{"greater-than in a text", "a\n1 > 0\nb\n", "a\n1 > 0\nb", nil},
		{"labels without a sender", "To: do:\nSubject: things\nDate: now\n", "To: do:\nSubject: things\nDate: now", nil},
		{"wrote in a sentence", "In 2021 he wrote: nothing\nmore\n", "In 2021 he wrote: nothing\nmore", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := parse(t, "Subject: Re: x\nContent-Type: text/plain; charset=utf-8\n\n"+tc.text).Body
			var previous []string
			for _, p := range b.PreviousThreads {
				previous = append(previous, p.Text)
			}
			if b.CurrentThread.Text != tc.current || cmp.Diff(tc.previous, previous) != "" {
				t.Errorf("current %q\nprevious %q", b.CurrentThread.Text, previous)
			}
		})
	}
}

func TestLinksOfBothBodies(t *testing.T) {
	m := parse(t, mixed("Content-Type: multipart/alternative; boundary=alt\n\n--alt\nContent-Type: text/plain\n\nsee http://one.example/ and http://192.0.2.1/x\n\nOn 1 Jun X wrote:\n> http://old.example/\n--alt\nContent-Type: text/html\n\n<a href=\"http://one.example/\">a</a><a href=\"http://two.example/\">b</a>\n--alt--"))
	var got []string
	for _, l := range m.Body.Links {
		got = append(got, l.HrefURL.URL)
	}
	if diff := cmp.Diff([]string{"http://one.example/", "http://two.example/", "http://192.0.2.1/x", "http://old.example/"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"192.0.2.1"}, m.Body.IPs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got = nil
	for _, l := range m.Body.CurrentThread.Links {
		got = append(got, l.HrefURL.URL)
	}
	if diff := cmp.Diff([]string{"http://one.example/", "http://two.example/", "http://192.0.2.1/x"}, got); diff != "" {
		t.Errorf("current thread (-want +got):\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(mixed("\nbody", "Content-Type: message/rfc822\n\nSubject: x\n\ny", "Content-Type: application/zip; name*=utf-8''%00\n\nPK\x03\x04")))
	f.Add([]byte(deep(5, "b%d")))
	f.Add([]byte(deep(5, "same")))
	f.Add([]byte("Content-Type: text/html\nContent-Transfer-Encoding: base64\n\nPGE+"))
	f.Add([]byte("Content-Type: multipart/mixed\n\n--x\nContent-Type: text/plain; format=flowed\n\na \nb"))
	f.Add([]byte("From x\n\nSubject: a\r\rb"))
	limits := engine.Limits{Header: 4096, Field: 1024, Parts: 20, Depth: 4, Nesting: 3, Leaf: 256, Text: 2048, Links: 10}
	inMemory := mail.New(mail.Config{Limits: limits})
	limits.Memory = 100
	streaming := mail.New(mail.Config{Limits: limits, TempDir: f.TempDir()})
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := inMemory.Parse(context.Background(), engine.Bytes(raw), engine.Origin{ID: "x"})
		if err != nil {
			t.Fatal(err)
		}
		checkTotal(t, m)
		if bytes.IndexByte(raw, '\n') < 0 {
			return // bare CRs are line ends in memory only
		}
		s, err := streaming.Parse(context.Background(), streamed(raw), engine.Origin{ID: "x"})
		if err != nil {
			t.Fatal(err)
		}
		if s.ContentKey != m.ContentKey || s.Meta.SHA256 != m.Meta.SHA256 || s.Body.Text != m.Body.Text || len(s.Leaves) != len(m.Leaves) {
			t.Fatalf("as a stream it is another mail: %d leaves %q, %d leaves %q", len(m.Leaves), m.Body.Text, len(s.Leaves), s.Body.Text)
		}
		for i, p := range s.Leaves {
			if b, err := engine.ReadAll(p.Content, 1<<20); err != nil || len(b) != p.Size || p.SHA256 != m.Leaves[i].SHA256 {
				t.Fatalf("leaf %d: %d bytes of %d, %v", i, len(b), p.Size, err)
			}
		}
	})
}

// streamed is a blob that cannot be taken for memory.
type streamed []byte

func (s streamed) Size() int64                  { return int64(len(s)) }
func (s streamed) Open() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(s)), nil }

// checkTotal asserts what every layer above relies on.
func checkTotal(t *testing.T, m *engine.Message) {
	t.Helper()
	if m.Raw == nil || m.Meta.SHA256 == "" || m.ContentKey == "" || len(m.Leaves) == 0 {
		t.Fatalf("message is not total: %d leaves", len(m.Leaves))
	}
	for _, p := range m.Leaves {
		if p.Content == nil || p.Content.Size() != int64(p.Size) || p.Path == "" || len(p.FileName) > 255 || strings.ContainsAny(p.FileName, "/\\\x00\n") {
			t.Fatalf("part %+v", p)
		}
	}
	for _, s := range []string{m.Subject.Subject, m.Body.Text, m.Body.Plain.Raw, m.Body.HTML.InnerText, m.Sender.DisplayName} {
		if strings.ToValidUTF8(s, "") != s {
			t.Fatalf("not UTF-8: %q", s)
		}
	}
	for _, n := range m.Nested {
		checkTotal(t, n)
	}
}
