package dictionary_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine/extract"
	"github.com/tqmailrules/tqmailrules/engine/extract/dictionary"
)

// prose is text as mail has it.
const prose = `Dear colleagues,

thank you for your mail of 13 May 2024. As agreed on the phone (10:30, room 4.12), we will send
the revised offer no. 2024-0815 by Friday; the total is 1.250,00 EUR incl. 19% VAT. Please note:
deliveries to "Building 7/8" need a signed form, e.g. the one from last year. It's 3 pages long...
The Royal Mail strike is over, and the Carbon copy of the contract is in the Hive folder.

Best regards / Mit freundlichen Grüßen
Dr. Jane Q. Public -- Head of Purchasing, Example Inc. (est. 1987), tel. +49 (0)89 1234-567

`

// BenchmarkText reads prose and reports with a dictionary of 200,000 names, with
// the built-in one, and with the extractor of indicators.
func BenchmarkText(b *testing.B) {
	var reports strings.Builder
	for _, r := range readReports(b) {
		reports.WriteString(r.text)
	}
	small, big := newExtractor(b, dictionary.Builtin()), newExtractor(b, append(dictionary.Builtin(), large(200_000)...))
	for _, text := range []struct{ name, text string }{{"prose", strings.Repeat(prose, 200)}, {"reports", strings.Repeat(reports.String(), 10)}} {
		for _, x := range []struct {
			name string
			find func(string) int
		}{
			{"builtin-names", func(s string) int { return len(findIn(b, small, s)) }},
			{"200000-names", func(s string) int { return len(findIn(b, big, s)) }},
			{"indicators", func(s string) int { return len(extract.FindText(s)) }},
		} {
			b.Run(fmt.Sprintf("%s/%s", text.name, x.name), func(b *testing.B) {
				b.SetBytes(int64(len(text.text)))
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					n = x.find(text.text)
				}
				b.ReportMetric(float64(n), "findings")
			})
		}
	}
}

// BenchmarkNew builds the extractor of 200,000 names.
func BenchmarkNew(b *testing.B) {
	entries := large(200_000)
	b.ReportAllocs()
	for b.Loop() {
		newExtractor(b, entries)
	}
}

// BenchmarkHostile is a text of nothing but ambiguous names.
func BenchmarkHostile(b *testing.B) {
	x := newExtractor(b, dictionary.Builtin())
	text := strings.Repeat("Hive. ", 30_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		findIn(b, x, text)
	}
}
