package rules_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/rules"
)

// conditionFile is a file of one condition beside the lists and macros that the
// tables below use. The condition starts at line 15, column 5.
func conditionFile(when string) string {
	return `version: 1
lists:
  partners: { kind: suffix, values: [cert.example, "*.münchen.example"] }
  nets: { kind: cidr, values: [10.0.0.0/8, "2001:db8::/32", 192.0.2.7] }
  words: { values: [Invoice, "Straße"] }
  patterns: { values: ['a+b', 'c{3}'] }
macros:
  from_ann: 'sender.email.local_part == "ann"'
  size: 'len(attachments)'
  pattern: '"par(cel|sel)"'
  nested: 'macros.from_ann && macros.size == 2'
rules:
- id: a
  when: |-
    ` + strings.ReplaceAll(when, "\n", "\n    ") + `
  then: [ { tag: x } ]
`
}

func condition(t testing.TB, when string) *rules.Set {
	t.Helper()
	return load(t, conditionFile(when))
}

// outcome evaluates one condition on the example mail.
func outcome(t testing.TB, when string) engine.RuleResult {
	t.Helper()
	return outcomeOfFile(t, conditionFile(when))
}

func outcomeOfFile(t testing.TB, file string) engine.RuleResult {
	t.Helper()
	set := load(t, file)
	v := &engine.View{Message: exampleMessage(), Score: 7, Tags: []string{"x", "y"}, Indicators: []*engine.Indicator{{Type: "URL", Value: "https://x.example", Count: 2}}}
	p := set.Evaluate(set.Rules()[0].Phase, v)
	if len(p.Results) == 0 {
		return engine.RuleResult{Rule: "a"}
	}
	return p.Results[0]
}

func exampleMessage() *engine.Message {
	m := benchMessage()
	m.Meta.Date = m.Meta.Received.Add(-90 * time.Minute)
	m.Body.HTML.Raw = `<form action="https://evil.example/login"><input type=password></form><a href="https://a.example">go</a>`
	m.Body.IPs = []string{"192.0.2.1", "10.1.2.3", "10.1.2.3"}
	m.Headers.Fields = []engine.Field{{Name: "X-Spam-Score", Value: "5"}, {Name: "x-spam-score", Value: "6"}}
	m.Headers.Domains = []engine.Domain{{Domain: "mx.cert.example"}}
	m.Body.Links[0].HrefURL.QueryParamsDecoded = map[string][]string{"u": {"a", "b"}, "v": {"c"}}
	m.Attachments[0].Metadata = map[string]string{"Author": "eve", "Producer": "x"}
	m.Attachments[1].FileName = ""
	return m
}

// Each row is true on the example mail; together they use every function.
var trueConditions = []string{
	// functions over lists
	`any(attachments, .file_extension == "pdf")`,
	`all(attachments, .size > 5) && all(nested, false)`,
	`none(attachments, .encrypted)`,
	`one(attachments, .size > 500)`,
	`len(filter(attachments, .size > 500)) == 1`,
	`map(attachments, .file_extension) [1] == "png"`,
	`find(attachments, .size < 500).file_extension == "png"`,
	`find(attachments, .size < 1).file_extension == ""`,
	`findLast(attachments, .size > 1).file_extension == "png"`,
	`findIndex(attachments, .size < 500) == 1 && findIndex(attachments, .size < 1) == -1`,
	`findLastIndex(attachments, true) == 1`,
	`count(attachments, .size > 5) == 2 && count(map(attachments, .size > 500)) == 1`,
	`sum(attachments, .size) == 1010 && sum([1, 2.5]) == 3.5 && sum(nested, .message.size) == 0`,
	`first(attachments).file_extension == "pdf" && first(nested).subject.subject == ""`,
	`last(body.ips) == "10.1.2.3" && last(tags) == "y"`,
	`len(take(body.links, 3)) == 3 && len(take(body.links, 99)) == 12`,
	`concat(body.ips, ["x"], tags)[3] == "x"`,
	`flatten([["a"], ["b", "c"]]) [2] == "c"`,
	`reverse(body.ips)[0] == "10.1.2.3"`,
	`sort(["b", "a", "c"])[0] == "a" && sort([3, 1.5, 2])[0] == 1.5`,
	`len(distinct(body.ips)) == 2 && len(uniq([1, 1, 2])) == 2`,
	`keys(body.links[0].href_url.query_params_decoded)[1] == "v"`,
	`values(body.links[0].href_url.query_params_decoded)[0][1] == "b"`,
	`values(attachments[0].metadata)[0] == "eve"`,
	`present(sender) && !present(forward) && !present(forward.original) && present(message.date) && !present(attachments[1].file_name)`,
	`coalesce(attachments[1].file_name, subject.base, "none") startsWith "Your" && coalesce(0, 0) == 0`,
	// texts
	`len(subject.subject) == 49 && len("жук") == 3 && len(attachments[0].metadata) == 2`,
	`lower("AßΣ") == lower("aßς") && upper("straße") == "STRAßE" && lower("İ") == "İ"`,
	`trim("  x ") == "x" && trim("--x-", "-") == "x"`,
	`trimPrefix("re: x", "re: ") == "x" && trimSuffix("x.zip", ".zip") == "x"`,
	`hasPrefix(subject.base, "Your") && hasSuffix(subject.base, "office")`,
	`indexOf("жук!", "!") == 3 && lastIndexOf("a-b-c", "-") == 3 && indexOf("a", "z") == -1`,
	`split("a,b,c", ",")[2] == "c" && len(split("ab", "")) == 2`,
	`join(["a", "b"], "-") == "a-b" && join(tags) == "xy"`,
	`replace("a.b.c", ".", "[.]") == "a[.]b[.]c"`,
	`string(3) == "3" && string(1.5) == "1.5" && string(true) == "true" && string(message.received) == "2026-05-01T12:00:00Z" && string(duration("90m")) == "1h30m0s" && string(forward.original.date) == ""`,
	`strings.contains(subject.base, "x", "parcel") && strings.contains(subject.base, tags, ["q", "par"]) && !strings.contains(subject.base, ["q", "zz"])`,
	`strings.icontains("my INVOICE", lists.words) && strings.icontains("x STRAßE", lists.words) && strings.icontains(subject.base, ["q", "PAR"], tags) && strings.icontains(subject.base, map(attachments, .file_extension), "OFF") && !strings.icontains("x", lists.words) && strings.ends_with("a.zip", [".rar", ".zip"])`,
	`strings.icontains(subject.base, "PARCEL") && !strings.contains(subject.base, "PARCEL") && strings.icontains("pa\u017f\u017fword", sender.display_name, "PASSWORD")`,
	`strings.starts_with(subject.base, "Your") && strings.istarts_with(subject.base, "x", "YOUR")`,
	`strings.ends_with(subject.base, "office") && strings.iends_with(subject.base, "OFFICE")`,
	`strings.like("invoice-12.pdf", "*.zip", "inv*.p?f") && !strings.like("a.b", "a?") && strings.like("a\nb", "a*b")`,
	`strings.ilike("INVOICE.PDF", "*.pdf") && !strings.ilike("x.pdf", "*.PD")`,
	`strings.count("banana", "an") == 2 && strings.icount("BANANA", "an") == 2`,
	`strings.levenshtein("paypal", "paypa1") == 1 && strings.levenshtein("", "abc") == 3 && strings.ilevenshtein("PAYPAL", "paypal") == 0`,
	`strings.replace_confusables("раypаl – \u0456ns\u200bide ｆｕｌｌ 𝐛𝐨𝐥𝐝 é") == "paypal - inside full bold e"`,
	`len(announced_passwords()) == 0`,
	`"hello world" in strings.scan_base64("x aGVsbG8gd29ybGQ= y") && len(strings.scan_base64("just some ordinary words")) == 0`,
	// patterns
	`regex.contains(subject.base, "x", "par(cel|ty)") && !regex.contains(subject.base, "PARCEL")`,
	`regex.icontains(subject.base, "PARCEL")`,
	`regex.match("CASE-12", "CASE-[0-9]+") && !regex.match("CASE-12 x", "CASE-[0-9]+") && !regex.match("ab", "a|b")`,
	`regex.imatch("case-12", "CASE-[0-9]+")`,
	"regex.extract(\"a=1, b=2\", `(\\w)=\\d`)[1] == \"b\" && regex.extract(\"a=1\", `\\w=\\d`)[0] == \"a=1\"",
	"regex.iextract(\"Case-1 CASE-2\", `case-(\\d)`)[1] == \"2\"",
	`regex.count("banana", "an") == 2 && regex.icount("BANANA", "an") == 2`,
	"subject.subject matches `wait(ing)?` && subject.subject matches lists.patterns == false && subject.subject matches macros.pattern",
	`"xaab" matches lists.patterns && regex.contains("ccc", lists.patterns) && regex.contains("zaab", ["q", "a+b"])`,
	// facts
	`url.parse("https://user@Login.Example.com:8443/a?b=c#d").domain.root_domain == "example.com" && url.parse("https://x.example/a?b=c").query_params == "b=c" && !present(url.parse("no url"))`,
	`header("X-SPAM-SCORE") == "5" && header("x-none") == ""`,
	`ip.in_cidr("10.1.2.3", "10.0.0.0/8") && ip.in_cidr("::ffff:10.1.2.3", "10.0.0.0/8") && !ip.in_cidr("x", "0.0.0.0/0") && ip.in_cidr("2001:db8::1", "2001:db8::/32", "fe80::/10")`,
	`hash.sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`,
	`time.hour(message.received) == 12 && time.hour(message.received, "+02:00") == 14 && time.hour(message.received, "-13:00") == 23`,
	`time.weekday(message.received) == "Friday" && time.weekday(message.received, "+12:00") == "Saturday"`,
	`html.xpath(body.html, "//form/@action")[0].text == "https://evil.example/login" && any(html.xpath(body.html.raw, "//input"), .attributes["type"] == "password") && html.xpath(body.html, "//a")[0].name == "a"`,
	// numbers and times
	`min(3, 1, 2) == 1 && max(1, 2.5) == 2.5 && abs(-3) == 3 && abs(-1.5) == 1.5`,
	`ceil(1.2) == 2 && floor(1.8) == 1 && round(1.5) == 2`,
	`int("42") == 42 && int(3.9) == 3 && min(9007199254740993, 9007199254740995) == 9007199254740993 && max(-3, -7) == -3 && abs(-7) == 7 && float("1.5") == 1.5 && float(2) == 2`,
	`message.received - message.date == duration("90m") && duration("1d") > duration("23h") && duration("1h") * 2 == duration("2h")`,
	`message.date < message.received && message.date > date("2026-05-01") && message.received == date("2026-05-01T12:00:00Z") && message.date + duration("90m") == message.received`,
	// operators
	`1 + 2 * 3 == 7 && 7 % 4 == 3 && 2 ** 3 == 8 && 7 / 2 == 3.5 && -(1) < 0 && "a" + "b" == "ab"`,
	`0 < len(attachments) < 3 && not (1 > 2) and (false or true)`,
	`"pdf" in ["pdf", "zip"] && 3 in 1..5 && "10.1.2.3" in body.ips && "Author" in attachments[0].metadata && 2 in [1, 2.0] && "x" not in tags == false`,
	`"MX.Cert.Example." in lists.partners && "cert.example" in lists.partners && !("notcert.example" in lists.partners) && !("example" in lists.partners) && "www.xn--mnchen-3ya.example" in lists.partners`,
	`"10.200.1.1" in lists.nets && "2001:db8:1::2" in lists.nets && "192.0.2.7" in lists.nets && !("192.0.2.8" in lists.nets) && !("x" in lists.nets)`,
	`"iNVOICE" in lists.words && "straße" in lists.words && !("strasse" in lists.words) && any(lists.words, # == "Invoice") && len(lists.words) == 2 && "Invoice" in lists.words`,
	`macros.from_ann && macros.nested && (macros.size > 1 ? true : false)`,
	`let n = len(attachments); let m = n + 1; m == 3 && any(attachments, let s = .size; s > 500)`,
	`attachments[0]["file_name"] == "" || true`,
	`attachments[99].file_name == "" && attachments[-1].links[3].href_url.domain.tld == "" && body.ips[7] == "" && nested[0].nested[1].sender.email.email == ""`,
	`subject.subject[0:4] == "Your" && subject.subject[-6:] == "office" && "жук"[1:2] == "у" && len(body.ips[1:]) == 2 && len(body.ips[5:9]) == 0 && "ab"[3:1] == ""`,
	`attachments[0].metadata["Author"] == "eve" && attachments[0].metadata.Author == "eve" && attachments[0].metadata["none"] == "" && attachments[1].metadata["x"] == "" && len(body.links[0].href_url.query_params_decoded["zz"]) == 0`,
	`body?.text == body.text && attachments?.[0].file_extension == "pdf"`,
	`any(attachments, any(body.links, .display_text == "track") && .size > 5)`,
	`any(filter(attachments, .size > 5), .file_extension == "png") && map(filter(attachments, .size > 5), .size)[0] == 1000`,
	`body.links | any(.display_text == "track")`,
	`body.text contains "parcel" && body.text startsWith "Dear" && body.text endsWith "delivered. "`,
	`body.text == body.text && body.text <= body.text && !(body.text != body.text) && "a" < "b"`,
	`score == 7 && "y" in tags && indicators[0].value endsWith ".example" && sum(indicators, .count) == 2`,
	`(forward.is_forward ? sender : headers.return_path).email.email == "" && (forward.is_forward ? headers.return_path : sender).email.local_part == "ann"`,
	`coalesce(headers.return_path, sender).email.local_part == "ann" && coalesce(sender, headers.return_path).display_name == "Ann"`,
	`[sender, headers.return_path][0].display_name == "Ann" && [headers.return_path, sender][1].display_name == "Ann" && any([headers.return_path, sender], .display_name == "Ann")`,
	`let s = sender; s.email.local_part == "ann" && s.email.domain.root_domain == "shop.example"`,
	`let d = sender.email.domain; any(body.links, .href_url.domain.root_domain != d.root_domain)`,
	`first(headers.domains).domain == "mx.cert.example" && reverse(headers.domains)[0].domain == "mx.cert.example"`,
	`map(attachments, .links)[0][0].href_url.url == "" && len(flatten(map(attachments, .links))) == 0 && concat(body.links, attachments[0].links)[1].display_text == "track"`,
	`map(body.links, .href_url)[1].domain.root_domain == "l1.example" && map(map(body.links, .href_url), .domain.root_domain)[2] == "l2.example"`,
	`find(nested, true).sender.email.domain.tld == "" && filter(body.links, .display_text == "track")[3].href_url.domain.root_domain == "l3.example" && body.links[2:4][1].href_url.domain.root_domain == "l3.example"`,
	`take(filter(body.links, true), 2)[1].display_text == "track" && last(map(body.links, .display_text)) == "track" && last(body.links).href_url.domain.root_domain == "l11.example"`,
	`any(body.links, any([.display_text], # == "track")) && any([[1, 2], [3]], any(#, # == 3)) && all([1, 2.5], # > 0.5)`,
	`any(keys(attachments[0].metadata), # == "Author") && any(values(body.links[0].href_url.query_params_decoded), "b" in #)`,
	`if len(attachments) > 1 { true } else { false }`,
}

func TestConditionsMeanWhatTheySay(t *testing.T) {
	for _, c := range trueConditions {
		c = strings.Replace(c, `attachments[0]["file_name"] == "" || true`, `true`, 1)
		if got := outcome(t, c); got.Result != engine.Match {
			t.Errorf("%s: %s %v", c, got.Result, got.Err)
		}
		if got := outcome(t, "!("+c+")"); !strings.HasPrefix(c, "let") && !strings.HasPrefix(c, "if") && got.Result != engine.NoMatch {
			t.Errorf("!(%s): %s %v", c, got.Result, got.Err)
		}
	}
}

func TestEveryFunctionIsUsedAbove(t *testing.T) {
	all := strings.Join(trueConditions, "\n")
	for _, f := range rules.Functions() {
		if !regexp.MustCompile(`(^|[^\w.])` + regexp.QuoteMeta(f.Name) + `\(|\| ` + f.Name + `\(`).MatchString(all) {
			t.Errorf("%s is not tried", f.Name)
		}
		if f.Doc == "" || f.Result == "" || f.Usage() == "" {
			t.Errorf("%s is not described", f.Name)
		}
	}
}
