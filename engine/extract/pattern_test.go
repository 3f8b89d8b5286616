package extract_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/extract"
)

// pattern makes an extractor named x.
func pattern(t testing.TB, cfg extract.PatternConfig) *extract.Pattern {
	t.Helper()
	cfg.Name = "x"
	p, err := extract.NewPattern(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func textInput(text string) engine.Input {
	return engine.Input{Parts: []engine.InputPart{{PartInfo: engine.PartInfo{ID: engine.PartText, Kind: "text", Size: len(text)}, Text: text}}}
}

// values are "value <original>" of what p finds in a text, with attributes.
func values(t testing.TB, p *extract.Pattern, text string) (all []string) {
	t.Helper()
	found, err := p.Extract(context.Background(), textInput(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if got := text[f.Spot.Span.Start:f.Spot.Span.End]; got != f.Original {
			t.Errorf("span gives %q, Original is %q", got, f.Original)
		}
		line := f.Value + " <" + f.Original + ">"
		for _, k := range []string{"a", "b", "confidence"} {
			if v, ok := f.Extra[k]; ok {
				line += " " + k + "=" + v
			}
		}
		all = append(all, line)
	}
	return all
}

func TestPatternMakesValuesOfMatches(t *testing.T) {
	tests := []struct {
		name string
		cfg  extract.PatternConfig
		text string
		want []string
	}{
		{"whole match", extract.PatternConfig{Regexp: `CASE-\d+`, Type: "String"}, "see CASE-12, CASE-7", []string{"CASE-12 <CASE-12>", "CASE-7 <CASE-7>"}},
		{"first group", extract.PatternConfig{Regexp: `CASE-(\d+)`, Type: "String"}, "see CASE-12", []string{"12 <12>"}},
		{"first group that matched", extract.PatternConfig{Regexp: `A(\d)|B(\d)`, Type: "String"}, "B2 A1", []string{"2 <2>", "1 <1>"}},
		{"template of one group", extract.PatternConfig{Regexp: `(CASE)-(\d+)`, Type: "String", Value: "$2"}, "CASE-12", []string{"12 <12>"}},
		{"template of several", extract.PatternConfig{Regexp: `(?P<kind>\w+)-(\d+)`, Type: "String", Value: "${kind}/$2$$"}, "CASE-12", []string{"CASE/12$ <CASE-12>"}},
		{"group that took no part", extract.PatternConfig{Regexp: `x(\d)?`, Type: "String", Value: "$1"}, "x x1", []string{"1 <1>"}},
		{"attributes", extract.PatternConfig{Regexp: `(\w+)-(\d+)`, Type: "String", Attributes: map[string]string{"a": "$1", "b": "fix"}, Confidence: 80}, "CASE-12", []string{"CASE <CASE> a=CASE b=fix confidence=80"}},
		{"strip and lower", extract.PatternConfig{Regexp: `[\w -]+`, Type: "String", Strip: " -", Transform: "lower"}, "Ab-C d", []string{"abcd <Ab-C d>"}},
		{"upper", extract.PatternConfig{Regexp: `\w+`, Type: "String", Transform: "upper"}, "ab", []string{"AB <ab>"}},
		{"over two lines", extract.PatternConfig{Regexp: `(?s)BEGIN.*?END`, Type: "String"}, "BEGIN a\r\n b END", []string{"BEGIN a b END <BEGIN a\r\n b END>"}},
		{"known type", extract.PatternConfig{Regexp: `c2=(\S+)`, Type: "fqdn"}, "c2=EVIL[.]example.com c2=nothing", []string{"evil.example.com <EVIL[.]example.com>"}},
		{"own type", extract.PatternConfig{Regexp: `k\d`, Type: "kit.v-2"}, "k1", []string{"k1 <k1>"}},
		{"validator", extract.PatternConfig{Regexp: `\d[\d ]{11,22}\d`, Type: "String", Strip: " ", Validator: "luhn"}, "4111 1111 1111 1111, 4111 1111 1111 1112", []string{"4111111111111111 <4111 1111 1111 1111>"}},
		{"nothing", extract.PatternConfig{Regexp: `z`, Type: "String"}, "abc", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, values(t, pattern(t, tt.cfg), tt.text)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPatternSaysWhereItsValuesStand(t *testing.T) {
	page := &engine.Page{Raw: "<b>CASE-9</b>", InnerText: "CASE-1 and CASE-2", Hidden: []engine.Span{{Start: 0, End: 3}, {Start: 10, End: 17}}}
	in := engine.Input{Parts: []engine.InputPart{
		{PartInfo: engine.PartInfo{ID: "header", Kind: "header"}, Text: "From: a\nX-Case: é CASE-3\n"},
		{PartInfo: engine.PartInfo{ID: "subject", Kind: "subject"}, Text: "CASE-4"},
		{PartInfo: engine.PartInfo{ID: "body.html", Kind: "html"}, Text: page.Raw, Page: page},
		{PartInfo: engine.PartInfo{ID: "2", Kind: "name"}, Text: "CASE-5.pdf"},
		{PartInfo: engine.PartInfo{ID: "2", Kind: "attachment"}, Text: "in it: CASE-6"},
	}}
	type row struct {
		Value, Part, Context, Header string
		Start                        int
	}
	found, err := pattern(t, extract.PatternConfig{Regexp: `CASE-\d`, Type: "String", From: extract.PatternKinds()}).Extract(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	var got []row
	for _, f := range found {
		got = append(got, row{f.Value, f.Spot.Part, f.Spot.Context.String(), f.Spot.Header, f.Spot.Span.Start})
	}
	want := []row{
		{"CASE-3", "header", "header", "X-Case", 19},
		{"CASE-4", "subject", "subject", "", 0},
		{"CASE-1", "body.html", "text", "", 0},
		{"CASE-2", "body.html", "hidden", "", 11},
		{"CASE-5", "2", "name", "", 0},
		{"CASE-6", "2", "attachment", "", 7},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPatternFlagsWhatItFinds(t *testing.T) {
	tests := []struct{ name, typ, validator, text, want string }{
		{"private address", "IP Address", "", "10.1.2.3", "private"},
		{"defanged host", "FQDN", "", "evil[.]example[.]com", "defanged reserved"},
		{"plain host", "FQDN", "", "evil.example.com", "reserved"},
		{"defanged scheme", "URL", "", "hxxp://evil.example.com/", "defanged reserved"},
		{"plain scheme", "URL", "", "HTTP://evil.example.com/", "reserved"},
		{"brackets in a text", "String", "", "a[.]b", ""},
		{"checksum", "String", "luhn", "18", "checked"},
		{"validator that verifies nothing", "String", "none", "18", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := pattern(t, extract.PatternConfig{Regexp: `\S+`, Type: tt.typ, Validator: tt.validator})
			found, err := p.Extract(t.Context(), textInput(tt.text))
			if err != nil || len(found) != 1 {
				t.Fatalf("%d findings, %v", len(found), err)
			}
			if got := strings.Join(found[0].Flags.Names(), " "); got != tt.want {
				t.Errorf("flags %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPatternWantsTheKindsItWasTold(t *testing.T) {
	p := pattern(t, extract.PatternConfig{Regexp: `x`, Type: "String", From: []string{"page", "name"}})
	var got []string
	for _, kind := range []string{"text", "html", "subject", "header", "name", "attachment", "raw"} {
		if p.Wants(engine.PartInfo{Kind: kind}) {
			got = append(got, kind)
		}
	}
	if diff := cmp.Diff([]string{"html", "name"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPatternPassesTheSuite(t *testing.T) {
	samples := []engine.Input{
		textInput("CASE-1 CASE-2"), textInput(""), textInput("CASE-\xff1 \x00"),
		{Parts: []engine.InputPart{{PartInfo: engine.PartInfo{ID: "body.html", Kind: "html"}, Page: &engine.Page{InnerText: "CASE-1"}}, {PartInfo: engine.PartInfo{ID: "x", Kind: "html"}, Text: "CASE-2"}}},
	}
	enginetest.TestExtractor(t, pattern(t, extract.PatternConfig{Regexp: `(?s)CASE-.?\d`, Type: "string", Confidence: 1}), samples)
}

func TestPatternStopsAtItsCaps(t *testing.T) {
	tests := []struct {
		name string
		cfg  extract.PatternConfig
		text string
		want int
		cut  bool
	}{
		{"as many as allowed", extract.PatternConfig{Regexp: `x`, Type: "String", Matches: 3}, "xxx", 3, false},
		{"one more", extract.PatternConfig{Regexp: `x`, Type: "String", Matches: 3}, "xxxx", 3, true},
		{"refused ones do not count", extract.PatternConfig{Regexp: `\d\d`, Type: "String", Matches: 1, Validator: "luhn"}, "11 12 13 18", 1, false},
		{"but they end", extract.PatternConfig{Regexp: `\d\d`, Type: "String", Matches: 1, Validator: "luhn"}, strings.Repeat("11 ", 20) + "18", 0, true},
		{"text", extract.PatternConfig{Regexp: `x`, Type: "String", MaxText: 2}, "xxx", 2, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found, err := pattern(t, tt.cfg).Extract(t.Context(), textInput(tt.text))
			if len(found) != tt.want || errors.Is(err, engine.ErrLimit) != tt.cut || err != nil && !tt.cut {
				t.Errorf("%d findings, error %v; want %d, cut short %v", len(found), err, tt.want, tt.cut)
			}
		})
	}
}

func TestPatternObeysTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pattern(t, extract.PatternConfig{Regexp: `x`, Type: "String"}).Extract(ctx, textInput("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestPatternRefusesWhatIsWrong(t *testing.T) {
	good := extract.PatternConfig{Name: "x", Regexp: `(a)(?P<n>b)`, Type: "String"}
	tests := []struct {
		name   string
		change func(*extract.PatternConfig)
		want   string
	}{
		{"no name", func(c *extract.PatternConfig) { c.Name = "" }, `name is empty`},
		{"no type", func(c *extract.PatternConfig) { c.Type = "" }, `type: "" is no indicator type`},
		{"type in capitals", func(c *extract.PatternConfig) { c.Type = "Kit" }, `type: "Kit" is no indicator type`},
		{"type too long", func(c *extract.PatternConfig) { c.Type = strings.Repeat("k", 33) }, `is no indicator type`},
		{"bad expression", func(c *extract.PatternConfig) { c.Regexp = "(" }, "regexp: error parsing regexp: missing closing )"},
		{"too large", func(c *extract.PatternConfig) { c.Regexp = `\w{1000}\w{1000}` }, "regexp: it has 2002 steps; 2000 are allowed"},
		{"empty match", func(c *extract.PatternConfig) { c.Regexp = "a*" }, "regexp: it matches the empty text"},
		{"group beyond the last", func(c *extract.PatternConfig) { c.Value = "$3" }, "value: there is no group 3: the expression has 2"},
		{"group before the first", func(c *extract.PatternConfig) { c.Value = "${-1}" }, "value: there is no group -1"},
		{"group of another name", func(c *extract.PatternConfig) { c.Value = "${m}" }, `value: there is no group "m"`},
		{"name that goes on", func(c *extract.PatternConfig) { c.Value = "$1st" }, `value: there is no group "1st"`},
		{"lonely dollar", func(c *extract.PatternConfig) { c.Value = "5 $" }, "value: a $ without the name of a group; write $$ for the sign"},
		{"open brace", func(c *extract.PatternConfig) { c.Value = "${1" }, "value: a $ without the name of a group"},
		{"attribute", func(c *extract.PatternConfig) { c.Attributes = map[string]string{"k": "$9"} }, "attribute k: there is no group 9"},
		{"validator", func(c *extract.PatternConfig) { c.Validator = "lun" }, `validator: there is no "lun"`},
		{"transform", func(c *extract.PatternConfig) { c.Transform = "title" }, `transform: there is no "title"`},
		{"kind of part", func(c *extract.PatternConfig) { c.From = []string{"html"} }, `from: there is no kind of part "html"`},
		{"confidence", func(c *extract.PatternConfig) { c.Confidence = 101 }, "confidence: 101 is not between 0 and 100"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := good
			tt.change(&cfg)
			if _, err := extract.NewPattern(cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestValidators(t *testing.T) {
	tests := []struct {
		validator  string
		good, near []string
	}{
		{"none", []string{"anything"}, nil},
		{"luhn", []string{"4111111111111111", "79927398713", "18"}, []string{"4111111111111112", "7992739871a", "0"}},
		{"mod97", []string{"5493001KJTIIGC8Y1R12", "5493001kjtiigc8y1r12"}, []string{"5493001KJTIIGC8Y1R13", "5493001KJTIIGC8Y1R1-", "1"}},
		{"iban", []string{"DE89370400440532013000", "GB82WEST12345698765432"}, []string{"DE88370400440532013000", "DE89 3704 0044 0532 0130 00", "GB82WEST1234", "8289370400440532013000"}},
		{"ean", []string{"4006381333931", "96385074", "036000291452", "10012345678902"}, []string{"4006381333932", "40063813339", "400638133393x"}},
		{"isin", []string{"US0378331005", "DE000BAY0017", "AU0000XVGZA3"}, []string{"US0378331006", "US037833100", "120378331005"}},
		{"uuid", []string{"f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}, []string{"f81d4fae-7dec-11d0-a765-00a0c91e6bfg", "f81d4fae7dec-11d0-a765-00a0c91e6bf6x", "f81d4fae"}},
		{"base58check", []string{"1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1"}, []string{"1BoatSLRHtKNngkdXEeobR76b53LETtpyU", "0OIl", strings.Repeat("z", 40)}},
		{"bech32", []string{"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "A12UEL5L", "a1lqfn3a"}, []string{"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "A12UEL5l", "1qqqqqq", "bc1bbbbbb", "b c1qqqqqqq"}},
		{"eip55", []string{"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"}, []string{"0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed00", "0x"}},
		{"monero", []string{"44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A"}, []string{"44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3B", "4"}},
	}
	var covered []string
	for _, tt := range tests {
		covered = append(covered, tt.validator)
		p := pattern(t, extract.PatternConfig{Regexp: `(?s).+`, Type: "String", Validator: tt.validator})
		for _, v := range tt.good {
			if got := values(t, p, v); len(got) != 1 {
				t.Errorf("%s refuses %q", tt.validator, v)
			}
		}
		for _, v := range tt.near {
			if got := values(t, p, v); len(got) != 0 {
				t.Errorf("%s takes %q", tt.validator, v)
			}
		}
	}
	slices.Sort(covered)
	if diff := cmp.Diff(extract.Validators(), covered); diff != "" {
		t.Errorf("validators and those of this table (-all +table):\n%s", diff)
	}
}

// FuzzPattern holds every finding of any expression and template in any text to
// its place, and values to one line of UTF-8.
func FuzzPattern(f *testing.F) {
	f.Add(`CASE-(\d+)`, "$1", "", "CASE-12 \xff CASE-3")
	f.Add(`(?s)a.*?b|(c)`, "x$0${1}$$", "luhn", "a\n\x00b c")
	f.Add(`\b(?P<n>\d{2})`, "${n}", "mod97", "é 11 22")
	f.Fuzz(func(t *testing.T, expression, value, validator, text string) {
		if len(expression) > 200 || len(text) > 4096 {
			return
		}
		p, err := extract.NewPattern(extract.PatternConfig{Name: "x", Regexp: expression, Value: value, Validator: validator, Type: "String"})
		if err != nil {
			return
		}
		found, err := p.Extract(t.Context(), textInput(text))
		if err != nil && !errors.Is(err, engine.ErrLimit) {
			t.Fatal(err)
		}
		for _, f := range found {
			s := f.Spot.Span
			if s.Start < 0 || s.End > len(text) || s.Start > s.End || strings.ToValidUTF8(text[s.Start:s.End], "\ufffd") != f.Original {
				t.Fatalf("span %+v of %q", s, f.Original)
			}
			if f.Value == "" || !utf8.ValidString(f.Value) || strings.ContainsAny(f.Value, "\n\r\x00") {
				t.Fatalf("value %q", f.Value)
			}
		}
	})
}
