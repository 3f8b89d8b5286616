package settings_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/engine"
)

const full = `instance: phish
mailbox: { name: Phishing, own_domains: [corp.example], auth_servers: [mx.corp.example] }
sources:
  - files: { path: corpus }
  - files: { name: second, paths: [a.eml, /b.mbox] }
rules: [ rules/*.yaml ]
secrets:
  from_env: { env: PW }
  from_file: { file: secrets/pw }
sinks:
  - sqlite: { path: results.db }
  - jsonl: { name: lines, path: out.jsonl }
store: { path: state.db, key: { file: secrets/store } }
files: { dir: files }
limits: { message: 64MiB, workers: 2, depth: 10 }
log: { to: stdout, verbosity: 3 }
`

func TestConfigurationIsRead(t *testing.T) {
	got, diags := settings.Parse("conf/tq.yaml", []byte(full))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	want := &settings.Config{
		Instance: "phish",
		Mailbox:  settings.Mailbox{Name: "Phishing", OwnDomains: []string{"corp.example"}, AuthServers: []string{"mx.corp.example"}},
		Sources: []settings.Source{
			{Name: "files", Kind: "files", Paths: []string{"conf/corpus"}},
			{Name: "second", Kind: "files", Paths: []string{"conf/a.eml", "/b.mbox"}},
		},
		Rules:   []string{"conf/rules/*.yaml"},
		Secrets: map[string]settings.Secret{"from_env": {Env: "PW"}, "from_file": {File: "conf/secrets/pw"}},
		Sinks:   []settings.Sink{{Name: "sqlite", Kind: "sqlite", Path: "conf/results.db"}, {Name: "lines", Kind: "jsonl", Path: "conf/out.jsonl"}},
		Store:   settings.Store{Path: "conf/state.db", Key: settings.Secret{File: "conf/secrets/store"}},
		Files:   settings.Files{Dir: "conf/files"},
		Watch:   settings.Watch{Poll: time.Minute, Idle: true},
		Limits:  engine.Limits{Message: 64 << 20, Depth: 10},
		Workers: 2,
		Log:     settings.Log{To: "stdout", Verbosity: 3},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(settings.Extractor{})); diff != "" {
		t.Error(diff)
	}
}

func TestEveryMistakeIsToldAtItsPlace(t *testing.T) {
	base := func(extra string) string {
		return "sources: [ { files: { path: c } } ]\nrules: [ r.yaml ]\nsinks: [ { jsonl: { path: o } } ]\n" + extra
	}
	tests := []struct{ name, in, want string }{
		{"misspelt key", base("instnace: x"), "c.yaml:4:1: unknown key instnace"},
		{"misspelt key hint", base("instnace: x"), "did you mean instance?"},
		{"missing parts", "instance: x", "sources"},
		{"no sinks", "sources: [ { files: { path: c } } ]\nrules: r.yaml\nsinks: []", "c.yaml:3:8: sinks is empty"},
		{"nothing behind sources", "sources:\nrules: r.yaml\nsinks: [ { jsonl: { path: o } } ]", "sources is empty"},
		{"secret in the file", base("secrets: { pw: hunter2 }"), "secrets.pw is written into the configuration"},
		{"secret of no kind", base("secrets: { pw: {} }"), "needs either env or file"},
		{"size without unit name", base("limits: { message: 5 parsecs }"), `"5 parsecs" is no size`},
		{"overflowing size", base("limits: { message: 99999999999TiB }"), "is no size"},
		{"verbosity", base("log: { verbosity: 9 }"), "log.verbosity"},
		{"unknown source", "sources: [ { pop3: { host: x } } ]\nrules: [ r.yaml ]\nsinks: [ { jsonl: { path: o } } ]", "unknown key pop3 in a source"},
		{"store without a path", base("store: { key: { env: K } }"), "path"},
		{"key in the file", base("store: { path: state.db, key: hunter2 }"), "store.key is written into the configuration"},
		{"key of two kinds", base("store: { path: state.db, key: { env: K, file: k } }"), "needs either env or file"},
		{"misspelt key of the store", base("store: { pth: state.db }"), "did you mean path?"},
		{"unknown sink", "sources: []\nrules: []\nsinks: [ { sqlit: { path: x } } ]", "did you mean sqlite?"},
		{"two sinks of a name", "sources: []\nrules: []\nsinks: [ { jsonl: { path: x } }, { jsonl: { path: y } } ]", "two sinks are named jsonl"},
		{"empty file", "", "c.yaml:1"},
		{"garbage", "\x00\x01\x02", "c.yaml:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, diags := settings.Parse("c.yaml", []byte(tt.in))
			if cfg != nil || !strings.Contains(diags.String(), tt.want) {
				t.Errorf("got %v:\n%s\nwant a diagnostic with %q", cfg, diags, tt.want)
			}
			if strings.Contains(diags.String(), "hunter2") {
				t.Error("the diagnostic shows the secret")
			}
		})
	}
}

// FuzzParse wants a configuration or errors, never both and never neither, and
// never the value of a secret in what is said.
func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("secrets: { a: hunter2 }"))
	f.Add([]byte(minimal + "extractors: [ { name: a, regex: 'a(b', value: $1, type: x }, { name: b, wasm: w, sha256: any, limits: { fuel: 5M }, config: { a: [1, .inf] } } ]"))
	f.Add([]byte("sources: [ { files: { path: [a, {}] } } ]\nlimits: { message: -1MiB }"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, diags := settings.Parse("c.yaml", data)
		if (cfg == nil) != (len(diags.Errors()) > 0) {
			t.Errorf("configuration %v and %d errors", cfg, len(diags.Errors()))
		}
	})
}
