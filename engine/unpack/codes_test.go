package unpack_test

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"image/png"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/unpack"
)

// pdfWith is a document of one page that shows a picture.
func pdfWith(picture []byte, w, h int) []byte {
	var b bytes.Buffer
	var at []int
	object := func(format string, args ...any) {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n", len(at))
		fmt.Fprintf(&b, format, args...)
		b.WriteString("\nendobj\n")
	}
	b.WriteString("%PDF-1.4\n")
	object("<< /Type /Catalog /Pages 2 0 R >>")
	object("<< /Type /Pages /Kids [3 0 R] /Count 1 >>")
	object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R /Resources << /XObject << /I 5 0 R >> >> >>")
	const content = "q 200 0 0 200 50 50 cm /I Do Q"
	object("<< /Length %d >>\nstream\n%s\nendstream", len(content), content)
	object("<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /DCTDecode /Length %d >>\nstream\n%s\nendstream", w, h, len(picture), picture)
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, start)
	return b.Bytes()
}

// A code in a picture is read wherever the picture is: attached, on a page of a
// document, in an archive, in a page that carries it; and says where it stood.
func TestCodesAreFoundWhereverTheyAre(t *testing.T) {
	qrencode := enginetest.Peer(t, "qrencode", "qrencode")
	const payload = "https://scan-me.example/login"
	drawn, err := exec.Command(qrencode, "-s", "6", "-o", "-", payload).Output()
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(drawn))
	if err != nil {
		t.Fatal(err)
	}
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, img, &jpeg.Options{Quality: 80}); err != nil {
		t.Fatal(err)
	}
	b := img.Bounds()
	for _, tt := range []struct {
		kind, place string
		content     []byte
	}{
		{"png", "QR code", drawn},
		{"jpg", "QR code", photo.Bytes()},
		{"pdf", "page 1, QR code", pdfWith(photo.Bytes(), b.Dx(), b.Dy())},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			p := &engine.Part{Path: "2", FileName: "x." + tt.kind, FileType: tt.kind, Size: len(tt.content), Content: engine.Bytes(tt.content)}
			if !unpack.Wants(p) {
				t.Fatal("not wanted")
			}
			defects, err := unpack.New(unpack.Config{}).Unpack(t.Context(), p, nil, engine.Limits{}.WithDefaults().Budget())
			if err != nil || len(defects) > 0 {
				t.Errorf("%v %v", defects, err)
			}
			if diff := cmp.Diff([]string{payload}, p.QR); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			at := strings.Index(p.Text, payload)
			if !slices.Contains(p.Places, engine.Place{At: at, Name: tt.place}) {
				t.Errorf("text %q, places %v", p.Text, p.Places)
			}
		})
	}
}
