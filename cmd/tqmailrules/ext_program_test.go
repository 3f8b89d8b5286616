package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// guide is the page on extractors.
const guide = "../../docs/reference/extractors.md"

// guideBlock is the block of the guide that is marked as part of its program.
func guideBlock(t *testing.T, language string) string {
	t.Helper()
	_, rest, found := strings.Cut(read(t, guide), "```"+language+" program\n")
	if !found {
		t.Fatalf("the guide has no program in %s", language)
	}
	block, _, _ := strings.Cut(rest, "```")
	return block
}

// programMail has what the guide's program looks for.
const programMail = "From: a@partner.example\nSubject: INV-4711\n\nPay INV-4711 and INV-4712.\n"

// fill writes files into a new folder.
func fill(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "invoices")
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestAProgramIsAnExtractor builds the program of the guide and takes it through the
// kit and a configuration.
func TestAProgramIsAnExtractor(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: compiles, and -short is set")
	}
	dir := fill(t, map[string]string{
		"go.mod":                  "module extractor.example/invoices\n\ngo 1.24\n",
		"main.go":                 guideBlock(t, "go"),
		"extractor.json":          guideBlock(t, "json"),
		"testdata/mails/a.eml":    programMail,
		"testdata/mails/none.eml": "Subject: nothing\n\nat all\n",
		"rules.yaml":              "version: 1\nrules: [ { id: a, when: 'true', then: [ { extract: { use: [invoices] } } ] } ]\n",
		"desk.yaml": `sources: [ { files: { path: testdata/mails } } ]
rules: [ rules.yaml ]
extractors: [ { name: invoices, wasm: invoices.wasm, sha256: any } ]
sinks: [ { jsonl: { path: out.jsonl } } ]
`,
	})
	module := filepath.Join(dir, "invoices.wasm")
	for _, step := range []struct {
		args []string
		code exit
		want string
	}{
		{[]string{"ext", "build", dir}, exitOK, "invoices.wasm  command  "},
		{[]string{"ext", "test", dir}, exitUnexpected, "3 found, 0 missing, 3 extra"},
		{[]string{"ext", "test", "--update", module}, exitOK, "2 mails: 2 as expected"},
		{[]string{"ext", "test", module}, exitOK, "2 mails: 2 as expected, 0 not; 3 found"},
		{[]string{"dry-run", "-c", filepath.Join(dir, "desk.yaml"), filepath.Join(dir, "testdata/mails/a.eml")}, exitOK, "INV-4712  (text; by invoices)"},
	} {
		if said, code := kitRun(step.args...); code != step.code || !strings.Contains(said, step.want) {
			t.Fatalf("%s: exit status %d, want %d and %q\n%s", step.args, code, step.code, step.want, said)
		}
	}
}

// plain are programs that report the number of their input's parts, which is
// enough to see that input and output arrive.
var plain = map[string]struct{ file, source, install string }{
	"clang": {"main.c", `#include <stdio.h>
#include <string.h>
int main(void) {
    static char input[1 << 20];
    int parts = 0;
    size_t n = fread(input, 1, sizeof input - 1, stdin);
    if (n == 0) return 1;
    for (char *at = input; (at = strstr(at, "\"kind\":")); at++) parts++;
    fprintf(stderr, "%zu bytes", n);
    printf("{\"indicators\":[{\"type\":\"string\",\"value\":\"%d parts\",\"part\":0}]}", parts);
}
`, "clang lld wasi-libc"},
	"rustc": {"main.rs", `use std::io::Read;
fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    eprint!("{} bytes", input.len());
    let parts = input.matches("\"kind\":").count();
    print!("{{\"indicators\":[{{\"type\":\"string\",\"value\":\"{} parts\",\"part\":0}}]}}", parts);
}
`, "rustc libstd-rust-dev-wasm32"},
}

// TestProgramsOfOtherLanguagesArePacked compiles with the lines of the guide.
func TestProgramsOfOtherLanguagesArePacked(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: compiles, and -short is set")
	}
	for line := range strings.Lines(guideBlock(t, "sh")) {
		args := strings.Fields(line)
		program, ok := plain[args[0]]
		if !ok {
			continue
		}
		t.Run(args[0], func(t *testing.T) {
			dir := fill(t, map[string]string{program.file: program.source, "extractor.json": guideBlock(t, "json"), "a.eml": programMail})
			compile(t, dir, args, program.install)
			packed := filepath.Join(dir, "invoices.wasm")
			if said, code := kitRun("ext", "pack", filepath.Join(dir, "plain.wasm"), filepath.Join(dir, "extractor.json"), "-o", packed); code != exitOK {
				t.Fatal(said)
			}
			said, code := kitRun("ext", "run", packed, filepath.Join(dir, "a.eml"))
			if code != exitOK || !strings.Contains(said, "string  2 parts") || !regexp.MustCompile(`log +info: \d+ bytes`).MatchString(said) {
				t.Errorf("exit status %d\n%s", code, said)
			}
		})
	}
}

// compile runs a line of the guide; a compiler that lacks the target is one that is
// not there.
func compile(t *testing.T, dir string, line []string, install string) {
	t.Helper()
	names := []string{line[0], "/usr/bin/" + line[0]}
	var said []byte
	for _, name := range names {
		cmd := exec.Command(name, line[1:]...)
		cmd.Dir = dir
		var err error
		if said, err = cmd.CombinedOutput(); err == nil {
			return
		}
	}
	if os.Getenv("TQ_REQUIRE_PEERS") != "" {
		t.Fatalf("%s: %s", strings.Join(line, " "), said)
	}
	t.Skipf("skipped: needs %s for WASI (apt-get install %s)", line[0], install)
}
