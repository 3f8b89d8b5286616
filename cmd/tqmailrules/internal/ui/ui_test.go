package ui_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
)

func TestTablesAlign(t *testing.T) {
	var table ui.Table
	table.Row("rule", "matches")
	table.Row("kündigung", 12)
	table.Row("x", 3)
	table.Row("10.0.0.1", int64(4))
	var b bytes.Buffer
	table.Write(&b, "  ")
	want := "  rule       matches\n  kündigung       12\n  x                3\n  10.0.0.1         4\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestLinesAreSafeForTerminals(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"escape", "a\x1b[2Jb", "a\ufffd[2Jb"},
		{"right to left", "exe\u202egpj", "exe\ufffdgpj"},
		{"line feeds", "a\r\nb", "a  b"},
		{"long", "abcdefghijkl", "abcdefghij…"},
		{"plain", "übung", "übung"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ui.Line(tt.in, 10); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestProgressIsSilentOffTheTerminal(t *testing.T) {
	var b bytes.Buffer
	p := ui.NewProgress(&b, time.Time{})
	p.Step(time.Unix(9, 0), 10, 1000)
	p.Clear()
	if b.Len() != 0 {
		t.Errorf("wrote %q", b.String())
	}
}

func TestSizesReadWell(t *testing.T) {
	for n, want := range map[int64]string{5: "5 B", 1024: "1.0 KiB", 1 << 30: "1.0 GiB"} {
		if got := ui.Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
}
