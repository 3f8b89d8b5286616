package office_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/cfb/cfbtest"
)

// FuzzRead reads anything. Its seeds are documents of each kind, small ones
// first; whatever they become, nothing panics and no limit is passed.
func FuzzRead(f *testing.F) {
	names, _ := filepath.Glob("testdata/*.*")
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil && len(b) < 30_000 && !strings.Contains(name, "-locked.od") { // each try takes long
			f.Add(b)
		}
	}
	f.Add([]byte(`{\rtf1{\object{\*\objdata 01050000020000000800000050616b61676500}}{\field{\*\fldinst HYPERLINK "https://a.example"}{\fldrslt x}}}`))
	f.Add(docx(f, `<w:p><w:hyperlink r:id="rId1"><w:r><w:t>x</w:t></w:r></w:hyperlink></w:p>`, part{"word/_rels/document.xml.rels", rels("hyperlink ! https://a.example")}))
	limits := engine.Limits{Unpacked: 8 << 20, Members: 50, Text: 1 << 20, PasswordWork: 20_000}.WithDefaults()
	f.Fuzz(func(t *testing.T, b []byte) {
		r := readWithin(t, limits, b, password)
		if len(r.Text) > limits.Text || len(r.Children) > limits.Members || len(r.Links) > limits.Links || r.budget.Bytes < 0 {
			t.Errorf("%d bytes of text, %d members, %d links, %d left", len(r.Text), len(r.Children), len(r.Links), r.budget.Bytes)
		}
	})
}

// FuzzRTF has a target of its own: what is mutated stays RTF.
func FuzzRTF(f *testing.F) {
	for _, s := range []string{`\u1234?\uc2`, `{\*\objdata 0105}`, `{\field{\*\fldinst QUOTE 65}}`, `\bin5 abc`, `{\fonttbl{\f0\fcharset204 x;}}\f0\'c0`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if r := read(t, []byte(`{\rtf1 `+s)); len(r.Text) > 3*len(s)+16 {
			t.Errorf("%d bytes of text from %d", len(r.Text), len(s))
		}
	})
}

// FuzzXML mutates the body of a Word document and of a sheet.
func FuzzXML(f *testing.F) {
	f.Add(`<w:p><w:fldSimple w:instr="HYPERLINK x"><w:r><w:t>a&amp;b</w:t></w:r></w:fldSimple></w:p>`)
	f.Add(`<mc:AlternateContent><mc:Choice><w:t>x</w:t></mc:Choice><mc:Fallback><w:t>y</w:t></mc:Fallback></mc:AlternateContent>`)
	f.Add(`<row r="1"><c r="A1" t="str"><f>HYPERLINK("a"&amp;"b")</f><v>x</v></c></row>`)
	f.Fuzz(func(t *testing.T, s string) {
		read(t, docx(t, s))
		read(t, archive(t, part{"xl/workbook.xml", `<sheet name="S" r:id="rId1"/>`}, part{"xl/worksheets/sheet1.xml", s}))
		read(t, archive(t, part{"mimetype", ""}, part{"META-INF/manifest.xml", s}, part{"content.xml", s}))
	})
}

// FuzzLegacy mutates the streams of legacy documents; their compound file stays
// whole.
func FuzzLegacy(f *testing.F) {
	names := [...]string{"WordDocument", "Workbook", "PowerPoint Document"}
	for i, name := range [...]string{"letter.doc", "book.xls", "talk.ppt.gz"} {
		var main, table, user []byte
		mapStreams(f, file(f, name), func(stream string, b []byte) []byte {
			switch stream {
			case names[i]:
				main = b[:min(len(b), 16<<10)]
			case "0Table", "1Table":
				table = b
			case "Current User":
				user = b
			}
			return b
		})
		f.Add(uint8(i), main, append(table, user...))
	}
	f.Add(uint8(1), []byte("\x09\x08\x10\x00\x00\x06\x05\x00"+string(make([]byte, 12))+"\x2f\x00\x06\x00\x00\x00\x01\x02\x03\x04"), []byte{})
	limits := engine.Limits{Unpacked: 8 << 20, Members: 50, Text: 1 << 20, PasswordWork: 1000}.WithDefaults()
	f.Fuzz(func(t *testing.T, kind uint8, main, other []byte) {
		whole := cfbtest.File(
			cfbtest.Node{Name: names[int(kind)%len(names)], Data: main},
			cfbtest.Node{Name: "0Table", Data: other}, cfbtest.Node{Name: "1Table", Data: other}, cfbtest.Node{Name: "Current User", Data: other},
			cfbtest.Node{Name: "\x05SummaryInformation", Data: other}, cfbtest.Node{Name: "Obj", Kids: []cfbtest.Node{{Name: "\x01Ole10Native", Data: other}, {Name: "\x01CompObj", Data: other}}},
		)
		if r := readWithin(t, limits, whole, password); len(r.Text) > limits.Text {
			t.Errorf("%d bytes of text", len(r.Text))
		}
	})
}
