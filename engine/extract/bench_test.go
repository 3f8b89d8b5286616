package extract_test

import (
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine/extract"
)

// prose is text as mail has it, without an indicator.
const prose = `Dear colleagues,

thank you for your mail of 13 May 2024. As agreed on the phone (10:30, room 4.12), we will send
the revised offer no. 2024-0815 by Friday; the total is 1.250,00 EUR incl. 19% VAT. Please note:
deliveries to "Building 7/8" need a signed form, e.g. the one from last year. It's 3 pages long...

Best regards / Mit freundlichen Grüßen
Dr. Jane Q. Public -- Head of Purchasing, Example Inc. (est. 1987), tel. +49 (0)89 1234-567

`

// report is a paragraph of a defanged report.
const report = `The loader (SHA-256: e7750faa30b1043226c3a3f013f64895cfc78a266fcb23cc8407acb9e272ae44) was fetched
from hxxps://cdn[.]stage-two[.]example/x.ps1 and talked to 192.0.2[.]44:8443 and panel.example.org.
`

func benchmark(b *testing.B, text string) {
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n = len(extract.FindText(text))
	}
	b.ReportMetric(float64(n), "findings")
}

func BenchmarkProse(b *testing.B)  { benchmark(b, strings.Repeat(prose, 50)) }
func BenchmarkMail(b *testing.B)   { benchmark(b, strings.Repeat(strings.Repeat(prose, 5)+report, 10)) }
func BenchmarkReport(b *testing.B) { benchmark(b, strings.Repeat(report, 100)) }

// BenchmarkToken is the hostile case: one word of 40 KB.
func BenchmarkToken(b *testing.B) {
	for name, unit := range map[string]string{"base64": "QWxhZGRpbjpvcGVuIHNlc2FtZQ+/", "dots": "a.", "at": "a@"} {
		b.Run(name, func(b *testing.B) { benchmark(b, strings.Repeat(unit, 40_000/len(unit))) })
	}
}

// BenchmarkPattern reads the text of BenchmarkMail with expressions as desks have them.
func BenchmarkPattern(b *testing.B) {
	text := strings.Repeat(strings.Repeat(prose, 5)+report, 10)
	for name, expression := range map[string]string{"literal": `CASE-(\d{6})`, "class": `\b\d[\d ]{11,22}\d\b`, "fold": `(?i)invoice\s+no\.?\s*(\w+)`} {
		b.Run(name, func(b *testing.B) {
			p := pattern(b, extract.PatternConfig{Regexp: expression, Type: "String"})
			in := textInput(text)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Extract(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestTextWithoutIndicatorsCostsNoMemory(t *testing.T) {
	text := strings.Repeat(prose, 10)
	if found := extract.FindText(text); len(found) > 0 {
		t.Fatalf("found %s %q", found[0].Type, found[0].Value)
	}
	if n := testing.AllocsPerRun(10, func() { extract.FindText(text) }); n > 6 {
		t.Errorf("%v allocations, want those of the scratch buffer at most", n)
	}
}
