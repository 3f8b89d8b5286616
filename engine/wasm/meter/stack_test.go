package meter_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine/wasm/meter"
)

// recursion is a module with a function "f" of type (i32) -> (i32), which has a
// body that may call it as function 0.
func recursion(body []byte) []byte {
	return module(
		section(1, list([]byte{0x60, 1, 0x7f, 1, 0x7f})),
		oneVoid,
		section(7, list([]byte{1, 'f', 0, 0})),
		section(10, list(sized(body))),
	)
}

// keeping is the body of a function that calls itself while n locals have values
// that it needs afterwards.
func keeping(n int) []byte {
	local := func(op byte, i int) []byte { return append([]byte{op}, binary.AppendUvarint(nil, uint64(i))...) }
	body := append(u32(1), append(u32(n), 0x7f)...)
	for i := range n {
		body = append(body, slices.Concat([]byte{0x20, 0, 0x41}, u32(i%60), []byte{0x73}, local(0x21, i+1))...) // a local is the parameter xor i
	}
	body = append(body, 0x20, 0, 0x10, 0) // the call
	for i := range n {
		body = append(body, append(local(0x20, i+1), 0x6a)...)
	}
	return append(body, 0x0b)
}

// stacked is the body of a function that calls itself above n operands.
func stacked(n int) []byte {
	return slices.Concat([]byte{0}, bytes.Repeat([]byte{0x20, 0, 0x41, 3, 0x73}, n),
		[]byte{0x20, 0, 0x10, 0}, bytes.Repeat([]byte{0x6a}, n), []byte{0x0b})
}

// pressed is the body of a function that has n operands at a time, and none of them
// when it calls itself.
func pressed(n int) []byte {
	return slices.Concat([]byte{0}, bytes.Repeat([]byte{0x20, 0, 0x41, 3, 0x73, 0x41, 5, 0x6c}, n),
		bytes.Repeat([]byte{0x6a}, n-1), []byte{0x10, 0, 0x0b})
}

// changing is the body of a function that gives each of n locals a value again and
// again before it calls itself.
func changing(n, rounds int) []byte {
	local := func(op byte, i int) []byte { return append([]byte{op}, binary.AppendUvarint(nil, uint64(i))...) }
	body := append(u32(1), append(u32(n), 0x7f)...)
	for i := range n * rounds {
		body = slices.Concat(body, local(0x20, (i+7)%n+1), local(0x20, (i+3)%n), []byte{0x73, 0x41, 3, 0x6c}, local(0x21, i%n+1))
	}
	body = append(body, 0x20, 1)
	for i := range n {
		body = slices.Concat(body, local(0x20, i+1), []byte{0x6a})
	}
	return append(body, 0x10, 0, 0x0b)
}

// merging is the body of a function that sets n locals inside so many ifs and reads
// them behind: each has one of two values behind each if.
func merging(n, ifs int) []byte {
	local := func(op byte, i int) []byte { return append([]byte{op}, binary.AppendUvarint(nil, uint64(i))...) }
	body := append(u32(1), append(u32(n), 0x7f)...)
	body = append(body, bytes.Repeat([]byte{0x20, 0, 0x04, 0x40}, ifs)...)
	for i := range n {
		body = slices.Concat(body, []byte{0x20, 0, 0x41}, u32(i%60), []byte{0x6c}, local(0x21, i+1))
	}
	body = append(append(body, bytes.Repeat([]byte{0x0b}, ifs)...), 0x20, 0)
	for i := range n {
		body = slices.Concat(body, local(0x20, i+1), []byte{0x6a})
	}
	return append(body, 0x10, 0, 0x0b)
}

func TestEndlessRecursionEndsWhenTheStackIsUsedUp(t *testing.T) {
	const most = 64 << 20
	for _, test := range []struct {
		name string
		body []byte
	}{
		{"no locals", []byte{0, 0x20, 0, 0x10, 0, 0x0b}},
		{"one operand", []byte{0, 0x20, 0, 0x10, 0, 0x41, 1, 0x6a, 0x0b}},
		{"1,000 locals", keeping(1000)},
		{"9,999 locals", keeping(9_999)},
		{"9,000 operands", stacked(9_000)},
		{"50,000 operands before", pressed(50_000)},
		{"1,000 operands before", pressed(1000)},
		{"50 locals, 200 times", changing(50, 200)},
		{"1,000 locals, 30 times", changing(1000, 30)},
		{"300 locals behind 100 ifs", merging(300, 100)},
		{"50 locals behind 50 ifs", merging(50, 50)},
		{"a loop around it", []byte{0, 0x03, 0x7f, 0x20, 0, 0x10, 0, 0x1a, 0x0c, 0, 0x0b, 0x0b}},
		{"a loop beside it", []byte{0, 0x03, 0x40, 0x20, 0, 0x45, 0x0d, 0, 0x0b, 0x20, 0, 0x10, 0, 0x0b}},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := instantiate(t, rewrite(t, recursion(test.body)), true, &host{quantum: plenty})
			before := resident(t)
			_, err := in.call(plenty, "f", 1)
			if err == nil {
				t.Error("it came to an end")
			}
			if left := int64(in.global(meter.Stack).Get()); left >= 0 {
				t.Errorf("it ended with %d bytes of stack: %v", left, err)
			}
			grown := resident(t) - before
			t.Logf("%d MiB", grown>>20)
			if grown > most {
				t.Errorf("it took %d MiB", grown>>20)
			}
		})
	}
}

func TestStackIsGivenBack(t *testing.T) {
	in := instantiate(t, rewrite(t, read(t, "steps.wasm")), true, &host{quantum: plenty})
	for _, step := range steps {
		if step.traps {
			continue
		}
		if _, err := in.call(plenty, step.function, step.args...); err != nil {
			t.Fatal(step.function, err)
		}
		if left := in.global(meter.Stack).Get(); left != 8<<20 {
			t.Errorf("%s leaves %d bytes", step.function, left)
		}
	}
}

// resident is the memory of this process, in bytes.
func resident(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("needs /proc")
	}
	kib, err := strconv.Atoi(string(regexp.MustCompile(`VmRSS:\s+(\d+)`).FindSubmatch(status)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
