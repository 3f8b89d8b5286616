package dictionary_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/extract/dictionary"
)

func TestBuiltinIsSound(t *testing.T) {
	entries := dictionary.Builtin()
	if n := len(entries); n < 150 {
		t.Errorf("%d entries", n)
	}
	seen := map[string]string{}
	for _, e := range entries {
		for _, name := range append([]string{e.Name}, e.Aliases...) {
			key := e.Type + " " + strings.ToLower(name)
			if other, ok := seen[key]; ok {
				t.Errorf("%s is a name of %s and of %s", key, other, e.Name)
			}
			seen[key] = e.Name
		}
	}
}

// TestEveryBuiltinNameIsFound writes each name where evidence stands beside it.
func TestEveryBuiltinNameIsFound(t *testing.T) {
	x := newExtractor(t, dictionary.Builtin())
	lost := []string{}
	for _, e := range dictionary.Builtin() {
		for _, name := range append([]string{e.Name}, e.Aliases...) {
			text := fmt.Sprintf("According to the report on ransomware, the attackers used %s in this intrusion.", name)
			if !slices.ContainsFunc(findIn(t, x, text), func(f engine.Finding) bool { return f.Value == e.Name }) {
				lost = append(lost, e.Type+" "+name)
			}
		}
	}
	if len(lost) > 0 {
		t.Errorf("not found: %q", lost)
	}
}

// TestSharedNamesAreOtherNames holds the built-in dictionary to its form.
func TestSharedNamesAreOtherNames(t *testing.T) {
	for _, e := range dictionary.Builtin() {
		for _, name := range e.Shared {
			if !slices.Contains(e.Aliases, name) {
				t.Errorf("%s: %q is shared and no other name of it", e.Name, name)
			}
		}
	}
}

func TestExtractorKeepsItsContract(t *testing.T) {
	part := func(kind, text string) engine.InputPart {
		return engine.InputPart{PartInfo: engine.PartInfo{ID: kind, Kind: kind, Size: len(text)}, Text: text}
	}
	page := part("html", "<p>Emotet</p>")
	page.Page = &engine.Page{InnerText: "Emotet and Hive ransomware"}
	rubbish := strings.Repeat("\x00\xff\xfe\x80Emotet\xc3", 500)
	samples := []engine.Input{
		{},
		{Parts: []engine.InputPart{part("subject", "Emotet"), part("text", "Hive ransomware and APT 29, T1059.001"), part("attachment", "UNC1234"), page, part("raw", "Emotet")}},
		{Parts: []engine.InputPart{part("text", rubbish)}},
		{Parts: []engine.InputPart{part("text", strings.Repeat("\u200b", 300)+"Emo\u00adtet 海莲花 Ｅmotet\u0301")}},
	}
	for _, r := range readReports(t) {
		samples = append(samples, textInput(r.text))
	}
	enginetest.TestExtractor(t, newExtractor(t, dictionary.Builtin()), samples)
}

func TestFindingsTellWhatStoodThereAndWhy(t *testing.T) {
	x := newExtractor(t, dictionary.Builtin())
	page := &engine.Page{InnerText: "Heodo is back. Hidden: QakBot", Hidden: []engine.Span{{Start: 15, End: 29}}}
	in := engine.Input{Parts: []engine.InputPart{
		{PartInfo: engine.PartInfo{ID: "subject", Kind: "subject"}, Text: "The Hive ransomware gang; Hive affiliates"},
		{PartInfo: engine.PartInfo{ID: "html", Kind: "html"}, Text: "<p>", Page: page},
		{PartInfo: engine.PartInfo{ID: "1", Kind: "attachment"}, Text: "see log4shell"},
	}}
	found, err := x.Extract(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	want := []engine.Finding{
		{Type: "Malware", Value: "Hive", Original: "Hive ransomware", Spot: engine.Spot{Part: "subject", Context: engine.InSubject, Span: engine.Span{Start: 4, End: 19}}, Extra: map[string]string{"dictionary": "builtin", "alias": "Hive ransomware"}},
		{Type: "Malware", Value: "Hive", Original: "Hive", Spot: engine.Spot{Part: "subject", Context: engine.InSubject, Span: engine.Span{Start: 26, End: 30}}, Extra: map[string]string{"dictionary": "builtin", "evidence": "ransomware"}},
		{Type: "Malware", Value: "Emotet", Original: "Heodo", Spot: engine.Spot{Part: "html", Span: engine.Span{Start: 0, End: 5}}, Extra: map[string]string{"dictionary": "builtin", "alias": "Heodo", "id": "S0367"}},
		{Type: "Malware", Value: "QakBot", Original: "QakBot", Spot: engine.Spot{Part: "html", Context: engine.InHidden, Span: engine.Span{Start: 23, End: 29}}, Extra: map[string]string{"dictionary": "builtin", "id": "S0650"}},
		{Type: "Vulnerability", Value: "Log4Shell", Original: "log4shell", Spot: engine.Spot{Part: "1", Context: engine.InContent, Span: engine.Span{Start: 4, End: 13}}, Extra: map[string]string{"dictionary": "builtin", "id": "CVE-2021-44228"}},
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestHowNamesAreWritten has one entry for each row, and what must be found in a text.
func TestHowNamesAreWritten(t *testing.T) {
	is := func(name string, aliases ...string) dictionary.Entry {
		return dictionary.Entry{Type: dictionary.Malware, Name: name, Aliases: aliases}
	}
	for _, c := range []struct {
		name  string
		entry dictionary.Entry
		text  string
		want  string // what stands there, separated by |
	}{
		{"any case", is("Zorvex"), "ZORVEX zorvex ZorVex", "ZORVEX|zorvex|ZorVex"},
		{"possessive", is("Zorvex"), "Zorvex's and Zorvex’s", "Zorvex|Zorvex"},
		{"not inside a word", is("Zorvex"), "Zorvexa aZorvex Zorvex1 9Zorvex", ""},
		{"between signs", is("Zorvex"), "(Zorvex), \"Zorvex\"; Zorvex.", "Zorvex|Zorvex|Zorvex"},
		{"letters and digits", is("Zorv29"), "Zorv29 Zorv-29 Zorv 29 Zorv 2 9", "Zorv29|Zorv-29|Zorv 29"},
		{"digits and letters", is("8Zorv"), "8Zorv 8-Zorv 8 zorv", "8Zorv|8-Zorv"},
		{"two words", is("Zorv Kex"), "Zorv Kex Zorv-Kex Zorv\nKex Zorv.Kex Zorv. Kex Zorv, Kex", "Zorv Kex|Zorv-Kex|Zorv\nKex|Zorv.Kex"},
		{"two words in one", is("Zorvex Quim"), "ZorvexQuim zorvexquim", "ZorvexQuim|zorvexquim"},
		{"one word in two", is("ZorvexQuim"), "Zorvex Quim", "Zorvex Quim"},
		{"a remark", is("Zorvex (Quim)"), "Zorvex is", "Zorvex"},
		{"longest", is("Zorv Kex", "Zorv Kex Mux", "Kex Mux Lut"), "Zorv Kex Mux Lut", "Zorv Kex Mux"},
		{"leftmost", is("Zorv Kex", "Kex Mux Lut"), "Zorv Kex Mux Lut", "Zorv Kex"},
		{"as written", dictionary.Entry{Type: dictionary.Tool, Name: "ZorVex", Case: true}, "zorvex ZorVex", "ZorVex"},
		{"three letters need evidence and case", is("ZVX"), "zvx ZVX. Then they left.", ""},
		{"three letters with evidence", is("ZVX"), "The ZVX trojan, zvx trojan.", "ZVX"},
		{"across a quotation", is("Zorv Kex"), "> Zorv\n> Kex", "Zorv\n> Kex"},
		{"soft hyphen", is("Zorvex"), "Zor\u00advex Zor\u200bvex", "Zor\u00advex|Zor\u200bvex"},
		{"cyrillic", is("Зорвекс"), "ЗОРВЕКС зорвекса", "ЗОРВЕКС"},
		{"ideographs", is("海莲花"), "使用海莲花组织 海 莲 花", "海莲花"},
		{"latin among ideographs", is("Zorvex"), "使用Zorvex攻击", "Zorvex"},
		{"korean endings", is("라자루스"), "라자루스는", "라자루스"},
		{"not in addresses", is("Zorvex"), "https://a.example/zorvex zorvex.com zorvex@a.example zorvex[.]com www.zorvex.icu/x hxxp://zorvex", ""},
		{"names of scanners", is("Zorvex"), "Win32/Zorvex.A!ml Trojan.Zorvex Trojan:Zorvex", "Zorvex|Zorvex|Zorvex"},
		{"words for kinds of things are no names", is("Backdoor", "Phishing", "Group", "12", "x"), "the backdoor, Phishing, Group 12 x malware", ""},
		{"short commands are no names", is("at", "cmd"), "malware at cmd backdoor", ""},
		{"no cve", dictionary.Entry{Type: dictionary.Vulnerability, Name: "CVE-2024-1234"}, "CVE-2024-1234", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, f := range findIn(t, newExtractor(t, []dictionary.Entry{c.entry}), c.text) {
				got = append(got, f.Original)
			}
			if diff := cmp.Diff(c.want, strings.Join(got, "|")); diff != "" {
				t.Errorf("%q (-want +got):\n%s", c.text, diff)
			}
		})
	}
}

func TestNumbersOfAdversariesAndTechniques(t *testing.T) {
	x := newExtractor(t, []dictionary.Entry{
		{Type: dictionary.AttackPattern, Name: "PowerShell", ID: "T1059.001"}, {Type: dictionary.Malware, Name: "Zorvex", ID: "S9001"}, {Type: dictionary.AttackPattern, Name: "Zapping", ID: "CAPEC-63"},
	})
	for _, c := range []struct{ name, text, want string }{
		{"sub-technique known", "T1059.001", "Attack Pattern PowerShell"},
		{"sub-technique unknown", "T1204.002", "Attack Pattern T1204.002"},
		{"technique in company", "the technique T1566", "Attack Pattern T1566"},
		{"technique alone", "the drill T1566", ""},
		{"no technique", "T9999 technique, T12345 technique, T1566a technique", ""},
		{"software known", "the malware S9001", "Malware Zorvex"},
		{"software unknown", "the malware S0001", ""},
		{"group", "the adversary G0016", "Adversary G0016"},
		{"mitigation and tactic", "technique M1001, TA0001", ""},
		{"capec", "CAPEC-63 CAPEC-64 CAPEC-1.2", "Attack Pattern Zapping|Attack Pattern CAPEC-64"},
		{"cwe", "CWE-79, CWE 89", "Tag CWE-79|Tag CWE-89"},
		{"adversaries", "APT28 APT-99 UNC2452 FIN7 TA505 TA-577 Storm-0558 ITG08 UAC-0010 UTA0218 CL-STA-0043 APT-C-36 UAT-5647", "Adversary APT28|Adversary APT99|Adversary UNC2452|Adversary FIN7|Adversary TA505|Adversary TA577|Adversary Storm-0558|Adversary ITG08|Adversary UAC-0010|Adversary UTA0218|Adversary CL-STA-0043|Adversary APT-C-36|Adversary UAT-5647"},
		{"tickets", "DEV-0537 is done. The adversary DEV-0537.", "Adversary DEV-0537"},
		{"temporary", "TEMP.Veles malware. TEMP.Files", "Adversary TEMP.Veles"},
		{"other case", "apt28 Fin7 storm-0558 capec-63", ""},
		{"part of something", "xAPT28 APT28x APT281234 UNC2452-1 https://x.example/APT28 APT28@x.example", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, f := range findIn(t, x, c.text) {
				got = append(got, f.Type+" "+f.Value)
			}
			if diff := cmp.Diff(c.want, strings.Join(got, "|")); diff != "" {
				t.Errorf("%q (-want +got):\n%s", c.text, diff)
			}
		})
	}
}

func TestOfTwoThingsWithOneNameTheOneIsMeantThatIsSaid(t *testing.T) {
	x := newExtractor(t, []dictionary.Entry{
		{Type: dictionary.Malware, Name: "Zorvex"}, {Type: dictionary.Adversary, Name: "Zorvex"}, {Type: dictionary.Tool, Name: "Other", Aliases: []string{"Zorvex"}},
	})
	for text, want := range map[string]string{"Zorvex came": "Malware", "the Zorvex gang": "Adversary", "the backdoor Zorvex": "Malware", "the Zorvex framework": "Tool"} {
		if found := findIn(t, x, text); len(found) != 1 || found[0].Type != want {
			t.Errorf("%q: %+v, want one %s", text, found, want)
		}
	}
}

func TestJudgeTellsWhatIsMissing(t *testing.T) {
	x := newExtractor(t, dictionary.Builtin())
	all := x.Judge("Our Hive is new. Carbon dioxide. Emotet.")
	var got []string
	for _, j := range all {
		got = append(got, fmt.Sprint(j.Value, " ", j.Counts, " ", j.Against, " ", j.Score, "/", j.Need))
	}
	if diff := cmp.Diff([]string{"Hive false  1/4", "Carbon false dioxide -8/5", "Emotet true  0/0"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLimitsAreToldAndWhatWasFoundStands(t *testing.T) {
	x, err := dictionary.New(dictionary.Config{Entries: dictionary.Builtin(), MaxFindings: 10, MaxText: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		want int
	}{"findings": {strings.Repeat("Emotet ", 20), 10}, "text": {"Emotet " + strings.Repeat("a ", 600) + "Emotet", 1}} {
		found, err := x.Extract(t.Context(), textInput(c.text))
		if !errors.Is(err, engine.ErrLimit) || len(found) != c.want {
			t.Errorf("%s: %d findings, %v; want %d", name, len(found), err, c.want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.Extract(ended, textInput("Emotet")); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
}

func TestDictionariesThatDoNotFitAreRefusedWithANumber(t *testing.T) {
	many := make([]dictionary.Entry, 500_001)
	for i := range many {
		many[i] = dictionary.Entry{Type: dictionary.Tag, Name: "Zq", Aliases: []string{"Zxq"}}
	}
	for name, c := range map[string]struct {
		entries []dictionary.Entry
		want    string
	}{
		"type":  {[]dictionary.Entry{{Type: "Thing", Name: "x"}}, `type "Thing" is none of`},
		"names": {many, "1000000 names"},
	} {
		if _, err := dictionary.New(dictionary.Config{Entries: c.entries}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestNamesThatNeedEvidenceAreWeighedUpToALimit(t *testing.T) {
	x := newExtractor(t, dictionary.Builtin())
	found, err := x.Extract(t.Context(), textInput(strings.Repeat("Hive ", 50_001)+"\n\nEmotet. The Hive gang."))
	if !errors.Is(err, engine.ErrLimit) || len(found) != 1 || found[0].Value != "Emotet" {
		t.Errorf("%d findings, %v; want Emotet and a limit", len(found), err)
	}
}

// large is a dictionary of n names that look like names.
func large(n int) []dictionary.Entry {
	syllables := []string{"zor", "vex", "qui", "lum", "ka", "tra", "ben", "mo", "dra", "fi", "sha", "wer", "tol", "gix", "pu", "ne"}
	all := make([]dictionary.Entry, 0, n)
	for i := range n {
		name := "" // a number to the base of syllables, at least four of them
		for k := i + 1<<12; k > 0; k /= len(syllables) {
			name += syllables[k%len(syllables)]
		}
		e := dictionary.Entry{Type: dictionary.Types[i%len(dictionary.Types)], Name: strings.ToUpper(name[:1]) + name[1:], Dictionary: "large"}
		if i%3 == 0 {
			e.Name += " " + syllables[i%16] + syllables[i/16%16] + "ix"
		}
		all = append(all, e)
	}
	return all
}

func TestTwoHundredThousandNames(t *testing.T) {
	entries := large(200_000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	x := newExtractor(t, entries)
	took := time.Since(began)
	runtime.GC()
	runtime.ReadMemStats(&after)
	names, bytes := x.Size()
	held := int(after.HeapAlloc) - int(before.HeapAlloc)
	t.Logf("%d names and spellings: %v, %d MiB held, %d MiB told", names, took.Round(time.Millisecond), held>>20, bytes>>20)
	if names < 200_000 || took > 10*time.Second || held > 150<<20 {
		t.Error("want 200,000 names in ten seconds and 150 MiB")
	}
	for _, i := range []int{0, 99_999, 199_999} {
		found := findIn(t, x, "The ransomware "+entries[i].Name+" came with malware.")
		if len(found) != 1 || found[0].Value != entries[i].Name {
			t.Errorf("%q: %+v", entries[i].Name, found)
		}
	}
	runtime.KeepAlive(entries)
}

func TestTextWithoutNamesCostsNoMemory(t *testing.T) {
	x := newExtractor(t, dictionary.Builtin())
	in := textInput(strings.Repeat("Dear colleagues, the Royal Mail will play no role; our Hive is empty. Carbon copies go to T1200 and Mr Conti. ", 50))
	if n := testing.AllocsPerRun(100, func() {
		if found, _ := x.Extract(context.Background(), in); len(found) > 0 {
			t.Fatalf("found %+v", found[0])
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	in = textInput(strings.Repeat("Emotet and the Hive gang. ", 500))
	found := len(findIn(t, x, in.Parts[0].Text))
	if n := testing.AllocsPerRun(10, func() { x.Extract(context.Background(), in) }); int(n) > found {
		t.Errorf("%v allocations for %d findings", n, found)
	}
}

// TestHostileTextsCostTimeInProportion compares a text with one twice as long; on a
// quiet machine (TQ_SOAK) within what a linear reader costs.
func TestHostileTextsCostTimeInProportion(t *testing.T) {
	x := newExtractor(t, dictionary.Builtin())
	times, grace := time.Duration(16), 500*time.Millisecond
	if os.Getenv("TQ_SOAK") != "" {
		times, grace = 4, 5*time.Millisecond
	}
	for name, unit := range map[string]string{
		"ambiguous": "Play ", "hives": "Hive Hive ", "one word": "a", "numbers": "T1566 ", "apt": "APT ", "halves": "Cobalt ", "no end": "Hive. ",
		"address": "Hive/", "digits": "1", "wide": "é", "ideographs": "海", "unseen": "\u200b", "rubbish": "\xff",
	} {
		took := func(n int) time.Duration {
			in := textInput(strings.Repeat(unit, n/len(unit)))
			best := time.Hour
			for range 3 {
				began := time.Now()
				x.Extract(t.Context(), in)
				best = min(best, time.Since(began))
			}
			return best
		}
		small, double := took(50_000), took(100_000)
		if double > times*small+grace {
			t.Errorf("%s: 50 KB %v, 100 KB %v", name, small, double)
		}
	}
}
