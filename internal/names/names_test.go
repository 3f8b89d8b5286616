package names_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/publicsuffix"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

func TestParseHost(t *testing.T) {
	for _, tc := range []struct {
		name, host string
		want       engine.Domain
	}{
		{"plain", "Mail.Example.COM.", engine.Domain{Domain: "mail.example.com", RootDomain: "example.com", SLD: "example", Subdomain: "mail", TLD: "com", Valid: true}},
		{"registrable itself", "example.co.uk", engine.Domain{Domain: "example.co.uk", RootDomain: "example.co.uk", SLD: "example", TLD: "co.uk", Valid: true}},
		{"deep", "a.b.example.co.jp", engine.Domain{Domain: "a.b.example.co.jp", RootDomain: "example.co.jp", SLD: "example", Subdomain: "a.b", TLD: "co.jp", Valid: true}},
		{"private section does not count", "user.github.io", engine.Domain{Domain: "user.github.io", RootDomain: "github.io", SLD: "github", Subdomain: "user", TLD: "io", Valid: true}},
		{"private suffix of many labels", "b.s3.dualstack.us-east-1.amazonaws.com", engine.Domain{Domain: "b.s3.dualstack.us-east-1.amazonaws.com", RootDomain: "amazonaws.com", SLD: "amazonaws", Subdomain: "b.s3.dualstack.us-east-1", TLD: "com", Valid: true}},
		{"wildcard suffix", "shop.foo.ck", engine.Domain{Domain: "shop.foo.ck", RootDomain: "shop.foo.ck", SLD: "shop", TLD: "foo.ck", Valid: true}},
		{"suffix alone", "co.uk", engine.Domain{Domain: "co.uk", TLD: "co.uk"}},
		{"unlisted suffix", "server.corp", engine.Domain{Domain: "server.corp", RootDomain: "server.corp", SLD: "server", TLD: "corp"}},
		{"single label", "localhost", engine.Domain{Domain: "localhost", TLD: "localhost"}},
		{"onion, version 3", "www.dmlldx2troqs3q7zp3n3qxfkobini3auqe2csd7lvahyenwihw4tpaad.onion", engine.Domain{Domain: "www.dmlldx2troqs3q7zp3n3qxfkobini3auqe2csd7lvahyenwihw4tpaad.onion", RootDomain: "dmlldx2troqs3q7zp3n3qxfkobini3auqe2csd7lvahyenwihw4tpaad.onion", Subdomain: "www", SLD: "dmlldx2troqs3q7zp3n3qxfkobini3auqe2csd7lvahyenwihw4tpaad", TLD: "onion", Valid: true}},
		{"onion, version 3, one digit off", "dmlldx2troqs3q7zp3n3qxfkobini3auqe2csd7lvahyenwihw4tpabd.onion", engine.Domain{Domain: "dmlldx2troqs3q7zp3n3qxfkobini3auqe2csd7lvahyenwihw4tpabd.onion", RootDomain: "dmlldx2troqs3q7zp3n3qxfkobini3auqe2csd7lvahyenwihw4tpabd.onion", SLD: "dmlldx2troqs3q7zp3n3qxfkobini3auqe2csd7lvahyenwihw4tpabd", TLD: "onion", Valid: true}},
		{"onion, another length", "www.onion", engine.Domain{Domain: "www.onion", RootDomain: "www.onion", SLD: "www", TLD: "onion"}},
		{"onion, no base 32", "expyuzz4wqqyqh1n.onion", engine.Domain{Domain: "expyuzz4wqqyqh1n.onion", RootDomain: "expyuzz4wqqyqh1n.onion", SLD: "expyuzz4wqqyqh1n", TLD: "onion"}},
		{"onion, version 2", "expyuzz4wqqyqhjn.onion", engine.Domain{Domain: "expyuzz4wqqyqhjn.onion", RootDomain: "expyuzz4wqqyqhjn.onion", SLD: "expyuzz4wqqyqhjn", TLD: "onion", Valid: true}},
		{"reverse zone", "1.2.0.192.in-addr.arpa", engine.Domain{Domain: "1.2.0.192.in-addr.arpa", RootDomain: "192.in-addr.arpa", SLD: "192", Subdomain: "1.2.0", TLD: "in-addr.arpa", Valid: true}},
		{"umlaut", "Bücher.example.de", engine.Domain{Domain: "xn--bcher-kva.example.de", RootDomain: "example.de", SLD: "example", Subdomain: "xn--bcher-kva", TLD: "de", Valid: true, Punycode: "bücher.example.de"}},
		{"sharp s stays", "straße.de", engine.Domain{Domain: "xn--strae-oqa.de", RootDomain: "xn--strae-oqa.de", SLD: "xn--strae-oqa", TLD: "de", Valid: true, Punycode: "straße.de"}},
		{"a-labels", "xn--bcher-kva.de", engine.Domain{Domain: "xn--bcher-kva.de", RootDomain: "xn--bcher-kva.de", SLD: "xn--bcher-kva", TLD: "de", Valid: true, Punycode: "bücher.de"}},
		{"full width and ideographic stop", "ｗｗｗ。example。com", engine.Domain{Domain: "www.example.com", RootDomain: "example.com", SLD: "example", Subdomain: "www", TLD: "com", Valid: true}},
		{"listed suffix in another script", "пример.рф", engine.Domain{Domain: "xn--e1afmkfd.xn--p1ai", RootDomain: "xn--e1afmkfd.xn--p1ai", SLD: "xn--e1afmkfd", TLD: "xn--p1ai", Valid: true, Punycode: "пример.рф"}},
		{"underscore", "_dmarc.example.org", engine.Domain{Domain: "_dmarc.example.org", RootDomain: "example.org", SLD: "example", Subdomain: "_dmarc", TLD: "org", Valid: true}},
		{"ipv4", "192.0.2.7", engine.Domain{Domain: "192.0.2.7"}},
		{"ipv6", "2001:DB8::1", engine.Domain{Domain: "2001:db8::1"}},
		{"empty label", "a..example.com", engine.Domain{Domain: "a..example.com"}},
		{"hyphen at the edge", "-a.example.com", engine.Domain{Domain: "-a.example.com"}},
		{"label of 64", strings.Repeat("a", 64) + ".com", engine.Domain{Domain: strings.Repeat("a", 64) + ".com"}},
		{"space", "exa mple.com", engine.Domain{Domain: "exa mple.com"}},
		{"empty", "", engine.Domain{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, names.ParseHost(tc.host)); diff != "" {
				t.Errorf("ParseHost(%q) (-want +got):\n%s", tc.host, diff)
			}
		})
	}
}

func TestParseURLReadsAsABrowserDoes(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"plain", "https://example.com/a?b=c#d", "https://example.com/a?b=c#d"},
		{"case of scheme and host", "HTTPS://ExAmple.COM/CaSe", "https://example.com/CaSe"},
		{"no path", "http://example.com", "http://example.com/"},
		{"query without path", "http://example.com?q=1", "http://example.com/?q=1"},
		{"default port", "http://example.com:80/x", "http://example.com/x"},
		{"default port https", "https://example.com:443/x", "https://example.com/x"},
		{"other port", "http://example.com:8080/x", "http://example.com:8080/x"},
		{"empty port", "http://example.com:/x", "http://example.com/x"},
		{"backslashes", `https:\\example.com\a\b`, "https://example.com/a/b"},
		{"mixed slashes", `http:/\example.com/a`, "http://example.com/a"},
		{"one slash", "http:/example.com/a", "http://example.com/a"},
		{"no slash", "http:example.com/a", "http://example.com/a"},
		{"many slashes", "http://///example.com/a", "http://example.com/a"},
		{"tab and newline inside", "ht\ttp://exam\nple.com/a\r\nb", "http://example.com/ab"},
		{"around", " \n http://example.com/ \x00", "http://example.com/"},
		{"user information", "http://user:pw@example.com/", "http://user:pw@example.com/"},
		{"user that looks like a host", "http://bank.example@evil.example.com/", "http://bank.example@evil.example.com/"},
		{"two at signs", "http://a@b@example.com/", "http://a@b@example.com/"},
		{"ipv6", "http://[2001:DB8:0::1]:81/", "http://[2001:db8::1]:81/"},
		{"hex ipv4", "http://0xC0.0x00.0x02.0x07/", "http://192.0.2.7/"},
		{"octal ipv4", "http://0300.0.02.07/", "http://192.0.2.7/"},
		{"one number", "http://3221225991/", "http://192.0.2.7/"},
		{"two numbers", "http://192.519/", "http://192.0.2.7/"},
		{"trailing dot", "http://example.com./x", "http://example.com/x"},
		{"percent host", "http://ex%61mple.com/", "http://example.com/"},
		{"percent encoded number host", "http://%31%39%32.0.2.7/", "http://192.0.2.7/"},
		{"idn host", "http://bücher.de/ü", "http://xn--bcher-kva.de/%C3%BC"},
		{"full width host", "http://ｅｘａｍｐｌｅ．com/", "http://example.com/"},
		{"space in path", "http://example.com/a b", "http://example.com/a%20b"},
		{"dot segments stay", "http://example.com/a/../b/./c", "http://example.com/a/../b/./c"},
		{"ftp", "ftp://files.example.org/pub", "ftp://files.example.org/pub"},
		{"another scheme with a host", "sftp://files.example.org/pub", "sftp://files.example.org/pub"},
		{"www", "www.example.com/x", "http://www.example.com/x"},
		{"bare host with path", "evil.example.com/gate.php?i=1", "http://evil.example.com/gate.php?i=1"},
		{"bare host", "example.com", "http://example.com/"},
		{"bare host with port", "example.com:8443/a", "http://example.com:8443/a"},
		{"bare address", "192.0.2.7/x", "http://192.0.2.7/x"},
		{"protocol relative", "//cdn.example.com/a.js", "http://cdn.example.com/a.js"},
		{"intranet name", "http://intranet/x", "http://intranet/x"},
		{"mailto", "mailto:a@example.com", "mailto:a@example.com"},
		{"data", "data:text/html;base64,AAAA", "data:text/html;base64,AAAA"},
		{"javascript", "JavaScript:alert(1)", "JavaScript:alert(1)"},
		{"file", "file:///C:/x/y.exe", "file:///C:/x/y.exe"},
		{"file share", "file://srv.example.com/x", "file://srv.example.com/x"},
		{"word and colon", "Note: hello", ""},
		{"word colon word", "subject:hello", ""},
		{"prose", "click here", ""},
		{"prose that starts with a host", "example.com and more", ""},
		{"path only", "/a/b", ""},
		{"fragment only", "#top", ""},
		{"no host", "http://", ""},
		{"no host but path", "http:///", ""},
		{"space in host", "http://exa mple.com/", ""},
		{"port too large", "http://example.com:70000/", ""},
		{"port no number", "http://example.com:x/", ""},
		{"five numbers", "http://1.2.3.4.5/", ""},
		{"number out of range", "http://192.0.2.256/", ""},
		{"broken ipv6", "http://[2001:::1]/", ""},
		{"empty label", "http://a..b.com/", ""},
		{"mail address", "user@example.com", ""},
		{"unlisted bare name", "readme.txt", ""},
		{"bare file name", "invoice.zip", ""},
		{"host under such a suffix", "www.invoice.zip", "http://www.invoice.zip/"},
		{"with a path", "invoice.zip/x", "http://invoice.zip/x"},
		{"empty", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u, ok := names.ParseURL(tc.in)
			if u.URL != tc.want || ok != (tc.want != "") {
				t.Errorf("ParseURL(%q) = %q, %v; want %q", tc.in, u.URL, ok, tc.want)
			}
			if !ok {
				return
			}
			again, _ := names.ParseURL(u.URL)
			if again.URL != u.URL {
				t.Errorf("canonical form is not stable: %q, then %q", u.URL, again.URL)
			}
		})
	}
}

func TestParseURLFillsEveryField(t *testing.T) {
	got, _ := names.ParseURL("https://me:pw@shop.example.co.uk:8443/a/b?x=1&y=a+b&x=%32&z#frag")
	want := engine.URL{
		URL: "https://me:pw@shop.example.co.uk:8443/a/b?x=1&y=a+b&x=%32&z#frag", Scheme: "https",
		Domain: engine.Domain{Domain: "shop.example.co.uk", RootDomain: "example.co.uk", SLD: "example", Subdomain: "shop", TLD: "co.uk", Valid: true},
		Path:   "/a/b", QueryParams: "x=1&y=a+b&x=%32&z", Fragment: "frag", Username: "me", Password: "pw", Port: 8443,
		QueryParamsDecoded: map[string][]string{"x": {"1", "2"}, "y": {"a b"}, "z": {""}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	ip, _ := names.ParseURL("http://0xc0000207/")
	if ip.IP != "192.0.2.7" || ip.Domain.Domain != "192.0.2.7" || ip.Domain.Valid {
		t.Errorf("address host: IP %q, Domain %+v", ip.IP, ip.Domain)
	}
	if tcp, _ := names.ParseURL("tcp://192.0.2.7:4444"); tcp.IP != "192.0.2.7" || tcp.Port != 4444 || tcp.URL != "tcp://192.0.2.7:4444" {
		t.Errorf("address of another scheme: %+v", tcp)
	}
	if mapped, _ := names.ParseURL("http://[::ffff:192.0.2.7]/"); mapped.IP != "192.0.2.7" {
		t.Errorf("IP of a mapped address = %q", mapped.IP)
	}
}

func TestParseEmail(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"plain", "a.b@Example.COM", "a.b@example.com"},
		{"angle brackets", "<a@example.com>", "a@example.com"},
		{"case of the local part stays", "Jane.Doe@example.com", "Jane.Doe@example.com"},
		{"plus and equals", "bounce+a=b.com@m.example.io", "bounce+a=b.com@m.example.io"},
		{"quoted", `"a b"@example.com`, `"a b"@example.com`},
		{"idn", "info@bücher.de", "info@xn--bcher-kva.de"},
		{"literal", "root@[192.0.2.7]", "root@[192.0.2.7]"},
		{"literal v6", "root@[IPv6:2001:db8::1]", "root@[IPv6:2001:db8::1]"},
		{"no dot", "root@localhost", "root@localhost"},
		{"no local part", "@example.com", ""},
		{"no domain", "a@", ""},
		{"space", "a b@example.com", ""},
		{"dot first", "a@.com", ""},
		{"two at signs", "a@@example.com", ""},
		{"no at", "example.com", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, ok := names.ParseEmail(tc.in)
			if e.Email != tc.want || ok != (tc.want != "") {
				t.Errorf("ParseEmail(%q) = %q, %v; want %q", tc.in, e.Email, ok, tc.want)
			}
		})
	}
}

func TestUnwrap(t *testing.T) {
	for _, tc := range []struct{ name, in, encoders, want string }{
		{"safelinks", "https://nam02.safelinks.protection.outlook.com/?url=https%3A%2F%2Fexample.com%2Fa&data=05%7C01&reserved=0", "safelinks", "https://example.com/a"},
		{"safelinks of an application", "https://eur01.safelinks.protection.outlook.com/ap/x-59584e83/?url=https%3A%2F%2Fexample.com%2Fdoc&data=05", "safelinks", "https://example.com/doc"},
		{"safelinks, ampersands escaped twice", "https://nam02.safelinks.protection.outlook.com/?data=1&amp;url=https%3A%2F%2Fexample.com%2Fa", "safelinks", "https://example.com/a"},
		{"urldefense v1", "https://urldefense.proofpoint.com/v1/url?u=http://example.com/a&k=abc", "urldefense", "http://example.com/a"},
		{"urldefense v2", "https://urldefense.proofpoint.com/v2/url?u=https-3A__example.com_a-2Db-3Fc-3D1&d=DwMF", "urldefense", "https://example.com/a-b?c=1"},
		{"urldefense v3", "https://urldefense.com/v3/__https://example.com/a?b=1__;!!Abc!def$", "urldefense", "https://example.com/a?b=1"},
		{"urldefense v3, one slash and a replaced character", "https://urldefense.com/v3/__https:/example.com/a*b__;Kw!!Q!z$", "urldefense", "https://example.com/a+b"},
		{"urldefense v3, a run of characters", "https://urldefense.com/v3/__https://example.com/**Bz__;Kysr!!Q!z$", "urldefense", "https://example.com/+++z"},
		{"urldefense v3, fragment", "https://urldefense.com/v3/__https://example.com/*top__;Iw!!Q!z$", "urldefense", "https://example.com/#top"},
		{"google q", "https://www.google.com/url?q=https://example.com/x&sa=D", "google", "https://example.com/x"},
		{"google url", "https://www.google.co.uk/url?sa=t&url=https%3A%2F%2Fexample.com%2Fx", "google", "https://example.com/x"},
		{"google amp", "https://www.google.com/amp/s/example.com/x?y=1", "google", "https://example.com/x?y=1"},
		{"google search is none", "https://www.google.com/search?q=https", "", ""},
		{"bing", "https://www.bing.com/ck/a?!&&p=1&u=a1aHR0cHM6Ly9leGFtcGxlLmNvbS94&ntb=1", "bing", "https://example.com/x"},
		{"barracuda", "https://linkprotect.cudasvc.com/url?a=https%3a%2f%2fexample.com%2fx&c=E,1", "barracuda", "https://example.com/x"},
		{"cisco", "https://secure-web.cisco.com/1AbC-x_9/https%3A%2F%2Fexample.com%2Fx%3Fy%3D1", "cisco", "https://example.com/x?y=1"},
		{"fireeye", "https://protect2.fireeye.com/v1/url?k=1-2-3&q=1&e=4&u=https%3A%2F%2Fexample.com%2Fx", "fireeye", "https://example.com/x"},
		{"sophos", "https://eu-west-1.protection.sophos.com/?d=example.com&u=aHR0cHM6Ly9leGFtcGxlLmNvbS94&i=1", "sophos", "https://example.com/x"},
		{"facebook", "https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.com%2Fx&h=AT0", "facebook", "https://example.com/x"},
		{"linkedin", "https://www.linkedin.com/redir/redirect?url=https%3A%2F%2Fexample%2Ecom%2Fx&urlhash=1", "linkedin", "https://example.com/x"},
		{"youtube", "https://www.youtube.com/redirect?event=video&q=https%3A%2F%2Fexample.com%2Fx", "youtube", "https://example.com/x"},
		{"two layers", "https://nam02.safelinks.protection.outlook.com/?url=https%3A%2F%2Fwww.google.com%2Furl%3Fq%3Dhttps%253A%252F%252Fexample.com%252Fx", "safelinks google", "https://example.com/x"},
		{"not a wrapper", "https://example.com/?url=https://other.example.com/", "", ""},
		{"wrapper without a target", "https://www.google.com/url?q=word", "", ""},
		{"target without a host", "https://l.facebook.com/l.php?u=https%3A%2F%2F", "", ""},
		{"broken base64", "https://www.bing.com/ck/a?u=a1%%%", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u, ok := names.ParseURL(tc.in)
			if !ok {
				t.Fatalf("ParseURL(%q) failed", tc.in)
			}
			if got := strings.Join(u.Rewrite.Encoders, " "); got != tc.encoders || u.Rewrite.Original != tc.want {
				t.Errorf("got %q by %q, want %q by %q", u.Rewrite.Original, got, tc.want, tc.encoders)
			}
		})
	}
}

func TestUnwrapEndsAfterThreeLayers(t *testing.T) {
	target := "https://example.com/"
	for range 5 {
		target = "https://www.google.com/url?q=" + url.QueryEscape(target)
	}
	u, _ := names.ParseURL(target)
	if len(u.Rewrite.Encoders) != 3 || !strings.HasPrefix(u.Rewrite.Original, "https://www.google.com/url?q=https") {
		t.Errorf("got %v, %q", u.Rewrite.Encoders, u.Rewrite.Original)
	}
}

func TestOpaque(t *testing.T) {
	for in, want := range map[string]bool{
		"https://t.co/AbC":    true,
		"https://bit.ly/3xyz": true,
		"https://protect-us.mimecast.com/s/Abc?domain=a.com": true,
		"https://url.us.m.mimecastprotect.com/s/x?domain=a":  true,
		"https://bit.ly/":                   false,
		"https://www.mimecast.com/products": false,
		"https://example.com/s/abc":         false,
	} {
		u, _ := names.ParseURL(in)
		if got := names.Opaque(u); got != want {
			t.Errorf("Opaque(%q) = %v", in, got)
		}
	}
}

func TestFindLinks(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"in a sentence", "See https://example.com/a, or http://example.org.", []string{"https://example.com/a", "http://example.org"}},
		{"angle brackets", "<https://example.com/a?b=1>", []string{"https://example.com/a?b=1"}},
		{"round brackets", "(see http://example.com/a)", []string{"http://example.com/a"}},
		{"balanced brackets stay", "http://example.com/a_(b) and (http://example.com/c_(d))", []string{"http://example.com/a_(b)", "http://example.com/c_(d)"}},
		{"quotes", `"https://a.example.com/x"'https://b.example.com/y'`, []string{"https://a.example.com/x", "https://b.example.com/y"}},
		{"typographic quotes", "“https://example.com/x”", []string{"https://example.com/x"}},
		{"www", "go to www.example.com/x!", []string{"www.example.com/x"}},
		{"www inside a name", "awww.example.com", nil},
		{"markup", "*https://example.com/x* _https://example.com/y_", []string{"https://example.com/x", "https://example.com/y"}},
		{"joined by commas", "https://a.example.com/x,https://b.example.com/y;http://c.example.com", []string{"https://a.example.com/x", "https://b.example.com/y", "http://c.example.com"}},
		{"escaped markup", "&lt;https://example.com/x&gt;", []string{"https://example.com/x"}},
		{"table", "|https://example.com/x|http://example.org/y|", []string{"https://example.com/x", "http://example.org/y"}},
		{"glued to a word", "xhttps://example.com/x", []string{"https://example.com/x"}},
		{"schemes alone", "http:// and https:// and www. alone", nil},
		{"target inside a target", "https://example.com/?u=https://example.org/", []string{"https://example.com/?u=https://example.org/"}},
		{"ideographic full stop", "请访问 https://example.com/a。谢谢", []string{"https://example.com/a"}},
		{"square brackets around", "[https://example.com/i.png][X]", []string{"https://example.com/i.png"}},
		{"text behind round brackets", "(http://example.com/a)b", []string{"http://example.com/a"}},
		{"ellipsis", "http://example.com/a...", []string{"http://example.com/a"}},
		{"mail address", "mail joe@www.example.com", nil},
		{"broken host, then a good one", "http://a..b/ http://example.com/", []string{"http://example.com/"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, l := range names.FindLinks(tc.text, 100) {
				got = append(got, l.DisplayText)
				if tc.text[l.Span.Start:l.Span.End] != l.DisplayText || !l.Visible || l.HrefURL.URL == "" {
					t.Errorf("link %+v", l)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if got := names.FindLinks(strings.Repeat("http://example.com ", 10), 3); len(got) != 3 {
		t.Errorf("max of 3 gave %d links", len(got))
	}
}

// TestTimeIsLinear compares one size with four times that size; a quadratic
// step would show as a factor of 16.
func TestTimeIsLinear(t *testing.T) {
	for name, unit := range map[string]string{
		"schemes":         "http://",
		"schemes, commas": "http://,",
		"hosts":           "http://a@",
		"broken hosts":    "http://a..b,",
		"brackets":        "http://a.com/)(",
		"closing":         "http://a.com/))))",
		"www":             "www.www.",
		"colons":          "://a",
		"umlauts":         "http://ü",
		"dots":            "www.a.",
		"entities":        "http://a.com&gt",
		"semicolons":      "http://a_;",
	} {
		t.Run(name, func(t *testing.T) {
			small := fastest(func() { names.FindLinks(strings.Repeat(unit, 1<<14), 1<<20) })
			large := fastest(func() { names.FindLinks(strings.Repeat(unit, 1<<16), 1<<20) })
			if large > 10*small+100*time.Millisecond { // a quadratic step takes seconds here
				t.Errorf("%v for one, %v for four", small, large)
			}
		})
	}
}

func fastest(f func()) time.Duration {
	best := time.Hour
	for range 3 {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return best
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"http://a.com/", "www.a.com", "http://0x7f.1/", "http://[::1]:80/x", "http://ü.de", "//a.com", "mailto:x", "file://c/x", "http://a@b:c@d.com:1/\\?#", "HTTP:\\\\a%2ecom"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, ok := names.ParseURL(s)
		if !ok {
			return
		}
		again, ok := names.ParseURL(u.URL)
		if !ok || again.URL != u.URL || again.Domain != u.Domain || again.IP != u.IP {
			t.Errorf("%q reads as %q, which reads as %q, %v", s, u.URL, again.URL, ok)
		}
	})
}

func FuzzUnwrap(f *testing.F) {
	for _, s := range []string{
		"https://urldefense.com/v3/__https:/a.com/**Bz*__;Kysr!!Q!z$", "https://urldefense.proofpoint.com/v2/url?u=https-3A__a.com&d=",
		"https://www.bing.com/ck/a?u=a1aHR0cHM6Ly9hLmNvbQ", "https://secure-web.cisco.com/1/https%3A%2F%2Fa.com", "https://x.safelinks.protection.outlook.com/?url=http%3a%2f%2fa.com",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, ok := names.SplitURL(s)
		if !ok {
			return
		}
		encoders, original := names.Unwrap(u)
		if len(encoders) > 3 || (original == "") != (len(encoders) == 0) {
			t.Errorf("%q: %v, %q", s, encoders, original)
		}
		if _, ok := names.SplitURL(original); original != "" && !ok {
			t.Errorf("%q unwraps to %q, which is no URL", s, original)
		}
	})
}

func FuzzFindLinks(f *testing.F) {
	f.Add("see (http://a.com/x_(y)), www.b.org; 'https://c.net/'")
	f.Fuzz(func(t *testing.T, s string) {
		end := 0
		for _, l := range names.FindLinks(s, 1000) {
			if l.Span.Start < end || l.Span.End > len(s) || s[l.Span.Start:l.Span.End] != l.DisplayText {
				t.Fatalf("%q: %+v", s, l.Span)
			}
			end = l.Span.End
		}
	})
}

func BenchmarkParseURL(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		names.ParseURL("https://login.example.co.uk/path/to/page?id=12345&next=home")
	}
}

func BenchmarkSplitURL(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		names.SplitURL("https://login.example.co.uk/path/to/page?id=12345&next=home")
	}
}

func BenchmarkFindLinks(b *testing.B) {
	text := strings.Repeat("A line of plain text, as they are: with commas and no link in it at all.\n", 200) + "https://example.com/x\n"
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		names.FindLinks(text, 100)
	}
}

// Names under com, net and org are not looked up; here the list is asked about
// every label of up to three letters and digits below them, which is what
// registries reserve (co.uk, gov.au), and about names that it has in its
// private section.
func TestGreatRegistriesHaveNoRuleBelowThem(t *testing.T) {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	labels := []string{"", "blogspot", "dyndns", "github", "info", "name", "asso", "priv", "firm", "museum"}
	for _, a := range letters {
		labels = append(labels, string(a))
		for _, b := range letters {
			labels = append(labels, string(a)+string(b))
			for _, c := range letters {
				labels = append(labels, string(a)+string(b)+string(c))
			}
		}
	}
	for _, top := range []string{"com", "net", "org"} {
		for _, label := range labels {
			name := strings.TrimPrefix(label+"."+top, ".")
			if suffix, icann := publicsuffix.PublicSuffix(name); icann && suffix != top {
				t.Errorf("the ICANN section lists %q", suffix)
			}
			if suffix, listed := names.Suffix("www." + name); suffix != top || !listed {
				t.Errorf("Suffix(www.%s) = %q, %v", name, suffix, listed)
			}
		}
	}
}

func TestOnionChecked(t *testing.T) {
	for label, want := range map[string]bool{
		"dmlldx2troqs3q7zp3n3qxfkobini3auqe2csd7lvahyenwihw4tpaad": true,
		"dmlldx2troqs3q7zp3n3qxfkobini3auqe2csd7lvahyenwihw4tpabd": false,
		"expyuzz4wqqyqhjn": false, // version 2 has no checksum
		"":                 false,
	} {
		if got := names.OnionChecked(label); got != want {
			t.Errorf("OnionChecked(%q) = %v", label, got)
		}
	}
}
