//go:build unix

package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/source/imap/imapsim"
)

// The rules of these tests: what holds is what is tagged, and mails that wait.
const watchRules = `version: 1
rules:
  - id: tagged
    when: 'true'
    then: [ { tag: first-rules } ]
  - id: later
    when: 'subject.subject startsWith "Later"'
    then: [ { hold: { for: 3s } } ]
`

const watchConfig = `instance: watch
sources:
  - imap: { host: "IMAP", security: plain, user: u, password: { env: TQ_TEST_IMAP } }
rules: [ rules.yaml ]
sinks:
  - threatq: { host: "THREATQ", client_id: any, user: a@b.example, password: { env: TQ_TEST_THREATQ } }
  - jsonl: { name: lines, path: lines.jsonl }
store: { path: state.db }
watch: { poll: 200ms, idle: IDLE, listen: "127.0.0.1:0" }
log: { to: run.log }
`

// door is a TCP proxy on loopback that can be shut: then nobody listens there.
type door struct {
	*testing.T
	addr, target string

	mu       sync.Mutex
	listener net.Listener
	conns    []net.Conn
	carrying sync.WaitGroup
}

func newDoor(t *testing.T, target string) *door {
	d := &door{T: t, addr: "127.0.0.1:0", target: target}
	d.open()
	t.Cleanup(func() {
		d.shut()
		d.carrying.Wait()
	})
	return d
}

func (d *door) open() {
	d.Helper()
	l, err := net.Listen("tcp", d.addr)
	if err != nil {
		d.Fatal(err)
	}
	d.mu.Lock()
	d.addr, d.listener = l.Addr().String(), l
	d.mu.Unlock()
	d.carrying.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			d.carry(client)
		}
	})
}

func (d *door) carry(client net.Conn) {
	server, err := net.Dial("tcp", d.target)
	if err != nil {
		client.Close()
		return
	}
	d.mu.Lock()
	d.conns = append(d.conns, client, server)
	d.mu.Unlock()
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		d.carrying.Go(func() {
			io.Copy(way[0], way[1])
			client.Close()
			server.Close()
		})
	}
}

func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.listener.Close()
	for _, c := range d.conns {
		c.Close()
	}
	d.conns = nil
}

// watching is a run that goes on, between a mailbox and a platform.
type watching struct {
	folder
	mailbox *imapsim.Server
	tq      *platform
	mail    *door // to the mailbox
	web     *door // to the platform

	delivered int // mails

	process *exec.Cmd
	talk    *bytes.Buffer
	ended   chan struct{}
}

// newWatching starts a run, with the configuration changed by pairs of what stands
// in it and what shall.
func newWatching(t *testing.T, changes ...string) *watching {
	t.Helper()
	w := &watching{folder: folder{t, t.TempDir()}, mailbox: imapsim.New("u", "pw"), tq: newPlatform(t)}
	t.Setenv("TQ_TEST_IMAP", "pw")
	t.Setenv("TQ_TEST_THREATQ", "tq")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go w.mailbox.Serve(l)
	t.Cleanup(func() { w.mailbox.Close() })
	w.mail, w.web = newDoor(t, l.Addr().String()), newDoor(t, strings.TrimPrefix(w.tq.url, "http://"))
	changes = append(changes, "IMAP\"", w.mail.addr+"\"", "THREATQ\"", "http://"+w.web.addr+"\"", "IDLE", "true")
	w.write("tq.yaml", strings.NewReplacer(changes...).Replace(watchConfig))
	w.write("rules.yaml", watchRules)
	w.write("mails/none.txt", "")
	w.start()
	return w
}

func (w *watching) start() {
	w.Helper()
	c := exec.Command(os.Args[0], "run", "--watch", "-c", filepath.Join(w.dir, "tq.yaml"))
	c.Env = append(os.Environ(), asProgram+"=1")
	talk := &bytes.Buffer{}
	c.Stdout, c.Stderr = talk, talk
	if err := c.Start(); err != nil {
		w.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { c.Wait(); close(ended) }()
	w.process, w.talk, w.ended = c, talk, ended
	w.Cleanup(func() {
		c.Process.Kill()
		<-ended
		if w.Failed() {
			w.Logf("the end of the log:\n%s", w.log()[max(0, len(w.log())-3000):])
		}
	})
	w.until("metrics are served", func() bool { return w.address() != "" })
}

var servedAt = regexp.MustCompile(`msg="metrics are served" address=(\S+)`)

// address is where the last run serves its metrics.
func (w *watching) address() string {
	all := servedAt.FindAllStringSubmatch(w.log(), -1)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1][1]
}

func (w *watching) log() string {
	b, _ := os.ReadFile(filepath.Join(w.dir, "run.log"))
	return string(b)
}

// until waits for something to become true. A machine may be slow; a run may not
// end meanwhile.
func (w *watching) until(what string, ok func() bool) {
	w.Helper()
	for late := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		select {
		case <-w.ended:
			w.Fatalf("the run ended before %s:\n%s", what, w.talk)
		default:
		}
		if time.Now().After(late) {
			w.Fatalf("it did not come to this: %s", what)
		}
	}
}

// stop asks the run to end, and wants it to do so soon and well.
func (w *watching) stop() {
	w.Helper()
	began := time.Now()
	w.process.Process.Signal(syscall.SIGTERM)
	<-w.ended
	if code := w.process.ProcessState.ExitCode(); code != 0 || time.Since(began) > grace {
		w.Fatalf("exit status %d after %s:\n%s", code, time.Since(began).Round(time.Millisecond), w.talk)
	}
}

// deliver puts a mail into the mailbox, received now, with a date of its own.
func (w *watching) deliver(subject string) {
	w.Helper()
	w.delivered++
	date := enginetest.Epoch.Add(time.Duration(w.delivered) * time.Second)
	raw := fmt.Sprintf("From: Sender <s@mail.example>\r\nTo: phish@corp.example\r\nSubject: %s\r\nMessage-ID: <%s@mail.example>\r\nDate: %s\r\n\r\nhttps://%s.top/pay\r\n",
		subject, strings.ReplaceAll(subject, " ", "."), date.Format(time.RFC1123Z), strings.ToLower(strings.ReplaceAll(strings.Trim(subject, "."), " ", "-")))
	if _, err := w.mailbox.AddMail("INBOX", []byte(raw), time.Now()); err != nil {
		w.Fatal(err)
	}
}

// lines are the mails that the lines hold.
func (w *watching) lines() string {
	b, _ := os.ReadFile(filepath.Join(w.dir, "lines.jsonl"))
	return string(b)
}

// shipped tells whether a mail is at both sinks, and read.
func (w *watching) shipped(subject string) bool {
	title := fmt.Sprintf("%q", subject)
	return strings.Contains(w.lines(), title) && strings.Contains(w.tq.graph(), subject)
}

func (w *watching) unread() (n int) {
	for _, flags := range w.mailbox.Flags("INBOX") {
		if !slices.Contains(flags, "\\Seen") && !slices.Contains(flags, "\\seen") {
			n++
		}
	}
	return n
}

func (w *watching) page(path string) (status int, body string) {
	w.Helper()
	answer, err := http.Get("http://" + w.address() + path)
	if err != nil {
		w.Fatalf("%v: %s\n%.3000s", err, w.process.ProcessState, w.talk)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		w.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

// metric is a value of the metrics page; -1 when it is not there.
func (w *watching) metric(name string) int {
	w.Helper()
	_, page := w.page("/metrics")
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(page)
	if m == nil {
		return -1
	}
	f, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		w.Fatal(err)
	}
	return int(f)
}

func (w *watching) status() (r statusReport) {
	w.Helper()
	if err := json.Unmarshal([]byte(w.run(exitOK, "status", "--json")), &r); err != nil {
		w.Fatal(err)
	}
	return r
}

// New mail is shipped when it comes, whether the server hints at it or not.
func TestAWatchingRunShipsWhatComes(t *testing.T) {
	for _, idle := range []string{"true", "false"} {
		t.Run("idle "+idle, func(t *testing.T) {
			w := newWatching(t, "IDLE", idle)
			for _, subject := range []string{"One", "Two", "Three"} {
				w.deliver(subject)
				w.until(subject+" is shipped and read", func() bool { return w.shipped(subject) && w.unread() == 0 })
			}
			w.stop()
			if n := strings.Count(w.lines(), "\n"); n != 3 {
				t.Errorf("%d lines, want 3", n)
			}
		})
	}
}

// A hint of the server is worth more than a poll.
func TestIdleIsFasterThanThePoll(t *testing.T) {
	w := newWatching(t, "poll: 200ms", "poll: 1h")
	w.deliver("First")
	w.until("the mail is shipped within the hour", func() bool { return w.shipped("First") })
	w.deliver("Second")
	w.until("the mail is shipped within the hour", func() bool { return w.shipped("Second") })
	w.stop()
}

// Rules are loaded anew on SIGHUP; broken ones change nothing.
func TestRulesAreLoadedAnewOnSIGHUP(t *testing.T) {
	w := newWatching(t)
	w.deliver("One")
	w.until("One is shipped", func() bool { return w.shipped("One") })

	w.write("rules.yaml", strings.Replace(watchRules, "'true'", "'subjekt.subject == \"\"'", 1))
	w.process.Process.Signal(syscall.SIGHUP)
	place := filepath.Join(w.dir, "rules.yaml") + ":4:12: unknown name subjekt"
	w.until("the log says where the rules are broken", func() bool {
		return strings.Contains(w.log(), place) && strings.Contains(w.log(), "the old ones stay")
	})
	w.deliver("Two")
	w.until("Two is shipped", func() bool { return w.shipped("Two") })

	w.write("rules.yaml", strings.Replace(watchRules, "first-rules", "second-rules", 1))
	w.process.Process.Signal(syscall.SIGHUP)
	w.until("rules are loaded", func() bool { return strings.Contains(w.log(), "rules are loaded") })
	w.deliver("Three")
	w.until("Three is shipped", func() bool { return w.shipped("Three") })
	w.stop()
	first, second := strings.Count(w.lines(), "first-rules"), strings.Count(w.lines(), "second-rules")
	if first == 0 || second == 0 || strings.Contains(w.lineOf("Two"), "second-rules") || strings.Contains(w.lineOf("Three"), "first-rules") {
		t.Errorf("rules of %d and %d tags:\n%s", first, second, w.lines())
	}
}

func (w *watching) lineOf(subject string) string {
	for line := range strings.Lines(w.lines()) {
		if strings.Contains(line, fmt.Sprintf("%q", subject)) {
			return line
		}
	}
	return ""
}

// While a platform is away mail is taken in and the other sink gets it; when it is
// back it gets everything, and health is well again.
func TestASinkThatIsAwayGetsEverythingLater(t *testing.T) {
	w := newWatching(t)
	w.deliver("One")
	w.until("One is shipped, and the store knows", func() bool { return w.metric(`tqmailrules_batches_delivered_total{sink="threatq"}`) == 1 })
	if code, words := w.page("/healthz"); code != http.StatusOK || words != "ok\n" {
		t.Errorf("health %d %q", code, words)
	}
	w.web.shut()
	w.deliver("Two")
	w.deliver("Three")
	w.until("the mails are in the lines, and read", func() bool {
		return w.lineOf("Two") != "" && w.lineOf("Three") != "" && w.unread() == 0
	})
	w.until("the health is degraded", func() bool {
		code, words := w.page("/healthz")
		return code == http.StatusOK && strings.HasPrefix(words, "degraded: 2 batches wait for threatq, the oldest for ")
	})
	if n := w.metric(`tqmailrules_batches_waiting{sink="threatq"}`); n != 2 {
		t.Errorf("%d batches wait by the metrics", n)
	}
	if s := w.status(); s.Sinks[0].Waiting != 2 || s.Sinks[1].Waiting != 0 {
		t.Errorf("status %+v", s.Sinks)
	}
	w.web.open()
	w.until("the platform has them, too", func() bool { return w.shipped("Two") && w.shipped("Three") })
	w.until("the health is well", func() bool { _, words := w.page("/healthz"); return words == "ok\n" })
	if n := w.metric(`tqmailrules_batches_waiting{sink="threatq"}`); n != 0 {
		t.Errorf("%d batches wait by the metrics", n)
	}
	w.stop()
}

// A run that is told to end while a sink is away keeps what waits.
func TestTheEndDoesNotWaitForASink(t *testing.T) {
	w := newWatching(t)
	w.until("the mailbox was looked into", func() bool { return w.metric("tqmailrules_mails_read_total") == 0 })
	w.web.shut()
	w.deliver("One")
	w.until("One is in the lines", func() bool { return w.lineOf("One") != "" })
	w.stop()
	w.web.open()
	if out := w.run(exitOK, "ship"); !strings.Contains(out, "to threatq  1") || !w.shipped("One") {
		t.Errorf("ship:\n%s", out)
	}
}

// A mailbox that goes away and comes back is read on.
func TestAMailboxThatComesBackIsReadOn(t *testing.T) {
	w := newWatching(t)
	w.deliver("One")
	w.until("One is shipped", func() bool { return w.shipped("One") })
	w.mail.shut()
	w.deliver("Two")
	w.until("the log says that nothing listens", func() bool { return strings.Contains(w.log(), "nothing listens there") })
	w.mail.open()
	w.until("Two is shipped and read", func() bool { return w.shipped("Two") && w.unread() == 0 })
	w.stop()
}

// A mail that waits for a deadline is shipped when that has passed.
func TestADeadlinePassesWhileWatching(t *testing.T) {
	w := newWatching(t)
	w.deliver("Later")
	w.until("it is parked", func() bool { return w.metric(`tqmailrules_mails_total{outcome="parked"}`) == 1 })
	if s := w.status(); s.Parked.Mails != 1 || w.lineOf("Later") != "" {
		t.Errorf("%+v is parked, and shipped is %q", s.Parked, w.lines())
	}
	w.until("it is shipped", func() bool { return w.shipped("Later") })
	if s := w.status(); s.Parked.Mails != 0 || s.Mails["shipped"] != 1 {
		t.Errorf("%+v", s)
	}
	w.stop()
}

// What floods the mailbox is parked, and an operator lets it go on while the run
// does.
func TestAFloodIsParkedUntilSomebodyDecides(t *testing.T) {
	w := newWatching(t, "log:", "flood: { mails: 2, per: 1h }\nlimits: { workers: 1 }\nlog:")
	for i := range 4 {
		w.deliver(fmt.Sprintf("Flood %d", i))
		w.until("the mail was handled", func() bool { return w.unread() == 0 })
	}
	out := w.run(exitOK, "pending")
	if strings.Count(out, "flood: 2 mails of s@mail.example within 1h") != 1 || strings.Count(out, "flood: ") != 2 {
		t.Errorf("pending:\n%s", out)
	}
	ids := regexp.MustCompile(`(?m)^ *(\d+) .*flood: `).FindAllStringSubmatch(out, -1)
	if len(ids) != 2 {
		t.Fatalf("two mails should be parked:\n%s", out)
	}
	w.run(exitOK, "pending", "release", ids[0][1])
	w.run(exitOK, "pending", "drop", ids[1][1], "--reason", "a flood")
	w.until("the released one is shipped", func() bool { return w.shipped("Flood 2") })
	w.stop()
	if s := w.status(); w.lineOf("Flood 3") != "" || s.Mails["shipped"] != 3 {
		t.Errorf("status %+v", s)
	}
}

// Files that are added to a folder are read, and the others not again.
func TestAWatchedFolderIsReadOn(t *testing.T) {
	w := newWatching(t, `  - imap: { host: "IMAP", security: plain, user: u, password: { env: TQ_TEST_IMAP } }`, "  - files: { path: mails }", "log:", "limits: { workers: 1 }\nlog:")
	for _, subject := range []string{"One", "Two"} {
		w.write(filepath.Join("mails", subject+".eml"), "From: s@mail.example\r\nSubject: "+subject+"\r\n\r\nhttps://x-"+strings.ToLower(subject)+".top/\r\n")
		w.until(subject+" is shipped", func() bool { return w.shipped(subject) })
	}
	w.stop()
	if n := strings.Count(w.lines(), "\n"); n != 2 {
		t.Errorf("%d lines, want 2", n)
	}
}

// One run at a time uses a store.
func TestASecondRunIsRefusedWhileOneWatches(t *testing.T) {
	w := newWatching(t)
	out := w.run(exitEnvironment, "run")
	if want := fmt.Sprintf("another tqmailrules (process %d) is using", w.process.Process.Pid); !strings.Contains(out, want) {
		t.Errorf("the second run says nothing of %q:\n%s", want, out)
	}
	w.deliver("One")
	w.until("the first run goes on", func() bool { return w.shipped("One") })
	w.stop()
}

// A run that is told to end in the middle leaves nothing half done.
func TestTheEndLeavesNothingHalfDone(t *testing.T) {
	w := newWatching(t)
	const mails = 120
	for i := range mails {
		w.deliver(fmt.Sprintf("Mail %d.", i))
	}
	w.until("some are shipped", func() bool { return strings.Count(w.lines(), "\n") > mails/6 })
	w.stop()
	s := w.status()
	if begun := s.Mails["begun"]; begun != 0 {
		t.Errorf("%d mails are begun without an outcome", begun)
	}
	if read, done := mails-w.unread(), s.Mails["shipped"]; read > done {
		t.Errorf("%d mails are marked read, and %d have an outcome", read, done)
	}
	w.run(exitOK, "run")
	if n := strings.Count(w.lines(), "\n"); n != mails || w.unread() != 0 {
		t.Errorf("%d lines and %d unread mails, want %d and none", n, w.unread(), mails)
	}
	if n := strings.Count(w.tq.graph(), `"tqmailrules-key: `); n != mails {
		t.Errorf("%d events, want %d", n, mails)
	}
}

// agree wants the metrics of a run, the store and its database to say the same.
func (w *watching) agree(shipped int) {
	w.Helper()
	s := w.status()
	type numbers struct{ Shipped, Lines, ThreatQ, Waiting, Ledger int }
	metrics := numbers{w.metric(`tqmailrules_mails_total{outcome="shipped"}`), w.metric(`tqmailrules_batches_delivered_total{sink="lines"}`), w.metric(`tqmailrules_batches_delivered_total{sink="threatq"}`), w.metric(`tqmailrules_batches_waiting{sink="threatq"}`), w.metric("tqmailrules_mails_read_total")}
	want := numbers{shipped, shipped, shipped, 0, shipped}
	if metrics != want {
		w.Errorf("metrics %+v, want %+v", metrics, want)
	}
	status := numbers{s.Mails["shipped"], shipped, shipped, s.Sinks[0].Waiting, shipped}
	if status != want {
		w.Errorf("status %+v, want %+v", s, want)
	}
	rows := killDir(w.dir).rows(w.T, "state.db", []string{"SELECT disposition, count(*) FROM ledger WHERE committed_at IS NOT NULL GROUP BY 1", "SELECT 'outbox', count(*) FROM outbox"})
	if len(rows) != 2 || rows[0] != fmt.Sprintf("state.db\tshipped\t%d", shipped) || rows[1] != "state.db\toutbox\t0" {
		w.Errorf("the database has %q", rows)
	}
}

// Metrics, status and database agree while a run goes on and after it. The whole
// count comes with TQ_SOAK: 20,000 mails, in which memory may not grow.
func TestMetricsStatusAndDatabaseAgree(t *testing.T) {
	mails := 60
	if os.Getenv("TQ_SOAK") != "" {
		mails = 20_000
	}
	w := newWatching(t)
	var sizes []int
	began := time.Now()
	for i := 0; i < mails; {
		for range min(500, mails-i) {
			w.deliver(fmt.Sprintf("Mail %d.", i))
			i++
		}
		w.untilMany(fmt.Sprintf("%d are shipped", i), func() bool {
			return w.metric(`tqmailrules_batches_delivered_total{sink="threatq"}`) == i && w.metric(`tqmailrules_batches_delivered_total{sink="lines"}`) == i
		})
		sizes = append(sizes, residentSize(t, w.process.Process.Pid))
	}
	w.until("all are read", func() bool { return w.unread() == 0 })
	t.Logf("%d mails, %.0f a second; resident sizes in MiB: %v", mails, float64(mails)/time.Since(began).Seconds(), sizes)
	w.agree(mails)
	w.stop()
	s := w.status()
	if run := s.Runs[0]; run.Summary.Shipped != mails || run.Summary.Delivered["threatq"] != mails || run.Ended.IsZero() || run.Error != "" {
		t.Errorf("the run says %+v", run)
	}
	if early, late := slices.Max(sizes[:(len(sizes)+1)/2]), slices.Max(sizes[len(sizes)/2:]); late > early*5/4+8 {
		t.Errorf("the resident size grew from %d to %d MiB in the second half", early, late)
	}
}

// untilMany is until for work that takes long; it counts the time from the last
// progress.
func (w *watching) untilMany(what string, ok func() bool) {
	w.Helper()
	before := -1
	for {
		deadline, n := time.Now().Add(time.Minute), before
		for n == before && !ok() {
			if time.Now().After(deadline) {
				w.Fatalf("a minute without progress before %s", what)
			}
			time.Sleep(50 * time.Millisecond)
			n = w.metric(`tqmailrules_batches_delivered_total{sink="threatq"}`)
		}
		if n == before {
			return
		}
		before = n
	}
}

// residentSize is what a process holds in memory, in MiB; 0 where the system does
// not say.
func residentSize(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(b)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(m[1]))
	return cmp.Or(n/1024, 1)
}
