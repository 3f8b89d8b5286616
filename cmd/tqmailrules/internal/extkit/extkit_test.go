package extkit_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/extkit"
	"github.com/tqmailrules/tqmailrules/engine"
)

func TestCompareCountsAndIgnoresOrder(t *testing.T) {
	f := func(value string) extkit.Finding { return extkit.Finding{Type: "kit", Value: value} }
	a, b := f("a"), f("b")
	tests := []struct {
		name                      string
		want, got, missing, extra []extkit.Finding
	}{
		{"nothing", nil, nil, nil, nil},
		{"the same in another order", []extkit.Finding{a, b}, []extkit.Finding{b, a}, nil, nil},
		{"one is missing", []extkit.Finding{a, b}, []extkit.Finding{b}, []extkit.Finding{a}, nil},
		{"one too many", []extkit.Finding{a}, []extkit.Finding{a, b}, nil, []extkit.Finding{b}},
		{"one of two alike is missing", []extkit.Finding{a, a}, []extkit.Finding{a}, []extkit.Finding{a}, nil},
		{"one of two alike is extra", []extkit.Finding{a}, []extkit.Finding{a, a}, nil, []extkit.Finding{a}},
		{
			"an attribute differs",
			[]extkit.Finding{{Value: "a", Attributes: map[string]string{"k": "1"}}},
			[]extkit.Finding{{Value: "a", Attributes: map[string]string{"k": "2"}}},
			[]extkit.Finding{{Value: "a", Attributes: map[string]string{"k": "1"}}},
			[]extkit.Finding{{Value: "a", Attributes: map[string]string{"k": "2"}}},
		},
		{"no attributes are empty attributes", []extkit.Finding{{Value: "a"}}, []extkit.Finding{{Value: "a", Attributes: map[string]string{}}}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			missing, extra := extkit.Compare(tt.want, tt.got)
			if diff := cmp.Diff(tt.missing, missing, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.extra, extra, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("extra (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGoldenFilesAreReadAsTheyWereWritten(t *testing.T) {
	found := extkit.Findings([]engine.Finding{
		{Type: "URL", Value: "http://a.example/?q=<b>&c", Spot: engine.Spot{Part: "body.text", Span: engine.Span{Start: 9, End: 12}}},
		{Type: "kit", Value: "é\u2028", Spot: engine.Spot{Part: "2", Context: engine.InSource}, Extra: map[string]string{"b": "2", "a": "1"}, Parent: "p"},
		{Type: "URL", Value: "http://b.example/", Spot: engine.Spot{Part: "body.text", Span: engine.Span{Start: 1, End: 3}}},
	})
	path := extkit.GoldenPath(filepath.Join(t.TempDir(), "golden"), "mails/x.y.eml")
	if filepath.Base(path) != "x.y.json" {
		t.Errorf("golden file %s", path)
	}
	if err := extkit.WriteGolden(path, found); err != nil {
		t.Fatal(err)
	}
	got, there, err := extkit.ReadGolden(path)
	if err != nil || !there {
		t.Fatal(there, err)
	}
	if diff := cmp.Diff(found, got); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
	text, _ := os.ReadFile(path)
	want := `[
  {"type":"kit","value":"é\u2028","part":"2","context":"source","start":0,"end":0,"attributes":{"a":"1","b":"2"},"parent":"p"},
  {"type":"url","value":"http://b.example/","part":"body.text","context":"text","start":1,"end":3},
  {"type":"url","value":"http://a.example/?q=<b>&c","part":"body.text","context":"text","start":9,"end":12}
]
`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestGoldenFiles(t *testing.T) {
	dir := t.TempDir()
	if _, there, err := extkit.ReadGolden(filepath.Join(dir, "none.json")); there || err != nil {
		t.Errorf("a file that is not there: %v, %v", there, err)
	}
	for name, text := range map[string]string{"no JSON": "[", "no list": "{}", "unknown key": `[{"typ": "x"}]`} {
		path := filepath.Join(dir, "x.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var own *extkit.Author
		if _, _, err := extkit.ReadGolden(path); !errors.As(err, &own) || own.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	path := filepath.Join(dir, "empty.json")
	if err := extkit.WriteGolden(path, nil); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(path); string(text) != "[]\n" {
		t.Errorf("nothing is written as %q", text)
	}
}

func TestAFolderThatCannotBeWrittenIsTold(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("skipped: root may write everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "x.json")
	if err := extkit.WriteGolden(path, nil); !errors.Is(err, fs.ErrPermission) || !strings.HasPrefix(err.Error(), "write "+path+": ") {
		t.Errorf("%v", err)
	}
}

// FuzzGolden wants golden files that cannot be read to be errors, and others to
// mean the same when they are written again.
func FuzzGolden(f *testing.F) {
	f.Add([]byte(`[{"type":"kit","value":"a","part":"1","context":"text","start":1,"end":2,"attributes":{"a":"b"}}]`))
	f.Add([]byte(`[]`))
	f.Add([]byte(`[{"start":1e99}]`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(dir, "x.json")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		found, _, err := extkit.ReadGolden(path)
		if err != nil {
			return
		}
		if err := extkit.WriteGolden(path, found); err != nil {
			t.Fatal(err)
		}
		again, _, err := extkit.ReadGolden(path)
		missing, extra := extkit.Compare(found, again)
		if err != nil || len(missing)+len(extra) > 0 {
			t.Errorf("%v; missing %v, extra %v", err, missing, extra)
		}
	})
}

func TestTestdataOfAProject(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"own-go/testdata", "own/testdata", "shared/testdata", "shared-go", "shared-rust", "shared-cobol", "lonely-go"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for dir, want := range map[string]string{
		"own-go": "own-go/testdata", "shared-go": "shared/testdata", "shared-rust": "shared/testdata",
		"shared-cobol": "shared-cobol/testdata", "lonely-go": "lonely-go/testdata",
	} {
		got, err := extkit.Testdata(filepath.Join(root, dir))
		if err != nil || got != filepath.Join(root, want) {
			t.Errorf("%s: %s, %v; want %s", dir, got, err, want)
		}
	}
}

var placeholder = regexp.MustCompile(`@[A-Z]+@`)

// TestEveryLanguageHasATemplate wants a project in each to have its files filled
// in and its library beside them.
func TestEveryLanguageHasATemplate(t *testing.T) {
	library := map[string]string{"go": "tqx/tqx.go", "rust": "src/tqx.rs", "c": "tqx.h", "assemblyscript": "assembly/tqx.ts", "wat": "extractor.wat"}
	for _, lang := range extkit.Languages() {
		dir, err := extkit.New(t.TempDir(), "kits", lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"README.md", "extractor.json", "testdata/mails/09-old-account.eml", "testdata/golden/09-old-account.json", library[lang]} {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || placeholder.Match(text) {
				t.Errorf("%s: %s: %v, or not filled in", lang, name, err)
			}
		}
		mails, err := extkit.Mails(filepath.Join(dir, "testdata", "mails"))
		if err != nil || len(mails) != 20 {
			t.Errorf("%s: %d mails, %v", lang, len(mails), err)
		}
	}
}

func TestChangedSeesWhatIsSaved(t *testing.T) {
	write := func(name, text string) {
		t.Helper()
		os.MkdirAll(filepath.Dir(name), 0o700)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	write(filepath.Join(dir, "a.go"), "one")
	was := extkit.Look(dir)
	for _, ignored := range []string{"x.wasm", ".git/index", "node_modules/x/y.js", ".a.go.swp"} {
		write(filepath.Join(dir, ignored), "text")
	}
	if extkit.Look(dir) != was {
		t.Error("what does not count was seen")
	}
	module := filepath.Join(dir, "x.wasm")
	if before := extkit.Look(module); before == "" {
		t.Error("a module that is named itself is not seen")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	write(filepath.Join(dir, "sub", "b.go"), "two")
	if err := extkit.Changed(ctx, was, dir, filepath.Join(dir, "missing")); err != nil {
		t.Errorf("a new file: %v", err)
	}
	cancel()
	if err := extkit.Changed(ctx, extkit.Look(dir), dir); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}
