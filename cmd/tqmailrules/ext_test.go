package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/extkit"
)

// kitRun runs one command line and returns what it wrote. It is a process of its own:
// the memory in which modules are compiled would be held against later tests, whose
// processes inherit the peak of this one.
func kitRun(args ...string) (string, exit) {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	said, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		return err.Error(), exitEnvironment
	}
	return string(said), exit(cmd.ProcessState.ExitCode())
}

// needCompiler skips a test whose compiler is not installed, with what the kit
// says about it; it fails where every peer is required.
func needCompiler(t *testing.T, said string) {
	t.Helper()
	if !strings.Contains(said, "is not installed") {
		return
	}
	if os.Getenv("TQ_REQUIRE_PEERS") != "" {
		t.Fatal(said)
	}
	t.Skip("skipped: " + said)
}

// TestEveryLanguageGoesFromRedToGreen makes a project in each language, sees one
// expectation missed, changes the line that its comment names, and sees none.
func TestEveryLanguageGoesFromRedToGreen(t *testing.T) {
	modules, err := filepath.Abs("../../wasm-extractors/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ lang, file, red, green string }{
		{"go", "extractor.go", "minDigits = 6", "minDigits = 5"},
		{"rust", "src/lib.rs", "MIN_DIGITS: usize = 6", "MIN_DIGITS: usize = 5"},
		{"assemblyscript", "assembly/index.ts", "MIN_DIGITS: i32 = 6", "MIN_DIGITS: i32 = 5"},
		{"c", "extractor.c", "MIN_DIGITS = 6", "MIN_DIGITS = 5"},
		{"wat", "extractor.wat", "$min_digits i32 (i32.const 6)", "$min_digits i32 (i32.const 5)"},
	}
	var languages []string
	for _, tt := range tests {
		languages = append(languages, tt.lang)
		t.Run(tt.lang, func(t *testing.T) {
			if testing.Short() && (tt.lang == "rust" || tt.lang == "assemblyscript") {
				t.Skip("skipped: takes its compiler seconds, and -short is set")
			}
			dir := filepath.Join(t.TempDir(), "kits")
			if said, code := kitRun("ext", "new", "kits", "--lang", tt.lang, "--dir", filepath.Dir(dir)); code != exitOK {
				t.Fatalf("ext new: %s", said)
			}
			if tt.lang == "assemblyscript" {
				os.Symlink(modules, filepath.Join(dir, "node_modules")) // may lead nowhere: then PATH is asked
			}
			said, code := kitRun("ext", "test", dir)
			needCompiler(t, said)
			if code != exitUnexpected || !strings.Contains(said, "20 mails: 19 as expected, 1 not; 14 found, 1 missing, 0 extra") {
				t.Fatalf("before: exit status %d\n%s", code, said)
			}
			edit(t, filepath.Join(dir, tt.file), tt.red, tt.green)
			if said, code = kitRun("ext", "test", dir); code != exitOK || !strings.Contains(said, "20 as expected, 0 not; 15 found") {
				t.Errorf("after: exit status %d\n%s", code, said)
			}
		})
	}
	if diff := cmp.Diff(extkit.Languages(), languages); diff != "" {
		t.Errorf("languages without a row (-all +rows):\n%s", diff)
	}
}

// edit changes a text in a file.
func edit(t *testing.T, path, before, after string) {
	t.Helper()
	text := read(t, path)
	if !strings.Contains(text, before) {
		t.Fatalf("%s does not hold %q", path, before)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(text, before, after, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// said collects what is written, and tells when a text is in it.
type said struct {
	mu    sync.Mutex
	text  string
	waits map[string]chan struct{}
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text += string(b)
	s.tell()
	return len(b), nil
}

func (s *said) tell() {
	for text, told := range s.waits {
		if strings.Contains(s.text, text) {
			close(told)
			delete(s.waits, text)
		}
	}
}

// await returns when text has been written, or fails after a minute.
func (s *said) await(t *testing.T, text string) {
	t.Helper()
	told := make(chan struct{})
	s.mu.Lock()
	s.waits[text] = told
	s.tell()
	s.mu.Unlock()
	select {
	case <-told:
	case <-time.After(time.Minute):
		s.mu.Lock()
		defer s.mu.Unlock()
		t.Fatalf("%q was not written:\n%s", text, s.text)
	}
}

// TestWatchRunsAgainWhenAFileIsSaved goes from red to green, and to an error of
// the compiler and on, in one run of the command.
func TestWatchRunsAgainWhenAFileIsSaved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kits")
	if said, code := kitRun("ext", "new", "kits", "--dir", filepath.Dir(dir)); code != exitOK {
		t.Fatal(said)
	}
	source := filepath.Join(dir, "extractor.go")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &said{waits: map[string]chan struct{}{}}
	a := &app{in: strings.NewReader(""), out: out, err: out, env: os.LookupEnv, now: time.Now}
	ended := make(chan exit, 1) // one value, which the test may not live to take
	go func() { ended <- a.main(ctx, []string{"ext", "test", "--watch", dir}) }()

	out.await(t, "20 mails: 19 as expected")
	edit(t, source, "const minDigits", "cnst minDigits")
	out.await(t, "syntax error")
	edit(t, source, "cnst minDigits = 6", "const minDigits = 5")
	out.await(t, "20 mails: 20 as expected")
	cancel()
	select {
	case code := <-ended:
		if code != exitOK {
			t.Errorf("exit status %d, want that of the last run", code)
		}
	case <-time.After(time.Minute):
		t.Error("it goes on after it was interrupted")
	}
}
