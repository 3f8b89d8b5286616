package coding_test

import (
	"bytes"
	"testing"

	"github.com/tqmailrules/tqmailrules/internal/outlook/pst/coding"
)

func TestDecodingUndoesEncoding(t *testing.T) {
	plain := make([]byte, 3*256)
	for i := range plain {
		plain[i] = byte(i)
	}
	for _, m := range []coding.Method{coding.None, coding.Permute, coding.Cyclic} {
		b := bytes.Clone(plain)
		coding.Encode(m, 0x123456, b)
		if same := bytes.Equal(b, plain); same != (m == coding.None) {
			t.Errorf("method %d: unchanged %t", m, same)
		}
		coding.Decode(m, 0x123456, b)
		if !bytes.Equal(b, plain) {
			t.Errorf("method %d: not undone", m)
		}
	}
}

// TestSumIsWithoutInversion has the figure of "123456789" by the polynomial of
// CRC-32 with a start of 0 and no inversion at the end.
func TestSumIsWithoutInversion(t *testing.T) {
	if got, want := coding.Sum([]byte("123456789")), uint32(0x2dfd2d88); got != want {
		t.Errorf("sum %#x, want %#x", got, want)
	}
}

func TestSignatureFoldsPlaceAndID(t *testing.T) {
	if got, want := coding.Signature(0x12345678, 0x4), uint16(0x1234^0x567c); got != want {
		t.Errorf("signature %#x, want %#x", got, want)
	}
}
