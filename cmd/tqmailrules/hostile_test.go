//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
)

// What one mail may cost the process that reads it, whatever is in it. Workers
// have caps of their own.
const (
	hostileTime   = 10 * time.Second // of the processor, so that a busy machine is no verdict; six times that by the clock
	hostileMemory = 512 << 20
)

// watched is what became of a process.
type watched struct {
	out    []byte
	stderr string
	code   int
	took   time.Duration
	peak   int64 // bytes of resident memory, of the process without its workers
}

// watchedRun runs the program and looks at its memory until it ends.
func watchedRun(t *testing.T, args ...string) watched {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "GOGC=", "GOMEMLIMIT=")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := watched{}
	done, seen := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(seen)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			r.peak = max(r.peak, highWater(cmd.Process.Pid))
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	cmd.Wait()
	close(done)
	<-seen
	r.out, r.stderr, r.code, r.took = stdout.Bytes(), stderr.String(), cmd.ProcessState.ExitCode(), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
	if clock := time.Since(began); clock > 6*hostileTime {
		r.took = clock
	}
	return r
}

// highWater is the most memory that a process has had; 0 when it is gone.
func highWater(pid int) int64 {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kb << 10
		}
	}
	return 0
}

// reported is what the tests read of a line that dry-run --json writes.
type reported struct {
	Name        string          `json:"name"`
	Disposition string          `json:"disposition"`
	Defects     []engine.Defect `json:"defects"`
	Items       []struct {
		Indicators []struct{ Value string } `json:"indicators"`
		Files      []struct {
			Name     string `json:"name"`
			State    string `json:"state"`
			OpenedBy string `json:"opened_by"`
		} `json:"files"`
	} `json:"items"`
}

func (r reported) codes() (all []string) {
	for _, d := range r.Defects {
		if d.Part != "3" || d.Code != engine.DefectLying { // the witness has no cross-reference
			all = append(all, d.Code)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (r reported) found(value string) bool {
	for _, it := range r.Items {
		for _, i := range it.Indicators {
			if i.Value == value {
				return true
			}
		}
	}
	return false
}

// mailsOf reads the lines of mails, without that of the summary.
func mailsOf(t *testing.T, out []byte) (all []reported) {
	t.Helper()
	for line := range bytes.Lines(out) {
		var r reported
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%v: %.300s", err, line)
		}
		if r.Disposition != "" {
			all = append(all, r)
		}
	}
	return all
}

// rulesFile writes rules into a folder and returns its path.
func rulesFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const everything = "version: 1\nrules:\n  - id: all\n    when: 'true'\n    then: [ { tag: seen } ]\n"

// harmless is what stands beside every hostile thing and must be found.
const harmless = "beside.harmless-witness.icu"

// TestHostileMailIsHandled sends what attackers send, one mail per process, and
// wants it to end, to cost little, to be told, and the rest of the mail to be
// read.
func TestHostileMailIsHandled(t *testing.T) {
	rules := rulesFile(t, everything)
	for _, h := range hostileMails() {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			if h.slow && os.Getenv("TQ_SOAK") == "" {
				t.Skip("skipped: a large count, and TQ_SOAK is not set")
			}
			path := filepath.Join(t.TempDir(), "hostile.eml")
			if err := os.WriteFile(path, h.make(t), 0o600); err != nil {
				t.Fatal(err)
			}
			r := watchedRun(t, "dry-run", "--rules", rules, "--json", path)
			mails := mailsOf(t, r.out)
			if len(mails) != 1 {
				t.Fatalf("%d mails, exit %d: %.500s", len(mails), r.code, r.stderr)
			}
			m := mails[0]
			t.Logf("%-45s %6.2f s  %4d MiB  %v", h.name, r.took.Seconds(), r.peak>>20, m.codes())
			if r.took > hostileTime || r.peak > hostileMemory {
				t.Errorf("took %v and %d MiB", r.took, r.peak>>20)
			}
			if m.Disposition != "shipped" || r.code != 0 {
				t.Errorf("%s, exit %d: %.300s", m.Disposition, r.code, r.stderr)
			}
			if !slices.ContainsFunc(h.codes, func(c string) bool { return slices.Contains(m.codes(), c) }) && len(h.codes) > 0 {
				t.Errorf("defects %v, want one of %v", m.codes(), h.codes)
			}
			if !m.found(harmless) {
				t.Errorf("the harmless part was not read: %.1000s", r.out)
			}
		})
	}
}

// TestDamagedAttachmentsAreHandled breakages a file of every format that readers
// know, each in several ways, and wants every mail to be shipped with the
// indicators of its other attachment.
func TestDamagedAttachmentsAreHandled(t *testing.T) {
	dir := t.TempDir()
	n := 0
	for _, path := range sampleFiles(t) {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range breakages {
			name := fmt.Sprintf("%03d-%s-%s.eml", n, d.name, filepath.Base(path))
			mail := mailWith(attachment{filepath.Base(path), d.do(bytes.Clone(whole))}, witness)
			if err := os.WriteFile(filepath.Join(dir, name), mail, 0o600); err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
	r := watchedRun(t, "dry-run", "--rules", rulesFile(t, everything), "--json", dir)
	mails := mailsOf(t, r.out)
	t.Logf("%d mails in %.1f s, %d MiB", len(mails), r.took.Seconds(), r.peak>>20)
	if len(mails) != n || r.code != 0 || r.peak > hostileMemory {
		t.Errorf("%d of %d mails, exit %d, %d MiB: %.500s", len(mails), n, r.code, r.peak>>20, r.stderr)
	}
	for _, m := range mails {
		if m.Disposition != "shipped" || !m.found(harmless) {
			t.Errorf("%s: %s, %v", m.Name, m.Disposition, m.Defects)
		}
		for _, d := range m.Defects {
			if d.Code == engine.DefectUnpackCrash || d.Code == engine.DefectUnpackTime || d.Code == engine.DefectUnpackMemory {
				t.Errorf("%s: %v", m.Name, d)
			}
		}
	}
}

// sampleFiles are those that tests of readers keep.
func sampleFiles(t *testing.T) (all []string) {
	t.Helper()
	for _, pattern := range []string{"../../engine/unpack/*/testdata/*", "../../engine/unpack/*/*/testdata/*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Size() < 200<<10 {
				all = append(all, path)
			}
		}
	}
	if len(all) < 40 {
		t.Fatalf("only %d samples", len(all))
	}
	return all
}

var breakages = []struct {
	name string
	do   func([]byte) []byte
}{
	{"half", func(b []byte) []byte { return b[:len(b)/2] }},
	{"without-end", func(b []byte) []byte { return b[:len(b)-min(len(b), 30)] }},
	{"flipped", func(b []byte) []byte {
		for i := 97; i < len(b); i += 97 {
			b[i] ^= 0x10
		}
		return b
	}},
	{"head-only", func(b []byte) []byte { return b[:min(len(b), 64)] }},
	{"zeroed", func(b []byte) []byte { clear(b[len(b)/3 : len(b)/2]); return b }},
}

// TestLargeAttachmentsAreOpenedWithLittleMemory opens a large member of a zip and
// a large PDF.
func TestLargeAttachmentsAreOpenedWithLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: reads 250 MB, and -short is set")
	}
	for _, row := range []struct {
		name string
		make func(*testing.T) []byte
	}{
		{"zip with a member of 200 MB", func(t *testing.T) []byte { return zipOfNoise(t, "large.bin", 200<<20) }},
		{"PDF of 50 MB", func(*testing.T) []byte { return largePDF(50 << 20) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "large.eml")
			name := "large.zip"
			if strings.HasPrefix(row.name, "PDF") {
				name = "large.pdf"
			}
			if err := os.WriteFile(path, mailWith(attachment{name, row.make(t)}, witness), 0o600); err != nil {
				t.Fatal(err)
			}
			r := watchedRun(t, "dry-run", "--rules", rulesFile(t, everything), "--json", path)
			mails := mailsOf(t, r.out)
			if len(mails) != 1 || !mails[0].found(harmless) || r.code != 0 {
				t.Fatalf("exit %d: %.500s", r.code, r.stderr)
			}
			inside := mails[0].found("inside.large-witness.icu")
			t.Logf("%.1f s, %d MiB, %v", r.took.Seconds(), r.peak>>20, mails[0].codes())
			if r.peak > 200<<20 || !inside {
				t.Errorf("peak resident size %d MiB, want at most 200; what is inside was found: %v", r.peak>>20, inside)
			}
		})
	}
}
