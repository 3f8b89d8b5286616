package meter_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// segment is a data segment at a constant place.
func segment(at int, data string) []byte {
	return slices.Concat([]byte{0, 0x41}, sleb(at), []byte{0x0b}, sized([]byte(data)))
}

func sleb(n int) (out []byte) {
	for {
		b := byte(n & 0x7f)
		if n >>= 7; n == 0 && b&0x40 == 0 || n == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

// filled is a module of one page that segments fill.
func filled(segments ...[]byte) []byte {
	return module(oneMemory, section(7, list(slices.Concat(name("memory"), []byte{2, 0}))), section(11, list(segments...)))
}

// TestMergedSegmentsFillTheSameMemory instantiates originals and rewritten modules.
func TestMergedSegmentsFillTheSameMemory(t *testing.T) {
	tests := []struct {
		name     string
		segments [][]byte
		want     int // segments afterwards
	}{
		{"none", nil, 0},
		{"behind each other", [][]byte{segment(0, "ab"), segment(2, "cd"), segment(4, "")}, 1},
		{"a few zeros between", [][]byte{segment(8, "ab"), segment(74, "cd")}, 1},
		{"too many zeros between", [][]byte{segment(8, "ab"), segment(75, "cd")}, 2},
		{"overlapping", [][]byte{segment(0, "abcdef"), segment(3, "xy")}, 2},
		{"backwards", [][]byte{segment(100, "ab"), segment(0, "cd")}, 2},
		{"zeros that would overwrite", [][]byte{segment(10, "XXXX"), segment(0, "ab"), segment(20, "cd")}, 3},
		{"adjacent, over what stands there", [][]byte{segment(10, "XXXX"), segment(0, "abcdefghij"), segment(10, "cd")}, 2},
		{"zeros beside what stands there", [][]byte{segment(200, "XXXX"), segment(0, "ab"), segment(20, "cd")}, 2},
		{"the last bytes", [][]byte{segment(65530, "abc"), segment(65534, "de")}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sameMemory(t, filled(tt.segments...)); got != tt.want {
				t.Errorf("%d segments, want %d", got, tt.want)
			}
		})
	}
}

// TestSegmentsInAnyOrderFillTheSameMemory scatters segments at random.
func TestSegmentsInAnyOrderFillTheSameMemory(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		var segments [][]byte
		at := 0
		for range 1 + random.IntN(150) {
			if at += random.IntN(100); random.IntN(8) == 0 {
				at = random.IntN(5000)
			}
			data := bytes.Repeat([]byte{byte(1 + random.IntN(255))}, random.IntN(30))
			segments = append(segments, segment(at, string(data)))
			at += len(data)
		}
		sameMemory(t, filled(segments...))
	}
}

// sameMemory compares memories and returns the number of segments afterwards.
func sameMemory(t *testing.T, wasm []byte) int {
	t.Helper()
	out := rewrite(t, wasm)
	var memories [2][]byte
	for i, module := range [][]byte{wasm, out} {
		memories[i], _ = instantiate(t, module, i == 1, &host{}).Memory().Read(0, 1<<16)
	}
	if !bytes.Equal(memories[0], memories[1]) {
		t.Error("the memories differ")
	}
	return segmentsOf(t, out)
}

// segmentsOf finds the data section and reads its count.
func segmentsOf(t *testing.T, wasm []byte) int {
	t.Helper()
	for at := 8; at < len(wasm); {
		id := wasm[at]
		size, n := uvarint(wasm[at+1:])
		if at += 1 + n; id == 11 {
			count, _ := uvarint(wasm[at:])
			return count
		}
		at += size
	}
	t.Fatal("no data section")
	return 0
}

func uvarint(b []byte) (v, n int) {
	u, n := binary.Uvarint(b)
	return int(u), n
}

// TestSegmentsThatCodeNamesStay: with a data count, code may name segments.
func TestSegmentsThatCodeNamesStay(t *testing.T) {
	wasm := module(oneMemory, section(7, list(slices.Concat(name("memory"), []byte{2, 0}))), section(12, u32(2)), section(11, list(segment(0, "ab"), segment(2, "cd"))))
	if got := sameMemory(t, wasm); got != 2 {
		t.Errorf("%d segments, want 2", got)
	}
}
