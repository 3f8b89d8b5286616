//go:build linux

package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/cfb/cfbtest"
)

type attachment struct {
	name string
	data []byte
}

var witness = attachment{"notes.txt", []byte("see http://" + harmless + "/x for more\n")}

const mailHead = "From: Sender <sender@hostile-sender.icu>\r\nTo: desk@nordhafen.example\r\nSubject: hostile\r\nDate: Mon, 2 Mar 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\n"

// mailWith is a mail with attachments.
func mailWith(all ...attachment) []byte { return mailSaying("Please see the attachments.", all...) }

func mailSaying(text string, all ...attachment) []byte {
	var b bytes.Buffer
	b.WriteString(mailHead + "Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text + "\r\n")
	for _, a := range all {
		fmt.Fprintf(&b, "--outer\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=%q\r\nContent-Transfer-Encoding: base64\r\n\r\n", a.name)
		writeBase64(&b, a.data)
		b.WriteString("\r\n")
	}
	b.WriteString("--outer--\r\n")
	return b.Bytes()
}

func writeBase64(b *bytes.Buffer, data []byte) {
	text := base64.StdEncoding.EncodeToString(data)
	for len(text) > 76 {
		b.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	b.WriteString(text)
}

// amid is a mail with something hostile between its text and the witness.
func amid(middle string) []byte {
	return []byte(mailHead + "Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n" + middle + "\r\n--outer\r\nContent-Type: text/plain; name=notes.txt\r\nContent-Disposition: attachment; filename=notes.txt\r\n\r\n" +
		string(witness.data) + "\r\n--outer--\r\n")
}

// hostileMail is a row of what attackers send.
type hostileMail struct {
	name  string
	codes []string // one of them is told; none: nothing has to be
	make  func(t *testing.T) []byte
	slow  bool
}

// opens is a mail of a hostile attachment and a harmless one, which has to be
// opened too.
func opens(name, file string, make func(t *testing.T) []byte, codes ...string) hostileMail {
	return hostileMail{name: name, codes: codes, make: func(t *testing.T) []byte {
		return mailWith(attachment{file, make(t)}, attachment{"notes.pdf", pdfWith("/Filter/FlateDecode", zlibbed([]byte("BT /F 9 Tf 50 700 Td (http://"+harmless+"/x) Tj ET")))})
	}}
}

func built(name string, make func() string, codes ...string) hostileMail {
	return hostileMail{name: name, codes: codes, make: func(*testing.T) []byte { return amid(make()) }}
}

func slow(h hostileMail) hostileMail { h.slow = true; return h }

func hostileMails() []hostileMail {
	size, ratio := engine.DefectUnpackSize, engine.DefectRatio
	return []hostileMail{
		built("multipart, 1,000 deep", func() string { return deepMultipart(1000) }, engine.DefectDepth),
		built("multipart, 10,000 deep", func() string { return deepMultipart(10_000) }, engine.DefectDepth),
		{name: "one boundary, 20,000 deep", codes: []string{engine.DefectDepth}, make: func(*testing.T) []byte {
			return witnessFirst("--outer\r\n" + strings.Repeat("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n", 20_000))
		}},
		{name: "16,000 parts", codes: []string{engine.DefectParts}, make: func(*testing.T) []byte { return manyParts(16_000) }},
		{name: "100,000 parts", codes: []string{engine.DefectParts}, make: func(*testing.T) []byte { return manyParts(100_000) }},
		built("4,000 parameters", func() string { return manyParameters(4000) }, engine.DefectParams, engine.DefectFieldSize),
		built("50,000 parameters", func() string { return manyParameters(50_000) }, engine.DefectParams, engine.DefectFieldSize),
		{name: "header of 50 MB", codes: []string{engine.DefectHeaderSize, engine.DefectFieldSize}, make: func(*testing.T) []byte {
			return inHeader("X-Long: " + strings.Repeat("x", 50<<20) + "\r\n")
		}},
		{name: "1,000,000 headers", codes: []string{engine.DefectHeaderSize}, make: func(*testing.T) []byte { return inHeader(strings.Repeat("X-A: b\r\n", 1_000_000)) }},
		{name: "200,000 encoded words", codes: []string{engine.DefectHeaderSize, engine.DefectFieldSize}, make: func(*testing.T) []byte {
			return inHeader("X-Words: " + strings.Repeat("=?utf-8?q?a?=\r\n ", 200_000) + "\r\n")
		}},
		{name: "500,000 addresses", codes: []string{engine.DefectHeaderSize, engine.DefectFieldSize}, make: func(*testing.T) []byte {
			return inHeader("Cc: " + strings.Repeat("a@b.example,\r\n ", 500_000) + "c@d.example\r\n")
		}},
		built("1,000,000 nested divisions", func() string { return "Content-Type: text/html\r\n\r\n" + strings.Repeat("<div>", 1_000_000) + "deep" }, engine.DefectHTMLDepth),
		built("a text of one line of 50 MB", func() string {
			return "Content-Type: text/plain\r\n\r\n" + strings.Repeat("lorem.ipsum dolor ", 50_000_000/18)
		}, engine.DefectText, engine.DefectMessageSize, engine.DefectFindings),
		built("a page of one word of 50 MB", func() string {
			return "Content-Type: text/html\r\n\r\n<p>" + strings.Repeat("QWxhZGRpbg", 5_000_000)
		}, engine.DefectText, engine.DefectMessageSize, engine.DefectFindings),
		built("a text that is binary rubbish", func() string {
			rubbish := make([]byte, 4<<20)
			random := rand.NewChaCha8([32]byte{9})
			_, _ = random.Read(rubbish)
			return "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + strings.ReplaceAll(string(rubbish), "--", "..")
		}),
		built("3,000 nested tables", func() string {
			return "Content-Type: text/html\r\n\r\n" + strings.Repeat("<table><tr><td>", 3000) + "deep"
		}, engine.DefectHTMLDepth),
		built("messages, 10,000 deep", func() string {
			return strings.Repeat("Content-Type: message/rfc822\r\n\r\nFrom: a@b.example\r\nSubject: x\r\n", 10_000) + "\r\nend"
		}, engine.DefectNesting),
		opens("PDF, flate in flate, 1 GB", "a.pdf", func(t *testing.T) []byte {
			return pdfWith("/Filter[/FlateDecode/FlateDecode]", zlibbed(zlibbed(zeros(64<<20))))
		}, size, ratio, engine.DefectUnreadable),
		opens("PDF, a page of 1 GB", "a.pdf", func(t *testing.T) []byte { return pdfWith("/Filter/FlateDecode", zlibbedZeros(1<<30)) }, size, ratio),
		opens("PDF, tree of pages in a circle", "a.pdf", func(*testing.T) []byte {
			return []byte("%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[2 0 R 3 0 R]/Count 2>>endobj\n3 0 obj<</Type/Pages/Kids[2 0 R]/Count 1>>endobj\ntrailer<</Root 1 0 R>>")
		}, engine.DefectNesting),
		opens("workbook, a cell of 1 GB", "a.xlsx", func(t *testing.T) []byte {
			return workbook(t, `<row r="1"><c r="A1" t="inlineStr"><is><t>`, strings.Repeat("A", 1<<20), 1024, `</t></is></c></row>`)
		}, size, ratio, engine.DefectText),
		opens("workbook, 20,000 far cells", "a.xlsx", func(t *testing.T) []byte {
			var rows strings.Builder
			for i := range 20_000 {
				fmt.Fprintf(&rows, `<row r="%d"><c r="XFD%d"><v>1</v></c></row>`, i+1, i+1)
			}
			return workbook(t, "", rows.String(), 1, "")
		}),
		opens("workbook, entities", "a.xlsx", func(t *testing.T) []byte {
			b := zipArchive(t, attachment{"[Content_Types].xml", []byte(contentTypes)}, attachment{"_rels/.rels", []byte(packageRels)}, attachment{"xl/workbook.xml", []byte(workbookXML)},
				attachment{"xl/_rels/workbook.xml.rels", []byte(workbookRels)},
				attachment{"xl/worksheets/sheet1.xml", []byte(`<!DOCTYPE x [<!ENTITY a "` + strings.Repeat("lol", 1000) + `"><!ENTITY b "` + strings.Repeat("&a;", 1000) + `">]><worksheet><sheetData><row><c t="inlineStr"><is><t>&b;</t></is></c></row></sheetData></worksheet>`)})
			return b
		}, engine.DefectUnreadable, engine.DefectLying),
		opens("workbook, ten million rounds", "a.xlsx", func(*testing.T) []byte { return agileWithRounds(10_000_000) }, engine.DefectLocked),
		opens("zip, 200,000 members", "a.zip", func(t *testing.T) []byte { return crowdedZip(t, 200_000) }, engine.DefectMembers),
		opens("zip, members that overlap", "a.zip", func(*testing.T) []byte { return overlappingZip(200) }, engine.DefectLying, size, ratio),
		opens("zip, sizes that lie", "a.zip", func(*testing.T) []byte { return lyingZip() }, engine.DefectLying, engine.DefectUnreadable),
		opens("zip, names that lead out", "a.zip", func(t *testing.T) []byte {
			return zipArchive(t, attachment{"../../etc/cron.d/x", []byte("x")}, attachment{`..\..\evil.dll`, []byte("y")}, attachment{"/abs\x00.txt", []byte("z")})
		}, engine.DefectMemberPath),
		opens("tar, links that lead out", "a.tar", func(t *testing.T) []byte { return linkedTar(t) }, engine.DefectMemberPath),
		opens("gzip of 1 GB", "a.gz", func(t *testing.T) []byte { return gzipped(t, 1<<30) }, ratio, size),
		opens("gzip that uses the budget up", "a.gz", func(t *testing.T) []byte { return honestGzip(t, 300<<20) }, size),
		opens("gzip in gzip in gzip", "a.gz", func(t *testing.T) []byte { return nestedGzip(t, 30) }, engine.DefectNesting),
		opens("7z, a dictionary of 4 GB", "a.7z", func(*testing.T) []byte {
			return append([]byte("7z\xbc\xaf\x27\x1c\x00\x04"), bytes.Repeat([]byte{0xff}, 200)...)
		}, engine.DefectUnreadable, engine.DefectLying, engine.DefectUnsupported),
		opens("rar, all ones", "a.rar", func(*testing.T) []byte {
			return append([]byte("Rar!\x1a\x07\x01\x00"), bytes.Repeat([]byte{0x7f}, 500)...)
		}, engine.DefectUnreadable),
		opens("picture of 4 billion points", "a.png", func(*testing.T) []byte { return hugePNG() }),
		opens("nested braces in RTF", "a.rtf", func(*testing.T) []byte { return []byte(`{\rtf1 ` + strings.Repeat("{", 2_000_000)) }, engine.DefectNesting, engine.DefectUnreadable, engine.DefectLying, engine.DefectDepth),
		opens("PDF that says it is text", "readme.txt", func(*testing.T) []byte { return pdfWith("", []byte("BT ET")) }),
		opens("program that says it is PDF", "invoice.pdf", func(*testing.T) []byte { return append([]byte("MZ\x90\x00"), make([]byte, 4096)...) }),
		opens("zip that says it is a document", "letter.docx", func(t *testing.T) []byte { return zipArchive(t, attachment{"a.txt", []byte("x")}) }),
		opens("a name of 64 KB", strings.Repeat("n", 64<<10)+".txt", func(*testing.T) []byte { return []byte("x") }),
		opens("a name that turns around", "..\\..\\a\u202excod.exe", func(*testing.T) []byte { return []byte("x") }, engine.DefectName),
		opens("calendar of 1,000,000 lines", "a.ics", func(*testing.T) []byte {
			return []byte("BEGIN:VCALENDAR\r\n" + strings.Repeat("BEGIN:VEVENT\r\nSUMMARY:x\r\n", 500_000))
		}),
		slow(opens("gzip of 16 GB", "a.gz", func(t *testing.T) []byte { return gzipped(t, 16<<30) }, ratio, size)),
	}
}

func deepMultipart(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	b.WriteString("Content-Type: text/plain\r\n\r\ndeep\r\n")
	return b.String()
}

func manyParts(n int) []byte {
	return witnessFirst(strings.Repeat("--outer\r\nContent-Type: text/plain\r\n\r\nx\r\n", n))
}

// witnessFirst has the witness before what is hostile: parts beyond the cap are
// not looked at.
func witnessFirst(rest string) []byte {
	return []byte(mailHead + "Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\nContent-Type: text/plain; name=notes.txt\r\nContent-Disposition: attachment\r\n\r\n" +
		string(witness.data) + rest + "--outer--\r\n")
}

func manyParameters(n int) string {
	var b strings.Builder
	b.WriteString("Content-Type: text/plain")
	for i := range n {
		fmt.Fprintf(&b, ";\r\n p%d=v", i)
	}
	return b.String() + "\r\n\r\nx"
}

// inHeader puts something hostile behind the fields that matter.
func inHeader(extra string) []byte {
	whole := string(mailWith(witness))
	head, body, _ := strings.Cut(whole, "\r\n\r\n")
	return []byte(head + "\r\n" + extra + "\r\n" + body)
}

func zeros(n int) []byte { return make([]byte, n) }

func zlibbed(b []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func zlibbedZeros(n int64) []byte {
	var out bytes.Buffer
	w, _ := zlib.NewWriterLevel(&out, zlib.BestSpeed)
	io.CopyN(w, endless{}, n)
	w.Close()
	return out.Bytes()
}

// endless is a stream of spaces.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func pdfWith(dict string, content []byte) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n" +
		"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj\n5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n")
	fmt.Fprintf(&b, "4 0 obj<</Length %d%s>>stream\n", len(content), dict)
	b.Write(content)
	b.WriteString("\nendstream\nendobj\ntrailer<</Root 1 0 R/Size 6>>\n")
	return b.Bytes()
}

// largePDF is a page with a witness, and an object of so many bytes that nobody
// asks for.
func largePDF(n int) []byte {
	page := pdfWith("", []byte("BT /F 9 Tf 50 700 Td (http://inside.large-witness.icu/a) Tj ET"))
	var b bytes.Buffer
	b.Write(bytes.TrimSuffix(page, []byte("trailer<</Root 1 0 R/Size 6>>\n")))
	fmt.Fprintf(&b, "6 0 obj<</Length %d>>stream\n", n)
	b.Write(noise(n))
	b.WriteString("\nendstream\nendobj\ntrailer<</Root 1 0 R/Size 7>>\n")
	return b.Bytes()
}

func noise(n int) []byte {
	r := rand.NewChaCha8([32]byte{7})
	b := make([]byte, n)
	r.Read(b)
	return b
}

const (
	contentTypes = `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>` +
		`<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>`
	packageRels  = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="a" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`
	workbookXML  = `<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="S" sheetId="1" r:id="a"/></sheets></workbook>`
	workbookRels = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="a" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`
)

// workbook is one whose only sheet holds a piece so many times.
func workbook(t *testing.T, before, piece string, times int, after string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	member := func(name string) io.Writer {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	io.WriteString(member("[Content_Types].xml"), contentTypes)
	io.WriteString(member("_rels/.rels"), packageRels)
	io.WriteString(member("xl/workbook.xml"), workbookXML)
	io.WriteString(member("xl/_rels/workbook.xml.rels"), workbookRels)
	sheet := member("xl/worksheets/sheet1.xml")
	io.WriteString(sheet, `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`+before)
	for range times {
		io.WriteString(sheet, piece)
	}
	io.WriteString(sheet, after+`</sheetData></worksheet>`)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipArchive(t *testing.T, members ...attachment) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, m := range members {
		w, err := z.Create(m.name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(m.data)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func crowdedZip(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range n {
		if _, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zipOfNoise has a text with a witness and a member that does not shrink.
func zipOfNoise(t *testing.T, name string, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.HuffmanOnly) })
	w, err := z.Create("inside.txt")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "http://inside.large-witness.icu/a\n")
	if w, err = z.Create(name); err != nil {
		t.Fatal(err)
	}
	piece := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for ; n > 0; n -= len(piece) {
		w.Write(piece)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// overlappingZip lists one compressed member many times.
func overlappingZip(n int) []byte {
	var packed, b, dir bytes.Buffer
	w, _ := flate.NewWriter(&packed, 9)
	plain := zeros(8 << 20)
	w.Write(plain)
	w.Close()
	sum := crc32.ChecksumIEEE(plain)
	put := func(to *bytes.Buffer, all ...any) {
		for _, v := range all {
			binary.Write(to, binary.LittleEndian, v)
		}
	}
	put(&b, []byte("PK\x03\x04"), uint16(20), uint16(0), uint16(8), uint32(0), sum, uint32(packed.Len()), uint32(len(plain)), uint16(1), uint16(0), []byte("a"), packed.Bytes())
	for range n {
		put(&dir, []byte("PK\x01\x02"), uint16(20), uint16(20), uint16(0), uint16(8), uint32(0), sum, uint32(packed.Len()), uint32(len(plain)), uint16(1), uint16(0), uint16(0), uint16(0), uint16(0), uint32(0), uint32(0), []byte("a"))
	}
	at := b.Len()
	b.Write(dir.Bytes())
	put(&b, []byte("PK\x05\x06"), uint16(0), uint16(0), uint16(n), uint16(n), uint32(dir.Len()), uint32(at), uint16(0))
	return b.Bytes()
}

// lyingZip claims a size of 4 GB for five bytes.
func lyingZip() []byte {
	var b, dir bytes.Buffer
	put := func(to *bytes.Buffer, all ...any) {
		for _, v := range all {
			binary.Write(to, binary.LittleEndian, v)
		}
	}
	put(&b, []byte("PK\x03\x04"), uint16(20), uint16(0), uint16(0), uint32(0), uint32(1), uint32(5), uint32(0xfffffff0), uint16(1), uint16(0), []byte("a"), []byte("hello"))
	put(&dir, []byte("PK\x01\x02"), uint16(20), uint16(20), uint16(0), uint16(0), uint32(0), uint32(1), uint32(0x7ffffff0), uint32(0xfffffff0), uint16(1), uint16(0), uint16(0), uint16(0), uint16(0), uint32(0), uint32(0), []byte("a"))
	at := b.Len()
	b.Write(dir.Bytes())
	put(&b, []byte("PK\x05\x06"), uint16(0), uint16(0), uint16(1), uint16(1), uint32(dir.Len()), uint32(at), uint16(0))
	return b.Bytes()
}

func linkedTar(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		{Name: "b", Typeflag: tar.TypeLink, Linkname: "../../../etc/shadow"},
		{Name: "a/x", Typeflag: tar.TypeReg, Size: 1},
		{Name: "../../up.txt", Typeflag: tar.TypeReg, Size: 1},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			w.Write([]byte("x"))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t *testing.T, n int64) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	io.CopyN(w, endless{}, n)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// honestGzip expands a hundred times, which is not remarkable.
func honestGzip(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	random, line := rand.New(rand.NewPCG(1, 2)), noise(300)
	for ; n > 0; n -= len(line) {
		line[0] = byte(random.Uint32())
		w.Write(line)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func nestedGzip(t *testing.T, n int) []byte {
	t.Helper()
	all := []byte("the innermost\n")
	for range n {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write(all)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		all = b.Bytes()
	}
	return all
}

// hugePNG claims 65,000 by 65,000 points and has none.
func hugePNG() []byte {
	var b bytes.Buffer
	b.WriteString("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		binary.Write(&b, binary.BigEndian, uint32(len(data)))
		b.WriteString(kind)
		b.Write(data)
		binary.Write(&b, binary.BigEndian, crc32.ChecksumIEEE(append([]byte(kind), data...)))
	}
	head := binary.BigEndian.AppendUint32(nil, 65_000)
	head = binary.BigEndian.AppendUint32(head, 65_000)
	chunk("IHDR", append(head, 8, 6, 0, 0, 0))
	chunk("IDAT", zlibbed(zeros(1<<20)))
	chunk("IEND", nil)
	return b.Bytes()
}

// agileWithRounds is an encrypted workbook whose every try costs so many rounds.
func agileWithRounds(n int) []byte {
	salt := base64.StdEncoding.EncodeToString(zeros(16))
	blob := base64.StdEncoding.EncodeToString(zeros(64))
	describe := `saltSize="16" blockSize="16" keyBits="256" hashSize="64" cipherAlgorithm="AES" cipherChaining="ChainingModeCBC" hashAlgorithm="SHA512" saltValue="` + salt + `"`
	info := "\x04\x00\x04\x00\x40\x00\x00\x00" + `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><encryption xmlns="http://schemas.microsoft.com/office/2006/encryption" xmlns:p="http://schemas.microsoft.com/office/2006/keyEncryptor/password">` +
		`<keyData ` + describe + `/><dataIntegrity encryptedHmacKey="` + blob + `" encryptedHmacValue="` + blob + `"/><keyEncryptors><keyEncryptor uri="http://schemas.microsoft.com/office/2006/keyEncryptor/password">` +
		fmt.Sprintf(`<p:encryptedKey spinCount="%d" %s encryptedVerifierHashInput="%s" encryptedVerifierHashValue="%s" encryptedKeyValue="%s"/></keyEncryptor></keyEncryptors></encryption>`, n, describe, salt, blob, salt)
	return cfbtest.File(cfbtest.Node{Name: "EncryptionInfo", Data: []byte(info)}, cfbtest.Node{Name: "EncryptedPackage", Data: append([]byte{1, 0, 0, 0, 0, 0, 0, 0}, zeros(4096)...)})
}

// sample is a file that tests of readers keep.
func sample(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile("../../engine/unpack/" + path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
