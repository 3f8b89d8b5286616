package main

import (
	"strings"
	"testing"

	tqx "github.com/tqmailrules/tqmailrules/wasm-extractors/sdk/go"
)

// What is reported stands where it says, whatever the table is.
func FuzzFind(f *testing.F) {
	f.Add("ip,url,comment\n1[.]2[.]3[.]4,hxxp://a.example/b,\"x \"\"y\"\"\"\n", true)
	f.Add("\xff\xfei\x00o\x00c\x00\n\x00a\x00.\x00b\x00c\x00", true)
	f.Add("| indicator | confidence |\n|---|---|\n| a@b.example | 7% |\n", false)
	f.Add("sep=;\nioc;typ\n\"a.example\nb.example\";domain", true)
	f.Fuzz(func(t *testing.T, text string, file bool) {
		part := tqx.Part{Kind: "text", Data: []byte(text)}
		if file {
			part.Kind = "raw"
		}
		in := &tqx.Input{Parts: []tqx.Part{part}}
		tqx.Run(tqx.Frame(in), func(in *tqx.Input, out *tqx.Output) {
			find(in, out)
			for _, ind := range out.Indicators() {
				if ind.End <= ind.Start || ind.End > len(text) {
					t.Errorf("%s %q at %d to %d of %d", ind.Type, ind.Value, ind.Start, ind.End, len(text))
				}
			}
		})
	})
}

func TestAttributesAreOneLine(t *testing.T) {
	text := "indicator,\"First\nSeen\",Note,\"\x01\"\none.example,2026-03-05,\"two\r\n \u0085lines\",x\n"
	in := &tqx.Input{Parts: []tqx.Part{{Kind: "raw", Data: []byte(text)}}}
	out := &tqx.Output{}
	find(in, out)
	if len(out.Indicators()) != 1 {
		t.Fatalf("%d indicators", len(out.Indicators()))
	}
	got := out.Indicators()[0].Attributes
	if len(got) != 2 || got["First Seen"] != "2026-03-05" || got["Note"] != "two lines" {
		t.Errorf("%q", got)
	}
}

func TestCellsFitTheirColumns(t *testing.T) {
	for _, test := range []struct{ name, cell, form, is, value string }{
		{"address", "192.0.2.1", "host", "ipv4", "192.0.2.1"},
		{"leading zero", "192.0.2.01", "host", "", "192.0.2.01"},
		{"port", "192.0.2.1:443", "host", "ipv4", "192.0.2.1"},
		{"address with colons", "2001:db8::1", "host", "ipv6", "2001:db8::1"},
		{"mapped address", "::ffff:192.0.2.1", "host", "ipv6", "::ffff:192.0.2.1"},
		{"a time is no address", "12:30:00", "host", "", "12:30:00"},
		{"block", "192.0.2.0/24", "any", "cidr", "192.0.2.0/24"},
		{"block too small", "192.0.2.0/33", "any", "", "192.0.2.0/33"},
		{"defanged domain", "a[.]example", "any", "fqdn", "a.example"},
		{"version", "1.2.3", "any", "", "1.2.3"},
		{"file rather than domain", "setup.zip", "any", "filename", "setup.zip"},
		{"domain where it must be one", "setup.zip", "host", "fqdn", "setup.zip"},
		{"URL without scheme", "a.example/x", "url", "url", "http://a.example/x"},
		{"domain among URLs", "a.example", "url", "fqdn", "a.example"},
		{"mail address", "x(at)a(dot)example", "any", "email", "x@a.example"},
		{"hash of no known length", "abcdef", "hash", "", "abcdef"},
		{"CVE", "cve-2026-0001", "any", "cve", "cve-2026-0001"},
		{"hash where a URL must be", strings.Repeat("a", 32), "url", "", strings.Repeat("a", 32)},
		{"hash of another kind", strings.Repeat("a", 32), "sha1", "", strings.Repeat("a", 32)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if value, is := fit(test.cell, test.form); is != test.is || value != test.value {
				t.Errorf("%q is %q (%s), want %q (%s)", test.cell, value, is, test.value, test.is)
			}
		})
	}
}
