package office_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/cfb/cfbtest"
)

// What one document may take, whatever is in it.
const (
	maxTook   = 5 * time.Second
	maxMemory = 256 << 20
)

// measure runs f and returns how long that took and how far the heap grew.
func measure(f func()) (took time.Duration, grew uint64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, peak := m.HeapAlloc, m.HeapAlloc
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
		}
	}()
	begun := time.Now()
	f()
	took = time.Since(begun)
	close(stop)
	<-stopped
	return took, peak - before
}

// bomb is an archive with a part of before, n MiB of one character, and nothing
// behind them. The same compressed bytes stand for each of the MiB.
func bomb(t testing.TB, name, before string, n int, more ...part) []byte {
	t.Helper()
	var packed, b bytes.Buffer
	f, err := flate.NewWriter(&packed, 9)
	if err != nil {
		t.Fatal(err)
	}
	mib := bytes.Repeat([]byte("a"), 1<<20)
	var ends []int
	for _, s := range [][]byte{[]byte(before), mib, mib} {
		f.Write(s)
		f.Flush()
		ends = append(ends, packed.Len())
	}
	whole := append(bytes.Clone(packed.Bytes()), bytes.Repeat(packed.Bytes()[ends[1]:ends[2]], n-2)...)
	z := zip.NewWriter(&b)
	for _, p := range more {
		w, err := z.Create(p.name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, p.text)
	}
	w, err := z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate, CompressedSize64: uint64(len(whole)), UncompressedSize64: uint64(len(before) + n<<20)})
	if err != nil {
		t.Fatal(err)
	}
	w.Write(whole)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// stored is an archive without compression, whose ratio is honest.
func stored(t testing.TB, parts ...part) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, p := range parts {
		w, err := z.CreateHeader(&zip.FileHeader{Name: p.name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, p.text)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// stream is a part whose content is written as it is read.
func stream(t testing.TB, whole map[string]io.Reader, order ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range order {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, whole[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func xlsxAround(t testing.TB, sheet io.Reader) []byte {
	t.Helper()
	return stream(t, map[string]io.Reader{
		"_rels/.rels":                strings.NewReader(rels("officeDocument xl/workbook.xml")),
		"xl/workbook.xml":            strings.NewReader(`<workbook><sheets><sheet name="S" r:id="rId1"/></sheets></workbook>`),
		"xl/_rels/workbook.xml.rels": strings.NewReader(rels("worksheet worksheets/sheet1.xml")),
		"xl/worksheets/sheet1.xml":   sheet,
	}, "_rels/.rels", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/worksheets/sheet1.xml")
}

func docxAround(t testing.TB, document io.Reader) []byte {
	t.Helper()
	return stream(t, map[string]io.Reader{"_rels/.rels": strings.NewReader(rootRels.text), "word/document.xml": document}, "_rels/.rels", "word/document.xml")
}

// farCells are rows with one cell each, in the last column.
func farCells(rows int) io.Reader {
	var b strings.Builder
	b.WriteString("<worksheet><sheetData>")
	for i := range rows {
		fmt.Fprintf(&b, `<row r="%d"><c r="XFD%d" t="str"><v>x</v></c></row>`, i+1, i+1)
	}
	return strings.NewReader(b.String() + "</sheetData></worksheet>")
}

// lying is an archive whose directory gives a size for its part.
func lying(t testing.TB, declared uint64) []byte {
	t.Helper()
	text := "<w:document><w:body><w:p><w:r><w:t>told</w:t></w:r></w:p></w:body></w:document>" + strings.Repeat(" ", 5000)
	var packed, b bytes.Buffer
	f, _ := flate.NewWriter(&packed, 9)
	io.WriteString(f, text)
	f.Close()
	z := zip.NewWriter(&b)
	w, err := z.CreateRaw(&zip.FileHeader{Name: "word/document.xml", Method: zip.Deflate, CRC32: crc32.ChecksumIEEE([]byte(text)), CompressedSize64: uint64(packed.Len()), UncompressedSize64: declared})
	if err != nil {
		t.Fatal(err)
	}
	w.Write(packed.Bytes())
	z.Close()
	return b.Bytes()
}

// overlapping is an archive two entries of which are the same bytes.
func overlapping(t testing.TB) []byte {
	t.Helper()
	whole := docx(t, "<w:p><w:r><w:t>told</w:t></w:r></w:p>")
	at := bytes.Index(whole, []byte("PK\x01\x02"))
	end := bytes.Index(whole, []byte("PK\x05\x06"))
	entry := bytes.Clone(whole[at:end])
	second := entry[bytes.Index(entry[4:], []byte("PK\x01\x02"))+4:]
	tail := bytes.Clone(whole[end:])
	binary.LittleEndian.PutUint16(tail[8:], 3)
	binary.LittleEndian.PutUint16(tail[10:], 3)
	binary.LittleEndian.PutUint32(tail[12:], uint32(len(entry)+len(second)))
	return slices.Concat(whole[:end], second, tail)
}

// crowded is an archive whose directory names n empty parts.
func crowded(n int) []byte {
	var b []byte
	for i := range n {
		name := fmt.Sprintf("word/%d.xml", i)
		head := make([]byte, 46)
		copy(head, "PK\x01\x02\x14\x00\x14\x00")
		binary.LittleEndian.PutUint16(head[28:], uint16(len(name)))
		b = append(append(b, head...), name...)
	}
	end := make([]byte, 22)
	copy(end, "PK\x05\x06")
	binary.LittleEndian.PutUint16(end[8:], uint16(n))
	binary.LittleEndian.PutUint16(end[10:], uint16(n))
	binary.LittleEndian.PutUint32(end[12:], uint32(len(b)))
	return append(b, end...)
}

// nested is a presentation whose records begin inside each other: each persist
// object is all that follows it.
func nested() []byte {
	const n = 20_000
	directory := []byte{}
	for i := range n {
		directory = slices.Concat(directory, le32(1<<20|uint32(i)), le32(uint32(i*16)))
	}
	var b []byte
	for range n {
		b = slices.Concat(b, le16(0xf), le16(0x03ee), le32(1<<30), le16(0), le16(0x0fa8), le32(1<<30))
	}
	at := len(b)
	b = slices.Concat(b, le16(0), le16(0x1772), le32(uint32(len(directory))), directory)
	edit := len(b)
	b = slices.Concat(b, le16(0), le16(0x0ff5), le32(28), make([]byte, 12), le32(uint32(at)), make([]byte, 12))
	user := slices.Concat(make([]byte, 16), le32(uint32(edit)))
	return cfbtest.File(cfbtest.Node{Name: "PowerPoint Document", Data: b}, cfbtest.Node{Name: "Current User", Data: user})
}

// circles is a compound file whose tables lead back to where they came from.
func circles(at ...int) []byte {
	whole := cfbtest.File(cfbtest.Node{Name: "WordDocument", Data: append([]byte{0xec, 0xa5}, make([]byte, 8000)...)}, cfbtest.Node{Name: "small", Data: []byte("x")})
	fat := (int(binary.LittleEndian.Uint32(whole[76:])) + 1) * 512
	for _, i := range at {
		binary.LittleEndian.PutUint32(whole[fat+4*i:], 0)
	}
	return whole
}

// hugeStreams is a compound file all of whose entries say that they are the one
// long chain.
func hugeStreams() []byte {
	var nodes []cfbtest.Node
	for i := range 3000 {
		nodes = append(nodes, cfbtest.Node{Name: fmt.Sprintf("Workbook%d", i)})
	}
	whole := cfbtest.File(append(nodes, cfbtest.Node{Name: "Workbook", Data: make([]byte, 4<<20)})...)
	directory := (int(binary.LittleEndian.Uint32(whole[48:])) + 1) * 512
	for i := range 3002 {
		entry := whole[directory+128*i:]
		if entry[66] == 2 {
			binary.LittleEndian.PutUint32(entry[116:], 0)
			binary.LittleEndian.PutUint32(entry[120:], 0x7fffffff)
		}
	}
	return whole
}

func TestHostileDocumentsEnd(t *testing.T) {
	macroBomb := append([]byte{1}, bytes.Repeat([]byte{0x03, 0xb0, 0x02, 'a', 0xfc, 0x0f}, 1<<20)...)
	bombed := project(part{"Module1", "x"})
	for i := range bombed[0].Kids {
		if bombed[0].Kids[i].Name == "Module1" {
			bombed[0].Kids[i].Data = append(make([]byte, 700), macroBomb...)
		}
	}
	for _, tc := range []struct {
		name string
		file []byte
		code string
	}{
		{"a cell of a gigabyte", bomb(t, "xl/worksheets/sheet1.xml", `<worksheet><sheetData><row r="1"><c r="A1" t="str"><v>`, 1024, part{"xl/workbook.xml", `<sheet name="S"/>`}), engine.DefectRatio},
		{"a paragraph of a gigabyte", bomb(t, "word/document.xml", `<w:document><w:body><w:p><w:r><w:t>`, 1024), engine.DefectRatio + " " + engine.DefectText},
		{"an attribute of a gigabyte", bomb(t, "word/document.xml", `<w:document a="`, 1024), engine.DefectUnpackSize},
		{"a comment of a gigabyte", bomb(t, "word/document.xml", `<!--`, 1024), engine.DefectRatio},
		{"an OpenDocument paragraph of a gigabyte", bomb(t, "content.xml", `<office:text><text:p>`, 1024, part{"mimetype", ""}, part{"META-INF/manifest.xml", "<manifest/>"}), engine.DefectRatio + " " + engine.DefectText},
		{"20,000 rows of far cells", xlsxAround(t, farCells(20_000)), ""},
		{"200,000 cells", xlsxAround(t, farCells(200_000)), engine.DefectText},
		{"a shared text of a megabyte, in 100,000 cells", stored(t, part{"xl/workbook.xml", `<sheet name="S"/>`}, part{"xl/sharedStrings.xml", "<si><t>" + strings.Repeat("a", 1<<20) + "</t></si>"},
			part{"xl/worksheets/sheet1.xml", strings.Repeat(`<c t="s"><v>0</v></c>`, 100_000)}), engine.DefectText},
		{"a tag full of brackets in quotes", docxAround(t, strings.NewReader("<a "+strings.Repeat(`b=">" `, 150_000)+">")), ""},
		{"20,000 relationships, 500,000 links", stored(t, rootRels, part{"word/document.xml", "<w:document>" + strings.Repeat(`<w:hyperlink r:id="rId19000"/>`, 500_000)}, part{"word/_rels/document.xml.rels", rels(slices.Repeat([]string{"hyperlink ! https://a.example"}, 19_999)...)}), engine.DefectLinks},
		{"formulas that only grow", cfbtest.File(cfbtest.Node{Name: "Workbook", Data: append(biff(0x0809, le16(0x0600), make([]byte, 14)), bytes.Repeat(biff(6, make([]byte, 20), le16(8000), bytes.Repeat([]byte{0x1e, 1, 0, 0x15, 0x15, 0x15, 0x15, 0x15}, 1000)), 400)...)}), ""},
		{"slides inside each other", nested(), ""},
		{"an entity bomb", docxAround(t, strings.NewReader(`<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><w:document><w:p><w:t>&b;&b;</w:t></w:p></w:document>`)), engine.DefectLying},
		{"three million nested elements", docxAround(t, strings.NewReader(strings.Repeat("<a>", 3_000_000))), engine.DefectDepth},
		{"200,000 parts", crowded(200_000), engine.DefectUnpackSize},
		{"20,000 parts", crowded(20_000), engine.DefectMembers + " " + engine.DefectUnreadable},
		{"a size that is too small", lying(t, 10), engine.DefectLying},
		{"a size that is too large", lying(t, 1<<40), engine.DefectLying},
		{"parts that overlap", overlapping(t), engine.DefectLying},
		{"chains that are circles", circles(0, 1, 2, 3, 4, 5, 6, 7, 8, 9), engine.DefectLying},
		{"a chain that is a circle", circles(15), ""},
		{"every stream is the same, and huge", hugeStreams(), engine.DefectLying},
		{"a macro bomb", docx(t, "", part{"word/vbaProject.bin", string(cfbtest.File(bombed...))}), engine.DefectUnpackSize},
		{"a million nested groups", []byte(`{\rtf1 ` + strings.Repeat("{", 1_000_000) + "x"), engine.DefectDepth},
		{"binary of two gigabytes", []byte(`{\rtf1 {\object{\objdata\bin2147483647 x`), ""},
		{"ten million fields", []byte(`{\rtf1 ` + strings.Repeat(`{\field{\*\fldinst `, 500_000)), engine.DefectDepth},
		{"an object of 35 MB", append([]byte(`{\rtf1{\object{\objdata `), bytes.Repeat([]byte("41"), 35<<20)...), engine.DefectUnpackSize},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r result
			took, grew := measure(func() { r = read(t, tc.file) })
			if took > maxTook || grew > maxMemory {
				t.Errorf("took %s and %d MiB", took, grew>>20)
			}
			if got := r.codes(); tc.code != "" && got != tc.code {
				t.Errorf("defects %v, want %q", r.defects, tc.code)
			}
			t.Logf("%d bytes: %s, %d MiB, %s", len(tc.file), took.Round(time.Millisecond), grew>>20, r.codes())
		})
	}
}

// TestLinksOutliveABomb: one part hits a cap, and what others say is told.
func TestLinksOutliveABomb(t *testing.T) {
	r := read(t, bomb(t, "word/document.xml", `<w:document><w:body><w:p><w:r><w:t>`, 1024, part{"word/_rels/document.xml.rels", rels("hyperlink ! https://evil.example/link")}))
	if r.links() != "https://evil.example/link []" || !strings.Contains(r.codes(), engine.DefectRatio) {
		t.Errorf("links %q, defects %v", r.links(), r.defects)
	}
}

// TestMembersStayWithinTheBudget: nothing is taken out beyond it, and it is told.
func TestMembersStayWithinTheBudget(t *testing.T) {
	limits := engine.Limits{Members: 3, Unpacked: 1 << 20}.WithDefaults()
	var parts []part
	for i := range 10 {
		parts = append(parts, part{fmt.Sprintf("word/embeddings/%d.pdf", i), "%PDF-"})
	}
	r := readWithin(t, limits, docx(t, "", parts...))
	if len(r.Children) != 3 || r.codes() != engine.DefectMembers {
		t.Errorf("%d members, defects %v", len(r.Children), r.defects)
	}
	r = readWithin(t, limits, docx(t, "<w:p><w:r><w:t>"+string(bytes.Repeat([]byte("abc defg "), 1<<18))+"</w:t></w:r></w:p>"))
	if r.codes() != engine.DefectUnpackSize || r.budget.Bytes != 0 {
		t.Errorf("defects %v, left %d", r.defects, r.budget.Bytes)
	}
}

// TestCostlyPasswordsSpendTheBudget: what one try costs is known before it.
func TestCostlyPasswordsSpendTheBudget(t *testing.T) {
	p := agileParams{"SHA512", "AES", 256, "CBC"}
	locked := agile(t, file(t, "letter.docx"), password, p, p, 1000)
	i := bytes.Index(locked, []byte(`spinCount="1000"`))
	copy(locked[i:], `spinCount="9999"`)
	limits := engine.Limits{PasswordWork: 1000}.WithDefaults()
	var wrong []string
	for i := range 100 {
		wrong = append(wrong, fmt.Sprint("wrong", i))
	}
	r := readWithin(t, limits, locked, wrong...)
	if r.codes() != engine.DefectPasswordWork+" "+engine.DefectLocked || r.budget.Work > 1000 {
		t.Errorf("defects %v, left %d", r.defects, r.budget.Work)
	}
}
