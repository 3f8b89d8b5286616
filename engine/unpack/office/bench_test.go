package office_test

import (
	"strings"
	"testing"
)

// BenchmarkRead gives the speed in bytes of the text that comes out of a
// document and, for RTF, which is not compressed, of the file.
func BenchmarkRead(b *testing.B) {
	row := `<row><c t="str"><v>remittance advice</v></c><c><v>1234.5</v></c><c><v>42</v></c></row>`
	for _, tc := range []struct {
		name string
		file []byte
	}{
		{"docx", docx(b, strings.Repeat("<w:p><w:r><w:rPr><w:b/></w:rPr><w:t>Please open the portal today, before the deadline.</w:t></w:r></w:p>", 20_000))},
		{"xlsx", archive(b, part{"xl/workbook.xml", `<sheet name="S"/>`}, part{"xl/worksheets/sheet1.xml", strings.Repeat(row, 30_000)})},
		{"odt", archive(b, part{"mimetype", ""}, part{"META-INF/manifest.xml", "<m/>"}, part{"content.xml", strings.Repeat("<text:p>Please open the <text:span>portal</text:span> today, before the deadline.</text:p>", 20_000)})},
		{"rtf", []byte(`{\rtf1 ` + strings.Repeat(`{\b Please open the portal} today, before the deadline.\par `, 20_000))},
		{"doc", file(b, "letter.doc")},
		{"xls", file(b, "book.xls")},
		{"ppt", file(b, "talk.ppt.gz")},
	} {
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			n := len(tc.file)
			switch tc.name {
			case "docx", "xlsx", "odt":
				n = 0
				for _, p := range unpacked(b, tc.file) {
					n += len(p.text)
				}
			}
			b.SetBytes(int64(n))
			for b.Loop() {
				if r := read(b, tc.file); len(r.Text) == 0 {
					b.Fatal("no text")
				}
			}
		})
	}
}

// BenchmarkTry gives what one wrong password costs, and what is asked for it.
func BenchmarkTry(b *testing.B) {
	p := func(hash string) agileParams { return agileParams{hash, "AES", 128, "CBC"} }
	plain := file(b, "letter.docx")
	for _, tc := range []struct {
		name string
		file []byte
	}{
		{"standard", standard(b, plain, password, 128)},
		{"agile-sha1", agile(b, plain, password, p("SHA1"), p("SHA1"), 100_000)},
		{"agile-sha256", agile(b, plain, password, p("SHA256"), p("SHA256"), 100_000)},
		{"agile-sha512", agile(b, plain, password, p("SHA512"), p("SHA512"), 100_000)},
		{"odf-pbkdf2", file(b, "letter-locked.odt")},
		{"odf-blowfish", blowfishODT(b, password)},
		{"odf-argon2", wholeODT(b, password, 64<<10)},
		{"rc4", lockXLSWithRC4(b, file(b, "book.xls"), password, 128)},
	} {
		b.Run(tc.name, func(b *testing.B) {
			var spent int64
			for b.Loop() {
				before := read(b, tc.file).budget.Work
				spent = before - read(b, tc.file, "wrong").budget.Work
			}
			b.ReportMetric(float64(spent), "units")
		})
	}
}
