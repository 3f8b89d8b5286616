package pdf_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/pdf"
)

// small keeps one input of a fuzzer cheap.
var small = engine.Limits{Text: 1 << 16, Unpacked: 4 << 20, PasswordWork: 2000, Members: 20}

// sane is what holds of every reading, of whatever bytes.
func sane(t *testing.T, b []byte) {
	got := readWith(t, pdf.Read, b, small, "user-pw", "owner-pw")
	if !utf8.ValidString(got.Text) || strings.ContainsRune(got.Text, 0) || len(got.Text) > small.Text {
		t.Errorf("%d bytes of text, valid %v", len(got.Text), utf8.ValidString(got.Text))
	}
	for i, p := range got.Places {
		if p.At > len(got.Text) || i > 0 && p.At < got.Places[i-1].At {
			t.Errorf("place %v of %d bytes", p, len(got.Text))
		}
	}
	again := readWith(t, pdf.Read, b, small, "user-pw", "owner-pw")
	if diff := cmp.Diff([]any{got.Text, got.Metadata, got.defects, got.Pages, links(got)}, []any{again.Text, again.Metadata, again.defects, again.Pages, links(again)}, cmp.AllowUnexported(link{})); diff != "" {
		t.Errorf("read again it is another:\n%s", diff)
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"groff", "enscript", "reportlab", "weasyprint"} {
		f.Add(fixture(f, name))
	}
	for _, h := range hostiles {
		if b := h.make(f); len(b) < 20_000 {
			f.Add(b)
		}
	}
	f.Add(append(newDraft().b.Bytes(), "1 0 obj<</Title(it ends in a backslash\\"...))
	f.Add(onePage("/Annots[6 0 R]").stream(4, "/Filter[/AHx/LZW/RL/A85]/DecodeParms[null<</Predictor 15/Columns 3>>]", []byte("80 0B>")).
		object(6, "<</Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI(http://a.test/)>>>>").
		object(8, "<</Filter/Standard/V 4/R 4/CF<</StdCF<</CFM/AESV2>>>>/StmF/StdCF/StrF/StdCF/O("+strings.Repeat("o", 32)+")/U("+strings.Repeat("u", 32)+")/P -4>>").bytes("/Encrypt 8 0 R"))
	f.Fuzz(sane)
}

func FuzzContent(f *testing.F) {
	for _, s := range []string{
		"q 1 0 0 1 9 9 cm BT /F 10 Tf 1 Tc 2 Tw 90 Tz 12 TL 3 Ts 1 Tr 5 5 Td (a) Tj T* [(b)-300(c)] TJ (d) ' 1 2 (e) \" ET Q",
		"/Span <</ActualText (x)>> BDC (y) Tj EMC BI /W 1 ID x EI /X Do /G gs [[[<<>>", "(\\(\\)\\101\\", "<48656c6c6f", "1.5.2 --3 +.4 6e7 99999999999999999999 0 R",
		"BT 1e300 0 0 1e300 0 0 Tm (x) Tj 0 0 0 0 0 0 Tm (y) Tj -1 0 0 1 9 9 Tm (z) Tj",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) { sane(t, showing(string(content))) })
}

func FuzzCMap(f *testing.F) {
	f.Add([]byte(toUnicode), []byte("<0001000200100012>"))
	f.Add([]byte("1 begincodespacerange <00> <80> <8140> <9ffc> endcodespacerange 1 begincidrange <00> <ff> 1 endcidrange 1 beginbfrange <00> <ffffffff> <d800>"), []byte("<00ff8140>"))
	f.Add([]byte("/WMode 1 def /Identity-H usecmap 1 beginbfchar <> <0041>"), []byte("(x)"))
	f.Fuzz(func(t *testing.T, cmap, shown []byte) {
		for _, font := range []string{
			"<</Subtype/Type0/Encoding/Identity-H/DescendantFonts[<</W[0[1 2]3 9 500]>>]/ToUnicode 6 0 R>>",
			"<</Subtype/Type0/Encoding 6 0 R/DescendantFonts[<<>>]/ToUnicode 6 0 R>>",
			"<</Subtype/TrueType/ToUnicode 6 0 R/FontDescriptor<</FontFile2 6 0 R>>>>",
			"<</Subtype/Type0/Encoding/Identity-V/DescendantFonts[<</FontDescriptor<</FontFile3 6 0 R>>>>]>>",
		} {
			sane(t, one(font, string(shown), func(d *draft) { d.stream(6, "", cmap) }))
		}
	})
}
