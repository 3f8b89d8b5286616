package pdf_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/pdf"
)

// What pdfcpu decrypts says what we read of the encrypted file.
func TestDecryptionIsThatOfPdfcpu(t *testing.T) {
	in := plain(t)
	for _, r := range revisions {
		b := lock(t, in, "user-pw", "owner-pw", r.bits, r.flags, nil)
		for _, password := range []string{"user-pw", "owner-pw"} {
			decrypted, err := pdf.Rewrite(t.Context(), b, password, true)
			if err != nil {
				t.Errorf("%s with %s: %v", r.name, password, err)
				continue
			}
			want, got := read(t, decrypted), read(t, b, password)
			if diff := cmp.Diff([]any{want.Text, want.Pages, links(want)}, []any{got.Text, got.Pages, links(got)}, cmp.AllowUnexported(link{})); diff != "" || want.Encrypted || got.Text == "" {
				t.Errorf("%s with %s: encrypted %v, text %q\n%s", r.name, password, want.Encrypted, got.Text, diff)
			}
		}
		if _, err := pdf.Rewrite(t.Context(), b, "wrong", true); err == nil {
			t.Errorf("%s: pdfcpu opens it with a wrong password", r.name)
		}
	}
}

// What the rescue writes is read as the file itself is.
func TestRewrittenFilesSayTheSame(t *testing.T) {
	for _, name := range fixtures(t) {
		b, err := pdf.Rewrite(t.Context(), fixture(t, name), "", false)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, got := read(t, fixture(t, name)), read(t, b)
		if want.Text != got.Text || want.Pages != got.Pages || len(want.Links) != len(got.Links) {
			t.Errorf("%s: %d pages, %d links, want %d and %d; text differs: %v", name, got.Pages, len(got.Links), want.Pages, len(want.Links), want.Text != got.Text)
		}
	}
}

// A file of many objects and no catalogue is not handed to pdfcpu, which looks
// for each of them in all of it.
func TestTheRescueIsNotForFilesThatCostIt(t *testing.T) {
	d := newDraft()
	for i := range 90_000 {
		fmt.Fprintf(&d.b, "%d 0 obj<<>>endobj\n", i+1)
	}
	took, _ := watched(func() {
		if got := read(t, append(d.b.Bytes(), "trailer<</Root 1 0 R>>"...)); !got.has(engine.DefectUnreadable) {
			t.Errorf("defects %v", got.defects)
		}
	})
	if took > worstTime/2 {
		t.Errorf("took %v", took)
	}
}
