package dictionary_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/extract/dictionary"
)

// bundle is of the shape of ATT&CK.
const bundle = `{"type":"bundle","id":"bundle--1","spec_version":"2.0","objects":[
{"type":"malware","id":"malware--1","name":"Zorvex","x_mitre_aliases":["Zorvex","Zorv"],"external_references":[{"source_name":"mitre-attack","external_id":"S9001","url":"https://example.org"},{"source_name":"other"}]},
{"type":"intrusion-set","name":"Quim Spider","aliases":["Quim Spider","Quim \"Q\" Group"],"external_references":[{"source_name":"mitre-attack","external_id":"G9001"}]},
{"type":"threat-actor","name":"Lut Crew"},
{"type":"attack-pattern","name":"Zapping","external_references":[{"source_name":"capec","external_id":"CAPEC-999"}]},
{"type":"tool","name":"Gone","revoked":true},
{"type":"tool","name":"Old","x_mitre_deprecated":true},
{"type":"tool","name":17},
{"type":"vulnerability","name":"CVE-2024-99999"},
{"type":"relationship","source_ref":"a"},
"text", null, 5, [], {},
{"type":"campaign","name":""},
{"type":"malware","name":"Li\u0000ne\nbreak\ud800","extra":{"deep":[[[{}]]]}}
]}`

func TestSTIXBundlesAreRead(t *testing.T) {
	entries, problems, err := dictionary.ReadSTIX(strings.NewReader(bundle), "mine")
	if err != nil {
		t.Fatal(err)
	}
	want := []dictionary.Entry{
		{Type: "Malware", Name: "Zorvex", ID: "S9001", Aliases: []string{"Zorv"}, Dictionary: "mine"},
		{Type: "Adversary", Name: "Quim Spider", ID: "G9001", Aliases: []string{`Quim "Q" Group`}, Dictionary: "mine"},
		{Type: "Adversary", Name: "Lut Crew", Dictionary: "mine"},
		{Type: "Attack Pattern", Name: "Zapping", ID: "CAPEC-999", Dictionary: "mine"},
		{Type: "Vulnerability", Name: "CVE-2024-99999", ID: "CVE-2024-99999", Dictionary: "mine"},
		{Type: "Malware", Name: "Li ne break\ufffd", Dictionary: "mine"},
	}
	if diff := cmp.Diff(want, entries); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(problems) != 5 || !strings.Contains(problems[0], "object 7: ") || !strings.Contains(problems[4], "no name") {
		t.Errorf("problems %q", problems)
	}
}

func TestGalaxiesAreRead(t *testing.T) {
	for _, c := range []struct{ galaxy, want string }{
		{"threat-actor", "Adversary"},
		{"malpedia", "Malware"},
		{"ransomware", "Malware"},
		{"tool", "Tool"},
		{"mitre-attack-pattern", "Attack Pattern"},
		{"mitre-intrusion-set", "Adversary"},
		{"mitre-mobile-attack-malware", "Malware"},
		{"sector", "Tag"},
		{"", "Tag"},
	} {
		text := fmt.Sprintf(`{"authors":["x"],"name":"Any","values":[{"value":"Zorvex - S9001","meta":{"synonyms":["Zorv"],"refs":["https://example.org"]}},{"value":"Quim","meta":{"external_id":"G9001","synonyms":"Q1"}},{"value":"Lut","meta":[]},7],"type":%q,"version":3}`, c.galaxy)
		entries, problems, err := dictionary.ReadMISP(strings.NewReader(text), "mine")
		want := []dictionary.Entry{
			{Type: c.want, Name: "Zorvex", ID: "S9001", Aliases: []string{"Zorv"}, Dictionary: "mine"},
			{Type: c.want, Name: "Quim", ID: "G9001", Aliases: []string{"Q1"}, Dictionary: "mine"},
		}
		if diff := cmp.Diff(want, entries); diff != "" || err != nil || len(problems) != 2 {
			t.Errorf("%q: %v, %q (-want +got):\n%s", c.galaxy, err, problems, diff)
		}
	}
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	var b bytes.Buffer
	if err := dictionary.Write(&b, dictionary.Builtin()); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(io.Reader, string) ([]dictionary.Entry, []string, error){"Read": dictionary.Read, "ReadAny": dictionary.ReadAny} {
		got, problems, err := read(bytes.NewReader(b.Bytes()), "other")
		if diff := cmp.Diff(dictionary.Builtin(), got); diff != "" || err != nil || len(problems) > 0 {
			t.Errorf("%s: %v, %q (-want +got):\n%s", name, err, problems, diff)
		}
	}
}

func TestLinesThatAreNoEntriesAreProblems(t *testing.T) {
	entries, problems, err := dictionary.Read(strings.NewReader("\n{\"type\":\"Malware\",\"name\":\"Zorvex\"}\nrubbish\n{\"type\":\"Thing\",\"name\":\"x\"}\n{\"type\":\"Tag\",\"nmae\":\"x\"}\n"), "mine")
	if len(entries) != 1 || len(problems) != 3 || err != nil || !strings.HasPrefix(problems[0], "line 3: ") {
		t.Errorf("%v, %q, %v", entries, problems, err)
	}
}

func TestContentTellsWhatAFileIs(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		n    int
		err  error
	}{
		"stix": {bundle, 6, nil}, "stix with a mark": {"\ufeff" + bundle, 6, nil}, "misp": {`{"type":"rat","values":[{"value":"Zorvex"}]}`, 1, nil},
		"ours": {`{"type":"Malware","name":"Zorvex"}`, 1, nil}, "other json": {`{"a":{"objects":[]},"b":[1,"}"]}`, 0, dictionary.ErrFormat},
		"list": {`[1]`, 0, dictionary.ErrFormat}, "text": {"hello", 0, dictionary.ErrFormat}, "nothing": {"", 0, dictionary.ErrFormat},
		"rubbish": {"\x00\xff{", 0, dictionary.ErrFormat}, "no colon": {`{"objects"[]}`, 0, dictionary.ErrFormat}, "not closed": {`{"objects":[`, 0, io.ErrUnexpectedEOF},
		"objects is none": {`{"objects":{"type":"malware","name":"x"}}`, 0, dictionary.ErrFormat}, "wrong bracket": {`{"objects":[}]}`, 0, dictionary.ErrFormat},
	} {
		entries, _, err := dictionary.ReadAny(strings.NewReader(c.text), "mine")
		if len(entries) != c.n || !errors.Is(err, c.err) || c.err == nil && err != nil {
			t.Errorf("%s: %d entries, %v; want %d, %v", name, len(entries), err, c.n, c.err)
		}
	}
}

// TestACutBundleIsAnErrorAndKeepsWhatWasRead cuts at each byte.
func TestACutBundleIsAnErrorAndKeepsWhatWasRead(t *testing.T) {
	most := 0
	for i := range len(bundle) - 1 {
		entries, _, err := dictionary.ReadSTIX(strings.NewReader(bundle[:i]), "mine")
		if err == nil {
			t.Fatalf("cut at %d: no error", i)
		}
		most = max(most, len(entries))
	}
	if most != 6 {
		t.Errorf("at most %d entries of a cut bundle", most)
	}
}

// endless repeats a text between a beginning and an end.
func endless(begin, unit string, n int, end string) io.Reader {
	return io.MultiReader(strings.NewReader(begin), io.LimitReader(&repeat{unit: unit}, int64(n)), strings.NewReader(end))
}

type repeat struct {
	unit string
	at   int
}

func (r *repeat) Read(b []byte) (n int, err error) {
	for n < len(b) {
		c := copy(b[n:], r.unit[r.at:])
		n, r.at = n+c, (r.at+c)%len(r.unit)
	}
	return n, nil
}

func TestBundlesThatAreTooLargeAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: reads some hundred megabytes, and -short is set")
	}
	var before, after runtime.MemStats
	for name, c := range map[string]struct {
		r    io.Reader
		want func([]dictionary.Entry, []string, error) bool
	}{
		"a text of a gigabyte": {endless(`{"objects":[{"type":"tool","name":"Zorvex"},{"type":"malware","name":"`, "a", 1<<30, `"}]}`), func(e []dictionary.Entry, _ []string, err error) bool {
			return len(e) == 1 && errors.Is(err, engine.ErrLimit)
		}},
		"an object of 8 MB": {endless(`{"objects":[{"type":"malware","name":"`, "\\n", 8<<20, `"},{"type":"tool","name":"Zorvex"}]}`), func(e []dictionary.Entry, p []string, err error) bool {
			return len(e) == 1 && len(p) == 1 && err == nil
		}},
		"a key of 8 MB": {endless(`{"`, "a", 8<<20, `":1,"objects":[]}`), func(_ []dictionary.Entry, _ []string, err error) bool { return err == nil }},
		"depth":         {endless(`{"objects":[`, "[", 8<<20, ``), func(_ []dictionary.Entry, _ []string, err error) bool { return err != nil }},
		"many problems": {endless(`{"objects":[`, "5,", 2<<20, `5]}`), func(_ []dictionary.Entry, p []string, err error) bool { return err == nil && len(p) == 101 }},
	} {
		runtime.ReadMemStats(&before)
		if entries, problems, err := dictionary.ReadSTIX(c.r, "mine"); !c.want(entries, problems, err) {
			t.Errorf("%s: %d entries, %d problems, %v", name, len(entries), len(problems), err)
		}
		runtime.ReadMemStats(&after)
		if held := after.TotalAlloc - before.TotalAlloc; held > 256<<20 {
			t.Errorf("%s: %d MiB", name, held>>20)
		}
	}
}
