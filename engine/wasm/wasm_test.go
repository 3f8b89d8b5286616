package wasm_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/wasm"
)

// described is a description that accepts text and reports strings.
const described = `{"name":"fixture","version":"1.2.3","abi":"tqx1","types":["string"],"wants":[{"kind":"text"},{"kind":"raw","mime":["text/csv"]}]}`

// module is a compiled test program with a description, unless that is empty.
func module(t testing.TB, name, description string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	if description == "" {
		return data
	}
	packed, err := wasm.Pack(data, []byte(description))
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func newHost(t testing.TB, cfg wasm.HostConfig) *wasm.Host {
	t.Helper()
	h, err := wasm.NewHost(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func load(t testing.TB, h *wasm.Host, cfg wasm.Config) *wasm.Extractor {
	t.Helper()
	x, err := h.Load(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// text is an input of one text.
func text(s string) engine.Input {
	return engine.Input{MessageID: "files//a/1", Date: time.Date(2026, 3, 5, 8, 58, 0, 0, time.UTC), Parts: []engine.InputPart{
		{PartInfo: engine.PartInfo{ID: engine.PartText, Kind: "text", MIME: "text/plain", Size: len(s)}, Text: s},
	}}
}

// TestProgramsAreWhatTheirSourceSays builds the test programs again.
func TestProgramsAreWhatTheirSourceSays(t *testing.T) {
	enginetest.Peer(t, "wat2wasm", "wabt")
	sources, _ := filepath.Glob("testdata/*.wat")
	hostile, _ := filepath.Glob("testdata/hostile/*.wat")
	for _, source := range append(sources, hostile...) {
		built := filepath.Join(t.TempDir(), "built.wasm")
		if exec.Command("wat2wasm", source, "-o", built).Run() != nil {
			// Those that nobody accepts are written with every proposal at hand.
			if out, err := exec.Command("wat2wasm", "--enable-all", "--no-check", source, "-o", built).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", source, err, out)
				continue
			}
		}
		want, _ := os.ReadFile(built)
		if got, _ := os.ReadFile(strings.TrimSuffix(source, ".wat") + ".wasm"); !bytes.Equal(got, want) {
			t.Errorf("%s: the committed module is another one", source)
		}
	}
}

// TestNothingIsLeftOfTheMailBefore asks a module that looks for what it left.
func TestNothingIsLeftOfTheMailBefore(t *testing.T) {
	for _, stock := range []int{0, 3} {
		x := load(t, newHost(t, wasm.HostConfig{Stock: stock}), wasm.Config{Module: module(t, "probe", described)})
		for range 50 {
			found, err := x.Extract(t.Context(), text("x"))
			if err != nil || len(found) != 1 || found[0].Value != "leaked 0" {
				t.Fatalf("%v, %v; want leaked 0", found, err)
			}
		}
	}
}

func TestExtractorKeepsTheContract(t *testing.T) {
	h := newHost(t, wasm.HostConfig{})
	for _, name := range []string{"probe", "describes"} {
		description := map[string]string{"probe": described}[name]
		enginetest.TestExtractor(t, load(t, h, wasm.Config{Module: module(t, name, description)}), []engine.Input{text("a"), text("b c"), {}})
	}
}

func TestDescriptionByExport(t *testing.T) {
	x := load(t, newHost(t, wasm.HostConfig{}), wasm.Config{Module: module(t, "describes", "")})
	if diff := cmp.Diff(engine.ExtractorInfo{Name: "describes", Version: "0.1.0", Types: []string{"String"}}, x.Info()); diff != "" {
		t.Error(diff)
	}
}

// TestCommandsSeeTheirInputAndALittleWorld: cat says how much it read, what the
// clock says and a random number.
func TestCommandsSeeTheirInputAndALittleWorld(t *testing.T) {
	for _, input := range []string{"frame", "json"} {
		description := strings.Replace(described, `"wants"`, `"input":"`+input+`","wants"`, 1)
		x := load(t, newHost(t, wasm.HostConfig{}), wasm.Config{Module: module(t, "cat", description)})
		var notes []string
		for range 2 {
			r, err := x.Run(t.Context(), text(strings.Repeat("x", 10_000)))
			if err != nil || len(r.Notes) != 1 {
				t.Fatalf("%+v, %v", r, err)
			}
			if diff := cmp.Diff([]wasm.LogLine{{Text: "reading"}}, r.Log); diff != "" {
				t.Error(diff)
			}
			notes = append(notes, r.Notes[0].Text)
		}
		read, clock := notes[0][:16], notes[0][16:32]
		if read < "0000000000002710" || clock != fmt.Sprintf("%016x", text("").Date.UnixNano()) || notes[0] != notes[1] {
			t.Errorf("%s: read %s bytes at %s, then %s", input, read, clock, notes[1])
		}
	}
}

// TestHugeAttachmentsReachModules hands over more than fits in memory, which is
// cut to half of it.
func TestPartsAreNarrowedAndCut(t *testing.T) {
	description := strings.Replace(described, `"wants":[{"kind":"text"}`, `"input":"json","wants":[{"kind":"text","max_bytes":4}`, 1)
	x := load(t, newHost(t, wasm.HostConfig{}), wasm.Config{Module: module(t, "cat", description), Limits: wasm.Limits{Memory: 1 << 20}})
	csv := func(n int) engine.InputPart {
		return engine.InputPart{PartInfo: engine.PartInfo{ID: "2", Kind: "raw", MIME: "text/csv", Size: n}, Content: engine.Bytes(make([]byte, n))}
	}
	tests := []struct {
		name  string
		parts []engine.InputPart
		most  int // bytes of the line, roughly
	}{
		{"a text is cut", text(strings.Repeat("ä", 100_000)).Parts, 500},
		{"what is not wanted is not handed over", []engine.InputPart{{PartInfo: engine.PartInfo{Kind: "raw", MIME: "application/zip"}, Content: engine.Bytes(make([]byte, 1<<20))}, text("x").Parts[0]}, 500},
		{"all parts share half of the memory", []engine.InputPart{csv(1 << 20), csv(1 << 20)}, 750_000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := x.Run(t.Context(), engine.Input{Parts: tt.parts})
			if err != nil {
				t.Fatal(err)
			}
			var read int
			fmt.Sscanf(r.Notes[0].Text[:16], "%x", &read)
			if read > tt.most || read < 100 {
				t.Errorf("%d bytes were handed over, want at most %d", read, tt.most)
			}
		})
	}
}

func TestWantsFollowTheDescription(t *testing.T) {
	x := load(t, newHost(t, wasm.HostConfig{}), wasm.Config{Module: module(t, "probe", described)})
	tests := []struct {
		part engine.PartInfo
		want bool
	}{
		{engine.PartInfo{Kind: "text"}, true},
		{engine.PartInfo{Kind: "html"}, false},
		{engine.PartInfo{Kind: "raw", MIME: "Text/CSV"}, true},
		{engine.PartInfo{Kind: "raw", MIME: "text/plain"}, false},
		{engine.PartInfo{Kind: "attachment", MIME: "text/csv"}, false},
	}
	for _, tt := range tests {
		if got := x.Wants(tt.part); got != tt.want {
			t.Errorf("Wants(%+v) = %v", tt.part, got)
		}
	}
}

// says is a module whose output is fixed.
func says(output string) []byte {
	const at = 1024
	body := func(code ...byte) []byte { return append(append([]byte{0}, code...), 0x0b) }
	return assemble(
		[][]byte{body(), body(append([]byte{0x41}, sleb(1<<20)...)...), body(append([]byte{0x42}, sleb(at<<32|int64(len(output)))...)...)},
		at, output)
}

// assemble makes a reactor of the bodies of tqx_abi_v1, tqx_alloc and tqx_extract,
// with 32 pages of memory.
func assemble(bodies [][]byte, at int64, data string) []byte {
	vec := func(items ...[]byte) []byte {
		return append(binary.AppendUvarint(nil, uint64(len(items))), bytes.Join(items, nil)...)
	}
	sized := func(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }
	section := func(id byte, content []byte) []byte { return append([]byte{id}, sized(content)...) }
	export := func(name string, kind, index byte) []byte { return append(sized([]byte(name)), kind, index) }
	var code [][]byte
	for _, b := range bodies {
		code = append(code, sized(b))
	}
	segment := append(append([]byte{0, 0x41}, sleb(at)...), 0x0b)
	segment = append(segment, sized([]byte(data))...)
	return bytes.Join([][]byte{
		[]byte("\x00asm\x01\x00\x00\x00"),
		section(1, vec([]byte{0x60, 0, 0}, []byte{0x60, 1, 0x7f, 1, 0x7f}, []byte{0x60, 2, 0x7f, 0x7f, 1, 0x7e})),
		section(3, []byte{3, 0, 1, 2}),
		section(5, []byte{1, 0, 32}),
		section(7, vec(export("memory", 2, 0), export("tqx_abi_v1", 0, 0), export("tqx_alloc", 0, 1), export("tqx_extract", 0, 2))),
		section(10, vec(code...)),
		section(11, vec(segment)),
	}, nil)
}

func sleb(n int64) (out []byte) {
	for {
		b := byte(n & 0x7f)
		n >>= 7
		if n == 0 && b&0x40 == 0 || n == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

func TestOutputIsHeldToThePage(t *testing.T) {
	h := newHost(t, wasm.HostConfig{Canon: func(typ, v string) (string, bool) { return strings.ToLower(v), !strings.Contains(v, "bad") }})
	indicator := func(s string) string { return `{"indicators":[{` + s + `}]}` }
	many := func(n int, s string) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }
	tests := []struct{ name, output, want string }{
		{"nothing", ``, ""},
		{"an empty object", `{}`, ""},
		{"whole", indicator(`"type":"string","value":"A","part":0,"start":0,"end":5,"confidence":100,"attributes":{"a":"b"},"related_to":"r"`), ""},
		{"the rule language's name of the type", indicator(`"type":"String","value":"A","part":0`), ""},
		{"no JSON", `hello`, "bad output: not JSON: invalid character 'h' looking for beginning of value"},
		{"not UTF-8", "{\"indicators\":[\"\xff\"]}", "bad output: not UTF-8"},
		{"ends early", `{"indicators":[`, "bad output: not JSON: it ends early"},
		{"something behind", `{} {}`, "bad output: something follows the JSON value"},
		{"null", ` null`, "bad output: not an object but a JSON null"},
		{"null for a list", `{"indicators":null}`, "bad output: indicators is null"},
		{"null in a list", `{"indicators":[null]}`, "bad output: an entry of a list is null"},
		{"null for a number", indicator(`"type":"string","value":"a","part":0,"start":null,"end":null`), "bad output: start is null"},
		{"a list", `[]`, "bad output: not an object but a JSON array"},
		{"an unknown key", `{"indicator":[]}`, `bad output: unknown key "indicator"`},
		{"a key in another case", `{"Indicators":[]}`, `bad output: unknown key "Indicators"`},
		{"an unknown key inside", indicator(`"type":"string","value":"a","part":0,"colour":1`), `bad output: unknown key "colour"`},
		{"a key twice", `{"notes":[],"notes":[]}`, `bad output: key "notes" stands there twice`},
		{"a text for a number", indicator(`"type":"string","value":"a","part":"0"`), "bad output: indicators.part is a JSON string"},
		{"deep", `{"indicators":` + strings.Repeat("[", 20_000), "bad output: values lie more than 32 deep in each other"},
		{"an undeclared type", indicator(`"type":"url","value":"a","part":0`), `bad output: indicators[0]: type "url" is not declared`},
		{"no value", indicator(`"type":"string","part":0`), "bad output: indicators[0]: a value of 0 bytes; 1 to 8192 are allowed"},
		{"a long value", indicator(`"type":"string","value":"` + many(8193, "a") + `","part":0`), "bad output: indicators[0]: a value of"},
		{"a control character", indicator(`"type":"string","value":"a\u0007","part":0`), "bad output: indicators[0]: a control character in the value"},
		{"no part", indicator(`"type":"string","value":"a"`), "bad output: indicators[0]: part is missing"},
		{"a part there is not", indicator(`"type":"string","value":"a","part":1`), "bad output: indicators[0]: part 1; there are 1"},
		{"a negative part", indicator(`"type":"string","value":"a","part":-1`), "bad output: indicators[0]: part -1; there are 1"},
		{"a start alone", indicator(`"type":"string","value":"a","part":0,"start":0`), "bad output: indicators[0]: start and end: both or neither"},
		{"backwards", indicator(`"type":"string","value":"a","part":0,"start":2,"end":1`), "bad output: indicators[0]: bytes 2 to 1 of a part of 5"},
		{"beyond the part", indicator(`"type":"string","value":"a","part":0,"start":0,"end":6`), "bad output: indicators[0]: bytes 0 to 6 of a part of 5"},
		{"confidence", indicator(`"type":"string","value":"a","part":0,"confidence":101`), "bad output: indicators[0]: confidence 101; 0 to 100 are allowed"},
		{"many attributes", indicator(`"type":"string","value":"a","part":0,"attributes":{"a":"","b":"","c":"","d":"","e":"","f":"","g":"","h":"","i":"","j":"","k":"","l":"","m":"","n":"","o":"","p":"","q":""}`), "bad output: indicators[0]: 17 attributes; 16 are allowed"},
		{"a nameless attribute", indicator(`"type":"string","value":"a","part":0,"attributes":{"":"x"}`), "bad output: indicators[0]: an attribute's name is empty"},
		{"null for an attribute", indicator(`"type":"string","value":"a","part":0,"attributes":{"a":null}`), `bad output: indicators[0]: attribute "a" is null`},
		{"a control character in an attribute", indicator(`"type":"string","value":"a","part":0,"attributes":{"a":"\u001b[31m"}`), `bad output: indicators[0]: a control character in attribute "a"`},
		{"an attribute twice", indicator(`"type":"string","value":"a","part":0,"attributes":{"a":"1","\u0061":"2"}`), `bad output: key "a" stands there twice`},
		{"a key twice by an escape", indicator(`"type":"string","value":"a","part":0,"\u0070art":0`), `bad output: key "part" stands there twice`},
		{"a control character in related_to", indicator(`"type":"string","value":"a","part":0,"related_to":"a\n"`), "bad output: indicators[0]: a control character in related_to"},
		{"a control character in a note", `{"notes":[{"level":"info","text":"\u0007"}]}`, "bad output: notes[0]: a control character in the text"},
		{"white space", indicator(`"type":"string","value":" \u00a0\u2003","part":0`), "bad output: indicators[0]: a value of nothing but white space"},
		{"an exponent", indicator(`"type":"string","value":"a","part":0,"confidence":1e1`), "bad output: indicators.confidence is a JSON number"},
		{"a number beyond all", indicator(`"type":"string","value":"a","part":1e999`), "bad output: not an object but a JSON number"},
		{"a byte order mark", "\ufeff{}", "bad output: not JSON: invalid character"},
		{"notes at the cap", `{"notes":[` + many(100, `{"level":"info","text":"a"}`) + `]}`, ""},
		{"many indicators", `{"indicators":[` + many(11, `{"type":"string","value":"a","part":0}`) + `]}`, "bad output: 11 indicators; 10 are allowed"},
		{"many notes", `{"notes":[` + many(101, `{"level":"info","text":"a"}`) + `]}`, "bad output: 101 notes; 100 are allowed"},
		{"a note of another level", `{"notes":[{"level":"shout","text":"a"}]}`, `bad output: notes[0]: level "shout" is neither info nor warning`},
		{"too long", `{"notes":[` + many(10_000, `{"level":"info","text":"a"}`) + `]}`, "bad output: 280011 bytes; 100000 are allowed"},
		{"a value that is none of its type", indicator(`"type":"string","value":"bad","part":0`), `bad output: left out: indicators[0]: "bad" is no String`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			packed, err := wasm.Pack(says(tt.output), []byte(described))
			if err != nil {
				t.Fatal(err)
			}
			x := load(t, h, wasm.Config{Module: packed, Limits: wasm.Limits{Output: 100_000, Findings: 10}})
			_, err = x.Extract(t.Context(), text("hello"))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// TestWhatIsLeftOutLeavesTheRest: values that are none of their type do not take
// the others with them, which are brought to canonical form.
func TestWhatIsLeftOutLeavesTheRest(t *testing.T) {
	h := newHost(t, wasm.HostConfig{
		Canon: func(typ, v string) (string, bool) { return strings.ToLower(v), !strings.Contains(v, "bad") },
		Flags: func(typ, v string) engine.Flags { return engine.Private },
	})
	packed, err := wasm.Pack(says(`{"indicators":[{"type":"string","value":"bad","part":0},{"type":"string","value":"GOOD","part":0,"start":0,"end":4}]}`), []byte(described))
	if err != nil {
		t.Fatal(err)
	}
	found, err := load(t, h, wasm.Config{Module: packed}).Extract(t.Context(), text("Good hello"))
	want := []engine.Finding{{Type: "String", Value: "good", Original: "Good", Spot: engine.Spot{Part: engine.PartText, Span: engine.Span{End: 4}}, Flags: engine.Private}}
	if diff := cmp.Diff(want, found, cmpopts.EquateEmpty()); diff != "" || err == nil {
		t.Errorf("error %v; findings (-want +got):\n%s", err, diff)
	}
}

// TestFuelCountsBehindTheLastQuestion: a long way around a branch is charged when it
// is taken, and nothing asks the host behind it.
func TestFuelCountsBehindTheLastQuestion(t *testing.T) {
	around := slices.Concat([]byte{0, 0x02, 0x40, 0x41, 0, 0x0d, 0}, bytes.Repeat([]byte{0x20, 0, 0x1a}, 5000), []byte{0x0b, 0x42, 0, 0x0b})
	x := load(t, newHost(t, wasm.HostConfig{}), wasm.Config{Module: assembleCode(around), Limits: wasm.Limits{Fuel: 1000}})
	r, err := x.Run(t.Context(), text("x"))
	var e *wasm.Error
	if !errors.As(err, &e) || e.Kind != wasm.Fuel || r.Fuel < 10_000 {
		t.Errorf("used %d units, error %v", r.Fuel, err)
	}
}

// TestFailedStartsLeaveNothingBehind loads a module whose start function fills 32 MiB
// and traps.
func TestFailedStartsLeaveNothingBehind(t *testing.T) {
	data, err := os.ReadFile("testdata/hostile/start-touches-and-traps.wasm")
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, wasm.HostConfig{})
	before := status(t, "VmRSS")
	for range 10 {
		if x, err := h.Load(t.Context(), wasm.Config{Module: describe(data)}); err == nil {
			t.Fatal("it was loaded", x)
		}
	}
	if grown := status(t, "VmRSS") - before; grown > 128<<20 {
		t.Errorf("%d MiB more after ten loads", grown>>20)
	}
}

// TestClosedHostsRefuse: neither a call nor a load after the end panics.
func TestClosedHostsRefuse(t *testing.T) {
	h, err := wasm.NewHost(t.Context(), wasm.HostConfig{Stock: 1})
	if err != nil {
		t.Fatal(err)
	}
	x := load(t, h, wasm.Config{Module: module(t, "probe", described)})
	if err := errors.Join(h.Close(), x.Close(), h.Close()); err != nil {
		t.Error(err)
	}
	_, callErr := x.Extract(t.Context(), text("x"))
	_, loadErr := h.Load(t.Context(), wasm.Config{Module: module(t, "probe", described)})
	var e *wasm.Error
	if !errors.As(callErr, &e) || !errors.As(loadErr, &e) {
		t.Errorf("call: %v; load: %v", callErr, loadErr)
	}
}

// TestOriginalsAreFitToBeShown: a module may point at any bytes of a mail.
func TestOriginalsAreFitToBeShown(t *testing.T) {
	packed, err := wasm.Pack(says(`{"indicators":[{"type":"string","value":"v","part":0,"start":0,"end":4},{"type":"string","value":"v","part":0,"start":4,"end":5}]}`), []byte(described))
	if err != nil {
		t.Fatal(err)
	}
	found, err := load(t, newHost(t, wasm.HostConfig{}), wasm.Config{Module: packed}).Extract(t.Context(), text("a\x1b[m\u00e4"))
	if err != nil || len(found) != 2 || found[0].Original != "v" || found[1].Original != "v" {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestNamesOfTheHostAreNotForAttributes(t *testing.T) {
	packed, err := wasm.Pack(says(`{"indicators":[{"type":"string","value":"v","part":0,"confidence":7,"attributes":{"confidence":"high","related_to":"x","colour":"red"}}]}`), []byte(described))
	if err != nil {
		t.Fatal(err)
	}
	found, err := load(t, newHost(t, wasm.HostConfig{}), wasm.Config{Module: packed}).Extract(t.Context(), text("x"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	if diff := cmp.Diff(map[string]string{"confidence": "7", "colour": "red"}, found[0].Extra); diff != "" {
		t.Error(diff)
	}
}

func TestModulesAreRefusedInWords(t *testing.T) {
	h := newHost(t, wasm.HostConfig{})
	whole := module(t, "probe", "")
	tests := []struct {
		name   string
		module []byte
		config string
		want   string
	}{
		{"nothing", nil, "", "refused: at byte 0x0: "},
		{"text", []byte("MZ this is no module"), "", "refused: at byte 0x0: "},
		{"truncated", whole[:len(whole)-20], "", "refused: at byte "},
		{"another version of the ABI", module(t, "hostile/version-2", ""), "", "abi: it speaks tqx_abi_v2; this host speaks tqx_abi_v1"},
		{"neither kind", module(t, "hostile/nothing-exported", ""), "", "abi: it exports "},
		{"no memory", module(t, "hostile/memory-not-exported", ""), "", "abi: it exports no memory named memory"},
		{"an export is missing", module(t, "hostile/extract-missing", ""), "", "abi: it does not export tqx_extract (i32, i32) -> (i64)"},
		{"an export has another type", module(t, "hostile/extract-wrong-type", ""), "", "abi: its export tqx_extract is "},
		{"an export is no function", module(t, "hostile/extract-is-a-global", ""), "", "abi: its export tqx_extract is no function"},
		{"an unknown import", module(t, "hostile/imports-an-unknown-function", ""), "", "refused: it imports function "},
		{"an imported memory", module(t, "hostile/imports-a-memory", ""), "", "refused: it imports memory "},
		{"an import with another type", module(t, "hostile/imports-the-log-with-another-type", ""), "", "refused: it imports tqx.log as "},
		{"a name of the host's", module(t, "hostile/exports-tqx-fuel", ""), "", "refused: at byte "},
		{"no description", whole, "", "refused: no description: neither a section tqx.describe (tqmailrules ext pack adds one) nor an export tqx_describe"},
		{"configuration that is not taken", module(t, "probe", described), `{"a":1}`, "refused: configuration: the module takes none"},
		{"configuration that does not fit", module(t, "probe", strings.Replace(described, `"wants"`, `"config":{"type":"object","properties":{"n":{"type":"integer"}}},"wants"`, 1)), `{"n":"x"}`, "refused: configuration: n is string, not integer"},
		{"configuration that is no object", module(t, "probe", described), `[]`, "refused: configuration: not an object but a JSON array"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := h.Load(t.Context(), wasm.Config{Name: "fixture", Module: tt.module, Config: json.RawMessage(tt.config)})
			var e *wasm.Error
			if !errors.As(err, &e) || e.Extractor != "fixture" || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestDescriptionsAreHeldToThePage(t *testing.T) {
	tests := []struct{ name, from, to, want string }{
		{"whole", "", "", ""},
		{"name", `"fixture"`, `"Fixture"`, `name "Fixture" is not lower-case`},
		{"version", `"1.2.3"`, `"1.2"`, `version "1.2" is not MAJOR.MINOR.PATCH`},
		{"abi", `"tqx1"`, `"tqx2"`, `abi "tqx2" is not tqx1`},
		{"types", `["string"]`, `[]`, "0 types; 1 to 64 are needed"},
		{"a type", `["string"]`, `["Strange Type"]`, `type "Strange Type" is neither known nor a name`},
		{"a type of its own", `["string"]`, `["kit","URL","url"]`, ""},
		{"kind", `"kind":"text"`, `"kind":"texts"`, `wants[0]: kind "texts" is none of text, html, page`},
		{"max_bytes", `"kind":"text"`, `"kind":"text","max_bytes":-1`, `wants[0]: max_bytes is -1`},
		{"a long pattern", `"text/csv"`, `"` + strings.Repeat("a", 257) + `"`, "wants[1]: a pattern of 257 bytes; 256 are allowed"},
		{"summary", `"abi"`, `"summary":"\u001b[2J","abi"`, "summary is longer than 1024 bytes or holds a control character"},
		{"pattern", `"text/csv"`, `"[a"`, `wants[1]: pattern "[a"`},
		{"unknown key", `"abi"`, `"foo":1,"abi"`, `unknown key "foo"`},
		{"input", `"abi"`, `"input":"xml","abi"`, `input "xml" is neither frame nor json`},
		{"schema", `"abi"`, `"config":{"type":"object","oneOf":[]},"abi"`, `config: not a schema: unknown field "oneOf"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := wasm.ParseDescription([]byte(strings.Replace(described, tt.from, tt.to, 1)))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestSignaturesBindAKeyToAModule(t *testing.T) {
	public, private, err := ed25519.GenerateKey(bytes.NewReader(make([]byte, 64)))
	if err != nil {
		t.Fatal(err)
	}
	other, _, _ := ed25519.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{1}, 64)))
	m := []byte("a module")
	signature := wasm.Sign(private, m)
	tests := []struct {
		name      string
		key       ed25519.PublicKey
		module    []byte
		signature []byte
		want      string
	}{
		{"whole", public, m, signature, ""},
		{"another module", public, []byte("another"), signature, "refused: signature: not made by this key over this module"},
		{"another key", other, m, signature, "refused: signature: not made by this key over this module"},
		{"no base64", public, m, []byte("!!"), "refused: signature: not a line of base64 of 64 bytes"},
		{"short", public, m, signature[:20], "refused: signature: not a line of base64 of 64 bytes"},
		{"no key", nil, m, signature, "public key: not of 32 bytes"},
	}
	for _, tt := range tests {
		err := wasm.Verify(tt.key, tt.module, tt.signature)
		if got := fmt.Sprint(err); tt.want == "" && err != nil || tt.want != "" && got != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestCacheIsPrivateAndHeals: a second host finds compiled code, a broken file
// costs nothing but time, a folder that others can enter is refused.
func TestCacheIsPrivateAndHeals(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	use := func() {
		t.Helper()
		x := load(t, newHost(t, wasm.HostConfig{Cache: dir}), wasm.Config{Module: module(t, "probe", described)})
		if found, err := x.Extract(t.Context(), text("x")); err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
	}
	use()
	files := cached(t, dir)
	if len(files) != 2 {
		t.Fatalf("cached files: %v, want the rewritten module and its machine code", files)
	}
	use()
	for _, file := range files {
		if err := os.WriteFile(file, []byte("broken, and longer than any digest that may stand before it"), 0o600); err != nil {
			t.Fatal(err)
		}
		use()
		use()
		if diff := cmp.Diff(files, cached(t, dir)); diff != "" {
			t.Errorf("after a broken file:\n%s", diff)
		}
	}
	old := time.Now().Add(-100 * 24 * time.Hour)
	foreign := filepath.Join(dir, "not-ours")
	if err := errors.Join(os.WriteFile(foreign, nil, 0o600), os.Chtimes(foreign, old, old), os.Chtimes(files[0], old, old)); err != nil {
		t.Fatal(err)
	}
	newHost(t, wasm.HostConfig{Cache: dir})
	if diff := cmp.Diff([]string{files[1], foreign}, cached(t, dir)); diff != "" {
		t.Errorf("after a hundred days:\n%s", diff)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := wasm.NewHost(t.Context(), wasm.HostConfig{Cache: dir}); err == nil || !strings.Contains(err.Error(), "can be entered by others; its mode must be 0700") {
		t.Errorf("a folder for all: %v", err)
	}
}

func cached(t *testing.T, dir string) (files []string) {
	t.Helper()
	filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, p)
		}
		return err
	})
	return files
}

func TestCacheNamesTheVersionInGoMod(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "cache")
	newHost(t, wasm.HostConfig{Cache: dir})
	version := regexp.MustCompile(`tetratelabs/wazero (v[0-9.]+)`).FindStringSubmatch(string(mod))[1]
	if _, err := os.Stat(filepath.Join(dir, "meter1-wazero-"+version)); err != nil {
		t.Error(err)
	}
}

// flaky fails as long as it is told to.
type flaky struct {
	enginetest.Words
	err *error
}

func (f flaky) Extract(context.Context, engine.Input) ([]engine.Finding, error) { return nil, *f.err }

// TestBreakerMindsNoValueThatIsLeftOut: what stands in a mail may make a sound module
// report a value that is none of its type.
func TestBreakerMindsNoValueThatIsLeftOut(t *testing.T) {
	packed, err := wasm.Pack(says(`{"indicators":[{"type":"string","value":"bad","part":0},{"type":"string","value":"good","part":0}]}`), []byte(described))
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, wasm.HostConfig{Canon: func(_, v string) (string, bool) { return v, v != "bad" }})
	b := wasm.NewBreaker(load(t, h, wasm.Config{Module: packed}), 2, func(err error) { t.Error("switched off", err) })
	for range 5 {
		found, err := b.Extract(t.Context(), text("x"))
		var e *wasm.Error
		if !errors.As(err, &e) || !e.Partial || len(found) != 1 {
			t.Errorf("%v, %v", found, err)
		}
	}
}

func TestBreakerSwitchesOffAfterFailuresInARow(t *testing.T) {
	var err error
	tripped := 0
	b := wasm.NewBreaker(flaky{enginetest.Words{Name: "flaky"}, &err}, 3, func(error) { tripped++ })
	broken := errors.New("trap: unreachable")
	for i, e := range []error{broken, broken, nil, broken, broken, broken, broken, nil} {
		err = e
		_, got := b.Extract(t.Context(), text("x"))
		off := i >= 6
		if errors.Is(got, engine.ErrTemporary) != off {
			t.Errorf("call %d: %v; off: %v", i, got, off)
		}
	}
	if tripped != 1 {
		t.Errorf("told %d times", tripped)
	}
}

// TestReplacedModulesEndWhatTheyBegan swaps a module while calls run.
func TestReplacedModulesEndWhatTheyBegan(t *testing.T) {
	h := newHost(t, wasm.HostConfig{Stock: 1})
	second := strings.Replace(described, "1.2.3", "2.0.0", 1)
	live := wasm.NewLive(load(t, h, wasm.Config{Module: module(t, "probe", described)}))
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			for range 200 {
				if found, err := live.Extract(t.Context(), text("x")); err != nil || len(found) != 1 {
					t.Errorf("%v, %v", found, err)
				}
			}
		})
	}
	if err := live.Swap(load(t, h, wasm.Config{Module: module(t, "probe", second)})); err != nil {
		t.Error(err)
	}
	calls.Wait()
	if v := live.Info().Version; v != "2.0.0" {
		t.Errorf("version %s after the swap", v)
	}
}

// TestTheSameComplaintEachTime: of several mistakes the same one is told.
func TestTheSameComplaintEachTime(t *testing.T) {
	packed, err := wasm.Pack(says(`{"indicators":[{"type":"string","value":"a","part":0,"attributes":{"a":"\u0001","b":"\u0001","c":"\u0001","d":"\u0001","e":"\u0001"}}]}`), []byte(described))
	if err != nil {
		t.Fatal(err)
	}
	x := load(t, newHost(t, wasm.HostConfig{}), wasm.Config{Module: packed})
	for range 50 {
		if _, err := x.Extract(t.Context(), text("x")); err == nil || err.Error() != `bad output: indicators[0]: a control character in attribute "a"` {
			t.Fatal(err)
		}
	}
}
