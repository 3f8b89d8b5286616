//go:build linux

package main

import (
	"bytes"
	"fmt"
	"html"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine/enginetest"
)

// canary is a password and the mail that offers it, in all but its common head.
type canary struct {
	name, password string
	subject        string // behind the key
	body           func(password string) string
}

func plainBody(form string) func(string) string {
	return func(p string) string {
		return "Content-Type: text/plain; charset=utf-8\r\n\r\n" + fmt.Sprintf(form, p) + "\r\n"
	}
}

func htmlBody(form string) func(string) string {
	return func(p string) string {
		return "Content-Type: text/html; charset=utf-8\r\n\r\n" + fmt.Sprintf(form, html.EscapeString(p)) + "\r\n"
	}
}

var canaries = []canary{
	{"signs", "Xq!7$w%Z&k#9", "", plainBody("Password: %s\r\nIt stands again: %[1]s.")},
	{"not ASCII", "Щука7пароход", "", plainBody("Пароль: %s\r\n")},
	{"plain word", "flibbergaster", "", plainBody("The password is: %s\r\nRegards")},
	{"digits", "83920174", "", plainBody("Password: %s\r\nRef %[1]s")},
	{"few digits", "4937", "", plainBody("PIN: %s\r\n")},
	{"like a domain", "harbour-9.canary-fog.icu", "", plainBody("Password: %s\r\n")},
	{"quoted, with spaces", "blue whale 77 x", "", plainBody("password: \"%s\"\r\n")},
	{"with quotes", `o'Neil"s-77`, "", plainBody("Password: %s\r\n")},
	{"like markup", "<b>T4g</b>Soup", "", plainBody("Password: %s\r\n")},
	{"in the subject", "Subj9Secret", "Password: Subj9Secret", plainBody("See above.%.0s")},
	{"HTML only", "Html&Only88", "", htmlBody("<p>The file.</p><p>Password: %s</p>")},
	{"split over tags", "SplitOver77Tags", "", func(string) string {
		return "Content-Type: text/html\r\n\r\n<p>Password: <span>Split</span><b>Over77</b><i>Tags</i> ok</p>\r\n"
	}},
	{"inline original", "Fwd6Original9", "", plainBody("fyi\r\n\r\n---------- Forwarded message ---------\r\nFrom: Other <other@partner-canary.icu>\r\nDate: Mon, 2 Mar 2026 08:00:00 +0000\r\nSubject: the file\r\nTo: a@b.icu\r\n\r\nPassword: %s\r\n")},
	{"text attached, too", "Attach3dText5", "", func(p string) string {
		return "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nPassword: " + p + "\r\n--x\r\nContent-Type: text/plain; name=n.txt\r\nContent-Disposition: attachment; filename=n.txt\r\n\r\nthe password: " + p + " again\r\n--x\r\nContent-Type: text/html; name=p.html\r\nContent-Disposition: attachment; filename=p.html\r\n\r\n<p>password: " + p + "</p>\r\n--x--\r\n"
	}},
	{"both bodies", "B0thBodies&1", "", func(p string) string {
		return "Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nPassword: " + p + "\r\n--x\r\nContent-Type: text/html\r\n\r\n<p title=\"" + html.EscapeString(p) + "\">Password: " + html.EscapeString(p) + "</p>\r\n--x--\r\n"
	}},
	{"in a link", "L1nkPass99", "", htmlBody(`<p>Password: %s</p><a href="http://linked.canary.icu/">Password: %[1]s</a>`)},
	{"number in bold", "5829", "", htmlBody("<p>PIN: <b>%s</b></p>")},
	{"named references", "Gr\u00fcn&Wei\u00df7", "", func(string) string {
		return "Content-Type: text/html\r\n\r\n<p>Password: Gr&uuml;n&amp;<b>Wei&szlig;</b>&#55;</p>\r\n"
	}},
}

const canaryRules = `version: 1
rules:
  - id: pair
    when: 'true'
    then: [ { pair: { subject: '\[(CASE-\d+)\]', window: 72h } } ]
  - id: shows
    when: 'true'
    then:
      - attribute: { Body: '{{ body.text }}', Html: '{{ body.html.inner_text }}', Subject: '{{ subject.subject }}', Field: '{{ header("Subject") }}', Now: '{{ body.current_thread.text }}' }
      - tag: '{{ subject.base }}'
  - id: asks
    when: 'body.text contains "no such words" || subject.subject contains "no such words" || body.html.raw contains "no such words" || body.plain.raw matches "^no such words$" || forward.original.text == "x" || any(attachments, .text contains "no such words")'
    then: [ { tag: never } ]
`

// TestPasswordsAreNowhereShown pairs locked files with passwords that other mails
// offer, and looks for the passwords in all that any command writes.
func TestPasswordsAreNowhereShown(t *testing.T) {
	qpdf := enginetest.Peer(t, "qpdf", "qpdf")
	dir := t.TempDir()
	corpus := filepath.Join(dir, "corpus")
	if err := os.Mkdir(corpus, 0o700); err != nil {
		t.Fatal(err)
	}
	for i, c := range canaries {
		writeCanary(t, qpdf, corpus, i, c)
	}
	rules := rulesFile(t, canaryRules)
	page, state := filepath.Join(dir, "page.html"), filepath.Join(dir, "state")
	config := filepath.Join(dir, "config.yaml")
	writeFile(t, config, fmt.Sprintf("sources: [ { files: { path: %q } } ]\nrules: [ %q ]\nstore: { path: %q }\nfiles: { dir: %q }\nsinks: [ { sqlite: { path: %q } }, { jsonl: { path: %q } } ]\nlog: { to: %q, verbosity: 3 }\n",
		corpus, rules, state+"/state.db", state+"/files", state+"/results.db", state+"/out.jsonl", state+"/log.txt"))
	test := strings.TrimSuffix(rules, ".yaml") + ".test.yaml"
	writeFile(t, test, failingTests(corpus))

	opened := watchedRun(t, "dry-run", "--rules", rules, "--json", "--html", page, corpus)
	for i, c := range canaries {
		if !bytes.Contains(opened.out, fmt.Appendf(nil, "http://opened-%d.canary.icu/x", i)) {
			t.Errorf("%s: the file was not opened", c.name)
		}
	}
	shown := map[string][]byte{"dry-run --json": opened.out, "dry-run --html, stderr": []byte(opened.stderr)}
	for name, args := range map[string][]string{
		"dry-run": {"dry-run", "--rules", rules, corpus}, "dry-run -v": {"dry-run", "-v", "--rules", rules, corpus},
		"explain": {"explain", "--rules", rules, corpus}, "explain asks": {"explain", "--rules", rules, corpus, "asks"}, "explain --json": {"explain", "--json", "--rules", rules, corpus, "asks", "shows"},
		"test --json": {"test", "--json", test}, "test": {"test", test}, "run": {"run", "-c", config},
	} {
		r := watchedRun(t, args...)
		if len(r.out) == 0 {
			t.Errorf("%s: exit %d, %.300s", name, r.code, r.stderr)
		}
		shown[name] = append(r.out, r.stderr...)
	}
	shown["page"] = readFile(t, page)
	for name, data := range writtenIn(t, state) {
		shown[name] = data
	}
	for i, c := range canaries {
		for where, data := range shown {
			for _, spelling := range spellings(c.password) {
				if strings.HasSuffix(where, "state.db") && strings.Contains(c.name, "attached") {
					continue // the bytes of files wait there to be shipped
				}
				if at := bytes.Index(data, []byte(spelling)); at >= 0 {
					t.Errorf("canary %d (%s) in %s: %q", i, c.name, where, data[max(0, at-80):min(len(data), at+60)])
				}
			}
		}
	}
}

// TestIndicatorsStandWholeBesidePasswords offers as passwords what stands in
// indicators, too: an attacker must not hide one by announcing it.
func TestIndicatorsStandWholeBesidePasswords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "offer.eml")
	writeFile(t, path, "From: P <p@whole.icu>\r\nTo: desk@nordhafen.example\r\nSubject: [CASE-7] file\r\nDate: Mon, 2 Mar 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n"+
		"--x\r\nContent-Type: text/plain\r\n\r\nPassword: drop-9.whole-host.icu\r\nPassword: 4711\r\nPassword: T0ken99x\r\nload http://drop-9.whole-host.icu/a and http://198.51.100.47/4711/T0ken99x?k=T0ken99x\r\n"+
		"--x\r\nContent-Type: text/html\r\n\r\n<p>Password: T0ken99x</p><a href=\"https://paste.whole-host.icu/T0ken99x\">here</a>\r\n--x--\r\n")
	r := watchedRun(t, "dry-run", "--rules", rulesFile(t, canaryRules), "--json", path)
	mails := mailsOf(t, r.out)
	for _, want := range []string{"http://drop-9.whole-host.icu/a", "http://198.51.100.47/4711/T0ken99x?k=T0ken99x", "https://paste.whole-host.icu/T0ken99x", "drop-9.whole-host.icu", "198.51.100.47"} {
		if len(mails) != 1 || !mails[0].found(want) {
			t.Errorf("%s was not found: %.2000s", want, r.out)
		}
	}
	if bytes.Contains(r.out, []byte("Password: T0ken99x")) || bytes.Contains(r.out, []byte("Password: 4711")) || bytes.Contains(r.out, []byte("Password: drop")) {
		t.Errorf("a password shows: %.2000s", r.out)
	}
}

// spellings are how a password may stand in what is written. One of digits may be
// a part of some other number; that one is looked for as it is announced.
func spellings(p string) []string {
	if len(p) < 6 {
		return []string{"PIN: " + p, "PIN: <b>" + p, `PIN: \u003cb\u003e` + p}
	}
	quoted := strings.NewReplacer(`"`, `\"`, `&`, `\u0026`, `<`, `\u003c`, `>`, `\u003e`).Replace(p)
	all := []string{p, html.EscapeString(p), quoted, strings.ReplaceAll(p, `"`, `\"`)}
	slices.Sort(all)
	return slices.Compact(all)
}

func writeCanary(t *testing.T, qpdf, corpus string, i int, c canary) {
	t.Helper()
	in, out := filepath.Join(t.TempDir(), "in.pdf"), filepath.Join(t.TempDir(), "out.pdf")
	writeFile(t, in, string(pdfWith("", fmt.Appendf(nil, "BT /F 9 Tf 50 700 Td (http://opened-%d.canary.icu/x) Tj ET", i))))
	if msg, err := exec.Command(qpdf, "--encrypt", c.password, "owner-0815", "256", "--", in, out).CombinedOutput(); err != nil && !strings.Contains(string(msg), "succeeded with warnings") {
		t.Fatalf("qpdf: %v: %s", err, msg)
	}
	head := func(kind string, minute int) string {
		return fmt.Sprintf("From: P <p@canary-%d.icu>\r\nTo: desk@nordhafen.example\r\nSubject: [CASE-%d] %s\r\nDate: Mon, 2 Mar 2026 09:%02d:00 +0000\r\nMessage-ID: <%s-%d@canary.icu>\r\nMIME-Version: 1.0\r\n", i, 5000+i, map[bool]string{true: c.subject, false: "file"}[kind == "offer"], minute, kind, i)
	}
	var locked bytes.Buffer
	locked.WriteString(head("locked", 10) + "Content-Type: application/pdf; name=f.pdf\r\nContent-Disposition: attachment; filename=f.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	writeBase64(&locked, readFile(t, out))
	writeFile(t, filepath.Join(corpus, fmt.Sprintf("%02d-locked.eml", i)), locked.String())
	writeFile(t, filepath.Join(corpus, fmt.Sprintf("%02d-offer.eml", i)), head("offer", 20)+c.body(c.password))
}

// failingTests expect what no mail fulfils, so that failures show what there is.
func failingTests(corpus string) string {
	var b strings.Builder
	b.WriteString("rules: [ rules.yaml ]\ncases:\n")
	for i := range canaries {
		fmt.Fprintf(&b, "  - name: case %d\n    messages:\n      - mail: %s\n      - mail: %s\n        expect: { event: { title: never }, matches: [asks], indicators: { FQDN: never.icu } }\n", i,
			filepath.Join(corpus, fmt.Sprintf("%02d-locked.eml", i)), filepath.Join(corpus, fmt.Sprintf("%02d-offer.eml", i)))
	}
	return b.String()
}

// writtenIn reads what a run left behind, but for raw mails and files.
func writtenIn(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "/files/") || strings.Contains(path, "/raw/") || strings.Contains(path, "/blobs/") {
			return err
		}
		all[path] = readFile(t, path)
		return nil
	})
	if err != nil || len(all) < 4 {
		t.Errorf("a run left %d files: %v", len(all), err)
	}
	return all
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
