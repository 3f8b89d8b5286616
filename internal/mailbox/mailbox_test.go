package mailbox_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

func TestCallsEndWithTheSource(t *testing.T) {
	var spans mailbox.Spans
	ctx, done, err := spans.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, ended, err := spans.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ended()
	spans.Close()
	if <-ctx.Done(); !errors.Is(context.Cause(ctx), mailbox.ErrClosed) {
		t.Errorf("cause %v", context.Cause(ctx))
	}
	done()
	if _, _, err := spans.Open(t.Context()); !errors.Is(err, mailbox.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestReceiptsSpeakAboutWhatWasAsked(t *testing.T) {
	origins := []engine.Origin{{ID: "1"}, {ID: "2"}}
	answer := func(rs ...*engine.Receipt) mailbox.Known {
		return func(context.Context, []engine.Origin) ([]*engine.Receipt, error) { return rs, nil }
	}
	got, err := answer(nil, &engine.Receipt{Origin: engine.Origin{ID: "lie"}, Route: engine.Route{MoveTo: "x"}}).Ask(t.Context(), origins)
	if err != nil || got[0] != nil || got[1].Origin.ID != "2" || got[1].Route.MoveTo != "x" {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := mailbox.Known(nil).Ask(t.Context(), origins); err != nil || len(got) != 2 || got[0] != nil {
		t.Errorf("nothing known: %v, %v", got, err)
	}
	if _, err := answer(nil).Ask(t.Context(), origins); err == nil || errors.Is(err, engine.ErrTemporary) {
		t.Errorf("one answer to two questions: %v", err)
	}
}

func TestSecretsAreTakenOut(t *testing.T) {
	s := mailbox.Secrets{}.With("hunter2", "", `pa"ss`)
	for _, said := range []string{"no HUNTER2", "x aHVudGVyMg== y", `quoted pa\"ss`, `plain pa"ss`, "a\x1b[31mb\nc", strings.Repeat("é", 500)} {
		got := s.Clean(said)
		for _, bad := range []string{"hunter2", "HUNTER2", "aHVudGVyMg==", `pa"ss`, `pa\"ss`, "\x1b", "\n"} {
			if strings.Contains(got, bad) {
				t.Errorf("%q shows %q", got, bad)
			}
		}
		if n := len([]rune(got)); n > 201 {
			t.Errorf("%d letters", n)
		}
	}
}

func TestNearNames(t *testing.T) {
	names := []string{"INBOX", "Abuse/2026", "Partner.CERT", "Archive/Old/Reports", "Sent"}
	for name, want := range map[string][]string{
		"Abuse/2025": {"Abuse/2026"}, "cert": {"Partner.CERT"}, "Reprots": {"Archive/Old/Reports"}, "inbox": {"INBOX"}, "nothing like it": nil,
	} {
		if got := mailbox.Near(name, names); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := mailbox.Likely("Abuse/2025", names); got != `; is it "Abuse/2026"?` {
		t.Errorf("got %q", got)
	}
	if mailbox.Printable("a\x1bb") || mailbox.Printable("\xff") || !mailbox.Printable("Gelöschte Elemente") {
		t.Error("what is printable is wrong")
	}
}

func TestTroubleIsWhatItSays(t *testing.T) {
	if !errors.Is(mailbox.Temporary("x"), engine.ErrTemporary) || errors.Is(mailbox.Final("x"), engine.ErrTemporary) {
		t.Error("temporary and final are mixed up")
	}
	if got := mailbox.Network(io.ErrUnexpectedEOF); got != "the server closed it" {
		t.Errorf("got %q", got)
	}
}
