package rules_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/rules"
)

// filesystem is list files by path.
type filesystem map[string]string

func (f filesystem) open(path string) (io.ReadCloser, error) {
	text, ok := f[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("no such file or directory")}
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

func TestListFiles(t *testing.T) {
	files := filesystem{
		"conf/lists/words.txt":  "\ufeff# words\n\n  Invoice  \r\nParcel\n# end\n",
		"conf/lists/hosts.csv":  "# host,seen\nbad.example,3\n\"evil.example\",\"a,b\"\n ,\n",
		"conf/lists/nets.jsonl": "\"10.0.0.0/8\"\n{\"value\": \"2001:db8::/32\", \"why\": \"test\"}\n",
		"/etc/abs.txt":          "x\n",
	}
	const text = `
version: 1
lists:
  words: { file: lists/words.txt }
  hosts: { kind: suffix, file: lists/hosts.csv }
  nets: { kind: cidr, file: lists/nets.jsonl }
  abs: { file: /etc/abs.txt }
rules:
  - id: a
    when: '"INVOICE" in lists.words && "parcel" in lists.words && len(lists.words) == 2 && "www.evil.example" in lists.hosts && "10.1.1.1" in lists.nets && "2001:db8::5" in lists.nets && "x" in lists.abs'
    then: [ { tag: x } ]
`
	set, diags := rules.Load([]rules.File{{Name: "conf/rules.yaml", Data: []byte(text)}}, rules.Options{Open: files.open})
	if diags != nil {
		t.Fatal(diags)
	}
	if p := set.Evaluate(engine.PhaseMessage, view(benchMessage())); verdicts(p) != "a match" {
		t.Errorf("verdicts %s", verdicts(p))
	}
	var got []string
	for _, l := range set.Lists() {
		got = append(got, fmt.Sprint(l.Name, " ", l.Kind, " ", l.File, " ", l.Entries, " ", l.SHA256[:8], " ", l.Pos))
	}
	want := []string{
		"abs exact /etc/abs.txt 1 " + set.Lists()[0].SHA256[:8] + " conf/rules.yaml:7:8",
		"hosts suffix conf/lists/hosts.csv 2 " + set.Lists()[1].SHA256[:8] + " conf/rules.yaml:5:10",
		"nets cidr conf/lists/nets.jsonl 2 " + set.Lists()[2].SHA256[:8] + " conf/rules.yaml:6:9",
		"words exact conf/lists/words.txt 2 " + set.Lists()[3].SHA256[:8] + " conf/rules.yaml:4:10",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The digest is of the content, not of how it is written.
func TestListDigest(t *testing.T) {
	digest := func(values string) string {
		return load(t, "version: 1\nlists: { l: { "+values+" } }\n").Lists()[0].SHA256
	}
	a := digest("values: [b, a, b]")
	if digest("kind: exact, values: ['a', \"b\"]") != a {
		t.Error("order, quotes or repetition change the digest")
	}
	for _, other := range []string{"values: [ab]", "values: [a]", "kind: suffix, values: [a, b]"} {
		if digest(other) == a {
			t.Errorf("%s has the same digest", other)
		}
	}
}

func TestBrokenListFiles(t *testing.T) {
	files := filesystem{
		"hosts.txt":  "good.example\n\nnot a host\nuser@host\n",
		"broken.csv": "a,b\n\"open\n",
		"lines.json": "x",
		"bad.jsonl":  "\"fine\"\n{\"other\": 1}\n",
		"long.txt":   strings.Repeat("x", 2<<20),
	}
	const text = `version: 1
lists:
  hosts: { kind: suffix, file: hosts.txt }
  broken: { file: broken.csv }
  bad: { file: bad.jsonl }
  long: { file: long.txt }
  gone: { file: gone.txt }
  empty: { file: '' }
`
	_, diags := rules.Load([]rules.File{{Name: "rules.yaml", Data: []byte(text)}}, rules.Options{Open: files.open})
	want := `hosts.txt:3:1: "not a host" is not a domain name
  | not a host
  | ^
  expected: a name such as example.org
  see: rules.yaml:3:32: the list hosts
hosts.txt:4:1: "user@host" is not a domain name
  | user@host
  | ^
  expected: a name such as example.org
  see: rules.yaml:3:32: the list hosts
rules.yaml:4:19: list file broken.csv: parse error on line 2, column 7: extraneous or missing " in quoted-field
  | broken: { file: broken.csv }
  | ................^
rules.yaml:5:16: list file bad.jsonl: line 2: neither a text nor an object with "value"
  | bad: { file: bad.jsonl }
  | .............^
rules.yaml:6:17: list file long.txt: bufio.Scanner: token too long
  | long: { file: long.txt }
  | ..............^
rules.yaml:7:17: list file cannot be read: gone.txt: no such file or directory
  | gone: { file: gone.txt }
  | ..............^
rules.yaml:8:18: file of a list is empty
  | empty: { file: '' }
  | ...............^`
	if diff := cmp.Diff(want, diags.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
