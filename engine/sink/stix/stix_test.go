package stix_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/sink/stix"
	"github.com/tqmailrules/tqmailrules/engine/sink/stix/stixtest"
)

func open(t *testing.T, dir string) *stix.Sink {
	t.Helper()
	s, err := stix.New(stix.Config{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// contents are the names and contents of a folder's files, in the order of names.
func contents(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(e.Name() + "\n" + string(b))
	}
	return all.String()
}

func TestSinkKeepsTheContract(t *testing.T) {
	enginetest.TestSink(t, func(t *testing.T) (engine.Sink, func() engine.Sink, enginetest.SinkState) {
		dir := filepath.Join(t.TempDir(), "new", "bundles")
		return open(t, dir), func() engine.Sink { return open(t, dir) }, func(t *testing.T) string { return contents(t, dir) }
	})
}

func TestBundlesAreFilesNamedByTheirKey(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, key := range []string{"0123abcd", "../../escape", "", strings.Repeat("k", 300), "UPPER"} {
		b := enginetest.SampleBatches()[0]
		b.Key = key
		if err := s.Ship(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
		info, _ := e.Info()
		if info.Mode().Perm() != 0o600 || !strings.HasSuffix(e.Name(), ".json") || len(e.Name()) > 110 {
			t.Errorf("%s: mode %v", e.Name(), info.Mode())
		}
	}
	if len(names) != 5 || names[0] != "0123abcd.json" {
		t.Errorf("files %q", names)
	}
}

// TestCrashLeavesNothingThatCounts has the remains of a crash in the folder.
func TestCrashLeavesNothingThatCounts(t *testing.T) {
	dir := t.TempDir()
	b := enginetest.SampleBatches()[0]
	if err := os.WriteFile(filepath.Join(dir, b.Key+".json.tmp"), []byte(strings.Repeat("half of another bundle ", 10_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir).Ship(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	want, err := stix.Encode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.Key+".json\n"+string(want), contents(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTroubleOfTheDiskIsTemporary(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	b := enginetest.SampleBatches()[0]
	if err := os.Mkdir(filepath.Join(dir, b.Key+".json.tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Ship(t.Context(), b); !errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), "ship batch "+b.Key+" to stix") {
		t.Errorf("error %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "taken.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.Key = "taken"
	if err := s.Ship(t.Context(), b); !errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), "is no file") {
		t.Errorf("a folder in its place: %v", err)
	}
	b.Key, b.Files[0].Locked, b.Files[0].Content = "other", false, broken{}
	if err := s.Ship(t.Context(), b); !errors.Is(err, engine.ErrTemporary) {
		t.Errorf("unreadable content: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "other.json")); err == nil {
		t.Error("a bundle without its content was written")
	}
	if _, err := stix.New(stix.Config{}); err == nil {
		t.Error("a sink without a folder")
	}
	file := filepath.Join(dir, "file")
	os.WriteFile(file, nil, 0o600)
	if _, err := stix.New(stix.Config{Path: file}); err == nil {
		t.Error("a sink in a file")
	}
}

type broken struct{ engine.Bytes }

func (broken) Size() int64 { return 5 }

func (broken) Open() (io.ReadCloser, error) { return nil, errors.New("bad sector") }

// published are identifiers that other producers give the same values; the first is
// the example of section 2.9 of the standard. (Most examples of its section 6 do not
// follow its own rule.)
var published = []struct {
	kind, property string
	value          any
	id             string
}{
	{"ipv4-addr", "value", "198.51.100.3", "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"},
	{"ipv6-addr", "value", "2001:db8::1", "ipv6-addr--6469e3a9-b053-5e34-a025-9396ae051d26"},
	{"domain-name", "value", "example.com", "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7"},
	{"domain-name", "value", "control.example.com", "domain-name--427e3664-0043-5865-b454-97df26649bde"},
	{"autonomous-system", "number", int64(15139), "autonomous-system--3aa27478-50b5-5ab8-9da9-cdc12b657fff"},
}

func TestIdentifiersAreThoseOfTheStandard(t *testing.T) {
	for _, row := range published {
		if got := stix.Observable(row.kind, map[string]any{row.property: row.value})["id"]; got != row.id {
			t.Errorf("%s %v: %v, others say %s", row.kind, row.value, got, row.id)
		}
	}
	if got := stix.UUID(stix.Name("https://github.com/tqmailrules/tqmailrules/stix")); got != stix.Ours() {
		t.Errorf("our namespace is %x", got)
	}
}

func TestCanonicalFormIsThatOfJCS(t *testing.T) {
	for in, want := range map[string]string{
		"plain": `"plain"`, "<&>": `"<&>"`, "\u2028é😀\x7f": "\"\u2028é😀\x7f\"", "\x00\x1f\b\f\n\r\t\"\\/": `"\u0000\u001f\b\f\n\r\t\"\\/"`,
	} {
		if got := stix.Canonical(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	if got := stix.Canonical([]string{"a", `b","c`}); got != `["a","b\",\"c"]` {
		t.Errorf("%s", got)
	}
}

func TestPatternsSayWhatTheIndicatorIs(t *testing.T) {
	for _, row := range []struct{ kind, value, want string }{
		{"IP Address", "198.51.100.3", "[ipv4-addr:value = '198.51.100.3']"},
		{"IP Address", "not an address", ""},
		{"IPv6 Address", "2001:DB8::1", "[ipv6-addr:value = '2001:db8::1']"},
		{"IPv6 Address", "fe80::1%eth0", ""},
		{"CIDR Block", "198.51.100.7/24", "[ipv4-addr:value ISSUBSET '198.51.100.0/24']"},
		{"CIDR Block", "2001:db8::/32", "[ipv6-addr:value ISSUBSET '2001:db8::/32']"},
		{"FQDN", "Evil.Example.", "[domain-name:value = 'evil.example']"},
		{"FQDN", "xn--80ak6aa92e.example", "[domain-name:value = 'xn--80ak6aa92e.example']"},
		{"FQDN", "two words.example", ""},
		{"URL", "http://evil.example/?q='x'", `[url:value = 'http://evil.example/?q=\'x\'']`},
		{"URL", `http://evil.example/a\b|c`, "[url:value = 'http://evil.example/a%5Cb%7Cc']"},
		{"URL", "http://[2001:db8::1]:80/a[1]#x#y", "[url:value = 'http://[2001:db8::1]:80/a%5B1%5D#x%23y']"},
		{"URL", "http://evil.example/100%/é", "[url:value = 'http://evil.example/100%25/%C3%A9']"},
		{"URL", "no scheme", ""},
		{"URL", "http://", ""},
		{"Email Address", "o'brien@evil.example", `[email-addr:value = 'o\'brien@evil.example']`},
		{"Email Address", "undisclosed recipients", ""},
		{"MD5", strings.Repeat("AB", 16), "[file:hashes.'MD5' = '" + strings.Repeat("ab", 16) + "']"},
		{"SHA-1", strings.Repeat("ab", 20), "[file:hashes.'SHA-1' = '" + strings.Repeat("ab", 20) + "']"},
		{"SHA-256", strings.Repeat("ab", 32), "[file:hashes.'SHA-256' = '" + strings.Repeat("ab", 32) + "']"},
		{"SHA-384", strings.Repeat("ab", 48), "[file:hashes.'SHA-384' = '" + strings.Repeat("ab", 48) + "']"},
		{"SHA-512", strings.Repeat("ab", 64), "[file:hashes.'SHA-512' = '" + strings.Repeat("ab", 64) + "']"},
		{"SHA-256", strings.Repeat("ab", 31), ""},
		{"Fuzzy Hash", "3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C", "[file:hashes.'SSDEEP' = '3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C']"},
		{"Fuzzy Hash", "3:a:b' OR x", ""},
		{"ASN", "AS15139", "[autonomous-system:number = 15139]"},
		{"ASN", "AS99999999999", ""},
		{"Filename", "it's.exe", `[file:name = 'it\'s.exe']`},
		{"Email Attachment", "a.zip", "[email-message:body_multipart[*].body_raw_ref.name = 'a.zip']"},
		{"File Path", `C:\Users\x\a.exe`, `[file:parent_directory_ref.path = 'C:\\Users\\x' AND file:name = 'a.exe']`},
		{"File Path", `C:\a.exe`, `[file:parent_directory_ref.path = 'C:\\' AND file:name = 'a.exe']`},
		{"File Path", "/a", "[file:parent_directory_ref.path = '/' AND file:name = 'a']"},
		{"File Path", "/tmp/x/", "[directory:path = '/tmp/x']"},
		{"Registry Key", `hklm\Software\x`, `[windows-registry-key:key = 'HKEY_LOCAL_MACHINE\\Software\\x']`},
		{"Mutex", `Global\x`, `[mutex:name = 'Global\\x']`},
		{"MAC Address", "D2:FB:49:24:37:18", "[mac-addr:value = 'd2:fb:49:24:37:18']"},
		{"User-agent", "Evil/1.0", "[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'[*] = 'Evil/1.0']"},
		{"X-Mailer", "Evil", "[email-message:additional_header_fields.'X-Mailer'[*] = 'Evil']"},
		{"Email Subject", "pay' OR email-message:subject = '", `[email-message:subject = 'pay\' OR email-message:subject = \'']`},
		{"CVE", "CVE-2026-1234", ""},
		{"attack", "T1566.001", ""},
		{"String", "x", ""},
		{"btc", "1abc", ""},
		{"made up", "x", ""},
	} {
		t.Run(row.kind+" "+row.value, func(t *testing.T) {
			got := stix.Pattern(row.kind, row.value)
			if got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
			if got == "" {
				return
			}
			if _, err := stixtest.ParsePattern(got); err != nil {
				t.Errorf("%s: %v", got, err)
			}
		})
	}
}

// everyIndicator is a batch with one indicator of each type.
func everyIndicator() engine.Batch {
	b := enginetest.SampleBatches()[0]
	b.Key = "every"
	b.Indicators, b.Relations = nil, b.Relations[:1]
	for kind, value := range map[string]string{
		"IP Address": "198.51.100.3", "IPv6 Address": "2001:db8::1", "CIDR Block": "198.51.100.0/24", "FQDN": "evil.example", "URL": "http://evil.example/",
		"Email Address": "a@evil.example", "MD5": strings.Repeat("1", 32), "SHA-1": strings.Repeat("1", 40), "SHA-256": strings.Repeat("1", 64),
		"SHA-384": strings.Repeat("1", 96), "SHA-512": strings.Repeat("1", 128), "Fuzzy Hash": "3:abc:def", "CVE": "CVE-2026-1234", "ASN": "AS64500",
		"Filename": "a.exe", "File Path": `C:\x\a.exe`, "Registry Key": `HKCU\Software\x`, "Mutex": "m", "User-agent": "u", "X-Mailer": "x",
		"MAC Address": "00:11:22:33:44:55", "Email Subject": "s", "Email Attachment": "a.zip", "String": "free", "btc": "1abc", "eth": "0xabc", "xmr": "4abc",
		"attack": "T1566.001", "yara": "rule_x", "ticket": "made up",
	} {
		b.Indicators = append(b.Indicators, engine.IndicatorRecord{Key: kind + "\x1f" + value, Type: kind, Value: value, Status: "Active", TLP: "RED", Tags: []string{"b", "a", "b"}})
		b.Relations = append(b.Relations, engine.Relation{From: engine.Ref{Kind: "event", Key: b.Events[0].Key}, To: engine.Ref{Kind: "indicator", Key: kind + "\x1f" + value}})
	}
	slices.SortFunc(b.Indicators, func(x, y engine.IndicatorRecord) int { return strings.Compare(x.Key, y.Key) })
	return b
}

// wholeBatch uses everything that a batch can hold.
func wholeBatch() engine.Batch {
	b := everyIndicator()
	b.Key = "whole"
	e := &b.Events[0]
	e.Message = engine.MessageRecord{
		ID: "x", MessageID: "<1@evil.example>", SHA256: strings.Repeat("ef", 32), From: "a@evil.example", To: []string{"b@corp.example", "odd address", "b@corp.example"},
		Cc: []string{"c@corp.example"}, Subject: "s\u2028\"\\", Date: enginetest.Epoch, Received: enginetest.Epoch, Treatment: "intelligence", Carrier: "see this",
	}
	e.TLP, e.Score, e.Source = "AMBER+STRICT", 250, "Desk"
	e.Attributes = []engine.AttributeRecord{
		{Name: "Received Hop 1", Value: "from a by b"},
		{Name: "Received Hop 10", Value: "from c\nby d"},
		{Name: "Received Hop 2", Value: "from b"},
		{Name: "Reply-To", Value: "x@evil.example"},
		{Name: "Sender", Value: "s@evil.example"},
		{Name: "Subject", Value: "first\nReporter: boss@corp.example"},
		{Name: "X-Mailer", Value: "bat"},
	}
	e.Raw = nil
	b.Files = []engine.FileRecord{
		{Key: strings.Repeat("ab", 32), Name: "a.zip", RawName: "../a.zip", Type: "t", ContentType: "application/zip", FileType: "zip", Size: 3, MD5: strings.Repeat("0", 32), SHA1: strings.Repeat("0", 40), TLP: "GREEN", Tags: []string{"locked"}, Encrypted: true, Content: engine.Bytes("zip")},
		{Key: strings.Repeat("cd", 32), Name: "in.exe", Type: "t", ContentType: "not a type", Size: 100_000, Content: engine.Bytes(strings.Repeat("x", 100_000)), Attributes: []engine.AttributeRecord{{Name: "Path", Value: "1/in.exe"}}},
		{Key: strings.Repeat("ef", 32), Name: "mail.eml", Type: "t", ContentType: "message/rfc822", Size: 100_000, Content: engine.Bytes(strings.Repeat("y", 100_000))},
	}
	ev := engine.Ref{Kind: "event", Key: e.Key}
	zip, exe, eml := engine.Ref{Kind: "file", Key: b.Files[0].Key}, engine.Ref{Kind: "file", Key: b.Files[1].Key}, engine.Ref{Kind: "file", Key: b.Files[2].Key}
	b.Relations = append(b.Relations, engine.Relation{From: ev, To: zip}, engine.Relation{From: zip, To: exe}, engine.Relation{From: ev, To: eml})
	for _, i := range b.Indicators {
		b.Relations = append(b.Relations, engine.Relation{From: exe, To: engine.Ref{Kind: "indicator", Key: i.Key}})
	}
	b.Objects = nil
	ids := map[string]string{"malware": "S0367", "attack_pattern": "T1566.001", "vulnerability": "CVE-2021-44228", "tool": "CAPEC-63", "campaign": "none of theirs"}
	for _, kind := range []string{"adversary", "threat actor", "malware", "campaign", "attack_pattern", "tool", "vulnerability", "identity", "infrastructure", "course-of-action", "signature"} {
		key := kind + "\x1fX"
		b.Objects = append(b.Objects, engine.ObjectRecord{Key: key, Type: kind, Name: "X", ID: ids[kind]})
		b.Relations = append(b.Relations, engine.Relation{From: ev, To: engine.Ref{Kind: "object", Key: key}})
	}
	b.Matches = append(b.Matches, engine.MatchRecord{Rule: "broken", Result: "error", Error: "fuel"})
	b.Indicators[0].Attributes = []engine.AttributeRecord{{Name: "confidence", Value: "70"}}
	return b
}

func TestBundlesAreValid(t *testing.T) {
	twin := wholeBatch()
	second := twin.Events[0]
	second.Key, second.Item, second.Message.Subject, second.Message.Date = "second", "n1", "", time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)
	second.HappenedAt = second.Message.Date
	twin.Events = append(twin.Events, second)
	none := engine.Batch{Key: "none"}
	for name, b := range map[string]engine.Batch{
		"first sample": enginetest.SampleBatches()[0], "every indicator": everyIndicator(), "everything": wholeBatch(), "two events": twin,
		"empty event": {Key: "e", Events: []engine.EventRecord{{Key: "k"}}}, "file without anything": {Key: "e", Events: []engine.EventRecord{{Key: "k"}}, Files: []engine.FileRecord{{}}},
		"relations to nowhere": {Key: "e", Events: []engine.EventRecord{{Key: "k"}}, Relations: []engine.Relation{{From: engine.Ref{Kind: "event", Key: "k"}, To: engine.Ref{Kind: "file", Key: "gone"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := stix.Encode(&b)
			if err != nil {
				t.Fatal(err)
			}
			for _, wrong := range stixtest.Validate(data) {
				t.Error(wrong)
			}
			again, _ := stix.Encode(&b)
			if string(again) != string(data) {
				t.Error("encoded twice, differently")
			}
		})
	}
	if data, err := stix.Encode(&none); err != nil || !json.Valid(data) {
		t.Errorf("no events: %s, %v", data, err)
	}
}
