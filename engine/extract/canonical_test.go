package extract_test

import (
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/extract"
)

func TestCanonicalForms(t *testing.T) {
	const none = "-"
	sha256 := strings.Repeat("Ab", 32)
	tests := []struct{ name, typ, value, want string }{
		{"address", "IP Address", "192.0.2.7", "192.0.2.7"},
		{"address by its short name", "ipv4", "192.0.2.7", "192.0.2.7"},
		{"defanged address", "IP Address", "192[.]0.2[.]7", "192.0.2.7"},
		{"address mapped into IPv6", "IP Address", "::ffff:192.0.2.7", "192.0.2.7"},
		{"number too high", "IP Address", "192.0.2.256", none},
		{"leading zero", "IP Address", "192.0.02.7", none},
		{"network mask", "IP Address", "255.255.255.0", none},
		{"IPv6 where IPv4 is due", "IP Address", "2001:db8::1", none},
		{"IPv6", "IPv6 Address", "2001:DB8:0:0::1", "2001:db8::1"},
		{"IPv6 with a zone", "ipv6", "fe80::1%eth0", "fe80::1"},
		{"IPv4 where IPv6 is due", "ipv6", "192.0.2.7", none},
		{"unspecified IPv6", "ipv6", "::", none},
		{"network with host bits", "CIDR Block", "192.0.2.7/24", "192.0.2.0/24"},
		{"IPv6 network", "cidr", "2001:DB8::/32", "2001:db8::/32"},
		{"prefix too long", "cidr", "192.0.2.0/33", none},
		{"address without a prefix", "cidr", "192.0.2.0", none},
		{"host", "FQDN", "EVIL.Example.COM.", "evil.example.com"},
		{"defanged host", "fqdn", "evil[.]example[.]com", "evil.example.com"},
		{"host in Unicode", "fqdn", "bücher.example", "xn--bcher-kva.example"},
		{"host that could be a file", "fqdn", "setup.py", "setup.py"},
		{"host under no suffix", "fqdn", "evil.nosuchsuffix", none},
		{"single label", "fqdn", "localhost", none},
		{"host with a space", "fqdn", "evil example.com", none},
		{"URL", "URL", "HTTPS://Evil.Example.com:443/A?b=C", "https://evil.example.com/A?b=C"},
		{"defanged URL", "url", "hxxps://evil[.]example.com/a", "https://evil.example.com/a"},
		{"URL without a scheme", "url", "evil.example.com/a", "http://evil.example.com/a"},
		{"URL with a port and no scheme", "url", "evil.example.com:8080/a", "http://evil.example.com:8080/a"},
		{"URL with an address", "url", "http://192.0.2.7", "http://192.0.2.7/"},
		{"bare host", "url", "evil.example.com", none},
		{"mailto", "url", "mailto:a@example.com", none},
		{"javascript", "url", "javascript:alert(1)", none},
		{"file", "url", "file:///etc/passwd", none},
		{"URL and a word", "url", "http://evil.example.com/a b", none},
		{"URL without a host", "url", "http:///x", none},
		{"mail address", "Email Address", "Bob@Example.ORG", "Bob@example.org"},
		{"defanged mail address", "email", "bob[at]example[.]org", "bob@example.org"},
		{"mail address in brackets", "email", "<bob@example.org>", "bob@example.org"},
		{"mail address at a literal", "email", "bob@[192.0.2.7]", none},
		{"two at signs", "email", "bob@x@example.org", none},
		{"MD5", "MD5", strings.Repeat("AB", 16), strings.Repeat("ab", 16)},
		{"SHA-1", "sha1", strings.Repeat("AB", 20), strings.Repeat("ab", 20)},
		{"SHA-256", "sha256", sha256, strings.ToLower(sha256)},
		{"SHA-384", "sha384", strings.Repeat("AB", 48), strings.Repeat("ab", 48)},
		{"SHA-512", "sha512", strings.Repeat("AB", 64), strings.Repeat("ab", 64)},
		{"digest of another length", "MD5", sha256, none},
		{"digest with a letter beyond f", "MD5", strings.Repeat("ag", 16), none},
		{"fuzzy hash", "Fuzzy Hash", "96:abcdefghij:klmnopqr", "96:abcdefghij:klmnopqr"},
		{"fuzzy hash of no block size", "ssdeep", "95:abcdefghij:klmnopqr", none},
		{"CVE", "CVE", "cve_2024_12345", "CVE-2024-12345"},
		{"CVE before there were any", "cve", "CVE-1998-1234", none},
		{"ASN", "ASN", "ASN64496", "AS64496"},
		{"no ASN", "asn", "ASK64496", none},
		{"technique", "attack", "T1566.001", "T1566.001"},
		{"no technique", "attack", "T9999", none},
		{"btc", "btc", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"},
		{"btc in capitals", "btc", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"},
		{"btc with a typing error", "btc", "1BoatSLRHtKNngkdXEeobR76b53LETtpyU", none},
		{"btc where eth is due", "eth", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", none},
		{"eth", "eth", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
		{"eth with the case wrong", "eth", "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed", none},
		{"wallet too short to be one", "xmr", "48", none},
		{"hardware address", "MAC Address", "00-1A-2B-3C-4D-5E", "00:1a:2b:3c:4d:5e"},
		{"hardware address with dots", "mac", "001a.2b3c.4d5e", "00:1a:2b:3c:4d:5e"},
		{"hardware address of 64 bits", "mac", "00:1a:2b:3c:4d:5e:6f:70", none},
		{"file name", "Filename", "Rechnung März.pdf.exe", "Rechnung März.pdf.exe"},
		{"file name with a folder", "filename", "a/b.exe", none},
		{"dots", "filename", "..", none},
		{"Windows path", "File Path", `C:\\Users\\x\\`, `C:\Users\x`},
		{"share", "filepath", `\\server\share\x`, `\\server\share\x`},
		{"Unix path", "filepath", "/tmp/x", "/tmp/x"},
		{"no path", "filepath", "x", none},
		{"registry key", "Registry Key", `HKLM\Software\x`, `HKLM\Software\x`},
		{"no registry key", "regkey", `Software\x`, none},
		{"yara", "yara", "APT_Loader_1", "APT_Loader_1"},
		{"no name of a rule", "yara", "1st", none},
		{"mutex", "Mutex", `Global\x y`, `Global\x y`},
		{"text", "String", " as it is ", " as it is "},
		{"own type", "ticket", "CASE-1", "CASE-1"},
		{"nothing", "String", "", none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := extract.Canonical(tt.typ, tt.value)
			if !ok {
				got = none
			}
			if got != tt.want {
				t.Errorf("Canonical(%q, %q) = %q, want %q", tt.typ, tt.value, got, tt.want)
			}
		})
	}
}

// TestEveryTypeWithAGrammarRefusesPunctuation wants no type to be forgotten.
func TestEveryTypeWithAGrammarRefusesPunctuation(t *testing.T) {
	free := map[string]bool{"Mutex": true, "User-agent": true, "X-Mailer": true, "Email Subject": true, "Email Attachment": true, "String": true, "Filename": true}
	for _, typ := range engine.IndicatorTypes {
		if _, ok := extract.Canonical(typ.Name, "!?"); ok != free[typ.Name] {
			t.Errorf("%s takes %q: %v, want %v", typ.Name, "!?", ok, free[typ.Name])
		}
	}
}

// TestWhatTheScannerReportsIsCanonical reads the texts of the seeds: a value
// that the built-in extractor reports is the canonical form of itself.
func TestWhatTheScannerReportsIsCanonical(t *testing.T) {
	checked := 0
	for _, text := range canonicalSamples {
		for _, f := range extract.FindText(text) {
			checked++
			if got, ok := extract.Canonical(f.Type, f.Value); !ok || got != f.Value {
				t.Errorf("%s %q: canonical form %q, %v", f.Type, f.Value, got, ok)
			}
		}
	}
	if checked < 20 {
		t.Errorf("%d values checked", checked)
	}
}

var canonicalSamples = []string{
	"hxxps://a[.]example[.]com/x, bob[at]example.org, http://0x7f.1/x http://user:pw@evil.example.com:8080/?q=%20 ftp://x.example.net",
	`C:\Windows\x.exe HKLM\Software\x /etc/passwd \\server\share\x "%APPDATA%\x.dll" file:///C:/x.txt`,
	"2001:db8::1 1.2.3.4/24 CVE-2024-1234 ASN 64496 T1566.001 TA0001 81f9167a97a45a8d65bbd02bc79c63d3",
	"rule Loader_x { mutex: \"y z\"\nUser-Agent: agent/1 (x)\n3:abcdefghij:klmnop bücher.example ｅｘａｍｐｌｅ．com",
	"1BoatSLRHtKNngkdXEeobR76b53LETtpyT 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
}

// TestFlagsOfAValueAreThoseOfTheScanner compares them, but for what only the text
// around a value tells.
func TestFlagsOfAValueAreThoseOfTheScanner(t *testing.T) {
	const ofText = engine.Defanged | engine.Derived | engine.Wrapped | engine.Mismatch
	seen := engine.Flags(0)
	for _, text := range append(canonicalSamples, "10.1.2.3 192.168.0.0/16 fe80::1 http://user@evil.example.com/ аррle.example http://x.nosuchsuffix/ http://bit.ly/abc") {
		for _, f := range extract.FindText(text) {
			got := extract.FlagsOf(f.Type, f.Value)
			if want := f.Flags &^ ofText; got != want {
				t.Errorf("%s %q: flags %v, the scanner's are %v", f.Type, f.Value, got.Names(), want.Names())
			}
			seen |= got
		}
	}
	if want := engine.Private | engine.Reserved | engine.Opaque | engine.Unlisted | engine.UserInfo | engine.Homograph | engine.CheckedValue; seen != want {
		t.Errorf("flags seen: %v, want %v", seen.Names(), want.Names())
	}
}

// FuzzCanonical wants a canonical form to be the canonical form of itself.
func FuzzCanonical(f *testing.F) {
	for i := range engine.IndicatorTypes {
		for _, v := range []string{"hxxps://a[.]example[.]com:443/x", "192.0.2[.]7", "bob[at]example.org", `C:\\x\\y\`, "cve_2024_12345", "::1", "AbAbAbAbAbAbAbAbAbAbAbAbAbAbAbAb"} {
			f.Add(i, v)
		}
	}
	f.Fuzz(func(t *testing.T, i int, value string) {
		typ := engine.IndicatorTypes[(i%len(engine.IndicatorTypes)+len(engine.IndicatorTypes))%len(engine.IndicatorTypes)].Name
		once, ok := extract.Canonical(typ, value)
		if !ok {
			return
		}
		if twice, ok := extract.Canonical(typ, once); !ok || twice != once {
			t.Errorf("%s %q: %q, then %q, %v", typ, value, once, twice, ok)
		}
	})
}
