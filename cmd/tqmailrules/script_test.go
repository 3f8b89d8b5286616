package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// asProgram makes the test binary be the program.
const asProgram = "TQ_TEST_AS_PROGRAM"

// TestMain lets scripts call the program by its name, and other tests as a
// process of its own.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" || len(os.Args) > 1 && os.Args[1] == workerCommand {
		program()
	}
	testscript.Main(m, map[string]func(){"tqmailrules": program})
}

// TestScripts runs one script per behaviour of the command line. $EXAMPLES is
// the folder of example rules, $MODULES that of extractor modules, $PROBES that of
// modules made for tests, $PROGRAM that of the program. Set TQ_UPDATE to write
// expected output anew.
func TestScripts(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("tqmailrules")
	if err != nil {
		t.Fatal(err)
	}
	goCache := strings.TrimSpace(string(cache)) // so that modules in Go are compiled once
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("TQ_UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("EXAMPLES", filepath.Join(root, "examples", "rules"))
			env.Setenv("MODULES", filepath.Join(root, "wasm-extractors"))
			env.Setenv("PROBES", filepath.Join(root, "engine", "wasm", "testdata"))
			home := filepath.Join(env.WorkDir, "home") // where compilers and modules are cached
			env.Setenv("HOME", home)
			env.Setenv("GOCACHE", goCache)
			env.Setenv("PROGRAM", filepath.Dir(program)) // a PATH without compilers
			return os.Mkdir(home, 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": status, "replace": replace},
	})
}

// replace changes a text in a file: replace FILE OLD NEW.
func replace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace file old new")
	}
	before := ts.ReadFile(args[0])
	if !strings.Contains(before, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(before, args[1], args[2], 1)), 0o666))
}

// status runs the program and wants an exit status: status 2 check x.yaml.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N arguments")
	}
	err := ts.Exec("tqmailrules", args[1:]...)
	code := "0"
	if exit, ok := err.(interface{ ExitCode() int }); ok {
		code = string(rune('0' + exit.ExitCode()))
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if code != args[0] {
		ts.Fatalf("exit status %s, want %s", code, args[0])
	}
}
