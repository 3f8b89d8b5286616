package threatq_test

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkVendorsAverage ships mails of the size that the vendor's connector
// reports as its average: 15 indicators, 24 attributes, 1 file.
func BenchmarkVendorsAverage(b *testing.B) {
	p := newPlace(b, simConfig())
	s := p.open(b)
	n := 0
	for b.Loop() {
		n++
		m := mailBatch(fmt.Sprint(n), 15, 1)
		m.Events[0].HappenedAt = m.Events[0].HappenedAt.Add(time.Duration(n) * time.Minute)
		p.ship(b, s, m)
	}
	b.ReportMetric(float64(p.sim.Counts().Other)/float64(n), "requests/op")
}
