package ews_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/source/ews"
)

// FuzzAnswer reads anything as an answer: it ends, with few bytes kept, and
// contents are never longer than the cap.
func FuzzAnswer(f *testing.F) {
	good := envelope + getItem(item("AAMk", mimeOf(raw("x")))+item("AAMl", "<t:MimeContent>!!</t:MimeContent>")+item("AAMm", "<t:MimeContent/><t:Subject>a&#x1F;b\x01&amp;</t:Subject>")) + endEnvelope
	f.Add([]byte(good))
	f.Add([]byte(envelope + `<s:Fault><faultcode>a:ErrorServerBusy</faultcode><detail><t:MessageXml><t:Value Name="BackOffMilliseconds">1500</t:Value></t:MessageXml></detail></s:Fault>` + endEnvelope))
	f.Add([]byte(strings.ReplaceAll(good, "utf-8", "utf-16")))
	f.Add([]byte("\uFEFF" + good))
	f.Add([]byte(`<!DOCTYPE a [<!ENTITY b "c">]><Envelope>&b;</Envelope>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 100
		err := ews.ReadAnswer(strings.NewReader(string(b)), 1<<16, limit, func(raw engine.Blob) {
			if raw.Size() > limit+1 {
				t.Errorf("a content of %d bytes", raw.Size())
			}
		})
		if err != nil && !ews.IsAnswerError(err) {
			t.Errorf("an error of no kind: %v", err)
		}
	})
}

// TestAnAnswerThatIsCutAnywhereIsNoAnswer and never half of one.
func TestAnAnswerThatIsCutAnywhereIsNoAnswer(t *testing.T) {
	good := envelope + getItem(item("AAMk", mimeOf(raw("x")))+item("AAMl", "<t:Subject>ä&#x1F;\x01</t:Subject>"+mimeOf(raw("y")))) + endEnvelope
	for i := range len(good) {
		var came []string
		keep := func(b engine.Blob) { came = append(came, text(t, engine.Delivery{Raw: b})) }
		for name, r := range map[string]io.Reader{"ends": strings.NewReader(good[:i]), "breaks": io.MultiReader(strings.NewReader(good[:i]), broken{})} {
			came = nil
			err := ews.ReadAnswer(r, 1<<20, 1<<20, keep)
			if err == nil || !ews.IsAnswerError(err) && !errors.Is(err, errBroken) {
				t.Fatalf("%s after %d bytes: %v", name, i, err)
			}
			for n, c := range came {
				if c != string(raw([]string{"x", "y"}[n])) {
					t.Fatalf("%s after %d bytes: half a mail: %q", name, i, c)
				}
			}
		}
	}
	n := 0
	if err := ews.ReadAnswer(strings.NewReader(good), 1<<20, 1<<20, func(engine.Blob) { n++ }); err != nil || n != 2 {
		t.Errorf("whole: %d mails: %v", n, err)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }
