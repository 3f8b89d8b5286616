package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fenced is a block of code of a page, and steps are the indented lines elsewhere:
// what the kit runs.
var (
	fenced = regexp.MustCompile("(?s)```\\w+\n(.*?)```")
	steps  = regexp.MustCompile(`(?m)^ {4}(\S.*)$`)
)

const libraryDescription = `{"name": "kits", "version": "1.0.0", "abi": "tqx1", "types": ["string"], "wants": [{"kind": "text"}],
 "config": {"type": "object", "properties": {"word": {"type": "string"}}}}`

// TestPagesOfLibrariesAreTrue builds the extractor on each page, runs it, and wants
// the commands on the page to give the module that the kit builds.
func TestPagesOfLibrariesAreTrue(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: compiles in every language, and -short is set")
	}
	root, err := filepath.Abs("../../wasm-extractors")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", strings.Join([]string{filepath.Join(root, "node_modules", ".bin"), "/usr/bin", os.Getenv("PATH")}, string(os.PathListSeparator)))
	for lang, source := range map[string]string{"go": "extractor.go", "rust": "src/lib.rs", "assemblyscript": "assembly/index.ts", "c": "extractor.c"} {
		t.Run(lang, func(t *testing.T) {
			page := read(t, filepath.Join(root, "sdk", lang, "README.md"))
			dir := libraryProject(t, lang, source, fenced.FindStringSubmatch(page)[1])
			said, code := kitRun("ext", "build", dir)
			needCompiler(t, said)
			if code != exitOK {
				t.Fatal(said)
			}
			built := filepath.Join(dir, "kits.wasm")
			said, code = kitRun("ext", "run", "--config", `{"word": "MARK"}`, built, filepath.Join(dir, "mail.eml"))
			if want := "  string  MARK  body.text, text, confidence=70\n"; code != exitOK || !strings.Contains(said, want) {
				t.Errorf("exit status %d, want %q\n%s", code, want, said)
			}
			before := read(t, built)
			byHand(t, dir, page)
			if read(t, built) != before {
				t.Error("the commands of the page give another module than ext build")
			}
		})
	}
}

// libraryProject is a new project with another source in place of its own.
func libraryProject(t *testing.T, lang, file, source string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "kits")
	if said, code := kitRun("ext", "new", "kits", "--lang", lang, "--dir", filepath.Dir(dir)); code != exitOK {
		t.Fatal(said)
	}
	source = strings.Replace(source, `tqx "github.com/tqmailrules/tqmailrules/wasm-extractors/sdk/go"`, `"extractor.example/kits/tqx"`, 1)
	for name, text := range map[string]string{file: source, "extractor.json": libraryDescription, "mail.eml": "Subject: x\n\nthe MARK is here\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// byHand runs the commands of a page and packs the result.
func byHand(t *testing.T, dir, page string) {
	t.Helper()
	var lines []string
	for _, m := range steps.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		lines = append(lines, strings.NewReplacer("NAME", "kits", "DIR", ".", "FILE", "extractor").Replace(m[1]))
	}
	sh := exec.Command("sh", "-ec", strings.Join(lines, "\n"))
	sh.Dir = dir
	if said, err := sh.CombinedOutput(); err != nil || len(lines) == 0 {
		t.Fatalf("%d lines: %v\n%s", len(lines), err, said)
	}
	module := filepath.Join(dir, "kits.wasm")
	if said, code := kitRun("ext", "pack", module, filepath.Join(dir, "extractor.json"), "-o", module); code != exitOK {
		t.Fatal(said)
	}
}

// TestCommandsOfTheModulesPageRun runs the lines of its sh block.
func TestCommandsOfTheModulesPageRun(t *testing.T) {
	root := workplace(t)
	page := read(t, filepath.Join(root, "wasm-extractors", "README.md"))
	block := regexp.MustCompile("(?s)```sh\n(.*?)```").FindStringSubmatch(page)
	if block == nil {
		t.Fatal("no commands")
	}
	for line := range strings.Lines(block[1]) {
		if out, code := runLine(t, strings.TrimSpace(line)); code != exitOK && code != exitQuarantined {
			t.Errorf("%s: exit status %d\n%s", line, code, out)
		}
	}
}
