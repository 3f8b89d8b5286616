package extkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// language is one that modules can be written in.
type language struct {
	name    string
	sdk     string // folder of the library, below sdk; "" when there is none
	library string // what the library is in a project
	copied  string // folder of a project into which it goes
	sources string // pattern, below the project, of what says that it is this language
	what    string // the sources, for people
	compile func(job) ([]*exec.Cmd, error)
}

// job is what a compiler is to make.
type job struct {
	dir     string   // of the project
	sources []string // in dir
	out     string   // the module; what is made on the way goes beside it
	program bool     // a module of kind command
}

// languages in the order in which a project is asked for them.
var languages = []language{
	{"go", "go", "tqx/", "tqx", "go.mod", "`extractor.go`", compileGo},
	{"rust", "rust", "src/tqx.rs", "src", "src/lib.rs", "`src/lib.rs`", compileRust},
	{"assemblyscript", "assemblyscript", "assembly/tqx.ts", "assembly", "assembly/index.ts", "`assembly/index.ts`", compileAssemblyScript},
	{"c", "c", "tqx.h", ".", "*.c", "`extractor.c`", compileC},
	{"wat", "", "", "", "*.wat", "`extractor.wat`", compileWat},
}

// Languages lists the names that New takes.
func Languages() (names []string) {
	for _, l := range languages {
		names = append(names, l.name)
	}
	return names
}

func languageNamed(name string) (language, bool) {
	i := slices.IndexFunc(languages, func(l language) bool { return l.name == name })
	if i < 0 {
		return language{}, false
	}
	return languages[i], true
}

// detect tells which language the project in dir is written in, by its files.
func detect(dir string) (l language, sources []string, err error) {
	if _, err := os.Stat(dir); err != nil {
		return l, nil, author("", "%v", err)
	}
	var known []string
	for _, l := range languages {
		sources, _ := filepath.Glob(filepath.Join(escape(dir), l.sources))
		if len(sources) > 0 {
			return l, relative(dir, sources), nil
		}
		known = append(known, l.sources)
	}
	return l, nil, author("tqmailrules ext new NAME makes a project", "%s is no project: it has none of %s", dir, strings.Join(known, ", "))
}

func relative(dir string, paths []string) (all []string) {
	for _, p := range paths {
		if rel, err := filepath.Rel(dir, p); err == nil {
			all = append(all, rel)
		}
	}
	return all
}

// missing says that a compiler is not there.
func missing(program, install string) error {
	return author("install it: "+install, "%s is not installed", program)
}

// run is a command that runs in the project with the environment of the program.
func (j job) run(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = j.dir
	cmd.Env = os.Environ()
	return cmd
}

// compileGo makes a reactor or a program. A workspace around the project has no say.
func compileGo(j job) ([]*exec.Cmd, error) {
	path, err := exec.LookPath("go")
	if err != nil {
		return nil, missing("go", "https://go.dev/dl, 1.24 or newer")
	}
	mode := "c-shared"
	if j.program {
		mode = "exe"
	}
	cmd := j.run(path, "build", "-trimpath", "-buildvcs=false", "-buildmode="+mode, "-ldflags", "-s -w", "-o", j.out, ".")
	cmd.Env = append(cmd.Env, "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOWORK=off")
	return []*exec.Cmd{cmd}, nil
}

const rustTarget = "wasm32-unknown-unknown"

func compileRust(j job) ([]*exec.Cmd, error) {
	path, err := rustc()
	if err != nil {
		return nil, err
	}
	return []*exec.Cmd{j.run(path, "--edition", "2021", "--crate-type", "cdylib", "--target", rustTarget,
		"-C", "opt-level=3", "-C", "panic=abort", "-C", "lto=fat", "-C", "strip=symbols", "-o", j.out, j.sources[0])}, nil
}

// rustc finds a compiler that has the standard library for WebAssembly: $RUSTC,
// the one in PATH, or that of the system.
func rustc() (string, error) {
	const install = "rustup target add " + rustTarget + ", or apt-get install rustc libstd-rust-dev-wasm32"
	found := false
	for _, name := range []string{os.Getenv("RUSTC"), "rustc", "/usr/bin/rustc"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		found = true
		lib, err := exec.Command(path, "--print", "target-libdir", "--target", rustTarget).Output()
		if err != nil {
			continue
		}
		if _, err := os.Stat(strings.TrimSpace(string(lib))); err == nil {
			return path, nil
		}
	}
	if found {
		return "", missing("the standard library of Rust for "+rustTarget, install)
	}
	return "", missing("rustc", install)
}

func compileAssemblyScript(j job) ([]*exec.Cmd, error) {
	path, err := asc(j.dir)
	if err != nil {
		return nil, err
	}
	return []*exec.Cmd{j.run(path, j.sources[0], "-O3", "--runtime", "stub", "--use", "abort=", "-o", j.out)}, nil
}

// asc is in node_modules of the project or of a folder above it, or in PATH.
func asc(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for up := abs; ; up = filepath.Dir(up) {
		if path, err := exec.LookPath(filepath.Join(up, "node_modules", ".bin", "asc")); err == nil {
			return path, nil
		}
		if up == filepath.Dir(up) {
			break
		}
	}
	if path, err := exec.LookPath("asc"); err == nil {
		return path, nil
	}
	return "", missing("asc, the compiler of AssemblyScript,", "npm install in the project")
}

// compileC looks for tqx.h in the project, and in the sources of tqmailrules
// around it. It links in a step of its own, which names no level of optimization:
// else clang would have the module rewritten by whatever wasm-opt is in PATH, and
// the same compiler would give other bytes elsewhere.
func compileC(j job) ([]*exec.Cmd, error) {
	path, err := exec.LookPath("clang")
	if err != nil {
		return nil, missing("clang", "apt-get install clang lld")
	}
	if _, err := exec.LookPath("wasm-ld"); err != nil {
		return nil, missing("wasm-ld, which clang links modules with,", "apt-get install lld")
	}
	var steps []*exec.Cmd
	link := []string{"--target=wasm32", "-nostdlib", "-Wl,--no-entry,--strip-all", "-o", j.out}
	for i, source := range j.sources {
		object := fmt.Sprintf("%s.%d.o", j.out, i)
		steps = append(steps, j.run(path, "--target=wasm32", "-O2", "-std=c11", "-Wall", "-Wextra", "-Werror", "-ffreestanding",
			"-I.", "-I../sdk/c", "-c", "-o", object, source))
		link = append(link, object)
	}
	return append(steps, j.run(path, link...)), nil
}

func compileWat(j job) ([]*exec.Cmd, error) {
	path, err := exec.LookPath("wat2wasm")
	if err != nil {
		return nil, missing("wat2wasm", "apt-get install wabt")
	}
	if len(j.sources) > 1 {
		return nil, author("", "%s has %d files *.wat; a module is one", j.dir, len(j.sources))
	}
	return []*exec.Cmd{j.run(path, j.sources[0], "-o", j.out)}, nil
}
