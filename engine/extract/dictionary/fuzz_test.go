package dictionary_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/extract/dictionary"
)

func FuzzReadSTIX(f *testing.F) {
	f.Add([]byte(bundle))
	f.Add([]byte(`{"objects":[{"type":"malware","name":"a\"b","aliases":[1]},]}`))
	f.Add([]byte(`{"a":"\\","objects":[`))
	f.Fuzz(func(t *testing.T, b []byte) { checkRead(t, dictionary.ReadSTIX, b) })
}

func FuzzReadMISP(f *testing.F) {
	f.Add([]byte(`{"type":"rat","values":[{"value":"Zorvex - S1","meta":{"synonyms":"x","external_id":["a"]}}]}`))
	f.Add([]byte(`{"values":[{},{}{}],"type":5}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		checkRead(t, dictionary.ReadMISP, b)
		checkRead(t, dictionary.ReadAny, b)
	})
}

type reader = func(r io.Reader, name string) ([]dictionary.Entry, []string, error)

// checkRead wants entries that can be used and written.
func checkRead(t *testing.T, read reader, b []byte) {
	entries, problems, _ := read(bytes.NewReader(b), "mine")
	if len(problems) > 101 {
		t.Fatalf("%d problems", len(problems))
	}
	for _, e := range entries {
		for _, s := range append([]string{e.Name, e.ID}, e.Aliases...) {
			if !utf8.ValidString(s) || strings.ContainsAny(s, "\n\x00") {
				t.Fatalf("name %q", s)
			}
		}
	}
	if _, err := dictionary.New(dictionary.Config{Entries: entries}); err != nil {
		t.Fatal(err)
	}
}

// FuzzMatch holds findings to their text: spans lie in it, in order; sentences are
// around them; the same is found again, and told by Judge.
func FuzzMatch(f *testing.F) {
	for _, s := range []string{
		"Emotet's Cobalt\nStrike, APT 29 and T1059.001. The Hive gang", "Play the ransomware. Mr Conti malware C2 Hive", "TEMP.Veles malware G0016 adversary CL-STA-0043",
		"海莲花组织 Emo\u00adtet \xff\xfeHive ransomware\u200b", "Carbon-based malware; https://x.example/emotet Emotet.com Win32/Emotet.A!ml", "Hive " + strings.Repeat("x", 300) + " malware",
	} {
		f.Add(s)
	}
	x, err := dictionary.New(dictionary.Config{Entries: append(dictionary.Builtin(), dictionary.Entry{Type: "Malware", Name: "a b"}, dictionary.Entry{Type: "Tag", Name: "b A c"}, dictionary.Entry{Type: "Tool", Name: "8a"})})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all := findIn(t, x, text)
		last := 0
		for _, found := range all {
			s := found.Spot.Span
			if s.Start < last || s.End > len(text) || s.Start >= s.End || text[s.Start:s.End] != found.Original {
				t.Fatalf("%q: %+v", text, found)
			}
			last = s.End
			around := x.Sentence(text, s)
			if around.Start > s.Start || around.End < s.End {
				t.Fatalf("%q: the sentence %+v is not around %+v", text, around, s)
			}
		}
		if diff := cmp.Diff(all, counted(x, text)); diff != "" {
			t.Fatalf("%q: Judge tells something else (-found +told):\n%s", text, diff)
		}
	})
}

// counted is what Judge says counts.
func counted(x *dictionary.Extractor, text string) (all []engine.Finding) {
	for _, j := range x.Judge(text) {
		if j.Counts {
			all = append(all, j.Finding)
		}
	}
	return all
}
