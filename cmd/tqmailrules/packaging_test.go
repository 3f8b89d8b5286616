package main

import (
	"context"
	"debug/elf"
	"encoding/json"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
	"github.com/tqmailrules/tqmailrules/rules"
)

const packaging = "../../packaging"

// understood wants a command line that the program takes: a command that there is,
// and flags that it has. Nothing is run.
func understood(t *testing.T, from string, args []string) {
	t.Helper()
	if len(args) == 0 {
		t.Errorf("%s: no arguments", from)
		return
	}
	c, rest, ok := find(vendorArgs(args))
	if !ok {
		t.Errorf("%s: %q names no command", from, args)
		return
	}
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	_ = c.flags(fs)
	if _, err := parseFlags(fs, rest); err != nil {
		t.Errorf("%s: %q: %v", from, args, err)
	}
}

// shellLines are the lines of the sh blocks of a page that begin with a program,
// with those that are continued as one. A user to run it as may stand before it.
func shellLines(page, program string) (all []string) {
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(page, -1) {
		text := strings.ReplaceAll(block[1], "\\\n", " ")
		for line := range strings.Lines(text) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
			line = regexp.MustCompile(`^sudo (-u \S+ )?`).ReplaceAllString(line, "")
			if strings.HasPrefix(line, program+" ") {
				all = append(all, strings.TrimSpace(line))
			}
		}
	}
	return all
}

// words takes a line apart as a shell does, without its substitutions.
func words(line string) (all []string) {
	line, _, _ = strings.Cut(line, " | ")
	line, _, _ = strings.Cut(line, " > ")
	for _, w := range regexp.MustCompile(`"[^"]*"|'[^']*'|\S+`).FindAllString(line, -1) {
		all = append(all, strings.Trim(w, `"'`))
	}
	return all
}

// TestCommandsOfOperationsAreUnderstood reads what people will copy.
func TestCommandsOfOperationsAreUnderstood(t *testing.T) {
	for page, least := range map[string]int{packaging + "/README.md": 2, "../../docs/operations.md": 25, "../../docs/vendor.md": 4} {
		lines := shellLines(read(t, page), "tqmailrules")
		if len(lines) < least {
			t.Errorf("%s: %d command lines, want %d at least", page, len(lines), least)
		}
		for _, line := range lines {
			understood(t, page+": "+line, words(line)[1:])
		}
	}
}

// unit is what a unit of systemd says, by section and key.
func unit(t *testing.T, path string) map[string]map[string][]string {
	t.Helper()
	all, section := map[string]map[string][]string{}, ""
	for line := range strings.Lines(read(t, path)) {
		line = strings.TrimSpace(line)
		switch key, value, ok := strings.Cut(line, "="); {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
			all[section] = map[string][]string{}
		case !ok || section == "":
			t.Errorf("%s: %q", path, line)
		default:
			all[section][key] = append(all[section][key], value)
		}
	}
	return all
}

func TestUnitsStartTheProgram(t *testing.T) {
	tests := []struct {
		name, args, typ string
	}{
		{"tqmailrules.service", "run --watch -c /etc/tqmailrules", "exec"},
		{"tqmailrules@.service", "run --watch -c /etc/tqmailrules -n %i", "exec"},
		{"tqmailrules-run.service", "run -c /etc/tqmailrules", "oneshot"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := unit(t, filepath.Join(packaging, tt.name))
			service := u["Service"]
			if u["Unit"]["Description"] == nil || service == nil {
				t.Fatalf("sections %v", sortedKeys(u))
			}
			if want := "/usr/local/bin/tqmailrules " + tt.args; len(service["ExecStart"]) != 1 || service["ExecStart"][0] != want {
				t.Errorf("ExecStart=%q, want %q", service["ExecStart"], want)
			}
			understood(t, tt.name, strings.Fields(tt.args))
			for key, want := range map[string]string{"Type": tt.typ, "User": "tqmailrules", "StateDirectory": "tqmailrules", "ProtectSystem": "strict", "NoNewPrivileges": "yes"} {
				if !slices.Equal(service[key], []string{want}) {
					t.Errorf("%s=%q, want %q", key, service[key], want)
				}
			}
			if service["MemoryDenyWriteExecute"] != nil {
				t.Error("MemoryDenyWriteExecute, and modules cannot be compiled")
			}
			if calls := strings.Join(service["SystemCallFilter"], " "); !strings.Contains(calls, "landlock_restrict_self") || !strings.Contains(calls, "seccomp") {
				t.Errorf("workers cannot confine themselves with the calls %s", calls)
			}
		})
	}
	if u := unit(t, filepath.Join(packaging, "tqmailrules-run.timer")); u["Timer"]["OnCalendar"] == nil || u["Install"]["WantedBy"] == nil {
		t.Errorf("the timer: %v", u)
	}
	if got := unit(t, filepath.Join(packaging, "tqmailrules.service"))["Service"]; got["RestartPreventExitStatus"][0] != "2" || got["ExecReload"][0] != "/bin/kill -HUP $MAINPID" {
		t.Errorf("the service restarts after %q and reloads by %q", got["RestartPreventExitStatus"], got["ExecReload"])
	}
}

// TestSystemdTakesTheUnits asks the program that reads them, which wants the
// programs in them to be there.
func TestSystemdTakesTheUnits(t *testing.T) {
	analyze := enginetest.Peer(t, "systemd-analyze", "systemd")
	dir := t.TempDir()
	found, err := filepath.Glob(packaging + "/tqmailrules*.*r*")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"verify", "--man=no"}
	for _, f := range found {
		name := strings.Replace(filepath.Base(f), "@.", "@abuse.", 1)
		if ext := filepath.Ext(name); ext != ".service" && ext != ".timer" {
			continue
		}
		text := strings.ReplaceAll(read(t, f), "/usr/local/bin/tqmailrules", os.Args[0])
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, filepath.Join(dir, name))
	}
	if len(args) != 6 {
		t.Fatalf("units %q", args[2:])
	}
	if out, err := exec.Command(analyze, args...).CombinedOutput(); err != nil || strings.Contains(string(out), dir) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

func TestContainerStartsTheProgram(t *testing.T) {
	text := read(t, packaging+"/Containerfile")
	var cmd []string
	for line := range strings.Lines(text) {
		if args, ok := strings.CutPrefix(line, "CMD "); ok {
			if err := json.Unmarshal([]byte(args), &cmd); err != nil {
				t.Fatal(err)
			}
		}
	}
	understood(t, "Containerfile", cmd)
	for _, want := range []string{"CGO_ENABLED=0", "\nFROM scratch\n", "\nUSER 65532:65532\n", "ca-certificates.crt", `ENTRYPOINT ["/tqmailrules"]`} {
		if !strings.Contains(text, want) {
			t.Errorf("the Containerfile does not say %q", want)
		}
	}
}

// manifests are the documents of a file of Kubernetes, by kind.
func manifests(t *testing.T, name string) map[string]*yamlfile.Node {
	t.Helper()
	all := map[string]*yamlfile.Node{}
	for _, text := range strings.Split(read(t, filepath.Join(packaging, "kubernetes", name)), "\n---\n") {
		n, diags := yamlfile.Parse(name, []byte(text))
		if len(diags) > 0 {
			t.Fatal(diags)
		}
		all[n.Get("kind").Text] = n
	}
	return all
}

// at follows keys; an item of a list is its number.
func at(t *testing.T, n *yamlfile.Node, path ...string) *yamlfile.Node {
	t.Helper()
	for _, key := range path {
		if key == "0" && n.Kind == yamlfile.Sequence {
			n = n.Items[0]
		} else if n = n.Get(key); n == nil {
			t.Fatalf("no %s in %v", key, path)
		}
	}
	return n
}

func texts(n *yamlfile.Node) (all []string) {
	for _, item := range n.Items {
		all = append(all, item.Text)
	}
	return all
}

func TestManifestsStartTheProgram(t *testing.T) {
	deployed := manifests(t, "deployment.yaml")
	tests := []struct {
		name string
		pod  *yamlfile.Node
	}{
		{"deployment", at(t, deployed["Deployment"], "spec", "template", "spec")},
		{"cronjob", at(t, manifests(t, "cronjob.yaml")["CronJob"], "spec", "jobTemplate", "spec", "template", "spec")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			container := at(t, tt.pod, "containers", "0")
			understood(t, tt.name, texts(at(t, container, "args")))
			for path, want := range map[string]string{"readOnlyRootFilesystem": "true", "allowPrivilegeEscalation": "false"} {
				if got := at(t, container, "securityContext", path).Text; got != want {
					t.Errorf("%s: %s", path, got)
				}
			}
			if got := at(t, tt.pod, "securityContext", "runAsNonRoot").Text; got != "true" {
				t.Errorf("runAsNonRoot: %s", got)
			}
			volumes := map[string]bool{}
			for _, v := range at(t, tt.pod, "volumes").Items {
				volumes[v.Get("name").Text] = true
			}
			for _, m := range at(t, container, "volumeMounts").Items {
				if !volumes[m.Get("name").Text] {
					t.Errorf("there is no volume %s", m.Get("name").Text)
				}
			}
		})
	}
	if n := at(t, deployed["Deployment"], "spec", "replicas").Text; n != "1" {
		t.Errorf("%s replicas, and one run at a time uses a store", n)
	}
	for _, probe := range []string{"startupProbe", "livenessProbe"} {
		if got := at(t, deployed["Deployment"], "spec", "template", "spec", "containers", "0", probe, "httpGet", "path").Text; got != "/healthz" {
			t.Errorf("%s: %s", probe, got)
		}
	}
}

// TestConfigurationOfTheManifestsIsRight reads the configuration and the rules as
// the pod would.
func TestConfigurationOfTheManifestsIsRight(t *testing.T) {
	data := at(t, manifests(t, "deployment.yaml")["ConfigMap"], "data")
	cfg, diags := settings.Parse("/etc/tqmailrules/tqmailrules.yaml", []byte(data.Get("tqmailrules.yaml").Text))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	if !strings.HasPrefix(cfg.Store.Path, "/var/lib/tqmailrules/") || cfg.Watch.Listen != ":9464" || cfg.Rules[0] != "/etc/tqmailrules/rules.yaml" {
		t.Errorf("%+v", cfg)
	}
	_, diags = rules.Load([]rules.File{{Name: "rules.yaml", Data: []byte(data.Get("rules.yaml").Text)}}, rules.Options{})
	if len(diags) > 0 {
		t.Error(diags)
	}
}

// TestTheProgramIsStatic builds it as the Makefile does and wants an ELF file that
// asks for no interpreter and no library.
func TestTheProgramIsStatic(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("skipped: builds the program for Linux, and -short is set or this is another system")
	}
	path := filepath.Join(t.TempDir(), "tqmailrules")
	build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=test", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program asks for an interpreter")
		}
	}
	if libraries, err := f.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("it asks for libraries: %v, %v", libraries, err)
	}
}

// TestReleasesAreStatic holds the Makefile to what the packages promise.
func TestReleasesAreStatic(t *testing.T) {
	_, dist, _ := strings.Cut(read(t, "../../Makefile"), "\ndist:")
	dist, _, _ = strings.Cut(dist, "\ninstall:")
	for _, want := range []string{"linux/amd64", "linux/arm64", "darwin/arm64", "windows/amd64", "CGO_ENABLED=0", "SHA256SUMS"} {
		if !strings.Contains(dist, want) {
			t.Errorf("make dist has no %s", want)
		}
	}
}
