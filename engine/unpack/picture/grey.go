package picture

import (
	"image"
	"image/color"
)

// grey makes grey of a picture; what is transparent is white, as it is on a page.
func grey(img image.Image) *image.Gray {
	b := img.Bounds()
	var at func(x, y int) byte
	switch p := img.(type) {
	case *image.Gray:
		if p.Stride == b.Dx() {
			return p
		}
		at = func(x, y int) byte { return p.GrayAt(b.Min.X+x, b.Min.Y+y).Y }
	case *image.YCbCr: // the light of a JPEG stands by itself
		at = func(x, y int) byte { return p.Y[p.YOffset(b.Min.X+x, b.Min.Y+y)] }
	case *image.Paletted:
		at = paletted(p, b)
	case *image.RGBA:
		at = func(x, y int) byte {
			c := p.Pix[p.PixOffset(b.Min.X+x, b.Min.Y+y):]
			return light(uint32(c[0]), uint32(c[1]), uint32(c[2]), uint32(c[3]))
		}
	case *image.NRGBA:
		at = func(x, y int) byte {
			c := p.Pix[p.PixOffset(b.Min.X+x, b.Min.Y+y):]
			a := uint32(c[3])
			return light(uint32(c[0])*a/255, uint32(c[1])*a/255, uint32(c[2])*a/255, a)
		}
	default:
		at = func(x, y int) byte {
			r, g, bl, a := img.At(b.Min.X+x, b.Min.Y+y).RGBA()
			return light(r>>8, g>>8, bl>>8, a>>8)
		}
	}
	out := image.NewGray(image.Rect(0, 0, b.Dx(), b.Dy()))
	for y := range b.Dy() {
		row := out.Pix[y*out.Stride:]
		for x := range b.Dx() {
			row[x] = at(x, y)
		}
	}
	return out
}

// light is that of a colour (ITU-R BT.601), premultiplied, on white.
func light(r, g, b, a uint32) byte {
	return byte((299*r+587*g+114*b)/1000 + 255 - a)
}

// paletted looks colours up in a table that is made once.
func paletted(p *image.Paletted, b image.Rectangle) func(x, y int) byte {
	var table [256]byte
	for i, c := range p.Palette {
		r, g, bl, a := c.RGBA()
		table[i] = light(r>>8, g>>8, bl>>8, a>>8)
	}
	return func(x, y int) byte { return table[p.ColorIndexAt(b.Min.X+x, b.Min.Y+y)] }
}

func same(img *image.Gray) *image.Gray { return img }

func inverted(img *image.Gray) *image.Gray {
	out := image.NewGray(img.Bounds())
	for i, p := range img.Pix {
		out.Pix[i] = 255 - p
	}
	return out
}

func half(img *image.Gray) *image.Gray {
	b := img.Bounds()
	return shrink(img, max(b.Dx(), b.Dy())/2)
}

// shrink makes the longer side of a picture at most side points long, each the
// mean of those it stands for.
func shrink(img *image.Gray, side int) *image.Gray {
	b := img.Bounds()
	long := max(b.Dx(), b.Dy())
	if long <= side || side < minSide {
		return img
	}
	w, h := max(1, b.Dx()*side/long), max(1, b.Dy()*side/long)
	out := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		y0, y1 := y*b.Dy()/h, max(y*b.Dy()/h+1, (y+1)*b.Dy()/h)
		for x := range w {
			x0, x1 := x*b.Dx()/w, max(x*b.Dx()/w+1, (x+1)*b.Dx()/w)
			out.SetGray(x, y, color.Gray{Y: mean(img, x0, y0, x1, y1)})
		}
	}
	return out
}

func mean(img *image.Gray, x0, y0, x1, y1 int) byte {
	sum := 0
	for y := y0; y < y1; y++ {
		row := img.Pix[y*img.Stride:]
		for x := x0; x < x1; x++ {
			sum += int(row[x])
		}
	}
	return byte(sum / ((x1 - x0) * (y1 - y0)))
}

// suspicious tells whether a picture holds, in either tone, what the corners of
// codes look like in a row: stripes as wide as 1, 1, 3, 1 and 1, at about the same
// place of several rows. Most pictures do not, and need not be looked at again.
func suspicious(img *image.Gray) bool {
	b := img.Bounds()
	near := make([]int, b.Dx()/16+1)
	for y := 0; y < b.Dy(); y += 2 {
		row := img.Pix[y*img.Stride:][:b.Dx()]
		low, high := byte(255), byte(0)
		for _, p := range row {
			low, high = min(low, p), max(high, p)
		}
		if int(high)-int(low) < 40 {
			continue
		}
		middle := low + (high-low)/2
		var runs [5]int
		at, dark := 0, row[0] <= middle
		for x := 1; x <= len(row); x++ {
			if x < len(row) && (row[x] <= middle) == dark {
				continue
			}
			copy(runs[:], runs[1:])
			runs[4], at, dark = x-at, x, !dark
			if isCorner(runs) {
				near[(x-1)/16]++
			}
		}
	}
	for i, n := range near {
		if i > 0 {
			n += near[i-1]
		}
		if n >= 2 {
			return true
		}
	}
	return false
}

// isCorner compares stripes with 1, 1, 3, 1, 1, as generously as a slanted or
// blurred picture needs.
func isCorner(runs [5]int) bool {
	total := 0
	for _, n := range runs {
		if n == 0 {
			return false
		}
		total += n
	}
	if total < 7 {
		return false
	}
	for i, n := range runs {
		want := total
		if i == 2 {
			want *= 3
		}
		if d := 7*n - want; 10*max(d, -d) > 7*want {
			return false
		}
	}
	return true
}
