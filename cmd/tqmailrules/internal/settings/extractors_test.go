package settings_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
)

// minimal is a configuration of the parts that are needed.
const minimal = "sources: [ { files: { path: c } } ]\nrules: [ r.yaml ]\nsinks: [ { jsonl: { path: o } } ]\n"

var (
	someDigest = strings.Repeat("0A", 32)
	someKey    = base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
)

func TestExtractorsAreRead(t *testing.T) {
	got, diags := settings.Parse("conf/tq.yaml", []byte(minimal+`extractors:
  - name: wallets
    wasm: wasm/wallets.wasm
    sha256: `+someDigest+`
    default: true
    limits: { module: 2MiB, memory: 64MiB, stack: 1MiB, output: 1MiB, log: 64KiB, fuel: 500M, fuel_per_mib: 1G, deadline: 10s, deadline_per_mib: 500ms, findings: 10k }
    config: { coins: [btc, eth], deep: { min: 1_000, rate: 1.5, on: true, off: null, text: "7" } }
    breaker: 20
  - { name: kits, wasm: /opt/kits.wasm, key: `+someKey+` }
  - { name: mine, wasm: mine.wasm, sha256: any, key: `+someKey+`, signature: keys/mine.sig }
  - name: ticket
    regex: '(?P<kind>CASE)-(\d{6})'
    flags: is
    type: String
    value: '${kind}-$2'
    strip: ' -'
    transform: upper
    validator: luhn
    from: [text, page, subject, header, name, attachment]
    attributes: { Kind: ticket, Number: $2, Price: 5 $$ }
    confidence: 80
    matches: 100
    default: false
  - { name: own, regex: 'x+', type: kit.v-1_0, from: text }
cache: { dir: compiled }
`))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	key := []byte(strings.Repeat("k", 32))
	want := []settings.Extractor{
		{Name: "wallets", Kind: "wasm", Default: true, Module: settings.Module{
			Path: "conf/wasm/wallets.wasm", SHA256: strings.ToLower(someDigest), Breaker: 20,
			Limits: settings.ModuleLimits{
				Module: 2 << 20, Memory: 64 << 20, Stack: 1 << 20, Output: 1 << 20, Log: 64 << 10,
				Fuel: 500e6, FuelPerMiB: 1e9, Deadline: 10 * time.Second, DeadlinePerMiB: time.Second / 2, Findings: 10_000,
			},
			Config: json.RawMessage(`{"coins":["btc","eth"],"deep":{"min":1000,"off":null,"on":true,"rate":1.5,"text":"7"}}`),
		}},
		{Name: "kits", Kind: "wasm", Module: settings.Module{Path: "/opt/kits.wasm", Key: key, Signature: "/opt/kits.wasm.sig"}},
		{Name: "mine", Kind: "wasm", Module: settings.Module{Path: "conf/mine.wasm", SHA256: "any", Key: key, Signature: "conf/keys/mine.sig"}},
		{Name: "ticket", Kind: "regex", Pattern: settings.Pattern{
			Regexp: `(?is)(?P<kind>CASE)-(\d{6})`, Type: "String", Value: "${kind}-$2", Strip: " -", Transform: "upper", Validator: "luhn",
			From:       []string{"text", "page", "subject", "header", "name", "attachment"},
			Attributes: map[string]string{"Kind": "ticket", "Number": "$2", "Price": "5 $$"}, Confidence: 80, Matches: 100,
		}},
		{Name: "own", Kind: "regex", Pattern: settings.Pattern{Regexp: "x+", Type: "kit.v-1_0", From: []string{"text"}}},
	}
	if diff := cmp.Diff(want, got.Extractors, cmpopts.IgnoreUnexported(settings.Extractor{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Cache != (settings.Cache{Dir: "conf/compiled"}) {
		t.Errorf("cache %+v", got.Cache)
	}
}

func TestCacheCanBeSwitchedOff(t *testing.T) {
	cfg, diags := settings.Parse("c.yaml", []byte(minimal+"cache: none\n"))
	if len(diags) > 0 || cfg.Cache != (settings.Cache{Off: true}) {
		t.Errorf("%+v\n%s", cfg, diags)
	}
}

func TestMistakesOfExtractorsAreToldAtTheirPlace(t *testing.T) {
	one := func(entry string) string { return minimal + "extractors:\n  - " + entry + "\n" }
	module := func(rest string) string { return one("{ name: x, wasm: x.wasm, sha256: any, " + rest + " }") }
	pattern := func(rest string) string { return one("{ name: x, regex: 'a(b)(?P<n>c)', type: String, " + rest + " }") }
	tests := []struct{ name, in, want string }{
		{"no list", minimal + "extractors: wallets", "c.yaml:4:13: extractors is a value"},
		{"neither kind", one("{ name: x }"), "c.yaml:5:5: an extractor without wasm or regex\n"},
		{"both kinds", one("{ name: x, wasm: x.wasm, regex: a }"), "c.yaml:5:37: an extractor has either wasm or regex"},
		{"neither kind, other keys", one("{ x: a }"), "expected: attributes, breaker, confidence, config, default, flags, from, key, limits, matches, name, regex, sha256,"},
		{"misspelt kind", one("{ name: x, wsam: x.wasm }"), "did you mean wasm?"},
		{"key of the other kind", module("validator: luhn"), "c.yaml:5:43: unknown key validator in an extractor"},
		{"no name", one("{ wasm: x.wasm, sha256: any }"), "c.yaml:5:5: an extractor without name"},
		{"name in capitals", one("{ name: Wallets, wasm: x.wasm, sha256: any }"), `c.yaml:5:13: name "Wallets"`},
		{"name too long", one("{ name: a" + strings.Repeat("b", 40) + ", wasm: x.wasm, sha256: any }"), "40 at most"},
		{"name that is taken", one("{ name: builtin, wasm: x.wasm, sha256: any }"), "c.yaml:5:13: builtin is the name of a built-in extractor"},
		{"name of the engine", one("{ name: message, wasm: x.wasm, sha256: any }"), "c.yaml:5:13: message is the name of a built-in extractor"},
		{"two of a name", one("{ name: x, wasm: x.wasm, sha256: any }\n  - { name: x, regex: a, type: String }"), "c.yaml:6:13: two extractors are named x"},
		{"default that is no truth value", module("default: maybe"), `default is "maybe"`},
		{"not pinned", one("{ name: x, wasm: m/x.wasm }"), "c.yaml:5:5: module m/x.wasm is neither pinned nor signed"},
		{"how to pin", one("{ name: x, wasm: m/x.wasm }"), "hint: tqmailrules ext inspect m/x.wasm prints its digest; sha256: any takes every module, for development"},
		{"short digest", one("{ name: x, wasm: x.wasm, sha256: abc }"), `c.yaml:5:38: sha256 "abc" is no digest`},
		{"digest of other letters", one("{ name: x, wasm: x.wasm, sha256: " + strings.Repeat("g", 64) + " }"), "64 hexadecimal digits, or any"},
		{"short key", one("{ name: x, wasm: x.wasm, key: AAAA }"), "c.yaml:5:35: key is no Ed25519 public key"},
		{"key of no base64", one("{ name: x, wasm: x.wasm, key: '???' }"), "key is no Ed25519 public key"},
		{"signature of nobody", module("signature: x.sig"), "a signature without key"},
		{"empty path", one("{ name: x, wasm: '', sha256: any }"), "wasm is empty"},
		{"unknown limit", module("limits: { memroy: 1MiB }"), "did you mean memory?"},
		{"size of a limit", module("limits: { memory: big }"), `limits.memory: "big" is no size`},
		{"count of a limit", module("limits: { fuel: 5 billion }"), `limits.fuel: "5 billion" is no number`},
		{"count of nothing", module("limits: { findings: 0 }"), `limits.findings: "0" is no number`},
		{"count beyond numbers", module("limits: { fuel: 99999999999G }"), "is no number"},
		{"duration of a limit", module("limits: { deadline: soon }"), `limits.deadline is "soon"`},
		{"no time at all", module("limits: { deadline: 0s }"), "limits.deadline is nothing"},
		{"breaker", module("breaker: 0"), "a whole number from 1"},
		{"config that is no mapping", module("config: [a]"), "c.yaml:5:51: config is a list"},
		{"config beyond JSON", module("config: { a: .inf }"), "c.yaml:5:56: .inf is no number of JSON"},
		{"no type", one("{ name: x, regex: a }"), "c.yaml:5:5: a pattern without type"},
		{"unknown type", one("{ name: x, regex: a, type: Strin }"), "did you mean String?"},
		{"bad expression", one("{ name: x, regex: 'ab(c', type: String }"), "c.yaml:5:24: regex: missing closing ): ab(c"},
		{"look-ahead", one("{ name: x, regex: 'ab(?=c)', type: String }"), "c.yaml:5:26: regex: invalid or unsupported Perl syntax: (?="},
		{"what RE2 lacks", one("{ name: x, regex: 'ab(?=c)', type: String }"), "no look-around and no back-references"},
		{"look-behind", one("{ name: x, regex: 'a(?<=b)c', type: String }"), "no look-around and no back-references"},
		{"too many repetitions", one("{ name: x, regex: '(?:a{100}){100}', type: String }"), "at most 1,000 times"},
		{"backspaces of double quotes", one(`{ name: x, regex: "\bAB\b", type: String }`), `c.yaml:5:23: regex holds the control character '\b'`},
		{"line end of a block", minimal + "extractors:\n  - name: x\n    type: String\n    regex: |\n      ab\n", `regex holds the control character '\n'`},
		{"expression of nothing", one("{ name: x, regex: 'a*', type: String }"), "c.yaml:5:23: regex matches the empty text"},
		{"unknown flag", pattern("flags: ig"), `flags "ig"`},
		{"group beyond the last", pattern("value: 'v$3'"), "c.yaml:5:62: value: there is no group 3: the regex has 2"},
		{"group of no name", pattern("value: '${m}'"), `value: there is no group "m"`},
		{"nearest group", pattern("attributes: { K: '$nn' }"), "did you mean n?"},
		{"name that goes on", pattern("value: '$1st'"), `there is no group "1st"`},
		{"lonely dollar", pattern("value: '5 $'"), "value: a $ without the name of a group; write $$ for the sign"},
		{"group of an attribute", pattern("attributes: { K: '$1', L: '$9' }"), "attributes.L: there is no group 9"},
		{"attributes that are none", pattern("attributes: [a]"), "attributes is a list"},
		{"unknown validator", pattern("validator: lun"), "did you mean luhn?"},
		{"unknown transform", pattern("transform: title"), "lower or upper"},
		{"unknown kind", pattern("from: [body]"), "text, page, subject, header, name or attachment"},
		{"source of HTML", pattern("from: [text, html]"), "hint: page is the text of an HTML body"},
		{"attachments as they are", pattern("from: raw"), "patterns do not read raw, modules do"},
		{"from nothing", pattern("from: []"), "from is empty"},
		{"confidence", pattern("confidence: 101"), "a whole number from 1 to 100"},
		{"no confidence at all", pattern("confidence: 0"), "a whole number from 1 to 100"},
		{"matches", pattern("matches: 0"), "matches is"},
		{"cache of another word", minimal + "cache: off", `c.yaml:4:8: unknown cache "off"`},
		{"cache without a folder", minimal + "cache: {}", "cache without dir"},
		{"cache of another key", minimal + "cache: { path: x }", "unknown key path in cache"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, diags := settings.Parse("c.yaml", []byte(tt.in))
			if cfg != nil || !strings.Contains(diags.String(), tt.want) {
				t.Errorf("got %v:\n%s\nwant a diagnostic with %q", cfg, diags, tt.want)
			}
		})
	}
}

func TestTroubleWithAModuleIsToldAtItsPlace(t *testing.T) {
	cfg, diags := settings.Parse("c.yaml", []byte(minimal+`extractors:
  - name: x
    wasm: x.wasm
    sha256: any
    config:
      coins: [btc, doug]
      digits: { min: 3 }
`))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	for path, want := range map[string]string{
		"wasm":              "c.yaml:6:11",
		"limits":            "c.yaml:5:5", // the entry, which has none
		"config.coins[1]":   "c.yaml:9:20",
		"config.coins[7]":   "c.yaml:9:14",
		"config.digits.min": "c.yaml:10:22",
		"config.digits.max": "c.yaml:10:15",
	} {
		if got := cfg.Extractors[0].Errorf(path, "wrong").Pos.String(); got != want {
			t.Errorf("%s is at %s, want %s", path, got, want)
		}
	}
}
