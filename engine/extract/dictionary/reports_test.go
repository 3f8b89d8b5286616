package dictionary_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/extract/dictionary"
)

// report is a text with the names that a reader would mark in it.
type report struct {
	name, text string
	truth      map[mark]bool
}

// mark is a name at a place.
type mark struct {
	Type, Value string
	Start, End  int
}

// marked is {Type|Value} or {Type|Value|what stands there}.
var marked = regexp.MustCompile(`\{([^|{}]+)\|([^|{}]+)(?:\|([^|{}]+))?\}`)

func readReports(t testing.TB) (all []report) {
	t.Helper()
	b, err := os.ReadFile("testdata/reports.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, section := range strings.Split(string(b), "== ")[1:] {
		name, body, _ := strings.Cut(section, "\n")
		all = append(all, unmark(name, body))
	}
	return all
}

func unmark(name, body string) report {
	r := report{name: name, truth: map[mark]bool{}}
	at := 0
	for _, m := range marked.FindAllStringSubmatchIndex(body, -1) {
		r.text += body[at:m[0]]
		kind, value := body[m[2]:m[3]], body[m[4]:m[5]]
		original := value
		if m[6] >= 0 {
			original = body[m[6]:m[7]]
		}
		r.truth[mark{kind, value, len(r.text), len(r.text) + len(original)}] = true
		r.text += original
		at = m[1]
	}
	r.text += body[at:]
	return r
}

// marks returns the mark that a finding meets: the same thing in the same place.
func (r *report) marks(f engine.Finding) (mark, bool) {
	for m := range r.truth {
		if m.Type == f.Type && m.Value == f.Value && m.Start < f.Spot.Span.End && f.Spot.Span.Start < m.End {
			return m, true
		}
	}
	return mark{}, false
}

func findIn(t testing.TB, x *dictionary.Extractor, text string) []engine.Finding {
	t.Helper()
	found, err := x.Extract(t.Context(), textInput(text))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func textInput(text string) engine.Input {
	return engine.Input{Parts: []engine.InputPart{{PartInfo: engine.PartInfo{ID: engine.PartText, Kind: "text", Size: len(text)}, Text: text}}}
}

func newExtractor(t testing.TB, entries []dictionary.Entry) *dictionary.Extractor {
	t.Helper()
	x, err := dictionary.New(dictionary.Config{Entries: entries})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestNamesInReportsAreFoundAndCommonWordsAreNot(t *testing.T) {
	x := newExtractor(t, dictionary.Builtin())
	right, wrong, missed := 0, 0, 0
	var talk strings.Builder
	reports := readReports(t)
	for _, r := range reports {
		found := map[mark]bool{}
		for _, f := range findIn(t, x, r.text) {
			if m, ok := r.marks(f); ok {
				found[m] = true
				right++
				continue
			}
			wrong++
			fmt.Fprintf(&talk, "%s: wrong: %s %q at %q, for %q\n", r.name, f.Type, f.Value, f.Original, f.Extra["evidence"])
		}
		for m := range r.truth {
			if !found[m] {
				missed++
				fmt.Fprintf(&talk, "%s: missed: %s %q at %q\n", r.name, m.Type, m.Value, r.text[m.Start:m.End])
			}
		}
	}
	precision, recall := float64(right)/float64(right+wrong), float64(right)/float64(right+missed)
	t.Logf("%d texts, %d names: precision %.3f, recall %.3f\n%s", len(reports), right+missed, precision, recall, &talk)
	if len(reports) < 250 || precision < .96 || recall < .95 {
		t.Error("want 250 texts, precision .96, recall .95")
	}
}
