package wasmextractors_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/extract"
	"github.com/tqmailrules/tqmailrules/engine/mail"
	"github.com/tqmailrules/tqmailrules/engine/wasm"
)

// suite is a set of mails, with what is to be found in them, for one module.
type suite struct {
	module string // folder, and name of the file in it
	data   string // folder of mails, golden, and perhaps config.json
}

// suites are those of all modules here; TestEveryModuleHasASuite holds the list to
// the folders.
var suites = []suite{
	{"phishkit", "phishkit/testdata"},
	{"table", "table/testdata"},
	{"ticket", "ticket/testdata"},
	{"ticket", "ticket/testdata/own-system"},
	{"wallets-assemblyscript", "wallets/testdata"},
	{"wallets-c", "wallets/testdata"},
	{"wallets-go", "wallets/testdata"},
	{"wallets-rust", "wallets/testdata"},
}

func TestEveryModuleHasASuite(t *testing.T) {
	projects, err := filepath.Glob("*/extractor.json")
	if err != nil || len(projects) == 0 {
		t.Fatalf("%d projects, %v", len(projects), err)
	}
	page := string(read(t, "README.md"))
	for _, project := range projects {
		name := filepath.Dir(project)
		if !strings.Contains(page, "["+name+"]("+name+")") {
			t.Errorf("README.md does not list %s", name)
		}
		if !slices.ContainsFunc(suites, func(s suite) bool { return s.module == name }) {
			t.Errorf("%s has no suite", name)
		}
		for _, file := range []string{"README.md", name + ".wasm", name + ".wasm.txt"} {
			if _, err := os.Stat(filepath.Join(name, file)); err != nil {
				t.Error(err)
			}
		}
	}
}

// The modules as they are shipped find what the golden files say.
func TestModulesFindWhatIsExpected(t *testing.T) {
	for _, s := range suites {
		t.Run(strings.ReplaceAll(s.data, "/", "-")+"/"+s.module, func(t *testing.T) {
			s.hold(t, load(t, read(t, s.module, s.module+".wasm"), s.config()))
		})
	}
}

// A configuration that passes the schema and makes no sense is told in a note.
func TestTicketTellsDigitsThatCross(t *testing.T) {
	x := load(t, read(t, "ticket", "ticket.wasm"), json.RawMessage(`{"digits": {"min": 6, "max": 3}}`))
	result, err := x.Run(t.Context(), engine.Input{MessageID: "test", Parts: partsOf(t, []byte("Subject: CASE-123456\n\nCASE-12345\n"))})
	if err != nil {
		t.Fatal(err)
	}
	want := []wasm.Note{{Level: "warning", Text: "digits.max is less than digits.min and is taken to be the same", Part: -1}}
	if diff := gocmp.Diff(want, result.Notes); diff != "" || len(result.Findings) != 1 {
		t.Errorf("%d findings; notes (-want +got):\n%s", len(result.Findings), diff)
	}
}

// hold compares what a module finds in the mails of a suite with the golden files.
func (s suite) hold(t *testing.T, x *wasm.Extractor) {
	t.Helper()
	mails, err := filepath.Glob(filepath.Join(s.data, "mails", "*.eml"))
	if err != nil || len(mails) == 0 {
		t.Fatalf("%d mails, %v", len(mails), err)
	}
	for _, path := range mails {
		stem := strings.TrimSuffix(filepath.Base(path), ".eml")
		var want []finding
		if err := json.Unmarshal(read(t, s.data, "golden", stem+".json"), &want); err != nil {
			t.Fatal(err)
		}
		got := run(t, x, partsOf(t, read(t, path)))
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", stem, diff)
		}
	}
}

// config is the configuration of a suite; nil when it has none.
func (s suite) config() json.RawMessage {
	data, err := os.ReadFile(filepath.Join(s.data, "config.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return data
}

// finding is one as golden files have it.
type finding struct {
	Type       string            `json:"type"`
	Value      string            `json:"value"`
	Part       string            `json:"part"`
	Context    string            `json:"context"`
	Start      int               `json:"start"`
	End        int               `json:"end"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Parent     string            `json:"parent,omitempty"`
}

func compareFindings(a, b finding) int {
	return cmp.Or(cmp.Compare(a.Part, b.Part), cmp.Compare(a.Context, b.Context), cmp.Compare(a.Start, b.Start),
		cmp.Compare(a.End, b.End), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Value, b.Value))
}

// run hands parts to a module, which must not fail, and sorts what it finds.
func run(t testing.TB, x *wasm.Extractor, parts []engine.InputPart) []finding {
	t.Helper()
	result, err := x.Run(t.Context(), engine.Input{MessageID: "test", Parts: parts})
	if err != nil {
		t.Fatalf("%s: %v", x.Info().Name, err)
	}
	all := []finding{}
	for _, f := range result.Findings {
		all = append(all, finding{
			engine.ShortByType(f.Type), f.Value, f.Spot.Part, f.Spot.Context.String(),
			f.Spot.Span.Start, f.Spot.Span.End, f.Extra, f.Parent,
		})
	}
	slices.SortStableFunc(all, compareFindings)
	return all
}

// partsOf are the parts of a mail that extractors may see.
func partsOf(t testing.TB, raw []byte) []engine.InputPart {
	t.Helper()
	msg, err := mail.New(mail.Config{}).Parse(t.Context(), engine.Bytes(raw), engine.Origin{Source: "test", ID: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return engine.InputParts(msg, []string{"headers", "body", "attachments"})
}

// load loads a module on a host of its own.
func load(t testing.TB, module []byte, config json.RawMessage) *wasm.Extractor {
	t.Helper()
	host, err := wasm.NewHost(t.Context(), wasm.HostConfig{Canon: extract.Canonical})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close() })
	x, err := host.Load(t.Context(), wasm.Config{Module: module, Config: config})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func read(t testing.TB, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
