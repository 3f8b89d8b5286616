package warninglist_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/internal/warninglist"
)

func listOf(name, typ, about string, entries ...string) string {
	b, _ := json.Marshal(entries)
	return fmt.Sprintf(`{"name": %q, "type": %q, "version": 1, "description": "x", "matching_attributes": [%s], "list": %s}`, name, typ, about, b)
}

func set(t *testing.T, lists ...string) *warninglist.Set {
	t.Helper()
	s := warninglist.New()
	for _, l := range lists {
		if problems, err := s.Add(strings.NewReader(l)); err != nil || len(problems) > 0 {
			t.Fatal(problems, err)
		}
	}
	return s
}

func TestWhatIsOnLists(t *testing.T) {
	s := set(t,
		listOf("sites", "hostname", `"hostname", "domain", "url"`, "google.com", ".Example.ORG", "https://cdn.example.net/x"),
		listOf("resolvers", "cidr", `"ip-dst", "domain|ip"`, "8.8.8.0/24", "1.1.1.1", "2001:4860::/32"),
		listOf("hashes", "string", "", "D41D8CD98F00B204E9800998ECF8427E"),
		listOf("words", "substring", `"url"`, "/wp-login"),
		listOf("patterns", "regex", `"filename", "domain"`, `/^winword\.exe$/i`, `\.local$`),
		`{"name": "by key", "type": "string", "list": {"1": "localhost", "2": "a@b.example"}}`,
	)
	for _, tc := range []struct {
		typ, value string
		want       []string
	}{
		{"FQDN", "google.com", []string{"sites"}},
		{"FQDN", "www.google.com", []string{"sites"}},
		{"FQDN", "notgoogle.com", nil},
		{"FQDN", "google.com.evil.example", nil},
		{"FQDN", "a.example.org", []string{"sites"}},
		{"URL", "https://mail.google.com/x?y=evil.example", []string{"sites"}},
		{"URL", "https://google.com@evil.example/", nil},
		{"URL", "http://8.8.8.8/x", nil}, // the list is about addresses
		{"Email Address", "x@google.com", nil},
		{"IP Address", "8.8.8.8", []string{"resolvers"}},
		{"IP Address", "8.8.9.8", nil},
		{"IP Address", "1.1.1.1", []string{"resolvers"}},
		{"IPv6 Address", "2001:4860:4860::8888", []string{"resolvers"}},
		{"CIDR Block", "8.8.8.128/25", []string{"resolvers"}},
		{"CIDR Block", "8.8.0.0/16", nil},
		{"MD5", "d41d8cd98f00b204e9800998ecf8427e", []string{"hashes"}},
		{"URL", "https://x.example/wp-login.php", []string{"words"}},
		{"Filename", "WINWORD.EXE", []string{"patterns"}},
		{"FQDN", "printer.local", []string{"patterns"}},
		{"FQDN", "localhost", []string{"by key"}},
		{"Email Address", "A@b.example", []string{"by key"}},
		{"Mutex", "Global\\x", nil},
	} {
		if got := s.Lists(tc.typ, tc.value); !slices.Equal(got, tc.want) {
			t.Errorf("%s %s: got %q, want %q", tc.typ, tc.value, got, tc.want)
		}
	}
	if got := warninglist.New().Lists("FQDN", "google.com"); got != nil {
		t.Errorf("no lists: %q", got)
	}
}

func TestListsThatAreNone(t *testing.T) {
	for name, in := range map[string]string{
		"nothing": "", "no JSON": "google.com\n", "a bare list": `["google.com"]`, "no name": `{"type": "string", "list": ["x"]}`,
		"an unknown type": `{"name": "x", "type": "fuzzy", "list": ["x"]}`, "a list of numbers": `{"name": "x", "type": "string", "list": [1, 2]}`, "no list": `{"name": "x", "type": "string"}`,
	} {
		s := warninglist.New()
		if _, err := s.Add(strings.NewReader(in)); err == nil {
			t.Errorf("%s is a list", name)
		}
		if s.Len() != 0 {
			t.Errorf("%s counts", name)
		}
	}
}

func TestEntriesThatAreWrongAreLeftOut(t *testing.T) {
	s := warninglist.New()
	problems, err := s.Add(strings.NewReader(listOf("ranges", "cidr", "", "10.0.0.0/8", "10.0.0.0/99", "hello", "")))
	if err != nil || len(problems) != 3 {
		t.Errorf("%q, %v", problems, err)
	}
	if got := s.Lists("IP Address", "10.1.2.3"); len(got) != 1 {
		t.Errorf("got %q", got)
	}
	if problems, _ := s.Add(strings.NewReader(listOf("patterns", "regex", "", "(?<=x)y", "ok"))); len(problems) != 1 {
		t.Errorf("%q", problems)
	}
}

func BenchmarkLists(b *testing.B) {
	var hosts, blocks []string
	for i := range 100_000 {
		hosts, blocks = append(hosts, fmt.Sprintf("host-%d.example", i)), append(blocks, fmt.Sprintf("%d.%d.%d.0/24", 1+i%200, i/200%256, i%7))
	}
	s := warninglist.New()
	for _, l := range []string{listOf("hosts", "hostname", "", hosts...), listOf("blocks", "cidr", "", blocks...)} {
		if _, err := s.Add(strings.NewReader(l)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		s.Lists("FQDN", "www.host-77777.example")
		s.Lists("IP Address", "17.3.2.9")
	}
}

func FuzzAdd(f *testing.F) {
	f.Add(listOf("sites", "hostname", `"domain"`, "google.com"), "FQDN", "www.google.com")
	f.Add(listOf("ranges", "cidr", "", "10.0.0.0/8"), "IP Address", "10.1.2.3")
	f.Add(listOf("patterns", "regex", "", "/x/i"), "URL", "http://[::1]/")
	f.Fuzz(func(t *testing.T, list, typ, value string) {
		s := warninglist.New()
		if _, err := s.Add(strings.NewReader(list)); err == nil {
			s.Lists(typ, value)
		}
	})
}
