package pdf_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/unpack/pdf"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// places keep what comes out of containers in memory.
type places struct{}

func (places) Create() task.Place { return &engine.Spool{Threshold: 1 << 26} }

// result is what a reading left.
type result struct {
	*engine.Part
	defects []engine.Defect
	err     error
}

func (r result) has(code string) bool {
	for _, d := range r.defects {
		if d.Code == code {
			return true
		}
	}
	return false
}

func read(t testing.TB, b []byte, passwords ...string) result {
	t.Helper()
	return readWith(t, pdf.Read, b, engine.Limits{}, passwords...)
}

func readWith(t testing.TB, reader task.Reader, b []byte, limits engine.Limits, passwords ...string) result {
	t.Helper()
	var keys []engine.Candidate
	for _, p := range passwords {
		keys = append(keys, engine.Candidate{Password: engine.LiteralPassword(p)})
	}
	content := &engine.Spool{Threshold: 1 << 27}
	if _, err := content.Write(b); err != nil {
		t.Fatal(err)
	}
	limits = limits.WithDefaults()
	part := &engine.Part{Path: "1", FileType: "pdf", Content: content.Blob(), Size: len(b)}
	work := task.New(part, limits, task.NewKeyring(keys), limits.Budget(), places{})
	err := reader(context.Background(), work)
	return result{part, work.Finish(err), err}
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".pdf"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fixtures are named after what made them.
func fixtures(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.pdf")
	if err != nil || len(files) == 0 {
		t.Fatal("no fixtures", err)
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".pdf")
	}
	return files
}

var wordPattern = regexp.MustCompile(`[\p{L}\p{N}]+`)

func words(s string) map[string]int {
	s = strings.NewReplacer("ﬁ", "fi", "ﬂ", "fl", "ﬀ", "ff", "ﬃ", "ffi", "ﬄ", "ffl").Replace(s)
	n := map[string]int{}
	for _, w := range wordPattern.FindAllString(s, -1) {
		n[w]++
	}
	return n
}

// recall is how many of the words of want are in got, as a share, and those that
// are not.
func recall(want, got string) (float64, []string) {
	all, found := 0, 0
	var missing []string
	have := words(got)
	for w, n := range words(want) {
		all, found = all+n, found+min(n, have[w])
		if have[w] < n {
			missing = append(missing, w)
		}
	}
	if all == 0 {
		return 1, nil
	}
	return float64(found) / float64(all), missing
}

func TestTextIsThatOfPopplerForEveryProducer(t *testing.T) {
	pdftotext := enginetest.Peer(t, "pdftotext", "poppler-utils")
	for _, name := range fixtures(t) {
		if name == "pdftex-bitmap" {
			continue // poppler does not know its ligatures: see TestBitmapFontsOfTeX
		}
		t.Run(name, func(t *testing.T) {
			want, err := exec.Command(pdftotext, "-layout", filepath.Join("testdata", name+".pdf"), "-").Output()
			if err != nil {
				t.Fatal(err)
			}
			got := read(t, fixture(t, name))
			share, missing := recall(string(want), got.Text)
			if share < 0.95 || len(words(string(want))) < 20 {
				t.Errorf("recall %.3f of %d words; missing %q in\n%s", share, len(words(string(want))), missing, got.Text)
			}
			if len(got.defects) > 0 || got.Pages == 0 {
				t.Errorf("pages %d, defects %v", got.Pages, got.defects)
			}
		})
	}
}

// Without the tables that are made for it, text is read by the names of glyphs
// and by what embedded fonts say.
func TestFontsSayWhatTheyShow(t *testing.T) {
	for _, name := range []string{"chromium", "weasyprint", "ghostscript", "dvips", "pdftex", "groff"} {
		plain := qpdf(t, filepath.Join("testdata", name+".pdf"), "--qdf", "--object-streams=disable")
		without := bytes.ReplaceAll(plain, []byte("/ToUnicode"), []byte("/ToXnicode"))
		want, got := read(t, plain).Text, read(t, without).Text
		if share, missing := recall(want, got); share < 0.98 || len(words(want)) < 20 {
			t.Errorf("%s: %.3f, missing %q in\n%s", name, share, missing, got)
		}
	}
}

func TestBitmapFontsOfTeX(t *testing.T) {
	got := read(t, fixture(t, "pdftex-bitmap")).Text
	for _, want := range []string{"The difficult office staff found an official affidavit; the\nfirst flight of flowers was fluffy.", "account “4711”—today.", "Naïve café\nstraße."} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestAccentsAndLettersAreOne(t *testing.T) {
	for _, name := range []string{"pdftex", "dvips"} {
		if got := read(t, fixture(t, name)).Text; !strings.Contains(got, "Naïve café") {
			t.Errorf("%s: no accents in\n%s", name, got)
		}
	}
}
