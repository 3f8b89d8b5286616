package wasmextractors_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/wasm"
)

// odd has what JSON escapes, and characters of one to four bytes.
const (
	odd   = "a \"quoted\" \\ slash / ü € 😀 \u2028\tand \x01 the\u0085end\n"
	shown = "a \"quoted\" \\ slash / ü € 😀 \u2028 and   the end " // without control characters
)

// Each library hands its author what the host handed over, and its output is taken
// as it was meant.
func TestLibrariesSayWhatTheyWereHanded(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: compiles a module in each language, and -short is set")
	}
	for _, language := range []string{"go", "c", "rust", "assemblyscript"} {
		t.Run(language, func(t *testing.T) {
			module, _ := build(t, "testdata/echo-"+language)
			for _, test := range echoes {
				t.Run(test.name, func(t *testing.T) {
					result, err := load(t, module, test.config).Run(t.Context(), test.in)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(test.found, echoed(result)); diff != "" {
						t.Errorf("found (-want +got):\n%s", diff)
					}
					if diff := cmp.Diff(test.notes, result.Notes); diff != "" {
						t.Errorf("notes (-want +got):\n%s", diff)
					}
				})
			}
		})
	}
}

// echoed are the attributes of findings, with their values and spans.
func echoed(r wasm.Result) (all []map[string]string) {
	for _, f := range r.Findings {
		all = append(all, f.Extra)
		f.Extra["value"] = f.Value
	}
	return all
}

func part(info engine.PartInfo, text string) engine.InputPart {
	if info.Kind == "raw" {
		info.Size = len(text)
		return engine.InputPart{PartInfo: info, Content: engine.Bytes(text)}
	}
	info.Size = len(text)
	return engine.InputPart{PartInfo: info, Text: text}
}

var echoes = []struct {
	name   string
	config json.RawMessage
	in     engine.Input
	found  []map[string]string
	notes  []wasm.Note
}{
	{
		name: "little",
		in:   engine.Input{MessageID: "m", Parts: []engine.InputPart{part(engine.PartInfo{ID: "subject", Kind: "subject"}, "hi")}},
		found: []map[string]string{{
			"value": "subject", "id": "subject", "mime": "", "name": "", "sha256": "", "size": "2", "text": "hi", "truncated": "false",
			"confidence": "1", "related_to": "none",
		}},
		notes: []wasm.Note{{Level: "info", Text: "message m of , 0", Part: -1}, {Level: "warning", Text: " 7 true none", Part: -1}},
	},
	{
		name:   "much",
		config: json.RawMessage(`{"text":"x\"\\ \u00e9 \ud83d\ude00\n","list":["one","t\u0077o","😀"],"number":-42,"flag":false,"deep":{"inner":"}]"}}`),
		in: engine.Input{
			MessageID: "files//" + odd, Date: time.Date(2026, 3, 5, 8, 58, 0, 0, time.UTC),
			Parts: []engine.InputPart{
				part(engine.PartInfo{ID: "body.text", Kind: "text", MIME: "text/plain"}, odd),
				part(engine.PartInfo{ID: "2", Kind: "name", Name: odd}, "n"),
				part(engine.PartInfo{ID: "2", Kind: "raw", MIME: "application/x", Name: "a.bin", SHA256: "00ff"}, "0123456789012345678901234567890123456789012345678901234567890123456789"),
			},
		},
		found: []map[string]string{
			{
				"value": "text", "id": "body.text", "mime": "text/plain", "name": "", "sha256": "", "size": "52", "text": shown, "truncated": "false",
				"confidence": "1", "related_to": "x\"\\ é 😀 ",
			},
			{
				"value": "name", "id": "2", "mime": "", "name": shown, "sha256": "", "size": "1", "text": "n", "truncated": "false",
				"confidence": "1", "related_to": "x\"\\ é 😀 ",
			},
			{
				"value": "raw", "id": "2", "mime": "application/x", "name": "a.bin", "sha256": "00ff", "size": "70",
				"text": "0123456789012345678901234567890123456789012345678901234567890123", "truncated": "true",
				"confidence": "1", "related_to": "x\"\\ é 😀 ",
			},
		},
		notes: []wasm.Note{
			{Level: "info", Text: "message files//" + shown + " of 2026-03-05T08:58:00Z, 1772701080", Part: -1},
			{Level: "warning", Text: "one|two|😀 -42 false }]", Part: -1},
		},
	},
}

// The Rust library is tested where it is compiled for this machine, with frames that
// no host would hand over.
func TestRustLibraryPassesItsOwnTests(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: compiles its tests, and -short is set")
	}
	program := filepath.Join(t.TempDir(), "frames")
	for _, cmd := range [][]string{{rustc(t), "--edition", "2021", "--test", "-o", program, "testdata/frames.rs"}, {program}} {
		if said, err := exec.Command(cmd[0], cmd[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", cmd[0], err, said)
		}
	}
}

// So is the C library: undefined behaviour and reading beyond a frame end it.
func TestCLibraryPassesItsOwnTests(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: compiles its tests, and -short is set")
	}
	clang := enginetest.Peer(t, "clang", "clang")
	program := filepath.Join(t.TempDir(), "frames")
	args := []string{
		"-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsanitize=undefined", "-fsanitize-trap=undefined",
		"-I", "sdk/c", "-o", program, "testdata/frames.c",
	}
	if said, err := exec.Command(clang, args...).CombinedOutput(); err != nil {
		t.Fatalf("clang: %v\n%s", err, said)
	}
	if said, err := exec.Command(program).CombinedOutput(); err != nil {
		t.Fatalf("frames: %v\n%s", err, said)
	}
}
