package wasmextractors_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/wasm"
)

// A compiler turns a project into a module.
type compiler struct {
	// find returns the compiler; without it the test is skipped.
	find func(t *testing.T) string
	// version is the line by which a build can be repeated.
	version []string
	// command is run in the project's folder, followed by the output and the sources.
	command []string
	sources string // pattern
	env     []string
	// link makes a module of what command made; nil when that is one already.
	link []string
}

var compilers = map[string]compiler{
	"go": {
		find:    func(t *testing.T) string { return enginetest.Peer(t, "go", "golang") },
		version: []string{"version"},
		command: []string{"build", "-trimpath", "-buildvcs=false", "-buildmode=c-shared", "-ldflags", "-s -w", "-o"},
		sources: ".",
		env:     []string{"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS="},
	},
	"c": {
		find: func(t *testing.T) string {
			enginetest.Peer(t, "wasm-ld", "lld")
			return enginetest.Peer(t, "clang", "clang")
		},
		version: []string{"--version"},
		command: []string{
			"--target=wasm32", "-O2", "-std=c11", "-Wall", "-Wextra", "-Werror", "-ffreestanding",
			"-I.", "-I../sdk/c", "-I../../sdk/c", "-c", "-o",
		},
		sources: "*.c",
		// Without a level of optimization: else clang has wasm-opt, when that is in PATH,
		// rewrite the module.
		link: []string{"--target=wasm32", "-nostdlib", "-Wl,--no-entry,--strip-all", "-o"},
	},
	"rust": {
		find:    rustc,
		version: []string{"--version"},
		command: []string{
			"--edition", "2021", "--crate-type", "cdylib", "--target", rustTarget,
			"-C", "opt-level=3", "-C", "panic=abort", "-C", "lto=fat", "-C", "strip=symbols", "-o",
		},
		sources: "src/lib.rs",
	},
	"assemblyscript": {
		find:    asc,
		version: []string{"--version"},
		command: []string{"-O3", "--runtime", "stub", "--use", "abort=", "-o"},
		sources: "assembly/index.ts",
	},
}

const rustTarget = "wasm32-unknown-unknown"

// rustc finds a compiler that has the standard library of the target.
func rustc(t *testing.T) string {
	for _, name := range []string{os.Getenv("RUSTC"), "rustc", "/usr/bin/rustc"} {
		lib, err := exec.Command(name, "--print", "target-libdir", "--target", rustTarget).Output()
		if err != nil {
			continue
		}
		if _, err := os.Stat(strings.TrimSpace(string(lib))); err == nil {
			return name
		}
	}
	return missing(t, "rustc with "+rustTarget, "apt-get install rustc libstd-rust-dev-wasm32")
}

// asc is in node_modules here, or in PATH.
func asc(t *testing.T) string {
	if own, err := filepath.Abs("node_modules/.bin/asc"); err == nil {
		if _, err := os.Stat(own); err == nil {
			return own
		}
	}
	if path, err := exec.LookPath("asc"); err == nil {
		return path
	}
	return missing(t, "asc", "npm install --prefix wasm-extractors")
}

func missing(t *testing.T, what, install string) string {
	t.Helper()
	if os.Getenv("TQ_REQUIRE_PEERS") != "" {
		t.Fatalf("needs %s (%s)", what, install)
	}
	t.Skipf("skipped: needs %s (%s)", what, install)
	return ""
}

func languageOf(t *testing.T, dir string) string {
	t.Helper()
	for _, mark := range [][2]string{{"go.mod", "go"}, {"src/lib.rs", "rust"}, {"assembly/index.ts", "assemblyscript"}, {"*.c", "c"}} {
		if found, _ := filepath.Glob(filepath.Join(dir, mark[0])); len(found) > 0 {
			return mark[1]
		}
	}
	t.Fatalf("%s is written in no known language", dir)
	return ""
}

// build compiles a project and packs its description. version names the compiler.
func build(t *testing.T, dir string) (module []byte, version string) {
	t.Helper()
	c := compilers[languageOf(t, dir)]
	program := c.find(t)
	said, err := exec.Command(program, c.version...).Output()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "module.wasm")
	sources := c.sourcesIn(t, dir)
	if c.link == nil {
		c.run(t, dir, program, c.command, append([]string{out}, sources...))
	} else {
		objects := make([]string, len(sources))
		for i, source := range sources {
			objects[i] = fmt.Sprintf("%s.%d.o", out, i)
			c.run(t, dir, program, c.command, []string{objects[i], source})
		}
		c.run(t, dir, program, c.link, append([]string{out}, objects...))
	}
	module, err = wasm.Pack(read(t, out), read(t, dir, "extractor.json"))
	if err != nil {
		t.Fatal(err)
	}
	version, _, _ = strings.Cut(string(said), "\n")
	return module, version
}

// sourcesIn are the files to compile, below dir.
func (c compiler) sourcesIn(t *testing.T, dir string) []string {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join(dir, c.sources))
	if err != nil || len(sources) == 0 {
		t.Fatalf("%d sources, %v", len(sources), err)
	}
	for i := range sources {
		if sources[i], err = filepath.Rel(dir, sources[i]); err != nil {
			t.Fatal(err)
		}
	}
	return sources
}

func (c compiler) run(t *testing.T, dir, program string, flags, rest []string) {
	t.Helper()
	cmd := exec.Command(program, slices.Concat(flags, rest)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), c.env...)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", dir, err, said)
	}
}

// provenance is the file beside a module: the compiler's version, and the digest.
func provenance(version string, module []byte) string {
	sum := sha256.Sum256(module)
	return version + "\nsha256 " + hex.EncodeToString(sum[:]) + "\n"
}

// The modules that are shipped are those that their sources give: the same bytes
// from the same compiler, and the same findings from any.
//
// With TQ_UPDATE_MODULES=1 it writes the modules instead, and the next test the
// digests by which the example configuration pins them.
func TestModulesAreBuiltFromTheirSources(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: compiles every module, and -short is set")
	}
	for i, s := range suites {
		if i > 0 && suites[i-1].module == s.module {
			continue
		}
		t.Run(s.module, func(t *testing.T) {
			built, version := build(t, s.module)
			if os.Getenv("TQ_UPDATE_MODULES") != "" {
				write(t, built, s.module, s.module+".wasm")
				write(t, []byte(provenance(version, built)), s.module, s.module+".wasm.txt")
			}
			shipped := read(t, s.module, s.module+".wasm")
			recorded, _, _ := strings.Cut(string(read(t, s.module, s.module+".wasm.txt")), "\n")
			if recorded == version && !bytes.Equal(built, shipped) {
				t.Errorf("%s gives other bytes than %s.wasm: %s, want %s", version, s.module, provenance(version, built), provenance(version, shipped))
			}
			s.hold(t, load(t, built, s.config()))
		})
	}
}

// What stands beside a module is true of it.
func TestProvenanceNamesTheModule(t *testing.T) {
	for _, s := range suites {
		text := string(read(t, s.module, s.module+".wasm.txt"))
		version, _, _ := strings.Cut(text, "\n")
		if want := provenance(version, read(t, s.module, s.module+".wasm")); text != want {
			t.Errorf("%s.wasm.txt is %q, want %q", s.module, text, want)
		}
	}
}

const examples = "../examples/extractors.yaml"

// pin is an entry of the example configuration: a module here, and its digest.
var pin = regexp.MustCompile(`wasm: \.\./wasm-extractors/(\S+)\n +sha256: ([0-9a-f]{64})\n`)

// The example configuration pins the modules as they are.
func TestExamplesPinTheModules(t *testing.T) {
	text := string(read(t, examples))
	pins := pin.FindAllStringSubmatch(text, -1)
	if len(pins) == 0 || len(pins) != strings.Count(text, "wasm: ") {
		t.Fatalf("%d pins of %d modules", len(pins), strings.Count(text, "wasm: "))
	}
	for _, p := range pins {
		got, want := p[2], wasm.Digest(read(t, p[1]))
		switch {
		case got == want:
		case os.Getenv("TQ_UPDATE_MODULES") != "":
			text = strings.ReplaceAll(text, got, want)
		default:
			t.Errorf("%s pins %s as %s; it is %s\nrun: TQ_UPDATE_MODULES=1 go test -run Modules ./wasm-extractors", examples, p[1], got, want)
		}
	}
	if os.Getenv("TQ_UPDATE_MODULES") != "" {
		write(t, []byte(text), examples)
	}
}

// Go modules have tests of their own, which `go test ./...` does not see from here.
func TestGoModulesPassTheirOwnTests(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: compiles their tests, and -short is set")
	}
	for _, dir := range []string{"table", "wallets-go"} {
		cmd := exec.Command(enginetest.Peer(t, "go", "golang"), "test", "./...")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", dir, err, said)
		}
	}
}

func write(t *testing.T, data []byte, path ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(path...), data, 0o644); err != nil {
		t.Fatal(err)
	}
}
