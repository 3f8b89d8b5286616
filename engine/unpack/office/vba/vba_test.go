package vba_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/vba"
)

// The examples of MS-OVBA 3.2.
func TestDecompressFollowsTheExamples(t *testing.T) {
	for _, tc := range []struct{ name, packed, want string }{
		{"no compression", "0119b000616263646566676800696a6b6c6d6e6f70007172737475762e", "abcdefghijklmnopqrstuv."},
		{"normal", "012fb00023616161626364658266007061676869 6a01380861 6b6c00306d6e6f7006710270041072737475761077 78797a003c", "#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa"},
		{"maximum", "0103b002614500", strings.Repeat("a", 73)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			packed, err := hex.DecodeString(strings.ReplaceAll(tc.packed, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			got, err := vba.Decompress(packed, 1<<20)
			if err != nil || string(got) != tc.want {
				t.Errorf("%q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

func TestBrokenContainersGiveWhatCameBefore(t *testing.T) {
	for _, tc := range []struct {
		name, packed, want string
		err                error
	}{
		{"nothing", "", "", vba.ErrFormat},
		{"no signature", "0219b000", "", vba.ErrFormat},
		{"no mark", "0103800261", "", vba.ErrFormat},
		{"a token is cut", "0102b0026145", "a", vba.ErrFormat},
		{"before the chunk", "0103b0010045", "", vba.ErrFormat},
		{"cut chunk", "0119b00061626364", "abcd", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			packed, _ := hex.DecodeString(tc.packed)
			got, err := vba.Decompress(packed, 1<<20)
			if string(got) != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("%q, %v; want %q, %v", got, err, tc.want, tc.err)
			}
		})
	}
}

// TestBombsEndAtTheCap: 4,096 bytes come out of every 7.
func TestBombsEndAtTheCap(t *testing.T) {
	bomb := append([]byte{1}, bytes.Repeat([]byte{0x03, 0xb0, 0x02, 'a', 0xfc, 0x0f}, 200_000)...)
	got, err := vba.Decompress(bomb, 1<<20)
	if len(got) != 1<<20 || !errors.Is(err, engine.ErrLimit) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestProceduresThatRunByThemselvesAreNamed(t *testing.T) {
	source := "Private Sub Workbook_Open()\nEnd Sub\nSub autoopen ( )\nEnd Sub\nFunction Helper()\n' Sub Document_Open() in words\nCall AutoClose\n"
	if got, want := vba.AutoNames(source), []string{"Workbook_Open", "autoopen", "Document_Open"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func FuzzDecompress(f *testing.F) {
	for _, s := range []string{"0103b002614500", "0119b00061626364", "012fb00023616161626364658266007061"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if out, _ := vba.Decompress(b, 1<<16); len(out) > 1<<16 {
			t.Errorf("%d bytes of %d", len(out), len(b))
		}
		vba.ParseDir(b)
	})
}
