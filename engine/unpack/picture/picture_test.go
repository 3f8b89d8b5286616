package picture_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/unpack/picture"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task/tasktest"
)

const payload = "https://login-verify.example/qr?u=ann%40corp.example&k=8f14e45f"

// code draws a code of side points with a quiet zone.
func code(t testing.TB, text string, side int) *image.Gray {
	t.Helper()
	m, err := qrcode.NewQRCodeWriter().Encode(text, gozxing.BarcodeFormat_QR_CODE, side, side, nil)
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewGray(image.Rect(0, 0, side, side))
	draw.Draw(img, img.Bounds(), image.White, image.Point{}, draw.Src)
	for y := range side {
		for x := range side {
			if m.Get(x, y) {
				img.SetGray(x, y, color.Gray{})
			}
		}
	}
	return img
}

// on puts a picture on a larger page.
func on(img image.Image, w, h, x, y int, paper color.Color) *image.RGBA {
	page := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(page, page.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	draw.Draw(page, img.Bounds().Add(image.Pt(x, y)), img, image.Point{}, draw.Over)
	return page
}

// turned is a picture on a page, turned by degrees about its middle.
func turned(img *image.Gray, degrees float64) *image.Gray {
	b := img.Bounds()
	side := b.Dx() * 3 / 2
	out := image.NewGray(image.Rect(0, 0, side, side))
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	for y := range side {
		for x := range side {
			dx, dy := float64(x-side/2), float64(y-side/2)
			sx, sy := int(math.Round(dx*cos+dy*sin))+b.Dx()/2, int(math.Round(-dx*sin+dy*cos))+b.Dy()/2
			v := color.Gray{Y: 255}
			if image.Pt(sx, sy).In(b) {
				v = img.GrayAt(sx, sy)
			}
			out.SetGray(x, y, v)
		}
	}
	return out
}

func invert(img *image.Gray) *image.Gray {
	out := image.NewGray(img.Bounds())
	for i, p := range img.Pix {
		out.Pix[i] = 255 - p
	}
	return out
}

func asPNG(img image.Image) []byte {
	var b bytes.Buffer
	png.Encode(&b, img)
	return b.Bytes()
}

func asJPEG(img image.Image, quality int) []byte {
	var b bytes.Buffer
	jpeg.Encode(&b, img, &jpeg.Options{Quality: quality})
	return b.Bytes()
}

func asGIF(img image.Image) []byte {
	var b bytes.Buffer
	gif.Encode(&b, img, nil)
	return b.Bytes()
}

func read(ctx context.Context, raw []byte) (*engine.Part, []engine.Defect) {
	return tasktest.Read(ctx, "png", raw, picture.Read)
}

func TestCodesAreRead(t *testing.T) {
	plain := code(t, payload, 200)
	clear := image.NewNRGBA(plain.Bounds()) // black on nothing
	for i, p := range plain.Pix {
		if p == 0 {
			clear.Pix[4*i+3] = 255
		}
	}
	two := on(code(t, payload, 200), 700, 300, 20, 40, color.White)
	draw.Draw(two, image.Rect(400, 40, 600, 240), code(t, "https://second.example/", 200), image.Point{}, draw.Src)
	tests := []struct {
		name string
		raw  []byte
		want []string
	}{
		{"png", asPNG(plain), []string{payload}},
		{"gif", asGIF(plain), []string{payload}},
		{"jpeg of low quality", asJPEG(plain, 35), []string{payload}},
		{"small", asPNG(code(t, payload, 80)), []string{payload}},
		{"large", asPNG(code(t, payload, 3000)), []string{payload}},
		{"in a page", asJPEG(on(plain, 1240, 1754, 800, 1300, color.RGBA{240, 240, 255, 255}), 80), []string{payload}},
		{"light on dark", asPNG(invert(plain)), []string{payload}},
		{"on a transparent page", asPNG(clear), []string{payload}},
		{"two", asPNG(two), []string{payload, "https://second.example/"}},
		{"turned a little", asPNG(turned(code(t, payload, 400), 12)), []string{payload}},
		{"turned on its side", asPNG(turned(code(t, payload, 400), 90)), []string{payload}},
		{"upside down", asPNG(turned(code(t, payload, 400), 180)), []string{payload}},
		{"no code in a jpeg of odd size", asJPEG(on(image.NewGray(image.Rect(0, 0, 50, 50)), 203, 101, 9, 9, color.White), 80), nil},
		{"no code", asPNG(image.NewGray(image.Rect(0, 0, 300, 300))), nil},
		{"a point", asPNG(image.NewGray(image.Rect(0, 0, 1, 1))), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, defects := read(t.Context(), tt.raw)
			got := append([]string(nil), p.QR...)
			if len(tt.want) == 2 && len(got) == 2 && got[0] != tt.want[0] {
				got[0], got[1] = got[1], got[0] // codes of one picture have no order
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, w := range tt.want {
				if !strings.Contains(p.Text, w+"\n") || p.Places[0].Name != "QR code" {
					t.Errorf("text %q, places %v", p.Text, p.Places)
				}
			}
			if len(defects) > 0 {
				t.Errorf("defects %v", defects)
			}
		})
	}
}

// Codes of another program, in all its ways, are read.
func TestReadsWhatQrencodeDraws(t *testing.T) {
	qrencode := enginetest.Peer(t, "qrencode", "qrencode")
	for _, args := range [][]string{
		{"-l", "L"},
		{"-l", "M"},
		{"-l", "Q"},
		{"-l", "H"},
		{"-s", "1", "-m", "4"},
		{"-s", "8"},
		{"-v", "20"},
		{"--foreground=003366", "--background=FFEEDD"},
		{"-i"},
		{"-8"},
		{"-m", "1"},
	} {
		out, err := exec.Command(qrencode, append(append([]string{"-o", "-", "-t", "PNG"}, args...), payload)...).Output()
		if err != nil {
			t.Fatalf("qrencode %v: %v", args, err)
		}
		p, _ := read(t.Context(), out)
		want := payload
		if args[0] == "-i" {
			want = strings.ToUpper(payload)
		}
		if len(p.QR) != 1 || !strings.EqualFold(p.QR[0], want) {
			t.Errorf("%v: %q", args, p.QR)
		}
	}
}

// Pictures that claim to be huge, or are cut, cost little and one defect.
func TestHostilePictures(t *testing.T) {
	huge := asPNG(image.NewGray(image.Rect(0, 0, 100, 100)))
	copy(huge[16:], []byte{0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff}) // the size in IHDR; its checksum is wrong now
	whole := asPNG(code(t, payload, 100))
	for name, raw := range map[string][]byte{"huge": huge, "cut": whole[:len(whole)/2], "empty": {}, "no picture": []byte("hello")} {
		start := time.Now()
		p, _ := read(t.Context(), raw)
		if took := time.Since(start); took > 5*time.Second || len(p.QR) > 0 {
			t.Errorf("%s: %s, %v", name, took, p.QR)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(asPNG(code(f, "x", 40)))
	f.Add(asGIF(code(f, "x", 40)))
	f.Add(asJPEG(code(f, "x", 60), 80))
	f.Fuzz(func(t *testing.T, b []byte) { read(t.Context(), b) })
}

func BenchmarkRead(b *testing.B) {
	noise := image.NewGray(image.Rect(0, 0, 800, 600))
	for i := range noise.Pix {
		noise.Pix[i] = byte(i * i >> 7)
	}
	for name, raw := range map[string][]byte{
		"code": asPNG(code(b, payload, 200)), "page": asPNG(on(code(b, payload, 200), 1240, 1754, 800, 1300, color.White)), "photograph": asJPEG(noise, 90), "logo": asPNG(on(code(b, "x", 30), 120, 60, 5, 5, color.White)),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				read(b.Context(), raw)
			}
		})
	}
}
