package pdf_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/pdf"
)

// What a hostile file may cost, in time of processors and bytes of the heap.
const (
	worstTime   = 5 * time.Second
	worstMemory = 256 << 20
)

// watched runs f and returns how long processors worked and how far the heap grew.
func watched(f func()) (time.Duration, uint64) {
	runtime.GC()
	debug.FreeOSMemory()
	before, peak, done := heap(), uint64(0), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			peak = max(peak, heap())
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	start := spent()
	f()
	took := spent() - start
	close(done)
	wg.Wait()
	return took, peak - min(peak, before)
}

// heap is the bytes of objects on it, and of what the collector has not swept.
func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// hostiles are files that are made to cost more than they are worth.
var hostiles = []struct {
	name   string
	make   func(t testing.TB) []byte
	defect string // that is told; "" when the file is read to its end in spite of all
}{
	{"a tree of pages that holds itself", func(testing.TB) []byte {
		return newDraft().object(1, "<</Type/Catalog/Pages 2 0 R>>").object(2, "<</Type/Pages/Kids[2 0 R 3 0 R 2 0 R]>>").object(3, "<</Type/Pages/Kids[2 0 R 3 0 R]>>").bytes()
	}, engine.DefectNesting},
	{"a form that draws itself", func(testing.TB) []byte {
		return newDraft().object(1, "<</Type/Catalog/Pages 2 0 R>>").object(2, "<</Type/Pages/Kids[3 0 R]>>").
			object(3, "<</Type/Page/Contents 4 0 R/Resources<</XObject<</X 4 0 R>>>>>>").stream(4, "/Subtype/Form", []byte("/X Do /X Do")).bytes()
	}, engine.DefectNesting},
	{"forms that double sixteen times", func(testing.TB) []byte {
		d := newDraft().object(1, "<</Type/Catalog/Pages 2 0 R>>").object(2, "<</Type/Pages/Kids[3 0 R]>>").
			object(3, "<</Type/Page/Contents 10 0 R/Resources<</XObject<</X 11 0 R>>>>>>").stream(10, "", []byte("/X Do"))
		for i := 11; i < 40; i++ {
			d.stream(i, fmt.Sprintf("/Subtype/Form/Resources<</XObject<</X %d 0 R>>>>", i+1), []byte(strings.Repeat("/X Do ", 20)))
		}
		return d.bytes()
	}, engine.DefectItems},
	{"4 GB behind two layers of deflate", func(t testing.TB) []byte {
		inner := deflatedRepeat(t, make([]byte, 1<<20), 4096)
		return onePage("").stream(4, "/Filter[/FlateDecode/FlateDecode]", deflated(t, inner)).bytes()
	}, engine.DefectRatio},
	{"a page of 1 GB", func(t testing.TB) []byte {
		return onePage("").stream(4, "/Filter/FlateDecode", deflatedRepeat(t, bytes.Repeat([]byte("BT (x) Tj ET\n"), 80_000), 1024)).bytes()
	}, engine.DefectUnpackSize},
	{"an object stream of 1 GB", func(t testing.TB) []byte {
		return bombStream(t, append([]byte("1 0 "), bytes.Repeat([]byte(" "), 1<<20)...), 1024)
	}, engine.DefectUnpackSize},
	{"an object stream of arrays in arrays", func(t testing.TB) []byte {
		return bombStream(t, append([]byte("1 0 "), bytes.Repeat([]byte("["), 1<<20)...), 20)
	}, engine.DefectUnreadable},
	{"a cross-reference that goes back to itself", func(testing.TB) []byte {
		d := onePage("").stream(4, "", []byte("BT /F 9 Tf (kept) Tj ET"))
		return d.bytes(fmt.Sprintf("/Prev %d", d.b.Len()))
	}, ""},
	{"cross-references in a circle of 5,000", func(testing.TB) []byte {
		d := onePage("").stream(4, "", []byte("BT /F 9 Tf (kept) Tj ET"))
		for range 5000 {
			at := d.b.Len()
			fmt.Fprintf(&d.b, "xref\n0 1\n0000000000 65535 f \ntrailer <</Prev %d>>\n", at-1)
		}
		return d.bytes(fmt.Sprintf("/Prev %d", d.b.Len()-10))
	}, ""},
	{"a cross-reference of a billion entries", func(testing.TB) []byte {
		d := onePage("").stream(4, "", []byte("BT /F 9 Tf (kept) Tj ET"))
		d.stream(9, "/Type/XRef/W[1 2 1]/Index[0 1000000000 5 1000000000]/Size 1000000000/Root 1 0 R", bytes.Repeat([]byte{1, 0, 9, 0}, 100_000))
		fmt.Fprintf(&d.b, "startxref\n%d\n", d.at[9])
		return d.b.Bytes()
	}, ""},
	{"60,000 objects that begin in each other", func(testing.TB) []byte {
		var b bytes.Buffer
		b.WriteString("%PDF-1.4\n")
		for i := range 60_000 {
			fmt.Fprintf(&b, "%d 0 obj [ ", i+1)
		}
		return b.Bytes()
	}, engine.DefectUnreadable},
	{"strings that never end", func(testing.TB) []byte {
		var b bytes.Buffer
		b.WriteString("%PDF-1.4\n")
		for i := range 100_000 {
			fmt.Fprintf(&b, "%d 0 obj (", i+1)
		}
		return b.Bytes()
	}, engine.DefectItems},
	{"streams that all end far away", func(testing.TB) []byte {
		var b bytes.Buffer
		b.WriteString("%PDF-1.4\n")
		for i := range 30_000 {
			fmt.Fprintf(&b, "%d 0 obj <</Length 9>> stream\nBT (x) Tj ET ", i+1)
		}
		b.WriteString("endstream")
		return b.Bytes()
	}, engine.DefectUnpackSize},
	{"arrays 10,000 deep", func(testing.TB) []byte {
		return newDraft().object(1, "<</Type/Catalog/Pages 2 0 R>>").object(2, strings.Repeat("[", 10_000)).bytes()
	}, engine.DefectUnreadable},
	{"dictionaries 10,000 deep", func(testing.TB) []byte {
		return newDraft().object(1, "<</Type/Catalog/Pages 2 0 R>>").object(2, strings.Repeat("<</A", 10_000)).bytes()
	}, engine.DefectUnreadable},
	{"an array of three million numbers", func(testing.TB) []byte {
		return newDraft().object(1, "<</Type/Catalog/Pages 2 0 R>>").object(2, "["+strings.Repeat("1 ", 3_000_000)+"]").bytes()
	}, engine.DefectUnreadable},
	{"60,000 pages", func(testing.TB) []byte {
		return newDraft().object(1, "<</Type/Catalog/Pages 2 0 R>>").object(2, "<</Type/Pages/Kids["+strings.Repeat("<</Type/Page>>", 60_000)+"]>>").bytes()
	}, engine.DefectItems},
	{"ten million operators", func(t testing.TB) []byte {
		return onePage("").stream(4, "/Filter/FlateDecode", deflatedRepeat(t, bytes.Repeat([]byte("q Q BT (a) Tj 0 -1 Td (b) Tj 9 0 Td ET\n"), 10_000), 150)).bytes()
	}, engine.DefectItems},
	{"accents without end", func(testing.TB) []byte {
		return showing("BT /F 9 Tf " + strings.Repeat("(\xb4)Tj -5 0 Td (e)Tj ", 100_000) + "ET")
	}, ""},
	{"a replacement text of 64 KB at every word", func(testing.TB) []byte {
		d := newDraft().object(1, "<</Type/Catalog/Pages 2 0 R>>").object(2, "<</Type/Pages/Kids[3 0 R]>>").
			object(3, "<</Type/Page/Contents 4 0 R/Resources<</Properties<</P 5 0 R>>>>>>").object(5, "<</ActualText("+strings.Repeat("x", 64<<10)+")>>")
		return d.stream(4, "", bytes.Repeat([]byte("/S /P BDC EMC "), 100_000)).bytes()
	}, engine.DefectText},
	{"fonts with widths without end", func(testing.TB) []byte {
		d := newDraft().object(1, "<</Type/Catalog/Pages 2 0 R>>").object(2, "<</Type/Pages/Kids[3 0 R]>>").object(6, "["+strings.Repeat("0 2000000000 500 ", 1000)+"]")
		var fonts, content strings.Builder
		for i := range 3000 {
			fmt.Fprintf(&fonts, "/F%d<</Type/Font/Subtype/Type0/Encoding/Identity-H/DescendantFonts[<</W 6 0 R>>]>>", i)
			fmt.Fprintf(&content, "/F%d 9 Tf (abcd) Tj ", i)
		}
		return d.object(3, "<</Type/Page/Contents 4 0 R/Resources<</Font<<"+fonts.String()+">>>>>>").stream(4, "", []byte(content.String())).bytes()
	}, ""},
	{"a length that is its own", func(testing.TB) []byte {
		return onePage("").object(4, "<</Length 4 0 R>>\nstream\nBT /F 9 Tf (kept) Tj ET\nendstream").bytes()
	}, ""},
	{"objects that refer to themselves", func(testing.TB) []byte {
		return newDraft().object(1, "<</Type/Catalog/Pages 2 0 R/AcroForm 6 0 R/OpenAction 8 0 R>>").object(2, "2 0 R").object(3, "4 0 R").object(4, "3 0 R").
			object(6, "<</Fields[7 0 R]>>").object(7, "<</Kids[7 0 R 6 0 R]/Parent 7 0 R/V 7 0 R>>").object(8, "<</S/URI/URI(http://a.test/)/Next 8 0 R>>").bytes()
	}, engine.DefectUnreadable},
	{"annotations whose actions chain to themselves", func(testing.TB) []byte {
		return onePage("/Annots[6 0 R 6 0 R]").stream(4, "", nil).object(6, "<</Subtype/Link/Rect[0 0 9 9]/Parent 6 0 R/A 7 0 R>>").object(7, "<</S/URI/URI(http://a.test/)/Next[7 0 R 7 0 R]>>").bytes()
	}, ""},
	{"actions that are sixty-four each", func(testing.TB) []byte {
		return onePage("/Annots[6 0 R]").stream(4, "", nil).object(6, "<</Subtype/Link/Rect[0 0 9 9]/A 7 0 R>>").object(7, "<</S/URI/Next["+strings.Repeat("7 0 R ", 64)+"]>>").bytes()
	}, engine.DefectItems},
	{"fields that hold themselves, without a number", func(testing.TB) []byte {
		return onePage("").object(1, "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields 7 0 R>>>>").stream(4, "", nil).object(7, "["+strings.Repeat("<</Kids 7 0 R>>", 50)+"]").bytes()
	}, ""},
	{"annotations that share a large value", func(testing.TB) []byte {
		d := newDraft().object(1, "<</Type/Catalog/Pages 2 0 R>>").object(2, "<</Type/Pages/Kids["+strings.Repeat("<</Type/Page/Annots 3 0 R>>", 20)+"]>>")
		return d.object(3, "["+strings.Repeat("<</V 4 0 R/Contents 4 0 R>>", 2000)+"]").object(4, "("+strings.Repeat("x", 4<<20)+")").bytes()
	}, engine.DefectItems},
	{"a page of a hundred thousand empty streams, often", func(t testing.TB) []byte {
		d := newDraft().object(1, "<</Type/Catalog/Pages 2 0 R>>").object(2, "<</Type/Pages/Kids["+strings.Repeat("<</Type/Page/Contents 3 0 R>>", 1000)+"]>>")
		return d.object(3, "["+strings.Repeat("4 0 R ", 100_000)+"]").stream(4, "/Filter/FlateDecode", deflated(t, nil)).bytes()
	}, engine.DefectUnpackSize},
	{"thousands of fonts with all glyphs", func(testing.TB) []byte {
		table := binary.BigEndian.AppendUint32(append(make([]byte, 0, 40), 0, 12, 0, 0), 28)
		for _, v := range []uint32{0, 1, 32, 1 << 20, 1} {
			table = binary.BigEndian.AppendUint32(table, v)
		}
		program := append([]byte("\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00cmap\x00\x00\x00\x00\x00\x00\x00\x1c\x00\x00\x10\x00"), 0, 0, 0, 32)
		for range 32 {
			program = append(program, 0, 3, 0, 10, 0, 0, 1, 4)
		}
		d := newDraft().object(1, "<</Type/Catalog/Pages 2 0 R>>").object(2, "<</Type/Pages/Kids[3 0 R]>>").stream(6, "", append(program, table...))
		var fonts, content strings.Builder
		for i := range 2000 {
			fmt.Fprintf(&fonts, "/F%d<</Type/Font/Subtype/TrueType/FontDescriptor<</FontFile2 6 0 R>>>>", i)
			fmt.Fprintf(&content, "/F%d 9 Tf (abcd) Tj ", i)
		}
		return d.object(3, "<</Type/Page/Contents 4 0 R/Resources<</Font<<"+fonts.String()+">>>>>>").stream(4, "", []byte(content.String())).bytes()
	}, ""},
	{"a million words obj", func(testing.TB) []byte {
		return append([]byte("%PDF-1.4\n"), bytes.Repeat([]byte("1 0 obj "), 1_000_000)...)
	}, engine.DefectUnreadable},
}

// bombStream is a file whose catalogue stands in an object stream of n pieces.
func bombStream(t testing.TB, piece []byte, n int) []byte {
	d := newDraft().stream(5, "/Type/ObjStm/N 1/First 4/Filter/FlateDecode", deflatedRepeat(t, piece, n)).object(3, "<</Type/Pages/Kids[]/Count 0>>")
	at := d.b.Len()
	var rows bytes.Buffer
	row := func(kind byte, v, i int) {
		rows.Write([]byte{kind, byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v), byte(i)})
	}
	for _, r := range [][3]int{{0, 0, 0}, {2, 5, 0}, {0, 0, 0}, {1, d.at[3], 0}, {0, 0, 0}, {1, d.at[5], 0}, {1, at, 0}} {
		row(byte(r[0]), r[1], r[2])
	}
	d.stream(6, "/Type/XRef/Size 7/W[1 4 1]/Root 1 0 R", rows.Bytes())
	fmt.Fprintf(&d.b, "startxref\n%d\n%%%%EOF\n", at)
	return d.b.Bytes()
}

func TestHostileFilesCostLittle(t *testing.T) {
	for _, h := range hostiles {
		t.Run(h.name, func(t *testing.T) {
			b := h.make(t)
			var got result
			took, grew := watched(func() { got = read(t, b) })
			t.Logf("%d bytes: %v, %d MB, %d bytes of text, %v", len(b), took.Round(time.Millisecond), grew>>20, len(got.Text), got.defects)
			if took > worstTime || grew > worstMemory {
				t.Errorf("took %v and %d MB", took, grew>>20)
			}
			if h.defect != "" && !got.has(h.defect) {
				t.Errorf("defects %v, want %s", got.defects, h.defect)
			}
		})
	}
}

func TestHostileFilesThatAreReadableAreRead(t *testing.T) {
	for _, h := range hostiles {
		if h.defect != "" || !bytes.Contains(h.make(t), []byte("(kept)")) {
			continue
		}
		if got := read(t, h.make(t)); !strings.Contains(got.Text, "kept") {
			t.Errorf("%s: %q, %v", h.name, got.Text, got.defects)
		}
	}
}

func TestAFileThatEndsAnywhereIsReadAsFarAsItGoes(t *testing.T) {
	step := 64
	if os.Getenv("TQ_SOAK") != "" {
		step = 1
	}
	for _, name := range []string{"groff", "reportlab", "enscript"} {
		whole := fixture(t, name)
		for n := 0; n < len(whole); n += step {
			start := spent()
			got := read(t, whole[:n])
			if took := spent() - start; took > worstTime || n > 0 && len(got.defects) == 0 && len(got.Text) == 0 {
				t.Fatalf("%s, %d of %d bytes: %v, no defect", name, n, len(whole), took)
			}
		}
	}
}

func TestBrokenBytesAreSurvived(t *testing.T) {
	rounds := 40
	if os.Getenv("TQ_SOAK") != "" {
		rounds = 4000
	}
	random := rand.New(rand.NewPCG(1, 2))
	inputs := [][]byte{fixture(t, "groff"), fixture(t, "reportlab"), fixture(t, "weasyprint"), fixture(t, "ghostscript")}
	in := plain(t)
	for _, r := range revisions[1:] {
		inputs = append(inputs, lock(t, in, "user-pw", "owner-pw", r.bits, r.flags, layouts[1].args))
	}
	worst := time.Duration(0)
	for range rounds {
		for i, whole := range inputs {
			b := bytes.Clone(whole)
			for range 1 + random.IntN(20) {
				switch at := random.IntN(len(b)); random.IntN(4) {
				case 0:
					b[at] ^= 1 << random.IntN(8)
				case 1:
					b[at] = "0123456789<>[]()/ R"[random.IntN(19)]
				case 2:
					copy(b[at:], b[random.IntN(len(b)):])
				default:
					copy(b[at:min(len(b), at+20)], b[random.IntN(len(b)):])
				}
			}
			start := spent()
			got := readWith(t, pdf.Read, b, engine.Limits{}, "wrong", "user-pw")
			worst = max(worst, spent()-start)
			if worst > worstTime || got.has(engine.DefectUnpackCrash) {
				t.Fatalf("input %d: %v, %v", i, worst, got.defects)
			}
		}
	}
	t.Logf("the slowest took %v", worst)
}
