// Package ui is the voice of the command line: tables for results, progress for
// long work. Results go to one writer and talk to another; it never decides
// what is said.
package ui

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// Table aligns rows in columns, two spaces apart. Cells that are given as
// numbers are aligned to the right; text is not, were it all digits: an IP
// address among host names is no amount. The zero value works.
type Table struct {
	rows   [][]cell
	widths []int
}

type cell struct {
	text  string
	right bool
}

// Row adds a row; cells are formatted with fmt.Sprint.
func (t *Table) Row(cells ...any) {
	row := make([]cell, len(cells))
	for i, c := range cells {
		row[i] = cell{fmt.Sprint(c), isNumber(c)}
		if i == len(t.widths) {
			t.widths = append(t.widths, 0)
		}
		t.widths[i] = max(t.widths[i], utf8.RuneCountInString(row[i].text))
	}
	t.rows = append(t.rows, row)
}

// Len is the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Write writes the table, each line after indent.
func (t *Table) Write(w io.Writer, indent string) {
	for _, row := range t.rows {
		var b strings.Builder
		b.WriteString(indent)
		for i, c := range row {
			pad := strings.Repeat(" ", t.widths[i]-utf8.RuneCountInString(c.text))
			if c.right {
				b.WriteString(pad + c.text)
			} else {
				b.WriteString(c.text + pad)
			}
			b.WriteString("  ")
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

func isNumber(v any) bool {
	switch v.(type) {
	case int, int64, float64:
		return true
	}
	return false
}

// Progress shows how far a long work is, on a terminal only. The zero value
// shows nothing.
type Progress struct {
	w     io.Writer
	start time.Time
	last  time.Time
	shown bool
}

// NewProgress returns a progress on w if w is a terminal.
func NewProgress(w io.Writer, now time.Time) *Progress {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &Progress{w: w, start: now}
	}
	return &Progress{}
}

// Step shows the state of the work, at most ten times a second.
func (p *Progress) Step(now time.Time, mails int, bytes int64) {
	if p.w == nil || now.Sub(p.last) < 100*time.Millisecond {
		return
	}
	p.last, p.shown = now, true
	rate := float64(mails) / max(now.Sub(p.start).Seconds(), 0.001)
	fmt.Fprintf(p.w, "\r\x1b[K%d mails, %s, %.0f/s", mails, Size(bytes), rate)
}

// Clear takes the line away.
func (p *Progress) Clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// Size writes a number of bytes for people.
func Size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, i := float64(n), 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}

// Line makes text fit for one line of a terminal: no control characters, no
// direction marks, at most n characters. Mail is hostile to terminals too.
func Line(text string, n int) string {
	var b strings.Builder
	count := 0
	for _, r := range text {
		if count == n {
			return b.String() + "…"
		}
		count++
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			b.WriteByte(' ')
		case unsafe(r):
			b.WriteRune('\ufffd')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unsafe are control characters, and the marks that change the direction of
// what follows.
func unsafe(r rune) bool {
	return r < 0x20 || (r >= 0x7f && r < 0xa0) || (r >= 0x200b && r <= 0x200f) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) || r == 0xfeff
}

// IsTerminal tells whether a reader is a terminal, so that there is somebody to
// ask.
func IsTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// ReadSecret reads a line from a terminal without showing it.
func ReadSecret(r io.Reader) (string, error) {
	f, ok := r.(*os.File)
	if !ok {
		return "", errors.New("secrets are read from a terminal")
	}
	b, err := term.ReadPassword(int(f.Fd()))
	return string(b), err
}
