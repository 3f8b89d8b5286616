package main

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/threatqsim"
	"github.com/tqmailrules/tqmailrules/engine/source/files"
	"github.com/tqmailrules/tqmailrules/engine/source/imap/imaptest"
)

// The rules of these tests: reports, forwards, and something for every mail.
const productionRules = `version: 1
defaults: { status: Review, source: Phishing Desk, tlp: AMBER }
rules:
  - id: forwards-are-spearphish
    when: 'forward.is_forward || len(nested) > 0'
    then: [ { treat_as: spearphish }, { attribute: { Reported By: '{{ sender.email.email }}' } } ]
  - id: links
    when: 'len(body.links) > 0'
    then: [ { score: 10 }, { tag: has-links } ]
`

const productionConfig = `instance: production
mailbox: { name: Phishing Desk, own_domains: [corp.example] }
sources: [ { %s } ]
rules: [ rules.yaml ]
sinks: [ { threatq: { host: %q, client_id: any, user: a@b.example, password: { env: TQ_TEST_THREATQ }%s } } ]
store: { path: state.db }
limits: { attempts: 1000 } # it is not the mails that kill the process
log: { to: run.log }
`

// platform is a simulated ThreatQ that is served.
type platform struct {
	*threatqsim.Server
	url string
}

func newPlatform(t testing.TB) *platform {
	t.Helper()
	cfg := (&simulator{seed: 7, user: "a@b.example", password: "tq", oneShot: true}).config(&app{now: time.Now})
	sim := threatqsim.New(cfg)
	web := httptest.NewServer(sim)
	t.Cleanup(web.Close)
	return &platform{sim, web.URL}
}

// graph is the object graph of the platform, without the UIDVALIDITY of the
// mailbox, which is the time at which it was made.
func (p *platform) graph() string {
	return regexp.MustCompile(`\b\d{9,10}\.(\d+)\b`).ReplaceAllString(string(p.Dump()), "uid $1")
}

// mailServer is where the mail lies, in one inbox.
type mailServer interface {
	Address() string
	// Source is the entry of a configuration, for the server behind an address. The
	// password is in the environment.
	Source(t testing.TB, address string) string
	Deliver(t testing.TB, raw []byte, received time.Time)
	Count(t testing.TB) (mails, unread int)
	// Trouble makes it answer some requests as servers do on bad days; Calm ends that.
	Trouble(t testing.TB, seed uint64)
	Calm()
	Restart(t testing.TB)
}

// dovecot is a mailServer.
type dovecot struct{ *imaptest.Dovecot }

func newDovecot(t testing.TB) mailServer { return dovecot{imaptest.Start(t)} }

func (d dovecot) Address() string { return d.Addr }

func (d dovecot) Source(t testing.TB, address string) string {
	t.Helper()
	t.Setenv("TQ_TEST_IMAP", d.Password)
	return fmt.Sprintf("imap: { host: %q, security: plain, user: %s, password: { env: TQ_TEST_IMAP } }", address, d.User)
}

func (d dovecot) Deliver(t testing.TB, raw []byte, received time.Time) {
	t.Helper()
	d.Dovecot.Deliver(t, "INBOX", raw, received)
}

func (d dovecot) Count(t testing.TB) (mails, unread int) { return d.Dovecot.Count(t, "INBOX") }
func (d dovecot) Trouble(testing.TB, uint64)             {} // its connections are cut
func (d dovecot) Calm()                                  {}
func (d dovecot) Restart(t testing.TB)                   { d.Dovecot.Restart(t) }

// production is a mailbox, a ThreatQ, and a folder with a configuration between them.
type production struct {
	killDir
	mailbox mailServer
	tq      *platform
}

func newProduction(t testing.TB, mailbox mailServer, mails [][]byte, through func(n int) int64, more string) (*production, *imaptest.Cutter) {
	t.Helper()
	p := &production{killDir: killDir(t.TempDir()), mailbox: mailbox, tq: newPlatform(t)}
	t.Setenv("TQ_TEST_THREATQ", "tq")
	for i, raw := range mails {
		p.mailbox.Deliver(t, raw, enginetest.Epoch.Add(time.Duration(i)*time.Second))
	}
	cutter := imaptest.NewCutter(t, p.mailbox.Address(), 0, through)
	config := fmt.Sprintf(productionConfig, p.mailbox.Source(t, cutter.Addr), p.tq.url, more)
	for name, text := range map[string]string{"tq.yaml": config, "rules.yaml": productionRules} {
		if err := os.WriteFile(p.file(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p, cutter
}

// ledger counts the mails that have an outcome.
func (p *production) ledger(t testing.TB) (done int) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+p.file("state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow("SELECT count(*) FROM ledger WHERE committed_at IS NOT NULL").Scan(&done); err != nil && !strings.Contains(err.Error(), "no such table") {
		t.Fatal(err)
	}
	return done
}

// marks wants that no mail is read that has no outcome.
func (p *production) marks(t testing.TB) {
	t.Helper()
	mails, unread := p.mailbox.Count(t)
	if read, done := mails-unread, p.ledger(t); read > done {
		t.Errorf("%d mails are marked read, and %d have an outcome", read, done)
	}
}

// end runs until nothing is left to do.
func (p *production) end(t testing.TB) {
	t.Helper()
	for range 10 {
		c, talk := p.command()
		c.Run()
		switch code := exit(c.ProcessState.ExitCode()); code {
		case exitOK, exitQuarantined:
			return
		case exitEnvironment: // something is still in disorder
		default:
			t.Fatalf("exit status %d:\n%s", code, talk)
		}
	}
	log, _ := os.ReadFile(p.file("run.log"))
	t.Fatalf("ten runs did not end well:\n%s", log[max(0, len(log)-2000):])
}

// reportedMails are distinct mails as a phishing desk gets them, each several times
// over: from a folder of real ones when TQ_CORPUS names one, else made up.
func reportedMails(t testing.TB, distinct, times int) (all [][]byte) {
	t.Helper()
	all = corpusMails(t, distinct)
	for i := len(all); i < distinct; i++ {
		all = append(all, madeUpMail(i))
	}
	return slices.Repeat(all[:distinct], times)
}

func corpusMails(t testing.TB, most int) (all [][]byte) {
	dir := os.Getenv("TQ_CORPUS")
	if dir == "" {
		return nil
	}
	src, err := files.Open(files.Config{Paths: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for len(all) < most {
		d, err := src.Next(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		raw, err := engine.ReadAll(d.Raw, 64<<20)
		if err != nil {
			t.Fatal(err)
		}
		if len(raw) > 0 { // Dovecot keeps no empty mail
			all = append(all, raw)
		}
	}
	return all
}

// madeUpMail is a lure, a report with an attachment, or a forwarded lure.
func madeUpMail(i int) []byte {
	date := enginetest.Epoch.Add(time.Duration(i) * 37 * time.Second).Format(time.RFC1123Z)
	head := fmt.Sprintf("From: Sender %d <s%[1]d@mail-%[1]d.example>\r\nTo: phish@corp.example\r\nSubject: Notice %[1]d, 50%% off\r\nMessage-ID: <%[1]d@mail.example>\r\nDate: %s\r\nMIME-Version: 1.0\r\n", i, date)
	lure := fmt.Sprintf("Your parcel %d waits: https://parcel-%[1]d.top/pay?id=%[1]d and hxxp://203[.]0[.]113[.]%d/x\r\n", i, i%250)
	switch i % 3 {
	case 0:
		return []byte(head + "\r\n" + lure)
	case 1:
		file := base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf("report %d\nc2: evil-%[1]d.icu\n%x\n", i, bytes.Repeat([]byte{byte(i)}, 32))))
		return []byte(head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee the file.\r\n--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=report.txt\r\nContent-Transfer-Encoding: base64\r\n\r\n" + file + "\r\n--b--\r\n")
	}
	return []byte(head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nplease look\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: Bank <bank@fake-" + fmt.Sprint(i) + ".example>\r\nTo: anna@corp.example\r\nSubject: Confirm " + fmt.Sprint(i) + "\r\nDate: " + date + "\r\n\r\n" + lure + "\r\n--b--\r\n")
}

// TestFromAMailboxToThreatQ reads a mailbox of 2,000 mails that are 500, each four
// times over, in peace; then the same with everything that can come in between,
// and wants the same of the platform, every mail once, and no mark that was not
// earned.
func TestFromAMailboxToThreatQ(t *testing.T) { fromMailboxToThreatQ(t, newDovecot, 500) }

func fromMailboxToThreatQ(t *testing.T, newServer func(testing.TB) mailServer, distinct int) {
	t.Helper()
	times, rounds := 4, 20
	switch {
	case os.Getenv("TQ_SOAK") != "":
		rounds = 200
	case testing.Short():
		distinct, times, rounds = 30, 2, 3
	}
	mails := reportedMails(t, distinct, times)
	calm, _ := newProduction(t, newServer(t), mails, nil, "")
	began := time.Now()
	calm.end(t)
	whole := time.Since(began)
	t.Logf("%d mails in %s: %.0f mails/s; %d requests to ThreatQ", len(mails), whole.Round(time.Millisecond), float64(len(mails))/whole.Seconds(), calm.tq.Counts().Total)
	if done := calm.ledger(t); done != len(mails) {
		t.Errorf("%d rows of the ledger are done, want %d", done, len(mails))
	}
	if _, unread := calm.mailbox.Count(t); unread != 0 {
		t.Errorf("%d mails are unread at the end", unread)
	}
	want := calm.tq.graph()
	wantSeenIn(t, want, distinct, times)

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for left := rounds; left > 0; left -= perCampaign {
		disturbed(t, newServer(t), mails, want, seed+uint64(left), min(left, perCampaign), whole)
	}
}

// perCampaign is how often one filling of the mailbox is disturbed.
const perCampaign = 20

// trouble is what the platform does to requests.
var trouble = []threatqsim.What{
	"401", "429", "500", "503", "500-after", "503-after", threatqsim.Truncated, threatqsim.Cut, threatqsim.CutBefore, threatqsim.HTML, threatqsim.Shuffled, threatqsim.Slow,
}

// disturbed takes mails in through so many rounds of trouble, and wants a graph.
func disturbed(t *testing.T, mailbox mailServer, mails [][]byte, want string, seed uint64, rounds int, whole time.Duration) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 5))
	torn, cutter := newProduction(t, mailbox, mails, func(int) int64 { return 1000 + rng.Int64N(4<<20) }, ", timeout: 700ms")
	for round := range rounds {
		torn.tq.Calm()
		if err := torn.tq.Chaos(seed+uint64(round), 0.04, trouble...); err != nil {
			t.Fatal(err)
		}
		torn.mailbox.Trouble(t, seed+uint64(round))
		torn.round(t, rng, cutter, whole)
		torn.marks(t)
	}
	torn.tq.Calm()
	torn.mailbox.Calm()
	struck := torn.tq.Struck()
	torn.end(t)
	t.Logf("%d rounds, %d connections to the mailbox, %d requests struck", rounds, cutter.Connections(), struck)
	if done := torn.ledger(t); done != len(mails) {
		t.Errorf("%d rows of the ledger are done, want %d", done, len(mails))
	}
	if _, unread := torn.mailbox.Count(t); unread != 0 {
		t.Errorf("%d mails are unread at the end", unread)
	}
	if diff := cmp.Diff(lines(want), lines(torn.tq.graph())); diff != "" {
		t.Errorf("the platform after trouble (-undisturbed +disturbed):\n%s", diff[:min(len(diff), 4000)])
	}
}

// round starts a run and does something to it: it is killed, its server is
// restarted under it, or its connection is cut; or it may end.
func (p *production) round(t *testing.T, rng *rand.Rand, cutter *imaptest.Cutter, whole time.Duration) {
	t.Helper()
	c, talk := p.command()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { gone <- c.Wait() }()
	ended := p.wait(gone, time.Duration(rng.Int64N(int64(min(whole/2, 6*time.Second)))))
	switch rng.IntN(4) {
	case 0:
		p.mailbox.Restart(t)
		ended = ended || p.wait(gone, time.Duration(rng.Int64N(int64(min(whole/8, time.Second)))))
	case 1:
		cutter.Cut()
		ended = ended || p.wait(gone, time.Duration(rng.Int64N(int64(min(whole/8, time.Second)))))
	}
	if !ended {
		c.Process.Kill()
		<-gone
	}
	if code := c.ProcessState.ExitCode(); ended && exit(code) != exitOK && exit(code) != exitQuarantined && exit(code) != exitEnvironment {
		t.Fatalf("exit status %d:\n%s", code, talk)
	}
}

func (p *production) wait(gone <-chan error, span time.Duration) (ended bool) {
	select {
	case <-gone:
		return true
	case <-time.After(span):
		return false
	}
}

// wantSeenIn wants one event for each mail that differs, each seen as often as its
// mail came.
func wantSeenIn(t *testing.T, graph string, distinct, times int) {
	t.Helper()
	if os.Getenv("TQ_CORPUS") != "" {
		return // real mails are alike at times, and some carry others
	}
	if events := strings.Count(graph, `"tqmailrules-key: `); events != distinct {
		t.Errorf("%d events, want %d", events, distinct)
	}
	if seen := strings.Count(graph, `"Seen In: `); seen < distinct*(times-1) {
		t.Errorf("%d times Seen In, want %d at least", seen, distinct*(times-1))
	}
}

func lines(s string) []string { return strings.Split(s, "\n") }

// TestInitThenRun goes from an empty folder to a shipped mail without a person,
// then runs a crontab line of the vendor's connector.
func TestInitThenRun(t *testing.T) {
	mailbox, tq := imaptest.Start(t), newPlatform(t)
	for i := range 3 {
		mailbox.Deliver(t, "INBOX", madeUpMail(i), enginetest.Epoch)
	}
	dir := filepath.Join(t.TempDir(), "tq_labs")
	out := runProgram(t, exitOK, "init", "-c", dir, "--check",
		"--threatq-host", tq.url, "--threatq-client-id", "any", "--threatq-user", "a@b.example", "--threatq-password", "tq",
		"--imap-host", mailbox.Addr, "--imap-security", "plain", "--imap-user", mailbox.User, "--imap-password", mailbox.Password, "--own-domains", "corp.example")
	for _, want := range []string{"INBOX: 3 mails, 3 unread", "indicator types", "imap imap  ", "ok"} {
		if !strings.Contains(out, want) {
			t.Errorf("init --check says nothing of %q:\n%s", want, out)
		}
	}
	if out := runProgram(t, exitOK, "dry-run", "-c", dir); !strings.Contains(out, "Confirm 2") || mailbox.Unread(t, "INBOX") != 3 {
		t.Errorf("a dry run of the live mailbox, with %d unread mails after it:\n%s", mailbox.Unread(t, "INBOX"), out)
	}
	corpus := filepath.Join(t.TempDir(), "corpus")
	if out := runProgram(t, exitOK, "fetch", "-c", dir, "--to", corpus); !strings.Contains(out, "3 mails written") || mailbox.Unread(t, "INBOX") != 3 {
		t.Errorf("fetch: %s", out)
	}
	if out := runProgram(t, exitOK, "fetch", "-c", dir, "--to", corpus, "--max", "2"); !strings.Contains(out, "0 mails written") || !strings.Contains(out, "2 were there") {
		t.Errorf("fetch again: %s", out)
	}
	if out := runProgram(t, exitOK, "-c", dir+"/", "-ll", dir, "-v3"); !strings.Contains(out, "3 mails read") || mailbox.Unread(t, "INBOX") != 0 {
		t.Errorf("run: %s", out)
	}
	if events := strings.Count(tq.graph(), `"tqmailrules-key: `); events != 3 {
		t.Errorf("%d events, want 3", events)
	}
}

// runProgram runs the program to its end.
func runProgram(t *testing.T, want exit, args ...string) string {
	t.Helper()
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), asProgram+"=1")
	out, _ := c.CombinedOutput()
	if code := exit(c.ProcessState.ExitCode()); code != want {
		t.Fatalf("%q: exit status %d:\n%s", args, code, out)
	}
	return string(out)
}

// BenchmarkMailboxToThreatQ is a whole run: Dovecot, the program, the simulator.
// fetch-share is the part of the time that reading the mailbox alone takes.
func BenchmarkMailboxToThreatQ(b *testing.B) {
	mails := reportedMails(b, 250, 2)
	for b.Loop() {
		b.StopTimer()
		p, _ := newProduction(b, newDovecot(b), mails, nil, "")
		began := time.Now()
		c := exec.Command(os.Args[0], "fetch", "-c", p.file("tq.yaml"), "--to", p.file("corpus"))
		c.Env = append(os.Environ(), asProgram+"=1")
		if out, err := c.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		fetched := time.Since(began)
		b.StartTimer()
		began = time.Now()
		p.end(b)
		whole := time.Since(began)
		b.ReportMetric(float64(len(mails))/whole.Seconds(), "mails/s")
		b.ReportMetric(fetched.Seconds()/whole.Seconds(), "fetch-share")
		b.ReportMetric(float64(p.tq.Counts().Total)/float64(len(mails)), "requests/mail")
	}
}

// BenchmarkVendorsAverageRun is the average run that the vendor tells of its
// connector, which takes 7 s there: 1 mail, 15 indicators, 1 event, 23 attributes,
// 1 file.
func BenchmarkVendorsAverageRun(b *testing.B) {
	var body strings.Builder
	for i := range 12 {
		fmt.Fprintf(&body, "https://host-%d.top/pay\r\n", i)
	}
	mail := []byte("From: Reporter <reporter@partner.example>\r\nTo: phish@corp.example\r\nSubject: Report\r\nMessage-ID: <average@partner.example>\r\nDate: Mon, 2 Mar 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" +
		body.String() + "--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=list.txt\r\n\r\nc2: one.icu two.icu three.icu\r\n--b--\r\n")
	for b.Loop() {
		b.StopTimer()
		p, _ := newProduction(b, newDovecot(b), [][]byte{mail}, nil, "")
		b.StartTimer()
		p.end(b)
		b.ReportMetric(float64(p.tq.Counts().Total), "requests")
	}
}

// `parse: server` has the platform import a spearphish, beside what we extract; the
// rest is as ever.
func TestThePlatformParsesWhatRulesWant(t *testing.T) {
	t.Setenv("TQ_TEST_THREATQ", "tq")
	tq := newPlatform(t)
	f := folder{t, t.TempDir()}
	f.write("tq.yaml", strings.Replace(retractConfig, "HOST", tq.url, 1))
	f.write("rules.yaml", productionRules+"  - { id: parsed-there-too, when: 'true', then: [ { parse: server } ] }\n")
	for i := range 3 {
		f.write(fmt.Sprintf("mails/%d.eml", i), string(madeUpMail(i)))
	}
	if out := f.run(exitOK, "dry-run"); strings.Count(out, "parsed by the server") != 1 {
		t.Errorf("a dry run says:\n%s", out)
	}
	f.run(exitOK, "run")
	routes := tq.Counts().Routes
	if imports, commits := routes["POST /api/events/import"], routes["GET /api/events/import/{impid}/commit"]; imports != 1 || commits != 1 {
		t.Errorf("%d imports, %d commits of them, want one: %v", imports, commits, routes)
	}
	if events := strings.Count(tq.graph(), `"tqmailrules-key: `); events != 3 {
		t.Errorf("%d events, want 3:\n%s", events, tq.graph())
	}
}
