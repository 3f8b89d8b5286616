package extract_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/extract"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

func TestProvenanceIsOfTheOriginalText(t *testing.T) {
	text := "first hxxps://evil[.]example[.]com/a?b=1, then bob[at]mail(dot)example(dot)org and 192.0.2[.]7\n"
	for _, f := range extract.FindText(text) {
		if got := text[f.Spot.Span.Start:f.Spot.Span.End]; got != f.Original {
			t.Errorf("%s %q: span gives %q, Original is %q", f.Type, f.Value, got, f.Original)
		}
		if f.Flags&engine.Defanged == 0 {
			t.Errorf("%s %q is not flagged as defanged", f.Type, f.Value)
		}
	}
	want := []string{
		"URL https://evil.example.com/a?b=1 <hxxps://evil[.]example[.]com/a?b=1>",
		"FQDN evil.example.com <hxxps://evil[.]example[.]com/a?b=1>",
		"Email Address bob@mail.example.org <bob[at]mail(dot)example(dot)org>",
		"FQDN mail.example.org <bob[at]mail(dot)example(dot)org>",
		"IP Address 192.0.2.7 <192.0.2[.]7>",
	}
	var got []string
	for _, f := range extract.FindText(text) {
		got = append(got, f.Type+" "+f.Value+" <"+f.Original+">")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPageGivesContextAndFlags(t *testing.T) {
	href, _ := names.ParseURL("https://login.evil.example.org/x")
	mail, _ := names.ParseURL("mailto:joe@example.net?subject=hi")
	page := &engine.Page{
		InnerText: "see www.bank.example.com and secret.example.net here",
		Hidden:    []engine.Span{{Start: 29, End: 47}},
		Links: []*engine.Link{
			{DisplayText: "www.bank.example.com", HrefURL: href, Mismatched: true, Span: engine.Span{Start: 4, End: 24}},
			{DisplayText: "here", HrefURL: mail, Span: engine.Span{Start: 48, End: 52}},
		},
		Refs: []engine.PageRef{{Tag: "img", Attr: "src", URL: "https://px.example.com/o.gif"}, {Tag: "img", Attr: "src", URL: "cid:logo"}, {Tag: "a", Attr: "ping", URL: "javascript:x.com"}},
	}
	type row struct {
		Type, Value, Context string
		Span                 engine.Span
		Flags                string
	}
	var got []row
	in := engine.Input{Parts: []engine.InputPart{{PartInfo: engine.PartInfo{ID: "body.html", Kind: "html"}, Page: page}}}
	found, err := extract.New(extract.Config{}).Extract(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		got = append(got, row{f.Type, f.Value, f.Spot.Context.String(), f.Spot.Span, strings.Join(f.Flags.Names(), " ")})
	}
	want := []row{
		{"FQDN", "www.bank.example.com", "text", engine.Span{Start: 4, End: 24}, "reserved"},
		{"FQDN", "secret.example.net", "hidden", engine.Span{Start: 29, End: 47}, "reserved"},
		{"URL", "https://login.evil.example.org/x", "link", engine.Span{Start: 4, End: 24}, "reserved mismatch"},
		{"FQDN", "login.evil.example.org", "url", engine.Span{Start: 4, End: 24}, "reserved mismatch derived"},
		{"Email Address", "joe@example.net", "link", engine.Span{Start: 48, End: 52}, "reserved"},
		{"FQDN", "example.net", "link", engine.Span{Start: 48, End: 52}, "reserved derived"},
		{"URL", "https://px.example.com/o.gif", "reference", engine.Span{}, "reserved"},
		{"FQDN", "px.example.com", "url", engine.Span{}, "reserved derived"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHeadersNamesAndSubjects(t *testing.T) {
	header := "Received: from mx.example.com ([192.0.2.7]) by mx.example.org\nMessage-ID: <a.b@example.com>\nX-Mailer: Evil Mailer 2.0\nReply-To: <joe@example.net>\n"
	in := engine.Input{Parts: []engine.InputPart{
		{PartInfo: engine.PartInfo{ID: "header", Kind: "header"}, Text: header},
		{PartInfo: engine.PartInfo{ID: "subject", Kind: "subject"}, Text: "see evil[.]example[.]com"},
		{PartInfo: engine.PartInfo{ID: "2", Kind: "name"}, Text: "Invoice (final).pdf.exe"},
		{PartInfo: engine.PartInfo{ID: "2", Kind: "attachment"}, Text: "192.0.2.8"},
	}}
	found, err := extract.New(extract.Config{}).Extract(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		if f.Flags&engine.Derived != 0 {
			continue
		}
		got = append(got, f.Spot.Part+" "+f.Spot.Context.String()+" "+f.Spot.Header+" "+f.Type+" "+f.Value)
		if f.Spot.Part == "header" && header[f.Spot.Span.Start:f.Spot.Span.End] != f.Original {
			t.Errorf("%q: span gives %q", f.Value, header[f.Spot.Span.Start:f.Spot.Span.End])
		}
	}
	want := []string{
		"header header Received FQDN mx.example.com",
		"header header Received IP Address 192.0.2.7",
		"header header Received FQDN mx.example.org",
		"header header X-Mailer X-Mailer Evil Mailer 2.0",
		"header header Reply-To Email Address joe@example.net",
		"subject subject  FQDN evil.example.com",
		"2 name  Filename Invoice (final).pdf.exe",
		"2 attachment  IP Address 192.0.2.8",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLimitsAreToldAndKeepWhatWasFound(t *testing.T) {
	x := extract.New(extract.Config{MaxFindings: 5, MaxText: 1000})
	part := func(text string) engine.Input {
		return engine.Input{Parts: []engine.InputPart{{PartInfo: engine.PartInfo{ID: "1", Kind: "text"}, Text: text}}}
	}
	found, err := x.Extract(context.Background(), part("a.example.com b.example.com c.example.com d.example.com e.example.com f.example.com g.example.com"))
	if !errors.Is(err, engine.ErrLimit) || len(found) < 5 || len(found) > 8 {
		t.Errorf("%d findings, error %v", len(found), err)
	}
	if _, err = x.Extract(context.Background(), part(strings.Repeat("word ", 500))); !errors.Is(err, engine.ErrLimit) {
		t.Errorf("long text: error %v", err)
	}
	if found, err = x.Extract(context.Background(), part("a.example.com")); err != nil || len(found) != 1 {
		t.Errorf("short text: %d findings, error %v", len(found), err)
	}
}

// TestTimeIsLinear compares one size with four times that size: a quadratic
// step would show as a factor of 16.
func TestTimeIsLinear(t *testing.T) {
	for name, unit := range map[string]string{
		"base64 blob": "QWxhZGRpbjpvcGVuIHNlc2FtZQ+/", "dots": "a.a.a.", "at signs": "a@", "at and dots": "a.b@c.d", "schemes": "http://",
		"broken urls": "http://a..b,", "broken urls, entities": "http://a.com&gt", "brackets": "a[.]", "open brackets": "[[[(", "colons": "::a:", "v4": "1.2.3.4,",
		"v4 dashes": "1.2.3.4-", "slashes": "a/b/", "backslashes": `C:\a\b`, "drives": `C:\a `, "registry": `HKLM\a b\`, "shares": `\\a\b`, "spoken dots": "a dot ",
		"spoken dots to names": "a dot com ", "umlauts": "ü.ü", "invisible": "a\u200b.", "ideographs": "访问a.com", "percent": "%a%\\", "mozilla": "Mozilla/5.0 (", "rule": "rule a ",
		"mutex": "mutex: \"", "scheme space": "http:// ", "urls": "http://a.com/x ", "urls glued": "http://a.com/x,", "hosts": "a.com ", "hosts glued": "a.com,", "digests": "81f9167a97a45a8d65bbd02bc79c63d3,",
		"wide": "“”", "colons and ports": "a.com:8", "wrappers": "https://www.google.com/url?q=", "full width": "ａ．", "at words": "a at b[.", "fuzzy": "3:abcdefgh:", "hex": "abcdef0123456789",
	} {
		t.Run(name, func(t *testing.T) {
			small := fastest(func() { extract.FindText(strings.Repeat(unit, 1<<15/len(unit))) })
			large := fastest(func() { extract.FindText(strings.Repeat(unit, 1<<17/len(unit))) })
			if large > 10*small+100*time.Millisecond {
				t.Errorf("%v for one, %v for four", small, large)
			}
		})
	}
}

func fastest(f func()) time.Duration {
	best := time.Hour
	for range 4 {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
		if best > 5*time.Second {
			break
		}
	}
	return best
}

// TestCases reads testdata/cases.jsonl: a name, a text, and what is expected of
// it by itself, as "type value" in any order. What is derived (hosts of URLs
// and the like) is left out.
func TestCases(t *testing.T) {
	data, err := os.ReadFile("testdata/cases.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		var c struct {
			Name, Text string
			Want       []string
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		n++
		t.Run(c.Name, func(t *testing.T) {
			found := extract.FindText(c.Text)
			check(t, c.Text, found)
			got := []string{}
			for _, f := range found {
				if f.Flags&engine.Derived == 0 {
					got = append(got, engine.ShortByType(f.Type)+" "+f.Value)
				}
			}
			slices.Sort(got)
			slices.Sort(c.Want)
			if diff := cmp.Diff(c.Want, got); diff != "" {
				t.Errorf("%q (-want +got):\n%s", c.Text, diff)
			}
		})
	}
	if n < 200 {
		t.Errorf("only %d cases", n)
	}
}

func TestPageReadsWhatIsWrittenIntoTargets(t *testing.T) {
	data, _ := names.ParseURL("data:text/html;base64,PGEgaHJlZj0iaHR0cHM6Ly9kYXRhLmV4YW1wbGUuY29tL3giPng8L2E+")
	script, _ := names.ParseURL("javascript:window.open('https://script.example.com/x%3Fy')")
	page := &engine.Page{
		Raw:   `<p>x</p><SCRIPT type="a">var u = "https:\/\/block.example.com\/x"; location.href = u.top;</SCRIPT><b>`,
		Links: []*engine.Link{{HrefURL: data, Span: engine.Span{Start: 1, End: 2}}, {HrefURL: script}},
		Refs: []engine.PageRef{
			{URL: "data:image/png;base64,iVBORw0KGgo="}, {URL: "data:text/plain,go%20to%20plain.example.com"}, {URL: "data:,"}, {URL: "data:text/html;base64"},
		},
	}
	var got []string
	for _, f := range extract.FindPage(page) {
		if f.Flags&engine.Derived == 0 {
			got = append(got, f.Spot.Context.String()+" "+f.Type+" "+f.Value)
		}
	}
	want := []string{
		"link URL https://data.example.com/x", "link URL https://script.example.com/x?y",
		"reference FQDN plain.example.com", "reference URL https://block.example.com/x",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUnwrappedTargetsTellTheirWrapper(t *testing.T) {
	text := "https://nam02.safelinks.protection.outlook.com/?url=https%3A%2F%2Fwww.google.com%2Furl%3Fq%3Dhttps%3A%2F%2Fevil.example.com%2Fx&data=1"
	found := extract.FindText(text)
	if len(found) != 2 {
		t.Fatalf("%d findings: %+v", len(found), found)
	}
	f := found[0]
	if f.Value != "https://evil.example.com/x" || f.Original != text || f.Flags&engine.Wrapped == 0 || f.Flags&engine.Derived != 0 ||
		f.Extra["wrapper"] != "safelinks google" || !strings.HasPrefix(f.Parent, "https://nam02.") || f.Spot.Context != engine.InURL {
		t.Errorf("target: %+v", f)
	}
	if h := found[1]; h.Value != "evil.example.com" || h.Parent != f.Value || h.Flags&(engine.Derived|engine.Wrapped) != engine.Derived|engine.Wrapped {
		t.Errorf("host: %+v", h)
	}
}

func TestFlags(t *testing.T) {
	for text, want := range map[string]string{
		"10.1.2.3":                           "private",
		"127.0.0.1":                          "private",
		"100.64.1.1":                         "private",
		"fe80::1ff:fe23:4567:890a":           "private",
		"fd12:3456:789a::1":                  "private",
		"169.254.1.1":                        "private",
		"192.0.2.1":                          "reserved",
		"2001:db8::1":                        "reserved",
		"240.0.0.1":                          "reserved",
		"8.8.8.8":                            "",
		"10.0.0.0/8":                         "private",
		"evil-host.com":                      "",
		"a.example.org":                      "reserved",
		"http://files.corp.lan/":             "unlisted",
		"http://me:pw@evil-host.com/":        "userinfo",
		"http://me@10.1.2.3/":                "private userinfo",
		"https://t.co/AbC":                   "opaque_redirect",
		"hxxp://evil-host.com/":              "defanged",
		"evil-host[.]com":                    "defanged",
		"https://аррӏе.com/id":               "homograph",
		"pаypal-host.com":                    "homograph",
		"bücher-host.de":                     "",
		"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa": "checked",
		"CVE\u20112023\u201136884":           "",
	} {
		found := extract.FindText(text)
		if len(found) == 0 {
			t.Errorf("%q: nothing found", text)
			continue
		}
		if got := strings.Join(found[0].Flags.Names(), " "); got != want {
			t.Errorf("%q: flags %q, want %q", text, got, want)
		}
	}
}

func TestExtractorKeepsTheContract(t *testing.T) {
	part := func(kind, text string) engine.InputPart {
		return engine.InputPart{PartInfo: engine.PartInfo{ID: kind, Kind: kind}, Text: text}
	}
	href, _ := names.ParseURL("https://www.google.com/url?q=https://evil.example.com/")
	samples := []engine.Input{
		{Parts: []engine.InputPart{part("text", report+prose), part("subject", "Re: evil[.]example[.]com"), part("name", "a.zip"), part("header", "X-Mailer: x 1\nFrom: <a@example.com>\n")}},
		{Parts: []engine.InputPart{{PartInfo: engine.PartInfo{ID: "body.html", Kind: "html"}, Page: &engine.Page{InnerText: "x a.example.com", Links: []*engine.Link{{HrefURL: href, Span: engine.Span{Start: 0, End: 1}}}}}}},
		{Parts: []engine.InputPart{part("image", "never wanted"), part("html", "<p>a.example.com</p>")}},
	}
	enginetest.TestExtractor(t, extract.New(extract.Config{}), samples)
	if len(extract.FindText(report)) == 0 {
		t.Error("the samples hold nothing")
	}
}

// TestRepetitionsDoNotFillTheCap hides one URL behind many copies of another.
func TestRepetitionsDoNotFillTheCap(t *testing.T) {
	x := extract.New(extract.Config{MaxFindings: 100})
	text := strings.Repeat("http://again-and-again.icu/ ", 10_000) + "http://the-one.icu/"
	found, err := x.Extract(t.Context(), engine.Input{Parts: []engine.InputPart{{PartInfo: engine.PartInfo{ID: "p", Kind: "text"}, Text: text}}})
	if err != nil {
		t.Errorf("the cap fired: %v", err)
	}
	if !slices.ContainsFunc(found, func(f engine.Finding) bool { return f.Value == "http://the-one.icu/" }) {
		t.Errorf("not among %d findings", len(found))
	}
	var distinct strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&distinct, "http://host-%d.icu/ ", i)
	}
	found, err = x.Extract(t.Context(), engine.Input{Parts: []engine.InputPart{{PartInfo: engine.PartInfo{ID: "p", Kind: "text"}, Text: distinct.String()}}})
	if !errors.Is(err, engine.ErrLimit) || len(found) > 110 {
		t.Errorf("%d findings, %v; want the cap", len(found), err)
	}
}
