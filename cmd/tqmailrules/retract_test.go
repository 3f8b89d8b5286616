package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const retractConfig = `instance: retract
sources: [ { files: { path: mails } } ]
rules: [ rules.yaml ]
sinks: [ { threatq: { host: "HOST", client_id: any, user: a@b.example, password: { env: TQ_TEST_THREATQ } } } ]
store: { path: state.db, keep: 30d }
log: { to: run.log }
`

// folder is a folder with a configuration of which a program is run.
type folder struct {
	*testing.T
	dir string
}

func (f folder) write(name, text string) {
	f.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.Fatal(err)
	}
}

func (f folder) run(want exit, args ...string) string {
	f.Helper()
	c := exec.Command(os.Args[0], append(args, "-c", filepath.Join(f.dir, "tq.yaml"))...)
	c.Env = append(os.Environ(), asProgram+"=1")
	out, _ := c.CombinedOutput()
	if code := exit(c.ProcessState.ExitCode()); code != want {
		f.Fatalf("%q: exit status %d, want %d:\n%s", args, code, want, out)
	}
	return string(out)
}

// What a bad rule shipped is taken back: the platform holds then what it would if
// the rule had never been, but for what is everybody's.
func TestABadRuleIsTakenBack(t *testing.T) {
	t.Setenv("TQ_TEST_THREATQ", "tq")
	const good, bad = `version: 1
rules:
  - id: skip-newsletters
    when: 'subject.subject startsWith "Newsletter"'
    then: [ { treat_as: skip } ]
  - id: not-ours
    keep: '!(indicator.type == "FQDN" && indicator.value endsWith "corp.example")'
`, `version: 1
rules:
  - id: everything-counts
    when: 'true'
    then: [ { score: 10 } ]
`
	mails := map[string]string{
		"mails/a.eml": "From: Billing <b@pay-now-4.icu>\nSubject: Invoice\nDate: Mon, 2 Mar 2026 09:00:00 +0000\n\nPay: https://pay-now-4.icu/x or ask help.corp.example\n",
		"mails/b.eml": "From: News <n@news.example>\nSubject: Newsletter 7\nDate: Mon, 2 Mar 2026 10:00:00 +0000\n\nRead https://news-7.example/all and https://pay-now-4.icu/x\n",
	}
	shipped := func(rules string) (folder, *platform) {
		tq := newPlatform(t)
		f := folder{t, t.TempDir()}
		f.write("tq.yaml", strings.Replace(retractConfig, "HOST", tq.url, 1))
		f.write("rules.yaml", rules)
		for name, text := range mails {
			f.write(name, text)
		}
		f.run(exitOK, "run")
		return f, tq
	}
	_, want := shipped(good)
	f, got := shipped(bad)
	before := got.graph()
	if before == want.graph() {
		t.Fatal("the bad rule does nothing")
	}
	f.write("rules.yaml", good)
	for _, words := range []string{"event Newsletter 7", "FQDN help.corp.example", "nothing was changed: --yes does it"} {
		if out := f.run(exitOK, "retract", "--rule", "everything-counts"); !strings.Contains(out, words) {
			t.Errorf("the preview says nothing of %q:\n%s", words, out)
		}
	}
	if got.graph() != before {
		t.Error("the preview has changed something")
	}
	out := f.run(exitOK, "retract", "--rule", "everything-counts", "--yes")
	if diff := cmp.Diff(lines(want.graph()), lines(comments.ReplaceAllString(got.graph(), ""))); diff != "" {
		t.Errorf("at the platform (-good rules alone +taken back):\n%s\n%s", diff, out)
	}
	if out := f.run(exitOK, "retract", "--rule", "everything-counts", "--yes"); !strings.Contains(out, "0 of 1 mails have something to take back") {
		t.Errorf("taken back once more:\n%s", out)
	}
	if out := f.run(exitOK, "retract", "--since", "1h", "--all", "--yes"); !strings.Contains(out, "event Invoice") {
		t.Errorf("all of it:\n%s", out)
	}
	if strings.Contains(got.graph(), `"kind": "events"`) {
		t.Errorf("events are left:\n%s", got.graph())
	}
}

// comments are what is said about a retraction to those who read on.
var comments = regexp.MustCompile(`(?m),\n +"comments": \[\n[^\]]*\]`)
