package mbox_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tqmailrules/tqmailrules/internal/mbox"
)

const from = "From a@b Mon Mar  2 10:00:00 2026\n"

func mails(t *testing.T, r io.Reader) (all []string, err error) {
	t.Helper()
	m := mbox.NewReader(r)
	for {
		one, err := m.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		b, err := io.ReadAll(one)
		all = append(all, string(b))
		if err != nil {
			return all, err
		}
	}
}

func TestMailsOfAStream(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	for _, tc := range []struct {
		name, in string
		want     []string
	}{
		{"nothing", "", nil},
		{"no mail", "hello\n\nworld\n", nil},
		{"one", from + "Subject: a\n\nb\n", []string{"Subject: a\n\nb\n"}},
		{"two", from + "Subject: a\n\nb\n\n" + from + "Subject: c\n\nd\n", []string{"Subject: a\n\nb\n", "Subject: c\n\nd\n"}},
		{"an empty one", from + from + "\n" + from + "x\n", []string{from + "", "x\n"}},
		{"empty lines stay", from + "a\n\n\n\nb\n\n" + from + "c", []string{"a\n\n\n\nb\n", "c"}},
		{"what stands before", "junk\n\n" + from + "a\n", []string{"a\n"}},
		{"quoted", from + "a\n\n>From b\n>>From c\n> From d\n>x\n", []string{"a\n\nFrom b\n>From c\n> From d\n>x\n"}},
		{"From without a time", from + "a\n\nFrom here on\n", []string{"a\n\nFrom here on\n"}},
		{"From after text", from + "a\n" + from, []string{"a\n" + from}},
		{"long lines", from + long + "\n\n" + long + "\n\n" + from + "b", []string{long + "\n\n" + long + "\n", "b"}},
		{"CRLF", strings.ReplaceAll(from+"a\n\nb\n\n"+from+"c\n", "\n", "\r\n"), []string{"a\r\n\r\nb\r\n", "c\r\n"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(tc.in), iotest.OneByteReader(strings.NewReader(tc.in))} {
				if got, err := mails(t, r); !slices.Equal(got, tc.want) || err != nil {
					t.Errorf("got %.300q, %v, want %.300q", got, err, tc.want)
				}
			}
		})
	}
}

func TestAStreamThatBreaksOff(t *testing.T) {
	broken := errors.New("broken")
	got, err := mails(t, io.MultiReader(strings.NewReader(from+"a\n\n"+from+"b\nc"), iotest.ErrReader(broken)))
	if !slices.Equal(got, []string{"a\n", "b\nc"}) || !errors.Is(err, broken) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestMailsThatAreNotReadAreLeftOut(t *testing.T) {
	m := mbox.NewReader(strings.NewReader(from + "a\n\n" + from + "b\n"))
	m.Next()
	second, err := m.Next()
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(second); string(b) != "b\n" {
		t.Errorf("got %q", b)
	}
	if _, err := m.Next(); err != io.EOF {
		t.Errorf("got %v", err)
	}
}
