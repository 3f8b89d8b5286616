package mail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

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

// samples are mails of our own, written to files, and those of the corpus if
// there is one.
func samples(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	raws := generated()
	for _, s := range []string{
		mixed("\nbody", "Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQK", "Content-Type: image/png; name=\"b c.png\"\n\n\x89PNG"),
		mixed("Content-Type: multipart/alternative; boundary=x\n\n--x\n\na\n--x\nContent-Type: text/html\n\n<p>a\n--x--\n", "Content-Disposition: attachment; filename*=utf-8''%C3%A9.bin\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: quoted-printable\n\n=00=01=\n=02"),
		"Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?= =?utf-8?q?_an_alle?=\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\nGr\xfc\xdfe\n",
		strings.ReplaceAll(mixed("\none", "\ntwo", "Content-Type: application/x\n\nthree\n\n"), "\n", "\r\n"),
	} {
		raws = append(raws, engine.Bytes(s))
	}
	var files []string
	for i, raw := range raws {
		file := filepath.Join(dir, fmt.Sprintf("%d.eml", i))
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if os.Getenv("TQ_CORPUS") != "" {
		files = append(files, corpus(t)...)
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

// brokenBlob fails after some bytes, as a disk or a connection does.
type brokenBlob struct{ size int64 }

func (b brokenBlob) Size() int64 { return b.size }
func (b brokenBlob) Open() (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(strings.NewReader("Subject: x\n\nbody"), iotest.ErrReader(errBroken))), nil
}

var errBroken = errors.New("broken")

func TestOnlyTheEnvironmentIsAnError(t *testing.T) {
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, tc := range []struct {
		name string
		ctx  context.Context
		cfg  mail.Config
		raw  engine.Blob
		want error
	}{
		{"small mail that cannot be read", context.Background(), mail.Config{}, brokenBlob{100}, errBroken},
		{"large mail that cannot be read", context.Background(), mail.Config{}, brokenBlob{1 << 30}, errBroken},
		{"canceled", canceled, mail.Config{}, engine.Bytes("x"), context.Canceled},
		{"no room for a large attachment", context.Background(), mail.Config{TempDir: "/nonexistent/folder"}, bigBlob{300_000}, os.ErrNotExist},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := mail.New(tc.cfg).Parse(tc.ctx, tc.raw, engine.Origin{}); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
		})
	}
}

func TestParserIsSafeForConcurrentUse(t *testing.T) {
	p := mail.New(mail.Config{})
	raws := generated()
	want := make([]string, len(raws))
	for i, raw := range raws {
		want[i] = parse(t, string(raw)).ContentKey
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i, raw := range raws {
				m, err := p.Parse(context.Background(), raw, engine.Origin{})
				if err != nil || m.ContentKey != want[i] {
					t.Errorf("mail %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestMessageIsCutAtItsCap(t *testing.T) {
	p := mail.New(mail.Config{Limits: engine.Limits{Message: 100}})
	raw := engine.Bytes("Subject: x\n\n" + strings.Repeat("a", 1000))
	m, err := p.Parse(context.Background(), raw, engine.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	if !hasCap(m, engine.DefectMessageSize) || len(m.Body.Text) != 88 || m.Meta.Size != len(raw) {
		t.Errorf("%d bytes of text, %v", len(m.Body.Text), m.Defects)
	}
	whole, _ := engine.Digest(raw)
	if m.Meta.SHA256 != whole {
		t.Error("the digest is not that of the whole message")
	}
}

func TestIdentityOfADelivery(t *testing.T) {
	o := engine.Origin{Source: "imap", Account: "a", Folder: "INBOX", ID: "7", Received: local}
	m, err := mail.New(mail.Config{MailboxName: "phish"}).Parse(context.Background(), engine.Bytes("Date: Mon, 2 May 2022 00:00:00 +0000\n\n"), o)
	if err != nil {
		t.Fatal(err)
	}
	if m.Meta.ID != o.Key() || m.Meta.Source != "imap" || m.Meta.Account != "a" || m.Meta.Folder != "INBOX" || m.Mailbox.Name != "phish" || !m.Meta.Received.Equal(local) {
		t.Errorf("%+v in %+v", m.Meta, m.Mailbox)
	}
}

// TestDigestOfTheSourceIsTaken: a source that had to compute the digest of a mail
// saves the parser from it; attached messages have their own.
func TestDigestOfTheSourceIsTaken(t *testing.T) {
	const raw = "Subject: x\nContent-Type: message/rfc822\n\nSubject: inner\n\nbody\n"
	for name, blob := range map[string]engine.Blob{"in memory": engine.Bytes(raw), "streamed": streamed(raw)} {
		t.Run(name, func(t *testing.T) {
			p := mail.New(mail.Config{TempDir: t.TempDir(), Limits: engine.Limits{Memory: 100}})
			given, err := p.Parse(context.Background(), blob, engine.Origin{Digest: "given"})
			if err != nil {
				t.Fatal(err)
			}
			computed, err := p.Parse(context.Background(), blob, engine.Origin{})
			if err != nil {
				t.Fatal(err)
			}
			want, err := engine.Digest(blob)
			if err != nil {
				t.Fatal(err)
			}
			if given.Meta.SHA256 != "given" || computed.Meta.SHA256 != want || given.ContentKey != computed.ContentKey {
				t.Errorf("digests %q and %q, want those given and %q", given.Meta.SHA256, computed.Meta.SHA256, want)
			}
			inner, err := engine.Digest(given.Nested[0].Raw)
			if err != nil {
				t.Fatal(err)
			}
			if given.Nested[0].Meta.SHA256 != inner {
				t.Errorf("digest of the attached message %q, want %q", given.Nested[0].Meta.SHA256, inner)
			}
		})
	}
}
