//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine/enginetest"
)

const pairRules = `version: 1
rules:
  - id: quiet
    priority: -1
    when: 'subject.subject contains "quiet"'
    then: [ { treat_as: skip } ]
  - id: pair
    when: 'true'
    then: [ { pair: { subject: '\[(CASE-\d+)\]', window: 72h } } ]
`

// letter is a mail of a pairing.
type letter struct {
	from, subject, date, text string
	files                     []attachment
}

func (l letter) bytes(n int) []byte {
	head := fmt.Sprintf("From: %s\r\nSubject: %s\r\nMessage-ID: <%d@pairs.icu>\r\nMIME-Version: 1.0\r\n", l.from, l.subject, n)
	if l.date != "" {
		head += "Date: " + l.date + "\r\n"
	}
	whole := mailSaying(l.text, l.files...)
	return append([]byte(head), whole[bytes.Index(whole, []byte("Content-Type")):]...)
}

const (
	monday    = "Mon, 2 Mar 2026 09:00:00 +0000"
	inWindow  = "Thu, 5 Mar 2026 09:00:00 +0000"
	outWindow = "Thu, 5 Mar 2026 09:00:01 +0000"
	friend    = "a@friend.icu"
)

// TestPairingUnderAttack lets strangers and hurried partners offer passwords, in
// either order of arrival, and wants to know which files open.
func TestPairingUnderAttack(t *testing.T) {
	enginetest.Peer(t, "zip", "zip")
	// Each file inside holds an indicator: opened-WORD.pairs.icu.
	locked := func(word, password string) attachment { return lockedZip(t, word, password, nil) }
	ask := func(date string, files ...attachment) letter {
		return letter{friend, "[CASE-1] files", date, "see attached", files}
	}
	offer := func(from, date, text string) letter { return letter{from, "[CASE-1] more", date, text, nil} }
	flood := func(n int) (all []letter) {
		for i := range n {
			all = append(all, offer(friend, monday, fmt.Sprintf("Password: Wrong-%d-x", i)))
		}
		return all
	}
	ten, tenOffers := []attachment{}, ""
	for i := range 10 {
		ten = append(ten, locked(fmt.Sprintf("ten%d", i), fmt.Sprintf("Ten-%d-pw", i)))
		tenOffers += fmt.Sprintf("Password: Ten-%d-pw\r\n", i)
	}
	inner := locked("innermost", "Inner-77")
	nested := lockedZip(t, "outermost", "Outer-88", &inner)
	many := ""
	for i := range 200 {
		many += fmt.Sprintf("Password: Guess-%d-z\r\n", i)
	}
	for _, row := range []struct {
		name   string
		mails  []letter
		opened []string
		closed []string
	}{
		{"a stranger offers under the key", []letter{ask(monday, locked("x", "Pw-1-x")), offer("m@stranger.icu", monday, "Password: Pw-1-x")}, nil, []string{"x"}},
		{"thirty-one offers before the right one", append(flood(31), ask(inWindow, locked("x", "Pw-1-x")), offer(friend, monday, "Password: Pw-1-x")), []string{"x"}, nil},
		{"a flood of a stranger", append(func() (all []letter) {
			for _, l := range flood(100) {
				l.from = "m@stranger.icu"
				all = append(all, l)
			}
			return all
		}(), ask(monday, locked("x", "Pw-1-x")), offer(friend, monday, "Password: Pw-1-x")), []string{"x"}, nil},
		{"200 passwords in one mail", []letter{ask(monday, locked("x", "Pw-1-x")), offer(friend, monday, "Password: Pw-1-x\r\n"+many)}, []string{"x"}, nil},
		{"ten files, a password each", []letter{ask(monday, ten...), offer(friend, monday, tenOffers)}, []string{"ten0", "ten5", "ten9"}, nil},
		{"one inside the other, two mails", []letter{ask(monday, nested), offer(friend, monday, "Password: Outer-88"), offer(friend, monday, "Password: Inner-77")}, []string{"outermost", "innermost"}, nil},
		{"two mails, the same password", []letter{ask(monday, locked("x", "Pw-1-x")), offer(friend, monday, "Password: Pw-1-x"), offer(friend, monday, "Password: Pw-1-x")}, []string{"x"}, nil},
		{"two locked mails of a key", []letter{ask(monday, locked("x", "Pw-1-x")), ask(monday, locked("y", "Pw-2-y")), offer(friend, monday, "Password: Pw-1-x\r\nPassword: Pw-2-y")}, []string{"x", "y"}, nil},
		{"no dates", []letter{ask("", locked("x", "Pw-1-x")), offer(friend, "", "Password: Pw-1-x")}, []string{"x"}, nil},
		{"one date", []letter{ask("", locked("x", "Pw-1-x")), offer(friend, monday, "Password: Pw-1-x")}, nil, []string{"x"}},
		{"the last second of the window", []letter{ask(monday, locked("x", "Pw-1-x")), offer(friend, inWindow, "Password: Pw-1-x")}, []string{"x"}, nil},
		{"a second later", []letter{ask(monday, locked("x", "Pw-1-x")), offer(friend, outWindow, "Password: Pw-1-x")}, nil, []string{"x"}},
		{"the password mail is skipped", []letter{ask(monday, locked("x", "Pw-1-x")), {friend, "[CASE-1] quiet", monday, "Password: Pw-1-x", nil}}, []string{"x"}, nil},
		{"the locked mail offers for another", []letter{
			{friend, "[CASE-1] one", monday, "Password: Pw-2-y", []attachment{locked("x", "Pw-1-x")}},
			{friend, "[CASE-1] two", monday, "Password: Pw-1-x", []attachment{locked("y", "Pw-2-y")}},
		}, []string{"x", "y"}, nil},
		{"the key is nested in others", []letter{{friend, "[CASE-1] [CASE-2]", monday, "see", []attachment{locked("x", "Pw-1-x")}}, {friend, "Re: AW: [CASE-1]", monday, "Password: Pw-1-x", nil}}, []string{"x"}, nil},
		{"sender in capitals", []letter{ask(monday, locked("x", "Pw-1-x")), offer("A@FRIEND.ICU", monday, "Password: Pw-1-x")}, []string{"x"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, backwards := range []bool{false, true} {
				out := pairUp(t, row.mails, backwards)
				for _, word := range row.opened {
					if !strings.Contains(out, "opened-"+word+".pairs.icu") {
						t.Errorf("backwards %v: %s stayed closed: %.1500s", backwards, word, out)
					}
				}
				for _, word := range row.closed {
					if strings.Contains(out, "opened-"+word+".pairs.icu") {
						t.Errorf("backwards %v: %s was opened", backwards, word)
					}
				}
				if n := strings.Count(out, `"disposition":"shipped"`) + strings.Count(out, `"disposition":"skipped"`); n != len(row.mails) {
					t.Errorf("backwards %v: %d of %d mails were handled", backwards, n, len(row.mails))
				}
			}
		})
	}
}

// pairUp handles mails in their order, or from the last.
func pairUp(t *testing.T, mails []letter, backwards bool) string {
	t.Helper()
	dir := t.TempDir()
	mails = slices.Clone(mails)
	if backwards {
		slices.Reverse(mails)
	}
	for i, l := range mails {
		writeFile(t, filepath.Join(dir, fmt.Sprintf("%03d.eml", i)), string(l.bytes(i)))
	}
	r := watchedRun(t, "dry-run", "--rules", rulesFile(t, pairRules), "--json", dir)
	if r.code != 0 {
		t.Errorf("exit %d: %.500s", r.code, r.stderr)
	}
	return string(r.out)
}

// lockedZip is an archive under a password, perhaps with another one inside.
func lockedZip(t *testing.T, word, password string, inner *attachment) attachment {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, word+".txt"), "http://opened-"+word+".pairs.icu/x\n")
	names := []string{word + ".txt"}
	if inner != nil {
		writeFile(t, filepath.Join(dir, inner.name), string(inner.data))
		names = append(names, inner.name)
	}
	cmd := exec.Command("zip", append([]string{"-q", "-P", password, "out.zip"}, names...)...)
	cmd.Dir = dir
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("zip: %v: %s", err, msg)
	}
	return attachment{word + ".zip", readFile(t, filepath.Join(dir, "out.zip"))}
}

// TestTenThousandPasswordsEnd tries a long list of a rule on files of which each
// try is dear, and on one that is cheap.
func TestTenThousandPasswordsEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: uses up what trying passwords may cost, and -short is set")
	}
	var rules strings.Builder
	rules.WriteString("version: 1\nrules:\n  - id: list\n    when: 'true'\n    then:\n      - unlock:\n          passwords:\n")
	for i := range 10_000 {
		fmt.Fprintf(&rules, "            - 'try-%d'\n", i)
	}
	path := filepath.Join(t.TempDir(), "locked.eml")
	writeFile(t, path, string(mailWith(attachment{"a.xlsx", sample(t, "office/testdata/book-standard.xlsx")}, attachment{"b.7z", sample(t, "archive/testdata/headers.7z")},
		attachment{"c.zip", sample(t, "archive/testdata/aes256.zip")}, witness)))
	r := watchedRun(t, "dry-run", "--rules", rulesFile(t, rules.String()), "--json", path)
	mails := mailsOf(t, r.out)
	if len(mails) != 1 || !mails[0].found(harmless) || !slices.Contains(mails[0].codes(), "cap-password-work") || r.took > 2*hostileTime {
		t.Errorf("%v, exit %d: %.300s %.1000s", r.took, r.code, r.stderr, r.out)
	}
	t.Logf("%.1f s, %d MiB, %v", r.took.Seconds(), r.peak>>20, mails[0].Defects)
	if r.peak > hostileMemory {
		t.Errorf("%d MiB", r.peak>>20)
	}
}
