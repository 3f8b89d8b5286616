package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/extkit"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/engine/extract"
	"github.com/tqmailrules/tqmailrules/engine/unpack"
	"github.com/tqmailrules/tqmailrules/engine/wasm"
	"github.com/tqmailrules/tqmailrules/rules/ruletest"
)

// workplace is a folder with the examples, a configuration and mails, as the
// README assumes them; the test runs in it.
func workplace(t *testing.T) (root string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range []struct{ from, to string }{
		{"examples", "examples"}, {"examples/rules/desk", "rules"}, {"examples/rules/lists", "lists"}, {"examples/rules/corpus", "mails"},
	} {
		if err := os.CopyFS(filepath.Join(dir, f.to), os.DirFS(filepath.Join(root, f.from))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(root, "wasm-extractors"), filepath.Join(dir, "wasm-extractors")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "rules", "desk.test.yaml")); err != nil {
		t.Fatal(err)
	}
	readme := read(t, filepath.Join(root, "README.md"))
	_, config, _ := strings.Cut(readme, "```yaml\n# phish.yaml\n")
	config, _, _ = strings.Cut(config, "```")
	if err := os.WriteFile(filepath.Join(dir, "phish.yaml"), []byte(served(t, config, filepath.Join(dir, "mails"))), 0o600); err != nil {
		t.Fatal(err)
	}
	_, rules, _ := strings.Cut(readme, "```yaml\nversion: 1\n")
	rules, _, _ = strings.Cut(rules, "```")
	if err := os.WriteFile(filepath.Join(dir, "readme-rules.yaml"), []byte("version: 1\n"+rules), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	return root
}

// served puts servers of this process in the place of those of a configuration.
func served(t *testing.T, config, mails string) string {
	t.Helper()
	ends, err := (&app{now: time.Now}).demoEnds(t.Context(), mails)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ends.close)
	t.Setenv("IMAP_PASSWORD", demoPassword)
	t.Setenv("TQ_PASSWORD", demoPassword)
	for from, to := range map[string]string{
		"host: mail.corp.example, user: phish@corp.example":               "host: \"" + ends.imap + "\", security: plain, user: phish@nordhafen.example",
		"host: tq.corp.example, client_id: CLIENT, user: tq@corp.example": "host: \"" + ends.threatq + "\", client_id: any, user: analyst@nordhafen.example",
	} {
		if !strings.Contains(config, from) {
			t.Fatalf("the configuration of the README does not hold %q:\n%s", from, config)
		}
		config = strings.Replace(config, from, to, 1)
	}
	return config
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// runLine runs one command line of the documentation.
func runLine(t *testing.T, line string) (string, exit) {
	t.Helper()
	var args []string
	for _, a := range regexp.MustCompile(`'[^']*'|\S+`).FindAllString(line, -1) {
		args = append(args, strings.Trim(a, "'"))
	}
	var out, talk bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &out, err: &talk, env: os.LookupEnv, now: time.Now}
	code := a.main(context.Background(), args[1:])
	return out.String() + talk.String(), code
}

// TestEveryCommandOfTheReadmeRuns runs the lines of the sh blocks.
func TestEveryCommandOfTheReadmeRuns(t *testing.T) {
	root := workplace(t)
	readme := read(t, filepath.Join(root, "README.md"))
	ran := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(readme, -1) {
		for line := range strings.Lines(block[1]) {
			line, comment, _ := strings.Cut(strings.TrimSpace(line), " #")
			if strings.HasPrefix(line, "make ") {
				continue // this test is part of them
			}
			ran++
			red := strings.Contains(comment, "one is red")
			if out, code := runLine(t, line); (code != exitOK && code != exitQuarantined) != red {
				t.Errorf("%s: exit status %d\n%s", line, code, out)
			}
		}
	}
	if ran < 8 {
		t.Errorf("%d commands, want those of the README", ran)
	}
	if out, code := runLine(t, "tqmailrules check readme-rules.yaml"); code != exitOK {
		t.Errorf("the rules of the README: %s", out)
	}
}

// TestTranscriptOfTheReadmeIsReal compares the first transcript line by line.
func TestTranscriptOfTheReadmeIsReal(t *testing.T) {
	root := workplace(t)
	_, rest, _ := strings.Cut(read(t, filepath.Join(root, "README.md")), "\n$ ")
	line, rest, _ := strings.Cut(rest, "\n")
	want, _, _ := strings.Cut(rest, "\n\n")
	got, _ := runLine(t, line)
	got, _, _ = strings.Cut(got, "\n\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-README +real):\n%s", line, diff)
	}
}

// TestQueriesOfTheDatabasePageFindSomething asks the results of the demo.
func TestQueriesOfTheDatabasePageFindSomething(t *testing.T) {
	root := workplace(t)
	if out, code := runLine(t, "tqmailrules demo --dir d"); code != exitOK {
		t.Fatalf("exit status %d\n%s", code, out)
	}
	queries := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(read(t, filepath.Join(root, "docs", "reference", "sqlite.md")), -1)
	for _, q := range queries {
		if _, rows, err := ask(context.Background(), filepath.Join("d", "results.db"), q[1]); err != nil || len(rows) == 0 {
			t.Errorf("%d rows, %v:\n%s", len(rows), err, q[1])
		}
	}
	if len(queries) < 9 {
		t.Errorf("%d queries, want those of the page", len(queries))
	}
}

// TestEveryCommandOfTheFeaturesRuns runs what docs/features.md names, go test
// lines included.
func TestEveryCommandOfTheFeaturesRuns(t *testing.T) {
	root := workplace(t)
	done := map[string]bool{}
	for _, found := range regexp.MustCompile("`((?:tqmailrules|go test) [^`]*)`").FindAllStringSubmatch(read(t, filepath.Join(root, "docs", "features.md")), -1) {
		line := strings.ReplaceAll(found[1], "$X", "examples/rules")
		if done[line] {
			continue
		}
		done[line] = true
		if strings.HasPrefix(line, "go test") {
			goTest(t, root, line)
			continue
		}
		if out, code := runLine(t, line); code != exitOK && code != exitQuarantined {
			t.Errorf("%s: exit status %d\n%s", line, code, out)
		}
	}
	if len(done) < 15 {
		t.Errorf("%d commands, want those of the table", len(done))
	}
}

func goTest(t *testing.T, root, line string) {
	t.Helper()
	if strings.HasSuffix(line, " ./cmd/tqmailrules") {
		isOwnTest(t, filepath.Join(root, "cmd", "tqmailrules"), line) // this very run does it
		return
	}
	if testing.Short() {
		return
	}
	cmd := exec.Command("go", strings.Fields(line)[1:]...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", line, err, out)
	}
}

// isOwnTest wants a test of this package that the -run of a line fits.
func isOwnTest(t *testing.T, dir, line string) {
	t.Helper()
	fields := strings.Fields(line)
	name, script, _ := strings.Cut(fields[slices.Index(fields, "-run")+1], "/")
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	if script != "" {
		read(t, filepath.Join(dir, "testdata", "script", script+".txtar"))
	}
	for _, f := range files {
		if regexp.MustCompile(`(?m)^func Test\w*` + strings.TrimPrefix(name, "Test")).MatchString(read(t, f)) {
			return
		}
	}
	t.Errorf("%s: there is no such test", line)
}

// TestEveryFeatureHasARow wants each number of the requirements once.
func TestEveryFeatureHasARow(t *testing.T) {
	table := read(t, "../../docs/features.md")
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^\| ([AB]\d+) \|`).FindAllStringSubmatch(table, -1) {
		got = append(got, m[1])
	}
	if len(got) != 38 || len(slices.Compact(slices.Sorted(slices.Values(got)))) != 38 {
		t.Errorf("%d rows: %v, want A1 to A22 and B1 to B16, each once", len(got), got)
	}
}

// TestEveryExampleHasATest wants each rule file under examples to be covered by
// a test file, and all of them to pass.
func TestEveryExampleHasATest(t *testing.T) {
	workplace(t)
	out, code := runLine(t, "tqmailrules test --min-cover 100 examples/rules")
	if code != exitOK {
		t.Errorf("exit status %d\n%s", code, out)
	}
	found, err := ruleFiles([]string{"examples/rules/desk", "examples/rules/vendor"})
	if err != nil {
		t.Fatal(err)
	}
	tests, err := testFiles([]string{"examples/rules"})
	if err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, p := range tests {
		all += p + read(t, p)
	}
	for _, f := range found {
		stem := strings.TrimSuffix(filepath.Base(f), ".yaml")
		if !strings.Contains(all, stem+".yaml") && !strings.Contains(all, stem+testSuffix) {
			t.Errorf("%s is under no test", f)
		}
	}
}

// TestReferencePagesNameEveryKey holds the hand-written pages to the readers:
// the keys that a misspelling is compared with.
func TestReferencePagesNameEveryKey(t *testing.T) {
	tests := []struct {
		page string
		keys []string
	}{
		{"configuration.md", strings.Fields("instance mailbox sources rules extractors cache secrets sinks store files limits log name own_domains auth_servers path paths dir message header memory text depth nesting parts links findings items unpacked members password_work keys smime openpgp certificate ring passphrase fuel attempts workers to verbosity env file wasm sha256 key signature config breaker default stack output module deadline fuel_per_mib deadline_per_mib regex flags type value strip transform validator from attributes confidence matches imap threatq stix watch poll idle listen flood mails per keep history quota retention auth folder folders host intake keyword oauth password proxy security since timeout tls user alone bulk client_id client_secret normalize retracted source status status_policy tlp types upload token_url refresh_token scopes url ca_file certificate server_name insecure")},
		{"attachments.md", unpack.Kinds()},
		{"tests.md", strings.Fields("rules mailbox cases name messages clock golden mail raw folder at expect disposition ships matches not_matches exactly errors tags score actions defects dropped trimmed event events files file opened locked found_at tags type title attributes indicators not_indicators only_indicators related sinks")},
	}
	for _, tt := range tests {
		page := read(t, filepath.Join("..", "..", "docs", "reference", tt.page))
		for _, k := range tt.keys {
			if !regexp.MustCompile(`\b` + k + `\b`).MatchString(page) {
				t.Errorf("%s does not name %s", tt.page, k)
			}
		}
	}
}

// TestSettingsKnowWhatPatternsCanDo holds the words that the configuration takes,
// and its page, to those that the extractor takes.
func TestSettingsKnowWhatPatternsCanDo(t *testing.T) {
	page := read(t, "../../docs/reference/configuration.md")
	for _, words := range [][2][]string{
		{settings.Validators, extract.Validators()},
		{settings.Transforms, extract.Transforms()},
		{settings.PatternKinds, extract.PatternKinds()},
	} {
		if diff := cmp.Diff(words[0], words[1]); diff != "" {
			t.Errorf("(-settings +extractor):\n%s", diff)
		}
		for _, w := range words[0] {
			if !strings.Contains(page, "`"+w+"`") {
				t.Errorf("configuration.md does not name %s", w)
			}
		}
	}
}

// TestExtractorsPageIsTrue holds the page to the commands, their flags, and the
// keys of what they write.
func TestExtractorsPageIsTrue(t *testing.T) {
	page := read(t, "../../docs/reference/extractors.md")
	want := []string{}
	for _, c := range commands() {
		if strings.HasPrefix(c.name, "ext ") {
			want = append(append(want, "| `"+c.name+" "), flagsOf(c)...)
		}
	}
	for _, v := range []any{kitResult{}, kitMail{}, inspected{}, extkit.Finding{}, wasm.Note{}} {
		for _, k := range jsonKeys(reflect.TypeOf(v)) {
			want = append(want, "`"+k+"`")
		}
	}
	for _, lang := range extkit.Languages() {
		want = append(want, "| `"+lang+"` |")
	}
	for _, text := range want {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not name %s", text)
		}
	}
	_, golden, _ := strings.Cut(page, "```json golden\n")
	golden, _, _ = strings.Cut(golden, "```")
	path := filepath.Join(t.TempDir(), "x.json")
	if err := os.WriteFile(path, []byte(golden), 0o600); err != nil {
		t.Fatal(err)
	}
	if found, _, err := extkit.ReadGolden(path); err != nil || len(found) != 1 {
		t.Errorf("the golden file of the page: %v, %v", found, err)
	}
}

// jsonKeys are the keys of a struct, those of an embedded one included.
func jsonKeys(typ reflect.Type) (keys []string) {
	for f := range typ.Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous {
			keys = append(keys, jsonKeys(f.Type)...)
		} else if key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// TestExamplesOfReferencePagesAreRead reads the YAML of the pages.
func TestExamplesOfReferencePagesAreRead(t *testing.T) {
	example := func(page string) []byte {
		_, text, _ := strings.Cut(read(t, filepath.Join("..", "..", "docs", "reference", page)), "```yaml\n")
		text, _, _ = strings.Cut(text, "```")
		return []byte(text)
	}
	if _, diags := settings.Parse("c.yaml", example("configuration.md")); len(diags) > 0 {
		t.Error(diags)
	}
	if _, diags := ruletest.Load("x.test.yaml", example("tests.md")); len(diags) > 0 {
		t.Error(diags)
	}
}
