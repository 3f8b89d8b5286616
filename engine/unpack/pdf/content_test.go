package pdf_test

import (
	"bytes"
	stdlzw "compress/lzw"
	"context"
	"crypto/sha256"
	"encoding/ascii85"
	"encoding/binary"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/pdf"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

func TestTextOperators(t *testing.T) {
	for _, row := range []struct{ name, content, want string }{
		{"Tj", "BT /F 10 Tf 50 700 Td (one) Tj ET", "one\n"},
		{"two lines", "BT /F 10 Tf 50 700 Td (one) Tj 0 -12 Td (two) Tj ET", "one\ntwo\n"},
		{"TJ with kerning", "BT /F 10 Tf 50 700 Td [(W)80(ords)-40( ap)30(art)] TJ ET", "Words apart\n"},
		{"TJ with word gaps", "BT /F 10 Tf 50 700 Td [(two)-300(words)] TJ ET", "two words\n"},
		{"quote", "BT /F 10 Tf 12 TL 50 700 Td (one) Tj (two) ' ET", "one\ntwo\n"},
		{"double quote", "BT /F 10 Tf 12 TL 50 700 Td (one) Tj 3 0 (two words) \" ET", "one\ntwo words\n"},
		{"T*", "BT /F 10 Tf 12 TL 50 700 Td (one) Tj T* (two) Tj ET", "one\ntwo\n"},
		{"TD sets leading", "BT /F 10 Tf 50 700 Td (one) Tj 0 -14 TD (two) Tj T* (three) Tj ET", "one\ntwo\nthree\n"},
		{"Tm", "BT /F 1 Tf 10 0 0 10 50 700 Tm (one) Tj 10 0 0 10 90 700 Tm (two) Tj ET", "one two\n"},
		{"cm and q", "q 2 0 0 2 0 0 cm BT /F 10 Tf 50 300 Td (large) Tj ET Q BT /F 10 Tf 50 500 Td (small) Tj ET", "large\nsmall\n"},
		{"char spacing is no word gap", "BT /F 10 Tf 5 Tc 50 700 Td (spaced) Tj ET", "spaced\n"},
		{"words out of order", "BT /F 10 Tf 200 700 Td (last) Tj -150 0 Td (first) Tj ET", "first last\n"},
		{"superscript", "BT /F 10 Tf 50 700 Td (x) Tj 4 Ts /F 6 Tf (2) Tj 0 Ts /F 10 Tf (=y) Tj ET", "x2=y\n"},
		{"soft hyphen at the end of a line", "BT /F 10 Tf 50 700 Td (pass\xad) Tj 0 -12 Td (word) Tj ET", "password\n"},
		{"bold by drawing twice", "BT /F 10 Tf 50 700 Td (bold) Tj ET BT /F 10 Tf 50.3 700 Td (bold) Tj ET", "bold\n"},
		{"rotated", "BT /F 10 Tf 0 1 -1 0 300 100 Tm (up the) Tj ( margin) Tj ET", "up the margin\n"},
		{"inline image", "BI /W 2 /H 2 /BPC 8 /CS /G ID \x00EI\xffEI EI BT /F 10 Tf 50 700 Td (after) Tj ET", "after\n"},
		{"escapes", `BT /F 10 Tf 50 700 Td (\(a\)\134\101\
b) Tj ET`, "(a)\\Ab\n"},
		{"hexadecimal", "BT /F 10 Tf 50 700 Td <48 65 6C6c6F2> Tj ET", "Hello\n"},
		{"ActualText", "BT /F 10 Tf 50 700 Td /Span <</ActualText (real)>> BDC (fake) Tj EMC ( end) Tj ET", "real end\n"},
		{"ActualText in UTF-16", "BT /F 10 Tf 50 700 Td /Span <</ActualText <FEFF00FC0062>>> BDC (xx) Tj EMC ET", "üb\n"},
		{"WinAnsi", "BT /F 10 Tf 50 700 Td (\x80 100 \x93caf\xe9\x94) Tj ET", "€ 100 “café”\n"},
		{"no font", "BT 50 700 Td (bare) Tj ET", "bare\n"},
		{"unbalanced Q", "Q Q BT /F 10 Tf 50 700 Td (on) Tj ET Q", "on\n"},
		{"garbage between", "BT /F 10 Tf >> ] 50 700 Td } (on) Tj )) ET", "on\n"},
		{"no end of string", "BT /F 10 Tf 50 700 Td (one) Tj (two", "one\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := read(t, showing(row.content))
			if diff := cmp.Diff(row.want, got.Text); diff != "" || len(got.defects) > 0 {
				t.Errorf("%s%v", diff, got.defects)
			}
		})
	}
}

func TestHiddenTextIsReadAndTold(t *testing.T) {
	got := read(t, showing("BT /F 10 Tf 3 Tr 50 700 Td (nobody sees this) Tj ET"))
	if got.Text != "nobody sees this\n" || got.Metadata["hidden_text"] != "yes" {
		t.Errorf("%q, facts %v", got.Text, got.Metadata)
	}
	if got := read(t, showing("BT /F 10 Tf (seen) Tj ET")); got.Metadata["hidden_text"] != "" {
		t.Errorf("facts %v", got.Metadata)
	}
}

func TestPagesHavePlaces(t *testing.T) {
	d := newDraft().object(1, "<</Type/Catalog/Pages 2 0 R>>").object(2, "<</Type/Pages/Kids[3 0 R 4 0 R]/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Courier>>>>>>>>").
		object(3, "<</Type/Page/Contents 5 0 R>>").object(4, "<</Type/Page/Contents[6 0 R 7 0 R]/Annots[<</Subtype/Text/Contents(a note)>>]>>").
		stream(5, "", []byte("BT /F 9 Tf (first) Tj ET")).stream(6, "", []byte("BT /F 9 Tf (sec")).stream(7, "", []byte("ond) Tj ET"))
	got := read(t, d.bytes())
	want := []engine.Place{{At: 0, Name: "page 1"}, {At: 6, Name: "page 2"}, {At: 13, Name: "page 2, annotation"}}
	if diff := cmp.Diff(want, got.Places); diff != "" || got.Pages != 2 || got.Text != "first\nsecond\na note\n" {
		t.Errorf("%s%d pages, %q", diff, got.Pages, got.Text)
	}
}

// one is a file with one font, object 5, that shows a string.
func one(font, shown string, more func(*draft)) []byte {
	d := newDraft().object(1, "<</Type/Catalog/Pages 2 0 R>>").object(2, "<</Type/Pages/Kids[3 0 R]>>").
		object(3, "<</Type/Page/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>").object(5, font).
		stream(4, "", []byte("BT /F 10 Tf 50 700 Td "+shown+" Tj ET"))
	if more != nil {
		more(d)
	}
	return d.bytes()
}

// trueType is a font of one table, whose glyphs 1 to 3 show a to c.
func trueType() []byte {
	cmap := []byte{0, 0, 0, 1, 0, 3, 0, 1, 0, 0, 0, 12}
	format4 := []uint16{4, 32, 0, 4, 0, 0, 0, 'c', 0xffff, 0, 'a', 0xffff, 0xffff - 'a' + 2, 1, 0, 0}
	for _, v := range format4 {
		cmap = binary.BigEndian.AppendUint16(cmap, v)
	}
	font := append([]byte("\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00cmap\x00\x00\x00\x00\x00\x00\x00\x1c"), 0, 0, 0, byte(len(cmap)))
	return append(font, cmap...)
}

const toUnicode = `/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def
1 begincodespacerange <0000> <ffff> endcodespacerange
2 beginbfchar <0001> <0066006C> <0002> <D83DDE00> endbfchar
2 beginbfrange <0010> <0012> <0041> <0020> <0021> [<005A> /eacute] endbfrange
endcmap`

func TestFonts(t *testing.T) {
	for _, row := range []struct {
		name, font, shown, want string
		more                    func(*draft)
	}{
		{"MacRoman", "<</Subtype/Type1/BaseFont/X/Encoding/MacRomanEncoding>>", "(caf\x8e \xde)", "café fi\n", nil},
		{"standard", "<</Subtype/Type1/BaseFont/X>>", "(\xaa\xae\xba)", "“fi”\n", nil},
		{"Symbol", "<</Subtype/Type1/BaseFont/Symbol>>", "(abg)", "αβγ\n", nil},
		{"ornaments", "<</Subtype/Type1/BaseFont/ZapfDingbats>>", "(4\\254l)", "✔①●\n", nil},
		{"Differences", "<</Subtype/Type1/BaseFont/X/Encoding<</Differences[1/A/uni0416/u1F600/f_f_i/a.sc/afii10065 9/Euro]>>>>", "<01020304050609>", "AЖ😀ffiaа€\n", nil},
		{"names of codes", "<</Subtype/Type1/BaseFont/X/Encoding<</Differences[1/c72/c105]>>>>", "<0102>", "Hi\n", nil},
		{"ToUnicode", "<</Subtype/Type0/Encoding/Identity-H/DescendantFonts[<<>>]/ToUnicode 6 0 R>>", "<0001 0002 0010 0012 0020 0021>", "fl😀ACZé\n", func(d *draft) { d.stream(6, "", []byte(toUnicode)) }},
		{"UCS2", "<</Subtype/Type0/Encoding/UniJIS-UCS2-H/DescendantFonts[<<>>]>>", "<65E5672C>", "日本\n", nil},
		{"UTF-16 beyond", "<</Subtype/Type0/Encoding/UniJIS-UTF16-H/DescendantFonts[<<>>]>>", "<D83DDE00 0041>", "😀A\n", nil},
		{"Shift JIS", "<</Subtype/Type0/Encoding/90ms-RKSJ-H/DescendantFonts[<<>>]>>", "<93FA967B 41>", "日本A\n", nil},
		{"GBK", "<</Subtype/Type0/Encoding/GBK-EUC-H/DescendantFonts[<<>>]>>", "<C3DCC2EB>", "密码\n", nil},
		{"Big5", "<</Subtype/Type0/Encoding/ETen-B5-H/DescendantFonts[<<>>]>>", "<B14BBD58>", "密碼\n", nil},
		{"Korean", "<</Subtype/Type0/Encoding/KSCms-UHC-H/DescendantFonts[<<>>]>>", "<BEDFC8A3>", "야호\n", nil},
		{"built in", "<</Subtype/Type1/BaseFont/X/FontDescriptor<</FontFile 6 0 R>>>>", "<0102>", "αβ\n", func(d *draft) {
			d.stream(6, "", []byte("%!PS-AdobeFont-1.0\n/Encoding 256 array 0 1 255 {1 index exch /.notdef put} for dup 1 /alpha put dup 2 /beta put readonly def currentfile eexec"))
		}},
		{"Type 3 in a space of its own", "<</Subtype/Type3/FontMatrix[0.01 0 0 0.01 0 0]/FontBBox[0 0 100 100]/FirstChar 65/Widths[50 50]/Encoding<</Differences[65/A/B]>>/CharProcs<<>>>>", "[(A)-40(B)-900(A)] TJ (B)", "AB AB\n", nil},
		{"a CMap of its own", "<</Subtype/Type0/Encoding 7 0 R/DescendantFonts[<</DW 500/W[1[250]66[1000]]>>]/ToUnicode 6 0 R>>", "[<01 8140 02>-100<01>] TJ", "aБca\n", func(d *draft) {
			d.stream(6, "", []byte("3 beginbfchar <01><0061> <8140><0411> <02><0063> endbfchar"))
			d.stream(7, "", []byte("2 begincodespacerange <00> <80> <8140> <9ffc> endcodespacerange 1 begincidrange <8140> <8150> 66 endcidrange 2 begincidchar <01> 1 <02> 2 endcidchar"))
		}},
		{"glyphs of a TrueType font", "<</Subtype/Type0/Encoding/Identity-H/DescendantFonts[<</FontDescriptor<</FontFile2 6 0 R>>>>]>>", "<00030001>", "ca\n", func(d *draft) { d.stream(6, "", trueType()) }},
		{"glyphs by a map", "<</Subtype/Type0/Encoding/Identity-H/DescendantFonts[<</FontDescriptor<</FontFile2 6 0 R>>/CIDToGIDMap 7 0 R>>]>>", "<00010002>", "ba\n", func(d *draft) {
			d.stream(6, "", trueType())
			d.stream(7, "", []byte{0, 0, 0, 2, 0, 1})
		}},
		{"right to left", "<</Subtype/Type1/BaseFont/X/Encoding<</Differences[1/afii57666/afii57665/afii57664]>>>>", "<010203>", "\u05d0\u05d1\u05d2\n", nil},
		{"downwards", "<</Subtype/Type0/Encoding/UniJIS-UCS2-V/DescendantFonts[<<>>]>>", "<65E5672C>", "日本\n", nil},
		{"of nothing", "<<>>", "(as it is)", "as it is\n", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := read(t, one(row.font, row.shown, row.more))
			if diff := cmp.Diff(row.want, got.Text); diff != "" || len(got.defects) > 0 {
				t.Errorf("%s%v", diff, got.defects)
			}
		})
	}
}

func TestFilters(t *testing.T) {
	const content = "BT /F 10 Tf 50 700 Td (filtered words) Tj ET"
	var a85 bytes.Buffer
	w := ascii85.NewEncoder(&a85)
	fmt.Fprint(w, content)
	w.Close()
	rows := []byte{}
	for i, c := range []byte(content) { // rows of one byte, "up" each
		up := byte(0)
		if i > 0 {
			up = content[i-1]
		}
		rows = append(rows, 2, c-up)
	}
	packed := deflated(t, []byte(content))
	long := []byte(content + "\n")
	for i := range 2000 {
		long = fmt.Appendf(long, "%% %x\n", sha256.Sum256([]byte{byte(i), byte(i >> 8)}))
	}
	half := deflated(t, long)
	half = half[:len(half)/2]
	copy(half[len(half)-40:], bytes.Repeat([]byte{0xff}, 40))
	for _, row := range []struct {
		name, dict string
		data       []byte
		broken     bool
	}{
		{"none", "", []byte(content), false},
		{"hexadecimal", "/Filter/ASCIIHexDecode", []byte(fmt.Sprintf("%x>", content)), false},
		{"85", "/Filter/ASCII85Decode", append(a85.Bytes(), "~>"...), false},
		{"run length", "/Filter/RunLengthDecode", append(append([]byte{byte(len(content) - 1)}, content...), 128), false},
		{"deflate", "/Filter/FlateDecode", packed, false},
		{"two", "/Filter[/ASCIIHexDecode/FlateDecode]", []byte(fmt.Sprintf("%x>", packed)), false},
		{"short names", "/Filter[/AHx/Fl]", []byte(fmt.Sprintf("%x>", packed)), false},
		{"predictor", "/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 1>>", deflated(t, rows), false},
		{"LZW", "/Filter/LZWDecode", lzw([]byte(content), 1), false},
		{"no checksum", "/Filter/FlateDecode", packed[:len(packed)-4], false},
		{"no head", "/Filter/FlateDecode", packed[2:], false},
		{"broken at the end", "/Filter/FlateDecode", half, true},
		{"a filter nobody knows", "/Filter/Unheard", []byte(content), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := read(t, onePage("").stream(4, row.dict, row.data).bytes())
			if !strings.HasPrefix(got.Text, "filtered words") && !row.broken || row.broken != (len(got.defects) > 0) {
				t.Errorf("%q, defects %v", got.Text, got.defects)
			}
		})
	}
}

// lzw compresses as TIFF does when early is 1: the codes grow one code early.
func lzw(data []byte, early int) []byte {
	var out []byte
	var bits uint64
	n, width := 0, 9
	put := func(code int) {
		for bits, n = bits<<width|uint64(code), n+width; n >= 8; n -= 8 {
			out = append(out, byte(bits>>(n-8)))
		}
	}
	codes, entry, prefix := map[string]int{}, 257, ""
	code := func(s string) int {
		if len(s) == 1 {
			return int(s[0])
		}
		return codes[s]
	}
	put(256)
	for _, c := range data {
		next := prefix + string([]byte{c})
		if _, known := codes[next]; known || len(next) == 1 {
			prefix = next
			continue
		}
		put(code(prefix))
		entry++
		codes[next], prefix = entry, string([]byte{c})
		if entry+early >= 1<<width {
			width++
		}
		if entry == 4090 {
			put(256)
			clear(codes)
			entry, width = 257, 9
		}
	}
	put(code(prefix))
	if entry++; entry+early >= 1<<width {
		width++
	}
	put(257)
	return append(out, byte(bits<<(8-n)))
}

func TestLZWOfAnyLength(t *testing.T) {
	var content bytes.Buffer
	content.WriteString("BT /F 10 Tf 12 TL 50 700 Td ")
	for i := range 3000 {
		fmt.Fprintf(&content, "(word%d of %x) ' ", i, sha256.Sum256([]byte{byte(i), byte(i >> 8)}))
	}
	content.WriteString("ET")
	var other bytes.Buffer
	w := stdlzw.NewWriter(&other, stdlzw.MSB, 8)
	w.Write(content.Bytes())
	w.Close()
	want := read(t, showing(content.String())).Text
	for name, b := range map[string][]byte{
		"early":       onePage("").stream(4, "/Filter/LZWDecode", lzw(content.Bytes(), 1)).bytes(),
		"late":        onePage("").stream(4, "/Filter/LZWDecode/DecodeParms<</EarlyChange 0>>", lzw(content.Bytes(), 0)).bytes(),
		"late, by Go": onePage("").stream(4, "/Filter/LZWDecode/DecodeParms<</EarlyChange 0>>", other.Bytes()).bytes(),
	} {
		if got := read(t, b); got.Text != want || len(got.defects) > 0 || len(want) < 100_000 {
			t.Errorf("%s: %d of %d bytes, defects %v", name, len(got.Text), len(want), got.defects)
		}
	}
}

// The encoder of image/png chooses any of the five predictors row by row.
func TestPredictorsOfPNG(t *testing.T) {
	const w, h = 61, 40
	picture := image.NewGray(image.Rect(0, 0, w, h))
	for i := range picture.Pix {
		picture.Pix[i] = byte(i*i/97 + i/w*5)
	}
	var file bytes.Buffer
	if err := png.Encode(&file, picture); err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(file.Bytes(), []byte("IDAT"))
	data := file.Bytes()[at+4:][:binary.BigEndian.Uint32(file.Bytes()[at-4:])]
	d := newDraft().object(1, "<</Type/Catalog/Pages 2 0 R>>").object(2, "<</Type/Pages/Kids[3 0 R]>>").
		object(3, "<</Type/Page/Contents 4 0 R/Resources<</XObject<</A 5 0 R>>>>>>").stream(4, "", []byte("/A Do")).
		stream(5, fmt.Sprintf("/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/FlateDecode/DecodeParms<</Predictor 15/Columns %d>>", w, h, w), data)
	shown := 0
	got := readWith(t, pdf.Reader(func(_ context.Context, _ *task.Task, i pdf.Image) error {
		if shown++; !bytes.Equal(i.Gray, picture.Pix) {
			t.Error("the picture is another")
		}
		return nil
	}), d.bytes(), engine.Limits{})
	if shown != 1 || len(got.defects) > 0 {
		t.Errorf("%d pictures, defects %v", shown, got.defects)
	}
}

func TestPicturesAreShown(t *testing.T) {
	rgb := bytes.Repeat([]byte{255, 0, 0}, 4)
	d := newDraft().object(1, "<</Type/Catalog/Pages 2 0 R>>").object(2, "<</Type/Pages/Kids[3 0 R]>>").
		object(3, "<</Type/Page/Contents 4 0 R/Resources<</XObject<</A 5 0 R/B 6 0 R/C 7 0 R/D 8 0 R/E 9 0 R>>>>>>").
		stream(4, "", []byte("/A Do /B Do /C Do /A Do /D Do /E Do")).
		stream(5, "/Subtype/Image/Width 2/Height 2/BitsPerComponent 8/ColorSpace/DeviceRGB/Filter/FlateDecode", deflated(t, rgb)).
		stream(6, "/Subtype/Image/Width 9/Height 9/Filter/DCTDecode", []byte("\xff\xd8jpeg")).
		stream(7, "/Subtype/Image/Width 3/Height 2/BitsPerComponent 1/ColorSpace[/Indexed/DeviceGray 1<FF10>]", []byte{0b01000000, 0b10100000}).
		stream(8, "/Subtype/Image/Width 60000/Height 60000/BitsPerComponent 1/ColorSpace/DeviceGray", []byte{0}).
		stream(9, "/Subtype/Image/Width 3/Height 1/ImageMask true/Decode[1 0]", []byte{0b01000000})
	var got []pdf.Image
	read := readWith(t, pdf.Reader(func(_ context.Context, _ *task.Task, i pdf.Image) error {
		got = append(got, i)
		return nil
	}), d.bytes(), engine.Limits{})
	want := []pdf.Image{
		{Page: 1, W: 2, H: 2, Gray: []byte{76, 76, 76, 76}},
		{Page: 1, W: 9, H: 9, JPEG: []byte("\xff\xd8jpeg")},
		{Page: 1, W: 3, H: 2, Gray: []byte{255, 16, 255, 16, 255, 16}},
		{Page: 1, W: 3, H: 1, Gray: []byte{255, 0, 255}},
	}
	if diff := cmp.Diff(want, got); diff != "" || len(read.defects) > 0 {
		t.Errorf("%s%v", diff, read.defects)
	}
}
