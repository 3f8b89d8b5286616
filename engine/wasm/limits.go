package wasm

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/wasm/meter"
)

// Limits of one module. The zero value of a field means its default, which
// stands, with the ceiling, in wasm-extractors/ABI.md.
type Limits struct {
	Module         int64         // bytes of the file
	Memory         int64         // bytes of linear memory; whole pages of 64 KiB count
	Stack          int64         // bytes of frames
	Fuel           int64         // units of one call
	FuelPerMiB     int64         // units more for each MiB handed over
	Deadline       time.Duration // of one call
	DeadlinePerMiB time.Duration // more for each MiB handed over
	Output         int64         // bytes
	Findings       int64         // indicators of one call
	Log            int64         // bytes of one call
}

const (
	page = 64 << 10
	mib  = 1 << 20

	quantum   = 1 << 20  // units between two questions to the host: about half a millisecond
	startFuel = 100e6    // units that a module may use before it is ready for a mail
	partBytes = 16 * mib // of one part that are handed over when the description says nothing
)

// row is one limit: its default and its ceiling.
type row struct {
	name             string
	field            *int64
	initial, ceiling int64
}

func (l *Limits) rows() []row {
	return []row{
		{"module", &l.Module, 16 * mib, 64 * mib},
		{"memory", &l.Memory, 64 * mib, 1024 * mib},
		{"stack", &l.Stack, 8 * mib, 64 * mib},
		{"fuel", &l.Fuel, 500e6, 1e12},
		{"fuel per MiB", &l.FuelPerMiB, 500e6, 1e12},
		{"deadline", (*int64)(&l.Deadline), int64(10 * time.Second), int64(2 * time.Minute)},
		{"deadline per MiB", (*int64)(&l.DeadlinePerMiB), int64(2 * time.Second), int64(2 * time.Minute)},
		{"output", &l.Output, mib, 8 * mib},
		{"findings", &l.Findings, 10_000, 1_000_000},
		{"log", &l.Log, 64 << 10, mib},
	}
}

// text writes a value of the limit for people.
func (r row) text(v int64) string {
	switch {
	case strings.HasPrefix(r.name, "deadline"):
		return time.Duration(v).String()
	case r.ceiling%mib == 0 && v > 0 && v%mib == 0:
		return fmt.Sprintf("%d MiB", v/mib)
	}
	return strconv.FormatInt(v, 10)
}

// Check tells which limit is negative or above its ceiling.
func (l Limits) Check() error {
	for _, r := range l.rows() {
		if *r.field < 0 || *r.field > r.ceiling {
			return fmt.Errorf("limit %s is %s; at most %s is allowed", r.name, r.text(*r.field), r.text(r.ceiling))
		}
	}
	if l.Memory > 0 && l.Memory < page {
		return fmt.Errorf("limit memory is %d bytes, less than a page of %d", l.Memory, page)
	}
	return nil
}

// WithDefaults fills in what is zero.
func (l Limits) WithDefaults() Limits {
	for _, r := range l.rows() {
		if *r.field == 0 {
			*r.field = r.initial
		}
	}
	return l
}

// caps are the limits that hold before a module is compiled.
func (l Limits) caps() meter.Limits {
	return meter.Limits{Bytes: int(l.Module), Pages: int(l.Memory / page), Stack: int(l.Stack)}
}

// budget is what one call may use, given how much it is handed.
func (l Limits) budget(handed int64) (fuel int64, deadline time.Duration) {
	whole := float64(handed) / mib
	return l.Fuel + int64(whole*float64(l.FuelPerMiB)), l.Deadline + time.Duration(whole*float64(l.DeadlinePerMiB))
}
