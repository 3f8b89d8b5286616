package yamlfile_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

func parse(t *testing.T, text string) *yamlfile.Node {
	t.Helper()
	n, diags := yamlfile.Parse("f.yaml", []byte(text))
	if len(diags) > 0 {
		t.Fatalf("unexpected diagnostics:\n%s", diags)
	}
	return n
}

// Each text has one X; the wanted place is where X stands in the file.
func TestAtFindsBytesOfScalarsInTheFile(t *testing.T) {
	tests := map[string]string{
		"plain":                        "a: some words X here\n",
		"plain over lines":             "a: some\n  words\n\n  and X here\nb: 1\n",
		"plain after wide characters":  "a: жук 漢字 X\n",
		"plain key":                    "X: 1\n",
		"plain with comment":           "a: some X # X is not here\n",
		"plain in flow":                "{ a: [one, two X, three] }\n",
		"single quoted":                "a: 'it''s ''X'''\n",
		"single quoted over lines":     "a: 'one\n\n\n   two\n   X'\n",
		"double quoted":                `a: "tab\t quote\" back\\slash \u00e9 \x41 X"` + "\n",
		"double quoted over lines":     "a: \"one \\\n    two\n\n    X\"\n",
		"double quoted long escape":    `a: "\U0001F600 X"` + "\n",
		"literal":                      "a: |\n  one\n    two\n\n  three X\n",
		"literal first line":           "a: |\n  X one\n",
		"literal stripped":             "a: |-\n  one\n  X",
		"literal kept":                 "a: |+\n  one\n  X\n\n\nb: 1\n",
		"literal with indent":          "a: |2\n    two more\n  X\n",
		"literal with comment":         "a: | # about it\n  one\n  X\n",
		"literal with blank lines":     "a: |\n\n\n  one\n \n  X\n",
		"folded":                       "a: >\n  one\n  two\n\n  three X\n",
		"folded stripped":              "a: >-\n    one\n    two X three\n",
		"folded more indented":         "a: >\n  one\n    code X\n  two\n",
		"folded blank lines":           "a: >\n  one\n\n\n  X\n",
		"crlf":                         "a: |\r\n  one\r\n  X\r\nb: 'p\r\n\r\n  q'\r\n",
		"crlf folded":                  "a: >\r\n  one\r\n  two\r\n  X\r\n",
		"anchor":                       "a: &n 'one X'\nb: *n\n",
		"tag":                          "a: !!str \"one X\"\n",
		"anchor and tag on a block":    "a: &n !!str |\n  one\n  X\n",
		"byte order mark":              "\ufeffa: one X\n",
		"in a list":                    "a:\n- one\n- - two X\n",
		"tabs inside":                  "a: 'one\ttwo\tX'\n",
		"non-breaking space":           "a: 'one\u00a0X'\n",
		"question mark key":            "? 'long X'\n: v\n",
		"double quoted escaped breaks": "a: \"one\\n\\n  X\"\n",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			want := placeOf(text, "X")
			found := 0
			each(parse(t, text), func(n *yamlfile.Node) {
				off := strings.Index(n.Text, "X")
				if n.Kind != yamlfile.Scalar || off < 0 {
					return
				}
				found++
				if diff := cmp.Diff(want, n.At(off)); diff != "" {
					t.Errorf("At (-want +got):\n%s", diff)
				}
			})
			if found == 0 {
				t.Error("no scalar has an X")
			}
		})
	}
}

// placeOf is where the first s stands, reckoned apart from the code under test.
func placeOf(text, s string) yamlfile.Pos {
	before, _, _ := strings.Cut(strings.TrimPrefix(text, "\ufeff"), s)
	line := strings.Count(before, "\n")
	return yamlfile.Pos{File: "f.yaml", Line: line + 1, Col: utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1}
}

func each(n *yamlfile.Node, visit func(*yamlfile.Node)) {
	visit(n)
	for _, c := range n.Items {
		each(c, visit)
	}
	for _, p := range n.Pairs {
		each(p.Key, visit)
		each(p.Value, visit)
	}
}

func TestParseRefuses(t *testing.T) {
	big := "a: " + strings.Repeat("x", yamlfile.MaxSize)
	tests := []struct{ name, text, want string }{
		{"empty", "", "f.yaml:1:1: the file is empty"},
		{"only a comment", "# nothing\n", "f.yaml:1:1: the file is empty\n  | # nothing\n  | ^"},
		{"binary", "a: 1\nb: \x00\x01", "f.yaml:2:4: the file is not text: byte 0x00\n  expected: YAML in UTF-8"},
		{"not UTF-8", "a: \xe9t\xe9\n", "f.yaml:1:4: the file is not text: byte 0xe9\n  expected: YAML in UTF-8"},
		{"too large", big, "f.yaml:1:1: the file has 16777219 bytes\n  expected: at most 16 MiB"},
		{"duplicate key", "a: 1\nb: 2\na: 3\n", "f.yaml:3:1: the key a stands here a second time\n  | a: 3\n  | ^\n  see: f.yaml:1:1: it stands here first"},
		{"merge key", "a: &x { k: 1 }\nb: { <<: *x }\n", "f.yaml:2:6: merge keys are not supported\n  | b: { <<: *x }\n  | .....^\n  hint: write the keys out"},
		{"second document", "a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document\n  | ---\n  | ^\n  expected: one document per file\n  hint: put it into a file of its own"},
		{"cycle", "a: &x [ *x ]\n", "f.yaml:1:9: the alias *x stands inside what it refers to\n  | a: &x [ *x ]\n  | ........^"},
		{"list as key", "[a, b]: 1\n", "f.yaml:1:1: a key is a list\n  | [a, b]: 1\n  | ^\n  expected: a name\n  hint: quote a text that starts with { or ["},
		{"colon in a text", "a: b: c\n", "f.yaml:1:1: not valid YAML: mapping values are not allowed in this context\n  | a: b: c\n  | ^\n  hint: a text with `: ` in it must be quoted; a key must stand at the indentation of its neighbours"},
		{"tab", "a:\n\tb: 1\n", "f.yaml:2:2: not valid YAML: found character that cannot start any token\n  | b: 1\n  | ^\n  hint: indent with spaces, not tabs; quote a text that starts with @, ` or %"},
		{"unclosed list", "a: [1, 2\nb: 3\n", "f.yaml:1:1: not valid YAML: did not find expected ',' or ']'\n  | a: [1, 2\n  | ^\n  hint: a list in [ ] or a mapping in { } is not closed, or a text in it needs quotes"},
		{"unknown anchor", "a: *nobody\n", "f.yaml:1:1: not valid YAML: unknown anchor 'nobody' referenced\n  | a: *nobody\n  | ^\n  hint: define it with & before using it with *"},
		{"bad escape", `a: "\d"` + "\n", "f.yaml:1:1: not valid YAML: found unknown escape character\n  | a: \"\\d\"\n  | ^\n  hint: use single quotes, in which a backslash stands for itself"},
		{"too deep", strings.Repeat("[", 300) + strings.Repeat("]", 300), ""},
		{"a laugh", laugh(), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, diags := yamlfile.Parse("f.yaml", []byte(tt.text))
			if len(diags) == 0 {
				t.Fatal("accepted")
			}
			if tt.want == "" {
				if len(diags) > 3 {
					t.Errorf("%d diagnostics", len(diags))
				}
				return
			}
			if diff := cmp.Diff(tt.want, diags.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// laugh is a document whose aliases expand to 10^9 nodes.
func laugh() string {
	s := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 9; i++ {
		s += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10))
	}
	return s
}

func TestAliasesAreTheNodeTheyReferTo(t *testing.T) {
	n := parse(t, "a: &x [1, 2]\nb: *x\n")
	if n.Get("a") != n.Get("b") {
		t.Error("the alias is another node")
	}
}

func TestDiagnosticShowsTheLine(t *testing.T) {
	long := strings.Repeat("word ", 60)
	tests := []struct {
		name string
		d    yamlfile.Diagnostic
		want string
	}{
		{
			"everything",
			yamlfile.Diagnostic{Pos: yamlfile.Pos{File: "r.yaml", Line: 3, Col: 9}, Message: "unknown word", Text: "  when: lenght", Expected: "a word", Hint: "did you mean length?", Related: []yamlfile.Related{{Pos: yamlfile.Pos{File: "r.yaml", Line: 1, Col: 1}, Message: "here too"}}},
			"r.yaml:3:9: unknown word\n  | when: lenght\n  | ......^\n  expected: a word\n  see: r.yaml:1:1: here too\n  hint: did you mean length?",
		},
		{"tab before", yamlfile.Diagnostic{Pos: yamlfile.Pos{File: "r", Line: 1, Col: 4}, Message: "m", Text: "a\tbX"}, "r:1:4: m\n  | a    bX\n  | ......^"},
		{"wide before", yamlfile.Diagnostic{Pos: yamlfile.Pos{File: "r", Line: 1, Col: 4}, Message: "m", Text: "漢字 X"}, "r:1:4: m\n  | 漢字 X\n  | .....^"},
		{"mark before", yamlfile.Diagnostic{Pos: yamlfile.Pos{File: "r", Line: 1, Col: 3}, Message: "m", Text: "e\u0301X"}, "r:1:3: m\n  | e\u0301X\n  | .^"},
		{"control character", yamlfile.Diagnostic{Pos: yamlfile.Pos{File: "r", Line: 1, Col: 2}, Message: "m", Text: "\x1bX"}, "r:1:2: m\n  | .X\n  | .^"},
		{"behind the end", yamlfile.Diagnostic{Pos: yamlfile.Pos{File: "r", Line: 1, Col: 4}, Message: "m", Text: "abc"}, "r:1:4: m\n  | abc\n  | ...^"},
		{"no line", yamlfile.Diagnostic{Pos: yamlfile.Pos{File: "r"}, Message: "m"}, "r: m"},
		{"warning", yamlfile.Diagnostic{Pos: yamlfile.Pos{File: "r", Line: 1, Col: 1}, Severity: yamlfile.Warning, Message: "m"}, "r:1:1: warning: m"},
		{"long line", yamlfile.Diagnostic{Pos: yamlfile.Pos{File: "r", Line: 1, Col: 201}, Message: "m", Text: long}, "r:1:201: m\n  | ..." + long[130:240] + "...\n  | " + strings.Repeat(".", 73) + "^"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.d.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDiagnosticsAreSortedAndToldOnce(t *testing.T) {
	at := func(file string, line, col int, m string) yamlfile.Diagnostic {
		return yamlfile.Diagnostic{Pos: yamlfile.Pos{File: file, Line: line, Col: col}, Message: m}
	}
	d := yamlfile.Diagnostics{at("b", 1, 1, "x"), at("a", 2, 1, "x"), at("a", 1, 9, "y"), at("a", 1, 9, "y"), at("a", 1, 2, "z")}
	if got, want := d.Sorted().Error(), "a:1:2: z\na:1:9: y\na:2:1: x\nb:1:1: x"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	d[0].Severity = yamlfile.Warning
	if n := len(d.Errors()); n != 4 {
		t.Errorf("%d errors of 5 with one warning", n)
	}
}

func TestDiagnosticJSON(t *testing.T) {
	d := yamlfile.Diagnostic{Pos: yamlfile.Pos{File: "r.yaml", Line: 3, Col: 9}, Message: "m", Text: "t", Hint: "h", Severity: yamlfile.Warning}
	got, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"file":"r.yaml","line":3,"col":9,"severity":"warning","message":"m","text":"t","hint":"h"}`
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNearest(t *testing.T) {
	fields := []string{"file_name", "file_type", "file_extension", "size", "sha1", "sha256", "md5", "encrypted", "is_inline", "root_domain", "domain", "text", "to", "cc"}
	tests := []struct{ name, want string }{
		{"encryptd", "encrypted"},
		{"encrpyted", "encrypted"},
		{"Encrypted", "encrypted"},
		{"fil_name", "file_name"},
		{"filename", "file_name"},
		{"file-type", "file_type"},
		{"sha265", "sha256"},
		{"domain_root", "root_domain"},
		{"txet", "text"},
		{"siez", "size"},
		{"inline", "is_inline"},
		{"zzzzzz", ""},
		{"", ""},
		{"ot", "to"},
	}
	for _, tt := range tests {
		got, ok := yamlfile.Nearest(tt.name, fields)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("Nearest(%q) = %q, %v, want %q", tt.name, got, ok, tt.want)
		}
	}
}

func TestReaderTellsEverythingAtOnce(t *testing.T) {
	n := parse(t, `
name: [a]
count: many
low: 0
flag: yes please
span: 3 weeks
kind: rde
colour: blue
list: { a: 1 }
empty: '  '
`)
	var r yamlfile.Reader
	f, _ := r.Fields(n, "a thing", []string{"name", "count", "low", "flag", "span", "kind", "color", "list", "empty"})
	r.String(f.Get("name"), "name")
	r.Int(f.Get("count"), "count", 1, 10)
	r.Int(f.Get("low"), "low", 1, 10)
	r.Bool(f.Get("flag"), "flag")
	r.Duration(f.Get("span"), "span")
	r.Choice(f.Get("kind"), "kind", []string{"red", "green"})
	r.Strings(f.Get("list"), "list")
	r.Filled(f.Get("empty"), "empty")
	r.String(f.Get("color"), "color")
	r.Need(f, "a thing", "size")
	want := `f.yaml:2:1: a thing without size
  | name: [a]
  | ^
f.yaml:2:7: name is a list
  | name: [a]
  | ......^
  expected: a text
f.yaml:3:8: count is "many"
  | count: many
  | .......^
  expected: a whole number from 1 to 10
f.yaml:4:6: low is "0"
  | low: 0
  | .....^
  expected: a whole number from 1 to 10
f.yaml:5:7: flag is "yes please"
  | flag: yes please
  | ......^
  expected: true or false
f.yaml:6:7: span is "3 weeks"
  | span: 3 weeks
  | ......^
  expected: a duration such as 90s, 15m, 72h or 30d
f.yaml:7:7: unknown kind "rde"
  | kind: rde
  | ......^
  expected: red or green
  hint: did you mean red?
f.yaml:8:1: unknown key colour in a thing
  | colour: blue
  | ^
  hint: did you mean color?
f.yaml:9:7: list is a mapping
  | list: { a: 1 }
  | ......^
  expected: a list
f.yaml:10:8: empty is empty
  | empty: '  '
  | .......^`
	if diff := cmp.Diff(want, r.Diags.Sorted().String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseDuration(t *testing.T) {
	tests := map[string]string{"90s": "1m30s", "30d": "720h0m0s", "1d12h": "36h0m0s", "0s": "0s", "": "", "-1h": "", "1d-1h": "", "d": "", "5": "", "99999d": "", "1h1d": ""}
	for text, want := range tests {
		d, ok := yamlfile.ParseDuration(text)
		if ok != (want != "") || ok && d.String() != want {
			t.Errorf("ParseDuration(%q) = %v, %v, want %q", text, d, ok, want)
		}
	}
}

// Whatever the text, parsing ends, and every byte of every scalar has a place
// inside the file.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"a: |\n  one\n   two\n", "a: >-\n  x\n\n  y\n", "a: \"\\u00e9 \\\n  x\"", "? [a]\n: &x {b: *x}", "- - 'it''s'\n-\t!!str 5", "a: &a [*a]", "\ufeffa: b", "%YAML 1.2\n---\na",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, diags := yamlfile.Parse("f", []byte(text))
		_ = diags.String()
		if n == nil {
			if len(diags) == 0 {
				t.Fatal("neither a node nor a diagnostic")
			}
			return
		}
		lines := 1
		for _, r := range text {
			if strings.ContainsRune("\r\n\u0085\u2028\u2029", r) {
				lines++
			}
		}
		budget := 2000
		eachWithin(n, func(n *yamlfile.Node) {
			for off := 0; off <= len(n.Text) && budget > 0; off++ {
				budget--
				if p := n.At(off); p.Line < 1 || p.Line > lines || p.Col < 1 {
					t.Fatalf("byte %d of %q stands at %v", off, n.Text, p)
				}
			}
		}, &budget)
	})
}

// eachWithin is each with a budget, since aliases may make a document large.
func eachWithin(n *yamlfile.Node, visit func(*yamlfile.Node), budget *int) {
	if *budget--; *budget <= 0 {
		return
	}
	visit(n)
	for _, c := range n.Items {
		eachWithin(c, visit, budget)
	}
	for _, p := range n.Pairs {
		eachWithin(p.Key, visit, budget)
		eachWithin(p.Value, visit, budget)
	}
}
