package imap_test

import (
	"crypto/sha256"
	"io"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/tqmailrules/tqmailrules/engine/source/imap"
	"github.com/tqmailrules/tqmailrules/engine/source/imap/imaptest"
)

// BenchmarkTwoThousandMails reads the mails of a Dovecot, and compares with the
// bare library, which reads them in the same batches into a hash.
func BenchmarkTwoThousandMails(b *testing.B) {
	const mails = 2000
	d := imaptest.Start(b)
	var size int64
	for _, m := range generated(mails) {
		d.Deliver(b, "INBOX", m, epoch)
		size += int64(len(m))
	}
	cfg := dovecot(d, imap.Plain)
	cfg.ReadOnly = true
	drain(b, open(b, cfg)) // the server makes its indexes
	var bare, ours time.Duration
	b.SetBytes(size)
	for b.Loop() {
		began := time.Now()
		if n := bareRead(b, d); n != mails {
			b.Fatalf("%d mails", n)
		}
		bare += time.Since(began)
		began = time.Now()
		src := open(b, cfg)
		n := 0
		for {
			if _, err := src.Next(b.Context()); err != nil {
				if err != io.EOF {
					b.Fatal(err)
				}
				break
			}
			n++
		}
		src.Close()
		if n != mails {
			b.Fatalf("%d mails", n)
		}
		ours += time.Since(began)
	}
	b.ReportMetric(float64(b.N*mails)/ours.Seconds(), "mails/s")
	b.ReportMetric(bare.Seconds()/ours.Seconds(), "of-library")
}

// bareRead is the library alone.
func bareRead(b *testing.B, d *imaptest.Dovecot) int {
	c, err := imapclient.DialInsecure(d.Addr, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	if err := c.Login(d.User, d.Password).Wait(); err != nil {
		b.Fatal(err)
	}
	if _, err := c.Select("INBOX", &goimap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		b.Fatal(err)
	}
	found, err := c.UIDSearch(&goimap.SearchCriteria{NotFlag: []goimap.Flag{goimap.FlagSeen}}, nil).Wait()
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	uids := found.AllUIDs()
	for len(uids) > 0 {
		some := goimap.UIDSetNum(uids[:min(50, len(uids))]...)
		uids = uids[min(50, len(uids)):]
		cmd := c.Fetch(some, &goimap.FetchOptions{UID: true, BodySection: []*goimap.FetchItemBodySection{{Peek: true}}})
		for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
			for item := msg.Next(); item != nil; item = msg.Next() {
				if body, ok := item.(imapclient.FetchItemDataBodySection); ok {
					io.Copy(sha256.New(), body.Literal)
					n++
				}
			}
		}
		if err := cmd.Close(); err != nil {
			b.Fatal(err)
		}
	}
	return n
}
