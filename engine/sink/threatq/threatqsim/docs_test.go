package threatqsim_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/threatqsim"
)

func reference(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../../../docs/reference/simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReferenceNamesEveryRoute(t *testing.T) {
	var named []string
	for _, m := range regexp.MustCompile("`((?:GET|POST|PUT|DELETE) /)([^`]*)`").FindAllStringSubmatch(reference(t), -1) {
		named = append(named, strings.Replace(m[1], "/", "/api/", 1)+m[2])
	}
	routes := routesOf(threatqsim.New(threatqsim.Config{}))
	for _, r := range routes {
		if !slices.Contains(named, r) {
			t.Errorf("the reference does not name %s", r)
		}
	}
	for _, r := range named {
		general := regexp.MustCompile("/api/(events|attachments)").ReplaceAllString(r, "/api/{coll}")
		if !slices.Contains(routes, r) && !slices.Contains(routes, general) {
			t.Errorf("the reference names %s, which is no route", r)
		}
	}
}

func TestReferenceNamesEveryFeatureAndFault(t *testing.T) {
	page := reference(t)
	for _, f := range threatqsim.Features {
		if !strings.Contains(page, "| `"+string(f)+"` |") {
			t.Errorf("no row of %s", f)
		}
	}
	for _, k := range threatqsim.Kinds {
		if !strings.Contains(page, "| `"+string(k)+"` |") {
			t.Errorf("no row of %s", k)
		}
	}
}

// TestReferenceRuns executes the commands of the page.
func TestReferenceRuns(t *testing.T) {
	enginetest.Peer(t, "curl", "curl")
	c := connect(t, config())
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(reference(t), -1) {
		cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", m[1])
		cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "SIM="+c.url, "no_proxy=*")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s\n%s", err, m[1], out)
		}
	}
	if code, _ := c.do("GET", "/api/events", nil); code != 200 {
		t.Errorf("not calm at the end: %d", code)
	}
}
