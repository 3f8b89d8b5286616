package ews_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/source/ews"
	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
)

// BenchmarkFetch reads a mailbox whose server answers after 40 ms, in chunks of
// several sizes over several connections. Mails are as large as reported phish
// is: 4 KiB to 100 KiB, some a megabyte.
func BenchmarkFetch(b *testing.B) {
	const mails = 400
	s, cfg := sim(b, func(c *ewssim.Config) { c.Latency = 40 * time.Millisecond })
	rng := rand.New(rand.NewPCG(1, 2))
	var total int64
	for i := range mails {
		size := 4<<10 + rng.IntN(96<<10)
		if i%50 == 0 {
			size = 1 << 20
		}
		m := append(raw(fmt.Sprint(i)), bytes.Repeat([]byte("0123456789abcdef0123456789abcdef\r\n"), size/34)...)
		total += int64(len(m))
		s.AddMail("Inbox", m, epoch.Add(time.Duration(i)*time.Second), false)
	}
	for _, chunk := range []int64{1, 1 << 20, 8 << 20, 16 << 20} {
		for _, workers := range []int{1, 2, 4} {
			b.Run(fmt.Sprintf("chunk=%dKiB/workers=%d", chunk>>10, workers), func(b *testing.B) {
				cfg := cfg
				cfg.Chunk, cfg.Workers, cfg.ReadOnly, cfg.TempDir = chunk, workers, true, b.TempDir()
				b.SetBytes(total)
				for b.Loop() {
					read := readAll(b, open(b, cfg))
					if read != mails {
						b.Fatalf("%d mails", read)
					}
				}
				b.ReportMetric(float64(b.N*mails)/b.Elapsed().Seconds(), "mails/s")
			})
		}
	}
}

func readAll(b *testing.B, src *ews.Source) (n int) {
	defer src.Close()
	for {
		if _, err := src.Next(b.Context()); err == io.EOF {
			return n
		} else if err != nil {
			b.Fatal(err)
		}
		n++
	}
}
