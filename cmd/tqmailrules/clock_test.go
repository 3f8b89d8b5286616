package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

// A clock that jumps, as one does that was wrong and is set right, neither loses a
// mail nor ships one twice.
func TestTheClockJumps(t *testing.T) {
	f := folder{t, t.TempDir()}
	f.write("tq.yaml", `sources: [ { files: { path: mails } } ]
rules: [ rules.yaml ]
sinks: [ { jsonl: { path: out.jsonl } } ]
store: { path: state.db, keep: 30d, history: 365d }
log: { to: run.log }
`)
	f.write("rules.yaml", `version: 1
rules:
  - id: wait
    when: 'subject.subject == "Later"'
    then: [ { hold: { for: 24h } } ]
`)
	start := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	mail := func(name, subject string) {
		f.write("mails/"+name, "From: a@b.example\nSubject: "+subject+"\nDate: Mon, 2 Mar 2026 09:00:00 +0000\n\nhttps://"+name+".example/\n")
	}
	steps := []struct {
		name  string
		after time.Duration // of start
		add   string
		want  string
	}{
		{"a first run", 0, "one", "parked"},
		{"an hour later", time.Hour, "two", "handled before"},
		{"ten years back", -10 * 365 * 24 * time.Hour, "three", "shipped"},
		{"and to rights: the day is over", 26 * time.Hour, "four", "given back"},
		{"ten years ahead", 10 * 365 * 24 * time.Hour, "five", "shipped"},
		{"and to rights", 27 * time.Hour, "six", "shipped"},
	}
	mail("later", "Later")
	for _, s := range steps {
		mail(s.add, "Now")
		var out, talk bytes.Buffer
		a := &app{in: strings.NewReader(""), out: &out, err: &talk, env: os.LookupEnv, now: func() time.Time { return start.Add(s.after) }}
		if code := a.main(t.Context(), []string{"run", "-c", f.dir + "/tq.yaml"}); code != exitOK {
			t.Fatalf("%s: exit status %d\n%s%s", s.name, code, out.String(), talk.String())
		}
		if !strings.Contains(out.String(), s.want) {
			t.Errorf("%s: nothing of %q:\n%s", s.name, s.want, out.String())
		}
	}
	lines, err := os.ReadFile(f.dir + "/out.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"later", "one", "two", "three", "four", "five", "six"} {
		if n := strings.Count(string(lines), `"value":"https://`+host+`.example/"`); n != 1 {
			t.Errorf("%s was shipped %d times", host, n)
		}
	}
}
