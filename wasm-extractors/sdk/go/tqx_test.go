package tqx_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	tqx "github.com/tqmailrules/tqmailrules/wasm-extractors/sdk/go"
)

func frame(header, blobs string) []byte {
	n := len(header)
	return []byte("TQX1" + string([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}) + header + blobs)
}

// The smallest frame of ABI.md, "The input".
func TestDecodeReadsTheFrameOfTheContract(t *testing.T) {
	got, err := tqx.Decode(frame(`{"abi":"tqx1","message":{"id":"files//a/1","date":"","unix":0},"parts":[{"id":"subject","kind":"subject","mime":"","name":"","sha256":"","off":0,"len":2,"size":2,"truncated":false}],"config":{},"limits":{"findings":10000,"output":1048576}}`, "hi"))
	if err != nil {
		t.Fatal(err)
	}
	want := &tqx.Input{
		Message: tqx.Message{ID: "files//a/1"},
		Parts:   []tqx.Part{{ID: "subject", Kind: "subject", Data: []byte("hi"), Size: 2}},
		Config:  tqx.JSON("{}"),
		Limits:  tqx.Limits{Findings: 10000, Output: 1 << 20},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("input (-want +got):\n%s", diff)
	}
}

func TestDecodeReadsEveryField(t *testing.T) {
	want := &tqx.Input{
		Message: tqx.Message{ID: "files//\"a\"\\\n\x01ü", Date: "2026-03-05T08:58:00Z", Unix: -5},
		Parts: []tqx.Part{
			{ID: "1", Kind: "raw", MIME: "text/csv", Name: "a\tb.csv", SHA256: "ff", Data: []byte("a,b\n"), Size: 900, Truncated: true},
			{ID: "2", Kind: "text", Data: []byte{}, Size: 0},
			{ID: "3", Kind: "page", Data: []byte("\x00\xff"), Size: 2},
		},
		Config: tqx.JSON(`{"coins":["btc"]}`),
		Limits: tqx.Limits{Findings: 7, Output: 4096},
	}
	got, err := tqx.Decode(tqx.Frame(want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("input (-want +got):\n%s", diff)
	}
}

func TestMalformedFramesAreTold(t *testing.T) {
	part := `{"parts":[{"off":1,"len":2}]}`
	for name, test := range map[string]struct {
		frame []byte
		want  string
	}{
		"empty":               {nil, "does not begin with TQX1"},
		"another magic":       {[]byte("TQX2\x02\x00\x00\x00{}"), "does not begin with TQX1"},
		"header beyond":       {[]byte("TQX1\x03\x00\x00\x00{}"), "header is cut off"},
		"huge header":         {[]byte("TQX1\xff\xff\xff\xff{}"), "header is cut off"},
		"header is a list":    {frame("[]", ""), "no object"},
		"part beyond":         {frame(part, "hi"), "a part lies outside"},
		"part without length": {frame(`{"parts":[{"off":0}]}`, "hi"), "a part lies outside"},
		"part is a number":    {frame(`{"parts":[7]}`, "hi"), "a part lies outside"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := tqx.Decode(test.frame); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
			out := string(tqx.Run(test.frame, func(*tqx.Input, *tqx.Output) { t.Error("the extractor ran") }))
			if !strings.HasPrefix(out, `{"indicators":[],"notes":[{"level":"warning","text":"malformed frame: `) {
				t.Errorf("output is %s", out)
			}
		})
	}
}

func TestJSONAnswers(t *testing.T) {
	config := tqx.JSON(` {"s":"a\"b\u00e9\ud83d\ude00\/", "n": -42, "big":1e9, "t":true,"l":["x", 3, "y"],"o":{"k":{"s":"in"}},"half":"\ud83d!","bad":"\q","é":"ü"}`)[1:]
	for _, test := range []struct {
		name      string
		got, want any
	}{
		{"string with escapes", config.Get("s").Text(""), `a"bé😀/`},
		{"half a pair", config.Get("half").Text(""), "\ufffd!"},
		{"an escape that is none", config.Get("bad").Text(""), "\ufffd"},
		{"key beyond ASCII", config.Get("é").Text(""), "ü"},
		{"integer", config.Get("n").Int(0), int64(-42)},
		{"a number with exponent is no integer", config.Get("big").Int(5), int64(5)},
		{"a string is no integer", config.Get("s").Int(5), int64(5)},
		{"true", config.Get("t").Bool(false), true},
		{"strings of a list", config.Get("l").Texts(), []string{"x", "y"}},
		{"inside of objects", config.Get("o").Get("k").Get("s").Text(""), "in"},
		{"key of an inner object is no key", config.Get("k").Text("none"), "none"},
		{"missing", config.Get("zzz").Get("s").Text("none"), "none"},
		{"cut off", tqx.JSON(`{"a":"b`).Get("a").Text("none"), "none"},
		{"closing bracket only", len(tqx.JSON(`[}]`).Items()), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestConfigGetters(t *testing.T) {
	in := &tqx.Input{Config: tqx.JSON(`{"s":"x","n":3,"b":true,"l":["p","q"]}`)}
	if in.ConfigString("s", "") != "x" || in.ConfigString("n", "other") != "other" {
		t.Error("ConfigString")
	}
	if in.ConfigInt("n", 0) != 3 || in.ConfigInt("s", 9) != 9 {
		t.Error("ConfigInt")
	}
	if !in.ConfigBool("b", false) || !in.ConfigBool("missing", true) {
		t.Error("ConfigBool")
	}
	if diff := cmp.Diff([]string{"p", "q"}, in.ConfigStrings("l")); diff != "" {
		t.Errorf("ConfigStrings (-want +got):\n%s", diff)
	}
}

func TestOutputIsWhatTheHostReads(t *testing.T) {
	in := &tqx.Input{Parts: []tqx.Part{{Data: []byte("0123456789")}}}
	got := string(tqx.Run(tqx.Frame(in), func(in *tqx.Input, out *tqx.Output) {
		out.Add(tqx.Indicator{
			Type: "kit", Value: "a\"\\ü\xff", Start: 2, End: 9, Confidence: 90,
			Attributes: map[string]string{"b": "2\n", "a": "1", strings.Repeat("n", 65): "too long a name"}, RelatedTo: "x",
		})
		out.Add(tqx.Indicator{Type: "kit", Value: "v"})
		out.Info("read\ttwice")
		out.WarnPart(0, "cut off")
	}))
	want := `{"indicators":[{"type":"kit","value":"a\"\\ü` + "\ufffd" + `","part":0,"start":2,"end":9,"confidence":90,"attributes":{"a":"1","b":"2 "},"related_to":"x"},` +
		`{"type":"kit","value":"v","part":0}],"notes":[{"level":"info","text":"read twice"},{"level":"warning","text":"cut off","part":0}]}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestNothingFoundIsNoOutput(t *testing.T) {
	if got := tqx.Run(tqx.Frame(&tqx.Input{}), func(*tqx.Input, *tqx.Output) {}); len(got) != 0 {
		t.Errorf("output is %s", got)
	}
}

func TestAddLeavesOutWhatTheHostRefuses(t *testing.T) {
	good := tqx.Indicator{Type: "kit", Value: "v"}
	with := func(change func(*tqx.Indicator)) tqx.Indicator {
		ind := good
		change(&ind)
		return ind
	}
	for name, test := range map[string]struct {
		ind  tqx.Indicator
		want bool
	}{
		"good":               {good, true},
		"no type":            {with(func(i *tqx.Indicator) { i.Type = "" }), false},
		"no value":           {with(func(i *tqx.Indicator) { i.Value = "" }), false},
		"longest value":      {with(func(i *tqx.Indicator) { i.Value = strings.Repeat("v", tqx.MaxValue) }), true},
		"too long a value":   {with(func(i *tqx.Indicator) { i.Value = strings.Repeat("v", tqx.MaxValue+1) }), false},
		"control character":  {with(func(i *tqx.Indicator) { i.Value = "a\x00b" }), false},
		"C1 control":         {with(func(i *tqx.Indicator) { i.Value = "a\u0085b" }), false},
		"not a C1 control":   {with(func(i *tqx.Indicator) { i.Value = "a\u00a0b" }), true},
		"no such part":       {with(func(i *tqx.Indicator) { i.Part = 1 }), false},
		"negative part":      {with(func(i *tqx.Indicator) { i.Part = -1 }), false},
		"span to the end":    {with(func(i *tqx.Indicator) { i.End = 4 }), true},
		"span beyond":        {with(func(i *tqx.Indicator) { i.End = 5 }), false},
		"span backwards":     {with(func(i *tqx.Indicator) { i.Start, i.End = 3, 2 }), false},
		"too sure":           {with(func(i *tqx.Indicator) { i.Confidence = 101 }), false},
		"too long a partner": {with(func(i *tqx.Indicator) { i.RelatedTo = strings.Repeat("v", tqx.MaxValue+1) }), false},
	} {
		t.Run(name, func(t *testing.T) {
			in := &tqx.Input{Parts: []tqx.Part{{Data: []byte("text")}}}
			out := tqx.Run(tqx.Frame(in), func(_ *tqx.Input, out *tqx.Output) {
				if got := out.Add(test.ind); got != test.want {
					t.Errorf("Add is %t, want %t", got, test.want)
				}
			})
			if (len(out) > 0) != test.want {
				t.Errorf("output is %.80s", out)
			}
		})
	}
}

func TestOutputKeepsItsLimits(t *testing.T) {
	in := &tqx.Input{Parts: []tqx.Part{{}}, Limits: tqx.Limits{Findings: 3, Output: 1000}}
	many := func(value string) []byte {
		return tqx.Run(tqx.Frame(in), func(_ *tqx.Input, out *tqx.Output) {
			for range 100 {
				out.Add(tqx.Indicator{Type: "kit", Value: value})
			}
		})
	}
	if got := strings.Count(string(many("v")), `"type"`); got != 3 {
		t.Errorf("%d findings, want 3", got)
	}
	full := many(strings.Repeat("v", 400))
	if len(full) > 1000 || !json.Valid(full) || !strings.Contains(string(full), "the output is full") {
		t.Errorf("%d bytes: %s", len(full), full)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(tqx.Frame(&tqx.Input{Parts: []tqx.Part{{ID: "a", Kind: "text", Data: []byte("hi")}}, Config: tqx.JSON(`{"l":["x",{"y":[1]}],"s":"\u00e9"}`)}))
	f.Add(frame(`{"parts":[{"off":0,"len":1,"name":"\ud83d\u"}],"config":[[[[{"a":`, "x"))
	f.Add([]byte("TQX1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		out := tqx.Run(data, func(in *tqx.Input, out *tqx.Output) {
			for i, part := range in.Parts {
				out.Add(tqx.Indicator{Type: part.Kind, Value: part.Text(), Part: i, End: len(part.Data), RelatedTo: part.Name})
			}
			out.Info(in.ConfigString("s", in.Message.ID))
			for _, text := range in.ConfigStrings("l") {
				out.Warn(text)
			}
		})
		if len(out) > 0 && (!json.Valid(out) || !utf8.Valid(out)) {
			t.Errorf("output is no JSON: %q", out)
		}
	})
}

// What the package reads of a JSON text that encoding/json takes is what
// encoding/json reads.
func FuzzJSONAgreesWithEncodingJSON(f *testing.F) {
	f.Add([]byte(`{"a":"b\n","c":[1,-2,true,null,"x\ud83d\ude00"],"d":{"a":{}}}`))
	f.Add([]byte("{ \"a\" : [ ] , \"b\" : 1.5e3 }"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var want map[string]any
		if !utf8.Valid(data) || json.Unmarshal(data, &want) != nil || want == nil {
			return
		}
		got := tqx.JSON(strings.TrimSpace(string(data)))
		for key, value := range want {
			compare(t, key, last(got, key), value)
		}
	})
}

// last finds the member of that name the way encoding/json counts: the last one
// of several. Only the first is compared, so texts with doubles are left out.
func last(object tqx.JSON, key string) tqx.JSON {
	quoted, _ := json.Marshal(key)
	if strings.Count(string(object), string(quoted)) > 1 {
		return nil
	}
	return object.Get(key)
}

func compare(t *testing.T, key string, got tqx.JSON, want any) {
	t.Helper()
	if got == nil {
		return
	}
	switch want := want.(type) {
	case string:
		if text := got.Text("missing"); text != want {
			t.Errorf("%q: %q, want %q", key, text, want)
		}
	case bool:
		if got.Bool(!want) != want {
			t.Errorf("%q: not %t", key, want)
		}
	case []any:
		if items := got.Items(); len(items) != len(want) {
			t.Errorf("%q: %d items, want %d", key, len(items), len(want))
		}
	}
}
