package pdf_test

import (
	"testing"
)

func BenchmarkRead(b *testing.B) {
	for _, name := range fixtures(b) {
		b.Run(name, func(b *testing.B) {
			content := fixture(b, name)
			b.SetBytes(int64(len(content)))
			pages := 0
			for b.Loop() {
				pages += read(b, content).Pages
			}
			b.ReportMetric(b.Elapsed().Seconds()*1000/float64(pages), "ms/page")
		})
	}
}

// A try of a password, as user and as owner, with the reading of the file around.
func BenchmarkWrongPassword(b *testing.B) {
	in := plain(b)
	for _, r := range revisions {
		b.Run(r.name, func(b *testing.B) {
			locked := lock(b, in, "user-pw", "owner-pw", r.bits, r.flags, nil)
			for b.Loop() {
				read(b, locked, "wrong")
			}
		})
	}
}
