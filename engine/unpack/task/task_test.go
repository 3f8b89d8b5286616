package task_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task/tasktest"
)

type bench struct {
	*task.Task
	part   *engine.Part
	budget *engine.Budget
}

func newBench(limits engine.Limits, passwords ...string) bench {
	var keys []engine.Candidate
	for i, p := range passwords {
		keys = append(keys, engine.Candidate{Password: engine.LiteralPassword(p), Origin: engine.FromToken, Part: "body.text", Span: engine.Span{Start: i, End: i + 1}})
	}
	part := &engine.Part{Path: "2", FileType: "zip", Content: engine.Bytes("content"), Size: 7}
	budget := limits.WithDefaults().Budget()
	return bench{task.New(part, limits, task.NewKeyring(keys), budget, tasktest.Memory{}), part, budget}
}

func codes(defects []engine.Defect) []string {
	all := []string{}
	for _, d := range defects {
		all = append(all, d.Code)
	}
	return all
}

// zeros is a stream of n zero bytes.
func zeros(n int64) io.Reader { return io.LimitReader(zeroReader{}, n) }

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestExpandSpendsTheBudget(t *testing.T) {
	tests := []struct {
		name         string
		size, packed int64
		left         int64 // of a budget of 10 MiB
		codes        []string
	}{
		{"fits", 1 << 20, 1 << 19, 9 << 20, []string{}},
		{"all of it", 10 << 20, 10 << 20, 0, []string{}},
		{"more than there is", 11 << 20, 10 << 20, 0, []string{engine.DefectUnpackSize}},
		{"a bomb", 5 << 20, 1000, -1, []string{engine.DefectRatio}},
		{"a small one is none", 1 << 19, 10, 10<<20 - 1<<19, []string{}},
		{"of unknown origin", 5 << 20, 0, 5 << 20, []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(engine.Limits{Unpacked: 10 << 20})
			_, err := b.Add("x.bin", zeros(tt.size), tt.packed)
			if spent := tt.name == "more than there is"; errors.Is(err, engine.ErrLimit) != spent {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(tt.codes, codes(b.Finish(err))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if tt.left >= 0 && b.budget.Bytes != tt.left {
				t.Errorf("%d bytes are left, want %d", b.budget.Bytes, tt.left)
			}
			if len(b.part.Children) != 1 {
				t.Errorf("%d members", len(b.part.Children))
			}
		})
	}
}

func TestMembersAreCounted(t *testing.T) {
	b := newBench(engine.Limits{Members: 3})
	var err error
	for i := 0; err == nil; i++ {
		_, err = b.AddBytes(fmt.Sprint(i), []byte("x"))
	}
	if diff := cmp.Diff([]string{engine.DefectMembers}, codes(b.Finish(err))); diff != "" || len(b.part.Children) != 3 {
		t.Errorf("%d members (-want +got):\n%s", len(b.part.Children), diff)
	}
}

func TestMembersHaveSafePaths(t *testing.T) {
	b := newBench(engine.Limits{})
	want := []string{}
	for _, m := range []struct{ name, path string }{
		{"a.txt", "2/a.txt"},
		{"dir/sub/b.pdf", "2/dir/sub/b.pdf"},
		{`win\dir\c.exe`, "2/win/dir/c.exe"},
		{"a.txt", "2/a.txt#2"},
		{"../../etc/passwd", "2/etc/passwd"},
		{"/abs", "2/abs"},
		{`C:\x.bat`, "2/C:/x.bat"},
		{"bad\x00name", "2/badname"},
		{"inv\u202eexe.txt", "2/invexe.txt"},
		{"", "2/member"},
		{"...", "2/member#2"},
	} {
		p, err := b.AddBytes(m.name, []byte("x"))
		if err != nil || p.Path != m.path || p.RawName != m.name {
			t.Errorf("%q stands at %q, want %q (%v)", m.name, p.Path, m.path, err)
		}
	}
	for range 4 {
		want = append(want, engine.DefectMemberPath)
	}
	if diff := cmp.Diff(want, codes(b.Finish(nil))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMembersAreDescribed(t *testing.T) {
	b := newBench(engine.Limits{})
	p, _ := b.AddBytes("mail.bin", []byte("From: a@b.example\nTo: c@d.example\nSubject: x\n\nhello\n"))
	got := []any{p.FileType, p.IsMessage, p.Size, len(p.SHA256), len(p.SHA1), len(p.MD5), p.FileExtension}
	if diff := cmp.Diff([]any{"eml", true, 52, 64, 40, 32, "bin"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A member whose stream breaks is kept as far as it goes.
func TestBrokenMembersAreKept(t *testing.T) {
	b := newBench(engine.Limits{})
	p, err := b.Add("x", io.MultiReader(strings.NewReader("part"), broken{}), 0)
	if err != nil || p.Size != 4 {
		t.Errorf("%v, %d bytes", err, p.Size)
	}
	if diff := cmp.Diff([]string{engine.DefectUnreadable}, codes(b.Finish(nil))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("bad block") }

func TestUnlock(t *testing.T) {
	tests := []struct {
		name   string
		known  []string
		right  string
		units  int64 // of 100
		opened string
		tried  []string
		codes  []string
	}{
		{"by a candidate", []string{""}, "b", 1, "token, body.text 1-2", []string{"", "a", "b"}, []string{}},
		{"by the empty password", []string{""}, "", 1, "empty password", []string{""}, []string{}},
		{"by a well-known one", []string{"", "VelvetSweatshop"}, "VelvetSweatshop", 1, "well-known password", []string{"", "VelvetSweatshop"}, []string{}},
		{"by none", nil, "z", 1, "", []string{"a", "b", "c"}, []string{engine.DefectLocked}},
		{"within the budget", nil, "c", 40, "", []string{"a", "b"}, []string{engine.DefectLocked, engine.DefectPasswordWork}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(engine.Limits{PasswordWork: 100}, "a", "b", "a", "c")
			tried := []string{}
			ok, err := b.Unlock(t.Context(), tt.units, tt.known, func(p string) (bool, error) {
				tried = append(tried, p)
				return p == tt.right, nil
			})
			if ok != (tt.opened != "") || err != nil && !errors.Is(err, task.ErrLocked) {
				t.Errorf("opened %t, %v", ok, err)
			}
			if diff := cmp.Diff(tt.tried, tried); diff != "" {
				t.Errorf("tried (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.codes, codes(b.Finish(err))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !b.part.Encrypted || b.part.Decrypted != ok || b.part.OpenedBy != tt.opened {
				t.Errorf("part %t %t %q", b.part.Encrypted, b.part.Decrypted, b.part.OpenedBy)
			}
		})
	}
}

// What opened one file is tried first on the next.
func TestWhatOpenedComesFirst(t *testing.T) {
	b := newBench(engine.Limits{}, "a", "b", "c")
	for _, want := range [][]string{{"a", "b", "c"}, {"c"}} {
		var tried []string
		b.Unlock(t.Context(), 1, nil, func(p string) (bool, error) { tried = append(tried, p); return p == "c", nil })
		if diff := cmp.Diff(want, tried); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestUnlockEndsWithItsContext(t *testing.T) {
	b := newBench(engine.Limits{}, "a", "b")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Unlock(ctx, 1, nil, func(string) (bool, error) { return true, nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestTextKnowsItsPlaces(t *testing.T) {
	b := newBench(engine.Limits{Text: 20})
	b.Text.At("nothing")
	b.Text.At("page 1")
	b.Text.Add("a\x00b\xff")
	b.Text.At("page 1")
	b.Text.Line("c")
	b.Text.At("page 2")
	b.Text.Break()
	b.Text.Line("\u00fc and more than fits")
	if !b.Text.Full() {
		t.Error("it is not full")
	}
	if diff := cmp.Diff([]string{engine.DefectText}, codes(b.Finish(nil))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if b.part.Text != "ab\ufffdc\n\u00fc and more t" {
		t.Errorf("text %q", b.part.Text)
	}
	if diff := cmp.Diff([]engine.Place{{At: 0, Name: "page 1"}, {At: 7, Name: "page 2"}}, b.part.Places); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLinksAndFacts(t *testing.T) {
	b := newBench(engine.Limits{Links: 2})
	b.Link(" https://evil.example/x ", "https://bank.test/")
	b.Link("no link", "")
	b.Link("https://b.example", "click")
	b.Link("https://c.example", "")
	b.Fact("producer", " Some\x01Tool \n")
	b.Fact("producer", "another")
	b.Fact("empty", "  ")
	b.QR("https://q.example")
	b.QR("https://q.example")
	if diff := cmp.Diff([]string{engine.DefectLinks}, codes(b.Finish(nil))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(b.part.Links) != 2 || !b.part.Links[0].Mismatched || b.part.Links[1].Mismatched || !b.part.Links[1].Visible {
		t.Errorf("links %+v", b.part.Links)
	}
	if diff := cmp.Diff(map[string]string{"producer": "Some Tool"}, b.part.Metadata); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(b.part.QR) != 1 {
		t.Errorf("%v", b.part.QR)
	}
}

func TestWhatErrorsBecome(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want []string
	}{
		{"none", nil, []string{}},
		{"any", io.ErrUnexpectedEOF, []string{engine.DefectUnreadable}},
		{"of its own kind", fmt.Errorf("x: %w", task.Troublef(engine.DefectLying, "sizes")), []string{engine.DefectLying}},
		{"a limit", fmt.Errorf("x: %w", engine.ErrLimit), []string{engine.DefectUnpackSize}},
		{"locked, told before", task.ErrLocked, []string{}},
	} {
		b := newBench(engine.Limits{})
		if diff := cmp.Diff(tt.want, codes(b.Finish(tt.err))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	b := newBench(engine.Limits{})
	if _, err := b.Bytes(3); !errors.Is(err, engine.ErrLimit) {
		t.Errorf("%v", err)
	}
	if r, err := b.Content(); err != nil {
		t.Error(err)
	} else if all, _ := io.ReadAll(r); !bytes.Equal(all, []byte("content")) {
		t.Errorf("%q", all)
	}
}
