package pdf

import (
	"bytes"
	"io"

	"github.com/tqmailrules/tqmailrules/engine"
)

const (
	maxImages = 50
	maxPixels = 16 << 20 // of one picture
)

// Image is a picture on a page: a whole JPEG file, or one byte per pixel, 0 for
// black, row by row from the top.
type Image struct {
	Page int // from 1
	JPEG []byte
	Gray []byte
	W, H int // pixels, as the file says
}

// picture shows one to who asked for pictures, once for each object.
func (r *reading) picture(page int, s *stream) {
	if r.look == nil || r.err != nil || s.id.num != 0 && r.pictures[s.id] {
		return
	}
	r.pictures[s.id] = true
	w, h := r.f.whole(s.dict["Width"]), r.f.whole(s.dict["Height"])
	if w < 1 || h < 1 || w > maxPixels || h > maxPixels/w {
		return
	}
	if r.looked++; r.looked > maxImages {
		r.f.capped(engine.DefectItems, "more than %d pictures", maxImages)
		return
	}
	img := Image{Page: page, W: w, H: h}
	src, rest := r.f.reader(s, r.f.crypt)
	switch {
	case len(rest) == 1 && (rest[0] == "DCTDecode" || rest[0] == "DCT"):
		img.JPEG = r.f.readAll(src, len(s.raw), maxStream)
	case len(rest) == 0:
		img.Gray = r.gray(s, src, w, h)
	}
	if img.JPEG != nil || img.Gray != nil {
		r.err = r.look(r.ctx, r.t, img)
	}
}

// gray makes a bitmap of samples; nil for kinds of colour it does not know.
func (r *reading) gray(s *stream, src io.Reader, w, h int) []byte {
	bits := r.f.whole(s.dict["BitsPerComponent"])
	if mask, _ := r.f.get(s.dict["ImageMask"]).(bool); mask {
		bits = 1
	}
	channels, palette := r.colours(first(s.dict, "ColorSpace", "CS"), 0)
	if channels == 0 || bits != 1 && bits != 2 && bits != 4 && bits != 8 {
		return nil
	}
	stride := (w*channels*bits + 7) / 8
	b := r.f.readAll(io.LimitReader(src, int64(stride)*int64(h)), len(s.raw), maxStream)
	if len(b) < stride {
		return nil
	}
	inverted := false
	if d := r.f.resolved(s.dict["Decode"]); len(d) >= 2 {
		inverted = number(d[0]) > number(d[1])
	}
	out := bytes.Repeat([]byte{255}, w*h)
	for y := 0; y < h && (y+1)*stride <= len(b); y++ {
		grayRow(out[y*w:(y+1)*w], b[y*stride:(y+1)*stride], channels, bits, palette, inverted)
	}
	return out
}

// grayRow converts one row of samples.
func grayRow(out, row []byte, channels, bits int, palette []byte, inverted bool) {
	top := 1<<bits - 1
	sample := func(i int) int {
		at := i * bits
		return int(row[at/8]) >> (8 - bits - at%8) & top
	}
	for x := range out {
		v := 0
		switch {
		case palette != nil:
			if i := sample(x); i < len(palette) {
				v = int(palette[i])
			}
		case channels == 1:
			v = sample(x) * 255 / top
		case channels == 3:
			v = luma(sample(3*x)*255/top, sample(3*x+1)*255/top, sample(3*x+2)*255/top)
		default:
			k := 255 - sample(4*x+3)*255/top
			v = luma(255-sample(4*x)*255/top, 255-sample(4*x+1)*255/top, 255-sample(4*x+2)*255/top) * k / 255
		}
		if inverted {
			v = 255 - v
		}
		out[x] = byte(v)
	}
}

func luma(r, g, b int) int { return (299*r + 587*g + 114*b) / 1000 }

// colours reads a colour space (8.6): how many channels, and of an indexed one
// how bright its colours are. 0 channels: it is not known.
func (r *reading) colours(v any, depth int) (channels int, palette []byte) {
	switch v := r.f.get(v).(type) {
	case nil:
		return 1, nil // a mask
	case name:
		return map[name]int{"DeviceGray": 1, "G": 1, "CalGray": 1, "DeviceRGB": 3, "RGB": 3, "CalRGB": 3, "DeviceCMYK": 4, "CMYK": 4}[v], nil
	case array:
		if len(v) == 0 || depth > 2 {
			return 0, nil
		}
		switch kind := r.f.name(v[0]); {
		case kind == "ICCBased" && len(v) > 1:
			n := r.f.whole(r.f.dict(v[1])["N"])
			if n != 1 && n != 3 && n != 4 {
				n = 0
			}
			return n, nil
		case (kind == "Indexed" || kind == "I") && len(v) > 3:
			base, _ := r.colours(v[1], depth+1)
			return 1, r.palette(base, v[3])
		default:
			return r.colours(kind, depth+1)
		}
	}
	return 0, nil
}

func (r *reading) palette(channels int, v any) []byte {
	table := []byte(r.f.bytes(v))
	if s := r.f.stream(v); s != nil {
		table = r.f.decode(s)
	}
	if channels == 0 {
		return nil
	}
	n := min(len(table)/channels, 256)
	out := make([]byte, n)
	grayRow(out, table, channels, 8, nil, false)
	return out
}
