package wasm

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
)

// blocks are the fenced blocks of ABI.md, by their info string.
func blocks(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../wasm-extractors/ABI.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, m := range regexp.MustCompile("(?ms)^```([a-z-]+ [a-z-]+)\n(.*?)\n```").FindAllStringSubmatch(string(page), -1) {
		if _, twice := all[m[1]]; twice {
			t.Errorf("two blocks %q", m[1])
		}
		all[m[1]] = m[2]
	}
	return all
}

// column is the first column of a table, without its head, by lines; cells are
// apart by two spaces.
func column(table string, n int) (all []string) {
	for _, line := range strings.Split(table, "\n")[1:] {
		all = append(all, regexp.MustCompile(` {2,}`).Split(line, -1)[n])
	}
	return all
}

// documented is an extractor with the description of the page.
func documented(t *testing.T, mod func(*Description)) *Extractor {
	t.Helper()
	d, err := ParseDescription([]byte(blocks(t)["json description"]))
	if err != nil {
		t.Fatal(err)
	}
	mod(d)
	x := &Extractor{host: &Host{}, desc: d, limits: Limits{}.WithDefaults()}
	x.declare()
	return x
}

func TestDescriptionOfThePageIsRead(t *testing.T) {
	x := documented(t, func(*Description) {})
	if diff := cmp.Diff(engine.ExtractorInfo{Name: "wallets", Version: "1.0.0", Types: []string{"btc", "eth", "ltc"}}, x.Info()); diff != "" {
		t.Error(diff)
	}
}

func TestHeaderOfThePageIsWhatModulesGet(t *testing.T) {
	x := documented(t, func(d *Description) {
		d.Wants = []Want{{Kind: "subject"}, {Kind: "text", MaxBytes: 12}}
	})
	in := engine.Input{
		MessageID: "files//inbox/1.eml", Date: time.Date(2026, 3, 5, 9, 58, 0, 7, time.FixedZone("", 3600)),
		Parts: []engine.InputPart{
			{PartInfo: engine.PartInfo{ID: "subject", Kind: "subject"}, Text: "Invoice"},
			{PartInfo: engine.PartInfo{ID: "body.text", Kind: "text", MIME: "text/plain"}, Text: strings.Repeat("x", 40)},
			{PartInfo: engine.PartInfo{ID: "2", Kind: "raw"}, Content: engine.Bytes("not wanted")},
		},
	}
	parts, n := x.handed(in)
	f, err := x.frame(in, parts, map[string]json.RawMessage{"coins": json.RawMessage(`[ "btc" ]`)})
	if err != nil || n != 19 {
		t.Fatal(n, err)
	}
	if diff := cmp.Diff(blocks(t)["json header"], string(f.head[8:])); diff != "" {
		t.Errorf("header (-page +host):\n%s", diff)
	}
}

// greeting is the mail of the page's smallest frame.
func greeting() engine.Input {
	return engine.Input{MessageID: "files//a/1", Parts: []engine.InputPart{{PartInfo: engine.PartInfo{ID: "subject", Kind: "subject"}, Text: "hi"}}}
}

func TestFrameOfThePageIsWhatModulesGet(t *testing.T) {
	x := documented(t, func(d *Description) { d.Wants = []Want{{Kind: "subject"}} })
	parts, _ := x.handed(greeting())
	f, err := x.frame(greeting(), parts, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, f.size)
	if err := f.copyTo(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(blocks(t)["hex frame"], "\n")
	want := unhex(t, lines[0]) + lines[1] + unhex(t, lines[2])
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("frame (-page +host):\n%s", diff)
	}
}

func unhex(t *testing.T, s string) string {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCommandInputOfThePageIsWhatCommandsGet(t *testing.T) {
	x := documented(t, func(d *Description) { d.Wants = []Want{{Kind: "subject"}} })
	parts, _ := x.handed(greeting())
	got, err := x.line(t.Context(), greeting(), parts, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(blocks(t)["json command-input"]+"\n", string(got)); diff != "" {
		t.Errorf("input (-page +host):\n%s", diff)
	}
}

func TestOutputOfThePageIsRead(t *testing.T) {
	x := documented(t, func(*Description) {})
	text := "pay 1BoatSLRHtKNngkdXEeobR76b53LETtpyT"
	parts := []given{{PartInfo: engine.PartInfo{ID: "subject"}, kind: "subject"}, {PartInfo: engine.PartInfo{ID: "body.text"}, kind: "text", text: text, len: len(text)}}
	found, notes, err := x.decode([]byte(blocks(t)["json output"]), parts)
	if err != nil {
		t.Fatal(err)
	}
	want := []engine.Finding{{
		Type: "btc", Value: text[4:], Original: text[4:], Spot: engine.Spot{Part: "body.text", Span: engine.Span{Start: 4, End: 38}},
		Extra: map[string]string{"confidence": "90", "network": "mainnet", "related_to": "invoice-4711"},
	}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Note{{"info", "two tables read", 1}}, notes); diff != "" {
		t.Error(diff)
	}
}

func TestTablesOfThePageAreTheHosts(t *testing.T) {
	all := blocks(t)
	var exported, kinds []string
	for _, e := range reactorExports {
		exported = append(exported, e.name+" "+e.signature)
	}
	for i, name := range column(all["table exports"], 0) {
		signature := column(all["table exports"], 2)[i]
		if column(all["table exports"], 1)[i] == "reactor" && signature != "memory" && name != "tqx_free" && !slices.Contains(exported, name+" "+signature) {
			t.Errorf("export %s %s is not the host's", name, signature)
		}
	}
	for _, k := range []Kind{Refused, ABI, Trap, Exit, Fuel, Memory, Timeout, BadOutput} {
		kinds = append(kinds, string(k))
	}
	keys := slices.Concat(slices.Collect(maps.Keys(outputShape["indicators"])), slices.Collect(maps.Keys(outputShape["notes"])))
	outputKeys := strings.Split(strings.Join(column(all["table output"], 0), ", "), ", ")
	tests := []struct {
		table      string
		page, host []string
	}{
		{"errors", column(all["table errors"], 0), kinds},
		{"kinds", column(all["table kinds"], 0), partKinds},
		{"description", column(all["table description"], 0), slices.Collect(maps.Keys(descriptionShape))},
		{"output", outputKeys, slices.Compact(slices.Sorted(slices.Values(keys)))},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(slices.Sorted(slices.Values(tt.host)), slices.Compact(slices.Sorted(slices.Values(tt.page)))); diff != "" {
			t.Errorf("%s (-host +page):\n%s", tt.table, diff)
		}
	}
}

func TestLimitsOfThePageAreTheHosts(t *testing.T) {
	table := blocks(t)["table limits"]
	var l Limits
	host := map[string]row{}
	for _, r := range l.rows() {
		host[r.name] = r
	}
	for i, name := range column(table, 0) {
		defaults := strings.Split(column(table, 1)[i], ", and ")
		for j, text := range defaults {
			r := host[name]
			if j == 1 {
				r = host[name+" per MiB"]
				text = strings.TrimSuffix(text, " per MiB")
			}
			if got := quantity(t, text); got != r.initial {
				t.Errorf("%s is %s on the page and %d here", r.name, text, r.initial)
			}
		}
		if got := quantity(t, column(table, 2)[i]); got != host[name].ceiling {
			t.Errorf("ceiling of %s is %s on the page and %d here", name, column(table, 2)[i], host[name].ceiling)
		}
	}
}

// quantity reads a number with a unit as the page writes it.
func quantity(t *testing.T, s string) int64 {
	t.Helper()
	units := map[string]int64{"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "M": 1e6, "s": int64(time.Second), "min": int64(time.Minute)}
	number, unit, _ := strings.Cut(strings.ReplaceAll(s, ",", ""), " ")
	if number == "10^12" {
		return 1e12
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || units[unit] == 0 {
		t.Fatalf("%q: %v", s, err)
	}
	return n * units[unit]
}

func TestEveryFunctionOfWASIIsOnThePage(t *testing.T) {
	named := regexp.MustCompile(`\b[a-z]+_[a-z_]+\b`).FindAllString(blocks(t)["table wasi"], -1)
	for _, f := range wasiFunctions {
		other := strings.HasPrefix(f.name, "fd_") || strings.HasPrefix(f.name, "path_") || strings.HasPrefix(f.name, "sock_")
		refuses := fmt.Sprintf("%p", f.call) == fmt.Sprintf("%p", notCapable)
		if !slices.Contains(named, f.name) && !(other && refuses) {
			t.Errorf("%s is not on the page", f.name)
		}
		if slices.Contains(named, f.name) && refuses {
			t.Errorf("%s has a meaning on the page and none here", f.name)
		}
	}
}
