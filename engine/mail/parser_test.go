package mail_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/mail"
)

// corpus returns the files of the folder that TQ_CORPUS names.
func corpus(tb testing.TB) []string {
	tb.Helper()
	dir := os.Getenv("TQ_CORPUS")
	if dir == "" {
		tb.Skip("skipped: TQ_CORPUS is not set")
	}
	var files []string
	filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".eml") {
			files = append(files, path)
		}
		return nil
	})
	if len(files) == 0 {
		tb.Skip("skipped: no .eml under TQ_CORPUS")
	}
	return files
}

func parse(tb testing.TB, raw string) *engine.Message {
	tb.Helper()
	m, err := mail.New(mail.Config{}).Parse(context.Background(), engine.Bytes(raw), engine.Origin{ID: "test"})
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func TestCorpusLeavesNoEncodedWordInSubjects(t *testing.T) {
	p := mail.New(mail.Config{})
	for _, file := range corpus(t) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := p.Parse(context.Background(), engine.Bytes(raw), engine.Origin{ID: file})
		if err != nil {
			t.Fatal(err)
		}
		if s := m.Subject.Subject; strings.Contains(s, "=?") {
			t.Errorf("%s: subject %q", filepath.Base(file), s)
		}
		if m.Sender.Email.Email == "" || m.Body.Text == "" {
			t.Logf("%s: sender %q, text of %d bytes, %v", filepath.Base(file), m.Sender.Email.Email, len(m.Body.Text), m.Defects)
		}
	}
}

// generated are mails of the usual kinds: an answer, a newsletter, a mail with a
// file, a forward.
func generated() []engine.Bytes {
	trace := strings.Repeat("Received: from mail.a.example (mail.a.example [192.0.2.1])\r\n\tby mx.b.example (Postfix) with ESMTPS id 4abc\r\n\tfor <u@b.example>; Wed, 1 Jun 2022 09:39:00 +0200 (CEST)\r\n", 4) +
		"Authentication-Results: mx.b.example; spf=pass smtp.mailfrom=a.example; dkim=pass header.d=a.example; dmarc=pass header.from=a.example\r\n" +
		"From: =?utf-8?q?Gr=C3=BC=C3=9Fe?= <a@a.example>\r\nTo: B <b@b.example>\r\nDate: Wed, 1 Jun 2022 09:39:00 +0200\r\nMessage-ID: <1@a.example>\r\n"
	html := strings.Repeat("<table><tr><td style=\"padding:20px 30px;font-family:Arial,sans-serif;color:#333333\"><p>Dear customer, your parcel waits. <a href=\"https://example.com/t?id=1\">Track it</a></p></td></tr></table>\r\n", 60)
	file := strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", 1000)
	forward := clients[3].fill(clients[3].words[2])
	return []engine.Bytes{
		engine.Bytes("Subject: Re: a question\r\n" + trace + "\r\nYes.\r\n\r\nOn Wed, 1 Jun 2022, B wrote:\r\n> No?\r\n"),
		engine.Bytes("Subject: News\r\n" + trace + "Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\n\r\nnews\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html + "--x--\r\n"),
		engine.Bytes("Subject: File\r\n" + trace + "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nsee file\r\n--x\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + file + "--x--\r\n"),
		engine.Bytes("Subject: WG: Rechnung\r\n" + trace + "Content-Type: text/plain; charset=utf-8\r\n\r\n" + forward),
	}
}

func BenchmarkParse(b *testing.B) {
	p := mail.New(mail.Config{})
	ours := func(raw engine.Bytes) error {
		_, err := p.Parse(context.Background(), raw, engine.Origin{})
		return err
	}
	// The yardstick: enmime does the MIME part of the work only.
	theirs := func(raw engine.Bytes) error {
		_, err := lean.ReadParts(bytes.NewReader(raw))
		return err
	}
	b.Run("generated", func(b *testing.B) { run(b, generated(), ours) })
	b.Run("generated-enmime", func(b *testing.B) { run(b, generated(), theirs) })
	b.Run("corpus", func(b *testing.B) { run(b, corpusBytes(b), ours) })
	b.Run("corpus-enmime", func(b *testing.B) { run(b, corpusBytes(b), theirs) })
}

func run(b *testing.B, raws []engine.Bytes, parse func(engine.Bytes) error) {
	size := 0
	for _, raw := range raws {
		size += len(raw)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		for _, raw := range raws {
			if err := parse(raw); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N*len(raws))/b.Elapsed().Seconds(), "msg/s")
}

func corpusBytes(b *testing.B) (raws []engine.Bytes) {
	for _, file := range corpus(b) {
		raw, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		raws = append(raws, raw)
	}
	return raws
}
