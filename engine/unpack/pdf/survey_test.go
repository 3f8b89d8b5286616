package pdf_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/pdf"
)

type link struct{ target, shown string }

func links(r result) []link {
	var all []link
	for _, l := range r.Links {
		all = append(all, link{l.HrefURL.URL, l.DisplayText})
	}
	return all
}

func TestLinksAreFoundWhereverTheyStand(t *testing.T) {
	b := onePage("/Annots[6 0 R 7 0 R 10 0 R]/AA<</O<</S/URI/URI(http://aa.example.com/)>>>>").
		stream(4, "", []byte("BT /F 10 Tf 50 700 Td (Please open) Tj 60 0 Td (https://bank.example.com/login) Tj 0 -40 Td (elsewhere) Tj ET")).
		object(6, "<</Subtype/Link/Rect[108 695 300 712]/A<</S/URI/URI(https://evil.example.net/x?y=\\(1\\))/Next<</S/URI/URI(http://next.example.com/)>>>>>>").
		object(7, "<</Subtype/Link/Rect[0 0 9 9]/A<</S/GoToR/F<</FS/URL/F(http://remote.example.com/a.pdf)>>>>>>").
		object(8, "<</S/SubmitForm/F<</FS/URL/F(https://collect.example.com/f)>>>>").
		object(9, "[<</Nobody<</URI(http://orphan.example.com/)>>>>]").
		object(10, "<</Subtype/Widget/Rect[0 0 9 9]/A 8 0 R>>").bytes()
	got := read(t, b)
	want := []link{
		{"https://evil.example.net/x?y=(1)", "https://bank.example.com/login"},
		{"http://next.example.com/", ""},
		{"http://remote.example.com/a.pdf", ""},
		{"http://aa.example.com/", ""},
		{"https://collect.example.com/f", ""},
		{"http://orphan.example.com/", ""},
	}
	if diff := cmp.Diff(want, links(got), cmp.AllowUnexported(link{})); diff != "" || len(got.defects) > 0 {
		t.Errorf("%s%v", diff, got.defects)
	}
	if len(got.Links) == 0 || !got.Links[0].Mismatched || got.Metadata["submit_form"] != "https://collect.example.com/f" || got.Metadata["remote_file"] != "http://remote.example.com/a.pdf" {
		t.Errorf("facts %v", got.Metadata)
	}
}

func TestLinksOfReplacedAndBrokenObjectsAreFound(t *testing.T) {
	d := onePage("/Annots[6 0 R]").stream(4, "", nil).object(6, "<</Subtype/Link/A<</S/URI/URI(http://old.example.com/)>>>>").
		object(6, "<</Subtype/Link/A<</S/URI/URI(http://new.example.com/)>>>>").
		object(9, strings.Repeat("[", 200)+"<</URI <687474703a2f2f6465 65702e6578616d706c652e636f6d2f>>>")
	got := links(read(t, d.bytes()))
	want := []link{{"http://new.example.com/", ""}, {"http://old.example.com/", ""}, {"http://deep.example.com/", ""}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(link{})); diff != "" {
		t.Error(diff)
	}
}

func TestActionsAreFacts(t *testing.T) {
	b := onePage("").stream(4, "", nil).
		object(1, "<</Type/Catalog/Version/2.0/Pages 2 0 R/OpenAction 6 0 R/Names<</JavaScript<</Names[(a) 7 0 R]>>>>>>").
		object(6, "<</S/Launch/F(cmd.exe)/Win<</F(cmd.exe)/P(/c calc)>>>>").
		object(7, "<</S/JavaScript/JS 8 0 R>>").
		stream(8, "", []byte("app.launchURL('http://script.example.com/')")).
		object(9, "<</Title<FEFF00C4>/Author(Someone)/Creator(Writer)/Producer(Maker)/CreationDate(D:20240229235958+01'00')>>").bytes("/Info 9 0 R")
	got := read(t, b)
	want := map[string]string{
		"launch_action": "cmd.exe /c calc", "open_action": "Launch", "javascript": "app.launchURL('http://script.example.com/')", "pdf_version": "2.0",
		"title": "Ä", "author": "Someone", "creator": "Writer", "producer": "Maker", "created": "2024-02-29T23:59:58+01:00",
	}
	if diff := cmp.Diff(want, got.Metadata); diff != "" || len(got.defects) > 0 {
		t.Errorf("%s%v", diff, got.defects)
	}
	if len(got.Children) != 1 || got.Children[0].FileName != "javascript-1.js" || got.Children[0].FileType != "js" {
		t.Errorf("%d children", len(got.Children))
	}
}

func TestEmbeddedFilesAreMembers(t *testing.T) {
	b := onePage("/Annots[<</Subtype/FileAttachment/Rect[0 0 1 1]/FS 6 0 R>>]").stream(4, "", nil).
		object(1, "<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[(b) 7 0 R]>>>>>>").
		object(6, "<</Type/Filespec/F(a.txt)/UF<FEFF00E4002E007400780074>/EF<</F 8 0 R/UF 8 0 R>>>>").
		object(7, "<</Type/Filespec/F(../../b.txt)/EF<</F 9 0 R>>>>").
		stream(8, "/Type/EmbeddedFile/Filter/FlateDecode", deflated(t, []byte("first file"))).
		stream(9, "/Type/EmbeddedFile", []byte("second file")).bytes()
	got := read(t, b)
	var files []string
	for _, c := range got.Children {
		content, err := engine.ReadAll(c.Content, 100)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, c.RawName+": "+string(content))
	}
	if diff := cmp.Diff([]string{"ä.txt: first file", "../../b.txt: second file"}, files); diff != "" || got.Metadata["embedded_files"] != "2" || !got.has(engine.DefectMemberPath) {
		t.Errorf("%sfacts %v, defects %v", diff, got.Metadata, got.defects)
	}
}

func TestFormsAreText(t *testing.T) {
	b := onePage("/Annots[6 0 R 8 0 R]").stream(4, "", []byte("BT /F 9 Tf 0 99 Td (cover) Tj ET")).
		object(1, "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R 7 0 R]/XFA[(template) 9 0 R]>>>>").
		object(6, "<</Subtype/Widget/FT/Tx/T(name)/V(shown value)/Contents(hint)>>").
		object(7, "<</FT/Tx/T(ghost)/V<FEFF00E9>>>").
		object(8, "<</Subtype/FreeText/AP<</N 10 0 R>>>>").
		stream(9, "", []byte("<template>http://xfa.example.com/</template>")).
		stream(10, "/Subtype/Form/Resources<</Font<</F 5 0 R>>>>", []byte("BT /F 9 Tf (drawn note) Tj ET")).bytes()
	got := read(t, b)
	if want := "cover\nhint\nshown value\ndrawn note\nghost: é\n"; got.Text != want || len(got.defects) > 0 {
		t.Errorf("%q, want %q, defects %v", got.Text, want, got.defects)
	}
	if len(got.Children) != 1 || got.Children[0].FileName != "xfa.xml" {
		t.Errorf("%d children", len(got.Children))
	}
}

func TestBrokenFilesAreRead(t *testing.T) {
	const content = "BT /F 9 Tf 0 99 Td (still readable) Tj ET"
	good := string(onePage("").stream(4, "", []byte(content)).bytes())
	for _, row := range []struct{ name, file string }{
		{"no cross-reference", good[:strings.Index(good, "xref\n0")]},
		{"a cross-reference that is off", strings.ReplaceAll(good, "00000 n", "00007 n")[:len(good)-30] + "startxref\n12\n%%EOF"},
		{"offsets that are off", strings.Replace(good, "%PDF-1.7\n", "%PDF-1.7\n\n\n", 1)},
		{"junk in front", strings.Repeat("HTTP header\r\n", 9) + good},
		{"a length that is too short", strings.Replace(good, "/Length 4", "/Length 1", 1)},
		{"a length that is too long", strings.Replace(good, "/Length 4", "/Length 94", 1)},
		{"no length", strings.Replace(good, "/Length", "/Laenge", 1)},
		{"no catalogue", strings.Replace(strings.Replace(good, "/Catalog", "/Cadaver", 1), "/Root", "/Boot", 1)},
		{"no pages", strings.ReplaceAll(good, "/Type/Page", "/Tope/Page")},
		{"line ends of old", strings.ReplaceAll(good[:strings.Index(good, "xref\n0")], "\n", "\r")},
		{"cut inside of the content", good[:strings.Index(good, " Tj ET")+6]},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := read(t, []byte(row.file)); !strings.Contains(got.Text, "still readable") {
				t.Errorf("%q, defects %v", got.Text, got.defects)
			}
		})
	}
}

func TestWhatIsNoPDFIsUnreadable(t *testing.T) {
	for _, s := range []string{"x", "%PDF-1.7", "%PDF-1.7\nnothing here\n%%EOF", "\x00\x01\x02", strings.Repeat("%PDF-", 1000)} {
		if got := read(t, []byte(s)); !got.has(engine.DefectUnreadable) || got.err == nil {
			t.Errorf("%.20q: %v, defects %v", s, got.err, got.defects)
		}
	}
}

func TestTheBudgetOfTheMailEndsTheReading(t *testing.T) {
	b := onePage("").stream(4, "/Filter/FlateDecode", deflated(t, []byte(strings.Repeat("BT /F 9 Tf (x) Tj ET ", 500)))).bytes()
	got := readWith(t, pdf.Read, b, engine.Limits{Unpacked: 1000})
	if !got.has(engine.DefectUnpackSize) || !strings.HasPrefix(got.Text, "x") {
		t.Errorf("%.20q, defects %v", got.Text, got.defects)
	}
}
