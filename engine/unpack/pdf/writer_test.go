package pdf_test

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"strings"
	"testing"
)

// draft is a PDF that a test writes object by object.
type draft struct {
	b  bytes.Buffer
	at map[int]int
}

func newDraft() *draft {
	d := &draft{at: map[int]int{}}
	d.b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	return d
}

func (d *draft) object(num int, body string) *draft {
	d.at[num] = d.b.Len()
	fmt.Fprintf(&d.b, "%d 0 obj\n%s\nendobj\n", num, body)
	return d
}

// stream adds one; dict is what stands beside Length.
func (d *draft) stream(num int, dict string, data []byte) *draft {
	return d.object(num, fmt.Sprintf("<</Length %d %s>>\nstream\n%s\nendstream", len(data), dict, data))
}

// bytes ends the file with a table. root is object 1.
func (d *draft) bytes(trailer ...string) []byte {
	size := 0
	for num := range d.at {
		size = max(size, num+1)
	}
	start := d.b.Len()
	fmt.Fprintf(&d.b, "xref\n0 %d\n0000000000 65535 f \n", size)
	for num := 1; num < size; num++ {
		if at, ok := d.at[num]; ok {
			fmt.Fprintf(&d.b, "%010d 00000 n \n", at)
		} else {
			d.b.WriteString("0000000000 65535 f \n")
		}
	}
	fmt.Fprintf(&d.b, "trailer\n<</Size %d/Root 1 0 R %s>>\nstartxref\n%d\n%%%%EOF\n", size, strings.Join(trailer, " "), start)
	return d.b.Bytes()
}

// onePage begins a file of one page: object 4 is to be its content, and extra
// stands in its dictionary.
func onePage(extra string) *draft {
	return newDraft().
		object(1, "<</Type/Catalog/Pages 2 0 R>>").
		object(2, "<</Type/Pages/Kids[3 0 R]/Count 1>>").
		object(3, "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>"+extra+">>").
		object(5, "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>")
}

// showing is a file of one page with a content.
func showing(content string) []byte { return onePage("").stream(4, "", []byte(content)).bytes() }

func deflated(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// deflatedRepeat compresses n copies of a piece, n > 2. A piece that follows
// itself compresses to the same bytes each time, so that it is done twice.
func deflatedRepeat(t testing.TB, piece []byte, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zlib.NewWriterLevel(&b, zlib.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	write := func() {
		if _, err := w.Write(piece); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	write()
	write()
	second := b.Len()
	write()
	third := bytes.Clone(b.Bytes()[second:])
	for range n - 3 {
		b.Write(third)
	}
	b.Write([]byte{3, 0}) // an empty last block; the checksum is missing
	return b.Bytes()
}
